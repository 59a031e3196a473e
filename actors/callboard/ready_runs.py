"""ReadyRuns: claimed runs that wait for a place on this node, oldest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from callboard.domain.claimed import ClaimedRun


class ReadyRuns:
    """A queue in front of the places."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: deque[tuple[float, ClaimedRun]] = deque()
        """Each with the instant since when; who takes one to begin it does so here."""

    def __len__(self) -> int:
        return len(self.waiting)

    def add(self, claimed: Iterable[ClaimedRun], now: float) -> None:
        """Let them wait since `now`."""
        self.waiting.extend([(now, one) for one in claimed])

    def remove(self, run_id: int) -> ClaimedRun | None:
        """Take one out of its turn; None when it does not wait."""
        for waiting in self.waiting:
            if waiting[1].run.id == run_id:
                self.waiting.remove(waiting)
                return waiting[1]
        return None

    def clear(self) -> int:
        """Take all out; how many there were."""
        count = len(self.waiting)
        self.waiting.clear()
        return count

    @property
    def oldest_at(self) -> float | None:
        """Since when the oldest waits."""
        return self.waiting[0][0] if self.waiting else None

    @property
    def ids(self) -> frozenset[int]:
        return frozenset(one.run.id for _, one in self.waiting)
