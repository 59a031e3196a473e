"""What a handler returned, or a program wrote, as plain JSON of bounded size.

A result that is too large is not kept, but the run has done its work, and is not failed, let alone
tried again, for that: in place of the result stands `{"$truncated": {"bytes": 2097152, "limit":
1048576, "head": "[1, 2, ..."}}`. `bytes` is null where it would take too long to count them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import orjson

from callboard.domain.json import MAX_DEPTH, Json, check_json
from callboard.domain.run import RunError
from callboard.errors import InvalidInput
from callboard.runners.text import to_storable

MAX_RESULT_BYTES: Final = 1_048_576
HEAD_CHARACTERS: Final = 1_024
"""Of a result that is too large, so much is kept."""
MOST_LOOKED_AT: Final = 1_000
TRUNCATED: Final = "$truncated"


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
        BadResult: with an error of type ResultNotJson.
    """
    if value is None:
        return None
    if _is_surely_too_large(value):
        if _is_too_deep(value):
            message = f"it is nested deeper than {MAX_DEPTH} levels, or contains itself"
            raise BadResult(RunError(type="ResultNotJson", message=message))
        return _truncated(None, _beginning(value))
    try:
        check_json(value, "result")
    except InvalidInput as error:
        raise BadResult(RunError(type="ResultNotJson", message=str(error))) from None
    plain = to_plain(value)
    size = len(orjson.dumps(plain))
    return plain if size <= MAX_RESULT_BYTES else _truncated(size, _beginning(plain))


def too_large(size: int, beginning: bytes) -> Json:
    """What stands in place of a JSON text of `size` bytes that begins so."""
    return _truncated(size, to_storable(beginning.decode(errors="replace")[:HEAD_CHARACTERS]))


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


def _is_too_deep(value: object) -> bool:
    """Whether one of the first places looked at is nested too deeply."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    for _ in range(MOST_LOOKED_AT):
        if not waiting:
            return False
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return True
        inner = item.values() if isinstance(item, Mapping) else item
        if isinstance(item, Mapping | list | tuple):
            waiting += [(each, depth + 1) for each in islice(inner, MOST_LOOKED_AT)]
    return False


def _truncated(size: int | None, head: str) -> Json:
    return {TRUNCATED: {"bytes": size, "limit": MAX_RESULT_BYTES, "head": head}}


def _beginning(value: object) -> str:
    """The first characters of its JSON text, at a cost that does not depend on its size."""
    text = "".join(_pieces(value, HEAD_CHARACTERS, MAX_DEPTH))
    return to_storable(text[:HEAD_CHARACTERS])


def _pieces(value: object, room: int, depth: int) -> Iterator[str]:
    """Parts of its JSON text, about as many as there is room for."""
    match value:
        case Mapping() if depth:
            yield from _joined("{}", map(_pair, value.items()), room, depth)
        case list() | tuple() if depth:
            yield from _joined("[]", ((None, item) for item in value), room, depth)
        case str():
            yield json.dumps(value[:room], ensure_ascii=False)
        case None | bool() | int() | float():
            yield json.dumps(value)
        case _:
            yield f"({type(value).__name__})"


def _joined(
    brackets: str, items: Iterator[tuple[str | None, object]], room: int, depth: int
) -> Iterator[str]:
    yield brackets[0]
    separator = ""
    for name, item in items:
        start = separator if name is None else f"{separator}{json.dumps(name[:room])}: "
        yield start
        room -= len(start)
        for piece in _pieces(item, room, depth - 1):
            yield piece
            room -= len(piece)
        if room <= 0:
            return
        separator = ", "
    yield brackets[1]


def _pair(pair: tuple[object, object]) -> tuple[str, object]:
    name, item = pair
    return (name if isinstance(name, str) else type(name).__name__), item
