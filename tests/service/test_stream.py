"""/v1/stream: snapshot, events in order, resuming, slow clients (G31, A02, A03)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from callboard import Callboard
from callboard_service.app import SERVICE
from support.service_calls import Client, call, refused

Serve = Callable[..., Awaitable[Client]]
Messages = list[dict[str, Any]]
EVENTS = {"Accept": "text/event-stream"}

pytestmark = pytest.mark.usefixtures("jobs")


async def run_once(client: Client, job: str = "add") -> dict[str, Any]:
    run: dict[str, Any] = await call(client, "POST", f"/v1/jobs/{job}/runs?wait_s=10", 201)
    return run


async def read_until(socket: ClientWebSocketResponse[Any], type: str) -> Messages:
    """Messages up to the first of the type, which is the last one given."""
    messages: Messages = []
    async with asyncio.timeout(10):
        while not messages or messages[-1]["type"] != type:
            messages.append(await socket.receive_json())
    return messages


@asynccontextmanager
async def server_sent(
    client: Client, path: str, **headers: str
) -> AsyncIterator[AsyncIterator[tuple[int, dict[str, Any]]]]:
    async with client.get(path, headers={**EVENTS, **headers}) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"

        async def events() -> AsyncIterator[tuple[int, dict[str, Any]]]:
            while line := await response.content.readline():
                assert line.startswith(b"id: "), line
                data = await response.content.readline()
                assert await response.content.readline() == b"\n"
                yield int(line[4:]), json.loads(data.removeprefix(b"data: "))

        yield events()


async def test_snapshot_then_every_change_of_a_run_in_order(client: Client) -> None:
    waiting = await call(client, "POST", "/v1/jobs/gate/runs", 201)
    async with client.ws_connect("/v1/stream") as socket:
        snapshot = await socket.receive_json()
        assert snapshot["type"] == "snapshot"
        assert [run["id"] for run in snapshot["runs"]] == [waiting["id"]]
        run = await run_once(client)
        events = [m for m in await read_until(socket, "run.ended") if m["run"]["id"] == run["id"]]
    assert [event["type"] for event in events] == ["run.queued", "run.started", "run.ended"]
    assert [event["run"]["state"] for event in events] == ["queued", "running", "succeeded"]
    assert events[-1]["run"] == run
    assert all(event["at"].endswith("Z") for event in events)


async def test_numbers_go_on_without_gaps_behind_the_snapshot(client: Client) -> None:
    async with client.ws_connect("/v1/stream") as socket:
        last = (await socket.receive_json())["seq"]
        await run_once(client)
        for message in await read_until(socket, "run.ended"):
            assert message["seq"] == last + 1
            last = message["seq"]


async def test_changes_of_jobs_and_triggers_are_told(client: Client) -> None:
    async with client.ws_connect("/v1/stream") as socket:
        await socket.receive_json()
        body = {"name": "t", "schedule": {"kind": "on_demand"}, "actions": [{"job": "add"}]}
        await call(client, "POST", "/v1/triggers", 201, json=body)
        (changed,) = await read_until(socket, "trigger.changed")
        assert changed["trigger"]["name"] == "t"
        assert changed["trigger"]["state"] == "active"
        await call(client, "PATCH", "/v1/jobs/add", json={"description": "new"})
        (changed,) = await read_until(socket, "job.changed")
        assert changed["job"]["name"] == "add"


async def test_pauses_calendars_and_backfills_are_told(client: Client) -> None:
    schedule = {"kind": "cron", "expression": "0 0 1 1 *"}
    body = {"name": "t", "schedule": schedule, "actions": [{"job": "add"}]}
    await call(client, "POST", "/v1/triggers", 201, json=body)
    async with client.ws_connect("/v1/stream") as socket:
        await socket.receive_json()
        for verb, state in (("pause", "paused"), ("resume", "active")):
            await call(client, "POST", f"/v1/triggers/t/{verb}")
            (changed,) = await read_until(socket, "trigger.changed")
            assert changed["trigger"]["state"] == state
        definition = {"kind": "dates", "zone": "UTC", "dates": ["2026-12-24"]}
        await call(client, "PUT", "/v1/calendars/c", 201, json={"definition": definition})
        (changed,) = await read_until(socket, "calendar.changed")
        assert changed["calendar"] == {"group": "default", "name": "c", "version": 1}
        await call(client, "DELETE", "/v1/calendars/c", 204)
        (deleted,) = await read_until(socket, "calendar.deleted")
        assert deleted["calendar"] == {"group": "default", "name": "c"}
        times = {"from_at": "2025-01-01T00:00:00Z", "until_at": "2025-01-02T00:00:00Z"}
        made = await call(client, "POST", "/v1/backfills", 201, json={"trigger": "t", **times})
        *_, first = await read_until(socket, "backfill.changed")
        assert first["backfill"]["id"] == made["id"]
        assert first["backfill"]["name"] == "t"
        while first["backfill"]["state"] != "completed":
            *_, first = await read_until(socket, "backfill.changed")
        assert (first["backfill"]["fired"], first["backfill"]["succeeded"]) == (1, 1)


async def test_a03_resumed_stream_has_no_gap_and_no_duplicate(client: Client) -> None:
    async with client.ws_connect("/v1/stream") as whole:
        start = (await whole.receive_json())["seq"]
        async with client.ws_connect("/v1/stream") as first:
            await first.receive_json()
            await run_once(client)
            before = await read_until(first, "run.ended")
        await run_once(client, "fail")
        await run_once(client)
        async with client.ws_connect(f"/v1/stream?after={before[-1]['seq']}") as second:
            await run_once(client)
            after = [m for _ in range(3) for m in await read_until(second, "run.ended")]
        everything = [m for _ in range(4) for m in await read_until(whole, "run.ended")]
    assert before + after == everything
    assert [message["seq"] for message in everything] == list(
        range(start + 1, start + 1 + len(everything))
    )


async def test_filters_hold_together(client: Client) -> None:
    path = "/v1/stream?job=fail&state=failed&state=queued"
    async with client.ws_connect(path) as socket:
        await socket.receive_json()
        await run_once(client)
        failed = await run_once(client, "fail")
        messages = await read_until(socket, "run.ended")
    assert [message["type"] for message in messages] == ["run.queued", "run.ended"]
    assert {message["run"]["id"] for message in messages} == {failed["id"]}


async def test_stream_of_one_run(client: Client) -> None:
    run = await call(client, "POST", "/v1/jobs/gate/runs", 201)
    await run_once(client)
    async with client.ws_connect(f"/v1/stream?run={run['id']}") as socket:
        snapshot = await socket.receive_json()
        assert [each["id"] for each in snapshot["runs"]] == [run["id"]]
        await run_once(client)
        await call(client, "POST", f"/v1/runs/{run['id']}/stop", json={"mode": "kill"})
        messages = await read_until(socket, "run.ended")
    assert {message["run"]["id"] for message in messages} == {run["id"]}


async def test_heartbeats_come_with_the_number_passed_over(serve: Serve) -> None:
    client = await serve(heartbeat_s=0.02)
    async with client.ws_connect("/v1/stream?job=nothing") as socket:
        snapshot = await socket.receive_json()
        await run_once(client)
        while (beat := await socket.receive_json())["seq"] < snapshot["seq"] + 3:
            assert beat == {"type": "heartbeat", "seq": beat["seq"]}


async def test_number_that_was_never_given_is_said_so(client: Client) -> None:
    async with client.ws_connect("/v1/stream?after=999999") as socket:
        closing = await socket.receive_json()
        assert closing["type"] == "closing"
        assert closing["reason"] == "events_gone"
        assert closing["oldest"] <= closing["newest"] + 1
        assert (await socket.receive()).type is WSMsgType.CLOSE
    problem = await refused(client, "GET", "/v1/stream?after=999999", "events_gone", headers=EVENTS)
    assert problem["oldest"] == closing["oldest"]


async def test_same_stream_as_server_sent_events(client: Client) -> None:
    async with server_sent(client, "/v1/stream") as events:
        number, snapshot = await anext(events)
        assert snapshot == {"type": "snapshot", "seq": number, "runs": []}
        await run_once(client)
        types = []
        async for number, event in events:
            assert event["seq"] == number
            types.append(event["type"])
            if event["type"] == "run.ended":
                break
    assert types == ["run.queued", "run.started", "run.ended"]


async def test_last_event_id_wins_over_after(client: Client) -> None:
    await run_once(client)
    async with client.ws_connect("/v1/stream") as socket:
        newest = (await socket.receive_json())["seq"]
    header = {"Last-Event-ID": str(newest - 1)}
    async with server_sent(client, "/v1/stream?after=0", **header) as events:
        number, event = await anext(events)
    assert (number, event["type"]) == (newest, "run.ended")


@pytest.mark.parametrize("id", ["x", "-1", "1.5", "9" * 30, "\u0661"])
async def test_wrong_last_event_id_is_400(client: Client, id: str) -> None:
    headers = {**EVENTS, "Last-Event-ID": id}
    await refused(client, "GET", "/v1/stream", "invalid_header", headers=headers)


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "state=done", "run=0", "jobs=a", "after=1&after=2"]
)
async def test_wrong_query_of_a_stream_is_400(client: Client, query: str) -> None:
    await refused(client, "GET", f"/v1/stream?{query}", "invalid_query", headers=EVENTS)


async def test_stream_in_no_form_is_406(client: Client) -> None:
    await refused(client, "GET", "/v1/stream", "not_acceptable")
    async with client.head("/v1/stream") as response:
        assert response.status == 405


async def test_half_a_handshake_is_400(client: Client) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    await refused(client, "GET", "/v1/stream", "malformed_request", headers=headers)


async def test_what_a_client_says_is_ignored(client: Client) -> None:
    async with client.ws_connect("/v1/stream") as socket:
        await socket.receive_json()
        await socket.send_str("hello")
        await socket.send_bytes(b"\x00\xff")
        await run_once(client)
        await read_until(socket, "run.ended")


async def test_a02_client_over_its_buffer_is_told_where_to_resume(serve: Serve) -> None:
    """A02: the events of one commit overflow a tiny buffer; the next connection misses nothing."""
    client = await serve(stream_buffer=3)
    async with client.ws_connect("/v1/stream") as socket:
        snapshot = await socket.receive_json()
        body = {"runs": [{"job": "gate", "due_at": "2100-01-01T00:00:00Z"}] * 20}
        await call(client, "POST", "/v1/runs", 201, json=body)
        messages = await read_until(socket, "closing")
        end = await socket.receive()
    closing = messages.pop()
    assert closing["reason"] == "slow"
    assert closing["after"] == (messages or [snapshot])[-1]["seq"]
    assert end.data == 1013
    roomy = await serve(stream_buffer=1000)
    async with roomy.ws_connect(f"/v1/stream?after={closing['after']}") as socket:
        rest = [await socket.receive_json() for _ in range(20 - len(messages))]
    numbers = [message["seq"] for message in messages + rest]
    assert numbers == list(range(snapshot["seq"] + 1, snapshot["seq"] + 21))


async def test_a02_client_that_reads_nothing_is_cut_off_and_others_get_all(serve: Serve) -> None:
    client = await serve(send_timeout_s=0.3, stream_buffer=100_000)
    assert client.app is not None
    streams = client.app[SERVICE].streams
    anything = {"parameters": {"additionalProperties": None}}
    await call(client, "PATCH", "/v1/jobs/gate", json=anything)
    big = {"job": "gate", "due_at": "2100-01-01T00:00:00Z", "arguments": {"a": "x" * 100_000}}
    numbers: list[int] = []

    async def read(socket: ClientWebSocketResponse[Any]) -> None:
        async for message in socket:
            if "seq" in (body := message.json()):
                numbers.append(body["seq"])

    async with silent_client(client), client.ws_connect("/v1/stream", max_msg_size=0) as healthy:
        reading = asyncio.ensure_future(read(healthy))
        async with asyncio.timeout(30):
            while streams.count < 2:
                await call(client, "GET", "/healthz")
            while streams.count == 2:
                page = await call(client, "POST", "/v1/runs", 201, json={"runs": [big] * 8})
            while len(numbers) <= page["items"][-1]["id"]:
                await call(client, "GET", "/healthz")
        streams.close()
        await reading
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@asynccontextmanager
async def silent_client(client: Client) -> AsyncIterator[None]:
    """A connection that asks for the stream and reads nothing of it."""
    _, writer = await asyncio.open_connection(client.host, int(client.port or 0), limit=1024)
    try:
        writer.write(
            b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
        )
        yield
    finally:
        writer.transport.abort()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_client_that_leaves_is_noticed(client: Client) -> None:
    assert client.app is not None
    streams = client.app[SERVICE].streams
    async with client.ws_connect("/v1/stream") as socket:
        await socket.receive_json()
        assert streams.count == 1
    async with asyncio.timeout(5):
        while streams.count:
            await call(client, "GET", "/healthz")


async def test_event_stream_client_that_leaves_is_noticed_by_a_heartbeat(serve: Serve) -> None:
    client = await serve(heartbeat_s=0.02)
    assert client.app is not None
    streams = client.app[SERVICE].streams
    async with server_sent(client, "/v1/stream") as events:
        await anext(events)
    async with asyncio.timeout(5):
        while streams.count:
            await call(client, "GET", "/healthz")


async def test_streams_over_the_limit_are_503(serve: Serve) -> None:
    client = await serve(max_streams=1)
    async with client.ws_connect("/v1/stream") as socket:
        await socket.receive_json()
        async with client.get("/v1/stream", headers=EVENTS) as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "1"


async def test_streams_end_with_a_last_word_when_the_service_stops(serve: Serve) -> None:
    client = await serve()
    assert client.app is not None
    async with client.ws_connect("/v1/stream") as socket:
        snapshot = await socket.receive_json()
        client.app[SERVICE].streams.close()
        closing = await socket.receive_json()
        assert closing == {"type": "closing", "after": snapshot["seq"], "reason": "stopping"}
        assert (await socket.receive()).data == 1013


async def test_waiting_requests_end_when_the_service_stops(client: Client) -> None:
    assert client.app is not None
    waiting = asyncio.ensure_future(call(client, "POST", "/v1/jobs/gate/runs?wait_s=300", 201))
    while not (await call(client, "GET", "/v1/runs"))["items"]:
        pass
    client.app[SERVICE].streams.close()
    assert (await waiting)["state"] in ("queued", "running")


async def test_streams_end_when_the_board_closes(serve: Serve, board: Callboard) -> None:
    client = await serve()
    async with client.ws_connect("/v1/stream") as socket:
        await socket.receive_json()
        await board.close()
        closing = (await read_until(socket, "closing"))[-1]
        assert closing["reason"] == "unavailable"
