"""JobStep: a step that is a run of another batch job, and waits for it.

The other job's parameters are made on the first attempt, and stored before its run is started; the
run's id is stored behind that. A restart goes on with the same instance, also days later and under
another name of the step; that is restarted itself where it failed or was stopped.
How it ends is how the step ends: its exit code is the step's, a failed one fails it, a stopped one
stops it. A run that is parked waits for an operator, so the step fails, and says why. When the run
of the step is asked to stop, the other one is asked to, and awaited.

While the step waits, and nothing else of its run works beside it, the run lends its place: the
other one needs a place of its own, but no node has to have two of them. What limits the jobs
declare (`max_concurrent_runs`, a queue, a concurrency key) count both runs, as the waiting one is
running: a job that may have one run cannot wait for another one of its own. When the board closes,
the run goes on on another node, with the same run of the other job.

A run that waits stays in its node's memory, and the places that are lent also begin more runs that
will wait: where thousands of them may be queued at once, give their job a `max_concurrent_runs`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from callboard.batch.params import Params, arguments_of
from callboard.batch.side_by_side import end_all
from callboard.batch.step import Interrupted, Step
from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.errors import CallboardError, invalid
from callboard.runtime import begin_task

if TYPE_CHECKING:
    from callboard.batch.context import StepContext
    from callboard.batch.job import BatchJob

PARAMETERS: Final = "parameters"
RUN_ID: Final = "run_id"
"""Keys of the step's context."""

Given = Params | Mapping[str, object]


class ChildFailed(CallboardError):
    """The run of the other job did not succeed."""


class ChildParked(ChildFailed):
    """It waits for an operator."""


class JobStep(Step):
    """Another batch job of the same group as a step."""

    kind: ClassVar[str] = "job"

    def __init__(
        self,
        name: str,
        *,
        job: str | BatchJob,
        parameters: Callable[..., Any] | Given | None = None,
        **rules: Any,
    ) -> None:
        """Args:
        job: a job of the same group, by its name or as the code has it.
        parameters: the other job's, or a function of the context, also a coroutine function, that
            gives them.
        rules: as of Step.
        """
        super().__init__(name, **rules)
        self.job = job if isinstance(job, str) else job.name
        if not self.job:
            raise invalid("job", "is empty", "name a job of the group")
        self.parameters = parameters

    def spec(self) -> JsonObject:
        return {**super().spec(), "job": self.job}

    async def execute(self, ctx: StepContext) -> None:
        ctx.check_stop()
        if PARAMETERS not in ctx.state:
            ctx.state[PARAMETERS] = dict(await self._made(ctx))
            await ctx.save()
        parameters = ctx.state[PARAMETERS]
        known = ctx.state.get(RUN_ID)
        run_id = await ctx.journal.start_child(
            ctx.run, ctx.execution, self.job, parameters, known=known
        )
        if run_id != known:
            ctx.state[RUN_ID] = run_id
            await ctx.save()
        ctx.log.info(
            "waits for run %d of job %s, which needs a place on a node (this run lends its own, "
            "while it only waits) and room within the limits of its job, if it has any "
            "(max_concurrent_runs, queue, concurrency key)",
            run_id,
            self.job,
        )
        _end_as(ctx, self.job, await _ended(ctx, run_id))

    async def _made(self, ctx: StepContext) -> JsonObject:
        given = self.parameters
        if callable(given):
            given = given(ctx)
            if inspect.isawaitable(given):
                given = await given
        if given is not None and not isinstance(given, Params | Mapping):
            reason = f"gave a {type(given).__name__}"
            raise invalid(f"{self.name}.parameters", reason, "give parameters or a mapping")
        return arguments_of(given)


async def _ended(ctx: StepContext, run_id: int) -> Run:
    """The other run at its end; it is asked to stop when this one is.

    Raises:
        Interrupted: the board closes; whoever goes on with this run waits for the other one.
    """
    asked = asyncio.Event()
    wake, leaving = asked.set, ctx.session.leaving
    ctx.when_stopping(wake)
    leaving.call_when_set(wake)
    waiting = begin_task(ctx.journal.wait_child(run_id), name=f"child.{run_id}", eager=False)
    stopping = begin_task(asked.wait(), name=f"child.{run_id}.stop", eager=False)
    try:
        with ctx.session.activity.waiting():
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                if not ctx.stopping:
                    ctx.check_stop()
                await ctx.journal.stop_child(run_id)
            return await waiting
    finally:
        leaving.forget(wake)
        await end_all((waiting, stopping))


def _end_as(ctx: StepContext, job: str, run: Run) -> None:
    """End the step as the run did."""
    what = f"run {run.id} of job {job}"
    reason = "" if run.error is None else f": {run.error.type}: {run.error.message}"
    match run.state:
        case RunState.SUCCEEDED:
            code = run.result.get("exit_code") if isinstance(run.result, Mapping) else None
            ctx.exit_code = code if isinstance(code, str) else None
        case RunState.STOPPED:
            raise Interrupted(f"{what} was stopped")
        case RunState.PARKED:
            raise ChildParked(f"{what} is parked{reason}")
        case _:
            raise ChildFailed(f"{what} has {run.state.value.replace('_', ' ')}{reason}")
