# SPDX-License-Identifier: Apache-2.0
"""docs/compat/operations.md says what is: it is made of the tables of operations, and every call of the vendors' SDKs has a row.

That the rows do what they say is for the tests beside this one: of the SDKs, and the conformance cases.
"""
import inspect
import pathlib
import re
import subprocess

import pytest
from alibabacloud_fc20230330.client import Client as Fc3
from evoked import BUILD
from fc2 import Client as Fc2
from huaweicloudsdkapig.v2 import ApigClient
from huaweicloudsdkfunctiongraph.v2 import FunctionGraphClient
from tencentcloud.scf.v20180416.scf_client import ScfClient

PAGE = pathlib.Path(__file__).parent.parent.parent / "docs/compat/operations.md"


def rows(title):
    """Names of the operations below that heading, as one would say them in any language."""
    part = PAGE.read_text().partition(f"## {title}")[2].partition("\n## ")[0]
    return {fold(name) for name in re.findall(r"^\| (\w+) \|", part, re.M)}


def fold(name):
    return name.replace("_", "").lower()


# The Python SDK's own names of operations that the API, and every other SDK, calls otherwise.
FC2_NAMES = {"publish_version": "PublishServiceVersion", "list_versions": "ListServiceVersions",
             "delete_version": "DeleteServiceVersion", "list_on_demand_config": "ListOnDemandConfigs"}


def methods(cls, but=()):
    """What a user of the SDK may call, whose argument is a request; the rest of its methods is plumbing."""
    return {fold(FC2_NAMES.get(n, n)) for n, f in inspect.getmembers(cls, inspect.isfunction)
            if not n.startswith("_") and not re.search(r"_(async|invoker|with_sse)$|_?with_options(_async)?$", n)
            and f.__module__ == cls.__module__ and n not in but}


def test_the_page_is_what_the_tables_say():
    made = subprocess.run([BUILD / "tools/operations"], capture_output=True, text=True, check=True).stdout
    assert PAGE.read_text() == made, "mend: build/tools/operations >docs/compat/operations.md"


@pytest.mark.parametrize("title,cls,but,least", [
    ("FunctionGraph, version 2", FunctionGraphClient, {"new_builder", "call_api"}, 85),
    ("API Gateway, version 2", ApigClient, {"new_builder", "call_api"}, 200),
    # do_http_request is Python's way to an HTTP trigger, which has no table: it is a path of the gateway; websocket is under instance_exec.
    ("Function Compute 2016-08-15", Fc2, {"do_http_request", "websocket", "endpoint", "host"}, 30),
    ("Function Compute 2023-03-30", Fc3, {"call_api", "call_sse_api", "check_config", "get_endpoint", "invoke_function_with_sse"}, 60),
    ("SCF 2018-04-16", ScfClient, set(), 50)])
def test_every_call_of_the_sdk_has_a_row(title, cls, but, least):
    asked = methods(cls, but)
    assert len(asked) >= least, sorted(asked)
    assert not asked - rows(title), sorted(asked - rows(title))
