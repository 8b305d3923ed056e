# SPDX-License-Identifier: Apache-2.0
"""The disk is full while events are accepted: refused in words and not lost, and it goes on when there is room again."""
import os
import subprocess

import pytest

from events import Events
from evoked import deadline
from producers import Admin, Producers, Sink
from storm import child

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")

PAYLOAD = "x" * 8000


@pytest.fixture
def small_disk(open_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=755", "none", str(open_path)], check=True)
    yield open_path
    subprocess.run(["umount", "-l", str(open_path)], check=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("crash", [False, True])
def test_what_was_acknowledged_is_run_and_what_was_not_was_refused(small_disk, evoke_factory, crash):
    e = evoke_factory(data_dir=small_disk)
    e.allow("No space left on device", "disk", "space", "full", "ended by signal 9")
    sink = Sink(e, "f")
    events = Events(e, "f")
    p = Producers(e, Admin("f"), sink, body=lambda n: b'{"n":%d,"x":"%s"}' % (n, PAYLOAD.encode()))
    p.run(lambda: len(p.acked) >= 100)
    filler = small_disk / "filler"
    with open(filler, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 65536)
        except OSError:
            pass
    # Go on until it is refused, and then some: no answer may be a 202 that is not kept, none a hang.
    p.run(lambda: sum(p.refused.values()) >= 50)
    p.answers()
    assert set(p.refused) <= {500, 503, 507}, (p.refused, p.said)
    assert any("No space left on device" in s or "disk" in s for s in p.said), p.said
    full = len(p.acked)
    if crash:
        old = child(e, "daemon")
        os.kill(old, 9)
    filler.unlink()
    if crash:
        for _ in deadline(20):
            if child(e, "daemon") not in (None, old):
                break
            e.read_log(0.05)
    # There is room again: events are taken again, by itself.
    p.run(lambda: len(p.acked) >= full + 200)
    p.settle()
    print(p)
    assert not p.lost(), p
    for _ in deadline(30):
        if e.get("/readyz").status_code == 200:
            break
        e.read_log(0.1)
    now = events.wait(waiting=0, running=0)
    assert now["done"] == now["accepted"] == len(sink.effects)
    assert len(p.acked) <= now["accepted"]
    # What was refused did not run behind its producer's back.
    assert len(sink.effects) <= len(p.acked) + len(p.again)
    p.close()
    e.stop()
