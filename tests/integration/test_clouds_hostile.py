# SPDX-License-Identifier: Apache-2.0
"""Every operation of every cloud, asked by who may not: nobody, with a wrong secret, with a key that may only read, with a key of another
account (of the victim by name, and in the account of its own with the victim's names).

Then what a table does not show: temporary keys of a role, weights that are no numbers, twenty at once, and storage.

The operations are those of docs/compat/operations.md, which is made of the tables, so none can be forgotten here. Nobody of these ever
gets a success that changes something, a word of the victim's, or a 500; and afterwards everything of the victim's is as it was.
"""
import base64
import concurrent.futures
import http.client
import json
import pathlib
import re
import sys
import urllib.parse

import pytest
import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tencentcloud.scf.v20180416 import models

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients" / "conformance"))

from sign import SCHEMES, How, Request  # noqa: E402
from words import SAMPLES, b64, zip_of  # noqa: E402

from evoked import Evoked  # noqa: E402

MARK = "victims-mark-7c1f"  # in everything of the victim's that is told to those who may read it
PROJECT, ACCOUNT, OTHER = "0123456789abcdef0123456789abcdef", "123456789", "999999999"
NAME = "victim"
ZIP = b64(zip_of(*SAMPLES["python-hello"]))
KEYS = """
import os

def handler(event, context):
    if hasattr(context, "getSecurityAccessKey"):
        return [context.getSecurityAccessKey(), context.getSecuritySecretKey(), context.getSecurityToken()]
    if hasattr(context, "credentials"):
        c = context.credentials
        return [c.access_key_id, c.access_key_secret, c.security_token]
    return [os.environ["TENCENTCLOUD_" + x] for x in ("SECRETID", "SECRETKEY", "SESSIONTOKEN")]
"""
READS = re.compile(r"(List|Get(?!Temp)|Show|Describe|Check|Export|Head)")
# No success either, but open to who may read: they tell of what is, though their names say otherwise.
SEEN_BY_READERS = {"CheckApisV2", "CheckApiGroupsV2"}

SECTIONS = {"FunctionGraph, version 2": "functiongraph", "API Gateway, version 2": "apig", "Function Compute 2016-08-15": "fc",
            "Function Compute 2023-03-30": "fc3", "SCF 2018-04-16": "scf"}
SCHEME = {"functiongraph": "sdk", "apig": "sdk", "fc": "fc", "fc3": "acs3", "scf": "tc3"}
VENDOR = {  # of other products that SCF's tools ask for: action, version, parameters
    "GetUserAppId": ("2019-01-16", {}), "ListPolicies": ("2019-01-16", {}), "GetRole": ("2019-01-16", {"RoleName": NAME}),
    "CreateRole": ("2019-01-16", {"RoleName": "x", "PolicyDocument": "{}"}), "DescribeRoleList": ("2019-01-16", {"Page": 1, "Rp": 20}),
    "DeleteRole": ("2019-01-16", {"RoleName": NAME}), "AttachRolePolicy": ("2019-01-16", {"PolicyId": 1, "AttachRoleName": NAME}),
    "DetachRolePolicy": ("2019-01-16", {"PolicyId": 1, "DetachRoleName": NAME}),
    "ListAttachedRolePolicies": ("2019-01-16", {"RoleName": NAME, "Page": 1, "Rp": 20}),
    "DescribeResourceTagsByResourceIds": ("2018-08-13", {}), "ModifyResourceTags": ("2018-08-13", {}),
    "GetMonitorData": ("2018-07-24", {})}


def operations():
    found, cloud = {c: [] for c in SECTIONS.values()}, None
    for line in (ROOT / "docs" / "compat" / "operations.md").read_text().splitlines():
        if line.startswith("## "):
            cloud = SECTIONS.get(line[3:])
        elif cloud and (m := re.match(r"\| (\w+) \| `(\w+) (\S+)` \| (.*) \|$", line)):
            found[cloud].append(m.groups())
    return found


OPERATIONS = operations()


def test_the_operations_were_found():
    text = (ROOT / "docs" / "compat" / "operations.md").read_text().partition("## Stand-ins beside SCF")[2]
    assert set(re.findall(r"^\| ([A-Z]\w+) \|", text, re.M)) == set(VENDOR), "a stand-in's operation that nobody attacks here"
    assert {c: len(rows) >= 45 for c, rows in OPERATIONS.items()} == dict.fromkeys(SECTIONS.values(), True), "the page has changed its form"


class Client:
    def __init__(self, e):
        self.e = e
        self.connection = http.client.HTTPConnection("127.0.0.1", e.port, timeout=60)
        self.keys = {"root": (e.access_key, e.secret_key), "wrong": (e.access_key, "not-the-secret"), "unknown": ("AKNOBODY00000000", "nobodys")}
        for who, options in (("reader", ["--scope", "read"]), ("stranger", ["--scope", "read,invoke,deploy", "--account", OTHER])):
            made = e.run("key", "add", who, *options, "--output", "json")
            assert made.returncode == 0, made.stderr
            key = json.loads(made.stdout)
            self.keys[who] = (key["access_key"], key["secret_key"])

    def send(self, cloud, who, method, target, body=None, action="", account=ACCOUNT, version="2018-04-16"):
        """(status, error code or None, text)"""
        data = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        headers = {"host": f"{account}.local-1.fc.aliyuncs.com" if cloud == "fc3" else f"127.0.0.1:{self.e.port}"} | ({"content-type": "application/json"} if data else {})
        r = Request(method, target, headers, data, account, action, version, "local-1")
        if who != "nobody":
            access, secret, *token = self.keys[who]
            SCHEMES[SCHEME[cloud]](r, How(access, secret, token=token[0] if token else ""))
        elif cloud == "scf":
            r.headers.update({"x-tc-action": action, "x-tc-version": version, "x-tc-timestamp": "1", "x-tc-region": "local-1"})
        self.connection.request(r.method, r.target, r.body or None, r.headers)
        answer = self.connection.getresponse()
        text = answer.read().decode(errors="replace")
        try:
            tree = json.loads(text)
        except ValueError:
            tree = {}
        tree = tree if isinstance(tree, dict) else {}
        code = tree.get("error_code") or tree.get("ErrorCode") or tree.get("Code") or tree.get("Response", {}).get("Error", {}).get("Code")
        return answer.status, code, text


VALUES = {"FunctionName": NAME, "Namespace": "default", "Qualifier": "$LATEST", "FunctionVersion": "1", "LayerName": "victims", "LayerVersion": 1,
          "TriggerName": "tick", "Type": "timer", "TriggerDesc": "0 0 0 1 1 * *", "NewFunctionName": "taken", "InvokeRequestId": "x",
          "FunctionRequestId": "x", "Handler": "index.main_handler", "ZipFile": ZIP, "Description": "changed", "Environment": {"Variables": []},
          "MemorySize": 256, "Enable": "OPEN", "ReservedConcurrencyMem": 128, "VersionProvisionedConcurrencyNum": 1, "MaxAge": 3600}


def scf_body(action):
    fields = [f.strip("_") for f in vars(getattr(models, action + "Request")())] if hasattr(models, action + "Request") else []
    body = {f: VALUES[f] for f in fields if f in VALUES}
    if "Name" in fields:
        body["Name"] = "live"
    if action in ("CreateNamespace", "UpdateNamespace", "DeleteNamespace"):
        body["Namespace"] = "of-victim"
    return body


def request_of(cloud, row, account, kept):
    """(method, target, body, action, version) that names the victim's things wherever it can."""
    name, method, path, _ = row
    if cloud == "scf":
        version, body = VENDOR.get(name, ("2018-04-16", None))
        return "POST", "/", scf_body(name) if body is None else body, name, version
    project = PROJECT if account == ACCOUNT else account
    urn = f"urn:fss:local-1:{PROJECT}:function:default:{NAME}"
    values = {"project": project, "urn": urn, "service": "victims", "function": NAME, "version": "1", "alias": "live", "trigger": "tick",
              "layer": "victims", "domain": "victims.example", "type": "TIMER", "arn": kept.get("arn", "x").replace("/", "%2F"),
              "event": kept.get("event", "x"), "depend": kept.get("depend", "x"), "id": kept.get(name, "x"), "state": "true", "period": "5",
              "instance": "local" if cloud == "apig" else "c-1", "group": kept.get("group", "x"), "action": "filter"}
    target = re.sub(r"\{(\w+)\}", lambda m: str(values.get(m.group(1), "x")), path)
    body = {"name": "x"} if method in ("POST", "PUT", "DELETE") and cloud in ("functiongraph", "apig") else None
    if cloud in ("fc", "fc3") and method in ("POST", "PUT"):
        body = {"description": "changed"}
    if path.endswith("/tag"):
        target, body = target + ("?resourceArn=services%2Fvictims" if method != "POST" else ""), \
            {"resourceArn": "services/victims", "tags": {"taken": "x"}, "tagKeys": ["owner"]} if method != "GET" else None
    if path.endswith("/tags-v2"):
        arn = f"acs:fc:local-1:{ACCOUNT}:functions/{NAME}"
        target, body = (target, {"ResourceType": "ALIYUN::FC::FUNCTION", "ResourceId": [arn], "Tag": [{"Key": "taken", "Value": "x"}]}) if method == "POST" \
            else (target + f"?ResourceType=function&ResourceId=%5B%22{NAME}%22%5D&All=true", None)
    return method, target, body, name, ""


def must(answer):
    status, code, text = answer
    assert status // 100 == 2 and code is None, answer
    return json.loads(text) if text else {}


@pytest.fixture(scope="module")
def world():
    """A daemon on which somebody has one of everything; and what of it others must never see."""
    with Evoked() as e:
        c, kept = Client(e), {}
        secret = {"MARK": MARK}
        fg = f"/v2/{PROJECT}/fgs/functions"
        urn = f"urn:fss:local-1:{PROJECT}:function:default:{NAME}"
        must(c.send("functiongraph", "root", "POST", fg, {
            "func_name": NAME, "package": "default", "runtime": "Python3.9", "timeout": 3, "handler": "index.handler", "memory_size": 128,
            "code_type": "zip", "func_code": {"file": ZIP}, "user_data": json.dumps(secret), "description": MARK}))
        must(c.send("functiongraph", "root", "POST", f"{fg}/{urn}/versions", {"version": "1", "description": MARK}))
        must(c.send("functiongraph", "root", "POST", f"{fg}/{urn}/aliases", {"name": "live", "version": "1", "description": MARK}))
        kept["event"] = must(c.send("functiongraph", "root", "POST", f"{fg}/{urn}/events", {"name": MARK, "content": b64(b"{}")}))["id"]
        must(c.send("functiongraph", "root", "POST", f"/v2/{PROJECT}/functions/{urn}/tags/create",
                    {"action": "create", "tags": [{"key": "owner", "value": MARK}]}))
        depend = must(c.send("functiongraph", "root", "POST", f"/v2/{PROJECT}/fgs/dependencies/version", {
            "name": "victims", "runtime": "Python3.9", "depend_type": "zip", "depend_file": ZIP, "description": MARK}))
        kept["depend"] = depend["id"]
        must(c.send("fc", "root", "POST", "/2016-08-15/services", {"serviceName": "victims", "description": MARK}))
        code = {"zipFile": ZIP}
        for cloud, path, name in (("fc", "/2016-08-15/services/victims/functions", "functionName"), ("fc3", "/2023-03-30/functions", "functionName")):
            must(c.send(cloud, "root", "POST", path, {name: NAME, "runtime": "python3.9", "handler": "index.handler", "code": code,
                                                     "environmentVariables": secret, "description": MARK}))
            must(c.send(cloud, "root", "POST", f"{path}/{NAME}/triggers", {
                "triggerName": "tick", "triggerType": "timer",
                "triggerConfig": {"cronExpression": "0 0 0 1 1 *", "enable": False, "payload": MARK}
                if cloud == "fc" else json.dumps({"cronExpression": "0 0 0 1 1 *", "enable": False, "payload": MARK})}))
        must(c.send("fc", "root", "POST", "/2016-08-15/services/victims/versions", {"description": MARK}))
        must(c.send("fc", "root", "POST", "/2016-08-15/services/victims/aliases", {"aliasName": "live", "versionId": "1", "description": MARK}))
        must(c.send("fc3", "root", "POST", f"/2023-03-30/functions/{NAME}/versions", {"description": MARK}))
        must(c.send("fc3", "root", "POST", f"/2023-03-30/functions/{NAME}/aliases", {"aliasName": "live", "versionId": "1", "description": MARK}))
        layer = must(c.send("fc3", "root", "POST", "/2023-03-30/layers/victims/versions", {
            "code": code, "compatibleRuntime": ["python3.9"], "description": MARK}))
        kept["arn"] = layer["layerVersionArn"]
        must(c.send("fc", "root", "POST", "/2016-08-15/custom-domains", {
            "domainName": "victims.example", "protocol": "HTTP",
            "routeConfig": {"routes": [{"path": "/*", "serviceName": "victims", "functionName": NAME}]}}))
        scf = [("CreateNamespace", {"Namespace": "of-victim", "Description": MARK}),
               ("CreateFunction", {"FunctionName": NAME, "Runtime": "Python3.9", "Code": {"ZipFile": ZIP}, "Description": MARK,
                                   "Environment": {"Variables": [{"Key": "MARK", "Value": MARK}]}}),
               ("PublishVersion", {"FunctionName": NAME, "Description": MARK}),
               ("CreateAlias", {"FunctionName": NAME, "Name": "live", "FunctionVersion": "1", "Description": MARK}),
               ("CreateTrigger", {"FunctionName": NAME, "TriggerName": "tick", "Type": "timer", "TriggerDesc": "0 0 0 1 1 * *", "Enable": "CLOSE",
                                  "CustomArgument": MARK}),
               ("PublishLayerVersion", {"LayerName": "victims", "CompatibleRuntimes": ["Python3.9"], "Content": {"ZipFile": ZIP},
                                        "Description": MARK})]
        for action, body in scf:
            must(c.send("scf", "root", "POST", "/", body, action))
        yield c, kept
        c.connection.close()


STATE = re.compile(r"(Get|List|Show)\w*(Function(Config|Events?|Tags|Triggers?|s)?|Services?|Alias(es)?|Versions?(ByFunction)?|VersionAlias(es)?|"
                   r"Triggers?|Layers?|Namespaces?|Domains?|Events?|Tags|Dependenc(y|ies)|TagResources|Policies|Role\w*|Settings|Config\w*)$")
PASSING = {"requestId", "RequestId", "request_id"}
LINK = re.compile(r"(expires|signature)=\w+")  # of a link to code: another one in every second


def lasting(x):
    if isinstance(x, dict):
        return {k: lasting(v) for k, v in x.items() if k not in PASSING}
    if isinstance(x, list):
        return [lasting(v) for v in x]
    return LINK.sub("", x) if isinstance(x, str) else x


def state(c, kept, cloud):
    found = {}
    for row in rows_of(cloud):
        if STATE.match(row[0]) and row[1] in ("GET", "POST"):
            method, target, body, action, version = request_of(cloud, row, ACCOUNT, kept)
            if method == "POST" and cloud != "scf":
                continue
            status, code, text = c.send(cloud, "root", method, target, body, action, version=version)
            found[row[0], target] = (status, code, lasting(json.loads(text)) if status == 200 else None)
    return found


def changes(before, after):
    return {k: (v, after[k]) for k, v in before.items() if after[k] != v}


def rows_of(cloud):
    return OPERATIONS[cloud] + [(name, "POST", "/", "works") for name in (VENDOR if cloud == "scf" else ())]


def ask_all(world, cloud, who, account=ACCOUNT):
    c, kept = world
    before = state(c, kept, cloud)
    for row in rows_of(cloud):
        method, target, body, action, version = request_of(cloud, row, account, kept)
        yield row, c.send(cloud, who, method, target, body, action, account, version)
    after = state(c, kept, cloud)
    assert changes(before, after) == {}
    if cloud != "apig":
        assert MARK in str(before), "the victim has nothing to lose"


def denied(cloud, answer):
    status, code, text = answer
    if cloud == "scf":
        return status == 200 and code is not None and code.startswith(("AuthFailure", "UnauthorizedOperation"))
    return status in (401, 403) and bool(code)


CLOUDS = list(SCHEME)


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("who", ["nobody", "wrong", "unknown"])
def test_without_a_good_signature_nothing(world, cloud, who):
    got = [(row[0], answer) for row, answer in ask_all(world, cloud, who)]
    bad = [(name, a) for name, a in got if not (denied(cloud, a) or (who == "nobody" and cloud != "scf" and 400 <= a[0] < 404 and a[1]))]
    assert bad == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_who_may_read_changes_nothing(world, cloud):
    bad = []
    for row, answer in ask_all(world, cloud, "reader"):
        success = answer[0] // 100 == 2 and answer[1] is None
        absent = row[3].startswith("not here")
        if answer[0] >= 500 or (not READS.match(row[0]) and row[0] not in SEEN_BY_READERS and not denied(cloud, answer) and
                                (success or not absent)):
            bad.append((row[0], answer))
    assert bad == []


@pytest.mark.parametrize("cloud", [c for c in CLOUDS if c != "scf"])  # SCF's requests name no account
def test_a_key_of_another_account_is_refused(world, cloud):
    bad = [(row[0], answer) for row, answer in ask_all(world, cloud, "stranger") if not denied(cloud, answer) or MARK in answer[2]]
    assert bad == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_another_account_has_nothing_of_the_victims(world, cloud):
    """In the account of its own, with the victim's names, ids and ARNs."""
    bad = [(row[0], answer) for row, answer in ask_all(world, cloud, "stranger", OTHER) if answer[0] >= 500 or MARK in answer[2]]
    assert bad == []


@pytest.fixture(scope="module", params=["functiongraph", "fc", "fc3", "scf"])
def insider(request, world):
    """The cloud, and in its client the temporary keys of a role of a function of the other account."""
    c, _ = world
    cloud, code, role = request.param, b64(zip_of("index.py", KEYS)), "acs:ram::999999999:role/r"
    if cloud == "functiongraph":
        path = f"/v2/{OTHER}/fgs/functions"
        must(c.send(cloud, "stranger", "POST", path, {
            "func_name": "insider", "package": "default", "runtime": "Python3.9", "timeout": 5, "handler": "index.handler", "memory_size": 128,
            "code_type": "zip", "func_code": {"file": code}, "xrole": "r"}, account=OTHER))
        keys = must(c.send(cloud, "stranger", "POST", f"{path}/urn:fss:local-1:{OTHER}:function:default:insider/invocations", {}, account=OTHER))
        keys = keys.get("result", keys) if isinstance(keys, dict) else keys
        keys = json.loads(keys) if isinstance(keys, str) else keys
    elif cloud == "scf":
        must(c.send(cloud, "stranger", "POST", "/", {"FunctionName": "insider", "Runtime": "Python3.9", "Handler": "index.handler", "Role": "r",
                                                     "Code": {"ZipFile": code}}, "CreateFunction"))
        told = must(c.send(cloud, "stranger", "POST", "/", {"FunctionName": "insider", "Event": "{}"}, "InvokeFunction"))
        keys = json.loads(told["Response"]["Result"]["RetMsg"])
    else:
        path = "/2023-03-30/functions"
        if cloud == "fc":
            path = "/2016-08-15/services/insiders/functions"
            must(c.send(cloud, "stranger", "POST", "/2016-08-15/services", {"serviceName": "insiders", "role": role}, account=OTHER))
        must(c.send(cloud, "stranger", "POST", path, {"functionName": "insider", "runtime": "python3.9", "handler": "index.handler",
                                                      "code": {"zipFile": code}} | ({"role": role} if cloud == "fc3" else {}), account=OTHER))
        keys = must(c.send(cloud, "stranger", "POST", f"{path}/insider/invocations", account=OTHER))
    c.keys["role"] = keys
    return cloud


@pytest.mark.parametrize("account", [ACCOUNT, OTHER])
def test_the_keys_of_a_role_only_read_and_invoke_their_own(world, insider, account):
    bad = []
    for row, answer in ask_all(world, insider, "role", account):
        success = answer[0] // 100 == 2 and answer[1] is None
        if answer[0] >= 500 or MARK in answer[2] or (success and not READS.match(row[0]) and "nvoke" not in row[0]):
            bad.append((row[0], answer))
    assert bad == []


# ---- what a table does not show ----


@pytest.mark.parametrize("weight", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "-0.5", "100.5", "9223372036854775808", "null",
                                    "true", '"0.5"', "[]", "{}"])
def test_weights_that_are_none(world, weight):
    c, kept = world
    before = {cloud: state(c, kept, cloud) for cloud in CLOUDS}
    urn = f"urn:fss:local-1:{PROJECT}:function:default:{NAME}"
    asked = [("functiongraph", "PUT", f"/v2/{PROJECT}/fgs/functions/{urn}/aliases/live",
              '{"version": "1", "additional_version_weights": {"latest": %s}}', ""),
             ("fc", "PUT", "/2016-08-15/services/victims/aliases/live", '{"versionId": "1", "additionalVersionWeight": {"2": %s}}', ""),
             ("fc3", "PUT", f"/2023-03-30/functions/{NAME}/aliases/live", '{"versionId": "1", "additionalVersionWeight": {"2": %s}}', ""),
             ("scf", "POST", "/", '{"FunctionName": "victim", "Name": "live", "FunctionVersion": "1", "RoutingConfig": '
              '{"AdditionalVersionWeights": [{"Version": "$LATEST", "Weight": %s}]}}', "UpdateAlias")]
    for cloud, method, target, body, action in asked:
        status, code, text = c.send(cloud, "root", method, target, body % weight, action)
        assert status < 500 and code is not None, (cloud, text)
    for cloud in CLOUDS:
        assert changes(before[cloud], state(c, kept, cloud)) == {}


def test_one_of_twenty_creates_it(world):
    """Who comes second is told so, in every cloud; and nobody gets a 500."""
    c, _ = world
    fg = {"func_name": "race", "package": "default", "runtime": "Python3.9", "timeout": 3, "handler": "index.handler", "memory_size": 128,
          "code_type": "zip", "func_code": {"file": ZIP}}
    fc = {"functionName": "race", "runtime": "python3.9", "handler": "index.handler", "code": {"zipFile": ZIP}}
    asked = {"functiongraph": ("POST", f"/v2/{PROJECT}/fgs/functions", fg, ""), "fc": ("POST", "/2016-08-15/services/victims/functions", fc, ""),
             "fc3": ("POST", "/2023-03-30/functions", fc, ""),
             "scf": ("POST", "/", {"FunctionName": "race", "Runtime": "Python3.9", "Code": {"ZipFile": ZIP}}, "CreateFunction")}

    def one(cloud):
        other = Client.__new__(Client)
        other.e, other.keys = c.e, c.keys
        other.connection = http.client.HTTPConnection("127.0.0.1", c.e.port, timeout=60)
        try:
            return other.send(cloud, "root", *asked[cloud])
        finally:
            other.connection.close()

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        for cloud in asked:
            answers = list(pool.map(one, [cloud] * 20))
            assert sum(code is None for _, code, _ in answers) == 1 and all(status < 500 for status, _, _ in answers), answers


class Signed(S3SigV4Auth):
    """An S3 signature that leaves out a header."""

    def __init__(self, *args, without=()):
        super().__init__(*args)
        self.without = without

    def headers_to_sign(self, request):
        headers = super().headers_to_sign(request)
        for name in self.without:
            del headers[name]
        return headers


def storage(c, who, method, path, body=b"", host="", without=()):
    r = AWSRequest(method, c.e.url + path, data=body, headers={"Host": host} if host else {})
    Signed(Credentials(*c.keys[who][:2]), "s3", "us-east-1", without=without).add_auth(r)
    connection = http.client.HTTPConnection("127.0.0.1", c.e.port, timeout=30)  # others tidy paths
    try:
        connection.request(method, path, body or None, dict(r.headers.items()) | {"Content-Length": str(len(body))})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def test_what_may_not_be_put_is_refused_by_its_head(world):
    """Without a byte of the body being asked for: the answer comes while the client has sent none."""
    c, _ = world
    assert storage(c, "root", "PUT", "/victims-bucket")[0] == 200
    assert storage(c, "root", "PUT", "/victims-bucket/k", MARK.encode())[0] == 200
    for who, path in (("reader", "/victims-bucket/k"), ("stranger", "/victims-bucket/k"), ("reader", "/victims-bucket/k?partNumber=1&uploadId=x"),
                      ("stranger", "/victims-bucket/k?partNumber=1&uploadId=x"), ("wrong", "/victims-bucket/k"), ("unknown", "/victims-bucket/k")):
        r = AWSRequest("PUT", c.e.url + path, headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
        Signed(Credentials(*c.keys[who][:2]), "s3", "us-east-1").add_auth(r)
        connection = http.client.HTTPConnection("127.0.0.1", c.e.port, timeout=20)
        connection.putrequest("PUT", path)
        for k, v in r.headers.items():
            if k.lower() != "host":
                connection.putheader(k, v)
        connection.putheader("Content-Length", str(4 << 30))
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, b"<Code>" in answer.read()) == (403, True), (who, path)
        connection.close()
    for who, method, path in (("stranger", "GET", "/victims-bucket/k"), ("stranger", "GET", "/victims-bucket"), ("stranger", "DELETE", "/victims-bucket/k"),
                              ("stranger", "POST", "/victims-bucket/k?uploads"), ("stranger", "DELETE", "/victims-bucket"),
                              ("reader", "DELETE", "/victims-bucket/k"), ("reader", "POST", "/victims-bucket/k?uploads"),
                              ("reader", "PUT", "/of-readers"), ("reader", "DELETE", "/victims-bucket"), ("reader", "POST", "/victims-bucket?delete")):
        a = storage(c, who, method, path)
        assert (a[0], MARK in a[1]) == (403, False), (who, method, path, a)
    assert storage(c, "root", "GET", "/victims-bucket/k")[1] == MARK
    assert "victims-bucket" not in storage(c, "stranger", "GET", "/")[1]


def test_the_host_must_be_signed_where_it_may_name_the_bucket(world):
    c, _ = world
    assert storage(c, "root", "PUT", "/named-bucket")[0] == 200
    assert storage(c, "root", "PUT", "/named-bucket/k", b"x")[0] == 200
    host = "named-bucket.objects.localhost"
    assert storage(c, "root", "GET", "/k", host=host)[1] == "x"
    status, text = storage(c, "root", "GET", "/k", host=host, without=["host"])
    assert (status, "AuthorizationHeaderMalformed" in text) == (400, True), text


@pytest.mark.parametrize("key", ["../../etc/passwd", "a/../../b", "..", ".", "a//b", "%2e%2e%2fx", "x" * 1024, "\U0001f512" * 256, "a\nb", "'\"<&>"])
def test_a_key_is_a_name_and_no_path(world, key):
    c, _ = world
    storage(c, "root", "PUT", "/tricks-bucket")
    path = "/tricks-bucket/" + urllib.parse.quote(key, safe="/")
    put = storage(c, "root", "PUT", path, b"x")
    assert (put[0], storage(c, "root", "GET", path)) == (200, (200, "x")), put
    assert storage(c, "root", "PUT", path + "x" * 1024, b"x")[0] == 400, "past the limit"
    assert storage(c, "root", "DELETE", path)[0] == 204
    assert not (c.e.data_dir.parent / "b").exists()


def test_code_comes_out_of_no_bucket_of_another_account(world):
    c, _ = world
    assert storage(c, "root", "PUT", "/code-of-root")[0] == 200
    assert storage(c, "root", "PUT", "/code-of-root/c.zip", base64.b64decode(ZIP))[0] == 200
    body = {"functionName": "taker", "runtime": "python3.9", "handler": "index.handler",
            "code": {"ossBucketName": "code-of-root", "ossObjectName": "c.zip"}}
    status, code, text = c.send("fc3", "stranger", "POST", "/2023-03-30/functions", body, account=OTHER)
    assert 400 <= status < 500 and code, text
    fg = {"func_name": "taker", "package": "default", "runtime": "Python3.9", "timeout": 3, "handler": "index.handler", "memory_size": 128,
          "code_type": "obs"}
    for link in ("https://code-of-root.obs.local-1.myhuaweicloud.com/c.zip", "http://127.0.0.1:1/code-of-root/c.zip", "http://169.254.169.254/latest/c.zip"):
        status, code, text = c.send("functiongraph", "stranger", "POST", f"/v2/{OTHER}/fgs/functions", fg | {"code_url": link}, account=OTHER)
        assert 400 <= status < 500 and code, (link, text)
    status, code, text = c.send("scf", "stranger", "POST", "/", {"FunctionName": "taker", "Runtime": "Python3.9", "Code": {
        "CosBucketName": "code-of-root", "CosObjectName": "c.zip"}}, "CreateFunction")
    assert code is not None and not code.startswith("InternalError"), text
    must(c.send("fc3", "root", "POST", "/2023-03-30/functions", body | {"functionName": "owner-takes"}))


def test_a_link_to_code_is_good_as_it_is(world):
    c, _ = world
    url = must(c.send("fc3", "root", "GET", f"/2023-03-30/functions/{NAME}/code"))["url"]
    target = urllib.parse.urlsplit(url)
    here = f"{c.e.url}{target.path}?{target.query}"
    assert requests.get(here, timeout=30).content == base64.b64decode(ZIP)
    sha = target.path.split("/")[3]
    expires = urllib.parse.parse_qs(target.query)["expires"][0]
    for old, new in ((sha, sha[:-1] + ("0" if sha[-1] != "0" else "1")), (f"expires={expires}", f"expires={int(expires) + 1}"),
                     (f"expires={expires}", "expires=0"), ("signature=", "signature=0"), ("signature=", "s="), (".zip?", ".zi?")):
        assert old in here
        assert requests.get(here.replace(old, new), timeout=30).status_code == 403, (old, new)
