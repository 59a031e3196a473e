"""Two services over one PostgreSQL: one executes, the other does not even have the job's code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from callboard import BoardConfig, Callboard, HandlerRegistry
from callboard_service.app import build_app
from callboard_service.settings import Settings
from doors.batch.conftest import Client
from doors.batch.jobs import Works, seed_job
from support.postgres import migrated
from support.service_calls import call

JOB = "/api/jobs/brutalizedSystemJob"


@pytest.fixture
async def node(postgres_servers: Mapping[str, str]) -> AsyncIterator[tuple[Client, Client, Any]]:
    """Clients of both, and what the job does; the first one's node executes."""
    works = Works()
    async with AsyncExitStack() as stack:
        server = postgres_servers[max(postgres_servers, key=int)]
        dsn = await stack.enter_async_context(migrated(server))
        clients: list[Client] = []
        for name, executes in (("near", True), ("far", False)):
            handlers = HandlerRegistry(modules=())
            config = BoardConfig(drain_s=0, node_name=name, executes=executes)
            board = Callboard(dsn, config=config, handlers=handlers)
            await stack.enter_async_context(board)
            if executes:
                await board.define(seed_job(works))
            app = build_app(board, Settings())
            clients.append(await stack.enter_async_context(TestClient(TestServer(app))))
        yield clients[0], clients[1], works


async def test_the_story_by_a_node_that_does_not_know_the_job(node: tuple[Client, Client, Works]):
    """Case 38: a stop that is sent to another process is honoured; so are starts and restarts."""
    near, far, works = node
    works.is_held = True
    async with far.post(f"{JOB}/start") as response:
        assert await response.text() == "Job launched with ID: 1"
    run_id = 1
    await works.reached.wait()
    assert await call(far, "POST", f"/api/executions/{run_id}/stop", 202) is True
    works.is_held = False
    works.go_on.set()
    stopped = await _ended(near, run_id)
    assert stopped["status"] == stopped["exitStatus"]["exitCode"] == "STOPPED"
    assert works.written == [1, 2, 3]
    again = await call(far, "POST", f"/api/executions/{run_id}/restart", 202)
    assert (await _ended(far, again["id"]))["status"] == "COMPLETED"
    assert works.written == [1, 2, 3, 4, 5, 6]


async def test_races_over_both_nodes_have_one_winner_each(node: tuple[Client, Client, Works]):
    """Cases 16 and 67."""
    near, far, _ = node

    async def begin(client: Client, path: str) -> tuple[int, Any]:
        async with client.post(path) as response:
            return response.status, await response.json()

    same = [begin(each, f"{JOB}/executions?run_id=100") for each in (near, far) * 10]
    answers = await asyncio.gather(*same)
    assert sorted(status for status, _ in answers) == [202] + [409] * 19
    (won,) = [body["id"] for status, body in answers if status == 202]
    lost = {body["lastJobExecutionId"] for status, body in answers if status == 409}
    assert lost == {won}
    nexts = await asyncio.gather(*(begin(each, f"{JOB}/next") for each in (near, far) * 5))
    assert [status for status, _ in nexts] == [202] * 10
    numbers = {body["jobParameters"]["run_id"]["value"] for _, body in nexts}
    assert numbers == set(range(101, 111))


async def _ended(client: Client, run_id: int) -> Any:
    """The execution when it has ended, by the native API's waiting."""
    while (await call(client, "GET", f"/v1/runs/{run_id}?wait_s=20"))["ended_at"] is None:
        pass
    return await call(client, "GET", f"/api/executions/{run_id}")
