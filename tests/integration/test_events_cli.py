# SPDX-License-Identifier: Apache-2.0
"""The command line of asynchronous events, dead letters and triggers, word by word, in a pipe and on a terminal."""
import http.server
import json
import os
import re
import subprocess
import threading

import pytest

from events import named
from evoked import deadline
from golden import same
from terminal import Terminal

MANIFEST = """functions:
  greeting:
    runtime: Python3.9
    handler: index.handler
    async: {max_age: 7200, retries: 0}
    triggers:
      yearly: {cron: "0 0 0 1 1 *", zone: Asia/Shanghai, payload: happy, enabled: false}
  other:
    runtime: Python3.9
    handler: index.handler
"""
CODE = '''
import time

def handler(event, context):
    print("a line of the log, with \\x1b[31mcolour\\x1b[0m")
    if event.get("fail"):
        raise KeyError("name")
    time.sleep(event.get("sleep", 0))
    return {"hello": event.get("name", "nobody")}
'''

MASKS = [
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>"),
    (r"\b[0-9a-f]{8}-[0-9a-f-]{0,27}…", "<id>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?Z?)?", "<time>"),
    (r"\d+\.\d+ms|\b\d+ms\b|\d+\.\d+MB", "<n>"),
    (r"\b(now|\d+(\.\d+)? (ms|days|min|h|s)( ago)?)(?!\w)", "<n>"),
    (r" {2,}", "  "),
]


def environment(e):
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TZ": "UTC", "EVOKE_ENDPOINT": e.url, "EVOKE_ACCESS_KEY": e.access_key,
            "EVOKE_SECRET_KEY": e.secret_key, "EVOKE_DATA": str(e.data_dir)}


def shown(text):
    return re.sub(r"[ \t]+$", "", text, flags=re.M)


def ok(e, *words, code=0):
    p = e.run(*words)
    assert p.returncode == code, (words, p.returncode, p.stdout, p.stderr)
    return p


def state(e, ident):
    return json.loads(ok(e, "get", "invocation", ident, "-o", "json").stdout)["state"]


def settled(e, *idents):
    for _ in deadline(30):
        if all(state(e, i) not in ("waiting", "running") for i in idents):
            return


@pytest.fixture
def daemon(tmp_path, evoke):
    (tmp_path / "evoke.yaml").write_text(MANIFEST)
    (tmp_path / "index.py").write_text(CODE)
    evoke.folder = tmp_path
    return evoke


PATH = "functiongraph/local/local-1/default/greeting"

CASES = [  # in order: each sees what those before did. A word in front of ';' is awaited first: these events have ended
    ("deploy", ["deploy", "."]),
    ("deploy-again", ["deploy", "."]),
    ("trigger-list", ["trigger", "list"]),
    ("trigger-enable", ["trigger", "enable", "yearly"]),
    ("trigger-disable", ["trigger", "disable", "yearly", "greeting"]),
    ("trigger-bad-cron", ["trigger", "create", "bad", "greeting", "--cron", "0 0 25 * * *"]),
    ("trigger-bad-zone", ["trigger", "create", "bad", "greeting", "--cron", "0 0 0 * * *", "--zone", "Mars/Olympus"]),
    ("trigger-two-ways", ["trigger", "create", "bad", "greeting", "--cron", "0 0 0 * * *", "--rate", "3m"]),
    ("trigger-unknown", ["trigger", "delete", "nosuch"]),
    ("ledger-empty", ["get", "ledger"]),
    ("async", ["invoke", "greeting", "--async", "--event", '{"name":"you"}', "--id", "order-1"]),
    ("async-again", ["invoke", "greeting", "--async", "--event", '{"name":"you"}', "--id", "order-1"]),
    ("async-fails", ["invoke", "greeting", "--async", "--event", '{"fail":true}', "--id", "order-2"]),
    ("async-bad-id", ["invoke", "greeting", "--async", "--id", "a b"]),
    ("async-id-alone", ["invoke", "greeting", "--id", "order-1"]),
    ("list-invocations", ["list", "invocations", "greeting"], named(PATH, "order-1"), named(PATH, "order-2")),
    ("get-invocation", ["get", "invocation", named(PATH, "order-1")]),
    ("get-invocation-unknown", ["get", "invocation", "nosuch"]),
    ("deadletter-list", ["deadletter", "list"]),
    ("deadletter-show", ["deadletter", "show", named(PATH, "order-2")]),
    ("deadletter-show-done", ["deadletter", "show", named(PATH, "order-1")]),
    ("deadletter-redrive-which", ["deadletter", "redrive"]),
    ("deadletter-redrive-done", ["deadletter", "redrive", named(PATH, "order-1")]),
    ("deadletter-redrive", ["deadletter", "redrive", named(PATH, "order-2")]),
    ("ledger", ["get", "ledger", "greeting"], named(PATH, "order-2")),
    ("why", ["why", "greeting"]),
    ("replay-unknown", ["replay", "nosuch"]),
    ("cancel-ended", ["cancel", named(PATH, "order-1")]),
    ("deadletter-purge", ["deadletter", "purge", "--function", "greeting", "--yes"]),
    ("ledger-purged", ["get", "ledger"]),
    ("trigger-delete", ["trigger", "delete", "yearly"]),
]


@pytest.mark.parametrize("where", ["pipe", "terminal"])
def test_what_commands_print(daemon, where):
    wrong = []
    for name, words, *awaited in CASES:
        settled(daemon, *awaited)
        argv = [daemon.program, *words]
        if where == "pipe":
            p = subprocess.run(argv, env=environment(daemon), capture_output=True, text=True, timeout=60, check=False, cwd=daemon.folder)
            text = f"{p.stdout}\n---- stderr ----\n{p.stderr}\n---- exit code {p.returncode}\n"
        else:
            with Terminal(argv, env=environment(daemon), cwd=daemon.folder, wrap=False) as t:
                code = t.wait()
                text = f"{t.text()}\n---- exit code {code}\n"
        if name == "why":  # the rest is another test's
            text = text[text.index("Asynchronous events"):]
        try:
            same(f"events-{name}-{where}", shown(text), [*MASKS, (re.escape(str(daemon.folder)), "<folder>")])
        except AssertionError as e:
            wrong.append(str(e))
    assert not wrong, "\n".join(wrong)


# ---- what a word for word comparison cannot tell ----

def test_screens_fit_a_terminal_and_ids_can_be_copied(daemon):
    (daemon.folder / "evoke.yaml").write_text(MANIFEST.replace("enabled: false}", "enabled: false}\n      beat: {every: 1h}"))
    ok(daemon, "deploy", str(daemon.folder))
    ids = [ok(daemon, "invoke", name, "--async", "--event", event).stdout.strip()
           for name, event in (("greeting", '{"fail":true}'), ("greeting", "{}"), ("other", '{"sleep":100}'))]
    settled(daemon, *ids[:2])

    def screen(*words):
        with Terminal([daemon.program, *words], env=environment(daemon), wrap=False) as t:
            assert t.wait() == 0
            lines = t.lines()
        assert max(map(len, lines)) <= 80, "\n".join(lines)
        return "\n".join(lines)

    assert all(i in screen("list", "invocations") for i in ids)
    assert ids[0] in screen("deadletter", "list") and ids[0] in screen("replay", ids[1]) + screen("deadletter", "list", "greeting")
    assert "`evoke cancel " + ids[2] + "`" in screen("get", "invocation", ids[2])
    assert "CANCELLED" not in screen("get", "ledger")
    screen("cancel", ids[2])
    settled(daemon, ids[2])
    assert re.search(r"CANCELLED\ngreeting +invoked +3 .* 0\nother +invoked +1 .* 1$", screen("get", "ledger"))
    assert re.search(r"^beat +greeting +timer +@every 1h +in 59 min", screen("trigger", "list"), re.M)
    screen("trigger", "disable", "beat")
    screen("trigger", "enable", "beat")
    assert "`evoke deadletter redrive " + ids[0] + "`" in screen_next(daemon, ids[0])


def screen_next(daemon, ident):
    """What `deadletter show` says to do; lines of the log above it are as long as they are."""
    with Terminal([daemon.program, "deadletter", "show", ident], env=environment(daemon), wrap=False) as t:
        assert t.wait() == 0
        lines = ("  next: " + t.text().split("\n  next: ")[1]).splitlines()
    assert max(map(len, lines)) <= 80, lines
    return "\n".join(lines)


def test_where_there_is_nothing_a_terminal_says_so(daemon):
    for words, said in ((["trigger", "list"], "no triggers"), (["deadletter", "list"], "no such events"), (["list", "invocations"], "no such events"),
                        (["get", "ledger"], "no event was accepted yet")):
        with Terminal([daemon.program, *words], env=environment(daemon)) as t:
            assert t.wait() == 0 and t.text().startswith(said), t.text()


@pytest.fixture
def e(daemon):
    ok(daemon, "deploy", "--no-wait", str(daemon.folder))
    return daemon


def test_the_request_id_is_all_of_stdout(e):
    for words in (["invoke", "greeting", "--async"], ["replay", named(PATH, "first")]):
        if words[0] == "replay":
            ok(e, "invoke", "greeting", "--async", "--id", "first")
        ident = ok(e, *words).stdout
        assert re.fullmatch(r"[0-9a-f-]{36}\n", ident), ident
        settled(e, ident.strip())
        assert state(e, ident.strip()) == "done"
    p = ok(e, "invoke", "greeting", "--async", "--id", "one", "--output", "json")
    assert json.loads(p.stdout) == {"request_id": named(PATH, "one")} and p.stderr == ""


def test_an_event_that_runs_is_cancelled(e):
    ident = ok(e, "invoke", "greeting", "--async", "--event", '{"sleep":50}').stdout.strip()
    p = ok(e, "cancel", ident)
    assert p.stdout == "" and p.stderr == f"cancelled {ident}\n"
    settled(e, ident)
    assert state(e, ident) == "cancelled"
    assert ok(e, "cancel", "nosuch", code=3).stdout == ""


def test_all_dead_letters_at_once_and_of_a_time(e):
    idents = [ok(e, "invoke", n, "--async", "--event", '{"fail":true}').stdout.strip() for n in ("greeting",) * 3 + ("other",)]
    settled(e, *idents)
    assert json.loads(ok(e, "deadletter", "redrive", "--all", "--until", "1h", "-o", "json").stdout) == {"moved": 0}
    assert json.loads(ok(e, "deadletter", "redrive", "--all", "--since", "1h", "-o", "json").stdout) == {"moved": 4}
    settled(e, *idents)
    assert ok(e, "deadletter", "redrive", "--function", "other").stdout == "moved  1\n"
    settled(e, *idents)
    dead = json.loads(ok(e, "deadletter", "list", "-o", "json").stdout)
    assert sorted(x["id"] for x in dead) == sorted(idents)
    assert len(json.loads(ok(e, "deadletter", "list", "greeting", "-n", "2", "-o", "json").stdout)) == 2
    assert ok(e, "deadletter", "purge", "--all", "--yes").stdout == "purged  4\n"
    ledger = json.loads(ok(e, "get", "ledger", "-o", "json").stdout)
    assert ledger["balanced"] and sum(r["purged"] for r in ledger["rows"]) == 4


def test_purge_asks_on_a_terminal(e):
    ident = ok(e, "invoke", "greeting", "--async", "--event", '{"fail":true}').stdout.strip()
    settled(e, ident)
    for answer, code, then in (("n", 130, "dead"), ("y", 0, "purged")):
        with Terminal([e.program, "deadletter", "purge", "--all"], env=environment(e)) as t:
            t.wait_for("[y/N]")
            t.press(answer)
            t.press("enter")
            assert t.wait() == code
        assert state(e, ident) == then


def test_pages_are_put_together(e):
    for i in range(5):
        ok(e, "invoke", "greeting", "--async", "--id", f"p{i}")
    listed = json.loads(ok(e, "list", "invocations", "-n", "4", "-o", "json").stdout)
    assert [x["id"] for x in listed] == [named(PATH, f"p{i}") for i in (4, 3, 2, 1)]
    settled(e, *(named(PATH, f"p{i}") for i in range(5)))
    assert json.loads(ok(e, "list", "invocations", "--state", "waiting,dead", "-o", "json").stdout) == []
    assert ok(e, "list", "invocations", "--state", "gone", code=2).stdout == ""


@pytest.mark.parametrize("words,config", [
    (["--cron", "0 */5 * * * *"], {"schedule": "0 */5 * * * *", "syntax": "fg-cron"}),
    (["--rate", "5m"], {"schedule": "5m", "syntax": "fg-rate"}),
    (["--every", "90s"], {"schedule": "@every 90s", "syntax": "fg-cron"}),
    (["--rate", "1h", "--missed", "all", "--payload", "x y"], {"schedule": "1h", "syntax": "fg-rate", "missed": "all", "payload": "x y"}),
])
def test_a_timer_in_every_way(e, words, config):
    ok(e, "trigger", "create", "t", "greeting", *words)
    made = json.loads(ok(e, "trigger", "list", "greeting", "-o", "json").stdout)
    assert {t["name"]: t["config"] for t in made}["t"] == config
    assert {t["name"]: t["enabled"] for t in made} == {"yearly": False, "t": True}


def test_a_bound_of_its_own_is_set_kept_and_taken_back(e):
    def bound():
        return [t for t in json.loads(ok(e, "trigger", "list", "-o", "json").stdout) if t["name"] == "t"][0].get("concurrency")

    create = ["trigger", "create", "t", "greeting", "--rate", "1h"]
    ok(e, *create, "--concurrency", "1000")
    for words in (["disable", "t"], ["enable", "t"]):
        ok(e, "trigger", *words)
        assert bound() == 1000
    assert "--concurrency" in ok(e, *create, "--concurrency", "1001", code=2).stderr
    ok(e, *create)
    assert bound() is None


def test_a_name_that_two_functions_have_needs_the_function(e):
    for f in ("greeting", "other"):
        ok(e, "trigger", "create", "same", f, "--rate", "1h")
    p = ok(e, "trigger", "disable", "same", code=2)
    assert "2 functions" in p.stderr
    ok(e, "trigger", "disable", "same", "other")
    now = json.loads(ok(e, "trigger", "list", "-o", "json").stdout)
    assert {t["function"].split("/")[-1]: t["enabled"] for t in now if t["name"] == "same"} == {"greeting": True, "other": False}
    ok(e, "trigger", "delete", "same", "greeting")
    ok(e, "trigger", "delete", "same")


def test_deploy_changes_the_triggers_that_differ(e):
    path = e.folder / "evoke.yaml"
    path.write_text(MANIFEST.replace("enabled: false", "enabled: true").replace("max_age: 7200", "max_age: 60"))
    dry = ok(e, "deploy", "--dry-run", str(e.folder))
    assert re.search(r"triggers\.yearly +0 0 0 1 1 \* \(Asia/Shanghai\), payload happy, disabled -> 0 0 0 1 1 \*", dry.stdout), dry.stdout
    assert re.search(r'async +\{"max_age_s":7200.* -> \{"max_age_s":60', dry.stdout), dry.stdout
    assert json.loads(ok(e, "trigger", "list", "-o", "json").stdout)[0]["enabled"] is False
    ok(e, "deploy", str(e.folder))
    assert json.loads(ok(e, "trigger", "list", "-o", "json").stdout)[0]["enabled"] is True
    assert "unchanged" in ok(e, "deploy", str(e.folder), "greeting").stdout
    path.write_text(MANIFEST.replace('"0 0 0 1 1 *"', '"0 0 0 1 13 *"'))
    for words in (["deploy", "--dry-run", str(e.folder)], ["deploy", str(e.folder)]):
        p = ok(e, *words, code=2)
        assert "function 'greeting': trigger 'yearly': config: field 5" in p.stderr, p.stderr


def test_a_dry_run_of_a_new_function_checks_its_triggers(e):
    path = e.folder / "new.yaml"
    path.write_text(MANIFEST.replace("greeting:", "fresh:").replace('"0 0 0 1 1 *"', '"0 0 0 1 13 *"'))
    p = ok(e, "deploy", "--dry-run", str(path), "fresh", code=2)
    assert "function 'fresh': trigger 'yearly': config: field 5" in p.stderr, p.stderr
    path.write_text(MANIFEST.replace("greeting:", "fresh:"))
    assert "would be created" in ok(e, "deploy", "--dry-run", str(path), "fresh").stdout
    assert "fresh" not in ok(e, "list").stdout


class Lying(http.server.BaseHTTPRequestHandler):
    """A daemon whose ledger has lost an event."""

    def do_GET(self):
        row = {"function": "functiongraph/p/r/default/f", "source": "invoked", "trigger": "", "accepted": 2, "waiting": 0, "running": 0, "done": 1,
               "dead": 0, "expired": 0, "cancelled": 0, "purged": 0, "passed": 0}
        body = json.dumps({"rows": [row], "balanced": False}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Evoke-Version", "0.1.0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("how", [[], ["-o", "json"]])
def test_a_ledger_that_does_not_add_up_is_an_error(e, how):
    with http.server.HTTPServer(("127.0.0.1", 0), Lying) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        p = e.run("get", "ledger", *how, env={"EVOKE_ENDPOINT": f"http://127.0.0.1:{server.server_port}"})
        thread.join()
    assert p.returncode == 70 and "does not add up" in p.stderr and "next: keep a copy of the data directory" in p.stderr, p
    assert "functiongraph/p/r/default/f" in p.stdout


def test_an_unreachable_daemon_and_a_wrong_key(e):
    for words in (["get", "ledger"], ["deadletter", "list"], ["trigger", "list"], ["get", "invocation", "x"], ["cancel", "x"], ["replay", "x"]):
        assert e.run(*words, env={"EVOKE_ENDPOINT": "http://127.0.0.1:9"}).returncode == 7
        assert e.run(*words, env={"EVOKE_SECRET_KEY": "wrong"}).returncode == 4
