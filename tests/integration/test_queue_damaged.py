# SPDX-License-Identifier: Apache-2.0
"""A daemon whose queue of events was damaged on the disk says so, keeps the file, and runs what could be read of it."""
import contextlib
import sqlite3

import pytest

from events import Events
from evoked import Evoked, deadline
from signing import Client, urn
from test_backup import deploy

PAGE = 4096


def concurrency(client, n):
    r = client.fg("PUT", f"/functions/{urn('f')}/config",
                  {"func_name": "f", "runtime": "Python3.9", "timeout": 3, "handler": "index.handler", "memory_size": 128,
                   "strategy_config": {"concurrency": n}})
    assert r.status_code == 200, r.text


def settled(events):
    """The ledger once nothing waits any more. While a damaged queue is closed and opened again it is 503."""
    for _ in deadline(60):
        r = events.client.call("GET", "/evoke/v1/ledger")
        assert r.status_code in (200, 503), r.text
        if r.status_code == 200 and all(x["waiting"] + x["running"] == 0 for x in r.json()["rows"]):
            return events.ledger()
        events.evoke.read_log(0.05)
    raise AssertionError(events.evoke.log_text()[-4000:])


def page_of(db, name):
    with contextlib.closing(sqlite3.connect(f"file:{db}?immutable=1", uri=True)) as c:
        return c.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]


@pytest.mark.parametrize("name", ["sqlite_schema", "waiting"])
def test_what_can_be_read_is_run(open_path, name):
    """Without the schema it cannot be opened; without an index it ends in the middle of its work, and is opened again."""
    with Evoked(data_dir=open_path) as e:
        deploy(Client(e), "f", 1)
        concurrency(Client(e), 0)
        events = Events(e, "f")
        put = {events.put(b'"' + b"x" * 3000 + b'"') for _ in range(30)}
        events.wait(waiting=30)
    db = open_path / "queue.db"
    assert not (open_path / "queue.db-wal").exists()
    page = 1 if name == "sqlite_schema" else page_of(db, name)
    with open(db, "r+b") as f:
        f.seek((page - 1) * PAGE)
        f.write(b"\x5a" * PAGE)
    with Evoked(data_dir=open_path) as e:
        e.allow("the queue of events", "the event store")
        events = Events(e, "f")
        concurrency(Client(e), 1000)
        now = settled(events)
        assert now["done"] == now["accepted"] == 30
        assert {x["id"] for x in events.list(state="done")} == put
        assert "events were carried over into a new one" in e.log_text()
        assert list(open_path.glob("queue.db.damaged-*"))
