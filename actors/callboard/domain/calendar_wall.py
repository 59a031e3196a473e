"""From the clocks of a zone to instants: coverage that is given as wall times.

Wall times are whole seconds since 1970-01-01 00:00 on the zone's clocks; a day is 86,400 of them.
An instant is covered when the clocks show a covered time then: what a change of the clocks jumps
over is nowhere, what it repeats is covered twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeAlias

from callboard.domain.calendar_coverage import FindSpans, Span
from callboard.domain.zone_span import span_at

DAY_S: Final = 86_400
FindWalls: TypeAlias = Callable[[int, int], Iterable[tuple[int, int]]]
"""Ranges of wall times (from, until) that touch [from, until), in any order; they may overlap."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


def on_clocks_of(zone_name: str, find: FindWalls) -> FindSpans:
    """The spans of instants at which the zone's clocks show the wall times."""

    def spans(low: datetime, high: datetime) -> Iterable[Span]:
        at, end = _seconds(low), _seconds(high)
        while at < end:
            span = span_at(zone_name, at)
            stop = min(span.end_s, end)
            first, last = at + span.offset_s, stop + span.offset_s
            for start, until in find(first, last):
                yield (
                    _EPOCH + timedelta(seconds=max(start, first) - span.offset_s),
                    _EPOCH + timedelta(seconds=min(until, last) - span.offset_s),
                )
            at = stop

    return spans


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH_DAY


def date_of(wall: int) -> date:
    """The date of a wall time, within the years that dates have."""
    number = wall // DAY_S + _EPOCH_DAY
    return date.fromordinal(min(max(number, 1), date.max.toordinal()))


def days(first: date, last: date) -> tuple[int, int]:
    """The wall times of the days from `first` to `last`, both included."""
    return day_number(first) * DAY_S, (day_number(last) + 1) * DAY_S


def _seconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(seconds=1)
