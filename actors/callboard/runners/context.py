"""RunContext: what a handler can know of its run, and say to it.

A handler gets it by a parameter annotated `RunContext` (or named `ctx`, without annotation), and
everything that it calls by `current_run()`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from callboard.domain.job import Job
from callboard.domain.json import Json
from callboard.domain.run import Run
from callboard.errors import CallboardError, UsageError
from callboard.runners.log import RunLog

_FORMATTER: Final = logging.Formatter("%(message)s")


class RunStopped(CallboardError):
    """The run was asked to stop, and its handler obeys."""


class NoRun(UsageError):
    """There is no run here: the code was not called by a handler."""


class StopFlag:
    """Whether a run is to end; set once, from the loop, and seen by every thread."""

    __slots__ = ("_event", "_wakers")

    def __init__(self) -> None:
        self._event = threading.Event()
        self._wakers: list[Callable[[], object]] = []

    def set(self) -> None:
        self._event.set()
        self._wake()

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        return self._event.wait(timeout_s)

    def call_when_set(self, waker: Callable[[], object]) -> None:
        """Call it once, from whichever thread sets the flag; at once when it is set already."""
        self._wakers.append(waker)
        if self._event.is_set():
            self._wake()

    def _wake(self) -> None:
        while True:
            try:
                waker = self._wakers.pop()  # atomic: each waker is called by one thread only
            except IndexError:
                return
            waker()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunContext:
    """The run that a handler works for."""

    run_id: int
    job: str
    group: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    attempt: int = 1
    """1 for the first; each retry counts up."""
    slot: datetime | None = None
    """The nominal instant for which the run was started; None: not by a slot."""
    trigger: str | None = None
    trace_id: str = ""
    """32 lower-case hex digits (W3C trace context)."""
    output: RunLog = field(repr=False)
    """The run's log: `print` and `logging` lead there already."""
    stop: StopFlag = field(default_factory=StopFlag, repr=False)

    @property
    def log(self) -> logging.Logger:
        """A logger whose lines of every level go to the run's log, and nowhere else."""
        return _RunLogger(self.job, self.output)

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to end: by somebody, by its timeout, by the board's close."""
        return self.stop.is_set()

    def raise_if_stopping(self) -> None:
        """Raises RunStopped when the run was asked to end; for a handler's loops."""
        if self.stop.is_set():
            raise RunStopped(f"run {self.run_id} was asked to stop")

    def wait_stopping(self, timeout_s: float | None = None) -> bool:
        """Block this thread until the run is asked to end, or the seconds are over; whether it is.

        A `time.sleep` for threads that a stop ends; a coroutine handler is cancelled instead.
        """
        return self.stop.wait(timeout_s)


current: Final[ContextVar[RunContext | None]] = ContextVar("callboard_run", default=None)
"""The run for which the present task or thread works."""


def current_run() -> RunContext:
    """The run for which the calling code works, in its tasks and in threads with its context.

    Raises:
        NoRun: for none.
    """
    context = current.get()
    if context is None:
        raise NoRun("there is no run here: call it from a handler (or what a handler calls)")
    return context


def context_of(job: Job, run: Run, log: RunLog, arguments: Mapping[str, Json]) -> RunContext:
    """The context of a run that is about to be executed."""
    return RunContext(
        run_id=run.id,
        job=job.name,
        group=job.group,
        arguments=arguments,
        attempt=run.attempt,
        slot=run.slot,
        trigger=run.trigger,
        trace_id=run.trace_id,
        output=log,
    )


class _RunLogger(logging.Logger):
    """Stands alone: it is in no hierarchy, so nobody's levels and handlers matter to it."""

    def __init__(self, name: str, output: RunLog) -> None:
        super().__init__(name, logging.DEBUG)
        self._output = output

    def handle(self, record: logging.LogRecord) -> None:
        self._output.record(record.levelname, _FORMATTER.format(record))
