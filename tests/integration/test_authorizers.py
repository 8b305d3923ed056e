# SPDX-License-Identifier: Apache-2.0
"""Custom authorizers against a real daemon: authorizer_table.py case by case, with functions in Python and Node, and what a table
cannot say: how long an answer is remembered, who waits for whom, what a group says in its own words, the backend's authorizer.
One daemon for all."""
import base64
import concurrent.futures
import http.client
import json
import os
import tempfile

import pytest
import requests

from authorizer_table import AUTHORIZERS, BACKEND, CASES, DENIED, FUNCTIONS, MAPPED, answer, returns
from clock import Clock
from evoked import Evoked
from signing import PROJECT, Client, urn

ECHO = '''
import json
def handler(event, context):
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "isBase64Encoded": False,
            "body": json.dumps({k: v for k, v in event["headers"].items() if k.startswith("x-ctx-")})}
'''


class Gateway:
    """A group with one API per authorizer, all with the same echo behind them."""

    def __init__(self, evoke, clock):
        self.evoke, self.clock, self.client = evoke, clock, Client(evoke)
        self.session = requests.Session()
        for name, (runtime, source) in FUNCTIONS.items():
            self.function(name, source, runtime)
        self.function("echo", ECHO, "Python3.9")
        self.group = self.make("group", {"name": "people"})
        self.apis = {}
        for name, (function, fields) in AUTHORIZERS.items():
            self.api(name, self.authorizer(name, function, **fields))

    def function(self, name, source, runtime, timeout=3):
        suffix = "js" if runtime.startswith("Node") else "py"
        r = self.client.create(name, source, runtime=runtime, code_filename="index." + suffix, timeout=timeout)
        assert r.status_code == 200, r.text

    def make(self, kind, body, parent=None):
        r = self.client.call("POST", f"/evoke/v1/gateway/{kind}", {
            "dialect": "functiongraph", "account": PROJECT, "region": "local-1", "body": body, **({"parent": parent} if parent else {})})
        assert r.status_code == 201, r.text
        return r.json()["id"]

    def authorizer(self, name, function, kind="FRONTEND", **fields):
        return self.make("authorizer", {"name": f"auth_{name}", "type": kind, "authorizer_type": "FUNC", "authorizer_uri": urn(function),
                                        **fields})

    def api(self, name, authorizer=None, backend_authorizer=None, group=None, **fields):
        place = "backend" if backend_authorizer and not authorizer else "frontend"
        body = {"group_id": group or self.group, "name": f"api_{name}", "type": 1, "req_protocol": "BOTH", "req_method": "ANY",
                "req_uri": "/" + name, "auth_type": "AUTHORIZER" if authorizer else "NONE", "backend_type": "FUNCTION",
                "func_info": {"function_urn": urn("echo"), "invocation_type": "sync", "timeout": 20000, "version": "latest"},
                "backend_params": [{"origin": "SYSTEM", "name": header, "location": "HEADER",
                                    "value": f"$context.authorizer.{place}.{name}"} for name, header in MAPPED.items()], **fields}
        if authorizer:
            body["authorizer_id"] = authorizer
        if backend_authorizer:
            body["func_info"]["authorizer_id"] = backend_authorizer
        self.apis[name] = self.make("api", body)
        r = self.client.call("POST", f"/evoke/v1/gateway/api/{self.apis[name]}/publish", {})
        assert r.status_code == 200, r.text

    def get(self, name, say=None, method="GET", headers=(), query=None, body=None, group=None, session=None):
        headers = dict(headers)
        if say is not None:
            headers["x-say"] = base64.b64encode(json.dumps(say).encode()).decode()
        return (session or self.session).request(method, f"{self.evoke.url}/apigw/{group or self.group}/{name}", headers=headers, params=query,
                                                 data=body, timeout=60)


@pytest.fixture(scope="module")
def gateway():
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)  # the daemon is nobody
        clock = Clock(os.path.join(path, "clock"))
        clock.scale(0)
        e = Evoked(clock=clock).start()
        try:
            yield Gateway(e, clock)
        finally:
            e.end()


def context_of(response):
    seen = response.json()
    return {name: seen[header.lower()] for name, header in MAPPED.items() if header.lower() in seen}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_table(gateway, case):
    want = case["want"]
    r = gateway.get(case["via"], case["say"], case.get("method", "GET"), case.get("headers", {}), case.get("query"), case.get("body"))
    assert r.status_code == want["status"], (case["doc"], r.text)
    assert r.headers["X-Request-Id"]
    if "code" in want:
        told = r.json()
        assert (told["error_code"], told["error_msg"]) == (want["code"], want["msg"]), case["doc"]
        assert told["request_id"] == r.headers["X-Request-Id"]
    for name, value in want.get("context", {}).items():
        assert context_of(r).get(name) == value, (name, r.text, case["doc"])
    if "seen" in want:
        seen = json.loads(context_of(r)["seen"])
        assert {k: seen[k] for k in want["seen"]} == want["seen"], case["doc"]


def test_the_table_is_large_enough_and_every_case_has_its_document():
    assert len(CASES) >= 60 and len({c["name"] for c in CASES}) == len(CASES)
    assert all("20" in c["doc"] for c in CASES)  # a date


def stamp(n):
    return returns(answer(context={"n": n}))


def test_an_answer_is_remembered_until_its_time_is_over(gateway):
    token = {"token": "remembered"}
    assert context_of(gateway.get("kept", stamp(1), headers=token))["n"] == "1"
    assert context_of(gateway.get("kept", stamp(2), headers=token))["n"] == "1"
    gateway.clock.jump(59_999)
    assert context_of(gateway.get("kept", stamp(3), headers=token))["n"] == "1"
    assert context_of(gateway.get("kept", stamp(4), headers={"token": "another"}))["n"] == "4"
    gateway.clock.jump(1)
    assert context_of(gateway.get("kept", stamp(5), headers=token))["n"] == "5"


def test_a_denial_is_remembered_and_a_failure_is_not(gateway):
    token = {"token": "denied"}
    assert gateway.get("kept", returns(answer("deny")), headers=token).status_code == 401
    assert gateway.get("kept", stamp(1), headers=token).status_code == 401
    token = {"token": "broken"}
    assert gateway.get("kept", {"do": "raise", "what": "x"}, headers=token).status_code == 500
    assert gateway.get("kept", stamp(2), headers=token).status_code == 200


def test_without_ttl_every_request_asks(gateway):
    for n in range(3):
        assert context_of(gateway.get("header", stamp(n), headers={"token": "same"}))["n"] == str(n)


def test_a_changed_authorizer_forgets(gateway):
    token = {"token": "changed"}
    ident = gateway.authorizer("changing", "judge", identities=[{"name": "token", "location": "HEADER"}], ttl=3600)
    gateway.api("changing", ident)
    assert context_of(gateway.get("changing", stamp(1), headers=token))["n"] == "1"
    assert context_of(gateway.get("changing", stamp(2), headers=token))["n"] == "1"
    r = gateway.client.call("GET", f"/evoke/v1/gateway/authorizer/{ident}")
    body = {**r.json()["body"], "user_data": "other"}
    assert gateway.client.call("PUT", f"/evoke/v1/gateway/authorizer/{ident}", {"body": body}).status_code == 200
    assert context_of(gateway.get("changing", stamp(3), headers=token))["n"] == "3"


def test_one_identity_is_one_caller_whichever_api_it_calls(gateway):
    ident = gateway.authorizer("shared", "judge", identities=[{"name": "token", "location": "HEADER"}], ttl=3600)
    gateway.api("shared_a", ident)
    gateway.api("shared_b", ident)
    assert context_of(gateway.get("shared_a", stamp(1), headers={"token": "x"}))["n"] == "1"
    assert context_of(gateway.get("shared_b", stamp(2), headers={"token": "x"}))["n"] == "1"


def test_many_with_one_identity_share_one_question(gateway):
    """The function counts its calls in its answer: everybody who came while it ran hears the same number."""
    counting = '''
import json, time, uuid
def handler(event, context):
    time.sleep(0.3)
    return {"statusCode": 200, "body": json.dumps({"status": "allow", "context": {"user": uuid.uuid4().hex}})}
'''
    gateway.function("counting", counting, "Python3.9")
    gateway.api("counting", gateway.authorizer("counting", "counting", identities=[{"name": "token", "location": "HEADER"}], ttl=60))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda _: gateway.get("counting", headers={"token": "x"}, session=requests), range(16)))
    assert all(r.status_code == 200 for r in got)
    assert len({context_of(r)["user"] for r in got}) == 1


def test_a_repeated_header_is_an_identity_of_its_own(gateway):
    """Neither value alone was let in by an answer for both."""
    token = {"token": "once"}
    assert gateway.get("kept", stamp(1), headers=token).status_code == 200
    say = base64.b64encode(json.dumps(returns(answer("deny"))).encode()).decode()
    c = http.client.HTTPConnection("127.0.0.1", gateway.evoke.port, timeout=30)
    c.putrequest("GET", f"/apigw/{gateway.group}/kept")
    for name, value in (("token", "once"), ("token", "more"), ("x-say", say)):
        c.putheader(name, value)
    c.endheaders()
    assert c.getresponse().status == 401
    c.close()


def test_a_group_words_a_denial_with_what_the_function_said(gateway):
    """The best practice's own example: errorcode and errormsg out of the context."""
    group = gateway.make("group", {"name": "worded"})
    gateway.make("response", {"name": "own", "responses": {"AUTHORIZER_FAILURE": {
        "status": 403, "body": '{"errorcode":"$context.authorizer.frontend.code","errormsg":"$context.authorizer.frontend.message"}'}}}, group)
    r = gateway.client.call("GET", "/evoke/v1/gateway/response", query=f"parent={group}")
    gateway.api("worded", gateway.authorizer("worded", "judge"), group=group, response_id=r.json()["objects"][0]["id"])
    r = gateway.get("worded", returns(answer("deny", {"code": 1001, "message": "incorrect username or password"})), group=group)
    assert (r.status_code, r.json()) == (403, {"errorcode": "1001", "errormsg": "incorrect username or password"})


def test_the_backends_authorizer_is_asked_too(gateway):
    doc = BACKEND
    back = gateway.authorizer("back", "judge", "BACKEND")
    gateway.api("behind", backend_authorizer=back)
    r = gateway.get("behind", returns(answer(context={"user": "b"})))
    assert r.status_code == 200 and context_of(r)["user"] == "b", (doc, r.text)
    r = gateway.get("behind", returns(answer("deny")))
    assert r.status_code == DENIED["status"] and r.json()["error_msg"] == "Incorrect authentication information: backend authorizer", doc


def test_a_function_that_does_not_answer_is_not_waited_for_beyond_the_apis_time(gateway):
    """Its own timeout is longer; that of the API is 5 s, so it is waited for 10 s."""
    gateway.function("sleeper", "import time\n\ndef handler(event, context):\n    time.sleep(600)\n", "Python3.9", timeout=12)
    backend = {"function_urn": urn("echo"), "invocation_type": "sync", "timeout": 5000, "version": "latest"}
    gateway.api("sleeper", gateway.authorizer("sleeper", "sleeper"), func_info=backend)
    r = gateway.get("sleeper")
    assert (r.status_code, r.json()["error_code"]) == (500, "APIG.0305"), r.text
    assert r.json()["error_msg"] == "Incorrect authentication information: frontend authorizer"
    assert "its function did not answer in time" in gateway.evoke.log_text()  # and not: it ended with 'timeout'


def test_the_client_may_leave_while_the_function_runs(gateway):
    with pytest.raises(requests.exceptions.Timeout):
        requests.get(f"{gateway.evoke.url}/apigw/{gateway.group}/plain", timeout=0.2, headers={
            "x-say": base64.b64encode(b'{"do":"hang"}').decode()})
    assert gateway.get("plain", returns(answer())).status_code == 200
