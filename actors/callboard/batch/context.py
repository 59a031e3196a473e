"""StepContext: what the code of a step can know, keep and write."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from random import Random  # noqa: TID251 - the type only; the board brings the generator
from typing import TYPE_CHECKING, Any

from callboard.batch.checkpoints import Checkpoints
from callboard.batch.chunk import Chunks
from callboard.batch.progress import Pace
from callboard.batch.reading import Reading, open_reader, reader_of
from callboard.batch.reads import Reads
from callboard.batch.state import State
from callboard.batch.step import Interrupted, Step
from callboard.batch.transaction import StepTransaction
from callboard.clock import Clock
from callboard.domain.batch_code import MAX_CODE, is_exit_code
from callboard.domain.batch_partitions import (
    PartitionsBefore,
    managers_of,
    partitions_before,
)
from callboard.domain.batch_step import Checkpoint, StepCounts, StepExecution, StepState
from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.errors import InvalidInput, UsageError, invalid
from callboard.runners.context import StopFlag
from callboard.runners.log import RunLog

if TYPE_CHECKING:
    from callboard.batch.journal import Journal
    from callboard.batch.session import Session
    from callboard.batch.step_life import StepEnd


class StepContext:
    """Of one execution of a step; another one has another."""

    def __init__(
        self,
        session: Session,
        checkpoints: Checkpoints,
        *,
        job_state: State,
        pace: Pace,
        inputs: JsonObject | None = None,
    ) -> None:
        self.session = session
        """What all steps of the run share; for kinds of steps."""
        self._checkpoints = checkpoints
        self.execution: StepExecution = checkpoints.execution
        self.job_state = job_state
        """The job's context: what is put here is stored together with the step's end."""
        self.inputs: Mapping[str, Any] = inputs or {}
        """What the plan says of this partition; of other steps empty."""
        self.pace = pace
        self.was_interrupted = False
        self.has_chunks = False
        """Whether it was read by `chunks` or `open`."""
        self._reads = Reads(checkpoints.line, checkpoints.execution.run_id)
        self._exit_code: str | None = None
        self._chunks: list[Chunks] = []
        self._partitions: PartitionsBefore | None = None
        self._readings: dict[str, Reading] = {}

    def __repr__(self) -> str:
        return f"<StepContext of {self.execution.name}, run {self.run_id}>"

    # what it is

    @property
    def run(self) -> Run:
        return self.session.run

    @property
    def run_id(self) -> int:
        return self.session.run.id

    @property
    def epoch(self) -> int:
        """Under which its node holds the run."""
        return self.session.epoch

    @property
    def instance_id(self) -> int:
        return self.execution.instance_id

    @property
    def step(self) -> str:
        """The step's name; of a partition `step:partition`."""
        return self.execution.name

    @property
    def visit(self) -> int:
        """How often the flow has come here, this time included."""
        return self.execution.visit

    @property
    def arguments(self) -> JsonObject:
        """The run's parameters as JSON values."""
        return self.session.arguments

    @property
    def params(self) -> Any:
        """The run's parameters: an object of the job's class, or what `arguments` gives."""
        return self.session.params

    # what it remembers

    @property
    def state(self) -> State:
        """The step's context: it commits with each chunk, and is there again after a restart."""
        return self._checkpoints.state

    @property
    def counts(self) -> StepCounts:
        """What this execution has done so far."""
        return self._checkpoints.tally.counts()

    @property
    def exit_code(self) -> str | None:
        """What the step says of itself; None: COMPLETED when it succeeds."""
        return self._exit_code

    @exit_code.setter
    def exit_code(self, code: str | None) -> None:
        if code is not None:
            check_exit_code(code, "exit_code")
        self._exit_code = code

    # how it goes on

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to stop. From any thread."""
        return self.session.stop.is_set()

    def check_stop(self) -> None:
        """Raises Interrupted when the run was asked to stop, or is to go on on another node, and
        StepNotHeld when it is lost."""
        self._checkpoints.check_held()
        if self.session.stop.is_set() or self.session.leaving.is_set():
            self.was_interrupted = True
            raise Interrupted(f"run {self.run_id} is to end here")

    def when_stopping(self, callback: Callable[[], object]) -> None:
        """Call it once, when a stop is asked; at once when it was."""
        self.session.stop.call_when_set(callback)

    @property
    def clock(self) -> Clock:
        return self.session.clock

    @property
    def rng(self) -> Random:
        return self.session.rng

    # what it reads and writes

    @property
    def db(self) -> Reads:
        """Reads outside of chunks: fetch, fetchrow, fetchval, stream."""
        return self._reads

    def chunks(
        self,
        source: Any,
        *,
        size: int,
        name: str | None = None,
        args: Mapping[str, Any] | None = None,
        expected: int | None = None,
    ) -> Chunks:
        """The items of a reader, `size` at a time; see chunk.py.

        Args:
            source: a reader, or what can be one; see reading.py.
            name: under which its place is kept; the reader's own by default.
            args: what the reader is called with by name, beside the context and its place.
            expected: items that it will give in all, over all runs, for progress.
        """
        chunks = Chunks(self, lambda: self._open(source, name, args, expected), size)
        self._chunks.append(chunks)
        return chunks

    async def open(
        self, source: Any, *, name: str | None = None, args: Mapping[str, Any] | None = None
    ) -> Reading:
        """A reader at its place, for kinds of steps that make their own chunks."""
        reader = reader_of(source, name)
        if reader.name in self._readings:
            reason = f"two readers of step {self.step} are named {reader.name!r}"
            raise UsageError(f"{reason}: their places would be one; give `name`")
        self.has_chunks = True
        checkpoints = self._checkpoints
        cursor = checkpoints.cursors.get(reader.name) if reader.save_state else None
        reading = await open_reader(reader, self, cursor, args or {}, checkpoints.tally)
        self._readings[reader.name] = reading
        return reading

    def transaction(self, *, timeout_s: float | None = None) -> StepTransaction:
        """What is written in it commits together with the step's checkpoint; see transaction.py.

        Args:
            timeout_s: seconds after which the block is rolled back with TimeoutError.
        """
        return StepTransaction(self._checkpoints, timeout_s=timeout_s)

    async def in_thread(self, call: Callable[..., Any], *args: Any) -> Any:
        """What the call gives, made in a thread of the board's, with the run as its context."""
        return await self.session.in_thread(call, *args)

    async def save(self) -> None:
        """Commit the step's context as it is now."""
        async with self.transaction():
            pass

    def count(self, *, reads: int = 0, rollbacks: int = 0, retries: int = 0) -> None:
        """Count what stays counted although nothing commits."""
        tally = self._checkpoints.tally
        tally.reads += reads
        tally.rollbacks += rollbacks
        tally.retries += retries

    # what it says

    @property
    def log(self) -> logging.Logger:
        """A logger whose lines go to the run's log, and nowhere else."""
        return self.session.log

    @property
    def output(self) -> RunLog:
        """The run's log: `print` and `logging` lead there already."""
        return self.session.output

    def progress(self, done: float, total: float | None = None, note: str | None = None) -> None:
        """Say how far the step is; without it, its counters say so."""
        self.pace.is_told = True
        self.output.report(done, total, note)

    async def expect(self, items: int) -> None:
        """Say how many items the step has in all, over all runs of the instance, for progress."""
        if isinstance(items, bool) or not isinstance(items, int) or items < 0:
            raise invalid("expected", f"{items!r} is not a number of items", "None: not known")
        if items != self.execution.expected:
            await self.journal.keep_expected(self.execution, items)
            self.execution = replace(self.execution, expected=items)
        if self.execution.manager_id is None:
            self.pace.expected = items

    # for steps that are made of others

    @property
    def journal(self) -> Journal:
        """What is stored of the run; outages are waited for."""
        return self.session.journal

    @property
    def plan(self) -> tuple[JsonObject, ...] | None:
        """Of a partitioned step, when an earlier execution, or this one, has kept it."""
        return self.execution.plan

    async def keep_plan(self, plan: tuple[JsonObject, ...]) -> None:
        """Store what the partitions are, before any of them begins."""
        await self.journal.keep_plan(self.execution, plan)
        self.execution = replace(self.execution, plan=plan)

    async def partitions(self) -> PartitionsBefore:
        """What earlier executions of the step have made of its partitions on this visit."""
        if self._partitions is None:
            records = await self.journal.partitions(self.execution)
            managers = managers_of(self.session.history.steps, self.execution)
            self._partitions = partitions_before(records, managers)
        return self._partitions

    async def run_partition(
        self,
        name: str,
        inputs: JsonObject,
        step: Step | Callable[[StepContext], Awaitable[object]],
        *,
        stop: StopFlag | None = None,
    ) -> StepEnd:
        """The whole life of one partition: a step execution of its own, `step:name`.

        What it raises is told in its end, besides a cancellation and StepNotHeld.

        Args:
            stop: what it is stopped by; the run's flag by default.
        """
        from callboard.batch.partition_life import run_partition

        return await run_partition(self, name, inputs, step, stop)

    def add_counts(self, counts: StepCounts) -> None:
        """Count what partitions have done."""
        self._checkpoints.tally.add(counts)

    # for the engine

    def check_held(self) -> None:
        """Raises StepNotHeld once anything has said so."""
        self._checkpoints.check_held()

    async def catch_up(self) -> None:
        """Have the board know all that has committed. Raises StepNotHeld."""
        await self._checkpoints.catch_up()

    def checkpoint_at_end(self, state: StepState) -> Checkpoint:
        """What is stored of a step that ends so: of one that failed, the context that has
        committed."""
        checkpoints = self._checkpoints
        if state is StepState.FAILED:
            return checkpoints.checkpoint(checkpoints.committed_context)
        try:
            return checkpoints.checkpoint(self.state.snapshot())
        except InvalidInput:
            return checkpoints.checkpoint(checkpoints.committed_context)

    def check_ended(self) -> None:
        """Raises ChunkNotCommitted when a chunk was left as it was, UsageError when a transaction
        is open."""
        for chunks in self._chunks:
            chunks.check_committed()
        if self._checkpoints.is_open:
            reason = f"step {self.step} has ended with a transaction open, which is rolled back"
            raise UsageError(f"{reason}: use `async with`, and await the tasks that have one")

    async def close(self) -> None:
        """Close what is open; what that raises is only logged."""
        self.pace.tell()
        await self._checkpoints.leave()
        for reading in self._readings.values():
            try:
                await reading.close()
            except Exception:
                self.log.warning("reader %s raised as it was closed", reading.name, exc_info=True)
        try:
            await self._reads.close()
        except Exception:
            self.log.warning("a stream raised as it was closed", exc_info=True)
        self._checkpoints.line.rest(self.run_id)

    async def _open(
        self, source: Any, name: str | None, args: Mapping[str, Any] | None, expected: int | None
    ) -> Reading:
        if expected is not None:
            await self.expect(expected)
        return await self.open(source, name=name, args=args)


def check_exit_code(code: object, field: str) -> str:
    """The exit code; raises InvalidInput for what cannot be one."""
    if is_exit_code(code):
        return code
    raise invalid(field, f"{code!r:.300} is not a text of 1 to {MAX_CODE} printable characters")
