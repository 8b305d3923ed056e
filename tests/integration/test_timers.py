# SPDX-License-Identifier: Apache-2.0
"""Timer triggers: each due time is one event, over restarts, kill -9 and jumps of the clock. Nothing is waited for: the clock is moved.

A function writes the due time of the event it was called with into a FIFO (producers.py); how many events there were says the
ledger. A killed function is called again with the same event, so effects are judged as a set and events by their number.
"""
import datetime
import os
import random
import signal

import pytest

import producers
from clock import Clock
from events import Events, key
from evoked import deadline
from producers import Sink
from signing import Client
from storm import child

DAY_MS = 86_400_000
START = "2026-01-01T00:00:30Z"

# The number it writes: the due time, or what the trigger's own words say.
SOURCE = '''
import datetime, os

sink = os.open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "sink"), os.O_WRONLY)

def handler(event, context):
    at = datetime.datetime.fromisoformat(event["time"])
    assert event["trigger_type"] == "TIMER" and event["version"] == "v1.0", event
    os.write(sink, b"%d\\n" % int(event["user_event"] or at.timestamp()))
'''


def at(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


class Timer:
    def __init__(self, evoke, sink, name="t"):
        self.evoke, self.sink, self.name, self.client = evoke, sink, name, Client(evoke)

    def put(self, schedule, enabled=True, concurrency=None, **config):
        bound = {} if concurrency is None else {"concurrency": concurrency}
        r = self.client.call("PUT", f"/evoke/v1/functions/{key(self.sink.name)}/triggers/{self.name}",
                             {"source": "timer", "enabled": enabled, **bound, "config": {"schedule": schedule, **config}})
        assert r.status_code in (200, 201), r.text
        return r.json()

    def delete(self):
        r = self.client.call("DELETE", f"/evoke/v1/functions/{key(self.sink.name)}/triggers/{self.name}")
        assert r.status_code in (200, 204), r.text


@pytest.fixture
def clock(open_path):
    c = Clock(open_path / "clock")
    c.set(START)
    c.scale(0)
    return c


@pytest.fixture
def evoke(evoke_factory, clock):
    return evoke_factory(clock=clock)


@pytest.fixture
def sink(evoke):
    s = Sink(evoke, "f", SOURCE)
    yield s
    s.close()


def expect(evoke, sink, *dues):
    """These were due, in any order, each is one event, and nothing else is there."""
    wanted = [at(d) if isinstance(d, str) else d for d in dues]
    sink.wait(lambda effects: set(effects) >= set(wanted))
    Events(evoke, sink.name).wait(accepted=len(wanted), done=len(wanted))
    assert sorted(sink.effects) == sorted(wanted)


def test_a_due_time_is_one_event(evoke, clock, sink):
    timer = Timer(evoke, sink)
    shown = timer.put("0 * * * * *")
    assert shown["next_ms"] == at("2026-01-01T00:01:00Z") * 1000
    clock.set("2026-01-01T00:01:00Z")
    expect(evoke, sink, "2026-01-01T00:01:00Z")
    clock.jump(59_999)
    clock.jump(1)
    expect(evoke, sink, "2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z")
    timer.delete()
    clock.jump(60_000)
    timer.put("0 30 * * * *")  # proves, when it has fired, that the deleted one has not
    clock.set("2026-01-01T00:30:00Z")
    expect(evoke, sink, "2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z", "2026-01-01T00:30:00Z")


@pytest.mark.parametrize("how", ["jump", "stop"])
@pytest.mark.parametrize("missed,days", [("skip", []), ("once", [7]), ("all", [2, 3, 4, 5, 6, 7])])
def test_what_was_missed_follows_the_policy(evoke, clock, sink, how, missed, days):
    Timer(evoke, sink).put("0 0 12 * * *", missed=missed)
    clock.set("2026-01-01T12:00:00Z")
    dues = ["2026-01-01T12:00:00Z"]
    expect(evoke, sink, *dues)
    if how == "stop":
        evoke.stop()
    clock.set("2026-01-07T18:00:00Z")
    if how == "stop":
        evoke.start()
    dues += [f"2026-01-0{d}T12:00:00Z" for d in days]
    if days:
        expect(evoke, sink, *dues)
    else:
        evoke.wait_log("from 2026-01-02T12:00:00.00:00 to 2026-01-07T18:00:00.00:00 is left out")
    clock.set("2026-01-08T11:59:59Z")
    clock.set("2026-01-08T12:00:00Z")
    expect(evoke, sink, *dues, "2026-01-08T12:00:00Z")


def test_a_clock_set_back_fires_nothing_again(evoke, clock, sink):
    Timer(evoke, sink).put("0 0 * * * *", missed="all")
    clock.set("2026-01-01T01:00:00Z")
    expect(evoke, sink, "2026-01-01T01:00:00Z")
    clock.jump(-DAY_MS)
    evoke.stop()
    evoke.start()
    clock.jump(DAY_MS)
    clock.set("2026-01-01T02:00:00Z")
    expect(evoke, sink, "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z")


def test_a_disabled_time_is_not_missed(evoke, clock, sink):
    timer = Timer(evoke, sink)
    timer.put("0 0 * * * *", missed="all")
    timer.put("0 0 * * * *", missed="all", enabled=False)
    clock.set("2026-01-01T05:30:00Z")
    evoke.stop()
    evoke.start()
    timer.put("0 0 * * * *", missed="all")
    clock.set("2026-01-01T06:00:00Z")
    expect(evoke, sink, "2026-01-01T06:00:00Z")


def test_a_trigger_has_no_more_runs_than_its_bound(evoke, clock):
    """Others of its function go on; what it has put goes on when it is disabled, and when it is gone."""
    hangs = producers.SOURCE.replace('event["n"]', 'event.get("n", 0)').replace('event.get("do")', '"hang" if "trigger_type" in event else None')
    sink = Sink(evoke, "g", hangs, timeout=600)
    timer, events = Timer(evoke, sink), Events(evoke, "g")
    assert "concurrency" not in timer.put("0 * * * * *", missed="all")
    assert timer.put("0 * * * * *", missed="all", concurrency=2)["concurrency"] == 2
    clock.jump(6 * 60_000)
    events.wait(accepted=6, running=2, waiting=4)
    invoked = events.put({"n": 7})  # behind those that wait for their turn, and yet at once
    sink.wait(lambda effects: effects[7] == 1)
    events.wait(accepted=7, done=1, running=2, waiting=4)
    assert events.get(invoked)["state"] == "done"
    assert timer.put("0 * * * * *", enabled=False, missed="all")["concurrency"] == 2  # as it was
    events.wait(running=2, waiting=4)
    timer.put("0 * * * * *", enabled=False, missed="all", concurrency=3)
    events.wait(running=3, waiting=3)
    timer.delete()
    events.wait(running=6, waiting=0)
    for event in events.list():
        if event["state"] == "running":
            events.call("DELETE", f"events/{event['id']}")
    events.wait(done=1, cancelled=6)
    sink.close()


@pytest.mark.parametrize("start,after,due", [
    ("2026-03-28T12:00:00Z", "2026-03-29T00:59:59Z", "2026-03-29T03:00:00+02:00"),  # 02:30 is left out of that night
    ("2026-10-24T12:00:00Z", "2026-10-25T00:29:59Z", "2026-10-25T02:30:00+02:00"),  # and comes twice in this one
])
def test_a_time_of_day_comes_once_a_day_where_clocks_are_moved(evoke, clock, sink, start, after, due):
    clock.set(start)
    Timer(evoke, sink).put("CRON_TZ=Europe/Berlin 0 30 2 * * *", missed="all")
    clock.set(after)
    clock.jump(1000)
    expect(evoke, sink, due)
    clock.jump(DAY_MS // 2)  # over the second 02:30
    next_day = at(due[:10] + "T02:30:00+00:00") + 86400 - (7200 if start[5:7] == "03" else 3600)
    clock.set(next_day * 1000)
    expect(evoke, sink, due, next_day)


def test_due_times_are_neither_lost_nor_doubled_by_kill_9(evoke, clock, sink):
    """At random points, the daemon alone and with its keeper, while a trigger is due six times a second."""
    rng = random.Random(17)
    begin = clock.now()
    Timer(evoke, sink).put("*/10 * * * * *", missed="all")
    clock.scale(60)
    for i in range(20):
        evoke.read_log(rng.uniform(0.05, 0.4))
        sink.take()
        if i % 5 == 4:
            evoke.kill()
            evoke.start()
        else:
            pid = child(evoke, "daemon")
            os.kill(pid, signal.SIGKILL)
            for _ in deadline(20):
                if child(evoke, "daemon") not in (None, pid):
                    break
                evoke.read_log(0.01)
    clock.scale(0)
    end = clock.now()
    wanted = [s for s in range(begin // 1000 + 1, end // 1000 + 1) if s % 10 == 0]
    assert len(wanted) > 30
    sink.wait(lambda effects: set(effects) >= set(wanted), 60)
    Events(evoke, "f").wait(60, accepted=len(wanted), done=len(wanted))
    assert set(sink.effects) == set(wanted)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bound,ok", [(0, True), (1000, True), (1001, False), (-1, False), ("2", False), (1.5, False)])
def test_a_bound_has_its_range(evoke, sink, bound, ok):
    r = Client(evoke).call("PUT", f"/evoke/v1/functions/{key('f')}/triggers/t",
                           {"source": "timer", "concurrency": bound, "config": {"schedule": "0 * * * * *"}})
    assert r.status_code == (201 if ok else 400), r.text
    assert ok or "concurrency" in r.json()["error"]["message"]


def test_a_thousand_timers_of_one_second(evoke, clock):
    functions, each = 10, 100
    sinks = [Sink(evoke, f"f{i}", SOURCE) for i in range(functions)]
    for i, sink in enumerate(sinks):
        for k in range(each):
            Timer(evoke, sink, f"t{k}").put("0 * * * * *", payload=str(i * each + k + 1))
    clock.set("2026-01-01T00:01:00Z")
    for i, sink in enumerate(sinks):
        wanted = set(range(i * each + 1, (i + 1) * each + 1))
        sink.wait(lambda effects, wanted=wanted: set(effects) >= wanted, 120)
        Events(evoke, sink.name).wait(60, accepted=each, done=each)
        assert set(sink.effects) == wanted
        sink.close()


@pytest.mark.parametrize("schedule,says", [
    ("0 0 25 * * *", "field 3 (hour) '25' at character 5"),
    ("0 0 0 30 2 ?", "no month of '2' has such a day"),
    ("CRON_TZ=Mars/Base 0 0 0 * * *", "'Mars/Base'"),
    ("@every 1ms", "1s is the least"),
])
def test_a_malformed_schedule_is_refused_with_a_sentence(evoke, sink, schedule, says):
    r = Client(evoke).call("PUT", f"/evoke/v1/functions/{key('f')}/triggers/t", {"source": "timer", "config": {"schedule": schedule}})
    assert r.status_code == 400 and says in r.text, r.text
