"""The runners that every board has, wired together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from callboard.clock import SystemClock
from callboard.runners.capture import Capture
from callboard.runners.command import CommandRunner
from callboard.runners.contract import Runners
from callboard.runners.coroutine import CoroutineRunner
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.program import find_guard
from callboard.runners.python import PythonRunner
from callboard.runners.thread import ThreadRunner


def standard_runners(
    registry: HandlerRegistry,
    *,
    capacity: int,
    environ: Mapping[str, str],
    echo: bool = False,
    hold: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Runners:
    """Runners for jobs of kind python and command; `close` them on the same thread.

    Args:
        capacity: threads at the most; no less than runs at once.
        environ: this process's variables, of which commands get a few.
        echo: whether handlers' output also goes to the process's own streams.
        hold: a virtual clock's `hold`, so that its time stands still while threads and processes
            work in real time.
    """
    python = PythonRunner(
        registry,
        coroutines=CoroutineRunner(),
        threads=ThreadRunner(capacity, hold=hold),
        capture=Capture(echo=echo),
    )
    command = CommandRunner(clock=SystemClock(), environ=environ, guard=find_guard(), hold=hold)
    return Runners((python, command))
