"""Steps executed without a board: the engine's own context over a chunk line in the test's hand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from callboard.batch.context import StepContext
from callboard.batch.outages import Patience
from callboard.batch.session import Session
from callboard.batch.state import State
from callboard.batch.step import Step
from callboard.batch.step_life import StepEnd, begin_step, live
from callboard.clock import Clock, SystemClock
from callboard.domain.batch_instance import BatchHistory, BatchInstance
from callboard.domain.batch_step import (
    Checkpoint,
    SkippedItem,
    StepCounts,
    StepExecution,
    StepState,
)
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.runners.context import StopFlag
from callboard.runners.log import RunLog
from support.factories import NOW, make_job, make_run


class Rows:
    """What stands for a connection: rows that are there when their transaction has committed."""

    def __init__(self) -> None:
        self.pending: list[Any] = []

    def append(self, row: Any) -> None:
        self.pending.append(row)


class LineTransaction:
    def __init__(self, line: Line) -> None:
        self.connection = Rows()
        self.saved: tuple[Checkpoint, Sequence[SkippedItem]] | None = None
        self._line = line

    async def save(self, checkpoint: Checkpoint, skipped: Sequence[SkippedItem] = ()) -> RunState:
        self.saved = checkpoint, skipped
        return RunState.STOPPING if self._line.stop.is_set() else RunState.RUNNING


@dataclass
class Line:
    """A ChunkLine that keeps everything; the next execution goes on from it."""

    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    rows: list[Any] = field(default_factory=list)
    skipped: list[SkippedItem] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    """Of each commit."""
    stop: StopFlag = field(default_factory=StopFlag)
    """Whether a stop was asked: each commit answers with it, and so does the run's control."""
    at_commit: Callable[[list[Any]], None] = lambda rows: None
    """Called with the rows that are about to commit; may raise."""

    @property
    def cursor(self) -> Any:
        """Of the one reader."""
        cursor: Any = self.checkpoint.cursor
        return None if cursor is None else next(iter(cursor.values()))

    async def open_step(self, step: StepExecution, known: object = None) -> Checkpoint:
        return replace(self.checkpoint, counts=StepCounts())

    @asynccontextmanager
    async def begin(self, step: StepExecution, *, epoch: int) -> AsyncIterator[LineTransaction]:
        transaction = LineTransaction(self)
        yield transaction
        assert transaction.saved is not None
        self.at_commit(transaction.connection.pending)
        self.checkpoint, skipped = transaction.saved
        self.checkpoints.append(self.checkpoint)
        self.rows += transaction.connection.pending
        self.skipped += skipped

    async def find(self, step: StepExecution) -> Checkpoint | None:
        return self.checkpoint

    @asynccontextmanager
    async def reading(self, run_id: int = 0) -> AsyncIterator[Any]:
        raise AssertionError("there is nothing to read")
        yield

    def rest(self, run_id: int) -> None: ...
    async def close(self) -> None: ...


class LineJournal:
    """A Journal that begins and ends steps, and keeps how they ended."""

    def __init__(self) -> None:
        self.ends: list[dict[str, Any]] = []

    async def begin_step(self, run: Run, name: str, visit: int, **more: Any) -> StepExecution:
        number = len(self.ends) + 1
        return StepExecution(id=number, instance_id=1, run_id=run.id, name=name, started_at=NOW)

    async def end_step(
        self, run: Run, step: StepExecution, state: StepState, exit_code: str, **more: Any
    ) -> None:
        self.ends.append({"state": state, "exit_code": exit_code, **more})

    async def keep_expected(self, step: StepExecution, expected: int) -> None: ...


async def execute(step: Step, line: Line | None = None, *, clock: Clock | None = None) -> StepEnd:
    """One execution of the step, which goes on from the line's checkpoint."""
    ctx = await begin_step(a_session(line or Line(), clock), step, step.name, 1)
    return await live(step, ctx, lambda state, code: (state, ()))


def step_of(function: Callable[[StepContext], Awaitable[None]]) -> Step:
    """A step that does what the function does."""

    class Code(Step):
        kind = "tasklet"

        async def execute(self, ctx: StepContext) -> None:
            await function(ctx)

    return Code(function.__name__)


def a_session(line: Line, clock: Clock | None = None) -> Session:
    clock = clock or SystemClock()
    run = make_run(1, make_job())
    output = RunLog(run.id, clock=clock, emit=lambda chunk: None, limit_bytes=1_000_000)
    journal: Any = LineJournal()
    instance = BatchInstance(id=1, job="report", key="k", parameters={})
    return Session(
        run=run,
        epoch=1,
        instance_id=1,
        arguments={},
        params={},
        journal=journal,
        line=line,
        mirror=None,
        patience=Patience(clock),
        history=BatchHistory(instance=instance),
        stop=line.stop,
        job_state=State(name="job_state"),
        output=output,
        log=logging.getLogger("callboard.test"),
        clock=clock,
        rng=Random(1),
        in_thread=asyncio.to_thread,
    )
