# SPDX-License-Identifier: Apache-2.0
"""FunctionGraph's asynchronous half through its official Python SDK: invocation, records, rules, destinations, cancelling."""
import datetime
import http.server
import json
import os
import re
import subprocess
import threading

import pytest
from evoked import deadline
from fgcloud import Cloud, PROJECT, UUID, raw_call, refused
from fgevents import Ear
from huaweicloudsdkfunctiongraph.v2 import (
    AsyncInvokeFunctionRequest, CancelAsyncInvocationRequest, CancelAsyncInvocationRequestBody,
    DeleteFunctionAsyncInvokeConfigRequest, EnableAsyncStatusLogRequest, FuncAsyncDestinationConfig, FuncDestinationConfig,
    ListActiveAsyncInvocationsRequest, ListAsyncInvocationsRequest, ListFunctionAsyncInvokeConfigRequest,
    ShowFunctionAsyncInvokeConfigRequest, ShowProjectAsyncStatusLogInfoRequest, UpdateFunctionAsyncInvokeConfigRequest,
    UpdateFunctionAsyncInvokeConfigRequestBody)

ASYNC_MAX = 256 * 1024


@pytest.fixture
def ears():
    """Functions that are heard; ears(cloud, name, ...)."""
    made = []

    def make(*args, **over):
        made.append(Ear(*args, **over))
        return made[-1]

    yield make
    for ear in made:
        ear.close()


def start(cloud, name, event=None, **over):
    answer = cloud.client.async_invoke_function(AsyncInvokeFunctionRequest(
        function_urn=cloud.urn(name), body={} if event is None else event, **over))
    assert cloud.response.status_code == 202
    return answer.request_id


def records(cloud, name, **query):
    return cloud.client.list_async_invocations(ListAsyncInvocationsRequest(function_urn=cloud.urn(name), **query))


def active(cloud, name, **query):
    return cloud.client.list_active_async_invocations(
        ListActiveAsyncInvocationsRequest(function_urn=cloud.urn(name), **query))


def record(cloud, name, request_id, status):
    """The one record, as soon as it has this status."""
    found = []
    for _ in deadline(30):
        found = records(cloud, name, request_id=request_id).invocations
        if found and found[0].status == status:
            assert len(found) == 1 and found[0].request_id == request_id
            return found[0]
    raise AssertionError(f"not {status}: {found}\n" + cloud.daemon.log_text()[-4000:])


def configure(cloud, name, **fields):
    return cloud.client.update_function_async_invoke_config(UpdateFunctionAsyncInvokeConfigRequest(
        function_urn=cloud.urn(name), body=UpdateFunctionAsyncInvokeConfigRequestBody(**fields)))


def to(destination, **param):
    return FuncDestinationConfig(destination=destination, param=json.dumps(param))


# -- invocation -----------------------------------------------------------------------------------------


def test_what_is_accepted_runs_and_its_record_says_so(cloud, ears):
    ear = ears(cloud, "ran")
    before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    request_id = start(cloud, "ran", {"k": "v é"})
    assert re.fullmatch(UUID, request_id) and cloud.headers["X-Cff-Request-Id"] == request_id
    assert ear.hear() == {"id": request_id, "event": {"k": "v é"}}
    r = record(cloud, "ran", request_id, "SUCCESS")
    assert (r.error_code, r.error_message) == (0, "")
    begin, end = (datetime.datetime.fromisoformat(str(t).replace("Z", "+00:00")) for t in (r.start_time, r.end_time))
    assert before <= begin <= end
    assert ear.silent()


def test_a_failure_is_in_its_record_and_not_retried_without_rules(cloud, ears):
    ear = ears(cloud, "failed", then="raise ValueError('as asked')")
    request_id = start(cloud, "failed")
    ear.hear()
    r = record(cloud, "failed", request_id, "FAIL")
    assert r.error_code == 500 and "as asked" in r.error_message
    assert ear.silent()


def test_an_event_at_the_limit_is_taken_and_one_byte_more_is_not(cloud):
    cloud.create("sized", "def handler(event, context):\n    return len(event)\n")
    path = f"/v2/{PROJECT}/fgs/functions/{cloud.urn('sized')}/invocations-async"
    fits, over = ('"' + "x" * (n - 2) + '"' for n in (ASYNC_MAX, ASYNC_MAX + 1))
    r = raw_call(cloud.daemon, "POST", path, fits)
    assert r.status_code == 202
    record(cloud, "sized", r.json()["request_id"], "SUCCESS")
    r = raw_call(cloud.daemon, "POST", path, over)
    assert (r.status_code, r.json()["error_code"]) == (413, "FSS.1201")
    assert records(cloud, "sized").count == 1


def test_bad_events_and_functions_are_refused_and_leave_no_record(cloud):
    cloud.create("strict")
    path = f"/v2/{PROJECT}/fgs/functions/{cloud.urn('strict')}/invocations-async"
    r = raw_call(cloud.daemon, "POST", path, "{no json")
    assert (r.status_code, r.json()["error_code"]) == (400, "FSS.0400")
    refused(lambda: start(cloud, "strict", x_cff_instance_memory="129"), 406, "FSS.0406")
    refused(lambda: start(cloud, "nobody"), 404, "FSS.1051")
    cloud.create("stopped")
    cloud.limit("stopped", 0)
    refused(lambda: start(cloud, "stopped"), 400, "FSS.1026")
    assert records(cloud, "strict").count == 0 and records(cloud, "stopped").count == 0


def test_an_empty_body_is_an_empty_event(cloud, ears):
    ear = ears(cloud, "empty")
    r = raw_call(cloud.daemon, "POST", f"/v2/{PROJECT}/fgs/functions/{ear.urn}/invocations-async", "")
    assert r.status_code == 202 and ear.hear() == {"id": r.json()["request_id"], "event": {}}


def test_more_than_may_wait_are_told_to_come_later(evoke_factory, ears):
    cloud = Cloud(evoke_factory("--async-waiting", "2"))
    ear = ears(cloud, "bound", then="import time; time.sleep(1000)", timeout=900, concurrency=1)
    ids = [start(cloud, "bound")]
    ear.hear()
    ids += [start(cloud, "bound") for _ in range(2)]
    refused(lambda: start(cloud, "bound"), 429, "FSS.0429")
    assert records(cloud, "bound").count == 3
    cancel(cloud, "bound", ids[2])
    ids.append(start(cloud, "bound"))  # there is room for one again
    refused(lambda: start(cloud, "bound"), 429, "FSS.0429")
    for request_id in ids[1], ids[3], ids[0]:
        cancel(cloud, "bound", request_id)
    record(cloud, "bound", ids[0], "FAIL")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")
def test_what_cannot_be_kept_is_not_accepted(evoke_factory, open_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=755", "none", str(open_path)], check=True)
    daemon = None
    try:
        daemon = evoke_factory(data_dir=open_path)
        daemon.allow("No space left on device", "disk", "space", "full")
        cloud = Cloud(daemon)
        cloud.create("kept")
        start(cloud, "kept")
        with open(open_path / "filler", "wb", buffering=0) as f:
            for size in 65536, 512, 1:
                try:
                    while True:
                        f.write(b"x" * size)
                except OSError:
                    pass
        path = f"/v2/{PROJECT}/fgs/functions/{cloud.urn('kept')}/invocations-async"
        for _ in deadline(30):
            r = raw_call(daemon, "POST", path, '"' + "x" * 100_000 + '"')
            if r.status_code != 202:
                break
        assert (r.status_code, r.json()["error_code"]) == (503, "FSS.0503"), r.text
        assert r.json()["error_msg"]
        (open_path / "filler").unlink()
        for _ in deadline(30):
            r = raw_call(daemon, "POST", path, "{}")
            if r.status_code == 202:
                break
        record(cloud, "kept", r.json()["request_id"], "SUCCESS")
    finally:
        if daemon:
            daemon.end(check=False)
        subprocess.run(["umount", "-l", str(open_path)], check=True)


# -- records --------------------------------------------------------------------------------------------


def test_records_are_paged_newest_first(cloud):
    cloud.create("paged")
    ids = [start(cloud, "paged", {"n": n}) for n in range(5)]
    for request_id in ids:
        record(cloud, "paged", request_id, "SUCCESS")
    seen, marker = [], None
    while True:
        page = records(cloud, "paged", limit="2", **({"marker": str(marker)} if marker else {}))
        assert page.count == len(page.invocations) <= 2
        if not page.invocations:
            break
        seen += [r.request_id for r in page.invocations]
        marker = page.next_marker
    assert seen == ids[::-1]
    assert records(cloud, "paged", limit="500").count == 5


def test_records_are_found_by_status_and_time(cloud):
    cloud.create("timed")
    request_id = start(cloud, "timed")
    record(cloud, "timed", request_id, "SUCCESS")
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, microsecond=0)
    minute = datetime.timedelta(minutes=1)
    assert records(cloud, "timed", status="SUCCESS").count == 1
    assert records(cloud, "timed", status="FAIL").count == 0
    assert records(cloud, "timed", query_begin_time=now - minute, query_end_time=now + minute).count == 1
    assert records(cloud, "timed", query_begin_time=now + minute, query_end_time=now + 2 * minute).count == 0
    assert records(cloud, "timed", query_end_time=now - minute).count == 0


@pytest.mark.parametrize("query", [
    {"status": "DONE"}, {"limit": "501"}, {"limit": "0"}, {"limit": "x"}, {"marker": "x"}, {"marker": "-1"},
    {"query_begin_time": "yesterday"}, {"query_end_time": "2026-13-01T00:00:00"},
    {"query_begin_time": "2026-01-02T00:00:00", "query_end_time": "2026-01-01T00:00:00"},
])
def test_queries_that_mean_nothing_are_refused(cloud, query):
    cloud.create("asked")
    refused(lambda: records(cloud, "asked", **query), 400, "FSS.0400")
    refused(lambda: active(cloud, "asked", **query), 400, "FSS.0400")


def test_what_has_not_ended_is_active(cloud, ears):
    ear = ears(cloud, "busy", then="import time; time.sleep(1000)", timeout=900, concurrency=1)
    first, second = start(cloud, "busy"), start(cloud, "busy")
    assert ear.hear()["id"] == first
    assert {r.request_id: r.status for r in active(cloud, "busy").invocations} == {first: "RUNNING", second: "WAIT"}
    assert [r.request_id for r in active(cloud, "busy", status="WAIT").invocations] == [second]
    assert active(cloud, "busy", status="SUCCESS").invocations == []
    both = active(cloud, "busy", requests=f"{second},{first},nobody").invocations
    assert [(r.request_id, r.end_time) for r in both] == [(second, ""), (first, "")]
    assert active(cloud, "busy", requests=",".join(["x"] * 10)).count == 0
    refused(lambda: active(cloud, "busy", requests=",".join(["x"] * 11)), 400, "FSS.0400")
    refused(lambda: active(cloud, "busy", requests="a,,b"), 400, "FSS.0400")
    cancel(cloud, "busy", second)
    cancel(cloud, "busy", first)
    assert record(cloud, "busy", first, "FAIL").error_code == 4208
    assert active(cloud, "busy").invocations == []


# -- cancel ---------------------------------------------------------------------------------------------


def cancel(cloud, name, request_id, how="force"):
    return cloud.client.cancel_async_invocation(CancelAsyncInvocationRequest(
        function_urn=cloud.urn(name), body=CancelAsyncInvocationRequestBody(request_id=request_id, type=how)))


@pytest.mark.parametrize("how", ["force", "recursive"])
def test_a_running_invocation_is_cancelled(cloud, ears, how):
    ear = ears(cloud, "hung-" + how, then="import time; time.sleep(1000)", timeout=900)
    request_id = start(cloud, ear.name)
    ear.hear()
    cancel(cloud, ear.name, request_id, how)
    assert cloud.response.status_code == 200 and cloud.response.json() == {}
    r = record(cloud, ear.name, request_id, "FAIL")
    assert (r.error_code, r.error_message) == (4208, "function invocation canceled")
    e = refused(lambda: cancel(cloud, ear.name, request_id, how), 400, "FSS.0400")
    assert "ended" in e.error_msg


def test_what_cannot_be_cancelled_is_told(cloud, ears):
    ears(cloud, "mine", then="import time; time.sleep(1000)", timeout=900)
    cloud.create("others")
    request_id = start(cloud, "mine")
    unknown = "00000000-0000-4000-8000-000000000000"
    for name, asked in (("mine", unknown), ("others", request_id), ("mine", ""), ("mine", "x" * 300)):
        assert refused(lambda: cancel(cloud, name, asked), 400, "FSS.0400").error_msg == "Invalid RequestId"
    refused(lambda: cancel(cloud, "mine", request_id, "softly"), 400, "FSS.0400")
    cancel(cloud, "mine", request_id)
    record(cloud, "mine", request_id, "FAIL")


def test_what_a_cancelled_one_has_put_with_its_own_keys_goes_with_it(cloud, ears):
    child = ears(cloud, "child", then="import time; time.sleep(1000)", timeout=900)
    parent = ears(cloud, "parent", then="import time; time.sleep(1000)", timeout=900, app_xrole="agency")
    request_id = start(cloud, "parent")
    keys = parent.hear()["keys"]
    path = f"/v2/{PROJECT}/fgs/functions/{child.urn}/invocations-async"
    its = raw_call(cloud.daemon, "POST", path, "{}", keys=keys).json()["request_id"]
    mine = raw_call(cloud.daemon, "POST", path, "{}").json()["request_id"]
    assert {child.hear()["id"], child.hear()["id"]} == {its, mine}
    cancel(cloud, "parent", request_id, "recursive")
    assert record(cloud, "parent", request_id, "FAIL").error_code == 4208
    assert record(cloud, "child", its, "FAIL").error_code == 4208
    record(cloud, "child", mine, "RUNNING")
    cancel(cloud, "child", mine)
    record(cloud, "child", mine, "FAIL")


# -- rules ----------------------------------------------------------------------------------------------


def show(cloud, name):
    return cloud.client.show_function_async_invoke_config(
        ShowFunctionAsyncInvokeConfigRequest(function_urn=cloud.urn(name)))


def listed(cloud, name, **query):
    return cloud.client.list_function_async_invoke_config(
        ListFunctionAsyncInvokeConfigRequest(function_urn=cloud.urn(name), **query))


def test_rules_are_kept_changed_and_deleted(cloud):
    cloud.create("ruled")
    cloud.create("target")
    refused(lambda: show(cloud, "ruled"), 404, "FSS.0404")
    assert (listed(cloud, "ruled").count, listed(cloud, "ruled").async_invoke_configs) == (0, [])
    destination = to("FunctionGraph", func_urn=cloud.urn("target", ":latest"))
    made = configure(cloud, "ruled", max_async_event_age_in_seconds=60, max_async_retry_attempts=3,
                     enable_async_status_log=True,
                     destination_config=FuncAsyncDestinationConfig(on_success=destination, on_failure=to("HTTP", url="http://127.0.0.1:9/")))
    for c in (made, show(cloud, "ruled"), listed(cloud, "ruled").async_invoke_configs[0]):
        assert c.func_urn == cloud.urn("ruled", ":latest")
        assert (c.max_async_event_age_in_seconds, c.max_async_retry_attempts, c.enable_async_status_log) == (60, 3, True)
        assert (c.destination_config.on_success.destination, c.destination_config.on_success.param) == \
            ("FunctionGraph", destination.param)
        assert json.loads(c.destination_config.on_failure.param) == {"url": "http://127.0.0.1:9/"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", c.created_time)
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", c.last_modified)
    page = listed(cloud, "ruled", marker="0", limit="1")
    assert (page.count, page.page_info.next_marker, page.page_info.current_count) == (1, 1, 1)
    assert listed(cloud, "ruled", marker="1").async_invoke_configs == []
    again = configure(cloud, "ruled")  # what a PUT leaves out has its default again
    assert (again.max_async_event_age_in_seconds, again.max_async_retry_attempts) == (3600, 1)
    assert again.destination_config.on_success.destination is None and again.created_time == made.created_time
    cloud.client.delete_function_async_invoke_config(DeleteFunctionAsyncInvokeConfigRequest(function_urn=cloud.urn("ruled")))
    assert cloud.response.status_code == 204 and cloud.response.content == b""
    refused(lambda: show(cloud, "ruled"), 404, "FSS.0404")
    refused(lambda: cloud.client.delete_function_async_invoke_config(
        DeleteFunctionAsyncInvokeConfigRequest(function_urn=cloud.urn("ruled"))), 404, "FSS.0404")


def both(**destination):
    return {"destination_config": FuncAsyncDestinationConfig(on_failure=FuncDestinationConfig(**destination))}


@pytest.mark.parametrize("fields,code,status", [
    ({"max_async_event_age_in_seconds": 0}, "FSS.0400", 400),
    ({"max_async_event_age_in_seconds": 86401}, "FSS.0400", 400),
    ({"max_async_retry_attempts": -1}, "FSS.0400", 400),
    ({"max_async_retry_attempts": 4}, "FSS.0400", 400),
    ({"max_async_retry_attempts": "1"}, "FSS.0400", 400),
    ({"enable_async_status_log": "yes"}, "FSS.0400", 400),
    (both(destination="OBS", param='{"bucket":"b"}'), "FSS.0400", 400),
    (both(destination="SMN", param='{"topic_urn":"t"}'), "FSS.0400", 400),
    (both(destination="DIS", param='{"stream_name":"s"}'), "FSS.0400", 400),
    (both(destination="Elsewhere", param="{}"), "FSS.0400", 400),
    (both(destination="HTTP", param='{"url":"ftp://x/"}'), "FSS.0400", 400),
    (both(destination="HTTP", param='{"url":"http://x/ y"}'), "FSS.0400", 400),
    (both(destination="HTTP", param='{"url":"http:///y"}'), "FSS.0400", 400),
    (both(destination="HTTP", param='{"url":"http://x/' + "y" * 2040 + '"}'), "FSS.0400", 400),
    (both(destination="HTTP", param="{}"), "FSS.0400", 400),
    (both(destination="HTTP", param="[]"), "FSS.0400", 400),
    (both(destination="HTTP", param="{"), "FSS.0400", 400),
    (both(destination="FunctionGraph"), "FSS.0400", 400),
    (both(destination="FunctionGraph", param='{"func_urn":"a:b:c:d:e"}'), "FSS.1309", 400),
    (both(destination="FunctionGraph", param=json.dumps({"func_urn": f"urn:fss:local-1:{'f' * 32}:function:default:x"})),
     "FSS.1309", 400),
    (both(destination="FunctionGraph", param='{"func_urn":"nobody"}'), "FSS.1051", 404),
    (both(destination="FunctionGraph", param='{"func_urn":"ruleless:v1"}'), "FSS.1052", 404),
    (both(destination="FunctionGraph", param='{"func_urn":"ruleless:!prod"}'), "FSS.1053", 404),
    (both(destination="FunctionGraph", param='{"func_urn":"ruleless"}'), "FSS.0400", 400),
])
def test_rules_out_of_range_are_refused(cloud, fields, code, status):
    cloud.create("ruleless")
    refused(lambda: configure(cloud, "ruleless", **fields), status, code)
    refused(lambda: show(cloud, "ruleless"), 404, "FSS.0404")


def test_limits_of_rules_are_allowed(cloud):
    cloud.create("edges")
    for age, retries in ((1, 0), (86400, 3)):
        c = configure(cloud, "edges", max_async_event_age_in_seconds=age, max_async_retry_attempts=retries)
        assert (c.max_async_event_age_in_seconds, c.max_async_retry_attempts) == (age, retries)
    url = "http://x/" + "y" * (2048 - 9)
    c = configure(cloud, "edges", **both(destination="HTTP", param=json.dumps({"url": url})))
    assert json.loads(c.destination_config.on_failure.param) == {"url": url}


def test_retries_are_as_many_as_the_rules_say(evoke_factory, clock, ears):
    cloud = Cloud(evoke_factory(clock=clock))
    ear = ears(cloud, "again", then="raise ValueError('as asked')")
    configure(cloud, "again", max_async_retry_attempts=2)
    clock.scale(100)
    request_id = start(cloud, "again")
    assert [ear.hear()["id"] for _ in range(3)] == [request_id] * 3
    record(cloud, "again", request_id, "FAIL")
    assert ear.silent()


def test_what_grows_too_old_is_discarded(evoke_factory, clock, ears):
    cloud = Cloud(evoke_factory(clock=clock))
    ear = ears(cloud, "late", then="import time; time.sleep(1000)", timeout=900, concurrency=1)
    told = ears(cloud, "told")
    configure(cloud, "late", max_async_event_age_in_seconds=600, destination_config=FuncAsyncDestinationConfig(
        on_failure=to("FunctionGraph", func_urn=told.urn)))
    first, second = start(cloud, "late"), start(cloud, "late", {"n": 2})
    assert ear.hear()["id"] == first
    clock.jump(601_000)
    cancel(cloud, "late", first)
    r = record(cloud, "late", second, "DISCARD")
    assert r.error_code == 408 and r.error_message
    said = told.hear()["event"]
    assert said["request_context"] == {"request_id": second, "function_urn": cloud.urn("late", ":latest"),
                                       "condition": "EventAgeExceeded", "approximate_invoke_count": 0}
    assert said["request_payload"] == '{"n": 2}'
    assert said["response_context"] == {"status_code": 500, "function_error": "EventAgeExceeded"}


# -- destinations ---------------------------------------------------------------------------------------


def test_a_function_is_told_of_success_and_failure(cloud, ears):
    well, ill = ears(cloud, "well"), ears(cloud, "ill")
    cloud.create("judged", "def handler(event, context):\n    if event.get('bad'):\n        raise ValueError('as asked')\n"
                           "    return {'got': event}\n")
    configure(cloud, "judged", max_async_retry_attempts=0, destination_config=FuncAsyncDestinationConfig(
        on_success=to("FunctionGraph", func_urn=well.urn), on_failure=to("FunctionGraph", func_urn="ill")))
    request_id = start(cloud, "judged", {"n": 1})
    said = well.hear()["event"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said.pop("timestamp"))
    assert said == {
        "request_context": {"request_id": request_id, "function_urn": cloud.urn("judged", ":latest"), "condition": "",
                            "approximate_invoke_count": 0},
        "request_payload": '{"n": 1}',
        "response_context": {"status_code": 200, "function_error": ""},
        "response_payload": '{"got": {"n": 1}}'}
    request_id = start(cloud, "judged", {"bad": True})
    said = ill.hear()["event"]
    assert said["request_context"] == {"request_id": request_id, "function_urn": cloud.urn("judged", ":latest"),
                                       "condition": "UnhandledInvocationError", "approximate_invoke_count": 0}
    assert said["response_context"] == {"status_code": 500, "function_error": "UnhandledInvocationError"}
    failure = json.loads(said["response_payload"])
    assert (failure["errorMessage"], failure["errorType"]) == ("as asked", "ValueError")
    assert well.silent()


def test_an_endpoint_is_told_as_a_cloud_event(cloud):
    heard, there = [], threading.Event()

    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append((self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            there.set()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        cloud.create("posts")
        url = f"http://127.0.0.1:{server.server_port}/told?x=1"
        configure(cloud, "posts", destination_config=FuncAsyncDestinationConfig(on_success=to("HTTP", url=url)))
        request_id = start(cloud, "posts", {"n": 1})
        assert there.wait(30)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    [(path, headers, body)] = heard
    assert path == "/told?x=1" and headers["ce-specversion"] == "1.0" and headers["ce-id"] and headers["ce-source"]
    said = json.loads(body)
    assert said["request_context"]["request_id"] == request_id and said["response_context"]["status_code"] == 200
    assert (said["request_payload"], said["response_payload"]) == ('{"n": 1}', '{"got": {"n": 1}}')


# -- status logs ----------------------------------------------------------------------------------------


def test_status_logs_are_refused_honestly(cloud):
    refused(lambda: cloud.client.enable_async_status_log(EnableAsyncStatusLogRequest()), 400, "FSS.0400")
    refused(lambda: cloud.client.show_project_async_status_log_info(ShowProjectAsyncStatusLogInfoRequest()), 404,
            "FSS.0404")


# -- who may call ---------------------------------------------------------------------------------------


def test_a_function_with_a_role_invokes_others_and_nothing_more(cloud, ears):
    """With the keys that its context gives it; it signs as any SDK does."""
    ear = ears(cloud, "called")
    cloud.create("caller", "def handler(event, context):\n    return [context.getSecurityAccessKey(), "
                           "context.getSecuritySecretKey(), context.getSecurityToken()]\n", app_xrole="agency")
    keys, _ = cloud.run("caller")
    request_id = raw_call(cloud.daemon, "POST", f"/v2/{PROJECT}/fgs/functions/{ear.urn}/invocations-async", '{"by":"role"}',
                          keys=keys).json()["request_id"]
    assert ear.hear() == {"id": request_id, "event": {"by": "role"}}
    for method, tail, body in (("GET", "/async-invocations", ""), ("PUT", "/async-invoke-config", "{}"),
                               ("POST", "/cancel", json.dumps({"request_id": request_id}))):
        r = raw_call(cloud.daemon, method, f"/v2/{PROJECT}/fgs/functions/{ear.urn}{tail}", body, keys=keys)
        assert (r.status_code, r.json()["error_code"]) == (403, "FSS.0403"), tail
