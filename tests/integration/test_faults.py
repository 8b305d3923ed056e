# SPDX-License-Identifier: Apache-2.0
"""Memory of children, /tmp of successors, many instances of one function: what fault_table.py's rows do not show.

Everything runs as root and as an ordinary user. Where only one of them enforces a limit, the row says what the other answers.
"""
import concurrent.futures
import json
import os
import re
import time

import pytest

from evoked import Evoked, children_of, deadline
from signing import Client

ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture(scope="module", params=["root", "user"])
def daemon(request):
    with Evoked(unprivileged=request.param == "user") as e:
        e.allow("the worker broke the protocol")
        e.hard = "memory hard" in e.wait_log(r"mode: memory [^\n]*").group()  # root on a host with cgroup v1; anybody else: per process
        yield e


@pytest.fixture
def client(daemon):
    """Afterwards the daemon is the same process, and nothing of a deleted function lives."""
    pid = daemon.pids()["daemon"]
    yield Client(daemon)
    assert daemon.pids()["daemon"] == pid, "the daemon was restarted:\n" + daemon.log_text()
    daemon.check_descriptors()


@pytest.fixture
def bystander(client):
    """Another function; it answers before and after."""
    client.delete("bystander")
    assert client.create("bystander", ECHO).status_code == 200
    assert client.invoke("bystander", b'"here"').text == "here"
    yield
    assert client.invoke("bystander", b'"still here"').text == "still here"
    assert client.delete("bystander").status_code == 204


def python_processes(evoke):
    """Those that have somebody's code; a zygote or a spare has none."""
    return [p for p, n in children_of(evoke.pids()["launcher"]).items()
            if n.startswith("python") and os.path.exists(f"/proc/{p}/root/opt/function/code/index.py")]


def no_processes(evoke, but=0):
    for _ in deadline(15):
        if len(python_processes(evoke)) <= but:
            return
    raise AssertionError(f"left behind: {python_processes(evoke)}")


def in_handler(*lines):
    body = "".join(f"    {line}\n" for line in lines)
    return f"import ctypes, os, sys, threading, time\ndef handler(event, context):\n{body}"


def create(client, name, source, **fields):
    client.delete(name)
    r = client.create(name, source, **{"timeout": 3, **fields})
    assert r.status_code == 200, r.text


# ---- memory, processes, disk ----------------------------------------------------------------------------------

def memory_used(response):
    """Megabytes, as the summary tells."""
    return json.loads(response.headers["X-Cff-Invoke-Summary"])["memoryUsed"]


def test_forked_children_fill_the_memory_of_their_function(daemon, client, bystander):
    create(client, "hog", in_handler("for _ in range(20):", "    if os.fork() == 0:", "        x = b'z' * (20 << 20)",
                                     "        time.sleep(99)", "        os._exit(0)", "time.sleep(99)"))
    r = client.invoke("hog")  # a child is killed at the limit, the parent lives on to its timeout
    assert re.search("timed out|memory limit exceeded", r.text), r.text
    if daemon.hard:  # else the limit is each process's own, and so is the figure
        assert memory_used(r) > 120, r.headers["X-Cff-Invoke-Summary"]
    assert client.delete("hog").status_code == 204
    no_processes(daemon, but=1)  # the bystander


def test_tmp_has_an_end_and_is_empty_again_afterwards(daemon, client, bystander):
    lines = ["n = len(os.listdir('/tmp'))", "if n:", "    return 'found %d' % n", "try:", "    with open('/tmp/f', 'wb') as f:",
             "        while True:", "            n += f.write(b'z' * (1 << 20))", "            f.flush()", "except OSError as e:",
             "    return '%d MB, then %s' % (n >> 20, e.strerror)"]
    create(client, "filler", in_handler(*lines), timeout=30, memory_size=1024)
    assert client.invoke("filler").text == "512 MB, then No space left on device"
    assert client.delete("filler").status_code == 204
    create(client, "filler", in_handler(*lines), timeout=30, memory_size=1024)
    assert client.invoke("filler").text == "512 MB, then No space left on device"
    assert client.delete("filler").status_code == 204


# ---- many at once -----------------------------------------------------------------------------------------------


def at_once(n, call):
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        return list(pool.map(call, range(n)))


def test_one_that_hangs_delays_no_other(daemon, client):
    create(client, "mixed", in_handler("if event['hang']:", "    time.sleep(99)", "return event['n']"), timeout=4)
    at_once(30, lambda n: Client(daemon).invoke("mixed", json.dumps({"hang": False, "n": n}).encode()))  # warm

    def call(n):
        start = time.monotonic()
        r = Client(daemon).invoke("mixed", json.dumps({"hang": n == 7, "n": n}).encode())
        return r, time.monotonic() - start

    for n, (r, took) in enumerate(at_once(30, call)):
        if n == 7:
            assert "timed out after 4 seconds" in r.text, r.text
        else:
            assert (r.status_code, r.text) == (200, str(n)) and took < 4, (n, took, r.text)
    assert client.delete("mixed").status_code == 204
    no_processes(daemon)


def test_who_finds_no_room_is_told_so(evoke_factory):
    """At the bound of a function the next one waits; when the queue is full, too, it is refused as `too many`."""
    evoke = evoke_factory("--waiting", "1")
    client = Client(evoke)
    create(client, "narrow", in_handler("time.sleep(1)", "return 'done'"), strategy_config={"concurrency": 1})
    got = at_once(4, lambda n: Client(evoke).invoke("narrow"))
    assert sorted(r.status_code for r in got) == [200, 200, 429, 429], [r.text for r in got]
    for r in got:
        assert r.text == "done" if r.status_code == 200 else r.json()["error_code"] == "FSS.0429", r.text
