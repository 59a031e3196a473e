"""Tables that can take back what a transaction wrote, and hide it until it is committed."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeAlias, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Change: TypeAlias = "tuple[Table[Any, Any], Any, Any]"
"""A table, a key, and the row that belongs there; None for no row."""


class Journal:
    """The rows as they were before each change of the open transaction."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: list[Change] = []

    def record(self, change: Change) -> None:
        self._changes.append(change)

    def commit(self) -> None:
        self._changes.clear()

    def roll_back(self) -> None:
        self._swap()
        self._changes.clear()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """A block that sees what was committed last; nothing may await in it."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        """Exchange the rows of the tables and of the journal, the latest change first."""
        self._changes.reverse()
        for index, (table, key, row) in enumerate(self._changes):
            self._changes[index] = (table, key, table.rows.get(key))
            table.replace(key, row)


class Table(Generic[K, V]):
    """Rows by key. Subclasses keep indexes of them in `reindex`."""

    def __init__(self, journal: Journal) -> None:
        self.rows: dict[K, V] = {}
        self._journal = journal

    def write(self, key: K, row: V | None) -> None:
        """Insert, overwrite or, with None, remove a row."""
        self._journal.record((self, key, self.rows.get(key)))
        self.replace(key, row)

    def replace(self, key: K, row: V | None) -> None:
        """As `write`, without a trace in the journal."""
        before = self.rows.get(key)
        if row is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = row
        self.reindex(key, before, row)

    def reindex(self, key: K, before: V | None, after: V | None) -> None:
        """Bring the indexes from the row before to the row after; None: there is none."""
