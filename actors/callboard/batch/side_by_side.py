"""Several pieces of a run's work at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any, TypeVar

from callboard.batch.activity import Activity
from callboard.runtime import begin_task

T = TypeVar("T")


async def side_by_side(
    works: Iterable[Callable[[], Coroutine[Any, Any, T]]],
    *,
    name: str,
    limit: int | None = None,
    activity: Activity | None = None,
) -> list[T]:
    """What each gave, in their order. When one raises, the others are cancelled and awaited.

    Args:
        limit: so many at once at the most; the next is begun when one has ended.
        activity: the run's, of which each of them is a line from now on.
    """
    lines = Activity() if activity is None else activity
    waiting = list(enumerate(works))
    waiting.reverse()
    results: dict[int, T] = {}
    running: dict[asyncio.Task[T], int] = {}
    try:
        while waiting or running:
            while waiting and (limit is None or len(running) < limit):
                at, work = waiting.pop()
                running[begin_task(work(), name=f"{name}.{at}", eager=False)] = at
                lines.begin()
            with lines.waiting():
                ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                at = running.pop(task)
                lines.end()
                results[at] = task.result()
    finally:
        await end_all(running)
        for _ in running:
            lines.end()
    return [results[at] for at in sorted(results)]


async def end_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel those that run, and wait until they have ended."""
    left = {task for task in tasks if not task.done()}
    for task in left:
        task.cancel()
    while left:
        try:
            _, left = await asyncio.wait(left)
        except asyncio.CancelledError:
            continue  # cancelled once more: what runs must have ended all the same
    for task in tasks:
        if not task.cancelled():
            task.exception()  # of several errors the first one is raised
