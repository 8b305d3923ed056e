# SPDX-License-Identifier: Apache-2.0
"""The temporary keys of a function's role, in the hands of the vendors' own SDKs: what they open, and what not.

docs/compat/roles.md is what these tests hold us to. Expiry and the change of keys are in tests/unit/sign/test_role.c
and tests/unit/auth/test_role.c, where the clock is a parameter.
"""
import base64
import io
import json
import pathlib
import zipfile

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkfunctiongraph.v2 import (
    AsyncInvokeFunctionRequest, CreateFunctionRequest, CreateFunctionRequestBody, DeleteFunctionRequest, FuncCode,
    FunctionGraphClient, InvokeFunctionRequest, ListFunctionsRequest, ShowFunctionConfigRequest,
    UpdateFunctionConfigRequest, UpdateFunctionConfigRequestBody)
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.scf.v20180416 import models, scf_client

from fgcloud import PROJECT, b64, refused
from signing import Client
from test_fc2 import ACCOUNT, SDK, signed, steps, zip_of

KEYS_FG = """
first = {}

def initializer(context):
    first["keys"] = [context.getSecurityAccessKey(), context.getSecuritySecretKey(), context.getSecurityToken()]

def handler(event, context):
    return {"keys": [context.getSecurityAccessKey(), context.getSecuritySecretKey(), context.getSecurityToken()],
            "first": first.get("keys"), "same": [context.getAccessKey(), context.getSecretKey()]}
"""

KEYS_FC = """
import json, os

def handler(event, context):
    c = context.credentials
    return json.dumps({"keys": [c.access_key_id, c.access_key_secret, c.security_token],
                       "env": [os.environ.get("ALIBABA_CLOUD_" + n) for n in (
                           "ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")],
                       "old": [os.environ.get(n) for n in ("accessKeyID", "accessKeySecret", "securityToken")]})
"""


class Role:
    """Who signs, for signed()."""

    def __init__(self, daemon, keys):
        self.url, self.access_key, self.secret_key = daemon.url, keys[0], keys[1]


# -- FunctionGraph -----------------------------------------------------------------------------------------------------

def sdk(daemon, keys, project=PROJECT):
    credentials = BasicCredentials(keys[0], keys[1], project).with_security_token(keys[2])
    return (FunctionGraphClient.new_builder().with_credentials(credentials)
            .with_http_config(HttpConfig(timeout=(10, 60), retry_times=0)).with_endpoint(daemon.url).build())


@pytest.fixture
def keys(cloud):
    """Of a function with a role."""
    cloud.create("withrole", KEYS_FG, app_xrole="an-agency", initializer_handler="index.initializer",
                 initializer_timeout=5)
    return cloud.run("withrole")[0]["keys"]


def test_a_function_with_a_role_has_keys_in_context_and_initializer(cloud):
    cloud.create("withrole", KEYS_FG, app_xrole="an-agency", initializer_handler="index.initializer",
                 initializer_timeout=5)
    got, _ = cloud.run("withrole")
    access, secret, token = got["keys"]
    assert access.startswith("HST") and len(access) == 23 and len(secret) == 40
    assert base64.b64decode(token).decode().startswith("1 ")
    assert got["same"] == [access, secret]
    assert len(got["first"]) == 3 and got["first"][0].startswith("HST")


def test_a_function_without_a_role_has_none(cloud):
    cloud.create("norole", KEYS_FG)
    got, _ = cloud.run("norole")
    assert got["keys"] == ["", "", ""]


def test_the_sdk_invokes_any_function_of_the_account_with_them(evoke_shared, cloud, keys):
    cloud.create("other")
    answer = sdk(evoke_shared, keys).invoke_function(InvokeFunctionRequest(function_urn=cloud.urn("other"), body={"a": 1}))
    assert json.loads(answer.result if hasattr(answer, "result") and answer.result else answer.to_str())


def test_the_sdk_reads_the_functions_own_configuration_and_no_other(evoke_shared, cloud, keys):
    cloud.create("other")
    client = sdk(evoke_shared, keys)
    shown = client.show_function_config(ShowFunctionConfigRequest(function_urn=cloud.urn("withrole")))
    assert shown.app_xrole == "an-agency"
    refused(lambda: client.show_function_config(ShowFunctionConfigRequest(function_urn=cloud.urn("other"))),
            403, "FSS.0403")


def test_management_is_refused(evoke_shared, cloud, keys):
    client = sdk(evoke_shared, keys)
    own = cloud.urn("withrole")
    body = dict(func_name="new", package="default", runtime="Python3.9", timeout=10, handler="index.handler",
                memory_size=128, code_type="inline", func_code=FuncCode(file=b64("x")))
    update = dict(func_name="withrole", runtime="Python3.9", timeout=10, handler="index.handler", memory_size=128)
    for call in (
            lambda: client.create_function(CreateFunctionRequest(body=CreateFunctionRequestBody(**body))),
            lambda: client.list_functions(ListFunctionsRequest()),
            lambda: client.delete_function(DeleteFunctionRequest(function_urn=own)),
            lambda: client.update_function_config(UpdateFunctionConfigRequest(
                function_urn=own, body=UpdateFunctionConfigRequestBody(**update)))):
        e = refused(call, 403, "FSS.0403")
        assert "no permission" in e.error_msg
    assert cloud.run("withrole")[0]["keys"] == keys


def test_another_account_is_refused_before_it_is_looked_into(evoke_shared, cloud, keys):
    other = "fedcba9876543210fedcba9876543210"
    client = sdk(evoke_shared, keys, project=other)
    urn = f"urn:fss:local-1:{other}:function:default:nobody"
    refused(lambda: client.invoke_function(InvokeFunctionRequest(function_urn=urn, body={})), 403, "FSS.0403")


def test_a_wrong_token_is_refused(evoke_shared, cloud, keys):
    cloud.create("second", KEYS_FG, xrole="an-agency")
    others = cloud.run("second")[0]["keys"]
    urn = cloud.urn("withrole")
    for wrong in ([keys[0], keys[1], others[2]], [keys[0], others[1], keys[2]], [others[0], keys[1], keys[2]],
                  [keys[0], keys[1], keys[2][:-4] + "AAAA"], [keys[0], keys[1], "nothing"]):
        refused(lambda w=wrong: sdk(evoke_shared, w).invoke_function(InvokeFunctionRequest(function_urn=urn, body={})),
                401, "APIGW.0301")


def test_keys_die_with_the_role_and_with_the_function(evoke_shared, cloud, keys):
    cloud.create("other")
    call = InvokeFunctionRequest(function_urn=cloud.urn("other"), body={})
    client = sdk(evoke_shared, keys)
    client.invoke_function(call)
    cloud.client.update_function_config(UpdateFunctionConfigRequest(
        function_urn=cloud.urn("withrole"), body=UpdateFunctionConfigRequestBody(
            func_name="withrole", runtime="Python3.9", timeout=10, handler="index.handler", memory_size=128,
            app_xrole="")))
    e = refused(lambda: client.invoke_function(call), 403, "FSS.0403")
    assert "no role any more" in e.error_msg
    cloud.delete("withrole")
    refused(lambda: client.invoke_function(call), 403, "FSS.0403")


def test_the_admin_api_and_the_other_cloud_are_closed(evoke_shared, keys):
    client = Client(evoke_shared, keys[0], keys[1])
    token = {"x-security-token": keys[2]}
    for method, path in (("GET", "/evoke/v1/functions"), ("GET", "/evoke/v1/status"),
                         ("DELETE", f"/evoke/v1/functions/functiongraph/{PROJECT}/local-1/default/withrole")):
        r = client.call(method, path, headers=token)
        assert (r.status_code, r.json()["error"]["code"]) == (403, "forbidden"), r.text
    r = signed(Role(evoke_shared, keys), "POST", "/2016-08-15/services/svc/functions/fn/invocations",
               headers={"x-fc-security-token": keys[2]})
    assert (r.status_code, r.json()["ErrorCode"]) == (403, "AccessDenied"), r.text


# -- from inside: the same SDKs, packed with the function -------------------------------------------------------------

INSIDE_FG = """
import json, os
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkfunctiongraph.v2 import (
    FunctionGraphClient, InvokeFunctionRequest, ListFunctionsRequest, ShowFunctionConfigRequest)

def handler(event, context):
    credentials = BasicCredentials(context.getSecurityAccessKey(), context.getSecuritySecretKey(), context.getProjectID())
    credentials = credentials.with_security_token(context.getSecurityToken())
    client = (FunctionGraphClient.new_builder().with_credentials(credentials)
              .with_endpoint(os.environ["EVOKE_ENDPOINT"]).build())
    answer = client.invoke_function(InvokeFunctionRequest(function_urn=event["other"], body={"from": "inside"}))
    own = client.show_function_config(ShowFunctionConfigRequest(function_urn=event["own"]))
    try:
        client.list_functions(ListFunctionsRequest())
        refused = None
    except ClientRequestException as e:
        refused = [e.status_code, e.error_code]
    return {"answer": answer.to_json_object(), "own": own.func_name, "refused": refused}
"""

INSIDE_FC = """
const FC = require('@alicloud/fc2');

exports.handler = async (event, context) => {
  const c = context.credentials;
  const client = new FC(context.accountId, {
    accessKeyID: c.accessKeyId, accessKeySecret: c.accessKeySecret, securityToken: c.securityToken,
    region: context.region, endpoint: process.env.EVOKE_ENDPOINT,
  });
  const { data } = await client.invokeFunction('inside', 'other', 'from inside');
  const own = await client.getFunction('inside', 'own');
  let refused = null;
  try { await client.deleteFunction('inside', 'own'); } catch (e) { refused = e.code; }
  return JSON.stringify({ data, own: own.data.functionName, refused });
};
"""


def packages(*names):
    """Installed Python packages, as {path in the zip: file}."""
    import huaweicloudsdkcore
    root = pathlib.Path(huaweicloudsdkcore.__file__).parent.parent
    found = {}
    for name in names:
        at = root / name
        for f in [at] if at.is_file() else at.rglob("*"):
            if f.is_file() and "__pycache__" not in f.parts:
                found[str(f.relative_to(root))] = f
    return found


def modules(name, root=SDK.parent.parent):
    """A Node package and what it needs, likewise."""
    found, todo, seen = {}, [root / name], set()
    while todo:
        at = todo.pop()
        if at in seen or not at.exists():
            continue
        seen.add(at)
        for f in at.rglob("*"):
            if f.is_file() and f.suffix in (".js", ".json", ".cjs", ".mjs"):
                found["node_modules/" + str(f.relative_to(root))] = f
        todo += [root / d for d in json.loads((at / "package.json").read_text()).get("dependencies", {})]
    return found


def packed(name, text, files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(name, text)
        for path, f in files.items():
            z.write(f, path)
    return base64.b64encode(out.getvalue()).decode()


def test_functiongraphs_sdk_works_inside_a_function(cloud):
    cloud.create("other")
    needs = ("huaweicloudsdkcore", "huaweicloudsdkfunctiongraph", "requests", "urllib3", "certifi", "idna",
             "charset_normalizer", "requests_toolbelt", "simplejson", "six.py", "bson", "pyasn1", "defusedxml", "yaml")
    cloud.create("inside", code_type="zip", code_filename="index.zip", app_xrole="an-agency", memory_size=512, timeout=60,
                 func_code=FuncCode(file=packed("index.py", INSIDE_FG, packages(*needs))))
    got, answer = cloud.run("inside", {"other": cloud.urn("other"), "own": cloud.urn("inside")})
    assert got.get("own") == "inside", (got, answer.log)
    assert got["refused"] == [403, "FSS.0403"]
    assert "inside" in json.dumps(got["answer"])


# -- Function Compute --------------------------------------------------------------------------------------------------

@pytest.mark.skipif(not SDK.exists(), reason="npm ci in tests/clients")
class TestFunctionCompute:
    @pytest.fixture
    def keys(self, evoke_shared):
        e = evoke_shared
        service = {"serviceName": "roles", "role": "acs:ram::123456789:role/r"}
        assert signed(e, "POST", "/2016-08-15/services", body=json.dumps(service).encode()).status_code in (200, 409)
        for name in ("own", "other"):
            body = {"functionName": name, "runtime": "python3", "handler": "index.handler", "timeout": 5,
                    "code": {"zipFile": base64.b64encode(zip_of(KEYS_FC)).decode()}}
            r = signed(e, "POST", "/2016-08-15/services/roles/functions", body=json.dumps(body).encode())
            assert r.status_code == 200, r.text
        yield json.loads(signed(e, "POST", "/2016-08-15/services/roles/functions/own/invocations", body=b"").content)
        for name in ("own", "other"):
            signed(e, "DELETE", f"/2016-08-15/services/roles/functions/{name}")

    def test_context_and_environment_have_the_same_keys(self, keys):
        access, secret, token = keys["keys"]
        assert access.startswith("STS.") and len(access) == 24 and len(secret) == 40 and token
        assert keys["env"] == keys["keys"] == keys["old"]

    def test_the_sdk_uses_them_as_a_role_may(self, evoke_shared, keys):
        access, secret, token = keys["keys"]
        got = steps(evoke_shared, ("invokeFunction", "roles", "other", ""), ("getFunction", "roles", "own"),
                    ("getFunction", "roles", "other"), ("deleteFunction", "roles", "own"),
                    ("createService", "more"), ("getService", "roles"),
                    access_key=access, secret_key=secret, token=token)
        assert "keys" in json.dumps(got[0]["data"])
        assert got[1]["data"]["functionName"] == "own"
        for r in got[2:]:
            assert "AccessDenied" in json.dumps(r["error"]), r

    def test_a_wrong_token_is_refused(self, evoke_shared, keys):
        access, secret, token = keys["keys"]
        for wrong in ([access, secret, token[:-4] + "AAAA"], [access, secret[::-1], token]):
            [r] = steps(evoke_shared, ("invokeFunction", "roles", "other", ""), access_key=wrong[0],
                        secret_key=wrong[1], token=wrong[2])
            assert "AccessDenied" in json.dumps(r["error"]) or "SignatureNotMatch" in json.dumps(r["error"]), r

    def test_another_account_is_refused(self, evoke_shared, keys):
        r = signed(Role(evoke_shared, keys["keys"]), "POST", "/2016-08-15/services/roles/functions/own/invocations",
                   headers={"x-fc-security-token": keys["keys"][2]}, account="987654321")
        assert (r.status_code, r.json()["ErrorCode"]) == (403, "AccessDenied"), r.text
        assert ACCOUNT not in r.json()["ErrorMessage"] or "no permission" in r.json()["ErrorMessage"]

    def test_the_sdk_works_inside_a_function(self, evoke_shared):
        e = evoke_shared
        service = {"serviceName": "inside", "role": "acs:ram::123456789:role/r"}
        assert signed(e, "POST", "/2016-08-15/services", body=json.dumps(service).encode()).status_code in (200, 409)
        for name, runtime, code in (
                ("other", "python3", base64.b64encode(zip_of("def handler(e, c):\n    return e\n")).decode()),
                ("own", "nodejs18", packed("index.js", INSIDE_FC, modules("@alicloud/fc2")))):
            body = {"functionName": name, "runtime": runtime, "handler": "index.handler", "timeout": 30,
                    "memorySize": 512, "initializationTimeout": 30, "code": {"zipFile": code}}
            r = signed(e, "POST", "/2016-08-15/services/inside/functions", body=json.dumps(body).encode())
            assert r.status_code == 200, r.text
        r = signed(e, "POST", "/2016-08-15/services/inside/functions/own/invocations", body=b"")
        assert json.loads(r.content) == {"data": "from inside", "own": "own", "refused": "AccessDenied"}, r.text
        for name in ("other", "own"):
            signed(e, "DELETE", f"/2016-08-15/services/inside/functions/{name}")


# -- SCF ---------------------------------------------------------------------------------------------------------------

KEYS_SCF = """
import os

def main_handler(event, context):
    return [os.environ.get("TENCENTCLOUD_" + n) for n in ("SECRETID", "SECRETKEY", "SESSIONTOKEN")]
"""


def scf(daemon, keys):
    """client("Invoke", FunctionName=...): the answer of the SDK, which signs with these keys."""
    http = HttpProfile(endpoint=daemon.url.removeprefix("http://"), protocol="http")
    client = scf_client.ScfClient(Credential(*keys), "local-1", ClientProfile(httpProfile=http))

    def call(action, **members):
        request = getattr(models, action + "Request")()
        request.from_json_string(json.dumps(members))
        return getattr(client, action)(request)

    return call


def test_scfs_sdk_uses_them_as_a_role_may(evoke_factory):
    e = evoke_factory()
    root = scf(e, (e.access_key, e.secret_key))
    for name, role in (("own", {"Role": "a-role"}), ("other", {})):
        root("CreateFunction", FunctionName=name, Runtime="Python3.6", Handler="index.main_handler", Code={
            "ZipFile": base64.b64encode(zip_of(KEYS_SCF)).decode()}, **role)
    assert json.loads(root("Invoke", FunctionName="other").Result.RetMsg) == [None] * 3
    keys = json.loads(root("Invoke", FunctionName="own").Result.RetMsg)
    mine = scf(e, keys)
    assert mine("Invoke", FunctionName="other").Result.ErrMsg == ""
    assert mine("GetFunction", FunctionName="own").Role == "a-role"
    for action, members in (("GetFunction", {"FunctionName": "other"}), ("ListFunctions", {}), ("DeleteFunction", {"FunctionName": "own"}),
                            ("GetFunctionLogs", {"FunctionName": "own"}), ("ListAliases", {"FunctionName": "own"})):
        with pytest.raises(TencentCloudSDKException) as x:
            mine(action, **members)
        assert x.value.get_code() == "UnauthorizedOperation", x.value
