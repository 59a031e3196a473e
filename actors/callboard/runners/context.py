"""RunContext: what a handler can know of its run, and say to it.

A handler gets it by a parameter annotated `RunContext` (or named `ctx`, without annotation), and
everything that it calls by `current_run()`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from callboard.domain.json import Json
from callboard.domain.run import Run
from callboard.errors import CallboardError, UsageError
from callboard.runners.log import RunLog
from callboard.runners.log_fields import fields_of

_FORMATTER: Final = logging.Formatter("%(message)s")


class RunStopped(CallboardError):
    """The run was asked to stop, and its handler obeys."""


class NoRun(UsageError):
    """There is no run here: the code was not called by a handler."""


class StopFlag:
    """Whether a run is to end; set once, from the loop, and seen by every thread."""

    __slots__ = ("_event", "_is_set", "_wakers")

    def __init__(self) -> None:
        self._is_set = False
        self._event: threading.Event | None = None
        self._wakers: list[Callable[[], object]] = []

    def set(self) -> None:
        self._is_set = True
        self._wake()

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout_s: float | None = None) -> bool:
        if not self._is_set:
            self._wait(timeout_s)
        return self._is_set

    def call_when_set(self, waker: Callable[[], object]) -> None:
        """Call it once, from whichever thread sets the flag; at once when it is set already."""
        self._wakers.append(waker)
        if self._is_set:
            self._wake()

    def forget(self, waker: Callable[[], object]) -> None:
        """Do not call it any more: for what ends long before the flag does."""
        with suppress(ValueError):  # it was called, or is about to be
            self._wakers.remove(waker)

    def _wait(self, timeout_s: float | None) -> None:
        event = self._event
        if event is None:
            # Two threads may each make one: both are woken, either may be the one that is kept.
            event = threading.Event()
            self.call_when_set(event.set)
            self._event = event
        event.wait(timeout_s)

    def _wake(self) -> None:
        while True:
            try:
                waker = self._wakers.pop()  # atomic: each waker is called by one thread only
            except IndexError:
                return
            waker()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Of a run, what its handler may know; a Run has these fields, too."""

    id: int
    job: str
    group: str
    attempt: int
    slot: datetime | None
    trigger: str | None
    trace_id: str


class RunContext:
    """The run that a handler works for.

    Not a dataclass: one is made for every run, and most handlers never look at it.
    """

    __slots__ = ("_facts", "_flags", "_open_log", "arguments", "thread_id")

    def __init__(
        self,
        *,
        run_id: int,
        job: str,
        group: str,
        output: RunLog,
        arguments: Mapping[str, Json] | None = None,
        attempt: int = 1,
        slot: datetime | None = None,
        trigger: str | None = None,
        trace_id: str = "",
    ) -> None:
        """For tests of handlers; `output` is where what is printed and logged leads."""
        self._facts: RunFacts | Run = RunFacts(
            id=run_id,
            job=job,
            group=group,
            attempt=attempt,
            slot=slot,
            trigger=trigger,
            trace_id=trace_id,
        )
        self._open_log: Callable[[], RunLog] = lambda: output
        self._flags: list[StopFlag] = []
        self.arguments: Mapping[str, Json] = {} if arguments is None else arguments
        self.thread_id: int | None = None
        """Of the thread in which the handler runs; None: on the loop, or not yet."""

    def __repr__(self) -> str:
        return f"<RunContext of run {self.run_id} of {self.group}/{self.job}>"

    @property
    def run_id(self) -> int:
        return self._facts.id

    @property
    def job(self) -> str:
        return self._facts.job

    @property
    def group(self) -> str:
        return self._facts.group

    @property
    def attempt(self) -> int:
        """1 for the first; each retry counts up."""
        return self._facts.attempt

    @property
    def slot(self) -> datetime | None:
        """The nominal instant for which the run was started; None: not by a slot."""
        return self._facts.slot

    @property
    def trigger(self) -> str | None:
        return self._facts.trigger

    @property
    def trace_id(self) -> str:
        """32 lower-case hex digits (W3C trace context)."""
        return self._facts.trace_id

    @property
    def epoch(self) -> int | None:
        """Under which its node holds the run; None: it is no stored run."""
        return getattr(self._facts, "epoch", None)

    @property
    def output(self) -> RunLog:
        """The run's log: `print` and `logging` lead there already."""
        return self._open_log()

    @property
    def stop(self) -> StopFlag:
        flags = self._flags
        if not flags:
            flags.append(StopFlag())  # of two threads at once, the first one's is everybody's
        return flags[0]

    @property
    def log(self) -> logging.Logger:
        """A logger whose lines of every level go to the run's log, and nowhere else.

        What is given as `extra` is kept as the line's fields.
        """
        return _RunLogger(self.job, self.output)

    def progress(self, done: float, total: float | None = None, note: str | None = None) -> None:
        """Say how far the run is, as often as you like: what was said last is stored about twice
        a second, and before the end.

        Args:
            done: from 0; bytes, rows, per cent: whatever counts.
            total: at which it is done; None: nobody knows.
            note: what it does now; 200 characters at the most.
        Raises:
            InvalidInput: for what is not a finite number from 0 to 2**53.
        """
        self.output.report(done, total, note)

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to end: by somebody, by its timeout, by the board's close."""
        flags = self._flags
        return bool(flags) and flags[0].is_set()

    def raise_if_stopping(self) -> None:
        """Raises RunStopped when the run was asked to end; for a handler's loops."""
        if self.stopping:
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


_new_object: Final[Callable[[type], Any]] = object.__new__


def context_of(
    run: Run, arguments: Mapping[str, Json], open_log: Callable[[], RunLog]
) -> RunContext:
    """The context of a run that is about to be executed.

    Args:
        arguments: the handler's own, which it may change.
        open_log: gives the run's log, from any thread, always the same one.
    """
    context = _new_object(RunContext)
    context._facts = run
    context._open_log = open_log
    context._flags = []
    context.arguments = arguments
    context.thread_id = None
    made: RunContext = context
    return made


class _RunLogger(logging.Logger):
    """Stands alone: it is in no hierarchy, so nobody's levels and handlers matter to it."""

    def __init__(self, name: str, output: RunLog) -> None:
        super().__init__(name, logging.DEBUG)
        self._output = output

    def handle(self, record: logging.LogRecord) -> None:
        self._output.record(record.levelname, _FORMATTER.format(record), fields_of(record))
