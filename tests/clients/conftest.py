# SPDX-License-Identifier: Apache-2.0
import pytest


@pytest.fixture
def cloud(evoke_shared):
    """The SDK's client and the functions to clean up."""
    from fgcloud import Cloud
    c = Cloud(evoke_shared)
    yield c
    c.clean()
