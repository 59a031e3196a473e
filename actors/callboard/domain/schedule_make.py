"""The short ways to write a schedule down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TypedDict

from callboard.domain.schedule_kind import (
    MAX_WINDOW_S,
    At,
    CalendarInterval,
    Condition,
    Conditional,
    Cron,
    DayOverflow,
    Delay,
    Event,
    Fold,
    Gap,
    Interval,
    OnDemand,
)
from callboard.domain.zone import zone as named_zone
from callboard.errors import invalid


def cron(
    expression: str,
    *,
    zone: str = "UTC",
    dialect: str = "vixie",
    gap: Gap | None = None,
    fold: Fold | None = None,
    hash_key: str = "",
) -> Cron:
    """A cron schedule: `cron("0 2 * * *", zone="Europe/Prague")`.

    Raises:
        InvalidInput: on `expression`, `dialect`, `zone`, `gap`, `fold`, `hash_key`.
    """
    schedule = Cron(
        expression=expression, dialect=dialect, zone=zone, gap=gap, fold=fold, hash_key=hash_key
    )
    named_zone(zone)
    return schedule


def every(
    period: timedelta | None = None,
    *,
    weeks: float = 0,
    days: float = 0,
    hours: float = 0,
    minutes: float = 0,
    seconds: float = 0,
    anchor_at: datetime | None = None,
) -> Interval:
    """A fixed rate: `every(minutes=5)`, `every(timedelta(hours=1), anchor_at=...)`.

    A day is 24 hours, whatever the clocks do; for wall time use `cron`.

    Raises:
        InvalidInput: on `every_s`, `anchor_at`.
    """
    parts = _Parts(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return Interval(every_s=_length("every", period, parts), anchor_at=anchor_at)


def after(
    pause: timedelta | None = None,
    *,
    weeks: float = 0,
    days: float = 0,
    hours: float = 0,
    minutes: float = 0,
    seconds: float = 0,
) -> Delay:
    """A while after the end of the firing before: `after(minutes=5)`.

    Raises:
        InvalidInput: on `after_s`.
    """
    parts = _Parts(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return Delay(after_s=_length("after", pause, parts))


def calendar_interval(
    at_local: str,
    *,
    years: int = 0,
    months: int = 0,
    weeks: int = 0,
    days: int = 0,
    zone: str = "UTC",
    day_overflow: DayOverflow = "clamp",
    anchor_on: date | None = None,
    gap: Gap | None = None,
    fold: Fold | None = None,
) -> CalendarInterval:
    """Steps on the calendar: `calendar_interval("09:00", months=1, zone="Europe/Prague")`.

    Raises:
        InvalidInput: on `months`, `days`, `at_local`, `zone`, `day_overflow`, `anchor_on`, `gap`,
            `fold`.
    """
    schedule = CalendarInterval(
        months=12 * years + months,
        days=7 * weeks + days,
        at_local=at_local,
        zone=zone,
        day_overflow=day_overflow,
        anchor_on=anchor_on,
        gap=gap,
        fold=fold,
    )
    named_zone(zone)
    return schedule


def at(instant: datetime) -> At:
    """Once: `at(datetime(2026, 12, 24, 18, tzinfo=ZoneInfo("Europe/Prague")))`.

    Raises:
        InvalidInput: on `at`, for a datetime without a zone.
    """
    return At(at=instant)


def on_demand() -> OnDemand:
    """Never by itself."""
    return OnDemand()


def on_event(*, batch_size: int = 1, window_s: float = MAX_WINDOW_S) -> Event:
    """Whenever so many events were told: `on_event(batch_size=10, window_s=60)`.

    Or `window_s` after the first of them. They are told by `board.tell_event`.

    Raises:
        InvalidInput: on `batch_size`, `window_s`.
    """
    return Event(batch_size=batch_size, window_s=window_s)


def when_all(*conditions: str | Condition) -> Conditional:
    """Whenever all of these jobs have ended: `when_all("load", Condition(job="check"))`.

    A name alone waits for a success.

    Raises:
        InvalidInput: on `conditions`.
    """
    return Conditional(logical="and", conditions=_conditions(conditions))


def when_any(*conditions: str | Condition) -> Conditional:
    """Whenever one of these jobs has ended: `when_any(Condition(job="load", states=("failed",)))`.

    A name alone waits for a success.

    Raises:
        InvalidInput: on `conditions`.
    """
    return Conditional(logical="any", conditions=_conditions(conditions))


def _conditions(given: Sequence[str | Condition]) -> tuple[Condition, ...]:
    return tuple(each if isinstance(each, Condition) else Condition(job=each) for each in given)


class _Parts(TypedDict):
    weeks: float
    days: float
    hours: float
    minutes: float
    seconds: float


def _length(word: str, whole: timedelta | None, parts: _Parts) -> float:
    """Seconds."""
    field = f"{word}_s"
    if whole is not None and not isinstance(whole, timedelta):
        raise invalid(field, f"is a {type(whole).__name__}", f"write {word}(seconds=...)")
    try:
        return ((whole or timedelta()) + timedelta(**parts)).total_seconds()
    except (OverflowError, ValueError) as error:
        raise invalid(field, f"is not a length of time: {error}") from None
