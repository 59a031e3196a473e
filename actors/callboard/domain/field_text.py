"""One field of a cron text, written in the words of another dialect.

What is written here is a proposal: translate.py reads it back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from callboard.domain.cron import CronFields
from callboard.domain.cron_fault import CronTextError
from callboard.domain.cron_field import parse_field
from callboard.domain.dialect import DIALECTS, Dialect, FieldSpec

DAY: Final = "day of month"
WEEKDAY: Final = "day of week"
_SATURDAY: Final = "SAT"
"""What an L of the week means."""
_WEEKDAY_ITEM: Final = re.compile(
    r"(?P<first>\d+|[a-z]{3})(?:-(?P<last>\d+|[a-z]{3}))?(?P<rest>(?:L|[/#]\d+)?)",
    re.IGNORECASE | re.ASCII,
)
_LAST_WEEKDAY: Final = re.compile(r"L(\w+)", re.IGNORECASE | re.ASCII)
"""The way in which vixie may write `5L`, too."""


def plain_text(fields: CronFields, spec: FieldSpec) -> str:
    """A field without day rules, as it was written where the target reads that alike."""
    items = fields.text(spec.name).split(",")
    # A step of quartz may leave out where it begins.
    text = ",".join(f"{spec.low}{item}" if item.startswith("/") else item for item in items)
    mask = {
        "second": fields.seconds,
        "minute": fields.minutes,
        "hour": fields.hours,
        "month": fields.months,
        "year": fields.years,
    }[spec.name]
    if mask is None:
        return "*"
    listed = _list_text(mask, spec)
    # A * in front says something about clock changes: it stays if it can.
    written = (text, f"{items[0]},{listed}") if text.startswith("*") else (text,)
    return next((each for each in written if _reads_as(each, spec, mask)), listed)


def _reads_as(text: str, spec: FieldSpec, mask: int) -> bool:
    try:
        return parse_field(text, spec) == mask
    except CronTextError:
        return False


def _list_text(mask: int, spec: FieldSpec) -> str:
    """The values as numbers and ranges, never as `*`."""
    values = [n + spec.origin for n in range(mask.bit_length()) if mask >> n & 1]
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    items = (
        [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(value) for value in run] for run in runs
    )
    return ",".join(item for run in items for item in run)


def day_texts(fields: CronFields, target: Dialect, name: str, hash_key: str) -> Iterator[str]:
    """A day field in the target's numbers, as it was written and as a list."""
    text, spec = fields.text(name), target.spec(name)
    source = DIALECTS[fields.dialect].spec(name)
    assert spec is not None
    assert source is not None
    if text in ("*", "?"):
        yield "*"
        return
    yield text if name == DAY else _renumbered(text, source, spec)
    if name == WEEKDAY and text.upper() == "L":
        yield _SATURDAY
        return
    try:
        yield _list_text(parse_field(text, source, 1, hash_key), spec)
    except CronTextError:
        return  # it has special words


def _renumbered(text: str, source: FieldSpec, target: FieldSpec) -> str:
    return ",".join(_renumbered_item(item, source, target) for item in text.split(","))


def _renumbered_item(item: str, source: FieldSpec, target: FieldSpec) -> str:
    found = _WEEKDAY_ITEM.fullmatch(_LAST_WEEKDAY.sub(r"\1L", item))
    if found is None:
        return item
    first, last = (_renumbered_day(found[name] or "", source, target) for name in ("first", "last"))
    if last == "0" and target.sunday_too is not None:
        last = str(target.sunday_too)
    return f"{first}-{last}{found['rest']}" if last else f"{first}{found['rest']}"


def _renumbered_day(text: str, source: FieldSpec, target: FieldSpec) -> str:
    if not text.isdigit():
        return text
    return str((int(text) - source.origin) % 7 + target.origin)
