"""What runs on this node now, for a look from another thread.

Nothing is kept for it beside what the executor holds anyway: a look copies the executor's table of
attempts, which is one step of the interpreter, and reads a few fields of each.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

from callboard.runners.attempt import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningHandler:
    """The work of one run."""

    run_id: int
    job: str
    group: str
    began_at: float
    """By the clock's `monotonic`."""
    task: asyncio.Task[None] | None
    """In which a handler on the loop runs; the others are only waited for in it."""
    thread_id: int | None
    """Of the thread in which the handler runs; None: on the loop, in a process, or not yet."""

    def frames(self) -> list[FrameType]:
        """Where it is, the outermost frame first; empty when it ends in this moment.

        Of a handler that blocks the loop just now these are the frames of its coroutines; what
        they have called is on the stack of the loop's thread.
        """
        if self.thread_id is not None:
            return _stack(sys._current_frames().get(self.thread_id))
        return [] if self.task is None else _awaiting(self.task.get_coro())


class RunningHandlers:
    """The look; made before there is an executor, and outlives its restarts."""

    def __init__(self) -> None:
        self._attempts: Mapping[int, Attempt] = {}
        self._count_stuck: Callable[[], int] = int

    def watch(self, attempts: Mapping[int, Attempt], count_stuck: Callable[[], int] = int) -> None:
        """Look at this table from now on, and count so what was left behind."""
        self._attempts = attempts
        self._count_stuck = count_stuck

    @property
    def stuck(self) -> int:
        """Handlers that go on although their runs have ended; each keeps a place (T08)."""
        return self._count_stuck()

    def __call__(self) -> list[RunningHandler]:
        """In the order of their beginning; from any thread."""
        return [_running(attempt) for attempt in list(self._attempts.values())]


def _running(attempt: Attempt) -> RunningHandler:
    context = attempt.context
    return RunningHandler(
        run_id=attempt.run.id,
        job=attempt.run.job,
        group=attempt.run.group,
        began_at=attempt.began_at,
        task=attempt.task,
        thread_id=None if context is None else context.thread_id,
    )


def _awaiting(work: Any) -> list[FrameType]:
    """The frames of a coroutine and of those that it waits for."""
    frames: list[FrameType] = []
    while work is not None:
        frame = getattr(work, "cr_frame", None) or getattr(work, "gi_frame", None)
        if frame is not None:
            frames.append(frame)
        work = getattr(work, "cr_await", None) or getattr(work, "gi_yieldfrom", None)
    return frames


def _stack(frame: FrameType | None) -> list[FrameType]:
    frames: list[FrameType] = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]
