"""Another session keeps a transaction open for long: what it may still see cannot be removed, and
the indexes fill with entries of runs that are gone. What looks into them begins behind those (H13).

Counted are the pages that a statement touches, for they are the same on any machine.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from callboard.domain.job import Job
from callboard.domain.states import RunState
from callboard.store.contract import Node, Store
from callboard.store.cycle import Cycle
from callboard.store.pool import PINNED_PLANS
from callboard_sql import load
from support.cycles import started
from support.factories import NOW, after, make_end, stored_job, stored_node, stored_runs
from support.postgres_store import connected, opened

ROUNDS = 20
BATCH = 500
GONE = ROUNDS * BATCH
"""Runs that came and went since the other session took its picture."""


@asynccontextmanager
async def old_picture(dsn: str) -> AsyncIterator[None]:
    """Another session sees the database as it is now, for the length of the block."""
    async with (
        connected(dsn) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.fetchval("select count(*) from callboard.live_run")
        yield


async def come_and_go(store: Store, job: Job, node: Node) -> datetime:
    """Start, claim and end GONE runs; when the last of them was due."""
    due_at = NOW
    for second in range(ROUNDS):
        due_at = after(second - ROUNDS)
        await started(store, job, BATCH, due_at=due_at)
        claim = Cycle(epoch=node.epoch, claim=BATCH, due_from=due_at - timedelta(seconds=0.1))
        runs = (await store.cycle(claim)).claimed
        assert len(runs) == BATCH
        assert len((await store.cycle(Cycle(ends=[make_end(run) for run in runs]))).ended) == BATCH
    return due_at


async def pages(connection: asyncpg.Connection[Any], name: str, *values: object) -> int:
    """How many pages the statement touches, in a transaction that is rolled back."""
    statement = load(name)
    count = len((await connection.prepare(statement)).get_parameters())
    texts = [_literal(value) for value in (*values, *[None] * count)][:count]
    for setting, value in PINNED_PLANS.items():
        await connection.execute(f"set {setting} = {value}")
    await connection.execute("deallocate all")
    await connection.execute(f"prepare counted as {statement}")
    return await _pages(connection, f"execute counted({', '.join(texts)})")


async def _pages(connection: asyncpg.Connection[Any], statement: str) -> int:
    for _ in ("what the session has to learn of the tables", "the pages of the statement itself"):
        async with rolled_back(connection):
            text = await connection.fetchval(f"explain (analyze, buffers, format json) {statement}")
    plan = json.loads(text)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@asynccontextmanager
async def rolled_back(connection: asyncpg.Connection[Any]) -> AsyncIterator[None]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


def _literal(value: object) -> str:
    if value is None:
        return "null"
    return f"'{value.isoformat()}'" if isinstance(value, datetime) else str(value)


def claim_values(node: Node, due_from: datetime, limited_from: datetime) -> list[object]:
    """Arguments of cycle_runs for a claim of 10 runs."""
    nothing = [None] * 19
    return [NOW, *nothing, node.epoch, 0, 10, due_from, limited_from, 0]


async def test_a_claim_begins_behind_what_was_claimed(postgres_dsn: str) -> None:
    """G58: it touches no more pages than it did on an empty queue, but for a few."""
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        job, node = await stored_job(store), await stored_node(store)
        async with old_picture(postgres_dsn):
            last = await come_and_go(store, job, node)
            await stored_runs(store, job, 10, due_at=last + timedelta(seconds=0.05))
            due_from = last + timedelta(seconds=0.01)
            near = await pages(connection, "cycle_runs", *claim_values(node, due_from, due_from))
            all_of_it = await pages(connection, "claim_runs", node.epoch, 10, NOW)
        assert near < 150
        assert all_of_it > 3 * near, "there was nothing to walk over"


async def test_the_look_for_due_runs_with_a_limit_begins_where_the_first_was_seen(
    postgres_dsn: str,
) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        job = await stored_job(store, max_concurrent_runs=10_000)
        node = await stored_node(store)
        async with old_picture(postgres_dsn):
            for _ in range(4):
                await stored_runs(store, job, 1000, due_at=after(-10))
                async with store.begin() as tx:
                    runs = await tx.claim_runs(node.epoch, 1000)
                    assert len(await tx.end_runs([make_end(run) for run in runs])) == 1000
            await stored_runs(store, job, 1, due_at=after(-1))
            seen = await store.cycle(Cycle(epoch=node.epoch, claim=10))
            assert seen.is_limited
            values = claim_values(node, after(-0.1), after(-1))
            near = await pages(connection, "cycle_runs", *values)
            assert (await store.cycle(Cycle(epoch=node.epoch, claim=10, due_from=NOW))).is_limited
        assert near < 50


@pytest.mark.parametrize("name", ["next_due_at", "list_stopping_runs"])
async def test_the_other_looks_do_not_see_them_either(postgres_dsn: str, name: str) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        job, node = await stored_job(store), await stored_node(store)
        async with old_picture(postgres_dsn):
            await come_and_go(store, job, node)
            value = NOW if name == "next_due_at" else node.epoch
            assert await pages(connection, name, value) < 10


async def test_events_are_numbered_without_a_walk_over_old_numbers(postgres_dsn: str) -> None:
    """No row is updated for it, so there are no versions of one to be walked over."""
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        job, node = await stored_job(store), await stored_node(store)
        async with old_picture(postgres_dsn):
            await come_and_go(store, job, node)
            assert await _pages(connection, "select callboard.take_event_numbers()") < 10


async def test_runs_end_as_they_would_otherwise(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store:
        job, node = await stored_job(store), await stored_node(store)
        async with old_picture(postgres_dsn):
            await come_and_go(store, job, node)
        assert await store.count_live_runs() == {}
        runs = await store.get_runs(range(1, GONE + 1))
        assert {run.state for run in runs.values()} == {RunState.SUCCEEDED}
