"""PlansAhead: plans of triggers that are due in a moment, made while there is time.

At the instant at which ten thousand triggers are due, nothing is left but to store what was
planned. A plan made ahead decides nothing: it is taken only for the very trigger that it was made
of, when that is due, and only where `plan_slots` would give the same (`is_on_time`). So whoever
pauses or edits a trigger in the last moment is still in time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from callboard.clock import Clock, next_turn
from callboard.domain.amend import amended
from callboard.domain.misfire import SlotPlan, is_on_time, plan_on_time
from callboard.domain.trigger import Trigger
from callboard.errors import UsageError

AHEAD: Final = timedelta(seconds=1)
"""So long before their instant plans are made."""
LOOK_S: Final = 0.5
"""Between two looks for triggers that are due within that."""
CROWD: Final = 200
"""Triggers that wait; fewer are planned when they are due, in a few milliseconds."""


class PlansAhead:
    """Owned by the scheduler."""

    def __init__(self, *, clock: Clock, turn_s: float) -> None:
        """Args:
        turn_s: of planning at a time; then others have their turn on the loop.
        """
        self._clock = clock
        self._turn_s = turn_s
        self._plans: dict[int, SlotPlan] = {}

    async def make(self, ids: Collection[int], window: Mapping[int, Trigger]) -> None:
        """Plan these triggers as far as they are in the window, and forget all other plans."""
        self._plans = {id: self._plans[id] for id in self._plans.keys() & ids}
        turn_ends_at = self._clock.monotonic() + self._turn_s
        for trigger_id in ids:
            trigger = window.get(trigger_id)
            if trigger is not None:
                self._make(trigger)
            if self._clock.monotonic() > turn_ends_at:
                await next_turn()
                turn_ends_at = self._clock.monotonic() + self._turn_s

    def _make(self, trigger: Trigger) -> None:
        plan = self._plans.pop(trigger.id, None)
        if plan is None or not _is_of(plan, trigger):
            plan = _planned(trigger)
        elif plan.before is not trigger:
            plan = amended(plan, before=trigger)  # read again, and found as it was
        if plan is not None:
            self._plans[trigger.id] = plan

    def take(self, trigger: Trigger, now: datetime) -> SlotPlan | None:
        """The plan of the trigger for `now`; None: it is to be made."""
        plan = self._plans.pop(trigger.id, None)
        is_right = plan is not None and _is_of(plan, trigger) and is_on_time(plan, now)
        return plan if is_right else None


def _is_of(plan: SlotPlan, trigger: Trigger) -> bool:
    return plan.before is trigger or plan.before == trigger


def _planned(trigger: Trigger) -> SlotPlan | None:
    try:
        return plan_on_time(trigger)
    except UsageError:
        return None  # that is said when the trigger is due
