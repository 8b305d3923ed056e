# SPDX-License-Identifier: Apache-2.0
"""What functions do wrong, in every language and under both kinds of daemon: each row of fault_table.py is told as documented.

All rows run against one daemon, most of them at once, while a bystander answers without a break. Each is then a test of its own:
the caller was told what the table says, the next invocation was answered by an instance that is fit to, nothing was left behind.
"""
import base64
import concurrent.futures
import json
import re
import threading

import pytest

from evoked import Evoked, children_of, deadline
from fault_table import BOMB, BY_NAME, EITHER, FAULTS, GARBLED, HANDLER, node_source, python_source
from languages import LANGUAGES, package
from signing import Client, urn

SOURCES = {"python": python_source, "node": node_source}
AT_ONCE = 10
CALM = "def handler(event, context):\n    return 'here'\n"


class Run:
    """What happened around one fault: the answers before, during, after."""

    def __init__(self, daemon, language, fault):
        self.client, self.language, self.lang, self.fault = Client(daemon), language, LANGUAGES[language], fault
        self.name = re.sub(r"\W+", "-", f"{language}-{fault.name}")[:60].rstrip("-")
        self.source = SOURCES[language](fault)
        self.before = self.told = self.after = None

    def package(self, source):
        return package({self.lang.filename: source})

    def invoke(self, fault):
        return self.client.invoke(self.name, json.dumps({"fault": fault}).encode())

    def mend(self):
        """Code that cannot answer is replaced: its successor must."""
        source = SOURCES[self.language](BY_NAME["answers slowly"])
        body = {"code_type": "zip", "code_filename": "index.zip",
                "func_code": {"file": base64.b64encode(self.package(source)).decode()}}
        r = self.client.fg("PUT", f"/functions/{urn(self.name)}/code", body)
        assert r.status_code == 200, r.text

    def run(self):
        fields = {"timeout": 3 if self.fault.error or self.fault.late else 30, **self.fault.fields}
        r = self.client.create(self.name, zip_bytes=self.package(self.source), runtime=self.lang.runtime, **fields)
        assert r.status_code == 200, r.text
        try:
            if self.fault.at == HANDLER:
                self.before = self.invoke(False)
            self.told = self.invoke(True)
            if self.fault.at != HANDLER:
                self.mend()
            self.after = self.invoke(False)
            if self.fault.late and self.after.headers["X-Is-Func-Err"] == "true":
                self.after = self.invoke(False)
        finally:
            assert self.client.delete(self.name).status_code == 204
        return self


class Bystander:
    """Another function, called again and again while the faults run; one failure is too many."""

    def __init__(self, daemon):
        self.client, self.stopping, self.calls, self.bad = Client(daemon), threading.Event(), 0, []
        assert self.client.create("bystander", CALM).status_code == 200
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        while not self.stopping.wait(0.05):
            r = self.client.invoke("bystander")
            self.calls += 1
            if (r.status_code, r.text) != (200, "here"):
                self.bad.append(r.text)

    def stop(self):
        self.stopping.set()
        self.thread.join()
        assert self.client.delete("bystander").status_code == 204


def none_left(daemon):
    """Below the launcher lives nothing that a deleted function has started.

    Without a cgroup a thousand processes have the share of one (src/sandbox/become.h), and to die takes some of it.
    """
    for _ in deadline(60):
        left = [n for n in children_of(daemon.pids()["launcher"]).values() if n in ("sleep", "sh", "setsid")]
        counts = json.loads(daemon.run("status", "--output", "json").stdout)["instances"]
        if not left and not any(counts[n] for n in ("idle", "busy", "starting", "waiting")):
            return
    raise AssertionError(f"left behind: {left}, instances: {counts}")


def run_all(daemon):
    """{(language, name): Run or the exception}; the bystander's story under its own name."""
    rows = [Run(daemon, name, f) for f in FAULTS for name, lang in LANGUAGES.items() if lang.there() and getattr(f, name)]
    other, results = Bystander(daemon), {}

    def collect(run):
        try:
            results[run.language, run.fault.name] = run.run()
        except Exception as e:  # is raised by the row's test
            results[run.language, run.fault.name] = e

    # The slowest first: those that hang before the handler wait for the time to load.
    for heavy, at_once in ((False, AT_ONCE), (True, 2), (BOMB, 2)):
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            list(pool.map(collect, sorted((r for r in rows if r.fault.heavy == heavy), key=lambda r: r.fault.at == HANDLER)))
    other.stop()
    none_left(daemon)
    return {**results, "bystander": other}


@pytest.fixture(scope="module", params=["root", "user"])
def daemon(request):
    with Evoked(unprivileged=request.param == "user") as e:
        e.allow("the worker broke the protocol", "not reported as ended")
        e.allow("not set up within 10 s")  # a spare, while fork bombs run that nothing but their deadline stops
        e.results, e.first = None, e.pids()["daemon"]
        e.hard = "memory hard" in e.wait_log(r"mode: memory [^\n]*").group()
        yield e


@pytest.fixture
def results(daemon):
    if daemon.results is None:
        daemon.results = run_all(daemon)
    return daemon.results


def value(response):
    """An answer as it came, whatever the language made of a text."""
    return response.text.strip('"')


@pytest.mark.parametrize("name, language", [(f.name, language) for f in FAULTS for language in LANGUAGES if getattr(f, language)])
def test_a_fault(daemon, results, name, language):
    LANGUAGES[language].need()
    fault = BY_NAME[name]
    run = results[language, name]
    if isinstance(run, Exception):
        raise run
    error = fault.error.get(language) if isinstance(fault.error, dict) else fault.error
    if fault.hard and daemon.hard:
        error = fault.hard
    told, lives = run.told, not error if isinstance(fault.error, dict) else fault.lives

    assert told.status_code == 200, told.text
    if fault.late and told.headers["X-Is-Func-Err"] == "true":
        error = GARBLED
    assert told.headers["X-Is-Func-Err"] == ("true" if error else "false"), told.text[:500]
    if error:
        kind, words = error
        assert re.fullmatch(kind, told.json()["errorType"]) and re.search(words, told.json()["errorMessage"]), told.text[:500]
    else:
        assert value(told) == fault.answer, told.text[:500]
    log = base64.b64decode(told.headers["X-Cff-Function-Log"]).decode("utf-8", "replace")
    assert len(base64.b64decode(told.headers["X-Cff-Function-Log"])) <= 4096
    if fault.log:
        assert re.search(fault.log, log), log

    after = run.after
    assert after.headers["X-Is-Func-Err"] == "false" and re.fullmatch("[0-9a-f]{16}", value(after)), after.text[:500]
    if run.before is not None and lives != EITHER:
        assert (value(after) == value(run.before)) == lives, "the instance " + ("was replaced" if lives else "lives on")


def test_nobody_else_noticed(results, daemon):
    other = results["bystander"]
    assert not other.bad and other.calls > 20
    assert daemon.pids()["daemon"] == daemon.first, "the daemon was restarted:\n" + daemon.log_text()
