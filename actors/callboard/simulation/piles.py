"""Minutes in which many runs begin; the same triggers are one pile, however often it comes."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

MOST_PILES: Final = 10
MINUTE: Final = 60
_COUNT_BITS: Final = 24
_COUNT: Final = (1 << _COUNT_BITS) - 1


@dataclass(slots=True, kw_only=True)
class _Group:
    """The minutes in which the same runs begin."""

    first: int
    triggers: tuple[int, ...]
    times: int = 0


class PileFinder:
    """Reads the minutes of one stretch of time after the other.

    The runs of a minute are told by one number: how many they are, and above that the sum of one
    number a trigger, so that minutes with the same runs have the same number.
    """

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        self._weights = [_weight(name) for name in names]
        self._groups: dict[int, _Group] = {}

    def weight(self, trigger: int) -> int:
        """What a run of the trigger adds to its minute."""
        return self._weights[trigger]

    @staticmethod
    def count(total: int) -> int:
        """The runs of a minute."""
        return total & _COUNT

    def take(
        self, first: int, minutes: Sequence[int], starts: Mapping[int, Sequence[float]]
    ) -> None:
        """A stretch.

        Args:
            first: its first minute, since 1970.
            minutes: the sums of weights.
            starts: when the runs of each trigger began, in seconds since 1970.
        """
        least = self._least()
        times: dict[int, int] = {}
        begins: dict[int, int] = {}
        for minute, total in enumerate(minutes, first):
            if total & _COUNT >= least:
                times[total] = times.get(total, 0) + 1
                begins.setdefault(total, minute)
        self._learn({begins[total]: total for total in begins.keys() - self._groups}, starts)
        for total, more in times.items():
            group = self._groups.get(total)
            if group is not None:
                group.times += more
        self._groups = dict(self._best(100 * MOST_PILES))

    def best(self) -> Iterator[tuple[int, int, int, tuple[int, ...]]]:
        """(runs, times, first minute, triggers) of the highest piles; the highest first."""
        for total, group in self._best(MOST_PILES):
            yield total & _COUNT, group.times, group.first, group.triggers

    def _least(self) -> int:
        """A lower pile cannot become one of the best any more."""
        counts = [total & _COUNT for total in self._groups]
        best = heapq.nlargest(MOST_PILES, counts)
        return best[-1] if len(best) == MOST_PILES else 2

    def _best(self, most: int) -> list[tuple[int, _Group]]:
        def rank(item: tuple[int, _Group]) -> tuple[int, int, int]:
            total, group = item
            return -(total & _COUNT), -group.times, group.first

        return heapq.nsmallest(most, self._groups.items(), key=rank)

    def _learn(self, wanted: Mapping[int, int], starts: Mapping[int, Sequence[float]]) -> None:
        """Find the triggers of the highest of the minutes that begin a new group."""
        highest = heapq.nsmallest(
            20 * MOST_PILES, wanted, key=lambda minute: (-(wanted[minute] & _COUNT), minute)
        )
        found: dict[int, list[int]] = {minute: [] for minute in highest}
        for trigger, instants in starts.items() if found else ():
            for minute in found.keys() & {int(start) // MINUTE for start in instants}:
                found[minute].append(trigger)
        for minute, triggers in found.items():
            self._groups[wanted[minute]] = _Group(first=minute, triggers=tuple(sorted(triggers)))


def _weight(name: tuple[str, str]) -> int:
    digest = blake2b("\0".join(name).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") << _COUNT_BITS | 1
