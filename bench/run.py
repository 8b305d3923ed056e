#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: the figures of docs/bench.md, as ratios to bench-reference measured in the same round.

usage: run.py [--build DIR] [--part NAME]... [--rounds N] [--ms N] [--cold N]

Parts: warm (latency and requests/s, beside the peers of peers.py), cold (first byte of a function's first invocation),
burst (100 requests at once to a cold function), memory (instances per GiB, the idle set), daemon (1,000 functions, large
packages, sizes), async (durable acknowledgements, end-to-end latency, a million waiting deliveries), timer (a thousand timers due in
one second), gateway (a request through the gateway beside a bare invocation, ten APIs and ten thousand), clouds (each cloud's own call, versions,
aliases, layers). All of them without --part; about ten minutes.

Rounds are interleaved (reference, then each row) and the medians of the per-round ratios are shown, with the lowest and the
highest. A round in which the reference reached less than half of its best requests/s is dropped: somebody else had the
machine. For latency, so is a round in which its one-connection p50 is below 40 us: both ends then ran on one core. The
invocation is FunctionGraph's, signed: the same signed bytes are sent again and again (a signature is good for 15 minutes),
and the daemon checks it each time; the peers check nothing.
"""
import argparse
import io
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import peers as peer_programs  # noqa: E402
from rig import (  # noqa: E402
    ECHO_PY, ROOT, Client, Functions, cgroups_of, counts, invoke_request, load, machine, percentile,
    plain_request, pss_mib, rss_mib, settled, urn)

MANY = 64         # connections of the throughput rows
AT_ONCE = 100     # requests of a burst
FUNCTIONS = 1000  # of the memory and start rows
BIG_MB = 49       # of the package that is created beside small requests
PAUSE_S = 0.05    # between cold starts that shall find a spare

# How a function is run in the rows of 64 connections: name, instances, concurrency.
SETTINGS = (("2 instances x concurrency 32", 2, 32), ("2 instances x concurrency 1", 2, 1),
            ("concurrency 1, no limit on instances", 1000, 1))
WARM_BUDGETS = {("Python", 32): ">= 0.26", ("Python", 1): ">= 0.20", ("Node", 32): ">= 0.40", ("Node", 1): ">= 0.22",
                ("native", 32): ">= 0.45", ("native", 1): ""}
COLD_BUDGETS = {("Python", True): "3 ms, p99 <= 10", ("Python", False): "6 ms, p99 <= 10",
                ("Node", True): "4 ms, p99 <= 10", ("Node", False): "60 ms",
                ("native", True): "2 ms, p99 <= 10", ("native", False): "6 ms, p99 <= 10"}
BURST_BUDGETS = {"Python": "p99 <= 250 ms", "Node": "p99 <= 2500 ms", "native": "p99 <= 250 ms"}
# Instances that are counted, and how many of them shall fit in a GiB.
MEMORY = {"Python": (100, 350), "Node": (30, 90), "native": (100, None)}


# -- warm: one connection, and many ------------------------------------------------------------------------------------

def ratio_row(what, values, budget):
    if not values:
        return (what, "every round dropped (both ends on one core)", budget)
    return (what, f"{statistics.median(values):.2f} x ({min(values):.2f} - {max(values):.2f})", budget)


class Warm:
    """Everything that is measured in a round, by name; a target is a port and the bytes of its request."""

    def __init__(self, build, o, evoke, running, reference_port):
        self.build, self.o, self.evoke, self.peers = build, o, evoke, running
        self.reference = (reference_port, plain_request(reference_port))

    def targets(self):
        """[(name, port, request)] of ours, then of the peers."""
        ours = [(f"{kind}, {what}", self.evoke.port, invoke_request(self.evoke, f"{kind}-{i}"))
                for kind in Functions.KINDS for i, (what, _, _) in enumerate(SETTINGS)]
        return ours + [(p.name, p.port, plain_request(p.port)) for p in self.peers]

    def singles(self):
        """The same for the rows of one connection: concurrency does not matter there."""
        ours = [(kind, self.evoke.port, invoke_request(self.evoke, f"{kind}-0")) for kind in Functions.KINDS]
        return ours + [(p.name, p.port, plain_request(p.port)) for p in self.peers]

    def round(self):
        o = self.o
        one = {"reference": load(self.build, self.reference[0], 1, o.ms, self.reference[1])}
        many = {"reference": load(self.build, self.reference[0], MANY, o.ms, self.reference[1])["rps"]}
        for name, port, request in self.singles():
            one[name] = load(self.build, port, 1, o.ms, request)
        for name, port, request in self.targets():
            many[name] = load(self.build, port, MANY, o.ms, request)["rps"]
        return one, many

    def run(self):
        rounds = [self.round() for _ in range(self.o.rounds)]
        best = max(many["reference"] for _, many in rounds)
        self.quiet = [r for r in rounds if r[1]["reference"] >= best / 2]
        self.apart = [one for one, _ in self.quiet if one["reference"]["p50"] >= 40]
        self.dropped = f"{len(rounds) - len(self.quiet)} dropped, {len(self.quiet) - len(self.apart)} more for latency"

    def rows(self):
        rows = []
        for name, _, _ in self.singles():
            ours = name in Functions.KINDS
            for what, budget in (("p50", "<= 1.5"), ("p99", "<= 3")):
                values = [one[name][what] / one["reference"][what] for one in self.apart]
                rows.append(ratio_row(f"{name}, one connection, {what}", values, budget if ours else ""))
            rps = statistics.median([one[name]["rps"] for one, _ in self.quiet])
            rows.append((f"{name}, one connection, requests/s", f"{rps:.0f}", ""))
        budgets = {f"{kind}, {what}": WARM_BUDGETS[kind, concurrency]
                   for kind in Functions.KINDS for what, _, concurrency in SETTINGS}
        for name, _, _ in self.targets():
            values = [many[name] / many["reference"] for _, many in self.quiet]
            rows.append(ratio_row(f"{name}, {MANY} connections, requests/s", values, budgets.get(name, "")))
        return rows

    def summary(self):
        ref = [(one["reference"]["p50"], one["reference"]["p99"], many["reference"]) for one, many in self.quiet]
        p50, p99, rps = [statistics.median(x) for x in zip(*ref)]
        return (f"reference: p50 {p50:.0f} us, p99 {p99:.0f} us, {rps:.0f} requests/s with {MANY} connections; "
                f"{self.o.rounds} rounds of {self.o.ms} ms, {self.dropped}")


def warm_rows(build, o, functions, evoke_class):
    reference = subprocess.Popen([build / "bench/bench-reference"], stdout=subprocess.PIPE, text=True)
    running, absent, evoke = [], [], None
    try:
        port = int(reference.stdout.readline())
        running, absent = peer_programs.start_all()
        evoke = evoke_class("--keep-warm", "600").start()
        warm = Warm(build, o, evoke, running, port)
        for kind in functions.KINDS:
            for i, (_, instances, concurrency) in enumerate(SETTINGS):
                functions.make(evoke, kind, f"{kind}-{i}", instances, concurrency)
        for _, p, request in warm.targets():
            load(build, p, MANY, 300, request)
        warm.run()
        rows = warm.rows() + [("peer", text, "") for text in absent]
        rows.append(("memory, daemon RSS after the rows above", f"{rss_mib(evoke.pids()['daemon']):.1f} MiB", ""))
        print(warm.summary() + "\n", file=sys.stderr)
        return rows, warm.summary()
    finally:
        reference.kill()
        for p in running:
            p.stop()
        if evoke:
            stop(evoke)


# -- cold: one at a time, and a hundred at once ------------------------------------------------------------------------

def cold_starts(build, evoke, functions, kind, n, pause_s):
    """[(ms to the first byte, it was a spare)], client included: a new function each time, so always cold."""
    got = []
    client = Client(evoke)
    for i in range(n):
        name = f"cold-{i}"
        functions.make(evoke, kind, name)
        time.sleep(pause_s)
        before = counts(evoke)
        ms = load(build, evoke.port, 1, 0, invoke_request(evoke, name))["p50"] / 1000
        after = counts(evoke)
        if after["starts"] != before["starts"] + 1:
            raise RuntimeError(f"{kind}: {after['starts'] - before['starts']} starts for one invocation")
        got.append((ms, after.get("spares_used", 0) > before.get("spares_used", 0)))
        client.delete(name)
    return got


def cold_rows(build, o, functions, evoke_class):
    """Half of the starts with a pause before them, for a spare to be made again; half without."""
    rows = []
    for kind in functions.KINDS:
        evoke = evoke_class().start()
        try:
            got = cold_starts(build, evoke, functions, kind, o.cold // 2, PAUSE_S)
            got += cold_starts(build, evoke, functions, kind, o.cold - o.cold // 2, 0)
        finally:
            stop(evoke)
        for spare in (True, False):
            times = [ms for ms, was_spare in got if was_spare == spare]
            what = f"cold start, {kind}, {'with a spare' if spare else 'on demand'}, first byte"
            if not times:
                rows.append((what, f"none of {len(got)} starts was one", COLD_BUDGETS[kind, spare]))
                continue
            rows.append((f"{what}, p50 / p99 of {len(times)}",
                         f"{percentile(times, .5):.1f} / {percentile(times, .99):.1f} ms",
                         COLD_BUDGETS[kind, spare]))
    return rows


def burst_rows(build, o, functions, evoke_class):
    del o
    rows = []
    for kind in functions.KINDS:
        evoke = evoke_class().start()
        try:
            functions.make(evoke, kind, "burst")
            before = counts(evoke)["starts"]
            got = load(build, evoke.port, AT_ONCE, 0, invoke_request(evoke, "burst"), may_fail=True)
            starts = settled(evoke)["starts"] - before
        finally:
            stop(evoke)
        rows.append((f"{AT_ONCE} requests at once to a cold {kind} function, p50 / p99",
                     f"{got['p50'] / 1000:.0f} / {got['p99'] / 1000:.0f} ms, {got['errors']} errors, {starts} starts",
                     f"{BURST_BUDGETS[kind]}, 0 errors"))
    return rows


# -- memory ------------------------------------------------------------------------------------------------------------

def family(evoke):
    from evoked import children_of
    return {evoke.process.pid, *children_of(evoke.process.pid)}


def charged(evoke):
    """(cgroups, MiB charged to them), page tables, stacks and page cache included."""
    found = cgroups_of(family(evoke))
    return len(found), sum(found.values())


def reserve(evoke, name, n):
    """Have n instances made and kept, and wait for them."""
    from evoked import deadline
    r = Client(evoke).fg("PUT", f"/functions/{urn(name)}/reservedinstances", {"count": n})
    if r.status_code != 200:
        raise RuntimeError(r.text)
    for _ in deadline(120):
        i = counts(evoke)
        if i["idle"] >= n and i["starting"] == 0:
            return
        time.sleep(0.05)
    raise RuntimeError(f"{n} reserved instances were asked for: {i}")


def instance_rows(build, functions, kind, evoke_class):
    """Memory of one warm, idle instance that has run once: what n of them add."""
    n, per_gib = MEMORY[kind]
    evoke = evoke_class("--keep-warm", "600").start()
    try:
        functions.make(evoke, kind, "warm")
        load(build, evoke.port, 1, 0, invoke_request(evoke, "warm"))
        groups, before = charged(evoke)
        reserve(evoke, "warm", n)
        load(build, evoke.port, n, 1000, invoke_request(evoke, "warm"))
        settled(evoke)
        n_now = counts(evoke)["idle"] - 1
        groups, after = charged(evoke)
    finally:
        stop(evoke)
    budget = f">= {per_gib} in a GiB" if per_gib else ""
    one = (after - before) / n_now
    return [(f"memory, one warm idle {kind} instance, charged to cgroups (mean of {n_now})",
             f"{one:.2f} MiB: {1024 / one:.0f} in a GiB" if groups and one > 0 else "no memory cgroup here", budget)]


def idle_set_rows(build, functions, evoke_class):
    """Nothing runs and no instance is kept: daemon, launcher, slots, and what each runtime keeps ready."""
    evoke = evoke_class("--keep-warm", "1").start()
    try:
        rows = [idle_row("just started", evoke, "")]
        for kind in functions.KINDS:
            functions.make(evoke, kind, kind)
            load(build, evoke.port, 1, 0, invoke_request(evoke, kind))
            drained(evoke)
            rows.append(idle_row(f"{kind} used, too", evoke, "<= 60 MiB" if kind == "Python" else ""))
    finally:
        stop(evoke)
    return rows


def drained(evoke):
    """Until the last instance has ended."""
    from evoked import deadline
    for _ in deadline(30):
        i = counts(evoke)
        if i["idle"] + i["busy"] + i["starting"] == 0:
            return
        time.sleep(0.1)
    raise RuntimeError(f"instances do not end: {i}")


def idle_row(what, evoke, budget):
    pids = family(evoke)
    return (f"memory, idle set, {what}: PSS", f"{pss_mib(pids):.1f} MiB, {len(pids)} processes", budget)


def memory_rows(build, o, functions, evoke_class):
    del o
    rows = idle_set_rows(build, functions, evoke_class)
    for kind in functions.KINDS:
        rows += instance_rows(build, functions, kind, evoke_class)
    return rows


# -- daemon: many functions, large packages, sizes ---------------------------------------------------------------------

def thousand_rows(evoke_class):
    """1,000 functions that share one package: what the daemon holds, and how soon it is back."""
    evoke = evoke_class().start()
    try:
        empty = rss_mib(evoke.pids()["daemon"])
        client = Client(evoke)
        begin = time.monotonic()
        for i in range(FUNCTIONS):
            r = client.create(f"f{i}", ECHO_PY)
            if r.status_code != 200:
                raise RuntimeError(r.text)
        per_second = FUNCTIONS / (time.monotonic() - begin)
        full = rss_mib(evoke.pids()["daemon"])
        times = []
        for _ in range(7):
            evoke.stop()
            begin = time.monotonic()
            evoke.start()
            times.append((time.monotonic() - begin) * 1000)
        again = rss_mib(evoke.pids()["daemon"])
    finally:
        evoke.stop()
        evoke.cleanup()
    return [("memory, daemon RSS, idle, no functions", f"{empty:.1f} MiB", ""),
            (f"memory, daemon RSS, idle, {FUNCTIONS:,} functions, just created / after a restart",
             f"{full:.1f} / {again:.1f} MiB", "<= 20 MiB"),
            (f"start to READY, {FUNCTIONS:,} functions, p50 (range) of {len(times)}",
             f"{statistics.median(times):.0f} ms ({min(times):.0f} - {max(times):.0f})", "<= 100 ms"),
            ("functions created per second, one connection, Python client", f"{per_second:.0f}", "")]


def stall_rows(build, evoke):
    """How long a small request waits at most while a large package is taken in."""
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w", zipfile.ZIP_STORED) as z:
        z.writestr("index.py", ECHO_PY)
        z.writestr("blob", os.urandom(BIG_MB << 20))
    health = plain_request(evoke.port, "GET", "/healthz", b"")
    longest, quiet = [], load(build, evoke.port, 1, 2000, health)["longest"] / 1000
    for i in range(3):
        got = []
        pinger = threading.Thread(target=lambda: got.append(load(build, evoke.port, 1, 5000, health)))
        pinger.start()
        r = Client(evoke).create(f"big-{i}", zip_bytes=text.getvalue())
        pinger.join()
        if r.status_code != 200:
            raise RuntimeError(r.text)
        longest.append(got[0]["longest"] / 1000)
    return [(f"longest answer to /healthz while a package of {BIG_MB} MB is created (of 3; quiet: {quiet:.0f} ms)",
             f"{statistics.median(longest):.0f} ms ({min(longest):.0f} - {max(longest):.0f})", "")]


def size_rows(build):
    with tempfile.TemporaryDirectory() as d:
        sizes = {}
        for program in ("evoke", "evoke-launcher"):
            subprocess.run(["strip", "-o", f"{d}/{program}", build / program], check=True)
            sizes[program] = os.path.getsize(f"{d}/{program}") / 1e6
        env = {**os.environ, "DESTDIR": f"{d}/root"}
        subprocess.run(["meson", "install", "-C", str(build), "--no-rebuild", "--quiet", "--strip"], env=env, check=True,
                       capture_output=True)
        tree = sum(f.lstat().st_size for f in pathlib.Path(d, "root").rglob("*") if f.is_file()) / 1e6
    return [("size, program (launcher), stripped", f"{sizes['evoke']:.2f} ({sizes['evoke-launcher']:.2f}) MB", "<= 5 MB"),
            ("size, installed tree", f"{tree:.1f} MB", "<= 25 MB")]


def daemon_rows(build, o, functions, evoke_class):
    del o, functions
    evoke = evoke_class().start()
    try:
        rows = stall_rows(build, evoke)
    finally:
        stop(evoke)
    return rows + thousand_rows(evoke_class) + size_rows(build)


# -- events: in delivery.py, which asks where the build is when it is imported -----------------------------------------

def async_rows(*args):
    import delivery
    return delivery.async_rows(*args)


def timer_rows(*args):
    import delivery
    return delivery.timer_rows(*args)


# -- the gateway: in gate.py --------------------------------------------------------------------------------------------

def gateway_rows(*args):
    import gate
    return gate.gateway_rows(*args)


# -- each cloud's own API: in clouds.py ---------------------------------------------------------------------------------

def cloud_rows(*args):
    import clouds
    return clouds.cloud_rows(*args)


# -- all of it ---------------------------------------------------------------------------------------------------------

PARTS = {"warm": warm_rows, "cold": cold_rows, "burst": burst_rows, "memory": memory_rows, "daemon": daemon_rows,
         "async": async_rows, "timer": timer_rows, "gateway": gateway_rows, "clouds": cloud_rows}


def stop(evoke):
    evoke.stop()
    evoke.cleanup()


def measure(build, o, evoke_class):
    functions = Functions(build)
    rows, notes = [], []
    for name, part in PARTS.items():
        if o.part and name not in o.part:
            continue
        begin = time.monotonic()
        got = part(build, o, functions, evoke_class)
        if name == "warm":
            got, note = got
            notes.append(note)
        rows += got
        print(f"bench: {name} took {time.monotonic() - begin:.0f} s", file=sys.stderr)
    return rows, notes


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--build", default=str(ROOT / "build"))
    a.add_argument("--part", action="append", choices=PARTS, help="only this one; may be said again")
    a.add_argument("--rounds", type=int, default=7, help="of the warm part, and of acknowledgements")
    a.add_argument("--ms", type=int, default=600, help="of each measurement of a round")
    a.add_argument("--cold", type=int, default=200, help="cold starts of each runtime")
    a.add_argument("--apis", type=int, default=10_000, help="of the gateway's rows")
    o = a.parse_args()
    build = pathlib.Path(o.build).resolve()
    os.environ["EVOKE_BUILD"] = str(build)
    subprocess.run(["meson", "configure", str(build), "-Dtests=true"], check=True, capture_output=True)
    subprocess.run(["ninja", "-C", str(build), "evoke", "evoke-launcher", "evoke-runtimes", "bench/bench-load",
                    "bench/bench-fill", "bench/bench-reference", "tests/functions/native/echo/bootstrap"], check=True, capture_output=True)
    from evoked import Evoked

    rows, notes = measure(build, o, Evoked)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True,
                            check=False).stdout.strip() or "unknown"
    print(f"commit {commit}, {machine()}, load average {os.getloadavg()[1]:.1f}")
    print("".join(n + "\n" for n in notes))
    print("| what | measured | budget |\n| --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
