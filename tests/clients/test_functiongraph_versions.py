# SPDX-License-Identifier: Apache-2.0
"""FunctionGraph's versions and aliases through its official Python SDK."""
import threading

import pytest
from huaweicloudsdkfunctiongraph.v2 import (
    CreateFunctionVersionRequest, CreateFunctionVersionRequestBody, CreateVersionAliasRequest,
    CreateVersionAliasRequestBody, DeleteFunctionRequest, DeleteVersionAliasRequest, FuncCode,
    ListFunctionVersionsRequest, ListVersionAliasesRequest, ShowFunctionConfigRequest,
    ShowVersionAliasRequest, UpdateFunctionCodeRequest, UpdateFunctionCodeRequestBody,
    UpdateFunctionConfigRequest, UpdateFunctionConfigRequestBody, UpdateVersionAliasRequest,
    UpdateVersionAliasRequestBody)

from fgcloud import b64, raw_invoke, refused

SAYS = "def handler(event, context):\n    return '%s ' + context.getVersion()\n"


def change(cloud, name, word):
    cloud.client.update_function_code(UpdateFunctionCodeRequest(
        function_urn=cloud.urn(name), body=UpdateFunctionCodeRequestBody(
            code_type="inline", code_filename="index.py", func_code=FuncCode(file=b64(SAYS % word)))))


def publish(cloud, name, version=None, urn=None, **more):
    return cloud.client.create_function_version(CreateFunctionVersionRequest(
        function_urn=urn or cloud.urn(name), body=CreateFunctionVersionRequestBody(version=version, **more)))


def two_versions(cloud, name):
    cloud.create(name, SAYS % "one")
    publish(cloud, name, "v1")
    change(cloud, name, "two")
    publish(cloud, name, "v2")
    change(cloud, name, "three")


def alias(cloud, function, name, version, **more):
    return cloud.client.create_version_alias(CreateVersionAliasRequest(
        function_urn=cloud.urn(function), body=CreateVersionAliasRequestBody(name=name, version=version, **more)))


def point(cloud, function, name, version, **more):
    return cloud.client.update_version_alias(UpdateVersionAliasRequest(
        function_urn=cloud.urn(function), alias_name=name,
        body=UpdateVersionAliasRequestBody(version=version, **more)))


def says(cloud, function, qualifier):
    return cloud.invoke(cloud.urn(function, qualifier), version="v1").result


def test_a_version_is_what_the_function_was(cloud):
    two_versions(cloud, "frozen")
    assert says(cloud, "frozen", ":v1") == "one v1"
    assert says(cloud, "frozen", ":v2") == "two v2"
    assert says(cloud, "frozen", ":latest") == "three latest"
    shown = cloud.client.show_function_config(ShowFunctionConfigRequest(function_urn=cloud.urn("frozen", ":v1")))
    assert shown.version == "v1" and shown.func_urn == cloud.urn("frozen", ":v1")
    listed = cloud.client.list_function_versions(ListFunctionVersionsRequest(function_urn=cloud.urn("frozen")))
    assert [v.version for v in listed.versions] == ["latest", "v1", "v2"] and listed.count == 3
    part = cloud.client.list_function_versions(ListFunctionVersionsRequest(
        function_urn=cloud.urn("frozen"), marker="1", maxitems="1"))
    assert [v.version for v in part.versions] == ["v1"] and part.next_marker == 2


def test_a_version_answers_while_latest_changes(cloud):
    cloud.create("steady", SAYS % "old")
    publish(cloud, "steady", "v1")
    for i in range(20):
        change(cloud, "steady", f"new{i}")
        assert says(cloud, "steady", ":v1") == "old v1"
        assert says(cloud, "steady", "") == f"new{i} latest"


def test_publishing_the_same_again_is_refused(cloud):
    cloud.create("same-again", SAYS % "one")
    made = publish(cloud, "same-again", "v1", description="first")
    assert made.version == "v1" and made.version_description == "first"
    refused(lambda: publish(cloud, "same-again", "v2"), 400, "FSS.1016")
    change(cloud, "same-again", "two")
    refused(lambda: publish(cloud, "same-again", "v1"), 409, "FSS.1062")
    named = publish(cloud, "same-again")
    assert named.version[0] == "v" and len(named.version) == 16


@pytest.mark.parametrize("name", ["latest", "-a", "a-", "a b", "x" * 43, "é"])
def test_names_of_versions_have_rules(cloud, name):
    cloud.create("named", SAYS % "one")
    refused(lambda: publish(cloud, "named", name), 400, "FSS.1015")


def test_a_name_at_its_limit_is_taken(cloud):
    cloud.create("at-limit", SAYS % "one")
    assert publish(cloud, "at-limit", "a" + "x" * 41).version == "a" + "x" * 41


def test_a_function_has_twenty_versions(cloud):
    cloud.create("many", SAYS % "0")
    for i in range(19):
        change(cloud, "many", str(i))
        publish(cloud, "many", f"v{i}")
    change(cloud, "many", "more")
    refused(lambda: publish(cloud, "many", "v19"), 403, "FSS.1041")
    cloud.client.delete_function(DeleteFunctionRequest(function_urn=cloud.urn("many", ":v7")))
    publish(cloud, "many", "v19")
    cloud.client.delete_function(DeleteFunctionRequest(function_urn=cloud.urn("many")))
    refused(lambda: cloud.invoke(cloud.urn("many", ":v3")), 404, "FSS.1051")
    cloud.create("many", SAYS % "again")
    listed = cloud.client.list_function_versions(ListFunctionVersionsRequest(function_urn=cloud.urn("many")))
    assert [v.version for v in listed.versions] == ["latest"]


def test_a_published_version_does_not_change(cloud):
    two_versions(cloud, "stone")
    refused(lambda: cloud.client.update_function_code(UpdateFunctionCodeRequest(
        function_urn=cloud.urn("stone", ":v1"), body=UpdateFunctionCodeRequestBody(
            code_type="inline", func_code=FuncCode(file=b64(SAYS % "x"))))), 400, "FSS.1015")
    refused(lambda: cloud.client.update_function_config(UpdateFunctionConfigRequest(
        function_urn=cloud.urn("stone", ":v1"), body=UpdateFunctionConfigRequestBody(
            func_name="stone", runtime="Python3.9", timeout=3, handler="index.handler", memory_size=128))),
        400, "FSS.1015")
    refused(lambda: publish(cloud, "stone", "v3", urn=cloud.urn("stone", ":v1")), 400, "FSS.1015")


def test_aliases_live_and_die(cloud):
    two_versions(cloud, "alias")
    made = alias(cloud, "alias", "prod", "v1", description="d")
    assert (made.name, made.version, made.description) == ("prod", "v1", "d")
    assert made.alias_urn == cloud.urn("alias", ":!prod")
    assert says(cloud, "alias", ":!prod") == "one v1"
    refused(lambda: alias(cloud, "alias", "prod", "v2"), 409, "FSS.1063")
    refused(lambda: alias(cloud, "alias", "other", "v1"), 409, "FSS.1066")
    refused(lambda: alias(cloud, "alias", "other", "v9"), 404, "FSS.1052")
    refused(lambda: says(cloud, "alias", ":!gone"), 404, "FSS.1053")
    alias(cloud, "alias", "next", "v2")
    listed = cloud.client.list_version_aliases(ListVersionAliasesRequest(function_urn=cloud.urn("alias")))
    assert [(a.name, a.version) for a in listed.body] == [("next", "v2"), ("prod", "v1")]
    refused(lambda: point(cloud, "alias", "next", "v1"), 409, "FSS.1066")
    shown = cloud.client.show_version_alias(ShowVersionAliasRequest(
        function_urn=cloud.urn("alias"), alias_name="next"))
    assert shown.version == "v2"
    cloud.client.delete_version_alias(DeleteVersionAliasRequest(function_urn=cloud.urn("alias"), alias_name="next"))
    refused(lambda: cloud.client.show_version_alias(ShowVersionAliasRequest(
        function_urn=cloud.urn("alias"), alias_name="next")), 404, "FSS.1053")


def test_deleting_a_version_takes_its_aliases_but_not_a_share(cloud):
    two_versions(cloud, "taken")
    alias(cloud, "taken", "prod", "v1", additional_version_weights={"v2": 10})
    refused(lambda: cloud.client.delete_function(DeleteFunctionRequest(
        function_urn=cloud.urn("taken", ":v2"))), 403, "FSS.1094")
    cloud.client.delete_function(DeleteFunctionRequest(function_urn=cloud.urn("taken", ":v1")))
    assert cloud.response.status_code == 204
    refused(lambda: says(cloud, "taken", ":!prod"), 404, "FSS.1053")
    refused(lambda: says(cloud, "taken", ":v1"), 404, "FSS.1052")
    assert says(cloud, "taken", ":v2") == "two v2"
    refused(lambda: cloud.client.delete_function(DeleteFunctionRequest(
        function_urn=cloud.urn("taken", ":latest"))), 400, "FSS.1015")


@pytest.mark.parametrize("weight,second", [(0, 0), (10, 4), (25, 10), (100, 40)])
def test_weights_are_exact(cloud, weight, second):
    two_versions(cloud, "shares")
    made = alias(cloud, "shares", "prod", "v1", additional_version_weights={"v2": weight})
    assert made.additional_version_weights == {"v2": weight}
    got = [says(cloud, "shares", ":!prod") for _ in range(40)]
    assert got.count("two v2") == second and got.count("one v1") == 40 - second


@pytest.mark.parametrize("weights,code", [
    ({"v2": 101}, "FSS.1092"), ({"v2": -1}, "FSS.1092"), ({"v2": "10"}, "FSS.1092"), ({"v2": 1.5}, "FSS.1092"),
    ({"v1": 10}, "FSS.1093"), ({"v2": 1, "latest": 1}, "FSS.1091")])
def test_weights_have_limits(cloud, weights, code):
    two_versions(cloud, "limits")
    refused(lambda: alias(cloud, "limits", "prod", "v1", additional_version_weights=weights), 400, code)


def test_a_rule_picks_by_header_or_cookie(cloud, evoke_shared):
    two_versions(cloud, "ruled")
    alias(cloud, "ruled", "prod", "v1", additional_version_strategy={"v2": {
        "combine_type": "or", "rules": [
            {"rule_type": "header", "param": "x-user", "op": "in", "value": "ann,bob"},
            {"rule_type": "cookie", "param": "who", "op": "=", "value": "eve"}]}})

    def ask(**headers):
        return raw_invoke(evoke_shared, cloud, "ruled:!prod", "{}", headers).text

    assert "one v1" in ask()
    assert "two v2" in ask(**{"x-user": "bob"})
    assert "one v1" in ask(**{"x-user": "bobby"})
    assert "two v2" in ask(cookie="a=b; who=eve")
    assert "one v1" in ask(cookie="who=evelyn")


def test_rollback_is_instant_and_loses_no_call(cloud):
    two_versions(cloud, "back")
    alias(cloud, "back", "prod", "v2")
    failed, seen, stop = [], [], threading.Event()

    def call():
        while not stop.is_set():
            try:
                seen.append(says(cloud, "back", ":!prod"))
            except Exception as e:  # noqa: BLE001 - whatever it is, a call was lost
                failed.append(e)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for c in callers:
        c.start()
    try:
        for version in ["v1", "v2"] * 5 + ["v1"]:
            point(cloud, "back", "prod", version)
            assert says(cloud, "back", ":!prod") == {"v1": "one v1", "v2": "two v2"}[version]
    finally:
        stop.set()
        for c in callers:
            c.join()
    assert not failed and set(seen) == {"one v1", "two v2"}
