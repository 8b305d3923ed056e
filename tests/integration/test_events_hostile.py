# SPDX-License-Identifier: Apache-2.0
"""Asynchronous events and triggers as somebody would send them who means harm, or whose client is broken: whatever comes is refused
with a sentence or taken and handled to its end, and the daemon says nothing in its log that its operator need not know (the harness
looks). What a client gets wrong by accident stands in test_events_api.py and beside the clouds' SDKs."""
import contextlib
import http.server
import json
import threading

import pytest

from evoked import deadline
from events import Events, key
from signing import PROJECT, Client, urn

OTHER = "fedcba9876543210fedcba9876543210"
SOURCE = """
def handler(event, context):
    what = event.get("do") if isinstance(event, dict) else ""
    if what == "nul":
        print("before\\0after")
        raise ValueError("a\\0b" + chr(27) + "[31m\\ud800")
    if what == "long":
        raise ValueError("x" * 100000)
    return "ok"
"""


def at(name, account=PROJECT, region="local-1", dialect="functiongraph"):
    return f"{dialect}/{account}/{region}/default/{name}"


def deploy(client, name, account=PROJECT, **settings):
    return client.call("PUT", f"/evoke/v1/functions/{at(name, account)}", {
        "runtime": "Python3.9", "handler": "index.handler", "code": {"source": SOURCE, "filename": "index.py"}, **settings})


@pytest.fixture(scope="module")
def made(_module_daemon):
    c = Client(_module_daemon)
    for name, account in (("f", PROJECT), ("other", OTHER)):
        assert deploy(c, name, account, **{"async": {"max_retries": 0}}).status_code == 201
    return _module_daemon


@pytest.fixture
def e(made, evoke_shared):
    return Events(evoke_shared, "f")


def ended(events, ident):
    for _ in deadline(30):
        ev = events.get(ident)
        if ev["state"] not in ("waiting", "running"):
            return ev
        events.evoke.read_log(0.02)
    raise AssertionError(f"has not ended: {ev}")


def refused(r, status=400):
    assert r.status_code == status, (r.status_code, r.text[:500])
    return r.text


# ---- events ----

@pytest.mark.parametrize("ident", ["i" * 128, "-", "_.-", "...", "redrive", "purge"])
def test_a_name_of_ones_own_lives_its_whole_life(e, ident):
    """Whatever follows from an id (the runtime, the log, its record) knows it as it is."""
    event = e.put({"do": "long"}, **{"x-evoke-event-id": ident})
    assert event.startswith(ident + ".")
    ev = ended(e, event)
    assert (ev["state"], ev["id"], len(ev["tries"])) == ("dead", event, 1), ev
    refused(e.client.call("DELETE", f"/evoke/v1/events/{event}"), 409)


@pytest.mark.parametrize("ident", ["", "a\tb", "a\x0bb", "\xe4", "a%00b", "a;b", "a:b", "../x", "a\\b", "{}", "x" * 129, "x" * 7000])
def test_no_other_id_is_taken(e, ident):
    before = e.ledger()
    r = e.client.call("POST", f"/evoke/v1/functions/{key('f')}/invoke", b"{}", query="async=true",
                      headers={"x-evoke-event-id": ident})
    assert r.status_code in (400, 401, 431), (r.status_code, r.text)  # 401: not as it was signed
    assert e.ledger() == before


@pytest.mark.parametrize("do", ["nul", "long"])
def test_what_a_function_says_cannot_spoil_its_record(e, do):
    ev = ended(e, e.put({"do": do}))
    assert ev["state"] == "dead" and len(ev["tries"]) == 1, ev
    assert "errorMessage" in ev["tries"][0]["error"] and len(ev["tries"][0]["error"]) <= 1024
    assert "\x00" not in json.dumps(ev["error"])


@pytest.mark.parametrize("body", [
    {"since_ms": 2**63}, {"since_ms": 1e400}, {"since_ms": -(2**63)}, {"since_ms": "1"}, {"since_ms": 0.5}, {"limit": True}, {"limit": []},
    {"function": 5}, {"function": None}, {"function": "/" * 5}, {"function": "functiongraph//r/s/n"}, {"function": at("f") + "/x"},
    {"function": "functiongraph/%2e%2e/../default/" + "x" * 3000}, {"id": {"a": 1}}, {"id": "\x00"}, {"source": ["x"]}, {"": 1},
    {"function": "http/http://127.0.0.1:1/"}, "text", 5, None, True])
@pytest.mark.parametrize("op", ["redrive", "purge"])
def test_filters_that_mean_nothing_act_on_nothing(e, op, body):
    before = e.ledger()
    text = json.dumps(body).replace("Infinity", "1e400").encode()
    refused(e.client.call("POST", "/evoke/v1/events/" + op, text))
    assert e.ledger() == before


@pytest.mark.parametrize("text", [b'{"limit":NaN}', b'{"limit":1e999}', b"[" * 10000, b'{"a":' * 5000 + b"1" + b"}" * 5000,
                                  b'{"function":"\xff\xfe"}', b'{"id":"\\ud800"}', b'{"id":"a\\u0000b"}', b"", b"\x00", b"{}{}", b"\xef\xbb\xbf{}x"])
@pytest.mark.parametrize("where", ["redrive", "purge", "trigger", "deploy"])
def test_texts_that_are_no_json_are_refused(e, where, text):
    method, path = {"redrive": ("POST", "events/redrive"), "purge": ("POST", "events/purge"),
                    "trigger": ("PUT", f"functions/{at('f')}/triggers/t"), "deploy": ("PUT", f"functions/{at('g')}")}[where]
    refused(e.client.call(method, "/evoke/v1/" + path, text))
    assert e.call("GET", "triggers", function=at("f")).json()["triggers"] == []


# ---- triggers ----

ZONES = ["../../etc/passwd", "/etc/passwd", "/usr/share/zoneinfo/UTC", "Asia/../../../../etc/passwd", "./UTC", "Asia//Shanghai", "Asia/", "Asia",
         "tzdata.zi", "zone.tab", "posixrules", "localtime", "right/UTC", "Z" * 300, "Asia/Shanghai\n", ":UTC", "%s%n", "Asia\\Shanghai"]


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_is_a_name_and_no_path(e, zone):
    for config in ({"schedule": "0 0 0 * * *", "zone": zone}, {"schedule": f"CRON_TZ={zone} 0 0 0 * * *"}):
        told = refused(e.client.call("PUT", f"/evoke/v1/functions/{at('f')}/triggers/z", {"source": "timer", "config": config}))
        assert "root:" not in told and len(told) < 1000


@pytest.mark.parametrize("config", [
    {"schedule": "0 " * 5000}, {"schedule": "0 0 0 * * " + "1," * 5000 + "1"}, {"schedule": "*/" + "9" * 10000 + " * * * * *"},
    {"schedule": "0 0 0 30 2 *"}, {"schedule": "0-9223372036854775808 0 0 * * *"}, {"schedule": "-1 0 0 * * *"}, {"schedule": "0 0 0 * * \n"},
    {"schedule": "@every " + "9" * 40 + "s"}, {"schedule": "@every 0s"}, {"schedule": "@every -5m"}, {"schedule": "@every"},
    {"schedule": "@reboot"}, {"schedule": "@every 1e3s"}, {"schedule": None}, {"schedule": 5}, {"schedule": ["0 0 0 * * *"]}, {"schedule": ""},
    {"schedule": "0 0 0 * * *", "zone": 8}, {"schedule": "0 0 0 * * *", "payload": {"a": 1}},
    {"schedule": "0 0 0 * * *", "payload": "x" * 70000}, {"schedule": "0 0 0 * * *", "missed": 1}, {"schedule": "0 0 0 * * *", "syntax": "fg"},
    {"schedule": "0 0 0 * * *", "more": [[[[]]]]}, {"Schedule": "0 0 0 * * *"}, {"schedule": "3m", "syntax": "fg-rate", "zone": "x" * 65536}])
def test_what_is_no_timer_is_refused(e, config):
    told = refused(e.client.call("PUT", f"/evoke/v1/functions/{at('f')}/triggers/t", {"source": "timer", "config": config}))
    assert len(told) < 2000
    assert e.call("GET", "triggers", function=at("f")).json()["triggers"] == []


@pytest.mark.parametrize("data", [
    {"schedule": "0 " * 5000}, {"schedule": 2**63}, {"schedule": {}}, {"schedule_type": 5}, {"schedule_type": "x" * 10000}, {"name": 5}, {"name": ["T"]},
    {"name": "T" * 70000}, {"user_event": 5}, {"user_event": {"a": [1]}}, {"user_event": "x" * 4097}, {"schedule": "0 0 0 30 2 ?"},
    *({"schedule": f"CRON_TZ={zone} 0 0 0 * * ?"} for zone in ZONES), {"sync_execution": 1}, {"missed_policy": 5}])
def test_a_clouds_timer_is_as_strict(e, data):
    good = {"name": "T", "schedule_type": "Cron", "schedule": "0 0 0 * * ?"}
    r = e.client.fg("POST", f"/triggers/{urn('f')}", {"trigger_type_code": "TIMER", "trigger_status": "ACTIVE", "event_data": {**good, **data}})
    assert r.json()["error_code"] in ("FSS.1109", "FSS.0400") and "root:" not in refused(r) and len(r.text) < 2000, r.text
    assert e.client.fg("GET", f"/triggers/{urn('f')}").json() == []


# ---- rules and destinations ----

@pytest.mark.parametrize("rules", [
    {"max_age_s": 2**63}, {"max_age_s": 1.5}, {"max_age_s": "60"}, {"max_retries": 1e300}, {"max_retries": []},
    *({"on_failure": {"kind": "http", "to": to}} for to in (
        "http://", "https://", "http:///x", "http://x y/", "http://x/\r\nX-Evil: 1", "http://x/\x01", "http://x/\x7f", "HTTP://x/", "file:///etc/passwd",
        "gopher://127.0.0.1:25/x", "dict://x/", "//x/", "http:x", "http://?x", "http://x/\xe4", "")),
    {"on_failure": {"kind": "http", "to": 5}}, {"on_failure": {"kind": "http", "to": "http://x/", "more": 1}}, {"on_failure": {"kind": 1, "to": "http://x/"}},
    {"on_failure": {"kind": "function", "to": at("x" * 1990)}}, {"on_failure": {"kind": "function", "to": "http/a/b/c/d"}},
    {"on_failure": {"kind": "function", "to": at("%00")}}, {"on_failure": [1, 2]}])
def test_no_function_is_deployed_with_rules_that_cannot_be_followed(e, rules):
    told = refused(deploy(e.client, "ruled", **{"async": rules}))
    assert "async" in told and len(told) < 2000
    refused(e.client.call("GET", f"/evoke/v1/functions/{at('ruled')}"), 404)


@pytest.mark.parametrize("body", [
    {"max_async_event_age_in_seconds": 2**63}, {"max_async_event_age_in_seconds": 1e400},
    {"max_async_event_age_in_seconds": 1.5}, {"max_async_event_age_in_seconds": True}, {"max_async_retry_attempts": -(2**63)},
    {"max_async_retry_attempts": "NaN"}, {"max_async_retry_attempts": [1]}, {"max_async_retry_attempts": {}}, {"enable_async_status_log": 1},
    {"destination_config": 5}, {"destination_config": []}, {"destination_config": "x"},
    {"destination_config": {"on_success": []}}, {"destination_config": {"on_success": {"destination": 5, "param": "{}"}}},
    {"destination_config": {"on_success": {"destination": "HTTP", "param": {"url": "http://x/"}}}},
    {"destination_config": {"on_success": {"destination": "HTTP", "param": '{"url":5}'}}},
    {"destination_config": {"on_success": {"destination": "HTTP", "param": "[" * 4000}}},
    {"destination_config": {"on_success": {"destination": "HTTP", "param": " " * 4097}}},
    *({"destination_config": {"on_success": {"destination": "HTTP", "param": json.dumps({"url": url})}}} for url in (
        "http://x/\r\nX-Evil: 1", "file:///etc/passwd", "gopher://x/", "http://u:p@", "http://x/\x00", "http://@/", "javascript:x")),
    *({"destination_config": {"on_failure": {"destination": "FunctionGraph", "param": json.dumps({"func_urn": to})}}} for to in (
        "f", urn("f"), urn("f", ":latest"), urn("other").replace(PROJECT, OTHER), urn("f").replace("local-1", "local-2"), "../f", "f\n", "%66", "f:latest:x",
        ":" * 300, "x" * 5000, urn("f", ":!a"), 5))])
def test_a_clouds_rules_are_as_strict(e, body):
    deploy(e.client, "bare")
    name = "f" if "func_urn" in json.dumps(body) else "bare"
    text = json.dumps(body).replace("Infinity", "1e400").encode()
    before = e.client.fg("GET", f"/functions/{urn(name)}/async-invoke-config").text
    r = e.client.fg("PUT", f"/functions/{urn(name)}/async-invoke-config", text)
    assert r.status_code in (400, 404) and r.json()["error_code"].startswith("FSS.") and len(r.text) < 2000, r.text
    told = e.client.fg("GET", f"/functions/{urn(name)}/async-invoke-config").text
    assert name == "f" and told == before or "FSS.0404" in told


@contextlib.contextmanager
def endpoint(answer):
    """answer(connection, head) is what a server does with a request; the URL it is at, and the heads that came."""
    heads = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            heads.append(dict(self.headers))
            self.rfile.read(int(self.headers["Content-Length"]))
            self.close_connection = True
            with contextlib.suppress(OSError):
                answer(self.connection)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", heads
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def record_of(events, to):
    for _ in deadline(30):
        for ev in events.call("GET", "events").json()["events"]:
            if ev["function"] == "http/" + to:
                ev = events.get(ev["id"])
                if ev["tries"]:
                    return ev
        events.evoke.read_log(0.02)
    raise AssertionError("it was not told to " + to)


ANSWERS = {
    "much": (lambda s: s.sendall(b"HTTP/1.1 400 No\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 10_000_000), "dead", "http 400"),
    "no text": (lambda s: s.sendall(b"HTTP/1.1 400 No\r\nContent-Length: 4\r\n\r\n\xff\x00\x80\x1b"), "dead", "http 400"),
    "closes": (lambda s: None, "waiting", "no answer"),
    "half": (lambda s: s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"), "waiting", "no answer"),
    "garbage": (lambda s: s.sendall(b"\x00\xff" * 500), "waiting", "no answer"),
    "huge head": (lambda s: s.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2_000_000 + b"\r\n\r\n"), "waiting", "no answer"),
    "elsewhere": (lambda s: s.sendall(b"HTTP/1.1 307 Go\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"), "waiting", "http 307"),
    "status": (lambda s: s.sendall(b"HTTP/1.1 999999 X\r\n\r\n"), "waiting", "no answer"),
}


@pytest.mark.parametrize("how", ANSWERS)
def test_an_endpoint_may_answer_anything(e, how):
    answer, state, outcome = ANSWERS[how]
    with endpoint(answer) as (address, heads):
        to = f"http://{address}/{how.replace(' ', '-')}"
        e.rules(0, on_success={"destination": "HTTP", "param": json.dumps({"url": to})})
        ended(e, e.put({}))
        ev = record_of(e, to)
    e.client.fg("DELETE", f"/functions/{urn('f')}/async-invoke-config")
    assert (ev["state"], ev["tries"][0]["outcome"]) == (state, outcome), ev
    assert len(json.dumps(ev)) < 65536 and "root:" not in json.dumps(ev)


def test_an_endpoint_that_speaks_no_tls_is_told_so(e):
    with endpoint(lambda s: None) as (address, heads):
        e.rules(0, on_success={"destination": "HTTP", "param": json.dumps({"url": f"https://{address}/"})})
        ended(e, e.put({}))
        ev = record_of(e, f"https://{address}/")
    e.client.fg("DELETE", f"/functions/{urn('f')}/async-invoke-config")
    assert ev["state"] == "waiting" and "ssl" in ev["error"].lower() + ev["tries"][0]["error"].lower() and not heads, ev


def test_a_name_and_password_go_where_they_belong(e):
    with endpoint(lambda s: s.sendall(b"HTTP/1.1 204 OK\r\n\r\n")) as (address, heads):
        to = f"http://user:pa%20ss@{address}/x"
        e.rules(0, on_success={"destination": "HTTP", "param": json.dumps({"url": to})})
        ended(e, e.put({}))
        assert record_of(e, to)["state"] == "done"
    e.client.fg("DELETE", f"/functions/{urn('f')}/async-invoke-config")
    assert heads[0]["Authorization"] == "Basic dXNlcjpwYSBzcw=="


def test_the_longest_url_that_is_taken_is_told(e):
    with endpoint(lambda s: s.sendall(b"HTTP/1.1 204 OK\r\n\r\n")) as (address, heads):
        to = f"http://{address}/"
        to += "y" * (2048 - len(to))
        e.rules(0, on_success={"destination": "HTTP", "param": json.dumps({"url": to})})
        ended(e, e.put({}))
        assert record_of(e, to)["state"] == "done" and len(heads) == 1
    e.client.fg("DELETE", f"/functions/{urn('f')}/async-invoke-config")


@pytest.mark.parametrize("address", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1%25lo]", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
                                     "100.100.100.200", "168.63.129.16", "[fd00:ec2::254]", "[::ffff:100.100.100.200]"])
def test_no_spelling_of_a_metadata_address_is_posted_to(e, address):
    to = f"http://{address}/latest"
    e.rules(0, on_success={"destination": "HTTP", "param": json.dumps({"url": to})})
    ended(e, e.put({}))
    ev = record_of(e, to)
    e.client.fg("DELETE", f"/functions/{urn('f')}/async-invoke-config")
    e.call("POST", "events/purge", {"id": ev["id"], "state": "waiting"})
    assert ev["tries"][0]["outcome"] == "no answer" and "not posted to" in ev["tries"][0]["error"], ev


# ---- others' ----

@pytest.fixture
def key_of_one(e):
    k = e.call("POST", "keys", {"name": "one", "scope": ["deploy", "invoke", "read"], "account": PROJECT}).json()
    yield Client(e.evoke, k["access_key"], k["secret_key"])
    e.call("DELETE", f"keys/{k['access_key']}")


def test_a_key_of_one_account_sends_no_records_to_another(e, key_of_one):
    """A destination runs the function it names: whoever may not invoke it may not name it."""
    for to in (at("other", OTHER), at("other", OTHER, "local-2"), at("other", PROJECT.replace("0", "1"), dialect="fc")):
        for end in ("on_success", "on_failure"):
            refused(deploy(key_of_one, "sends", **{"async": {end: {"kind": "function", "to": to}}}), 403)
    refused(key_of_one.call("GET", f"/evoke/v1/functions/{at('sends')}"), 404)
    assert deploy(key_of_one, "sends", **{"async": {"on_success": {"kind": "function", "to": at("f")}}}).status_code == 201
    assert deploy(e.client, "sends", **{"async": {"on_success": {"kind": "function", "to": at("other", OTHER)}}}).status_code == 200
    e.call("DELETE", f"functions/{at('sends')}")


def test_a_key_of_one_account_cannot_say_the_others_name_otherwise(e, key_of_one):
    theirs = e.client.call("POST", f"/evoke/v1/functions/{at('other', OTHER)}/invoke", {}, query="async=true").json()["request_id"]
    mine = e.put({})
    ended(e, theirs)
    for function in (at("other", OTHER), at("other", "%66" + OTHER[1:]), at("other", OTHER + "%2f.."), f"functiongraph/{PROJECT}%2f..%2f{OTHER}/a/b/c"):
        for path in ("events", "ledger", "triggers"):
            r = key_of_one.call("GET", "/evoke/v1/" + path, query="function=" + function.replace("%", "%25"))
            assert r.status_code in (403, 404) or r.json().get("rows", r.json().get("events")) == [], (function, r.text)
            assert theirs not in r.text
        for op in ("redrive", "purge"):
            r = key_of_one.call("POST", "/evoke/v1/events/" + op, {"function": function, "id": theirs})
            assert r.status_code in (400, 403) or 0 in r.json().values(), r.text
    for op in ("redrive", "purge"):  # one's own function, and somebody else's event
        assert 0 in key_of_one.call("POST", "/evoke/v1/events/" + op, {"function": at("f"), "id": theirs}).json().values()
    refused(key_of_one.call("POST", f"/evoke/v1/events/{theirs}/replay"), 404)
    refused(key_of_one.call("POST", f"/evoke/v1/functions/{at('other', OTHER)}/invoke", {}, query="async=true"), 403)
    for op in ("POST", "GET"):
        for tail in ("invocations-async", "async-invocations", "async-invoke-config"):
            r = key_of_one.call(op, f"/v2/{OTHER}/fgs/functions/{urn('other').replace(PROJECT, OTHER)}/{tail}", b"{}" if op == "POST" else b"")
            assert r.status_code in (401, 403, 404, 405) and theirs not in r.text, (op, tail, r.status_code, r.text)
    assert ended(e, mine)["state"] == "done"


# ---- round and round ----

def test_functions_that_tell_each_other_stop(e):
    """Two that are each other's destination: the chain is cut, and its cut is what the operator reads."""
    for name, to in (("ping", "pong"), ("pong", "ping")):
        assert deploy(e.client, name, **{"async": {"max_retries": 0, "on_success": {"kind": "function", "to": at(to)}}}).status_code == 201
    ping, pong = Events(e.evoke, "ping"), Events(e.evoke, "pong")
    ping.put({})
    e.evoke.allow(r"the chain of destinations is too long")
    for _ in deadline(60):
        if ping.ledger()["done"] + pong.ledger()["done"] >= 17:
            break
        e.evoke.read_log(0.05)
    now = ping.ledger(), pong.ledger()
    assert sum(x["accepted"] for x in now) == 17 and sum(x["waiting"] + x["running"] for x in now) == 0, now
