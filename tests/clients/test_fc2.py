# SPDX-License-Identifier: Apache-2.0
"""Function Compute through its own Node SDK, @alicloud/fc2, unmodified.

And what an SDK never sends, by hand: wrong signatures, old dates, missing headers.
"""
import base64
import hashlib
import hmac
import io
import json
import os
import pathlib
import re
import subprocess
import zipfile
from email.utils import formatdate

import pytest
import requests

HERE = pathlib.Path(__file__).parent
SDK = HERE / "node_modules" / "@alicloud" / "fc2"
ACCOUNT = "123456789"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")

CODE = '''
import json, os

def handler(event, context):
    print("log line of", context.request_id)
    what = json.loads(event) if event else {}
    if what.get("fail"):
        raise ValueError("told to fail")
    return json.dumps({"got": what, "greeting": os.environ.get("GREETING"), "number": os.environ.get("N")})
'''


def zip_of(text, name="index.py"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr(zipfile.ZipInfo(name, (1980, 1, 2, 0, 0, 0)), text)
    return out.getvalue()


def function(**more):
    return {"functionName": "fn", "runtime": "python3", "handler": "index.handler", "timeout": 5, "memorySize": 128,
            "environmentVariables": {"GREETING": "hello", "N": 1},
            "code": {"zipFile": base64.b64encode(zip_of(CODE)).decode()}, **more}


def steps(e, *calls, access_key=None, secret_key=None, token=None):
    """Run calls in one Node process; a list of {headers, data} or {error}."""
    env = {"PATH": os.environ["PATH"], "FC_ENDPOINT": e.url, "FC_ACCOUNT": ACCOUNT,
           "FC_ACCESS_KEY": access_key or e.access_key, "FC_SECRET_KEY": secret_key or e.secret_key,
           **({"FC_SECURITY_TOKEN": token} if token else {})}
    text = json.dumps([{"call": c[0], "args": list(c[1:])} for c in calls])
    p = subprocess.run(["node", str(HERE / "fc2.mjs")], input=text, capture_output=True, text=True, env=env, timeout=120,
                       check=False)
    assert p.returncode == 0, p.stderr
    return json.loads(p.stdout)


def signed(e, method, path, headers=None, body=b"", secret=None, date=None, account=ACCOUNT):
    h = {"Date": date or formatdate(usegmt=True), "x-fc-account-id": account, **(headers or {})}
    if body:
        h.setdefault("Content-Type", "application/json")
    low = {k.lower(): v for k, v in h.items()}
    fc = "".join(f"{k}:{low[k]}\n" for k in sorted(low) if k.startswith("x-fc-"))
    text = f"{method}\n{low.get('content-md5', '')}\n{low.get('content-type', '')}\n{low['date']}\n{fc}{path}"
    mac = hmac.new((secret or e.secret_key).encode(), text.encode(), hashlib.sha256).digest()
    h["Authorization"] = f"FC {e.access_key}:{base64.b64encode(mac).decode()}"
    return requests.request(method, e.url + path, headers=h, data=body, timeout=30)


def create(e, service="svc", **more):
    r = signed(e, "POST", "/2016-08-15/services", body=json.dumps({"serviceName": service}).encode())
    assert r.status_code in (200, 409), r.text
    r = signed(e, "POST", f"/2016-08-15/services/{service}/functions", body=json.dumps(function(**more)).encode())
    assert r.status_code == 200, r.text
    return r


def remove(e, service="svc", name="fn"):
    assert signed(e, "DELETE", f"/2016-08-15/services/{service}/functions/{name}").status_code == 204
    assert signed(e, "DELETE", f"/2016-08-15/services/{service}").status_code == 204


def test_the_sdk_creates_calls_and_deletes(evoke_shared):
    e = evoke_shared
    made, got, fn, fn_got, answer, qualified, null, gone_fn, gone = steps(
        e,
        ["createService", "sdk", {"description": "d", "internetAccess": True, "logConfig": {"project": "p", "logstore": "l"}}],
        ["getService", "sdk"],
        ["createFunction", "sdk", function()],
        ["getFunction", "sdk", "fn"],
        ["invokeFunction", "sdk", "fn", '{"a":1}', {"x-fc-log-type": "Tail"}],
        ["invokeFunction", "sdk", "fn", {"base64": base64.b64encode(b'{"b":2}').decode()}, {}, "LATEST"],
        ["invokeFunction", "sdk", "fn", None],
        ["deleteFunction", "sdk", "fn"],
        ["deleteService", "sdk"])

    assert made["data"]["serviceName"] == "sdk" and made["data"]["logConfig"] == {"project": "p", "logstore": "l"}
    assert UUID.match(made["data"]["serviceId"]) and UUID.match(made["headers"]["x-fc-request-id"])
    assert got["data"] == made["data"] and got["headers"]["etag"] == made["headers"]["etag"]
    assert re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z", got["data"]["createdTime"])

    data = fn["data"]
    assert data["functionName"] == "fn" and data["memorySize"] == 128 and data["timeout"] == 5
    assert data["environmentVariables"] == {"GREETING": "hello", "N": "1"}
    assert data["codeSize"] == len(zip_of(CODE)) and data["codeChecksum"].isdigit()
    assert fn_got["data"] == data

    assert json.loads(answer["data"]) == {"got": {"a": 1}, "greeting": "hello", "number": "1"}
    h = answer["headers"]
    tail = base64.b64decode(h["x-fc-log-result"]).decode()
    assert f"FC Invoke Start RequestId: {h['x-fc-request-id']}" in tail
    assert f"log line of {h['x-fc-request-id']}" in tail and "Max Memory Used" in tail
    assert float(h["x-fc-invocation-duration"]) > 0 and float(h["x-fc-max-memory-usage"]) >= 0
    assert h["x-fc-code-checksum"] == data["codeChecksum"]
    assert h["x-fc-invocation-service-version"] == "LATEST" and h["x-fc-instance-id"]
    assert "x-fc-error-type" not in h

    assert json.loads(qualified["data"])["got"] == {"b": 2} and "x-fc-log-result" not in qualified["headers"]
    assert json.loads(null["data"])["got"] == {}
    assert gone_fn["data"] == "" and gone["data"] == ""
    assert "content-type" not in gone["headers"]


def test_the_sdk_reads_our_errors(evoke_shared):
    e = evoke_shared
    r = steps(
        e,
        ["getService", "nosuch"],
        ["createService", "err", {}],
        ["createService", "err", {}],
        ["createFunction", "err", function()],
        ["createFunction", "err", function()],
        ["getFunction", "err", "nosuch"],
        ["deleteService", "err"],
        ["invokeFunction", "err", "nosuch", "{}"],
        ["invokeFunction", "err", "fn", "{}", {"x-fc-log-type": "All"}],
        ["invokeFunction", "err", "fn", "{}", {"x-fc-invocation-type": "Later"}],
        ["invokeFunction", "err", "fn", '{"fail":true}'],
        ["getFunction", "err", "fn", {}, "3"],
        ["getFunction", "err", "fn", {}, "prod"],
        ["get", "/nothing"],
        ["deleteFunction", "err", "fn", {}, {"if-match": "other"}],
        ["deleteFunction", "err", "fn"],
        ["deleteFunction", "err", "fn"],
        ["deleteService", "err"])
    codes = [x.get("error", {}).get("code") for x in r]
    assert codes == ["ServiceNotFound", None, "ServiceAlreadyExists", None, "FunctionAlreadyExists", "FunctionNotFound",
                     "ServiceNotEmpty", "FunctionNotFound", "InvalidArgument", "InvalidArgument", None, "VersionNotFound",
                     "AliasNotFound", "PathNotSupported", "PreconditionFailed", None, "FunctionNotFound", None]
    assert r[0]["error"]["name"] == "FCServiceNotFoundError"
    assert "failed with 404" in r[0]["error"]["message"] and "service 'nosuch' does not exist" in r[0]["error"]["message"]
    assert "service 'err' has active 'functions'." in r[6]["error"]["message"]
    assert "LogType is set to an invalid value (allowed: Tail | None, actual: 'All')" in r[8]["error"]["message"]
    assert "(allowed: Sync | Async, actual: 'Later')" in r[9]["error"]["message"]
    assert "failed with 400" in r[13]["error"]["message"]
    failed = r[10]
    assert failed["headers"]["x-fc-error-type"] == "UnhandledInvocationError"
    assert json.loads(failed["data"])["errorMessage"] == "told to fail"
    assert json.loads(failed["data"])["errorType"] == "ValueError"


def test_the_sdk_is_told_when_its_key_is_wrong(evoke_shared):
    unknown, = steps(evoke_shared, ["getService", "s"], access_key="nobody")
    mismatch, = steps(evoke_shared, ["getService", "s"], secret_key="wrong")
    assert unknown["error"]["code"] == "InvalidAccessKeyID" and "'nobody'" in unknown["error"]["message"]
    assert mismatch["error"]["code"] == "SignatureNotMatch"


def test_what_is_missing_or_old_is_said(evoke_shared):
    e = evoke_shared
    path = "/2016-08-15/services/s"

    def code(r):
        assert UUID.match(r.headers["X-Fc-Request-Id"]) and r.headers["Content-Type"] == "application/json"
        return r.status_code, r.json()["ErrorCode"], r.json()["ErrorMessage"]

    assert code(e.get(path)) == (400, "MissingRequiredHeader", "required HTTP header Authorization was not specified")
    r = requests.get(e.url + path, headers={"Authorization": "FC a:b"}, timeout=30)
    assert code(r)[2] == "required HTTP header Date was not specified"
    old = signed(e, "GET", path, date="Fri, 03 Apr 2020 05:57:28 GMT")
    assert code(old)[:2] == (403, "AccessDenied")
    assert code(signed(e, "GET", path, secret="wrong"))[:2] == (403, "SignatureNotMatch")
    assert code(signed(e, "GET", path))[:2] == (404, "ServiceNotFound")
    assert code(signed(e, "GET", path, account="a/b"))[:2] == (400, "InvalidArgument")


@pytest.mark.parametrize("method,path", [("GET", "/2016-08-15/nothing"), ("POST", "/2016-08-15/services/s"),
                                         ("GET", "/2016-08-15/services/s/functions/f/triggers/t/more"),
                                         ("PATCH", "/2016-08-15/services")])
def test_other_paths_are_not_supported(evoke_shared, method, path):
    r = signed(evoke_shared, method, path)
    assert r.status_code == 400
    assert r.json() == {"ErrorCode": "PathNotSupported", "ErrorMessage": f"'{method}' against '{path}' is not supported"}


def test_accounts_do_not_see_each_other(evoke_shared):
    e = evoke_shared
    create(e, "mine")
    assert signed(e, "GET", "/2016-08-15/services/mine", account="987").status_code == 404
    assert signed(e, "GET", "/2016-08-15/services/mine/functions/fn").status_code == 200
    remove(e, "mine")


def test_an_event_fits_to_the_byte(evoke_shared):
    e = evoke_shared
    limit = 6 << 20
    create(e, "big", code={"zipFile": base64.b64encode(zip_of("def handler(e, c): return str(len(e))")).decode()})
    path = "/2016-08-15/services/big/functions/fn/invocations"
    r = signed(e, "POST", path, body=b"x" * limit, headers={"Content-Type": "application/octet-stream"})
    assert (r.status_code, r.text) == (200, str(limit))
    r = signed(e, "POST", path, body=b"x" * (limit + 1), headers={"Content-Type": "application/octet-stream"})
    assert r.status_code == 400
    assert r.json() == {"ErrorCode": "EntityTooLarge",
                        "ErrorMessage": f"payload size exceeds maximum allowed size ({limit} bytes)"}
    remove(e, "big")


def test_a_delete_with_the_right_etag_goes_through(evoke_shared):
    e = evoke_shared
    etag = create(e, "tag").headers["Etag"]
    path = "/2016-08-15/services/tag/functions/fn"
    assert signed(e, "DELETE", path, headers={"If-Match": "0" * 32}).status_code == 412
    r = signed(e, "DELETE", path, headers={"If-Match": etag})
    assert r.status_code == 204 and "Content-Type" not in r.headers and r.content == b""
    assert signed(e, "DELETE", "/2016-08-15/services/tag").status_code == 204


def test_a_function_from_the_command_line_is_an_fc_function(evoke_shared, tmp_path):
    e = evoke_shared
    (tmp_path / "index.py").write_text(CODE)
    (tmp_path / "evoke.yaml").write_text("functions:\n  cli:\n    dialect: fc\n    space: shared\n    runtime: python3\n"
                                         "    handler: index.handler\n    timeout: 9\n")
    assert e.run("deploy", str(tmp_path)).returncode == 0
    r = signed(e, "GET", "/2016-08-15/services/shared/functions/cli", account="local")
    assert r.status_code == 200 and r.json()["timeout"] == 9 and UUID.match(r.json()["functionId"])
    assert r.json()["codeChecksum"].isdigit()
    r = signed(e, "POST", "/2016-08-15/services/shared/functions/cli/invocations", body=b'{"a":1}', account="local")
    assert r.json()["got"] == {"a": 1}

    create(e, "sdkmade", functionName="other")
    assert json.loads(e.run("get", "sdkmade/other", "--output", "json").stdout)["account"] == ACCOUNT
    assert json.loads(e.run("invoke", "other", "--event", '{"b":2}').stdout)["got"] == {"b": 2}
    remove(e, "sdkmade", "other")
    assert e.run("delete", "cli").returncode == 0
    assert signed(e, "DELETE", "/2016-08-15/services/shared", account="local").status_code == 204


def test_a_caller_that_goes_away_hurts_nobody(evoke_shared):
    e = evoke_shared
    code = "import time\ndef handler(e, c):\n    time.sleep(1)\n    return 'late'\n"
    create(e, "slow", code={"zipFile": base64.b64encode(zip_of(code)).decode()})
    path = "/2016-08-15/services/slow/functions/fn/invocations"
    h = {"Date": formatdate(usegmt=True), "x-fc-account-id": ACCOUNT}
    text = f"POST\n\n\n{h['Date']}\nx-fc-account-id:{ACCOUNT}\n{path}"
    mac = base64.b64encode(hmac.new(e.secret_key.encode(), text.encode(), hashlib.sha256).digest()).decode()
    h["Authorization"] = f"FC {e.access_key}:{mac}"
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(e.url + path, headers=h, timeout=0.3)
    r = signed(e, "POST", path)
    assert (r.status_code, r.text) == (200, "late")
    remove(e, "slow")


def test_a_package_that_is_none_is_refused(evoke_shared):
    e = evoke_shared
    signed(e, "POST", "/2016-08-15/services", body=b'{"serviceName":"bad"}')
    path = "/2016-08-15/services/bad/functions"

    def refused(code, **more):
        r = signed(e, "POST", path, body=json.dumps(function(code=code)).encode(), **more)
        assert (r.status_code, r.json()["ErrorCode"]) == (400, "InvalidArgument"), r.text
        return r.json()["ErrorMessage"]

    assert "code package" in refused({"zipFile": base64.b64encode(b"not a zip").decode()})
    assert refused({"zipFile": "!"}) == "zipFile is not valid base64"
    assert refused({}) == "Either ossBucketName/ossObjectName or zipFile must be set"
    good = {"zipFile": base64.b64encode(zip_of(CODE)).decode()}
    assert "checksum mismatch" in refused(good, headers={"X-Fc-Code-Checksum": "1"})
    assert signed(e, "DELETE", "/2016-08-15/services/bad").status_code == 204


def test_a_runtime_without_a_worker_says_so_when_it_is_called(evoke_shared):
    e = evoke_shared
    create(e, "java", runtime="java11", handler="a.B::c")
    r = signed(e, "POST", "/2016-08-15/services/java/functions/fn/invocations")
    assert (r.status_code, r.json()["ErrorCode"]) == (412, "CAExited")
    assert r.json()["ErrorMessage"].startswith("The function cannot be started. ")
    remove(e, "java")
