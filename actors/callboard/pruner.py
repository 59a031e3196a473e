"""Pruner: removes history that is older than it has to be kept, and makes room for what comes.

Receives
    _Beat()    from self         prune
    _Room()    from self         make room, until the store says that it needs none
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

KEEP_UNREAD: Final = timedelta(hours=24)
"""How much longer events are kept that a follower of them has not read."""

ROOM_EVERY_S: Final = 60.0
"""Much less than the time for which room is made."""

OVERDUE: Final = 0.1
"""History that is kept for a short time stays for this share of it longer, at the most."""
PER_JOB_EVERY_S: Final = 60.0
"""Runs of a job over their number are removed."""
LEAST_S: Final = 1.0

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
        self.timers.send_after("beat", prune_pace_s(self._config), _Beat())
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
        self.timers.send_after("beat", prune_pace_s(self._config), _Beat())

    async def _on_room(self) -> None:
        try:
            room = MakeRoom(keep_s=self._config.keep_runs_s)
            if await ask(self._job_store, room, timeout=60.0) is None:
                return
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
            unread_events=_before(now, config.keep_events_s, KEEP_UNREAD),
            idempotency=now - KEEP_REQUESTS,
        )


def prune_pace_s(config: BoardConfig) -> float:
    """Seconds between two prunes: fewer than configured where history is kept for less than that.

    What is not kept at all (0) goes with the next prune, whenever that is.
    """
    usual_s = config.prune_every_s
    times = (config.keep_runs_s, config.keep_ledger_s, config.keep_events_s)
    paces = [OVERDUE * time for time in times if time is not None and 0 < time < usual_s]
    if config.keep_runs_per_job is not None:
        paces.append(PER_JOB_EVERY_S)
    return min(usual_s, max(LEAST_S, min(paces, default=usual_s)))


def _before(
    now: datetime, keep_s: float | None, longer: timedelta = timedelta()
) -> datetime | None:
    return None if keep_s is None else now - timedelta(seconds=keep_s) - longer
