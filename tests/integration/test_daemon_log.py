# SPDX-License-Identifier: Apache-2.0
"""The program's own log: forms, levels per component, and the fields journald gets."""
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import textwrap

import pytest

from evoked import BUILD, Evoked, deadline

PROCESSES = {"keeper", "launcher", "daemon"}


def serve(*options, env=None):
    return subprocess.run([str(BUILD / "evoke"), "serve", "--data", "/nonexistent/x", *options], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], **(env or {})}, timeout=30, check=False)



def test_all_processes_write_json_lines(evoke_factory):
    e = evoke_factory("--log-format", "json", "--log-level", "info")
    e.wait_log(r'"msg":"network ')
    said = [json.loads(line) for line in e.log_text().splitlines()]
    assert {line["process"] for line in said} == PROCESSES
    for line in said:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"])
        assert line["level"] == "info" and line["component"] and line["msg"]


def test_levels_of_components_reach_every_process(evoke_factory):
    e = evoke_factory("--log-level", "err,keeper=info")
    e.stop()
    lines = e.log_text_closed().splitlines()
    assert lines and all("component=keeper" in line for line in lines), lines


@pytest.mark.parametrize("options,env,why", [
    (["--log-level", "loud"], {}, "log-level: 'loud' is not err, warn, info or debug"),
    (["--log-level", "info,pool=loud"], {}, "log-level: 'loud' is not err, warn, info or debug"),
    ([], {"EVOKE_LOG_LEVEL": "info,Pool=debug"}, "log-level: 'Pool' is no component: 1 to 23 of a-z, 0-9, - and _"),
    (["--log-format", "xml"], {}, "log-format: 'xml' is not logfmt or json"),
])
def test_wrong_words_are_told_before_anything_starts(options, env, why):
    done = serve(*options, env=env)
    assert done.returncode == 2
    assert why in done.stderr


def fields_of(datagram):
    """The native protocol, read by its document: KEY=value, or KEY, newline, u64 little endian, bytes."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        if b"=" in line:
            key, _, value = line.partition(b"=")
        else:
            key, (n,) = line, struct.unpack("<Q", rest[:8])
            value, rest = rest[8:8 + n], rest[9 + n:]
        fields[key.decode()] = value.decode()
        datagram = rest
    return fields


# In a mount namespace of its own: /run/systemd/journal is ours there, and stderr is the stream JOURNAL_STREAM names.
UNDER_JOURNAL = textwrap.dedent("""
    import os, subprocess, sys
    s = os.fstat(2)
    os.environ["JOURNAL_STREAM"] = f"{s.st_dev}:{s.st_ino}"
    os.execv(sys.argv[1], sys.argv[1:])
""")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a mount namespace")
def test_under_journald_every_process_sends_fields(open_path):
    data = open_path / "data"
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind(str(open_path / "socket"))
    (open_path / "socket").chmod(0o777)
    journal.settimeout(20)
    setup = ("mkdir -p /run/systemd && mount -t tmpfs -o mode=755 none /run/systemd && mkdir /run/systemd/journal && "
             f'touch /run/systemd/journal/socket && mount --bind {open_path}/socket /run/systemd/journal/socket && exec "$0" "$@"')
    with open(open_path / "stream", "wb") as stream:
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", setup, sys.executable, "-c", UNDER_JOURNAL,
             str(BUILD / "evoke"), "serve", "--data", str(data), "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stream, cwd="/",
            env={"PATH": os.environ["PATH"], "EVOKE_ACCESS_KEY": "AKTEST0000000000", "EVOKE_SECRET_KEY": "sk-test"})
    said = []
    try:
        for _ in deadline(30):
            said.append(fields_of(journal.recv(65536)))
            if {s["EVOKE_PROCESS"] for s in said} == PROCESSES and any("ready: " in s["MESSAGE"] for s in said):
                break
        process.terminate()
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        journal.close()
    assert {s["EVOKE_PROCESS"] for s in said} == PROCESSES
    for s in said:
        assert s["SYSLOG_IDENTIFIER"] == "evoke" and s["PRIORITY"] == "6" and s["EVOKE_COMPONENT"]
    assert "level=info" not in pathlib.Path(open_path / "stream").read_text(), "told twice"
