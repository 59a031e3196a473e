"""An execution of a step as Spring's StepExecution: its document, and its text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from callboard.domain.batch_step import StepExecution
from callboard_service.doors.batch.words import STEP_STATUSES, step_exit_code


def step_document(step: StepExecution) -> dict[str, Any]:
    """The document."""
    counts = step.counts
    return {
        "id": step.id,
        "version": step_version(step),
        "stepName": step.name,
        "jobExecutionId": step.run_id,
        "status": STEP_STATUSES[step.state],
        "exitStatus": {
            "exitCode": step_exit_code(step.state, step.exit_code),
            "exitDescription": step.exit_message or "",
        },
        "readCount": counts.reads,
        "writeCount": counts.writes,
        "filterCount": counts.filters,
        "commitCount": counts.commits,
        "rollbackCount": counts.rollbacks,
        "readSkipCount": counts.read_skips,
        "processSkipCount": counts.process_skips,
        "writeSkipCount": counts.write_skips,
        "startTime": step.started_at,
        "endTime": step.ended_at,
        "lastUpdated": _last_updated(step),
        "summary": step_text(step),
    }


def step_text(step: StepExecution) -> str:
    """Spring's text of it."""
    counts = step.counts
    return (
        f"StepExecution: id={step.id}, version={step_version(step)}, name={step.name}, "
        f"status={STEP_STATUSES[step.state]}, "
        f"exitStatus={step_exit_code(step.state, step.exit_code)}, "
        f"readCount={counts.reads}, filterCount={counts.filters}, writeCount={counts.writes} "
        f"readSkipCount={counts.read_skips}, writeSkipCount={counts.write_skips}, "
        f"processSkipCount={counts.process_skips}, commitCount={counts.commits}, "
        f"rollbackCount={counts.rollbacks}, exitDescription={step.exit_message or ''}"
    )


def step_version(step: StepExecution) -> int:
    """How often it was stored: when it began, with each chunk, and when it ended."""
    return 1 + step.counts.commits + (step.ended_at is not None)


def step_context(step: StepExecution) -> dict[str, Any]:
    """What it keeps for its restart: its state, and under each reader's name its cursor."""
    cursor = step.checkpoint.cursor
    return {
        "stepExecutionId": step.id,
        "executionContext": dict(step.checkpoint.context),
        "cursor": cursor,
    }


def _last_updated(step: StepExecution) -> datetime:
    known = (step.started_at, step.committed_at, step.ended_at)
    return max(at for at in known if at is not None)
