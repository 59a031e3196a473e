"""What a node does at this moment, seen from another thread, for those who may find it dead."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Final

from callboard.domain.json import JsonObject
from callboard.domain.vitals import MOST_RUNS, RunVitals, vitals_of
from callboard.runners.coroutine import run_on_stack
from callboard.runners.running import RunningHandler
from callboard.runners.text import to_storable

MOST_FRAMES: Final = 30
_OURS: Final = str(Path(__file__).parent)
_DOOR: Final = "_call_in_run"
"""The function, of either kind of runner, that calls the handler."""


def stack_of(frame: FrameType | None) -> list[FrameType]:
    """The frames of a thread from its innermost one, the outermost first."""
    frames: list[FrameType] = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


def lines_of(frames: Sequence[FrameType]) -> tuple[str, ...]:
    """`function (file:line)` for each frame of a stack, inside of a run without what called it."""
    doors = [index for index, frame in enumerate(frames) if _is_door(frame)]
    inner = frames[doors[-1] + 1 :] if doors else frames
    return tuple(map(_line, inner[-MOST_FRAMES:]))


def _is_door(frame: FrameType) -> bool:
    code = frame.f_code
    return code.co_name == _DOOR and code.co_filename.startswith(_OURS)


def _line(frame: FrameType) -> str:
    code = frame.f_code
    return to_storable(f"{code.co_name} ({code.co_filename}:{frame.f_lineno})")


class NodeVitals:
    """The look; made on the event loop's thread, called in any."""

    def __init__(
        self,
        *,
        running: Callable[[], Iterable[RunningHandler]],
        resident_mb: Callable[[], float],
        present: Callable[[], datetime],
        older_than_s: float,
        stuck: Callable[[], int] = int,
    ) -> None:
        """Args:
        present: the store's, as far as this node knows it.
        older_than_s: younger runs are not told of.
        stuck: how many handlers were left behind.
        """
        self._running = running
        self._resident_mb = resident_mb
        self._present = present
        self._older_than_s = older_than_s
        self._stuck = stuck
        self._thread_id = threading.get_ident()

    def __call__(self, monotonic: float) -> JsonObject:
        """At that instant of the clock, which is now."""
        begun_before = monotonic - self._older_than_s
        old = (each for each in self._running() if each.began_at <= begun_before)
        return vitals_of(
            at=self._present(),
            rss_mb=self._resident_mb(),
            runs=list(map(self._told, islice(old, MOST_RUNS))),
            stuck=self._stuck(),
        )

    def _told(self, handler: RunningHandler) -> RunVitals:
        frames = handler.frames()
        if handler.thread_id is None:
            on_loop = sys._current_frames().get(self._thread_id)
            context = run_on_stack(on_loop)
            if context is not None and context.run_id == handler.run_id:
                frames = stack_of(on_loop)
        return RunVitals(run_id=handler.run_id, job=handler.job, stack=lines_of(frames))
