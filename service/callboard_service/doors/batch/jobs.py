"""/api/jobs: batch jobs, their executions and instances."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec
from aiohttp import web

from callboard.domain.run import Run
from callboard.errors import FieldProblem
from callboard.store.contract import RunFilter
from callboard_service.call import Call, json_answer
from callboard_service.doors.batch.job_document import instance_document, job_document
from callboard_service.doors.batch.loading import batch_job, job_executions, rules_of
from callboard_service.doors.batch.operation import Operation, group_of
from callboard_service.doors.batch.words import STATUSES, states_of_status
from callboard_service.problems import bad_query

T = TypeVar("T")
MOST_COUNT: Final = 1000
MOST_START: Final = 100_000
RUNNING: Final = "running"


class Slice(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which part of a list, as JobOperator says it."""

    start: Annotated[int, msgspec.Meta(ge=0, le=MOST_START)] = 0
    count: Annotated[int, msgspec.Meta(ge=1, le=MOST_COUNT)] = 100


class ExecutionsQuery(Slice, kw_only=True, forbid_unknown_fields=True):
    """Which executions of a job: those of a BatchStatus, or the ids of those that run."""

    status: str | None = None


async def get_job_names(call: Call[Any]) -> web.Response:
    return json_answer(await call.board.operator.job_names(group_of(call.request)))


async def get_job(call: Call[Any]) -> web.Response:
    return json_answer(job_document(await batch_job(call.board, group_of(call.request), call.name)))


async def get_executions(call: Call[ExecutionsQuery]) -> web.Response:
    query, group = call.query, group_of(call.request)
    if query.status is not None and query.status.lower() == RUNNING:
        return json_answer(await call.board.operator.running(call.name, group=group))
    runs = await _runs(call, group)
    if not runs:
        await batch_job(call.board, group, call.name)
    batches = await call.board.operator.batch_runs([run.id for run in runs])
    found = await job_executions(call.board, runs, batches)
    return json_answer([each.to_json() for each in found])


async def get_job_instances(call: Call[Slice]) -> web.Response:
    group, name = group_of(call.request), call.name
    found = await part_of(
        call.query,
        lambda limit, before: call.board.operator.instances(
            name, group=group, limit=limit, before_id=before
        ),
    )
    rules = await rules_of(call.board, group, name)
    return json_answer([instance_document(each, rules) for each in found])


async def _runs(call: Call[ExecutionsQuery], group: str) -> Sequence[Run]:
    states = _states(call.query.status)

    async def page(limit: int, before: int | None) -> list[Run]:
        asked = RunFilter(group=group, job=call.name, states=states, before_id=before, limit=limit)
        return await call.board.list_runs(asked)

    return [run for run in await part_of(call.query, page) if run.is_batch]


async def part_of(
    query: Slice, page: Callable[[int, int | None], Awaitable[list[T]]]
) -> Sequence[T]:
    """The part of a list, newest first, that is to be had by pages.

    Args:
        page: so many, from behind the thing of that id.
    """
    wanted, found, before = query.start + query.count, 0, None
    kept: list[T] = []
    while found < wanted:
        limit = min(MOST_COUNT, wanted - found)
        things = await page(limit, before)
        kept += things[max(query.start - found, 0) :]
        found += len(things)
        if len(things) < limit:
            break
        before = things[-1].id  # type: ignore[attr-defined]
    return kept


def _states(status: str | None) -> tuple[Any, ...]:
    if status is None:
        return ()
    if not (states := states_of_status(status.upper())):
        fix = f"{RUNNING}, or one of {', '.join(dict.fromkeys(STATUSES.values()))}"
        raise bad_query([FieldProblem("status", f"{status[:40]!a} is no BatchStatus", fix)])
    return states


_ONE: Final = "/api/jobs/{name}"

OPERATIONS: Final = (
    Operation(method="GET", path="/api/jobs", name="getJobNames", handle=get_job_names),
    Operation(method="GET", path=_ONE, name="getJob", handle=get_job),
    Operation(
        method="GET",
        path=f"{_ONE}/executions",
        name="getJobExecutions",
        handle=get_executions,
        query=ExecutionsQuery,
    ),
    Operation(
        method="GET",
        path=f"{_ONE}/instances",
        name="getJobInstances",
        handle=get_job_instances,
        query=Slice,
    ),
)
