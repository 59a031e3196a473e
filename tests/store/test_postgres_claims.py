"""Claims of several nodes at once: limits hold, and one job's queue does not hide another's."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from callboard.clock import SystemClock
from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.domain.states import ON_NODE, RunState
from callboard.store.contract import Node, RunFilter, Store
from callboard.store.cycle import Cycle
from support.cycles import end_by_cycle, make_fresh
from support.factories import (
    NOW,
    claimed_runs,
    make_end,
    running_run,
    stored_job,
    stored_node,
    stored_runs,
    the_run,
)
from support.postgres_store import connected, opened, seen, someone_waits

FILL = """
    insert into callboard.live_run (
        id, job_id, job, group_name, state, attempt, chain_id, arguments, crashes, trace_id,
        limited, created_at, due_at
    )
    select 1000000 + n, $1, $2, 'default', 'queued', 1, 1000000 + n, '{}', 0, '', $3,
        '2026-01-01Z', '2025-01-01Z'
    from generate_series(1, $4::int8) as n
"""


async def test_two_nodes_that_claim_at_once_never_exceed_a_limit(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        job = await stored_job(one, max_concurrent_runs=3)
        nodes = [await stored_node(one, "a"), await stored_node(one, "b")]
        await stored_runs(one, job, 60)
        for _ in range(10):
            claims = await asyncio.gather(
                *(claimed_runs(store, node) for store, node in zip((one, two), nodes, strict=True))
            )
            held = await one.list_runs(RunFilter(states=tuple(ON_NODE)))
            assert len(held) <= 3
            assert sum(map(len, claims)) <= 3
            async with one.begin() as tx:
                await tx.end_runs([make_end(run) for run in held])


async def test_two_nodes_share_the_runs_without_a_run_claimed_twice(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        job = await stored_job(one)
        nodes = [await stored_node(one, "a"), await stored_node(one, "b")]
        runs = await stored_runs(one, job, 300)

        async def drain(store: Store, epoch: int) -> list[int]:
            ids: list[int] = []
            while True:
                async with store.begin() as tx:
                    claimed = await tx.claim_runs(epoch, 7)
                if not claimed:
                    return ids
                ids += [run.id for run in claimed]

        shares = await asyncio.gather(drain(one, nodes[0].epoch), drain(two, nodes[1].epoch))
        assert Counter(shares[0] + shares[1]) == Counter(run.id for run in runs)


async def test_a_claim_waits_for_no_other_claim(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        first, second = await stored_node(one, "a"), await stored_node(one, "b")
        limited = await stored_job(one, "limited", max_concurrent_runs=1)
        runs = await stored_runs(one, await stored_job(one), 4)
        await stored_runs(one, limited, 2)
        async with one.begin() as tx:
            mine = await tx.claim_runs(first.epoch, 2)
            others = await claimed_runs(two, second, 2)
        assert {run.id for run in mine + others} == {run.id for run in runs}


async def test_a_claim_is_not_held_up_by_starts_and_edits_of_the_job(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        job, node = await stored_job(one, max_concurrent_runs=5), await stored_node(one)
        await stored_runs(one, job, 2)
        async with two.begin() as tx:
            await tx.lock_jobs([(job.group, job.name)])
            assert len(await claimed_runs(one, node)) == 2


async def test_a_full_job_with_a_long_queue_hides_nobody(postgres_dsn: str) -> None:
    """R14: 100,000 runs, due earlier, wait behind a limit of one."""
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        node, busy = (
            await stored_node(store),
            await stored_job(store, "busy", max_concurrent_runs=1),
        )
        await connection.execute(FILL, busy.id, busy.name, True, 100_000)
        [running] = await claimed_runs(store, node)
        assert running.job == "busy"
        other = await stored_runs(store, await stored_job(store, "other"), 3)
        assert [run.id for run in await claimed_runs(store, node)] == [run.id for run in other]
        assert await claimed_runs(store, node) == []


async def test_a_free_job_with_a_long_queue_hides_no_limited_one(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        node, free = await stored_node(store), await stored_job(store, "free")
        limited = await stored_job(store, "limited", max_concurrent_runs=1)
        await connection.execute(FILL, limited.id, limited.name, True, 1)
        await connection.execute(
            FILL.replace("1000000", "2000000").replace("2025-01-01", "2025-01-02"),
            free.id,
            free.name,
            False,
            1000,
        )
        claimed = await claimed_runs(store, node, 10)
        assert [run.job for run in claimed] == ["limited"] + ["free"] * 9


async def test_without_a_given_clock_the_databases_decides(postgres_dsn: str) -> None:
    async with opened(postgres_dsn, clock=SystemClock()) as store:
        job, node = await stored_job(store), await stored_node(store)
        async with connected(postgres_dsn) as connection:
            now = await connection.fetchval("select now()")
        [run] = await stored_runs(store, job, 1, due_at=now)
        [claimed] = await claimed_runs(store, node)
        assert claimed.id == run.id
        assert claimed.started_at is not None
        assert claimed.started_at >= now


@pytest.mark.parametrize("way", ["born by a start", "born by a cycle", "claimed", "in line"])
async def test_an_end_knows_its_claim_by_the_databases_clock(postgres_dsn: str, way: str) -> None:
    """The instant that its node was told is the one that is stored, to the microsecond."""
    async with opened(postgres_dsn, clock=SystemClock()) as store:
        job, node = await stored_job(store), await stored_node(store)
        runs = await _held(store, job, node, way)
        for run in runs:
            assert run.started_at is not None
            beside = run.started_at + timedelta(microseconds=1)
            assert not await end_by_cycle(store, run, started_at=beside)
        ends = [make_end(run, ended_at=run.started_at) for run in runs]
        assert (await store.cycle(Cycle(ends=ends))).ended == {run.id for run in runs}


async def _held(store: Store, job: Job, node: Node, way: str) -> list[Run]:
    """Runs as their node is told of them."""
    if way == "in line":
        return await _claimed_by_transactions(store, job, node)
    starts = [make_fresh(run_id, job) for run_id in await store.allocate_run_ids(9)]
    jobs = {job.id: job.version}
    if way == "claimed":
        await store.cycle(Cycle(starts=starts, jobs=jobs))
        return [*(await store.cycle(Cycle(epoch=node.epoch, claim=9))).claimed]
    claim = 1 if way == "born by a cycle" else 0
    born = Cycle(starts=starts, jobs=jobs, born=9, epoch=node.epoch, claim=claim)
    done = await store.cycle(born)
    return [start.created(done.now, node.name, node.epoch) for start in starts]


async def _claimed_by_transactions(store: Store, job: Job, node: Node) -> list[Run]:
    """By both statements of Transaction.claim_runs."""
    await stored_runs(store, job, 9, due_at=NOW)
    free = await claimed_runs(store, node)
    limited = await stored_job(store, "limited", max_concurrent_runs=9)
    await stored_runs(store, limited, 9, due_at=NOW)
    return [*free, *await claimed_runs(store, node)]


async def test_an_end_that_waits_for_the_rescuer_comes_too_late(postgres_dsn: str) -> None:
    """H05: one winner, by the epoch that the run has when the lock is given."""
    async with opened(postgres_dsn) as worker, opened(postgres_dsn) as rescuer:
        job, node = await stored_job(worker), await stored_node(worker)
        held = await running_run(worker, job, node)
        async with rescuer.begin() as tx:
            [locked] = (await tx.lock_runs([held.id])).values()
            await tx.update_runs([replace(locked, state=RunState.QUEUED, node=None, epoch=None)])
            ending = asyncio.ensure_future(_end(worker, held))
            await seen(lambda: someone_waits(postgres_dsn))
        assert await ending == []
        assert (await the_run(worker, held.id)).state is RunState.QUEUED


async def test_of_two_ends_at_once_one_counts(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        job, node = await stored_job(one), await stored_node(one)
        held = await running_run(one, job, node)
        async with one.begin() as tx:
            first = await tx.end_runs([make_end(held)])
            second = asyncio.ensure_future(_end(two, held, RunState.FAILED))
            await seen(lambda: someone_waits(postgres_dsn))
        assert (len(first), await second) == (1, [])
        assert (await the_run(one, held.id)).state is RunState.SUCCEEDED


async def test_who_locks_a_run_while_it_ends_gets_it_from_the_history(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        job, node = await stored_job(one), await stored_node(one)
        held = await running_run(one, job, node)

        async def lock() -> dict[int, Run]:
            async with two.begin() as tx:
                return await tx.lock_runs([held.id])

        async with one.begin() as tx:
            await tx.end_runs([make_end(held)])
            locking = asyncio.ensure_future(lock())
            await seen(lambda: someone_waits(postgres_dsn))
        assert (await locking)[held.id].state is RunState.SUCCEEDED


async def _end(store: Store, run: Run, state: RunState = RunState.SUCCEEDED) -> list[Run]:
    async with store.begin() as tx:
        return await tx.end_runs([make_end(run, state)])
