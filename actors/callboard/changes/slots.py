"""The passing of slots: ledger rows, runs and the trigger's next slot, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import NamedTuple, TypeAlias

from callboard.changes.job_room import seek_room
from callboard.changes.overlap import Gate, open_gate
from callboard.changes.runs import insert_fresh_runs, queued_run
from callboard.changes.shards import which_are_held
from callboard.changes.work import Work
from callboard.changes.workflow_begin import (
    WorkflowRoom,
    arguments_in,
    begun,
    event_of,
    given_in,
    open_workflows,
    store_begun,
)
from callboard.commands import FireSlots
from callboard.domain.amend import amended
from callboard.domain.given_terms import GivenTerms
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.misfire import SlotPlan, plan_slots
from callboard.domain.overlap import STOPPING_POLICIES, Answer, counts_firings, is_sequenced
from callboard.domain.recount import recounted
from callboard.domain.run import HELD, Run
from callboard.domain.spread import starts_at
from callboard.domain.trigger import Trigger

Jobs: TypeAlias = Mapping[tuple[str, str], Job]


class Start(NamedTuple):
    """A run that a slot starts."""

    job: Job
    arguments: JsonObject
    trace_id: str
    """One for all that one slot starts: they are one firing."""
    due_at: datetime
    terms: GivenTerms | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A plan as it is stored, every firing of it admitted, and what its entries start."""

    plan: SlotPlan
    starts: Sequence[Sequence[Start]]
    """For each of its entries."""
    is_recounted: bool = False
    """Whether fewer slots fire than were planned."""


async def fire_slots(work: Work, commands: Sequence[FireSlots]) -> list[tuple[bool, ...]]:
    """For each command, for each of its plans, whether it was stored."""
    proved = [which_are_held(work, command) for command in commands]
    pairs = zip(commands, proved, strict=True)
    stored = iter(
        await store_plans(
            work, [plan for command, held in pairs for plan in compress(command.plans, held)]
        )
    )
    return [tuple(held and next(stored) is not None for held in each) for each in proved]


async def store_plans(work: Work, plans: Sequence[SlotPlan]) -> list[Trigger | None]:
    """For each plan the trigger as it is behind it; None where it was not stored.

    That trigger is not `plan.after` where fewer slots fired than were planned.
    """
    names = {(plan.before.group, action.job) for plan in plans for action in plan.before.actions}
    jobs = await work.tx.lock_jobs(sorted(names))
    gate, plans = await _gate(work, plans)
    room = await _room(work, plans)
    settled = [_settled(work, plan, jobs, gate, room) for plan in plans]
    won = await work.tx.advance_triggers([each.plan for each in settled])
    stored = [each for each, wins in zip(settled, won, strict=True) if wins]
    await _gather(work, [each.plan for each in stored])
    runs = await _record(work, stored, room)
    # Most jobs have no limit: their runs, which may be many, need not be asked one by one.
    if any(job.max_concurrent_runs is not None for job in jobs.values()):
        seek_room(work, zip(_jobs_of(stored), runs, strict=True))
    await gate.stop_old()
    return [each.plan.after if wins else None for each, wins in zip(settled, won, strict=True)]


def who_stops(commands: Sequence[FireSlots]) -> list[tuple[str, str]]:
    """Triggers, by group and name, of which a slot may stop the runs of earlier ones."""
    names = {
        (plan.before.group, plan.before.name)
        for command in commands
        for plan in command.plans
        if plan.before.overlap.policy in STOPPING_POLICIES
    }
    return sorted(names)


async def _gate(work: Work, plans: Sequence[SlotPlan]) -> tuple[Gate, Sequence[SlotPlan]]:
    """The gate of the triggers to which live firings matter, and the plans as they are by now.

    They are locked before the others, and so are those that gather events, together with those that
    the ends of this transaction will have to look at.
    """
    counting = [plan.before.id for plan in plans if _is_counted(plan.before)]
    if not counting and not work.freed:
        return await open_gate(work, []), plans
    locked = await work.tx.lock_triggers_by_id(
        sorted(set(counting)), if_sequenced=sorted(work.freed)
    )
    planned = set(counting)
    gate = await open_gate(work, [each for each in locked.values() if each.id in planned])
    return gate, [_caught_up(plan, locked.get(plan.before.id), work.now) for plan in plans]


def _is_counted(trigger: Trigger) -> bool:
    return (
        counts_firings(trigger)
        or is_sequenced(trigger)
        or trigger.workflow is not None
        or trigger.schedule.kind == "event"
    )


async def _room(work: Work, plans: Sequence[SlotPlan]) -> WorkflowRoom | None:
    """The room of the workflows that the plans may begin; None: they are of none."""
    named = [plan.before for plan in plans if plan.before.workflow is not None]
    names = [(each.group, each.workflow) for each in named if each.workflow is not None]
    return await open_workflows(work, names) if names else None


def _caught_up(plan: SlotPlan, present: Trigger | None, now: datetime) -> SlotPlan:
    """The plan, with the events that were told since it was made."""
    before = plan.before
    if present is None or present.gathered == before.gathered:
        return plan
    if before.wake_at is None or _place_in_time(present) != _place_in_time(before):
        return plan
    return plan_slots(amended(before, gathered=present.gathered), max(now, before.wake_at))


async def _gather(work: Work, stored: Sequence[SlotPlan]) -> None:
    """Write what event triggers have left."""
    changed = [plan.after for plan in stored if plan.after.gathered != plan.before.gathered]
    if not changed:
        return
    await work.tx.gather_events(changed)
    for trigger in changed:
        # The scheduler may have planned without the last events.
        work.trigger_moved(trigger)


def _settled(
    work: Work, plan: SlotPlan, jobs: Jobs, gate: Gate, room: WorkflowRoom | None
) -> Settled:
    """The plan with what is known only now: jobs that are disabled, firings that overlap."""
    trigger = plan.before
    known = gate.triggers.get(trigger.id)
    if known is not None and _place_in_time(known) != _place_in_time(trigger):
        return Settled(plan=plan, starts=((),) * len(plan.entries))  # it will not be stored
    decided = [_decided(work, trigger, entry, jobs, gate, room) for entry in plan.entries]
    entries, starts = zip(*decided, strict=True) if decided else ((), ())
    settled = plan if entries == plan.entries else recounted(plan, entries)
    if known is not None:
        gate.triggers[trigger.id] = amended(settled.after, overlap=known.overlap)
    return Settled(plan=settled, starts=starts, is_recounted=settled.after is not plan.after)


def _place_in_time(trigger: Trigger) -> tuple[object, ...]:
    return trigger.generation, trigger.state, trigger.next_slot, trigger.resume_at


def _decided(
    work: Work,
    trigger: Trigger,
    entry: LedgerEntry,
    jobs: Jobs,
    gate: Gate,
    room: WorkflowRoom | None,
) -> tuple[LedgerEntry, Sequence[Start]]:
    """The entry with its final decision, and what it starts."""
    if entry.decision is not Decision.FIRED:
        return entry, ()
    enabled = _enabled(trigger, jobs)
    if not enabled:
        return _skipped(entry, _why_nothing(trigger, jobs)), ()
    workflow = trigger.workflow
    if room is not None and workflow is not None and not room.has_room(trigger.group, workflow):
        return _skipped(entry, SkipReason.LIMIT), ()
    trace_id = work.new_trace_id()
    answer = gate.answer(trigger.id, trace_id, entry.slot)
    if answer is Answer.REFUSE:
        return _skipped(entry, SkipReason.OVERLAP), ()
    if room is not None and workflow is not None:
        room.take(trigger.group, workflow)
    is_held = answer is Answer.HOLD
    due_at = HELD if is_held else starts_at(trigger, entry.slot, work.now)
    return entry, [
        Start(job, arguments, trace_id, due_at, terms) for job, arguments, terms in enabled
    ]


def _why_nothing(trigger: Trigger, jobs: Jobs) -> SkipReason:
    """Why there is no job to start."""
    is_any = any((trigger.group, action.job) in jobs for action in trigger.actions)
    return SkipReason.DISABLED if is_any else SkipReason.NO_JOB


def _skipped(entry: LedgerEntry, reason: SkipReason) -> LedgerEntry:
    return amended(entry, decision=Decision.SKIPPED, reason=reason)


def _enabled(trigger: Trigger, jobs: Jobs) -> list[tuple[Job, JsonObject, GivenTerms | None]]:
    """Jobs of its actions that are not disabled, with the arguments of a run of them."""
    found = [(jobs.get((trigger.group, each.job)), each) for each in trigger.actions]
    return [
        (job, job.arguments_with(action.arguments), action.terms)
        for job, action in found
        if job is not None and not job.disabled
    ]


async def _record(work: Work, stored: Sequence[Settled], room: WorkflowRoom | None) -> list[Run]:
    """The runs that the stored plans start, in the order of `_jobs_of`."""
    ids = iter(await work.tx.allocate_run_ids(_count(stored)))
    now, runs, entries = work.now, list[Run](), list[LedgerEntry]()
    for settled in stored:
        trigger = settled.plan.before
        for entry, starts in zip(settled.plan.entries, settled.starts, strict=True):
            if room is not None and trigger.workflow is not None and starts:
                new = await _begin(work, room, trigger, entry, starts, ids)
            else:
                new = [_run(next(ids), trigger, entry.slot, start, now) for start in starts]
            entries.append(amended(entry, decided_at=now, run_ids=tuple([run.id for run in new])))
            runs += new
    await insert_fresh_runs(work, runs)
    await work.tx.insert_ledger(entries)
    for entry in entries:
        work.slots[entry.reason or entry.decision] += entry.count
    for settled in stored:
        _tell(work, settled)
    return runs


async def _begin(
    work: Work,
    room: WorkflowRoom,
    trigger: Trigger,
    entry: LedgerEntry,
    starts: Sequence[Start],
    ids: Iterator[int],
) -> list[Run]:
    """The runs with which the slot begins a run of the trigger's workflow, which is stored."""
    workflow = room.workflows[trigger.group, trigger.workflow or ""]
    run = await begun(work, workflow, event=event_of(trigger, entry.events))
    joined = [
        start._replace(
            arguments=arguments_in(run, start.job, start.arguments),
            terms=given_in(run, start.terms),
        )
        for start in starts
    ]
    new = [_run(next(ids), trigger, entry.slot, start, work.now) for start in joined]
    started = {start.job.name for start in starts}
    missing = [action.job for action in trigger.actions if action.job not in started]
    await store_begun(work, run, trigger, new, missing)
    return new


def _count(stored: Sequence[Settled]) -> int:
    return sum([len(starts) for settled in stored for starts in settled.starts])


def _jobs_of(stored: Sequence[Settled]) -> Iterator[Job]:
    return (start.job for settled in stored for starts in settled.starts for start in starts)


def _run(id: int, trigger: Trigger, slot: datetime, start: Start, now: datetime) -> Run:
    job, arguments, trace_id, due_at, terms = start
    return queued_run(
        id,
        job,
        arguments,
        trace_id,
        now,
        due_at,
        trigger=trigger.name,
        trigger_id=trigger.id,
        slot=slot,
        given=terms,
    )


def _tell(work: Work, settled: Settled) -> None:
    before, after = settled.plan.before, settled.plan.after
    if after.state is not before.state:
        work.trigger_changed(after)
    elif settled.is_recounted and after.max_firings is not None:
        work.trigger_moved(after)
    if after.schedule.kind == "delay" and not any(settled.starts):
        work.trigger_freed(after.id, work.now)  # there will be no end that it could wait for
