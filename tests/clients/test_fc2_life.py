# SPDX-License-Identifier: Apache-2.0
"""Function Compute's whole life cycle through its Node SDK, @alicloud/fc2, unmodified: what test_fc2.py does not ask."""
import base64
import json

from evoked import deadline

from test_fc2 import ACCOUNT, function, signed, steps, zip_of

RULES = {"condition": "AND", "policyItems": [{"type": "Header", "key": "x-user", "value": "beta", "operator": "="}]}


def codes(results):
    return [r.get("error", {}).get("code") for r in results]


def version_of(result):
    return result["headers"]["x-fc-invocation-service-version"]


def test_versions_and_aliases(evoke_shared):
    r = steps(
        evoke_shared,
        ["createService", "ver", {}],
        ["createFunction", "ver", function()],
        ["publishVersion", "ver", "v desc"],
        ["publishVersion", "ver"],
        ["updateFunction", "ver", "fn", {"timeout": 20, "environmentVariables": {"GREETING": "hi"}}],
        ["publishVersion", "ver"],
        ["createAlias", "ver", "prod", "1", {"additionalVersionWeight": {"2": 0.5}}],
        ["createAlias", "ver", "beta", "1", {"additionalVersionWeight": {"2": 0}, "resolvePolicy": "Content",
                                             "routePolicy": RULES}],
        ["getService", "ver", {}, "prod"],
        ["getFunction", "ver", "fn", {}, "prod"],
        ["listFunctions", "ver", {"limit": 3}, {}, "2"],
        ["listVersions", "ver", {"limit": 10}],
        ["listAliases", "ver", {}],
        ["getAlias", "ver", "prod"],
        *[["invokeFunction", "ver", "fn", "{}", {}, "prod"] for _ in range(6)],
        ["invokeFunction", "ver", "fn", "{}", {"x-user": "beta"}, "beta"],
        ["invokeFunction", "ver", "fn", "{}", {}, "beta"],
        ["updateAlias", "ver", "prod", "2", {"additionalVersionWeight": {}}],
        ["invokeFunction", "ver", "fn", "{}", {}, "prod"],
        ["deleteVersion", "ver", "2"],
        ["deleteAlias", "ver", "prod"],
        ["deleteAlias", "ver", "beta"],
        ["deleteVersion", "ver", "2"],
        ["invokeFunction", "ver", "fn", "{}", {}, "2"],
        ["deleteFunction", "ver", "fn"],
        ["deleteService", "ver"])
    assert [c for c in codes(r) if c] == ["VersionPublishError", "VersionInUse", "VersionNotFound"]
    assert r[2]["data"]["versionId"] == "1" and r[2]["data"]["description"] == "v desc" and r[5]["data"]["versionId"] == "2"
    assert r[9]["data"]["timeout"] == 5 and r[10]["data"]["functions"][0]["timeout"] == 20
    assert [v["versionId"] for v in r[11]["data"]["versions"]] == ["2", "1"]
    assert [a["aliasName"] for a in r[12]["data"]["aliases"]] == ["beta", "prod"]
    assert sorted(version_of(x) for x in r[14:20]) == ["1"] * 3 + ["2"] * 3
    assert all(json.loads(x["data"])["greeting"] == {"1": "hello", "2": "hi"}[version_of(x)] for x in r[14:20])
    assert (version_of(r[20]), version_of(r[21]), version_of(r[23])) == ("2", "1", "2")


def test_a_service_that_changes_changes_its_functions(evoke_shared):
    made, _, updated, listed, stale, fn, *_ = steps(
        evoke_shared,
        ["createService", "upd", {"internetAccess": True}],
        ["createFunction", "upd", function()],
        ["updateService", "upd", {"description": "d2", "internetAccess": False}],
        ["listServices", {"prefix": "upd", "limit": 10}],
        ["updateService", "upd", {"description": "d3"}, {"if-match": "abc"}],
        ["getFunction", "upd", "fn"],
        ["deleteFunction", "upd", "fn"],
        ["deleteService", "upd"])
    assert updated["data"]["description"] == "d2" and updated["data"]["internetAccess"] is False
    assert listed["data"]["services"] == [updated["data"]] and made["headers"]["etag"] != updated["headers"]["etag"]
    assert stale["error"]["code"] == "PreconditionFailed" and fn["data"]["functionName"] == "fn"


def test_triggers_of_all_kinds(evoke_shared):
    arn = f"acs:oss:cn-local:{ACCOUNT}:bkt"
    oss = {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": "src/", "suffix": ".zip"}}}
    r = steps(
        evoke_shared,
        ["createService", "trg", {}],
        ["createFunction", "trg", function()],
        ["createTrigger", "trg", "fn", {"triggerName": "t1", "triggerType": "timer", "qualifier": "LATEST",
                                        "triggerConfig": {"cronExpression": "@every 5m", "enable": True, "payload": "p"}}],
        ["createTrigger", "trg", "fn", {"triggerName": "o1", "triggerType": "oss", "sourceArn": arn,
                                        "invocationRole": "acs:ram::123456789:role/r", "triggerConfig": oss}],
        ["createTrigger", "trg", "fn", {"triggerName": "o2", "triggerType": "oss", "sourceArn": arn, "triggerConfig": oss}],
        ["updateTrigger", "trg", "fn", "t1", {"triggerConfig": {"enable": False}}],
        ["listTriggers", "trg", "fn", {"limit": 10}],
        ["getTrigger", "trg", "fn", "o1"],
        ["deleteFunction", "trg", "fn"],
        ["deleteTrigger", "trg", "fn", "t1"],
        ["deleteTrigger", "trg", "fn", "o1"],
        ["deleteFunction", "trg", "fn"],
        ["deleteService", "trg"])
    assert [c for c in codes(r) if c] == ["InvalidArgument", "FunctionNotEmpty"]
    assert "overlapping prefix and suffix" in r[4]["error"]["message"]
    assert r[5]["data"]["triggerConfig"] == {"cronExpression": "@every 5m", "enable": False, "payload": "p"}
    assert [t["triggerName"] for t in r[6]["data"]["triggers"]] == ["o1", "t1"]
    assert r[7]["data"]["triggerConfig"] == oss and r[7]["data"]["sourceArn"] == arn


def test_the_rest_of_the_sdk(evoke_shared):
    r = steps(
        evoke_shared,
        ["createService", "rest", {}],
        ["createFunction", "rest", function()],
        ["putFunctionAsyncConfig", "rest", "fn", "LATEST", {"maxAsyncRetryAttempts": 1, "statefulInvocation": True}],
        ["getFunctionAsyncConfig", "rest", "fn", "LATEST"],
        ["putProvisionConfig", "rest", "fn", "LATEST", {"target": 0}],
        ["getProvisionConfig", "rest", "fn", "LATEST"],
        ["listProvisionConfigs", {"serviceName": "rest"}],
        ["putOnDemandConfig", "rest", "fn", "LATEST", {"maximumInstanceCount": 3}],
        ["getOnDemandConfig", "rest", "fn", "LATEST"],
        ["listOnDemandConfigs", {"prefix": "services/rest"}],
        ["deleteOnDemandConfig", "rest", "fn", "LATEST"],
        ["listInstances", "rest", "fn", "LATEST"],
        ["tagResource", "services/rest", {"k": "v"}],
        ["getResourceTags", {"resourceArn": "services/rest"}],
        ["listServices", {"tags": {"k": "v"}}],
        ["untagResource", "services/rest", ["k"]],
        ["listReservedCapacities", {}],
        ["getAccountSettings"],
        ["getAccountConfigs", {"config": "CodeSizeLimit"}],
        ["invokeFunction", "rest", "fn", '{"a":1}', {"x-fc-invocation-type": "Async",
                                                     "x-fc-stateful-async-invocation-id": "my-id"}],
        ["invokeFunction", "rest", "fn", '{"a":1}', {"x-fc-invocation-type": "Async",
                                                     "x-fc-stateful-async-invocation-id": "my-id"}])
    assert [c for c in codes(r) if c] == ["StatefulAsyncInvocationAlreadyExists"]
    assert r[3]["data"] == r[2]["data"] and r[3]["data"]["maxAsyncRetryAttempts"] == 1
    assert r[5]["data"]["resource"] == f"{ACCOUNT}#rest#LATEST#fn" and r[8]["data"]["maximumInstanceCount"] == 3
    assert len(r[9]["data"]["configs"]) == 1 and r[13]["data"]["tags"] == {"k": "v"}
    assert [s["serviceName"] for s in r[14]["data"]["services"]] == ["rest"]
    assert r[19]["data"] == "" and "content-type" not in r[19]["headers"]
    for _ in deadline(30):
        state = signed(evoke_shared, "GET", "/2016-08-15/services/rest/functions/fn/stateful-async-invocations/my-id").json()
        if state["status"] == "Succeeded":
            break
    assert state["status"] == "Succeeded", state
    assert codes(steps(evoke_shared, ["deleteFunction", "rest", "fn"], ["deleteService", "rest"])) == [None, None]


def test_code_that_changes_is_what_runs(evoke_shared):
    new = base64.b64encode(zip_of("def handler(event, context):\n    return 'new'\n")).decode()
    r = steps(
        evoke_shared,
        ["createService", "code", {}],
        ["createFunction", "code", function()],
        ["publishVersion", "code", "old"],
        ["updateFunction", "code", "fn", {"code": {"zipFile": new}}],
        ["invokeFunction", "code", "fn", "{}"],
        ["invokeFunction", "code", "fn", "{}", {}, "1"],
        ["deleteFunction", "code", "fn"],
        ["deleteService", "code"])
    assert not any(codes(r)), codes(r)
    assert r[4]["data"] == "new" and json.loads(r[5]["data"])["greeting"] == "hello"
    assert r[4]["headers"]["x-fc-code-checksum"] == r[3]["data"]["codeChecksum"] != r[5]["headers"]["x-fc-code-checksum"]
