"""Stepping through the slots of a cron text: next, count and marks, without trying every minute.

Everything is whole numbers: seconds since 1970 in UTC (`*_s`) or on the zone's clocks (`wall`).
A wall time is matched first, then placed in the zone's spans:

- gap: wall times that the clocks jump over. With `gap_runs` they fire once, together, at the gap's
  end; otherwise not at all.
- fold: wall times that come twice. With `fold_first` only the first pass fires.
- a shift of more than three hours is a correction: nothing is made up and nothing held back.

Source: cronie's cron(8) and cron.c.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from callboard.domain.cron import CronFields
from callboard.domain.zone_span import LARGEST_SHIFT_S, OffsetSpan, span_at

LAST_YEAR: Final = 2200
"""The search ends with it, in UTC."""
_DAY_S: Final = 86_400
_DAY_MIN: Final = 1440
_EPOCH: Final = date(1970, 1, 1).toordinal()
_END_S: Final = (date(LAST_YEAR + 1, 1, 1).toordinal() - _EPOCH) * _DAY_S
_NO_DAY: Final = date(LAST_YEAR + 2, 1, 1).toordinal() - _EPOCH
"""Beyond LAST_YEAR on the clocks of every zone."""
_LENGTHS: Final = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class CronWalk:
    """What decides the slots of a cron schedule."""

    fields: CronFields
    zone: str
    gap_runs: bool
    fold_first: bool

    def next(self, after_s: int) -> int | None:
        """The first slot later than `after_s`; None when there is none up to LAST_YEAR."""
        fields = self.fields
        span = span_at(self.zone, after_s)
        wall = after_s + span.offset_s
        if self.fold_first and wall < span.repeated_until:
            wall = span.repeated_until - 1
        match = next_wall(fields, wall)
        while span.start_s < _END_S:
            slot = match - span.offset_s
            if slot < span.end_s:
                return slot if slot < _END_S else None
            span = span_at(self.zone, span.end_s)
            first = span.first_wall
            if match < first:  # it fell into the gap, or into the days that a correction left out
                if self.gap_runs and span.has_gap:
                    return span.start_s
                match = next_wall(fields, first - 1)
            elif span.corrected or (first < span.repeated_until and not self.fold_first):
                match = next_wall(fields, first - 1)
        return None

    def count(self, after_s: int, until_s: int) -> int:
        """How many slots there are in (after_s, until_s]; the effort grows with months only."""
        total, at = 0, after_s + 1
        while at <= until_s:
            span = span_at(self.zone, at)
            end = min(span.end_s, until_s + 1)
            total += self._count_in(span, at, end)
            at = end
        return total

    def _count_in(self, span: OffsetSpan, at: int, end: int) -> int:
        low = at + span.offset_s
        if self.fold_first:
            low = max(low, span.repeated_until)
        count = count_walls(self.fields, low, end + span.offset_s)
        if at == span.start_s and self._makes_up(span):
            # Where the gap's end matches by itself the two are one slot.
            first = span.first_wall
            count += count_walls(self.fields, first, first + 1) == 0
        return count

    def _makes_up(self, span: OffsetSpan) -> bool:
        return self.gap_runs and span.has_gap and self._lost(span) < span.first_wall

    def _lost(self, span: OffsetSpan) -> int:
        return next_wall(self.fields, span.lost_from - 1)

    def made_up(self, slot_s: int) -> int | None:
        """The first wall time that a slot at the end of a gap stands for; None for other slots."""
        span = span_at(self.zone, slot_s)
        return self._lost(span) if slot_s == span.start_s and self._makes_up(span) else None

    def marks(self, slot_s: int) -> Iterator[str]:
        """`dst_gap` for a slot that makes up for lost ones, `dst_fold` where the wall time is one
        that comes twice."""
        span = span_at(self.zone, slot_s)
        wall = slot_s + span.offset_s
        if self.made_up(slot_s) is not None:
            yield "dst_gap"
        soon = _spans(self.zone, slot_s, slot_s + LARGEST_SHIFT_S)
        if wall < span.repeated_until or any(_comes_again(wall, later) for later in soon):
            yield "dst_fold"

    def gaps(self, after_s: int, until_s: int) -> Iterator[OffsetSpan]:
        """The spans in (after_s, until_s] at whose start matching wall times are lost."""
        for span in _spans(self.zone, after_s, until_s):
            if span.has_gap and self._lost(span) < span.first_wall:
                yield span

    def folds(self, after_s: int, until_s: int) -> Iterator[OffsetSpan]:
        """The spans in (after_s, until_s] at whose start matching wall times come again."""
        for span in _spans(self.zone, after_s, until_s):
            if not span.corrected and next_wall(self.fields, span.first_wall - 1) < (
                span.repeated_until
            ):
                yield span


def _spans(zone: str, after_s: int, until_s: int) -> Iterator[OffsetSpan]:
    """The spans that begin in (after_s, until_s]."""
    span = span_at(zone, span_at(zone, after_s).end_s)
    while span.start_s <= until_s:
        yield span
        span = span_at(zone, span.end_s)


def _comes_again(wall: int, later: OffsetSpan) -> bool:
    return not later.corrected and later.first_wall <= wall < later.repeated_until


def next_wall(fields: CronFields, wall: int) -> int:
    """The first matching wall time later than `wall`; in LAST_YEAR + 2 without any."""
    day, minute = divmod(wall // 60 + 1, _DAY_MIN)
    if minute:
        if _day_matches(fields, day):
            minute = _next_minute(fields, minute)
            if minute < _DAY_MIN:
                return day * _DAY_S + minute * 60
        day += 1
    return _next_day(fields, day) * _DAY_S + _next_minute(fields, 0) * 60


def _next_minute(fields: CronFields, minute: int) -> int:
    """The first matching minute of the day from `minute` on; _DAY_MIN or more: none."""
    hour, past = divmod(minute, 60)
    if fields.hours >> hour & 1:
        rest = fields.minutes >> past
        if rest:
            return minute + (rest & -rest).bit_length() - 1
    later = fields.hours >> hour + 1
    if not later:
        return _DAY_MIN
    hour += (later & -later).bit_length()
    return hour * 60 + (fields.minutes & -fields.minutes).bit_length() - 1


def _day_matches(fields: CronFields, day: int) -> bool:
    on = date.fromordinal(day + _EPOCH)
    if not fields.months >> on.month & 1:
        return False
    return bool(fields.day_masks[(day - on.day + 5) % 7] >> on.day & 1)


def _next_day(fields: CronFields, day: int) -> int:
    """The first matching day from `day` on, in days since 1970; _NO_DAY when there is none."""
    on = date.fromordinal(day + _EPOCH)
    year, month, past = on.year, on.month, on.day
    first = day - past + 1
    while year <= LAST_YEAR + 1:
        if fields.months >> month & 1:
            # 1970-01-01 was a Thursday, 4 where Sunday is 0.
            rest = (fields.day_masks[(first + 4) % 7] & _days_of(year, month)) >> past
            if rest:
                return first + past - 1 + (rest & -rest).bit_length() - 1
        year, month = _next_month(fields, year, month)
        first, past = date(year, month, 1).toordinal() - _EPOCH, 1
    return _NO_DAY


def _next_month(fields: CronFields, year: int, month: int) -> tuple[int, int]:
    later = fields.months >> month + 1
    if later:
        return year, month + (later & -later).bit_length()
    return year + 1, (fields.months & -fields.months).bit_length() - 1


def _days_of(year: int, month: int) -> int:
    """Mask of the days that a month has."""
    return (2 << _LENGTHS[month] + (month == 2 and isleap(year))) - 2


def count_walls(fields: CronFields, low: int, high: int) -> int:
    """How many wall times in [low, high) match."""
    low_day, low_minute = divmod(-(-low // 60), _DAY_MIN)
    high_day, high_minute = divmod(-(-high // 60), _DAY_MIN)
    if (high_day, high_minute) <= (low_day, low_minute):
        return 0
    count = _count_days(fields, low_day, high_day) * _minutes_before(fields, _DAY_MIN)
    if low_minute and _day_matches(fields, low_day):
        count -= _minutes_before(fields, low_minute)
    if high_minute and _day_matches(fields, high_day):
        count += _minutes_before(fields, high_minute)
    return count


def _minutes_before(fields: CronFields, minute: int) -> int:
    """How many minutes of a day before `minute` match."""
    hour, past = divmod(minute, 60)
    count = (fields.hours & (1 << hour) - 1).bit_count() * fields.minutes.bit_count()
    if fields.hours >> hour & 1:
        count += (fields.minutes & (1 << past) - 1).bit_count()
    return count


def _count_days(fields: CronFields, low: int, high: int) -> int:
    """How many days in [low, high) match."""
    count = 0
    while low < high:
        on = date.fromordinal(low + _EPOCH)
        first = low - on.day + 1
        after = first + _LENGTHS[on.month] + (on.month == 2 and isleap(on.year))
        if fields.months >> on.month & 1:
            mask = fields.day_masks[(first + 4) % 7] & (1 << min(after, high) - first + 1) - 1
            count += (mask >> on.day).bit_count()
        low = after
    return count
