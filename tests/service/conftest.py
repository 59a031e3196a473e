"""A running service over a board in memory, with handlers to run and a client to speak to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from callboard import BoardConfig, Callboard, HandlerRegistry
from callboard.clock import Clock
from callboard_service.app import build_app
from callboard_service.settings import Settings
from support.batch_shop import Shop

Client = TestClient[Any, Any]
Serve = Callable[..., Awaitable[Client]]


class Gate:
    """A handler that waits until the test opens it."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()

    async def __call__(self) -> str:
        await self.is_open.wait()
        return "through"


async def add(a: int = 0, b: int = 0) -> int:
    return a + b


async def fail() -> None:
    raise ValueError("no luck")


async def talk(lines: int = 3) -> None:
    for number in range(lines):
        print(f"line {number}")


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def handlers(gate: Gate) -> HandlerRegistry:
    registry = HandlerRegistry(modules=())
    registry.register("add", add)
    registry.register("fail", fail)
    registry.register("talk", talk)

    async def wait_at_gate() -> str:
        return await gate()

    registry.register("gate", wait_at_gate)
    return registry


@pytest.fixture
async def board(handlers: HandlerRegistry) -> AsyncIterator[Callboard]:
    config = BoardConfig(drain_s=0)
    async with Callboard("memory:", config=config, handlers=handlers) as opened:
        yield opened


@pytest.fixture
async def serve(board: Callboard) -> AsyncIterator[Serve]:
    """Starts a service with the given settings over the board; a client for it."""
    async with AsyncExitStack() as stack:

        async def start(
            on: Callboard = board, clock: Clock | None = None, **settings: Any
        ) -> Client:
            app = build_app(on, Settings(**settings), clock)
            return await stack.enter_async_context(TestClient(TestServer(app)))

        yield start


@pytest.fixture
async def client(serve: Serve) -> Client:
    return await serve()


@pytest.fixture
async def jobs(client: Client) -> list[str]:
    """One python job for each handler, named like it."""
    names = ["add", "fail", "gate", "talk"]
    for name in names:
        body = {"name": name, "kind": "python", "spec": {"handler": name}}
        async with client.post("/v1/jobs", json=body) as response:
            assert response.status == 201, await response.text()
    return names


@pytest.fixture
async def shop(board: Callboard) -> Shop:
    """Batch jobs on the board; see there."""
    found = Shop()
    once = found.settle("once", restartable=False)
    for job in (found.settle(), found.count(), found.plain(), once):
        await board.define(job)
    return found
