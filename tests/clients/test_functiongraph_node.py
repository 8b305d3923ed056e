# SPDX-License-Identifier: Apache-2.0
"""The official Node SDK of FunctionGraph, unmodified: functiongraph.mjs lives one life, here it is judged."""
import base64
import json
import os
import pathlib
import re
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
PROJECT = "0123456789abcdef0123456789abcdef"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.fixture
def told(evoke_shared, tmp_path):
    if not hasattr(evoke_shared, "node_told"):
        out = tmp_path / "told.json"
        p = subprocess.run(["node", str(HERE / "functiongraph.mjs"), str(out)], capture_output=True, text=True, timeout=120,
                           env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "EVOKE_URL": evoke_shared.url,
                                "EVOKE_ACCESS_KEY": evoke_shared.access_key,
                                "EVOKE_SECRET_KEY": evoke_shared.secret_key}, check=False)
        assert p.returncode == 0, p.stderr
        evoke_shared.node_told = json.loads(out.read_text())
    return evoke_shared.node_told


def test_create_and_show_are_the_same_function(told):
    made, shown = told["create"], told["config"]
    assert made["httpStatusCode"] == shown["httpStatusCode"] == 200
    assert made["func_urn"] == shown["func_urn"] == f"urn:fss:local-1:{PROJECT}:function:default:node-sdk:latest"
    assert shown["description"] == "made by Node" and json.loads(shown["user_data"]) == {"K": "V"}
    assert made["digest"] == shown["digest"] and re.fullmatch("[0-9a-f]{128}", made["digest"])


def test_create_again_is_a_conflict(told):
    again = told["again"]
    assert (again["exception"], again["status"], again["code"]) == ("ClientRequestException", 409, "FSS.1061")
    assert again["message"] == "The function has existed" and re.fullmatch(UUID, again["requestId"])


def test_list_finds_it(told):
    assert told["list"]["count"] == 1 and told["list"]["next_marker"] == 1
    assert [f["func_name"] for f in told["list"]["functions"]] == ["node-sdk"]


def test_show_code_gives_the_source(told):
    assert base64.b64decode(told["code"]["func_code"]["file"]).startswith(b"def handler")


def test_v1_gives_result_log_and_status(told):
    v1 = told["v1"]
    assert v1["httpStatusCode"] == 200 and v1["status"] == 200
    assert json.loads(v1["result"]) == {"got": {"k": "v é"}}
    assert v1["request_id"] == v1["X-Cff-Request-Id"] and re.fullmatch(UUID, v1["request_id"])
    assert f"Start invoke request '{v1['request_id']}'" in v1["log"] and "line v é" in v1["log"]


def test_v0_gives_the_body_itself(told):
    assert told["v0"]["httpStatusCode"] == 200 and re.fullmatch(UUID, told["v0"]["X-Cff-Request-Id"])


def test_a_function_error_is_an_answer(told):
    failed = told["failed"]
    assert failed["httpStatusCode"] == 200 and failed["status"] == 500
    result = json.loads(failed["result"])
    assert (result["errorMessage"], result["errorType"]) == ("on purpose", "ValueError")
    assert "(invoke Failed)" in failed["log"]


def test_an_alias_is_not_found(told):
    assert (told["alias"]["status"], told["alias"]["code"]) == (404, "FSS.1053")


def test_updates_take_effect(told):
    assert told["updateCode"]["httpStatusCode"] == 200 and told["updateCode"]["digest"] != told["create"]["digest"]
    assert (told["updateConfig"]["timeout"], told["updateConfig"]["memory_size"]) == (20, 256)
    assert told["updated"]["result"] == "W"


def test_delete_is_204_and_final(told):
    assert told["delete"] == {"httpStatusCode": 204}
    assert (told["gone"]["status"], told["gone"]["code"]) == (404, "FSS.1051")


def test_a_wrong_secret_is_refused(told):
    wrong = told["wrongSecret"]
    assert (wrong["exception"], wrong["status"], wrong["code"]) == ("ClientRequestException", 401, "APIGW.0301")
    assert "verify aksk signature fail" in wrong["message"]
