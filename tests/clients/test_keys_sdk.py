# SPDX-License-Identifier: Apache-2.0
"""Keys with a scope in the hands of the vendors' own SDKs: what they do, and the exception that says why not."""
import json

import pytest
from huaweicloudsdkfunctiongraph.v2 import InvokeFunctionRequest, ListFunctionsRequest

from fgcloud import PROJECT, Cloud, refused
from test_fc2 import ACCOUNT, steps

OTHER = "fedcba9876543210fedcba9876543210"


@pytest.fixture
def key(evoke_shared):
    """key(scope, ...) makes one through the command line."""
    made = []

    def make(scope, **more):
        flags = [word for k, v in more.items() for word in (f"--{k}", v)]
        p = evoke_shared.run("key", "add", f"sdk{len(made)}", "--scope", scope, *flags, "--output", "json")
        assert p.returncode == 0, p.stderr
        made.append(json.loads(p.stdout))
        return made[-1]["access_key"], made[-1]["secret_key"]

    yield make
    for k in made:
        assert evoke_shared.run("key", "remove", k["access_key"]).returncode == 0


def test_functiongraphs_sdk_with_a_scope(evoke_shared, cloud, key):
    cloud.create("scoped")
    reader, runner = Cloud(evoke_shared, *key("read")), Cloud(evoke_shared, *key("invoke"))
    call = InvokeFunctionRequest(function_urn=cloud.urn("scoped"), body={"a": 1})

    assert any(f.func_name == "scoped" for f in reader.client.list_functions(ListFunctionsRequest()).functions)
    assert "needs the scope 'invoke'" in refused(lambda: reader.client.invoke_function(call), 403, "FSS.0403").error_msg
    assert "needs the scope 'deploy'" in refused(lambda: reader.create("another"), 403, "FSS.0403").error_msg
    runner.client.invoke_function(call)
    refused(lambda: runner.client.list_functions(ListFunctionsRequest()), 403, "FSS.0403")


def test_functiongraphs_sdk_with_an_account(evoke_shared, cloud, key):
    pair = key("read,invoke", account=PROJECT, dialect="functiongraph")
    cloud.create("mine")
    Cloud(evoke_shared, *pair).client.invoke_function(InvokeFunctionRequest(function_urn=cloud.urn("mine"), body={}))
    elsewhere = Cloud(evoke_shared, *pair, project=OTHER)
    e = refused(lambda: elsewhere.client.list_functions(ListFunctionsRequest()), 403, "FSS.0403")
    assert f"acts for account '{PROJECT}'" in e.error_msg


def test_function_computes_sdk_with_a_scope_and_an_account(evoke_shared, key):
    access, secret = key("read", account=ACCOUNT, dialect="fc")
    got = steps(evoke_shared, ("getService", "nobody"), ("createService", "mine"), access_key=access, secret_key=secret)
    assert "ServiceNotFound" in json.dumps(got[0]["error"])
    assert "AccessDenied" in json.dumps(got[1]["error"]) and "needs the scope" in json.dumps(got[1]["error"])
    access, secret = key("read", account="1")
    got = steps(evoke_shared, ("getService", "nobody"), access_key=access, secret_key=secret)
    assert "AccessDenied" in json.dumps(got[0]["error"]) and "acts for account" in json.dumps(got[0]["error"])
