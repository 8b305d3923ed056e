# SPDX-License-Identifier: Apache-2.0
"""The gateway among strangers: tricks to be taken for somebody else, to reach what is closed, to be believed about oneself, and to
make the daemon work for a long time. Each row is an attack; what must hold is that it gets nowhere."""
import base64
import hashlib
import hmac
import itertools
import json
import os
import socket
import tempfile

import pytest
import requests

from evoked import Evoked, deadline
from signing import PROJECT, Client, authorization, stamp, urn

OTHER = "fedcba9876543210fedcba9876543210"
RELEASE = "DEFAULT_ENVIRONMENT_RELEASE_ID"
DOMAIN = "apigw.localhost"
SECRET = "the-inner-room"

ECHO = """
import json

def handler(event, context):
    return {'statusCode': 200, 'headers': {'Content-Type': 'application/json'}, 'body': json.dumps(event)}
"""

# Whoever says who he is, is let in as that one; "nobody" is let in too, without a name.
AUTHORIZER = """
import json

def handler(event, context):
    who = event['headers'].get('x-token', '?')
    said = {} if who == 'nobody' else {'user': who}
    return {'statusCode': 200, 'body': json.dumps({'status': 'allow', 'context': said})}
"""

# One place where it could begin costs a little less than PCRE2's own limit, and there are thousands.
ENDLESS = "(?:a?){14}[bc]"


class World:
    def __init__(self, evoke):
        self.evoke, self.client, self.session = evoke, Client(evoke), requests.Session()
        self.numbers = itertools.count()
        self.group = self.make("group", {"name": "house"})
        self.host = f"{self.group}.{DOMAIN}:{evoke.port}"
        for name, source in {"echo": ECHO, "who": AUTHORIZER}.items():
            r = self.client.create(name, source, timeout=3)
            assert r.status_code == 200, r.text

    def admin(self, method, path, body=b"", expect=(200, 201)):
        r = self.client.call(method, "/evoke/v1/" + path, body)
        assert r.status_code in expect, (path, r.status_code, r.text)
        return r.json() if r.content else None

    def make(self, kind, body, parent=None, account=PROJECT, dialect="functiongraph", expect=(200, 201)):
        where = {"dialect": dialect, "account": account, "region": "local-1"}
        return self.admin("POST", f"gateway/{kind}", {**where, **({"parent": parent} if parent else {}), "body": body}, expect).get("id")

    def api(self, path, auth="NONE", group=None, answer="open", **fields):
        ident = self.make("api", {"group_id": group or self.group, "name": f"api{next(self.numbers)}", "type": 1, "req_protocol": "BOTH",
                                  "req_method": "ANY", "req_uri": path, "auth_type": auth, "backend_type": "MOCK",
                                  "mock_info": {"result_content": answer}, **fields})
        self.admin("POST", f"gateway/api/{ident}/publish", {})
        return ident

    def behind(self, authorizer, path, **fields):
        return self.api(path, "AUTHORIZER", authorizer_id=authorizer, backend_type="FUNCTION",
                        func_info={"function_urn": urn("echo"), "invocation_type": "sync", "timeout": 20000, "version": "latest"}, **fields)

    def authorizer(self, function="who", ttl=60, **identity):
        return self.make("authorizer", {"name": f"auth{next(self.numbers)}", "type": "FRONTEND", "authorizer_type": "FUNC",
                                        "authorizer_uri": urn(function), "ttl": ttl,
                                        "identities": [{"name": "X-Token", "location": "HEADER", **identity}]})

    def app(self, *apis, account=PROJECT):
        n = next(self.numbers)
        app = {"app_key": f"key-of-app-{n}", "app_secret": f"secret-of-app-{n}"}
        app["id"] = self.make("app", {"name": f"app{n}", **app}, account=account)
        for api in apis:
            self.make("app_auth", {"api_id": api, "env_id": RELEASE}, app["id"], account)
        return app

    def get(self, path, host=None, method="GET", headers=()):
        return self.session.request(method, self.evoke.url + path, headers={"Host": host or self.host, **dict(headers)}, timeout=60)

    def raw(self, *lines, body=b""):
        """The answer to a request as it stands, on a connection of its own."""
        data = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body
        with socket.create_connection(("127.0.0.1", self.evoke.port), timeout=60) as s:
            s.sendall(data)
            return b"".join(iter(lambda: s.recv(65536), b""))


@pytest.fixture(scope="module")
def world():
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o777)  # the daemon is nobody
        e = Evoked("--access-log", os.path.join(path, "access.log")).start()
        try:
            w = World(e)
            w.log = os.path.join(path, "access.log")
            yield w
        finally:
            e.end()


@pytest.fixture(scope="module")
def closed(world):
    """/inner is for apps; everything else of the group is open, by the widest pattern there is."""
    api = world.api("/inner", "APP", answer=SECRET, auth_opt={"app_code_auth_type": "HEADER"})
    world.api("/", match_mode="SWA")
    return api, world.app(api)


def status(answer):
    return int(answer.split(b" ", 2)[1])


# ---- doors ----

@pytest.mark.parametrize("target", [
    "/inner", "/inner/", "//inner", "/%69nner", "/inner%2f", "/inner%2F", "/inner;a=b", "/inner;", "/./inner", "/x/../inner", "/%2e/inner",
    "/x/%2e%2e/inner", "/x/..%2finner", "/x%2f..%2finner", "/x/%252e%252e/inner", "/INNER", "/inner%00", "/inner%00.html", "/inner%20",
    "/inner%09", "/inner?", "/inner?x=/../open", "/inner%3fx", "/inner%23", "/inner\\", "/open\\..\\inner", "/inner.", "/inner/.",
    "/inner/..", "/%c0%ae%c0%ae/inner", "/inner%c0%af", "/inner%ff", "/inner//", "/inner/%2e", "http://HOST/inner", "http://HOST//inner",
    "http://other.example/inner", "HTTP://HOST/%69nner", "/%2finner", "///inner", "/..;/inner", "/inner/..;/", "/;/inner"])
@pytest.mark.parametrize("how", ["GET", "POST", "HEAD", "OPTIONS", "PROPFIND", "get"])
def test_no_way_of_writing_a_path_opens_a_door(world, closed, target, how):
    answer = world.raw(f"{how} {target.replace('HOST', world.host)} HTTP/1.1", f"Host: {world.host}", "Content-Length: 0")
    assert SECRET.encode() not in answer and b"HTTP/1.1 " in answer[:9]
    assert status(answer) in (200, 400, 401, 404, 405, 421, 501), answer
    if target in ("/inner", "/%69nner", "/inner?") and how == "GET":
        assert status(answer) == 401


@pytest.mark.parametrize("host", ["{id}.apigw.localhost", "{ID}.APIGW.LOCALHOST", "{id}.apigw.localhost.", "{id}.apigw.localhost:1",
                                  "{id}.apigw.localhost.:1", "{id}.apigw.localhost:"])
def test_no_way_of_writing_a_host_opens_a_door(world, closed, host):
    host = host.format(id=world.group, ID=world.group.upper())
    answer = world.raw("GET /inner HTTP/1.1", f"Host: {host}")
    assert SECRET.encode() not in answer and status(answer) in (400, 401)


@pytest.mark.parametrize("host", ["{id}.apigw.localhost..", "x.{id}.apigw.localhost", "{id}", "{id}apigw.localhost", "a@{id}.apigw.localhost",
                                  "{id}.apigw.localhost, other", "{id}.apigw.localhost/x", "{id}.apigw.localhost\\x", "", " ", "{id}." + "a" * 300])
def test_what_is_not_the_groups_name_does_not_reach_it(world, closed, host):
    answer = world.raw("GET /open HTTP/1.1", "Host: " + host.format(id=world.group))
    assert not answer.endswith(b"open") and status(answer) >= 400


def test_a_groups_origin_serves_no_other_group(world, closed):
    other = world.make("group", {"name": "beside"})
    world.api("/page", group=other, answer="theirs")
    assert world.get(f"/apigw/{other}/page", host=f"127.0.0.1:{world.evoke.port}").text == "theirs"
    assert world.get(f"/apigw/{other}/page").text == "open"  # a path of its own, like any


@pytest.mark.parametrize("host, status", [("apigw.localhost", 404), ("x.apigw.localhost", 404), ("xapigw.localhost", 401)])
def test_the_gateways_names_end_at_a_dot(world, host, status):
    assert world.get("/evoke/v1/functions", host=host).status_code == status


@pytest.mark.parametrize("headers", [
    ["X-HTTP-Method-Override: OPTIONS"], ["X-HTTP-Method: TRACE", "X-Method-Override: OPTIONS"], ["X-Original-URL: /open"],
    ["X-Rewrite-URL: /open"], ["X-Forwarded-Host: other"], ["X-Stage: release"], ["X-Stage: RELEASE\t"], ["X-Stage: "],
    ["X-Stage: RELEASE", "X-Stage: OTHER"], ["X-Apig-Mode: debug"], ["X-Apig-AppCode: "], ["X-Apig-AppCode: x", "X-Apig-AppCode: y"],
    ["X-HW-ID: {key}", "X-HW-AppKey: "], ["X-HW-ID: ", "X-HW-AppKey: "], ["X-HW-ID: {key}", "X-HW-AppKey: {secret}x"],
    ["X-HW-ID: {key}", "X-HW-AppKey: {half}"], ["X-HW-ID: {key}", "X-HW-ID: x", "X-HW-AppKey: x"],
    ["Authorization: "], ["Authorization: Basic"], ["Authorization: Basic Og=="], ["Authorization: Basic {b:}"],
    ["Authorization: Basic {b:{key}}"], ["Authorization: Basic {b:{key}:}"], ["Authorization: Basic {b:{key}::{secret}}"],
    ["Authorization: Basic {b::{key}:{secret}}"], ["Authorization: Basic {b:{key}:{secret}:}"], ["Authorization: Basic {b:{key}\0:{secret}}"],
    ["Authorization: Basic {b:{key}:{secret}\0}"], ["Authorization: Basic {b:{key}:{secret}\n}"], ["Authorization: Basic !!"],
    ["Authorization: Bearer {secret}"], ["Authorization: SDK-HMAC-SHA256"],
    ["Authorization: SDK-HMAC-SHA256 Access={key}, SignedHeaders=, Signature="],
    ["Authorization: SDK-HMAC-SHA256 Access={key}, SignedHeaders=host, Signature=" + "0" * 64],
    ['Authorization: hmac id="{key}", algorithm="hmac-sha1", headers="", signature="{empty}"'],
    ['Authorization: hmac id="{key}", algorithm="hmac-sha1", headers=" ", signature="{empty}"'],
    ['Authorization: hmac id="{key}", algorithm="hmac-sha1", headers="x-date", signature=""'],
    ['Authorization: hmac id="{key}", algorithm="hmac-md5", headers="x-date", signature="{empty}"'],
    ['Authorization: hmac id="{key}", algorithm="", headers="host", signature="{empty}"'],
    ['Authorization: hmac id="{key}", headers="host", signature="{host}"']], ids=lambda h: "+".join(h)[:60])
def test_no_header_opens_a_door(world, closed, headers):
    app = closed[1]
    key, secret = app["app_key"], app["app_secret"]

    def mac(text):
        return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()

    lines = []
    for line in headers:
        before, mark, after = line.partition("{b:")
        fill = {"{key}": key, "{secret}": secret, "{half}": secret[:-1], "{empty}": mac(""), "{host}": mac(f"host: {world.host}")}
        text = after[:-1] if mark else before
        for name, value in fill.items():
            text = text.replace(name, value)
        lines.append(before + base64.b64encode(text.encode()).decode() if mark else text)
    answer = world.raw("GET /inner HTTP/1.1", f"Host: {world.host}", *lines)
    assert SECRET.encode() not in answer and status(answer) in (400, 401, 404), answer
    right = base64.b64encode(f"{key}:{secret}".encode()).decode()
    assert world.get("/inner", headers={"Authorization": "Basic " + right}).text == SECRET  # there is a door


@pytest.mark.parametrize("changed", ["path", "host", "method", "query", "body", "header", "stage"])
def test_a_signature_is_good_for_its_request_only(world, closed, changed):
    app = closed[1]
    api = world.api(f"/second{next(world.numbers)}", "APP", answer=SECRET)
    world.make("app_auth", {"api_id": api, "env_id": RELEASE}, app["id"])
    path = "/inner"
    headers = {"host": world.host, "x-sdk-date": stamp(), "x-other": "1"}
    headers["Authorization"] = authorization("POST", path, "a=1", headers, b"body", app["app_key"], app["app_secret"])
    send = {"method": "POST", "path": path + "?a=1", "body": b"body"}

    def go():
        lines = [f"{k}: {v}" for k, v in headers.items()]
        return world.raw(f"{send['method']} {send['path']} HTTP/1.1", *lines, f"Content-Length: {len(send['body'])}", body=send["body"])

    assert SECRET.encode() in go()
    if changed == "path":
        send["path"] = f"/second{next(world.numbers) - 1}?a=1"
    elif changed == "host":
        headers["host"] = world.host.upper()
    elif changed == "method":
        send["method"] = "PUT"
    elif changed == "query":
        send["path"] += "&b=2"
    elif changed == "body":
        send["body"] = b"other"
    elif changed == "header":
        headers["x-other"] = "2"
    else:
        headers["x-stage"] = "OTHER"
    assert SECRET.encode() not in go()


def test_an_account_reaches_nothing_of_another(world, closed):
    api = closed[0]
    other = world.app(account=OTHER)
    assert world.get("/inner", headers={"X-HW-ID": other["app_key"], "X-HW-AppKey": other["app_secret"]}).status_code == 403
    refused = [("app_auth", {"api_id": api, "env_id": RELEASE}, other["id"]), ("domain", {"url_domain": "mine.example.com"}, world.group),
               ("api", {"group_id": world.group, "name": "api_of_other", "type": 1, "req_protocol": "BOTH", "req_method": "GET",
                        "req_uri": "/theirs", "auth_type": "NONE", "backend_type": "MOCK", "mock_info": {}}, world.group)]
    for kind, body, parent in refused:
        world.make(kind, body, parent, account=OTHER, expect=(400, 403, 404, 409))


def test_a_role_is_good_for_its_own_account(world):
    source = ("def handler(event, context):\n"
              "    return [context.getSecurityAccessKey(), context.getSecuritySecretKey(), context.getSecurityToken()]\n")
    assert world.client.create("role", source, xrole="agency").status_code == 200
    key, secret, token = json.loads(world.client.invoke("role").text)
    group = world.make("group", {"name": "theirs"}, account=OTHER)
    ident = world.make("api", {"group_id": group, "name": "theirs", "type": 1, "req_protocol": "BOTH", "req_method": "ANY", "req_uri": "/role",
                               "auth_type": "IAM", "backend_type": "MOCK", "mock_info": {"result_content": SECRET}}, account=OTHER)
    world.admin("POST", f"gateway/api/{ident}/publish", {})
    world.api("/role", "IAM", answer=SECRET)

    def ask(host):
        headers = {"host": host, "x-sdk-date": stamp(), "x-security-token": token}
        headers["Authorization"] = authorization("GET", "/role", "", headers, b"", key, secret)
        return world.get("/role", host=host, headers=headers)

    assert ask(world.host).text == SECRET
    assert ask(f"{group}.{DOMAIN}:{world.evoke.port}").status_code == 403


@pytest.mark.parametrize("name", [
    "localhost", "console.localhost", "x.localhost", "apigw.localhost", "a.apigw.localhost", "127.0.0.1", "[::1]", "::1", "taken.example.com",
    "TAKEN.example.com", "taken.example.com.", "taken.example.com:80", "a b.example.com", "", "."])
def test_a_domain_that_is_somebodys_cannot_be_had(world, name):
    other = world.make("group", {"name": f"thief{next(world.numbers)}"}, account=OTHER)
    mine = world.make("group", {"name": f"owner{next(world.numbers)}"})
    world.api("/", group=mine, answer="owner", match_mode="SWA")
    if not getattr(world, "taken", None):
        world.make("domain", {"url_domain": "taken.example.com"}, mine)
        world.taken = True
    world.make("domain", {"url_domain": name}, other, account=OTHER, expect=(400, 409))
    assert world.get("/", host="taken.example.com").text == "owner"


# ---- who somebody is ----

def test_an_answer_is_remembered_for_nobody_else(world):
    world.behind(world.authorizer(), "/me", backend_params=[
        {"origin": "SYSTEM", "name": "X-User", "location": "HEADER", "value": "$context.authorizer.frontend.user"}])

    def seen(*lines):
        answer = world.raw("GET /me HTTP/1.1", f"Host: {world.host}", *lines)
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])["headers"].get("x-user") if status(answer) == 200 else status(answer)

    assert seen("X-Token: ann") == "ann" and seen("X-Token: ann") == "ann"
    for other in (["X-Token: bob"], ["X-Token: ANN"], ["x-token: ann ", "X-Token: bob"], ["X-Token: bob", "X-Token: ann"], ["X-Token: ann,bob"]):
        assert seen(*other) != "ann", other
    assert seen("X-Token:   ann  ") == "ann"  # the same value
    assert seen("X-Token: carl", "Connection: X-Token") == 401  # the authorizer would not see it
    assert seen("X-Token: carl") == "carl"


@pytest.mark.parametrize("name", ["X-User", "x-user", "X-USER"])
def test_what_the_authorizer_did_not_say_the_client_cannot(world, name):
    path = f"/said{next(world.numbers)}"
    world.behind(world.authorizer(), path, backend_params=[
        {"origin": "SYSTEM", "name": "X-User", "location": "HEADER", "value": "$context.authorizer.frontend.user"},
        {"origin": "SYSTEM", "name": "user", "location": "QUERY", "value": "$context.authorizer.frontend.user"}])
    for token, says in (("nobody", None), ("eve", "eve")):
        event = world.get(path + "?user=admin&user=root&%75ser=x", headers={"X-Token": token, name: "admin"}).json()
        assert event["headers"].get("x-user") == says and event["queryStringParameters"].get("user") == says


def test_what_the_gateway_says_of_a_request_the_client_cannot(world):
    world.behind(world.authorizer(), "/about")
    lies = {"X-Real-Ip": "6.6.6.6", "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil", "X-Forwarded-Port": "1", "X-Forwarded-Proto": "https",
            "X-Request-Id": "mine", "X-Stage": "RELEASE", "X-Apig-Count": "-5", "X-Evoke-Account": "x", "X-Apig-AppId": "x"}
    r = world.get("/about", headers={**lies, "X-Token": "a"})
    event = r.json()
    seen = event["headers"]
    assert seen["x-real-ip"] == "127.0.0.1" == event["requestContext"]["sourceIp"]
    assert seen["x-forwarded-for"] == "6.6.6.6, 127.0.0.1"
    assert seen["x-forwarded-host"] == world.host.split(":")[0] and seen["x-forwarded-proto"] == "http"
    assert seen["x-request-id"] == r.headers["X-Request-Id"] == event["requestContext"]["requestId"] != "mine"
    assert seen["x-apig-count"] == "1"


# ---- work ----

def test_an_expression_of_an_identity_takes_no_time(world):
    world.behind(world.authorizer(validation=ENDLESS), "/endless")
    for _ in range(20):  # without a bound each takes a second
        assert world.get("/endless", headers={"X-Token": "a" * 8000}).status_code == 401
    assert world.get("/endless", headers={"X-Token": "aab"}).status_code == 200


def test_words_of_a_group_do_not_grow_without_end(world):
    group = world.make("group", {"name": "bomb"})
    world.make("response", {"name": "default", "responses": {"NOT_FOUND": {"status": 404, "body": "$context.reqUri" * 1000}}}, group)
    r = world.get("/" + "x" * 4000, host=f"{group}.{DOMAIN}")
    assert r.status_code == 404 and r.json()["error_code"] == "APIG.0101" and len(r.content) < 65536


def test_a_body_for_scf_is_bounded(world):
    group = world.make("group", {"name": "scfhouse"}, dialect="scf")
    ident = world.make("api", {"group_id": group, "name": "scfapi", "type": 1, "req_protocol": "BOTH", "req_method": "ANY", "req_uri": "/x",
                               "auth_type": "NONE", "backend_type": "MOCK", "mock_info": {"result_content": "taken"}}, dialect="scf")
    world.admin("POST", f"gateway/api/{ident}/publish", {})
    head = ["POST /release/x HTTP/1.1", f"Host: {group}.{DOMAIN}"]
    assert world.raw(*head, f"Content-Length: {6 << 20}", body=bytes(6 << 20)).endswith(b"taken")
    answer = world.raw(*head, f"Content-Length: {(6 << 20) + 1}")  # refused before it is sent
    assert status(answer) == 413 and b"taken" not in answer, answer


# ---- the log ----

def test_every_call_is_one_line_of_the_log_whatever_it_says(world):
    marks = [world.get("/last").headers["X-Request-Id"]]
    for lines in (["X-Stage: " + "\xff" * 8000], ['X-Stage: {"a":1}\\n'], ["X-Stage: " + '"' * 4000, "X-Other: 1"], ["X-Stage: \x80\x9b31m"]):
        answer = world.raw("GET /" + '"\'' * 1000 + "%0a%0d%1b[31m HTTP/1.1", f"Host: {world.host}", *lines)
        assert status(answer) in (404, 200), answer
        marks += [line.split(b": ")[1].decode() for line in answer.split(b"\r\n") if line.lower().startswith(b"x-request-id")]
    for _ in deadline(20):
        with open(world.log, "rb") as f:
            text = f.read()
        if all(mark.encode() in text for mark in marks):
            break
    told = [json.loads(line) for line in text.splitlines()]
    assert len(marks) == 5 and all(sum(line["request_id"] == mark for line in told) == 1 for mark in marks)
    assert not any(byte < 0x20 and byte != 0x0a or byte == 0x7f for byte in text)
