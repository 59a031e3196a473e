"""Stepping through slots that are wall times of a zone: next, those between, count, marks.

Everything is whole numbers: seconds since 1970 in UTC (`*_s`) or on the zone's clocks (`wall`).
A wall time is matched first, then placed in the zone's spans:

- gap: wall times that the clocks jump over. With `gap_runs` they fire once, together, at the gap's
  end; otherwise not at all.
- fold: wall times that come twice. With `fold_first` only the first pass fires.
- a shift of more than three hours is a correction: nothing is made up and nothing held back.

Which wall times match is a matter of the subclass: cron_walk.py, calendar_interval.py.

Source: cronie's cron(8) and cron.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from callboard.domain.zone_span import LARGEST_SHIFT_S, OffsetSpan, span_at

LAST_YEAR: Final = 2200
"""The search for slots ends with it, in UTC."""
_END_S: Final = (date(LAST_YEAR + 1, 1, 1) - date(1970, 1, 1)).days * 86_400
_FAR_S: Final = 2 * 86_400
"""More than any change of the clocks, corrections included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneWalk:
    """What decides the slots of a schedule that follows a zone's clocks.

    Not an ABC: `isinstance` with one would cost a tenth of every `next_slot`.
    """

    zone: str
    gap_runs: bool
    fold_first: bool

    def next_wall(self, wall: int) -> int:
        """The first matching wall time later than `wall`; in LAST_YEAR + 2 without any."""
        raise NotImplementedError

    def walls(self, low: int, high: int) -> Iterator[int]:
        """The matching wall times in [low, high)."""
        raise NotImplementedError

    def count_walls(self, low: int, high: int) -> int:
        """How many wall times in [low, high) match."""
        raise NotImplementedError

    def next(self, after_s: int) -> int | None:
        """The first slot later than `after_s`; None when there is none up to LAST_YEAR."""
        span = span_at(self.zone, after_s)
        wall = after_s + span.offset_s
        if self.fold_first and wall < span.repeated_until:
            wall = span.repeated_until - 1
        match = self.next_wall(wall)
        while span.start_s < _END_S:
            slot = match - span.offset_s
            if slot < span.end_s:
                return slot if slot < _END_S else None
            span = self._later(span, after_s, match)
            first = span.first_wall
            if match < first:  # it fell into the gap, or into the days that a correction left out
                if self.gap_runs and span.has_gap:
                    return span.start_s
                match = self.next_wall(first - 1)
            elif span.corrected or (first < span.repeated_until and not self.fold_first):
                match = self.next_wall(first - 1)
        return None

    def _later(self, span: OffsetSpan, after_s: int, match: int) -> OffsetSpan:
        """The span after this one, or one further on, given that no wall time up to `match` does.

        Far from both `after_s` and `match` no change of the clocks can bring a match.
        """
        if match - span.end_s > 2 * _FAR_S and span.end_s - after_s > _FAR_S:
            return span_at(self.zone, max(span.end_s, min(match - _FAR_S, _END_S)))
        return span_at(self.zone, span.end_s)

    def last(self, first_s: int, until_s: int) -> int:
        """The last slot up to `until_s`, given that `first_s` is one.

        Looks back in steps that double, then halves the stretch in which it has to be.
        """
        low, high, step = first_s, until_s, 1
        while until_s - step > first_s:
            slot = self.next(until_s - step)
            if slot is not None and slot <= until_s:
                low = slot
                break
            high, step = until_s - step, step * 2
        # Now `low` is a slot, and none lies in (high, until_s].
        while low < high:
            middle = (low + high) // 2
            slot = self.next(middle)
            if slot is not None and slot <= high:
                low = slot
            else:
                high = middle
        return low

    def between(self, after_s: int, until_s: int) -> Iterator[int]:
        """The slots in (after_s, until_s]; faster than one `next` after the other."""
        slot = self.next(after_s)
        while slot is not None and slot <= until_s:
            span = span_at(self.zone, slot)
            end = min(span.end_s, until_s + 1, _END_S)
            if slot == span.start_s and self._adds_slot(span):
                yield slot
            for wall in self.walls(self._low(span, slot), end + span.offset_s):
                yield wall - span.offset_s
            slot = self.next(end - 1)

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
        count = self.count_walls(self._low(span, at), end + span.offset_s)
        return count + (at == span.start_s and self._adds_slot(span))

    def _low(self, span: OffsetSpan, at: int) -> int:
        """The first wall time from `at` on that counts."""
        low = at + span.offset_s
        return max(low, span.repeated_until) if self.fold_first else low

    def _adds_slot(self, span: OffsetSpan) -> bool:
        """Whether the make-up at its start is a slot of its own: not where that instant matches."""
        return self._makes_up(span) and not self._matches(span.first_wall)

    def _matches(self, wall: int) -> bool:
        return self.next_wall(wall - 1) == wall

    def _makes_up(self, span: OffsetSpan) -> bool:
        return self.gap_runs and span.has_gap and self._lost(span) < span.first_wall

    def _lost(self, span: OffsetSpan) -> int:
        return self.next_wall(span.lost_from - 1)

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

    def losses(self, after_s: int, until_s: int) -> Iterator[tuple[int, int]]:
        """(end of the gap, how many wall times) that are lost for good in (after_s, until_s].

        Nothing when they are made up for; nothing where a slot falls on that very instant.
        """
        if self.gap_runs:
            return
        for span in self.gaps(after_s, until_s):
            if not self._matches(span.first_wall):
                yield span.start_s, self.count_walls(span.lost_from, span.first_wall)

    def folds(self, after_s: int, until_s: int) -> Iterator[OffsetSpan]:
        """The spans in (after_s, until_s] at whose start matching wall times come again."""
        for span in _spans(self.zone, after_s, until_s):
            if not span.corrected and self.next_wall(span.first_wall - 1) < (span.repeated_until):
                yield span


def _spans(zone: str, after_s: int, until_s: int) -> Iterator[OffsetSpan]:
    """The spans that begin in (after_s, until_s]."""
    span = span_at(zone, span_at(zone, after_s).end_s)
    while span.start_s <= until_s:
        yield span
        span = span_at(zone, span.end_s)


def _comes_again(wall: int, later: OffsetSpan) -> bool:
    return not later.corrected and later.first_wall <= wall < later.repeated_until
