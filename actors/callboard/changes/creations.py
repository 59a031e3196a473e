"""The creation of triggers: those that share a transaction, in a few statements for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from callboard.changes.calendars import calendar_problems
from callboard.changes.conditions import Links, job_names, watch, watch_problems
from callboard.changes.work import Work
from callboard.changes.workflow_members import Members, open_members
from callboard.clock import next_turn
from callboard.commands import CreateTrigger, CreateTriggers
from callboard.domain.amend import amended
from callboard.domain.batch_arguments import given_problems
from callboard.domain.batch_parameter import rules_from_spec
from callboard.domain.calendar import Calendar
from callboard.domain.job import Job
from callboard.domain.parameters import ArgumentChecks
from callboard.domain.trigger import Trigger, TriggerState, activated
from callboard.errors import (
    AlreadyExists,
    FieldProblem,
    InvalidInput,
    RefusedError,
    TransactionConflict,
    UsageError,
)
from callboard.store.known_calendars import with_calendars

TRIGGERS_PER_TURN: Final = 200
"""How many first slots are looked for before others have their turn on the loop."""

Refusal: TypeAlias = RefusedError | UsageError
Name: TypeAlias = tuple[str, str]
"""Group and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What triggers name; none of it changes until the commit."""

    jobs: Mapping[Name, Job]
    calendars: Mapping[Name, Calendar]
    members: Members


async def create_trigger(work: Work, command: CreateTrigger) -> Trigger:
    (answer,) = await create_each(work, [command])
    if isinstance(answer, Exception):
        raise answer
    return answer


async def create_each(work: Work, commands: Sequence[CreateTrigger]) -> list[Trigger | Refusal]:
    """The answers of many creations that share one commit, in their order."""
    around = await _surroundings(work, [command.trigger for command in commands])
    links = Links(work)
    drafts = [
        await _linked(links, _draft(work, around, each.trigger, activate=each.activate))
        for each in commands
    ]
    fresh = [each for each in drafts if isinstance(each, Trigger)]
    stored = iter(await _insert(work, around, fresh))
    return [
        next(stored) or AlreadyExists("trigger", draft.name)
        if isinstance(draft, Trigger)
        else draft
        for draft in drafts
    ]


async def create_all(
    work: Work, commands: Sequence[CreateTriggers]
) -> list[tuple[Trigger, ...] | Refusal]:
    """The answers of many such commands that share one commit, each all or none."""
    wanted = [trigger for command in commands for trigger in command.triggers]
    around = await _surroundings(work, wanted)
    taken = await work.tx.taken_trigger_names([_name(trigger) for trigger in wanted])
    answers: list[list[Trigger] | Refusal] = []
    links = Links(work)
    for command in commands:
        drafts = await _drafts(work, around, links, command)
        answer = (_taken(drafts, taken) or drafts) if isinstance(drafts, list) else drafts
        if isinstance(answer, list):
            taken |= {_name(draft) for draft in answer}
        answers.append(answer)
    right = [draft for drafts in answers if isinstance(drafts, list) for draft in drafts]
    stored = iter(_all_stored(await _insert(work, around, right)))
    return [
        tuple(next(stored) for _ in drafts) if isinstance(drafts, list) else drafts
        for drafts in answers
    ]


def job_problems(trigger: Trigger, jobs: Mapping[Name, Job]) -> list[FieldProblem]:
    """The actions on jobs that are not among those, where they have to be."""
    if not trigger.needs_its_jobs:
        return []
    return [
        FieldProblem(
            f"actions[{index}].job",
            f"there is no job {action.job!r} in the group {trigger.group!r}",
            "create it first",
        )
        for index, action in enumerate(trigger.actions)
        if (trigger.group, action.job) not in jobs
    ]


def action_problems(
    trigger: Trigger, jobs: Mapping[Name, Job], checks: ArgumentChecks
) -> list[FieldProblem]:
    """Arguments of actions that do not fit their jobs.

    A trigger without slots may leave some of them to those who fire it; of a batch job, any may be
    left to the begin of its runs.
    """
    partial = trigger.schedule.kind == "on_demand"
    problems: list[FieldProblem] = []
    for index, action in enumerate(trigger.actions):
        job, prefix = jobs.get((trigger.group, action.job)), f"actions[{index}].arguments"
        if job is not None:
            problems += checks.problems(job, action.arguments, prefix, partial=partial)
            if job.kind == "batch":
                rules = rules_from_spec(job.spec)
                problems += given_problems(rules, job.arguments_with(action.arguments), prefix)
    return problems


async def _surroundings(work: Work, triggers: Sequence[Trigger]) -> Surroundings:
    jobs = {name for each in triggers for name in job_names(each)}
    calendars = {(each.group, rule.calendar) for each in triggers for rule in each.calendars}
    return Surroundings(
        jobs=await work.tx.lock_jobs(sorted(jobs)),
        calendars=await work.tx.lock_calendars(sorted(calendars)) if calendars else {},
        members=await open_members(work, triggers),
    )


def _draft(
    work: Work, around: Surroundings, wanted: Trigger, *, activate: bool
) -> Trigger | Refusal:
    """The trigger as it is to be stored, or what is wrong with it."""
    problems = [
        *around.members.problems(wanted),
        *calendar_problems(wanted, around.calendars),
        *job_problems(wanted, around.jobs),
        *watch_problems(wanted, around.jobs),
        *action_problems(wanted, around.jobs, work.checks),
    ]
    if problems:
        return InvalidInput(*problems)
    if (conflict := around.members.conflict(wanted)) is not None:
        return conflict
    obeying = with_calendars(wanted, around.calendars)
    if not activate:
        return amended(obeying, state=TriggerState.INACTIVE, next_slot=None, resume_at=None)
    try:
        return activated(obeying, work.now)
    except UsageError as refusal:
        return refusal


async def _linked(links: Links, draft: Trigger | Refusal) -> Trigger | Refusal:
    """The draft, unless it would make a job start itself in the end (R11)."""
    problems = await links.problems(draft) if isinstance(draft, Trigger) else ()
    return InvalidInput(*problems) if problems else draft


async def _drafts(
    work: Work, around: Surroundings, links: Links, command: CreateTriggers
) -> list[Trigger] | Refusal:
    drafts: list[Trigger] = []
    problems: list[FieldProblem] = []
    seen: set[Name] = set()
    for index, wanted in enumerate(command.triggers):
        activate = command.activate and wanted.state is not TriggerState.INACTIVE
        draft = await _linked(links, _draft(work, around, wanted, activate=activate))
        if isinstance(draft, InvalidInput):
            problems += draft.under(f"triggers[{index}]").problems
        elif not isinstance(draft, Trigger):
            return draft
        elif _name(draft) in seen:
            reason = f"{draft.name!r} is the name of one before it"
            problems.append(FieldProblem(f"triggers[{index}].name", reason))
        else:
            drafts.append(draft)
            seen.add(_name(draft))
        if index % TRIGGERS_PER_TURN == TRIGGERS_PER_TURN - 1:
            await next_turn()
    return InvalidInput(*problems) if problems else drafts


def _taken(drafts: Sequence[Trigger], taken: set[Name]) -> AlreadyExists | None:
    names = (draft.name for draft in drafts if _name(draft) in taken)
    first = next(names, None)
    return None if first is None else AlreadyExists("trigger", first)


async def _insert(
    work: Work, around: Surroundings, drafts: Sequence[Trigger]
) -> list[Trigger | None]:
    stored = await work.tx.insert_triggers(drafts) if drafts else []
    present = [trigger for trigger in stored if trigger is not None]
    for trigger in present:
        work.trigger_changed(trigger)
    await watch(work, present, around.jobs)
    return stored


def _all_stored(stored: Sequence[Trigger | None]) -> list[Trigger]:
    present = [trigger for trigger in stored if trigger is not None]
    if len(present) < len(stored):
        raise TransactionConflict("the name of a trigger was taken at the same moment")
    return present


def _name(trigger: Trigger) -> Name:
    return trigger.group, trigger.name
