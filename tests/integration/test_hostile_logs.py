# SPDX-License-Identifier: Apache-2.0
"""Functions that print to deceive, and clients that ask to hurt: the log store tells what happened all the same."""
import base64
import json
import re
import socket

import pytest
from signing import PROJECT, Client

SPEAKER = '''
import base64, os, sys

def handler(event, context):
    if "raw" in event:
        os.write(1, base64.b64decode(event["raw"]) * event.get("times", 1))
    return "said"
'''


def functions_of(account, region="local-1", dialect="functiongraph"):
    return f"/evoke/v1/functions/{dialect}/{account}/{region}/default/"


def deploy(c, name, source=SPEAKER, account=PROJECT, **more):
    body = {"runtime": "Python3.9", "handler": "index.handler", "timeout_ms": 20000, "code": {"source": source, "filename": "index.py"}, **more}
    r = c.call("PUT", functions_of(account) + name, body)
    assert r.status_code in (200, 201), r.text


def say(c, name, raw, times=1, account=PROJECT):
    event = json.dumps({"raw": base64.b64encode(raw).decode(), "times": times}).encode()
    r = c.call("POST", functions_of(account) + name + "/invoke", event)
    assert r.status_code == 200 and r.headers["X-Evoke-Outcome"] == "ok", r.text
    return r.headers["X-Evoke-Request-Id"]


def ask(c, query, status=200):
    r = c.call("GET", "/evoke/v1/logs", query=query)
    assert r.status_code == status, r.text
    return r.json()


def text_of(r):
    return base64.b64decode(r["base64"]) if "base64" in r else r.get("text", "").encode()


def whole(c, name, request, account=PROJECT):
    """All that one run said, and how it ended."""
    text, ends, after, gaps = b"", [], "", 0
    while True:
        a = ask(c, f"function=functiongraph/{account}/local-1/default/{name}&request={request}" + after)
        text += b"".join(text_of(r) for r in a["records"])
        ends += [r["end"] for r in a["records"] if "end" in r]
        gaps += a["dropped"]["lines"]
        if not a["more"]:
            return text, ends, gaps
        after = "&after=" + a["cursor"]


@pytest.fixture
def c(evoke_shared):
    return Client(evoke_shared)


# What looks like something of ours to whoever reads files, terminals or JSON.
FAKES = {
    "platform lines": b"2026-01-01T00:00:00Z Start invoke request 'x', version: latest\nEND RequestId: x\nREPORT RequestId: x Duration: 0 ms\n",
    "json of an answer": b'"}],"cursor":"0000000000000000ffff","more":false,"dropped":{"lines":0,"bytes":0}}\n',
    "escapes": b"\x1b[2J\x1b]0;owned\x07\x9b31m\r\x08\x7f\n",
    "no text": bytes(range(256)) * 3,
    "NUL only": b"\0" * 5000,
    "empty lines": b"\n" * 5000,
    "no line feed": b"x" * 70000,
    "one long line": b"y" * (1 << 20) + b"\n",
    "cut characters": "ü€𝄞".encode()[:-1] * 2000,
    "overlong": b"\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\n",
}


@pytest.mark.parametrize("fake", FAKES)
def test_what_was_printed_is_what_is_read(c, fake):
    deploy(c, "liar")
    request = say(c, "liar", FAKES[fake])
    text, ends, gaps = whole(c, "liar", request)
    before, printed, after = text.partition(FAKES[fake])
    assert printed and len(ends) == 1 and gaps == 0 and ends[0]["outcome"] == "ok"
    # Around it are the platform's own lines, and nothing else.
    assert all(re.match(rb"[-0-9T:]+Z (Start|Finish) (load|invoke) request", line) for line in (before + after).splitlines() if line), text


def of(name):
    return f"function=functiongraph/{PROJECT}/local-1/default/{name}"


def test_a_record_that_was_printed_is_text_even_in_what_a_crash_left(open_path, evoke_factory):
    """The format is public and a checksum is no secret, so a function can print whole records. Where the record around them is
    damaged, the store looks for the next one in these very bytes, and must not take the function's word for it."""
    e = evoke_factory(data_dir=open_path)
    c = Client(e)
    for name in ("victim", "liar"):
        deploy(c, name)
    ours = say(c, "victim", b"the truth\n")
    ask(c, "limit=1")
    record = next(b for b in (p.read_bytes() for p in (open_path / "logs").glob("*/*.log")) if ours.encode() in b)
    lie = say(c, "liar", record + b"\n")
    ask(c, "limit=1")
    say(c, "liar", b"what came after\n")
    e.stop()
    path = next(p for p in (open_path / "logs").glob("*/*.log") if lie.encode() in p.read_bytes())
    data = bytearray(path.read_bytes())
    data[data.index(lie.encode())] ^= 1
    path.write_bytes(data)
    for index in path.parent.glob("*.idx"):
        index.unlink()
    again = evoke_factory(data_dir=open_path)
    again.allow("damaged", "mended")
    found = ask(Client(again), of("liar"))["records"]
    assert not [r for r in found if r.get("request_id") == ours], found
    assert [r for r in found if "what came after" in r.get("text", "")], found


def test_a_million_tiny_lines_are_all_there_or_told(c):
    deploy(c, "chatty")
    request = say(c, "chatty", b"t\n" * 1000, 1000)
    text, ends, gaps = whole(c, "chatty", request)
    assert text.splitlines().count(b"t") + gaps == 1000000 and len(ends) == 1


def test_a_key_of_one_account_finds_its_own_however_it_asks(evoke_shared, c):
    mine, other = "acct-mine", "acct-other"
    for account in (mine, other):
        deploy(c, "same", account=account)
        say(c, "same", b"secret of " + account.encode() + b"\n", account=account)
    r = c.call("POST", "/evoke/v1/keys", {"name": "tenant", "scope": ["read", "invoke"], "account": mine, "dialect": "functiongraph"})
    assert r.status_code == 201, r.text
    key = r.json()
    k = Client(evoke_shared, key["access_key"], key["secret_key"])
    try:
        theirs = f"functiongraph/{other}/local-1/default/same"
        for query in ("", "grep=secret", "grep=other", "last=100", "limit=10000", "status=ok", "since_ms=0", "wait_ms=1",
                      "after=" + ask(k, "limit=1")["cursor"], "function=&grep=secret"):
            a = k.call("GET", "/evoke/v1/logs", query=query)
            assert a.status_code == 200 and other not in a.text, (query, a.text)
        for path in ("/evoke/v1/top", "/evoke/v1/functions", "/evoke/v1/status"):
            a = k.call("GET", path)
            assert other not in a.text, a.text
        for query in (theirs, theirs.replace("same", "none"), theirs.upper(), f"functiongraph/{mine}/../{other}/local-1/default/same",
                      "functiongraph/%61cct-other/local-1/default/same", "functiongraph//local-1/default/same", "/" + theirs,
                      f"fc/{mine}/local-1/default/same", f"functiongraph/{mine}%2f{other}/local-1/default/same"):
            quoted = query.replace("%", "%25")
            for path in ("logs", "history"):
                a = k.call("GET", f"/evoke/v1/{path}", query="function=" + quoted)
                assert a.status_code in (400, 403, 404) or "secret of" not in a.text and '"runs"' not in a.text, (path, query, a.text)
        # The first of two is what is judged and what is answered.
        a = k.call("GET", "/evoke/v1/logs", query=f"function=functiongraph/{mine}/local-1/default/same&function={theirs}")
        assert other not in a.text or a.status_code == 403
        for method, path in (("GET", "audit"), ("GET", "keys"), ("POST", "backup"), ("GET", "backup/x/keys.json"), ("GET", "history"),
                             ("GET", f"functions/{theirs}"), ("GET", f"functions/{theirs}/state"), ("POST", f"functions/{theirs}/probe"),
                             ("POST", f"functions/{theirs}/invoke"), ("DELETE", f"functions/{theirs}")):
            a = k.call(method, "/evoke/v1/" + path, b"")
            assert a.status_code == 403, (method, path, a.status_code, a.text)
    finally:
        assert c.call("DELETE", f"/evoke/v1/keys/{key['access_key']}").status_code == 204


@pytest.mark.parametrize("cursor", ["0", "x", "ffffffffffffffffffff", "-1", "0" * 21, "0" * 19, "../../etc/passwd", "00000000000000010000"])
def test_a_cursor_that_was_never_given_is_refused(c, cursor):
    assert c.call("GET", "/evoke/v1/logs", query="after=" + cursor).status_code == 400


def test_followers_are_bounded_and_the_rest_goes_on(evoke_factory):
    """More of them than the store takes: each further one is told so, and functions run all the while."""
    e = evoke_factory()
    c = Client(e)
    deploy(c, "quiet")
    say(c, "quiet", b"x\n")
    cursor = ask(c, "last=0")["cursor"]
    statuses, socks = [], []
    for i in range(1100):
        try:
            s = socket.create_connection((e.host, e.port), timeout=10)
        except OSError:
            break
        path, query = "/evoke/v1/logs", f"after={cursor}&wait_ms=30000"
        head = c.headers("GET", path, query, b"")
        s.sendall((f"GET {path}?{query} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items()) + "\r\n").encode())
        socks.append(s)
    for s in socks:
        s.setblocking(False)
    # Whoever is refused hears it at once; an invocation comes back behind all of them.
    for _ in range(3):
        say(c, "quiet", b"")
    for s in socks:
        try:
            statuses.append(int(s.recv(4096).split(b" ")[1]))
        except (BlockingIOError, IndexError, ConnectionError):
            statuses.append(0)
    print({k: statuses.count(k) for k in set(statuses)})
    assert set(statuses) <= {0, 200, 429, 503}
    for s in socks:
        s.close()
    say(c, "quiet", b"")
