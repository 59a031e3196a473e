"""Steps whose code does what it should not: the run says so, and nothing else suffers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from callboard import Callboard
from callboard.batch import BatchJob, StepContext
from callboard.domain.run import Run
from callboard.domain.states import RunState
from support.batch_boards import ran, steps_of
from support.postgres_store import connected

Work = Callable[[StepContext], Awaitable[object]]


async def run_of(board: Callboard, work: Work, name: str = "job") -> Run:
    job = BatchJob(name)
    job.step("only")(work)
    return await ran(board, job)


def message(run: Run) -> str:
    assert run.error is not None
    return run.error.message


async def test_a_transaction_that_is_left_open_fails_the_step_and_is_rolled_back(
    pg_board: Callboard, newest_dsn: str
) -> None:
    left: list[Any] = []

    async def work(ctx: StepContext) -> None:
        left.append(ctx.transaction())
        tx = await left[0].__aenter__()
        await tx.execute("insert into line values (1)")

    async with connected(newest_dsn) as connection:
        await connection.execute("create table line (n int)")
        run = await run_of(pg_board, work)
        assert run.state is RunState.FAILED
        assert "with a transaction open, which is rolled back" in message(run)
        idle = "select count(*) from pg_stat_activity where state like 'idle in transaction%'"
        assert await connection.fetchval(f"{idle} and datname = current_database()") == 0
        assert await connection.fetchval("select count(*) from line") == 0


@pytest.mark.parametrize("wrong", [-5, True, 1.5, 2**53])
async def test_what_is_no_number_of_items_is_refused_before_the_commit(
    board: Callboard, wrong: Any
) -> None:
    async def work(ctx: StepContext) -> None:
        async for chunk in ctx.chunks(range(3), size=3):
            chunk.wrote(wrong)
            async with chunk:
                pass

    run = await run_of(board, work)
    assert f"wrote: {wrong!r} is not a number of items" in message(run)
    (step,) = await steps_of(board, run)
    assert step.counts.commits == 0


async def test_an_error_that_cannot_be_shown_ends_its_step_like_any_other(board: Callboard) -> None:
    class Shy(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    async def work(ctx: StepContext) -> None:
        raise Shy

    run = await run_of(board, work)
    assert run.error is not None
    assert "Shy" in run.error.type
    assert "__str__ raised RuntimeError" in message(run)
    assert run.result["exit_code"] == "FAILED"  # type: ignore[index,call-overload]


async def test_the_traceback_of_a_failed_step_is_of_its_own_code_alone(board: Callboard) -> None:
    async def work(ctx: StepContext) -> None:
        ctx.state["x"] = float("nan")

    run = await run_of(board, work)
    assert run.error is not None
    assert "test_misuse.py" in (run.error.traceback or "")
    assert "callboard/batch/" not in (run.error.traceback or "")


async def test_what_a_step_sets_for_its_session_is_gone_for_the_next_run(
    pg_board: Callboard,
) -> None:
    async def spoil(ctx: StepContext) -> None:
        async with ctx.transaction() as tx:
            await tx.execute("set search_path = nowhere")
            await tx.execute("set timezone = 'Asia/Tokyo'")
            await tx.execute("create temp table mine (n int)")
            await tx.execute("select pg_advisory_lock(7)")
        await ctx.db.fetch("set search_path = nowhere")

    said: list[Any] = []

    async def look(ctx: StepContext) -> None:
        async with ctx.transaction() as tx:
            for query in (
                "select current_setting('search_path')",
                "select current_setting('timezone')",
                "select to_regclass('pg_temp.mine')",
                "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
            ):
                said.append(await tx.fetchval(query))
        said.append(await ctx.db.fetchval("select current_setting('search_path')"))

    assert (await run_of(pg_board, spoil, "spoil")).state is RunState.SUCCEEDED
    assert (await run_of(pg_board, look, "look")).state is RunState.SUCCEEDED
    path, zone, table, locks, of_reads = said
    assert "nowhere" not in (path, of_reads)
    assert (zone != "Asia/Tokyo", table, locks) == (True, None, 0)
