# SPDX-License-Identifier: Apache-2.0
"""FunctionGraph through its official Python SDK: functions and their invocation."""
import base64
import hashlib
import io
import json
import re
import zipfile

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.http.http_handler import HttpHandler
from huaweicloudsdkfunctiongraph.v2 import (
    CreateWorkflowRequest, DeleteFunctionRequest, FuncCode, FunctionGraphClient, ListFunctionsRequest, ListWorkflowRequest,
    ListStatisticsRequest, ShowFunctionCodeRequest, ShowFunctionConfigRequest, UpdateFunctionCodeRequest,
    UpdateFunctionCodeRequestBody, UpdateFunctionConfigRequest, UpdateFunctionConfigRequestBody, WorkflowCreateBody)

from fgcloud import Cloud, HELLO, PROJECT, UUID, b64, raw_invoke, refused, zip_of


# -- functions --------------------------------------------------------------------------------------


def test_create_returns_the_whole_object(cloud):
    f = cloud.create("whole", description="d é", user_data='{"K":"V"}', initializer_handler="index.init",
                     initializer_timeout=5, xrole="agency", memory_size=256, timeout=30)
    assert cloud.response.status_code == 200
    assert f.func_urn == cloud.urn("whole", ":latest")
    assert f.func_name == "whole" and f.package == "default" and f.runtime == "Python3.9"
    assert (f.timeout, f.memory_size, f.cpu) == (30, 256, 400)
    assert f.namespace == PROJECT and f.project_name == "local-1"
    assert f.version == "latest" and f.image_name.startswith("latest-")
    assert f.description == "d é" and json.loads(f.user_data) == {"K": "V"}
    assert (f.initializer_handler, f.initializer_timeout) == ("index.init", 5)
    assert f.code_type == "inline" and f.code_filename == "index.py"
    assert f.code_size == len(HELLO) and f.digest == hashlib.sha512(HELLO.encode()).hexdigest()
    assert f.strategy_config.concurrency == 400 and f.strategy_config.concurrent_num == 1
    assert f.xrole == "agency" and f.type == "v2" and f.enterprise_project_id == "0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\+00:00)?", str(f.last_modified))  # a datetime where dateutil is installed
    assert re.fullmatch(UUID, cloud.headers["X-Request-Id"])


@pytest.mark.parametrize("secret,status", [(None, 200), ("wrong", 401)])
def test_a_client_that_derives_its_key_is_known_too(evoke_shared, secret, status):
    """The SDK's V11-HMAC-SHA256, which a program opts in to."""
    sent = []
    credentials = (BasicCredentials(evoke_shared.access_key, secret or evoke_shared.secret_key, PROJECT)
                   .with_derived_predicate(lambda request: True))
    credentials._process_derived_auth_params("functiongraph", "local-1")  # what .with_region() would set
    handler = HttpHandler().add_response_handler(lambda **kw: sent.append(kw["response"].request.headers))
    client = (FunctionGraphClient.new_builder().with_credentials(credentials).with_http_handler(handler)
              .with_http_config(HttpConfig(retry_times=0)).with_endpoint(evoke_shared.url).build())
    if status == 200:
        assert client.list_functions(ListFunctionsRequest(maxitems="1")).count >= 0
    else:
        with pytest.raises(ClientRequestException) as refused:
            client.list_functions(ListFunctionsRequest(maxitems="1"))
        assert refused.value.status_code == 401
    assert sent and all(h["Authorization"].startswith("V11-HMAC-SHA256 ") for h in sent)


def test_create_twice_is_a_conflict(cloud):
    cloud.create("twice")
    e = refused(lambda: cloud.create("twice"), 409, "FSS.1061")
    assert e.error_msg == "The function has existed"


def test_the_same_name_in_another_package_is_another_function(cloud):
    cloud.create("same", "def handler(event, context):\n    return 'one'\n")
    cloud.create("same", "def handler(event, context):\n    return 'two'\n", package="other")
    assert cloud.invoke("same", version="v1").result == "one"
    assert cloud.invoke(cloud.urn("same", package="other"), version="v1").result == "two"


def test_show_config_gives_what_create_gave(cloud):
    made = cloud.create("shown", description="d")
    shown = cloud.client.show_function_config(ShowFunctionConfigRequest(function_urn=cloud.urn("shown")))
    for field in ("func_urn", "func_name", "runtime", "handler", "timeout", "memory_size", "digest", "description",
                  "last_modified", "code_size", "image_name"):
        assert getattr(shown, field) == getattr(made, field), field


@pytest.mark.parametrize("urn", ["short", "short:latest", "default:short:latest", "function:default:short:latest"])
def test_short_urns_mean_the_function(cloud, urn):
    cloud.create("short")
    shown = cloud.client.show_function_config(ShowFunctionConfigRequest(function_urn=urn))
    assert shown.func_urn == cloud.urn("short", ":latest")


def test_list_pages_and_filters(cloud):
    names = ["page-a", "page-b", "page-c"]
    for name in names:
        cloud.create(name)
    cloud.create("page-d", package="elsewhere")
    listed = cloud.client.list_functions(ListFunctionsRequest(func_name="page-", package_name="default"))
    assert [f.func_name for f in listed.functions] == names and listed.count == 3
    seen, marker = [], 0
    while True:
        part = cloud.client.list_functions(ListFunctionsRequest(
            marker=str(marker), maxitems="2", func_name="page-"))
        assert part.count == 4
        if not part.functions:
            break
        assert len(part.functions) <= 2
        seen += [f.func_name for f in part.functions]
        marker = part.next_marker
    assert seen == [*names, "page-d"]
    refused(lambda: cloud.client.list_functions(ListFunctionsRequest(maxitems="-1")), 400, "FSS.0400")


def test_update_config_changes_what_it_names(cloud):
    cloud.create("changed", description="before", user_data='{"A":"1"}')
    changed = cloud.client.update_function_config(UpdateFunctionConfigRequest(
        function_urn=cloud.urn("changed"), body=UpdateFunctionConfigRequestBody(
            func_name="changed", runtime="Python3.9", timeout=20, handler="index.handler", memory_size=512)))
    assert (changed.timeout, changed.memory_size, changed.description) == (20, 512, "before")
    assert json.loads(changed.user_data) == {"A": "1"}

    def other_runtime():
        cloud.client.update_function_config(UpdateFunctionConfigRequest(
            function_urn=cloud.urn("changed"), body=UpdateFunctionConfigRequestBody(
                func_name="changed", runtime="Python3.6", timeout=20, handler="index.handler", memory_size=512)))
    refused(other_runtime, 400, "FSS.1005")


def test_update_config_is_seen_by_the_next_invocation(cloud):
    source = "def handler(event, context):\n    return context.getUserData('A'), context.getMemorySize()\n"
    cloud.create("reread", source, user_data='{"A":"1"}')
    before, _ = cloud.run("reread")
    cloud.client.update_function_config(UpdateFunctionConfigRequest(
        function_urn=cloud.urn("reread"), body=UpdateFunctionConfigRequestBody(
            func_name="reread", runtime="Python3.9", timeout=20, handler="index.handler", memory_size=256,
            user_data='{"A":"2"}')))
    after, _ = cloud.run("reread")
    assert before[0] == "1" and after[0] == "2" and [int(before[1]), int(after[1])] == [128, 256]


def test_show_code_gives_inline_source_back(cloud):
    cloud.create("source")
    code = cloud.client.show_function_code(ShowFunctionCodeRequest(function_urn=cloud.urn("source")))
    assert base64.b64decode(code.func_code.file).decode() == HELLO
    assert code.code_type == "inline" and code.digest == hashlib.sha512(HELLO.encode()).hexdigest()


def test_show_code_gives_a_zip_back_byte_by_byte(cloud):
    data = zip_of(index=HELLO)
    made = cloud.create("zipped", code_type="zip", code_filename="index.zip", func_code=FuncCode(file=b64(data)))
    assert made.code_size == len(data) and made.digest == hashlib.sha512(data).hexdigest()
    code = cloud.client.show_function_code(ShowFunctionCodeRequest(function_urn=cloud.urn("zipped")))
    assert base64.b64decode(code.func_code.file) == data


def test_a_zip_called_inline_is_a_zip(cloud):
    data = zip_of(index="import other\ndef handler(event, context):\n    return other.X\n", other="X = 7\n")
    cloud.create("pkinline", func_code=FuncCode(file=b64(data)))
    assert cloud.run("pkinline")[0] == 7


def test_update_code_is_seen_by_the_next_invocation(cloud):
    cloud.create("newcode", "def handler(event, context):\n    return 1\n")
    assert cloud.run("newcode")[0] == 1
    data = zip_of(index="def handler(event, context):\n    return 2\n")
    updated = cloud.client.update_function_code(UpdateFunctionCodeRequest(
        function_urn=cloud.urn("newcode"), body=UpdateFunctionCodeRequestBody(
            code_type="zip", code_filename="index.zip", func_code=FuncCode(file=b64(data)))))
    assert updated.code_type == "zip" and updated.digest == hashlib.sha512(data).hexdigest()
    assert cloud.run("newcode")[0] == 2


def test_no_code_gives_an_example_that_runs(cloud):
    cloud.create("example", None)
    result, answer = cloud.run("example", {"k": "v"})
    assert answer.status == 200 and "hello" in json.dumps(result)


def test_delete_is_204_and_final(cloud):
    cloud.create("gone")
    e = refused(lambda: cloud.client.delete_function(DeleteFunctionRequest(function_urn=cloud.urn("gone", ":latest"))),
                400, "FSS.1015")
    assert "latest" in e.error_msg
    cloud.delete("gone")
    assert cloud.response.status_code == 204 and cloud.response.content == b""
    assert "Content-Type" not in cloud.headers
    e = refused(lambda: cloud.delete("gone"), 404, "FSS.1051")
    assert e.error_msg == "Not found the function"
    refused(lambda: cloud.invoke("gone"), 404, "FSS.1051")


@pytest.mark.parametrize("over,code,status", [
    ({"func_name": "9a"}, "FSS.1002", 400),
    ({"func_name": "a" * 61}, "FSS.1002", 400),
    ({"package": "_"}, "FSS.1004", 400),
    ({"runtime": "Python1.0"}, "FSS.1005", 400),
    ({"timeout": 2}, "FSS.1008", 400),
    ({"timeout": 259201}, "FSS.1008", 400),
    ({"handler": "ab"}, "FSS.1003", 400),
    ({"handler": "index." + "h" * 123}, "FSS.1003", 400),
    ({"memory_size": 129}, "FSS.1007", 400),
    ({"user_data": "[]"}, "FSS.1009", 400),
    ({"user_data": json.dumps({f"k{i}": "" for i in range(21)})}, "FSS.1017", 400),
    ({"user_data": json.dumps({"k": "x" * 4096})}, "FSS.1018", 400),
    ({"description": "d" * 513}, "FSS.1019", 400),
    ({"initializer_handler": "index.init", "initializer_timeout": 301}, "FSS.1405", 400),
    ({"code_type": "obs", "code_url": "https://example.com/x.zip"}, "FSS.1010", 400),
    ({"func_code": FuncCode(file="!")}, "FSS.1011", 400),
    ({"func_code": FuncCode(file=b64("#" * 10241))}, "FSS.1072", 413),
    ({"code_type": "zip", "func_code": FuncCode(file=b64("PK\x03\x04 but no zip"))}, "FSS.1011", 400),
])
def test_create_refuses_with_the_clouds_code(cloud, over, code, status):
    refused(lambda: cloud.create(over.pop("func_name", "wrong"), **over), status, code)


def test_limits_themselves_are_allowed(cloud):
    name = "a" * 60
    source = HELLO + "#" * (10240 - len(HELLO))
    f = cloud.create(name, source, timeout=259200, memory_size=10240, handler="index." + "h" * 122,
                     description="d" * 512)
    assert (f.func_name, f.timeout, f.memory_size, f.code_size) == (name, 259200, 10240, 10240)


def test_a_zip_that_leaves_its_directory_is_refused(cloud):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("../outside.py", "x = 1\n")
    refused(lambda: cloud.create("escape", code_type="zip", func_code=FuncCode(file=b64(out.getvalue()))), 400,
            "FSS.1011")


@pytest.mark.parametrize("urn,status,code", [
    ("nobody", 404, "FSS.1051"),
    ("urn:fss:local-1:" + "f" * 32 + ":function:default:known", 400, "FSS.1309"),
    ("a:b:c:d:e", 400, "FSS.1309"),
    ("known:v1", 404, "FSS.1052"),
    ("known:!prod", 404, "FSS.1053"),
])
def test_urns_that_name_nothing_say_why(cloud, urn, status, code):
    cloud.create("known")
    refused(lambda: cloud.client.show_function_config(ShowFunctionConfigRequest(function_urn=urn)), status, code)


def test_what_there_is_not_is_refused_by_name(cloud):
    e = refused(lambda: cloud.client.create_workflow(CreateWorkflowRequest(body=WorkflowCreateBody(
        name="w", start="a", constants={}, functions=[], states=[], retries=[]))), 400, "FSS.0400")
    assert e.error_msg == "CreateWorkflow is not supported here"
    assert cloud.client.list_workflow(ListWorkflowRequest()).total == 0
    assert len(cloud.client.list_statistics(ListStatisticsRequest(filter="monitor_data", period="60")).statistics.count) == 60


# -- who may call -------------------------------------------------------------------------------------


def test_a_wrong_secret_is_401(evoke_shared):
    e = refused(lambda: Cloud(evoke_shared, secret_key="wrong").client.list_functions(ListFunctionsRequest()), 401,
                "APIGW.0301")
    assert "verify aksk signature fail" in e.error_msg


def test_an_unknown_key_is_401(evoke_shared):
    e = refused(lambda: Cloud(evoke_shared, access_key="NOBODY").client.list_functions(ListFunctionsRequest()), 401,
                "APIGW.0301")
    assert e.error_msg.startswith("Incorrect IAM authentication information")


def test_no_signature_is_401_with_the_request_id_in_the_body(evoke_shared):
    r = evoke_shared.get(f"/v2/{PROJECT}/fgs/functions")
    assert r.status_code == 401
    assert r.json()["request_id"] == r.headers["X-Request-Id"]
    assert r.json()["error_code"] == "APIGW.0301"


# -- invocation ---------------------------------------------------------------------------------------


def test_v0_answers_with_the_result_itself(cloud):
    cloud.create("plain")
    cloud.invoke("plain", {"k": "v é"})
    r = cloud.response
    assert r.status_code == 200 and r.json() == {"got": {"k": "v é"}}
    assert r.headers["Content-Type"] == "application/json"
    assert r.headers["X-Cff-Response-Version"] == "v0"
    assert r.headers["X-Is-Func-Err"] == "false" and r.headers["X-Func-Err-Code"] == "0"
    assert "X-Cff-Function-Log" not in r.headers
    assert re.fullmatch(UUID, r.headers["X-Cff-Request-Id"])
    assert r.headers["X-Cff-Request-Id"] == r.headers["X-Request-Id"]
    summary = json.loads(r.headers["X-Cff-Invoke-Summary"])
    assert set(summary) == {"duration", "billingDuration", "memorySize", "memoryUsed"}
    assert summary["memorySize"] == 128 and summary["duration"] > 0
    assert int(r.headers["X-CFF-Billing-Duration"]) == summary["billingDuration"] >= summary["duration"]


def test_v1_answers_with_an_envelope(cloud):
    cloud.create("wrapped")
    answer = cloud.invoke("wrapped", {"k": "v é"}, version="v1")
    assert json.loads(answer.result) == {"got": {"k": "v é"}}
    assert answer.status == 200 and answer.log in ("", None)
    assert answer.request_id == answer.x_cff_request_id == cloud.headers["X-Request-Id"]
    assert cloud.headers["X-Cff-Response-Version"] == "v1"
    assert set(cloud.response.json()) == {"request_id", "result", "log", "status"}


@pytest.mark.parametrize("value,body,content_type", [
    ("None", b"", None),
    ("'text'", b"text", "text/plain; charset=utf-8"),
    ("'{\"a\": 1}'", b'{"a": 1}', "application/json"),
    ("b'\\xff\\x00'", b"\xff\x00", "application/octet-stream"),
    ("[1, 'é']", None, "application/json"),
    ("7", b"7", "application/json"),
    ("True", b"true", "application/json"),
])
def test_return_values_become_bodies(cloud, value, body, content_type):
    cloud.create("returns", f"# -*- coding: utf-8 -*-\ndef handler(event, context):\n    return {value}\n")
    cloud.invoke("returns")
    if body is None:
        assert cloud.response.json() == [1, "é"]
    else:
        assert cloud.response.content == body
    assert cloud.headers.get("Content-Type") == content_type


@pytest.mark.parametrize("event", [{}, [], [1, {"a": None}], "text", 0, True, None, {"é": "日本"}])
def test_every_kind_of_json_is_an_event(cloud, evoke_shared, event):
    cloud.create("anyjson", "def handler(event, context):\n    return {'e': event}\n")
    # the SDK leaves out a body it holds for empty, so the bytes are sent through its signer
    assert raw_invoke(evoke_shared, cloud, "anyjson", json.dumps(event)).json() == {"e": event}


def test_an_empty_body_is_an_empty_event(cloud, evoke_shared):
    cloud.create("emptyevent", "def handler(event, context):\n    return {'e': event}\n")
    assert raw_invoke(evoke_shared, cloud, "emptyevent", "").json() == {"e": {}}


def test_an_event_that_is_not_json_is_refused(cloud, evoke_shared):
    cloud.create("notjson")
    r = raw_invoke(evoke_shared, cloud, "notjson", "{oops")
    assert r.status_code == 400 and r.json()["error_code"] == "FSS.0400"


def test_events_end_at_6_mib(cloud, evoke_shared):
    cloud.create("large", "def handler(event, context):\n    return len(event)\n")
    most = 6 * 1024 * 1024
    assert raw_invoke(evoke_shared, cloud, "large", '"' + "x" * (most - 2) + '"').text == str(most - 2)
    r = raw_invoke(evoke_shared, cloud, "large", '"' + "x" * (most - 1) + '"')
    assert r.status_code == 413 and r.json()["error_code"] == "FSS.1201"


def test_unknown_formats_are_refused(cloud, evoke_shared):
    cloud.create("formats")
    r = raw_invoke(evoke_shared, cloud, "formats", "{}", {"X-CFF-Request-Version": "v2"})
    assert r.status_code == 400 and r.json()["error_code"] == "FSS.0400"
    r = raw_invoke(evoke_shared, cloud, "formats", "{}", {"X-Cff-Instance-Memory": "129"})
    assert r.status_code == 406 and r.json()["error_code"] == "FSS.0406"
