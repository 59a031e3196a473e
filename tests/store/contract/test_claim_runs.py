"""Claims: which runs a node gets, in which order, and how many."""

import asyncio
from dataclasses import replace

import pytest

from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.store.contract import Node, Store
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


async def claimed_ids(store: Store, node: Node, limit: int = 1000) -> list[int]:
    return [run.id for run in await claimed_runs(store, node, limit)]


async def with_limit(store: Store, job: Job, limit: int | None) -> Job:
    async with store.begin() as tx:
        changed = await tx.update_job(replace(job, max_concurrent_runs=limit))
    assert changed is not None
    return changed


async def test_a_claimed_run_is_running_on_the_node(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await stored_run(store, job, arguments={"a": 1}, unique_key="k")
    await clock.advance(1.000001)
    claimed = replace(
        run,
        state=RunState.RUNNING,
        node="node-a",
        epoch=node.epoch,
        started_at=after(1.000001),
    )
    assert await claimed_runs(store, node) == [claimed]
    assert await the_run(store, run.id) == claimed


async def test_a_claimed_run_is_not_claimed_again(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await stored_runs(store, job, 3)
    assert len(await claimed_ids(store, node)) == 3
    assert await claimed_ids(store, node) == []


async def test_runs_are_claimed_oldest_due_first_and_then_by_id(store: Store) -> None:
    job, other, node = (
        await stored_job(store),
        await stored_job(store, "b"),
        await stored_node(store),
    )
    late = await stored_runs(store, job, 2, due_at=after(-1))
    early = await stored_runs(store, other, 1, due_at=after(-2.000001))
    middle = await stored_runs(store, other, 2, due_at=after(-2))
    also_late = await stored_runs(store, other, 1, due_at=after(-1))
    expected = [run.id for run in (*early, *middle, *late, *also_late)]
    assert await claimed_ids(store, node) == expected


async def test_a_claim_ends_at_its_limit_and_the_next_goes_on(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    ids = [run.id for run in await stored_runs(store, job, 5)]
    assert await claimed_ids(store, node, 0) == []
    assert await claimed_ids(store, node, 2) == ids[:2]
    assert await claimed_ids(store, node, 2) == ids[2:4]
    assert await claimed_ids(store, node, 2) == ids[4:]


async def test_a_run_is_claimed_from_its_due_time_on(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await stored_run(store, job, due_at=after(10))
    await clock.advance_to(after(9.999999))
    assert await claimed_ids(store, node) == []
    await clock.advance_to(after(10))
    assert await claimed_ids(store, node) == [run.id]


async def test_a_wall_clock_that_stepped_back_makes_runs_wait_again(
    store: Store, clock: VirtualClock
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await stored_run(store, job, due_at=after(10))
    await clock.advance(10)
    assert await store.has_due_runs()
    clock.set_wall(after(5))
    assert not await store.has_due_runs()
    assert await claimed_ids(store, node) == []
    assert await store.next_due_at() == after(10)
    clock.set_wall(after(10))
    assert await claimed_ids(store, node) == [run.id]


async def test_only_queued_runs_are_claimed(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    for state in (RunState.STOPPING, RunState.LOST):
        await changed_run(store, await running_run(store, job, node), state=state)
    parked = await stored_run(store, job)
    await changed_run(store, parked, state=RunState.PARKED)
    stopped = await stored_run(store, job)
    await ended_run(store, stopped, RunState.STOPPED)
    assert await claimed_ids(store, node) == []


async def test_a_node_whose_lease_is_over_gets_nothing(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await stored_run(store, job)
    await clock.advance(LEASE.total_seconds())
    assert not await claimed_runs(store, node)
    assert await the_run(store, run.id) == run


async def test_a_node_that_renewed_a_lease_that_was_over_gets_runs_again(
    store: Store, clock: VirtualClock
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await stored_run(store, job)
    await clock.advance(LEASE.total_seconds())
    async with store.begin() as tx:
        await tx.renew_node(node.epoch, LEASE)
        assert [each.id for each in await tx.claim_runs(node.epoch, 9)] == [run.id]


async def test_a_node_that_is_gone_gets_nothing(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await stored_run(store, job)
    async with store.begin() as tx:
        await tx.delete_node(node.epoch)
    assert not await claimed_runs(store, node)
    assert not await claimed_runs(store, replace(node, epoch=4711))
    assert await store.count_live_runs() == {RunState.QUEUED: 1}


async def test_a_run_that_is_queued_again_is_claimed_under_the_new_epoch(
    store: Store, clock: VirtualClock
) -> None:
    job, first = await stored_job(store), await stored_node(store, "a")
    run = await running_run(store, job, first)
    queued = await changed_run(
        store, run, state=RunState.QUEUED, epoch=None, node=None, crashes=1, due_at=after(5)
    )
    assert (queued.epoch, queued.crashes) == (None, 1)
    second = await stored_node(store, "b")
    assert await claimed_ids(store, second) == []
    await clock.advance(5)
    [again] = await claimed_runs(store, second)
    assert (again.id, again.node, again.epoch) == (run.id, "b", second.epoch)
    assert (again.started_at, again.crashes) == (after(5), 1)


async def test_a_job_has_no_more_runs_on_nodes_than_it_allows(store: Store) -> None:
    job, node = await stored_job(store, max_concurrent_runs=2), await stored_node(store)
    ids = [run.id for run in await stored_runs(store, job, 5)]
    assert await claimed_ids(store, node) == ids[:2]
    assert await claimed_ids(store, node) == []


async def test_the_limit_counts_the_runs_of_all_nodes(store: Store, peer: Store) -> None:
    job = await stored_job(store, max_concurrent_runs=3)
    first, second = await stored_node(store, "a"), await stored_node(peer, "b")
    ids = [run.id for run in await stored_runs(store, job, 5)]
    assert await claimed_ids(store, first, 2) == ids[:2]
    assert await claimed_ids(peer, second) == ids[2:3]
    assert await claimed_ids(store, first) == []


async def test_a_run_that_ended_makes_room(store: Store) -> None:
    job, node = await stored_job(store, max_concurrent_runs=1), await stored_node(store)
    await stored_runs(store, job, 2)
    [run] = await claimed_runs(store, node)
    await ended_run(store, run)
    assert len(await claimed_ids(store, node)) == 1


async def test_a_stopping_run_takes_room_until_it_ends(store: Store) -> None:
    job, node = await stored_job(store, max_concurrent_runs=1), await stored_node(store)
    run = await running_run(store, job, node)
    stopping = await changed_run(store, run, state=RunState.STOPPING)
    waiting = await stored_run(store, job)
    assert await claimed_ids(store, node) == []
    await ended_run(store, stopping, RunState.STOPPED)
    assert await claimed_ids(store, node) == [waiting.id]


async def test_a_lost_run_takes_no_room(store: Store) -> None:
    job, node = await stored_job(store, max_concurrent_runs=1), await stored_node(store)
    run = await running_run(store, job, node)
    await changed_run(store, run, state=RunState.LOST)
    waiting = await stored_run(store, job)
    assert await claimed_ids(store, node) == [waiting.id]


async def test_a_requeued_run_makes_room_and_waits_its_turn(store: Store) -> None:
    job, node = await stored_job(store, max_concurrent_runs=1), await stored_node(store)
    run = await running_run(store, job, node)
    await changed_run(store, run, state=RunState.QUEUED, epoch=None, node=None)
    waiting = await stored_run(store, job, due_at=after(-5))
    assert await claimed_ids(store, node) == [waiting.id]


async def test_a_full_job_does_not_hold_up_the_others(store: Store) -> None:
    full, node = await stored_job(store, max_concurrent_runs=1), await stored_node(store)
    await running_run(store, full, node)
    await stored_runs(store, full, 300, due_at=after(-60))
    other, free = (
        await stored_job(store, "other", max_concurrent_runs=1),
        await stored_job(store, "z"),
    )
    expected = [await stored_run(store, other), *await stored_runs(store, free, 2)]
    assert await claimed_ids(store, node, 3) == [run.id for run in expected]


async def test_jobs_with_and_without_a_limit_keep_the_common_order(store: Store) -> None:
    limited, free = (
        await stored_job(store, "a", max_concurrent_runs=2),
        await stored_job(store, "b"),
    )
    node = await stored_node(store)
    runs: list[Run] = []
    for second in range(6):
        job = (limited, free)[second % 2]
        runs.append(await stored_run(store, job, due_at=after(second - 10)))
    expected = [runs[index].id for index in (0, 1, 2, 3, 5)]
    assert await claimed_ids(store, node, 3) == expected[:3]
    assert await claimed_ids(store, node, 9) == expected[3:]


async def test_a_changed_limit_counts_from_the_next_claim_on(store: Store) -> None:
    job, node = await stored_job(store, max_concurrent_runs=1), await stored_node(store)
    ids = [run.id for run in await stored_runs(store, job, 9)]
    assert await claimed_ids(store, node) == ids[:1]
    job = await with_limit(store, job, 3)
    assert await claimed_ids(store, node) == ids[1:3]
    job = await with_limit(store, job, 2)
    assert await claimed_ids(store, node) == []
    await with_limit(store, job, None)
    assert await claimed_ids(store, node) == ids[3:]


async def test_a_limit_that_is_set_later_counts_what_runs_already(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await stored_runs(store, job, 6)
    assert len(await claimed_ids(store, node, 2)) == 2
    await with_limit(store, job, 3)
    assert len(await claimed_ids(store, node)) == 1


async def test_two_stores_at_the_same_moment_never_get_the_same_run(
    store: Store, peer: Store
) -> None:
    job = await stored_job(store)
    nodes = {store: await stored_node(store, "a"), peer: await stored_node(peer, "b")}
    ids = {run.id for run in await stored_runs(store, job, 200)}
    claimed: list[int] = []

    async def claim_all(each: Store, node: Node) -> None:
        while got := await claimed_ids(each, node, 7):
            claimed.extend(got)

    await asyncio.gather(*(claim_all(each, node) for each, node in nodes.items() for _ in range(3)))
    assert sorted(claimed) == sorted(ids)


@pytest.mark.parametrize("limit", [1, 3])
async def test_two_stores_at_the_same_moment_never_exceed_the_limit(
    store: Store, peer: Store, limit: int
) -> None:
    job = await stored_job(store, max_concurrent_runs=limit)
    nodes = [(store, await stored_node(store, "a")), (peer, await stored_node(peer, "b"))]
    await stored_runs(store, job, 20)
    for _ in range(5):
        rounds = await asyncio.gather(*(claimed_runs(each, node, 5) for each, node in nodes * 3))
        claimed = [run for runs in rounds for run in runs]
        assert len(claimed) <= limit
        running = (await store.count_live_runs()).get(RunState.RUNNING, 0)
        assert running <= limit
        await asyncio.gather(*(ended_run(store, run) for run in claimed))


async def test_claims_at_the_same_moment_drain_a_limited_job(store: Store, peer: Store) -> None:
    job = await stored_job(store, max_concurrent_runs=2)
    nodes = [(store, await stored_node(store, "a")), (peer, await stored_node(peer, "b"))]
    await stored_runs(store, job, 12)
    done = 0
    for _ in range(100):
        rounds = await asyncio.gather(*(claimed_runs(each, node, 5) for each, node in nodes))
        for run in [run for runs in rounds for run in runs]:
            await ended_run(store, run)
            done += 1
        if done == 12:
            break
    assert done == 12


async def test_runs_are_due_when_their_time_has_come(store: Store, clock: VirtualClock) -> None:
    assert not await store.has_due_runs()
    job = await stored_job(store)
    await stored_run(store, job, due_at=after(10))
    assert not await store.has_due_runs()
    await clock.advance(10)
    assert await store.has_due_runs()


async def test_claimed_runs_are_not_due_any_more(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await stored_runs(store, job, 2)
    await claimed_runs(store, node, 1)
    assert await store.has_due_runs()
    await claimed_runs(store, node, 1)
    assert not await store.has_due_runs()


async def test_the_next_due_time_is_the_earliest_that_is_still_to_come(
    store: Store, clock: VirtualClock
) -> None:
    assert await store.next_due_at() is None
    job = await stored_job(store)
    for due in (30, 10.000001, 20, -5, 0):
        await stored_run(store, job, due_at=after(due))
    assert await store.next_due_at() == after(10.000001)
    await clock.advance_to(after(10.000001))
    assert await store.next_due_at() == after(20)
    await clock.advance_to(after(30))
    assert await store.next_due_at() is None


async def test_the_next_due_time_is_that_of_a_queued_run(store: Store) -> None:
    job = await stored_job(store)
    parked, stopped, queued = [
        await stored_run(store, job, due_at=after(due)) for due in (10, 20, 30)
    ]
    await changed_run(store, parked, state=RunState.PARKED)
    await ended_run(store, stopped, RunState.STOPPED)
    assert await store.next_due_at() == after(30)
    await changed_run(store, queued, due_at=after(25))
    assert await store.next_due_at() == after(25)
