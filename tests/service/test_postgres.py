"""The service on real PostgreSQL: what the memory store cannot show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from callboard import BoardConfig, Callboard, HandlerRegistry
from callboard_service.app import build_app
from support.service_calls import Client, call, refused

KEY = {"Idempotency-Key": "b1946ac9"}
JOB: dict[str, Any] = {"name": "add", "kind": "python", "spec": {"handler": "add"}}


class Nodes:
    """Services on one database."""

    def __init__(self, dsn: str, handlers: HandlerRegistry, stack: AsyncExitStack) -> None:
        self._dsn = dsn
        self._handlers = handlers
        self._stack = stack

    async def start(self, name: str) -> Client:
        config = BoardConfig(node_name=name, drain_s=0, poll_s=0.5)
        board = Callboard(self._dsn, config=config, handlers=self._handlers)
        await self._stack.enter_async_context(board)
        server = TestServer(build_app(board))
        return await self._stack.enter_async_context(TestClient(server))


@pytest.fixture
async def nodes(postgres_dsn: str, handlers: HandlerRegistry) -> AsyncIterator[Nodes]:
    async with AsyncExitStack() as stack:
        yield Nodes(postgres_dsn, handlers, stack)


async def test_definitions_come_back_as_they_were_given(nodes: Nodes) -> None:
    client = await nodes.start("a1")
    arguments = {"text": "č \u2028 \U0001f600", "n": 2**63, "f": 0.1, "deep": [[{}]], "": None}
    job = await call(
        client,
        "POST",
        "/v1/jobs",
        201,
        json={**JOB, "arguments": arguments, "parameters": {"type": "object"}},
    )
    assert await call(client, "GET", "/v1/jobs/add") == job
    assert job["arguments"] == arguments
    body = {
        "name": "t",
        "schedule": {
            "kind": "interval",
            "every_s": 0.123456,
            "anchor_at": "2026-01-01T00:00:00.000001Z",
        },
        "actions": [{"job": "add", "arguments": {"a": 1}}],
        "end_at": "9999-01-01T00:00:00Z",
        "start_on_create": False,
    }
    trigger = await call(client, "POST", "/v1/triggers", 201, json=body)
    assert await call(client, "GET", "/v1/triggers/t") == trigger
    assert trigger["schedule"] == body["schedule"]


async def test_run_started_on_one_node_is_seen_on_the_other(nodes: Nodes) -> None:
    first, second = await nodes.start("a1"), await nodes.start("a2")
    await call(first, "POST", "/v1/jobs", 201, json=JOB)
    async with second.ws_connect("/v1/stream") as stream:
        await stream.receive_json()
        run = await call(first, "POST", "/v1/jobs/add/runs?wait_s=20", 201)
        types = []
        while "run.ended" not in types:
            types.append((await stream.receive_json())["type"])
    assert types == ["run.queued", "run.started", "run.ended"]
    assert await call(second, "GET", f"/v1/runs/{run['id']}") == run
    listed = (await call(second, "GET", "/v1/nodes"))["items"]
    assert [node["name"] for node in listed] == ["a1", "a2"]


async def test_a01_key_holds_on_every_node(nodes: Nodes) -> None:
    clients = [await nodes.start("a1"), await nodes.start("a2")]
    await call(clients[0], "POST", "/v1/jobs", 201, json=JOB)
    starts = (
        call(clients[number % 2], "POST", "/v1/jobs/add/runs", 201, headers=KEY)
        for number in range(10)
    )
    assert len({run["id"] for run in await asyncio.gather(*starts)}) == 1
    other = {"arguments": {"a": 1}}
    path = "/v1/jobs/add/runs"
    await refused(clients[1], "POST", path, "idempotency_key_reused", headers=KEY, json=other)


async def test_of_two_editors_on_two_nodes_one_wins(nodes: Nodes) -> None:
    clients = [await nodes.start("a1"), await nodes.start("a2")]
    async with clients[0].post("/v1/jobs", json=JOB) as response:
        tag = {"If-Match": response.headers["ETag"]}

    async def edit(number: int) -> int:
        body = {"description": str(number)}
        async with clients[number % 2].patch("/v1/jobs/add", json=body, headers=tag) as response:
            return response.status

    assert sorted(await asyncio.gather(*map(edit, range(6)))) == [200] + [412] * 5


async def test_a03_stream_goes_on_at_another_node(nodes: Nodes) -> None:
    clients = [await nodes.start("a1"), await nodes.start("a2")]
    await call(clients[0], "POST", "/v1/jobs", 201, json=JOB)
    async with clients[0].ws_connect("/v1/stream") as stream:
        after = (await stream.receive_json())["seq"]
        await call(clients[1], "POST", "/v1/jobs/add/runs", 201)
        after = first = (await stream.receive_json())["seq"]
    bulk = {"runs": [{"job": "add"}] * 50}
    await call(clients[0], "POST", "/v1/runs", 201, json=bulk)
    numbers = []
    async with clients[1].ws_connect(f"/v1/stream?after={after}") as stream:
        ended = 0
        while ended < 51:
            message = await stream.receive_json()
            numbers.append(message["seq"])
            ended += message["type"] == "run.ended"
    assert numbers == list(range(first + 1, first + 1 + len(numbers)))


async def test_log_of_a_run_elsewhere_is_followed(nodes: Nodes) -> None:
    first, second = await nodes.start("a1"), await nodes.start("a2")
    await call(first, "POST", "/v1/jobs", 201, json={**JOB, "spec": {"handler": "talk"}})
    run = await call(first, "POST", "/v1/jobs/add/runs", 201)
    async with second.ws_connect(f"/v1/runs/{run['id']}/log") as stream:
        messages = [message.json() async for message in stream]
    assert [m["text"] for m in messages if m["type"] == "line"] == ["line 0", "line 1", "line 2"]
    assert messages[-1]["state"] == "succeeded"
