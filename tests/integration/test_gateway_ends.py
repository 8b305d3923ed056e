# SPDX-License-Identifier: Apache-2.0
"""A call of the gateway that ends before its time: its client goes, or the daemon does, wherever the call is at that moment. What is
left behind is told by the metrics, by the next request, and by the sanitizers' build of the daemon at its end."""
import json
import socket
import struct
import threading

import pytest
import requests

from apigcloud import INSTANCE
from evoked import Evoked, deadline
from signing import PROJECT, Client

WHERE = {"dialect": "functiongraph", "account": PROJECT, "region": "local-1"}
STATES = ["head", "body", "authorizer", "function", "backend", "stream", "stream with another behind it", "asynchronous"]

SLOW = """
import time

def handler(event, context):
    if event.get('path') != '/quick':
        time.sleep(100)
    return {'statusCode': 200, 'body': 'quick'}
"""


class Backend:
    """Takes requests and says nothing to them; or, below /stream, more than anybody reads."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.arrived = threading.Semaphore(0)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            s, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        with s:
            request = s.recv(65536)
            self.arrived.release()
            try:
                if b"/stream" in request:
                    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000000\r\n\r\n")
                    while True:
                        s.sendall(b"s" * 65536)
                s.recv(1)  # until the gateway lets go
            except OSError:
                pass


class World(Evoked):
    def __enter__(self):
        super().__enter__()
        self.client, self.backend, self.apis = Client(self), Backend(), {}
        assert self.client.create("slow", SLOW, timeout=200).status_code == 200
        self.group = self.make("group", {"name": "ends"})
        function = {"function_urn": f"urn:fss:local-1:{PROJECT}:function:default:slow", "version": "latest", "timeout": 60000}
        sync, later = ({**function, "invocation_type": kind} for kind in ("sync", "async"))
        self.api("quick", backend_type="FUNCTION", func_info=sync)
        self.api("function", backend_type="FUNCTION", func_info=sync)
        self.api("asynchronous", backend_type="FUNCTION", func_info=later)
        auth = self.make("authorizer", {"name": "slow_one", "type": "FRONTEND", "authorizer_type": "FUNC", "ttl": 0, "identities": [],
                                        "authorizer_uri": function["function_urn"]})
        self.api("authorizer", auth_type="AUTHORIZER", authorizer_id=auth, backend_type="MOCK", mock_info={"result_content": "in"})
        for name in ("backend", "stream"):
            self.api(name, backend_type="HTTP", backend_api={"url_domain": f"127.0.0.1:{self.backend.port}", "req_protocol": "HTTP",
                                                             "req_method": "ANY", "req_uri": "/" + name, "timeout": 60000})
        return self

    def make(self, kind, body):
        parent = {"parent": self.group} if kind == "api" else {}
        r = self.client.call("POST", f"/evoke/v1/gateway/{kind}", {**WHERE, **parent, "body": body})
        assert r.status_code == 201, r.text
        return r.json()["id"]

    def api(self, name, **fields):
        ident = self.make("api", {"group_id": self.group, "name": "api_" + name, "type": 1, "req_protocol": "BOTH", "req_method": "ANY",
                                  "req_uri": "/" + name, "auth_type": "NONE", **fields})
        r = self.client.call("POST", f"/evoke/v1/gateway/api/{ident}/publish", {})
        assert r.status_code < 300, r.text
        self.apis[name] = ident

    def metric(self, name):
        line = [x for x in self.get("/metrics").text.splitlines() if x.startswith(name + " ")]
        return int(float(line[0].split()[1]))

    def busy(self):
        return json.loads(self.run("status", "--output", "json").stdout)["instances"]["busy"]

    def reach(self, what, at_least):
        for _ in deadline(30):
            if what() >= at_least:
                return
        raise AssertionError(f"{what()}, not {at_least}")

    def begin(self, state):
        """A connection whose call has come that far."""
        path = state.split()[0]
        waits, busy = self.metric("evoke_gateway_open"), self.busy()
        length = {"head": 10, "body": 1 << 20}.get(state, 0)
        text = f"POST /apigw/{self.group}/{'function' if length else path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        s = socket.create_connection(("127.0.0.1", self.port), 30)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no farewell
        s.sendall(text.encode() * (2 if "behind" in state else 1) + b"b" * (300_000 if state == "body" else 0))
        if path in ("authorizer", "function"):
            self.reach(self.busy, busy + 1)
        if path in ("backend", "stream"):
            assert self.backend.arrived.acquire(timeout=60)
        if path == "stream":
            assert s.recv(1, socket.MSG_PEEK)
        if path != "asynchronous":  # that is over soon
            self.reach(lambda: self.metric("evoke_gateway_open"), waits + 1)
        return s

    def debug(self, name):
        """A call by the control plane, which has no connection of its own; the connection of who asked for it."""
        path = f"/v2/{PROJECT}/apigw/instances/{INSTANCE}/apis/debug/{self.apis[name]}"
        body = json.dumps({"mode": "DEVELOPER", "scheme": "HTTP", "method": "GET", "path": "/" + name}).encode()
        s = socket.create_connection(("127.0.0.1", self.port), 30)
        lines = "".join(f"{k}: {v}\r\n" for k, v in self.client.headers("POST", path, "", body).items())
        s.sendall(f"POST {path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert self.backend.arrived.acquire(timeout=60)
        return s


@pytest.fixture(name="world")
def fixture_world():
    e = World("--drain", "0")
    e.allow("drain time is over")
    with e:
        yield e
        if e.process.poll() is None:
            e.stop()  # what still runs is killed with its instance


def test_a_client_goes_wherever_its_call_is(world):
    for state in STATES:
        before = world.metric("evoke_gateway_open")
        world.begin(state).close()
        for _ in deadline(30):
            if world.metric("evoke_gateway_open") <= before:
                break
        assert world.metric("evoke_gateway_open") == 0, state
        r = requests.post(f"{world.url}/apigw/{world.group}/quick", timeout=60)
        assert (r.status_code, r.text) == (200, "quick"), (state, r.text)


def test_the_daemon_ends_wherever_its_calls_are(world):
    held = [world.begin(state) for state in STATES] + [world.debug("backend")]
    world.stop()
    for s in held:
        s.close()
