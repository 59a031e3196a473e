"""A run's log: numbered lines, stored in chunks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a run's log."""

    seq: int
    """Counts up from 1 within the run, without gaps."""
    at: datetime
    stream: str
    """stdout, stderr or log."""
    level: str | None
    """The logging level's name for `log` lines, otherwise None."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChunk:
    """Consecutive lines of one run, stored as one row."""

    run_id: int
    lines: tuple[LogLine, ...]
    """At least one."""
