"""The door itself: who may come in, what it does not have, what it says of faults."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from callboard import Callboard
from callboard.errors import (
    Conflict,
    Overloaded,
    StaleVersion,
    StoreUnavailable,
    TooManyQueued,
    TransactionConflict,
)
from callboard_service.app import build_app
from callboard_service.doors.batch.faults import refuse
from callboard_service.doors.batch.operations import OPERATIONS
from callboard_service.settings import Settings
from callboard_service.wire.text import parse_json
from doors.batch.asking import refused
from doors.batch.conftest import Client, Serve
from doors.batch.jobs import Works
from support.batch_shop import Shop
from support.service_calls import call

START = "/api/jobs/brutalizedSystemJob/start"
TOKEN = "correct-horse-battery-staple"


async def test_a_switched_off_door_is_not_there(serve: Serve, works: Works):
    client = await serve(batch_door=False)
    async with client.post(START) as response:
        assert response.status == 404
    async with client.get("/api/jobs") as response:
        assert response.status == 404


async def test_the_token_is_asked_for(serve: Serve, works: Works):
    client = await serve(token=TOKEN)
    problem = await refused(client, "POST", START, 401, "UNAUTHORIZED")
    assert "bearer" in problem["detail"]
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    async with client.post(START, headers=bearer) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/jobs"),
        ("GET", START),
        ("DELETE", "/api/executions/1"),
        ("GET", "/api/executions/1/stop"),
        ("POST", "/api/executions/1/summary"),
    ],
)
async def test_another_method_is_not_allowed(client: Client, method: str, path: str):
    async with client.request(method, path) as response:
        assert response.status == 405
        assert response.content_type == "application/problem+json"
        assert method not in response.headers["Allow"].split(", ")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/job", "/api/executions", "/api/jobs/a/b"])
async def test_a_path_that_is_not_there_is_a_problem(client: Client, path: str):
    async with client.get(path) as response:
        assert response.status == 404
        assert response.content_type == "application/problem+json"


async def test_a_body_that_is_too_large_is_refused(client: Client, works: Works):
    data = io.BytesIO(b"note=" + b"x" * 2**20)
    kind = {"Content-Type": "text/plain"}
    await refused(client, "POST", START, 413, "TOO_LARGE", data=data, headers=kind)


async def test_a_query_that_nothing_reads_is_refused(client: Client):
    for path in ("/api/jobs?x=1", "/api/executions/1?x=1"):
        problem = await refused(client, "GET", path, 400, "INVALID_QUERY")
        assert problem["errors"][0]["field"] == "x"


async def test_it_works_within_an_application_of_the_host(board: Callboard, works: Works):
    host = web.Application()
    host.add_subapp("/batch/", build_app(board, Settings()))
    async with TestClient(TestServer(host)) as client:
        begun: Any = client.post("/batch/api/jobs/brutalizedSystemJob/next")
        async with begun as response:
            assert response.status == 202
            place = response.headers["Location"]
        assert place.startswith("/batch/api/executions/")
        await call(client, "GET", place)


async def test_both_doors_show_the_same_run(client: Client, board: Callboard, shop: Shop):
    begun = await call(client, "POST", "/api/jobs/settle/next", 202)
    await board.wait_run(begun["id"], timeout_s=20)
    native = await call(client, "GET", f"/v1/runs/{begun['id']}")
    assert (native["job"], native["state"]) == ("settle", "succeeded")
    assert native["instance_id"] == begun["jobInstance"]["id"]


async def test_every_operation_of_spring_s_job_operator_is_there():
    names = {each.name for each in OPERATIONS}
    assert names >= {
        "start",
        "stop",
        "restart",
        "startNextInstance",
        "abandon",
        "recover",
        "getSummary",
        "getStepExecutionSummaries",
        "getParameters",
        "getJobNames",
        "getJobInstances",
        "getExecutions",
    }
    assert len(names) == len(OPERATIONS)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Conflict("job_gone", "it is gone"), 404, "JOB_NOT_FOUND"),
        (Conflict("job_full", "it is full"), 503, "CAPACITY_EXHAUSTED"),
        (Conflict("job_disabled", "it is disabled"), 409, "JOB_DISABLED"),
        (Conflict("illegal_transition", "cannot"), 409, "CONCURRENT_MODIFICATION"),
        (Overloaded("job store", 10), 503, "CAPACITY_EXHAUSTED"),
        (TooManyQueued("a", "k", 3), 503, "CAPACITY_EXHAUSTED"),
        (StaleVersion("job", "a", expected=1, present=2), 409, "CONCURRENT_MODIFICATION"),
        (TransactionConflict("given up"), 409, "CONCURRENT_MODIFICATION"),
        (StoreUnavailable("away"), 503, "STORE_UNAVAILABLE"),
        (ZeroDivisionError("x"), 500, "INTERNAL_ERROR"),
    ],
)
def test_a_fault_has_one_code(error: Exception, status: int, code: str):
    answer = refuse(error)
    body = answer.body
    assert isinstance(body, bytes)
    problem = parse_json(body)
    assert (answer.status, problem["status"], problem["code"]) == (status, status, code)
    assert answer.content_type == "application/problem+json"
    if status == 503:
        assert int(answer.headers["Retry-After"]) >= 1


def test_the_differences_of_a_definition_are_shown():
    found = [{"step": "load", "problem": "is gone", "fix": "map it"}]
    answer = refuse(Conflict("definition_changed", "x", instance_id=3, differences=found))
    body = answer.body
    assert isinstance(body, bytes)
    problem = parse_json(body)
    assert (problem["code"], problem["differences"]) == ("DEFINITION_CHANGED", found)
    assert problem["jobInstanceId"] == 3


async def test_what_another_group_has_is_not_there_for_a_request_that_names_one(
    client: Client, board: Callboard, shop: Shop
):
    await board.define(shop.settle("theirs", group="ours"))
    ours, other = {"Callboard-Group": "ours"}, {"Callboard-Group": "default"}
    begun = await call(client, "POST", "/api/jobs/theirs/executions", 202, headers=ours)
    await board.wait_run(begun["id"], timeout_s=20)
    execution = await call(client, "GET", f"/api/executions/{begun['id']}", headers=ours)
    place = f"/api/executions/{begun['id']}"
    instance = f"/api/instances/{begun['jobInstance']['id']}"
    step = f"/api/step-executions/{execution['stepExecutions'][0]['id']}"
    reads = [f"{place}{each}" for each in ("", "/summary", "/parameters", "/steps", "/context")]
    reads += [instance, f"{instance}/executions", step, f"{step}/context"]
    for path in reads:
        async with client.get(path, headers=ours) as response:
            assert response.status == 200, path
        code = "INSTANCE" if instance in path else "STEP" if step in path else "EXECUTION"
        await refused(client, "GET", path, 404, f"{code}_NOT_FOUND", headers=other)
    for what in ("stop", "restart", "abandon", "recover"):
        path = f"{place}/{what}"
        await refused(client, "POST", path, 404, "EXECUTION_NOT_FOUND", headers=other)


async def test_every_path_with_an_id_says_what_it_is_of():
    assert all((each.of is not None) == ("{id}" in each.path) for each in OPERATIONS)


BODIES: list[dict[str, Any]] = [
    {},
    {"data": b""},
    {"data": {"n": "1"}},
    {"data": b"n=1", "headers": {"Content-Type": "text/plain"}},
    {"data": b"n=1", "headers": {"Content-Type": "text/plain;charset=utf-8"}},
    {"data": aiohttp.FormData({"n": "1"}, default_to_multipart=True)},
    {"json": {"parameters": {"n": 1}}},
]
"""What a page can send to another site without asking it first, and JSON."""


@pytest.mark.parametrize("page", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_foreign_page_starts_nothing_whatever_it_sends(
    client: Client, works: Works, page: str
):
    for options in BODIES:
        headers = {**options.get("headers", {}), "Origin": page}
        sent = {**options, "headers": headers}
        await refused(client, "POST", START, 403, "FOREIGN_ORIGIN", **sent)
    rebound = {"Host": "evil.example"}
    await refused(client, "POST", START, 403, "FOREIGN_HOST", headers=rebound)
    assert await call(client, "GET", "/api/jobs/brutalizedSystemJob/executions") == []


async def test_a_form_in_parts_is_not_read(client: Client, works: Works):
    data = aiohttp.FormData({"n": "1"}, default_to_multipart=True)
    await refused(client, "POST", START, 415, "UNSUPPORTED_MEDIA_TYPE", data=data)


async def test_a_page_of_an_allowed_origin_may_name_a_group(serve: Serve, works: Works):
    page = "https://ops.example"
    client = await serve(allowed_origins=(page,))
    asked = {"Origin": page, "Access-Control-Request-Method": "POST"}
    async with client.options(START, headers=asked) as response:
        assert response.status == 204
        allowed = response.headers["Access-Control-Allow-Headers"].split(", ")
        assert {"Callboard-Group", "Idempotency-Key"} <= set(allowed)
