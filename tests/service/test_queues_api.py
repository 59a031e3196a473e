"""`/v1/queues`, and jobs that name them."""

from __future__ import annotations

from typing import Any

import pytest

from service.conftest import Client
from support.service_calls import call, reasons, refused

MAIL: dict[str, Any] = {
    "name": "mail",
    "capacity": 2,
    "rate_limit": {"runs": 10, "per_s": 60.0},
    "description": "out",
}
PATH = "/v1/queues/mail"


async def test_a_queue_is_created_listed_changed_and_deleted(client: Client) -> None:
    made = await call(client, "POST", "/v1/queues", 201, json=MAIL)
    assert {key: made[key] for key in MAIL} == MAIL
    assert (made["group"], made["paused"], made["version"]) == ("default", False, 1)
    put = await call(client, "PUT", PATH, json={"capacity": 3})
    assert (put["capacity"], put["rate_limit"], put["version"]) == (3, None, 2)
    shown = await call(client, "GET", PATH)
    assert shown == {**put, "queued": 0, "running": 0}
    assert await call(client, "PUT", PATH, json=shown) == put
    listed = await call(client, "GET", "/v1/queues")
    assert listed["items"] == [put]
    await call(client, "DELETE", PATH, 204)
    await refused(client, "GET", PATH, "not_found")


async def test_a_put_creates_a_queue_that_is_not_there(client: Client) -> None:
    made = await call(client, "PUT", f"{PATH}?group=g", 201, json={"paused": True})
    assert (made["group"], made["paused"], made["capacity"]) == ("g", True, None)
    await refused(client, "GET", PATH, "not_found")


async def test_a_patch_changes_some_fields(client: Client) -> None:
    await call(client, "POST", "/v1/queues", 201, json=MAIL)
    patched = await call(client, "PATCH", PATH, json={"rate_limit": {"runs": 5}})
    assert patched["rate_limit"] == {"runs": 5, "per_s": 60.0}
    patched = await call(client, "PATCH", PATH, json={"rate_limit": None, "capacity": None})
    assert (patched["rate_limit"], patched["capacity"]) == (None, None)
    await refused(client, "PATCH", PATH, "invalid_input", json={"name": "other"})


async def test_a_queue_is_paused_and_resumed(client: Client) -> None:
    await call(client, "POST", "/v1/queues", 201, json=MAIL)
    paused = await call(client, "POST", f"{PATH}/pause")
    assert (paused["paused"], paused["version"]) == (True, 2)
    assert await call(client, "POST", f"{PATH}/pause") == paused
    resumed = await call(client, "POST", f"{PATH}/resume")
    assert (resumed["paused"], resumed["version"]) == (False, 3)
    await refused(client, "POST", "/v1/queues/other/pause", "not_found")


async def test_a_stale_queue_is_not_overwritten(client: Client) -> None:
    await call(client, "POST", "/v1/queues", 201, json=MAIL)
    headers = {"If-Match": '"1-7"'}
    for method, path, body in (
        ("PUT", PATH, {}),
        ("PATCH", PATH, {"capacity": 1}),
        ("POST", f"{PATH}/pause", None),
        ("DELETE", PATH, None),
    ):
        await refused(client, method, path, "stale_version", headers=headers, json=body)


async def test_a_queue_that_jobs_name_is_not_deleted(client: Client) -> None:
    await call(client, "POST", "/v1/queues", 201, json=MAIL)
    job = {"name": "send", "kind": "command", "spec": {"argv": ["true"]}, "queue": "mail"}
    await call(client, "POST", "/v1/jobs", 201, json=job)
    problem = await refused(client, "DELETE", PATH, "queue_in_use")
    assert "send" in problem["detail"]
    await call(client, "PATCH", "/v1/jobs/send", json={"queue": None})
    await call(client, "DELETE", PATH, 204)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "q", "capacity": 0}, "capacity"),
        ({"name": "q", "capacity": 10**9}, "capacity"),
        ({"name": "q", "rate_limit": {"runs": 0, "per_s": 1}}, "rate_limit.runs"),
        ({"name": "q", "rate_limit": {"runs": 1, "per_s": 0}}, "rate_limit.per_s"),
        ({"name": "q", "paused": "yes"}, "paused"),
        ({"name": "", "capacity": 1}, "name"),
        ({"name": "q", "size": 1}, "size"),
    ],
)
async def test_a_bad_queue_is_refused_by_field(
    client: Client, body: dict[str, Any], field: str
) -> None:
    problem = await refused(client, "POST", "/v1/queues", "invalid_input", json=body)
    assert field in reasons(problem)


@pytest.mark.usefixtures("jobs")
async def test_runs_of_a_paused_queue_wait_and_are_counted_until_it_is_resumed(
    client: Client,
) -> None:
    await call(client, "POST", "/v1/queues", 201, json={**MAIL, "paused": True})
    await call(client, "PATCH", "/v1/jobs/add", json={"queue": "mail"})
    started = await call(client, "POST", "/v1/jobs/add/runs", 201)
    shown = await call(client, "GET", PATH)
    assert (shown["queued"], shown["running"]) == (1, 0)
    await call(client, "POST", f"{PATH}/resume")
    run = await call(client, "GET", f"/v1/runs/{started['id']}?wait_s=10")
    assert run["state"] == "succeeded"


@pytest.mark.usefixtures("jobs")
async def test_a_start_beyond_what_may_wait_behind_its_key_is_429(client: Client) -> None:
    """R14"""
    await call(client, "POST", "/v1/queues", 201, json={**MAIL, "paused": True})
    rule = {"key": ["a"], "max_queued": 1}
    await call(client, "PATCH", "/v1/jobs/add", json={"queue": "mail", "concurrency": rule})
    start, body = "/v1/jobs/add/runs", {"arguments": {"a": 1}}
    await call(client, "POST", start, 201, json=body)
    async with client.post(start, json=body) as response:
        assert response.status == 429
        assert int(response.headers["Retry-After"]) >= 1
        assert (await response.json())["code"] == "too_many_queued"
    await call(client, "POST", start, 201, json={"arguments": {"a": 2}})
