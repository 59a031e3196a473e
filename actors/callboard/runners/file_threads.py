"""FileThreads: a few threads for what reads files and may hang there."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Final, TypeVar

from callboard.clock import Clock
from callboard.runners.ending import Detached, Ended
from callboard.runners.pool import ThreadPool

THREADS: Final = 4
ANSWER_S: Final = 5.0

T = TypeVar("T")


class FileThreads:
    """Calls functions in its threads; on the loop's thread."""

    def __init__(self, clock: Clock, *, size: int = THREADS) -> None:
        """Args:
        clock: one that moves with the machine's time, as files do.
        """
        self._clock = clock
        self._pool = ThreadPool(size)

    @property
    def stuck(self) -> int:
        """Calls that nobody waits for any more."""
        return self._pool.stuck

    def close(self) -> None:
        """End those that are idle; busy ones end after their call."""
        self._pool.close()

    async def call(self, work: Callable[[], T]) -> T:
        """Its value, however long it takes; a caller that is cancelled leaves it behind."""
        value: T = _value_of(await self._end_of(work, None))
        return value

    async def call_briefly(self, work: Callable[[], T], *, default: T) -> T:
        """Its value; the default when there is none within ANSWER_S."""
        end = await self._end_of(work, ANSWER_S)
        if isinstance(end, Detached) or isinstance(end.error, CancelledError):
            return default
        value: T = _value_of(end)
        return value

    async def _end_of(self, work: Callable[[], object], seconds: float | None) -> Ended | Detached:
        call = self._pool.submit("callboard-files", work, copy_context())
        alarm = None
        if seconds is not None:
            over = self._clock.monotonic() + seconds
            alarm = self._clock.call_at(over, lambda: self._pool.give_up(call))
        try:
            return await call.end
        finally:
            if alarm is not None:
                alarm.cancel()
            self._pool.give_up(call)


def _value_of(end: Ended | Detached) -> Any:
    assert isinstance(end, Ended)  # nobody gives up a call that is waited for without end
    if end.error is not None:
        raise end.error
    return end.value
