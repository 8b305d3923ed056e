#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: the figures of docs/bench.md, as ratios to bench-reference measured in the same round.

usage: run.py [--build DIR] [--rounds N] [--ms N] [--cold N] [--warm]

Rounds are interleaved (reference, then each row) and the medians of the per-round ratios are shown, with the lowest and the
highest. A round in which the reference reached less than half of its best requests/s is dropped: somebody else had the
machine. For latency, so is a round in which its one-connection p50 is below 40 us: both ends then ran on one core. The invocation is FunctionGraph's, signed: the same signed bytes are sent again and again (a signature is good for
15 minutes), and the daemon checks it each time.
"""
import argparse
import io
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lib"))

from signing import PROJECT, Client, authorization, stamp, urn  # noqa: E402

ECHO_PY = "def handler(event, context):\n    return event\n"
MANY = 64         # connections of the throughput rows
POOLS = (2, 8)    # --instances of the additional throughput rows
FUNCTIONS = 1000  # of the memory and start rows
BIG_MB = 49       # of the package that is created beside small requests


# -- requests and load -------------------------------------------------------------------------------------------------

def plain_request(port, method="POST", path="/", body=b'{"hello":"world"}'):
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def invoke_request(evoke, name, body=b'{"hello":"world"}'):
    """Bytes of one signed synchronous invocation."""
    path = f"/v2/{PROJECT}/fgs/functions/{urn(name)}/invocations"
    headers = {"content-type": "application/json", "host": f"127.0.0.1:{evoke.port}", "x-sdk-date": stamp()}
    auth = authorization("POST", path, "", headers, body, evoke.access_key, evoke.secret_key)
    head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    return (f"POST {path} HTTP/1.1\r\n{head}Authorization: {auth}\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode() + body


def load(build, port, connections, ms, request):
    """ms = 0: one request per connection."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(request)
        f.flush()
        out = subprocess.run([build / "bench/bench-load", str(port), str(connections), str(ms), f.name],
                             capture_output=True, text=True, check=True)
    requests, errors, seconds, p50, p99, longest = out.stdout.split()
    if int(errors):
        raise RuntimeError(f"{errors} errors: {out.stderr}")
    return {"rps": int(requests) / float(seconds), "p50": float(p50), "p99": float(p99), "longest": float(longest)}


# -- functions ---------------------------------------------------------------------------------------------------------

def deploy(evoke, directory, manifest_text, files):
    directory.mkdir(exist_ok=True)
    for name, content in files.items():
        target = directory / name
        if isinstance(content, pathlib.Path):
            shutil.copy(content, target)
            target.chmod(0o755)
        else:
            target.write_text(content)
    (directory / "evoke.yaml").write_text(manifest_text)
    r = evoke.run("deploy", str(directory))
    if r.returncode:
        raise RuntimeError(r.stderr)


def manifest(name, runtime, handler):
    return (f"functions:\n  {name}:\n    runtime: {runtime}\n    handler: {handler}\n    account: {PROJECT}\n"
            f"    region: local-1\n    timeout: 30\n")


class Kinds:
    """The two echo functions: how to deploy them, under any name."""

    def __init__(self, build, work):
        native = build / "tests/functions/native/echo/bootstrap"
        self.work = work
        self.kinds = {"Python": ("Python3.9", "index.handler", {"index.py": ECHO_PY}),
                      "native": ("native", "bootstrap", {"bootstrap": native})}

    def deploy(self, evoke, kind, name):
        runtime, handler, files = self.kinds[kind]
        deploy(evoke, self.work / kind, manifest(name, runtime, handler), files)


# -- what the kernel says ----------------------------------------------------------------------------------------------

def rss_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024


def pss_mib(pids):
    total = 0
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"Pss:\s+(\d+)", text).group(1))
        except (OSError, AttributeError):
            pass  # it ended, or is a kernel's idea of a process
    return total / 1024


def instances(evoke):
    """Counts, once nothing runs or starts any more."""
    from evoked import deadline
    for _ in deadline(30):
        i = json.loads(evoke.run("status", "--output", "json").stdout)["instances"]
        if i["busy"] + i["starting"] + i["waiting"] == 0:
            return i
    raise RuntimeError(f"still busy: {i}")


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]



# -- rows: each returns [(what, measured, budget)] ---------------------------------------------------------------------

def ratio_row(what, values, budget):
    if not values:
        return (what, "every round dropped (both ends on one core)", budget)
    return (what, f"{statistics.median(values):.2f} x ({min(values):.2f} - {max(values):.2f})", budget)


def warm_rows(build, o, evoke, pools, reference_port):
    """One connection; 64 connections with as many instances as the daemon wants, then with few."""
    plain = plain_request(reference_port)
    rounds = []
    for _ in range(o.rounds):
        one = {"reference": load(build, reference_port, 1, o.ms, plain)}
        many = {"reference": load(build, reference_port, MANY, o.ms, plain)["rps"]}
        for kind in ("Python", "native"):
            one[kind] = load(build, evoke.port, 1, o.ms, invoke_request(evoke, kind))
            for e in [evoke, *pools]:
                many[kind, e] = load(build, e.port, MANY, o.ms, invoke_request(e, kind))["rps"]
        rounds.append((one, many))
    best = max(many["reference"] for _, many in rounds)
    quiet = [r for r in rounds if r[1]["reference"] >= best / 2]
    apart = [one for one, _ in quiet if one["reference"]["p50"] >= 40]
    got = {}
    for kind in ("Python", "native"):
        got[kind, "rps1"] = [one[kind]["rps"] for one, _ in quiet]
        for what in ("p50", "p99"):
            got[kind, what] = [one[kind][what] / one["reference"][what] for one in apart]
        for e in [evoke, *pools]:
            got[kind, "rps", e] = [many[kind, e] / many["reference"] for _, many in quiet]
    references = [(one["reference"]["p50"], one["reference"]["p99"], many["reference"]) for one, many in quiet]
    dropped = f"{len(rounds) - len(quiet)} dropped, {len(quiet) - len(apart)} more for latency"
    started = instances(evoke)["idle"]
    rows = []
    for kind, budget in (("Python", ">= 0.20"), ("native", ">= 0.45")):
        rows += [ratio_row(f"{kind}, one connection, p50", got[kind, "p50"], "<= 1.5"),
                 ratio_row(f"{kind}, one connection, p99", got[kind, "p99"], "<= 3"),
                 (f"{kind}, one connection, requests/s", f"{statistics.median(got[kind, 'rps1']):.0f}", ""),
                 ratio_row(f"{kind}, {MANY} connections, requests/s, no limit on instances", got[kind, "rps", evoke],
                           budget)]
        rows += [ratio_row(f"{kind}, {MANY} connections, requests/s, --instances {n}", got[kind, "rps", e], budget)
                 for n, e in zip(POOLS, pools)]
    rows.append((f"instances idle after {MANY} connections to two functions", str(started), ""))
    ref = [statistics.median(x) for x in zip(*references)]
    return rows, ref, dropped


def cold_rows(build, o, evoke, kinds):
    """First byte of a function's first invocation, client included: a new function each time, so always cold."""
    rows = []
    for kind, budget in (("Python", "6 ms on demand, 3 with a spare"), ("native", "6 ms on demand, 2 with a spare")):
        times = []
        for i in range(o.cold):
            name = f"cold-{i}"
            kinds.deploy(evoke, kind, name)
            times.append(load(build, evoke.port, 1, 0, invoke_request(evoke, name))["p50"] / 1000)
            evoke.run("delete", name)
        rows.append((f"cold start, {kind}, first byte, p50 / p99 of {len(times)}",
                     f"{percentile(times, .5):.1f} / {percentile(times, .99):.1f} ms", budget))
    for kind in ("Python", "native"):
        kinds.deploy(evoke, kind, "burst")
        before = instances(evoke)["starts"]
        got = load(build, evoke.port, 100, 0, invoke_request(evoke, "burst"))
        evoke.run("delete", "burst")
        rows.append((f"100 requests at once to a cold {kind} function, p50 / p99",
                     f"{got['p50'] / 1000:.0f} / {got['p99'] / 1000:.0f} ms, 0 errors, "
                     f"{instances(evoke)['starts'] - before} starts", "p99 <= 250 ms, 0 errors"))
    return rows


def instance_rows(build, evoke, kind):
    """Memory of one warm, idle instance: its processes' share, kernel memory not counted."""
    from evoked import children_of
    load(build, evoke.port, MANY, 1500, invoke_request(evoke, kind))
    ours = set(evoke.pids().values())
    n = instances(evoke)["idle"]
    pss = pss_mib(set(children_of(evoke.process.pid)) - ours)
    return [(f"memory, one warm idle {kind} instance (mean of {n}, PSS, sandbox's init included)",
             f"{pss / n:.1f} MiB", "<= 2.9 MiB (350 in a GiB)" if kind == "Python" else "")]


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


# -- all of it ---------------------------------------------------------------------------------------------------------

def measure(build, o, evoke_class):
    work = pathlib.Path(tempfile.mkdtemp(prefix="evoke-bench-"))
    kinds = Kinds(build, work)
    reference = subprocess.Popen([build / "bench/bench-reference"], stdout=subprocess.PIPE, text=True)
    daemons = []
    try:
        port = int(reference.stdout.readline())
        daemons += [evoke_class("--keep-warm", "600").start()]
        daemons += [evoke_class("--keep-warm", "600", "--instances", str(n)).start() for n in POOLS]
        for e in daemons:
            for kind in ("Python", "native"):
                kinds.deploy(e, kind, kind)
                load(build, e.port, MANY, 1000, invoke_request(e, kind))
        evoke = daemons[0]
        rows, ref, dropped = warm_rows(build, o, evoke, daemons[1:], port)
        while len(daemons) > 1:  # their instances are in nobody's way any more
            stop(daemons.pop())
        if o.warm:
            return rows, ref, dropped
        rows.append(("memory, daemon RSS after the rows above", f"{rss_mib(evoke.pids()['daemon']):.1f} MiB", ""))
        rows += cold_rows(build, o, evoke, kinds)
        rows += stall_rows(build, evoke)
    finally:
        reference.kill()
        for e in daemons:
            stop(e)
        shutil.rmtree(work, ignore_errors=True)
    for kind in ("Python", "native"):
        evoke = evoke_class("--keep-warm", "600").start()
        try:
            kinds.work.mkdir()
            kinds.deploy(evoke, kind, kind)
            rows += instance_rows(build, evoke, kind)
        finally:
            stop(evoke)
            shutil.rmtree(work, ignore_errors=True)
    return rows + thousand_rows(evoke_class) + size_rows(build), ref, dropped


def stop(evoke):
    evoke.stop()
    evoke.cleanup()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--build", default=str(ROOT / "build"))
    a.add_argument("--rounds", type=int, default=7)
    a.add_argument("--ms", type=int, default=1500, help="of each measurement of a round")
    a.add_argument("--cold", type=int, default=50, help="cold starts of each kind")
    a.add_argument("--warm", action="store_true", help="only the rows of warm functions")
    o = a.parse_args()
    build = pathlib.Path(o.build).resolve()
    os.environ["EVOKE_BUILD"] = str(build)
    subprocess.run(["meson", "configure", str(build), "-Dtests=true"], check=True, capture_output=True)
    subprocess.run(["ninja", "-C", str(build), "evoke", "evoke-launcher", "evoke-runtimes", "bench/bench-load", "bench/bench-reference",
                    "tests/functions/native/echo/bootstrap"], check=True, capture_output=True)
    from evoked import Evoked

    rows, ref, dropped = measure(build, o, Evoked)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True,
                            check=False).stdout.strip() or "unknown"
    print(f"commit {commit}, {os.cpu_count()} cores, kernel {platform.release()}, {o.rounds} rounds of {o.ms} ms, "
          f"{dropped}, load average {os.getloadavg()[1]:.1f}")
    print(f"reference: p50 {ref[0]:.0f} us, p99 {ref[1]:.0f} us, {ref[2]:.0f} requests/s with {MANY} connections\n")
    print("| what | measured | budget |\n| --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
