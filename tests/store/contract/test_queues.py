"""Queues: stored, changed at the version that was read, and gone."""

from __future__ import annotations

from dataclasses import replace

from callboard.domain.job import Job
from callboard.domain.limits import RateLimit
from callboard.domain.queue import Queue
from callboard.domain.run_terms import RunTerms
from callboard.store.contract import QueueFilter, Store, WaitingKey
from callboard.testing import VirtualClock
from support.factories import (
    NOW,
    after,
    claimed_runs,
    stored_job,
    stored_node,
    stored_queue,
    stored_runs,
)

RATE = RateLimit(runs=10, per_s=60.5)


async def test_a_stored_queue_is_what_was_given_and_its_identity(store: Store) -> None:
    given = Queue(
        name="mail", group="g", description="out", capacity=3, rate_limit=RATE, paused=True
    )
    async with store.begin() as tx:
        stored = await tx.insert_queue(given)
    assert stored is not None
    assert stored.id > 0
    expected = replace(given, id=stored.id, version=1, created_at=NOW, updated_at=NOW)
    assert stored == expected
    assert await store.get_queue("g", "mail") == expected
    assert await store.get_queue("default", "mail") is None


async def test_a_taken_name_is_not_stored_again(store: Store) -> None:
    first = await stored_queue(store)
    async with store.begin() as tx:
        assert await tx.insert_queue(Queue(name=first.name, capacity=9)) is None
    assert await store.get_queue(first.group, first.name) == first


async def test_a_queue_is_replaced_at_the_version_that_was_read(
    store: Store, clock: VirtualClock
) -> None:
    first = await stored_queue(store, capacity=1)
    await clock.advance(1)
    async with store.begin() as tx:
        assert await tx.lock_queue(first.group, first.name) == first
        second = await tx.update_queue(replace(first, capacity=None, rate_limit=RATE))
        assert await tx.update_queue(first) is None
    assert second == replace(first, capacity=None, rate_limit=RATE, version=2, updated_at=after(1))
    assert await store.get_queue(first.group, first.name) == second


async def test_a_deleted_queue_is_gone(store: Store) -> None:
    queue = await stored_queue(store)
    async with store.begin() as tx:
        assert await tx.delete_queue(queue.id)
        assert not await tx.delete_queue(queue.id)
        assert await tx.lock_queue(queue.group, queue.name) is None


async def test_queues_are_listed_by_group_and_name_page_by_page(store: Store) -> None:
    for group, name in (("b", "x"), ("a", "z"), ("a", "y"), ("c", "w")):
        await stored_queue(store, name, group=group)
    listed = await store.list_queues(QueueFilter(limit=2))
    assert [(each.group, each.name) for each in listed] == [("a", "y"), ("a", "z")]
    rest = await store.list_queues(QueueFilter(after=("a", "z")))
    assert [(each.group, each.name) for each in rest] == [("b", "x"), ("c", "w")]
    assert [each.name for each in await store.list_queues(QueueFilter(group="a"))] == ["y", "z"]


async def test_the_jobs_that_name_a_queue_are_known(store: Store) -> None:
    for name in ("b", "a"):
        await stored_job(store, name, queue="mail")
    await stored_job(store, "c", queue="post")
    await stored_job(store, "d", queue="mail", group="other")
    async with store.begin() as tx:
        assert await tx.jobs_of_queue("default", "mail") == ["a", "b"]
        assert await tx.jobs_of_queue("default", "none") == []


async def test_what_waits_behind_a_key_is_counted_up_to_a_number(store: Store) -> None:
    job, node = await stored_job(store, queue="q"), await stored_node(store)
    other = await stored_job(store, "other")
    for key, count in (("a", 4), ("b", 1)):
        await stored_runs(store, job, count, terms=RunTerms(concurrency_key=key, queue="q"))
    assert len(await claimed_runs(store, node, 1)) == 1
    await stored_runs(
        store, job, 1, terms=RunTerms(concurrency_key="b", queue="q"), due_at=after(99)
    )

    def waiting(of: Job, key: str, most: int) -> WaitingKey:
        return WaitingKey(job_id=of.id, job=of.name, queue=of.queue, key=key, most=most)

    keys = [
        waiting(job, "a", 9),
        waiting(job, "b", 9),
        waiting(job, "a", 2),
        waiting(other, "a", 9),
    ]
    async with store.begin() as tx:
        assert await tx.count_waiting(keys) == [3, 2, 2, 0]
        assert await tx.count_waiting([]) == []
