"""Timekeeper: ends runs that have waited for too long, in the queue or for their chain's end.

Every node has one; what two of them want to end, the first one ends.

Receives
    WaitLimited(...)  from job store   runs were queued that may not wait for ever
    Hinted(topic)     from job store   the store came up
    _Look()           from self        a run may have waited for too long
Sends
    NextOverdue, TimeOutRuns     to job store
Owns
    look_at: when it looks next: when the first run that it knows of is overdue, or after poll_s
States
    idle -> a round runs: end what is overdue, page by page, and see what comes next -> idle
Fails
    StoreUnavailable: the next look finds what is overdue then
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import NextOverdue, TimeOutRuns
from callboard.errors import CallboardError
from callboard.events import Hinted, WaitLimited
from callboard.runtime import AsyncioActor, Rounds, ask

RUNS_PER_COMMIT: Final = 500
ASK_S: Final = 30.0
BREATH_S: Final = 0.01
"""Seconds before another look at what somebody else has in hand."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    pass


Inbox: TypeAlias = WaitLimited | Hinted | _Look


class Timekeeper(AsyncioActor):
    def __init__(self, *, job_store: pykka.ActorRef[Any], poll_s: float, clock: Clock) -> None:
        super().__init__(clock=clock)
        self._job_store = job_store
        self._poll_s = poll_s
        self._look_again = False
        self._rounds = Rounds(self._round, self.spawn, name="timekeeper-round")

    def on_start(self) -> None:
        self._look()

    def on_receive(self, message: Inbox) -> Any:
        match message:
            case WaitLimited():
                return self._look_in(message.in_s)
            case Hinted():
                return self._look() if message.topic == "opened" else None
            case _Look():
                return self._look()
            case _:
                return self.unexpected(message)

    def _look(self) -> None:
        self._look_again = True
        self._rounds.begin()

    async def _round(self) -> None:
        wait_s = self._poll_s
        try:
            while self._look_again:
                self._look_again = False
                wait_s = await self._end_overdue()
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.info("runs that have waited for too long wait: %s", error)
            wait_s = self._poll_s
        self._look_in(wait_s)

    async def _end_overdue(self) -> float:
        """Seconds until the next look."""
        total, next_s = 0, await self._next_s()
        while next_s <= 0:
            ended = await ask(self._job_store, TimeOutRuns(limit=RUNS_PER_COMMIT), timeout=ASK_S)
            total += ended
            next_s = await self._next_s() if ended else BREATH_S
        if total:
            logger.info("runs that had waited for too long: %d", total)
        return next_s

    async def _next_s(self) -> float:
        next_s = await ask(self._job_store, NextOverdue(), timeout=ASK_S)
        return self._poll_s if next_s is None else min(self._poll_s, next_s)

    def _look_in(self, seconds: float) -> None:
        """Look in so many seconds, or earlier when that was planned already."""
        self.timers.send_within("look", seconds, _Look())
