# SPDX-License-Identifier: Apache-2.0
"""The gateway's spine: which API a request means, what happens on the way, what is told of it. Triggers and resources come and
go while it serves. Authorizers, mapping, SCF and FC have files of their own."""
import json
import re
import secrets
import socket

import pytest

from evoked import deadline
from gateway import DOMAIN, ECHO, Gateway, group_id
from signing import PROJECT


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
    ran = re.compile(f'^faas_invocations_total{{function="{gate.path_of(name)}".*}} 2$', re.MULTILINE)
    assert any(ran.search(gate.evoke.get("/metrics").text) for _ in deadline(30))


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


# ---- what is told ----

def test_each_call_is_a_line_of_the_access_log(evoke_factory, open_path):
    log = open_path / "access.log"
    open_path.chmod(0o777)
    e = evoke_factory("--access-log", str(log))
    g = Gateway(e)
    g.function("echo", ECHO)
    g.trigger("echo", "t", "apig", path="/a/{x}")
    ok, no = g.get('/a/1?secret=x', headers={"User-Agent": 'a"b'}), g.get("/none\"%0a")

    def lines(n):
        for _ in deadline(10):
            if log.exists() and log.read_text().count("\n") >= n:
                return [json.loads(line) for line in log.read_text().splitlines()]

    first, second = lines(2)
    assert first["request_id"] == ok.headers["X-Request-Id"] and first["status"] == 200 and first["fault"] == ""
    assert first["method"] == "GET" and first["path"] == "/a/1" and first["stage"] == "RELEASE"
    assert first["group"] == group_id("default") and first["source_ip"] == "127.0.0.1"
    assert first["bytes"] == len(ok.content) and first["ms"] >= first["backend_ms"] > 0
    assert second["request_id"] == no.headers["X-Request-Id"] and (second["status"], second["fault"]) == (404, "no_api")
    log.rename(open_path / "access.log.1")  # as a rotation does; no signal is needed
    g.get("/a/2")
    assert [line["path"] for line in lines(1)] == ["/a/2"]
    metrics = e.get("/metrics").text
    assert 'evoke_gateway_requests_total{status="2xx"} 2\n' in metrics and 'evoke_gateway_requests_total{status="4xx"} 1\n' in metrics
    assert 'evoke_gateway_faults_total{fault="no_api"} 1\n' in metrics and "evoke_gateway_apis 1\n" in metrics


# ---- resources ----

class Plane:
    """Objects of the control plane, by the admin API."""

    def __init__(self, gate):
        self.gate = gate
        self.group = self.make("group", {"name": "group_" + secrets.token_hex(4)})

    def make(self, kind, body, parent=None):
        r = self.gate.admin("POST", f"gateway/{kind}", {
            "dialect": "functiongraph", "account": PROJECT, "region": "local-1", "body": body, **({"parent": parent} if parent else {})})
        return r.json()["id"]

    def put(self, kind, id, body):
        self.gate.admin("PUT", f"gateway/{kind}/{id}", {"body": body})

    def body(self, path="/m", **fields):
        return {"group_id": self.group, "name": "api_" + path.split("/")[1], "type": 1, "req_protocol": "BOTH",
                "req_method": "GET", "req_uri": path, "auth_type": "NONE", "backend_type": "MOCK",
                "mock_info": {"result_content": "mocked"}, **fields}

    def api(self, path="/m", **fields):
        return self.make("api", self.body(path, **fields))

    def publish(self, api, env=None):
        return self.gate.admin("POST", f"gateway/api/{api}/publish", {"env": env} if env else {}).json()

    def get(self, path, **kw):
        return self.gate.get(path, host=f"{self.group}.{DOMAIN}", **kw)


@pytest.fixture
def plane(gate):
    return Plane(gate)


def test_what_is_published_is_called_and_an_edit_is_not(plane):
    api = plane.api()
    gone(plane.get("/m"))
    first = plane.publish(api)
    assert plane.get("/m").text == "mocked"
    plane.put("api", api, plane.body(mock_info={"result_content": "edited"}))
    assert plane.get("/m").text == "mocked"
    plane.publish(api)
    assert plane.get("/m").text == "edited"
    plane.gate.admin("POST", f"gateway/api/{api}/switch", {"version": first["version"]["id"]})
    assert plane.get("/m").text == "mocked"
    plane.gate.admin("POST", f"gateway/api/{api}/offline", {})
    gone(plane.get("/m"))


def test_a_stage_has_its_own_release_and_its_own_variables(plane):
    env = plane.make("env", {"name": "stage_" + secrets.token_hex(3)})
    name = json.loads(plane.gate.admin("GET", f"gateway/env/{env}").text)["name"]
    api = plane.api(mock_info={"result_content": "at #where# #none#"})
    plane.make("variable", {"env_id": env, "variable_name": "where", "variable_value": "there"}, plane.group)
    plane.publish(api, env)
    gone(plane.get("/m"))
    assert plane.get("/m", headers={"X-Stage": name}).text == "at there #none#"
    here = plane.make("variable", {"env_id": "DEFAULT_ENVIRONMENT_RELEASE_ID", "variable_name": "where", "variable_value": "here"},
                      plane.group)
    plane.publish(api)
    assert plane.get("/m").text == "at here #none#"
    plane.gate.admin("DELETE", f"gateway/variable/{here}")
    assert plane.get("/m").text == "at #where# #none#"


def test_a_custom_domain_leads_to_its_group_and_leaves_with_its_record(plane):
    name = f"api-{secrets.token_hex(4)}.example.com"
    plane.publish(plane.api())
    plane.make("domain", {"url_domain": name}, plane.group)
    assert plane.gate.get("/m", host=name).text == "mocked"
    assert plane.gate.get("/m", host=name.upper() + ":80").text == "mocked"
    plane.gate.admin("DELETE", f"gateway/domain/{name}")
    assert plane.gate.get("/m", host=name).status_code in (404, 421)  # nobody's


def test_a_group_has_words_of_its_own_for_what_goes_wrong(plane):
    words = {"responses": {"NOT_FOUND": {"status": 410, "body": "{\"no\": \"$context.error.code\"}",
                                         "headers": [{"key": "X-Why", "value": "$context.stage"}]}}}
    response = plane.make("response", {"name": "ours", **words}, plane.group)
    plane.publish(plane.api())
    r = plane.get("/none")
    assert (r.status_code, r.json()) == (410, {"no": "APIG.0101"}) and r.headers["X-Why"] == "RELEASE"
    plane.gate.admin("DELETE", f"gateway/response/{response}")
    gone(plane.get("/none"))


def test_a_throttle_holds_from_when_it_is_bound(plane):
    api = plane.api()
    published = plane.publish(api)
    throttle = plane.make("throttle", {"name": "one_" + secrets.token_hex(3), "api_call_limits": 1, "time_interval": 1,
                                       "time_unit": "DAY"})
    assert [plane.get("/m").status_code for _ in range(3)] == [200] * 3
    bind = plane.make("throttle_bind", {"api_id": api, "env_id": "DEFAULT_ENVIRONMENT_RELEASE_ID"}, throttle)
    assert [plane.get("/m").status_code for _ in range(2)] == [200, 429], published
    plane.gate.admin("DELETE", f"gateway/throttle_bind/{bind}")
    assert plane.get("/m").status_code == 200


def test_an_asynchronous_api_answers_at_once_with_the_id_of_the_event(plane):
    api = plane.api(backend_type="FUNCTION", mock_info=None, func_info={
        "function_urn": f"urn:fss:local-1:{PROJECT}:function:default:echo", "invocation_type": "async", "timeout": 5000})
    plane.publish(api)
    r = plane.get("/m")
    assert r.status_code == 202 and r.json()["request_id"] == r.headers["X-Request-Id"]
    assert any(plane.gate.admin("GET", f"events/{r.json()['request_id']}").json()["state"] == "done" for _ in deadline(30))


def test_what_is_published_is_there_again_after_a_restart(evoke_factory):
    e = evoke_factory()
    plane = Plane(Gateway(e))
    api = plane.api("/again/{x}")
    plane.publish(api)
    name = f"again-{secrets.token_hex(4)}.example.com"
    plane.make("domain", {"url_domain": name}, plane.group)
    e.stop()
    e.start()
    plane.gate.session.close()
    assert plane.gate.get("/again/1", host=name).text == "mocked" and plane.get("/again/1").text == "mocked"
