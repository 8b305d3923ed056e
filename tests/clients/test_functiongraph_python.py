# SPDX-License-Identifier: Apache-2.0
"""The official Python SDK of FunctionGraph, unmodified, against a daemon of our own.

What the SDK hides (headers, bodies as they came) is seen through its own hook for responses.
"""
import base64
import concurrent.futures
import datetime
import hashlib
import io
import json
import re
import zipfile

import pytest

pytest.importorskip("huaweicloudsdkfunctiongraph")

from huaweicloudsdkcore.auth.credentials import BasicCredentials  # noqa: E402
from huaweicloudsdkcore.exceptions.exceptions import (  # noqa: E402
    ClientRequestException, ServerResponseException)
from huaweicloudsdkcore.http.http_config import HttpConfig  # noqa: E402
from huaweicloudsdkcore.http.http_handler import HttpHandler  # noqa: E402
from huaweicloudsdkfunctiongraph.v2 import (  # noqa: E402
    AsyncInvokeFunctionRequest, CreateFunctionRequest, CreateFunctionRequestBody, DeleteFunctionRequest,
    FuncCode, FunctionGraphClient, InvokeFunctionRequest, ListFunctionsRequest, ListStatisticsRequest,
    ShowFunctionCodeRequest, ShowFunctionConfigRequest, UpdateFunctionCodeRequest,
    UpdateFunctionCodeRequestBody, UpdateFunctionConfigRequest, UpdateFunctionConfigRequestBody)

PROJECT = "0123456789abcdef0123456789abcdef"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
HELLO = "def handler(event, context):\n    return {'got': event}\n"


def b64(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def zip_of(**modules):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in modules.items():
            z.writestr(name + ".py", text)
    return out.getvalue()


class Cloud:
    """A client, the last response as it came over the wire, and the functions to clean up."""

    def __init__(self, daemon, access_key=None, secret_key=None, project=PROJECT):
        self.daemon, self.project = daemon, project
        credentials = BasicCredentials(access_key or daemon.access_key, secret_key or daemon.secret_key, project)
        self.client = (FunctionGraphClient.new_builder().with_credentials(credentials)
                       .with_http_config(HttpConfig(timeout=(10, 120), retry_times=0)).with_endpoint(daemon.url)
                       .with_http_handler(HttpHandler().add_response_handler(self._keep)).build())
        self.response = None
        self.names = []

    def _keep(self, **kw):
        self.response = kw["response"]

    @property
    def headers(self):
        return self.response.headers

    def urn(self, name, tail="", package="default"):
        return f"urn:fss:local-1:{self.project}:function:{package}:{name}{tail}"

    def create(self, name, source=HELLO, **over):
        fields = {"func_name": name, "package": "default", "runtime": "Python3.9", "timeout": 10,
                  "handler": "index.handler", "memory_size": 128, "code_type": "inline",
                  "code_filename": "index.py", **over}
        if source is not None and "func_code" not in fields:
            fields["func_code"] = FuncCode(file=b64(source))
        made = self.client.create_function(CreateFunctionRequest(body=CreateFunctionRequestBody(**fields)))
        self.names.append((name, fields["package"]))
        return made

    def invoke(self, urn, event=None, version=None, tail=False):
        if ":" not in urn:
            urn = self.urn(urn)
        request = InvokeFunctionRequest(function_urn=urn, body={} if event is None else event)
        if version:
            request.x_cff_request_version = version
        if tail:
            request.x_cff_log_type = "tail"
        return self.client.invoke_function(request)

    def run(self, name, event=None):
        """v1 envelope with the log: what most tests look at."""
        answer = self.invoke(name, event, "v1", tail=True)
        return json.loads(answer.result) if answer.result else None, answer

    def log(self):
        return base64.b64decode(self.headers["X-Cff-Function-Log"]).decode()

    def delete(self, name, package="default"):
        self.client.delete_function(DeleteFunctionRequest(function_urn=self.urn(name, package=package)))

    def clean(self):
        for name, package in self.names:
            try:
                self.delete(name, package)
            except ClientRequestException as e:
                assert e.error_code == "FSS.1051", e


@pytest.fixture
def cloud(evoke_shared):
    c = Cloud(evoke_shared)
    yield c
    c.clean()


def refused(call, status, code):
    with pytest.raises((ClientRequestException, ServerResponseException)) as caught:
        call()
    e = caught.value
    assert (e.status_code, e.error_code) == (status, code), e
    assert e.error_msg
    assert re.fullmatch(UUID, e.request_id), "X-Request-Id is missing"
    return e


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
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", str(f.last_modified))
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
    ({"code_type": "obs", "code_url": "https://example.com/x.zip"}, "FSS.1006", 400),
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


def test_other_operations_are_unknown_to_the_front_door(cloud):
    e = refused(lambda: cloud.client.list_statistics(ListStatisticsRequest(filter="monitor_data", period="60")), 404,
                "APIGW.0101")
    assert e.error_msg


def test_asynchronous_invocation_says_it_is_not_there_yet(cloud):
    cloud.create("later")
    refused(lambda: cloud.client.async_invoke_function(AsyncInvokeFunctionRequest(
        function_urn=cloud.urn("later"), body={})), 501, "FSS.0501")


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


def raw_invoke(daemon, cloud, name, body, headers=None, timeout=60):
    """One signed request with exactly these bytes, by the SDK's own signer."""
    import requests
    from huaweicloudsdkcore.sdk_request import SdkRequest
    from huaweicloudsdkcore.signer.signer import Signer
    path = f"/v2/{PROJECT}/fgs/functions/{cloud.urn(name)}/invocations"
    request = SdkRequest(method="POST", schema="http", host=f"{daemon.host}:{daemon.port}", resource_path=path,
                         query_params=[], header_params={"Content-Type": "application/json", **(headers or {})},
                         body=body, stream=False, signing_algorithm=None)
    signed = Signer(BasicCredentials(daemon.access_key, daemon.secret_key, PROJECT)).sign(request)
    return requests.post(daemon.url + path, data=body.encode(), headers=signed.header_params, timeout=timeout)


def test_unknown_formats_are_refused(cloud, evoke_shared):
    cloud.create("formats")
    r = raw_invoke(evoke_shared, cloud, "formats", "{}", {"X-CFF-Request-Version": "v2"})
    assert r.status_code == 400 and r.json()["error_code"] == "FSS.0400"
    r = raw_invoke(evoke_shared, cloud, "formats", "{}", {"X-Cff-Instance-Memory": "129"})
    assert r.status_code == 406 and r.json()["error_code"] == "FSS.0406"


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
        outcomes = [f.result() for f in [pool.submit(outcome, call, n) for n in range(20) for call in (config, code)]]
    assert set(outcomes) <= {200, (409, "FSS.0409")}, outcomes
    assert 200 in outcomes
    assert cloud.run("raced")[0] in range(20)


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
