"""`/v1/calendars`, and triggers that obey them."""

from __future__ import annotations

from typing import Any

import pytest

from service.conftest import Client
from support.service_calls import call, reasons, refused

HOLIDAYS = {
    "name": "holidays",
    "definition": {"kind": "annual", "zone": "UTC", "days": ["01-01", ["12-24", "12-26"]]},
}
NIGHTLY = {
    "name": "nightly",
    "schedule": {"kind": "cron", "expression": "0 2 * * *"},
    "actions": [{"job": "add"}],
    "calendars": [{"calendar": "holidays"}],
}


async def test_a_calendar_is_created_listed_changed_and_deleted(client: Client) -> None:
    made = await call(client, "POST", "/v1/calendars", 201, json=HOLIDAYS)
    assert made["definition"] == HOLIDAYS["definition"]
    assert made["version"] == 1
    changed = {"definition": {"kind": "dates", "zone": "UTC", "dates": ["2026-12-24"]}}
    put = await call(client, "PUT", "/v1/calendars/holidays", json=changed)
    assert (put["version"], put["definition"]) == (2, changed["definition"])
    assert await call(client, "PUT", "/v1/calendars/holidays", json=put) == put
    listed = await call(client, "GET", "/v1/calendars")
    assert [item["name"] for item in listed["items"]] == ["holidays"]
    await call(client, "DELETE", "/v1/calendars/holidays", 204)
    await refused(client, "GET", "/v1/calendars/holidays", "not_found")


async def test_a_patch_merges_within_its_kind_and_replaces_another(client: Client) -> None:
    await call(client, "POST", "/v1/calendars", 201, json=HOLIDAYS)
    path = "/v1/calendars/holidays"
    patch: dict[str, Any] = {"definition": {"days": ["01-02"]}, "description": "d"}
    patched = await call(client, "PATCH", path, json=patch)
    assert patched["definition"] == {"kind": "annual", "zone": "UTC", "days": ["01-02"]}
    assert patched["description"] == "d"
    ranges = {"kind": "ranges", "ranges": [["2026-12-01T22:00:00Z", "2026-12-02T04:00:00Z"]]}
    other = await call(client, "PATCH", path, json={"definition": ranges})
    assert (other["definition"], other["version"]) == (ranges, 3)
    await refused(client, "PATCH", path, "invalid_input", json={"name": "other"})


async def test_a_stale_calendar_is_not_overwritten(client: Client) -> None:
    await call(client, "POST", "/v1/calendars", 201, json=HOLIDAYS)
    for method, body in (("PUT", HOLIDAYS), ("PATCH", {"description": "d"}), ("DELETE", None)):
        headers = {"If-Match": '"1-7"'}
        path = "/v1/calendars/holidays"
        await refused(client, method, path, "stale_version", headers=headers, json=body)


async def test_calendars_come_in_pages_and_by_group(client: Client) -> None:
    for name in ("a", "b", "c"):
        body = {**HOLIDAYS, "name": name}
        await call(client, "POST", "/v1/calendars?group=sales", 201, json=body)
    page = await call(client, "GET", "/v1/calendars?group=sales&limit=2")
    rest = await call(
        client, "GET", f"/v1/calendars?group=sales&limit=2&cursor={page['next_cursor']}"
    )
    assert [item["name"] for item in page["items"] + rest["items"]] == ["a", "b", "c"]
    assert (await call(client, "GET", "/v1/calendars?group=default"))["items"] == []


async def test_a_name_is_taken_once(client: Client) -> None:
    await call(client, "POST", "/v1/calendars", 201, json=HOLIDAYS)
    await refused(client, "POST", "/v1/calendars", "already_exists", json=HOLIDAYS)


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ({"kind": "lunar"}, "definition.kind"),
        ({"kind": "weekly", "zone": "Europe/Pragu", "hours": {}}, "definition.zone"),
        ({"kind": "dates", "zone": "UTC", "dates": ["2026-02-30"]}, "definition.dates[0]"),
        ({"kind": "annual", "zone": "UTC", "days": ["13-01"]}, "definition.days[0]"),
        (
            {"kind": "ranges", "ranges": [["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"]]},
            "definition.ranges[0]",
        ),
    ],
)
async def test_a_wrong_definition_is_named_by_its_field(
    client: Client, definition: dict[str, Any], field: str
) -> None:
    body = {"name": "wrong", "definition": definition}
    problem = await refused(client, "POST", "/v1/calendars", "invalid_input", json=body)
    assert field in reasons(problem)


@pytest.mark.usefixtures("jobs")
async def test_a_trigger_names_only_calendars_that_there_are(client: Client) -> None:
    problem = await refused(client, "POST", "/v1/triggers", "invalid_input", json=NIGHTLY)
    assert "calendars[0].calendar" in reasons(problem)


@pytest.mark.usefixtures("jobs")
async def test_slots_in_an_excluded_calendar_are_left_out(client: Client) -> None:
    await call(client, "POST", "/v1/calendars", 201, json=HOLIDAYS)
    made = await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    assert made["calendars"] == [{"calendar": "holidays", "mode": "exclude", "shift": "skip"}]
    query = "from=2098-12-23T00:00:00Z&until=2098-12-28T00:00:00Z"
    listed = await call(client, "GET", f"/v1/triggers/nightly/slots?{query}")
    pending = [i["slot"][:10] for i in listed["items"] if i["reason"] is None]
    assert pending == ["2098-12-23", "2098-12-27"]


@pytest.mark.usefixtures("jobs")
async def test_a_calendar_in_use_is_not_deleted(client: Client) -> None:
    await call(client, "POST", "/v1/calendars", 201, json=HOLIDAYS)
    await call(client, "POST", "/v1/triggers", 201, json=NIGHTLY)
    problem = await refused(client, "DELETE", "/v1/calendars/holidays", "calendar_in_use")
    assert "nightly" in problem["detail"]
    await call(client, "PATCH", "/v1/triggers/nightly", json={"calendars": []})
    await call(client, "DELETE", "/v1/calendars/holidays", 204)
