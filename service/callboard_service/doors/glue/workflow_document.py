"""Workflows of the board and their runs, as Glue shows them.

| board | Glue |
| --- | --- |
| properties | DefaultRunProperties; of a run WorkflowRunProperties |
| running, stopping, completed, stopped | Status in capitals |
| event | StartingEventBatchCondition |
| actions of the triggers | TotalActions |
| the last attempts of its runs, by their JobRunState | the other Statistics |
| missing | ErroredActions, too: jobs that could not be started as they were not there |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from callboard.domain.instant import instant_to_text
from callboard.domain.run import Run
from callboard.domain.workflow import Workflow, WorkflowRun
from callboard_service.doors.glue.annotations import GLUE
from callboard_service.doors.glue.ids import glue_workflow_run_id
from callboard_service.doors.glue.workflow_graph import glue_graph

RUN_ARGUMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {"--WORKFLOW_NAME": "{workflow}", "--WORKFLOW_RUN_ID": "wr_{run_id_hex64}"}
)
"""What Glue gives the scripts of a workflow's jobs."""
_COUNTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "STARTING": "RunningActions",
        "RUNNING": "RunningActions",
        "STOPPING": "RunningActions",
        "WAITING": "WaitingActions",
        "SUCCEEDED": "SucceededActions",
        "FAILED": "FailedActions",
        "TIMEOUT": "TimeoutActions",
        "STOPPED": "StoppedActions",
        "ERROR": "ErroredActions",
        "EXPIRED": "ErroredActions",
    }
)
"""Where a JobRunState is counted."""


def new_workflow(group: str, request: Mapping[str, Any]) -> Workflow:
    """The workflow that a checked CreateWorkflow says.

    Raises:
        InvalidInput: the board has no such workflows.
    """
    return Workflow(
        name=request["Name"],
        group=group,
        description=request.get("Description", ""),
        properties=request.get("DefaultRunProperties", {}),
        max_concurrent_runs=request.get("MaxConcurrentRuns"),
        run_arguments=RUN_ARGUMENTS,
        labels=request.get("Tags", {}),
    )


def updated_workflow(present: Workflow, request: Mapping[str, Any], now: datetime) -> Workflow:
    """The present workflow as a checked UpdateWorkflow changes it: what it leaves out stays.

    An update is one also where it says what was there before: the instant of it is kept.
    """
    return replace(
        present,
        description=request.get("Description", present.description),
        properties=request.get("DefaultRunProperties", present.properties),
        max_concurrent_runs=request.get("MaxConcurrentRuns", present.max_concurrent_runs),
        annotations={**present.annotations, GLUE: {"LastModifiedOn": instant_to_text(now)}},
    )


def glue_workflow(workflow: Workflow) -> dict[str, Any]:
    """Glue's Workflow, without LastRun and Graph."""
    return {
        "Name": workflow.name,
        "Description": workflow.description or None,
        "DefaultRunProperties": workflow.properties,
        "CreatedOn": workflow.created_at,
        "LastModifiedOn": workflow.updated_at,
        "MaxConcurrentRuns": workflow.max_concurrent_runs,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """A run, and Glue's JobRun of it."""

    run: Run
    shown: Mapping[str, Any]


def glue_workflow_run(
    run: WorkflowRun, known: Mapping[int, JobRun], *, with_graph: bool
) -> dict[str, Any]:
    """Glue's WorkflowRun.

    Args:
        known: of its job runs those that there still are, by id, perhaps among others.
    """
    by_job = _by_job(run, known)
    shown: dict[str, Any] = {
        "Name": run.workflow,
        "WorkflowRunId": glue_workflow_run_id(run.id),
        "PreviousRunId": _previous_run_id(run),
        "WorkflowRunProperties": run.properties,
        "StartedOn": run.created_at,
        "CompletedOn": run.ended_at,
        "Status": run.state.value.upper(),
        "Statistics": _statistics(run, [each for of_job in by_job.values() for each in of_job]),
        "StartingEventBatchCondition": _batch(run),
    }
    if with_graph:
        job_runs = {job: [each.shown for each in of_job] for job, of_job in by_job.items()}
        shown["Graph"] = glue_graph(run.workflow_id, run.triggers, job_runs)
    return shown


def _by_job(run: WorkflowRun, known: Mapping[int, JobRun]) -> dict[str, list[JobRun]]:
    """By job, newest first."""
    return {
        job: [known[run_id] for run_id in reversed(ids) if run_id in known]
        for job, ids in run.runs.items()
    }


def _previous_run_id(run: WorkflowRun) -> str | None:
    return None if run.previous_run_id is None else glue_workflow_run_id(run.previous_run_id)


def _statistics(run: WorkflowRun, job_runs: Iterable[JobRun]) -> dict[str, int]:
    last = {each.run.chain_id: each for each in sorted(job_runs, key=lambda each: each.run.id)}
    found = Counter(_COUNTS[each.shown["JobRunState"]] for each in last.values())
    found["ErroredActions"] += len(run.missing)
    counts = {name: found[name] for name in dict.fromkeys(_COUNTS.values())}
    return {"TotalActions": sum(len(each.actions) for each in run.triggers), **counts}


def _batch(run: WorkflowRun) -> dict[str, int] | None:
    batch: Any = run.event
    if batch is None:
        return None
    return {"BatchSize": int(batch["batch_size"]), "BatchWindow": int(batch["window_s"])}
