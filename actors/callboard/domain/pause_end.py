"""The end of a timed pause."""

from __future__ import annotations

from datetime import datetime

from callboard.domain.instant import instant_to_text
from callboard.errors import invalid


def check_pause_end(until: datetime | None, now: datetime) -> None:
    """Raises InvalidInput on `until` for an end that has come already."""
    if until is not None and until <= now:
        reason = f"{instant_to_text(until)} is not later than now, {instant_to_text(now)}"
        raise invalid("until", reason, "null: until it is resumed")
