"""How long an attempt at a run may take: as its job says, and no longer than its chain has left."""

from __future__ import annotations

from dataclasses import dataclass

from callboard.domain.job import Job
from callboard.domain.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimit:
    """The one that comes first."""

    seconds: float
    """From the beginning of the attempt on; 0 or less: it is over already."""
    type: str
    """Of the error of a run that exceeds it."""
    message: str
    may_be_retried: bool = True


def time_limit_of(job: Job, run: Run) -> TimeLimit | None:
    """The limit of an attempt that begins as soon as the run is claimed; None: there is none."""
    until = None if run.terms is None else run.terms.chain_until
    if until is not None:
        left_s = (until - (run.started_at or run.created_at)).total_seconds()
        if job.timeout_s is None or left_s <= job.timeout_s:
            message = "the time of its chain of attempts was over"
            return TimeLimit(
                seconds=left_s, type="ChainTimeout", message=message, may_be_retried=False
            )
    if job.timeout_s is None:
        return None
    message = f"it took longer than {job.timeout_s:g} s"
    return TimeLimit(seconds=job.timeout_s, type="TimedOut", message=message)
