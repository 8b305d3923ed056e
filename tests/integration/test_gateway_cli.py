# SPDX-License-Identifier: Apache-2.0
"""evoke gateway: a file of groups, APIs and authorizers is made what the daemon has, and back; what is told on the way."""
import json
import re

import pytest
import yaml

FILE = """account: local
region: local-1
stages: [test]
authorizers:
  check:
    function: check
    identities: [header:X-Token]
    ttl: 60
    user_data: open sesame
throttles:
  slow: {calls: 1000, per: minute, by_ip: 10}
apps:
  mobile: {key: the-mobile-key, secret: the-mobile-secret}
groups:
  shop:
    remark: the shop
    domains: [api.example.com]
    variables:
      RELEASE: {host: "127.0.0.1:80"}
      test: {host: "127.0.0.1:81"}
    responses:
      mine:
        THROTTLED: {status: 420, body: slow down, headers: {X-Why: because}}
    apis:
      hello:
        path: /hello/{name}
        method: GET
        mock: one
        stages: [RELEASE, test]
        throttle: slow
        response: mine
        params: [{name: name, in: path}]
      page:
        path: /page
        match: prefix
        auth: check
        function: page
        timeout_ms: 3000
        send: {"header:X-User": $context.authorizer.frontend.user}
      orders:
        path: /orders
        auth: app
        apps: [mobile]
        mock: orders
"""


@pytest.fixture
def gateway(evoke_shared, tmp_path):
    """gateway(*words) runs the command; gateway.apply(text) a file. The daemon is empty before and after."""
    class Gateway:
        def __call__(self, *words, code=0, stdin=None):
            p = evoke_shared.run("gateway", *words, stdin=stdin)
            assert p.returncode == code, (words, p.returncode, p.stdout, p.stderr)
            return p

        def apply(self, text, *more, code=0):
            (tmp_path / "gateway.yaml").write_text(text)
            return self("apply", str(tmp_path / "gateway.yaml"), *more, code=code)

        def list(self, kind):
            return json.loads(self("list", kind, "--output", "json").stdout)

        def call(self, path, **headers):
            group = next(g for g in self.list("group") if g["name"] == "shop")
            return evoke_shared.get(f"/apigw/{group['id']}{path}", headers=headers)

    g = Gateway()
    yield g
    for group in g.list("group"):
        g.apply(f"groups: {{{group['name']}: {{}}}}", "--prune")
    for kind in ("group", "authorizer", "throttle", "app", "env"):
        for o in g.list(kind):
            g("delete", kind, o["id"])


def test_a_file_is_made_what_the_daemon_has_and_a_second_time_nothing_is_done(gateway):
    p = gateway.apply(FILE)
    said = p.stdout.splitlines()
    assert "created api shop/hello" in said and "published api shop/hello in test" in said
    assert "there is no function" in p.stderr and "check" in p.stderr
    assert gateway.call("/hello/you").text == "one"
    p = gateway.apply(FILE)
    assert p.stdout == "" and "nothing to do" in p.stderr
    shown = {(o["kind"], o["name"]) for o in json.loads(gateway("list", "--output", "json").stdout)}
    assert {("group", "shop"), ("api", "page"), ("authorizer", "check"), ("env", "test"), ("variable", "host"),
            ("throttle", "slow"), ("app", "mobile"), ("domain", "api.example.com"), ("response", "mine")} <= shown


def test_what_is_written_is_what_the_words_mean(gateway):
    gateway.apply(FILE)
    body = {o["name"]: o["body"] for kind in ("api", "authorizer", "throttle", "response", "app") for o in gateway.list(kind)}
    assert body["check"] == {
        "name": "check", "type": "FRONTEND", "authorizer_type": "FUNC", "authorizer_uri": "urn:fss:local-1:local:function:default:check",
        "identities": [{"name": "X-Token", "location": "HEADER"}], "ttl": 60, "user_data": "open sesame"}
    page = body["page"]
    assert page["match_mode"] == "SWA" and page["auth_type"] == "AUTHORIZER" and page["req_method"] == "ANY"
    assert page["func_info"] == {"function_urn": "urn:fss:local-1:local:function:default:page", "invocation_type": "sync",
                                 "network_type": "V2", "timeout": 3000}
    assert page["backend_params"] == [{"origin": "SYSTEM", "name": "X-User", "location": "HEADER",
                                       "value": "$context.authorizer.frontend.user"}]
    assert body["slow"] == {"name": "slow", "api_call_limits": 1000, "ip_call_limits": 10, "time_interval": 1, "time_unit": "MINUTE", "type": 1}
    assert body["mine"]["responses"]["THROTTLED"] == {"status": 420, "body": "slow down", "headers": [{"key": "X-Why", "value": "because"}]}
    ids = {o["name"]: o["id"] for kind in ("authorizer", "response", "group", "app") for o in gateway.list(kind)}
    assert page["authorizer_id"] == ids["check"] and body["hello"]["response_id"] == ids["mine"] and page["group_id"] == ids["shop"]
    auth = gateway.list("app_auth")
    assert len(auth) == 1 and auth[0]["parent"] == ids["mobile"]
    assert len(gateway.list("throttle_bind")) == 2  # one for each stage


def test_only_what_differs_is_changed_and_published(gateway):
    gateway.apply(FILE)
    p = gateway.apply(FILE.replace("mock: one", "mock: two"))
    assert p.stdout.splitlines() == ["changed api shop/hello", "published api shop/hello in RELEASE", "published api shop/hello in test"]
    assert gateway.call("/hello/you").text == "two"
    p = gateway.apply(FILE.replace("mock: one", "mock: two").replace("stages: [RELEASE, test]", "stages: [RELEASE]"))
    assert set(p.stdout.splitlines()) >= {"took offline api shop/hello in test"}
    assert gateway.call("/hello/you", **{"X-Stage": "test"}).status_code == 404


def test_a_dry_run_tells_all_and_does_nothing(gateway):
    told = gateway.apply(FILE, "--dry-run").stdout.splitlines()
    assert gateway.list("group") == [] and gateway.list("authorizer") == []
    done = gateway.apply(FILE).stdout.splitlines()
    assert told == ["would have " + line for line in done]
    assert gateway.apply(FILE, "--dry-run").stdout == ""
    changed = gateway.apply(FILE.replace("mock: one", "mock: two"), "--dry-run").stdout
    assert "would have changed api shop/hello" in changed and gateway.call("/hello/you").text == "one"


def test_what_is_no_more_in_the_file_goes_and_apis_only_with_prune(gateway):
    gateway.apply(FILE)
    text = yaml.safe_load(FILE)
    shop = text["groups"]["shop"]
    del shop["domains"], shop["variables"]["test"], shop["apis"]["orders"], shop["apis"]["hello"]["throttle"]
    p = gateway.apply(json.dumps(text))
    assert {"deleted domain api.example.com", "deleted variable host"} <= set(p.stdout.splitlines())
    assert "api orders" in p.stderr and "--prune" in p.stderr
    assert gateway.list("throttle_bind") == [] and {o["name"] for o in gateway.list("api")} == {"hello", "page", "orders"}
    p = gateway.apply(json.dumps(text), "--prune")
    assert p.stdout.splitlines() == ["deleted api orders"] and gateway.list("app_auth") == []


def test_credentials_that_the_file_does_not_say_are_kept(gateway):
    gateway.apply("apps: {mobile: {}}")
    before = gateway.list("app")[0]["body"]
    assert len(before["app_secret"]) == 32
    p = gateway.apply("apps: {mobile: {remark: mine}}")
    assert p.stdout == "changed app mobile\n"
    assert gateway.list("app")[0]["body"] == {**before, "remark": "mine"}


def test_an_older_version_is_called_again_at_once(gateway):
    gateway.apply(FILE)
    gateway.apply(FILE.replace("mock: one", "mock: two"))
    assert "again" in gateway("rollback", "hello").stdout and gateway.call("/hello/you").text == "one"
    assert "no version before" in gateway("rollback", "hello", code=3).stderr
    versions = [v["id"] for v in gateway.list("version") if v["body"]["env_id"].startswith("DEFAULT")]
    gateway("rollback", "shop/hello", "--to", versions[-1])
    gateway("offline", "hello")
    assert gateway.call("/hello/you").status_code == 404
    assert re.match(r"published hello in RELEASE, version [0-9a-f]{32}\n", gateway("publish", "hello").stdout)
    assert gateway.call("/hello/you").text == "two"


def test_routes_are_what_can_be_called(gateway):
    assert "METHOD" in gateway("routes").stdout
    gateway.apply(FILE)
    rows = json.loads(gateway("routes", "--output", "json").stdout)
    group = gateway.list("group")[0]["id"]
    assert {"method": "GET", "path": f"/apigw/{group}/hello/{{name}}", "stage": "test", "auth": "NONE", "backend": "mock",
            "from": "shop/hello"} in rows
    assert {"method": "ANY", "path": f"/apigw/{group}/page...", "stage": "RELEASE", "auth": "AUTHORIZER",
            "backend": "urn:fss:local-1:local:function:default:page", "from": "shop/page"} in rows
    assert len(rows) == 4


def test_an_object_is_shown_and_deleted_by_its_name(gateway):
    gateway.apply(FILE)
    assert re.search(r"^body.mock_info.result_content +one$", gateway("show", "api", "shop/hello").stdout, re.M)
    assert yaml.safe_load(gateway("show", "authorizer", "check", "--output", "yaml").stdout)["body"]["ttl"] == 60
    assert "api 'page'" in gateway("delete", "authorizer", "check", code=1).stderr
    assert "there is no api 'nobody'" in gateway("show", "api", "nobody", code=3).stderr
    assert "no kind of object" in gateway("list", "colours", code=3).stderr


@pytest.mark.parametrize("old, new, line, words", [
    ("ttl: 60", "tttl: 60", 8, "authorizers.check.tttl is no key"),
    ("ttl: 60", "ttl: 3601", 5, "authorizers.check: ttl must be between 0 and 3600"),
    ("method: GET", "method: GETT", 25, "groups.shop.apis.hello: req_method must be one of GET"),
    ("mock: one", "mock: one\n        url: http://a", 25, "groups.shop.apis.hello must have one of function, url and mock"),
    ("[header:X-Token]", "[X-Token]", 7, "authorizers.check.identities must be"),
    ("auth: check", "auth: checkk", 33, "there is no authorizer:checkk"),
    ("[mobile]", "[nobody]", 40, "there is no app:nobody"),
    ("stages: [RELEASE, test]", "stages: [RELEASE, live]", 25, "there is no env:live"),
    ("host: \"127.0.0.1:81\"", "host: 81", 20, "groups.shop.variables.test.host must be text"),
    ("path: /hello/{name}", "path: hello", 25, "req_uri must be a path"),
    ("groups:", "group:", 14, "group is no key"),
])
def test_an_error_names_line_and_key(gateway, old, new, line, words):
    assert old in FILE
    p = gateway.apply(FILE.replace(old, new), code=2)
    assert f"gateway.yaml: line {line}: " in p.stderr and words in p.stderr, p.stderr


def test_a_file_that_is_no_yaml_or_is_not_there_is_told(gateway):
    assert "line 2, column" in gateway.apply("a: [", code=2).stderr
    assert "must be a map" in gateway.apply("- a", code=2).stderr
    assert gateway("apply", "/nonexistent/gateway.yaml", code=3).stderr
    assert gateway("apply", "-", stdin="groups: {other: {}}").stdout == "created group other\n"


def test_an_api_of_another_cloud_speaks_its_words(gateway):
    gateway.apply("""dialect: scf
groups: {shop: {apis: {hello: {path: /hello, mock: hello}, run: {path: /run, function: run}}}}""")
    group = gateway.list("group")[0]
    assert group["dialect"] == "scf" and re.fullmatch("service-[0-9a-f]{8}", group["id"])
    run = next(o for o in gateway.list("api") if o["name"] == "run")
    assert run["body"]["func_info"]["function_urn"] == "scf/local/local-1/default/run"
    assert gateway.call("/release/hello").text == "hello"
    assert "error_code" not in gateway.call("/release/nothing").text  # APIG's word
    gateway.apply("dialect: scf\ngroups: {shop: {}}", "--prune")
    gateway("delete", "group", "shop")


def blocks(text):
    """{name: content} of the fenced blocks that begin with '# name'."""
    return {m[1]: m[2] for m in re.finditer(r"^```\w+\n# (\S+)\n(.*?)^```", text, re.M | re.S)}


def test_the_guide_does_what_it_says(gateway, evoke_shared, tmp_path):
    from pathlib import Path
    files = blocks((Path(__file__).parents[2] / "docs/gateway.md").read_text())
    for name in ("check", "page"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.py").write_text(files[f"{name}/index.py"])
    (tmp_path / "evoke.yaml").write_text("functions:\n" + "".join(
        f"  {name}: {{runtime: Python3.9, handler: index.handler, code: {name}}}\n" for name in ("check", "page")))
    p = evoke_shared.run("deploy", str(tmp_path))
    assert p.returncode == 0, p.stderr
    p = gateway.apply(files["gateway.yaml"])
    assert "published api shop/page in RELEASE" in p.stdout and "warning" not in p.stderr
    assert gateway.call("/page").status_code == 401
    assert gateway.call("/page", **{"X-Token": "guess"}).status_code == 401
    page = gateway.call("/page", **{"X-Token": "open sesame"})
    assert page.status_code == 200 and page.text == "<h1>Hello, alice</h1>" and page.headers["Content-Type"] == "text/html"
    assert evoke_shared.run("delete", "check", "page", "--yes").returncode == 0


def test_an_api_is_tried_published_or_not(gateway):
    gateway.apply(FILE.replace("stages: [RELEASE, test]", "stages: [test]"))
    p = gateway("call", "hello", "/hello/you")
    head = p.stderr.splitlines()
    assert p.stdout == "one" and head[0] == "200" and any(line.startswith("X-Request-Id: ") for line in head)
    assert re.search(r"^  In all +\d+\.\d{3} ms$", p.stderr, re.M) and re.search(r"^  Backend +0\.000 ms$", p.stderr, re.M)
    # as it is published: in test, and not in RELEASE
    assert gateway("call", "hello", "/hello/you", "--stage", "test").stdout == "one"
    gateway.apply(FILE.replace("mock: one", "mock: two"), "--dry-run")
    p = gateway("call", "hello", "/hello/you", "--stage", "RELEASE", code=1)
    assert p.stderr.startswith("404\n") and re.search(r"^  Refused +no_api$", p.stderr, re.M) and "APIG.0101" in p.stdout
    # who may not, may not here either; and what is sent is said by name
    assert gateway("call", "orders", "-H", "X-A: 1", code=1).stderr.startswith("401\n")
    shown = json.loads(gateway("call", "hello", "/hello/you", "--output", "json").stdout)
    assert (shown["status"], shown["body"], shown["call"]["fault"]) == (200, "one", "")
    assert "say with which path" in gateway("call", "hello", code=2).stderr
    assert "is not 'Name: value'" in gateway("call", "hello", "/hello/you", "-H", "no colon", code=2).stderr
    assert "there is no api 'nobody'" in gateway("call", "nobody", code=3).stderr
