"""RateWindow: how many of something may still happen now, under "so many in any stretch of time".

Exact in one direction, always: never more than `runs` within `per_s` seconds, whatever the clock
does. Within one of SLICES parts of the stretch what happened is kept as one number, as if all of
it had happened at the last of those instants: so a place comes back late by one part at the most.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final, TypeAlias

from callboard.domain.limits import RateLimit

SLICES: Final = 64
"""Parts of the stretch: what is lost of the rate is less than one in so many."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

Mark: TypeAlias = "tuple[int, int]"
"""Microseconds since 1970, and how many happened then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateWindow:
    """What happened lately, the oldest first. It heals by itself: it only ever forgets."""

    marks: tuple[Mark, ...] = ()

    def room(self, limit: RateLimit, now: datetime) -> int:
        """How many more may happen now.

        None at an instant before the last mark: of two transactions the one that began earlier may
        come later. Marks further ahead than the stretch are from before the clock was set back.
        """
        marks = self._counting(limit, _micros(now))
        if marks and marks[-1][0] > _micros(now):
            return 0
        return max(0, limit.runs - sum(count for _, count in marks))

    def with_more(self, count: int, limit: RateLimit, now: datetime) -> RateWindow:
        """The window after `count` more happened now."""
        if count <= 0:
            return self
        instant, marks = _micros(now), self._counting(limit, _micros(now))
        slice_of = max(1, _stretch(limit) // SLICES)
        if marks and marks[-1][0] // slice_of == instant // slice_of:
            at, before = marks.pop()
            return RateWindow(marks=(*marks, (max(at, instant), before + count)))
        return RateWindow(marks=tuple(sorted((*marks, (instant, count)))))

    def opens_at(self, limit: RateLimit, now: datetime) -> datetime | None:
        """When the next place comes free; None: there is one now."""
        if self.room(limit, now):
            return None
        marks = self._counting(limit, _micros(now))
        taken, opens = sum(count for _, count in marks), marks[-1][0]
        for at, count in marks:
            if taken < limit.runs:
                break
            taken -= count
            opens = max(opens, at + _stretch(limit))
        return _EPOCH + opens * _MICROSECOND

    def _counting(self, limit: RateLimit, now: int) -> list[Mark]:
        stretch = _stretch(limit)
        return [mark for mark in self.marks if now - stretch < mark[0] <= now + stretch]


def window_to_json(window: RateWindow) -> list[list[int]]:
    """As it is stored."""
    return [[*mark] for mark in window.marks]


def window_from_json(stored: Iterable[Iterable[int]]) -> RateWindow:
    """From what `window_to_json` made of it."""
    return RateWindow(marks=tuple([(at, count) for at, count in stored]))


def _stretch(limit: RateLimit) -> int:
    """Microseconds; anything that began must be at least so long ago."""
    return ceil(limit.per_s * 1_000_000)


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND
