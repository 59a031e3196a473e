"""The structured fields of a log record, as JSON of bounded size."""

from __future__ import annotations

import logging
import math
from typing import Any, Final

import orjson

from callboard.domain.json import Json, JsonObject
from callboard.runners.text import to_storable

MAX_FIELDS: Final = 50
MAX_FIELDS_BYTES: Final = 8_192
MAX_TEXT: Final = 2_000
"""Characters of one text."""
MAX_DEPTH: Final = 4
LEFT_OUT: Final = "..."
"""Name of the field that says how many others were left out."""
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_MAX_INT: Final = 2**63


def fields_of(record: logging.LogRecord) -> JsonObject | None:
    """What came with the record as `extra`; None: nothing."""
    given = record.__dict__
    names = [name for name in given if name not in _OWN]
    return bounded_fields({name: given[name] for name in names}) if names else None


def bounded_fields(given: dict[str, Any]) -> JsonObject:
    """The fields as plain JSON, as many of them as have room; what is not JSON by its `str`."""
    kept: dict[str, Json] = {}
    room = MAX_FIELDS_BYTES
    for count, (name, value) in enumerate(given.items()):
        key, plain = _text(str(name)), _plain(value, 0)
        room -= len(key) + len(orjson.dumps(plain))
        if room < 0 or count >= MAX_FIELDS:
            kept[LEFT_OUT] = f"{len(given) - count} fields left out"
            break
        kept[key] = plain
    return kept


def _plain(value: Any, depth: int) -> Json:
    match value:
        case None | bool():
            return value
        case str():
            return _text(str.__str__(value))
        case int() if -_MAX_INT <= value < _MAX_INT:
            return int.__int__(value)
        case float() if math.isfinite(value):
            return float.__float__(value)
        case dict() if depth < MAX_DEPTH and len(value) <= MAX_FIELDS:
            return {_text(str(name)): _plain(item, depth + 1) for name, item in value.items()}
        case list() | tuple() if depth < MAX_DEPTH and len(value) <= MAX_FIELDS:
            return [_plain(item, depth + 1) for item in value]
    return _shown(value)


def _shown(value: Any) -> str:
    try:
        return _text(str(value))
    except Exception as error:  # noqa: BLE001 - __str__ is the user's code
        return f"({type(value).__name__} that cannot be shown: {type(error).__name__})"


def _text(text: str) -> str:
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + LEFT_OUT
    return to_storable(text)
