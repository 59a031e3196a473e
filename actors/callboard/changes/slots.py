"""The passing of slots: ledger rows, runs and the trigger's next slot, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from callboard.changes.runs import create_runs
from callboard.changes.work import Work
from callboard.commands import FireSlots
from callboard.domain.job import Job
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.misfire import SlotPlan
from callboard.domain.run import NewRun
from callboard.domain.trigger import Action, Trigger

Jobs = Mapping[tuple[str, str], Job]


async def fire_slots(work: Work, commands: Sequence[FireSlots]) -> list[tuple[bool, ...]]:
    """For each command, for each of its plans, whether it was stored."""
    plans = [plan for command in commands for plan in command.plans]
    names = {(plan.before.group, action.job) for plan in plans for action in plan.before.actions}
    jobs = await work.tx.lock_jobs(sorted(names))
    won = await work.tx.advance_triggers(plans)
    await _record(work, [plan for plan, wins in zip(plans, won, strict=True) if wins], jobs)
    answers = iter(won)
    return [tuple(next(answers) for _ in command.plans) for command in commands]


async def _record(work: Work, plans: Sequence[SlotPlan], jobs: Jobs) -> None:
    wanted: list[tuple[NewRun, Job]] = []
    entries: list[tuple[LedgerEntry, int]] = []
    for plan in plans:
        for entry in plan.entries:
            news = list(_runs_of(plan.before, entry, jobs))
            wanted += news
            entries.append((entry, len(news)))
    ids = iter([run.id for run in await create_runs(work, wanted)])
    settled = [
        _settle(work, entry, tuple(next(ids) for _ in range(count))) for entry, count in entries
    ]
    await work.tx.insert_ledger(settled)
    for entry in settled:
        work.slots[entry.reason or entry.decision] += entry.count
    for plan in plans:
        if plan.after.state is not plan.before.state:
            work.trigger_changed(plan.after)


def _runs_of(trigger: Trigger, entry: LedgerEntry, jobs: Jobs) -> Iterator[tuple[NewRun, Job]]:
    if entry.decision is Decision.FIRED:
        for action in trigger.actions:
            job = jobs.get((trigger.group, action.job))
            if job is not None and not job.disabled:
                yield _new_run(trigger, action, entry), job


def _new_run(trigger: Trigger, action: Action, entry: LedgerEntry) -> NewRun:
    return NewRun(
        job=action.job,
        group=trigger.group,
        arguments=action.arguments,
        trigger_id=trigger.id,
        trigger=trigger.name,
        slot=entry.slot,
    )


def _settle(work: Work, entry: LedgerEntry, run_ids: tuple[int, ...]) -> LedgerEntry:
    """The entry as it is stored: a firing that found no enabled job was a skip."""
    entry = replace(entry, decided_at=work.now, run_ids=run_ids)
    if entry.decision is Decision.FIRED and not run_ids:
        return replace(entry, decision=Decision.SKIPPED, reason=SkipReason.DISABLED)
    return entry
