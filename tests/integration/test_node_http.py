# SPDX-License-Identifier: Apache-2.0
"""The Node.js worker's HTTP handlers (Function Compute): (req, resp, context), without a sandbox."""

import json

import pytest

from nodehost import NEEDED, expect_error, start  # noqa: F401

# slow: no C of ours is in them, so the sanitizers see nothing
pytestmark = [NEEDED, pytest.mark.slow]

HTTP = {"method": "GET", "path": "/", "uri": "/", "client_ip": "10.1.2.3", "headers": [], "queries": []}


@pytest.fixture
def serve(start):  # noqa: F811
    def begin(code, before="", **over):
        host = start("%s\nexports.handler = %s;\n" % (before, code))
        assert host.assign("fc", **over) == (0, b"{}")
        return host

    return begin


def fails(host, **http):
    result = host.call(http={**HTTP, **http})
    assert host.head is None
    return expect_error(result)


@pytest.mark.parametrize("expression, value", [
    ("req.method", "POST"), ("req.clientIP", "10.1.2.3"), ("req.path", "/a b"), ("req.url", "/a%20b?x=1&y=%20&x=2&x=3&z="),
    ("req.queries", {"x": ["1", "2", "3"], "y": " ", "z": ""}),
    ("req.headers", {"host": "first", "accept": "a, b", "cookie": "c=1", "set-cookie": ["s=1"], "__proto__x": "y"}),
    ("req.getHeader('HOST')", "first"), ("req.getHeader('absent') === undefined", True),
    ("req.body.toString()", "body"), ("Buffer.isBuffer(req.body)", True),
    ("typeof req.on + typeof req.pipe", "functionfunction"),
    ("[context.requestId, context.function.name, context.credentials.accessKeyId]", ["r-1", "fn", "ak"]),
])
def test_request(serve, expression, value):
    host = serve("(req, resp, context) => resp.send(JSON.stringify(%s))" % expression)
    answer = host.request("POST", "/a%20b?x=1&y=%20&x=2&x=3&z=", b"body", [
        ("host", "first"), ("host", "second"), ("accept", "a"), ("accept", "b"), ("cookie", "c=1"), ("set-cookie", "s=1"),
        ("__proto__x", "y")], credentials={"access_key": "ak", "secret_key": "sk", "security_token": "st"})
    assert json.loads(answer[2]) == value


def test_keys_that_are_names_of_objects_are_plain_keys(serve):
    host = serve("(req, resp) => resp.send(JSON.stringify([Object.keys(req.queries), Object.keys(req.headers),"
                 " req.getHeader('toString') === Object.prototype.toString, ({}).polluted]))")
    answer = host.request(uri="/?__proto__=1&constructor=2", headers=[("__proto__", "x"), ("constructor", "y")])
    assert json.loads(answer[2])[:2] == [["__proto__", "constructor"], ["__proto__", "constructor"]]


@pytest.mark.parametrize("code", [
    "(req, resp) => { const all = []; req.on('data', d => all.push(d)); req.on('end', () => resp.send(Buffer.concat(all))); }",
    "async (req, resp) => { const all = []; for await (const d of req) all.push(d); resp.send(Buffer.concat(all)); }",
    "(req, resp) => resp.send(req)",
    "(req, resp) => resp.send(req.pipe(new (require('stream').PassThrough)()))",
    "(req, resp) => resp.send(req.body)",
])
def test_bodies_are_streams(serve, code):
    host = serve(code)
    for body in (bytes(range(256)) * 3, b"", b"x" * 1000000):
        assert host.request("POST", "/", body) == (200, [], body)


@pytest.mark.parametrize("calls, status, headers, body", [
    ("resp.send('text')", 200, [], b"text"),
    ("resp.send('\u00e9')", 200, [], "\u00e9".encode()),
    ("resp.send(Buffer.from([0, 255]))", 200, [], b"\x00\xff"),
    ("resp.send(new Uint8Array([97]))", 200, [], b"a"),
    ("resp.send('')", 200, [], b""),
    ("resp.send()", 200, [], b""),
    ("resp.send(require('stream').Readable.from(['a', Buffer.from('b')]))", 200, [], b"ab"),
    ("resp.setStatusCode(404); resp.send('no')", 404, [], b"no"),
    ("resp.setStatusCode('302'); resp.setHeader('Location', '/x'); resp.send('')", 302, [["Location", "/x"]], b""),
    ("resp.setHeader('Set-Cookie', ['a=1', 'b=2']); resp.send('')", 200, [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]], b""),
    ("resp.setHeader('X-A', 1); resp.setHeader('x-a', 2); resp.send('')", 200, [["x-a", "2"]], b""),
    ("resp.setHeader('X-A', '1'); resp.deleteHeader('x-A'); resp.send(String(resp.hasHeader('X-A')))", 200, [], b"false"),
    ("resp.setHeader('X-A', '1'); resp.send(String(resp.hasHeader('x-a')))", 200, [["X-A", "1"]], b"true"),
    ("resp.send('first'); resp.send('second')", 200, [], b"first"),
    ("resp.send('first'); resp.setHeader('X-Late', '1'); resp.setStatusCode(500)", 200, [], b"first"),
    ("setTimeout(() => resp.send('later'), 5)", 200, [], b"later"),
    ("Promise.resolve().then(() => resp.send('soon'))", 200, [], b"soon"),
    ("resp.send('sent'); throw new Error('behind')", 200, [], b"sent"),
])
def test_answers(serve, calls, status, headers, body):
    host = serve("(req, resp, context) => { %s }" % calls)
    assert host.request() == (status, headers, body)
    assert host.request() == (status, headers, body), "once more, warm"


@pytest.mark.parametrize("code, kind, text", [
    ("(req, resp) => { throw new TypeError('no'); }", "TypeError", "no"),
    ("async (req, resp) => { throw new TypeError('no'); }", "TypeError", "no"),
    ("(req, resp) => {}", "Error", "resp.send() was not called"),
    ("async (req, resp) => 'returned'", "Error", "resp.send() was not called"),
    ("(event, context, callback) => callback(null, 'hello')", "TypeError", "not a function"),
    ("(req, resp) => resp.send({statusCode: 200})", "TypeError", "not 'object'"),
    ("(req, resp) => resp.send(7)", "TypeError", "not 'number'"),
    ("(req, resp) => resp.setStatusCode('OK')", "RangeError", "a status code is a number"),
    ("(req, resp) => resp.setStatusCode(99)", "RangeError", "a status code is a number"),
    ("(req, resp) => resp.setStatusCode(1000)", "RangeError", "a status code is a number"),
    ("(req, resp) => { const s = new (require('stream').Readable)({read() { this.destroy(new Error('midway')); }});"
     " resp.send(s); }", "Error", "midway"),
    ("(req, resp) => { const s = new (require('stream').Readable)({read() { this.push('x'); this.destroy(); }});"
     " resp.send(s); }", "Error", "closed before its end"),
    ("(req, resp) => { resp.setHeader('A', 'x'.repeat(17000)); resp.send(''); }", "RangeError", "larger than 16384"),
])
def test_failures_are_error_results(serve, code, kind, text):
    host = serve(code)
    error = fails(host)
    assert error["errorType"] == kind and text in error["errorMessage"]
    assert fails(host)["errorType"] == kind, "the instance lives on"
    assert text in host.log()


def test_heads_of_the_limit(serve):
    host = serve("(req, resp) => { resp.setHeader('A', 'x'.repeat(Number(req.queries.n))); resp.send(''); }")
    frame = len('{"status":200,"headers":[["A",""]]}')
    assert len(host.request(uri="/?n=%d" % (16384 - frame))[1][0][1]) == 16384 - frame
    assert fails(host, queries=[["n", str(16384 - frame + 1)]])["errorType"] == "RangeError"


def test_bodies_of_the_limit(serve):
    host = serve("(req, resp) => { const n = Number(req.queries.n); resp.send(req.path === '/stream'"
                 " ? require('stream').Readable.from((function* () { for (let i = 0; i < n; i++) yield 'x'; })()) : 'x'.repeat(n)); }",
                 answer_max=5000)
    for path in "/", "/stream":
        assert len(host.request(uri=path + "?n=5000")[2]) == 5000
        assert fails(host, path=path, queries=[["n", "5001"]])["errorType"] == "ResponseTooLarge"
    assert fails(host, path="/stream", queries=[["n", "1000000000"]])["errorType"] == "ResponseTooLarge"


def test_several_at_once_each_with_its_own(serve):
    host = serve("async (req, resp) => { await new Promise(go => setTimeout(go, req.path === '/0' ? 50 : 1));"
                 " resp.setHeader('X-Path', req.path); resp.send(req.path); }", concurrency=10)
    streams = {host.begin(b"", http={**HTTP, "path": "/%d" % i}): i for i in range(5)}
    heads = {}
    answers = host.answers(5, heads)
    assert {stream: body for stream, _, body in answers} == {s: b"/%d" % i for s, i in streams.items()}
    assert {stream: head["headers"][0][1] for stream, head in heads.items()} == {
        s: "/%d" % i for s, i in streams.items()}


def test_the_initializer_runs_before(serve):
    host = serve("(req, resp) => resp.send(made)", "let made;\nexports.init = (context, callback) => {"
                 " made = context.function.name; callback(null, ''); };", initializer="index.init")
    assert host.request()[2] == b"fn"
