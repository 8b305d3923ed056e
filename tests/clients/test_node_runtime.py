# SPDX-License-Identifier: Apache-2.0
"""Functions in Node.js through both clouds' unmodified SDKs: what a function sees and how it may fail."""
import base64
import concurrent.futures
import io
import json
import os
import re
import zipfile

import pytest

from fgcloud import Cloud, FuncCode, PROJECT, b64
from test_fc2 import function, steps, zip_of

NODE = "/usr/bin/node"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"

# slow: what they show is in JavaScript; the same requests go through our C in test_functiongraph_runtime.py
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not os.path.exists(NODE), reason=NODE + " is not installed")]


# -- FunctionGraph ---------------------------------------------------------------------------------------


@pytest.fixture
def js(cloud):
    def create(name, source, **over):
        cloud.create(name, source, **{"runtime": "Node.js18.15", "code_filename": "index.js", **over})
        return cloud
    return create


def test_the_whole_context(js):
    cloud = js("njs-ctx", """
exports.handler = async (event, context) => ({
    event, id: context.getRequestID(), left: context.getRemainingTimeInMilliSeconds(),
    seconds: context.getRunningTimeInSeconds(), name: context.getFunctionName(), version: context.getVersion(),
    memory: context.getMemorySize(), cpu: context.getCPUNumber(), project: context.getProjectID(),
    data: [context.getUserData('A'), context.getUserData('missing') === undefined],
    env: Object.keys(process.env).filter(k => k.startsWith('RUNTIME_')), own: process.env.A === undefined,
    leaked: Object.keys(process.env).filter(k => /EVOKE_(?!ENDPOINT$)|NODE_|LD_/.test(k)), cwd: process.cwd(), file: __filename,
});
""", user_data='{"A":"1"}', timeout=20, memory_size=256)
    seen, answer = cloud.run("njs-ctx", {"k": "é"})
    assert answer.status == 200, answer.result
    assert seen["event"] == {"k": "é"} and seen["id"] == answer.request_id
    assert 15000 < seen["left"] <= 20000 and seen["seconds"] == 20
    assert (seen["name"], seen["version"], seen["project"]) == ("njs-ctx", "latest", PROJECT)
    assert (seen["memory"], seen["cpu"]) == (256, 400)
    assert seen["data"] == ["1", True] and seen["own"] and seen["leaked"] == []
    assert "RUNTIME_FUNC_NAME" in seen["env"]
    assert (seen["cwd"], seen["file"]) == ("/opt/function", "/opt/function/code/index.js")


@pytest.mark.parametrize("name", ["Node.js6.10", "Node.js12.13", "Node.js20.15"])
def test_every_name_runs_on_the_node_that_is_there(js, name):
    cloud = js("njs-name", "exports.handler = (event, context, callback) => callback(null, process.version);\n",
               runtime=name)
    assert re.fullmatch(r"v\d+\.\d+\.\d+", cloud.invoke("njs-name", {}, "v1").result)


def test_logs_are_framed_and_carry_the_request_id(js):
    cloud = js("njs-log", """
exports.handler = (event, context, callback) => {
    context.getLogger().info('from the logger %d', 1);
    console.log('printed é');
    process.stderr.write('to stderr\\n');
    setTimeout(() => { console.log('later'); callback(null, 'x'); }, 1);
};
""")
    answer = cloud.invoke("njs-log", version="v1", tail=True)
    log, rid = answer.log, answer.request_id
    assert re.search(rf"^{STAMP} {rid} \[INFO\] from the logger 1$", log, re.M), log
    order = [log.index(x) for x in ("Start invoke", "from the logger", "printed é\n", "to stderr\n", "later\n",
                                    "Finish invoke")]
    assert order == sorted(order)


def test_packages_initializer_and_es_modules(js):
    data = zip_of("import { text } from './text.mjs';\nlet n = 0;\n"
                  "export const init = async context => { n = 1; console.log('initialised', context.getFunctionName()); };\n"
                  "export const handler = async () => text + n;\n", "src/app.mjs")
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as z:
        z.writestr("src/text.mjs", "export const text = 'n is ';\n")
    cloud = js("njs-esm", None, code_type="zip", handler="src/app.handler", initializer_handler="src/app.init",
               initializer_timeout=5, func_code=FuncCode(file=b64(out.getvalue())))
    answer = cloud.invoke("njs-esm", version="v1", tail=True)
    assert answer.result == "n is 1" and "initialised njs-esm" in answer.log


@pytest.mark.parametrize("source, kind, message", [
    ("exports.handler = async event => { throw new RangeError('broken: ' + event.k); };", "RangeError", "broken: v"),
    ("exports.handler = (e, c, callback) => callback(new Error('told'));", "Error", "told"),
    ("exports.handler = (e, c, callback) => callback('just text');", "Error", "just text"),
    ("exports.handler = async () => Promise.reject(undefined);", "Error", "undefined"),
    ("exports.handler = async () => 10n;", "ReturnTypeError", "bigint"),
    ("exports.handler = async () => { const a = {}; a.a = a; return a; };", "ReturnTypeError", "circular"),
    ("require('nothing-like-it');", "ImportModuleError", "nothing-like-it"),
    ("exports.handler = async (", "SyntaxError", "Syntax error in module 'index'("),
    ("exports.other = 1;", "HandlerNotFound", "Handler 'handler' is missing on module 'index'"),
])
def test_errors_of_functions_are_answers(js, source, kind, message):
    cloud = js("njs-fails", source + "\n")
    result, answer = cloud.run("njs-fails", {"k": "v"})
    assert cloud.response.status_code == 200 and answer.status == 500
    assert cloud.headers["X-Is-Func-Err"] == "true"
    assert result["errorType"] == kind and message in result["errorMessage"], result
    assert "/rt/" not in answer.result


@pytest.mark.parametrize("source", [
    "exports.handler = (e, c, callback) => { if (!e.hang) callback(null, 'awake'); };",
    "exports.handler = async e => { while (e.hang); return 'awake'; };",
    "exports.handler = async e => e.hang ? new Promise(() => {}) : 'awake';",
])
def test_a_timeout_ends_the_run_and_the_next_one_works(js, source):
    cloud = js("njs-slow", source + "\n", timeout=3)
    result, answer = cloud.run("njs-slow", {"hang": True})
    assert answer.status == 408 and "timed out" in result["errorMessage"]
    assert cloud.invoke("njs-slow", {"k": 1}, "v1").result == "awake"


@pytest.mark.parametrize("how, word", [
    ("process.exit(3)", "exit code 3"), ("process.kill(process.pid, 'SIGKILL')", "signal 9"),
    ("process.abort()", "signal 6"), ("setTimeout(() => { throw new Error('nobody caught'); }, 1)", "exit code 1"),
    ("Promise.reject(new Error('nobody caught'))", "exit code 1"),
])
def test_a_process_that_ends_is_the_answer(js, how, word):
    cloud = js("njs-exits", "exports.handler = (e, c, callback) => {\n    console.log('last words');\n    %s;\n};\n" % how)
    result, answer = cloud.run("njs-exits")
    assert answer.status == 502 and word in result["errorMessage"]
    assert "last words" in answer.log
    assert ("nobody caught" in answer.log) == ("nobody caught" in how)


def test_an_answer_over_6_mib_is_refused_as_the_functions(js):
    cloud = js("njs-big", "exports.handler = async event => 'x'.repeat(event.n);\n", memory_size=256)
    cloud.invoke("njs-big", {"n": 6 * 1024 * 1024})
    assert len(cloud.response.content) == 6 * 1024 * 1024
    cloud.invoke("njs-big", {"n": 6 * 1024 * 1024 + 1})
    assert cloud.headers["X-Func-Err-Code"] == "507" and cloud.headers["X-Is-Func-Err"] == "true"


def test_many_at_once_each_get_their_own_answer(js, evoke_shared):
    js("njs-many", "exports.handler = async event => event.n;\n")

    def one(n):
        return Cloud(evoke_shared).invoke("njs-many", {"n": n}, "v1").result

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(40))) == [str(n) for n in range(40)]


def test_what_ordinary_code_uses_works_inside(js):
    cloud = js("njs-uses", """
const { execFileSync, fork } = require('child_process');
const { Worker } = require('worker_threads');
const fs = require('fs'), http = require('http'), os = require('os');

const once = (emitter, name) => new Promise((done, fail) => emitter.once(name, done).once('error', fail));

exports.handler = async () => {
    const server = http.createServer((request, answer) => answer.end('served')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const fetched = await (await fetch('http://127.0.0.1:' + server.address().port)).text();
    server.close();
    server.closeAllConnections();
    fs.writeFileSync('/tmp/child.js', 'process.on("message", m => { process.send(m + 1); process.disconnect(); })');
    const child = fork('/tmp/child.js');
    child.send(1);
    return { fetched, forked: await once(child, 'message'),
        worker: await once(new Worker('require("worker_threads").parentPort.postMessage(7)', { eval: true }), 'message'),
        ran: execFileSync('echo', ['ran']).toString(), cpus: os.cpus().length > 0,
        net: Object.keys(os.networkInterfaces()), zone: new Date(0).getTimezoneOffset() };
};
""", memory_size=512)
    seen, answer = cloud.run("njs-uses")
    assert seen == {"fetched": "served", "forked": 2, "worker": 7, "ran": "ran\n", "cpus": True, "net": seen["net"],
                    "zone": 0}, answer.log
    assert "lo" in seen["net"]


# -- Function Compute ------------------------------------------------------------------------------------


FC = """
exports.initializer = (context, callback) => { console.log('starting'); callback(); };
exports.handler = (event, context, callback) => {
    const what = JSON.parse(event.toString() || '{}');
    console.log('event is', Buffer.isBuffer(event));
    if (what.fail) return callback(new TypeError('told to fail'));
    if (what.text) return callback('just text');
    if (what.raise) throw new Error('raised');
    if (what.exit) process.exit(1);
    callback(null, { id: context.requestId, service: context.service.name, memory: context.function.memory,
        greeting: process.env.GREETING, code: process.env.FC_FUNC_CODE_PATH, cwd: process.cwd() });
};
"""


def test_function_compute(evoke_shared):
    code = {"zipFile": base64.b64encode(zip_of(FC, "index.js")).decode()}
    tail = {"x-fc-log-type": "Tail"}
    _, _, good, failed, text, raised, gone, *_ = steps(
        evoke_shared,
        ["createService", "njs", {}],
        ["createFunction", "njs", function(runtime="nodejs12", code=code, initializer="index.initializer",
                                           initializationTimeout=5)],
        ["invokeFunction", "njs", "fn", "{}", tail],
        ["invokeFunction", "njs", "fn", '{"fail":1}', tail],
        ["invokeFunction", "njs", "fn", '{"text":1}', tail],
        ["invokeFunction", "njs", "fn", '{"raise":1}', tail],
        ["invokeFunction", "njs", "fn", '{"exit":1}', tail],
        ["deleteFunction", "njs", "fn"],
        ["deleteService", "njs"])

    seen, rid = json.loads(good["data"]), good["headers"]["x-fc-request-id"]
    assert seen == {"id": rid, "service": "njs", "memory": 128, "greeting": "hello", "code": "/code", "cwd": "/code"}
    log = base64.b64decode(good["headers"]["x-fc-log-result"]).decode()
    assert "FunctionCompute nodejs12 runtime inited.\n" in log and "load code for handler:index.initializer\n" in log
    assert re.search(rf"FC Invoke Start RequestId: {rid}\nload code for handler:index\.handler\n"
                     rf"{STAMP} {rid} \[verbose\] event is true\nFC Invoke End RequestId: {rid}\n", log), log

    def outcome(answer):
        return answer["headers"]["x-fc-error-type"], answer["data"] if isinstance(
            answer["data"], dict) else json.loads(answer["data"])

    kind, body = outcome(failed)
    assert kind == "HandledInvocationError"
    assert (body["errorMessage"], body["errorType"]) == ("told to fail", "TypeError")
    assert re.fullmatch(r"at exports\.handler \(/code/index\.js:\d+:\d+\)", body["stackTrace"][0])
    assert "Error: Handled function error" in base64.b64decode(failed["headers"]["x-fc-log-result"]).decode()
    assert outcome(text) == ("HandledInvocationError", {"errorMessage": "just text"})
    kind, body = outcome(raised)
    assert (kind, body["errorMessage"]) == ("UnhandledInvocationError", "raised")
    kind, body = outcome(gone)
    assert kind == "UnhandledInvocationError" and "Process exited unexpectedly" in body["errorMessage"]
