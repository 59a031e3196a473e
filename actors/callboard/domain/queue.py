"""A queue: a capacity that runs of several jobs share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from callboard.domain.limits import MAX_RUNS, RateLimit
from callboard.domain.names import DEFAULT_GROUP, name_problems
from callboard.errors import FieldProblem, InvalidInput

MAX_DESCRIPTION: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A definition, and, once stored, its identity and version.

    The runs of the jobs of its group that name it are in it, from the queue that the job named
    when they were created. A queue that nobody created has no limits.

    Raises:
        InvalidInput: everything that is wrong, by field.
    """

    name: str
    group: str = DEFAULT_GROUP
    description: str = ""
    capacity: int | None = None
    """Runs of it that may be on nodes at once, over all nodes; None: any number."""
    rate_limit: RateLimit | None = None
    """Runs of it that may begin within a time; None: any number."""
    paused: bool = False
    """Its runs wait until it is resumed; those that run go on."""
    id: int = 0
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise InvalidInput(*problems)

    def _problems(self) -> Iterator[FieldProblem]:
        yield from name_problems(name=self.name, group=self.group)
        if len(self.description) > MAX_DESCRIPTION:
            yield FieldProblem("description", f"is longer than {MAX_DESCRIPTION} characters")
        if self.capacity is not None and not 1 <= self.capacity <= MAX_RUNS:
            reason = f"{self.capacity} is outside 1 to {MAX_RUNS}"
            yield FieldProblem("capacity", reason, "null: no limit; none at all: pause the queue")
        if self.rate_limit is not None:
            yield from self.rate_limit.problems("rate_limit")

    @property
    def is_limited(self) -> bool:
        """Whether a claim of its runs has to count, or may not be."""
        return self.paused or self.capacity is not None or self.rate_limit is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """Runs of a queue at one moment."""

    queued: int
    """Those that wait, also for their time, up to MOST_COUNTED."""
    running: int
    """Those on nodes: running and stopping."""


MOST_COUNTED: Final = 10_000
"""Waiting runs are not counted further."""
