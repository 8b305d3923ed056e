# SPDX-License-Identifier: Apache-2.0
"""Faults that need many at once or take a whole process of ours along, in every language."""
import base64
import concurrent.futures
import json
import os
import re
import signal
import time

import pytest
import requests

from evoked import Evoked, alive, children_of, deadline
from languages import LANGUAGES, deploy, package
from signing import Client, urn

IDENTITY = {
    "python": '''
import os, time
ID = os.urandom(8).hex()
def handler(event, context):
    print("run", event["n"], flush=True)
    if event.get("exit"):
        time.sleep(0.3)
        os._exit(9)
    time.sleep(event.get("s", 0))
    return {"id": ID, "n": event["n"], "word": "WORD"}
''',
    "node": '''
const ID = require("crypto").randomBytes(8).toString("hex");
const sleep = s => new Promise(done => setTimeout(done, s * 1e3));
exports.handler = async (event) => {
  console.log("run", event.n);
  if (event.exit) {
    await sleep(0.3);
    process.exit(9);
  }
  await sleep(event.s || 0);
  return { id: ID, n: event.n, word: "WORD" };
};
''',
}


@pytest.fixture(params=LANGUAGES)
def lang(request):
    LANGUAGES[request.param].need()
    return LANGUAGES[request.param]


@pytest.fixture(scope="module", params=["root", "user"])
def daemon(request):
    with Evoked(unprivileged=request.param == "user") as e:
        yield e


def source(lang, word):
    return {lang.filename: IDENTITY[lang.worker].replace("WORD", word)}


def invoke(daemon, name, **event):
    return Client(daemon).invoke(name, json.dumps(event).encode())


def at_once(n, call):
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(call, range(n)))


# ---- ten on one instance ---------------------------------------------------------------------------------------------


@pytest.fixture
def shared(daemon, lang):
    """One instance that runs ten at once."""
    client = Client(daemon)
    r = client.create("shared", zip_bytes=package(source(lang, "ten")), runtime=lang.runtime, timeout=3,
                      strategy_config={"concurrency": 1, "concurrent_num": 10})
    assert r.status_code == 200, r.text
    yield invoke(daemon, "shared", n=0).json()["id"]
    assert client.delete("shared").status_code == 204


def test_one_of_ten_hangs_and_nine_answer(daemon, shared):
    begun = time.monotonic()

    def call(n):
        r = invoke(daemon, "shared", n=n, s=99 if n == 4 else 0.2)
        return r, time.monotonic() - begun

    for n, (r, took) in enumerate(at_once(10, call)):
        if n == 4:
            assert r.json() == {"errorMessage": "Invocation timed out after 3 seconds", "errorType": "InvocationTimedOut"}, r.text
        else:
            assert r.json() == {"id": shared, "n": n, "word": "ten"} and took < 3, (took, r.text)
        log = base64.b64decode(r.headers["X-Cff-Function-Log"]).decode()
        assert re.findall(r"^run (\d+)$", log, re.M) == [str(n)], log
    assert invoke(daemon, "shared", n=11).json()["id"] != shared  # the one that hangs is gone, and its process with it


def test_one_of_ten_exits_and_takes_only_its_own_instance(daemon, shared):
    got = at_once(10, lambda n: invoke(daemon, "shared", n=n, exit=n == 4, s=9))
    for r in got:
        assert r.json() == {"errorMessage": "runtime process is exited (exit code 9)", "errorType": "RuntimeExited"}, r.text
    r = invoke(daemon, "shared", n=11)
    assert r.json()["n"] == 11 and r.json()["id"] != shared


# ---- two hundred on none ---------------------------------------------------------------------------------------------


def test_two_hundred_at_once_on_a_cold_function_and_an_update(daemon, lang):
    """Limit 100: half of them wait. Nobody fails, and nobody who asked after the update was answered gets the old code."""
    client, updated = Client(daemon), []
    r = client.create("crowd", zip_bytes=package(source(lang, "old")), runtime=lang.runtime, timeout=30,
                      strategy_config={"concurrency": 100})
    assert r.status_code == 200, r.text
    answered = []

    def call(n):
        if n == 200:
            return update()
        late = bool(updated)
        r = invoke(daemon, "crowd", n=n, s=0.05)
        answered.append(n)
        if n < 200 and not late and n % 4 == 0:  # some ask again, after whatever happened meanwhile
            late = bool(updated)
            r = invoke(daemon, "crowd", n=n, s=0.05)
        return late, r

    def update():
        for _ in deadline(30):
            if len(answered) >= 20:
                break
            time.sleep(0.005)
        body = {"code_type": "zip", "code_filename": "index.zip",
                "func_code": {"file": base64.b64encode(package(source(lang, "new"))).decode()}}
        r = Client(daemon).fg("PUT", f"/functions/{urn('crowd')}/code", body)
        updated.append(True)
        return None, r

    got = at_once(201, call)
    assert got.pop()[1].status_code == 200
    bad = [r.text for _, r in got if r.status_code != 200 or r.headers["X-Is-Func-Err"] != "false"]
    assert not bad, bad[:3]
    assert [r.json()["n"] for _, r in got] == list(range(200))
    assert not [r.text for late, r in got if late and r.json()["word"] != "new"]
    assert invoke(daemon, "crowd", n=0).json()["word"] == "new"
    assert client.delete("crowd").status_code == 204


# ---- a process of ours ends ------------------------------------------------------------------------------------------


def instances(evoke):
    status = evoke.run("status", "--output", "json")
    return json.loads(status.stdout)["instances"] if status.returncode == 0 else {}


def with_code(evoke):
    """Processes that have a function's code before them; a zygote or a spare has none."""
    return [p for p in children_of(evoke.process.pid) if os.path.exists(f"/proc/{p}/root/opt/function/code/evoke-test")]


@pytest.mark.parametrize("victim", ["daemon", "launcher", "keeper"])
def test_a_process_of_ours_is_killed_in_the_middle(evoke_factory, lang, victim):
    """The caller is told; what ran is gone; the next invocation works, unless it was the keeper: then nothing is left."""
    evoke = Evoked().start() if victim == "keeper" else evoke_factory()
    try:
        if victim != "keeper":
            evoke.allow(f"{victim} was ended by signal 9", "launcher", "instance")
        deploy(Client(evoke), "sleeper", lang, {**source(lang, "up"), "evoke-test": "x"})
        assert invoke(evoke, "sleeper", n=1).json()["word"] == "up"
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            running = pool.submit(invoke, evoke, "sleeper", n=2, s=99)
            for _ in deadline(10):
                if instances(evoke).get("busy"):
                    break
            before, workers = children_of(evoke.process.pid), with_code(evoke)
            assert workers
            os.kill(evoke.pids()[victim], signal.SIGKILL)
            try:
                told = running.result(30).json()["errorMessage"]  # the keeper's end may reach the launcher first, and so the caller
                assert victim != "daemon" and "runtime process is exited" in told
            except requests.ConnectionError:
                assert victim != "launcher"
        if victim == "keeper":
            evoke.process.wait(10)
        else:
            assert invoke(evoke, "sleeper", n=3).json()["word"] == "up"
        for _ in deadline(10):
            if not [p for p in (before if victim == "keeper" else workers) if alive(p)]:
                return
        raise AssertionError(f"still alive: {[n for p, n in before.items() if alive(p)]}")
    finally:
        if victim == "keeper":
            evoke.cleanup()
