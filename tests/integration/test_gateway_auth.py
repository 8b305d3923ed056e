# SPDX-License-Identifier: Apache-2.0
"""Who may call, and how often: apps with their signatures, codes and passwords, keys of the installation, key pairs of SCF, limits.
One daemon whose clock the test moves; backends are mocks. What one step alone decides is tried in tests/unit/gateway/."""
import base64
import datetime
import hashlib
import hmac
import http.client
import itertools
import json
import os
import tempfile
from email.utils import formatdate

import pytest
import requests

from clock import Clock
from evoked import Evoked
from gateway import group_id
from signing import PROJECT, Client, authorization, stamp

OTHER = "fedcba9876543210fedcba9876543210"
RELEASE = "DEFAULT_ENVIRONMENT_RELEASE_ID"
WHERE = {"dialect": "functiongraph", "account": PROJECT, "region": "local-1"}
HEADER = {"app_code_auth_type": "HEADER"}
MINUTE = 60_000


class World:
    def __init__(self, evoke, clock):
        self.evoke, self.clock, self.client = evoke, clock, Client(evoke)
        self.numbers = itertools.count()
        self.group = self.make("group", {"name": "shop"})

    def admin(self, method, path, body=b"", expect=(200, 201)):
        r = self.client.call(method, "/evoke/v1/" + path, body)
        assert r.status_code in expect, (path, r.status_code, r.text)
        return r.json() if r.content else None

    def make(self, kind, body, parent=None, where=WHERE):
        return self.admin("POST", f"gateway/{kind}", {**where, **({"parent": parent} if parent else {}), "body": body})["id"]

    def api(self, auth="APP", limits=None, env=None, **fields):
        """A published API of its own: its path, and its id."""
        name = f"api{next(self.numbers)}"
        ident = self.make("api", {"group_id": self.group, "name": name, "type": 1, "req_protocol": "BOTH", "req_method": "ANY",
                                  "req_uri": "/" + name, "auth_type": auth, "backend_type": "MOCK", "mock_info": {"result_content": "in"},
                                  **fields})
        if limits:
            self.bind(self.throttle(**limits), ident)
        self.admin("POST", f"gateway/api/{ident}/publish", {"env": env} if env else {})
        return name, ident

    def throttle(self, unit="MINUTE", interval=1, kind=1, **limits):
        return self.make("throttle", {"name": f"limit{next(self.numbers)}", "time_interval": interval, "time_unit": unit, "type": kind, **limits})

    def bind(self, throttle, api, env=RELEASE):
        return self.make("throttle_bind", {"api_id": api, "env_id": env}, throttle)

    def app(self, *apis, env=RELEASE, where=WHERE):
        n = next(self.numbers)
        app = {"app_key": f"key-of-app-{n}", "app_secret": f"secret-of-app-{n}"}
        app["id"] = self.make("app", {"name": f"app{n}", **app}, where=where)
        for api in apis:
            self.make("app_auth", {"api_id": api, "env_id": env}, app["id"], where)
        return app

    def get(self, name, method="GET", body=b"", **headers):
        return requests.request(method, f"{self.evoke.url}/apigw/{self.group}/{name}", data=body, timeout=60,
                                headers={k.replace("_", "-"): v for k, v in headers.items()})

    def signed(self, name, key, secret, method="GET", body=b"", sent=None, date=None, query="", **more):
        path = f"/apigw/{self.group}/{name}"
        headers = {"host": f"127.0.0.1:{self.evoke.port}", "x-sdk-date": date or stamp(), **more}
        headers["Authorization"] = authorization(method, path, query, headers, body, key, secret)
        return requests.request(method, self.evoke.url + path + ("?" + query if query else ""), headers=headers, timeout=60,
                                data=body if sent is None else sent)


@pytest.fixture(scope="module")
def world():
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)  # the daemon is nobody
        clock = Clock(os.path.join(path, "clock"))
        clock.scale(0)
        e = Evoked(clock=clock).start()
        try:
            yield World(e, clock)
        finally:
            e.end()


def ok(r):
    assert (r.status_code, r.text) == (200, "in"), (r.status_code, r.text)


def refused(r, status, code, text=""):
    assert (r.status_code, r.json()["error_code"]) == (status, code), (r.status_code, r.text)
    assert text in r.json()["error_msg"], r.text


def off(minutes, seconds=0):
    return stamp(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes, seconds=seconds))


# ---- apps ----

def test_an_app_signs_like_the_sdk(world):
    name, api = world.api()
    app = world.app(api)
    key, secret = app["app_key"], app["app_secret"]
    ok(world.signed(name, key, secret))
    ok(world.signed(name, key, secret, "POST", b'{"a":1}', query="b=2&a=1%20x", **{"content-type": "application/json"}))
    refused(world.signed(name, key, "another-secret"), 401, "APIG.0303", "Incorrect app authentication information: verify signature fail")
    refused(world.signed(name, key, secret, "POST", b"one", sent=b"two"), 401, "APIG.0303", "verify signature fail")
    refused(world.signed(name, "no-such-key", secret), 401, "APIG.0303", "app not found, appkey no-such-key")
    refused(world.get(name), 401, "APIG.0303")
    assert secret not in world.signed(name, key, "another-secret").text


def test_a_signature_is_good_for_fifteen_minutes(world):
    name, api = world.api()
    app = world.app(api)
    key, secret = app["app_key"], app["app_secret"]
    ok(world.signed(name, key, secret, date=off(-14, -30)))
    ok(world.signed(name, key, secret, date=off(14, 30)))
    for date in (off(-15, -2), off(15, 5)):
        refused(world.signed(name, key, secret, date=date), 401, "APIG.0303", f"signature expired, signature time:{date},server time:")


def test_an_app_calls_what_it_is_authorised_for_and_as_long(world):
    (mine, api), (other, _) = world.api(), world.api()
    app = world.app()
    key, secret = app["app_key"], app["app_secret"]
    refused(world.signed(mine, key, secret), 403, "APIG.0304")
    auth = world.make("app_auth", {"api_id": api, "env_id": RELEASE}, app["id"])
    ok(world.signed(mine, key, secret))
    refused(world.signed(other, key, secret), 403, "APIG.0304")
    world.admin("DELETE", f"gateway/app_auth/{auth}", expect=(200, 204))
    refused(world.signed(mine, key, secret), 403, "APIG.0304")
    world.admin("DELETE", f"gateway/app/{app['id']}", expect=(200, 204))
    refused(world.signed(mine, key, secret), 401, "APIG.0303", "app not found")


def test_an_authorisation_is_for_one_environment(world):
    env = world.make("env", {"name": "staging"})
    name, api = world.api()
    world.admin("POST", f"gateway/api/{api}/publish", {"env": env})
    app = world.app(api)
    key, secret = app["app_key"], app["app_secret"]
    ok(world.signed(name, key, secret))
    refused(world.signed(name, key, secret, **{"x-stage": "staging"}), 403, "APIG.0304")
    world.make("app_auth", {"api_id": api, "env_id": env}, app["id"])
    ok(world.signed(name, key, secret, **{"x-stage": "staging"}))


def test_a_new_secret_takes_the_place_of_the_old_one(world):
    name, api = world.api()
    app = world.app(api)
    ok(world.signed(name, app["app_key"], app["app_secret"]))
    body = world.admin("GET", f"gateway/app/{app['id']}")["body"]
    world.admin("PUT", f"gateway/app/{app['id']}", {"body": {**body, "app_secret": "a-fresh-secret"}})
    refused(world.signed(name, app["app_key"], app["app_secret"]), 401, "APIG.0303")
    ok(world.signed(name, app["app_key"], "a-fresh-secret"))


def test_simple_authentication_where_the_api_has_it(world):
    (simple, api), (strict, strict_api) = world.api(auth_opt=HEADER), world.api()
    app = world.app(api, strict_api)
    code = "c" * 64
    world.make("app_code", {"app_code": code}, app["id"])
    basic = "Basic " + base64.b64encode(f"{app['app_key']}:{app['app_secret']}".encode()).decode()
    ways = [{"X_Apig_AppCode": code}, {"X_HW_ID": app["app_key"], "X_HW_AppKey": app["app_secret"]}, {"Authorization": basic}]
    for headers in ways:
        ok(world.get(simple, **headers))
        refused(world.get(strict, **headers), 401, "APIG.0303")
    refused(world.get(simple, X_Apig_AppCode="d" * 64), 401, "APIG.0303", "appcode")
    refused(world.get(simple, X_HW_ID=app["app_key"], X_HW_AppKey="wrong-secret"), 401, "APIG.0303")
    refused(world.get(simple, Authorization="Basic " + base64.b64encode(b"who:what").decode()), 401, "APIG.0303", "app not found, appkey who")
    refused(world.get(simple, Authorization="Basic ***"), 401, "APIG.0303")
    ok(world.signed(simple, app["app_key"], app["app_secret"]))


# ---- keys of the installation ----

def new_key(world, name, *scope, **more):
    return world.admin("POST", "keys", {"name": name, "scope": list(scope), **more})


def test_iam_takes_keys_that_may_invoke_for_the_account(world):
    name, _ = world.api("IAM")
    ok(world.signed(name, world.client.access, world.client.secret))
    good = new_key(world, "caller", "invoke", account=PROJECT)
    ok(world.signed(name, good["access_key"], good["secret_key"]))
    for label, scope, more in (("reader", "read", {}), ("deployer", "deploy", {}), ("stranger", "invoke", {"account": OTHER}),
                               ("other_cloud", "invoke", {"dialect": "fc", "account": PROJECT})):
        key = new_key(world, label, scope, **more)
        refused(world.signed(name, key["access_key"], key["secret_key"]), 403, "APIG.0304")
    refused(world.signed(name, good["access_key"], "wrong"), 401, "APIG.0301", "Incorrect IAM authentication information: verify aksk signature fail")
    refused(world.signed(name, "AKNOBODY", "x"), 401, "APIG.0301", "verify aksk signature fail")
    refused(world.signed(name, good["access_key"], good["secret_key"], date=off(-20)), 401, "APIG.0301", "signature expired")
    refused(world.get(name), 401, "APIG.0301")


def test_keys_of_apps_and_of_the_installation_are_not_mixed_up(world):
    (app_api, api), (iam_api, _) = world.api(), world.api("IAM")
    app = world.app(api)
    refused(world.signed(iam_api, app["app_key"], app["app_secret"]), 401, "APIG.0301")
    refused(world.signed(app_api, world.client.access, world.client.secret), 401, "APIG.0303", "app not found")


# ---- key pairs of SCF ----

SCF = "def main_handler(event, context):\n    return {'isBase64Encoded': False, 'statusCode': 200, 'headers': {}, 'body': 'in'}\n"


@pytest.fixture(scope="module")
def pairs(world):
    """A trigger of SCF that asks for a key pair, and one: a function to call it."""
    function = f"scf/{PROJECT}/local-1/default/hello"
    world.admin("PUT", f"functions/{function}", {"runtime": "Python3.6", "handler": "index.main_handler",
                                                 "code": {"source": SCF, "filename": "index.py"}})
    world.admin("PUT", f"functions/{function}/triggers/t", {"source": "apigw", "enabled": True, "config": {
        "service": "people", "method": "GET", "path": "/hello", "auth": "secret", "integrated": True}})
    app = world.app(where={**WHERE, "dialect": "scf"})

    def call(headers=(), authorization=None):
        """headers: pairs, a name may come twice."""
        c = http.client.HTTPConnection("127.0.0.1", world.evoke.port, timeout=60)
        c.putrequest("GET", "/release/hello", skip_host=True)
        for name, value in [("Host", group_id("people", "scf") + ".apigw.localhost"), *headers,
                            *([("Authorization", authorization)] if authorization else [])]:
            c.putheader(name, value)
        c.endheaders()
        r = c.getresponse()
        text = r.read().decode()
        c.close()
        return r.status, text

    return call, app


def sign(app, headers, algorithm="sha1", names=None, secret=None, key=None):
    text = "\n".join(f"{k.lower()}: {v}" for k, v in headers)
    mac = base64.b64encode(hmac.new((secret or app["app_secret"]).encode(), text.encode(), algorithm).digest()).decode()
    names = " ".join(k.lower() for k, _ in headers) if names is None else names
    return f'hmac id="{key or app["app_key"]}", algorithm="hmac-{algorithm}", headers="{names}", signature="{mac}"'


def now(off=0):
    return formatdate(datetime.datetime.now().timestamp() + off, usegmt=True)


def test_a_key_pair_signs_its_headers(pairs):
    call, app = pairs
    for algorithm in ("sha1", "sha256", "sha384", "sha512"):
        headers = [("X-Date", now()), ("Source", "anyvalue")]
        assert call(headers, sign(app, headers, algorithm)) == (200, "in")
    headers = [("Date", now())]
    assert call(headers, sign(app, headers)) == (200, "in")


CANNOT = "HMAC signature cannot be verified, "


def test_each_fault_of_a_key_pair_has_the_gateways_sentence(pairs):
    call, app = pairs
    dated = [("X-Date", now())]
    good = sign(app, dated)
    twice = [*dated, ("Source", "a"), ("Source", "b")]
    cases = [  # headers, authorization, the message (scf.md 5.2)
        (dated, None, CANNOT + "a validate authorization header is required"),
        (dated, "Basic eDp5", "HMAC authorization format error."),
        (dated, 'hmac id="x', "HMAC authorization format error."),
        (dated, good.replace(app["app_key"], ""), "HMAC id or signature missing."),
        (dated, good.replace('headers="x-date"', 'headers=""'), "HMAC authorization headers is invalidate."),
        (dated, sign(app, dated, key="nobody"), "HMAC apikey is invalid for API."),
        (dated, good.replace("hmac-sha1", "hmac-md5"), "HMAC algorithm hmac-md5 not supported."),
        (dated, sign(app, dated, secret="wrong"), "HMAC signature does not match."),
        ([("X-Date", now(60))], good, "HMAC signature does not match."),
        ([("X-Date", "yesterday")], good, CANNOT + "a valid x-date header is required for HMAC Authentication."),
        ([("X-Date", now(-910))], good, CANNOT + "the x-date header is out of date for HMAC Authentication."),
        ([("X-Date", now(910))], good, CANNOT + "the x-date header is out of date for HMAC Authentication."),
        ([("Source", "a")], sign(app, [("Source", "a")]), CANNOT + "a valid date or x-date header is required."),
        (dated, sign(app, dated, names="x-date nobody"), CANNOT + "a valid nobody header is required."),
        (twice, sign(app, twice[:2]), "HMAC do not support multiple HTTP header."),
    ]
    for headers, authorization, message in cases:
        status, text = call(headers, authorization)
        assert status == 401 and json.loads(text)["message"].rstrip(".") == message.rstrip("."), (message, text)


def test_a_key_pair_of_another_account_has_no_plan(world, pairs):
    call, _ = pairs
    app = world.app(where={**WHERE, "dialect": "scf", "account": OTHER})
    dated = [("X-Date", now())]
    status, text = call(dated, sign(app, dated))
    assert (status, json.loads(text)["message"]) == (403, "Found no validate usage plan.")


# ---- limits ----

def test_the_limit_passes_and_one_more_does_not(world):
    world.clock.set("2026-03-01T12:00:00Z")
    name, _ = world.api("NONE", limits={"api_call_limits": 3})
    for left in (2, 1, 0):
        r = world.get(name, X_Apig_Mode="debug")
        ok(r)
        assert r.headers["X-Apig-RateLimit-api"] == f"remain:{left},limit:3,time:1 minute"
    assert "X-Apig-RateLimit-api" not in world.get(world.api("NONE")[0], X_Apig_Mode="debug").headers
    refused(world.get(name), 429, "APIG.0308", "The throttling threshold has been reached: policy api over ratelimit,limit:3,time:1 minute")
    world.clock.jump(MINUTE - 1)
    refused(world.get(name), 429, "APIG.0308")
    world.clock.jump(1)
    ok(world.get(name))


def test_apis_count_for_themselves_unless_they_share_the_policy(world):
    world.clock.set("2026-03-01T13:00:00Z")
    apart, shared = world.throttle(api_call_limits=1), world.throttle(kind=2, api_call_limits=1)
    (a, a_id), (b, b_id), (c, c_id), (d, d_id) = (world.api("NONE") for _ in range(4))
    for throttle, ident in ((apart, a_id), (apart, b_id), (shared, c_id), (shared, d_id)):
        world.bind(throttle, ident)
    ok(world.get(a))
    ok(world.get(b))
    refused(world.get(a), 429, "APIG.0308")
    ok(world.get(c))
    refused(world.get(d), 429, "APIG.0308")


def test_apps_users_and_addresses_have_limits_of_their_own(world):
    world.clock.set("2026-03-01T14:00:00Z")
    by_app, api = world.api(limits={"api_call_limits": 10, "app_call_limits": 1})
    one, two = world.app(api), world.app(api)
    ok(world.signed(by_app, one["app_key"], one["app_secret"]))
    refused(world.signed(by_app, one["app_key"], one["app_secret"]), 429, "APIG.0308", "policy app over")
    ok(world.signed(by_app, two["app_key"], two["app_secret"]))
    by_user, _ = world.api("IAM", limits={"api_call_limits": 10, "user_call_limits": 1})
    key = new_key(world, "limited", "invoke")
    ok(world.signed(by_user, key["access_key"], key["secret_key"]))
    refused(world.signed(by_user, key["access_key"], key["secret_key"]), 429, "APIG.0308", "policy user over")
    ok(world.signed(by_user, world.client.access, world.client.secret))
    by_ip, _ = world.api("NONE", limits={"api_call_limits": 10, "ip_call_limits": 1})
    ok(world.get(by_ip))
    refused(world.get(by_ip), 429, "APIG.0308", "policy ip over")


def test_who_is_nobody_uses_up_no_limit(world):
    world.clock.set("2026-03-01T15:00:00Z")
    name, api = world.api(limits={"api_call_limits": 1})
    app = world.app(api)
    for _ in range(5):
        refused(world.get(name), 401, "APIG.0303")
    ok(world.signed(name, app["app_key"], app["app_secret"]))


def test_the_secrets_of_this_file_are_in_no_log(world):
    log = world.evoke.log_text()
    assert "secret-of-app-" not in log and world.client.secret not in log
