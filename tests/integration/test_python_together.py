# SPDX-License-Identifier: Apache-2.0
"""The Python worker with several runs at once, its hooks and its credentials. No daemon."""

import json
import os
import re

import pytest

from workerhost import CREDIT, DATA, END, OPEN, PYTHON, RESET, WINDOW, Gone, PythonHost, Zygote, worker_host

# slow: no C of ours is in them, so the sanitizers see nothing
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not os.path.exists(PYTHON), reason=PYTHON + " is not installed")]

ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture(scope="module")
def zygote():
    zygote = Zygote()
    yield zygote
    zygote.end()


@pytest.fixture(params=["exec", "fork"])
def start(tmp_path, request):
    hosts = []

    def begin(code, dialect="functiongraph", **assign):
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / "index.py").write_text(code)
        host = worker_host(tmp_path, request)
        hosts.append(host)
        assert host.assign(dialect, **assign) == (0, b"{}")
        return host

    yield begin
    for host in hosts:
        host.kill()


# --- several at once ---


def test_all_answers_arrive_each_on_its_stream(start):
    host = start(ECHO, concurrency=100)
    for _ in range(10):
        sent = {host.begin(b"%d" % i): b"%d" % i for i in range(100)}
        assert {s: body for s, _, body in host.answers(100)} == sent


def test_one_at_a_time_works_as_before(start):
    host = start(ECHO, concurrency=10)
    for i in range(100):
        assert host.call(b"%d" % i)[:2] == (0, b"%d" % i)


def test_runs_wait_for_each_other(start):
    """Ten runs that meet: none of them ends before all of them run."""
    host = start("import threading\n\nmeet = threading.Barrier(10)\n\n"
                 "def handler(event, context):\n    meet.wait(10)\n    return event\n", concurrency=10)
    for _ in range(3):
        for i in range(10):
            host.begin(b"%d" % i)
        assert sorted(int(body) for _, flags, body in host.answers(10)) == list(range(10))


def test_a_run_that_hangs_holds_up_nobody(start):
    host = start("import threading\n\ngo = threading.Event()\n\n"
                 "def handler(event, context):\n"
                 "    if event == 'hang':\n        go.wait(20)\n"
                 "    if event == 'go':\n        go.set()\n    return event\n", concurrency=10)
    hanging = host.begin(b'"hang"')
    for _ in range(20):
        others = [host.begin(b"%d" % i) for i in range(9)]
        assert sorted(s for s, _, _ in host.answers(9)) == others
    last = host.begin(b'"go"')
    assert sorted(s for s, _, _ in host.answers(2)) == [hanging, last]


def test_the_answer_before_a_run_that_hangs_is_not_kept_back(start):
    """Both events are in one read, so one thread takes both."""
    host = start("import threading\n\ngo = threading.Event()\n\n"
                 "def handler(event, context):\n"
                 "    if event == 1:\n        go.wait(20)\n    if event == 2:\n        go.set()\n"
                 "    if event == 3:\n        go.clear()\n    return event\n", concurrency=3)
    for _ in range(20):
        first, second = host.begin(b"0"), host.begin(b"1")
        assert host.answers(1) == [(first, 0, b"0")]
        third = host.begin(b"2")
        assert sorted(s for s, _, _ in host.answers(2)) == [second, third]
        host.call(b"3")


def test_a_busy_run_does_not_stop_the_others(start):
    host = start("import threading\n\nstop = threading.Event()\n\n"
                 "def handler(event, context):\n"
                 "    if event == 'busy':\n        while not stop.is_set():\n            pass\n"
                 "    if event == 'stop':\n        stop.set()\n    return event\n", concurrency=3)
    busy = host.begin(b'"busy"')
    other = host.begin(b"1")
    assert host.answers(1) == [(other, 0, b"1")]
    last = host.begin(b'"stop"')
    assert sorted(s for s, _, _ in host.answers(2)) == [busy, last]


@pytest.mark.parametrize("concurrency, fits", [(2, 2), (1000, 1000)])
def test_the_limit_of_streams_is_kept_by_the_host(start, concurrency, fits):
    host = start("import time\n\ndef handler(event, context):\n    time.sleep(30)\n",
                 concurrency=concurrency)
    for _ in range(fits):
        host.begin()
    host.begin()
    with pytest.raises(Gone):
        host.answers(1)


@pytest.mark.parametrize("concurrency", [0, 1001, "2"])
def test_a_concurrency_out_of_bounds_is_a_broken_host(tmp_path, concurrency):
    host = PythonHost(tmp_path)
    with pytest.raises(Gone):
        host.assign(concurrency=concurrency)
    assert host.end()[0] == 70


def test_output_stays_with_its_run(start):
    host = start("import asyncio, logging, sys, threading\n\nmeet = threading.Barrier(10)\n"
                 "kept = logging.StreamHandler(sys.stdout)\nnamed = logging.getLogger('named')\n"
                 "named.addHandler(kept)\nnamed.propagate = False\n\n"
                 "async def task(n):\n    await asyncio.sleep(0)\n    print('task', n)\n"
                 "    to_thread = getattr(asyncio, 'to_thread', None)\n"
                 "    if to_thread:\n        await to_thread(print, 'to_thread', n)\n"
                 "    else:\n        print('to_thread', n)\n\n"
                 "async def both(n):\n    await asyncio.gather(task(n), task(n))\n\n"
                 "def handler(n, context):\n"
                 "    sys.stdout.write('half %d ' % n)\n    meet.wait(10)\n    print('line', n)\n"
                 "    sys.stderr.write('err %d\\n' % n)\n    sys.stdout.buffer.write(b'raw %d\\n' % n)\n"
                 "    sys.stdout.flush()\n    logging.info('log %d', n)\n    named.warning('kept %d', n)\n"
                 "    t = threading.Thread(target=print, args=('thread', n))\n    t.start()\n    t.join()\n"
                 "    asyncio.run(both(n))\n    meet.wait(10)\n", concurrency=10)
    for _ in range(3):
        streams = {host.begin(b"%d" % i): i for i in range(10)}
        assert all(flags == 0 for _, flags, _ in host.answers(10))
        for stream, n in streams.items():
            lines = host.log(stream).splitlines()
            logged = [line for line in lines if "[INFO]" in line]
            assert re.fullmatch(r"[0-9T:.-]+Z r-%d \[INFO\] log %d" % (stream, n), logged[0])
            lines.remove(logged[0])
            assert sorted(lines) == sorted(
                ["half %d line %d" % (n, n), "err %d" % n, "raw %d" % n, "kept %d" % n,
                 "thread %d" % n] + 2 * ["task %d" % n, "to_thread %d" % n])


def test_work_of_an_executor_belongs_to_the_run_that_gave_it(start):
    host = start("import concurrent.futures\n\npool = concurrent.futures.ThreadPoolExecutor(2)\n\n"
                 "def work(n, *, word):\n    print(word, n)\n    return n\n\n"
                 "def handler(n, context):\n"
                 "    return [f.result() for f in [pool.submit(work, n, word='w') for _ in range(4)]] + \\\n"
                 "        list(pool.map(abs, [-n]))\n", concurrency=10)
    for _ in range(3):
        streams = {host.begin(b"%d" % i): i for i in range(10)}
        for stream, flags, body in host.answers(10):
            assert (flags, json.loads(body)) == (0, [streams[stream]] * 5)
            assert host.log(stream) == "w %d\n" % streams[stream] * 4


def test_what_nobody_runs_says_goes_to_the_instance(start):
    """A thread that outlives its run, and one that Python does not let us follow."""
    host = start("import _thread, threading\n\ngo, done = threading.Event(), threading.Semaphore(0)\n\n"
                 "def late(name):\n    go.wait(10)\n    print(name)\n    done.release()\n\n"
                 "def handler(n, context):\n"
                 "    if n == 0:\n        threading.Thread(target=late, args=('outlived',)).start()\n"
                 "        _thread.start_new_thread(late, ('raw',))\n"
                 "    else:\n        go.set()\n        done.acquire()\n        done.acquire()\n",
                 concurrency=2)
    host.call(b"0")
    host.call(b"1")
    assert (host.log(1), host.log(2)) == ("", "")
    assert sorted(host.end()[1].split()) == [b"outlived", b"raw"]


def test_contextvars_are_of_the_run_and_start_as_loading_left_them(start):
    host = start("import contextvars\n\nv = contextvars.ContextVar('v')\nv.set('loaded')\n\n"
                 "def handler(n, context):\n    seen = v.get()\n    v.set(n)\n    return seen\n",
                 concurrency=2)
    for n in range(5):
        assert host.call(b"%d" % n)[1] == b"loaded"


def test_streams_look_like_text_files(start):
    host = start("import io, sys\n\ndef handler(e, c):\n    return [isinstance(sys.stdout, io.TextIOWrapper),\n"
                 "        sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.encoding, sys.stdout.isatty()]\n",
                 concurrency=2)
    assert json.loads(host.call()[1]) == [True, 1, 2, "utf-8", False]


def test_no_handler_runs_in_the_main_thread(start):
    host = start("import threading\n\ndef handler(e, c):\n"
                 "    return threading.current_thread() is threading.main_thread()\n", concurrency=2)
    assert {host.call()[1] for _ in range(20)} == {b"false"}


def test_large_events_and_answers_flow_by_credit_side_by_side(start):
    host = start("def handler(event, c):\n    return event[::-1]\n", "fc", concurrency=4)
    event = os.urandom(1024) * 700
    streams = [host.open() for _ in range(4)]
    granted = dict.fromkeys(streams, WINDOW)
    for at in range(0, len(event), 65536):
        piece = event[at:at + 65536]
        for stream in streams:
            while granted[stream] < len(piece):
                kind, _, on, payload = host.take()
                assert kind == CREDIT
                granted[on] += int.from_bytes(payload, "big")
            host.put(DATA, stream, piece)
            granted[stream] -= len(piece)
    for stream in streams:
        host.put(END, stream)
    bodies, ended = dict.fromkeys(streams, b""), 0
    while ended < 4:
        kind, flags, stream, payload = host.take()
        if kind == DATA:
            bodies[stream] += payload
            host.put(CREDIT, stream, len(payload).to_bytes(4, "big"))
        ended += kind == END
    assert all(body == event[::-1] for body in bodies.values())


def test_an_answer_waits_for_credit_and_others_do_not_wait_for_it(start):
    host = start("def handler(n, c):\n    return 'x' * n\n", concurrency=2)
    slow = host.begin(b"%d" % (WINDOW + 1))
    received = 0
    while received < WINDOW // 65536 * 65536:
        kind, _, stream, payload = host.take()
        assert (kind, stream) == (DATA, slow)
        received += len(payload)
    assert host.answers(0) == []
    other = host.begin(b"5")
    assert host.answers(1) == [(other, 0, b"xxxxx")]
    host.put(CREDIT, slow, (10).to_bytes(4, "big"))
    assert host.answers(1) == [(slow, 0, b"x")]


def test_a_reset_run_runs_on_and_its_answer_is_dropped(start):
    host = start("import threading\n\ngo, kept = threading.Event(), []\n\n"
                 "def handler(n, c):\n    if n == 1:\n        print('it runs')\n        go.wait(20)\n"
                 "        kept.append('ran on')\n        return 'x' * 10000000\n"
                 "    if n == 2:\n        go.set()\n    return kept\n",
                 concurrency=2, answer_max=1 << 24)
    hanging = host.begin(b"1")
    assert host.log_line() == b"it runs\n"
    host.put(RESET, hanging)
    waking = host.begin(b"2")
    ended = {stream: body for stream, _, body in host.answers(2)}
    assert ended[hanging] == b"" and waking in ended
    assert host.call(b"3")[1] == b'["ran on"]'


def test_a_reset_while_the_answer_waits_for_credit_frees_the_run(start):
    host = start("def handler(n, c):\n    return 'x' * n\n", concurrency=1 + 1)
    for _ in range(5):
        stream = host.begin(b"%d" % (WINDOW * 2))
        for _ in range(WINDOW // 65536):
            assert host.take()[0] == DATA
        host.put(RESET, stream)
        assert host.answers(1) == [(stream, 0, b"")]
    assert [body for _, _, body in (host.begin(b"1"), host.answers(1))[1]] == [b"x"]


def test_a_reset_before_the_event_is_whole_means_it_never_runs(start):
    host = start("n = 0\n\ndef handler(e, c):\n    global n\n    n += 1\n    return n\n", concurrency=2)
    for _ in range(10):
        stream = host.open()
        host.put(DATA, stream, b"1")
        host.put(RESET, stream)
        host.put(END, stream)
    assert host.call()[1] == b"1"


def test_errors_are_of_their_run(start):
    host = start("def handler(n, c):\n    raise ValueError('no %d' % n)\n", concurrency=10)
    streams = {host.begin(b"%d" % i): i for i in range(10)}
    for stream, flags, body in host.answers(10):
        assert flags == 1 and json.loads(body)["errorMessage"] == "no %d" % streams[stream]
        assert "no %d" % streams[stream] in host.log(stream)


def test_sys_exit_ends_the_process(start):
    host = start("import sys\n\ndef handler(n, c):\n    print('bye')\n    sys.exit(n)\n", concurrency=10)
    host.begin(b"3")
    with pytest.raises(Gone):
        host.answers(1)
    assert host.log(1) == "bye\n" and host.end()[0] == 3


def test_a_forked_child_ends_by_itself(start):
    host = start("import os\n\ndef handler(e, c):\n    pid = os.fork()\n"
                 "    if pid == 0:\n        print('child')\n        return 'child'\n"
                 "    return os.waitpid(pid, 0)[1]\n", concurrency=3)
    for _ in range(5):
        streams = [host.begin() for _ in range(3)]
        assert sorted(host.answers(3)) == [(s, 0, b"0") for s in streams]
    assert host.end()[1] == b"child\n" * 15


@pytest.mark.parametrize("kind, payload", [(OPEN, b'{"request_id":"r","timeout_ms":1}'), (99, b""),
                                           (DATA, b"more"), (CREDIT, b"123"), (END, b"")])
def test_a_broken_host_ends_the_worker(start, kind, payload):
    host = start("import time\n\ndef handler(e, c):\n    time.sleep(30)\n", concurrency=3)
    host.put(kind, host.begin(), payload)
    with pytest.raises(Gone):
        host.answers(1)
    code, _, err = host.end()
    assert code == 70 and err.startswith(b"evoke worker: ") and err.count(b"\n") == 1


def test_a_closed_socket_is_a_quiet_end(start):
    host = start(ECHO, concurrency=5)
    host.call(b"1")
    assert host.end() == (0, b"", b"")


# --- hooks ---

HOOKS = ("seen = []\n\ndef stop(context):\n    print('stopping')\n    seen.append('stop')\n\n"
         "def freeze(context):\n    seen.append('freeze')\n    return 'ignored'\n\n"
         "def bad(context):\n    raise ValueError('not now')\n\n"
         "def handler(event, context):\n    return seen\n")


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("dialect", ["functiongraph", "fc"])
def test_hooks_run_with_a_context_and_no_event(start, dialect, concurrency):
    host = start(HOOKS, dialect, pre_stop="index.stop", pre_freeze="index.freeze",
                 concurrency=concurrency)
    assert host.call(b"", hook="pre_freeze")[:2] == (0, b"")
    assert host.call(b"", hook="pre_stop")[:2] == (0, b"")
    assert host.log() == "stopping\n"
    assert host.call()[1] == b'["freeze", "stop"]'


def test_the_context_of_a_hook_is_the_dialects(start):
    host = start("def stop(c):\n    print(c.getRequestID(), c.getRemainingTimeInMilliSeconds() > 0)\n\n"
                 "def handler(e, c):\n    pass\n", pre_stop="index.stop")
    host.call(b"", hook="pre_stop")
    assert host.log() == "r-1 True\n"


@pytest.mark.parametrize("hook, kind", [("index.bad", "ValueError"), ("index.absent", "HandlerNotFound"),
                                        ("absent.stop", "ImportModuleError")])
def test_a_failing_hook_is_logged_and_the_instance_lives(start, hook, kind):
    host = start(HOOKS, pre_stop=hook)
    flags, body, _ = host.call(b"", hook="pre_stop")
    assert flags == 1 and json.loads(body)["errorType"] == kind
    assert kind + ": " in host.log()
    assert host.call()[:2] == (0, b"[]")


def test_a_hook_that_was_never_named_does_nothing(start):
    host = start(HOOKS)
    assert host.call(b"", hook="pre_stop")[:2] == (0, b"")


# --- credentials ---

ROLE = {"access_key": "ak", "secret_key": "sk", "security_token": "st"}


def test_the_initializer_has_credentials(start):
    host = start("def init(c):\n    global seen\n    seen = [c.getSecurityAccessKey(), c.getSecuritySecretKey(),\n"
                 "        c.getSecurityToken(), c.getAccessKey(), c.getSecretKey()]\n\n"
                 "def handler(e, c):\n    return seen\n", initializer="index.init", credentials=ROLE)
    assert json.loads(host.call()[1]) == ["ak", "sk", "st", "ak", "sk"]


@pytest.mark.parametrize("concurrency", [1, 2])
def test_fc_credentials_are_in_the_environment_from_the_first_line_and_renewed(start, concurrency):
    host = start("import os\n\nfirst = os.environ['ALIBABA_CLOUD_ACCESS_KEY_ID']\n\n"
                 "def handler(e, c):\n    return [first, os.environ['ALIBABA_CLOUD_ACCESS_KEY_ID'],\n"
                 "        os.environ['ALIBABA_CLOUD_ACCESS_KEY_SECRET'], os.environ['securityToken'],\n"
                 "        c.credentials.access_key_id]\n", "fc", credentials=ROLE, concurrency=concurrency)
    assert json.loads(host.call(credentials=ROLE)[1]) == ["ak", "ak", "sk", "st", "ak"]
    newer = {"access_key": "ak2", "secret_key": "sk2", "security_token": "st2"}
    assert json.loads(host.call(credentials=newer)[1]) == ["ak", "ak2", "sk2", "st2", "ak2"]
