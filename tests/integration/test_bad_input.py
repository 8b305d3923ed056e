# SPDX-License-Identifier: Apache-2.0
"""Everything a stranger or a hurried user can get wrong: the documented error, in the dialect's shape, and nothing lost."""
import base64
import datetime
import io
import json
import socket
import stat
import time
import zipfile

import pytest

from evoked import in_instances
from signing import PROJECT, Client, stamp, urn

ECHO = "def handler(event, context):\n    return event\n"
MB = 1024 * 1024


@pytest.fixture
def client(evoke_shared):
    return Client(evoke_shared)


@pytest.fixture
def echo(client):
    client.delete("echo")
    assert client.create("echo", ECHO).status_code == 200
    yield "echo"
    assert client.delete("echo").status_code == 204


def error(response, status, code):
    body = response.json()
    assert (response.status_code, body["error_code"]) == (status, code), response.text
    assert body["error_msg"], response.text
    return body["error_msg"]


def zip_of(files, compression=zipfile.ZIP_DEFLATED, level=None):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression, compresslevel=level) as z:
        for name, content in files.items():
            z.writestr(name, content)
    return out.getvalue()


# ---- who calls -----------------------------------------------------------------------------------------


def test_a_missing_signature_is_refused(evoke_shared):
    r = evoke_shared.get(f"/v2/{PROJECT}/fgs/functions")
    assert "IAM" in error(r, 401, "APIGW.0301")
    assert "request_id" in r.json()


def test_a_wrong_secret_is_refused(evoke_shared):
    error(Client(evoke_shared, secret="wrong").fg("GET", "/functions"), 401, "APIGW.0301")


def test_an_unknown_access_key_is_refused(evoke_shared):
    error(Client(evoke_shared, access="AKNOBODY").fg("GET", "/functions"), 401, "APIGW.0301")


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_stale_date_is_refused(client, minutes):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    error(client.fg("GET", "/functions", date=stamp(when)), 401, "APIGW.0301")


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_date_within_the_skew_is_taken(client, minutes):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    assert client.fg("GET", "/functions", date=stamp(when)).status_code == 200


def test_a_body_that_was_not_signed_is_refused(client, evoke_shared):
    path = f"/v2/{PROJECT}/fgs/functions"
    headers = client.headers("POST", path, "", b'{"a":1}')
    r = client.session.post(evoke_shared.url + path, data=b'{"a":2}', headers=headers, timeout=30)
    error(r, 401, "APIGW.0301")


def test_a_query_that_was_not_signed_is_refused(client, evoke_shared):
    path = f"/v2/{PROJECT}/fgs/functions"
    headers = client.headers("GET", path, "maxitems=1", b"")
    r = client.session.get(evoke_shared.url + path + "?maxitems=2", headers=headers, timeout=30)
    error(r, 401, "APIGW.0301")


def test_an_unknown_key_is_refused_before_the_body_is_read(evoke_shared):
    s = socket.create_connection(("127.0.0.1", evoke_shared.port))
    s.settimeout(20)
    s.sendall(f"POST /v2/{PROJECT}/fgs/functions HTTP/1.1\r\nHost: localhost\r\nX-Sdk-Date: {stamp()}\r\n"
              "Authorization: SDK-HMAC-SHA256 Access=AKNOBODY, SignedHeaders=host;x-sdk-date, Signature="
              f"{'0' * 64}\r\nContent-Length: 60000000\r\n\r\n".encode())
    assert b" 401 " in s.recv(65536).split(b"\r\n")[0]
    s.close()


# ---- names ----------------------------------------------------------------------------------------------


def test_an_unknown_function_is_not_found(client):
    error(client.invoke("nobody"), 404, "FSS.1051")
    error(client.fg("GET", f"/functions/{urn('nobody')}/config"), 404, "FSS.1051")
    error(client.fg("GET", f"/functions/{urn('nobody')}/code"), 404, "FSS.1051")
    error(client.delete("nobody"), 404, "FSS.1051")


@pytest.mark.parametrize("bad", [
    "urn", "urn:fss", "urn:fss:local-1", f"urn:fss:local-1:{PROJECT}:function:default",
    f"urn:fss:local-1:{PROJECT}:function:default:", f"urn:fss::{PROJECT}:function:default:echo",
    f"urn:fss:local-1:{PROJECT}:workflow:default:echo", f"arn:fss:local-1:{PROJECT}:function:default:echo",
    f"urn:smn:local-1:{PROJECT}:function:default:echo", f"urn:fss:local-1:{PROJECT}:function:default:echo:",
    f"urn:fss:local-1:{PROJECT}:function:default:echo:v1:x", f"urn:fss:local-1:{PROJECT}:function:default:ec%20ho",
    f"urn:fss:local-1:{PROJECT}:function:default:echo:!", f"urn:fss:local-1:{PROJECT}:function:-:echo",
    f"urn:fss:local-1:{PROJECT}:function:default:{'e' * 61}", f"urn:fss:local-1:{PROJECT}:function:default:1echo",
    f"urn:fss:local-1:other-project:function:default:echo", "::::::", f"urn:fss:{'r' * 300}:{PROJECT}:function:default:e",
])
def test_every_malformed_urn_is_an_error_in_the_dialects_shape(client, echo, bad):
    r = client.fg("GET", f"/functions/{bad}/config")
    assert r.status_code in (400, 404), r.text
    assert r.json()["error_code"].startswith("FSS.") and r.json()["error_msg"]


@pytest.mark.parametrize("tail,code", [(":v9", "FSS.1052"), (":!prod", "FSS.1053")])
def test_versions_and_aliases_that_are_not_there_are_not_found(client, echo, tail, code):
    error(client.fg("POST", f"/functions/{urn('echo', tail)}/invocations", {}), 404, code)


# ---- fields, at the limit and one past it -------------------------------------------------------------------


@pytest.mark.parametrize("fields,code", [
    ({"func_name": "f" * 60}, None), ({"func_name": "f" * 61}, "FSS.1002"), ({"func_name": ""}, "FSS.1002"),
    ({"func_name": "1f"}, "FSS.1002"), ({"func_name": "f-"}, "FSS.1002"), ({"func_name": "f.g"}, "FSS.1002"),
    ({"handler": "i.h"}, None), ({"handler": "ih"}, "FSS.1003"), ({"handler": "i." + "h" * 126}, None),
    ({"handler": "i." + "h" * 127}, "FSS.1003"),
    ({"memory_size": 128}, None), ({"memory_size": 127}, "FSS.1007"), ({"memory_size": 129}, "FSS.1007"),
    ({"memory_size": 10240}, None), ({"memory_size": 10241}, "FSS.1007"), ({"memory_size": -1}, "FSS.1007"),
    ({"timeout": 3}, None), ({"timeout": 2}, "FSS.1008"), ({"timeout": 259200}, None),
    ({"timeout": 259201}, "FSS.1008"),
    ({"runtime": "Python9.9"}, "FSS.1005"), ({"runtime": ""}, "FSS.1005"),
    ({"package": "p-"}, "FSS.1004|FSS.1027"),
    ({"description": "d" * 512}, None), ({"description": "d" * 513}, "FSS.1019"),
    ({"user_data": json.dumps({"k": "v" * 4086})}, None), ({"user_data": json.dumps({"k": "v" * 4200})}, "FSS.1018"),
    ({"user_data": json.dumps({f"k{i}": "v" for i in range(20)})}, None),
    ({"user_data": json.dumps({f"k{i}": "v" for i in range(21)})}, "FSS.1017"),
    ({"user_data": "not json"}, "FSS.1009"), ({"user_data": "[1]"}, "FSS.1009"),
    ({"initializer_handler": "index.init", "initializer_timeout": 1}, None),
    ({"initializer_handler": "index.init", "initializer_timeout": 300}, None),
    ({"initializer_handler": "index.init", "initializer_timeout": 301}, "FSS.1405|FSS.1008"),
    ({"code_type": "obs"}, "FSS.1006|FSS.1010"), ({"code_type": "bogus"}, "FSS.1006"),
])
def test_fields_at_their_limit_are_taken_and_past_it_refused(client, fields, code):
    body = {"func_name": "limits", **fields}
    name = body.pop("func_name")
    client.delete(name) if name and name[0].isalpha() else None
    r = client.create(name, ECHO, **body)
    if code is None:
        assert r.status_code == 200, r.text
        assert client.delete(name).status_code == 204
    else:
        assert r.status_code == 400 and r.json()["error_code"] in code.split("|"), r.text
        assert r.json()["error_msg"]


@pytest.mark.parametrize("missing", ["func_name", "package", "runtime", "timeout", "handler", "memory_size"])
def test_mandatory_fields_are_named_when_missing(client, missing):
    name = None if missing == "func_name" else "incomplete"
    r = client.create(name, ECHO, **({missing: None} if missing != "func_name" else {}))
    assert r.status_code == 400 and missing in r.json()["error_msg"], r.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"nul", b'{"func_name":}', b"\xff\xfe", b'{"a":1}{"b":2}',
                                  b"[" * 1000, b'{"func_name": 5}'])
def test_malformed_json_bodies_are_refused(client, body):
    r = client.fg("POST", "/functions", body)
    assert r.status_code == 400 and r.json()["error_code"].startswith("FSS."), r.text


def test_creating_twice_is_a_conflict(client, echo):
    error(client.create("echo", ECHO), 409, "FSS.1061")


# ---- code packages ---------------------------------------------------------------------------------------


def create_zip(client, data):
    client.delete("packed")
    return client.create("packed", zip_bytes=data)


def raw_code(client, file, code_type="zip"):
    client.delete("packed")
    return client.create("packed", code_type=code_type, code_filename="index.zip", func_code={"file": file})


@pytest.mark.parametrize("file", ["***", "AAA", "====", "A" * 4097])
def test_code_that_is_not_base64(client, file):
    r = raw_code(client, file)
    assert r.status_code == 400 and r.json()["error_code"].startswith("FSS.10"), r.text


@pytest.mark.parametrize("data", [b"not a zip", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18, b"\x1f\x8b\x08\0\0\0\0\0"])
def test_code_that_is_not_a_zip(client, data):
    r = create_zip(client, data)
    assert r.status_code == 400 and r.json()["error_code"].startswith("FSS.10"), r.text


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py", "..", "a\\..\\..\\evil.py",
                                  "x" * 256, "/".join(["d" * 200] * 6)])
def test_names_that_leave_the_package(client, evoke_shared, name):
    r = create_zip(client, zip_of({"index.py": ECHO, name: "evil"}))
    assert r.status_code == 400, r.text
    assert not list(evoke_shared.data_dir.rglob("evil.py"))


def test_a_symlink_out_of_the_package(client, evoke_shared):
    for target in ("/etc/passwd", "../../keys.json"):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as z:
            info = zipfile.ZipInfo("index.py")
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            z.writestr(info, target)
        assert create_zip(client, out.getvalue()).status_code == 400


def test_a_zip_bomb(client, evoke_shared):
    r = create_zip(client, zip_of({f"z{i}": b"\0" * (400 * MB) for i in range(4)}, level=1))
    assert r.status_code in (400, 413), r.text
    used = sum(f.stat().st_size for f in (evoke_shared.data_dir / "cache").rglob("*") if f.is_file())
    assert used < 100 * MB


def test_a_hundred_thousand_files(client):
    r = create_zip(client, zip_of({f"d/{i}": b"" for i in range(100000)}, zipfile.ZIP_STORED))
    assert r.status_code in (400, 413), r.text


def test_a_package_over_its_size(client):
    r = create_zip(client, zip_of({"index.py": ECHO, "big": bytes(50 * MB)}, zipfile.ZIP_STORED))
    assert r.status_code == 413 and r.json()["error_code"] == "FSS.1071", r.text[:300]


def test_inline_code_at_and_over_its_size(client):
    client.delete("inline")
    pad = 10 * 1024 - len(ECHO) - 1
    assert client.create("inline", ECHO + "#" * pad + "\n").status_code == 200
    client.delete("inline")
    error(client.create("inline", ECHO + "#" * (pad + 1) + "\n"), 413, "FSS.1072")


# ---- handlers --------------------------------------------------------------------------------------------

BROKEN = {
    "file missing": ("x = 1", {"handler": "nofile.handler"}, "nofile"),
    "function missing": ("x = 1", {}, "handler"),
    "syntax error": ("def handler(:\n", {}, "index"),
    "import fails": ("import no_such_module\n", {}, "no_such_module"),
    "raises at import": ("raise RuntimeError('at import')\n", {}, "at import"),
    "initializer raises": (ECHO + "def init(context):\n    raise ValueError('no luck')\n",
                           {"initializer_handler": "index.init", "initializer_timeout": 3}, "no luck"),
    "initializer missing": (ECHO, {"initializer_handler": "index.init", "initializer_timeout": 3}, "init"),
    "raises": ("def handler(event, context):\n    raise KeyError('lost')\n", {}, "lost"),
    "not JSON": ("def handler(event, context):\n    return {'a': object()}\n", {}, "object"),
    "exits": ("import os\ndef handler(event, context):\n    os._exit(3)\n", {}, "exited"),
    "over the limit": ("def handler(event, context):\n    return 'x' * (6 * 1024 * 1024 + 1)\n", {}, ""),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_code_is_a_function_error_with_message_and_type(client, case):
    source, fields, words = BROKEN[case]
    client.delete("broken")
    assert client.create("broken", source, **fields).status_code == 200
    for v1 in (False, True):
        r = client.invoke("broken", v1=v1)
        assert r.status_code == 200, r.text[:500]
        assert r.headers["X-Is-Func-Err"] == "true" and r.headers["X-Func-Err-Code"] != "0"
        result = json.loads(r.json()["result"]) if v1 else r.json()
        assert words in result["errorMessage"] and result["errorType"], result
        if v1:
            assert r.json()["status"] != 200
            assert "Finish " in r.json()["log"], r.json()["log"]
    assert client.delete("broken").status_code == 204


def test_a_handler_that_never_returns_is_ended_at_its_timeout(client, evoke_shared):
    client.delete("hang")
    client.create("hang", "import time\ndef handler(event, context):\n    time.sleep(1000)\n", timeout=3)
    r = client.invoke("hang")
    assert r.headers["X-Is-Func-Err"] == "true" and "timed out" in r.json()["errorMessage"].lower(), r.text
    client.delete("hang")


@pytest.mark.parametrize("fields", [
    {"source": "import time\ndef init(c):\n    time.sleep(1000)\n" + ECHO},
    {"source": "exports.init = () => new Promise(() => setTimeout(() => 0, 1e6));\nexports.handler = async e => e;\n",
     "runtime": "Node.js18.15", "code_filename": "index.js"},
], ids=["Python", "Node"])
def test_an_initializer_that_hangs_is_ended_at_its_own_timeout(client, fields):
    client.delete("hang")
    client.create("hang", timeout=3, initializer_handler="index.init", initializer_timeout=1, **fields)
    start = time.monotonic()
    r = client.invoke("hang")
    # 10 s more are for the code to load, and it had loaded
    assert time.monotonic() - start < 10
    assert r.headers["X-Is-Func-Err"] == "true" and "1 second" in r.json()["errorMessage"], r.text
    client.delete("hang")


# ---- payloads ---------------------------------------------------------------------------------------------


def test_a_payload_at_the_limit_passes_and_over_it_is_refused(client, echo):
    event = b'"' + b"x" * (6 * MB - 2) + b'"'
    r = client.invoke("echo", event)
    assert r.status_code == 200 and len(r.content) == 6 * MB - 2, r.text[:300]
    error(client.invoke("echo", b'"' + b"x" * (6 * MB - 1) + b'"'), 413, "FSS.1201")


@pytest.mark.parametrize("event", [b"{", b"nope", b"\xff", b'{"a":1}x', b"[" * 200 + b"]" * 200])
def test_an_event_that_is_not_json_is_refused(client, echo, event):
    error(client.invoke("echo", event), 400, "FSS.0400")


@pytest.mark.parametrize("event,answer", [(b"", b"{}"), (b"[1,2]", b"[1, 2]"), (b'"text"', b"text"), (b"7", b"7"),
                                          (b"null", b""), (b" {} ", b"{}")])
def test_events_of_every_json_kind_reach_the_handler(client, echo, event, answer):
    r = client.invoke("echo", event)
    assert (r.status_code, r.content) == (200, answer)


# ---- clients that go away, or are slow ------------------------------------------------------------------------


def test_a_client_that_disconnects_leaves_nothing_behind(client, evoke_shared, echo):
    client.delete("nap")
    client.create("nap", "import time\ndef handler(event, context):\n    time.sleep(1)\n    return 'done'\n")
    client.invoke("nap")  # warm
    path = f"/v2/{PROJECT}/fgs/functions/{urn('nap')}/invocations"
    headers = client.headers("POST", path, "", b"{}")
    head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    before = evoke_shared.descriptors()
    for _ in range(5):
        s = socket.create_connection(("127.0.0.1", evoke_shared.port))
        s.sendall(f"POST {path} HTTP/1.1\r\n{head}Content-Length: 2\r\n\r\n{{}}".encode())
        s.close()
    assert client.invoke("nap").content == b"done"
    assert client.delete("nap").status_code == 204
    from evoked import deadline
    for _ in deadline(20):
        if evoke_shared.descriptors() <= before:
            break
    assert evoke_shared.descriptors() <= before
    workers = [n for n in in_instances(evoke_shared.pids()["launcher"]).values() if n.startswith("python")]
    assert len(workers) <= 2, workers
