"""Warnings about a cron text that is right, but reads as something else to many people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from callboard.domain.cron import CronFields
from callboard.domain.cron_field import parse_field
from callboard.domain.cron_words import DAY_NAMES, joined, values_of
from callboard.domain.dialect import FieldSpec

_STEP: Final = re.compile(r"(?:\*|\d+)?/(\d+)", re.ASCII)
_NUMBERED: Final = re.compile(r"(\d)(?:-\d)?(?:/\d+|#\d|L)?", re.ASCII | re.IGNORECASE)
_EXTENSION: Final = re.compile(r"\?|.*[#LW].*", re.ASCII | re.IGNORECASE)
_CYCLES: Final = {
    "second": ("seconds", "each minute"),
    "minute": ("minutes", "each hour"),
    "hour": ("hours", "each day"),
    "day of month": ("days", "on the 1st of each month"),
    "month": ("months", "each January"),
    "day of week": ("days", "each Sunday"),
}
_SHOWN: Final = 4
_LENGTHS: Final = {
    month: (28, 29) if month == 2 else (30,) if month in (4, 6, 9, 11) else (31,)
    for month in range(1, 13)
}
"""How many days a month may have."""


def cron_text_warnings(fields: CronFields, hash_key: str) -> Iterator[str]:
    """Sentences about the text alone, whatever its zone and policy."""
    yield from _step_warnings(fields)
    yield from _day_warnings(fields)
    yield from _rate_warnings(fields)
    yield from _foreign_warnings(fields)
    if fields.uses_hash and not hash_key:
        yield (
            "H has no key to be hashed with here: all texts like this one get the same time "
            "until a trigger gives it its name"
        )


def _step_warnings(fields: CronFields) -> Iterator[str]:
    for spec, text in fields.by_spec():
        if spec.name not in _CYCLES:
            continue
        for item in text.split(","):
            form = _STEP.fullmatch(item)
            if form is not None and int(form[1]) > 1:
                yield from _uneven_step(item, int(form[1]), spec)


def _uneven_step(item: str, step: int, spec: FieldSpec) -> Iterator[str]:
    """A warning, unless the steps go round the field evenly."""
    unit, restart = _CYCLES[spec.name]
    matched = [str(value) for value in values_of(parse_field(item, spec), spec.origin)]
    if spec.name != "day of month" and len(matched) * step == spec.size:
        return
    shown = ", ".join(matched[:_SHOWN]) + (", ..." if len(matched) > _SHOWN else "")
    yield (
        f"{item} in the {spec.name} field is not every {step} {unit}: "
        f"it matches {shown} and starts again {restart}"
    )


def _day_warnings(fields: CronFields) -> Iterator[str]:
    days, weekdays = fields.text("day of month"), fields.text("day of week")
    if {days, weekdays} & {"*", "?"}:
        return
    if not fields.needs_both_days:
        yield (
            f"a day matches when it is {days!r} of the month or {weekdays!r} of the week; "
            "it need not be both"
        )
    elif fields.dialect == "vixie":
        yield (
            f"a day has to match both {days!r} and {weekdays!r}, because one of the day fields "
            "begins with *; other programs (croniter among them) take either"
        )
    else:
        yield (
            f"a day has to match both {days!r} and {weekdays!r} in the {fields.dialect} dialect; "
            "in a crontab either would do"
        )


def _rate_warnings(fields: CronFields) -> Iterator[str]:
    count = fields.seconds.bit_count()
    if count > 1:
        yield (
            f"it fires {count} times within every minute that matches; "
            "write a single second for once a minute"
        )
    elif fields.text("minute") == "*" and fields.hours.bit_count() < 12:
        yield (
            "the minute field is *: it fires 60 times within every hour that matches; "
            "write a single minute for once an hour"
        )


def missing_day_warnings(fields: CronFields) -> Iterator[str]:
    """Months that are asked for, but have no matching day (C08, C09)."""
    months = values_of(fields.months)
    lengths = {length for month in months for length in _LENGTHS[month]}
    empty = [str(n) for n in sorted(lengths) if not any(fields.day_masks[n - 28])]
    if "#5" in fields.text("day of week"):
        yield "months that have no fifth one of that weekday have no slot"
    elif empty and len(empty) < len(lengths):
        yield f"months with {joined(empty, 'or')} days have no slot"
    elif any(0 in fields.day_masks[length - 28] for length in lengths):
        yield "some months have no such day, and no slot"


def _foreign_warnings(fields: CronFields) -> Iterator[str]:
    """What programs of another dialect would read otherwise."""
    weekday = next(spec for spec, _ in fields.by_spec() if spec.name == "day of week")
    for item in fields.text("day of week").split(","):
        form = _NUMBERED.fullmatch(item)
        if form is not None and weekday.low == 1:
            name = DAY_NAMES[int(form[1]) - 1]
            yield (
                f"{item} in the day of week field: {form[1]} is {name} in the {fields.dialect} "
                f"dialect, where 1 is Sunday; the name {name[:3].upper()} is the same everywhere"
            )
            break
    if fields.dialect == "vixie":
        words = [
            item
            for name in ("day of month", "day of week")
            for item in fields.text(name).split(",")
            if (_EXTENSION.fullmatch(item) and not item.isalpha()) or item.upper() in ("L", "LW")
        ]
        if words:
            yield f"{words[0]} is an extension that other cron programs refuse or read otherwise"
