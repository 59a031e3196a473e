"""Pausing and resuming through the API: one trigger, a job's, a group's, all."""

from __future__ import annotations

from typing import Any

import pytest

from service.conftest import Client
from support.service_calls import call, reasons, refused

pytestmark = pytest.mark.usefixtures("jobs")


async def make(client: Client, name: str, job: str = "add", group: str = "default") -> Any:
    if group != "default":
        body = {"name": job, "group": group, "kind": "python", "spec": {"handler": job}}
        await call(client, "PUT", f"/v1/jobs/{job}?group={group}", 201, json=body)
    trigger = {
        "name": name,
        "group": group,
        "schedule": {"kind": "cron", "expression": "0 2 * * *"},
        "actions": [{"job": job}],
    }
    return await call(client, "POST", "/v1/triggers", 201, json=trigger)


async def test_a_paused_trigger_says_so_and_has_no_next_slot(client: Client) -> None:
    made = await make(client, "nightly")
    paused = await call(client, "POST", "/v1/triggers/nightly/pause")
    assert (paused["state"], paused["next_slot"], paused["resume_at"]) == ("paused", None, None)
    resumed = await call(client, "POST", "/v1/triggers/nightly/resume")
    assert (resumed["state"], resumed["next_slot"]) == ("active", made["next_slot"])
    assert resumed["between"] == {"missed": "skip", "count": 0, "first": None, "last": None}


async def test_a_timed_pause_shows_its_end_and_can_be_changed(client: Client) -> None:
    await make(client, "nightly")
    for until in ("2999-01-01T00:00:00Z", "2998-01-01T00:00:00Z"):
        body = {"until": until}
        paused = await call(client, "POST", "/v1/triggers/nightly/pause", json=body)
        assert paused["resume_at"] == until


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"until": "2001-01-01T00:00:00Z"}, "until"),
        ({"until": "tomorrow"}, "until"),
        ({"till": None}, "till"),
    ],
)
async def test_a_wrong_end_of_a_pause_is_refused(
    client: Client, body: dict[str, Any], field: str
) -> None:
    await make(client, "nightly")
    problem = await refused(
        client, "POST", "/v1/triggers/nightly/pause", "invalid_input", json=body
    )
    assert field in reasons(problem)


async def test_what_does_not_fire_cannot_be_paused_or_resumed(client: Client) -> None:
    await make(client, "nightly")
    await refused(client, "POST", "/v1/triggers/nightly/resume", "not_paused")
    await call(client, "POST", "/v1/triggers/nightly/deactivate")
    await refused(client, "POST", "/v1/triggers/nightly/pause", "not_pausable")
    await refused(client, "POST", "/v1/triggers/nobody/pause", "not_found")


async def test_m14_a_pause_of_an_older_version_is_stale(client: Client) -> None:
    await make(client, "nightly")
    headers = {"If-Match": '"1-77"'}
    await refused(client, "POST", "/v1/triggers/nightly/pause", "stale_version", headers=headers)


async def test_bulk_counts_first_and_changes_then(client: Client) -> None:
    for name in ("a", "b"):
        await make(client, name)
    await make(client, "c", job="talk")
    dry = await call(client, "POST", "/v1/triggers/pause", json={"job": "add", "dry_run": True})
    assert dry == {"matched": 2, "changed": 2, "slots": None, "state": "paused", "dry_run": True}
    assert (await call(client, "GET", "/v1/triggers/a"))["state"] == "active"
    done = await call(client, "POST", "/v1/triggers/pause", json={"job": "add"})
    assert (done["matched"], done["changed"], done["dry_run"]) == (2, 2, False)
    states = await call(client, "GET", "/v1/triggers?state=paused")
    assert [item["name"] for item in states["items"]] == ["a", "b"]
    again = await call(client, "POST", "/v1/triggers/resume", json={"all": True})
    assert (again["changed"], again["slots"]) == (2, 0)


async def test_bulk_takes_the_group_of_the_query(client: Client) -> None:
    await make(client, "ours")
    await make(client, "theirs", group="sales")
    done = await call(client, "POST", "/v1/triggers/pause?group=sales")
    assert (done["matched"], done["changed"]) == (1, 1)
    path = "/v1/triggers/resume?group=sales"
    problem = await refused(client, "POST", path, "invalid_input", json={"group": "default"})
    assert "group" in reasons(problem)


async def test_a_job_and_a_group_are_paused_by_their_own_paths(client: Client) -> None:
    await make(client, "ours")
    await make(client, "theirs", group="sales")
    done = await call(client, "POST", "/v1/groups/sales/pause", json={})
    assert done["changed"] == 1
    assert (await call(client, "GET", "/v1/triggers/ours"))["state"] == "active"
    await call(client, "POST", "/v1/groups/sales/resume")
    assert (await call(client, "POST", "/v1/jobs/add/pause"))["changed"] == 1
    assert (await call(client, "POST", "/v1/jobs/add/resume"))["changed"] == 1
    await refused(client, "POST", "/v1/groups/nobody/pause", "not_found")
    await refused(client, "POST", "/v1/jobs/nothing/pause", "not_found")


@pytest.mark.parametrize("body", [{}, {"all": True, "job": "add"}, {"all": False}])
async def test_everything_is_paused_only_when_it_is_said(
    client: Client, body: dict[str, Any]
) -> None:
    problem = await refused(client, "POST", "/v1/triggers/pause", "invalid_input", json=body)
    assert "all" in reasons(problem)
