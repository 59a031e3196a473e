"""An ordered set that puts its keys in order when somebody reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Generic, TypeVar

from callboard.store.memory_sorted import Ordered, SortedKeys

MOST_PENDING: Final = 50_000
"""Changes that wait for a reader; more of them are not left for one moment."""

K = TypeVar("K", bound=Ordered)


class LazyKeys(Generic[K]):
    """As SortedKeys, for keys that mostly come and go without ever being read.

    Adding and discarding cost one look into a dictionary; a key that came and went meanwhile costs
    a reader nothing.
    """

    __slots__ = ("_keys", "_pending")

    def __init__(self) -> None:
        self._keys = SortedKeys[K]()
        self._pending: dict[K, bool] = {}
        """Whether the key is to be there; only keys of which that is not so yet."""

    def __len__(self) -> int:
        return len(self._settled())

    def __iter__(self) -> Iterator[K]:
        return iter(self._settled())

    def __reversed__(self) -> Iterator[K]:
        return reversed(self._settled())

    def below(self, key: K) -> Iterator[K]:
        """The keys less than `key`, descending."""
        return self._settled().below(key)

    def add(self, key: K) -> None:
        """Put in a key that is not there yet."""
        if self._pending.pop(key, None) is None:
            self._pending[key] = True

    def discard(self, key: K) -> None:
        """Take out a key that is there."""
        if self._pending.pop(key, None) is None:
            self._pending[key] = False

    def add_all(self, keys: Iterable[K]) -> None:
        """Put in keys that were never there before."""
        self._pending.update(dict.fromkeys(keys, True))
        self._settle_many()

    def discard_all(self, keys: Iterable[K]) -> None:
        """As `discard`, for each."""
        pending = self._pending
        for key in keys:
            if pending.pop(key, None) is None:
                pending[key] = False
        self._settle_many()

    def _settle_many(self) -> None:
        if len(self._pending) > MOST_PENDING:
            self._settled()

    def _settled(self) -> SortedKeys[K]:
        if self._pending:
            self._keys.add_all(sorted(key for key, is_in in self._pending.items() if is_in))
            for key, is_in in self._pending.items():
                if not is_in:
                    self._keys.discard(key)
            self._pending.clear()
        return self._keys
