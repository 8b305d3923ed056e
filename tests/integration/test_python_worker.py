# SPDX-License-Identifier: Apache-2.0
"""The Python worker without a sandbox: this file plays the host over a socket pair.

Each case is a few lines of function code and what must come back. python3 is the one the product
uses, not the one that runs the tests.
"""

import json
import os
import re
import struct

import pytest

from workerhost import (CONTEXT, DATA, END, LOG, OPEN, PYTHON, RESET, Gone, Zygote, worker_host)

# slow: no C of ours is in them, so the sanitizers see nothing
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not os.path.exists(PYTHON), reason=PYTHON + " is not installed")]


@pytest.fixture(scope="module")
def zygote():
    zygote = Zygote()
    yield zygote
    zygote.end()


@pytest.fixture(params=["exec", "fork"])
def start(tmp_path, request):
    hosts = []

    def begin(code, **files):
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / "index.py").write_text(code)
        for name, text in files.items():
            path = tmp_path / "code" / (name.replace("__", "/") + ".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        hosts.append(worker_host(tmp_path, request))
        return hosts[-1]

    yield begin
    for host in hosts:
        host.kill()


def expect_error(result):
    flags, body, _ = result
    assert flags == 1
    return json.loads(body)


# --- FunctionGraph ---


@pytest.mark.parametrize("returned, body", [
    ("None", b""),
    ("'text'", b"text"),
    ("'\\u00e9'", "\u00e9".encode()),
    ("b'\\x00\\xff'", b"\x00\xff"),
    ("bytearray(b'ab')", b"ab"),
    ("{'a': [1, 2.5, True, None], '\\u00e9': 'x'}", b'{"a": [1, 2.5, true, null], "\\u00e9": "x"}'),
    ("[]", b"[]"),
    ("7", b"7"),
    ("1.5", b"1.5"),
    ("False", b"false"),
    ("(1, 2)", b"[1, 2]"),
    ("''", b""),
])
@pytest.mark.parametrize("dialect", ["functiongraph", "fc"])
def test_return_values_become_bytes(start, dialect, returned, body):
    host = start("def handler(event, context):\n    return %s\n" % returned)
    assert host.assign(dialect) == (0, b"{}")
    assert host.call()[:2] == (0, body)


@pytest.mark.parametrize("event, seen", [
    (b'{"a": 1}', "{'a': 1}"),
    (b' [1, "x", null]\n', "[1, 'x', None]"),
    (b'"text"', "'text'"),
    (b"17", "17"),
    (b"-1.5e3", "-1500.0"),
    (b"", "{}"),
    ('"\u00e9"'.encode(), "'\u00e9'"),
])
def test_functiongraph_events_arrive_parsed(start, event, seen):
    host = start("def handler(event, context):\n    return repr(event)\n")
    host.assign()
    assert host.call(event)[:2] == (0, seen.encode())


def test_an_event_that_is_not_json_is_an_error_result(start):
    host = start("def handler(event, context):\n    return 1\n")
    host.assign()
    error = expect_error(host.call(b'{"a": }'))
    assert error["errorType"] == "JSONDecodeError"
    assert "line 1 column 7" in error["errorMessage"]
    assert expect_error(host.call(b"{} {}"))["errorType"] == "JSONDecodeError"
    assert host.call(b"{}")[:2] == (0, b"1")


@pytest.mark.parametrize("call, value", [
    ("getRequestID()", "r-1"),
    ("getRunningTimeInSeconds()", 3),
    ("getFunctionName()", "hello"),
    ("getVersion()", "v1"),
    ("getMemorySize()", 256),
    ("getCPUNumber()", 400),
    ("getProjectID()", "p1"),
    ("getPackage()", "default"),
    ("getUserData('K')", "V"),
    ("getUserData('absent') is None", True),
    ("getUserData('absent', 'd')", "d"),
    ("getAlias()", ""),
    ("getToken()", ""),
    ("getAccessKey()", "ak"),
    ("getSecretKey()", "sk"),
    ("getSecurityAccessKey()", "ak"),
    ("getSecuritySecretKey()", "sk"),
    ("getSecurityToken()", "st"),
    ("getWorkflowID()", ""),
    ("getWorkflowRunID()", ""),
    ("getWorkflowStateID()", ""),
    ("getRemainingTimeInMilliSeconds() in range(1, 3001)", True),
])
def test_functiongraph_context(start, call, value):
    host = start("def handler(event, context):\n    return [context.%s]\n" % call)
    host.assign()
    credentials = {"access_key": "ak", "secret_key": "sk", "security_token": "st"}
    assert json.loads(host.call(credentials=credentials)[1]) == [value]


def test_without_a_role_credentials_are_empty(start):
    host = start("def handler(event, context):\n"
                 "    return [context.getSecurityAccessKey(), context.getSecurityToken()]\n")
    host.assign()
    assert host.call()[1] == b'["", ""]'


def test_an_exception_is_an_error_result_with_the_users_frames(start):
    host = start("class Odd(Exception):\n    pass\n\n"
                 "def inner():\n    raise Odd('no \\u00e9')\n\n"
                 "def handler(event, context):\n    inner()\n")
    host.assign()
    file = host.root / "code" / "index.py"
    assert expect_error(host.call()) == {
        "errorMessage": "no \u00e9", "errorType": "Odd",
        "stackTrace": ['  File "%s", line 8, in handler\n    inner()\n' % file,
                       '  File "%s", line 5, in inner\n    raise Odd(\'no \\u00e9\')\n' % file]}
    assert "Traceback (most recent call last):" in host.log() and "Odd: no \u00e9" in host.log()
    assert expect_error(host.call())["errorType"] == "Odd", "the instance lives on"


@pytest.mark.parametrize("code, kind", [
    ("def f():\n    return f()\n\ndef handler(e, c):\n    return f()\n", "RecursionError"),
    ("def handler(e, c):\n    raise KeyboardInterrupt\n", "KeyboardInterrupt"),
    ("def handler(e, c):\n    raise GeneratorExit\n", "GeneratorExit"),
    ("def handler(e, c):\n    raise MemoryError\n", "MemoryError"),
    ("def handler(e):\n    return 1\n", "TypeError"),
    ("class E(Exception):\n    def __str__(self):\n        raise ValueError\n\n"
     "def handler(e, c):\n    raise E()\n", "E"),
    ("def handler(e, c):\n    raise Exception('\\udc80')\n", "Exception"),
    ("def handler(e, c):\n    raise Exception('x' * 10000000)\n", "Exception"),
])
@pytest.mark.parametrize("dialect", ["functiongraph", "fc"])
def test_whatever_is_raised_is_an_error_result(start, dialect, code, kind):
    host = start(code)
    host.assign(dialect)
    assert expect_error(host.call())["errorType"] == kind
    assert expect_error(host.call())["errorType"] == kind


@pytest.mark.parametrize("returned, named", [
    ("{1, 2}", "set"), ("object()", "object"), ("{'a': b'x'}", "dict"), ("(x for x in [])", "generator"),
    ("{(1, 2): 3}", "dict"), ("'\\udc80'", "str"), ("3j", "complex"),
])
def test_what_json_cannot_hold_names_its_type(start, returned, named):
    host = start("def handler(event, context):\n    return %s\n" % returned)
    host.assign()
    error = expect_error(host.call())
    assert error["errorType"] == "ReturnTypeError"
    assert "a value of type '%s'" % named in error["errorMessage"]
    assert host.is_running()


def test_too_deep_an_event_is_an_error_result(start):
    host = start("def handler(event, context):\n    return 1\n")
    host.assign()
    assert expect_error(host.call(b"[" * 100000 + b"]" * 100000))["errorType"] == "RecursionError"
    assert host.call(b"[[]]")[:2] == (0, b"1")


@pytest.mark.parametrize("event", [
    b"{\"a\": NaN}", b"[Infinity, -Infinity]", b"\xef\xbb\xbf{}", '{"a": 1}'.encode("utf-16"), b"\xff",
    b"[1, 2", b"[01]", b"\x0b1", b"'a'", b'"\\ud800"', b'{"a": 1, "a": 2}', b"1e400", b"\"\t\"", b"nul",
    b"123456789012345678901234567890", b"-", b"  ",
])
def test_events_are_parsed_as_json_loads_parses_them(start, event):
    host = start("import json\n\ndef handler(event, context):\n    return ascii(event)\n")
    host.assign()
    try:
        want = (0, ascii(json.loads(event)))
    except ValueError as e:
        want = (1, "%s: %s" % (type(e).__name__, e))
    flags, body, _ = host.call(event)
    if flags:
        error = json.loads(body)
        body = ("%s: %s" % (error["errorType"], error["errorMessage"])).encode()
    assert (flags, body.decode()) == want


def test_a_value_that_holds_itself_is_an_error(start):
    host = start("def handler(event, context):\n    a = []\n    a.append(a)\n    return a\n")
    host.assign()
    assert expect_error(host.call())["errorType"] == "ReturnTypeError"


# --- loading ---


@pytest.mark.parametrize("code, handler, kind, part", [
    ("", "absent.handler", "ImportModuleError", "Unable to import module 'absent': there is no file"),
    ("", "index.handler", "HandlerNotFound", "Handler 'handler' is missing on module 'index'"),
    ("handler = 3", "index.handler", "HandlerNotFound", "is not callable: it is of type 'int'"),
    ("", "index", "HandlerNotFound", "Bad handler 'index': it must be 'file.function'"),
    ("", ".handler", "HandlerNotFound", "Bad handler '.handler'"),
    ("", "index.", "HandlerNotFound", "Bad handler 'index.'"),
    ("", "../index.handler", "HandlerNotFound", "the file must be inside the code"),
    ("", "/index.handler", "HandlerNotFound", "the file must be inside the code"),
    ("import nothing_here", "index.handler", "ImportModuleError",
     "Unable to import module 'index': No module named 'nothing_here'"),
    ("def handler(:\n", "index.handler", "SyntaxError", "Syntax error in module 'index'("),
    ("1 / 0", "index.handler", "ZeroDivisionError", "division by zero"),
    ("raise KeyboardInterrupt", "index.handler", "KeyboardInterrupt", ""),
])
@pytest.mark.parametrize("dialect", ["functiongraph", "fc"])
def test_a_failed_load_says_what_is_wrong(start, dialect, code, handler, kind, part):
    host = start(code)
    flags, payload = host.assign(dialect, handler=handler)
    error = json.loads(payload)
    assert (flags, error["errorType"]) == (1, kind)
    assert part in error["errorMessage"]
    assert host.end()[0] == 1


@pytest.mark.parametrize("handler", ["src/index.go", "deep/er/index.go", "my-dir/index.go", "types.go",
                                     "worker.go", "frames.go", "pack.go"])
def test_handlers_in_folders_and_under_taken_names(start, handler):
    names = {"src__index": "src", "my-dir__index": "my-dir", "types": "types", "worker": "worker",
             "frames": "frames"}
    host = start("", **{k: "def go(e, c):\n    return %r\n" % v for k, v in names.items()})
    deep = host.root / "code" / "deep" / "er"
    deep.mkdir(parents=True)
    (deep / "index.py").write_text("def go(e, c):\n    return 'deep/er'\n")
    (host.root / "code" / "pack").mkdir()
    (host.root / "code" / "pack" / "__init__.py").write_text("def go(e, c):\n    return 'pack'\n")
    assert host.assign(handler=handler) == (0, b"{}")
    assert host.call()[1].decode() == handler.rpartition("/")[0] or handler.rpartition(".")[0]


def test_a_module_may_import_its_neighbours(start):
    host = start("import helper\nfrom src import other\n\n"
                 "def handler(e, c):\n    return helper.A + other.B\n",
                 helper="A = 1\n", src__other="B = 2\n")
    host.assign()
    assert host.call()[1] == b"3"


def test_initializer_runs_once_before_the_first_run(start):
    host = start("n = 0\n\ndef init(context):\n    global n\n    n += 10\n    print('init')\n\n"
                 "def handler(e, c):\n    global n\n    n += 1\n    return n\n")
    assert host.assign(initializer="index.init") == (0, b"{}") and host.loaded
    assert host.log(0) == "init\n"
    assert host.call()[1] == b"11"
    assert host.call()[1] == b"12"


def test_a_failing_initializer_is_a_failed_ready(start):
    host = start("def init(context):\n    raise ValueError('not today')\n\n"
                 "def handler(e, c):\n    return 1\n")
    flags, payload = host.assign(initializer="index.init")
    assert flags == 1 and json.loads(payload)["errorMessage"] == "not today" and host.loaded


@pytest.mark.parametrize("code,initializer", [
    ("def handler(e, c):\n    return 1\n", None),
    ("def handler(e, c):\n    return 1\n", "index.missing"),
    ("import missing\n", "index.init"),
])
def test_without_an_initializer_to_begin_nothing_is_said_of_it(start, code, initializer):
    host = start(code)
    assert host.assign(initializer=initializer)[0] == (initializer is not None) and not host.loaded


def test_a_huge_init_error_fits_a_frame(start):
    host = start("raise ValueError('\\u00e9' * 1000000)\n")
    flags, payload = host.assign("fc")
    assert flags == 1 and json.loads(payload)["errorType"] == "ValueError"


# --- environment ---


def test_environment_is_what_assign_says(start):
    host = start("import os, sys, time\n\ndef handler(e, c):\n"
                 "    return {'env': dict(os.environ), 'cwd': os.getcwd(), 'path': sys.path[0],\n"
                 "            'zone': time.tzname[0], 'main': sorted(vars(sys.modules['__main__'])),\n"
                 "            'rt': [p for p in sys.path if 'runtimes' in p]}\n")
    host.assign(env={"A": "1", "TZ": "UTC-8"})
    seen = json.loads(host.call()[1])
    assert seen["env"] == {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "A": "1",
                           "TZ": "UTC-8"}
    assert seen["cwd"] == str(host.root) and seen["path"] == str(host.root / "code")
    assert seen["zone"] == "UTC" and seen["rt"] == []
    assert "worker" not in seen["main"] and "here" not in seen["main"]


# --- logs ---

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "


def test_print_and_logging_go_to_the_log_of_their_run(start):
    host = start("import logging, sys\n\ndef handler(e, context):\n"
                 "    print('one', e)\n    sys.stderr.write('two\\n')\n    sys.stdout.write('three')\n"
                 "    logging.info('four %d', 4)\n    logging.debug('never')\n"
                 "    context.getLogger().warning('five')\n")
    host.assign()
    host.call(b"1")
    host.call(b"2")
    for n in (1, 2):
        pattern = (r"one %d\ntwo\nthree%sr-%d \[INFO\] four 4\n%sr-%d \[WARNING\] five\n"
                   % (n, STAMP, n, STAMP, n))
        assert re.fullmatch(pattern, host.log(n)), host.log(n)


def test_logging_of_an_exception_carries_the_trace(start):
    host = start("def handler(e, context):\n    try:\n        1 / 0\n    except ZeroDivisionError:\n"
                 "        context.getLogger().exception('oh')\n")
    host.assign()
    assert host.call()[0] == 0
    assert re.match(STAMP + r"r-1 \[ERROR\] oh\nTraceback ", host.log())
    assert "ZeroDivisionError: division by zero\n" in host.log()


def test_threads_log_and_fail_into_the_log(start):
    host = start("import threading\n\ndef bad():\n    raise ValueError('in thread')\n\n"
                 "def handler(e, c):\n"
                 "    ts = [threading.Thread(target=print, args=('t%d' % i,)) for i in range(20)]\n"
                 "    ts.append(threading.Thread(target=bad))\n"
                 "    for t in ts:\n        t.start()\n    for t in ts:\n        t.join()\n")
    host.assign()
    assert host.call()[0] == 0
    lines = host.log().splitlines()
    assert all("t%d" % i in lines for i in range(20))
    assert "ValueError: in thread" in lines


def test_a_thread_that_logs_between_runs_breaks_nothing(start):
    host = start("import threading\n\ngo, gone = threading.Event(), threading.Event()\n\n"
                 "def late():\n    go.wait()\n    while not gone.is_set():\n        print('late')\n\n"
                 "def handler(e, c):\n"
                 "    if e == 0:\n        threading.Thread(target=late, daemon=True).start()\n"
                 "    if e == 1:\n        go.set()\n"
                 "    if e == 9:\n        gone.set()\n    return e\n")
    host.assign()
    import threading
    threading.Thread(target=host.stdout.read, daemon=True).start()
    for n in range(10):
        assert host.call(b"%d" % n)[:2] == (0, b"%d" % n)


@pytest.mark.parametrize("size, lines", [(999, [999]), (1000, [1000]), (1001, [1000, 1]),
                                         (2500, [1000, 1000, 500])])
def test_long_lines_are_split_at_the_limit(start, size, lines):
    host = start("def handler(e, c):\n    print('x' * e)\n    print('y')\n")
    host.assign()
    host.call(b"%d" % size)
    assert [len(line) for line in host.log().splitlines()] == lines + [1]


def test_large_logs_arrive_whole_in_frames_of_64_kib(start):
    host = start("def handler(e, c):\n    print('x' * 3000000)\n")
    host.assign(log_line_bytes=90000)
    host.call()
    assert host.log().replace("\n", "") == "x" * 3000000


def test_the_log_is_bytes_safe(start):
    host = start("import sys\n\ndef handler(e, c):\n    sys.stdout.buffer.write(b'\\xff\\n')\n"
                 "    sys.stdout.flush()\n    print('\\udc80')\n")
    host.assign()
    assert host.call()[0] == 0
    assert host.logs[1] == b"\xff\n\\udc80\n"


def test_closed_streams_come_back(start):
    host = start("import sys\n\ndef handler(e, c):\n    print('hello')\n    sys.stdout.close()\n")
    host.assign()
    assert host.call()[0] == 0
    assert host.call()[0] == 0
    assert host.log(2) == "hello\n"


def test_a_line_leaves_before_the_function_ends(start):
    host = start("import time\n\ndef handler(e, c):\n    print('before')\n    time.sleep(600)\n")
    host.assign()
    host.put(OPEN, 1, b'{"request_id":"r","timeout_ms":1}')
    host.put(END, 1)
    head = struct.unpack(">IBBHI", host._exactly(12))
    assert (head[1], head[4], host._exactly(head[0])) == (LOG, 1, b"before\n")


# --- FC ---


def test_fc_events_are_bytes_and_the_context_has_attributes(start):
    host = start("def handler(event, c):\n"
                 "    return {'event': repr(event), 'id': c.request_id, 'fn': vars(c.function),\n"
                 "            'svc': vars(c.service), 'cred': vars(c.credentials), 'retry': c.retry_count,\n"
                 "            'where': [c.region, c.account_id], 'trace': vars(c.tracing)}\n")
    host.assign("fc")
    _, body, _ = host.call(b'{"a":1}', retry_count=2, credentials={
        "access_key": "STS.a", "secret_key": "s", "security_token": "t"})
    assert json.loads(body) == {
        "event": "b'{\"a\":1}'", "id": "r-1", "fn": CONTEXT["fc"]["function"],
        "svc": CONTEXT["fc"]["service"], "retry": 2, "where": ["cn-local", "123"],
        "cred": {"access_key_id": "STS.a", "access_key_secret": "s", "security_token": "t"},
        "trace": {"span_context": "", "span_baggages": {}, "jaeger_endpoint": ""}}


def test_fc_role_credentials_are_environment_too(start):
    host = start("import os\n\ndef handler(e, c):\n"
                 "    return [os.environ.get(n) for n in ('ALIBABA_CLOUD_ACCESS_KEY_ID', 'accessKeyID',\n"
                 "        'ALIBABA_CLOUD_SECURITY_TOKEN')]\n")
    host.assign("fc")
    assert host.call()[1] == b"[null, null, null]"
    credentials = {"access_key": "STS.a", "secret_key": "s", "security_token": "t"}
    assert host.call(credentials=credentials)[1] == b'["STS.a", "STS.a", "t"]'


def test_fc_errors_are_pretty_printed_with_a_list_of_lists(start):
    host = start("class MyError(Exception):\n    pass\n\n"
                 "def handler(e, c):\n    raise MyError('bad')\n")
    host.assign("fc")
    flags, body, _ = host.call()
    result = {"errorMessage": "bad", "errorType": "MyError", "stackTrace": [
        ['File "%s/code/index.py"' % host.root, "line 5", "in handler", "raise MyError('bad')"]]}
    assert flags == 1 and body.decode() == json.dumps(result, indent=4)


def test_fc_logger(start):
    host = start("import logging\n\ndef init(c):\n    c.logger.info('starting')\n\n"
                 "def handler(e, c):\n    c.logger.info('text')\n    logging.getLogger().error('bad')\n")
    host.assign("fc", initializer="index.init")
    host.call()
    assert re.fullmatch(STAMP + r"i-1 \[INFO\] starting\n", host.log(0))
    assert re.fullmatch(STAMP + r"r-1 \[INFO\] text\n" + STAMP + r"r-1 \[ERROR\] bad\n", host.log())


# --- bounds, ends, children ---


def test_large_events_and_answers_flow_by_credit(start):
    host = start("def handler(event, c):\n    return event[::-1]\n")
    host.assign("fc")
    event = os.urandom(1024) * 3000
    assert host.call(event)[:2] == (0, event[::-1])
    assert host.call(b"ab")[:2] == (0, b"ba")


@pytest.mark.parametrize("over, flags", [(0, 0), (1, 1)])
@pytest.mark.parametrize("dialect", ["functiongraph", "fc"])
def test_the_answer_limit(start, dialect, over, flags):
    host = start("def handler(event, c):\n    return 'x' * %d\n" % (100000 + over))
    host.assign(dialect, answer_max=100000)
    got, body, _ = host.call()
    assert got == flags
    if over:
        assert "100000 bytes" in json.loads(body)["errorMessage"]
    else:
        assert len(body) == 100000


def test_end_tells_the_peak_memory(start):
    host = start("kept = []\n\ndef handler(e, c):\n    kept.append(b'x' * e)\n")
    host.assign()
    small = host.call(b"1")[2]["peak_bytes"]
    large = host.call(b"200000000")[2]["peak_bytes"]
    assert 2 << 20 < small < 200000000 < large < 400000000


@pytest.mark.parametrize("code, status", [
    ("import sys\n\ndef handler(e, c):\n    print('bye')\n    sys.exit(3)\n", 3),
    ("import sys\n\ndef handler(e, c):\n    print('bye')\n    sys.exit()\n", 0),
    ("import sys\n\ndef handler(e, c):\n    print('bye')\n    sys.exit('reason')\n", 1),
    ("import os\n\ndef handler(e, c):\n    print('bye')\n    os._exit(5)\n", 5),
    ("import os\n\ndef handler(e, c):\n    print('bye')\n    os.kill(os.getpid(), 9)\n", -9),
])
def test_exits_are_exits(start, code, status):
    host = start(code)
    host.assign()
    with pytest.raises(Gone):
        host.call()
    assert host.end()[0] == status
    assert host.log().startswith("bye\n")


def test_closing_every_descriptor_ends_the_instance(start):
    host = start("import os\n\ndef handler(e, c):\n    os.closerange(0, 2048)\n")
    host.assign()
    with pytest.raises(Gone):
        host.call()
    assert host.end()[0] == 70


def test_children_do_not_get_the_socket(start):
    host = start("import os, subprocess\n\ndef handler(e, c):\n"
                 "    return subprocess.check_output(['ls', '/proc/self/fd'], close_fds=False)\n")
    host.assign()
    fds = host.call()[1].decode().split()
    assert [n for n in fds if int(n) >= 4] == []  # 3 is the directory ls reads


def test_a_forked_child_that_returns_ends_and_its_output_is_not_frames(start):
    host = start("import os\n\ndef handler(e, c):\n    pid = os.fork()\n"
                 "    if pid == 0:\n        print('child')\n        return 'child'\n"
                 "    return os.waitpid(pid, 0)[1]\n")
    host.assign()
    assert host.call()[:2] == (0, b"0")
    assert host.call()[:2] == (0, b"0")
    assert host.log() == ""
    assert host.end()[1] == b"child\nchild\n"


def test_descriptors_one_and_two_are_left_to_children(start):
    host = start("import os\n\ndef handler(e, c):\n    os.system('echo out; echo err >&2')\n")
    host.assign()
    assert host.call()[0] == 0
    code, out, err = host.end()
    assert (code, out, err) == (0, b"out\n", b"err\n")


def test_reset_is_ignored_and_the_run_ends(start):
    host = start("def handler(e, c):\n    return e\n")
    host.assign()
    host.stream = 1
    host.put(OPEN, 1, b'{"request_id":"r","timeout_ms":1}')
    host.put(DATA, 1, b"5")
    host.put(RESET, 1)
    host.put(END, 1)
    assert host.answer()[:2] == (0, b"5")
    host.put(RESET, 1)
    assert host.call(b"6")[:2] == (0, b"6")


@pytest.mark.parametrize("raw", [
    b"\xff" * 12,
    struct.pack(">IBBHI", 0, 99, 0, 0, 1),
    struct.pack(">IBBHI", 0, OPEN, 1, 0, 1),
    struct.pack(">IBBHI", 0, OPEN, 0, 7, 1),
    struct.pack(">IBBHI", 0, OPEN, 0, 0, 0),
    struct.pack(">IBBHI", (1 << 20) + 1, OPEN, 0, 0, 1),
    struct.pack(">IBBHI", 65537, DATA, 0, 0, 1),
    struct.pack(">IBBHI", 1, DATA, 0, 0, 1) + b"x",
    struct.pack(">IBBHI", 4, OPEN, 0, 0, 1) + b"{\"a\"",
])
def test_a_broken_host_ends_the_worker_with_a_sentence(start, raw):
    host = start("def handler(e, c):\n    return e\n")
    host.assign()
    host.sock.sendall(raw)
    with pytest.raises(Gone):
        host.take()
    code, _, err = host.end()
    assert code == 70 and err.startswith(b"evoke worker: ") and err.count(b"\n") == 1


def test_a_closed_socket_is_a_quiet_end(start):
    host = start("def handler(e, c):\n    return e\n")
    host.assign()
    assert host.end() == (0, b"", b"")


def test_unknown_fields_are_ignored(start):
    host = start("def handler(e, c):\n    return e\n")
    assert host.assign(later={"x": 1}) == (0, b"{}")
    assert host.call(b"1", later=2)[:2] == (0, b"1")


@pytest.mark.parametrize("start", ["exec"], indirect=True)
def test_json_is_not_imported_for_a_function_that_needs_none(start):
    host = start("import sys\n\ndef handler(e, c):\n"
                 "    return [m for m in ('json', 're', 'logging', 'socket') if m in sys.modules\n"
                 "            and m not in before]\n\nbefore = set()\n")
    host.assign()
    assert host.call(b'{"a": 1.5}')[1] == b"[]"
