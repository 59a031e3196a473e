"""Coverage: the instants that a calendar covers, as a row of spans that do not touch.

A span is (from, until), the second exclusive, both aware UTC instants.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, Protocol, TypeAlias

Span: TypeAlias = tuple[datetime, datetime]
FindSpans: TypeAlias = Callable[[datetime, datetime], Iterable[Span]]
"""Spans that touch [from, until), in any order; they may overlap."""

LOOK_YEARS: Final = 12
"""How far the end of a stretch is looked for in a calendar without a last year: more than the
eight years that may lie between two days of 29 February."""
LAST_YEAR: Final = 2201


class Coverage(Protocol):
    """The instants that a calendar covers."""

    def covers(self, instant: datetime) -> bool:
        """Whether the instant is in it."""

    def stretch(self, instant: datetime) -> tuple[bool, datetime | None]:
        """(whether the instant is in it, the first later instant at which that changes).

        None: it does not change within LOOK_YEARS.
        """


class SpanCoverage:
    """The coverage of spans that are all known."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, spans: Iterable[Span]) -> None:
        joined = list(join_spans(spans))
        self._starts = [start for start, _ in joined]
        self._ends = [end for _, end in joined]

    def covers(self, instant: datetime) -> bool:
        index = bisect_right(self._starts, instant) - 1
        return index >= 0 and instant < self._ends[index]

    def stretch(self, instant: datetime) -> tuple[bool, datetime | None]:
        index = bisect_right(self._starts, instant) - 1
        if index >= 0 and instant < self._ends[index]:
            return True, self._ends[index]
        later = self._starts[index + 1 : index + 2]
        return False, later[0] if later else None


class YearlyCoverage:
    """The coverage of spans that are computed for one year (of UTC) at a time, when asked for."""

    __slots__ = ("_find", "_first", "_last", "_years")

    def __init__(
        self, find: FindSpans, *, first_year: int | None = None, last_year: int | None = None
    ) -> None:
        """Years before the first and after the last have no spans; None: they may have."""
        self._find = find
        self._first, self._last = first_year, last_year
        self._years: dict[int, SpanCoverage] = {}

    def covers(self, instant: datetime) -> bool:
        return self._year(instant.year).covers(instant)

    def stretch(self, instant: datetime) -> tuple[bool, datetime | None]:
        covered, end = self._year(instant.year).stretch(instant)
        year, last = instant.year, self._last_looked_at(instant.year)
        while end is None or end == _start(year + 1):
            year += 1
            if year > last:
                return covered, end if covered and self._last is not None else None
            goes_on, later = self._year(year).stretch(_start(year))
            if goes_on is not covered:
                return covered, _start(year)
            end = later
        return covered, end

    def _last_looked_at(self, year: int) -> int:
        if self._last is not None:
            return min(self._last, LAST_YEAR)
        return min(year + LOOK_YEARS, LAST_YEAR)

    def _year(self, year: int) -> SpanCoverage:
        known = self._years.get(year)
        if known is None:
            known = self._years[year] = SpanCoverage(self._spans(year))
        return known

    def _spans(self, year: int) -> Iterator[Span]:
        if (self._first is not None and year < self._first) or year > LAST_YEAR:
            return
        if self._last is not None and year > self._last:
            return
        low, high = _start(year), _start(year + 1)
        for start, end in self._find(low, high):
            if start < high and end > low:
                yield max(start, low), min(end, high)


def join_spans(spans: Iterable[Span]) -> Iterator[Span]:
    """The same instants in spans that are in order and do not touch."""
    current: Span | None = None
    for span in sorted(spans):
        if span[0] >= span[1]:
            continue
        if current is not None and span[0] <= current[1]:
            current = current[0], max(current[1], span[1])
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current


def _start(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)
