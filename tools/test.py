#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every check there is, one after the other; ends with "N passed, N failed".

usage: test.py [STEP ...]     steps: checks build unit pytest asan lint (default: all, in this order); soak

A step that cannot run counts as failed. Details of failures are printed as they happen.

The integration tests mostly wait. What only computes (the linter, the build for the sanitizers) uses the time that they leave: it
begins with them if its step is to come, and what came of it is told in that step.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTEST = ROOT / "build-tools/venv/bin/pytest"
# clang's sanitizers, leaks included: they work in every program of ours, the launcher in its namespaces too. Daemon and
# launcher are started without these variables, so with the defaults; tests/lib/evoked.py finds their reports in the log.
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:handle_abort=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "EVOKE_TEST_PATIENCE": "4",
}

# For what runs beside tests: it gets a processor that nobody wants. A session of its own, since the scheduler shares by sessions
# first (sched(7), autogroup); where there is no such file it goes by the policy alone.
IDLE = ["setsid", "--wait", "sh", "-c", 'echo 19 2>/dev/null >/proc/self/autogroup; exec chrt --idle 0 "$@"', "idle"]

passed = failed = skipped = 0


def count(ok, name, detail=""):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}\n{detail}", flush=True)


class Ahead:
    """Work that may begin before its step: one after the other, on one processor, so that another is left to the tests alone."""

    pool = concurrent.futures.ThreadPoolExecutor(1)

    def __init__(self, work):
        self.work, self.begun = work, None  # work(prefix of each command, how many at once)

    def begin(self):
        self.begun = self.pool.submit(self.work, IDLE, 1)

    def result(self):
        return self.begun.result() if self.begun else self.work([], os.cpu_count())


def run(argv, **kw):
    return subprocess.run([str(a) for a in argv], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **kw)


def check(name, argv, **kw):
    return told(name, run(argv, **kw))


def told(name, r):
    count(r.returncode == 0, name, r.stdout[-8000:])
    return r.returncode == 0


# ---- steps -------------------------------------------------------------------------------------------


def checks():
    sources = run(["git", "ls-files", "*.c", "*.h"]).stdout.split()
    check("format (mend: make fmt)", ["clang-format", "--dry-run", "-Werror", *sources])
    check("layers", [sys.executable, "tools/layers.py"])
    check("what a scope frees has begun", [sys.executable, "tools/owned.py"])
    check("documents", [sys.executable, "tools/docs.py"])


def make_tree(build, *options, env=None, prefix=(), at_once=None):
    """The CompletedProcess of whatever failed, or of the compiler."""
    if not (ROOT / build / "build.ninja").exists():
        r = run([*prefix, "meson", "setup", build, *options], env={**os.environ, **(env or {})})
        if r.returncode:
            return r
    return run([*prefix, "ninja", "-C", build, *(["-j", at_once] if at_once else [])])


def build():
    run(["meson", "configure", "build", "-Dtests=true"])  # `make` may have configured it without
    return told("build", make_tree("build"))


def skip(name, reason):
    global skipped
    skipped += 1
    print(f"SKIPPED {name}: {reason}")


def tap_points(test):
    """(passed, skipped, failed) points. cmocka 1.1 writes "not ok 3 # SKIP name", which meson takes for a failure."""
    points = [x for x in test.get("stdout", "").splitlines() if x.startswith(("ok ", "not ok "))]
    good = sum(x.startswith("ok ") for x in points)
    skips = [x.split("# SKIP ")[1] for x in points if x.startswith("not ok ") and "# SKIP " in x]
    return good, skips, len(points) - good - len(skips)


def meson_tests(build_dir, label, env=None, times=0, names=()):
    """Runs the suites unit and fuzz, or what is named; each TAP point counts. times: of the time a test is given."""
    log = ROOT / build_dir / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    r = run(["meson", "test", "-C", build_dir, "--no-rebuild", "--num-processes", "2", "-t",
             str(times or (10 if env else 3)), *names], env={**os.environ, **(env or {})})
    if not log.exists():
        count(False, f"{label}: meson test", r.stdout[-8000:])
        return
    for line in log.read_text().splitlines():
        test = json.loads(line)
        good, skips, bad = tap_points(test)
        for name in skips:
            skip(f"{label}: {test['name']}", name)
        fine = test["result"] in ("OK", "EXPECTEDFAIL") or (skips and not bad and test.get("returncode") == 0)
        for _ in range(max(good, 1) if fine and not skips else good):
            count(True, "")
        if test["result"] == "SKIP":
            skip(f"{label}: {test['name']}", test.get("stdout", "").partition("# SKIP ")[2].strip())
        elif not fine:
            detail = test.get("stdout", "")[-4000:] + test.get("stderr", "")[-4000:]
            count(False, f"{label}: {test['name']} ({test['result']})", detail)


def unit():
    meson_tests("build", "unit")


def run_pytest(label, *args, env=None):
    report = ROOT / "build-tools" / f"pytest-{label}.xml"
    report.unlink(missing_ok=True)
    r = subprocess.run([str(PYTEST), "-q", "-x" if os.environ.get("FAIL_FAST") else "-q", "--timeout=300",
                        "-p", "no:cacheprovider", f"--junitxml={report}", *args],
                       cwd=ROOT, env={**os.environ, **(env or {})}, check=False)
    if not report.exists():
        count(False, f"{label}: pytest", f"exit code {r.returncode}, no report")
        return
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    for case in cases:
        bad = case.find("failure") is not None or case.find("error") is not None
        if case.find("skipped") is not None:
            skip(f"{case.get('classname')}.{case.get('name')}", case.find("skipped").get("message"))
        else:
            count(not bad, f"{label}: {case.get('classname')}.{case.get('name')}", "(see above)")
    if not cases:
        count(False, f"{label}: pytest", "no test was found")


def pytest():
    run_pytest("integration", "tests/integration", "tests/clients")


def soak():
    """The faults of asynchronous delivery, for longer: five times the kills, and what else looks at EVOKE_SOAK."""
    env = {"EVOKE_SOAK": "1"}
    listed = run(["meson", "test", "-C", "build", "--list", "--no-rebuild"]).stdout.splitlines()
    names = sorted({line.rpartition(" / ")[2] for line in listed if " / store queue" in line})
    if names:
        meson_tests("build", "soak", env, times=40, names=names)
    else:
        count(False, "soak: no test of the queue was found")
    run_pytest("soak", "tests/integration/test_delivery_kills.py", env=env)


def make_asan(prefix, at_once):
    return make_tree("build-asan", "-Db_sanitize=address,undefined", "-Db_lundef=false", env={"CC": "clang"}, prefix=prefix,
                     at_once=at_once)


def asan():
    """clang with address and undefined-behaviour sanitizers; also proves that clang compiles without a warning."""
    if not told("build-asan", AHEAD["asan"].result()):
        return
    meson_tests("build-asan", "asan", SANITIZER_ENV)
    run_pytest("asan", "tests/integration", "tests/clients", "-m", "not slow",
               env={**SANITIZER_ENV, "EVOKE_BUILD": str(ROOT / "build-asan")})


def lint_all(prefix, at_once):
    """One process per source: given several, clang-tidy 14 carries the state of one's va_lists into the next."""
    sources = run(["git", "ls-files", "src/*.c"]).stdout.split()
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return list(zip(sources, pool.map(lambda s: run([*prefix, "clang-tidy", "-p", "build", "--quiet", s]), sources)))


def lint():
    for source, r in AHEAD["lint"].result():
        lines = [x for x in r.stdout.splitlines() if "warning:" in x or "error:" in x]
        good = r.returncode == 0 and not lines
        count(good, f"lint {source}", "" if good else "\n".join(lines) or r.stdout[-2000:])


AHEAD = {"asan": Ahead(make_asan), "lint": Ahead(lint_all)}
STEPS = [checks, build, unit, pytest, asan, lint, soak]
DEFAULT = [s.__name__ for s in STEPS if s is not soak]


def main():
    wanted = sys.argv[1:]
    known = {s.__name__: s for s in STEPS}
    if not set(wanted) <= set(known):
        sys.exit(f"usage: test.py [{' '.join(known)}]")
    if wanted and "build" not in wanted:
        wanted = ["build", *wanted]
    for step in STEPS:
        if step.__name__ not in (wanted or DEFAULT):
            continue
        start, before = time.monotonic(), (passed, failed)
        print(f"== {step.__name__}", flush=True)
        if step is pytest:
            for name in AHEAD:
                if not wanted or name in wanted:
                    AHEAD[name].begin()
        step()
        print(f"   {passed - before[0]} passed, {failed - before[1]} failed, {time.monotonic() - start:.0f} s",
              flush=True)
        if step is build and failed > before[1]:
            break
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
