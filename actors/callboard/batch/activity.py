"""Activity: whether anything of a run works on its node, or all of it waits for runs elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Activity:
    """Counts the lines of a run that work: its one way through the flow, or where that is split or
    a step is partitioned, each of the ways beside one another instead. On the loop's thread."""

    __slots__ = ("_lend", "_lines")

    def __init__(self, lend: Callable[[bool], object] = lambda is_lent: None) -> None:
        """Args:
        lend: called with True when the last line has come to wait, with False when one goes on.
        """
        self._lend = lend
        self._lines = 1

    def begin(self) -> None:
        """One more works."""
        self._lines += 1
        if self._lines == 1:
            self._lend(False)

    def end(self) -> None:
        """One less does."""
        self._lines -= 1
        if self._lines == 0:
            self._lend(True)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While the line that calls it waits: for another run, or for lines of its own."""
        self.end()
        try:
            yield
        finally:
            self.begin()
