# SPDX-License-Identifier: Apache-2.0
"""Every line is accounted for: functions print ten million numbered lines, as fast as they can, while `evoke logs --all -f` reads along.

That is faster than lines can be written now and then: the functions wait then, and no line is dropped. EVOKE_LOG_LINES takes another
number.
"""
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest
from evoked import deadline
from signing import Client
from terminal import Terminal

LINES = int(os.environ.get("EVOKE_LOG_LINES") or (500000 if "ASAN_OPTIONS" in os.environ else 10000000))
PER_RUN = 50000
PER_KILLED = 500 if "ASAN_OPTIONS" in os.environ else 20000  # or the slower follower is overtaken by retention
BUFFER = 16 << 20  # bytes that the store holds in memory at most (src/observe/logs/internal.h)
MOMENT = float(os.environ.get("EVOKE_TEST_PATIENCE", "1"))  # seconds after which an answered run's lines are surely written
NAMES = ["first", "second", "third", "fourth"]
CLIENTS = 4

LINE = "%07d abcdefghijklmnopqrstuvwxyz01234\n"  # 40 bytes
MASTER = "".join(LINE % n for n in range(PER_RUN))
NUMBERED = re.compile(r"^(\d{7}) abcdefghijklmnopqrstuvwxyz01234$", re.M)

PRINTS = '''
import sys

LINE = "%07d abcdefghijklmnopqrstuvwxyz01234\\n"

def handler(event, context):
    lines = int(event["lines"])
    for start in range(0, lines, 500):
        sys.stdout.write("".join([LINE % n for n in range(start, min(lines, start + 500))]))
    return "printed"
'''


class Follower:
    """`evoke logs --all -f -o json` from the first record on, each accounted for as it comes.

    Without --since it would begin with the last ten, and runs that ended before it had connected might not be among them.
    """

    def __init__(self, evoke, *args):
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "EVOKE_ENDPOINT": evoke.url, "EVOKE_ACCESS_KEY": evoke.access_key,
               "EVOKE_SECRET_KEY": evoke.secret_key}
        self.p = subprocess.Popen([evoke.program, "logs", "--all", "-f", "-o", "json", "--since", "1h", *args], env=env, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.seen = {}  # request id: the number its next line has if nothing is missing
        self.lines = {}  # function: lines seen, the platform's too
        self.platform = {}  # function: lines the platform has written, seen or not
        self.ends, self.gaps, self.wrong, self.records = {}, [], [], 0
        self.changed = threading.Condition()
        self.stderr, self.ended = b"", False
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self.read, self.read_errors)]
        for t in self.threads:
            t.start()

    def read(self):
        for line in self.p.stdout:
            record = json.loads(line)
            with self.changed:
                self.take(record)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def read_errors(self):
        self.stderr = self.p.stderr.read()

    def take(self, record):
        self.records += 1
        name = record["function"].rpartition("/")[2]
        if "gap" in record:
            self.gaps.append({"name": name, **record["gap"]})
        request, text = record.get("request_id", ""), record.get("text", "")
        at = self.seen.get(request, 0)
        if MASTER.startswith(text, at * 40):
            self.seen[request] = at + len(text) // 40
        else:
            numbers = [int(n) for n in NUMBERED.findall(text)]
            if any(b <= a for a, b in zip([at - 1, *numbers], numbers)):
                self.wrong.append((request, at, numbers[:3]))
            self.seen[request] = numbers[-1] + 1 if numbers else at
        self.lines[name] = self.lines.get(name, 0) + text.count("\n") + (text[-1:] not in ("", "\n"))
        if "end" in record:
            if request in self.ends:
                self.wrong.append((request, "ended twice"))
            self.ends[request] = record["end"]["outcome"]
            # "Start invoke ...", "Finish invoke ...", and the same two of a load it waited for
            self.platform[name] = self.platform.get(name, 0) + (4 if record["end"]["init_ms"] else 2)

    def wait(self, ready, what, seconds=60):
        with self.changed:
            for left in deadline(seconds):
                if ready():
                    return
                if self.ended:
                    break
                self.changed.wait(left)
        raise AssertionError(f"never: {what}; {self.records} records, {len(self.ends)} ends, {self.gaps[:3]}, {self.stderr}")

    def stop(self):
        self.p.send_signal(signal.SIGINT)
        for t in self.threads:
            t.join(20)
        return self.p.wait(10)


def deploy(evoke, names=NAMES):
    client = Client(evoke)
    for name in names:
        assert client.create(name, PRINTS, memory_size=256, timeout=120).status_code == 200


def test_every_line_is_seen(evoke_factory):
    evoke = evoke_factory("--log-function-size", "4096", "--log-size", "16384")
    deploy(evoke)
    follower = Follower(evoke)
    printed = {name: 0 for name in NAMES}

    def run(i):
        name, lines = NAMES[i % len(NAMES)], min(PER_RUN, LINES - i * PER_RUN)
        r = Client(evoke).invoke(name, json.dumps({"lines": lines}).encode())
        assert r.status_code == 200 and b"printed" in r.content, r.text
        printed[name] += lines

    runs = -(-LINES // PER_RUN)
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(run, range(runs)))
    ran = time.monotonic()
    assert sum(printed.values()) == LINES
    follower.wait(lambda: len(follower.ends) == runs, f"the ends of {runs} runs")
    seen = time.monotonic()
    assert follower.stop() == 130
    missing = {n: sum(g["lines"] for g in follower.gaps if g["name"] == n) for n in NAMES}
    print(f"{LINES} lines: printed in {ran - begin:.1f} s, followed in {seen - begin:.1f} s, {sum(missing.values())} told as missing")
    assert not follower.wrong
    told = {n: follower.lines.get(n, 0) + missing[n] - follower.platform[n] for n in NAMES}
    assert told == printed, f"{told}, printed {printed}"
    assert set(follower.ends.values()) == {"ok"}
    assert not any(missing.values()) and follower.stderr == b""

    # And afterwards: what is kept is what was followed.
    kept = subprocess.Popen([evoke.program, "logs", "first", "--output", "json"], stdout=subprocess.PIPE,
                            env={"EVOKE_ENDPOINT": evoke.url, "EVOKE_ACCESS_KEY": evoke.access_key,
                                 "EVOKE_SECRET_KEY": evoke.secret_key})
    lines = sum(json.loads(line).get("text", "").count("\n") for line in kept.stdout)
    assert kept.wait(10) == 0 and lines == follower.lines["first"]


def test_a_daemon_that_is_killed_loses_what_it_had_not_written_and_says_so(evoke_factory):
    evoke = evoke_factory()
    evoke.allow(".*")
    deploy(evoke, ["first", "second"])
    follower = Follower(evoke)
    finished, of = {}, {}  # request id: when it was answered; which function
    stop = threading.Event()

    def run(name):
        while not stop.is_set():
            try:
                r = Client(evoke).invoke(name, json.dumps({"lines": PER_KILLED}).encode())
            except OSError:
                continue  # its daemon is gone
            if r.status_code == 200 and b"printed" in r.content:
                of[r.headers["X-Cff-Request-Id"]] = name
                finished[r.headers["X-Cff-Request-Id"]] = time.monotonic()

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in ("first", "second")]
    for t in threads:
        t.start()
    follower.wait(lambda: finished and time.monotonic() - min(finished.values()) > 1.5, "runs before")
    killed = time.monotonic()
    os.kill(evoke.pids()["daemon"], signal.SIGKILL)
    follower.wait(lambda: max(finished.values()) > killed + 2 * MOMENT, "runs after the restart")
    stop.set()
    for t in threads:
        t.join(60)
    follower.wait(lambda: all(r in follower.ends for r, t in finished.items() if t > killed + MOMENT), "the last ends")
    assert follower.stop() == 130
    assert not follower.wrong  # in order, none twice
    # Before the kill no more is missing than was counted, and what the store held in memory: that is told, and cannot be counted.
    for name in ("first", "second"):
        missing = sum(PER_KILLED - follower.seen.get(r, 0) for r, t in finished.items() if of[r] == name and t <= killed)
        gaps = [g["lines"] for g in follower.gaps if g["name"] == name]
        assert (missing - sum(gaps)) * len(LINE % 0) <= BUFFER and (gaps or not missing), (missing, follower.gaps)
    whole = [r for r, t in finished.items() if t > killed + MOMENT]
    missing = sum(PER_KILLED - follower.seen.get(r, 0) for r in whole)
    cut = [r for r, n in follower.seen.items() if n != PER_KILLED and r]
    assert whole and missing == 0
    print(f"{len(finished)} runs answered, {len(cut)} cut, told: "
          f"{sorted({(g['name'], g['why']) for g in follower.gaps})}")
    if cut:
        assert follower.gaps and b"evoke: missing here: " in follower.stderr


STAMPS = '''
import sys, time

def handler(event, context):
    end = time.time() + event["seconds"]
    while time.time() < end:
        sys.stdout.write("stamp %d\\n" % time.time_ns())
        sys.stdout.flush()
        time.sleep(0.02)
    return "done"
'''


def delays(evoke):
    """Milliseconds from print() to the screen, of each line of four seconds, in order of their size."""
    late, done = [], 0
    env = {"EVOKE_ENDPOINT": evoke.url, "EVOKE_ACCESS_KEY": evoke.access_key, "EVOKE_SECRET_KEY": evoke.secret_key}
    with Terminal([evoke.program, "logs", "stamps", "-f", "-n", "0"], env=env) as t:
        caller = threading.Thread(target=lambda: Client(evoke).invoke("stamps", b'{"seconds": 4}'))
        caller.start()
        for _ in deadline(30):
            assert t.read(1) is not None
            now = time.time_ns()
            for m in re.compile(rb"stamp (\d{19})\r\n").finditer(bytes(t.raw), done):
                late.append((now - int(m.group(1))) / 1e6)
                done = m.end()
            if b"= ok" in t.raw[done:]:
                break
        caller.join()
    return sorted(late)


def test_a_line_is_on_the_screen_within_200_ms(evoke):
    """Once in three times, since neighbours on this machine may hold up any of the four processes on the way."""
    assert Client(evoke).create("stamps", STAMPS).status_code == 200
    for _ in range(3):
        late = delays(evoke)
        assert len(late) > 100
        p50, p99 = late[len(late) // 2], late[len(late) * 99 // 100]
        print(f"line to screen, {len(late)} lines: p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {late[-1]:.0f} ms")
        if p99 <= 200 * float(os.environ.get("EVOKE_TEST_PATIENCE", "1")):
            return
    raise AssertionError("p99 above 200 ms, three times")
