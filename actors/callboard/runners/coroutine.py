"""Handlers on the event loop.

Asked to end: `ctx.stopping` is set and the handler's task cancelled. A handler that goes on is
cancelled again when its grace is over; one that swallows this, too, is detached: its run is
reported, and the task stays behind until it ends.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from types import CoroutineType, FrameType
from typing import Any, Final, cast

from callboard.domain.states import RunState
from callboard.runners.attempt import Attempt
from callboard.runners.context import RunContext, current
from callboard.runners.contract import Outcome
from callboard.runners.control import Phase
from callboard.runners.ending import Detached, Ended, to_outcome

LAST_CHANCE_S: Final = 1.0
"""Seconds between the last cancellation and letting go."""
DONE: Final = Outcome(state=RunState.SUCCEEDED)

logger = logging.getLogger(__name__)


class CoroutineRunner:
    """Runs handlers on the loop, each in the task of its attempt."""

    def __init__(self) -> None:
        self._left: set[asyncio.Task[None]] = set()

    @property
    def stuck(self) -> int:
        """Handlers that were detached and have not ended."""
        return len(self._left)

    def start(self, attempt: Attempt, call: Callable[[], object], context: RunContext) -> None:
        """Call it, await what it returns if that can be awaited, and tell the end."""
        attempt.enter(self, _call_in_run(call, context, attempt))

    def press(self, attempt: Attempt, phase: Phase) -> None:
        """As Place.press: cancel the task; a killed one is let go of a second later."""
        task, context = attempt.task, attempt.context
        assert task is not None
        assert context is not None
        context.stop.set()
        task.cancel()
        if inspect.getcoroutinestate(_work_of(task)) == inspect.CORO_CREATED:
            # Cancelled before its first step, it will not come to tell its end.
            _tell(attempt, Ended(error=asyncio.CancelledError()))
        elif phase is Phase.KILLED:
            attempt.call_in(LAST_CHANCE_S, partial(self._leave, attempt))

    def _leave(self, attempt: Attempt) -> None:
        task = attempt.task
        assert task is not None
        self._left.add(task)
        task.add_done_callback(self._left.discard)
        facts = {"event": "run.detached", "run_id": attempt.run.id, "job": attempt.job.name}
        logger.warning("a handler ignores its cancellation and was left behind", extra=facts)
        _tell(attempt, Detached())


def run_on_stack(frame: FrameType | None) -> RunContext | None:
    """The run whose handler is on the stack that ends in `frame`; None: no handler is.

    For a watchdog in another thread that looks at the loop's thread (`sys._current_frames()`), to
    name the handler that blocks the loop.
    """
    while frame is not None:
        if frame.f_code.co_name == _call_in_run.__name__:  # a batch run's has that name, too
            context = frame.f_locals.get("context")
            return context if isinstance(context, RunContext) else None
        frame = frame.f_back
    return None


async def _call_in_run(call: Callable[[], object], context: RunContext, attempt: Attempt) -> None:
    current.set(context)
    try:
        value = call()
        if value is not None and (type(value) is CoroutineType or inspect.isawaitable(value)):
            value = await value
    except BaseException as error:  # noqa: BLE001 - SystemExit would end the loop
        if not _is_dropped(error, attempt):
            _tell(attempt, Ended(error=error))
    else:
        if value is None and attempt.phase is Phase.GOING:
            attempt.end(DONE)
        else:
            _tell(attempt, Ended(value=value))


def _work_of(task: asyncio.Task[None]) -> Coroutine[Any, Any, None]:
    return cast("Coroutine[Any, Any, None]", task.get_coro())


def _tell(attempt: Attempt, end: Ended | Detached) -> None:
    attempt.end(to_outcome(end, attempt.phase))


def _is_dropped(error: BaseException, attempt: Attempt) -> bool:
    """Whether the coroutine was thrown away in the middle: its loop is gone, nobody is to know."""
    if type(error) is not GeneratorExit or attempt.task is None:
        return False
    return asyncio._get_running_loop() is None or asyncio.current_task() is not attempt.task
