"""Counts of the memory store's runs by what their terms say: key and queue."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

from callboard.domain.run import Run

K = TypeVar("K", tuple[int, str], tuple[str, str])


class TermCounts:
    """How many runs there are of each concurrency key within its job, and of each queue."""

    __slots__ = ("of_key", "of_queue")

    def __init__(self) -> None:
        self.of_key: Counter[tuple[int, str]] = Counter()
        """By job id and concurrency key."""
        self.of_queue: Counter[tuple[str, str]] = Counter()
        """By group and queue."""

    def change(self, run: Run, by: int) -> None:
        """Count the run in (1) or out (-1); one without terms is of no key and no queue."""
        terms = run.terms
        if terms is None:
            return
        if terms.concurrency_key is not None:
            _add(self.of_key, (run.job_id, terms.concurrency_key), by)
        if terms.queue is not None:
            _add(self.of_queue, (run.group, terms.queue), by)


def _add(counts: Counter[K], key: K, by: int) -> None:
    counts[key] += by
    if not counts[key]:
        del counts[key]
