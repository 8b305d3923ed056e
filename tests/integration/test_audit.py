# SPDX-License-Identifier: Apache-2.0
"""The audit trail: every call of the control plane, there after kill -9, bounded, loud when it cannot be written."""
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import threading

import pytest

from evoked import deadline
from signing import PROJECT, Client, urn

ECHO = "def handler(event, context):\n    return event\n"
KEY = f"functiongraph/{PROJECT}/local-1/default/"


def audit(e, *options):
    p = e.run("audit", "--output", "json", *options)
    assert p.returncode == 0, p.stderr
    return [json.loads(line) for line in p.stdout.splitlines()]


def wait_audit(e, wanted, *options):
    """Refusals are not waited for by their answers: the trail has them a moment later."""
    for _ in deadline(10):
        found = audit(e, *options)
        if wanted(found):
            return found
    raise AssertionError(f"not in the trail: {audit(e)}")


def test_what_changes_is_recorded_and_what_reads_or_runs_is_not(evoke):
    client = Client(evoke)
    made = client.create("one", ECHO)
    assert made.status_code == 200
    assert client.fg("GET", "/functions").status_code == 200
    assert client.invoke("one").status_code == 200
    assert client.delete("one").status_code == 204
    assert client.delete("one").status_code == 404
    assert evoke.run("status").returncode == 0

    records = audit(evoke)
    assert [(r["op"], r["status"]) for r in records] == [("CreateFunction", 200), ("DeleteFunction", 204), ("DeleteFunction", 404)]
    assert [r["sequence"] for r in records] == [1, 2, 3]
    first = records[0]
    assert first["api"] == "functiongraph" and first["who"] == evoke.access_key
    assert first["address"].startswith("127.0.0.1:") and first["request_id"] and first["took_ms"] >= 0
    assert [r["object"] for r in records] == [KEY + "one"] * 3
    assert audit(evoke, "--op", "Delete*", "--result", "failed") == [records[2]]
    assert audit(evoke, "--who", evoke.access_key) == records
    assert audit(evoke, "--who", "somebody") == []
    assert audit(evoke, "--since", "1h") == records and audit(evoke, "--until", "1h") == []


def test_refused_calls_of_all_apis_are_recorded_without_secrets(evoke):
    secret = "very-secret-token"
    assert Client(evoke, secret="wrong").fg("DELETE", f"/functions/{urn('x')}", query=f"token={secret}").status_code == 401
    assert Client(evoke, access="AKNOBODY", secret="wrong").fg("GET", "/functions").status_code == 401
    assert evoke.get("/evoke/v1/functions", headers={"Authorization": secret}).status_code == 401
    refused = evoke.get("/2016-08-15/services/s/functions", headers={"Authorization": secret})
    assert refused.status_code >= 400

    records = wait_audit(evoke, lambda found: len(found) >= 3, "--result", "denied")
    assert {r["api"] for r in records} >= {"functiongraph", "admin"}
    claimed = [r for r in records if r["op"] == "DeleteFunction"]
    assert [r["who"] for r in claimed] == [evoke.access_key]
    assert {r["who"] for r in records if r["op"] != "DeleteFunction"} == {""}
    text = b"".join(p.read_bytes() for p in (evoke.data_dir / "audit").iterdir())
    assert secret.encode() not in text and b"wrong" not in text


def test_all_records_reads_too_but_not_itself(evoke_factory):
    e = evoke_factory("--audit", "all")
    assert Client(e).fg("GET", "/functions").status_code == 200
    assert [r["op"] for r in wait_audit(e, lambda found: found)] == ["ListFunctions"]
    assert [r["op"] for r in audit(e)] == ["ListFunctions"]


def test_off_records_nothing(evoke_factory):
    e = evoke_factory("--audit", "off")
    Client(e).create("one", ECHO)
    assert audit(e) == []


def test_what_is_recorded_changes_with_a_reload(evoke_factory, open_path):
    config = open_path / "evoke.yaml"
    config.write_text("audit: off\n")
    e = evoke_factory("--config", str(config))
    client = Client(e)
    client.create("unseen", ECHO)
    config.write_text("audit: all\naudit-full: refuse\naudit-size: 8\naudit-age: 7\ntrace-ratio: 0.5\n")
    e.process.send_signal(signal.SIGHUP)
    line = e.wait_log('msg="reloaded: [^"]*"').group(0)
    assert line == 'msg="reloaded: audit all, audit-full refuse, audit-size 8, audit-age 7, trace-ratio 0.5"'
    assert client.fg("GET", "/functions").status_code == 200
    assert [r["op"] for r in wait_audit(e, lambda found: found)] == ["ListFunctions"]


def test_a_follower_hears_of_a_call_at_once_and_survives_a_restart(evoke):
    client = Client(evoke)
    env = {"PATH": os.environ["PATH"], "EVOKE_ENDPOINT": evoke.url, "EVOKE_ACCESS_KEY": evoke.access_key,
           "EVOKE_SECRET_KEY": evoke.secret_key}
    p = subprocess.Popen([str(evoke.program), "audit", "-f", "--output", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, env=env)
    seen = []
    came = threading.Condition()

    def read():
        for line in p.stdout:
            with came:
                seen.append(json.loads(line))
                came.notify_all()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert client.create("one", ECHO).status_code == 200
        with came:
            assert came.wait_for(lambda: seen, 20)
        os.kill(evoke.pids()["daemon"], signal.SIGKILL)
        evoke.allow("daemon was ended by signal 9")
        for _ in deadline(20):
            try:
                if client.delete("one").status_code in (204, 404):
                    break
            except OSError:
                client = Client(evoke)
        with came:
            assert came.wait_for(lambda: any(r["op"] == "DeleteFunction" for r in seen), 20)
        p.send_signal(signal.SIGINT)
        assert p.wait(20) == 130
    finally:
        p.kill()
        p.wait()
        reader.join(20)
    assert [r["sequence"] for r in seen] == list(range(1, len(seen) + 1))


@pytest.mark.parametrize("round_", range(3))
def test_kill_9_loses_no_record_of_an_acknowledged_change(evoke, round_):
    """Eight clients change things as fast as they can; the daemon dies in the middle; whatever was answered is in the trail."""
    evoke.allow("daemon was ended by signal 9")
    acknowledged, stop = set(), threading.Event()
    enough = threading.Semaphore(0)

    def change(i):
        client, n = Client(evoke), 0
        while not stop.is_set():
            n += 1
            try:
                r = client.delete(f"f{i}x{n}")  # there is none: 404 changes nothing; so make one every other time
                made = client.create(f"f{i}x{n}", ECHO)
            except OSError:
                return
            if made.status_code == 200:
                acknowledged.add(made.headers["X-Request-Id"])
                enough.release()
            del r

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        work = [pool.submit(change, i) for i in range(8)]
        for _ in range(20 + 15 * round_):
            assert enough.acquire(timeout=30)
        os.kill(evoke.pids()["daemon"], signal.SIGKILL)
        stop.set()
        for w in work:
            w.result(60)
    evoke.wait_log("daemon was ended by signal 9")
    for _ in deadline(20):
        if evoke.run("status").returncode == 0:
            break
    records = audit(evoke)
    assert acknowledged <= {r["request_id"] for r in records}
    assert [r["sequence"] for r in records] == list(range(1, len(records) + 1))


def test_the_trail_stays_within_its_size(evoke_factory):
    e = evoke_factory("--audit-size", "1", "--audit", "all")
    client = Client(e)
    path = e.data_dir / "audit"
    assert client.fg("GET", "/functions/" + "x" * 600).status_code in (400, 404)  # not an operation: not recorded
    long = "/functions/" + urn("y" * 60) + "/config"
    for _ in range(4000):
        client.fg("GET", long, query="a=" + "b" * 400)
    first = audit(e)[0]["sequence"]
    assert sum(p.stat().st_size for p in path.iterdir()) <= (1 << 20) + 65536
    assert first > 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")
@pytest.mark.parametrize("full", ["go-on", "refuse"])
def test_a_full_disk_is_loud_and_loses_nothing(evoke_factory, open_path, full):
    evoke_factory(data_dir=open_path).end()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "none", str(open_path / "audit")], check=True)
    e = None
    try:
        e = evoke_factory("--audit-full", full, data_dir=open_path)
        client = Client(e)
        assert client.create("one", ECHO).status_code == 200
        filler = open_path / "audit" / "filler"
        filler.write_bytes(b"")
        with open(filler, "wb", buffering=0) as f, pytest.raises(OSError):
            while True:
                f.write(b"x" * 4096)
        e.allow("the audit trail cannot be written: No space left on device")
        for i in range(100):  # until the segment's page is full
            client.create(f"n{i}", ECHO)
            if "audit trail cannot be written" in e.log_text():
                break
        e.wait_log("cannot be written: No space left on device; " + {"go-on": "changes go on", "refuse": "changes are refused"}[full])
        ready = e.get("/readyz")
        assert ready.status_code == 503 and "audit" in ready.text
        answer = client.create("while-full", ECHO)
        assert answer.status_code == (200 if full == "go-on" else 503), answer.text
        filler.unlink()
        e.wait_log("the audit trail is written again")
        assert e.get("/readyz").status_code == 200
        records = audit(e)
        assert [r["sequence"] for r in records] == list(range(1, len(records) + 1))
        if full == "go-on":
            assert answer.headers["X-Request-Id"] in {r["request_id"] for r in records}
        assert client.create("after", ECHO).status_code == 200
        e.stop()
    finally:
        if e:
            e.kill()
        subprocess.run(["umount", "-l", str(open_path / "audit")], check=True)


@pytest.mark.parametrize("query,why", [("limit=0", "limit: '0' is not a whole number from 1 to 10000"), ("limit=10001", "limit"),
                                       ("after=-1", "after"), ("wait_ms=30001", "wait_ms"), ("result=maybe", "result: 'maybe'"),
                                       ("since_ms=x", "since_ms"), ("who=" + "a" * 256, "who: more than 255 bytes")])
def test_questions_that_make_no_sense_are_refused(evoke_shared, query, why):
    r = Client(evoke_shared).call("GET", "/evoke/v1/audit", query=query)
    assert r.status_code == 400 and why in r.json()["error"]["message"]


def test_the_table_is_for_people(evoke_shared):
    client = Client(evoke_shared)
    client.create("table", ECHO)
    client.delete("table")
    p = evoke_shared.run("audit", "--op", "DeleteFunction")
    line = p.stdout.splitlines()[-1]
    assert "  204  " in line and "DeleteFunction" in line and "127.0.0.1:" in line
    p = evoke_shared.run("audit", "-f", "--until", "1h")
    assert p.returncode == 2 and "--follow has no end" in p.stderr
    assert pathlib.Path(evoke_shared.data_dir / "audit").stat().st_mode & 0o077 == 0
