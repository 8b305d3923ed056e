# SPDX-License-Identifier: Apache-2.0
"""A running installation copied into one file, and made again from it; and files that only look like a backup.

docs/backup.md is what these tests hold us to.
"""
import hashlib
import io
import json
import os
import subprocess
import tarfile
import threading

import pytest

from events import Events
from evoked import Evoked, deadline
from signing import PROJECT, Client, urn

OWN_KEYS = {"EVOKE_ACCESS_KEY": None, "EVOKE_SECRET_KEY": None}
LIST = "evoke-backup.json"


def source(n):
    return f"def handler(event, context):\n    return {{'n': {n}}}\n"


def admin_path(name):
    return f"/evoke/v1/functions/functiongraph/{PROJECT}/local-1/default/{name}"


def deploy(client, name, n):
    r = client.call("PUT", admin_path(name), {"runtime": "Python3.9", "handler": "index.handler",
                                              "code": {"source": source(n), "filename": "index.py"}})
    assert r.status_code in (200, 201), r.text


def answer(client, name):
    r = client.call("POST", admin_path(name) + "/invoke", b"{}")
    assert r.headers.get("X-Evoke-Outcome") == "ok", r.text
    return json.loads(r.content)["n"]


def root_client(e):
    using = json.loads(e.run("key", "show", "--secret", "--output", "json").stdout)["using"]
    return Client(e, using["access_key"], using["secret_key"])


def shown(client):
    """Everything a function is, but for its times."""
    listed = client.call("GET", "/evoke/v1/functions").json()["functions"]
    return {f["name"]: f for f in listed}


class Busy:
    """Deploys, invokes and deletes as long as the block lasts."""

    def __init__(self, client):
        self.client, self.writes, self.error = client, 0, None
        self.warm, self.end = threading.Event(), threading.Event()

    def go_on(self):
        try:
            while not self.end.is_set():
                deploy(self.client, "busy", self.writes)
                if self.writes % 3 == 0:
                    assert self.client.call("DELETE", admin_path("busy")).status_code == 204
                self.writes += 1
                if self.writes >= 3:
                    self.warm.set()
        except Exception as e:  # noqa: BLE001 - told in the test's own thread
            self.error = e

    def __enter__(self):
        self.thread = threading.Thread(target=self.go_on)
        self.thread.start()
        assert self.warm.wait(30), self.error
        return self

    def __exit__(self, *error):
        self.end.set()
        self.thread.join()
        assert self.error is None, self.error


@pytest.mark.parametrize("unprivileged", [False, True], ids=["root", "user"])
def test_an_installation_is_made_again_elsewhere(open_path, unprivileged):
    tar, there = open_path / "evoke.tar", open_path / "there"
    (open_path / "here").mkdir()
    with Evoked(data_dir=open_path / "here", env=OWN_KEYS, unprivileged=unprivileged) as e:
        c = root_client(e)
        for n in range(5):
            deploy(c, f"f{n}", n)
        key = json.loads(e.run("key", "add", "ci", "--scope", "read,invoke", "--output", "json").stdout)
        assert answer(c, "f3") == 3
        with Busy(root_client(e)) as busy:
            p = e.run("backup", str(tar), "--output", "json")
            assert p.returncode == 0, p.stderr
        assert busy.writes >= 3
        told = json.loads(p.stdout)
        assert told["keys"] and told["files"] >= 8 and "keep it" in p.stderr
        before = {k: v for k, v in shown(c).items() if k != "busy"}
        e.kill()
    assert tar.stat().st_mode & 0o7777 == 0o600

    p = subprocess.run([str(e.program), "restore", str(tar), "--data", str(there)], capture_output=True, text=True,
                       check=False, timeout=60)
    assert p.returncode == 0, p.stderr
    assert (there / "keys.json").stat().st_mode & 0o7777 == 0o600
    assert not [x for x in open_path.iterdir() if ".restore-" in x.name]
    if unprivileged:  # who restores owns the files; only a daemon started by root changes that
        subprocess.run(["chown", "-R", "65534:65534", str(there)], check=True)
    with Evoked(data_dir=there, env=OWN_KEYS, unprivileged=unprivileged) as again:
        c = root_client(again)
        assert {k: v for k, v in shown(c).items() if k != "busy"} == before
        assert [answer(c, f"f{n}") for n in range(5)] == list(range(5))
        if "busy" in shown(c):  # whatever it was at that moment, its code is there
            assert isinstance(answer(c, "busy"), int)
        assert answer(Client(again, key["access_key"], key["secret_key"]), "f1") == 1
        deploy(c, "new", 9)
        assert answer(c, "new") == 9


def disabled(client, name, yes):
    """Events of a function with concurrency 0 wait."""
    r = client.fg("PUT", f"/functions/{urn(name)}/config",
                  {"func_name": name, "runtime": "Python3.9", "timeout": 3, "handler": "index.handler", "memory_size": 128,
                   "strategy_config": {"concurrency": 0 if yes else 1000}})
    assert r.status_code == 200, r.text


def test_events_that_wait_are_in_it_and_run_once(open_path):
    tar, there = open_path / "evoke.tar", open_path / "there"
    (open_path / "here").mkdir()
    with Evoked(data_dir=open_path / "here") as e:
        c = Client(e)
        deploy(c, "f", 1)
        events = Events(e, "f")
        before = events.put(b"{}")
        events.wait(done=1)
        disabled(c, "f", True)
        waiting = {events.put(b'{"n": 1}') for _ in range(20)}
        p = e.run("backup", str(tar))
        assert p.returncode == 0, p.stderr
        events.put(b"{}")  # after it, so not in it
        e.kill()
    names = tarfile.open(tar).getnames()
    assert {"queue.db", "queue.db.mark"} <= set(names), names
    p = subprocess.run([str(e.program), "restore", str(tar), "--data", str(there)], capture_output=True, text=True,
                       check=False, timeout=60)
    assert p.returncode == 0, p.stderr
    with Evoked(data_dir=there) as again:  # and nothing is said in its log: it is a whole queue
        events = Events(again, "f")
        now = events.ledger()  # now and then one is tried: whether it may run again is not told, it is seen
        assert (now["waiting"] + now["running"], now["done"]) == (20, 1), now
        assert {x["id"] for x in events.list() if x["state"] in ("waiting", "running")} == waiting
        disabled(Client(again), "f", False)
        now = events.wait(done=21)
        assert now["accepted"] == 21
        assert all(len(events.get(x)["tries"]) == 1 for x in waiting)
        assert events.get(before)["state"] == "done"


def test_a_backup_goes_through_a_pipe(evoke, tmp_path):
    deploy(Client(evoke), "f", 1)
    env = {"PATH": os.environ["PATH"], "EVOKE_ENDPOINT": evoke.url, "EVOKE_ACCESS_KEY": evoke.access_key,
           "EVOKE_SECRET_KEY": evoke.secret_key}
    p = subprocess.run([str(evoke.program), "backup", "-"], capture_output=True, env=env, timeout=60, check=False)
    assert p.returncode == 0, p.stderr
    names = tarfile.open(fileobj=io.BytesIO(p.stdout)).getnames()
    assert names[0] == LIST and "meta.db" in names and "format" in names and any(n.startswith("blobs/") for n in names)
    r = subprocess.run([str(evoke.program), "restore", "-", "--data", str(tmp_path / "d")], input=p.stdout, capture_output=True,
                       timeout=60, check=False)
    assert r.returncode == 0, r.stderr
    assert (tmp_path / "d" / "meta.db").exists()


def test_logs_come_along_when_asked_for(evoke, open_path):
    c = Client(evoke)
    r = c.call("PUT", admin_path("talk"), {"runtime": "Python3.9", "handler": "index.handler", "code": {
        "source": "def handler(event, context):\n    print('a line to keep')\n    return {'n': 1}\n", "filename": "index.py"}})
    assert r.status_code == 201
    answer(c, "talk")
    for _ in deadline(20):
        if "a line to keep" in evoke.run("logs", "talk").stdout:
            break
    assert evoke.run("backup", "--logs", str(open_path / "b.tar")).returncode == 0
    assert evoke.run("backup", str(open_path / "without.tar")).returncode == 0
    with tarfile.open(open_path / "b.tar") as t:
        segments = [n for n in t.getnames() if n.startswith("logs/") and n.endswith(".log")]
        assert segments and any(b"a line to keep" in t.extractfile(n).read() for n in segments)
    with tarfile.open(open_path / "without.tar") as t:
        assert not [n for n in t.getnames() if n.startswith("logs/")]
    there = open_path / "there"
    assert evoke.run("restore", str(open_path / "b.tar"), "--data", str(there)).returncode == 0
    with Evoked(data_dir=there) as again:
        again.allow("logs")
        assert "a line to keep" in again.run("logs", "talk").stdout


def test_two_at_once_and_no_more(evoke):
    c = Client(evoke)
    one, two = (c.call("POST", "/evoke/v1/backup") for _ in range(2))
    assert (one.status_code, two.status_code) == (201, 201)
    third = c.call("POST", "/evoke/v1/backup")
    assert third.status_code == 429 and "2 backups" in third.text
    p = evoke.run("backup", "/nonexistent/x")
    assert p.returncode == 5, p.stderr
    path = "/evoke/v1/backup/" + one.json()["id"]
    assert c.call("GET", path + "/meta.db").status_code == 200
    assert c.call("DELETE", path).status_code == 204
    for method, where in (("GET", path + "/meta.db"), ("DELETE", path)):
        assert c.call(method, where).status_code == 404
    assert c.call("POST", "/evoke/v1/backup").status_code == 201
    # The packages are let go, and so is what was copied.
    for _ in deadline(20):
        if len(list((evoke.data_dir / "run").glob("backup-*"))) == 2:
            return
    raise AssertionError("the forgotten backup's directory stays")


def test_parts_of_a_file(evoke):
    c = Client(evoke)
    made = c.call("POST", "/evoke/v1/backup", {"logs": False}).json()
    meta = next(f for f in made["files"] if f["path"] == "meta.db")
    path = f"/evoke/v1/backup/{made['id']}/meta.db"
    whole = c.call("GET", path).content
    assert len(whole) == meta["bytes"] and hashlib.sha256(whole).hexdigest() == meta["sha256"]
    deploy(c, "later", 1)
    assert c.call("GET", path).content == whole
    assert c.call("GET", path, query="length=10&offset=5").content == whole[5:15]
    assert c.call("GET", path, query=f"offset={meta['bytes']}").content == b""
    assert c.call("GET", path, query=f"length={8 << 20}").status_code == 200
    for bad in (f"offset={meta['bytes'] + 1}", f"length={(8 << 20) + 1}", "offset=-1", "length=x"):
        assert c.call("GET", path, query=bad).status_code == 400, bad
    for other in ("keys", "blobs/x", "run/x", "a/b/c", "meta.db/x"):
        assert c.call("GET", f"/evoke/v1/backup/{made['id']}/{other}").status_code == 404, other
    assert c.call("POST", "/evoke/v1/backup", {"what": 1}).status_code == 400


def test_a_daemon_that_was_killed_leaves_no_copy_behind(open_path):
    with Evoked(data_dir=open_path) as e:
        assert Client(e).call("POST", "/evoke/v1/backup").status_code == 201
        assert list((open_path / "run").glob("backup-*"))
        e.kill()
    with Evoked(data_dir=open_path):
        assert not list((open_path / "run").glob("backup-*"))


def test_a_damaged_package_is_told_now(evoke, tmp_path):
    deploy(Client(evoke), "f", 1)
    blob = next((evoke.data_dir / "blobs").iterdir())
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    (tmp_path / "b.tar").write_text("an earlier one")
    p = evoke.run("backup", str(tmp_path / "b.tar"))
    assert p.returncode == 70 and f"'blobs/{blob.name}' is damaged" in p.stderr, p.stderr
    assert (tmp_path / "b.tar").read_text() == "an earlier one"
    assert [x.name for x in tmp_path.iterdir()] == ["b.tar"]


# -- what only looks like a backup -------------------------------------------------------------------------------------------------

def sha(data):
    return hashlib.sha256(data).hexdigest()


META, FORMAT, BLOB = b"not a database, but nobody looks", b"1\n", b"a package"
GOOD = {"meta.db": META, "format": FORMAT, "blobs/" + sha(BLOB): BLOB}


def listing(files, **more):
    return json.dumps({"evoke_backup": 1, "files": [{"path": p, "bytes": len(d), "sha256": sha(d)} for p, d in files.items()],
                       **more}).encode()


def tar_of(entries, fmt=tarfile.PAX_FORMAT):
    """entries: (name, bytes) or a TarInfo."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as t:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                t.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            t.addfile(info, io.BytesIO(entry[1]))
    return out.getvalue()


def special(name, kind, target="", size=0):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


def good(without=(), instead=None, then=(), **more):
    files = {**GOOD, **(instead or {})}
    return tar_of([(LIST, listing(GOOD, **more)), *((n, d) for n, d in files.items() if n not in without), *then])


def listed(**changes):
    """A list with one row changed."""
    tree = json.loads(listing(GOOD))
    tree["files"][0].update(changes)
    return tar_of([(LIST, json.dumps(tree).encode()), *GOOD.items()])


BLOB_PATH = "blobs/" + sha(BLOB)
HOSTILE = {
    "nothing": (b"", "it is n"),
    "no tar": (b"x" * 4096, "it is no"),
    "another tar": (tar_of([("README", b"hello")]), "it is no backup of evoke"),
    "its list is no file": (tar_of([special(LIST, tarfile.DIRTYPE)]), "it is no backup of evoke"),
    "its list is a link": (tar_of([special(LIST, tarfile.SYMTYPE, "/etc/passwd")]), "it is no backup of evoke"),
    "its list is no JSON": (tar_of([(LIST, b"{")]), "its list"),
    "its list is another JSON": (tar_of([(LIST, b"{}")]), "not that of a backup"),
    "a newer format": (tar_of([(LIST, b'{"evoke_backup":2,"files":[]}')]), "use a newer evoke"),
    "an empty list": (tar_of([(LIST, b'{"evoke_backup":1,"files":[]}')]), "no list of 1 to"),
    "a list without meta.db": (tar_of([(LIST, listing({"format": FORMAT})), ("format", FORMAT)]), "no meta.db"),
    "an absolute path": (listed(path="/etc/cron.d/x"), "'/etc/cron.d/x' is no file of a backup"),
    "a way up": (listed(path="../x"), "is no file of a backup"),
    "a way up in blobs": (listed(path="blobs/../../x"), "is no file of a backup"),
    "a way up in logs": (listed(path="logs/../x"), "is no file of a backup"),
    "a way up deeper": (listed(path="logs/a/.."), "is no file of a backup"),
    "too deep": (listed(path="logs/a/b/c"), "is no file of a backup"),
    "another file": (listed(path="run/control"), "is no file of a backup"),
    "a hidden file": (listed(path="logs/.x"), "is no file of a backup"),
    "no path": (listed(path=1), "path"),
    "a negative size": (listed(bytes=-1), "bytes"),
    "more than the disk has": (listed(bytes=1 << 50), "MiB, the disk has"),
    "more than there can be": (listed(bytes=1 << 62), "'bytes' must be between"),
    "a hash in capitals": (listed(sha256="A" * 64), "no size or hash"),
    "twice in the list": (tar_of([(LIST, json.dumps({"evoke_backup": 1, "files": json.loads(listing(GOOD))["files"] * 2}).encode())]),
                          "twice"),
    "a blob of another name": (tar_of([(LIST, json.dumps({"evoke_backup": 1, "files": [
        {"path": "blobs/" + "0" * 64, "bytes": 1, "sha256": "1" * 64}]}).encode())]), "another hash than its name"),
    "one is missing": (good(without=("meta.db",)), "'meta.db' is missing"),
    "one too many": (good(then=[("keys.json", b"{}")]), "'keys.json' is not in its list"),
    "an entry with a way up": (good(then=[("../../x", b"x")]), "is not in its list"),
    "an absolute entry": (good(then=[("/tmp/x", b"x")]), "is not in its list"),
    "twice": (good(then=[("meta.db", META)]), "'meta.db' is there twice"),
    "a changed byte": (good(instead={"meta.db": META[:-1] + b"X"}), "'meta.db' is damaged"),
    "another size": (good(instead={"meta.db": META + b"X"}), "another size"),
    "a link in place of a file": (good(without=("meta.db",), then=[special("meta.db", tarfile.SYMTYPE, "/etc/passwd")]),
                                  "'meta.db' is not a plain file"),
    "a hard link": (good(without=("meta.db",), then=[special("meta.db", tarfile.LNKTYPE, "format")]),
                    "'meta.db' is not a plain file"),
    "a device": (good(without=("meta.db",), then=[special("meta.db", tarfile.CHRTYPE)]), "'meta.db' is not a plain file"),
    "a pipe": (good(without=("meta.db",), then=[special("meta.db", tarfile.FIFOTYPE)]), "'meta.db' is not a plain file"),
    "a folder": (good(then=[special("blobs", tarfile.DIRTYPE)]), "is not in its list"),
    "cut off in a file": (good()[:2600], "missing|cut off|damaged"),
    "cut off between files": (good()[:2048], "missing|cut off"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_restores_nothing(evoke_shared, tmp_path, name):
    data, says = HOSTILE[name]
    (tmp_path / "b.tar").write_bytes(data)
    (tmp_path / "empty").mkdir()
    for target in ("there", "empty"):
        p = evoke_shared.run("restore", str(tmp_path / "b.tar"), "--data", str(tmp_path / target))
        assert p.returncode in (2, 5) and any(s in p.stderr for s in says.split("|")), p.stderr
        assert "Sanitizer" not in p.stderr
    # Nothing was left, and nothing was made anywhere else.
    assert sorted(x.name for x in tmp_path.iterdir()) == ["b.tar", "empty"] and not list((tmp_path / "empty").iterdir())


def test_the_good_file_of_that_table_is_good(evoke_shared, tmp_path):
    for i, fmt in enumerate((tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT)):
        (tmp_path / "b.tar").write_bytes(tar_of([(LIST, listing(GOOD)), *GOOD.items()], fmt))
        there = tmp_path / f"there{i}"
        if i == 0:
            there.mkdir()  # an empty one may be there
        p = evoke_shared.run("restore", str(tmp_path / "b.tar"), "--data", str(there), "--output", "json")
        assert p.returncode == 0, p.stderr
        assert json.loads(p.stdout)["files"] == 3 and "no keys" in p.stderr
        assert (there / BLOB_PATH).read_bytes() == BLOB and (there / "meta.db").stat().st_mode & 0o777 == 0o600


def test_a_directory_that_holds_something_is_left_alone(evoke_shared, tmp_path):
    (tmp_path / "b.tar").write_bytes(good())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    p = evoke_shared.run("restore", str(tmp_path / "b.tar"), "--data", str(tmp_path / "full"))
    assert p.returncode == 2 and "is not empty" in p.stderr
    assert (tmp_path / "full" / "file").read_text() == "mine"
    p = evoke_shared.run("restore", str(tmp_path / "b.tar"), "--data", str(evoke_shared.data_dir))
    assert p.returncode == 2 and "in use by a running evoke" in p.stderr
    p = evoke_shared.run("restore", str(tmp_path / "b.tar"), "--data", str(tmp_path / "full" / "file"))
    assert p.returncode == 2 and "is no directory" in p.stderr
    p = evoke_shared.run("restore", str(tmp_path / "b.tar"), "--data", str(tmp_path / "no" / "where"))
    assert p.returncode == 3 and "restore-" in p.stderr
    p = evoke_shared.run("restore", str(tmp_path / "b.tar"))
    assert p.returncode == 2 and "--data is missing" in p.stderr
    p = evoke_shared.run("restore", str(tmp_path / "none.tar"), "--data", str(tmp_path / "there"))
    assert p.returncode != 0 and "none.tar" in p.stderr
