"""Limits in PostgreSQL: what waits behind a full lane costs a step, and races exceed nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from callboard.domain.job import Job
from callboard.domain.limits import Concurrency, RateLimit
from callboard.domain.run_terms import RunTerms, terms_to_json
from callboard.domain.states import ON_NODE
from callboard.store.contract import Node, RunFilter, Store
from callboard.store.cycle import Cycle
from callboard.store.pool import PINNED_PLANS
from callboard_sql import load
from support.factories import (
    after,
    claimed_runs,
    make_end,
    stored_job,
    stored_node,
    stored_queue,
    stored_runs,
)
from support.postgres_store import connected, opened

FILL = """
    insert into callboard.live_run (
        id, job_id, job, group_name, state, attempt, chain_id, arguments, crashes, trace_id,
        limited, created_at, due_at, terms, queue, concurrency_key, priority
    )
    select $1 + n, $2, $3, 'default', 'queued', 1, $1 + n, '{}', 0, '', true,
        '2026-01-01Z', '2025-01-01Z', $4::text::jsonb,
        coalesce($4::text::jsonb ->> 'queue', ''),
        coalesce($4::text::jsonb ->> 'concurrency_key', ''),
        coalesce(($4::text::jsonb ->> 'priority')::int4, 0)
    from generate_series(1, $5::int8) as n
"""
KEYED = Concurrency(key=("tenant",))


async def fill(
    connection: asyncpg.Connection[Any], job: Job, first: int, count: int, **terms: Any
) -> None:
    """Queue many runs of the job, due long ago."""
    stored = json.dumps(terms_to_json(RunTerms(**terms))) if terms else None
    await connection.execute(FILL, first, job.id, job.name, stored, count)


LANES = "select queue, concurrency_key, priority, wait_until from callboard.live_run where id = $1"


async def test_the_columns_of_a_lane_follow_the_terms(postgres_dsn: str) -> None:
    """They are written beside the terms: in the insert, and in every update."""
    soon, later = after(1), after(2)
    terms = RunTerms(priority=7, queue="q", concurrency_key="k", start_by=later, chain_until=soon)
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        job = await stored_job(store, "job")
        (plain,) = await stored_runs(store, job, 1)
        (run,) = await stored_runs(store, job, 1, terms=terms)
        assert tuple(await connection.fetchrow(LANES, plain.id)) == ("", "", 0, None)
        assert tuple(await connection.fetchrow(LANES, run.id)) == ("q", "k", 7, soon)
        async with store.begin() as tx:
            await tx.update_runs([replace(run, terms=RunTerms(priority=-1, start_by=later))])
        assert tuple(await connection.fetchrow(LANES, run.id)) == ("", "", -1, later)
        async with store.begin() as tx:
            await tx.update_runs([replace(run, terms=None)])
        assert tuple(await connection.fetchrow(LANES, run.id)) == ("", "", 0, None)


async def test_runs_behind_full_lanes_cost_a_claim_a_step(postgres_dsn: str) -> None:
    """R14: 100,000 behind one key; many behind a full job, a paused queue and a spent rate."""
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        node = await stored_node(store)
        await stored_queue(store, "closed", paused=True)
        await stored_queue(store, "full", capacity=1)
        keyed = await stored_job(store, "keyed", concurrency=KEYED)
        full = await stored_job(store, "full", max_concurrent_runs=1)
        rated = await stored_job(store, "rated", rate_limit=RateLimit(runs=1, per_s=60))
        queued = await stored_job(store, "queued", queue="closed")
        await fill(connection, keyed, 1_000_000, 100_000, concurrency_key="a")
        await fill(connection, full, 2_000_000, 3000)
        await fill(connection, rated, 3_000_000, 3000)
        await fill(connection, queued, 4_000_000, 3000, queue="closed")
        await fill(connection, queued, 5_000_000, 3000, queue="full", priority=1)
        assert len(await claimed_runs(store, node)) == 4
        assert await rows_read(connection) < 60
        other = await stored_runs(store, keyed, 2, terms=RunTerms(concurrency_key="b"))
        plain = await stored_runs(store, await stored_job(store, "plain"), 2)
        claimed = [run.id for run in await claimed_runs(store, node)]
        assert claimed == [other[0].id, *(run.id for run in plain)]
        assert await rows_read(connection) < 60


async def test_the_keys_of_a_full_job_are_passed_over_together(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        node = await stored_node(store)
        job = await stored_job(store, concurrency=KEYED, max_concurrent_runs=1)
        for number in range(200):
            await fill(connection, job, number * 1000 + 1, 2, concurrency_key=f"k{number}")
        assert len(await claimed_runs(store, node)) == 1
        assert await rows_read(connection) < 20


async def rows_read(connection: asyncpg.Connection[Any]) -> int:
    """Index entries of live runs that the search for lanes looks at."""
    for setting, value in PINNED_PLANS.items():
        await connection.execute(f"set {setting} = {value}")
    await connection.execute(f"prepare lanes as {load('lock_lanes')}")
    explained = "explain (analyze, timing off, format json) execute lanes(10, '2026-01-01Z')"
    plan = json.loads(await connection.fetchval(explained))[0]["Plan"]
    await connection.execute("deallocate lanes")
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in _nodes(plan)
        if node.get("Index Name", "").startswith("live_run")
    )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


@pytest.fixture
async def pair(postgres_dsn: str) -> AsyncIterator[tuple[tuple[Store, Node], tuple[Store, Node]]]:
    """Two nodes with a connection each."""
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        yield (one, await stored_node(one, "a")), (two, await stored_node(two, "b"))


Pair = tuple[tuple[Store, Node], tuple[Store, Node]]


async def test_two_nodes_at_once_exceed_no_limit_of_any_kind(pair: Pair) -> None:
    store = pair[0][0]
    await stored_queue(store, "q", capacity=7, rate_limit=RateLimit(runs=40, per_s=60))
    job = await stored_job(
        store, concurrency=Concurrency(key=("t",), max_runs=2), max_concurrent_runs=5, queue="q"
    )
    other = await stored_job(store, "other", queue="q", rate_limit=RateLimit(runs=11, per_s=60))
    for key in "abcd":
        await stored_runs(store, job, 25, terms=RunTerms(concurrency_key=key, queue="q"))
    await stored_runs(store, other, 50, terms=RunTerms(queue="q", priority=1))
    begun = {job.id: 0, other.id: 0}
    for _ in range(30):
        claims = await asyncio.gather(*(claimed_runs(each, node, 3) for each, node in pair))
        for run in (run for claim in claims for run in claim):
            begun[run.job_id] += 1
        held = await store.list_runs(RunFilter(states=tuple(ON_NODE)))
        keys = [run.terms.concurrency_key for run in held if run.terms and run.job_id == job.id]
        assert len(held) <= 7
        assert len(keys) <= 5
        assert max(map(keys.count, keys), default=0) <= 2
        async with store.begin() as tx:
            await tx.end_runs([make_end(run) for run in held[:4]])
    assert begun[other.id] <= 11
    assert sum(begun.values()) == 40


async def test_a_claim_does_not_wait_for_one_that_has_the_queue(pair: Pair) -> None:
    (one, first), (two, second) = pair
    await stored_queue(one, "q", capacity=9)
    job, plain = await stored_job(one, queue="q"), await stored_job(one, "plain")
    mine = await stored_runs(one, job, 4, terms=RunTerms(queue="q"))
    free = await stored_runs(one, plain, 1)
    async with one.begin() as tx:
        assert len(await tx.claim_runs(first.epoch, 2)) == 2
        assert [run.id for run in await claimed_runs(two, second)] == [free[0].id]
    assert [run.id for run in await claimed_runs(two, second)] == [run.id for run in mine[2:]]


async def test_runs_that_have_but_a_priority_are_shared_by_two_nodes_at_once(pair: Pair) -> None:
    (one, first), (two, second) = pair
    runs = await stored_runs(one, await stored_job(one), 4, terms=RunTerms(priority=1))
    async with one.begin() as tx:
        mine = await tx.claim_runs(first.epoch, 2)
        others = await claimed_runs(two, second, 2)
    assert [run.id for run in (*mine, *others)] == [run.id for run in runs]


async def test_a_cycle_may_pass_over_limited_runs_that_are_shut_out(pair: Pair) -> None:
    (store, node), _ = pair
    await stored_queue(store, "q", paused=True)
    job = await stored_job(store, queue="q")
    await stored_runs(store, job, 2, terms=RunTerms(queue="q"))
    [plain] = await stored_runs(store, await stored_job(store, "plain"), 1)
    claim = Cycle(epoch=node.epoch, claim=9)
    assert (await store.cycle(claim)).is_limited
    passing = await store.cycle(replace(claim, passes_limited=True))
    assert [run.id for run in passing.claimed] == [plain.id]
    assert (await store.cycle(claim)).is_limited
