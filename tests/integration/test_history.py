# SPDX-License-Identifier: Apache-2.0
"""GET history and GET top: minutes are told, survive restarts and damage. Older minutes are written here, from the description in
src/observe/metrics/history_file.h."""
import hashlib
import os
import shutil
import signal
import struct
import time

import pytest

from evoked import Evoked, deadline
from signing import PROJECT, Client
from test_metrics import OK, PATH, RAISES, deploy, invoke

MINUTE = 60_000


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def row(function, runs, errors=0):
    ident = hashlib.sha256(function.encode()).digest()[:8] if function else bytes(8)
    fields = [runs, errors, 0, 0, 0, runs * 10_000_000, 10_000_000, 1, 1 << 20]
    return ident + b"".join(map(varint, fields)) + varint(1) + varint(60) + varint(runs)


def frame(minute, rows):
    payload = varint(minute) + varint(len(rows)) + b"".join(rows)
    return b"EVH1" + struct.pack("<II", len(payload), crc32c(payload)) + payload


def write_minutes(data_dir, minutes):
    """Into a data directory that a daemon has made."""
    Evoked(data_dir=data_dir).start().end()
    owner = (data_dir / "history").stat()
    for minute, rows in minutes:
        file = data_dir / "history" / f"{time.strftime('%Y-%m-%d', time.gmtime(minute * 60))}.history"
        with open(file, "ab") as f:
            f.write(frame(minute, rows))
        os.chown(file, owner.st_uid, owner.st_gid)


def history(client, **query):
    r = client.call("GET", "/evoke/v1/history", query="&".join(f"{k}={v}" for k, v in query.items()))
    assert r.status_code == 200, r.text
    return r.json()


def total(points, what="runs"):
    return sum(p[what] for p in points)


@pytest.fixture(scope="module")
def daemon():
    with Evoked() as e:
        yield e


@pytest.fixture
def client(daemon):
    return Client(daemon)


def test_a_run_is_told_in_its_minute(daemon, client):
    name = f"minute-{time.time_ns()}"
    deploy(client, name, OK)
    # A minute ends with the daemon's next tick: what ran just before that is told in the minute that ends.
    begin = int(time.time() * 1000) // MINUTE * MINUTE - MINUTE
    for _ in range(3):
        invoke(client, name)
    answer = history(client, function=PATH + name, from_ms=begin)
    assert answer["step_s"] == 60
    points = answer["points"]
    assert total(points) == 3 and total(points, "cold") == 1 and total(points, "errors") == 0
    assert all(p["time_ms"] % MINUTE == 0 and p["time_ms"] >= begin for p in points)
    d = points[-1]["duration_ms"]
    assert 0 < d["p50"] <= d["max"] * 1.07 and d["sum"] >= d["max"] > 0
    assert total(history(client, from_ms=begin)["points"]) >= 3
    assert history(client, function=PATH + "nobody", from_ms=begin)["points"] == []


@pytest.mark.parametrize("query", ["step_s=59", "step_s=61", "step_s=0", "step_s=x", "from_ms=-1", "from_ms=5&to_ms=5", "from_ms=9&to_ms=8",
                                   "from_ms=0&to_ms=99999999999999", "to_ms=1e9", f"from_ms=0&to_ms={31 * 86400_000 + 1}"])
def test_impossible_questions_are_refused(client, query):
    r = client.call("GET", "/evoke/v1/history", query=query)
    assert r.status_code == 400 and r.json()["error"]["code"] == "invalid_argument", r.text


def test_the_longest_time_is_answered(client):
    assert history(client, from_ms=0, to_ms=31 * 86400_000)["points"] == []


@pytest.mark.parametrize("window", ["0", "3601", "x", "-1", "1.5"])
def test_impossible_windows_are_refused(client, window):
    assert client.call("GET", "/evoke/v1/top", query=f"window_s={window}").status_code == 400


@pytest.mark.parametrize("window", [1, 10, 60, 61, 3600])
def test_top_tells_who_is_at_work(client, window):
    name = f"top-{window}-{time.time_ns()}"
    deploy(client, name, OK)
    invoke(client, name)
    invoke(client, name)
    r = client.call("GET", "/evoke/v1/top", query=f"window_s={window}").json()
    assert r["window_s"] == window
    mine = [f for f in r["functions"] if f["function"] == PATH + name]
    assert len(mine) == 1
    assert mine[0]["runs"] == 2 and mine[0]["errors"] == 0 and mine[0]["cold"] == 1
    assert mine[0]["instances"] == 1 and mine[0]["busy"] == 0 and mine[0]["memory_bytes"] > 1 << 20
    assert mine[0]["rate"] == pytest.approx(2 / r["covered_s"], rel=0.1, abs=0.001)
    assert 0 < mine[0]["p50_ms"] <= mine[0]["p99_ms"]
    runs = [f["runs"] for f in r["functions"]]
    assert runs == sorted(runs, reverse=True)


def test_a_key_of_one_account_sees_its_functions_only(client, daemon):
    deploy(client, "theirs", OK)
    invoke(client, "theirs")
    r = client.call("POST", "/evoke/v1/keys", {"name": f"k{time.time_ns()}", "scope": ["read"], "account": "somebody-else"})
    other = Client(daemon, r.json()["access_key"], r.json()["secret_key"])
    assert other.call("GET", "/evoke/v1/top").json()["functions"] == []
    assert other.call("GET", "/evoke/v1/history").status_code == 403
    assert other.call("GET", "/evoke/v1/history", query=f"function={PATH}theirs").status_code == 403
    assert other.call("GET", f"/evoke/v1/functions/{PATH}theirs/state").status_code == 403


# ---- restarts, in a data directory of the test's own ----

@pytest.fixture
def life(open_path):
    """start() again and again in the same directory; each is ended."""
    made = []

    def start():
        e = Evoked(data_dir=open_path).start()
        made.append(e)
        return e, Client(e)

    yield start
    for e in made:
        e.end()


def test_a_restart_keeps_the_open_minute_and_a_crash_what_was_written(life):
    begin = int(time.time() * 1000) // MINUTE * MINUTE
    daemon, client = life()
    deploy(client, "f", OK)
    deploy(client, "g", RAISES)
    for _ in range(4):
        invoke(client, "f")
    invoke(client, "g")
    daemon.end()

    daemon, client = life()
    points = history(client, function=PATH + "f", from_ms=begin)["points"]
    assert total(points) == 4 and total(points, "errors") == 0
    invoke(client, "f")
    assert total(history(client, function=PATH + "f", from_ms=begin)["points"]) == 5
    both = history(client, from_ms=begin)["points"]
    assert total(both) == 6 and total(both, "errors") == 1
    top = client.call("GET", "/evoke/v1/top", query="window_s=3600").json()["functions"]
    assert {f["function"]: f["runs"] for f in top}[PATH + "f"] in (1, 5)  # closed minutes are known by name once it has run again
    daemon.allow("")
    os.kill(daemon.process.pid, signal.SIGKILL)
    for _ in deadline(20):
        if not daemon.read_log(0.2):
            break
    daemon.process.wait()

    daemon, client = life()
    assert total(history(client, function=PATH + "f", from_ms=begin)["points"]) == 4  # the open minute is what it costs


def test_older_minutes_are_summed_into_steps(life, open_path):
    now = int(time.time()) // 60
    first = (now - 3 * 1440) // 60 * 60
    name = f"{PATH}old"
    write_minutes(open_path, [(first + i, [row("", 5, 1), row(name, 2), row("other", 3, 1)]) for i in range(120)])
    daemon, client = life()
    of = {"from_ms": first * MINUTE, "to_ms": (first + 120) * MINUTE}
    points = history(client, function=name, **of)["points"]
    assert len(points) == 120 and total(points) == 240
    assert points[0]["time_ms"] == first * MINUTE and points[0]["duration_ms"]["max"] == 10
    hours = history(client, step_s=3600, **of)["points"]
    assert [p["runs"] for p in hours] == [300, 300] and [p["errors"] for p in hours] == [60, 60]
    assert history(client, from_ms=of["from_ms"] + MINUTE, to_ms=of["from_ms"] + 2 * MINUTE)["points"][0]["runs"] == 5


def test_days_over_thirty_go_and_thirty_stay(life, open_path):
    now = int(time.time()) // 60
    write_minutes(open_path, [(now - 31 * 1440, [row("", 1)]), (now - 30 * 1440, [row("", 1)])])
    assert len(list((open_path / "history").iterdir())) == 2
    life()
    assert len(list((open_path / "history").iterdir())) == 1


def test_damage_and_a_torn_end_cost_what_they_hit(life, open_path):
    now = int(time.time()) // 60
    first = max(now - 5, now // 1440 * 1440)
    name = f"{PATH}old"
    minutes = [(first + i, [row("", 1), row(name, 1)]) for i in range(3)]
    write_minutes(open_path, minutes)
    file = next((open_path / "history").iterdir())
    data = bytearray(file.read_bytes())
    one = len(data) // 3
    data[one + 20] ^= 0x10  # in the second frame
    file.write_bytes(bytes(data) + frame(first + 3, [row("", 1), row(name, 1)])[:-1])
    daemon, client = life()
    daemon.allow("bytes of today's history are damaged")
    points = history(client, function=name, from_ms=first * MINUTE, to_ms=(first + 5) * MINUTE)["points"]
    assert [p["time_ms"] // MINUTE - first for p in points] == [0, 2]
    text = daemon.get("/metrics").text
    assert f"evoke_history_lost_bytes_total {one * 2 - 1}" in text


def test_a_disk_that_refuses_costs_the_history_only(life, open_path):
    daemon, client = life()
    deploy(client, "f", OK)
    shutil.rmtree(open_path / "history")
    invoke(client, "f")
    assert total(history(client, function=PATH + "f")["points"]) == 1
    daemon.allow("a minute of the history could not be written")
