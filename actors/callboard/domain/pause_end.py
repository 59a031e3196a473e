"""The end of a timed pause."""

from __future__ import annotations

from datetime import datetime

from callboard.errors import invalid


def check_pause_end(until: datetime | None, now: datetime) -> None:
    """Raises InvalidInput on `until` for an end that has come already."""
    if until is not None and until <= now:
        reason = f"{until.isoformat()} is not later than now, {now.isoformat()}"
        raise invalid("until", reason, "null: until it is resumed")
