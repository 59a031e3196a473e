"""Engine: executes one batch run on this node, from its begin to its outcome.

It goes the way that `domain.batch_walk` says, has each step live its life, and tells how the run
ended. What it stores is fenced: a run that is not this node's any more leaves no trace of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from callboard.batch.activity import Activity
from callboard.batch.context import check_exit_code
from callboard.batch.follow import PutDown, follow
from callboard.batch.progress import Pace
from callboard.batch.session import JobContext, Session
from callboard.batch.step import Step, ended
from callboard.batch.step_life import StepEnd, begin_step, is_lost, live
from callboard.domain.batch_instance import BatchHistory
from callboard.domain.batch_step import (
    FAILED,
    Move,
    StepCounts,
    StepExecution,
    StepState,
    sum_of,
)
from callboard.domain.batch_walk import Walk, walk_of
from callboard.domain.batch_way import NO_TRANSITION, Decide, FlowEnd, Left, RunStep
from callboard.domain.json import Json
from callboard.domain.retry import kinds_of
from callboard.domain.run import RunError
from callboard.domain.states import RunState
from callboard.errors import Conflict
from callboard.runners.contract import Outcome
from callboard.runners.failure import message_of, to_run_error

if TYPE_CHECKING:
    from callboard.batch.job import BatchJob

_STATES: Final = {
    StepState.SUCCEEDED: RunState.SUCCEEDED,
    StepState.FAILED: RunState.FAILED,
    StepState.STOPPED: RunState.STOPPED,
}
DECIDER_FAILED: Final = "DECIDER_FAILED"


class Engine:
    """Of one run; a `follow.Follower`."""

    def __init__(self, job: BatchJob, session: Session, history: BatchHistory) -> None:
        self._job = job
        self._session = session
        self._history = history
        self._steps: Mapping[str, Step] = {step.name: step for step in job.steps}
        self._counts = [
            step.counts
            for step in history.steps
            if step.run_id == session.run.id and step.manager_id is None
        ]
        """Of all executions of steps in the run; its earlier holders' come first."""
        self._errors: dict[tuple[str, int], BaseException] = {}
        self._last: StepExecution | None = None
        self._context = JobContext(session)

    async def run(self) -> Outcome:
        """Go the whole way.

        Raises:
            StepNotHeld, Conflict run_not_held, asyncio.CancelledError: the run is given up.
        """
        failure = await self._before()
        if failure is not None:
            end = _failed_before(failure)
        else:
            try:
                end = await follow(self._walk(), self)
            except PutDown:
                error = RunError(type="HandedBack", message="put back, for the board closes")
                return Outcome(state=RunState.QUEUED, error=error, after_s=0.0)
            failure = self._failure(end)
        self._context.exit_code, self._context.error = end.code, failure
        await self._call_afters()
        return self._outcome(end, failure)

    # what a Follower does

    @property
    def is_stopping(self) -> bool:
        return self._session.is_stopping

    @property
    def activity(self) -> Activity:
        """As Follower.activity."""
        return self._session.activity

    async def execute(self, walk: Walk, todo: RunStep) -> Left | FlowEnd:
        """As Follower.execute."""
        self._check_leaving()
        step = self._steps[todo.name]
        if passed := todo.trail.passed:
            names = ", ".join(each.node for each in passed)
            self._session.log.info("passed over, for an earlier attempt did it: %s", names)
        try:
            ctx = await begin_step(
                self._session,
                step,
                todo.name,
                todo.visit,
                is_again=todo.is_again,
                pace=self._pace(todo),
            )
        except Conflict as refusal:
            if is_lost(refusal):
                raise
            return walk.fail(todo, refusal.code.upper(), f"step {todo.name}: {refusal}")
        left: list[Left] = []

        def leave(state: StepState, code: str) -> tuple[StepState, tuple[Move, ...]]:
            is_stopping = self.is_stopping or self._is_leaving
            left.append(walk.leave(todo, state, code, is_stopping=is_stopping))
            return left[0].state, left[0].moves

        end = await live(step, ctx, leave)
        self._note(todo, end)
        if end.state is StepState.STOPPED:
            self._check_leaving()
        return left[0]

    async def decide(self, walk: Walk, todo: Decide) -> Left | FlowEnd:
        """As Follower.decide."""
        context = JobContext(self._session)
        context.last = self._last
        try:
            answer = await ended(self._job.deciders[todo.name](context))
            code = check_exit_code(answer, f"the answer of decider {todo.name}")
        except Exception as error:  # noqa: BLE001 - the run fails by it
            self._errors[todo.name, todo.visit] = error
            return walk.fail(todo, DECIDER_FAILED, f"decider {todo.name}: {message_of(error)}")
        left = walk.leave(todo, StepState.SUCCEEDED, code)
        if left.moves:
            await self.record(left.moves)
        return left

    async def record(self, moves: tuple[Move, ...]) -> None:
        """As Follower.record."""
        await self._session.journal.record_moves(self._session.run, moves)

    # its parts

    @property
    def _is_leaving(self) -> bool:
        """Whether the run is to go on elsewhere; a stop that was asked goes first."""
        return self._session.leaving.is_set() and not self.is_stopping

    def _check_leaving(self) -> None:
        if self._is_leaving:
            raise PutDown

    async def _before(self) -> BaseException | None:
        """What a hook before the first step raised."""
        try:
            for hook in self._job.befores:
                await ended(hook(self._context))
        except Exception as error:  # noqa: BLE001 - the run fails by it
            return error
        return None

    def _walk(self) -> Walk:
        reruns = {step.name for step in self._job.steps if step.allow_start_if_complete}
        return walk_of(
            self._job.flow_plan, self._history, run_id=self._session.run.id, reruns=reruns
        )

    def _pace(self, todo: RunStep) -> Pace:
        done = 0
        if todo.before is not None and not todo.is_again:
            for step in self._history.steps:
                if step.first_id == todo.before.first_id and step.manager_id is None:
                    done += step.counts.writes + step.counts.filters + step.counts.skips
        session = self._session
        pace = Pace(todo.name, done=done, output=session.output, clock=session.clock)
        if todo.before is not None:
            pace.expected = todo.before.expected
        return pace

    def _note(self, todo: RunStep, end: StepEnd) -> None:
        self._counts.append(end.counts)
        self._last = end.execution
        if end.error is not None:
            self._errors[todo.name, todo.visit] = end.error
            self._session.log.error("step %s failed: %s", todo.name, message_of(end.error))

    def _failure(self, end: FlowEnd) -> BaseException | None:
        """The exception that the run failed by; None: it did not, or by no exception."""
        if end.state is not StepState.FAILED or end.error_type == NO_TRANSITION:
            return None
        found = [error for (name, _), error in self._errors.items() if name == end.node]
        return found[-1] if found else None

    async def _call_afters(self) -> None:
        for hook in self._job.afters:
            try:
                await ended(hook(self._context))
            except Exception:
                self._session.log.warning("a hook after the job raised", exc_info=True)

    def _outcome(self, end: FlowEnd, failure: BaseException | None) -> Outcome:
        result: dict[str, Json] = {
            "exit_code": end.code,
            "steps": len(self._counts),
            "counts": counts_to_json(sum_of(self._counts)),
        }
        outcome = Outcome(state=_STATES[end.state], result=result)
        if end.state is not StepState.FAILED:
            return outcome
        if failure is None:
            kind = end.error_type or FAILED
            message = end.message or f"{end.node or 'the job'} ended with exit code {end.code}"
            return replace(outcome, error=RunError(type=kind, message=message), kinds=(kind,))
        return replace(outcome, error=to_run_error(failure), kinds=kinds_of(failure))


def counts_to_json(counts: StepCounts) -> dict[str, Json]:
    """By the names of the fields."""
    return {name: getattr(counts, name) for name in StepCounts.__slots__}


def _failed_before(error: BaseException) -> FlowEnd:
    return FlowEnd(
        state=StepState.FAILED, code=FAILED, error_type="JOB_HOOK_FAILED", message=message_of(error)
    )
