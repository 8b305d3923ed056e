# SPDX-License-Identifier: Apache-2.0
"""`evoke proxy` and `evoke proxy-env`: the way to the daemon by the clouds' own names (docs/proxy.md)."""
import contextlib
import datetime
import http.server
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading

import pytest

from evoked import BUILD, children_of
from proxied import Proxy, environment, read_all, say, through

SCF = "scf.tencentcloudapi.com"
FC = "123456789.cn-hangzhou.fc.aliyuncs.com"
FUNCTIONGRAPH = "functiongraph.cn-north-4.myhuaweicloud.com"
VENDOR_CALLS = "service-ocnymoks-1258344699.gz.apigw.tencentcs.com"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


class Echo(http.server.BaseHTTPRequestHandler):
    """A stranger's server: says who it is and what it was asked."""
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        told = json.dumps({"stranger": self.command, "path": self.path, "body": body.decode(),
                           "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def stranger(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    t = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    t.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        t.join()


# -- programs, unmodified -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("url", [f"https://{SCF}/version", f"http://{SCF}/version", f"https://{FC}/version",
                                 f"https://{FUNCTIONGRAPH}/version", f"http://{VENDOR_CALLS}/version"])
def test_curl_reaches_the_daemon_by_a_clouds_name(evoke_shared, home, url):
    p = through(evoke_shared, home, "curl", "-sS", "--fail", url)
    assert p.returncode == 0, p.stderr
    assert json.loads(p.stdout)["name"] == "evoke"


def test_python_requests_reaches_it(evoke_shared, home):
    code = f"import requests; print(requests.get('https://{SCF}/version').json()['name'])"
    p = through(evoke_shared, home, sys.executable, "-c", code)
    assert (p.returncode, p.stdout) == (0, "evoke\n"), p.stderr


def test_node_trusts_the_certificate(evoke_shared, home):
    """As tools do it: CONNECT, then TLS over the socket, with the roots of NODE_EXTRA_CA_CERTS."""
    code = f"""
    const http = require('http'), https = require('https');
    const proxy = new URL(process.env.https_proxy);
    http.request({{host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: '{SCF}:443'}}).on('connect', (r, socket) => {{
        https.get({{socket, agent: false, host: '{SCF}', path: '/version'}}, a => a.pipe(process.stdout));
    }}).end();"""
    p = through(evoke_shared, home, "node", "-e", code)
    assert p.returncode == 0 and json.loads(p.stdout)["name"] == "evoke", p.stderr


def test_the_host_is_the_one_that_was_signed(evoke_shared, home):
    """A signature that covers the Host, made by Huawei's own SDK for its own endpoint."""
    code = f"""
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkfunctiongraph.v2 import FunctionGraphClient, ListFunctionsRequest
keys = BasicCredentials('{evoke_shared.access_key}', '{evoke_shared.secret_key}', '0123456789abcdef0123456789abcdef')
client = FunctionGraphClient.new_builder().with_credentials(keys).with_endpoint('https://{FUNCTIONGRAPH}').build()
print(client.list_functions(ListFunctionsRequest()).count)
"""
    p = through(evoke_shared, home, sys.executable, "-c", code)
    assert (p.returncode, p.stdout) == (0, "0\n"), p.stderr


def test_a_large_body_goes_through_both_ways(evoke_shared, home, tmp_path):
    (tmp_path / "body").write_bytes(b"x" * (3 << 20))
    p = through(evoke_shared, home, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{size_upload}", "-H", "Expect:", "-T",
                tmp_path / "body", f"https://{SCF}/version")
    assert p.stdout.startswith("405 "), (p.stdout, p.stderr)


# -- heads -----------------------------------------------------------------------------------------------------------------------

def test_a_second_request_goes_to_nobody(evoke_shared, home):
    """A proxy's next request may be for somebody else: of one connection only the first is passed on."""
    with Proxy(evoke_shared, home) as p, p.connect() as s, stranger() as port:
        answer = say(s, f"POST http://127.0.0.1:{port}/one HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
                        f"GET http://{SCF}/version HTTP/1.1\r\nHost: {SCF}\r\n\r\n")
        assert answer.count("HTTP/1.1 ") == 1
        told = json.loads(answer.split("\r\n\r\n", 1)[1])
        assert (told["path"], told["body"], told["headers"]["host"]) == ("/one", "ab", f"127.0.0.1:{port}")


def test_what_is_for_the_proxy_stays_there(evoke_shared, home):
    with Proxy(evoke_shared, home) as p, p.connect() as s, stranger() as port:
        answer = say(s, f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic eDp5\r\n"
                        "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-Kept: 2\r\n\r\n")
        headers = json.loads(answer.split("\r\n\r\n", 1)[1])["headers"]
        assert headers == {"host": f"127.0.0.1:{port}", "x-kept": "2", "connection": "close"}


def test_an_https_url_without_connect(evoke_shared, home):
    """Some clients send it so. To a cloud's name it is as good as CONNECT; to others we would have to take their TLS off."""
    with Proxy(evoke_shared, home) as p:
        with p.connect() as s:
            answer = say(s, f"GET https://{SCF}/version HTTP/1.1\r\nHost: {SCF}\r\n\r\n")
            assert answer.startswith("HTTP/1.1 200 ") and '"name":"evoke"' in answer
        with p.connect() as s:
            assert say(s, "GET https://stranger.example/ HTTP/1.1\r\nHost: x\r\n\r\n").startswith("HTTP/1.1 501 ")


def test_plain_http_through_connect(evoke_shared, home):
    with Proxy(evoke_shared, home) as p, p.connect() as s:
        s.sendall(f"CONNECT {SCF}:80 HTTP/1.1\r\n\r\n".encode())
        assert s.recv(65536).startswith(b"HTTP/1.1 200 ")
        answer = say(s, f"GET /version HTTP/1.1\r\nHost: {SCF}\r\nConnection: close\r\n\r\n")
        assert '"name":"evoke"' in answer


@pytest.mark.parametrize("head, status", [
    ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    ("GET http://a.example/ HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    ("CONNECT a.example HTTP/1.1\r\n\r\n", 400),
    ("CONNECT a.example:0 HTTP/1.1\r\n\r\n", 400),
    ("CONNECT a.example:443 HTTP/1.1\r\n\r\nearly", 400),
    ("CONNECT " + "a" * 254 + ":443 HTTP/1.1\r\n\r\n", 400),
    ("GET http://a.example/" + "x" * (16 << 10) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("CONNECT a.example:443 HTTP/1.1\r\nX: " + "x" * (32 << 10) + "\r\n\r\n", 431),
    ("\x16\x03\x01\x02\x00", 400),
    (f"POST http://{SCF}/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (f"POST http://{SCF}/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400),
    ("CONNECT nobody.invalid:443 HTTP/1.1\r\n\r\n", 502),
])
def test_bad_requests_are_told_so(proxy, head, status):
    with proxy.connect() as s:
        answer = say(s, head.encode("latin-1"))
        assert answer.startswith(f"HTTP/1.1 {status} "), answer
        assert "evoke proxy: " in answer and "nosniff" in answer


@pytest.fixture(scope="module")
def proxy(_module_daemon, home):
    with Proxy(_module_daemon, home) as p:
        yield p


# -- others' names ------------------------------------------------------------------------------------------------------------------

def certificate(directory):
    """Of a stranger, by itself; made with the openssl that the system has."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=stranger",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", directory / "key.pem", "-out", directory / "cert.pem"],
                   check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    return context


def test_others_are_tunnelled_with_their_own_certificates(evoke_shared, home, tmp_path):
    context = certificate(tmp_path)
    with stranger(context) as port:
        url = f"https://localhost:{port}/secret"
        p = through(evoke_shared, home, "curl", "-sS", "--noproxy", "", "--cacert", tmp_path / "cert.pem", url)
        assert p.returncode == 0 and json.loads(p.stdout)["path"] == "/secret", p.stderr
        # With the roots of `evoke proxy-env` alone it is nobody's: we have not put ourselves in between.
        p = through(evoke_shared, home, "curl", "-sS", "--noproxy", "", url)
        assert p.returncode == 60, p.stderr


def test_strict_refuses_them(evoke_shared, home):
    with Proxy(evoke_shared, home, "--strict") as p, stranger() as port:
        for head in (f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n", f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n",
                     "CONNECT tencentcloudapi.com.example:443 HTTP/1.1\r\n\r\n"):
            with p.connect() as s:
                assert say(s, head).startswith("HTTP/1.1 403 "), head
        with p.connect() as s:
            assert say(s, f"GET http://{SCF}/version HTTP/1.0\r\n\r\n").startswith("HTTP/1.1 200 ")


def test_a_daemon_that_is_not_there_is_named(home):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{s.getsockname()[1]}"
    with Proxy(gone, home) as p, p.connect() as c:
        answer = say(c, f"CONNECT {SCF}:443 HTTP/1.1\r\n\r\n")
        assert answer.startswith("HTTP/1.1 502 ") and "evoke's daemon" in answer and gone.removeprefix("http://") in answer


# -- the authority ------------------------------------------------------------------------------------------------------------------

def test_it_is_made_once_and_private(evoke_shared, tmp_path):
    both = [Proxy(evoke_shared, tmp_path), Proxy(evoke_shared, tmp_path)]
    directory = tmp_path / ".config/evoke/proxy"
    first = (directory / "ca.pem").read_bytes()
    for p in both:
        with p, p.connect() as s:
            s.sendall(f"CONNECT {SCF}:443 HTTP/1.1\r\n\r\n".encode())
            assert s.recv(1000).startswith(b"HTTP/1.1 200 ")
            context = ssl.create_default_context(cafile=directory / "ca.pem")
            with context.wrap_socket(s, server_hostname=SCF) as t:
                t.sendall(f"GET /version HTTP/1.1\r\nHost: {SCF}\r\nConnection: close\r\n\r\n".encode())
                assert read_all(t).startswith(b"HTTP/1.1 200 ")
    assert through(evoke_shared, tmp_path, "true").returncode == 0
    assert (directory / "ca.pem").read_bytes() == first
    assert stat.S_IMODE((directory / "ca-key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert sorted(p.name for p in directory.iterdir()) == ["bundle.pem", "ca-key.pem", "ca.pem"]
    bundle = (directory / "bundle.pem").read_text()
    assert bundle.count("BEGIN CERTIFICATE") > 1 or not os.path.exists("/etc/ssl/certs/ca-certificates.crt")


def test_a_certificate_is_for_the_name_that_was_asked_for(evoke_shared, home):
    with Proxy(evoke_shared, home) as p, p.connect() as s:
        s.sendall(f"CONNECT {SCF}:443 HTTP/1.1\r\n\r\n".encode())
        s.recv(1000)
        context = ssl.create_default_context(cafile=home / ".config/evoke/proxy/ca.pem")
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            context.wrap_socket(s, server_hostname="cam.tencentcloudapi.com")


def test_a_client_without_our_root_is_told_of(evoke_shared, home):
    with Proxy(evoke_shared, home) as p, p.connect() as s:
        s.sendall(f"CONNECT {SCF}:443 HTTP/1.1\r\n\r\n".encode())
        s.recv(1000)
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(s, server_hostname=SCF)
        p.wait_for(r"does not trust the certificate of scf\.tencentcloudapi\.com")


def test_a_damaged_authority_is_named(evoke_shared, tmp_path):
    assert through(evoke_shared, tmp_path, "true").returncode == 0
    (tmp_path / ".config/evoke/proxy/ca-key.pem").write_text("nothing")
    p = through(evoke_shared, tmp_path, "true")
    assert p.returncode == 2 and "remove ca.pem and ca-key.pem" in p.stderr


# -- commands ------------------------------------------------------------------------------------------------------------------------

def test_a_commands_end_is_ours(evoke_shared, home):
    assert through(evoke_shared, home, "sh", "-c", "exit 7").returncode == 7
    assert through(evoke_shared, home, "sh", "-c", "kill -9 $$").returncode == 128 + 9
    p = through(evoke_shared, home, "no-such-program")
    assert p.returncode == 127 and "'no-such-program' cannot be run" in p.stderr
    assert through(evoke_shared, home, "cat", stdin=None, input="in and out").stdout == "in and out"


def test_a_command_is_told_to_end(evoke_shared, home):
    p = subprocess.Popen([str(BUILD / "evoke"), "proxy", "--", "sh", "-c", "trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.1; done"],
                         env=environment(evoke_shared, home), stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "ready\n"
    p.send_signal(signal.SIGTERM)
    assert p.communicate(timeout=30)[0] == "told\n"
    assert p.returncode == 3


def test_connections_end_with_the_proxy(evoke_shared, home):
    with Proxy(evoke_shared, home) as p:
        s = p.connect()
        s.sendall(f"CONNECT {SCF}:443 HTTP/1.1\r\n\r\n".encode())
        assert s.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert p.connections() == 1
    with s:
        assert read_all(s) == b""


def test_a_killed_proxy_leaves_no_connection(evoke_shared, home):
    p = Proxy(evoke_shared, home)
    s = p.connect()
    s.sendall(f"CONNECT {SCF}:443 HTTP/1.1\r\n\r\n".encode())
    assert s.recv(1000).startswith(b"HTTP/1.1 200 ")
    [child] = children_of(p.process.pid)
    p.process.kill()
    p.process.wait(20)
    p.process.stderr.close()
    with s:
        assert read_all(s) == b""
    assert child


def test_it_has_64_connections_and_the_next_one_waits(evoke_shared, home):
    with Proxy(evoke_shared, home) as p:
        held = [p.connect() for _ in range(64)]
        p.await_connections(64)
        with p.connect() as late:
            late.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            late.settimeout(0.3)
            with pytest.raises(TimeoutError):
                late.recv(1)
            assert p.connections() == 64
            held.pop().close()
            late.settimeout(30)
            assert late.recv(1000).startswith(b"HTTP/1.1 400 ")
        for s in held:
            s.close()
        p.await_connections(0)


def test_the_port_is_taken(evoke_shared, home):
    with Proxy(evoke_shared, home) as p:
        q = through(evoke_shared, home, "true", options=("--port", str(p.port)))
        assert q.returncode == 70 and f"127.0.0.1:{p.port}" in q.stderr


@pytest.mark.parametrize("endpoint", ["https://127.0.0.1:8900", "127.0.0.1:8900", "http://", "http://a:0", "http://a:x"])
def test_an_endpoint_that_is_none(home, endpoint):
    p = through(endpoint, home, "true")
    assert p.returncode == 2 and "http://HOST:PORT" in p.stderr, p.stderr


# -- the variables ---------------------------------------------------------------------------------------------------------------------

def variables(home, port, **more):
    return subprocess.run([str(BUILD / "evoke"), "proxy-env", "--port", str(port)], env=environment("http://127.0.0.1:1", home, **more),
                          capture_output=True, text=True, timeout=30, check=False)


def test_a_shell_takes_the_variables(evoke_shared, tmp_path):
    """Also where a directory's name has to be quoted."""
    config = tmp_path / "it's a \"home\" $HOME"
    config.mkdir()
    with Proxy(evoke_shared, tmp_path, env={"XDG_CONFIG_HOME": str(config)}) as p:
        script = (f'eval "$({BUILD}/evoke proxy-env --port {p.port})" && curl -sS --fail https://{SCF}/version && '
                  'printf "%s\\n" "" "$NODE_EXTRA_CA_CERTS" "$no_proxy" "$HTTPS_PROXY"')
        q = subprocess.run(["sh", "-c", script], env=environment(evoke_shared, tmp_path, XDG_CONFIG_HOME=str(config)), capture_output=True,
                           text=True, timeout=60, check=False)
        assert q.returncode == 0, q.stderr
        first, ca, no_proxy, proxy_url = q.stdout.rstrip("\n").split("\n")
        assert json.loads(first)["name"] == "evoke"
        assert ca == f"{config}/evoke/proxy/ca.pem" and os.path.exists(ca)
        assert no_proxy == "localhost,127.0.0.1,::1,.localhost" and proxy_url == p.url


def test_what_the_user_excludes_stays_excluded(evoke_shared, home):
    with Proxy(evoke_shared, home) as p:
        once = variables(home, p.port, no_proxy="intern.example", NO_PROXY="")
        assert "export no_proxy='localhost,127.0.0.1,::1,.localhost,intern.example'\n" in once.stdout
        assert "export NO_PROXY='localhost,127.0.0.1,::1,.localhost'\n" in once.stdout
        twice = variables(home, p.port, no_proxy="localhost,127.0.0.1,::1,.localhost,intern.example")
        assert "export no_proxy='localhost,127.0.0.1,::1,.localhost,intern.example'\n" in twice.stdout


def test_without_a_proxy_there_are_none(home):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        p = variables(home, s.getsockname()[1])
    assert (p.returncode, p.stdout) == (7, "") and "evoke proxy" in p.stderr


def test_nowhere_to_keep_the_authority(evoke_shared):
    p = subprocess.run([str(BUILD / "evoke"), "proxy", "--", "true"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
                       timeout=30, check=False)
    assert p.returncode == 2 and "XDG_CONFIG_HOME" in p.stderr


def test_the_authority_lasts_ten_years(evoke_shared, home):
    assert through(evoke_shared, home, "true").returncode == 0
    out = subprocess.run(["openssl", "x509", "-enddate", "-noout", "-in", home / ".config/evoke/proxy/ca.pem"], capture_output=True,
                         text=True, timeout=30, check=True).stdout
    end = datetime.datetime.strptime(out.strip(), "notAfter=%b %d %H:%M:%S %Y GMT")
    assert 3640 < (end - datetime.datetime.now()).days < 3651
