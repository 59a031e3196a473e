"""Random triggers as somebody would define them: every kind whose slots can be computed.

All dialects, zones whose clocks change and some whose never do, bounds, limits, calendars, jitter.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final

from callboard import Action, Coalesce, MisfirePolicy, Trigger, at, calendar_interval, cron, every
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarMode, CalendarRule, Shift
from callboard.domain.schedule import Delay, Schedule, waits_without_slot
from callboard.domain.shift import MAX_SLOTS_A_DAY, most_slots_a_day
from callboard.domain.trigger import MisfirePolicyName

ZONES: Final = (
    "Europe/Prague",
    "America/New_York",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "America/Santiago",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "UTC",
)
CHANGES: Final = (
    date(2026, 3, 29),  # Prague and Dublin, forward
    date(2026, 10, 25),  # the same, back
    date(2026, 3, 8),  # New York
    date(2026, 11, 1),
    date(2026, 10, 4),  # Lord Howe by half an hour, Sydney by a whole one
    date(2026, 4, 5),  # the same, and Santiago at midnight
    date(2026, 9, 6),  # Santiago, forward
    date(2026, 2, 15),  # Casablanca, for Ramadan
    date(2026, 12, 30),  # nothing but the end of the year
)
TEXTS: Final = {
    "vixie": (
        "*/30 * * * *",
        "0 * * * *",
        "30 2 * * *",
        "15,45 1-3 * * *",
        "0 */2 * * *",
        "0 9 * * 1-5",
        "0 0 * * *",
        "30 1 * * 0",
        "0 0 13 * 5",
        "0 22-2 * * *",
        "H H(0-7) * * *",
        "H/20 2 * * *",
        "@daily",
        "@hourly",
        "@reboot",
    ),
    "quartz": (
        "0 0/45 * * * ?",
        "30 15 2 ? * MON-FRI",
        "0 0 12 L * ?",
        "0 30 1 ? * 1",
        "0 30 2 1W * ?",
        "0 0 */3 ? * SUN,MON",
        "0 10,50 0-4 ? * *",
    ),
    "aws": (
        "cron(0 9 ? * MON-FRI *)",
        "cron(30 1 * * ? *)",
        "cron(15 2 * * ? *)",
        "rate(90 minutes)",
        "rate(1 hour)",
        "rate(1 day)",
    ),
    "spring": ("0 */40 * * * *", "0 30 2 * * *", "0 0 0-4 * * SUN", "5 5 1 * * *"),
}
DAY: Final = timedelta(days=1)


def random_calendars(random: Random, since: datetime, count: int) -> list[Calendar]:
    """Calendars that matter in the days from `since` on."""
    return [
        Calendar(name=f"c{index}", definition=_definition(random, since)) for index in range(count)
    ]


def random_definition(
    random: Random, name: str, job: str, since: datetime, calendars: Sequence[Calendar]
) -> Trigger:
    """A trigger that is to be created at `since`; its calendars may leave it nothing."""
    schedule = _schedule(random, since)
    return Trigger(
        name=name,
        schedule=schedule,
        actions=(Action(job=job),),
        misfire=MisfirePolicy(
            policy=random.choice(list(MisfirePolicyName)), coalesce=random.choice(list(Coalesce))
        ),
        start_at=random.choice((None, None, None, since + _minutes(random, 2800))),
        end_at=random.choice((None, None, None, since + 2 * DAY + _minutes(random, 4000))),
        max_firings=random.choice((None, None, None, random.randrange(1, 60))),
        jitter_s=random.choice((0.0, 0.0, 30.0, 7200.5)),
        flexible_window_s=random.choice((0.0, 0.0, 0.0, 900.0)),
        calendars=_rules(random, schedule, calendars),
    )


def _schedule(random: Random, since: datetime) -> Schedule:
    zone = random.choice(ZONES)
    match random.randrange(12):
        case 0:
            anchor = random.choice((None, since - _minutes(random, 5000)))
            return every(minutes=random.choice((17, 60, 90.5, 1441)), anchor_at=anchor)
        case 1:
            return at(since + _minutes(random, 6000))
        case 2:
            return calendar_interval(
                random.choice(("02:30", "09:00", "00:00", "01:30:15")),
                months=random.choice((0, 1)),
                days=random.choice((1, 2)),
                zone=zone,
                anchor_on=random.choice((None, since.date() - 3 * DAY)),
                gap=random.choice((None, "run", "skip")),
                fold=random.choice((None, "first", "both")),
            )
        case 3:
            return Delay(after_s=random.randrange(1, 300_000))
        case 4:
            local = since + _minutes(random, 6000)
            return cron(f"at({local:%Y-%m-%dT%H:%M:%S})", dialect="aws", zone=zone)
    dialect = random.choice(("vixie", "vixie", "quartz", "aws", "spring"))
    return cron(
        random.choice(TEXTS[dialect]),
        dialect=dialect,
        zone=zone,
        gap=random.choice((None, "run", "skip")),
        fold=random.choice((None, "first", "both")),
    )


def _rules(
    random: Random, schedule: Schedule, calendars: Sequence[Calendar]
) -> tuple[CalendarRule, ...]:
    if waits_without_slot(schedule):
        return ()  # what a calendar leaves out makes it wait for something else
    chosen = random.sample(list(calendars), random.choice((0, 0, 1, 1, 2)))
    can_shift = most_slots_a_day(schedule) <= MAX_SLOTS_A_DAY
    return tuple(
        CalendarRule(
            calendar=calendar.name,
            mode=random.choice((CalendarMode.EXCLUDE, CalendarMode.EXCLUDE, CalendarMode.INCLUDE)),
            shift=random.choice(list(Shift)) if can_shift else Shift.SKIP,
        )
        for calendar in chosen
    )


def _definition(random: Random, since: datetime) -> dict[str, Any]:
    zone = random.choice(ZONES)
    match random.randrange(5):
        case 0:
            days = random.sample(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), 5)
            hours = random.choice((["00:00", "24:00"], ["08:00", "17:00"], ["01:30", "13:00"]))
            return {"kind": "weekly", "zone": zone, "hours": {day: [hours] for day in days}}
        case 1:
            first = (since + random.randrange(4) * DAY).date()
            last = first + random.randrange(3) * DAY
            dates = [[first.isoformat(), last.isoformat()]]
            return {"kind": "dates", "zone": zone, "dates": dates}
        case 2:
            day = since + random.randrange(5) * DAY
            return {"kind": "annual", "zone": zone, "days": [f"{day:%m-%d}", ["12-31", "01-02"]]}
        case 3:
            return {"kind": "ical", "zone": zone, "text": _feed(since + random.randrange(4) * DAY)}
    start = since + _minutes(random, 5000)
    end = start + timedelta(minutes=random.randrange(1, 2000))
    return {"kind": "ranges", "ranges": [[start.isoformat(), end.isoformat()]]}


def _feed(day: datetime) -> str:
    """A feed with a day off that comes again a week later."""
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//callboard//tests//EN",
        "BEGIN:VEVENT",
        "UID:day-off",
        f"DTSTAMP:{day.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
        "RRULE:FREQ=WEEKLY;COUNT=2",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    return "\r\n".join(lines) + "\r\n"


def _minutes(random: Random, most: int) -> timedelta:
    return timedelta(minutes=random.randrange(1, most))
