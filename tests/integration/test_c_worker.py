# SPDX-License-Identifier: Apache-2.0
"""The C worker library, through the two native test functions, without a sandbox.

The build directory is EVOKE_BUILD, or build/ beside the sources.
"""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from workerhost import ASSIGN, CREDIT, DATA, DEADLINE_S, END, ENVIRONMENT, OPEN, RESET, WINDOW, Gone, Host

BUILD = Path(os.environ.get("EVOKE_BUILD", Path(__file__).parents[2] / "build"))


class Native(Host):
    """The same host, another program."""

    def __init__(self, case):
        ours, theirs = socket.socketpair()
        program = BUILD / "tests" / "functions" / "native" / case / "checked"
        self.process = subprocess.Popen(
            ["bash", "-c", "exec 3<&%d %d<&- '%s'" % (theirs.fileno(), theirs.fileno(), program)],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=ENVIRONMENT)
        theirs.close()
        super().__init__(ours, Path("/"))

    def end(self):
        """Close our end; (exit code, stdout, stderr)."""
        self.sock.close()
        out, err = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, out, err


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
    assert json.loads(host.call()[1])["env"] == {"A": "1"} and not host.loaded


def test_a_program_may_say_that_its_initialisation_begins(start):
    host = start("hello")
    assert host.assign(initializer="init") == (0, b"{}") and host.loaded
    assert json.loads(host.call()[1])["initializer"] == "init"


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


def test_many_at_once_are_answered_in_the_order_they_became_whole(start):
    host = start("echo")
    host.assign(concurrency=32)
    streams = [host.begin(b"event %d" % i) for i in range(32)]
    assert host.answers(32) == [(stream, 0, b"event %d" % i) for i, stream in enumerate(streams)]
    assert host.call(b"after")[:2] == (0, b"after")


def test_events_that_come_in_pieces_side_by_side_stay_apart(start):
    host = start("echo")
    host.assign(concurrency=3)
    first, second, third = host.open(), host.open(), host.open()
    for i in range(40):
        for stream in (first, second, third):
            host.put(DATA, stream, b"%d-%d " % (stream, i))
    for stream in (second, third, first):
        host.put(END, stream)
    answers = host.answers(3)
    assert [a[0] for a in answers] == [second, third, first]
    for stream, flags, body in answers:
        assert flags == 0 and body == b"".join(b"%d-%d " % (stream, i) for i in range(40))


def test_an_answer_that_waits_for_credit_lets_others_come_in(start):
    host = start("echo")
    host.assign(concurrency=2)
    event = os.urandom(WINDOW + 1000)
    large = host.open()
    sent = 0
    while sent < len(event):
        if sent == WINDOW:  # it has granted more by now
            kind, _, stream, _ = host.take()
            assert (kind, stream) == (CREDIT, large)
        piece = event[sent:min(sent + 65536, max(WINDOW, sent + 1) if sent < WINDOW else len(event))]
        host.put(DATA, large, piece)
        sent += len(piece)
    host.put(END, large)
    small = host.begin(b"small")
    got = b""
    while len(got) < WINDOW:  # all that it may send without a grant
        kind, _, stream, payload = host.take()
        if kind == DATA:
            assert stream == large
            got += payload
    host.put(CREDIT, large, (WINDOW).to_bytes(4, "big"))
    answers = host.answers(2)
    assert [(a[0], a[1]) for a in answers] == [(large, 0), (small, 0)]
    assert got + answers[0][2] == event and answers[1][2] == b"small"


def test_a_run_the_host_has_given_up_does_not_wait_for_credit(start):
    host = start("echo")
    host.assign(concurrency=2)
    stream = host.open()
    for _ in range(4):
        host.put(DATA, stream, bytes(65536))
    granted = 0
    while granted < WINDOW:
        kind, _, _, payload = host.take()
        assert kind == CREDIT
        granted += int.from_bytes(payload, "big")
    host.put(DATA, stream, bytes(65536))
    host.put(RESET, stream)
    host.put(END, stream)
    assert host.take()[:3] == (END, 0, stream)
    assert host.call(b"next")[:2] == (0, b"next")


def test_log_lines_and_failures_stay_with_their_run(start):
    host = start("echo")
    host.assign(concurrency=4)
    streams = [host.begin(e) for e in (b"log", b"fail", b"x", b"log")]
    answers = host.answers(4)
    assert [a[0] for a in answers] == streams and [a[1] for a in answers] == [0, 1, 0, 0]
    assert [bool(host.log(s)) for s in streams] == [True, False, False, True]


def test_what_was_logged_is_heard_also_of_the_dead(start):
    host = start("echo")
    host.assign(concurrency=2)
    first, last = host.begin(b"log"), host.begin(b"exit")
    with pytest.raises(Gone):
        while host.take()[2] in (first, last):
            pass
    assert host.log(first) and not host.log(last)
    assert host.end()[0] == 3


def test_a_stream_is_opened_once_and_only_upwards(start):
    for stream in (1, 2):
        host = start("echo")
        host.assign(concurrency=4)
        host.call(b"1")
        host.call(b"2")
        host.put(OPEN, stream, b"{}")
        with pytest.raises(Gone):
            host.take()
        assert host.end()[0] == 1


@pytest.mark.parametrize("kind, stream, payload", [
    (99, 1, b""), (DATA, 1, b"x"), (END, 1, b""), (OPEN, 0, b"{}"), (ASSIGN, 0, b"{}")])
def test_a_broken_host_ends_it(start, kind, stream, payload):
    host = start("echo")
    host.assign()
    host.put(kind, stream, payload)
    with pytest.raises(Gone):
        host.take()
    assert host.end()[0] == 1
