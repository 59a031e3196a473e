"""Reading the fields of a calendar's definition: zones, dates, times of day, lists of ranges."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Final, TypeGuard, TypeVar

from callboard.domain.zone import zone
from callboard.errors import FieldProblem, InvalidInput, invalid

MAX_ENTRIES: Final = 10_000
"""Of the list of a calendar."""
_T = TypeVar("_T")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_FIX: Final = "write it like 2026-12-24"


def zoned(
    body: Mapping[str, object], field: str, read: Callable[[Mapping[str, object]], _T]
) -> tuple[str, _T]:
    """The zone of a definition that has one, and what `read` makes of its other field.

    Raises:
        InvalidInput: everything that is wrong, by field.
    """
    problems = [*unknown_fields(body, ("zone", field))]
    found: list[_T] = []
    zone_of_body = ""
    try:
        zone_of_body = zone_name(body)
    except InvalidInput as error:
        problems += error.problems
    try:
        found.append(read(body))
    except InvalidInput as error:
        problems += error.problems
    if problems:
        raise InvalidInput(*problems)
    return zone_of_body, found[0]


def unknown_fields(body: Mapping[str, object], allowed: Collection[str]) -> Iterator[FieldProblem]:
    """A problem for each field that the kind does not have."""
    for name in body:
        if name != "kind" and name not in allowed:
            reason = f"calendars of kind {body['kind']} have no such field"
            yield FieldProblem(str(name)[:80], reason, f"they have {', '.join(allowed)}")


def zone_name(body: Mapping[str, object]) -> str:
    """The zone of a definition; UTC where it names none.

    Raises:
        InvalidInput: on `zone`.
    """
    name = body.get("zone")
    if name is None:
        return "UTC"
    if not isinstance(name, str):
        raise invalid("zone", f"is a {type(name).__name__}, not a string")
    zone(name)
    return name


def local_date(value: object, field: str) -> date:
    """Raises InvalidInput on `field` for what is not a date like 2026-12-24."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise invalid(field, f"{value!r:.40} is not a date", _DATE_FIX)
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise invalid(field, f"{value!r} is not a date: {error}", _DATE_FIX) from None


def listed(
    body: Mapping[str, object], field: str, read: Callable[[object, str], _T]
) -> tuple[_T, ...]:
    """What the entries of a list mean, at least one.

    Raises:
        InvalidInput: on the field, or with every problem of its entries.
    """
    value = body.get(field)
    if value is None:
        raise invalid(field, "is missing")
    if not is_list(value):
        raise invalid(field, f"is a {type(value).__name__}, not a list")
    if not 1 <= len(value) <= MAX_ENTRIES:
        raise invalid(field, f"has {len(value)} entries, not 1 to {MAX_ENTRIES}")
    return all_read(value, field, read)


def all_read(
    values: Sequence[object], field: str, read: Callable[[object, str], _T]
) -> tuple[_T, ...]:
    """What the values mean; `read` gets each with its path.

    Raises:
        InvalidInput: with every problem of the values.
    """
    found: list[_T] = []
    problems: list[FieldProblem] = []
    for index, value in enumerate(values):
        try:
            found.append(read(value, f"{field}[{index}]"))
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(*problems[:100])
    return tuple(found)


def pair(value: object, field: str, example: str) -> tuple[object, object]:
    """The two ends of a range. Raises InvalidInput on `field`."""
    if is_list(value) and len(value) == 2:
        return value[0], value[1]
    raise invalid(field, f"{value!r:.60} is not a range of two values", f"write it like {example}")


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple)
