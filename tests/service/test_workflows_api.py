"""`/v1/workflows`, their runs, and the triggers that make them up."""

from __future__ import annotations

from typing import Any

import pytest

from service.conftest import Client
from support.service_calls import call, reasons, refused

WF: dict[str, Any] = {
    "name": "load",
    "description": "nightly",
    "properties": {"day": "1"},
    "max_concurrent_runs": 1,
    "run_arguments": {"run": "{run_id}"},
    "labels": {"team": "x"},
    "annotations": {"k": [1]},
}
PATH = "/v1/workflows/load"
RUNS = f"{PATH}/runs"


async def with_triggers(client: Client) -> None:
    """load: start -> a -> b; the jobs do not end by themselves."""
    await call(client, "POST", "/v1/workflows", 201, json=WF)
    for name in "ab":
        job = {"name": name, "kind": "command", "spec": {"argv": ["sleep", "600"]}}
        await call(client, "POST", "/v1/jobs", 201, json=job)
    start = {
        "name": "start",
        "schedule": {"kind": "on_demand"},
        "actions": [{"job": "a"}],
        "workflow": "load",
    }
    then = {
        "name": "then",
        "schedule": {"kind": "conditional", "conditions": [{"job": "a"}]},
        "actions": [{"job": "b"}],
        "workflow": "load",
    }
    for trigger in (start, then):
        await call(client, "POST", "/v1/triggers", 201, json=trigger)


async def test_a_workflow_is_created_listed_changed_and_deleted(client: Client) -> None:
    made = await call(client, "POST", "/v1/workflows", 201, json=WF)
    assert {key: made[key] for key in WF} == WF
    assert (made["group"], made["version"]) == ("default", 1)
    put = await call(client, "PUT", PATH, json={"properties": {"day": "2"}})
    assert (put["properties"], put["max_concurrent_runs"], put["version"]) == (
        {"day": "2"},
        None,
        2,
    )
    shown = await call(client, "GET", PATH)
    assert shown == put
    assert await call(client, "PUT", PATH, json=shown) == put
    patched = await call(client, "PATCH", PATH, json={"labels": {"team": "y"}, "description": "n"})
    assert (patched["labels"], patched["properties"]) == ({"team": "y"}, {"day": "2"})
    listed = await call(client, "GET", "/v1/workflows?label=team:y&group=default")
    assert listed["items"] == [patched]
    assert (await call(client, "GET", "/v1/workflows?label=team:x"))["items"] == []
    await refused(client, "POST", "/v1/workflows", "already_exists", json=WF)
    await call(client, "DELETE", PATH, 204)
    for method in ("GET", "DELETE"):
        await refused(client, method, PATH, "not_found")


async def test_a_stale_workflow_is_not_overwritten(client: Client) -> None:
    await call(client, "POST", "/v1/workflows", 201, json=WF)
    headers = {"If-Match": '"1-7"'}
    for method, body in (("PUT", {}), ("PATCH", {"labels": {}}), ("DELETE", None)):
        await refused(client, method, PATH, "stale_version", headers=headers, json=body)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "a b"}, "name"),
        ({"properties": {"a": 1}}, "properties"),
        ({"properties": {"": "x"}}, "properties"),
        ({"max_concurrent_runs": 0}, "max_concurrent_runs"),
        ({"run_arguments": []}, "run_arguments"),
        ({"labels": {"a": "x" * 1001}}, "labels.a"),
        ({"annotations": 1}, "annotations"),
        ({"other": 1}, "other"),
        ({"state": "running"}, "state"),
    ],
)
async def test_what_is_wrong_with_a_workflow_is_named(
    client: Client, wrong: dict[str, Any], field: str
) -> None:
    body = {**WF, **wrong}
    problem = await refused(client, "POST", "/v1/workflows", "invalid_input", json=body)
    assert any(where.startswith(field) for where in reasons(problem)), problem
    assert (await call(client, "GET", "/v1/workflows"))["items"] == []


async def test_a_run_is_started_shown_given_properties_and_stopped(client: Client) -> None:
    await with_triggers(client)
    run = await call(client, "POST", RUNS, 201, json={"properties": {"who": "me"}})
    assert (run["workflow"], run["group"], run["trigger"]) == ("load", "default", "start")
    assert run["properties"] == {"day": "1", "who": "me"}
    assert [each["name"] for each in run["triggers"]] == ["start", "then"]
    (a,) = run["runs"]["a"]
    assert run["fired"] == {"start": [a]}
    started = await call(client, "GET", f"/v1/runs/{a}")
    assert started["arguments"] == {"run": str(run["id"])}
    one = f"/v1/workflow-runs/{run['id']}"
    assert (await call(client, "GET", one))["runs"] == {"a": [a]}
    listed = await call(client, "GET", f"{RUNS}?limit=1")
    assert [each["id"] for each in listed["items"]] == [run["id"]]
    await refused(client, "POST", RUNS, "workflow_full")
    await refused(client, "POST", f"{one}/resume", "workflow_live", json={"jobs": ["a"]})
    given = await call(client, "PUT", f"{one}/properties", json={"properties": {"who": "you"}})
    assert given["properties"] == {"day": "1", "who": "you"}
    stopped = await call(client, "POST", f"{one}/stop")
    assert stopped["state"] in ("stopping", "stopped")


async def test_a_run_that_is_over_is_resumed_and_not_stopped(client: Client) -> None:
    await with_triggers(client)
    run = await call(client, "POST", RUNS, 201)
    one = f"/v1/workflow-runs/{run['id']}"
    await call(client, "POST", f"{one}/stop")
    await call(client, "GET", f"/v1/runs/{run['runs']['a'][0]}?wait_s=20")
    assert (await call(client, "GET", one))["state"] == "stopped"
    await refused(client, "POST", f"{one}/stop", "workflow_not_running")
    problem = await refused(
        client, "POST", f"{one}/resume", "invalid_input", json={"jobs": ["a", "b"]}
    )
    assert list(reasons(problem)) == ["jobs[1]"]
    for wrong in ({}, {"jobs": []}, {"jobs": "a"}, {"jobs": ["a"], "x": 1}):
        await refused(client, "POST", f"{one}/resume", "invalid_input", json=wrong)
    again = await call(client, "POST", f"{one}/resume", 201, json={"jobs": ["a"]})
    assert (again["previous_run_id"], again["state"]) == (run["id"], "running")
    assert again["runs"]["a"] != run["runs"]["a"]
    await call(client, "POST", f"/v1/workflow-runs/{again['id']}/stop")


async def test_runs_that_are_not_there_are_not_found(client: Client) -> None:
    await refused(client, "POST", "/v1/workflows/none/runs", "not_found")
    for path in ("9", "x"):
        await refused(client, "GET", f"/v1/workflow-runs/{path}", "not_found")
        await refused(client, "POST", f"/v1/workflow-runs/{path}/stop", "not_found")
    assert (await call(client, "GET", "/v1/workflows/none/runs"))["items"] == []


async def test_triggers_say_what_their_workflow_refuses(client: Client) -> None:
    await with_triggers(client)
    other = {
        "name": "other",
        "schedule": {"kind": "interval", "every_s": 60},
        "actions": [{"job": "b"}],
        "workflow": "load",
    }
    await refused(client, "POST", "/v1/triggers", "start_trigger", json=other)
    await refused(client, "POST", "/v1/triggers/then/fire", "not_start_trigger")
    problem = await refused(
        client, "POST", "/v1/triggers", "invalid_input", json={**other, "workflow": "none"}
    )
    assert list(reasons(problem)) == ["workflow"]
    problem = await refused(
        client, "PATCH", "/v1/triggers/then", "invalid_input", json={"workflow": None}
    )
    assert list(reasons(problem)) == ["workflow"]
