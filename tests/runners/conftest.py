"""Fixtures for the runners: a rig on the machine's clock, and one on a virtual clock."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import pytest

from callboard.testing import VirtualClock
from runners.rig import Rig, open_rig


@pytest.fixture(params=[True, False] if sys.version_info >= (3, 12) else [True])
def eager(request: pytest.FixtureRequest) -> bool:
    """Tasks that take their first step at once must make no difference, where there are any."""
    return bool(request.param)


@pytest.fixture
async def rig(eager: bool) -> AsyncIterator[Rig]:
    async with open_rig(eager=eager) as rig:
        yield rig


@pytest.fixture
def virtual() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def timeless(virtual: VirtualClock, eager: bool) -> AsyncIterator[Rig]:
    """A rig whose time moves only by `virtual`."""
    async with open_rig(virtual, eager=eager) as rig:
        yield rig
