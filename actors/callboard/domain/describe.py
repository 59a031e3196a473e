"""A schedule in plain English."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from cron_descriptor import FormatError, Options, WrongArgumentError, get_description

from callboard.domain.cron import CronFields, parse_cron
from callboard.domain.cron_field import DAY, FIELDS, HOUR, MINUTE, WEEKDAY, FieldSpec, parse_field
from callboard.domain.instant import instant_to_text
from callboard.domain.lint import warnings
from callboard.domain.schedule_kind import At, Cron, Interval, OnDemand, Schedule

__all__ = ["describe", "warnings"]

_STEP: Final = re.compile(r"(\*|\d+)/(\d+)", re.ASCII)
_PLAIN: Final = re.compile(r"\w+(?:-\w+)?(?:,\w+(?:-\w+)?)*", re.ASCII)
_WEEKDAYS: Final = (
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
)
_UNITS: Final = (
    ("week", timedelta(weeks=1)),
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
)


def describe(schedule: Schedule) -> str:
    """One sentence that says when the slots are; times of day in the 24-hour form."""
    match schedule:
        case Cron():
            fields = parse_cron(schedule.expression, schedule.dialect)
            return f"{_describe_cron(fields)} ({schedule.zone})"
        case Interval():
            anchor = schedule.anchor_at
            since = "" if anchor is None else f", counted from {instant_to_text(anchor)}"
            return f"Every {_period_words(schedule.period)}{since}"
        case At():
            return f"Once, at {instant_to_text(schedule.at)}"
        case OnDemand():
            return "Only on demand"


def _describe_cron(fields: CronFields) -> str:
    texts = [_tame(text, spec) for text, spec in zip(fields.texts, FIELDS, strict=True)]
    only_on = ""
    if fields.needs_both_days and texts[2] != "*" and texts[4] != "*":
        # The library knows only "either"; here a day has to match both fields (C03).
        days = [name for day, name in enumerate(_WEEKDAYS) if _mask(fields, WEEKDAY) >> day & 1]
        only_on, texts[4] = f", and only if it is a {_either(days)}", "*"
    try:
        return _ask_library(" ".join(texts)) + only_on
    except (FormatError, WrongArgumentError, ValueError, IndexError):
        return f"At the times that match {' '.join(fields.texts)!r}"


def _ask_library(text: str) -> str:
    return str(get_description(text, Options(locale_code="en_US", use_24hour_time_format=True)))


def _mask(fields: CronFields, spec: FieldSpec) -> int:
    return parse_field(fields.texts[FIELDS.index(spec)], spec, 1)


def _tame(text: str, spec: FieldSpec) -> str:
    """The field in a form whose description is true: a step that does not divide its field, say,
    is no "every 35 minutes" but a list."""
    mask = parse_field(text, spec, 1)
    values = [value for value in range(spec.low, spec.high + 1) if mask >> value & 1]
    if len(values) == spec.size:
        return "*"
    if spec is WEEKDAY:
        first, last = values[0], values[-1]
        run = len(values) > 2 and last - first + 1 == len(values)
        return f"{first}-{last}" if run else ",".join(map(str, values))
    if _PLAIN.fullmatch(text) and not _wraps(text, spec):
        return text
    if spec is not DAY and _is_even_step(text, spec):
        return text
    return ",".join(map(str, values))


def _wraps(text: str, spec: FieldSpec) -> bool:
    """Whether a range of the list goes round the end, or is a single value."""
    for item in text.split(","):
        low, dash, high = item.partition("-")
        if dash and not parse_field(low, spec, 1) < parse_field(high, spec, 1):
            return True
    return False


def _is_even_step(text: str, spec: FieldSpec) -> bool:
    match = _STEP.fullmatch(text)
    if match is None or spec.size % int(match[2]):
        return False
    return match[1] == "*" or (spec in (MINUTE, HOUR) and int(match[1]) < int(match[2]))


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _period_words(period: timedelta) -> str:
    parts = []
    for name, unit in _UNITS:
        count, period = divmod(period, unit)
        if count:
            parts.append(f"{count} {name}{'s' if count != 1 else ''}")
    seconds = period.total_seconds()
    if seconds:
        parts.append(f"{seconds:g} second{'s' if seconds != 1 else ''}")
    return " ".join(parts).removeprefix("1 ") if len(parts) == 1 else " ".join(parts)
