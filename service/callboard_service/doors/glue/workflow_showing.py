"""Workflow runs with what the board knows of their job runs: read for a whole page at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.domain.workflow import WorkflowRun
from callboard_service.doors.glue.many import one_by_one
from callboard_service.doors.glue.operation import GlueCall
from callboard_service.doors.glue.run_document import glue_job_run
from callboard_service.doors.glue.workflow_document import JobRun, glue_workflow_run

RUNS_PER_READ: Final = 1000


async def shown_run(call: GlueCall, run: WorkflowRun, *, with_graph: bool) -> dict[str, Any]:
    """Glue's WorkflowRun, its Graph only where it is wanted."""
    (shown,) = await shown_runs(call, [run], with_graph=with_graph)
    return shown


async def shown_runs(
    call: GlueCall, runs: Sequence[WorkflowRun], *, with_graph: bool
) -> list[dict[str, Any]]:
    """Glue's WorkflowRuns, in their order."""
    known = await _runs(call, runs)
    # Without a graph the job matters to a run that waits alone: how it does is the job's to say.
    wanted = (run for run in known.values() if with_graph or run.state is RunState.QUEUED)
    names = dict.fromkeys(run.job for run in wanted)
    jobs = await one_by_one(names, call.group, call.board.get_job)
    now = call.clock.now()
    job_runs = {
        run.id: JobRun(run=run, shown=glue_job_run(run, jobs.get(run.job), now))
        for run in known.values()
    }
    return [glue_workflow_run(run, job_runs, with_graph=with_graph) for run in runs]


async def _runs(call: GlueCall, runs: Iterable[WorkflowRun]) -> dict[int, Run]:
    ids = sorted({run_id for run in runs for of_job in run.runs.values() for run_id in of_job})
    known: dict[int, Run] = {}
    for start in range(0, len(ids), RUNS_PER_READ):
        known |= await call.board.get_runs(ids[start : start + RUNS_PER_READ])
    return known
