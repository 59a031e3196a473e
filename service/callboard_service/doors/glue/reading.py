"""From a JSON body to a request: values of the model's types, and nothing else.

Members that the model does not know are left out, and so is null, deeply.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from callboard_service.doors.glue.faults import GlueFault, serialization
from callboard_service.doors.glue.model import GlueModel, Kind, Shape

_WIDTHS: Final[Mapping[str, int]] = MappingProxyType({"integer": 31, "long": 63})


def read_request(model: GlueModel, operation: str, body: Any) -> dict[str, Any]:
    """The request of an operation that the model has.

    Raises:
        GlueFault: SerializationException: the body, or a value in it, is of another type.
    """
    shape = model.shapes[model.inputs[operation]]
    found: dict[str, Any] = _read_structure(model, shape, body, "")
    return found


def below(path: str, name: str) -> str:
    """The path of a member, which begins with a small letter."""
    small = name[:1].lower() + name[1:]
    return f"{path}.{small}" if path else small


def _read(model: GlueModel, name: str, value: Any, path: str) -> Any:
    shape = model.shapes[name]
    return _READERS[shape.kind](model, shape, value, path)


def _read_structure(model: GlueModel, shape: Shape, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(value, "a structure", path)
    return {
        name: _read(model, of, value[name], below(path, name))
        for name, of in shape.members.items()
        if value.get(name) is not None
    }


def _read_list(model: GlueModel, shape: Shape, value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(value, "a list", path)
    return [
        _read(model, shape.item, each, f"{path}.{place}.member")
        for place, each in enumerate(value, 1)
        if each is not None
    ]


def _read_map(model: GlueModel, shape: Shape, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(value, "a map", path)
    return {
        key: _read(model, shape.item, each, f"{path}.{key}.member")
        for key, each in value.items()
        if each is not None
    }


def _read_string(_: GlueModel, __: Shape, value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _wrong(value, "a String", path)
    return value


def _read_boolean(_: GlueModel, __: Shape, value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, "a Boolean", path)
    return value


def _read_whole(_: GlueModel, shape: Shape, value: Any, path: str) -> int:
    word = "an Integer" if shape.kind == "integer" else "a Long"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(value, word, path)
    if isinstance(value, float) and not value.is_integer():
        raise _wrong(value, word, path)
    edge = 2 ** _WIDTHS[shape.kind]
    if not -edge <= value < edge:
        raise serialization(f"the number at '{path[:200]}' is out of the range of {word}")
    return int(value)


def _read_double(_: GlueModel, __: Shape, value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(value, "a Double", path)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise serialization(f"the number at '{path[:200]}' is out of the range of a Double")
    # What came as 2 goes back as 2.
    return value


def _read_timestamp(_: GlueModel, __: Shape, value: Any, path: str) -> float | str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _wrong(value, "a timestamp", path)
    return value


_READERS: Final[Mapping[Kind, Callable[[GlueModel, Shape, Any, str], Any]]] = MappingProxyType(
    {
        "structure": _read_structure,
        "list": _read_list,
        "map": _read_map,
        "string": _read_string,
        "boolean": _read_boolean,
        "integer": _read_whole,
        "long": _read_whole,
        "double": _read_double,
        "timestamp": _read_timestamp,
    }
)


def _wrong(value: Any, wanted: str, path: str) -> GlueFault:
    where = f" at '{path[:200]}'" if path else ""
    return serialization(f"{_token(value)} can not be converted to {wanted}{where}")


def _token(value: Any) -> str:
    match value:
        case None:
            return "NULL_VALUE"
        case bool():
            return "TRUE_VALUE" if value else "FALSE_VALUE"
        case int():
            return "NUMBER_VALUE"
        case float():
            return "DECIMAL_VALUE"
        case str():
            return "STRING_VALUE"
        case list():
            return "START_ARRAY"
    return "START_OBJECT"
