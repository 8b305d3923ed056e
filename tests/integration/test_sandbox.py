# SPDX-License-Identifier: Apache-2.0
"""What an instance offers besides its walls (test_escape.py), as root daemon and as an ordinary user's."""
from signing import Client

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
    from evoked import deadline, in_instances
    client = Client(evoke_mode)
    evoke_mode.allow("is not reported as ended, waiting on")  # a busy machine takes its time to kill a thousand
    client.create("bomb", BOMB, memory_size=10240, timeout=60)
    r = client.invoke("bomb")
    assert r.status_code == 200 and r.json()[1] != "never stopped", r.text
    client.delete("bomb")
    for _ in deadline(60):
        if not in_instances(evoke_mode.pids()["launcher"]):
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
