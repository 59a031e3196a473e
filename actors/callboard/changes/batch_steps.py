"""Steps of a batch run begin and end: each a commit of its own, fenced by the run's epoch.

Whoever asks again because no answer came is answered as if it had come: a step that begins twice
is the one that has begun, one that has ended as it is to end has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from callboard.changes.batch_held import held_run, held_step, instance_of
from callboard.changes.work import Work
from callboard.commands import BeginStep, EndStep, KeepExpected, KeepPlan, RecordMoves
from callboard.domain.batch_refusal import start_limit_exceeded
from callboard.domain.batch_step import (
    STEP_TRANSITIONS,
    Checkpoint,
    Move,
    StepCounts,
    StepExecution,
    StepState,
)
from callboard.errors import BugError
from callboard.store.contract_chunks import StepNotHeld

RESUMED = frozenset({StepState.FAILED, StepState.STOPPED})


async def begin_step(work: Work, command: BeginStep) -> StepExecution:
    run = await held_run(work, command.run_id, command.epoch)
    instance = await instance_of(work, run)
    last = await work.tx.last_execution(instance.id, command.name, command.visit)
    if last is not None and last.state is StepState.RUNNING and last.run_id == run.id:
        return last
    await _check_limit(work, instance.id, command)
    step = await work.tx.insert_step(_fresh(command, instance.id, last, work))
    work.step_changed(instance, step)
    return step


async def _check_limit(work: Work, instance_id: int, command: BeginStep) -> None:
    limit = command.start_limit
    if limit is None:
        return
    if await work.tx.count_executions(instance_id, command.name, limit) >= limit:
        raise start_limit_exceeded(command.name, limit)


def _fresh(
    command: BeginStep, instance_id: int, last: StepExecution | None, work: Work
) -> StepExecution:
    step = StepExecution(
        id=0,
        instance_id=instance_id,
        run_id=command.run_id,
        manager_id=command.manager_id,
        name=command.name,
        visit=command.visit,
        started_at=work.now,
    )
    if last is None or command.is_again or last.state not in RESUMED:
        return step
    resumed = replace(last.checkpoint, counts=StepCounts())
    return replace(
        step,
        checkpoint=resumed,
        plan=last.plan,
        expected=last.expected,
        first_id=last.first_id,
    )


async def keep_plan(work: Work, command: KeepPlan) -> None:
    step = await held_step(work, command.step_id)
    await work.tx.update_steps([replace(step, plan=command.plan)])


async def keep_expected(work: Work, command: KeepExpected) -> None:
    step = await held_step(work, command.step_id)
    await work.tx.update_steps([replace(step, expected=command.expected)])


async def end_step(work: Work, command: EndStep) -> None:
    run = await held_run(work, command.run_id, command.epoch)
    instance = await instance_of(work, run)
    # Whoever changes a batch run has locked its instance: two steps of a split may end at once.
    await work.tx.lock_instances([instance.id])
    step = await work.tx.lock_step(command.step_id)
    if step is None or step.run_id != run.id:
        raise StepNotHeld(command.step_id)
    if step.state is not StepState.RUNNING:
        if step.state is command.state and step.exit_code == command.exit_code:
            return
        raise StepNotHeld(command.step_id)
    if command.state not in STEP_TRANSITIONS[step.state]:
        raise BugError(f"a step cannot end as {command.state}")
    ended = _ended(step, command, work)
    await work.tx.update_steps([ended])
    await _keep_context(work, command)
    await _put_moves(work, instance.id, run.id, command.moves)
    work.step_changed(instance, ended)


def _ended(step: StepExecution, command: EndStep, work: Work) -> StepExecution:
    checkpoint = Checkpoint(
        cursor=step.checkpoint.cursor, context=command.context, counts=command.counts
    )
    return replace(
        step,
        state=command.state,
        exit_code=command.exit_code,
        exit_message=command.exit_message,
        checkpoint=checkpoint,
        ended_at=work.now,
    )


async def _keep_context(work: Work, command: EndStep) -> None:
    batch = (await work.tx.find_batch_runs([command.run_id]))[command.run_id]
    if batch.context != command.job_context:
        await work.tx.update_batch_runs([replace(batch, context=command.job_context)])


async def record_moves(work: Work, command: RecordMoves) -> None:
    run = await held_run(work, command.run_id, command.epoch)
    instance = await instance_of(work, run)
    await _put_moves(work, instance.id, run.id, command.moves)


async def _put_moves(work: Work, instance_id: int, run_id: int, moves: Sequence[Move]) -> None:
    if moves:
        await work.tx.put_moves(instance_id, [replace(move, run_id=run_id) for move in moves])
