"""Chunks in PostgreSQL: the step's own statements, its checkpoint and counters in one transaction.

BEGIN, what the step's code does, one statement of ours, COMMIT: as many round trips as a loop
written by hand has. The statement finds the step's row only while the execution runs, and the run
only while it is held under the same epoch; it locks the row until the commit. So whoever takes a
run over, and locks its steps first, waits for a chunk that is about to commit, and reads the
checkpoint behind it; a chunk that comes later finds nothing, and is rolled back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol

from asyncpg import exceptions as pg

from callboard.clock import Clock
from callboard.domain.batch_step import Checkpoint, SkippedItem, StepCounts, StepExecution
from callboard.domain.states import RunState
from callboard.errors import StoreError, StoreUnavailable, UsageError
from callboard.store.chunk_connection import ChunkConnection, is_closed
from callboard.store.chunk_pool import MARK, ChunkPool
from callboard.store.contract_chunks import ChunkTransaction, StepNotHeld
from callboard.store.postgres_json import to_json, to_json_or_none
from callboard.store.rows_batch import checkpoint_from_row, counts_as_values
from callboard.store.statements import DRIVER_ERRORS, Connection, Statements, translated


class PooledChunkLine:
    """What chunk lines have alike whose connections are of a pool."""

    def __init__(self, pool: ChunkPool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def reading(self, run_id: int = 0) -> AbstractAsyncContextManager[Any]:
        return self._pool.reading(run_id)

    def rest(self, run_id: int) -> None:
        self._pool.rest(run_id)

    async def close(self) -> None:
        await self._pool.close()


class PostgresChunkLine(PooledChunkLine):
    """A `contract_chunks.ChunkLine` on the board's own database."""

    async def open_step(
        self, step: StepExecution, known: Mapping[int, StepCounts] | None = None
    ) -> Checkpoint:
        checkpoint = await self.find(step)
        if checkpoint is None:
            raise StepNotHeld(step.id)
        return checkpoint

    def begin(
        self, step: StepExecution, *, epoch: int
    ) -> AbstractAsyncContextManager[ChunkTransaction]:
        return ChunkBlock(
            self._pool,
            step.run_id,
            lambda connection: _BoardSave(self._statements(connection), step, epoch, self._clock),
        )

    async def find(self, step: StepExecution) -> Checkpoint | None:
        async with chunk_connection(self._pool, step.run_id) as connection:
            row = await self._statements(connection).row("find_chunk", step.id)
            return None if row is None else checkpoint_from_row(row)

    def _statements(self, connection: Connection) -> Statements:
        return Statements(connection, self._pool.deadline_s)


class Save(Protocol):
    """What stores a checkpoint in an open transaction."""

    async def __call__(
        self, checkpoint: Checkpoint, skipped: Sequence[SkippedItem]
    ) -> RunState: ...


class _BoardSave:
    """In the step's own row."""

    __slots__ = ("_clock", "_epoch", "_sql", "_step")

    def __init__(self, sql: Statements, step: StepExecution, epoch: int, clock: Clock) -> None:
        self._sql = sql
        self._step = step
        self._epoch = epoch
        self._clock = clock

    async def __call__(self, checkpoint: Checkpoint, skipped: Sequence[SkippedItem]) -> RunState:
        step, now = self._step, self._clock.database_now()
        state = await self._sql.value(
            "save_chunk",
            step.id,
            self._epoch,
            *counts_as_values(checkpoint.counts),
            to_json_or_none(checkpoint.cursor),
            to_json(checkpoint.context),
            now,
        )
        if state is None:
            raise StepNotHeld(step.id)
        if skipped:
            values = (step.id, step.run_id, *skipped_as_arrays(skipped), now)
            await self._sql.rows("insert_batch_skips", *values)
        return RunState(state)


class PostgresChunk:
    """A `contract_chunks.ChunkTransaction`, whichever database it is in."""

    __slots__ = ("_connection", "_deadline_s", "_save", "connection")

    def __init__(self, connection: Connection, save: Save, deadline_s: float) -> None:
        self._connection = connection
        self._save = save
        self._deadline_s = deadline_s
        self.connection: Any = ChunkConnection(connection)

    async def save(self, checkpoint: Checkpoint, skipped: Sequence[SkippedItem] = ()) -> RunState:
        if is_closed(self._connection):
            raise StoreUnavailable(CLOSED)
        if not self._connection.is_in_transaction():
            raise UsageError(f"{_ENDED}: {_LEAVE}")
        try:
            return await self._save(checkpoint, skipped)
        except StepNotHeld as error:
            if not await self._is_the_chunks():
                raise UsageError(
                    f"{_ENDED}, and another was begun: {_LOST_ROWS}; {_LEAVE}"
                ) from error
            raise
        except StoreError as error:
            if (reason := self._fault_of_step(error)) is not None:
                raise UsageError(reason) from error
            raise

    async def _is_the_chunks(self) -> bool:
        """Whether the transaction is the one that the chunk began."""
        try:
            mark: str | None = await self._connection.fetchval(
                "select current_setting($1, true)", MARK, timeout=self._deadline_s
            )
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        return mark == "on"

    def _fault_of_step(self, error: StoreError) -> str | None:
        if isinstance(error.__cause__, pg.InFailedSQLTransactionError):
            return _FAILED
        if isinstance(error.__cause__, pg.ReadOnlySQLTransactionError):
            return _READ_ONLY if _can_write(self._connection) else None
        return None


_ENDED: Final = "the chunk's transaction was ended by a statement of the step"
_LEAVE: Final = "leave commit and rollback to the chunk"
_LOST_ROWS: Final = "what was written before is not in it"
_FAILED: Final = (
    "nothing of the chunk was stored: one of its statements failed, and its error was passed over; "
    "put such a statement into a transaction of its own within the chunk (a savepoint)"
)
_READ_ONLY: Final = (
    "nothing of the chunk was stored: its transaction was made read only by a statement of the "
    "step, and its checkpoint has to be written in it; read by `ctx.db` instead"
)


def _can_write(connection: Connection) -> bool:
    """Whether the server has said that its transactions may write, where it says such things."""
    said = connection.get_settings()
    names = "in_hot_standby", "default_transaction_read_only"
    return all(getattr(said, name, None) == "off" for name in names)


CLOSED: Final = (
    "the connection of the chunk was closed before its commit: it was lost, the step closed it, or "
    "left it for a minute without a statement (slow work belongs in front of the chunk's block)"
)


class ChunkBlock:
    """The context manager of one chunk.

    Raises StoreUnavailable where it cannot be begun, and where nobody knows whether it was
    committed; what the database says against the commit, and what the block raises, as it is.
    """

    __slots__ = ("_chunk", "_connection", "_pool", "_run_id", "_save")

    def __init__(self, pool: ChunkPool, run_id: int, save: Callable[[Connection], Save]) -> None:
        self._pool = pool
        self._run_id = run_id
        self._save = save

    async def __aenter__(self) -> ChunkTransaction:
        connection = await self._pool.take(self._run_id)
        try:
            await _begin(connection, self._pool)
        except BaseException:
            await self._pool.give_back(connection)
            raise
        self._connection = connection
        self._chunk = PostgresChunk(connection, self._save(connection), self._pool.deadline_s)
        return self._chunk

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        end = _commit if error is None else _roll_back
        self._chunk.connection.close_to_code()
        try:
            await end(self._connection, self._pool.deadline_s)
        finally:
            await self._pool.give_back(self._connection)


@asynccontextmanager
async def chunk_connection(pool: ChunkPool, run_id: int) -> AsyncIterator[Connection]:
    """A connection without a transaction."""
    connection = await pool.take(run_id)
    try:
        yield connection
    finally:
        await pool.give_back(connection)


async def _begin(connection: Connection, pool: ChunkPool) -> None:
    try:
        with _Deadline(connection, pool.deadline_s):
            await connection.execute(pool.begin)
    except DRIVER_ERRORS as error:
        drop(connection)
        raise translated(error) from error
    except BaseException:
        drop(connection)
        raise


async def _commit(connection: Connection, deadline_s: float) -> None:
    try:
        with _Deadline(connection, deadline_s):
            done = await connection.execute("COMMIT")
    except DRIVER_ERRORS as error:
        ours = translated(error)
        if isinstance(error, pg.PostgresError) and not isinstance(error, _LOST):
            raise  # a constraint that was put off, say: it is the step's, and rolled back
        drop(connection)
        if isinstance(ours, StoreUnavailable):
            raise ours from error
        raise StoreUnavailable(f"whether the chunk was committed is not known: {ours}") from error
    except BaseException:
        drop(connection)
        raise
    if done != "COMMIT":
        raise UsageError(_FAILED)


_LOST: Final = (
    pg.PostgresConnectionError,
    pg.OperatorInterventionError,
    pg.PostgresSystemError,
    pg.IdleInTransactionSessionTimeoutError,
)
"""Answers to a COMMIT that say nothing of what the step did; it may even have taken place."""


async def _roll_back(connection: Connection, deadline_s: float) -> None:
    try:
        with _Deadline(connection, deadline_s):
            await connection.execute("ROLLBACK")
    except DRIVER_ERRORS:
        drop(connection)
    except BaseException:
        drop(connection)
        raise


class _Deadline:
    """Drops the connection when the block takes longer: what waits for its answer raises then.

    Its block is entered for each chunk, and asyncio's timeout costs several times as much.
    """

    __slots__ = ("_alarm",)

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._alarm = asyncio.get_running_loop().call_later(seconds, drop, connection)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        self._alarm.cancel()


def drop(connection: Connection) -> None:
    """Nobody knows what the server still does on it."""
    try:
        connection.terminate()
    except (pg.InterfaceError, AttributeError):
        pass  # it broke before, and its pool has it no more


def skipped_as_arrays(skipped: Sequence[SkippedItem]) -> tuple[list[str], ...]:
    """Columns of the items, in the order in which the statements take them."""
    return (
        [item.phase for item in skipped],
        [item.item_hash for item in skipped],
        [item.item for item in skipped],
        [item.error_type for item in skipped],
        [item.error_message for item in skipped],
    )
