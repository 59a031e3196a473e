"""Wall times that a cron text matches: the next one, those of a stretch, how many.

A wall time is a whole number: seconds since 1970-01-01 00:00 as the clocks show them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from callboard.domain.cron_meaning import FIRST_YEAR, CronFields, month_length
from callboard.domain.zone_walk import LAST_YEAR

_DAY_S: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()
_FROM_YEAR: Final = FIRST_YEAR - 1
_UNTIL_YEAR: Final = LAST_YEAR + 2
"""Beyond LAST_YEAR on the clocks of every zone."""
_FIRST_WALL: Final = (date(_FROM_YEAR, 1, 1).toordinal() - _EPOCH) * _DAY_S
_NO_DAY: Final = date(_UNTIL_YEAR, 1, 1).toordinal() - _EPOCH


def _month(year: int, month: int) -> tuple[int, int, int]:
    first = date(year, month, 1).toordinal() - _EPOCH
    return first, month_length(year, month) - 28, (first + 4) % 7  # 1970 began with a Thursday


_MONTHS: Final = tuple(
    _month(year, month) for year in range(_FROM_YEAR, _UNTIL_YEAR + 3) for month in range(1, 13)
)
"""Each month: its 1st in days since 1970, and the two indices into `CronFields.day_masks`."""


def next_wall(fields: CronFields, wall: int) -> int:
    """The first matching wall time later than `wall`; in LAST_YEAR + 2 without any."""
    day, second = divmod(wall + 1 if wall >= _FIRST_WALL else _FIRST_WALL, _DAY_S)
    if second:
        if _day_matches(fields, day):
            second = _next_second(fields, second)
            if second < _DAY_S:
                return day * _DAY_S + second
        day += 1
    return _next_day(fields, day) * _DAY_S + fields.first_second


def _next_second(fields: CronFields, second: int) -> int:
    """The first matching second of the day from `second` on; _DAY_S or more: none."""
    minute, past = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    if fields.hours >> hour & 1:
        if past:
            rest = fields.seconds >> past
            if rest and fields.minutes >> minute & 1:
                return second + _lowest(rest)
            minute += 1
        rest = fields.minutes >> minute
        if rest:
            # _lowest, written out where it is called most.
            minute += (rest & -rest).bit_length() - 1
            return hour * 3600 + minute * 60 + fields.first_second % 60
    later = fields.hours >> hour + 1
    if not later:
        return _DAY_S
    hour += (later & -later).bit_length()
    return hour * 3600 + fields.first_second % 3600


def _lowest(mask: int) -> int:
    """The lowest bit that is set."""
    return (mask & -mask).bit_length() - 1


def _day_matches(fields: CronFields, day: int) -> bool:
    on = date.fromordinal(day + _EPOCH)
    if not fields.months >> on.month & 1:
        return False
    if fields.years is not None and not _year_matches(fields, on.year):
        return False
    month = _MONTHS[(on.year - _FROM_YEAR) * 12 + on.month - 1]
    return fields.day_masks[month[1]][month[2]] >> on.day & 1 == 1


def _year_matches(fields: CronFields, year: int) -> bool:
    return fields.years is None or (year >= FIRST_YEAR and bool(fields.years >> year - 1970 & 1))


def _next_day(fields: CronFields, day: int) -> int:
    """The first matching day from `day` on, in days since 1970; _NO_DAY when there is none."""
    on = date.fromordinal(day + _EPOCH)
    year, month, past = on.year, on.month - 1, on.day
    if fields.years is not None and not _year_matches(fields, year):
        year, month, past = _next_year(fields, year), 0, 0
    while year < _UNTIL_YEAR:
        later = fields.months >> month + 1
        if not later:
            year, month, past = _next_year(fields, year), 0, 0
            continue
        month += 1 + _lowest(later)
        first, length, weekday = _MONTHS[(year - _FROM_YEAR) * 12 + month - 1]
        rest = fields.day_masks[length][weekday]
        if past:
            rest = rest >> past << past if month == on.month else rest
            past = 0
        if rest:
            return first + (rest & -rest).bit_length() - 2
    return _NO_DAY


def _next_year(fields: CronFields, year: int) -> int:
    """The first matching year after `year`; _UNTIL_YEAR when there is none."""
    if fields.years is None:
        return year + 1
    later = fields.years >> max(year + 1 - FIRST_YEAR, 0)
    return max(year + 1, FIRST_YEAR) + _lowest(later) if later else _UNTIL_YEAR


def matching_walls(fields: CronFields, low: int, high: int) -> Iterator[int]:
    """The matching wall times in [low, high)."""
    low = max(low, _FIRST_WALL)
    day = _next_day(fields, low // _DAY_S)
    if day * _DAY_S >= high:
        return
    minutes = _minutes_of_day(fields)
    seconds = [second for second in range(60) if fields.seconds >> second & 1]
    while day * _DAY_S < high:
        start = day * _DAY_S
        is_whole = low <= start and start + _DAY_S <= high
        for minute in minutes:
            for second in seconds:
                wall = start + minute + second
                if is_whole or low <= wall < high:
                    yield wall
        day = _next_day(fields, day + 1)


def _minutes_of_day(fields: CronFields) -> list[int]:
    """The matching minutes, as their first seconds of the day."""
    minutes = [minute * 60 for minute in range(60) if fields.minutes >> minute & 1]
    hours = [hour * 3600 for hour in range(24) if fields.hours >> hour & 1]
    return [hour + minute for hour in hours for minute in minutes]


def count_walls(fields: CronFields, low: int, high: int) -> int:
    """How many wall times in [low, high) match."""
    if high <= low:
        return 0
    low_day, low_second = divmod(low, _DAY_S)
    high_day, high_second = divmod(high, _DAY_S)
    count = _count_days(fields, low_day, high_day) * _seconds_before(fields, _DAY_S)
    if low_second and _day_matches(fields, low_day):
        count -= _seconds_before(fields, low_second)
    if high_second and _day_matches(fields, high_day):
        count += _seconds_before(fields, high_second)
    return count


def _seconds_before(fields: CronFields, second: int) -> int:
    """How many seconds of a day before `second` match."""
    minute, past = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    hours = (fields.hours & (1 << hour) - 1).bit_count()
    minutes = hours * fields.minutes.bit_count()
    seconds = 0
    if fields.hours >> hour & 1:
        minutes += (fields.minutes & (1 << minute) - 1).bit_count()
        if fields.minutes >> minute & 1:
            seconds = (fields.seconds & (1 << past) - 1).bit_count()
    return minutes * fields.seconds.bit_count() + seconds


def _count_days(fields: CronFields, low: int, high: int) -> int:
    """How many days in [low, high) match."""
    count = 0
    on = date.fromordinal(low + _EPOCH)
    index = (on.year - _FROM_YEAR) * 12 + on.month - 1
    while low < high:
        first, length, weekday = _MONTHS[index]
        after = first + length + 28
        year, month = divmod(index, 12)
        if fields.months >> month + 1 & 1 and _year_matches(fields, year + _FROM_YEAR):
            mask = fields.day_masks[length][weekday] & (1 << min(after, high) - first + 1) - 1
            count += (mask >> low - first + 1).bit_count()
        low, index = after, index + 1
    return count
