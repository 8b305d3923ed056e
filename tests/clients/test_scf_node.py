# SPDX-License-Identifier: Apache-2.0
"""SCF through the vendor's own Node SDK, tencentcloud-sdk-nodejs-scf, unmodified: a function's whole life, with each signature."""
import base64
import io
import json
import os
import pathlib
import subprocess
import zipfile

import pytest

HERE = pathlib.Path(__file__).parent
CODE = """
exports.main_handler = async (event, context) => {
  console.log('a line');
  if (event.fail) throw new Error('told to');
  return { got: event, version: context.function_version, more: require('lib') };
};
"""
LAYER = "module.exports = 'out of a layer';\n"


def package(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, text in files.items():
            z.writestr(name, text)
    return base64.b64encode(out.getvalue()).decode()


def steps(e, *calls, sign="TC3-HMAC-SHA256", method="POST", secret=None):
    env = {"PATH": os.environ["PATH"], "SCF_ENDPOINT": e.url.removeprefix("http://"), "SCF_SECRET_ID": e.access_key,
           "SCF_SECRET_KEY": secret or e.secret_key, "SCF_SIGN": sign, "SCF_METHOD": method}
    p = subprocess.run(["node", str(HERE / "scf.mjs")], input=json.dumps(calls), capture_output=True, text=True, env=env, timeout=200, check=False)
    assert p.returncode == 0, p.stderr
    answers = json.loads(p.stdout)
    for answer in answers:
        assert answer.get("RequestId") or answer.get("error", {}).get("requestId"), answer
    return answers


def codes(answers):
    return [a.get("error", {}).get("code") for a in answers]


@pytest.mark.parametrize("sign", ["TC3-HMAC-SHA256", "HmacSHA1", "HmacSHA256"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_every_signature_of_the_sdk(evoke_shared, sign, method):
    account, listed, missing = steps(
        evoke_shared, ["GetAccount", {}],
        ["ListFunctions", {"Filters": [{"Name": "tag-a", "Values": ["b c", "/"]}], "SearchKey": "nobody", "Limit": 1}],
        ["GetFunction", {"FunctionName": "nobody"}], sign=sign, method=method)
    assert account["AccountLimit"]["Namespace"][0]["TimeoutLimit"] == 900 and listed["TotalCount"] == 0
    assert missing["error"]["code"] == "ResourceNotFound.Function" and missing["error"]["name"] == "TencentCloudSDKHttpException"


@pytest.mark.parametrize("sign", ["TC3-HMAC-SHA256", "HmacSHA1", "HmacSHA256"])
def test_another_secret_is_refused(evoke_shared, sign):
    assert codes(steps(evoke_shared, ["GetAccount", {}], sign=sign, secret="wrong")) == ["AuthFailure.SignatureFailure"]


@pytest.mark.parametrize("sign", ["TC3-HMAC-SHA256", "HmacSHA256"])
def test_the_life_of_a_function(evoke_shared, sign):
    name = "node-" + sign[0].lower()
    fn, layer = {"FunctionName": name}, {"LayerName": name}
    timer = {**fn, "TriggerName": "tick", "Type": "timer"}
    answers = steps(
        evoke_shared,
        ["PublishLayerVersion", {**layer, "CompatibleRuntimes": ["Nodejs18.15"],
                                 "Content": {"ZipFile": package({"node_modules/lib/index.js": LAYER})}}],
        ["CreateFunction", {**fn, "Runtime": "Nodejs18.15", "Handler": "index.main_handler", "Code": {"ZipFile": package({"index.js": CODE})},
                            "Layers": [{**layer, "LayerVersion": "$0.LayerVersion"}], "Timeout": 20, "MemorySize": 256,
                            "Environment": {"Variables": [{"Key": "A", "Value": "1"}]}}],
        ["CreateFunction", {**fn, "Runtime": "Nodejs18.15", "Handler": "index.main_handler", "Code": {"ZipFile": package({"index.js": CODE})}}],
        ["GetFunction", fn],
        ["Invoke", {**fn, "LogType": "Tail", "ClientContext": '{"a":1}'}],
        ["InvokeFunction", {**fn, "Event": '{"fail":true}'}],
        ["Invoke", {**fn, "InvocationType": "Event", "ClientContext": "{}"}],
        ["PublishVersion", {**fn, "Description": "one"}],
        ["UpdateFunctionConfiguration", {**fn, "MemorySize": 512}],
        ["UpdateFunctionCode", {**fn, "Handler": "index.main_handler", "ZipFile": package({"index.js": CODE + "// two\n"}), "Publish": "TRUE"}],
        ["ListVersionByFunction", fn],
        ["CreateAlias", {**fn, "Name": "prod", "FunctionVersion": "1",
                         "RoutingConfig": {"AdditionalVersionWeights": [{"Version": "2", "Weight": 0.5}]}}],
        *[["Invoke", {**fn, "Qualifier": "prod"}] for _ in range(4)],
        ["DeleteFunctionVersion", {**fn, "Qualifier": "1"}],
        ["CreateTrigger", {**timer, "TriggerDesc": "*/5 * * * *", "Enable": "OPEN"}],
        ["UpdateTriggerStatus", {**timer, "Enable": "CLOSE"}],
        ["ListTriggers", fn],
        ["GetFunctionLogs", {**fn, "FunctionRequestId": "$4.Result.FunctionRequestId"}],
        ["DeleteTrigger", timer],
        ["DeleteLayerVersion", {**layer, "LayerVersion": 99}],
        ["DeleteFunction", fn],
        ["GetFunction", fn],
        ["Invoke", fn], sign=sign)
    failed = {2: "ResourceInUse.Function", 16: "UnsupportedOperation.AliasBind", 24: "ResourceNotFound.Function", 25: "ResourceNotFound.Function"}
    assert {i: c for i, c in enumerate(codes(answers)) if c and i != 22} == failed
    assert answers[0]["LayerVersion"] == 1
    got = answers[3]
    assert (got["Status"], got["MemorySize"], got["Timeout"], got["Layers"][0]["LayerName"]) == ("Active", 256, 20, name)
    ran = answers[4]["Result"]
    assert json.loads(ran["RetMsg"]) == {"got": {"a": 1}, "version": "$LATEST", "more": "out of a layer"}
    assert ran["InvokeResult"] == 0 and "a line" in ran["Log"] and "START RequestId: " + ran["FunctionRequestId"] in ran["Log"]
    assert answers[5]["Result"]["InvokeResult"] == 430 and "told to" in answers[5]["Result"]["RetMsg"]
    assert answers[6]["Result"]["FunctionRequestId"] and answers[7]["FunctionVersion"] == "1"
    assert answers[10]["FunctionVersion"] == ["$LATEST", "1", "2"]
    assert sorted(json.loads(a["Result"]["RetMsg"])["version"] for a in answers[12:16]) == ["1", "1", "2", "2"]
    assert json.loads(answers[17]["TriggerInfo"]["TriggerDesc"]) == {"cron": "0 */5 * * * * *"}
    assert [(t["TriggerName"], t["Type"], t["Enable"]) for t in answers[19]["Triggers"]] == [("tick", "timer", 0)]
    assert answers[20]["Data"][0]["RetCode"] == 0 and "a line" in answers[20]["Data"][0]["Log"]
    assert answers[22]["error"]["code"].startswith("ResourceNotFound.Layer")
