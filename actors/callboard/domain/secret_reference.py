"""Secrets by reference: `{"$secret": "provider:key"}` in place of a value.

The reference is what is stored and shown. The node that executes a run puts the value in, for its
runner alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from callboard.domain.json import MAX_DEPTH
from callboard.errors import FieldProblem

MARK: Final = "$secret"
MAX_KEY: Final = 500
_REFERENCE: Final = re.compile(r"([a-z][a-z0-9_-]{0,63}):(\S(?:.*\S)?)")
_FIX: Final = 'e.g. {"$secret": "env:API_TOKEN"}'


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a value is to be had."""

    provider: str
    key: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.key}"


def is_provider_name(name: str) -> bool:
    """Whether references can name a provider so."""
    return ":" not in name and _REFERENCE.fullmatch(f"{name}:x") is not None


def is_reference(value: object) -> bool:
    """Whether the value stands for a secret."""
    return isinstance(value, Mapping) and MARK in value and reference_problem(value, "") is None


def reference_of(value: Mapping[str, Any]) -> SecretReference:
    """The reference of a value that is one."""
    provider, _, key = str(value[MARK]).partition(":")
    return SecretReference(provider, key)


def may_refer(values: Mapping[str, Any]) -> bool:
    """Whether there may be a reference in it: cheap, for it is asked of every run."""
    for value in values.values():
        kind = type(value)
        if kind is str or kind is int:
            continue
        if isinstance(value, Mapping | list | tuple) and _refers(value, 1):
            return True
    return MARK in values


def reference_problems(values: object, field: str) -> Iterator[FieldProblem]:
    """What is wrong with the form of the references in JSON, by field; nothing is resolved."""
    if not isinstance(values, Mapping) or not may_refer(values):
        return
    if MARK in values:
        yield FieldProblem(field, "is a reference itself: it stands for one value, not for all")
    else:
        yield from _problems(values, field)


def reference_problem(value: Mapping[str, Any], field: str) -> FieldProblem | None:
    """What is wrong with an object that has the mark."""
    if len(value) != 1:
        return FieldProblem(field, f"has other keys beside {MARK}", _FIX)
    text = value[MARK]
    if not isinstance(text, str) or len(text) > MAX_KEY or not text.isprintable():
        reason = f"is no reference: a printable text of at most {MAX_KEY} characters"
        return FieldProblem(f"{field}.{MARK}", reason, _FIX)
    if _REFERENCE.fullmatch(text) is None:
        return FieldProblem(f"{field}.{MARK}", "is not of the form provider:key", _FIX)
    return None


def _refers(value: object, depth: int) -> bool:
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, Mapping):
        return MARK in value or any(_refers(item, depth + 1) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_refers(item, depth + 1) for item in value)
    return False


def _problems(value: object, field: str) -> Iterator[FieldProblem]:
    if isinstance(value, Mapping):
        if MARK in value:
            problem = reference_problem(value, field)
            if problem is not None:
                yield problem
            return
        for name, item in value.items():
            yield from _problems(item, f"{field}.{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _problems(item, f"{field}[{index}]")
