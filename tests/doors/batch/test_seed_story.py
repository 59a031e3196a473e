"""The story that users of Spring Batch know: launch, stop at the chunk, restart behind it."""

from __future__ import annotations

from typing import Any

from callboard import Callboard
from doors.batch.conftest import Client
from doors.batch.jobs import Works
from support.service_calls import call

LAUNCH = "/api/jobs/brutalizedSystemJob/start"


async def launch(client: Client, path: str = LAUNCH, **options: Any) -> str:
    async with client.post(path, **options) as response:
        assert (response.status, response.content_type) == (200, "text/plain")
        return await response.text()


async def test_a_launch_answers_with_the_id_and_nothing_else(client: Client, works: Works):
    assert await launch(client) == "Job launched with ID: 1"


async def test_each_launch_takes_the_next_parameters(
    client: Client, board: Callboard, works: Works
):
    for number in (1, 2):
        run_id = (await launch(client)).removeprefix("Job launched with ID: ")
        found = await call(client, "GET", f"/api/executions/{run_id}/parameters")
        assert found["run_id"] == {
            "value": number,
            "type": "java.lang.Long",
            "identifying": True,
        }


async def test_a_stop_ends_the_chunk_and_a_restart_goes_on_with_item_four(
    client: Client, board: Callboard, works: Works
):
    """Case 41: 6 items, chunk 3, stopped after chunk 1."""
    works.is_held = True
    assert await launch(client) == "Job launched with ID: 1"
    await works.reached.wait()
    running = "/api/jobs/brutalizedSystemJob/executions?status=running"
    assert await call(client, "GET", running) == [1]

    assert await call(client, "POST", "/api/executions/1/stop", 202) is True
    stopping = await call(client, "GET", "/api/executions/1")
    assert (stopping["status"], stopping["running"]) == ("STOPPING", True)
    assert await call(client, "POST", "/api/executions/1/stop", 202) is True

    works.is_held = False
    works.go_on.set()
    await board.wait_run(1, timeout_s=20)
    stopped = await call(client, "GET", "/api/executions/1")
    assert stopped["status"] == stopped["exitStatus"]["exitCode"] == "STOPPED"
    assert works.written == [1, 2, 3]
    assert await call(client, "GET", running) == []

    restarted = await call(client, "POST", "/api/executions/1/restart", 202)
    assert restarted["id"] > restarted["restartedFrom"] == 1
    assert restarted["jobInstance"] == stopped["jobInstance"]
    assert restarted["jobParameters"] == stopped["jobParameters"]
    await board.wait_run(restarted["id"], timeout_s=20)
    ended = await call(client, "GET", f"/api/executions/{restarted['id']}")
    assert ended["status"] == ended["exitStatus"]["exitCode"] == "COMPLETED"
    assert works.read_from == [1, 4]
    assert works.written == [1, 2, 3, 4, 5, 6]


async def test_the_summaries_are_spring_batch_s_texts(
    client: Client, board: Callboard, works: Works
):
    await launch(client)
    await board.wait_run(1, timeout_s=20)
    async with client.get("/api/executions/1/summary") as response:
        assert response.content_type == "text/plain"
        summary = await response.text()
    assert summary.startswith("JobExecution: id=1, version=3, startTime=2")
    assert summary.endswith(
        "status=COMPLETED, exitStatus=exitCode=COMPLETED;exitDescription=, "
        "job=[JobInstance: id=1, version=0, Job=[brutalizedSystemJob]], "
        "jobParameters=[{'run_id':'{value=1, type=class java.lang.Long, identifying=true}',"
        "'note':'{value=, type=class java.lang.String, identifying=false}'}]"
    )
    ((step_id, text),) = (await call(client, "GET", "/api/executions/1/steps")).items()
    assert text == (
        f"StepExecution: id={step_id}, version=4, name=destroyStep, status=COMPLETED, "
        "exitStatus=COMPLETED, readCount=6, filterCount=0, writeCount=6 readSkipCount=0, "
        "writeSkipCount=0, processSkipCount=0, commitCount=2, rollbackCount=0, exitDescription="
    )
