"""What can be read; numbers are those of the behaviour cases of batch jobs."""

from __future__ import annotations

from types import SimpleNamespace

from callboard import Callboard
from callboard.batch import BatchJob
from callboard_service.doors.batch.jobs import Slice, part_of
from callboard_service.doors.batch.loading import job_executions
from doors.batch.asking import ended, post, refused, run, start
from doors.batch.conftest import Client
from doors.batch.jobs import Works
from support.batch_shop import Shop
from support.service_calls import call

DAY = {"day": "2026-01-05"}


async def test_names_are_sorted_and_those_that_never_ran_are_among_them(
    client: Client, board: Callboard, shop: Shop
):
    """Case 82; jobs of other kinds are not."""
    body = {"name": "another", "kind": "command", "spec": {"argv": ["true"]}}
    await call(client, "POST", "/v1/jobs", 201, json=body)
    assert await call(client, "GET", "/api/jobs") == ["count", "once", "plain", "settle"]


async def test_a_job_shows_its_parameters_and_steps(client: Client, shop: Shop):
    job = await call(client, "GET", "/api/jobs/settle")
    assert (job["restartable"], job["hasIncrementer"]) == (True, True)
    day, operator = job["parameters"]
    assert (day["name"], day["type"], day["identifying"]) == ("day", "java.time.LocalDate", True)
    assert (day["defaultValue"], day["incremented"]) == ("2026-01-05", True)
    assert (operator["identifying"], operator["incremented"]) == (False, False)
    assert [step["name"] for step in job["steps"]] == ["load", "report"]
    once = await call(client, "GET", "/api/jobs/once")
    assert once["restartable"] is False
    plain = await call(client, "GET", "/api/jobs/plain")
    assert (plain["parameters"], plain["hasIncrementer"]) == (None, False)
    await refused(client, "GET", "/api/jobs/none", 404, "JOB_NOT_FOUND")


async def test_running_executions_are_ids(client: Client, board: Callboard, shop: Shop):
    """Case 83."""
    path = "/api/jobs/settle/executions?status=running"
    assert await call(client, "GET", path) == []
    await refused(client, "GET", path.replace("settle", "none"), 404, "JOB_NOT_FOUND")
    shop.holds_at = 1
    first = await start(client, "settle", **DAY)
    second = await start(client, "settle", day="2026-01-06")
    assert await call(client, "GET", path) == [first["id"], second["id"]]
    shop.go_on.set()


async def test_executions_are_found_by_their_status(client: Client, board: Callboard, shop: Shop):
    completed = await run(client, board, "settle", **DAY)
    shop.fails_at = 1
    failed = await run(client, board, "settle", day="2026-01-06")
    path = "/api/jobs/settle/executions"
    assert [each["id"] for each in await call(client, "GET", path)] == [
        failed["id"],
        completed["id"],
    ]
    for status, execution in (("COMPLETED", completed), ("failed", failed)):
        found = await call(client, "GET", f"{path}?status={status}")
        assert [each["id"] for each in found] == [execution["id"]]
    problem = await refused(client, "GET", f"{path}?status=done", 400, "INVALID_QUERY")
    assert problem["errors"][0]["field"] == "status"


async def test_lists_are_asked_for_in_parts(client: Client, board: Callboard, works: Works):
    """Case 86: newest first."""
    job = "/api/jobs/brutalizedSystemJob"
    begun = [await call(client, "POST", f"{job}/next", 202) for _ in range(5)]
    instances = [each["jobInstance"]["id"] for each in begun][::-1]
    executions = [each["id"] for each in begun][::-1]
    for kind, ids in (("instances", instances), ("executions", executions)):
        for start_, count in ((0, 2), (2, 2), (4, 2), (5, 2), (0, 1000)):
            found = await call(client, "GET", f"{job}/{kind}?start={start_}&count={count}")
            assert [each["id"] for each in found] == ids[start_ : start_ + count]
    for query in ("start=-1", "count=0", "count=1001", "start=x", "other=1"):
        await refused(client, "GET", f"{job}/instances?{query}", 400, "INVALID_QUERY")
    await refused(client, "GET", "/api/jobs/none/instances", 404, "JOB_NOT_FOUND")


async def test_a_part_is_found_however_many_pages_come_before_it():
    async def page(limit: int, before: int | None) -> list[SimpleNamespace]:
        first = 3000 if before is None else before - 1
        return [SimpleNamespace(id=each) for each in range(first, max(first - limit, 0), -1)]

    for start_, count in ((0, 3), (999, 2), (1500, 1000), (2999, 5), (3000, 1)):
        found = await part_of(Slice(start=start_, count=count), page)
        ids = [each.id for each in found]
        assert ids == list(range(3000 - start_, max(3000 - start_ - count, 0), -1))


async def test_an_execution_that_has_not_begun_shows_what_its_job_declares(
    client: Client, board: Callboard, shop: Shop
):
    execution = await run(client, board, "settle", **DAY, operator="ada")
    begun = await board.get_run(execution["id"])
    (shown,) = await job_executions(board, [begun], {})
    assert {each.name: each.is_identifying for each in shown.parameters} == {
        "day": True,
        "operator": False,
    }
    assert (shown.to_json()["jobInstance"], shown.exit_code) == (None, "COMPLETED")


async def test_an_instance_has_its_identifying_parameters(
    client: Client, board: Callboard, shop: Shop
):
    execution = await run(client, board, "settle", **DAY, operator="ada")
    path = f"/api/instances/{execution['jobInstance']['id']}"
    instance = await call(client, "GET", path)
    assert instance["jobName"] == "settle"
    assert list(instance["jobParameters"]) == ["day"]
    assert instance["status"] == "COMPLETED"
    assert (instance["lastJobExecutionId"], instance["runningJobExecutionId"]) == (
        execution["id"],
        None,
    )


async def test_step_summaries_are_texts_by_id(client: Client, board: Callboard, shop: Shop):
    """Case 85."""
    execution = await run(client, board, "settle", **DAY)
    texts = await call(client, "GET", f"/api/executions/{execution['id']}/steps")
    assert [int(each) for each in texts] == sorted(int(each) for each in texts)
    load, report = texts.values()
    assert "name=load, status=COMPLETED, exitStatus=COMPLETED, readCount=9" in load
    assert "writeCount=9 readSkipCount=0" in load
    assert "name=report" in report


async def test_steps_and_contexts_are_documents(client: Client, board: Callboard, shop: Shop):
    execution = await run(client, board, "settle", **DAY)
    load, report = execution["stepExecutions"]
    assert await call(client, "GET", f"/api/step-executions/{load['id']}") == load
    assert (load["stepName"], load["jobExecutionId"]) == ("load", execution["id"])
    assert (load["readCount"], load["writeCount"], load["commitCount"]) == (9, 9, 3)
    assert load["startTime"] <= load["endTime"] == load["lastUpdated"]
    context = await call(client, "GET", f"/api/step-executions/{report['id']}/context")
    assert context["executionContext"] == {"pages": 2}
    context = await call(client, "GET", f"/api/executions/{execution['id']}/context")
    assert context == {
        "jobExecutionId": execution["id"],
        "executionContext": {"loaded": 9},
    }


async def test_steps_are_shown_in_pages(client: Client, board: Callboard, shop: Shop):
    execution = await run(client, board, "settle", **DAY)
    place = f"/api/executions/{execution['id']}"
    assert execution["nextStepExecutions"] is None
    load, report = execution["stepExecutions"]
    first = await call(client, "GET", f"{place}?count=1")
    assert first["stepExecutions"] == [load]
    assert first["nextStepExecutions"] == f"{place}?after={load['id']}&count=1"
    second = await call(client, "GET", first["nextStepExecutions"])
    assert second["stepExecutions"] == [report]
    assert second["nextStepExecutions"] is None


async def test_the_next_page_of_step_summaries_is_a_link(
    client: Client, board: Callboard, shop: Shop
):
    execution = await run(client, board, "settle", **DAY)
    place = f"/api/executions/{execution['id']}/steps"
    load, report = (str(each["id"]) for each in execution["stepExecutions"])
    async with client.get(f"{place}?count=1") as response:
        assert list(await response.json()) == [load]
        link = response.links["next"]["url"].path_qs
    assert link == f"{place}?after={load}&count=1"
    async with client.get(link) as response:
        assert list(await response.json()) == [report]
        assert "next" not in response.links


async def test_a_page_of_steps_has_its_bounds(client: Client, board: Callboard, shop: Shop):
    execution = await run(client, board, "settle", **DAY)
    for query in ("count=0", "count=1001", "after=-1", "after=x", "page=2"):
        path = f"/api/executions/{execution['id']}/steps?{query}"
        await refused(client, "GET", path, 400, "INVALID_QUERY")


async def test_an_exit_code_of_the_job_s_own_is_shown(client: Client, board: Callboard):
    """Case 23."""
    job = BatchJob("coded")

    @job.step()
    async def only(ctx):
        ctx.exit_code = "COMPLETED WITH SKIPS"

    await board.define(job)
    execution = await run(client, board, "coded")
    assert execution["status"] == "COMPLETED"
    assert execution["exitStatus"]["exitCode"] == "COMPLETED WITH SKIPS"


async def test_a_job_without_steps_has_nothing_to_do(client: Client, board: Callboard):
    """Case 22."""
    await board.define(BatchJob("empty"))
    execution = await run(client, board, "empty")
    assert (execution["status"], execution["exitStatus"]["exitCode"]) == ("COMPLETED", "NOOP")


async def test_a_job_that_nobody_can_execute_is_unknown(
    client: Client, board: Callboard, shop: Shop
):
    """Case 47: its execution is parked; recover it, then restart."""
    job = await board.get_job("default", "settle")
    spec = {**job.spec, "handler": "nowhere:at_all"}
    body = {"name": "lost", "kind": "batch", "spec": spec}
    await call(client, "POST", "/v1/jobs", 201, json=body)
    execution = await start(client, "lost", **DAY)
    parked = await ended(client, board, execution)
    assert (parked["status"], parked["running"]) == ("UNKNOWN", False)
    path = f"/api/executions/{execution['id']}"
    for each in ("restart", "abandon"):
        await refused(client, "POST", f"{path}/{each}", 409, "EXECUTION_STATE_UNKNOWN")
    assert (await post(client, execution, "recover", 200))["status"] == "FAILED"
