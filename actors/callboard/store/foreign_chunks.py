"""Chunks in an application's own database: output and checkpoint in one transaction there.

That database knows nothing of runs and leases. What fences it is a number beside the checkpoint:
the id of the execution that may write, which only grows. A new execution takes it, in one statement
that waits for a chunk which is about to commit; whoever held it before can commit nothing more.
What is told there is the truth about the cursor and the state. The board's own row follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final

from asyncpg import exceptions as pg

from callboard.clock import Clock
from callboard.domain.batch_step import Checkpoint, SkippedItem, StepCounts, StepExecution
from callboard.domain.states import RunState
from callboard.errors import StoreError, invalid
from callboard.store.chunk_pool import ChunkPool
from callboard.store.contract_chunks import ChunkTransaction, StepNotHeld
from callboard.store.pool import BEGIN
from callboard.store.postgres_chunks import (
    ChunkBlock,
    PooledChunkLine,
    chunk_connection,
    skipped_as_arrays,
)
from callboard.store.postgres_json import to_json, to_json_or_none
from callboard.store.rows_batch import checkpoint_from_row, counts_as_values
from callboard.store.statements import Connection, Statements
from callboard_sql import foreign_names, load_foreign

_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)


class ForeignChunkLine(PooledChunkLine):
    """A `contract_chunks.ChunkLine` on a database that is not the board's."""

    def __init__(self, pool: ChunkPool, *, origin: str, schema: str, clock: Clock) -> None:
        """Args:
        origin: whose checkpoints these are; several boards may keep theirs in one database.
        """
        if not _SCHEMA.fullmatch(schema):
            fix = "use lower-case letters, digits and _, no digit first, 63 at most"
            raise invalid("schema", f"{schema[:80]!r} is no name of a schema", fix)
        super().__init__(pool, clock)
        self._origin = origin
        self._schema = schema
        self._texts = {name: _in_schema(load_foreign(name), schema) for name in foreign_names()}
        self._has_tables = False

    async def open_step(
        self, step: StepExecution, known: Mapping[int, StepCounts] | None = None
    ) -> Checkpoint:
        async with chunk_connection(self._pool, step.run_id) as connection:
            sql = self._statements(connection)
            if not self._has_tables:
                await self._make_tables(sql)
            async with sql.transaction(BEGIN):
                row = await sql.row(
                    "open_checkpoint",
                    *self._place(step),
                    step.instance_id,
                    step.name,
                    step.visit,
                    self._clock.database_now(),
                    *counts_as_values(await self._missed(sql, step, known or {})),
                )
        if row is None:
            raise StepNotHeld(step.id)
        return checkpoint_from_row(row)

    async def _missed(
        self, sql: Statements, step: StepExecution, known: Mapping[int, StepCounts]
    ) -> StepCounts:
        """What the execution before has committed here, and the board does not know of."""
        origin, first_id, _ = self._place(step)
        row = await sql.row("lock_checkpoint", origin, first_id)
        before = None if row is None else known.get(row["fence"])
        if row is None or before is None:
            return StepCounts()
        return checkpoint_from_row(row).counts.beyond(before)

    async def _make_tables(self, sql: Statements) -> None:
        if not await sql.value("has_checkpoint_tables"):
            try:
                async with sql.transaction("begin"):
                    await sql.script(self._texts["make_checkpoint_tables"])
            except StoreError as error:
                if isinstance(error.__cause__, pg.InvalidSchemaNameError):
                    reason = f"{self._schema!r} is not in the application's database"
                    raise invalid("schema", reason, "create it, or name another") from error
                if isinstance(error.__cause__, pg.InsufficientPrivilegeError):
                    reason = (
                        f"the user may not make the tables of the checkpoints in {self._schema!r}"
                    )
                    fix = f"grant create on schema {self._schema} to it"
                    raise invalid("schema", reason, fix) from error
                raise
        self._has_tables = True

    def begin(
        self, step: StepExecution, *, epoch: int
    ) -> AbstractAsyncContextManager[ChunkTransaction]:
        return ChunkBlock(
            self._pool,
            step.run_id,
            lambda connection: partial(self._save, self._statements(connection), step),
        )

    async def _save(
        self,
        sql: Statements,
        step: StepExecution,
        checkpoint: Checkpoint,
        skipped: Sequence[SkippedItem],
    ) -> RunState:
        """Running, always: of stops the board tells."""
        now = self._clock.database_now()
        fence = await sql.value(
            "save_checkpoint",
            *self._place(step),
            *counts_as_values(checkpoint.counts),
            to_json_or_none(checkpoint.cursor),
            to_json(checkpoint.context),
            now,
        )
        if fence is None:
            raise StepNotHeld(step.id)
        if skipped:
            values = (self._origin, step.id, step.run_id, *skipped_as_arrays(skipped), now)
            await sql.rows("insert_checkpoint_skips", *values)
        return RunState.RUNNING

    async def find(self, step: StepExecution) -> Checkpoint | None:
        async with chunk_connection(self._pool, step.run_id) as connection:
            row = await self._statements(connection).row("find_checkpoint", *self._place(step))
            return None if row is None else checkpoint_from_row(row)

    def _place(self, step: StepExecution) -> tuple[str, int, int]:
        """Origin, first execution and fence."""
        return self._origin, step.first_id or step.id, step.id

    def _statements(self, connection: Connection) -> Statements:
        return Statements(connection, self._pool.deadline_s, self._texts.__getitem__)


def _in_schema(text: str, schema: str) -> str:
    """The statement with the schema's name, which was checked, in place of `application`."""
    return re.sub(r"\bapplication\.(?=callboard_)", f'"{schema}".', text)
