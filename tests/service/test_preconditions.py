"""ETag, If-Match, If-None-Match."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.service_calls import Client, call, refused

ECHO: dict[str, Any] = {"name": "echo", "kind": "command", "spec": {"argv": ["echo", "hi"]}}
PATH = "/v1/jobs/echo"


@pytest.fixture
async def tag(client: Client) -> str:
    """The ETag of the job as it was created."""
    async with client.post("/v1/jobs", json=ECHO) as response:
        return response.headers["ETag"]


def matching(tag: str) -> dict[str, str]:
    return {"If-Match": tag}


async def test_second_of_two_editors_gets_412(client: Client, tag: str) -> None:
    edit = {"description": "mine"}
    await call(client, "PATCH", PATH, json=edit, headers=matching(tag))
    problem = await refused(
        client, "PATCH", PATH, "stale_version", json=edit, headers=matching(tag)
    )
    assert problem["present_version"] == 2


async def test_of_many_editors_at_once_one_wins(client: Client, tag: str) -> None:
    async def edit(number: int) -> int:
        body = {"description": str(number)}
        async with client.patch(PATH, json=body, headers=matching(tag)) as response:
            return response.status

    statuses = await asyncio.gather(*map(edit, range(10)))
    assert sorted(statuses) == [200] + [412] * 9
    assert (await call(client, "GET", PATH))["version"] == 2


async def test_patches_without_if_match_all_take_effect(client: Client, tag: str) -> None:
    async def edit(number: int) -> None:
        await call(client, "PATCH", PATH, json={"labels": {f"k{number}": "v"}})

    await asyncio.gather(*map(edit, range(4)))
    assert set((await call(client, "GET", PATH))["labels"]) == {"k0", "k1", "k2", "k3"}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_stale_tag_is_412_for_every_change(client: Client, tag: str, method: str) -> None:
    await call(client, "PATCH", PATH, json={"description": "newer"})
    body = {} if method == "DELETE" else {"json": ECHO if method == "PUT" else {"disabled": True}}
    await refused(client, method, PATH, "stale_version", headers=matching(tag), **body)


@pytest.mark.parametrize("form", ["{0}", '"x", {0}', "*", "{1}"])
async def test_matching_forms_are_taken(client: Client, tag: str, form: str) -> None:
    header = matching(form.format(tag, tag.strip('"')))
    await call(client, "PATCH", PATH, json={"description": "new"}, headers=header)


@pytest.mark.parametrize("form", ["W/{0}", '"x"', "x", '"', "-1", '"1-999999999999999999999"'])
async def test_other_forms_are_412(client: Client, tag: str, form: str) -> None:
    header = matching(form.format(tag))
    await refused(client, "PATCH", PATH, "stale_version", json={"disabled": True}, headers=header)


async def test_if_match_on_what_is_not_there_is_412(client: Client) -> None:
    for tag in ("*", '"1-1"'):
        await refused(client, "PUT", PATH, "stale_version", json=ECHO, headers=matching(tag))
    await refused(client, "GET", PATH, "not_found")


async def test_tag_of_a_deleted_job_does_not_match_its_namesake(client: Client, tag: str) -> None:
    await call(client, "DELETE", PATH, 204)
    await call(client, "POST", "/v1/jobs", 201, json=ECHO)
    await refused(client, "DELETE", PATH, "stale_version", headers=matching(tag))


async def test_put_with_if_none_match_only_creates(client: Client) -> None:
    header = {"If-None-Match": "*"}
    await call(client, "PUT", PATH, 201, json=ECHO, headers=header)
    await refused(client, "PUT", PATH, "stale_version", json=ECHO, headers=header)


async def test_unchanged_job_is_304(client: Client, tag: str) -> None:
    async with client.get(PATH, headers={"If-None-Match": f'"x", W/{tag}'}) as response:
        assert response.status == 304
        assert response.headers["ETag"] == tag
    await call(client, "PATCH", PATH, json={"description": "new"})
    async with client.get(PATH, headers={"If-None-Match": tag}) as response:
        assert response.status == 200


async def test_a_calendar_and_a_backfill_have_tags_too(client: Client, jobs: list[str]) -> None:
    definition = {"kind": "dates", "zone": "UTC", "dates": ["2026-12-24"]}
    await call(client, "PUT", "/v1/calendars/c", 201, json={"definition": definition})
    schedule = {"kind": "cron", "expression": "0 0 1 1 *"}
    trigger = {"schedule": schedule, "actions": [{"job": "add"}]}
    await call(client, "PUT", "/v1/triggers/t", 201, json=trigger)
    times = {"from_at": "2025-02-01T00:00:00Z", "until_at": "2025-02-02T00:00:00Z"}
    body = {"trigger": "t", **times}
    made = await call(client, "POST", "/v1/backfills", 201, json=body)
    while made["state"] != "completed":
        made = await call(client, "GET", f"/v1/backfills/{made['id']}")
    for path in ("/v1/calendars/c", f"/v1/backfills/{made['id']}"):
        async with client.get(path) as response:
            tag = response.headers["ETag"]
        for method in ("GET", "HEAD"):
            async with client.request(method, path, headers={"If-None-Match": tag}) as response:
                assert (response.status, response.headers["ETag"]) == (304, tag)


async def test_pausing_minds_the_version(client: Client, jobs: list[str]) -> None:
    body = {"schedule": {"kind": "on_demand"}, "actions": [{"job": "add"}]}
    await call(client, "PUT", "/v1/triggers/t", 201, json=body)
    async with client.get("/v1/triggers/t") as response:
        before = response.headers["ETag"]
    async with client.post("/v1/triggers/t/pause", headers=matching(before)) as response:
        assert (response.status, response.headers["ETag"]) == (200, before)
    await call(client, "PATCH", "/v1/triggers/t", json={"description": "newer"})
    path = "/v1/triggers/t/resume"
    await refused(client, "POST", path, "stale_version", headers=matching(before))


async def test_firing_does_not_change_the_tag_of_a_trigger(client: Client, jobs: list[str]) -> None:
    body = {
        "name": "t",
        "schedule": {"kind": "interval", "every_s": 0.1},
        "actions": [{"job": "add"}],
        "max_firings": 1,
    }
    async with client.post("/v1/triggers", json=body) as response:
        trigger_tag = response.headers["ETag"]
    while (await call(client, "GET", "/v1/triggers/t"))["last_slot"] is None:
        pass
    path = "/v1/triggers/t/deactivate"
    await call(client, "POST", path, headers=matching(trigger_tag))
    await refused(client, "POST", path, "stale_version", headers=matching(trigger_tag))
