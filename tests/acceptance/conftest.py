"""Seeds that are printed and can be given again, and places where nodes meet."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from acceptance.places import Place
from acceptance.proxy import Proxy, proxied
from acceptance.servers import FragileServer, fragile_server
from support.postgres import database, drop_database, fresh_database

SEED = "CALLBOARD_SEED"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A seed for the test; CALLBOARD_SEED repeats one. Printed with a failure."""
    seed = int(os.environ.get(SEED) or random.SystemRandom().randrange(1 << 32))
    print(f"{SEED}={seed} repeats {request.node.nodeid}")
    return seed


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Where handlers leave word of their executions."""
    return tmp_path / "executions"


@pytest.fixture
def embedded(tmp_path: Path, trace: Path) -> Iterator[Place]:
    """An empty embedded directory; the first node makes the server. Gone after the test."""
    directory = tmp_path / "embedded"
    yield Place(dsn=f"embedded:{directory}", trace=trace)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
async def postgresql(postgres_servers: Mapping[str, str], trace: Path) -> AsyncIterator[Place]:
    """An empty database on the suite's newest PostgreSQL server."""
    newest = max(postgres_servers, key=int)
    async with database(postgres_servers[newest]) as dsn:
        yield Place(dsn=dsn, trace=trace)


@pytest.fixture(params=["postgresql", "embedded"])
def place(request: pytest.FixtureRequest) -> Place:
    """Either of them."""
    chosen: Place = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(scope="session")
def shared_fragile_server() -> Iterator[FragileServer]:
    with fragile_server() as server:
        yield server


@pytest.fixture
async def server(shared_fragile_server: FragileServer) -> FragileServer:
    """A server that the test may stop and kill; running when the test begins."""
    await shared_fragile_server.start()
    return shared_fragile_server


@pytest.fixture
async def fragile(server: FragileServer, trace: Path) -> AsyncIterator[Place]:
    """An empty database on it."""
    dsn = await fresh_database(server.dsn)
    yield Place(dsn=dsn, trace=trace)
    await server.start()
    await drop_database(dsn)


@pytest.fixture
async def proxy(fragile: Place) -> AsyncIterator[Proxy]:
    """A line to that database which can be cut and frozen."""
    # pytest's own directories are too long for a socket.
    directory = Path(tempfile.mkdtemp(prefix="callboard-proxy-"))
    async with proxied(directory, fragile.dsn) as proxy:
        yield proxy
    shutil.rmtree(directory)
