# SPDX-License-Identifier: Apache-2.0
"""What Tencent's tools ask of other products on their way to SCF: CAM, TAG, MONITOR, two calls of the vendor.

Through the SDK's common client, unmodified.
"""
import datetime
import json

import pytest
import requests
from tencentcloud.common import credential
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

VERSIONS = {"cam": "2019-01-16", "tag": "2018-08-13", "monitor": "2018-07-24"}
CALLS = "service-ocnymoks-1258344699.gz.apigw.tencentcs.com"
POLICY = 28341895
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


# -- calls of the vendor ----------------------------------------------------------------------------------------------------------

def post(e, path, host=CALLS, **body):
    return requests.post(e.url + path, json=body, headers={"Host": host}, timeout=30)


def test_the_plugins_two_questions(evoke_shared):
    assert post(evoke_shared, "/release/dataReport", name="serverless-tencent-scf").status_code == 200
    r = post(evoke_shared, "/release/getUserAuthInfo", uin="1")
    assert r.json() == {"Error": False, "Message": {"Authentication": 1}}
    assert post(evoke_shared, "/release/getUserAuthInfo", host="scf.tencentcloudapi.com").status_code == 404
    assert requests.post(evoke_shared.url + "/release/dataReport", json={}, timeout=30).status_code == 404
