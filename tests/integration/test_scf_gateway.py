# SPDX-License-Identifier: Apache-2.0
"""SCF behind its API gateway, from evoke.yaml to curl's side: the apigw event, integrated and passed-through answers, Python and Node.

Requests go by host name (service-xxxx.apigw.localhost) and by path (/apigw/service-xxxx/...). Shapes and sentences: scf.md 4.1, 5, 5.2; what
those leave open: docs/compat/scf.md and apig.md.
"""
import base64
import email.utils
import hashlib
import hmac
import json
import pathlib
import re

import pytest
import requests

from gateway import group_id
from signing import Client

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
ACCOUNT = "1250000000"
PREFIX = f"scf/{ACCOUNT}/local-1/default/"
PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(range(256))

PYTHON = r'''
import base64, json, time

PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(range(256))

def answer(event):
    """What the last part of the path asks for."""
    what = event["path"].rpartition("/")[2]
    if what == "html":
        return {"isBase64Encoded": False, "statusCode": 200, "headers": {"Content-Type": "text/html; charset=utf-8"},
                "body": "<html><body><h1>\u817e\u8baf</h1></body></html>"}
    if what == "json":
        return {"isBase64Encoded": False, "statusCode": 201, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)}
    if what == "png":
        return {"isBase64Encoded": True, "statusCode": 200, "headers": {"Content-Type": "image/png"}, "body": base64.b64encode(PNG).decode()}
    if what == "cookies":
        return {"isBase64Encoded": False, "statusCode": 200, "headers": {"Set-Cookie": ["a=1", "b=2"], "X-One": "1"}, "body": ""}
    if what == "moved":
        return {"isBase64Encoded": False, "statusCode": 302, "headers": {"X-To": "/elsewhere"}, "body": ""}
    if what == "none":
        return {"isBase64Encoded": False, "statusCode": 204, "headers": {}, "body": ""}
    if what == "fail":
        raise ValueError("on purpose")
    if what == "slow":
        time.sleep(20)
    if what == "echo":
        body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event.get("body", "").encode()
        return {"isBase64Encoded": True, "statusCode": 200, "headers": {"X-Encoded": str(event["isBase64Encoded"])},
                "body": base64.b64encode(body).decode()}
    return json.loads(event["headers"]["x-answer"])

def main_handler(event, context):
    return answer(event)
'''

NODE = r'''
const answer = event => {
    const what = event.path.split('/').pop();
    if (what === 'html')
        return { isBase64Encoded: false, statusCode: 200, headers: { 'Content-Type': 'text/html; charset=utf-8' },
                 body: '<html><body><h1>\u817e\u8baf</h1></body></html>' };
    if (what === 'json')
        return { isBase64Encoded: false, statusCode: 201, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(event) };
    if (what === 'png')
        return { isBase64Encoded: true, statusCode: 200, headers: { 'Content-Type': 'image/png' },
                 body: Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from([...Array(256).keys()])]).toString('base64') };
    if (what === 'cookies')
        return { isBase64Encoded: false, statusCode: 200, headers: { 'Set-Cookie': ['a=1', 'b=2'], 'X-One': '1' }, body: '' };
    if (what === 'fail')
        throw new Error('on purpose');
    return JSON.parse(event.headers['x-answer']);
};
exports.main_handler = async (event, context) => answer(event);
'''

# What people's adapters do with an event (event.path, queryString, headers, body) before Express sees a request: our own words of that.
ADAPTER = r'''
const http = require('http');
const server = http.createServer((req, res) => {
    const parts = [];
    req.on('data', part => parts.push(part));
    req.on('end', () => {
        res.statusCode = 203;
        res.setHeader('Content-Type', 'text/plain; charset=utf-8');
        res.setHeader('X-Method', req.method);
        res.end(`${req.url} ${req.headers.host} ${Buffer.concat(parts)}`);
    });
});
const listening = new Promise(done => server.listen(0, '127.0.0.1', done));

const query = event => {
    const it = new URLSearchParams();
    for (const [name, value] of Object.entries(event.queryString || {}))
        for (const one of Array.isArray(value) ? value : [value])
            it.append(name, one === true ? '' : one);
    return it.toString();
};

exports.main_handler = (event, context) => {
    context.callbackWaitsForEmptyEventLoop = false;
    const path = event.path + (query(event) ? '?' + query(event) : '');
    listening.then(() => http.request(
        { port: server.address().port, method: event.httpMethod, path, headers: event.headers }, res => {
            const parts = [];
            res.on('data', part => parts.push(part));
            res.on('end', () => context.succeed({
                isBase64Encoded: false, statusCode: res.statusCode, body: Buffer.concat(parts).toString(),
                headers: { 'Content-Type': res.headers['content-type'], 'X-Method': res.headers['x-method'] } }));
        }).end(event.isBase64Encoded ? Buffer.from(event.body, 'base64') : event.body));
};
'''

MANIFEST = f'''functions:
  py:
    dialect: scf
    account: "{ACCOUNT}"
    runtime: Python3.6
    handler: index.main_handler
    timeout: 3
    triggers:
      web: {{apigw: {{service: py, path: "/py/{{name}}", method: ANY, integrated: true, timeout: 25, base64: [image/png]}}}}
      short: {{apigw: {{service: py, path: "/short/{{name}}", method: ANY, integrated: true, timeout: 1}}}}
      late: {{apigw: {{service: py, path: "/late/{{name}}", method: ANY, integrated: true, timeout: 30}}}}
      raw: {{apigw: {{service: py, path: "/raw/{{name}}", method: ANY}}}}
      get: {{apigw: {{service: py, path: "/get/{{name}}", integrated: true}}}}
      open: {{apigw: {{service: py, path: "/open/{{name}}", method: ANY, integrated: true, cors: true}}}}
      keyed: {{apigw: {{service: keyed, path: "/keyed/{{name}}", method: ANY, integrated: true, auth: secret}}}}
      test: {{apigw: {{service: py, stage: test, path: "/py/{{name}}", method: ANY, integrated: true}}}}
  js:
    dialect: scf
    account: "{ACCOUNT}"
    runtime: Nodejs12.16
    handler: index.main_handler
    triggers:
      web: {{apigw: {{service: js, path: "/py/{{name}}", method: ANY, integrated: true}}}}
      raw: {{apigw: {{service: js, path: "/raw/{{name}}", method: ANY}}}}
  express:
    dialect: scf
    account: "{ACCOUNT}"
    runtime: Nodejs12.16
    handler: adapter.main_handler
    triggers:
      web: {{apigw: {{service: express, path: "/{{rest+}}", method: ANY, integrated: true}}}}
'''


class Gate:
    def __init__(self, evoke, urls):
        self.evoke, self.urls = evoke, urls

    def host(self, service):
        return f"{group_id(service, 'scf', ACCOUNT)}.apigw.localhost:{self.evoke.port}"

    def call(self, path, method="GET", service="py", by_path=False, **kw):
        headers = {**({} if by_path else {"Host": self.host(service)}), **kw.pop("headers", {})}
        at = f"/apigw/{group_id(service, 'scf', ACCOUNT)}{path}" if by_path else path
        return requests.request(method, self.evoke.url + at, headers=headers, timeout=30, allow_redirects=False, **kw)

    def says(self, answer, path="/release/py/x", **kw):
        """What the client gets when the function answers this."""
        return self.call(path, headers={"X-Answer": json.dumps(answer)}, **kw)


@pytest.fixture(scope="module")
def gate(_module_daemon, tmp_path_factory):
    e = _module_daemon
    at = tmp_path_factory.mktemp("scf")
    (at / "evoke.yaml").write_text(MANIFEST)
    (at / "index.py").write_text(PYTHON)
    (at / "index.js").write_text(NODE)
    (at / "adapter.js").write_text(ADAPTER)
    p = e.run("deploy", str(at), "--output", "json")
    assert p.returncode == 0, p.stderr
    return Gate(e, {f["name"]: f["urls"] for f in json.loads(p.stdout)})


# ---- where it is called ----


def test_deploy_tells_the_address_that_works(gate):
    url = gate.urls["py"]["web"]
    assert url == f"http://{gate.host('py')}/release/py/{{name}}"
    r = requests.get(gate.evoke.url + "/release/py/html", headers={"Host": url.split("/")[2]})
    assert r.status_code == 200
    shown = gate.evoke.run("trigger", "show", "web", PREFIX + "py")
    assert url in shown.stdout, shown.stdout
    listed = gate.evoke.run("trigger", "list", PREFIX + "py").stdout
    assert f"ANY /apigw/{group_id('py', 'scf', ACCOUNT)}/release/py/{{name}}" in listed


@pytest.mark.parametrize("service", ["py", "js"])
@pytest.mark.parametrize("by_path", [False, True])
def test_a_page(gate, service, by_path):
    r = gate.call("/release/py/html", service=service, by_path=by_path)
    assert (r.status_code, r.headers["Content-Type"], r.text) == (200, "text/html; charset=utf-8", "<html><body><h1>\u817e\u8baf</h1></body></html>")
    assert (r.headers.get("Content-Security-Policy") == "sandbox") == by_path


@pytest.mark.parametrize("service", ["py", "js"])
def test_binary_and_repeated_headers(gate, service):
    r = gate.call("/release/py/png", service=service)
    assert (r.status_code, r.headers["Content-Type"], r.content) == (200, "image/png", PNG)
    r = gate.call("/release/py/cookies", service=service)
    assert r.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"] and r.headers["X-One"] == "1" and r.content == b""


def test_status_without_a_body(gate):
    r = gate.call("/release/py/none")
    assert (r.status_code, r.content) == (204, b"")
    r = gate.call("/release/py/moved")
    assert (r.status_code, r.headers["X-To"], r.content) == (302, "/elsewhere", b"")
    r = gate.call("/release/py/html", "HEAD")
    assert (r.status_code, r.content) == (200, b"")


# ---- the event ----


@pytest.mark.parametrize("service", ["py", "js"])
def test_the_event(gate, service):
    r = gate.call("/release/py/json?foo=bar&bob=alice&bob=2&flag&empty=", "POST", service=service, data=b'{"test":"body"}',
                  headers={"X-Mixed": "a", "Cookie": "k=v", "X-Anonymous-Consumer": "forged"})
    assert r.status_code == 201
    event = r.json()
    headers, context = event.pop("headers"), event.pop("requestContext")
    id = context.pop("requestId")
    assert context == {"serviceId": group_id(service, "scf", ACCOUNT), "path": "/py/{name}", "httpMethod": "ANY", "identity": {},
                       "sourceIp": "127.0.0.1", "stage": "release"}
    assert re.fullmatch(r"[0-9a-f-]{36}", id)
    assert event == {
        "body": '{"test":"body"}', "isBase64Encoded": False, "pathParameters": {"name": "json"}, "queryStringParameters": {},
        "headerParameters": {}, "stageVariables": {}, "path": "/py/json", "httpMethod": "POST",
        "queryString": {"foo": "bar", "bob": ["alice", "2"], "flag": True, "empty": ""}}
    assert headers["x-mixed"] == "a" and headers["cookie"] == "k=v" and headers["host"] == gate.host(service)
    assert headers["x-anonymous-consumer"] == "true" and headers["x-qualifier"] == "$LATEST"
    assert headers["x-api-requestid"] == headers["x-b3-traceid"] == id.replace("-", "")
    assert headers["endpoint-timeout"] == ("25" if service == "py" else "10")
    assert all(name == name.lower() for name in headers)


def test_without_a_body_there_is_no_such_key(gate):
    event = gate.call("/release/py/json").json()
    assert "body" not in event and event["isBase64Encoded"] is False and event["httpMethod"] == "GET" and event["queryString"] == {}


@pytest.mark.parametrize("type, encoded", [("image/png", "True"), ("text/plain", "False")])
def test_bodies_of_the_named_types_come_in_base64(gate, type, encoded):
    body = PNG if encoded == "True" else "t\u00e4xt".encode()
    r = gate.call("/release/py/echo", "POST", data=body, headers={"Content-Type": type})
    assert (r.headers["X-Encoded"], r.content) == (encoded, body)


def test_a_stage_is_the_first_segment(gate):
    event = gate.call("/test/py/json").json()
    assert event["requestContext"]["stage"] == "test" and event["path"] == "/py/json"
    r = gate.call("/prepub/py/json")
    assert r.status_code == 404 and set(r.json()) == {"message"}
    assert gate.call("/py/json").status_code == 404


def test_the_shape_that_web_frameworks_adapters_use(gate):
    r = gate.call("/release/a/b?q=1&q=2", "PUT", service="express", data=b"words", headers={"Content-Type": "text/plain"})
    assert r.status_code == 203 and r.headers["X-Method"] == "PUT", r.text
    assert r.text == f"/a/b?q=1&q=2 {gate.host('express')} words"


def test_the_example(gate):
    p = gate.evoke.run("deploy", str(EXAMPLES / "scf-page"))
    assert p.returncode == 0, p.stderr
    url = p.stdout.split()[-1]
    host, path = url.split("/")[2], "/" + url.split("/", 3)[3].replace("{name}", "J%C3%BCrgen%20%3Cb%3E")
    r = requests.post(gate.evoke.url + path, headers={"Host": host}, data="some \"words\"", timeout=20)
    assert r.status_code == 200 and r.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>Good day, J\u00fcrgen &#60;b&#62;!</h1><p>some &#34;words&#34;</p>" in r.content.decode()
    assert r.raw.headers.getlist("Set-Cookie") == ["last=J%C3%BCrgen%20%3Cb%3E", "seen=yes"]
    assert "brought no words" in requests.get(gate.evoke.url + path, headers={"Host": host}, timeout=20).text
    assert gate.evoke.run("delete", "visitors").returncode == 0


# ---- answers that are not what they must be ----

BAD = [
    7, "hello", None, [], {}, {"body": "x"}, {"statusCode": "ok"}, {"statusCode": 99}, {"statusCode": 700}, {"statusCode": 200, "body": {"a": 1}},
    {"statusCode": 200, "headers": []}, {"statusCode": 200, "headers": {"a": {"b": 1}}}, {"statusCode": 200, "body": "!", "isBase64Encoded": True},
]


@pytest.mark.parametrize("answer", BAD, ids=[json.dumps(b) for b in BAD])
@pytest.mark.parametrize("service", ["py", "js"])
def test_a_malformed_integrated_answer_is_403_with_errno(gate, service, answer):
    r = gate.says(answer, service=service)
    assert r.status_code == 403 and r.json()["errno"] == 403, r.text
    assert re.search("[Ii]nvalid scf response", r.json()["error"])


@pytest.mark.parametrize("service", ["py", "js"])
def test_a_function_that_fails_is_403_with_errno_where_it_is_integrated(gate, service):
    r = gate.call("/release/py/fail", service=service)
    assert r.status_code == 403 and r.json()["errno"] == 403 and "nvalid scf response" in r.json()["error"], r.text
    assert "on purpose" not in r.text


# ---- passed through ----


@pytest.mark.parametrize("answer", [7, "hello", None, [1], {"a": {"b": 1}}, {"statusCode": 404, "body": "x"}])
@pytest.mark.parametrize("service", ["py", "js"])
def test_passed_through_is_200_and_json_whatever_it_is(gate, service, answer):
    r = gate.says(answer, "/release/raw/x", service=service)
    assert (r.status_code, r.headers["Content-Type"], r.json()) == (200, "application/json", answer)


@pytest.mark.parametrize("service", ["py", "js"])
def test_a_failure_passed_through_is_200_with_the_error_result(gate, service):
    r = gate.call("/release/raw/fail", service=service)
    assert r.status_code == 200 and r.headers["Content-Type"] == "application/json"
    told = r.json()
    assert (told["errorCode"], told["statusCode"], told["errorMessage"]) == (-1, 430, "user code exception caught")
    assert "on purpose" in told["stackTrace"]


# ---- time ----


def test_a_gateway_that_waits_shorter_than_the_function_is_504(gate):
    r = gate.call("/release/short/slow")
    assert (r.status_code, r.json()) == (504, {"message": "Gateway Time-out."})


def test_a_function_that_ends_first_is_its_failure(gate):
    r = gate.call("/release/late/slow")
    assert r.status_code == 403 and r.json()["errno"] == 403
    r = gate.call("/release/raw/slow")
    assert r.status_code == 200 and r.json()["statusCode"] == 433 and r.json()["errorMessage"] == "Invoking task timed out after 3 seconds"


# ---- methods, origins ----


def test_a_method_of_its_own(gate):
    assert gate.call("/release/get/html").status_code == 200
    r = gate.call("/release/get/html", "POST")
    assert (r.status_code, r.json()) == (404, {"message": "There is no api match method[POST]."})
    r = gate.call("/release/absent/html")
    assert r.status_code == 404 and "/absent/html" in r.json()["message"]
    r = gate.call("/release/py/a/b")
    assert r.status_code == 404


ORIGIN = {"Origin": "https://shop.example"}


def test_cross_origin_where_it_is_open(gate):
    r = gate.call("/release/open/html", headers=ORIGIN)
    assert (r.status_code, r.headers["Access-Control-Allow-Origin"]) == (200, "*")
    r = gate.call("/release/open/html", "OPTIONS",
                  headers={**ORIGIN, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-a, x-b"})
    assert r.status_code in (200, 204) and r.content == b""
    assert r.headers["Access-Control-Allow-Origin"] == "*" and "PUT" in r.headers["Access-Control-Allow-Methods"]
    assert "x-a" in r.headers["Access-Control-Allow-Headers"]


def test_cross_origin_where_it_is_not(gate):
    r = gate.call("/release/py/html", headers=ORIGIN)
    assert r.status_code == 429 and r.json()["message"].startswith("req is cross origin, api ")
    assert gate.call("/release/py/html", headers={"Origin": "http://" + gate.host("py")}).status_code == 200


# ---- key pairs ----


def signed(key, secret, date=None, algorithm="hmac-sha1", names="x-date source", **headers):
    headers = {"X-Date": date or email.utils.formatdate(usegmt=True), "Source": "anyvalue", **headers}
    lower = {k.lower(): v for k, v in headers.items()}
    text = "\n".join(f"{n}: {lower[n]}" for n in names.split())
    mac = hmac.new(secret.encode(), text.encode(), getattr(hashlib, algorithm[5:])).digest()
    headers["Authorization"] = f'hmac id="{key}", algorithm="{algorithm}", headers="{names}", signature="{base64.b64encode(mac).decode()}"'
    return headers


@pytest.fixture
def keys(gate):
    """A key pair whose plan is bound to the service in release."""
    admin = Client(gate.evoke)
    where = {"dialect": "scf", "account": ACCOUNT, "region": "local-1"}
    r = admin.call("POST", "/evoke/v1/gateway/app", {**where, "body": {"name": "pair", "app_key": "AKIDpair", "app_secret": "secret-of-pair"}})
    assert r.status_code == 201, r.text
    app = r.json()["id"]
    refused = admin.call("POST", "/evoke/v1/gateway/app_auth", {**where, "parent": app, "body": {"api_id": "x", "env_id": "RELEASE"}})
    assert refused.status_code == 400 and "is not release, prepub or test" in refused.text
    bound = admin.call("POST", "/evoke/v1/gateway/app_auth",
                       {**where, "parent": app, "body": {"api_id": group_id("keyed", "scf", ACCOUNT), "env_id": "release"}})
    assert bound.status_code == 201, bound.text
    yield "AKIDpair", "secret-of-pair"
    assert admin.call("DELETE", f"/evoke/v1/gateway/app_auth/{bound.json()['id']}").status_code == 204
    assert admin.call("DELETE", f"/evoke/v1/gateway/app/{app}").status_code == 204


@pytest.mark.parametrize("algorithm", ["hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"])
def test_a_key_pair_that_signs_is_let_in_and_named(gate, keys, algorithm):
    r = gate.call("/release/keyed/json", service="keyed", headers=signed(*keys, algorithm=algorithm))
    assert r.status_code == 201, r.text
    assert r.json()["requestContext"]["identity"] == {"secretId": "AKIDpair"}
    assert r.json()["headers"]["x-anonymous-consumer"] == "false"


def test_whoever_does_not_sign_well_is_refused_in_the_clouds_words(gate, keys):
    def refused(headers):
        r = gate.call("/release/keyed/json", service="keyed", headers=headers)
        assert r.status_code == 401 and set(r.json()) == {"message"}, r.text
        return r.json()["message"]

    assert refused({}) == "HMAC signature cannot be verified, a validate authorization header is required"
    assert refused(signed("AKIDnobody", keys[1])) == "HMAC apikey is invalid for API."
    assert refused(signed(keys[0], "another secret")) == "HMAC signature does not match."
    old = email.utils.formatdate(0, usegmt=True)
    assert refused(signed(*keys, date=old)) == "HMAC signature cannot be verified, the x-date header is out of date for HMAC Authentication."


MAPPED = """dialect: scf
account: "%s"
region: local-1
groups:
  mapped:
    domains: [%s]
"""


def test_a_custom_domain_says_which_of_its_paths_is_which_stage(evoke_shared, tmp_path):
    """BindSubDomain: PathMappingSet, or IsDefaultMapping (scf.md 5)."""
    client, name = Client(evoke_shared), "mapped.example.com"
    path = f"/evoke/v1/functions/{PREFIX}mapped"
    code = "def main_handler(event, context):\n    return event['requestContext']['stage'] + ' ' + event['path']\n"
    r = client.call("PUT", path, {"runtime": "Python3.7", "handler": "index.main_handler", "timeout_ms": 20000,
                                  "code": {"source": code, "filename": "index.py"}})
    assert r.status_code == 201, r.text
    for stage in ("release", "test"):
        config = {"service": "mapped", "stage": stage, "path": "/x", "auth": "none", "method": "ANY", "timeout_ms": 20000}
        r = client.call("PUT", f"{path}/triggers/{stage}", {"source": "apigw", "config": config})
        assert r.status_code == 201, r.text

    def apply(domain, code=0):
        (tmp_path / "gateway.yaml").write_text(MAPPED % (ACCOUNT, domain))
        p = evoke_shared.run("gateway", "apply", str(tmp_path / "gateway.yaml"))
        assert p.returncode == code, (p.stdout, p.stderr)
        return p

    def stage_of(path):
        r = requests.get(evoke_shared.url + path, headers={"Host": name}, timeout=60)
        return r.json().split()[0] if r.status_code == 200 else r.status_code

    try:
        apply(name)
        assert [stage_of(p) for p in ("/x", "/release/x", "/test/x")] == [404, "release", "test"]
        mapped = "{name: %s, paths: {/: release, /try: test}}" % name
        assert apply(mapped).stdout == f"changed domain mapped/{name}\n"
        assert "domain" not in apply(mapped).stdout  # it is so already
        told = [stage_of(p) for p in ("/x", "/try/x", "/try", "/tryx", "/release/x", "/TRY/x")]
        assert told == ["release", "test", 404, 404, 404, 404], told
        apply("{name: %s, paths: {/a/b: test, /a: release}}" % name)
        told = [stage_of(p) for p in ("/a/x", "/a/b/x", "/x", "/try/x")]
        assert told == ["release", "test", 404, 404], told
        group = json.loads(evoke_shared.run("gateway", "list", "group", "--output", "json").stdout)[0]["id"]
        r = requests.get(f"{evoke_shared.url}/apigw/{group}/test/x", timeout=60)
        assert r.status_code == 200 and r.json().startswith("test")  # by path it is as ever
        for wrong in ("{name: n.example.com, paths: {/x/: release}}", "{name: n.example.com, paths: {/: RELEASE}}", "{name: n.example.com, path: 1}",
                      "{name: n.example.com, paths: {/a: release, /b: release, /c: release, /d: release}}"):
            assert evoke_shared.run("gateway", "list", "domain").returncode == 0 and apply(wrong, 2).stderr
        r = client.call("POST", "/evoke/v1/gateway/domain", {
            "dialect": "functiongraph", "account": ACCOUNT, "region": "local-1", "parent": group,
            "body": {"url_domain": "n.example.com", "path_mappings": [{"path": "/", "environment": "release"}]}})
        assert r.status_code == 400 and "only domains of scf" in r.text, r.text
        apply(name)
        assert [stage_of(p) for p in ("/x", "/release/x")] == [404, "release"]
    finally:
        (tmp_path / "gateway.yaml").write_text(MAPPED % (ACCOUNT, ""))
        evoke_shared.run("gateway", "apply", str(tmp_path / "gateway.yaml"))
        for group in json.loads(evoke_shared.run("gateway", "list", "group", "--output", "json").stdout):
            evoke_shared.run("gateway", "delete", "group", group["id"])
        client.call("DELETE", path)
