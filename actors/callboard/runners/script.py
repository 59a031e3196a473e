"""ScriptRunner: jobs of kind script: an interpreter, a script that is fetched, and its arguments.

    argv      interpreter, script, the job's `arguments`, and then `--key value` for each argument
              of the run, by key: strings as they are, everything else as compact JSON
    script    a path without `sha256` is run where it is, so it can import what lies beside it;
              everything else is a private copy, made for the run and removed after it

The rest is as for commands. A run whose script cannot be fetched fails (ScriptNotFetched); without
the extra that is needed for it, it is parked (MissingExtra): another node may have it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, cast

import orjson

from callboard.domain.egress import Egress
from callboard.domain.job import Job
from callboard.domain.json import Json, JsonObject
from callboard.domain.run import Run, RunError
from callboard.domain.script_location import file_name_of, scheme_of
from callboard.domain.states import RunState
from callboard.runners.contract import Outcome
from callboard.runners.control import Phase, RunControl
from callboard.runners.environment import environment_of, own_variables
from callboard.runners.file_threads import FileThreads
from callboard.runners.log import RunLog
from callboard.runners.program import CannotStart, Program, found_program
from callboard.runners.program_end import failed
from callboard.runners.program_host import ProgramHost
from callboard.runners.script_source import FETCH_S, CannotFetch, MissingExtra, ScriptSource
from callboard.runners.text import cut_end, to_storable

MAX_MESSAGE_BYTES: Final = 4_096


class ScriptRunner:
    """Executes scripts on a host that it shares with commands."""

    kind = "script"

    def __init__(self, host: ProgramHost, *, egress: Egress) -> None:
        """Args:
        egress: where scripts may be fetched from besides the public internet.
        """
        self._host = host
        self._threads = FileThreads(host.clock)
        self._source = ScriptSource(host.clock, egress, self._threads)

    @property
    def stuck(self) -> int:
        """Scripts that are still being fetched for nobody; the host's are the commands' to tell."""
        return self._threads.stuck

    def close(self) -> None:
        """Close the host and the threads."""
        self._host.close()
        self._threads.close()

    async def execute(self, job: Job, run: Run, *, log: RunLog, control: RunControl) -> Outcome:
        """As Runner.execute."""
        name = self._host.new_name()
        with self._host.hold():
            try:
                return await self._executed(name, job, run, log, control)
            except (CannotStart, CannotFetch, MissingExtra) as reason:
                return _not_begun(reason)
            finally:
                clear = partial(self._host.workplace.clear_files, name)
                await self._threads.call_briefly(clear, default=None)

    async def _executed(
        self, name: str, job: Job, run: Run, log: RunLog, control: RunControl
    ) -> Outcome:
        path = await self._fetched(job.spec, name, control)
        if path is None:
            return Outcome(state=RunState.STOPPED)
        program = self._program(job.spec, run, path)
        return await self._host.execute(program, run, name=name, log=log, control=control)

    def _program(self, spec: JsonObject, run: Run, path: str) -> Program:
        env = environment_of(run, own_variables(spec), self._host.environ)
        fixed = cast("Sequence[str]", spec.get("arguments") or ())
        argv = (*_interpreter(spec), path, *fixed, *argument_words(run.arguments))
        return found_program(argv, spec, env)

    async def _fetched(self, spec: JsonObject, name: str, control: RunControl) -> str | None:
        """The script's path; None: a stop was asked meanwhile."""
        try:
            async with asyncio.timeout(None) as limit:
                control.listen(lambda phase: _interrupt(limit))
                clock = self._host.clock
                alarm = clock.call_at(clock.monotonic() + FETCH_S, lambda: _interrupt(limit))
                try:
                    return await self._placed(spec, name)
                finally:
                    alarm.cancel()
        except TimeoutError:
            if control.phase is not Phase.GOING:
                return None
            raise CannotFetch(f"fetching the script took longer than {FETCH_S:g} s") from None

    async def _placed(self, spec: JsonObject, name: str) -> str:
        location, digest = str(spec["location"]), cast("str | None", spec.get("sha256"))
        if scheme_of(location) is None:
            location = _absolute(location, cast("str | None", spec.get("cwd")))
            if digest is None:
                return _existing(location)
        content = await self._source.fetch(location, digest)
        place = partial(self._host.workplace.put, name, file_name_of(location), content)
        try:
            return await self._threads.call(place)
        except OSError as error:
            raise CannotStart(f"there is no place for the script: {error}") from error


def argument_words(arguments: Mapping[str, Json]) -> tuple[str, ...]:
    """`--key value` for each of them, in the order of the keys.

    A key that has its dashes already, as with AWS Glue, keeps them.
    """
    words: list[str] = []
    for key in sorted(arguments):
        value = arguments[key]
        text = value if isinstance(value, str) else orjson.dumps(value, default=dict).decode()
        words += (key if key.startswith("--") else f"--{key}", text)
    return tuple(words)


def _interpreter(spec: JsonObject) -> tuple[str, ...]:
    given = cast("str | Sequence[str] | None", spec.get("interpreter"))
    if given is None:
        return (sys.executable, "-u")  # unbuffered: its lines are seen when they are printed
    return (given,) if isinstance(given, str) else tuple(given)


def _absolute(path: str, cwd: str | None) -> str:
    return os.path.abspath(os.path.join(cwd or ".", path))


def _existing(path: str) -> str:
    if not os.path.exists(path):
        raise CannotFetch(f"{path}: there is no such file")
    return path


def _interrupt(limit: asyncio.Timeout) -> None:
    try:
        limit.reschedule(-1)
    except RuntimeError:  # it is over already
        return


def _not_begun(reason: Exception) -> Outcome:
    message = cut_end(to_storable(str(reason)), MAX_MESSAGE_BYTES)
    if isinstance(reason, MissingExtra):
        error = RunError(type="MissingExtra", message=message)
        return Outcome(state=RunState.PARKED, error=error)
    kind = "CommandNotStarted" if isinstance(reason, CannotStart) else "ScriptNotFetched"
    return failed(kind, message)
