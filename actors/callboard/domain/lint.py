"""Warnings about a schedule that is right, but perhaps not what its author meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from croniter import CroniterError, croniter

from callboard.domain.cron import CronFields, parse_cron
from callboard.domain.cron_field import DAY, FIELDS, HOUR, MINUTE, MONTH, WEEKDAY, parse_field
from callboard.domain.schedule_kind import Cron, Schedule
from callboard.domain.schedule_slots import (
    END,
    EPOCH,
    instant_seconds,
    slots_between,
    walk_of,
)

REFERENCE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Where the search for touched slots begins when nobody says what time it is."""
_LOOKED_AT: Final = timedelta(days=730)
_COMPARED: Final = 60
_COMPARED_UNTIL: Final = datetime(2040, 1, 1, tzinfo=UTC)
_STEP: Final = re.compile(r"(?:^|,)(\*/(\d+))(?=,|$)", re.ASCII)
_CYCLES: Final = {
    MINUTE: ("minutes", "each hour"),
    HOUR: ("hours", "each day"),
    DAY: ("days", "on the 1st of each month"),
    MONTH: ("months", "each January"),
    WEEKDAY: ("days", "each Sunday"),
}


def warnings(schedule: Schedule, *, after: datetime = REFERENCE) -> tuple[str, ...]:
    """Sentences for people; none for most schedules.

    Steps that are not what they seem (C14), day fields that are ORed or ANDed (C01, C03), texts
    that croniter reads otherwise, and the next clock change that touches a fixed-time slot.

    Args:
        after: the present, where the search for touched slots begins; it covers two years.
    Raises:
        InvalidInput: on `zone`, when there is no such zone (any more).
    """
    if not isinstance(schedule, Cron):
        return ()
    fields = parse_cron(schedule.expression, schedule.dialect)
    found = [*_step_warnings(fields), *_day_warnings(fields)]
    if not found:
        found += _croniter_warnings(schedule, fields)
    return (*found, *_clock_warnings(schedule, after))


def _step_warnings(fields: CronFields) -> Iterator[str]:
    for text, spec in zip(fields.texts, FIELDS, strict=True):
        unit, restart = _CYCLES[spec]
        for item, step in _STEP.findall(text):
            if int(step) == 1 or (spec is not DAY and spec.size % int(step) == 0):
                continue
            mask = parse_field(item, spec, 1)
            values = [str(value) for value in range(spec.low, spec.high + 1) if mask >> value & 1]
            shown = ", ".join(values[:4]) + (", ..." if len(values) > 4 else "")
            yield (
                f"{item} in the {spec.name} field is not every {step} {unit}: "
                f"it matches {shown} and starts again {restart}"
            )


def _day_warnings(fields: CronFields) -> Iterator[str]:
    days, weekdays = fields.texts[2], fields.texts[4]
    if "*" in (days, weekdays):
        return
    if fields.needs_both_days:
        yield (
            f"a day has to match both {days!r} and {weekdays!r}, because one of the day fields "
            "begins with *; other programs (croniter among them) take either"
        )
    else:
        yield (
            f"a day matches when it is {days!r} of the month or {weekdays!r} of the week; "
            "it need not be both"
        )


def _croniter_warnings(schedule: Cron, fields: CronFields) -> Iterator[str]:
    """Compares the first slots in UTC, so that only the reading of the text counts."""
    plain = Cron(expression=schedule.expression, dialect=schedule.dialect)
    ours = slots_between(plain, after=REFERENCE, until=_COMPARED_UNTIL, anchor=REFERENCE)
    try:
        theirs = croniter(" ".join(fields.texts), REFERENCE).all_next(datetime)
        for mine, other in zip(islice(ours, _COMPARED), theirs, strict=False):
            if mine != other:
                yield (
                    f"croniter reads this text otherwise: it goes on at {other:%Y-%m-%d %H:%M}, "
                    f"Callboard at {mine:%Y-%m-%d %H:%M}"
                )
                return
    except CroniterError as error:
        yield f"croniter does not take this text: {error}"


def _clock_warnings(schedule: Cron, after: datetime) -> Iterator[str]:
    walk = walk_of(schedule)
    # A wildcard under its own defaults follows elapsed time: nothing to say.
    natural = walk.fields.is_wildcard
    stretch = instant_seconds(max(after, EPOCH)), instant_seconds(min(after, END) + _LOOKED_AT)
    gap = None if natural and schedule.gap == "skip" else next(walk.gaps(*stretch), None)
    fold = None if natural and schedule.fold == "both" else next(walk.folds(*stretch), None)
    if gap is not None:
        low, high = _wall(gap.lost_from), _wall(gap.first_wall)
        fate = f"fire once, at {high:%H:%M}" if schedule.gap == "run" else "do not fire"
        yield (
            f"{schedule.zone} has no {low:%H:%M} to {high:%H:%M} on {high:%Y-%m-%d}: "
            f"slots in it {fate} (gap: {schedule.gap})"
        )
    if fold is not None:
        low, high = _wall(fold.first_wall), _wall(fold.repeated_until)
        fate = "only the first time" if schedule.fold == "first" else "both times"
        yield (
            f"{schedule.zone} has {low:%H:%M} to {high:%H:%M} twice on {low:%Y-%m-%d}: "
            f"slots in it fire {fate} (fold: {schedule.fold})"
        )


def _wall(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)
