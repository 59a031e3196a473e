"""PredecessorRuns of the job runs that a condition started."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.domain.job import Job
from callboard.domain.schedule import Condition, Conditional
from callboard.domain.trigger import Action, Trigger
from doors.glue.conftest import VirtualGlue

JOBS = ("load", "check", "report")


async def work(**arguments: str) -> None:
    """Nothing at all."""


@pytest.fixture(autouse=True)
async def jobs(virtual_glue: VirtualGlue) -> None:
    virtual_glue.board.handlers.register("work", work)
    for name in JOBS:
        await virtual_glue.board.create_job(
            Job(name=name, group=virtual_glue.group, kind="python", spec={"handler": "work"})
        )


async def the_run(glue: VirtualGlue, job: str) -> dict[str, Any]:
    """The only one of the job, with its predecessors."""
    (run,) = (await glue("get_job_runs", JobName=job))["JobRuns"]
    assert "PredecessorRuns" not in run
    answer = await glue("get_job_run", JobName=job, RunId=run["Id"], PredecessorsIncluded=True)
    found: dict[str, Any] = answer["JobRun"]
    return found


async def test_the_runs_that_met_a_triggers_conditions_are_named(
    virtual_glue: VirtualGlue,
) -> None:
    board, group = virtual_glue.board, virtual_glue.group
    conditions = tuple(Condition(job=name) for name in ("load", "check"))
    await board.create_trigger(
        Trigger(
            name="both",
            group=group,
            schedule=Conditional(conditions=conditions),
            actions=(Action(job="report"),),
        )
    )
    causes = {}
    for name in ("load", "check"):
        causes[name] = (await virtual_glue("start_job_run", JobName=name))["JobRunId"]
    await virtual_glue.clock.advance(10)
    run = await the_run(virtual_glue, "report")
    assert run["TriggerName"] == "both"
    assert run["PredecessorRuns"] == [
        {"JobName": "check", "RunId": causes["check"]},
        {"JobName": "load", "RunId": causes["load"]},
    ]
    assert (await the_run(virtual_glue, "load"))["PredecessorRuns"] == []
    await board.delete_trigger(group, "both")
    assert (await the_run(virtual_glue, "report"))["PredecessorRuns"] == []


async def test_within_a_workflow_they_are_those_of_its_run(virtual_glue: VirtualGlue) -> None:
    await virtual_glue("create_workflow", Name="w")
    first = {"Name": "first", "WorkflowName": "w", "Type": "ON_DEMAND"}
    await virtual_glue("create_trigger", **first, Actions=[{"JobName": "load"}])
    condition = {"LogicalOperator": "EQUALS", "JobName": "load", "State": "SUCCEEDED"}
    await virtual_glue(
        "create_trigger",
        Name="then",
        WorkflowName="w",
        Type="CONDITIONAL",
        Predicate={"Conditions": [condition]},
        Actions=[{"JobName": "report"}],
        StartOnCreation=True,
    )
    await virtual_glue("start_workflow_run", Name="w")
    await virtual_glue.clock.advance(10)
    cause = await the_run(virtual_glue, "load")
    assert (cause["TriggerName"], cause["PredecessorRuns"]) == ("first", [])
    run = await the_run(virtual_glue, "report")
    assert run["TriggerName"] == "then"
    assert run["PredecessorRuns"] == [{"JobName": "load", "RunId": cause["Id"]}]
