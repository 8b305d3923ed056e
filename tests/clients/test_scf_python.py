# SPDX-License-Identifier: Apache-2.0
"""SCF through the vendor's own Python SDK, tencentcloud-sdk-python-scf, unmodified: the life of a function, with both signatures."""
import base64
import io
import json
import time
import zipfile

import pytest
import requests
from qcloud_cos import CosConfig, CosS3Client
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.scf.v20180416 import models, scf_client

CODE = '''
def main_handler(event, context):
    print("a line")
    if event.get("fail"):
        raise ValueError("told to")
    return {"got": event, "version": context["function_version"]}
'''
API = {"api": {"authRequired": "FALSE", "requestConfig": {"method": "POST", "path": "/hello"}, "isIntegratedResponse": "FALSE",
               "enableCORS": "FALSE", "serviceTimeout": 10},
       "service": {"serviceName": "SCF_API_SERVICE"}, "release": {"environmentName": "release"}}


def code(text=CODE):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("index.py", text)
    return base64.b64encode(out.getvalue()).decode()


class Cloud:
    def __init__(self, e, sign="TC3-HMAC-SHA256", method="POST"):
        profile = ClientProfile(signMethod=sign, httpProfile=HttpProfile(endpoint=e.url.removeprefix("http://"), protocol="http", reqMethod=method))
        self.client = scf_client.ScfClient(credential.Credential(e.access_key, e.secret_key), "ap-guangzhou", profile)

    def __call__(self, action, **members):
        request = getattr(models, action + "Request")()
        request.from_json_string(json.dumps(members))
        return getattr(self.client, action)(request)


def fails(cloud, error, action, **members):
    with pytest.raises(TencentCloudSDKException) as x:
        cloud(action, **members)
    assert x.value.get_code() == error, x.value
    assert x.value.get_request_id()


@pytest.mark.parametrize("sign", ["TC3-HMAC-SHA256", "HmacSHA1", "HmacSHA256"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_every_signature_of_the_sdk(evoke_shared, sign, method):
    cloud = Cloud(evoke_shared, sign, method)
    assert cloud("GetAccount").AccountLimit.Namespace[0].TimeoutLimit == 900
    assert cloud("ListFunctions", Filters=[{"Name": "tag-a", "Values": ["b c", "/"]}], SearchKey="nobody", Limit=1).TotalCount == 0


@pytest.mark.parametrize("sign", ["TC3-HMAC-SHA256", "HmacSHA256"])
def test_the_life_of_a_function(evoke_shared, sign):
    cloud, fn = Cloud(evoke_shared, sign), {"FunctionName": "life-" + sign[0].lower()}
    fails(cloud, "ResourceNotFound.Function", "GetFunction", **fn)
    cloud("CreateFunction", **fn, Runtime="Python3.9", Handler="index.main_handler", Code={"ZipFile": code()},
          Environment={"Variables": [{"Key": "A", "Value": "1"}]}, Tags=[{"Key": "Stage", "Value": "dev"}])
    got = cloud("GetFunction", **fn)
    assert (got.Status, got.MemorySize, got.Tags[0].Value, got.Environment.Variables[0].Key) == ("Active", 128, "dev", "A")

    result = cloud("Invoke", **fn, ClientContext='{"a":1}', LogType="Tail").Result
    assert json.loads(result.RetMsg) == {"got": {"a": 1}, "version": "$LATEST"}
    assert result.InvokeResult == 0 and "a line\n" in result.Log and "START RequestId: " + result.FunctionRequestId in result.Log
    failed = cloud("InvokeFunction", **fn, Event='{"fail":true}').Result
    assert failed.InvokeResult == 430 and failed.ErrMsg == "user code exception caught"
    assert "told to" in json.loads(failed.RetMsg)["stackTrace"]
    assert cloud("GetRequestStatus", **fn, FunctionRequestId=result.FunctionRequestId).Data[0].RetCode == 0

    assert cloud("PublishVersion", **fn, Description="one").FunctionVersion == "1"
    cloud("UpdateFunctionConfiguration", **fn, MemorySize=256, Publish="TRUE")
    assert cloud("ListVersionByFunction", **fn).FunctionVersion == ["$LATEST", "1", "2"]
    assert cloud("GetFunction", **fn, Qualifier="1").MemorySize == 128
    cloud("CreateAlias", **fn, Name="prod", FunctionVersion="1",
          RoutingConfig={"AdditionalVersionWeights": [{"Version": "2", "Weight": 0.5}]})
    runs = [json.loads(cloud("Invoke", **fn, Qualifier="prod").Result.RetMsg)["version"] for _ in range(4)]
    assert sorted(runs) == ["1", "1", "2", "2"]
    fails(cloud, "UnsupportedOperation.AliasBind", "DeleteFunctionVersion", **fn, Qualifier="1")

    desc = json.loads(cloud("CreateTrigger", **fn, TriggerName="api", Type="apigw", Enable="CLOSE", TriggerDesc=json.dumps(
        {**API, "service": {"serviceName": fn["FunctionName"]}})).TriggerInfo.TriggerDesc)
    assert requests.post(desc["service"]["subDomain"], data="x", timeout=20).json()["got"]["body"] == "x"
    timer = cloud("CreateTrigger", **fn, TriggerName="tick", Type="timer", TriggerDesc="*/5 * * * *", Enable="OPEN").TriggerInfo
    assert (json.loads(timer.TriggerDesc), timer.Enable) == ({"cron": "0 */5 * * * * *"}, 1)
    assert {t.TriggerName for t in cloud("GetFunction", **fn).Triggers} == {"api", "tick"}

    cloud("DeleteFunction", **fn)
    fails(cloud, "ResourceNotFound.Function", "GetFunction", **fn)


def test_an_event_is_accepted_run_and_told_of(evoke_shared):
    cloud, fn = Cloud(evoke_shared), {"FunctionName": "events"}
    cloud("CreateFunction", **fn, Runtime="Python3.9", Code={"ZipFile": code()})
    event = cloud("Invoke", **fn, InvocationType="Event", ClientContext="{}").Result.FunctionRequestId
    end = time.monotonic() + 20
    while cloud("GetAsyncEventStatus", InvokeRequestId=event).Result.Status != "FINISHED":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert [e.InvokeRequestId for e in cloud("ListAsyncEvents", **fn).EventList] == [event]
    fails(cloud, "FailedOperation.AsyncEventStatus", "TerminateAsyncEvent", **fn, InvokeRequestId=event)
    cloud("DeleteFunction", **fn)


def test_a_versions_number_never_comes_again(evoke_shared):
    cloud, fn = Cloud(evoke_shared), {"FunctionName": "numbers"}
    cloud("CreateFunction", **fn, Runtime="Python3.9", Code={"ZipFile": code()})
    given = [cloud("PublishVersion", **fn).FunctionVersion for _ in range(2)]
    for version, of in (("2", "DeleteFunctionVersion"), ("1", "DeleteFunction"), ("3", "DeleteFunctionVersion"), ("5", "DeleteFunctionVersion")):
        cloud(of, **fn, Qualifier=version)
        fails(cloud, "ResourceNotFound.Version", of, **fn, Qualifier=version)
        given.append(cloud("PublishVersion", **fn).FunctionVersion)
    assert given == ["1", "2", "3", "4", "5", "6"]
    cloud("DeleteFunction", **fn)
    cloud("CreateFunction", **fn, Runtime="Python3.9", Code={"ZipFile": code()})
    assert cloud("PublishVersion", **fn).FunctionVersion == "1", "another function, though of the same name"
    cloud("DeleteFunction", **fn)


def test_a_routing_key_chooses_the_version(evoke_shared):
    cloud, fn = Cloud(evoke_shared), {"FunctionName": "routing"}
    cloud("CreateFunction", **fn, Runtime="Python3.9", Code={"ZipFile": code()})
    for version in ("1", "2"):
        assert cloud("PublishVersion", **fn).FunctionVersion == version
    rules = [{"Version": "2", "Key": "invoke.headers.User", "Method": "exact", "Expression": "bob"},
             {"Version": "2", "Key": "invoke.headers.Age", "Method": "range", "Expression": "[18,65)"},
             {"Version": "2", "Key": "invoke.headers.Zone", "Method": "range", "Expression": "(-1,1]"}]
    cloud("CreateAlias", **fn, Name="prod", FunctionVersion="1", RoutingConfig={"AddtionVersionMatchs": rules})

    def runs(key=None, qualifier="prod", action="Invoke"):
        more = {} if key is None else {"RoutingKey": json.dumps(key)}
        return json.loads(cloud(action, **fn, Qualifier=qualifier, **more).Result.RetMsg)["version"]
    for key, version in [(None, "1"), ({}, "1"), ({"User": "bob"}, "2"), ({"User": "Bob"}, "1"), ({"user": "bob"}, "1"), ({"User": ""}, "1"),
                         ({"Age": "17"}, "1"), ({"Age": "18"}, "2"), ({"Age": "64"}, "2"), ({"Age": "65"}, "1"), ({"Age": "old"}, "1"),
                         ({"Zone": "-1"}, "1"), ({"Zone": "0"}, "2"), ({"Zone": "1"}, "2"), ({"Zone": "2"}, "1"),
                         ({"User": "eve", "Age": "18"}, "2"), ({"Other": "bob"}, "1")]:
        assert runs(key) == version, key
    assert runs({"User": "bob"}, action="InvokeFunction") == "2"
    assert runs({"User": "bob"}, qualifier="1") == "1", "rules are the alias's"

    cloud("UpdateAlias", **fn, Name="prod", FunctionVersion="1", RoutingConfig={
        "AddtionVersionMatchs": rules, "AdditionalVersionWeights": [{"Version": "2", "Weight": 0.5}]})
    assert [runs({"User": "bob"}) for _ in range(3)] == ["2"] * 3, "one rule that says yes is enough"
    assert sorted(runs({"User": "eve"}) for _ in range(4)) == ["1", "1", "2", "2"], "who is left falls by weight"
    for wrong in ("x", "[]", "1"):
        fails(cloud, "InvalidParameterValue.RoutingConfig", "Invoke", **fn, Qualifier="prod", RoutingKey=wrong)
    cloud("DeleteFunction", **fn)


@pytest.mark.parametrize("sign", ["HmacSHA1", "HmacSHA256"])
def test_a_form_that_comes_again_is_refused(evoke_shared, sign, monkeypatch):
    """The earlier scheme's signature is good once: the same bytes as the SDK sent them, and nothing else about them."""
    sent, send = [], requests.Session.send

    def keep(session, request, **how):
        sent.append(request)
        return send(session, request, **how)
    monkeypatch.setattr(requests.Session, "send", keep)
    Cloud(evoke_shared, sign)("GetAccount")
    again = requests.Session().send(sent[0]).json()["Response"]
    assert again["Error"]["Code"] == "AuthFailure.SignatureExpire" and again["RequestId"]


def test_code_comes_from_a_bucket(evoke_shared):
    """As the vendor's plugin does it: put there by the storage's SDK, named without the appid. The bucket may change afterwards."""
    e, cloud, fn = evoke_shared, Cloud(evoke_shared), {"FunctionName": "from-cos"}
    cos = CosS3Client(CosConfig(Region="ap-guangzhou", SecretId=e.access_key, SecretKey=e.secret_key, Scheme="http", Proxies={"http": e.url}))
    bucket = {"Bucket": "scf-code-1253970226"}
    where = {"CosBucketName": "scf-code", "CosBucketRegion": "ap-guangzhou"}
    cos.create_bucket(**bucket)
    for name in ("one", "two"):
        cos.put_object(**bucket, Key=f"dir/{name}.zip", Body=base64.b64decode(code(f"def main_handler(event, context):\n    return '{name}'\n")))
    cos.put_object(**bucket, Key="none.zip", Body=b"not a zip")
    fails(cloud, "ResourceNotFound.Cos", "CreateFunction", **fn, Runtime="Python3.9",
          Code={"CosBucketName": "nobody", "CosObjectName": "/dir/one.zip"})
    cloud("CreateFunction", **fn, Runtime="Python3.9", Code={**where, "CosObjectName": "/dir/one.zip"})
    assert cloud("Invoke", **fn).Result.RetMsg == '"one"'
    cloud("UpdateFunctionCode", **fn, **where, Handler="index.main_handler", CosObjectName="dir/two.zip")
    assert cloud("Invoke", **fn).Result.RetMsg == '"two"'
    for key, error in (("none.zip", "InvalidParameterValue.ZipFile"), ("nobody.zip", "ResourceNotFound.CosObject")):
        fails(cloud, error, "UpdateFunctionCode", **fn, **where, Handler="index.main_handler", CosObjectName=key)
    for key in ("dir/one.zip", "dir/two.zip", "none.zip"):
        cos.delete_object(**bucket, Key=key)
    cos.delete_bucket(**bucket)
    assert cloud("Invoke", **fn).Result.RetMsg == '"two"', "neither by what was refused nor by the bucket's end"
    cloud("DeleteFunction", **fn)
