"""The version that a change was decided on, against the present one."""

from __future__ import annotations

from typing import Protocol

from callboard.errors import StaleVersion


class Versioned(Protocol):
    """A job, a trigger, a calendar, a queue and their like."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...


def check_version(kind: str, present: Versioned, expected: int | None) -> None:
    """Raise StaleVersion where a version is expected that is not the present one."""
    if expected is not None and expected != present.version:
        raise StaleVersion(kind, present.name, expected=expected, present=present.version)
