"""Typed parameters over HTTP: shown, checked, and what does not fit released or tried again."""

from __future__ import annotations

from typing import Any

import pytest

from callboard import Callboard
from support.service_calls import Client, call, reasons, refused

ADD = {"name": "add", "kind": "python", "spec": {"handler": "add"}}
NUMBER = {"type": "integer", "default": 0}


async def test_a_job_shows_the_parameters_of_its_handler(client: Client) -> None:
    made = await call(client, "POST", "/v1/jobs", 201, json=ADD)
    assert made["parameters"] == {
        "type": "object",
        "properties": {"a": NUMBER, "b": NUMBER},
        "additionalProperties": False,
    }
    assert (await call(client, "GET", "/v1/jobs/add")) == made
    assert (await call(client, "PUT", "/v1/jobs/add", json=ADD))["version"] == 1


async def test_another_handler_brings_its_own_parameters(client: Client) -> None:
    await call(client, "POST", "/v1/jobs", 201, json=ADD)
    patch = {"spec": {"handler": "talk"}}
    changed = await call(client, "PATCH", "/v1/jobs/add", json=patch)
    assert list(changed["parameters"]["properties"]) == ["lines"]
    same = await call(client, "PATCH", "/v1/jobs/add", json={"description": "tells"})
    assert same["parameters"] == changed["parameters"]
    null = await call(client, "PATCH", "/v1/jobs/add", json={"parameters": None})
    assert null["version"] == same["version"]


async def test_parameters_of_the_request_win(client: Client) -> None:
    body = {**ADD, "parameters": {"type": "object"}}
    assert (await call(client, "POST", "/v1/jobs", 201, json=body))["parameters"] == {
        "type": "object"
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"parameters": {"type": "array"}}, "parameters.type"),
        ({"parameters": {"type": "object", "$ref": "http://127.0.0.1/x"}}, "parameters"),
        ({"parameters": {"type": "object", "required": 1}}, "parameters.required"),
        ({"arguments": {"a": "x"}}, "arguments.a"),
        ({"arguments": {"c": 1}}, "arguments.c"),
        ({"fixed_arguments": {"a": "x"}}, "fixed_arguments.a"),
    ],
)
async def test_a_definition_that_does_not_hold_together_is_refused(
    client: Client, change: dict[str, Any], field: str
) -> None:
    problem = await refused(client, "POST", "/v1/jobs", "invalid_input", json={**ADD, **change})
    assert list(reasons(problem)) == [field]


@pytest.mark.usefixtures("jobs")
async def test_a_start_is_checked_by_field(client: Client) -> None:
    body = {"arguments": {"a": "1", "c": 2}}
    problem = await refused(client, "POST", "/v1/jobs/add/runs", "invalid_input", json=body)
    assert reasons(problem) == {
        "arguments.a": "is not an integer",
        "arguments.c": "is not one of the parameters",
    }


@pytest.mark.usefixtures("jobs")
async def test_of_many_runs_each_wrong_one_is_named(client: Client) -> None:
    wanted = [{"job": "add", "arguments": {"a": each}} for each in (1, "x", 2, None)]
    problem = await refused(client, "POST", "/v1/runs", "invalid_input", json={"runs": wanted})
    assert list(reasons(problem)) == ["runs[1].arguments.a", "runs[3].arguments.a"]
    assert (await call(client, "GET", "/v1/runs"))["items"] == []


async def test_what_the_job_fixes_may_not_be_given(client: Client) -> None:
    await call(client, "POST", "/v1/jobs", 201, json={**ADD, "fixed_arguments": {"a": 1}})
    body = {"arguments": {"a": 1}}
    problem = await refused(client, "POST", "/v1/jobs/add/runs", "invalid_input", json=body)
    assert reasons(problem) == {"arguments.a": "is fixed by the job"}
    run = await call(client, "POST", "/v1/jobs/add/runs?wait_s=20", 201, json={})
    assert (run["arguments"], run["result"]) == ({"a": 1}, 1)


@pytest.mark.usefixtures("jobs")
async def test_triggers_are_checked_by_action(client: Client) -> None:
    wrong = {
        "name": "t",
        "schedule": {"kind": "on_demand"},
        "actions": [{"job": "add"}, {"job": "add", "arguments": {"a": "x"}}],
    }
    field = "actions[1].arguments.a"
    problem = await refused(client, "POST", "/v1/triggers", "invalid_input", json=wrong)
    assert list(reasons(problem)) == [field]
    many = {"triggers": [{**wrong, "actions": [{"job": "add"}]}, {**wrong, "name": "u"}]}
    problem = await refused(client, "POST", "/v1/triggers/bulk", "invalid_input", json=many)
    assert list(reasons(problem)) == [f"triggers[1].{field}"]
    await call(client, "POST", "/v1/triggers", 201, json={**wrong, "actions": [{"job": "add"}]})
    patch = {"actions": wrong["actions"]}
    problem = await refused(client, "PATCH", "/v1/triggers/t", "invalid_input", json=patch)
    assert list(reasons(problem)) == [field]
    fire = {"arguments": {"b": None}}
    problem = await refused(client, "POST", "/v1/triggers/t/fire", "invalid_input", json=fire)
    assert reasons(problem) == {"arguments.b": "is not an integer"}


# many runs at once


async def parked(client: Client, name: str = "lost") -> int:
    """The id of a run that no handler is known for."""
    body = {"name": name, "kind": "python", "spec": {"handler": f"no.such:{name}"}}
    await call(client, "POST", "/v1/jobs", 201, json=body)
    run = await call(client, "POST", f"/v1/jobs/{name}/runs", 201)
    while (await call(client, "GET", f"/v1/runs/{run['id']}"))["state"] != "parked":
        pass
    return int(run["id"])


async def test_parked_runs_are_listed_with_their_reason_and_released(
    client: Client, board: Callboard
) -> None:
    lost, other = await parked(client), await parked(client, "other")
    items = (await call(client, "GET", "/v1/runs?state=parked"))["items"]
    assert [(run["id"], run["error"]["type"]) for run in items] == [
        (other, "UnknownHandler"),
        (lost, "UnknownHandler"),
    ]
    only = {"job": "lost", "error_type": "UnknownHandler"}
    dry = await call(client, "POST", "/v1/runs/release", json={**only, "dry_run": True})
    assert dry == {"count": 1, "run_ids": [lost], "before_id": None, "dry_run": True}

    async def found() -> str:
        return "found"

    board.handlers.register("no.such:lost", found)
    done = await call(client, "POST", "/v1/runs/release", json=only)
    assert done == {"count": 1, "run_ids": [lost], "before_id": None, "dry_run": False}
    run = await call(client, "GET", f"/v1/runs/{lost}?wait_s=20")
    assert (run["state"], run["result"]) == ("succeeded", "found")
    assert (await call(client, "POST", "/v1/runs/release", json={"job": "lost"}))["count"] == 0
    assert (await call(client, "GET", f"/v1/runs/{other}"))["state"] == "parked"


@pytest.mark.usefixtures("jobs")
async def test_failed_runs_are_tried_again_by_pages(client: Client) -> None:
    for _ in range(3):
        await call(client, "POST", "/v1/jobs/fail/runs?wait_s=20", 201)
    first = await call(client, "POST", "/v1/runs/retry", json={"job": "fail", "limit": 2})
    assert (first["count"], first["dry_run"]) == (2, False)
    rest = {"job": "fail", "before_id": first["before_id"]}
    second = await call(client, "POST", "/v1/runs/retry", json=rest)
    assert (second["count"], second["before_id"]) == (1, None)
    again = await call(client, "GET", f"/v1/runs/{second['run_ids'][0]}?wait_s=20")
    assert (again["attempt"], again["state"]) == (2, "failed")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "all"),
        ({"all": True, "job": "x"}, "all"),
        ({"job": "x", "state": ["running"]}, "state[0]"),
        ({"job": "x", "limit": 0}, "limit"),
        ({"job": "x", "until": "soon"}, "until"),
        ({"job": "x", "jobs": 1}, "jobs"),
    ],
)
async def test_a_retry_that_is_not_clear_is_refused(
    client: Client, body: dict[str, Any], field: str
) -> None:
    problem = await refused(client, "POST", "/v1/runs/retry", "invalid_input", json=body)
    assert list(reasons(problem)) == [field]
