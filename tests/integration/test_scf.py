# SPDX-License-Identifier: Apache-2.0
"""Functions of Tencent SCF against a real daemon: deployed by evoke.yaml, run by `evoke invoke`; context, log and every bad end."""
import json
import re

import pytest

from evoked import deadline

PYTHON = """
import json, os, time

def main_handler(event, context):
    print("words of the function")
    if event.get("do") == "env":
        return dict(os.environ)
    if event.get("do") == "where":
        return [os.getcwd(), __file__, open("/var/user/index.py").read() != "", os.access("/var/user", os.W_OK)]
    if event.get("do") == "fail":
        raise ValueError("on purpose")
    if event.get("do") == "exit":
        os._exit(3)
    if event.get("do") == "sleep":
        time.sleep(60)
    if event.get("do") == "eat":
        eaten = []
        while True:
            eaten.append(b"z" * (1 << 20))
    if event.get("do") == "large":
        return "x" * (6 << 20)
    return {"event": event, "context": context}
"""

NODE = """
exports.main_handler = async (event, context) => {
    console.log("words of the function");
    if (event.do === "fail") throw new TypeError("on purpose");
    if (event.do === "exit") process.exit(3);
    if (event.do === "where") return [process.cwd(), __filename];
    return { event, name: context.function_name, require: require.resolve.paths("x") };
};
"""


def manifest(name, runtime, more=""):
    return (f"functions:\n  {name}:\n    dialect: scf\n    runtime: {runtime}\n    handler: index.main_handler\n"
            f"    account: \"1250000000\"\n    environment: {{GREETING: hi}}\n{more}")


@pytest.fixture(scope="module")
def deployed(_module_daemon, tmp_path_factory):
    e = _module_daemon
    for name, runtime, file, code in (("py", "Python3.6", "index.py", PYTHON), ("js", "Nodejs12.16", "index.js", NODE)):
        at = tmp_path_factory.mktemp(name)
        (at / "evoke.yaml").write_text(manifest(name, runtime))
        (at / file).write_text(code)
        p = e.run("deploy", str(at))
        assert p.returncode == 0 and p.stdout == f"scf/1250000000/local-1/default/{name}  created  ready\n", p.stdout + p.stderr
    return e


def invoke(e, name, what, code=0):
    p = e.run("invoke", f"scf/1250000000/local-1/default/{name}", "--event", json.dumps(what), "--output", "json")
    assert p.returncode == code, p.stdout + p.stderr
    return json.loads(p.stdout)


def answer(e, name, what):
    p = e.run("invoke", f"scf/1250000000/local-1/default/{name}", "--event", json.dumps(what))
    assert p.returncode == 0, p.stdout + p.stderr
    return json.loads(p.stdout), p.stderr


def test_the_context_and_the_event(deployed):
    told, _ = answer(deployed, "py", {"a": [1]})
    assert told["event"] == {"a": [1]}
    assert re.fullmatch(r"[0-9a-f-]{36}", told["context"].pop("request_id"))
    assert told["context"] == {
        "memory_limit_in_mb": 128, "time_limit_in_ms": 3000, "environment": '{"SCF_NAMESPACE":"default","GREETING":"hi"}',
        "environ": "SCF_NAMESPACE=default;GREETING=hi", "function_version": "$LATEST", "function_name": "py", "namespace": "default",
        "tencentcloud_region": "local-1", "tencentcloud_appid": "1250000000", "tencentcloud_uin": "1250000000"}


def test_the_environment(deployed):
    env, _ = answer(deployed, "py", {"do": "env"})
    want = {"GREETING": "hi", "TENCENTCLOUD_RUNENV": "SCF", "SCF_NAMESPACE": "default", "SCF_FUNCTIONNAME": "py",
            "SCF_FUNCTIONVERSION": "$LATEST", "USER_CODE_ROOT": "/var/user/", "PYTHONPATH": "/var/user:/opt"}
    assert {k: env.get(k) for k in want} == want


def test_the_code_is_at_var_user_and_read_only(deployed):
    assert answer(deployed, "py", {"do": "where"})[0] == ["/var/user", "/var/user/index.py", True, False]
    assert answer(deployed, "js", {"do": "where"})[0] == ["/var/user", "/var/user/index.js"]


@pytest.mark.parametrize("name", ["py", "js"])
def test_the_log_is_worded_as_the_cloud_does(deployed, name):
    told = invoke(deployed, name, {"n": 1})
    id, log = told["request_id"], told["log"]
    lines = log.rstrip("\n").split("\n")
    assert lines[:2] == [f"START RequestId: {id}", f"Event RequestId: {id}"]
    assert lines[2].endswith("words of the function")
    assert lines[3].startswith(f"Response RequestId:{id} RetMsg:{{")
    assert lines[4] == f"END RequestId: {id}"
    assert re.fullmatch(rf"Report RequestId:{id} Duration:\d+ms Memory:128MB MemUsage:\d+\.\d{{4}}MB", lines[5]) and len(lines) == 6


ENDS = [
    ("py", "fail", 430, "user code exception caught", 1), ("js", "fail", 430, "user code exception caught", 1),
    ("py", "exit", 439, "User process exit when running", 1), ("js", "exit", 439, "User process exit when running", 1),
    ("py", "sleep", 433, "Invoking task timed out after 3 seconds", 6),
    ("py", "large", 407, "body size is too long", 1),
]


@pytest.mark.parametrize("name, what, status, message, code", ENDS)
def test_a_bad_end_has_the_number_and_words_of_the_cloud(deployed, name, what, status, message, code):
    told = invoke(deployed, name, {"do": what}, code)
    result = json.loads(told["body"])
    assert {k: result[k] for k in ("errorCode", "errorMessage", "requestId", "statusCode")} == {
        "errorCode": -1, "errorMessage": message, "requestId": told["request_id"], "statusCode": status}
    assert ("stackTrace" in result) == (what == "fail")
    assert f"ERROR RequestId:{told['request_id']} Result:{{" in told["log"]
    assert invoke(deployed, name, {})["outcome"] == "ok"


def test_memory_that_runs_out_is_434_where_the_host_can_tell(deployed):
    told = invoke(deployed, "py", {"do": "eat"}, 1)
    result = json.loads(told["body"])
    assert (result["statusCode"], result["errorMessage"]) in (
        (434, "Task memory exceeded 128 MB"), (430, "user code exception caught"), (439, "User process exit when running"))
    deployed.allow("memory")


def test_a_cold_start_is_reported_before_the_run(deployed, tmp_path):
    (tmp_path / "evoke.yaml").write_text(manifest("cold", "Python3.9"))
    (tmp_path / "index.py").write_text("print('loading')\ndef main_handler(event, context):\n    return 'hi'\n")
    assert deployed.run("deploy", "--no-wait", str(tmp_path)).returncode == 0
    told = invoke(deployed, "cold", {})
    id = told["request_id"]
    assert re.match(rf"loading\nInit Report RequestId: {id} Coldstart: (\d+)ms \(PullCode: 0ms InitRuntime: 0ms InitFunction: \1ms\) "
                    rf"Memory: 128MB MemUsage: \d+\.\d\dMB\nSTART RequestId: {id}\n", told["log"]), told["log"]


@pytest.mark.parametrize("code, status, message", [
    ("def f(:\n", 443, "Syntax error in module 'index'"), ("x = 1\n", 437, "Handler 'main_handler' is missing on module 'index'"),
    ("import os\nos._exit(4)\n", 439, "User process exit when running"),
    ("raise ValueError('at load')\n", 430, "user code exception caught"),
])
def test_what_does_not_load(deployed, tmp_path, code, status, message):
    (tmp_path / "evoke.yaml").write_text(manifest("broken", "Python3.9"))
    (tmp_path / "index.py").write_text(code)
    assert deployed.run("deploy", "--no-wait", str(tmp_path)).returncode == 0
    told = invoke(deployed, "broken", {}, 1)
    result = json.loads(told["body"])
    assert result["statusCode"] == status and result["errorMessage"].startswith(message)
    deployed.run("delete", "scf/1250000000/local-1/default/broken")


def test_a_timer_and_an_asynchronous_event(deployed, tmp_path):
    (tmp_path / "evoke.yaml").write_text(manifest("ticking", "Python3.9", "    triggers:\n      tick: {cron: \"* * * * * * *\", payload: words}\n"))
    (tmp_path / "index.py").write_text("import json\ndef main_handler(event, context):\n    print('told ' + json.dumps(event))\n")
    p = deployed.run("deploy", str(tmp_path))
    assert p.returncode == 0, p.stderr
    name = "scf/1250000000/local-1/default/ticking"
    assert deployed.run("invoke", name, "--async", "--event", '{"mine": 1}').returncode == 0
    for _ in deadline(30):
        log = deployed.run("logs", name).stdout
        if 'told {"mine": 1}' in log and 'told {"Type": "Timer"' in log:
            break
    assert re.search(r'told \{"Type": "Timer", "TriggerName": "tick", "Time": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "Message": "words"\}', log)
    assert deployed.run("delete", name).returncode == 0
