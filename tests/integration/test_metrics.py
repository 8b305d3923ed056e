# SPDX-License-Identifier: Apache-2.0
"""GET /metrics of a real daemon: what it tells, whom, how often; and the rules and the dashboard that build on it."""
import base64
import json
import pathlib
import re
import subprocess
import time

import pytest
import requests

from evoked import Evoked, deadline
from languages import LANGUAGES
from signing import PROJECT, Client
from test_native import create

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROMTOOL = ROOT / "build-tools/promtool"
PACKAGING = ROOT / "packaging"
PATH = f"functiongraph/{PROJECT}/local-1/default/"
OK = "def handler(event, context):\n    return 'x' * 100\n"
RAISES = "def handler(event, context):\n    raise ValueError('no')\n"
HANGS = "import time\n\ndef handler(event, context):\n    time.sleep(60)\n"
CALLS_US = """
import urllib.error, urllib.request

def handler(event, context):
    try:
        return urllib.request.urlopen("http://127.0.0.1:8900/metrics", timeout=5).status
    except urllib.error.HTTPError as e:
        return e.code
"""


def deploy(client, name, source, **settings):
    r = client.call("PUT", f"/evoke/v1/functions/{PATH}{name}",
                    {"runtime": "Python3.9", "handler": "index.handler", "code": {"source": source, "filename": "index.py"}, **settings})
    assert r.status_code in (200, 201), r.text


def invoke(client, name, event=None):
    r = client.call("POST", f"/evoke/v1/functions/{PATH}{name}/invoke", event or {})
    assert r.status_code == 200, r.text
    return r


SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


def parse(text):
    """{(name, frozenset of labels): value}; fails for a line that is none."""
    samples = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        m = SAMPLE.fullmatch(line)
        assert m, line
        key = (m[1], frozenset(LABEL.findall(m[2] or "")))
        assert key not in samples, f"twice: {line}"
        samples[key] = float(m[3])
    return samples


def names_in(text):
    """Of every family, whether it has a sample or not."""
    return set(re.findall(r"^# TYPE (\S+) ", text, re.M))


class Metrics:
    def __init__(self, daemon):
        text = daemon.get("/metrics").text
        self.text, self.samples = text, parse(text)

    def get(self, name, **labels):
        found = [v for (n, ls), v in self.samples.items() if n == name and set(labels.items()) <= ls]
        assert len(found) <= 1, f"{name} {labels} is {len(found)} series"
        return found[0] if found else None


def wait_for(daemon, good):
    """What is told is up to a second old."""
    for _ in deadline(10):
        m = Metrics(daemon)
        if good(m):
            return m
        time.sleep(0.05)
    raise AssertionError(m.text)


@pytest.fixture(scope="module", params=["root", "user"])
def daemon(request):
    with Evoked(unprivileged=request.param == "user") as e:
        yield e


@pytest.fixture
def client(daemon):
    return Client(daemon)


def test_runs_are_counted_where_they_belong(daemon, client):
    deploy(client, "ok", OK)
    deploy(client, "raises", RAISES)
    deploy(client, "hangs", HANGS, timeout_ms=3000)
    for _ in range(3):
        invoke(client, "ok", {"k": "v"})
    invoke(client, "raises")
    assert invoke(client, "hangs").headers["X-Evoke-Outcome"] == "timeout"
    m = wait_for(daemon, lambda m: m.get("faas_timeouts_total", function=PATH + "hangs"))
    of = {"function": PATH + "ok", "version": "latest", "trigger": "http"}
    assert m.get("faas_invocations_total", **of) == 3
    assert m.get("faas_errors_total", **of) == m.get("faas_timeouts_total", **of) == 0
    assert m.get("faas_coldstarts_total", **of) == 1
    assert m.get("faas_invoke_duration_seconds_count", **of) == 3
    assert 0 < m.get("faas_invoke_duration_seconds_sum", **of) < 10
    assert m.get("faas_invoke_duration_seconds_bucket", le="+Inf", **of) == 3
    assert m.get("faas_init_duration_seconds_count", **of) == 1
    assert 2**20 < m.get("faas_mem_usage_bytes_sum", **of) / 3 < 2**28
    assert m.get("faas_net_io_bytes_sum", **of) == 3 * (len('{"k": "v"}') + 100)
    assert m.get("faas_errors_total", function=PATH + "raises") == 1
    assert m.get("faas_invocations_total", function=PATH + "raises") == 0
    assert 3 <= m.get("faas_invoke_duration_seconds_sum", function=PATH + "hangs") < 10
    assert m.get("evoke_function_billed_seconds_total", **of) > 0
    assert m.get("evoke_function_instances", function=PATH + "ok") == 1


TIMES = {
    "python": ("Python3.9", "index.py", """
import time

def handler(event, context):
    if event == "sleep":
        return time.sleep(0.1)
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
"""),
    "node": ("Node.js18.15", "index.js", """
exports.handler = (event, context, callback) => {
  if (event === "sleep") return void setTimeout(() => callback(null, 1), 100);
  const begin = process.cpuUsage();
  for (let spent = 0; spent < 100000;) { const c = process.cpuUsage(begin); spent = c.user + c.system; }
  callback(null, 1);
};
"""),
}
RUNS = 4


def cpu_of(daemon, name, runs):
    """Seconds per run."""
    m = wait_for(daemon, lambda m: m.get("faas_cpu_usage_seconds_count", function=PATH + name) == runs)
    return m.get("faas_cpu_usage_seconds_sum", function=PATH + name) / runs


@pytest.mark.parametrize("worker", TIMES)
def test_who_computes_takes_more_cpu_than_who_sleeps(daemon, client, worker):
    LANGUAGES[worker].need()
    runtime, filename, source = TIMES[worker]
    for event in ("burn", "sleep"):
        deploy(client, f"{worker}-{event}", source, runtime=runtime, code={"source": source, "filename": filename})
        for _ in range(RUNS):
            assert invoke(client, f"{worker}-{event}", event).headers["X-Evoke-Outcome"] == "ok"
    burnt, slept = (cpu_of(daemon, f"{worker}-{event}", RUNS) for event in ("burn", "sleep"))
    assert 0.1 <= burnt < 0.25 and burnt > 5 * slept


def test_a_native_program_tells_its_cpu_time_too(daemon, client):
    for event in ("burn", "sleep"):
        create(client, f"native-{event}", "echo")
        for _ in range(RUNS):
            assert client.invoke(f"native-{event}", f'"{event}"'.encode()).status_code == 200
    burnt, slept = (cpu_of(daemon, f"native-{event}", RUNS) for event in ("burn", "sleep"))
    assert 0.1 <= burnt < 0.25 and burnt > 5 * slept


def test_of_runs_at_once_no_cpu_time_is_told(daemon, client):
    deploy(client, "shared", OK, instance_concurrency=4)
    invoke(client, "shared")
    m = wait_for(daemon, lambda m: m.get("faas_invocations_total", function=PATH + "shared") == 1)
    assert m.get("faas_cpu_usage_seconds_count", function=PATH + "shared") is None
    assert m.get("faas_mem_usage_bytes_count", function=PATH + "shared") == 1


def test_buckets_never_fall(daemon, client):
    deploy(client, "ok", OK)
    invoke(client, "ok")
    buckets = {}
    for (name, labels), value in Metrics(daemon).samples.items():
        if name.endswith("_bucket"):
            le = dict(labels)["le"]
            key = (name, frozenset(x for x in labels if x[0] != "le"))
            buckets.setdefault(key, []).append((float("inf") if le == "+Inf" else float(le), value))
    assert buckets
    for series in buckets.values():
        series.sort()
        assert [v for _, v in series] == sorted(v for _, v in series)
        assert series[-1][0] == float("inf")


def test_the_platform_tells_of_itself(daemon, client):
    deploy(client, "ok", OK)
    invoke(client, "ok")
    before = wait_for(daemon, lambda m: m.get("evoke_http_requests_total", api="admin", status="2xx"))
    assert client.call("GET", "/evoke/v1/functions/functiongraph/x/x/x/x").status_code == 404
    assert daemon.get("/healthz").status_code == 200
    m = wait_for(daemon, lambda m: m.get("evoke_http_requests_total", api="admin", status="4xx")
                 > before.get("evoke_http_requests_total", api="admin", status="4xx"))
    assert m.get("evoke_http_requests_total", api="house", status="2xx") >= 1
    assert m.get("evoke_launcher_up") == 1
    assert m.get("evoke_launcher_connects_total") == 1
    m = wait_for(daemon, lambda m: m.get("evoke_slots") and m.get("evoke_spares", worker="python") and m.get("evoke_zygotes", worker="python"))
    assert 1 <= m.get("evoke_slots") <= 8 and m.get("evoke_zygotes", worker="python") == 1 and m.get("evoke_zygote_restarts_total", worker="python") == 0
    assert m.get("evoke_spares", worker="native") is None and m.get("evoke_zygotes", worker="node") is None
    assert m.get("evoke_functions") >= 1
    assert m.get("evoke_instance_starts_total") >= 1
    assert m.get("evoke_instance_runs_total") >= 1
    assert m.get("evoke_store_writes_total") >= 1
    m = wait_for(daemon, lambda m: m.get("evoke_log_flushes_total"))
    assert 0 < m.get("evoke_log_flush_seconds_total") < 60
    assert m.get("evoke_audit_records_total") >= 1 and m.get("evoke_audit_disk_bytes") > 0
    assert m.get("evoke_audit_failures_total") == m.get("evoke_audit_lost_total") == 0
    assert m.get("evoke_store_errors_total") == 0
    assert m.get("process_start_time_seconds") == pytest.approx(time.time(), abs=600)
    assert 2**20 < m.get("process_resident_memory_bytes") < 2**28
    assert 5 < m.get("process_open_fds") < m.get("process_max_fds")
    assert m.get("process_cpu_seconds_total") > 0
    version = daemon.get("/version").json()["version"]
    assert m.get("evoke_build_info", version=version) == 1


def test_promtool_has_nothing_to_complain_of(daemon, client):
    need_promtool()
    deploy(client, "ok", OK)
    invoke(client, "ok")
    text = daemon.get("/metrics").text
    r = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert r.returncode == 0 and not r.stderr and not r.stdout, r.stdout + r.stderr


# ---- who may ask ----

def basic(key, secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()}


def new_key(client, name, scope):
    r = client.call("POST", "/evoke/v1/keys", {"name": name, "scope": [scope]})
    assert r.status_code == 201, r.text
    return r.json()


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "localhost", "[::1]:{port}", "127.1.2.3"])
def test_loopback_is_asked_nothing(daemon, host):
    r = daemon.get("/metrics", headers={"Host": host.format(port=daemon.port)})
    assert r.status_code == 200
    assert r.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "metrics.example:8900", "1127.0.0.1", "127.evil.example"])
def test_a_page_in_a_browser_is_not_let_in_by_a_name_of_its_own(daemon, host):
    r = daemon.get("/metrics", headers={"Host": host})
    assert r.status_code == 401
    assert r.headers["WWW-Authenticate"].startswith("Basic ")
    assert "faas_" not in r.text


def test_keys_need_the_scope(daemon, client):
    host = {"Host": "evoke.example"}
    scraper, reader = new_key(client, f"scraper-{time.time_ns()}", "metrics"), new_key(client, f"reader-{time.time_ns()}", "read")
    for access, secret, status in [(scraper["access_key"], scraper["secret_key"], 200), (reader["access_key"], reader["secret_key"], 401),
                                   (daemon.access_key, daemon.secret_key, 200), (scraper["access_key"], "wrong", 401),
                                   ("NOBODY", scraper["secret_key"], 401), (scraper["access_key"], "", 401)]:
        assert daemon.get("/metrics", headers=host | basic(access, secret)).status_code == status
    # Who shows a key is judged by it, also from here.
    assert daemon.get("/metrics", headers=basic(scraper["access_key"], "wrong")).status_code == 401
    assert daemon.get("/metrics", headers=host | {"Authorization": "Basic !!"}).status_code == 401
    assert daemon.get("/metrics", headers=host | {"Authorization": "Bearer x"}).status_code == 401


def test_other_methods_and_paths_are_no_metrics(daemon):
    assert requests.post(daemon.url + "/metrics", timeout=30).status_code == 405
    assert daemon.get("/metrics/").status_code == 404
    assert daemon.get("/metricsx").status_code == 404


def test_a_function_cannot_read_what_others_are_called(daemon, client):
    deploy(client, "spy", CALLS_US, network="endpoint")
    r = invoke(client, "spy")
    assert r.headers["X-Evoke-Outcome"] == "ok" and r.json() == 404, r.text


# ---- bounds ----

def test_a_hundred_scrapes_make_the_text_a_few_times(daemon, client):
    deploy(client, "ok", OK)
    invoke(client, "ok")
    begin = time.monotonic()
    before = Metrics(daemon).get("evoke_metrics_renders_total")
    session = requests.Session()
    for _ in range(100):
        assert session.get(daemon.url + "/metrics", timeout=30).status_code == 200
    after = Metrics(daemon).get("evoke_metrics_renders_total")
    assert after - before <= time.monotonic() - begin + 1
    session.close()


def test_functions_beyond_the_limit_are_summed(evoke_factory):
    daemon = evoke_factory("--metrics-functions", "2")
    client = Client(daemon)
    for name in ("a", "b", "c", "d"):
        deploy(client, name, OK)
        invoke(client, name)
    m = wait_for(daemon, lambda m: m.get("faas_invocations_total", function="_other") == 2)
    assert m.get("faas_invocations_total", function=PATH + "a") == 1
    assert m.get("faas_invocations_total", function=PATH + "b") == 1
    assert m.get("faas_invocations_total", function=PATH + "c") is None
    assert m.get("evoke_metrics_functions") == 3


# ---- packaging ----

def need_promtool():
    if not PROMTOOL.exists():
        pytest.skip("promtool is missing: tools/setup.sh test brings it")


def words_of(expression):
    """What looks like a metric in PromQL: identifiers that are no label, function or keyword."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\[[^]]*\]", "", bare)
    bare = re.sub(r"\{[^}]*\}", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left)\s*\([^)]*\)", "", bare)
    return {w for w in re.findall(r"[a-zA-Z_:][\w:]*", bare) if "_" in w or ":" in w or w == "up"} - {
        "histogram_quantile", "label_values"}


def strip_suffix(name, known):
    for suffix in ("_bucket", "_sum", "_count"):
        if name.endswith(suffix) and name.removesuffix(suffix) in known:
            return name.removesuffix(suffix)
    return name


def expressions():
    rules = (PACKAGING / "prometheus/evoke.rules.yml").read_text()
    records = set(re.findall(r"- record: (\S+)", rules))
    found = [("rules", e) for e in re.findall(r"expr: (?:\|\n((?:          .*\n)+)|(.*)\n)", rules) for e in e if e]
    dashboard = json.loads((PACKAGING / "grafana/evoke.json").read_text())
    for panel in dashboard["panels"]:
        found += [(panel["title"], t["expr"]) for t in panel.get("targets", [])]
    for variable in dashboard["templating"]["list"]:
        if isinstance(variable["query"], dict):
            found += [(variable["name"], variable["query"]["query"].replace("label_values(", "").rsplit(",", 1)[0])]
    return records, found


def test_every_metric_that_rules_and_dashboard_name_is_there(daemon):
    known = names_in(daemon.get("/metrics").text)
    records, found = expressions()
    assert len(found) > 50
    for where, expression in found:
        words = {strip_suffix(w, known) for w in words_of(expression)} - records - {"up"}
        assert words or "up" in expression or records & words_of(expression), f"{where}: {expression}"
        assert words <= known, f"{where} names {words - known}"


def test_the_dashboard_can_be_imported():
    dashboard = json.loads((PACKAGING / "grafana/evoke.json").read_text())
    ids = [p["id"] for p in dashboard["panels"]]
    assert len(ids) == len(set(ids)) and dashboard["uid"] == "evoke" and dashboard["schemaVersion"] >= 36
    for p in dashboard["panels"]:
        place = p["gridPos"]
        assert place["x"] + place["w"] <= 24
        if p["type"] != "row":
            assert p["title"] and p["description"] and p["datasource"]["uid"] == "${datasource}"
            assert all(t["expr"] and t["refId"] for t in p["targets"])


@pytest.mark.parametrize("command", [("check", "rules", "evoke.rules.yml"), ("test", "rules", "evoke.rules.test.yml"),
                                     ("check", "config", "prometheus.example.yml")])
def test_promtool_takes_the_rules(command):
    need_promtool()
    r = subprocess.run([PROMTOOL, *command], cwd=PACKAGING / "prometheus", capture_output=True, text=True, timeout=60, check=False)
    assert r.returncode == 0 and "FAILED" not in r.stdout + r.stderr, r.stdout + r.stderr


def test_every_alert_says_what_to_do():
    text = (PACKAGING / "prometheus/evoke.rules.yml").read_text()
    alerts = text.split("- alert: ")[1:]
    assert len(alerts) >= 15
    for alert in alerts:
        assert re.search(r"runbook: .{40,}", alert) and "summary: " in alert and "severity: " in alert, alert
