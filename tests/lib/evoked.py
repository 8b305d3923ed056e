# SPDX-License-Identifier: Apache-2.0
"""A private daemon for one test: own data directory, own port, checked for leaks when it ends.

Start waits for the keeper's READY line and end waits for processes, so nothing here sleeps.
"""
import atexit
import functools
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

import requests

import ledger

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("EVOKE_BUILD", ROOT / "build"))

# Descriptors of one instance: channel, output, memory peak, freezer, endpoint (src/launcher/proto.h); not all are always there.
PER_INSTANCE = 5
READY = re.compile(r"ready: (http://\S+), data in")


def deadline(seconds):
    """Generator that yields while there is time; the caller returns when it has what it wants."""
    end = time.monotonic() + seconds * float(os.environ.get("EVOKE_TEST_PATIENCE", "1"))
    while time.monotonic() < end:
        yield end - time.monotonic()


def children_of(pid):
    """All living descendants, as {pid: command name}."""
    parents, names = {}, {}
    for d in os.listdir("/proc"):
        if not d.isdigit():
            continue
        try:
            text = pathlib.Path(f"/proc/{d}/stat").read_text()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
        if rest[0] != "Z":
            parents[int(d)], names[int(d)] = int(rest[1]), name
    found, grew = {pid}, True
    while grew:
        more = {p for p, pp in parents.items() if pp in found and p not in found}
        grew = bool(more)
        found |= more
    return {p: names[p] for p in found if p != pid and p in names}


def in_instances(pid):
    """Those of them that see the code of a function: not the launcher's zygotes, spares and empty slots."""
    def has_code(p):
        try:
            return "cache/code" in pathlib.Path(f"/proc/{p}/mountinfo").read_text()
        except OSError:
            return False
    return {p: n for p, n in children_of(pid).items() if has_code(p)}


@functools.cache
def copy_for_everybody():
    """The program and its runtimes where every user can walk; a build tree in /root is not such a place."""
    copy = pathlib.Path(tempfile.mkdtemp(prefix="evoke-program-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    for name in ("evoke", "evoke-launcher"):
        shutil.copy(BUILD / name, copy / name)
    shutil.copytree(BUILD / "runtimes", copy / "runtimes")
    return copy


# /dev/net/tun may be opened by everybody on most hosts, by root only on some: an ordinary user's daemon gets a view of /dev/net
# where it may, so that it can give egress everywhere.
AS_NOBODY = ("mount -t tmpfs -o mode=755 tun /dev/net && mknod -m 666 /dev/net/tun c 10 200; "
             'exec setpriv --reuid 65534 --regid 65534 --clear-groups -- "$0" "$@"')


def as_nobody(argv):
    return ["unshare", "--mount", "--propagation", "slave", "sh", "-c", AS_NOBODY, *argv]


class Evoked:
    """One running `evoke serve`. unprivileged: run it as an ordinary user (needs root to arrange). clock: a Clock (clock.py) that
    its events and timers live by."""

    ACCESS_KEY, SECRET_KEY = "AKTEST0000000000", "sk-test-4f6b2a"

    def __init__(self, *options, unprivileged=False, data_dir=None, env=None, program=None, clock=None):
        self.unprivileged = unprivileged and os.geteuid() == 0
        walkable = all(p.stat().st_mode & 0o001 for p in BUILD.resolve().parents)
        self.program = program or (BUILD if walkable or not self.unprivileged else copy_for_everybody()) / "evoke"
        self.own_data = data_dir is None
        self.data_dir = pathlib.Path(data_dir or tempfile.mkdtemp(prefix="evoke-test-"))
        self.data_dir.chmod(0o755)
        self.options = options
        self.extra_env = {**({"EVOKE_CLOCK": str(clock.path)} if clock else {}), **(env or {})}
        self.log_path = self.data_dir.parent / (self.data_dir.name + ".log")
        self.allowed = []
        self.damaged = False
        self.process = None
        if self.unprivileged:
            os.chown(self.data_dir, 65534, 65534)

    # -- life ------------------------------------------------------------------------------------

    def start(self):
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "EVOKE_ACCESS_KEY": self.ACCESS_KEY,
               "EVOKE_SECRET_KEY": self.SECRET_KEY, **self.extra_env}
        env = {k: v for k, v in env.items() if v is not None}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        argv = [str(self.program), "serve", "--data", str(self.data_dir), "--listen", "127.0.0.1:0",
                *self.options]
        read_end, write_end = os.pipe()
        self.process = subprocess.Popen(as_nobody(argv) if self.unprivileged else argv, stdin=subprocess.DEVNULL, stdout=write_end,
                                        stderr=write_end, env=env, cwd="/")
        os.close(write_end)
        self.pipe = read_end
        self.log = b""
        self.url = self._wait_for(READY, 30).group(1)
        self.host, self.port = self.url.removeprefix("http://").rsplit(":", 1)
        self.port = int(self.port)
        self._wait_for_launcher()
        self.base = self.descriptors()
        return self

    def _wait_for_launcher(self):
        """READY is said when the daemon answers; its launcher, one more descriptor, may come later on a busy machine."""
        for _ in deadline(10):
            reasons = requests.get(self.url + "/readyz", headers={"Connection": "close"}, timeout=10).json()["reasons"]
            if not any(r["component"] == "launcher" for r in reasons) and self.connections() == 0:
                return

    def read_log(self, timeout=0):
        """Take what the processes have written; False at end of file."""
        while select.select([self.pipe], [], [], timeout)[0]:
            part = os.read(self.pipe, 65536)
            if not part:
                return False
            self.log += part
            timeout = 0
        return True

    def log_text(self):
        self.read_log()
        return self.log.decode("utf-8", "replace")

    def _wait_for(self, pattern, seconds, start=0):
        for left in deadline(seconds):
            m = re.compile(pattern).search(self.log.decode("utf-8", "replace"), start)
            if m:
                return m
            if not self.read_log(min(left, 1)):
                break
        raise AssertionError(f"no line like {pattern!r} in the log:\n{self.log_text()}")

    def wait_log(self, pattern, seconds=20, start=0):
        return self._wait_for(pattern, seconds, start)

    def pids(self):
        """{name: pid} of our own processes: keeper, launcher (the outer one), daemon."""
        kids = children_of(self.process.pid)
        mine = {"keeper": self.process.pid}
        for pid, name in sorted(kids.items()):
            if name.startswith("evoke-daemon") or name == "evoke":
                mine.setdefault("daemon", pid)
            elif name.startswith("evoke-launch"):
                mine.setdefault("launcher", pid)
        return mine

    def descriptors(self):
        """Without the open segments of functions' logs: few, and closed after seconds (src/observe/logs/hot.c).

        Only root may look: the daemon is not dumpable, so its /proc directory is not its user's."""
        if os.geteuid() != 0:
            return 0
        where, n = f"/proc/{self.pids()['daemon']}/fd", 0
        for fd in os.listdir(where):
            try:
                n += not re.search(r"/logs/[^/]+/[^/]+$", os.readlink(f"{where}/{fd}"))
            except FileNotFoundError:
                pass  # closed since
        return n

    def allow(self, *patterns):
        """Log lines of level err or warn that this test provokes on purpose."""
        self.allowed += [re.compile(p) for p in patterns]

    def stop(self, expect_code=0):
        before = {self.process.pid: "evoke", **children_of(self.process.pid)}
        self.process.send_signal(signal.SIGTERM)
        try:
            for left in deadline(60):
                if not self.read_log(min(left, 1)):
                    break
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("evoke did not end after SIGTERM:\n" + self.log_text()) from None
        os.close(self.pipe)
        left = [f"{p} {n}" for p, n in before.items() if os.path.exists(f"/proc/{p}") and alive(p)]
        assert not left, f"processes left behind: {left}"
        assert expect_code is None or code == expect_code, f"exit code {code}:\n{self.log_text_closed()}"
        return code

    def log_text_closed(self):
        return self.log.decode("utf-8", "replace")

    def kill(self):
        for pid in [self.process.pid, *children_of(self.process.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def cleanup(self):
        if self.own_data:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.end(check=error[0] is None)

    def end(self, check=True):
        """Unless it has ended already, it ends cleanly: descriptors accounted for, exit code 0, no process left; and its ledger
        balances."""
        try:
            if check and self.process.poll() is None:
                self.check_descriptors()
                self.stop()
            if check:
                self.check_log()
                self.check_ledger()
        finally:
            if self.process.poll() is None:
                self.kill()
            self.cleanup()

    # -- checks after a test ---------------------------------------------------------------------------

    def connections(self):
        """Open connections of clients, as the kernel counts them (proc_net_tcp(5): local port, ESTABLISHED, CLOSE_WAIT)."""
        mine = f":{self.port:04X}"
        rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(r[1].endswith(mine) and r[3] in ("01", "08") for r in rows)

    def check_descriptors(self):
        """What the daemon holds beyond its start is accounted for: PER_INSTANCE per instance, one per connection."""
        held = owed = instances = "?"
        for _ in deadline(15):
            status = self.run("status", "--output", "json")
            if status.returncode:
                continue  # the daemon is restarting
            i = json.loads(status.stdout)["instances"]
            instances = i["idle"] + i["busy"] + i["starting"]
            held, owed = self.descriptors(), self.base + PER_INSTANCE * instances + self.connections()
            if held <= owed:
                return
        raise AssertionError(f"{held} descriptors are open, {owed} accounted for: {self.base} at the start, {PER_INSTANCE} for each "
                             f"of {instances} instances, {self.connections()} connections")

    def check_log(self):
        bad = []
        for line in self.log.decode("utf-8", "replace").splitlines():
            wrong = re.search(r"level=(err|warn)\b", line) or "Sanitizer" in line or "runtime error:" in line
            if wrong and not any(p.search(line) for p in self.allowed):
                bad.append(line)
        assert not bad, "unexpected lines in the log:\n" + "\n".join(bad)

    def check_ledger(self):
        """Of an ended daemon. Not where a test has damaged the queue on purpose (damaged = True)."""
        if not self.damaged and os.access(self.data_dir, os.R_OK):
            ledger.check(self.data_dir, copy=not self.own_data)

    # -- the program as a client ------------------------------------------------------------------------

    def run(self, *args, stdin=None, env=None, timeout=60):
        """The command line against this daemon. Returns the CompletedProcess (text)."""
        full = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "EVOKE_ENDPOINT": self.url,
                "EVOKE_DATA": str(self.data_dir), "EVOKE_ACCESS_KEY": self.ACCESS_KEY,
                "EVOKE_SECRET_KEY": self.SECRET_KEY}
        # None: the daemon made its own pair, in its data directory.
        full = {k: v for k, v in full.items() if self.extra_env.get(k, v) is not None} | (env or {})
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                full[name] = os.environ[name]
        return subprocess.run([str(self.program), *args], input=stdin, capture_output=True, text=True,
                              env=full, timeout=timeout, check=False)

    def get(self, path, **kw):
        return requests.get(self.url + path, timeout=30, **kw)

    @property
    def access_key(self):
        return self.ACCESS_KEY

    @property
    def secret_key(self):
        return self.SECRET_KEY


def alive(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text[text.rindex(")") + 2] != "Z"
