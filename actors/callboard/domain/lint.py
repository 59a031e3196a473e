"""Warnings about a schedule that is right, but perhaps not what its author meant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from croniter import CroniterError, croniter

from callboard.domain.aws_text import Rate
from callboard.domain.cron import CronFields, Reboot
from callboard.domain.cron_lint import cron_text_warnings, missing_day_warnings
from callboard.domain.schedule_kind import CalendarInterval, Cron, Interval, Schedule
from callboard.domain.schedule_plan import END, EPOCH, plan_of
from callboard.domain.schedule_slots import (
    instant_seconds,
    next_slot,
    slot_local,
    slots_between,
)
from callboard.domain.zone_walk import ZoneWalk

REFERENCE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The present when nobody says what time it is."""
_LOOKED_AT: Final = timedelta(days=730)
_DAY: Final = timedelta(days=1)
_SOON: Final = timedelta(days=400)
"""A yearly slot is not rare."""
_COMPARED: Final = 60
_COMPARED_UNTIL: Final = datetime(2040, 1, 1, tzinfo=UTC)


def warnings(schedule: Schedule, *, after: datetime = REFERENCE) -> tuple[str, ...]:
    """Sentences for people; none for most schedules.

    Steps that are not what they seem (C14), day fields that are ORed or ANDed (C01, C03), rates
    below a minute (cron) or a second (interval), months without a slot, slots that are years away,
    texts that other programs read otherwise, `H` without a key, and the next clock change that
    touches a fixed-time slot.

    Args:
        after: the present; the search for clock changes covers the two years from it.
    Raises:
        InvalidInput: on `zone`, when there is no such zone (any more).
    """
    match schedule:
        case Cron():
            return tuple(_cron_warnings(schedule, after))
        case Interval():
            return tuple(_period_warnings(schedule.period))
        case CalendarInterval():
            return (*_overflow_warnings(schedule), *_clock_warnings(schedule, after))
        case _:
            return ()


def _cron_warnings(schedule: Cron, after: datetime) -> Iterator[str]:
    meaning = schedule.meaning
    if isinstance(meaning, Rate | Reboot):
        return
    if isinstance(meaning, CronFields):
        found = [*cron_text_warnings(meaning, schedule.hash_key)]
        yield from found
        if not found and schedule.dialect == "vixie" and not meaning.uses_hash:
            yield from _croniter_warnings(schedule, meaning)
        rare = [*_rare_warnings(schedule, after)]
        yield from rare or missing_day_warnings(meaning)
    elif next_slot(schedule, after=after, anchor=after) is None:
        yield _no_slot(after)
        return
    yield from _clock_warnings(schedule, after)


def _period_warnings(period: timedelta) -> Iterator[str]:
    if period < timedelta(seconds=1):
        yield f"it fires {timedelta(seconds=1) / period:.3g} times a second"


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


def _rare_warnings(schedule: Cron, after: datetime) -> Iterator[str]:
    slot = next_slot(schedule, after=after, anchor=after)
    if slot is None:
        yield _no_slot(after)
        return
    later = next_slot(schedule, after=slot + _DAY, anchor=after)
    if slot - after <= _SOON and (later is None or later - slot <= _SOON):
        return
    first, then = slot_local(schedule, slot), "then never again"
    if later is not None:
        then = f"then on {slot_local(schedule, later):%Y-%m-%d}"
    yield f"it fires rarely: next on {first:%Y-%m-%d}, {then}"


def _clock_warnings(schedule: Cron | CalendarInterval, after: datetime) -> Iterator[str]:
    walk = plan_of(schedule, after)
    if not isinstance(walk, ZoneWalk):
        return
    # A wildcard under its own defaults follows elapsed time: nothing to say.
    natural = isinstance(schedule, Cron) and _is_wildcard(schedule)
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


def _is_wildcard(schedule: Cron) -> bool:
    meaning = schedule.meaning
    return isinstance(meaning, CronFields) and meaning.is_wildcard


def _no_slot(after: datetime) -> str:
    return f"it has no slot after {after:%Y-%m-%d} any more"


def _overflow_warnings(schedule: CalendarInterval) -> Iterator[str]:
    """Months without the anchor's day (D08)."""
    start = schedule.anchor_on
    if start is not None and start.day > 28 and schedule.months:
        fate = "no slot" if schedule.day_overflow == "skip" else "their slot on the last day"
        yield f"months that have no day {start.day} have {fate}"


def _wall(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)
