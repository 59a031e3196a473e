"""One attempt to execute a run: what is common to all kinds of jobs.

The timeout, the meaning of an end after a stop was asked, the check of the result, and that no
exception but a cancellation leaves.

How an end is told
    nobody asked         the runner's word: succeeded, failed, parked
    a stop was asked     succeeded, when the work succeeded all the same; otherwise stopped, with
                         whatever error there was
    the time was over    timed_out, also when the work ended well during its grace (its result is
                         kept): the limit is a promise to those who wait
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from callboard.clock import Clock
from callboard.domain.job import Job
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState
from callboard.runners.contract import Outcome, Runners
from callboard.runners.control import Phase, RunControl, StopCause
from callboard.runners.failure import to_run_error
from callboard.runners.handlers import UnknownHandler
from callboard.runners.log import RunLog
from callboard.runners.result import BadResult, to_result

TIMEOUT_GRACE_S: Final = 10.0
"""Seconds between a timeout's asking and its killing."""


async def execute_attempt(
    runners: Runners,
    job: Job,
    run: Run,
    *,
    log: RunLog,
    control: RunControl,
    clock: Clock,
    timeout_grace_s: float = TIMEOUT_GRACE_S,
) -> Outcome:
    """How the run ended, in the words of the run's states.

    Raises:
        asyncio.CancelledError: only when the caller was cancelled; the work was ended by force.
    """
    if control.phase is not Phase.GOING:
        return Outcome(state=RunState.STOPPED)
    alarm, late_at = None, None
    if job.timeout_s is not None:
        late_at = clock.monotonic() + job.timeout_s
        alarm = clock.call_at(late_at, partial(control.time_out, timeout_grace_s))
    try:
        outcome = _checked(await _executed(runners, job, run, log, control))
    finally:
        control.close()
        if alarm is not None:
            alarm.cancel()
    if late_at is not None and control.cause is None and clock.monotonic() > late_at:
        control.cause = StopCause.TIMEOUT  # it blocked the loop, so that the alarm could not ring
    return _settled(outcome, control.cause, job.timeout_s)


async def _executed(
    runners: Runners, job: Job, run: Run, log: RunLog, control: RunControl
) -> Outcome:
    runner = runners.of_kind(job.kind)
    if runner is None:
        return _parked("UnknownKind", f"no runner here executes jobs of kind {job.kind!r}")
    try:
        return await runner.execute(job, run, log=log, control=control)
    except UnknownHandler as unknown:
        return _parked("UnknownHandler", str(unknown))
    except Exception as error:  # noqa: BLE001 - a runner may be a plug-in; the run ends failed
        return Outcome(state=RunState.FAILED, error=to_run_error(error))


def _parked(type: str, message: str) -> Outcome:
    return Outcome(state=RunState.PARKED, error=RunError(type=type, message=message))


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
