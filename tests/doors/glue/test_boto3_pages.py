"""The paginators of boto3 walk through everything, once each, whatever the size of a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.glue import pages, refused, wait_run

MakeJob = Callable[..., str]


@pytest.fixture
def names(glue: Any, make_job: MakeJob) -> list[str]:
    """Seven jobs, each with a trigger and a workflow of its name; every third is tagged."""
    names = [make_job(Tags={"third": "yes"} if n % 3 == 0 else {}) for n in range(7)]
    for number, name in enumerate(names):
        tags = {"third": "yes"} if number % 3 == 0 else {}
        glue.create_trigger(Name=name, Type="ON_DEMAND", Actions=[{"JobName": names[0]}], Tags=tags)
        glue.create_workflow(Name=name)
    return sorted(names)


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_jobs_triggers_and_workflows(glue: Any, names: list[str], size: int) -> None:
    jobs = pages(glue, "get_jobs", "Jobs", size)
    assert sorted(job["Name"] for job in jobs) == names
    assert sorted(pages(glue, "list_jobs", "JobNames", size)) == names
    triggers = pages(glue, "get_triggers", "Triggers", size)
    assert sorted(trigger["Name"] for trigger in triggers) == names
    assert sorted(pages(glue, "list_triggers", "TriggerNames", size)) == names
    assert sorted(pages(glue, "list_workflows", "Workflows", min(size, 25))) == names


def test_filtered_lists(glue: Any, names: list[str]) -> None:
    tags = {"third": "yes"}
    assert len(pages(glue, "list_jobs", "JobNames", 2, Tags=tags)) == 3
    assert len(pages(glue, "list_triggers", "TriggerNames", 2, Tags=tags)) == 3
    job = glue.get_trigger(Name=names[0])["Trigger"]["Actions"][0]["JobName"]
    found = pages(glue, "get_triggers", "Triggers", 2, DependentJobName=job)
    assert sorted(each["Name"] for each in found) == names
    nobody = pages(glue, "list_triggers", "TriggerNames", 2, DependentJobName="nobody")
    assert sorted(nobody) == names


def test_runs_of_jobs_and_workflows(glue: Any, make_job: MakeJob) -> None:
    job = make_job(ExecutionProperty={"MaxConcurrentRuns": 10})
    glue.create_workflow(Name="w")
    glue.create_trigger(Name="t", WorkflowName="w", Type="ON_DEMAND", Actions=[{"JobName": job}])
    ids = [glue.start_workflow_run(Name="w")["RunId"] for _ in range(5)]
    for size in (1, 2, 5):
        runs = pages(glue, "get_workflow_runs", "Runs", size, Name="w")
        assert [run["WorkflowRunId"] for run in runs] == ids[::-1]
    listed = [run["Id"] for run in pages(glue, "get_job_runs", "JobRuns", 200, JobName=job)]
    assert len(listed) == 5
    for size in (1, 2, 5):
        runs = pages(glue, "get_job_runs", "JobRuns", size, JobName=job)
        assert [run["Id"] for run in runs] == listed
    for run_id in listed:
        wait_run(glue, job, run_id)


def test_pages_of_large_jobs_and_runs_are_shorter(glue: Any, make_job: MakeJob) -> None:
    large = {"--text": "x" * 900_000}
    names = sorted(make_job(DefaultArguments=large) for _ in range(6))
    page = glue.get_jobs(MaxResults=100)
    assert (len(page["Jobs"]), "NextToken" in page) == (4, True)
    assert [job["Name"] for job in pages(glue, "get_jobs", "Jobs", 100)] == names
    assert list(pages(glue, "list_jobs", "JobNames", 100)) == names


def test_a_token_goes_on_without_the_size_and_past_what_was_deleted(
    glue: Any, names: list[str]
) -> None:
    first = glue.list_jobs(MaxResults=3)
    for name in (first["JobNames"][-1], names[4]):
        glue.delete_job(JobName=name)
    rest = glue.list_jobs(NextToken=first["NextToken"])
    assert "NextToken" not in rest
    assert first["JobNames"] + rest["JobNames"] == [n for n in names if n != names[4]]


def test_an_empty_token_is_none(glue: Any, names: list[str]) -> None:
    assert len(glue.list_jobs(NextToken="")["JobNames"]) == 7


@pytest.mark.parametrize("token", ["nonsense", "e30=", "\u00fc", "0" * 5000])
def test_a_token_of_nobody_is_refused(glue: Any, token: str) -> None:
    for call in (glue.get_jobs, glue.list_jobs, glue.get_triggers, glue.list_workflows):
        refused("InvalidInputException", call, NextToken=token)


def test_a_token_of_another_operation_is_refused(glue: Any, names: list[str]) -> None:
    token = glue.list_jobs(MaxResults=1)["NextToken"]
    for call in (glue.get_jobs, glue.list_triggers, glue.list_workflows):
        refused("InvalidInputException", call, NextToken=token)


def test_a_token_of_another_access_key_shows_nothing_of_it(
    glue: Any, glue_service: Any, names: list[str], group: str
) -> None:
    from support.glue import glue_client

    token = glue.list_jobs(MaxResults=1)["NextToken"]
    other = glue_client(glue_service.url, f"{group}B")
    try:
        found = other.list_jobs(NextToken=token)["JobNames"]
    except other.exceptions.InvalidInputException:
        found = []
    finally:
        other.close()
    assert found == []
