# SPDX-License-Identifier: Apache-2.0
"""The listener for the world (--public), and by which names the other one may be called."""
import json
import os
import re
import signal
import socket

import pytest
import requests

from evoked import Evoked
from signing import PROJECT, Client

CODE = "def handler(event, context):\n    return {'statusCode': 200, 'headers': {'Content-Type': 'text/html'}, 'body': '<p>hi</p>'}\n"


def deploy(client, name="page", code=CODE):
    path = f"/evoke/v1/functions/functiongraph/{PROJECT}/local-1/default/{name}"
    r = client.call("PUT", path, {"runtime": "Python3.9", "handler": "index.handler", "timeout_ms": 20000,
                                  "code": {"source": code, "filename": "index.py"}})
    assert r.status_code == 201, r.text
    r = client.call("PUT", path + "/triggers/web", {"source": "apig", "config": {"group": "site", "path": f"/{name}", "auth": "none"}})
    assert r.status_code == 201, r.text


def public_url(e):
    return re.search(r"public: (http://\S+),", e.log_text())[1]


@pytest.fixture(name="faced", scope="module")
def fixture_faced():
    with Evoked("--public", "127.0.0.1:0", "--hosts", "evoke.example,other.example") as e:
        deploy(Client(e))
        yield e


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/version", "/metrics", "/evoke/v1/status", "/evoke/v1/functions",
                                  f"/v2/{PROJECT}/fgs/functions", f"/v2/{PROJECT}/apigw/instances", "/2016-08-15/services"])
def test_it_serves_nothing_of_ours(faced, path):
    """Not even to who has the keys."""
    for headers in ({}, Client(faced).headers("GET", path, "", b"")):
        r = requests.get(public_url(faced) + path, headers=headers, timeout=30)
        assert r.status_code == 404 and r.json()["error_code"] == "APIG.0101", (path, r.status_code, r.text)


@pytest.mark.parametrize("head,status", [(b"NONSENSE\r\n\r\n", 400), (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505), (b"GET / HTTP/1.1\r\n\r\n", 400),
                                         (b"\x16\x03\x01\x02\x00\x01\x00\n\n", 400), (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n", 414),
                                         (b"GET /page HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400)])
def test_what_is_no_request_is_refused(faced, head, status):
    """It reaches no call of the gateway, which words the refusal all the same."""
    address, port = public_url(faced).removeprefix("http://").rsplit(":", 1)
    with socket.create_connection((address, int(port)), 30) as s:
        s.sendall(head)
        with s.makefile("rb") as answer:
            text = answer.read()
    said, body = text.split(b"\r\n\r\n", 1)
    assert said.startswith(b"HTTP/1.1 %d " % status) and b"application/json" in said, text
    assert json.loads(body)["error_code"] == "APIG.0201" and json.loads(body)["request_id"], text


def test_a_function_answers_on_both(faced):
    r = requests.get(faced.url + "/healthz", timeout=30)
    assert r.text == "ok\n"
    group = group_of(faced)
    for base in (faced.url, public_url(faced)):
        port = base.rsplit(":", 1)[1]
        r = requests.get(base + "/page", headers={"Host": f"{group}.apigw.localhost:{port}"}, timeout=30)
        assert (r.status_code, r.text) == (200, "<p>hi</p>"), r.text
        assert "Content-Security-Policy" not in r.headers  # it has an origin of its own
        r = requests.get(f"{base}/apigw/{group}/page", timeout=30)
        assert (r.status_code, r.text, r.headers["Content-Security-Policy"]) == (200, "<p>hi</p>", "sandbox")


FC = f"/evoke/v1/functions/fc/{PROJECT}/local-1/svc/web"
WSGI = "def handler(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'inside']\n"


def test_what_is_not_public_is_refused_to_the_world_alone(faced):
    client = Client(faced)
    r = client.call("PUT", FC, {"runtime": "python3", "handler": "index.handler", "timeout_ms": 20000, "code": {"source": WSGI, "filename": "index.py"}})
    assert r.status_code == 201, r.text
    path = "/2016-08-15/proxy/svc/web/"
    for public, told in ((False, 403), (True, 200)):
        r = client.call("PUT", FC + "/triggers/http", {"source": "http", "config": {"auth": "anonymous", "public": public}})
        assert r.status_code < 300, r.text
        r = requests.get(faced.url + path, timeout=60)
        assert (r.status_code, r.text) == (200, "inside"), (public, r.text)
        r = requests.get(public_url(faced) + path, timeout=60)
        assert r.status_code == told, (public, r.text)
        if not public:
            assert r.json()["ErrorCode"] == "AccessDenied", r.text


def group_of(e):
    """Id of the group that the trigger named."""
    r = Client(e).call("GET", "/evoke/v1/triggers", query="")
    found = re.search(r"([0-9a-f]{32})\.apigw\.localhost", r.text)
    assert found, r.text
    return found[1]


@pytest.mark.parametrize("host,ours", [
    ("127.0.0.1", True), ("localhost:{port}", True), ("[::1]:{port}", True), ("evoke.example", True), ("OTHER.example:1", True),
    ("console.localhost", True), (socket.gethostname(), True),
    ("evil.example", False), ("localhost.evil.example", False), ("127.0.0.1.evil.example:{port}", False), ("evoke.example.evil", False)])
@pytest.mark.parametrize("path", ["/evoke/v1/status", f"/v2/{PROJECT}/fgs/functions", "/2016-08-15/services"])
def test_only_names_of_ours_are_answered(faced, host, ours, path):
    r = requests.get(faced.url + path, headers={"Host": host.format(port=faced.port)}, timeout=30)
    assert (r.status_code == 421) == (not ours), (r.status_code, r.text)
    if not ours:
        assert "hosts" in r.text  # it says what to do
        assert requests.get(faced.url + "/healthz", headers={"Host": host.format(port=faced.port)}, timeout=30).status_code == 200


def test_it_outlives_the_daemon_and_drains_with_it():
    with Evoked("--public", "127.0.0.1:0") as e:
        deploy(Client(e))
        group, url = group_of(e), public_url(e)
        e.allow("daemon", "connection to the launcher")
        before = len(e.log_text())
        os.kill(e.pids()["daemon"], signal.SIGKILL)
        r = requests.get(f"{url}/apigw/{group}/page", timeout=60)  # it waits for the next daemon, and is not refused
        assert r.status_code == 200, r.text
        e.wait_log("ready: http", start=before)
        deploy(Client(e), "slow", "import time\n\ndef handler(event, context):\n    print('begun', flush=True)\n    time.sleep(2)\n"
                                  "    return {'statusCode': 200, 'body': 'late'}\n")
        s = socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])))
        s.settimeout(60)
        s.sendall(f"GET /apigw/{group}/slow HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        r = Client(e).call("GET", "/evoke/v1/logs", query=f"function=functiongraph%2F{PROJECT}%2Flocal-1%2Fdefault%2Fslow&wait_ms=20000")
        assert "begun" in r.text, r.text
        e.stop()
        with s.makefile("rb") as answer:
            assert b" 200 " in answer.readline()
        s.close()


def test_an_address_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        e = Evoked("--public", f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(AssertionError):
            e.start()
        assert "choose another address" in e.log_text()
        e.kill()
