"""Starts and completions within callers' own transactions (G27), on real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from callboard import BoardConfig, Callboard, OnFull, Run, RunContext, RunState, transactional
from callboard.errors import Conflict, InvalidInput, NotFound, UsageError
from callboard.runners.context import NoRun
from callboard.store.contract import RunFilter

WAIT_S = 20.0
CONFIG = BoardConfig(poll_s=30.0, drain_s=0.0, rescue_every_s=0.2, lease_s=2.0)


@pytest.fixture
async def board(postgres_dsn: str) -> AsyncIterator[Callboard]:
    async with Callboard(postgres_dsn, config=CONFIG) as board:
        await board.define(echo)
        yield board


@pytest.fixture
async def connection(postgres_dsn: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(postgres_dsn)
    yield connection
    await connection.close()


async def echo(text: str = "") -> str:
    return text


async def count(board: Callboard, **filter: Any) -> int:
    return len(await board.list_runs(RunFilter(**filter)))


@asynccontextmanager
async def by_asyncpg(dsn: str) -> AsyncIterator[tuple[Any, Any]]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool, pool.acquire() as one:
        transaction = one.transaction()
        await transaction.start()
        yield one, transaction


@asynccontextmanager
async def by_psycopg(dsn: str) -> AsyncIterator[tuple[Any, Any]]:
    async with await psycopg.AsyncConnection.connect(dsn, row_factory=dict_row) as one:
        yield one, one


@asynccontextmanager
async def by_sqlalchemy(dsn: str) -> AsyncIterator[tuple[Any, Any]]:
    engine = create_async_engine(dsn.replace("postgresql:", "postgresql+asyncpg:", 1))
    async with engine.connect() as one:
        yield one, one
    await engine.dispose()


@asynccontextmanager
async def by_session(dsn: str) -> AsyncIterator[tuple[Any, Any]]:
    engine = create_async_engine(dsn.replace("postgresql:", "postgresql+psycopg:", 1))
    async with AsyncSession(engine) as session:
        yield session, session
    await engine.dispose()


@pytest.mark.parametrize("connected", [by_asyncpg, by_psycopg, by_sqlalchemy, by_session])
async def test_a_run_begins_when_its_callers_transaction_is_committed(
    board: Callboard, postgres_dsn: str, connected: Any
) -> None:
    async with connected(postgres_dsn) as (connection, transaction):
        handle = await board.start(echo, {"text": "a:1 %s $1 'č'"}, connection=connection)
        assert not await board.has_run(handle.id)
        await transaction.commit()
        assert await handle.result(WAIT_S) == "a:1 %s $1 'č'"


@pytest.mark.parametrize("connected", [by_asyncpg, by_psycopg, by_sqlalchemy, by_session])
async def test_a_rolled_back_start_leaves_nothing(
    board: Callboard, postgres_dsn: str, connected: Any, connection: asyncpg.Connection[Any]
) -> None:
    async with connected(postgres_dsn) as (callers, transaction):
        lost = await board.start(echo, connection=callers)
        await transaction.rollback()
    kept = await board.start(echo, connection=connection)
    await kept.wait(WAIT_S)
    assert not await board.has_run(lost.id)
    assert await connection.fetchval("select count(*) from callboard.start_request") == 0
    with pytest.raises(NotFound):
        await lost.wait(0)


def synchronously(dsn: str, driver: str) -> int:
    if driver == "psycopg":
        with psycopg.connect(dsn) as connection:
            return transactional.start_sync(connection, "echo", {"text": driver}, priority=3)
    engine = sqlalchemy.create_engine(dsn.replace("postgresql:", "postgresql+psycopg:", 1))
    try:
        with engine.begin() as connection:
            return transactional.start_sync(connection, "echo", {"text": driver}, priority=3)
    finally:
        engine.dispose()


@pytest.mark.parametrize("driver", ["psycopg", "sqlalchemy"])
async def test_a_process_without_a_board_starts_runs_synchronously(
    board: Callboard, postgres_dsn: str, driver: str
) -> None:
    run_id = await asyncio.to_thread(synchronously, postgres_dsn, driver)
    run = await ended(board, run_id)
    assert (run.result, run.terms and run.terms.priority) == (driver, 3)


async def ended(board: Callboard, run_id: int) -> Run:
    async with asyncio.timeout(WAIT_S), board.subscribe(snapshot=False) as subscription:
        while not await board.has_run(run_id):
            await subscription.arrival(board.clock, 1.0)
        return await board.wait_run(run_id)


async def test_what_is_wrong_with_a_start_is_said_at_once(
    board: Callboard, connection: asyncpg.Connection[Any]
) -> None:
    with pytest.raises(InvalidInput, match="there is no job 'nobody'"):
        await board.start("nobody", connection=connection)
    with pytest.raises(InvalidInput, match=r"arguments\.text"):
        await board.start(echo, {"text": float("nan")}, connection=connection)
    with pytest.raises(UsageError, match="is not a connection"):
        await board.start(echo, connection=object())
    with pytest.raises(UsageError, match="without _sync"):
        transactional.start_sync(connection, "echo")
    await board.define(echo, disabled=True)
    with pytest.raises(Conflict, match="disabled"):
        await board.start(echo, connection=connection)


async def test_arguments_that_do_not_fit_are_refused_at_once(
    board: Callboard, connection: asyncpg.Connection[Any]
) -> None:
    with pytest.raises(InvalidInput, match=r"arguments\.text: is not a string"):
        await board.start(echo, {"text": 3}, connection=connection)
    assert await connection.fetchval("select count(*) from callboard.start_request") == 0


async def test_a_board_in_memory_has_no_connections() -> None:
    async with Callboard("memory:") as board:
        await board.define(echo)
        with pytest.raises(UsageError, match="use PostgreSQL"):
            await board.start(echo, connection=object())


async def test_a_taken_unique_key_ends_the_promised_run_with_the_others_name(
    board: Callboard, connection: asyncpg.Connection[Any]
) -> None:
    holder = await board.start(echo, unique_key="k", due_at=later(board))
    late = await board.start(echo, unique_key="k", connection=connection)
    run = await late.wait(WAIT_S)
    assert run.state is RunState.STOPPED
    assert run.error is not None
    assert f"run {holder.id} has its unique key 'k'" in run.error.message


def later(board: Callboard) -> Any:
    return board.clock.now().replace(year=2100)


async def test_a_job_that_was_deleted_before_the_commit_ends_the_promised_run(
    board: Callboard, connection: asyncpg.Connection[Any]
) -> None:
    async with connection.transaction():
        handle = await board.start(echo, connection=connection)
        await board.delete_job("default", "echo")
    run = await handle.wait(WAIT_S)
    assert (run.state, run.error and run.error.type) == (RunState.STOPPED, "JobGone")


async def test_a_full_job_ends_the_promised_run(
    board: Callboard, connection: asyncpg.Connection[Any]
) -> None:
    limits: dict[str, Any] = {"max_concurrent_runs": 1, "on_full": OnFull.REFUSE}
    job = await board.get_job("default", "echo")
    await board.replace_job(replace(job, **limits))
    await board.start(echo, due_at=later(board))
    handle = await board.start(echo, connection=connection)
    run = await handle.wait(WAIT_S)
    assert (run.state, run.error and run.error.type) == (RunState.FAILED, "JobFull")


async def test_effects_and_success_are_one(board: Callboard, postgres_dsn: str) -> None:
    """A handler that fails after its commit has succeeded; one that fails before has not."""

    async def move(fails: str, ctx: RunContext) -> None:
        connection = await asyncpg.connect(postgres_dsn)
        try:
            async with connection.transaction():
                await connection.execute("insert into effect values ($1)", fails)
                await transactional.complete(connection, {"moved": fails})
                if fails == "before":
                    raise RuntimeError(fails)
            raise RuntimeError(fails)
        finally:
            await connection.close()

    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("create table effect (what text)")
    await board.define(move)
    runs = [await (await board.start(move, {"fails": f})).wait(WAIT_S) for f in ("after", "before")]
    assert [run.state for run in runs] == [RunState.SUCCEEDED, RunState.FAILED]
    assert runs[0].result == {"moved": "after"}
    assert await connection.fetch("select what from effect") == [("after",)]
    await connection.close()


async def test_a_plain_function_completes_its_run_synchronously(
    board: Callboard, postgres_dsn: str
) -> None:
    def move() -> None:
        with psycopg.connect(postgres_dsn) as connection:
            transactional.complete_sync(connection, 7)
        raise RuntimeError("after the commit")

    await board.define(move)
    run = await (await board.start(move)).wait(WAIT_S)
    assert (run.state, run.result) == (RunState.SUCCEEDED, 7)


async def test_a_completed_run_is_not_handed_back_to_be_run_again(
    board: Callboard, postgres_dsn: str
) -> None:
    started = asyncio.Event()

    async def hang() -> None:
        connection = await asyncpg.connect(postgres_dsn)
        await transactional.complete(connection, 7)
        await connection.close()
        started.set()
        await asyncio.Event().wait()

    await board.define(hang)
    handle = await board.start(hang)
    await started.wait()
    await board.close()
    async with Callboard(postgres_dsn, config=CONFIG) as other:
        run = await other.wait_run(handle.id, timeout_s=WAIT_S)
    assert (run.state, run.result) == (RunState.SUCCEEDED, 7)


async def test_who_lost_the_run_is_told_to_roll_back(
    board: Callboard, postgres_dsn: str, connection: asyncpg.Connection[Any]
) -> None:
    refused = asyncio.Event()

    async def late() -> None:
        try:
            await connection.execute("update callboard.live_run set epoch = epoch + 1000")
            await transactional.complete(connection)
        except transactional.RunNotHeld:
            refused.set()

    await board.define(late)
    await board.start(late)
    async with asyncio.timeout(WAIT_S):
        await refused.wait()


async def test_complete_is_for_handlers(connection: asyncpg.Connection[Any]) -> None:
    with pytest.raises(NoRun):
        await transactional.complete(connection)
