"""Changes of backfills.

A backfill's row is locked before its trigger's. Whoever decides slots of a trigger has that lock,
so two backfills never both find a slot that did not fire, nor does one overlook the scheduler's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from callboard.changes.creations import action_problems
from callboard.changes.ends import stop_run
from callboard.changes.runs import create_runs
from callboard.changes.work import Work
from callboard.commands import (
    AdvanceBackfill,
    CancelBackfill,
    CreateBackfill,
    PauseBackfill,
    ResumeBackfill,
    StopRun,
)
from callboard.domain.backfill import (
    Backfill,
    BackfilledSlot,
    BackfillEvent,
    BackfillState,
    changed,
    finished,
)
from callboard.domain.backfill_plan import (
    BackfillStep,
    FiringState,
    NextSlots,
    check_has_slots,
    decided,
    firing_state,
    next_slots,
    planned,
    room_for,
)
from callboard.domain.job import Job
from callboard.domain.overlap import counts_firings
from callboard.domain.run import NewRun, StopMode
from callboard.domain.states import LIVE, RunState
from callboard.domain.timetable import MICROSECOND
from callboard.domain.trigger import Trigger
from callboard.errors import NotFound, RefusedError, UsageError, invalid

FIRST_LOOK: Final = 16
"""Slots looked at beyond those that there is room for; four times as many each time they were
passed over."""
RUNS_PER_STEP: Final = 1000

Jobs = Mapping[tuple[str, str], Job]


async def create_backfill(work: Work, command: CreateBackfill) -> Backfill:
    new = command.backfill
    trigger = await work.tx.lock_trigger(new.group, new.trigger)
    if trigger is None:
        reason = f"there is no trigger {new.trigger!r} in the group {new.group!r}"
        raise invalid("trigger", reason, "create it first")
    if trigger.workflow is not None:
        reason = f"{trigger.name!r} belongs to workflow {trigger.workflow!r}: its slots begin runs"
        raise invalid("trigger", reason, "start the workflow, as often as is wanted")
    await _check_arguments(work, trigger)
    backfill = await work.tx.insert_backfill(planned(new, trigger, work.now))
    work.backfill_changed(backfill)
    return backfill


async def _check_arguments(work: Work, trigger: Trigger) -> None:
    names = sorted({(trigger.group, action.job) for action in trigger.actions})
    problems = action_problems(trigger, await work.tx.lock_jobs(names), work.checks)
    if problems:
        reason = f"what {trigger.name!r} gives its jobs does not fit them: {problems[0]}"
        raise invalid("trigger", reason, "change the trigger first")


async def pause_backfill(work: Work, command: PauseBackfill) -> Backfill:
    return await _change(work, command.backfill_id, BackfillEvent.PAUSE)


async def resume_backfill(work: Work, command: ResumeBackfill) -> Backfill:
    return await _change(work, command.backfill_id, BackfillEvent.RESUME)


async def cancel_backfill(work: Work, command: CancelBackfill) -> Backfill:
    backfill = await _change(work, command.backfill_id, BackfillEvent.CANCEL)
    if command.stop_runs:
        await _stop_live_runs(work, backfill)
    return backfill


async def _change(work: Work, backfill_id: int, event: BackfillEvent) -> Backfill:
    present = await work.tx.lock_backfill(backfill_id)
    if present is None:
        raise NotFound("backfill", backfill_id)
    return await _stored(work, present, changed(present, event, work.now))


async def _stored(work: Work, before: Backfill, after: Backfill) -> Backfill:
    if after == before:
        return before
    stored = await work.tx.update_backfill(after)
    work.backfill_changed(stored)
    return stored


async def _stop_live_runs(work: Work, backfill: Backfill) -> None:
    firings = await work.tx.open_firings(backfill.id)
    chains = await work.tx.chain_states([each for firing in firings for each in firing.run_ids])
    for states in chains.values():
        for run_id, state in states.items():
            if state in LIVE and state is not RunState.STOPPING:
                stop = StopRun(run_id=run_id, mode=StopMode.COOPERATIVE)
                with suppress(RefusedError):  # it has just ended by itself
                    await stop_run(work, stop)


async def advance_backfill(work: Work, command: AdvanceBackfill) -> bool:
    before = await work.tx.lock_backfill(command.backfill_id, skip_locked=True)
    if before is None:
        return False
    backfill, live = await _settled(work, before)
    again = False
    if backfill.state is BackfillState.RUNNING and not backfill.is_through:
        backfill, again = await _moved_on(work, backfill, live, command.limit)
    await _stored(work, before, finished(backfill, work.now))
    return again


async def _settled(work: Work, backfill: Backfill) -> tuple[Backfill, int]:
    """The backfill with its ended firings counted, and how many others have a run at work."""
    firings = await work.tx.open_firings(backfill.id)
    chains = await work.tx.chain_states([each for firing in firings for each in firing.run_ids])
    states = {
        firing.slot: firing_state([chains.get(each, {}) for each in firing.run_ids])
        for firing in firings
    }
    ended = [slot for slot, state in states.items() if state.has_ended]
    if ended:
        await work.tx.end_firings(backfill.id, ended)
    counts = list(states.values())
    settled = replace(
        backfill,
        succeeded=backfill.succeeded + counts.count(FiringState.SUCCEEDED),
        failed=backfill.failed + counts.count(FiringState.FAILED),
    )
    return settled, counts.count(FiringState.LIVE)


async def _moved_on(work: Work, backfill: Backfill, live: int, limit: int) -> tuple[Backfill, bool]:
    """The backfill with its next slots decided, and whether there is more to decide at once."""
    trigger = await work.tx.lock_trigger(backfill.group, backfill.trigger)
    if trigger is None or trigger.id != backfill.trigger_id:
        reason = f"its trigger {backfill.trigger!r} was deleted"
        return changed(backfill, BackfillEvent.CANCEL, work.now, reason), False
    names = sorted({(trigger.group, action.job) for action in trigger.actions})
    jobs = await work.tx.lock_jobs(names)
    obstacle = _obstacle(trigger, names, jobs)
    if obstacle is not None:
        return changed(backfill, BackfillEvent.PAUSE, work.now, obstacle), False
    room = await _room(work, backfill, trigger, live)
    most = max(1, RUNS_PER_STEP // len(trigger.actions))
    try:
        step, again = await _decided(work, backfill, trigger, min(room, most), limit)
    except UsageError as error:
        return changed(backfill, BackfillEvent.PAUSE, work.now, str(error)), False
    await _fire(work, step, trigger, jobs)
    return step.after, again or len(step.slots) == most < room


def _obstacle(trigger: Trigger, names: Sequence[tuple[str, str]], jobs: Jobs) -> str | None:
    may_lack = not trigger.needs_its_jobs and bool(jobs)
    for name in names:
        job = jobs.get(name)
        if job is None and not may_lack:
            return f"there is no job {name[1]!r}"
        if job is not None and job.disabled:
            return f"job {name[1]!r} is disabled"
    return None


async def _room(work: Work, backfill: Backfill, trigger: Trigger, live: int) -> int:
    counts = backfill.overlap == "trigger" and counts_firings(trigger)
    firings = await work.tx.live_firings([trigger.id]) if counts else []
    return room_for(backfill, trigger.overlap, own=live, of_trigger=len(firings))


async def _decided(
    work: Work, backfill: Backfill, trigger: Trigger, room: int, limit: int
) -> tuple[BackfillStep, bool]:
    """Slots decided until there is no room, no slot or no `limit` left; whether it was the last."""
    check_has_slots(trigger)
    slots: tuple[datetime, ...] = ()
    look = room + FIRST_LOOK
    while len(slots) < room and limit > 0 and not backfill.is_through:
        ahead = next_slots(backfill, trigger, min(look, limit))
        known = await _fired_before(work, backfill, ahead)
        step = decided(backfill, ahead, known, room - len(slots))
        backfill, slots = step.after, slots + step.slots
        if len(ahead.slots) < min(look, limit):
            break
        limit -= len(ahead.slots)
        look *= 4
    return BackfillStep(after=backfill, slots=slots), limit <= 0 and len(slots) < room


async def _fired_before(work: Work, backfill: Backfill, ahead: NextSlots) -> set[datetime]:
    if backfill.force or not ahead.slots:
        return set()
    first, last = ahead.slots[0], ahead.slots[-1]
    return await work.tx.fired_slots(backfill.trigger_id, first, last + MICROSECOND)


async def _fire(work: Work, step: BackfillStep, trigger: Trigger, jobs: Jobs) -> None:
    wanted: list[tuple[NewRun, Job]] = []
    for slot in step.slots:
        wanted += _runs_of(trigger, slot, jobs, work.new_trace_id())
    ids = [run.id for run in await create_runs(work, wanted)]
    each = len(ids) // len(step.slots) if step.slots else 0
    fired = [
        BackfilledSlot(
            trigger_id=trigger.id,
            slot=slot,
            backfill_id=step.after.id,
            run_ids=tuple(ids[place * each : place * each + each]),
            fired_at=work.now,
        )
        for place, slot in enumerate(step.slots)
    ]
    await work.tx.insert_backfilled_slots(fired)


def _runs_of(
    trigger: Trigger, slot: datetime, jobs: Jobs, trace_id: str
) -> list[tuple[NewRun, Job]]:
    """What a slot starts, all with one trace: it is one firing."""
    return [
        (
            NewRun(
                job=action.job,
                group=trigger.group,
                arguments=action.arguments,
                trigger_id=trigger.id,
                trigger=trigger.name,
                slot=slot,
                trace_id=trace_id,
                terms=action.terms,
            ),
            job,
        )
        for action in trigger.actions
        if (job := jobs.get((trigger.group, action.job))) is not None
    ]
