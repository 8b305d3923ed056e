# SPDX-License-Identifier: Apache-2.0
"""The gateway's spine: which API a request means, what happens on the way, what is told of it. Triggers and resources come and
go while it serves. Authorizers, mapping, SCF and FC have files of their own."""
import json

import pytest

from gateway import DOMAIN, ECHO, Gateway, group_id


@pytest.fixture
def gate(evoke):
    g = Gateway(evoke)
    g.function("echo", ECHO)
    return g


def code(r, status, code):
    assert (r.status_code, r.json().get("error_code")) == (status, code), (r.status_code, r.text)


def test_a_trigger_makes_a_function_callable_by_the_host_of_its_group(gate):
    gate.trigger("echo", "t", "apig", path="/hello/{name}", auth="none")
    r = gate.get("/hello/wor%20ld?a=1&a=2&b")
    assert r.status_code == 200, r.text
    event = r.json()
    assert event["path"] == "/hello/wor ld" and event["pathParameters"] == {"name": "wor ld"}
    assert event["requestContext"]["stage"] == "RELEASE" and event["httpMethod"] == "GET"
    assert r.headers["X-Request-Id"] == event["requestContext"]["requestId"]
    gate.drop_trigger("echo", "t")
    code(gate.get("/hello/x"), 404, "APIG.0101")
