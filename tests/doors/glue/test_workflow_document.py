"""Workflows, their runs and their graphs, as Glue shows them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from callboard.domain.run import Run
from callboard.domain.schedule import on_demand, when_all, when_any
from callboard.domain.states import RunState
from callboard.domain.trigger import Action, Trigger
from callboard.domain.workflow import Workflow, WorkflowRun, WorkflowState, filled_in
from callboard_service.doors.glue.ids import glue_workflow_run_id
from callboard_service.doors.glue.workflow_document import (
    JobRun,
    glue_workflow,
    glue_workflow_run,
    new_workflow,
    updated_workflow,
)
from callboard_service.doors.glue.workflow_graph import glue_graph, jobs_by_node
from support.factories import make_job, make_run

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = make_job("a")


def trigger(name: str, *jobs: str, watches: tuple[str, ...] = (), **fields: Any) -> Trigger:
    schedule = when_all(*watches) if watches else on_demand()
    actions = tuple(Action(job=job) for job in jobs)
    return Trigger(name=name, schedule=schedule, actions=actions, workflow="w", **fields)


CHAIN = (trigger("begin", "a", "b"), trigger("then", "c", watches=("a", "b")))


def run_of(**fields: Any) -> WorkflowRun:
    values: dict[str, Any] = {"workflow": "w", "workflow_id": 7, "id": 5, "created_at": NOW}
    return WorkflowRun(**values | {"triggers": CHAIN} | fields)


def known(run: Run, state: str) -> JobRun:
    return JobRun(run=run, shown={"JobRunState": state})


def shown(run: WorkflowRun, *job_runs: JobRun, with_graph: bool = False) -> dict[str, Any]:
    return glue_workflow_run(run, {each.run.id: each for each in job_runs}, with_graph=with_graph)


def statistics(run: WorkflowRun, *job_runs: JobRun) -> dict[str, int]:
    counts = shown(run, *job_runs)["Statistics"]
    return {name.removesuffix("Actions"): count for name, count in counts.items() if count}


def names(graph: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {node["UniqueId"]: (node["Type"], node["Name"]) for node in graph["Nodes"]}


def edges(graph: dict[str, Any]) -> list[tuple[str, str]]:
    known_names = names(graph)
    ends = [(each["SourceId"], each["DestinationId"]) for each in graph["Edges"]]
    return sorted((known_names[source][1], known_names[goal][1]) for source, goal in ends)


def test_the_arguments_of_its_runs_are_those_of_glue() -> None:
    workflow = new_workflow("g", {"Name": "w"})
    assert filled_in(workflow.run_arguments, workflow.name, 26) == {
        "--WORKFLOW_NAME": "w",
        "--WORKFLOW_RUN_ID": glue_workflow_run_id(26),
    }


def test_a_workflow_is_shown_as_it_was_given() -> None:
    given = {
        "Name": "w",
        "Description": "nightly",
        "DefaultRunProperties": {"a": "b"},
        "MaxConcurrentRuns": 3,
    }
    found = glue_workflow(new_workflow("g", {**given, "Tags": {"team": "x"}}))
    assert {name: found[name] for name in given} == given
    bare = glue_workflow(new_workflow("g", {"Name": "w"}))
    assert (bare["Description"], bare["MaxConcurrentRuns"]) == (None, None)


def test_an_update_changes_what_it_names() -> None:
    given = {"Name": "w", "Description": "nightly", "MaxConcurrentRuns": 3}
    before = replace(new_workflow("g", given), labels={"team": "x"}, id=3, version=2)
    after = updated_workflow(before, {"Name": "w", "Description": ""}, NOW)
    assert after == replace(before, description="", annotations=after.annotations)


def test_an_update_is_one_also_where_nothing_changes() -> None:
    before = new_workflow("g", {"Name": "w"})
    assert updated_workflow(before, {"Name": "w"}, NOW) != before


def test_triggers_lead_to_their_jobs_and_conditions_to_triggers() -> None:
    graph = glue_graph(7, CHAIN, {})
    assert sorted(names(graph).values()) == [
        ("JOB", "a"),
        ("JOB", "b"),
        ("JOB", "c"),
        ("TRIGGER", "begin"),
        ("TRIGGER", "then"),
    ]
    assert edges(graph) == [
        ("a", "then"),
        ("b", "then"),
        ("begin", "a"),
        ("begin", "b"),
        ("then", "c"),
    ]
    by_name = {node["Name"]: node for node in graph["Nodes"]}
    assert by_name["then"]["TriggerDetails"]["Trigger"]["Type"] == "CONDITIONAL"
    assert by_name["a"]["JobDetails"] == {}


def test_an_edge_is_drawn_once() -> None:
    twice = trigger("twice", "a", "a")
    assert edges(glue_graph(7, [twice], {})) == [("twice", "a")]


def test_a_job_that_nothing_here_starts_is_a_node() -> None:
    graph = glue_graph(7, [trigger("t", "b", watches=("outside",))], {})
    assert ("JOB", "outside") in names(graph).values()


def test_crawlers_are_nodes_of_their_own_kind() -> None:
    graph = glue_graph(7, [trigger("t", "crawler:x", "x")], {})
    (crawler,) = (node for node in graph["Nodes"] if node["Type"] == "CRAWLER")
    (job,) = (node for node in graph["Nodes"] if node["Type"] == "JOB")
    assert crawler["Name"] == job["Name"] == "x"
    assert crawler["UniqueId"] != job["UniqueId"]
    assert jobs_by_node(7, [trigger("t", "crawler:x", "x")]) == {
        crawler["UniqueId"]: "crawler:x",
        job["UniqueId"]: "x",
    }


def test_nodes_have_the_same_ids_in_the_workflow_and_its_runs() -> None:
    ids = set(names(glue_graph(7, CHAIN, {})))
    assert set(names(shown(run_of(), with_graph=True)["Graph"])) == ids
    assert ids.isdisjoint(names(glue_graph(8, CHAIN, {})))
    assert all(len(each) == len("wnode_") + 64 for each in ids)


def test_a_node_has_the_runs_of_its_job_newest_first() -> None:
    runs = [known(make_run(number, JOB), "SUCCEEDED") for number in (1, 2)]
    graph = shown(run_of(runs={"a": (1, 2, 3)}), *runs, with_graph=True)["Graph"]
    by_name = {node["Name"]: node for node in graph["Nodes"]}
    assert by_name["a"]["JobDetails"]["JobRuns"] == [runs[1].shown, runs[0].shown]


def test_a_graph_is_left_out_where_nobody_wants_it() -> None:
    assert "Graph" not in shown(run_of())


def test_a_run_says_how_it_is() -> None:
    end = NOW + timedelta(hours=1)
    run = run_of(
        state=WorkflowState.STOPPED, ended_at=end, previous_run_id=4, properties={"a": "b"}
    )
    found = shown(run)
    assert found["Name"] == "w"
    assert found["WorkflowRunId"] == glue_workflow_run_id(5)
    assert found["PreviousRunId"] == glue_workflow_run_id(4)
    assert found["WorkflowRunProperties"] == {"a": "b"}
    assert (found["StartedOn"], found["CompletedOn"], found["Status"]) == (NOW, end, "STOPPED")
    assert found["StartingEventBatchCondition"] is None


def test_a_run_says_which_events_began_it() -> None:
    run = run_of(event={"batch_size": 3, "window_s": 60.0})
    batch = shown(run)["StartingEventBatchCondition"]
    assert batch == {"BatchSize": 3, "BatchWindow": 60}


def test_every_action_of_its_triggers_is_counted() -> None:
    assert statistics(run_of()) == {"Total": 3}


def test_runs_are_counted_by_their_state() -> None:
    states = ["STARTING", "RUNNING", "STOPPING", "WAITING", "SUCCEEDED", "FAILED", "TIMEOUT"]
    states += ["STOPPED", "ERROR"]
    runs = [known(make_run(number, JOB), state) for number, state in enumerate(states, 1)]
    run = run_of(runs={"a": tuple(each.run.id for each in runs)})
    assert statistics(run, *runs) == {
        "Total": 3,
        "Running": 3,
        "Waiting": 1,
        "Succeeded": 1,
        "Failed": 1,
        "Timeout": 1,
        "Stopped": 1,
        "Errored": 1,
    }


def test_of_attempts_the_last_one_is_counted() -> None:
    first = make_run(1, JOB, state=RunState.FAILED)
    again = make_run(2, JOB, previous_run_id=1, chain_id=1, attempt=2)
    run = run_of(runs={"a": (1, 2)})
    assert statistics(run, known(again, "SUCCEEDED"), known(first, "FAILED")) == {
        "Total": 3,
        "Succeeded": 1,
    }


def test_a_job_that_was_not_there_is_an_error() -> None:
    assert statistics(run_of(missing=("a", "b"))) == {"Total": 3, "Errored": 2}


def test_workflows_of_the_native_api_are_shown_too() -> None:
    inner = Trigger(name="t", schedule=when_any("a"), actions=(Action(job="b"),), workflow="w")
    found = glue_workflow(Workflow(name="w", id=1, created_at=NOW, updated_at=NOW))
    assert (found["CreatedOn"], found["DefaultRunProperties"]) == (NOW, {})
    assert edges(glue_graph(1, [inner], {})) == [("a", "t"), ("t", "b")]
