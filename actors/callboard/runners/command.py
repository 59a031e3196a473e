"""CommandRunner: jobs of kind command, as processes.

    start    argv as it is, or `shell` by /bin/sh -c; own session; the environment of environment.py
    output   read as it comes, to the run's log; a flood costs no memory
    stop     SIGTERM to the group, SIGKILL to it when the grace is over
    end      that of the process itself: what it leaves behind in its group has LINGER_S to end (the
             grace, when a stop was asked), then it is killed (A09)

Exit code 0 succeeds with the result {"exit_code": 0}; another one fails with the last lines of
stderr as the message. A process that a signal killed has, as in shells, exit code 128 + signal.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final, cast

from callboard.clock import Clock
from callboard.domain.job import Job
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState
from callboard.runners.contract import Outcome
from callboard.runners.control import Phase, RunControl
from callboard.runners.environment import environment_of
from callboard.runners.log import RunLog
from callboard.runners.process import ProcessWatch
from callboard.runners.program import CannotStart, Program, program_of
from callboard.runners.text import to_storable
from callboard.runners.warden import GroupWarden

LINGER_S: Final = 1.0
LAST_CHANCE_S: Final = 5.0
"""Seconds between SIGKILL and letting go of a process that even then does not end."""
DRAIN_S: Final = 0.5
"""Seconds for output that is still in the pipes after all writers were killed."""
POLL_S: Final = 0.05
TAIL_LINES: Final = 10

logger = logging.getLogger(__name__)


class CommandRunner:
    """Starts programs, watches and stops them."""

    kind = "command"

    def __init__(
        self,
        *,
        clock: Clock,
        environ: Mapping[str, str],
        guard: tuple[str, ...] = (),
        warden: GroupWarden | None = None,
        hold: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Args:
        clock: one that moves with the machine's time, as processes do.
        environ: this process's variables; a few of them are passed on.
        guard: from `find_guard`.
        warden: ends commands when this process is killed; closed with the runner.
        hold: held while a process runs; a virtual clock's `hold` keeps its time still meanwhile.
        """
        self._clock = clock
        self._environ = environ
        self._guard = guard
        self._warden = warden or GroupWarden()
        self._hold = hold
        self.stuck = 0

    def close(self) -> None:
        """End the warden; nothing else is held between two runs."""
        self._warden.close()

    async def execute(self, job: Job, run: Run, *, log: RunLog, control: RunControl) -> Outcome:
        """As Runner.execute."""
        own = cast("Mapping[str, str]", job.spec.get("env") or {})
        try:
            program = program_of(job, environment_of(run, own, self._environ))
            watch = await self._start(program, log)
        except CannotStart as reason:
            return _failed("CommandNotStarted", str(reason))
        self._warden.watch(watch.group)
        try:
            return await self._watched(watch, run, log, control)
        except asyncio.CancelledError:
            watch.signal_group(signal.SIGKILL)
            watch.release()
            await self._until(watch.released, self._clock.monotonic() + LINGER_S)
            raise
        finally:
            watch.release()
            self._warden.forget(watch.group)

    async def _start(self, program: Program, log: RunLog) -> ProcessWatch:
        stdin = asyncio.subprocess.DEVNULL if program.stdin is None else asyncio.subprocess.PIPE
        try:
            _, watch = await asyncio.get_running_loop().subprocess_exec(
                lambda: ProcessWatch(log),
                *self._guard,
                *program.argv,
                stdin=stdin,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=program.cwd,
                env=program.env,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise CannotStart(_explain(error, program)) from error
        if program.stdin is not None:
            watch.feed(program.stdin)
        return watch

    async def _watched(
        self, watch: ProcessWatch, run: Run, log: RunLog, control: RunControl
    ) -> Outcome:
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        watch.exited.add_done_callback(lambda _: _set(gone))
        control.listen(lambda phase: self._press(watch, gone, phase))
        with self._hold():
            await gone
        if not watch.exited.done():
            self.stuck += 1
            watch.exited.add_done_callback(lambda _: self._unstick())
            facts = {"event": "run.detached", "run_id": run.id, "job": run.job}
            logger.warning("a process does not end and was left behind", extra=facts)
            return _failed("Detached", "the process did not end when it was killed, and still runs")
        await self._clean_up(watch, log, control)
        return _outcome(watch.exited.result(), watch.stderr_tail)

    def _press(self, watch: ProcessWatch, gone: asyncio.Future[None], phase: Phase) -> None:
        if phase is Phase.ASKED:
            watch.signal_group(signal.SIGTERM)
            watch.signal_group(signal.SIGCONT)  # a stopped process would not see it
        else:
            watch.signal_group(signal.SIGKILL)
            alarm = self._clock.call_at(self._clock.monotonic() + LAST_CHANCE_S, lambda: _set(gone))
            gone.add_done_callback(lambda _: alarm.cancel())

    async def _clean_up(self, watch: ProcessWatch, log: RunLog, control: RunControl) -> None:
        """Wait for the rest of the group and of the output, but not for ever."""
        over = self._clock.monotonic() + LINGER_S
        while watch.has_group() and control.phase is not Phase.KILLED:
            now = self._clock.monotonic()
            if control.phase is Phase.GOING and now >= over:
                log.record("WARNING", "[callboard] killed what the command left running")
                break
            await self._clock.sleep_until(now + POLL_S)
        watch.signal_group(signal.SIGKILL)
        await self._until(watch.drained, self._clock.monotonic() + DRAIN_S)
        watch.release()
        await self._until(watch.released, self._clock.monotonic() + DRAIN_S)

    async def _until(self, future: asyncio.Future[None], monotonic: float) -> None:
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        alarm = self._clock.call_at(monotonic, lambda: _set(over))
        future.add_done_callback(lambda _: _set(over))
        try:
            await over
        finally:
            alarm.cancel()

    def _unstick(self) -> None:
        self.stuck -= 1


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _outcome(code: int, stderr: str) -> Outcome:
    if code == 0:
        return Outcome(state=RunState.SUCCEEDED, result={"exit_code": 0})
    said = "\n".join(to_storable(stderr).splitlines()[-TAIL_LINES:])
    if code > 0:
        return _failed("CommandFailed", _joined(f"exit code {code}", said), code)
    return _failed("CommandKilled", _joined(f"killed by {_signal_name(-code)}", said), 128 - code)


def _failed(type: str, message: str, exit_code: int | None = None) -> Outcome:
    error = RunError(type=type, message=to_storable(message), exit_code=exit_code)
    return Outcome(state=RunState.FAILED, error=error)


def _joined(what: str, said: str) -> str:
    return f"{what}: {said}" if said else what


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} ({number})"
    except ValueError:
        return f"signal {number}"


def _explain(error: OSError | ValueError, program: Program) -> str:
    name = program.argv[0]
    match error:
        case OSError(errno=errno.E2BIG):
            longest = max(map(len, (*program.argv, *program.env.values())))
            return (
                f"the system does not take so much in argv and environment (the longest part has "
                f"{longest} characters): hand it over by stdin or by a file"
            )
        case OSError(errno=errno.ENOEXEC):
            return f"{name!r} is not a program (has a script its #! line?)"
        case OSError():
            return f"{name!r}: {error.strerror or error}"
    return f"{name!r}: {error}"
