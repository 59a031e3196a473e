"""The slots of a schedule: next, those between two instants, how many, their marks.

Every instant is an aware UTC datetime, ordered as an instant (D01). Slots lie in the years 1970 to
2200. What depends on a zone raises InvalidInput on `zone` when that zone is gone (D05).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from callboard.domain.cron import parse_cron
from callboard.domain.cron_walk import LAST_YEAR, CronWalk
from callboard.domain.schedule_kind import At, Cron, Interval, OnDemand, Schedule
from callboard.domain.zone import zone

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
END: Final = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
"""No slot at or after it."""
_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)
_DAY_S: Final = 86_400


def next_slot(schedule: Schedule, *, after: datetime, anchor: datetime) -> datetime | None:
    """The first slot strictly after `after`; None when there is none any more.

    Args:
        anchor: activation of the trigger; an interval without an anchor of its own counts from
            it, its first slot being one period later.
    """
    match schedule:
        case Cron():
            slot = _next_cron(schedule, after) if after < END else None
        case Interval():
            slot = _next_interval(schedule, after, anchor)
        case At():
            slot = schedule.at if schedule.at > after else None
        case OnDemand():
            slot = None
    return slot if slot is not None and slot < END else None


def slots_between(
    schedule: Schedule, *, after: datetime, until: datetime, anchor: datetime
) -> Iterator[datetime]:
    """The slots in (after, until], earliest first."""
    slot = next_slot(schedule, after=after, anchor=anchor)
    while slot is not None and slot <= until:
        yield slot
        slot = next_slot(schedule, after=slot, anchor=anchor)


def count_slots(
    schedule: Schedule, *, after: datetime, until: datetime, anchor: datetime
) -> tuple[int, datetime | None, datetime | None]:
    """(how many, first, last) of the slots in (after, until]; (0, None, None) without any.

    The effort does not grow with their number: constant for intervals, a few steps a month of the
    stretch for cron.
    """
    first = next_slot(schedule, after=after, anchor=anchor)
    if first is None or first > until:
        return 0, None, None
    match schedule:
        case Cron():
            until = min(until, END - _SECOND)
            count = walk_of(schedule).count(
                instant_seconds(max(after, EPOCH)), instant_seconds(until)
            )
            return count, first, _last_cron(schedule, first, until)
        case Interval():
            more = (min(until, END - timedelta.resolution) - first) // schedule.period
            return more + 1, first, first + more * schedule.period
        case _:
            return 1, first, first


def slot_marks(schedule: Schedule, slot: datetime) -> tuple[str, ...]:
    """What is special about a slot of the schedule.

    `dst_gap`: it stands for one or more wall times that the clocks jumped over. `dst_fold`: its
    wall time comes twice that day. Both only for cron.
    """
    return (
        tuple(walk_of(schedule).marks(instant_seconds(slot))) if isinstance(schedule, Cron) else ()
    )


def slot_local(schedule: Schedule, slot: datetime) -> datetime:
    """The slot on the clocks of the schedule's zone (UTC for kinds without one)."""
    return slot.astimezone(zone(schedule.zone) if isinstance(schedule, Cron) else UTC)


def nominal_local(schedule: Schedule, slot: datetime) -> datetime:
    """The wall time that the slot was promised for, without an offset.

    It differs from `slot_local` for the slots marked `dst_gap`: 02:30 for the slot that fires at
    03:00 because the clocks had no 02:30 that day (D03). Of several lost ones it is the first.
    """
    if isinstance(schedule, Cron):
        wall = walk_of(schedule).made_up(instant_seconds(slot))
        if wall is not None:
            return (EPOCH + timedelta(seconds=wall)).replace(tzinfo=None)
    return slot_local(schedule, slot).replace(tzinfo=None)


def _next_cron(schedule: Cron, after: datetime) -> datetime | None:
    past = after - EPOCH
    # Slots are whole seconds: a fraction of `after` changes nothing.
    after_s = past.days * _DAY_S + past.seconds if past.days >= 0 else -1
    slot = walk_of(schedule).next(after_s)
    return None if slot is None else datetime.fromtimestamp(slot, UTC)


def _next_interval(schedule: Interval, after: datetime, anchor: datetime) -> datetime | None:
    period = schedule.period
    first = schedule.anchor_at or _sum(anchor, period)
    if first is None or after < first:
        return first
    return _sum(first, ((after - first) // period + 1) * period)


def _sum(instant: datetime, period: timedelta) -> datetime | None:
    try:
        return instant + period
    except OverflowError:
        return None


def _last_cron(schedule: Cron, first: datetime, until: datetime) -> datetime:
    """The last slot up to `until`, given that `first` is one.

    Looks back in steps that double, then halves the stretch in which it has to be.
    """
    low, high, step = first, until, _MINUTE
    while until - step > first:
        slot = _next_cron(schedule, until - step)
        if slot is not None and slot <= until:
            low = slot
            break
        high, step = until - step, step * 2
    # Now `low` is a slot, and none lies in (high, until].
    while high - low > _MINUTE:
        middle = low + (high - low) / 2
        slot = _next_cron(schedule, middle)
        if slot is not None and slot <= high:
            low = slot
        else:
            high = middle
    slot = _next_cron(schedule, low)
    while slot is not None and slot <= until:
        low, slot = slot, _next_cron(schedule, slot)
    return low


def instant_seconds(instant: datetime) -> int:
    """Whole seconds since 1970, rounded down."""
    past = instant - EPOCH
    return past.days * _DAY_S + past.seconds


def walk_of(schedule: Cron) -> CronWalk:
    """The walk of a cron schedule; the same object for equal schedules."""
    return _walk_of(
        schedule.expression, schedule.dialect, schedule.zone, schedule.gap, schedule.fold
    )


@lru_cache(maxsize=4096)
def _walk_of(
    expression: str, dialect: str, zone: str, gap: str | None, fold: str | None
) -> CronWalk:
    return CronWalk(
        fields=parse_cron(expression, dialect),
        zone=zone,
        gap_runs=gap == "run",
        fold_first=fold == "first",
    )
