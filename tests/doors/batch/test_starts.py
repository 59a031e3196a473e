"""Starting executions; numbers are those of the behaviour cases of batch jobs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callboard import Callboard
from doors.batch.asking import ended, refused, run, start
from doors.batch.conftest import Client
from doors.batch.jobs import Works
from support.batch_shop import Shop
from support.service_calls import call

SETTLE = "/api/jobs/settle/executions"
DAY = {"day": "2026-01-05"}


async def test_a_start_makes_an_instance_and_an_execution(client: Client, shop: Shop):
    """Case 1."""
    async with client.post(SETTLE, json={"parameters": DAY}) as response:
        assert response.status == 202
        execution = await response.json()
        assert response.headers["Location"] == f"/api/executions/{execution['id']}"
    assert execution["jobName"] == "settle"
    assert execution["jobInstance"]["jobName"] == "settle"
    assert execution["status"] in ("STARTING", "STARTED")
    assert execution["exitStatus"] == {"exitCode": "UNKNOWN", "exitDescription": ""}
    assert execution["jobParameters"] == {
        "day": {"value": "2026-01-05", "type": "java.time.LocalDate", "identifying": True},
        "operator": {"value": "", "type": "java.lang.String", "identifying": False},
    }


async def test_a_job_that_is_not_there_is_not_started(client: Client, shop: Shop):
    """Case 2."""
    for path in ("start", "next", "executions"):
        problem = await refused(client, "POST", f"/api/jobs/none/{path}", 404, "JOB_NOT_FOUND")
        assert problem["exception"] == "NoSuchJobException"
    await refused(client, "POST", "/api/jobs/a%00b/start", 404, "JOB_NOT_FOUND")


async def test_a_job_of_another_kind_is_none_here(client: Client, board: Callboard):
    body = {"name": "other", "kind": "command", "spec": {"argv": ["true"]}}
    await call(client, "POST", "/v1/jobs", 201, json=body)
    run = await board.start("other")
    await refused(client, "POST", "/api/jobs/other/start", 404, "JOB_NOT_FOUND")
    await refused(client, "GET", "/api/jobs/other", 404, "JOB_NOT_FOUND")
    await refused(client, "GET", "/api/jobs/other/executions", 404, "JOB_NOT_FOUND")
    await refused(client, "GET", f"/api/executions/{run.id}", 404, "EXECUTION_NOT_FOUND")
    await refused(client, "POST", f"/api/executions/{run.id}/stop", 404, "EXECUTION_NOT_FOUND")


async def test_an_instance_that_failed_is_not_started_again(
    client: Client, board: Callboard, shop: Shop
):
    """Case 4: restart is the way."""
    shop.fails_at = 5
    execution = await run(client, board, "settle", **DAY)
    problem = await refused(
        client, "POST", SETTLE, 409, "INSTANCE_ALREADY_EXISTS", json={"parameters": DAY}
    )
    assert problem["jobInstanceId"] == execution["jobInstance"]["id"]
    assert problem["lastJobExecutionId"] == execution["id"]
    assert problem["batchStatus"] == "FAILED"
    assert problem["exception"] == "JobInstanceAlreadyExistsException"


async def test_an_instance_that_runs_is_not_started_again(client: Client, shop: Shop):
    """Cases 5 and 7: whatever does not identify it."""
    shop.holds_at = 1
    await start(client, "settle", **DAY)
    for more in ({}, {"operator": "ada"}):
        body = {"parameters": {**DAY, **more}}
        problem = await refused(client, "POST", SETTLE, 409, "INSTANCE_ALREADY_EXISTS", json=body)
        assert problem["batchStatus"] == "STARTED"
    assert len(await call(client, "GET", SETTLE)) == 1
    shop.go_on.set()


async def test_without_identifying_parameters_there_is_one_instance(
    client: Client, board: Callboard, shop: Shop
):
    """Case 8."""
    note = {"note": {"value": "a", "type": "java.lang.String", "identifying": False}}
    await run(client, board, "plain", **note)
    note["note"]["value"] = "b"
    path = "/api/jobs/plain/executions"
    await refused(client, "POST", path, 409, "INSTANCE_ALREADY_EXISTS", json={"parameters": note})


async def test_the_same_parameters_are_another_instance_of_another_job(client: Client, shop: Shop):
    """Cases 11 and 17: and both run at once."""
    shop.holds_at = 1
    first = await start(client, "settle", **DAY)
    second = await start(client, "once", **DAY)
    assert first["jobInstance"]["id"] != second["jobInstance"]["id"]
    shop.go_on.set()


@pytest.mark.parametrize("value", ["foo", 1.03, "1.03", {"value": "foo", "type": "long"}])
async def test_a_value_of_another_type_is_refused_by_its_name(
    client: Client, shop: Shop, value: Any
):
    """Case 13."""
    body = {"parameters": {"n": value}}
    path = "/api/jobs/count/executions"
    problem = await refused(client, "POST", path, 422, "INVALID_PARAMETERS", json=body)
    assert [each["field"] for each in problem["errors"]] == ["parameters.n"]
    assert await call(client, "GET", path) == []


async def test_all_that_is_wrong_is_named_at_once(client: Client, shop: Shop):
    body = {"parameters": {"n": "x", "at": "noon", "other": 1}}
    path = "/api/jobs/count/executions"
    problem = await refused(client, "POST", path, 422, "INVALID_PARAMETERS", json=body)
    fields = {each["field"] for each in problem["errors"]}
    assert fields == {"parameters.n", "parameters.at", "parameters.other"}
    problem = await refused(client, "POST", path, 422, "INVALID_PARAMETERS")
    assert problem["errors"][0]["field"] == "parameters.n"


async def test_twenty_starts_at_once_make_one_execution(client: Client, shop: Shop):
    """Case 16."""
    body = {"parameters": DAY}

    async def begin() -> int:
        async with client.post(SETTLE, json=body) as response:
            return response.status

    answers = await asyncio.gather(*(begin() for _ in range(20)))
    assert sorted(answers) == [202] + [409] * 19
    assert len(await call(client, "GET", SETTLE)) == 1


async def test_the_next_instance_goes_on_where_the_last_one_failed(
    client: Client, board: Callboard, shop: Shop
):
    """Cases 64 and 65: the old one stays as it is, other parameters are kept."""
    shop.fails_at = 1
    failed = await run(client, board, "settle", **DAY, operator="ada")
    shop.fails_at = None
    begun = await call(client, "POST", "/api/jobs/settle/next", 202)
    assert begun["jobParameters"]["day"]["value"] == "2026-01-06"
    assert begun["jobParameters"]["operator"]["value"] == "ada"
    assert begun["jobInstance"] != failed["jobInstance"]
    old = await call(client, "GET", f"/api/instances/{failed['jobInstance']['id']}")
    assert old["status"] == "FAILED"


async def test_ten_nexts_at_once_have_ten_numbers(client: Client, works: Works):
    """Case 67."""
    path = "/api/jobs/brutalizedSystemJob/next"
    begun = await asyncio.gather(*(call(client, "POST", path, 202) for _ in range(10)))
    numbers = {each["jobParameters"]["run_id"]["value"] for each in begun}
    assert numbers == set(range(1, 11))


async def test_ten_launches_at_once_start_ten_executions(client: Client, works: Works):
    async def launch() -> str:
        async with client.post("/api/jobs/brutalizedSystemJob/start") as response:
            assert response.status == 200
            return await response.text()

    assert len(set(await asyncio.gather(*(launch() for _ in range(10))))) == 10


async def test_parameters_that_are_given_are_not_incremented(
    client: Client, board: Callboard, works: Works
):
    """Case 68: also by the launch."""
    path = "/api/jobs/brutalizedSystemJob"
    begun = await call(client, "POST", f"{path}/executions?run_id=7", 202)
    assert begun["jobParameters"]["run_id"]["value"] == 7
    async with client.post(f"{path}/start", params={"run_id": "41"}) as response:
        run_id = (await response.text()).removeprefix("Job launched with ID: ")
    found = await call(client, "GET", f"/api/executions/{run_id}/parameters")
    assert found["run_id"]["value"] == 41
    await refused(client, "POST", f"{path}/start?run_id=41", 409, "INSTANCE_ALREADY_EXISTS")


async def test_a_job_without_an_incrementer_has_no_next_instance(client: Client, shop: Shop):
    problem = await refused(client, "POST", "/api/jobs/count/next", 409, "NO_INCREMENTER")
    assert problem["exception"] == "JobParametersNotFoundException"


async def test_a_launch_without_an_incrementer_takes_what_is_given(
    client: Client, board: Callboard, shop: Shop
):
    async with client.post("/api/jobs/plain/start") as response:
        assert (await response.text()).startswith("Job launched with ID: ")
    await refused(client, "POST", "/api/jobs/plain/start", 409, "INSTANCE_ALREADY_EXISTS")


async def test_the_same_request_with_its_key_is_done_once(
    client: Client, board: Callboard, works: Works
):
    key = {"Idempotency-Key": "run-17"}
    path = "/api/jobs/brutalizedSystemJob/start"
    texts = []
    for _ in range(3):
        async with client.post(path, headers=key) as response:
            texts.append(await response.text())
    assert len(set(texts)) == 1
    assert len(await call(client, "GET", "/api/jobs/brutalizedSystemJob/executions")) == 1
    await refused(client, "POST", f"{path}?run_id=5", 409, "IDEMPOTENCY_KEY_REUSED", headers=key)


async def test_a_text_is_answered_to_whoever_asks_for_one(
    client: Client, board: Callboard, works: Works
):
    text = {"Accept": "text/plain"}
    path = "/api/jobs/brutalizedSystemJob/next"
    async with client.post(path, headers=text) as response:
        assert response.status == 202
        assert await response.text() == "Job launched with ID: 1"
        assert response.headers["Location"] == "/api/executions/1"


async def test_groups_are_named_by_a_header(client: Client, board: Callboard, works: Works):
    job = await board.get_job("default", "brutalizedSystemJob")
    body = {"name": job.name, "group": "ops", "kind": "batch", "spec": dict(job.spec)}
    await call(client, "POST", "/v1/jobs", 201, json=body)
    ops = {"Callboard-Group": "ops"}
    path = f"/api/jobs/{job.name}"
    begun = await call(client, "POST", f"{path}/next", 202, headers=ops)
    await ended(client, board, begun)
    assert len(await call(client, "GET", f"{path}/instances", headers=ops)) == 1
    assert await call(client, "GET", f"{path}/instances") == []
    bad = {"Callboard-Group": "a\tb" * 200}
    await refused(client, "GET", path, 400, "INVALID_HEADER", headers=bad)
