"""Rescuer: has the runs of dead nodes decided by their jobs' crash policies.

Receives
    _Beat()       from self         look for nodes whose lease is over
Sends
    RescueRuns    to job store
Owns
    nothing: what is to be rescued is what the store says
States
    none
Fails
    StoreUnavailable: the next beat looks again
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import RescueRuns
from callboard.errors import CallboardError
from callboard.runtime import AsyncioActor, ask

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beat:
    pass


Inbox: TypeAlias = _Beat


class Rescuer(AsyncioActor):
    def __init__(
        self,
        *,
        job_store: pykka.ActorRef[Any],
        own_epoch: Callable[[], int | None],
        every_s: float,
        lease: timedelta,
        crash_budget: int,
        clock: Clock,
    ) -> None:
        super().__init__(clock=clock)
        self._job_store = job_store
        self._own_epoch = own_epoch
        self._every_s = every_s
        self._lease = lease
        self._crash_budget = crash_budget

    def on_start(self) -> None:
        self.timers.send_after("beat", self._every_s, _Beat())

    async def on_receive(self, message: Inbox) -> Any:
        match message:
            case _Beat():
                return await self._on_beat()
            case _:
                return self.unexpected(message)

    async def _on_beat(self) -> None:
        try:
            await self.run_once()
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.info("no rescue for now: %s", error)
        self.timers.send_after("beat", self._every_s, _Beat())

    async def run_once(self) -> int:
        """Rescue what there is; how many runs."""
        command = RescueRuns(
            own_epoch=self._own_epoch(), lease=self._lease, crash_budget=self._crash_budget
        )
        total = 0
        while rescued := await ask(self._job_store, command, timeout=30.0):
            total += rescued
        if total:
            logger.warning("%d runs of dead nodes were decided", total)
        return total
