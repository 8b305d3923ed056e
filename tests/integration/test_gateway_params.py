# SPDX-License-Identifier: Apache-2.0
"""What an API's definition declares, maps and words: request parameters, backend parameters and gateway responses, made through
the admin API and called. Documents: CreateApiV2 (API Reference of APIG, 2024-11-11); "Creating a Gateway Response"
(apig_03_0008.html, 2024-03-07); scf.md 5.2; docs/compat/apig.md (2026-11-22)."""
import json
import re

import pytest

from mapping_table import ABSENT, MATCHING, OURS
from signing import PROJECT, Client, urn
from test_gateway_mapping import ECHO, Web, member, names

CREATE_API = "api-apig, CreateApiV2, 2024-11-11"
RESPONSE = "usermanual-apig/apig_03_0008.html, 2024-03-07"
VARIABLES = "usermanual-apig/apig_03_0008.html, Context Variables, 2024-03-07"
SCF = "cloud.tencent.com/document/product/628, error list; scf.md 5.2"


def param(name, location, type="STRING", **more):
    return {"name": name, "location": location, "type": type, "valid_enable": 1, "required": 2, **more}


def out(name, location, origin, value):
    return {"name": name, "location": location, "origin": origin, "value": value}


PARAMS = [
    param("id", "PATH", "NUMBER", required=1, min_num=1, max_num=100),
    param("name", "QUERY", required=1, min_size=2, max_size=4),
    param("kind", "QUERY", enumerations="a,b c", default_value="b c"),
    param("X-N", "HEADER", "NUMBER", min_num=-5, max_num=5),
    param("free", "QUERY", valid_enable=2, min_size=5, max_size=5),
    param("preset", "HEADER", required=1, default_value="there"),
]
OUTS = [
    out("X-Name", "HEADER", "REQUEST", "name"),
    out("item", "QUERY", "REQUEST", "id"),
    out("X-Number", "HEADER", "REQUEST", "X-N"),
    out("X-Const", "HEADER", "CONSTANT", "fixed #where#"),
    out("user-agent", "HEADER", "CONSTANT", "gateway"),
    out("place", "PATH", "CONSTANT", "here"),
    out("X-Ip", "HEADER", "SYSTEM", "$context.sourceIp"),
    out("stage", "QUERY", "SYSTEM", "$context.stage"),
    out("X-Id", "HEADER", "SYSTEM", "$context.requestId"),
    out("X-Api", "HEADER", "SYSTEM", "$context.apiId"),
    out("X-Api-Name", "HEADER", "SYSTEM", "$context.apiName"),
    out("X-App", "HEADER", "SYSTEM", "$context.appId"),
    out("X-User", "HEADER", "SYSTEM", "$context.authorizer.frontend.user"),
    out("X-When", "HEADER", "SYSTEM", "$context.handleTime"),
]
RESPONSES = {
    "NOT_FOUND": {"status": 410, "body": '{"code": "$context.error.code", "at": "$context.reqPath", "by": "$context.reqMethod"}',
                  "headers": [{"key": "X-Why", "value": "$context.error.type"}]},
    "REQUEST_PARAMETERS_FAILURE": {"status": 422, "body": '{"said": "$context.error.message", "api": "$context.apiName in $context.stage"}'},
    "DEFAULT_5XX": {"status": 503, "body": "<p>$context.error.message</p>", "headers": [{"key": "Content-Type", "value": "text/html"}]},
}


class Plane:
    """The admin API's objects of the gateway, in one account."""

    def __init__(self, evoke):
        self.client = Client(evoke)

    def make(self, kind, parent="", dialect="functiongraph", **body):
        r = self.client.call("POST", "/evoke/v1/gateway/" + kind, {"dialect": dialect, "account": PROJECT, "region": "local-1",
                                                                   "parent": parent, "body": body})
        assert r.status_code == 201, (kind, r.text)
        return r.json()["id"]

    def publish(self, api, env="RELEASE"):
        r = self.client.call("POST", f"/evoke/v1/gateway/api/{api}/publish", {"env": env})
        assert r.status_code == 200, r.text

    def api(self, group, name, uri, method="GET", dialect="functiongraph", **more):
        body = {"group_id": group, "name": name, "type": 1, "req_protocol": "BOTH", "req_method": method, "req_uri": uri,
                "auth_type": "NONE", "backend_type": "FUNCTION", **more}
        if body["backend_type"] == "FUNCTION":
            body["func_info"] = {"function_urn": urn("echo"), "invocation_type": "sync", "network_type": "V1", "timeout": 5000,
                                 **more.get("func_info", {})}
        return self.make("api", dialect=dialect, **body)


@pytest.fixture(scope="module")
def plane(_module_daemon):
    return Plane(_module_daemon)


@pytest.fixture(scope="module")
def web(_module_daemon, plane):
    web = Web(_module_daemon, deploy=False)
    assert web.client.create("echo", ECHO).status_code == 200
    group = plane.make("group", name="params")
    plane.make("variable", parent=group, env_id="DEFAULT_ENVIRONMENT_RELEASE_ID", variable_name="where", variable_value="in-release")
    plane.publish(plane.api(group, "params", "/p/{id}", req_params=PARAMS, backend_params=OUTS))
    web.host = f"{group}.apigw.localhost:{web.evoke.port}"
    yield web
    web.connection.close()


GOOD = "/p/7?name=abc"

# (name, document, target, headers, what): members of the event, or the refusal's sentence
ROWS = [
    ("all is well", CREATE_API, GOOD, [], {"pathParameters.id": "7", "queryStringParameters.name": "abc"}),
    ("a required one is missing", CREATE_API, "/p/7", [], "parameter 'name' in QUERY is required"),
    ("a required one without =", OURS, "/p/7?name", [], "parameter 'name' in QUERY is too short"),
    ("the least number", CREATE_API, "/p/1?name=abc", [], {"pathParameters.id": "1"}),
    ("below it", CREATE_API, "/p/0?name=abc", [], "parameter 'id' in PATH is below its minimum"),
    ("the highest number", CREATE_API, "/p/100?name=abc", [], {"pathParameters.id": "100"}),
    ("above it", CREATE_API, "/p/101?name=abc", [], "parameter 'id' in PATH is above its maximum"),
    ("no number", CREATE_API, "/p/x?name=abc", [], "parameter 'id' in PATH must be a number"),
    ("hexadecimal", OURS, "/p/0x7?name=abc", [], "parameter 'id' in PATH must be a number"),
    ("an escaped digit", OURS, "/p/%37?name=abc", [], {"pathParameters.id": "7"}),
    ("the shortest text", CREATE_API, "/p/7?name=ab", [], {"queryStringParameters.name": "ab"}),
    ("too short", CREATE_API, "/p/7?name=a", [], "parameter 'name' in QUERY is too short"),
    ("the longest text", CREATE_API, "/p/7?name=abcd", [], {"queryStringParameters.name": "abcd"}),
    ("too long", CREATE_API, "/p/7?name=abcde", [], "parameter 'name' in QUERY is too long"),
    ("characters, not bytes", OURS, "/p/7?name=%E4%BD%A0%E5%A5%BD", [], {"queryStringParameters.name": "\u4f60\u597d"}),
    ("one of its values", CREATE_API, GOOD + "&kind=a", [], {"queryStringParameters.kind": "a"}),
    ("a value with a blank", CREATE_API, GOOD + "&kind=b+c", [], {"queryStringParameters.kind": "b c"}),
    ("none of its values", CREATE_API, GOOD + "&kind=A", [], "parameter 'kind' in QUERY is none of its values"),
    ("a default", CREATE_API, GOOD, [], {"queryStringParameters.kind": "b c"}),
    ("a default of what is required", CREATE_API, GOOD, [], {"headers.preset": "there"}),
    ("a value where there is a default", CREATE_API, GOOD, [("Preset", "mine")], {"headers.preset": "mine"}),
    ("a number in a header", CREATE_API, GOOD, [("x-n", "-5")], {"headers.x-n": "-5", "headers.x-number": "-5"}),
    ("a number out of bounds in a header", CREATE_API, GOOD, [("x-n", "5.5")], "parameter 'X-N' in HEADER is above its maximum"),
    ("not validated", CREATE_API, GOOD + "&free=x", [], {"queryStringParameters.free": "x"}),
    ("each value is looked at", OURS, GOOD + "&name=x", [], "parameter 'name' in QUERY is too short"),
    ("each header is looked at", OURS, GOOD, [("X-N", "1"), ("X-N", "9")], "parameter 'X-N' in HEADER is above its maximum"),
    ("what is not declared goes on", OURS, GOOD + "&more=1", [("X-More", "2")], {"queryStringParameters.more": "1", "headers.x-more": "2"}),
    # what goes out
    ("from the query into a header", CREATE_API, GOOD, [], {"headers.x-name": "abc"}),
    ("from the path into the query", CREATE_API, GOOD, [], {"queryStringParameters.item": "7"}),
    ("it takes the place of the client's", OURS, GOOD + "&item=8&item=9", [("X-Name", "forged"), ("x-name", "twice")],
     {"queryStringParameters.item": "7", "headers.x-name": "abc"}),
    ("what is not there is left out", OURS, GOOD, [], {"headers.x-number": ABSENT}),
    ("a constant with a variable of the stage", CREATE_API, GOOD, [], {"headers.x-const": "fixed in-release"}),
    ("a constant instead of the client's", OURS, GOOD, [("User-Agent", "curl")], {"headers.user-agent": "gateway"}),
    ("a constant in the path", CREATE_API, GOOD, [], {"pathParameters": {"id": "7", "place": "here"}}),
    ("the source address", VARIABLES, GOOD, [], {"headers.x-ip": "127.0.0.1"}),
    ("the stage", VARIABLES, GOOD, [], {"queryStringParameters.stage": "RELEASE"}),
    ("the name of the API", VARIABLES, GOOD, [], {"headers.x-api-name": "params"}),
    ("no app", VARIABLES, GOOD, [], {"headers.x-app": ""}),
    ("no authorizer", OURS, GOOD, [("X-User", "forged")], {"headers.x-user": ABSENT}),
    ("a line end cannot become a header", OURS, "/p/7?name=a%0D%0Ab", [], "backend parameter 'X-Name' cannot be sent in a header"),
    ("the environment's API only", MATCHING, GOOD, [("X-Stage", "test")], (404, "APIG.0101")),
]


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_parameters_are_checked_and_mapped(web, row):
    _, document, target, headers, wanted = row
    r, body = web.ask(target, headers=headers)
    said = json.loads(body)
    if isinstance(wanted, dict):
        assert r.status == 200, (document, said)
        for path, value in wanted.items():
            assert member(said, path) == value, (document, path, said)
    elif isinstance(wanted, tuple):
        assert (r.status, said["error_code"]) == wanted, (document, said)
    else:
        assert r.status == 400 and said["error_code"] == "APIG.0201" and wanted in said["error_msg"], (document, said)


def test_ids_and_times_of_the_context(web):
    r, body = web.ask(GOOD)
    event = json.loads(body)
    assert event["headers"]["x-id"] == r.headers["X-Request-Id"]
    assert event["headers"]["x-api"] == event["requestContext"]["apiId"] != ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["headers"]["x-when"])


def test_a_group_says_faults_in_its_own_words(web, plane):
    group = plane.make("group", name="words")
    plane.make("response", parent=group, name="default", responses=RESPONSES)
    plane.publish(plane.api(group, "words", "/w", req_params=[param("n", "QUERY", required=1)]))
    plane.publish(plane.api(group, "broken", "/broken", func_info={"function_urn": urn("nobody")}))
    host = f"{group}.apigw.localhost:{web.evoke.port}"

    r, body = web.ask('/none/"%3Cb%3E', host=host)
    assert (r.status, r.headers["Content-Type"], r.headers["X-Why"]) == (410, "application/json", "NOT_FOUND")
    assert json.loads(body) == {"code": "APIG.0101", "at": '/none/"%3Cb%3E', "by": "GET"}
    r, body = web.ask("/w", host=host)
    assert r.status == 422
    assert json.loads(body) == {"said": "Bad request: parameter 'n' in QUERY is required", "api": "words in RELEASE"}
    r, body = web.ask("/broken", host=host)
    assert (r.status, r.headers["Content-Type"]) == (503, "text/html") and body.startswith(b"<p>") and body.endswith(b"</p>")
    r, body = web.ask("/w?n=1", host=host)
    assert r.status == 200


def test_a_mock_answers_what_its_definition_says(web, plane):
    group = plane.make("group", name="mocks")
    plane.make("variable", parent=group, env_id="DEFAULT_ENVIRONMENT_RELEASE_ID", variable_name="who", variable_value="me")
    plane.publish(plane.api(group, "mock", "/m", backend_type="MOCK", mock_info={"result_content": '{"a": "#who#"}'}))
    r, body = web.ask("/m", host=f"{group}.apigw.localhost:{web.evoke.port}")
    assert (r.status, body) == (200, b'{"a": "me"}')


def test_scf_says_what_is_missing_in_its_own_words(web, plane):
    group = plane.make("group", dialect="scf", name="service")
    plane.make("env", dialect="scf", name="prepub")
    api = plane.api(group, "mock", "/m", dialect="scf", backend_type="MOCK", mock_info={"result_content": "x"},
                    req_params=[param("q", "QUERY", required=1), param("X-H", "HEADER", "NUMBER", required=1)])
    plane.publish(api, "prepub")
    host = f"{group}.apigw.localhost:{web.evoke.port}"
    for target, headers, said in (("/prepub/m", [], "querystring q is required."), ("/prepub/m?q=1", [], "header X-H is required."),
                                  ("/prepub/m?q=1", [("X-H", "x")], "Get X-H params fail.")):
        r, body = web.ask(target, headers=headers, host=host)
        assert (r.status, json.loads(body)) == (403, {"message": said})
    r, body = web.ask("/prepub/m?q=1", headers=[("X-H", "1")], host=host)
    assert (r.status, body) == (200, b"x")


FC_ECHO = """
import json

def handler(event, context):
    event = json.loads(event)
    if "say" in event["queryParameters"]:
        return event["queryParameters"]["say"]
    return json.dumps({"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)})
"""


def test_api_gateway_before_function_compute(web, plane, tmp_path):
    """"API Gateway triggers", alibabacloud.com/help/doc-detail/74794, 2026-03-15."""
    (tmp_path / "evoke.yaml").write_text("functions:\n  echo:\n    dialect: fc\n    runtime: python3.9\n    handler: index.handler\n"
                                         f"    account: \"{PROJECT}\"\n")
    (tmp_path / "index.py").write_text(FC_ECHO)
    p = web.evoke.run("deploy", str(tmp_path))
    assert p.returncode == 0, p.stderr
    path = p.stdout.split()[0]
    assert path.startswith("fc/"), p.stdout
    group = plane.make("group", dialect="fc", name="fc-group")
    plane.publish(plane.api(group, "fc-api", "/x/{id}", "ANY", dialect="fc", func_info={"function_urn": path}))
    host = f"{group}.apigw.localhost:{web.evoke.port}"

    r, body = web.ask("/x/7?q=1&q=2", method="POST", body=b"a=1", host=host,
                      headers=[("Content-Type", "application/x-www-form-urlencoded"), ("X-MiXed", "1")])
    assert r.status == 200, body
    event = json.loads(body)
    assert sorted(event) == ["body", "headers", "httpMethod", "isBase64Encoded", "path", "pathParameters", "queryParameters"]
    assert (event["path"], event["httpMethod"], event["pathParameters"]) == ("/x/7", "POST", {"id": "7"})
    assert (event["queryParameters"], event["body"], event["isBase64Encoded"]) == ({"q": "2"}, "YT0x", True)
    assert event["headers"]["X-MiXed"] == "1" and event["headers"]["X-Ca-Request-Id"] == r.headers["X-Fc-Request-Id"]

    r, body = web.ask("/x/7?say=hello", host=host)
    assert r.status == 503 and json.loads(body)["ErrorCode"] == "BadResponse", (r.status, body)
