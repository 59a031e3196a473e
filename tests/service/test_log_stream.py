"""/v1/runs/{id}/log as a live tail."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError

from callboard import HandlerRegistry, RunContext
from callboard_service.app import SERVICE
from service.conftest import Serve
from support.service_calls import Client, call, refused

EVENTS = {"Accept": "text/event-stream"}

pytestmark = pytest.mark.usefixtures("jobs")


@pytest.fixture
async def waiting(handlers: HandlerRegistry, client: Client) -> None:
    """The job talk-and-wait, whose runs log three lines and do not end."""

    async def talk_and_wait(ctx: RunContext) -> None:
        for number in range(3):
            ctx.log.info("line %d", number)
        await asyncio.Event().wait()

    handlers.register("talk-and-wait", talk_and_wait)
    body = {"name": "talk-and-wait", "kind": "python", "spec": {"handler": "talk-and-wait"}}
    await call(client, "POST", "/v1/jobs", 201, json=body)


async def started(client: Client, lines: int, wait_s: int = 10) -> int:
    path, body = f"/v1/jobs/talk/runs?wait_s={wait_s}", {"arguments": {"lines": lines}}
    return int((await call(client, "POST", path, 201, json=body))["id"])


async def tail(client: Client, path: str) -> list[dict[str, Any]]:
    """All messages but heartbeats, until the server closes."""
    async with asyncio.timeout(10), client.ws_connect(path) as socket:
        messages = [json.loads(message.data) async for message in socket]
    return [message for message in messages if message["type"] != "heartbeat"]


async def test_tail_gives_every_line_then_the_end(client: Client) -> None:
    run_id = await started(client, 3, wait_s=0)
    messages = await tail(client, f"/v1/runs/{run_id}/log")
    assert [message.get("text") for message in messages] == ["line 0", "line 1", "line 2", None]
    line, end = messages[0], messages[-1]
    assert set(line) == {"type", "seq", "at", "stream", "level", "text", "fields"}
    assert (line["type"], line["seq"], line["stream"]) == ("line", 1, "stdout")
    assert end == {"type": "end", "seq": 3, "state": "succeeded"}


async def test_tail_goes_on_behind_a_line(client: Client) -> None:
    run_id = await started(client, 4)
    messages = await tail(client, f"/v1/runs/{run_id}/log?after=2")
    assert [message["seq"] for message in messages] == [3, 4, 4]


async def test_tail_as_server_sent_events_resumes_by_its_id(client: Client) -> None:
    run_id = await started(client, 4)
    headers = {**EVENTS, "Last-Event-ID": "3"}
    async with client.get(f"/v1/runs/{run_id}/log", headers=headers) as response:
        blocks = (await response.text()).strip().split("\n\n")
    assert blocks[0].startswith("id: 4\ndata: {")
    assert json.loads(blocks[0].split("data: ")[1])["text"] == "line 3"
    assert json.loads(blocks[1].split("data: ")[1])["type"] == "end"


async def test_tail_of_a_run_that_waits_ends_when_the_service_stops(client: Client) -> None:
    assert client.app is not None
    run = await call(client, "POST", "/v1/jobs/gate/runs", 201)
    async with client.ws_connect(f"/v1/runs/{run['id']}/log") as socket:
        client.app[SERVICE].streams.close()
        closing = await socket.receive_json()
    assert closing == {"type": "closing", "after": 0, "reason": "stopping"}


async def test_tail_of_no_run_is_404(client: Client) -> None:
    await refused(client, "GET", "/v1/runs/77/log", "not_found", headers=EVENTS)
    with pytest.raises(WSServerHandshakeError) as refusal:
        await client.ws_connect("/v1/runs/77/log")
    assert refusal.value.status == 404


async def test_tail_gives_only_the_lines_that_are_wanted(client: Client) -> None:
    run_id = await started(client, 12)
    messages = await tail(client, f"/v1/runs/{run_id}/log?search=LINE%201&stream=stdout")
    assert [message.get("text") for message in messages] == ["line 1", "line 10", "line 11", None]
    assert messages[-1] == {"type": "end", "seq": 12, "state": "succeeded"}


@pytest.mark.usefixtures("waiting")
async def test_tail_of_a_level_waits_behind_lines_that_are_not_wanted(serve: Serve) -> None:
    """Where it is resumed, they are not looked at again."""
    client = await serve(heartbeat_s=0.05)
    run = await call(client, "POST", "/v1/jobs/talk-and-wait/runs", 201)
    async with (
        asyncio.timeout(10),
        client.ws_connect(f"/v1/runs/{run['id']}/log?level=error") as it,
    ):
        while (message := await it.receive_json())["seq"] < 3:
            assert message["type"] == "heartbeat"
    assert message["seq"] == 3
