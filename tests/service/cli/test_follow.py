"""Following a stream, against a server that does what it is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from callboard.clock import SystemClock
from callboard_service.cli.client import ApiClient
from callboard_service.cli.failures import Refused, Unreachable
from callboard_service.cli.follow import follow

Script = list[list[dict[str, Any]]]


class Stage:
    """A stream whose connections each play the next part of a script."""

    def __init__(self, script: Script) -> None:
        self.script = list(script)
        self.asked: list[str | None] = []
        self.status: int | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.status is not None:
            return web.json_response(
                {"status": self.status, "code": "x", "detail": "no"}, status=self.status
            )
        self.asked.append(request.query.get("after"))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        part = self.script.pop(0) if self.script else []
        for message in part:
            await socket.send_str(json.dumps(message))
        if not self.script:
            async for _ in socket:  # until the client closes it
                pass
        await socket.close()
        return socket


Open = Callable[[Script], Awaitable[tuple[Stage, ApiClient]]]


@pytest.fixture
async def open_stage() -> AsyncIterator[Open]:
    servers: list[TestServer] = []
    clients: list[ApiClient] = []

    async def open_(script: Script) -> tuple[Stage, ApiClient]:
        stage = Stage(script)
        app = web.Application()
        app.router.add_get("/v1/stream", stage.handle)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        client = ApiClient(str(server.make_url("")))
        await client.__aenter__()
        clients.append(client)
        return stage, client

    yield open_
    for client in clients:
        await client.__aexit__(None, None, None)
    for server in servers:
        await server.close()


def event(seq: int, kind: str = "run.queued") -> dict[str, Any]:
    return {"type": kind, "seq": seq}


async def collect(
    client: ApiClient, count: int, notes: list[str], after: int | None = None
) -> list[int]:
    """The numbers of the first `count` messages."""
    found: list[int] = []
    messages = follow(client, "/v1/stream", {}, after=after, clock=SystemClock(), note=notes.append)
    async for message in messages:
        found.append(message["seq"])
        if len(found) == count:
            break
    await messages.aclose()  # type: ignore[attr-defined]
    return found


async def test_it_goes_on_behind_the_last_message(open_stage: Open) -> None:
    stage, client = await open_stage([[event(1, "snapshot"), event(2)], [event(3)]])
    notes: list[str] = []
    assert await collect(client, 3, notes) == [1, 2, 3]
    assert stage.asked == [None, "2"]
    assert notes == ["the server closed the connection; trying again", "connected again"]


async def test_heartbeats_are_kept_back_but_count(open_stage: Open) -> None:
    stage, client = await open_stage([[event(1), event(7, "heartbeat")], [event(8)]])
    assert await collect(client, 2, []) == [1, 8]
    assert stage.asked == [None, "7"]


async def test_a_farewell_says_where_to_resume(open_stage: Open) -> None:
    farewell = {"type": "closing", "after": 1, "reason": "slow"}
    stage, client = await open_stage([[event(1), event(5, "heartbeat"), farewell], [event(2)]])
    assert await collect(client, 2, []) == [1, 2]
    assert stage.asked == [None, "1"]


async def test_a_stream_that_is_gone_begins_anew_and_says_so(open_stage: Open) -> None:
    farewell = {"type": "closing", "after": 4, "reason": "events_gone", "oldest": 90}
    stage, client = await open_stage([[event(4)], [farewell], [event(95, "snapshot")]])
    notes: list[str] = []
    assert await collect(client, 2, notes) == [4, 95]
    assert stage.asked == [None, "4", None]
    assert "events after 4 are gone; going on with the present state" in notes


async def test_a_loss_is_told_once_however_often_it_is_tried(open_stage: Open) -> None:
    _, client = await open_stage([[event(1)], [], [], [event(2)]])
    notes: list[str] = []
    assert await collect(client, 2, notes) == [1, 2]
    assert len(notes) == 2


async def test_a_refusal_at_the_beginning_is_an_error(open_stage: Open) -> None:
    stage, client = await open_stage([])
    stage.status = 409
    with pytest.raises(Refused, match="no"):
        await collect(client, 1, [])


async def test_no_server_at_the_beginning_is_an_error() -> None:
    async with ApiClient("http://127.0.0.1:9") as client:
        with pytest.raises(Unreachable, match="does not answer"):
            await collect(client, 1, [])
