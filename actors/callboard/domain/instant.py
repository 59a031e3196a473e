"""Instants: aware UTC datetimes, and their RFC 3339 text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from callboard.errors import invalid

_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_FIX: Final = "write it like 2026-11-20T01:00:00Z"


def utc_instant(value: object, field: str) -> datetime:
    """The same instant in UTC.

    Raises:
        InvalidInput: on `field`, for what is not a datetime and for one without a zone.
    """
    if not isinstance(value, datetime):
        raise invalid(field, f"is a {type(value).__name__}, not a datetime")
    if value.utcoffset() is None:
        fix = "give it a zone: datetime(..., tzinfo=UTC) or ZoneInfo('Europe/Prague')"
        raise invalid(field, f"{value.isoformat()} has no time zone, so it is no instant", fix)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise invalid(field, f"{value.isoformat()} is outside the years 1 to 9999") from None


def instant_to_text(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z`; microseconds where there are any."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def instant_from_text(value: object, field: str) -> datetime:
    """The instant that an RFC 3339 text names; digits beyond microseconds are cut off.

    Raises:
        InvalidInput: on `field`: not a string, no offset, no such date, a leap second (D07).
    """
    if not isinstance(value, str):
        raise invalid(field, f"is a {type(value).__name__}, not a string", _FIX)
    if _RFC_3339.fullmatch(value) is None:
        raise invalid(field, f"{value[:40]!a} is not an instant with an offset", _FIX)
    if value[17:19] == "60":
        raise invalid(field, f"{value!r} is a leap second, which UTC here does not have", "use :59")
    try:
        parsed = datetime.fromisoformat(value.upper())
    except ValueError as error:
        raise invalid(field, f"{value!r} is not an instant: {error}", _FIX) from None
    return utc_instant(parsed, field)
