# SPDX-License-Identifier: Apache-2.0
"""What SCF's code sees in the Python and the Node.js worker: handlers, context, answers, errors, console.

The shapes are those of scf.md 3; what it leaves open is decided in docs/compat/scf.md. No sandbox: this file plays the host.
"""

import json
import os
import re

import pytest

import nodehost
from workerhost import PYTHON, PythonHost, Zygote, ForkedHost

pytestmark = [pytest.mark.slow, nodehost.NEEDED, pytest.mark.skipif(not os.path.exists(PYTHON), reason=PYTHON + " is not installed")]

CREDENTIALS = {"access_key": "ak", "secret_key": "sk", "security_token": "st"}
CONTEXT = {
    "memory_limit_in_mb": 128, "time_limit_in_ms": 3000, "request_id": "r-1",
    "environment": '{"SCF_NAMESPACE":"default","K":"v"}', "environ": "SCF_NAMESPACE=default;K=v",
    "function_version": "$LATEST", "function_name": "hello", "namespace": "default",
    "tencentcloud_region": "ap-guangzhou", "tencentcloud_appid": "1250000000", "tencentcloud_uin": "1250000000"}


@pytest.fixture
def run(tmp_path):
    """A worker of that language with this code, assigned: run("python", code) or ("node", code)."""
    hosts, zygotes = [], []

    def begin(language, code, **over):
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / ("index.js" if language.startswith("node") else "index.py")).write_text(code)
        if language == "forked":
            zygotes.append(Zygote())
            host = ForkedHost(tmp_path, zygotes[0])
        elif language == "python":
            host = PythonHost(tmp_path)
        else:
            host = nodehost.NodeHost(tmp_path, nodehost.REHEARSED if language == "node rehearsed" else nodehost.FRESH)
        hosts.append(host)
        host.ended = host.assign("scf", handler=over.pop("handler", "index.main_handler"), **over)
        return host

    yield begin
    for host in hosts:
        getattr(host, "kill", host.end)()
    for zygote in zygotes:
        zygote.end()


def answer(result):
    flags, body, _ = result
    assert flags == 0, body
    return body.decode()


def error(result):
    flags, body, _ = result
    assert flags == 1, body
    return json.loads(body)


@pytest.mark.parametrize("language", ["python", "forked"])
@pytest.mark.parametrize("returned, body", [
    ("None", "null"), ("'hi'", '"hi"'), ("'\\u817e\\u8baf'", '"\u817e\u8baf"'), ("{'a': [1, 2.5, True]}", '{"a": [1, 2.5, true]}'),
    ("Decimal('1.10')", '"1.10"'), ("{'n': Decimal(7)}", '{"n": "7"}'), ("7", "7"), ("(1, 2)", "[1, 2]"),
    ("{'isBase64Encoded': False}", '{"isBase64Encoded": false}'),
])
def test_python_answers_are_json(run, language, returned, body):
    host = run(language, f"from decimal import Decimal\ndef main_handler(event, context):\n    return {returned}\n")
    assert answer(host.call()) == body


@pytest.mark.parametrize("language", ["node", "node rehearsed"])
@pytest.mark.parametrize("code, body", [
    ("(event, context, callback) => { callback(null, 'hi'); }", '"hi"'),
    ("(event, context, callback) => { setTimeout(() => callback(null, {a: 1}), 5); }", '{"a":1}'),
    ("async () => ({ a: '\\u817e' })", '{"a":"\u817e"}'),
    ("() => 7", "7"),
    ("async () => undefined", "null"),
    ("() => {}", "null"),
    ("async () => null", "null"),
    ("async () => Buffer.from('ab')", '{"type":"Buffer","data":[97,98]}'),
    ("(event, context) => { context.succeed('s'); }", '"s"'),
    ("(event, context) => { setTimeout(() => context.done(null, [1]), 5); }", "[1]"),
    ("(event, context, callback) => { context.succeed(1); callback(null, 2); }", "1"),
])
def test_node_answers_are_json(run, language, code, body):
    assert answer(run(language, f"exports.main_handler = {code};").call()) == body


@pytest.mark.parametrize("event, seen", [(b'{"a": 1}', {"a": 1}), (b'"text"', "text"), (b"[1, null]", [1, None]), (b"17", 17), (b"", {})])
def test_events_arrive_parsed(run, event, seen):
    host = run("python", "def main_handler(event, context):\n    return {'seen': event}\n")
    assert json.loads(answer(host.call(event))) == {"seen": seen}


@pytest.mark.parametrize("language, code", [
    ("python", "def main_handler(event, context):\n    return 1\n"), ("node", "exports.main_handler = async () => 1;")])
def test_an_event_that_is_not_json_is_400(run, language, code):
    host = run(language, code)
    told = error(host.call(b'{"a": }'))
    assert (told["errorCode"], told["statusCode"], told["requestId"]) == (-1, 400, "r-1")
    assert told["errorMessage"].startswith("the event is not JSON: ")
    assert answer(host.call()) == "1"


def test_the_python_context_is_a_dict_in_the_order_of_the_cloud(run):
    host = run("python", "import json\ndef main_handler(event, context):\n    context['mine'] = 1\n    return context\n")
    want = {**CONTEXT, "mine": 1}
    assert list(json.loads(answer(host.call())).items()) == list(want.items())
    assert json.loads(answer(host.call()))["request_id"] == "r-2"


def test_the_node_context(run):
    host = run("node", "exports.main_handler = async (event, context) => ({ keys: Object.keys(context), json: JSON.stringify(context), "
                       "left: context.getRemainingTimeInMillis() });")
    told = json.loads(answer(host.call()))
    assert told["keys"] == ["getRemainingTimeInMillis", "callbackWaitsForEmptyEventLoop", *CONTEXT]
    assert json.loads(told["json"]) == {"callbackWaitsForEmptyEventLoop": True, **CONTEXT}
    assert 0 < told["left"] <= 3000


@pytest.mark.parametrize("language, code", [
    ("python", "import os\ndef main_handler(event, context):\n    return [os.environ.get('TENCENTCLOUD_' + n) for n in "
               "('SECRETID', 'SECRETKEY', 'SESSIONTOKEN')] + [context.get('traceparent')]\n"),
    ("node", "exports.main_handler = async (event, context) => [...['SECRETID', 'SECRETKEY', 'SESSIONTOKEN']"
             ".map(n => process.env['TENCENTCLOUD_' + n] || null), context.traceparent || null];"),
])
def test_keys_of_the_role_are_in_the_environment_and_a_trace_in_the_context(run, language, code):
    host = run(language, code)
    assert json.loads(answer(host.call())) == [None, None, None, None]
    assert json.loads(answer(host.call(credentials=CREDENTIALS, traceparent="00-1-2-01"))) == ["ak", "sk", "st", "00-1-2-01"]


def test_a_python_exception(run):
    host = run("python", "def deep():\n    raise KeyError('k')\n\ndef main_handler(event, context):\n    deep()\n")
    told = error(host.call())
    assert list(told) == ["errorCode", "errorMessage", "requestId", "stackTrace", "statusCode"]
    assert {k: told[k] for k in ("errorCode", "errorMessage", "requestId", "statusCode")} == {
        "errorCode": -1, "errorMessage": "user code exception caught", "requestId": "r-1", "statusCode": 430}
    lines = told["stackTrace"].split("\n")
    assert lines[0] == "Traceback (most recent call last):" and lines[-1] == "KeyError: 'k'"
    assert any("index.py" in line and "in deep" in line for line in lines)
    assert error(host.call())["requestId"] == "r-2"


@pytest.mark.parametrize("code, message, frames", [
    ("async () => { throw new TypeError('bad'); }", "TypeError: bad", True),
    ("(event, context, callback) => { callback(new Error('told')); }", "Error: told", True),
    ("(event, context, callback) => { callback('words'); }", "Error: words", False),
    ("(event, context) => { context.fail(new RangeError('far')); }", "RangeError: far", True),
    ("(event, context) => { context.done(new Error('done')); }", "Error: done", True),
    ("() => { throw new Error('thrown'); }", "Error: thrown", True),
    ("async () => { throw {code: 7}; }", 'Error: {"code":7}', False),
])
def test_a_node_error(run, code, message, frames):
    told = error(run("node", f"exports.main_handler = {code};").call())
    assert list(told) == ["errorCode", "errorMessage", "requestId", "stackTrace", "statusCode"]
    assert (told["errorMessage"], told["requestId"], told["statusCode"]) == ("user code exception caught", "r-1", 430)
    assert told["stackTrace"].startswith(message) and ("index.js" in told["stackTrace"]) == frames


@pytest.mark.parametrize("language, code, handler, status, message", [
    ("python", "x = 1\n", "index.main_handler", 437, "Handler 'main_handler' is missing on module 'index'"),
    ("python", "def f(:\n", "index.f", 443, "Syntax error in module 'index'"),
    ("python", "import absent_module\n", "index.f", 443, "Unable to import module 'index'"),
    ("python", "raise ValueError('load')\n", "index.f", 430, "user code exception caught"),
    ("node", "exports.x = 1;", "index.main_handler", 437, "Handler 'main_handler' is missing on module 'index'"),
    ("node", "exports.f = (", "index.f", 443, "Syntax error in module 'index'"),
    ("node", "require('absent-module');", "index.f", 443, "Unable to import module 'index'"),
    ("node", "throw new Error('load');", "index.f", 430, "user code exception caught"),
])
def test_what_does_not_load_has_a_number_of_its_own(run, language, code, handler, status, message):
    host = run(language, code, handler=handler)
    flags, body = host.ended
    told = json.loads(body)
    assert flags == 1 and (told["statusCode"], told["requestId"], told["errorCode"]) == (status, "i-1", -1)
    assert told["errorMessage"].startswith(message)


@pytest.mark.parametrize("size, flags", [(998, 0), (999, 1)])  # with its quotes
@pytest.mark.parametrize("language, code", [
    ("python", "def main_handler(event, context):\n    return 'x' * event\n"), ("node", "exports.main_handler = async n => 'x'.repeat(n);")])
def test_an_answer_over_the_limit_is_407(run, language, code, size, flags):
    host = run(language, code, answer_max=1000)
    got = host.call(str(size).encode())
    assert got[0] == flags
    if flags:
        assert json.loads(got[1]) == {"errorCode": -1, "errorMessage": "body size is too long", "requestId": "r-1", "statusCode": 407}


def test_what_cannot_be_json_is_the_users_error(run):
    host = run("python", "def main_handler(event, context):\n    return {1, 2} if event else b'bytes'\n")
    for event in (b"1", b"0"):
        told = error(host.call(event))
        assert told["statusCode"] == 430 and "cannot be an answer" in told["stackTrace"]


def test_an_answer_by_callback_waits_until_nothing_is_left_to_do(run):
    host = run("node", """
        let n = 0;
        exports.main_handler = (event, context, callback) => {
            context.callbackWaitsForEmptyEventLoop = event.waits;
            setTimeout(() => { n++; console.log('later'); }, 50);
            callback(null, n);
            callback(null, 'twice');
        };""")
    assert answer(host.call(b'{"waits": true}')) == "0"
    assert "later" in host.log()
    assert answer(host.call(b'{"waits": false}')) == "1"
    assert "later" not in host.log()
    assert answer(host.call(b'{"waits": true}')) in ("1", "2")


def test_succeed_does_not_wait_even_where_a_server_listens(run):
    """As tencent-serverless-http does it: a server of the function's own, and context.succeed()."""
    host = run("node", """
        const http = require('http');
        let server;
        exports.main_handler = (event, context) => {
            const ask = () => http.get({ port: server.address().port, path: event.path, headers: event.headers }, res => {
                let body = '';
                res.on('data', x => body += x);
                res.on('end', () => context.succeed({
                    isBase64Encoded: false, statusCode: res.statusCode, headers: { 'x-a': res.headers['x-a'] }, body }));
            });
            if (server) return void ask();
            server = http.createServer((req, res) => {
                res.setHeader('x-a', req.headers.a); res.statusCode = 201; res.end(req.url);
            }).listen(0, '127.0.0.1', ask);
        };""")
    for _ in range(3):
        told = json.loads(answer(host.call(b'{"path": "/p?q=1", "headers": {"a": "b"}}')))
        assert told == {"isBase64Encoded": False, "statusCode": 201, "headers": {"x-a": "b"}, "body": "/p?q=1"}


def test_node_console_lines_have_time_and_request_id(run):
    host = run("node", "exports.main_handler = async () => { console.log('a %d', 1); console.error('b'); process.stdout.write('raw\\n'); };")
    host.call()
    lines = host.log().split("\n")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tr-1\ta 1", lines[0])
    assert re.fullmatch(r"[^\t]+\tr-1\tb", lines[1]) and lines[2] == "raw"


def test_print_is_as_written(run):
    host = run("python", "def main_handler(event, context):\n    print('plain')\n")
    host.call()
    assert host.log() == "plain\n"


@pytest.mark.parametrize("language, code", [
    ("python", "import time\ndef main_handler(event, context):\n    time.sleep(0.01)\n    if event == 1:\n        raise ValueError\n    return context['request_id']\n"),
    ("node", "exports.main_handler = async (event, context) => { await new Promise(r => setTimeout(r, 10)); if (event === 1) throw new Error(); "
             "return context.request_id; };"),
])
def test_several_runs_at_once_keep_their_request_ids(run, language, code):
    host = run(language, code, concurrency=4)
    for event in (b"0", b"1", b"0", b"1"):
        host.begin(event)
    for stream, flags, body in host.answers(4):
        told = json.loads(body)
        assert (told["requestId"] if flags else told) == f"r-{stream}"
        assert flags == (1 if stream % 2 == 0 else 0)
