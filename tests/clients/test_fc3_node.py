# SPDX-License-Identifier: Apache-2.0
"""Function Compute 3.0 (2023-03-30) by the vendor's Node SDK (@alicloud/fc20230330), unmodified: a whole life."""
import base64
import io
import json
import os
import pathlib
import subprocess
import zipfile

import pytest

from evoked import Evoked

HERE = pathlib.Path(__file__).parent

CODE = """
exports.handler = async (event, context) => {
  console.log('heard', event.toString());
  if (event.toString() === 'fail') throw new Error('as asked');
  return { event: event.toString(), name: context.function.name };
};
"""


def package():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("index.js", CODE)
    return base64.b64encode(out.getvalue()).decode()


@pytest.fixture(scope="module")
def evoke():
    made = Evoked()
    yield made.start()
    made.end()


def steps(e, *calls, secret=None):
    env = {"PATH": os.environ["PATH"], "FC_ENDPOINT": f"127.0.0.1:{e.port}", "FC_ACCESS_KEY": e.access_key,
           "FC_SECRET_KEY": secret or e.secret_key}
    p = subprocess.run(["node", str(HERE / "fc3.mjs")], input=json.dumps(calls), capture_output=True, text=True, env=env, timeout=120, check=False)
    assert p.returncode == 0, p.stderr
    return json.loads(p.stdout)


def step(call, *args, request=None, model=None, value=None, query=None, **more):
    body = {"model": model, "value": value} if value is not None else None
    return {"call": call, "args": list(args), "request": request, "query": query or {}, **({"body": body} if body else {}), **more}


def function(name):
    return step("createFunction", request="CreateFunctionRequest", model="CreateFunctionInput",
                value={"functionName": name, "runtime": "nodejs20", "handler": "index.handler", "timeout": 10, "memorySize": 128,
                       "code": {"zipFile": package()}})


def test_a_function_lives_runs_and_dies(evoke):
    answers = steps(
        evoke,
        function("node"),
        function("node"),
        step("getFunction", "node", request="GetFunctionRequest"),
        step("updateFunction", "node", request="UpdateFunctionRequest", model="UpdateFunctionInput", value={"timeout": 20}),
        step("listFunctions", request="ListFunctionsRequest", query={"prefix": "no", "limit": 10}),
        {"call": "invokeFunction", "args": ["node"], "body": "hello", "headers": {"xFcLogType": "Tail"}},
        {"call": "invokeFunction", "args": ["node"], "body": "fail"},
        {"call": "invokeFunction", "args": ["node"], "body": "", "query": {"qualifier": "LATEST"}},
        {"call": "invokeFunction", "args": ["node"], "body": "x", "headers": {"xFcInvocationType": "Async", "xFcAsyncTaskId": "t"}},
        step("deleteFunction", "node"),
        step("getFunction", "node", request="GetFunctionRequest"))
    made, again, got, changed, listed, ran, failed, empty, later, gone, missing = answers
    assert made["status"] == 200 and made["body"]["functionName"] == "node" and made["body"]["state"] == "Active"
    assert again["error"]["code"] == "FunctionAlreadyExists" and got["body"]["timeout"] == 10 and changed["body"]["timeout"] == 20
    assert [f["functionName"] for f in listed["body"]["functions"]] == ["node"]
    assert json.loads(ran["body"]) == {"event": "hello", "name": "node"} and ran["headers"]["x-fc-version-id"] == "LATEST"
    assert b"heard hello" in base64.b64decode(ran["headers"]["x-fc-log-result"])
    assert failed["status"] == 200 and failed["headers"]["x-fc-error-type"] == "UnhandledInvocationError"
    assert json.loads(failed["body"])["errorMessage"] == "as asked" and json.loads(empty["body"])["event"] == ""
    assert later["status"] == 202 and later["headers"]["x-fc-async-task-id"] == "t"
    assert gone["status"] == 204 and missing["error"]["code"] == "FunctionNotFound"


def test_versions_aliases_and_triggers(evoke):
    answers = steps(
        evoke,
        function("more"),
        step("publishFunctionVersion", "more", request="PublishFunctionVersionRequest", model="PublishVersionInput", value={"description": "one"}),
        step("listFunctionVersions", "more", request="ListFunctionVersionsRequest"),
        step("createAlias", "more", request="CreateAliasRequest", model="CreateAliasInput", value={"aliasName": "prod", "versionId": "1"}),
        {"call": "invokeFunction", "args": ["more"], "body": "x", "query": {"qualifier": "prod"}},
        step("deleteAlias", "more", "prod"),
        step("createTrigger", "more", request="CreateTriggerRequest", model="CreateTriggerInput",
             value={"triggerName": "t", "triggerType": "timer", "triggerConfig": json.dumps({"cronExpression": "@every 5m", "enable": False})}),
        step("listTriggers", "more", request="ListTriggersRequest"),
        step("deleteTrigger", "more", "t"),
        step("putAsyncInvokeConfig", "more", request="PutAsyncInvokeConfigRequest", model="PutAsyncInvokeConfigInput", value={"maxAsyncRetryAttempts": 1}),
        step("deleteFunctionVersion", "more", "1"),
        step("deleteFunction", "more"))
    assert [a.get("error") for a in answers] == [None] * len(answers)
    _, version, versions, alias, ran, _, trigger, triggers, _, config, _, _ = answers
    assert version["body"]["versionId"] == "1" and len(versions["body"]["versions"]) == 1 and alias["body"]["aliasName"] == "prod"
    assert ran["headers"]["x-fc-version-id"] == "1" and trigger["body"]["triggerType"] == "timer"
    assert [t["triggerName"] for t in triggers["body"]["triggers"]] == ["t"] and config["body"]["maxAsyncRetryAttempts"] == 1


def test_another_secret_is_refused(evoke):
    (answer,) = steps(evoke, step("getFunction", "x", request="GetFunctionRequest"), secret="wrong")
    assert answer["error"]["code"] == "SignatureNotMatch"
