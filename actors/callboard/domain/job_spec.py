"""The kinds of jobs, and what is wrong with the spec of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from callboard.domain.json import JsonObject
from callboard.domain.spec_batch import batch_problems
from callboard.domain.spec_command import command_problems
from callboard.domain.spec_http import http_problems
from callboard.domain.spec_python import python_problems
from callboard.domain.spec_script import script_problems
from callboard.errors import FieldProblem

PROBLEMS: Final[Mapping[str, Callable[[JsonObject], Iterator[FieldProblem]]]] = MappingProxyType(
    {
        "python": python_problems,
        "command": command_problems,
        "http": http_problems,
        "script": script_problems,
        "batch": batch_problems,
    }
)
KINDS: Final = tuple(PROBLEMS)
"""Those that every board knows; plug-ins bring more."""
_KIND: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def is_kind(text: str) -> bool:
    """Whether it can be the name of a kind; not whether anybody executes such jobs."""
    return _KIND.fullmatch(text) is not None


def spec_problems(kind: str, spec: JsonObject) -> Iterator[FieldProblem]:
    """What is wrong with a job's kind and spec; may be empty.

    The spec of a kind that is not in KINDS is looked at by the plug-in that executes it, when the
    job is defined.
    """
    if not is_kind(kind):
        yield FieldProblem("kind", f"{kind!r} is not a kind of job", f"use {' or '.join(KINDS)}")
    elif not isinstance(spec, Mapping):
        yield FieldProblem("spec", "is not an object")
    elif kind in PROBLEMS:
        yield from PROBLEMS[kind](spec)
