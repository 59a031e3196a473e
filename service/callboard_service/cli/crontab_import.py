"""Doing an import: what is there is compared with the plan, and only what differs is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from callboard_service.cli.client import path_of
from callboard_service.cli.crontab_plan import SOURCE, Plan, PlannedLine
from callboard_service.cli.failures import Refused
from callboard_service.cli.progress import steps
from callboard_service.cli.session import Session
from callboard_service.crontab_entry import CrontabProblem

Resource = Mapping[str, Any]

CREATED: Final = "created"
CHANGED: Final = "changed"
UNCHANGED: Final = "unchanged"
STALE: Final = "stale"
DELETED: Final = "deleted"
STALE_VERSION: Final = 412


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a line, or of what an earlier import made of a line that is gone."""

    name: str
    line: PlannedLine | None
    """None: it is no longer in the file."""
    job: str
    trigger: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import did."""

    imported: tuple[Imported, ...]
    problems: tuple[CrontabProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What a group has."""

    jobs: Mapping[str, Resource]
    triggers: Mapping[str, Resource]


async def import_plan(
    session: Session, plan: Plan, *, take_over: bool = False, prune: bool = False
) -> ImportResult:
    """Make what the plan says; again changes nothing.

    Args:
        take_over: also change what has a name of the plan but came from elsewhere.
        prune: delete what an earlier import of the same crontab made of lines that are gone.
    """
    present = await _look(session, plan.terms.group)
    problems = list(plan.problems)
    imported: list[Imported] = []
    with steps(len(plan.lines), "importing") as step:
        for line in plan.lines:
            problem = None if take_over else _stranger(line, plan, present)
            if problem is not None:
                problems.append(problem)
            else:
                imported.append(await _import_line(session, plan, line, present))
            step()
    for name in _stale(plan, present):
        imported.append(await _settle(session, plan, name, present, prune=prune))
    problems.sort(key=lambda each: (each.line, each.column))
    return ImportResult(imported=tuple(imported), problems=tuple(problems))


async def _look(session: Session, group: str) -> Present:
    jobs = await session.api.list(path_of("jobs"), {"group": group}, None)
    triggers = await session.api.list(path_of("triggers"), {"group": group}, None)
    return Present(
        jobs={job["name"]: job for job in jobs["items"]},
        triggers={trigger["name"]: trigger for trigger in triggers["items"]},
    )


def _stranger(line: PlannedLine, plan: Plan, present: Present) -> CrontabProblem | None:
    """The problem when the name belongs to something that this crontab did not make."""
    job = present.jobs.get(line.name)
    source = None if job is None else job["labels"].get(SOURCE)
    if source == plan.terms.source or (job is None and line.name not in present.triggers):
        return None
    origin = f"was imported from {source}" if source else "was not made by an import"
    noun = "trigger" if job is None else "job"
    return CrontabProblem(
        line=line.entry.line,
        column=1,
        reason=f"there is a {noun} {line.name!r} that {origin}",
        fix="--prefix gives other names, --take-over changes it",
    )


async def _import_line(
    session: Session, plan: Plan, line: PlannedLine, present: Present
) -> Imported:
    job = present.jobs.get(line.name)
    wanted = line.job
    if job is not None:
        wanted = {**wanted, "labels": {**job["labels"], **wanted["labels"]}}
    return Imported(
        name=line.name,
        line=line,
        job=await _put(session, plan, "jobs", line.name, wanted, job),
        trigger=await _put(
            session, plan, "triggers", line.name, line.trigger, present.triggers.get(line.name)
        ),
    )


async def _put(
    session: Session,
    plan: Plan,
    noun: str,
    name: str,
    wanted: Mapping[str, Any],
    present: Resource | None,
) -> str:
    """Write the wanted fields over the present ones, where they differ."""
    if present is not None and all(present[key] == value for key, value in wanted.items()):
        return UNCHANGED
    path, query = path_of(noun, name), {"group": plan.terms.group}
    document = {**(present or {}), **wanted}
    try:
        answer = await session.api.request("PUT", path, query=query, body=document)
    except Refused as refused:
        if refused.status != STALE_VERSION:
            raise
        # Somebody changed it meanwhile: what they set stays, what we own is ours.
        document = {**(await session.api.get(path, query)).value, **wanted}
        answer = await session.api.request("PUT", path, query=query, body=document)
    return CREATED if answer.status == 201 else CHANGED


def _stale(plan: Plan, present: Present) -> Iterator[str]:
    wanted = {line.name for line in plan.lines}
    for name, job in present.jobs.items():
        if job["labels"].get(SOURCE) == plan.terms.source and name not in wanted:
            yield name


async def _settle(
    session: Session, plan: Plan, name: str, present: Present, *, prune: bool
) -> Imported:
    has_trigger = name in present.triggers
    word = DELETED if prune else STALE
    if prune:
        query = {"group": plan.terms.group}
        if has_trigger:
            await session.api.request("DELETE", path_of("triggers", name), query=query)
        await session.api.request("DELETE", path_of("jobs", name), query=query)
    return Imported(name=name, line=None, job=word, trigger=word if has_trigger else "")
