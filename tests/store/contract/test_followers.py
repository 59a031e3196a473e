"""Followers of the events: one node at a time, and the ends that they read."""

import asyncio

import pytest

from callboard.domain.chain_end import ChainEnd
from callboard.domain.run import Run
from callboard.domain.run_terms import RunTerms
from callboard.domain.states import RunState
from callboard.events import EventRecord, ended_record, queued_record
from callboard.store.contract import Cutoffs, EndsRead, Store
from callboard.store.cycle import Cycle
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.factories import (
    NOW,
    after,
    ended_run,
    make_record,
    make_run,
    running_run,
    stored_job,
    stored_node,
    stored_run,
)
from support.rollback import rolled_back


async def move(store: Store, name: str, seq: int | None) -> None:
    async with store.begin() as tx:
        assert await tx.lock_follower(name) is not None
        await tx.move_follower(name, seq)


async def place(store: Store, name: str) -> tuple[int | None, int]:
    async with store.begin() as tx:
        following = await tx.lock_follower(name)
    assert following is not None
    return following.seq, following.newest


async def append(store: Store, *records: EventRecord) -> int:
    async with store.begin() as tx:
        return await tx.append_events(records)


async def read(
    store: Store, seq: int, *job_ids: int, until: int = 1000, events: int = 1000
) -> EndsRead:
    async with store.begin() as tx:
        return await tx.read_ends(seq, until, job_ids, events=events)


async def ended(store: Store, run: Run, state: RunState = RunState.SUCCEEDED) -> Run:
    """The run after its end, told in a commit of its own."""
    now_ended = await ended_run(store, run, state)
    await append(store, ended_record(run.id, state))
    return now_ended


async def test_a_follower_begins_with_nothing(store: Store) -> None:
    assert await place(store, "f") == (None, 0)
    await append(store, make_record(), make_record())
    assert await place(store, "f") == (None, 2)


async def test_a_follower_is_where_it_was_moved_to(store: Store) -> None:
    await append(store, make_record(), make_record())
    await move(store, "f", 1)
    await move(store, "g", 2)
    assert await place(store, "f") == (1, 2)
    assert await place(store, "g") == (2, 2)
    await move(store, "f", None)
    assert await place(store, "f") == (None, 2)


async def test_a_move_is_undone_with_its_transaction(store: Store) -> None:
    await move(store, "f", 1)
    async with rolled_back(store) as tx:
        await tx.lock_follower("f")
        await tx.move_follower("f", 2)
    assert await place(store, "f") == (1, 0)


@on_databases
async def test_a_follower_that_another_node_has_is_passed_over(store: Store, peer: Store) -> None:
    await move(store, "f", 1)
    async with store.begin() as tx, peer.begin() as other:
        assert await tx.lock_follower("f") is not None
        assert await other.lock_follower("f") is None
        assert await other.lock_follower("g") is not None


@on_databases
async def test_two_nodes_make_a_follower_at_once(store: Store, peer: Store) -> None:
    async def lock(of: Store) -> bool:
        async with of.begin() as tx:
            return await tx.lock_follower("new") is not None

    assert any(await asyncio.gather(lock(store), lock(peer)))
    assert await place(store, "new") == (None, 0)


async def test_an_end_comes_with_what_its_run_is(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    await append(store, make_record(run.id))
    await clock.advance(1)
    await ended(store, run, RunState.FAILED)
    assert await read(store, 0, job.id) == EndsRead(
        first_seq=1,
        last_seq=2,
        ends=(
            ChainEnd(
                seq=2,
                commit_seq=2,
                at=after(1),
                run_id=run.id,
                job_id=job.id,
                job="report",
                group="default",
                state=RunState.FAILED,
                chain_id=run.chain_id,
            ),
        ),
    )


async def test_ends_of_other_jobs_are_passed_over(store: Store) -> None:
    job, other = await stored_job(store), await stored_job(store, "other")
    node = await stored_node(store)
    for each in (other, job, other):
        await ended(store, await running_run(store, each, node))
    assert [end.seq for end in (await read(store, 0, job.id)).ends] == [2]
    assert await read(store, 2, job.id) == EndsRead(first_seq=3, last_seq=3)
    assert [end.seq for end in (await read(store, 0, other.id, job.id)).ends] == [1, 2, 3]


async def test_jobs_are_named_also_by_their_names(store: Store) -> None:
    job, other = await stored_job(store), await stored_job(store, "other")
    node = await stored_node(store)
    for each in (other, job, other):
        await ended(store, await running_run(store, each, node))

    async def seqs(*job_ids: int, names: list[tuple[str, str]]) -> list[int]:
        async with store.begin() as tx:
            found = await tx.read_ends(0, 1000, job_ids, names=names, events=1000)
        return [end.seq for end in found.ends]

    assert await seqs(names=[("default", "report"), ("x", "other")]) == [2]
    assert await seqs(other.id, names=[("default", "report"), ("default", "other")]) == [1, 2, 3]
    assert await seqs(names=[("default", "nobody")]) == []


async def test_an_end_says_whether_a_trigger_began_its_chain(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    by_hand = await ended(store, await running_run(store, job, node))
    slot = {"trigger": "t", "trigger_id": 7}
    first = await ended(store, await running_run(store, job, node, **slot))
    again = {"previous_run_id": first.id, "chain_id": first.chain_id, "attempt": 2}
    await ended(store, await running_run(store, job, node, **again))
    await ended(store, await running_run(store, job, node, **again | {"chain_id": by_hand.id}))
    found = (await read(store, 0, job.id)).ends
    assert [end.is_triggered for end in found] == [False, True, True, False]


async def test_an_end_says_of_which_workflow_run_it_is(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    for terms in (None, RunTerms(priority=3), RunTerms(workflow_run_id=2**53 - 1)):
        await ended(store, await running_run(store, job, node, terms=terms))
    found = (await read(store, 0, job.id)).ends
    assert [end.workflow_run_id for end in found] == [None, None, 2**53 - 1]


async def test_the_ends_of_a_cycle_are_read_in_the_order_of_its_events(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    runs = [await running_run(store, job, node) for _ in range(3)]
    states = [RunState.SUCCEEDED, RunState.FAILED, RunState.SUCCEEDED]
    from support.factories import make_end

    ends = [make_end(run, state) for run, state in zip(runs, states, strict=True)]
    await store.cycle(Cycle(ends=tuple(ends[::-1])))
    await append(store, queued_record(1), make_record())
    found = (await read(store, 0, job.id)).ends
    assert [(end.seq, end.commit_seq, end.run_id, end.state) for end in found] == [
        (1, 1, runs[2].id, states[2]),
        (2, 1, runs[1].id, states[1]),
        (3, 1, runs[0].id, states[0]),
    ]


async def test_ends_are_numbered_behind_other_events_of_their_commit(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await ended_run(store, await running_run(store, job, node))
    async with store.begin() as tx:
        queued = make_run(run.id + 1, job)
        records = [make_record(), ended_record(run.id, run.state), make_record()]
        await tx.append_events(records, queued=[queued])
    (end,) = (await read(store, 0, job.id)).ends
    assert (end.seq, end.commit_seq, end.at) == (3, 1, NOW)


async def test_an_end_with_a_next_attempt_is_not_final(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await ended_run(store, await running_run(store, job, node), RunState.FAILED)
    chain = {"previous_run_id": run.id, "chain_id": run.chain_id, "attempt": 2}
    again = await stored_run(store, job, created_at=clock.now(), **chain)
    await append(store, ended_record(run.id, RunState.FAILED), queued_record(again.id))
    assert [end.is_final for end in (await read(store, 0, job.id)).ends] == [False]


async def test_an_end_stays_final_when_somebody_asks_for_another_attempt(
    store: Store, clock: VirtualClock
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await ended(store, await running_run(store, job, node), RunState.FAILED)
    await clock.advance(1)
    chain = {"previous_run_id": run.id, "chain_id": run.chain_id, "attempt": 2}
    await stored_run(store, job, created_at=clock.now(), **chain)
    assert [end.is_final for end in (await read(store, 0, job.id)).ends] == [True]


async def test_reading_stops_behind_so_many_events(store: Store) -> None:
    for _ in range(5):
        await append(store, make_record(), make_record())
    stretches = [await read(store, seq, 1, events=3) for seq in (0, 4, 8)]
    assert [(each.first_seq, each.last_seq) for each in stretches] == [(1, 4), (5, 8), (9, 10)]
    stretch = await read(store, 2, 1, until=5)
    assert (stretch.first_seq, stretch.last_seq) == (3, 6)


async def test_reading_goes_on_behind_what_is_pruned(store: Store, clock: VirtualClock) -> None:
    for _ in range(3):
        await append(store, make_record(), make_record())
        await clock.advance(10)
    await store.prune(Cutoffs(events=after(20)))
    stretch = await read(store, 0, 1, events=1)
    assert (stretch.first_seq, stretch.last_seq) == (5, 6)
    assert await read(store, 6, 1) == EndsRead(first_seq=None, last_seq=None)


@pytest.mark.parametrize(("seq", "left"), [(None, 5), (4, 5), (2, 3), (0, 1)])
async def test_what_a_follower_has_not_read_stays_longer(
    store: Store, clock: VirtualClock, seq: int | None, left: int
) -> None:
    await move(store, "f", seq)
    for _ in range(3):
        await append(store, make_record(), make_record())
        await clock.advance(10)
    await store.prune(Cutoffs(events=after(20), unread_events=after(0)))
    assert await store.event_range() == (left, 6)


async def test_but_not_for_ever(store: Store, clock: VirtualClock) -> None:
    await move(store, "f", 0)
    for _ in range(3):
        await append(store, make_record(), make_record())
        await clock.advance(10)
    await store.prune(Cutoffs(events=after(20), unread_events=after(10)))
    assert await store.event_range() == (3, 6)
