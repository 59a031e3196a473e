"""Clocks that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from callboard.clock import Alarm, Clock


class SkewedClock:
    """Another clock whose wall is off by so much; durations and the store's time are that one's."""

    def __init__(self, clock: Clock, ahead_s: float = 0.0) -> None:
        self._clock = clock
        self._ahead = timedelta(seconds=ahead_s)

    def step(self, seconds: float) -> None:
        """Set the wall clock ahead, or back, from now on."""
        self._ahead += timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self._clock.now() + self._ahead

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def database_now(self) -> datetime | None:
        return self._clock.database_now()

    def call_at(self, monotonic: float, callback: Callable[[], object]) -> Alarm:
        return self._clock.call_at(monotonic, callback)

    async def sleep_until(self, monotonic: float) -> None:
        await self._clock.sleep_until(monotonic)

    def hold(self) -> Any:
        return self._clock.hold()  # type: ignore[attr-defined]
