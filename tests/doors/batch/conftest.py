"""A service with the batch door over a board in memory, and jobs to run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from callboard import BoardConfig, Callboard, HandlerRegistry
from callboard_service.app import build_app
from callboard_service.settings import Settings
from doors.batch.jobs import Works, seed_job
from support.batch_shop import Shop

Client = TestClient[Any, Any]
Serve = Callable[..., Awaitable[Client]]


@pytest.fixture
async def board() -> AsyncIterator[Callboard]:
    handlers = HandlerRegistry(modules=())
    async with Callboard("memory:", config=BoardConfig(drain_s=0), handlers=handlers) as opened:
        yield opened


@pytest.fixture
async def serve(board: Callboard) -> AsyncIterator[Serve]:
    """Starts a service with the given settings over the board; a client for it."""
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Client:
            app = build_app(board, Settings(**settings))
            return await stack.enter_async_context(TestClient(TestServer(app)))

        yield start


@pytest.fixture
async def client(serve: Serve) -> Client:
    return await serve()


@pytest.fixture
async def shop(board: Callboard) -> Shop:
    """The jobs settle, count, plain and once (which does not restart)."""
    found = Shop()
    for job in (
        found.settle(),
        found.count(),
        found.plain(),
        found.settle("once", restartable=False),
    ):
        await board.define(job)
    return found


@pytest.fixture
async def works(board: Callboard) -> Works:
    """The job brutalizedSystemJob: six items in chunks of three."""
    found = Works()
    await board.define(seed_job(found))
    return found
