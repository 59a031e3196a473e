"""How a Python handler ended, and what that means for its run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from callboard.domain.json import Json
from callboard.domain.retry import kinds_of
from callboard.domain.run import RunError
from callboard.domain.states import RunState
from callboard.domain.wish import WISHES, Cancel, Retry, Snooze, Wish
from callboard.runners.context import RunStopped
from callboard.runners.contract import Outcome
from callboard.runners.control import Phase
from callboard.runners.failure import MAX_MESSAGE_BYTES, to_run_error
from callboard.runners.text import cut_end, to_storable


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a call."""

    value: object = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Detached:
    """The call has not ended, but is no longer waited for."""


def call_to_end(call: Callable[[], object]) -> Ended:
    """Call it; no exception of any kind gets out."""
    try:
        return Ended(value=call())
    except BaseException as error:  # noqa: BLE001 - SystemExit of a handler must not end the node
        return Ended(error=error)


def to_outcome(end: Ended | Detached, phase: Phase) -> Outcome:
    """The outcome of a handler that ended so when it was pressed that hard."""
    match end:
        case Detached():
            message = "the handler did not end when it was told to, and still runs"
            return _failed(RunError(type="Detached", message=message))
        case Ended(error=None):
            return _succeeded(end.value)
        case Ended(error=SystemExit() as error):
            return _exited(error)
        case Ended(error=asyncio.CancelledError() | RunStopped()) if phase is not Phase.GOING:
            return Outcome(state=RunState.STOPPED)
        case Ended(error=BaseException() as error):
            return _failed(to_run_error(error), kinds_of(error))
    raise AssertionError(end)


def _succeeded(value: object) -> Outcome:
    if asyncio.iscoroutine(value):
        value.close()
    if isinstance(value, WISHES):
        return wish_outcome(value)
    result: Json = value  # type: ignore[assignment]  # whether it is JSON, the attempt checks
    return Outcome(state=RunState.SUCCEEDED, result=result)


def wish_outcome(wish: Wish) -> Outcome:
    """What a wish that a handler returned means for its run.

    The error of a snooze is what its log is told; the run itself has none.
    """
    reason = cut_end(to_storable(wish.reason), MAX_MESSAGE_BYTES)
    match wish:
        case Retry(after_s=after_s):
            error = RunError(type="Retry", message=reason or "its handler wants another attempt")
            return Outcome(state=RunState.FAILED, error=error, retry=True, after_s=after_s)
        case Snooze(after_s=after_s):
            message = f"snoozed for {after_s:g} s" + (f": {reason}" if reason else "")
            error = RunError(type="Snooze", message=message)
            return Outcome(state=RunState.QUEUED, error=error, after_s=after_s)
        case Cancel():
            error = RunError(type="Cancelled", message=reason or "cancelled by its handler")
            return Outcome(state=RunState.STOPPED, error=error)


def _failed(error: RunError, kinds: tuple[str, ...] = ()) -> Outcome:
    return Outcome(state=RunState.FAILED, error=error, kinds=kinds)


def _exited(error: SystemExit) -> Outcome:
    """As the interpreter takes it: None and 0 are success, another number is the exit code, and
    anything else is a message with exit code 1."""
    code = error.code
    if code is None or code == 0:
        return Outcome(state=RunState.SUCCEEDED)
    exit_code = int(code) if isinstance(code, int) else 1
    return _failed(to_run_error(error, exit_code=exit_code), kinds_of(error))
