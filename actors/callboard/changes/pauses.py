"""Pause and resume, one trigger or a page of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from callboard.changes.settle import behind_runs, move, settle
from callboard.changes.slots import store_plans
from callboard.changes.triggers import lock_trigger, parked
from callboard.changes.work import Work
from callboard.commands import (
    BulkStep,
    PauseTrigger,
    PauseTriggers,
    Resumed,
    ResumeTrigger,
    ResumeTriggers,
)
from callboard.domain.ledger import Decision, LedgerEntry
from callboard.domain.misfire import SlotPlan
from callboard.domain.pause import Missed, paused, resumed
from callboard.domain.pause_end import check_pause_end
from callboard.domain.trigger import Trigger, TriggerState
from callboard.errors import Conflict, UsageError
from callboard.store.contract import TriggerFilter

PAUSABLE: Final = (TriggerState.ACTIVE, TriggerState.PAUSED)
MOST_RUNS: Final = 5_000
"""Started by one page of resumed triggers, about."""


async def pause_trigger(work: Work, command: PauseTrigger) -> Trigger:
    check_pause_end(command.until, work.now)
    trigger = await lock_trigger(work, command.group, command.name, command.expected_version)
    if trigger.state not in PAUSABLE:
        raise Conflict(
            "not_pausable", f"trigger {trigger.name!r} is {trigger.state}; only an active one"
        )
    return (await _pause(work, [trigger], command.until))[0]


async def pause_triggers(work: Work, command: PauseTriggers) -> BulkStep:
    if command.filter.after is None:
        check_pause_end(command.until, work.now)
    triggers = await work.tx.lock_triggers(command.filter, _states(command.filter, PAUSABLE))
    paused_now = await _pause(work, triggers, command.until)
    changed = sum(
        _pause_of(before) != _pause_of(after)
        for before, after in zip(triggers, paused_now, strict=True)
    )
    return BulkStep(changed=changed, after=_last(triggers))


async def _pause(work: Work, triggers: Sequence[Trigger], until: datetime | None) -> list[Trigger]:
    """The triggers, in their order, paused but for those whose last slot was due just now."""
    wanted = [trigger for trigger in triggers if _pause_of(trigger) != (True, until)]
    settled = await settle(work, wanted)
    plans = [
        SlotPlan(before=trigger, after=paused(trigger, work.now, until), entries=())
        for trigger in settled
        if trigger.state in PAUSABLE
    ]
    now = {trigger.id: trigger for trigger in (*settled, *await move(work, plans))}
    return [now.get(trigger.id, trigger) for trigger in triggers]


def _pause_of(trigger: Trigger) -> tuple[bool, datetime | None]:
    return trigger.state is TriggerState.PAUSED, trigger.resume_at


async def resume_trigger(work: Work, command: ResumeTrigger) -> Resumed:
    trigger = await lock_trigger(work, command.group, command.name, command.expected_version)
    if trigger.state is not TriggerState.PAUSED:
        raise Conflict("not_paused", f"trigger {trigger.name!r} is {trigger.state}, not paused")
    plan = resumed(trigger, work.now, command.missed)
    (after,) = await _store(work, [plan])
    entries = plan.entries
    return Resumed(
        trigger=after or plan.after,
        slots=_count(entries),
        first=entries[0].slot if entries else None,
        last=(entries[-1].until or entries[-1].slot) if entries else None,
    )


async def resume_triggers(work: Work, command: ResumeTriggers) -> BulkStep:
    states = _states(command.filter, (TriggerState.PAUSED,))
    step = _resumed_page(
        await work.tx.lock_triggers(command.filter, states), work.now, command.missed
    )
    await _store(work, step.plans)
    await move(work, step.parked)
    return BulkStep(
        changed=len(step.plans),
        slots=sum(_count(plan.entries) for plan in step.plans),
        after=_last(step.seen),
    )


async def _store(work: Work, plans: Sequence[SlotPlan]) -> list[Trigger | None]:
    afters = await behind_runs(work, [plan.after for plan in plans])
    return await store_plans(
        work,
        [replace(plan, after=after) for plan, after in zip(plans, afters, strict=True)],
    )


@dataclass(slots=True, kw_only=True)
class _Page:
    """What becomes of the triggers of a page."""

    plans: list[SlotPlan] = field(default_factory=list)
    parked: list[SlotPlan] = field(default_factory=list)
    seen: list[Trigger] = field(default_factory=list)


def _resumed_page(triggers: Sequence[Trigger], now: datetime, missed: Missed) -> _Page:
    """The plans of the first triggers, as many as start about MOST_RUNS runs."""
    page, runs = _Page(), 0
    for trigger in triggers:
        page.seen.append(trigger)
        if trigger.state is not TriggerState.PAUSED:
            continue  # while its lock was waited for
        try:
            plan = resumed(trigger, now, missed)
        except UsageError as error:
            after = parked(trigger, str(error))
            page.parked.append(SlotPlan(before=trigger, after=after, entries=()))
            continue
        page.plans.append(plan)
        runs += len(trigger.actions) * sum(e.decision is Decision.FIRED for e in plan.entries)
        if runs >= MOST_RUNS:
            break
    return page


def _states(wanted: TriggerFilter, possible: Sequence[TriggerState]) -> tuple[TriggerState, ...]:
    return tuple(state for state in possible if wanted.state in (None, state))


def _count(entries: Sequence[LedgerEntry]) -> int:
    return sum(entry.count for entry in entries)


def _last(triggers: Sequence[Trigger]) -> tuple[str, str] | None:
    return (triggers[-1].group, triggers[-1].name) if triggers else None
