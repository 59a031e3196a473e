"""Words for arguments that do not fit: from a validator's error to problems of fields."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from jsonschema_rs import ValidationError

from callboard.domain.json import JsonObject
from callboard.domain.secret_reference import is_reference
from callboard.errors import FieldProblem

_TYPES: Final = {
    "integer": "an integer",
    "number": "a number",
    "string": "a string",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_FORMS: Final = {
    "date-time": "an instant like 2026-01-31T12:00:00Z",
    "date": "a date like 2026-01-31",
    "time": "a time like 12:30:00",
    "duration": "a duration like PT90S or P1D",
    "uuid": "a UUID",
    "decimal": "a decimal number in a string",
}
_BRANCHES: Final = frozenset({"anyOf", "oneOf"})
_WHOLES: Final = frozenset({"anyOf", "oneOf", "not", "enum", "const"})
"""Keywords that judge a value together with all that is in it."""
MOST_SHOWN: Final = 20


def problems_of(
    error: ValidationError, arguments: Any, prefix: str, schema: JsonObject
) -> Iterator[FieldProblem]:
    """The problems in one error, by fields below `prefix`.

    A value that stands for a secret is not known yet: nothing is said against it.
    """
    value = _at(arguments, error.instance_path)
    name = error.kind.name
    if is_reference(value) or (name in _WHOLES and has_secret(value)):
        return
    place = _place(prefix, error.instance_path)
    if name == "required":
        missing = str(error.kind.as_dict()["property"])
        yield FieldProblem(_below(place, missing), "is missing")
    elif name in ("additionalProperties", "unevaluatedProperties"):
        yield from _unknown(error, place, schema)
    elif name in _BRANCHES and (branches := getattr(error.kind, "context", None)):
        yield from _of_branches(branches, error, arguments, prefix, schema)
    else:
        yield FieldProblem(place, _reason(error))


def _unknown(error: ValidationError, place: str, schema: JsonObject) -> Iterator[FieldProblem]:
    known = _names_beside(error, schema)
    for name in error.kind.as_dict()["unexpected"]:
        close = difflib.get_close_matches(name, known, 1)
        fix = f"did you mean {close[0]!r}?" if close else ""
        yield FieldProblem(_below(place, name), "is not one of the parameters", fix)


def _names_beside(error: ValidationError, schema: JsonObject) -> list[str]:
    """The properties that the part of the schema has which is at fault."""
    properties = _at(schema, [*error.schema_path[:-1], "properties"])
    return list(properties) if isinstance(properties, dict) else []


def _of_branches(
    branches: Sequence[Sequence[ValidationError]],
    error: ValidationError,
    arguments: Any,
    prefix: str,
    schema: JsonObject,
) -> Iterator[FieldProblem]:
    """What the nearest branch says; when none is near, which types they want."""
    depth = len(error.instance_path)
    near = [branch for branch in branches if branch and not _is_far(branch, depth)]
    if len(near) == 1:
        for each in near[0]:
            yield from problems_of(each, arguments, prefix, schema)
        return
    wanted = [_wanted(each) for branch in branches for each in branch if each.kind.name == "type"]
    place = _place(prefix, error.instance_path)
    if wanted and not near:
        yield FieldProblem(place, f"is not {' or '.join(dict.fromkeys(wanted))}")
    else:
        yield FieldProblem(place, "is of none of the forms that it may have")


def _is_far(branch: Sequence[ValidationError], depth: int) -> bool:
    """Whether it is about values of another type altogether."""
    return any(each.kind.name == "type" and len(each.instance_path) == depth for each in branch)


def _wanted(error: ValidationError) -> str:
    types = sorted(error.kind.as_dict()["types"], key=lambda each: (each == "null", each))
    return " or ".join(_TYPES.get(each, each) for each in types)


def _limit(words: str) -> Callable[[ValidationError], str]:
    return lambda error: words.format(*error.kind.as_dict().values())


_REASONS: Final[Mapping[str, Callable[[ValidationError], str]]] = {
    "type": lambda error: f"is not {_wanted(error)}",
    "format": lambda error: f"is not {_form(error)}",
    "enum": lambda error: f"is none of {_options(error)}",
    "minimum": _limit("is less than {}"),
    "maximum": _limit("is more than {}"),
    "exclusiveMinimum": _limit("is not more than {}"),
    "exclusiveMaximum": _limit("is not less than {}"),
    "multipleOf": _limit("is not a multiple of {}"),
    "minLength": _limit("is shorter than {} characters"),
    "maxLength": _limit("is longer than {} characters"),
    "pattern": _limit("does not match {}"),
    "minItems": _limit("has fewer than {} items"),
    "maxItems": _limit("has more than {} items"),
    "uniqueItems": lambda error: "has the same item twice",
    "minProperties": _limit("has fewer than {} entries"),
    "maxProperties": _limit("has more than {} entries"),
}


def _reason(error: ValidationError) -> str:
    words = _REASONS.get(error.kind.name)
    return error.message.removeprefix("it ")[:300] if words is None else words(error)[:300]


def _form(error: ValidationError) -> str:
    name = error.kind.as_dict()["format"]
    return _FORMS.get(name, f"of the format {name}")


def _options(error: ValidationError) -> str:
    options = error.kind.as_dict()["options"]
    shown = ", ".join(repr(each) for each in options[:MOST_SHOWN])
    return f"{shown}, ..." if len(options) > MOST_SHOWN else shown


def _place(prefix: str, path: Sequence[str | int]) -> str:
    place = prefix
    for step in path:
        place = f"{place}[{step}]" if isinstance(step, int) else _below(place, step)
    return place


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _at(value: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def has_secret(value: Any) -> bool:
    """Whether anything in it stands for a value that only the executing node will know."""
    if is_reference(value):
        return True
    items = value.values() if isinstance(value, dict) else value if type(value) is list else ()
    return any(has_secret(item) for item in items)
