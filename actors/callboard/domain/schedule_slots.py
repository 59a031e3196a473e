"""The slots of a schedule: next, those between two instants, how many, their marks.

Every instant is an aware UTC datetime, ordered as an instant (D01). Slots lie in the years 1970 to
2200. What depends on a zone raises InvalidInput on `zone` when that zone is gone (D05).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from callboard.domain.cron import Reboot
from callboard.domain.schedule_kind import (
    At,
    CalendarInterval,
    Conditional,
    Cron,
    Delay,
    Event,
    Interval,
    OnDemand,
    Schedule,
)
from callboard.domain.schedule_plan import END, EPOCH, any_day, not_before, plan_of, walk_of
from callboard.domain.zone import zone
from callboard.domain.zone_walk import ZoneWalk

__all__ = [
    "END",
    "EPOCH",
    "count_slots",
    "gap_losses",
    "instant_seconds",
    "is_slot",
    "next_slot",
    "nominal_local",
    "slot_local",
    "slot_marks",
    "slots_between",
    "walk_of",
]

_DAY_S: Final = 86_400


def next_slot(schedule: Schedule, *, after: datetime, anchor: datetime) -> datetime | None:
    """The first slot strictly after `after`; None when there is none any more.

    Args:
        anchor: activation of the trigger. An interval without an anchor of its own counts from it,
            its first slot being one period later, and so do a delay and a `rate(...)`; a calendar
            interval takes its date; `@reboot` has its slot there.
    """
    plan = plan_of(schedule, anchor)
    if isinstance(plan, ZoneWalk):
        if schedule.kind != "cron":
            after = not_before(schedule, after, anchor)
        return _next_of_walk(plan, after) if after < END else None
    match plan:
        case Interval():
            slot = _next_interval(plan, after, anchor)
        case Delay():
            slot = _only(_sum(anchor, plan.pause), after)
        case At():
            slot = _only(plan.at, after)
        case Reboot():
            slot = _only(anchor, after)
        case OnDemand() | Conditional() | Event():
            slot = None
    return slot if slot is not None and slot < END else None


def is_slot(schedule: Schedule, instant: datetime, *, anchor: datetime) -> bool:
    """Whether the schedule has a slot at that very instant."""
    if instant.replace(tzinfo=None) == datetime.min:  # noqa: DTZ901
        return False
    return next_slot(schedule, after=instant - timedelta.resolution, anchor=anchor) == instant


def slots_between(
    schedule: Schedule, *, after: datetime, until: datetime, anchor: datetime
) -> Iterator[datetime]:
    """The slots in (after, until], earliest first."""
    plan = plan_of(schedule, anchor)
    if isinstance(plan, ZoneWalk):
        after = not_before(schedule, after, anchor)
        if until >= EPOCH:
            for slot_s in plan.between(_whole_seconds(after), instant_seconds(until)):
                yield datetime.fromtimestamp(slot_s, UTC)
        return
    slot = next_slot(schedule, after=after, anchor=anchor)
    while slot is not None and slot <= until:
        yield slot
        slot = next_slot(schedule, after=slot, anchor=anchor)


def count_slots(
    schedule: Schedule, *, after: datetime, until: datetime, anchor: datetime
) -> tuple[int, datetime | None, datetime | None]:
    """(how many, first, last) of the slots in (after, until]; (0, None, None) without any.

    The effort does not grow with their number: constant for intervals, a few steps a month of the
    stretch for those that follow a zone's clocks.
    """
    first = next_slot(schedule, after=after, anchor=anchor)
    if first is None or first > until:
        return 0, None, None
    plan = plan_of(schedule, anchor)
    match plan:
        case ZoneWalk():
            first_s = instant_seconds(first)
            until_s = instant_seconds(min(until, END - timedelta.resolution))
            last = datetime.fromtimestamp(plan.last(first_s, until_s), UTC)
            return plan.count(first_s - 1, until_s), first, last
        case Interval():
            more = (min(until, END - timedelta.resolution) - first) // plan.period
            return more + 1, first, first + more * plan.period
        case _:
            return 1, first, first


def gap_losses(
    schedule: Schedule, *, after: datetime, until: datetime, anchor: datetime
) -> Iterator[tuple[datetime, int]]:
    """(instant, how many) of the slots in (after, until] that a change of the clocks lost for good.

    The instant is the end of the gap. There is none where a slot falls on that very instant, and
    none under `gap: run`, where one slot there makes up for them.
    """
    plan = plan_of(schedule, anchor)
    if isinstance(plan, ZoneWalk) and until >= EPOCH:
        after = not_before(schedule, after, anchor)
        until_s = instant_seconds(min(until, END - timedelta.resolution))
        for end_s, count in plan.losses(_whole_seconds(after), until_s):
            yield datetime.fromtimestamp(end_s, UTC), count


def slot_marks(schedule: Schedule, slot: datetime) -> tuple[str, ...]:
    """What is special about a slot of the schedule.

    `dst_gap`: it stands for one or more wall times that the clocks jumped over. `dst_fold`: its
    wall time comes twice that day. Both only for kinds that follow a zone's clocks.
    """
    plan = plan_of(any_day(schedule, slot), slot)
    return tuple(plan.marks(instant_seconds(slot))) if isinstance(plan, ZoneWalk) else ()


def slot_local(schedule: Schedule, slot: datetime) -> datetime:
    """The slot on the clocks of the schedule's zone (UTC for kinds without one)."""
    if isinstance(schedule, Cron | CalendarInterval):
        return slot.astimezone(zone(schedule.zone))
    return slot.astimezone(UTC)


def nominal_local(schedule: Schedule, slot: datetime) -> datetime:
    """The wall time that the slot was promised for, without an offset.

    It differs from `slot_local` for the slots marked `dst_gap`: 02:30 for the slot that fires at
    03:00 because the clocks had no 02:30 that day (D03). Of several lost ones it is the first.
    """
    plan = plan_of(any_day(schedule, slot), slot)
    if isinstance(plan, ZoneWalk):
        wall = plan.made_up(instant_seconds(slot))
        if wall is not None:
            return (EPOCH + timedelta(seconds=wall)).replace(tzinfo=None)
    return slot_local(schedule, slot).replace(tzinfo=None)


def _next_of_walk(walk: ZoneWalk, after: datetime) -> datetime | None:
    past = after - EPOCH
    # _whole_seconds, written out where it is called most.
    slot = walk.next(past.days * _DAY_S + past.seconds if past.days >= 0 else -1)
    return None if slot is None else datetime.fromtimestamp(slot, UTC)


def _only(slot: datetime | None, after: datetime) -> datetime | None:
    return slot if slot is not None and slot > after else None


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


def _whole_seconds(after: datetime) -> int:
    """Slots that follow clocks are whole seconds from 1970 on: a fraction changes nothing."""
    past = after - EPOCH
    return past.days * _DAY_S + past.seconds if past.days >= 0 else -1


def instant_seconds(instant: datetime) -> int:
    """Whole seconds since 1970, rounded down."""
    past = instant - EPOCH
    return past.days * _DAY_S + past.seconds
