"""Handlers in threads.

A thread cannot be killed. Asked to end, its handler sees `ctx.stopping`; when its grace is over it
is detached: its run is reported, the thread counted as stuck, and its place stays taken (T08).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import copy_context
from typing import Any

from callboard.runners.context import RunContext, StopFlag, current
from callboard.runners.control import Phase, RunControl
from callboard.runners.ending import Detached, Ended
from callboard.runners.pool import ThreadPool

logger = logging.getLogger(__name__)


class ThreadRunner:
    """Runs handlers in the threads of a pool of its own."""

    def __init__(
        self,
        capacity: int,
        *,
        hold: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Args:
        capacity: threads at the most.
        hold: held while a thread works; a virtual clock's `hold` keeps its time still meanwhile.
        """
        self._pool = ThreadPool(capacity)
        self._hold = hold

    @property
    def stuck(self) -> int:
        """Threads whose run was reported and that have not ended."""
        return self._pool.stuck

    async def run(
        self, call: Callable[[], object], context: RunContext, control: RunControl
    ) -> Ended | Detached:
        """Call it in a thread; a coroutine that it returns runs on a loop of that thread."""
        in_pool = self._pool.submit(
            f"callboard-run-{context.run_id}", lambda: _call_in_run(call, context), copy_context()
        )

        def press(phase: Phase) -> None:
            if phase is Phase.KILLED or not in_pool.has_started:
                self._pool.give_up(in_pool)

        control.listen(press)
        with self._hold():
            try:
                end = await in_pool.end
            except asyncio.CancelledError:
                context.stop.set()
                self._pool.give_up(in_pool)
                raise
        if isinstance(end, Detached):
            facts = {"event": "run.detached", "run_id": context.run_id, "job": context.job}
            logger.warning("a handler's thread does not end and was left behind", extra=facts)
        return end

    def close(self) -> None:
        """End the threads that are idle; busy ones end after their call."""
        self._pool.close()


def _call_in_run(call: Callable[[], object], context: RunContext) -> object:
    current.set(context)
    context.thread_id = threading.get_ident()
    value = call()
    if asyncio.iscoroutine(value):
        return asyncio.run(until_stopped(value, context.stop))
    return value


async def until_stopped(work: Coroutine[Any, Any, object], stop: StopFlag) -> object:
    """What the coroutine returns; it is cancelled, once, when the flag is set by another thread."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel() -> None:
        if task is not None:
            with suppress(RuntimeError):  # the loop of the thread has ended just now
                loop.call_soon_threadsafe(task.cancel)

    stop.call_when_set(cancel)
    return await work
