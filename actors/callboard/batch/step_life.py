"""The life of one execution of a step: begun, executed, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from callboard.batch.checkpoints import Checkpoints
from callboard.batch.context import StepContext, check_exit_code
from callboard.batch.progress import Pace
from callboard.batch.promotion import promote
from callboard.batch.session import Session
from callboard.batch.state import State, merge
from callboard.batch.step import Interrupted, Step
from callboard.domain.batch_step import (
    COMPLETED,
    FAILED,
    STOPPED,
    Move,
    StepCounts,
    StepExecution,
    StepState,
)
from callboard.domain.json import JsonObject
from callboard.errors import Conflict
from callboard.runners.failure import MAX_MESSAGE_BYTES, message_of, qualified_name
from callboard.runners.text import cut_end, to_storable
from callboard.store.contract_chunks import StepNotHeld

_CODES: Final = {
    StepState.SUCCEEDED: COMPLETED,
    StepState.FAILED: FAILED,
    StepState.STOPPED: STOPPED,
}

Leave: TypeAlias = Callable[[StepState, str], tuple[StepState, tuple[Move, ...]]]
"""From how a step ended to what is stored of that, and how the flow goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnd:
    """How it ended."""

    state: StepState
    """Succeeded, failed or stopped."""
    exit_code: str
    counts: StepCounts
    error: BaseException | None
    """Of a failed one."""
    execution: StepExecution
    context: JsonObject
    """The step's, as it is stored."""


async def begin_step(
    session: Session,
    step: Step,
    name: str,
    visit: int,
    *,
    pace: Pace | None = None,
    is_again: bool = False,
    manager_id: int | None = None,
    inputs: JsonObject | None = None,
) -> StepContext:
    """A new execution of the step, opened at its checkpoint.

    Args:
        name: the step's, or the partition's.
        pace: the manager's.
    Raises:
        Conflict: start_limit_exceeded.
    """
    execution = await session.journal.begin_step(
        session.run,
        name,
        visit,
        start_limit=step.start_limit,
        is_again=is_again,
        manager_id=manager_id,
    )
    if pace is None:
        pace = Pace(name, done=0, output=session.output, clock=session.clock)
        pace.expected = execution.expected
    masked = session.output.masking
    checkpoints = Checkpoints(
        session.line,
        execution,
        epoch=session.epoch,
        patience=session.patience,
        on_stopping=session.stop.set,
        on_commit=pace.moved,
        mirror=session.mirror_of(execution),
        masked=masked,
    )
    await checkpoints.open(await session.known_counts(execution))
    job_state = State(session.job_state.snapshot(), name="job_state", masked=masked)
    return StepContext(session, checkpoints, job_state=job_state, pace=pace, inputs=inputs)


async def live(step: Step, ctx: StepContext, leave: Leave) -> StepEnd:
    """Execute a step that was begun, and store its end.

    Raises:
        StepNotHeld, Conflict run_not_held: it is not this node's any more; nothing is stored.
        asyncio.CancelledError: likewise.
    """
    session, before = ctx.session, ctx.job_state.snapshot()
    try:
        state, error = await _executed(step, ctx)
        if state is StepState.SUCCEEDED:
            error = _end_error(ctx)
            state = StepState.SUCCEEDED if error is None else StepState.FAILED
        code, error = await _exit_code(step, ctx, state, error)
        code = session.output.masked(code)
        state = StepState.FAILED if error is not None else state
    finally:
        await ctx.close()
    await ctx.catch_up()
    end = _end(ctx, state, code, error)
    _merge_job_state(ctx, before)
    stored, moves = leave(state, code)
    await session.journal.end_step(
        session.run,
        ctx.execution,
        stored,
        code,
        exit_message=None if error is None else session.output.masked(_message(error)),
        context=end.context,
        counts=end.counts,
        job_context=session.job_state.snapshot(),
        moves=moves,
    )
    return end


def is_lost(error: BaseException) -> bool:
    """Whether it says that the run, or the step, is not this node's any more."""
    if isinstance(error, StepNotHeld):
        return True
    return isinstance(error, Conflict) and error.code == "run_not_held"


async def _executed(step: Step, ctx: StepContext) -> tuple[StepState, BaseException | None]:
    try:
        await step.before_step(ctx)
        await step.execute(ctx)
        ctx.check_ended()
    except Interrupted:
        return StepState.STOPPED, None
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        ctx.check_held()
        if is_lost(error):
            raise
        return StepState.FAILED, error
    ctx.check_held()
    return (StepState.STOPPED if ctx.was_interrupted else StepState.SUCCEEDED), None


def _end_error(ctx: StepContext) -> Exception | None:
    """What keeps a step that has done its work from succeeding: contexts that cannot be stored."""
    try:
        ctx.state.snapshot()
        ctx.job_state.snapshot()
    except Exception as error:  # noqa: BLE001 - the step fails by it
        return error
    return None


async def _exit_code(
    step: Step, ctx: StepContext, state: StepState, error: BaseException | None
) -> tuple[str, BaseException | None]:
    """The exit code, when hooks and promotion have had their say."""
    given = ctx.exit_code if state is StepState.SUCCEEDED else None
    code = await _code_after(step, ctx, state, given or _CODES[state])
    if error is not None or not step.promote:
        return code, error
    try:
        promote(step.promote, step.promote_on, step.promote_strict, ctx.state, ctx.job_state, code)
    except Exception as failure:  # noqa: BLE001 - the step fails by it
        return FAILED, failure
    return code, None


async def _code_after(step: Step, ctx: StepContext, state: StepState, code: str) -> str:
    ended = replace(
        ctx.execution,
        state=state,
        exit_code=code,
        checkpoint=ctx.checkpoint_at_end(state),
        ended_at=ctx.clock.now(),
    )
    try:
        changed = await step.after_step(ctx, ended)
        if changed is not None:
            check_exit_code(changed, "exit_code")
            return changed
    except (Exception, Interrupted):
        ctx.log.warning("a hook after step %s raised", ctx.step, exc_info=True)
    return code


def _end(ctx: StepContext, state: StepState, code: str, error: BaseException | None) -> StepEnd:
    checkpoint = ctx.checkpoint_at_end(state)
    return StepEnd(
        state=state,
        exit_code=code,
        counts=checkpoint.counts,
        error=error,
        execution=replace(ctx.execution, state=state, exit_code=code, checkpoint=checkpoint),
        context=checkpoint.context,
    )


def _merge_job_state(ctx: StepContext, before: JsonObject) -> None:
    """What the step put into the job's context is everybody's now, unless it cannot be stored."""
    try:
        merge(ctx.session.job_state, before, ctx.job_state.snapshot())
    except Exception:
        ctx.log.warning("what step %s put into job_state is lost", ctx.step, exc_info=True)


def _message(error: BaseException) -> str:
    kind = qualified_name(type(error))
    return cut_end(to_storable(f"{kind}: {message_of(error)}"), MAX_MESSAGE_BYTES)
