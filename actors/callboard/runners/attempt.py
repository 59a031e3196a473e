"""One attempt to execute a run: what is common to all kinds of jobs.

The timeout, the meaning of an end after a stop was asked, the check of the result, and that no
exception leaves. An attempt is begun by `start` and tells its end once, by a call: there is no task
beside the one that the handler runs in.

How an end is told
    nobody asked         the runner's word: succeeded, failed, parked
    a stop was asked     succeeded, when the work succeeded all the same; otherwise stopped, with
                         whatever error there was
    the time was over    timed_out, also when the work ended well during its grace (its result is
                         kept): the limit is a promise to those who wait
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Protocol

from callboard.clock import Alarm, Clock
from callboard.domain.job import Job
from callboard.domain.log import LogChunk
from callboard.domain.run import Run, RunError, StopMode
from callboard.domain.states import RunState
from callboard.runners.context import RunContext
from callboard.runners.contract import Begin, Outcome, Runners
from callboard.runners.control import Phase, RunControl, StopCause
from callboard.runners.failure import to_run_error
from callboard.runners.handlers import UnknownHandler
from callboard.runners.log import LIMIT_BYTES, RunLog
from callboard.runners.result import BadResult, to_result

TIMEOUT_GRACE_S: Final = 10.0
"""Seconds between a timeout's asking and its killing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What all attempts of one node share; to be made on the loop's thread."""

    runners: Runners
    clock: Clock
    begin: Begin
    on_end: Callable[[Attempt, Outcome], None]
    """Called once for each attempt that was not abandoned, in whatever task it ends."""
    on_fault: Callable[[BaseException], None]
    """Called when `on_end` raised."""
    log_limit_bytes: int = LIMIT_BYTES
    timeout_grace_s: float = TIMEOUT_GRACE_S
    home: int = field(default_factory=threading.get_ident)


class Place(Protocol):
    """Where the handler of an attempt runs, when that is in the attempt's own task."""

    def press(self, attempt: Attempt, phase: Phase) -> None:
        """End the handler, or let go of it, as hard as `phase` says."""
        ...


class Attempt:
    """One run on this node, from `start` to its end."""

    __slots__ = (
        "_alarms",
        "_chunks",
        "_control",
        "_gone",
        "_late_at",
        "_log_seq",
        "_logs",
        "_place",
        "_stage",
        "began_at",
        "context",
        "is_over",
        "job",
        "run",
        "task",
    )

    def __init__(self, stage: Stage, run: Run, job: Job, *, log_seq: int = 0) -> None:
        """Args:
        log_seq: number of the last line that an earlier holder of the run logged.
        """
        self.run = run
        self.job = job
        self.began_at = stage.clock.monotonic()
        self.is_over = False
        """Whether the end was told; the work itself may go on, left behind."""
        self.task: asyncio.Task[None] | None = None
        """The attempt's own, in which the handler runs or is waited for, until the end was told."""
        self.context: RunContext | None = None
        """Of a handler in Python, until the end was told."""
        self._stage = stage
        self._log_seq = log_seq
        self._logs: list[RunLog] = []
        self._chunks: list[LogChunk] | None = None
        self._control: RunControl | None = None
        self._place: Place | None = None
        self._late_at: float | None = None
        self._alarms: list[Alarm] | None = None
        self._gone: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Begin; the end may be told before this returns."""
        job = self.job
        start = self._stage.runners.start_of(job.kind)
        if start is None:
            self.end(_parked("UnknownKind", f"no runner here executes jobs of kind {job.kind!r}"))
            return
        if job.timeout_s is not None:
            self._watch_time(job.timeout_s)
        try:
            start(self)
        except Exception as error:  # noqa: BLE001 - a runner may be a plug-in; the run ends failed
            self.end(_broken(error))

    def work(self, make: Callable[[], Coroutine[Any, Any, Outcome | None]]) -> None:
        """Do the work of a coroutine in the attempt's own task; None: its end is told elsewhere."""
        task = self._stage.begin(self._work(make), name=f"run-{self.run.id}")
        if not self.is_over:
            self.task = task

    def enter(self, place: Place, call: Coroutine[Any, Any, None]) -> None:
        """Run a handler in the attempt's own task; `call` tells the end, and lets nothing out."""
        task = self._stage.begin(call, name=f"run-{self.run.id}")
        if self.is_over:
            return
        self.task = task
        self._place = place
        if self._control is not None:
            self._control.listen(self._press)

    @property
    def clear_job(self) -> Job:
        """The job as its runner needs it: what it refers to is in it."""
        return self.job

    @property
    def clear_run(self) -> Run:
        """The run likewise. Neither of them is for anybody else's eyes."""
        return self.run

    # what the executor and the attempt's own clock want of it

    def request_stop(self, mode: StopMode, grace_s: float) -> None:
        """As RunControl.request_stop."""
        if not self.is_over:
            self.control.request_stop(mode, grace_s)

    def abandon(self) -> asyncio.Future[None]:
        """End the work by force and tell nobody; done when it has ended or was left behind."""
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_future()
            if self.is_over:
                self._gone.set_result(None)
            else:
                self._cut_off()
        return self._gone

    @property
    def control(self) -> RunControl:
        if self._control is None:
            self._control = RunControl(self._stage.clock)
            if self._place is not None:
                self._control.listen(self._press)
        return self._control

    @property
    def phase(self) -> Phase:
        """How hard the run is pressed to end."""
        return Phase.GOING if self._control is None else self._control.phase

    def call_in(self, seconds: float, callback: Callable[[], object]) -> None:
        """Call it then, unless the end was told before."""
        clock = self._stage.clock
        if self._alarms is None:
            self._alarms = []
        self._alarms.append(clock.call_at(clock.monotonic() + seconds, callback))

    # its log, made when somebody writes the first line

    @property
    def log(self) -> RunLog:
        return self.open_log()

    def open_log(self) -> RunLog:
        """The log; a closed one when the end was told. From any thread."""
        logs = self._logs
        if not logs:
            logs.append(self._new_log())  # of two threads at once, the first one's is everybody's
            if self.is_over:
                logs[0].close()
        return logs[0]

    def flush(self) -> None:
        """As RunLog.flush; on the loop's thread."""
        if self._logs:
            self._logs[0].flush()

    @property
    def has_chunks(self) -> bool:
        return self._chunks is not None

    def take_chunks(self) -> tuple[LogChunk, ...]:
        """What the log has emitted since the last call."""
        chunks = self._chunks
        if chunks is None:
            return ()
        self._chunks = None
        return tuple(chunks)

    # its end

    def end(self, outcome: Outcome) -> None:
        """Tell the end; the first one counts."""
        if self.is_over:
            return
        self.is_over = True
        # They lead back here: without this, only the garbage collector would free any of them.
        self.context = self.task = None
        if self._control is not None:
            self._control.close()
        if self._alarms is not None:
            for alarm in self._alarms:
                alarm.cancel()
        if self._logs:
            self._logs[0].close()
        if self._gone is not None:
            _set(self._gone)
            return
        try:
            if self._control is not None or outcome.result is not None:
                outcome = self._judged(outcome)
            self._stage.on_end(self, outcome)
        except BaseException as error:  # noqa: BLE001 - not to be lost in the handler's task
            self._stage.on_fault(error)

    def _judged(self, outcome: Outcome) -> Outcome:
        if outcome.result is not None:
            outcome = _checked(outcome)
        if self._control is None:
            return outcome
        if self._control.cause is None and self._is_late():
            # It blocked the loop, so that the alarm could not ring.
            self._control.cause = StopCause.TIMEOUT
        return _settled(outcome, self._control.cause, self.job.timeout_s)

    def _is_late(self) -> bool:
        return self._late_at is not None and self._stage.clock.monotonic() > self._late_at

    def _watch_time(self, timeout_s: float) -> None:
        self._late_at = self.began_at + timeout_s
        self.call_in(timeout_s, partial(self.control.time_out, self._stage.timeout_grace_s))

    async def _work(self, make: Callable[[], Coroutine[Any, Any, Outcome | None]]) -> None:
        if self.phase is not Phase.GOING:
            self.end(Outcome(state=RunState.STOPPED))
            return
        try:
            outcome = await make()
        except Exception as error:  # noqa: BLE001 - a runner may be a plug-in; the run ends failed
            outcome = _broken(error)
        except BaseException as error:
            # Cancelled by `abandon`: that was to be. By anybody else: the runner broke its word.
            if self._gone is None:
                self.end(_broken(error))
            raise
        if outcome is not None:
            self.end(outcome)

    def _press(self, phase: Phase) -> None:
        assert self._place is not None
        self._place.press(self, phase)

    def _cut_off(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._place is not None:
            self._place.press(self, Phase.KILLED)
        elif self.task is not None:
            self.task.cancel()
            self.task.add_done_callback(self._on_cut_off)

    def _on_cut_off(self, task: asyncio.Task[None]) -> None:
        self.end(Outcome(state=RunState.STOPPED))

    def _new_log(self) -> RunLog:
        stage = self._stage
        return RunLog(
            self.run.id,
            clock=stage.clock,
            emit=self._emit,
            limit_bytes=stage.log_limit_bytes,
            after=self._log_seq,
            home=stage.home,
        )

    def _emit(self, chunk: LogChunk) -> None:
        if self._chunks is None:
            self._chunks = []
        self._chunks.append(chunk)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _parked(type: str, message: str) -> Outcome:
    return Outcome(state=RunState.PARKED, error=RunError(type=type, message=message))


def _broken(error: BaseException) -> Outcome:
    if isinstance(error, UnknownHandler):
        return _parked("UnknownHandler", str(error))
    return Outcome(state=RunState.FAILED, error=to_run_error(error))


def _checked(outcome: Outcome) -> Outcome:
    try:
        return replace(outcome, result=to_result(outcome.result))
    except BadResult as bad:
        return Outcome(state=RunState.FAILED, error=bad.error)


def _settled(outcome: Outcome, cause: StopCause | None, timeout_s: float | None) -> Outcome:
    if cause is StopCause.TIMEOUT:
        error = _timeout_error(outcome, timeout_s or 0.0)
        return replace(outcome, state=RunState.TIMED_OUT, error=error)
    if cause is StopCause.REQUESTED and outcome.state is not RunState.SUCCEEDED:
        return replace(outcome, state=RunState.STOPPED)
    return outcome


def _timeout_error(outcome: Outcome, timeout_s: float) -> RunError:
    message = f"it took longer than {timeout_s:g} s"
    error = outcome.error
    if outcome.state is RunState.SUCCEEDED:
        return RunError(type="TimedOut", message=f"{message}, and then succeeded")
    if error is None:
        return RunError(type="TimedOut", message=message)
    return replace(error, type="TimedOut", message=f"{message}; {error.type}: {error.message}")
