# SPDX-License-Identifier: Apache-2.0
"""What Python functions do wrong, through the real daemon: each row is told as documented, and harms nobody else.

Everything runs as root and as an ordinary user. Where only one of them enforces a limit, the row says what the other answers.
"""
import base64
import concurrent.futures
import json
import re
import time

import pytest

from evoked import Evoked, children_of, deadline
from signing import Client, urn

MB = 1024 * 1024
ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture(scope="module", params=["root", "user"])
def daemon(request):
    e = Evoked(unprivileged=request.param == "user").start()
    e.allow("the worker broke the protocol")
    e.hard = "memory hard" in e.log_text()  # root on a host with cgroup v1; anybody else: per process
    yield e
    try:
        e.stop()
        e.check_log()
    finally:
        if e.process.poll() is None:
            e.kill()
        e.cleanup()


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
    return [n for n in children_of(evoke.pids()["launcher"]).values() if n.startswith("python")]


def no_processes(evoke, but=0):
    for _ in deadline(15):
        if len(python_processes(evoke)) <= but:
            return
    raise AssertionError(f"left behind: {python_processes(evoke)}")


def in_handler(*lines):
    body = "".join(f"    {line}\n" for line in lines)
    return f"import ctypes, os, sys, threading, time\ndef handler(event, context):\n{body}"


# name: (source, fields, what the error or the answer matches)
FAULTS = {
    "sys.exit": (in_handler("sys.exit(3)"), {}, "exited|SystemExit"),
    "os._exit": (in_handler("os._exit(3)"), {}, r"runtime process is exited \(exit code 3\)"),
    "os._exit(0)": (in_handler("os._exit(0)"), {}, r"runtime process is exited \(exit code 0\)"),
    "segfault": (in_handler("ctypes.string_at(0)"), {}, r"runtime process is exited \(signal 11\)"),
    "abort": (in_handler("os.abort()"), {}, r"runtime process is exited \(signal 6\)"),
    "kill itself": (in_handler("os.kill(os.getpid(), 15)", "time.sleep(9)"), {}, r"runtime process is exited \(signal 15\)"),
    "close every descriptor": (in_handler("os.closerange(0, 1024)", "return 'closed'"), {}, "runtime process is exited"),
    "garbage to every descriptor": (in_handler("for fd in range(1024):", "    try:", "        os.write(fd, b'\\xa5' * 999)",
                                               "    except OSError:", "        pass", "return 1"), {}, "does not understand"),
    "recursion": (in_handler("return handler(event, context)"), {}, "recursion"),
    "initializer hangs": ("import time\ndef init(context):\n    time.sleep(99)\n" + ECHO,
                          {"initializer_handler": "index.init", "initializer_timeout": 1}, "Initialization failed: timed out"),
    "initializer exits": ("import os\ndef init(context):\n    os._exit(4)\n" + ECHO,
                          {"initializer_handler": "index.init", "initializer_timeout": 1},
                          r"Initialization failed: runtime process is exited \(exit code 4\)"),
    "busy loop, deaf to signals": (in_handler("import signal", "for s in range(1, 32):", "    try:",
                                              "        signal.signal(s, signal.SIG_IGN)", "    except OSError:", "        pass",
                                              "while True:", "    pass"), {}, "timed out after 3 seconds"),
    "forks and exits": (in_handler("if os.fork() == 0:", "    time.sleep(99)", "os._exit(5)"), {},
                        r"runtime process is exited \(exit code 5\)"),
}

# The same, but answered.
HARMLESS = {
    "thread raises": (in_handler("t = threading.Thread(target=lambda: 1 / 0)", "t.start()", "t.join()", "return 'done'"), {}, "done"),
    "fork and outlive": (in_handler("if os.fork() == 0:", "    time.sleep(99)", "    os._exit(0)", "return 'parent'"), {}, "parent"),
    "double fork with setsid": (in_handler("if os.fork() == 0:", "    os.setsid()", "    if os.fork() == 0:", "        time.sleep(99)",
                                           "    os._exit(0)", "os.wait()", "return 'parent'"), {}, "parent"),
    "a thread that never ends": (in_handler("threading.Thread(target=time.sleep, args=(99,), daemon=True).start()", "return 'on'"),
                                 {}, "on"),
    "flood of output": (in_handler("line = 'x' * 1023", "for _ in range(20 * 1024):", "    print(line)", "return 'printed'"),
                        {"timeout": 30}, "printed"),
    "a line of 1 MB": (in_handler("print('y' * (1 << 20))", "return 'printed'"), {}, "printed"),
    "raw output": (in_handler("for fd in (1, 2):", "    os.write(fd, bytes(range(256)) * 256)", "return 'printed'"), {}, "printed"),
    "slow answer": (in_handler("time.sleep(0.5)", "return 'slow'"), {}, "slow"),
    "closes its output": (in_handler("os.closerange(1, 3)", "return 'mute'"), {}, "mute"),
}


def create(client, name, source, **fields):
    client.delete(name)
    r = client.create(name, source, **{"timeout": 3, **fields})
    assert r.status_code == 200, r.text


@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.slow) if "hangs" in c else c for c in FAULTS])
def test_a_fault_is_a_function_error_and_harms_nobody_else(daemon, client, bystander, case):
    source, fields, words = FAULTS[case]
    create(client, "fault", source, **fields)
    r = client.invoke("fault")
    assert r.status_code == 200 and r.headers["X-Is-Func-Err"] == "true", r.text[:500]
    assert re.search(words, r.json()["errorMessage"]) and r.json()["errorType"], r.text
    assert client.delete("fault").status_code == 204


@pytest.mark.parametrize("case", HARMLESS)
def test_what_looks_bad_and_is_allowed_is_answered(daemon, client, case):
    source, fields, answer = HARMLESS[case]
    create(client, "odd", source, **fields)
    for _ in range(2):
        r = client.invoke("odd", v1=True)
        assert r.status_code == 200 and r.json()["result"] in (answer, json.dumps(answer)), r.text[-500:]
        assert len(r.json()["log"]) <= 4096 and "Finish " in r.json()["log"]
    assert client.delete("odd").status_code == 204
    no_processes(daemon)


# ---- memory, processes, disk ----------------------------------------------------------------------------------

LIMIT = "memory limit exceeded|MemoryError|Cannot allocate|out of memory"


def memory_used(response):
    """Megabytes, as the summary tells."""
    return json.loads(response.headers["X-Cff-Invoke-Summary"])["memoryUsed"]


@pytest.mark.parametrize("where", ["load", "handler"])
def test_a_memory_hog_is_ended_at_its_limit(daemon, client, bystander, where):
    hog = ["x = []", "while True:", "    x.append(b'z' * (1 << 20))"]
    source = "\n".join(hog) + "\n" + ECHO if where == "load" else in_handler(*hog)
    create(client, "hog", source, timeout=30)
    r = client.invoke("hog")
    assert r.headers["X-Is-Func-Err"] == "true" and re.search(LIMIT, r.text), r.text
    if daemon.hard:
        assert "memory limit exceeded" in r.text and memory_used(r) == 128
    assert client.delete("hog").status_code == 204
    no_processes(daemon, but=1)  # the bystander


def test_forked_children_fill_the_memory_of_their_function(daemon, client, bystander):
    create(client, "hog", in_handler("for _ in range(20):", "    if os.fork() == 0:", "        x = b'z' * (20 << 20)",
                                     "        time.sleep(99)", "        os._exit(0)", "time.sleep(99)"))
    r = client.invoke("hog")  # a child is killed at the limit, the parent lives on to its timeout
    assert re.search("timed out|memory limit exceeded", r.text), r.text
    if daemon.hard:  # else the limit is each process's own, and so is the figure
        assert memory_used(r) > 120, r.headers["X-Cff-Invoke-Summary"]
    assert client.delete("hog").status_code == 204
    no_processes(daemon, but=1)  # the bystander


def test_a_fork_bomb_on_the_first_line_is_ended(daemon, client, bystander):
    """By the memory limit where it is hard, else by the deadline for loading; a thousand processes take a while to die."""
    daemon.allow("not reported as ended")
    bomb = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
    create(client, "bomb", bomb, timeout=3)
    r = client.invoke("bomb")
    assert r.headers["X-Is-Func-Err"] == "true" and re.search("memory limit exceeded|timed out|exited", r.text), r.text
    if daemon.hard:
        assert memory_used(r) > 100, r.headers["X-Cff-Invoke-Summary"]
    assert client.delete("bomb").status_code == 204
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
    create(client, "mixed", in_handler("if event['hang']:", "    time.sleep(99)", "return event['n']"), timeout=6)
    at_once(30, lambda n: Client(daemon).invoke("mixed", json.dumps({"hang": False, "n": n}).encode()))  # warm

    def call(n):
        start = time.monotonic()
        r = Client(daemon).invoke("mixed", json.dumps({"hang": n == 7, "n": n}).encode())
        return r, time.monotonic() - start

    for n, (r, took) in enumerate(at_once(30, call)):
        if n == 7:
            assert "timed out after 6 seconds" in r.text, r.text
        else:
            assert (r.status_code, r.text) == (200, str(n)) and took < 6, (n, took, r.text)
    assert client.delete("mixed").status_code == 204
    no_processes(daemon)


def test_an_update_loses_no_request_and_leaves_no_old_code(daemon, client):
    def source(word):
        return in_handler("time.sleep(0.05)", f"return '{word}'")

    create(client, "fresh", source("old"))
    answers, updated = [], []

    def call(_):
        """Until one was asked for after the update was answered."""
        mine, late = Client(daemon), False
        while not late:
            late = bool(updated)
            r = mine.invoke("fresh")
            answers.append((late, r.status_code, r.text))

    def update(_):
        for _ in deadline(30):
            if len(answers) >= 100:
                break
            time.sleep(0.01)
        body = {"code_type": "inline", "code_filename": "index.py",
                "func_code": {"file": base64.b64encode(source("new").encode()).decode()}}
        updated.append(Client(daemon).fg("PUT", f"/functions/{urn('fresh')}/code", body).status_code)

    at_once(61, lambda n: (update if n == 60 else call)(n))
    assert updated == [200] and len(answers) >= 160
    assert [a for a in answers if a[1] != 200 or a[2] not in ("old", "new")] == []
    assert [a for a in answers if a[0] and a[2] != "new"] == []
    assert {a[2] for a in answers} == {"old", "new"}
    assert client.invoke("fresh").text == "new"
    assert client.delete("fresh").status_code == 204
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
