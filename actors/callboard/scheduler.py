"""Scheduler: decides each slot when it is due, and sleeps until the next.

Receives
    Committed(...)           from job store   triggers that this node changed
    Hinted(topic)            from job store   other nodes changed triggers, or the store came up
    ClockJumped(...)         from registrar   a clock stepped: where do we stand?
    ShardsChanged(...)       from leader      this node decides other triggers than before
    _Tick()                  from self        something may be due, or is to be looked at again
    _LookAhead()             from self        something will be due in a moment
Sends
    ReadClock                    to job store   to know the present, which is the store's
    DueTriggers                  to job store   to fill the window
    FireSlots, ParkTrigger       to job store   the decisions
    SlotsRefused                 to the board's other actors, through `publish`
Owns
    present: where the store's clock stands; None: not read yet
    epoch, own: the shards of which this node decides the triggers, and under which epoch; before
        that is known nothing is decided, and the window is filled for all
    window: triggers of these to be looked at soon, by id; the others stay in the store
    queue: (wake_at, trigger id), a heap; an entry counts only while the window agrees with it
    deciding: ids of triggers whose plans are on their way to the store
    ahead: plans of triggers that will be due in a moment, where many are
States
    a cycle (read the clock, decide, store) runs -> the timer is set for the next one; beside it the
    window is filled again from time to time, so that a long read delays nothing that is due
Fails
    StoreUnavailable: tries again
    somebody else was faster, a shard is not this node's any more, or a trigger cannot be planned:
        that one is left out until the window is filled again

All waits are monotonic and end with the tick at the latest, so a clock that steps is found out by
then, and what the step made due is decided as late slots are.
"""

from __future__ import annotations

import heapq
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import pykka

from callboard.clock import Clock, next_turn
from callboard.commands import DueTriggers, FireSlots, ParkTrigger
from callboard.domain.misfire import SlotPlan, plan_slots
from callboard.domain.shards import SHARDS, shard_of
from callboard.domain.timeline import Timeline
from callboard.domain.trigger import Trigger
from callboard.errors import CallboardError, UsageError
from callboard.events import ClockJumped, Committed, Hinted, ShardsChanged, SlotsRefused
from callboard.plans_ahead import AHEAD, CROWD, LOOK_S, PlansAhead
from callboard.runtime import AsyncioActor, ask
from callboard.store_clock import read_store_clock

WINDOW_LIMIT: Final = 10_000
FILL_ROWS_PER_S: Final = 200
"""Triggers read to fill the window, on average, at the most: a large one is filled less often."""
HINTED_ROWS_PER_S: Final = 2_000
"""The same where others say that they changed triggers, or were faster with a slot."""
COMMIT_WEIGHT: Final = 1000
"""Plans and their entries that one commit is asked for, about."""
TURN_S: Final = 0.005
"""Of planning; then others have their turn on the loop: requests, and the commit before."""
RETRY_S: Final = 1.0
FRESH_S: Final = 1.0
"""So long a reading of the store's clock serves where something may be due."""
FRUITLESS_FILLS: Final = 3
"""In a row, without a slot that this node decided; then the next look is RETRY_S later."""
COMMIT_S: Final = 30.0
LONG_AGO: Final = -math.inf
ALL: Final = frozenset(range(SHARDS))
NO_INSTANT: Final = datetime.min.replace(tzinfo=UTC)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tick:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class _LookAhead:
    pass


Inbox: TypeAlias = Committed | Hinted | ClockJumped | ShardsChanged | _Tick | _LookAhead
Plan: TypeAlias = Callable[[Trigger, datetime], SlotPlan]


class Scheduler(AsyncioActor):
    def __init__(
        self,
        *,
        job_store: pykka.ActorRef[Any],
        publish: Callable[[SlotsRefused], None],
        horizon_s: float,
        tick_s: float,
        clock: Clock,
        share: ShardsChanged | None = None,
        plan: Plan = plan_slots,
    ) -> None:
        """Args:
        share: of the node, if it had one before this actor.
        plan: how a due trigger is decided; only what is decided as usual is planned ahead.
        """
        super().__init__(clock=clock)
        self._plan_one = plan
        self._job_store = job_store
        self._publish = publish
        self._horizon = timedelta(seconds=horizon_s)
        self._tick_s = tick_s
        self._epoch = None if share is None else share.epoch
        self._own = ALL if share is None else share.own
        self._present: Timeline | None = None
        self._read_at = LONG_AGO
        self._window: dict[int, Trigger] = {}
        self._queue: list[tuple[datetime, int]] = []
        self._known_until = NO_INSTANT
        """Triggers that wake up later may be missing from the window."""
        self._filled_at = self._fill_at = self._rest_until = self._quiet_until = LONG_AGO
        self._filled_rows = self._fruitless = 0
        self._deciding: set[int] = set()
        self._ahead = PlansAhead(clock=clock, turn_s=TURN_S)
        self._looked_at = LONG_AGO
        self._is_cycling = self._is_filling = self._is_looking = False
        self._told: list[Trigger] | None = None
        """Triggers that changed since the window's read began; None: no read is under way."""

    def on_start(self) -> None:
        self._tick()

    def on_receive(self, message: Inbox) -> Any:
        match message:
            case Committed():
                return self._on_committed(message)
            case Hinted():
                return self._on_hinted(message)
            case ClockJumped():
                return self._on_clock_jumped()
            case ShardsChanged():
                return self._on_shards_changed(message)
            case _Tick():
                return self._tick()
            case _LookAhead():
                return self._look_ahead()
            case _:
                return self.unexpected(message)

    def _on_committed(self, message: Committed) -> None:
        for trigger in message.triggers:
            self._changed(trigger)
        if message.triggers:
            self._arm()

    def _on_hinted(self, message: Hinted) -> None:
        match message.topic:
            case "opened":
                self._fill_at = self._rest_until = self._quiet_until = LONG_AGO
                self._arm()
            case "triggers":
                self._fill_soon()
                self._arm()

    def _on_clock_jumped(self) -> None:
        self._read_at = LONG_AGO
        self._tick()

    def _on_shards_changed(self, message: ShardsChanged) -> None:
        is_first, before = self._epoch is None, self._own
        self._epoch, self._own = message.epoch, message.own
        self._window = {
            trigger_id: trigger
            for trigger_id, trigger in self._window.items()
            if shard_of(trigger_id) in self._own
        }
        # What it is told again is its own after all: so what was refused is to be read again.
        if self._own - before or (self._own == before and not is_first):
            self._fill_at = self._rest_until = self._quiet_until = LONG_AGO
        self._tick()

    def _tick(self) -> None:
        if not self._is_cycling:
            self._is_cycling = True
            self.spawn(self._cycle(), name="scheduler-cycle")

    async def _cycle(self) -> None:
        try:
            await self._read_clock()
            await self._decide()
        except (CallboardError, pykka.ActorDeadError) as error:
            self._put_off(error)
        finally:
            self._deciding.clear()
            self._is_cycling = False
        if self._must_fill() and not self._is_filling:
            self._is_filling = True
            self.spawn(self._fill(), name="scheduler-fill")
        self._arm()

    def _put_off(self, error: Exception) -> None:
        logger.info("slots wait: %s", error)
        self._fill_at = LONG_AGO
        self._quiet_until = self.clock.monotonic() + RETRY_S

    # the present

    async def _read_clock(self) -> None:
        if self.clock.monotonic() - self._read_at < FRESH_S:
            return
        reading = await read_store_clock(self._job_store, self.clock)
        self._present = reading if self._present is None else self._present.after(reading)
        self._read_at = reading.at

    def _now(self) -> datetime:
        """The store's present, never ahead of it; NO_INSTANT before the first reading."""
        return self._present.now(self.clock.monotonic()) if self._present else NO_INSTANT

    # the window

    def _must_fill(self) -> bool:
        monotonic = self.clock.monotonic()
        if not self._own or self._present is None:
            return False
        if monotonic < max(self._rest_until, self._quiet_until):
            return False
        return monotonic >= self._fill_at or self._now() >= self._known_until

    async def _fill(self) -> None:
        try:
            await self._fill_window()
        except (CallboardError, pykka.ActorDeadError) as error:
            self._put_off(error)
        finally:
            self._is_filling = False
        self._fruitless = self._fruitless + 1 if self._must_fill() else 0
        if self._fruitless >= FRUITLESS_FILLS:
            self._rest_until = self.clock.monotonic() + RETRY_S
        self._tick()

    async def _fill_window(self) -> None:
        now = self._now()
        self._fill_at = math.inf
        triggers, told = await self._read(now + self._horizon)
        self._window.clear()
        self._queue.clear()
        self._known_until = now + self._horizon
        if len(triggers) >= WINDOW_LIMIT:
            self._known_until = triggers[-1].wake_at or now
        for trigger in triggers:
            if trigger.id not in self._deciding:
                self._place(trigger)
        for trigger in told:
            self._place(trigger)
        self._filled_at, self._filled_rows = self.clock.monotonic(), len(triggers)
        self._fill_at = min(self._fill_at, self._filled_at + self._filled_for_s(now))

    async def _read(self, until: datetime) -> tuple[list[Trigger], list[Trigger]]:
        """Triggers due until then, and those of which the read may have seen an older state."""
        told: list[Trigger] = []
        self._told = told
        try:
            shards = None if self._own == ALL else self._own
            command = DueTriggers(until=until, limit=WINDOW_LIMIT, shards=shards)
            return await ask(self._job_store, command), told
        finally:
            self._told = None

    def _filled_for_s(self, now: datetime) -> float:
        """Until the next fill: a tick, for a hint may be lost (T12), or longer for many rows.

        What the window ends with is never waited for: it is filled again half-way there.
        """
        known_s = (self._known_until - now).total_seconds()
        rest_s = max(self._tick_s, self._filled_rows / FILL_ROWS_PER_S)
        return max(min(rest_s, known_s / 2), self._filled_rows / HINTED_ROWS_PER_S)

    def _fill_soon(self) -> None:
        self._fill_at = min(self._fill_at, self._filled_at + self._filled_rows / HINTED_ROWS_PER_S)

    def _changed(self, trigger: Trigger) -> None:
        self._place(trigger)
        if self._told is not None:
            self._told.append(trigger)

    def _place(self, trigger: Trigger) -> None:
        """Put a trigger where it belongs: it may have been elsewhere before."""
        wake_at = trigger.wake_at
        if wake_at is None or wake_at > self._known_until or shard_of(trigger.id) not in self._own:
            self._window.pop(trigger.id, None)
        else:
            self._window[trigger.id] = trigger
            heapq.heappush(self._queue, (wake_at, trigger.id))

    # the plans

    def _look_ahead(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self.spawn(self._plan_ahead(), name="scheduler-ahead")

    async def _plan_ahead(self) -> None:
        try:
            self._looked_at = self.clock.monotonic()
            until = self._now() + AHEAD
            await self._ahead.make(
                {trigger_id for wake_at, trigger_id in self._queue if wake_at <= until},
                self._window,
            )
        finally:
            self._is_looking = False
        self._arm_look()

    def _arm_look(self) -> None:
        """Look ahead before the next trigger is due, where many wait."""
        if len(self._queue) < CROWD or self._epoch is None or self._plan_one is not plan_slots:
            self.timers.cancel("look")
            return
        monotonic = self.clock.monotonic()
        wait_s = (self._queue[0][0] - AHEAD - self._now()).total_seconds()
        self.timers.send_at("look", max(monotonic + wait_s, self._looked_at + LOOK_S), _LookAhead())

    # the decisions

    async def _decide(self) -> None:
        """Have all decided that is due, and what becomes due meanwhile.

        While the store works on one commit, the next one is planned.
        """
        plans = await self._plan()
        while plans:
            storing = self.spawn(self._store(plans), name="scheduler-commit")
            following = await self._plan()
            error = await storing
            if error is not None:
                raise error
            await self._read_clock()
            plans = following or await self._plan()

    async def _store(self, plans: Sequence[SlotPlan]) -> Exception | None:
        """Have the plans stored; what was in the way."""
        command = FireSlots(epoch=self._epoch or 0, plans=tuple(plans))
        try:
            won = await ask(self._job_store, command, timeout=COMMIT_S)
        except (CallboardError, pykka.ActorDeadError) as error:
            return error
        for plan, wins in zip(plans, won, strict=True):
            self._deciding.discard(plan.before.id)
            # What is in the window again was changed in the same breath, and is newer.
            if wins and plan.after.id not in self._window:
                self._move_on(plan)
        if not all(won):
            self._fill_again()
            self._publish(SlotsRefused())
        return None

    def _move_on(self, plan: SlotPlan) -> None:
        self._fruitless = 0
        if plan.after.wake_at == plan.before.wake_at:
            # Deciding it again at once would change nothing, for ever.
            logger.error("trigger %s/%s does not move on", plan.after.group, plan.after.name)
        else:
            self._changed(plan.after)

    def _fill_again(self) -> None:
        """Another node decided, or changed, what this one has planned."""
        self._fill_soon()
        self._fill_at = max(self._fill_at, self.clock.monotonic() + RETRY_S)

    async def _plan(self) -> list[SlotPlan]:
        """Plans for what is most overdue, as much as one commit bears."""
        plans: list[SlotPlan] = []
        weight, now, turn_ends_at = 0, self._now(), self.clock.monotonic() + TURN_S
        while weight < COMMIT_WEIGHT and (trigger := self._pop_due(now)) is not None:
            plan = await self._plan_for(trigger, now)
            if plan is not None:
                plans.append(plan)
                weight += 1 + len(plan.entries)
            if self.clock.monotonic() > turn_ends_at:
                await next_turn()
                turn_ends_at = self.clock.monotonic() + TURN_S
        return plans

    async def _plan_for(self, trigger: Trigger, now: datetime) -> SlotPlan | None:
        try:
            return self._ahead.take(trigger, now) or self._plan_one(trigger, now)
        except UsageError as error:
            logger.warning("trigger %s/%s is parked: %s", trigger.group, trigger.name, error)
            await ask(self._job_store, ParkTrigger(trigger=trigger, reason=str(error)))
        except Exception:  # one that nobody foresaw must not keep all the others waiting
            logger.exception("trigger %s/%s waits: no plan", trigger.group, trigger.name)
        return None

    def _pop_due(self, now: datetime) -> Trigger | None:
        """The most overdue trigger, taken out of the window; None when none is due."""
        while self._epoch is not None and self._queue and self._queue[0][0] <= now:
            wake_at, trigger_id = heapq.heappop(self._queue)
            trigger = self._window.get(trigger_id)
            if trigger is not None and trigger.wake_at == wake_at:
                self._deciding.add(trigger_id)
                return self._window.pop(trigger_id)
        return None

    def _arm(self) -> None:
        """Set the timer: for the next trigger or the next fill, but never past a tick."""
        if not self._is_cycling:
            self.timers.send_after("tick", self._wait_s(), _Tick())
            self._arm_look()

    def _wait_s(self) -> float:
        monotonic, now = self.clock.monotonic(), self._now()
        wait_s = self._tick_s
        if self._queue and self._epoch is not None:
            wait_s = min(wait_s, (self._queue[0][0] - now).total_seconds())
        if self._own and not self._is_filling:
            known_s = (self._known_until - now).total_seconds()
            fill_s = min(self._fill_at - monotonic, known_s)
            wait_s = min(wait_s, max(fill_s, self._rest_until - monotonic))
        return max(0.0, wait_s, self._quiet_until - monotonic)
