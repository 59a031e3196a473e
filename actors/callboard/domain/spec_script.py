"""What is wrong with the spec of a script job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from callboard.domain.json import JsonObject
from callboard.domain.script_location import location_problem
from callboard.domain.spec_command import MAX_ARGUMENTS, environment_problems
from callboard.domain.spec_field import is_text, unknown_fields
from callboard.domain.spec_limits import limits_problems
from callboard.errors import FieldProblem

FIELDS: Final = ("interpreter", "location", "arguments", "env", "cwd", "limits", "sha256")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")


def script_problems(spec: JsonObject) -> Iterator[FieldProblem]:
    """May be empty."""
    yield from unknown_fields(spec, *FIELDS)
    yield from _location_problems(spec.get("location"))
    yield from _interpreter_problems(spec.get("interpreter"))
    arguments = spec.get("arguments")
    if arguments is not None and not _is_words(arguments, least=0):
        reason = f"is not a list of at most {MAX_ARGUMENTS} strings"
        yield FieldProblem("spec.arguments", reason, 'e.g. ["--verbose"]')
    if spec.get("cwd") is not None and not isinstance(spec["cwd"], str):
        yield FieldProblem("spec.cwd", "is not a string", 'e.g. "/srv/shop"')
    digest = spec.get("sha256")
    if digest is not None and not (isinstance(digest, str) and _SHA256.fullmatch(digest)):
        yield FieldProblem("spec.sha256", "is not 64 hexadecimal digits", "as sha256sum prints it")
    yield from environment_problems(spec.get("env"))
    yield from limits_problems(spec.get("limits"))


def _location_problems(location: object) -> Iterator[FieldProblem]:
    if not is_text(location):
        yield FieldProblem("spec.location", "is not a string", "write a path or a URL")
    elif isinstance(location, str):
        problem = location_problem(location)
        if problem is not None:
            yield FieldProblem("spec.location", *problem)


def _interpreter_problems(interpreter: object) -> Iterator[FieldProblem]:
    if interpreter is None:
        return
    if isinstance(interpreter, str):
        is_right = interpreter != ""
    else:
        is_right = _is_words(interpreter, least=1) and bool(interpreter[0])  # type: ignore[index]
    if not is_right:
        reason = "is neither a program's name nor a list of it and its options"
        yield FieldProblem("spec.interpreter", reason, 'e.g. "bash" or ["python3", "-u"]')


def _is_words(value: object, *, least: int) -> bool:
    return (
        isinstance(value, list | tuple)
        and least <= len(value) <= MAX_ARGUMENTS
        and all(map(is_text, value))
    )
