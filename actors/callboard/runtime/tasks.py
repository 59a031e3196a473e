"""OwnedTasks: the tasks that belong to one actor and end with it."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any, TypeVar

from callboard.runtime.chain import Work, current_work

T = TypeVar("T")

logger = logging.getLogger(__name__)


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
