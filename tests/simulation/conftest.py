"""Seeds of simulations: fresh ones each time, or the one that CALLBOARD_SEED names."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest

SEED = "CALLBOARD_SEED"

SeedsFactory: TypeAlias = Callable[[int], Sequence[int]]


@pytest.fixture
def seeds() -> SeedsFactory:
    """Gives so many consecutive seeds; only one where CALLBOARD_SEED names it."""

    def choose(count: int) -> Sequence[int]:
        given = os.environ.get(SEED)
        if given:
            return [int(given)]
        first = random.SystemRandom().randrange(1 << 32)
        return range(first, first + count)

    return choose
