"""Instants, lengths of time and ids as the sentences of an explanation have them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from callboard.domain.instant import instant_to_text

MOST_IDS: Final = 5
_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60))


def instant_text(instant: datetime) -> str:
    """In UTC, without a fraction of the second."""
    return instant_to_text(instant.replace(microsecond=0))


def length_text(length: timedelta) -> str:
    """The two largest units: `2 d 3 h`, `5 min 2 s`, `0.21 s`."""
    seconds = length.total_seconds()
    if abs(seconds) < 60:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"
    parts: list[str] = []
    rest = round(abs(seconds))
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    parts.append(f"{rest} s")
    shown = [part for part in parts[:2] if not part.startswith("0 ")]
    return ("-" if seconds < 0 else "") + " ".join(shown)


def listed_ids(ids: Sequence[int]) -> str:
    """`1`, `1 and 2`, `1, 2 and 3`; of many, the first few."""
    shown = [str(each) for each in ids[:MOST_IDS]]
    if len(ids) > MOST_IDS:
        return f"{', '.join(shown)} and {len(ids) - MOST_IDS} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else ""
