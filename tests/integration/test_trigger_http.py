# SPDX-License-Identifier: Apache-2.0
"""HTTP triggers as people make them: evoke.yaml and `evoke trigger`, for each cloud, and that what is printed can be called."""
import json

import pytest
import requests

CODE = """
import json

def handler(event, context):
    text = json.dumps({"statusCode": 200, "headers": {"X-Mine": "1"}, "isBase64Encoded": False, "body": "page"})
    return json.loads(text)

def app(environ, start_response):
    start_response("200 OK", [("X-Mine", "1")])
    return [b"page"]
"""
CLOUDS = {  # runtime, handler, what makes it HTTP
    "functiongraph": ("Python3.9", "index.handler", "apig: {path: /page, method: GET}"),
    "scf": ("Python3.9", "index.handler", "apigw: {path: /page, integrated: true}"),
    "fc": ("python3", "index.app", "http: {methods: [GET]}"),
}


def write(at, dialect, http=None, name="web"):
    runtime, handler, preset = CLOUDS[dialect]
    (at / "index.py").write_text(CODE)
    (at / "evoke.yaml").write_text(f"functions:\n  shop:\n    dialect: {dialect}\n    runtime: {runtime}\n    handler: {handler}\n" +
                                   (f"    triggers:\n      {name}: {{{http or preset}}}\n" if http != "" else ""))
    return str(at)


@pytest.fixture
def shop(evoke_shared, tmp_path):
    yield lambda dialect, http=None: evoke_shared.run("deploy", write(tmp_path, dialect, http))
    for f in json.loads(evoke_shared.run("list", "--output", "json").stdout):
        evoke_shared.run("delete", "/".join(f[k] for k in ("dialect", "account", "region", "space", "name")))


def get(e, url):
    """As a browser on this machine: a name under .localhost is the machine itself."""
    _, _, host, path = url.split("/", 3)
    return requests.get(e.url + "/" + path, headers={"Host": host}, timeout=20)


def test_a_disabled_trigger_is_no_route(evoke_shared, shop):
    assert shop("functiongraph").returncode == 0
    for verb, there in (("disable", False), ("enable", True)):
        assert evoke_shared.run("trigger", verb, "web").returncode == 0
        p = evoke_shared.run("gateway", "routes", "--output", "json")
        assert p.returncode == 0, (p.returncode, p.stderr)
        assert any("trigger web" in r["from"] for r in json.loads(p.stdout)) == there, p.stdout


@pytest.mark.parametrize("dialect", CLOUDS)
def test_what_deploy_prints_can_be_called(evoke_shared, shop, dialect):
    p = shop(dialect)
    assert p.returncode == 0, p.stderr
    change, url = p.stdout.splitlines()[-2:]
    assert change.strip().startswith("triggers.web") and "(none) -> " in change
    name, url = url.split()
    assert name == "web" and url.startswith("http://")
    r = get(evoke_shared, url)
    assert (r.status_code, r.text, r.headers["X-Mine"]) == (200, "page", "1"), r.text

    again = shop(dialect).stdout.splitlines()
    assert "unchanged" in again[0] and again[1].split() == ["web", url] and len(again) == 2
    shown = evoke_shared.run("trigger", "show", "web")
    assert shown.returncode == 0 and url in shown.stdout
    assert json.loads(evoke_shared.run("trigger", "show", "web", "--output", "json").stdout)["address"]["method"] == "GET"
    assert "when called" in evoke_shared.run("trigger", "list").stdout


@pytest.mark.parametrize("dialect", CLOUDS)
def test_disabled_nobody_can_call_it(evoke_shared, shop, dialect):
    url = shop(dialect).stdout.split()[-1]
    p = evoke_shared.run("trigger", "disable", "web")
    assert p.returncode == 0 and p.stderr.startswith("disabled web of ") and "http://" not in p.stderr
    assert get(evoke_shared, url).status_code >= 400
    assert evoke_shared.run("trigger", "list").stdout.rstrip().endswith("disabled")
    p = evoke_shared.run("trigger", "enable", "web")
    assert p.returncode == 0 and url in p.stderr
    assert get(evoke_shared, url).status_code == 200
    assert evoke_shared.run("trigger", "delete", "web").returncode == 0
    assert get(evoke_shared, url).status_code >= 400


MADE = [
    ("functiongraph", ["--path", "/a/{x}", "--method", "POST", "--group", "g", "--stage", "RELEASE", "--match", "prefix", "--auth", "app",
                       "--timeout", "2s", "--cors", "--base64", "no"],
     {"group": "g", "stage": "RELEASE", "method": "POST", "path": "/a/{x}", "match": "prefix", "auth": "app", "timeout_ms": 2000,
      "cors": True, "base64": False}),
    ("scf", ["--path", "/a", "--group", "s", "--integrated", "--auth", "secret"],
     {"service": "s", "path": "/a", "auth": "secret", "integrated": True}),
    ("fc", ["--methods", "GET, PUT", "--auth", "function", "--private"], {"auth": "function", "methods": ["GET", "PUT"], "public": False}),
    ("fc", [], {}),
]


@pytest.mark.parametrize("dialect, options, config", MADE)
def test_the_command_line_says_all_that_evoke_yaml_can(evoke_shared, shop, dialect, options, config):
    shop(dialect, "")
    p = evoke_shared.run("trigger", "http", "made", "shop", *options, "--output", "json")
    assert p.returncode == 0, p.stderr
    made = json.loads(p.stdout)
    assert made["config"] == config and made["source"] == {"functiongraph": "apig", "scf": "apigw", "fc": "http"}[dialect]
    p = evoke_shared.run("trigger", "http", "made", "shop", *options)
    assert p.stderr.startswith("unchanged: made of ") and "call it at: http://" in p.stderr


@pytest.mark.parametrize("dialect, options, said", [
    ("scf", ["--match", "exact"], "--match means nothing to functions of scf"),
    ("fc", ["--path", "/x"], "--path means nothing to functions of fc"),
    ("functiongraph", ["--integrated"], "--integrated means nothing to functions of functiongraph"),
    ("functiongraph", ["--path", "no-slash"], "config: 'path'"),
    ("scf", ["--stage", "RELEASE"], "not release, prepub or test"),
    ("functiongraph", ["--auth", "authorizer"], "'auth' is authorizer where 'authorizer' names one"),
    ("functiongraph", ["--timeout", "601s"], "timeout_ms"),
])
def test_what_cannot_be_is_refused_by_its_name(evoke_shared, shop, dialect, options, said):
    shop(dialect, "")
    p = evoke_shared.run("trigger", "http", "bad", "shop", *options)
    assert p.returncode == 2 and said in p.stderr, p.stderr
    assert json.loads(evoke_shared.run("trigger", "list", "--output", "json").stdout) == []


def test_another_clouds_trigger_is_refused_at_deploy(evoke_shared, shop):
    p = shop("functiongraph", "apigw: {}")
    assert p.returncode == 2 and "functions of functiongraph have 'apig', not 'apigw'" in p.stderr, p.stderr


def test_a_changed_path_moves_it_at_once(evoke_shared, shop):
    old = shop("scf").stdout.split()[-1]
    p = shop("scf", "apigw: {path: /moved, integrated: true}")
    assert "path /page, integrated true -> path /moved, integrated true" in p.stdout, p.stdout
    new = p.stdout.split()[-1]
    assert get(evoke_shared, new).text == "page" and get(evoke_shared, old).status_code == 404


def test_of_two_with_one_path_the_second_is_told_whose_it_is(evoke_shared, shop):
    url = shop("functiongraph").stdout.split()[-1]
    p = evoke_shared.run("trigger", "http", "twin", "shop", "--path", "/page", "--method", "GET")
    assert p.returncode == 0 and "not in force, its route belongs to: trigger web of functiongraph/" in p.stderr, p.stderr
    assert "call it at" not in p.stderr

    def shadow(name):
        return json.loads(evoke_shared.run("trigger", "show", name, "--output", "json").stdout).get("shadowed_by")
    owner = shadow("twin")
    assert owner.startswith("trigger web of functiongraph/") and owner.endswith("/shop") and shadow("web") is None
    assert owner in evoke_shared.run("trigger", "show", "twin").stdout
    assert "never: the route is another's" in evoke_shared.run("trigger", "list").stdout
    told = {r["from"] for r in json.loads(evoke_shared.run("gateway", "routes", "--output", "json").stdout)}
    assert told == {"trigger web", f"trigger twin, not in force: it is {owner}'s"}
    again = shop("functiongraph", "apig: {path: /page, method: POST}")
    assert again.returncode == 0 and "warning" not in again.stderr and shadow("twin") is None  # it has let go
    again = shop("functiongraph")
    assert again.returncode == 0 and "warning: trigger web is not in force" in again.stderr and "trigger twin of" in again.stderr
    assert again.stdout.split()[-1] != url
    assert evoke_shared.run("trigger", "delete", "twin").returncode == 0
    assert shadow("web") is None and get(evoke_shared, url).status_code == 200


def test_an_api_whose_path_a_trigger_has_is_told_so(evoke_shared, shop, tmp_path):
    url = shop("functiongraph", "apig: {group: pages, path: /page, method: GET}").stdout.split()[-1]
    file = tmp_path / "gateway.yaml"
    file.write_text("account: local\nregion: local-1\ngroups: {pages: {apis: {late: {path: /page, method: GET, mock: late}}}}\n")
    p = evoke_shared.run("gateway", "apply", str(file))
    assert p.returncode == 0, p.stderr
    try:
        rows = json.loads(evoke_shared.run("gateway", "routes", "--output", "json").stdout)
        assert len([r for r in rows if "not in force" in r["from"]]) == 1, rows
    finally:
        file.write_text("account: local\nregion: local-1\ngroups: {pages: {}}\n")
        assert evoke_shared.run("gateway", "apply", str(file), "--prune").returncode == 0
        group = json.loads(evoke_shared.run("gateway", "list", "group", "--output", "json").stdout)[0]["id"]
        assert evoke_shared.run("gateway", "delete", "group", group).returncode == 0
    assert get(evoke_shared, url).status_code == 200
