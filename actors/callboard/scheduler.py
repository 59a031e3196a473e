"""Scheduler: decides each slot when it is due, and sleeps until the next.

Receives
    Committed(...)         from job store   triggers that this node changed
    Hinted(topic)          from job store   other nodes changed triggers, or the store came up
    _Tick()                from self        a slot may be due, or the window is to be filled again
Sends
    DueTriggers, NextSlotAfter   to job store   to fill the window
    FireSlots, ParkTrigger       to job store   the decisions
Owns
    window: triggers with a slot within the horizon, by id; the others stay in the store
    queue: (slot, trigger id), a heap; an entry counts only while the window agrees with it
States
    a cycle (fill, decide, store) runs -> the timer is set for the next one
Fails
    StoreUnavailable, or another node was faster: the window is filled again and decided anew
"""

from __future__ import annotations

import heapq
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock
from callboard.commands import DueTriggers, FireSlots, ParkTrigger
from callboard.domain.misfire import SlotPlan, is_due, plan_slots
from callboard.domain.trigger import Trigger, TriggerState
from callboard.errors import CallboardError, UsageError
from callboard.events import Committed, Hinted
from callboard.runtime import AsyncioActor, ask

WINDOW_LIMIT: Final = 10_000
FILL_ROWS_PER_S: Final = 200
"""Triggers read to fill the window, on average, at the most: a large one is filled less often."""
PLANS_PER_COMMIT: Final = 250
RETRY_S: Final = 1.0
FILLS_PER_CYCLE: Final = 3
"""Of the window; where others keep being faster, the next look is RETRY_S later."""
LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)
WAITING_STATES: Final = frozenset({TriggerState.ACTIVE, TriggerState.PAUSED})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tick:
    pass


Inbox: TypeAlias = Committed | Hinted | _Tick


class Scheduler(AsyncioActor):
    def __init__(
        self, *, job_store: pykka.ActorRef[Any], horizon_s: float, tick_s: float, clock: Clock
    ) -> None:
        super().__init__(clock=clock)
        self._job_store = job_store
        self._horizon = timedelta(seconds=horizon_s)
        self._tick_s = tick_s
        self._window: dict[int, Trigger] = {}
        self._queue: list[tuple[datetime, int]] = []
        self._fill_at = LONG_AGO
        self._is_cycling = False
        self._told: list[Trigger] | None = None
        """What was committed since the window's read began; None: no read is under way."""

    def on_start(self) -> None:
        self._tick()

    def on_receive(self, message: Inbox) -> Any:
        match message:
            case Committed():
                return self._on_committed(message)
            case Hinted():
                return self._on_hinted(message)
            case _Tick():
                return self._tick()
            case _:
                return self.unexpected(message)

    def _on_committed(self, message: Committed) -> None:
        for trigger in message.triggers:
            self._place(trigger)
        if self._told is not None:
            self._told += message.triggers
        if message.triggers and not self._is_cycling:
            self._arm()

    def _on_hinted(self, message: Hinted) -> None:
        if message.topic in ("triggers", "opened"):
            self._fill_at = LONG_AGO
            self._tick()

    def _tick(self) -> None:
        if not self._is_cycling:
            self._is_cycling = True
            self.spawn(self._cycle(), name="scheduler-cycle")

    async def _cycle(self) -> None:
        wait_s = self._tick_s
        try:
            for _ in range(FILLS_PER_CYCLE):
                if self._fill_at <= self.clock.now():
                    await self._fill()
                await self._decide()
        except (CallboardError, pykka.ActorDeadError) as error:
            logger.info("slots wait: %s", error)
            self._fill_at, wait_s = LONG_AGO, RETRY_S
        finally:
            self._is_cycling = False
        self._arm(wait_s)

    async def _fill(self) -> None:
        now = self.clock.now()
        triggers, told = await self._read(now + self._horizon)
        self._window.clear()
        self._queue.clear()
        self._fill_at = now + self._rest(len(triggers))
        # A full window ends at its last slot: it is filled again as soon as that has come.
        if len(triggers) == WINDOW_LIMIT and triggers[-1].next_slot is not None:
            self._fill_at = min(self._fill_at, triggers[-1].next_slot)
        for trigger in (*triggers, *told):
            self._place(trigger)

    async def _read(self, until: datetime) -> tuple[list[Trigger], list[Trigger]]:
        """Triggers due until then, and those of which the read may have seen an older state."""
        told: list[Trigger] = []
        self._told = told
        try:
            command = DueTriggers(until=until, limit=WINDOW_LIMIT)
            return await ask(self._job_store, command), told
        finally:
            self._told = None

    def _rest(self, rows: int) -> timedelta:
        """Until the window is filled again: a tick, for a hint may be lost (T12), or longer."""
        rest_s = max(self._tick_s, rows / FILL_ROWS_PER_S)
        return min(self._horizon / 2, timedelta(seconds=rest_s))

    def _place(self, trigger: Trigger) -> None:
        slot = trigger.next_slot
        horizon = self.clock.now() + self._horizon
        if slot is None or slot > horizon or trigger.state not in WAITING_STATES:
            self._window.pop(trigger.id, None)
        else:
            self._window[trigger.id] = trigger
            heapq.heappush(self._queue, (slot, trigger.id))

    async def _decide(self) -> None:
        while plans := await self._plan():
            won = await ask(self._job_store, FireSlots(plans=tuple(plans)), timeout=30.0)
            for plan, wins in zip(plans, won, strict=True):
                if wins:
                    self._place(plan.after)
                else:
                    self._fill_at = LONG_AGO  # somebody else changed it: look again

    async def _plan(self) -> list[SlotPlan]:
        plans: list[SlotPlan] = []
        now = self.clock.now()
        while len(plans) < PLANS_PER_COMMIT and (trigger := self._pop_due(now)) is not None:
            try:
                plans.append(plan_slots(trigger, now))
            except UsageError as error:
                logger.warning("trigger %s/%s is parked: %s", trigger.group, trigger.name, error)
                await ask(self._job_store, ParkTrigger(trigger=trigger, reason=str(error)))
        return plans

    def _pop_due(self, now: datetime) -> Trigger | None:
        """The most overdue trigger, taken out of the window; None when none is due."""
        while self._queue and self._queue[0][0] <= now:
            slot, trigger_id = heapq.heappop(self._queue)
            trigger = self._window.get(trigger_id)
            if trigger is not None and trigger.next_slot == slot and is_due(trigger, now):
                return self._window.pop(trigger_id)
        return None

    def _arm(self, wait_s: float | None = None) -> None:
        """Set the timer: for the next slot, but never past a tick, for the wall clock may step."""
        wait_s = self._tick_s if wait_s is None else wait_s
        now = self.clock.now()
        if self._fill_at <= now:
            wait_s = min(wait_s, RETRY_S)
        else:
            head = min(self._fill_at, self._queue[0][0] if self._queue else self._fill_at)
            wait_s = min(wait_s, max(0.0, (head - now).total_seconds()))
        self.timers.send_after("tick", wait_s, _Tick())
