"""What a system under measurement can do; the workloads know no more of it.

This side runs in a child process, under the interpreter in which the system is installed: nothing
here, nor in what it imports, may need more than the standard library and that system.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


class NotOffered(Exception):
    """The system has no such thing; the text says what it lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Env:
    """One sample's surroundings and size."""

    dsn: str
    """An empty database of the server that all systems of the run share."""
    count: int
    """Starts, runs, timers or triggers."""
    submitters: int = 100
    """Callers that wait for their starts at the same time."""
    concurrency: int = 100
    """Handlers at once."""
    bulk: int = 1000
    """Starts in one call."""
    rate: float = 50.0
    """W3: starts a second."""
    lead_s: float = 20.0
    """W4: seconds from the beginning of registration to the first due instant."""
    patience_s: float = 60.0
    """W4: seconds after the last due instant until a run that did not come counts as missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedTriggers:
    """Triggers for a system that takes them from its code and not from callers."""

    count: int
    due: float
    """Unix time, whole seconds, of the one slot that is measured; the next is a day later."""


class Client(Protocol):
    """Starts runs of the job `hit`."""

    async def start(self, *, due: float = 0.0, is_timer: bool = False) -> None:
        """Start one run; returns when it is durable.

        `due`, a Unix time, is given to the handler; as a timer the run is not to start before.
        """
        ...

    async def start_many(self, count: int, *, due: float = 0.0) -> None:
        """Start runs in one call, as timers where `due`, a Unix time, is given.

        Raises NotOffered where there is no such call.
        """
        ...

    async def waiting(self) -> int:
        """Runs that are stored and have not ended."""
        ...

    def registering(self) -> AbstractContextManager[object]:
        """A block in which many timers or triggers are stored."""
        ...

    async def schedule(self, number: int, due: float) -> None:
        """Store a recurring trigger, first due then; NotOffered where they come from code."""
        ...


class Worker(Protocol):
    """Executes what is due, in this process, beside a client."""

    @property
    def client(self) -> Client: ...

    async def unfinished(self) -> int:
        """Runs whose end is not recorded yet."""
        ...

    async def succeeded(self, at_most: int) -> int | None:
        """Runs that the history has as succeeded; None: there is no history."""
        ...


class System(Protocol):
    """A job scheduler."""

    name: str
    keeps: str
    """What is true of a run in the measured settings: the column of the table."""
    has_coded_triggers: bool

    async def prepare(self, env: Env) -> None:
        """Make the schema."""
        ...

    def client(self, env: Env) -> AbstractAsyncContextManager[Client]:
        """Starts work and does none."""
        ...

    def worker(
        self, env: Env, triggers: CodedTriggers | None = None
    ) -> AbstractAsyncContextManager[Worker]: ...

    def memory_worker(self, env: Env) -> AbstractAsyncContextManager[Worker]:
        """On the system's store in memory; raises NotOffered where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A system as the harness knows it, without importing it."""

    name: str
    module: str
    """Where `SYSTEM` is."""
    distributions: tuple[str, ...]
    """All must be installed; the first one's version is shown."""
    install: str
    """How it is installed."""
    below: str | None = None
    """The first version of the first distribution that this module does not speak to."""
    is_python: bool = True
    """False: it is measured by a program of its own, `benchmarks/NAME/sample.mjs`."""


SYSTEMS: Sequence[Listing] = (
    Listing(
        name="callboard",
        module="benchmarks.systems.callboard",
        distributions=("callboard", "asyncpg"),
        install="pip install callboard",
    ),
    Listing(
        name="procrastinate",
        module="benchmarks.systems.procrastinate",
        distributions=("procrastinate", "psycopg", "psycopg-pool"),
        install="pip install procrastinate 'psycopg[binary,pool]'",
    ),
    Listing(
        name="pgqueuer",
        module="benchmarks.systems.pgqueuer",
        distributions=("pgqueuer", "asyncpg"),
        install="pip install 'pgqueuer[asyncpg]'",
    ),
    Listing(
        name="apscheduler",
        module="benchmarks.systems.apscheduler",
        distributions=("apscheduler", "sqlalchemy", "psycopg"),
        install="pip install 'apscheduler<4' sqlalchemy 'psycopg[binary]'",
        below="4",
    ),
    Listing(
        name="graphile",
        module="",
        distributions=(),
        install="npm install graphile-worker, and --graphile DIRECTORY",
        is_python=False,
    ),
)
