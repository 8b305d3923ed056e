# SPDX-License-Identifier: Apache-2.0
"""The C worker library, through the two native test functions, without a sandbox.

The build directory is EVOKE_BUILD, or build/ beside the sources.
"""

import json
import os
from pathlib import Path

import pytest
from test_python_worker import ASSIGN, CREDIT, DATA, END, OPEN, RESET, WINDOW, Gone, Host

BUILD = Path(os.environ.get("EVOKE_BUILD", Path(__file__).parents[2] / "build"))


class Native(Host):
    """The same host, another program."""

    def __init__(self, case):
        self.program = BUILD / "tests" / "functions" / "native" / case / "checked"
        super().__init__(Path("/"))

    def command(self):
        return "'%s'" % self.program


@pytest.fixture
def start():
    hosts = []

    def begin(case):
        if not (BUILD / "tests" / "functions" / "native" / case / "checked").exists():
            pytest.skip("native function '%s' is not built in %s" % (case, BUILD))
        hosts.append(Native(case))
        return hosts[-1]

    yield begin
    for host in hosts:
        host.sock.close()
        if host.process.poll() is None:
            host.process.kill()
        host.process.communicate()


def test_it_answers_with_the_event_again_and_again(start):
    host = start("echo")
    assert host.assign() == (0, b"{}")
    for event in (b"", b"x", b"\x00\xff" * 40000, os.urandom(1024) * 2000, b"last"):
        flags, body, end = host.call(event)
        assert (flags, body) == (0, event)
        assert end["peak_bytes"] > 0
    assert host.end()[0] == 0


def test_a_failure_is_flagged(start):
    host = start("echo")
    host.assign()
    flags, body, _ = host.call(b"fail")
    assert flags == 1 and json.loads(body)["errorType"] == "Asked"
    assert host.call(b"ok")[:2] == (0, b"ok")


def test_log_lines_belong_to_their_run(start):
    host = start("echo")
    host.assign()
    host.call(b"log")
    assert host.log() == 'open: {"request_id": "r-1", "timeout_ms": 3000}\n'


def test_the_assignment_is_handed_over_as_text(start):
    host = start("hello")
    assert host.assign(handler="h", env={"A": "1"}) == (0, b"{}")
    assert host.log(0) == "hello from the start\n"
    assert json.loads(host.call()[1])["env"] == {"A": "1"}


def test_a_start_that_fails_is_a_failed_ready(start):
    host = start("hello")
    host.ready()
    host.put(ASSIGN, 0, b"{}")
    flags, payload = host.ready()
    assert flags == 1 and json.loads(payload)["errorMessage"] == "no handler"
    assert host.end()[0] == 1


def test_an_exit_is_an_exit(start):
    host = start("echo")
    host.assign()
    with pytest.raises(Gone):
        host.call(b"exit")
    assert host.end()[0] == 3


def test_late_credit_and_reset_do_no_harm(start):
    host = start("echo")
    host.assign()
    host.call(b"1")
    host.put(CREDIT, 1, (WINDOW).to_bytes(4, "big"))
    host.put(RESET, 1)
    assert host.call(b"2")[:2] == (0, b"2")


@pytest.mark.parametrize("kind, stream, payload", [
    (99, 1, b""), (DATA, 1, b"x"), (END, 1, b""), (OPEN, 0, b"{}"), (ASSIGN, 0, b"{}")])
def test_a_broken_host_ends_it(start, kind, stream, payload):
    host = start("echo")
    host.assign()
    host.put(kind, stream, payload)
    with pytest.raises(Gone):
        host.take()
    assert host.end()[0] == 1
