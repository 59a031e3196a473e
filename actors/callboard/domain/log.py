"""A run's log: numbered lines, stored in chunks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from callboard.domain.json import JsonObject

SEVERITY: Final = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
MAX_SEARCH: Final = 200
"""Characters of a text that logs are searched for."""


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
    fields: JsonObject | None = None
    """What came with a `log` line as `extra`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChunk:
    """Consecutive lines of one run, stored as one row."""

    run_id: int
    lines: tuple[LogLine, ...]
    """At least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which lines of a log are wanted; each condition that is given has to hold."""

    level: str | None = None
    """A name of SEVERITY: only what was logged at it or above; other lines have no level."""
    search: str | None = None
    """Only lines with this text in them, whatever its case; nothing in it has a meaning."""
    stream: str | None = None

    @property
    def levels(self) -> tuple[str, ...] | None:
        """Names of the levels that will do; None: any, or none at all."""
        if self.level is None:
            return None
        least = SEVERITY[self.level]
        return tuple(name for name, severity in SEVERITY.items() if severity >= least)

    def accepts(self, line: LogLine) -> bool:
        levels = self.levels
        return (
            (levels is None or line.level in levels)
            and (self.stream is None or line.stream == self.stream)
            and (self.search is None or self.search.lower() in line.text.lower())
        )


EVERYTHING: Final = LogFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """Lines of a log that a filter lets pass."""

    lines: tuple[LogLine, ...]
    after: int
    """Number of the last line that was looked at: where to go on."""
    has_more: bool
    """Whether lines behind it are stored already."""
