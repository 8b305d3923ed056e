# SPDX-License-Identifier: Apache-2.0
"""evoke invoke: the answer byte for byte, what is told beside it, exit codes; and --repeat."""
import http.server
import json
import re
import signal
import subprocess
import threading

import pytest

from evoked import BUILD
from terminal import Terminal

CODE = '''
import os, time

def handler(event, context):
    what = event.get("do")
    if what == "escape":
        print("log \\x1b]0;gotcha\\x07")
        return "\\x1b[2Jcleared\\x1b[31m"
    if what == "fail":
        print("before it failed")
        raise ValueError("on purpose")
    if what == "exit":
        os._exit(3)
    if what == "sleep":
        time.sleep(60)
    return event.get("say", "said")
'''

MANIFEST = '''functions:
  f: {runtime: Python3.9, handler: index.handler, timeout: 3}
  many: {runtime: Python3.9, handler: index.handler, instance_concurrency: 1}
  raw: {dialect: fc, runtime: python3, handler: raw.handler, space: s}
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    path = tmp_path_factory.mktemp("code")
    (path / "evoke.yaml").write_text(MANIFEST)
    (path / "index.py").write_text(CODE)
    (path / "raw.py").write_text("def handler(event, context):\n    return b'\\x00\\xff\\x1b[2J' if event == b'bytes' else event\n")
    return path


@pytest.fixture
def e(evoke_shared, place):
    p = evoke_shared.run("deploy", str(place), "--no-wait")
    assert p.returncode == 0, p.stderr
    return evoke_shared


def env_of(e):
    return {"EVOKE_ENDPOINT": e.url, "EVOKE_ACCESS_KEY": e.access_key, "EVOKE_SECRET_KEY": e.secret_key}


def do(what):
    return json.dumps({"do": what})


def test_a_pipe_gets_the_answer_byte_for_byte(e):
    for event in (b"", b"no line break", b"one\n", b"two\n\n", b"\xff\x00\x1b[31m"):
        p = subprocess.run([BUILD / "evoke", "invoke", "raw", "--event", "-"], input=event, env=env_of(e), capture_output=True, check=False)
        assert (p.returncode, p.stdout) == (0, event), p.stderr
    p = e.run("invoke", "f", "--event", do("escape"))
    assert p.stdout == "\x1b[2Jcleared\x1b[31m"


def test_a_terminal_is_not_commanded(e):
    with Terminal([BUILD / "evoke", "invoke", "f", "--event", do("escape")], env=env_of(e), columns=120, rows=50) as t:
        assert t.wait() == 0
        assert "\\x1b[2Jcleared\\x1b[31m" in t.text() and "log \\x1b]0;gotcha\\x07" in t.text()
        assert b"\x1b]0" not in t.raw and b"\x1b[2J" not in t.raw
    with Terminal([BUILD / "evoke", "invoke", "raw", "--event", "-"], env=env_of(e), columns=120, rows=50) as t:
        t.press("bytes", "ctrl-d", "ctrl-d")
        assert t.wait() == 0
        assert "6 B that are no text: redirect stdout to keep them" in t.text() and b"\xff" not in t.raw


def test_everything_is_told_beside_the_answer(e):
    p = e.run("invoke", "f", "--event", '{"say":"x"}')
    assert (p.returncode, p.stdout) == (0, "x")
    for line in (r"Status +ok", r"Request id +[0-9a-f-]{36}", r"Instance +[0-9a-f-]{36}", r"Execution duration +[\d.]+ ms", r"Queue time +[\d.]+ ms",
                 r"Start of instance +[\d.]+ ms", r"Init duration +[\d.]+ ms", r"Memory configured +128 MB", r"Memory used +[\d.]+ MB"):
        assert re.search(line, p.stderr), line
    said = json.loads(e.run("invoke", "f", "--event", '{"say":"x"}', "--output", "json").stdout)
    assert said["outcome"] == "ok" and said["body"] == "x" and said["cold"] is False
    assert {"request_id", "instance", "queue_ms", "start_ms", "init_ms", "duration_ms", "billed_ms"} <= set(said)


def test_a_cold_start_says_where_its_time_went(e, place):
    e.run("delete", "f")
    assert e.run("deploy", str(place), "f", "--no-wait").returncode == 0
    said = json.loads(e.run("invoke", "f", "--output", "json").stdout)
    assert said["cold"] is True and said["init_ms"] > 0 and said["start_ms"] > 0 and said["queue_ms"] < said["start_ms"] + said["init_ms"]


@pytest.mark.parametrize("what,code,told", [
    ("fail", 1, ["(error)", "before it failed", "next: "]),
    ("exit", 1, ["(exited)", "next: "]),
    ("sleep", 6, ["(timeout)", "raise 'timeout'"]),
])
def test_exit_codes_tell_who_failed(e, what, code, told):
    p = e.run("invoke", "f", "--event", do(what))
    assert p.returncode == code
    for part in told:
        assert part in p.stderr
    assert what != "fail" or "on purpose" in p.stdout


def test_what_this_daemon_cannot_do_is_said(e):
    assert e.run("invoke", "f", "--qualifier", "latest").returncode == 0
    p = e.run("invoke", "f", "--qualifier", "v 1")
    assert p.returncode == 3 and "no version or alias 'v 1'" in p.stderr and p.stdout == ""


def test_its_own_patience(e):
    """The daemon would answer after the function's timeout of 3 s; we wait for less."""
    p = e.run("invoke", "f", "--event", do("sleep"), "--timeout", "100ms")
    assert p.returncode == 6 and "(timeout)" not in p.stderr


@pytest.mark.parametrize("options,why", [
    (["--repeat", "0"], "--repeat"),
    (["--repeat", "1000001"], "--repeat"),
    (["--repeat", "2", "--concurrency", "0"], "--concurrency"),
    (["--repeat", "2", "--concurrency", "1001"], "--concurrency"),
    (["--concurrency", "2"], "--concurrency goes with --repeat"),
    (["--repeat", "2", "--async"], "--async has none"),
    (["--event", "nosuch.json"], "neither JSON nor a file"),
    (["--timeout", "0"], "--timeout"),
])
def test_wrong_options_are_named(e, options, why):
    p = e.run("invoke", "f", *options)
    assert p.returncode == 2 and why in p.stderr and p.stdout == ""


# -- repeat -----------------------------------------------------------------------------------------------------------------------


def test_repeat_counts_every_run(e):
    p = e.run("invoke", "many", "--repeat", "200", "--concurrency", "8", "--output", "json")
    assert p.returncode == 0, p.stderr
    said = json.loads(p.stdout)
    assert said["runs"] == said["wanted"] == 200 and said["concurrency"] == 8 and said["outcomes"] == {"ok": 200} and said["refused"] == 0
    latency = said["latency_ms"]
    assert 0 < latency["min"] <= latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["p99_9"] <= latency["max"] <= said["took_ms"]
    assert sum(b["count"] for b in said["histogram"]) == 200 and 1 <= said["cold"] <= 8
    assert said["histogram"][-1]["upto_ms"] == latency["max"]
    assert "first_failure" not in said


def test_repeat_for_people(e):
    p = e.run("invoke", "many", "--repeat", "20", "--concurrency", "50")
    assert p.returncode == 0 and p.stderr == ""
    assert re.match(r"20 runs in [\d.]+ \w+, 20 at once: [\d.]+/s, \d+ cold\n", p.stdout)
    for word in ("min", "mean", "p50", "p90", "p99", "p99.9", "max"):
        assert re.search(rf"^  {word} +[\d.]+ (us|ms|s)$", p.stdout, re.MULTILINE), word
    assert "#" in p.stdout and max(map(len, p.stdout.splitlines())) <= 80


def test_repeat_tells_the_first_failure(e):
    p = e.run("invoke", "many", "--repeat", "10", "--event", do("fail"))
    assert p.returncode == 1 and "10 ended as error" in p.stdout
    assert "the first that failed" in p.stderr and "on purpose" in p.stderr
    request = re.search(r"request id ([0-9a-f-]{36})", p.stderr).group(1)
    assert f"evoke logs NAME --request {request}" in p.stderr
    said = json.loads(e.run("invoke", "many", "--repeat", "3", "--event", do("fail"), "--output", "json").stdout)
    assert said["outcomes"] == {"error": 3} and said["first_failure"]["outcome"] == "error" and "on purpose" in said["first_failure"]["body"]
    assert e.run("invoke", "f", "--repeat", "2", "--event", do("sleep")).returncode == 6


def test_repeat_ends_when_there_is_nobody_to_ask(e):
    p = e.run("invoke", "default/none/at/all/x", "--repeat", "1000")
    assert p.returncode in (2, 3)
    p = e.run("invoke", "functiongraph/local/local-1/default/none", "--repeat", "1000000", "--output", "json")
    said = json.loads(p.stdout)
    assert p.returncode == 3 and said["refused"] == 1 and said["runs"] == 0 and said["first_failure"]["outcome"] == "refused"
    p = e.run("invoke", "functiongraph/local/local-1/default/none", "--repeat", "10", "--endpoint", "http://127.0.0.1:1")
    assert p.returncode == 7


def test_each_worker_has_a_connection_of_its_own(e):
    """A server that answers nobody before eight requests are there, each on another connection."""
    peers, all_there, lock = set(), threading.Event(), threading.Lock()

    class Together(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                peers.add(self.client_address)
                if len(peers) == 8:
                    all_there.set()
            all_there.wait(20)
            self.send_response(200)
            self.send_header("X-Evoke-Outcome", "ok")
            self.send_header("X-Evoke-Version", "0.1.0")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Together)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    p = e.run("invoke", "functiongraph/local/local-1/default/f", "--repeat", "80", "--concurrency", "8", "--output", "json",
              "--endpoint", f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    assert p.returncode == 0 and json.loads(p.stdout)["outcomes"] == {"ok": 80}, p.stderr
    assert len(peers) == 8, "and they are kept"


def test_ctrl_c_shows_what_was_measured(e):
    with Terminal([BUILD / "evoke", "invoke", "many", "--repeat", "1000000", "--concurrency", "2"], env=env_of(e), rows=60) as t:
        t.wait_for(r"\d of 1 000 000, \d+/s")
        t.press("ctrl-c")
        t.wait_for(r"interrupted after \d+ of 1000000")
        assert t.wait() == 130
        assert re.search(r"^ *p99 +[\d.]+ ", t.text(), re.MULTILINE) and "runs in" in t.text()
    p = subprocess.Popen([BUILD / "evoke", "invoke", "many", "--repeat", "1000", "--event", do("sleep"), "--output", "json"], env=env_of(e),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not json.loads(e.run("status", "--output", "json").stdout)["instances"]["busy"]:
        assert p.poll() is None
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=20)
    assert p.returncode == 130 and json.loads(out)["runs"] == 0 and "interrupted after 0 of 1000" in err
