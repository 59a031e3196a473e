"""What a crontab says, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from callboard.domain.schedule import Cron, cron

DEFAULT_SHELL: Final = "/bin/sh"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrontabEntry:
    """One line that starts a command."""

    line: int
    """1-based."""
    name: str
    """A suggestion, the same at the next import of the same line, unique within the file."""
    description: str
    """The comment lines directly above; may be empty."""
    expression: str
    """Five fields or a macro."""
    zone: str
    """CRON_TZ where it is set, otherwise the zone that the caller named."""
    command: str
    """For the shell, with `\\%` already turned into `%`."""
    stdin: str | None
    """What follows the first unescaped `%`; None without one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The assignments above the line."""
    user: str | None = None
    """The user column of a system crontab, or the owner that the caller named."""
    is_quiet: bool = False
    """Whether a `-` before the minute asks cron not to log it."""

    @property
    def shell(self) -> str:
        return self.environment.get("SHELL") or DEFAULT_SHELL

    @property
    def schedule(self) -> Cron:
        return cron(self.expression, zone=self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrontabProblem:
    """Something about a line that people should know."""

    line: int
    column: int
    reason: str
    fix: str = ""

    def __str__(self) -> str:
        fix = f" ({self.fix})" if self.fix else ""
        return f"line {self.line}, column {self.column}: {self.reason}{fix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrontabFile:
    """What a crontab says, in the order of its lines."""

    entries: tuple[CrontabEntry, ...]
    problems: tuple[CrontabProblem, ...]
    """Lines that were not taken over."""
    notes: tuple[CrontabProblem, ...] = ()
    """Lines that were, but do less here than their author may think."""
