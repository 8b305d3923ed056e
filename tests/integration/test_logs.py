# SPDX-License-Identifier: Apache-2.0
"""`evoke logs` and the daemon's log store together: what functions print, found again, whatever it is and whatever happens."""
import base64
import json
import os
import re
import subprocess

import pytest
from evoked import deadline
from signing import Client
from terminal import Terminal

SAYS = '''
import sys

def handler(event, context):
    sys.stdout.buffer.write(bytes.fromhex(event.get("hex", "")))
    print(event.get("say", ""))
    if event.get("fail"):
        raise KeyError("as asked")
    return "said"
'''


def environment(e):
    return {"PATH": os.environ["PATH"], "EVOKE_ENDPOINT": e.url, "EVOKE_ACCESS_KEY": e.access_key, "EVOKE_SECRET_KEY": e.secret_key}


def logs(e, *args):
    return subprocess.run([e.program, "logs", *args], env=environment(e), capture_output=True, timeout=60, check=False)


def records(e, *args):
    done = logs(e, *args, "--output", "json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]


def text_of(record):
    return base64.b64decode(record["base64"]) if "base64" in record else record.get("text", "").encode()


def wait_records(e, n, *args):
    """Until that many runs are found; they are written a moment after they ended."""
    for _ in deadline(20):
        found = [r for r in records(e, *args) if "end" in r]
        if len(found) >= n:
            return found
    raise AssertionError(f"{len(found)} records, not {n}")


def say(e, name, **event):
    r = Client(e).invoke(name, json.dumps(event).encode())
    return r.headers["X-Cff-Request-Id"]


@pytest.fixture
def speaker(evoke_shared):
    """A function of the test's own."""
    speaker.n = getattr(speaker, "n", 0) + 1
    name = f"speaker{speaker.n}"
    assert Client(evoke_shared).create(name, SAYS).status_code == 200
    return name


def test_every_byte_a_function_prints_is_kept(evoke_shared, speaker):
    e = evoke_shared
    every = bytes(range(256))
    for printed in (every, b"\xff\xfe", "grüße 日本\n".encode(), b"\x1b]0;title\x07\x1b[2J", b"nul \0 inside"):
        request = say(e, speaker, hex=printed.hex())
        (record,) = wait_records(e, 1, speaker, "--request", request)
        assert printed in text_of(record)
        assert printed in b"".join(line.split(b" ", 2)[-1] + b"\n" for line in logs(e, speaker, "--request", request).stdout.split(b"\n"))
        with Terminal([e.program, "logs", speaker, "--request", request], env=environment(e)) as t:
            assert t.wait() == 0
            plain = re.sub(rb"\x1b\[[0-9;]*m", b"", bytes(t.raw)).replace(b"\r\n", b"")
        assert not [b for b in plain if b < 32 and b != 9] and 0x7f not in plain


def test_runs_are_found_by_how_they_ended_and_what_they_said(evoke_shared, speaker):
    e = evoke_shared
    good, bad = say(e, speaker, say="red apple"), say(e, speaker, say="green apple", fail=True)
    wait_records(e, 2, speaker)
    assert [r["request_id"] for r in records(e, speaker, "--status", "ok")] == [good]
    assert [r["request_id"] for r in records(e, speaker, "--status", "error")] == [bad]
    assert records(e, speaker, "--status", "timeout") == []
    assert [r["request_id"] for r in records(e, speaker, "--tail", "1")] == [bad]
    found = logs(e, speaker, "--grep", "^(red|green) apple$").stdout.decode().splitlines()
    assert [line.split(" ", 2)[2] for line in found] == ["red apple", "green apple"]
    assert b"as asked" in logs(e, speaker, "--request", bad).stdout
    assert b"= error" in logs(e, speaker, "--request", bad).stdout
    assert records(e, speaker, "--since", "1h") == records(e, speaker) and records(e, speaker, "--until", "1h") == []
    assert records(e, speaker, "--version", "latest") == records(e, speaker) and records(e, speaker, "--version", "v7") == []
    assert {r["function"].rpartition("/")[2] for r in records(e, "--all", "--request", good)} == {speaker}


@pytest.mark.parametrize("expression,offset", [("(", 1), ("a[", 2), ("ab{2,1}", 6), ("*", 0)])
def test_a_wrong_expression_is_refused_where_it_is_wrong(evoke_shared, speaker, expression, offset):
    done = logs(evoke_shared, speaker, "--grep", expression)
    assert done.returncode == 2 and done.stdout == b""
    assert f"offset {offset} " in done.stderr.decode()


def test_wrong_keys_and_names(evoke_shared, speaker):
    e = evoke_shared
    for env in ({"EVOKE_SECRET_KEY": "wrong"}, {"EVOKE_ACCESS_KEY": "AKNOBODY"}):
        for follow in ([], ["-f"]):
            p = e.run("logs", speaker, *follow, env=env)
            assert (p.returncode, p.stdout) == (4, "")
    for name in ("speakre", "functiongraph/local/local-1/default/nobody"):
        for follow in ([], ["-f"]):
            p = e.run("logs", name, *follow)
            assert (p.returncode, p.stdout) == (3, "") and "there is no function" in p.stderr
    p = e.run("logs", speaker, env={"EVOKE_ENDPOINT": "http://127.0.0.1:1"})
    assert p.returncode == 7


def test_logs_outlive_the_daemon_and_the_function(open_path, evoke_factory):
    e = evoke_factory(data_dir=open_path)
    client = Client(e)
    assert client.create("mortal", SAYS).status_code == 200
    say(e, "mortal", say="before the restart")
    wait_records(e, 1, "mortal")
    e.end()
    e = evoke_factory(data_dir=open_path)
    say(e, "mortal", say="after the restart")
    found = wait_records(e, 2, "mortal")
    assert [re.search(r"\w+ the restart", r["text"]).group() for r in found] == ["before the restart", "after the restart"]
    whole = found[0]["function"]
    assert Client(e).delete("mortal").status_code == 204
    assert [r for r in records(e, whole) if "end" in r] == found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_loses_lines_aloud_and_nothing_else(open_path, evoke_factory):
    evoke_factory(data_dir=open_path).end()  # makes the directory
    small = open_path / "logs"
    own = small.stat()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=1m,mode=755,uid={own.st_uid},gid={own.st_gid}", "small", small], check=True)
    try:
        e = evoke_factory(data_dir=open_path)
        e.allow("logs", "No space left on device")
        assert Client(e).create("chatty", SAYS).status_code == 200
        say(e, "chatty", say="while there was room")
        wait_records(e, 1, "chatty")
        line = "x" * 40000
        for i in range(60):
            say(e, "chatty", say=f"run {i} {line}")
        for _ in deadline(20):
            found = records(e, "chatty")
            if any("gap" in r for r in found):
                break
        done = logs(e, "chatty")
        assert done.returncode == 0 and b"while there was room" in done.stdout
        assert b"evoke: missing here: " in done.stderr and b": the disk was full" in done.stderr
        # There is room again: what is said now is kept, and the function never noticed.
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        for _ in deadline(30):
            say(e, "chatty", say="there is room again")
            kept = b"there is room again" in logs(e, "chatty").stdout
            if kept:
                break
        assert kept
        e.end()
    finally:
        subprocess.run(["umount", "-l", small], check=True)
