"""Fixtures for the runners: a rig on the machine's clock, and one on a virtual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from callboard.testing import VirtualClock
from runners.rig import Rig, open_rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as rig:
        yield rig


@pytest.fixture
def virtual() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def timeless(virtual: VirtualClock) -> AsyncIterator[Rig]:
    """A rig whose time moves only by `virtual`."""
    async with open_rig(virtual) as rig:
        yield rig
