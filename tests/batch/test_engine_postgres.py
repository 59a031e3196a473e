"""Chunks on PostgreSQL: rows, checkpoint and counters commit together or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from callboard import BoardConfig, Callboard
from callboard.batch import BatchJob, Params, StepContext, identifying, reference
from callboard.domain.batch_step import StepCounts, StepState
from callboard.domain.states import RunState
from support.batch_boards import begun, over, ran, ran_again, step_of, steps_of
from support.postgres import migrated
from support.postgres_store import connected

TABLES = """
create table orders (id int primary key, day date not null, amount int not null);
insert into orders select n, date '2026-01-05', 10 * n from generate_series(1, 9) n;
create table line (n int primary key, amount int);
"""


@pytest.fixture
async def shop(newest_dsn: str) -> str:
    async with connected(newest_dsn) as connection:
        await connection.execute(TABLES)
    return newest_dsn


async def rows(dsn: str) -> list[int]:
    async with connected(dsn) as connection:
        return [row["n"] for row in await connection.fetch("select n from line order by n")]


class SettleParams(Params):
    business_date: date = identifying(next=timedelta(days=1))
    operator: str = reference(default="")


def settlement(job: BatchJob, trap: Any = None) -> None:
    """As the specification writes it."""

    @job.reader
    async def orders(ctx: StepContext, after: int | None) -> AsyncIterator[tuple[Any, int]]:
        query = "select id, amount from orders where day = $1 and id > $2 order by id"
        async for row in ctx.db.stream(query, ctx.params.business_date, after or 0):
            yield row, row["id"]

    @job.step(start_limit=3)
    async def load(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(orders, size=3):
            lines = [(order["id"], order["amount"]) for order in chunk]
            async with chunk as tx:
                await tx.executemany("insert into line values ($1, $2)", lines)
                if trap is not None:
                    await trap(ctx, chunk, tx)
        ctx.job_state["loaded"] = ctx.counts.writes

    @job.step(allow_start_if_complete=True)
    async def cleanup(ctx: StepContext) -> None:
        while await ctx.db.fetchval("select count(*) from line") < 0:
            ctx.check_stop()


async def test_the_sample_of_the_specification_runs(pg_board: Callboard, shop: str) -> None:
    job = BatchJob("settlement", SettleParams)
    settlement(job)
    await pg_board.define(job)
    run = await pg_board.operator.start("settlement", SettleParams(date(2026, 1, 5)))
    run = await over(pg_board, run)
    assert run.state is RunState.SUCCEEDED, run.error
    assert await rows(shop) == list(range(1, 10))
    assert await pg_board.operator.context(run.id) == {"loaded": 9}
    step = await step_of(pg_board, run, "load")
    assert step.checkpoint.cursor == {"orders": 9}
    assert step.counts == StepCounts(reads=9, writes=9, commits=3)


async def test_b07_rows_of_a_failed_chunk_are_rolled_back_with_its_checkpoint(
    pg_board: Callboard, shop: str
) -> None:
    job = BatchJob("settlement", SettleParams)

    async def trap(ctx: StepContext, chunk: Any, tx: Any) -> None:
        if not ctx.run.previous_run_id and chunk[0]["id"] == 4:
            await tx.execute("insert into line values (1, 0)")

    settlement(job, trap)
    run = await ran(pg_board, job, {"business_date": "2026-01-05"})
    assert run.error is not None
    assert run.error.type.endswith("UniqueViolationError")
    assert await rows(shop) == [1, 2, 3]
    step = await step_of(pg_board, run)
    assert (step.state, step.checkpoint.cursor) == (StepState.FAILED, {"orders": 3})
    assert step.counts == StepCounts(reads=6, writes=3, commits=1, rollbacks=1)
    assert (await ran_again(pg_board, run)).state is RunState.SUCCEEDED
    assert await rows(shop) == list(range(1, 10))


async def test_a_chunk_that_rolls_back_and_begins_again_fails_the_step_and_keeps_no_row(
    pg_board: Callboard, shop: str
) -> None:
    job = BatchJob("settlement", SettleParams)

    async def trap(ctx: StepContext, chunk: Any, tx: Any) -> None:
        if not ctx.run.previous_run_id and chunk[0]["id"] == 4:
            await tx.execute("rollback")
            await tx.execute("begin")
            await tx.execute("insert into line values (77)")

    settlement(job, trap)
    run = await ran(pg_board, job, {"business_date": "2026-01-05"})
    assert run.error is not None
    assert "leave commit and rollback to the chunk" in run.error.message
    assert await rows(shop) == [1, 2, 3]
    assert (await ran_again(pg_board, run)).state is RunState.SUCCEEDED
    assert await rows(shop) == list(range(1, 10))


async def test_b08_a_commit_that_fails_by_a_deferred_constraint_is_not_counted(
    pg_board: Callboard, shop: str
) -> None:
    job = BatchJob("settlement", SettleParams)
    async with connected(shop) as connection:
        await connection.execute(
            "create table child (n int references line deferrable initially deferred)"
        )

    async def trap(ctx: StepContext, chunk: Any, tx: Any) -> None:
        if not ctx.run.previous_run_id and chunk[0]["id"] == 4:
            await tx.execute("insert into child values (77)")

    settlement(job, trap)
    run = await ran(pg_board, job, {"business_date": "2026-01-05"})
    assert run.error is not None
    assert run.error.type.endswith("ForeignKeyViolationError")
    step = await step_of(pg_board, run)
    assert step.counts == StepCounts(reads=6, writes=3, commits=1, rollbacks=1)
    assert await rows(shop) == [1, 2, 3]
    assert (await ran_again(pg_board, run)).state is RunState.SUCCEEDED
    assert await rows(shop) == list(range(1, 10))


async def test_b20_a_checkpoint_that_is_too_large_takes_the_rows_with_it(
    pg_board: Callboard, shop: str
) -> None:
    job = BatchJob("settlement", SettleParams)

    async def trap(ctx: StepContext, chunk: Any, tx: Any) -> None:
        ctx.state["seen"] = ctx.state.get("seen", [])
        ctx.state["seen"].extend(["x" * 1000] * (70 if chunk[0]["id"] == 4 else 1))

    settlement(job, trap)
    run = await ran(pg_board, job, {"business_date": "2026-01-05"})
    assert run.error is not None
    assert "more than 65536" in run.error.message
    assert await rows(shop) == [1, 2, 3]


async def test_38_28_a_stop_sent_to_another_board_ends_the_chunk(
    newest_dsn: str, shop: str
) -> None:
    job = BatchJob("settlement", SettleParams)
    config = BoardConfig(node_name="front", executes=False)
    async with (
        Callboard(newest_dsn, config=BoardConfig(node_name="worker")) as worker,
        Callboard(newest_dsn, config=config) as front,
    ):

        async def trap(ctx: StepContext, chunk: Any, tx: Any) -> None:
            if not ctx.run.previous_run_id and chunk[0]["id"] == 4:
                await front.operator.stop(ctx.run_id)

        settlement(job, trap)
        run = await ran(worker, job, {"business_date": "2026-01-05"})
        assert run.state is RunState.STOPPED
        step = await step_of(front, run)
        assert await rows(shop) == [1, 2, 3, 4, 5, 6]
        assert (step.counts.writes, step.checkpoint.cursor) == (6, {"orders": 6})
        again = await over(front, await front.operator.restart(run.id))
        assert again.state is RunState.SUCCEEDED
        assert await rows(shop) == list(range(1, 10))


async def test_savepoints_and_reads_within_a_chunk(pg_board: Callboard, shop: str) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        async with ctx.transaction() as tx:
            await tx.execute("insert into line values (1, 0)")
            with pytest.raises(asyncpg.UniqueViolationError):
                async with tx.savepoint():
                    await tx.execute("insert into line values (1, 0)")
            await tx.copy_records_to_table("line", records=[(2, 0), (3, 0)])
            ctx.state["n"] = await tx.fetchval("select count(*) from line")
            assert (await tx.fetchrow("select 1 as one"))["one"] == 1
            assert len(await tx.fetch("select * from line")) == 3

    run = await ran(pg_board, job)
    assert run.state is RunState.SUCCEEDED, run.error
    assert (await step_of(pg_board, run)).checkpoint.context == {"n": 3}


async def test_a_transaction_that_takes_too_long_is_rolled_back(
    pg_board: Callboard, shop: str
) -> None:
    job = BatchJob("one")

    @job.step
    async def only(ctx: StepContext) -> None:
        async with ctx.transaction(timeout_s=0.05) as tx:
            await tx.execute("insert into line values (1, 0)")
            await tx.execute("select pg_sleep(20)")

    run = await ran(pg_board, job)
    assert run.error is not None
    assert run.error.type == "TimeoutError"
    assert "longer than 0.05 s" in run.error.message
    assert await rows(shop) == []
    assert (await step_of(pg_board, run)).counts.rollbacks == 1


async def test_chunks_in_an_application_s_own_database(
    newest_dsn: str, request: pytest.FixtureRequest, shop: str
) -> None:
    """The rows and their checkpoint are in one database, the run in another; a stop is seen."""
    servers = request.getfixturevalue("postgres_servers")
    async with migrated(next(iter(servers.values()))) as board_dsn:
        config = BoardConfig(node_name="worker")
        async with Callboard(board_dsn, config=config, databases={"shop": shop}) as board:
            job = BatchJob("settlement", SettleParams, database="shop")

            async def trap(ctx: StepContext, chunk: Any, tx: Any) -> None:
                if ctx.run.previous_run_id:
                    return
                if chunk[0]["id"] == 4:
                    await board.operator.stop(ctx.run_id)

            settlement(job, trap)
            run = await ran(board, job, {"business_date": "2026-01-05"})
            assert run.state is RunState.STOPPED, run.error
            assert await rows(shop) == [1, 2, 3, 4, 5, 6]
            step = await step_of(board, run)
            assert step.counts == StepCounts(reads=6, writes=6, commits=2)
            assert step.checkpoint.cursor == {"orders": 6}
            again = await ran_again(board, run)
            assert again.state is RunState.SUCCEEDED, again.error
            assert await rows(shop) == list(range(1, 10))


async def test_a_board_that_closes_hands_the_run_on(newest_dsn: str, shop: str) -> None:
    job = BatchJob("settlement", SettleParams)

    async def trap(ctx: StepContext, chunk: Any, tx: Any) -> None:
        if ctx.run.node == "first" and chunk[0]["id"] == 4:
            reached.set()
            await asyncio.Event().wait()

    reached = asyncio.Event()
    settlement(job, trap)
    first = Callboard(newest_dsn, config=BoardConfig(node_name="first", drain_s=0.05))
    async with first:
        run = await begun(first, job, {"business_date": "2026-01-05"})
        await reached.wait()
    assert await rows(shop) == [1, 2, 3]
    second = Callboard(newest_dsn, config=BoardConfig(node_name="second"), handlers=first.handlers)
    async with second:
        run = await over(second, run)
        assert (run.state, run.node) == (RunState.SUCCEEDED, "second")
        assert await rows(shop) == list(range(1, 10))
        assert [step.name for step in await steps_of(second, run)] == ["load", "load", "cleanup"]
