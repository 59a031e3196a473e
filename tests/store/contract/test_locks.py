"""Two transactions open at once: who waits for whom, and what the second one then finds."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from callboard.domain.states import RunState
from callboard.store.contract import IdempotencyRecord, Store
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.factories import (
    LEASE,
    NOW,
    after,
    claimed_runs,
    make_end,
    make_plan,
    make_record,
    make_run,
    running_run,
    stored_job,
    stored_node,
    stored_runs,
    stored_trigger,
    the_run,
)
from support.rollback import rolled_back

pytestmark = on_databases

JOB = ("default", "report")


async def waits(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """The work's task, which has not come to its end although it had the time."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait([task], timeout=0.1)
    assert not done, f"it did not wait, but came to {task.result()!r}"
    return task


async def lock_job(store: Store, *, for_change: bool = False) -> bool:
    async with store.begin() as tx:
        return JOB in await tx.lock_jobs([JOB], for_change=for_change)


async def test_two_may_lock_a_job_that_neither_changes(store: Store, peer: Store) -> None:
    await stored_job(store)
    async with store.begin() as tx:
        await tx.lock_jobs([JOB])
        assert await lock_job(peer)


async def test_a_job_that_is_locked_cannot_be_deleted_meanwhile(store: Store, peer: Store) -> None:
    job = await stored_job(store)

    async def delete() -> bool:
        async with peer.begin() as tx:
            return await tx.delete_job(job.id)

    async with store.begin() as tx:
        await tx.lock_jobs([JOB])
        deleting = await waits(delete())
    assert await deleting is True


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (True, True)])
async def test_a_lock_for_change_keeps_the_other_locks_out(
    store: Store, peer: Store, first: bool, second: bool
) -> None:
    await stored_job(store)
    async with store.begin() as tx:
        await tx.lock_jobs([JOB], for_change=first)
        locking = await waits(lock_job(peer, for_change=second))
    assert await locking is True


async def test_whoever_waited_for_a_deleted_job_does_not_get_it(store: Store, peer: Store) -> None:
    job = await stored_job(store)
    async with store.begin() as tx:
        await tx.lock_jobs([JOB], for_change=True)
        locking = await waits(lock_job(peer))
        await tx.delete_job(job.id)
    assert await locking is False


async def test_whoever_waited_for_a_lock_gets_the_job_as_it_is_now(
    store: Store, peer: Store
) -> None:
    job = await stored_job(store)

    async def lock() -> Any:
        async with peer.begin() as tx:
            return (await tx.lock_jobs([JOB]))[JOB]

    async with store.begin() as tx:
        await tx.lock_jobs([JOB], for_change=True)
        locking = await waits(lock())
        changed = await tx.update_job(replace(job, description="new"))
    assert await locking == changed


async def test_a_locked_trigger_is_not_advanced_meanwhile(store: Store, peer: Store) -> None:
    trigger = await stored_trigger(store)

    async def advance() -> list[bool]:
        async with peer.begin() as tx:
            return await tx.advance_triggers([make_plan(trigger)])

    async with store.begin() as tx:
        await tx.lock_trigger("default", "hourly")
        advancing = await waits(advance())
        await tx.update_trigger(replace(trigger, next_slot=after(60), generation=2))
    assert await advancing == [False]


async def test_a_locked_run_is_not_ended_meanwhile(store: Store, peer: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)

    async def end() -> list[Any]:
        async with peer.begin() as tx:
            return await tx.end_runs([make_end(run)])

    async with store.begin() as tx:
        locked = await tx.lock_runs([run.id])
        ending = await waits(end())
        requeued = replace(locked[run.id], state=RunState.QUEUED, node=None, epoch=None)
        await tx.update_runs([requeued])
    assert await ending == []
    assert await the_run(store, run.id) == requeued


async def test_whoever_waited_for_a_run_that_ended_gets_it_as_it_ended(
    store: Store, peer: Store
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)

    async def lock() -> Any:
        async with peer.begin() as tx:
            return await tx.lock_runs([run.id])

    async with store.begin() as tx:
        await tx.lock_runs([run.id])
        locking = await waits(lock())
        [ended] = await tx.end_runs([make_end(run)])
    assert await locking == {run.id: ended}


async def test_claims_pass_over_runs_that_another_has_locked(store: Store, peer: Store) -> None:
    job, node = await stored_job(store), await stored_node(peer)
    first, second, third = await stored_runs(store, job, 3)
    async with store.begin() as tx:
        await tx.lock_runs([second.id])
        assert [run.id for run in await claimed_runs(peer, node)] == [first.id, third.id]
    assert [run.id for run in await claimed_runs(peer, node)] == [second.id]


async def test_lost_runs_that_another_has_locked_are_passed_over(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    """Two rescuers share the work and do not wait for each other."""
    job, node = await stored_job(store), await stored_node(store)
    ids = {run.id for run in await stored_runs(store, job, 4)}
    await claimed_runs(store, node)
    await clock.advance(LEASE.total_seconds())
    async with store.begin() as mine, peer.begin() as theirs:
        first = {run.id for run in await mine.lock_runs_of_lost_nodes(2)}
        second = {run.id for run in await theirs.lock_runs_of_lost_nodes(99)}
    assert len(first) == 2
    assert first | second == ids
    assert not first & second


@pytest.mark.parametrize("is_kept", [True, False])
async def test_whoever_inserts_a_key_waits_for_the_one_before(
    store: Store, peer: Store, is_kept: bool
) -> None:
    job = await stored_job(store)

    async def insert() -> int:
        async with peer.begin() as tx:
            [run_id] = await tx.allocate_run_ids(1)
            return len(await tx.insert_runs([make_run(run_id, job, unique_key="k")]))

    async with store.begin() if is_kept else rolled_back(store) as tx:
        [run_id] = await tx.allocate_run_ids(1)
        await tx.insert_runs([make_run(run_id, job, unique_key="k")])
        inserting = await waits(insert())
    assert await inserting == (0 if is_kept else 1)
    assert await store.count_live_runs() == {RunState.QUEUED: 1}


@pytest.mark.parametrize("is_kept", [True, False])
async def test_whoever_repeats_a_request_waits_for_the_one_before(
    store: Store, peer: Store, is_kept: bool
) -> None:
    record = IdempotencyRecord(key="k", digest="d", created_at=NOW)

    async def insert() -> IdempotencyRecord | None:
        async with peer.begin() as tx:
            return await tx.insert_idempotency(record)

    answered = replace(record, status=200, answer=b"{}")
    async with store.begin() if is_kept else rolled_back(store) as tx:
        await tx.insert_idempotency(record)
        inserting = await waits(insert())
        await tx.update_idempotency(answered)
    assert await inserting == (answered if is_kept else None)


@pytest.mark.parametrize("is_kept", [True, False])
async def test_event_numbers_are_given_out_in_the_order_of_commits(
    store: Store, peer: Store, is_kept: bool
) -> None:
    async def append() -> int:
        async with peer.begin() as tx:
            return await tx.append_events([make_record()])

    async with store.begin() if is_kept else rolled_back(store) as tx:
        assert await tx.append_events([make_record(), make_record()]) == 1
        appending = await waits(append())
        assert await store.event_range() == (1, 0)
    assert await appending == (3 if is_kept else 1)
    batches = await store.read_events(0, 9)
    assert [batch.first_seq for batch in batches] == ([1, 3] if is_kept else [1])


async def test_a_job_that_gets_a_limit_is_claimed_within_it_from_then_on(
    store: Store, peer: Store
) -> None:
    """The limit is set while another transaction has claimed and not committed yet."""
    job, node = await stored_job(store), await stored_node(store)
    await stored_runs(store, job, 4)
    async with store.begin() as mine:
        assert len(await mine.claim_runs(node.epoch, 2)) == 2

        async def set_limit() -> Any:
            async with peer.begin() as theirs:
                return await theirs.update_job(replace(job, max_concurrent_runs=2))

        setting = asyncio.ensure_future(set_limit())
        await asyncio.wait([setting], timeout=0.1)
    assert (await setting).max_concurrent_runs == 2
    assert await claimed_runs(peer, node) == []


async def heard_from(store: Store, peer: Store) -> tuple[list[str], asyncio.Task[None]]:
    """The topics that `store` hears from now on, and its listener, which listens already."""
    heard: list[str] = []
    listener = asyncio.ensure_future(store.listen(heard.append))
    while "hello" not in heard:
        await hint(peer, "hello")
        await asyncio.wait([listener], timeout=0.02)
    return heard, listener


async def hint(store: Store, *topics: str) -> None:
    await store.notify(topics)


async def until_heard(heard: list[str], topic: str) -> set[str]:
    """The topics heard, once `topic` is among them."""
    async with asyncio.timeout(30):
        while topic not in heard:  # noqa: ASYNC110 - the list is filled by the store
            await asyncio.sleep(0.005)
    return set(heard) - {"hello"}


async def test_a_node_hears_the_hints_of_another(store: Store, peer: Store) -> None:
    heard, listener = await heard_from(store, peer)
    await hint(peer, "runs", "stops")
    await hint(peer, "end")
    assert await until_heard(heard, "end") == {"runs", "stops", "end"}
    listener.cancel()


async def test_a_node_does_not_hear_itself(store: Store, peer: Store) -> None:
    heard, listener = await heard_from(store, peer)
    await hint(store, "runs")
    await hint(peer, "end")
    assert await until_heard(heard, "end") == {"end"}
    listener.cancel()
