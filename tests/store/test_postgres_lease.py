"""The lease's own line: from a thread, beside the store's loop, within its deadline."""

from __future__ import annotations

import asyncio
import socket
import threading
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from callboard.clock import SystemClock
from callboard.domain.states import RunState
from callboard.errors import StoreUnavailable
from callboard.store.contract import LeaseLine, Node, Renewal, Store
from callboard.store.dsn import open_store
from callboard.store.lease_connection import APPLICATION_NAME
from callboard.store.memory import MemoryStore
from callboard.store.postgres_lease import PostgresLeaseLine
from support.factories import changed_run, running_run, stored_job, stored_node
from support.postgres_store import connected, opened, seen, someone_waits

HOUR = timedelta(hours=1)
PLENTY_S = 20.0
OF_LINE = "datname = current_database() and application_name = $1"


@asynccontextmanager
async def a_line(store: Store) -> AsyncIterator[LeaseLine]:
    line = store.lease_line()
    assert line is not None
    try:
        yield line
    finally:
        await asyncio.to_thread(line.close)


async def renew(
    line: LeaseLine, node: Node, *, vitals: Any = None, deadline_s: float = PLENTY_S
) -> Renewal | None:
    return await asyncio.to_thread(line.renew, node.epoch, HOUR, vitals, deadline_s=deadline_s)


async def backends(dsn: str) -> list[int]:
    async with connected(dsn) as connection:
        rows = await connection.fetch(
            f"select pid from pg_stat_activity where {OF_LINE}", APPLICATION_NAME
        )
    return [row["pid"] for row in rows]


async def test_a_renewal_says_what_one_in_a_transaction_says(postgres_dsn: str) -> None:
    async with opened(postgres_dsn, clock=SystemClock()) as store, a_line(store) as line:
        job, node = await stored_job(store), await stored_node(store)
        run = await running_run(store, job, node)
        stopping = await changed_run(store, run, state=RunState.STOPPING)
        renewal = await renew(line, node, vitals={"rss_mb": 12.5})
        assert renewal is not None
        assert renewal.lease_until == renewal.now + HOUR
        assert (renewal.live_nodes, renewal.stopping) == (1, (stopping,))
        (now,) = await store.list_nodes()
        assert (now.lease_until, now.vitals) == (renewal.lease_until, {"rss_mb": 12.5})


async def test_a_lease_that_was_taken_away_is_not_renewed(postgres_dsn: str) -> None:
    async with opened(postgres_dsn, clock=SystemClock()) as store, a_line(store) as line:
        node = await stored_node(store, lease=timedelta(0))
        async with store.begin() as tx:
            assert len(await tx.expire_nodes()) == 1
        assert await renew(line, node) is None


async def test_the_line_keeps_one_connection_and_none_when_it_is_closed(postgres_dsn: str) -> None:
    async with opened(postgres_dsn, clock=SystemClock()) as store:
        node = await stored_node(store)
        async with a_line(store) as line:
            await renew(line, node)
            before = await backends(postgres_dsn)
            await renew(line, node)
            assert await backends(postgres_dsn) == before
            assert len(before) == 1
        await seen(lambda: no_backend(postgres_dsn))
        with pytest.raises(StoreUnavailable):
            await renew(line, node)
        await asyncio.to_thread(line.close)


async def no_backend(dsn: str) -> bool:
    return not await backends(dsn)


async def test_a_connection_that_was_ended_is_made_anew(postgres_dsn: str) -> None:
    async with opened(postgres_dsn, clock=SystemClock()) as store, a_line(store) as line:
        node = await stored_node(store)
        await renew(line, node)
        (pid,) = await backends(postgres_dsn)
        async with connected(postgres_dsn) as connection:
            await connection.execute(f"select pg_terminate_backend({pid}, 5000)")
        with pytest.raises(StoreUnavailable):
            await renew(line, node)
        assert await renew(line, node) is not None


async def test_a_connection_that_lost_its_protocol_is_made_anew(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncpg raises AttributeError when its connection is lost between two steps of one call."""
    async with opened(postgres_dsn, clock=SystemClock()) as store, a_line(store) as line:
        node = await stored_node(store)
        await renew(line, node)
        before = await backends(postgres_dsn)
        with monkeypatch.context() as broken:
            broken.setattr(asyncpg.Connection, "fetch", _without_protocol)
            with pytest.raises(StoreUnavailable, match="the connection was lost"):
                await renew(line, node)
        assert await renew(line, node) is not None
        assert await backends(postgres_dsn) != before


async def _without_protocol(*_: object, **__: object) -> None:
    raise AttributeError("'NoneType' object has no attribute 'bind_execute'")


async def test_h07_a_renewal_that_has_to_wait_is_given_up_at_its_deadline(
    postgres_dsn: str,
) -> None:
    """And on the server, too: it does not renew later, when what it waited for is over."""
    async with opened(postgres_dsn, clock=SystemClock()) as store, a_line(store) as line:
        node = await stored_node(store)
        await renew(line, node)
        async with store.begin() as tx:
            await tx.renew_node(node.epoch, HOUR)
            with pytest.raises(StoreUnavailable):
                await renew(line, node, deadline_s=0.3)
            await seen(lambda: nobody_waits(postgres_dsn))
        assert await renew(line, node) is not None


async def nobody_waits(dsn: str) -> bool:
    return not await someone_waits(dsn)


async def test_h07_a_server_that_says_nothing_is_given_up_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        store = open_store(f"postgresql://u@127.0.0.1:{port}/d", clock=SystemClock())
        async with a_line(store) as line:
            with pytest.raises(StoreUnavailable, match="did not answer in time"):
                await asyncio.to_thread(line.renew, 1, HOUR, None, deadline_s=0.2)


async def test_a_renewal_under_way_can_be_given_up_from_another_thread(postgres_dsn: str) -> None:
    async with opened(postgres_dsn, clock=SystemClock()) as store, a_line(store) as line:
        node = await stored_node(store)
        async with store.begin() as tx:
            await tx.renew_node(node.epoch, HOUR)
            waiting = asyncio.create_task(renew(line, node))
            await seen(lambda: someone_waits(postgres_dsn))
            line.interrupt()
            with pytest.raises(StoreUnavailable):
                await waiting


async def test_a_line_that_was_interrupted_before_it_began_renews_nothing(
    postgres_dsn: str,
) -> None:
    async with opened(postgres_dsn, clock=SystemClock()) as store, a_line(store) as line:
        node = await stored_node(store)
        line.interrupt()
        with pytest.raises(StoreUnavailable):
            await renew(line, node)


async def test_a_line_through_a_pooler_sets_nothing_for_the_session(postgres_dsn: str) -> None:
    joint = "&" if "?" in postgres_dsn else "?"
    pooled = f"{postgres_dsn}{joint}statement_cache_size=0"
    async with opened(pooled, clock=SystemClock()) as store, a_line(store) as line:
        node = await stored_node(store)
        assert await renew(line, node) is not None
        assert await backends(postgres_dsn) == []


async def test_a_hosts_pool_is_imitated_with_a_connection_of_our_own(postgres_dsn: str) -> None:
    settings = {"work_mem": "5MB"}
    async with asyncpg.create_pool(
        postgres_dsn, min_size=0, max_size=3, server_settings=settings
    ) as pool:
        store = open_store("", clock=SystemClock(), pool=pool)
        await store.open()
        async with a_line(store) as line:
            node = await stored_node(store)
            assert await renew(line, node) is not None
            assert len(await backends(postgres_dsn)) == 1
        await store.close()


async def test_a_hosts_pool_that_only_the_host_can_fill_has_no_line(postgres_dsn: str) -> None:
    async def connect(*arguments: Any, **options: Any) -> Any:
        return await asyncpg.connect(*arguments, **options)

    async def password() -> str:
        return "secret"

    for options in ({"connect": connect}, {"password": password}):
        given: dict[str, Any] = {"min_size": 0, "max_size": 3, **options}
        async with asyncpg.create_pool(postgres_dsn, **given) as pool:
            store = open_store("", clock=SystemClock(), pool=pool)
            assert store.lease_line() is None


async def test_where_time_does_not_pass_by_itself_there_is_no_line(postgres_dsn: str) -> None:
    async with opened(postgres_dsn) as store:
        assert store.lease_line() is None
    assert MemoryStore(clock=SystemClock()).lease_line() is None


def test_a_line_that_was_never_used_is_closed_without_a_loop() -> None:
    async def connect(timeout_s: float) -> Any:
        raise AssertionError("nobody asked for it")

    line = PostgresLeaseLine(connect)
    threads = threading.active_count()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        line.interrupt()
        line.close()
    assert threading.active_count() == threads
