"""Snapshots: live runs and the newest event number, of one moment."""

import asyncio

from callboard.domain.job import Job
from callboard.domain.states import RunState
from callboard.events import run_record
from callboard.store.contract import Node, Snapshot, Store
from support.factories import (
    changed_run,
    claimed_runs,
    ended_run,
    make_end,
    make_record,
    make_run,
    running_run,
    stored_job,
    stored_node,
    stored_run,
    stored_runs,
    the_run,
)


async def test_an_empty_store_has_an_empty_snapshot(store: Store) -> None:
    assert await store.snapshot(99) == Snapshot(seq=0, runs=())


async def test_a_snapshot_has_the_live_runs_newest_first(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await ended_run(store, await running_run(store, job, node))
    lost = await changed_run(store, await running_run(store, job, node), state=RunState.LOST)
    running = await running_run(store, job, node)
    parked = await changed_run(store, await stored_run(store, job), state=RunState.PARKED)
    queued = await stored_run(store, job)
    async with store.begin() as tx:
        await tx.append_events([make_record(), make_record()])
    assert await store.snapshot(99) == Snapshot(seq=2, runs=(queued, parked, running, lost))


async def test_a_snapshot_has_the_newest_runs_up_to_its_limit(store: Store) -> None:
    runs = await stored_runs(store, await stored_job(store), 5)
    assert (await store.snapshot(2)).runs == (runs[4], runs[3])
    assert (await store.snapshot(0)).runs == ()


async def live_by_events(store: Store, seq: int) -> set[int]:
    """Ids of the runs that are live after the event `seq`, from the events alone."""
    live: set[int] = set()
    for batch in await store.read_events(0, 10_000):
        for number, record in enumerate(batch.records, batch.first_seq):
            if number > seq or record.run_id is None:
                continue
            if record.type == "run.ended":
                live.discard(record.run_id)
            else:
                live.add(record.run_id)
    return live


async def churn(store: Store, job: Job, node: Node) -> None:
    """Create, claim and end runs, every change with its event."""
    for _ in range(8):
        async with store.begin() as tx:
            ids = await tx.allocate_run_ids(3)
            await tx.insert_runs([make_run(run_id, job) for run_id in ids])
            await tx.append_events([make_record(run_id) for run_id in ids])
        async with store.begin() as tx:
            claimed = await tx.claim_runs(node.epoch, 2)
            await tx.append_events([run_record(run) for run in claimed])
        async with store.begin() as tx:
            ended = await tx.end_runs([make_end(run) for run in claimed])
            await tx.append_events([run_record(run) for run in ended])


async def test_a_snapshot_and_the_events_up_to_it_tell_the_same(store: Store, peer: Store) -> None:
    job = await stored_job(store)
    nodes = [(store, await stored_node(store, "a")), (peer, await stored_node(peer, "b"))]
    writers = asyncio.gather(*(churn(each, job, node) for each, node in nodes))
    snapshots: list[Snapshot] = []
    while not writers.done():
        snapshots.append(await store.snapshot(10_000))
        await asyncio.sleep(0)
    await writers
    snapshots.append(await store.snapshot(10_000))
    for snapshot in snapshots:
        assert {run.id for run in snapshot.runs} == await live_by_events(store, snapshot.seq)


async def test_a_claimed_run_is_running_in_the_next_snapshot(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await stored_run(store, job)
    await claimed_runs(store, node)
    assert (await store.snapshot(9)).runs == (await the_run(store, run.id),)
