"""What tests ask of batch jobs on real boards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callboard import Callboard, Run
from callboard.batch import BatchJob
from callboard.domain.batch_step import StepExecution

PATIENCE_S = 30.0


async def begun(board: Callboard, job: BatchJob, arguments: Mapping[str, Any] | None = None) -> Run:
    """A run of a new instance, which may be anywhere by now."""
    await board.define(job)
    return await board.operator.start(job.name, dict(arguments or {}))


async def over(board: Callboard, run: Run) -> Run:
    """The run when it has ended, or is parked."""
    return await board.operator.wait(run.id, timeout_s=PATIENCE_S)


async def ran(board: Callboard, job: BatchJob, arguments: Mapping[str, Any] | None = None) -> Run:
    """A run of a new instance that has ended."""
    return await over(board, await begun(board, job, arguments))


async def ran_again(board: Callboard, run: Run) -> Run:
    """The restart of an ended run, ended."""
    return await over(board, await board.operator.restart(run.id))


async def steps_of(board: Callboard, run: Run) -> list[StepExecution]:
    return await board.operator.steps(run.id)


async def step_of(board: Callboard, run: Run, name: str | None = None) -> StepExecution:
    """The only one of that name; None: the only one at all."""
    (step,) = [step for step in await steps_of(board, run) if name is None or step.name == name]
    return step


def exit_code(run: Run) -> str:
    assert isinstance(run.result, Mapping)
    return str(run.result["exit_code"])


async def log_of(board: Callboard, run: Run) -> str:
    """All that the run said."""
    return "\n".join(line.text for line in await board.read_log(run.id))
