# SPDX-License-Identifier: Apache-2.0
"""FunctionGraph's triggers through its official Python SDK: TIMER in full, the others' refusals, and what a due time brings."""
import concurrent.futures
import json
import re

import pytest
import requests
from evoked import deadline
from fgcloud import Cloud, PROJECT, UUID, raw_call, refused
from fgevents import Ear
from huaweicloudsdkfunctiongraph.v2 import (
    ApigTriggerFuncInfo, BatchDeleteFunctionTriggersRequest, CreateFunctionTriggerRequest, CreateFunctionTriggerRequestBody,
    DeleteFunctionTriggerRequest, ListFunctionTriggersRequest, ShowFunctionTriggerRequest, TriggerEventDataRequestBody,
    UpdateriggerEventData, UpdateTriggerRequest, UpdateTriggerRequestBody)

UNKNOWN = "00000000-0000-4000-8000-000000000000"
SQL_TIME = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d.*"


def create(cloud, function, name="Timer-l8v2", schedule_type="Rate", schedule="3m", kind="TIMER", status=None, **data):
    return cloud.client.create_function_trigger(CreateFunctionTriggerRequest(
        function_urn=cloud.urn(function), body=CreateFunctionTriggerRequestBody(
            trigger_type_code=kind, trigger_status=status, event_data=TriggerEventDataRequestBody(
                name=name, schedule_type=schedule_type, schedule=schedule, **data))))


def show(cloud, function, trigger_id, kind="TIMER"):
    return cloud.client.show_function_trigger(ShowFunctionTriggerRequest(
        function_urn=cloud.urn(function), trigger_type_code=kind, trigger_id=trigger_id))


def listed(cloud, function):
    return cloud.client.list_function_triggers(ListFunctionTriggersRequest(function_urn=cloud.urn(function))).body or []


def update(cloud, function, trigger_id, kind="TIMER", **body):
    return cloud.client.update_trigger(UpdateTriggerRequest(
        function_urn=cloud.urn(function), trigger_type_code=kind, trigger_id=trigger_id, body=UpdateTriggerRequestBody(**body)))


def delete(cloud, function, trigger_id, kind="TIMER"):
    cloud.client.delete_function_trigger(DeleteFunctionTriggerRequest(
        function_urn=cloud.urn(function), trigger_type_code=kind, trigger_id=trigger_id))


def path_of(cloud, function, *rest):
    return "/".join((f"/v2/{PROJECT}/fgs/triggers", cloud.urn(function), *rest))


def data_of(trigger):
    return {k: v for k, v in trigger.event_data.to_dict().items() if v is not None}


def test_one_of_a_type_without_a_source_is_said_to_wait(cloud):
    cloud.create("waits")
    for name, kind, data in (("photos", "OBS", {"bucket": "photos", "events": ["s3:ObjectCreated:*"]}), ("beat", "TIMER", {
            "schedule_type": "Rate", "schedule": "3m"})):
        body = {"trigger_type_code": kind, "event_data": {"name": name, **data}}
        assert raw_call(cloud.daemon, "POST", path_of(cloud, "waits"), json.dumps(body)).status_code == 201
    lines = {line.split()[0]: line for line in cloud.daemon.run("trigger", "list", "waits").stdout.splitlines()}
    assert lines["photos"].rstrip().endswith("waiting for its source") and "waiting" not in lines["beat"]
    shown = {name: cloud.daemon.run("trigger", "show", name, "waits") for name in ("photos", "beat")}
    assert "waiting for its source: the daemon has none of that type" in shown["photos"].stdout
    assert shown["beat"].returncode == 0 and "waiting" not in shown["beat"].stdout
    told = {t["name"]: t for t in json.loads(cloud.daemon.run("trigger", "list", "waits", "--output", "json").stdout)}
    assert told["photos"]["waits_for_source"] is True and "waits_for_source" not in told["beat"]


# -- life -------------------------------------------------------------------------------------------------


def test_a_trigger_is_shown_as_it_was_created(cloud):
    cloud.create("kept")
    made = create(cloud, "kept", user_event='{"a": 1}')
    assert cloud.response.status_code == 201
    assert re.fullmatch(UUID, made.trigger_id)
    for t in (made, show(cloud, "kept", made.trigger_id), listed(cloud, "kept")[0]):
        assert (t.trigger_id, t.trigger_type_code, t.trigger_status) == (made.trigger_id, "TIMER", "ACTIVE")
        assert data_of(t) == {"name": "Timer-l8v2", "schedule_type": "Rate", "schedule": "3m", "user_event": '{"a": 1}',
                              "triggerid": made.trigger_id}
        assert re.fullmatch(SQL_TIME, str(t.created_time)) and re.fullmatch(SQL_TIME, str(t.last_updated_time))
    other = create(cloud, "kept", "Cron_1", "Cron", "CRON_TZ=Europe/Berlin 0 0 12 * * *", status="DISABLED")
    assert other.trigger_status == "DISABLED"
    assert [t.trigger_id for t in listed(cloud, "kept")] == [made.trigger_id, other.trigger_id]
    assert isinstance(cloud.response.json(), list)


def test_fields_of_others_and_our_own_come_back(cloud):
    cloud.create("extra")
    body = {"trigger_type_code": "TIMER", "event_type_code": "TimerTrigger", "event_data": {
        "name": "T", "schedule_type": "Cron", "schedule": "0 15 2 * * ?", "sync_execution": True, "missed_policy": "all",
        "note": {"b": 1, "a": [1.5, None]}}}
    r = raw_call(cloud.daemon, "POST", path_of(cloud, "extra"), json.dumps(body))
    assert r.status_code == 201
    trigger_id = r.json()["trigger_id"]
    wanted = {**body["event_data"], "user_event": "", "triggerid": trigger_id}
    assert r.json()["event_data"] == wanted
    r = raw_call(cloud.daemon, "PUT", path_of(cloud, "extra", "TIMER", trigger_id), json.dumps(
        {"trigger_status": "DISABLED", "event_data": {"name": "T", "user_event": "u", "missed_policy": "skip", "note": None}}))
    assert r.status_code == 200
    del wanted["note"]
    wanted.update(user_event="u", missed_policy="skip")
    assert r.json()["event_data"] == wanted and r.json()["trigger_status"] == "DISABLED"
    assert raw_call(cloud.daemon, "GET", path_of(cloud, "extra", "TIMER", trigger_id), "").json()["event_data"] == wanted


def test_a_trigger_is_switched_and_changed(cloud):
    cloud.create("switch")
    made = create(cloud, "switch", user_event="u")
    off = update(cloud, "switch", made.trigger_id, trigger_status="DISABLED")
    assert cloud.response.status_code == 200
    assert off.trigger_status == "DISABLED" and data_of(off) == data_of(made)
    on = update(cloud, "switch", made.trigger_id, trigger_status="ACTIVE",
                event_data=[UpdateriggerEventData(polling_interval=30)])  # the SDK's own type: nothing for a timer
    assert on.trigger_status == "ACTIVE" and on.event_data.schedule == "3m"
    body = {"event_data": [{"schedule_type": "Cron", "schedule": "@every 1h30m"}]}
    r = raw_call(cloud.daemon, "PUT", path_of(cloud, "switch", "TIMER", made.trigger_id), json.dumps(body))
    assert r.status_code == 200
    now = show(cloud, "switch", made.trigger_id)
    assert (now.event_data.schedule_type, now.event_data.schedule, now.event_data.user_event) == ("Cron", "@every 1h30m", "u")
    assert now.trigger_status == "ACTIVE"


def test_triggers_are_deleted_one_by_one_and_together(cloud):
    cloud.create("rid")
    ids = [create(cloud, "rid", f"t{n}").trigger_id for n in range(3)]
    delete(cloud, "rid", ids[1])
    assert cloud.response.status_code == 204 and cloud.response.content == b""
    assert [t.trigger_id for t in listed(cloud, "rid")] == [ids[0], ids[2]]
    cloud.client.batch_delete_function_triggers(BatchDeleteFunctionTriggersRequest(function_urn=cloud.urn("rid")))
    assert cloud.response.status_code == 204 and listed(cloud, "rid") == []
    cloud.client.batch_delete_function_triggers(BatchDeleteFunctionTriggersRequest(function_urn=cloud.urn("rid")))
    assert cloud.response.status_code == 204


def test_triggers_go_with_their_function_and_no_other_has_them(cloud):
    cloud.create("owner")
    cloud.create("neighbour")
    trigger_id = create(cloud, "owner").trigger_id
    refused(lambda: show(cloud, "neighbour", trigger_id), 404, "FSS.1140")
    refused(lambda: delete(cloud, "neighbour", trigger_id), 404, "FSS.1140")
    everything = raw_call(cloud.daemon, "GET", f"/v2/{PROJECT}/fgs/triggers", "").json()
    assert [t["trigger_id"] for t in everything] == [trigger_id]
    cloud.delete("owner")
    cloud.create("owner")
    assert listed(cloud, "owner") == []
    assert raw_call(cloud.daemon, "GET", f"/v2/{PROJECT}/fgs/triggers", "").json() == []


def test_types_are_told(cloud):
    r = raw_call(cloud.daemon, "GET", f"/v2/{PROJECT}/fgs/triggertypes", "")
    assert r.status_code == 200 and [t["type"] for t in r.json()] == ["TIMER", "APIG", "APIC", "DEDICATEDGATEWAY"]


# -- other types -------------------------------------------------------------------------------------------


def test_an_api_of_the_gateway_is_made_by_a_trigger(cloud):
    cloud.create("fronted", "def handler(event, context):\n    return {'statusCode': 201, 'isBase64Encoded': False, 'headers': {},"
                            " 'body': event['path'] + ' ' + event['httpMethod']}\n")
    group = raw_call(cloud.daemon, "POST", f"/v2/{PROJECT}/apigw/instances/evoke/api-groups", json.dumps({"name": "trigger_group"})).json()["id"]
    made = create(cloud, "fronted", "api_x", None, None, "APIG", type=1, path="/front", protocol="HTTP", req_method="ANY", group_id=group,
                  match_mode="SWA", env_name="RELEASE", env_id="DEFAULT_ENVIRONMENT_RELEASE_ID", auth="NONE",
                  func_info=ApigTriggerFuncInfo(timeout=5000), backend_type="FUNCTION")
    assert made.event_data.api_id == made.trigger_id and made.event_data.invoke_url.endswith("/front")
    host = made.event_data.sl_domain
    for _ in deadline(10):
        r = requests.get(cloud.daemon.url + "/front/door", headers={"Host": host}, timeout=30)
        if r.status_code != 404:
            break
    assert (r.status_code, r.text) == (201, "/front/door GET")
    moved = raw_call(cloud.daemon, "PUT", path_of(cloud, "fronted", "APIG", made.trigger_id), json.dumps({"event_data": {"path": "/back"}}))
    assert moved.status_code == 200 and moved.json()["event_data"]["invoke_url"].endswith("/back")
    for _ in deadline(10):
        r = requests.get(cloud.daemon.url + "/back", headers={"Host": host}, timeout=30)
        if r.status_code != 404:
            break
    assert r.status_code == 201
    delete(cloud, "fronted", made.trigger_id, "APIG")
    for _ in deadline(10):
        if requests.get(cloud.daemon.url + "/back", headers={"Host": host}, timeout=30).status_code == 404:
            break
    assert requests.get(cloud.daemon.url + "/back", headers={"Host": host}, timeout=30).status_code == 404


def test_a_password_is_given_back_to_nobody(cloud):
    cloud.create("secret")
    made = create(cloud, "secret", None, None, None, "KAFKA", instance_id="i", topic_ids=["t"], kafka_user="u", kafka_password="hush-hush-1")
    update(cloud, "secret", made.trigger_id, "KAFKA", trigger_status="ACTIVE")
    raw_call(cloud.daemon, "PUT", path_of(cloud, "secret", "KAFKA", made.trigger_id), json.dumps({"event_data": {"kafka_password": "hush-hush-2"}}))
    shown = raw_call(cloud.daemon, "GET", path_of(cloud, "secret"), "")
    told = cloud.daemon.run("trigger", "list", "--output", "json")
    assert told.returncode == 0, told.stderr
    assert "hush" not in shown.text + told.stdout + cloud.daemon.log_text()
    assert made.trigger_id in told.stdout


# -- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields,code", [
    ({"kind": "OBS"}, "FSS.1106"),
    ({"kind": "KAFKA"}, "FSS.1112"),
    ({"kind": "timer"}, "FSS.1101"),
    ({"kind": "NONE"}, "FSS.1101"),
    ({"status": "PAUSED"}, "FSS.0400"),
    ({"name": ""}, "FSS.1109"),
    ({"name": "1st"}, "FSS.1109"),
    ({"name": "a b"}, "FSS.1109"),
    ({"name": "a" * 65}, "FSS.1109"),
    ({"name": None}, "FSS.1109"),
    ({"schedule_type": None}, "FSS.1109"),
    ({"schedule_type": "rate"}, "FSS.1109"),
    ({"schedule": None}, "FSS.1109"),
    ({"schedule": ""}, "FSS.1109"),
    ({"schedule": "0m"}, "FSS.1109"),
    ({"schedule": "61m"}, "FSS.1109"),
    ({"schedule": "25h"}, "FSS.1109"),
    ({"schedule": "31d"}, "FSS.1109"),
    ({"schedule": "3s"}, "FSS.1109"),
    ({"schedule": "0 15 2 * * ?"}, "FSS.1109"),
    ({"schedule_type": "Cron", "schedule": "3m"}, "FSS.1109"),
    ({"schedule_type": "Cron", "schedule": "0 60 2 * * ?"}, "FSS.1109"),
    ({"schedule_type": "Cron", "schedule": "0 0 0 30 2 ?"}, "FSS.1109"),
    ({"schedule_type": "Cron", "schedule": "CRON_TZ=No/Where 0 0 2 * * ?"}, "FSS.1109"),
    ({"user_event": "u" * 4097}, "FSS.1109"),
])
def test_bad_triggers_are_refused(cloud, fields, code):
    cloud.create("badly")
    e = refused(lambda: create(cloud, "badly", **fields), 400, code)
    assert len(e.error_msg) > 10
    assert listed(cloud, "badly") == []


@pytest.mark.parametrize("body,code", [
    ({"trigger_type_code": "TIMER"}, "FSS.1109"),
    ({"trigger_type_code": "TIMER", "event_data": []}, "FSS.1109"),
    ({"trigger_type_code": 1, "event_data": {}}, "FSS.0400"),
    ({"event_data": {}}, "FSS.1101"),
    ({"trigger_type_code": "TIMER", "event_data": {"name": "T", "schedule_type": "Rate", "schedule": "3m",
                                                   "missed_policy": "never"}}, "FSS.1109"),
    ({"trigger_type_code": "TIMER", "event_data": {"name": "T", "schedule_type": "Rate", "schedule": "3m",
                                                   "sync_execution": "yes"}}, "FSS.1109"),
    ({"trigger_type_code": "TIMER", "event_data": {"name": "T", "schedule_type": "Rate", "schedule": "3m",
                                                   "user_event": {"a": 1}}}, "FSS.1109"),
    ({"trigger_type_code": "TIMER", "event_data": {"name": "T", "schedule_type": "Rate", "schedule": "3m",
                                                   "more": "x" * 65536}}, "FSS.1109"),
    ([], "FSS.0400"),
])
def test_bad_bodies_are_refused(cloud, body, code):
    cloud.create("odd")
    r = raw_call(cloud.daemon, "POST", path_of(cloud, "odd"), json.dumps(body))
    assert (r.status_code, r.json()["error_code"]) == (400, code)
    assert listed(cloud, "odd") == []


def test_limits_of_a_trigger_are_allowed(cloud):
    cloud.create("edge")
    create(cloud, "edge", name="a" * 64, user_event="u" * 4096)
    for n, schedule in enumerate(("1m", "60m", "1h", "24h", "1d", "30d")):
        create(cloud, "edge", f"r{n}", schedule=schedule)


def test_a_name_is_there_once(cloud):
    cloud.create("once")
    create(cloud, "once")
    refused(lambda: create(cloud, "once", schedule="5m"), 409, "FSS.1148")
    assert len(listed(cloud, "once")) == 1


def test_of_many_that_ask_for_a_name_at_once_one_gets_it(cloud):
    cloud.create("raced")
    body = json.dumps({"trigger_type_code": "TIMER", "event_data": {"name": "T", "schedule_type": "Rate", "schedule": "3m"}})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: raw_call(cloud.daemon, "POST", path_of(cloud, "raced"), body), range(8)))
    assert sorted(r.status_code for r in answers) == [201] + [409] * 7
    assert {r.json()["error_code"] for r in answers if r.status_code == 409} == {"FSS.1148"}
    assert len(listed(cloud, "raced")) == 1


def test_a_function_has_ten_triggers_and_no_more(cloud):
    cloud.create("ten")
    for n in range(10):
        create(cloud, "ten", f"t{n}")
    refused(lambda: create(cloud, "ten", "t10"), 403, "FSS.1123")
    delete(cloud, "ten", listed(cloud, "ten")[0].trigger_id)
    create(cloud, "ten", "t10")


def test_what_is_not_there_is_told(cloud):
    cloud.create("bare")
    trigger_id = create(cloud, "bare").trigger_id
    for call in (lambda i, k: show(cloud, "bare", i, k), lambda i, k: delete(cloud, "bare", i, k),
                 lambda i, k: update(cloud, "bare", i, k, trigger_status="ACTIVE")):
        refused(lambda: call(UNKNOWN, "TIMER"), 404, "FSS.1140")
        refused(lambda: call("x", "TIMER"), 404, "FSS.1140")
        refused(lambda: call(trigger_id, "OBS"), 404, "FSS.1136")
        refused(lambda: call(trigger_id, "CLOCK"), 404, "FSS.1137")
    for call in (lambda n: create(cloud, n), lambda n: listed(cloud, n), lambda n: show(cloud, n, trigger_id),
                 lambda n: cloud.client.batch_delete_function_triggers(
                     BatchDeleteFunctionTriggersRequest(function_urn=cloud.urn(n)))):
        refused(lambda: call("nobody"), 404, "FSS.1051")
    assert len(listed(cloud, "bare")) == 1


@pytest.mark.parametrize("body,code", [
    ({"trigger_status": "OFF"}, "FSS.0400"),
    ({"event_data": "x"}, "FSS.1109"),
    ({"event_data": ["x"]}, "FSS.1109"),
    ({"event_data": {"name": "another"}}, "FSS.1109"),
    ({"event_data": {"schedule": "0m"}}, "FSS.1109"),
    ({"event_data": {"schedule_type": "Cron"}}, "FSS.1109"),  # with the schedule of a rate
])
def test_a_bad_update_changes_nothing(cloud, body, code):
    cloud.create("firm")
    made = create(cloud, "firm")
    r = raw_call(cloud.daemon, "PUT", path_of(cloud, "firm", "TIMER", made.trigger_id), json.dumps(body))
    assert (r.status_code, r.json()["error_code"]) == (400, code)
    now = show(cloud, "firm", made.trigger_id)
    assert data_of(now) == data_of(made) and now.trigger_status == "ACTIVE"


# -- what a due time brings ------------------------------------------------------------------------------------


@pytest.fixture
def timed(evoke_factory, clock):
    """A daemon whose time is ours, and a function that is heard: half past eight, less a second."""
    clock.set("2023-06-01T00:29:59Z")
    cloud = Cloud(evoke_factory(clock=clock))
    ear = Ear(cloud, "ticked", concurrency=1)  # so that it hears in order
    yield cloud, clock, ear
    ear.close()


def test_a_cron_trigger_fires_with_the_clouds_event(timed):
    cloud, _, ear = timed
    create(cloud, "ticked", "Timer_001", "Cron", "CRON_TZ=Asia/Shanghai 0 30 8 * * ?", user_event='{"a": "b"}')
    assert ear.hear()["event"] == {"version": "v1.0", "time": "2023-06-01T08:30:00+08:00", "trigger_type": "TIMER",
                                   "trigger_name": "Timer_001", "user_event": '{"a": "b"}'}
    assert ear.silent()


def test_a_rate_trigger_fires_again_and_again_until_it_is_disabled(timed):
    cloud, clock, ear = timed
    made = create(cloud, "ticked", "every", "Rate", "3m", user_event="u")
    times = []
    for _ in range(3):
        clock.jump(180_000)
        event = ear.hear()["event"]
        assert {k: event[k] for k in event if k != "time"} == {
            "version": "v1.0", "trigger_type": "TIMER", "trigger_name": "every", "user_event": "u"}
        times.append(event["time"])
    assert len(set(times)) == 3 and sorted(times) == times
    update(cloud, "ticked", made.trigger_id, trigger_status="DISABLED")
    clock.jump(3600_000)
    create(cloud, "ticked", "after", "Cron", "@every 1s")
    assert ear.hear()["event"]["trigger_name"] == "after"


@pytest.mark.parametrize("policy,fires", [("skip", 0), ("once", 1), ("all", 3)])
def test_what_came_due_while_nobody_looked_follows_the_policy(timed, policy, fires):
    cloud, clock, ear = timed
    body = {"trigger_type_code": "TIMER", "event_data": {
        "name": "missed", "schedule_type": "Cron", "schedule": "0 0 * * * ?", "missed_policy": policy}}
    assert raw_call(cloud.daemon, "POST", path_of(cloud, "ticked"), json.dumps(body)).status_code == 201
    clock.jump(3 * 3600_000)  # 01:00, 02:00 and 03:00 came due
    create(cloud, "ticked", "next", "Cron", "@every 1s")
    names = []
    while "next" not in names:
        names.append(ear.hear()["event"]["trigger_name"])
    assert names.count("missed") == fires
