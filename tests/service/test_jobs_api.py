"""/v1/jobs over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from callboard import Callboard
from callboard.domain.job import Job
from support.service_calls import Client, call, reasons, refused

ECHO: dict[str, Any] = {"name": "echo", "kind": "command", "spec": {"argv": ["echo", "hi"]}}


async def test_created_job_has_every_field_of_the_resource(client: Client) -> None:
    job = await call(client, "POST", "/v1/jobs", 201, json=ECHO)
    assert job["version"] == 1
    assert job["created_at"].endswith("Z")
    del job["created_at"], job["updated_at"]
    assert job == {
        "name": "echo",
        "group": "default",
        "kind": "command",
        "spec": {"argv": ["echo", "hi"]},
        "arguments": {},
        "fixed_arguments": {},
        "on_fixed": "refuse",
        "parameters": None,
        "description": "",
        "disabled": False,
        "retry": {
            "max_attempts": 1,
            "initial_s": 1.0,
            "factor": 2.0,
            "max_s": 300.0,
            "jitter": "full",
            "retry_on": [],
            "fatal": [],
            "budget": None,
        },
        "timeout_s": None,
        "queue_timeout_s": None,
        "chain_timeout_s": None,
        "max_concurrent_runs": None,
        "on_full": "queue",
        "concurrency": None,
        "rate_limit": None,
        "queue": None,
        "priority": 0,
        "on_crash": "retry",
        "bookmark": None,
        "labels": {},
        "annotations": {},
        "version": 1,
    }


async def test_location_of_a_created_job_leads_to_it(client: Client) -> None:
    async with client.post("/v1/jobs?group=team-a", json=ECHO) as response:
        assert response.status == 201
        location, tag = response.headers["Location"], response.headers["ETag"]
    async with client.get(location) as response:
        assert (await response.json())["group"] == "team-a"
        assert response.headers["ETag"] == tag


async def test_taken_name_is_409(client: Client) -> None:
    await call(client, "POST", "/v1/jobs", 201, json=ECHO)
    await refused(client, "POST", "/v1/jobs", "already_exists", json=ECHO)


async def test_every_wrong_field_is_listed_at_once(client: Client) -> None:
    body = {
        "name": "a b",
        "kind": "command",
        "spec": {"argv": [], "shel": "ls"},
        "arguments": [],
        "description": 5,
        "retry": {"max_attempts": 0, "factr": 2, "jitter": "half"},
        "timeout_s": -1,
        "on_crash": "explode",
        "labels": {"a": 1},
        "colour": "red",
    }
    problem = await refused(client, "POST", "/v1/jobs", "invalid_input", json=body)
    assert set(reasons(problem)) == {
        "name",
        "spec.argv",
        "spec.shel",
        "arguments",
        "description",
        "retry.max_attempts",
        "retry.factr",
        "retry.jitter",
        "timeout_s",
        "on_crash",
        "labels",
        "colour",
    }


async def test_unknown_field_is_refused_with_the_near_one(client: Client) -> None:
    problem = await refused(
        client, "POST", "/v1/jobs", "invalid_input", json={**ECHO, "timout_s": 5}
    )
    (error,) = problem["errors"]
    assert error == {
        "field": "timout_s",
        "reason": "is not a field",
        "fix": "did you mean timeout_s?",
    }


async def test_refused_job_leaves_nothing(client: Client) -> None:
    await refused(client, "POST", "/v1/jobs", "invalid_input", json={**ECHO, "timeout_s": 0})
    assert (await call(client, "GET", "/v1/jobs"))["items"] == []


async def test_wrong_fields_of_a_batch_job_are_named(client: Client) -> None:
    body = {"name": "settle", "kind": "batch", "spec": {"steps": [{"name": "a:b", "kind": "x"}]}}
    problem = await refused(client, "POST", "/v1/jobs", "invalid_input", json=body)
    fields = {each["field"] for each in problem["errors"]}
    assert fields == {"spec.handler", "spec.steps[0].name", "spec.steps[0].kind"}


async def test_integral_float_is_an_integer(client: Client) -> None:
    body = {**ECHO, "max_concurrent_runs": 2.0}
    assert (await call(client, "POST", "/v1/jobs", 201, json=body))["max_concurrent_runs"] == 2


async def test_put_creates_then_replaces(client: Client) -> None:
    body = {key: value for key, value in ECHO.items() if key != "name"}
    created = await call(client, "PUT", "/v1/jobs/echo", 201, json=body)
    replaced = await call(client, "PUT", "/v1/jobs/echo", json={**body, "description": "new"})
    assert (created["version"], replaced["version"]) == (1, 2)
    assert replaced["description"] == "new"


async def test_put_of_the_same_changes_no_version(client: Client) -> None:
    await call(client, "PUT", "/v1/jobs/echo", 201, json=ECHO)
    assert (await call(client, "PUT", "/v1/jobs/echo", json=ECHO))["version"] == 1


async def test_what_get_gave_can_be_put_back(client: Client) -> None:
    await call(client, "POST", "/v1/jobs", 201, json=ECHO)
    job = await call(client, "GET", "/v1/jobs/echo")
    changed = await call(client, "PUT", "/v1/jobs/echo", json={**job, "disabled": True})
    assert changed["disabled"] is True
    await refused(client, "PUT", "/v1/jobs/echo", "stale_version", json=job)


async def test_put_under_another_name_is_refused(client: Client) -> None:
    body = {**ECHO, "group": "other"}
    problem = await refused(client, "PUT", "/v1/jobs/ohce", "invalid_input", json=body)
    assert set(reasons(problem)) == {"name", "group"}


async def test_merge_patch_changes_only_what_it_names(client: Client) -> None:
    body = {**ECHO, "labels": {"team": "a", "tier": "1"}, "timeout_s": 5}
    await call(client, "POST", "/v1/jobs", 201, json=body)
    patch = {"labels": {"team": "b", "tier": None}, "timeout_s": None, "retry": {"max_attempts": 3}}
    headers = {"Content-Type": "application/merge-patch+json"}
    job = await call(client, "PATCH", "/v1/jobs/echo", json=patch, headers=headers)
    assert job["labels"] == {"team": "b"}
    assert job["timeout_s"] is None
    assert job["retry"]["max_attempts"] == 3
    assert job["spec"] == ECHO["spec"]
    assert job["version"] == 2


async def test_patched_job_is_checked_as_a_whole(client: Client) -> None:
    await call(client, "POST", "/v1/jobs", 201, json=ECHO)
    patch = {"spec": {"shell": "ls"}, "versio": 1}
    problem = await refused(client, "PATCH", "/v1/jobs/echo", "invalid_input", json=patch)
    assert set(reasons(problem)) == {"spec", "versio"}
    assert (await call(client, "GET", "/v1/jobs/echo"))["version"] == 1


async def test_patch_cannot_rename(client: Client) -> None:
    await call(client, "POST", "/v1/jobs", 201, json=ECHO)
    problem = await refused(client, "PATCH", "/v1/jobs/echo", "invalid_input", json={"name": "x"})
    assert set(reasons(problem)) == {"name"}


async def test_read_only_field_in_a_post_is_named(client: Client) -> None:
    problem = await refused(
        client, "POST", "/v1/jobs", "invalid_input", json={**ECHO, "version": 3}
    )
    assert reasons(problem) == {"version": "is set by the service"}


async def test_deleted_job_is_gone(client: Client) -> None:
    await call(client, "POST", "/v1/jobs", 201, json=ECHO)
    assert await call(client, "DELETE", "/v1/jobs/echo", 204) is None
    await refused(client, "GET", "/v1/jobs/echo", "not_found")
    await refused(client, "DELETE", "/v1/jobs/echo", "not_found")


async def test_job_that_a_trigger_names_is_not_deleted(client: Client) -> None:
    await call(client, "POST", "/v1/jobs", 201, json=ECHO)
    trigger = {"name": "t", "schedule": {"kind": "on_demand"}, "actions": [{"job": "echo"}]}
    await call(client, "POST", "/v1/triggers", 201, json=trigger)
    problem = await refused(client, "DELETE", "/v1/jobs/echo", "job_in_use")
    assert "t" in problem["detail"]


async def test_list_filters_hold_together(client: Client) -> None:
    for name, change in {
        "one": {"labels": {"team": "a"}},
        "two": {"labels": {"team": "a"}, "disabled": True},
        "three": {"labels": {"team": "b"}},
        "four": {"group": "g", "labels": {"team": "a"}},
    }.items():
        await call(client, "POST", "/v1/jobs", 201, json={**ECHO, "name": name, **change})

    async def names(query: str) -> list[str]:
        return [job["name"] for job in (await call(client, "GET", f"/v1/jobs?{query}"))["items"]]

    assert await names("") == ["one", "three", "two", "four"]
    assert await names("label=team:a") == ["one", "two", "four"]
    assert await names("label=team:a&disabled=false&group=default") == ["one"]
    assert await names("kind=python") == []


@pytest.mark.parametrize("name", ["x" * 300, "a%2Fb", "a%00b", "%ff", "a%0Ab", "š" * 10])
async def test_name_that_nothing_can_have_is_not_found(client: Client, name: str) -> None:
    await refused(client, "GET", f"/v1/jobs/{name}", "not_found")


async def test_unknown_path_and_method_are_problems(client: Client) -> None:
    await refused(client, "GET", "/v2/jobs", "not_found")
    problem = await refused(client, "DELETE", "/v1/jobs", "method_not_allowed")
    assert "POST" in problem["detail"]


async def test_options_names_the_methods(client: Client) -> None:
    async with client.options("/v1/jobs/x") as response:
        assert response.status == 204
        assert response.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"


async def test_head_is_get_without_its_body(client: Client) -> None:
    await call(client, "POST", "/v1/jobs", 201, json=ECHO)
    async with client.head("/v1/jobs/echo") as response:
        assert response.status == 200
        assert response.headers["ETag"]
        assert await response.read() == b""


async def test_an_imported_name_may_have_blanks_and_slashes(
    client: Client, board: Callboard
) -> None:
    name, path = "load / daily", "/v1/jobs/load%20%2F%20daily"
    await board.create_job(Job(name=name, kind="command", spec={"argv": ["true"]}))
    assert (await call(client, "GET", path))["name"] == name
    changed = await call(client, "PATCH", path, json={"description": "x"})
    assert (changed["name"], changed["description"]) == (name, "x")
    trigger = {"name": "t", "schedule": {"kind": "on_demand"}, "actions": [{"job": name}]}
    await call(client, "POST", "/v1/triggers", 201, json=trigger)
    run = await call(client, "POST", f"{path}/runs?wait_s=10", 201, json={})
    assert run["state"] == "succeeded"
    await refused(client, "POST", "/v1/jobs", "invalid_input", json={**ECHO, "name": name})


async def test_runs_are_found_by_a_name_with_a_tab(client: Client, board: Callboard) -> None:
    name = "load\tdaily"
    await board.create_job(Job(name=name, kind="command", spec={"argv": ["true"]}))
    run = await call(client, "POST", "/v1/jobs/load%09daily/runs", 201, json={})
    found = await call(client, "GET", "/v1/runs?job=load%09daily")
    assert [(each["id"], each["job"]) for each in found["items"]] == [(run["id"], name)]
    await refused(client, "GET", "/v1/runs?job=load%0Adaily", "invalid_query")
