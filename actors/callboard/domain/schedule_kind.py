"""The kinds of schedule as values, and the short ways to write them down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final, Literal, TypeAlias, get_args

from callboard.domain.cron import parse_cron
from callboard.domain.cron_walk import LAST_YEAR
from callboard.domain.instant import utc_instant
from callboard.domain.zone import zone as named_zone
from callboard.errors import FieldProblem, InvalidInput, invalid

Gap: TypeAlias = Literal["run", "skip"]
Fold: TypeAlias = Literal["first", "both"]

MIN_EVERY_S: Final = 0.1
MAX_EVERY_S: Final = 10 * 366 * 86_400.0
"""Ten years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """Slots at the wall times of a zone that a cron text matches.

    The zone is not looked up here, so that a stored schedule outlives its zone's removal from the
    zone data (D05): `cron` and `schedule_from_json` look it up, `next_slot` does.

    Raises:
        InvalidInput: on `expression`, `dialect`, `gap`, `fold`.
    """

    expression: str
    dialect: str = "vixie"
    zone: str = "UTC"
    gap: Gap | None = None
    """Slots that the clocks jump over: once at the gap's end, or not at all. None becomes `skip`
    where the minute or hour field begins with `*` (it follows elapsed time), otherwise `run`."""
    fold: Fold | None = None
    """Slots whose wall time comes twice: the first pass, or both. None becomes `both` where the
    minute or hour field begins with `*`, otherwise `first`."""
    kind: ClassVar[Literal["cron"]] = "cron"

    def __post_init__(self) -> None:
        problems = [*_choice_problems("gap", self.gap, Gap)]
        problems += _choice_problems("fold", self.fold, Fold)
        try:
            wildcard = parse_cron(self.expression, self.dialect).is_wildcard
        except InvalidInput as error:
            raise InvalidInput(*error.problems, *problems) from None
        if problems:
            raise InvalidInput(*problems)
        object.__setattr__(self, "gap", self.gap or ("skip" if wildcard else "run"))
        object.__setattr__(self, "fold", self.fold or ("both" if wildcard else "first"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Slots at a fixed rate, counted from an anchor, so that they never drift.

    Raises:
        InvalidInput: on `every_s`, `anchor_at`.
    """

    every_s: float
    """Real seconds; microseconds are kept, the rest is rounded."""
    anchor_at: datetime | None = None
    """The first slot. None: the first slot is one period after the trigger's activation."""
    kind: ClassVar[Literal["interval"]] = "interval"

    def __post_init__(self) -> None:
        every_s: object = self.every_s
        if isinstance(every_s, bool) or not isinstance(every_s, int | float):
            raise invalid("every_s", f"is a {type(every_s).__name__}, not a number of seconds")
        # A NaN fails this comparison too.
        if not MIN_EVERY_S <= every_s <= MAX_EVERY_S:
            limits = f"{MIN_EVERY_S:g} to {MAX_EVERY_S:.0f} (ten years)"
            raise invalid("every_s", f"{every_s:.10g} is outside {limits}", "write seconds")
        object.__setattr__(self, "every_s", float(every_s))
        if self.anchor_at is not None:
            object.__setattr__(self, "anchor_at", _slot_instant(self.anchor_at, "anchor_at"))

    @property
    def period(self) -> timedelta:
        return timedelta(seconds=self.every_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """One slot.

    Raises:
        InvalidInput: on `at`, when it has no zone or lies after the year 2200.
    """

    at: datetime
    kind: ClassVar[Literal["at"]] = "at"

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", _slot_instant(self.at, "at"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemand:
    """No slots: the trigger fires when somebody asks for it."""

    kind: ClassVar[Literal["on_demand"]] = "on_demand"


Schedule: TypeAlias = Cron | Interval | At | OnDemand


def cron(
    expression: str,
    *,
    zone: str = "UTC",
    dialect: str = "vixie",
    gap: Gap | None = None,
    fold: Fold | None = None,
) -> Cron:
    """A cron schedule: `cron("0 2 * * *", zone="Europe/Prague")`.

    Raises:
        InvalidInput: on `expression`, `dialect`, `zone`, `gap`, `fold`.
    """
    schedule = Cron(expression=expression, dialect=dialect, zone=zone, gap=gap, fold=fold)
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
    if period is not None and not isinstance(period, timedelta):
        raise invalid("every_s", f"is a {type(period).__name__}", "write every(seconds=...)")
    try:
        parts = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
        total = (period or timedelta()) + parts
    except (OverflowError, ValueError) as error:
        raise invalid("every_s", f"is not a length of time: {error}") from None
    return Interval(every_s=total.total_seconds(), anchor_at=anchor_at)


def at(instant: datetime) -> At:
    """Once: `at(datetime(2026, 12, 24, 18, tzinfo=ZoneInfo("Europe/Prague")))`.

    Raises:
        InvalidInput: on `at`, for a datetime without a zone.
    """
    return At(at=instant)


def on_demand() -> OnDemand:
    """Never by itself."""
    return OnDemand()


def _slot_instant(value: datetime, name: str) -> datetime:
    instant = utc_instant(value, name)
    if instant.year > LAST_YEAR:
        raise invalid(name, f"{instant:%Y-%m-%d} is after the year {LAST_YEAR}")
    return instant


def _choice_problems(name: str, value: object, choices: object) -> Iterator[FieldProblem]:
    allowed = get_args(choices)
    if value is not None and value not in allowed:
        yield FieldProblem(name, f"{value!r:.40} is not one of {', '.join(allowed)}")
