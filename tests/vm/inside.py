#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs inside the virtual machine (run.sh), as root, in a systemd unit: limits on a real cgroup v2 host.

Everything here is done as a user would do it: `evoke serve` in a unit, from a shell, in a scope of one's own; then
`evoke deploy` and `evoke invoke`. Prints one line per check, then "N passed, M failed".
"""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
EVOKE = HERE / "evoke"
CGROUPS = pathlib.Path("/sys/fs/cgroup")
ORDINARY = "ordinary"
RUN_DIR = "/run/user/1000"
PATIENCE = 120  # an emulated machine is slow

passed, failed = [], []


def check(what, holds, detail=""):
    (passed if holds else failed).append(what)
    print(f"{'ok' if holds else 'NOT OK'} - {what}{': ' + str(detail) if detail != '' else ''}", flush=True)


def find(pattern):
    """Directories of that name; os.walk does not mind those that go away meanwhile."""
    return sorted(pathlib.Path(d) for d, _, _ in os.walk(CGROUPS) if re.fullmatch(pattern, os.path.basename(d)))


def trees():
    return find(r"evoke-\d+-[0-9a-f]+")


def instances():
    return [p for p in find(r"i\d+") if p.parent in trees()]


def is_frozen(p):
    with contextlib.suppress(OSError):
        return (p / "cgroup.freeze").read_text() == "1\n"
    return False


def until(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Served:
    """One `evoke serve`, started in the given way."""

    def __init__(self, prefix, user=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="evoke-vm-"))
        self.dir.chmod(0o755)
        if user:
            shutil.chown(self.dir, user)
        self.log = self.dir / "log"
        self.env = dict(os.environ, EVOKE_ACCESS_KEY="AKVM", EVOKE_SECRET_KEY="sk-vm", EVOKE_DATA=str(self.dir / "data"))
        command = [*prefix, "env", "EVOKE_ACCESS_KEY=AKVM", "EVOKE_SECRET_KEY=sk-vm", EVOKE, "serve", "--data",
                   self.dir / "data", "--listen", "127.0.0.1:0"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        found = until(lambda: re.search(r"ready: (http://\S+), data", self.text()) or self.process.poll() is not None)
        self.env["EVOKE_ENDPOINT"] = (self.dir / "data/run/endpoint").read_text().strip() if found else ""

    def text(self):
        return self.log.read_text(errors="replace")

    def run(self, *args):
        return subprocess.run([EVOKE, *args], env=self.env, capture_output=True, text=True, timeout=PATIENCE)

    def invoke(self, name, trick):
        return self.run("invoke", name, "--event", '{"do": "%s"}' % trick)

    def answer(self, name, trick):
        r = self.invoke(name, trick)
        found = re.search(r"-?[\d.]+", re.sub(r"^.*\"body\":", "", r.stdout.replace("\n", " ")))
        return float(found.group()) if r.returncode == 0 and found else -1

    def stop(self):
        keeper = next((int(p.name) for p in pathlib.Path("/proc").glob("[0-9]*")
                       if self.is_keeper(p)), self.process.pid)
        os.kill(keeper, 15)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)

    def is_keeper(self, p):
        with contextlib.suppress(OSError):
            words = (p / "cmdline").read_bytes().split(b"\0")
            return words[:2] == [str(EVOKE).encode(), b"serve"] and str(self.dir / "data").encode() in words
        return False


def limits_hold(s, hard):
    until(lambda: "mode: memory" in s.text())  # the launcher may be later than the listener
    log = s.text()
    for part in ("memory", "processes", "cpu"):
        says = re.search(part + r" ([^;\"]*)", log)
        check(f"the notice says: {part} {'hard (cgroup v2)' if hard else 'not hard'}",
              bool(says) and ("hard (cgroup v2)" in says.group(1)) == hard, says and says.group(1))
    r = s.run("deploy", str(HERE / "functions"))
    check("deploy", r.returncode == 0, r.stderr[-300:] if r.returncode else "")
    r = s.invoke("tricks", "hello")
    check("invoke", r.returncode == 0 and "hello" in r.stdout, r.stderr[-600:] if r.returncode else "")
    if hard:
        check("a hot instance is in a cgroup of its own", bool(instances()), len(instances()))
        check("an idle one is frozen", until(lambda: any(map(is_frozen, instances())), 20),
              [f"{p.name} {(p / 'cgroup.freeze').read_text().strip()}" for p in instances()])
        r = s.invoke("tricks", "hello")
        check("and thawed for the next request", r.returncode == 0 and "hello" in r.stdout, r.stderr[-300:] if r.returncode else "")
    r = s.invoke("tricks", "hog")
    said = r.stdout + r.stderr
    check("out of memory is told as such", r.returncode == 1 and "memory" in said.lower(),
          " ".join(said.split())[:160])
    n = s.answer("many", "fork")
    check("processes have a limit", 8 <= n <= 1024, f"{n:.0f} children")
    if hard:
        quota, used = s.answer("strict", "cpu"), s.answer("strict", "burn")
        check("cpu: strict is the cloud's quota", 0 < used < quota * 1.25, f"{used:.0f} of {quota:.0f} thousandths")
        free = s.answer("tricks", "burn")
        check("and without it there is none", free > 600, f"{free:.0f} thousandths")
    r = s.invoke("tricks", "hello")
    check("still serving", r.returncode == 0 and "hello" in r.stdout, r.stderr[-300:] if r.returncode else "")


def scenario(title, prefix, hard, user=None, says=None, where=None):
    print(f"# {title}", flush=True)
    s = Served(prefix, user)
    try:
        check("ready", bool(s.env["EVOKE_ENDPOINT"]), "" if s.env["EVOKE_ENDPOINT"] else s.text()[-800:])
        if says:
            until(lambda: says in s.text(), 20)
            check(f"says '{says}'", says in s.text(), [x for x in s.text().splitlines() if "not hard" in x][-1:])
        if where:
            check(f"the tree lies in {where}", any(str(p.parent.relative_to(CGROUPS)).endswith(where) or str(p.parent) == where
                                                   for p in trees()), [str(p) for p in trees()])
        limits_hold(s, hard)
    finally:
        s.stop()
    check("no cgroup is left", until(lambda: not trees(), 30), [str(p) for p in trees()])
    check("nor the keeper's leaf", not find("evoke-keeper"), find("evoke-keeper"))
    shutil.rmtree(s.dir, ignore_errors=True)


def unit_tests():
    for name in ("test_cgroup", "test_cgroup_find", "test_launcher", "test_ready"):
        for mode in ("root",) if "cgroup" in name else ("root", "user"):
            env = dict(os.environ, EVOKE_TEST_MODE=mode, EVOKE_LAUNCHER=str(HERE / "evoke-launcher"),
                       PROBE_BOOTSTRAP=str(HERE / "probe_bootstrap"), PROBE_ZYGOTE=str(HERE / "probe_zygote"), CMOCKA_MESSAGE_OUTPUT="TAP")
            try:
                r = subprocess.run([HERE / name], env=env, capture_output=True, text=True, timeout=900)
            except subprocess.TimeoutExpired:
                check(f"{name} as {mode}", False, "took longer than 900 s")
                continue
            text = r.stdout + r.stderr
            bad = re.findall(r"(?:not ok|# \.\.|# .* != ).*", text) + re.findall(r"ERROR: '(?:.*\n){1,40}?.*does not contain.*", text)
            check(f"{name} as {mode}", r.returncode == 0, bad if r.returncode else
                  " ".join(x.strip("# ") for x in (r.stdout + r.stderr).splitlines() if "p50" in x))
            check("no cgroup is left", not trees(), [str(p) for p in trees()])


def main():
    print("#", os.uname().release, "controllers:", (CGROUPS / "cgroup.controllers").read_text().strip(), flush=True)
    if not (HERE / "quick").exists():
        unit_tests()
    scenario("root, in a unit with Delegate=yes",
             ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "-p", "Delegate=yes", "--unit=evoke"], True,
             where="system.slice/evoke.service")
    scenario("root, where others live in the same cgroup", [], True, where=str(CGROUPS))
    as_user = ["runuser", "-u", ORDINARY, "--", "env", f"XDG_RUNTIME_DIR={RUN_DIR}",
               f"DBUS_SESSION_BUS_ADDRESS=unix:path={RUN_DIR}/bus"]
    until(lambda: os.path.exists(RUN_DIR + "/bus"), 60)
    scenario("ordinary user, in a scope with Delegate=yes",
             [*as_user, "systemd-run", "--user", "--quiet", "--scope", "-p", "Delegate=yes"], True, user=ORDINARY)
    scenario("ordinary user, nothing delegated", as_user, False, user=ORDINARY, says="not delegated")
    print(f"{len(passed)} passed, {len(failed)} failed", flush=True)


main()
