# SPDX-License-Identifier: Apache-2.0
"""`evoke logs` against a daemon made of records: how they look, who may read slowly, and what happens when either end goes away."""
import base64
import json
import os
import re
import signal
import subprocess
import threading

import pytest
from evoked import BUILD, deadline
from fakelogs import FUNCTION, FakeLogs, end, record
from golden import same
from terminal import Terminal

EVOKE = BUILD / "evoke"
SGR = re.compile(rb"\x1b\[[0-9;]*m")  # colours, the only sequences of ours
EVERY_BYTE = bytes(range(256))

RECORDS = [
    record("hello\nworld\n", end=end(duration_ms=0.25)),
    record("Traceback (most recent call last):\n  a line that is much wider than the terminal it is shown on, so it goes on below\n",
           request="abcdefgh-12345678", time_ms=1795341845999, end=end("error", 1500.4, 8.06, reason="KeyError: 'x'")),
    record(None, gap={"lines": 12, "bytes": 480, "why": "the disk is full"}),
    record("no line feed at the end", function=FUNCTION.replace("hello", "other"), part=1, time_ms=1795341846000),
    record("\x1b]0;title\x07 \x1b[2J\rover \t tab \u202e rtl \u65e5\u672c e\u0301\n", time_ms=1795341846001),
    record(b"\xff\xfe not UTF-8\n", request="", trigger="pre_stop", time_ms=1795341846002),
    record("the next day\n", time_ms=1795341846000 + 86400000, end=end("timeout", 3000)),
]


@pytest.fixture
def fake():
    with FakeLogs(RECORDS) as f:
        yield f


def run(fake, *args, **kw):
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **fake.env()}
    return subprocess.run([EVOKE, "logs", *args], env=env, capture_output=True, timeout=60, check=False, **kw)


def start(fake, *args, **kw):
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **fake.env()}
    return subprocess.Popen([EVOKE, "logs", *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)


def terminal(fake, *args, env=None, **kw):
    return Terminal([EVOKE, "logs", *args], env={**fake.env(), **(env or {})}, **kw)


# ---- how it looks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form,args", [("pipe", ["hello"]), ("pipe-all", ["--all"]), ("json", ["hello", "--output", "json"]),
                                       ("yaml", ["hello", "-o", "yaml"]), ("pipe-grep", ["hello", "--grep", "x"])])
def test_in_a_pipe(fake, form, args):
    done = run(fake, *args)
    assert done.returncode == 0
    text = done.stdout.decode("utf-8", "backslashreplace") + "\n---- stderr ----\n" + done.stderr.decode()
    same(f"logs-{form}", text, None)


@pytest.mark.parametrize("form,args", [("terminal", ["hello"]), ("terminal-all", ["--all"])])
def test_on_a_terminal_of_80_columns(fake, form, args):
    with terminal(fake, *args) as t:
        assert t.wait() == 0
        # Whether a date stands above the first line depends on today.
        same(f"logs-{form}", re.sub(r"-- \d{4}-\d\d-\d\d --\n", "", t.text()), None)


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": None}])
def test_without_colour(fake, env):
    with terminal(fake, "hello", env=env) as t:
        assert t.wait() == 0
        assert b"\x1b" not in t.raw


def test_with_colour_only_on_a_terminal(fake):
    with terminal(fake, "hello") as t:
        assert t.wait() == 0
        assert b"\x1b[31m= error" in t.raw
    assert b"\x1b[31m" not in run(fake, "hello").stdout


def test_another_day_begins_with_its_date():
    with FakeLogs([record("a\n"), record("b\n", time_ms=1795341845123 + 86400000)]) as f, terminal(f, "hello") as t:
        assert t.wait() == 0
        assert re.search(r"a\n-- 2026-11-23 --\n10:04:05.123 9f1c22d0 b", t.text())


# ---- what functions may not do to a terminal -----------------------------------------------------------


def test_every_byte_is_harmless_on_a_terminal_and_whole_in_a_pipe():
    lines = b"".join(b"<" + bytes([b]) + b">\n" for b in EVERY_BYTE if b != 10)
    with FakeLogs([record(lines), record("\u202e\u2066\u200b\u009b31m\n", request="\x1b[5mid")]) as f:
        got = run(f, "hello").stdout
        assert [line.split(b" ", 2)[2] for line in got.split(b"\n")[:255]] == lines.split(b"\n")[:-1]
        with terminal(f, "hello") as t:
            assert t.wait() == 0
            plain = SGR.sub(b"", bytes(t.raw)).replace(b"\r\n", b"\n")
    assert not [b for b in plain if b < 32 and b not in b"\n\t"] and 0x7f not in plain
    text = plain.decode()  # nothing else than UTF-8 came
    assert not re.search("[\x80-\x9f\u200b\u202a-\u202e\u2066-\u2069]", text)
    assert "\\x1b" in text and "\\u202e\\u2066\\u200b\\u009b31m" in text and "\\xff" in text


def test_json_loses_nothing(fake):
    fake.add(record(EVERY_BYTE), record("\U0001f600 \"quoted\" \\ \x01 \u2028\n"), record("x" * 300000 + "\n"))
    lines = run(fake, "hello", "--output", "json").stdout.decode().split("\n")[:-1]
    assert [json.loads(line) for line in lines] == fake.records
    assert base64.b64decode(json.loads(lines[len(RECORDS)])["base64"]) == EVERY_BYTE


# ---- following -------------------------------------------------------------------------------------------


def test_a_follower_sees_lines_as_they_come_and_ends_with_ctrl_c(fake):
    with terminal(fake, "hello", "-f") as t:
        t.wait_for("the next day")
        for i in range(5):
            fake.add(record(f"line {i}\n"))
            t.wait_for(f"line {i}")
        t.press("ctrl-c")
        assert t.wait() == 130
        assert "evoke: 12 lines (480 bytes) are missing, in 1 place" in t.text()
    assert all("wait_ms" in q for q in fake.queries) and [q.get("last") for q in fake.queries][:2] == ["10", None]


def test_a_daemon_that_comes_back_is_followed_on(fake):
    p = start(fake, "--all", "-f", "-o", "json")
    seen = [json.loads(p.stdout.readline()) for _ in RECORDS]
    for i in range(3):
        fake.stop()
        assert p.stderr.readline().startswith(b"evoke: missing here") if i == 0 else True
        assert p.stderr.readline() == b"evoke: the daemon is away; reconnecting\n"
        fake.records += [record(f"while away {i}\n"), record(f"and more {i}\n")]
        fake.start()
        seen += [json.loads(p.stdout.readline()) for _ in range(2)]
        assert p.stderr.readline() == b"evoke: connected again\n"
    fake.refusal = (503, {"error": {"code": "unavailable", "message": "draining", "request_id": "r1"}})
    fake.add(record("woken\n"))
    assert p.stderr.readline() == b"evoke: the daemon is away; reconnecting\n"
    fake.refusal = None
    fake.add(record("last\n"))
    seen += [json.loads(p.stdout.readline()) for _ in range(2)]
    p.send_signal(signal.SIGINT)
    assert p.wait(10) == 130
    assert seen == fake.records and p.stdout.read() == b""


def test_a_key_that_is_withdrawn_ends_a_follower(fake):
    p = start(fake, "hello", "-f")
    p.stdout.readline()
    fake.refusal = (401, {"error": {"code": "unauthorized", "message": "there is no such key", "request_id": "r1"}})
    fake.add(record("woken\n"))
    assert p.wait(10) == 4 and b"there is no such key" in p.stderr.read()
    p.stdout.close()


def test_ctrl_c_while_the_daemon_is_away(fake):
    p = start(fake, "hello", "-f")
    p.stdout.readline()
    fake.stop()
    while b"reconnecting" not in p.stderr.readline():
        pass
    p.send_signal(signal.SIGINT)
    assert p.wait(10) == 130
    p.stdout.close()


@pytest.mark.parametrize("args,first", [([], {}), (["-f"], {"last": "10"}), (["-n", "3"], {"last": "3"}), (["-f", "--tail", "7"], {"last": "7"}),
                                        (["--since", "2026-11-22T10:00:00Z"], {"since_ms": "1795341600000"}),
                                        (["-f", "--request", "abc"], {"request": "abc"}),
                                        (["--until=2026-11-22T10:00:00Z", "--status", "timeout"],
                                         {"until_ms": "1795341600000", "status": "timeout"}),
                                        (["--grep", "a b&c", "--version", "v1"], {"grep": "a b&c", "version": "v1"})])
def test_what_is_asked(fake, args, first):
    p = start(fake, "hello", *args)
    p.stdout.readline()
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=10)
    fixed = {"function": FUNCTION, "limit": "10000", **({"wait_ms": "25000"} if "-f" in args else {})}
    assert fake.queries[0] == {**fixed, **first}


# ---- those who read slowly, or not at all ------------------------------------------------------------------


def million():
    """10^6 numbered lines in 100 records."""
    return [record("".join(f"line {n:07d}\n" for n in range(i * 10000, i * 10000 + 10000)), part=i) for i in range(100)]


def rss_bytes(pid):
    """The most it ever had; 0 when it has just ended."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        m = re.search(r"VmHWM:\s+(\d+)", f.read())
    return int(m.group(1)) * 1024 if m else 0


def wait_blocked(fake, pid):
    """Until it writes to a terminal or pipe that takes no more."""
    for _ in deadline(20):
        with open(f"/proc/{pid}/wchan", encoding="ascii") as f:
            if fake.answers and ("write" in (w := f.read()) or "n_tty" in w or "wait_woken" in w):
                return
    raise AssertionError("it never had to wait")


def test_a_slow_terminal_gets_a_million_lines_and_none_is_read_ahead():
    with FakeLogs(million()) as f, terminal(f, "hello", env={"NO_COLOR": "1"}) as t:
        wait_blocked(f, t.process.pid)
        assert f.answers <= 2  # the name, and the first megabyte of 13
        n = 0
        while (part := t.read(20, 4096)) is not None:
            assert part
            if n == 0 or len(t.raw) // 4096 % 1000 == 0:
                assert f.answers <= 2 + len(t.raw) // (800 << 10)
            n += part.count(b"\n")
        assert t.wait() == 0
        assert re.findall(rb"line (\d{7})", bytes(t.raw)) == [b"%07d" % i for i in range(10**6)]
        assert n == 10**6


def test_memory_does_not_grow_with_the_log():
    with FakeLogs(million()) as f:
        p = start(f, "hello")
        n, peak = 0, 0
        while part := p.stdout.read1(65536):
            n += part.count(b"\n")
            if n % 10 == 0:
                peak = max(peak, rss_bytes(p.pid))
        assert p.wait() == 0 and n == 10**6
        limit = 512 << 20 if "ASAN_OPTIONS" in os.environ else 40 << 20
        assert 0 < peak < limit
        p.stderr.close()


@pytest.mark.parametrize("args", [["hello"], ["hello", "-f", "--tail", "0"]], ids=["printing", "following"])
@pytest.mark.parametrize("own", [True, False], ids=["its-terminal", "a-terminal"])
def test_a_terminal_that_is_closed_ends_it(args, own):
    with FakeLogs(million() if "-f" not in args else []) as f:
        if own:
            t = terminal(f, *args)
        else:  # a terminal that is not its controlling one: no SIGHUP comes, only errors
            t = Terminal(["setsid", "--wait", EVOKE, "logs", *args], env=f.env())
        with t:
            f.wait_asked(1)
            if "-f" not in args:
                t.wait_for("line 0000100")
            t.hang_up()
            assert t.wait() in (-signal.SIGHUP, 141)
        assert f.answers < 10


def test_a_pipe_that_is_closed_ends_it_quietly():
    with FakeLogs(million()) as f:
        p = start(f, "hello")
        p.stdout.readline()
        p.stdout.close()
        assert p.wait(10) in (141, -signal.SIGPIPE) and p.stderr.read() == b""


def test_a_follower_that_nobody_hears_ends_without_another_line(fake):
    p = start(fake, "hello", "-f")
    p.stdout.readline()
    fake.wait_asked(2)  # it waits for the next record
    p.stdout.close()
    assert p.wait(10) in (141, -signal.SIGPIPE)
    p.stderr.close()


def test_a_full_disk_is_no_success(fake):
    env = {"PATH": os.environ["PATH"], **fake.env()}
    with open("/dev/full", "wb") as full:
        p = subprocess.run([EVOKE, "logs", "hello"], env=env, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert p.returncode == 70
    assert b"not all of the result could be written: No space left on device" in p.stderr


def test_ctrl_c_while_a_reader_does_not_read():
    with FakeLogs(million()) as f:
        p = start(f, "hello")
        wait_blocked(f, p.pid)
        p.send_signal(signal.SIGINT)
        assert p.wait(10) == 130
        p.stdout.close()
        p.stderr.close()


def test_many_followers_at_once_see_the_same(fake):
    followers = [start(fake, "--all", "-f", "-n", "1", "-o", "json") for _ in range(8)]
    for p in followers:
        assert json.loads(p.stdout.readline()) == RECORDS[-1]
    adder = threading.Thread(target=lambda: [fake.add(record(f"n {i}\n")) for i in range(500)])
    adder.start()
    for p in followers:
        assert [json.loads(p.stdout.readline())["text"] for _ in range(500)] == [f"n {i}\n" for i in range(500)]
        p.send_signal(signal.SIGINT)
        assert p.wait(10) == 130
        p.stdout.close()
        p.stderr.close()
    adder.join()


# ---- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("args,code,words", [
    ([], 2, "--all"),
    (["hello", "--all"], 2, "either 'hello' or --all"),
    (["hello", "other"], 2, "other"),
    (["hello", "-f", "--until", "5m"], 2, "--follow has no end"),
    (["hello", "--since", "yesterday"], 2, "'yesterday'"),
    (["hello", "--since"], 2, "--since"),
    (["hello", "--since", ""], 2, "--since"),
    (["hello", "--since", "1m", "--since", "2m"], 2, "--since"),
    (["hello", "--until", "10x"], 2, "--until is a time such as"),
    (["hello", "--status", "fine"], 2, "ok, error"),
    (["hello", "--tail", "-1"], 2, "--tail"),
    (["hello", "--tail", "10001"], 2, "10000"),
    (["hello", "--tail", "x"], 2, "--tail"),
    (["hello", "--grep", ""], 2, "--grep"),
    (["hello", "--grep", "x" * 1025], 2, "1024"),
    (["hello", "--follows"], 2, "--follow"),
    (["helo"], 3, "helo"),
    (["a/b/c"], 2, "a/b/c"),
])
def test_wrong_words_are_named(fake, args, code, words):
    done = run(fake, *args)
    assert (done.returncode, done.stdout) == (code, b"")
    assert words in done.stderr.decode() and len(done.stderr.splitlines()) <= 4


def test_a_function_that_was_deleted_still_has_logs_and_one_that_never_was_has_none(fake):
    assert b"hello" in run(fake, FUNCTION.replace("hello", "deleted")).stdout
    fake.records = []
    assert run(fake, FUNCTION).returncode == 0
    for follow in ([], ["-f"]):
        done = run(fake, FUNCTION.replace("hello", "never"), *follow)
        assert done.returncode == 3 and b"there is no function 'default/never'" in done.stderr


def test_a_flood_of_gaps_is_told_once_a_second():
    gap = {"lines": 2, "bytes": 30, "why": "the log buffer was full"}
    other = FUNCTION.replace("hello", "other")
    with FakeLogs([record(None, gap=gap, function=f) for f in [FUNCTION, other, FUNCTION] * 1000]) as f:
        lines = run(f, "--all").stderr.decode().splitlines()
    assert lines[0] == f"evoke: missing here: 2 lines, 30 bytes of {FUNCTION}: the log buffer was full"
    assert lines[1] == "evoke: missing here: 5998 lines, 89970 bytes of several functions: the log buffer was full"
    assert lines[2:] == ["evoke: 6000 lines (90000 bytes) are missing, in 3000 places"]


@pytest.mark.parametrize("status,code,words", [(400, 2, "offset 3"), (401, 4, "wrong"), (403, 4, "wrong"), (404, 3, "wrong"), (429, 5, "wrong")])
def test_what_the_daemon_refuses(fake, status, code, words):
    fake.refusal = (status, {"error": {"code": "x", "message": "wrong at offset 3", "request_id": "r1"}})
    for follow in ([], ["-f"]):
        done = run(fake, "hello", *follow)
        assert (done.returncode, done.stdout) == (code, b"") and words in done.stderr.decode()


@pytest.mark.parametrize("answer", [{}, {"records": 1, "cursor": "1"}, {"records": [], "cursor": 1}, [], {"records": [], "cursor": "1", "more": 3}])
def test_an_answer_that_is_none(fake, answer):
    fake.refusal = (200, answer)
    done = run(fake, "hello")
    assert done.returncode == 70 and b"evoke: " in done.stderr


def test_nobody_there(fake):
    fake.stop()
    for args in (["hello"], ["hello", "-f"], ["--all", "-f"]):
        assert run(fake, *args).returncode == 7
