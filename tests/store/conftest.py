"""The backends that the contract suite runs on, each empty and with a virtual clock.

`store` is a backend's store; `peer` is another one on the same database, as a second node has it
(of memory there is only one: the same again). A backend is left out with a skip only when its
binaries are not on the machine.

A server's tests share one database, which is emptied before each: that is a tenth of the time
that a database of its own takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, TypeAlias

import asyncpg
import pytest

from callboard.store.contract import Store
from callboard.store.dsn import open_store
from callboard.testing import VirtualClock
from support.backends import BACKENDS
from support.committing import Committing
from support.postgres import migrated_database
from support.postgres_store import opened

StoreFactory: TypeAlias = Callable[[], Store]

EMPTIED = """
do $$
declare emptied text;
begin
    for emptied in
        select tablename from pg_tables
        where schemaname = 'callboard'
            and tablename not in (
                'schema_migration', 'stream_head', 'scheduler_shard', 'batch_origin'
            )
    loop
        execute format('delete from callboard.%I', emptied);
    end loop;
    update callboard.stream_head set seq = 0;
    update callboard.scheduler_shard set epoch = null;
end $$
"""


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture(scope="session")
def contract_databases(postgres_servers: Mapping[str, str]) -> Mapping[str, str]:
    """A migrated database on each of the session's servers: its DSN by major version."""
    loop = asyncio.new_event_loop()
    try:
        return {
            major: loop.run_until_complete(migrated_database(server))
            for major, server in postgres_servers.items()
        }
    finally:
        loop.close()


@pytest.fixture(scope="session")
def empty(contract_databases: Mapping[str, str]) -> Iterator[Callable[[str], None]]:
    """Empties a contract database, on a connection that is kept: to plan it anew takes longer."""
    loop = asyncio.new_event_loop()
    kept: dict[str, asyncpg.Connection[Any]] = {}

    async def execute(dsn: str) -> None:
        if dsn not in kept:
            kept[dsn] = await asyncpg.connect(dsn)
        await kept[dsn].execute(EMPTIED, timeout=30)

    yield lambda dsn: loop.run_until_complete(execute(dsn))
    for connection in kept.values():
        loop.run_until_complete(connection.close())
    loop.close()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The DSN of the backend to run on."""
    kind, _, version = request.param.partition("-")
    if kind == "memory":
        return "memory:"
    databases: Mapping[str, str] = request.getfixturevalue("contract_databases")
    if version not in databases:
        pytest.skip(f"PostgreSQL {version} is not installed")
    return databases[version]


@pytest.fixture
def new_store(backend: str, clock: VirtualClock, request: pytest.FixtureRequest) -> StoreFactory:
    """Gives a store on this test's database, not open yet."""
    if backend == "memory:":
        memory = open_store(backend, clock=clock)
        return lambda: memory
    request.getfixturevalue("empty")(backend)
    return lambda: open_store(backend, clock=clock)


@pytest.fixture
async def store(new_store: StoreFactory) -> AsyncIterator[Store]:
    store = new_store()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def peer(new_store: StoreFactory) -> AsyncIterator[Store]:
    peer = new_store()
    await peer.open()
    yield peer
    await peer.close()


@pytest.fixture
async def one(postgres_dsn: str, clock: VirtualClock) -> AsyncIterator[Store]:
    """The first of two nodes' stores on a database of the test's own."""
    async with opened(postgres_dsn, clock=clock) as store:
        yield store


@pytest.fixture
async def two(postgres_dsn: str, one: Store, clock: VirtualClock) -> AsyncIterator[Store]:
    """The other node's."""
    async with opened(postgres_dsn, clock=clock) as store:
        yield store


@pytest.fixture
async def nodes(one: Store, two: Store, clock: VirtualClock) -> tuple[Committing, Committing]:
    """The committers of the two."""
    return Committing(one, clock), Committing(two, clock)
