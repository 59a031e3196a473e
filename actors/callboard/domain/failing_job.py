"""A job whose last chain did not succeed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingJob:
    """Since when, and with which run it began."""

    job_id: int
    run_id: int
    since: datetime
