"""Slots that calendars move to another day, at the same wall time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import prod
from typing import Final
from zoneinfo import ZoneInfo

from callboard.domain.aws_text import Rate
from callboard.domain.calendar_rule import Shift
from callboard.domain.cron import CronFields
from callboard.domain.exclusion import Exclusion
from callboard.domain.schedule import (
    Cron,
    Interval,
    Schedule,
    is_slot,
    nominal_local,
    slot_local,
    slots_between,
)
from callboard.domain.zone_span import span_at

MAX_DAYS: Final = 31
"""A slot moves so many days at the most; where all of them are left out, it is skipped."""
MAX_SLOTS_A_DAY: Final = 24
"""Schedules with more slots a day cannot be shifted."""
REACH: Final = timedelta(days=MAX_DAYS + 2)
"""More than a slot moves, changes of the clocks included."""
_BLOCK: Final = timedelta(days=32)
"""Moved slots are computed, and kept, for so many days at a time."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S: Final = 86_400


def most_slots_a_day(schedule: Schedule) -> float:
    """How many slots of the schedule one day has at the most, but for changes of the clocks."""
    match schedule:
        case Interval():
            return _DAY_S / schedule.every_s
        case Cron():
            meaning = schedule.meaning
            if isinstance(meaning, CronFields):
                masks = (meaning.seconds, meaning.minutes, meaning.hours)
                return prod(mask.bit_count() for mask in masks)
            if isinstance(meaning, Rate):
                return _DAY_S / meaning.period.total_seconds()
    return 1


def moved_slots(
    schedule: Schedule, exclusion: Exclusion, anchor: datetime, low: datetime, high: datetime
) -> Iterator[tuple[datetime, int]]:
    """(instant, 1) of the slots in [low, high] that were moved there, earliest first.

    Not of those that are slots of the schedule by themselves: the two are one slot. Between them
    (instant, 0): nothing more comes before it. So a search can stop where it need not go on.
    """
    if isinstance(schedule, Cron) and not isinstance(schedule.meaning, Rate):
        anchor = _EPOCH  # it does not matter then
    for block in range(_block_of(low), _block_of(high) + 1):
        for slot in _moved_in(schedule, exclusion, anchor, block):
            if low <= slot <= high:
                yield slot, 1
        yield _start_of(block + 1), 0


@lru_cache(maxsize=4096)
def _moved_in(
    schedule: Schedule, exclusion: Exclusion, anchor: datetime, block: int
) -> tuple[datetime, ...]:
    """The slots that were moved into a block of days."""
    low, high = _start_of(block), _start_of(block + 1)
    found = set()
    at, end = max(low - REACH, _EPOCH), high + REACH
    while at < end:
        excluded, until = exclusion.stretch(at)
        until = end if until is None else min(until, end)
        if excluded:
            last = until - timedelta.resolution
            for slot in slots_between(
                schedule, after=at - timedelta.resolution, until=last, anchor=anchor
            ):
                target = target_of(schedule, exclusion, slot)
                if target is not None and low <= target < high:
                    found.add(target)
        at = until
    return tuple(sorted(each for each in found if not is_slot(schedule, each, anchor=anchor)))


def _block_of(instant: datetime) -> int:
    return (instant - _EPOCH) // _BLOCK


def _start_of(block: int) -> datetime:
    return _EPOCH + block * _BLOCK


def target_of(schedule: Schedule, exclusion: Exclusion, slot: datetime) -> datetime | None:
    """Where an excluded slot moves; None: nowhere, or it is not excluded."""
    if not exclusion.excludes(slot):
        return None
    shift = exclusion.shift_of(slot)
    if shift is Shift.SKIP:
        return None
    rules = slot_local(schedule, slot).tzinfo
    wall = nominal_local(schedule, slot)
    step = 1 if shift is Shift.NEXT else -1
    for days in range(1, MAX_DAYS + 1):
        day = wall.date() + timedelta(days=step * days)
        instant = _instant_of(day, wall, rules if isinstance(rules, ZoneInfo) else None)
        if not exclusion.excludes(instant):
            return instant
    return None


def _instant_of(day: date, wall: datetime, rules: ZoneInfo | None) -> datetime:
    """The wall time on another day: the first pass of a repeated one, the gap's end for a lost."""
    local = datetime.combine(day, wall.time())
    if rules is None:
        return local.replace(tzinfo=UTC)
    instant = local.replace(tzinfo=rules).astimezone(UTC)
    if instant.astimezone(rules).replace(tzinfo=None) == local:
        return instant
    gap = span_at(rules.key, (instant - _EPOCH) // timedelta(seconds=1))
    return _EPOCH + timedelta(seconds=gap.start_s)
