# SPDX-License-Identifier: Apache-2.0
"""What happens to accepted events when functions, clocks and disks do not do as they should. Effects are counted outside of evoke
(producers.py), states are asked of the ledger, time is moved (clock.py)."""
import http.server
import json
import os
import signal
import socket
import threading
import time

import pytest

from clock import Clock
from events import Events
from evoked import deadline
from producers import Admin, Producers, Sink
from signing import Client, urn
from storm import child

HOUR, DAY = 3_600_000, 86_400_000
N = 200


@pytest.fixture
def timed(evoke_factory, open_path):
    """A daemon and its clock, which stands: nothing that waits for a moment comes by itself."""
    clock = Clock(open_path / "clock")
    clock.scale(0)
    return evoke_factory(clock=clock), clock


def accept(evoke, sink, n=N, body=None):
    """n events, acknowledged."""
    p = Producers(evoke, Admin(sink.name), sink, body=body or (lambda i: b'{"n":%d}' % i))
    p.run(lambda: p.sent >= n)
    p.answers()
    assert len(p.acked) == p.sent and not p.refused, (p, p.said)
    return p


def until_tried(clock, sink, p, times, step_ms=400_000):
    """Move on until each event was tried so often."""
    for i in range(1, times + 1):
        sink.wait(lambda seen: sum(seen.values()) >= i * p.sent)
        if i < times:
            clock.jump(step_ms)


def failing(timed, do, tries=4, n=N, **fields):
    """Whatever they do, each event is tried so often, and then it is in the dead-letter box."""
    e, clock = timed
    sink = Sink(e, "f", **fields)
    events = Events(e, "f")
    events.rules(retries=tries - 1)
    sink.do(do)
    p = accept(e, sink, n)
    for i in range(1, tries + 1):
        sink.wait(lambda seen: sum(seen.values()) >= i * p.sent, 60)
        events.wait(60, running=0)
        clock.jump(600_000)
    done = events.wait(dead=p.sent, waiting=0, running=0)
    assert done["accepted"] == p.sent
    assert set(sink.effects.values()) == {tries} and len(sink.effects) == p.sent
    # The cause is gone: what is dead can be had again, all of it.
    sink.do(None)
    assert events.redrive() == p.sent
    events.wait(60, done=p.sent, dead=0)
    sink.wait(lambda seen: sum(seen.values()) == (tries + 1) * p.sent)
    p.close()


def test_a_function_that_always_fails(timed):
    failing(timed, "fail")


def test_a_function_that_always_dies(timed):
    timed[0].allow("instance", "worker")
    failing(timed, "die", n=50)


def test_a_function_that_always_hangs(timed):
    timed[0].allow("instance", "worker", "time")
    failing(timed, "hang", tries=2, n=5, timeout=3)


def waiting(timed, n=N, **rules):
    """n events that were tried once and wait for their next try."""
    e, clock = timed
    sink = Sink(e, "f")
    events = Events(e, "f")
    events.rules(**{"retries": 3, **rules})
    sink.do("fail")
    p = accept(e, sink, n)
    events.wait(waiting=p.sent, running=0)
    sink.wait(lambda seen: len(seen) == p.sent)
    sink.do(None)
    return e, clock, sink, events, p


def test_the_clock_jumps_a_day_ahead(timed):
    """What waits for another try and may be older than a day is tried at once; what may not has expired, and is told as that."""
    e, clock, sink, events, p = waiting(timed, age_s=3600)
    running = events.put({"n": 10**6, "ms": 500})
    sink.wait(lambda seen: 10**6 in seen)
    clock.jump(DAY)
    now = events.wait(waiting=0, running=0)
    assert now["expired"] == p.sent and now["done"] == 1 and now["accepted"] == p.sent + 1
    assert events.get(running)["state"] == "done"
    assert set(sink.effects.values()) == {1}
    events.put({"n": 10**6 + 1})
    events.wait(done=2)
    p.close()


def test_the_clock_jumps_a_day_back_and_returns(timed):
    """New events are run at once, and what waited is tried once when the clock is back."""
    e, clock, sink, events, p = waiting(timed)
    running = events.put({"n": 10**6, "ms": 500})
    sink.wait(lambda seen: 10**6 in seen)
    clock.jump(-DAY)
    events.put({"n": 10**6 + 1})
    now = events.wait(done=2)
    assert events.get(running)["state"] == "done" and now["waiting"] == p.sent
    clock.jump(DAY + 600_000)
    now = events.wait(done=p.sent + 2)
    assert now["accepted"] == p.sent + 2
    sink.take()
    assert {n for i, n in sink.effects.items() if i < 10**6} == {2}
    assert sink.effects[10**6] == sink.effects[10**6 + 1] == 1
    p.close()


def test_a_function_is_deleted_while_deliveries_wait_and_made_again(timed):
    e, clock, sink, events, p = waiting(timed)
    assert Client(e).delete("f").status_code == 204
    clock.jump(600_000)
    now = events.wait(dead=p.sent, waiting=0)
    assert now["accepted"] == p.sent and set(sink.effects.values()) == {1}
    again = Sink(e, "f")
    assert events.redrive() == p.sent
    events.wait(done=p.sent, dead=0)
    again.wait(lambda seen: len(seen) == p.sent)
    assert set(again.effects.values()) == {1}
    p.close()


def test_a_function_is_disabled_while_deliveries_wait_and_enabled_again(timed):
    """Its events stay as they are, no try is counted, and another function's run meanwhile."""
    e, clock, sink, events, p = waiting(timed)

    def concurrency(n):
        r = Client(e).fg("PUT", f"/functions/{urn('f')}/config",
                         {"func_name": "f", "timeout": 30, "handler": "index.handler", "memory_size": 128, "runtime": "Python3.9",
                          "strategy_config": {"concurrency": n}})
        assert r.status_code == 200, r.text

    concurrency(0)
    clock.jump(600_000)
    other = Sink(e, "other")
    q = accept(e, other, 50)
    Events(e, "other").wait(done=q.sent)
    now = events.ledger()
    assert now["waiting"] + now["running"] == p.sent and set(sink.effects.values()) == {1}
    concurrency(1000)
    for _ in range(100):
        clock.jump(60_000)
        if events.ledger()["done"] == p.sent:
            break
        e.read_log(0.05)
    events.wait(done=p.sent)
    sink.take()
    assert set(sink.effects.values()) == {2}
    assert all(event["attempts"] == 2 for event in events.list(limit=100))
    q.close()
    p.close()


class Endpoint:
    """An HTTP destination that can be down. got: bodies."""

    def __init__(self):
        outer = self
        self.got, self.server = [], None

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                outer.got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.handler = Handler
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/told"

    def up(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()


def test_a_destination_is_down_for_an_hour(timed):
    """Each record is told once when it is up again, and the function did not wait for it."""
    e, clock = timed
    endpoint = Endpoint()
    sink = Sink(e, "f")
    events = Events(e, "f")
    events.rules(retries=0, on_success={"destination": "HTTP", "param": json.dumps({"url": endpoint.url})})
    begin = clock.now()
    clock.scale(900)  # an hour in four seconds
    p = accept(e, sink, 100)
    events.wait(done=p.sent)
    for _ in deadline(30):
        if clock.now() >= begin + HOUR:
            break
        e.read_log(0.05)
    row = [r for r in events.call("GET", "ledger").json()["rows"] if r["function"] == f"http/{endpoint.url}"]
    assert row and row[0]["waiting"] + row[0]["running"] == row[0]["accepted"] == p.sent
    e.base += 2  # the pair by which the poster's thread is woken, from its first record on
    endpoint.up()
    for _ in deadline(30):
        if len(endpoint.got) >= p.sent:
            break
        e.read_log(0.05)
    told = sorted(json.loads(body)["request_payload"] for _, body in endpoint.got)
    assert len({head["ce-id"] for head, _ in endpoint.got}) == p.sent
    assert told == sorted(f'{{"n":{n}}}' for n in range(p.sent))
    endpoint.close()
    p.close()


@pytest.mark.slow
def test_the_daemon_is_stopped_past_its_lease_and_continued(evoke):
    """SIGSTOP while events run. Nobody else has taken them: they are finished once, by whoever held them."""
    sink = Sink(evoke, "f")
    events = Events(evoke, "f")
    events.rules(retries=3)
    p = Producers(evoke, Admin("f"), sink, rate=200, body=lambda n: b'{"n":%d,"ms":20}' % n)
    p.run(lambda: p.sent >= 100)
    daemon = evoke.pids()["daemon"]
    os.kill(daemon, signal.SIGSTOP)
    # Past the lease of ten seconds, short of the keeper's patience of 25.
    end = time.monotonic() + 12
    p.run(lambda: time.monotonic() >= end, send=False)
    os.kill(daemon, signal.SIGCONT)
    p.skip()
    p.run(lambda: p.sent >= 200)
    p.settle()
    assert not p.lost() and not p.refused and p.duplicates() == 0, p
    events.wait(done=p.sent, running=0)
    assert evoke.pids()["daemon"] == daemon
    p.close()


def test_a_daemon_that_hangs_is_replaced_and_nothing_is_lost(evoke_factory, open_path):
    """The keeper's patience is the service manager's: 1.6 s here. Whoever comes next takes over what the hanging one held."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    manager.bind(str(open_path / "notify"))
    e = evoke_factory(env={"NOTIFY_SOCKET": str(open_path / "notify"), "WATCHDOG_USEC": "1600000"})
    e.allow("the daemon has not answered for", "daemon was ended by signal 9", "the service manager")

    def replaced():
        try:
            manager.recv(4096)
        except BlockingIOError:
            pass
        return child(e, "daemon") not in (None, old)

    sink = Sink(e, "f")
    p = Producers(e, Admin("f"), sink, rate=500, body=lambda n: b'{"n":%d,"ms":10}' % n)
    p.run(lambda: len(p.acked) >= 200)
    old = child(e, "daemon")
    os.kill(old, signal.SIGSTOP)
    p.run(replaced, 30, send=False)
    p.skip()
    p.run(lambda: len(p.acked) >= 400)
    p.settle()
    assert not p.lost() and not p.refused, (p, p.said)
    assert p.duplicates() <= 32
    now = Events(e, "f").wait(waiting=0, running=0)
    assert now["done"] == now["accepted"] == len(p.acked)
    p.close()
    manager.close()
