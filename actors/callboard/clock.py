"""Time as an argument: the protocol, and the one module that may ask the machine.

`testing.VirtualClock` is the other implementation: it moves only when it is told to.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol


class Alarm(Protocol):
    """A pending call; `cancel` is safe to call twice and after it rang."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """What a board knows of time."""

    def now(self) -> datetime:
        """The wall clock: an aware UTC instant with microseconds."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never steps. For durations."""
        ...

    def database_now(self) -> datetime | None:
        """What the store takes for the present: None for the database's own clock."""
        ...

    def call_at(self, monotonic: float, callback: Callable[[], object]) -> Alarm:
        """Call `callback` on the running loop when `monotonic()` reaches that many seconds."""
        ...

    async def sleep_until(self, monotonic: float) -> None:
        """Return once `monotonic()` has reached that many seconds."""
        ...


async def next_turn() -> None:
    """Let whatever else is ready on the loop go first; no time passes on a virtual clock."""
    await asyncio.sleep(0)


async def wait_briefly(future: asyncio.Future[Any], seconds: float, clock: Clock) -> None:
    """Return when the future is done, or after so many seconds; the future goes on."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ring(_: object = None) -> None:
        if not over.done():
            over.set_result(None)

    alarm = clock.call_at(clock.monotonic() + seconds, ring)
    future.add_done_callback(ring)
    try:
        await over
    finally:
        alarm.cancel()
        future.remove_done_callback(ring)


class SystemClock:
    """The machine's clocks and the running event loop's timers."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)

    def database_now(self) -> datetime | None:
        return None

    def call_at(self, monotonic: float, callback: Callable[[], object]) -> Alarm:
        delay = max(0.0, monotonic - time.monotonic())
        return asyncio.get_running_loop().call_later(delay, callback)

    async def sleep_until(self, monotonic: float) -> None:
        await asyncio.sleep(max(0.0, monotonic - time.monotonic()))
