"""What is wrong with the spec of a command job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from callboard.domain.json import JsonObject
from callboard.domain.spec_field import is_text, unknown_fields
from callboard.domain.spec_limits import limits_problems
from callboard.errors import FieldProblem

MAX_ARGUMENTS: Final = 256


def command_problems(spec: JsonObject) -> Iterator[FieldProblem]:
    yield from unknown_fields(spec, "argv", "shell", "cwd", "env", "stdin", "limits")
    argv, shell = spec.get("argv"), spec.get("shell")
    if (argv is None) == (shell is None):
        yield FieldProblem("spec", "needs exactly one of argv and shell", 'e.g. {"argv": ["ls"]}')
    if argv is not None and not (
        isinstance(argv, list | tuple)
        and 1 <= len(argv) <= MAX_ARGUMENTS
        and all(map(is_text, argv))
        and argv[0]
    ):
        reason = f"is not a list of 1 to {MAX_ARGUMENTS} strings"
        yield FieldProblem("spec.argv", reason, 'e.g. ["python", "-V"]')
    for name, example in (("shell", '"ls | wc -l"'), ("cwd", '"/srv/shop"')):
        if spec.get(name) is not None and not isinstance(spec[name], str):
            yield FieldProblem(f"spec.{name}", "is not a string", f"e.g. {example}")
    if spec.get("stdin") is not None and not is_text(spec["stdin"]):
        yield FieldProblem("spec.stdin", "is not a string", "write what it reads as one text")
    if shell == "":
        yield FieldProblem("spec.shell", "is empty", "write the command line")
    yield from environment_problems(spec.get("env"))
    yield from limits_problems(spec.get("limits"))


def environment_problems(env: object) -> Iterator[FieldProblem]:
    if env is None:
        return
    if not isinstance(env, Mapping):
        yield FieldProblem("spec.env", "is not an object", 'e.g. {"LANG": "C"}')
        return
    for key, value in env.items():
        if not is_text(value) or not key or "=" in key:
            reason = "is not a variable with a string value"
            yield FieldProblem(f"spec.env.{key}", reason, 'e.g. {"PORT": "8080"}')
