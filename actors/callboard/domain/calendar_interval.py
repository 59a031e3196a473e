"""Every so many months and days on the calendar, counted from an anchor date.

Step n is n times the months, then n times the days after the anchor, at a time of day of a zone.
Counting from the anchor keeps its day: from Jan 31 by months come Feb 28 and Mar 31 (D08).
"""

from __future__ import annotations

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from callboard.domain.zone_walk import LAST_YEAR, ZoneWalk

_DAY_S: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()
_NO_WALL: Final = (date(LAST_YEAR + 2, 1, 1).toordinal() - _EPOCH) * _DAY_S
_MAX_STEPS: Final = 120_000
"""More than there are days from an anchor in the first year to the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarWalk(ZoneWalk):
    """What decides the slots of a calendar interval."""

    anchor_on: date
    months: int
    days: int
    second_of_day: int
    skips: bool
    """Whether a step whose month is too short is left out; otherwise it is the last day."""

    def next_wall(self, wall: int) -> int:
        step = self._steps_before(wall + 1)
        while (found := self._wall(step)) < _NO_WALL:
            if self._counts(step):
                return found
            step += 1
        return _NO_WALL

    def walls(self, low: int, high: int) -> Iterator[int]:
        for step in range(self._steps_before(low), self._steps_before(high)):
            if self._counts(step):
                yield self._wall(step)

    def count_walls(self, low: int, high: int) -> int:
        first, end = self._steps_before(low), self._steps_before(high)
        if self.skips and self.anchor_on.day > 28:
            return sum(self._counts(step) for step in range(first, end))
        return max(end - first, 0)

    def _steps_before(self, wall: int) -> int:
        """How many steps lie before a wall time, those left out as well."""
        return bisect_left(range(_MAX_STEPS), wall, key=self._wall)

    def _wall(self, step: int) -> int:
        """The wall time of a step, on the last day of a month that is too short."""
        year, month = self._month(step)
        if year > LAST_YEAR + 1:
            return _NO_WALL
        day = min(self.anchor_on.day, monthrange(year, month)[1])
        days = date(year, month, day).toordinal() - _EPOCH + step * self.days
        return min(days * _DAY_S + self.second_of_day, _NO_WALL)

    def _counts(self, step: int) -> bool:
        return not self.skips or self.anchor_on.day <= monthrange(*self._month(step))[1]

    def _month(self, step: int) -> tuple[int, int]:
        year, month = divmod(self.anchor_on.month - 1 + step * self.months, 12)
        return self.anchor_on.year + year, month + 1
