# SPDX-License-Identifier: Apache-2.0
"""The pool with everything real: bursts and updates, several requests in one process, frost, backoff, memory.

What needs a worker that lies or a clock is in tests/unit/pool.
"""
import base64
import concurrent.futures
import json
import os

import pytest

from evoked import Evoked, deadline
from signing import Client, urn

REVISION = """
def handler(event, context):
    return "%s"
"""

TOGETHER = """
import threading, time
here, most, lock = 0, 0, threading.Lock()

def handler(event, context):
    global here, most
    with lock:
        here += 1
        most = max(most, here)
    if event.get("hang"):
        while True:
            time.sleep(1)
    until = time.monotonic() + 5
    while most < event["together"] and time.monotonic() < until:
        time.sleep(0.002)
    with lock:
        here -= 1
    return {"most": most}
"""


@pytest.fixture(scope="module", params=["root", "user"])
def daemon(request):
    with Evoked("--freeze-after", "50", unprivileged=request.param == "user") as e:
        yield e


@pytest.fixture
def client(daemon):
    return Client(daemon)


def counts(daemon):
    return json.loads(daemon.run("status", "--output", "json").stdout)["instances"]


def sandbox(daemon):
    return json.loads(daemon.run("status", "--output", "json").stdout)["sandbox"]


def create(client, name, source, **fields):
    client.delete(name)
    r = client.create(name, source, **fields)
    assert r.status_code == 200, r.text


def update(client, name, source):
    body = {"code_type": "inline", "code_filename": "index.py",
            "func_code": {"file": base64.b64encode(source.encode()).decode()}}
    r = client.fg("PUT", f"/functions/{urn(name)}/code", body)
    assert r.status_code == 200, r.text


def result(answer):
    """What the function returned."""
    assert answer.status_code == 200 and "errorType" not in answer.text, answer.text
    return answer.text.strip('"')


def test_200_at_once_on_a_cold_function_and_an_update_in_the_middle(daemon, client):
    create(client, "burst", REVISION % "old", strategy_config={"concurrency": 100, "concurrent_num": 1})
    with concurrent.futures.ThreadPoolExecutor(100) as many:
        before = [many.submit(lambda: result(Client(daemon).invoke("burst"))) for _ in range(200)]
        for _ in deadline(20):
            if counts(daemon)["starting"] + counts(daemon)["busy"] + counts(daemon)["idle"] > 0:
                break
        update(client, "burst", REVISION % "new")
        after = [many.submit(lambda: result(Client(daemon).invoke("burst"))) for _ in range(50)]
        assert {f.result(60) for f in before} <= {"old", "new"}
        assert {f.result(60) for f in after} == {"new"}
    client.delete("burst")


def test_requests_share_a_process(daemon, client):
    create(client, "together", TOGETHER, strategy_config={"concurrency": 1, "concurrent_num": 10})
    with concurrent.futures.ThreadPoolExecutor(10) as many:
        answers = [many.submit(lambda: result(Client(daemon).invoke("together", b'{"together": 10}')))
                   for _ in range(10)]
        assert max(json.loads(f.result(60))["most"] for f in answers) == 10
    client.delete("together")


def test_one_of_ten_hangs_while_nine_answer(daemon, client):
    create(client, "hang", TOGETHER, timeout=3, strategy_config={"concurrency": 1, "concurrent_num": 10})
    with concurrent.futures.ThreadPoolExecutor(10) as many:
        hung = many.submit(lambda: Client(daemon).invoke("hang", b'{"hang": true}'))
        answers = [many.submit(lambda: result(Client(daemon).invoke("hang", b'{"together": 2}'))) for _ in range(9)]
        assert all(json.loads(f.result(60))["most"] >= 2 for f in answers)
        assert "InvocationTimedOut" in hung.result(60).text
    assert json.loads(result(client.invoke("hang", b'{"together": 1}')))["most"] == 1  # another process
    client.delete("hang")


def test_an_idle_instance_is_frozen_where_there_is_a_freezer_and_serves_again(daemon, client):
    freezer = sandbox(daemon)["freezer"]
    assert freezer or daemon.unprivileged or os.geteuid() != 0
    create(client, "frost", REVISION % "warm")
    assert "warm" in result(client.invoke("frost"))
    for _ in deadline(20):
        if not freezer or counts(daemon)["frozen"] > 0:
            break
    else:
        raise AssertionError(f"not frozen: {counts(daemon)}")
    starts = counts(daemon)["starts"]
    assert "warm" in result(client.invoke("frost"))
    assert counts(daemon)["starts"] == starts
    client.delete("frost")  # and it can be killed: the module's end looks for what is left
    for _ in deadline(20):
        if counts(daemon)["idle"] == 0:
            break
    else:
        raise AssertionError(f"still there: {counts(daemon)}")


def test_starts_that_fail_again_and_again_back_off_and_say_so(daemon, client):
    create(client, "sick", "raise SystemExit(7)\n")
    for _ in range(3):
        assert "evoke:" not in log_of(client.invoke("sick"))
    starts = counts(daemon)["starts"]
    answer = client.invoke("sick")
    assert counts(daemon)["starts"] == starts
    assert "the last 3 starts failed" in log_of(answer), log_of(answer)
    assert counts(daemon)["backing_off"] == 1
    update(client, "sick", REVISION % "well")
    assert "well" in result(client.invoke("sick"))
    client.delete("sick")


def log_of(answer):
    return base64.b64decode(answer.headers.get("X-Cff-Function-Log", "")).decode("utf-8", "replace")


def test_out_of_memory_is_told_with_the_instance(daemon, client):
    create(client, "hog", "def handler(event, context):\n    x = []\n    while True:\n        x.append(bytearray(1 << 22))\n")
    answer = client.invoke("hog")
    if sandbox(daemon)["memory"].startswith("cgroup"):
        assert "MemoryLimitExceeded" in answer.text
        assert "ran out of its 128 MB of memory" in log_of(answer), answer.text
    else:  # per process: the interpreter is refused memory, and says so itself
        assert answer.headers["X-Is-Func-Err"] == "true" and "MemoryError" in answer.text
    client.delete("hog")


def test_reserved_instances_are_ready_without_a_request_and_after_a_restart():
    with Evoked() as e:
        e.allow("daemon", "launcher")  # one of them is killed below
        client = Client(e)
        create(client, "reserved", REVISION % "here")
        r = client.fg("PUT", f"/functions/{urn('reserved')}/reservedinstances", {"count": 2})
        assert r.status_code == 200, r.text
        for _ in deadline(20):
            if counts(e)["idle"] == 2:
                break
        before = e.pids()["daemon"]
        os.kill(before, 9)
        for _ in deadline(30):
            status = e.run("status", "--output", "json")
            if status.returncode == 0 and e.pids().get("daemon") != before:
                i = json.loads(status.stdout)["instances"]
                if i["idle"] == 2 and i["runs"] == 0:
                    break
        assert "here" in result(client.invoke("reserved"))
