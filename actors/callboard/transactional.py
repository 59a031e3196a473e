"""Starts and completions of runs within the caller's own transaction.

What is started here exists when the caller's transaction is committed, and never does when it is
rolled back; a run that is completed here has succeeded exactly if the effects beside it, in the
same transaction, have happened. Any process may start runs so: it needs no board, only a connection
to the board's database, by asyncpg, psycopg or SQLAlchemy.

    async with connection.transaction():
        await connection.execute("insert into orders ...")
        await transactional.start(connection, "ship", {"order": 7})
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from secrets import token_hex
from typing import Any, TypeAlias, TypeVar

from callboard.changes.runs import queued_run
from callboard.domain.json import Json, JsonObject
from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.parameters import check_arguments
from callboard.domain.run import NewRun, Run
from callboard.errors import Conflict, invalid
from callboard.runners.context import RunContext, current_run
from callboard.runners.result import to_result
from callboard.store.caller import (
    COMPLETE_RUN,
    GET_JOB,
    INSERT_START_REQUEST,
    Rows,
    rows_at_once,
    rows_awaited,
)
from callboard.store.postgres_json import to_json
from callboard.store.rows import JOB_COLUMNS, job_from_row

T = TypeVar("T")
Steps: TypeAlias = Generator[tuple[str, tuple[str | None, ...]], Rows, T]
"""Statements with their parameters, each answered with its rows; at last the outcome."""


class RunNotHeld(Conflict):
    """The run is not this handler's any more: whatever its transaction did must be rolled back."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        message = f"run {run_id} is not held by this node any more, or was completed before"
        super().__init__("run_not_held", message)


async def start(
    connection: Any,
    job: str,
    arguments: JsonObject | None = None,
    *,
    group: str = DEFAULT_GROUP,
    due_at: datetime | None = None,
    unique_key: str | None = None,
    priority: int | None = None,
) -> int:
    """The id of a run that begins its life when the caller's transaction is committed.

    Args:
        connection: asynchronous: of asyncpg, psycopg (AsyncConnection) or SQLAlchemy
            (AsyncConnection, AsyncSession).
        unique_key: when a live run of the job has it at that time, this one ends at once as
            stopped, its error naming the other one. One that finds a job full at that time which
            refuses then (`on_full`) ends at once as failed.
    Raises:
        InvalidInput: there is no such job, or an argument is wrong.
        Conflict: job_disabled.
    """
    new = NewRun(
        job=job,
        group=group,
        arguments=arguments,
        due_at=due_at,
        unique_key=unique_key,
        priority=priority,
    )
    return (await started_on(connection, new)).id


def start_sync(
    connection: Any,
    job: str,
    arguments: JsonObject | None = None,
    *,
    group: str = DEFAULT_GROUP,
    due_at: datetime | None = None,
    unique_key: str | None = None,
    priority: int | None = None,
) -> int:
    """As `start`, on a synchronous connection of psycopg or SQLAlchemy (Connection, Session)."""
    new = NewRun(
        job=job,
        group=group,
        arguments=arguments,
        due_at=due_at,
        unique_key=unique_key,
        priority=priority,
    )
    return _at_once(connection, _starting(new, None)).id


async def complete(connection: Any, result: Json = None) -> None:
    """The calling handler's run has succeeded when the caller's transaction is committed.

    Whatever the handler does afterwards, and whatever becomes of its node: the run ends as
    succeeded with this result, and is not executed again.

    Raises:
        RunNotHeld: somebody else has the run by now; roll back.
        NoRun: there is no run here.
    """
    await _awaited(connection, _completing(current_run(), result))


def complete_sync(connection: Any, result: Json = None) -> None:
    """As `complete`, on a synchronous connection."""
    _at_once(connection, _completing(current_run(), result))


async def started_on(connection: Any, new: NewRun, run_id: int | None = None) -> Run:
    """As `start`: the run as it is going to be, under an id of a block of one's own."""
    return await _awaited(connection, _starting(new, run_id))


async def _awaited(connection: Any, steps: Steps[T]) -> T:
    try:
        statement, parameters = next(steps)
        while True:
            rows = await rows_awaited(connection, statement, *parameters)
            statement, parameters = steps.send(rows)
    except StopIteration as done:
        answer: T = done.value
        return answer


def _at_once(connection: Any, steps: Steps[T]) -> T:
    try:
        statement, parameters = next(steps)
        while True:
            statement, parameters = steps.send(rows_at_once(connection, statement, *parameters))
    except StopIteration as done:
        answer: T = done.value
        return answer


def _starting(new: NewRun, run_id: int | None) -> Steps[Run]:
    """Find the job, check what is wanted of it, and leave the request."""
    rows = yield GET_JOB, (new.group, new.job)
    if not rows:
        raise invalid("job", f"there is no job {new.job!r} in the group {new.group!r}")
    job = job_from_row(dict(zip(JOB_COLUMNS, rows[0], strict=True)))
    if job.disabled:
        raise Conflict("job_disabled", f"job {new.job!r} is disabled")
    check_arguments(job, new.arguments)
    arguments, trace_id = job.arguments_with(new.arguments), new.trace_id or token_hex(16)
    ((run_id, now),) = yield (
        INSERT_START_REQUEST,
        (
            None if run_id is None else str(run_id),
            str(job.id),
            job.name,
            job.group,
            to_json(arguments),
            None if new.due_at is None else new.due_at.isoformat(),
            new.unique_key,
            None if new.priority is None else str(new.priority),
            trace_id,
        ),
    )
    return queued_run(
        run_id,
        job,
        arguments,
        trace_id,
        now,
        new.due_at or now,
        unique_key=new.unique_key,
        priority=new.priority,
    )


def _completing(context: RunContext, result: Json) -> Steps[None]:
    result, mask = to_result(result), context.output.mask
    completed = to_json({"result": result if mask is None else mask.json(result)})
    rows = yield COMPLETE_RUN, (str(context.run_id), str(context.epoch), completed)
    if not rows:
        raise RunNotHeld(context.run_id)
