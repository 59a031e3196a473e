"""By when the runs of a slot have to begin, and to be done; being late is told, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from callboard.domain.job import seconds_problem
from callboard.errors import FieldProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Counted from the slot's nominal instant, whether there are runs of it or not."""

    start_within_s: float | None = None
    """Seconds within which all of its runs have begun; None: whenever."""
    finish_within_s: float | None = None
    """Seconds within which all of its runs, with their retries, have succeeded; None: whenever."""

    def problems(self, prefix: str) -> Iterator[FieldProblem]:
        for name in ("start_within_s", "finish_within_s"):
            value = getattr(self, name)
            if value is not None:
                yield from seconds_problem(value, f"{prefix}.{name}")
        if self == Deadlines():
            yield FieldProblem(prefix, "names no deadline", "null: there is none")
