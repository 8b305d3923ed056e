# SPDX-License-Identifier: Apache-2.0
"""FunctionGraph's asynchronous half through its official Node SDK: functiongraph_async.mjs lives it, here it is judged."""
import json
import os
import pathlib
import re
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
PROJECT = "0123456789abcdef0123456789abcdef"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
URN = f"urn:fss:local-1:{PROJECT}:function:default:"


@pytest.fixture
def told(evoke_shared, tmp_path):
    if not hasattr(evoke_shared, "node_async"):
        out = tmp_path / "told.json"
        p = subprocess.run(["node", str(HERE / "functiongraph_async.mjs"), str(out)], capture_output=True, text=True,
                           timeout=120, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "EVOKE_URL": evoke_shared.url,
                                             "EVOKE_ACCESS_KEY": evoke_shared.access_key,
                                             "EVOKE_SECRET_KEY": evoke_shared.secret_key}, check=False)
        assert p.returncode == 0, p.stderr
        evoke_shared.node_async = json.loads(out.read_text())
    return evoke_shared.node_async


def test_what_is_accepted_runs(told):
    assert told["start"]["httpStatusCode"] == 202 and re.fullmatch(UUID, told["start"]["request_id"])
    r = told["record"]
    assert (r["n"], r["request_id"], r["status"]) == (1, told["start"]["request_id"], "SUCCESS")
    assert (r["error_code"], r["error_message"]) == (0, "") and r["end_time"]


def test_rules_are_kept_and_the_destination_is_told(told):
    made, listed = told["config"], told["configs"]
    assert made["httpStatusCode"] == 200 and made["func_urn"] == URN + "node-async:latest"
    assert (made["max_async_event_age_in_seconds"], made["max_async_retry_attempts"]) == (60, 2)
    assert json.loads(made["destination_config"]["on_success"]["param"]) == {"func_urn": URN + "node-told"}
    assert listed["count"] == 1 and listed["async_invoke_configs"][0]["max_async_event_age_in_seconds"] == 60
    assert told["told"]["n"] == 1
    assert told["unconfig"]["httpStatusCode"] == 204
    assert (told["none"]["status"], told["none"]["code"]) == (404, "FSS.0404")


def test_a_running_one_is_cancelled(told):
    assert told["running"]["end_time"] == ""
    assert [i["status"] for i in told["active"]["invocations"]] == ["RUNNING"]
    assert told["cancel"]["httpStatusCode"] == 200
    assert (told["cancelled"]["error_code"], told["cancelled"]["error_message"]) == (4208, "function invocation canceled")
    assert (told["unknown"]["status"], told["unknown"]["code"], told["unknown"]["message"]) == \
        (400, "FSS.0400", "Invalid RequestId")


def test_a_trigger_lives_its_life(told):
    made = told["trigger"]
    assert made["httpStatusCode"] == 201 and made["trigger_status"] == "DISABLED"
    assert made["event_data"] == {"name": "T", "schedule_type": "Cron", "schedule": "0 15 2 * * ?", "user_event": "u",
                                  "triggerid": made["trigger_id"]}
    assert (told["triggerAgain"]["status"], told["triggerAgain"]["code"]) == (409, "FSS.1148")
    assert told["triggerOn"]["trigger_status"] == told["triggerShown"]["trigger_status"] == "ACTIVE"
    assert told["triggerShown"]["event_data"] == made["event_data"]
    assert told["triggerGone"]["httpStatusCode"] == 204
    assert made["trigger_id"] in json.dumps(told["triggers"])
