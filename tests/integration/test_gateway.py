# SPDX-License-Identifier: Apache-2.0
"""The gateway's spine: which API a request means, what happens on the way, what is told of it. Triggers and resources come and
go while it serves. Authorizers, mapping, SCF and FC have files of their own."""
import json
import secrets
import socket

import pytest

from evoked import deadline
from gateway import DOMAIN, ECHO, Gateway, group_id


@pytest.fixture
def gate(evoke_shared):
    g = Gateway(evoke_shared)
    known = g.admin("GET", "functions").text
    if '"echo"' not in known:
        g.function("echo", ECHO)
    yield g
    for t in g.admin("GET", "triggers").json()["triggers"]:
        g.admin("DELETE", f"functions/{t['function']}/triggers/{t['name']}")


def code(r, status, code):
    assert (r.status_code, r.json().get("error_code")) == (status, code), (r.status_code, r.text)


def gone(r):
    code(r, 404, "APIG.0101")


# ---- triggers ----

def test_a_trigger_makes_a_function_callable_by_the_host_of_its_group(gate):
    gate.trigger("echo", "t", "apig", path="/hello/{name}")
    r = gate.get("/hello/wor%20ld?a=1&b")
    assert r.status_code == 200, r.text
    event = r.json()
    assert event["path"] == "/hello/wor ld" and event["pathParameters"] == {"name": "wor ld"}
    assert event["requestContext"]["stage"] == "RELEASE" and event["httpMethod"] == "GET"
    assert event["queryStringParameters"] == {"a": "1", "b": ""}
    assert r.headers["X-Request-Id"] == event["requestContext"]["requestId"]
    gate.drop_trigger("echo", "t")
    gone(gate.get("/hello/x"))


def test_without_a_path_the_functions_name_is_it_and_a_disabled_trigger_is_none(gate):
    gate.trigger("echo", "t", "apig")
    assert gate.get("/echo").status_code == 200
    gate.trigger("echo", "t", "apig", enabled=False)
    gone(gate.get("/echo"))
    gate.trigger("echo", "t", "apig", enabled=True)
    assert gate.get("/echo").status_code == 200


def test_a_changed_trigger_moves_its_route(gate):
    gate.trigger("echo", "t", "apig", path="/a", method="GET")
    gate.trigger("echo", "t", "apig", path="/b", method="POST", group="other", stage="test")
    gone(gate.get("/a"))
    gone(gate.call("POST", "/b", group="other"))
    assert gate.call("POST", "/b", group="other", headers={"X-Stage": "test"}).status_code == 200
    gone(gate.call("GET", "/b", group="other", headers={"X-Stage": "test"}))


def test_a_function_that_goes_takes_its_routes_along(gate):
    name = "short" + secrets.token_hex(3)
    gate.function(name, ECHO)
    gate.trigger(name, "t", "apig", path="/short")
    assert gate.get("/short").status_code == 200
    gate.admin("DELETE", f"functions/{gate.path_of(name)}")
    gone(gate.get("/short"))


def test_of_two_for_one_path_the_first_has_it_and_the_second_when_it_goes(gate):
    name = "second" + secrets.token_hex(3)
    gate.function(name, ECHO.replace("json.dumps(event)", "'second'"))
    gate.trigger("echo", "t1", "apig", path="/same/{x}")
    gate.trigger(name, "t2", "apig", path="/same/{y}")
    assert gate.get("/same/1").json()["pathParameters"] == {"x": "1"}
    gate.drop_trigger("echo", "t1")
    assert gate.get("/same/1").text == "second"


@pytest.mark.parametrize("source,config,word", [
    ("apig", {"path": "a"}, "begins with '/'"),
    ("apig", {"path": "/" + "a" * 512}, "512"),
    ("apig", {"path": "/{a}b"}, "whole segment"),
    ("apig", {"path": "/../x"}, "cannot be part"),
    ("apig", {"method": "get"}, "'get'"),
    ("apig", {"match": "regex"}, "exact or prefix"),
    ("apig", {"auth": "secret"}, "authorizer"),
    ("apig", {"auth": "authorizer"}, "names one"),
    ("apig", {"authorizer": "a"}, "only there"),
    ("apig", {"timeout_ms": 0}, "timeout_ms"),
    ("apig", {"timeout_ms": 600001}, "600000"),
    ("apig", {"cors": "yes"}, "true or false"),
    ("apig", {"group": ""}, "1 to 64"),
    ("apig", {"group": "g" * 65}, "1 to 64"),
    ("apig", {"colour": "red"}, "colour"),
    ("apig", {"service": "s"}, "service"),
    ("apigw", {}, "scf"),
    ("http", {}, "fc"),
])
def test_a_config_that_is_wrong_is_refused_in_words(gate, source, config, word):
    r = gate.trigger("echo", "bad", source, expect=400, **config)
    assert word in r.text, r.text


# ---- hosts, paths ----

def test_the_group_by_path_is_sandboxed_and_by_host_it_is_not(gate):
    gate.trigger("echo", "t", "apig", path="/p")
    assert "Content-Security-Policy" not in gate.get("/p").headers
    r = gate.get(f"/apigw/{group_id('default')}/p", host="localhost")
    assert r.status_code == 200 and r.headers["Content-Security-Policy"] == "sandbox"
    assert r.json()["path"] == "/p"
    r = gate.get(f"/apigw/{group_id('default')}/none", host="localhost")
    gone(r)
    assert r.headers["Content-Security-Policy"] == "sandbox"
    gone(gate.get("/apigw/nobody/p", host="localhost"))
    assert gate.get(f"/apigw/{group_id('default')}/p", host="evil.example").status_code in (404, 421)


def test_every_name_under_the_domain_is_the_gateways(gate):
    gone(gate.get("/healthz", host=f"nobody.{DOMAIN}"))
    gone(gate.get("/evoke/v1/functions", host=f"nobody.{DOMAIN}"))
    gate.trigger("echo", "t", "apig", path="/p")
    assert gate.get("/p", host=gate.host().upper().replace(":", ".:")).status_code == 200


@pytest.mark.parametrize("path", ["/a/..", "/a/%2e%2e", "/a/%2E%2e/b", "/a/%00", "/a/%c0%ae", "/a/%", "/a/%zz"])
def test_a_path_that_could_mislead_is_refused(gate, path):
    gate.trigger("echo", "t", "apig", path="/a", match="prefix")
    with socket.create_connection(("127.0.0.1", gate.evoke.port)) as s:  # a client's library would mend it
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: {gate.host()}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = s.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and json.loads(body)["error_code"] == "APIG.0201", head + body


@pytest.mark.parametrize("path,seen", [("/a/%252e%252e", "%2e%2e"), ("/a/b%2Fc", "b/c"), ("/a//b", "/b"), ("/a/", ""), ("/a", "")])
def test_a_path_is_decoded_once(gate, path, seen):
    gate.trigger("echo", "t", "apig", path="/a", match="prefix")
    assert gate.get(path).json()["pathParameters"] == {"": seen}


# ---- time, place, faults ----

SLOW = '''
import time

def handler(event, context):
    time.sleep(float(event["queryStringParameters"].get("s", 0)))
    return {"statusCode": 200, "headers": {}, "body": "slept", "isBase64Encoded": False}
'''


def test_an_api_with_less_time_than_its_function_answers_504_and_the_run_goes_on(gate):
    name = "slow" + secrets.token_hex(3)
    gate.function(name, SLOW, timeout=30)
    gate.trigger(name, "t", "apig", path="/slow", timeout_ms=5000)
    assert gate.get("/slow").text == "slept"  # warm
    gate.trigger(name, "t", "apig", path="/slow", timeout_ms=200)
    r = gate.get("/slow?s=1")
    code(r, 504, "APIG.0203")
    for _ in deadline(10):
        if f'evoke_invocations_total{{function="{gate.path_of(name)}",outcome="ok"}} 2' in gate.evoke.get("/metrics").text:
            break


def test_a_function_that_fails_is_500(gate):
    name = "fails" + secrets.token_hex(3)
    gate.function(name, "def handler(event, context):\n    raise ValueError('no')\n")
    gate.trigger(name, "t", "apig", path="/fails")
    assert gate.get("/fails").status_code == 500


def test_a_request_in_circles_ends(gate):
    gate.trigger("echo", "t", "apig", path="/loop")
    assert gate.get("/loop", headers={"X-Apig-Count": "10"}).json()["headers"]["x-apig-count"] == "11"
    code(gate.get("/loop", headers={"X-Apig-Count": "11"}), 500, "APIG.0612")
    assert gate.get("/loop", headers={"X-Apig-Count": "many"}).status_code == 200


def test_a_body_over_the_limit_is_refused_in_the_clouds_words(gate):
    gate.trigger("echo", "t", "apig", path="/big", method="POST")
    with socket.create_connection(("127.0.0.1", gate.evoke.port)) as s:
        s.sendall(f"POST /big HTTP/1.1\r\nHost: {gate.host()}\r\nContent-Length: {(12 << 20) + 1}\r\n\r\n".encode())
        got = s.makefile("rb").read()
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413") and json.loads(body)["error_code"] == "APIG.0201", got


def test_a_client_that_goes_leaves_nothing_behind(gate):
    name = "left" + secrets.token_hex(3)
    gate.function(name, SLOW, timeout=30)
    gate.trigger(name, "t", "apig", path="/left")
    gate.get("/left")
    with socket.create_connection(("127.0.0.1", gate.evoke.port)) as s:
        s.sendall(f"GET /left?s=0.3 HTTP/1.1\r\nHost: {gate.host()}\r\n\r\n".encode())
    assert gate.get("/left").text == "slept"


# ---- pages of other origins ----

def test_cors_is_answered_where_the_api_allows_it(gate):
    gate.trigger("echo", "on", "apig", path="/on", method="PUT", auth="app", cors=True)
    gate.trigger("echo", "off", "apig", path="/off", method="PUT")
    ask = {"Origin": "https://page.example", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-a"}
    r = gate.call("OPTIONS", "/on", headers=ask)
    assert r.status_code == 200 and r.headers["Access-Control-Allow-Origin"] == "*", r.text
    assert r.headers["Access-Control-Allow-Methods"] == "PUT" and r.headers["Access-Control-Allow-Headers"] == "x-a"
    gone(gate.call("OPTIONS", "/off", headers=ask))
    gone(gate.call("OPTIONS", "/on", headers={**ask, "Access-Control-Request-Method": "GET"}))
    r = gate.call("PUT", "/on", headers={"Origin": "https://page.example"})
    assert r.status_code == 401 and r.headers["Access-Control-Allow-Origin"] == "*"
    gate.trigger("echo", "open", "apig", path="/open", cors=True)
    assert gate.get("/open", headers={"Origin": "https://p"}).headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in gate.get("/open").headers
