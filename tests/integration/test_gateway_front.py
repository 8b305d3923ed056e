# SPDX-License-Identifier: Apache-2.0
"""The gateway before the world: clients that are many, slow, huge, rude or gone, and answers that would say more than they may. What
the HTTP server does by itself is tried to the byte in tests/unit/http; here it is the whole daemon, and its memory."""
import json
import os
import pathlib
import resource
import select
import socket
import struct
import threading
import time

import pytest
import requests

from evoked import Evoked, deadline
from signing import PROJECT, Client

MANY = 10000
UPLOAD = 6 << 20
WHERE = {"dialect": "functiongraph", "account": PROJECT, "region": "local-1"}

FUNCTION = """
import json, time

def handler(event, context):
    asked = event['queryStringParameters'].get('q', '')
    if asked == 'slow':
        print('begun', flush=True)
        time.sleep(3)
    if asked == 'headers':
        return {'statusCode': 200, 'headers': json.loads(event['headers']['x-answer']), 'body': 'x'}
    if asked == 'cookies':
        n, size = int(event['headers']['x-count']), int(event['headers']['x-size'])
        return {'statusCode': 200, 'headers': {'Set-Cookie': ['c%03d=%s' % (i, 'v' * (size - 5)) for i in range(n)]}, 'body': 'x'}
    return {'statusCode': 200, 'body': asked + ' ' + str(len(event['headers'].get('cookie', '')))}
"""


class Front(Evoked):
    """A daemon with one function behind its gateway, and one API without a backend."""

    def __enter__(self):
        super().__enter__()
        self.client = Client(self)
        assert self.client.create("front", FUNCTION).status_code == 200
        r = self.client.call("PUT", f"/evoke/v1/functions/functiongraph/{PROJECT}/local-1/default/front/triggers/web",
                             {"source": "apig", "config": {"group": "front", "path": "/f", "auth": "none"}})
        assert r.status_code == 201, r.text
        self.host = r.json()["address"]["host"]
        assert self.ask().status_code == 200  # one instance is warm
        return self

    def ask(self, q="a", **kw):
        return requests.get(f"{self.url}/f", params={"q": q}, headers={"Host": self.host, **kw.pop("headers", {})}, timeout=30, **kw)

    def api(self, path, **more):
        """An API of the control plane, published; its path."""
        def post(kind, body, parent=None):
            r = self.client.call("POST", f"/evoke/v1/gateway/{kind}", {**WHERE, **({"parent": parent} if parent else {}), "body": body})
            assert r.status_code == 201, r.text
            return r.json()["id"]
        if not hasattr(self, "group"):
            self.group = post("group", {"name": "made"})
        api = post("api", {"group_id": self.group, "name": "api_" + path.strip("/"), "type": 1, "req_protocol": "HTTPS",
                           "req_method": "ANY", "req_uri": path, "auth_type": "NONE", **more}, self.group)
        r = self.client.call("POST", f"/evoke/v1/gateway/api/{api}/publish", {})
        assert r.status_code in (200, 201), r.text
        return f"/apigw/{self.group}{path}"

    def rss(self):
        """Bytes of memory the daemon holds, maps of files included."""
        text = pathlib.Path(f"/proc/{self.pids()['daemon']}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) * 1024

    def on_disk(self):
        """Bytes that request bodies take in the spool."""
        total = 0
        for p in pathlib.Path(f"/proc/{self.pids()['daemon']}/fd").iterdir():
            try:
                total += p.stat().st_blocks * 512 if "/run/spool/" in os.readlink(p) else 0
            except FileNotFoundError:
                pass  # closed meanwhile
        return total

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), 30)

    def raw(self, data):
        """All that is answered to these bytes, until the connection ends."""
        with self.connect() as s:
            s.sendall(data)
            answer = b""
            while more := s.recv(65536):
                answer += more
            return answer


@pytest.fixture(name="front", scope="module")
def fixture_front():
    with Front() as e:
        yield e


@pytest.fixture(name="fresh")
def fixture_fresh():
    """Whose memory nobody has made room in before."""
    with Front() as e:
        yield e


# ---- many ----

def many_allowed():
    """So many sockets may this process and the daemon have; the rest is for everything else."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    n = min(MANY, hard - 1000)
    if n < MANY:
        print(f"{n} connections instead of {MANY}: this machine allows {hard} descriptors")
    return n


class Crowd:
    """Clients that all say `hello` and are heard to be answered with `wanted`; a few hundred at a time, so that no backlog fills."""

    AT_ONCE = 500

    def __init__(self, port, n, hello, wanted):
        self.port, self.hello, self.wanted = port, hello, wanted
        self.poll, self.socks, self.ended = select.epoll(), {}, 0
        try:
            while len(self.socks) < n:
                self.join(min(self.AT_ONCE, n - len(self.socks)))
        except BaseException:
            self.close()
            raise

    def join(self, n):
        waiting = {}
        for _ in range(n):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leaves no TIME_WAIT behind
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
            self.poll.register(s, select.EPOLLOUT)
            self.socks[s.fileno()] = s
            waiting[s.fileno()] = b""
        for _ in deadline(30):
            for fd, _event in self.poll.poll(1):
                if fd not in waiting:
                    continue
                if not waiting[fd]:
                    self.socks[fd].send(self.hello)
                    waiting[fd] = b"?"
                    self.poll.modify(fd, select.EPOLLIN)
                else:
                    more = self.socks[fd].recv(4096)
                    if not more:
                        raise ConnectionError(f"cut off after {waiting[fd]}")
                    waiting[fd] += more
                    if self.wanted in waiting[fd]:
                        del waiting[fd]
            if not waiting:
                return
        raise AssertionError(f"{len(waiting)} were not answered: {list(waiting.values())[:3]}")

    def send(self, data):
        for s in self.socks.values():
            s.send(data)

    def alive(self):
        """How many are neither answered nor cut off."""
        told = {fd for fd, event in self.poll.poll(0, len(self.socks) + 1)}
        return len(self.socks) - len(told)

    def close(self):
        for s in self.socks.values():
            s.close()
        self.poll.close()


def others_are_served(front):
    """Requests of others meanwhile: answered, and most of them soon."""
    took = []
    for _ in range(10):
        began = time.monotonic()
        assert front.ask().status_code == 200
        took.append(time.monotonic() - began)
    assert sorted(took)[5] < 5 * float(os.environ.get("EVOKE_TEST_PATIENCE", "1")), took


def await_on_disk(front, crowd, total):
    """Until so many bytes are in the spool; False: some of the crowd were cut off meanwhile."""
    for _ in deadline(60):
        if front.on_disk() >= total:
            return True
        if crowd.alive() < len(crowd.socks):
            return False
    raise AssertionError(f"{front.on_disk()} bytes in the spool, not {total}")


def upload_slowly(front, n):
    """Bytes of memory that (a head, a body) of n uploads cost while all are on their way. None: the machine took so long that
    some had paused for the ten seconds which a client may, and were cut off."""
    piece = b"u" * 4096
    hello = (f"POST /f HTTP/1.1\r\nHost: {front.host}\r\nContent-Length: {UPLOAD}\r\nExpect: 100-continue\r\n\r\n").encode()
    before = front.rss()
    try:
        crowd = Crowd(front.port, n, hello, b"100 Continue")
    except ConnectionError:
        return None
    try:
        heads = front.rss()
        for sent in 1, 2:
            crowd.send(piece)
            if not await_on_disk(front, crowd, sent * n * len(piece)):
                return None
        bodies = front.rss()
        others_are_served(front)
        return ((heads - before) / n, (bodies - heads) / n) if crowd.alive() == n else None
    except ConnectionError:
        return None
    finally:
        crowd.close()
        assert any(front.on_disk() == 0 for _ in deadline(60))


@pytest.mark.slow  # the sanitizers hold memory of their own
def test_ten_thousand_slow_uploads_hold_no_memory():
    n, cost = many_allowed(), None
    while not cost:
        assert n >= 500, "not even so few are served in time"
        with Front() as front:  # whose memory nobody has made room in before
            cost = upload_slowly(front, n)
        print(f"{n} uploads: bytes of memory for each (head, body): {cost or 'this machine is too busy for so many'}")
        n //= 2
    head, body = cost
    assert body < 512, "bodies are held in memory"
    assert head < 16 << 10, "heads cost too much"


@pytest.mark.slow  # the sanitizers hold memory of their own
def test_ten_thousand_idle_connections_hold_little(fresh):
    n = many_allowed()
    before = fresh.rss()
    crowd = Crowd(fresh.port, n, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"ok\n")
    try:
        each = (fresh.rss() - before) / n
        print(f"{n} idle connections: {each:.0f} bytes each")
        assert each < 2048
        others_are_served(fresh)
        assert crowd.alive() == n
    finally:
        crowd.close()


# ---- large ----

class Flood:
    """A backend that answers with `size` bytes, and says how many it has got rid of."""

    PIECE = bytes(range(256)) * 256

    def __init__(self, size):
        self.size, self.sent = size, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        s, _ = self.listener.accept()
        with s:
            while b"\r\n\r\n" not in s.recv(65536):
                pass
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n"
                      b"Connection: close\r\n\r\n")
            chunk = b"%x\r\n%s\r\n" % (len(self.PIECE), self.PIECE)
            while self.sent < self.size:
                s.sendall(chunk)
                self.sent += len(self.PIECE)
            s.sendall(b"0\r\n\r\n")


@pytest.mark.slow  # the sanitizers hold memory of their own
def test_a_gigabyte_to_a_slow_reader_holds_no_memory(fresh):
    flood = Flood(1 << 30)
    path = fresh.api("/flood", backend_type="HTTP", backend_api={"url_domain": f"127.0.0.1:{flood.port}", "req_protocol": "HTTP",
                                                                 "req_method": "GET", "req_uri": "/x", "timeout": 60000})
    before = fresh.rss()
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    s.connect(("127.0.0.1", fresh.port))
    s.settimeout(30)
    s.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    assert s.recv(9) == b"HTTP/1.1 "
    last = -1
    while last != flood.sent:  # it reads nothing: until nothing moves any more
        last = flood.sent
        others_are_served(fresh)
    assert 0 < flood.sent < 64 << 20
    assert fresh.rss() - before < 8 << 20
    got = s.recv(65536)
    body = len(got) - got.index(b"\r\n\r\n") - 4
    room, most, looks = bytearray(1 << 20), 0, 0
    while n := s.recv_into(room):
        body += n
        looks += 1
        if looks % 500 == 0:
            most = max(most, fresh.rss() - before)
    s.close()
    assert body == flood.size
    print(f"1 GiB: {most >> 10} KiB of memory at most, {flood.sent >> 20} MiB in all")
    assert most < 8 << 20
    others_are_served(fresh)


def test_a_client_that_goes_away_while_the_function_runs(front):
    with front.connect() as s:
        s.sendall(f"GET /f?q=slow HTTP/1.1\r\nHost: {front.host}\r\n\r\n".encode())
        r = front.client.call("GET", "/evoke/v1/logs",
                              query=f"function=functiongraph%2F{PROJECT}%2Flocal-1%2Fdefault%2Ffront&grep=begun&wait_ms=20000")
        assert "begun" in r.text, r.text
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    others_are_served(front)


# ---- limits ----

def status_of(answer):
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer[9:12])


def get(front, line_extra="", headers=()):
    lines = [f"GET /f?q=a{line_extra} HTTP/1.1", f"Host: {front.host}", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.mark.parametrize("more,status", [(0, 200), (1, 414)])
def test_the_request_line_is_bounded(front, more, status):
    bare = len(get(front).split(b"\r\n")[0])
    assert status_of(front.raw(get(front, "&" + "x" * (8192 - bare - 1 + more)))) == status


@pytest.mark.parametrize("more,status", [(0, 200), (1, 431)])
def test_the_head_is_bounded(front, more, status):
    bare = len(get(front, headers=["Cookie: "]))
    assert status_of(front.raw(get(front, headers=["Cookie: " + "c" * (32768 - bare + more)]))) == status


@pytest.mark.parametrize("n,status", [(100, 200), (101, 431)])
def test_the_number_of_headers_is_bounded(front, n, status):
    assert status_of(front.raw(get(front, headers=[f"X-{i}: 1" for i in range(n - 2)]))) == status


@pytest.mark.parametrize("path,status", [("/f", 200), ("/f%00", 400), ("/%2e%2e/f", 400), ("/x/../f", 400), ("/f%zz", 400),
                                         ("/%252e%252e/f", 404), ("/f/" + "a/" * 100, 404)])
def test_paths_that_climb_or_hide_are_refused(front, path, status):
    data = f"GET {path} HTTP/1.1\r\nHost: {front.host}\r\nConnection: close\r\n\r\n".encode()
    assert status_of(front.raw(data)) == status


@pytest.mark.parametrize("more,status", [(0, 200), (1, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_the_body_is_bounded(front, more, status, chunked):
    """12 MB of APIG, here with nobody behind who would mind: what is over is refused at the head if it says so."""
    if not hasattr(front, "mock"):
        front.mock = front.api("/mock", backend_type="MOCK", mock_info={"result_content": "mock"})
    body = b"b" * ((12 << 20) + more)
    r = requests.post(front.url + front.mock, data=iter([body]) if chunked else body, timeout=30)
    assert r.status_code == status, r.text
    assert any(front.on_disk() == 0 for _ in deadline(30))


# ---- smuggling ----

POST = "POST /f?q=first HTTP/1.1\r\nHost: {host}\r\n"
SECOND = "GET /f?q=second HTTP/1.1\r\nHost: {host}\r\n\r\n"


@pytest.mark.parametrize("request_text", [
    POST + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    POST + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SECOND,
    POST + "Content-Length: 0\r\nContent-Length: 4\r\n\r\n" + SECOND,
    POST + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody" + SECOND,
    POST + "Content-Length: 4, 4\r\n\r\nbody" + SECOND,
    POST + "Content-Length: +4\r\n\r\nbody" + SECOND,
    POST + "Content-Length: 0x4\r\n\r\nbody" + SECOND,
    POST + "Content-Length : 4\r\n\r\nbody" + SECOND,
    POST + " Content-Length: 4\r\n\r\nbody" + SECOND,
    POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SECOND,
    POST + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SECOND,
    POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SECOND,
    POST + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SECOND,
    POST + "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    POST + "Transfer-Encoding: chunked\r\n\r\n0\n\n" + SECOND,
    POST + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + SECOND,
    POST + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n\r\n" + SECOND,
    "POST /f?q=first HTTP/1.1\nHost: {host}\nContent-Length: 0\n\n" + SECOND,
    "POST /f?q=first HTTP/1.1\r\nHost: {host}\r\nHost: other\r\nContent-Length: 0\r\n\r\n" + SECOND,
    "POST /f?q=first HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
])
def test_what_two_servers_could_read_differently_is_refused(front, request_text):
    """One answer, a refusal, and the connection ends: nothing behind it is taken for a request."""
    answer = front.raw(request_text.format(host=front.host).encode())
    assert status_of(answer) in (400, 501), answer
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert b"second" not in answer


# ---- what a function answers ----

@pytest.mark.parametrize("headers", [
    {"X-Evil": "a\r\nX-Injected: 1"}, {"X-Evil": "a\nX-Injected: 1"}, {"X-Evil": "a\rX-Injected: 1"}, {"X-Evil\r\nX-Injected": "1"},
    {"X-Evil: a\r\nX-Injected": "1"}, {"X-Evil": ["fine", "a\r\nX-Injected: 1"]}, {"X-Evil": "a\0b"}, {"Content-Type": "a\r\nX-Injected: 1"},
    {"X-Evil": "a\r\n\r\nHTTP/1.1 200 OK\r\nX-Injected: 1"}], ids=repr)
def test_an_answer_cannot_say_more_than_headers(front, headers):
    answer = front.raw(get(front, headers=["x-answer: " + json.dumps(headers)]).replace(b"q=a", b"q=headers"))
    head = answer.split(b"\r\n\r\n")[0]
    assert b"X-Injected" not in head and answer.count(b"HTTP/1.1 ") == 1, answer
    assert status_of(answer) >= 500, answer


@pytest.mark.parametrize("headers", [{"Content-Length": "1000"}, {"Transfer-Encoding": "chunked"}, {"Connection": "upgrade", "Upgrade": "x"},
                                     {"Content-Length": ["1", "2"]}], ids=repr)
def test_an_answer_cannot_change_its_framing(front, headers):
    answer = front.raw(get(front, headers=["x-answer: " + json.dumps(headers)]).replace(b"q=a", b"q=headers"))
    head, body = answer.split(b"\r\n\r\n", 1)
    assert status_of(answer) == 200 and body == b"x"
    assert head.lower().count(b"content-length: 1\r\n") + head.lower().endswith(b"content-length: 1") == 1, head
    assert b"chunked" not in head and b"upgrade" not in head.lower()


@pytest.mark.parametrize("n,size,whole", [(50, 2000, True), (60, 4000, False), (1, 30000, True), (1, 33000, False)])
def test_cookies_of_an_answer_are_many_or_too_many(front, n, size, whole):
    r = front.ask("cookies", headers={"x-count": str(n), "x-size": str(size)})
    if whole:
        assert r.status_code == 200
        assert len(r.raw.headers.getlist("Set-Cookie")) == n
    else:
        assert r.status_code >= 500 and "Set-Cookie" not in r.headers


def test_cookies_of_a_request_reach_the_function(front):
    cookies = "; ".join(f"c{i}=" + "v" * 90 for i in range(300))
    assert front.ask(headers={"Cookie": cookies}).text == f"a {len(cookies)}"
