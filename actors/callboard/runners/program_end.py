"""How a program ended, as the outcome of its run.

Exit code 0 succeeds, with what the program wrote to its result file, or else {"exit_code": 0};
another one fails with the last lines of stderr as the message. A process that a signal killed has,
as in shells, exit code 128 + signal. A limit that it met is named where that is certain.

| error type | when | other kinds, for retry policies |
| --- | --- | --- |
| CommandFailed | another exit code than 0 | |
| CommandKilled | a signal ended it | CommandFailed, the signal's name |
| CpuLimit, FileLimit, ProcessLimit | it met that limit | CommandFailed |
| ResultNotJson | the result file is wrong; one that is too large is cut, see result.py | |
| CommandNotStarted | there was nothing to start; no exit code | |
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from typing import Final

from callboard.domain.json import Json
from callboard.domain.run import RunError
from callboard.domain.spec_limits import ResourceLimits
from callboard.domain.states import RunState
from callboard.runners.contract import Outcome
from callboard.runners.limit_signs import limit_error, limit_hint, process_limit_words
from callboard.runners.result import BadResult
from callboard.runners.text import to_storable

TAIL_LINES: Final = 10
_FAILED: Final = "CommandFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What is known of a program that has ended."""

    code: int
    """As a process's return code: negative for a signal."""
    stderr: str
    """The end of it."""
    limits: ResourceLimits | None = None
    was_killed: bool = False
    """Whether we did it, because its grace was over."""
    overcrowded: int | None = None
    """How many processes it had, when they were too many."""

    @property
    def is_good(self) -> bool:
        return self.code == 0 and self.overcrowded is None


def outcome_of(end: End, written: Json | Exception) -> Outcome:
    """The outcome; `written` is the content of the result file, or what is wrong with it."""
    if end.is_good:
        return _success(written)
    code = end.code if end.code >= 0 else 128 - end.code
    said = "\n".join(to_storable(end.stderr).splitlines()[-TAIL_LINES:])
    if end.overcrowded is not None and end.limits is not None and end.limits.processes is not None:
        words = process_limit_words(end.overcrowded, end.limits.processes)
        return failed("ProcessLimit", words, code, kinds=(_FAILED,))
    met = limit_error(end.limits, end.code)
    if met is not None:
        return failed(met[0], _joined(met[1], said), code, kinds=(_FAILED,))
    what = _what_happened(end)
    if end.code > 0:
        return failed(_FAILED, _joined(what, said), code)
    return failed(
        "CommandKilled", _joined(what, said), code, kinds=(_FAILED, _signal_name(-end.code))
    )


def failed(
    type: str, message: str, exit_code: int | None = None, *, kinds: tuple[str, ...] = ()
) -> Outcome:
    """A failure that is told in words."""
    error = RunError(type=type, message=to_storable(message), exit_code=exit_code)
    return Outcome(state=RunState.FAILED, error=error, kinds=kinds)


def _success(written: Json | Exception) -> Outcome:
    if isinstance(written, BadResult):
        return Outcome(state=RunState.FAILED, error=replace(written.error, exit_code=0))
    if isinstance(written, Exception):
        return failed("ResultNotJson", f"the result file cannot be read: {written}", 0)
    result = {"exit_code": 0} if written is None else written
    return Outcome(state=RunState.SUCCEEDED, result=result)


def _what_happened(end: End) -> str:
    hint = limit_hint(end.limits, end.code, end.stderr)
    if end.code > 0:
        return _noted(f"exit code {end.code}", hint)
    if end.code == -signal.SIGKILL and not end.was_killed:
        hint = hint or "not by Callboard: by the system when memory ran out, or by somebody"
    return _noted(f"killed by {_signal_name(-end.code)} ({-end.code})", hint)


def _noted(what: str, hint: str) -> str:
    return f"{what} ({hint})" if hint else what


def _joined(what: str, said: str) -> str:
    return f"{what}: {said}" if said else what


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time one
        return "a signal"
