"""The part of Glue's service model that Callboard needs, compiled out of botocore's data."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, cast

from callboard_service.doors.glue.pattern import compile_pattern

API_VERSION: Final = "2017-03-31"

Kind: TypeAlias = Literal[
    "structure", "list", "map", "string", "integer", "long", "double", "boolean", "timestamp"
]


class NoModel(Exception):
    """There is no service model on this node; the text says what to install."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What one kind of value has to be; other shapes are named."""

    kind: Kind
    members: Mapping[str, str]
    """Of a structure: shapes by member, in the model's order."""
    required: frozenset[str]
    item: str = ""
    """Of a list or a map: its values' shape."""
    key: str = ""
    """Of a map: its keys' shape."""
    low: float | None = None
    """Least length, number, or count."""
    high: float | None = None
    pattern: re.Pattern[str] | None = None
    told_pattern: str = ""
    """As the model has it, for errors."""
    values: tuple[str, ...] = ()
    """Of an enum."""
    is_sensitive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GlueModel:
    """The inputs of the operations that Callboard has, and the names of all that Glue has."""

    inputs: Mapping[str, str]
    """Shape by operation."""
    shapes: Mapping[str, Shape]
    names: frozenset[str]


def load_model(operations: Collection[str]) -> GlueModel:
    """The model of the given operations, from botocore's data. Takes some 50 ms; blocks.

    Raises:
        NoModel: botocore is not installed, or has no data of Glue.
    """
    return compile_model(_document(), operations)


def compile_model(document: Mapping[str, Any], operations: Collection[str]) -> GlueModel:
    """The model of the given operations, out of a service's document (`service-2.json`)."""
    all_of_it = document["operations"]
    inputs = {
        name: str(all_of_it[name]["input"]["shape"]) for name in operations if name in all_of_it
    }
    needed = _reachable(document["shapes"], inputs.values())
    return GlueModel(
        inputs=MappingProxyType(inputs),
        shapes=MappingProxyType({n: _shape(document["shapes"][n]) for n in needed}),
        names=frozenset(all_of_it),
    )


def _document() -> Mapping[str, Any]:
    try:
        from botocore.exceptions import DataNotFoundError
        from botocore.loaders import Loader
    except ImportError:
        raise NoModel("the Glue API needs botocore: pip install 'callboard[glue]'") from None
    try:
        found = Loader().load_service_model("glue", "service-2", API_VERSION)
    except DataNotFoundError:
        raise NoModel("botocore has no data of Glue: pip install 'callboard[glue]'") from None
    return cast("Mapping[str, Any]", found)


def _reachable(shapes: Mapping[str, Any], roots: Collection[str]) -> Iterator[str]:
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        waiting += _parts(shapes[name])


def _parts(shape: Mapping[str, Any]) -> Iterator[str]:
    for member in shape.get("members", {}).values():
        yield member["shape"]
    for part in ("member", "key", "value"):
        if part in shape:
            yield shape[part]["shape"]


def _shape(told: Mapping[str, Any]) -> Shape:
    members = {name: str(member["shape"]) for name, member in told.get("members", {}).items()}
    pattern = str(told.get("pattern", ""))
    return Shape(
        kind=_kind(told["type"]),
        members=MappingProxyType(members),
        required=frozenset(told.get("required", ())),
        item=str((told.get("member") or told.get("value") or {}).get("shape", "")),
        key=str(told.get("key", {}).get("shape", "")),
        low=told.get("min"),
        high=told.get("max"),
        pattern=compile_pattern(pattern) if pattern else None,
        told_pattern=pattern,
        values=tuple(told.get("enum", ())),
        is_sensitive=bool(told.get("sensitive")),
    )


def _kind(told: str) -> Kind:
    # The rest (float, blob, character) does not occur below our operations.
    return cast("Kind", {"float": "double", "blob": "string"}.get(told, told))
