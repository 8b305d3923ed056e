# SPDX-License-Identifier: Apache-2.0
"""APIs whose backend is somebody's web server: what it is given, what its client gets, and what is said when it is slow, gone, rude,
or we ourselves."""
import http.server
import json
import pathlib
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import pytest
import requests

from evoked import Evoked, deadline
from signing import PROJECT, Client

WHERE = {"dialect": "functiongraph", "account": PROJECT, "region": "local-1"}


class Backend(http.server.ThreadingHTTPServer):
    """Answers with what it was asked, as JSON; by path, otherwise."""

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.tls = tls
        self.accepted, self.ending = 0, threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        self.accepted += 1
        connection, peer = super().get_request()
        if self.tls:  # the handshake is made by the thread of the connection
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, peer

    def handle_error(self, request, client_address):
        """A handshake that was broken off is what some of them are for."""
        if not self.tls:
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/silent"):
            self.server.ending.wait(60)
            self.close_connection = True
            return
        said = json.dumps({"method": self.command, "path": self.path, "headers": self.headers.items(), "body": body.decode("latin-1")})
        said = said.encode()
        self.send_response(299 if self.path.startswith("/status") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("X-Hop", "1")
        self.send_header("Connection", "X-Hop" + (", close" if self.path.startswith("/close") else ""))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = answer


class Gateway:
    def __init__(self, evoke):
        self.evoke, self.client = evoke, Client(evoke)
        self.group = self.post("group", {"name": "backends"})

    def post(self, kind, body, parent=None):
        r = self.client.call("POST", f"/evoke/v1/gateway/{kind}", {**WHERE, **({"parent": parent} if parent else {}), "body": body})
        assert r.status_code == 201, r.text
        return r.json()["id"]

    def api(self, path, to, uri, timeout=5000, method="ANY", protocol="HTTP", **more):
        """An API that is published, and the URL to call it by."""
        retry = {"retry_count": str(more.pop("retry_count"))} if "retry_count" in more else {}
        backend = {"url_domain": f"127.0.0.1:{to}", "req_protocol": protocol, "req_method": method, "req_uri": uri, "timeout": timeout, **retry}
        api = self.post("api", {"group_id": self.group, "name": "api" + "".join(c if c.isalnum() else "_" for c in path), "type": 1,
                                "req_protocol": "HTTPS", "req_method": "ANY", "req_uri": path, "auth_type": "NONE",
                                "backend_type": "HTTP", "backend_api": backend, **more}, self.group)
        r = self.client.call("POST", f"/evoke/v1/gateway/api/{api}/publish", {})
        assert r.status_code in (200, 201), r.text
        return f"{self.evoke.url}/apigw/{self.group}"


@pytest.fixture(name="backend", scope="module")
def fixture_backend():
    b = Backend()
    yield b
    b.ending.set()
    b.shutdown()
    b.server_close()


@pytest.fixture(name="gateway", scope="module")
def fixture_gateway():
    with Evoked() as e:  # its descriptors are counted at its end: connections to backends are kept for some seconds
        yield Gateway(e)


def header(said, name):
    return [v for k, v in said["headers"] if k.lower() == name.lower()]


def test_a_request_reaches_the_backend_as_it_came(gateway, backend):
    base = gateway.api("/echo", backend.server_port, "/there")
    r = requests.post(base + "/echo?a=1&a=%2F&b", data=b"\x00body", timeout=30, headers={
        "X-Mine": "yes", "Connection": "X-Gone", "X-Gone": "1", "TE": "trailers", "Content-Type": "a/b", "X-Forwarded-For": "10.0.0.1"})
    said = r.json()
    assert r.status_code == 200 and (said["method"], said["path"], said["body"]) == ("POST", "/there?a=1&a=%2F&b", "\x00body")
    assert header(said, "Host") == [f"127.0.0.1:{backend.server_port}"]
    assert header(said, "X-Mine") == ["yes"] and header(said, "Content-Type") == ["a/b"]
    assert not header(said, "X-Gone") and not header(said, "TE") and not header(said, "Expect")
    assert header(said, "X-Forwarded-For") == ["10.0.0.1, 127.0.0.1"]
    assert header(said, "X-Forwarded-Host") == [f"127.0.0.1:{gateway.evoke.port}"]
    assert header(said, "X-Forwarded-Proto") == ["http"] and header(said, "X-Apig-Count") == ["1"]
    assert r.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"] and "X-Hop" not in r.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_methods_pass(gateway, backend, method):
    base = gateway.api(f"/method{method}", backend.server_port, "/status")
    r = requests.request(method, f"{base}/method{method}", timeout=30)
    assert r.status_code == 299
    assert (r.text == "") if method == "HEAD" else (r.json()["method"] == method)


def test_parameters_are_mapped(gateway, backend):
    base = gateway.api("/p/{id}", backend.server_port, "/users/{who}", method="GET",
                       req_params=[{"name": "id", "type": "STRING", "location": "PATH", "required": 1},
                                   {"name": "q", "type": "STRING", "location": "QUERY", "required": 2}],
                       backend_params=[{"name": "who", "location": "PATH", "origin": "REQUEST", "value": "id"},
                                       {"name": "X-Q", "location": "HEADER", "origin": "REQUEST", "value": "q"},
                                       {"name": "fixed", "location": "QUERY", "origin": "CONSTANT", "value": "a b"}])
    said = requests.post(base + "/p/a%20b?q=5&r=6", timeout=30).json()
    assert said["method"] == "GET" and said["path"] == "/users/a%20b?q=5&r=6&fixed=a%20b", said
    assert header(said, "X-Q") == ["5"]


def test_a_connection_is_used_again(gateway, backend):
    base = gateway.api("/again", backend.server_port, "/again")
    assert requests.get(base + "/again", timeout=30).status_code == 200
    before = backend.accepted
    for _ in range(3):
        assert requests.get(base + "/again", timeout=30).status_code == 200
    assert backend.accepted == before


def test_a_large_body_passes_from_the_disk(gateway, backend):
    base, body = gateway.api("/large", backend.server_port, "/large"), bytes(range(256)) * 4096
    assert requests.post(base + "/large", data=body, timeout=30).json()["body"].encode("latin-1") == body


def test_a_backend_that_is_too_slow(gateway, backend):
    base = gateway.api("/slow", backend.server_port, "/silent", timeout=300)
    began = time.monotonic()
    r = requests.get(base + "/slow", timeout=30)
    assert r.status_code == 504 and r.json()["error_code"] == "APIG.0203", r.text
    assert 0.29 < time.monotonic() - began < 4


def test_nobody_is_there(gateway):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))  # and does not listen
        base = gateway.api("/nobody", s.getsockname()[1], "/", retry_count=2)
        r = requests.get(base + "/nobody", timeout=30)
    assert r.status_code == 502 and r.json()["error_code"] == "APIG.0202", r.text


class Rude:
    """Sends one thing after the other and ends each connection with it."""

    def __init__(self, *answers):
        self.answers, self.seen = list(answers), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        for answer in self.answers:
            s, _ = self.listener.accept()
            with s:
                self.seen.append(s.recv(65536))
                s.sendall(answer)
        self.listener.close()


GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngood"


@pytest.mark.parametrize("method,retries,status,tries", [("GET", 1, 200, 2), ("GET", 0, 502, 1), ("POST", 1, 502, 1), ("PUT", 1, 200, 2)])
def test_tries_are_repeated_where_that_is_safe(gateway, method, retries, status, tries):
    rude = Rude(b"", GOOD)
    base = gateway.api(f"/tries{method}{retries}", rude.port, "/", retry_count=retries)
    r = requests.request(method, f"{base}/tries{method}{retries}", data=b"" if method == "GET" else b"x", timeout=30)
    assert (r.status_code, len(rude.seen)) == (status, tries), r.text


@pytest.mark.parametrize("name,answer,status", [
    ("nonsense", b"nonsense\r\n\r\n", 502), ("protocol", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 502),
    ("huge", b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 40000 + b"\r\nContent-Length: 0\r\n\r\n", None)])
def test_an_answer_that_cannot_be_passed_on(gateway, name, answer, status):
    rude = Rude(answer)
    base = gateway.api("/rude" + name, rude.port, "/")
    r = requests.get(f"{base}/rude{name}", timeout=30)
    assert r.status_code == status if status else r.status_code >= 500, r.text
    assert "X-A" not in r.headers and r.json()["error_code"]


def test_an_answer_that_breaks_off_is_seen_to(gateway):
    rude = Rude(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    base = gateway.api("/broken", rude.port, "/")
    with pytest.raises(requests.exceptions.RequestException):
        requests.get(base + "/broken", timeout=30)


def test_a_gateway_that_is_its_own_backend_ends(gateway):
    base = gateway.api("/loop", gateway.evoke.port, f"/apigw/{gateway.group}/loop")
    r = requests.get(base + "/loop", timeout=30)
    assert r.status_code == 500 and r.json()["error_code"] == "APIG.0612", r.text


def certificate(where, name, address):
    """A key and a certificate that says who it is: one file, its own authority."""
    key, cert = where / f"{name}.key", where / f"{name}.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=IP:{address}"], check=True, capture_output=True, timeout=60)
    cert.chmod(0o644)
    return key, cert


def test_an_https_backend_is_asked_if_its_certificate_is_good():
    """Good: signed by an authority we know, for this very address."""
    with tempfile.TemporaryDirectory() as path:
        where = pathlib.Path(path)
        where.chmod(0o755)  # the daemon is nobody
        made = {name: certificate(where, name, address) for name, address in
                (("good", "127.0.0.1"), ("stranger", "127.0.0.1"), ("misnamed", "127.0.0.2"))}
        known = where / "known.pem"
        known.write_text(made["good"][1].read_text() + made["misnamed"][1].read_text())
        known.chmod(0o644)
        servers = {}
        for name, (key, cert) in made.items():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            servers[name] = Backend(context)
        try:
            with Evoked(env={"SSL_CERT_FILE": str(known)}) as e:
                gateway = Gateway(e)
                for name, server in servers.items():
                    base = gateway.api(f"/{name}", server.server_port, "/close", protocol="HTTPS", timeout=20000, retry_count=0)
                    r = requests.get(f"{base}/{name}", timeout=60)
                    if name == "good":
                        assert r.status_code == 200 and r.json()["path"] == "/close", r.text
                    else:
                        assert (r.status_code, r.json()["error_code"]) == (502, "APIG.0202"), (name, r.text)
                base = gateway.api("/plain", servers["good"].server_port, "/close", timeout=20000, retry_count=0)
                assert requests.get(base + "/plain", timeout=60).status_code == 502  # no HTTP is spoken there
        finally:
            for server in servers.values():
                server.ending.set()
                server.shutdown()
                server.server_close()


def test_a_value_cannot_climb_out_of_its_place(gateway, backend):
    base = gateway.api("/climb", backend.server_port, "/files/{name}",
                       req_params=[{"name": "name", "type": "STRING", "location": "QUERY", "required": 1}],
                       backend_params=[{"name": "name", "location": "PATH", "origin": "REQUEST", "value": "name"}])
    assert requests.get(base + "/climb?name=a/b", timeout=30).json()["path"].startswith("/files/a%2Fb?")
    for bad in ("..", ".", "../x", "a/../b"):
        r = requests.get(base + "/climb", params={"name": bad}, timeout=30)
        assert r.status_code == 400, (bad, r.text)


def test_connections_are_let_go_when_nobody_asks(gateway, backend):
    base = gateway.api("/quiet", backend.server_port, "/quiet")
    assert requests.get(base + "/quiet", timeout=30).status_code == 200
    peer = f":{backend.server_port:04X}"
    for _ in deadline(20):
        rows = [line.split() for line in open("/proc/net/tcp", encoding="ascii").readlines()[1:]]
        if not any(row[2].endswith(peer) and row[3] in ("01", "08") for row in rows):
            return
        assert requests.get(gateway.evoke.url + "/healthz", timeout=30).status_code == 200
    raise AssertionError("a connection to the backend is still open")
