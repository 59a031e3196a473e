"""`/v1/jobs/{name}/bookmark`."""

from __future__ import annotations

from typing import Any

import pytest

from callboard import HandlerRegistry
from service.conftest import Client
from support.service_calls import call, reasons, refused

PATH = "/v1/jobs/load/bookmark"
JOB: dict[str, Any] = {
    "name": "load",
    "kind": "python",
    "spec": {"handler": "load"},
    "arguments": {"mode": "on"},
    "bookmark": {"argument": "mode", "equals": "on"},
}


async def load(value: Any = None, mode: str = "off") -> Any:
    return value


@pytest.fixture(autouse=True)
async def stored(handlers: HandlerRegistry, client: Client) -> None:
    handlers.register("load", load)
    await call(client, "POST", "/v1/jobs", 201, json=JOB)


async def run(client: Client, **arguments: Any) -> int:
    """The id of a run that has succeeded."""
    body = {"arguments": arguments}
    ended = await call(client, "POST", "/v1/jobs/load/runs?wait_s=30", 201, json=body)
    assert ended["state"] == "succeeded"
    return int(ended["id"])


async def test_a_bookmark_stands_at_the_last_success(client: Client) -> None:
    await refused(client, "GET", PATH, "not_found")
    first = await run(client, value={"day": 1})
    last = await run(client, value={"day": 2})
    await run(client, value={"day": 3}, mode="pause")
    shown = await call(client, "GET", PATH)
    assert shown.pop("at") >= (await call(client, "GET", f"/v1/runs/{last}"))["ended_at"]
    assert shown == {
        "job": "load",
        "group": "default",
        "version": 2,
        "run": 2,
        "attempt": 0,
        "run_id": last,
        "previous_run_id": first,
        "value": {"day": 2},
    }
    then = await call(client, "GET", f"{PATH}?run_id={first}")
    assert (then["run"], then["value"]) == (1, {"day": 1})
    await refused(client, "GET", f"{PATH}?run_id={last + 1}", "not_found")


async def test_a_bookmark_is_reset_and_rewound(client: Client) -> None:
    await refused(client, "POST", f"{PATH}/reset", "not_found")
    first = await run(client, value=1)
    await run(client, value=2)
    anew = await call(client, "POST", f"{PATH}/reset")
    assert (anew["run"], anew["run_id"], anew["value"], anew["version"]) == (0, None, None, 3)
    back = await call(client, "POST", f"{PATH}/reset", json={"run_id": first})
    assert (back["run"], back["run_id"], back["value"], back["version"]) == (1, first, 1, 4)
    assert await call(client, "GET", PATH) == back


async def test_what_cannot_be_reset_is_said(client: Client) -> None:
    run_id = await run(client)
    path = f"{PATH}/reset"
    await refused(client, "POST", path, "not_found", json={"run_id": run_id + 1})
    await refused(client, "POST", f"{path}?group=other", "not_found")
    await refused(client, "POST", "/v1/jobs/none/bookmark/reset", "not_found")
    await refused(client, "GET", f"{PATH}?run_id=0", "invalid_query")
    for body in ({"run_id": "x"}, {"run_id": 0}, {"run": 1}):
        problem = await refused(client, "POST", path, "invalid_input", json=body)
        assert set(reasons(problem)) == set(body)
    assert (await call(client, "GET", PATH))["version"] == 1
