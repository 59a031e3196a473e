"""Event triggers over HTTP: told of events, and what came of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callboard import Callboard
from callboard.subscription import EventFilter
from support.service_calls import Client, call, reasons, refused

pytestmark = pytest.mark.usefixtures("jobs")


def listening(name: str, **fields: Any) -> Any:
    return {
        "name": name,
        "schedule": {"kind": "event", **fields},
        "actions": [{"job": "talk"}],
    }


async def test_an_event_trigger_is_shown_with_all_its_defaults(client: Client) -> None:
    trigger = await call(client, "POST", "/v1/triggers", 201, json=listening("t"))
    assert trigger["schedule"] == {"kind": "event", "batch_size": 1, "window_s": 900.0}
    assert (trigger["state"], trigger["next_slot"], trigger["events"]) == ("active", None, 0)
    back = await call(client, "PUT", "/v1/triggers/t", json=trigger)
    assert back == trigger


async def test_a_full_batch_fires_and_its_slot_says_of_how_many(
    board: Callboard, client: Client
) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=listening("t", batch_size=3))
    told = await call(client, "POST", "/v1/triggers/t/events", json={"count": 2})
    assert told["events"] == 2
    assert told["next_slot"] is not None
    async with board.subscribe(filter=EventFilter(trigger="t")) as events:
        await call(client, "POST", "/v1/triggers/t/events")
        async with asyncio.timeout(10):
            async for event in events:
                if getattr(event, "type", "") == "run.ended":
                    break
    (slot,) = (await call(client, "GET", "/v1/triggers/t/ledger"))["items"]
    assert (slot["decision"], slot["events"], len(slot["run_ids"])) == ("fired", 3, 1)
    answer = await call(client, "GET", f"/v1/triggers/t/explain?at={slot['slot']}")
    assert "Its batch has 3 events." in answer["sentence"]
    assert (await call(client, "GET", "/v1/triggers/t"))["events"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [({"count": 0}, "count"), ({"count": 10_001}, "count"), ({"many": 1}, "many"), (5, "")],
)
async def test_a_wrong_count_is_refused(client: Client, body: Any, field: str) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=listening("t"))
    problem = await refused(client, "POST", "/v1/triggers/t/events", "invalid_input", json=body)
    assert field in reasons(problem)
    assert (await call(client, "GET", "/v1/triggers/t"))["events"] == 0


async def test_a_trigger_that_takes_none_says_so(client: Client) -> None:
    await call(client, "POST", "/v1/triggers", 201, json=listening("t"))
    await call(client, "POST", "/v1/triggers/t/deactivate")
    await refused(client, "POST", "/v1/triggers/t/events", "trigger_not_active")
    other = {**listening("u"), "schedule": {"kind": "on_demand"}}
    await call(client, "POST", "/v1/triggers", 201, json=other)
    await refused(client, "POST", "/v1/triggers/u/events", "not_event_trigger")
    await refused(client, "POST", "/v1/triggers/nobody/events", "not_found")
