"""JSON text of requests and answers: what is accepted, and how it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson


class MalformedJson(Exception):
    """The text is not JSON as RFC 8259 has it, or not what everybody reads alike."""


def parse_json(data: bytes) -> Any:
    """The value of a JSON text.

    Integers stay exact. Refused: what is not UTF-8, NaN and infinities, halves of surrogate
    pairs, more than 1000 levels, objects that name a key twice (readers differ in which counts).

    Raises:
        MalformedJson: with line and column where they are known.
    """
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(_reason(data, error)) from None
    try:
        return json.loads(data, object_pairs_hook=_object_of)
    except RecursionError:
        raise MalformedJson("it is nested too deeply") from None
    except ValueError as error:
        raise MalformedJson(str(error)) from None


def encode_json(value: object) -> bytes:
    """Compact UTF-8 JSON; instants in UTC end in `Z`."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        # Text from a run may hold what UTF-8 has no form for.
        built = msgspec.to_builtins(value, enc_hook=_plain)
        return json.dumps(built, separators=(",", ":")).encode()


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"an object names the key {twice[:80]!r} twice")
    return found


def _reason(data: bytes, error: orjson.JSONDecodeError) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "it is UTF-16; send UTF-8"
    if not data.strip():
        return "the body is empty"
    return str(error)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain)
