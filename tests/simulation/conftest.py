"""Seeds of simulations: given or fresh ones, or the one that CALLBOARD_SEED names."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import Protocol

import pytest

SEED = "CALLBOARD_SEED"


class SeedsFactory(Protocol):
    def __call__(self, count: int, *, first: int | None = None) -> Sequence[int]: ...


@pytest.fixture
def seeds() -> SeedsFactory:
    """Gives so many seeds from `first` on, from a random one without it; only one where
    CALLBOARD_SEED names it."""

    def choose(count: int, *, first: int | None = None) -> Sequence[int]:
        given = os.environ.get(SEED)
        if given:
            return [int(given)]
        if first is None:
            first = random.SystemRandom().randrange(1 << 32)
        return range(first, first + count)

    return choose
