"""Bookmark: how far the runs of a job have got, by what the last successful one left behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from callboard.domain.json import Json
from callboard.domain.run import Run
from callboard.domain.states import RunState

KEPT: Final = 1000
"""Versions that are kept of a job's bookmark, the newest ones."""
UNSUCCESSFUL_ATTEMPTS: Final = frozenset({RunState.FAILED, RunState.TIMED_OUT})
"""Ends after which the next run is another attempt; who stops a run wants none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """One version of a job's bookmark."""

    job_id: int
    version: int
    """Counts every change, resets included."""
    run: int = 0
    """Counts successful runs, since the last reset."""
    attempt: int = 0
    """Counts failed runs, since the last reset: so many of the runs were further attempts."""
    run_id: int | None = None
    """The successful run at which it stands; None: at the beginning."""
    previous_run_id: int | None = None
    """Where it stood before."""
    value: Json = None
    """That run's result."""
    at: datetime


def moved(last: Bookmark | None, run: Run, at: datetime) -> Bookmark | None:
    """The bookmark after the end of a run; None: the end does not change it."""
    before = last or Bookmark(job_id=run.job_id, version=0, at=at)
    if run.state is RunState.SUCCEEDED:
        return replace(
            before,
            version=before.version + 1,
            run=before.run + 1,
            run_id=run.id,
            previous_run_id=before.run_id,
            value=run.result,
            at=at,
        )
    if run.state in UNSUCCESSFUL_ATTEMPTS and run.started_at is not None:
        return replace(before, version=before.version + 1, attempt=before.attempt + 1, at=at)
    return None


def reset(last: Bookmark, to: Bookmark | None, at: datetime) -> Bookmark:
    """The bookmark at the beginning again, or as it was in the version `to`."""
    start = to or Bookmark(job_id=last.job_id, version=0, at=at)
    return replace(start, version=last.version + 1, previous_run_id=last.run_id, at=at)
