"""CreateWorkflow, GetWorkflow, BatchGetWorkflows, ListWorkflows, UpdateWorkflow, DeleteWorkflow."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from callboard import Action, Trigger, Workflow, every
from support.glue import ROLE, glue_client, pages, plain, refused

NOT_FOUND = "Entity not found"
NO_RUNS = "MaxConcurrentRuns should be greater than or equal to 1 if present."


def workflow_of(glue: Any, name: str = "w", **members: Any) -> dict[str, Any]:
    found: dict[str, Any] = glue.get_workflow(Name=name, **members)["Workflow"]
    return found


@pytest.mark.parametrize("name", ["a b/c", "čas 时", "tab\there", "x" * 255])
def test_names_may_be_as_glue_allows(glue: Any, name: str) -> None:
    glue.create_workflow(Name=name)
    assert workflow_of(glue, name)["Name"] == name
    assert glue.list_workflows()["Workflows"] == [name]


@pytest.mark.parametrize("name", ["a\nb", "x" * 256, "\x7f\x01"])
def test_other_names_are_refused(glue: Any, name: str) -> None:
    refused("ValidationException", glue.create_workflow, Name=name)
    assert glue.list_workflows()["Workflows"] == []


def test_a_new_workflow_has_nothing_but_its_name_and_dates(glue: Any) -> None:
    glue.create_workflow(Name="w")
    workflow = workflow_of(glue)
    assert set(workflow) == {"Name", "DefaultRunProperties", "CreatedOn", "LastModifiedOn"}
    assert workflow["DefaultRunProperties"] == {}


@pytest.mark.parametrize("most", [0, -1])
def test_no_runs_at_all_are_not_to_be_had(glue: Any, most: int) -> None:
    told = refused("InvalidInputException", glue.create_workflow, Name="w", MaxConcurrentRuns=most)
    assert told == NO_RUNS
    assert glue.list_workflows()["Workflows"] == []
    glue.create_workflow(Name="w", MaxConcurrentRuns=2)
    told = refused("InvalidInputException", glue.update_workflow, Name="w", MaxConcurrentRuns=most)
    assert told == NO_RUNS
    assert workflow_of(glue)["MaxConcurrentRuns"] == 2


def test_a_name_is_taken_once(glue: Any) -> None:
    glue.create_workflow(Name="w", Description="first")
    message = refused("AlreadyExistsException", glue.create_workflow, Name="w", Description="b")
    assert "w" in message
    assert workflow_of(glue)["Description"] == "first"


@pytest.mark.parametrize(
    "members",
    [
        {"Description": "a\x00b"},
        {"DefaultRunProperties": {"a": "b\x00"}},
        {"Tags": {"aws:own": "x"}},
    ],
)
def test_what_cannot_be_kept_is_refused(glue: Any, members: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        glue.create_workflow(Name="w", **members)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert glue.list_workflows()["Workflows"] == []


def test_an_update_changes_what_it_names_and_nothing_else(glue: Any) -> None:
    members = {
        "Description": "nightly",
        "DefaultRunProperties": {"a": "1", "b": "2"},
        "MaxConcurrentRuns": 3,
    }
    glue.create_workflow(Name="w", **members)
    created = workflow_of(glue)
    assert plain(glue.update_workflow(Name="w", DefaultRunProperties={"c": "3"})) == {"Name": "w"}
    changed = workflow_of(glue)
    assert changed["DefaultRunProperties"] == {"c": "3"}
    assert (changed["Description"], changed["MaxConcurrentRuns"]) == ("nightly", 3)
    assert changed["CreatedOn"] == created["CreatedOn"]


def test_an_update_is_dated_also_where_it_changes_nothing(glue: Any) -> None:
    glue.create_workflow(Name="w", Description="same")
    before = workflow_of(glue)["LastModifiedOn"]
    glue.update_workflow(Name="w", Description="same")
    assert workflow_of(glue)["LastModifiedOn"] > before


def test_what_is_not_there_is_named_as_glue_does(glue: Any) -> None:
    assert refused("EntityNotFoundException", glue.get_workflow, Name="w") == NOT_FOUND
    assert refused("EntityNotFoundException", glue.update_workflow, Name="w") == NOT_FOUND
    assert plain(glue.delete_workflow(Name="w")) == {"Name": "w"}


def test_each_group_has_its_own(glue: Any, glue_service: Any) -> None:
    glue.create_workflow(Name="w")
    other = glue_client(glue_service.url, "SOMEBODYELSE")
    assert refused("EntityNotFoundException", other.get_workflow, Name="w") == NOT_FOUND
    assert other.list_workflows()["Workflows"] == []
    other.close()


def test_a_batch_names_those_that_are_missing_once(glue: Any) -> None:
    glue.create_workflow(Name="a")
    answer = glue.batch_get_workflows(Names=["x", "a", "x", "a"], IncludeGraph=True)
    assert [each["Name"] for each in answer["Workflows"]] == ["a"]
    assert answer["Workflows"][0]["Graph"] == {"Nodes": [], "Edges": []}
    assert answer["MissingWorkflows"] == ["x"]


def test_a_batch_has_limits(glue: Any) -> None:
    names = [f"w{number}" for number in range(26)]
    refused("ValidationException", glue.batch_get_workflows, Names=names)
    with pytest.raises(ParamValidationError):
        glue.batch_get_workflows(Names=[])


def test_lists_are_paged(glue: Any) -> None:
    names = [f"w{number}" for number in range(7)]
    for name in names:
        glue.create_workflow(Name=name)
    assert pages(glue, "list_workflows", "Workflows", 3) == names
    assert "NextToken" not in glue.list_workflows(MaxResults=7)
    refused("ValidationException", glue.list_workflows, MaxResults=26)


def made_up(place: bytes) -> str:
    told = b'["ListWorkflows",' + place + b"]"
    digest = hashlib.blake2b(told, digest_size=6, person=b"glue token").digest()
    return base64.urlsafe_b64encode(digest + told).decode()


@pytest.mark.parametrize("token", ["x", made_up(b"5"), made_up(b'"\\u0000"'), made_up(b"[]")])
def test_tokens_of_others_are_refused(glue: Any, token: str) -> None:
    refused("InvalidInputException", glue.list_workflows, NextToken=token)


def test_the_graph_is_that_of_the_triggers_as_they_are(glue: Any) -> None:
    glue.create_workflow(Name="w")
    glue.create_trigger(
        Name="t", WorkflowName="w", Type="ON_DEMAND", Actions=[{"JobName": "not-there-yet"}]
    )
    glue.create_trigger(Name="other", Type="ON_DEMAND", Actions=[{"JobName": "x"}])
    assert "Graph" not in workflow_of(glue)
    graph = workflow_of(glue, IncludeGraph=True)["Graph"]
    (trigger, job) = graph["Nodes"]
    assert trigger["TriggerDetails"]["Trigger"] == glue.get_trigger(Name="t")["Trigger"]
    assert (job["Type"], job["Name"], job["JobDetails"]) == ("JOB", "not-there-yet", {})
    assert graph["Edges"] == [{"SourceId": trigger["UniqueId"], "DestinationId": job["UniqueId"]}]


def test_a_workflow_has_to_be_there_before_its_triggers(glue: Any) -> None:
    refused(
        "EntityNotFoundException",
        glue.create_trigger,
        Name="t",
        WorkflowName="nobody",
        Type="ON_DEMAND",
        Actions=[{"JobName": "x"}],
    )


def test_a_workflow_that_is_made_anew_knows_nothing_of_the_old_one(glue: Any) -> None:
    glue.create_workflow(Name="w")
    run_id = glue.start_workflow_run(Name="w")["RunId"]
    assert workflow_of(glue)["LastRun"]["WorkflowRunId"] == run_id
    glue.delete_workflow(Name="w")
    glue.create_workflow(Name="w")
    assert "LastRun" not in workflow_of(glue)
    assert glue.get_workflow_runs(Name="w")["Runs"] == []


async def test_workflows_of_the_native_api_are_shown_too(virtual_glue: Any) -> None:
    group = virtual_glue.group
    await virtual_glue("create_job", Name="a", Role=ROLE, Command={"Name": "glueetl"})
    await virtual_glue.board.create_workflow(Workflow(name="w", group=group))
    await virtual_glue.board.create_trigger(
        Trigger(
            name="t",
            group=group,
            schedule=every(hours=1),
            actions=(Action(job="a"),),
            workflow="w",
        )
    )
    workflow = (await virtual_glue("get_workflow", Name="w", IncludeGraph=True))["Workflow"]
    assert [node["Name"] for node in workflow["Graph"]["Nodes"]] == ["t", "a"]


async def test_a_repeated_update_of_the_same_definition_keeps_the_native_fields(
    virtual_glue: Any,
) -> None:
    group = virtual_glue.group
    native = Workflow(
        name="w",
        group=group,
        labels={"team": "x"},
        annotations={"mine": 1},
        run_arguments={"a": "b"},
    )
    await virtual_glue.board.create_workflow(native)
    await virtual_glue("update_workflow", Name="w", Description="by the door")
    found = await virtual_glue.board.get_workflow(group, "w")
    assert (found.description, found.labels) == ("by the door", {"team": "x"})
    assert found.run_arguments == {"a": "b"}
    assert found.annotations["mine"] == 1
