"""What a cron text means once it is read: masks for the walker, or something else."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final, TypeAlias

from callboard.domain.aws_text import Once, Rate
from callboard.domain.cron_day import DayMasks
from callboard.domain.cron_hash import HASH
from callboard.domain.dialect import DIALECTS, FieldSpec

FIRST_YEAR: Final = 1970
_LENGTHS: Final = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CYCLE: Final = range(FIRST_YEAR, FIRST_YEAR + 28)
"""Years in which every kind of month occurs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CronFields:
    """A cron text that was understood; it matches at least one day of some year."""

    dialect: str
    texts: tuple[str, ...]
    """The fields as written (macros expanded), in the dialect's order."""
    seconds: int = 1
    """Mask: bit n for second n."""
    minutes: int
    """Mask: bit n for minute n."""
    hours: int
    months: int
    """Mask: bit 1 for January."""
    years: int | None = None
    """Mask: bit n for 1970 + n; None: every year."""
    day_masks: DayMasks
    """Days of a month that match (bit 1 for the 1st): [length - 28][weekday of the 1st, Sunday
    first]."""
    needs_both_days: bool
    """Whether a day has to match both day fields. Vixie: one of them begins with `*` or is `?`.
    The other dialects: always (in quartz and aws one of them is `?`, which every day matches)."""

    first_second: int = field(init=False, repr=False, compare=False)
    """The first matching second of a day."""

    def __post_init__(self) -> None:
        hour, minute, second = (
            (mask & -mask).bit_length() - 1 for mask in (self.hours, self.minutes, self.seconds)
        )
        object.__setattr__(self, "first_second", hour * 3600 + minute * 60 + second)

    @property
    def is_wildcard(self) -> bool:
        """Whether it follows elapsed time across clock changes: the second, minute or hour field
        begins with `*`. The same rule in every dialect: `0/30` does not begin with it."""
        return any(self.text(name).startswith("*") for name in ("second", "minute", "hour"))

    @property
    def uses_hash(self) -> bool:
        """Whether it has an `H`, so that its slots depend on the hash key."""
        return any(
            "H" in spec.specials and any(HASH.match(item) for item in text.split(","))
            for spec, text in self.by_spec()
        )

    def text(self, name: str) -> str:
        """The text of a field by its name (`day of month`); empty where there is none."""
        return next((text for spec, text in self.by_spec() if spec.name == name), "")

    def by_spec(self) -> Iterator[tuple[FieldSpec, str]]:
        """The fields that are written, with what the dialect says of them."""
        return zip(DIALECTS[self.dialect].fields, self.texts, strict=False)


@dataclass(frozen=True, slots=True)
class Reboot:
    """`@reboot`: one slot at the activation."""


CronMeaning: TypeAlias = CronFields | Rate | Once | Reboot


def fires(fields: CronFields) -> bool:
    """Whether some day of some year matches."""
    if fields.years is None:
        years = _CYCLE
    else:
        years = range(FIRST_YEAR, FIRST_YEAR + fields.years.bit_length())
    return any(
        fields.day_masks[month_length(year, month) - 28][first_weekday(year, month)]
        for year in years
        if fields.years is None or fields.years >> year - FIRST_YEAR & 1
        for month in range(1, 13)
        if fields.months >> month & 1
    )


def month_length(year: int, month: int) -> int:
    return _LENGTHS[month] + (month == 2 and isleap(year))


def first_weekday(year: int, month: int) -> int:
    """The weekday of the 1st; 0 is Sunday."""
    return date(year, month, 1).isoweekday() % 7
