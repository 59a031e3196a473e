"""The story of jobs and triggers from its beginning to its end, and how the native API tells it."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

from service.cli.processes import ServiceProcess
from support.glue import refused, wait_run

GlueJob = Callable[..., dict[str, Any]]
MakeJob = Callable[..., str]

MINUTELY = "cron(* * * * ? *)"


async def test_from_the_first_job_to_the_last_deletion(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    glue = virtual_glue

    async def runs(job: str) -> list[tuple[str | None, str]]:
        listed = (await glue("get_job_runs", JobName=job))["JobRuns"]
        return [(run.get("TriggerName"), run["JobRunState"]) for run in listed]

    # A job has to be registered before anything can run it.
    await glue.do(refused, "EntityNotFoundException", glue.client.start_job_run, JobName="load")
    for name in ("load", "report"):
        await glue("create_job", **glue_job(name))

    # Started by hand it runs once, is nobody's trigger, and nothing is scheduled.
    await glue("start_job_run", JobName="load")
    await glue.clock.advance(3600)
    assert await runs("load") == [(None, "SUCCEEDED")]

    # A trigger that does not start on creation is stored, and not scheduled.
    actions = [{"JobName": "load"}, {"JobName": "report"}]
    await glue(
        "create_trigger",
        Name="minutely",
        Type="SCHEDULED",
        Schedule=MINUTELY,
        Actions=actions,
        StartOnCreation=False,
    )
    await glue.clock.advance(600)
    assert len(await runs("load")) == 1

    # Started, it runs all of its actions, each with a run of its own.
    await glue("start_trigger", Name="minutely")
    await glue.clock.advance(60)
    assert await runs("load") == [("minutely", "SUCCEEDED"), (None, "SUCCEEDED")]
    assert await runs("report") == [("minutely", "SUCCEEDED")]

    # Stopped, it starts nothing any more; what has run stays.
    await glue("stop_trigger", Name="minutely")
    await glue.clock.advance(600)
    assert len(await runs("report")) == 1
    assert (await glue("get_trigger", Name="minutely"))["Trigger"]["State"] == "DEACTIVATED"

    # Deleted while it is scheduled, it is gone together with its schedule.
    await glue("start_trigger", Name="minutely")
    await glue("delete_trigger", Name="minutely")
    await glue.clock.advance(600)
    assert len(await runs("report")) == 1
    assert (await glue("list_triggers"))["TriggerNames"] == []

    # And so is a job.
    await glue("delete_job", JobName="load")
    await glue.do(refused, "EntityNotFoundException", glue.client.get_job, JobName="load")
    assert (await glue("list_jobs"))["JobNames"] == ["report"]


def test_the_native_api_shows_the_same_things_by_its_own_words(
    glue: Any, glue_service: ServiceProcess, make_job: MakeJob, group: str
) -> None:
    """The user is the group; `complete` is a word for succeeded."""
    job = make_job(MaxRetries=2, Timeout=5, Tags={"team": "data"})
    glue.create_trigger(Name="go", Type="ON_DEMAND", Actions=[{"JobName": job}])
    wait_run(glue, job, glue.start_job_run(JobName=job)["JobRunId"], ["SUCCEEDED"])

    def ask(path: str, **query: str) -> Any:
        words = urllib.parse.urlencode({"group": group, **query})
        with urllib.request.urlopen(f"{glue_service.url}{path}?{words}") as answer:
            return json.load(answer)

    found = ask(f"/v1/jobs/{job}")
    assert (found["kind"], found["group"]) == ("script", group)
    assert (found["retry"]["max_attempts"], found["timeout_s"]) == (3, 300)
    assert found["labels"] == {"team": "data"}
    assert ask("/v1/triggers/go")["actions"][0]["job"] == job
    (run,) = ask("/v1/runs", job=job, state="complete")["items"]
    assert (run["trigger"], run["state"]) == (None, "succeeded")
    glue_run = glue.get_job_runs(JobName=job)["JobRuns"][0]
    assert glue_run["Id"] == f"jr_{run['id']:064x}"


async def test_a_job_of_the_native_api_is_run_by_glue(virtual_glue: Any) -> None:
    from callboard import Job

    virtual_glue.board.handlers.register("double", lambda n: int(n) * 2)
    await virtual_glue.board.create_job(
        Job(
            name="double",
            group=virtual_glue.group,
            kind="python",
            spec={"handler": "double"},
            arguments={"n": "1"},
        )
    )
    assert (await virtual_glue("list_jobs"))["JobNames"] == ["double"]
    arguments = {"n": "21"}
    started = await virtual_glue("start_job_run", JobName="double", Arguments=arguments)
    run_id = started["JobRunId"]
    run = (await virtual_glue("get_job_run", JobName="double", RunId=run_id))["JobRun"]
    assert (run["JobRunState"], run["Arguments"]) == ("SUCCEEDED", arguments)
    assert (await virtual_glue.board.get_run(int(run_id[3:], 16))).result == 42
