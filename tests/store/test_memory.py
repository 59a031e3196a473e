"""What is the memory store's own: transactions in a row, and reads that look behind an open one."""

import asyncio
from typing import Any

import pytest

from callboard.domain.states import RunState
from callboard.store.contract import RunFilter, Store
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.factories import (
    make_end,
    make_job,
    make_record,
    make_run,
    stored_job,
    stored_node,
    stored_runs,
)
from support.rollback import rolled_back


@pytest.fixture
def memory() -> Store:
    return MemoryStore(VirtualClock())


async def everything(store: Store) -> tuple[Any, ...]:
    return (
        await store.list_runs(RunFilter(limit=1000)),
        await store.count_live_runs(),
        await store.next_due_at(),
        await store.has_due_runs(),
        await store.read_events(0, 1000),
        await store.event_range(),
        await store.snapshot(1000),
    )


async def test_a_second_transaction_waits_for_the_first(memory: Store) -> None:
    steps: list[str] = []
    may_end = asyncio.Event()

    async def first() -> None:
        async with memory.begin() as tx:
            await tx.insert_job(make_job())
            await may_end.wait()
            steps.append("first ends")

    async def second() -> None:
        async with memory.begin() as tx:
            steps.append("second begins")
            assert await tx.insert_job(make_job()) is None

    tasks = [asyncio.create_task(first()), asyncio.create_task(second())]
    await VirtualClock().settle()
    assert steps == []
    may_end.set()
    await asyncio.gather(*tasks)
    assert steps == ["first ends", "second begins"]


@pytest.mark.parametrize("is_kept", [True, False])
async def test_reads_in_between_leave_an_open_transaction_as_it_is(
    memory: Store, is_kept: bool
) -> None:
    job, node = await stored_job(memory, max_concurrent_runs=2), await stored_node(memory)
    await stored_runs(memory, job, 3, unique_key=None)
    before = await everything(memory)
    async with memory.begin() if is_kept else rolled_back(memory) as tx:
        claimed = await tx.claim_runs(node.epoch, 5)
        assert await everything(memory) == before
        await tx.end_runs([make_end(claimed[0])])
        assert await everything(memory) == before
        [run_id] = await tx.allocate_run_ids(1)
        await tx.insert_runs([make_run(run_id, job, unique_key="k")])
        await tx.append_events([make_record(run_id)])
        assert await everything(memory) == before
        assert len(await tx.claim_runs(node.epoch, 5)) == 1
    if is_kept:
        assert await memory.count_live_runs() == {RunState.RUNNING: 2, RunState.QUEUED: 1}
        assert await memory.event_range() == (1, 1)
    else:
        assert await everything(memory) == before


async def test_a_closed_store_can_be_opened_again_with_its_rows(memory: Store) -> None:
    job = await stored_job(memory)
    await memory.close()
    await memory.open()
    assert await memory.get_job("default", "report") == job


async def test_two_memory_stores_have_nothing_in_common(memory: Store) -> None:
    other = MemoryStore(VirtualClock())
    await stored_job(memory)
    assert await other.get_job("default", "report") is None
