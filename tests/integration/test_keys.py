# SPDX-License-Identifier: Apache-2.0
"""Keys with scopes and accounts: what each opens through each API, how they come and go, and what a wrong clock or version is told.

docs/keys.md is what these tests hold us to.
"""
import base64
import datetime
import hashlib
import hmac
import http.server
import json
import threading
from email.utils import formatdate

import pytest
import requests

from evoked import Evoked
from signing import PROJECT, Client, stamp, urn

OTHER = "fedcba9876543210fedcba9876543210"
SOURCE = "def handler(event, context):\n    return 'ran'\n"
SCOPES = ("read", "invoke", "deploy", "metrics", "admin")


def add(evoke, name, scope, **more):
    """A new key through the command line; removed by `fresh`."""
    flags = [word for k, v in more.items() for word in (f"--{k}", v)]
    p = evoke.run("key", "add", name, "--scope", scope, *flags, "--output", "json")
    assert p.returncode == 0, p.stderr
    return json.loads(p.stdout)


@pytest.fixture
def fresh(evoke_shared):
    """The shared daemon without keys of an earlier test."""
    yield evoke_shared
    for key in json.loads(evoke_shared.run("key", "show", "--output", "json").stdout)["keys"]:
        if not key["root"]:
            assert evoke_shared.run("key", "remove", key["name"]).returncode == 0


def client(evoke, key):
    return Client(evoke, key["access_key"], key["secret_key"])


def fc(evoke, key, method, path, body=b"", account=PROJECT):
    """One call signed as Function Compute's SDKs do."""
    h = {"Date": formatdate(usegmt=True), "x-fc-account-id": account}
    kind = "application/json" if body else ""
    if body:
        h["Content-Type"] = kind
    text = f"{method}\n\n{kind}\n{h['Date']}\nx-fc-account-id:{account}\n{path}"
    mac = hmac.new(key["secret_key"].encode(), text.encode(), hashlib.sha256).digest()
    h["Authorization"] = f"FC {key['access_key']}:{base64.b64encode(mac).decode()}"
    return requests.request(method, evoke.url + path, headers=h, data=body, timeout=30)


ADMIN = f"/evoke/v1/functions/functiongraph/{PROJECT}/local-1/default/keyed"
DEPLOY = {"runtime": "Python3.9", "handler": "index.handler", "code": {"source": SOURCE, "filename": "index.py"}}

# (API, scope it needs, how to call it with a key); the function `keyed` is there.
CALLS = [
    ("functiongraph", "read", lambda e, k: client(e, k).fg("GET", "/functions")),
    ("functiongraph", "read", lambda e, k: client(e, k).fg("GET", f"/functions/{urn('keyed')}/config")),
    ("functiongraph", "invoke", lambda e, k: client(e, k).invoke("keyed")),
    ("functiongraph", "deploy", lambda e, k: client(e, k).fg("PUT", f"/functions/{urn('keyed')}/config", {
        "func_name": "keyed", "runtime": "Python3.9", "handler": "index.handler", "timeout": 9, "memory_size": 128})),
    ("fc", "read", lambda e, k: fc(e, k, "GET", "/2016-08-15/services/keyed")),
    ("fc", "deploy", lambda e, k: fc(e, k, "POST", "/2016-08-15/services", b'{"serviceName":"keyed"}')),
    ("fc", "invoke", lambda e, k: fc(e, k, "POST", "/2016-08-15/services/keyed/functions/nobody/invocations", b"{}")),
    ("admin", "read", lambda e, k: client(e, k).call("GET", "/evoke/v1/functions")),
    ("admin", "read", lambda e, k: client(e, k).call("GET", ADMIN)),
    ("admin", "invoke", lambda e, k: client(e, k).call("POST", ADMIN + "/invoke", b"{}")),
    ("admin", "deploy", lambda e, k: client(e, k).call("PUT", ADMIN, DEPLOY)),
    ("admin", "admin", lambda e, k: client(e, k).call("GET", "/evoke/v1/keys")),
    ("admin", "admin", lambda e, k: client(e, k).call("POST", "/evoke/v1/keys", {"name": "more", "scope": ["admin"]})),
]


def code_of(answer):
    body = answer.json()
    return body.get("error_code") or body.get("ErrorCode") or body["error"]["code"]


REFUSED = {"functiongraph": "FSS.0403", "fc": "AccessDenied", "admin": "forbidden"}


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_opens_what_it_says_and_nothing_else(fresh, scope):
    root = {"access_key": fresh.access_key, "secret_key": fresh.secret_key}
    assert client(fresh, root).call("PUT", ADMIN, DEPLOY).status_code in (200, 201)
    assert fc(fresh, root, "POST", "/2016-08-15/services", b'{"serviceName":"keyed"}').status_code in (200, 409)
    key = add(fresh, "one", scope)
    for api, needs, call in CALLS:
        answer = call(fresh, key)
        if scope in (needs, "admin"):
            assert answer.status_code in (200, 201, 404, 409), (api, needs, answer.text)
        else:
            assert (answer.status_code, code_of(answer)) == (403, REFUSED[api]), (api, needs, answer.text)
            assert f"needs the scope '{needs}'" in answer.text


def test_scopes_add_up(fresh):
    key = add(fresh, "ci", "read,deploy")
    assert client(fresh, key).call("PUT", ADMIN, DEPLOY).status_code in (200, 201)
    assert client(fresh, key).call("GET", ADMIN).status_code == 200
    assert client(fresh, key).call("POST", ADMIN + "/invoke", b"{}").status_code == 403


def test_an_unknown_key_and_a_wrong_secret_are_refused_before_the_scope(fresh):
    key = add(fresh, "one", "metrics")
    wrong = dict(key, secret_key="x" * 40)
    nobody = dict(key, access_key="NOBODY")
    for who in (wrong, nobody):
        for api, _, call in CALLS:
            answer = call(fresh, who)
            assert answer.status_code == (403 if api == "fc" else 401), answer.text
            assert "scope" not in answer.text


def test_a_key_of_an_account_sees_and_changes_that_account_only(fresh):
    root = Client(fresh)
    mine, others = (f"/evoke/v1/functions/functiongraph/{p}/local-1/default/mine" for p in (PROJECT, OTHER))
    for path in (mine, others):
        assert root.call("PUT", path, DEPLOY).status_code in (200, 201)
    key = add(fresh, "tenant", "read,invoke,deploy", account=PROJECT, dialect="functiongraph")
    c = client(fresh, key)

    assert c.fg("GET", "/functions").status_code == 200
    refused = c.call("GET", f"/v2/{OTHER}/fgs/functions")
    assert (refused.status_code, code_of(refused)) == (403, "FSS.0403")
    assert f"acts for account '{PROJECT}' of functiongraph only" in refused.text
    # A URN that names another project than the path is no way in.
    theirs = f"urn:fss:local-1:{OTHER}:function:default:mine"
    assert c.fg("GET", f"/functions/{theirs}/config").status_code == 400
    assert c.call("DELETE", f"/v2/{OTHER}/fgs/functions/{theirs}").status_code == 403

    listed = c.call("GET", "/evoke/v1/functions").json()["functions"]
    assert listed and {f["account"] for f in listed} == {PROJECT}
    for method, path, body in (("GET", others, b""), ("PUT", others, DEPLOY), ("DELETE", others, b""),
                               ("POST", others + "/invoke", b"{}"), ("GET", "/evoke/v1/keys", b"")):
        assert c.call(method, path, body).status_code == 403, (method, path)
    assert c.call("GET", mine).status_code == 200
    assert c.call("GET", mine.replace("/functiongraph/", "/fc/")).status_code == 403
    assert fc(fresh, key, "GET", "/2016-08-15/services/x", account=PROJECT).status_code == 403
    assert root.call("GET", others).status_code == 200  # nothing happened to it

    # What tells of runs: its own, and the others' neither by name nor in the sum.
    def of(project):
        return f"function=functiongraph/{project}/local-1/default/mine"

    for path in (mine, others):
        assert root.call("POST", path + "/invoke", b"{}").headers["X-Evoke-Outcome"] == "ok"
    for name in ("logs", "history"):
        assert c.call("GET", f"/evoke/v1/{name}", query=of(PROJECT)).status_code == 200, name
        assert c.call("GET", f"/evoke/v1/{name}", query=of(OTHER)).status_code == 403, name
    assert c.call("GET", "/evoke/v1/history").status_code == 403
    assert OTHER in root.call("GET", "/evoke/v1/top").text
    for name in ("top", "logs"):
        answer = c.call("GET", f"/evoke/v1/{name}")
        assert answer.status_code == 200 and OTHER not in answer.text, name

    any_dialect = add(fresh, "tenant2", "read", account=PROJECT)
    assert fc(fresh, any_dialect, "GET", "/2016-08-15/services/none", account=PROJECT).status_code == 404
    assert fc(fresh, any_dialect, "GET", "/2016-08-15/services/none", account=OTHER).status_code == 403


def test_an_admin_key_of_one_account_makes_no_keys(fresh):
    key = add(fresh, "boss", "admin", account=PROJECT)
    for name in ("GET", "POST"):
        for query in ("", f"function=functiongraph/{PROJECT}/local-1/default/f", f"account={PROJECT}"):
            answer = client(fresh, key).call(name, "/evoke/v1/keys", {"name": "x", "scope": ["admin"]}, query=query)
            assert answer.status_code == 403, (name, query)
    # Naming its own account in the query is no way to what tells of all.
    for path in ("backup", f"keys/{key['access_key']}/rotate"):
        query = f"function=functiongraph/{PROJECT}/local-1/default/f"
        assert client(fresh, key).call("POST", f"/evoke/v1/{path}", query=query).status_code == 403
    assert client(fresh, key).call("GET", "/evoke/v1/status", query=f"account={PROJECT}").status_code == 403


def test_what_a_new_key_may_look_like(fresh):
    root = Client(fresh)

    def post(body):
        return root.call("POST", "/evoke/v1/keys", body)

    assert post({"name": "n" * 64, "scope": ["read"], "account": "a" * 64}).status_code == 201
    for body in ({"name": "n" * 65, "scope": ["read"]}, {"name": "", "scope": ["read"]}, {"scope": ["read"]},
                 {"name": "a b", "scope": ["read"]}, {"name": "a", "scope": []}, {"name": "a"}, {"name": "a", "scope": "read"},
                 {"name": "a", "scope": ["root"]}, {"name": "a", "scope": ["read"], "account": "a" * 65},
                 {"name": "a", "scope": ["read"], "dialect": "fc"},
                 {"name": "a", "scope": ["read"], "account": "x", "dialect": "aws"},
                 {"name": "a", "scope": ["read"], "root": True}, [1], "x"):
        answer = post(body)
        assert answer.status_code == 400 and answer.json()["error"]["message"], (body, answer.text)
    twice = post({"name": "n" * 64, "scope": ["read"]})
    assert (twice.status_code, code_of(twice)) == (409, "conflict")
    assert post(b"{").status_code == 400


def test_the_list_tells_no_secret_and_when_a_key_was_used(fresh):
    key = add(fresh, "ci", "read")
    before = {k["name"]: k for k in Client(fresh).call("GET", "/evoke/v1/keys").json()["keys"]}
    assert before["ci"]["used_ms"] == 0 and before["ci"]["scope"] == ["read"] and before["ci"]["created_ms"] > 0
    assert client(fresh, key).call("GET", "/evoke/v1/functions").status_code == 200
    answer = Client(fresh).call("GET", "/evoke/v1/keys")
    assert {k["name"]: k for k in answer.json()["keys"]}["ci"]["used_ms"] > 0
    assert key["secret_key"] not in answer.text and fresh.secret_key not in answer.text
    shown = fresh.run("key", "show")
    assert "ci" in shown.stdout and key["secret_key"] not in shown.stdout and fresh.secret_key not in shown.stdout
    assert fresh.secret_key in fresh.run("key", "show", "--secret").stdout


def test_a_new_secret_counts_at_once_and_the_old_one_for_its_grace(fresh):
    old = add(fresh, "ci", "read")
    p = fresh.run("key", "rotate", "ci", "--grace", "1h", "--output", "json")
    assert p.returncode == 0, p.stderr
    new = json.loads(p.stdout)
    assert new["access_key"] == old["access_key"] and new["secret_key"] != old["secret_key"] and new["ends_ms"] > 0
    for key in (old, new):
        assert client(fresh, key).call("GET", "/evoke/v1/functions").status_code == 200
    assert fresh.run("key", "rotate", "ci").returncode == 0  # without grace: both end now
    for key in (old, new):
        assert client(fresh, key).call("GET", "/evoke/v1/functions").status_code == 401
    root = Client(fresh)
    path = f"/evoke/v1/keys/{old['access_key']}/rotate"
    assert root.call("POST", path, {"grace_s": 86400}).status_code == 200
    assert root.call("POST", path, {"grace_s": 86401}).status_code == 400
    assert root.call("POST", path, {"grace": 1}).status_code == 400
    assert root.call("POST", "/evoke/v1/keys/NOBODY/rotate").status_code == 404


def test_a_removed_key_opens_nothing(fresh):
    key = add(fresh, "ci", "read")
    assert fresh.run("key", "remove", key["access_key"]).returncode == 0
    assert client(fresh, key).call("GET", "/evoke/v1/functions").status_code == 401
    gone = fresh.run("key", "remove", "ci")
    assert gone.returncode == 3 and "there is no key 'ci'" in gone.stderr


def test_the_root_pair_of_the_environment_is_changed_there(fresh):
    removed = fresh.run("key", "remove", "root")
    assert removed.returncode != 0 and "cannot be removed" in removed.stderr
    rotated = fresh.run("key", "rotate")
    assert rotated.returncode != 0 and "EVOKE_ACCESS_KEY" in rotated.stderr


def test_keys_survive_a_restart_and_a_kill(open_path):
    own = dict(env={"EVOKE_ACCESS_KEY": None, "EVOKE_SECRET_KEY": None})
    with Evoked(data_dir=open_path, **own) as e:
        key = add(e, "ci", "read")
        e.kill()
    with Evoked(data_dir=open_path, **own) as e:
        assert client(e, key).call("GET", "/evoke/v1/functions").status_code == 200
        assert (open_path / "keys.json").stat().st_mode & 0o7777 == 0o600
        # Another root secret: the local file has it, so the command line goes on; what was derived from it is void.
        secret = json.loads(e.run("key", "show", "--secret", "--output", "json").stdout)["using"]
        assert secret["from"] == "keys.json"
        rotated = e.run("key", "rotate")
        assert rotated.returncode == 0 and "functions with a role" in rotated.stderr
        assert e.run("list").returncode == 0
        assert client(e, secret).call("GET", "/evoke/v1/functions").status_code == 401
        assert client(e, key).call("GET", "/evoke/v1/functions").status_code == 200


def test_keys_of_roles_follow_the_root_secret(open_path):
    source = ("def handler(event, context):\n"
              "    return [context.getSecurityAccessKey(), context.getSecuritySecretKey(), context.getSecurityToken()]\n")
    with Evoked(data_dir=open_path, env={"EVOKE_ACCESS_KEY": None, "EVOKE_SECRET_KEY": None}) as e:
        def root():
            return client(e, json.loads(e.run("key", "show", "--secret", "--output", "json").stdout)["using"])

        def invoke_as(keys):
            return Client(e, keys[0], keys[1]).invoke("f", headers={"x-security-token": keys[2]}).status_code

        assert root().create("f", source, xrole="agency").status_code == 200
        first = json.loads(root().invoke("f").text)
        assert invoke_as(first) == 200
        assert e.run("key", "rotate", "--grace", "1h").returncode == 0
        assert invoke_as(first) == 200  # as long as the old root secret
        second = json.loads(root().invoke("f").text)
        assert second != first and invoke_as(second) == 200
        assert e.run("key", "rotate").returncode == 0
        assert invoke_as(first) == 401 and invoke_as(second) == 401
        assert invoke_as(json.loads(root().invoke("f").text)) == 200


def test_concurrent_changes_all_count(fresh):
    answers = []

    def make(i):
        answers.append(Client(fresh).call("POST", "/evoke/v1/keys", {"name": f"k{i}", "scope": ["read"]}).status_code)

    threads = [threading.Thread(target=make, args=(i,)) for i in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == [201] * 12
    names = {k["name"] for k in Client(fresh).call("GET", "/evoke/v1/keys").json()["keys"]}
    assert {f"k{i}" for i in range(12)} <= names
    on_disk = json.loads((fresh.data_dir / "keys.json").read_text())
    assert on_disk["version"] == 2 and {k["name"] for k in on_disk["keys"]} >= {f"k{i}" for i in range(12)}


# -- clocks and versions -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("minutes, word", [(-17, "behind"), (17, "ahead")])
def test_a_stale_date_is_refused_with_both_clocks(fresh, minutes, word):
    now = datetime.datetime.now(datetime.timezone.utc)
    answer = Client(fresh).call("GET", "/evoke/v1/functions", date=stamp(now + datetime.timedelta(minutes=minutes)))
    assert answer.status_code == 401
    said = answer.json()["error"]["message"]
    assert (now + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M") in said, said
    assert now.strftime("%Y-%m-%dT%H") in said and f"s {word}, 900 are allowed" in said, said


class FakeDaemon(http.server.BaseHTTPRequestHandler):
    """Answers every request the same way, with the version and the time it is told to have."""

    def answer(self):
        status, version, ahead_s, body = self.server.says
        text = json.dumps(body).encode()
        self.send_response_only(status)
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=ahead_s)
        self.send_header("Date", now.strftime("%a, %d %b %Y %H:%M:%S GMT"))
        if version:
            self.send_header("X-Evoke-Version", version)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


@pytest.fixture
def fake(evoke_shared):
    """The command line against a daemon of another time: fake(status, version, ahead_s, body) -> CompletedProcess."""
    server = http.server.HTTPServer(("127.0.0.1", 0), FakeDaemon)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def run(*args, says):
        server.says = says
        return evoke_shared.run(*args, env={"EVOKE_ENDPOINT": f"http://127.0.0.1:{server.server_port}"})

    yield run
    server.shutdown()
    thread.join()
    server.server_close()


def error(code, message):
    return {"error": {"code": code, "message": message, "request_id": "r"}}


def test_a_wrong_clock_is_named_with_what_to_do(fake):
    refused = error("unauthorized", "the request says it is ...")
    p = fake("list", says=(401, None, 17 * 60, refused))
    assert p.returncode == 4 and "your clock is 17 min behind the daemon's" in p.stderr and "timedatectl" in p.stderr, p.stderr
    p = fake("list", says=(401, None, -17 * 60, refused))
    assert "your clock is 17 min ahead of the daemon's" in p.stderr, p.stderr
    p = fake("list", says=(401, None, 0, error("unauthorized", "unknown access key")))
    assert p.returncode == 4 and "unknown access key" in p.stderr and "your clock" not in p.stderr


def test_another_version_is_told_once(fake, evoke_shared):
    ours = json.loads(evoke_shared.run("version", "--output", "json").stdout)["version"]
    major, minor, last = ours.split(".")
    p = fake("list", says=(200, f"{major}.{int(minor) + 1}.0", 0, {"functions": []}))
    assert p.returncode == 0 and p.stderr.count("this program is older") == 1, p.stderr
    p = fake("list", says=(200, "0.0.9", 0, {"functions": []}))
    assert p.stderr.count("the daemon is older") == 1, p.stderr
    p = fake("list", says=(200, f"{major}.{minor}.{int(last) + 1}", 0, {"functions": []}))
    assert p.stderr == ""


def test_an_operation_an_old_daemon_lacks_is_explained(fake):
    p = fake("key", "add", "x", "--scope", "read", says=(404, "0.0.9", 0, error("not_found", "there is no API at /evoke/v1/keys")))
    assert "the daemon is version 0.0.9, this command needs" in p.stderr and p.returncode == 2, p.stderr
    p = fake("get", "x", says=(404, "0.0.9", 0, error("not_found", "there is no function x")))
    assert "there is no function x" in p.stderr, p.stderr


def test_every_answer_of_the_admin_api_tells_its_version(fresh):
    ours = json.loads(fresh.run("version", "--output", "json").stdout)["version"]
    for answer in (Client(fresh).call("GET", "/evoke/v1/functions"), Client(fresh).call("GET", "/evoke/v1/nothing"),
                   Client(fresh, "NOBODY", "x").call("GET", "/evoke/v1/functions")):
        assert answer.headers["X-Evoke-Version"] == ours
