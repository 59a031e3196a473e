"""Limits in the claim: order by priority, keys, queues, rates, and what has waited for too long."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from callboard.domain.job import Job
from callboard.domain.limits import Concurrency, RateLimit
from callboard.domain.queue import Queue
from callboard.domain.run import Run
from callboard.domain.run_terms import AGEING_S, RunTerms
from callboard.domain.states import RunState
from callboard.store.contract import RunFilter, Store
from callboard.testing import VirtualClock
from support.factories import (
    NOW,
    after,
    changed_run,
    claimed_runs,
    ended_run,
    stored_job,
    stored_node,
    stored_queue,
    stored_runs,
    the_run,
)
from support.rollback import rolled_back

PER_TENANT = Concurrency(key=("tenant",))


async def with_terms(
    store: Store, job: Job, count: int = 1, *, due_at: datetime = NOW, **terms: Any
) -> list[int]:
    """Ids of queued runs of the job with these terms."""
    runs = await stored_runs(store, job, count, due_at=due_at, terms=RunTerms(**terms))
    return [run.id for run in runs]


def ids(runs: list[Run]) -> list[int]:
    return [run.id for run in runs]


async def test_a_higher_priority_is_claimed_first(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    plain = ids(await stored_runs(store, job, 2))
    low = await with_terms(store, job, priority=-1)
    high = await with_terms(store, job, 2, priority=5)
    higher = await with_terms(store, await stored_job(store, "other"), priority=6)
    assert ids(await claimed_runs(store, node, 4)) == [*higher, *high, plain[0]]
    assert ids(await claimed_runs(store, node, 4)) == [plain[1], *low]


async def test_who_has_waited_long_enough_goes_before_a_higher_priority(store: Store) -> None:
    """R10: a step of priority weighs as much as AGEING_S of waiting."""
    job, node = await stored_job(store), await stored_node(store)
    high = await with_terms(store, job, priority=2)
    old = ids(await stored_runs(store, job, 1, due_at=after(-2 * AGEING_S - 0.000001)))
    young = ids(await stored_runs(store, job, 1, due_at=after(-2 * AGEING_S + 0.000001)))
    assert ids(await claimed_runs(store, node)) == [*old, *high, *young]


async def test_ties_are_decided_by_id(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    first = await with_terms(store, job, priority=1)
    second = ids(await stored_runs(store, job, 1, due_at=after(-AGEING_S)))
    third = await with_terms(store, job, priority=1)
    assert ids(await claimed_runs(store, node)) == [*first, *second, *third]


async def test_priority_does_not_make_a_run_due(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await with_terms(store, job, due_at=after(1), priority=100)
    assert await claimed_runs(store, node) == []
    await clock.advance(1)
    assert ids(await claimed_runs(store, node)) == run


async def test_runs_with_the_same_key_share_a_limit(store: Store) -> None:
    job = await stored_job(store, concurrency=replace(PER_TENANT, max_runs=2))
    node = await stored_node(store)
    a = await with_terms(store, job, 3, concurrency_key="a")
    b = await with_terms(store, job, 1, concurrency_key="b")
    assert ids(await claimed_runs(store, node)) == [*a[:2], *b]
    assert await claimed_runs(store, node) == []
    await ended_run(store, await the_run(store, a[0]))
    assert ids(await claimed_runs(store, node)) == a[2:]


async def test_one_key_in_several_priorities_shares_one_limit(store: Store) -> None:
    job, node = await stored_job(store, concurrency=PER_TENANT), await stored_node(store)
    low = await with_terms(store, job, concurrency_key="a")
    high = await with_terms(store, job, concurrency_key="a", priority=1)
    assert ids(await claimed_runs(store, node)) == high
    await ended_run(store, await the_run(store, high[0]))
    assert ids(await claimed_runs(store, node)) == low


async def test_the_same_key_of_two_jobs_is_two_keys(store: Store) -> None:
    node = await stored_node(store)
    one, other = [await stored_job(store, name, concurrency=PER_TENANT) for name in ("a", "b")]
    wanted = [*await with_terms(store, one, 1, concurrency_key="x")]
    wanted += await with_terms(store, other, 1, concurrency_key="x")
    assert ids(await claimed_runs(store, node)) == wanted


async def test_a_stopping_run_keeps_its_key(store: Store) -> None:
    job, node = await stored_job(store, concurrency=PER_TENANT), await stored_node(store)
    await with_terms(store, job, 2, concurrency_key="a")
    [run] = await claimed_runs(store, node)
    await changed_run(store, run, state=RunState.STOPPING)
    assert await claimed_runs(store, node) == []
    await changed_run(store, run, state=RunState.LOST)
    assert len(await claimed_runs(store, node)) == 1


async def test_job_and_key_and_queue_bound_together(store: Store) -> None:
    await stored_queue(store, "q", capacity=4)
    node = await stored_node(store)
    job = await stored_job(store, max_concurrent_runs=3, concurrency=PER_TENANT, queue="q")
    other = await stored_job(store, "other", queue="q")
    keyed = [
        run_id
        for key in "abcde"
        for run_id in await with_terms(store, job, 2, concurrency_key=key, queue="q")
    ]
    free = await with_terms(store, other, 3, queue="q", priority=-1)
    assert ids(await claimed_runs(store, node)) == [*keyed[0:6:2], free[0]]
    assert await claimed_runs(store, node) == []


async def test_a_queue_bounds_the_runs_of_all_its_jobs(store: Store, peer: Store) -> None:
    await stored_queue(store, "q", capacity=3)
    first, second = await stored_node(store, "a"), await stored_node(peer, "b")
    one, other = [await stored_job(store, name, queue="q") for name in ("x", "y")]
    wanted = [*await with_terms(store, one, 2, queue="q")]
    wanted += await with_terms(store, other, 2, queue="q")
    assert ids(await claimed_runs(store, first, 2)) == wanted[:2]
    assert ids(await claimed_runs(peer, second)) == wanted[2:3]
    assert await claimed_runs(store, first) == []
    await ended_run(store, await the_run(store, wanted[0]))
    assert ids(await claimed_runs(store, first)) == wanted[3:]


async def test_queues_of_two_groups_with_one_name_are_two(store: Store) -> None:
    await stored_queue(store, "q", capacity=1)
    node = await stored_node(store)
    mine = await stored_job(store, "x", queue="q")
    theirs = await stored_job(store, "x", group="theirs", queue="q")
    wanted = [*await with_terms(store, mine, 1, queue="q")]
    wanted += ids(await stored_runs(store, theirs, 3, terms=RunTerms(queue="q"), group="theirs"))
    assert ids(await claimed_runs(store, node)) == wanted


async def test_a_queue_that_nobody_created_has_no_limits(store: Store) -> None:
    node, job = await stored_node(store), await stored_job(store, queue="never")
    runs = await with_terms(store, job, 3, queue="never")
    assert ids(await claimed_runs(store, node)) == runs


async def test_nothing_is_claimed_of_a_paused_queue_until_it_is_resumed(store: Store) -> None:
    queue = await stored_queue(store, "q", paused=True)
    node, job = await stored_node(store), await stored_job(store, queue="q")
    waiting = await with_terms(store, job, 2, queue="q")
    plain = ids(await stored_runs(store, job, 1))
    assert ids(await claimed_runs(store, node)) == plain
    async with store.begin() as tx:
        await tx.update_queue(replace(queue, paused=False))
    assert ids(await claimed_runs(store, node)) == waiting


async def test_a_full_queue_does_not_hold_up_the_jobs_other_runs(store: Store) -> None:
    """The job has moved from one queue to another; the runs stay in the one they are in."""
    await stored_queue(store, "old", paused=True)
    node = await stored_node(store)
    job = await stored_job(store, queue="new", max_concurrent_runs=1)
    await with_terms(store, job, 5, queue="old")
    new = await with_terms(store, job, 2, queue="new")
    assert ids(await claimed_runs(store, node)) == new[:1]


async def test_no_more_runs_of_a_job_begin_within_a_time_than_it_allows(
    store: Store, clock: VirtualClock
) -> None:
    """R09"""
    job = await stored_job(store, rate_limit=RateLimit(runs=3, per_s=60))
    node, waiting = await stored_node(store, lease=timedelta(hours=1)), []
    waiting += ids(await stored_runs(store, job, 10))
    assert ids(await claimed_runs(store, node, 2)) == waiting[:2]
    await clock.advance(30)
    assert ids(await claimed_runs(store, node)) == waiting[2:3]
    await clock.advance(29.999999)
    assert await claimed_runs(store, node) == []
    await clock.advance(0.000001)
    assert ids(await claimed_runs(store, node)) == waiting[3:5]
    await clock.advance(30)
    assert ids(await claimed_runs(store, node)) == waiting[5:6]


async def test_the_rate_of_a_queue_counts_the_runs_of_all_its_jobs(
    store: Store, clock: VirtualClock
) -> None:
    await stored_queue(store, "q", rate_limit=RateLimit(runs=3, per_s=10))
    node = await stored_node(store)
    one, other = [await stored_job(store, name, queue="q") for name in ("x", "y")]
    waiting = await with_terms(store, one, 2, queue="q")
    waiting += await with_terms(store, other, 2, queue="q")
    assert ids(await claimed_runs(store, node)) == waiting[:3]
    assert await claimed_runs(store, node) == []
    await clock.advance(10)
    assert ids(await claimed_runs(store, node)) == waiting[3:]


async def test_a_spent_rate_does_not_hold_up_the_others(store: Store) -> None:
    node = await stored_node(store)
    job = await stored_job(store, rate_limit=RateLimit(runs=1, per_s=10), concurrency=PER_TENANT)
    for key in "abcdef":
        await with_terms(store, job, concurrency_key=key)
    other = await stored_job(store, "other", max_concurrent_runs=1)
    wanted = ids(await stored_runs(store, other, 1))
    assert len(await claimed_runs(store, node, 1)) == 1
    assert ids(await claimed_runs(store, node, 1)) == wanted


async def test_the_next_due_time_is_when_a_rate_lets_the_next_run_begin(
    store: Store, clock: VirtualClock
) -> None:
    job = await stored_job(store, rate_limit=RateLimit(runs=1, per_s=5))
    node = await stored_node(store)
    await stored_runs(store, job, 2)
    assert len(await claimed_runs(store, node)) == 1
    assert await store.next_due_at() == after(5)
    await stored_runs(store, job, 1, due_at=after(3))
    assert await store.next_due_at() == after(3)
    await clock.advance(5)
    assert await store.next_due_at() is None


async def test_a_run_that_has_waited_for_too_long_is_not_claimed(
    store: Store, clock: VirtualClock
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await with_terms(store, job, start_by=after(1))
    await with_terms(store, job, chain_until=after(1), start_by=after(9))
    patient = await with_terms(store, job, start_by=after(1.000001))
    await clock.advance(1)
    assert ids(await claimed_runs(store, node)) == patient


async def test_two_nodes_at_the_same_moment_exceed_neither_key_nor_queue(
    store: Store, peer: Store
) -> None:
    await stored_queue(store, "q", capacity=5)
    job = await stored_job(store, concurrency=replace(PER_TENANT, max_runs=2), queue="q")
    nodes = [await stored_node(store, "a"), await stored_node(peer, "b")]
    for key in "abcd":
        await with_terms(store, job, 20, concurrency_key=key, queue="q")
    for _ in range(10):
        await asyncio.gather(
            *(claimed_runs(each, node, 3) for each, node in zip((store, peer), nodes, strict=True))
        )
        counts = await store.count_queue("default", "q")
        held = [run for run in (await _held(store)) if run.terms is not None]
        keys = [run.terms.concurrency_key for run in held if run.terms is not None]
        assert counts.running == len(held) <= 5
        assert max(map(keys.count, keys)) <= 2
        for run in held[:3]:
            await ended_run(store, run)


async def test_rates_of_a_claim_that_is_rolled_back_are_not_spent(store: Store) -> None:
    job = await stored_job(store, rate_limit=RateLimit(runs=2, per_s=60))
    node = await stored_node(store)
    await stored_runs(store, job, 2)
    async with rolled_back(store) as tx:
        assert len(await tx.claim_runs(node.epoch, 9)) == 2
    assert len(await claimed_runs(store, node)) == 2


async def _held(store: Store) -> list[Run]:
    return await store.list_runs(RunFilter(states=(RunState.RUNNING,), limit=1000))


async def test_what_runs_and_waits_in_a_queue_is_counted(store: Store) -> None:
    queue: Queue = await stored_queue(store, "q", capacity=1)
    job, node = await stored_job(store, queue="q"), await stored_node(store)
    await with_terms(store, job, 3, queue="q")
    await with_terms(store, job, 1, queue="q", due_at=after(99))
    assert len(await claimed_runs(store, node)) == 1
    counts = await store.count_queue(queue.group, queue.name)
    assert (counts.queued, counts.running) == (3, 1)
    nothing = await store.count_queue("other", "q")
    assert (nothing.queued, nothing.running) == (0, 0)
