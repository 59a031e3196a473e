"""A run that a caller started in a transaction of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callboard.domain.json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """Committed, but not a run yet."""

    run_id: int
    """The run's, from the beginning."""
    job_id: int
    job: str
    group: str
    arguments: JsonObject
    """The job's defaults are in it already."""
    due_at: datetime | None
    """None: at once."""
    unique_key: str | None
    priority: int | None
    """None: the job's."""
    trace_id: str
    created_at: datetime
