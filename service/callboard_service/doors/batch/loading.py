"""What executions need to be shown: their parameters' rules, what batch runs have besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from callboard.board import Callboard
from callboard.domain.batch_instance import BatchRun
from callboard.domain.batch_parameter import ParameterRule, rules_from_spec
from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.errors import NotFound
from callboard_service.doors.batch.execution_document import JobExecution
from callboard_service.doors.batch.parameter_document import job_parameters

KIND: Final = "batch"


async def batch_job(board: Callboard, group: str, name: str) -> Job:
    """The batch job of that name.

    Raises:
        NotFound: job, also where the job is of another kind.
    """
    job = await board.get_job(group, name)
    if job.kind != KIND:
        raise NotFound("batch job", name)
    return job


async def job_execution(board: Callboard, run: Run) -> JobExecution:
    """One run. Raises Conflict not_batch."""
    (found,) = await job_executions(board, [run], {run.id: await board.operator.batch_run(run.id)})
    return found


async def job_executions(
    board: Callboard, runs: Sequence[Run], batches: Mapping[int, BatchRun | None]
) -> list[JobExecution]:
    """Runs of one job, in their order."""
    if not runs:
        return []
    rules = await rules_of(board, runs[0].group, runs[0].job)
    return [_execution(run, batches.get(run.id), rules) for run in runs]


async def rules_of(board: Callboard, group: str, name: str) -> tuple[ParameterRule, ...] | None:
    """What the job of that name declares; None: nothing, or it is gone."""
    try:
        return rules_from_spec((await batch_job(board, group, name)).spec)
    except NotFound:
        return None


def _execution(
    run: Run, batch: BatchRun | None, rules: tuple[ParameterRule, ...] | None
) -> JobExecution:
    if batch is None:
        declared = [rule.name for rule in rules or () if not rule.is_identifying]
        parameters = job_parameters(run.arguments, rules, declared)
    else:
        parameters = job_parameters(batch.arguments, rules, batch.references)
    return JobExecution(run=run, batch=batch, parameters=parameters)
