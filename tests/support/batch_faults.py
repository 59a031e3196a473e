"""Batch jobs on boards in memory of which one call of the engine goes wrong, whichever is chosen.

What the engine asks of the job store and of the chunk line is numbered as it comes; the call of a
number is refused, loses its answer, or finds its node frozen, killed, closed, or its run stopped.
Chunks commit to a table, together with their checkpoints, so that what is written can be counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import Enum
from random import Random
from typing import Any, Final, TypeVar

import pykka

from callboard import BoardConfig, Callboard
from callboard.batch.runner import BatchRunner, Workshop
from callboard.domain.batch_step import Checkpoint, SkippedItem, StepCounts, StepExecution
from callboard.domain.states import RunState
from callboard.errors import StoreUnavailable
from callboard.runners.contract import Runners
from callboard.store.contract_chunks import ChunkLine, ChunkTransaction, StepNotHeld
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from simulation.faulty_store import FaultyStore, Hints, as_store
from simulation.line import Line
from simulation.node_clock import NodeClock
from simulation.weather import Weather

R = TypeVar("R")

CONFIG: Final = BoardConfig(
    lease_s=3.0, firing_lease_s=3600.0, poll_s=5.0, rescue_every_s=2.0, drain_s=5.0
)


class Fault(Enum):
    """What becomes of the call."""

    REFUSED = "it never arrives, and the engine is told so"
    UNANSWERED = "it is done, and the answer is lost"
    TWICE = "so it is, and the call behind it never arrives"
    FROZEN = "its node stands still before it, for longer than its lease"
    FROZEN_BEHIND = "likewise, when it is done, and not answered yet"
    STOP = "the run is asked to stop before it"
    KILL = "the run is killed before it"
    CLOSE = "its board begins to close before it"


class Calls:
    """Counts the calls of a node's engine, and has one of them go wrong."""

    def __init__(self, fault: Fault | None = None, number: int = -1) -> None:
        """Args:
        number: of the call, from 0.
        """
        self.names: list[str] = []
        self.strikes: Mapping[Fault, Callable[[], object]] = {}
        """What is done at the call, by those faults that are the whole node's."""
        self.watch: Callable[[int], object] = lambda number: None
        """Told of each call, by its number."""
        self.node: NodeClock | None = None
        self.may_begin = asyncio.Event()
        """Until then the first call waits."""
        self._fault = fault
        self._number = number

    async def make(self, name: str, call: Callable[[], Awaitable[R]]) -> R:
        number, fault = len(self.names), self._fault
        self.names.append(name)
        self.watch(number)
        await self._pass()
        if fault is Fault.TWICE and number == self._number + 1:
            raise StoreUnavailable(f"{name} is refused")
        if number != self._number:
            return await call()
        if fault is Fault.REFUSED:
            raise StoreUnavailable(f"{name} is refused")
        if fault in self.strikes and fault is not Fault.FROZEN_BEHIND:
            self.strikes[fault]()
            await self._pass()
        answer = await call()
        if fault in (Fault.UNANSWERED, Fault.TWICE):
            raise StoreUnavailable(f"{name} is not answered")
        if fault is Fault.FROZEN_BEHIND:
            self.strikes[fault]()
            await self._pass()
        return answer

    async def _pass(self) -> None:
        """Let other tasks run, as a message to a database does; a frozen node waits."""
        await asyncio.sleep(0)
        await self.may_begin.wait()
        if self.node is not None:
            await self.node.while_frozen()


class Table:
    """What chunks have committed, in the order of their commits; with the checkpoints beside, where
    it is in an application's database."""

    def __init__(self) -> None:
        self.rows: list[object] = []
        self.checkpoints: dict[int, tuple[int, Checkpoint]] = {}
        """By the first execution: whose it is, and how far."""


class _Writing:
    """In place of a connection: what is written is in the table once the chunk has committed."""

    def __init__(self) -> None:
        self.rows: list[object] = []

    async def execute(self, query: str, *rows: object, timeout: float | None = None) -> str:
        self.rows += rows
        return query


class _Chunk:
    """A `ChunkTransaction` with a connection."""

    def __init__(self, chunk: ChunkTransaction, calls: Calls) -> None:
        self._chunk = chunk
        self._calls = calls
        self.connection = _Writing()

    async def save(self, checkpoint: Checkpoint, skipped: Sequence[SkippedItem] = ()) -> RunState:
        return await self._calls.make("save", lambda: self._chunk.save(checkpoint, skipped))


class ForeignLine:
    """The `ChunkLine` of an application's database, in memory."""

    def __init__(self, table: Table) -> None:
        self._kept = table.checkpoints

    async def open_step(
        self, step: StepExecution, known: Mapping[int, StepCounts] | None = None
    ) -> Checkpoint:
        fence, found = self._kept.get(step.first_id, (0, Checkpoint()))
        if fence > step.id:
            raise StepNotHeld(step.id)
        if fence < step.id:
            before = (known or {}).get(fence)
            missed = StepCounts() if before is None else found.counts.beyond(before)
            found = replace(found, counts=missed)
            self._kept[step.first_id] = step.id, found
        return found

    @asynccontextmanager
    async def begin(self, step: StepExecution, *, epoch: int) -> AsyncIterator[ChunkTransaction]:
        chunk = _ForeignChunk(self, step)
        yield chunk
        if chunk.saved is not None:
            self.check(step)
            self._kept[step.first_id] = step.id, chunk.saved

    async def find(self, step: StepExecution) -> Checkpoint | None:
        fence, found = self._kept[step.first_id]
        return found if fence == step.id else None

    def rest(self, run_id: int) -> None: ...

    async def close(self) -> None:
        pass

    def check(self, step: StepExecution) -> None:
        if self._kept[step.first_id][0] != step.id:
            raise StepNotHeld(step.id)


class _ForeignChunk:
    connection = None

    def __init__(self, line: ForeignLine, step: StepExecution) -> None:
        self._line = line
        self._step = step
        self.saved: Checkpoint | None = None

    async def save(self, checkpoint: Checkpoint, skipped: Sequence[SkippedItem] = ()) -> RunState:
        self._line.check(self._step)
        self.saved = checkpoint
        return RunState.RUNNING


class FaultyLine:
    """A `ChunkLine`."""

    def __init__(self, line: ChunkLine, table: Table, calls: Calls) -> None:
        self._line = line
        self._table = table
        self._calls = calls

    async def open_step(
        self, step: StepExecution, known: Mapping[int, StepCounts] | None = None
    ) -> Checkpoint:
        return await self._calls.make("open_step", lambda: self._line.open_step(step, known))

    @asynccontextmanager
    async def begin(self, step: StepExecution, *, epoch: int) -> AsyncIterator[ChunkTransaction]:
        opened = self._line.begin(step, epoch=epoch)
        chunk = _Chunk(await self._calls.make("begin", opened.__aenter__), self._calls)
        try:
            yield chunk
        except BaseException as error:
            await opened.__aexit__(type(error), error, error.__traceback__)
            raise

        async def commit() -> None:
            await opened.__aexit__(None, None, None)
            self._table.rows += chunk.connection.rows

        await self._calls.make("commit", commit)

    async def find(self, step: StepExecution) -> Checkpoint | None:
        return await self._calls.make("find", lambda: self._line.find(step))

    def rest(self, run_id: int) -> None: ...

    async def close(self) -> None:
        await self._line.close()


class _FaultyJournal:
    """A `batch.journal.Journal`."""

    def __init__(self, journal: Any, calls: Calls) -> None:
        self._journal = journal
        self._calls = calls

    def __getattr__(self, verb: str) -> Callable[..., Awaitable[Any]]:
        act = getattr(self._journal, verb)

        async def ask(*args: Any, **fields: Any) -> Any:
            return await self._calls.make(verb, lambda: act(*args, **fields))

        return ask


class _Store(FaultyStore):
    """Of one node, whose chunks go over the line that can be chosen to fail."""

    def __init__(self, table: Table, calls: Calls, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self._table = table
        self._calls = calls

    def chunk_line(self) -> Any:
        return FaultyLine(self._store.chunk_line(), self._table, self._calls)


class FaultyBoard(Callboard):
    """A node that executes batch jobs alone, and counts the calls of its engine."""

    calls: Calls
    node: NodeClock

    async def _open_foreign_line(self, database: Any) -> ChunkLine:
        line: Any = FaultyLine(ForeignLine(database), database, self.calls)
        made: ChunkLine = line
        return made

    def _make_runners(self, job_store: pykka.ActorRef[Any]) -> Runners:
        return Runners((BatchRunner(self._workshop(job_store)),))

    def _workshop(self, job_store: pykka.ActorRef[Any]) -> Workshop:
        shop = super()._workshop(job_store)
        journal: Any = _FaultyJournal(shop.journal, self.calls)
        return replace(shop, journal=journal)


class World:
    """One store, one table, and the nodes on them."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore(self.clock)
        self.table = Table()
        self.boards: list[FaultyBoard] = []
        self._hints = Hints(self.clock)

    async def join(self, name: str, calls: Calls) -> FaultyBoard:
        """A ready node."""
        rng, node = Random(len(self.boards)), NodeClock(self.clock)
        line = Line(world=self.clock, clock=node, rng=rng, weather=Weather())
        store = _Store(
            self.table, calls, self.store, line=line, hints=self._hints, world=self.clock
        )
        config = replace(CONFIG, node_name=name)
        board = FaultyBoard(
            store=as_store(store),
            config=config,
            clock=node,
            rng=rng,
            databases={"shop": self.table},
        )
        board.calls, board.node, calls.node = calls, node, node
        self.boards.append(board)
        await board.open()
        await self.clock.run_until(lambda: board.health().is_ready)
        return board

    async def done(self, work: Awaitable[R]) -> R:
        """What the work gives, with as much time as it needs."""
        task = asyncio.ensure_future(work)
        await self.clock.run_until(task.done)
        return task.result()

    async def close(self) -> None:
        for board in self.boards:
            board.node.thaw()
            await self.done(board.close())
