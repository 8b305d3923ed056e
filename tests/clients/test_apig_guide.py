# SPDX-License-Identifier: Apache-2.0
"""Huawei Cloud's guide "Creating a FunctionGraph Backend API That Uses a Custom Authorizer", step by step with the official SDKs: an API
group, a function as authorizer, the authorizer, a function as backend, the API, debugging it, publishing it, calling it. The functions
are ours (examples/), in the shapes the guide teaches: identity in a header, in the query string, and compared with custom user data."""
import json
import subprocess

import pytest
from huaweicloudsdkapig.v2 import (
    ApiDebugInfo, ApiVersion, AuthorizerCreate, BackendParamBase, ChangeApiVersionV2Request, CreateEnvironmentV2Request,
    CreateEnvironmentVariableV2Request, CreateGatewayResponseV2Request, DebugApiV2Request, EnvCreate, EnvVariableBase, EnvVariableCreate,
    Identity, ResponseInfo, ResponseInfoHeader, ResponsesCreate, UpdateApiV2Request, UpdateCustomAuthorizerV2Request,
    UpdateEnvironmentVariableV2Request)

from apigcloud import INSTANCE, RELEASE, Gateway, denied
from evoked import ROOT

ECHO = """
import json
def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "isBase64Encoded": False, "body": json.dumps(event)}
"""


def code_of(example):
    return (ROOT / "examples" / example / "index.py").read_text()


@pytest.fixture
def world(evoke, tmp_path):
    """A daemon of its own, since the guide leaves things behind."""
    from fgcloud import Cloud
    cloud, gateway = Cloud(evoke), Gateway(evoke)
    cloud.create("page", code_of("page"))
    return cloud, gateway


# variant: the function, what the authorizer says besides, what the right caller sends and what a wrong one
HEADER = {"auth": "open sesame"}
VARIANTS = {
    "header": ("authorizer-header", {"identities": [Identity(name="auth", location="HEADER")], "ttl": 5},
               ({"headers": HEADER}, {"headers": {"auth": "open rye"}}), "ali baba"),
    "query": ("authorizer-query", {"identities": [Identity(name="token", location="QUERY")], "ttl": 5},
              ({"query": "?token=t-0815"}, {"query": "?token=t-4711"}), "ali baba"),
    "user data": ("authorizer-user-data", {"user_data": "the word"},
                  ({"headers": {"auth": "the word"}}, {"headers": {"auth": "another"}}), "who knows the word"),
}


def guarded(cloud, gateway, variant, **over):
    """Steps 1 to 5 of the guide: (group, API), with the context's user in the backend's header x-user."""
    example, said, _, _ = VARIANTS[variant]
    group = gateway.group("guide_group")
    cloud.create(example, code_of(example))
    authorizer = gateway.authorizer("guide_authorizer", cloud.urn(example), **said)
    api = gateway.api(group.id, "guide_api", cloud.urn("page"), req_uri="/api/hello", auth_type="AUTHORIZER", authorizer_id=authorizer.id,
                      backend_params=[BackendParamBase(origin="SYSTEM", name="x-user", location="HEADER",
                                                       value="$context.authorizer.frontend.user")], **over)
    return group, api, authorizer


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_guide(world, variant):
    cloud, gateway = world
    _, _, (right, wrong), user = VARIANTS[variant]
    group, api, _ = guarded(cloud, gateway, variant)

    # step 6: debug the API as it is, published nowhere
    debugged = debug(gateway, api.id, right)
    assert debugged.response.startswith("HTTP/1.1 200\r\n") and f"Welcome, {user}!" in debugged.response
    assert debug(gateway, api.id, wrong).response.startswith("HTTP/1.1 401\r\n")
    assert call(gateway, group, right)[0] == 404, "not published yet"

    # step 7: publish it, call it
    gateway.publish(api.id)
    status, headers, page = call(gateway, group, right)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8") and f"<h1>Welcome, {user}!</h1>" in page
    said = denied(call(gateway, group, wrong), 401, "APIG.0305")
    assert said["error_msg"].startswith("Incorrect authentication information")
    denied(call(gateway, group, {}), 401, "APIG.0305")
    # and who was let in still is, whatever was answered to others
    assert call(gateway, group, right)[0] == 200


def call(gateway, group, how):
    return gateway.call(group.sl_domain, "/api/hello" + how.get("query", ""), headers=how.get("headers"))


def debug(gateway, api_id, how, **over):
    fields = {"mode": "DEVELOPER", "scheme": "HTTP", "method": "GET", "path": "/api/hello",
              "header": {k: [v] for k, v in how.get("headers", {}).items()},
              "query": {k: [v] for k, v in (p.split("=") for p in how.get("query", "?")[1:].split("&") if p)}, **over}
    return gateway.client.debug_api_v2(DebugApiV2Request(INSTANCE, api_id, ApiDebugInfo(**fields)))


def test_curl_gets_the_page(world):
    cloud, gateway = world
    group, api, _ = guarded(cloud, gateway, "header")
    gateway.publish(api.id)

    def curl(*options):
        url = f"http://{group.sl_domain}:{gateway.daemon.port}/api/hello"
        done = subprocess.run(["curl", "-s", "--noproxy", "*", "-w", "\n%{http_code} %{content_type}", "--resolve",
                               f"{group.sl_domain}:{gateway.daemon.port}:127.0.0.1", *options, url],
                              capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.rsplit("\n", 1)
    page, told = curl("-H", "auth: open sesame")
    assert told == "200 text/html; charset=utf-8" and "<h1>Welcome, ali baba!</h1>" in page
    refusal, told = curl("-H", "auth: please")
    assert told.startswith("401 ") and json.loads(refusal)["error_code"] == "APIG.0305"


def test_a_debug_call_goes_by_mode_and_stage(world):
    cloud, gateway = world
    group, api, _ = guarded(cloud, gateway, "header")
    right = {"headers": HEADER}
    assert debug(gateway, api.id, right, mode="CONSUMER").response.startswith("HTTP/1.1 404\r\n"), "it is published nowhere"
    gateway.publish(api.id)
    consumer = debug(gateway, api.id, right, mode="CONSUMER", stage="RELEASE")
    assert consumer.response.startswith("HTTP/1.1 200\r\n") and consumer.latency >= 0
    assert consumer.request.startswith("GET /api/hello HTTP/1.1\r\n") and f"Host: {group.sl_domain}\r\n" in consumer.request
    assert debug(gateway, api.id, right, mode="CONSUMER", stage="nowhere").response.startswith("HTTP/1.1 404\r\n")
    assert debug(gateway, api.id, right, path="/another").response.startswith("HTTP/1.1 404\r\n")


def test_gateway_responses_word_the_refusal(world):
    """Step "Setting the Error Response" of the authorizer's best practice: the context of a denial in the answer."""
    cloud, gateway = world
    group, api, _ = guarded(cloud, gateway, "header")
    made = gateway.client.create_gateway_response_v2(CreateGatewayResponseV2Request(INSTANCE, group.id, ResponsesCreate(
        name="worded", responses={"AUTHORIZER_FAILURE": ResponseInfo(
            status=403, body='{"why":"$context.authorizer.frontend.reason","code":"$context.error.code"}',
            headers=[ResponseInfoHeader(key="X-Guide", value="yes")])})))
    gateway.client.update_api_v2(UpdateApiV2Request(INSTANCE, api.id, gateway.api_body(
        group.id, "guide_api", cloud.urn("page"), req_uri="/api/hello", auth_type="AUTHORIZER", authorizer_id=api.authorizer_id,
        response_id=made.id)))
    gateway.publish(api.id)
    status, headers, body = call(gateway, group, {"headers": {"auth": "please"}})
    assert (status, headers["X-Guide"], json.loads(body)) == (403, "yes", {"why": "unknown word", "code": "APIG.0305"})


def test_the_context_reaches_the_backends_event(world):
    cloud, gateway = world
    cloud.create("authorizer-header", code_of("authorizer-header"))
    cloud.create("echo", ECHO)
    group = gateway.group("mapped")
    authorizer = gateway.authorizer("mapper", cloud.urn("authorizer-header"))
    api = gateway.api(group.id, "mapping", cloud.urn("echo"), req_uri="/map/{who}", auth_type="AUTHORIZER", authorizer_id=authorizer.id,
                      is_send_fg_body_base64=False,
                      req_params=[{"name": "who", "type": "STRING", "location": "PATH", "required": 1}],
                      backend_params=[
                          BackendParamBase(origin="SYSTEM", name="user", location="QUERY", value="$context.authorizer.frontend.user"),
                          BackendParamBase(origin="SYSTEM", name="x-stage-is", location="HEADER", value="$context.stage"),
                          BackendParamBase(origin="CONSTANT", name="x-fixed", location="HEADER", value="always"),
                          BackendParamBase(origin="REQUEST", name="x-who", location="HEADER", value="who")])
    gateway.publish(api.id)
    status, _, body = gateway.call(group.sl_domain, "/map/me?a=1", headers=HEADER)
    event = json.loads(body)
    assert status == 200 and event["pathParameters"] == {"who": "me"} and event["httpMethod"] == "GET"
    assert event["queryStringParameters"]["user"] == "ali baba"
    assert (event["headers"]["x-stage-is"], event["headers"]["x-fixed"], event["headers"]["x-who"]) == ("RELEASE", "always", "me")
    assert event["requestContext"]["apiId"] == api.id and event["requestContext"]["stage"] == "RELEASE"


def test_stages_have_variables_of_their_own(world):
    cloud, gateway = world
    cloud.create("echo", ECHO)
    group = gateway.group("staged")
    staging = gateway.client.create_environment_v2(CreateEnvironmentV2Request(INSTANCE, EnvCreate(name="staging")))
    variables = {}
    for env, value in ((RELEASE, "real"), (staging.id, "trial")):
        variables[env] = gateway.client.create_environment_variable_v2(CreateEnvironmentVariableV2Request(INSTANCE, EnvVariableCreate(
            variable_name="where", variable_value=value, env_id=env, group_id=group.id)))
    api = gateway.api(group.id, "staged_api", cloud.urn("echo"), backend_params=[
        BackendParamBase(origin="CONSTANT", name="x-where", location="HEADER", value="#where#")])

    def where(stage=None):
        status, _, body = gateway.call(group.sl_domain, "/staged_api", headers={"X-Stage": stage} if stage else {})
        return json.loads(body)["headers"]["x-where"] if status == 200 else status
    gateway.publish(api.id)
    assert (where(), where("RELEASE"), where("staging")) == ("real", "real", 404)
    gateway.publish(api.id, staging.id)
    assert (where(), where("staging")) == ("real", "trial")
    gateway.client.update_environment_variable_v2(UpdateEnvironmentVariableV2Request(
        INSTANCE, variables[staging.id].id, EnvVariableBase(variable_value="changed")))
    assert (where(), where("staging")) == ("real", "changed")


def test_going_back_is_one_call(world):
    cloud, gateway = world
    cloud.create("other", code_of("page").replace("Welcome,", "Goodbye,"))
    group = gateway.group("versions")
    api = gateway.api(group.id, "versioned", cloud.urn("page"))
    first = gateway.publish(api.id)
    gateway.client.update_api_v2(UpdateApiV2Request(INSTANCE, api.id, gateway.api_body(group.id, "versioned", cloud.urn("other"))))
    second = gateway.publish(api.id)
    assert "Goodbye, stranger" in gateway.call(group.sl_domain, "/versioned")[2]
    for version, word in ((first, "Welcome"), (second, "Goodbye"), (first, "Welcome")):
        gateway.client.change_api_version_v2(ChangeApiVersionV2Request(INSTANCE, api.id, ApiVersion(version_id=version.version_id)))
        assert f"{word}, stranger" in gateway.call(group.sl_domain, "/versioned")[2]


def test_a_changed_authorizer_is_asked_anew(world):
    """Answers kept for a ttl do not outlive the authorizer they came from."""
    cloud, gateway = world
    group, api, authorizer = guarded(cloud, gateway, "header")
    gateway.publish(api.id)
    assert call(gateway, group, {"headers": HEADER})[0] == 200
    gateway.client.update_custom_authorizer_v2(UpdateCustomAuthorizerV2Request(INSTANCE, authorizer.id, AuthorizerCreate(
        name="guide_authorizer", type="FRONTEND", authorizer_type="FUNC", authorizer_uri=cloud.urn("authorizer-header"), ttl=5,
        identities=[Identity(name="auth", location="HEADER", validation="^closed$")])))
    denied(call(gateway, group, {"headers": HEADER}), 401, "APIG.0305")
