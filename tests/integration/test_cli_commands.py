# SPDX-License-Identifier: Apache-2.0
"""Commands that look at functions and hosts, as people and as programs see them; every exit code there is."""
import http.server
import json
import os
import subprocess
import termios
import threading

import pytest
from evoked import BUILD
from terminal import Terminal

EVOKE = BUILD / "evoke"
HELLO = ("def handler(event, context):\n    if event.get('fail'): raise ValueError('told to')\n"
         "    if event.get('loop'):\n        while True: pass\n    return {'hello': event.get('name', 'nobody')}\n")


def manifest(tmp_path, name, more="", code=HELLO):
    (tmp_path / "evoke.yaml").write_text(f"functions:\n  {name}:\n    runtime: Python3.9\n    handler: index.handler\n    timeout: 3\n{more}")
    (tmp_path / "index.py").write_text(code)
    return str(tmp_path)


@pytest.fixture
def function(evoke_shared, tmp_path):
    """Makes functions that go away again."""
    made = []

    def make(name, more="", code=HELLO):
        p = evoke_shared.run("deploy", manifest(tmp_path, name, more, code))
        made.append(name)
        assert p.returncode in (0, 1), p.stderr
        return name

    yield make
    for name in made:
        evoke_shared.run("delete", name)


def keys(e):
    return {"EVOKE_ENDPOINT": e.url, "EVOKE_ACCESS_KEY": e.ACCESS_KEY, "EVOKE_SECRET_KEY": e.SECRET_KEY}


def test_every_exit_code(evoke_shared, function, tmp_path):
    e = evoke_shared
    function("codes")
    assert e.run("invoke", "codes").returncode == 0
    assert e.run("invoke", "codes", "--event", '{"fail":1}').returncode == 1
    assert e.run("invoke").returncode == 2
    assert e.run("get", "nosuch").returncode == 3
    p = e.run("list", env={"EVOKE_SECRET_KEY": "wrong" * 8})
    assert p.returncode == 4 and "  next: " in p.stderr
    with open(tmp_path / "large.json", "w") as f:
        json.dump({"x": "y" * (34 << 20)}, f)
    assert e.run("invoke", "codes", "--event", str(tmp_path / "large.json")).returncode == 5
    assert e.run("invoke", "codes", "--event", '{"loop":1}').returncode == 6
    p = e.run("list", "--endpoint", "http://127.0.0.1:1")
    assert p.returncode == 7 and "http://127.0.0.1:1" in p.stderr and "evoke serve" in p.stderr
    with open("/dev/full", "w") as full:
        p = subprocess.run([EVOKE, "list"], stdout=full, stderr=subprocess.PIPE, env={**os.environ, **keys(e)}, check=False)
    assert p.returncode == 70


def test_ctrl_c_ends_a_command_with_its_own_code(evoke_shared, function):
    function("slow", more="", code="import time\ndef handler(event, context):\n    print('begun'); time.sleep(0.9)\n")
    with Terminal([EVOKE, "top", "--count", "100", "--interval", "1h"], env=keys(evoke_shared)) as t:
        t.wait_for("FUNCTION")
        t.press("ctrl-c")
        assert t.wait() == 130


def test_a_name_nobody_has_is_answered_with_the_nearest(evoke_shared, function):
    function("thumbnail")
    p = evoke_shared.run("invoke", "thumbnial")
    assert p.returncode == 3
    assert p.stderr == "evoke: there is no function 'thumbnial'; did you mean 'thumbnail'?\n  next: `evoke list` shows what there is\n"


def test_delete_looks_before_it_deletes(evoke_shared, function):
    e = evoke_shared
    function("first")
    assert e.run("delete", "first", "nosuch").returncode == 3
    assert e.run("get", "first").returncode == 0, "nothing is deleted when one name is wrong"
    p = e.run("delete", "first", "default/first")
    assert p.returncode == 0 and p.stderr.count("deleted ") == 1


@pytest.mark.parametrize("answer,gone", [("y\r", True), ("n\r", False), ("\r", False), ("ctrl-d", False)])
def test_delete_asks_who_can_answer(evoke_shared, function, answer, gone):
    function("asked")
    with Terminal([EVOKE, "delete", "asked"], env=keys(evoke_shared)) as t:
        t.wait_for(r"functiongraph/local/local-1/default/asked\n.*Delete this function .*\[y/N\]")
        t.press(answer)
        assert t.wait() == (0 if gone else 130)
    assert evoke_shared.run("get", "asked").returncode == (3 if gone else 0)


def test_delete_with_yes_does_not_ask(evoke_shared, function):
    function("unasked")
    with Terminal([EVOKE, "delete", "-y", "unasked"], env=keys(evoke_shared)) as t:
        assert t.wait() == 0 and "[y/N]" not in t.text()


def test_a_list_fits_the_terminal_and_is_whole_in_a_pipe(evoke_shared, function):
    e = evoke_shared
    function("a-name-so-long-that-it-does-not-fit-into-a-narrow-terminal")
    for columns in (80, 60):
        with Terminal([EVOKE, "list"], columns=columns, env=keys(e)) as t:
            assert t.wait() == 0
            rows = t.text().splitlines()
            assert len(rows) == 2 and "ACCOUNT" not in rows[0] and "…" in rows[1] and rows[1].rstrip().endswith("ready")
    rows = e.run("list").stdout.splitlines()
    assert "a-name-so-long-that-it-does-not-fit-into-a-narrow-terminal" in rows[1] and "ACCOUNT" in rows[0]


def test_describe_hides_values_until_asked(evoke_shared, function):
    e = evoke_shared
    function("told", more="    environment: {PASSWORD: swordfish}\n")
    e.run("invoke", "told")
    shown = e.run("describe", "told").stdout
    for part in ("Settings", "Code", "Environment", "PASSWORD", "Instances", "Python3.9", "index.handler"):
        assert part in shown, part
    assert "swordfish" not in shown and "swordfish" not in e.run("describe", "told", "-o", "json").stdout
    assert "swordfish" in e.run("describe", "told", "--show-secrets").stdout
    told = json.loads(e.run("describe", "told", "-o", "json").stdout)
    assert told["environment"] == {"PASSWORD": "(hidden)"} and told["how"]["runs"] == 1


def test_why_begins_with_the_verdict(evoke_shared, function):
    e = evoke_shared
    function("fine")
    p = e.run("why", "fine")
    assert p.returncode == 0, p.stdout
    e.run("invoke", "fine")
    assert "It is well" in e.run("why", "fine").stdout.splitlines()[0]
    for _ in range(3):
        e.run("invoke", "fine", "--event", '{"fail":1}')
    p = e.run("why", "fine")
    assert p.returncode == 1 and p.stdout.splitlines()[1].startswith("  next: ") and "Last failures" in p.stdout and "told to" in p.stdout
    assert json.loads(e.run("why", "fine", "-o", "json").stdout)["code"] == "last_failed"
    assert e.run("why", "nosuch").returncode == 3


def test_top_in_a_pipe_is_a_table(evoke_shared, function):
    e = evoke_shared
    for name in ("busy", "calm"):
        function(name)
    for _ in range(3):
        e.run("invoke", "busy")
    e.run("invoke", "calm")
    rows = [line.split() for line in e.run("top").stdout.splitlines()]
    assert rows[0][:3] == ["FUNCTION", "RUNS/S", "ERRORS"]
    names = [r[0] for r in rows[1:]]
    assert names.index("default/busy") < names.index("default/calm")
    rows = [line.split() for line in e.run("top", "--sort", "name").stdout.splitlines()]
    names = [r[0] for r in rows[1:]]
    assert names == sorted(names) and {"default/busy", "default/calm"} <= set(names)
    assert len(e.run("top", "-n", "2", "-i", "200ms").stdout.split("FUNCTION")) == 3
    assert {"default/busy", "default/calm"} <= {"/".join(f["function"].split("/")[3:]) for f in
                                               json.loads(e.run("top", "-o", "json").stdout)["functions"]}


def test_top_draws_and_gives_the_terminal_back(evoke_shared, function):
    function("seen")
    evoke_shared.run("invoke", "seen")
    for ending, code in (("q", 0), ("ctrl-c", 0)):
        with Terminal([EVOKE, "top", "--interval", "200ms"], env=keys(evoke_shared)) as t:
            before = termios.tcgetattr(t.master)
            t.wait_for(r"evoke top .*\n.*sort: rate[\s\S]*default/seen", where=t.visible)
            t.press("s")
            t.wait_for("sort: errors", where=t.visible)
            assert max(len(line) for line in t.visible().splitlines()) <= 80
            t.press(ending)
            assert t.wait() == code
            assert t.raw.endswith(b"\x1b[?25h\x1b[?1049l") and termios.tcgetattr(t.master) == before


def test_version_names_both_ends(evoke_shared):
    e = evoke_shared
    lines = e.run("version").stdout.splitlines()
    assert lines[0].startswith("evoke ") and lines[1] == lines[0].replace("evoke", "daemon")
    said = json.loads(e.run("version", "-o", "json").stdout)
    assert said["version"] == said["daemon"]["version"]
    p = e.run("version", "--endpoint", "http://127.0.0.1:1")
    assert p.returncode == 0 and p.stdout.splitlines()[1].startswith("daemon not asked: ")
    assert json.loads(e.run("version", "-o", "json", "--endpoint", "http://127.0.0.1:1").stdout)["daemon"] is None


def test_doctor_needs_no_daemon_and_sees_one(evoke_shared, tmp_path):
    e = evoke_shared
    alone = subprocess.run([EVOKE, "doctor", "-o", "json", "--endpoint", "http://127.0.0.1:1"], capture_output=True, text=True, timeout=60,
                           env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "EVOKE_DATA": str(tmp_path), "EVOKE_LISTEN": "127.0.0.1:0",
                                "EVOKE_ACCESS_KEY": "a", "EVOKE_SECRET_KEY": "b"}, check=False)
    said = json.loads(alone.stdout)
    checks = {c["name"]: c for c in said["checks"]}
    assert {"kernel", "namespaces", "seccomp", "landlock", "cgroup", "freezer", "network", "python", "node", "data", "files", "inotify",
            "clock", "daemon"} == checks.keys()
    assert said["ok"] and alone.returncode == 0 and checks["python"]["level"] == "ok" and "Python 3" in checks["python"]["found"]
    assert "none runs" in checks["daemon"]["found"]
    for c in checks.values():
        assert c["found"] and c["why"] and (c["level"] == "ok" or c["next"]), c
    text = e.run("doctor").stdout
    assert "daemon      version" in text and "kernel" in text


def test_doctor_says_what_to_do(evoke_shared, tmp_path):
    (tmp_path / "conf.yaml").write_text("python: /usr/nowhere/python3\ndata: /etc/hostname/data\n")
    p = evoke_shared.run("doctor", env={"EVOKE_CONFIG": str(tmp_path / "conf.yaml"), "EVOKE_DATA": ""})
    assert p.returncode == 1
    lines = p.stdout.splitlines()
    python = next(i for i, line in enumerate(lines) if " python " in line)
    assert lines[python].startswith("less") and "why: " in lines[python + 1] and "apt-get install python3" in lines[python + 2]
    assert any(line.startswith("MISSING  data") for line in lines)


@pytest.mark.parametrize("words", [["python"], ["node"], ["python", "--dialect", "fc"], ["node", "--dialect", "fc"], ["Python3.6"],
                                   ["nodejs12", "--dialect", "fc"], ["python", "--dialect", "scf"], ["node", "--dialect", "scf"],
                                   ["Nodejs8.9", "--dialect", "scf"]])
def test_what_init_writes_deploys_and_answers(evoke_shared, tmp_path, words):
    e = evoke_shared
    runtime, *options = words
    where = tmp_path / "My Work" / "1.hello"
    p = e.run("init", runtime, str(where), *options)
    assert p.returncode == 0 and p.stderr.count("created ") == 3 and "next: evoke deploy" in p.stderr
    assert e.run("deploy", str(where)).returncode == 0
    p = e.run("invoke", "f-hello", "--event", '{"name":"you"}')
    assert p.returncode == 0 and json.loads(p.stdout) == {"hello": "you"}, p.stderr
    assert e.run("invoke", "f-hello").returncode == 0
    before = (where / "evoke.yaml").read_text()
    p = e.run("init", runtime, str(where), *options)
    assert p.returncode == 2 and "is there already" in p.stderr and (where / "evoke.yaml").read_text() == before
    assert e.run("delete", "f-hello").returncode == 0


def test_init_knows_what_it_does_not_know(evoke_shared, tmp_path):
    p = evoke_shared.run("init", "Pyton3.9", str(tmp_path / "x"))
    assert p.returncode == 2 and "Python3.9" in p.stderr and not (tmp_path / "x").exists()


class NoJson(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-Evoke-Version", "0.1.0")
        self.end_headers()
        self.wfile.write(b"<html>welcome to nginx</html>")

    do_POST = do_PUT = do_GET

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("words", [["list"], ["why", "f"], ["logs", "--all"], ["audit"], ["top", "-n", "1"],
                                   ["key", "add", "ci", "--scope", "read"], ["status"], ["backup", "b.tar"]])
def test_an_answer_that_nobody_can_read_is_not_the_callers_fault(words, tmp_path):
    with http.server.HTTPServer(("127.0.0.1", 0), NoJson) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        p = subprocess.run([EVOKE, *words, "--endpoint", f"http://127.0.0.1:{other.server_port}"], cwd=tmp_path, capture_output=True, text=True,
                           env={**os.environ, "EVOKE_ACCESS_KEY": "A", "EVOKE_SECRET_KEY": "b"}, timeout=60, check=False)
        other.shutdown()
    assert p.returncode == 70 and "the daemon's answer is not JSON: " in p.stderr and list(tmp_path.iterdir()) == [], p.stdout + p.stderr


def test_logs_name_the_function_that_was_meant(evoke_shared, function):
    function("greeting")
    for word in ("greetin", "default/greetin", "functiongraph/local/local-1/default/greetin"):
        p = evoke_shared.run("logs", word)
        assert p.returncode == 3 and "did you mean 'greeting'?" in p.stderr, p.stderr
