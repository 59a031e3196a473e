"""Pages of things that may be large: as many as one answer should hold, which may be fewer than
were asked for. A job, a run, a trigger may have a megabyte of arguments, and a page a thousand.

They are read in portions: a usual page takes one statement, one of a thousand small things two.
Where large things lie behind a hundred small ones, what is read in vain may be more than a page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeAlias, TypeVar

from callboard.domain.batch_instance import BatchInstance
from callboard.domain.batch_step import StepExecution
from callboard.domain.calendar import Calendar
from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.domain.trigger import Trigger
from callboard.domain.workflow import Workflow, WorkflowRun
from callboard.store.contract import (
    CalendarFilter,
    JobFilter,
    RunFilter,
    TriggerFilter,
    WorkflowFilter,
    WorkflowRunFilter,
)
from callboard_service.wire.text import encode_json

MOST_BYTES: Final = 4 * 2**20
"""Of a page, but for its first thing."""
FIRST: Final = 101
"""Things that are read to begin with: a usual page, and one to see whether there are more."""
GROWTH: Final = 10
"""So many times as many as before at the most, when those are small."""
_BLOCK: Final = 20
"""Things that are weighed at once."""


class Named(Protocol):
    """What a list has by group and name."""

    @property
    def group(self) -> str: ...
    @property
    def name(self) -> str: ...


class Numbered(Protocol):
    """What a list has by id."""

    @property
    def id(self) -> int: ...


T = TypeVar("T")
ByName = TypeVar("ByName", bound=Named)
ById = TypeVar("ById", bound=Numbered)
OfNames = TypeVar("OfNames", CalendarFilter, JobFilter, TriggerFilter, WorkflowFilter)
OfIds = TypeVar("OfIds", RunFilter, WorkflowRunFilter)

Contents: TypeAlias = Callable[[Sequence[T]], object]
"""What of things may be large, as JSON values; the rest of them counts for nothing."""
Read: TypeAlias = Callable[[T | None, int], Awaitable[Sequence[T]]]
"""Gives so many things, from behind that one; None: from where the page begins."""


async def read_in_portions(size: int, read: Read[T], contents: Contents[T]) -> tuple[list[T], bool]:
    """A page of `size` things at the most, and whether there are more behind it."""
    found: list[T] = []
    bytes_, portion = 0, FIRST
    while True:
        limit = min(portion, size + 1 - len(found))
        more = await read(found[-1] if found else None, limit)
        fitting, weight = _fitting(more, contents, MOST_BYTES - bytes_, is_first=not found)
        found += fitting
        bytes_ += weight
        if len(fitting) < len(more) or len(found) > size:
            return found[:size], True
        if len(more) < limit:
            return found, False
        portion = min(GROWTH * len(found), max(_BLOCK, _room(bytes_, len(found))))


def in_order_of_names(
    list_page: Callable[[OfNames], Awaitable[list[ByName]]], wanted: OfNames
) -> Read[ByName]:
    """Reads a list by group and name; the page begins where the filter says."""

    async def read(last: ByName | None, limit: int) -> list[ByName]:
        after = wanted.after if last is None else (last.group, last.name)
        return await list_page(replace(wanted, after=after, limit=limit))

    return read


def newest_first(list_page: Callable[[OfIds], Awaitable[list[ById]]], wanted: OfIds) -> Read[ById]:
    """Reads a list that has the newest first; the page begins where the filter says."""

    async def read(last: ById | None, limit: int) -> list[ById]:
        before_id = wanted.before_id if last is None else last.id
        return await list_page(replace(wanted, before_id=before_id, limit=limit))

    return read


def bytes_of(value: object) -> int:
    return len(encode_json(value))


def _fitting(
    things: Sequence[T], contents: Contents[T], room: int, *, is_first: bool
) -> tuple[Sequence[T], int]:
    """Those of the things, from the first one on, that there is room for, and their bytes."""
    weight = 0
    for start in range(0, len(things), _BLOCK):
        block = things[start : start + _BLOCK]
        of_block = bytes_of(contents(block))
        if weight + of_block <= room:
            weight += of_block
            continue
        for place, each in enumerate(block, start):
            own = bytes_of(contents([each]))
            if weight + own > room and not (is_first and place == 0):
                return things[:place], weight
            weight += own
    return things, weight


def _room(bytes_: int, count: int) -> int:
    """For so many more things there is room, if they are like those before."""
    return (MOST_BYTES - bytes_) * count // max(1, bytes_)


def of_runs(runs: Sequence[Run]) -> object:
    return [
        [run.arguments for run in runs],
        [run.result for run in runs],
        [run.error.traceback for run in runs if run.error is not None],
        [run.terms.annotations for run in runs if run.terms is not None],
    ]


def of_jobs(jobs: Sequence[Job]) -> object:
    return [
        [job.arguments, job.fixed_arguments, job.spec, job.parameters, job.annotations]
        for job in jobs
    ]


def of_triggers(triggers: Sequence[Trigger]) -> object:
    return [[[each.arguments for each in one.actions], one.annotations] for one in triggers]


def of_calendars(calendars: Sequence[Calendar]) -> object:
    return [calendar.definition for calendar in calendars]


def of_workflows(workflows: Sequence[Workflow]) -> object:
    return [
        [each.description, each.properties, each.run_arguments, each.annotations]
        for each in workflows
    ]


def of_workflow_runs(runs: Sequence[WorkflowRun]) -> object:
    return [[run.properties, run.run_arguments, run.runs, run.event] for run in runs]


def of_instances(instances: Sequence[BatchInstance]) -> object:
    return [instance.parameters for instance in instances]


def of_steps(steps: Sequence[StepExecution]) -> object:
    return [[step.checkpoint.cursor, step.checkpoint.context, step.plan] for step in steps]
