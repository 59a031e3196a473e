"""Webhooks: a real service that calls a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from callboard import BoardConfig, Callboard, HandlerRegistry
from callboard.domain.webhook_signature import HEADER, is_signed
from callboard.runners.secrets import EnvSecrets
from callboard_service.app import build_app
from support.service_calls import Client, call, refused

WAIT_S = 20.0
KEY = "a-key-of-the-tests"


@dataclass
class Receiver:
    """The other side."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 204

    async def receive(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        self.arrived.set()
        return web.Response(status=self.status)

    async def messages(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(WAIT_S):
            while len(self.got) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return [orjson.loads(body) for _, body in self.got]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.receive)
    async with TestServer(app) as server:
        receiver.url = str(server.make_url("/hook"))
        yield receiver


@pytest.fixture
def moods() -> list[str]:
    """How the next runs go; empty: well."""
    return []


@pytest.fixture
def poll_s() -> float:
    """So long that nothing is found by looking again."""
    return 600.0


@pytest.fixture
async def client(moods: list[str], receiver: Receiver, poll_s: float) -> AsyncIterator[Client]:
    handlers = HandlerRegistry()

    async def moody() -> str:
        if moods:
            raise ValueError(moods.pop(0))
        return "well"

    handlers.register("moody", moody)
    board = Callboard(
        "memory:",
        config=BoardConfig(poll_s=poll_s, drain_s=0, egress_allow=("127.0.0.1",)),
        handlers=handlers,
        secrets={"env": EnvSecrets({"CALLBOARD_SECRET_HOOK": KEY})},
    )
    async with board, TestServer(build_app(board)) as server, TestClient(server) as client:
        job = {"name": "moody", "kind": "python", "spec": {"handler": "moody"}}
        await call(client, "POST", "/v1/jobs", 201, json=job)
        yield client


async def hook(client: Client, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    body = {"name": "ops", "url": receiver.url, **fields}
    webhook: dict[str, Any] = await call(client, "POST", "/v1/webhooks", 201, json=body)
    return webhook


async def run(client: Client) -> dict[str, Any]:
    done: dict[str, Any] = await call(client, "POST", "/v1/jobs/moody/runs?wait_s=10", 201, json={})
    return done


async def test_failure_and_recovery_are_told_once_each(
    client: Client, receiver: Receiver, moods: list[str]
) -> None:
    await hook(client, receiver)
    await run(client)
    moods += ["first", "second"]
    failed = [await run(client), await run(client)]
    well = [await run(client), await run(client)]
    told = await receiver.messages(3)
    assert [(each["event"], each["run"]["id"]) for each in told] == [
        ("run.failed", failed[0]["id"]),
        ("run.failed", failed[1]["id"]),
        ("run.recovered", well[0]["id"]),
    ]
    assert told[0]["run"]["error"] == {"type": "ValueError", "message": "first"}
    assert told[2]["failed_run_id"] == failed[0]["id"]


async def test_only_the_last_attempt_is_told_of(
    client: Client, receiver: Receiver, moods: list[str]
) -> None:
    retry = {"max_attempts": 3, "initial_s": 0, "jitter": "none"}
    await call(client, "PATCH", "/v1/jobs/moody", json={"retry": retry})
    await hook(client, receiver)
    moods += ["1", "2", "3"]
    await run(client)
    [told] = await receiver.messages(1)
    assert (told["run"]["attempt"], told["run"]["error"]["message"]) == (3, "3")


async def test_a_message_is_signed_with_the_secret(
    client: Client, receiver: Receiver, moods: list[str]
) -> None:
    webhook = await hook(client, receiver, secret={"$secret": "env:HOOK"})
    assert webhook["secret"] == {"$secret": "env:HOOK"}
    moods.append("x")
    await run(client)
    await receiver.messages(1)
    headers, body = receiver.got[0]
    at = int(headers[HEADER].partition(",")[0].removeprefix("t="))
    assert is_signed(body, headers[HEADER], KEY, at)
    assert headers["Callboard-Event"] == "run.failed"


async def test_the_log_of_messages_says_what_became_of_them(
    client: Client, receiver: Receiver, moods: list[str]
) -> None:
    await hook(client, receiver)
    receiver.status = 500
    moods.append("x")
    await run(client)
    await receiver.messages(1)
    delivery = await attempted(client, "run.failed")
    assert (delivery["state"], delivery["attempts"], delivery["status"]) == ("queued", 1, 500)
    assert delivery["due_at"] is not None
    receiver.status = 200
    path = f"/v1/webhooks/ops/deliveries/{delivery['id']}/redeliver"
    await call(client, "POST", path, 202)
    await receiver.messages(2)
    delivery = await attempted(client, "run.failed", "delivered")
    assert (delivery["attempts"], delivery["error"]) == (1, None)


async def attempted(client: Client, event: str, state: str = "") -> dict[str, Any]:
    """The newest message of the event, when an attempt of it is over (and it is in the state)."""
    async with asyncio.timeout(WAIT_S):
        while True:
            page = await call(client, "GET", "/v1/webhooks/ops/deliveries?limit=10")
            for each in page["items"]:
                is_over = each["error"] is not None or each["state"] == "delivered"
                if each["event"] == event and is_over and state in ("", each["state"]):
                    return dict(each)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("poll_s", [0.2])
async def test_a_missed_deadline_is_told_to_those_who_asked_for_its_job(
    client: Client, receiver: Receiver
) -> None:
    await hook(client, receiver, events=["deadline.missed"], job="moody")
    other = {"name": "other", "url": receiver.url, "job": "another"}
    await call(client, "POST", "/v1/webhooks", 201, json=other)
    queue = {"name": "closed", "paused": True}
    await call(client, "POST", "/v1/queues", 201, json=queue)
    await call(client, "PATCH", "/v1/jobs/moody", json={"queue": "closed"})
    trigger = {
        "name": "often",
        "schedule": {"kind": "interval", "every_s": 0.5},
        "actions": [{"job": "moody"}],
        "deadlines": {"start_within_s": 0.5},
    }
    stored = await call(client, "POST", "/v1/triggers", 201, json=trigger)
    assert stored["deadlines"] == {"start_within_s": 0.5, "finish_within_s": None}
    [told, *_] = await receiver.messages(1)
    assert (told["event"], told["trigger"], told["deadline"]) == (
        *("deadline.missed", "often", "start"),
    )
    assert "had not begun in time" in told["reason"]
    assert (await call(client, "GET", "/v1/webhooks/other/deliveries"))["items"] == []


async def test_a_webhook_into_a_private_network_is_given_up_at_once(
    client: Client, receiver: Receiver
) -> None:
    body = {"name": "ops", "url": "http://10.0.0.1/hook"}
    await call(client, "POST", "/v1/webhooks", 201, json=body)
    await call(client, "POST", "/v1/webhooks/ops/ping", 202)
    delivery = await attempted(client, "ping", "failed")
    assert "10.0.0.1" in delivery["error"]


async def test_webhooks_are_created_changed_and_deleted(client: Client) -> None:
    body = {"name": "ops", "url": "https://example.org/hook"}
    webhook = await call(client, "POST", "/v1/webhooks", 201, json=body)
    assert webhook["events"] == ["run.failed", "run.recovered", "deadline.missed"]
    await refused(client, "POST", "/v1/webhooks", "already_exists", json=body)
    changed = await call(client, "PATCH", "/v1/webhooks/ops", json={"disabled": True})
    assert (changed["disabled"], changed["version"]) == (True, 2)
    await refused(client, "POST", "/v1/webhooks/ops/ping", "webhook_disabled")
    replaced = await call(client, "PUT", "/v1/webhooks/ops", json={"url": body["url"]})
    assert (replaced["disabled"], replaced["version"]) == (False, 3)
    assert [each["name"] for each in (await call(client, "GET", "/v1/webhooks"))["items"]] == [
        "ops"
    ]
    await call(client, "DELETE", "/v1/webhooks/ops", 204)
    await refused(client, "GET", "/v1/webhooks/ops", "not_found")
    await refused(client, "GET", "/v1/webhooks/ops/deliveries", "not_found")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "file:/etc/passwd"}, "url"),
        ({"events": ["run.queued"]}, "events[0]"),
        ({"events": []}, "events"),
        ({"secret": "in the clear"}, "secret"),
        ({"secret": {"$secret": "x"}}, "secret"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_wrong_webhook_is_refused(
    client: Client, fields: dict[str, Any], field: str
) -> None:
    body = {"name": "ops", "url": "https://example.org/hook", **fields}
    problem = await refused(client, "POST", "/v1/webhooks", "invalid_input", json=body)
    assert problem["errors"][0]["field"] == field
