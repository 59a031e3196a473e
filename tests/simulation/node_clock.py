"""The clock of one simulated node: skewed, and standing still for it while the node is frozen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from callboard.clock import Alarm
from callboard.testing import VirtualClock


class NodeClock:
    """A Clock on the simulation's own. A frozen node's alarms ring when it is thawed."""

    def __init__(self, clock: VirtualClock, ahead_s: float = 0.0) -> None:
        self._clock = clock
        self._ahead = timedelta(seconds=ahead_s)
        self._missed: list[Callable[[], object]] = []
        self._thawed: asyncio.Event = asyncio.Event()
        self._thawed.set()

    @property
    def is_frozen(self) -> bool:
        return not self._thawed.is_set()

    def freeze(self) -> None:
        """Ring nothing until `thaw`; for ever, for a node that was killed."""
        self._thawed.clear()

    def thaw(self) -> None:
        """Ring what was missed, in its order."""
        self._thawed.set()
        missed, self._missed = self._missed, []
        loop = asyncio.get_running_loop()
        for ring in missed:
            loop.call_soon(ring)

    async def while_frozen(self) -> None:
        """Return when the node is not frozen."""
        await self._thawed.wait()

    def step(self, seconds: float) -> None:
        """Set the wall clock ahead, or back."""
        self._ahead += timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self._clock.now() + self._ahead

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def database_now(self) -> datetime | None:
        return self._clock.database_now()

    def call_at(self, monotonic: float, callback: Callable[[], object]) -> Alarm:
        return _NodeAlarm(self, monotonic, callback)

    async def sleep_until(self, monotonic: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        alarm = self.call_at(monotonic, lambda: woken.done() or woken.set_result(None))
        try:
            await woken
        finally:
            alarm.cancel()

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds, and not while the node is frozen."""
        await self.sleep_until(self.monotonic() + seconds)

    def hold(self) -> Any:
        return self._clock.hold()

    def set_alarm(self, monotonic: float, ring: Callable[[], object]) -> Alarm:
        """Of the simulation's clock, whatever becomes of the node."""
        return self._clock.call_at(monotonic, ring)

    def miss(self, ring: Callable[[], object]) -> None:
        """Ring it when the node is thawed."""
        self._missed.append(ring)


class _NodeAlarm:
    __slots__ = ("_alarm", "_callback", "_clock")

    def __init__(self, clock: NodeClock, monotonic: float, callback: Callable[[], object]) -> None:
        self._clock = clock
        self._callback: Callable[[], object] | None = callback
        self._alarm = clock.set_alarm(monotonic, self._ring)

    def cancel(self) -> None:
        self._callback = None
        self._alarm.cancel()

    def _ring(self) -> None:
        if self._clock.is_frozen:
            self._clock.miss(self._ring)
            return
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()
