"""Cycles of several nodes at once, with everything else that writes runs and jobs between them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import asyncpg
import pytest

from callboard.domain.job import Job
from callboard.domain.run import Run, StopMode
from callboard.domain.states import RunState
from callboard.errors import TransactionConflict
from callboard.events import EventBatch
from callboard.store.contract import Node, Store
from callboard.store.cycle import Cycle, Cycled
from callboard.testing import VirtualClock
from support.cycles import claimed, cycled, end_by_cycle, make_fresh, running, started
from support.factories import (
    LEASE,
    after,
    all_ids,
    changed_run,
    make_end,
    running_run,
    stored_job,
    stored_node,
    the_run,
)
from support.postgres_store import connected, opened, seen, someone_waits


async def surely(store: Store, cycle: Cycle) -> tuple[Cycled, int]:
    """What the cycle did, tried again after lost races, and how often it was."""
    for conflicts in count():
        try:
            return await store.cycle(cycle), conflicts
        except TransactionConflict:
            pass
    raise AssertionError


async def numbers(store: Store) -> list[int]:
    """Numbers of all stored events, as they are read."""
    return [
        batch.first_seq + place
        for batch in await store.read_events(0, 100_000)
        for place in range(len(batch.records))
    ]


async def work(store: Store, node: Node, job: Job, rounds: int) -> list[int]:
    """Start, claim and end runs by cycles, as a busy node does; the runs that it ended."""
    ended: list[int] = []
    held: tuple[Run, ...] = ()
    for _ in range(rounds):
        ids = await store.allocate_run_ids(7)
        cycle = Cycle(
            ends=[make_end(run) for run in held],
            starts=[make_fresh(run_id, job) for run_id in ids],
            jobs={job.id: job.version},
            born=2,
            epoch=node.epoch,
            claim=10,
        )
        done, _ = await surely(store, cycle)
        ended += done.ended
        born = await store.get_runs([run_id for run_id in ids[:2] if run_id in done.started])
        held = (*done.claimed, *born.values())
    done, _ = await surely(store, Cycle(ends=[make_end(run) for run in held]))
    return [*ended, *done.ended]


async def test_nodes_that_cycle_at_once_give_each_run_to_one_and_number_events_without_gaps(
    one: Store, two: Store
) -> None:
    job = await stored_job(one)
    nodes = [await stored_node(one, "a"), await stored_node(one, "b")]
    before = (await one.event_range())[1]
    shares = await asyncio.gather(work(one, nodes[0], job, 40), work(two, nodes[1], job, 40))
    rest = await claimed(one, nodes[0])
    ends = Counter(shares[0] + shares[1])
    assert set(ends.values()) == {1}
    assert sorted([*ends, *(run.id for run in rest)]) == await all_ids(one)
    assert await all_ids(one, [RunState.SUCCEEDED]) == sorted(ends)
    seqs = await numbers(one)
    assert seqs == list(range(before + 1, before + 1 + len(seqs)))
    # Each run: queued and started once, ended once unless it is held still.
    assert len(seqs) == 3 * len(ends) + 2 * len(rest)


async def test_who_reads_events_meanwhile_misses_none(one: Store, two: Store) -> None:
    job = await stored_job(one)
    nodes = [await stored_node(one, "a"), await stored_node(one, "b")]
    read: list[EventBatch] = []
    done = asyncio.Event()

    async def follow() -> None:
        while True:
            is_last = done.is_set()
            batches = await one.read_events(read[-1].last_seq if read else 0, 1000)
            read.extend(batches)
            if is_last and not batches:
                return

    following = asyncio.ensure_future(follow())
    await asyncio.gather(work(one, nodes[0], job, 30), work(two, nodes[1], job, 30))
    done.set()
    await following
    assert [batch.first_seq for batch in read[1:]] == [batch.last_seq + 1 for batch in read[:-1]]
    assert read == await one.read_events(0, 100_000)


async def test_cycles_between_edits_stops_and_transactions_come_to_an_end(
    one: Store, two: Store
) -> None:
    """Lost races are told as such and leave nothing half done."""
    job, node = await stored_job(one), await stored_node(one, "a")
    await work(one, node, job, 1)  # behind the first edit no start fits the job any more

    async def edit() -> int:
        changed = job
        for limit in (None, 5) * 6:
            async with two.begin() as tx:
                locked = await tx.lock_jobs([(job.group, job.name)], for_change=True)
                update = replace(locked[job.group, job.name], max_concurrent_runs=limit)
                stored = await tx.update_job(update)
                assert stored is not None
                changed = stored
        return changed.version

    async def stop() -> None:
        for _ in range(12):
            async with two.begin() as tx:
                ids = await all_ids(one, [RunState.RUNNING])
                runs = await tx.lock_runs(ids[:3])
                await tx.update_runs(
                    [
                        replace(run, state=RunState.STOPPING, stop_mode=StopMode.COOPERATIVE)
                        for run in runs.values()
                        if run.state is RunState.RUNNING
                    ]
                )

    await asyncio.gather(work(one, node, job, 30), edit(), stop(), return_exceptions=False)
    states = Counter(run.state for run in (await one.get_runs(await all_ids(one))).values())
    assert states.keys() <= {
        RunState.SUCCEEDED,
        RunState.QUEUED,
        RunState.RUNNING,
        RunState.STOPPING,
    }
    seqs = await numbers(one)
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


async def test_an_end_that_waits_for_the_rescuer_is_left_out(
    one: Store, two: Store, postgres_dsn: str
) -> None:
    """H05: a zombie's success does not overwrite the verdict."""
    job, node = await stored_job(one), await stored_node(one)
    held = await running_run(one, job, node)
    async with two.begin() as tx:
        [locked] = (await tx.lock_runs([held.id])).values()
        await tx.update_runs([replace(locked, state=RunState.QUEUED, node=None, epoch=None)])
        ending = asyncio.ensure_future(cycled(one, ends=[make_end(held)]))
        await seen(lambda: someone_waits(postgres_dsn))
    done = await ending
    assert (done.ended, done.first_seq) == (frozenset(), 0)
    assert (await the_run(one, held.id)).state is RunState.QUEUED


async def test_an_end_that_waits_for_a_stop_is_left_to_a_transaction(
    one: Store, two: Store, postgres_dsn: str
) -> None:
    job, node = await stored_job(one), await stored_node(one)
    held = await running_run(one, job, node)
    async with two.begin() as tx:
        [locked] = (await tx.lock_runs([held.id])).values()
        await tx.update_runs([replace(locked, state=RunState.STOPPING, stop_mode=StopMode.KILL)])
        ending = asyncio.ensure_future(end_by_cycle(one, held))
        await seen(lambda: someone_waits(postgres_dsn))
    assert not await ending
    async with one.begin() as tx:
        assert len(await tx.end_runs([make_end(held)])) == 1


async def test_of_two_cycles_that_end_the_same_runs_in_any_order_each_run_counts_once(
    one: Store, two: Store
) -> None:
    job, node = await stored_job(one), await stored_node(one)
    await started(one, job, 400)
    held = await claimed(one, node)

    async def end_all(store: Store, runs: Sequence[Run]) -> list[int]:
        ended: list[int] = []
        for first in range(0, len(runs), 20):
            ends = [make_end(run) for run in runs[first : first + 20]]
            done, conflicts = await surely(store, Cycle(ends=ends))
            assert conflicts == 0, "rows are locked in one order"
            ended += done.ended
        return ended

    shares = await asyncio.gather(end_all(one, held), end_all(two, held[::-1]))
    assert Counter(shares[0] + shares[1]) == Counter(run.id for run in held)


async def test_a_node_that_was_fenced_off_ends_and_claims_nothing(
    one: Store, two: Store, clock: VirtualClock
) -> None:
    """H02: its runs went to another epoch meanwhile."""
    job, frozen = await stored_job(one), await stored_node(one, "frozen")
    held = await running(one, job, frozen, 3)
    await clock.advance(LEASE.total_seconds() + 1)
    async with two.begin() as tx:
        lost = await tx.lock_runs_of_lost_nodes(10)
        await tx.update_runs(
            [replace(run, state=RunState.QUEUED, node=None, epoch=None) for run in lost]
        )
    successor = await stored_node(two, "successor")
    mine = await claimed(two, successor, 2)
    done = await cycled(
        one, ends=[make_end(run) for run in held], epoch=frozen.epoch, claim=10, born=1
    )
    assert (done.ended, done.claimed, done.node) == (frozenset(), (), None)
    assert [run.id for run in mine] == [run.id for run in held[:2]]
    assert {(await the_run(one, run.id)).epoch for run in held} == {successor.epoch, None}


async def test_a_start_waits_for_the_edit_that_limits_its_job_and_is_left_out(
    one: Store, two: Store, postgres_dsn: str
) -> None:
    """The run would not be counted: it must not be stored as one of a job without limit."""
    job = await stored_job(one)
    [run_id] = await one.allocate_run_ids(1)
    async with two.begin() as tx:
        await tx.lock_jobs([(job.group, job.name)], for_change=True)
        assert await tx.update_job(replace(job, max_concurrent_runs=1)) is not None
        starting = asyncio.ensure_future(
            cycled(one, starts=[make_fresh(run_id, job)], jobs={job.id: job.version})
        )
        await seen(lambda: someone_waits(postgres_dsn))
    assert (await starting).started == frozenset()


async def test_a_claim_passes_over_runs_that_others_have_locked(one: Store, two: Store) -> None:
    job, node = await stored_job(one), await stored_node(one)
    ids = await started(one, job, 4)
    async with two.begin() as tx:
        await tx.lock_runs(ids[:2])
        assert [run.id for run in await claimed(one, node)] == ids[2:]
    assert [run.id for run in await claimed(one, node)] == ids[:2]


async def test_a_run_that_was_made_due_meanwhile_is_claimed_by_the_next_cycle(
    one: Store, two: Store
) -> None:
    """The one that waited has an older picture of it."""
    job, node = await stored_job(one), await stored_node(one)
    [run_id] = await started(one, job, due_at=after(-10))
    await changed_run(two, await the_run(two, run_id), due_at=after(-5))
    assert [run.id for run in await claimed(one, node)] == [run_id]


async def test_events_of_a_cycle_wait_for_the_number_before_them(one: Store, two: Store) -> None:
    job, node = await stored_job(one), await stored_node(one)
    held = await running(one, job, node, 2)
    async with two.begin() as tx:
        await tx.end_runs([make_end(held[0])])
        first = await tx.append_events([])
        ending = asyncio.ensure_future(cycled(one, ends=[make_end(held[1])]))
        assert (await ending).first_seq == first


async def test_a_cycle_without_events_waits_for_nobody_who_numbers_some(
    one: Store, postgres_dsn: str
) -> None:
    node = await stored_node(one)
    async with connected(postgres_dsn) as other, other.transaction():
        await other.execute("select callboard.take_event_numbers()")
        assert (await cycled(one, epoch=node.epoch, claim=10)).first_seq == 0


@pytest.mark.parametrize("statement_cache_size", [0, 100])
async def test_a_cycle_works_on_a_hosts_pool_whatever_its_sessions_are_set_to(
    postgres_dsn: str, statement_cache_size: int
) -> None:
    """H12: nothing of the session is relied upon, neither its plans nor its isolation."""
    async with asyncpg.create_pool(
        postgres_dsn,
        min_size=0,
        max_size=4,
        statement_cache_size=statement_cache_size,
        server_settings={"default_transaction_isolation": "serializable"},
    ) as pool:
        async with opened("", pool=pool) as store:
            await _one_life(store)


async def test_a_cycle_works_through_a_pooler(postgres_dsn: str) -> None:
    async with opened(f"{postgres_dsn}&statement_cache_size=0") as store:
        await _one_life(store)


async def _one_life(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    [run] = await running(store, job, node)
    assert await end_by_cycle(store, run)
    assert await claimed(store, node) == []
    assert (await the_run(store, run.id)).state is RunState.SUCCEEDED


async def test_an_end_keeps_its_microsecond(one: Store) -> None:
    """The statement takes it in seconds, as a double."""
    job, node = await stored_job(one), await stored_node(one)
    await started(one, job, 500)
    held = await claimed(one, node)
    ended_at = {run.id: after(60 * place + place / 1e6) for place, run in enumerate(held)}
    await cycled(one, ends=[make_end(run, ended_at=ended_at[run.id]) for run in held])
    stored = await one.get_runs([*ended_at])
    assert {run.id: run.ended_at for run in stored.values()} == ended_at
