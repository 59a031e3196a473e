"""One attempt to execute a run: what is common to all kinds of jobs.

The timeout, the meaning of an end after a stop was asked, the check of the result, and that no
exception leaves. An attempt is begun by `start` and tells its end once, by a call: there is no task
beside the one that the handler runs in.

How an end is told
    nobody asked         the runner's word: succeeded, failed, stopped, parked, queued (snoozed)
    a stop was asked     succeeded, when the work succeeded all the same; otherwise stopped, with
                         whatever error there was
    the time was over    timed_out, also when the work ended well during its grace (its result is
                         kept): the limit is a promise to those who wait; the limit is the
                         timeout_s of the start, or else of the job, or the end of the chain's time
                         where that comes first
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Protocol

from callboard.clock import Alarm, Clock
from callboard.domain.amend import amended
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.log import LogChunk
from callboard.domain.run import Run, RunError, StopMode
from callboard.domain.states import RunState
from callboard.domain.time_limit import TimeLimit, time_limit_of
from callboard.runners.context import RunContext
from callboard.runners.contract import Begin, Outcome, Runners, Start
from callboard.runners.control import Phase, RunControl, StopCause
from callboard.runners.failure import to_run_error
from callboard.runners.handlers import UnknownHandler
from callboard.runners.log import LIMIT_BYTES, RunLog
from callboard.runners.masking import Mask
from callboard.runners.result import BadResult, to_result
from callboard.runners.secrets import Clear, Secrets, refers

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
    on_lend: Callable[[Attempt, bool], None] = lambda attempt, is_lent: None
    """Called in the attempt's task when its place is lent, or taken back."""
    secrets: Secrets = field(default_factory=Secrets)
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
        "_clear",
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
        self._clear: Clear | None = None
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
        if job.timeout_s is not None or self.run.terms is not None:
            self._watch_time()
            if self.is_over:
                return
        if refers(job, self.run):
            self._start_clear(start)
            return
        try:
            start(self)
        except Exception as error:  # noqa: BLE001 - a runner may be a plug-in; the run ends failed
            self.end(_broken(error))

    def _start_clear(self, start: Start) -> None:
        """Start, in a task of its own, when the secrets are there."""
        work = self._work(partial(self._clear_first, start))
        task = self._stage.begin(work, name=f"secrets-{self.run.id}")
        if not self.is_over and self.task is None:  # an eager task has come to the runner's already
            self.task = task

    async def _clear_first(self, start: Start) -> Outcome | None:
        found = await self._stage.secrets.clear(self.job, self.run)
        if isinstance(found, Outcome):
            return found
        if self.phase is not Phase.GOING:
            return Outcome(state=RunState.STOPPED)
        self._clear = found
        start(self)
        return None

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
        return self.job if self._clear is None else self._clear.job

    @property
    def clear_run(self) -> Run:
        """The run likewise. Neither of them is for anybody else's eyes."""
        return self.run if self._clear is None else self._clear.run

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that nothing may tell which leaves the runner by another way than this attempt."""
        return () if self._clear is None else self._clear.values

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

    def lend(self, is_lent: bool) -> None:
        """Lend the place on the node while all of the work only waits for other runs, and take it
        back before the work goes on."""
        if not self.is_over:
            self._stage.on_lend(self, is_lent)

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

    @property
    def has_progress(self) -> bool:
        return bool(self._logs) and self._logs[0].has_progress

    def take_progress(self) -> JsonObject | None:
        """What was said of its progress since the last call; None: nothing. The run has it, too."""
        progress = self._logs[0].take_progress() if self._logs else None
        if progress is not None:
            self.run = amended(self.run, progress=progress)
        return progress

    # its end

    def end(self, outcome: Outcome) -> None:
        """Tell the end; the first one counts."""
        if self.is_over:
            return
        if outcome.error is not None and outcome.state is RunState.QUEUED:
            self.log.record("INFO", outcome.error.message)
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
            if self._clear is not None:
                outcome = _masked(outcome, self._clear.mask)
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
        return _settled(outcome, self._control.cause, time_limit_of(self.job, self.run))

    def _is_late(self) -> bool:
        return self._late_at is not None and self._stage.clock.monotonic() > self._late_at

    def _watch_time(self) -> None:
        limit = time_limit_of(self.job, self.run)
        if limit is None:
            return
        if limit.seconds <= 0:
            self.end(_timed_out(Outcome(state=RunState.TIMED_OUT), limit))
            return
        self._late_at = self.began_at + limit.seconds
        self.call_in(limit.seconds, partial(self.control.time_out, self._stage.timeout_grace_s))

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
            mask=None if self._clear is None else self._clear.mask,
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


def _masked(outcome: Outcome, mask: Mask) -> Outcome:
    error = outcome.error
    return replace(
        outcome,
        result=mask.json(outcome.result),
        error=None if error is None else mask.error(error),
    )


def _checked(outcome: Outcome) -> Outcome:
    try:
        return replace(outcome, result=to_result(outcome.result))
    except BadResult as bad:
        return Outcome(state=RunState.FAILED, error=bad.error)


def _settled(outcome: Outcome, cause: StopCause | None, limit: TimeLimit | None) -> Outcome:
    if cause is StopCause.TIMEOUT and limit is not None:
        return _timed_out(outcome, limit)
    if cause is StopCause.REQUESTED and outcome.state is not RunState.SUCCEEDED:
        return replace(outcome, state=RunState.STOPPED)
    return outcome


def _timed_out(outcome: Outcome, limit: TimeLimit) -> Outcome:
    """Whatever else it was: to a retry policy it is of the kind of its error alone."""
    return replace(
        outcome,
        state=RunState.TIMED_OUT,
        error=_timeout_error(outcome, limit),
        kinds=(),
        retry=outcome.retry if limit.may_be_retried else False,
    )


def _timeout_error(outcome: Outcome, limit: TimeLimit) -> RunError:
    error = outcome.error
    if outcome.state is RunState.SUCCEEDED:
        return RunError(type=limit.type, message=f"{limit.message}, and then succeeded")
    if error is None:
        return RunError(type=limit.type, message=limit.message)
    return replace(
        error, type=limit.type, message=f"{limit.message}; {error.type}: {error.message}"
    )
