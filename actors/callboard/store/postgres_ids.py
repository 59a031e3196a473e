"""Run ids: blocks taken from the database's sequence, given out one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

BLOCK: Final = 1000
"""Ids in a block: the increment of the sequence `callboard.run_id_block`."""


class RunIds:
    """What one store has left of its blocks. An id that was given out never comes back."""

    def __init__(self) -> None:
        self._left: deque[int] = deque()
        self._usual = 1

    def add(self, first_ids: Iterable[int]) -> None:
        """Take in the blocks that begin with these ids."""
        for first in first_ids:
            self._left.extend(range(first, first + BLOCK))

    def blocks_for(self, count: int) -> int:
        """How many more blocks are needed for `count` ids."""
        return -(-max(0, count - len(self._left)) // BLOCK)

    def blocks_ahead(self) -> int:
        """How many more blocks the next transaction will want, if it is like the last one."""
        return self.blocks_for(self._usual)

    def take(self, count: int) -> list[int]:
        """The next ids, ascending; there must be as many."""
        self._usual = count
        return [self._left.popleft() for _ in range(count)]
