# SPDX-License-Identifier: Apache-2.0
"""What functions see of their layers, in three clouds, each through its own unmodified SDK."""
import base64
import io
import json
import shutil
import zipfile

import pytest
import requests
from alibabacloud_fc20230330 import models as fc
from alibabacloud_fc20230330.client import Client as FcClient
from alibabacloud_tea_openapi import models as open_api
from darabonba.runtime import RuntimeOptions
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkfunctiongraph.v2 import (
    CreateDependencyRequestBody, CreateDependencyVersionRequest, DeleteDependencyVersionRequest,
    ListDependenciesRequest, ListDependencyVersionRequest, ShowDependencyVersionRequest)
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.scf.v20180416 import models as scf
from tencentcloud.scf.v20180416.scf_client import ScfClient

from evoked import Evoked
from fgcloud import Cloud

PYTHON = """
import os, sys
import shared, only

def handler(event, context):
    try:
        open(os.path.join(os.path.dirname(shared.__file__), "new"), "w")
        written = True
    except OSError as e:
        written = e.strerror
    return {"shared": shared.WHO, "only": only.WHO, "at": os.path.dirname(shared.__file__), "written": written}

main_handler = handler
"""
NODE = """
const shared = require('shared');
exports.handler = async () => ({ shared, at: require.resolve('shared') });
exports.main_handler = exports.handler;
"""


def zip_of(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, text in files.items():
            z.writestr(zipfile.ZipInfo(name, (1980, 1, 2, 0, 0, 0)), text)  # the same bytes whenever it is made
    return base64.b64encode(out.getvalue()).decode()


def layer_of(who, under=""):
    own = "only" if who == "one" else "other"
    return zip_of(**{f"{under}{name}.py": f"WHO = {who!r}\n" for name in ("shared", own)})


def node_layer(who, under=""):
    return zip_of(**{f"{under}node_modules/shared/index.js": f"module.exports = {who!r};\n"})


@pytest.fixture(scope="module")
def evoke():
    made = Evoked()
    yield made.start()
    made.end()


# ---- Function Compute 3.0: the first of a list wins ----


class Fc:
    def __init__(self, e):
        self.sdk = FcClient(open_api.Config(access_key_id=e.access_key, access_key_secret=e.secret_key, protocol="http",
                                            endpoint=f"127.0.0.1:{e.port}", region_id="local-1"))

    def publish(self, name, package):
        body = fc.CreateLayerVersionInput(code=fc.InputCodeLocation(zip_file=package), description="d",
                                          compatible_runtime=["python3.10", "nodejs16"])
        return self.sdk.create_layer_version(name, fc.CreateLayerVersionRequest(body=body)).body

    def create(self, name, runtime, package, layers):
        self.sdk.create_function(fc.CreateFunctionRequest(body=fc.CreateFunctionInput(
            function_name=name, runtime=runtime, handler="index.handler", memory_size=128, timeout=20, layers=layers,
            code=fc.InputCodeLocation(zip_file=package))))

    def invoke(self, name):
        body = self.sdk.invoke_function_with_options(name, fc.InvokeFunctionRequest(body=io.BytesIO(b"{}")),
                                                     fc.InvokeFunctionHeaders(), RuntimeOptions()).body
        return json.loads(body.read() if hasattr(body, "read") else body)


@pytest.fixture(scope="module")
def of_fc(evoke):
    return Fc(evoke)


def test_fc_python_sees_its_layers_and_the_first_wins(evoke, of_fc):
    one = of_fc.publish("py-one", layer_of("one", "python/")).layer_version_arn
    two = of_fc.publish("py-two", layer_of("two", "python/")).layer_version_arn
    package = zip_of(**{"index.py": PYTHON})
    of_fc.create("py", "python3.10", package, [one, two])
    assert of_fc.invoke("py") == {"shared": "one", "only": "one", "at": "/opt/python", "written": "Read-only file system"}
    of_fc.create("py-turned", "python3.10", package, [two, one])
    assert of_fc.invoke("py-turned")["shared"] == "two"
    shown = of_fc.sdk.get_function("py", fc.GetFunctionRequest()).body
    assert [layer.arn for layer in shown.layers] == [one, two]


def test_fc_node_sees_its_layers(of_fc):
    arn = of_fc.publish("js", node_layer("one", "nodejs/")).layer_version_arn
    of_fc.create("js", "nodejs16", zip_of(**{"index.js": NODE}), [arn])
    assert of_fc.invoke("js") == {"shared": "one", "at": "/opt/nodejs/node_modules/shared/index.js"}


def test_fc_the_union_is_made_again_and_outlives_its_version(evoke, of_fc):
    made = of_fc.publish("gone", layer_of("one", "python/"))
    of_fc.create("outlives", "python3.10", zip_of(**{"index.py": PYTHON}), [made.layer_version_arn])
    of_fc.sdk.delete_layer_version("gone", str(made.version))
    evoke.stop()
    for path in (evoke.data_dir / "cache" / "code").iterdir():
        shutil.rmtree(path)
    evoke.start()
    of_fc.__init__(evoke)
    assert of_fc.invoke("outlives")["shared"] == "one"
    assert of_fc.publish("gone", layer_of("one", "python/")).version == made.version + 1


def test_fc_a_layer_is_fetched_by_its_link(of_fc):
    package = layer_of("one", "python/")
    made = of_fc.publish("linked", package)
    location = of_fc.sdk.get_layer_version("linked", str(made.version)).body.code.location
    assert requests.get(location, timeout=20).content == base64.b64decode(package)
    by_arn = of_fc.sdk.get_layer_version_by_arn(made.layer_version_arn).body
    assert (by_arn.layer_name, by_arn.version, by_arn.code_checksum) == ("linked", made.version, made.code_checksum)
    listed = of_fc.sdk.list_layers(fc.ListLayersRequest(prefix="linked")).body.layers
    assert [(layer.layer_name, layer.version) for layer in listed] == [("linked", made.version)]
    versions = of_fc.sdk.list_layer_versions("linked", fc.ListLayerVersionsRequest(start_version="1", limit=10)).body
    assert [layer.version for layer in versions.layers] == [made.version]
    of_fc.sdk.put_layer_acl("linked", fc.PutLayerACLRequest(public="true"))
    assert of_fc.sdk.get_layer_version("linked", str(made.version)).body.acl == "1"


# ---- FunctionGraph: later ones overwrite earlier ones ----


@pytest.fixture
def of_fg(evoke):
    return Cloud(evoke)


def depend(cloud, name, package, runtime):
    return cloud.client.create_dependency_version(CreateDependencyVersionRequest(body=CreateDependencyRequestBody(
        name=name, runtime=runtime, depend_type="zip", depend_file=package, description="d")))


def test_functiongraph_python_and_node_see_their_dependencies(of_fg):
    one = depend(of_fg, "one", layer_of("one"), "Python3.9")
    two = depend(of_fg, "two", layer_of("two"), "Python3.9")
    f = of_fg.create("py", source=PYTHON, depend_version_list=[one.id, two.id])
    assert f.depend_version_list == [one.id, two.id]
    assert of_fg.run("py")[0] == {"shared": "two", "only": "one", "at": "/opt/function/dependencies",
                                                     "written": "Read-only file system"}
    js = depend(of_fg, "js", node_layer("one"), "Node.js14.18")
    of_fg.create("js", source=NODE, runtime="Node.js14.18", code_filename="index.js", depend_version_list=[js.id])
    assert of_fg.run("js")[0] == {
        "shared": "one", "at": "/opt/function/dependencies/node_modules/shared/index.js"}
    with pytest.raises(ClientRequestException) as refused:
        of_fg.client.delete_dependency_version(DeleteDependencyVersionRequest(depend_id=one.dep_id, version="1"))
    assert (refused.value.status_code, refused.value.error_code) == (412, "FSS.1033")


def test_functiongraph_versions_are_listed_shown_and_deleted(of_fg):
    first = depend(of_fg, "life", layer_of("one"), "Python3.9")
    second = depend(of_fg, "life", layer_of("two"), "Python3.9")
    assert (first.version, second.version, first.dep_id) == (1, 2, second.dep_id)
    listed = of_fg.client.list_dependencies(ListDependenciesRequest(name="life"))
    assert [(d.id, d.version) for d in listed.dependencies] == [(second.id, 2)]
    versions = of_fg.client.list_dependency_version(ListDependencyVersionRequest(depend_id=first.dep_id))
    assert [d.version for d in versions.dependencies] == [1, 2]
    shown = of_fg.client.show_dependency_version(ShowDependencyVersionRequest(depend_id=first.dep_id, version="1"))
    assert shown.id == first.id and requests.get(shown.download_link, timeout=20).content == base64.b64decode(layer_of("one"))
    of_fg.client.delete_dependency_version(DeleteDependencyVersionRequest(depend_id=first.dep_id, version="1"))
    assert depend(of_fg, "life", layer_of("one"), "Python3.9").version == 3


# ---- SCF: later ones overwrite earlier ones ----


@pytest.fixture
def of_scf(evoke):
    profile = ClientProfile(httpProfile=HttpProfile(endpoint=f"127.0.0.1:{evoke.port}", protocol="http", reqTimeout=60))
    return ScfClient(credential.Credential(evoke.access_key, evoke.secret_key), "local-1", profile)


def ask(client, action, **params):
    request = getattr(scf, action + "Request")()
    request.from_json_string(json.dumps(params))
    return getattr(client, action)(request)


def publish(client, name, package, runtime):
    return ask(client, "PublishLayerVersion", LayerName=name, CompatibleRuntimes=[runtime],
               Content={"ZipFile": package}).LayerVersion


@pytest.mark.parametrize("runtime,source,file,make,at", [
    ("Python3.9", PYTHON, "index.py", layer_of, "/opt"),
    ("Nodejs16.13", NODE, "index.js", node_layer, "/opt/node_modules/shared/index.js")])
def test_scf_sees_its_layers_and_the_last_wins(of_scf, runtime, source, file, make, at):
    function = "fn-" + file.replace(".", "-")
    names = [f"{who}-{file[-2:]}" for who in ("one", "two")]
    layers = [{"LayerName": name, "LayerVersion": publish(of_scf, name, make(name[:3]), runtime)} for name in names]
    ask(of_scf, "CreateFunction", FunctionName=function, Runtime=runtime, Handler="index.main_handler", Timeout=20,
        Code={"ZipFile": zip_of(**{file: source})}, Layers=layers)
    shown = ask(of_scf, "GetFunction", FunctionName=function)
    assert [(layer.LayerName, layer.LayerVersion) for layer in shown.Layers] == [(name, 1) for name in names]
    result = json.loads(ask(of_scf, "Invoke", FunctionName=function, ClientContext="{}").Result.RetMsg)
    assert (result["shared"], result["at"]) == ("two", at)
    with pytest.raises(TencentCloudSDKException) as refused:
        ask(of_scf, "DeleteLayerVersion", LayerName=layers[0]["LayerName"], LayerVersion=1)
    assert refused.value.code == "ResourceInUse.LayerVersion"
    ask(of_scf, "UpdateFunctionConfiguration", FunctionName=function, Layers=[{"LayerName": "", "LayerVersion": 0}])
    assert ask(of_scf, "GetFunction", FunctionName=function).Layers == []
    ask(of_scf, "DeleteLayerVersion", LayerName=layers[0]["LayerName"], LayerVersion=1)
