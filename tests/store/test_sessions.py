"""Sessions: who gets which connection, and in what state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import asyncpg
import pytest

from callboard.errors import StoreUnavailable
from callboard.store import sessions as module
from callboard.store.sessions import Session, Sessions
from support.postgres import database


@pytest.fixture
async def dsn(postgres_servers: Mapping[str, str]) -> AsyncIterator[str]:
    async with database(next(iter(postgres_servers.values()))) as dsn:
        yield dsn


@pytest.fixture
async def sessions(dsn: str) -> AsyncIterator[Sessions]:
    async def connect() -> Session:
        return await asyncpg.connect(dsn)

    made = Sessions(connect, most=2, deadline_s=10.0)
    yield made
    await made.close()


async def test_a_run_gets_back_the_connection_that_it_gave_back_as_it_left_it(
    sessions: Sessions,
) -> None:
    first, second = await sessions.take(1), await sessions.take(2)
    await first.execute("set timezone = 'Asia/Tokyo'")
    sessions.give_back(first)
    sessions.give_back(second)
    assert await sessions.take(2) is second
    assert await sessions.take(1) is first
    assert await first.fetchval("show timezone") == "Asia/Tokyo"
    sessions.give_back(first)
    sessions.give_back(second)


async def test_another_run_gets_a_connection_that_is_not_missed_reset(sessions: Sessions) -> None:
    first = await sessions.take(1)
    await first.execute("set timezone = 'Asia/Tokyo'; create temp table mine (n int)")
    await first.execute("select pg_advisory_lock(7)")
    sessions.give_back(first)
    sessions.rest(1)
    assert await sessions.take(2) is first
    assert await first.fetchval("show timezone") != "Asia/Tokyo"
    assert await first.fetchval("select to_regclass('pg_temp.mine')") is None
    assert await first.fetchval("select count(*) from pg_locks where locktype = 'advisory'") == 0
    sessions.give_back(first)


async def test_a_connection_waits_for_its_run_while_there_is_room(sessions: Sessions) -> None:
    first = await sessions.take(1)
    sessions.give_back(first)
    second = await sessions.take(2)
    assert second is not first
    sessions.give_back(second)
    third = await sessions.take(3)  # two are open, and more may not be
    assert third is first
    sessions.give_back(third)


async def test_no_more_than_so_many_are_in_use_at_once(sessions: Sessions) -> None:
    first, second = await sessions.take(1), await sessions.take(2)
    taking = asyncio.create_task(sessions.take(3))
    await asyncio.sleep(0)
    assert not taking.done()
    sessions.give_back(second)
    third = await taking
    assert third is second
    sessions.give_back(first)
    sessions.give_back(third)


@pytest.mark.parametrize("is_lost", [True, False])
async def test_one_that_is_lost_or_left_in_a_transaction_goes_to_nobody(
    sessions: Sessions, is_lost: bool
) -> None:
    first = await sessions.take(1)
    if is_lost:
        first.terminate()
    else:
        await first.execute("begin")
    sessions.give_back(first)
    again = await sessions.take(1)
    assert again is not first
    assert first.is_closed()
    sessions.give_back(again)


async def test_one_that_was_not_used_for_a_while_is_closed(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNUSED_S", 0.0)
    first = await sessions.take(1)
    closed = asyncio.Event()
    first.add_termination_listener(lambda _: closed.set())
    sessions.give_back(first)
    await closed.wait()
    again = await sessions.take(1)
    assert again is not first
    sessions.give_back(again)


async def test_closing_waits_for_those_in_use_and_refuses_the_others(sessions: Sessions) -> None:
    first = await sessions.take(1)
    closing = asyncio.create_task(sessions.close())
    await asyncio.sleep(0)
    assert not closing.done()
    assert await first.fetchval("select 1") == 1
    sessions.give_back(first)
    await closing
    assert first.is_closed()
    with pytest.raises(StoreUnavailable, match="closed"):
        await sessions.take(1)


async def test_a_server_that_is_away_is_said_so() -> None:
    async def connect() -> Session:
        return await asyncpg.connect("postgresql://127.0.0.1:1/nothing")

    sessions = Sessions(connect, most=1, deadline_s=1.0)
    for _ in range(2):  # the place is free again
        with pytest.raises(StoreUnavailable):
            await sessions.take(1)
    await sessions.close()
