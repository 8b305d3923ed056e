# SPDX-License-Identifier: Apache-2.0
"""What function code can and cannot reach, seen from inside, as root daemon and as an ordinary user's."""
import json
import socket

import pytest

from signing import Client

PROBE = '''
import ctypes, errno, os, socket, json

def attempt(f):
    try:
        return ["done", str(f())[:100]]
    except OSError as e:
        return [errno.errorcode.get(e.errno, str(e.errno)), ""]
    except Exception as e:
        return [type(e).__name__, str(e)[:100]]

libc = ctypes.CDLL(None, use_errno=True)

def call(number, *args):
    r = libc.syscall(number, *args)
    if r < 0:
        raise OSError(ctypes.get_errno(), "")
    return r

def connect(address):
    with socket.socket() as s:
        s.settimeout(2)
        s.connect(address)
        return "connected"

def status(name):
    return [l.split(":")[1].strip() for l in open("/proc/self/status") if l.startswith(name + ":")][0]

def handler(event, context):
    look = {
        "shadow": lambda: open("/etc/shadow").read(),
        "host root": lambda: os.listdir("/proc/1/root"),
        "data directory": lambda: os.listdir(event["data"]),
        "keys": lambda: open(event["data"] + "/keys.json").read(),
        "write code": lambda: open("/opt/function/code/x", "w"),
        "write usr": lambda: open("/usr/x", "w"),
        "write root": lambda: open("/x", "w"),
        "write runtime": lambda: open("/rt/python/x", "w"),
        "write tmp": lambda: open("/tmp/x", "w").write("y"),
        "host port": lambda: connect(("127.0.0.1", event["port"])),
        "other address": lambda: connect(("192.0.2.1", 80)),
        "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
        "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "vsock": lambda: socket.socket(40, socket.SOCK_STREAM),
        "mount": lambda: call(165, b"none", b"/tmp", b"tmpfs", 0, None),
        "unshare user": lambda: call(272, 0x10000000),
        "ptrace": lambda: call(101, 16, 1, 0, 0),
        "bpf": lambda: call(321, 0, 0, 0),
        "io_uring": lambda: call(425, 8, 0),
        "keyctl": lambda: call(250, 0, 0),
        "setuid": lambda: os.setuid(0),
        "chroot": lambda: os.chroot("/tmp"),
        "kill 1": lambda: os.kill(1, 9),
        "mknod": lambda: os.mknod("/tmp/dev", 0o600 | 0o020000, 0x101),
        "core pattern": lambda: open("/proc/sys/kernel/core_pattern", "w"),
        "sethostname": lambda: call(170, b"x", 1),
    }
    return {
        "tried": {name: attempt(f) for name, f in look.items()},
        "uid": os.getuid(), "caps": [status(c) for c in ("CapPrm", "CapEff", "CapBnd", "CapAmb")],
        "nnp": status("NoNewPrivs"), "seccomp": status("Seccomp"),
        "fds": sorted(int(f) for f in os.listdir("/proc/self/fd")),
        "pids": sorted(int(p) for p in os.listdir("/proc") if p.isdigit()),
        "interfaces": [i[1] for i in socket.if_nameindex()],
        "environ": sorted(os.environ), "cwd": os.getcwd(),
    }
'''


@pytest.fixture(scope="module", params=["root", "user"])
def seen(request):
    """One probe run per mode."""
    from evoked import Evoked
    e = Evoked(unprivileged=request.param == "user").start()
    host = socket.socket()
    host.bind(("127.0.0.1", 0))
    host.listen()
    try:
        client = Client(e)
        assert client.create("probe", PROBE).status_code == 200
        event = {"data": str(e.data_dir), "port": host.getsockname()[1]}
        r = client.invoke("probe", json.dumps(event).encode())
        assert r.headers["X-Is-Func-Err"] == "false", r.text
        yield request.param, r.json()
        e.stop()
        e.check_log()
    finally:
        host.close()
        if e.process.poll() is None:
            e.kill()
        e.cleanup()


@pytest.mark.parametrize("what", [
    "shadow", "host root", "data directory", "keys", "write code", "write usr", "write root", "write runtime",
    "host port", "other address", "raw socket", "packet socket", "vsock", "mount", "unshare user", "ptrace", "bpf",
    "io_uring", "keyctl", "setuid", "chroot", "kill 1", "mknod", "core pattern", "sethostname"])
def test_a_function_cannot(seen, what):
    how, detail = seen[1]["tried"][what]
    assert how != "done", f"{what}: {detail}"


def test_only_tmp_may_be_written(seen):
    assert seen[1]["tried"]["write tmp"][0] == "done"


def test_it_is_nobody_in_particular(seen):
    got = seen[1]
    assert got["uid"] != 0
    assert {int(c, 16) for c in got["caps"]} == {0}
    assert got["nnp"] == "1" and got["seccomp"] == "2"


def test_it_sees_only_itself(seen):
    got = seen[1]
    assert got["interfaces"] == ["lo"]
    assert len(got["pids"]) <= 2
    assert len(got["fds"]) <= 5, got["fds"]  # 0-2, the channel, and the directory being listed


def test_its_environment_is_built_from_nothing(seen):
    names = seen[1]["environ"]
    assert not [n for n in names if "EVOKE" in n or "SECRET" in n and not n.startswith("RUNTIME_")], names
    assert seen[1]["cwd"] == "/opt/function"


STREAMS = '''
import ctypes, os, resource

def lower(limit, mask=0):
    one = (ctypes.c_ulong * 2)(0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    return [libc.syscall(n, *a) for n, a in ((160, (limit | mask, one)), (302, (0, limit | mask, one, None)))]

def handler(event, context):
    with open("/dev/stdout", "w") as f:
        f.write("by name\\n")
    return {"shell": os.system("echo from a shell > /dev/stderr"), "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
            "lowered": lower(resource.RLIMIT_CORE) + lower(resource.RLIMIT_CORE, 1 << 32), "other": lower(resource.RLIMIT_NICE),
            "still": resource.getrlimit(resource.RLIMIT_CORE)[1], "ssl": sorted(os.listdir("/etc/ssl"))}
'''


def test_output_can_be_written_by_its_name_and_no_core_handler_is_run(evoke_mode):
    client = Client(evoke_mode)
    client.create("streams", STREAMS)
    r = client.invoke("streams", b"{}")
    # 1: the only limit that a core_pattern with a pipe respects (core(5) does not say so, fs/coredump.c does)
    assert r.json() == {"shell": 0, "core": 1, "lowered": [-1] * 4, "other": [0, 0], "still": 1,
                        "ssl": [n for n in r.json()["ssl"] if n in ("certs", "openssl.cnf")]}, r.text


HOG = "def handler(event, context):\n    b = bytearray(event['mb'] << 20)\n    b[::4096] = b'x' * len(b[::4096])\n    return len(b)\n"


def test_the_memory_limit_ends_only_the_hog_and_is_told(evoke_mode):
    client = Client(evoke_mode)
    client.create("hog", HOG)
    client.create("calm", "def handler(event, context):\n    return 'calm'\n")
    assert client.invoke("calm").content == b"calm"
    assert client.invoke("hog", b'{"mb": 16}').status_code == 200
    r = client.invoke("hog", b'{"mb": 1000}')
    assert r.headers["X-Is-Func-Err"] == "true", r.text
    message = r.json()["errorMessage"] + r.json()["errorType"]
    assert "memory" in message.lower(), message
    assert client.invoke("calm").content == b"calm"


BOMB = """
import os
def handler(event, context):
    n = 0
    try:
        while n < 3000:
            if os.fork() == 0:
                os.setsid()
                import signal
                signal.pause()
                os._exit(0)
            n += 1
    except OSError as e:
        return [n, e.strerror]
    return [n, "never stopped"]
"""


def test_a_fork_bomb_is_stopped_and_everything_it_left_is_gone(evoke_mode):
    from evoked import children_of, deadline
    client = Client(evoke_mode)
    client.create("bomb", BOMB, memory_size=10240)
    r = client.invoke("bomb")
    assert r.status_code == 200 and r.json()[1] != "never stopped", r.text
    client.delete("bomb")
    for _ in deadline(20):
        if not [n for n in children_of(evoke_mode.pids()["launcher"]).values() if n.startswith("python")]:
            return
    raise AssertionError("children of the function are still alive after it was deleted")


def test_tmp_has_its_documented_size(evoke_mode):
    client = Client(evoke_mode)
    client.create("fill", "import os\ndef handler(event, context):\n    s = os.statvfs('/tmp')\n"
                          "    return s.f_blocks * s.f_frsize // (1 << 20)\n")
    assert client.invoke("fill").json() == 512


def test_the_start_up_notice_says_what_is_in_force(evoke_mode):
    text = evoke_mode.wait_log(r'component=sandbox msg="([a-z-]+) mode: memory ([^;]+);').group(0)
    assert ("root mode" in text) == (not evoke_mode.unprivileged)
    if evoke_mode.unprivileged:
        assert "per process only" in text
