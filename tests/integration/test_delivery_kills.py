# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random points under load. Judged by the producers' own record against the functions' own effects (producers.py)."""
import os

import pytest

from clock import Clock
from events import Events
from producers import Admin, FunctionGraph, Producers, Sink, Waiting
from storm import Storm, seeded

SOAK = os.environ.get("EVOKE_SOAK") == "1"
RATE = 1000

# Events of one function that can have had an effect and not be known as done when everything is killed: 16 run at once, the rest is
# what ended while the last commit was on its way to the disk.
IN_FLIGHT = 32


def fate(p):
    """What our own books say of the first that were lost, for whoever looks for them."""
    events = Events(p.evoke, p.sink.name)
    said = [events.ledger()]
    if isinstance(p.how, Admin):
        said += [events.get(f"{p.how.prefix}-{n}") for n in sorted(p.lost())[:3]]
    return said


def judge(p, storm):
    print(p, storm, sep="\n")
    assert not p.lost(), f"acknowledged and lost: {sorted(p.lost())[:20]}; {p}; {fate(p)}"
    assert not p.strange(), f"effects of what nobody sent: {sorted(p.strange())[:20]}"
    assert not p.refused, f"{p.refused}: {p.said}"


def balanced(p):
    """And, after all that, what our own ledger says: nothing is left, each accepted event is done."""
    now = Events(p.evoke, p.sink.name).wait(60, waiting=0, running=0)
    assert now["done"] == now["accepted"], now
    if p.how.repeats:
        assert now["accepted"] == len(p.acked) == p.sent
    else:
        assert len(p.acked) <= now["accepted"] <= len(p.acked) + len(p.unknown)
    assert now["accepted"] == len(p.sink.effects)


def test_an_answer_means_that_it_ran_whoever_is_killed(evoke):
    """Synchronous: nothing is repeated either."""
    p = Producers(evoke, Waiting("f"), Sink(evoke, "f"), rate=RATE)
    storm = Storm(evoke, p, seeded("synchronous"))
    storm.blow(8)
    storm.answering()
    p.settle()
    judge(p, storm)
    assert p.duplicates() == 0 and len(p.acked) > 50
    p.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how,kills", [(Admin, 160), (FunctionGraph, 40)])
def test_no_acknowledged_event_is_lost_when_the_daemon_is_killed(evoke, how, kills):
    """The daemon alone, and with its keeper; with ids that are repeated until they are acknowledged, and without."""
    kills *= 5 if SOAK else 1
    p = Producers(evoke, how("f"), Sink(evoke, "f"), connections=32, rate=RATE)
    Events(evoke, "f").rules(retries=3)
    storm = Storm(evoke, p, seeded(how.__name__))
    storm.blow(kills)
    storm.answering()
    p.settle(600)
    judge(p, storm)
    assert storm.kills["daemon"] + storm.kills["keeper"] >= kills
    assert p.duplicates() <= kills * IN_FLIGHT
    assert len(p.acked) >= 20 * kills, "there was hardly anything to lose"
    balanced(p)
    p.close()


def fast(evoke_factory, open_path):
    """A daemon whose retries come twenty times as fast: each wait is twice as long as the one before."""
    clock = Clock(open_path / "clock")
    clock.scale(20)
    return evoke_factory(clock=clock)


def shaken(evoke, victims, kills, seed):
    """kills of the first victim, in turn with the others, while events come."""
    p = Producers(evoke, Admin("f"), Sink(evoke, "f"), rate=RATE / 2, body=lambda n: b'{"n":%d,"ms":%d}' % (n, n % 3))
    Events(evoke, "f").rules(retries=3)
    storm = Storm(evoke, p, seeded(seed))
    for i in range(10 * kills):
        if storm.kills.get(victims[0], 0) >= kills:
            break
        storm.live(storm.rng.uniform(0.02, 0.3))
        getattr(storm, victims[i % len(victims)])()
    storm.answering()
    p.settle(300)
    judge(p, storm)
    assert storm.kills[victims[0]] >= kills
    balanced(p)
    p.close()
    return p, storm


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_acknowledged_event_is_lost_when_the_launcher_is_killed(evoke_factory, open_path):
    """With it all instances die; the keeper is a victim, too, since it waits longer each time. Who was killed has not failed."""
    kills = 12 * (5 if SOAK else 1)
    p, storm = shaken(fast(evoke_factory, open_path), ("launcher", "launcher", "launcher", "keeper"), kills, "launcher")
    assert p.duplicates() <= IN_FLIGHT * sum(storm.kills.values())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_acknowledged_event_is_lost_when_instances_are_killed(evoke_factory, open_path):
    """At most the one that ran there is run again."""
    kills = 60 * (5 if SOAK else 1)
    p, _ = shaken(fast(evoke_factory, open_path), ("instance",), kills, "instance")
    assert p.duplicates() <= kills
