# SPDX-License-Identifier: Apache-2.0
"""FunctionGraph's templates, each deployed and run, and functions as zips, out and in, through the official Python SDK."""
import io
import json
import zipfile

import pytest
from fgcloud import HELLO, b64, refused
from huaweicloudsdkfunctiongraph.v2 import (
    ImportFunctionRequest, ImportFunctionRequestBody, ListFunctionTemplateRequest, ShowFunctionTemplateRequest)

TEMPLATES = ["api-nodejs", "hello-nodejs", "hello-python", "objects-python", "page-python", "timer-python"]


def templates(cloud, **filters):
    return cloud.client.list_function_template(ListFunctionTemplateRequest(**filters)).func_templates


def contains(have, want):
    if isinstance(want, dict):
        return isinstance(have, dict) and all(k in have and contains(have[k], v) for k, v in want.items())
    if isinstance(want, list):
        return isinstance(have, list) and len(have) == len(want) and all(contains(h, w) for h, w in zip(have, want))
    return have == want


def test_templates_are_listed_by_what_they_are_for(cloud):
    assert [t.template_name for t in templates(cloud)] == TEMPLATES
    assert [t.template_name for t in templates(cloud, runtime="Node.js18.15")] == ["api-nodejs", "hello-nodejs"]
    assert [t.template_name for t in templates(cloud, scene="timer")] == ["timer-python"]
    assert [t.template_name for t in templates(cloud, service="APIG", maxitems="1", marker="1")] == ["page-python"]
    assert templates(cloud, ispublic="false") == [] and templates(cloud, marker="6") == []
    refused(lambda: templates(cloud, marker="-1"), 400, "FSS.0400")
    refused(lambda: cloud.client.show_function_template(ShowFunctionTemplateRequest(template_id="none")), 404, "FSS.1059")


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_template_runs_as_it_is(cloud, name):
    found = next(t for t in templates(cloud) if t.template_name == name)
    t = cloud.client.show_function_template(ShowFunctionTemplateRequest(template_id=found.id))
    assert t.code == found.code and t.title and t.description and t.type == 1
    cloud.create(name, t.code, runtime=t.runtime, handler=t.handler, timeout=t.timeout, memory_size=t.memory_size,
                 code_type=t.code_type, code_filename=None)
    answer, whole = cloud.run(name, json.loads(t.temp_detail.input))
    assert whole.status == 200, whole.result
    want = json.loads(t.temp_detail.output)
    if "objects" in want:
        answer = {"objects": [{"key": o["key"]} for o in answer["objects"]]}
    assert contains(answer, want), answer



def signed_export(cloud, name, **query):
    """The SDK gives the answer's stream; what it signed is what counts here."""
    from huaweicloudsdkfunctiongraph.v2 import ExportFunctionRequest
    cloud.client.export_function(ExportFunctionRequest(function_urn=cloud.urn(name), **query))
    return cloud.response


def take(cloud, name, archive, **over):
    body = {"func_name": name, "file_name": "f.zip", "file_type": "zip", "file_code": b64(archive), **over}
    made = cloud.client.import_function(ImportFunctionRequest(body=ImportFunctionRequestBody(**body)))
    cloud.names.append((name, over.get("package", "default")))
    return made


def names_in(response):
    return zipfile.ZipFile(io.BytesIO(response.content)).namelist()


def test_a_function_goes_out_and_comes_in_again(cloud):
    cloud.create("goes", description="d é", user_data='{"K":"V"}', memory_size=256, timeout=30)
    out = signed_export(cloud, "goes")
    assert out.headers["Content-Type"] == "application/zip" and "goes.zip" in out.headers["Content-Disposition"]
    assert names_in(out) == ["function.yml", "code.zip"]
    made = take(cloud, "comes", out.content)
    assert (made.func_name, made.description, made.memory_size, made.timeout, made.runtime) == ("comes", "d é", 256, 30, "Python3.9")
    assert json.loads(made.user_data) == {"K": "V"} and made.code_type == "inline" and made.handler == "index.handler"
    assert cloud.run("comes", {"a": 1})[0] == {"got": {"a": 1}}
    again = take(cloud, "elsewhere", out.content, package="other")
    assert again.package == "other"
    refused(lambda: take(cloud, "comes", out.content), 409, "FSS.1061")
    assert names_in(signed_export(cloud, "goes", config=True, code=False)) == ["function.yml"]
    assert names_in(signed_export(cloud, "goes", type="code")) == ["code.zip"]
    refused(lambda: signed_export(cloud, "goes", config=False, code=False), 400, "FSS.0400")
    refused(lambda: signed_export(cloud, "nobody"), 404, "FSS.1051")


def test_what_is_no_export_does_not_come_in(cloud):
    cloud.create("whole")
    out = signed_export(cloud, "whole").content

    def zipped(**files):
        b = io.BytesIO()
        with zipfile.ZipFile(b, "w") as z:
            for name, text in files.items():
                z.writestr(name.replace("_", "."), text)
        return b.getvalue()

    refused(lambda: take(cloud, "x1", b"no zip"), 400, "FSS.1022")
    refused(lambda: take(cloud, "x1", zipped(index_py=HELLO)), 400, "FSS.1022")
    refused(lambda: take(cloud, "x1", zipped(function_yml="a: [1")), 400, "FSS.1023")
    refused(lambda: take(cloud, "x1", zipped(function_yml="- 1")), 400, "FSS.1023")
    refused(lambda: take(cloud, "x1", zipped(function_yml="runtime: Python3.9")), 400, "FSS.1008")
    refused(lambda: take(cloud, "x1", zipped(function_yml="x" * (1 << 20) + "x")), 400, "FSS.1022")
    refused(lambda: take(cloud, "1x", out), 400, "FSS.1002")
    refused(lambda: take(cloud, "x1", out, file_type="rar"), 400, "FSS.1013")
    refused(lambda: take(cloud, "x1", out, file_code=""), 400, "FSS.1012")
    refused(lambda: take(cloud, "x1", out, file_code="***"), 400, "FSS.1011")
    # Written by hand, and without code: what a create without code begins with.
    made = take(cloud, "by-hand", zipped(function_yml="runtime: Python3.9\nhandler: index.handler\ntimeout: 3\nmemory_size: 128\ncode_type: inline\n"))
    assert made.code_size > 0 and "hello" in json.dumps(cloud.run("by-hand")[0])
