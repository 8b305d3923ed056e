# SPDX-License-Identifier: Apache-2.0
"""Runtime `native` through FunctionGraph's API: the second user of the runtime seam, and programs that break the protocol.

Whatever a program does, its caller gets the documented function error, the daemon lives and stays small, the next
invocation works, and descriptors and processes are accounted for.
"""
import io
import json
import os
import pathlib
import re
import zipfile

import pytest

from evoked import BUILD, Evoked, children_of, deadline
from signing import Client

MB = 1024 * 1024


@pytest.fixture(scope="module", params=["root", "user"])
def daemon(request):
    with Evoked(unprivileged=request.param == "user") as e:
        e.allow("the worker broke the protocol")
        yield e


@pytest.fixture
def client(daemon):
    """Afterwards the daemon is the same process, and holds what its instances need and no more."""
    pid = daemon.pids()["daemon"]
    yield Client(daemon)
    assert daemon.pids()["daemon"] == pid, "the daemon was restarted:\n" + daemon.log_text()
    daemon.check_descriptors()
    check_processes(daemon)


def check_processes(evoke):
    """Below the launcher live: for each instance its init and one program."""
    for _ in deadline(15):
        i = json.loads(evoke.run("status", "--output", "json").stdout)["instances"]
        programs = [n for n in children_of(evoke.pids()["launcher"]).values() if n == "bootstrap"]
        if len(programs) <= i["idle"] + i["busy"] + i["starting"]:
            return
    raise AssertionError(f"{programs} are left, instances: {i}")


def zip_of(files):
    """files: {name: (content, mode)}"""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, (content, mode) in files.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (0o100000 | mode) << 16
            z.writestr(info, content)
    return out.getvalue()


def package(case, extra):
    program = (BUILD / "tests/functions/native" / case / "bootstrap").read_bytes()
    return zip_of({"bootstrap": (program, 0o755), **{name: (content, 0o644) for name, content in extra.items()}})


def create(client, name, case, handler="run.it", extra=None, **fields):
    client.delete(name)
    r = client.create(name, zip_bytes=package(case, extra or {}), runtime="native", handler=handler, timeout=3, **fields)
    assert r.status_code == 200, r.text


@pytest.fixture
def echo(client):
    create(client, "echo", "echo")
    yield "echo"
    assert client.delete("echo").status_code == 204


@pytest.fixture
def hostile(client):
    create(client, "hostile", "hostile")
    yield "hostile"
    assert client.invoke("hostile", b'"tame"').text == "tame"
    assert client.delete("hostile").status_code == 204


def function_error(response, words):
    assert response.status_code == 200 and response.headers.get("X-Is-Func-Err") == "true", response.text[:500]
    body = response.json()
    assert re.search(words, body["errorMessage"]) and body["errorType"], body


# ---- a program that behaves ------------------------------------------------------------------------------------


def test_a_native_program_answers_fails_logs_and_ends(client, echo):
    r = client.invoke(echo, b'{"n": 1}')
    assert (r.status_code, r.content, r.headers["X-Is-Func-Err"]) == (200, b'{"n": 1}', "false")
    assert client.invoke(echo, b'"x"').status_code == 200  # the same instance again
    r = client.invoke(echo, b"[1]", v1=True)
    assert json.loads(r.json()["result"]) == [1] and "Finish " in r.json()["log"], r.text


def test_six_megabytes_go_in_and_come_out(client, echo):
    event = b'"' + os.urandom(3 * MB).hex().encode()[:6 * MB - 2] + b'"'
    assert len(event) == 6 * MB
    for _ in range(3):
        r = client.invoke(echo, event)
        assert r.status_code == 200 and r.content == event


def test_a_program_is_told_who_it_is(client):
    create(client, "hello", "hello", user_data=json.dumps({"COLOUR": "blue"}))
    told = client.invoke("hello").json()
    assert told["dialect"] == "functiongraph" and told["context"]["function"] == "hello"
    assert told["env"]["COLOUR"] == "blue" or told["context"]["user_data"]["COLOUR"] == "blue"
    assert client.delete("hello").status_code == 204


@pytest.mark.parametrize("files,words", [
    ({"readme": (b"nothing to run", 0o644)}, r"runtime process is exited \(exit code 127\)"),
    ({"bootstrap": (b"#!/bin/sh\n", 0o644)}, r"runtime process is exited \(exit code 126\)"),
    ({"bootstrap": (b"not a program", 0o755)}, r"runtime process is exited \(exit code 126\)"),
    ({"bootstrap": (b"#!/no/such/shell\n", 0o755)}, r"runtime process is exited \(exit code 127\)"),
    ({"bootstrap": (b"#!/bin/sh\nexit 3\n", 0o755)}, r"runtime process is exited \(exit code 3\)"),
])
def test_a_package_without_a_program_that_runs_is_an_error_of_the_function(client, files, words):
    client.delete("empty")
    assert client.create("empty", zip_bytes=zip_of(files), runtime="native", handler="a.b").status_code == 200
    function_error(client.invoke("empty"), "Initialization failed: " + words)
    if "12" in words:
        assert "run '/opt/function/code/bootstrap'" in client.invoke("empty", v1=True).json()["log"]
    assert client.delete("empty").status_code == 204


# ---- programs that break the protocol ------------------------------------------------------------------------

PROTOCOL = "does not understand"
RUNS = {
    "garbage": PROTOCOL,
    "forged": PROTOCOL,
    "other-answer": PROTOCOL,
    "beyond": PROTOCOL + "|is larger than",  # a daemon that keeps up has always just granted more
    "oversize": PROTOCOL,
    "half-a-frame": PROTOCOL,
    "much-credit": PROTOCOL,
    "reset": PROTOCOL,
    "ready-again": PROTOCOL,
    "assign-back": PROTOCOL,
    "bad-summary": PROTOCOL,
    "hang-up": "runtime process is exited",
    "fork-and-exit": r"runtime process is exited \(exit code 0\)",
    "no-answer": r"runtime process is exited \(exit code 0\)",
    "half-an-answer": r"runtime process is exited \(exit code 9\)",
    "segfault": r"runtime process is exited \(signal 11\)",
    "abort": r"runtime process is exited \(signal 6\)",
}


@pytest.mark.parametrize("word", RUNS)
def test_a_run_that_breaks_the_protocol_is_a_function_error(client, hostile, word):
    for _ in range(2):
        function_error(client.invoke(hostile, f'"{word}"'.encode()), RUNS[word])


@pytest.mark.parametrize("word,words", [
    ("garbage", PROTOCOL), ("forged", PROTOCOL), ("oversize", PROTOCOL), ("half-a-frame", PROTOCOL), ("assign-back", PROTOCOL),
    ("other-answer", PROTOCOL), ("hang-up", "Initialization failed: runtime process is exited"),
    ("no-answer", r"Initialization failed: runtime process is exited \(exit code 0\)"),
    ("segfault", r"Initialization failed: runtime process is exited \(signal 11\)"),
])
def test_loading_that_breaks_the_protocol_is_a_function_error(client, word, words):
    create(client, "loading", "hostile", handler="load." + word)
    function_error(client.invoke("loading"), words)
    function_error(client.invoke("loading"), words)
    assert client.delete("loading").status_code == 204


@pytest.mark.parametrize("word,words", [
    ("garbage", PROTOCOL), ("version-2", PROTOCOL), ("forged", PROTOCOL), ("oversize", PROTOCOL),
    ("hang-up", "Initialization failed: runtime process is exited"),
    ("fork-and-exit", r"Initialization failed: runtime process is exited \(exit code 0\)"),
])
def test_garbage_instead_of_ready_is_a_function_error(client, word, words):
    create(client, "boot", "hostile", extra={"bootstrap.boot": word.encode()})
    function_error(client.invoke("boot"), words)
    function_error(client.invoke("boot"), words)
    assert client.delete("boot").status_code == 204


def test_a_second_end_ends_the_instance_and_not_the_answer(daemon, client, hostile):
    for _ in range(3):
        r = client.invoke(hostile, b'"end-twice"')
        assert (r.status_code, r.text) == (200, "once")
        assert any(not json.loads(daemon.run("why", hostile, "--output", "json").stdout)["instances"] for _ in deadline(10))


def test_an_answer_before_the_request_is_complete_is_the_answer(client, hostile):
    r = client.invoke(hostile, b'"early' + b"x" * (6 * MB - 7) + b'"')
    assert (r.status_code, r.text) == (200, "early")


@pytest.mark.slow
def test_a_program_that_never_reads_is_ended_at_its_outer_deadline(client, hostile):
    r = client.invoke(hostile, b'"never-reads' + b"x" * (6 * MB - 13) + b'"')
    function_error(r, "timed out after 3 seconds")


# ---- floods -------------------------------------------------------------------------------------------------


# What a program built with sanitizers has freed it keeps for a while, and it counts as memory: so much of it by default.
KEPT_BY_SANITIZER = 256 * MB if "ASAN_OPTIONS" in os.environ else 0


def peak(evoke):
    text = pathlib.Path(f"/proc/{evoke.pids()['daemon']}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", text).group(1)) * 1024


@pytest.mark.parametrize("word,words", [("flood-data", "larger than"), ("flood-log", None), ("flood-out", None)])
def test_a_flood_is_bounded_in_the_daemons_memory(daemon, client, hostile, word, words):
    client.invoke(hostile, b'"tame"')
    pathlib.Path(f"/proc/{daemon.pids()['daemon']}/clear_refs").write_text("5")  # the peak starts anew: proc(5)
    before = peak(daemon)
    # Three seconds are plenty for 200 MB, but not for everybody's sanitizers.
    r = client.invoke(hostile, f'"{word}"'.encode())
    if words:
        function_error(r, words)
    else:
        assert r.text == "flooded" or "timed out" in r.text, r.text[:500]
    assert peak(daemon) - before < 100 * MB + KEPT_BY_SANITIZER
