"""ProgramHost: runs programs as processes, watches and stops them; for every kind that has one.

start    own session; the environment of environment.py; under its limits
output   read as it comes, to the run's log; a flood costs no memory
stop     SIGTERM to the group, SIGKILL to it when the grace is over
limits   how many processes there are is looked at all the time, the rest is the system's
end      that of the process itself: what it leaves behind (family.py says what that is) has
         LINGER_S to end (the grace, when a stop was asked), then it is killed (A09)
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Final

from callboard.clock import Clock, wait_briefly
from callboard.domain.json import Json
from callboard.domain.run import Run
from callboard.runners.contract import Outcome
from callboard.runners.control import Phase, RunControl
from callboard.runners.environment import (
    ARGUMENTS,
    ARGUMENTS_FILE,
    is_holdable,
    without_too_long,
)
from callboard.runners.family import MARK, Family
from callboard.runners.family_threads import LOOK_S, POLL_S, FamilyThreads
from callboard.runners.file_threads import FileThreads
from callboard.runners.log import RunLog
from callboard.runners.process import ProcessWatch
from callboard.runners.program import CannotStart, Program
from callboard.runners.program_end import End, failed, outcome_of
from callboard.runners.resource_limits import limit_words
from callboard.runners.result import BadResult
from callboard.runners.warden import GroupWarden
from callboard.runners.workplace import RESULT_VARIABLE, Workplace, has_result, read_result

LINGER_S: Final = 1.0
LAST_CHANCE_S: Final = 5.0
"""Seconds between SIGKILL and letting go of a process that even then does not end."""
DRAIN_S: Final = 0.5
"""Seconds for output that is still in the pipes after all writers were killed."""
SOON_S: Final = 2.0
"""Seconds within which no machine gives out all ids of processes."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Going:
    """One program on its way."""

    program: Program
    run: Run
    log: RunLog
    control: RunControl
    watch: ProcessWatch
    family: Family
    looked: float
    """When its processes were counted last, or it began."""
    gone: asyncio.Future[None]
    """Done when the process has ended, or will not."""
    overcrowded: int | None = None
    """How many processes there were, when they were too many."""


class ProgramHost:
    """Starts programs, watches and stops them; on the loop's thread."""

    def __init__(
        self,
        *,
        clock: Clock,
        environ: Mapping[str, str],
        guard: tuple[str, ...] = (),
        hold: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Args:
        clock: one that moves with the machine's time, as processes do.
        environ: this process's variables; a few of them are passed on.
        guard: from `find_guard`.
        hold: held from a process's start to the last of it, its result included; a virtual
            clock's `hold` keeps its time still meanwhile.
        """
        self.clock = clock
        self.environ = environ
        self.workplace = Workplace()
        self.threads = FileThreads(clock)
        self._families = FamilyThreads(self.threads, clock)
        self.stuck = 0
        """Processes that did not end when they were killed."""
        self._guard = guard
        self.hold = hold
        self._mark = f"{os.getpid()}.{int(clock.monotonic() * 1e9)}."
        self._numbers = itertools.count(1)
        self._warden: GroupWarden | None = None

    def close(self) -> None:
        """End the warden and the threads; nothing else is held between two runs."""
        if self._warden is not None:
            self._warden.close()
        self.threads.close()
        self.workplace.close()

    def new_name(self) -> str:
        """A name for one execution, the only one on this machine."""
        return f"{self._mark}{next(self._numbers)}"

    async def execute(
        self, program: Program, run: Run, *, name: str, log: RunLog, control: RunControl
    ) -> Outcome:
        """Run it to its end.

        Args:
            name: from `new_name`.
        """
        try:
            with self.hold():
                return await self._execute(program, run, name, log, control)
        except CannotStart as reason:
            return failed("CommandNotStarted", str(reason))
        finally:
            self.workplace.clear(name)

    async def _execute(
        self, program: Program, run: Run, name: str, log: RunLog, control: RunControl
    ) -> Outcome:
        result_path = self.workplace.result_path(name)
        began = self.clock.monotonic()
        watch = await self._start(program, name, result_path, log)
        warden = self._warden = self._warden or self._new_warden()
        warden.watch(watch.group)
        family = Family(watch.group, name)
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        going = _Going(program, run, log, control, watch, family, began, gone)
        try:
            return await self._watched(going, result_path)
        except asyncio.CancelledError:
            watch.signal_group(signal.SIGKILL)
            watch.release()
            await self._families.kill(family, "a command")
            await wait_briefly(watch.released, LINGER_S, self.clock)
            raise
        finally:
            watch.release()
            warden.forget(watch.group)

    def _new_warden(self) -> GroupWarden:
        return GroupWarden(mark=f"{MARK}={self._mark}", folder=self.workplace.open() or "")

    async def _start(
        self, program: Program, name: str, result_path: str | None, log: RunLog
    ) -> ProcessWatch:
        env = await self._environment(program.env, name)
        if result_path is not None:
            env[RESULT_VARIABLE] = result_path
        stdin = asyncio.subprocess.DEVNULL if program.stdin is None else asyncio.subprocess.PIPE
        try:
            _, watch = await asyncio.get_running_loop().subprocess_exec(
                lambda: ProcessWatch(log),
                *self._guard,
                *limit_words(program.limits),
                *program.argv,
                stdin=stdin,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=program.cwd,
                env=env,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise CannotStart(_explain(error, program)) from error
        if program.stdin is not None:
            watch.feed(program.stdin)
        return watch

    async def _environment(self, env: Mapping[str, str], name: str) -> dict[str, str]:
        arguments = env.get(ARGUMENTS, "")
        ours = {**env, MARK: name}
        if is_holdable(ARGUMENTS, arguments):
            return ours
        put = partial(self.workplace.put_arguments, name, arguments)
        try:
            return {**without_too_long(ours), ARGUMENTS_FILE: await self.threads.call(put)}
        except OSError as error:
            reason = f"there is no place for the run's arguments, which no variable holds: {error}"
            raise CannotStart(reason) from error

    async def _watched(self, going: _Going, result_path: str | None) -> Outcome:
        watch, gone = going.watch, going.gone
        watch.exited.add_done_callback(lambda _: _set(gone))
        going.control.listen(partial(self._press, going))
        await self._until_gone(going)
        if not watch.exited.done():
            return self._let_go(going)
        await self._clean_up(going)
        end = End(
            code=watch.exited.result(),
            stderr=watch.stderr_tail,
            limits=going.program.limits,
            was_killed=going.control.phase is Phase.KILLED,
            overcrowded=going.overcrowded,
        )
        return outcome_of(end, await self._result(result_path) if end.is_good else None)

    def _press(self, going: _Going, phase: Phase) -> None:
        if phase is Phase.ASKED:
            going.watch.signal_group(signal.SIGTERM)
            going.watch.signal_group(signal.SIGCONT)  # a stopped process would not see it
        else:
            self._force(going)

    def _force(self, going: _Going) -> None:
        going.watch.signal_group(signal.SIGKILL)
        gone = going.gone
        alarm = self.clock.call_at(self.clock.monotonic() + LAST_CHANCE_S, lambda: _set(gone))
        gone.add_done_callback(lambda _: alarm.cancel())

    async def _until_gone(self, going: _Going) -> None:
        limits = going.program.limits
        if limits is None or limits.processes is None:
            await going.gone
            return
        while not going.gone.done() and going.overcrowded is None:
            await wait_briefly(going.gone, LOOK_S, self.clock)
            await self._count(going)
        if going.overcrowded is not None and not going.gone.done():
            self._force(going)
        await going.gone

    async def _count(self, going: _Going) -> int:
        """How many processes there are; kills all of them when they are too many."""
        now = self.clock.monotonic()
        count = await self._families.count(going.family, soon=now - going.looked < SOON_S)
        going.looked = now
        limits = going.program.limits
        if limits is not None and limits.processes is not None and count > limits.processes:
            going.overcrowded = going.overcrowded or count
            await self._families.kill(going.family, "a command")
            return 0
        return count

    def _let_go(self, going: _Going) -> Outcome:
        self.stuck += 1
        going.watch.exited.add_done_callback(lambda _: self._unstick())
        facts = {"event": "run.detached", "run_id": going.run.id, "job": going.run.job}
        logger.warning("a process does not end and was left behind", extra=facts)
        return failed("Detached", "the process did not end when it was killed, and still runs")

    async def _clean_up(self, going: _Going) -> None:
        """Wait for the rest of the family and of the output, but not for ever."""
        await self._wait_for_rest(going)
        await wait_briefly(going.watch.drained, DRAIN_S, self.clock)
        going.watch.release()
        await wait_briefly(going.watch.released, DRAIN_S, self.clock)

    async def _wait_for_rest(self, going: _Going) -> None:
        control, asked = going.control, False
        over = self.clock.monotonic() + LINGER_S
        while await self._count(going):
            if control.phase is Phase.ASKED and not asked:
                asked = True
                await self._families.ask_outsiders(going.family)
            now = self.clock.monotonic()
            if control.phase is Phase.GOING and now >= over:
                going.log.record("WARNING", "[callboard] killed what the command left running")
            if control.phase is Phase.KILLED or (control.phase is Phase.GOING and now >= over):
                await self._families.kill(going.family, "a command")
                return
            await self.clock.sleep_until(now + POLL_S)

    async def _result(self, path: str | None) -> Json | Exception:
        """What the program wrote, or what is wrong with it."""
        if path is None or not has_result(path):
            return None
        try:
            return await self.threads.call_briefly(partial(read_result, path), default=None)
        except (BadResult, OSError) as error:
            return error

    def _unstick(self) -> None:
        self.stuck -= 1


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _explain(error: OSError | ValueError, program: Program) -> str:
    name = program.argv[0]
    match error:
        case OSError(errno=errno.E2BIG):
            sizes = {f"argv[{index}]": len(word) for index, word in enumerate(program.argv)}
            sizes |= {f"the variable {key}": len(value) for key, value in program.env.items()}
            longest = max(sizes, key=sizes.__getitem__)
            return (
                f"the system does not take so much in argv and environment (the longest part, "
                f"{longest}, has {sizes[longest]} characters): hand it over by stdin or by a file"
            )
        case OSError(errno=errno.ENOEXEC):
            return f"{name!r} is not a program (has a script its #! line?)"
        case OSError():
            return f"{name!r}: {error.strerror or error}"
    return f"{name!r}: {error}"
