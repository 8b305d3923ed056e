# SPDX-License-Identifier: Apache-2.0
"""The gateway's objects over the admin API (docs/admin-api.md, "Gateway"): what may be written, what may go, who sees what, and what
is called after publishing. What a field may be is tried in tests/unit/gateway/test_kinds.c."""
import json
import secrets
import urllib.parse

import pytest

from evoked import deadline
from signing import PROJECT, Client, urn

WHERE = {"dialect": "functiongraph", "account": PROJECT, "region": "local-1"}
OTHER = "fedcba9876543210fedcba9876543210"
RELEASE = "DEFAULT_ENVIRONMENT_RELEASE_ID"


class Gateway:
    """Objects of one test, under names of its own; they go with it."""

    def __init__(self, evoke, client=None):
        self.evoke, self.client, self.made = evoke, client or Client(evoke), []
        self.tail = "_" + secrets.token_hex(4)

    def call(self, method, path, body=b"", **query):
        return self.client.call(method, "/evoke/v1/gateway/" + path, body, query=urllib.parse.urlencode(query))

    def post(self, kind, body, parent=None, **query):
        r = self.call("POST", kind, {**WHERE, **({"parent": parent} if parent else {}), "body": body}, **query)
        if r.status_code == 201 and not query:
            self.made.append((kind, r.json()["id"]))
        return r

    def make(self, kind, body, parent=None):
        r = self.post(kind, body, parent)
        assert r.status_code == 201, r.text
        return r.json()

    def group(self, name="shop", **more):
        return self.make("group", {"name": name + self.tail, **more})

    def api(self, group, path="/a", **more):
        return self.make("api", api(group, path, **more))

    def list(self, kind, **query):
        r = self.call("GET", kind, **query)
        assert r.status_code == 200, r.text
        return r.json()["objects"]

    def publish(self, api, env=None):
        return self.call("POST", f"api/{api['id']}/publish", {"env": env} if env else {})

    def sweep(self):
        for kind, id in self.made:
            if kind == "api":
                for release in self.list("release", parent=id):
                    self.call("POST", f"api/{id}/offline", {"env": release["body"]["env_id"]})
        for kind, id in reversed(self.made):
            assert self.call("DELETE", f"{kind}/{id}").status_code in (204, 404)


def api(group, path="/a", **more):
    return {"group_id": group["id"], "name": "hello", "type": 1, "req_protocol": "HTTPS", "req_method": "GET", "req_uri": path,
            "auth_type": "NONE", "backend_type": "MOCK", "mock_info": {"result_content": "mock"}, **more}


@pytest.fixture
def gateway(evoke_shared):
    g = Gateway(evoke_shared)
    yield g
    g.sweep()


def says(r, status, *words):
    assert r.status_code == status, r.text
    for word in words:
        assert word in r.json()["error"]["message"], r.text


# ---- objects ----

def test_an_object_is_created_changed_listed_and_deleted(gateway):
    made = gateway.group(remark="first")
    assert made["kind"] == "group" and made["account"] == PROJECT and len(made["id"]) == 32
    path = f"group/{made['id']}"
    changed = gateway.call("PUT", path, {"body": {**made["body"], "remark": "second"}}).json()
    assert changed["revision"] > made["revision"] and changed["created_ms"] == made["created_ms"]
    assert gateway.call("GET", path).json() == changed
    again = gateway.call("PUT", path, {"body": changed["body"]})
    assert again.headers["X-Evoke-Unchanged"] == "true" and again.json() == changed
    assert [o["id"] for o in gateway.list("group", name=made["name"])] == [made["id"]]
    assert gateway.list("group", name=made["name"], dialect="scf") == []
    assert gateway.call("DELETE", path).status_code == 204
    says(gateway.call("GET", path), 404, made["id"])


def test_what_is_only_tried_is_not_written(gateway):
    name = "dry" + gateway.tail
    r = gateway.post("group", {"name": name}, dry_run="true")
    assert r.status_code == 201 and r.json()["name"] == name
    assert gateway.list("group", name=name) == []
    says(gateway.post("group", {"name": "x"}, dry_run="true"), 400, "name", "3 to 255")


def test_a_name_is_given_once(gateway):
    made = gateway.group()
    says(gateway.post("group", {"name": made["name"]}), 409, "already")
    other = gateway.group("other")
    says(gateway.call("PUT", f"group/{other['id']}", {"body": {"name": made["name"]}}), 409, "already")
    first = gateway.api(made)
    assert gateway.api(other)["name"] == first["name"]  # in another group it is another name
    says(gateway.post("api", api(made)), 409)


@pytest.mark.parametrize("request_, words", [
    ({"body": {}}, ["account", "region"]),
    ({**WHERE}, ["body"]),
    ({**WHERE, "body": []}, ["body"]),
    ({**WHERE, "body": {"name": "abc"}, "colour": 1}, ["colour"]),
    ({**WHERE, "dialect": "aws", "body": {"name": "abc"}}, ["dialect"]),
    ({**WHERE, "body": {"name": 7}}, ["name", "text"]),
    ({**WHERE, "body": {"remark": "no name"}}, ["name is missing"]),
])
def test_a_request_that_is_wrong_is_told_what_is(gateway, request_, words):
    says(gateway.call("POST", "group", request_), 400, *words)


def test_kinds_have_names_and_some_are_made_by_publishing(gateway):
    says(gateway.call("GET", "groups"), 404, "groups", "authorizer")
    for kind in ("version", "release"):
        says(gateway.post(kind, {"env_id": RELEASE}), 400, "publishing")
    says(gateway.call("POST", "group", b"{"), 400, "body")


def test_of_two_who_change_the_same_revision_one_is_told(gateway):
    made = gateway.group()
    body = {"revision": made["revision"], "body": {**made["body"], "remark": "mine"}}
    assert gateway.call("PUT", f"group/{made['id']}", body).status_code == 200
    says(gateway.call("PUT", f"group/{made['id']}", body), 409, "revision")


# ---- what an object names ----

def test_what_an_object_names_must_be_there(gateway):
    group = gateway.group()
    says(gateway.post("api", api({"id": "nowhere"})), 400, "group 'nowhere'")
    says(gateway.post("api", api(group, auth_type="AUTHORIZER", authorizer_id="nobody")), 400, "authorizer 'nobody'")
    says(gateway.post("api", api(group, response_id="none")), 400, "response 'none'")
    says(gateway.post("variable", {"group_id": group["id"], "env_id": "none", "variable_name": "abc", "variable_value": "1"}), 400, "env")
    says(gateway.post("variable", {"env_id": RELEASE, "variable_name": "abc", "variable_value": "1"}), 400, "group_id")
    says(gateway.post("response", {"name": "mine"}), 400, "parent")
    says(gateway.post("response", {"name": "mine"}, parent="none"), 400, "group 'none'")
    app = gateway.make("app", {"name": "app" + gateway.tail})
    says(gateway.post("app_auth", {"api_id": "none", "env_id": RELEASE}, parent=app["id"]), 400, "api 'none'")


def test_a_response_of_another_group_is_not_ours(gateway):
    mine, other = gateway.group("mine"), gateway.group("other")
    response = gateway.make("response", {"name": "mine", "responses": {"THROTTLED": {"status": 420}}}, other["id"])
    says(gateway.post("api", api(mine, response_id=response["id"])), 400, "another group's")


def test_an_authorizer_is_of_the_side_where_it_stands(gateway):
    body = {"name": "who" + gateway.tail, "type": "BACKEND", "authorizer_type": "FUNC", "authorizer_uri": urn("nobody")}
    back = gateway.make("authorizer", body)
    assert "no function" in back["warnings"][0] and "nobody" in back["warnings"][0]
    says(gateway.post("api", api(gateway.group(), auth_type="AUTHORIZER", authorizer_id=back["id"])), 400, "FRONTEND")


def test_an_app_is_given_credentials_which_only_who_may_deploy_is_told(gateway):
    made = gateway.make("app", {"name": "app" + gateway.tail})
    assert len(made["body"]["app_key"]) == 32 and len(made["body"]["app_secret"]) == 32
    own = gateway.make("app", {"name": "own" + gateway.tail, "app_key": "my-own-key", "app_secret": "my-own-secret"})
    assert own["body"]["app_key"] == "my-own-key"
    reader = key(gateway.evoke, "reader" + gateway.tail, "read")
    try:
        seen = Gateway(gateway.evoke, reader).call("GET", f"app/{own['id']}").json()["body"]
        assert seen == {"name": own["name"], "app_key": "my-own-key"}
    finally:
        forget(gateway.evoke, "reader" + gateway.tail)


def test_what_is_needed_stays_and_says_by_whom(gateway):
    group = gateway.group()
    made = gateway.api(group)
    says(gateway.call("DELETE", f"group/{group['id']}"), 409, "api 'hello'")
    assert gateway.publish(made).status_code == 200
    says(gateway.call("DELETE", f"api/{made['id']}"), 409, "published in RELEASE")
    release = gateway.list("release", parent=made["id"])[0]
    says(gateway.call("DELETE", f"release/{release['id']}"), 400, "offline")
    assert gateway.call("POST", f"api/{made['id']}/offline", {}).status_code == 200
    assert gateway.call("DELETE", f"api/{made['id']}").status_code == 204
    assert gateway.list("version", parent=made["id"]) == []
    assert gateway.call("DELETE", f"group/{group['id']}").status_code == 204


# ---- publishing ----

def call_api(evoke, group, path, headers=()):
    return evoke.get(f"/apigw/{group['id']}{path}", headers=dict(headers))


def test_what_is_published_is_called_and_a_switch_brings_it_back(gateway):
    group = gateway.group()
    made = gateway.api(group, mock_info={"result_content": "one"})
    assert call_api(gateway.evoke, group, "/a").status_code == 404
    first = gateway.publish(made).json()
    assert first["release"]["body"]["version_id"] == first["version"]["id"]
    assert call_api(gateway.evoke, group, "/a").text == "one"
    changed = {**made["body"], "mock_info": {"result_content": "two"}}
    assert gateway.call("PUT", f"api/{made['id']}", {"body": changed}).status_code == 200
    assert call_api(gateway.evoke, group, "/a").text == "one"
    second = gateway.publish(made).json()
    assert call_api(gateway.evoke, group, "/a").text == "two"
    assert gateway.call("POST", f"api/{made['id']}/switch", {"version": first["version"]["id"]}).status_code == 200
    assert call_api(gateway.evoke, group, "/a").text == "one"
    assert {v["id"] for v in gateway.list("version", parent=made["id"])} == {first["version"]["id"], second["version"]["id"]}
    assert gateway.call("POST", f"api/{made['id']}/offline", {}).status_code == 200
    assert call_api(gateway.evoke, group, "/a").status_code == 404


def test_an_environment_is_its_own_and_has_a_name(gateway):
    env = gateway.make("env", {"name": "test" + gateway.tail})
    group = gateway.group()
    made = gateway.api(group)
    answer = gateway.publish(made, env["name"])
    assert answer.status_code == 200 and answer.json()["release"]["body"]["env_id"] == env["id"]
    assert call_api(gateway.evoke, group, "/a").status_code == 404
    assert call_api(gateway.evoke, group, "/a", {"X-Stage": env["name"]}).text == "mock"
    says(gateway.call("DELETE", f"env/{env['id']}"), 409, "api 'hello'")
    says(gateway.publish(made, "nowhere"), 404, "env 'nowhere'")


def test_two_apis_of_one_method_and_path_are_not_both_online(gateway):
    group = gateway.group()
    first, second = gateway.api(group, "/x/{a}"), gateway.api(group, "/x/{b}", name="second")
    assert gateway.publish(first).status_code == 200
    says(gateway.publish(second), 409, "'hello'")
    says(gateway.call("POST", f"api/{second['id']}/switch", {"version": gateway.list("version", parent=first["id"])[0]["id"]}), 404)
    says(gateway.call("POST", f"api/{second['id']}/publish", {"stage": "x"}), 400, "stage")


# ---- whose ----

def key(evoke, name, scope, account=None):
    flags = ["--account", account] if account else []
    p = evoke.run("key", "add", name, "--scope", scope, *flags, "--output", "json")
    assert p.returncode == 0, p.stderr
    made = json.loads(p.stdout)
    return Client(evoke, made["access_key"], made["secret_key"])


def forget(evoke, name):
    assert evoke.run("key", "remove", name).returncode == 0


def test_a_key_of_one_account_sees_the_objects_of_that_account(gateway):
    made = gateway.group()
    name = "theirs" + gateway.tail
    theirs = Gateway(gateway.evoke, key(gateway.evoke, name, "read,deploy", OTHER))
    try:
        assert made["id"] not in {o["id"] for o in theirs.list("group")}
        for method, path, body in [("GET", "", b""), ("PUT", "", {"body": made["body"]}), ("DELETE", "", b"")]:
            says(theirs.call(method, f"group/{made['id']}{path}", body), 404)
        says(theirs.call("POST", "group", {**WHERE, "body": {"name": "mine"}}), 403, OTHER)
        mine = theirs.call("POST", "group", {**WHERE, "account": OTHER, "body": {"name": "mine" + gateway.tail}})
        assert mine.status_code == 201
        says(theirs.call("POST", "api", {**WHERE, "account": OTHER, "body": api(made)}), 400, "there is no group")
        assert theirs.call("DELETE", f"group/{mine.json()['id']}").status_code == 204
        made_api = gateway.api(made)
        says(theirs.call("POST", f"api/{made_api['id']}/publish", {}), 404)
    finally:
        forget(gateway.evoke, name)


def test_who_may_only_read_changes_nothing(gateway):
    made = gateway.group()
    reader = Gateway(gateway.evoke, key(gateway.evoke, "look" + gateway.tail, "read"))
    try:
        assert reader.call("GET", f"group/{made['id']}").status_code == 200
        for method, path, body in [("POST", "group", {**WHERE, "body": {"name": "abc"}}), ("DELETE", f"group/{made['id']}", b""),
                                   ("PUT", f"group/{made['id']}", {"body": made["body"]}), ("POST", "api/x/publish", {})]:
            says(reader.call(method, path, body), 403)
    finally:
        forget(gateway.evoke, "look" + gateway.tail)


def test_what_is_published_is_there_after_a_restart(evoke_factory):
    evoke = evoke_factory()
    g = Gateway(evoke)
    group = g.group()
    g.publish(g.api(group))
    evoke.stop()
    evoke.start()
    for _ in deadline(20):
        if evoke.get("/readyz").status_code == 200:
            break
    assert call_api(evoke, group, "/a").text == "mock"


# ---- a try ----

def debug(gateway, api, **said):
    return gateway.call("POST", f"api/{api['id']}/debug", said)


def test_an_api_is_called_as_it_is_edited(gateway):
    a = gateway.api(gateway.group(), "/a/{id}", req_params=[{"name": "id", "location": "PATH", "type": "NUMBER", "required": 1,
                                                               "valid_enable": 1, "min_num": 5}])
    said = debug(gateway, a, target="/a/7?x=1").json()
    assert (said["status"], said["body"], said["call"]["fault"]) == (200, "mock", "")
    assert said["call"]["request_id"] == next(h["value"] for h in said["headers"] if h["name"] == "X-Request-Id")
    assert said["call"]["ms"] >= 0 and said["call"]["authorizer_cached"] is False
    # every step is gone through
    assert debug(gateway, a, target="/a/3").json()["call"]["fault"] == "parameter"
    assert debug(gateway, a, target="/b").json()["status"] == 404
    assert debug(gateway, a, target="/a/7", method="POST").json()["status"] == 404
    # nobody has published it
    assert debug(gateway, a, target="/a/7", stage="RELEASE").json()["call"]["fault"] == "no_api"
    assert gateway.publish(a).status_code == 200
    assert debug(gateway, a, target="/a/7", stage="RELEASE").json()["status"] == 200
    assert debug(gateway, a, target="/a/7", stage="test").json()["status"] == 404


@pytest.mark.parametrize("said, words", [
    ({"target": "a"}, "target"), ({"target": "/a b"}, "target"), ({"target": "/a#b"}, "target"), ({"target": "/a\r\nX: 1"}, "target"),
    ({"target": 1}, "target"), ({"target": "/" + 65536 * "a"}, "target"),
    ({"method": "BREW"}, "'BREW' is no method"), ({"method": "get"}, "no method"),
    ({"headers": {}}, "must be a list"), ({"headers": [{"name": "a:b", "value": "c"}]}, "headers"),
    ({"headers": [{"name": "A", "value": "b\r\nC: d"}]}, "headers"), ({"headers": [{"value": "b"}]}, "headers"),
    ({"headers": ["A: b"]}, "headers"), ({"headers": 64 * [{"name": "A", "value": "b"}]}, "at most"),
    ({"stage": "a\nb"}, "stage is no name"), ({"body_base64": "??"}, "body_base64"), ({"body": []}, "body"), ({"colour": 1}, "unknown key 'colour'"),
])
def test_what_could_not_be_sent_is_not_tried(gateway, said, words):
    says(debug(gateway, gateway.api(gateway.group()), **said), 400, words)


def test_a_try_at_its_limits(gateway):
    a = gateway.api(gateway.group(), match_mode="SWA")
    assert debug(gateway, a, target="/a/" + 65533 * "b").json()["status"] == 200
    says(debug(gateway, a, target="/a/" + 65534 * "b"), 400, "target")
    assert debug(gateway, a, target="/a", headers=62 * [{"name": "A", "value": "b"}]).json()["status"] == 200
    says(gateway.call("POST", f"api/{a['id']}/debug", b"[]"), 400, "must be an object")
    says(gateway.call("POST", "api/nobody/debug", {}), 404)


def test_a_try_of_another_clouds_api_says_its_stage_where_that_cloud_has_it(gateway):
    g = gateway.call("POST", "group", {**WHERE, "dialect": "scf", "body": {"name": "shop" + gateway.tail}}).json()
    gateway.made.append(("group", g["id"]))
    a = gateway.call("POST", "api", {**WHERE, "dialect": "scf", "body": api(g)}).json()
    gateway.made.append(("api", a["id"]))
    assert debug(gateway, a, target="/a").json()["status"] == 200
    assert gateway.publish(a).status_code == 200
    assert debug(gateway, a, target="/a", stage="release").json()["body"] == "mock"
    assert debug(gateway, a, target="/a", stage="test").json()["status"] == 404
