# SPDX-License-Identifier: Apache-2.0
"""The Python worker's HTTP handlers (Function Compute): WSGI, case by case, without a sandbox."""

import json
import os

import pytest

from workerhost import PYTHON, Zygote, worker_host

# slow: no C of ours is in them, so the sanitizers see nothing
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not os.path.exists(PYTHON), reason=PYTHON + " is not installed")]

HTTP = {"method": "GET", "path": "/", "uri": "/", "client_ip": "10.1.2.3", "headers": [], "queries": []}


@pytest.fixture(scope="module")
def zygote():
    zygote = Zygote()
    yield zygote
    zygote.end()


@pytest.fixture(params=["exec", "fork"])
def start(tmp_path, request):
    hosts = []

    def begin(code, **over):
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / "index.py").write_text(code)
        hosts.append(worker_host(tmp_path, request))
        assert hosts[-1].assign("fc", **over) == (0, b"{}")
        return hosts[-1]

    yield begin
    for host in hosts:
        host.kill()


def app(body, before=""):
    """An application whose body is one line or several."""
    lines = "".join("    %s\n" % line for line in body.split("\n"))
    return "%s\ndef handler(environ, start_response):\n%s" % (before, lines)


OK = "start_response('200 OK', [('Content-Type', 'text/plain')])\n"


def fails(host, **http):
    flags, body, _ = host.call(http={**HTTP, **http})
    assert flags == 1 and host.head is None
    return json.loads(body)


@pytest.mark.parametrize("key, value", [
    ("REQUEST_METHOD", "POST"), ("SCRIPT_NAME", ""), ("PATH_INFO", "/a b/%41"), ("QUERY_STRING", "x=1&y=%20&x=2"),
    ("CONTENT_LENGTH", "4"), ("CONTENT_TYPE", "text/x"), ("REMOTE_ADDR", "10.1.2.3"), ("SERVER_NAME", "FCRUNTIME"),
    ("SERVER_PORT", "9000"), ("SERVER_PROTOCOL", "HTTP/1.1"), ("SERVER_SOFTWARE", "FCRUNTIME/1.0"), ("HTTP", "on"),
    ("HTTP_HOST", "h:1"), ("HTTP_X_A", "1,2"), ("HTTP_COOKIE", "a=1"), ("wsgi.version", [1, 0]),
    ("wsgi.url_scheme", "http"), ("wsgi.multithread", False), ("wsgi.multiprocess", False), ("wsgi.run_once", False),
    ("fc.request_uri", "/a%20b/%2541?x=1&y=%20&x=2"), ("USER_SET", "yes"), ("HTTP_CONTENT_TYPE", None),
    ("HTTP_CONTENT_LENGTH", None),
])
def test_environ(start, key, value):
    host = start(app("import json\n" + OK + "return [json.dumps(environ.get(%r)).encode()]" % key),
                 env={"USER_SET": "yes"})
    answer = host.request("POST", "/a%20b/%2541?x=1&y=%20&x=2", b"body", [
        ("host", "h:1"), ("content-type", "text/x"), ("x-a", "1"), ("cookie", "a=1"), ("x-a", "2"),
        ("content-length", "77")])
    assert json.loads(answer[2]) == value


def test_without_a_content_type_there_is_a_default(start):
    host = start(app(OK + "return [environ['CONTENT_TYPE'].encode(), environ['CONTENT_LENGTH'].encode()]"))
    assert host.request()[2] == b"application/octet-stream0"


def test_text_of_the_wire_is_native_text_both_ways(start):
    host = start(app("start_response('200 OK', [('X-Path', environ['PATH_INFO']), ('X-H', environ['HTTP_X_H']),\n"
                     "                          ('X-Latin', '\\xe9'), ('X-Wide', '\\u4e2d')])\n"
                     "return [environ['PATH_INFO'].encode('latin-1')]"))
    status, headers, body = host.request("GET", "/caf%C3%A9", headers=[("x-h", "\u4e2d")])
    assert body == "/caf\u00e9".encode()
    assert headers == [["X-Path", "/caf\u00e9"], ["X-H", "\u4e2d"], ["X-Latin", "\u00e9"], ["X-Wide", "\u4e2d"]]


def test_body_context_and_errors(start):
    host = start(app("print('printed')\nenviron['wsgi.errors'].write('complaint\\n')\n" + OK +
                     "return [environ['wsgi.input'].read(), environ['fc.context'].request_id.encode()]"))
    assert host.request("PUT", "/", bytes(range(256)))[2] == bytes(range(256)) + b"r-1"
    assert "printed" in host.log() and "complaint" in host.log()


def test_credentials_and_the_initializers_work(start):
    host = start("made = []\n\ndef init(context):\n    made.append(context.function.name)\n" +
                 app(OK + "return [made[0].encode(), environ['fc.context'].credentials.access_key_id.encode()]"),
                 initializer="index.init")
    assert host.request(credentials={"access_key": "ak", "secret_key": "sk", "security_token": "t"})[2] == b"fnak"


@pytest.mark.parametrize("code, body", [
    (OK + "return [b'a', b'', b'b']", b"ab"),
    (OK + "return iter((b'a', bytearray(b'b')))", b"ab"),
    (OK + "yield b'a'\nyield b'b'", b"ab"),
    ("yield b''\n" + OK + "yield b'late'", b"late"),
    ("write = " + OK + "write(b'w')\nreturn [b'r']", b"wr"),
    (OK + "return []", b""),
    (OK + "return [bytes(300000)]", bytes(300000)),
])
def test_bodies(start, code, body):
    if code.startswith("yield b''"):  # the PEP lets an application begin late
        host = start(app("def late():\n    " + OK.strip() + "\n    yield b'late'\nreturn late()"))
    else:
        host = start(app(code))
    status, headers, got = host.request()
    assert (status, headers, got) == (200, [["Content-Type", "text/plain"]], body)


@pytest.mark.parametrize("status, number", [("200 OK", 200), ("404 Not Found", 404), ("299", 299), ("599 x y", 599)])
def test_statuses(start, status, number):
    host = start(app("start_response(%r, [])\nreturn []" % status))
    assert host.request() == (number, [], b"")


def test_headers_keep_order_and_repetitions(start):
    host = start(app("start_response('302 Found', [('Set-Cookie', 'a=1'), ('Location', '/x'), ('Set-Cookie', 'b=2')])\n"
                     "return []"))
    assert host.request() == (302, [["Set-Cookie", "a=1"], ["Location", "/x"], ["Set-Cookie", "b=2"]], b"")


def test_close_is_called_also_after_a_failure(start):
    before = ("class Result:\n    def __init__(self, bad):\n        self.bad = bad\n"
              "    def __iter__(self):\n        if self.bad:\n            raise KeyError('midway')\n"
              "        return iter([b'x'])\n    def close(self):\n        print('closed')\n")
    host = start(app(OK + "return Result(environ['PATH_INFO'] == '/bad')", before))
    assert host.request()[2] == b"x"
    assert "closed" in host.log()
    assert fails(host, path="/bad")["errorType"] == "KeyError"
    assert "closed" in host.log()
    assert host.request()[2] == b"x", "the instance lives on"


def test_exc_info_replaces_what_was_not_sent(start):
    host = start(app("import sys\n" + OK + "try:\n    raise ValueError('late')\nexcept ValueError:\n"
                     "    start_response('500 Oops', [('X-A', '1')], sys.exc_info())\nreturn [b'sorry']"))
    assert host.request() == (500, [["X-A", "1"]], b"sorry")


def test_exc_info_raises_when_the_body_has_begun(start):
    host = start(app("import sys\n" + OK + "(b'part')\ntry:\n    raise ValueError('late')\nexcept ValueError:\n"
                     "    start_response('500 Oops', [], sys.exc_info())\nreturn [b'sorry']")
                 .replace("\n    (b'part')", "(b'part')"))
    assert fails(host)["errorType"] == "ValueError"


@pytest.mark.parametrize("code, kind, text", [
    ("raise RuntimeError('no')", "RuntimeError", "no"),
    (OK + "return 'text'", "NotWsgi", "type 'str'"),
    (OK + "return b'bytes'", "NotWsgi", "type 'bytes'"),
    (OK + "return None", "NotWsgi", "type 'NoneType'"),
    (OK + "return {'statusCode': 200}", "NotWsgi", "type 'dict'"),
    (OK + "return 7", "NotWsgi", "type 'int'"),
    (OK + "return ['text']", "NotWsgi", "of 'str'"),
    ("return []", "NotWsgi", "start_response() was not called"),
    ("return [b'x']", "NotWsgi", "before start_response()"),
    (OK + OK + "return []", "AssertionError", "called before"),
    ("start_response(200, [])\nreturn []", "NotWsgi", "a status is text"),
    ("start_response('OK', [])\nreturn []", "NotWsgi", "a status is text"),
    ("start_response('2000', [])\nreturn []", "NotWsgi", "a status is text"),
    ("start_response('200 OK', [('A', 1)])\nreturn []", "NotWsgi", "are text"),
    ("start_response('200 OK', [('A', 'x' * 17000)])\nreturn []", "NotWsgi", "larger than 16384"),
    ("return environ.nothing", "AttributeError", "nothing"),
])
def test_what_is_no_wsgi_is_an_error_result(start, code, kind, text):
    host = start(app(code))
    error = fails(host)
    assert error["errorType"] == kind and text in error["errorMessage"]
    assert fails(host)["errorType"] == kind, "the instance lives on"


def test_an_event_handler_is_none(start):
    host = start("def handler(event, context):\n    return 'hello'\n")
    assert fails(host)["errorType"] == "NotWsgi"
    assert host.call(b"x")[:2] == (0, b"hello")


def test_heads_of_the_limit(start):
    host = start(app("start_response('200 OK', [('A', 'x' * int(environ['QUERY_STRING']))])\nreturn []"))
    frame = len(json.dumps({"status": 200, "headers": [["A", ""]]}))
    assert len(host.request(uri="/?%d" % (16384 - frame))[1][0][1]) == 16384 - frame
    fails(host, uri="/?%d" % (16384 - frame + 1))


def test_bodies_of_the_limit(start):
    host = start(app(OK + "n = int(environ['QUERY_STRING'])\nreturn (b'x' * 1000 for _ in range(n))"), answer_max=50000)
    assert len(host.request(uri="/?50")[2]) == 50000
    assert fails(host, uri="/?51")["errorType"] == "ResponseTooLarge"
    assert fails(host, uri="/?1000000000")["errorType"] == "ResponseTooLarge", "it is not drained"


def test_several_at_once_each_with_its_own(start):
    host = start(app("import time\nfrom_path = environ['PATH_INFO']\ntime.sleep(0.05 if from_path == '/0' else 0)\n"
                     "start_response('200 ' + str(environ['wsgi.multithread']), [('X-Path', from_path)])\n"
                     "return [from_path.encode()]"), concurrency=10)
    streams = {host.begin(b"", http={**HTTP, "path": "/%d" % i}): i for i in range(5)}
    heads = {}
    answers = host.answers(5, heads)
    assert {stream: body for stream, _, body in answers} == {s: b"/%d" % i for s, i in streams.items()}
    assert {stream: head["headers"][0][1] for stream, head in heads.items()} == {
        s: "/%d" % i for s, i in streams.items()}
