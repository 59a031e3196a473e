"""Calendars of kind `ranges`: stretches of time between instants, such as blackouts.

    {"kind": "ranges", "ranges": [["2026-12-20T18:00:00Z", "2027-01-04T06:00:00+01:00"]]}

The end of a range is exclusive: a blackout ends by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from callboard.domain.calendar_coverage import Coverage, Span, SpanCoverage
from callboard.domain.calendar_field import listed, pair, unknown_fields
from callboard.domain.instant import instant_from_text
from callboard.errors import InvalidInput, invalid

_EXAMPLE: Final = '["2026-12-20T18:00:00Z", "2027-01-04T06:00:00Z"]'


def ranges_coverage(body: Mapping[str, object]) -> Coverage:
    """What a definition covers.

    Raises:
        InvalidInput: everything that is wrong, by field (`ranges[3][0]` ...).
    """
    problems = [*unknown_fields(body, ("ranges",))]
    try:
        found = listed(body, "ranges", _range)
    except InvalidInput as error:
        raise InvalidInput(*problems, *error.problems) from None
    if problems:
        raise InvalidInput(*problems)
    return SpanCoverage(found)


def _range(value: object, field: str) -> Span:
    first, last = pair(value, field, _EXAMPLE)
    start = instant_from_text(first, f"{field}[0]")
    end = instant_from_text(last, f"{field}[1]")
    if end <= start:
        raise invalid(field, f"{last} is not later than {first}", "write the earlier one first")
    return start, end
