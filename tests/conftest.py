# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a private daemon per test (`evoke`) or one for a whole file (`evoke_shared`).

After each test the daemon's descriptors are accounted for. A daemon that ends does so cleanly: exit code 0, no process left, no
unexpected err or warn line in its log.
"""
import pathlib
import shutil
import signal
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))

from evoked import Evoked  # noqa: E402

# Under nohup a hang-up is ignored, and so it would be by every daemon started here.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


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
        e.end()


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
    with Evoked() as e:
        yield e


@pytest.fixture
def evoke_shared(_module_daemon):
    """One daemon for all tests of a file; each test leaves it as it found it, but for warm instances."""
    e = _module_daemon
    yield e
    assert e.process.poll() is None, "the daemon ended during the test"
    e.check_descriptors()
