"""A schedule in plain English."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from callboard.domain.aws_text import Once, Rate
from callboard.domain.cron import CronFields, Reboot
from callboard.domain.cron_words import cron_words
from callboard.domain.instant import instant_to_text
from callboard.domain.lint import warnings
from callboard.domain.schedule_kind import (
    At,
    CalendarInterval,
    Condition,
    Conditional,
    Cron,
    Delay,
    Event,
    Interval,
    OnDemand,
    Schedule,
)

__all__ = ["describe", "warnings"]

_UNITS: Final = (
    ("week", timedelta(weeks=1)),
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
)
_STATE_WORDS: Final = {
    "succeeded": "succeeds",
    "failed": "fails",
    "timed_out": "times out",
    "stopped": "is stopped",
}


def describe(schedule: Schedule) -> str:
    """One sentence that says when the slots are; times of day in the 24-hour form."""
    match schedule:
        case Cron():
            return _describe_cron(schedule)
        case Interval():
            anchor = schedule.anchor_at
            since = "" if anchor is None else f", counted from {instant_to_text(anchor)}"
            return f"Every {_period_words(schedule.period)}{since}"
        case Delay():
            pause = _period_words(schedule.pause, drop_one=False)
            return f"Each time {pause} after the end of the firing before"
        case CalendarInterval():
            return f"{_describe_steps(schedule)} ({schedule.zone})"
        case At():
            return f"Once, at {instant_to_text(schedule.at)}"
        case Conditional():
            return _describe_conditions(schedule)
        case Event():
            return _describe_event(schedule)
        case OnDemand():
            return "Only on demand"


def _describe_event(schedule: Event) -> str:
    if schedule.batch_size == 1:
        return "For every event"
    window = _period_words(timedelta(seconds=schedule.window_s), drop_one=False)
    return f"For every {schedule.batch_size} events, and {window} after the first of fewer"


def _describe_conditions(schedule: Conditional) -> str:
    parts = [_describe_condition(each) for each in schedule.conditions]
    if len(parts) == 1:
        return f"Each time {parts[0]}"
    if schedule.logical == "any":
        return f"Each time {', '.join(parts[:-1])} or {parts[-1]}"
    return f"Each time {', '.join(parts[:-1])} and {parts[-1]}, since the last time"


def _describe_condition(condition: Condition) -> str:
    words = [_STATE_WORDS[state] for state in condition.states]
    return f"{condition.job} {' or '.join(words)}"


def _describe_cron(schedule: Cron) -> str:
    match schedule.meaning:
        case CronFields() as fields:
            return f"{cron_words(fields, schedule.hash_key)} ({schedule.zone})"
        case Rate(period=period):
            return f"Every {_period_words(period)}"
        case Once(local=local):
            return f"Once, at {local:%Y-%m-%d %H:%M:%S} ({schedule.zone})"
        case Reboot():
            return "Once when the trigger is activated, and once at every start of the cluster"


def _describe_steps(schedule: CalendarInterval) -> str:
    years, months = divmod(schedule.months, 12)
    parts = ((years, "year"), (months, "month"), (schedule.days, "day"))
    step = _counted_words([(count, name) for count, name in parts if count])
    start = schedule.anchor_on
    since = "the date of the activation" if start is None else start.isoformat()
    words = f"Every {step} at {schedule.at_local}, counted from {since}"
    if start is None or start.day <= 28 or not schedule.months:
        return words
    if schedule.day_overflow == "skip":
        return f"{words}, left out where the month has no day {start.day}"
    return f"{words}, on the last day of a month that has no day {start.day}"


def _period_words(period: timedelta, *, drop_one: bool = True) -> str:
    parts: list[tuple[float, str]] = []
    for name, unit in _UNITS:
        count, period = divmod(period, unit)
        parts.append((count, name))
    parts.append((period.total_seconds(), "second"))
    return _counted_words([part for part in parts if part[0]], drop_one=drop_one)


def _counted_words(parts: Sequence[tuple[float, str]], *, drop_one: bool = True) -> str:
    """`2 weeks 1 day`; a lone `1 hour` is `hour`, to follow `every`."""
    words = [f"{count:g} {name}{'s' if count != 1 else ''}" for count, name in parts]
    return words[0].removeprefix("1 ") if len(words) == 1 and drop_one else " ".join(words)
