"""The table of all operations of the door."""

from __future__ import annotations

from typing import Final

from callboard_service.doors.batch import executions, instances, jobs, starts, steps

OPERATIONS: Final = (
    *jobs.OPERATIONS,
    *starts.OPERATIONS,
    *instances.OPERATIONS,
    *executions.OPERATIONS,
    *steps.OPERATIONS,
)
