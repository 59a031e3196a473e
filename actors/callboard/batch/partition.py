"""Partition: a step that is executed as several ones side by side, each for its part of the data.

    report = Partition("report", plan=by_region, step=report_region, grid=8, concurrency=4)

A planner says once what the parts are. That is stored before the first of them begins, and holds
for every restart, whatever has become of the data since; a planner that raised is asked again.
Each part is an execution `step:part` of its own, with `ctx.inputs` from the plan, and checkpoints
of its own. A restart executes those that have not succeeded, each from where it was.

The step counts what its partitions do. It fails when one of them does, and ends as stopped when
they were stopped, each at its own boundary; its exit code is the most severe of theirs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, get_args

from callboard.batch.local_stop import LocalStop
from callboard.batch.side_by_side import side_by_side
from callboard.batch.state import Masked, check_secrets
from callboard.batch.step import Interrupted, Step
from callboard.batch.step_life import is_lost
from callboard.batch.tasklet import FunctionStep
from callboard.domain.batch_code import worst_code
from callboard.domain.batch_partitions import plan_of
from callboard.domain.batch_step import FAILED, PASSED, STOPPED, StepState
from callboard.domain.json import JsonObject
from callboard.errors import CallboardError, Conflict, invalid

if TYPE_CHECKING:
    from callboard.batch.context import StepContext

OnFailure = Literal["finish", "stop"]
MOST_AT_ONCE: Final = 1000
MOST_GRID: Final = 1_000_000


class Partition(Step):
    """A step in parts."""

    kind: ClassVar[str] = "partition"

    def __init__(
        self,
        name: str,
        *,
        plan: Callable[..., Any],
        step: Step | Callable[..., Any],
        grid: int = 8,
        concurrency: int = 4,
        on_failure: OnFailure = "finish",
        **rules: Any,
    ) -> None:
        """Args:
        plan: a function of the context and the grid, also a coroutine function, that gives a
            mapping of partitions' names to their inputs, or a list of inputs, which are numbered
            then.
        step: what is done for each: a function of the context, or a ChunkStep.
        grid: how many partitions the planner is asked for; it may give any other number.
        concurrency: how many are executed at once.
        on_failure: what becomes of the others when one fails: they finish, or they stop at their
            next boundary and none begins any more; a restart goes on with them.
        rules: as of Step; a start limit is one of the step, not of its partitions.
        Raises:
            InvalidInput: at the argument that is wrong.
        """
        super().__init__(name, **rules)
        if not callable(plan):
            raise invalid("plan", f"{plan!r} is not a function", "give one of (ctx, grid)")
        if on_failure not in get_args(OnFailure):
            raise invalid("on_failure", f"{on_failure!r} is unknown", "use finish or stop")
        self.plan = plan
        self.step = step if isinstance(step, Step) else FunctionStep(step, name=name)
        if isinstance(self.step, Partition):
            raise invalid("step", "is partitioned itself", "let the planner make finer parts")
        self.grid = _number("grid", grid, MOST_GRID)
        self.concurrency = _number("concurrency", concurrency, MOST_AT_ONCE)
        self.on_failure = on_failure

    def spec(self) -> JsonObject:
        return {
            **super().spec(),
            "grid": self.grid,
            "concurrency": self.concurrency,
            "on_failure": self.on_failure,
        }

    async def execute(self, ctx: StepContext) -> None:
        plan = ctx.plan
        if plan is None:
            plan = await self._planned(ctx)
            await ctx.keep_plan(plan)
        known = (await ctx.partitions()).last
        before = {name: last for name, last in known.items() if last.state in PASSED}
        stop = LocalStop(ctx.session.stop)
        works = [
            partial(self._partition, ctx, entry, stop)
            for entry in plan
            if entry["name"] not in before
        ]
        parts = await side_by_side(
            works,
            name=f"partition.{self.name}",
            limit=self.concurrency,
            activity=ctx.session.activity,
        )
        _raise_worst(parts)
        codes = [last.exit_code for last in before.values()]
        ctx.exit_code = worst_code([*codes, *(part.code for part in parts)])

    async def _planned(self, ctx: StepContext) -> tuple[JsonObject, ...]:
        ctx.check_stop()
        if inspect.iscoroutinefunction(inspect.unwrap(self.plan)):
            given = await self.plan(ctx, self.grid)
        else:
            given = await ctx.in_thread(self.plan, ctx, self.grid)
            if inspect.isawaitable(given):
                given = await given
        plan = plan_of(given, f"{self.name}.plan")
        for entry in plan:
            _check_secrets(entry, f"{self.name}.plan", ctx.output.masking)
        return plan

    async def _partition(self, ctx: StepContext, entry: JsonObject, stop: LocalStop) -> _Part:
        name, inputs = str(entry["name"]), entry["inputs"]
        assert isinstance(inputs, Mapping)
        if stop.is_set() or ctx.session.leaving.is_set():
            return _Part(name, StepState.STOPPED, STOPPED)
        try:
            end = await ctx.run_partition(name, inputs, self.step, stop=stop)
        except Conflict as refusal:
            if is_lost(refusal):
                raise
            part = _Part(name, StepState.FAILED, FAILED, refusal)
        else:
            ctx.add_counts(end.counts)
            part = _Part(name, end.state, end.exit_code, end.error)
        if part.state is StepState.FAILED:
            ctx.log.error("partition %s of step %s failed: %s", name, self.name, part.error)
            if self.on_failure == "stop":
                stop.halt()
        return part


def _check_secrets(entry: JsonObject, field: str, masked: Masked | None) -> None:
    """A plan is stored and shown as it is."""
    check_secrets(entry["name"], field, masked)
    check_secrets(entry["inputs"], f"{field}.{entry['name']}", masked)


@dataclass(frozen=True, slots=True)
class _Part:
    """How a partition ended; one that has not begun for a stop: stopped."""

    name: str
    state: StepState
    code: str
    error: BaseException | None = None


class PartitionFailed(CallboardError):
    """A partition ended as failed, without an exception."""


def _raise_worst(parts: Sequence[_Part]) -> None:
    failed = [part for part in parts if part.state is StepState.FAILED]
    if failed:
        first = failed[0]
        said = f"partition {first.name!r} failed, as {len(failed)} of {len(parts)} did"
        error = first.error or PartitionFailed(said)
        error.add_note(said)
        raise error
    stopped = sum(part.state is StepState.STOPPED for part in parts)
    if stopped:
        raise Interrupted(f"{stopped} of {len(parts)} partitions were stopped")


def _number(field: str, value: object, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise invalid(field, f"{value!r} is not a whole number from 1 to {most}")
    return value
