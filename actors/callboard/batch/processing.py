"""Processing: what becomes of the items of one chunk, in their order.

A coroutine function is awaited item by item; with a concurrency of more than 1, that many tasks
take the next item each. Any other function is called in a thread, in one hop for all items, or
for each of `concurrency` equal parts of them. Where the items are read in a thread, too, it is the
same hop: there and back costs more than most functions do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from callboard.batch.faults import Failed, Faults
from callboard.batch.item_call import ItemCall, called
from callboard.batch.listeners import Listeners
from callboard.batch.scanning import Passed
from callboard.batch.side_by_side import side_by_side
from callboard.batch.skipping import Unreadable

if TYPE_CHECKING:
    from callboard.batch.context import StepContext


class Ahead:
    """What was processed of a chunk where it was read."""

    __slots__ = ("_function", "error", "results")

    def __init__(self, function: Callable[[Any], object]) -> None:
        self._function = function
        self.results: list[object] = []
        """Of the first items."""
        self.error: Exception | None = None
        """Of the item behind them."""

    def __call__(self, items: Sequence[object]) -> None:
        if Unreadable not in set(map(type, items)):
            self.error = _fill(self._function, items, self.results)


class Processing:
    """Of one execution of a step."""

    __slots__ = (
        "_call",
        "_concurrency",
        "_ctx",
        "_faults",
        "_function",
        "_has_hooks",
        "_listeners",
    )

    def __init__(
        self,
        ctx: StepContext,
        call: ItemCall,
        *,
        concurrency: int,
        faults: Faults,
        listeners: Listeners,
    ) -> None:
        self._ctx = ctx
        self._call = call
        self._function = call.bound(ctx)
        self._concurrency = concurrency
        self._faults = faults
        self._listeners = listeners
        self._has_hooks = listeners.has("before_process", "after_process")

    def ahead(self) -> Ahead | None:
        """To be called with a chunk's items in the thread that reads them; None: not to be."""
        if self._call.is_async or self._concurrency > 1 or self._has_hooks:
            return None
        return Ahead(self._function)

    async def results(self, items: Sequence[object], ahead: Ahead | None = None) -> list[object]:
        """Of each item: what is to be written, None, or Passed.

        Args:
            ahead: what has been done with the first of them.
        """
        if ahead is not None and (ahead.results or ahead.error is not None):
            number = len(ahead.results) + (ahead.error is not None)
            done = await self._in_thread(items[:number], ahead.results, ahead.error)
            return done if number == len(items) else [*done, *await self.results(items[number:])]
        if Passed not in set(map(type, items)):
            return await self._all(items)
        read = [item for item in items if type(item) is not Passed]
        results = iter(await self._all(read))
        return [item if type(item) is Passed else next(results) for item in items]

    async def _all(self, items: Sequence[object]) -> list[object]:
        at_once = min(self._concurrency, len(items))
        if at_once <= 1:
            return await self._some(items)
        if not self._call.is_async:
            parts = await side_by_side(
                [partial(self._some, part) for part in _parted(items, at_once)], name="process"
            )
            return [result for part in parts for result in part]
        results: list[object] = [None] * len(items)
        queue = iter(enumerate(items))
        works = [partial(self._take, queue, results) for _ in range(at_once)]
        await side_by_side(works, name="process")
        return results

    async def _take(self, queue: Iterator[tuple[int, object]], results: list[object]) -> None:
        for number, item in queue:
            results[number] = await self._one(item)

    async def _some(self, items: Sequence[object]) -> list[object]:
        if self._has_hooks:
            return [await self._one(item) for item in items]
        if not self._call.is_async:
            return await self._in_thread(items, [])
        function = self._function
        results: list[object] = []
        for item in items:
            try:
                results.append(await function(item))
            except Exception as error:  # noqa: BLE001 - whichever it is, the policies decide
                results.append(await self._failed(item, error))
        return results

    async def _in_thread(
        self, items: Sequence[object], results: list[object], error: Exception | None = None
    ) -> list[object]:
        """Of all items.

        Args:
            results: of the first ones.
            error: of the one behind them.
        """
        while len(results) < len(items):
            if error is None:
                error = await self._ctx.in_thread(_fill, self._function, items, results)
            if error is not None:
                item = items[len(results)]
                results.append(await self._failed(item, error))
                error = None
        if CoroutineType not in set(map(type, results)):
            return results
        return [await self._awaited(*each) for each in zip(items, results, strict=True)]

    async def _one(self, item: object) -> object:
        await self._listeners.call("before_process", self._ctx, item)
        try:
            result = await self._called(item)
        except Exception as error:  # noqa: BLE001 - as above
            result = await self._failed(item, error)
        if type(result) is not Passed:
            await self._listeners.call("after_process", self._ctx, item, result)
        return result

    async def _awaited(self, item: object, result: Any) -> object:
        """Of a plain function that gives coroutines."""
        if type(result) is not CoroutineType:
            return result
        try:
            return await result
        except Exception as error:  # noqa: BLE001 - as above
            return await self._failed(item, error)

    async def _called(self, item: object) -> object:
        result: object = await called(self._ctx, self._call, self._function, item)
        return result

    async def _failed(self, item: object, error: Exception) -> object:
        """What becomes of an item whose first call has failed."""
        result = await self._faults.retried(
            "process",
            error,
            lambda: self._called(item),
            lambda each: self._listeners.call("on_process_error", self._ctx, item, each),
        )
        if isinstance(result, Failed):
            return self._faults.passed("process", item, result.error)
        return result


def _fill(
    function: Callable[[Any], object], items: Sequence[object], results: list[object]
) -> Exception | None:
    """Add the results of the items from number `len(results)` on; the error of the one that has
    none."""
    rest = items[len(results) :] if results else items
    try:
        for item in rest:
            results.append(function(item))
    except Exception as error:  # noqa: BLE001 - told on the loop, where it is decided upon
        return error
    return None


def _parted(items: Sequence[object], number: int) -> list[Sequence[object]]:
    ends = [len(items) * each // number for each in range(number + 1)]
    return [items[start:end] for start, end in pairwise(ends)]
