# SPDX-License-Identifier: Apache-2.0
"""Function Compute through its own Python SDK, aliyun-fc2, unmodified. It names no account: in the cloud the host does."""
import json

import fc2
import pytest
import requests

from test_fc2 import zip_of

CODE = '''
import json

def handler(event, context):
    print("a line of", context.request_id)
    if event == b"fail":
        raise ValueError("told to fail")
    return json.dumps({"got": event.decode(), "version": context.service.version_id})

def web(environ, start_response):
    start_response("201 Created", [("Content-Type", "text/plain")])
    return [environ["REQUEST_METHOD"].encode() + b" " + environ["fc.request_uri"].encode()]
'''


@pytest.fixture
def package(tmp_path):
    path = tmp_path / "code.zip"
    path.write_bytes(zip_of(CODE))
    return str(path)


def client_of(e):
    return fc2.Client(endpoint=e.url, accessKeyID=e.access_key, accessKeySecret=e.secret_key)


def refused(code, call, *args, **kwargs):
    with pytest.raises(fc2.FcError) as x:
        call(*args, **kwargs)
    assert x.value.err_code == code, x.value
    return x.value


def test_services_functions_versions_and_aliases(evoke_shared, package):
    c = client_of(evoke_shared)
    made = c.create_service("py", description="d", logConfig={"project": "", "logstore": ""}).data
    assert made["serviceName"] == "py" and c.get_service("py").data == made
    c.create_function("py", "fn", "python3", "index.handler", codeZipFile=package, timeout=5,
                      environmentVariables={"A": "1"})
    assert c.update_service("py", description="new").data["description"] == "new"
    assert [s["serviceName"] for s in c.list_services(prefix="py").data["services"]] == ["py"]

    assert json.loads(c.invoke_function("py", "fn", b"x").data) == {"got": "x", "version": ""}
    assert c.publish_version("py", "first").data["versionId"] == "1"
    refused("VersionPublishError", c.publish_version, "py", "again")
    fn = c.update_function("py", "fn", codeZipFile=package, timeout=7).data
    assert fn["timeout"] == 7 and fn["environmentVariables"] == {"A": "1"}
    assert c.get_function("py", "fn", qualifier="1").data["timeout"] == 5
    assert c.publish_version("py").data["versionId"] == "2"

    alias = c.create_alias("py", "prod", "1", additionalVersionWeight={"2": 0.25}).data
    assert alias["additionalVersionWeight"] == {"2": 0.25}
    seen = [c.invoke_function("py", "fn", b"x", qualifier="prod").headers["x-fc-invocation-service-version"] for _ in range(8)]
    assert sorted(seen) == ["1"] * 6 + ["2"] * 2
    assert c.get_alias("py", "prod").data["versionId"] == "1"
    assert c.update_alias("py", "prod", "2", additionalVersionWeight={}).data["versionId"] == "2"
    assert json.loads(c.invoke_function("py", "fn", b"x", qualifier="prod").data)["version"] == "2"
    assert [a["aliasName"] for a in c.list_aliases("py").data["aliases"]] == ["prod"]
    assert [v["versionId"] for v in c.list_versions("py", direction="FORWARD").data["versions"]] == ["1", "2"]
    refused("VersionInUse", c.delete_version, "py", "2")
    c.delete_version("py", "1")
    refused("VersionNotFound", c.invoke_function, "py", "fn", b"x", qualifier="1")
    c.delete_alias("py", "prod")
    refused("AliasNotFound", c.get_function, "py", "fn", qualifier="prod")

    assert "told to fail" in str(refused("", c.invoke_function, "py", "fn", b"fail"))
    refused("ServiceNotEmpty", c.delete_service, "py")
    c.delete_function("py", "fn")
    c.delete_service("py")
    refused("ServiceNotFound", c.get_service, "py")


def test_triggers_and_the_way_by_http(evoke_shared, package):
    c = client_of(evoke_shared)
    c.create_service("pyweb")
    c.create_function("pyweb", "web", "python3", "index.web", codeZipFile=package)
    c.create_trigger("pyweb", "web", "h", "http", {"authType": "function", "methods": ["GET", "POST"]}, "", "")
    r = c.do_http_request("POST", "pyweb", "web", "/a b", params={"q": "1"}, body=b"x")
    assert (r.status_code, r.text.startswith("POST /2016-08-15/proxy/pyweb/web/a")) == (201, True)
    assert requests.post(evoke_shared.url + "/2016-08-15/proxy/pyweb/web/", timeout=30).status_code == 400
    assert c.get_trigger("pyweb", "web", "h").data["triggerType"] == "http"
    assert c.update_trigger("pyweb", "web", "h", triggerConfig={"authType": "anonymous", "methods": ["GET"]}) \
        .data["triggerConfig"]["authType"] == "anonymous"
    assert [t["triggerName"] for t in c.list_triggers("pyweb", "web").data["triggers"]] == ["h"]
    c.delete_trigger("pyweb", "web", "h")
    c.create_trigger("pyweb", "web", "o", "oss", {"events": ["oss:ObjectCreated:*"], "filter": {"key": {"prefix": "a", "suffix": ""}}},
                     "acs:oss:local-1:local:bucket", "acs:ram::local:role/r")
    refused("InvalidArgument", c.create_trigger, "pyweb", "web", "p", "oss",
            {"events": ["oss:ObjectCreated:PutObject"], "filter": {"key": {"prefix": "ab", "suffix": ""}}},
            "acs:oss:local-1:local:bucket", "acs:ram::local:role/r")
    c.delete_trigger("pyweb", "web", "o")
    c.delete_function("pyweb", "web")
    c.delete_service("pyweb")


def test_configs_of_the_longest_names(evoke_shared, package):
    service, name = "s" * 128, "f" * 128
    c = client_of(evoke_shared)
    c.create_service(service)
    c.create_function(service, name, "python3", "index.handler", codeZipFile=package)
    assert c.put_on_demand_config(service, "LATEST", name, 5).data["maximumInstanceCount"] == 5
    assert c.put_function_async_invoke_config(service, "LATEST", name, {"maxAsyncRetryAttempts": 1}).data["maxAsyncRetryAttempts"] == 1
    assert c.publish_version(service, "first").data["versionId"] == "1"
    assert c.create_alias(service, "a" * 128, "1").data["versionId"] == "1"
    assert json.loads(c.invoke_function(service, name, b"x", qualifier="a" * 128).data) == {"got": "x", "version": "1"}
    assert c.get_on_demand_config(service, "LATEST", name).data["maximumInstanceCount"] == 5
    c.delete_alias(service, "a" * 128)
    c.delete_function(service, name)
    assert c.list_on_demand_config().data["configs"] == []
    c.delete_version(service, "1")
    c.delete_service(service)


def test_what_runs_later_and_how_much_is_kept_ready(evoke_shared, package):
    c = client_of(evoke_shared)
    c.create_service("pyasync")
    c.create_function("pyasync", "fn", "python3", "index.handler", codeZipFile=package)
    config = c.put_function_async_invoke_config("pyasync", "LATEST", "fn", {"maxAsyncRetryAttempts": 0, "statefulInvocation": True}).data
    assert config["maxAsyncRetryAttempts"] == 0 and config["statefulInvocation"] is True
    assert c.get_function_async_invoke_config("pyasync", "LATEST", "fn").data == config
    assert len(c.list_function_async_invoke_configs("pyasync", "fn").data["configs"]) == 1
    c.delete_function_async_invoke_config("pyasync", "LATEST", "fn")
    refused("AsyncConfigNotExists", c.get_function_async_invoke_config, "pyasync", "LATEST", "fn")

    assert c.put_on_demand_config("pyasync", "LATEST", "fn", 5).data["maximumInstanceCount"] == 5
    assert c.get_on_demand_config("pyasync", "LATEST", "fn").data["maximumInstanceCount"] == 5
    assert len(c.list_on_demand_config().data["configs"]) == 1
    c.delete_on_demand_config("pyasync", "LATEST", "fn")
    refused("OnDemandConfigNotFound", c.get_on_demand_config, "pyasync", "LATEST", "fn")

    assert c.put_provision_config("pyasync", "LATEST", "fn", 1).data["target"] == 1
    assert c.list_provision_configs("pyasync", "LATEST").data["provisionConfigs"][0]["target"] == 1
    assert c.put_provision_config("pyasync", "LATEST", "fn", 0).data["target"] == 0
    assert "instances" in c.list_instances("pyasync", "LATEST", "fn").data

    c.tag_resource("services/pyasync", {"k": "v", "l": "w"})
    assert c.get_resource_tags("services/pyasync").data["tags"] == {"k": "v", "l": "w"}
    assert [s["serviceName"] for s in c.list_services(tags={"k": "v"}).data["services"]] == ["pyasync"]
    c.untag_resource("services/pyasync", ["k"])
    assert c.get_resource_tags("services/pyasync").data["tags"] == {"l": "w"}
    assert c.list_reserved_capacities().data["reservedCapacities"] == []
    assert c.get_account_settings().data["defaultRole"] == ""
    c.delete_function("pyasync", "fn")
    c.delete_service("pyasync")
