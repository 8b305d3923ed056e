# SPDX-License-Identifier: Apache-2.0
"""The wire of the running daemon: framing that servers read differently, limits, slow clients, error shapes."""
import json
import re
import socket

import pytest

from signing import PROJECT, Client

HOST = b"Host: localhost\r\n"
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


def talk(evoke, data, timeout=0.5):
    """Statuses of what comes back, all of it, and whether the server closed."""
    s = socket.create_connection(("127.0.0.1", evoke.port))
    s.settimeout(timeout)
    out, closed = b"", False
    try:
        s.sendall(data)
        while True:
            part = s.recv(65536)
            if not part:
                closed = True
                break
            out += part
    except (socket.timeout, ConnectionError):
        pass
    s.close()
    return [int(x) for x in re.findall(rb"HTTP/1\.[01] (\d+) ", out)], out, closed


def request(line=b"POST /healthz HTTP/1.1", headers=b"", body=b"", host=HOST):
    return line + b"\r\n" + host + headers + b"\r\n" + body


REFUSED = {
    "CL and TE": request(headers=b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body=b"0\r\n\r\n" + SMUGGLED),
    "TE and CL": request(headers=b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", body=b"0\r\n\r\n" + SMUGGLED),
    "two CL": request(headers=b"Content-Length: 0\r\nContent-Length: 5\r\n", body=SMUGGLED),
    "CL with plus": request(headers=b"Content-Length: +5\r\n", body=b"hello"),
    "CL overflow": request(headers=b"Content-Length: 18446744073709551621\r\n", body=b"hello"),
    "TE xchunked": request(headers=b"Transfer-Encoding: xchunked\r\n", body=b"0\r\n\r\n"),
    "TE on 1.0": request(b"POST /healthz HTTP/1.0", headers=b"Transfer-Encoding: chunked\r\n", body=b"0\r\n\r\n"),
    "bare LF": b"GET /healthz HTTP/1.1\nHost: a\n\n",
    "bare CR in value": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n",
    "folded header": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
    "NUL in value": request(b"GET /healthz HTTP/1.1", headers=b"X: a\0b\r\n"),
    "space before colon": request(headers=b"Content-Length : 5\r\n", body=b"hello"),
    "empty name": request(b"GET /healthz HTTP/1.1", headers=b": x\r\n"),
    "no Host": request(b"GET /healthz HTTP/1.1", host=b""),
    "two Host": request(b"GET /healthz HTTP/1.1", headers=b"Host: b\r\n"),
    "target with space": request(b"GET /a b HTTP/1.1"),
    "HTTP/2.0 line": request(b"GET /healthz HTTP/2.0"),
    "method with parenthesis": request(b"g(t /healthz HTTP/1.1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_ambiguous_framing_is_refused_once_and_the_connection_closed(evoke_shared, case):
    statuses, out, closed = talk(evoke_shared, REFUSED[case], timeout=3)
    assert len(statuses) == 1 and statuses[0] in (400, 413, 505), out
    assert closed


@pytest.mark.parametrize("body", [b"5x\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n",
                                  b"5\nhello\n0\n\n", b"10000000000000005\r\nhello\r\n0\r\n\r\n"])
def test_a_malformed_chunk_ends_the_request_and_the_connection(evoke_shared, body):
    """On a path that takes bodies, with a good signature head, so that the body is really read."""
    client = Client(evoke_shared)
    path = f"/v2/{PROJECT}/fgs/functions"
    head = "".join(f"{k}: {v}\r\n" for k, v in client.headers("POST", path, "", b"hello").items())
    statuses, out, closed = talk(evoke_shared, f"POST {path} HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode()
                                 + body + SMUGGLED, timeout=3)
    assert len(statuses) == 1 and statuses[0] in (400, 413) and closed and b"error_code" in out, out


def test_pipelined_requests_are_answered_in_order(evoke_shared):
    statuses, out, _ = talk(evoke_shared, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
    assert statuses == [200, 200, 200], out


def test_keep_alive_and_close(evoke_shared):
    _, _, closed = talk(evoke_shared, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    assert not closed
    _, _, closed = talk(evoke_shared, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 3)
    assert closed


def test_a_chunked_body_is_the_same_request(evoke_shared):
    """The signature covers the decoded body."""
    client = Client(evoke_shared)
    client.delete("chunked")
    assert client.create("chunked", "def handler(event, context):\n    return event\n").status_code == 200
    path = f"/v2/{PROJECT}/fgs/functions/urn:fss:local-1:{PROJECT}:function:default:chunked/invocations"
    headers = client.headers("POST", path, "", b'{"a": 1}')
    head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    statuses, out, _ = talk(evoke_shared, f"POST {path} HTTP/1.1\r\n{head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
                            + b'3\r\n{"a\r\n5;x=y\r\n": 1}\r\n0\r\n\r\n', timeout=10)
    assert statuses == [200] and out.endswith(b'{"a": 1}'), out
    client.delete("chunked")


def test_expect_continue_is_answered_before_the_body(evoke_shared):
    client = Client(evoke_shared)
    path = f"/v2/{PROJECT}/fgs/functions"
    body = json.dumps({"func_name": "x"}).encode()
    head = "".join(f"{k}: {v}\r\n" for k, v in client.headers("POST", path, "", body).items())
    s = socket.create_connection(("127.0.0.1", evoke_shared.port))
    s.settimeout(10)
    s.sendall(f"POST {path} HTTP/1.1\r\n{head}Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode())
    assert s.recv(4096).startswith(b"HTTP/1.1 100 ")
    s.sendall(body)
    assert b"HTTP/1.1 400" in s.recv(4096)
    s.close()


@pytest.mark.parametrize("bytes_,status", [(8 * 1024, 404), (8 * 1024 + 1, 414)])
def test_a_request_line_at_its_limit(evoke_shared, bytes_, status):
    line = b"GET /" + b"a" * (bytes_ - len("GET / HTTP/1.1")) + b" HTTP/1.1"
    statuses, out, _ = talk(evoke_shared, request(line), timeout=2)
    assert statuses == [status], out[:300]


@pytest.mark.parametrize("count,status", [(99, 200), (100, 431)])
def test_the_number_of_headers_at_its_limit(evoke_shared, count, status):
    headers = b"".join(b"X-%d: y\r\n" % i for i in range(count))
    statuses, out, _ = talk(evoke_shared, request(b"GET /healthz HTTP/1.1", headers), timeout=2)
    assert statuses == [status], out[:300]


def test_a_head_over_its_size(evoke_shared):
    statuses, _, _ = talk(evoke_shared, request(b"GET /healthz HTTP/1.1", b"X: " + b"y" * 33000 + b"\r\n"), timeout=2)
    assert statuses == [431]


@pytest.mark.parametrize("path,key", [("/v2/p/fgs/none", "error_code"), ("/2016-08-15/none", "ErrorCode"),
                                      ("/evoke/v1/none", "error"), ("/elsewhere", "error")])
def test_each_api_answers_an_unknown_path_in_its_own_shape(evoke_shared, path, key):
    r = evoke_shared.get(path)
    assert 400 <= r.status_code < 500 and key in r.json(), r.text


@pytest.mark.parametrize("path,key", [(f"/v2/{PROJECT}/fgs/functions", b"error_code"),
                                      ("/2016-08-15/services", b"ErrorCode")])
def test_a_refusal_by_the_server_itself_has_the_dialects_shape(evoke_shared, path, key):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n".encode()
    statuses, out, _ = talk(evoke_shared, head, timeout=3)
    assert statuses and statuses[0] in (400, 401, 413) and key in out, out


@pytest.mark.slow
def test_a_head_that_never_ends_is_given_up(evoke_shared):
    s = socket.create_connection(("127.0.0.1", evoke_shared.port))
    s.settimeout(1)
    s.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n")
    out = b""
    for _ in range(30):
        try:
            part = s.recv(4096)
            out += part
            if not part:
                break
        except socket.timeout:
            try:
                s.sendall(b"X: y\r\n")  # each byte must not extend the deadline
            except OSError:
                break
    else:
        raise AssertionError("still open after 30 s")
    assert b" 408 " in out


def test_ten_idle_connections_do_not_hold_up_an_eleventh(evoke_shared):
    idle = [socket.create_connection(("127.0.0.1", evoke_shared.port)) for _ in range(10)]
    for s in idle:
        s.sendall(b"POST /evoke/v1/functions HTTP/1.1\r\nHost: localhost\r\n")
    assert evoke_shared.get("/healthz").status_code == 200
    for s in idle:
        s.close()
