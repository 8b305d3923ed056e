# SPDX-License-Identifier: Apache-2.0
"""How instances are run, set through each door: the vendors' SDKs, the manifest; shown by all of them."""
import base64
import json

import pytest
from huaweicloudsdkfunctiongraph.v2 import (
    ListFunctionReservedInstancesRequest, ListReservedInstanceConfigsRequest, NetworkControlConfig,
    ShowFunctionConfigRequest, StrategyConfig, TacticsConfig, CronConfig, UpdateFunctionConfigRequest,
    UpdateFunctionConfigRequestBody, UpdateFunctionReservedInstancesCountRequest,
    UpdateFunctionReservedInstancesCountRequestBody)

from evoked import deadline
from fgcloud import HELLO, PROJECT, refused
from test_fc2 import ACCOUNT, SDK, signed, steps, zip_of

CONFIG = dict(runtime="Python3.9", timeout=10, handler="index.handler", memory_size=128)


def admin(daemon, dialect, account, space, name):
    r = daemon.run("get", f"{dialect}/{account}/local-1/{space}/{name}", "--output", "json")
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)


# -- FunctionGraph -----------------------------------------------------------------------------------------------------

def update(cloud, name, **fields):
    return cloud.client.update_function_config(UpdateFunctionConfigRequest(
        function_urn=cloud.urn(name), body=UpdateFunctionConfigRequestBody(func_name=name, **CONFIG, **fields)))


def reserve(cloud, name, **fields):
    return cloud.client.update_function_reserved_instances_count(UpdateFunctionReservedInstancesCountRequest(
        function_urn=cloud.urn(name), body=UpdateFunctionReservedInstancesCountRequestBody(**fields)))


def test_functiongraphs_fields_are_set_and_shown(evoke_shared, cloud):
    cloud.create("fields")
    update(cloud, "fields", app_xrole="agency", ephemeral_storage=10240, pre_stop_handler="index.stop",
           pre_stop_timeout=7, network_controller=NetworkControlConfig(disable_public_network=True),
           strategy_config=StrategyConfig(concurrency=50, concurrent_num=8))
    f = admin(evoke_shared, "functiongraph", PROJECT, "default", "fields")
    want = {"role": "agency", "tmp_mb": 10240, "pre_stop": "index.stop", "pre_stop_timeout_ms": 7000,
            "network": "endpoint", "max_instances": 50, "instance_concurrency": 8, "cpu": "weight", "reserved": 0}
    assert {k: f[k] for k in want} == want
    shown = cloud.client.show_function_config(ShowFunctionConfigRequest(function_urn=cloud.urn("fields")))
    assert (shown.app_xrole, shown.xrole, shown.ephemeral_storage) == ("agency", "", 10240)
    assert (shown.pre_stop_handler, shown.pre_stop_timeout) == ("index.stop", 7)
    assert shown.network_controller.disable_public_network is True
    assert (shown.strategy_config.concurrency, shown.strategy_config.concurrent_num) == (50, 8)


def test_reserved_instances_are_set_listed_and_kept(evoke_shared, cloud):
    for name in ("kept", "unkept"):
        cloud.create(name)
    assert reserve(cloud, "kept", count=2, idle_mode=True).count == 2
    shown = cloud.client.show_function_config(ShowFunctionConfigRequest(function_urn=cloud.urn("kept")))
    assert shown.reserved_instance_idle_mode is True

    got = cloud.client.list_function_reserved_instances(ListFunctionReservedInstancesRequest())
    assert [(x.func_urn, x.count) for x in got.reservedinstances] == [(cloud.urn("kept") + ":latest", 2)]
    assert got.count == 1
    one = ListFunctionReservedInstancesRequest(urn=cloud.urn("unkept"))
    assert cloud.client.list_function_reserved_instances(one).reservedinstances == []
    [config] = cloud.client.list_reserved_instance_configs(
        ListReservedInstanceConfigsRequest(function_urn=cloud.urn("kept"))).reserved_instances
    assert (config.qualifier_type, config.qualifier_name, config.min_count, config.idle_mode) == (
        "version", "latest", 2, True)

    for _ in deadline(20):
        i = json.loads(evoke_shared.run("status", "--output", "json").stdout)["instances"]
        if i["reserved"] == 2 and i["idle"] >= 2:
            break
    else:
        pytest.fail(f"not there: {i}")
    reserve(cloud, "kept", count=0)
    assert cloud.client.list_function_reserved_instances(ListFunctionReservedInstancesRequest()).count == 0


def test_reserved_instances_end_at_the_functions_most(cloud):
    cloud.create("few")
    update(cloud, "few", strategy_config=StrategyConfig(concurrency=3))
    assert reserve(cloud, "few", count=3).count == 3
    for bad in (4, -1):
        refused(lambda n=bad: reserve(cloud, "few", count=n), 400, "FSS.0400")
    reserve(cloud, "few", count=0)


def test_tactics_nobody_would_heed_are_refused(cloud):
    cloud.create("tactics")
    cron = CronConfig(name="c", cron="0 0 0 * * ?", count=1, start_time=1, expired_time=2)
    e = refused(lambda: reserve(cloud, "tactics", count=1, tactics_config=TacticsConfig(cron_configs=[cron])),
                400, "FSS.0400")
    assert "tactics_config" in e.error_msg
    assert reserve(cloud, "tactics", count=0, tactics_config=TacticsConfig(cron_configs=[])).count == 0


# -- Function Compute --------------------------------------------------------------------------------------------------

@pytest.mark.skipif(not SDK.exists(), reason="npm ci in tests/clients")
class TestFunctionCompute:
    @pytest.fixture
    def function(self, evoke_shared):
        e = evoke_shared
        service = {"serviceName": "closed", "role": "acs:ram::123456789:role/r", "internetAccess": False}
        assert signed(e, "POST", "/2016-08-15/services", body=json.dumps(service).encode()).status_code in (200, 409)
        body = {"functionName": "f", "runtime": "python3", "handler": "index.handler", "timeout": 5, "diskSize": 10240,
                "instanceConcurrency": 20,
                "instanceLifecycleConfig": {"preFreeze": {"handler": "index.freeze", "timeout": 9},
                                            "preStop": {"handler": "index.stop", "timeout": 10}},
                "code": {"zipFile": base64.b64encode(zip_of(HELLO)).decode()}}
        r = signed(e, "POST", "/2016-08-15/services/closed/functions", body=json.dumps(body).encode())
        assert r.status_code == 200, r.text
        yield r.json()
        signed(e, "DELETE", "/2016-08-15/services/closed/functions/f")

    def test_fields_are_set_and_shown(self, evoke_shared, function):
        assert function["instanceLifecycleConfig"] == {"preFreeze": {"handler": "index.freeze", "timeout": 9},
                                                       "preStop": {"handler": "index.stop", "timeout": 10}}
        assert (function["diskSize"], function["instanceConcurrency"]) == (10240, 20)
        f = admin(evoke_shared, "fc", ACCOUNT, "closed", "f")
        want = {"role": "acs:ram::123456789:role/r", "network": "endpoint", "tmp_mb": 10240, "instance_concurrency": 20,
                "pre_stop": "index.stop", "pre_stop_timeout_ms": 10000, "pre_freeze": "index.freeze",
                "pre_freeze_timeout_ms": 9000}
        assert {k: f[k] for k in want} == want

    def test_the_sdk_puts_gets_and_lists_provision_configs(self, evoke_shared, function):
        got = steps(evoke_shared, ("putProvisionConfig", "closed", "f", "LATEST", {"target": 1}),
                    ("getProvisionConfig", "closed", "f", "LATEST"), ("listProvisionConfigs", {"serviceName": "closed"}),
                    ("putProvisionConfig", "closed", "f", "LATEST", {"target": 101}))
        for r in got[:2]:
            assert r["data"]["resource"] == f"{ACCOUNT}#closed#LATEST#f" and r["data"]["target"] == 1
        assert [p["target"] for p in got[2]["data"]["provisionConfigs"]] == [1]
        assert "InvalidArgument" in json.dumps(got[3]["error"])
        for _ in deadline(20):
            [r] = steps(evoke_shared, ("getProvisionConfig", "closed", "f", "LATEST"))
            if r["data"]["current"] == 1:
                break
        else:
            pytest.fail(f"not there: {r}")
        [r] = steps(evoke_shared, ("putProvisionConfig", "closed", "f", "LATEST", {"target": 0}))
        assert r["data"]["target"] == 0


# -- the manifest ------------------------------------------------------------------------------------------------------

def test_the_manifest_says_everything_and_get_shows_it(evoke_shared, tmp_path):
    (tmp_path / "index.py").write_text(HELLO)
    base = "functions:\n  all:\n    runtime: Python3.9\n    handler: index.handler\n"
    (tmp_path / "evoke.yaml").write_text(
        base + "    network: none\n    role: r\n    instance_concurrency: 4\n    reserved: 1\n    cpu: strict\n"
        "    tmp: 600\n    pre_stop: index.a\n    pre_stop_timeout: 2\n    pre_freeze: index.b\n    pre_freeze_timeout: 4\n")
    r = evoke_shared.run("deploy", str(tmp_path))
    assert r.returncode == 0, r.stderr
    f = admin(evoke_shared, "functiongraph", "local", "default", "all")
    want = {"network": "none", "role": "r", "instance_concurrency": 4, "reserved": 1, "cpu": "strict", "tmp_mb": 600,
            "pre_stop": "index.a", "pre_stop_timeout_ms": 2000, "pre_freeze": "index.b", "pre_freeze_timeout_ms": 4000}
    assert {k: f[k] for k in want} == want

    (tmp_path / "evoke.yaml").write_text(base)
    assert evoke_shared.run("deploy", str(tmp_path)).returncode == 0
    f = admin(evoke_shared, "functiongraph", "local", "default", "all")
    assert (f["network"], f["role"], f["reserved"], f["cpu"], f["tmp_mb"], f["pre_stop"]) == (
        "default", "", 0, "weight", 512, "")
    evoke_shared.run("delete", "all")


def test_a_wrong_value_in_the_manifest_names_the_setting(evoke_shared, tmp_path):
    (tmp_path / "index.py").write_text(HELLO)
    for line, why in (("network: open", "network must be one of default, none, endpoint, egress"),
                      ("cpu: fast", "cpu must be one of weight, strict"), ("tmp: 511", "tmp_mb must be between 512 and 10240"),
                      ("reserved: 101", "reserved must be between 0 and 100"),
                      ("pre_stop_timeout: 91", "pre_stop_timeout_ms must be between 1000 and 90000")):
        (tmp_path / "evoke.yaml").write_text(
            f"functions:\n  wrong:\n    runtime: Python3.9\n    handler: index.handler\n    {line}\n")
        r = evoke_shared.run("deploy", str(tmp_path))
        assert r.returncode == 2 and why in r.stderr, r.stderr
