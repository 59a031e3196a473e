"""Cron text: the vixie dialect, read into masks that the walker steps through.

Five fields (minute, hour, day of month, month, day of week) or a macro. Lists, ranges, steps and
`a/n`; ranges that wrap round (`22-2`, `fri-mon`); names of three letters in any case; 0 and 7 are
both Sunday.

Source: crontab(5) and cronie's entry.c for what matches: a day has to match *either* of the two day
fields, unless one of them begins with `*`, then both (C01, C03).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from callboard.domain.cron_field import (
    DAY,
    FIELDS,
    CronFault,
    CronTextError,
    parse_field,
)
from callboard.errors import FieldProblem, InvalidInput, invalid

MAX_LENGTH: Final = 1000
"""Characters; a text that lists every single value has fewer."""
DIALECTS: Final = ("vixie",)
MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_WORD: Final = re.compile(r"[^ \t]+")
_MONTH_LENGTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIELD_NAMES: Final = "minute hour day-of-month month day-of-week"


@dataclass(frozen=True, slots=True, kw_only=True)
class CronFields:
    """A cron text that was understood; it matches at least one day of some year."""

    texts: tuple[str, ...]
    """The five fields as written (macros expanded)."""
    minutes: int
    """Mask: bit n for minute n."""
    hours: int
    months: int
    """Mask: bit 1 for January."""
    day_masks: tuple[int, ...]
    """Days of a month that match (bit 1 for the 1st), by the weekday of its 1st, Sunday first."""

    @property
    def is_wildcard(self) -> bool:
        """Whether it follows elapsed time across clock changes: minute or hour begins with `*`."""
        return self.texts[0].startswith("*") or self.texts[1].startswith("*")

    @property
    def needs_both_days(self) -> bool:
        """Whether a day has to match both day fields, because one of them begins with `*`."""
        return _needs_both_days(self.texts)


def parse_cron(expression: str, dialect: str = "vixie") -> CronFields:
    """The fields of a cron text.

    Raises:
        InvalidInput: on `expression` (column, field, reason; one problem a bad field) or `dialect`.
    """
    if dialect not in DIALECTS:
        raise invalid(
            "dialect", f"{dialect!r} is not a dialect of this release", "use 'vixie', the default"
        )
    try:
        return parse_vixie(expression)
    except CronTextError as error:
        problems = (FieldProblem("expression", str(each), each.fix) for each in error.faults)
        raise InvalidInput(*problems) from None


@lru_cache(maxsize=4096)
def parse_vixie(text: str) -> CronFields:
    """The fields of a text in the vixie dialect.

    Raises:
        CronTextError: with the columns of everything that is wrong.
    """
    if len(text) > MAX_LENGTH:
        raise _fault(MAX_LENGTH + 1, f"has {len(text)} characters, more than {MAX_LENGTH}")
    words = [(match.group(), match.start() + 1) for match in _WORD.finditer(text)]
    if not words:
        raise _fault(1, "is empty", f"write five fields: {_FIELD_NAMES}")
    if words[0][0].startswith("@"):
        return parse_vixie(_macro_text(words))
    if len(words) != len(FIELDS):
        raise _wrong_count(words)
    return _read_fields(words)


def _read_fields(words: list[tuple[str, int]]) -> CronFields:
    masks: list[int] = []
    faults: list[CronFault] = []
    for (word, column), spec in zip(words, FIELDS, strict=True):
        try:
            masks.append(parse_field(word, spec, column))
        except CronTextError as error:
            faults.extend(error.faults)
    if faults:
        raise CronTextError(*faults)
    minutes, hours, days, months, weekdays = masks
    texts = tuple(word for word, _ in words)
    both = _needs_both_days(texts)
    if both and not _day_exists(days, months):
        raise _never_fires(words[2][1], texts)
    return CronFields(
        texts=texts,
        minutes=minutes,
        hours=hours,
        months=months,
        day_masks=tuple(_day_mask(first, days, weekdays, both=both) for first in range(7)),
    )


def _needs_both_days(texts: tuple[str, ...]) -> bool:
    return texts[2].startswith("*") or texts[4].startswith("*")


def _day_mask(first: int, days: int, weekdays: int, *, both: bool) -> int:
    """Matching days of a month whose 1st is the weekday `first` (0: Sunday)."""
    by_weekday = sum(1 << day for day in range(1, 32) if weekdays >> (first + day - 1) % 7 & 1)
    return days & by_weekday if both else days | by_weekday


def _day_exists(days: int, months: int) -> bool:
    earliest = (days & -days).bit_length() - 1
    longest = max(length for month, length in enumerate(_MONTH_LENGTHS, 1) if months >> month & 1)
    return earliest <= longest


def _macro_text(words: list[tuple[str, int]]) -> str:
    macro, column = words[0]
    if len(words) > 1:
        raise _fault(words[1][1], f"nothing may follow {macro[:24]}")
    text = MACROS.get(macro.lower())
    if text is not None:
        return text
    if macro.lower() == "@reboot":
        raise _fault(column, "@reboot: schedules that run on start come with a later release")
    if macro.lower().startswith("@every"):
        raise _fault(column, f"{macro[:24]!a} is not a macro", "use an interval schedule")
    raise _fault(column, f"{macro[:24]!a} is not a macro", f"use one of {', '.join(MACROS)}")


def _wrong_count(words: list[tuple[str, int]]) -> CronTextError:
    count = len(words)
    if count < len(FIELDS):
        column = words[-1][1] + len(words[-1][0])
        return _fault(column, f"has {count} of the five fields: {_FIELD_NAMES}")
    reason = f"has {count} fields, but the vixie dialect has five: {_FIELD_NAMES}"
    fix = "it has no seconds and no year; for less than a minute use an interval schedule"
    return _fault(words[5][1], reason, fix)


def _never_fires(column: int, texts: tuple[str, ...]) -> CronTextError:
    reason = f"never fires: no month of {texts[3]!r} has a day {texts[2]!r}"
    return CronTextError(CronFault(column=column, field=DAY.name, reason=reason))


def _fault(column: int, reason: str, fix: str = "") -> CronTextError:
    return CronTextError(CronFault(column=column, field="", reason=reason, fix=fix))
