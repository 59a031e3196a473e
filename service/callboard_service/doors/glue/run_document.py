"""Runs of the board as Glue's JobRuns.

| run | JobRun |
| --- | --- |
| queued | STARTING, or WAITING: where runs of the job may queue, or it is held |
| running, stopping | RUNNING, STOPPING |
| succeeded, failed, timed_out | SUCCEEDED, FAILED, TIMEOUT |
| stopped, abandoned | STOPPED |
| lost, parked | ERROR |
| attempt, from 1 | Attempt, from 0 |
| timeout_s of its terms, or the job's | Timeout |

What its start or its trigger's action said beside is in the annotations of its terms. What they did
not say is shown as the job has it now.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard_service.doors.glue.annotations import GLUE, kept
from callboard_service.doors.glue.ids import glue_run_id
from callboard_service.doors.glue.job_document import as_texts, glue_definition, minutes_of
from callboard_service.wire.state_words import GLUE as GLUE_STATES
from callboard_service.wire.state_words import GLUE_WAITING

QUEUING: Final = "JobRunQueuingEnabled"
_OF_JOB: Final = (
    "JobMode",
    QUEUING,
    "SecurityConfiguration",
    "NotificationProperty",
    "GlueVersion",
    "ExecutionClass",
    "MaintenanceWindow",
)
_SIZES: Final = ("AllocatedCapacity", "MaxCapacity", "WorkerType", "NumberOfWorkers")
"""Whoever says one of them says them all."""
_OF_START: Final = (
    QUEUING,
    "SecurityConfiguration",
    "NotificationProperty",
    "ExecutionClass",
    "ExecutionRoleSessionPolicy",
    *_SIZES,
)
_BY_WISH: Final = frozenset({RunState.STOPPED, RunState.ABANDONED})
"""What such a run's error says is no failure."""


def start_annotations(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a run keeps of StartJobRun's members, or of an action's."""
    said = {member: request[member] for member in _OF_START if member in request}
    return {GLUE: said} if said else {}


def glue_job_run(run: Run, job: Job | None, now: datetime) -> dict[str, Any]:
    """Glue's JobRun, without PredecessorRuns.

    Args:
        job: as it is now; None: it is gone.
        now: for how long it has been running.
    """
    shown = _said(run, job)
    return {
        **shown,
        "Id": glue_run_id(run.id),
        "Attempt": run.attempt - 1,
        "PreviousRunId": _run_id(run.previous_run_id),
        "TriggerName": run.trigger,
        "JobName": run.job,
        "StartedOn": run.started_at or run.created_at,
        "LastModifiedOn": run.ended_at or run.started_at or run.created_at,
        "CompletedOn": run.ended_at,
        "JobRunState": _state(run, shown),
        "StateDetail": _detail(run, shown),
        "Arguments": as_texts(run.arguments),
        "ErrorMessage": None if run.state in _BY_WISH else _error(run),
        "ExecutionTime": _seconds(run, now),
        "Timeout": minutes_of(_timeout_s(run, job)),
    }


def _said(run: Run, job: Job | None) -> dict[str, Any]:
    """What its start said, and beside that its job."""
    given = {} if run.terms is None else kept(run.terms.annotations)
    own = {member: given[member] for member in _OF_START if member in given}
    if job is None:
        return own
    definition = glue_definition(job)
    wanted = _OF_JOB if any(size in own for size in _SIZES) else (*_OF_JOB, *_SIZES)
    return {member: definition[member] for member in wanted if member in definition} | own


def _state(run: Run, shown: Mapping[str, Any]) -> str:
    is_waiting = run.state is RunState.QUEUED and (shown.get(QUEUING) or run.is_held)
    return GLUE_WAITING if is_waiting else GLUE_STATES[run.state]


def _detail(run: Run, shown: Mapping[str, Any]) -> str | None:
    if run.is_held:
        return "It waits until earlier runs of its trigger have ended."
    if _state(run, shown) == GLUE_WAITING:
        return "It waits for its turn."
    return _error(run) if run.state in _BY_WISH else None


def _error(run: Run) -> str | None:
    return None if run.error is None else run.error.message or run.error.type


def _seconds(run: Run, now: datetime) -> int:
    """Whole seconds of its execution so far."""
    if run.started_at is None:
        return 0
    return max(0, int(((run.ended_at or now) - run.started_at).total_seconds()))


def _timeout_s(run: Run, job: Job | None) -> float | None:
    own = None if run.terms is None else run.terms.timeout_s
    return job.timeout_s if own is None and job is not None else own


def _run_id(run_id: int | None) -> str | None:
    return None if run_id is None else glue_run_id(run_id)
