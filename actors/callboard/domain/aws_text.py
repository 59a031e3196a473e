"""The texts of the aws dialect: `cron(...)`, `rate(...)` and `at(...)`.

Source: the schedule types of EventBridge Scheduler.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from callboard.domain.cron_fault import text_fault

_CALL: Final = re.compile(r"[ \t]*(cron|rate|at)\((.*)\)[ \t]*", re.ASCII | re.DOTALL)
_RATE: Final = re.compile(r"[ \t]*(\d+)[ \t]+([a-z]+)[ \t]*", re.ASCII)
_AT: Final = re.compile(r"[ \t]*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[ \t]*", re.ASCII)
_UNITS: Final = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_FORMS: Final = "write cron(0 9 ? * MON-FRI *), rate(5 minutes) or at(2026-12-24T18:00:00)"
LONGEST_RATE: Final = timedelta(days=3660)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`rate(5 minutes)`: a fixed rate in real time, counted from the trigger's activation."""

    period: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """`at(2026-12-24T18:00:00)`: one wall time of the schedule's zone."""

    local: datetime
    """Without an offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCall:
    """A text in its outer form."""

    word: str
    """`cron`, `rate` or `at`."""
    body: str
    column: int
    """Where the body begins, 1-based."""


def read_call(text: str) -> AwsCall:
    """The outer form of a text.

    Raises:
        CronTextError: it is none of the three.
    """
    call = _CALL.fullmatch(text)
    if call is None:
        raise text_fault(1, "is not in the form cron(...), rate(...) or at(...)", _FORMS)
    return AwsCall(word=call[1], body=call[2], column=call.start(2) + 1)


def read_rate(call: AwsCall) -> Rate:
    """The rate; `1` has a singular unit and every other number a plural one (C20).

    Raises:
        CronTextError: with one fault.
    """
    form = _RATE.fullmatch(call.body)
    if form is None:
        reason = f"{call.body[:24]!a} is not a number and a unit"
        raise text_fault(call.column, reason, "write it like rate(5 minutes)")
    unit = form[2].removesuffix("s")
    at = call.column + form.start(2)
    if unit not in _UNITS or form[2] not in (unit, f"{unit}s"):
        raise text_fault(at, f"{form[2][:24]!r} is not a unit", "use minutes, hours or days")
    count = int(form[1]) if len(form[1]) <= 9 else 10**9
    if count == 0:
        raise text_fault(call.column + form.start(1), "a rate of 0 never advances")
    wanted = unit if count == 1 else f"{unit}s"
    if form[2] != wanted:
        raise text_fault(
            at, f"{form[2]!r} does not go with {count}", f"write rate({count} {wanted})"
        )
    if count > LONGEST_RATE // _UNITS[unit]:
        raise text_fault(call.column, f"is longer than ten years ({LONGEST_RATE.days} days)")
    return Rate(period=count * _UNITS[unit])


def read_at(call: AwsCall) -> Once:
    """The wall time.

    Raises:
        CronTextError: with one fault.
    """
    form = _AT.fullmatch(call.body)
    fix = "write it like at(2026-12-24T18:00:00), without a zone"
    if form is None:
        raise text_fault(call.column, f"{call.body[:24]!a} is not a date and a time", fix)
    try:
        local = datetime.fromisoformat(form[1])
    except ValueError as error:
        raise text_fault(call.column, f"{form[1]!r} is not a date and a time: {error}") from None
    if not 1970 <= local.year <= 2199:
        raise text_fault(call.column, f"the year {local.year} is not in 1970-2199")
    return Once(local=local)
