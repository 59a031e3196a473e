"""Boards that batch jobs run on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from callboard import BoardConfig, Callboard
from support.postgres import migrated


@pytest.fixture
async def board() -> AsyncIterator[Callboard]:
    """In memory, on the machine's clock."""
    async with Callboard("memory:", config=BoardConfig(node_name="node-1")) as one:
        yield one


@pytest.fixture
async def newest_dsn(postgres_servers: Mapping[str, str]) -> AsyncIterator[str]:
    """A fresh database on the newest PostgreSQL alone, for what is not about its version."""
    async with migrated(next(iter(postgres_servers.values()))) as dsn:
        yield dsn


@pytest.fixture
async def pg_board(newest_dsn: str) -> AsyncIterator[Callboard]:
    """On that database."""
    async with Callboard(newest_dsn, config=BoardConfig(node_name="node-1")) as one:
        yield one
