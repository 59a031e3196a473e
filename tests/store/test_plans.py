"""Every statement uses the indexes that its header names, also when the tables are full.

The plans are the generic ones, with the settings of the connection on which the statement runs.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg
import pytest

from callboard.store.pool import PINNED_PLANS
from callboard_sql import load, names
from support.postgres import drop_database, migrated_database
from support.postgres_store import connected, opened

FILL = """
    insert into callboard.job (
        group_name, name, kind, spec, arguments, description, disabled, retry,
        max_concurrent_runs, on_crash, labels, version, created_at, updated_at, rules
    )
    select 'g' || n % 50, 'job' || n, 'python', '{}', '{}', '', false, '{}',
        case when n % 10 = 0 then 5 end, 'retry', '{}', 1, now(), now(),
        case when n % 100 = 0 then jsonb_build_object('queue', 'queue' || n) else '{}' end
    from generate_series(1, 5000) as n;

    insert into callboard.live_run (
        id, job_id, job, group_name, trigger_id, trigger, state, attempt, chain_id,
        previous_run_id, arguments, node, epoch, crashes, unique_key, trace_id, limited,
        created_at, due_at, started_at
    )
    select n, n % 5000 + 1, 'job' || n % 5000 + 1, 'g' || n % 50, n % 5000, 'trigger' || n % 5000,
        case when n % 50 = 0 then 'running' else 'queued' end, 1, n / 10 * 10,
        nullif(n / 10 * 10, n), '{}',
        case when n % 50 = 0 then 'node' end, case when n % 50 = 0 then 1 + n % 7 end, 0,
        'key' || n, '', (n % 5000 + 1) % 10 = 0, now(), now() + (n - 25000) * interval '1 second',
        case when n % 50 = 0 then now() end
    from generate_series(100001, 150000) as n;

    insert into callboard.ended_run (
        id, job_id, job, group_name, trigger_id, trigger, state, attempt, chain_id,
        previous_run_id, arguments, crashes, trace_id, created_at, due_at, ended_at
    )
    select n, n % 5000 + 1, 'job' || n % 5000 + 1, 'g' || n % 50, n % 5000, 'trigger' || n % 5000,
        case when n % 100 = 0 then 'failed' else 'succeeded' end, 1, n / 10 * 10,
        nullif(n / 10 * 10, n), '{}', 0, '',
        now() - interval '1 day', now(), now() - (50001 - n) * interval '1 second'
    from generate_series(1, 50000) as n;

    insert into callboard.trigger (
        group_name, name, schedule, actions, description, misfire, overlap, jitter_s, state,
        next_slot, firings, generation, version, created_at, updated_at
    )
    select 'g' || n % 50, 'trigger' || n,
        (case when n % 1000 = 0 then '{"expression": "@reboot"}' else '{}' end)::jsonb,
        '[]', '', '{}', '{}', 0, 'active',
        now() + n * interval '1 second', 0, 1, 1, now(), now()
    from generate_series(1, 50000) as n;

    insert into callboard.trigger_job (group_name, job, trigger_id)
    select group_name, 'job' || id % 5000 + 1, id
    from callboard.trigger;

    insert into callboard.calendar (
        group_name, name, description, definition, version, created_at, updated_at
    )
    select 'g' || n % 50, 'calendar' || n, '', '{}', 1, now(), now()
    from generate_series(1, 5000) as n;

    insert into callboard.trigger_calendar (group_name, calendar, trigger_id)
    select group_name, 'calendar' || id % 5000 + 1, id
    from callboard.trigger;

    insert into callboard.queue (
        group_name, name, description, capacity, rate_runs, rate_per_s, paused, version,
        created_at, updated_at
    )
    select 'g' || n % 50, 'queue' || n, '', 5, 10, 60, false, 1, now(), now()
    from generate_series(1, 5000) as n;

    insert into callboard.webhook (group_name, name, definition, version, created_at, updated_at)
    select 'g' || n % 50, 'webhook' || n, '{}', 1, now(), now()
    from generate_series(1, 5000) as n;

    insert into callboard.workflow (
        group_name, name, definition, version, created_at, updated_at
    )
    select 'g' || n % 50, 'workflow' || n, '{"labels": {}}', 1, now(), now()
    from generate_series(1, 5000) as n;

    insert into callboard.workflow_run (
        group_name, workflow, workflow_id, state, properties, definition, progress, created_at,
        ended_at
    )
    select 'g' || n % 50, 'workflow' || n % 5000, n % 5000,
        case when n % 50 = 0 then 'running' else 'completed' end, '{}', '{}', '{}', now(),
        case when n % 50 > 0 then now() - n * interval '1 second' end
    from generate_series(1, 50000) as n;

    insert into callboard.batch_instance (
        group_name, job, key, parameters, state, live_run_id, last_run_id, created_at, ended_at
    )
    select 'g' || n % 50, 'job' || n % 500, 'key' || n, '{}',
        case when n % 50 = 0 then 'live' when n % 10 = 0 then 'failed' else 'succeeded' end,
        case when n % 50 = 0 then n end, n, now(),
        case when n % 50 > 0 then now() - (50001 - n) * interval '1 second' end
    from generate_series(1, 50000) as n;

    update callboard.batch_instance
    set pruned_at = now()
    where state = 'succeeded' and id % 100 > 1;

    insert into callboard.batch_run (
        run_id, instance_id, arguments, reference_names, context, exit_code, definition
    )
    select n, n, '{}', '{}', '{}', 'COMPLETED', '{}'
    from generate_series(1, 50000) as n;

    insert into callboard.batch_step (
        instance_id, run_id, first_id, name, visit, state, exit_code, reads, writes, filters,
        commits, rollbacks, read_skips, process_skips, write_skips, retries, context, started_at,
        ended_at
    )
    select n / 2 + 1, n / 2 + 1, n, 'step' || n, 1,
        case when n % 50 = 0 then 'running' else 'succeeded' end, 'COMPLETED', 0, 0, 0,
        0, 0, 0, 0, 0, 0, '{}', now(),
        case when n % 50 > 0 then now() end
    from generate_series(1, 50000) as n;

    insert into callboard.batch_move (instance_id, node, visit, run_id, code, target, at)
    select n / 2 + 1, 'step' || n, 1, n, 'COMPLETED', '{}', now()
    from generate_series(1, 50000) as n;

    insert into callboard.batch_skip (
        step_id, run_id, phase, item_hash, item, error_type, error_message, at
    )
    select n, n / 2 + 1, 'read', '', '', '', '', now()
    from generate_series(1, 50000) as n;

    insert into callboard.webhook_delivery (
        webhook_id, event, subject, payload, state, attempts, due_at, created_at, ended_at
    )
    select n % 500 + 1, 'run.failed', 'run:' || n, '{}',
        case when n % 100 = 0 then 'queued' else 'delivered' end, 1,
        now() + n * interval '1 second', now(),
        case when n % 100 > 0 then now() + n * interval '1 second' end
    from generate_series(1, 50000) as n;

    insert into callboard.failing_job (job_id, run_id, since)
    select n, n, now()
    from generate_series(1, 5000) as n;

    insert into callboard.bookmark (job_id, version, run, attempt, run_id, value, at)
    select n % 5000, n / 5000 + 1, 1, 0, n, '{}', now()
    from generate_series(1, 50000) as n;

    insert into callboard.start_request (
        run_id, job_id, job, group_name, arguments, trace_id, created_at
    )
    select n, 1, 'job', 'g', '{}', '', now()
    from generate_series(1, 5000) as n;

    insert into callboard.rate_window (name, marks, updated_at)
    select 'job:' || n, '[[1, 1]]', now()
    from generate_series(1, 5000) as n;

    insert into callboard.ledger (
        trigger_id, slot, generation, until, slot_count, decision, reason, decided_at, run_ids
    )
    select n % 500, now() - n * interval '1 minute', 1,
        case when n % 5 = 0 then now() - (n - 1) * interval '1 minute' end,
        case when n % 5 = 0 then 2 else 1 end, 'skipped', 'misfire', now(), '{}'
    from generate_series(1, 50000) as n;

    insert into callboard.backfill (
        group_name, trigger, trigger_id, from_at, until_at, state, force, overlap, max_concurrent,
        cursor_at, slots_total, fired, skipped, succeeded, failed, version, created_at, updated_at,
        ended_at
    )
    select 'g' || n % 50, 'trigger' || n % 500, n % 500, now() - interval '1 day', now(),
        case when n % 100 = 0 then 'running' else 'completed' end, false, 'trigger', 1,
        now(), 24, 24, 0, 24, 0, 1, now(), now(), case when n % 100 > 0 then now() end
    from generate_series(1, 5000) as n;

    insert into callboard.backfilled_slot (
        trigger_id, slot, backfill_id, run_ids, fired_at, ended_at
    )
    select n % 500, now() - n * interval '1 minute', n / 10 + 1, '{1}', now(),
        case when n % 500 > 0 then now() end
    from generate_series(1, 50000) as n;

    insert into callboard.run_log (run_id, first_seq, last_seq, lines)
    select n / 5, n % 5 * 10 + 1, n % 5 * 10 + 10, '[]'
    from generate_series(1, 50000) as n;

    insert into callboard.event_batch (first_seq, last_seq, at, records)
    select n, n, now(), '[]'
    from generate_series(1, 50000) as n;

    insert into callboard.idempotency_key (key, digest, run_ids, created_at)
    select 'key' || n, '', '{}', now() + n * interval '1 second'
    from generate_series(1, 50000) as n;

    insert into callboard.node (name, host, pid, version, capacity, started_at, lease_until)
    select 'node' || n, '', 1, '', 1, now(), now() + interval '1 hour'
    from generate_series(1, 2000) as n;
"""

SKEW = """
    insert into callboard.live_run (
        id, job_id, job, group_name, state, attempt, chain_id, arguments, node, epoch, crashes,
        trace_id, limited, created_at, due_at, started_at
    )
    select n, 1, 'job', 'g', '{state}', 1, n, '{{}}', 'node',
        case when '{state}' = 'running' then 1 end, 0, '', false, now(), now(), now()
    from generate_series(1, 20000) as n
"""

INDEX = re.compile(r"\b\w+_(?:idx|pkey|key)\b")

ON_CONFLICT = {
    "append_events",
    "insert_backfill",
    "insert_batch_instance",
    "put_batch_moves",
    "insert_backfilled_slots",
    "insert_calendar",
    "insert_idempotency",
    "insert_job",
    "insert_ledger",
    "insert_node",
    "insert_deliveries",
    "insert_queue",
    "insert_webhook",
    "insert_workflow",
    "insert_workflow_run",
    "move_deadline_check",
    "note_failing_jobs",
    "insert_triggers",
    "lock_rate_windows",
}
"""Their index is what an insert runs into; a plan has only the arbiter, or nothing."""

FEW_ROWS = {"stream_head", "follower", "node", "ended_run_rest", "run_id_block", "scheduler_lease"}

WHOLE = {"prune_runs_of_jobs": {"job"}}
"""Tables that a statement is there to go through from end to end."""

ALIKE = {"job_limited_key": "job_pkey"}
"""As good for the same condition: PostgreSQL 18 skips over the two values of "limited"."""

HOT = (
    "advance_triggers",
    "claim_limited_runs",
    "claim_runs",
    "cycle_runs",
    "end_runs",
    "find_live_runs",
    "insert_log",
    "insert_runs",
    "list_firings",
    "list_stopping_runs",
    "lock_held_runs",
    "lock_lanes",
    "lock_live_runs",
    "lock_lost_runs",
    "lock_node_runs",
    "lock_old_runs",
    "lock_triggers_by_id",
    "start_runs",
    "update_live_runs",
)

SMALL = {"node_pkey", "live_run_begun_idx", "live_run_lane_idx", "live_run_limited_due_idx"}
"""Indexes that may be read from their beginning: they are small, or only the first row is read."""

READ = (
    "count_triggers",
    "find_chunk",
    "get_",
    "insert_batch_skips",
    "list_backfills",
    "list_batch_",
    "list_skips_",
    "list_calendars",
    "list_jobs",
    "list_nodes",
    "list_open_backfills",
    "list_runs",
    "list_triggers",
    "read_",
    "due_",
    "next_",
    "has_",
    "prune_",
)
"""Statements that run on a connection for reads, without pinned plans."""


def _indexes(name: str) -> frozenset[str]:
    """What the header's `index` line names."""
    header = re.search(r"^-- index .*\n(?:--     .*\n)*", load(name), re.MULTILINE)
    return frozenset(INDEX.findall(header[0])) if header else frozenset()


EXPECTED = {name: _indexes(name) for name in names()}
PLANNED = [name for name, indexes in EXPECTED.items() if indexes and name not in ON_CONFLICT]


@pytest.fixture(scope="module")
def newest_server(postgres_servers: Mapping[str, str]) -> str:
    if "18" not in postgres_servers:
        pytest.skip("PostgreSQL 18 is not installed")
    return postgres_servers["18"]


@pytest.fixture(scope="module")
def full_database(newest_server: str) -> Iterator[str]:
    """A database with some 50,000 rows in each table."""
    dsn = asyncio.run(_analyzed(newest_server, FILL))
    yield dsn
    asyncio.run(drop_database(dsn))


@pytest.fixture(scope="module")
def empty_database(newest_server: str) -> Iterator[str]:
    """A database whose tables were analyzed when nothing was in them."""
    dsn = asyncio.run(_analyzed(newest_server))
    yield dsn
    asyncio.run(drop_database(dsn))


@pytest.fixture(scope="module")
def skewed_databases(newest_server: str) -> Iterator[Mapping[str, str]]:
    """Databases, by state, in which 20,000 runs are all in that state."""
    dsns = {
        state: asyncio.run(_analyzed(newest_server, SKEW.format(state=state)))
        for state in ("queued", "running")
    }
    yield dsns
    for dsn in dsns.values():
        asyncio.run(drop_database(dsn))


async def _analyzed(server_dsn: str, *filled_by: str) -> str:
    dsn = await migrated_database(server_dsn)
    async with opened(dsn), connected(dsn) as connection:
        for statement in (*filled_by, "vacuum analyze"):
            await connection.execute(statement)
    return dsn


@pytest.mark.parametrize("name", PLANNED)
async def test_a_statement_uses_the_indexes_that_it_names(full_database: str, name: str) -> None:
    async with connected(full_database) as connection:
        await _set(connection, _settings(name))
        plan = await _plan(connection, name)
    assert EXPECTED[name] <= _used(plan)
    read = {node["Relation Name"] for node in _nodes(plan) if _reads_all(node)}
    assert read <= WHOLE.get(name, set())


@pytest.mark.parametrize("name", HOT)
async def test_a_hot_statement_uses_them_on_tables_that_were_empty_when_analyzed(
    empty_database: str, name: str
) -> None:
    async with connected(empty_database) as connection:
        await _set(connection, _settings(name))
        plan = await _plan(connection, name)
    assert EXPECTED[name] <= _used(plan)
    unbounded = [
        node["Index Name"]
        for node in _nodes(plan)
        if node["Node Type"].startswith("Index") and "Index Cond" not in node
    ]
    assert set(unbounded) <= SMALL


@pytest.mark.parametrize("state", ["queued", "running"])
@pytest.mark.parametrize("name", HOT)
async def test_a_hot_statement_uses_no_other_where_all_runs_were_in_one_state(
    skewed_databases: Mapping[str, str], name: str, state: str
) -> None:
    """An index that was empty when analyzed looks cheap to walk, and is full a second later."""
    async with connected(skewed_databases[state]) as connection:
        await _set(connection, _settings(name))
        plan = await _plan(connection, name)
    assert EXPECTED[name] <= _used(plan)
    assert {index for index in _used(plan) if index.startswith("live_run")} <= EXPECTED[name]


def _settings(name: str) -> dict[str, str]:
    return {"plan_cache_mode": "force_generic_plan"} if name.startswith(READ) else PINNED_PLANS


async def _set(connection: asyncpg.Connection[Any], settings: Mapping[str, str]) -> None:
    for setting, value in settings.items():
        await connection.execute(f"set {setting} = {value}")


PARENTS = """
    select part.relname, whole.relname
    from pg_inherits as tree
    join pg_class as part on part.oid = tree.inhrelid and part.relkind = 'i'
    join pg_class as whole on whole.oid = tree.inhparent
"""


async def _plan(connection: asyncpg.Connection[Any], name: str) -> dict[str, Any]:
    """The plan, in which the indexes of partitions have the names of those of the whole table."""
    statement = load(name)
    await connection.execute(f"prepare planned as {statement}")
    count = len((await connection.prepare(statement)).get_parameters())
    values = f"({', '.join(['null'] * count)})" if count else ""
    text = await connection.fetchval(f"explain (format json) execute planned{values}")
    plan: dict[str, Any] = json.loads(text)[0]["Plan"]
    parents = dict(await connection.fetch(PARENTS))
    for node in _nodes(plan):
        if "Index Name" in node:
            index = node["Index Name"]
            node["Index Name"] = parents.get(index, ALIKE.get(index, index))
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _used(plan: dict[str, Any]) -> set[str]:
    """Names of the indexes in a plan, those that `on conflict` watches included."""
    names: set[str] = set()
    for node in _nodes(plan):
        names |= {node["Index Name"]} if "Index Name" in node else set()
        names |= set(node.get("Conflict Arbiter Indexes", ()))
    return names


def _reads_all(node: dict[str, Any]) -> bool:
    return node["Node Type"] == "Seq Scan" and node["Relation Name"] not in FEW_ROWS
