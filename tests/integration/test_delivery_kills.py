# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random points under load. Judged by the producers' own record against the functions' own effects (producers.py)."""
from producers import Producers, Sink, Waiting
from storm import Storm, seeded


def judge(p, storm):
    print(p, storm, sep="\n")
    assert not p.lost(), f"acknowledged and lost: {sorted(p.lost())[:20]}; {p}"
    assert not p.strange(), f"effects of what nobody sent: {sorted(p.strange())[:20]}"
    assert not p.refused, f"{p.refused}: {p.said}"


def test_an_answer_means_that_it_ran_whoever_is_killed(evoke):
    """Synchronous: nothing is repeated either."""
    p = Producers(evoke, Waiting("f"), Sink(evoke, "f"), rate=1000)
    storm = Storm(evoke, p, seeded("synchronous"))
    storm.blow(8)
    storm.answering()
    p.settle()
    judge(p, storm)
    assert p.duplicates() == 0 and len(p.acked) > 500
    p.close()
