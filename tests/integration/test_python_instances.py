# SPDX-License-Identifier: Apache-2.0
"""Python in its sandbox: what comes out of the zygote beside what was exec'ed, as root and as an ordinary user."""

import base64
import concurrent.futures
import json
import os
import shutil

import pytest

from evoked import BUILD, Evoked, deadline
from signing import Client

PYTHON = "/usr/bin/python3"
pytestmark = pytest.mark.skipif(not os.path.exists(PYTHON), reason=PYTHON + " is not installed")

# Every instance draws before anything else.
CODE = """
import random, secrets, ssl, uuid
drawn = [random.random(), secrets.token_hex(8), ssl.RAND_bytes(8).hex(), str(uuid.uuid4())]
import os, resource, signal, sys

def status(*names):
    with open("/proc/self/status") as f:
        fields = {name: value.strip() for name, _, value in (line.partition(":") for line in f)}
    return {name: fields[name] for name in names}

def handler(event, context):
    limits = [n for n in dir(resource) if n.startswith("RLIMIT_")]
    return {
        "drawn": drawn, "pid": os.getpid(),
        "by": open("/proc/self/cmdline").read().split("\\0")[-2].rpartition("/")[2].partition(".")[0],
        "state": {
            "status": status("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
                             "Seccomp_filters", "Groups", "SigIgn", "SigBlk", "SigCgt", "Threads", "Umask"),
            "ids": [os.getresuid(), os.getresgid()], "parent": os.getppid(),
            "group": os.getpgid(0) > 0,
            "limits": {n: resource.getrlimit(getattr(resource, n)) for n in limits},
            "descriptors": sorted(os.readlink("/proc/self/fd/" + n).partition(":")[0]
                                  for n in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + n)),
            "mounts": sorted(line.split()[4] for line in open("/proc/self/mountinfo")),
            "environ": {n: v for n, v in os.environ.items() if n != "RUNTIME_FUNC_NAME"},
            "argv": sys.argv, "path": sys.path, "cwd": os.getcwd(), "host": os.uname()[1],
            "dumpable": os.access("/proc/self/mem", os.R_OK), "cgroup": len(open("/proc/self/cgroup").readlines()),
        },
    }
"""


@pytest.fixture(scope="module", params=["root", "user"])
def instances(request):
    """What instances said, by how they were made: the first is exec'ed, for the zygote is not there yet."""
    with Evoked(unprivileged=request.param == "user") as e:
        client = Client(e)
        said, n = {"bootstrap": [], "zygote": []}, 0
        for _ in deadline(30):
            name = "f%d" % n
            n += 1
            assert client.create(name, CODE).status_code == 200
            answer = client.invoke(name, b"{}")
            assert answer.status_code == 200, answer.text
            it = json.loads(answer.text)
            assert "by" in it, answer.text
            said[it["by"]].append(it)
            if len(said["zygote"]) == 8:
                break
        yield said


def test_no_two_instances_draw_the_same_although_their_pids_are_equal(instances):
    forked = instances["zygote"]
    assert len({it["pid"] for it in forked}) < len(forked), "OpenSSL would have noticed these forks by itself"
    for drawn in zip(*(it["drawn"] for it in forked + instances["bootstrap"])):
        assert len(set(drawn)) == len(drawn)


def test_a_forked_instance_is_as_confined_as_one_that_was_execed(instances):
    if not instances["bootstrap"]:
        pytest.skip("the zygote was there before the first instance")
    want = instances["bootstrap"][0]["state"]
    for it in instances["zygote"]:
        assert it["state"] == want
    assert int(want["status"]["CapEff"], 16) == int(want["status"]["CapBnd"], 16) == 0
    assert want["status"]["Seccomp"] == "2" and want["status"]["NoNewPrivs"] == "1"


# --- several runs in one instance, through the whole house ---

MEETING = """
import logging, os, threading

meeting = threading.Barrier(5)

def handler(n, context):
    print("before", n)
    meeting.wait(20)
    logging.info("after %d", n)
    thread = threading.Thread(target=print, args=("thread", n))
    thread.start()
    thread.join()
    if n == 3:
        raise ValueError("no %d" % n)
    return [n, os.getpid(), context.getRequestID()]
"""


def test_five_runs_meet_in_one_instance_and_each_has_its_own_log(evoke):
    client = Client(evoke)
    created = client.create("meet", MEETING, strategy_config={"concurrency": 1, "concurrent_num": 5})
    assert created.status_code == 200, created.text
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        for _ in range(3):
            answers = list(pool.map(lambda n: Client(evoke).invoke("meet", b"%d" % n), range(5)))
            for n, answer in enumerate(answers):
                log = base64.b64decode(answer.headers["X-Cff-Function-Log"]).decode()
                said = [line.split(" [INFO] ")[-1] for line in log.splitlines()]
                for line in ("before %d" % n, "after %d" % n, "thread %d" % n):
                    assert said.count(line) == 1, log
                assert not any("before %d" % other in said for other in range(5) if other != n), log
            bodies = [json.loads(answer.text) for answer in answers]
            assert bodies.pop(3)["errorMessage"] == "no 3"
            assert [body[0] for body in bodies] == [0, 1, 2, 4]
            assert len({body[2] for body in bodies}) == 4


# --- an interpreter that does not load the extension ---


def test_without_the_extension_all_is_execed_and_it_is_said_once(tmp_path):
    tmp_path.chmod(0o755)
    for name in ("evoke", "evoke-launcher"):
        shutil.copy(BUILD / name, tmp_path / name)
    shutil.copytree(BUILD / "runtimes", tmp_path / "runtimes", ignore=shutil.ignore_patterns("_zygote.abi3.so*"))
    notice = "every instance is started by exec"
    with Evoked(program=tmp_path / "evoke") as e:
        e.allow(notice)
        client = Client(e)
        for n in range(100):  # until the notice is there, and three more
            assert client.create("f%d" % n, CODE).status_code == 200
            assert json.loads(client.invoke("f%d" % n, b"{}").text)["by"] == "bootstrap"
            if n >= 3 and notice in e.log_text():
                break
        e.stop()
        assert e.log_text_closed().count(notice) == 1 and e.log_text_closed().count("evoke zygote: ") == 1
