#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: the figures of docs/bench.md, as ratios to bench-reference measured in the same round.

usage: run.py [--build DIR] [--rounds N] [--ms N]

Rounds are interleaved (reference, then each row) and the medians of the per-round ratios are shown. A round in which the
reference's one-connection p50 is below 40 us is dropped: both ends then ran on one core. The invocation is
FunctionGraph's, signed: the same signed bytes are sent again and again (a signature is good for 15 minutes), and the daemon
checks it each time.
"""
import argparse
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lib"))

from signing import PROJECT, authorization, stamp, urn  # noqa: E402


def invoke_request(evoke, name, body=b'{"hello":"world"}'):
    """Bytes of one signed synchronous invocation."""
    path = f"/v2/{PROJECT}/fgs/functions/{urn(name)}/invocations"
    headers = {"content-type": "application/json", "host": f"127.0.0.1:{evoke.port}", "x-sdk-date": stamp()}
    auth = authorization("POST", path, "", headers, body, evoke.access_key, evoke.secret_key)
    head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    return (f"POST {path} HTTP/1.1\r\n{head}Authorization: {auth}\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode() + body


def load(build, port, connections, ms, request):
    with tempfile.NamedTemporaryFile() as f:
        f.write(request)
        f.flush()
        out = subprocess.run([build / "bench/bench-load", str(port), str(connections), str(ms), f.name],
                             capture_output=True, text=True, check=True)
    requests, errors, seconds, p50, p99 = out.stdout.split()
    if int(errors):
        raise RuntimeError(f"{errors} errors: {out.stderr}")
    return {"rps": int(requests) / float(seconds), "p50": float(p50), "p99": float(p99)}


def deploy(evoke, directory, manifest, files):
    directory.mkdir(exist_ok=True)
    for name, content in files.items():
        target = directory / name
        if isinstance(content, pathlib.Path):
            shutil.copy(content, target)
            target.chmod(0o755)
        else:
            target.write_text(content)
    (directory / "evoke.yaml").write_text(manifest)
    r = evoke.run("deploy", str(directory))
    if r.returncode:
        raise RuntimeError(r.stderr)


ECHO_PY = "def handler(event, context):\n    return event\n"


def manifest(name, runtime, handler):
    return (f"functions:\n  {name}:\n    runtime: {runtime}\n    handler: {handler}\n    account: {PROJECT}\n"
            f"    region: local-1\n    timeout: 30\n")


def rss_kb(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))


def warm(build, rounds, ms, evoke, reference_port):
    """Rows: one connection and 64 connections, for each function."""
    plain = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{reference_port}\r\nContent-Length: 17\r\n\r\n{{\"hello\":\"world\"}}"
    functions = ["echo-python", "echo-native"]
    ratios = {(f, what): [] for f in functions for what in ("p50", "p99", "rps")}
    references, dropped = [], 0
    for _ in range(rounds):
        ref1 = load(build, reference_port, 1, ms, plain.encode())
        ref64 = load(build, reference_port, 64, ms, plain.encode())
        if ref1["p50"] < 40:
            dropped += 1
        for f in functions:
            request = invoke_request(evoke, f)
            one = load(build, evoke.port, 1, ms, request)
            many = load(build, evoke.port, 64, ms, request)
            if ref1["p50"] >= 40:
                ratios[f, "p50"].append(one["p50"] / ref1["p50"])
                ratios[f, "p99"].append(one["p99"] / ref1["p99"])
            ratios[f, "rps"].append(many["rps"] / ref64["rps"])
        references.append((ref1["p50"], ref1["p99"], ref64["rps"]))
    return ratios, references, dropped


def cold(evoke, build, directory, runtime, handler, files, n):
    """First byte of a function's first invocation, client included, ms: a new function each time, so always cold."""
    times = []
    for i in range(n):
        name = f"cold-{i}"
        deploy(evoke, directory, manifest(name, runtime, handler), files)
        request = invoke_request(evoke, name)
        got = load(build, evoke.port, 1, 1, request)  # one request, then time is up
        times.append(got["p50"] / 1000)
        evoke.run("delete", name)
    return times


def start_time(n):
    from evoked import Evoked
    times = []
    for _ in range(n):
        e = Evoked()
        begin = time.monotonic()
        e.start()
        times.append((time.monotonic() - begin) * 1000)
        e.stop()
        e.cleanup()
    return times


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--build", default=str(ROOT / "build"))
    a.add_argument("--rounds", type=int, default=7)
    a.add_argument("--ms", type=int, default=1500)
    a.add_argument("--cold", type=int, default=50)
    o = a.parse_args()
    build = pathlib.Path(o.build).resolve()
    os.environ["EVOKE_BUILD"] = str(build)
    subprocess.run(["meson", "configure", str(build), "-Dtests=true"], check=True, capture_output=True)
    subprocess.run(["ninja", "-C", str(build), "bench/bench-load", "bench/bench-reference",
                    "tests/functions/native-echo"], check=True, capture_output=True)
    from evoked import Evoked

    native = build / "tests/functions/native-echo"
    rows = []
    work = pathlib.Path(tempfile.mkdtemp(prefix="evoke-bench-"))
    reference = subprocess.Popen([build / "bench/bench-reference"], stdout=subprocess.PIPE, text=True)
    evoke = Evoked().start()
    try:
        port = int(reference.stdout.readline())
        daemon = evoke.pids()["daemon"]
        rows.append(("memory, idle, no functions: daemon RSS", f"{rss_kb(daemon) / 1024:.1f} MiB", "<= 20 MiB with 1,000 functions"))
        deploy(evoke, work / "p", manifest("echo-python", "Python3.9", "index.handler"), {"index.py": ECHO_PY})
        deploy(evoke, work / "n", manifest("echo-native", "native", "bootstrap"), {"bootstrap": native})
        for f in ("echo-python", "echo-native"):
            load(build, evoke.port, 64, 1000, invoke_request(evoke, f))
        ratios, references, dropped = warm(build, o.rounds, o.ms, evoke, port)
        budgets = {("echo-python", "p50"): "<= 1.5", ("echo-python", "p99"): "<= 3", ("echo-python", "rps"): ">= 0.20",
                   ("echo-native", "p50"): "<= 1.5", ("echo-native", "p99"): "<= 3", ("echo-native", "rps"): ">= 0.45"}
        names = {"p50": "one connection, p50", "p99": "one connection, p99", "rps": "64 connections, requests/s"}
        for (f, what), values in ratios.items():
            if values:
                rows.append((f"{f}: {names[what]}",
                             f"{statistics.median(values):.2f} x ({min(values):.2f} - {max(values):.2f})", budgets[f, what]))
            else:
                rows.append((f"{f}: {names[what]}", "every round dropped (both ends on one core)", budgets[f, what]))
        ref = [statistics.median(x) for x in zip(*references)]
        c = cold(evoke, build, work / "c", "Python3.9", "index.handler", {"index.py": ECHO_PY}, o.cold)
        rows.append((f"cold start, Python, first byte, p50 / p99 of {len(c)}",
                     f"{percentile(c, .5):.1f} / {percentile(c, .99):.1f} ms", "6 ms on demand (3 with a spare)"))
        c = cold(evoke, build, work / "cn", "native", "bootstrap", {"bootstrap": native}, o.cold)
        rows.append((f"cold start, native, first byte, p50 / p99 of {len(c)}",
                     f"{percentile(c, .5):.1f} / {percentile(c, .99):.1f} ms", "6 ms on demand (2 with a spare)"))
        rows.append(("memory after the run: daemon RSS", f"{rss_kb(daemon) / 1024:.1f} MiB", ""))
    finally:
        reference.kill()
        evoke.stop()
        evoke.cleanup()
        shutil.rmtree(work, ignore_errors=True)
    s = start_time(10)
    rows.append(("start to READY, empty, p50 of 10", f"{statistics.median(s):.0f} ms", "<= 100 ms with 1,000 functions"))
    size = os.path.getsize(build / "evoke") + os.path.getsize(build / "evoke-launcher")
    stripped = subprocess.run(["sh", "-c", f"strip -o {work}.s {build}/evoke && stat -c %s {work}.s; rm -f {work}.s"],
                              capture_output=True, text=True, check=True).stdout.strip()
    rows.append(("program, stripped", f"{int(stripped) / 1e6:.2f} MB (with symbols and launcher {size / 1e6:.1f})", "<= 5 MB"))

    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True,
                            check=False).stdout.strip()
    print(f"commit {commit}, {os.cpu_count()} cores, kernel {platform.release()}, {o.rounds} rounds of {o.ms} ms, "
          f"{dropped} dropped for latency")
    print(f"reference: p50 {ref[0]:.0f} us, p99 {ref[1]:.0f} us, {ref[2]:.0f} requests/s with 64 connections\n")
    print("| what | measured | budget |\n| --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
