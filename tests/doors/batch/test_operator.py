"""Stop, restart, abandon, recover; numbers are those of the behaviour cases of batch jobs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from callboard import Callboard, NewRun
from callboard.batch import BatchJob
from doors.batch.asking import ended, post, refused, run, start
from doors.batch.conftest import Client
from support.batch_shop import Shop
from support.service_calls import call

DAY = {"day": "2026-01-05"}
LATER = datetime(2999, 1, 1, tzinfo=UTC)
CALLS = ("stop", "restart", "abandon", "recover")
VIEWS = ("", "/summary", "/parameters", "/steps", "/context")


@pytest.mark.parametrize("number", ["4711", "0", "abc", "-1", "1" * 40, "1.0"])
async def test_an_id_that_nothing_has_is_not_found(client: Client, number: str):
    """Case 26."""
    for each in CALLS:
        path = f"/api/executions/{number}/{each}"
        problem = await refused(client, "POST", path, 404, "EXECUTION_NOT_FOUND")
        assert problem["exception"] == "NoSuchJobExecutionException"
    for each in VIEWS:
        path = f"/api/executions/{number}{each}"
        await refused(client, "GET", path, 404, "EXECUTION_NOT_FOUND")
    for each in ("", "/executions"):
        path = f"/api/instances/{number}{each}"
        await refused(client, "GET", path, 404, "INSTANCE_NOT_FOUND")
    for each in ("", "/context"):
        path = f"/api/step-executions/{number}{each}"
        await refused(client, "GET", path, 404, "STEP_NOT_FOUND")


async def test_an_execution_that_has_ended_is_not_stopped(
    client: Client, board: Callboard, shop: Shop
):
    """Case 29, of COMPLETED, FAILED and ABANDONED."""
    completed = await run(client, board, "settle", **DAY)
    shop.fails_at = 2
    failed = await run(client, board, "settle", day="2026-01-06")
    for execution, status in ((completed, "COMPLETED"), (failed, "FAILED")):
        path = f"/api/executions/{execution['id']}/stop"
        problem = await refused(client, "POST", path, 409, "EXECUTION_NOT_RUNNING")
        assert (problem["jobExecutionId"], problem["batchStatus"]) == (execution["id"], status)
    await post(client, failed, "abandon", 200)
    path = f"/api/executions/{failed['id']}/stop"
    problem = await refused(client, "POST", path, 409, "EXECUTION_NOT_RUNNING")
    assert problem["batchStatus"] == "ABANDONED"


async def test_an_execution_that_waits_is_stopped_at_once(
    client: Client, board: Callboard, shop: Shop
):
    """Case 31: zero steps, and it never runs."""
    (later,) = await board.start_runs([NewRun(job="settle", arguments=DAY, due_at=LATER)])
    execution = await call(client, "GET", f"/api/executions/{later.id}")
    assert (execution["status"], execution["startTime"]) == ("STARTING", None)
    await post(client, execution, "stop")
    stopped = await ended(client, board, execution)
    assert (stopped["status"], stopped["exitStatus"]["exitCode"]) == ("STOPPED", "STOPPED")
    assert stopped["stepExecutions"] == []
    assert await call(client, "GET", f"/api/executions/{execution['id']}/steps") == {}


async def test_a_stop_in_a_step_is_seen_before_the_next_one(
    client: Client, board: Callboard, shop: Shop
):
    """Cases 32 and 35: the restart runs only what is left."""
    shop.holds_at = 9
    execution = await start(client, "settle", **DAY)
    await shop.reached.wait()
    await post(client, execution, "stop")
    shop.holds_at = None
    shop.go_on.set()
    stopped = await ended(client, board, execution)
    assert stopped["status"] == "STOPPED"
    assert shop.reports == 0
    again = await ended(client, board, await post(client, stopped, "restart"))
    assert again["status"] == "COMPLETED"
    assert shop.rows == list(range(1, 10))
    assert shop.reports == 1


async def test_a_restart_is_another_execution_of_the_instance(
    client: Client, board: Callboard, shop: Shop
):
    """Cases 40, 43, 44 and 62."""
    shop.fails_at = 5
    first = await run(client, board, "settle", **DAY, operator="ada")
    assert (first["status"], first["exitStatus"]["exitCode"]) == ("FAILED", "FAILED")
    assert first["exitStatus"]["exitDescription"].startswith("Traceback ")
    assert "item 5 is bad" in first["exitStatus"]["exitDescription"]
    shop.fails_at = None
    second = await ended(client, board, await post(client, first, "restart"))
    assert second["status"] == "COMPLETED"
    assert second["jobInstance"] == first["jobInstance"]
    assert second["jobParameters"] == first["jobParameters"]
    counts = [each["stepExecutions"][0]["writeCount"] for each in (first, second)]
    reads = second["stepExecutions"][0]["readCount"]
    assert (counts, reads) == ([3, 6], 6)
    path = f"/api/instances/{first['jobInstance']['id']}/executions"
    listed = await call(client, "GET", path)
    assert [each["id"] for each in listed] == [second["id"], first["id"]]
    for each in (first, second):
        path = f"/api/executions/{each['id']}/restart"
        await refused(client, "POST", path, 409, "INSTANCE_ALREADY_COMPLETE")


async def test_a_datetime_keeps_its_microseconds_over_a_restart(
    client: Client, board: Callboard, shop: Shop
):
    """Case 10."""
    shop.fails_at = 1
    at = "2026-01-05T10:20:30.123456Z"
    first = await run(client, board, "count", n=1, at=at)
    shop.fails_at = None
    second = await ended(client, board, await post(client, first, "restart"))
    assert second["jobInstance"] == first["jobInstance"]
    assert second["jobParameters"]["at"]["value"] == at
    assert second["jobParameters"] == first["jobParameters"]


async def test_an_execution_that_runs_is_neither_restarted_nor_abandoned(
    client: Client, board: Callboard, shop: Shop
):
    """Cases 46 and 70."""
    shop.holds_at = 1
    execution = await start(client, "settle", **DAY)
    await shop.reached.wait()
    for each in ("restart", "abandon"):
        path = f"/api/executions/{execution['id']}/{each}"
        problem = await refused(client, "POST", path, 409, "EXECUTION_ALREADY_RUNNING")
        assert problem["jobExecutionId"] == execution["id"]
        assert problem["jobInstanceId"] == execution["jobInstance"]["id"]
    await post(client, execution, "stop")
    path = f"/api/executions/{execution['id']}/restart"
    await refused(client, "POST", path, 409, "EXECUTION_ALREADY_RUNNING")
    shop.go_on.set()


async def test_a_job_that_does_not_restart_says_so(client: Client, board: Callboard, shop: Shop):
    shop.fails_at = 1
    failed = await run(client, board, "once", **DAY)
    path = f"/api/executions/{failed['id']}/restart"
    problem = await refused(client, "POST", path, 409, "JOB_NOT_RESTARTABLE")
    assert problem["exception"] == "JobRestartException"


async def test_a_job_that_is_gone_is_not_restarted_but_remembered(
    client: Client, board: Callboard, shop: Shop
):
    """Case 49."""
    shop.fails_at = 1
    failed = await run(client, board, "settle", **DAY)
    await board.delete_job("default", "settle")
    path = f"/api/executions/{failed['id']}"
    await refused(client, "POST", f"{path}/restart", 404, "JOB_NOT_FOUND")
    found = await call(client, "GET", path)
    assert found["jobParameters"]["day"]["value"] == "2026-01-05"
    assert await call(client, "GET", "/api/jobs/settle/instances") != []


async def test_twenty_restarts_at_once_make_one_execution(
    client: Client, board: Callboard, shop: Shop
):
    """Case 50."""
    shop.fails_at = 5
    failed = await run(client, board, "settle", **DAY)
    shop.fails_at, shop.holds_at = None, 5
    path = f"/api/executions/{failed['id']}/restart"

    async def restart() -> int:
        async with client.post(path) as response:
            return response.status

    answers = await asyncio.gather(*(restart() for _ in range(20)))
    assert sorted(answers) == [202] + [409] * 19
    shop.go_on.set()


async def test_an_older_execution_is_restarted_from_the_latest_checkpoint(
    client: Client, board: Callboard, shop: Shop
):
    """Case 61."""
    shop.fails_at = 5
    first = await run(client, board, "settle", **DAY, operator="ada")
    shop.fails_at = 8
    await ended(client, board, await post(client, first, "restart"))
    shop.fails_at = None
    third = await ended(client, board, await post(client, first, "restart"))
    assert third["status"] == "COMPLETED"
    assert third["stepExecutions"][0]["readCount"] == 3
    assert third["jobParameters"]["operator"]["value"] == "ada"
    assert shop.rows == list(range(1, 10))


async def test_an_abandoned_instance_is_closed_and_its_steps_stay(
    client: Client, board: Callboard, shop: Shop
):
    """Cases 73 and 74."""
    shop.fails_at = 5
    failed = await run(client, board, "settle", **DAY)
    for _ in range(2):
        abandoned = await post(client, failed, "abandon", 200)
        assert abandoned["status"] == "ABANDONED"
    found = await call(client, "GET", f"/api/executions/{failed['id']}")
    assert [each["status"] for each in found["stepExecutions"]] == ["FAILED"]
    path = f"/api/executions/{failed['id']}/restart"
    problem = await refused(client, "POST", path, 409, "INSTANCE_ALREADY_COMPLETE")
    assert problem["batchStatus"] == "ABANDONED"


async def test_a_completed_execution_is_not_abandoned(client: Client, board: Callboard, shop: Shop):
    """Case 70."""
    completed = await run(client, board, "settle", **DAY)
    path = f"/api/executions/{completed['id']}/abandon"
    await refused(client, "POST", path, 409, "INSTANCE_ALREADY_COMPLETE")


async def test_a_stopping_execution_is_abandoned_and_its_worker_writes_no_more(
    client: Client, board: Callboard, shop: Shop
):
    """Case 71."""
    shop.holds_at = 5
    execution = await start(client, "settle", **DAY)
    await shop.reached.wait()
    await post(client, execution, "stop")
    abandoned = await post(client, execution, "abandon", 200)
    assert abandoned["status"] == "ABANDONED"
    shop.go_on.set()
    await board.wait_run(execution["id"], timeout_s=20)
    found = await call(client, "GET", f"/api/executions/{execution['id']}")
    assert found["status"] == "ABANDONED"
    assert found["stepExecutions"][0]["writeCount"] == 3


async def test_recover_changes_nothing_of_what_has_ended(
    client: Client, board: Callboard, shop: Shop
):
    """B16."""
    completed = await run(client, board, "settle", **DAY)
    for _ in range(2):
        assert (await post(client, completed, "recover", 200))["status"] == "COMPLETED"


async def test_recover_of_a_healthy_execution_is_refused_unless_it_is_forced(
    client: Client, board: Callboard, shop: Shop
):
    shop.holds_at = 5
    execution = await start(client, "settle", **DAY)
    await shop.reached.wait()
    path = f"/api/executions/{execution['id']}/recover"
    await refused(client, "POST", path, 409, "EXECUTION_ALREADY_RUNNING")
    body = {"force": True, "reason": "it hangs"}
    recovered = await call(client, "POST", path, json=body)
    assert (recovered["status"], recovered["exitStatus"]["exitCode"]) == ("FAILED", "FAILED")
    shop.holds_at = None
    shop.go_on.set()
    again = await ended(client, board, await post(client, execution, "restart"))
    assert again["status"] == "COMPLETED"


async def test_what_recover_is_told_is_checked(client: Client, board: Callboard, shop: Shop):
    completed = await run(client, board, "settle", **DAY)
    path = f"/api/executions/{completed['id']}/recover"
    problem = await refused(client, "POST", path, 422, "INVALID_INPUT", json={"force": "yes"})
    assert [each["field"] for each in problem["errors"]] == ["force"]


async def test_a_changed_definition_is_refused_with_what_differs_or_mapped(
    client: Client, board: Callboard
):
    """B18."""
    fails = True

    def job(first: str) -> BatchJob:
        made = BatchJob("changing", handler=f"work:{first}")

        @made.step(first)
        async def load(ctx: Any) -> None: ...

        @made.step("report")
        async def report(ctx: Any) -> None:
            if fails:
                raise ValueError("no luck")

        return made

    await board.define(job("load"))
    failed = await run(client, board, "changing")
    fails = False
    await board.define(job("fetch"))
    path = f"/api/executions/{failed['id']}/restart"
    problem = await refused(client, "POST", path, 409, "DEFINITION_CHANGED")
    assert [each["step"] for each in problem["differences"]] == ["load"]
    body = {"steps": {"load": "fetch"}}
    again = await ended(client, board, await call(client, "POST", path, 202, json=body))
    assert again["status"] == "COMPLETED"
    assert [each["stepName"] for each in again["stepExecutions"]] == ["report"]
