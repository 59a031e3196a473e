"""Changes of jobs."""

from __future__ import annotations

from dataclasses import dataclass

from callboard.domain.job import Job
from callboard.runtime import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateJob(Command[Job]):
    """Store a new job. Refused: AlreadyExists."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceJob(Command[tuple[Job, bool]]):
    """Create the job, or replace the one of its name; whether it was created.

    An equal definition changes nothing, its version included (M15). Refused: StaleVersion.
    """

    job: Job
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJob(Command[None]):
    """Delete a job and stop its queued and parked runs; running ones go on, history stays.

    Refused: NotFound, StaleVersion, Conflict job_in_use while a trigger that needs it names it.
    """

    group: str
    name: str
    expected_version: int | None = None
