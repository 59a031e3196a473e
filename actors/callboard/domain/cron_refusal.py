"""Why a whole cron text is refused: too few fields, day fields that contradict, no day ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from callboard.domain.cron_day import DayField
from callboard.domain.cron_fault import CronFault, CronTextError, text_fault
from callboard.domain.cron_meaning import CronFields, fires
from callboard.domain.dialect import DIALECTS, VIXIE, Dialect

Words: TypeAlias = list[tuple[str, int]]
"""The fields of a text with their columns."""
_COUNTS: Final = {5: "five", 6: "six", 7: "seven"}


def never_fires(fields: CronFields, words: Words) -> CronTextError:
    specs = DIALECTS[fields.dialect].fields
    at = {spec.name: column for spec, (_, column) in zip(specs, words, strict=False)}
    month, day, weekday = map(fields.text, ("month", "day of month", "day of week"))
    if fields.years is not None and fires(replace(fields, years=None)):
        name, reason = "year", f"no year of {fields.text('year')!r} has such a day"
    elif weekday in ("*", "?"):
        name, reason = "day of month", f"no month of {month!r} has a day {day!r}"
    elif day in ("*", "?"):
        name, reason = "day of week", f"no month of {month!r} has a {weekday!r}"
    else:
        name, reason = (
            "day of month",
            f"no month of {month!r} has a day {day!r} that is {weekday!r}",
        )
    fault = CronFault(column=at[name], field=name, reason=f"never fires: {reason}")
    return CronTextError(fault)


def blank_faults(days: dict[str, DayField], words: Words, dialect: Dialect) -> Iterator[CronFault]:
    """What quartz and aws ask of the two day fields (C02)."""
    blanks = sum(each.is_blank for each in days.values())
    if dialect.days != "one_blank" or blanks == 1:
        return
    index = next(n for n, spec in enumerate(dialect.fields) if spec.name == "day of week")
    how_many = "both are" if blanks else "neither is"
    yield CronFault(
        column=words[index][1],
        field="day of week",
        reason=f"exactly one of day of month and day of week has to be ?, and {how_many}",
        fix=f"write ? in the field that does not matter: {dialect.example}",
    )


def wrong_count(words: Words, column: int, dialect: Dialect) -> CronTextError:
    count, most = len(words), len(dialect.fields)
    if count < most:
        least = most - dialect.optional
        if words:
            column = words[-1][1] + len(words[-1][0])
        return text_fault(
            column,
            f"has {count} of the {_COUNTS[least]} fields: {field_list(dialect)}",
            like(dialect),
        )
    fields = f"{_COUNTS[most]}: {field_list(dialect)}"
    reason = f"has {count} fields, but the {dialect.name} dialect has {fields}"
    fix = "it has no seconds and no year; for less than a minute use an interval schedule"
    return text_fault(words[most][1], reason, fix if dialect is VIXIE else like(dialect))


def like(dialect: Dialect) -> str:
    return f"write it like {dialect.example}"


def field_list(dialect: Dialect) -> str:
    names = [spec.name.replace(" ", "-") for spec in dialect.fields]
    least = len(names) - dialect.optional
    return " ".join([*names[:least], *(f"[{name}]" for name in names[least:])])
