# SPDX-License-Identifier: Apache-2.0
"""The real zygote of Python without a launcher and without slots: run by workerhost.Zygote.

Stands in for the extension: fork() is os.fork(), and what the carrier does to descriptors. Orders come on
descriptor 3: b"fork" with three descriptors (channel, stdout, stderr), answered by the pid; b"reap PID",
answered by the wait status.
"""
import array
import os
import socket
import sys
import types

runtime = sys.argv.pop()
sys.path[:] = [runtime] + [p for p in sys.path if p != os.path.dirname(os.path.abspath(__file__))]
if hasattr(sys, "orig_argv"):
    sys.orig_argv = ["python3", runtime + "/zygote.py"]
sock = socket.socket(fileno=3)
fds = array.array("i")
room = socket.CMSG_SPACE(3 * fds.itemsize)


def wait():
    while True:
        message, ancillary, _, _ = sock.recvmsg(64, room)
        if message.startswith(b"reap"):
            sock.send(b"%d" % os.waitpid(int(message[4:]), 0)[1])
            continue
        for _, _, data in ancillary:
            fds.frombytes(data)
        return bool(message)


def fork():
    pid = os.fork()
    if pid == 0:
        channel, out, err = fds
        sock.detach()
        os.dup2(channel, 3)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.closerange(4, 1000)
        return True
    for fd in fds:
        os.close(fd)
    del fds[:]
    sock.send(b"%d" % pid)
    return False


import _evoke  # noqa: E402

_evoke._zygote = sys.modules["_evoke._zygote"] = types.SimpleNamespace(
    open=lambda: None, ready=lambda: sock.send(b"ready"), wait=wait, fork=fork)
from _evoke import zygote  # noqa: E402

sys.path.remove(runtime)
for name in ("array", "socket", "types"):  # ours, not what the zygote finds there
    sys.modules.pop(name)
zygote.main(runtime)
