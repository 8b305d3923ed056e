# SPDX-License-Identifier: Apache-2.0
"""API Gateway's control plane through its official Python SDK: the life of each object, each documented refusal, paging."""
import json
import re

import pytest
from huaweicloudsdkapig.v2 import (
    ApiActionInfo, ApiAuthCreate, ApiBatchPublish, ApiCheckInfoV2, ApiCreate, ApiFuncCreate, ApiGroupBase, ApiGroupCheck, ApiMockCreate,
    ApiVersion, AppCodeCreate, AppCreate, AppResetCreate, AssociateDomainV2Request, AssociateRequestThrottlingPolicyV2Request, AuthorizerCreate,
    BackendParamBase, BatchDisassociateThrottlingPolicyV2Request, BatchPublishOrOfflineApiV2Request, CancelingAuthorizationV2Request,
    ChangeApiVersionV2Request, CheckApiGroupsV2Request, CheckApisV2Request, CheckAppV2Request, CreateAnAppV2Request, CreateAppCodeAutoV2Request,
    CreateAppCodeV2Request, CreateAuthorizingAppsV2Request, CreateCertificateV2Request, CreateEnvironmentV2Request,
    CreateEnvironmentVariableV2Request, CreateGatewayResponseV2Request, CreateRequestThrottlingPolicyV2Request, DeleteApiByVersionIdV2Request,
    DeleteApiGroupV2Request, DeleteApiV2Request, DeleteAppCodeV2Request, DeleteAppV2Request, DeleteCustomAuthorizerV2Request,
    DeleteEnvironmentV2Request, DeleteEnvironmentVariableV2Request, DeleteGatewayResponseTypeV2Request, DeleteGatewayResponseV2Request,
    DeleteInstancesV2Request, DeleteRequestThrottlingPolicyV2Request, DisassociateDomainV2Request, DisassociateRequestThrottlingPolicyV2Request,
    EnvCreate, EnvVariableBase, EnvVariableCreate, Identity, ListApiGroupsQuantitiesV2Request, ListApiGroupsV2Request, ListApiQuantitiesV2Request,
    ListApiRuntimeDefinitionV2Request, ListApisBindedToAppV2Request, ListApisBindedToRequestThrottlingPolicyV2Request,
    ListApisUnbindedToAppV2Request, ListApisUnbindedToRequestThrottlingPolicyV2Request, ListApisV2Request, ListApiVersionDetailV2Request,
    ListApiVersionsV2Request, ListAppCodesV2Request, ListAppQuantitiesV2Request, ListAppsBindedToApiV2Request, ListAppsV2Request,
    ListCertificatesV2Request, ListCustomAuthorizersV2Request, ListEnvironmentsV2Request, ListEnvironmentVariablesV2Request, ListFeaturesV2Request,
    ListGatewayResponsesV2Request, ListInstancesV2Request, ListPluginsRequest, ListRequestThrottlingPoliciesBindedToApiV2Request,
    ListRequestThrottlingPolicyV2Request, ListTagsV2Request, ReqParamBase, ResettingAppSecretV2Request, ResponseInfo, ResponseInfoHeader,
    ResponsesCreate, ShowDetailsOfApiGroupV2Request, ShowDetailsOfApiV2Request, ShowDetailsOfAppCodeV2Request, ShowDetailsOfAppV2Request,
    ShowDetailsOfCustomAuthorizersV2Request, ShowDetailsOfEnvironmentVariableV2Request, ShowDetailsOfGatewayResponseTypeV2Request,
    ShowDetailsOfGatewayResponseV2Request, ShowDetailsOfInstanceProgressV2Request, ShowDetailsOfInstanceV2Request,
    ShowDetailsOfRequestThrottlingPolicyV2Request, SlDomainAccessSetting, ThrottleApiBindingCreate, ThrottleBaseInfo, ThrottleBindingBatchDelete,
    UpdateApiGroupV2Request, UpdateApiV2Request, UpdateAppV2Request, UpdateCustomAuthorizerV2Request, UpdateDomainV2Request,
    UpdateEnvironmentV2Request, UpdateEnvironmentVariableV2Request, UpdateGatewayResponseTypeV2Request, UpdateGatewayResponseV2Request,
    UpdateRequestThrottlingPolicyV2Request, UpdateSlDomainSettingV2Request, UrlDomainCreate, UrlDomainModify)

from apigcloud import HEX32, INSTANCE, RELEASE, TIME, Gateway, refused

NOBODY = "0" * 32


@pytest.fixture
def gateway(evoke_shared):
    return Gateway(evoke_shared)


@pytest.fixture
def sdk(gateway):
    return gateway.client


@pytest.fixture
def function(cloud):
    """A function, and its URN without a version."""
    cloud.create("behind")
    return cloud.urn("behind")


@pytest.fixture
def group(gateway, sdk):
    """A group that is taken apart afterwards, with everything in it."""
    made = gateway.group("a_group")
    yield made
    for api in sdk.list_apis_v2(ListApisV2Request(INSTANCE, group_id=made.id, limit=500)).apis:
        for env in (api.run_env_id or "").split("|"):
            if env:
                gateway.publish(api.id, env, "offline")
        sdk.delete_api_v2(DeleteApiV2Request(INSTANCE, api.id))
    for bound in sdk.show_details_of_api_group_v2(ShowDetailsOfApiGroupV2Request(INSTANCE, made.id)).url_domains:
        sdk.disassociate_domain_v2(DisassociateDomainV2Request(INSTANCE, made.id, bound.id))
    sdk.delete_api_group_v2(DeleteApiGroupV2Request(INSTANCE, made.id))


@pytest.fixture
def mock(gateway, group):
    """An API that needs no function: mock(name, **over)."""
    return lambda name="mocked", **over: gateway.api(group.id, name, **{
        "backend_type": "MOCK", "mock_info": ApiMockCreate(result_content="mocked"), **over})


@pytest.fixture
def env(sdk):
    made = sdk.create_environment_v2(CreateEnvironmentV2Request(INSTANCE, EnvCreate(name="staging")))
    yield made
    sdk.delete_environment_v2(DeleteEnvironmentV2Request(INSTANCE, made.id))


@pytest.fixture
def app(sdk):
    made = sdk.create_an_app_v2(CreateAnAppV2Request(INSTANCE, AppCreate(name="an_app", remark="whose")))
    yield made
    sdk.delete_app_v2(DeleteAppV2Request(INSTANCE, made.id))


# -- instance ---------------------------------------------------------------------------------------


def test_there_is_one_instance_and_it_runs(gateway, sdk):
    listed = sdk.list_instances_v2(ListInstancesV2Request())
    assert (listed.total, listed.size) == (1, 1) and listed.instances[0].id == INSTANCE
    shown = sdk.show_details_of_instance_v2(ShowDetailsOfInstanceV2Request(INSTANCE))
    assert (shown.id, shown.status, shown.instance_status, shown.type) == (INSTANCE, "Running", 6, "apig")
    assert shown.project_id == gateway.project
    assert sdk.show_details_of_instance_progress_v2(ShowDetailsOfInstanceProgressV2Request(INSTANCE)).progress == 100
    assert sdk.list_features_v2(ListFeaturesV2Request(INSTANCE)).features == []


def test_another_instance_does_not_exist(sdk):
    refused(lambda: sdk.list_api_groups_v2(ListApiGroupsV2Request("other")), 404, "APIG.3030", "The instance does not exist;id:other")


def test_what_one_machine_has_not_is_refused_by_name_or_an_empty_list(sdk):
    refused(lambda: sdk.delete_instances_v2(DeleteInstancesV2Request(INSTANCE)), 403, "APIG.1005", "DeleteInstancesV2")
    refused(lambda: sdk.create_certificate_v2(CreateCertificateV2Request(body={})), 403, "APIG.1005", "CreateCertificateV2")
    assert sdk.list_plugins(ListPluginsRequest(INSTANCE)).total == 0
    assert sdk.list_certificates_v2(ListCertificatesV2Request()).certs == []


# -- groups -----------------------------------------------------------------------------------------


def test_the_life_of_a_group(gateway, sdk):
    made = gateway.group("lived", remark="r é")
    assert gateway.status == 201 and re.fullmatch(HEX32, made.id)
    assert (made.name, made.remark, made.status, made.on_sell_status) == ("lived", "r é", 1, 2)
    assert made.sl_domain == made.id + ".apigw.localhost" and made.sl_domains == [made.sl_domain]
    assert made.sl_domain_access_enabled is True and made.url_domains == []
    assert re.fullmatch(TIME, gateway.raw["register_time"]) and re.fullmatch(TIME, gateway.raw["update_time"])

    assert sdk.show_details_of_api_group_v2(ShowDetailsOfApiGroupV2Request(INSTANCE, made.id)).to_json_object() == made.to_json_object()
    changed = sdk.update_api_group_v2(UpdateApiGroupV2Request(INSTANCE, made.id, ApiGroupBase(name="lived_on")))
    assert gateway.status == 200 and (changed.id, changed.name, changed.remark) == (made.id, "lived_on", "r é")

    sdk.delete_api_group_v2(DeleteApiGroupV2Request(INSTANCE, made.id))
    assert gateway.status == 204
    refused(lambda: sdk.show_details_of_api_group_v2(ShowDetailsOfApiGroupV2Request(INSTANCE, made.id)), 404, "APIG.3001",
            f"API group {made.id} does not exist")


def test_groups_are_listed_in_pages_and_by_name(gateway, sdk):
    ids = [gateway.group(f"page_{i}").id for i in range(5)]
    pages = [sdk.list_api_groups_v2(ListApiGroupsV2Request(INSTANCE, offset=o, limit=2, name="page_")) for o in (0, 2, 4, 6)]
    assert [p.total for p in pages] == [5] * 4 and [p.size for p in pages] == [2, 2, 1, 0]
    assert [g.id for p in pages for g in p.groups] == ids
    assert sdk.list_api_groups_v2(ListApiGroupsV2Request(INSTANCE, name="AGE_3")).size == 1
    assert sdk.list_api_groups_v2(ListApiGroupsV2Request(INSTANCE, name="page_", precise_search="name")).size == 0
    assert sdk.list_api_groups_v2(ListApiGroupsV2Request(INSTANCE, name="page_3", precise_search="name")).size == 1
    assert sdk.list_api_groups_v2(ListApiGroupsV2Request(INSTANCE, id=ids[1])).groups[0].name == "page_1"
    assert sdk.list_api_groups_quantities_v2(ListApiGroupsQuantitiesV2Request(INSTANCE)).offsell_nums >= 5
    for one in ids:
        sdk.delete_api_group_v2(DeleteApiGroupV2Request(INSTANCE, one))


@pytest.mark.parametrize("offset,limit,size", [(-1, 500, 3), (0, 0, 3), (0, -5, 3), (0, 100000, 3), (2, 1, 1)])
def test_a_page_out_of_bounds_is_put_right(gateway, sdk, mock, group, offset, limit, size):
    for i in range(3):
        mock(f"bound{i}")
    listed = sdk.list_apis_v2(ListApisV2Request(INSTANCE, group_id=group.id, offset=offset, limit=limit))
    assert (listed.total, listed.size) == (3, size)


def test_a_group_name_is_there_once(gateway, sdk, group):
    refused(lambda: gateway.group("a_group"), 400, "APIG.3201", "already exists")
    refused(lambda: sdk.check_api_groups_v2(CheckApiGroupsV2Request(INSTANCE, ApiGroupCheck(group_name="a_group"))), 400, "APIG.3201")
    sdk.check_api_groups_v2(CheckApiGroupsV2Request(INSTANCE, ApiGroupCheck(group_name="another")))
    assert gateway.status == 204


@pytest.mark.parametrize("name", ["ab", "a" * 256, "a b", ""])
def test_a_group_name_follows_its_rule(gateway, name):
    refused(lambda: gateway.group(name), 400, "APIG.2011", "parameterName:name.")


def test_a_group_with_apis_stays(gateway, sdk, group, mock):
    mock("inside")
    refused(lambda: sdk.delete_api_group_v2(DeleteApiGroupV2Request(INSTANCE, group.id)), 403, "APIG.3415")


def test_projects_do_not_see_each_other(evoke_shared, sdk, group):
    other = Gateway(evoke_shared, project="f" * 32)
    assert other.client.list_api_groups_v2(ListApiGroupsV2Request(INSTANCE)).total == 0
    refused(lambda: other.client.show_details_of_api_group_v2(ShowDetailsOfApiGroupV2Request(INSTANCE, group.id)), 404, "APIG.3001")
    refused(lambda: other.api(group.id, "theirs"), 404, "APIG.3001")


def test_the_groups_own_name_can_be_closed(gateway, sdk, group, mock):
    gateway.publish(mock("closing").id)
    assert gateway.call(group.sl_domain, "/closing")[0] == 200
    for on, status in ((False, 404), (True, 200)):
        sdk.update_sl_domain_setting_v2(UpdateSlDomainSettingV2Request(INSTANCE, group.id, SlDomainAccessSetting(sl_domain_access_enabled=on)))
        assert gateway.status == 204
        assert sdk.show_details_of_api_group_v2(ShowDetailsOfApiGroupV2Request(INSTANCE, group.id)).sl_domain_access_enabled is on
        assert gateway.call(group.sl_domain, "/closing")[0] == status


# -- domains ----------------------------------------------------------------------------------------


def test_the_life_of_a_domain(gateway, sdk, group, mock):
    gateway.publish(mock("named").id)
    made = sdk.associate_domain_v2(AssociateDomainV2Request(INSTANCE, group.id, UrlDomainCreate(url_domain="API.Example.COM")))
    assert gateway.status == 201 and (made.url_domain, made.status, made.min_ssl_version) == ("api.example.com", 3, "TLSv1.2")
    shown = sdk.show_details_of_api_group_v2(ShowDetailsOfApiGroupV2Request(INSTANCE, group.id)).url_domains
    assert [(d.id, d.domain) for d in shown] == [(made.id, "api.example.com")]
    assert gateway.call("api.example.com", "/named")[::2] == (200, "mocked")

    changed = sdk.update_domain_v2(UpdateDomainV2Request(INSTANCE, group.id, made.id, UrlDomainModify(min_ssl_version="TLSv1.1")))
    assert (changed.url_domain, changed.min_ssl_version) == ("api.example.com", "TLSv1.1")
    refused(lambda: sdk.update_domain_v2(UpdateDomainV2Request(
        INSTANCE, group.id, made.id, UrlDomainModify(is_http_redirect_to_https=True))), 403, "APIG.1005", "is_http_redirect_to_https")
    refused(lambda: sdk.delete_api_group_v2(DeleteApiGroupV2Request(INSTANCE, group.id)), 403, "APIG.3415")

    sdk.disassociate_domain_v2(DisassociateDomainV2Request(INSTANCE, group.id, made.id))
    assert gateway.status == 204 and gateway.call("api.example.com", "/named")[0] != 200
    refused(lambda: sdk.disassociate_domain_v2(DisassociateDomainV2Request(INSTANCE, group.id, made.id)), 404, "APIG.3020")


def test_a_domain_is_bound_once_and_never_ours(gateway, sdk, group):
    other = gateway.group("other_group")
    sdk.associate_domain_v2(AssociateDomainV2Request(INSTANCE, group.id, UrlDomainCreate(url_domain="one.example.com")))
    for name in ("one.example.com", group.sl_domain, "x.apigw.localhost", "console.localhost", "localhost"):
        refused(lambda name=name: sdk.associate_domain_v2(AssociateDomainV2Request(INSTANCE, other.id, UrlDomainCreate(url_domain=name))), 400,
                "APIG.3305")
    refused(lambda: sdk.associate_domain_v2(AssociateDomainV2Request(INSTANCE, other.id, UrlDomainCreate(url_domain="no/domain"))), 400,
            "APIG.2011", "url_domain")
    sdk.delete_api_group_v2(DeleteApiGroupV2Request(INSTANCE, other.id))


# -- APIs -------------------------------------------------------------------------------------------


def test_the_life_of_an_api(gateway, sdk, group, function):
    made = gateway.api(group.id, "whole", function, req_uri="/a/{id}/b", tags=["blue"], remark="what",
                       req_params=[ReqParamBase(name="id", type="STRING", location="PATH", required=1)],
                       backend_params=[BackendParamBase(origin="CONSTANT", name="k", location="HEADER", value="v")])
    assert gateway.status == 201 and re.fullmatch(HEX32, made.id)
    assert (made.name, made.req_uri, made.req_method, made.auth_type) == ("whole", "/a/{id}/b", "GET", "NONE")
    assert (made.group_id, made.group_name, made.group_version, made.status, made.arrange_necessary) == (group.id, "a_group", "V1", 1, 2)
    assert made.version == "V0.0.1" and made.match_mode == "NORMAL" and made.cors is False and made.is_send_fg_body_base64 is True
    assert made.func_info.function_urn == function and re.fullmatch(HEX32, made.func_info.id)
    assert re.fullmatch(HEX32, made.req_params[0].id) and re.fullmatch(HEX32, made.backend_params[0].id)
    assert made.run_env_name is None and re.fullmatch(TIME, gateway.raw["register_time"])

    assert sdk.show_details_of_api_v2(ShowDetailsOfApiV2Request(INSTANCE, made.id)).to_json_object() == made.to_json_object()
    body = gateway.api_body(group.id, "renamed", function, req_uri="/a/{id}/c", req_method="POST",
                            req_params=[ReqParamBase(name="id", type="STRING", location="PATH", required=1)])
    changed = sdk.update_api_v2(UpdateApiV2Request(INSTANCE, made.id, body))
    assert gateway.status == 200 and (changed.id, changed.name, changed.req_method) == (made.id, "renamed", "POST")
    assert changed.tags == [] and changed.remark == "", "an update says the whole definition"

    sdk.delete_api_v2(DeleteApiV2Request(INSTANCE, made.id))
    assert gateway.status == 204
    refused(lambda: sdk.show_details_of_api_v2(ShowDetailsOfApiV2Request(INSTANCE, made.id)), 404, "APIG.3002", f"API {made.id} does not exist")


def test_apis_are_found_by_what_they_are(gateway, sdk, group, mock):
    a = mock("alpha", tags=["red", "big"])
    b = mock("beta", req_method="POST", req_uri="/beta/{x}", type=2, tags=["blue"],
             req_params=[ReqParamBase(name="x", type="STRING", location="PATH", required=1)])
    mock("gamma", auth_type="APP")
    gateway.publish(a.id)

    def names(**query):
        return [x.name for x in sdk.list_apis_v2(ListApisV2Request(INSTANCE, group_id=group.id, **query)).apis]
    assert names() == ["alpha", "beta", "gamma"]
    assert names(name="a") == ["alpha", "beta", "gamma"] and names(name="bet") == ["beta"]
    assert names(name="a", precise_search="name") == [] and names(req_uri="/beta/{x}", precise_search="name,req_uri", name="beta") == ["beta"]
    assert names(req_method="POST") == ["beta"] and names(type=2) == ["beta"] and names(auth_type="APP") == ["gamma"]
    assert names(id=b.id) == ["beta"] and names(req_uri="/ALP") == ["alpha"]
    assert names(tags="red") == ["alpha"] and names(tags="blue,big") == ["alpha", "beta"] and names(tags="#no_tags#") == ["gamma"]
    assert names(env_id=RELEASE) == ["alpha"]
    assert sorted(sdk.list_tags_v2(ListTagsV2Request(INSTANCE)).tags) == ["big", "blue", "red"]
    counted = sdk.list_api_quantities_v2(ListApiQuantitiesV2Request(INSTANCE))
    assert (counted.instance_num, counted.nums_on_release, counted.nums_off_release) == (3, 1, 2)


def test_a_name_and_a_path_are_there_once(gateway, sdk, group, mock):
    a = mock("first", req_uri="/p/{a}", req_params=[ReqParamBase(name="a", type="STRING", location="PATH", required=1)])
    refused(lambda: mock("first", req_uri="/q"), 400, "APIG.3202")
    refused(lambda: mock("second", req_uri="/p/{other}",
                         req_params=[ReqParamBase(name="other", type="STRING", location="PATH", required=1)]), 400, "APIG.3301", "'first'")
    b = mock("third", req_uri="/p/b", req_method="POST")
    refused(lambda: sdk.update_api_v2(UpdateApiV2Request(INSTANCE, b.id, gateway.api_body(
        group.id, "first", req_uri="/z", backend_type="MOCK", mock_info=ApiMockCreate(result_content="")))), 400, "APIG.3202")

    def check(**over):
        sdk.check_apis_v2(CheckApisV2Request(INSTANCE, ApiCheckInfoV2(group_id=group.id, type="path", **over)))
    refused(lambda: check(name="first"), 400, "APIG.3202")
    refused(lambda: check(req_method="GET", req_uri="/p/{a}", match_mode="NORMAL"), 400, "APIG.3301")
    check(req_method="GET", req_uri="/p/{a}", match_mode="NORMAL", api_id=a.id)
    assert gateway.status == 204
    check(name="fourth", req_method="GET", req_uri="/p/{a}", match_mode="SWA")
    assert gateway.status == 204


WRONG = [
    ({"req_method": "FETCH"}, "req_method"), ({"req_uri": "no-slash"}, "req_uri"), ({"req_uri": "/" + "a" * 512}, "req_uri"),
    ({"auth_type": "MAYBE"}, "auth_type"), ({"match_mode": "SOME"}, "match_mode"), ({"type": 3}, "type"), ({"name": "ab"}, "name"),
    ({"req_protocol": "FTP"}, "req_protocol"), ({"auth_type": "AUTHORIZER"}, "authorizer_id"), ({"backend_type": "FUNCTION"}, "func_info"),
    ({"backend_type": "HTTP", "mock_info": None}, "backend_api"), ({"name": None}, "name"), ({"group_id": None}, "group_id"),
    ({"tags": ["1 bad"]}, "tags"),
]


@pytest.mark.parametrize("over,name", WRONG, ids=[f"{n}-{i}" for i, (_, n) in enumerate(WRONG)])
def test_what_is_wrong_with_a_definition_is_named(gateway, mock, over, name):
    refused(lambda: mock(**{"name": "wrong", **over}), 400, "APIG.2011", f"parameterName:{name}")


@pytest.mark.parametrize("timeout,ok", [(0, False), (1, True), (60000, True), (60001, False)])
def test_the_time_a_function_has(gateway, sdk, group, function, timeout, ok):
    info = ApiFuncCreate(function_urn=function, invocation_type="sync", network_type="V1", timeout=timeout)
    if ok:
        assert gateway.api(group.id, "timed", func_info=info).func_info.timeout == timeout
    else:
        refused(lambda: gateway.api(group.id, "timed", func_info=info), 400, "APIG.2011", "timeout")


def test_what_a_definition_refers_to_is_there(gateway, group, function, cloud):
    refused(lambda: gateway.api(group.id, "lost", cloud.urn("nowhere")), 404, "APIG.3019")
    refused(lambda: gateway.api(group.id, "lost", function.replace(cloud.project, "f" * 32)), 404, "APIG.3019")
    refused(lambda: gateway.api(group.id, "lost", "no urn"), 400, "APIG.2011", "function_urn")
    refused(lambda: gateway.api(NOBODY, "lost", function), 404, "APIG.3001")
    refused(lambda: gateway.api(group.id, "lost", function, auth_type="AUTHORIZER", authorizer_id=NOBODY), 404, "APIG.3081")
    refused(lambda: gateway.api(group.id, "lost", function, response_id=NOBODY), 404, "APIG.3033")


# -- publishing -------------------------------------------------------------------------------------


def test_the_life_of_a_publication(gateway, sdk, group, mock, env):
    api = mock("public")
    assert gateway.call(group.sl_domain, "/public")[0] == 404

    first = gateway.publish(api.id, remark="one")
    assert gateway.status == 201 and re.fullmatch(HEX32, first.publish_id) and re.fullmatch(HEX32, first.version_id)
    assert (first.api_id, first.api_name, first.env_id, first.remark) == (api.id, "public", RELEASE, "one")
    assert gateway.call(group.sl_domain, "/public")[::2] == (200, "mocked")
    shown = sdk.show_details_of_api_v2(ShowDetailsOfApiV2Request(INSTANCE, api.id))
    assert (shown.run_env_name, shown.run_env_id, shown.publish_id) == ("RELEASE", RELEASE, first.publish_id)
    refused(lambda: sdk.delete_api_v2(DeleteApiV2Request(INSTANCE, api.id)), 403, "APIG.3416")

    # what is edited is not called before it is published
    body = gateway.api_body(group.id, "public", backend_type="MOCK", mock_info=ApiMockCreate(result_content="second"))
    sdk.update_api_v2(UpdateApiV2Request(INSTANCE, api.id, body))
    assert gateway.call(group.sl_domain, "/public")[2] == "mocked"
    second = gateway.publish(api.id, remark="two")
    assert second.version_id != first.version_id and second.publish_id == first.publish_id
    assert gateway.call(group.sl_domain, "/public")[2] == "second"

    # history, newest first, and back
    listed = sdk.list_api_versions_v2(ListApiVersionsV2Request(INSTANCE, api.id))
    assert [(v.version_id, v.remark, v.status, v.env_name) for v in listed.api_versions] == [
        (second.version_id, "two", 1, "RELEASE"), (first.version_id, "one", 2, "RELEASE")]
    frozen = sdk.list_api_version_detail_v2(ListApiVersionDetailV2Request(INSTANCE, first.version_id))
    assert (frozen.id, frozen.mock_info.result_content, frozen.version_id) == (api.id, "mocked", first.version_id)
    assert frozen.sl_domain == group.sl_domain and frozen.run_env_name == "RELEASE"
    back = sdk.change_api_version_v2(ChangeApiVersionV2Request(INSTANCE, api.id, ApiVersion(version_id=first.version_id)))
    assert gateway.status == 200 and (back.version_id, back.env_id, back.api_name) == (first.version_id, RELEASE, "public")
    assert gateway.call(group.sl_domain, "/public")[2] == "mocked"
    runtime = sdk.list_api_runtime_definition_v2(ListApiRuntimeDefinitionV2Request(INSTANCE, api.id, env_id=RELEASE))
    assert (runtime.id, runtime.run_env_name, runtime.sl_domain) == (api.id, "RELEASE", group.sl_domain)

    # another stage is another thing
    gateway.publish(api.id, env.id)
    assert gateway.call(group.sl_domain, "/public", headers={"X-Stage": "staging"})[2] == "second"
    shown = sdk.show_details_of_api_v2(ShowDetailsOfApiV2Request(INSTANCE, api.id))
    assert sorted(shown.run_env_name.split("|")) == ["RELEASE", "staging"]
    assert sdk.list_api_versions_v2(ListApiVersionsV2Request(INSTANCE, api.id, env_name="staging")).total == 1
    refused(lambda: sdk.delete_environment_v2(DeleteEnvironmentV2Request(INSTANCE, env.id)), 403, "APIG.3418")

    gateway.publish(api.id, env.id, "offline")
    assert gateway.call(group.sl_domain, "/public", headers={"X-Stage": "staging"})[0] == 404
    sdk.delete_api_by_version_id_v2(DeleteApiByVersionIdV2Request(INSTANCE, second.version_id))
    refused(lambda: sdk.list_api_version_detail_v2(ListApiVersionDetailV2Request(INSTANCE, second.version_id)), 404, "APIG.3022")
    sdk.delete_api_by_version_id_v2(DeleteApiByVersionIdV2Request(INSTANCE, first.version_id))
    assert gateway.call(group.sl_domain, "/public")[0] == 404, "the version that is called takes the API offline"


def test_what_cannot_be_published_is_refused(gateway, sdk, mock):
    api = mock("refusing")
    refused(lambda: gateway.publish(NOBODY), 404, "APIG.3002")
    refused(lambda: gateway.publish(api.id, NOBODY), 404, "APIG.3003")
    refused(lambda: gateway.publish(api.id, "RELEASE"), 404, "APIG.3003")
    refused(lambda: gateway.publish(api.id, action="sideways"), 400, "APIG.2011", "action")
    refused(lambda: gateway.publish(api.id, action="offline"), 404, "APIG.3015")
    refused(lambda: sdk.change_api_version_v2(ChangeApiVersionV2Request(INSTANCE, api.id, ApiVersion(version_id=NOBODY))), 404, "APIG.3022")
    refused(lambda: sdk.list_api_runtime_definition_v2(ListApiRuntimeDefinitionV2Request(INSTANCE, api.id)), 404, "APIG.3015")


def test_at_most_ten_versions_are_kept(gateway, sdk, mock):
    api = mock("often")
    made = [gateway.publish(api.id, remark=str(i)).version_id for i in range(11)]
    listed = sdk.list_api_versions_v2(ListApiVersionsV2Request(INSTANCE, api.id))
    assert listed.total == 10 and [v.version_id for v in listed.api_versions] == made[:0:-1]


def test_many_at_once(gateway, sdk, group, mock):
    ids = [mock(f"many{i}").id for i in range(3)]

    def run(action, **over):
        return sdk.batch_publish_or_offline_api_v2(BatchPublishOrOfflineApiV2Request(
            INSTANCE, action, ApiBatchPublish(env_id=RELEASE, **over)))
    done = run("online", apis=ids[:2])
    assert gateway.status == 200 and [p.api_id for p in done.success] == ids[:2] and done.failure == []
    done = run("offline", group_id=group.id)
    assert [p.api_id for p in done.success] == ids[:2]
    assert [(f.api_id, f.api_name, f.error_code) for f in done.failure] == [(ids[2], "many2", "APIG.3015")]
    assert len(run("online", group_id=group.id).success) == 3
    refused(lambda: run("online"), 400, "APIG.2011", "apis")
    refused(lambda: run("online", apis=[ids[0], NOBODY]), 404, "APIG.3002")


# -- authorizers ------------------------------------------------------------------------------------


def test_the_life_of_an_authorizer(gateway, sdk, group, function):
    made = gateway.authorizer("guard", function, identities=[Identity(name="auth", location="HEADER", validation="^a.*")], ttl=30,
                              user_data="who", need_body=True)
    assert gateway.status == 201 and re.fullmatch(HEX32, made.id) and re.fullmatch(TIME, gateway.raw["create_time"])
    assert (made.name, made.type, made.authorizer_type, made.authorizer_uri) == ("guard", "FRONTEND", "FUNC", function)
    assert (made.ttl, made.user_data, made.need_body, made.network_type) == (30, "who", True, "V1")
    assert [(i.name, i.location, i.validation) for i in made.identities] == [("auth", "HEADER", "^a.*")]

    shown = sdk.show_details_of_custom_authorizers_v2(ShowDetailsOfCustomAuthorizersV2Request(INSTANCE, made.id))
    assert shown.to_json_object() == made.to_json_object()
    for query, n in (({}, 1), ({"name": "gua"}, 1), ({"name": "x"}, 0), ({"type": "FRONTEND"}, 1), ({"type": "BACKEND"}, 0), ({"id": made.id}, 1)):
        assert sdk.list_custom_authorizers_v2(ListCustomAuthorizersV2Request(INSTANCE, **query)).total == n, query
    changed = sdk.update_custom_authorizer_v2(UpdateCustomAuthorizerV2Request(INSTANCE, made.id, AuthorizerCreate(
        name="guard", type="FRONTEND", authorizer_type="FUNC", authorizer_uri=function)))
    assert gateway.status == 200 and (changed.ttl, changed.identities, changed.user_data, changed.need_body) == (0, [], "", False)

    api = gateway.api(group.id, "guarded", function, auth_type="AUTHORIZER", authorizer_id=made.id)
    refused(lambda: sdk.delete_custom_authorizer_v2(DeleteCustomAuthorizerV2Request(INSTANCE, made.id)), 403, "APIG.3400", "guarded")
    sdk.delete_api_v2(DeleteApiV2Request(INSTANCE, api.id))
    sdk.delete_custom_authorizer_v2(DeleteCustomAuthorizerV2Request(INSTANCE, made.id))
    assert gateway.status == 204
    refused(lambda: sdk.show_details_of_custom_authorizers_v2(ShowDetailsOfCustomAuthorizersV2Request(INSTANCE, made.id)), 404, "APIG.3081")


def test_what_is_wrong_with_an_authorizer_is_named(gateway, sdk, group, function, cloud):
    refused(lambda: gateway.authorizer("lost", cloud.urn("nowhere")), 404, "APIG.3019")
    refused(lambda: gateway.authorizer("ab", function), 400, "APIG.2011", "name")
    refused(lambda: gateway.authorizer("kept", function, ttl=3601), 400, "APIG.2011", "ttl")
    refused(lambda: gateway.authorizer("kept", function, ttl=1), 400, "APIG.2011", "identities")
    refused(lambda: gateway.authorizer("kept", function, type="SIDE"), 400, "APIG.2011", "type")
    back = gateway.authorizer("kept", function, type="BACKEND")
    refused(lambda: gateway.authorizer("kept", function), 400, "APIG.3211")
    refused(lambda: gateway.api(group.id, "guarded", function, auth_type="AUTHORIZER", authorizer_id=back.id), 400, "APIG.2011",
            "authorizer_id")
    sdk.delete_custom_authorizer_v2(DeleteCustomAuthorizerV2Request(INSTANCE, back.id))


# -- environments and variables -----------------------------------------------------------------------


def test_the_life_of_an_environment(gateway, sdk):
    made = sdk.create_environment_v2(CreateEnvironmentV2Request(INSTANCE, EnvCreate(name="prepub", remark="r")))
    assert gateway.status == 201 and (made.name, made.remark) == ("prepub", "r") and re.fullmatch(HEX32, made.id)
    listed = sdk.list_environments_v2(ListEnvironmentsV2Request(INSTANCE))
    assert [(e.id, e.name) for e in listed.envs] == [(RELEASE, "RELEASE"), (made.id, "prepub")] and listed.total == 2
    assert sdk.list_environments_v2(ListEnvironmentsV2Request(INSTANCE, name="pre")).total == 1
    changed = sdk.update_environment_v2(UpdateEnvironmentV2Request(INSTANCE, made.id, EnvCreate(name="prepub2")))
    assert gateway.status == 200 and (changed.id, changed.name, changed.remark) == (made.id, "prepub2", "r")
    for name in ("prepub2", "RELEASE"):
        refused(lambda name=name: sdk.create_environment_v2(CreateEnvironmentV2Request(INSTANCE, EnvCreate(name=name))), 400, "APIG.3205")
    refused(lambda: sdk.create_environment_v2(CreateEnvironmentV2Request(INSTANCE, EnvCreate(name="1st"))), 400, "APIG.2011", "name")
    refused(lambda: sdk.update_environment_v2(UpdateEnvironmentV2Request(INSTANCE, RELEASE, EnvCreate(name="mine"))), 403, "APIG.3400")
    refused(lambda: sdk.delete_environment_v2(DeleteEnvironmentV2Request(INSTANCE, RELEASE)), 403, "APIG.3400")
    sdk.delete_environment_v2(DeleteEnvironmentV2Request(INSTANCE, made.id))
    assert gateway.status == 204
    refused(lambda: sdk.delete_environment_v2(DeleteEnvironmentV2Request(INSTANCE, made.id)), 404, "APIG.3003")


def test_ten_environments_and_no_more(sdk):
    made = [sdk.create_environment_v2(CreateEnvironmentV2Request(INSTANCE, EnvCreate(name=f"stage{i}"))).id for i in range(10)]
    refused(lambda: sdk.create_environment_v2(CreateEnvironmentV2Request(INSTANCE, EnvCreate(name="stage10"))), 403, "APIG.3104")
    for one in made:
        sdk.delete_environment_v2(DeleteEnvironmentV2Request(INSTANCE, one))


def test_the_life_of_a_variable(gateway, sdk, group, env):
    def create(name="path", value="/here", env_id=RELEASE, group_id=group.id):
        return sdk.create_environment_variable_v2(CreateEnvironmentVariableV2Request(INSTANCE, EnvVariableCreate(
            variable_name=name, variable_value=value, env_id=env_id, group_id=group_id)))
    made = create()
    assert gateway.status == 201 and (made.variable_name, made.variable_value, made.env_id, made.group_id) == (
        "path", "/here", RELEASE, group.id)
    other = create(env_id=env.id)
    refused(create, 400, "APIG.3303")
    refused(lambda: create(env_id=NOBODY), 404, "APIG.3003")
    refused(lambda: create(group_id=NOBODY), 404, "APIG.3001")
    refused(lambda: create(name="ab"), 400, "APIG.2011", "variable_name")
    refused(lambda: create(name="other", value="a b"), 400, "APIG.2011", "variable_value")

    def names(**query):
        return [v.id for v in sdk.list_environment_variables_v2(ListEnvironmentVariablesV2Request(INSTANCE, group_id=group.id, **query)).variables]
    assert names() == [made.id, other.id] and names(env_id=env.id) == [other.id]
    assert names(variable_name="pat") == [made.id, other.id] and names(variable_name="pat", precise_search="variable_name") == []
    changed = sdk.update_environment_variable_v2(UpdateEnvironmentVariableV2Request(INSTANCE, made.id, EnvVariableBase(variable_value="/there")))
    assert gateway.status == 200 and (changed.id, changed.variable_value) == (made.id, "/there")
    shown = sdk.show_details_of_environment_variable_v2(ShowDetailsOfEnvironmentVariableV2Request(INSTANCE, made.id))
    assert shown.variable_value == "/there"
    sdk.delete_environment_variable_v2(DeleteEnvironmentVariableV2Request(INSTANCE, made.id))
    assert gateway.status == 204
    refused(lambda: sdk.delete_environment_variable_v2(DeleteEnvironmentVariableV2Request(INSTANCE, made.id)), 404, "APIG.3011")


# -- gateway responses --------------------------------------------------------------------------------


def test_the_life_of_a_response(gateway, sdk, group):
    def create(name="own", **types):
        return sdk.create_gateway_response_v2(CreateGatewayResponseV2Request(INSTANCE, group.id, ResponsesCreate(name=name, responses=types)))
    made = create(AUTHORIZER_FAILURE=ResponseInfo(status=401, body="no", headers=[ResponseInfoHeader(key="X-Why", value="so")]))
    assert gateway.status == 201 and re.fullmatch(HEX32, made.id) and made.default is False and len(made.responses) == 17
    own = made.responses["AUTHORIZER_FAILURE"]
    assert (own.status, own.body, own.default, own.headers[0].key) == (401, "no", False, "X-Why")
    assert (made.responses["NOT_FOUND"].status, made.responses["NOT_FOUND"].default) == (404, True)
    refused(lambda: create("own"), 400, "APIG.2011", "already exists")
    refused(lambda: create("wrong", NO_SUCH_TYPE=ResponseInfo(status=400)), 400, "APIG.2011", "NO_SUCH_TYPE")
    refused(lambda: create("wrong", NOT_FOUND=ResponseInfo(status=444)), 400, "APIG.2011", "444")

    shown = sdk.show_details_of_gateway_response_v2(ShowDetailsOfGatewayResponseV2Request(INSTANCE, group.id, made.id))
    assert shown.to_json_object() == made.to_json_object()
    assert sdk.list_gateway_responses_v2(ListGatewayResponsesV2Request(INSTANCE, group.id)).responses[0].id == made.id

    at = (INSTANCE, group.id, made.id, "THROTTLED")
    sdk.update_gateway_response_type_v2(UpdateGatewayResponseTypeV2Request(*at, ResponseInfo(status=420, body="slow")))
    assert gateway.status == 200 and gateway.raw["THROTTLED"]["status"] == 420 and gateway.raw["THROTTLED"]["default"] is False
    sdk.show_details_of_gateway_response_type_v2(ShowDetailsOfGatewayResponseTypeV2Request(*at))
    assert gateway.raw["THROTTLED"]["body"] == "slow"
    sdk.delete_gateway_response_type_v2(DeleteGatewayResponseTypeV2Request(*at))
    assert gateway.status == 204
    sdk.show_details_of_gateway_response_type_v2(ShowDetailsOfGatewayResponseTypeV2Request(*at))
    assert (gateway.raw["THROTTLED"]["status"], gateway.raw["THROTTLED"]["default"]) == (429, True)
    refused(lambda: sdk.show_details_of_gateway_response_type_v2(ShowDetailsOfGatewayResponseTypeV2Request(
        INSTANCE, group.id, made.id, "NONE")), 400, "APIG.2011", "response_type")

    changed = sdk.update_gateway_response_v2(UpdateGatewayResponseV2Request(INSTANCE, group.id, made.id, ResponsesCreate(name="renamed")))
    assert changed.name == "renamed" and changed.responses["AUTHORIZER_FAILURE"].default is True
    sdk.delete_gateway_response_v2(DeleteGatewayResponseV2Request(INSTANCE, group.id, made.id))
    assert gateway.status == 204
    refused(lambda: sdk.delete_gateway_response_v2(DeleteGatewayResponseV2Request(INSTANCE, group.id, made.id)), 404, "APIG.3033")


def test_four_responses_and_no_more(gateway, sdk, group):
    for i in range(4):
        sdk.create_gateway_response_v2(CreateGatewayResponseV2Request(INSTANCE, group.id, ResponsesCreate(name=f"r{i}")))
    refused(lambda: sdk.create_gateway_response_v2(CreateGatewayResponseV2Request(INSTANCE, group.id, ResponsesCreate(name="r4"))), 403,
            "APIG.3100")


# -- apps, codes, authorizations ----------------------------------------------------------------------


def test_the_life_of_an_app(gateway, sdk, app):
    assert re.fullmatch(HEX32, app.app_key) and re.fullmatch(HEX32, app.app_secret)
    assert (app.name, app.remark, app.creator, app.status, app.app_type) == ("an_app", "whose", "USER", 1, "apig")
    assert sdk.show_details_of_app_v2(ShowDetailsOfAppV2Request(INSTANCE, app.id)).app_secret == app.app_secret
    checked = sdk.check_app_v2(CheckAppV2Request(INSTANCE, app.id))
    assert (checked.id, checked.name) == (app.id, "an_app") and "app_secret" not in gateway.raw
    changed = sdk.update_app_v2(UpdateAppV2Request(INSTANCE, app.id, AppCreate(name="renamed_app")))
    assert (changed.name, changed.app_key, changed.app_secret) == ("renamed_app", app.app_key, app.app_secret)
    reset = sdk.resetting_app_secret_v2(ResettingAppSecretV2Request(INSTANCE, app.id, AppResetCreate()))
    assert re.fullmatch(HEX32, reset.app_secret) and reset.app_secret != app.app_secret and reset.app_key == app.app_key
    reset = sdk.resetting_app_secret_v2(ResettingAppSecretV2Request(INSTANCE, app.id, AppResetCreate(app_secret="my-own-secret")))
    assert reset.app_secret == "my-own-secret"
    refused(lambda: sdk.create_an_app_v2(CreateAnAppV2Request(INSTANCE, AppCreate(name="renamed_app"))), 400, "APIG.3203")
    refused(lambda: sdk.create_an_app_v2(CreateAnAppV2Request(INSTANCE, AppCreate(name="thief", app_key=app.app_key))), 400, "APIG.2011",
            "app_key")
    for query, n in (({}, 1), ({"name": "med_a"}, 1), ({"app_key": app.app_key}, 1), ({"app_key": "x"}, 0), ({"id": app.id}, 1)):
        assert sdk.list_apps_v2(ListAppsV2Request(INSTANCE, **query)).total == n, query
    refused(lambda: sdk.show_details_of_app_v2(ShowDetailsOfAppV2Request(INSTANCE, NOBODY)), 404, "APIG.3004", f"app {NOBODY} does not exist")


def test_the_life_of_an_app_code(gateway, sdk, app):
    made = sdk.create_app_code_auto_v2(CreateAppCodeAutoV2Request(INSTANCE, app.id))
    assert gateway.status == 201 and 64 <= len(made.app_code) <= 180 and made.app_id == app.id
    own = sdk.create_app_code_v2(CreateAppCodeV2Request(INSTANCE, app.id, AppCodeCreate(app_code="c" * 64)))
    assert own.app_code == "c" * 64
    for code in ("c" * 63, "c" * 181, "c" * 63 + " "):
        refused(lambda code=code: sdk.create_app_code_v2(CreateAppCodeV2Request(INSTANCE, app.id, AppCodeCreate(app_code=code))), 400,
                "APIG.2011", "app_code")
    refused(lambda: sdk.create_app_code_v2(CreateAppCodeV2Request(INSTANCE, app.id, AppCodeCreate(app_code="c" * 64))), 400, "APIG.2011",
            "in use")
    assert [c.id for c in sdk.list_app_codes_v2(ListAppCodesV2Request(INSTANCE, app.id)).app_codes] == [made.id, own.id]
    shown = sdk.show_details_of_app_code_v2(ShowDetailsOfAppCodeV2Request(INSTANCE, app.id, own.id))
    assert shown.app_code == "c" * 64
    sdk.delete_app_code_v2(DeleteAppCodeV2Request(INSTANCE, app.id, own.id))
    assert gateway.status == 204
    refused(lambda: sdk.delete_app_code_v2(DeleteAppCodeV2Request(INSTANCE, app.id, own.id)), 404, "APIG.3046")


def test_the_life_of_an_authorization(gateway, sdk, group, mock, app):
    asks, open_to_all = mock("asking", auth_type="APP"), mock("opened")
    gateway.publish(asks.id)
    gateway.publish(open_to_all.id)
    assert [a.name for a in sdk.list_apis_unbinded_to_app_v2(ListApisUnbindedToAppV2Request(INSTANCE, app_id=app.id, env_id=RELEASE)).apis] == ["asking"]

    def authorize(apis, apps=None, env_id=RELEASE):
        return sdk.create_authorizing_apps_v2(CreateAuthorizingAppsV2Request(INSTANCE, ApiAuthCreate(
            env_id=env_id, app_ids=apps or [app.id], api_ids=apis))).auths
    auths = authorize([asks.id, open_to_all.id])
    assert gateway.status == 201
    assert [(a.api_id, a.auth_result.status, a.auth_result.error_code) for a in auths] == [
        (asks.id, "SUCCESS", None), (open_to_all.id, "FAILED", "APIG.3408")]
    assert authorize([asks.id])[0].auth_result.status == "SKIPPED"
    refused(lambda: authorize([NOBODY]), 404, "APIG.3002")
    refused(lambda: authorize([asks.id], [NOBODY]), 404, "APIG.3004")
    refused(lambda: authorize([asks.id], env_id=NOBODY), 404, "APIG.3003")
    refused(lambda: authorize([]), 400, "APIG.2011", "api_ids")

    bound = sdk.list_apis_binded_to_app_v2(ListApisBindedToAppV2Request(INSTANCE, app_id=app.id)).auths
    assert [(a.id, a.api_name, a.group_name, a.env_name, a.app_name) for a in bound] == [
        (auths[0].id, "asking", "a_group", "RELEASE", "an_app")]
    assert sdk.list_apps_binded_to_api_v2(ListAppsBindedToApiV2Request(INSTANCE, api_id=asks.id)).auths[0].app_id == app.id
    assert sdk.list_apis_unbinded_to_app_v2(ListApisUnbindedToAppV2Request(INSTANCE, app_id=app.id, env_id=RELEASE)).total == 0
    assert sdk.list_apps_v2(ListAppsV2Request(INSTANCE)).apps[0].bind_num == 1
    assert sdk.list_app_quantities_v2(ListAppQuantitiesV2Request(INSTANCE)).authed_nums == 1

    code = sdk.create_app_code_auto_v2(CreateAppCodeAutoV2Request(INSTANCE, app.id)).app_code
    sdk.update_api_v2(UpdateApiV2Request(INSTANCE, asks.id, gateway.api_body(
        group.id, "asking", auth_type="APP", auth_opt={"app_code_auth_type": "HEADER"}, backend_type="MOCK",
        mock_info=ApiMockCreate(result_content="for you"))))
    gateway.publish(asks.id)
    assert gateway.call(group.sl_domain, "/asking")[0] == 401
    assert gateway.call(group.sl_domain, "/asking", headers={"X-Apig-AppCode": code})[::2] == (200, "for you")

    sdk.canceling_authorization_v2(CancelingAuthorizationV2Request(INSTANCE, auths[0].id))
    assert gateway.status == 204
    assert gateway.call(group.sl_domain, "/asking", headers={"X-Apig-AppCode": code})[0] == 403
    refused(lambda: sdk.canceling_authorization_v2(CancelingAuthorizationV2Request(INSTANCE, auths[0].id)), 404, "APIG.3009")


# -- throttling -----------------------------------------------------------------------------------------


def limits(name="limit", **over):
    return ThrottleBaseInfo(**{"name": name, "api_call_limits": 2, "time_interval": 1, "time_unit": "HOUR", "type": 1, **over})


def test_the_life_of_a_throttle(gateway, sdk, group, mock):
    made = sdk.create_request_throttling_policy_v2(CreateRequestThrottlingPolicyV2Request(INSTANCE, limits(remark="r")))
    assert gateway.status == 201 and (made.name, made.api_call_limits, made.time_unit, made.bind_num, made.is_inclu_special_throttle) == (
        "limit", 2, "HOUR", 0, 2)
    refused(lambda: sdk.create_request_throttling_policy_v2(CreateRequestThrottlingPolicyV2Request(INSTANCE, limits())), 400, "APIG.3204")
    refused(lambda: sdk.create_request_throttling_policy_v2(CreateRequestThrottlingPolicyV2Request(
        INSTANCE, limits("other", user_call_limits=3))), 400, "APIG.2011", "user_call_limits")
    assert sdk.list_request_throttling_policy_v2(ListRequestThrottlingPolicyV2Request(INSTANCE, name="lim")).throttles[0].id == made.id

    api = mock("limited")
    publish_id = gateway.publish(api.id).publish_id
    unbound = sdk.list_apis_unbinded_to_request_throttling_policy_v2(
        ListApisUnbindedToRequestThrottlingPolicyV2Request(INSTANCE, throttle_id=made.id)).apis
    assert [a.publish_id for a in unbound] == [publish_id]

    def bind(ids, throttle=made.id):
        return sdk.associate_request_throttling_policy_v2(AssociateRequestThrottlingPolicyV2Request(
            INSTANCE, ThrottleApiBindingCreate(strategy_id=throttle, publish_ids=ids))).throttle_applys
    bound = bind([publish_id])
    assert gateway.status == 201 and (bound[0].publish_id, bound[0].strategy_id) == (publish_id, made.id)
    refused(lambda: bind([NOBODY]), 404, "APIG.3015")
    refused(lambda: bind([publish_id], NOBODY), 404, "APIG.3005")
    refused(lambda: bind([]), 400, "APIG.2011", "publish_ids")
    listed = sdk.list_apis_binded_to_request_throttling_policy_v2(ListApisBindedToRequestThrottlingPolicyV2Request(INSTANCE, throttle_id=made.id)).apis
    assert [(a.id, a.throttle_apply_id, a.throttle_name, a.run_env_name) for a in listed] == [(api.id, bound[0].id, "limit", "RELEASE")]
    of_api = sdk.list_request_throttling_policies_binded_to_api_v2(ListRequestThrottlingPoliciesBindedToApiV2Request(INSTANCE, api_id=api.id)).throttles
    assert [(t.id, t.bind_id, t.env_name) for t in of_api] == [(made.id, bound[0].id, "RELEASE")]

    assert [gateway.call(group.sl_domain, "/limited")[0] for _ in range(3)] == [200, 200, 429]
    again = bind([publish_id])
    assert again[0].id != bound[0].id, "another binding takes the place of the first"
    assert sdk.show_details_of_request_throttling_policy_v2(ShowDetailsOfRequestThrottlingPolicyV2Request(INSTANCE, made.id)).bind_num == 1
    gone = sdk.batch_disassociate_throttling_policy_v2(BatchDisassociateThrottlingPolicyV2Request(
        INSTANCE, "delete", ThrottleBindingBatchDelete(throttle_bindings=[again[0].id, NOBODY])))
    assert (gone.success_count, [f.bind_id for f in gone.failure]) == (1, [NOBODY])
    assert gateway.call(group.sl_domain, "/limited")[0] == 200
    bound = bind([publish_id])
    sdk.disassociate_request_throttling_policy_v2(DisassociateRequestThrottlingPolicyV2Request(INSTANCE, bound[0].id))
    assert gateway.status == 204
    changed = sdk.update_request_throttling_policy_v2(UpdateRequestThrottlingPolicyV2Request(INSTANCE, made.id, limits(api_call_limits=5)))
    assert changed.api_call_limits == 5 and changed.remark == ""
    sdk.delete_request_throttling_policy_v2(DeleteRequestThrottlingPolicyV2Request(INSTANCE, made.id))
    refused(lambda: sdk.show_details_of_request_throttling_policy_v2(ShowDetailsOfRequestThrottlingPolicyV2Request(INSTANCE, made.id)), 404,
            "APIG.3005")


# -- who may ------------------------------------------------------------------------------------------


def test_a_wrong_key_is_refused_in_the_clouds_words(evoke_shared):
    wrong = Gateway(evoke_shared, secret_key="wrong")
    refused(lambda: wrong.client.list_api_groups_v2(ListApiGroupsV2Request(INSTANCE)), 401, "APIGW.0301")


def test_a_body_that_is_no_object_is_refused(gateway, evoke_shared):
    from fgcloud import raw_call
    for body in ("[]", "{", "7"):
        answer = raw_call(evoke_shared, "POST", f"/v2/{gateway.project}/apigw/instances/{INSTANCE}/api-groups", body)
        assert answer.status_code == 400 and answer.json()["error_code"] == "APIG.2000", answer.text
    answer = raw_call(evoke_shared, "POST", f"/v2/{gateway.project}/apigw/instances/{INSTANCE}/no-such-thing", "{}")
    assert answer.status_code == 404 and answer.json()["error_code"] == "APIGW.0101"


def test_an_object_has_a_size(gateway, evoke_shared):
    """128 KiB as it is stored; a field nobody knows is kept and given back up to there."""
    from fgcloud import raw_call
    path = f"/v2/{gateway.project}/apigw/instances/{INSTANCE}/api-groups"

    def ask(n, method="POST", at=path):
        return raw_call(evoke_shared, method, at, json.dumps({"name": "sized", "more": "m" * n}, separators=(",", ":")))
    most = 128 * 1024 - len('{"name":"sized","more":""}')
    made = ask(most)
    assert made.status_code == 201 and len(made.json()["more"]) == most
    own = f"{path}/{made.json()['id']}"
    for answer in (ask(most + 1), ask(most + 1, "PUT", own), ask(900 * 1024)):
        assert (answer.status_code, answer.json()["error_code"]) == (400, "APIG.2000"), answer.text[:300]
    assert (ask(1024 * 1024).status_code, ask(1024 * 1024).json()["error_code"]) == (413, "APIGW.0201")
    assert raw_call(evoke_shared, "DELETE", own, "").status_code == 204


def test_a_key_does_what_its_scope_says(evoke_shared, gateway, group):
    made = evoke_shared.run("key", "add", "looker", "--scope", "read", "--output", "json")
    assert made.returncode == 0, made.stderr
    pair = json.loads(made.stdout)
    looker = Gateway(evoke_shared, access_key=pair["access_key"], secret_key=pair["secret_key"])
    assert looker.client.list_api_groups_v2(ListApiGroupsV2Request(INSTANCE, id=group.id)).total == 1
    refused(lambda: looker.group("theirs"), 403, "APIG.1005", "scope")
    assert evoke_shared.run("key", "remove", "looker").returncode == 0


def test_what_is_made_outlives_a_kill(evoke_factory, open_path):
    """A group with an API that is online, killed and started again: it answers as before."""
    first = evoke_factory(data_dir=open_path)
    gateway = Gateway(first)
    made = gateway.group("kept")
    api = gateway.api(made.id, "kept_api", backend_type="MOCK", mock_info=ApiMockCreate(result_content="still here"))
    version = gateway.publish(api.id).version_id
    first.kill()
    again = Gateway(evoke_factory(data_dir=open_path))
    assert again.call(made.sl_domain, "/kept_api")[::2] == (200, "still here")
    listed = again.client.list_api_versions_v2(ListApiVersionsV2Request(INSTANCE, api.id)).api_versions
    assert [(v.version_id, v.status) for v in listed] == [(version, 1)]
