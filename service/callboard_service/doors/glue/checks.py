"""The model's constraints: required members, lengths, ranges, counts, patterns, enums.

All faults of a request are told at once, in AWS's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from callboard_service.doors.glue.faults import validation
from callboard_service.doors.glue.model import GlueModel, Shape
from callboard_service.doors.glue.reading import below

MOST_TOLD: Final = 20
"""Faults that one error names; the number it begins with counts all that were looked for."""
MOST_COUNTED: Final = 1000
MOST_SHOWN: Final = 256
"""Characters of a value, or of a path, that an error repeats."""


def check_request(model: GlueModel, operation: str, request: Mapping[str, Any]) -> None:
    """Refuse what breaks a constraint.

    Raises:
        GlueFault: ValidationException with every fault.
    """
    found = list(islice(_faults(model, model.inputs[operation], request, ""), MOST_COUNTED))
    if not found:
        return
    noun = "error" if len(found) == 1 else "errors"
    told = "; ".join(found[:MOST_TOLD])
    raise validation(f"{len(found)} validation {noun} detected: {told}")


def _faults(model: GlueModel, name: str, value: Any, path: str) -> Iterator[str]:
    shape = model.shapes[name]
    for broken in broken_by(shape, value):
        yield _told(shape, value, path, f"Member must {broken}")
    match shape.kind:
        case "structure":
            yield from _structure_faults(model, shape, value, path)
        case "list":
            yield from _list_faults(model, shape, value, path)
        case "map":
            yield from _map_faults(model, shape, value, path)


def _structure_faults(
    model: GlueModel, shape: Shape, value: Mapping[str, Any], path: str
) -> Iterator[str]:
    for name, of in shape.members.items():
        place = below(path, name)
        if name in value:
            yield from _faults(model, of, value[name], place)
        elif name in shape.required:
            yield (
                f"Value null at '{_short(place)}' failed to satisfy constraint: "
                "Member must not be null"
            )


def _list_faults(model: GlueModel, shape: Shape, value: list[Any], path: str) -> Iterator[str]:
    item = model.shapes[shape.item]
    if _is_deep(item):
        for place, each in enumerate(value, 1):
            yield from _faults(model, shape.item, each, f"{path}.{place}.member")
    elif any(any(broken_by(item, each)) for each in value):
        rules = ", ".join(_rules(item))
        yield _told(shape, value, path, f"Member must satisfy constraint: [{rules}]")


def _map_faults(
    model: GlueModel, shape: Shape, value: Mapping[str, Any], path: str
) -> Iterator[str]:
    keys, item = model.shapes[shape.key], model.shapes[shape.item]
    if any(any(broken_by(keys, each)) for each in value):
        rules = ", ".join(_rules(keys))
        yield _told(shape, value, path, f"Map keys must satisfy constraint: [{rules}]")
    if _is_deep(item):
        for key, each in value.items():
            yield from _faults(model, shape.item, each, f"{path}.{key}.member")
    elif any(any(broken_by(item, each)) for each in value.values()):
        rules = ", ".join(_rules(item))
        yield _told(shape, value, path, f"Map value must satisfy constraint: [{rules}]")


def broken_by(shape: Shape, value: Any) -> Iterator[str]:
    """The shape's own rules that a value breaks, each as it goes on behind `Member must`."""
    if shape.values and value not in shape.values:
        yield _enum_rule(shape)
    measure, noun = _measure(shape, value)
    if shape.high is not None and measure > shape.high:
        yield f"have {noun} less than or equal to {shape.high:.15g}"
    if shape.low is not None and measure < shape.low:
        yield f"have {noun} greater than or equal to {shape.low:.15g}"
    if shape.pattern is not None and shape.pattern.fullmatch(value) is None:
        yield _pattern_rule(shape)


def _measure(shape: Shape, value: Any) -> tuple[float, str]:
    match shape.kind:
        case "string" | "list" | "map":
            return len(value), "length"
        case "integer" | "long" | "double":
            return value, "value"
    return 0, "value"


def _rules(shape: Shape) -> Iterator[str]:
    noun = "length" if shape.kind in ("string", "list", "map") else "value"
    if shape.values:
        yield f"Member must {_enum_rule(shape)}"
    if shape.high is not None:
        yield f"Member must have {noun} less than or equal to {shape.high:.15g}"
    if shape.low is not None:
        yield f"Member must have {noun} greater than or equal to {shape.low:.15g}"
    if shape.pattern is not None:
        yield f"Member must {_pattern_rule(shape)}"


def _enum_rule(shape: Shape) -> str:
    return f"satisfy enum value set: [{', '.join(shape.values)}]"


def _pattern_rule(shape: Shape) -> str:
    return f"satisfy regular expression pattern: {shape.told_pattern}"


def _is_deep(shape: Shape) -> bool:
    return shape.kind in ("structure", "list", "map")


def _told(shape: Shape, value: Any, path: str, rule: str) -> str:
    shown = "***Sensitive Data Redacted***" if shape.is_sensitive else _short(_shown(value))
    return f"Value '{shown}' at '{_short(path)}' failed to satisfy constraint: {rule}"


def _shown(value: Any) -> str:
    """As Java writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case Mapping():
            pairs = islice(value.items(), MOST_SHOWN)
            return f"{{{', '.join(f'{key}={_shown(each)}' for key, each in pairs)}}}"
        case list():
            return f"[{', '.join(_shown(each) for each in islice(value, MOST_SHOWN))}]"
    return str(value)


def _short(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."
