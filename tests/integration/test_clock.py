# SPDX-License-Identifier: Apache-2.0
"""The clock that tests move: the daemon follows it, says so, and does not start by one that is none."""
import subprocess

from clock import Clock
from evoked import Evoked


def test_the_daemon_says_that_it_follows_a_test_clock_also_when_started_again(evoke_factory, open_path):
    clock = Clock(open_path / "clock")
    e = evoke_factory(clock=clock)
    said = rf"level=info .*events and timers live by a test clock: {clock.path}"
    e.wait_log(said)
    e.allow("daemon .*signal 9", "restart")
    start = len(e.log)
    subprocess.run(["kill", "-9", str(e.pids()["daemon"])], check=True)
    e.wait_log(said, start=start)
    assert e.get("/healthz").status_code == 200


def test_a_file_that_is_no_clock_is_refused_in_a_sentence(open_path):
    bad = open_path / "clock"
    bad.write_bytes(b"noon")
    bad.chmod(0o644)
    e = Evoked(env={"EVOKE_CLOCK": str(bad)})
    try:
        e.start()
    except AssertionError as said:
        assert f"EVOKE_CLOCK: test clock '{bad}' is no file of" in str(said)
    else:
        raise AssertionError("it started")
    finally:
        e.kill()
        e.cleanup()


def test_a_clock_shows_what_it_was_told(tmp_path):
    clock = Clock(tmp_path / "clock")
    clock.scale(0)
    clock.set("2026-03-29T01:59:59.500Z")
    assert clock.now() == 1774749599500
    clock.jump(-500)
    assert clock.now() == 1774749599000
    clock.scale(3600)
    before = clock.now()
    assert clock.now() >= before >= 1774749599000
