"""Calendars of kind `annual`: days that come every year, and ranges with both ends included.

    {"kind": "annual", "zone": "Europe/Prague", "days": ["05-01", ["12-24", "01-02"]]}

A range may go over the end of the year. 02-29 is there in leap years only; in others a range that
begins with it begins with 03-01, one that ends with it ends with 02-28.
"""

from __future__ import annotations

import re
from calendar import isleap
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final, TypeAlias

from callboard.domain.calendar_coverage import Coverage, YearlyCoverage
from callboard.domain.calendar_field import is_list, listed, pair, zoned
from callboard.domain.calendar_wall import date_of, days, on_clocks_of
from callboard.errors import invalid

_Day: TypeAlias = tuple[int, int]
"""Month and day."""
_DAY: Final = re.compile(r"(\d\d)-(\d\d)", re.ASCII)
_EXAMPLE: Final = '["12-24", "12-26"]'
_LEAP_DAY: Final = (2, 29)
_LEAP_YEAR: Final = 2000


def annual_coverage(body: Mapping[str, object]) -> Coverage:
    """What a definition covers.

    Raises:
        InvalidInput: everything that is wrong, by field (`zone`, `days[3]` ...).
    """
    zone, found = zoned(body, "days", lambda body: listed(body, "days", _range))
    return YearlyCoverage(on_clocks_of(zone, lambda low, high: _walls(found, low, high)))


def _walls(ranges: Sequence[tuple[_Day, _Day]], low: int, high: int) -> Iterable[tuple[int, int]]:
    # One that goes over the end of the year may have begun in the year before.
    for year in range(max(date_of(low).year - 1, date.min.year), date_of(high).year + 1):
        for first, last in ranges:
            end_year = year + (last < first)
            if end_year > date.max.year:
                continue
            start = _date_in(year, first, date(year, 3, 1))
            end = _date_in(end_year, last, date(end_year, 2, 28))
            if start <= end:
                yield days(start, end)


def _date_in(year: int, day: _Day, instead_of_leap_day: date) -> date:
    if day == _LEAP_DAY and not isleap(year):
        return instead_of_leap_day
    return date(year, *day)


def _range(value: object, field: str) -> tuple[_Day, _Day]:
    if not is_list(value):
        day = _day(value, field)
        return day, day
    first, last = pair(value, field, _EXAMPLE)
    return _day(first, f"{field}[0]"), _day(last, f"{field}[1]")


def _day(value: object, field: str) -> _Day:
    match = _DAY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        fix = "write month and day like 12-24"
        raise invalid(field, f"{value!r:.40} is not a day of the year", fix)
    month, day = int(match[1]), int(match[2])
    try:
        date(_LEAP_YEAR, month, day)
    except ValueError as error:
        raise invalid(field, f"{value!r} is not a day of the year: {error}") from None
    return month, day
