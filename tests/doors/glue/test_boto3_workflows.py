"""Workflows by boto3: chains that run as one, with their graph, statistics and properties."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from support.glue import plain, refused, wait_for, wait_run, wait_workflow_run

Fresh = Callable[[str], str]
MakeJob = Callable[..., str]

WAIT = "import time; time.sleep(600)"
FAIL = "raise SystemExit(1)"


def chain(glue: Any, workflow: str, *jobs: str, state: str = "SUCCEEDED") -> None:
    """A workflow that runs the jobs one after the other, by triggers t0, t1, ..."""
    glue.create_workflow(Name=workflow)
    first = [{"JobName": jobs[0]}]
    glue.create_trigger(
        Name=f"{workflow}-t0", WorkflowName=workflow, Type="ON_DEMAND", Actions=first
    )
    for number, (before, job) in enumerate(pairwise(jobs), 1):
        condition = {"LogicalOperator": "EQUALS", "JobName": before, "State": state}
        glue.create_trigger(
            Name=f"{workflow}-t{number}",
            WorkflowName=workflow,
            Type="CONDITIONAL",
            Predicate={"Conditions": [condition]},
            Actions=[{"JobName": job}],
            StartOnCreation=True,
        )


def nodes(graph: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The nodes of a kind by their name."""
    return {node["Name"]: node for node in graph["Nodes"] if node["Type"] == kind}


def edges(graph: dict[str, Any]) -> set[tuple[str, str]]:
    """Names that lead to names."""
    names = {node["UniqueId"]: node["Name"] for node in graph["Nodes"]}
    return {(names[each["SourceId"]], names[each["DestinationId"]]) for each in graph["Edges"]}


def test_a_workflow_is_made_shown_changed_and_deleted(glue: Any) -> None:
    members = {
        "Description": "nightly",
        "DefaultRunProperties": {"day": "monday"},
        "MaxConcurrentRuns": 2,
    }
    assert plain(glue.create_workflow(Name="w", Tags={"team": "data"}, **members))["Name"] == "w"
    workflow = glue.get_workflow(Name="w")["Workflow"]
    assert {key: workflow[key] for key in members} == members
    assert workflow["CreatedOn"] <= workflow["LastModifiedOn"]
    refused("AlreadyExistsException", glue.create_workflow, Name="w")
    assert plain(glue.update_workflow(Name="w", Description="daily"))["Name"] == "w"
    assert glue.get_workflow(Name="w")["Workflow"]["Description"] == "daily"
    arn = "arn:aws:glue:us-east-1:123456789012:workflow/w"
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"team": "data"}
    assert plain(glue.delete_workflow(Name="w"))["Name"] == "w"
    assert plain(glue.delete_workflow(Name="w"))["Name"] == "w"
    refused("EntityNotFoundException", glue.get_workflow, Name="w")


def test_workflows_are_got_by_the_list(glue: Any) -> None:
    for name in ("a", "b"):
        glue.create_workflow(Name=name)
    answer = glue.batch_get_workflows(Names=["b", "nobody"])
    assert [each["Name"] for each in answer["Workflows"]] == ["b"]
    assert answer["MissingWorkflows"] == ["nobody"]
    assert sorted(glue.list_workflows()["Workflows"]) == ["a", "b"]


def test_a_workflow_that_is_not_there(glue: Any) -> None:
    run_id = "wr_" + "0" * 64
    for call, members in (
        (glue.get_workflow, {}),
        (glue.update_workflow, {"Description": "x"}),
        (glue.start_workflow_run, {}),
        (glue.get_workflow_runs, {}),
        (glue.get_workflow_run, {"RunId": run_id}),
        (glue.get_workflow_run_properties, {"RunId": run_id}),
        (glue.put_workflow_run_properties, {"RunId": run_id, "RunProperties": {"a": "b"}}),
        (glue.stop_workflow_run, {"RunId": run_id}),
        (glue.resume_workflow_run, {"RunId": run_id, "NodeIds": ["wnode_" + "0" * 64]}),
    ):
        refused("EntityNotFoundException", call, Name="nobody", **members)


def test_a_run_goes_through_its_chain(glue: Any, make_job: MakeJob) -> None:
    jobs = [make_job() for _ in range(3)]
    chain(glue, "w", *jobs)
    run_id = glue.start_workflow_run(Name="w")["RunId"]
    assert len(run_id) == len("wr_") + 64
    run = wait_workflow_run(glue, "w", run_id, ["COMPLETED"])
    assert run["StartedOn"] <= run["CompletedOn"]
    statistics = run["Statistics"]
    assert (statistics["TotalActions"], statistics["SucceededActions"]) == (3, 3)
    graph = run["Graph"]
    assert set(nodes(graph, "JOB")) == set(jobs)
    assert set(nodes(graph, "TRIGGER")) == {"w-t0", "w-t1", "w-t2"}
    a, b, c = jobs
    want = {("w-t0", a), (a, "w-t1"), ("w-t1", b), (b, "w-t2"), ("w-t2", c)}
    assert edges(graph) == want
    for job in jobs:
        (job_run,) = nodes(graph, "JOB")[job]["JobDetails"]["JobRuns"]
        assert (job_run["JobName"], job_run["JobRunState"]) == (job, "SUCCEEDED")
        listed = glue.get_job_runs(JobName=job)["JobRuns"]
        assert [each["Id"] for each in listed] == [job_run["Id"]]
        arguments = listed[0]["Arguments"]
        assert arguments["--WORKFLOW_NAME"] == "w"
        assert arguments["--WORKFLOW_RUN_ID"] == run_id
    assert glue.get_workflow(Name="w")["Workflow"]["LastRun"]["WorkflowRunId"] == run_id


def test_starting_its_start_trigger_starts_a_run(glue: Any, make_job: MakeJob) -> None:
    chain(glue, "w", make_job(), make_job())
    glue.start_trigger(Name="w-t0")
    (run,) = glue.get_workflow_runs(Name="w")["Runs"]
    done = wait_workflow_run(glue, "w", run["WorkflowRunId"], ["COMPLETED"])
    assert done["Statistics"]["SucceededActions"] == 2


def test_a_failed_node_completes_and_can_be_resumed(
    glue: Any, make_job: MakeJob, script: Callable[..., str]
) -> None:
    first, last = make_job(), make_job()
    location = script(FAIL, "shaky.py")
    shaky = make_job(Command={"Name": "pythonshell", "ScriptLocation": location})
    chain(glue, "w", first, shaky, last)
    run_id = glue.start_workflow_run(Name="w", RunProperties={"day": "friday"})["RunId"]
    run = wait_workflow_run(glue, "w", run_id, ["COMPLETED"])
    statistics = run["Statistics"]
    assert (statistics["SucceededActions"], statistics["FailedActions"]) == (1, 1)
    assert glue.get_job_runs(JobName=last)["JobRuns"] == []

    script("print('better')", "shaky.py")
    node = nodes(run["Graph"], "JOB")[shaky]["UniqueId"]
    answer = glue.resume_workflow_run(Name="w", RunId=run_id, NodeIds=[node])
    assert answer["NodeIds"] == [node]
    again = wait_workflow_run(glue, "w", answer["RunId"], ["COMPLETED"])
    assert again["PreviousRunId"] == run_id
    assert len(glue.get_job_runs(JobName=first)["JobRuns"]) == 1
    assert len(glue.get_job_runs(JobName=shaky)["JobRuns"]) == 2
    assert glue.get_job_runs(JobName=last)["JobRuns"][0]["JobRunState"] == "SUCCEEDED"


def test_a_run_is_stopped_with_its_jobs(glue: Any, make_job: MakeJob) -> None:
    slow, never = make_job(WAIT), make_job()
    chain(glue, "w", slow, never, state="STOPPED")
    run_id = glue.start_workflow_run(Name="w")["RunId"]
    job_run = wait_for(lambda: glue.get_job_runs(JobName=slow)["JobRuns"])[0]
    wait_run(glue, slow, job_run["Id"], ["RUNNING"])
    node = nodes(wait_workflow_run(glue, "w", run_id, ["RUNNING"])["Graph"], "JOB")[slow]
    refused(
        "IllegalWorkflowStateException",
        glue.resume_workflow_run,
        Name="w",
        RunId=run_id,
        NodeIds=[node["UniqueId"]],
    )
    assert plain(glue.stop_workflow_run(Name="w", RunId=run_id)) == {}
    run = wait_workflow_run(glue, "w", run_id, ["STOPPED"])
    assert run["Statistics"]["StoppedActions"] == 1
    assert glue.get_job_runs(JobName=never)["JobRuns"] == []
    refused("IllegalWorkflowStateException", glue.stop_workflow_run, Name="w", RunId=run_id)


def test_no_more_runs_of_a_workflow_than_allowed(glue: Any, make_job: MakeJob) -> None:
    chain(glue, "w", make_job(WAIT))
    glue.update_workflow(Name="w", MaxConcurrentRuns=1)
    run_id = glue.start_workflow_run(Name="w")["RunId"]
    refused("ConcurrentRunsExceededException", glue.start_workflow_run, Name="w")
    assert len(glue.get_workflow_runs(Name="w")["Runs"]) == 1
    glue.stop_workflow_run(Name="w", RunId=run_id)
    wait_workflow_run(glue, "w", run_id, ["STOPPED"])


def test_properties_are_merged_and_the_defaults_never_change(glue: Any, make_job: MakeJob) -> None:
    chain(glue, "w", make_job())
    glue.update_workflow(Name="w", DefaultRunProperties={"day": "monday", "source": "orders"})
    run_id = glue.start_workflow_run(Name="w", RunProperties={"day": "friday"})["RunId"]
    here = {"Name": "w", "RunId": run_id}
    glue.put_workflow_run_properties(**here, RunProperties={"rows": "12", "source": "returns"})
    merged = {"day": "friday", "source": "returns", "rows": "12"}
    assert glue.get_workflow_run_properties(**here)["RunProperties"] == merged
    assert glue.get_workflow_run(**here)["Run"]["WorkflowRunProperties"] == merged
    defaults = glue.get_workflow(Name="w")["Workflow"]["DefaultRunProperties"]
    assert defaults == {"day": "monday", "source": "orders"}


def test_only_one_trigger_starts_a_workflow(glue: Any, make_job: MakeJob) -> None:
    job = make_job()
    chain(glue, "w", job)
    refused(
        "InvalidInputException",
        glue.create_trigger,
        Name="second",
        WorkflowName="w",
        Type="SCHEDULED",
        Schedule="cron(0 12 * * ? *)",
        Actions=[{"JobName": job}],
    )
    refused("EntityNotFoundException", glue.get_trigger, Name="second")


def test_what_runs_outside_and_inside_do_not_meet(glue: Any, make_job: MakeJob) -> None:
    first, inside, outside = make_job(), make_job(), make_job()
    chain(glue, "w", first, inside)
    condition = {"LogicalOperator": "EQUALS", "JobName": first, "State": "SUCCEEDED"}
    glue.create_trigger(
        Name="outside",
        Type="CONDITIONAL",
        Predicate={"Conditions": [condition]},
        Actions=[{"JobName": outside}],
        StartOnCreation=True,
    )
    glue.create_trigger(Name="go", Type="ON_DEMAND", Actions=[{"JobName": first}])
    glue.start_trigger(Name="go")
    (one,) = wait_for(lambda: glue.get_job_runs(JobName=outside)["JobRuns"])
    assert glue.get_job_runs(JobName=inside)["JobRuns"] == []
    run_id = glue.start_workflow_run(Name="w")["RunId"]
    wait_workflow_run(glue, "w", run_id, ["COMPLETED"])
    assert len(glue.get_job_runs(JobName=inside)["JobRuns"]) == 1
    assert [run["Id"] for run in glue.get_job_runs(JobName=outside)["JobRuns"]] == [one["Id"]]


def test_a_deleted_workflow_takes_its_triggers_along_but_no_jobs(
    glue: Any, make_job: MakeJob
) -> None:
    first, second = make_job(), make_job()
    chain(glue, "w", first, second)
    graph = glue.get_workflow(Name="w", IncludeGraph=True)["Workflow"]["Graph"]
    assert set(nodes(graph, "JOB")) == {first, second}
    glue.delete_workflow(Name="w")
    assert glue.list_triggers()["TriggerNames"] == []
    assert sorted(glue.list_jobs()["JobNames"]) == sorted([first, second])


async def test_a_scheduled_start_trigger_starts_a_run_in_its_minute(
    virtual_glue: Any, glue_job: Callable[..., dict[str, Any]]
) -> None:
    await virtual_glue("create_workflow", Name="w")
    await virtual_glue("create_job", **glue_job("a"))
    await virtual_glue(
        "create_trigger",
        Name="t",
        WorkflowName="w",
        Type="SCHEDULED",
        Schedule="cron(0/30 * * * ? *)",
        Actions=[{"JobName": "a"}],
        StartOnCreation=True,
    )
    await virtual_glue.clock.advance(3610)
    runs = (await virtual_glue("get_workflow_runs", Name="w"))["Runs"]
    assert [run["Status"] for run in runs] == ["COMPLETED", "COMPLETED"]
    (newest, _) = (await virtual_glue("get_job_runs", JobName="a"))["JobRuns"]
    assert newest["TriggerName"] == "t"
    assert newest["Arguments"]["--WORKFLOW_RUN_ID"] == runs[0]["WorkflowRunId"]
