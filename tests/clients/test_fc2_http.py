# SPDX-License-Identifier: Apache-2.0
"""Function Compute's HTTP triggers and custom domains through its own Node SDK, @alicloud/fc2, unmodified; and
what a browser or curl sends, by hand.
"""
import base64
import hashlib
import hmac
import http.client
import json
import pathlib
import time
import urllib.parse
from email.utils import formatdate

import pytest
import requests

from evoked import deadline
from signing import Client
from test_fc2 import ACCOUNT, UUID, function, signed, steps, zip_of

MB = 1 << 20

WSGI = r'''
import json

def handler(environ, start_response):
    path = environ["PATH_INFO"]
    body = environ["wsgi.input"].read()
    query = environ["QUERY_STRING"]
    print("log of", path)
    if path == "/binary":
        start_response("200 OK", [("Content-Type", "image/png")])
        return [bytes(range(256))]
    if path == "/echo":
        start_response("201 Created", [("Content-Type", environ["CONTENT_TYPE"])])
        return [body]
    if path == "/cookies":
        start_response("302 Found", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/"), ("Location", "/next")])
        return []
    if path == "/headers":
        n = int(query)
        start_response("200 OK", [("A", "x" * n)])
        return []
    if path == "/large":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x" * int(query)]
    if path == "/reserved":
        start_response("200 OK", [(name, "mine") for name in (
            "X-Fc-Request-Id", "X-Fc-Mine", "Connection", "Content-Length", "Content-Encoding", "Date", "Keep-Alive",
            "Proxy-Authenticate", "Server", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Disposition",
            "X-Kept")])
        return [b"ok"]
    if path == "/split":
        start_response("200 OK", [("X-A", "a\r\nSet-Cookie: stolen=1")])
        return []
    if path == "/status":
        start_response(query + " Odd", [])
        return [b"body"]
    if path == "/fail":
        raise ValueError("told to fail, with a secret")
    if path == "/event":
        return "no WSGI at all"
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({k: v for k, v in environ.items() if isinstance(v, str)}).encode()]
'''

NODE = r'''
exports.handler = (req, resp, context) => {
  const all = [];
  if (req.path === '/throw')
    throw new Error('told to fail');
  req.on('data', part => all.push(part));
  req.on('end', () => {
    if (req.path === '/async x' && (req.queries.a !== '1' || req.headers['x-a'] !== '"1"' || req.method !== 'POST' ||
        Buffer.concat(all).toString('latin1') !== '\x00\nbody'))
      throw new Error('not what was sent');
    resp.setStatusCode(req.path === '/teapot' ? 418 : 200);
    resp.setHeader('Content-Type', 'application/json');
    resp.setHeader('Set-Cookie', ['a=1', 'b=2']);
    resp.send(JSON.stringify({
      method: req.method, path: req.path, url: req.url, queries: req.queries, headers: req.headers,
      clientIP: req.clientIP, body: Buffer.concat(all).toString('base64'), id: context.requestId }));
  });
};
'''

EVENT = "def handler(event, context):\n    return 'an event handler'\n"
BODY = {"pass": "me"}


def proxy(e, path, service="web", name="fn"):
    return f"{e.url}/2016-08-15/proxy/{service}/{name}{path}"


def code(text, name="index.py"):
    return {"code": {"zipFile": base64.b64encode(zip_of(text, name)).decode()}}


def http_trigger(name="h", auth="anonymous", methods=("GET", "POST", "HEAD"), **more):
    return {"triggerName": name, "triggerType": "http",
            "triggerConfig": {"authType": auth, "methods": list(methods), **more}}


@pytest.fixture(scope="module")
def services(_module_daemon):
    """Service web: fn (WSGI), node, event (no HTTP handler), signed (function), each with its trigger."""
    e = _module_daemon
    made = steps(
        e, ["createService", "web", {}],
        ["createFunction", "web", function(**code(WSGI))],
        ["createFunction", "web", function(functionName="node", runtime="nodejs16", **code(NODE, "index.js"))],
        ["createFunction", "web", function(functionName="event", **code(EVENT))],
        ["createFunction", "web", function(functionName="signed", **code(WSGI))],
        ["createTrigger", "web", "fn", http_trigger()],
        ["createTrigger", "web", "node", http_trigger(methods=["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])],
        ["createTrigger", "web", "event", http_trigger()],
        ["createTrigger", "web", "signed", http_trigger(auth="function")])
    assert not [m for m in made if "error" in m], made
    yield
    names = ["fn", "node", "event", "signed"]
    gone = steps(e, *[["deleteTrigger", "web", name, "h"] for name in names],
                 *[["deleteFunction", "web", name] for name in names], ["deleteService", "web"])
    assert not [g for g in gone if "error" in g], gone


@pytest.fixture
def web(services, evoke_shared):  # pylint: disable=unused-argument
    return evoke_shared


# --- triggers ---


def test_a_trigger_is_made_shown_changed_and_deleted(web):
    config = {"authType": "anonymous", "methods": ["GET"]}
    made, got, listed, twice, second, changed, full, gone, missing = steps(
        web, ["createFunction", "web", function(functionName="t", **code(WSGI))],
        ["createTrigger", "web", "t", http_trigger("one", methods=["GET"], disableURLInternet=False)],
        ["listTriggers", "web", "t", {"limit": 10}],
        ["createTrigger", "web", "t", http_trigger("one")],
        ["createTrigger", "web", "t", http_trigger("two")],
        ["updateTrigger", "web", "t", "one", {"triggerConfig": {"authType": "function"}, "description": "new"}],
        ["deleteFunction", "web", "t"],
        ["deleteTrigger", "web", "t", "one"],
        ["getTrigger", "web", "t", "one"])
    data = got["data"]
    assert data["triggerName"] == "one" and data["triggerType"] == "http" and data["qualifier"] == "LATEST"
    assert data["triggerConfig"] == {**config, "disableURLInternet": False}
    assert data["sourceArn"] is None and UUID.match(data["triggerId"]) and got["headers"]["etag"]
    assert data["urlInternet"] == "http://127.0.0.1/2016-08-15/proxy/web/t/", "the Host that the SDK sends has no port"
    assert listed["data"] == {"triggers": [data], "nextToken": ""}
    assert twice["error"]["code"] == "TriggerAlreadyExists"
    assert second["error"]["code"] == "InvalidArgument" and "may have one" in second["error"]["message"]
    assert changed["data"]["triggerConfig"] == {**config, "authType": "function", "disableURLInternet": False}
    assert changed["data"]["description"] == "new" and changed["data"]["triggerId"] == data["triggerId"]
    assert full["error"]["code"] == "FunctionNotEmpty"
    assert gone["data"] == "" and missing["error"]["code"] == "TriggerNotFound"
    assert "data" in made
    steps(web, ["deleteFunction", "web", "t"])


@pytest.mark.parametrize("trigger, says", [
    ({"triggerType": "http"}, "triggerName"),
    ({"triggerName": "x"}, "triggerType is required"),
    ({"triggerName": "x", "triggerType": "oss", "triggerConfig": {}}, "sourceArn"),
    ({"triggerName": "x", "triggerType": "nonsense", "triggerConfig": {}}, "triggerType is set to an invalid value"),
    ({"triggerName": "x", "triggerType": "http"}, "triggerConfig must be set"),
    ({"triggerName": "x", "triggerType": "http", "triggerConfig": 7}, "triggerConfig must be a JSON object"),
    ({"triggerName": "x", "triggerType": "http", "triggerConfig": "{"}, "triggerConfig must be a JSON object"),
    ({"triggerName": "x", "triggerType": "http", "triggerConfig": {"authType": "anonymous"}}, "methods must be set"),
    ({"triggerName": "x", "triggerType": "http", "triggerConfig": {"authType": "none", "methods": ["GET"]}}, "'auth'"),
    ({"triggerName": "x", "triggerType": "http", "triggerConfig": {"authType": "anonymous", "methods": ["BREW"]}}, "BREW"),
    ({"triggerName": "x", "triggerType": "http", "triggerConfig": {"authType": "anonymous", "methods": []}}, "methods"),
    ({**http_trigger("x"), "description": "d" * 257}, "description"),
])
def test_bad_triggers_are_refused(web, trigger, says):
    r = signed(web, "POST", "/2016-08-15/services/web/functions/event/triggers", body=json.dumps(trigger).encode())
    assert r.status_code == 400 and r.json()["ErrorCode"] == "InvalidArgument"
    assert says in r.json()["ErrorMessage"]


def test_a_trigger_may_be_written_as_later_versions_write_it(web):
    steps(web, ["createFunction", "web", function(functionName="t2", **code(WSGI))])
    body = {"TriggerName": "h", "triggerType": "http",
            "triggerConfig": json.dumps({"AuthType": "anonymous", "Methods": ["GET"]})}
    r = signed(web, "POST", "/2016-08-15/services/web/functions/t2/triggers", body=json.dumps(body).encode())
    assert r.status_code == 200 and r.json()["triggerConfig"]["methods"] == ["GET"]
    steps(web, ["deleteTrigger", "web", "t2", "h"], ["deleteFunction", "web", "t2"])


def test_a_function_with_an_http_trigger_is_not_invoked(web):
    refused, = steps(web, ["invokeFunction", "web", "fn", "{}"])
    assert refused["error"]["code"] == "InvalidArgument"
    assert "Function with http trigger(name: h) can only be invoked with http trigger URL." in refused["error"]["message"]


# --- calls ---


def test_wsgi_end_to_end(web):
    r = requests.post(proxy(web, "/a%20b/c?x=1&y=%20"), data=b"\x00\xffbody", timeout=30, headers={
        "Content-Type": "text/x", "X-A": "1", "Accept-Encoding": "gzip", "X-Fc-Mine": "no", "TE": "trailers",
        "Cookie": "c=1"})
    assert r.status_code == 200 and r.headers["Content-Type"] == "application/json"
    seen = r.json()
    assert seen["REQUEST_METHOD"] == "POST" and seen["PATH_INFO"] == "/a b/c" and seen["QUERY_STRING"] == "x=1&y=%20"
    assert seen["fc.request_uri"] == "/2016-08-15/proxy/web/fn/a%20b/c?x=1&y=%20"
    assert seen["CONTENT_TYPE"] == "text/x" and seen["CONTENT_LENGTH"] == "6" and seen["HTTP_X_A"] == "1"
    assert seen["REMOTE_ADDR"] == "127.0.0.1" and seen["SERVER_NAME"] == "FCRUNTIME" and seen["HTTP_COOKIE"] == "c=1"
    assert seen["FC_FUNCTION_NAME"] == "fn" and seen["GREETING"] == "hello"
    for name in ("HTTP_ACCEPT_ENCODING", "HTTP_X_FC_MINE", "HTTP_TE", "HTTP_CONNECTION"):
        assert name not in seen
    h = r.headers
    assert UUID.match(h["X-Fc-Request-Id"]) and float(h["X-Fc-Invocation-Duration"]) > 0 and h["X-Fc-Instance-Id"]
    assert h["X-Fc-Code-Checksum"].isdigit() and h["X-Fc-Invocation-Service-Version"] == "LATEST"
    assert "X-Fc-Error-Type" not in h and "X-Fc-Log-Result" not in h
    assert h["Content-Disposition"] == "attachment" and h["Content-Security-Policy"] == "sandbox"


def test_node_end_to_end(web):
    r = requests.put(proxy(web, "/p%2Fq?x=1&x=2&y", name="node"), data=b"\x00\xff", timeout=30, headers={"X-Mixed": "A"})
    assert r.status_code == 200
    seen = r.json()
    assert (seen["method"], seen["path"], seen["url"]) == ("PUT", "/p/q", "/2016-08-15/proxy/web/node/p%2Fq?x=1&x=2&y")
    assert seen["queries"] == {"x": ["1", "2"], "y": ""} and seen["headers"]["x-mixed"] == "A"
    assert base64.b64decode(seen["body"]) == b"\x00\xff" and seen["clientIP"] == "127.0.0.1"
    assert seen["id"] == r.headers["X-Fc-Request-Id"]
    assert r.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert requests.get(proxy(web, "/teapot", name="node"), timeout=30).status_code == 418


def test_binary_cookies_redirects_and_bodies(web):
    r = requests.get(proxy(web, "/binary"), timeout=30)
    assert r.content == bytes(range(256)) and r.headers["Content-Type"] == "image/png"
    r = requests.post(proxy(web, "/echo"), data=bytes(range(256)) * 100, headers={"Content-Type": "a/b"}, timeout=30)
    assert r.status_code == 201 and r.content == bytes(range(256)) * 100 and r.headers["Content-Type"] == "a/b"
    r = requests.get(proxy(web, "/cookies"), timeout=30, allow_redirects=False)
    assert r.status_code == 302 and r.headers["Location"] == "/next"
    assert r.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2; Path=/"]
    r = requests.head(proxy(web, "/binary"), timeout=30)
    assert r.status_code == 200 and r.content == b"" and r.headers["Content-Length"] == "256"
    r = requests.get(proxy(web, "/status?204"), timeout=30)
    assert r.status_code == 204 and r.content == b""
    assert requests.get(proxy(web, "/status?503"), timeout=30).status_code == 503
    assert "X-Fc-Error-Type" not in requests.get(proxy(web, "/status?503"), timeout=30).headers


def test_without_a_path_it_is_the_root(web):
    assert requests.get(proxy(web, ""), timeout=30).json()["PATH_INFO"] == "/"
    assert requests.get(proxy(web, "?a=1"), timeout=30).json()["QUERY_STRING"] == "a=1"
    assert requests.get(proxy(web, "/", service="web.LATEST"), timeout=30).status_code == 200


def test_reserved_headers_of_the_answer_are_ours(web):
    h = requests.get(proxy(web, "/reserved"), timeout=30).headers
    assert h["X-Kept"] == "mine" and [name for name, value in h.items() if value == "mine"] == ["X-Kept"]
    assert h["Content-Disposition"] == "attachment"


def fault(r, status, code, kind, says=""):
    assert (r.status_code, r.json()["ErrorCode"], r.headers["X-Fc-Error-Type"]) == (status, code, kind), r.text
    assert UUID.match(r.headers["X-Fc-Request-Id"]) and says in r.json()["ErrorMessage"]


def test_faults_of_the_function(web):
    for path, name in (("/fail", "fn"), ("/event", "fn"), ("/throw", "node"), ("/", "event")):
        r = requests.get(proxy(web, path, name=name), timeout=30)
        fault(r, 502, "BadResponse", "UnhandledInvocationError")
        assert "secret" not in r.text, "what the function threw is for its log"
    fault(requests.get(proxy(web, "/split"), timeout=30), 502, "BadResponse", "UnhandledInvocationError", "line end")
    fault(requests.get(proxy(web, "/status?199"), timeout=30), 502, "BadResponse", "UnhandledInvocationError", "status")


def test_faults_of_the_request(web):
    fault(requests.delete(proxy(web, "/"), timeout=30), 403, "AccessDenied", "FcCommonError", "DELETE")
    r = requests.get(proxy(web, "/", name="nosuch"), timeout=30)
    fault(r, 404, "FunctionNotFound", "FcCommonError", "function 'nosuch' does not exist in service 'web'")
    fault(requests.get(proxy(web, "/", service="web.prod"), timeout=30), 404, "TriggerNotFound", "FcCommonError")
    fault(requests.get(proxy(web, "/", service="nosuch"), timeout=30), 404, "ServiceNotFound", "FcCommonError", "service 'nosuch' does not exist")
    r = requests.get(proxy(web, "/"), headers={"X-Fc-Account-Id": "nobody"}, timeout=30)
    fault(r, 404, "ServiceNotFound", "FcCommonError", "service 'web' does not exist")
    for path in ("", "web", "web/", ".", "./", "/fn", "web./nosuch", "." * 600 + "/fn", "web/" + "f" * 600, "web%2Ffn/"):
        assert raw(web, "GET", "/2016-08-15/proxy/" + path)[0] == 404
    for path in ("/%zz", "/%00", "/%2e%2e/x", "/a/%2e/b", "/a%2f..%2fb", "/%ff", "/%c0%ae%c0%ae/x", "/%ed%a0%80"):
        assert raw(web, "GET", "/2016-08-15/proxy/web/fn" + path)[0] == 400
    r = requests.get(proxy(web, "/"), headers={"X-Fc-Invocation-Type": "Sometimes"}, timeout=30)
    fault(r, 400, "InvalidArgument", "FcCommonError", "InvocationType")


def test_asynchronous_calls_are_accepted_and_run(web):
    call = {"X-Fc-Invocation-Type": "Async", "X-A": "\"1\""}
    r = requests.post(proxy(web, "/async%20x?a=1", name="node"), headers=call, data=b"\x00\nbody", timeout=30)
    assert r.status_code == 202 and r.content == b"" and "Content-Type" not in r.headers
    shown = event(web, r.headers["X-Fc-Request-Id"])
    assert shown["state"] == "done", shown
    r = requests.post(proxy(web, "/large", name="node"), headers=call, data=b"x" * (128 << 10), timeout=30)
    fault(r, 400, "InvalidArgument", "FcCommonError", "asynchronous")


def event(e, request_id):
    """Awaits the end of an event."""
    for _ in deadline(30):
        p = e.run("get", "invocation", request_id, "--output", "json")
        assert p.returncode == 0, p.stderr
        shown = json.loads(p.stdout)
        if shown["state"] not in ("waiting", "running"):
            return shown
    raise AssertionError(shown)


def raw(e, method, target, headers=(), body=None):
    """(status, headers, body) of exactly this request."""
    host, port = e.url.split("//")[1].split(":")
    conn = http.client.HTTPConnection(host, int(port), timeout=30)
    conn.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers or [("Host", f"{host}:{port}")]:
        conn.putheader(name, value)
    conn.endheaders(body)
    r = conn.getresponse()
    answer = r.status, r.headers, r.read()
    conn.close()
    return answer


def test_limits_of_the_request(web):
    base = "/2016-08-15/proxy/web/fn/echo?"
    for over in (0, 1):
        status, _, _ = raw(web, "GET", base + "x" * (4096 - len(base) + over))
        assert status == (400 if over else 201)
        host = ("Host", web.url.split("//")[1])
        used = sum(map(len, host)) + len("X-A")
        status, _, _ = raw(web, "GET", base, [host, ("X-A", "x" * (4096 - used + over))])
        assert status == (400 if over else 201)
    r = requests.post(proxy(web, "/echo"), data=b"x" * (6 * MB), timeout=60)
    assert r.status_code == 201 and len(r.content) == 6 * MB
    # Refused when it is announced: nobody has to send it.
    status, headers, body = raw(web, "POST", base, [host, ("Content-Length", str(6 * MB + 1))])
    assert status == 400 and json.loads(body)["ErrorCode"] == "InvalidArgument"
    assert headers["X-Fc-Error-Type"] == "FcCommonError" and UUID.match(headers["X-Fc-Request-Id"])
    assert str(6 * MB) in json.loads(body)["ErrorMessage"]


def test_limits_of_the_answer(web):
    for over in (0, 1):
        n = 4096 - 1 + over
        r = requests.get(proxy(web, f"/headers?{n}"), timeout=30)
        if over:
            fault(r, 502, "BadResponse", "UnhandledInvocationError", "headers")
        else:
            assert len(r.headers["A"]) == n
        r = requests.get(proxy(web, f"/large?{6 * MB + over}"), timeout=60)
        if over:
            fault(r, 502, "BadResponse", "UnhandledInvocationError")
        else:
            assert len(r.content) == 6 * MB


def test_cors(web):
    origin = {"Origin": "http://page.example"}
    r = requests.get(proxy(web, "/"), headers=origin, timeout=30)
    assert r.headers["Access-Control-Allow-Origin"] == "http://page.example"
    assert "X-Fc-Request-Id" in r.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in requests.get(proxy(web, "/"), timeout=30).headers
    ask = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-A"}
    r = requests.options(proxy(web, "/"), headers=ask, timeout=30)
    assert r.status_code == 200 and r.content == b"" and r.headers["Access-Control-Max-Age"] == "3600"
    assert r.headers["Access-Control-Allow-Methods"] == "POST" and r.headers["Access-Control-Allow-Headers"] == "X-A"
    assert "X-Fc-Instance-Id" not in r.headers, "the function was not asked"
    assert requests.options(proxy(web, "/"), timeout=30).status_code == 403
    r = requests.options(proxy(web, "/", name="node"), headers=ask, timeout=30)
    assert r.json()["method"] == "OPTIONS", "a trigger that lists OPTIONS gets them"


# --- signatures ---


def test_the_sdk_signs_path_and_query(web):
    got, posted, bad = steps(
        web,
        ["get", "/proxy/web/signed/a b", {"b": "2", "a": ["1", "3"], "k y": "v \u00e9"}],
        ["post", "/proxy/web/signed/echo", "hello", {"foo": "bar"}, {"q": "1"}],
        ["get", "/proxy/web/nosuch/"])
    assert got["data"]["PATH_INFO"] == "/a b" and got["data"]["REQUEST_METHOD"] == "GET"
    assert urllib.parse.parse_qs(got["data"]["QUERY_STRING"]) == {"b": ["2"], "a": ["1", "3"], "k y": ["v \u00e9"]}
    assert posted["data"] == "hello" and posted["headers"]["content-type"] == "application/octet-stream"
    assert bad["error"]["code"] == "FunctionNotFound"


def test_wrong_signatures(web):
    wrong, = steps(web, ["get", "/proxy/web/signed/"], secret_key="wrong")
    assert wrong["error"]["code"] == "SignatureNotMatch"
    unknown, = steps(web, ["get", "/proxy/web/signed/"], access_key="nobody")
    assert unknown["error"]["code"] == "InvalidAccessKeyID" and "'nobody'" in unknown["error"]["message"]
    url = proxy(web, "/", name="signed")
    fault(requests.get(url, timeout=30), 400, "MissingRequiredHeader", "FcCommonError", "Authorization")
    r = requests.get(url, headers={"Authorization": "FC a:" + "A" * 43 + "="}, timeout=30)
    fault(r, 400, "MissingRequiredHeader", "FcCommonError", "Date")


def authorization(e, path, query="", date=None, more=""):
    date = date or formatdate(usegmt=True)
    text = f"GET\n\n\n{date}\n{more}{path}\n{query}"
    mac = hmac.new(e.secret_key.encode(), text.encode(), hashlib.sha256).digest()
    return {"Date": date, "Authorization": f"FC {e.access_key}:{base64.b64encode(mac).decode()}"}


@pytest.mark.parametrize("seconds, status", [(-14 * 60, 200), (14 * 60, 200), (-16 * 60, 403), (16 * 60, 403)])
def test_the_clock_may_be_a_quarter_of_an_hour_off(web, seconds, status):
    path = "/2016-08-15/proxy/web/signed/"
    headers = authorization(web, path, date=formatdate(time.time() + seconds, usegmt=True))
    assert requests.get(web.url + path, headers=headers, timeout=30).status_code == status


def test_what_was_signed_is_what_counts(web):
    path = "/2016-08-15/proxy/web/signed/"
    assert requests.get(web.url + path + "?a=1", headers=authorization(web, path, "a=1"), timeout=30).status_code == 200
    for target in (path + "?a=2", path + "?a=1&b=1", path, path + "x?a=1"):
        r = requests.get(web.url + target, headers=authorization(web, path, "a=1"), timeout=30)
        fault(r, 403, "SignatureNotMatch", "FcCommonError")


def test_the_log_is_for_who_signs(web):
    path = "/2016-08-15/proxy/web/signed/"
    headers = {**authorization(web, path, more="x-fc-log-type:Tail\n"), "X-Fc-Log-Type": "Tail"}
    r = requests.get(web.url + path, headers=headers, timeout=30)
    assert "log of /" in base64.b64decode(r.headers["X-Fc-Log-Result"]).decode()
    assert "X-Fc-Log-Result" not in requests.get(proxy(web, "/"), headers={"X-Fc-Log-Type": "Tail"}, timeout=30).headers


def signed_url(e, path, expires, query=()):
    pairs = [*query, ("x-fc-access-key-id", e.access_key), ("x-fc-expires", str(expires))]
    lines = "\n".join(sorted(f"{k}={v}" for k, v in pairs))
    text = f"GET\n\n\n{expires}\n{path}\n{lines}"
    mac = base64.b64encode(hmac.new(e.secret_key.encode(), text.encode(), hashlib.sha256).digest()).decode()
    return e.url + path + "?" + urllib.parse.urlencode([*pairs, ("x-fc-signature", mac)])


def test_only_keys_that_may_invoke_for_the_account(web):
    def new(name, scope, **more):
        r = Client(web).call("POST", "/evoke/v1/keys", {"name": name, "scope": [scope], **more})
        assert r.status_code == 201, r.text
        return r.json()

    for name, scope, more, refused in (("fc_caller", "invoke", {"account": ACCOUNT}, None), ("fc_reader", "read", {}, "AccessDenied"),
                                       ("fc_stranger", "invoke", {"account": "other"}, "AccessDenied"),
                                       ("fc_cloud", "invoke", {"account": ACCOUNT, "dialect": "scf"}, "AccessDenied")):
        key = new(name, scope, **more)
        answer, = steps(web, ["get", "/proxy/web/signed/"], access_key=key["access_key"], secret_key=key["secret_key"])
        assert answer.get("error", {}).get("code") == refused, (name, answer)
        Client(web).call("DELETE", "/evoke/v1/keys/" + key["access_key"])


def test_a_role_is_good_for_its_own_account(web):
    source = ("def handler(event, context):\n    c = context.credentials\n"
              "    return '\\n'.join([c.access_key_id, c.access_key_secret, c.security_token])\n")
    for account, refused in ((ACCOUNT, None), ("1234567", "AccessDenied")):
        def call(method, path, body=None):
            r = signed(web, method, "/2016-08-15/services" + path, body=json.dumps(body).encode() if body else b"", account=account)
            assert r.status_code < 300, r.text
            return r.text

        call("POST", "", {"serviceName": "roles", "role": f"acs:ram::{account}:role/any"})
        call("POST", "/roles/functions", function(functionName="who", **code(source)))
        key, secret, token = call("POST", "/roles/functions/who/invocations").split("\n")
        answer, = steps(web, ["get", "/proxy/web/signed/"], access_key=key, secret_key=secret, token=token)
        call("DELETE", "/roles/functions/who")
        call("DELETE", "/roles")
        assert answer.get("error", {}).get("code") == refused, answer


def test_signed_urls(web):
    path, soon = "/2016-08-15/proxy/web/signed/x", int(time.time()) + 600
    r = requests.get(signed_url(web, path, soon, [("a", "1 2")]), timeout=30)
    assert r.status_code == 200 and r.json()["PATH_INFO"] == "/x"
    fault(requests.get(signed_url(web, path, int(time.time()) - 60), timeout=30), 403, "AccessDenied", "FcCommonError")
    r = requests.get(signed_url(web, path, soon).replace(web.access_key, "nobody"), timeout=30)
    fault(r, 403, "InvalidAccessKeyID", "FcCommonError", "'nobody'")
    r = requests.get(signed_url(web, path, soon) + "&more=1", timeout=30)
    fault(r, 403, "SignatureNotMatch", "FcCommonError")
    r = requests.get(signed_url(web, path, soon).replace("/x?", "/y?"), timeout=30)
    fault(r, 403, "SignatureNotMatch", "FcCommonError")


# --- custom domains ---

DOMAIN = "shop.example.com"


def domain(*routes, name=DOMAIN, **more):
    return name, {"protocol": "HTTP", "routeConfig": {"routes": list(routes)}, **more}


def route(path, name="fn", **more):
    return {"path": path, "serviceName": "web", "functionName": name, **more}


@pytest.fixture
def shop(web):
    def make(*routes, name=DOMAIN):
        made.append(name)
        answer, = steps(web, ["createCustomDomain", *domain(*routes, name=name)])
        assert "data" in answer, answer
        return answer

    made = []
    yield make
    steps(web, *[["deleteCustomDomain", name] for name in made])


def visit(e, target, method="GET", host=DOMAIN, headers=(), body=None):
    return raw(e, method, target, [("Host", host), *headers], body)


def test_a_domain_is_made_shown_changed_and_deleted(web):
    first = route("/*", methods=["GET"])
    made, got, listed, twice, changed, same, gone, missing, nothing = steps(
        web, ["createCustomDomain", *domain(first)],
        ["getCustomDomain", DOMAIN],
        ["listCustomDomains", {"limit": 10, "prefix": "shop"}],
        ["createCustomDomain", *domain(first)],
        ["updateCustomDomain", DOMAIN, {"routeConfig": {"routes": [route("/new")]}}],
        ["updateCustomDomain", DOMAIN, {"protocol": "HTTP"}],
        ["deleteCustomDomain", DOMAIN],
        ["getCustomDomain", DOMAIN],
        ["listCustomDomains"])
    data = made["data"]
    assert data["domainName"] == DOMAIN and data["protocol"] == "HTTP" and data["accountId"] == ACCOUNT
    assert data["apiVersion"] == "2016-08-15"
    assert data["routeConfig"] == {"routes": [{**first, "qualifier": "LATEST"}]}
    assert got["data"] == data and got["headers"]["etag"]
    assert listed["data"] == {"customDomains": [data], "nextToken": ""}
    assert twice["error"]["code"] == "DomainNameAlreadyExists"
    assert [r["path"] for r in changed["data"]["routeConfig"]["routes"]] == ["/new"]
    assert same["data"]["routeConfig"] == changed["data"]["routeConfig"]
    assert gone["data"] == "" and missing["error"]["code"] == "DomainNameNotFound"
    assert nothing["data"] == {"customDomains": [], "nextToken": ""}


def test_lists_of_domains_have_pages(web, shop):
    names = [f"d{i}.example.com" for i in range(5)]
    for name in reversed(names):
        shop(route("/"), name=name)
    first, = steps(web, ["listCustomDomains", {"limit": 2}])
    assert [d["domainName"] for d in first["data"]["customDomains"]] == names[:2]
    rest, = steps(web, ["listCustomDomains", {"nextToken": first["data"]["nextToken"], "limit": 3}])
    assert [d["domainName"] for d in rest["data"]["customDomains"]] == names[2:] and rest["data"]["nextToken"] == ""


@pytest.mark.parametrize("name", [
    "localhost", "console.localhost", "x.localhost", "abc.apigw.localhost", "apigw.localhost", "127.0.0.1", "single",
    "a..b", "-a.b", "a.b/", "a_b.c", "x" * 64 + ".com", ("x" * 60 + ".") * 5 + "com", "", "Console.LOCALHOST"])
def test_names_that_may_not_be_had(web, name):
    refused, = steps(web, ["createCustomDomain", *domain(route("/"), name=name)])
    assert refused["error"]["code"] == "InvalidArgument"


@pytest.mark.parametrize("more, says", [
    ({"protocol": "HTTPS"}, "TLS"),
    ({"protocol": "HTTP,HTTPS"}, "TLS"),
    ({"certConfig": {"certName": "c", "certificate": "x", "privateKey": "y"}}, "TLS"),
    ({"routeConfig": {}}, "routes"),
    ({"routeConfig": {"routes": 7}}, "routes"),
    ({"routeConfig": {"routes": ["/"]}}, "object"),
    ({"routeConfig": {"routes": [route("a")]}}, "begin with '/'"),
    ({"routeConfig": {"routes": [route("/a*b")]}}, "at its end only"),
    ({"routeConfig": {"routes": [route("/" + "a" * 512)]}}, "512"),
    ({"routeConfig": {"routes": [route("/", methods=["BREW"])]}}, "methods"),
    ({"routeConfig": {"routes": [route("/", methods="GET")]}}, "methods"),
    ({"routeConfig": {"routes": [{"path": "/", "serviceName": "web"}]}}, "functionName"),
    ({"routeConfig": {"routes": [route("/"), route("/")]}}, "same path"),
    ({"routeConfig": {"routes": [route("/", rewriteConfig={"regexRules": [{"match": "(", "replacement": "/"}]})]}},
     "no regular expression"),
    ({"routeConfig": {"routes": [route("/", rewriteConfig={"equalRules": [{"match": "/a", "replacement": "b"}]})]}},
     "does not begin"),
    ({"routeConfig": {"routes": [route("/", rewriteConfig={"equalRules": [{"match": "/a"}]})]}}, "replacement"),
])
def test_bad_domains_are_refused(web, more, says):
    refused, = steps(web, ["createCustomDomain", DOMAIN, {**domain(route("/"))[1], **more}])
    assert refused["error"]["code"] == "InvalidArgument" and says in refused["error"]["message"]


def test_a_page_behind_a_domain_is_a_page(web, shop):
    shop(route("/*"))
    status, headers, body = visit(web, "/a%20b?x=1", host=DOMAIN.upper() + ":8080", headers=[("Origin", "http://o")])
    assert status == 200 and json.loads(body)["PATH_INFO"] == "/a b" and json.loads(body)["fc.request_uri"] == "/a%20b?x=1"
    assert json.loads(body)["HTTP_HOST"] == DOMAIN.upper() + ":8080"
    for name in ("Content-Disposition", "Content-Security-Policy", "Access-Control-Allow-Origin"):
        assert name not in headers
    assert UUID.match(headers["X-Fc-Request-Id"])


def test_routes_exact_before_prefix_and_longer_before_shorter(web, shop):
    shop(route("/*", name="fn"), route("/n/*", name="node"), route("/n/exact", name="fn"), route("/post", methods=["POST"]))
    for path, name in (("/x", "fn"), ("/n/", "node"), ("/n/x/y", "node"), ("/n/exact", "fn"), ("/n/exact/", "node"),
                       ("/n", "fn"), ("/n%2Fx", "node")):
        body = json.loads(visit(web, path)[2])
        assert ("url" in body) == (name == "node"), path
    assert visit(web, "/post", "POST")[0] == 200
    assert visit(web, "/post")[0] == 200, "the other route takes it"
    for path in ("/n/../x", "/n/%2e%2e/x", "/%zz", "/n/%c0%ae%c0%ae/x"):
        assert visit(web, path)[0] == 400


def test_what_no_route_takes(web, shop):
    shop(route("/a"), route("/only", methods=["POST"]), route("/gone", name="nosuch"))
    for path, status, kind in (("/b", 404, "TriggerNotFound"), ("/only", 403, "AccessDenied"), ("/gone", 404, "FunctionNotFound")):
        got, headers, body = visit(web, path)
        assert (got, json.loads(body)["ErrorCode"], headers["X-Fc-Error-Type"]) == (status, kind, "FcCommonError")
    assert visit(web, "/a", "DELETE")[0] == 403, "the trigger's methods hold behind a domain, too"


def test_a_domain_that_is_gone_is_unknown(web, shop):
    shop(route("/*"))
    assert visit(web, "/")[0] == 200
    steps(web, ["deleteCustomDomain", DOMAIN])
    assert visit(web, "/")[0] in (404, 421)


def test_signatures_hold_behind_a_domain(web, shop):
    shop(route("/*", name="signed"))
    assert visit(web, "/x")[0] == 400
    ok = authorization(web, "/x y", "a=1")
    assert visit(web, "/x%20y?a=1", headers=ok.items())[0] == 200
    assert visit(web, "/x%20y?a=2", headers=ok.items())[0] == 403


# Wildcards: the table of help.aliyun.com/en/functioncompute/fc-2-0/user-guide/configure-rewrite-policies, read 2026-11-22.
@pytest.mark.parametrize("kind, match, replacement, asked, seen", [
    ("equal", "/old", "/new", "/old", "/new"),
    ("equal", "/old", "/new", "/test/old", "/test/old"),
    ("equal", "/old", "/new", "/old?a=1", "/new?a=1"),
    ("equal", "/old", "/new?b=2", "/old?a=1", "/new?b=2&a=1"),
    ("equal", "/old", "/$1", "/old", "/$1"),
    ("equal", "/serviceName.Qualifier", "/serviceA", "/serviceName.Qualifier", "/serviceA"),
    ("wildcard", "/old", "/new", "/old", "/new"),
    ("wildcard", "/old", "/new", "/test/old", "/new"),
    ("wildcard", "^/old", "/new", "/test/old", "/test/old"),
    ("wildcard", "^/old", "/new", "/old", "/new"),
    ("wildcard", "/api/*", "/$1", "/api/getFunctionName", "/getFunctionName"),
    ("wildcard", "/api/*", "/$1", "/api/getFunctionName&Version=1", "/getFunctionName&Version=1"),
    ("wildcard", "/css/*", "/public/static/css/$1", "/css/style.css", "/public/static/css/style.css"),
    ("wildcard", "/ServiceName/*/FunctionName/*/Qualifier/*", "/$1.$3/$2",
     "/ServiceName/svc-a/FunctionName/func-a/Qualifier/1", "/svc-a.1/func-a"),
    ("wildcard", "/a.b", "/new", "/axb", "/axb"),
    ("regex", "^/v([0-9]+)/(.*)$", "/$2?v=$1", "/v2/x/y?q=1", "/x/y?v=2&q=1"),
    ("regex", "^/v([0-9]+)/(.*)$", "/$2", "/vx/y", "/vx/y"),
    ("regex", "^/(a+)+$", "/slow", "/" + "a" * 200 + "b", "/" + "a" * 200 + "b"),
])
def test_rewriting(web, shop, kind, match, replacement, asked, seen):
    shop(route("/*", rewriteConfig={kind + "Rules": [{"match": match, "replacement": replacement}]}))
    body = json.loads(visit(web, asked)[2])
    assert body["fc.request_uri"] == seen
    assert body["PATH_INFO"] == urllib.parse.unquote(seen.partition("?")[0])


def test_the_first_rule_that_matches_counts(web, shop):
    rules = {"regexRules": [{"match": "^/a", "replacement": "/regex"}],
             "wildcardRules": [{"match": "/a", "replacement": "/wild1"}, {"match": "/a", "replacement": "/wild2"}],
             "equalRules": [{"match": "/a", "replacement": "/equal"}]}
    shop(route("/*", rewriteConfig=rules))
    assert json.loads(visit(web, "/a")[2])["PATH_INFO"] == "/equal"
    assert json.loads(visit(web, "/ab")[2])["PATH_INFO"] == "/wild1"


def test_domains_and_triggers_are_there_after_a_restart(evoke_factory):
    e = evoke_factory()
    made = steps(e, ["createService", "web", {}], ["createFunction", "web", function(**code(WSGI))],
                 ["createCustomDomain", *domain(route("/*"))], ["createTrigger", "web", "fn", http_trigger()])
    assert not [m for m in made if "error" in m], made
    assert visit(e, "/x")[0] == 200
    e.stop()
    e.start()
    assert visit(e, "/x")[0] == 200 and requests.get(proxy(e, "/x"), timeout=30).status_code == 200
