# SPDX-License-Identifier: Apache-2.0
"""What becomes of a request on its way to a function, and of an answer on its way back: one row per case, each with the document it
follows and the document's date. test_gateway_mapping.py walks through them."""
import base64

EVENT = "otc-functiongraph-csharp-runtime, trigger_apig_event.html, read 2026-11-22"
GUIDE = "usermanual-functiongraph/functiongraph_01_0204.html, 2025-08-19"
FAQ_ANSWER = "usermanual-functiongraph/functiongraph_03_0290.html, 2022-04-12"
FAQ_PATH = "usermanual-functiongraph/functiongraph_03_0860.html, 2026-01-09"
MATCHING = "usermanual-apig/apig_03_0047.html, 2025-01-10"
RFC9110 = "RFC 9110, 2022-06"
RFC3986 = "RFC 3986, 2005-01"
RFC8259 = "RFC 8259, 2017-12"
RFC4648 = "RFC 4648, 2006-10"
OURS = "docs/compat/apig.md, 2026-11-22"


def b64(data):
    return base64.b64encode(data).decode()


ABSENT = object()
EVERY_BYTE = bytes(range(256))
WHOLE = (6 << 20) - len('{"statusCode": 200, "body": ""}')  # of a body, in an answer of 6 MiB

# (name, document, request, event): the event's members by path, "headers.x-a"; request: method, target, headers, body
EVENTS = [
    ("get", EVENT, {}, {"httpMethod": "GET", "path": "/echo", "isBase64Encoded": True, "body": ""}),
    ("post", EVENT, {"method": "POST", "body": b"x"}, {"httpMethod": "POST", "body": b64(b"x")}),
    ("put", EVENT, {"method": "PUT", "body": b""}, {"httpMethod": "PUT", "body": ""}),
    ("delete", EVENT, {"method": "DELETE"}, {"httpMethod": "DELETE"}),
    ("patch", EVENT, {"method": "PATCH", "body": b"{}"}, {"httpMethod": "PATCH", "body": b64(b"{}")}),
    ("options", EVENT, {"method": "OPTIONS"}, {"httpMethod": "OPTIONS"}),
    ("no members but these", EVENT, {}, {"": ["body", "headers", "httpMethod", "isBase64Encoded", "path", "pathParameters",
                                              "queryStringParameters", "requestContext"]}),
    ("no members of the context but these", EVENT, {}, {"requestContext.": ["apiId", "requestId", "sourceIp", "stage"]}),
    ("stage", EVENT, {}, {"requestContext.stage": "RELEASE", "headers.x-stage": "RELEASE"}),
    ("source address", EVENT, {}, {"requestContext.sourceIp": "127.0.0.1", "headers.x-real-ip": "127.0.0.1"}),
    # paths
    ("a path behind the prefix", FAQ_PATH, {"target": "/echo/subpath"}, {"path": "/echo/subpath", "pathParameters": {"": "subpath"}}),
    ("several segments behind it", EVENT, {"target": "/echo/a/b"}, {"path": "/echo/a/b", "pathParameters": {"": "a/b"}}),
    ("an escaped blank", RFC3986, {"target": "/echo/a%20b"}, {"path": "/echo/a b", "pathParameters": {"": "a b"}}),
    ("an escaped percent", RFC3986, {"target": "/echo/100%25"}, {"path": "/echo/100%", "pathParameters": {"": "100%"}}),
    ("escaped twice is decoded once", RFC3986, {"target": "/echo/%2541"}, {"path": "/echo/%41"}),
    ("a plus is a plus in a path", RFC3986, {"target": "/echo/a+b"}, {"path": "/echo/a+b"}),
    ("characters beyond ASCII", RFC3986, {"target": "/echo/%E4%BD%A0"}, {"path": "/echo/\u4f60", "pathParameters": {"": "\u4f60"}}),
    ("a parameter of the path", MATCHING, {"target": "/item/7/x"}, {"path": "/item/7/x", "pathParameters": {"id": "7"}}),
    ("an escaped parameter", MATCHING, {"target": "/item/a%20%22b/x"}, {"pathParameters": {"id": 'a "b'}}),
    ("the rest of the path", MATCHING, {"target": "/deep/a/b/c"}, {"pathParameters": {"rest": "a/b/c"}}),
    ("no parameters", EVENT, {"target": "/plain"}, {"pathParameters": {}}),
    # query
    ("no query", EVENT, {}, {"queryStringParameters": {}}),
    ("an empty query", EVENT, {"target": "/echo?"}, {"queryStringParameters": {}}),
    ("a query", FAQ_PATH, {"target": "/echo?a=1&b=2"}, {"queryStringParameters": {"a": "1", "b": "2"}, "path": "/echo"}),
    ("a key twice", OURS, {"target": "/echo?a=1&a=2"}, {"queryStringParameters": {"a": "2"}}),
    ("keys have case", OURS, {"target": "/echo?a=1&A=2"}, {"queryStringParameters": {"a": "1", "A": "2"}}),
    ("a key without =", OURS, {"target": "/echo?a&b=1"}, {"queryStringParameters": {"a": "", "b": "1"}}),
    ("a key without a value", OURS, {"target": "/echo?a="}, {"queryStringParameters": {"a": ""}}),
    ("a value without a key", OURS, {"target": "/echo?=1"}, {"queryStringParameters": {"": "1"}}),
    ("= in a value", OURS, {"target": "/echo?a=b=c"}, {"queryStringParameters": {"a": "b=c"}}),
    ("empty pairs", OURS, {"target": "/echo?&&a=1&"}, {"queryStringParameters": {"a": "1"}}),
    ("a plus is a blank in a query", OURS, {"target": "/echo?a=b+c%2B"}, {"queryStringParameters": {"a": "b c+"}}),
    ("an escaped key and value", RFC3986, {"target": "/echo?%61%26=%E4%BD%A0%3D"}, {"queryStringParameters": {"a&": "\u4f60="}}),
    ("what is no escape stays", OURS, {"target": "/echo?a=%zz"}, {"queryStringParameters": {"a": "%zz"}}),
    ("bytes that are not UTF-8", OURS, {"target": "/echo?a=%ff"}, {"queryStringParameters": {"a": "\ufffd"}}),
    # headers
    ("names in lower case", EVENT, {"headers": [("X-MiXed", "VaLue")]}, {"headers.x-mixed": "VaLue", "headers.X-MiXed": ABSENT}),
    ("a header twice", RFC9110, {"headers": [("Accept", "a/b"), ("accept", "c/d")]}, {"headers.accept": "a/b, c/d"}),
    ("cookies twice", RFC9110, {"headers": [("Cookie", "a=1"), ("cookie", "b=2")]}, {"headers.cookie": "a=1; b=2"}),
    ("an empty header", RFC9110, {"headers": [("X-Empty", "")]}, {"headers.x-empty": ""}),
    ("quotes in a header", RFC8259, {"headers": [("X-Q", 'a"\\b')]}, {"headers.x-q": 'a"\\b'}),
    ("the connection's own", RFC9110, {"headers": [("Connection", "X-Mine"), ("X-Mine", "1"), ("TE", "trailers"), ("Keep-Alive", "5"),
                                                   ("Upgrade", "h2c"), ("Proxy-Authorization", "x")]},
     {"headers.connection": ABSENT, "headers.x-mine": ABSENT, "headers.te": ABSENT, "headers.keep-alive": ABSENT,
      "headers.upgrade": ABSENT, "headers.proxy-authorization": ABSENT}),
    ("forwarded", EVENT, {}, {"headers.x-forwarded-for": "127.0.0.1", "headers.x-forwarded-proto": "http"}),
    ("forwarded before", OURS, {"headers": [("X-Forwarded-For", "9.9.9.9")]}, {"headers.x-forwarded-for": "9.9.9.9, 127.0.0.1"}),
    ("nobody says he is somebody else", OURS, {"headers": [("X-Real-IP", "9.9.9.9"), ("X-Forwarded-Proto", "https"),
                                                           ("X-Forwarded-Host", "evil")]},
     {"headers.x-real-ip": "127.0.0.1", "headers.x-forwarded-proto": "http", "requestContext.sourceIp": "127.0.0.1"}),
    ("the first pass", MATCHING, {}, {"headers.x-apig-count": "1"}),
    ("the third pass", MATCHING, {"headers": [("X-Apig-Count", "2")]}, {"headers.x-apig-count": "3"}),
    ("authorization goes on", OURS, {"headers": [("Authorization", "Bearer x")]}, {"headers.authorization": "Bearer x"}),
    # bodies
    ("a text", EVENT, {"method": "POST", "body": b'{"name": "OpenTelekomCloud"}'},
     {"body": "eyJuYW1lIjogIk9wZW5UZWxla29tQ2xvdWQifQ==", "isBase64Encoded": True}),
    ("every byte", GUIDE, {"method": "POST", "body": EVERY_BYTE}, {"body": b64(EVERY_BYTE)}),
    ("a form", GUIDE, {"method": "POST", "body": b"a=1&b=2", "headers": [("Content-Type", "application/x-www-form-urlencoded")]},
     {"body": b64(b"a=1&b=2"), "headers.content-type": "application/x-www-form-urlencoded"}),
    ("a megabyte", GUIDE, {"method": "POST", "body": b"z" * (1 << 20)}, {"body": b64(b"z" * (1 << 20))}),
    ("chunks", RFC9110, {"method": "POST", "chunks": [b"ab", b"c", b"\x00"]}, {"body": b64(b"abc\x00")}),
    ("plain text where the API wants it", GUIDE, {"method": "POST", "target": "/plain", "body": b'{"a":"\xe4\xbd\xa0"}\n'},
     {"body": '{"a":"\u4f60"}\n', "isBase64Encoded": False}),
    ("plain and empty", GUIDE, {"target": "/plain"}, {"body": "", "isBase64Encoded": False}),
    ("plain, but no text", OURS, {"method": "POST", "target": "/plain", "body": EVERY_BYTE},
     {"body": b64(EVERY_BYTE), "isBase64Encoded": True}),
    ("plain, with a NUL", OURS, {"method": "POST", "target": "/plain", "body": b"a\x00b"}, {"body": "a\x00b", "isBase64Encoded": False}),
]

PAGE = {"statusCode": 200, "headers": {"Content-Type": "text/html; charset=utf-8"}, "body": "<h1>\u4f60</h1>", "isBase64Encoded": False}
FORM = 'type format must be: {"statusCode":200,"isBase64Encoded":false,"headers":{},"body":""}'
NO_STATUS = "'statusCode' of APIG trigger invocation result not specified, statusCode can not be 0"


def text_of(value):
    import json
    return json.dumps(value)


def bad(said):
    """500 FSS.1206, with this in its sentence."""
    return 500, {"content-type": "application/json"}, ("FSS.1206", said)


# (name, document, what the function returns, (status, headers, body)): a header that is a list comes as often, None not at all;
# body: bytes, or (error code, part of its message)
ANSWERS = [
    ("a page", GUIDE, PAGE, (200, {"content-type": "text/html; charset=utf-8"}, "<h1>\u4f60</h1>".encode())),
    ("a text of it", GUIDE, text_of(PAGE), (200, {"content-type": "text/html; charset=utf-8"}, "<h1>\u4f60</h1>".encode())),
    ("base64", GUIDE, {"statusCode": 200, "isBase64Encoded": True, "body": b64(EVERY_BYTE), "headers": {"Content-Type": "image/png"}},
     (200, {"content-type": "image/png"}, EVERY_BYTE)),
    ("a status of its own", GUIDE, {"statusCode": 404, "body": "gone"}, (404, {}, b"gone")),
    ("an error of its own", GUIDE, {"statusCode": 500, "body": "broken"}, (500, {}, b"broken")),
    ("a status without a name", RFC9110, {"statusCode": 299, "body": "x"}, (299, {}, b"x")),
    ("the highest status", RFC9110, {"statusCode": 599, "body": "x"}, (599, {}, b"x")),
    ("a status too high", RFC9110, {"statusCode": 600, "body": "x"}, bad("'statusCode' must be between 200 and 599, not 600")),
    ("an interim status", RFC9110, {"statusCode": 100}, bad("between 200 and 599, not 100")),
    ("a status as text", OURS, {"statusCode": "201", "body": "x"}, (201, {}, b"x")),
    ("a status that is no number", OURS, {"statusCode": "OK"}, bad("between 200 and 599, not \"OK\"")),
    ("a status with a fraction", OURS, {"statusCode": 200.5}, bad("between 200 and 599, not 200.5")),
    ("no status", GUIDE, {"body": "x"}, bad(NO_STATUS)),
    ("status null", OURS, {"statusCode": None}, bad(NO_STATUS)),
    ("status 0", GUIDE, {"statusCode": 0}, bad(NO_STATUS)),
    # what is no answer
    ("a word", FAQ_ANSWER, "Hello", bad("invalid type of APIG trigger invocation result:[")),
    ("a word: the form", FAQ_ANSWER, "Hello", bad(FORM)),
    ("a number", FAQ_ANSWER, 5, bad("invocation result:[5], " + FORM)),
    ("true", FAQ_ANSWER, True, bad("invocation result:[true], " + FORM)),
    ("nothing", FAQ_ANSWER, None, bad("invalid type of APIG trigger invocation result:[")),
    ("a list", FAQ_ANSWER, [PAGE], bad("invalid type of APIG trigger invocation result:[")),
    ("an empty object", FAQ_ANSWER, {}, bad(NO_STATUS)),
    ("the wrong case", OURS, {"StatusCode": 200}, bad(NO_STATUS)),
    # bodies
    ("no body", OURS, {"statusCode": 200}, (200, {"content-length": "0"}, b"")),
    ("body null", OURS, {"statusCode": 200, "body": None}, (200, {"content-length": "0"}, b"")),
    ("an empty body", OURS, {"statusCode": 200, "body": ""}, (200, {"content-length": "0"}, b"")),
    ("a body that is an object", GUIDE, {"statusCode": 200, "body": {"a": 1}}, bad("'body' must be text")),
    ("a body that is a number", GUIDE, {"statusCode": 200, "body": 1}, bad("'body' must be text")),
    ("a NUL in a body", RFC8259, {"statusCode": 200, "body": "a\x00b"}, (200, {}, b"a\x00b")),
    ("an emoji", RFC8259, {"statusCode": 200, "body": "\U0001f600"}, (200, {}, "\U0001f600".encode())),
    ("four megabytes", GUIDE, {"statusCode": 200, "body": {"repeat": 4 << 20}}, (200, {"content-length": str(4 << 20)}, b"z" * (4 << 20))),
    # base64
    ("base64 by a word", OURS, {"statusCode": 200, "body": "aGk=", "isBase64Encoded": "true"}, (200, {}, b"hi")),
    ("base64 of nothing", OURS, {"statusCode": 200, "body": "", "isBase64Encoded": True}, (200, {}, b"")),
    ("no base64", RFC4648, {"statusCode": 200, "body": "not base64!", "isBase64Encoded": True}, bad("'body' is not base64")),
    ("base64 without padding", RFC4648, {"statusCode": 200, "body": "aGk", "isBase64Encoded": True}, bad("'body' is not base64")),
    ("base64 in lines", RFC4648, {"statusCode": 200, "body": "aG\nk=\n", "isBase64Encoded": True}, (200, {}, b"hi")),
    ("base64 of a URL", RFC4648, {"statusCode": 200, "body": "_-8=", "isBase64Encoded": True}, bad("'body' is not base64")),
    ("base64 neither nor", OURS, {"statusCode": 200, "body": "aGk=", "isBase64Encoded": 1}, bad("'isBase64Encoded' must be true or false")),
    # headers
    ("no content type", OURS, {"statusCode": 200, "body": "x"}, (200, {"content-type": "text/plain; charset=utf-8"}, b"x")),
    ("a content type in any case", RFC9110, {"statusCode": 200, "headers": {"CONTENT-TYPE": "a/b"}, "body": "x"},
     (200, {"content-type": ["a/b"]}, b"x")),
    ("two content types", OURS, {"statusCode": 200, "headers": {"Content-Type": "a/b", "content-type": "c/d"}, "body": "x"},
     (200, {"content-type": ["a/b"]}, b"x")),
    ("two cookies", OURS, {"statusCode": 200, "headers": {"Set-Cookie": ["a=1; Path=/", "b=2"]}},
     (200, {"set-cookie": ["a=1; Path=/", "b=2"]}, b"")),
    ("two cookies by case", RFC9110, {"statusCode": 200, "headers": {"Set-Cookie": "a=1", "set-cookie": "b=2"}},
     (200, {"set-cookie": ["a=1", "b=2"]}, b"")),
    ("numbers and booleans", OURS, {"statusCode": 200, "headers": {"X-N": 7, "X-F": 2.5, "X-B": True, "X-Z": None}},
     (200, {"x-n": "7", "x-f": "2.5", "x-b": "true", "x-z": None}, b"")),
    ("a redirect", RFC9110, {"statusCode": 302, "headers": {"Location": "/there?a=b"}}, (302, {"location": "/there?a=b"}, b"")),
    ("headers null", OURS, {"statusCode": 200, "headers": None, "body": "x"}, (200, {}, b"x")),
    ("headers that are a list", GUIDE, {"statusCode": 200, "headers": [], "body": "x"}, bad("'headers' must be an object")),
    ("a header that is an object", GUIDE, {"statusCode": 200, "headers": {"a": {}}}, bad('header "a" must be text')),
    ("a line end in a value", RFC9110, {"statusCode": 200, "headers": {"X-A": "1\r\nSet-Cookie: evil=1"}},
     (500, {"set-cookie": None}, ("FSS.1206", "header 'X-A' has a value with a line end"))),
    ("a line end in a name", RFC9110, {"statusCode": 200, "headers": {"X-A: 1\r\nSet-Cookie": "evil=1"}},
     (500, {"set-cookie": None}, ("FSS.1206", "is no name of a header"))),
    ("a line end in the content type", RFC9110, {"statusCode": 200, "headers": {"Content-Type": "a/b\r\n\r\n<script>"}},
     (500, {"content-type": "application/json"}, ("FSS.1206", "header 'Content-Type'"))),
    ("no name", RFC9110, {"statusCode": 200, "headers": {"": "1"}}, bad("is no name of a header")),
    ("a name beyond ASCII", RFC9110, {"statusCode": 200, "headers": {"X-\u4f60": "1"}}, bad("is no name of a header")),
    ("the connection's own", RFC9110, {"statusCode": 200, "headers": {"Connection": "close, X-Mine", "X-Mine": "1", "Keep-Alive": "x",
                                                                      "Transfer-Encoding": "chunked", "Upgrade": "h2c", "TE": "x",
                                                                      "Trailer": "x", "Proxy-Authenticate": "x"}, "body": "x"},
     (200, {"connection": None, "x-mine": None, "keep-alive": None, "transfer-encoding": None, "upgrade": None, "te": None,
            "trailer": None, "proxy-authenticate": None, "content-length": "1"}, b"x")),
    ("a length of its own", RFC9110, {"statusCode": 200, "headers": {"Content-Length": "100"}, "body": "x"},
     (200, {"content-length": ["1"]}, b"x")),
    ("what the gateway says", OURS, {"statusCode": 200, "headers": {"X-Request-Id": "mine", "X-Apig-Latency": "0", "Date": "never"},
                                     "body": "x"}, (200, {"x-apig-latency": None}, b"x")),
    ("an encoding of its own", RFC9110, {"statusCode": 200, "headers": {"Content-Encoding": "gzip"}, "body": "aGk=", "isBase64Encoded": True},
     (200, {"content-encoding": "gzip"}, b"hi")),
    ("a header of 32 KiB", OURS, {"statusCode": 200, "headers": {"X-A": {"repeat": (32 << 10) - 3}}},
     (200, {"x-a": "z" * ((32 << 10) - 3)}, b"")),
    ("a header of 32 KiB and a byte", OURS, {"statusCode": 200, "headers": {"X-A": {"repeat": (32 << 10) - 2}}},
     (502, {"x-a": None}, ("APIG.0202", ""))),
    # without a body
    ("204 with a body", RFC9110, {"statusCode": 204, "body": "x"}, (204, {"content-length": None, "content-type": None}, b"")),
    ("304 with a body", RFC9110, {"statusCode": 304, "headers": {"ETag": '"1"'}, "body": "x"}, (304, {"etag": '"1"'}, b"")),
    ("205 with a body", RFC9110, {"statusCode": 205, "body": "x"}, (205, {"content-length": "0"}, b"")),
    # failures
    ("an error", OURS, {"raise": "on purpose"}, (500, {}, ("FSS.", ""))),
    ("6 MiB", OURS, {"statusCode": 200, "body": {"repeat": WHOLE}}, (200, {"content-length": str(WHOLE)}, b"z" * WHOLE)),
    ("6 MiB and a byte", OURS, {"statusCode": 200, "body": {"repeat": WHOLE + 1}}, (500, {}, ("FSS.0500", ""))),
]
