"""The memory store's chunk line: checkpoints without SQL, for tests and for trying things."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from callboard.clock import Clock
from callboard.domain.amend import amended
from callboard.domain.batch_step import (
    Checkpoint,
    SkippedItem,
    StepCounts,
    StepExecution,
    StepState,
)
from callboard.domain.states import ON_NODE, RunState
from callboard.errors import UsageError
from callboard.store.contract_chunks import ChunkTransaction, StepNotHeld
from callboard.store.memory_batch import kept
from callboard.store.memory_journal import Journal
from callboard.store.memory_tables import Tables


class MemoryChunkLine:
    """A `contract_chunks.ChunkLine` on the tables of one store, beside its transactions."""

    def __init__(
        self, tables: Tables, journal: Journal, writing: asyncio.Lock, clock: Clock
    ) -> None:
        self._tables = tables
        self._journal = journal
        self._writing = writing
        self._clock = clock

    async def open_step(
        self, step: StepExecution, known: Mapping[int, StepCounts] | None = None
    ) -> Checkpoint:
        checkpoint = await self.find(step)
        if checkpoint is None:
            raise StepNotHeld(step.id)
        return checkpoint

    @asynccontextmanager
    async def begin(self, step: StepExecution, *, epoch: int) -> AsyncIterator[ChunkTransaction]:
        chunk = MemoryChunk(self, step.id, epoch)
        yield chunk
        if chunk.saved is not None:
            await self._commit(chunk)

    async def find(self, step: StepExecution) -> Checkpoint | None:
        with self._journal.hidden():
            stored = self._tables.batch.steps.rows.get(step.id)
            is_held = stored is not None and stored.state is StepState.RUNNING
            return stored.checkpoint if stored is not None and is_held else None

    def rest(self, run_id: int) -> None:
        """Nothing: there are no connections."""

    def reading(self, run_id: int = 0) -> AbstractAsyncContextManager[Any]:
        raise UsageError("the memory store has no SQL: give the board a PostgreSQL database")

    async def close(self) -> None:
        """Nothing: it holds nothing."""

    def state_of(self, step_id: int, epoch: int) -> RunState:
        """Of the step's run, as it is committed.

        Raises:
            StepNotHeld
        """
        with self._journal.hidden():
            return self._held(step_id, epoch)[1]

    def _held(self, step_id: int, epoch: int) -> tuple[StepExecution, RunState]:
        step = self._tables.batch.steps.rows.get(step_id)
        if step is None or step.state is not StepState.RUNNING:
            raise StepNotHeld(step_id)
        run = self._tables.runs.rows.get(step.run_id)
        if run is None or run.epoch != epoch or run.state not in ON_NODE:
            raise StepNotHeld(step_id)
        return step, run.state

    async def _commit(self, chunk: MemoryChunk) -> None:
        """Only here is it written: no code of the step's runs while the store is locked."""
        checkpoint, skipped = chunk.saved or (Checkpoint(), ())
        async with self._writing:
            step, _ = self._held(chunk.step_id, chunk.epoch)
            batch, now = self._tables.batch, self._clock.now()
            batch.steps.write(step.id, amended(step, checkpoint=checkpoint, committed_at=now))
            for item in skipped:
                number = next(batch.skip_numbers)
                batch.skips.write(number, amended(item, id=number, step_id=step.id, at=now))
            self._journal.commit()


class MemoryChunk:
    """A `contract_chunks.ChunkTransaction`."""

    def __init__(self, line: MemoryChunkLine, step_id: int, epoch: int) -> None:
        self._line = line
        self.step_id = step_id
        self.epoch = epoch
        self.saved: tuple[Checkpoint, tuple[SkippedItem, ...]] | None = None

    @property
    def connection(self) -> None:
        return None

    async def save(self, checkpoint: Checkpoint, skipped: Sequence[SkippedItem] = ()) -> RunState:
        state = self._line.state_of(self.step_id, self.epoch)
        earlier = () if self.saved is None else self.saved[1]
        self.saved = kept(checkpoint), (*earlier, *skipped)
        return state
