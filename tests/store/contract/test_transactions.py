"""Transactions: all or nothing, one instant, invisible until they are committed."""

import asyncio
from dataclasses import replace

import pytest

from callboard.domain.states import RunState
from callboard.errors import LedgerConflict
from callboard.store.contract import IdempotencyRecord, JobFilter, Store
from callboard.testing import VirtualClock
from support.factories import (
    LEASE,
    NOW,
    after,
    all_ids,
    claimed_runs,
    make_chunk,
    make_end,
    make_entry,
    make_job,
    make_node,
    make_plan,
    make_record,
    make_run,
    make_trigger,
    running_run,
    stored_job,
    stored_node,
    stored_run,
    stored_runs,
    stored_trigger,
    the_run,
)
from support.rollback import rolled_back


async def test_a_block_that_ends_well_keeps_everything(store: Store) -> None:
    async with store.begin() as tx:
        job = await tx.insert_job(make_job())
        assert job is not None
        [run_id] = await tx.allocate_run_ids(1)
        await tx.insert_runs([make_run(run_id, job)])
        await tx.append_events([make_record(run_id)])
    assert await store.get_job("default", "report") == job
    assert (await the_run(store, run_id)).state is RunState.QUEUED
    assert await store.event_range() == (1, 1)


async def test_a_block_that_raises_leaves_nothing_that_was_new(store: Store) -> None:
    async with rolled_back(store) as tx:
        job = await tx.insert_job(make_job())
        [trigger] = await tx.insert_triggers([make_trigger()])
        assert job is not None
        assert trigger is not None
        [run_id] = await tx.allocate_run_ids(1)
        await tx.insert_runs([make_run(run_id, job)])
        await tx.insert_ledger([make_entry(trigger, NOW)])
        await tx.append_log([make_chunk(run_id, 1)])
        await tx.insert_node(make_node(), LEASE)
        await tx.append_events([make_record(run_id)])
    assert await store.get_job("default", "report") is None
    assert await store.get_trigger("default", "hourly") is None
    assert await store.get_run(run_id) is None
    assert await store.read_ledger(trigger.id, since=NOW, until=after(1), limit=9) == []
    assert await store.read_log(run_id, after=0, limit=9) == []
    assert await store.list_nodes() == []
    assert await store.event_range() == (1, 0)
    assert await store.read_events(0, 9) == []


async def test_a_block_that_raises_takes_back_changes_of_jobs_and_triggers(store: Store) -> None:
    job, trigger = await stored_job(store), await stored_trigger(store)
    other = await stored_job(store, "other")
    async with rolled_back(store) as tx:
        assert await tx.update_job(replace(job, description="new"))
        assert await tx.delete_job(other.id)
        assert await tx.advance_triggers([make_plan(trigger)]) == [True]
        assert await tx.delete_trigger(trigger.id)
    assert await store.list_jobs(JobFilter()) == [other, job]
    assert await store.get_trigger("default", "hourly") == trigger
    assert await store.due_triggers(after(3600), 9) == [trigger]


async def test_a_block_that_raises_gives_claimed_runs_back(store: Store) -> None:
    job, node = await stored_job(store, max_concurrent_runs=2), await stored_node(store)
    runs = await stored_runs(store, job, 3)
    async with rolled_back(store) as tx:
        assert len(await tx.claim_runs(node.epoch, 2)) == 2
    assert [await the_run(store, run.id) for run in runs] == runs
    assert [run.id for run in await claimed_runs(store, node)] == [run.id for run in runs[:2]]


async def test_a_block_that_raises_brings_ended_runs_back_to_life(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node, unique_key="only")
    async with rolled_back(store) as tx:
        assert await tx.end_runs([make_end(run)])
        [run_id] = await tx.allocate_run_ids(1)
        assert await tx.insert_runs([make_run(run_id, job, unique_key="only")])
    assert await the_run(store, run.id) == run
    assert await store.count_live_runs() == {RunState.RUNNING: 1}
    async with store.begin() as tx:
        assert await tx.live_runs_by_key([(job.id, "only")]) == {(job.id, "only"): run}


async def test_a_block_that_raises_leaves_nodes_and_keys_as_they_were(store: Store) -> None:
    node = await stored_node(store)
    record = IdempotencyRecord(key="k", digest="d", created_at=NOW)
    async with rolled_back(store) as tx:
        assert await tx.delete_node(node.epoch)
        assert await tx.insert_idempotency(record) is None
    assert await store.list_nodes() == [node]
    async with store.begin() as tx:
        assert await tx.insert_idempotency(record) is None


async def test_a_cancelled_block_leaves_nothing(store: Store) -> None:
    is_inside = asyncio.Event()

    async def write() -> None:
        async with store.begin() as tx:
            await tx.insert_job(make_job())
            is_inside.set()
            await asyncio.Event().wait()

    writer = asyncio.create_task(write())
    await is_inside.wait()
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    assert await store.list_jobs(JobFilter()) == []


async def test_the_store_goes_on_after_a_rollback(store: Store) -> None:
    async with rolled_back(store):
        pass
    assert (await stored_job(store)).id > 0


async def test_a_refused_ledger_entry_takes_everything_of_its_block_with_it(store: Store) -> None:
    job, trigger = await stored_job(store), await stored_trigger(store)
    async with store.begin() as tx:
        await tx.insert_ledger([make_entry(trigger, NOW)])

    async def decide_again() -> None:
        async with store.begin() as tx:
            [run_id] = await tx.allocate_run_ids(1)
            await tx.insert_runs([make_run(run_id, job)])
            await tx.insert_ledger([make_entry(trigger, after(60)), make_entry(trigger, NOW)])

    with pytest.raises(LedgerConflict):
        await decide_again()
    assert await all_ids(store) == []
    entries = await store.read_ledger(trigger.id, since=NOW, until=after(3600), limit=9)
    assert [entry.slot for entry in entries] == [NOW]


async def test_a_transaction_sees_what_it_wrote(store: Store) -> None:
    job = await stored_job(store)
    async with store.begin() as tx:
        [run_id] = await tx.allocate_run_ids(1)
        run = make_run(run_id, job)
        await tx.insert_runs([run])
        assert await tx.lock_runs([run_id]) == {run_id: run}
        assert await tx.queued_run_ids(job.id, 9) == [run_id]


async def test_nobody_else_sees_what_is_not_committed(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await stored_run(store, job)
    async with store.begin() as tx:
        await tx.insert_job(make_job("other"))
        await tx.claim_runs(node.epoch, 1)
        await tx.append_events([make_record(run.id)])
        assert await store.get_job("default", "other") is None
        assert await store.get_run(run.id) == run
        assert await store.count_live_runs() == {RunState.QUEUED: 1}
        assert (await store.snapshot(9)).runs == (run,)
        assert await store.event_range() == (1, 0)
    assert (await the_run(store, run.id)).state is RunState.RUNNING
    assert await store.event_range() == (1, 1)


async def test_a_transaction_has_one_instant(store: Store, clock: VirtualClock) -> None:
    async with store.begin() as tx:
        assert tx.now == NOW
        await clock.advance(5)
        assert tx.now == NOW
    async with store.begin() as tx:
        assert tx.now == after(5)


async def test_what_a_transaction_stores_bears_its_instant(
    store: Store, clock: VirtualClock
) -> None:
    await clock.advance(1.000001)
    job, node = await stored_job(store), await stored_node(store)
    assert (job.created_at, job.updated_at) == (after(1.000001), after(1.000001))
    assert (node.started_at, node.lease_until) == (after(1.000001), after(1.000001) + LEASE)
    assert await store.ping() == after(1.000001)


async def test_opening_again_is_harmless(store: Store) -> None:
    job = await stored_job(store)
    await store.open()
    assert await store.get_job("default", "report") == job


async def test_transactions_of_one_store_may_be_begun_together(store: Store) -> None:
    async def insert(number: int) -> None:
        async with store.begin() as tx:
            await asyncio.sleep(0)
            await tx.insert_job(make_job(f"job-{number}"))

    await asyncio.gather(*map(insert, range(5)))
    assert len(await store.list_jobs(JobFilter())) == 5


async def test_listening_lasts_until_it_is_cancelled(store: Store) -> None:
    listener = asyncio.create_task(store.listen(lambda topic: None))
    _, pending = await asyncio.wait([listener], timeout=0.05)
    assert pending == {listener}
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener


async def test_a_hint_may_name_any_topics_or_none(store: Store) -> None:
    await store.notify(["runs", "stops", "triggers", "events", "logs", "shards"])
    await store.notify([])
