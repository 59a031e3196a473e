"""What a runner is: it executes the runs of one kind of job, and says how they ended.

A further kind of job is one more Runner in the table; nothing else of a board changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from callboard.domain.job import Job
from callboard.domain.json import Json
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState
from callboard.errors import AlreadyExists
from callboard.runners.control import RunControl
from callboard.runners.log import RunLog

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended."""

    state: RunState
    """succeeded, failed, timed_out or stopped; parked: an operator has to decide, see `error`."""
    result: Json = None
    """Plain JSON of at most MAX_RESULT_BYTES when it comes out of `execute_attempt`."""
    error: RunError | None = None


class Spawn(Protocol):
    """Starts a task that somebody owns: an actor's `spawn`; in tests `asyncio.create_task`."""

    def __call__(self, work: Coroutine[Any, Any, T], /, *, name: str) -> asyncio.Task[T]: ...


class Runner(Protocol):
    """Executes the runs of one kind of job."""

    @property
    def kind(self) -> str:
        """The kind of job, as `Job.kind` has it."""
        ...

    @property
    def stuck(self) -> int:
        """How many runs go on although their outcome was reported; each keeps a place busy."""
        ...

    async def execute(self, job: Job, run: Run, *, log: RunLog, control: RunControl) -> Outcome:
        """Do the work of `run` and tell its end.

        Listens to `control`: ends the work when asked, gives it up when killed, and need not care
        why: what a failure means then is decided by `execute_attempt`.

        Raises:
            UnknownHandler: there is nothing to execute; the run will be parked.
            asyncio.CancelledError: only when it was cancelled itself, because the board closes
                hard. The work is ended by force before, within about a second.
        """
        ...

    def close(self) -> None:
        """Give back what it holds (threads); no run is executed any more."""
        ...


class Runners:
    """The table of runners by kind."""

    def __init__(self, runners: Iterable[Runner] = ()) -> None:
        self._by_kind: dict[str, Runner] = {}
        for runner in runners:
            self.add(runner)

    def add(self, runner: Runner) -> None:
        """Raises AlreadyExists when the kind has a runner."""
        if runner.kind in self._by_kind:
            raise AlreadyExists("runner of kind", runner.kind)
        self._by_kind[runner.kind] = runner

    def of_kind(self, kind: str) -> Runner | None:
        """None: nobody here executes such jobs."""
        return self._by_kind.get(kind)

    @property
    def kinds(self) -> tuple[str, ...]:
        """In the order in which they were added."""
        return tuple(self._by_kind)

    @property
    def stuck(self) -> int:
        """Over all kinds; so many places of the node's capacity are not free."""
        return sum(runner.stuck for runner in self._by_kind.values())

    def close(self) -> None:
        for runner in self._by_kind.values():
            runner.close()
