# SPDX-License-Identifier: Apache-2.0
"""What the HTTP server refuses before an operation sees it, in the words and with the request id of each cloud."""
import json
import re
import socket

import pytest
from signing import PROJECT, Client, authorization, stamp, urn

MB = 1 << 20
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def answer_to(evoke, head, body=b""):
    """Status, headers and JSON body of what a raw request is answered with."""
    with socket.create_connection((evoke.host, evoke.port), timeout=20) as s:
        s.sendall(head.encode() + body)
        raw = b""
        while part := s.recv(65536):
            raw += part
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, json.loads(body)


def functiongraph(evoke, path, framing):
    """The head of a POST with a good key; its signature is not looked at before the body is there."""
    headers = {"host": f"127.0.0.1:{evoke.port}", "x-sdk-date": stamp()}
    auth = authorization("POST", path, "", headers, b"", evoke.access_key, evoke.secret_key)
    lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}Authorization: {auth}\r\n{framing}\r\n\r\n"


INVOKE = f"/v2/{PROJECT}/fgs/functions/{urn('f')}/invocations"
CREATE = f"/v2/{PROJECT}/fgs/functions"


@pytest.mark.parametrize("path, size, code", [(INVOKE, 7 * MB + 1, "FSS.1201"), (CREATE, 68 * MB + 1, "FSS.1071")])
def test_a_body_announced_too_large_is_refused_at_its_head(evoke_shared, path, size, code):
    status, headers, body = answer_to(evoke_shared, functiongraph(evoke_shared, path, f"Content-Length: {size}"))
    assert (status, body["error_code"]) == (413, code), body
    assert UUID.fullmatch(headers["x-request-id"]), headers


def test_a_chunked_body_too_large_is_refused_in_the_same_words(evoke_shared):
    head = functiongraph(evoke_shared, INVOKE, "Transfer-Encoding: chunked")
    chunk = b"%x\r\n" % MB + b"x" * MB + b"\r\n"
    status, headers, body = answer_to(evoke_shared, head, chunk * 7 + b"1\r\nx\r\n0\r\n\r\n")
    assert (status, body["error_code"]) == (413, "FSS.1201"), body
    assert UUID.fullmatch(headers["x-request-id"]), headers


def test_an_event_of_six_megabytes_and_a_byte_is_refused_by_its_size(evoke_shared):
    client = Client(evoke_shared)
    assert client.create("refused", "def handler(event, context):\n    return 1\n").status_code == 200
    try:
        r = client.invoke("refused", b'"' + b"x" * (6 * MB - 1) + b'"')
        assert (r.status_code, r.json()["error_code"]) == (413, "FSS.1201"), r.text
        assert UUID.fullmatch(r.headers["x-request-id"])
        assert client.invoke("refused", b'"' + b"x" * (6 * MB - 2) + b'"').status_code == 200
    finally:
        client.delete("refused")


def test_broken_chunks_are_refused_with_a_request_id(evoke_shared):
    head = functiongraph(evoke_shared, INVOKE, "Transfer-Encoding: chunked")
    status, headers, body = answer_to(evoke_shared, head, b"zz\r\n")
    assert status == 400 and body["request_id"] == headers["x-request-id"], (headers, body)


@pytest.mark.parametrize("size, limit", [(8 * MB + 1, 6 * MB)])
def test_function_compute_answers_400_for_an_event_far_too_large(evoke_shared, size, limit):
    from email.utils import formatdate
    head = (f"POST /2016-08-15/services/s/functions/f/invocations HTTP/1.1\r\nHost: 127.0.0.1:{evoke_shared.port}\r\n"
            f"Date: {formatdate(usegmt=True)}\r\nX-Fc-Account-Id: 1\r\n"
            f"Authorization: FC {evoke_shared.access_key}:{'A' * 43}=\r\nContent-Length: {size}\r\n\r\n")
    status, headers, body = answer_to(evoke_shared, head)
    assert (status, body["ErrorCode"]) == (400, "EntityTooLarge"), body
    assert body["ErrorMessage"] == f"payload size exceeds maximum allowed size ({limit} bytes)"
    assert UUID.fullmatch(headers["x-fc-request-id"]), headers
