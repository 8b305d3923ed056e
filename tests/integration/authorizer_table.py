# SPDX-License-Identifier: Apache-2.0
"""What custom authorizers may answer, and what their callers get: one case per line, with the document that says so.

say     what the authorizer's function does, as FUNCTION below reads it from the header x-say
via     which of AUTHORIZERS the API has; its name is the API's path
want    status; code and msg of a refusal; context: what reached the backend; seen: what of its event
        the function saw
"""
import json

HUAWEI = "https://support.huaweicloud.com/intl/en-us/"
GUIDE = HUAWEI + "devg-apig/apic-ug-190521108.html (2024-06-27)"
BACKEND = HUAWEI + "ae-ad-1-devg-apig/apic-ug-190522109.html (2024-10-09)"
BEST = HUAWEI + "bestpractice-apig/apig-bp-200706001.html (2025-11-17)"
MANUAL = HUAWEI + "usermanual-apig/apig_03_0069.html (2025-09-26)"
ERRORS = HUAWEI + "usermanual-apig/apig_03_0048.html (2025-09-26)"
TYPES = HUAWEI + "usermanual-apig/apig_03_0008.html (seen 2026-11-22)"
CREATE = HUAWEI + "ally-visitor-1-api-apig/CreateCustomAuthorizerV2.html (2025-12-19)"
CAPTURE = "an answer of the real gateway, captured 2023-09-04 (docs/compat/apig.md)"
OURS = "docs/compat/apig.md (2026-11-22): the documents are silent"

# One function for all cases: it does what the request tells it to. A string is answered as JSON text is in Python's samples.
PYTHON = '''
import base64, json, os, time

def seen(event):
    context = event.get("requestContext", {})
    return {"query": event.get("queryStringParameters"), "user_data": event.get("user_data"), "body": event.get("body"),
            "base64": event.get("isBase64Encoded"), "method": event.get("httpMethod"), "path": event.get("path"),
            "stage": context.get("stage"), "api": bool(context.get("apiId")), "header": event["headers"].get("x-mark"),
            "path_params": event.get("pathParameters")}

def handler(event, context):
    say = json.loads(base64.b64decode(event["headers"]["x-say"]))
    do, what = say["do"], say.get("what")
    if do == "return":
        return what
    if do == "text":
        return json.dumps(what)
    if do == "seen":
        return {"statusCode": 200, "body": json.dumps({"status": "allow", "context": {"seen": json.dumps(seen(event))}})}
    if do == "size":  # a little over so many bytes
        return {"statusCode": 200, "body": json.dumps({"status": "allow", "context": {"filler": "v" * what}})}
    if do == "raise":
        raise ValueError(what)
    if do == "hang":
        time.sleep(600)
    if do == "exit":
        os._exit(3)
'''

NODE = '''
exports.handler = async (event, context) => {
    const say = JSON.parse(Buffer.from(event.headers["x-say"], "base64").toString());
    if (say.do === "return") return say.what;
    if (say.do === "text") return JSON.stringify(say.what);
    if (say.do === "raise") throw new Error(say.what);
    if (say.do === "exit") process.exit(3);
};
'''

# The guide's three variants, in our words: who it is stands in a header, in the query, or in the authorizer's own data.
GUIDE_HEADER = '''
import json
def handler(event, context):
    good = event["headers"].get("authorization") == "Basic dXNlcjE6cGFzc3dvcmQ="
    body = {"status": "allow", "context": {"user": "user1"}} if good else {"status": "deny", "context": {"code": "1001"}}
    return {"statusCode": 200, "body": json.dumps(body)}
'''
GUIDE_QUERY = '''
import json
def handler(event, context):
    good = event["queryStringParameters"].get("test") == "user@123"
    return json.dumps({"statusCode": 200, "body": json.dumps({"status": "allow" if good else "deny"})})
'''
GUIDE_DATA = '''
import json
def handler(event, context):
    good = event.get("user_data") == "vip"
    return {"statusCode": 200 if good else 401, "body": json.dumps({"status": "allow" if good else "deny"})}
'''

FUNCTIONS = {  # name: (runtime, source)
    "judge": ("Python3.9", PYTHON), "judgejs": ("Node.js18.15", NODE),
    "byheader": ("Python3.9", GUIDE_HEADER), "byquery": ("Python3.9", GUIDE_QUERY), "bydata": ("Python3.9", GUIDE_DATA),
}


def header(name, **more):
    return {"name": name, "location": "HEADER", **more}


def query(name, **more):
    return {"name": name, "location": "QUERY", **more}


# name: (function, fields of the authorizer)
AUTHORIZERS = {
    "plain": ("judge", {}),
    "node": ("judgejs", {}),
    "body": ("judge", {"need_body": True}),
    "data": ("judge", {"user_data": "a \"text\" of its own, ü"}),
    "header": ("judge", {"identities": [header("Token")], "ttl": 0}),
    "query": ("judge", {"identities": [query("token")], "ttl": 0}),
    "both": ("judge", {"identities": [header("Token"), query("user")], "ttl": 0}),
    "valid": ("judge", {"identities": [header("Token", validation="^[a-z]{3}[0-9]+$")], "ttl": 0}),
    "slow": ("judge", {"identities": [header("Token", validation="^(a+)+\\1$x")], "ttl": 0}),
    "kept": ("judge", {"identities": [header("Token")], "ttl": 60}),
    "guide_header": ("byheader", {}),
    "guide_query": ("byquery", {}),
    "guide_data": ("bydata", {"user_data": "vip"}),
    "guide_other": ("bydata", {"user_data": "someone"}),
    "gone": ("nobody", {}),
}

# What the APIs map to headers of the backend; a header's name is shorter than a context's may be, and knows no case.
MAPPED = {n: "x-ctx-" + n for n in ("user", "n", "f", "t", "x", "z", "a-1_B", "seen")} | {"User": "x-ctx-capital", "a" * 32: "x-ctx-long"}


def answer(status="allow", context=None, code=200, **more):
    body = {"status": status} if status is not None else {}
    if context is not None:
        body["context"] = context
    return {"statusCode": code, "body": json.dumps(body), **more}


def returns(what):
    return {"do": "return", "what": what}


def body(text, **more):
    return returns({"statusCode": 200, "body": text, **more})


OK = {"status": 200}
DENIED = {"status": 401, "code": "APIG.0305", "msg": "Incorrect authentication information: frontend authorizer"}
BROKEN = {**DENIED, "status": 500}
ALLOW = returns(answer())

CASES = []


def case(name, doc, want, say=ALLOW, via="plain", **request):
    CASES.append({"name": name, "doc": doc, "want": want, "say": say, "via": via, **request})


def context(values, want=None):
    return returns(answer(context=values)), {"status": 200, "context": want or {k: str(v) for k, v in values.items()}}


# ---- allow and deny ----
case("allow without context", GUIDE, OK)
case("allow as a JSON string", GUIDE, OK, {"do": "text", "what": answer()})
case("allow in Node", GUIDE, OK, via="node")
case("allow in Node as a JSON string", GUIDE, OK, {"do": "text", "what": answer()}, via="node")
case("deny", CAPTURE, DENIED, returns(answer("deny")))
case("deny as a JSON string", CAPTURE, DENIED, {"do": "text", "what": answer("deny")})
case("deny in Node", CAPTURE, DENIED, returns(answer("deny")), via="node")
case("deny with a context", BEST, DENIED, returns(answer("deny", {"code": "1001", "message": "no"})))
case("deny with status 401", GUIDE, DENIED, returns(answer("deny", code=401)))
case("deny with status 500", OURS, DENIED, returns(answer("deny", code=500)))
case("status as text", OURS, OK, returns(answer(code="200")))
case("status 204 allows as well", OURS, OK, returns(answer(code=204)))
case("fields nobody knows", OURS, OK, returns(answer(headers={"a": "b"}, more=[1])))
case("a body in base64", OURS, OK, body("eyJzdGF0dXMiOiJhbGxvdyJ9", isBase64Encoded=True))
case("a context that is null", OURS, OK, body('{"status":"allow","context":null}'))
case("an empty context", GUIDE, OK, body('{"status":"allow","context":{}}'))

# ---- the guide's variants ----
case("guide, header, right", BEST, {"status": 200, "context": {"user": "user1"}}, via="guide_header",
     headers={"Authorization": "Basic dXNlcjE6cGFzc3dvcmQ="})
case("guide, header, wrong", CAPTURE, DENIED, via="guide_header", headers={"Authorization": "Basic d3Jvbmc="})
case("guide, header, none", CAPTURE, DENIED, via="guide_header")
case("guide, query, right", GUIDE, OK, via="guide_query", query={"test": "user@123"})
case("guide, query, wrong", GUIDE, DENIED, via="guide_query", query={"test": "user@124"})
case("guide, query, none", GUIDE, DENIED, via="guide_query")
case("guide, user data, right", GUIDE, OK, via="guide_data")
case("guide, user data, wrong", GUIDE, DENIED, via="guide_other")

# ---- context ----
for name, values, want in [
        ("text", {"user": "abc"}, None), ("empty text", {"user": ""}, {"user": ""}),
        ("a whole number", {"n": 42}, {"n": "42"}), ("a fraction", {"f": 1.5}, {"f": "1.5"}), ("a negative number", {"n": -7}, {"n": "-7"}),
        ("true", {"t": True}, {"t": "true"}), ("false", {"x": False}, {"x": "false"}), ("null", {"z": None}, {"z": "null"})]:
    case("context: " + name, GUIDE if name == "text" else OURS, context(values, want)[1], context(values)[0])
case("context: letters, digits, - and _", GUIDE, context({"a-1_B": "v"})[1], context({"a-1_B": "v"})[0])
case("context: a name of 32", GUIDE, context({"a" * 32: "v"})[1], context({"a" * 32: "v"})[0])
case("context: a name of 33", GUIDE, BROKEN, context({"a" * 33: "v"})[0])
case("context: names differ by case", GUIDE, {"status": 200, "context": {"user": "1", "User": None}}, context({"user": "1"})[0])
case("context: a name that begins with a digit", GUIDE, BROKEN, context({"1a": "v"})[0])
case("context: a name that begins with _", GUIDE, BROKEN, context({"_a": "v"})[0])
case("context: a name with a dot", GUIDE, BROKEN, context({"a.b": "v"})[0])
case("context: a name with a blank", GUIDE, BROKEN, context({"a b": "v"})[0])
case("context: a name that is not ASCII", GUIDE, BROKEN, context({"ä": "v"})[0])
case("context: an empty name", GUIDE, BROKEN, context({"": "v"})[0])
case("context: an object", GUIDE, BROKEN, context({"user": {"name": "a"}})[0])
case("context: a list", GUIDE, BROKEN, context({"user": ["a"]})[0])
case("context: is a list", GUIDE, BROKEN, returns(answer(context=["a"])))
case("context: is text", GUIDE, BROKEN, returns(answer(context="user")))
case("context: bad in a denial too", GUIDE, BROKEN, returns(answer("deny", {"user": {}})))

# ---- another form ----
case("no status", GUIDE, BROKEN, returns(answer(None)))
case("status in capitals", GUIDE, BROKEN, returns(answer("ALLOW")))
case("status true", GUIDE, BROKEN, returns(answer(True)))
case("status empty", GUIDE, BROKEN, returns(answer("")))
case("an unknown status", GUIDE, BROKEN, returns(answer("maybe")))
case("no body", GUIDE, BROKEN, returns({"statusCode": 200}))
case("an empty body", GUIDE, BROKEN, body(""))
case("a body that is no JSON", GUIDE, BROKEN, body("{'status': 'allow'}"))
case("a body that is cut off", GUIDE, BROKEN, body('{"status":"allow"'))
case("a body that is an object", GUIDE, BROKEN, returns({"statusCode": 200, "body": {"status": "allow"}}))
case("a body that is a list", GUIDE, BROKEN, body('["allow"]'))
case("no statusCode", GUIDE, BROKEN, returns({"body": '{"status":"allow"}'}))
case("statusCode 0", OURS, BROKEN, returns(answer(code=0)))
case("allow with statusCode 500", OURS, BROKEN, returns(answer(code=500)))
case("null", GUIDE, BROKEN, returns(None))
case("true", GUIDE, BROKEN, returns(True))
case("a list", GUIDE, BROKEN, returns([answer()]))
case("plain text", GUIDE, BROKEN, returns("allow"))
case("a JSON string of the text", GUIDE, OK, returns(json.dumps(json.dumps(answer()))))
case("a string in that string", OURS, BROKEN, returns(json.dumps(json.dumps(json.dumps(answer())))))
case("another cloud's policy", GUIDE, BROKEN, returns({"principalId": "u", "policyDocument": {"Statement": [{"Effect": "Allow"}]}}))
case("over 1 MB", GUIDE, BROKEN, {"do": "size", "what": 1048576})
case("below 1 MB", GUIDE, OK, {"do": "size", "what": 1000000})

# ---- a function that fails ----
case("it raises", TYPES, BROKEN, {"do": "raise", "what": "no"})
case("it throws in Node", TYPES, BROKEN, {"do": "raise", "what": "no"}, via="node")
case("it exits", TYPES, BROKEN, {"do": "exit"})
case("it takes too long", TYPES, BROKEN, {"do": "hang"})
case("there is none", TYPES, BROKEN, via="gone")

# ---- identities ----
case("a header is there", MANUAL, OK, via="header", headers={"token": "a"})
case("a header is missing", TYPES, DENIED, via="header")
case("a header is empty", OURS, DENIED, via="header", headers={"token": ""})
case("a header's place is not the query", MANUAL, DENIED, via="header", query={"Token": "a"})
case("a parameter is there", MANUAL, OK, via="query", query={"token": "a"})
case("a parameter is missing", TYPES, DENIED, via="query")
case("a parameter is empty", OURS, DENIED, via="query", query={"token": ""})
case("a parameter's name has a case", OURS, DENIED, via="query", query={"Token": "a"})
case("both are there", MANUAL, OK, via="both", headers={"token": "a"}, query={"user": "b"})
case("one of two is missing", TYPES, DENIED, via="both", headers={"token": "a"})
case("a value is valid", CREATE, OK, via="valid", headers={"token": "abc123"})
case("a value is not valid", CREATE, DENIED, via="valid", headers={"token": "abc"})
case("an expression that takes for ever", OURS, DENIED, via="slow", headers={"token": "a" * 64})
case("an identity is asked for with ttl > 0", MANUAL, DENIED, via="kept")

# ---- what the function sees ----
case("event: query", GUIDE, {"status": 200, "seen": {"query": {"a": "1", "b": "x y"}}}, {"do": "seen"}, query={"a": "1", "b": "x y"})
case("event: headers", GUIDE, {"status": 200, "seen": {"header": "m"}}, {"do": "seen"}, headers={"X-Mark": "m"})
case("event: user data", GUIDE, {"status": 200, "seen": {"user_data": "a \"text\" of its own, ü"}}, {"do": "seen"}, via="data")
case("event: method and path", OURS, {"status": 200, "seen": {"method": "POST", "path": "/plain", "api": True, "stage": "RELEASE"}}, {"do": "seen"},
     method="POST", body="x")
case("event: no body", CREATE, {"status": 200, "seen": {"body": ""}}, {"do": "seen"}, method="POST", body="payload")
case("event: the body where it is needed", CREATE, {"status": 200, "seen": {"body": "cGF5bG9hZA==", "base64": True}}, {"do": "seen"}, via="body",
     method="POST", body="payload")
