# SPDX-License-Identifier: Apache-2.0
"""How events are delivered: order of tries, whose turn it is, what a full queue says, what an end of the daemon does to them.
Effects are seen in the function's own FIFO (producers.py); time is moved (clock.py). Storms of kills: test_delivery_kills.py."""
import http.server
import json
import os
import signal
import threading

import pytest

from clock import Clock
from events import Events, key, named
from evoked import deadline
from producers import Admin, Producers, Sink
from signing import Client, urn

HOUR = 3_600_000


@pytest.fixture
def timed(evoke_factory, open_path):
    """A daemon and its clock, which stands."""
    clock = Clock(open_path / "clock")
    clock.scale(0)
    return evoke_factory(clock=clock), clock


def put(events, n=0, **event):
    return events.put({"n": n, **event})


def until(evoke, done, seconds=30):
    for _ in deadline(seconds):
        if done():
            return
        evoke.read_log(0.02)
    raise AssertionError("it did not come to that:\n" + evoke.log_text()[-4000:])


# ---- tries ----

def test_a_run_that_takes_too_long_is_a_try_and_tells_so(timed):
    e, clock = timed
    sink = Sink(e, "f", timeout=3)
    events = Events(e, "f")
    events.rules(retries=1)
    event = put(events, 1, do="hang")
    sink.wait(lambda seen: seen[1] == 1)
    events.wait(waiting=1)
    assert events.get(event)["tries"][0]["outcome"] == "timeout"
    clock.jump(HOUR // 60)
    events.wait(dead=1)
    told = events.get(event)
    assert [t["outcome"] for t in told["tries"]] == ["timeout", "timeout"] and told["attempts"] == 2
    assert told["reason"] == "its tries are used up"
    assert all(t["instance"] and "timed out" in t["error"] for t in told["tries"]), told
    sink.close()


def test_every_try_has_the_events_id_as_its_request_id(timed):
    e, clock = timed
    Client(e).create("f", "def handler(event, context):\n    print('this is', context.getRequestID())\n    raise ValueError('no')\n")
    events = Events(e, "f")
    events.rules(retries=1)
    event = events.put({}, **{"x-evoke-event-id": "order-4711"})
    assert event == named("f", "order-4711")
    events.wait(waiting=1)
    clock.jump(HOUR // 60)
    events.wait(dead=1)
    tries = events.get(event)["tries"]
    assert len(tries) == 2 and all("this is " + event in t["log"] for t in tries), tries
    assert len(events.list()) == 1
    assert events.client.call("POST", f"/evoke/v1/functions/{events.list()[0]['function']}/invoke", {}, query="async=true",
                              headers={"x-evoke-event-id": "order-4711"}).headers["X-Evoke-Duplicate"] == "true"


def test_what_waits_is_tried_with_the_code_that_is_there_then(timed):
    """`latest` is the one pointer to versions there is yet: it moves while the event waits."""
    e, clock = timed
    Client(e).create("f", "def handler(event, context):\n    raise ValueError('the old one')\n")
    events = Events(e, "f")
    events.rules(retries=1)
    event = events.put({})
    events.wait(waiting=1)
    r = Client(e).call("PUT", f"/evoke/v1/functions/{key('f')}", {
        "runtime": "Python3.9", "handler": "index.handler", "async": {"max_retries": 1},
        "code": {"source": "def handler(event, context):\n    raise ValueError('the new one')\n", "filename": "index.py"}})
    assert r.status_code == 200, r.text
    clock.jump(HOUR // 60)
    events.wait(dead=1)
    first, second = events.get(event)["tries"]
    assert "the old one" in first["error"] and "the new one" in second["error"]


def test_events_of_a_deleted_function_are_dead_and_say_why(timed):
    e, clock = timed
    sink = Sink(e, "f")
    events = Events(e, "f")
    events.rules(retries=3)
    event = put(events, 1, do="fail")
    sink.wait(lambda seen: seen[1] == 1)
    events.wait(waiting=1)
    assert Client(e).delete("f").status_code == 204
    clock.jump(HOUR // 60)
    events.wait(dead=1)
    assert "does not exist" in events.get(event)["reason"]
    sink.close()


def test_a_function_that_may_have_no_instance_keeps_its_events(evoke):
    sink = Sink(evoke, "f")
    events = Events(evoke, "f")
    client = Client(evoke)

    def instances(n):
        r = client.fg("PUT", f"/functions/{urn('f')}/config", {
            "func_name": "f", "handler": "index.handler", "memory_size": 128, "runtime": "Python3.9", "timeout": 30,
            "strategy_config": {"concurrency": n}})
        assert r.status_code == 200, r.text

    instances(0)
    event = put(events, 1)
    until(evoke, lambda: "no instance" in events.get(event)["reason"])
    told = events.get(event)
    assert told["state"] == "waiting" and told["attempts"] == 0 and not told["tries"]
    instances(10)  # and it runs, without anybody waiting for the end of a pause
    sink.wait(lambda seen: seen[1] == 1, 10)
    events.wait(done=1)
    sink.close()


def test_one_that_runs_is_cancelled(evoke):
    sink = Sink(evoke, "f")
    events = Events(evoke, "f")
    event = put(events, 1, do="hang")
    sink.wait(lambda seen: seen[1] == 1)
    events.call("DELETE", f"events/{event}")
    assert events.wait(cancelled=1)["running"] == 0
    assert events.client.call("DELETE", f"/evoke/v1/events/{event}").status_code == 409
    sink.close()


# ---- whose turn ----

def test_a_flood_for_one_function_does_not_starve_another(evoke_factory):
    e = evoke_factory("--async-running", "2")
    flood, calm = Sink(e, "flood"), Sink(e, "calm")
    p = Producers(e, Admin("flood"), flood, body=lambda n: b'{"n":%d,"ms":20}' % n)
    p.run(lambda: p.sent >= 300)
    p.answers()
    put(Events(e, "calm"), 1)
    calm.wait(lambda seen: seen[1] == 1)
    flood.take()
    assert sum(flood.effects.values()) < p.sent - 100
    flood.wait(lambda seen: len(seen) == p.sent, 60)
    flood.close()
    calm.close()


def test_who_is_waited_for_goes_before_events(evoke_factory):
    """One instance, and more events than it can run in a minute: a call that somebody waits for is next."""
    e = evoke_factory("--async-per-function", "4")
    sink = Sink(e, "f", strategy_config={"concurrency": 1})
    events = Events(e, "f")
    p = Producers(e, Admin("f"), sink, body=lambda n: b'{"n":%d,"ms":100}' % n)
    p.run(lambda: p.sent >= 200)
    p.answers()
    assert Client(e).invoke("f", json.dumps({"n": 10_000}).encode()).status_code == 200
    assert events.ledger()["waiting"] > 100
    sink.take()
    assert sink.effects[10_000] == 1
    assert Client(e).delete("f").status_code == 204
    events.wait(60, waiting=0, running=0)
    sink.close()


def test_an_idle_host_is_all_theirs(evoke_factory):
    e = evoke_factory("--async-per-function", "4", "--instances", "4")
    sink = Sink(e, "f")
    events = Events(e, "f")
    for n in range(4):
        put(events, n, do="hang")
    sink.wait(lambda seen: len(seen) == 4)
    assert events.ledger()["running"] == 4
    for event in events.list():
        events.call("DELETE", f"events/{event['id']}")
    events.wait(cancelled=4)
    sink.close()


def test_one_more_than_may_wait_is_refused(evoke_factory):
    e = evoke_factory("--async-waiting", "3", "--async-running", "1")
    sink = Sink(e, "f")
    events = Events(e, "f")
    put(events, 0, do="hang")
    sink.wait(lambda seen: seen[0] == 1)
    for n in (1, 2, 3):
        put(events, n)
    client, path = Client(e), f"/evoke/v1/functions/{events.list()[0]['function']}/invoke"
    r = client.call("POST", path, {"n": 4}, query="async=true")
    assert r.status_code == 429 and r.json()["error"]["code"] == "limit", r.text
    assert client.fg("POST", f"/functions/{urn('f')}/invocations-async", b'{"n":4}').status_code == 429
    assert events.ledger()["waiting"] == 3
    events.call("DELETE", f"events/{[x for x in events.list() if x['state'] == 'running'][0]['id']}")
    events.wait(done=3, cancelled=1)
    assert sorted(sink.effects) == [0] and sink.take() == 3 and sorted(sink.effects) == [0, 1, 2, 3]
    sink.close()


def test_who_grows_too_old_behind_a_run_that_hangs_ends_in_time(timed):
    """Not when its turn would come: that is never. Who is to hear of the failure hears of it."""
    e, clock = timed
    sink, other = Sink(e, "f", timeout=600, strategy_config={"concurrency": 1}), Sink(e, "told")
    events = Events(e, "f")
    events.rules(retries=0, age_s=60, on_failure={"destination": "FunctionGraph",
                                                  "param": json.dumps({"func_urn": urn("told") + ":latest"})})
    put(events, 0, do="hang")
    sink.wait(lambda seen: seen[0] == 1)
    for n in (1, 2, 3):
        put(events, n)
    clock.jump(59_000)
    put(events, 4)
    clock.jump(1000)
    events.wait(expired=3, waiting=1, running=1)
    old = next(x for x in events.list() if x["state"] == "expired")
    assert events.get(old["id"])["reason"] == "it reached its age limit" and not events.get(old["id"])["tries"]
    until(e, lambda: Events(e, "told").ledger()["accepted"] == 3)
    events.call("DELETE", f"events/{next(x for x in events.list() if x['state'] == 'running')['id']}")
    events.wait(cancelled=1, done=1, expired=3)
    assert sink.take() == 1 and sorted(sink.effects) == [0, 4]
    Events(e, "told").wait(waiting=0, running=0)
    sink.close()
    other.close()


# ---- the end of a daemon ----

def test_a_drain_lets_events_end_and_leaves_the_others(open_path, evoke_factory):
    data = open_path / "data"
    data.mkdir()
    e = evoke_factory("--async-running", "1", data_dir=data)
    sink = Sink(e, "f")
    events = Events(e, "f")
    put(events, 1, ms=1500)
    put(events, 2)
    sink.wait(lambda seen: seen[1] == 1)
    e.stop()
    sink.take()
    assert sink.effects == {1: 1}
    e = evoke_factory(data_dir=data)
    sink.evoke = events.evoke = e
    events.client = Client(e)
    sink.wait(lambda seen: seen[2] == 1)
    assert events.wait(done=2)["accepted"] == 2
    assert sink.effects == {1: 1, 2: 1}
    sink.close()


def test_a_daemon_that_dies_begins_again_where_it_was(evoke):
    sink = Sink(evoke, "f")
    events = Events(evoke, "f")
    evoke.allow("daemon", "connection to the launcher")
    long = put(events, 1, ms=100_000)
    put(events, 2, do="fail")
    sink.wait(lambda seen: seen[1] == 1 and seen[2] == 1)
    before = len(evoke.log_text())
    os.kill(evoke.pids()["daemon"], signal.SIGKILL)
    evoke.wait_log("ready: http", start=before)
    sink.wait(lambda seen: seen[1] == 2)  # soon: nobody waits for a lease of the dead
    events.call("DELETE", f"events/{long}")
    events.wait(cancelled=1, running=0)
    sink.close()


# ---- destinations ----

class Endpoint:
    """status(path) -> what it answers."""

    def __init__(self):
        outer = self
        self.got = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, dict(self.headers), body))
                self.send_response(int(self.path[1:]))
                self.send_header("Location", "/204")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def of_endpoint(events, url):
    return [x for x in events.call("GET", "events").json()["events"] if x["function"] == f"http/{url}"]


@pytest.mark.parametrize("status, state", [(204, "done"), (404, "dead"), (408, "waiting"), (302, "waiting"), (429, "waiting"), (503, "waiting")])
def test_what_an_endpoint_answers(timed, status, state):
    e, clock = timed
    endpoint = Endpoint()
    url = f"{endpoint.url}/{status}"
    sink = Sink(e, "f")
    events = Events(e, "f")
    events.rules(retries=0, on_success={"destination": "HTTP", "param": json.dumps({"url": url})})
    cause = put(events, 7)
    until(e, lambda: [x["state"] for x in of_endpoint(events, url)] == [state]
          and events.get(of_endpoint(events, url)[0]["id"])["tries"])
    (path, head, body), = endpoint.got
    record = of_endpoint(events, url)[0]
    assert (head["ce-specversion"], head["ce-id"], head["ce-cause"]) == ("1.0", record["id"], cause)
    assert head["ce-type"] == "evoke.invocation.succeeded" and head["ce-source"].endswith("/f")
    assert head["ce-time"] and head["Content-Type"] == "application/json"
    assert json.loads(body)["request_payload"] == '{"n": 7}'
    assert events.get(record["id"])["tries"][0]["outcome"] == f"http {status}"
    endpoint.close()
    sink.close()


def test_an_endpoint_that_hangs_keeps_no_function_from_running(evoke_factory):
    import socket
    e = evoke_factory("--async-running", "2")
    deaf = socket.create_server(("127.0.0.1", 0))
    sink, other = Sink(e, "f"), Sink(e, "other")
    events = Events(e, "f")
    events.rules(retries=0, on_success={"destination": "HTTP",
                                        "param": json.dumps({"url": f"http://127.0.0.1:{deaf.getsockname()[1]}/"})})
    for n in range(20):
        put(events, n)
    events.wait(done=20)
    for n in range(20):
        put(Events(e, "other"), n)
    other.wait(lambda seen: len(seen) == 20, 10)
    deaf.close()
    sink.close()
    other.close()


def test_metadata_addresses_are_not_posted_to(timed):
    e, clock = timed
    url = "http://169.254.169.254/latest/meta-data"
    sink = Sink(e, "f")
    events = Events(e, "f")
    events.rules(retries=0, on_success={"destination": "HTTP", "param": json.dumps({"url": url})})
    put(events, 1)
    until(e, lambda: of_endpoint(events, url) and events.get(of_endpoint(events, url)[0]["id"])["tries"])
    assert "link-local" in events.get(of_endpoint(events, url)[0]["id"])["tries"][0]["error"]
    sink.close()
