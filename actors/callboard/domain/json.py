"""JSON values: their type, and the checks that every door makes of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import orjson

from callboard.errors import FieldProblem, InvalidInput

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = Mapping[str, Json]

MAX_DEPTH = 64
MAX_BYTES = 2**20
"""Of one run's arguments, encoded."""


def check_json(value: object, field: str, *, depth: int = 0) -> None:
    """Raise InvalidInput where `value` is not something JSON and PostgreSQL can both keep."""
    if _is_plain(value, depth):
        return
    problem = _problem_of(value, field, depth)
    if problem is not None:
        raise InvalidInput(problem)


def check_json_object(value: object, field: str) -> None:
    """As check_json, and it must be an object."""
    if type(value) is not dict and not isinstance(value, Mapping):
        kind = type(value).__name__
        raise InvalidInput(FieldProblem(field, f"is a {kind}, not an object", "send a mapping"))
    check_json(value, field)


def check_size(value: JsonObject, field: str) -> None:
    """Raise InvalidInput for arguments that are too long; `check_json` found them right before."""
    size = len(orjson.dumps(value, default=dict))
    if size > MAX_BYTES:
        reason = f"is {size} bytes of JSON, more than {MAX_BYTES}"
        raise InvalidInput(FieldProblem(field, reason, "store it elsewhere, and send where it is"))


def _is_plain(value: object, depth: int) -> bool:
    """Whether it is certain, at a glance, that the value is right: most are, at a third of the cost
    of `_problem_of`, which names the place of every part."""
    kind = type(value)
    if kind is str:
        text: str = value  # type: ignore[assignment]
        return text.isascii() and "\x00" not in text
    if kind is dict:
        if depth >= MAX_DEPTH:
            return False
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str or not key.isascii() or "\x00" in key:
                return False
            if not _is_plain(item, depth + 1):
                return False
        return True
    if kind is int:
        return -(2**63) <= value < 2**64  # type: ignore[operator]
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]
    if kind is list or kind is tuple:
        return depth < MAX_DEPTH and all(
            _is_plain(item, depth + 1)
            for item in value  # type: ignore[attr-defined]
        )
    return value is None or kind is bool


def _problem_of(value: object, field: str, depth: int) -> FieldProblem | None:
    if depth > MAX_DEPTH:
        return FieldProblem(field, f"is nested deeper than {MAX_DEPTH} levels", "flatten it")
    match value:
        case None | bool():
            return None
        case str():
            return _string_problem(value, field)
        case int():
            if -(2**63) <= value < 2**64:
                return None
            return FieldProblem(field, "is an integer beyond 64 bits", "send it as a string")
        case float():
            if math.isfinite(value):
                return None
            return FieldProblem(field, f"is {value}, which JSON does not have", "use null")
        case Mapping():
            return _mapping_problem(value, field, depth)
        case list() | tuple():
            return _first(
                _problem_of(item, f"{field}[{index}]", depth + 1)
                for index, item in enumerate(value)
            )
    kind = type(value).__name__
    article = "an" if kind[0] in "aeiouAEIOU" else "a"
    return FieldProblem(field, f"is {article} {kind}, not a JSON value", "convert it first")


def _mapping_problem(value: Mapping[object, object], field: str, depth: int) -> FieldProblem | None:
    for key, item in value.items():
        if not isinstance(key, str):
            return FieldProblem(field, f"has the key {key!r}, which is not a string")
        problem = _string_problem(key, field) or _problem_of(item, f"{field}.{key}", depth + 1)
        if problem is not None:
            return problem
    return None


def _string_problem(value: str, field: str) -> FieldProblem | None:
    if "\x00" in value:
        return FieldProblem(field, "contains a NUL character, which jsonb cannot keep", "remove it")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return FieldProblem(field, "contains half of a surrogate pair", "send whole characters")
    return None


def _first(problems: Iterable[FieldProblem | None]) -> FieldProblem | None:
    return next((problem for problem in problems if problem is not None), None)
