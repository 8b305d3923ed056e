# SPDX-License-Identifier: Apache-2.0
"""The admin API of asynchronous events, ledger and triggers: what it does, whom it tells, what it refuses. docs/admin-api.md, Events."""
import base64
import json
import time
import urllib.parse

import pytest

from evoked import deadline
from events import STATES, Events, key, named
from signing import PROJECT, Client

OTHER = "fedcba9876543210fedcba9876543210"
SOURCE = """
import time

def handler(event, context):
    print("heard", event)
    if isinstance(event, dict) and event.get("fail"):
        raise KeyError("name")
    if isinstance(event, dict) and event.get("sleep"):
        time.sleep(event["sleep"])
    return "ok"
"""


def at(name, account=PROJECT):
    return f"functiongraph/{account}/local-1/default/{name}"


def deploy(client, name, account=PROJECT, **settings):
    body = {"runtime": "Python3.9", "handler": "index.handler", "timeout_ms": 60000,
            "code": {"source": SOURCE, "filename": "index.py"}, **settings}
    r = client.call("PUT", f"/evoke/v1/functions/{at(name, account)}", body)
    assert r.status_code in (200, 201), r.text
    return r


@pytest.fixture(scope="module")
def made(_module_daemon):
    """Functions that no test changes: one that is tried once, one of another account."""
    c = Client(_module_daemon)
    deploy(c, "once", **{"async": {"max_retries": 0}})
    deploy(c, "other", OTHER, **{"async": {"max_retries": 0}})
    return _module_daemon


@pytest.fixture
def e(made, evoke_shared):
    return Events(evoke_shared, "once")


def ended(events, ident):
    """The event as soon as it has ended."""
    for _ in deadline(30):
        ev = events.get(ident)
        if ev["state"] not in ("waiting", "running"):
            return ev
        events.evoke.read_log(0.02)
    raise AssertionError(f"has not ended: {ev}")


def fails(client, method, path, body=b"", query="", status=400, code="invalid_argument", headers=()):
    r = client.call(method, "/evoke/v1/" + path, body, query=query, headers=dict(headers))
    assert (r.status_code, r.json()["error"]["code"]) == (status, code), (path, query, r.status_code, r.text)
    return r.json()["error"]["message"]


# ---- an event's life ----

def test_accepted_is_202_and_the_event_tells_its_life(e):
    r = e.client.call("POST", f"/evoke/v1/functions/{key('once')}/invoke", {"a": 1}, query="async=true")
    assert r.status_code == 202 and list(r.json()) == ["request_id"], r.text
    assert r.headers["X-Evoke-Request-Id"] == r.json()["request_id"] and "X-Evoke-Duplicate" not in r.headers
    ev = ended(e, r.json()["request_id"])
    assert ev["state"] == "done" and ev["attempts"] == 1 and ev["function"] == key("once") and ev["source"] == "invoked"
    assert ev["trigger"] == "" and ev["qualifier"] == "latest" and ev["payload"] == '{"a": 1}' and ev["bytes"] == 8
    assert ev["created_ms"] <= ev["tries"][0]["start_ms"] <= ev["tries"][0]["end_ms"] <= ev["ended_ms"] and "next_ms" not in ev
    assert ev["tries"][0]["outcome"] == "ok" and 3590_000 < ev["expires_ms"] - ev["created_ms"] <= 3600_000


def test_a_failure_is_dead_with_its_error_and_its_log(e):
    ev = ended(e, e.put({"fail": True}))
    assert ev["state"] == "dead" and ev["reason"] and len(ev["tries"]) == 1
    assert ev["tries"][0]["outcome"] == "error" and "KeyError" in ev["tries"][0]["error"] and "heard" in ev["tries"][0]["log"]


def test_a_payload_that_is_no_text_comes_as_base64(e):
    for payload in (b"\xff\xfe\x00", b"a\x00b"):
        ev = e.get(e.put(payload))
        assert base64.b64decode(ev["payload_base64"]) == payload and "payload" not in ev and ev["bytes"] == len(payload)


@pytest.mark.parametrize("ident", ["a", "A.b_c-9", "x" * 128])
def test_the_callers_id_makes_it_once(e, ident):
    before = e.ledger()["accepted"]
    event = e.put({}, **{"x-evoke-event-id": ident})
    assert event == named("once", ident)
    r = e.client.call("POST", f"/evoke/v1/functions/{key('once')}/invoke", {"b": 2}, query="async=true",
                      headers={"x-evoke-event-id": ident})
    assert r.status_code == 202 and r.headers["X-Evoke-Duplicate"] == "true" and r.json() == {"request_id": event}
    assert e.get(event)["payload"] == "{}" and e.ledger()["accepted"] == before + 1


@pytest.mark.parametrize("ident", ["x" * 129, "a b", "a/b", "a,b"])
def test_other_ids_are_refused(e, ident):
    assert "1 to 128" in fails(e.client, "POST", f"functions/{key('once')}/invoke", {}, "async=true",
                               headers={"x-evoke-event-id": ident})


def test_a_name_belongs_to_its_function(e):
    """Who takes a name, or an id that somebody else's event would have, neither hears of that event nor stands in its way."""
    mine, theirs = f"functions/{key('once')}/invoke", f"functions/{at('other', OTHER)}/invoke"

    def put(path, name):
        r = e.client.call("POST", "/evoke/v1/" + path, {}, query="async=true", headers={"x-evoke-event-id": name})
        assert r.status_code == 202, r.text
        return r.json()["request_id"], "X-Evoke-Duplicate" in r.headers

    guessed = put(theirs, named(key("once"), "taken"))
    assert guessed == (named(at("other", OTHER), named(key("once"), "taken")), False)
    assert put(theirs, "taken") == (named(at("other", OTHER), "taken"), False)
    assert put(mine, "taken") == (named("once", "taken"), False)
    assert put(mine, "taken")[1] and put(theirs, "taken")[1]
    assert e.call("GET", f"events/{named('once', 'taken')}").json()["function"] == key("once")


def test_what_cannot_be_accepted_is_said(e):
    fails(e.client, "POST", f"functions/{at('nobody')}/invoke", {}, "async=true", 404, "not_found")
    fails(e.client, "POST", f"functions/{key('once')}/invoke", {}, "async=true&qualifier=v1", 404, "not_found")


@pytest.mark.parametrize("over", [0, 1])
def test_the_payload_limit_is_the_clouds(e, over):
    limit = 262144 if e.client.call("POST", f"/evoke/v1/functions/{key('once')}/invoke", b"x" * 262145, query="async=true").status_code == 413 \
        else 6 << 20
    r = e.client.call("POST", f"/evoke/v1/functions/{key('once')}/invoke", b"x" * (limit + over), query="async=true")
    assert r.status_code == (413 if over else 202), r.text[:300]


# ---- acting ----

def test_cancel_ends_a_run_and_then_there_is_nothing_to_cancel(e):
    ident = e.put({"sleep": 50})
    for _ in deadline(20):
        if e.get(ident)["state"] == "running":
            break
    assert e.call("DELETE", f"events/{ident}").status_code == 204
    assert ended(e, ident)["state"] == "cancelled"
    fails(e.client, "DELETE", f"events/{ident}", status=409, code="conflict")
    assert e.client.call("DELETE", "/evoke/v1/events/nosuch").status_code == 404


def test_replay_is_a_new_event_with_the_same_bytes(e):
    first = ended(e, e.put({"n": 7}))
    r = e.call("POST", f"events/{first['id']}/replay")
    again = ended(e, r.json()["request_id"])
    assert r.status_code == 202 and again["id"] != first["id"] and again["payload"] == first["payload"]
    assert again["replay_of"] == first["id"] and again["state"] == "done"
    fails(e.client, "POST", "events/nosuch/replay", status=404, code="not_found")


def test_redrive_and_purge_move_dead_events_and_nothing_else(e):
    idents = [ended(e, e.put({"fail": True}))["id"] for _ in range(3)]
    before = e.ledger()
    assert e.redrive(id=idents[0]) == 1
    assert ended(e, idents[0])["attempts"] == 1  # counted anew
    assert e.redrive(id="nosuch") == 0
    assert e.call("POST", "events/purge", {"function": key("once"), "id": idents[1]}).json() == {"purged": 1}
    assert e.get(idents[1])["state"] == "purged" and e.redrive(id=idents[1]) == 0
    now = e.ledger()
    assert (now["dead"], now["purged"]) == (before["dead"] - 1, before["purged"] + 1)
    assert e.call("POST", "events/purge", {"function": key("once"), "limit": 1}).json() == {"purged": 1}


def test_each_redriven_event_may_get_as_old_as_its_own_function_says(e):
    old = e
    young = Events(e.evoke, "young")
    deploy(e.client, "young", **{"async": {"max_age_s": 60, "max_retries": 0}})
    dead = {events: ended(events, events.put({"fail": True}))["id"] for events in (old, young)}

    def redriven(body):
        """What it moved, and for each event how old it may get, at most."""
        before = {events: events.get(ident)["expires_ms"] for events, ident in dead.items()}
        asked_ms = time.time() * 1000
        moved = e.call("POST", "events/redrive", body).json()["moved"]
        after = {events: ended(events, ident)["expires_ms"] for events, ident in dead.items()}
        return moved, [round((after[x] - asked_ms) / 1000) if after[x] != before[x] else None for x in (old, young)]

    moved, ages = redriven({})  # of every function
    assert moved >= 2 and 3595 <= ages[0] <= 3605 and 55 <= ages[1] <= 65, (moved, ages)
    moved, ages = redriven({"id": dead[young]})
    assert moved == 1 and ages[0] is None and 55 <= ages[1] <= 65, (moved, ages)
    assert redriven({"limit": 1})[0] == 1
    assert redriven({"source": "nosuch"})[0] == 0
    old.wait(waiting=0, running=0)
    assert e.call("DELETE", f"functions/{at('young')}").status_code == 204


def test_waiting_events_are_purged_where_it_is_asked_for(evoke_factory):
    daemon = evoke_factory("--async-per-function", "1")
    c = Client(daemon)
    deploy(c, "once")
    e = Events(daemon, "once")
    first = e.put({"sleep": 50})
    e.wait(running=1)
    idents = [e.put({}) for _ in range(3)]
    assert e.call("POST", "events/purge", {"state": "waiting", "function": key("once")}).json() == {"purged": 3}
    assert {e.get(i)["state"] for i in idents} == {"purged"}
    assert e.call("DELETE", f"events/{first}").status_code == 204
    e.wait(cancelled=1, purged=3, running=0)


# ---- lists ----

def test_lists_are_paged_newest_first_and_filtered(e):
    deploy(e.client, "paged")
    p = Events(e.evoke, "paged")
    idents = [p.put({"n": i}) for i in range(7)]
    p.wait(done=7)
    seen, before = [], {}
    for _ in range(10):
        page = p.call("GET", "events", function=key("paged"), limit=3, **before).json()
        seen += [ev["id"] for ev in page["events"]]
        if "before" not in page:
            break
        before = {"before": page["before"]}
    assert seen == idents[::-1]
    assert [ev["id"] for ev in p.list(state="done,dead", limit=1)] == [idents[-1]] and p.list(state="dead") == []
    assert len(p.list(source="invoked")) == 7 and p.list(source="00000000-0000-0000-0000-000000000000") == []
    since = p.get(idents[3])["created_ms"]
    assert {i for i in idents[4:]} <= {ev["id"] for ev in p.list(since_ms=since)}
    assert idents[3] not in {ev["id"] for ev in p.list(until_ms=since)}
    assert all("payload" not in ev and "tries" not in ev for ev in p.list())


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "before=0", "state=gone", "state=", "state=done,,dead", "since_ms=-1",
                                   "until_ms=9223372036854775808", "function=hello", "function=a/b/c/d/e", "function=fc/a/b/c/d/e",
                                   "source=" + "x" * 129, "function=fc/%2f%2f/b/c/" + "x" * 2100])
def test_bad_lists_are_refused(e, query):
    fails(e.client, "GET", "events", query=query)


@pytest.mark.parametrize("query", ["limit=1", "limit=1000", "source=" + "x" * 128, "function=fc/a/b/c/d"])
def test_lists_at_their_limits_are_not(e, query):
    assert e.client.call("GET", "/evoke/v1/events", query=query).status_code == 200


@pytest.mark.parametrize("op,body", [
    ("redrive", b"{"), ("redrive", []), ("redrive", {"functions": "x"}), ("redrive", {"function": "hello"}), ("redrive", {"limit": 0}),
    ("redrive", {"limit": 1001}), ("redrive", {"id": "x" * 257}), ("redrive", {"source": "x" * 129}), ("redrive", {"since_ms": -1}),
    ("redrive", {"id": 5}), ("redrive", {"state": "dead"}), ("purge", {"state": "done"}), ("purge", {"state": 3}), ("purge", {"state": "running"})])
def test_bad_bodies_move_nothing(e, op, body):
    before = e.ledger()
    fails(e.client, "POST", "events/" + op, body)
    assert e.ledger() == before


def test_an_id_as_long_as_can_be_is_nobodys(e):
    for ident in ("x" * 256, "x" * 257, "%00"):
        assert e.client.call("GET", "/evoke/v1/events/" + ident).status_code in (400, 404)


# ---- the ledger ----

def test_the_ledger_adds_up_by_function_and_source(e):
    e.put({})
    answer = e.call("GET", "ledger").json()
    assert answer["balanced"] is True and {at("once")} <= {row["function"] for row in answer["rows"]}
    for row in answer["rows"]:
        assert row["accepted"] == sum(row[s] for s in STATES) and row["source"] == "invoked" and row["passed"] == 0
    assert {row["function"] for row in e.call("GET", "ledger", function=at("once")).json()["rows"]} == {at("once")}
    assert e.call("GET", "ledger", function=at("nobody")).json() == {"rows": [], "balanced": True}
    fails(e.client, "GET", "ledger", query="function=x")


# ---- triggers ----

def put_trigger(client, name, config, query="", **more):
    return client.call("PUT", f"/evoke/v1/functions/{at('once')}/triggers/{name}", {"source": "timer", "config": config, **more}, query=query)


def test_a_trigger_is_made_changed_listed_and_deleted(e):
    made = put_trigger(e.client, "daily", {"schedule": "0 30 8 * * *", "zone": "Asia/Shanghai"})
    assert made.status_code == 201, made.text
    t = made.json()
    assert t["name"] == "daily" and t["function"] == at("once") and t["source"] == "timer" and t["enabled"] is True
    assert t["config"] == {"schedule": "0 30 8 * * *", "zone": "Asia/Shanghai", "syntax": "fg-cron"}
    again = put_trigger(e.client, "daily", {"schedule": "0 30 8 * * *", "zone": "Asia/Shanghai"})
    assert again.status_code == 200 and again.headers["X-Evoke-Unchanged"] == "true" and again.json()["modified_ms"] == t["modified_ms"]
    dry = put_trigger(e.client, "daily", {"schedule": "2h", "syntax": "fg-rate"}, "dry_run=true")
    assert dry.status_code == 200 and dry.json()["config"]["schedule"] == "2h"
    changed = put_trigger(e.client, "daily", {"schedule": "0 0 9 * * *"}, enabled=False)
    assert changed.status_code == 200 and changed.json()["id"] == t["id"] and "next_ms" not in changed.json()
    listed = e.call("GET", "triggers", function=at("once")).json()["triggers"]
    assert [(x["name"], x["enabled"], x["config"]["schedule"]) for x in listed] == [("daily", False, "0 0 9 * * *")]
    put_trigger(e.client, "daily", {"schedule": "0 0 9 * * *"})
    assert e.call("GET", "triggers").json()["triggers"][0]["next_ms"] % 86400_000 == 9 * 3600_000
    assert e.call("DELETE", f"functions/{at('once')}/triggers/daily").status_code == 204
    fails(e.client, "DELETE", f"functions/{at('once')}/triggers/daily", status=404, code="not_found")
    assert e.call("GET", "triggers").json() == {"triggers": []}


def test_a_timers_events_are_told_by_its_name(e):
    t = put_trigger(e.client, "beat", {"schedule": "@every 1s", "payload": "ping"}).json()
    for _ in deadline(30):
        events = e.list(source=t["id"])
        if events:
            break
        e.evoke.read_log(0.05)
    assert events[0]["trigger"] == "beat" and events[0]["source"] == t["id"]
    body = json.loads(e.get(events[0]["id"])["payload"])
    assert body["trigger_name"] == "beat" and body["user_event"] == "ping", body
    row = [r for r in e.call("GET", "ledger", function=at("once")).json()["rows"] if r["source"] == t["id"]]
    assert row[0]["trigger"] == "beat" and row[0]["accepted"] >= 1
    assert e.call("DELETE", f"functions/{at('once')}/triggers/beat").status_code == 204


@pytest.mark.parametrize("name", ["1x", "-x", "a b", "a" * 129, "a.b", "%C3%A4"])
def test_bad_names_of_triggers_are_refused(e, name):
    r = put_trigger(e.client, name, {"schedule": "3m", "syntax": "fg-rate"})
    assert r.status_code == 400 and "begins with a letter" in r.text, r.text


@pytest.mark.parametrize("body,said", [
    ({}, "source must be timer"), ({"source": "kafka", "config": {}}, "source must be timer"), ({"source": "timer"}, "config must be an object"),
    ({"source": "timer", "config": "x"}, "config must be an object"), ({"source": "timer", "config": {}}, "schedule"),
    ({"source": "timer", "config": {"schedule": "61 * * * * *"}}, "field 1"),
    ({"source": "timer", "config": {"schedule": "* * * *"}}, "field"),
    ({"source": "timer", "config": {"schedule": "0 0 0 * * *", "zone": "Mars/Olympus"}}, "Mars/Olympus"),
    ({"source": "timer", "config": {"schedule": "3m", "syntax": "vixie"}}, "syntax"),
    ({"source": "timer", "config": {"schedule": "0 0 0 * * *", "missed": "never"}}, "missed"),
    ({"source": "timer", "config": {"schedule": "0 0 0 * * *", "payload": "x" * 4097}}, "payload"),
    ({"source": "timer", "config": {"schedule": "0 0 0 * * *"}, "enabled": "yes"}, "enabled"),
    ({"source": "timer", "config": {"schedule": "0 0 0 * * *"}, "name": "x"}, "unknown key 'name'"), ([], "JSON object"), (b"{", "body")])
def test_bad_triggers_are_refused_by_what_is_wrong(e, body, said):
    assert said in fails(e.client, "PUT", f"functions/{at('once')}/triggers/bad", body)
    assert e.call("GET", "triggers").json() == {"triggers": []}


def test_a_trigger_needs_its_function_and_goes_with_it(e):
    fails(e.client, "PUT", f"functions/{at('nobody')}/triggers/t", {"source": "timer", "config": {"schedule": "0 0 0 * * *"}}, status=404,
          code="not_found")
    fails(e.client, "GET", "triggers", query="function=" + at("nobody"), status=404, code="not_found")
    dry = {"source": "timer", "config": {"schedule": "0 0 0 * * *"}}
    assert e.call("PUT", f"functions/{at('nobody')}/triggers/t", dry, dry_run="true").status_code == 201  # it may be made later
    assert "field 1" in fails(e.client, "PUT", f"functions/{at('nobody')}/triggers/t", {"source": "timer", "config": {"schedule": "99 * * * * *"}},
                              "dry_run=true")
    deploy(e.client, "gone")
    assert e.call("PUT", f"functions/{at('gone')}/triggers/t", {"source": "timer", "config": {"schedule": "0 0 0 * * *"}}).status_code == 201
    assert e.call("DELETE", f"functions/{at('gone')}").status_code == 204
    assert e.call("GET", "triggers").json() == {"triggers": []}


# ---- rules of a function ----

def test_rules_are_deployed_and_shown(e):
    rules = {"max_age_s": 7200, "max_retries": 2, "on_success": {"kind": "http", "to": "https://example.com/x"},
             "on_failure": {"kind": "function", "to": at("once")}}
    r = deploy(e.client, "ruled", **{"async": rules})
    assert r.json()["async"] == rules
    assert deploy(e.client, "ruled", **{"async": rules}).headers["X-Evoke-Unchanged"] == "true"
    assert deploy(e.client, "ruled").json()["async"] is None


@pytest.mark.parametrize("rules,said", [
    ({"max_age_s": 0}, "max_age_s"), ({"max_age_s": 86401}, "max_age_s"), ({"max_retries": 4}, "max_retries"), ({"max_retries": -1}, "max_retries"),
    ({"age": 1}, "unknown key 'async.age'"), ([], "async must be an object"), ({"on_failure": "x"}, "on_failure"),
    ({"on_failure": {"kind": "queue", "to": "x"}}, "kind"), ({"on_failure": {"kind": "http", "to": "ftp://x"}}, "URL"),
    ({"on_success": {"kind": "function", "to": "hello"}}, "whole key"), ({"on_success": {"kind": "http", "to": "http://" + "x" * 2048}}, "2048")])
def test_rules_out_of_range_are_refused(e, rules, said):
    body = {"runtime": "Python3.9", "handler": "index.handler", "async": rules}
    assert said in fails(e.client, "PUT", f"functions/{at('ruled2')}", body)


# ---- who may ----

@pytest.fixture
def keys(e):
    """A key of each scope that is of one account, and one of each that is of all."""
    made = {}
    for name, scope, account in [("r1", "read", PROJECT), ("d1", "deploy", PROJECT), ("i1", "invoke", PROJECT), ("r2", "read", OTHER),
                                 ("d2", "deploy", OTHER), ("rd", "read", "")]:
        body = {"name": name, "scope": [scope], **({"account": account} if account else {})}
        k = e.call("POST", "keys", body).json()
        made[name] = Client(e.evoke, k["access_key"], k["secret_key"])
    yield made
    for k in e.call("GET", "keys").json()["keys"]:
        if not k["root"]:
            e.call("DELETE", f"keys/{k['access_key']}")


def test_a_key_of_one_account_is_told_of_its_own_only(e, keys):
    mine = ended(e, e.put({"fail": True}))["id"]
    r = e.client.call("POST", f"/evoke/v1/functions/{at('other', OTHER)}/invoke", {"fail": True}, query="async=true")
    theirs = ended(e, r.json()["request_id"])["id"]
    for name, sees, not_sees in (("r1", mine, theirs), ("r2", theirs, mine)):
        c = keys[name]
        listed = c.call("GET", "/evoke/v1/events").json()["events"]
        assert sees in [x["id"] for x in listed] and not_sees not in [x["id"] for x in listed]
        assert c.call("GET", "/evoke/v1/events/" + sees).status_code == 200
        fails(c, "GET", "events/" + not_sees, status=404, code="not_found")
        account = PROJECT if name == "r1" else OTHER
        assert {row["function"].split("/")[1] for row in c.call("GET", "/evoke/v1/ledger").json()["rows"]} == {account}
        fails(c, "GET", "ledger", query="function=" + at("x", OTHER if name == "r1" else PROJECT), status=403, code="forbidden")
        fails(c, "GET", "events", query="function=" + at("x", OTHER if name == "r1" else PROJECT), status=403, code="forbidden")
        fails(c, "GET", "triggers", query="function=" + at("x", OTHER if name == "r1" else PROJECT), status=403, code="forbidden")
    d = keys["d2"]
    for method, path in (("DELETE", "events/" + mine), ("POST", f"events/{mine}/replay")):
        fails(d, method, path, status=404, code="not_found")
    for op in ("redrive", "purge"):
        fails(d, "POST", "events/" + op, {}, status=403, code="forbidden")
        fails(d, "POST", "events/" + op, {"id": mine}, status=403, code="forbidden")
        fails(d, "POST", "events/" + op, {"function": at("once"), "id": mine}, status=403, code="forbidden")
    fails(d, "PUT", f"functions/{at('once')}/triggers/t", {"source": "timer", "config": {"schedule": "0 0 0 * * *"}}, status=403, code="forbidden")
    assert d.call("POST", "/evoke/v1/events/redrive", {"function": at("other", OTHER), "id": theirs}).json() == {"moved": 1}
    assert e.get(mine)["state"] == "dead"


def test_scopes_open_what_they_say(e, keys):
    ident = ended(e, e.put({}))["id"]
    for name in ("r1", "rd", "i1"):
        for method, path, body in (("DELETE", "events/" + ident, b""), ("POST", f"events/{ident}/replay", b""),
                                   ("POST", "events/redrive", {"function": at("once")}), ("POST", "events/purge", {"function": at("once")}),
                                   ("PUT", f"functions/{at('once')}/triggers/t", {}), ("DELETE", f"functions/{at('once')}/triggers/t", b"")):
            fails(keys[name], method, path, body, status=403, code="forbidden")
    for path in ("events", "events/" + ident, "ledger", "triggers"):
        fails(keys["i1"], "GET", path, status=403, code="forbidden")
        assert keys["rd"].call("GET", "/evoke/v1/" + path).status_code == 200
    assert keys["i1"].call("POST", f"/evoke/v1/functions/{at('once')}/invoke", {}, query="async=true").status_code == 202


def test_changes_are_in_the_audit_trail_and_looking_is_not(e):
    ident = ended(e, e.put({"fail": True}))["id"]
    e.get(ident)
    e.redrive(id=ident)
    e.call("POST", f"events/{ended(e, ident)['id']}/replay")
    e.call("POST", "events/purge", {"function": at("once"), "id": ident})
    put_trigger(e.client, "seen", {"schedule": "0 0 0 * * *"})
    e.call("DELETE", f"functions/{at('once')}/triggers/seen")
    records = e.call("GET", "audit", limit=1000).json()["records"]
    said = {(r["op"], r["object"], r["status"]) for r in records}
    assert {("RedriveEvents", at("once"), 200), ("PurgeEvents", at("once"), 200), ("ReplayEvent", f"/evoke/v1/events/{ident}/replay", 202),
            ("PutTrigger", f"/evoke/v1/functions/{at('once')}/triggers/seen", 201),
            ("DeleteTrigger", f"/evoke/v1/functions/{at('once')}/triggers/seen", 204)} <= said
    assert not {r["op"] for r in records if r["status"] < 400} & {"GetEvent", "ListEvents", "Ledger", "ListTriggers"}


def test_the_metrics_say_what_the_ledger_says(e):
    e.put({"fail": True})
    e.put({})
    e.wait(waiting=0, running=0)
    for _ in deadline(20):  # a rendering may be a second old
        text = e.evoke.get("/metrics").text
        rows = e.call("GET", "ledger").json()["rows"]
        wanted = {f'evoke_events{{function="{r["function"]}",source="{r["source"]}",trigger="{r["trigger"]}",state="{s}"}} {r[s]}'
                  for r in rows for s in STATES}
        if wanted <= set(text.splitlines()):
            break
    assert wanted <= set(text.splitlines()) and "evoke_events_unbalanced 0" in text
    assert urllib.parse.quote(at("once"), safe="/") in text
