# SPDX-License-Identifier: Apache-2.0
"""Children of the Python zygote beside a worker that was exec'ed: nobody can tell them apart, and no two
children share a secret. The worker's own tests (test_python_worker.py, test_python_together.py) run both ways.
"""

import json
import os
import subprocess
import time

import pytest

from evoked import BUILD
from workerhost import PYTHON, RUNTIME, ForkedHost, PythonHost, Zygote

pytestmark = pytest.mark.skipif(not os.path.exists(PYTHON), reason=PYTHON + " is not installed")
READ = "0 0x"  # of /proc/PID/syscall, x86-64; elsewhere the number differs


@pytest.fixture(scope="module")
def zygote():
    zygote = Zygote()
    yield zygote
    zygote.end()


def become_spare(host):
    """Until it has rehearsed: it polls first, and in the end reads."""
    host.boot()
    deadline = time.monotonic() + 20
    seen = ""
    while time.monotonic() < deadline:
        with open("/proc/%d/syscall" % host.pid) as f:
            seen = f.read()
        if seen.startswith(READ):
            return
        time.sleep(0)
    raise AssertionError("it never became a spare: " + seen)


@pytest.fixture
def start(tmp_path, zygote):
    """start(how, index.py, ASSIGN, other files): exec, fork, or spare. One code directory for all."""
    hosts = []

    def begin(how, code, assign={}, files={}):
        for name, text in {"index.py": code, **files}.items():
            path = tmp_path / "code" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        host = PythonHost(tmp_path) if how == "exec" else ForkedHost(tmp_path, zygote)
        hosts.append(host)
        if how == "spare":
            become_spare(host)
        assert host.assign(booted=how == "spare", **assign) == (0, b"{}")
        return host

    yield begin
    for host in hosts:
        host.kill()


STATE = """
import sys
before = sorted(name for name in sys.modules if "rehears" in name or "dummy" in name or "zygote" in name)

import decimal, gc, locale, logging, os, random, signal, socket, ssl, tempfile, threading, time, uuid, warnings


def handler(event, context):
    return {
        "before": before,
        "argv": sys.argv, "orig_argv": getattr(sys, "orig_argv", []), "path": sys.path,
        "main": sorted(vars(sys.modules["__main__"])),
        "flags": str(sys.flags), "environ": dict(os.environ), "cwd": os.getcwd(),
        "finders": [type(f).__name__ if not isinstance(f, type) else f.__name__ for f in sys.meta_path],
        "hooks": len(sys.path_hooks),
        "descriptors": sorted(int(n) for n in os.listdir("/proc/self/fd"))[:3],
        "open": len(os.listdir("/proc/self/fd")),
        "signals": {s: str(signal.getsignal(s)) for s in range(1, 32)},
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "handlers": [type(h).__name__ for h in logging.root.handlers], "level": logging.root.level,
        "loggers": sorted(logging.root.manager.loggerDict), "filters": [str(f) for f in warnings.filters],
        "gc": [gc.isenabled(), gc.get_threshold()], "recursion": sys.getrecursionlimit(),
        "threads": [t.name for t in threading.enumerate()], "tz": time.tzname, "locale": locale.setlocale(0),
        "is_main": threading.current_thread() is threading.main_thread(),
        "native": getattr(threading.main_thread(), "native_id", 0) == os.getpid(),
        "ident": threading.main_thread().ident == threading.get_ident(),
        "timeout": socket.getdefaulttimeout(), "decimal": str(decimal.getcontext()),
        "umask": os.umask(0o22), "streams": [str(type(f)) for f in (sys.stdout, sys.stderr, sys.stdin)],
        "fileno": sys.stdin.fileno(), "tempdir": tempfile.tempdir,
        "excepthook": sys.excepthook is sys.__excepthook__,
        "dont_write": sys.dont_write_bytecode, "switch": sys.getswitchinterval(),
        "getpid": os.getpid() == int(os.readlink("/proc/self")),
    }
"""


@pytest.mark.parametrize("how", ["fork", "spare"])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_function_sees_what_it_sees_after_exec(start, how, concurrency):
    assign = {"env": {"A": "1", "TZ": "UTC-8"}, "concurrency": concurrency}
    want = json.loads(start("exec", STATE, assign).call()[1])
    got = json.loads(start(how, STATE, assign).call()[1])
    want["orig_argv"] = [os.path.basename(a) for a in want["orig_argv"][-1:]]
    got["orig_argv"] = [os.path.basename(a) for a in got["orig_argv"][-1:]]
    want["flags"] = got["flags"] = None if want["flags"] == got["flags"] else (want["flags"], got["flags"])
    assert got == want


@pytest.mark.parametrize("how", ["fork", "spare"])
def test_the_codes_own_modules_come_before_preloaded_ones(start, how):
    host = start(how, "import email, decimal\nfrom urllib import own\n\n"
                 "def handler(e, c):\n    import json\n    return [email.A, decimal.A, own.A, json.loads('[]')]\n",
                 files={"decimal.py": "A = 1\n", "email/__init__.py": "A = 2\n", "urllib/__init__.py": "",
                        "urllib/own.py": "A = 3\n"})
    assert host.call()[1] == b"[2, 1, 3, []]"


def test_a_folder_that_is_no_package_hides_nothing(start):
    host = start("fork", "import email.message\nimport ssl\n\ndef handler(e, c):\n    return email.message.__name__\n",
                 files={"email/note.txt": "", "ssl/note.txt": ""})
    assert host.call()[1] == b"email.message"


def test_a_handler_may_have_a_preloaded_modules_name(start):
    host = start("fork", "", {"handler": "decimal.handler"}, files={
        "decimal.py": "def handler(e, c):\n    return __file__\n"})
    assert host.call()[1].decode() == str(host.root / "code" / "decimal.py")


SECRETS = """
import os, random, secrets, ssl, tempfile, uuid


def handler(event, context):
    return [random.random(), random.getrandbits(64), secrets.token_hex(8), ssl.RAND_bytes(8).hex(), str(uuid.uuid4()),
            next(tempfile._get_candidate_names()), os.urandom(8).hex()]
"""


@pytest.mark.parametrize("how", ["fork", "spare"])
def test_no_two_children_draw_the_same(start, how):
    drawn = [json.loads(start(how, SECRETS).call()[1]) for _ in range(8)]
    for of_each in zip(*drawn):
        assert len(set(of_each)) == 8


@pytest.mark.parametrize("how", ["fork", "spare"])
def test_the_peak_is_the_childs_own(start, how):
    code = "def handler(n, c):\n    b'x' * n\n"
    first = start(how, code)
    assert first.call(b"100000000")[2]["peak_bytes"] > 100000000
    second = start(how, code)
    with open("/proc/%d/status" % second.pid) as f:
        high = int(f.read().split("VmHWM:")[1].split()[0]) * 1024
    peak = second.call(b"1")[2]["peak_bytes"]
    assert abs(high - peak) < 1 << 20 and peak < 50000000  # the kernel counts pages in batches


def faults_of(pid):
    with open("/proc/%d/stat" % pid) as f:
        return int(f.read().rpartition(")")[2].split()[7])


def test_a_spare_is_warm_before_it_is_needed(tmp_path, zygote):
    """Its assignment and first run touch fewer new pages than those that of one forked on demand."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "index.py").write_text(
        "import json\n\ndef handler(e, c):\n    print('x')\n    return json.dumps(e)\n")

    def faults(prepare):
        host = ForkedHost(tmp_path, zygote)
        try:
            prepare(host)
            before = faults_of(host.pid)
            host.assign(booted=True)
            host.call()
            return faults_of(host.pid) - before
        finally:
            host.kill()

    assert faults(become_spare) < faults(ForkedHost.boot)


def test_the_end_of_the_launcher_ends_the_zygote_and_not_its_children(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "index.py").write_text("def handler(e, c):\n    return e\n")
    zygote = Zygote()
    host = ForkedHost(tmp_path, zygote)
    assert host.assign() == (0, b"{}")
    zygote.end()
    assert host.call(b"5")[:2] == (0, b"5")
    host.sock.close()
    assert host.stdout.read() == b"" and host.stderr.read() == b""
    host.stdout.close()
    host.stderr.close()


def run_alone(directory):
    return subprocess.run(["bash", "-c", "exec 3<&- 4<&- %s -E -s -u -B '%s'" % (PYTHON, directory / "zygote.py")],
                          capture_output=True, timeout=20)


def test_without_the_extension_it_says_so_once_and_is_not_to_be_tried_again():
    ended = run_alone(RUNTIME)
    assert ended.returncode == 69 and ended.stdout == b""
    assert ended.stderr.startswith(b"evoke zygote: ") and ended.stderr.count(b"\n") == 1


def test_without_a_launcher_it_ends_with_a_sentence():
    ended = run_alone(BUILD / "runtimes" / "python")
    assert ended.returncode == 70 and ended.stdout == b""
    assert ended.stderr.startswith(b"evoke worker: OSError: ") and ended.stderr.count(b"\n") == 1


def test_the_extension_refuses_to_be_called_out_of_order():
    script = ("import sys\nsys.path.insert(0, sys.argv[1])\nfrom _evoke import _zygote\n"
              "for f in (_zygote.ready, _zygote.wait, _zygote.fork):\n"
              "    try:\n        f()\n        print('called')\n"
              "    except RuntimeError as e:\n        print(e)\n")
    done = subprocess.run([PYTHON, "-B", "-c", script, BUILD / "runtimes" / "python"], capture_output=True, timeout=20)
    assert done.stdout == b"open() comes first\n" * 3, done.stderr
