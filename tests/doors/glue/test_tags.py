"""Tags of jobs, triggers and workflows, by their ARNs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from callboard.domain.job import Job
from callboard.domain.schedule import At, OnDemand
from callboard.domain.trigger import Action, Trigger
from callboard.domain.workflow import Workflow
from support.glue import REGION, ROLE, plain, refused

Fresh = Callable[[str], str]
MakeJob = Callable[..., str]


def arn_of(kind: str, name: str, account: str = "123456789012", region: str = REGION) -> str:
    return f"arn:aws:glue:{region}:{account}:{kind}/{name}"


def test_a_job_without_tags_has_none(glue: Any, make_job: MakeJob) -> None:
    assert plain(glue.get_tags(ResourceArn=arn_of("job", make_job()))) == {"Tags": {}}


def test_answers_are_empty_and_what_is_there_already_is_no_change(
    glue: Any, make_job: MakeJob
) -> None:
    name = make_job(Tags={"a": "1"})
    at = arn_of("job", name)
    before = glue.get_job(JobName=name)["Job"]
    assert plain(glue.tag_resource(ResourceArn=at, TagsToAdd={"a": "1"})) == {}
    assert plain(glue.tag_resource(ResourceArn=at, TagsToAdd={})) == {}
    assert plain(glue.untag_resource(ResourceArn=at, TagsToRemove=["b"])) == {}
    assert glue.get_job(JobName=name)["Job"] == before


def test_keys_and_values_are_case_sensitive(glue: Any, make_job: MakeJob) -> None:
    name = make_job(Tags={"Team": "Data"})
    glue.tag_resource(ResourceArn=arn_of("job", name), TagsToAdd={"team": "data"})
    tags = glue.get_tags(ResourceArn=arn_of("job", name))["Tags"]
    assert tags == {"Team": "Data", "team": "data"}
    assert glue.list_jobs(Tags={"Team": "data"})["JobNames"] == []


def test_a_resource_has_at_most_fifty_tags(glue: Any, make_job: MakeJob) -> None:
    name = make_job(Tags={f"tag-{index}": "" for index in range(49)})
    at = arn_of("job", name)
    glue.tag_resource(ResourceArn=at, TagsToAdd={"tag-0": "other", "fiftieth": "ž"})
    message = refused(
        "InvalidInputException", glue.tag_resource, ResourceArn=at, TagsToAdd={"tag-51": ""}
    )
    assert "at most 50 tags" in message
    assert len(glue.get_tags(ResourceArn=at)["Tags"]) == 50
    glue.tag_resource(ResourceArn=at, TagsToAdd={"tag-1": "overwritten"})
    glue.untag_resource(ResourceArn=at, TagsToRemove=["tag-2"])
    glue.tag_resource(ResourceArn=at, TagsToAdd={"tag-51": ""})


def test_keys_that_are_reserved_are_refused(glue: Any, make_job: MakeJob, fresh: Fresh) -> None:
    name, other = make_job(), fresh("job")
    tags = {"aws:owner": "me"}
    at = arn_of("job", name)
    refused("InvalidInputException", glue.tag_resource, ResourceArn=at, TagsToAdd=tags)
    assert glue.get_tags(ResourceArn=at)["Tags"] == {}
    refused(
        "InvalidInputException",
        glue.create_job,
        Name=other,
        Role=ROLE,
        Command={"Name": "pythonshell"},
        Tags=tags,
    )
    refused("EntityNotFoundException", glue.get_job, JobName=other)
    glue.tag_resource(ResourceArn=at, TagsToAdd={"awsome": "yes"})


@pytest.mark.parametrize(
    "arn",
    [
        arn_of("job", "nobody"),
        arn_of("trigger", "nobody"),
        arn_of("workflow", "nobody"),
        arn_of("crawler", "nobody"),
        arn_of("blueprint", "nobody"),
        arn_of("job", "nobody\x00"),
    ],
)
def test_a_resource_that_is_not_there(glue: Any, arn: str) -> None:
    for call, members in (
        (glue.get_tags, {}),
        (glue.tag_resource, {"TagsToAdd": {"a": "b"}}),
        (glue.untag_resource, {"TagsToRemove": ["a"]}),
    ):
        message = refused("EntityNotFoundException", call, ResourceArn=arn, **members)
        assert "nobody" in message


def test_the_account_must_be_the_services_and_the_region_may_be_any(
    glue: Any, make_job: MakeJob
) -> None:
    name = make_job(Tags={"a": "1"})
    foreign = arn_of("job", name, account="999999999999")
    refused("EntityNotFoundException", glue.get_tags, ResourceArn=foreign)
    elsewhere = arn_of("job", name, region="eu-west-3")
    assert glue.get_tags(ResourceArn=elsewhere)["Tags"] == {"a": "1"}
    refused("InvalidInputException", glue.get_tags, ResourceArn="arn:aws:glue:nonsense")


def test_a_name_with_slashes_and_colons_is_found(glue: Any, make_job: MakeJob) -> None:
    name = make_job(name="job/a:b/č 1", Tags={"a": "1"})
    assert glue.get_tags(ResourceArn=arn_of("job", name))["Tags"] == {"a": "1"}


def test_tags_that_are_added_at_once_are_all_there(glue: Any, make_job: MakeJob) -> None:
    at = arn_of("job", make_job(Tags={f"old-{index}": "" for index in range(8)}))

    def change(index: int) -> None:
        glue.tag_resource(ResourceArn=at, TagsToAdd={f"new-{index}": str(index)})
        glue.untag_resource(ResourceArn=at, TagsToRemove=[f"old-{index}"])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(change, range(8)))
    tags = glue.get_tags(ResourceArn=at)["Tags"]
    assert tags == {f"new-{index}": str(index) for index in range(8)}


async def test_tags_of_a_trigger_leave_its_schedule_alone(virtual_glue: Any) -> None:
    board, group = virtual_glue.board, virtual_glue.group
    job = Job(name="load", group=group, kind="command", spec={"argv": ["true"]})
    await board.create_job(job)
    schedule = At(at=datetime(2030, 1, 1, tzinfo=UTC))
    trigger = Trigger(
        name="t", group=group, schedule=schedule, actions=(Action(job="load"),), labels={"a": "1"}
    )
    before = await board.create_trigger(trigger)
    at = arn_of("trigger", "t")
    await virtual_glue("tag_resource", ResourceArn=at, TagsToAdd={"b": "2"})
    assert (await virtual_glue("get_tags", ResourceArn=at))["Tags"] == {"a": "1", "b": "2"}
    await virtual_glue("untag_resource", ResourceArn=at, TagsToRemove=["a"])
    after = await board.get_trigger(group, "t")
    assert after.labels == {"b": "2"}
    kept = ("state", "generation", "next_slot", "schedule", "anchor_at")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]


async def test_a_trigger_that_is_inactive_stays_so(virtual_glue: Any) -> None:
    board, group = virtual_glue.board, virtual_glue.group
    await board.create_job(Job(name="load", group=group, kind="command", spec={"argv": ["true"]}))
    trigger = Trigger(name="t", group=group, schedule=OnDemand(), actions=(Action(job="load"),))
    before = await board.create_trigger(trigger, activate=False)
    await virtual_glue("tag_resource", ResourceArn=arn_of("trigger", "t"), TagsToAdd={"b": "2"})
    assert (await board.get_trigger(group, "t")).state is before.state


async def test_tags_of_a_workflow(virtual_glue: Any) -> None:
    workflow = Workflow(name="nightly", group=virtual_glue.group, description="all of it")
    await virtual_glue.board.create_workflow(workflow)
    at = arn_of("workflow", "nightly")
    await virtual_glue("tag_resource", ResourceArn=at, TagsToAdd={"b": "2", "c": "3"})
    await virtual_glue("untag_resource", ResourceArn=at, TagsToRemove=["b"])
    assert (await virtual_glue("get_tags", ResourceArn=at))["Tags"] == {"c": "3"}
    stored = await virtual_glue.board.get_workflow(virtual_glue.group, "nightly")
    assert (stored.description, stored.labels) == ("all of it", {"c": "3"})
