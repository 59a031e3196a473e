"""The history of runs in PostgreSQL is kept in parts, made ahead and dropped as a whole."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest

from callboard.domain.partition import LEAST_IDS
from callboard.errors import StoreUnavailable
from callboard.store.contract import Cutoffs, Store
from support.factories import (
    NOW,
    after,
    ended_run,
    make_chunk,
    running_run,
    stored_job,
    stored_node,
)
from support.postgres_store import connected, opened

PARTS = """
    select part.relname from pg_inherits as tree join pg_class as part on part.oid = tree.inhrelid
    where tree.inhparent = 'callboard.ended_run'::regclass order by part.relname
"""
HISTORY = """
    insert into callboard.ended_run (
        id, job_id, job, group_name, state, attempt, chain_id, arguments, crashes, trace_id,
        created_at, due_at, ended_at
    )
    select n, 1, 'job', 'g', 'succeeded', 1, n, '{}', 0, '', $3, $3, $3
    from generate_series($1::int8, $2::int8) as n
"""


async def names(connection: asyncpg.Connection) -> list[str]:
    return [row[0] for row in await connection.fetch(PARTS)]


async def run_ids_have_come_to(connection: asyncpg.Connection, run_id: int) -> None:
    await connection.execute("select setval('callboard.run_id_block', $1)", run_id)


async def test_a_new_database_has_room_and_a_part_for_the_rest(postgres_dsn: str) -> None:
    async with opened(postgres_dsn), connected(postgres_dsn) as connection:
        assert await names(connection) == ["ended_run_0", "ended_run_rest"]


async def test_room_is_made_ahead_once(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        assert await store.make_room(None) == 0
        await run_ids_have_come_to(connection, LEAST_IDS - 1000)
        assert await store.make_room(None) == 1
        assert await store.make_room(None) == 0
        assert f"ended_run_{LEAST_IDS + 1}" in await names(connection)


async def test_a_faster_pace_makes_larger_parts(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        await connection.execute(HISTORY, 1, 1, NOW)
        await connection.execute(HISTORY, 150_001, 150_001, NOW + timedelta(seconds=10))
        assert await store.make_room(86_400 * 30.0) == 1
        part = await connection.fetchval(
            "select pg_get_expr(relpartbound, oid) from pg_class where relname = $1",
            f"ended_run_{LEAST_IDS + 1}",
        )
        # 15,000 runs a second, for a tenth of thirty days.
        assert f"'{LEAST_IDS + 1 + 15_000 * 3 * 86_400}'" in part


async def test_a_run_without_a_part_of_its_own_is_kept_and_found(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        await run_ids_have_come_to(connection, 5 * LEAST_IDS + 1)
        job, node = await stored_job(store), await stored_node(store)
        run = await ended_run(store, await running_run(store, job, node))
        assert await store.get_run(run.id) == run
        assert await connection.fetchval("select count(*) from callboard.ended_run_rest") == 1
        assert await store.make_room(None) == 1
        await store.prune(Cutoffs(ended_runs=after(10**9)))
        assert await store.get_run(run.id) is None


async def full_part(store: Store, connection: asyncpg.Connection) -> None:
    """Runs of ids 1 to 5 ended at NOW, in a part that is full."""
    await connection.execute(HISTORY, 1, 5, NOW)
    async with store.begin() as tx:
        await tx.append_log([make_chunk(run_id, 1, 2) for run_id in (1, 2)])
    await run_ids_have_come_to(connection, LEAST_IDS + 1)


async def test_a_full_part_is_dropped_when_all_of_it_is_old(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        await full_part(store, connection)
        removed = await store.prune(Cutoffs(ended_runs=after(1)))
        assert (removed["run_partitions"], removed["runs"], removed["logs"]) == (1, 0, 2)
        assert await names(connection) == ["ended_run_rest"]
        assert await store.read_log(1, after=0, limit=9) == []


async def test_a_full_part_stays_while_one_of_its_runs_is_young(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        await full_part(store, connection)
        await connection.execute(HISTORY, 6, 6, after(2))
        removed = await store.prune(Cutoffs(ended_runs=after(1)))
        assert (removed["run_partitions"], removed["runs"]) == (0, 0)
        assert await connection.fetchval("select count(*) from callboard.ended_run") == 6


async def test_logs_go_before_their_part_so_many_at_a_time(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        await full_part(store, connection)
        removed = [await store.prune(Cutoffs(ended_runs=after(1), limit=2)) for _ in range(2)]
        assert [(each["logs"], each["run_partitions"]) for each in removed] == [(2, 0), (0, 1)]


async def test_a_reader_is_waited_for_a_moment_only(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        await full_part(store, connection)
        async with connected(postgres_dsn) as reader, reader.transaction():
            await reader.fetch("select id from callboard.ended_run")
            with pytest.raises(StoreUnavailable):
                await store.prune(Cutoffs(ended_runs=after(1)))
        removed = await store.prune(Cutoffs(ended_runs=after(1)))
        assert removed["run_partitions"] == 1


async def test_of_each_job_the_newest_runs_are_kept(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store:
        busy, quiet = await stored_job(store, "busy"), await stored_job(store, "quiet")
        node = await stored_node(store)
        ids = [(await ended_run(store, await running_run(store, busy, node))).id for _ in range(5)]
        other = await ended_run(store, await running_run(store, quiet, node))
        removed = await store.prune(Cutoffs(runs_per_job=2))
        assert removed["runs"] == 3
        assert sorted(await store.get_runs([*ids, other.id])) == [*ids[-2:], other.id]
