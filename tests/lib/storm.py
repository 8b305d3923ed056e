# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random points, the same ones again with the same seed (EVOKE_SEED)."""
import os
import pathlib
import random
import signal
import time

from evoked import alive, children_of, deadline, in_instances


def seeded(name):
    """A generator of its own for each test; its seed is printed, and shown where the test fails."""
    seed = os.environ.get("EVOKE_SEED", "1")
    print(f"EVOKE_SEED={seed} {name}")
    return random.Random(f"{seed} {name}")


def child(evoke, name):
    """The pid of the keeper's child of this name, or None while there is none."""
    keeper = evoke.process.pid
    for pid in pathlib.Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split():
        try:
            if pathlib.Path(f"/proc/{pid}/cmdline").read_text().startswith("evoke-" + name):
                return int(pid)
        except OSError:
            pass
    return None


class Storm:
    """victims of `kills` in turn, while p's producers go on. The keeper doubles its pause before a restart from 100 ms on, so it is
    a victim itself each fourth time; with it everybody dies."""

    UP_S = 0.5  # a daemon lives at most so long

    def __init__(self, evoke, producers, rng):
        self.evoke, self.p, self.rng = evoke, producers, rng
        self.kills, self.up_s, self.restart_s = {}, 0.0, []
        evoke.allow("was ended by signal 9", "launcher", "instance", "worker", "the keeper is gone", "the keeper did not take READY")

    def count(self, name):
        self.kills[name] = self.kills.get(name, 0) + 1

    def live(self, seconds):
        """Go on producing for so long."""
        end = time.monotonic() + seconds
        self.p.run(lambda: time.monotonic() >= end, seconds + 60)

    def daemon(self):
        pid = child(self.evoke, "daemon")
        os.kill(pid, signal.SIGKILL)
        self.count("daemon")
        self._until(lambda: child(self.evoke, "daemon") not in (None, pid))

    def _until(self, there, seconds=30):
        """Nothing is sent meanwhile; what was under way is heard of, and effects."""
        begin = time.monotonic()
        self.p.run(there, seconds, send=False)
        self.restart_s.append(time.monotonic() - begin)
        self.p.skip()

    def keeper(self):
        e = self.evoke
        everybody = children_of(e.process.pid)
        e.process.kill()
        e.process.wait()
        for _ in deadline(20):
            self.p.step(0.01, send=False)
            if not any(alive(p) for p in everybody):
                break
        e.read_log()
        os.close(e.pipe)
        e.check_log()
        self.count("keeper")
        begin = time.monotonic()
        e.start()
        self.restart_s.append(time.monotonic() - begin)
        self.p.how.bind(e)
        self.p.skip()

    def launcher(self):
        pid = child(self.evoke, "launcher")
        os.kill(pid, signal.SIGKILL)
        self.count("launcher")
        self._until(lambda: child(self.evoke, "launcher") not in (None, pid))

    def instance(self):
        """One that has our code in it; none may be there at this moment."""
        pids = sorted(in_instances(self.evoke.process.pid))
        if not pids:
            return
        try:
            os.kill(self.rng.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            return
        self.count("instance")

    def answering(self):
        """Until the daemon has acknowledged something again."""
        before = len(self.p.acked)
        self.p.run(lambda: len(self.p.acked) > before, 60)

    def blow(self, kills):
        """So many kill -9 of the daemon, a fourth of them together with its keeper."""
        while self.kills.get("daemon", 0) + self.kills.get("keeper", 0) < kills:
            for victim in (self.daemon, self.daemon, self.daemon, self.keeper):
                up = self.rng.uniform(0, self.UP_S)
                self.live(up)
                self.up_s += up
                victim()

    def __str__(self):
        killed = ", ".join(f"{n} x {name}" for name, n in self.kills.items())
        return f"{killed}; {self.up_s:.1f} s up; longest way back {max(self.restart_s, default=0):.2f} s"
