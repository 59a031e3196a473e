"""Chains of triggers and jobs over time: retries, rounds, events, and edits on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from callboard import Job
from callboard.domain.job import OnFull

GlueJob = Callable[..., dict[str, Any]]


def watching(*jobs: str, logical: str = "AND", state: str = "SUCCEEDED") -> dict[str, Any]:
    conditions = [{"LogicalOperator": "EQUALS", "JobName": job, "State": state} for job in jobs]
    return {"Logical": logical, "Conditions": conditions}


async def on_demand(glue: Any, name: str, *jobs: str, **more: Any) -> None:
    actions = [{"JobName": job} for job in jobs]
    await glue("create_trigger", Name=name, Type="ON_DEMAND", Actions=actions, **more)


async def on_ends(glue: Any, name: str, predicate: dict[str, Any], job: str, **more: Any) -> None:
    await glue(
        "create_trigger",
        Name=name,
        Type="CONDITIONAL",
        Predicate=predicate,
        Actions=[{"JobName": job}],
        StartOnCreation=True,
        **more,
    )


async def states(glue: Any, job: str) -> list[str]:
    """Of the job's runs, oldest first."""
    runs = (await glue("get_job_runs", JobName=job))["JobRuns"]
    return [run["JobRunState"] for run in reversed(runs)]


def failing_once(marker: Path) -> str:
    return f"""
        import pathlib
        marker = pathlib.Path({str(marker)!r})
        if not marker.exists():
            marker.touch()
            raise SystemExit("not yet")
    """


async def test_the_retry_of_a_triggered_run_fires_what_waits_for_it(
    virtual_glue: Any, glue_job: GlueJob, tmp_path: Path
) -> None:
    """A retry counts as triggered, and the failure before it is no end."""
    glue = virtual_glue
    await glue("create_job", **glue_job("shaky", failing_once(tmp_path / "m"), MaxRetries=1))
    await glue("create_job", **glue_job("good"))
    await glue("create_job", **glue_job("bad"))
    await on_demand(glue, "go", "shaky")
    await on_ends(glue, "on success", watching("shaky"), "good")
    await on_ends(glue, "on failure", watching("shaky", state="FAILED"), "bad")
    await glue("start_trigger", Name="go")
    await glue.clock.advance(120)
    assert await states(glue, "shaky") == ["FAILED", "SUCCEEDED"]
    assert await states(glue, "good") == ["SUCCEEDED"]
    assert await states(glue, "bad") == []
    second = (await glue("get_job_runs", JobName="shaky"))["JobRuns"][0]
    assert (second["TriggerName"], second["Attempt"]) == ("go", 1)


async def test_every_round_of_all_conditions_fires_once(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    glue = virtual_glue
    for name in ("a", "b", "both", "either"):
        await glue("create_job", **glue_job(name, ExecutionProperty={"MaxConcurrentRuns": 9}))
    await on_demand(glue, "go a", "a")
    await on_demand(glue, "go b", "b")
    await on_ends(glue, "and", watching("a", "b"), "both")
    await on_ends(glue, "any", watching("a", "b", logical="ANY"), "either")
    for name in ("go a", "go a", "go b", "go b", "go a"):
        await glue("start_trigger", Name=name)
        await glue.clock.advance(1)
    # a a b: a round. b a: another one.
    assert len(await states(glue, "both")) == 2
    assert len(await states(glue, "either")) == 5


async def test_what_ends_while_a_trigger_is_stopped_is_not_made_up_for(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    glue = virtual_glue
    for name in ("first", "then"):
        await glue("create_job", **glue_job(name))
    await on_demand(glue, "go", "first")
    await on_ends(glue, "t", watching("first"), "then")
    await glue("stop_trigger", Name="t")
    await glue("start_trigger", Name="go")
    await glue.clock.advance(1)
    await glue("start_trigger", Name="t")
    await glue.clock.advance(60)
    assert await states(glue, "then") == []
    await glue("start_trigger", Name="go")
    await glue.clock.advance(1)
    assert await states(glue, "then") == ["SUCCEEDED"]


async def test_a_schedule_that_is_changed_goes_on_by_the_new_one(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    glue = virtual_glue
    await glue("create_job", **glue_job("a"))
    actions = [{"JobName": "a"}]
    await glue(
        "create_trigger",
        Name="t",
        Type="SCHEDULED",
        Schedule="cron(0 * * * ? *)",
        Actions=actions,
        StartOnCreation=True,
    )
    await glue.clock.advance(3600)
    update = {"Schedule": "cron(0/30 * * * ? *)", "Actions": actions}
    await glue("update_trigger", Name="t", TriggerUpdate=update)
    await glue.clock.advance(3600)
    runs = (await glue("get_job_runs", JobName="a"))["JobRuns"]
    assert [run["StartedOn"].timestamp() % 86400 // 60 for run in reversed(runs)] == [60, 90, 120]


async def test_a_job_that_is_changed_is_run_as_it_is_then(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    glue = virtual_glue
    await glue("create_job", **glue_job("a", DefaultArguments={"--day": "monday"}))
    await on_demand(glue, "go", "a")
    await glue("start_trigger", Name="go")
    members = glue_job("a", DefaultArguments={"--day": "friday"})
    del members["Name"]
    await glue("update_job", JobName="a", JobUpdate=members)
    await glue("start_trigger", Name="go")
    runs = (await glue("get_job_runs", JobName="a"))["JobRuns"]
    assert [run["Arguments"]["--day"] for run in runs] == ["friday", "monday"]


async def test_events_come_in_batches_and_start_a_workflow(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    glue = virtual_glue
    await glue("create_job", **glue_job("a", ExecutionProperty={"MaxConcurrentRuns": 9}))
    await glue("create_workflow", Name="w")
    await glue(
        "create_trigger",
        Name="e",
        WorkflowName="w",
        Type="EVENT",
        Actions=[{"JobName": "a"}],
        EventBatchingCondition={"BatchSize": 3, "BatchWindow": 60},
    )
    assert (await glue("get_trigger", Name="e"))["Trigger"]["State"] == "CREATED"

    async def tell(count: int) -> None:
        await glue.board.tell_event(glue.group, "e", count=count)
        await glue.clock.settle()

    async def batches() -> list[int]:
        runs = (await glue("get_workflow_runs", Name="w"))["Runs"]
        return [run["StartingEventBatchCondition"]["BatchSize"] for run in reversed(runs)]

    await tell(2)
    await glue.clock.advance(30)
    assert await batches() == []
    await tell(1)
    await glue.clock.advance(1)
    assert await batches() == [3]
    await tell(1)
    await glue.clock.advance(59)
    assert await batches() == [3]
    await glue.clock.advance(2)
    assert await batches() == [3, 1]
    assert await states(glue, "a") == ["SUCCEEDED", "SUCCEEDED"]


async def test_a_retried_job_counts_once_in_its_workflow(
    virtual_glue: Any, glue_job: GlueJob, tmp_path: Path
) -> None:
    glue = virtual_glue
    await glue("create_job", **glue_job("shaky", failing_once(tmp_path / "m"), MaxRetries=1))
    await glue("create_job", **glue_job("last"))
    await glue("create_workflow", Name="w")
    await on_demand(glue, "go", "shaky", WorkflowName="w")
    await on_ends(glue, "then", watching("shaky"), "last", WorkflowName="w")
    run_id = (await glue("start_workflow_run", Name="w"))["RunId"]
    await glue.clock.advance(120)
    run = (await glue("get_workflow_run", Name="w", RunId=run_id, IncludeGraph=True))["Run"]
    assert run["Status"] == "COMPLETED"
    assert await states(glue, "last") == ["SUCCEEDED"]
    shown = {
        node["Name"]: node["JobDetails"]["JobRuns"]
        for node in run["Graph"]["Nodes"]
        if node["Type"] == "JOB"
    }
    assert sorted(each["Attempt"] for each in shown["shaky"]) == [0, 1]
    assert run["Statistics"]["SucceededActions"] >= 2


async def test_a_run_of_a_workflow_works_on_the_triggers_of_its_beginning(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    """A snapshot of the triggers; jobs are read as they are."""
    glue = virtual_glue
    for name in ("then", "added"):
        await glue("create_job", **glue_job(name))
    await sleeping_job(glue, "slow", 60)
    await glue("create_workflow", Name="w")
    await on_demand(glue, "go", "slow", WorkflowName="w")
    await on_ends(glue, "t", watching("slow"), "then", WorkflowName="w")
    await glue("start_workflow_run", Name="w")
    await glue.clock.advance(30)
    assert await states(glue, "slow") == ["RUNNING"]
    await glue("delete_trigger", Name="t")
    await on_ends(glue, "u", watching("slow"), "added", WorkflowName="w")
    await glue.clock.advance(60)
    assert await states(glue, "then") == ["SUCCEEDED"]
    assert await states(glue, "added") == []
    await glue("start_workflow_run", Name="w")
    await glue.clock.advance(90)
    assert await states(glue, "then") == ["SUCCEEDED"]
    assert await states(glue, "added") == ["SUCCEEDED"]


async def test_a_trigger_that_is_full_fires_all_the_same(
    virtual_glue: Any, glue_job: GlueJob
) -> None:
    """The run that finds no slot has FAILED, the other actions run."""
    glue = virtual_glue
    await sleeping_job(glue, "slow", 90)
    await glue("create_job", **glue_job("quick"))
    await glue(
        "create_trigger",
        Name="t",
        Type="SCHEDULED",
        Schedule="cron(* * * * ? *)",
        Actions=[{"JobName": "slow"}, {"JobName": "quick"}],
        StartOnCreation=True,
    )
    await glue.clock.advance(121)
    assert await states(glue, "slow") == ["RUNNING", "FAILED"]
    assert await states(glue, "quick") == ["SUCCEEDED", "SUCCEEDED"]


async def sleeping_job(glue: Any, name: str, seconds: float) -> None:
    """A job of the native API, one run at once, that takes its time on the virtual clock.

    It takes any arguments: a workflow's runs have those that name the workflow.
    """

    async def sleep(**_: str) -> None:
        await glue.clock.sleep_until(glue.clock.monotonic() + seconds)

    glue.board.handlers.register(name, sleep)
    await glue.board.create_job(
        Job(
            name=name,
            group=glue.group,
            kind="python",
            spec={"handler": name},
            max_concurrent_runs=1,
            on_full=OnFull.REFUSE,
        )
    )
