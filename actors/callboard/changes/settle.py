"""What lies behind a trigger is decided before anything of it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from callboard.changes.slots import store_plans
from callboard.changes.work import Work
from callboard.domain.misfire import SlotPlan
from callboard.domain.settle import settled
from callboard.domain.trigger import Trigger
from callboard.errors import UsageError


async def settle(work: Work, triggers: Sequence[Trigger]) -> list[Trigger]:
    """The locked triggers with every slot up to now decided by their present definitions (D09).

    Also those that no firing would decide: of a pause, left out by a calendar, lost in a gap. A
    trigger that cannot be understood any more (D05) stays as it is.
    """
    present = {trigger.id: trigger for trigger in triggers}
    open_ids = list(present)
    while open_ids:
        found = (_plan(present[trigger_id], work) for trigger_id in open_ids)
        plans = [plan for plan in found if plan is not None]
        stored = [after for after in await store_plans(work, plans) if after is not None]
        present |= {after.id: after for after in stored}
        open_ids = [after.id for after in stored]
    return list(present.values())


def _plan(trigger: Trigger, work: Work) -> SlotPlan | None:
    try:
        return settled(trigger, work.now)
    except UsageError:
        return None


async def move(work: Work, plans: Sequence[SlotPlan]) -> list[Trigger]:
    """Store plans of locked triggers that decide nothing; the triggers behind them."""
    won = await work.tx.advance_triggers(plans)
    moved = [plan.after for plan, wins in zip(plans, won, strict=True) if wins]
    for trigger in moved:
        work.trigger_changed(trigger)
    return moved


async def behind_runs(work: Work, triggers: Sequence[Trigger]) -> list[Trigger]:
    """The triggers, a delay without its slot where a run of it is live: it begins with the end."""
    delays = [each.id for each in triggers if each.schedule.kind == "delay" and each.next_slot]
    firings = await work.tx.live_firings(sorted(delays)) if delays else []
    busy = {firing.trigger_id for firing in firings if not firing.is_held}
    return [replace(each, next_slot=None) if each.id in busy else each for each in triggers]
