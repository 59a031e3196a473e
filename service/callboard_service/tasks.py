"""The tasks of the service: the only place that starts any; none outlives its block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from callboard.clock import Clock

T = TypeVar("T")


async def first_of(*works: Coroutine[Any, Any, T]) -> T:
    """The result, or the error, of the work that ends first; the others are cancelled.

    Of several that end together the first in the order of the arguments counts.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        winner = next(task for task in tasks if task.done())
    finally:
        await _cancel(tasks)
    return winner.result()


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` while the block runs; it is cancelled at the block's end."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        await _cancel([task])


@asynccontextmanager
async def within(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """TimeoutError when the block is not done in `seconds` of the clock."""
    async with asyncio.timeout(None) as limit:
        loop = asyncio.get_running_loop()
        alarm = clock.call_at(clock.monotonic() + seconds, lambda: limit.reschedule(loop.time()))
        try:
            yield
        finally:
            alarm.cancel()


class Group:
    """Works that begin one by one beside a block and let no error out; those that are not over at
    its end are cancelled. `async with` it."""

    def __init__(self) -> None:
        self._tasks: dict[object, asyncio.Future[Any]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await _cancel(list(self._tasks.values()))

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, key: object) -> bool:
        return key in self._tasks

    def begin(self, key: object, work: Coroutine[Any, Any, None]) -> None:
        """Begin it; `key` is free again when it has ended."""
        task = self._tasks[key] = asyncio.ensure_future(work)
        task.add_done_callback(lambda _: self._tasks.pop(key, None))


async def _cancel(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
