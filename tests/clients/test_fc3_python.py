# SPDX-License-Identifier: Apache-2.0
"""Function Compute 3.0 (2023-03-30) by the vendor's Python SDK (alibabacloud-fc20230330), unmodified: a whole life."""
import base64
import hashlib
import io
import json
import time
import uuid
import zipfile

import pytest
import requests
from alibabacloud_fc20230330 import models as m
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi import models as open_api
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest
from darabonba.runtime import RuntimeOptions

from evoked import Evoked, deadline

CODE = """
import json
import time
def handler(event, context):
    print("heard", event.decode())
    if b"fail" in event:
        raise ValueError("as asked")
    return json.dumps({"event": event.decode(), "function": context.function.name, "version": VERSION})
"""


def package(version):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("index.py", f"VERSION = {version!r}\n{CODE}")
    return base64.b64encode(out.getvalue()).decode()


@pytest.fixture(scope="module")
def evoke():
    made = Evoked()
    yield made.start()
    made.end()


@pytest.fixture(scope="module")
def client(evoke):
    return Client(open_api.Config(access_key_id=evoke.access_key, access_key_secret=evoke.secret_key, protocol="http",
                                  endpoint=f"127.0.0.1:{evoke.port}", region_id="local-1"))


def create(client, name, **more):
    request = m.CreateFunctionInput(function_name=name, runtime="python3.10", handler="index.handler", memory_size=128, timeout=10,
                                    code=m.InputCodeLocation(zip_file=package("first")), **more)
    return client.create_function(m.CreateFunctionRequest(body=request)).body


def invoke(client, name, event, qualifier=None, **headers):
    answer = client.invoke_function_with_options(name, m.InvokeFunctionRequest(body=io.BytesIO(event), qualifier=qualifier),
                                                 m.InvokeFunctionHeaders(**headers), RuntimeOptions())
    return answer, answer.body.read() if hasattr(answer.body, "read") else answer.body


def refused(call):
    with pytest.raises(Exception) as caught:
        call()
    return caught.value.status_code, caught.value.code


def test_a_function_lives_and_dies(client):
    made = create(client, "life", description="d", environment_variables={"A": "1"}, role="acs:ram::1:role/r",
                  instance_lifecycle_config=m.InstanceLifecycleConfig(initializer=m.LifecycleHook(handler="", timeout=5)))
    assert made.function_name == "life" and made.state == "Active" and made.last_update_status == "Successful"
    assert made.function_arn == "acs:fc:local-1:local:functions/life" and made.internet_access and made.role.endswith("/r")
    assert int(made.code_checksum) > 0 and made.code_size > 0 and made.environment_variables == {"A": "1"}
    assert refused(lambda: create(client, "life")) == (409, "FunctionAlreadyExists")
    changed = client.update_function("life", m.UpdateFunctionRequest(body=m.UpdateFunctionInput(timeout=20, internet_access=False))).body
    assert changed.timeout == 20 and changed.memory_size == 128 and not changed.internet_access
    assert client.get_function("life", m.GetFunctionRequest()).body.timeout == 20
    assert [f.function_name for f in client.list_functions(m.ListFunctionsRequest(prefix="li")).body.functions] == ["life"]
    assert client.delete_function("life").status_code == 204
    assert refused(lambda: client.get_function("life", m.GetFunctionRequest())) == (404, "FunctionNotFound")


def test_it_runs_and_tells_how(client):
    create(client, "runs")
    answer, body = invoke(client, "runs", b"hello", x_fc_log_type="Tail")
    assert json.loads(body) == {"event": "hello", "function": "runs", "version": "first"}
    headers = {k.lower(): v for k, v in answer.headers.items()}
    assert b"heard hello" in base64.b64decode(headers["x-fc-log-result"])
    assert headers["x-fc-version-id"] == "LATEST" and "x-fc-error-type" not in headers and headers["x-fc-request-id"]
    answer, body = invoke(client, "runs", b"fail")
    assert {k.lower(): v for k, v in answer.headers.items()}["x-fc-error-type"] == "UnhandledInvocationError"
    assert json.loads(body)["errorMessage"] == "as asked"


def test_versions_and_aliases(client):
    create(client, "versions")
    one = client.publish_function_version("versions", m.PublishFunctionVersionRequest(body=m.PublishVersionInput(description="one"))).body
    assert one.version_id == "1" and one.description == "one"
    client.update_function("versions", m.UpdateFunctionRequest(body=m.UpdateFunctionInput(code=m.InputCodeLocation(zip_file=package("second")))))
    two = client.publish_function_version("versions", m.PublishFunctionVersionRequest(body=m.PublishVersionInput())).body
    assert two.version_id == "2"
    listed = client.list_function_versions("versions", m.ListFunctionVersionsRequest()).body
    assert [v.version_id for v in listed.versions] == ["2", "1"] and listed.direction == "BACKWARD"
    alias = client.create_alias("versions", m.CreateAliasRequest(body=m.CreateAliasInput(alias_name="prod", version_id="1"))).body
    assert alias.alias_name == "prod" and alias.version_id == "1"
    assert json.loads(invoke(client, "versions", b"x", "prod")[1])["version"] == "first"
    assert json.loads(invoke(client, "versions", b"x", "2")[1])["version"] == "second"
    client.update_alias("versions", "prod", m.UpdateAliasRequest(body=m.UpdateAliasInput(version_id="2", additional_version_weight={"1": 0.5})))
    seen = [json.loads(invoke(client, "versions", b"x", "prod")[1])["version"] for _ in range(8)]
    assert seen.count("first") == 4
    assert refused(lambda: client.delete_function_version("versions", "1"))[0] == 409
    assert [a.alias_name for a in client.list_aliases("versions", m.ListAliasesRequest()).body.aliases] == ["prod"]
    assert client.get_alias("versions", "prod").body.additional_version_weight == {"1": 0.5}
    assert client.delete_alias("versions", "prod").status_code == 204
    assert client.delete_function_version("versions", "2").status_code == 204
    client.update_function("versions", m.UpdateFunctionRequest(body=m.UpdateFunctionInput(description="new")))
    assert client.publish_function_version("versions", m.PublishFunctionVersionRequest(body=m.PublishVersionInput())).body.version_id == "3"


def test_triggers(client):
    create(client, "triggers")
    timer = client.create_trigger("triggers", m.CreateTriggerRequest(body=m.CreateTriggerInput(
        trigger_name="tick", trigger_type="timer", trigger_config=json.dumps({"cronExpression": "@every 5m", "enable": False, "payload": "p"})))).body
    assert json.loads(timer.trigger_config)["cronExpression"] == "@every 5m" and timer.qualifier == "LATEST"
    http = client.create_trigger("triggers", m.CreateTriggerRequest(body=m.CreateTriggerInput(
        trigger_name="web", trigger_type="http", trigger_config=json.dumps({"authType": "anonymous", "methods": ["GET"]})))).body
    assert http.http_trigger.url_internet.endswith("/triggers/")
    changed = client.update_trigger("triggers", "tick", m.UpdateTriggerRequest(body=m.UpdateTriggerInput(description="x"))).body
    assert changed.description == "x" and json.loads(changed.trigger_config)["payload"] == "p"
    assert [t.trigger_name for t in client.list_triggers("triggers", m.ListTriggersRequest()).body.triggers] == ["tick", "web"]
    assert client.get_trigger("triggers", "web").body.trigger_type == "http"
    assert refused(lambda: client.delete_function("triggers")) == (409, "FunctionNotEmpty")
    for name in "tick", "web":
        assert client.delete_trigger("triggers", name).status_code == 204
    assert refused(lambda: client.get_trigger("triggers", "web")) == (404, "TriggerNotFound")


def test_asynchronous_tasks(client):
    create(client, "tasks")
    config = client.put_async_invoke_config("tasks", m.PutAsyncInvokeConfigRequest(body=m.PutAsyncInvokeConfigInput(
        async_task=True, max_async_retry_attempts=0, max_async_event_age_in_seconds=60))).body
    assert config.async_task and config.max_async_retry_attempts == 0 and config.function_arn.endswith("functions/tasks")
    assert len(client.list_async_invoke_configs(m.ListAsyncInvokeConfigsRequest(function_name="tasks")).body.configs) == 1
    answer, _ = invoke(client, "tasks", b"later", x_fc_invocation_type="Async", x_fc_async_task_id="mine")
    assert answer.status_code == 202
    assert refused(lambda: invoke(client, "tasks", b"x", x_fc_invocation_type="Async", x_fc_async_task_id="mine"))[0] == 409
    for _ in deadline(30):
        task = client.get_async_task("tasks", "mine", m.GetAsyncTaskRequest()).body
        if task.status == "Succeeded":
            break
    assert task.status == "Succeeded" and task.task_payload == "later" and task.task_id == "mine"
    invoke(client, "tasks", b"fail", x_fc_invocation_type="Async", x_fc_async_task_id="bad")
    for _ in deadline(30):
        listed = client.list_async_tasks("tasks", m.ListAsyncTasksRequest(status="Failed")).body.tasks
        if listed:
            break
    assert [t.task_id for t in listed] == ["bad"] and "as asked" in listed[0].task_error_message
    assert refused(lambda: client.stop_async_task("tasks", "mine", m.StopAsyncTaskRequest()))[0] == 400
    assert refused(lambda: client.get_async_task("tasks", str(uuid.uuid4()), m.GetAsyncTaskRequest()))[0] == 404
    assert client.delete_async_invoke_config("tasks", m.DeleteAsyncInvokeConfigRequest()).status_code == 204
    assert refused(lambda: client.get_async_invoke_config("tasks", m.GetAsyncInvokeConfigRequest())) == (404, "AsyncConfigNotExists")


def test_numbers_of_instances(client):
    create(client, "numbers")
    kept = client.put_provision_config("numbers", m.PutProvisionConfigRequest(qualifier="LATEST", body=m.PutProvisionConfigInput(default_target=1))).body
    assert kept.target == 1 and kept.default_target == 1
    assert [p.target for p in client.list_provision_configs(m.ListProvisionConfigsRequest()).body.provision_configs] == [1]
    assert client.delete_provision_config("numbers", m.DeleteProvisionConfigRequest(qualifier="LATEST")).status_code == 204
    assert client.get_provision_config("numbers", m.GetProvisionConfigRequest(qualifier="LATEST")).body.target == 0
    assert client.put_concurrency_config("numbers", m.PutConcurrencyConfigRequest(body=m.PutConcurrencyInput(reserved_concurrency=3))).body.reserved_concurrency == 3
    assert client.get_concurrency_config("numbers").body.reserved_concurrency == 3
    assert len(client.list_concurrency_configs(m.ListConcurrencyConfigsRequest()).body.configs) == 1
    assert client.delete_concurrency_config("numbers").status_code == 204
    assert refused(lambda: client.get_concurrency_config("numbers"))[0] == 404
    scaled = client.put_scaling_config("numbers", m.PutScalingConfigRequest(qualifier="LATEST", body=m.PutScalingConfigInput(min_instances=0))).body
    assert scaled.min_instances == 0


def test_domains_tags_and_the_rest(client):
    create(client, "rest", tags=[m.Tag(key="team", value="a")])
    domain = client.create_custom_domain(m.CreateCustomDomainRequest(body=m.CreateCustomDomainInput(
        domain_name="fc3.example.com", protocol="HTTP", route_config=m.RouteConfig(routes=[m.PathConfig(path="/*", function_name="rest")])))).body
    assert domain.route_config.routes[0].function_name == "rest" and domain.api_version == "2023-03-30"
    assert [d.domain_name for d in client.list_custom_domains(m.ListCustomDomainsRequest()).body.custom_domains] == ["fc3.example.com"]
    assert client.delete_custom_domain("fc3.example.com").status_code == 204
    arn = "acs:fc:local-1:local:functions/rest"
    client.tag_resources(m.TagResourcesRequest(body=m.TagResourcesInput(resource_type="function", resource_id=[arn], tag=[m.Tag(key="k", value="v")])))
    tags = client.list_tag_resources(m.ListTagResourcesRequest(resource_type="ALIYUN::FC:FUNCTION", resource_id=[arn])).body.tag_resources
    assert {(t.tag_key, t.tag_value) for t in tags} == {("team", "a"), ("k", "v")}
    client.untag_resources(m.UntagResourcesRequest(resource_type="function", resource_id=[arn], tag_key=["team"]))
    assert [(t.key, t.value) for t in client.get_function("rest", m.GetFunctionRequest()).body.tags] == [("k", "v")]
    assert client.describe_regions(m.DescribeRegionsRequest()).body.regions.region[0].region_id == "local-1"
    assert client.create_vpc_binding("rest", m.CreateVpcBindingRequest(body=m.CreateVpcBindingInput(vpc_id="vpc-1"))).status_code == 204
    assert client.list_vpc_bindings("rest").body.vpc_ids == ["vpc-1"]
    assert client.delete_vpc_binding("rest", "vpc-1").status_code == 204
    assert client.disable_function_invocation("rest", m.DisableFunctionInvocationRequest(reason="r")).body.success
    assert client.get_function("rest", m.GetFunctionRequest()).body.invocation_restriction.disable
    assert refused(lambda: invoke(client, "rest", b"x"))[0] == 403
    assert client.enable_function_invocation("rest").body.success
    assert invoke(client, "rest", b"x")[0].status_code == 200
    assert refused(lambda: client.list_sessions("rest", m.ListSessionsRequest())) == (400, "PathNotSupported")


def test_another_secret_is_refused(evoke):
    other = Client(open_api.Config(access_key_id=evoke.access_key, access_key_secret="wrong", protocol="http",
                                   endpoint=f"127.0.0.1:{evoke.port}", region_id="local-1"))
    assert refused(lambda: other.list_functions(m.ListFunctionsRequest())) == (403, "SignatureNotMatch")


WEB = """
import json
import time
def handler(event, context):
    e = json.loads(event)
    if e["rawPath"] == "/plain":
        return "just text"
    if e["rawPath"] == "/bad":
        return {"statusCode": 99}
    return {"statusCode": 201, "headers": {"X-Own": "yes", "Content-Type": "application/json"}, "isBase64Encoded": False,
            "body": json.dumps({k: e[k] for k in ("version", "rawPath", "queryParameters", "body", "isBase64Encoded", "requestContext")})}
"""


def web_package():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("index.py", WEB)
    return base64.b64encode(out.getvalue()).decode()


def test_an_http_trigger_hands_over_an_event(client):
    client.create_function(m.CreateFunctionRequest(body=m.CreateFunctionInput(
        function_name="web", runtime="python3.10", handler="index.handler", timeout=10, code=m.InputCodeLocation(zip_file=web_package()))))
    url = client.create_trigger("web", m.CreateTriggerRequest(body=m.CreateTriggerInput(
        trigger_name="h", trigger_type="http", trigger_config=json.dumps({"authType": "anonymous", "methods": ["GET", "POST"]})))).body.http_trigger.url_internet
    for _ in deadline(20):
        answer = requests.post(url + "a/b?x=1&y=2", data="hello", headers={"User-Agent": "ua", "Content-Type": "text/plain"}, timeout=20)
        if answer.status_code != 404:
            break
    assert answer.status_code == 201 and answer.headers["X-Own"] == "yes" and answer.headers["Content-Type"] == "application/json"
    event = answer.json()
    assert event["version"] == "v1" and event["rawPath"] == "/a/b" and event["queryParameters"] == {"x": "1", "y": "2"}
    assert event["body"] == "hello" and event["isBase64Encoded"] is False
    context = event["requestContext"]
    assert context["accountId"] == "local" and context["requestId"] == answer.headers["X-Fc-Request-Id"]
    assert context["http"]["method"] == "POST" and context["http"]["path"] == "/a/b" and context["http"]["userAgent"] == "ua"
    assert abs(int(context["timeEpoch"]) / 1000 - time.time()) < 60 and context["domainName"] == "127.0.0.1"
    binary = requests.post(url, data=b"\xff\x00", timeout=20).json()
    assert binary["isBase64Encoded"] is True and base64.b64decode(binary["body"]) == b"\xff\x00"
    plain = requests.get(url + "plain", timeout=20)
    assert plain.status_code == 200 and plain.text == "just text"
    assert requests.get(url + "bad", timeout=20).status_code == 502
    later = requests.post(url, data="x", headers={"X-Fc-Invocation-Type": "Async"}, timeout=20)
    assert later.status_code == 202 and later.text == ""
    # the same handler, called as any other
    answer, body = invoke(client, "web", json.dumps({"rawPath": "/plain"}).encode())
    assert body == b"just text"


def test_an_http_trigger_that_asks_who_calls_takes_the_signature_of_3_0(evoke, client):
    client.create_function(m.CreateFunctionRequest(body=m.CreateFunctionInput(
        function_name="closed", runtime="python3.10", handler="index.handler", timeout=10, code=m.InputCodeLocation(zip_file=web_package()))))
    url = client.create_trigger("closed", m.CreateTriggerRequest(body=m.CreateTriggerInput(
        trigger_name="h", trigger_type="http", trigger_config=json.dumps({"authType": "function", "methods": ["POST"]})))).body.http_trigger.url_internet
    host, _, path = url.partition("://")[2].partition("/")

    def ask(secret=None, access=None, sent=b"hello", **change):
        r = DaraRequest()
        r.method, r.pathname, r.query = "POST", f"/{path}a", {"x": "1"}
        r.headers = {"host": host, "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "x-acs-signature-nonce": uuid.uuid4().hex,
                     "x-acs-content-sha256": hashlib.sha256(b"hello").hexdigest(), **change}
        r.headers["Authorization"] = Utils.get_authorization(
            r, "ACS3-HMAC-SHA256", r.headers["x-acs-content-sha256"], access or evoke.access_key, secret or evoke.secret_key)
        return requests.post(f"{url}a?x=1", headers=r.headers, data=sent, timeout=20)
    for _ in deadline(20):
        if requests.post(url, timeout=20).status_code != 404:
            break
    assert requests.post(url + "a?x=1", data="hello", timeout=20).status_code in (400, 401, 403)
    good = ask()
    assert good.status_code == 201 and good.json()["rawPath"] == "/a" and good.json()["body"] == "hello", good.text
    nonce = uuid.uuid4().hex
    assert ask(**{"x-acs-signature-nonce": nonce}).status_code == 201
    for again in (ask(**{"x-acs-signature-nonce": nonce}), ask("wrong"), ask(access="nobody"), ask(sent=b"another"),
                  ask(**{"x-acs-date": "2020-01-01T00:00:00Z"}), ask(**{"x-acs-date": "today"})):
        assert 400 <= again.status_code < 500, again.text
