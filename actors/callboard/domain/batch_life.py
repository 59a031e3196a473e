"""What becomes of a batch instance, its run and its steps when the run changes hands or ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from callboard.domain.batch_code import MAX_CODE
from callboard.domain.batch_instance import BatchInstance, BatchRun, InstanceState
from callboard.domain.batch_step import (
    COMPLETED,
    FAILED,
    LOST,
    STOPPED,
    StepCounts,
    StepExecution,
    StepState,
)
from callboard.domain.run import Run
from callboard.domain.states import RunState

_STATES: Final = {
    RunState.SUCCEEDED: InstanceState.SUCCEEDED,
    RunState.FAILED: InstanceState.FAILED,
    RunState.TIMED_OUT: InstanceState.FAILED,
    RunState.STOPPED: InstanceState.STOPPED,
    RunState.ABANDONED: InstanceState.ABANDONED,
}
_CODES: Final = {RunState.SUCCEEDED: COMPLETED, RunState.STOPPED: STOPPED}


def began(instance: BatchInstance, run_id: int) -> BatchInstance:
    """The instance with a new run, which is its live one."""
    return replace(
        instance,
        state=InstanceState.LIVE,
        live_run_id=run_id,
        last_run_id=max(run_id, instance.last_run_id),
        ended_at=None,
    )


def ended(instance: BatchInstance, run: Run) -> BatchInstance:
    """The instance once the run has ended; the same where another run of it is live."""
    if instance.live_run_id not in (None, run.id):
        return instance
    at = run.ended_at if instance.live_run_id is not None else instance.ended_at
    return replace(
        instance, state=_STATES[run.state], live_run_id=None, ended_at=at or run.ended_at
    )


def exited(batch: BatchRun, run: Run) -> BatchRun:
    """The batch run with the exit code that its end tells, or that its state stands for."""
    if run.state is RunState.ABANDONED:
        return batch
    told = run.result.get("exit_code") if isinstance(run.result, Mapping) else None
    code = told[:MAX_CODE] if isinstance(told, str) and told else None
    if run.state is RunState.TIMED_OUT and code == STOPPED:
        code = None  # nobody asked it to stop: that is how its time limit ends it
    message = None if run.error is None else f"{run.error.type}: {run.error.message}"
    return replace(
        batch,
        exit_code=code or _CODES.get(run.state, FAILED),
        exit_message=message or batch.exit_message,
    )


def cut_off(step: StepExecution, changes: Sequence[Run], now: datetime) -> StepExecution:
    """The running step once its run has left the hands of whoever executed it.

    Args:
        changes: of its run, in their order, the first one taking it out of those hands.
    """
    states = [run.state for run in changes if run.state is not RunState.ABANDONED]
    is_lost = RunState.LOST in states
    last = states[-1] if states else RunState.ABANDONED
    is_stopped = last is RunState.STOPPED or (last is RunState.QUEUED and not is_lost)
    plain = STOPPED if is_stopped else FAILED
    return replace(
        step,
        state=StepState.STOPPED if is_stopped else StepState.FAILED,
        exit_code=LOST if is_lost else plain,
        exit_message=_why(changes, is_stopped=is_stopped, is_lost=is_lost),
        ended_at=now,
    )


def taken_over(step: StepExecution, now: datetime) -> StepExecution:
    """The running step of an earlier holder of its run, when another one begins."""
    return replace(
        step,
        state=StepState.FAILED,
        exit_code=LOST,
        exit_message="whoever executed it does not hold its run any more",
        ended_at=now,
    )


def with_partitions(step: StepExecution, counts: StepCounts) -> StepExecution:
    """The step, which counts what it has done itself, with what its partitions have counted."""
    together = step.counts.plus(counts)
    return replace(step, checkpoint=replace(step.checkpoint, counts=together))


def _why(changes: Sequence[Run], *, is_stopped: bool, is_lost: bool) -> str:
    errors = [run.error for run in changes if run.error is not None]
    if errors:
        return f"{errors[-1].type}: {errors[-1].message}"
    if is_lost:
        return "the lease of its node ended under it"
    return "its run was stopped" if is_stopped else "its run ended under it"
