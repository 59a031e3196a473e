"""The ledger of a trigger and its explanations through the API, on a clock moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from callboard.testing import VirtualClock, virtual_board
from callboard_service.app import build_app
from callboard_service.settings import Settings
from support.service_calls import Client, call, reasons, refused

HOURLY = {
    "name": "hourly",
    "schedule": {"kind": "cron", "expression": "0 * * * *"},
    "actions": [{"job": "nothing"}],
}


@asynccontextmanager
async def service() -> AsyncIterator[tuple[Client, VirtualClock]]:
    """A service on the virtual clock, at 2026-01-01T00:00:00Z, with a job that does nothing."""
    async with virtual_board() as (board, clock):
        app = build_app(board, Settings(), clock)
        async with TestClient(TestServer(app)) as client:
            job = {"name": "nothing", "kind": "command", "spec": {"argv": ["true"]}}
            with clock.hold():
                await call(client, "POST", "/v1/jobs", 201, json=job)
                await call(client, "POST", "/v1/triggers", 201, json=HOURLY)
            yield client, clock


async def explained(client: Client, at: str) -> Any:
    return await call(client, "GET", f"/v1/triggers/hourly/explain?at={at}")


async def test_the_ledger_has_the_past_and_the_slots_go_on() -> None:
    async with service() as (client, clock):
        await clock.advance(3 * 3600)
        ledger = await call(client, "GET", "/v1/triggers/hourly/ledger")
        assert [item["slot"][11:16] for item in ledger["items"]] == ["01:00", "02:00", "03:00"]
        assert {item["decision"] for item in ledger["items"]} == {"fired"}
        until = "until=2026-01-01T05:30:00Z"
        slots = await call(client, "GET", f"/v1/triggers/hourly/slots?{until}")
        assert [item["decision"] for item in slots["items"]] == ["fired"] * 3 + ["pending"] * 2


async def test_the_ledger_comes_in_pages() -> None:
    async with service() as (client, clock):
        await clock.advance(3 * 3600)
        seen, cursor = [], ""
        while cursor is not None:
            path = f"/v1/triggers/hourly/ledger?limit=2{cursor and '&cursor=' + cursor}"
            page = await call(client, "GET", path)
            seen += [item["slot"][11:13] for item in page["items"]]
            cursor = page["next_cursor"]
        assert seen == ["01", "02", "03"]


async def test_every_instant_has_an_answer() -> None:
    async with service() as (client, clock):
        await clock.advance(3600)
        await call(client, "POST", "/v1/triggers/hourly/pause")
        await clock.advance(2 * 3600)
        fired = await explained(client, "2026-01-01T01:00:00Z")
        assert (fired["decision"], len(fired["run_ids"]), fired["late_s"]) == ("fired", 1, 0.0)
        skipped = await explained(client, "2026-01-01T02:00:00Z")
        assert (skipped["decision"], skipped["reason"]) == ("skipped", "paused")
        nothing = await explained(client, "2026-01-01T01:30:00Z")
        assert nothing["decision"] is None
        assert nothing["previous_slot"] == "2026-01-01T01:00:00Z"
        await call(client, "POST", "/v1/triggers/hourly/resume")
        coming = await explained(client, "2026-01-01T09:00:00Z")
        assert coming["decision"] == "pending"
        for answer in (fired, skipped, nothing, coming):
            assert answer["sentence"].endswith(".")


async def test_a_wrong_instant_is_named() -> None:
    async with service() as (client, _):
        path = "/v1/triggers/hourly/explain?at=yesterday"
        assert "at" in reasons(await refused(client, "GET", path, "invalid_query"))
        await refused(
            client, "GET", "/v1/triggers/nobody/explain?at=2026-01-01T00:00:00Z", "not_found"
        )
