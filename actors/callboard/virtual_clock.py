"""Time that moves only when it is told to, for tests of whatever takes a Clock.

    clock = VirtualClock()
    await clock.advance(3600)                        # an hour, alarm by alarm
    await clock.run_until(lambda: run_has_ended)     # as far as it takes

Between two alarms the clock waits until the event loop is idle: IDLE_TURNS turns in a row after
which nothing else is ready to run. Loops that do not show what is ready (uvloop), and those in
which something never rests, are idle after QUIET_TURNS turns in a row in which nobody touched the
clock; a chain of wake-ups that is longer and asks for the time nowhere on its way is cut short.

Work outside of the loop (threads, sockets, processes, timers of the loop itself) takes real time
and is invisible here: keep `hold()` around it where virtual time must not pass meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator, Sized
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from types import coroutine
from typing import Final

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
QUIET_TURNS: Final = 50
"""A message between actors costs two or three turns; a commit, a handful of messages."""
IDLE_TURNS: Final = 3
"""One would do; a loop also asks the operating system for news once a turn."""
MOST_TURNS: Final = 1_000_000
"""Behind so many turns without a quiet stretch, something polls the clock and never waits."""
A_YEAR: Final = timedelta(days=366)


class VirtualClock:
    """A Clock for one event loop; the same calls give the same order of events.

    Alarms ring in the order of their time, those of one instant in the order in which they were
    set, each as a callback of the loop. One coroutine at a time may move the clock.
    """

    def __init__(self, start: datetime = START, *, quiet_turns: int = QUIET_TURNS) -> None:
        """Args:
        start: the wall clock's first instant, aware; the monotonic clock begins at 0.
        quiet_turns: turns of the loop without a touch of the clock that count as idle.
        """
        self._wall = _in_utc(start)
        self._wall_is_at = 0.0
        self._monotonic = 0.0
        self._quiet_turns = quiet_turns
        self._alarms: list[tuple[float, int, _Alarm]] = []
        self._order = count()
        self._touches = 0
        self._is_moving = False
        self._holds = 0
        self._released = asyncio.Event()

    # what a Clock does

    def now(self) -> datetime:
        self._touches += 1
        return self._wall + timedelta(seconds=self._monotonic - self._wall_is_at)

    def monotonic(self) -> float:
        self._touches += 1
        return self._monotonic

    def database_now(self) -> datetime:
        return self.now()

    def call_at(self, monotonic: float, callback: Callable[[], object]) -> _Alarm:
        self._touches += 1
        alarm = _Alarm(callback)
        if monotonic <= self._monotonic:
            asyncio.get_running_loop().call_soon(alarm.ring)
        else:
            heappush(self._alarms, (self._rings_at(monotonic), next(self._order), alarm))
        return alarm

    def _rings_at(self, monotonic: float) -> float:
        """When an alarm rings that was set for a later time."""
        return monotonic

    async def sleep_until(self, monotonic: float) -> None:
        if monotonic <= self._monotonic:
            await _turn()
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        alarm = self.call_at(monotonic, wake)
        try:
            await woken
        finally:
            alarm.cancel()

    # what a test does with it

    async def advance(self, seconds: float) -> None:
        """Move on by `seconds`, ringing every alarm on the way at its own time."""
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds} seconds: use set_wall to step back")
        with self._moving():
            await self._move(self._monotonic + seconds)

    async def advance_to(self, instant: datetime) -> None:
        """Move on until the wall clock shows `instant`, as it stands now."""
        await self.advance((instant - self.now()).total_seconds())

    async def run_for(self, duration: timedelta) -> None:
        """Move on by `duration`; the same as advance, from alarm to alarm."""
        await self.advance(duration.total_seconds())

    async def run_until(self, condition: Callable[[], bool], *, within: timedelta = A_YEAR) -> None:
        """Jump from alarm to alarm until `condition()` holds; it is asked when the loop is idle.

        Raises:
            TimeoutError: it does not hold after `within`, or no alarm is left to wait for.
        """
        with self._moving():
            end = self._monotonic + within.total_seconds()
            await self.settle()
            while not condition():
                due = self.next_alarm
                if due is None:
                    raise TimeoutError("nothing waits for a later time, and the condition is false")
                if due > end:
                    raise TimeoutError(f"the condition is still false after {within}")
                self._ring(due)
                await self.settle()

    def set_wall(self, instant: datetime) -> None:
        """Step the wall clock, forwards or back; monotonic time and alarms stay as they are."""
        self._touches += 1
        self._wall = _in_utc(instant)
        self._wall_is_at = self._monotonic

    async def settle(self) -> None:
        """Let the loop run until it is idle; no time passes.

        Raises:
            RuntimeError: it does not become idle.
        """
        quiet = idle = turns = 0
        ready = _ready_queue()
        while (quiet < self._quiet_turns and idle < IDLE_TURNS) or self._holds:
            if self._holds:
                await self._released.wait()
                quiet = idle = 0
            touches = self._touches
            await _turn()
            turns += 1
            quiet = quiet + 1 if touches == self._touches else 0
            idle = idle + 1 if ready is not None and not len(ready) else 0
            if turns > MOST_TURNS:
                raise RuntimeError("the loop does not become idle: something polls the clock")

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep time still while work outside of the loop goes on; may be nested."""
        self._holds += 1
        self._released.clear()
        try:
            yield
        finally:
            self._holds -= 1
            if not self._holds:
                self._released.set()

    @property
    def next_alarm(self) -> float | None:
        """The monotonic time of the next alarm; None: nothing waits."""
        while self._alarms and self._alarms[0][2].is_over:
            heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    async def _move(self, end: float) -> None:
        await self.settle()
        while (due := self.next_alarm) is not None and due <= end:
            self._ring(due)
            await self.settle()
        self._monotonic = end

    def _ring(self, due: float) -> None:
        self._monotonic = due
        loop = asyncio.get_running_loop()
        while self._alarms and self._alarms[0][0] == due:
            loop.call_soon(heappop(self._alarms)[2].ring)

    @contextmanager
    def _moving(self) -> Iterator[None]:
        if self._is_moving:
            raise RuntimeError("the clock is being moved by another coroutine already")
        self._is_moving = True
        try:
            yield
        finally:
            self._is_moving = False


class _Alarm:
    """A callback that rings once, or never when it was cancelled before."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    @property
    def is_over(self) -> bool:
        return self._callback is None

    def cancel(self) -> None:
        self._callback = None

    def ring(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


def _ready_queue() -> Sized | None:
    """The callbacks that the running loop is about to call; None where it does not show them."""
    ready: object = getattr(asyncio.get_running_loop(), "_ready", None)
    return ready if isinstance(ready, Sized) else None


@coroutine
def _turn() -> Generator[None, None, None]:
    """Let the loop do everything that is ready now."""
    yield


def _in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone: datetime(..., tzinfo=UTC)")
    return instant.astimezone(UTC)
