"""How long an attempt at a run may take: as its start or its job says, and no longer than its chain
has left."""

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
    terms = run.terms
    until = None if terms is None else terms.chain_until
    own_s = None if terms is None else terms.timeout_s
    timeout_s = job.timeout_s if own_s is None else own_s
    if until is not None:
        left_s = (until - (run.started_at or run.created_at)).total_seconds()
        if timeout_s is None or left_s <= timeout_s:
            message = "the time of its chain of attempts was over"
            return TimeLimit(
                seconds=left_s, type="ChainTimeout", message=message, may_be_retried=False
            )
    if timeout_s is None:
        return None
    message = f"it took longer than {timeout_s:g} s"
    return TimeLimit(seconds=timeout_s, type="TimedOut", message=message)
