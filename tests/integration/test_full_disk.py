# SPDX-License-Identifier: Apache-2.0
"""The disk below the whole data directory is full: functions run on, it is said aloud, and nothing is damaged when there is room again."""
import json
import os
import subprocess

import pytest
from evoked import deadline
from signing import Client

SAYS = "def handler(event, context):\n    print(event.get('say', ''))\n    return 'ran'\n"


def audit(e):
    p = e.run("audit", "--output", "json")
    assert p.returncode == 0, p.stderr
    return [json.loads(line) for line in p.stdout.splitlines()]


def fill(path):
    """Every byte there is."""
    with open(path, "wb", buffering=0) as f:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    f.write(b"x" * size)
            except OSError:
                pass


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")
@pytest.mark.parametrize("crash", [False, True])
def test_functions_run_on_and_nothing_is_damaged(evoke_factory, open_path, crash):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=755", "none", str(open_path)], check=True)
    e = None
    try:
        e = evoke_factory(data_dir=open_path)
        e.allow("No space left on device", "disk", "space", "daemon .*signal 9", "killed")
        client = Client(e)
        assert client.create("before", SAYS).status_code == 200
        assert client.invoke("before", b'{"say":"there was room"}').status_code == 200
        key = e.run("key", "add", "old", "--scope", "read", "--output", "json")
        assert key.returncode == 0, key.stderr
        filler = open_path / "filler"
        fill(filler)
        # Whatever must be written is refused, in words; whatever runs, runs.
        for _ in range(30):
            r = client.invoke("before", json.dumps({"say": "x" * 3000}).encode())
            assert (r.status_code, r.text) == (200, "ran")
        r = client.create("during", SAYS + "#" * 5000)
        assert r.status_code >= 500, r.text
        p = e.run("key", "add", "new", "--scope", "read")
        assert p.returncode == 70 and "No space left on device" in p.stderr, (p.returncode, p.stderr)
        p = e.run("backup", "-")
        assert p.returncode not in (0, 2), (p.returncode, p.stderr)
        for _ in deadline(20):
            ready = e.get("/readyz")
            if ready.status_code == 503:
                break
        assert ready.status_code == 503, ready.text
        assert e.get("/healthz").status_code == 200
        if crash:
            start = len(e.log)
            os.kill(e.pids()["daemon"], 9)
        filler.unlink()
        if crash:
            e.wait_log("ready|listening|started", start=start)
        for _ in deadline(40):
            ready = e.get("/readyz")
            if ready.status_code == 200:
                break
        assert ready.status_code == 200, ready.text
        # What was refused is not there, what was there is, and what is new is kept.
        keys = json.loads(e.run("key", "show", "--output", "json").stdout)["keys"]
        assert [k["name"] for k in keys if not k["root"]] == ["old"]
        assert e.run("get", "during").returncode == 3
        assert client.create("after", SAYS).status_code == 200
        assert client.invoke("after").status_code == 200
        client.invoke("before", b'{"say":"there is room again"}')
        text = e.run("logs", "before").stdout
        assert "there was room" in text and "there is room again" in text
        records = audit(e)
        assert [r["sequence"] for r in records] == list(range(1, len(records) + 1))
        assert e.run("backup", str(open_path / "b.tar")).returncode == 0
        e.stop(expect_code=0)
        again = evoke_factory(data_dir=open_path)
        assert Client(again).invoke("before").status_code == 200
        again.stop()
    finally:
        if e:
            e.kill()
        subprocess.run(["umount", "-l", str(open_path)], check=True)
