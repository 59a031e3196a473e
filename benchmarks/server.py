"""The PostgreSQL server of a run, a fresh database for each sample, and the server's facts."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from benchmarks.meter import PROC, stat_fields
from callboard.store.embedded import EmbeddedServer

# What PostgreSQL has when nobody sets it: the embedded server's own defaults are smaller, and that
# would be a favour to whoever is used to them. fsync and synchronous_commit are on in both.
STOCK = {
    "autovacuum_naptime": "1min",
    "max_connections": "100",
    "max_logical_replication_workers": "4",
    "max_parallel_workers_per_gather": "2",
    "max_wal_senders": "10",
    "shared_buffers": "128MB",
    "wal_level": "replica",
}
SHOWN = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_level")
COMMITS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that answers."""

    dsn: str
    version: str
    settings: dict[str, str]
    """Those of SHOWN."""
    commit_ms: float
    """Median time of one single-row INSERT with its commit: says how dear an fsync is here."""
    postmaster: int | None
    """Its process, when it runs on this machine and Linux shows it."""


@asynccontextmanager
async def opened_server(dsn: str | None) -> AsyncIterator[Server]:
    """The given server, or one of our own in a temporary directory."""
    if dsn is not None:
        yield await _described(dsn)
        return
    directory = Path(tempfile.mkdtemp(prefix="callboard-bench-"))
    try:
        async with await EmbeddedServer.open(directory, settings=STOCK) as server:
            yield await _described(server.dsn)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def fresh_database(server: Server, numbers: count[int]) -> AsyncIterator[str]:
    """The DSN of an empty database, dropped after the block, whoever is still connected."""
    name = f"callboard_bench_{time.time_ns()}_{next(numbers)}"
    connection = await asyncpg.connect(server.dsn)
    try:
        await connection.execute(f'create database "{name}"')
        # The last sample's dirty pages are not this one's business.
        await connection.execute("checkpoint")
        try:
            yield urlunsplit(urlsplit(server.dsn)._replace(path=f"/{name}"))
        finally:
            await connection.execute(f'drop database if exists "{name}" with (force)')
    finally:
        await connection.close()


async def _described(dsn: str) -> Server:
    connection = await asyncpg.connect(dsn)
    try:
        return Server(
            dsn=dsn,
            version=await connection.fetchval("show server_version"),
            settings={name: await connection.fetchval(f"show {name}") for name in SHOWN},
            commit_ms=await _commit_ms(connection),
            postmaster=_postmaster(await connection.fetchval("select pg_backend_pid()")),
        )
    finally:
        await connection.close()


async def _commit_ms(connection: asyncpg.Connection) -> float:
    await connection.execute("create table callboard_bench_commit (n int)")
    times = []
    for number in range(COMMITS):
        start = time.perf_counter()
        await connection.execute("insert into callboard_bench_commit values ($1)", number)
        times.append(time.perf_counter() - start)
    await connection.execute("drop table callboard_bench_commit")
    return statistics.median(times) * 1e3


def _postmaster(backend: int) -> int | None:
    """The parent of a backend, if that process is a PostgreSQL one of this machine."""
    fields = stat_fields(backend)
    if fields is None:
        return None
    try:
        name = (PROC / str(fields[1]) / "comm").read_text().strip()
    except OSError:
        return None
    return fields[1] if name == "postgres" else None
