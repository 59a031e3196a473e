"""A run as Spring's JobExecution: its document, and its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callboard.domain.batch_instance import BatchRun
from callboard.domain.instant import instant_to_text
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard_service.doors.batch.parameter_document import JobParameter, parameters_json
from callboard_service.doors.batch.words import RUNNING, STATUSES, exit_code

_VERSIONS = {RunState.QUEUED: 0, RunState.RUNNING: 1, RunState.STOPPING: 2, RunState.ABANDONED: 4}
_ENDED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class JobExecution:
    """All that the door says of a run."""

    run: Run
    batch: BatchRun | None
    """None: it has not begun, and has no instance yet."""
    parameters: Sequence[JobParameter]

    @property
    def status(self) -> str:
        return STATUSES[self.run.state]

    @property
    def version(self) -> int:
        """Grows with the life of the run; Spring counts updates, which are not counted here."""
        return _VERSIONS.get(self.run.state, _ENDED)

    @property
    def exit_code(self) -> str:
        return exit_code(self.run.state, None if self.batch is None else self.batch.exit_code)

    @property
    def exit_description(self) -> str:
        """What went wrong, with the traceback; empty where nothing did."""
        error = self.run.error
        if error is not None:
            return error.traceback or f"{error.type}: {error.message}"
        return (self.batch.exit_message if self.batch is not None else None) or ""

    @property
    def last_updated(self) -> datetime:
        run = self.run
        return max(at for at in (run.created_at, run.started_at, run.ended_at) if at is not None)

    @property
    def instance_id(self) -> int | None:
        return None if self.batch is None else self.batch.instance_id

    def to_json(self) -> dict[str, Any]:
        """The document."""
        run, instance_id = self.run, self.instance_id
        instance = None if instance_id is None else {"id": instance_id, "jobName": run.job}
        return {
            "id": run.id,
            "version": self.version,
            "jobName": run.job,
            "jobInstance": instance,
            "jobParameters": parameters_json(self.parameters),
            "status": self.status,
            "exitStatus": {
                "exitCode": self.exit_code,
                "exitDescription": self.exit_description,
            },
            "running": self.status in RUNNING,
            "createTime": run.created_at,
            "startTime": run.started_at,
            "endTime": run.ended_at,
            "lastUpdated": self.last_updated,
            "restartedFrom": run.previous_run_id,
        }

    @property
    def summary(self) -> str:
        """Spring's text of it."""
        run = self.run
        return ", ".join(
            (
                f"JobExecution: id={run.id}, version={self.version}",
                f"startTime={_time(run.started_at)}",
                f"endTime={_time(run.ended_at)}",
                f"lastUpdated={_time(self.last_updated)}",
                f"status={self.status}",
                f"exitStatus=exitCode={self.exit_code};exitDescription={self.exit_description}",
                f"job=[{self._instance_text()}]",
                f"jobParameters=[{{{','.join(map(str, self.parameters))}}}]",
            )
        )

    def _instance_text(self) -> str:
        if self.instance_id is None:
            return "null"
        return f"JobInstance: id={self.instance_id}, version=0, Job=[{self.run.job}]"


def _time(at: datetime | None) -> str:
    return "null" if at is None else instant_to_text(at)
