"""Turnstile: how many calls of a host are under way at once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from callboard.errors import Overloaded

ROOM: Final = 2
"""Limits' worth of calls, those inside and those that wait, with which a turnstile is full. Some
may wait: one as heavy as the limit would otherwise turn all others away while it is inside."""


class Turnstile:
    """Lets calls through up to a limit; those beyond it wait for their turn, first come first.

    A call counts by its weight, the things that it brings; one that is heavier than the limit goes
    alone. What waits is the host's own tasks: the actors' mailboxes stay free for the actors.
    """

    __slots__ = ("_inside", "_limit", "_queue", "_waiting")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0
        self._waiting = 0
        self._queue: deque[tuple[asyncio.Future[None], int]] = deque()

    @property
    def is_full(self) -> bool:
        """Whether so many calls wait that another one should not join them."""
        return self._inside + self._waiting >= ROOM * self._limit

    def check_room(self) -> None:
        """Raise Overloaded where the turnstile is full."""
        if self.is_full:
            raise Overloaded("the board", ROOM * self._limit)

    def enters(self, weight: int) -> bool:
        """Whether the call may go at once; if so it is inside, until it leaves."""
        if self._queue or not self._fits(weight):
            return False
        self._inside += weight
        return True

    async def turn(self, weight: int) -> None:
        """Return when it is the call's turn; it is inside then, until it leaves."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((waiter, weight))
        self._waiting += weight
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._admit()  # it may have stood before others who fit
            else:
                self.leave(weight)
            raise

    def leave(self, weight: int) -> None:
        """The call is over."""
        self._inside -= weight
        if self._queue:
            self._admit()

    def _admit(self) -> None:
        while self._queue:
            waiter, weight = self._queue[0]
            if not waiter.done():
                if not self._fits(weight):
                    return
                self._inside += weight
                waiter.set_result(None)
            self._queue.popleft()
            self._waiting -= weight

    def _fits(self, weight: int) -> bool:
        return self._inside == 0 or self._inside + weight <= self._limit
