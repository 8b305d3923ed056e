# SPDX-License-Identifier: Apache-2.0
"""Traces: W3C context in and on to the function, OTLP out to a collector that reads it with OpenTelemetry's own messages."""
import concurrent.futures
import io
import signal
import socket
import zipfile

import pytest

from collector import Collector, attributes
from evoked import BUILD, deadline
from signing import Client

ECHO = ("def handler(event, context):\n    print('hello')\n"
        "    return {'parent': getattr(context, 'traceparent', ''), 'state': getattr(context, 'tracestate', '')}\n")
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
ROOT = 2  # SPAN_KIND_SERVER


@pytest.fixture
def collector(request):
    c = Collector(getattr(request, "param", ()))
    yield c
    c.close()


@pytest.fixture
def traced(collector, evoke_factory):
    e = evoke_factory("--otlp-endpoint", collector.url)
    client = Client(e)
    assert client.create("echo", ECHO).status_code == 200
    return client


def roots(collector):
    return [s for s in collector.spans if s.kind == ROOT]


def children(collector, root):
    return {s.name: s for s in collector.spans if s.parent_span_id == root.span_id and s.trace_id == root.trace_id}


def check_tree(collector, root):
    """Each child inside its parent, one after the other, ids distinct. Returns the children."""
    kids = children(collector, root)
    assert len({s.span_id for s in collector.spans}) == len(collector.spans)
    for s in kids.values():
        assert root.start_time_unix_nano <= s.start_time_unix_nano <= s.end_time_unix_nano <= root.end_time_unix_nano, s.name
    order = [kids[n] for n in ("receive", "authorize", "queue", "start", "initialise", "run", "answer") if n in kids]
    for a, b in zip(order, order[1:]):
        assert a.end_time_unix_nano <= b.start_time_unix_nano, (a.name, b.name)
    return kids


def test_a_cold_and_a_warm_run_are_trees_of_spans(traced, collector):
    first = traced.invoke("echo")
    second = traced.invoke("echo")
    assert first.status_code == second.status_code == 200
    collector.wait(lambda c: len(roots(c)) == 2)
    path, headers, _ = collector.requests[0]
    assert path == "/v1/traces" and headers["Content-Type"] == "application/json"
    assert collector.resources[0]["service.name"] == "evoke"
    cold, warm = sorted(roots(collector), key=lambda s: s.start_time_unix_nano)
    assert cold.trace_id != warm.trace_id and not cold.parent_span_id
    kids = check_tree(collector, cold)
    assert set(kids) >= {"receive", "authorize", "queue", "initialise", "run", "answer"}
    assert set(check_tree(collector, warm)) == {"receive", "authorize", "queue", "run", "answer"}
    about = attributes(cold)
    assert about["faas.trigger"] == "http" and about["faas.coldstart"] is True and about["faas.name"] == "echo"
    assert about["faas.invocation_id"] == first.headers["X-Cff-Request-Id"] and about["faas.version"] == "latest"
    assert about["faas.instance"] and about["faas.max_memory"] == 128 << 20 and about["evoke.outcome"] == "ok"
    assert about["cloud.resource_id"].endswith("/default/echo")
    assert attributes(warm)["faas.coldstart"] is False
    assert cold.status.code == 0 and not cold.events
    assert abs(cold.start_time_unix_nano / 1e9 - __import__("time").time()) < 60


def test_the_callers_trace_is_carried_on_to_the_function(traced, collector):
    r = traced.invoke("echo", headers={"traceparent": SAMPLED, "tracestate": "a=1, b@c=x y"})
    collector.wait(lambda c: roots(c))
    (root,) = roots(collector)
    assert root.trace_id.hex() == TRACE and root.parent_span_id.hex() == PARENT and root.trace_state == "a=1, b@c=x y"
    assert r.json() == {"parent": f"00-{TRACE}-{root.span_id.hex()}-01", "state": "a=1, b@c=x y"}


def test_a_caller_that_is_not_sampled_is_followed(traced, collector):
    r = traced.invoke("echo", headers={"traceparent": NOT_SAMPLED})
    assert r.json()["parent"].startswith(f"00-{TRACE}-") and r.json()["parent"].endswith("-00")
    traced.invoke("echo")
    collector.wait(lambda c: roots(c))
    assert [s.trace_id.hex() == TRACE for s in roots(collector)] == [False]


MEETING_PYTHON = """
import threading

meeting = threading.Barrier(4)

def handler(event, context):
    meeting.wait(20)
    return {"traceparent": context.traceparent, "tracestate": context.tracestate}
"""
MEETING_NODE = """
let come = [];

exports.handler = async (event, context) => {
    await new Promise(go => {
        come.push(go);
        if (come.length === 4) {
            come.forEach(each => each());
            come = [];
        }
    });
    return { traceparent: context.traceparent, tracestate: context.tracestate };
};
"""


def native():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        info = zipfile.ZipInfo("bootstrap")
        info.create_system, info.external_attr = 3, 0o100755 << 16
        z.writestr(info, (BUILD / "tests/functions/native/echo/bootstrap").read_bytes())
    return out.getvalue()


@pytest.mark.parametrize("runtime, code, event", [
    ("Python3.9", {"source": MEETING_PYTHON}, b"{}"),
    ("Node.js18.15", {"source": MEETING_NODE, "code_filename": "index.js"}, b"{}"),
    ("native", {"zip_bytes": native}, b'"open"'),
])
def test_runs_side_by_side_in_one_instance_see_their_own_traces(traced, collector, runtime, code, event):
    """Four at once, three times; in Python and Node.js none goes on before all four are in the handler."""
    code = {k: v() if callable(v) else v for k, v in code.items()}
    made = traced.create("meet", runtime=runtime, strategy_config={"concurrency": 1, "concurrent_num": 4}, **code)
    assert made.status_code == 200, made.text

    def run(n):
        headers = {"traceparent": f"00-{n:032x}-{PARENT}-01", "tracestate": f"n={n}"}
        return n, Client(traced.evoke).invoke("meet", event, headers=headers)
    told = {}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for turn in range(3):
            for n, answer in pool.map(run, range(4 * turn + 1, 4 * turn + 5)):
                assert answer.status_code == 200 and answer.headers["X-Is-Func-Err"] == "false", answer.text
                told[n] = answer.json()
    collector.wait(lambda c: len(roots(c)) == 12)
    assert len({attributes(s)["faas.instance"] for s in roots(collector)}) == 1
    for root in roots(collector):
        n = int(root.trace_id.hex(), 16)
        assert told[n]["traceparent"] == f"00-{n:032x}-{root.span_id.hex()}-01" and told[n]["tracestate"] == f"n={n}"


def test_a_header_that_is_wrong_begins_a_new_trace(traced, collector):
    wrong = [SAMPLED.upper(), SAMPLED[:-1], SAMPLED + "-x", "ff" + SAMPLED[2:], SAMPLED.replace(TRACE, "0" * 32),
             SAMPLED.replace(PARENT, "0" * 16), "nonsense", "00-" + "g" * 32 + f"-{PARENT}-01"]
    for header in wrong:
        r = traced.invoke("echo", headers={"traceparent": header, "tracestate": "a=1"})
        assert TRACE not in r.json()["parent"] and r.json()["parent"].endswith("-01") and r.json()["state"] == "", header
    collector.wait(lambda c: len(roots(c)) == len(wrong))
    assert len({s.trace_id for s in roots(collector)}) == len(wrong)


def test_errors_timeouts_and_refusals_are_told(traced, collector):
    traced.create("fails", "def handler(event, context):\n    raise ValueError('no')\n")
    traced.create("slow", "import time\ndef handler(event, context):\n    time.sleep(60)\n", timeout=3)
    traced.create("broken", "import nothing_of_this_name\ndef handler(event, context):\n    pass\n")
    for name in ("fails", "slow", "broken"):
        traced.invoke(name)
    collector.wait(lambda c: len(roots(c)) == 3)
    by_name = {s.name: s for s in roots(collector)}
    outcomes = {"fails": "error", "slow": "timeout", "broken": "init_error"}
    for name, outcome in outcomes.items():
        root = by_name[name]
        assert root.status.code == 2 and attributes(root)["evoke.outcome"] == outcome
        (event,) = root.events
        assert event.name == "exception" and attributes(event)["exception.type"] == outcome
        check_tree(collector, root)
    assert "run" in children(collector, by_name["slow"]) and "run" not in children(collector, by_name["broken"])


def test_a_run_that_was_refused_has_a_trace_that_says_why(collector, evoke_factory):
    e = evoke_factory("--otlp-endpoint", collector.url, "--instances", "1", "--waiting", "1")
    client = Client(e)
    assert client.fg("POST", "/functions", {"func_name": "none", "package": "default", "runtime": "PHP7.3", "timeout": 3,
                                            "handler": "index.handler", "memory_size": 128, "code_type": "inline"}).status_code in (200, 400)
    client.invoke("none")
    client.create("echo", ECHO)
    client.invoke("echo")
    collector.wait(lambda c: any(s.name == "echo" for s in roots(c)))
    for root in roots(collector):
        if root.name == "none":
            assert root.status.code == 2 and root.status.message and attributes(root)["evoke.outcome"] == "cancelled"


def test_only_a_part_of_new_traces_is_sent(collector, evoke_factory):
    e = evoke_factory("--otlp-endpoint", collector.url, "--trace-ratio", "0")
    client = Client(e)
    client.create("echo", ECHO)
    assert client.invoke("echo").json()["parent"].endswith("-00")
    client.invoke("echo", headers={"traceparent": SAMPLED})
    collector.wait(lambda c: roots(c))
    assert [s.trace_id.hex() for s in roots(collector)] == [TRACE]


@pytest.mark.parametrize("collector", [[(429, {"Retry-After": "1"}), (503, {})]], indirect=True)
def test_a_collector_that_says_later_is_asked_again(traced, collector):
    traced.evoke.allow("does not take them, retrying: it answered 429")
    traced.invoke("echo")
    collector.wait(lambda c: roots(c))
    assert len(collector.requests) == 3 and len(roots(collector)) == 1
    assert len({body for _, _, body in collector.requests}) == 1, "the same batch each time"
    traced.evoke.wait_log("the collector takes traces again")


@pytest.mark.parametrize("collector", [[(400, {})]], indirect=True)
def test_what_a_collector_refuses_is_not_sent_again(traced, collector):
    traced.evoke.allow("does not take them, dropping them: it answered 400", "1 runs are in no trace")
    traced.invoke("echo")
    collector.wait(lambda c: len(c.requests) == 1)
    traced.invoke("echo", headers={"traceparent": SAMPLED})
    collector.wait(lambda c: roots(c))
    assert [s.trace_id.hex() for s in roots(collector)] == [TRACE]


def test_without_a_collector_runs_go_on_and_the_end_is_not_held_up(evoke_factory):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))  # nobody listens
    e = evoke_factory("--otlp-endpoint", f"http://127.0.0.1:{s.getsockname()[1]}")
    e.allow("does not take them, retrying", "1 runs are in no trace")
    client = Client(e)
    client.create("echo", ECHO)
    assert client.invoke("echo").status_code == 200
    e.wait_log("does not take them, retrying")
    e.stop()
    s.close()


@pytest.mark.parametrize("collector", [[None] * 100], indirect=True)
def test_a_collector_that_hangs_delays_nobody_and_the_end_by_its_bound_only(traced, collector):
    import time
    traced.evoke.allow("does not take them", "runs are in no trace")
    for _ in range(3):
        assert traced.invoke("echo").elapsed.total_seconds() < 2
    collector.wait(lambda c: c.requests)
    began = time.monotonic()
    traced.evoke.stop()
    assert time.monotonic() - began < 12


def test_what_waits_is_sent_when_the_daemon_ends(traced, collector):
    for _ in range(5):
        traced.invoke("echo")
    traced.evoke.stop()
    assert len(roots(collector)) == 5


def test_headers_and_name_come_from_the_environment_and_no_process_list_shows_them(collector, evoke_factory):
    e = evoke_factory(env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "mine",
                           "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=se%20cret,x-more=1"})
    client = Client(e)
    client.create("echo", ECHO)
    client.invoke("echo")
    collector.wait(lambda c: roots(c))
    headers = collector.requests[0][1]
    assert headers["x-api-key"] == "se cret" and headers["x-more"] == "1" and collector.resources[0]["service.name"] == "mine"
    for pid in e.pids().values():
        assert b"cret" not in open(f"/proc/{pid}/cmdline", "rb").read()


def test_wrong_options_are_told(evoke):
    for option, value in (("--otlp-endpoint", "collector:4318"), ("--trace-ratio", "1.5"), ("--trace-ratio", "-1"), ("--trace-ratio", "x")):
        p = evoke.run("serve", "--data", "/nonexistent/x", f"{option}={value}")
        assert p.returncode == 2 and option in p.stderr, p.stderr


def test_without_traces_the_function_is_told_of_none(evoke):
    client = Client(evoke)
    client.create("echo", ECHO)
    r = client.invoke("echo", headers={"traceparent": SAMPLED})
    assert r.json() == {"parent": "", "state": ""}


def samples(evoke, prefix):
    text = evoke.get("/metrics").text
    return {name: float(value) for name, value in (line.split() for line in text.splitlines() if line.startswith(prefix))}


def test_what_was_sent_and_what_was_not_is_counted(traced, collector):
    traced.invoke("echo")
    collector.wait(lambda c: roots(c))
    for _ in deadline(10):  # the text is made once a second
        told = samples(traced.evoke, "evoke_traces_")
        if told["evoke_traces_sent_total"] == 1:
            break
    assert told == {"evoke_traces_sent_total": 1, "evoke_traces_dropped_total": 0, "evoke_traces_failures_total": 0}


@pytest.mark.parametrize("collector", [[(400, {})]], indirect=True)
def test_what_was_refused_is_counted(traced, collector):
    traced.evoke.allow("does not take them, dropping them: it answered 400", "1 runs are in no trace")
    traced.invoke("echo")
    for _ in deadline(15):
        told = samples(traced.evoke, "evoke_traces_")
        if told["evoke_traces_dropped_total"] == 1:
            break
    assert told == {"evoke_traces_sent_total": 0, "evoke_traces_dropped_total": 1, "evoke_traces_failures_total": 1}


def test_where_nobody_traces_nothing_is_counted(evoke):
    assert samples(evoke, "evoke_traces_") == {}


def test_the_ratio_changes_with_a_reload(collector, evoke_factory, open_path):
    config = open_path / "evoke.yaml"
    config.write_text("trace-ratio: 0\n")
    e = evoke_factory("--config", str(config), "--otlp-endpoint", collector.url)
    client = Client(e)
    client.create("echo", ECHO)
    assert client.invoke("echo").json()["parent"].endswith("-00")
    config.write_text("trace-ratio: 1\n")
    e.process.send_signal(signal.SIGHUP)
    e.wait_log("reloaded: trace-ratio 1")
    assert client.invoke("echo").json()["parent"].endswith("-01")
