"""JSON values as the text of jsonb columns.

Statements take text and cast it, and cast to text what they return: that works the same on our
connections and on a host's, whatever codec the host has set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from callboard.errors import StoreError


def to_json(value: object) -> str:
    """The text of a JSON value."""
    try:
        return orjson.dumps(value, default=_plain).decode()
    except TypeError as error:
        raise StoreError(f"a value cannot be stored as JSON: {error}") from error


def to_json_or_none(value: object) -> str | None:
    """The text of a JSON value; None, which is SQL's null, for None."""
    return None if value is None else to_json(value)


def from_json(text: str) -> Any:
    """The value of a text that the database gave."""
    return orjson.loads(text)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")
