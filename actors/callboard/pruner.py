"""Pruner: removes history that is older than it has to be kept, and makes room for what comes.

Receives
    _Beat()    from self         prune
    _Room()    from self         make room
Sends
    ReadClock  to job store      how old things are is not for a node's own clock to say
    Prune      to job store
    MakeRoom   to job store
Owns
    nothing
States
    none
Fails
    StoreUnavailable: the next beat prunes what is left
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import MakeRoom, Prune, ReadClock
from callboard.config import BoardConfig
from callboard.errors import CallboardError
from callboard.runtime import AsyncioActor, ask
from callboard.store.contract import Cutoffs

KEEP_REQUESTS: Final = timedelta(hours=24)
"""How long the answer to a request with an Idempotency-Key is kept."""

ROOM_EVERY_S: Final = 60.0
"""Much less than the time for which room is made."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beat:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    pass


Inbox: TypeAlias = _Beat | _Room


class Pruner(AsyncioActor):
    def __init__(
        self, *, job_store: pykka.ActorRef[Any], config: BoardConfig, clock: Clock
    ) -> None:
        super().__init__(clock=clock)
        self._job_store = job_store
        self._config = config

    def on_start(self) -> None:
        self.timers.send_after("beat", self._config.prune_every_s, _Beat())
        self.timers.send_after("room", ROOM_EVERY_S, _Room())

    async def on_receive(self, message: Inbox) -> Any:
        match message:
            case _Beat():
                return await self._on_beat()
            case _Room():
                return await self._on_room()
            case _:
                return self.unexpected(message)

    async def _on_beat(self) -> None:
        try:
            await self.run_once()
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.info("history is not pruned for now: %s", error)
        self.timers.send_after("beat", self._config.prune_every_s, _Beat())

    async def _on_room(self) -> None:
        try:
            await ask(self._job_store, MakeRoom(keep_s=self._config.keep_runs_s), timeout=60.0)
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.info("no room is made for history for now: %s", error)
        self.timers.send_after("room", ROOM_EVERY_S, _Room())

    async def run_once(self) -> dict[str, int]:
        """Prune until nothing is too old; rows removed by table."""
        cutoffs = self.cutoffs(await ask(self._job_store, ReadClock()))
        totals: dict[str, int] = {}
        while True:
            removed = await ask(self._job_store, Prune(cutoffs=cutoffs), timeout=60.0)
            for table, count in removed.items():
                totals[table] = totals.get(table, 0) + count
            if all(count < cutoffs.limit for count in removed.values()):
                return totals

    def cutoffs(self, now: datetime) -> Cutoffs:
        """The instants before which history goes."""
        config = self._config
        return Cutoffs(
            ended_runs=_before(now, config.keep_runs_s),
            runs_per_job=config.keep_runs_per_job,
            ledger=_before(now, config.keep_ledger_s),
            events=_before(now, config.keep_events_s),
            idempotency=now - KEEP_REQUESTS,
        )


def _before(now: datetime, keep_s: float | None) -> datetime | None:
    return None if keep_s is None else now - timedelta(seconds=keep_s)
