"""The two day fields of a cron text: which days of a month match, by its length and its first day.

Source: crontab(5) for how vixie combines the fields; Quartz' CronExpression for L, W and #.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from callboard.domain.cron_field import FieldReader, item_mask
from callboard.domain.dialect import DayFields, FieldSpec

DayMasks: TypeAlias = tuple[tuple[int, ...], ...]
"""[length - 28][weekday of the 1st, Sunday first] -> mask of the days that match (bit 1: 1st)"""
DayRule: TypeAlias = Callable[[int, int], int]
"""(length, weekday of the 1st) -> the day it picks in such a month; 0 for none"""

LENGTHS: Final = (28, 29, 30, 31)
_SATURDAY: Final = 6
_DAYS_OF_WEEKDAY: Final = tuple(
    tuple(sum(1 << day for day in range(1, 32) if (first + day - 1) % 7 == on) for on in range(7))
    for first in range(7)
)
"""[weekday of the 1st][weekday] -> mask of its days"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayField:
    """One of the two day fields."""

    values: int
    """Mask of days or of weekdays (Sunday: bit 0)."""
    rules: tuple[DayRule, ...] = ()
    is_blank: bool = False
    """Whether it is `?`; then `values` are all."""
    is_open: bool = False
    """Whether it begins with `*` or is `?`."""

    def days_of_month(self, length: int, first: int) -> int:
        return self.values | self._picked(length, first)

    def days_of_week(self, length: int, first: int) -> int:
        days = _DAYS_OF_WEEKDAY[first]
        plain = sum(days[weekday] for weekday in range(7) if self.values >> weekday & 1)
        return plain | self._picked(length, first)

    def _picked(self, length: int, first: int) -> int:
        picked = 0
        for rule in self.rules:
            picked |= 1 << rule(length, first)
        return picked & ~1


def parse_days(text: str, spec: FieldSpec, column: int, hash_key: str = "") -> DayField:
    """One of the day fields, special words and all.

    Raises:
        CronTextError: with one fault, the first.
    """
    if text == "?" and "?" in spec.specials:
        return DayField(values=spec.all_values, is_blank=True, is_open=True)
    items = list(FieldReader(text, spec, column, hash_key).items())
    values, rules = 0, []
    for item in items:
        special = _special(item)
        if special is None:
            values |= item_mask(item)
            continue
        word, found = special
        if len(items) > 1 and word in spec.alone:
            reason = f"{item.shown}: {word} has to be the whole field in this dialect"
            raise item.fault(reason, "leave out the rest of the list")
        if isinstance(found, int):
            values |= found
        else:
            rules.append(found)
    return DayField(values=values, rules=tuple(rules), is_open=text.startswith("*"))


def day_masks(days: DayField, weekdays: DayField, *, both: bool) -> DayMasks:
    """The days that match, for every kind of month."""
    return tuple(
        tuple(_day_mask(days, weekdays, length, first, both=both) for first in range(7))
        for length in LENGTHS
    )


def needs_both(combine: DayFields, days_open: bool, weekdays_open: bool) -> bool:
    """Whether a day has to match both fields; with a `?` that is what the other one says."""
    return combine != "star" or days_open or weekdays_open


def _day_mask(days: DayField, weekdays: DayField, length: int, first: int, *, both: bool) -> int:
    of_month, of_week = days.days_of_month(length, first), weekdays.days_of_week(length, first)
    return (of_month & of_week if both else of_month | of_week) & (2 << length) - 2


def _special(item: FieldReader) -> tuple[str, DayRule | int] | None:
    """A special word and what it means, a rule or plain values; None for an item that is none."""
    for word, pattern, read in _WEEKDAY_WORDS if item.spec.names else _DAY_WORDS:
        found = pattern.fullmatch(item.text)
        if found is None:
            continue
        if word not in item.spec.specials:
            raise item.fault(*_not_here(item, word))
        return word, read([item.part(*found.span(n + 1)) for n in range(len(found.groups()))])
    return None


def _not_here(item: FieldReader, word: str) -> tuple[str, str]:
    if word == "L":
        return "L alone does not say of which weekday", "write 6 for Saturdays, 6L for the last one"
    words = ", ".join(sorted(item.spec.specials))
    return f"{item.shown}: {word} is not part of this dialect", f"this field may have {words}"


def _weekday(reader: FieldReader) -> int:
    return (reader.value() - reader.spec.origin) % 7


def _back(reader: FieldReader) -> int:
    back = reader.number()
    if not 1 <= back <= 30:
        raise reader.fault(f"{reader.shown} is not in 1-30")
    return back


def _from_end(back: int) -> DayRule:
    return lambda length, first: max(length - back, 0)


def _nearest_from_end(back: int) -> DayRule:
    return lambda length, first: _nearest(length - back, length, first)


def _nearest_to(day: int) -> DayRule:
    return lambda length, first: _nearest(day, length, first)


def _nearest(day: int, length: int, first: int) -> int:
    """The day from Monday to Friday that is nearest to a day, within its month (C07, C08)."""
    if not 1 <= day <= length:
        return 0
    weekday = (first + day - 1) % 7
    if weekday == _SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day


def _last_of(weekday: int) -> DayRule:
    return lambda length, first: length - (first + length - 1 - weekday) % 7


def _nth(weekday: int, number: FieldReader) -> DayRule:
    nth = number.number()
    if not 1 <= nth <= 5:
        raise number.fault(f"{number.shown} is not in 1-5", "a month has at most five of a weekday")

    def pick(length: int, first: int) -> int:
        day = (weekday - first) % 7 + 7 * nth - 6
        return day if day <= length else 0

    return pick


_Read: TypeAlias = Callable[[list[FieldReader]], DayRule | int]
_Words: TypeAlias = tuple[tuple[str, re.Pattern[str], _Read], ...]


def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII | re.DOTALL)


_DAY_WORDS: Final[_Words] = (
    ("L", _form(r"L"), lambda parts: _from_end(0)),
    ("L-n", _form(r"L-(\d+)"), lambda parts: _from_end(_back(parts[0]))),
    ("LW", _form(r"LW"), lambda parts: _nearest_from_end(0)),
    ("L-nW", _form(r"L-(\d+)W"), lambda parts: _nearest_from_end(_back(parts[0]))),
    ("nW", _form(r"(\d+)W"), lambda parts: _nearest_to(parts[0].value())),
)
_WEEKDAY_WORDS: Final[_Words] = (
    ("L", _form(r"L"), lambda parts: 1 << _SATURDAY),
    ("#", _form(r"(.*)#(.*)"), lambda parts: _nth(_weekday(parts[0]), parts[1])),
    ("nL", _form(r"(\w+)L"), lambda parts: _last_of(_weekday(parts[0]))),
    ("Ln", _form(r"L(\w+)"), lambda parts: _last_of(_weekday(parts[0]))),
)
"""The special words: their form, and what the pieces of it mean."""
