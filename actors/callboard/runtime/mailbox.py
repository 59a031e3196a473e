"""Mailbox: a bounded queue that any thread may fill and one actor empties.

States
    OPEN -stop message-> STOPPING -actor ended-> CLOSED
    OPEN: takes messages up to the limit. STOPPING: what waits is still handled, what comes is
    refused. CLOSED: everything is refused.
"""

from __future__ import annotations

import asyncio
import enum
import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from callboard.errors import Overloaded
from callboard.runtime.answer import Failed, deliver
from callboard.runtime.deadlines import Deadlines
from callboard.runtime.errors import ForkedAfterStart

if TYPE_CHECKING:
    from callboard.runtime.chain import Ask


class _State(enum.Enum):
    OPEN = "open"
    STOPPING = "stopping"
    CLOSED = "closed"


class Mailbox:
    """The inbox of one actor, kept over its restarts."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.owner = "an actor"
        """The actor's name in errors and logs."""
        self.limit = 0
        """How many messages may wait."""
        self.asks: list[Ask] = []
        """The questions that hold up the owner at present."""
        self.task: asyncio.Task[Any] | None = None
        """What the owner lives in: a loop holds its tasks weakly, so whoever has the ref does."""
        self.deadlines = Deadlines()
        """The questions to the owner that may not take too long."""
        self.loop = loop
        """The owner's."""
        self._queue: deque[Envelope[Any]] = deque()
        self._state = _State.OPEN
        self._sleeper: asyncio.Future[None] | None = None
        self._rousing = False
        self._pid = os.getpid()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def is_stopping(self) -> bool:
        """Whether the actor was asked to stop."""
        return self._state is not _State.OPEN

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add a message, from any thread.

        Raises:
            Overloaded: too many wait already (the message to stop always gets in).
            pykka.ActorDeadError: the actor stops or has stopped, and nobody waits for a reply
                (an asker finds this error in the reply).
            ForkedAfterStart: the actor lives in the parent of this process.
        """
        is_stop = type(envelope.message) is _ActorStop
        if self._state is not _State.OPEN and not (is_stop and self._state is _State.STOPPING):
            self._refuse_or_raise(envelope)
            return
        if is_stop:
            self._state = _State.STOPPING
        elif len(self._queue) >= self.limit:
            raise Overloaded(self.owner, self.limit)
        self._append(envelope)

    def put_own(self, envelope: Envelope[Any]) -> None:
        """Add the owner's message to itself, whatever waits; dropped when it stops."""
        if self._state is _State.OPEN:
            self._append(envelope)

    def put_back(self, envelope: Envelope[Any]) -> None:
        """Return a message to the front."""
        self._queue.appendleft(envelope)

    def get(self) -> Envelope[Any]:
        """Take the oldest message; IndexError when there is none."""
        return self._queue.popleft()

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._queue

    async def arrival(self) -> None:
        """Return after the next message, or when roused."""
        self._sleeper = self.loop.create_future()
        await self._sleeper

    def rouse(self) -> None:
        """Wake the owner; on its loop only."""
        self._rousing = False
        sleeper, self._sleeper = self._sleeper, None
        if sleeper is not None and not sleeper.done():
            sleeper.set_result(None)

    def pour_into(self, other: Mailbox) -> None:
        """Move everything that waits."""
        while self._queue:
            other._append(self._queue.popleft())

    def call_owner(self, callback: Callable[[], object]) -> None:
        """Call something on the owner's loop, from any thread."""
        self.loop.call_soon_threadsafe(callback)

    def close(self) -> list[Envelope[Any]]:
        """Take no more messages; answers those who wait and returns what nobody waits for."""
        self._state = _State.CLOSED
        return list(self._refuse_waiting())

    def _append(self, envelope: Envelope[Any]) -> None:
        self._queue.append(envelope)
        if asyncio._get_running_loop() is not self.loop:
            self._rouse_from_outside(envelope)
        elif self._sleeper is not None:
            self.rouse()

    def _rouse_from_outside(self, envelope: Envelope[Any]) -> None:
        if os.getpid() != self._pid:
            raise ForkedAfterStart(self.owner)
        if not self._rousing:
            self._rousing = True
            try:
                self.loop.call_soon_threadsafe(self.rouse)
            except RuntimeError:  # the loop is closed, so the actor cannot live either
                self._state = _State.CLOSED
        # The actor may have ended between the check in `put` and the append.
        if self._state is _State.CLOSED and envelope in self.close():
            self._refuse_or_raise(envelope)

    def _refuse_waiting(self) -> Iterator[Envelope[Any]]:
        while self._queue:
            try:
                envelope = self._queue.popleft()
            except IndexError:  # another thread took it
                return
            if envelope.reply_to is None:
                yield envelope
            elif type(envelope.message) is _ActorStop:
                deliver(envelope.reply_to, None)
            else:
                refuse(envelope, f"{self.owner} stopped before handling the message")

    def _refuse_or_raise(self, envelope: Envelope[Any]) -> None:
        reason = f"{self.owner} {'stops' if self._state is _State.STOPPING else 'has stopped'}"
        if envelope.reply_to is None:
            raise pykka.ActorDeadError(reason)
        refuse(envelope, reason)


def refuse(envelope: Envelope[Any], reason: str) -> None:
    """Answer an asker, if there is one, that the actor is dead."""
    if envelope.reply_to is not None:
        deliver(envelope.reply_to, Failed(pykka.ActorDeadError(reason), None))
