"""The kinds of schedule as values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar, Final, Literal, TypeAlias, get_args

from callboard.domain.aws_text import Rate
from callboard.domain.cron import FIRST_YEAR, CronFields, CronMeaning, Reboot, read_cron
from callboard.domain.instant import utc_instant
from callboard.domain.names import wide_name_problem
from callboard.domain.zone_walk import LAST_YEAR
from callboard.errors import FieldProblem, InvalidInput, invalid

Gap: TypeAlias = Literal["run", "skip"]
Fold: TypeAlias = Literal["first", "both"]
DayOverflow: TypeAlias = Literal["clamp", "skip"]
Logical: TypeAlias = Literal["and", "any"]
WatchedState: TypeAlias = Literal["succeeded", "failed", "timed_out", "stopped"]

MIN_EVERY_S: Final = 0.1
MAX_EVERY_S: Final = 10 * 366 * 86_400.0
"""Ten years."""
MAX_MONTHS: Final = 1200
MAX_DAYS: Final = 3660
MAX_HASH_KEY: Final = 1000
MAX_CONDITIONS: Final = 500
MAX_BATCH_SIZE: Final = 100
MAX_WINDOW_S: Final = 900.0
_TIME_OF_DAY: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """Slots at the wall times of a zone that a cron text matches.

    The zone is not looked up here, so that a stored schedule outlives its zone's removal from the
    zone data (D05): `cron` and `schedule_from_json` look it up, `next_slot` does.

    Raises:
        InvalidInput: on `expression`, `dialect`, `gap`, `fold`, `hash_key`.
    """

    expression: str
    """As it was written."""
    dialect: str = "vixie"
    zone: str = "UTC"
    gap: Gap | None = None
    """Slots that the clocks jump over: once at the gap's end, or not at all. None becomes `skip`
    where the second, minute or hour field begins with `*` (it follows elapsed time), otherwise
    `run`."""
    fold: Fold | None = None
    """Slots whose wall time comes twice: the first pass, or both. None becomes `both` where the
    second, minute or hour field begins with `*`, otherwise `first`."""
    hash_key: str = ""
    """What the `H` of the expression is hashed with."""
    kind: ClassVar[Literal["cron"]] = "cron"

    def __post_init__(self) -> None:
        problems = [*_choice_problems("gap", self.gap, Gap)]
        problems += _choice_problems("fold", self.fold, Fold)
        key = self.hash_key
        if not isinstance(key, str) or len(key) > MAX_HASH_KEY:
            reason = f"is not a string of at most {MAX_HASH_KEY} characters"
            problems.append(FieldProblem("hash_key", reason))
            key = ""
        try:
            elapsed = _follows_elapsed_time(read_cron(self.expression, self.dialect, key))
        except InvalidInput as error:
            raise InvalidInput(*error.problems, *problems) from None
        if problems:
            raise InvalidInput(*problems)
        object.__setattr__(self, "gap", self.gap or ("skip" if elapsed else "run"))
        object.__setattr__(self, "fold", self.fold or ("both" if elapsed else "first"))

    @property
    def meaning(self) -> CronMeaning:
        """What the expression says: fields, or for some texts a rate, a wall time, a reboot."""
        return read_cron(self.expression, self.dialect, self.hash_key)

    @property
    def uses_hash(self) -> bool:
        """Whether its slots depend on the hash key."""
        meaning = self.meaning
        return isinstance(meaning, CronFields) and meaning.uses_hash

    @property
    def is_reboot(self) -> bool:
        """Whether it is `@reboot`: one slot at the activation (C19)."""
        return isinstance(self.meaning, Reboot)


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
        object.__setattr__(self, "every_s", _seconds(self.every_s, "every_s"))
        if self.anchor_at is not None:
            object.__setattr__(self, "anchor_at", _slot_instant(self.anchor_at, "anchor_at"))

    @property
    def period(self) -> timedelta:
        return timedelta(seconds=self.every_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """One slot a while after the end of the firing before, or after the activation.

    Raises:
        InvalidInput: on `after_s`.
    """

    after_s: float
    """Real seconds; microseconds are kept, the rest is rounded."""
    kind: ClassVar[Literal["delay"]] = "delay"

    def __post_init__(self) -> None:
        object.__setattr__(self, "after_s", _seconds(self.after_s, "after_s"))

    @property
    def pause(self) -> timedelta:
        return timedelta(seconds=self.after_s)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a conditional trigger waits for: the end of a job's run in one of these states.

    An attempt that another one follows by itself is no end.
    """

    job: str
    """Of the trigger's group."""
    states: tuple[WatchedState, ...] = ("succeeded",)

    def problems(self, prefix: str) -> Iterator[FieldProblem]:
        problem = wide_name_problem(self.job, f"{prefix}.job")
        if problem is not None:
            yield problem
        allowed = get_args(WatchedState)
        if not self.states:
            fix = f"name some of {', '.join(allowed)}"
            yield FieldProblem(f"{prefix}.states", "names no state", fix)
        for place, state in enumerate(self.states):
            where = f"{prefix}.states[{place}]"
            if state not in allowed:
                reason = f"{state!r:.40} is not one of {', '.join(allowed)}"
                yield FieldProblem(where, reason, "a run ends in one of these")
            elif state in self.states[:place]:
                yield FieldProblem(where, f"{state!r} is named twice", "name it once")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditional:
    """A slot whenever its conditions are met: all of them since the last slot, or any one.

    Raises:
        InvalidInput: on `logical`, `conditions`, all that is wrong at once.
    """

    logical: Logical = "and"
    conditions: tuple[Condition, ...]
    only_triggered: bool = False
    """Whether only runs that a trigger started, and their retries, count."""
    kind: ClassVar[Literal["conditional"]] = "conditional"

    def __post_init__(self) -> None:
        problems = [*_choice_problems("logical", self.logical, Logical)]
        count = len(self.conditions)
        if not 1 <= count <= MAX_CONDITIONS:
            reason = f"has {count} entries, not 1 to {MAX_CONDITIONS}"
            problems.append(FieldProblem("conditions", reason))
        seen: set[str] = set()
        for place, condition in enumerate(self.conditions[:MAX_CONDITIONS]):
            where = f"conditions[{place}]"
            problems += condition.problems(where)
            if condition.job in seen:
                reason = f"{condition.job!r} is named twice"
                problems.append(FieldProblem(f"{where}.job", reason, "give all its states at once"))
            seen.add(condition.job)
        if problems:
            raise InvalidInput(*problems)

    @property
    def jobs(self) -> tuple[str, ...]:
        """The watched ones."""
        return tuple(condition.job for condition in self.conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarInterval:
    """Slots every so many months and days on the calendar, at a time of day of a zone.

    All are counted from the anchor: monthly from Jan 31 are Feb 28 and Mar 31 (D08). As with `Cron`
    the zone is not looked up here.

    Raises:
        InvalidInput: on any of the fields, all that are wrong at once.
    """

    months: int = 0
    days: int = 0
    at_local: str
    """`HH:MM` or `HH:MM:SS` on the zone's clocks."""
    zone: str = "UTC"
    day_overflow: DayOverflow = "clamp"
    """When the month has no such day: its last day instead, or no slot."""
    anchor_on: date | None = None
    """The date of the first slot. None: the local date of the trigger's activation."""
    gap: Gap | None = None
    """As with cron; None becomes `run`."""
    fold: Fold | None = None
    """As with cron; None becomes `first`."""
    kind: ClassVar[Literal["calendar_interval"]] = "calendar_interval"

    def __post_init__(self) -> None:
        problems = [*self._problems()]
        if problems:
            raise InvalidInput(*problems)
        if len(self.at_local) > 5:
            object.__setattr__(self, "at_local", self.at_local.removesuffix(":00"))
        object.__setattr__(self, "gap", self.gap or "run")
        object.__setattr__(self, "fold", self.fold or "first")

    def _problems(self) -> Iterator[FieldProblem]:
        yield from _whole_number_problems("months", self.months, MAX_MONTHS)
        yield from _whole_number_problems("days", self.days, MAX_DAYS)
        if self.months == self.days == 0:
            yield FieldProblem("months", "and days are both 0", "write at least one of them")
        if not isinstance(self.at_local, str) or not _TIME_OF_DAY.fullmatch(self.at_local):
            fix = "write it like 09:00 or 09:00:30"
            yield FieldProblem("at_local", f"{self.at_local!r:.40} is not a time of day", fix)
        yield from _choice_problems("day_overflow", self.day_overflow, DayOverflow)
        yield from _date_problems("anchor_on", self.anchor_on)
        yield from _choice_problems("gap", self.gap, Gap)
        yield from _choice_problems("fold", self.fold, Fold)

    @property
    def second_of_day(self) -> int:
        hour, minute, second = (int(part) for part in f"{self.at_local}:00".split(":")[:3])
        return hour * 3600 + minute * 60 + second


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A slot for every batch of events that the trigger is told of.

    A batch is due when it is full, or a while after its first event.

    Raises:
        InvalidInput: on `batch_size`, `window_s`, both that are wrong at once.
    """

    batch_size: int = 1
    """Events that make a batch full."""
    window_s: float = MAX_WINDOW_S
    """Real seconds from the first event of a batch on, after which it is due as it is."""
    kind: ClassVar[Literal["event"]] = "event"

    def __post_init__(self) -> None:
        problems = [*_whole_number_problems("batch_size", self.batch_size, MAX_BATCH_SIZE, 1)]
        try:
            object.__setattr__(self, "window_s", _window(self.window_s, "window_s"))
        except InvalidInput as error:
            problems += error.problems
        if problems:
            raise InvalidInput(*problems)

    @property
    def window(self) -> timedelta:
        return timedelta(seconds=self.window_s)


Schedule: TypeAlias = (
    Cron | Interval | Delay | At | CalendarInterval | OnDemand | Conditional | Event
)


def waits_without_slot(schedule: Schedule) -> bool:
    """Whether a trigger without a next slot still waits for one: something has to happen first."""
    match schedule:
        case OnDemand() | Delay() | Conditional() | Event():
            return True
        case Cron():
            return schedule.is_reboot
        case _:
            return False


def _follows_elapsed_time(meaning: CronMeaning) -> bool:
    if isinstance(meaning, CronFields):
        return meaning.is_wildcard
    return isinstance(meaning, Rate)


def _seconds(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(name, f"is a {type(value).__name__}, not a number of seconds")
    # A NaN fails this comparison too.
    if not MIN_EVERY_S <= value <= MAX_EVERY_S:
        limits = f"{MIN_EVERY_S:g} to {MAX_EVERY_S:.0f} (ten years)"
        raise invalid(name, f"{value:.10g} is outside {limits}", "write seconds")
    return float(value)


def _window(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(name, f"is a {type(value).__name__}, not a number of seconds")
    if not 1 <= value <= MAX_WINDOW_S:
        reason = f"{value:.10g} is outside 1 to {MAX_WINDOW_S:.0f}"
        raise invalid(name, reason, "write seconds")
    return float(value)


def _slot_instant(value: datetime, name: str) -> datetime:
    instant = utc_instant(value, name)
    if instant.year > LAST_YEAR:
        raise invalid(name, f"{instant:%Y-%m-%d} is after the year {LAST_YEAR}")
    return instant


def _choice_problems(name: str, value: object, choices: object) -> Iterator[FieldProblem]:
    allowed = get_args(choices)
    if value is not None and value not in allowed:
        yield FieldProblem(name, f"{value!r:.40} is not one of {', '.join(allowed)}")


def _whole_number_problems(
    name: str, value: object, most: int, least: int = 0
) -> Iterator[FieldProblem]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield FieldProblem(name, f"is a {type(value).__name__}, not a whole number")
    elif not least <= value <= most:
        yield FieldProblem(name, f"{value} is not in {least}-{most}")


def _date_problems(name: str, value: object) -> Iterator[FieldProblem]:
    if value is None:
        return
    if not isinstance(value, date) or isinstance(value, datetime):
        yield FieldProblem(name, f"is a {type(value).__name__}, not a date")
    elif not FIRST_YEAR <= value.year <= LAST_YEAR:
        yield FieldProblem(name, f"{value} is not in the years {FIRST_YEAR}-{LAST_YEAR}")
