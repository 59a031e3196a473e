"""Patience: what is asked of the database while it may be away.

A run outlives an outage that its lease outlives: whoever has lost the run meanwhile is cancelled
from outside, so nothing here gives up by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from callboard.clock import Clock
from callboard.errors import Overloaded, StoreUnavailable

R = TypeVar("R")

FIRST_S: Final = 0.1
MOST_S: Final = 5.0

logger = logging.getLogger(__name__)


class Patience:
    """Asks again, ever more slowly."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    async def ask(self, call: Callable[[], Awaitable[R]]) -> R:
        """What the call gives, once the database answers; only for calls that may be repeated."""
        wait_s = FIRST_S
        while True:
            try:
                return await call()
            except (StoreUnavailable, Overloaded) as error:
                logger.info("a batch run waits: %s", error)
            await self.clock.sleep_until(self.clock.monotonic() + wait_s)
            wait_s = min(2 * wait_s, MOST_S)
