"""Starts that a full job refuses, and starts as further attempts, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from service.conftest import Client, Gate
from support.service_calls import call, reasons, refused

pytestmark = pytest.mark.usefixtures("jobs")

RUNS = "/v1/jobs/gate/runs"


@pytest.fixture
async def full(client: Client) -> int:
    """The id of the one live run that the job `gate` may have."""
    rules = {"max_concurrent_runs": 1, "on_full": "refuse"}
    await call(client, "PATCH", "/v1/jobs/gate", json=rules)
    run_id: int = (await call(client, "POST", RUNS, 201))["id"]
    return run_id


async def test_a_start_of_a_full_job_is_a_conflict(client: Client, full: int) -> None:
    problem = await refused(client, "POST", RUNS, "job_full")
    assert "'gate' is full" in problem["detail"]
    both = {"runs": [{"job": "add"}, {"job": "gate"}]}
    await refused(client, "POST", "/v1/runs", "job_full", json=both)
    assert len((await call(client, "GET", "/v1/runs"))["items"]) == 1


async def test_a_refused_request_leaves_its_key_free(client: Client, full: int, gate: Gate) -> None:
    key = {"Idempotency-Key": "once"}
    await refused(client, "POST", RUNS, "job_full", headers=key)
    gate.is_open.set()
    await call(client, "GET", f"/v1/runs/{full}?wait_s=10")
    run = await call(client, "POST", RUNS, 201, headers=key)
    assert (await call(client, "POST", RUNS, 201, headers=key))["id"] == run["id"]


async def test_a_start_may_say_that_it_waits(client: Client, full: int) -> None:
    run = await call(client, "POST", RUNS, 201, json={"on_full": "queue", "timeout_s": 90})
    assert (run["state"], run["timeout_s"]) == ("queued", 90)


async def test_a_job_that_refuses_needs_a_limit(client: Client) -> None:
    problem = await refused(
        client, "PATCH", "/v1/jobs/add", "invalid_input", json={"on_full": "refuse"}
    )
    assert [*reasons(problem)] == ["on_full"]


async def test_an_ended_run_is_tried_again_with_other_arguments(client: Client) -> None:
    first = await call(client, "POST", "/v1/jobs/add/runs?wait_s=10", 201, json={})
    body: dict[str, Any] = {"previous_run_id": first["id"], "arguments": {"a": 4}}
    again = await call(client, "POST", "/v1/jobs/add/runs?wait_s=10", 201, json=body)
    assert (again["previous_run_id"], again["chain_id"]) == (first["id"], first["id"])
    assert (again["attempt"], again["result"]) == (2, 4)
    listed = {"runs": [{"job": "add", "previous_run_id": again["id"]}]}
    (third,) = (await call(client, "POST", "/v1/runs", 201, json=listed))["items"]
    assert (third["attempt"], third["chain_id"]) == (3, first["id"])


async def test_a_run_that_cannot_be_followed_is_named(client: Client, full: int) -> None:
    await refused(client, "POST", RUNS, "run_live", json={"previous_run_id": full})
    wrong = {"previous_run_id": full}
    problem = await refused(client, "POST", "/v1/jobs/add/runs", "invalid_input", json=wrong)
    assert "is one of the job 'gate'" in reasons(problem)["previous_run_id"]
    listed = {"runs": [{"job": "add"}, {"job": "add", "previous_run_id": 99}]}
    problem = await refused(client, "POST", "/v1/runs", "invalid_input", json=listed)
    assert [*reasons(problem)] == ["runs[1].previous_run_id"]
