"""What a handler returned, as plain JSON of bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson

from callboard.domain.json import Json, check_json
from callboard.domain.run import RunError
from callboard.errors import InvalidInput

MAX_RESULT_BYTES: Final = 1_048_576


class BadResult(Exception):
    """The value cannot be kept; `error` says what is wrong with it, and where."""

    def __init__(self, error: RunError) -> None:
        self.error = error
        super().__init__(error.message)


def to_result(value: object) -> Json:
    """A copy of `value` that nobody else can change, of plain dicts, lists and scalars.

    Only JSON goes: None, bool, int of 64 bits, finite float, str, list, tuple (kept as a list) and
    mappings with string keys. Dataclasses, datetimes, sets and bytes are for the handler to
    convert: it knows what the reader expects.

    Raises:
        BadResult: with an error of type ResultNotJson or ResultTooLarge.
    """
    if value is None:
        return None
    if _is_surely_too_large(value):
        raise _too_large(f"more than {MAX_RESULT_BYTES} bytes")
    try:
        check_json(value, "result")
    except InvalidInput as error:
        raise BadResult(RunError(type="ResultNotJson", message=str(error))) from None
    plain = to_plain(value)
    size = len(orjson.dumps(plain))
    if size > MAX_RESULT_BYTES:
        raise _too_large(f"{size} bytes")
    return plain


def to_plain(value: object) -> Json:
    """A deep copy of checked JSON, made of plain dicts, lists and scalars, no subclass of them."""
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            return int.__int__(value)
        case float():
            return float.__float__(value)
        case Mapping():
            return {str.__str__(key): to_plain(item) for key, item in value.items()}
        case list() | tuple():
            return [to_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} is not JSON")


def _is_surely_too_large(value: object) -> bool:
    """Whether a lower bound of the encoded size exceeds the limit.

    Stops there: a result of a gigabyte costs no more time than one of the limit.
    """
    budget = MAX_RESULT_BYTES
    waiting: list[object] = [value]
    while waiting and budget >= 0:
        item = waiting.pop()
        if isinstance(item, str):
            budget -= len(item)
        elif isinstance(item, Mapping):
            budget -= 4 * len(item)
            if budget >= 0:
                waiting.extend(item.keys())
                waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            budget -= 2 * len(item)
            if budget >= 0:
                waiting.extend(item)
    return budget < 0


def _too_large(size: str) -> BadResult:
    message = (
        f"the result is {size}, the limit is {MAX_RESULT_BYTES}: store it elsewhere, return where"
    )
    return BadResult(RunError(type="ResultTooLarge", message=message))
