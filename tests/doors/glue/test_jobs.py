"""Jobs by boto3: what becomes of them beside others who change them, and beside the native API."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from callboard.domain.job import Job, RetryPolicy
from callboard.domain.schedule import OnDemand
from callboard.domain.trigger import Action, OnMissing, Trigger
from callboard_service.doors.glue.operation import GlueCall
from callboard_service.doors.glue.tokens import next_token
from support.glue import REGION, ROLE, pages, plain, refused

Fresh = Callable[[str], str]
MakeJob = Callable[..., str]

COMMAND = {"Name": "pythonshell", "ScriptLocation": "/srv/load.py"}
UPDATE: dict[str, Any] = {"Role": ROLE, "Command": COMMAND}


def arn_of(name: str) -> str:
    return f"arn:aws:glue:{REGION}:123456789012:job/{name}"


def outcome_of(call: Callable[..., Any], **members: Any) -> str:
    """`done`, or the code of the refusal."""
    try:
        call(**members)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


def at_once(calls: list[Callable[[], str]]) -> list[str]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(lambda call: call(), calls))


@pytest.mark.parametrize("is_same", [True, False])
def test_of_many_who_create_one_name_exactly_one_wins(
    glue: Any, fresh: Fresh, is_same: bool
) -> None:
    name = fresh("job")

    def create(index: int) -> str:
        words = "all the same" if is_same else f"number {index}"
        return outcome_of(glue.create_job, Name=name, Role=ROLE, Command=COMMAND, Description=words)

    told = at_once([lambda index=index: create(index) for index in range(12)])  # type: ignore[misc]
    assert sorted(told) == sorted(["done"] + ["AlreadyExistsException"] * 11)
    words = glue.get_job(JobName=name)["Job"]["Description"]
    assert words == ("all the same" if is_same else f"number {told.index('done')}")


def test_updates_and_tags_at_once_lose_nothing_of_each_other(glue: Any, make_job: MakeJob) -> None:
    name = make_job(GlueVersion="4.0")

    def update(index: int) -> str:
        members = {**UPDATE, "Description": f"number {index}", "MaxRetries": index}
        return outcome_of(glue.update_job, JobName=name, JobUpdate=members)

    def tag(index: int) -> str:
        tags = {f"tag-{index}": str(index)}
        return outcome_of(glue.tag_resource, ResourceArn=arn_of(name), TagsToAdd=tags)

    calls = [
        lambda change=change, index=index: change(index)  # type: ignore[misc]
        for index in range(6)
        for change in (update, tag)
    ]
    assert at_once(calls) == ["done"] * 12
    job = glue.get_job(JobName=name)["Job"]
    assert job["Description"] == f"number {job['MaxRetries']}"
    assert job["GlueVersion"] == "4.0"
    tags = glue.get_tags(ResourceArn=arn_of(name))["Tags"]
    assert tags == {f"tag-{index}": str(index) for index in range(6)}


def test_an_update_while_it_is_deleted_does_not_bring_it_back(glue: Any, make_job: MakeJob) -> None:
    name = make_job()

    def update() -> str:
        return outcome_of(glue.update_job, JobName=name, JobUpdate=UPDATE)

    def delete() -> str:
        return outcome_of(glue.delete_job, JobName=name)

    told = at_once([update, delete, update, update, update])
    assert told[1] == "done"
    assert set(told) <= {"done", "EntityNotFoundException"}
    refused("EntityNotFoundException", glue.get_job, JobName=name)


def test_a_missing_job_is_named_as_in_moto(glue: Any) -> None:
    message = refused("EntityNotFoundException", glue.get_job, JobName="my_job_name")
    assert message == "Job my_job_name not found."


def test_a_refused_definition_changes_nothing(glue: Any, fresh: Fresh, make_job: MakeJob) -> None:
    name = fresh("job")
    command = {"Name": "glueetl", "ScriptLocation": "/srv/a.py"}
    message = refused(
        "InvalidInputException",
        glue.create_job,
        Name=name,
        Role=ROLE,
        Command=command,
        WorkerType="G.1X",
    )
    assert message == "Please set both Worker Type and Number of Workers."
    refused("EntityNotFoundException", glue.get_job, JobName=name)
    there = make_job(Description="as it was")
    before = glue.get_job(JobName=there)
    update = {**UPDATE, "Timeout": 10_081, "Description": "other"}
    refused("InvalidInputException", glue.update_job, JobName=there, JobUpdate=update)
    refused("InvalidInputException", glue.update_job, JobName=there, JobUpdate={"Role": ROLE})
    assert plain(glue.get_job(JobName=there)) == plain(before)


def test_jobs_come_in_pages_by_name_while_others_come_and_go(glue: Any, make_job: MakeJob) -> None:
    names = [f"job-{index:02}" for index in range(7)]
    for name in names[::-1]:
        make_job(name=name, Tags={"kind": "paged"})
    assert pages(glue, "list_jobs", "JobNames", 3) == names
    assert [job["Name"] for job in pages(glue, "get_jobs", "Jobs", 2)] == names
    assert pages(glue, "list_jobs", "JobNames", 3, Tags={"kind": "paged"}) == names
    first = glue.list_jobs(MaxResults=3)
    glue.delete_job(JobName=names[2])
    make_job(name="job-00b")
    rest = glue.list_jobs(NextToken=first["NextToken"])
    assert first["JobNames"] + rest["JobNames"] == names
    assert "NextToken" not in rest


def test_a_token_of_another_operation_is_refused(glue: Any, make_job: MakeJob) -> None:
    for _ in range(2):
        make_job()
    token = glue.list_jobs(MaxResults=1)["NextToken"]
    call = GlueCall(
        board=None,  # type: ignore[arg-type]
        group="",
        request={},
        clock=None,  # type: ignore[arg-type]
        account="",
        operation="GetJobs",
    )
    made_up = [next_token(call, place) for place in (5, ["a"], "\x00")]
    for strange in (token, "strange", *made_up):
        refused("InvalidInputException", glue.get_jobs, NextToken=strange)


def test_the_last_page_has_no_token(glue: Any, make_job: MakeJob) -> None:
    for _ in range(2):
        make_job()
    assert "NextToken" not in glue.get_jobs(MaxResults=2)


def test_a_batch_may_name_a_job_twice_and_very_many(glue: Any, make_job: MakeJob) -> None:
    name = make_job()
    twice = glue.batch_get_jobs(JobNames=[name, name, "a", "a"])
    assert [job["Name"] for job in twice["Jobs"]] == [name]
    assert twice["JobsNotFound"] == ["a"]
    strangers = [f"stranger-{index}" for index in range(3000)]
    many = glue.batch_get_jobs(JobNames=[*strangers, name])
    assert [job["Name"] for job in many["Jobs"]] == [name]
    assert many["JobsNotFound"] == strangers
    assert plain(glue.batch_get_jobs(JobNames=[])) == {"Jobs": [], "JobsNotFound": []}


def test_definitions_in_the_shapes_of_motos_tests(glue: Any, fresh: Fresh) -> None:
    name = fresh("job")
    assert glue.create_job(Name=name, Role="test_role", Command={"Name": "test_command"})["Name"]
    job = glue.get_job(JobName=name)["Job"]
    assert job["Command"] == {"Name": "test_command"}
    glue.delete_job(JobName=name)
    glue.create_job(
        Name=name,
        Role="some-role",
        ExecutionProperty={"MaxConcurrentRuns": 5},
        MaxRetries=123,
        Connections={"Connections": ["string"]},
        DefaultArguments={"string": "string"},
        Command={"Name": "some-name", "ScriptLocation": "some-location"},
        Tags={},
    )
    job = glue.get_job(JobName=name)["Job"]
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 5}
    assert job["DefaultArguments"] == {"string": "string"}


def test_a_text_that_nobody_can_store_is_refused(glue: Any, fresh: Fresh) -> None:
    name = fresh("job")
    command = {**COMMAND, "Name": "a\x00b"}
    message = refused(
        "InvalidInputException", glue.create_job, Name=name, Role=ROLE, Command=command
    )
    assert "Command.Name: contains a NUL character" in message
    refused("InvalidInputException", glue.list_jobs, Tags={"a": "\x00"})


def native_job(group: str, name: str = "native") -> Job:
    return Job(
        name=name,
        group=group,
        kind="command",
        spec={"argv": ["echo", "hello"]},
        retry=RetryPolicy(max_attempts=4),
        labels={"team": "ops"},
    )


async def test_a_native_job_is_shown_and_tagged_and_deleted(virtual_glue: Any) -> None:
    await virtual_glue.board.create_job(native_job(virtual_glue.group))
    job = (await virtual_glue("get_job", JobName="native"))["Job"]
    assert job["Command"] == {"Name": "command", "ScriptLocation": "echo hello"}
    assert job["MaxRetries"] == 3
    assert (await virtual_glue("list_jobs", Tags={"team": "ops"}))["JobNames"] == ["native"]
    await virtual_glue("tag_resource", ResourceArn=arn_of("native"), TagsToAdd={"a": "b"})
    stored = await virtual_glue.board.get_job(virtual_glue.group, "native")
    assert (stored.kind, stored.labels) == ("command", {"team": "ops", "a": "b"})
    await virtual_glue("delete_job", JobName="native")
    assert (await virtual_glue("get_jobs"))["Jobs"] == []


async def test_an_update_does_not_destroy_a_native_job(virtual_glue: Any) -> None:
    stored = await virtual_glue.board.create_job(native_job(virtual_glue.group))
    message = await virtual_glue.do(
        lambda: refused(
            "InvalidInputException",
            virtual_glue.client.update_job,
            JobName="native",
            JobUpdate=UPDATE,
        )
    )
    assert "native is a command job that was not made by CreateJob" in message
    assert await virtual_glue.board.get_job(virtual_glue.group, "native") == stored


async def test_a_job_that_a_native_trigger_starts_cannot_be_deleted(
    virtual_glue: Any,
) -> None:
    await virtual_glue("create_job", Name="load", Role=ROLE, Command=COMMAND)
    trigger = Trigger(
        name="by-hand", group=virtual_glue.group, schedule=OnDemand(), actions=(Action(job="load"),)
    )
    await virtual_glue.board.create_trigger(trigger)
    message = await virtual_glue.do(
        lambda: refused("InvalidInputException", virtual_glue.client.delete_job, JobName="load")
    )
    assert "by-hand" in message
    await virtual_glue.board.delete_trigger(virtual_glue.group, "by-hand")
    await virtual_glue("delete_job", JobName="load")
    assert (await virtual_glue("list_jobs"))["JobNames"] == []


async def test_a_job_that_a_trigger_of_glue_starts_can_be_deleted(virtual_glue: Any) -> None:
    await virtual_glue("create_job", Name="load", Role=ROLE, Command=COMMAND)
    trigger = Trigger(
        name="nightly",
        group=virtual_glue.group,
        schedule=OnDemand(),
        actions=(Action(job="load"),),
        on_missing=OnMissing.SKIP,
    )
    await virtual_glue.board.create_trigger(trigger)
    await virtual_glue("delete_job", JobName="load")
    assert (await virtual_glue("list_jobs"))["JobNames"] == []
