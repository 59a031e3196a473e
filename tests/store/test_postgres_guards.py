"""What the database itself keeps to: the domain's states, and at most so many runs of a job."""

from __future__ import annotations

import re

import asyncpg
import pytest

from callboard.domain.backfill import BackfillState
from callboard.domain.job import OnCrash
from callboard.domain.ledger import Decision, SkipReason
from callboard.domain.run import MAX_RUN_ID, StopMode
from callboard.domain.states import ENDED, LIVE, RunState, may_become
from callboard.domain.trigger import TriggerState
from callboard.errors import StoreError
from callboard.store.postgres_ids import BLOCK
from support.factories import (
    claimed_runs,
    make_end,
    make_job,
    make_run,
    stored_job,
    stored_node,
    stored_runs,
    stored_trigger,
)
from support.postgres_store import connected, opened

CHECKED_WORDS = {
    "live_run_state_check": LIVE,
    "ended_run_state_check": ENDED,
    "live_run_stop_mode_check": set(StopMode),
    "trigger_state_check": set(TriggerState),
    "ledger_decision_check": set(Decision) - {Decision.PENDING},
    "ledger_reason_check": set(SkipReason),
    "job_on_crash_check": set(OnCrash),
    "backfill_state_check": set(BackfillState),
}


@pytest.mark.parametrize("constraint", CHECKED_WORDS)
async def test_a_check_has_the_words_of_the_domain(postgres_dsn: str, constraint: str) -> None:
    async with opened(postgres_dsn), connected(postgres_dsn) as connection:
        definition = await connection.fetchval(
            "select pg_get_constraintdef(oid) from pg_constraint where conname = $1", constraint
        )
    words = set(re.findall(r"'(\w+)'", definition))
    assert words == {word.value for word in CHECKED_WORDS[constraint]}


async def test_runs_end_as_the_table_of_transitions_says(postgres_dsn: str) -> None:
    pairs = [(before, after) for before in sorted(LIVE) for after in sorted(RunState)]
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        job = await stored_job(store)
        runs = await stored_runs(store, job, len(pairs))
        for run, (before, _) in zip(runs, pairs, strict=True):
            await _put_in_state(connection, run.id, before)
        ends = [
            make_end(run, after, epoch=None if before is RunState.QUEUED else 1)
            for run, (before, after) in zip(runs, pairs, strict=True)
            if after in ENDED
        ]
        async with store.begin() as tx:
            ended = {run.id for run in await tx.end_runs(ends)}
    done = {pair for run, pair in zip(runs, pairs, strict=True) if run.id in ended}
    allowed = {pair for pair in pairs if pair[1] in ENDED and may_become(*pair)}
    assert done == allowed


async def _put_in_state(
    connection: asyncpg.Connection[asyncpg.Record], run_id: int, state: RunState
) -> None:
    if state is not RunState.QUEUED:
        await connection.execute(
            "update callboard.live_run set state = $2, node = 'a', epoch = 1, started_at = now()"
            " where id = $1",
            run_id,
            state.value,
        )


async def test_a_queued_run_cannot_have_a_holder(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        await stored_runs(store, await stored_job(store), 1)
        with pytest.raises(asyncpg.CheckViolationError, match="live_run_queued_check"):
            await connection.execute("update callboard.live_run set epoch = 1")


async def test_the_sequence_counts_in_blocks(postgres_dsn: str) -> None:
    async with opened(postgres_dsn), connected(postgres_dsn) as connection:
        first = await connection.fetchval("select nextval('callboard.run_id_block')")
        second = await connection.fetchval("select nextval('callboard.run_id_block')")
        assert second - first == BLOCK


async def test_run_ids_stay_exact_in_a_double(postgres_dsn: str) -> None:
    async with opened(postgres_dsn), connected(postgres_dsn) as connection:
        last = await connection.fetchval(
            "select max_value from pg_sequences where sequencename = 'run_id_block'"
        )
        assert last + BLOCK - 1 <= MAX_RUN_ID


async def test_a_definition_of_another_release_is_the_stores_fault(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as connection:
        trigger = await stored_trigger(store)
        await connection.execute("""update callboard.trigger set schedule = '{"kind": "lunar"}'""")
        with pytest.raises(StoreError, match=r"cannot read the stored trigger 'hourly'.*lunar"):
            await store.get_trigger(trigger.group, trigger.name)


@pytest.mark.parametrize("reverse", [False, True], ids=["set", "lifted"])
async def test_a_limit_counts_for_runs_that_were_queued_before(
    postgres_dsn: str, reverse: bool
) -> None:
    old, new = (2, None) if reverse else (None, 2)
    async with opened(postgres_dsn) as store:
        job, node = await stored_job(store, max_concurrent_runs=old), await stored_node(store)
        await stored_runs(store, job, 5)
        changed = make_job(id=job.id, version=job.version, max_concurrent_runs=new)
        async with store.begin() as tx:
            assert await tx.update_job(changed) is not None
        assert len(await claimed_runs(store, node)) == (new or 5)


async def test_a_new_limit_waits_for_runs_that_are_being_inserted(postgres_dsn: str) -> None:
    """Otherwise those would be stored as runs of a job without a limit, and all be claimed."""
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as other:
        job, node = await stored_job(store), await stored_node(store)
        async with store.begin() as tx:
            ids = await tx.allocate_run_ids(3)
            await tx.insert_runs([make_run(run_id, job) for run_id in ids])
            with pytest.raises(asyncpg.QueryCanceledError):
                await other.execute(
                    "set statement_timeout = 200;"
                    f" update callboard.job set max_concurrent_runs = 1 where id = {job.id}"
                )
        changed = make_job(id=job.id, version=job.version, max_concurrent_runs=1)
        async with store.begin() as tx:
            assert await tx.update_job(changed) is not None
        assert len(await claimed_runs(store, node)) == 1


async def test_other_changes_of_a_job_do_not_wait_for_runs_being_inserted(
    postgres_dsn: str,
) -> None:
    async with opened(postgres_dsn) as store, connected(postgres_dsn) as other:
        job = await stored_job(store)
        async with store.begin() as tx:
            [run_id] = await tx.allocate_run_ids(1)
            await tx.insert_runs([make_run(run_id, job)])
            await other.execute("set statement_timeout = 5000")
            await other.execute("update callboard.job set description = 'new'")
