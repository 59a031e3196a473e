"""`/v1/backfills`: slots of the past, fired now."""

from __future__ import annotations

from typing import Any

import pytest

from service.conftest import Client
from support.service_calls import call, reasons, refused

pytestmark = pytest.mark.usefixtures("jobs")

HOURLY = {
    "name": "hourly",
    "schedule": {"kind": "cron", "expression": "0 * * * *"},
    "actions": [{"job": "gate"}],
}
RANGE = {
    "trigger": "hourly",
    "from_at": "2025-06-01T00:00:00Z",
    "until_at": "2025-06-01T03:00:00Z",
}


async def make(client: Client, **changes: Any) -> Any:
    await call(client, "PUT", "/v1/triggers/hourly", 201, json=HOURLY)
    return await call(client, "POST", "/v1/backfills", 201, json=RANGE | changes)


async def test_m12_a_half_open_range_is_counted_and_begun(client: Client) -> None:
    made = await make(client)
    assert (made["slots_total"], made["state"]) == (3, "running")
    assert (made["trigger"], made["group"]) == ("hourly", "default")
    assert await call(client, "GET", f"/v1/backfills/{made['id']}")
    listed = await call(client, "GET", "/v1/backfills?trigger=hourly&state=running")
    assert [item["id"] for item in listed["items"]] == [made["id"]]


async def test_a_backfill_is_paused_resumed_and_cancelled_once(client: Client) -> None:
    path = f"/v1/backfills/{(await make(client))['id']}"
    for verb, state in (("pause", "paused"), ("pause", "paused"), ("resume", "running")):
        assert (await call(client, "POST", f"{path}/{verb}"))["state"] == state
    cancelled = await call(client, "POST", f"{path}/cancel", json={"stop_runs": True})
    assert cancelled["state"] == "cancelled"
    await refused(client, "POST", f"{path}/resume", "backfill_ended")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"until_at": "2025-05-01T00:00:00Z"}, "until_at"),
        ({"until_at": "2999-01-01T00:00:00Z"}, "until_at"),
        ({"from_at": "yesterday"}, "from_at"),
        ({"trigger": "nobody"}, "trigger"),
        ({"max_concurrent": 0}, "max_concurrent"),
        ({"overlap": "maybe"}, "overlap"),
        ({"from": "2025-06-01T00:00:00Z"}, "from"),
    ],
)
async def test_a_wrong_backfill_is_refused_by_its_field(
    client: Client, change: dict[str, Any], field: str
) -> None:
    await call(client, "PUT", "/v1/triggers/hourly", 201, json=HOURLY)
    problem = await refused(client, "POST", "/v1/backfills", "invalid_input", json=RANGE | change)
    assert field in reasons(problem)


async def test_an_unknown_backfill_is_not_found(client: Client) -> None:
    for number in ("7", "x", "0"):
        await refused(client, "GET", f"/v1/backfills/{number}", "not_found")
