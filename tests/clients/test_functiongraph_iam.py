# SPDX-License-Identifier: Apache-2.0
"""IAM's tokens through its official Python SDK, and the requests that carry one instead of a signature."""
import base64
import datetime
import hmac
import json
import time

import pytest
import requests
from fgcloud import PROJECT
from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkfunctiongraph.v2 import FunctionGraphClient, ListFunctionsRequest
from huaweicloudsdkiam.v3 import (
    AuthScope, AuthScopeDomain, AuthScopeProject, IamClient, KeystoneCreateUserTokenByPasswordRequest,
    KeystoneCreateUserTokenByPasswordRequestBody, KeystoneListAuthDomainsRequest, KeystoneListProjectsRequest,
    KeystoneValidateTokenRequest, PwdAuth, PwdIdentity, PwdPassword, PwdPasswordUser, PwdPasswordUserDomain)


def iam(daemon):
    return (IamClient.new_builder().with_credentials(GlobalCredentials(daemon.access_key, daemon.secret_key, "local"))
            .with_http_config(HttpConfig(retry_times=0)).with_endpoint(daemon.url).build())


def by_password(daemon, access_key=None, secret_key=None, scope=None):
    return iam(daemon).keystone_create_user_token_by_password(KeystoneCreateUserTokenByPasswordRequest(
        body=KeystoneCreateUserTokenByPasswordRequestBody(auth=PwdAuth(
            identity=PwdIdentity(methods=["password"], password=PwdPassword(user=PwdPasswordUser(
                domain=PwdPasswordUserDomain(name="whoever"), name=access_key or daemon.access_key,
                password=secret_key or daemon.secret_key))),
            scope=scope))))


def of_project(project=PROJECT):
    return AuthScope(project=AuthScopeProject(id=project))


def pair_body(access_key, secret_key, scope=None):
    return {"auth": {"identity": {"methods": ["hw_ak_sk"], "hw_ak_sk": {"access": {"key": access_key}, "secret": {"key": secret_key}}},
                     **({"scope": scope} if scope else {})}}


def ask(daemon, body):
    return requests.post(daemon.url + "/v3/auth/tokens", json=body, timeout=30)


def get(daemon, token, path=f"/v2/{PROJECT}/fgs/functions", method="GET", **more):
    return requests.request(method, daemon.url + path, headers={"X-Auth-Token": token}, timeout=30, **more)


def time_of(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")


def test_a_token_for_a_key_pair_opens_what_the_key_opens(evoke_shared, cloud):
    cloud.create("tokened")
    made = by_password(evoke_shared, scope=of_project())
    token = made.x_subject_token
    assert made.token.methods == ["password"] and made.token.project.id == PROJECT and made.token.user.id == evoke_shared.access_key
    life = time_of(made.token.expires_at) - time_of(made.token.issued_at)
    assert life == datetime.timedelta(hours=24)
    listed = get(evoke_shared, token)
    assert listed.status_code == 200 and "tokened" in [f["func_name"] for f in listed.json()["functions"]]
    urn = cloud.urn("tokened")
    ran = get(evoke_shared, token, f"/v2/{PROJECT}/fgs/functions/{urn}/invocations", "POST", json={"a": 1})
    assert ran.status_code == 200 and ran.json() == {"got": {"a": 1}}
    groups = get(evoke_shared, token, f"/v2/{PROJECT}/apigw/instances/evoke/api-groups")
    assert groups.status_code == 200 and "groups" in groups.json()
    big = get(evoke_shared, token, f"/v2/{PROJECT}/fgs/functions/{urn}/code", "PUT",
              json={"code_type": "inline", "code_filename": "index.py", "func_code": {"file": "eA==" + " " * (1 << 20)}})
    assert big.status_code == 400 and big.json()["error_code"] == "FSS.1011"  # verified on a worker thread, and then refused


def test_a_token_is_bound_to_its_project(evoke_shared):
    token = by_password(evoke_shared, scope=of_project()).x_subject_token
    assert get(evoke_shared, token, "/v2/other/fgs/functions").status_code == 403
    anywhere = by_password(evoke_shared).x_subject_token
    assert get(evoke_shared, anywhere, "/v2/other/fgs/functions").status_code == 200
    domain = by_password(evoke_shared, scope=AuthScope(domain=AuthScopeDomain(name="whoever"))).x_subject_token
    assert get(evoke_shared, domain, "/v2/other/fgs/functions").status_code == 200
    # The admin API, and the other clouds know no tokens of this kind.
    assert get(evoke_shared, anywhere, "/evoke/v1/functions").status_code == 401
    assert get(evoke_shared, anywhere, "/2016-08-15/services/default").status_code >= 400


def test_a_key_pair_may_ask_in_the_other_form(evoke_shared):
    r = ask(evoke_shared, pair_body(evoke_shared.access_key, evoke_shared.secret_key, {"project": {"name": "local-1"}}))
    assert r.status_code == 201, r.text
    assert r.json()["token"]["project"] == {"id": "local", "name": "local-1", "domain": {"id": "local", "name": "local"}}
    assert get(evoke_shared, r.headers["X-Subject-Token"], "/v2/local/fgs/functions").status_code == 200


@pytest.mark.parametrize("change", ["access", "secret", "unknown"])
def test_a_wrong_pair_gets_no_token(evoke_shared, change):
    access, secret = evoke_shared.access_key, evoke_shared.secret_key
    pair = {"access": (access + "x", secret), "secret": (access, secret[:-1]), "unknown": ("nobody", "nothing")}[change]
    r = ask(evoke_shared, pair_body(*pair))
    assert r.status_code == 401 and r.json()["error"]["title"] == "Unauthorized" and "X-Subject-Token" not in r.headers
    with pytest.raises(ClientRequestException) as caught:
        by_password(evoke_shared, *pair)
    assert caught.value.status_code == 401


@pytest.mark.parametrize("body", [
    None, [], "x", {}, {"auth": {}}, {"auth": {"identity": {"methods": []}}}, {"auth": {"identity": {"methods": ["mfa"]}}},
    {"auth": {"identity": {"methods": [1]}}}, {"auth": {"identity": {"methods": ["password"]}}},
    {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": 1, "password": "x"}}}}},
    {"auth": {"identity": {"methods": ["hw_ak_sk"], "hw_ak_sk": {"access": {"key": "a"}, "secret": {}}}}},
    pair_body("a", "b", {"project": {"id": "../other"}}), pair_body("a", "b", {"project": {"id": 7}})])
def test_what_asks_for_nothing_is_refused(evoke_shared, body):
    r = ask(evoke_shared, body)
    assert r.status_code == 400 and r.json()["error"]["code"] == 400


def test_a_forged_token_opens_nothing(evoke_shared):
    token = by_password(evoke_shared, scope=of_project()).x_subject_token
    text = base64.b64decode(token).decode()
    version, issued, project, access, mac = text.split(" ")
    forged = [
        f"{version} {issued} other {access} {mac}", f"{version} {issued} * {access} {mac}", f"{version} {int(issued) + 1} {project} {access} {mac}",
        f"{version} {int(issued) + 90000} {project} {access} {mac}", f"{version} {issued} {project} nobody {mac}",
        f"{version} {issued} {project} {access} {'0' * 64}", f"{version} {issued} {project} {access} {mac[:-1]}", f"{version} {issued} {project} {access}",
        text + " ", "", "x"]
    for f in forged:
        for path in (f"/v2/{PROJECT}/fgs/functions", "/v2/other/fgs/functions", f"/v2/{PROJECT}/apigw/instances/evoke/apis"):
            r = get(evoke_shared, base64.b64encode(f.encode()).decode(), path)
            assert (r.status_code, r.json()["error_code"]) == (401, "APIGW.0301"), f
            assert "decrypt token fail" in r.json()["error_msg"]
    assert get(evoke_shared, "garbage").status_code == 401
    assert get(evoke_shared, "a" * 20000).status_code == 401


def test_a_token_ends_after_24_hours(evoke_shared):
    """Of an earlier day: made as the daemon makes them (src/sign/token.c), since no test waits so long."""
    def issued(seconds_ago):
        text = f"1 {int(time.time()) - seconds_ago} {PROJECT} {evoke_shared.access_key}".encode()
        key = hmac.digest(evoke_shared.secret_key.encode(), b"evoke auth token, version 1", "sha256")
        return base64.b64encode(text + b" " + hmac.digest(key, text, "sha256").hex().encode()).decode()
    day = 24 * 3600
    assert get(evoke_shared, issued(0)).status_code == 200
    assert get(evoke_shared, issued(day - 600)).status_code == 200
    for late in (day, day + 1, 400 * day):
        r = get(evoke_shared, issued(late))
        assert (r.status_code, r.json()["error_code"]) == (401, "APIGW.0301")
        assert "the token has expired" in r.json()["error_msg"]


def test_a_token_beside_a_signature_proves_nothing(evoke_shared):
    token = by_password(evoke_shared).x_subject_token
    r = requests.get(evoke_shared.url + f"/v2/{PROJECT}/fgs/functions", timeout=30, headers={
        "X-Auth-Token": token, "Authorization": "SDK-HMAC-SHA256 Access=x, SignedHeaders=host, Signature=00", "X-Sdk-Date": "20261121T204758Z"})
    assert r.status_code == 401


def test_projects_and_domains_of_a_key(evoke_shared):
    found = iam(evoke_shared).keystone_list_projects(KeystoneListProjectsRequest(name="cn-north-4")).projects
    assert [(p.id, p.name, p.enabled) for p in found] == [("local", "cn-north-4", True)]
    assert iam(evoke_shared).keystone_list_projects(KeystoneListProjectsRequest(domain_id="another")).projects == []
    assert [d.id for d in iam(evoke_shared).keystone_list_auth_domains(KeystoneListAuthDomainsRequest()).domains] == ["local"]
    assert requests.get(evoke_shared.url + "/v3/projects", timeout=30).status_code == 401


def test_a_client_that_names_only_a_region_finds_its_project(evoke_shared):
    """What the SDK does with_region() and without a project id: it asks IAM."""
    from huaweicloudsdkcore.region.region import Region
    credentials = BasicCredentials(evoke_shared.access_key, evoke_shared.secret_key).with_iam_endpoint(evoke_shared.url)
    client = (FunctionGraphClient.new_builder().with_credentials(credentials).with_http_config(HttpConfig(retry_times=0))
              .with_region(Region("cn-north-4", evoke_shared.url)).build())
    assert client.list_functions(ListFunctionsRequest(maxitems="1")).count >= 0
    assert credentials.project_id == "local"


def test_a_token_is_told_about(evoke_shared):
    token = by_password(evoke_shared, scope=of_project()).x_subject_token
    shown = iam(evoke_shared).keystone_validate_token(KeystoneValidateTokenRequest(x_subject_token=token))
    assert shown.token.project.id == PROJECT and shown.token.user.id == evoke_shared.access_key
    with pytest.raises(ClientRequestException) as caught:
        iam(evoke_shared).keystone_validate_token(KeystoneValidateTokenRequest(x_subject_token=token[:-4] + "AAA="))
    assert caught.value.status_code == 404


def test_tokens_die_with_their_key_and_have_its_scope(evoke_shared):
    def key(*args):
        p = evoke_shared.run("key", *args, "--output", "json")
        assert p.returncode == 0, p.stderr
        return json.loads(p.stdout) if p.stdout.strip() else None

    made = key("add", "reader-iam", "--scope", "read", "--account", PROJECT, "--dialect", "functiongraph")
    access, secret = made["access_key"], made["secret_key"]
    r = ask(evoke_shared, pair_body(access, secret))
    token = r.headers["X-Subject-Token"]
    assert r.json()["token"]["project"]["id"] == PROJECT
    assert get(evoke_shared, token).status_code == 200
    assert get(evoke_shared, token, method="POST", json={}).status_code == 403  # to create is another scope
    assert get(evoke_shared, token, "/v2/other/fgs/functions").status_code == 403
    assert ask(evoke_shared, pair_body(access, secret, {"project": {"id": "other"}})).status_code == 403
    assert ask(evoke_shared, pair_body(access, secret, {"project": {"name": "local-1"}})).status_code == 201
    rotated = key("rotate", access, "--grace", "0s")
    assert get(evoke_shared, token).status_code == 401  # made with a secret that is no more
    token = ask(evoke_shared, pair_body(access, rotated["secret_key"])).headers["X-Subject-Token"]
    assert get(evoke_shared, token).status_code == 200
    assert evoke_shared.run("key", "remove", access).returncode == 0
    assert get(evoke_shared, token).status_code == 401
