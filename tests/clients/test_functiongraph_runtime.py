# SPDX-License-Identifier: Apache-2.0
"""FunctionGraph through its official Python SDK: what a function sees and how it may fail."""
import base64
import concurrent.futures
import datetime
import io
import json
import re
import time
import zipfile

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkfunctiongraph.v2 import (
    FuncCode, UpdateFunctionCodeRequest, UpdateFunctionCodeRequestBody, UpdateFunctionConfigRequest,
    UpdateFunctionConfigRequestBody)

from fgcloud import Cloud, HELLO, PROJECT, b64, raw_invoke, refused, zip_of


# -- what a function sees --------------------------------------------------------------------------------


CONTEXT = """
import json, os

def handler(event, context):
    return {
        "id": context.getRequestID(),
        "left": context.getRemainingTimeInMilliSeconds(),
        "seconds": context.getRunningTimeInSeconds(),
        "name": context.getFunctionName(),
        "version": context.getVersion(),
        "memory": context.getMemorySize(),
        "cpu": context.getCPUNumber(),
        "project": context.getProjectID(),
        "package": context.getPackage(),
        "data": [context.getUserData("A"), context.getUserData("missing")],
        "token": context.getToken(),
        "keys": [context.getAccessKey(), context.getSecretKey(), context.getSecurityAccessKey(),
                 context.getSecuritySecretKey(), context.getSecurityToken()],
        "alias": context.getAlias(),
        "workflow": [context.getWorkflowID(), context.getWorkflowRunID(), context.getWorkflowStateID()],
        "env": {k: v for k, v in os.environ.items() if k.startswith("RUNTIME_")},
        "own": os.environ.get("A"),
        "cwd": os.getcwd(),
        "file": __file__,
    }
"""


def test_the_whole_context(cloud):
    cloud.create("ctx", CONTEXT, user_data='{"A":"1","B":"é"}', timeout=20, memory_size=256)
    seen, answer = cloud.run("ctx")
    assert answer.status == 200, answer.result
    assert seen["id"] == answer.request_id
    assert 0 < float(seen["left"]) <= 20000
    assert int(seen["seconds"]) == 20
    assert (seen["name"], seen["version"], seen["project"], seen["package"]) == ("ctx", "latest", PROJECT, "default")
    assert (int(seen["memory"]), int(seen["cpu"])) == (256, 400)
    assert seen["data"] == ["1", None]
    assert all(not key for key in seen["keys"]) and not seen["token"]
    assert not seen["alias"]
    assert all(not w for w in seen["workflow"])
    assert seen["env"]["RUNTIME_FUNC_NAME"] == "ctx" and seen["env"]["RUNTIME_TIMEOUT"] == "20"
    assert seen["env"]["RUNTIME_PROJECT_ID"] == PROJECT and seen["env"]["RUNTIME_MEMORY"] == "256"
    assert json.loads(seen["env"]["RUNTIME_USERDATA"]) == {"A": "1", "B": "é"}
    assert seen["own"] is None, "user_data is not the environment of an event function"
    assert seen["cwd"] == "/opt/function" and seen["file"].startswith("/opt/function/code/")


def test_a_handler_in_a_folder_of_the_package(cloud):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as z:
        z.writestr("src/app.py", "def main(event, context):\n    return open('code/src/note.txt').read()\n")
        z.writestr("src/note.txt", "read")
    cloud.create("folder", code_type="zip", handler="src/app.main", func_code=FuncCode(file=b64(data.getvalue())))
    assert cloud.invoke("folder", version="v1").result == "read"


def test_an_initializer_runs_once_before_the_first_request(cloud):
    cloud.create("init", "n = 0\ndef init(context):\n    global n\n    n += 1\n    print('initialised', context.getFunctionName())\n"
                 "def handler(event, context):\n    return n\n",
                 initializer_handler="index.init", initializer_timeout=5)
    first, answer = cloud.run("init")
    assert "initialised init" in answer.log
    second, _ = cloud.run("init")
    assert (first, second) == (1, 1)


def test_an_initializer_that_fails_is_the_answer(cloud):
    cloud.create("badinit", "def init(context):\n    raise RuntimeError('no database')\n"
                 "def handler(event, context):\n    return 1\n",
                 initializer_handler="index.init", initializer_timeout=5)
    result, answer = cloud.run("badinit")
    assert "no database" in json.dumps(result) and answer.status == 500
    assert cloud.headers["X-Is-Func-Err"] == "true"


def test_log_lines_are_framed_and_carry_the_request_id(cloud):
    cloud.create("logs", """
import logging, sys, threading

def handler(event, context):
    context.getLogger().info("from the logger %d", 1)
    context.getLogger().error("from the logger too")
    print("printed é")
    print("to stderr", file=sys.stderr)
    t = threading.Thread(target=lambda: print("from a thread"))
    t.start()
    t.join()
    return "x"
""")
    answer = cloud.invoke("logs", version="v1", tail=True)
    log, rid = answer.log, answer.request_id
    assert cloud.log() in log
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
    assert re.search(rf"^{stamp}(\.\d+)?Z Start invoke request '{rid}', version: latest$", log, re.M), log
    assert re.search(rf"^{stamp}(\.\d+)?Z Finish invoke request '{rid}', duration: [\d.]+ms, "
                     r"billing duration: \d+ms, memory used: [\d.]+MB, billing memory: 128MB", log, re.M), log
    assert re.search(rf"^{stamp}\.\d\d\dZ {rid} \[INFO\] from the logger 1$", log, re.M), log
    assert re.search(rf"^{stamp}\.\d\d\dZ {rid} \[ERROR\] from the logger too$", log, re.M), log
    for line in ("printed é", "to stderr", "from a thread"):
        assert re.search(rf"^{line}$", log, re.M), log
    assert log.index("Start invoke") < log.index("printed") < log.index("Finish invoke")


def test_the_log_header_holds_the_last_2000_bytes_in_whole_characters(cloud):
    cloud.create("longlog", "def handler(event, context):\n    for i in range(200):\n        print('日本', i)\n")
    answer = cloud.invoke("longlog", version="v1", tail=True)
    header = base64.b64decode(cloud.headers["X-Cff-Function-Log"])
    assert 1997 <= len(header) <= 2000
    assert answer.log.endswith(header.decode())
    assert 2000 < len(answer.log.encode()) <= 4096


def test_a_second_run_has_its_own_log(cloud):
    cloud.create("twologs", "def handler(event, context):\n    print('line', event['n'])\n")
    cloud.invoke("twologs", {"n": 1}, "v1", tail=True)
    answer = cloud.invoke("twologs", {"n": 2}, "v1", tail=True)
    assert "line 2" in answer.log and "line 1" not in answer.log


@pytest.mark.parametrize("source,kind,message", [
    ("def handler(event, context):\n    raise ValueError('broken: %s' % event['k'])\n", "ValueError", "broken: v"),
    ("def handler(event, context):\n    return 1 / 0\n", "ZeroDivisionError", "division by zero"),
    ("def handler(event, context):\n    return object()\n", None, "object"),
    ("import nothing_like_it\ndef handler(event, context):\n    pass\n", None, "nothing_like_it"),
    ("def handler(event, context)\n    pass\n", None, "index"),
    ("def other(event, context):\n    pass\n", None, "handler"),
])
def test_errors_of_functions_are_answers(cloud, source, kind, message):
    cloud.create("fails", source)
    result, answer = cloud.run("fails", {"k": "v"})
    assert cloud.response.status_code == 200 and answer.status == 500
    assert cloud.headers["X-Is-Func-Err"] == "true" and cloud.headers["X-Func-Err-Code"] == "500"
    assert message in result["errorMessage"], result
    assert kind is None or result["errorType"] == kind
    cloud.invoke("fails", {"k": "v"})
    assert cloud.response.status_code == 200
    assert cloud.response.json()["errorMessage"] == result["errorMessage"]
    assert cloud.headers["X-Is-Func-Err"] == "true"


def test_an_error_shows_the_users_lines(cloud):
    cloud.create("trace", "def inner():\n    raise KeyError('deep')\n\ndef handler(event, context):\n    inner()\n")
    result, answer = cloud.run("trace")
    assert result["errorType"] == "KeyError"
    text = json.dumps(result["stackTrace"])
    assert "inner" in text and "index.py" in text and "bootstrap" not in text
    assert f"Finish invoke request '{answer.request_id}'(invoke Failed)" in answer.log


def test_a_timeout_ends_the_run_and_the_next_one_works(cloud):
    cloud.create("slow", "import time\ndef handler(event, context):\n    if event.get('sleep'):\n        time.sleep(60)\n"
                 "    return 'awake'\n", timeout=3)
    before = datetime.datetime.now()
    result, answer = cloud.run("slow", {"sleep": True})
    took = (datetime.datetime.now() - before).total_seconds()
    assert 2.9 < took < 15
    assert answer.status == 408 and cloud.headers["X-Func-Err-Code"] == "408"
    assert "timed out" in result["errorMessage"]
    assert json.loads(cloud.headers["X-Cff-Invoke-Summary"])["duration"] >= 2900
    assert cloud.invoke("slow", {"k": 1}, "v1").result == "awake"


@pytest.mark.parametrize("source", [
    "import os\ndef handler(event, context):\n    os._exit(3)\n",
    "import os, signal\ndef handler(event, context):\n    os.kill(os.getpid(), signal.SIGKILL)\n",
])
def test_a_process_that_ends_is_the_answer(cloud, source):
    cloud.create("exits", source)
    result, answer = cloud.run("exits")
    assert answer.status == 502 and cloud.headers["X-Is-Func-Err"] == "true"
    assert result["errorMessage"]


def test_an_answer_over_6_mib_is_refused_as_the_functions(cloud):
    cloud.create("bigout", "def handler(event, context):\n    return 'x' * event['n']\n")
    cloud.invoke("bigout", {"n": 6 * 1024 * 1024})
    assert len(cloud.response.content) == 6 * 1024 * 1024
    cloud.invoke("bigout", {"n": 6 * 1024 * 1024 + 1})
    assert cloud.headers["X-Func-Err-Code"] == "507" and cloud.headers["X-Is-Func-Err"] == "true"


def test_a_runtime_nobody_can_run_is_created_and_says_so(cloud):
    cloud.create("javafn", code_type="zip", runtime="Java17", handler="com.example.Hello.run",
                 func_code=FuncCode(file=b64(zip_of(index="x"))))
    e = refused(lambda: cloud.invoke("javafn"), 424, "FSS.0424")
    assert "Java17" in e.error_msg


def test_a_disabled_function_is_not_run(cloud):
    cloud.create("disabled")
    cloud.client.update_function_config(UpdateFunctionConfigRequest(
        function_urn=cloud.urn("disabled"), body=UpdateFunctionConfigRequestBody(
            func_name="disabled", runtime="Python3.9", timeout=3, handler="index.handler", memory_size=128,
            strategy_config={"concurrency": 0, "concurrent_num": 1})))
    refused(lambda: cloud.invoke("disabled"), 400, "FSS.1026")


def test_many_at_once_each_get_their_own_answer(cloud, evoke_shared):
    cloud.create("many", "def handler(event, context):\n    return event['n']\n")

    def one(n):
        return Cloud(evoke_shared).invoke("many", {"n": n}, "v1").result

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(40))) == [str(n) for n in range(40)]


def test_a_warm_instance_keeps_its_state(cloud):
    cloud.create("warm", "n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return n\n")
    assert [cloud.run("warm")[0] for _ in range(3)] == [1, 2, 3]


# -- a restart -------------------------------------------------------------------------------------------


def test_functions_survive_a_restart(evoke):
    Cloud(evoke).create("lasting")
    evoke.stop()
    evoke.start()
    cloud = Cloud(evoke)
    assert cloud.run("lasting", {"k": 1})[0] == {"got": {"k": 1}}
    cloud.delete("lasting")


# -- under strain ----------------------------------------------------------------------------------------


def test_of_two_writers_one_is_told(cloud, evoke_shared):
    """Code and configuration change at the same moment: nothing is lost silently."""
    cloud.create("raced")

    def config(n):
        return Cloud(evoke_shared).client.update_function_config(UpdateFunctionConfigRequest(
            function_urn=cloud.urn("raced"), body=UpdateFunctionConfigRequestBody(
                func_name="raced", runtime="Python3.9", timeout=3 + n, handler="index.handler", memory_size=128)))

    def code(n):
        return Cloud(evoke_shared).client.update_function_code(UpdateFunctionCodeRequest(
            function_urn=cloud.urn("raced"), body=UpdateFunctionCodeRequestBody(
                code_type="inline", func_code=FuncCode(file=b64(f"def handler(event, context):\n    return {n}\n")))))

    def outcome(call, n):
        try:
            return call(n).last_modified and 200
        except ClientRequestException as e:
            return (e.status_code, e.error_code)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [(call, n, pool.submit(outcome, call, n)) for n in range(20) for call in (config, code)]
    outcomes = [f.result() for _, _, f in asked]
    assert set(outcomes) <= {200, (409, "FSS.0409")}, outcomes
    assert 200 in outcomes
    written = [n for call, n, f in asked if call is code and f.result() == 200]
    assert cloud.run("raced")[0] in (written or [{"got": {}}])


def test_of_many_creators_one_wins(evoke_shared, cloud):
    def make(_):
        try:
            return Cloud(evoke_shared).create("contended").func_name
        except ClientRequestException as e:
            return e.error_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(make, range(8)))
    cloud.names.append(("contended", "default"))
    assert outcomes == ["FSS.1061"] * 7 + ["contended"]


def test_packages_end_at_50_mib(cloud):
    """A stored zip of exactly the limit, and of one byte more."""
    limit, name = 50 * 1024 * 1024, "index.py"

    def package(total):
        for_data = total - len(stored(b""))
        return stored(HELLO.encode() + b"#" * (for_data - len(HELLO)))

    def stored(data):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
            z.writestr(zipfile.ZipInfo(name), data)
        return out.getvalue()

    most = package(limit)
    assert len(most) == limit
    f = cloud.create("fifty", code_type="zip", code_filename="index.zip", func_code=FuncCode(file=b64(most)))
    assert f.code_size == limit
    refused(lambda: cloud.create("fiftyone", code_type="zip", func_code=FuncCode(file=b64(package(limit + 1)))), 413,
            "FSS.1071")


def test_a_body_far_too_large_is_refused_at_its_head(evoke_shared, cloud):
    """No byte of the body is sent: the answer comes all the same, in the cloud's words."""
    import http.client
    from huaweicloudsdkcore.sdk_request import SdkRequest
    from huaweicloudsdkcore.signer.signer import Signer
    path = f"/v2/{PROJECT}/fgs/functions"
    request = SdkRequest(method="POST", schema="http", host=f"{evoke_shared.host}:{evoke_shared.port}",
                         resource_path=path, query_params=[], header_params={"Content-Type": "application/json"},
                         body="{}", stream=False, signing_algorithm=None)
    signed = Signer(BasicCredentials(evoke_shared.access_key, evoke_shared.secret_key, PROJECT)).sign(request)
    connection = http.client.HTTPConnection(evoke_shared.host, evoke_shared.port, timeout=30)
    connection.putrequest("POST", path, skip_host=True, skip_accept_encoding=True)
    headers = {k: v for k, v in signed.header_params.items() if k.lower() not in ("host", "content-length")}
    for k, v in {"Host": request.host, "Content-Length": str(100 * 1024 * 1024), **headers}.items():
        connection.putheader(k, v)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413 and json.loads(answer.read())["error_code"] == "FSS.1071"
    connection.close()


def test_a_caller_that_leaves_does_not_disturb_the_run(evoke_shared, cloud):
    import requests
    cloud.create("left", "import time\nn = 0\ndef handler(event, context):\n    global n\n"
                 "    if event.get('slow'):\n        time.sleep(2)\n    n += 1\n    return n\n", timeout=10)
    cloud.client.update_function_config(UpdateFunctionConfigRequest(
        function_urn=cloud.urn("left"), body=UpdateFunctionConfigRequestBody(
            func_name="left", runtime="Python3.9", timeout=10, handler="index.handler", memory_size=128,
            strategy_config={"concurrency": 1, "concurrent_num": 1})))
    assert cloud.run("left")[0] == 1
    with pytest.raises(requests.exceptions.ReadTimeout):
        raw_invoke(evoke_shared, cloud, "left", '{"slow": true}', timeout=0.5)
    # one instance at most: this request waits for the run nobody waits for, which ended as it should
    assert cloud.run("left")[0] == 3
