# SPDX-License-Identifier: Apache-2.0
"""The Node.js worker without a sandbox: what a handler gets, answers, throws, and how it is found.

Each case is a few lines of function code and what must come back.
"""

import json

import pytest

from nodehost import DIALECTS, NEEDED, answers, expect_error, start  # noqa: F401

# slow: no C of ours is in them, so the sanitizers see nothing
pytestmark = [NEEDED, pytest.mark.slow]


# --- answers and events ---


@pytest.mark.parametrize("returned, body", [
    ("undefined", b""),
    ("null", b""),
    ("'text'", b"text"),
    ("'\u00e9'", "\u00e9".encode()),
    ("'\\ud800'", b"\xef\xbf\xbd"),
    ("Buffer.from([0, 255])", b"\x00\xff"),
    ("new Uint8Array([97, 98])", b"ab"),
    ("new Uint16Array([97])", b"a\x00"),
    ("Uint8Array.from([1, 97, 98, 2]).subarray(1, 3)", b"ab"),
    ("new Uint8Array([97]).buffer", b"a"),
    ("({a: [1, 2.5, true, null, undefined], b: undefined, '\u00e9': 'x'})",
     '{"a":[1,2.5,true,null,null],"\u00e9":"x"}'.encode()),
    ("({toJSON: () => 7})", b"7"),
    ("new Date(0)", b'"1970-01-01T00:00:00.000Z"'),
    ("[]", b"[]"),
    ("7", b"7"),
    ("-0.5", b"-0.5"),
    ("false", b"false"),
    ("''", b""),
])
@DIALECTS
def test_values_become_bytes(start, dialect, returned, body):
    host = start(answers(returned))
    assert host.assign(dialect) == (0, b"{}")
    assert host.call()[:2] == (0, body)


@pytest.mark.parametrize("returned, functiongraph, fc", [
    ("NaN", (0, b"null"), (0, b"NaN")),
    ("10n", (1, "bigint"), (0, b"10")),
    ("Symbol('x')", (1, "symbol"), (0, b"Symbol(x)")),
    ("(() => { const a = {}; a.a = a; return a; })()", (1, "Object"), (1, "Object")),
    ("[10n]", (1, "Array"), (1, "Array")),
    ("new (class Odd { toJSON() { throw new Error('not me'); } })()", (1, "Odd"), (1, "Odd")),
    ("Object.assign(Object.create(null), {a: 1n})", (1, "object"), (1, "object")),
])
@DIALECTS
def test_what_json_cannot_hold_names_its_type(start, dialect, returned, functiongraph, fc):
    flags, want = functiongraph if dialect == "functiongraph" else fc
    host = start(answers(returned))
    host.assign(dialect)
    if flags == 0:
        assert host.call()[:2] == (0, want)
    else:
        error = expect_error(host.call())
        assert error["errorType"] == "ReturnTypeError"
        assert "a value of type '%s'" % want in error["errorMessage"]
    assert host.process.poll() is None


@pytest.mark.parametrize("event, seen", [
    (b'{"a": 1}', {"a": 1}), (b' [1, "x", null]\n', [1, "x", None]), (b'"text"', "text"), (b"17", 17),
    (b"-1.5e3", -1500), (b"", {}), ('"\u00e9"'.encode(), "\u00e9"), (b"null", None),
])
def test_functiongraph_events_arrive_parsed(start, event, seen):
    host = start(answers("JSON.stringify(event)"))
    host.assign()
    assert json.loads(host.call(event)[1]) == seen


@pytest.mark.parametrize("event", [b'{"a": }', b"{} {}", b"nul", b"'a'", b"  ", b"\xff", b"NaN", b"\xef\xbb\xbf{}"])
def test_an_event_that_is_not_json_is_an_error_result(start, event):
    host = start(answers("1"))
    host.assign()
    assert expect_error(host.call(event))["errorType"] == "SyntaxError"
    assert host.call(b"{}")[:2] == (0, b"1")


def test_fc_events_are_buffers_of_their_own(start):
    host = start("const kept = [];\nexports.handler = async event => {\n"
                 "    kept.push(event);\n    return Buffer.concat(kept);\n};\n")
    host.assign("fc")
    assert host.call(b"\x00\xffone")[1] == b"\x00\xffone"
    assert host.call(b"two")[1] == b"\x00\xffonetwo"


# --- forms of handlers ---


@pytest.mark.parametrize("code, flags, body", [
    ("(e, c, callback) => callback(null, 'v')", 0, b"v"),
    ("(e, c, callback) => { setTimeout(() => callback(undefined, 'v'), 1); return 'no'; }", 0, b"v"),
    ("(e, c, callback) => { callback(null, 'first'); callback(null, 'second'); callback('err'); }", 0, b"first"),
    ("async (e, c, callback) => { callback(null, 'called'); return 'returned'; }", 0, b"called"),
    ("async (e, c, callback) => { setTimeout(() => callback(null, 'late'), 1); return 'returned'; }", 0,
     b"returned"),
    ("(e, c) => ({then: done => done('thenable')})", 0, b"thenable"),
    ("async (e, c) => { await null; return 'v'; }", 0, b"v"),
    ("(e, c) => Promise.resolve().then(() => 'v')", 0, b"v"),
    ("(e, c) => 'plain'", 0, b"plain"),
    ("() => 0", 0, b"0"),
    ("(e, c) => {}", 0, b""),
    ("(...all) => { setTimeout(all[2], 5, null, 'rest'); }", 0, b"rest"),
    ("(e, c) => { setTimeout(() => {}, 5); }", 0, b""),
    ("class { static x() {} }.x", 0, b""),
    ("(e, c, callback) => callback(0, 'v')", 1, b"0"),
])
def test_whoever_speaks_first_answers(start, code, flags, body):
    host = start("exports.handler = %s;\n" % code)
    host.assign()
    for _ in range(3):
        got, answer, _ = host.call()
        assert got == flags
        if flags == 0:
            assert answer == body
        else:
            assert json.loads(answer)["errorMessage"].encode() == body


def test_a_callback_of_an_earlier_run_is_ignored(start):
    host = start("let old;\nexports.handler = (e, c, callback) => {\n"
                 "    if (old) { old(null, 'stale'); old = null; setTimeout(callback, 1, null, 'fresh'); }\n"
                 "    else { old = callback; callback(null, 'once'); }\n};\n")
    host.assign()
    assert [host.call()[1] for _ in range(2)] == [b"once", b"fresh"]


def test_a_handler_that_never_answers_leaves_the_channel_alive(start):
    host = start("exports.handler = (e, c, callback) => { console.log('here'); };\n")
    host.assign()
    host.begin()
    assert host.log_line() == b"here\n"
    host.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        host.take()
    assert host.process.poll() is None


# --- errors ---


def test_functiongraph_errors_have_the_users_frames(start):
    host = start("class Odd extends Error {}\nOdd.prototype.name = 'Odd';\n"
                 "function inner() { throw new Odd('no \u00e9'); }\n"
                 "exports.handler = async () => inner();\n")
    host.assign()
    file = host.root / "code" / "index.js"
    assert expect_error(host.call()) == {
        "errorMessage": "no \u00e9", "errorType": "Odd",
        "stackTrace": ["at inner (%s:3:26)" % file, "at exports.handler (%s:4:31)" % file]}
    assert "no \u00e9\n    at inner (" in host.log()
    assert expect_error(host.call())["errorType"] == "Odd", "the instance lives on"


@pytest.mark.parametrize("runtime, head", [("nodejs12", []), ("nodejs16", ["TypeError: bad"])])
def test_fc_errors_by_age_of_the_runtime(start, runtime, head):
    host = start("exports.handler = (e, c, callback) => callback(new TypeError('bad'));\n")
    host.assign("fc", runtime=runtime)
    flags, body, end = host.call()
    assert json.loads(body) == {
        "errorMessage": "bad", "errorType": "TypeError",
        "stackTrace": head + ["at exports.handler (%s/code/index.js:1:48)" % host.root]}
    assert (flags, end["handled"]) == (1, True)


@pytest.mark.parametrize("code, runtime, result, handled", [
    ("callback('text')", "nodejs12", {"errorMessage": "text"}, True),
    ("callback('text')", "nodejs20", {"errorMessage": "text", "errorType": "FunctionHandledError"}, True),
    ("callback({code: 1})", "nodejs12", {"errorMessage": '{"code":1}'}, True),
    ("callback(Buffer.from('b'))", "nodejs12", {"errorMessage": "b"}, True),
    ("throw 'text'", "nodejs12", {"errorMessage": "text"}, False),
    ("throw undefined", "nodejs16", {"errorMessage": "undefined", "errorType": "FunctionUnhandledError"}, False),
    ("return Promise.reject(null)", "nodejs16",
     {"errorMessage": "null", "errorType": "FunctionUnhandledError"}, False),
])
def test_fc_reports_what_is_no_error(start, code, runtime, result, handled):
    host = start("exports.handler = (e, c, callback) => { %s; };\n" % code)
    host.assign("fc", runtime=runtime)
    flags, body, end = host.call()
    assert (flags, json.loads(body), end.get("handled", False)) == (1, result, handled)


@pytest.mark.parametrize("thrown, kind, part", [
    ("'text'", "Error", "text"),
    ("undefined", "Error", "undefined"),
    ("null", "Error", "null"),
    ("Symbol('s')", "Error", "Symbol(s)"),
    ("10n", "Error", "10"),
    ("{a: 1}", "Error", '{"a":1}'),
    ("(() => { const a = {}; a.a = a; return a; })()", "Error", "the error's own text failed"),
    ("Object.create(null)", "Error", "{}"),
    ("new Error('x'.repeat(10000000))", "Error", "xxx"),
    ("new Error('\\ud800')", "Error", ""),
    ("new Error('two\\nlines')", "Error", "two\nlines"),
    ("Object.assign(new Error('m'), {stack: undefined})", "Error", "m"),
    ("Object.assign(new Error('m'), {stack: {}, name: 5})", "5", "m"),
    ("Object.defineProperty(new Error('m'), 'stack', {get() { throw 1; }})", "Error", "failed"),
    ("Object.defineProperty(new Error('m'), 'message', {get() { throw 1; }})", "Error", "failed"),
    ("new Proxy({}, {get() { throw 1; }})", "Error", "failed"),
    ("new (require('vm').runInNewContext('Error'))('other world')", "Error", "other world"),
    ("new RangeError('r')", "RangeError", "r"),
])
@DIALECTS
def test_whatever_is_thrown_is_an_error_result(start, dialect, thrown, kind, part):
    host = start("exports.handler = async () => { throw %s; };\n" % thrown)
    host.assign(dialect)
    for _ in range(2):
        error = expect_error(host.call())
        assert part in error["errorMessage"] and len(error["errorMessage"]) < 9000
        if dialect == "functiongraph":
            assert error["errorType"] == kind


@pytest.mark.parametrize("code, kind", [
    ("function f() { return f() + 1; }\nexports.handler = async () => f();\n", "RangeError"),
    ("exports.handler = async () => 'x'.repeat(2 ** 30);\n", "RangeError"),
])
def test_engine_errors_are_error_results(start, code, kind):
    host = start(code)
    host.assign()
    assert expect_error(host.call())["errorType"] == kind
    assert expect_error(host.call())["errorType"] == kind


# --- loading ---


@pytest.mark.parametrize("code, handler, kind, part", [
    ("", "absent.handler", "ImportModuleError", "Unable to import module 'absent': there is no file 'absent.js'"),
    ("", "index.handler", "HandlerNotFound", "Handler 'handler' is missing on module 'index'"),
    ("exports.handler = 3", "index.handler", "HandlerNotFound", "is not a function: it is of type 'number'"),
    ("module.exports = null", "index.handler", "HandlerNotFound", "is missing on module 'index'"),
    ("module.exports = 'text'", "index.handler", "HandlerNotFound", "is missing on module 'index'"),
    ("", "index", "HandlerNotFound", "Bad handler 'index': it must be 'file.function'"),
    ("", ".handler", "HandlerNotFound", "Bad handler '.handler'"),
    ("", "index.", "HandlerNotFound", "Bad handler 'index.'"),
    ("", "../index.handler", "HandlerNotFound", "the file must be inside the code"),
    ("", "/index.handler", "HandlerNotFound", "the file must be inside the code"),
    ("", "a//index.handler", "HandlerNotFound", "the file must be inside the code"),
    ("require('nothing-here')", "index.handler", "ImportModuleError",
     "Unable to import module 'index': Cannot find module 'nothing-here'"),
    ("exports.handler = (", "index.handler", "SyntaxError",
     "Syntax error in module 'index'(Unexpected end of input (index.js, line 1))"),
    ("\n\nlet 5;", "index.handler", "SyntaxError", "(index.js, line 3))"),
    ("null.x", "index.handler", "TypeError", "null"),
    ("throw undefined", "index.handler", "Error", "undefined"),
])
@DIALECTS
def test_a_failed_load_says_what_is_wrong(start, dialect, code, handler, kind, part):
    host = start(code)
    flags, payload = host.assign(dialect, handler=handler, runtime="nodejs12")
    error = json.loads(payload)
    assert (flags, error.get("errorType", "Error")) == (1, kind)
    assert part in error["errorMessage"]
    assert part in host.log(0)
    assert host.end()[0] == 1


@pytest.mark.parametrize("handler, body", [
    ("src/index.go", b"src"), ("deep/er/index.go", b"deep"), ("my-dir/index.go", b"my-dir"), ("fs.go", b"fs"),
    ("worker.go", b"worker"), ("pack.go", b"pack"), ("module.go", b"module"), ("common.go", b"common"),
    ("a.b.go", b"dotted"), ("awaited.go", b"awaited"), ("both.go", b"default"), ("typed/index.go", b"typed"),
    ("typed/old.go", b"old"),
])
def test_handlers_in_folders_under_taken_names_and_as_modules(start, handler, body):
    def common(text):
        return "exports.go = async () => '%s';\n" % text

    host = start("", src__index__js=common("src"), deep__er__index__js=common("deep"), fs__js=common("fs"),
                 **{"my-dir__index__js": common("my-dir"), "a.b__js": common("dotted")},
                 worker__js=common("worker"), pack__index__js=common("pack"),
                 module__mjs="import path from 'path';\nexport const go = async () => path.basename('/module');\n",
                 common__cjs=common("common"),
                 awaited__mjs="const text = await Promise.resolve('awaited');\nexport const go = () => text;\n",
                 both__mjs="export default { go: async () => 'default' };\n",
                 typed__package__json='{"type": "module"}',
                 typed__index__js="import * as o from './old.cjs';\nexport async function go() { return 'typed'; }\n",
                 typed__old__cjs=common("old"))
    assert host.assign(handler=handler) == (0, b"{}")
    assert host.call()[1] == body


def test_modules_find_their_neighbours_and_packages(start):
    host = start("const helper = require('./helper');\nconst dep = require('dep');\n"
                 "exports.handler = async () => helper.a + dep.b + (await import('esm-dep')).c;\n",
                 helper__js="exports.a = 'a';\n", node_modules__dep__index__js="exports.b = 'b';\n",
                 **{"node_modules__esm-dep__package__json": '{"type":"module","main":"./main.js"}',
                    "node_modules__esm-dep__main__js": "export const c = 'c';\n"})
    host.assign()
    assert host.call()[1] == b"abc"


def test_syntax_errors_of_es_modules(start):
    host = start("", bad__mjs="export const = 1;\n")
    flags, payload = host.assign(handler="bad.handler")
    error = json.loads(payload)
    assert (flags, error["errorType"]) == (1, "SyntaxError")
    assert "Syntax error in module 'bad'(" in error["errorMessage"]


def test_a_function_sees_itself_as_the_program(start):
    host = start(answers("[require.main === module, require.main === undefined, Object.keys(require.cache).length,\n"
                         "process.argv.slice(1), process.execArgv, module.paths[0], __filename]"))
    host.assign()
    code = str(host.root / "code")
    assert json.loads(host.call()[1]) == [
        False, True, 1, ["index.handler"], [], code + "/node_modules", code + "/index.js"]


# --- initializer and hooks ---


@pytest.mark.parametrize("form", [
    "(context, callback) => { n += 10; console.log('init'); setTimeout(callback, 2); }",
    "async context => { await null; n += 10; console.log('init'); }",
    "context => { n += 10; console.log('init'); }",
])
@DIALECTS
def test_the_initializer_runs_once_before_the_first_run(start, dialect, form):
    host = start("let n = 0;\nexports.init = %s;\nexports.handler = async () => ++n;\n" % form)
    assert host.assign(dialect, initializer="index.init") == (0, b"{}") and host.loaded
    assert "init\n" in host.log(0)
    assert [host.call()[1], host.call()[1]] == [b"11", b"12"]


@pytest.mark.parametrize("form", [
    "(context, callback) => callback(new RangeError('not today'))",
    "async () => { throw new RangeError('not today'); }",
    "() => { throw new RangeError('not today'); }",
    "(context, callback) => { setTimeout(() => { throw new RangeError('not today'); }, 1); }",
    "(context, callback) => { Promise.reject(new RangeError('not today')); }",
])
@DIALECTS
def test_a_failing_initializer_is_a_failed_ready(start, dialect, form):
    host = start("exports.init = %s;\nexports.handler = async () => 1;\n" % form)
    flags, payload = host.assign(dialect, initializer="index.init")
    error = json.loads(payload)
    assert (flags, error["errorMessage"], error["errorType"]) == (1, "not today", "RangeError")
    assert host.loaded and host.end()[0] == 1


@pytest.mark.parametrize("initializer", [None, "index.missing"])
@DIALECTS
def test_without_an_initializer_to_begin_nothing_is_said_of_it(start, dialect, initializer):
    host = start("exports.handler = async () => 1;\n")
    assert host.assign(dialect, initializer=initializer)[0] == (initializer is not None) and not host.loaded


@pytest.mark.parametrize("code", ["throw new Error('\u00e9'.repeat(1000000))", "throw new Error('\\u0001'.repeat(8000))",
                                  "throw '\u00e9'.repeat(1000000)"])
@DIALECTS
def test_a_huge_init_error_fits_a_frame(start, dialect, code):
    host = start(code)
    flags, payload = host.assign(dialect)
    assert flags == 1 and json.loads(payload)["errorMessage"]


@DIALECTS
def test_hooks_are_called_with_a_context_and_no_event(start, dialect):
    host = start("let n = 0;\nexports.handler = async () => ++n;\n"
                 "exports.freeze = async (...all) => { console.log('freeze', all.length, n); };\n"
                 "exports.stop = (context, callback) => { console.log('stop'); callback(new Error('in vain')); };\n")
    host.assign(dialect, pre_freeze="index.freeze", pre_stop="index.stop")
    host.call()
    assert host.call(b"", hook="pre_freeze")[:2] == (0, b"")
    assert "freeze 2 1\n" in host.log()
    assert host.call()[1] == b"2"
    assert expect_error(host.call(b"", hook="pre_stop"))["errorMessage"] == "in vain"
    assert "stop\n" in host.log()


def test_a_hook_that_is_not_there_is_an_error_of_that_stream(start):
    host = start(answers("1"))
    host.assign(pre_stop="index.absent")
    assert expect_error(host.call(b"", hook="pre_stop"))["errorType"] == "HandlerNotFound"
    assert host.call()[1] == b"1"
