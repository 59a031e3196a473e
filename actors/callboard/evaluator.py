"""Evaluator: fires conditional triggers when what they watch has ended.

Receives
    Committed(...)    from job store   runs of watched jobs ended here, or such a trigger changed
    Hinted(topic)     from job store   other nodes committed something, or the store came up
    _Beat()           from self        look at who watches, and at what ended
    _Hurry()          from self        hints of a moment, answered together; or what failed, again
Sends
    WatchedJobs, EvaluateConditions    to job store
Owns
    watched: the watched jobs, as last read; without any nothing else is done
States
    idle -> a round runs: read who watches, evaluate until there is nothing left -> idle
Fails
    StoreUnavailable: what was begun is rolled back; a second later it goes on where the follower is
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import EvaluateConditions, WatchedJobs
from callboard.committed_events import are_ended
from callboard.errors import CallboardError
from callboard.events import Committed, Hinted
from callboard.runtime import AsyncioActor, Rounds, ask

ASK_S: Final = 30.0
HURRY_S: Final = 0.2
"""Hints of other nodes are answered so much later: most of what they committed, they see to."""
RETRY_S: Final = 1.0
BUSY_S: Final = 0.02
"""Until the next try where another node has the follower."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beat:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hurry:
    pass


Inbox: TypeAlias = Committed | Hinted | _Beat | _Hurry


class Evaluator(AsyncioActor):
    def __init__(self, *, job_store: pykka.ActorRef[Any], poll_s: float, clock: Clock) -> None:
        super().__init__(clock=clock)
        self._job_store = job_store
        self._poll_s = poll_s
        self._watched: frozenset[tuple[str, str]] = frozenset()
        self._is_stale = True
        """Whether others may be watched than are known."""
        self._is_due = False
        self._rounds = Rounds(self._round, self.spawn, name="evaluator-round")

    def on_start(self) -> None:
        self._on_beat()

    def on_receive(self, message: Inbox) -> Any:
        match message:
            case Committed():
                return self._on_committed(message)
            case Hinted():
                return self._on_hinted(message)
            case _Beat():
                return self._on_beat()
            case _Hurry():
                return self._work()
            case _:
                return self.unexpected(message)

    def _on_committed(self, message: Committed) -> None:
        if any(trigger.schedule.kind == "conditional" for trigger in message.triggers):
            self._look()
        elif self._watched and are_ended(message.events, self._watched):
            self._work()

    def _on_hinted(self, message: Hinted) -> None:
        if message.topic in ("triggers", "opened"):
            self._look()
        elif message.topic == "events" and self._watched:
            self.timers.send_within("hurry", HURRY_S, _Hurry())

    def _on_beat(self) -> None:
        self.timers.send_after("beat", self._poll_s, _Beat())
        self._look()

    def _look(self) -> None:
        self._is_stale = True
        self._work()

    def _work(self) -> None:
        self._is_due = True
        self._rounds.begin()

    async def _round(self) -> None:
        try:
            while self._is_due:
                self._is_due = False
                await self._turn()
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.info("conditional triggers wait: %s", error)
            self._is_stale = True
            self.timers.send_after("retry", RETRY_S, _Hurry())

    async def _turn(self) -> None:
        had_any = bool(self._watched)
        if self._is_stale:
            self._is_stale = False
            self._watched = await ask(self._job_store, WatchedJobs(), timeout=ASK_S)
        if self._watched or had_any:
            await self._evaluate()

    async def _evaluate(self) -> None:
        found = await ask(self._job_store, EvaluateConditions(), timeout=ASK_S)
        if found.missed is not None:
            logger.warning(
                "events %d to %d were removed before conditional triggers had looked at them:"
                " what ended there is not counted",
                *found.missed,
            )
        if found.is_busy:
            await self.clock.sleep_until(self.clock.monotonic() + BUSY_S)
        self._is_due |= found.is_busy or found.again
