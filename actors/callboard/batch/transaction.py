"""StepTransaction: one transaction of a step, from BEGIN to COMMIT.

Output, checkpoint and counters commit together, fenced by the step execution. Where the answer to
the commit is lost, the stored checkpoint is asked whether it came through.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import fields
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from callboard.clock import Alarm
from callboard.domain.batch_step import SkippedItem, StepCounts
from callboard.domain.json import Json
from callboard.errors import UsageError
from callboard.store.contract_chunks import ChunkTransaction

if TYPE_CHECKING:
    from callboard.batch.checkpoints import Checkpoints
    from callboard.batch.reading import Reading

_COUNTED: Final = frozenset(field.name for field in fields(StepCounts))


class StepTransaction:
    """`async with ctx.transaction() as tx:`; rolled back when the block raises.

    The methods that write are asyncpg's own. On a board in memory there is no SQL, and the
    checkpoint alone commits. BEGIN, COMMIT and ROLLBACK are not the block's to say: where another
    transaction has taken the place of its own, nothing is stored, with UsageError. Savepoints are.
    """

    def __init__(self, checkpoints: Checkpoints, *, timeout_s: float | None = None) -> None:
        """Args:
        timeout_s: seconds the block may take before it is rolled back, with TimeoutError.
        """
        self._checkpoints = checkpoints
        self._timeout_s = timeout_s
        self._timer: asyncio.Timeout | None = None
        self._alarm: Alarm | None = None
        self._opened: AbstractAsyncContextManager[ChunkTransaction] | None = None
        self._transaction: ChunkTransaction | None = None
        self._cursors: dict[str, Json] = {}
        self._counts: dict[str, int] = {}
        self._skipped: list[SkippedItem] = []

    # what is stored with it

    def keep(self, reading: Reading, cursor: Json) -> None:
        """Where the reader goes on, once this has committed."""
        if reading.saves:
            self._cursors[reading.name] = cursor

    def count(self, **numbers: int) -> None:
        """Add to counters (`writes`, `filters`, `read_skips`, `process_skips`, `write_skips`),
        once this has committed."""
        for name, number in numbers.items():
            if name not in _COUNTED:
                raise UsageError(f"there is no counter {name!r}")
            self._counts[name] = self._counts.get(name, 0) + number

    def skipped(self, item: SkippedItem) -> None:
        """Keep an item that was passed over; the counter is the caller's to raise."""
        self._skipped.append(item)

    # what is written in it

    @property
    def connection(self) -> Any:
        """The asyncpg connection, in the transaction; None: the board is one in memory."""
        return self._open().connection

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        status: str = await self._sql().execute(query, *args, timeout=timeout)
        return status

    async def executemany(
        self, query: str, args: Iterable[Sequence[Any]], *, timeout: float | None = None
    ) -> None:
        await self._sql().executemany(query, args, timeout=timeout)

    async def fetch(self, query: str, *args: Any, timeout: float | None = None) -> list[Any]:
        rows: list[Any] = await self._sql().fetch(query, *args, timeout=timeout)
        return rows

    async def fetchrow(self, query: str, *args: Any, timeout: float | None = None) -> Any:
        return await self._sql().fetchrow(query, *args, timeout=timeout)

    async def fetchval(self, query: str, *args: Any, timeout: float | None = None) -> Any:
        return await self._sql().fetchval(query, *args, timeout=timeout)

    async def copy_records_to_table(
        self, table_name: str, *, records: Iterable[Sequence[Any]], **options: Any
    ) -> str:
        status: str = await self._sql().copy_records_to_table(
            table_name, records=records, **options
        )
        return status

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What raises inside is undone by itself, and the transaction can go on."""
        connection = self.connection
        if connection is None:
            yield
        else:
            async with connection.transaction():
                yield

    # its life

    async def __aenter__(self) -> Self:
        if self._opened is not None:
            raise UsageError("this transaction was begun before; make a new one")
        self._opened, self._transaction = await self._checkpoints.begin()
        if self._timeout_s is not None:
            await self._start_timer(self._timeout_s)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        timed_out = await self._end_timer(kind, error, traceback)
        opened, transaction = self._opened, self._open()
        assert opened is not None
        self._transaction = None
        if timed_out is not None:
            await self._checkpoints.roll_back(opened, timed_out)
            raise timed_out from error
        if error is not None:
            await self._checkpoints.roll_back(opened, error)
            return
        await self._checkpoints.commit(
            opened, transaction, self._cursors, StepCounts(**self._counts), self._skipped
        )

    async def _start_timer(self, seconds: float) -> None:
        timer = self._timer = await asyncio.timeout(None).__aenter__()
        loop, clock = asyncio.get_running_loop(), self._checkpoints.clock
        self._alarm = clock.call_at(
            clock.monotonic() + seconds, lambda: timer.reschedule(loop.time())
        )

    async def _end_timer(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> TimeoutError | None:
        if self._timer is None or self._alarm is None:
            return None
        self._alarm.cancel()
        try:
            await self._timer.__aexit__(kind, error, traceback)
        except TimeoutError:
            return TimeoutError(f"the transaction took longer than {self._timeout_s:g} s")
        return None

    def _open(self) -> ChunkTransaction:
        if self._transaction is None:
            raise UsageError("this transaction is not open: use it inside of its `async with`")
        return self._transaction

    def _sql(self) -> Any:
        connection = self.connection
        if connection is None:
            raise UsageError("a board in memory has no SQL: use PostgreSQL")
        return connection
