# SPDX-License-Identifier: Apache-2.0
"""The function log store through the API: what functions print is kept, found, followed, and accounted for."""
import base64
import json
import os
import re
import signal
import threading
import time
import urllib.parse

import pytest

from signing import PROJECT, Client
from test_native import create as create_native  # noqa: F401

KEY = f"functiongraph/{PROJECT}/local-1/default"

PYTHON = """
import json, sys, time
def handler(event, context):
    what = event.get("what") if isinstance(event, dict) else None
    print("said", event.get("n", 0))
    if what == "error":
        raise ValueError("broken on purpose")
    if what == "slow":
        sys.stdout.flush()
        time.sleep(30)
    if what == "much":
        for i in range(event["lines"]):
            print("line", i)
    if what == "binary":
        sys.stdout.flush(); sys.stdout.buffer.write(b"\\xff\\xfe\\x00bin\\n"); sys.stdout.buffer.flush()
    return "ok"
"""

NODE = """
exports.handler = (event, context, callback) => {
    console.log("node says", JSON.stringify(event));
    callback(null, "ok");
};
"""


class Logs:
    """GET logs as a client asks."""

    def __init__(self, daemon):
        self.daemon, self.client = daemon, Client(daemon)

    def ask(self, status=200, **query):
        text = urllib.parse.urlencode({k: v for k, v in query.items() if v is not None}, quote_via=urllib.parse.quote)
        r = self.client.call("GET", "/evoke/v1/logs", query=text)
        assert r.status_code == status, (r.status_code, r.text)
        return r.json()

    def deploy(self, name, source, runtime="Python3.9", **settings):
        body = {"runtime": runtime, "handler": "index.handler", "code": {"source": source}, **settings}
        r = self.client.call("PUT", f"/evoke/v1/functions/{KEY}/{name}", body)
        assert r.status_code in (200, 201), r.text

    def invoke(self, name, event):
        return self.client.call("POST", f"/evoke/v1/functions/{KEY}/{name}/invoke", event)

    def until(self, enough, **query):
        """Follow from the beginning until enough(records); all records."""
        records, cursor = [], None
        end = time.monotonic() + 20
        while time.monotonic() < end:
            a = self.ask(wait_ms=2000, after=cursor, **query)
            records, cursor = records + a["records"], a["cursor"]
            if enough(records):
                return records
        raise AssertionError(f"not enough: {records}")


def test_smoke(evoke):
    logs = Logs(evoke)
    logs.deploy("f", PYTHON)
    assert logs.invoke("f", {"n": 1}).status_code == 200
    records = logs.until(lambda r: any("end" in x for x in r), function=f"{KEY}/f")
    print(records)
    assert "said 1" in records[-1]["text"]
