"""A run in the hands of the node that has to execute it."""

from __future__ import annotations

from typing import NamedTuple

from callboard.domain.job import Job
from callboard.domain.run import Run


class ClaimedRun(NamedTuple):
    """A run that the node has to execute now, with its job's present definition."""

    run: Run
    job: Job | None
    """None: the job was deleted."""
    log_seq: int = 0
    """Number of the last line that an earlier holder of the run logged."""
