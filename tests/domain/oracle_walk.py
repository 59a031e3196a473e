"""An oracle's search for slots: it asks the zone data about every minute and skips nothing.

The rule, from cron(8): wall times that the clocks jump over fire once at the gap's end (`run`) or
not at all (`skip`); wall times that come twice fire the first time (`first`) or both times
(`both`); a change of more than three hours is a correction, for which neither holds.

A day (of UTC) none of whose local dates matches is not walked: that is all its cleverness. Zones
are asked every minute, in years with an offset of odd seconds every thirty seconds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.oracle_text import Meaning

DAY_S = 86_400
EPOCH = date(1970, 1, 1)
MOST_S = 3 * 3600
"""The largest change of the clocks that is no correction."""
LOOK_BACK_S = 4 * 3600


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the clocks, seen by a walker: what they showed instead of what was expected."""

    at: int
    expected: int
    shown: int

    @property
    def is_correction(self) -> bool:
        return abs(self.shown - self.expected) > MOST_S


@dataclass(frozen=True, slots=True)
class WalkedDay:
    """A day of UTC, walked in even steps."""

    start: int
    step: int
    walls: tuple[int, ...]
    """What the clocks show at each step, in seconds since 1970 as if that were UTC."""
    repeated_until: tuple[int, ...]
    """For each step: wall times below it have been shown before."""
    changes: tuple[Change, ...]
    dates: range
    """The local dates that it shows or leaves out, in days since 1970."""


@lru_cache(maxsize=3000)
def walk_day(zone: str, number: int) -> WalkedDay:
    """Day `number` since 1970."""
    rules, start = ZoneInfo(zone), number * DAY_S
    odd = any(_wall(rules, start + n) % 60 for n in (-LOOK_BACK_S, 0, DAY_S))
    step = 30 if odd else 60
    at = start - LOOK_BACK_S
    wall, high = _wall(rules, at), -(10**18)
    walls, repeated, changes = [], [], []
    while at + step < start + DAY_S:
        at += step
        expected, wall = wall + step, _wall(rules, at)
        if wall != expected:
            change = Change(at, expected, wall)
            if at >= start:
                changes.append(change)
            if not change.is_correction and wall < expected:
                high = max(high, expected)
        if at >= start:
            walls.append(wall)
            repeated.append(high)
    shown = {*walls, *(change.expected for change in changes)}
    dates = range(min(shown) // DAY_S, max(shown) // DAY_S + 1)
    return WalkedDay(start, step, tuple(walls), tuple(repeated), tuple(changes), dates)


def _wall(rules: ZoneInfo, at: int) -> int:
    offset = datetime.fromtimestamp(at, rules).utcoffset()
    assert offset is not None
    return at + int(offset.total_seconds())


@dataclass(frozen=True)
class Oracle:
    """All slots of a meaning in a zone, under a policy."""

    meaning: Meaning
    zone: str
    gap: str
    fold: str
    _known: dict[int, bool] = field(default_factory=dict)
    """Whether the date so many days after 1970-01-01 matches."""

    def slots(self, first_day: int, days: int) -> list[int]:
        """Those of some days of UTC, in seconds since 1970, in order."""
        found: list[int] = []
        for number in range(first_day, first_day + days):
            if self._may_fire(number):
                found.extend(self._slots_of(walk_day(self.zone, number)))
        return found

    def next(self, after: int, days: int) -> int | None:
        """The first slot later than `after`; None when the next `days` days have none."""
        first = (after + 1) // DAY_S
        for number in range(first, first + days):
            found = self.slots(number, 1)
            later = bisect_right(found, after)
            if later < len(found):
                return found[later]
        return None

    def losses(self, first_day: int, days: int) -> list[tuple[int, int]]:
        """(end of the gap, how many wall times) of those that are lost for good in some days.

        None where a slot falls on the gap's end.
        """
        found = []
        for number in range(first_day, first_day + days):
            for change in walk_day(self.zone, number).changes:
                if self.gap == "run" or change.is_correction:
                    continue
                count = sum(self._matching(change.expected, change.shown))
                if count and change.at not in self.slots(number, 1):
                    found.append((change.at, count))
        return found

    def marks(self, slot: int) -> tuple[str, ...]:
        """`dst_gap` for one that makes up, `dst_fold` where the wall time comes twice."""
        day = walk_day(self.zone, slot // DAY_S)
        made_up = any(change.at == slot and self._makes_up(change) for change in day.changes)
        rules = ZoneInfo(self.zone)
        local = datetime.fromtimestamp(slot, rules)
        offsets = [local.replace(fold=fold).utcoffset() for fold in (0, 1)]
        assert offsets[0] is not None
        assert offsets[1] is not None
        twice = 0 < (offsets[0] - offsets[1]).total_seconds() <= MOST_S
        return (*(("dst_gap",) if made_up else ()), *(("dst_fold",) if twice else ()))

    def _may_fire(self, number: int) -> bool:
        """Whether any date within two days matches; no clock is further from UTC than that."""
        return any(self._matches_date(number + n) for n in (-2, -1, 0, 1, 2))

    def _slots_of(self, day: WalkedDay) -> list[int]:
        if not any(self._matches_date(on) for on in day.dates):
            return []
        slots = {change.at for change in day.changes if self._makes_up(change)}
        first_only = self.fold == "first"
        for index, wall in enumerate(day.walls):
            if not self._matches_minute(wall):
                continue
            start = day.start + index * day.step
            for second in self._seconds_in(wall, day.step):
                if not (first_only and second < day.repeated_until[index]):
                    slots.add(start + second - wall)
        return sorted(slots)

    def _makes_up(self, change: Change) -> bool:
        if self.gap != "run" or change.is_correction or change.shown < change.expected:
            return False
        return any(self._matching(change.expected, change.shown))

    def _matching(self, low: int, high: int) -> Iterator[bool]:
        """A truth for every matching wall second in [low, high)."""
        for wall in range(low - low % 60, high, 60):
            if self._matches_minute(wall):
                yield from (low <= wall + second < high for second in self.meaning.seconds)

    def _seconds_in(self, wall: int, step: int) -> Iterator[int]:
        """Matching wall seconds in [wall, wall + step), which lie within one minute."""
        past = wall % 60
        for second in self.meaning.seconds:
            if past <= second < past + step:
                yield wall - past + second

    def _matches_minute(self, wall: int) -> bool:
        meaning = self.meaning
        minute = wall // 60
        return (
            minute % 60 in meaning.minutes
            and minute // 60 % 24 in meaning.hours
            and self._matches_date(wall // DAY_S)
        )

    def _matches_date(self, number: int) -> bool:
        if number not in self._known:
            self._known[number] = self.meaning.matches_date(EPOCH + timedelta(days=number))
        return self._known[number]


@lru_cache(maxsize=700)
def days_of_change(zone: str) -> tuple[int, ...]:
    """Days from 1970 to 2040 in which the zone's offset changes."""
    rules = ZoneInfo(zone)
    offsets = [
        datetime.fromtimestamp(day * DAY_S, UTC).astimezone(rules).utcoffset()
        for day in range(71 * 365)
    ]
    return tuple(day - 1 for day in range(1, len(offsets)) if offsets[day] != offsets[day - 1])
