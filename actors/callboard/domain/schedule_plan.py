"""What decides the slots of a schedule, with the cron texts that are something else resolved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, TypeAlias

from callboard.domain.aws_text import Rate
from callboard.domain.calendar_interval import CalendarWalk
from callboard.domain.cron import Reboot, parse_cron
from callboard.domain.cron_walk import CronWalk
from callboard.domain.schedule_kind import (
    At,
    CalendarInterval,
    Conditional,
    Cron,
    Delay,
    Event,
    Fold,
    Gap,
    Interval,
    OnDemand,
    Schedule,
)
from callboard.domain.zone import zone
from callboard.domain.zone_walk import LAST_YEAR, ZoneWalk

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
END: Final = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
"""No slot at or after it."""
Plan: TypeAlias = ZoneWalk | Interval | Delay | At | Reboot | OnDemand | Conditional | Event


def walk_of(schedule: Cron) -> CronWalk:
    """The walk of a cron schedule.

    Raises:
        InvalidInput: on `expression`, for `rate(...)` and `@reboot`, which have none.
    """
    return CronWalk(
        fields=parse_cron(schedule.expression, schedule.dialect, schedule.hash_key),
        zone=schedule.zone,
        gap_runs=schedule.gap == "run",
        fold_first=schedule.fold == "first",
    )


def plan_of(schedule: Schedule, anchor: datetime) -> Plan:
    """What decides the slots of a trigger that was activated at `anchor`."""
    match schedule:
        case Cron():
            return _plan_of_cron(
                schedule.expression,
                schedule.dialect,
                schedule.zone,
                schedule.gap,
                schedule.fold,
                schedule.hash_key,
            )
        case CalendarInterval():
            return _plan_of_calendar(schedule, anchor)
        case _:
            return schedule


@lru_cache(maxsize=4096)
def _plan_of_cron(
    expression: str,
    dialect: str,
    zone: str,
    gap: Gap | None,
    fold: Fold | None,
    hash_key: str,
) -> Plan:
    schedule = Cron(
        expression=expression, dialect=dialect, zone=zone, gap=gap, fold=fold, hash_key=hash_key
    )
    match schedule.meaning:
        case Rate(period=period):
            return Interval(every_s=period.total_seconds())
        case Reboot() as reboot:
            return reboot
        case _:
            return walk_of(schedule)


def _plan_of_calendar(schedule: CalendarInterval, anchor: datetime) -> CalendarWalk:
    anchor_on = schedule.anchor_on
    if anchor_on is None:
        within = min(max(anchor, EPOCH), END - timedelta.resolution)
        anchor_on = within.astimezone(zone(schedule.zone)).date()
    return CalendarWalk(
        zone=schedule.zone,
        gap_runs=schedule.gap == "run",
        fold_first=schedule.fold == "first",
        anchor_on=anchor_on,
        months=schedule.months,
        days=schedule.days,
        second_of_day=schedule.second_of_day,
        skips=schedule.day_overflow == "skip",
    )


def not_before(schedule: Schedule, after: datetime, anchor: datetime) -> datetime:
    """`after`, but just before the activation where the schedule begins with it."""
    if isinstance(schedule, CalendarInterval) and schedule.anchor_on is None and after < anchor:
        return anchor - timedelta.resolution
    return after


def any_day(schedule: Schedule, slot: datetime) -> Schedule:
    """A schedule that says of a slot's clock time what the given one does, whatever its anchor."""
    if not isinstance(schedule, CalendarInterval):
        return schedule
    day_before = max(slot, EPOCH + timedelta(days=2)).date() - timedelta(days=2)
    return replace(schedule, months=0, days=1, anchor_on=day_before)
