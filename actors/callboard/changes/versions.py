"""The version that a change was decided on, against the present one."""

from __future__ import annotations

from callboard.domain.calendar import Calendar
from callboard.domain.job import Job
from callboard.domain.trigger import Trigger
from callboard.errors import StaleVersion


def check_version(kind: str, present: Job | Trigger | Calendar, expected: int | None) -> None:
    """Raise StaleVersion where a version is expected that is not the present one."""
    if expected is not None and expected != present.version:
        raise StaleVersion(kind, present.name, expected=expected, present=present.version)
