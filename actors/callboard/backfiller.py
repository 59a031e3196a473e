"""Backfiller: moves backfills on, as far as there is room for their firings.

Receives
    Committed(...)    from job store   a backfill changed; a run, or the trigger, of an open one did
    Hinted(topic)     from job store   other nodes changed triggers, or the store came up
    _Beat()           from self        look at all open backfills
Sends
    OpenBackfills, AdvanceBackfill     to job store
Owns
    open: trigger ids of the open backfills that are known, by backfill id
    due: ids of the backfills that are to be advanced, in the order of their turns
States
    idle -> a round runs: look, and advance one after the other until none is due -> idle
Fails
    StoreUnavailable: what was begun is rolled back; the next beat looks at all again
    another refusal: that backfill waits for the next beat, the others go on
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import AdvanceBackfill, OpenBackfills
from callboard.errors import CallboardError
from callboard.events import Committed, Hinted
from callboard.runtime import AsyncioActor, Rounds, ask

SLOTS_PER_COMMIT: Final = 1000
ASK_S: Final = 30.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beat:
    pass


Inbox: TypeAlias = Committed | Hinted | _Beat


class Backfiller(AsyncioActor):
    def __init__(self, *, job_store: pykka.ActorRef[Any], poll_s: float, clock: Clock) -> None:
        super().__init__(clock=clock)
        self._job_store = job_store
        self._poll_s = poll_s
        self._open: Mapping[int, int] = {}
        self._triggers: frozenset[int] = frozenset()
        """Those of `open`."""
        self._due: dict[int, None] = {}
        self._look_at_all = False
        self._rounds = Rounds(self._round, self.spawn, name="backfiller-round")

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
            case _:
                return self.unexpected(message)

    def _on_committed(self, message: Committed) -> None:
        if any(self._is_news(subject) for subject in message.backfills):
            self._look()
        touched = self._triggers and self._triggers.intersection(_triggers_of(message))
        if touched:
            self._due |= dict.fromkeys(id for id, of in self._open.items() if of in touched)
            self._rounds.begin()

    def _is_news(self, subject: Mapping[str, Any]) -> bool:
        """Whether the backfill may have to be advanced; most changes are this actor's own."""
        if subject["state"] != "running":
            return False
        return subject["id"] not in self._open or subject["live"] == 0

    def _on_hinted(self, message: Hinted) -> None:
        if message.topic in ("triggers", "opened"):
            self._look()

    def _on_beat(self) -> None:
        self.timers.send_after("beat", self._poll_s, _Beat())
        self._look()

    def _look(self) -> None:
        self._look_at_all = True
        self._rounds.begin()

    async def _round(self) -> None:
        try:
            while self._look_at_all or self._due:
                await self._turn()
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.info("backfills wait: %s", error)
            self._due.clear()

    async def _turn(self) -> None:
        """Advance the backfill whose turn it is; or, first, find out which there are."""
        if self._look_at_all:
            self._look_at_all = False
            self._open = await ask(self._job_store, OpenBackfills(), timeout=ASK_S)
            self._triggers = frozenset(self._open.values())
            self._due |= dict.fromkeys(self._open)
            return
        backfill_id = next(iter(self._due))
        del self._due[backfill_id]
        if await self._advance(backfill_id):
            self._due[backfill_id] = None

    async def _advance(self, backfill_id: int) -> bool:
        """Whether it is to have another turn at once."""
        command = AdvanceBackfill(backfill_id=backfill_id, limit=SLOTS_PER_COMMIT)
        try:
            return await ask(self._job_store, command, timeout=ASK_S)
        except CallboardError as error:
            if error.retryable:
                raise
            logger.warning("backfill %d waits: %s", backfill_id, error)
            return False


def _triggers_of(message: Committed) -> Iterator[int]:
    """Ids of the triggers that changed, or of which a run ended."""
    yield from message.freed
    for trigger in message.triggers:
        yield trigger.id
