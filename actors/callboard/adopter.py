"""Adopter: makes runs of what callers started in transactions of their own.

Receives
    Hinted(topic)     from job store   such a transaction was committed, or the store came up
    _Beat()           from self        look, should a hint have been lost
Sends
    HasStartRequests, AdoptStarts    to job store
Owns
    nothing but whether a round is under way
States
    idle -> a round runs: adopt until nothing is left -> idle
Fails
    StoreUnavailable: what was taken is rolled back; the next beat tries again
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import AdoptStarts, HasStartRequests
from callboard.errors import CallboardError
from callboard.events import Hinted
from callboard.runtime import AsyncioActor, Rounds, ask

STARTS_PER_COMMIT: Final = 1000
ASK_S: Final = 30.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beat:
    pass


Inbox: TypeAlias = Hinted | _Beat


class Adopter(AsyncioActor):
    def __init__(self, *, job_store: pykka.ActorRef[Any], poll_s: float, clock: Clock) -> None:
        super().__init__(clock=clock)
        self._job_store = job_store
        self._poll_s = poll_s
        self._may_be_more = False
        self._rounds = Rounds(self._round, self.spawn, name="adopter-round")

    def on_start(self) -> None:
        self._on_beat()

    def on_receive(self, message: Inbox) -> Any:
        match message:
            case Hinted():
                return self._on_hinted(message)
            case _Beat():
                return self._on_beat()
            case _:
                return self.unexpected(message)

    def _on_hinted(self, message: Hinted) -> None:
        if message.topic in ("starts", "opened"):
            self._look()

    def _on_beat(self) -> None:
        self.timers.send_after("beat", self._poll_s, _Beat())
        self._look()

    def _look(self) -> None:
        self._may_be_more = True
        self._rounds.begin()

    async def _round(self) -> None:
        try:
            while self._may_be_more:
                self._may_be_more = False
                if await ask(self._job_store, HasStartRequests(), timeout=ASK_S):
                    await self._adopt()
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.info("starts of callers wait: %s", error)

    async def _adopt(self) -> None:
        command = AdoptStarts(limit=STARTS_PER_COMMIT)
        if await ask(self._job_store, command, timeout=ASK_S) == STARTS_PER_COMMIT:
            self._may_be_more = True
