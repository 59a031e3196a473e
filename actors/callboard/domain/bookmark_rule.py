"""BookmarkRule: which runs of a job move its bookmark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from callboard.domain.json import JsonObject
from callboard.errors import FieldProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class BookmarkRule:
    """Runs of the job that are given this value as this argument move its bookmark."""

    argument: str
    equals: str

    def is_met(self, arguments: JsonObject) -> bool:
        """Whether a run with these arguments, the defaults among them, does."""
        return arguments.get(self.argument) == self.equals

    def problems(self, prefix: str) -> Iterator[FieldProblem]:
        for name in ("argument", "equals"):
            value = getattr(self, name)
            if not isinstance(value, str) or not 1 <= len(value) <= 255:
                yield FieldProblem(f"{prefix}.{name}", "is not a text of 1 to 255 characters")
