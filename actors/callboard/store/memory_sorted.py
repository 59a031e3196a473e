"""An ordered set: what an index of a database is to the memory store.

Keys are kept in buckets of a bounded size, so that adding, removing and finding cost one search
among the buckets and one within a bucket, however many keys there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

MOST_IN_BUCKET: Final = 1000


class Ordered(Protocol):
    """Anything that `<` puts in one order: numbers, strings, instants, tuples of them."""

    def __lt__(self, other: Any, /) -> bool: ...


K = TypeVar("K", bound=Ordered)


class SortedKeys(Generic[K]):
    """Distinct keys in ascending order.

    Iterators are for use before the next change.
    """

    __slots__ = ("_buckets", "_count", "_lasts")

    def __init__(self) -> None:
        self._buckets: list[list[K]] = []
        self._lasts: list[K] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[K]:
        for bucket in self._buckets:
            yield from bucket

    def __reversed__(self) -> Iterator[K]:
        for bucket in reversed(self._buckets):
            yield from reversed(bucket)

    @property
    def first(self) -> K | None:
        """The least key; None when there is none."""
        return self._buckets[0][0] if self._buckets else None

    def add(self, key: K) -> None:
        """Put in a key that is not there yet."""
        self._count += 1
        if not self._lasts or self._lasts[-1] < key:
            self._append(key)
            return
        index = bisect_left(self._lasts, key)
        bucket = self._buckets[index]
        insort(bucket, key)
        if len(bucket) > MOST_IN_BUCKET:
            self._split(index)

    def add_all(self, keys: Sequence[K]) -> None:
        """Put in keys that are not there yet, given in ascending order."""
        if not keys:
            return
        if self._lasts and not self._lasts[-1] < keys[0]:
            for key in keys:
                self.add(key)
            return
        self._count += len(keys)
        room = MOST_IN_BUCKET - len(self._buckets[-1]) if self._buckets else 0
        if room > 0:
            self._buckets[-1].extend(keys[:room])
            self._lasts[-1] = self._buckets[-1][-1]
        for start in range(max(room, 0), len(keys), MOST_IN_BUCKET):
            self._buckets.append([*keys[start : start + MOST_IN_BUCKET]])
            self._lasts.append(self._buckets[-1][-1])

    def take_first(self, count: int, *, below: K | None = None) -> list[K]:
        """Take out the least keys, at most `count`, those less than `below`; ascending."""
        taken: list[K] = []
        while self._buckets and len(taken) < count:
            bucket = self._buckets[0]
            end = len(bucket) if below is None else bisect_left(bucket, below)
            end = min(end, count - len(taken))
            taken += bucket[:end]
            if end < len(bucket):
                del bucket[:end]
                break
            del self._buckets[0], self._lasts[0]
        self._count -= len(taken)
        return taken

    def discard(self, key: K) -> None:
        """Take out the key if it is there."""
        index = bisect_left(self._lasts, key)
        if index == len(self._lasts):
            return
        bucket = self._buckets[index]
        place = bisect_left(bucket, key)
        if bucket[place] != key:
            return
        self._count -= 1
        del bucket[place]
        if not bucket:
            del self._buckets[index], self._lasts[index]
        elif place == len(bucket):
            self._lasts[index] = bucket[-1]

    def above(self, key: K, *, or_equal: bool = False) -> Iterator[K]:
        """The keys greater than `key`, ascending."""
        search = bisect_left if or_equal else bisect_right
        index = search(self._lasts, key)
        if index < len(self._buckets):
            bucket = self._buckets[index]
            for place in range(search(bucket, key), len(bucket)):
                yield bucket[place]
        for following in self._buckets[index + 1 :]:
            yield from following

    def below(self, key: K) -> Iterator[K]:
        """The keys less than `key`, descending."""
        index = bisect_left(self._lasts, key)
        if index < len(self._buckets):
            bucket = self._buckets[index]
            for place in reversed(range(bisect_left(bucket, key))):
                yield bucket[place]
        for preceding in reversed(self._buckets[:index]):
            yield from reversed(preceding)

    def _append(self, key: K) -> None:
        if self._buckets and len(self._buckets[-1]) < MOST_IN_BUCKET:
            self._buckets[-1].append(key)
            self._lasts[-1] = key
        else:
            self._buckets.append([key])
            self._lasts.append(key)

    def _split(self, index: int) -> None:
        bucket = self._buckets[index]
        half = len(bucket) // 2
        self._buckets[index : index + 1] = [bucket[:half], bucket[half:]]
        self._lasts[index : index + 1] = [bucket[half - 1], bucket[-1]]
