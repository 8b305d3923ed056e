# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a private daemon per test (`evoke`) or one for a whole file (`evoke_shared`).

After each test that had a daemon of its own: it ends cleanly, no process is left, no unexpected err or warn line
stands in its log. With `evoke_shared` the descriptors must be back where they were, too.
"""
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))

from evoked import Evoked, deadline  # noqa: E402


@pytest.fixture
def evoke_factory():
    """Start daemons with options of the test's own: evoke_factory("--instances", "2", unprivileged=True)."""
    made = []

    def make(*options, **kw):
        e = Evoked(*options, **kw)
        made.append(e)
        return e.start()

    yield make
    for e in made:
        try:
            if e.process.poll() is None:
                e.stop()
            e.check_log()
        finally:
            if e.process.poll() is None:
                e.kill()
            e.cleanup()


@pytest.fixture
def open_path():
    """Like tmp_path, but below a directory that every user can walk: for data directories."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="evoke-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def evoke(evoke_factory):
    return evoke_factory()


@pytest.fixture(params=["root", "user"])
def evoke_mode(request, evoke_factory):
    """The same test against a root daemon and one of an ordinary user."""
    return evoke_factory(unprivileged=request.param == "user")


@pytest.fixture(scope="module")
def _module_daemon():
    e = Evoked().start()
    yield e
    try:
        e.stop()
        e.check_log()
    finally:
        if e.process.poll() is None:
            e.kill()
        e.cleanup()


@pytest.fixture
def evoke_shared(_module_daemon):
    """One daemon for all tests of a file; each test leaves it as it found it, but for warm instances."""
    e = _module_daemon
    start = len(e.log)
    yield e
    e.read_log()
    assert e.process.poll() is None, "the daemon ended during the test"
    # Connections of the test's clients and instances end a moment after the test: wait for it, bounded.
    for _ in deadline(10):
        if e.get("/healthz").status_code == 200:
            break
    assert len(e.log) >= start
