"""Rescuer: has the runs of dead nodes decided by their jobs' crash policies.

It also sees to triggers that wait for the end of a run where none is live.

Receives
    _Beat()       from self         look for nodes whose lease is over
Sends
    ReadClock     to job store    a step of its clock ends leases of nodes that are well
    RescueRuns    to job store
    ReleaseHeld   to job store    what no end of a run released
Owns
    present: where the store's clock stands; what is to be rescued is what the store says
States
    WATCHING -the store's clock stepped ahead-> PATIENT -a lease later-> WATCHING
Fails
    StoreUnavailable: the next beat looks again
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import ReleaseHeld, RescueRuns
from callboard.domain.timeline import Timeline
from callboard.errors import CallboardError
from callboard.runtime import AsyncioActor, ask
from callboard.store_clock import read_store_clock

STEP_SHARE: Final = 0.1
"""Of a lease: a step that is smaller cannot end one that is renewed in time."""

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
        self._present: Timeline | None = None

    def on_start(self) -> None:
        self.timers.send_after("beat", self._every_s, _Beat())

    async def on_receive(self, message: Inbox) -> Any:
        match message:
            case _Beat():
                return await self._on_beat()
            case _:
                return self.unexpected(message)

    async def _on_beat(self) -> None:
        wait_s = self._every_s
        try:
            if await self._has_stepped():
                # Who lives renews its lease, by the new time, before it could be over again (T03).
                wait_s = max(wait_s, self._lease.total_seconds())
            else:
                await self.run_once()
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.info("no rescue for now: %s", error)
        self.timers.send_after("beat", wait_s, _Beat())

    async def _has_stepped(self) -> bool:
        """Whether the store's clock stepped ahead since the last look."""
        reading = await read_store_clock(self._job_store, self.clock)
        before = self._present or reading
        self._present = before.after(reading)
        return before.step_to(reading) > STEP_SHARE * self._lease.total_seconds()

    async def run_once(self) -> int:
        """Rescue what there is; how many runs."""
        command = RescueRuns(own_epoch=self._own_epoch(), crash_budget=self._crash_budget)
        total = 0
        while rescued := await ask(self._job_store, command, timeout=30.0):
            total += rescued
        if total:
            logger.warning("runs taken from dead nodes by their jobs' crash policies: %d", total)
        if stalled := await ask(self._job_store, ReleaseHeld(), timeout=30.0):
            logger.warning("triggers that waited for runs that were not live: %d", stalled)
        return total
