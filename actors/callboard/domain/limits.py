"""How many runs of a job may be on nodes at once, or begin within a time; checked by the claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from callboard.domain.json import Json, JsonObject
from callboard.errors import FieldProblem

MAX_RUNS: Final = 1_000_000
MAX_KEY_FIELDS: Final = 8
MAX_KEY_CHARACTERS: Final = 255
"""A longer key is kept as its hash."""
MAX_RATE_WINDOW_S: Final = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """Of the runs whose arguments agree in some names, only so many are on nodes at once."""

    key: tuple[str, ...]
    """Names of arguments. Runs with the same values of them share the limit; null where one is
    missing."""
    max_runs: int = 1
    """Runs with the same key that may be on nodes at once, over all nodes."""
    max_queued: int | None = None
    """Runs with the same key that may wait; a start beyond is refused (TooManyQueued). Runs of
    slots, next attempts and releases are always created, and count. None: any number."""

    def problems(self, prefix: str) -> Iterator[FieldProblem]:
        yield from _key_problems(self.key, f"{prefix}.key")
        if not 1 <= self.max_runs <= MAX_RUNS:
            yield FieldProblem(f"{prefix}.max_runs", f"is outside 1 to {MAX_RUNS}")
        if self.max_queued is not None and not 1 <= self.max_queued <= 10**9:
            yield FieldProblem(f"{prefix}.max_queued", "is outside 1 to 1000000000", "null: any")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """No more than `runs` begin within any stretch of `per_s` seconds, over all nodes."""

    runs: int
    per_s: float

    def problems(self, prefix: str) -> Iterator[FieldProblem]:
        if not 1 <= self.runs <= MAX_RUNS:
            yield FieldProblem(f"{prefix}.runs", f"is outside 1 to {MAX_RUNS}")
        if not 0.1 <= self.per_s <= MAX_RATE_WINDOW_S:
            yield FieldProblem(f"{prefix}.per_s", f"is outside 0.1 to {MAX_RATE_WINDOW_S:g} s")


def concurrency_key(rule: Concurrency, arguments: JsonObject) -> str:
    """The text that runs have in common which share the limit: their values, as JSON."""
    values: list[Json] = [arguments.get(name) for name in rule.key]
    text = orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()
    if len(text) <= MAX_KEY_CHARACTERS:
        return text
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def concurrency_from_json(stored: Mapping[str, Any]) -> Concurrency:
    """From what `dataclasses.asdict` made of it."""
    return Concurrency(**{**stored, "key": tuple(stored["key"])})


def _key_problems(key: tuple[str, ...], field: str) -> Iterator[FieldProblem]:
    if not 1 <= len(key) <= MAX_KEY_FIELDS:
        yield FieldProblem(field, f"has not 1 to {MAX_KEY_FIELDS} names", 'e.g. ["tenant"]')
    for name in key:
        if not isinstance(name, str) or not name:
            yield FieldProblem(field, f"{name!r} is not the name of an argument")
