"""The scan: in which parts a chunk is written whose write as a whole has failed.

Nobody knows which item was the bad one, so they are written one by one, each in a transaction of
its own with its own checkpoint: a restart in the middle of a scan goes on behind the last item
written. What was processed is not processed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from callboard.domain.batch_step import SkippedItem
from callboard.domain.json import Json


@dataclass(frozen=True, slots=True)
class Passed:
    """Stands for what there is not, of an item that is skipped."""

    skipped: SkippedItem
    item: object
    """As it was read; None: it was not."""
    error: BaseException


@dataclass(frozen=True)
class Batch:
    """Items of one chunk that are written together, in the order in which they were read.

    The three sequences are of one length.
    """

    items: Sequence[object]
    """As they were read; Passed: it could not be."""
    results: Sequence[object]
    """What is to be written of each; None: the processor dropped it; Passed: it is skipped."""
    cursors: Sequence[Json]

    @property
    def cursor(self) -> Json:
        """Of the last item: where a reader goes on behind all of them."""
        return self.cursors[-1]

    @cached_property
    def outputs(self) -> list[object]:
        """What is to be written."""
        there = [each for each in self.results if each is not None]
        return [each for each in there if type(each) is not Passed] if self.passed else there

    @cached_property
    def passed(self) -> list[Passed]:
        if Passed not in set(map(type, self.results)):
            return []
        return [each for each in self.results if isinstance(each, Passed)]

    @property
    def filters(self) -> int:
        return len(self.results) - len(self.outputs) - len(self.passed)

    def parts(self) -> Iterator[Batch]:
        """In parts with one output each, in order. What was dropped or skipped goes with the
        output behind it, and behind the last one with that."""
        ends = [index + 1 for index in self._output_indices()]
        ends[-1:] = [len(self.results)]
        start = 0
        for end in ends:
            yield Batch(self.items[start:end], self.results[start:end], self.cursors[start:end])
            start = end

    @property
    def output_item(self) -> object:
        """Of a part: the item, as it was read, of its one output."""
        (index,) = self._output_indices()
        return self.items[index]

    def passing(self, passed: Passed) -> Batch:
        """The part with its one output skipped."""
        (index,) = self._output_indices()
        results = [*self.results]
        results[index] = passed
        return Batch(self.items, results, self.cursors)

    def _output_indices(self) -> list[int]:
        return [
            index
            for index, each in enumerate(self.results)
            if each is not None and type(each) is not Passed
        ]
