# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of escape_table.py where nothing stands in their way: as root, each in namespaces that take its changes along.

usage: escape_outside.py PROBE.so <{name: [program, own network?]} >{name: verdict}
"""
import ctypes
import json
import os
import sys

NEWNS, NEWUTS, NEWIPC, NEWNET, REC_PRIVATE = 0x20000, 0x4000000, 0x8000000, 0x40000000, 0x4000 | 0x40000


def attempt(probe, program, net):
    """The verdict, told by a child that has namespaces of its own."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        verdict = ctypes.create_string_buffer(1024)
        if libc.unshare(NEWNS | NEWUTS | NEWIPC | (NEWNET if net else 0)) or libc.mount(None, b"/", None, REC_PRIVATE, None):
            verdict.value = b"no namespaces: " + os.strerror(ctypes.get_errno()).encode()
        else:
            probe.probe_run(program.encode(), verdict, len(verdict))
        os.write(write_end, verdict.value)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as f:
        said = f.read().decode("utf-8", "replace")
    os.waitpid(pid, 0)
    return said


def main():
    probe = ctypes.CDLL(sys.argv[1])
    json.dump({name: attempt(probe, *program) for name, program in json.load(sys.stdin).items()}, sys.stdout)


if __name__ == "__main__":
    main()
