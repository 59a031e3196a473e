"""Batch instances, steps and runs that hold them, for tests of the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from callboard.domain.batch_instance import BatchInstance, BatchRun
from callboard.domain.batch_step import Checkpoint, Move, SkippedItem, StepCounts, StepExecution
from callboard.domain.job import Job
from callboard.domain.node import Node
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.store.contract import Store
from callboard.store.contract_chunks import ChunkLine
from support.factories import NOW, claimed_runs, stored_job, stored_node, stored_run


def make_instance(key: str = "k", **changes: Any) -> BatchInstance:
    """A live instance of the job `load`, not stored."""
    values = {"job": "load", "parameters": {"day": "2026-01-05"}, "live_run_id": 1, **changes}
    values.setdefault("last_run_id", values["live_run_id"] or 1)
    return BatchInstance(key=key, **values)


def make_step(held: Held, **changes: Any) -> StepExecution:
    """A running execution of the step `load` of a held run, not stored."""
    values = {"name": "load", "started_at": NOW, **changes}
    return StepExecution(id=0, instance_id=held.instance.id, run_id=held.run.id, **values)


def make_checkpoint(cursor: Any = 3, **counts: int) -> Checkpoint:
    return Checkpoint(cursor=cursor, context={"sum": 6}, counts=StepCounts(**counts))


def make_skipped(item: str = "x", phase: str = "write") -> SkippedItem:
    return SkippedItem(
        phase=phase, item_hash="0" * 64, item=item, error_type="ValueError", error_message="no"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A run of an instance, with a node that holds it."""

    job: Job
    node: Node
    run: Run
    instance: BatchInstance

    @property
    def epoch(self) -> int:
        assert self.run.epoch is not None
        return self.run.epoch


async def stored_instance(store: Store, key: str = "k", **changes: Any) -> BatchInstance:
    async with store.begin() as tx:
        instance, is_new = await tx.insert_instance(make_instance(key, **changes))
    assert is_new, "there is one of that key"
    return instance


async def held_run(store: Store, key: str = "k", **changes: Any) -> Held:
    """A new job, a new node, and a run of a new instance that it runs."""
    job, node = await stored_job(store, "load"), await stored_node(store)
    queued = await stored_run(store, job)
    [run] = await claimed_runs(store, node)
    assert run.id == queued.id
    instance = await stored_instance(store, key, live_run_id=run.id, **changes)
    async with store.begin() as tx:
        await tx.insert_batch_run(BatchRun(run_id=run.id, instance_id=instance.id, arguments={}))
    return Held(job=job, node=node, run=run, instance=instance)


async def stored_step(store: Store, held: Held, **changes: Any) -> StepExecution:
    async with store.begin() as tx:
        return await tx.insert_step(make_step(held, **changes))


async def changed_step(store: Store, step: StepExecution, **changes: Any) -> StepExecution:
    """The step after an update, by somebody who has locked it."""
    async with store.begin() as tx:
        locked = await tx.lock_step(step.id)
        assert locked is not None
        await tx.update_steps([replace(locked, **changes)])
    return await the_step(store, step.id)


async def the_step(store: Store, step_id: int) -> StepExecution:
    step = await store.get_step(step_id)
    assert step is not None, f"there is no step {step_id}"
    return step


async def put_moves(store: Store, instance: BatchInstance, *moves: Move) -> None:
    async with store.begin() as tx:
        await tx.put_moves(instance.id, moves)


async def moves_of(store: Store, instance: BatchInstance) -> list[Move]:
    history = await store.get_batch_history(instance.id)
    return [] if history is None else [*history.moves]


async def steps_of(store: Store, instance: BatchInstance) -> list[StepExecution]:
    """By id, partitions among them."""
    history = await store.get_batch_history(instance.id)
    return [] if history is None else [*history.steps]


async def save_chunk(
    line: ChunkLine,
    held: Held,
    step: StepExecution,
    checkpoint: Checkpoint,
    skipped: Sequence[SkippedItem] = (),
) -> RunState:
    """A chunk without statements of a step."""
    async with line.begin(step, epoch=held.epoch) as tx:
        return await tx.save(checkpoint, skipped)


@asynccontextmanager
async def chunk_line(store: Store) -> AsyncIterator[ChunkLine]:
    line = store.chunk_line()
    try:
        yield line
    finally:
        await line.close()
