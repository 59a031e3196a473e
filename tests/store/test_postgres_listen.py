"""Hints between nodes by LISTEN and NOTIFY."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from callboard.errors import StoreUnavailable
from callboard.store.contract import Store
from support.postgres_store import connected, kill_backends, opened, seen

LISTENERS = (
    "select count(*) from pg_stat_activity"
    " where datname = current_database() and query ilike 'listen %'"
)


@asynccontextmanager
async def listening(store: Store, dsn: str) -> AsyncIterator[asyncio.Queue[str]]:
    """What the store hears, for the length of the block."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.ensure_future(store.listen(heard.put_nowait))
    async with connected(dsn) as connection:
        await seen(lambda: connection.fetchval(LISTENERS))
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def hint(store: Store, *topics: str) -> None:
    await store.notify(topics)


async def test_a_hint_reaches_other_nodes_and_not_its_sender(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        async with listening(one, postgres_dsn) as heard:
            await hint(one, "mine")
            await hint(two, "theirs")
            assert await heard.get() == "theirs"
            assert heard.empty()


async def test_a_topic_is_hinted_once_in_a_call(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        async with listening(one, postgres_dsn) as heard:
            await hint(two, "runs", "runs", "events", "events")
            await hint(two, "last")
            assert [await heard.get() for _ in range(3)] == ["events", "runs", "last"]


async def test_what_others_say_on_the_channel_harms_nobody(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        async with listening(one, postgres_dsn) as heard, connected(postgres_dsn) as stranger:
            for payload in ("", "nonsense", ":", "a:"):
                await stranger.execute("select pg_notify('callboard', $1)", payload)
            await hint(two, "runs")
            assert await heard.get() == "runs"


async def test_a_lost_connection_ends_the_listening_and_it_can_begin_again(
    postgres_dsn: str,
) -> None:
    async with opened(postgres_dsn) as one, opened(postgres_dsn) as two:
        task = asyncio.ensure_future(one.listen(print))
        async with connected(postgres_dsn) as connection:
            await seen(lambda: connection.fetchval(LISTENERS))
        await kill_backends(postgres_dsn)
        with pytest.raises(StoreUnavailable):
            await task
        async with listening(one, postgres_dsn) as heard:
            await seen(lambda: _hinted(two))
            assert await heard.get() == "again"


async def _hinted(store: Store) -> bool:
    try:
        await hint(store, "again")
    except StoreUnavailable:
        return False
    return True


async def test_a_connection_of_a_hosts_pool_comes_back_without_listeners(
    postgres_dsn: str,
) -> None:
    async with asyncpg.create_pool(postgres_dsn, min_size=0, max_size=3) as pool:
        async with opened("", pool=pool) as one, opened(postgres_dsn) as two:
            async with listening(one, postgres_dsn) as heard:
                await hint(two, "runs")
                assert await heard.get() == "runs"
            assert pool.get_idle_size() == pool.get_size()
