# SPDX-License-Identifier: Apache-2.0
"""Part `clouds`: the same call by each cloud's own API, versions and aliases beside latest, layers at a cold start.

A nonce of ACS3 is good for one request, so each request of this part is signed anew, before the clock starts.
"""
import base64
import http.client
import json
import statistics
import sys
import time

from rig import ECHO_PY, EVENT, PROJECT, ROOT, Client, cpu_us, percentile, rss_mib, urn, zip_of

sys.path.insert(0, str(ROOT / "tests/clients/conformance"))

import sign  # noqa: E402

CALLS = 200  # of each way in a round
COLD = 40     # functions with a layer, and as many without
VERSIONS = 1000
STARTS = 7
PACKAGE = base64.b64encode(zip_of({"index.py": ECHO_PY.encode()})).decode()
LAYER = base64.b64encode(zip_of({f"python/part{i}.py": b"x = 1\n" for i in range(100)})).decode()


class Caller:
    """One connection; signs as the cloud's SDKs do."""

    def __init__(self, evoke):
        self.host, self.how = f"127.0.0.1:{evoke.port}", sign.How(evoke.access_key, evoke.secret_key)
        self.connection = http.client.HTTPConnection("127.0.0.1", evoke.port, timeout=60)

    def signed(self, scheme, method, target, body, action=""):
        headers = {"host": self.host, "content-type": "application/json"}
        r = sign.Request(method, target, headers, body, PROJECT, action, "2018-04-16", "local-1")
        scheme(r, self.how)
        return r

    def timed(self, r):
        """(microseconds, what was answered)"""
        begin = time.monotonic()
        self.connection.request(r.method, r.target, r.body, r.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        us = (time.monotonic() - begin) * 1e6
        if answer.status >= 300 or b'"Error"' in text:
            raise RuntimeError(f"{r.target} {r.action}: {answer.status} {text!r}")
        return us, text

    def ask(self, *what, **more):
        return json.loads(self.timed(self.signed(*what, **more))[1])

    def fc(self, method, path, body):
        return self.ask(sign.acs3, method, "/2023-03-30" + path, json.dumps(body).encode())

    def scf(self, action, **body):
        return self.ask(sign.tc3, "POST", "/", json.dumps(body).encode(), action=action)


def fg(evoke, method, path, body):
    r = Client(evoke).fg(method, path, body)
    if r.status_code >= 300:
        raise RuntimeError(f"{path}: {r.status_code} {r.text}")


def ways(evoke, caller):
    """{what: a function that signs one call of it}; the first is what the others stand beside."""
    name = "/functions/" + urn("f")
    if Client(evoke).create("f", ECHO_PY).status_code != 200:
        raise RuntimeError("the function is not made")
    fg(evoke, "POST", name + "/versions", {"version": "v1"})
    fg(evoke, "PUT", name + "/config", {"func_name": "f", "runtime": "Python3.9", "timeout": 30, "handler": "index.handler", "memory_size": 128,
                                        "description": "another"})
    fg(evoke, "POST", name + "/versions", {"version": "v2"})
    fg(evoke, "POST", name + "/aliases", {"name": "half", "version": "v1", "additional_version_weights": {"v2": 50}})
    caller.fc("POST", "/functions", {"functionName": "f", "runtime": "python3.10", "handler": "index.handler", "code": {"zipFile": PACKAGE}})
    caller.scf("CreateFunction", FunctionName="warm", Runtime="Python3.9", Handler="index.handler", Code={"ZipFile": PACKAGE})
    event = json.dumps({"FunctionName": "warm", "ClientContext": EVENT.decode()}).encode()

    def of(tail):
        path = f"/v2/{PROJECT}/fgs/functions/{urn('f', tail)}/invocations"
        return lambda: caller.signed(sign.sdk, "POST", path, EVENT)

    return {"FunctionGraph, latest": of(":latest"), "FunctionGraph, a version": of(":v1"),
            "FunctionGraph, an alias of two versions": of(":!half"),
            "Function Compute 3.0 (ACS3)": lambda: caller.signed(sign.acs3, "POST", "/2023-03-30/functions/f/invocations", EVENT),
            "SCF, Invoke (TC3)": lambda: caller.signed(sign.tc3, "POST", "/", event, action="Invoke")}


def warm_rows(o, evoke_class):
    evoke = evoke_class("--keep-warm", "600").start()
    try:
        caller, pid = Caller(evoke), evoke.pids()["daemon"]
        made = ways(evoke, caller)
        first, p50, cpu = next(iter(made)), {w: [] for w in made}, {w: 0 for w in made}
        for i in range(o.rounds + 1):
            for what, one in made.items():
                requests = [one() for _ in range(CALLS)]
                before = cpu_us(pid)
                times = [caller.timed(r)[0] for r in requests]
                if i > 0:  # the round before the first makes the instances
                    cpu[what] += cpu_us(pid) - before
                    p50[what].append(statistics.median(times))
        rows = []
        for what, values in p50.items():
            ratio = statistics.median(a / b for a, b in zip(values, p50[first]))
            rows.append((f"warm call, {what}: p50, beside latest, CPU of the daemon",
                         f"{statistics.median(values):.0f} us, {ratio:.2f} x, {cpu[what] / o.rounds / CALLS:.1f} us", ""))
        return rows
    finally:
        evoke.stop()
        evoke.cleanup()


def cold_rows(evoke_class):
    """The first calls of as many functions with a layer of a hundred files as without, by turns."""
    evoke = evoke_class().start()
    try:
        caller, times = Caller(evoke), {"no layer": [], "a layer": []}
        arn = caller.fc("POST", "/layers/parts/versions", {"code": {"zipFile": LAYER}, "compatibleRuntime": ["python3.10"]})["layerVersionArn"]
        for i in range(COLD):
            for what, into in times.items():
                body = {"functionName": f"{what.replace(' ', '-')}-{i}", "runtime": "python3.10", "handler": "index.handler",
                        "code": {"zipFile": PACKAGE}, **({"layers": [arn]} if what == "a layer" else {})}
                caller.fc("POST", "/functions", body)
                r = caller.signed(sign.acs3, "POST", f"/2023-03-30/functions/{body['functionName']}/invocations", EVENT)
                into.append(caller.timed(r)[0] / 1000)
        return [(f"cold start, Python, {what}: p50 / p99 of {len(v)}", f"{statistics.median(v):.1f} / {percentile(v, .99):.1f} ms", "")
                for what, v in times.items()]
    finally:
        evoke.stop()
        evoke.cleanup()


def version_rows(evoke_class):
    evoke = evoke_class().start()
    try:
        caller = Caller(evoke)
        caller.scf("CreateFunction", FunctionName="many", Runtime="Python3.9", Handler="index.handler", Code={"ZipFile": PACKAGE})
        before, times = rss_mib(evoke.pids()["daemon"]), []
        for _ in range(VERSIONS):
            begin = time.monotonic()
            caller.scf("PublishVersion", FunctionName="many")
            times.append((time.monotonic() - begin) * 1000)
        after, starts = rss_mib(evoke.pids()["daemon"]), []
        for _ in range(STARTS):
            evoke.stop()
            begin = time.monotonic()
            evoke.start()
            starts.append((time.monotonic() - begin) * 1000)
        again = rss_mib(evoke.pids()["daemon"])
        return [(f"a version published, p50 / p99 of {VERSIONS:,}", f"{statistics.median(times):.1f} / {percentile(times, .99):.1f} ms", ""),
                (f"memory, daemon RSS, before / with {VERSIONS:,} versions / after a restart", f"{before:.1f} / {after:.1f} / {again:.1f} MiB", ""),
                (f"start to READY, {VERSIONS:,} versions, p50 (range) of {STARTS}",
                 f"{statistics.median(starts):.0f} ms ({min(starts):.0f} - {max(starts):.0f})", "")]
    finally:
        evoke.stop()
        evoke.cleanup()


def cloud_rows(build, o, functions, evoke_class):
    del build, functions
    return warm_rows(o, evoke_class) + cold_rows(evoke_class) + version_rows(evoke_class)
