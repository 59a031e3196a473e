"""Changes of runs: which fields they write, and which rows they lock."""

from dataclasses import replace
from typing import Any

import pytest

from callboard.domain.run import Run, RunError, StopMode
from callboard.domain.states import RunState
from callboard.store.contract import Store
from callboard.testing import VirtualClock
from support.factories import (
    LEASE,
    after,
    changed_run,
    claimed_runs,
    ended_run,
    running_run,
    stored_job,
    stored_node,
    stored_run,
    stored_runs,
    the_run,
)


async def lost_ids(store: Store, limit: int = 99) -> list[int]:
    async with store.begin() as tx:
        return sorted(run.id for run in await tx.lock_runs_of_lost_nodes(limit))


@pytest.mark.parametrize(
    "changes",
    [
        {"state": RunState.STOPPING},
        {"state": RunState.LOST},
        {"state": RunState.QUEUED, "epoch": None, "node": None, "started_at": None},
        {"state": RunState.PARKED, "epoch": None},
        {"crashes": 3},
        {"due_at": after(3600.000001)},
        {"started_at": after(-60)},
        {"stop_mode": StopMode.COOPERATIVE, "stop_grace_s": 0.5},
        {"stop_mode": StopMode.KILL, "stop_grace_s": None},
        {"progress": {"done": 3, "of": 7, "text": "halb ½"}},
        {"progress": [1, 2]},
        {"error": RunError(type="UnknownHandler", message="nobody knows it")},
        {"error": RunError(type="a", message="b", traceback="c", exit_code=-9)},
    ],
    ids=lambda changes: " ".join(changes),
)
async def test_a_change_is_written(store: Store, changes: dict[str, Any]) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    assert await changed_run(store, run, **changes) == replace(run, **changes)


async def test_a_change_can_clear_what_an_earlier_one_wrote(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    error = RunError(type="a", message="b")
    await changed_run(store, run, error=error, progress=1, stop_mode=StopMode.KILL)
    assert await changed_run(store, run, error=None, progress=None, stop_mode=None) == run


async def test_a_change_leaves_the_other_fields_alone(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node, arguments={"a": 1}, unique_key="k")
    changed = await changed_run(
        store,
        run,
        crashes=1,
        arguments={"b": 2},
        unique_key="other",
        job="other",
        job_id=4711,
        attempt=9,
        chain_id=4711,
        trace_id="f" * 32,
        created_at=after(-1),
    )
    assert changed == replace(run, crashes=1)


async def test_many_runs_are_changed_in_one_call_each_to_its_own(store: Store) -> None:
    job = await stored_job(store)
    runs = await stored_runs(store, job, 300)
    wanted = [replace(run, crashes=run.id % 7, due_at=after(run.id)) for run in runs]
    async with store.begin() as tx:
        await tx.lock_runs([run.id for run in runs])
        await tx.update_runs(wanted)
        await tx.update_runs([])
    assert await store.get_runs([run.id for run in runs]) == {run.id: run for run in wanted}


async def test_a_moved_due_time_moves_the_run_in_the_queue(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    first, second, third = await stored_runs(store, job, 3)
    await changed_run(store, first, due_at=after(60))
    await changed_run(store, third, due_at=after(-60))
    assert [run.id for run in await claimed_runs(store, node)] == [third.id, second.id]


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.STOPPED])
async def test_an_ended_run_can_be_abandoned(store: Store, state: RunState) -> None:
    job, node = await stored_job(store), await stored_node(store)
    error = RunError(type="a", message="b")
    ended = await ended_run(store, await running_run(store, job, node), state, error=error)
    abandoned = await changed_run(store, ended, state=RunState.ABANDONED)
    assert abandoned == replace(ended, state=RunState.ABANDONED)
    assert await store.count_live_runs() == {}


async def test_a_change_of_a_run_that_is_not_there_is_left_out(store: Store) -> None:
    job = await stored_job(store)
    run = await stored_run(store, job)
    async with store.begin() as tx:
        await tx.update_runs([replace(run, id=4711)])
    assert await store.get_run(4711) is None
    assert await the_run(store, run.id) == run


async def test_locked_runs_are_live_and_ended_ones(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    ended = await ended_run(store, await running_run(store, job, node))
    queued = await stored_run(store, job)
    async with store.begin() as tx:
        locked = await tx.lock_runs([queued.id, 4711, ended.id, queued.id])
        assert locked == {queued.id: queued, ended.id: ended}
        assert await tx.lock_runs([]) == {}


async def test_the_runs_of_a_node_are_those_running_and_stopping_under_its_epoch(
    store: Store, clock: VirtualClock
) -> None:
    job, node = await stored_job(store), await stored_node(store, "a")
    other = await stored_node(store, "b")
    running, stopping, lost, ended = [await running_run(store, job, node) for _ in range(4)]
    stopping = await changed_run(store, stopping, state=RunState.STOPPING)
    await changed_run(store, lost, state=RunState.LOST)
    await ended_run(store, ended)
    await running_run(store, job, other)
    await stored_run(store, job)
    await clock.advance(LEASE.total_seconds())
    async with store.begin() as tx:
        locked = await tx.lock_runs_of_node(node.epoch)
        assert sorted(locked, key=lambda run: run.id) == [running, stopping]
        assert await tx.lock_runs_of_node(4711) == []


async def test_runs_of_a_node_whose_lease_is_over_are_lost(
    store: Store, clock: VirtualClock
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    running, stopping, lost = [await running_run(store, job, node) for _ in range(3)]
    await changed_run(store, stopping, state=RunState.STOPPING)
    await changed_run(store, lost, state=RunState.LOST)
    await stored_run(store, job)
    await clock.advance_to(node.lease_until - (after(0.000001) - after(0)))
    assert await lost_ids(store) == []
    await clock.advance_to(node.lease_until)
    assert await lost_ids(store) == [running.id, stopping.id, lost.id]


async def test_runs_of_a_node_that_was_removed_are_lost(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    async with store.begin() as tx:
        await tx.delete_node(node.epoch)
    assert await lost_ids(store) == [run.id]


async def test_runs_of_living_nodes_are_not_lost(store: Store, clock: VirtualClock) -> None:
    job = await stored_job(store)
    first, second = await stored_node(store, "a"), await stored_node(store, "b", LEASE * 2)
    mine, theirs = await stored_runs(store, job, 2)
    await claimed_runs(store, first, 1)
    await claimed_runs(store, second, 1)
    await clock.advance(LEASE.total_seconds())
    assert await lost_ids(store) == [mine.id]
    assert (await the_run(store, theirs.id)).node == "b"


async def test_neither_waiting_nor_ended_runs_are_lost(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await ended_run(store, await running_run(store, job, node))
    parked = await running_run(store, job, node)
    await changed_run(store, parked, state=RunState.PARKED, epoch=None)
    await stored_run(store, job)
    await clock.advance(LEASE.total_seconds())
    assert await lost_ids(store) == []


async def test_lost_runs_end_at_the_limit(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    ids = {run.id for run in await stored_runs(store, job, 5)}
    await claimed_runs(store, node)
    await clock.advance(LEASE.total_seconds())
    found: set[int] = set()
    for expected in (2, 4, 5):
        async with store.begin() as tx:
            runs = await tx.lock_runs_of_lost_nodes(2)
            await tx.update_runs([_requeued(run) for run in runs])
        found |= {run.id for run in runs}
        assert len(found) == expected
    assert found == ids
    assert await lost_ids(store) == []


def _requeued(run: Run) -> Run:
    return replace(run, state=RunState.QUEUED, node=None, epoch=None, crashes=run.crashes + 1)
