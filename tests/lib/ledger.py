# SPDX-License-Identifier: Apache-2.0
"""Whether every event of a daemon that has ended is accounted for: its queue's file, read with nothing of ours.

    accepted = waiting + running + done + dead + expired + cancelled + purged, for each queue and source
    what has not ended, or is dead, is there as a row; what has ended may have been trimmed
    every number that was given to an event was given to one that was accepted
"""
import pathlib
import shutil
import sqlite3
import tempfile

STATES = ("waiting", "running", "done", "dead", "expired", "cancelled", "purged")
TRIMMED = {"done", "expired", "cancelled", "purged"}
HELD = 7  # waits behind an earlier event of its order key (src/store/sqlite/queue_db.h)


def check(data_dir, copy=True):
    """copy: the directory is used again; SQLite would tidy up in it."""
    path = pathlib.Path(data_dir) / "queue.db"
    if not path.exists():
        return
    with tempfile.TemporaryDirectory() as d:
        if copy:
            for f in (path, path.with_name("queue.db-wal")):
                if f.exists():
                    shutil.copy(f, d)
            path = pathlib.Path(d) / "queue.db"
        db = sqlite3.connect(path)
        try:
            wrong = list(faults(db))
        finally:
            db.close()
    assert not wrong, "the ledger does not balance:\n" + "\n".join(wrong)


def faults(db):
    names = {i: text.decode() for i, text in db.execute("SELECT id, text FROM name")}
    rows = {}
    for queue, source, state, n in db.execute("SELECT queue, source, state, count(*) FROM event GROUP BY 1, 2, 3"):
        at = rows.setdefault((queue, source), dict.fromkeys(STATES, 0))
        at[STATES[0 if state == HELD else state]] += n
    total = 0
    for queue, source, accepted, *counts in db.execute(f"SELECT queue, source, accepted, {', '.join(STATES)} FROM ledger"):
        who = f"{names[queue]} ({names.get(source, '') or 'invoked'})"
        counts = dict(zip(STATES, counts))
        total += accepted
        if accepted != sum(counts.values()):
            yield f"{who}: {accepted} accepted, {counts}"
        there = rows.pop((queue, source), dict.fromkeys(STATES, 0))
        for state in STATES:
            if there[state] > counts[state] or (there[state] < counts[state] and state not in TRIMMED):
                yield f"{who}: {counts[state]} {state} in the ledger, {there[state]} as rows"
    for (queue, source), there in rows.items():
        yield f"{names.get(queue)} ({names.get(source)}): not in the ledger, {there}"
    given, ended = db.execute("SELECT next_seq - 1, ended FROM meta").fetchone()
    if given != total:
        yield f"{given} numbers were given to events, {total} events accepted"
    kept = db.execute("SELECT count(*) FROM event WHERE state IN (2, 4, 5, 6)").fetchone()[0]
    if kept != ended:
        yield f"{ended} ended events are said to be kept, {kept} are"
    bodies = db.execute("SELECT count(*) FROM event LEFT JOIN body USING (seq) WHERE body.seq IS NULL").fetchone()[0]
    if bodies:
        yield f"{bodies} events have no body"
