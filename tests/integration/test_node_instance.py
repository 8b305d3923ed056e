# SPDX-License-Identifier: Apache-2.0
"""The Node.js worker without a sandbox: context, output, several runs at once, limits and ends."""

import json
import os
import re
import struct
import time

import pytest

from nodehost import DIALECTS, NEEDED, REHEARSED, answers, start  # noqa: F401
from workerhost import CONTEXT, CREDIT, DATA, DEADLINE_S, END, LOG, OPEN, RESET, Gone

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
CREDENTIALS = {"access_key": "STS.a", "secret_key": "s", "security_token": "t"}

pytestmark = NEEDED


# --- context, environment ---


@pytest.mark.parametrize("call, value", [
    ("getRequestID()", "r-1"), ("getRunningTimeInSeconds()", 3), ("getFunctionName()", "hello"),
    ("getVersion()", "v1"), ("getMemorySize()", 256), ("getCPUNumber()", 400), ("getProjectID()", "p1"),
    ("getPackage()", "default"), ("getUserData('K')", "V"), ("getUserData('absent') === undefined", True),
    ("getUserData('constructor') === undefined", True), ("getUserData('absent', 'd')", "d"), ("getAlias()", ""),
    ("getToken()", ""), ("getAccessKey()", "STS.a"), ("getSecretKey()", "s"), ("getSecurityAccessKey()", "STS.a"),
    ("getSecuritySecretKey()", "s"), ("getSecurityToken()", "t"), ("getWorkflowID()", ""),
    ("getWorkflowRunID()", ""), ("getWorkflowStateID()", ""),
    ("getRemainingTimeInMilliSeconds() > 2000 && context.getRemainingTimeInMilliSeconds() <= 3000", True),
])
def test_functiongraph_context(start, call, value):
    host = start(answers("[context.%s]" % call))
    host.assign()
    assert json.loads(host.call(credentials=CREDENTIALS)[1]) == [value]


def test_without_a_role_credentials_are_empty(start):
    host = start(answers("[context.getSecurityAccessKey(), context.getSecurityToken()]"))
    host.assign()
    assert host.call()[1] == b'["",""]'


def test_time_runs_out(start):
    host = start("exports.handler = async (e, c) => {\n    await new Promise(f => setTimeout(f, 5));\n"
                 "    return c.getRemainingTimeInMilliSeconds();\n};\n")
    host.assign()
    assert host.call(timeout_ms=2)[1] == b"0"


def test_fc_context(start):
    host = start(answers("[context, typeof context.logger.info]"))
    host.assign("fc")
    context, logger = json.loads(host.call(retry_count=2, credentials=CREDENTIALS)[1])
    assert context.pop("logger") == {} and logger == "function"
    assert context == {
        "requestId": "r-1", "region": "cn-local", "accountId": "123", "retryCount": 2,
        "credentials": {"accessKeyId": "STS.a", "accessKeySecret": "s", "securityToken": "t"},
        "function": {"name": "fn", "handler": "index.handler", "memory": 128, "timeout": 3, "initializer": "",
                     "initializationTimeout": 3},
        "service": {"name": "svc", "logProject": "", "logStore": "", "qualifier": "LATEST", "versionId": ""},
        "tracing": {"openTracingSpanContext": "", "openTracingSpanBaggages": {}, "jaegerEndpoint": ""}}


def test_fc_role_credentials_are_environment_too(start):
    host = start("const names = ['ALIBABA_CLOUD_ACCESS_KEY_ID', 'accessKeyID', 'ALIBABA_CLOUD_SECURITY_TOKEN'];\n"
                 + answers("names.map(n => process.env[n] || null)"))
    host.assign("fc")
    assert host.call()[1] == b"[null,null,null]"
    assert host.call(credentials=CREDENTIALS)[1] == b'["STS.a","STS.a","t"]'


@pytest.mark.parametrize("dialect, asked", [
    ("functiongraph", "context.getSecurityToken()"), ("fc", "context.credentials.securityToken")])
def test_the_initializer_has_credentials_too(start, dialect, asked):
    host = start("let seen;\nexports.init = async context => { seen = %s; };\n%s" % (asked, answers("seen")))
    host.assign(dialect, initializer="index.init", credentials=CREDENTIALS)
    assert host.call()[1] == b"t"


def test_the_environment_is_the_functions(start):
    host = start(answers("[process.env, process.cwd(), new Date(0).getHours()]"))
    host.assign(env={"A": "1", "TZ": "Asia/Shanghai", "HOME": "/elsewhere", "NODE_OPTIONS": "--no-such-option"})
    assert json.loads(host.call()[1]) == [
        {"A": "1", "TZ": "Asia/Shanghai", "HOME": "/elsewhere", "NODE_OPTIONS": "--no-such-option",
         "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, str(host.root), 8]


def test_node_path_is_honoured(start):
    host = start("exports.handler = async () => require('shared').x;\n", lib__shared__js="exports.x = 'x';\n")
    host.assign(env={"NODE_PATH": str(host.root / "code" / "lib")})
    assert host.call()[1] == b"x"


# --- output ---


def test_what_is_written_is_log_of_its_run(start):
    host = start("console.log('loading');\nexports.handler = async () => {\n"
                 "    console.log('to %s', 'stdout', {a: 1});\n    console.error('to stderr');\n"
                 "    process.stdout.write('no line feed');\n    process.stderr.write(Buffer.from(' \u00e9\\n'));\n"
                 "    console.table([[1]]);\n};\n")
    host.assign()
    assert host.log(0) == "loading\n"
    host.call()
    assert host.log().startswith("to stdout { a: 1 }\nto stderr\nno line feed \u00e9\n")
    assert "(index)" in host.log()
    assert host.end() == (0, b"", b"")


def test_streams_have_callbacks_and_do_not_close(start):
    host = start("exports.handler = async () => {\n"
                 "    await new Promise(done => process.stdout.write('a\\n', done));\n"
                 "    await new Promise(done => process.stdout.end('b\\n', done));\n"
                 "    process.stdout.destroy();\n    process.stderr.end();\n"
                 "    console.log('c'); console.error('d');\n"
                 "    return [process.stdout.fd, process.stderr.fd, Boolean(process.stdout.isTTY)];\n};\n")
    host.assign()
    for _ in range(2):
        assert host.call()[1] == b"[1,2,false]"
        assert host.log() == "a\nb\nc\nd\n"


def test_a_line_leaves_at_once(start):
    host = start("exports.handler = () => {\n    console.log('before');\n    for (;;);\n};\n")
    host.assign()
    host.begin()
    assert host.log_line() == b"before\n"


@pytest.mark.parametrize("write, lines", [
    ("console.log('x'.repeat(1000))", ["x" * 1000]),
    ("console.log('x'.repeat(1001))", ["x" * 1000, "x"]),
    ("process.stdout.write('x'.repeat(600)); process.stdout.write('x'.repeat(600) + '\\n')",
     ["x" * 1000, "x" * 200]),
    ("console.log('a\\n' + 'x'.repeat(1000) + '\\nb')", ["a", "x" * 1000, "b"]),
    ("process.stdout.write('x'.repeat(2000))", ["x" * 1000, "x" * 1000]),
])
def test_long_lines_are_cut(start, write, lines):
    host = start("exports.handler = async () => { %s; };\n" % write)
    host.assign()
    host.call()
    assert host.log().splitlines() == lines


def test_a_line_of_a_megabyte_and_binary_output(start):
    host = start("exports.handler = async () => {\n    console.log('x'.repeat(1 << 20));\n"
                 "    process.stdout.write(Buffer.from([0, 255, 10]));\n};\n")
    host.assign(log_line_bytes=90000)
    host.call()
    log = host.logs[1]
    assert log.endswith(b"\n\x00\xff\n")
    lines = log[:-3].splitlines()
    assert b"".join(lines) == b"x" * (1 << 20) and max(map(len, lines)) == 90000


def test_what_comes_after_the_answer_is_nobodys(start):
    host = start("exports.handler = async () => { setTimeout(() => console.log('late'), 1); return 1; };\n")
    host.assign()
    assert host.call()[1] == b"1"
    deadline = time.monotonic() + DEADLINE_S
    os.set_blocking(host.process.stdout.fileno(), False)
    got = None
    while not got and time.monotonic() < deadline:
        got = host.process.stdout.read()
    assert got == b"late\n" and host.log() == ""


def test_functiongraph_logger(start):
    host = start("exports.handler = async (e, c) => {\n    const log = c.getLogger();\n    log.info('%d of', 1, {a: 2});\n"
                 "    log.warn('w'); log.error('e'); log.log('l'); log.debug('unseen');\n"
                 "    log.setLevel('error'); log.info('unseen'); log.error('seen');\n"
                 "    log.setLevel('debug'); log.debug('d'); log.setLevel('nonsense'); log.setLevel('info');\n};\n")
    host.assign()
    host.call()
    lines = ["[INFO] 1 of { a: 2 }", "[WARN] w", "[ERROR] e", "[INFO] l", "[ERROR] seen", "[DEBUG] d"]
    assert re.fullmatch("".join(STAMP + "r-1 " + re.escape(text) + "\n" for text in lines), host.log())


def test_fc_console_and_logger(start):
    host = start("exports.init = async () => console.log('starting');\n"
                 "exports.handler = async (e, c) => {\n    console.log('%s!', 'log'); console.info('i');\n"
                 "    console.warn('w'); console.error('e'); console.debug('d'); c.logger.info('logger');\n"
                 "    console.setLogLevel('error'); console.log('unseen'); console.error('seen');\n"
                 "    c.logger.setLogLevel('debug');\n    process.stdout.write('raw\\n');\n};\n")
    host.assign("fc", initializer="index.init")
    assert re.fullmatch("load code for handler:index.init\n" + STAMP + r"i-1 \[verbose\] starting\n", host.log(0))
    host.call()
    lines = ["[verbose] log!", "[info] i", "[warn] w", "[error] e", "[debug] d", "[info] logger", "[error] seen"]
    assert re.fullmatch("load code for handler:index.handler\n"
                        + "".join(STAMP + "r-1 " + re.escape(text) + "\n" for text in lines) + "raw\n", host.log())
    host.call()
    assert "load code" not in host.log()


# --- made before it was needed ---


@DIALECTS
def test_a_rehearsal_leaves_nothing_behind(start, dialect):
    host = start("const before = [Object.keys(require.cache).length, Object.keys(process.env).sort().join(),\n"
                 "    process._getActiveHandles().length, process.listenerCount('exit'), console.setLogLevel === undefined];\n"
                 "exports.handler = async (event, context) => { console.log('in'); return before; };\n", REHEARSED)
    host.assign(dialect, env={"A": "1"})
    fresh = dialect == "functiongraph"
    assert json.loads(host.call()[1]) == [1, "A,HOME,LANG,PATH", 1, 1, fresh]
    assert host.log() == "in\n" if fresh else re.fullmatch(
        "load code for handler:index.handler\n" + STAMP + r"r-1 \[verbose\] in\n", host.log())
    assert host.log(0) == ""
    assert host.call(b"{}")[0] == 0
    assert host.end() == (0, b"", b"")


# --- several at once ---


def test_runs_interleave_and_their_logs_do_not_mix(start):
    host = start("const gates = [];\nexports.handler = async (event, context) => {\n"
                 "    console.log('in', event.n);\n"
                 "    if (event.n < 9) await new Promise(go => gates.push(go));\n"
                 "    else gates.forEach(go => go());\n"
                 "    await new Promise(setImmediate);\n"
                 "    console.log('out', event.n, context.getRequestID());\n    return event.n;\n};\n")
    host.assign(concurrency=10)
    for _ in range(2):
        first = host.stream
        streams = [host.begin(b'{"n":%d}' % n) for n in range(10)]
        got = host.answers(10)
        assert sorted(got) == [(s, 0, b"%d" % (s - first - 1)) for s in streams]
        for n, s in enumerate(streams):
            assert host.log(s) == "in %d\nout %d r-%d\n" % (n, n, s)


def test_one_of_ten_hangs_while_nine_answer(start):
    host = start("exports.handler = async event => event.n || new Promise(() => {});\n")
    host.assign(concurrency=10)
    streams = [host.begin(b'{"n":%d}' % n) for n in range(10)]
    assert sorted(s for s, _, _ in host.answers(9)) == streams[1:]
    host.begin(b'{"n":10}')
    assert host.answers(1) == [(11, 0, b"10")]


def test_answers_of_one_turn_leave_in_one_write(start):
    host = start("exports.handler = async () => 'x';\n")
    host.assign(concurrency=64)
    frames = b""
    for n in range(1, 65):
        body = json.dumps({"request_id": "r", "timeout_ms": 1000}).encode()
        for kind, payload in ((OPEN, body), (DATA, b"1"), (END, b"")):
            frames += struct.pack(">IBBHI", len(payload), kind, 0, 0, n) + payload
    host.sock.sendall(frames)
    data, reads = b"", 0
    while data.count(b"peak_bytes") < 64:
        data += host.sock.recv(1 << 20)
        reads += 1
    assert reads <= 4


@pytest.mark.parametrize("code", [
    "setTimeout(() => { throw new Error('nobody caught'); }, 1)",
    "Promise.reject(new Error('nobody caught'))",
    "process.nextTick(() => { throw new Error('nobody caught'); })",
    "new (require('events'))().emit('error', new Error('nobody caught'))",
])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_what_nobody_catches_ends_the_instance_with_a_word_in_the_log(start, concurrency, code):
    host = start("exports.handler = (event, context, callback) => {\n"
                 "    if (event.bad) setTimeout(() => { %s; }, 1);\n};\n" % code)
    host.assign(concurrency=concurrency)
    if concurrency > 1:
        host.begin()
    host.begin(b'{"bad":1}')
    with pytest.raises(Gone):
        host.take()
    assert "Error: nobody caught\n    at " in host.log()
    assert host.end()[0] == 1


def test_a_function_may_catch_what_nobody_catches(start):
    host = start("process.on('uncaughtException', e => console.log('caught', e.message));\n"
                 "exports.handler = (e, c, callback) => {\n"
                 "    setTimeout(() => { throw new Error('mine'); }, 1);\n    setTimeout(callback, 20, null, 'v');\n};\n")
    host.assign()
    assert host.call()[1] == b"v" and host.log() == "caught mine\n"


# --- bounds, ends, children ---


def test_large_events_and_answers_flow_by_credit(start):
    host = start("exports.handler = async event => Buffer.from(event).reverse();\n")
    host.assign("fc")
    event = os.urandom(1024) * 3000
    assert host.call(event)[:2] == (0, event[::-1])
    assert host.call(b"ab")[:2] == (0, b"ba")


@pytest.mark.parametrize("over, flags", [(0, 0), (1, 1)])
@DIALECTS
def test_the_answer_limit(start, dialect, over, flags):
    host = start("exports.handler = async () => 'x'.repeat(%d);\n" % (100000 + over))
    host.assign(dialect, answer_max=100000)
    got, body, _ = host.call()
    assert got == flags
    if over:
        assert "100000 bytes" in json.loads(body)["errorMessage"]
    else:
        assert len(body) == 100000


def test_end_tells_the_peak_memory(start):
    host = start("const kept = [];\nexports.handler = async n => { kept.push(Buffer.alloc(n, 1)); };\n")
    host.assign()
    small = host.call(b"1")[2]["peak_bytes"]
    large = host.call(b"200000000")[2]["peak_bytes"]
    assert 2 << 20 < small < 200000000 < large < 400000000


def of_memory(megabytes):
    """The contexts of a function that is given so many megabytes."""
    return {"functiongraph": {**CONTEXT["functiongraph"], "memory_mb": megabytes},
            "fc": {**CONTEXT["fc"], "function": {**CONTEXT["fc"]["function"], "memory": megabytes}}}


@DIALECTS
def test_a_small_function_collects_its_garbage_early(start, dialect):
    code = ("const kept = Array.from({length: 200000}, (_, i) => ({i, s: 'x' + i}));\n"
            "exports.handler = async () => {\n    for (let round = 0; round < 15; round++) {\n"
            "        const a = Array.from({length: 100000}, (_, i) => ({i, b: [i, i + 1], s: String(i)}));\n"
            "        kept[round] = a[5];\n    }\n};\n")
    host = start(code)
    host.assign(dialect, context=of_memory(128)[dialect])
    assert host.call()[0] == 0
    # 239 MiB where V8 is left alone; how much garbage waits for a busy machine varies.
    assert host.call()[2]["peak_bytes"] < 200 << 20


@pytest.mark.parametrize("leave, status", [
    ("process.exit(3)", 3), ("process.exit()", 0), ("process.exitCode = 4; process.exit()", 4),
    ("process.abort()", -6), ("process.kill(process.pid, 'SIGKILL')", -9), ("process.reallyExit(5)", 5),
])
def test_exits_are_exits(start, leave, status):
    host = start("process.on('exit', () => console.log('on exit'));\n"
                 "exports.handler = async () => {\n    console.log('bye');\n    %s;\n"
                 "    await new Promise(() => {});\n};\n" % leave)
    host.assign()
    with pytest.raises(Gone):
        host.call()
    assert host.end()[0] == status
    assert host.log().startswith("bye\n")
    assert ("on exit" in host.log()) == leave.startswith("process.exit")


def test_an_exit_while_loading_is_an_exit(start):
    host = start("process.exit(7);\n")
    with pytest.raises(Gone):
        host.assign()
    assert host.end()[0] == 7


def test_closing_every_descriptor_ends_the_instance(start):
    host = start("const fs = require('fs');\nexports.handler = async () => {\n"
                 "    for (let fd = 0; fd < 100; fd++) try { fs.closeSync(fd); } catch (e) {}\n};\n")
    host.assign()
    with pytest.raises(Gone):
        host.call()
    assert host.end()[0] != 0


def test_children_and_workers_do_not_get_the_socket(start):
    host = start("const { execFileSync } = require('child_process');\n"
                 "exports.handler = async () => execFileSync('ls', ['/proc/self/fd']).toString();\n")
    host.assign()
    fds = host.call()[1].decode().split()
    assert [n for n in fds if int(n) >= 4] == []  # 3 is the directory ls reads


def test_children_write_to_descriptors_one_and_two(start):
    host = start("const { spawnSync } = require('child_process');\nexports.handler = async () => {\n"
                 "    spawnSync('sh', ['-c', 'echo out; echo err >&2'], {stdio: 'inherit'});\n};\n")
    host.assign()
    assert host.call()[0] == 0
    assert host.end() == (0, b"out\n", b"err\n")


def test_worker_threads_print_into_the_log(start):
    host = start("const { Worker } = require('worker_threads');\nexports.handler = (e, c, callback) => {\n"
                 "    new Worker('console.log(\"from a thread\")', {eval: true}).on('exit', () => callback());\n};\n")
    host.assign()
    assert host.call()[0] == 0 and host.log() == "from a thread\n"


def test_patched_globals_do_not_break_the_worker(start):
    host = start("JSON.parse = JSON.stringify = () => { throw new Error('patched'); };\n"
                 "process.exit = () => {};\nconst fs = require('fs');\nfs.writeSync = () => 0;\n"
                 "exports.handler = (e, c, callback) => callback(null, {v: 1});\n")
    host.assign()
    assert host.call()[:2] == (0, b'{"v":1}')


def test_reset_is_ignored_and_the_run_ends(start):
    host = start("exports.handler = async e => e;\n")
    host.assign()
    host.stream = 1
    host.put(OPEN, 1, b'{"request_id":"r","timeout_ms":1}')
    host.put(DATA, 1, b"5")
    host.put(RESET, 1)
    host.put(END, 1)
    assert host.answer()[:2] == (0, b"5")
    host.put(RESET, 1)
    host.put(CREDIT, 1, b"\0\0\0\1")
    assert host.call(b"6")[:2] == (0, b"6")


@pytest.mark.parametrize("raw", [
    b"\xff" * 12,
    struct.pack(">IBBHI", 0, 99, 0, 0, 1),
    struct.pack(">IBBHI", 0, LOG, 0, 0, 1),
    struct.pack(">IBBHI", 0, OPEN, 1, 0, 1),
    struct.pack(">IBBHI", 0, OPEN, 0, 7, 1),
    struct.pack(">IBBHI", 0, OPEN, 0, 0, 0),
    struct.pack(">IBBHI", (1 << 20) + 1, OPEN, 0, 0, 1),
    struct.pack(">IBBHI", 65537, DATA, 0, 0, 1),
    struct.pack(">IBBHI", 1, DATA, 0, 0, 1) + b"x",
    struct.pack(">IBBHI", 4, OPEN, 0, 0, 1) + b"{\"a\"",
    struct.pack(">IBBHI", 2, OPEN, 0, 0, 1) + b"{}" + struct.pack(">IBBHI", 2, OPEN, 0, 0, 2) + b"{}",
    struct.pack(">IBBHI", 2, OPEN, 0, 0, 1) + b"{}" + struct.pack(">IBBHI", 3, CREDIT, 0, 0, 1) + b"xxx",
])
def test_a_broken_host_ends_the_worker_with_a_sentence(start, raw):
    host = start("exports.handler = async e => e;\n")
    host.assign()
    host.sock.sendall(raw)
    with pytest.raises(Gone):
        host.take()
    code, _, err = host.end()
    assert code == 70 and err.startswith(b"evoke worker: ") and err.count(b"\n") == 1


def test_frames_may_come_in_any_pieces(start):
    host = start("exports.handler = async e => e.length;\n")
    host.assign("fc")
    frames = b""
    for kind, payload in ((OPEN, b'{"request_id":"r","timeout_ms":1000}'), (DATA, b"x" * 65536), (DATA, b"y"),
                          (END, b"")):
        frames += struct.pack(">IBBHI", len(payload), kind, 0, 0, 1) + payload
    host.stream = 1
    for piece in (frames[:1], frames[1:11], frames[11:12], frames[12:60], frames[60:65000], frames[65000:]):
        host.sock.sendall(piece)
    assert host.answer()[:2] == (0, b"65537")


def test_a_closed_socket_is_a_quiet_end(start):
    host = start("setInterval(() => {}, 1000);\nexports.handler = async e => e;\n")
    host.assign()
    assert host.end() == (0, b"", b"")


def test_unknown_fields_are_ignored(start):
    host = start("exports.handler = async e => e;\n")
    assert host.assign(later={"x": 1}) == (0, b"{}")
    assert host.call(b"1", later=2)[:2] == (0, b"1")
