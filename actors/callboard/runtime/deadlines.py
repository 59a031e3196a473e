"""Deadlines: how long the askers of one actor wait.

A timer for each question costs as much as all the rest of it. Questions with the same timeout by
the same clock run out in the order in which they were asked, so one timer, for the first of them,
serves all; it rings at the exact time.
"""

from __future__ import annotations

import asyncio
from itertools import takewhile
from typing import Any, Final

from callboard.clock import Alarm, Clock
from callboard.runtime.answer import settle

SILENCE: Final = object()
"""What an asker gets in place of an answer when its time is over."""


class Deadlines:
    """The questions of one actor that are under way and have a timeout; on its loop only."""

    __slots__ = ("_queues",)

    def __init__(self) -> None:
        self._queues: dict[tuple[Clock, float], DeadlineQueue] = {}

    def begin(self, asker: asyncio.Future[Any], timeout: float, clock: Clock) -> DeadlineQueue:
        """Settle the asker by SILENCE in `timeout` seconds, unless `end` of the queue is first."""
        queue = self._queues.get((clock, timeout))
        if queue is None:
            queue = self._queues[clock, timeout] = DeadlineQueue(timeout, clock, self._queues)
        queue.append(asker)
        return queue


class DeadlineQueue:
    """Askers with the same timeout by the same clock, in the order of their deadlines.

    It leaves `queues`, where it is found, with its last asker.
    """

    __slots__ = ("_alarm", "_clock", "_due", "_queues", "_timeout")

    def __init__(
        self, timeout: float, clock: Clock, queues: dict[tuple[Clock, float], DeadlineQueue]
    ) -> None:
        self._timeout = timeout
        self._clock = clock
        self._queues = queues
        self._due: dict[asyncio.Future[Any], float] = {}
        self._alarm: Alarm | None = None

    def append(self, asker: asyncio.Future[Any]) -> None:
        """Let the asker wait for the timeout from now."""
        deadline = self._due[asker] = self._clock.monotonic() + self._timeout
        if self._alarm is None:
            self._alarm = self._clock.call_at(deadline, self._ring)

    def end(self, asker: asyncio.Future[Any]) -> None:
        """The asker waits no more."""
        self._due.pop(asker, None)
        if self._due:
            return
        key = (self._clock, self._timeout)
        if self._queues.get(key) is self:
            del self._queues[key]
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        self._alarm = None
        now = self._clock.monotonic()
        for asker in [
            each for each, _ in takewhile(lambda item: item[1] <= now, self._due.items())
        ]:
            del self._due[asker]
            settle(asker, SILENCE)
        if self._due:
            self._alarm = self._clock.call_at(next(iter(self._due.values())), self._ring)
