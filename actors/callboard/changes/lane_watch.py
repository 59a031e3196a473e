"""Whether limited runs that wait have just been seen to be shut out, every one of them.

A full job, a full key or a paused queue may have runs waiting for hours. Without this, each of
them would send every claim of plain runs to the careful statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from callboard.commands import ClaimedRun

SHUT_S: Final = 0.05
"""Seconds for which what was seen is taken to be so still."""
MOST_HELD: Final = 100_000


class LaneWatch:
    """What one node's commits tell of it. Whatever may have made room opens it again."""

    __slots__ = ("_held", "_shut_until")

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._shut_until = 0.0

    def is_shut(self, now: float) -> bool:
        """Whether no limited run could begin, a moment ago."""
        return now < self._shut_until

    def open(self) -> None:
        """Limited runs may have room, or new ones wait."""
        self._shut_until = 0.0

    def ended(self, run_ids: Iterable[int]) -> None:
        """These runs are to end."""
        if self._held and not self._held.isdisjoint(ids := frozenset(run_ids)):
            self._held -= ids
            self.open()

    def claimed(self, claimed: Sequence[ClaimedRun], limit: int, now: float) -> None:
        """A careful claim of up to `limit` runs got these."""
        limited = [run.id for run, job, _ in claimed if run.terms or (job and job.is_limited)]
        if len(self._held) + len(limited) > MOST_HELD:
            self._held.clear()  # of runs that were taken away from here, most of them
        self._held.update(limited)
        is_shut = not limited and len(claimed) < limit
        self._shut_until = now + SHUT_S if is_shut else 0.0
