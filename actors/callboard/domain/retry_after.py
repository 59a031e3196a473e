"""Retry-After: how long a server asks to be left alone (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_S: Final = 3600.0
"""A server that asks for more is asked again after an hour."""


def retry_after_s(value: str | None, *, date: str | None, now: datetime) -> float | None:
    """Seconds from 0 to LONGEST_S; None: the header is missing or cannot be read.

    Args:
        value: of Retry-After: seconds, or an HTTP date.
        date: of the answer's Date header, the server's own present: it keeps the difference right
            where clocks differ.
        now: stands in for a Date that is missing or cannot be read.
    """
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,15}", text):
        return min(float(text), LONGEST_S)
    until = _instant(text)
    if until is None:
        return None
    since = _instant(date or "") or now
    return min(max((until - since).total_seconds(), 0.0), LONGEST_S)


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
        return instant.replace(tzinfo=instant.tzinfo or UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
