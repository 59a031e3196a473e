"""Calendars of kind `weekly`: hours of the days of the week.

    {"kind": "weekly", "zone": "Europe/Prague",
     "hours": {"mon": [["09:00", "12:00"], ["13:00", "17:00"]], "sat": [["00:00", "24:00"]]}}

The end of a range is exclusive. A range lies within one day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from callboard.domain.calendar_coverage import Coverage, YearlyCoverage
from callboard.domain.calendar_field import all_read, is_list, pair, zoned
from callboard.domain.calendar_wall import DAY_S, on_clocks_of
from callboard.errors import FieldProblem, InvalidInput, invalid

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_RANGES: Final = 100
"""Of a day."""
_EXAMPLE: Final = '["09:00", "17:00"]'
_TIME: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00", re.ASCII)
_THURSDAY: Final = 3
"""1970-01-01, where Monday is 0."""
_Ranges: TypeAlias = tuple[tuple[int, int], ...]


def weekly_coverage(body: Mapping[str, object]) -> Coverage:
    """What a definition covers.

    Raises:
        InvalidInput: everything that is wrong, by field (`zone`, `hours.mon[0]` ...).
    """
    zone, hours = zoned(body, "hours", lambda body: _hours(body.get("hours")))
    return YearlyCoverage(on_clocks_of(zone, lambda low, high: _walls(hours, low, high)))


def _walls(hours: tuple[_Ranges, ...], low: int, high: int) -> Iterable[tuple[int, int]]:
    for day in range(low // DAY_S, (high - 1) // DAY_S + 1):
        for start, end in hours[(day + _THURSDAY) % 7]:
            yield day * DAY_S + start, day * DAY_S + end


def _hours(value: object) -> tuple[_Ranges, ...]:
    """The ranges of each weekday, in seconds of the day."""
    if value is None:
        raise invalid("hours", "is missing", f'write {{"mon": [{_EXAMPLE}]}}')
    if not isinstance(value, Mapping):
        raise invalid("hours", f"is a {type(value).__name__}, not an object")
    problems = [*_unknown_days(value)]
    found: list[_Ranges] = []
    for name in WEEKDAYS:
        try:
            found.append(_ranges(value.get(name, ()), f"hours.{name}"))
        except InvalidInput as error:
            problems += error.problems
    if not problems and not any(found):
        problems.append(FieldProblem("hours", "has no range, so it covers nothing"))
    if problems:
        raise InvalidInput(*problems)
    return tuple(found)


def _unknown_days(value: Mapping[str, object]) -> Iterator[FieldProblem]:
    for name in value:
        if name not in WEEKDAYS:
            fix = f"they are {', '.join(WEEKDAYS)}"
            yield FieldProblem(f"hours.{str(name)[:80]}", "is not a day of the week", fix)


def _ranges(value: object, field: str) -> _Ranges:
    if not is_list(value):
        fix = f"write [{_EXAMPLE}]"
        raise invalid(field, f"is a {type(value).__name__}, not a list of ranges", fix)
    if len(value) > MAX_RANGES:
        raise invalid(field, f"has {len(value)} ranges, more than {MAX_RANGES}")
    return all_read(value, field, _range)


def _range(value: object, field: str) -> tuple[int, int]:
    first, last = pair(value, field, _EXAMPLE)
    start, end = _second_of_day(first, f"{field}[0]"), _second_of_day(last, f"{field}[1]")
    if start == end:
        raise invalid(field, f"{first} to {last} is empty", 'a whole day is ["00:00", "24:00"]')
    if start > end:
        fix = f'split it: ["{first}", "24:00"] on this day, ["00:00", "{last}"] on the next'
        raise invalid(field, f"{first} to {last} goes over midnight", fix)
    return start, end


def _second_of_day(value: object, field: str) -> int:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        fix = "write it like 09:00, the end of a day as 24:00"
        raise invalid(field, f"{value!r:.40} is not a time of day", fix)
    hour, _, minute = value.partition(":")
    return int(hour) * 3600 + int(minute) * 60
