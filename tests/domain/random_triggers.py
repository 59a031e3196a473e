"""Random triggers of every kind, and their points computed the slow, plain way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarMode, CalendarRule, Shift
from callboard.domain.schedule import (
    CalendarInterval,
    Cron,
    Schedule,
    at,
    calendar_interval,
    cron,
    every,
    gap_losses,
    nominal_local,
    slots_between,
)
from callboard.domain.shift import MAX_DAYS, MAX_SLOTS_A_DAY, most_slots_a_day
from callboard.domain.trigger import (
    Action,
    Coalesce,
    MisfirePolicy,
    MisfirePolicyName,
    Trigger,
    activated,
)
from callboard.errors import InvalidInput

ZONES = (
    "UTC",
    "Europe/Prague",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Apia",
)
TEXTS = (
    "*/30 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "15,45 1-3 * * *",
    "0 9 * * 1-5",
    "0 0 * * *",
    "30 1 * * 0",
    "0 12 1 * *",
    "0 0 29 2 *",
    "0 6,18 1,15 * *",
    "H H * * *",
)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)


def random_trigger(random: Random) -> Trigger:
    """An active trigger, activated at a random instant of 2025 to 2027."""
    while True:
        now = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=random.randrange(1_500_000))
        schedule = _schedule(random, now)
        values: dict[str, Any] = {
            "start_at": random.choice((None, None, None, now + random.randrange(40) * DAY)),
            "end_at": random.choice((None, None, None, now + random.randrange(41, 90) * DAY)),
            "max_firings": random.choice((None, None, None, random.randrange(1, 40))),
        }
        trigger = Trigger(
            name=f"t{random.randrange(1000)}",
            schedule=schedule,
            actions=(Action(job="j"),),
            id=1,
            misfire=_misfire(random),
            calendars=_rules(random, schedule, now),
            **values,
        )
        try:
            return activated(trigger, now)
        except InvalidInput:
            continue  # its calendars leave nothing


def naive_points(trigger: Trigger, low: datetime, high: datetime) -> dict[datetime, int | None]:
    """The points in [low, high]: None for those that are to fire, else how many slots they are."""
    anchor = trigger.anchor_at
    assert anchor is not None
    if trigger.end_at is not None:
        high = min(high, trigger.end_at - MICROSECOND)
    reach = (MAX_DAYS + 3) * DAY
    shifts = any(rule.shift is not Shift.SKIP for rule in trigger.calendars)
    first, last = (low - reach, high + reach) if shifts else (low, high)
    nominal = list(
        slots_between(trigger.schedule, after=first - MICROSECOND, until=last, anchor=anchor)
    )
    points: dict[datetime, int | None] = {}
    lost = gap_losses(trigger.schedule, after=low - MICROSECOND, until=high, anchor=anchor)
    points.update((end, count) for end, count in lost)
    slots = set(nominal)
    for slot in nominal:
        if not _excluded(trigger, slot):
            points[slot] = None
            continue
        if low <= slot <= high:
            points[slot] = 1
        moved = _target(trigger, slot)
        if moved is not None and moved not in slots:
            points[moved] = None
    return {point: points[point] for point in sorted(points) if low <= point <= high}


def _excluded(trigger: Trigger, instant: datetime) -> bool:
    return any(_left_out(rule, instant) for rule in trigger.calendars)


def _left_out(rule: CalendarRule, instant: datetime) -> bool:
    assert rule.definition is not None
    covered = rule.definition.coverage.covers(instant)
    return covered if rule.mode is CalendarMode.EXCLUDE else not covered


def _target(trigger: Trigger, slot: datetime) -> datetime | None:
    moving = [r for r in trigger.calendars if r.shift is not Shift.SKIP and _left_out(r, slot)]
    if not moving:
        return None
    schedule = trigger.schedule
    rules = ZoneInfo(schedule.zone) if isinstance(schedule, Cron | CalendarInterval) else UTC
    wall = nominal_local(schedule, slot).replace(tzinfo=None)
    for days in range(1, MAX_DAYS + 1):
        step = days if moving[0].shift is Shift.NEXT else -days
        local = wall + timedelta(days=step)
        instant = local.replace(tzinfo=rules).astimezone(UTC)
        while instant.astimezone(rules).replace(tzinfo=None) > local and _is_gap(instant, rules):
            instant -= timedelta(seconds=1)  # to the end of the gap
        if not _excluded(trigger, instant):
            return instant
    return None


def _is_gap(instant: datetime, rules: Any) -> bool:
    before = instant - timedelta(seconds=1)
    return before.astimezone(rules).utcoffset() == instant.astimezone(rules).utcoffset()


def _schedule(random: Random, now: datetime) -> Schedule:
    zone = random.choice(ZONES)
    match random.randrange(10):
        case 0:
            return every(minutes=random.choice((7, 60, 90, 1441)))
        case 1:
            return at(now + timedelta(hours=random.randrange(1, 2000)))
        case 2:
            return calendar_interval(
                months=random.choice((0, 1)),
                days=random.choice((1, 3, 10)),
                at_local=random.choice(("02:30", "09:00", "00:00")),
                zone=zone,
            )
    return cron(
        random.choice(TEXTS),
        zone=zone,
        gap=random.choice((None, "run", "skip")),
        fold=random.choice((None, "first", "both")),
    )


def _misfire(random: Random) -> MisfirePolicy:
    return MisfirePolicy(
        policy=random.choice(list(MisfirePolicyName)),
        coalesce=random.choice(list(Coalesce)),
        grace_s=random.choice((0.0, 60.0, 7200.0)),
        window_s=random.choice((None, None, 0.0, 86_400.0)),
        cap=random.choice((None, 1, 5, 50)),
    )


def _rules(random: Random, schedule: Schedule, now: datetime) -> tuple[CalendarRule, ...]:
    rules = []
    for index in range(random.choice((0, 0, 1, 1, 2))):
        definition, mode = _definition(random, now)
        can_shift = most_slots_a_day(schedule) <= MAX_SLOTS_A_DAY
        rules.append(
            CalendarRule(
                calendar=f"c{index}",
                mode=mode,
                shift=random.choice(list(Shift)) if can_shift else Shift.SKIP,
                definition=Calendar(name=f"c{index}", definition=definition),
            )
        )
    return tuple(rules)


def _definition(random: Random, now: datetime) -> tuple[dict[str, Any], CalendarMode]:
    zone = random.choice(ZONES)
    match random.randrange(4):
        case 0:
            days = random.sample(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), 5)
            hours = random.choice((["00:00", "24:00"], ["08:00", "17:00"], ["01:30", "13:00"]))
            return (
                {"kind": "weekly", "zone": zone, "hours": {day: [hours] for day in days}},
                random.choice(list(CalendarMode)),
            )
        case 1:
            first = (now + random.randrange(30) * DAY).date()
            last = first + random.randrange(10) * DAY
            dates = [[first.isoformat(), last.isoformat()]]
            return {"kind": "dates", "zone": zone, "dates": dates}, CalendarMode.EXCLUDE
        case 2:
            days = [["12-20", "01-05"], "03-08", "03-29", "10-25", "11-01", "02-29"]
            return {"kind": "annual", "zone": zone, "days": days}, CalendarMode.EXCLUDE
    start = now + random.randrange(500) * timedelta(hours=1)
    end = start + random.randrange(1, 400) * timedelta(minutes=61)
    ranges = [[start.isoformat(), end.isoformat()]]
    return {"kind": "ranges", "ranges": ranges}, CalendarMode.EXCLUDE


def with_policy(trigger: Trigger, random: Random) -> Trigger:
    """The trigger after an edit that is no change of its timing."""
    return replace(trigger, misfire=_misfire(random))


def weights(points: Sequence[int | None] | dict[datetime, int | None]) -> int:
    """How many slots the points stand for."""
    values = points.values() if isinstance(points, dict) else points
    return sum(1 if weight is None else weight for weight in values)
