"""Run ids: blocks taken from the database's sequence, given out one by one."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from operator import attrgetter
from typing import Final

BLOCK: Final = 1000
"""Ids in a block: the increment of the sequence `callboard.run_id_block`."""


class RunIds:
    """What one store has left of its blocks. An id that was given out never comes back."""

    def __init__(self) -> None:
        self._ranges: list[range] = []
        """Ascending: an answer with an older block may come behind one with a newer."""
        self._usual = 1

    def add(self, first_ids: Iterable[int]) -> None:
        """Take in the blocks that begin with these ids."""
        for first in first_ids:
            insort(self._ranges, range(first, first + BLOCK), key=attrgetter("start"))

    def blocks_for(self, count: int) -> int:
        """How many more blocks are needed for `count` ids."""
        return -(-max(0, count - sum(map(len, self._ranges))) // BLOCK)

    def blocks_ahead(self) -> int:
        """How many more blocks the next commit will want, if it is like the last one."""
        return self.blocks_for(self._usual)

    def take(self, count: int) -> list[int]:
        """The next ids, ascending; there must be as many."""
        self._usual = count
        ids: list[int] = []
        while len(ids) < count:
            first = self._ranges[0]
            part = first[: count - len(ids)]
            ids += part
            self._ranges[:1] = [first[len(part) :]] if len(part) < len(first) else []
        return ids
