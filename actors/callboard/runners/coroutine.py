"""Handlers on the event loop.

Asked to end: `ctx.stopping` is set and the handler's task cancelled. A handler that goes on is
cancelled again when its grace is over; one that swallows this, too, is detached: its run is
reported, and the task stays behind until it ends.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Final

from callboard.clock import Clock
from callboard.runners.context import RunContext, current
from callboard.runners.contract import Spawn
from callboard.runners.control import Phase, RunControl
from callboard.runners.ending import Detached, Ended

LAST_CHANCE_S: Final = 1.0
"""Seconds between the last cancellation and letting go."""

logger = logging.getLogger(__name__)


class CoroutineRunner:
    """Runs handlers as tasks of the loop."""

    def __init__(self, *, spawn: Spawn, clock: Clock) -> None:
        self._spawn = spawn
        self._clock = clock
        self._left: set[asyncio.Task[Ended]] = set()

    @property
    def stuck(self) -> int:
        """Handlers that were detached and have not ended."""
        return len(self._left)

    async def run(
        self, call: Callable[[], object], context: RunContext, control: RunControl
    ) -> Ended | Detached:
        """Call it, await what it returns if that can be awaited, and tell the end."""
        task = self._spawn(_call_in_run(call, context), name=f"run-{context.run_id}")
        end: asyncio.Future[Ended | Detached] = asyncio.get_running_loop().create_future()
        task.add_done_callback(partial(_tell_end, end))
        control.listen(partial(self._press, task, end))
        try:
            return await end
        except asyncio.CancelledError:
            context.stop.set()
            await self._end_fast(task)
            raise
        finally:
            if not task.done():
                self._leave(task, context)

    def _press(
        self, task: asyncio.Task[Ended], end: asyncio.Future[Ended | Detached], phase: Phase
    ) -> None:
        task.cancel()
        if phase is Phase.KILLED:
            give_up_at = self._clock.monotonic() + LAST_CHANCE_S
            alarm = self._clock.call_at(give_up_at, partial(_give_up, task, end))
            task.add_done_callback(lambda _: alarm.cancel())

    async def _end_fast(self, task: asyncio.Task[Ended]) -> None:
        end: asyncio.Future[Ended | Detached] = asyncio.get_running_loop().create_future()
        task.add_done_callback(partial(_tell_end, end))
        self._press(task, end, Phase.KILLED)
        await end

    def _leave(self, task: asyncio.Task[Ended], context: RunContext) -> None:
        self._left.add(task)
        task.add_done_callback(self._left.discard)
        facts = {"event": "run.detached", "run_id": context.run_id, "job": context.job}
        logger.warning("a handler ignores its cancellation and was left behind", extra=facts)


def run_on_stack(frame: FrameType | None) -> RunContext | None:
    """The run whose handler is on the stack that ends in `frame`; None: no handler is.

    For a watchdog in another thread that looks at the loop's thread (`sys._current_frames()`), to
    name the handler that blocks the loop.
    """
    while frame is not None:
        if frame.f_code is _call_in_run.__code__:
            context = frame.f_locals.get("context")
            return context if isinstance(context, RunContext) else None
        frame = frame.f_back
    return None


async def _call_in_run(call: Callable[[], object], context: RunContext) -> Ended:
    current.set(context)
    try:
        value = call()
        if inspect.isawaitable(value):
            value = await value
        return Ended(value=value)
    except BaseException as error:  # noqa: BLE001 - SystemExit would end the loop
        return Ended(error=error)


def _tell_end(end: asyncio.Future[Ended | Detached], task: asyncio.Task[Ended]) -> None:
    if end.done():
        return
    if task.cancelled():  # before its first step
        end.set_result(Ended(error=asyncio.CancelledError()))
    elif (error := task.exception()) is not None:
        end.set_result(Ended(error=error))
    else:
        end.set_result(task.result())


def _give_up(task: asyncio.Task[Ended], end: asyncio.Future[Ended | Detached]) -> None:
    if not task.done() and not end.done():
        end.set_result(Detached())
