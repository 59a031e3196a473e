"""StartWorkflowRun, GetWorkflowRun(s), properties, StopWorkflowRun, ResumeWorkflowRun."""

from __future__ import annotations

from typing import Any

import pytest

from callboard import Job, RetryPolicy, RunState
from callboard_service.doors.glue import workflow_runs
from callboard_service.doors.glue.ids import glue_workflow_run_id
from support.boards import all_runs
from support.glue import pages, plain, post, refused

NOT_FOUND = "Entity not found"
NOBODY = glue_workflow_run_id(2**50)


class Stage:
    """The door on the virtual clock, with jobs that take a minute, or fail, as they are told."""

    def __init__(self, glue: Any) -> None:
        self.glue = glue
        self.failing: set[str] = set()

    async def jobs(self, *names: str, **fields: Any) -> None:
        for name in names:
            await self._job(name, **fields)

    async def _job(self, name: str, **fields: Any) -> None:
        clock = self.glue.clock

        async def work(**arguments: Any) -> None:
            await clock.sleep_until(clock.monotonic() + 60)
            if name in self.failing:
                raise RuntimeError("as asked")

        handler = f"stage:{name}"
        self.glue.board.handlers.register(handler, work)
        spec = {"handler": handler}
        job = Job(name=name, group=self.glue.group, kind="python", spec=spec, **fields)
        await self.glue.board.create_job(job)

    async def workflow(self, *names: str, state: str = "SUCCEEDED", **members: Any) -> None:
        """`w`, which runs the jobs one after the other, by t0, t1, ..."""
        await self.glue("create_workflow", Name="w", **members)
        first = [{"JobName": names[0]}]
        await self.glue(
            "create_trigger", Name="t0", WorkflowName="w", Type="ON_DEMAND", Actions=first
        )
        for number, job in enumerate(names[1:], 1):
            before = names[number - 1]
            condition = {"LogicalOperator": "EQUALS", "JobName": before, "State": state}
            await self.glue(
                "create_trigger",
                Name=f"t{number}",
                WorkflowName="w",
                Type="CONDITIONAL",
                Predicate={"Conditions": [condition]},
                Actions=[{"JobName": job}],
                StartOnCreation=True,
            )

    async def start(self, **members: Any) -> str:
        answer = await self.glue("start_workflow_run", Name="w", **members)
        return str(answer["RunId"])

    async def run(self, run_id: str) -> dict[str, Any]:
        answer = await self.glue("get_workflow_run", Name="w", RunId=run_id, IncludeGraph=True)
        return dict(answer["Run"])

    async def pass_on(self, minutes: float) -> None:
        await self.glue.clock.advance(60 * minutes + 5)

    async def refused(self, code: str, operation: str, **members: Any) -> str:
        call = getattr(self.glue.client, operation)
        return str(await self.glue.do(refused, code, call, **members))


@pytest.fixture
async def stage(virtual_glue: Any) -> Stage:
    return Stage(virtual_glue)


def counts(run: dict[str, Any]) -> dict[str, int]:
    counted = run["Statistics"].items()
    return {name.removesuffix("Actions"): count for name, count in counted if count}


def node_of(run: dict[str, Any], job: str) -> str:
    (found,) = (each["UniqueId"] for each in run["Graph"]["Nodes"] if each["Name"] == job)
    return str(found)


def states(run: dict[str, Any]) -> dict[str, list[str]]:
    """JobRunStates by job."""
    return {
        node["Name"]: [each["JobRunState"] for each in node["JobDetails"].get("JobRuns", [])]
        for node in run["Graph"]["Nodes"]
        if node["Type"] == "JOB"
    }


async def test_a_run_is_told_of_while_it_goes_on(stage: Stage) -> None:
    await stage.jobs("a", "b")
    await stage.workflow("a", "b")
    run_id = await stage.start()
    begun = await stage.run(run_id)
    assert (begun["Status"], counts(begun)) == ("RUNNING", {"Total": 2, "Running": 1})
    assert "CompletedOn" not in begun
    assert states(begun) == {"a": ["RUNNING"], "b": []}
    await stage.pass_on(1)
    assert counts(await stage.run(run_id)) == {"Total": 2, "Succeeded": 1, "Running": 1}
    await stage.pass_on(1)
    done = await stage.run(run_id)
    assert (done["Status"], counts(done)) == ("COMPLETED", {"Total": 2, "Succeeded": 2})
    assert (done["CompletedOn"] - done["StartedOn"]).total_seconds() == 120


async def test_attempts_of_a_job_are_one_action(stage: Stage) -> None:
    retry = RetryPolicy(max_attempts=2, initial_s=1.0, jitter="none")
    await stage.jobs("a", retry=retry)
    stage.failing = {"a"}
    await stage.workflow("a")
    run_id = await stage.start()
    await stage.pass_on(3)
    run = await stage.run(run_id)
    assert (run["Status"], counts(run)) == ("COMPLETED", {"Total": 1, "Failed": 1})
    (node,) = (each for each in run["Graph"]["Nodes"] if each["Type"] == "JOB")
    newest, first = node["JobDetails"]["JobRuns"]
    assert (newest["Attempt"], newest["PreviousRunId"]) == (1, first["Id"])
    assert first["TriggerName"] == newest["TriggerName"] == "t0"


async def test_a_job_that_is_not_there_is_an_error_of_its_run(stage: Stage) -> None:
    await stage.workflow("nobody")
    run = await stage.run(await stage.start())
    assert (run["Status"], counts(run)) == ("COMPLETED", {"Total": 1, "Errored": 1})
    assert states(run) == {"nobody": []}


async def test_a_run_works_on_the_triggers_that_there_were(stage: Stage) -> None:
    await stage.jobs("a", "b")
    await stage.workflow("a", "b")
    run_id = await stage.start()
    await stage.glue("delete_trigger", Name="t1")
    await stage.pass_on(2)
    run = await stage.run(run_id)
    assert counts(run) == {"Total": 2, "Succeeded": 2}
    assert node_of(run, "t1")
    workflow = await stage.glue("get_workflow", Name="w", IncludeGraph=True)
    nodes = {node["Name"] for node in workflow["Workflow"]["Graph"]["Nodes"]}
    assert nodes == {"t0", "a"}


async def test_a_condition_that_is_not_met_ends_the_run(stage: Stage) -> None:
    await stage.jobs("a", "b")
    await stage.workflow("a", "b")
    stage.failing = {"a"}
    run_id = await stage.start()
    await stage.pass_on(1)
    run = await stage.run(run_id)
    assert (run["Status"], counts(run)) == ("COMPLETED", {"Total": 2, "Failed": 1})


async def test_its_runs_are_listed_newest_first(stage: Stage) -> None:
    await stage.glue("create_workflow", Name="w")
    ids = [await stage.start() for _ in range(5)]
    client = stage.glue.client
    found = await stage.glue.do(pages, client, "get_workflow_runs", "Runs", 2, Name="w")
    assert [run["WorkflowRunId"] for run in found] == ids[::-1]
    assert all("Graph" not in run for run in found)
    found = await stage.glue.do(
        pages, client, "get_workflow_runs", "Runs", 2, Name="w", IncludeGraph=True
    )
    assert [run["Graph"]["Nodes"] for run in found] == [[]] * 5


async def test_the_last_run_has_its_graph_where_it_is_wanted(stage: Stage) -> None:
    await stage.jobs("a")
    await stage.workflow("a")
    run_id = await stage.start()
    for with_graph in (False, True):
        answer = await stage.glue("get_workflow", Name="w", IncludeGraph=with_graph)
        last = answer["Workflow"]["LastRun"]
        assert last["WorkflowRunId"] == run_id
        assert ("Graph" in last) == with_graph


@pytest.mark.parametrize("run_id", ["run_id", NOBODY, "wr_" + "f" * 64, "jr_" + "0" * 63 + "1"])
def test_runs_that_are_not_there(glue: Any, run_id: str) -> None:
    glue.create_workflow(Name="w")
    for call, members in (
        (glue.get_workflow_run, {}),
        (glue.get_workflow_run_properties, {}),
        (glue.put_workflow_run_properties, {"RunProperties": {"a": "b"}}),
        (glue.stop_workflow_run, {}),
        (glue.resume_workflow_run, {"NodeIds": ["x"]}),
    ):
        message = refused("EntityNotFoundException", call, Name="w", RunId=run_id, **members)
        assert message == NOT_FOUND


def test_a_run_belongs_to_its_workflow(glue: Any) -> None:
    glue.create_workflow(Name="w")
    glue.create_workflow(Name="v")
    run_id = glue.start_workflow_run(Name="w")["RunId"]
    for name in ("v", "nobody"):
        message = refused("EntityNotFoundException", glue.get_workflow_run, Name=name, RunId=run_id)
        assert message == NOT_FOUND
    for call in (glue.start_workflow_run, glue.get_workflow_runs):
        assert refused("EntityNotFoundException", call, Name="nobody") == NOT_FOUND


def test_a_run_of_nothing_is_over_and_its_stop_is_no_mistake(glue: Any) -> None:
    glue.create_workflow(Name="w")
    run_id = glue.start_workflow_run(Name="w")["RunId"]
    run = glue.get_workflow_run(Name="w", RunId=run_id)["Run"]
    assert run["Status"] == "COMPLETED"
    assert set(run["Statistics"].values()) == {0}
    assert plain(glue.stop_workflow_run(Name="w", RunId=run_id)) == {}


def test_properties_are_those_of_the_run(glue: Any) -> None:
    defaults = {"a": "1", "b": "2"}
    glue.create_workflow(Name="w", DefaultRunProperties=defaults)
    here = {"Name": "w", "RunId": glue.start_workflow_run(Name="w")["RunId"]}
    assert glue.get_workflow_run_properties(**here)["RunProperties"] == defaults
    assert plain(glue.put_workflow_run_properties(**here, RunProperties={"b": "3", "c": ""})) == {}
    merged = {"a": "1", "b": "3", "c": ""}
    assert glue.get_workflow_run_properties(**here)["RunProperties"] == merged
    again = glue.start_workflow_run(Name="w", RunProperties={"a": "9"})["RunId"]
    found = glue.get_workflow_run_properties(Name="w", RunId=again)["RunProperties"]
    assert found == {"a": "9", "b": "2"}
    assert glue.get_workflow(Name="w")["Workflow"]["DefaultRunProperties"] == defaults


@pytest.mark.parametrize("properties", [{"a": "b\x00"}, {"k" * 256: "b"}])
def test_properties_that_cannot_be_kept(glue: Any, properties: dict[str, str]) -> None:
    glue.create_workflow(Name="w")
    run_id = glue.start_workflow_run(Name="w")["RunId"]
    code = "ValidationException" if len(next(iter(properties))) > 255 else "InvalidInputException"
    refused(code, glue.start_workflow_run, Name="w", RunProperties=properties)
    here = {"Name": "w", "RunId": run_id}
    refused(code, glue.put_workflow_run_properties, **here, RunProperties=properties)
    assert glue.get_workflow_run_properties(**here)["RunProperties"] == {}
    assert len(glue.get_workflow_runs(Name="w")["Runs"]) == 1


async def test_more_runs_than_allowed_are_refused(stage: Stage) -> None:
    await stage.jobs("a")
    await stage.workflow("a", MaxConcurrentRuns=1)
    run_id = await stage.start()
    code = "ConcurrentRunsExceededException"
    message = await stage.refused(code, "start_workflow_run", Name="w")
    assert message == "Concurrent runs exceeded for workflow: w."
    await stage.refused(code, "start_trigger", Name="t0")
    assert len(await all_runs(stage.glue.board, job="a")) == 1
    await stage.pass_on(1)
    assert (await stage.run(run_id))["Status"] == "COMPLETED"
    assert await stage.start() != run_id


async def test_a_run_is_stopped_and_stays_so(stage: Stage) -> None:
    await stage.jobs("a", "b")
    await stage.workflow("a", "b", state="STOPPED")
    run_id = await stage.start()
    here = {"Name": "w", "RunId": run_id}
    assert plain(await stage.glue("stop_workflow_run", **here)) == {}
    await stage.pass_on(2)
    run = await stage.run(run_id)
    assert (run["Status"], counts(run)) == ("STOPPED", {"Total": 2, "Stopped": 1})
    code = "IllegalWorkflowStateException"
    await stage.refused(code, "stop_workflow_run", **here)
    await stage.refused(code, "resume_workflow_run", **here, NodeIds=[node_of(run, "a")])


async def test_a_completed_run_cannot_be_stopped(stage: Stage) -> None:
    await stage.jobs("a")
    await stage.workflow("a")
    run_id = await stage.start()
    await stage.pass_on(1)
    code = "IllegalWorkflowStateException"
    await stage.refused(code, "stop_workflow_run", Name="w", RunId=run_id)


async def test_the_chosen_nodes_run_again_with_all_behind_them(stage: Stage) -> None:
    await stage.jobs("a", "b", "c")
    await stage.workflow("a", "b", "c")
    stage.failing = {"b"}
    run_id = await stage.start(RunProperties={"day": "friday"})
    await stage.pass_on(2)
    failed = await stage.run(run_id)
    assert counts(failed) == {"Total": 3, "Succeeded": 1, "Failed": 1}
    stage.failing = set()
    node = node_of(failed, "b")
    answer = await stage.glue("resume_workflow_run", Name="w", RunId=run_id, NodeIds=[node, node])
    assert answer["NodeIds"] == [node]
    await stage.pass_on(2)
    run = await stage.run(answer["RunId"])
    assert (run["Status"], run["PreviousRunId"]) == ("COMPLETED", run_id)
    assert run["WorkflowRunProperties"] == {"day": "friday"}
    assert counts(run) == {"Total": 3, "Succeeded": 3}
    assert len(await all_runs(stage.glue.board, job="a")) == 1
    assert counts(await stage.run(run_id)) == {"Total": 3, "Succeeded": 1, "Failed": 1}


async def test_a_live_run_is_not_resumed(stage: Stage) -> None:
    await stage.jobs("a")
    await stage.workflow("a")
    run_id = await stage.start()
    node = node_of(await stage.run(run_id), "a")
    message = await stage.refused(
        "IllegalWorkflowStateException",
        "resume_workflow_run",
        Name="w",
        RunId=run_id,
        NodeIds=[node],
    )
    assert "RUNNING" in message


async def test_only_nodes_that_have_run_are_resumed(stage: Stage) -> None:
    await stage.jobs("a", "b")
    await stage.workflow("a", "b")
    stage.failing = {"a"}
    run_id = await stage.start()
    await stage.pass_on(1)
    run = await stage.run(run_id)
    for nodes in ([], ["wnode_" + "0" * 64], [node_of(run, "t0")], [node_of(run, "b")]):
        await stage.refused(
            "InvalidInputException",
            "resume_workflow_run",
            Name="w",
            RunId=run_id,
            NodeIds=nodes,
        )
    answer = await stage.glue("get_workflow_runs", Name="w")
    assert len(answer["Runs"]) == 1


async def test_jobs_are_told_of_which_workflow_run_they_are(stage: Stage) -> None:
    await stage.jobs("a", "b")
    await stage.workflow("a", "b")
    run_id = await stage.start()
    await stage.pass_on(2)
    for job in ("a", "b"):
        (run,) = await all_runs(stage.glue.board, job=job, states=(RunState.SUCCEEDED,))
        assert run.arguments == {"--WORKFLOW_NAME": "w", "--WORKFLOW_RUN_ID": run_id}


async def test_a_job_that_is_started_by_hand_moves_no_workflow(stage: Stage) -> None:
    await stage.jobs("a", "b")
    await stage.workflow("a", "b")
    await stage.glue.board.start("a", group=stage.glue.group)
    await stage.pass_on(3)
    assert await all_runs(stage.glue.board, job="b") == []
    assert (await stage.glue("get_workflow_runs", Name="w"))["Runs"] == []


async def test_a_batch_of_events_starts_a_run_that_says_so(stage: Stage) -> None:
    await stage.jobs("a")
    await stage.glue("create_workflow", Name="w")
    await stage.glue(
        "create_trigger",
        Name="e",
        WorkflowName="w",
        Type="EVENT",
        EventBatchingCondition={"BatchSize": 3, "BatchWindow": 120},
        Actions=[{"JobName": "a"}],
    )
    board, group = stage.glue.board, stage.glue.group
    await board.tell_event(group, "e", count=3)
    await stage.pass_on(1)
    await board.tell_event(group, "e")
    await stage.pass_on(4)
    late, full = (await stage.glue("get_workflow_runs", Name="w"))["Runs"]
    assert full["StartingEventBatchCondition"] == {"BatchSize": 3, "BatchWindow": 120}
    assert late["StartingEventBatchCondition"] == {"BatchSize": 1, "BatchWindow": 120}
    assert (late["Status"], full["Status"]) == ("COMPLETED", "COMPLETED")


async def test_a_page_has_only_so_many_runs_of_jobs(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.jobs("a", "b")
    await stage.workflow("a", "b")
    ids = []
    for _ in range(3):
        ids.append(await stage.start())
        await stage.pass_on(2)
    monkeypatch.setattr(workflow_runs, "MOST_JOB_RUNS", 4)
    first = await stage.glue("get_workflow_runs", Name="w")
    assert [run["WorkflowRunId"] for run in first["Runs"]] == [ids[2], ids[1]]
    monkeypatch.setattr(workflow_runs, "MOST_JOB_RUNS", 1)
    last = await stage.glue("get_workflow_runs", Name="w", NextToken=first["NextToken"])
    assert [run["WorkflowRunId"] for run in last["Runs"]] == [ids[0]]
    assert "NextToken" not in last


def test_a_page_of_runs_cannot_be_made_up(glue: Any) -> None:
    glue.create_workflow(Name="w")
    refused("InvalidInputException", glue.get_workflow_runs, Name="w", NextToken="x")
    refused("ValidationException", glue.get_workflow_runs, Name="w", MaxResults=1001)


def test_a_start_that_the_sdk_repeats_is_made_once(
    glue: Any, glue_service: Any, group: str
) -> None:
    glue.create_workflow(Name="w")
    headers = {"amz-sdk-invocation-id": "0f0e"}
    answers = [
        post(
            glue_service.url, "StartWorkflowRun", {"Name": "w"}, group=group, headers=headers
        ).value
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    (run,) = glue.get_workflow_runs(Name="w")["Runs"]
    assert run["WorkflowRunId"] == answers[0]["RunId"]
