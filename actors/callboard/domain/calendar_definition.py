"""Definitions of calendars: from JSON to what they cover, by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from callboard.domain.calendar_annual import annual_coverage
from callboard.domain.calendar_coverage import Coverage
from callboard.domain.calendar_dates import dates_coverage
from callboard.domain.calendar_ical import ical_coverage
from callboard.domain.calendar_ranges import ranges_coverage
from callboard.domain.calendar_weekly import weekly_coverage
from callboard.domain.json import JsonObject, check_json
from callboard.errors import FieldProblem, InvalidInput

KINDS: Final[Mapping[str, Callable[[Mapping[str, object]], Coverage]]] = {
    "weekly": weekly_coverage,
    "dates": dates_coverage,
    "annual": annual_coverage,
    "ical": ical_coverage,
    "ranges": ranges_coverage,
}
"""By kind, what reads its definitions. Each raises InvalidInput with every problem, by field."""


def check_definition(definition: object) -> list[FieldProblem]:
    """What is wrong with a definition, by field; empty when nothing is."""
    if not isinstance(definition, Mapping):
        reason = f"is a {type(definition).__name__}, not an object"
        return [FieldProblem("", reason, 'write {"kind": "dates", "dates": ["2026-12-24"]}')]
    kind = definition.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        reason = "is missing" if kind is None else f"{kind!r:.40} is not a kind of calendar"
        return [FieldProblem("kind", reason, f"use one of {', '.join(KINDS)}")]
    try:
        check_json(definition, "")
        coverage_of(definition)
    except InvalidInput as error:
        return list(error.problems)
    return []


def coverage_of(definition: JsonObject) -> Coverage:
    """What a definition that was checked covers; the same object for equal definitions.

    Raises:
        InvalidInput: when its zone is gone.
    """
    return _coverage_of(orjson.dumps(definition, option=orjson.OPT_SORT_KEYS, default=_plain))


@lru_cache(maxsize=512)
def _coverage_of(text: bytes) -> Coverage:
    body = orjson.loads(text)
    return KINDS[body["kind"]](body)


def _plain(value: object) -> Any:
    """Mappings that are not dicts, as orjson wants them."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
