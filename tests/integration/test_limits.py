# SPDX-License-Identifier: Apache-2.0
"""What cgroups hold, asked of the functions of tests/vm, which runs the same on a host with cgroup v2."""
import json
import os
import pathlib
import re

import pytest

from evoked import ROOT, Evoked

QUOTA = 300  # thousandths of a CPU of FunctionGraph's 128 MB (docs/compat/functiongraph.md)


@pytest.fixture(scope="module")
def daemon():
    if os.geteuid() != 0:
        pytest.skip("cgroups need root, or a subtree of one's own")
    with Evoked() as e:
        e.wait_log("mode: memory")
        if "cpu hard" not in e.log_text():
            e.stop()
            pytest.skip("no cgroup with a cpu controller is to be had here")
        r = e.run("deploy", str(ROOT / "tests/vm/functions"))
        assert r.returncode == 0, r.stderr
        yield e


def ask(daemon, name, what):
    r = daemon.run("invoke", name, "--event", json.dumps({"do": what}))
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)["body"]


def quotas(daemon):
    """Of each instance of this daemon, whichever version holds the CPU; the tree has the pid of its stub in its name."""
    stub, found = str(daemon.pids()["launcher"]), []
    for path, _, files in os.walk("/sys/fs/cgroup"):
        tree = re.fullmatch(r"evoke-(\d+)-[0-9a-f]+", os.path.basename(os.path.dirname(path)))
        for file in {"cpu.cfs_quota_us", "cpu.max"} & set(files if tree and tree.group(1) == stub else ()):
            found.append(pathlib.Path(path, file).read_text().split()[0])
    return found


def test_cpu_strict_is_the_clouds_quota(daemon):
    assert ask(daemon, "strict", "cpu") == str(QUOTA)
    assert str(QUOTA * 100) in quotas(daemon)  # microseconds of 100,000
    assert float(ask(daemon, "strict", "burn")) < QUOTA * 1.25


def test_without_it_cpu_is_a_share(daemon):
    assert ask(daemon, "tricks", "hello") == "hello"
    assert {"-1", "max"} & set(quotas(daemon))


def test_out_of_memory_is_told_as_such_and_costs_only_its_own_request(daemon):
    r = daemon.run("invoke", "tricks", "--event", '{"do": "hog"}')
    assert r.returncode == 1
    assert "MemoryLimitExceeded" in r.stdout + r.stderr
    assert ask(daemon, "strict", "hello") == "hello"
    assert ask(daemon, "tricks", "hello") == "hello"
