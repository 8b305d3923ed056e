# SPDX-License-Identifier: Apache-2.0
import pytest


@pytest.fixture
def cloud(evoke_shared):
    """The SDK's client and the functions to clean up."""
    from fgcloud import Cloud
    c = Cloud(evoke_shared)
    yield c
    c.clean()


@pytest.fixture
def clock(open_path):
    """For a daemon whose events and timers live by it: evoke_factory(clock=clock)."""
    from clock import Clock
    return Clock(open_path / "clock")
