# SPDX-License-Identifier: Apache-2.0
"""API Gateway's guide to custom authorizers without an SDK: the functions of examples/ deployed, `evoke gateway apply`, a try of what is
not published yet, and curl. What the SDK does is tests/clients/test_apig_guide.py. Beside it: names of one's own in SCF's words, and an
authorizer that asks its own API."""
import json
import subprocess

import pytest
import requests

from evoked import ROOT, deadline

# The guide's three ways of saying who it is: what the file says of the authorizer, whom it lets in and whom not, what curl is told.
VARIANTS = {
    "authorizer-header": ("identities: [header:auth], ttl: 5", ["-H", "auth: open sesame"], ["-H", "auth: open rye"], "ali baba"),
    "authorizer-query": ("identities: [query:token], ttl: 5", ["?token=t-0815"], ["?token=t-4711"], "ali baba"),
    "authorizer-user-data": ("user_data: the word", ["-H", "auth: the word"], ["-H", "auth: another"], "who knows the word"),
}

FILE = """
authorizers:
  guard: {{function: {function}, {said}}}
groups:
  guide:
    apis:
      page:
        path: /api/hello
        method: GET
        auth: guard
        function: page
        stages: {stages}
        send: {{"header:X-User": $context.authorizer.frontend.user}}
"""


@pytest.fixture
def say(evoke):
    """say(*words) runs the program against a daemon of its own."""
    def run(*words, code=0):
        p = evoke.run(*words)
        assert p.returncode == code, (words, p.returncode, p.stdout, p.stderr)
        return p
    run.evoke = evoke
    return run


@pytest.mark.parametrize("function", VARIANTS)
def test_the_guide_with_the_command_line_and_curl(say, tmp_path, function):
    said, right, wrong, user = VARIANTS[function]
    file = tmp_path / "gateway.yaml"
    say("deploy", str(ROOT / "examples" / function))
    say("deploy", str(ROOT / "examples" / "page"))
    file.write_text(FILE.format(function=function, said=said, stages="[]"))
    assert say("gateway", "apply", str(file)).stdout.splitlines() == ["created authorizer guard", "created group guide", "created api guide/page"]
    host = json.loads(say("gateway", "list", "group", "--output", "json").stdout)[0]["id"] + ".apigw.localhost"

    def curl(how):
        url = f"http://{host}:{say.evoke.port}/api/hello" + "".join(h for h in how if h.startswith("?"))
        done = subprocess.run(["curl", "-s", "--noproxy", "*", "-w", "\n%{http_code} %{content_type}", "--resolve",
                               f"{host}:{say.evoke.port}:127.0.0.1", *(h for h in how if not h.startswith("?")), url],
                              capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.rsplit("\n", 1)

    def tried(how, code):
        path = "/api/hello" + "".join(h for h in how if h.startswith("?"))
        return say("gateway", "call", "page", path, *(h for h in how if not h.startswith("?")), code=code)

    # debugged before anybody can call it
    assert f"Welcome, {user}!" in tried(right, 0).stdout and "APIG.0305" in tried(wrong, 1).stdout
    assert curl(right)[1].startswith("404 ")
    # published: the page for the right one, the documented denial for others
    file.write_text(FILE.format(function=function, said=said, stages="[RELEASE]"))
    assert say("gateway", "apply", str(file)).stdout == "published api guide/page in RELEASE\n"
    page, told = curl(right)
    assert told == "200 text/html; charset=utf-8" and f"<h1>Welcome, {user}!</h1>" in page
    for how in (wrong, []):
        refusal, told = curl(how)
        said = json.loads(refusal)
        assert told.startswith("401 ") and said["error_code"] == "APIG.0305"
        assert said["error_msg"] == "Incorrect authentication information: frontend authorizer"
    assert curl(right)[1].startswith("200 ")


def test_a_name_of_ones_own_in_scfs_words(say, tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text("dialect: scf\ngroups: {shop: {domains: [scf.example.com], apis: {hello: {path: '/hello/{name}', mock: hello}}}}")
    say("gateway", "apply", str(file))
    hello = say.evoke.get("/release/hello/you", headers={"Host": "scf.example.com"})
    assert (hello.status_code, hello.text) == (200, "hello") and hello.headers["X-Api-RequestId"]
    assert say.evoke.get("/test/hello/you", headers={"Host": "scf.example.com"}).status_code == 404
    file.write_text("dialect: scf\ngroups: {shop: {apis: {hello: {path: '/hello/{name}', mock: hello}}}}")
    assert "deleted domain scf.example.com" in say("gateway", "apply", str(file)).stdout
    gone = say.evoke.get("/release/hello/you", headers={"Host": "scf.example.com"})
    assert gone.status_code == 404 and "X-Api-RequestId" not in gone.headers


def test_the_example_of_function_computes_http_triggers(say):
    told = say("deploy", str(ROOT / "examples/fc-page")).stdout
    for name in ("wsgi", "node"):
        path = f"/2016-08-15/proxy/site/{name}/"
        assert say.evoke.url + path in told
        r = requests.post(say.evoke.url + path + "a%20b", data=b"hello", timeout=60)
        assert (r.status_code, r.text) == (200, "POST /a b with hello\n"), r.text


ASKS_ITSELF = """
import json, os, urllib.request

def handler(event, context):
    request = urllib.request.Request(os.environ["EVOKE_ENDPOINT"] + "/apigw/" + event["user_data"] + "/ring")
    if event["headers"].get("x-forward"):
        request.add_header("X-Forward", "1")
        request.add_header("X-Apig-Count", event["headers"].get("x-apig-count", "0"))
    urllib.request.urlopen(request, timeout=60)
    return {"statusCode": 200, "body": json.dumps({"status": "allow"})}
"""


def ring(say, tmp_path, seconds):
    """The path of an API whose authorizer asks that very API."""
    (tmp_path / "ring").mkdir()
    (tmp_path / "ring/index.py").write_text(ASKS_ITSELF)
    (tmp_path / "evoke.yaml").write_text(
        f"functions:\n  ring: {{runtime: Python3.9, handler: index.handler, code: ring, timeout: {seconds}}}\n")
    say("deploy", str(tmp_path))
    file = tmp_path / "gateway.yaml"
    file.write_text("groups: {ring: {}}")
    say("gateway", "apply", str(file))
    group = json.loads(say("gateway", "list", "group", "--output", "json").stdout)[0]["id"]
    file.write_text(f"authorizers: {{itself: {{function: ring, user_data: {group}}}}}\n"
                    "groups: {ring: {apis: {ring: {path: /ring, auth: itself, mock: got in, timeout_ms: 60000}, free: {path: /free, mock: free}}}}")
    say("gateway", "apply", str(file))
    return f"/apigw/{group}/"


def under_way(evoke):
    """(calls, runs) of the gateway now."""
    status = json.loads(evoke.run("status", "--output", "json").stdout)
    lines = evoke.get("/metrics").text.splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("evoke_gateway_open ")), status["instances"]["busy"]


def test_an_authorizer_that_passes_on_the_count_of_passes_is_refused_after_ten(say, tmp_path):
    path = ring(say, tmp_path, 60)
    r = requests.get(say.evoke.url + path + "ring", headers={"X-Forward": "1"}, timeout=90)  # eleven cold starts, one after the other
    assert r.status_code == 500
    assert 'evoke_gateway_faults_total{fault="loop"} 1' in say.evoke.get("/metrics").text


def test_an_authorizer_that_asks_its_own_api_ends(say, tmp_path):
    """With the first of them whose time is over: nothing goes on behind it."""
    path = ring(say, tmp_path, 3)
    assert requests.get(say.evoke.url + path + "ring", timeout=90).status_code == 500
    for _ in deadline(60):
        if under_way(say.evoke) == (0, 0):
            break
    else:
        raise AssertionError(under_way(say.evoke))
    assert say.evoke.get(path + "free").text == "free"
