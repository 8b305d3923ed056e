# SPDX-License-Identifier: Apache-2.0
"""GET functions/.../state: a sentence for every situation, with what to do next, and the figures it comes from."""
import concurrent.futures
import time

import pytest

from evoked import Evoked, deadline
from signing import Client
from test_metrics import OK, PATH, RAISES, deploy, invoke

BREAKS = "import no_such_module\n\ndef handler(event, context):\n    return 1\n"
HANGS = "import time\n\ndef handler(event, context):\n    time.sleep(event.get('s', 60))\n"
EATS = "def handler(event, context):\n    return len(bytearray(1 << 30))\n"
EXITS = "import os\nos._exit(3)\n"


def state(client, name):
    r = client.call("GET", f"/evoke/v1/functions/{PATH}{name}/state")
    assert r.status_code == 200, r.text
    return r.json()


def wait_state(client, name, code):
    for _ in deadline(20):
        s = state(client, name)
        if s["code"] == code:
            return s
        time.sleep(0.02)
    raise AssertionError(f"{code} did not come, it is {s}")


@pytest.fixture(scope="module", params=["root", "user"])
def daemon(request):
    with Evoked(unprivileged=request.param == "user") as e:
        yield e


@pytest.fixture
def client(daemon):
    return Client(daemon)


def test_a_function_without_code(client):
    r = client.call("PUT", f"/evoke/v1/functions/{PATH}empty", {"runtime": "Python3.9", "handler": "index.handler"})
    assert r.status_code in (200, 201), r.text
    s = state(client, "empty")
    assert s["code"] == "no_code" and s["sentence"] == "It has no code yet." and "evoke deploy" in s["next"]


def test_a_runtime_that_is_not_there(client):
    deploy(client, "csharp", OK, runtime="C#(.NET Core 3.1)")
    s = state(client, "csharp")
    assert s["code"] == "no_runtime" and s["state"] in s["sentence"] and "evoke doctor" in s["next"]


def test_never_run_then_warm(client):
    deploy(client, "well", OK)
    s = state(client, "well")
    assert s["code"] == "never_run" and s["instances"] == [] and "evoke invoke well" in s["next"]
    invoke(client, "well")
    invoke(client, "well")
    s = state(client, "well")
    assert s["code"] == "warm" and s["sentence"] == "It is well: 1 warm instance waits for the next invocation."
    assert len(s["instances"]) == 1 and s["runs"] == 2 and s["last_ok_ms"] == s["last_run_ms"] > 0
    i = s["instances"][0]
    assert i["state"] in ("idle", "frozen") and i["runs"] == 2 and i["age_ms"] >= i["idle_ms"] >= 0 and i["memory_bytes"] > 1 << 20
    assert len(s["starts"]) == 1 and s["starts"][0]["ok"] and s["starts"][0]["how"] in ("spare", "zygote", "demand")
    assert s["failures"] == [] and "backoff" not in s


def test_at_work(client):
    deploy(client, "works", HANGS, timeout_ms=30000)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        run = pool.submit(invoke, Client(client.evoke), "works", {"s": 3})
        s = wait_state(client, "works", "busy")
        assert s["running"] == 1 and s["sentence"] == "It is well and at work: 1 running on 1 instance."
        run.result()


def test_the_last_run_failed(client):
    deploy(client, "raises", RAISES)
    r = invoke(client, "raises")
    s = state(client, "raises")
    assert s["code"] == "last_failed" and s["sentence"] == "Its last run failed: ValueError: no."
    assert r.headers["X-Evoke-Request-Id"] in s["next"]
    assert s["failures"][0]["request_id"] == r.headers["X-Evoke-Request-Id"]
    assert s["failures"][0]["outcome"] == "error" and s["failures"][0]["message"] == "ValueError: no"
    deploy(client, "raises", OK)
    invoke(client, "raises")
    s = state(client, "raises")
    assert s["code"] == "warm" and len(s["failures"]) == 1  # told, and no longer judged


def test_a_load_that_fails_is_told_with_its_error_and_then_held_back(client):
    deploy(client, "breaks", BREAKS)
    invoke(client, "breaks")
    s = state(client, "breaks")
    assert s["code"] == "start_failed" and "No module named 'no_such_module'" in s["sentence"], s
    assert not s["starts"][0]["ok"] and s["starts"][0]["outcome"] == "init_error" and s["backoff"] == {"failures": 1, "retry_ms": 0}
    invoke(client, "breaks")
    invoke(client, "breaks")
    s = state(client, "breaks")
    assert s["code"] == "backing_off" and "3 starts in a row failed" in s["sentence"] and "The next is tried in" in s["sentence"]
    assert s["backoff"]["failures"] == 3 and 0 < s["backoff"]["retry_ms"] <= 1000
    assert "a new deployment is tried at once" in s["next"]
    deploy(client, "breaks", OK)
    s = state(client, "breaks")
    assert s["code"] == "idle" or s["code"] == "never_run", s
    invoke(client, "breaks")
    assert state(client, "breaks")["code"] == "warm"


def test_a_process_that_ends_while_it_loads(client):
    deploy(client, "exits", EXITS)
    invoke(client, "exits")
    s = state(client, "exits")
    assert s["code"] == "start_failed" and "exit code 3" in s["sentence"], s


def test_timeouts_again_and_again(client):
    deploy(client, "slow", HANGS, timeout_ms=1000 * 3)
    invoke(client, "slow")
    s = state(client, "slow")
    assert s["code"] == "last_failed" and "did not end within its timeout of 3.0 s" in s["sentence"]
    invoke(client, "slow")
    s = state(client, "slow")
    assert s["code"] == "timeouts" and "2 of its last runs" in s["sentence"] and "timeout_ms" in s["next"]
    assert s["timeouts"] == 2 and [f["outcome"] for f in s["failures"]] == ["timeout", "timeout"]


def test_memory_that_runs_out_again_and_again(daemon, client):
    if daemon.unprivileged:
        pytest.skip("without a cgroup of its own memory is not taken away by the kernel")
    deploy(client, "eats", EATS, memory_mb=128)
    outcomes = {invoke(client, "eats").headers["X-Evoke-Outcome"] for _ in range(2)}
    s = state(client, "eats")
    if outcomes != {"memory"}:
        pytest.skip(f"this host does not enforce memory: {outcomes}")
    assert s["code"] == "out_of_memory" and "128 MB of memory 2 times" in s["sentence"] and "memory_mb" in s["next"]


def test_who_is_unknown_has_no_state(client):
    assert client.call("GET", f"/evoke/v1/functions/{PATH}nobody/state").status_code == 404


def test_too_much_at_once(evoke_factory):
    daemon = evoke_factory("--instances", "1", "--waiting", "1")
    client = Client(daemon)
    deploy(client, "narrow", HANGS, timeout_ms=60000)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        runs = []
        for seconds in (4, 0):  # the second waits for the first
            runs.append(pool.submit(Client(daemon).call, "POST", f"/evoke/v1/functions/{PATH}narrow/invoke", {"s": seconds}))
            for _ in deadline(20):
                s = state(client, "narrow")
                if s["running"] + s["waiting"] == len(runs):
                    break
        s = wait_state(client, "narrow", "queueing")
        assert "1 invocation waits for an instance" in s["sentence"] and "--instances" in s["next"]
        assert client.call("POST", f"/evoke/v1/functions/{PATH}narrow/invoke", {"s": 0}).status_code == 429
        s = state(client, "narrow")
        assert s["code"] == "limited" and "waiting already" in s["sentence"] and s["throttled"] == 1, s
        assert s["failures"][0]["outcome"] == "throttled"
        assert [r.result().status_code for r in runs] == [200, 200]
