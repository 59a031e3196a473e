"""Run ids: blocks taken from the database's sequence, given out one by one, while they are fresh.

Several nodes have blocks of their own, and so do callers that start runs in their transactions. Who
lists runs takes a higher id for a later run: that is true but for a second, for what is left of a
block is not given out when it is older.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable
from typing import Final

BLOCK: Final = 1000
"""Ids in a block: the increment of the sequence `callboard.run_id_block`."""
FRESH_S: Final = 1.0
"""Seconds for which a block is given out."""


class RunIds:
    """What one store has left of its blocks. An id that was given out never comes back."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._ranges: list[tuple[range, float]] = []
        """With the instant at which each was taken in. Ascending: an answer with an older block may
        come behind one with a newer."""
        self._usual = 1
        self._last_taken_at: float | None = None

    def add(self, first_ids: Iterable[int]) -> None:
        """Take in the blocks that begin with these ids."""
        now = self._monotonic()
        for first in first_ids:
            insort(self._ranges, (range(first, first + BLOCK), now), key=_start)

    def blocks_for(self, count: int) -> int:
        """How many more blocks are needed for `count` ids."""
        oldest = self._monotonic() - FRESH_S
        if any(added_at < oldest for _, added_at in self._ranges):
            self._ranges = [each for each in self._ranges if each[1] >= oldest]
        return -(-max(0, count - sum(len(ids) for ids, _ in self._ranges)) // BLOCK)

    def blocks_ahead(self) -> int:
        """How many more blocks the next commit will want, if it is like the last one.

        None when that was long ago, or never: nobody may want them.
        """
        last = self._last_taken_at
        if last is None or self._monotonic() - last > FRESH_S:
            return 0
        return self.blocks_for(self._usual)

    def take(self, count: int) -> list[int]:
        """The next ids, ascending; there must be as many."""
        self._usual, self._last_taken_at = count, self._monotonic()
        ids: list[int] = []
        while len(ids) < count:
            first, added_at = self._ranges[0]
            part = first[: count - len(ids)]
            ids += part
            rest = first[len(part) :]
            self._ranges[:1] = [(rest, added_at)] if rest else []
        return ids


def _start(block: tuple[range, float]) -> int:
    return block[0].start
