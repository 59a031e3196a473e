"""A timetable: what a schedule, its bounds and its calendars promise, stretch by stretch.

The points of a timetable are the slots of the schedule, those that a calendar moved to another day,
and the ends of the gaps in which the clocks lost slots for good. Each lies in one segment:

- open: its slots are to fire;
- `calendar`: left out by the calendars (what was lost in a gap there counts with it);
- `dst_gap`: one point, which stands for as many slots as were lost.

Bounds are inclusive at both ends, unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import merge
from typing import Final

from callboard.domain.exclusion import Exclusion
from callboard.domain.ledger import SkipReason
from callboard.domain.schedule import (
    CalendarInterval,
    Cron,
    Schedule,
    count_slots,
    gap_losses,
    is_slot,
    next_slot,
    slots_between,
    waits_without_slot,
)
from callboard.domain.schedule_slots import END
from callboard.domain.shift import REACH, moved_slots

MICROSECOND: Final = timedelta(microseconds=1)
SEARCH: Final = timedelta(days=3653)
"""How far a slot that calendars leave is looked for: ten years."""
MAX_STEPS: Final = 20_000
"""Stretches of a calendar that such a search passes at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch whose points are all of one kind."""

    reason: SkipReason | None
    """Why its slots do not fire; None: they do."""
    low: datetime
    high: datetime
    extras: tuple[tuple[datetime, int], ...] = ()
    """Points that are not slots of the schedule, and for how many slots each stands."""

    def clipped(self, low: datetime, high: datetime) -> Segment:
        """The part within the bounds; without any instant where there is none (low > high)."""
        if low <= self.low and self.high <= high:
            return self
        low, high = max(low, self.low), min(high, self.high)
        extras = tuple(each for each in self.extras if low <= each[0] <= high)
        return replace(self, low=low, high=high, extras=extras)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """What decides the points."""

    schedule: Schedule
    anchor: datetime
    end_at: datetime | None
    """No point at or after it."""
    exclusion: Exclusion | None

    def next_open(self, after: datetime) -> datetime | None:
        """The first slot strictly after `after` that is to fire; None: there is none.

        Where calendars leave slots out it is looked for within SEARCH of the first slot.
        """
        first = self._next(after)
        if self.exclusion is None or (first is None and not self.exclusion.shifts):
            return first
        # A slot may be moved here from beyond the end, or from before `after`.
        limit = self._capped(min(after, END - REACH) + REACH)
        if first is not None or self.end_at is not None:
            limit = self._search_until(first or after)
        for piece in self._pieces(after + MICROSECOND, limit):
            if piece.reason is None:
                slot = next(self.slots(piece), None)
                if slot is not None:
                    return slot
        return None

    def final(self, after: datetime) -> tuple[datetime | None, bool]:
        """(the last point after `after`, moved slots aside, whether there are more beyond SEARCH).

        Points are the slots of the schedule, and those that the clocks lost.
        """
        first = self._next(after)
        limit = self._search_until(first or after)
        known = [instant for instant, _ in self._lost(after + MICROSECOND, limit)]
        if first is not None:
            known += [each for each in (self._count(first, limit)[2],) if each]
        return max(known, default=None), first is not None and self._next(limit) is not None

    def _search_until(self, first: datetime) -> datetime:
        return self._capped(min(first, END - SEARCH) + SEARCH)

    def last_before(self, instant: datetime, since: datetime) -> datetime | None:
        """The last slot of the schedule in [since, instant); None: there is none."""
        return self._count(since, instant - MICROSECOND)[2]

    def is_slot(self, instant: datetime) -> bool:
        """Whether the schedule has a slot at that very instant, left out or not."""
        if self.end_at is not None and instant >= self.end_at:
            return False
        return is_slot(self.schedule, instant, anchor=self.anchor)

    def is_moved(self, instant: datetime) -> bool:
        """Whether a calendar moved a slot there that is not there by itself."""
        return any(count for _, count in self._moved(instant, instant))

    def is_open(self, instant: datetime) -> bool:
        """Whether there is a slot at that very instant that is to fire."""
        if not self.is_slot(instant):
            return self.is_moved(instant)
        return self.exclusion is None or not self.exclusion.excludes(instant)

    def lost_at(self, instant: datetime) -> int:
        """How many slots the gap of the clocks that ends at the instant swallowed."""
        return sum(count for _, count in self._lost(instant, instant))

    def segments(self, low: datetime, high: datetime) -> Iterator[Segment]:
        """The segments of [low, high] in order; only the points matter, not what lies between."""
        high = self._capped(high)
        if low > high:
            return
        if self.exclusion is None and next(self._lost(low, high), None) is None:
            yield Segment(reason=None, low=low, high=high)
            return
        current: Segment | None = None
        for piece in self._pieces(low, high):
            joins = current is not None and current.reason is piece.reason
            if current is not None and joins and piece.reason is not SkipReason.DST_GAP:
                current = replace(current, high=piece.high, extras=current.extras + piece.extras)
                continue
            if current is not None:
                yield current
            current = piece
        if current is not None:
            yield current

    def whole(self, low: datetime, high: datetime, reason: SkipReason) -> Segment:
        """All points of [low, high], whatever they are, as one segment."""
        high = self._capped(high)
        moved = [each for each in self._moved(low, high) if each[1]]
        lost = list(self._lost(low, high))
        # A slot that was moved onto the very end of a gap is that instant's slot.
        taken = {instant for instant, _ in moved}
        extras = tuple(merge(moved, (each for each in lost if each[0] not in taken)))
        return Segment(reason=reason, low=low, high=high, extras=extras)

    def slots(self, segment: Segment) -> Iterator[datetime]:
        """The slots of an open segment, earliest first."""
        if segment.low > segment.high:
            return iter(())
        nominal = slots_between(
            self.schedule,
            after=segment.low - MICROSECOND,
            until=segment.high,
            anchor=self.anchor,
        )
        if not segment.extras:
            return nominal
        return merge(nominal, (instant for instant, _ in segment.extras))

    def count(self, segment: Segment) -> tuple[int, datetime | None, datetime | None]:
        """(how many slots its points stand for, the first point, the last point)."""
        count, first, last = self._count(segment.low, segment.high)
        if not segment.extras:
            return count, first, last
        known = [each for each in (first, last) if each is not None]
        known += [instant for instant, _ in segment.extras]
        return count + sum(weight for _, weight in segment.extras), min(known), max(known)

    def _pieces(self, low: datetime, high: datetime) -> Iterator[Segment]:
        lost = _Ahead(self._lost(low, high))
        moved = _Ahead(self._moved(low, high))
        at = low
        for _ in range(MAX_STEPS):
            known = [each for each in (self._next(at - MICROSECOND), lost.first(high)) if each]
            known += [each for each in (moved.first(min(known, default=high)),) if each]
            point = min(known, default=None)
            if point is None or point > high:
                return
            excluded, until = self.exclusion.stretch(point) if self.exclusion else (False, None)
            end = high if until is None else min(high, until - MICROSECOND)
            if excluded:
                gone = tuple(lost.up_to(end))
                yield Segment(reason=SkipReason.CALENDAR, low=point, high=end, extras=gone)
            else:
                yield from _split_at_losses(point, end, list(lost.up_to(end)), moved)
            if end >= high:
                return
            at = end + MICROSECOND

    def _next(self, after: datetime) -> datetime | None:
        slot = next_slot(self.schedule, after=after, anchor=self.anchor)
        return None if slot is None or (self.end_at and slot >= self.end_at) else slot

    def _count(self, low: datetime, high: datetime) -> tuple[int, datetime | None, datetime | None]:
        high = self._capped(high)
        if low > high:
            return 0, None, None
        return count_slots(self.schedule, after=low - MICROSECOND, until=high, anchor=self.anchor)

    @property
    def loses_slots(self) -> bool:
        """Whether a slot in a gap of the clocks is lost for good."""
        return isinstance(self.schedule, Cron | CalendarInterval) and self.schedule.gap == "skip"

    def _lost(self, low: datetime, high: datetime) -> Iterator[tuple[datetime, int]]:
        """(end of the gap, how many slots were lost) of the gaps that end in [low, high]."""
        if not self.loses_slots or low > high:
            return iter(())
        return gap_losses(self.schedule, after=low - MICROSECOND, until=high, anchor=self.anchor)

    def _moved(self, low: datetime, high: datetime) -> Iterator[tuple[datetime, int]]:
        """As `moved_slots` of the slots in [low, high] that a calendar moved there."""
        exclusion = self.exclusion
        if exclusion is None or not exclusion.shifts or waits_without_slot(self.schedule):
            return iter(())
        return moved_slots(self.schedule, exclusion, self.anchor, low, high)

    def _capped(self, high: datetime) -> datetime:
        return high if self.end_at is None else min(high, self.end_at - MICROSECOND)


class _Ahead:
    """Points that are computed as far as they are needed."""

    def __init__(self, points: Iterator[tuple[datetime, int]]) -> None:
        self._points = points
        self._next = next(points, None)

    def first(self, high: datetime) -> datetime | None:
        """The next one up to `high`; None: there is none."""
        while self._next is not None and self._next[0] <= high:
            if self._next[1]:
                return self._next[0]
            self._next = next(self._points, None)
        return None

    def up_to(self, high: datetime) -> Iterator[tuple[datetime, int]]:
        """Takes those up to `high`, that included."""
        while self.first(high) is not None and self._next is not None:
            point, self._next = self._next, next(self._points, None)
            yield point


def _split_at_losses(
    low: datetime, high: datetime, lost: list[tuple[datetime, int]], moved: _Ahead
) -> Iterator[Segment]:
    for point in lost:
        before = point[0] - MICROSECOND
        if low <= before:
            yield Segment(reason=None, low=low, high=before, extras=tuple(moved.up_to(before)))
        # A slot that a calendar moved onto the very end of the gap is that instant's slot.
        if moved.first(point[0]) is None:
            yield Segment(reason=SkipReason.DST_GAP, low=point[0], high=point[0], extras=(point,))
            low = point[0] + MICROSECOND
        else:
            low = point[0]
    if low <= high:
        yield Segment(reason=None, low=low, high=high, extras=tuple(moved.up_to(high)))
