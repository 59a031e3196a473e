"""Real PostgreSQL servers for the suite, and a fresh database for each test.

Fixtures (imported by tests/conftest.py):
    postgres_servers     {"18": dsn, "15": dsn}: one server a version for the whole session
    postgres_dsn         a fresh database with the schema, once on each version; dropped after it
    empty_dsn            the same without the schema

Functions:
    open_servers()                          context manager behind the session fixture
    fresh_database(server_dsn, template)    -> dsn of a new database
    drop_database(dsn)
    database(server_dsn, template)          async context manager: both of them
    migrated_database(server_dsn)           -> dsn of a new database with Callboard's schema
    migrated(server_dsn)                    async context manager, as `database`
    blocking_database(server_dsn)           the same for fixtures that outlive a test's event loop
    dsn_for(server_dsn, name)               the DSN of another database on the same server

Servers are started on the main thread, outside any test's event loop, and belong to none.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from callboard.store.embedded import Binaries, EmbeddedServer
from callboard.store.embedded.binaries import inspect_directory, known_directories
from callboard.store.migrate import migrate

T = TypeVar("T")

VERSIONS = ("18", "15")
"""The versions the suite runs on; 15 only where it is installed."""

# The suite's databases need not outlive the machine's crash.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "120",
    # They may live in memory, where the log should not grow.
    "max_wal_size": "128MB",
    "synchronous_commit": "off",
}

MEMORY: Final = Path("/dev/shm")
ROOM: Final = 4 << 30
"""Bytes free in memory from which on the servers live there: a database is made and dropped by
hundreds of files at a time, which keeps a disk busy."""

TEMPLATE: Final = "callboard_template"


def found_binaries() -> dict[str, Binaries]:
    """The installations on this machine by major version, of those in `VERSIONS`."""
    found: dict[str, Binaries] = {}
    for directory in known_directories():
        binaries = inspect_directory(directory)
        if binaries is not None and str(binaries.major) in VERSIONS:
            found.setdefault(str(binaries.major), binaries)
    return found


@contextmanager
def open_servers() -> Iterator[Mapping[str, str]]:
    """A server of each version found, by major version: the DSN of its database `callboard`."""
    with ExitStack() as stack:
        yield {
            major: stack.enter_context(_open_server(binaries.directory))
            for major, binaries in found_binaries().items()
        }


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Mapping[str, str]]:
    """One server a version for the whole session: {"18": dsn, "15": dsn}."""
    with open_servers() as servers:
        yield servers


on_each_version = pytest.fixture(params=VERSIONS, ids=lambda major: f"pg{major}")
"""Fixtures of which a test is skipped on a version that is not installed."""


@on_each_version
async def postgres_dsn(
    request: pytest.FixtureRequest, postgres_servers: Mapping[str, str]
) -> AsyncIterator[str]:
    """A fresh database on each version, with the schema and nothing in it."""
    async with migrated(_server_of(request, postgres_servers)) as dsn:
        yield dsn


@on_each_version
async def empty_dsn(
    request: pytest.FixtureRequest, postgres_servers: Mapping[str, str]
) -> AsyncIterator[str]:
    """A fresh database on each version, without the schema: for what is about making it."""
    async with database(_server_of(request, postgres_servers)) as dsn:
        yield dsn


def _server_of(request: pytest.FixtureRequest, servers: Mapping[str, str]) -> str:
    if request.param not in servers:
        pytest.skip(f"PostgreSQL {request.param} is not installed")
    return servers[request.param]


@asynccontextmanager
async def migrated(server_dsn: str) -> AsyncIterator[str]:
    """A fresh database with the schema for the length of the block."""
    dsn = await migrated_database(server_dsn)
    try:
        yield dsn
    finally:
        await drop_database(dsn)


async def migrated_database(server_dsn: str) -> str:
    """The DSN of a new database with the schema: a copy of the server's template."""
    try:
        return await fresh_database(server_dsn, TEMPLATE)
    except asyncpg.InvalidCatalogNameError:
        await _make_template(server_dsn)
        return await fresh_database(server_dsn, TEMPLATE)


async def _make_template(server_dsn: str) -> None:
    """Made under another name: one that was left half done is no template."""
    dsn = await fresh_database(server_dsn)
    connection = await asyncpg.connect(dsn)
    try:
        await migrate(connection)
    finally:
        await connection.close()
    name = urlsplit(dsn).path.removeprefix("/")
    await _execute(server_dsn, f'alter database "{name}" rename to "{TEMPLATE}"')


@asynccontextmanager
async def database(server_dsn: str, template: str | None = None) -> AsyncIterator[str]:
    """A fresh database for the length of the block."""
    dsn = await fresh_database(server_dsn, template)
    try:
        yield dsn
    finally:
        await drop_database(dsn)


async def fresh_database(server_dsn: str, template: str | None = None) -> str:
    """The DSN of a new database, a copy of the database `template` (None: empty).

    Nobody may be connected to the template meanwhile.
    """
    name = f"test_{uuid.uuid4().hex}"
    source = f' template "{template}"' if template is not None else ""
    # Without fsync that is a third of the work of writing each page to the log.
    await _execute(server_dsn, f'create database "{name}"{source} strategy file_copy')
    return dsn_for(server_dsn, name)


async def drop_database(dsn: str) -> None:
    """Drop the database of `dsn`, whoever is still connected to it."""
    name = urlsplit(dsn).path.removeprefix("/")
    await _execute(dsn_for(dsn, "postgres"), f'drop database if exists "{name}" with (force)')


@contextmanager
def blocking_database(server_dsn: str) -> Iterator[str]:
    """A fresh, empty database for the length of the block, made outside of any event loop."""
    dsn = _run(fresh_database(server_dsn))
    try:
        yield dsn
    finally:
        _run(drop_database(dsn))


def dsn_for(server_dsn: str, name: str) -> str:
    """The DSN of the database `name` on the same server."""
    return urlunsplit(urlsplit(server_dsn)._replace(path=f"/{name}"))


@contextmanager
def _open_server(binaries: Path) -> Iterator[str]:
    directory = Path(tempfile.mkdtemp(prefix="callboard-test-", dir=_memory()))
    try:
        server = _run(EmbeddedServer.open(directory, binaries=binaries, settings=SETTINGS))
        try:
            yield server.dsn
        finally:
            _run(server.close())
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _memory() -> Path | None:
    """Where files are kept in memory, when there is plenty; None: the usual place."""
    if not MEMORY.is_dir():
        return None
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return MEMORY if min(free, shutil.disk_usage(MEMORY).free) >= ROOM else None


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on a loop of its own, and leave the thread's event loop as it was."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
