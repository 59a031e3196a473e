"""The offset of a zone as a row of spans: stretches of time in which it does not change.

Seconds are counted from 1970-01-01: `*_s` of instants in UTC, of wall times as the zone's clocks
show them. Spans also end where a block of about a year does, so that only the years that are asked
for are ever computed.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from callboard.domain.zone import zone

BLOCK_BITS: Final = 25
"""A block is 2**25 seconds, 388 days."""
LARGEST_SHIFT_S: Final = 3 * 3600
"""A larger change is a correction of the calendar: nothing is made up or held back (cronie)."""
_DAY_S: Final = 86_400
_NEVER: Final = -(1 << 60)
"""A wall time before all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetSpan:
    """A stretch of constant offset, and what the change at its start did to wall times."""

    start_s: int
    end_s: int
    """Exclusive."""
    offset_s: int
    """East of UTC."""
    lost_from: int
    """Wall times from here up to the span's first one never were; equal to that one: none."""
    repeated_until: int
    """Wall times before this one are here for the second time; not above the first one: none."""
    corrected: bool
    """Whether the change at its start was a correction, so that the two above say nothing."""

    @property
    def first_wall(self) -> int:
        return self.start_s + self.offset_s

    @property
    def has_gap(self) -> bool:
        """Whether wall times were lost at its start."""
        return self.lost_from < self.start_s + self.offset_s


def span_at(zone_name: str, instant_s: int) -> OffsetSpan:
    """The span that an instant lies in.

    Raises:
        InvalidInput: on `zone`, when there is no such zone (any more).
    """
    starts, spans = _block(zone_name, instant_s >> BLOCK_BITS)
    return spans[bisect_right(starts, instant_s) - 1]


@lru_cache(maxsize=8192)
def _block(zone_name: str, index: int) -> tuple[tuple[int, ...], tuple[OffsetSpan, ...]]:
    """The spans of one block and their starts."""
    rules = zone(zone_name)
    start, end = index << BLOCK_BITS, (index + 1) << BLOCK_BITS
    # A change in the last hours of the block before still has wall times to repeat in this one.
    changes = _changes(rules, start - _DAY_S, end)
    carried = [at_s + old for at_s, old, new in changes if at_s < start and _is_fold(old, new)]
    offset = _offset(rules, start)
    at, before, after, repeated_until = start, offset, offset, max(carried, default=_NEVER)
    spans = []
    for change in [*(change for change in changes if change[0] >= start), (end, 0, 0)]:
        if change[0] > at:
            spans.append(_span(at, change[0], before, after, repeated_until))
        at, before, after, repeated_until = *change, _NEVER
    return tuple(span.start_s for span in spans), tuple(spans)


def _span(start: int, end: int, before: int, after: int, repeated_until: int) -> OffsetSpan:
    first_wall = start + after
    corrected = abs(after - before) > LARGEST_SHIFT_S
    return OffsetSpan(
        start_s=start,
        end_s=end,
        offset_s=after,
        lost_from=first_wall if corrected else min(first_wall, start + before),
        repeated_until=max(repeated_until, first_wall if corrected else start + before),
        corrected=corrected,
    )


def _is_fold(old: int, new: int) -> bool:
    return 0 < old - new <= LARGEST_SHIFT_S


def _changes(rules: ZoneInfo, start: int, end: int) -> list[tuple[int, int, int]]:
    """(instant, offset before, offset after) of the changes in [start, end).

    Looks once a day: no zone has ever changed twice within one since 1970.
    """
    found = []
    low, offset = start - 1, _offset(rules, start - 1)
    while low < end - 1:
        high = min(low + _DAY_S, end - 1)
        after = _offset(rules, high)
        if after != offset:
            found.append((_first_with(rules, low, high, offset), offset, after))
        low, offset = high, after
    return found


def _first_with(rules: ZoneInfo, low: int, high: int, before: int) -> int:
    """The first second in (low, high] whose offset is not `before` any more."""
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(rules, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(rules: ZoneInfo, instant_s: int) -> int:
    offset = datetime.fromtimestamp(instant_s, UTC).astimezone(rules).utcoffset()
    assert offset is not None  # ZoneInfo always answers for an aware datetime
    return offset.days * _DAY_S + offset.seconds
