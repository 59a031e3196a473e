"""Calendars of kind `dates`: local dates, and ranges of them with both ends included.

{"kind": "dates", "zone": "Europe/Prague", "dates": ["2026-11-17", ["2026-12-24", "2026-12-26"]]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from callboard.domain.calendar_coverage import Coverage, YearlyCoverage
from callboard.domain.calendar_field import is_list, listed, local_date, pair, zoned
from callboard.domain.calendar_wall import days, on_clocks_of
from callboard.errors import invalid

_EXAMPLE: Final = '["2026-12-24", "2026-12-26"]'


def dates_coverage(body: Mapping[str, object]) -> Coverage:
    """What a definition covers.

    Raises:
        InvalidInput: everything that is wrong, by field (`zone`, `dates[3]` ...).
    """
    zone, found = zoned(body, "dates", lambda body: listed(body, "dates", _range))
    walls = [days(first, last) for first, last in found]
    return YearlyCoverage(
        on_clocks_of(zone, lambda low, high: touching(walls, low, high)),
        # A day may begin or end in another year of UTC.
        first_year=min(first for first, _ in found).year - 1,
        last_year=max(last for _, last in found).year + 1,
    )


def touching(walls: Sequence[tuple[int, int]], low: int, high: int) -> Iterable[tuple[int, int]]:
    """The ranges that touch [low, high)."""
    return (each for each in walls if each[0] < high and each[1] > low)


def _range(value: object, field: str) -> tuple[date, date]:
    if not is_list(value):
        day = local_date(value, field)
        return day, day
    ends = pair(value, field, _EXAMPLE)
    first, last = local_date(ends[0], f"{field}[0]"), local_date(ends[1], f"{field}[1]")
    if last < first:
        raise invalid(field, f"{last} is before {first}", "write the earlier date first")
    return first, last
