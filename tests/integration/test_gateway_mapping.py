# SPDX-License-Identifier: Apache-2.0
"""Requests into events and answers into HTTP, against one daemon, row by row of mapping_table.py."""
import http.client
import json
import urllib.parse

import pytest

from mapping_table import ABSENT, ANSWERS, EVENTS
from signing import PROJECT, Client

ECHO = """
import json

def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)}
"""

# Answers what it is told by the query; {"repeat": n} stands for a long text.
TELL = """
import json

def fill(value):
    if isinstance(value, dict):
        return "z" * value["repeat"] if "repeat" in value else {k: fill(v) for k, v in value.items()}
    return value

def handler(event, context):
    told = json.loads(event["queryStringParameters"]["say"])
    if isinstance(told, dict) and "raise" in told:
        raise ValueError(told["raise"])
    return fill(told)
"""

TRIGGERS = [
    ("echo", "web", {"path": "/echo", "match": "prefix"}),
    ("echo", "item", {"path": "/item/{id}/x"}),
    ("echo", "deep", {"path": "/deep/{rest+}"}),
    ("echo", "plain", {"path": "/plain", "base64": False}),
    ("tell", "web", {"path": "/tell"}),
]


NODE = """
exports.handler = (event, context, callback) => {
    const say = event.queryStringParameters.say;
    const page = { statusCode: 200, headers: { "Content-Type": "text/html", "Set-Cookie": ["a=1", "b=2"] }, body: "<p>\u4f60</p>" };
    const answers = {
        page,
        text: JSON.stringify(page),
        binary: { statusCode: 200, isBase64Encoded: true, body: Buffer.from([0, 255]).toString("base64") },
        nothing: undefined,
        echo: { statusCode: 200, body: Buffer.from(event.body, "base64").toString() + event.httpMethod + event.headers["x-a"] },
    };
    callback(say === "error" ? new Error("on purpose") : null, answers[say]);
};
"""


class Web:
    """One kept connection to the gateway; a group's host."""

    def __init__(self, evoke, deploy=True):
        self.evoke = evoke
        self.client = Client(evoke)
        if deploy:
            self.deploy(self.client)
        self.connection = http.client.HTTPConnection("127.0.0.1", evoke.port, timeout=60)

    def deploy(self, client):
        for name, source in (("echo", ECHO), ("tell", TELL)):
            assert client.create(name, source).status_code == 200
        for function, name, config in TRIGGERS:
            at = f"/evoke/v1/functions/functiongraph/{PROJECT}/local-1/default/{function}/triggers/{name}"
            r = client.call("PUT", at, {"source": "apig", "config": config})
            assert r.status_code == 201, r.text
            self.address = r.json()["address"]
        self.host = f"{self.address['host']}:{self.evoke.port}"

    def ask(self, target="/echo", method="GET", headers=(), body=None, chunks=None, host=None):
        c = self.connection
        c.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        c.putheader("Host", host or self.host)
        for name, value in headers:
            c.putheader(name, value)
        if chunks is not None:
            c.putheader("Transfer-Encoding", "chunked")
        elif body is not None:
            c.putheader("Content-Length", str(len(body)))
        c.endheaders(iter(chunks) if chunks is not None else body, encode_chunked=chunks is not None)
        r = c.getresponse()
        return r, r.read()

    def tell(self, answer, **more):
        return self.ask("/tell?say=" + urllib.parse.quote(json.dumps(answer)), **more)


@pytest.fixture(scope="module")
def web(_module_daemon):
    web = Web(_module_daemon)
    yield web
    web.connection.close()


def names(table):
    return [row[0].replace(" ", "_") for row in table]


def member(event, path):
    """"a.b": that member; "a.": the names of the members of a."""
    for name in path.split(".", 1) if path else [""]:
        event = sorted(event) if name == "" else event.get(name, ABSENT)
    return event


@pytest.mark.parametrize("row", EVENTS, ids=names(EVENTS))
def test_a_request_becomes_an_event(web, row):
    _, document, request, wanted = row
    r, body = web.ask(**request)
    assert r.status == 200, body[:500]
    event = json.loads(body)
    for path, value in wanted.items():
        assert member(event, path) == value, (document, path, event if len(body) < 10000 else "...")


def refused(body, code, part):
    said = json.loads(body)
    assert sorted(said) == ["error_code", "error_msg", "request_id"], said
    assert said["error_code"].startswith(code) and part in said["error_msg"], said


@pytest.mark.parametrize("row", ANSWERS, ids=names(ANSWERS))
def test_an_answer_becomes_http(web, row):
    _, document, told, (status, headers, wanted) = row
    r, body = web.tell(told)
    assert r.status == status, (document, body[:500])
    for name, value in headers.items():
        got = r.headers.get_all(name)
        assert got == (value if value is None or isinstance(value, list) else [value]), (document, name, got)
    if isinstance(wanted, bytes):
        assert body == wanted, (document, body[:500])
    else:
        refused(body, *wanted)
    assert len(r.headers.get_all("X-Request-Id")) == 1 and r.headers["X-Request-Id"] != "mine"
    assert len(r.headers.get_all("Date") or []) <= 1


def test_request_id_is_the_same_everywhere(web):
    r, body = web.ask(headers=[("X-Request-Id", "mine")])
    event = json.loads(body)
    assert event["requestContext"]["requestId"] == event["headers"]["x-request-id"] == r.headers["X-Request-Id"] != "mine"


def test_host_and_port_are_told(web):
    _, body = web.ask()
    headers = json.loads(body)["headers"]
    name, port = web.host.rsplit(":", 1)
    assert (headers["host"], headers["x-forwarded-host"], headers["x-forwarded-port"]) == (web.host, name, port)


def test_head_says_how_long_the_body_would_be(web):
    r, body = web.tell({"statusCode": 200, "headers": {"X-A": "1"}, "body": "hello"}, method="HEAD")
    assert (r.status, r.headers["Content-Length"], r.headers["X-A"], body) == (200, "5", "1", b"")


def test_by_path_an_answer_is_put_into_a_sandbox(web):
    at, by = web.address["path"], web.address["by_path"]
    r, body = web.tell({"statusCode": 200, "headers": {"Content-Security-Policy": "default-src *"}, "body": "<script>"})
    assert r.headers.get_all("Content-Security-Policy") == ["default-src *"]
    say = urllib.parse.quote(json.dumps({"statusCode": 200, "headers": {"Content-Security-Policy": "default-src *"}, "body": "x"}))
    r, body = web.ask(f"{by}?say={say}", host=f"127.0.0.1:{web.evoke.port}")
    assert by.endswith(at) and r.status == 200 and body == b"x"
    assert "sandbox" in r.headers.get_all("Content-Security-Policy")


def test_a_query_of_thousands_of_names_is_no_work(web):
    query = "&".join(f"{i:x}" for i in range(1500))
    _, body = web.ask("/echo?" + query)
    assert json.loads(body)["queryStringParameters"] == {f"{i:x}": "" for i in range(1500)}


def test_answers_stay_apart_on_one_connection(web):
    """What the function says about the connection does not touch it: the next answer is read where it begins."""
    for told in ({"statusCode": 204, "body": "not seen"}, {"statusCode": 200, "headers": {"Content-Length": "3"}, "body": "four"},
                 {"statusCode": 200, "headers": {"Transfer-Encoding": "chunked", "Connection": "close"}, "body": "0\r\n\r\nHTTP/1.1"}):
        r, body = web.tell(told)
        assert body == (b"" if told["statusCode"] == 204 else told["body"].encode())
    r, body = web.ask("/echo")
    assert r.status == 200 and json.loads(body)["path"] == "/echo"


def test_debug_mode_tells_how_long_it_took(web):
    """X-Apig-Mode: debug, usermanual-apig/apig_03_0047.html, 2025-01-10."""
    for target in ("/echo", "/tell?say=1"):
        r, body = web.ask(target, headers=[("X-Apig-Mode", "debug")])
        assert int(r.headers["X-Apig-Latency"]) >= int(r.headers["X-Apig-Upstream-Latency"]) >= 0
    r, _ = web.ask()
    assert not [name for name in r.headers if name.lower().startswith("x-apig-")]


def test_functions_in_node_answer_alike(web):
    code = {"runtime": "Node.js14.18", "code_filename": "index.js"}
    assert web.client.create("node", NODE, **code).status_code == 200
    at = f"/evoke/v1/functions/functiongraph/{PROJECT}/local-1/default/node/triggers/web"
    assert web.client.call("PUT", at, {"source": "apig", "config": {"path": "/node"}}).status_code == 201

    for say in ("page", "text"):
        r, body = web.ask("/node?say=" + say)
        assert (r.status, r.headers["Content-Type"], body) == (200, "text/html", "<p>\u4f60</p>".encode())
        assert r.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    r, body = web.ask("/node?say=binary")
    assert (r.status, body) == (200, b"\x00\xff")
    r, body = web.ask("/node?say=echo", method="POST", body=b"hi ", headers=[("X-A", "!")])
    assert (r.status, body) == (200, b"hi POST!")
    r, body = web.ask("/node?say=nothing")
    assert r.status == 500
    refused(body, "FSS.1206", "invalid type of APIG trigger invocation result:[")
    r, body = web.ask("/node?say=error")
    assert r.status == 500
    refused(body, "FSS.", "")
