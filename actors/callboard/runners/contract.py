"""What a runner is: it executes the runs of one kind of job, and says how they ended.

A further kind of job is one more Runner in the table; nothing else of a board changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from callboard.domain.job import Job
from callboard.domain.json import Json
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState
from callboard.errors import AlreadyExists
from callboard.runners.control import RunControl
from callboard.runners.log import RunLog

if TYPE_CHECKING:
    from callboard.runners.attempt import Attempt

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended."""

    state: RunState
    """succeeded, failed, timed_out or stopped; parked: an operator has to decide, see `error`;
    queued: it is to be run again, the same attempt, after `after_s` (a snooze)."""
    result: Json = None
    """Plain JSON of at most MAX_RESULT_BYTES when an attempt tells it."""
    error: RunError | None = None
    kinds: tuple[str, ...] = ()
    """Of a failure: the names by which a retry policy may sort it, beside `error.type` and
    `exit_code:N`: of the exception's class and of its bases, in full and in short."""
    retry: bool | None = None
    """Whether another attempt is wanted; None: what the job's policy says of `kinds`."""
    after_s: float | None = None
    """Seconds until the next attempt; None: what the policy says."""


class Begin(Protocol):
    """Begins a task that an attempt keeps: an actor's `begin`, or `begin_task` itself."""

    def __call__(self, work: Coroutine[Any, Any, T], /, *, name: str) -> asyncio.Task[T]: ...


class _AnyRunner(Protocol):
    @property
    def kind(self) -> str:
        """The kind of job, as `Job.kind` has it."""
        ...

    @property
    def stuck(self) -> int:
        """How many runs go on although their outcome was reported; each keeps a place busy."""
        ...

    def close(self) -> None:
        """Give back what it holds (threads); no run is executed any more."""
        ...


class Runner(_AnyRunner, Protocol):
    """Executes the runs of one kind of job, each in a task of its own."""

    async def execute(self, job: Job, run: Run, *, log: RunLog, control: RunControl) -> Outcome:
        """Do the work of `run` and tell its end.

        Listens to `control`: ends the work when asked, gives it up when killed, and need not care
        why: what a failure means then is decided by the attempt.

        Raises:
            UnknownHandler: there is nothing to execute; the run will be parked.
            asyncio.CancelledError: only when it was cancelled itself, because the board closes
                hard. The work is ended by force before, within about a second.
        """
        ...


@runtime_checkable
class StartingRunner(_AnyRunner, Protocol):
    """A runner that has its own way with tasks: it needs none for some of its runs."""

    def start(self, attempt: Attempt) -> None:
        """Have the work done; whoever does it calls the attempt's `end`, at once or later.

        Raises:
            UnknownHandler: there is nothing to execute; the run will be parked.
        """
        ...


@runtime_checkable
class DrainingRunner(Protocol):
    """A runner whose work can be put down at its next boundary, and taken up elsewhere."""

    def drain(self) -> None:
        """The board closes: put runs back as soon as that costs nothing."""
        ...


AnyRunner: TypeAlias = Runner | StartingRunner
Start: TypeAlias = "Callable[[Attempt], None]"


class Runners:
    """The table of runners by kind."""

    def __init__(self, runners: Iterable[AnyRunner] = ()) -> None:
        self._by_kind: dict[str, AnyRunner] = {}
        self._starts: dict[str, Start] = {}
        for runner in runners:
            self.add(runner)

    def add(self, runner: AnyRunner) -> None:
        """Raises AlreadyExists when the kind has a runner."""
        if runner.kind in self._by_kind:
            raise AlreadyExists("runner of kind", runner.kind)
        self._by_kind[runner.kind] = runner
        if isinstance(runner, StartingRunner):
            self._starts[runner.kind] = runner.start
        else:
            self._starts[runner.kind] = partial(_start_executing, runner)

    def start_of(self, kind: str) -> Start | None:
        """What starts an attempt at a run of that kind; None: nobody here executes such jobs."""
        return self._starts.get(kind)

    @property
    def kinds(self) -> tuple[str, ...]:
        """In the order in which they were added."""
        return tuple(self._by_kind)

    @property
    def stuck(self) -> int:
        """Over all kinds; so many places of the node's capacity are not free."""
        return sum(runner.stuck for runner in self._by_kind.values())

    def drain(self) -> None:
        """The board closes, and waits a while for what runs."""
        for runner in self._by_kind.values():
            if isinstance(runner, DrainingRunner):
                runner.drain()

    def close(self) -> None:
        for runner in self._by_kind.values():
            runner.close()


def _start_executing(runner: Runner, attempt: Attempt) -> None:
    attempt.work(
        lambda: runner.execute(
            attempt.clear_job, attempt.clear_run, log=attempt.log, control=attempt.control
        )
    )
