# SPDX-License-Identifier: Apache-2.0
"""Part `gateway`: a request through the gateway beside a bare invocation of the same function, in the same rounds."""
import base64
import concurrent.futures
import statistics
import time

from rig import PROJECT, Client, cpu_us, invoke_request, load, plain_request, rss_mib, urn, zip_of

MANY = 64
APIS, SMALL, PER_GROUP = 10_000, 10, 1000
MAKERS = 8  # who make the APIs, so that their commits are gathered

PAGE = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'ok'}\n"
ALLOW = ("def handler(event, context):\n"
         "    return {'statusCode': 200, 'body': '{\"status\":\"allow\",\"context\":{\"user\":\"me\"}}'}\n")
WSGI = ("def handler(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [b'ok']\n")
NODE = "exports.handler = (req, resp, context) => resp.send('ok');\n"

# name, and what it is
TARGETS = (("invoke", "bare invocation, signed"),
           ("open", "gateway, no authentication"),
           ("cached", "gateway, authorizer's answer cached"),
           ("uncached", "gateway, authorizer asked each time (two runs)"),
           ("mock", "gateway alone (mock backend)"),
           ("wsgi", "FC HTTP trigger, anonymous, WSGI"),
           ("node", "FC HTTP trigger, anonymous, Node"))


def done(r):
    if r.status_code >= 300:
        raise RuntimeError(f"{r.request.url}: {r.status_code} {r.text}")
    return r


def get(host, path, *headers):
    lines = "".join(f"{h}\r\n" for h in headers)
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode()


class Plane:
    """What the rows need, by the admin API."""

    def __init__(self, evoke):
        self.client, self.host = Client(evoke), f"127.0.0.1:{evoke.port}"

    def function(self, name, source):
        done(self.client.create(name, source, strategy_config={"concurrency": 2, "concurrent_num": 1}))

    def make(self, kind, parent=None, client=None, **body):
        of = {"dialect": "functiongraph", "account": PROJECT, "region": "local-1", "body": body}
        return done((client or self.client).call("POST", f"/evoke/v1/gateway/{kind}", {**of, **({"parent": parent} if parent else {})})).json()["id"]

    def authorizer(self, name, ttl):
        return self.make("authorizer", name=name, type="FRONTEND", authorizer_type="FUNC", authorizer_uri=urn("allow"), ttl=ttl,
                         identities=[{"name": "token", "location": "HEADER"}])

    def api(self, group, name, client=None, **fields):
        api = self.make("api", client=client, group_id=group, name=name, type=1, req_protocol="BOTH", req_method="GET", req_uri=f"/{name}",
                        **{"auth_type": "NONE", **fields})
        done((client or self.client).call("POST", f"/evoke/v1/gateway/api/{api}/publish", {}))

    def fc(self, name, runtime, source, filename):
        path = f"/evoke/v1/functions/fc/{PROJECT}/local-1/web/{name}"
        package = base64.b64encode(zip_of({filename: source.encode()})).decode()
        done(self.client.call("PUT", path, {"runtime": runtime, "handler": "index.handler", "code": {"zip": package}}))
        done(self.client.call("PUT", path + "/triggers/h", {"source": "http", "config": {"auth": "anonymous", "methods": ["GET"]}}))

    def requests(self, evoke):
        """{name: bytes of its request}"""
        self.function("page", PAGE)
        self.function("allow", ALLOW)
        self.fc("wsgi", "python3.9", WSGI, "index.py")
        self.fc("node", "nodejs16", NODE, "index.js")
        group = self.make("group", name="bench_group")
        page = {"backend_type": "FUNCTION", "func_info": {"function_urn": urn("page"), "invocation_type": "sync", "timeout": 20000,
                                                          "version": "latest"}}
        self.api(group, "open", **page)
        self.api(group, "cached", auth_type="AUTHORIZER", authorizer_id=self.authorizer("auth_cached", 3000), **page)
        self.api(group, "uncached", auth_type="AUTHORIZER", authorizer_id=self.authorizer("auth_asked", 0), **page)
        self.api(group, "mock", backend_type="MOCK", mock_info={"result_content": "ok"})
        at = {name: get(self.host, f"/apigw/{group}/{name}", "token: of-somebody") for name in ("open", "cached", "uncached", "mock")}
        for name in ("wsgi", "node"):
            at[name] = get(self.host, f"/2016-08-15/proxy/web/{name}/")
        return {"invoke": invoke_request(evoke, "page"), **at}


# -- beside a bare invocation ------------------------------------------------------------------------------------------

def path_rows(build, o, evoke_class):
    evoke = evoke_class("--keep-warm", "600").start()
    try:
        requests = Plane(evoke).requests(evoke)
        for request in requests.values():
            load(build, evoke.port, MANY, 200, request)
        one, many, cpu = {n: [] for n in requests}, {n: [] for n in requests}, {n: 0 for n in requests}
        pid = evoke.pids()["daemon"]
        for _ in range(o.rounds):
            for name, request in requests.items():
                one[name].append(load(build, evoke.port, 1, o.ms, request))
                before = cpu_us(pid)
                many[name].append(load(build, evoke.port, MANY, o.ms, request))
                cpu[name] += cpu_us(pid) - before
        return [row for name, what in TARGETS for row in rows_of(what, name, one, many, cpu)]
    finally:
        evoke.stop()
        evoke.cleanup()


def rows_of(what, name, one, many, cpu):
    def beside(rounds, key):
        if name == "invoke":
            return ""
        ratios = [x[key] / bare[key] for x, bare in zip(rounds[name], rounds["invoke"])]
        return f"; {statistics.median(ratios):.2f} x ({min(ratios):.2f} - {max(ratios):.2f})"

    def median(rounds, key):
        return statistics.median(x[key] for x in rounds[name])

    per = cpu[name] / sum(x["requests"] for x in many[name])
    return [(f"{what}, one connection, p50 / p99", f"{median(one, 'p50'):.0f} / {median(one, 'p99'):.0f} us{beside(one, 'p50')}", ""),
            (f"{what}, {MANY} connections, requests/s", f"{median(many, 'rps'):.0f}{beside(many, 'rps')}", ""),
            (f"{what}, CPU of the daemon", f"{per:.1f} us", "")]


# -- many APIs ---------------------------------------------------------------------------------------------------------

def make_apis(evoke, plane, first, n):
    """n more of them, each published by itself; APIs made per second."""
    groups = [plane.make("group", name=f"group_{first}_{i}") for i in range((n + PER_GROUP - 1) // PER_GROUP)]
    begin = time.monotonic()

    def some(k):
        client = Client(evoke)
        for i in range(k, n, MAKERS):
            plane.api(groups[i // PER_GROUP], f"api_{first + i}", client=client, backend_type="MOCK", mock_info={"result_content": "ok"})

    with concurrent.futures.ThreadPoolExecutor(MAKERS) as pool:
        list(pool.map(some, range(MAKERS)))
    return groups[-1], n / (time.monotonic() - begin)


def many_rows(build, o, evoke_class):
    evoke = evoke_class().start()
    try:
        plane, rows = Plane(evoke), []
        for n, first in ((SMALL, 0), (o.apis - SMALL, SMALL)):
            before = rss_mib(evoke.pids()["daemon"])
            group, per_second = make_apis(evoke, plane, first, n)
            request = get(plane.host, f"/apigw/{group}/api_{first + n - 1}")
            got = [load(build, evoke.port, 1, o.ms, request) for _ in range(o.rounds)]
            rows.append((f"gateway alone, {first + n:,} APIs, p50 / p99",
                         " / ".join(f"{statistics.median(x[key] for x in got):.0f}" for key in ("p50", "p99")) + " us", ""))
        rows.append((f"APIs made and published per second, {MAKERS} clients, up to {o.apis:,}", f"{per_second:.0f}", ""))
        grown = rss_mib(evoke.pids()["daemon"]) - before
        times = []
        for _ in range(5):
            evoke.stop()
            begin = time.monotonic()
            evoke.start()
            times.append((time.monotonic() - begin) * 1000)
        rows.append((f"memory, daemon RSS, what {n:,} published APIs add / all after a restart",
                     f"{grown:.1f} / {rss_mib(evoke.pids()['daemon']):.1f} MiB", ""))
        rows.append((f"start to READY, {o.apis:,} APIs, p50 (range) of {len(times)}",
                     f"{statistics.median(times):.0f} ms ({min(times):.0f} - {max(times):.0f})", "<= 1000 ms"))
        return rows
    finally:
        evoke.stop()
        evoke.cleanup()


def gateway_rows(build, o, functions, evoke_class):
    del functions
    return path_rows(build, o, evoke_class) + many_rows(build, o, evoke_class)
