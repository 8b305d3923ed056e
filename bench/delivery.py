# SPDX-License-Identifier: Apache-2.0
"""Parts `async` and `timer`: events that are on disk before they are acknowledged, and how late they run."""
import os
import select
import statistics
import subprocess
import time

from rig import Client, load, percentile, plain_request, rss_mib

from events import Events, key
from evoked import deadline
from producers import FunctionGraph, Producers, Sink

# Says when its handler was called: the machine's clocks are the instance's, too.
STAMP = '''
import os, time

sink = os.open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "sink"), os.O_WRONLY)

def handler(event, context):
    os.write(sink, b"%d\\n" % (time.time_ns() if "trigger_type" in event else event["n"] * 10**15 + time.monotonic_ns() // 1000))
'''
SLOW = "import time\n\ndef handler(event, context):\n    time.sleep(25)\n"

EACH = 300        # events of the latency row, one after the other
TIMERS = 1000
PER_FUNCTION = 100
MILLION = 1_000_000


def make(evoke, name, source, **fields):
    r = Client(evoke).create(name, source, **fields)
    if r.status_code != 200:
        raise RuntimeError(r.text)


def signed(evoke, name):
    """Bytes of one signed asynchronous invocation."""
    how = FunctionGraph(name)
    how.bind(evoke)
    return how.request(0, b'{"hello":"world"}')


def spread(values, unit=""):
    return f"{statistics.median(values):.0f}{unit} ({min(values):.0f} - {max(values):.0f})"


def acknowledged(build, o, evoke_class):
    """Per second, in rounds; first while hardly anything is delivered, then while a native function takes them as they come."""
    rows = []
    for what, source in (("while they wait", SLOW), ("while they run, too (Python)", "def handler(event, context):\n    return 1\n")):
        evoke = evoke_class("--keep-warm", "600").start()
        try:
            make(evoke, "f", source, strategy_config={"concurrency": 1 if source == SLOW else 1000})
            request, health = signed(evoke, "f"), plain_request(evoke.port, "GET", "/healthz", b"")
            got = {64: [], 1: []}
            for _ in range(o.rounds):
                for n in got:
                    got[n].append(load(build, evoke.port, n, o.ms, request))
            top = statistics.median(load(build, evoke.port, 64, o.ms, health)["rps"] for _ in range(3))
            for n, rounds in got.items():
                producers = "one producer" if n == 1 else f"{n} producers"
                rates = [r["rps"] for r in rounds]
                p99 = statistics.median(r["p99"] for r in rounds) / 1000
                rows.append((f"durable acknowledgements/s, {producers}, signed HTTP, {what} (p99 of one)",
                             f"{spread(rates)} ({p99:.1f} ms); /healthz {top:.0f}",
                             ">= 20,000" if n == 64 and source == SLOW else ""))
        finally:
            end(evoke)
    return rows


def end(evoke):
    """Whatever still waits does not matter."""
    evoke.kill()
    evoke.cleanup()


def latency(evoke_class):
    """From the first byte sent to the handler's first line, a warm function, one event at a time."""
    evoke = evoke_class("--keep-warm", "600").start()
    try:
        sink = Sink(evoke, "f", STAMP)
        p = Producers(evoke, FunctionGraph("f"), sink, connections=1)
        sent = {}

        def body(n):
            sent[n] = time.monotonic_ns() // 1000
            return b'{"n":%d}' % n

        p.body = body
        for i in range(EACH):
            p.run(lambda n=i: p.sent > n)
            p.run(lambda n=i: sum(sink.effects.values()) > n, send=False)
            p.answers()
        times = [(v % 10**15 - sent[v // 10**15]) / 1000 for v in sink.effects if v // 10**15 >= 20]
        acks = [1000 * s for s in p.latency[20:]]
        p.close()
    finally:
        end(evoke)
    return [(f"asynchronous, one at a time: sent to acknowledged, p50 / p99 of {len(acks)}",
             f"{percentile(acks, .5):.1f} / {percentile(acks, .99):.1f} ms", ""),
            (f"asynchronous, one at a time: sent to the handler's first line (warm Python), p50 / p99 of {len(times)}",
             f"{percentile(times, .5):.1f} / {percentile(times, .99):.1f} ms", "")]


def fill(build, data, name, count):
    subprocess.run([build / "bench/bench-fill", data / "queue.db", key(name), str(count), "1"], check=True, capture_output=True)
    owner = data.stat()
    for f in data.glob("queue.db*"):
        os.chown(f, owner.st_uid, owner.st_gid)


def million(build, evoke_class):
    """Start with a million waiting deliveries of one function."""
    evoke = evoke_class().start()
    try:
        make(evoke, "f", SLOW, strategy_config={"concurrency": 1})
        events = Events(evoke, "f")
        events.put({"n": 0})
        events.wait(running=1)
        evoke.kill()
        os.close(evoke.pipe)
        fill(build, evoke.data_dir, "f", MILLION)
        times = []
        for _ in range(5):
            begin = time.monotonic()
            evoke.start()
            times.append((time.monotonic() - begin) * 1000)
            rss = rss_mib(evoke.pids()["daemon"])
            evoke.kill()
            os.close(evoke.pipe)
        size = sum(f.stat().st_size for f in evoke.data_dir.glob("queue.db*")) / 1e6
    finally:
        end(evoke)
    return [(f"start to READY, {MILLION:,} waiting deliveries, of {len(times)}", spread(times, " ms"), "<= 1000 ms"),
            ("memory, daemon RSS then; size of the queue's files", f"{rss:.1f} MiB; {size:.0f} MB", "")]


def async_rows(build, o, functions, evoke_class):
    del functions
    return acknowledged(build, o, evoke_class) + latency(evoke_class) + million(build, evoke_class)


# -- timers ------------------------------------------------------------------------------------------------------------

def timer_rows(build, o, functions, evoke_class):
    """TIMERS timers due in one second: when their events were on disk, and when the handlers were called."""
    del build, o, functions
    evoke = evoke_class("--keep-warm", "600").start()
    try:
        names = [f"f{i}" for i in range(TIMERS // PER_FUNCTION)]
        sinks = [Sink(evoke, name, STAMP) for name in names]
        begin = time.monotonic()
        due = int(time.time()) + 20
        at = time.gmtime(due)
        schedule = f"{at.tm_sec} {at.tm_min} {at.tm_hour} * * *"
        client = Client(evoke)
        for name in names:
            client.invoke(name, b'{"n":0}')
            for i in range(PER_FUNCTION):
                r = client.call("PUT", f"/evoke/v1/functions/{key(name)}/triggers/t{i}",
                                {"source": "timer", "enabled": True, "config": {"schedule": schedule, "syntax": "fc"}})
                if r.status_code not in (200, 201):
                    raise RuntimeError(r.text)
        if time.time() > due - 2:
            raise RuntimeError(f"making {TIMERS} timers took {time.monotonic() - begin:.0f} s")
        for left in deadline(60):
            select.select([s.fd for s in sinks], [], [], min(left, 1))
            for s in sinks:
                s.take()
            if sum(sum(s.effects.values()) for s in sinks) >= TIMERS + len(sinks):
                break
        late = [v / 1e6 - due * 1000 for s in sinks for v in s.effects.elements() if v > 10**18]
        listed = [e["created_ms"] - due * 1000 for name in names for e in Events(evoke, name).list(limit=PER_FUNCTION)]
    finally:
        end(evoke)
    if len(late) != TIMERS or len(listed) != TIMERS:
        raise RuntimeError(f"{len(late)} of {TIMERS} fired, {len(listed)} are listed")
    return [(f"timers, {TIMERS:,} due in one second: due to accepted on disk, p50 / p99 / last",
             " / ".join(f"{x:.0f}" for x in (percentile(listed, .5), percentile(listed, .99), max(listed))) + " ms", "p99 <= 50 ms"),
            (f"timers, {TIMERS:,} due in one second, {len(names)} warm Python functions: due to the handler's first line, p50 / p99 / last",
             " / ".join(f"{x:.0f}" for x in (percentile(late, .5), percentile(late, .99), max(late))) + " ms", "")]
