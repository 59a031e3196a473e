"""OwnedTasks: the tasks that belong to one actor and end with it; `begin_task`: those of nobody."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any, Final, TypeVar

from callboard.runtime.chain import Work, current_work

T = TypeVar("T")

EAGER: Final[dict[str, Any]] = {"eager_start": True} if sys.version_info >= (3, 12) else {}
"""What makes a task take its first step at once."""

logger = logging.getLogger(__name__)


def begin_task(work: Coroutine[Any, Any, T], *, name: str, eager: bool = True) -> asyncio.Task[T]:
    """A task without any book-keeping, at a fifth of what `OwnedTasks.start` costs.

    Where the interpreter can (3.12 and newer) its first step is taken before this returns. Whoever
    begins it keeps it, ends it, and lets no exception out of the work.
    """
    loop = asyncio.get_running_loop()
    if loop.get_task_factory() is not None:  # the host's word on how tasks are made
        return loop.create_task(work, name=name)
    if EAGER and eager:
        return asyncio.Task(work, loop=loop, name=name, **EAGER)
    return asyncio.Task(work, loop=loop, name=name)


class TaskCrashed(Exception):
    """Stands for an end that asyncio would not call an error: SystemExit, a stray cancellation."""


class OwnedTasks:
    """Starts tasks and cancels those that are left."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(
        self,
        work: Coroutine[Any, Any, T],
        *,
        name: str,
        serves: Work | None,
        on_failure: Callable[[BaseException], None],
    ) -> asyncio.Task[T]:
        """Run `work` beside the actor; `on_failure` hears of every error but cancellation."""
        context = contextvars.copy_context()
        context.run(current_work.set, serves)
        task = asyncio.get_running_loop().create_task(
            _guarded(work), name=f"{self._owner}.{name}", context=context
        )
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(task, work, on_failure))
        return task

    async def cancel_all(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    def names(self) -> list[str]:
        """What still runs."""
        return sorted(task.get_name() for task in self._tasks)

    def _ended(
        self,
        task: asyncio.Task[Any],
        work: Coroutine[Any, Any, Any],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._tasks.discard(task)
        if isinstance(work, CoroutineType):
            work.close()  # was it cancelled before its first step, Python would warn about it
        if not task.cancelled() and (error := task.exception()) is not None:
            on_failure(error)


async def _guarded(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except SystemExit as error:
        raise TaskCrashed(f"the task called sys.exit({error.code!r})") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise TaskCrashed("the task waited for something that was cancelled") from error
