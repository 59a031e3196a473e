"""Cron text of every dialect, read into masks that the walker steps through.

What all dialects have in common: fields between blanks; lists, ranges, steps and `a/n`; names of
three letters in any case. What each has of its own is data, in dialect.py.

Source: crontab(5) and cronie's entry.c for vixie (C01, C03).
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Final

from callboard.domain.aws_text import Once, read_at, read_call, read_rate
from callboard.domain.cron_day import DayField, day_masks, needs_both, parse_days
from callboard.domain.cron_fault import CronFault, CronTextError, text_fault
from callboard.domain.cron_field import parse_field
from callboard.domain.cron_meaning import FIRST_YEAR, CronFields, CronMeaning, Reboot, fires
from callboard.domain.cron_refusal import (
    Words,
    blank_faults,
    field_list,
    like,
    never_fires,
    wrong_count,
)
from callboard.domain.dialect import DIALECTS, VIXIE, Dialect
from callboard.errors import FieldProblem, InvalidInput, invalid

__all__ = [
    "FIRST_YEAR",
    "MAX_LENGTH",
    "CronFields",
    "CronMeaning",
    "Reboot",
    "parse_cron",
    "parse_vixie",
    "read_cron",
]

MAX_LENGTH: Final = 1000
"""Characters; a text that lists every single value has fewer."""
_WORD: Final = re.compile(r"[^ \t]+")


def parse_cron(expression: str, dialect: str = "vixie", hash_key: str = "") -> CronFields:
    """The fields of a cron text; those of `at(...)` match that one wall time.

    Args:
        hash_key: what `H` is hashed with.
    Raises:
        InvalidInput: on `expression` (column, field, reason; one problem a bad field; also for a
            `rate(...)` and `@reboot`, which have no fields: see `read_cron`) or `dialect`.
    """
    meaning = read_cron(expression, dialect, hash_key)
    if isinstance(meaning, Once):
        return _fields_of(meaning)
    if isinstance(meaning, CronFields):
        return meaning
    raise invalid("expression", f"{expression[:40]!r} has no fields")


def read_cron(expression: str, dialect: str = "vixie", hash_key: str = "") -> CronMeaning:
    """What a cron text means.

    Raises:
        InvalidInput: on `expression` (column, field, reason; one problem a bad field) or `dialect`.
    """
    known = DIALECTS.get(dialect)
    if known is None:
        raise invalid("dialect", f"{dialect!r:.40} is not a dialect", f"use {', '.join(DIALECTS)}")
    try:
        return _read(expression, known.name, hash_key)
    except CronTextError as error:
        problems = (FieldProblem("expression", str(each), each.fix) for each in error.faults)
        raise InvalidInput(*problems) from None


def parse_vixie(text: str) -> CronMeaning:
    """What a text in the vixie dialect means: fields, or `@reboot`.

    Raises:
        CronTextError: with the columns of everything that is wrong.
    """
    return _read(text, VIXIE.name, "")


@lru_cache(maxsize=4096)
def _read(text: str, dialect_name: str, hash_key: str) -> CronMeaning:
    dialect = DIALECTS[dialect_name]
    if len(text) > MAX_LENGTH:
        raise text_fault(MAX_LENGTH + 1, f"has {len(text)} characters, more than {MAX_LENGTH}")
    words = _words(text, 1)
    if not words:
        raise text_fault(1, "is empty", f"{like(dialect)}: {field_list(dialect)}")
    if words[0][0].startswith("@"):
        return _read_macro(words, dialect)
    if dialect.name != "aws":
        return _read_fields(words, dialect, hash_key)
    call = read_call(text)
    match call.word:
        case "rate":
            return read_rate(call)
        case "at":
            return read_at(call)
    return _read_fields(_words(call.body, call.column), dialect, hash_key, call.column)


def _words(text: str, column: int) -> Words:
    return [(match.group(), match.start() + column) for match in _WORD.finditer(text)]


def _read_macro(words: Words, dialect: Dialect) -> CronMeaning:
    macro, column = words[0]
    if len(words) > 1:
        raise text_fault(words[1][1], f"nothing may follow {macro[:24]}")
    word = macro.lower()
    if word == "@reboot" and dialect is VIXIE:
        return Reboot()
    if word in dialect.macros:
        return _read(dialect.macros[word], dialect.name, "")
    if word.startswith("@every"):
        raise text_fault(column, f"{macro[:24]!a} is not a macro", "use an interval schedule")
    fix = f"use one of {', '.join(dialect.macros)}" if dialect.macros else like(dialect)
    raise text_fault(column, f"{macro[:24]!a} is not a macro of the {dialect.name} dialect", fix)


def _read_fields(words: Words, dialect: Dialect, hash_key: str, column: int = 1) -> CronFields:
    most = len(dialect.fields)
    if not most - dialect.optional <= len(words) <= most:
        raise wrong_count(words, column, dialect)
    masks: dict[str, int] = {}
    days: dict[str, DayField] = {}
    faults: list[CronFault] = []
    for (word, at), spec in zip(words, dialect.fields, strict=False):
        try:
            if spec.name.startswith("day"):
                days[spec.name] = parse_days(word, spec, at, hash_key)
            else:
                masks[spec.name] = parse_field(word, spec, at, hash_key)
        except CronTextError as error:
            faults.extend(error.faults)
    if len(days) == 2:
        faults += blank_faults(days, words, dialect)
    if faults:
        raise CronTextError(*sorted(faults, key=lambda fault: fault.column))
    return _fields(words, dialect, masks, days)


def _fields(
    words: Words,
    dialect: Dialect,
    masks: dict[str, int],
    days: dict[str, DayField],
) -> CronFields:
    of_month, of_week = days["day of month"], days["day of week"]
    both = needs_both(dialect.days, of_month.is_open, of_week.is_open)
    fields = CronFields(
        dialect=dialect.name,
        texts=tuple(word for word, _ in words),
        seconds=masks.get("second", 1),
        minutes=masks["minute"],
        hours=masks["hour"],
        months=masks["month"],
        years=masks.get("year"),
        day_masks=day_masks(of_month, of_week, both=both),
        needs_both_days=both,
    )
    if fields.text("year") == "*":
        fields = replace(fields, years=None)
    if not fires(fields):
        raise never_fires(fields, words)
    return fields


def _fields_of(once: Once) -> CronFields:
    """The fields that match one wall time."""
    local = once.local
    numbers = (local.minute, local.hour, local.day, local.month)
    days = DayField(values=1 << local.day)
    anyday = DayField(values=(1 << 7) - 1, is_blank=True, is_open=True)
    return CronFields(
        dialect="aws",
        texts=(*map(str, numbers), "?", str(local.year)),
        seconds=1 << local.second,
        minutes=1 << local.minute,
        hours=1 << local.hour,
        months=1 << local.month,
        years=1 << local.year - FIRST_YEAR,
        day_masks=day_masks(days, anyday, both=True),
        needs_both_days=True,
    )
