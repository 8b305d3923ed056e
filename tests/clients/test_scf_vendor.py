# SPDX-License-Identifier: Apache-2.0
"""What Tencent's tools ask of other products on their way to SCF: CAM, TAG, MONITOR, two calls of the vendor.

Through the SDK's common client, unmodified.
"""
import base64
import datetime
import io
import json
import zipfile

import pytest
import requests
from tencentcloud.common import credential
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

VERSIONS = {"scf": "2018-04-16", "cam": "2019-01-16", "tag": "2018-08-13", "monitor": "2018-07-24"}
CALLS = "service-ocnymoks-1258344699.gz.apigw.tencentcs.com"
POLICY = 28341895
CODE = """
def main_handler(event, context):
    if event.get("fail"):
        raise ValueError("told to")
    return "done"
"""
TRUST = json.dumps({"version": "2.0", "statement": [{"effect": "allow", "principal": {"service": "scf.qcloud.com"},
                                                     "action": "sts:AssumeRole"}]})


@pytest.fixture
def ask(evoke_shared):
    def call(service, action, **params):
        http = HttpProfile(endpoint=f"{evoke_shared.host}:{evoke_shared.port}", protocol="http")
        keys = credential.Credential(evoke_shared.access_key, evoke_shared.secret_key)
        client = CommonClient(service, VERSIONS[service], keys, "ap-guangzhou", ClientProfile(httpProfile=http))
        return client.call_json(action, params)["Response"]
    return call


@pytest.fixture
def function(ask, request):
    """One of the test's own, by its name; gone with it."""
    name = "of-" + request.node.originalname.replace("_", "-")[:50]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("index.py", CODE)
    ask("scf", "CreateFunction", FunctionName=name, Runtime="Python3.9", Handler="index.main_handler",
        Code={"ZipFile": base64.b64encode(out.getvalue()).decode()}, Tags=[{"Key": "Stage", "Value": "dev"}])
    yield name
    ask("scf", "DeleteFunction", FunctionName=name)


def refused(code, ask, service, action, **params):
    with pytest.raises(TencentCloudSDKException) as e:
        ask(service, action, **params)
    assert e.value.code == code, e.value
    return e.value.message


# -- CAM ----------------------------------------------------------------------------------------------------------------------

def test_who_the_account_is(ask):
    a = ask("cam", "GetUserAppId")
    assert isinstance(a["AppId"], int) and a["AppId"] > 0
    assert a["OwnerUin"].isdigit() and a["Uin"] == a["OwnerUin"]


def test_the_policy_that_tools_look_for(ask):
    a = ask("cam", "ListPolicies", Rp=200, Page=1)
    assert [p["PolicyId"] for p in a["List"] if p["PolicyName"] == "QcloudAccessForScfRole"] == [POLICY]
    assert a["TotalNum"] == len(a["List"]) < 200
    assert ask("cam", "ListPolicies", Rp=1, Page=2)["List"] == a["List"][1:2]
    assert ask("cam", "ListPolicies", Rp=200, Page=2)["List"] == []
    assert [p["PolicyName"] for p in ask("cam", "ListPolicies", Keyword="ForScf")["List"]] == ["QcloudAccessForScfRole"]
    assert ask("cam", "ListPolicies", Scope="Local")["TotalNum"] == 0


@pytest.mark.parametrize("page", [{"Rp": 0, "Page": 1}, {"Rp": 201, "Page": 1}, {"Rp": 1, "Page": 0}, {"Rp": -1, "Page": 1}])
def test_pages_that_are_none(ask, page):
    refused("InvalidParameter.ParamError", ask, "cam", "ListPolicies", **page)


def test_a_roles_life(ask):
    made = ask("cam", "CreateRole", RoleName="SCF_QcsRole", PolicyDocument=TRUST, Description="for tests")["RoleId"]
    assert "role name in use" in refused("InvalidParameter.RoleNameInUse", ask, "cam", "CreateRole", RoleName="SCF_QcsRole",
                                         PolicyDocument=TRUST)
    role = ask("cam", "GetRole", RoleName="SCF_QcsRole")["RoleInfo"]
    assert (role["RoleId"], role["Description"]) == (made, "for tests")
    assert json.loads(role["PolicyDocument"]) == json.loads(TRUST)
    assert role["AddTime"].startswith(datetime.datetime.now(datetime.timezone.utc).strftime("%Y-"))
    assert ask("cam", "GetRole", RoleId=made)["RoleInfo"] == role
    assert ask("cam", "DescribeRoleList", Page=1, Rp=20)["List"] == [role]

    ask("cam", "AttachRolePolicy", AttachRoleName="SCF_QcsRole", PolicyId=POLICY)
    ask("cam", "AttachRolePolicy", AttachRoleName="SCF_QcsRole", PolicyName="QcloudAccessForScfRole")  # once more is no error
    assert [p["PolicyId"] for p in ask("cam", "ListAttachedRolePolicies", RoleName="SCF_QcsRole", Page=1, Rp=20)["List"]] == [POLICY]
    ask("cam", "DetachRolePolicy", DetachRoleId=made, PolicyId=POLICY)
    assert ask("cam", "ListAttachedRolePolicies", RoleId=made, Page=1, Rp=20)["TotalNum"] == 0
    refused("InvalidParameter.PolicyIdNotExist", ask, "cam", "AttachRolePolicy", AttachRoleName="SCF_QcsRole", PolicyId=7)

    ask("cam", "DeleteRole", RoleName="SCF_QcsRole")
    for action in ("GetRole", "DeleteRole"):
        refused("InvalidParameter.RoleNotExist", ask, "cam", action, RoleName="SCF_QcsRole")
    refused("InvalidParameter.RoleNotExist", ask, "cam", "AttachRolePolicy", AttachRoleName="SCF_QcsRole", PolicyId=POLICY)


@pytest.mark.parametrize("name, good", [("a" * 128, True), ("a" * 129, False), ("", False), ("a b", False), ("r\u00f4le", False),
                                        ("A_+=,.@-9", True)])
def test_names_of_roles(ask, name, good):
    if good:
        ask("cam", "CreateRole", RoleName=name, PolicyDocument="{}")
        ask("cam", "DeleteRole", RoleName=name)
    else:
        refused("InvalidParameter.RoleNameError", ask, "cam", "CreateRole", RoleName=name, PolicyDocument="{}")


def test_a_document_that_is_no_json(ask):
    refused("InvalidParameter.PrincipalError", ask, "cam", "CreateRole", RoleName="r", PolicyDocument="{")


def test_what_is_not_built_says_so(ask):
    refused("InvalidAction", ask, "cam", "CreateUser", Name="x")
    refused("MissingParameter", ask, "cam", "CreateRole", RoleName="x")
    refused("UnknownParameter", ask, "cam", "GetUserAppId", Nonsense=1)
    refused("InvalidParameter", ask, "cam", "ListPolicies", Rp="many")


# -- TAG ------------------------------------------------------------------------------------------------------------------------

def by_ids(**more):
    return {"ServiceType": "scf", "ResourcePrefix": "lam", "ResourceRegion": "ap-guangzhou", "ResourceIds": ["lam-aaaaaaaa"], **more}


def test_what_nobody_has_has_no_tags(ask):
    a = ask("tag", "DescribeResourceTagsByResourceIds", **by_ids(Limit=1000))
    assert (a["Tags"], a["TotalCount"], a["Offset"], a["Limit"]) == ([], 0, 0, 1000)


@pytest.mark.parametrize("code, more", [
    ("InvalidParameterValue.ServiceTypeInvalid", {"ServiceType": "cvm"}),
    ("InvalidParameterValue.ResourcePrefixInvalid", {"ResourcePrefix": "instance"}),
    ("InvalidParameterValue.ResourceIdInvalid", {"ResourceIds": ["lam-aaaaaaaa"] * 51}),
    ("InvalidParameterValue.OffsetInvalid", {"Limit": 0}),
    ("InvalidParameterValue.OffsetInvalid", {"Limit": 1001}),
    ("InvalidParameterValue.OffsetInvalid", {"Limit": 10, "Offset": 5}),
    ("InvalidParameter", {"ResourceIds": [1]}),
])
def test_questions_for_tags_that_are_wrong(ask, code, more):
    refused(code, ask, "tag", "DescribeResourceTagsByResourceIds", **by_ids(**more))


@pytest.mark.parametrize("code, resource", [
    ("InvalidParameterValue.ResourceDescriptionError", "lam-aaaaaaaa"),
    ("InvalidParameterValue.ResourceDescriptionError", "qcs::cvm:ap-guangzhou::instance/i-1"),
    ("InvalidParameterValue.ResourceIdInvalid", "qcs::scf:ap-guangzhou::lam/lam-aaaaaaaa"),
    ("InvalidParameterValue.ResourceIdInvalid", "qcs::scf:ap-guangzhou:uin/1:lam/"),
])
def test_resources_that_are_none(ask, code, resource):
    refused(code, ask, "tag", "ModifyResourceTags", Resource=resource, ReplaceTags=[{"TagKey": "a", "TagValue": "b"}])


class Tags:
    """Those of one function, seen by each of who tells them."""

    def __init__(self, ask, name):
        self.ask, self.name = ask, name
        self.id = ask("scf", "GetFunction", FunctionName=name)["FunctionId"]

    def change(self, **more):
        self.ask("tag", "ModifyResourceTags", Resource=f"qcs::scf:ap-guangzhou::lam/{self.id}", **more)

    def now(self):
        told = self.ask("tag", "DescribeResourceTagsByResourceIds", **by_ids(ResourceIds=[self.id]))
        assert {t["ResourceId"] for t in told["Tags"]} <= {self.id} and told["TotalCount"] == len(told["Tags"])
        by_tag = {t["TagKey"]: t["TagValue"] for t in told["Tags"]}
        assert {t["Key"]: t["Value"] for t in self.ask("scf", "GetFunction", FunctionName=self.name)["Tags"]} == by_tag
        return by_tag

    def found(self, **tags):
        filters = [{"Name": "tag-" + k, "Values": v if isinstance(v, list) else [v]} for k, v in tags.items()]
        return self.name in [f["FunctionName"] for f in self.ask("scf", "ListFunctions", Filters=filters)["Functions"]]


def test_tags_are_changed_and_found(ask, function):
    t = Tags(ask, function)
    assert t.now() == {"Stage": "dev"} and t.found(Stage="dev") and not t.found(Stage="prod")
    t.change(ReplaceTags=[{"TagKey": "Stage", "TagValue": "prod"}, {"TagKey": "Application", "TagValue": "a shop / \u5e97"}])
    assert t.now() == {"Stage": "prod", "Application": "a shop / \u5e97"}
    assert t.found(Stage="prod", Application="a shop / \u5e97") and t.found(Stage=["dev", "prod"])
    assert not t.found(Stage="dev") and not t.found(Stage="prod", Application="another")
    t.change(DeleteTags=[{"TagKey": "Application"}, {"TagKey": "Nobody"}])
    assert t.now() == {"Stage": "prod"} and not t.found(Application="a shop / \u5e97")
    t.change(ReplaceTags=[{"TagKey": "Team", "TagValue": "x"}], DeleteTags=[{"TagKey": "Stage"}])
    assert t.now() == {"Team": "x"}


def test_pages_of_tags(ask, function):
    t = Tags(ask, function)
    t.change(ReplaceTags=[{"TagKey": f"k{i}", "TagValue": str(i)} for i in range(5)])
    pages = [ask("tag", "DescribeResourceTagsByResourceIds", **by_ids(ResourceIds=[t.id], Limit=4, Offset=at)) for at in (0, 4)]
    assert [p["TotalCount"] for p in pages] == [6, 6] and [len(p["Tags"]) for p in pages] == [4, 2]
    assert {x["TagKey"] for p in pages for x in p["Tags"]} == {"Stage", "k0", "k1", "k2", "k3", "k4"}


def test_tags_of_another_region_are_not_changed(ask, function):
    t = Tags(ask, function)
    refused("InvalidParameterValue.ResourceIdInvalid", ask, "tag", "ModifyResourceTags", Resource=f"qcs::scf:ap-beijing::lam/{t.id}",
            ReplaceTags=[{"TagKey": "Stage", "TagValue": "stolen"}])
    assert t.now() == {"Stage": "dev"}


# -- MONITOR ----------------------------------------------------------------------------------------------------------------------

def figures(**more):
    names = [{"Name": "functionName", "Value": "nobody"}, {"Name": "namespace", "Value": "default"}, {"Name": "version", "Value": "$LATEST"}]
    return {"Namespace": "QCE/SCF_V2", "MetricName": "Invocation", "Instances": [{"Dimensions": names}], **more}


@pytest.mark.parametrize("metric", ["Invocation", "Error", "OutFlow", "Duration"])
def test_who_did_nothing_has_no_points(ask, metric):
    a = ask("monitor", "GetMonitorData", **figures(MetricName=metric))
    assert (a["MetricName"], a["Period"]) == (metric, 300)
    [point] = a["DataPoints"]
    assert (point["Timestamps"], point["Values"]) == ([], [])
    assert point["Dimensions"][0] == {"Name": "functionName", "Value": "nobody"}


@pytest.mark.parametrize("start, end, period", [
    ("2026-11-21T20:00:00+08:00", "2026-11-21T21:00:00+08:00", 60),
    ("2026-11-21T20:00:00Z", "2026-11-22T20:00:00Z", 60),  # 1440 points
    ("2026-11-21 20:00:00", "2026-11-21 20:00:00", 300),
])
def test_times_it_takes(ask, start, end, period):
    a = ask("monitor", "GetMonitorData", **figures(StartTime=start, EndTime=end, Period=period))
    assert a["Period"] == period
    if "+08:00" in start:
        assert (a["StartTime"], a["EndTime"]) == ("2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z")


@pytest.mark.parametrize("code, more", [
    ("InvalidParameterValue", {"Namespace": "QCE/CVM"}),
    ("InvalidParameterValue", {"MetricName": "CPUUsage"}),
    ("InvalidParameterValue", {"Instances": []}),
    ("InvalidParameterValue", {"Instances": figures()["Instances"] * 11}),
    ("InvalidParameterValue", {"StartTime": "yesterday"}),
    ("InvalidParameterValue", {"StartTime": "2026-11-21 20:00:00 "}),
    ("InvalidParameterValue", {"StartTime": "2026-11-21T20:00:01Z", "EndTime": "2026-11-21T20:00:00Z"}),
    ("InvalidParameterValue", {"Period": 59}),
    ("InvalidParameterValue", {"Period": 90}),
    ("InvalidParameterValue", {"Period": 86460}),
    ("LimitExceeded", {"StartTime": "2026-11-20T19:00:00Z", "EndTime": "2026-11-21T20:00:00Z", "Period": 60}),
    ("MissingParameter", {"Instances": None}),
])
def test_questions_for_figures_that_are_wrong(ask, code, more):
    refused(code, ask, "monitor", "GetMonitorData", **figures(**more))


def test_figures_of_a_function_that_ran(ask, function):
    """Three calls, one of which fails: as many points as minutes they fell in, and their sum."""
    def instance(name):
        return {"Dimensions": [{"Name": "functionName", "Value": name}, {"Name": "namespace", "Value": "default"},
                               {"Name": "version", "Value": "$LATEST"}]}

    def minute(t):
        return int(t.timestamp()) // 60 * 60

    began = datetime.datetime.now(datetime.timezone.utc)
    for event in ({}, {"fail": 1}, {}):
        ask("scf", "Invoke", FunctionName=function, ClientContext=json.dumps(event))
    ended = datetime.datetime.now(datetime.timezone.utc)
    times = {"StartTime": (began - datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
             "EndTime": (ended + datetime.timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")}

    def points(metric, period=60):
        a = ask("monitor", "GetMonitorData", **figures(MetricName=metric, Instances=[instance(function), instance("nobody")], Period=period, **times))
        ran, nobody = a["DataPoints"]
        assert ran["Dimensions"][0]["Value"] == function and nobody["Values"] == []
        assert len(ran["Timestamps"]) == len(ran["Values"])
        return dict(zip(ran["Timestamps"], ran["Values"]))

    calls = points("Invocation")
    assert sum(calls.values()) == 3 and all(minute(began) <= t <= minute(ended) and t % 60 == 0 for t in calls)
    assert sum(points("Error").values()) == 1
    durations = points("Duration")
    assert set(durations) == set(calls) and all(0 < v < 60000 for v in durations.values())
    assert points("OutFlow") == {}
    assert sum(points("Invocation", 3600).values()) == 3


# -- calls of the vendor ----------------------------------------------------------------------------------------------------------

def post(e, path, host=CALLS, **body):
    return requests.post(e.url + path, json=body, headers={"Host": host}, timeout=30)


def test_the_plugins_two_questions(evoke_shared):
    assert post(evoke_shared, "/release/dataReport", name="serverless-tencent-scf").status_code == 200
    r = post(evoke_shared, "/release/getUserAuthInfo", uin="1")
    assert r.json() == {"Error": False, "Message": {"Authentication": 1}}
    assert post(evoke_shared, "/release/getUserAuthInfo", host="scf.tencentcloudapi.com").status_code == 404
    assert requests.post(evoke_shared.url + "/release/dataReport", json={}, timeout=30).status_code == 404
