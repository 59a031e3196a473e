"""Places: the runs that a node works on, and how many more it may begin.

A run that only waits for another run lends its place meanwhile: it is not counted, so that the one
that it waits for finds a place, were it the only one of the only node. When it goes on it has its
place back at once, also where somebody else was begun in it: for as long as that takes the node is
over its capacity, by one for each such run, and begins nothing. To wait for a free place instead
could be to wait for runs that wait for this one, and what goes on has its task, its memory and its
connections here anyway.
"""

from __future__ import annotations

from collections.abc import Callable

from callboard.runners.attempt import Attempt


class Places:
    """Owned by the executor."""

    __slots__ = ("_capacity", "_lent", "_stuck", "held")

    def __init__(self, capacity: int, stuck: Callable[[], int]) -> None:
        """Args:
        stuck: how many places are kept by handlers that were left behind (T08).
        """
        self._capacity = capacity
        self._stuck = stuck
        self._lent: set[Attempt] = set()
        self.held: dict[int, Attempt] = {}
        """Runs that are worked on here, by id, those that have lent their place among them."""

    @property
    def open(self) -> int:
        """How many runs may be held now; fewer than are, where the node is over its capacity."""
        return self._capacity + len(self._lent) - self._stuck()

    @property
    def free(self) -> int:
        """How many more may begin; below 0 where the node is over its capacity."""
        return self.open - len(self.held)

    def leave(self, attempt: Attempt) -> None:
        """It has ended; a place that it had lent is nobody's any more."""
        del self.held[attempt.run.id]
        self._lent.discard(attempt)

    def lend(self, attempt: Attempt, *, is_lent: bool) -> bool:
        """Lend the attempt's place, or take it back; False: it has none, for it was given up."""
        if self.held.get(attempt.run.id) is not attempt:
            return False
        if is_lent:
            self._lent.add(attempt)
        else:
            self._lent.discard(attempt)
        return True

    def clear(self) -> None:
        """Nothing is held any more."""
        self.held.clear()
        self._lent.clear()
