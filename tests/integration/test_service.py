# SPDX-License-Identifier: Apache-2.0
"""evoke as a service: health, the service manager's notifications and watchdog, socket activation, reload."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading

import pytest
import requests

from evoked import BUILD, Evoked, deadline

WAIT = "import os, time\n\ndef handler(event, context):\n    open('/tmp/here', 'w').close()\n    time.sleep(event['s'])\n    return 'slept'\n"
ECHO = "def handler(event, context):\n    return event\n"


def deploy(evoke, tmp_path, name, source):
    d = tmp_path / name
    d.mkdir(exist_ok=True)
    (d / "index.py").write_text(source)
    (d / "evoke.yaml").write_text(f"functions:\n  {name}:\n    runtime: Python3.9\n    handler: index.handler\n")
    r = evoke.run("deploy", str(d))
    assert r.returncode == 0, r.stderr


def busy(evoke):
    return json.loads(evoke.run("status", "--output", "json").stdout)["instances"]["busy"]


# -- health ---------------------------------------------------------------------------------------------------------


def test_version_and_readiness_of_a_daemon_that_is_well(evoke_shared):
    version = evoke_shared.get("/version").json()
    assert version["name"] == "evoke" and version["version"]
    assert "/v2/" in version["apis"] and "/evoke/v1/" in version["apis"]
    assert evoke_shared.get("/healthz").text == "ok\n"
    for _ in deadline(20):
        ready = evoke_shared.get("/readyz")
        if ready.status_code == 200:
            break
    assert ready.json() == {"ready": True, "reasons": []}


def test_who_connects_during_a_drain_is_told(evoke, tmp_path):
    deploy(evoke, tmp_path, "wait", WAIT)
    answers = []
    runs = threading.Thread(target=lambda: answers.append(evoke.run("invoke", "wait", "--event", '{"s": 2}')))
    runs.start()
    for _ in deadline(20):
        if busy(evoke):
            break
    evoke.process.send_signal(signal.SIGTERM)
    evoke.wait_log("draining")
    for _ in deadline(10):
        ready = evoke.get("/readyz")
        if ready.status_code == 503:
            break
    assert ready.status_code == 503 and [r["component"] for r in ready.json()["reasons"]] == ["daemon"]
    health = evoke.get("/healthz")
    assert health.status_code == 200
    refused = evoke.get("/v2/p/fgs/functions")
    assert refused.status_code == 503 and "ending" in refused.text and refused.headers["Retry-After"] == "1"
    runs.join()
    assert answers[0].returncode == 0 and "slept" in answers[0].stdout
    assert evoke.process.wait(20) == 0
