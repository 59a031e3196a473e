"""Jobs and their tags by boto3, as a user's deployment script would handle them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from service.cli.processes import ServiceProcess
from support.glue import REGION, ROLE, glue_client, plain, refused

Fresh = Callable[[str], str]
MakeJob = Callable[..., str]

EVERYTHING: dict[str, Any] = {
    "JobMode": "SCRIPT",
    "JobRunQueuingEnabled": False,
    "Description": "loads the day's orders\nand checks them",
    "LogUri": "s3://bucket/logs",
    "Role": ROLE,
    "ExecutionProperty": {"MaxConcurrentRuns": 3},
    "Command": {
        "Name": "glueetl",
        "ScriptLocation": "/srv/scripts/load.py",
        "PythonVersion": "3",
        "Runtime": "Ray2.4",
    },
    "DefaultArguments": {"--source": "orders", "--TempDir": "s3://bucket/tmp", "--empty": ""},
    "NonOverridableArguments": {"--environment": "production"},
    "Connections": {"Connections": ["warehouse", "lake"]},
    "MaxRetries": 2,
    "Timeout": 90,
    "SecurityConfiguration": "encrypted",
    "NotificationProperty": {"NotifyDelayAfter": 5},
    "GlueVersion": "4.0",
    "NumberOfWorkers": 10,
    "WorkerType": "G.1X",
    "ExecutionClass": "FLEX",
    "SourceControlDetails": {"Provider": "GITHUB", "Repository": "etl", "Branch": "main"},
    "MaintenanceWindow": "Sun:23",
}
"""Members of CreateJob that are shown again as they were given."""


def arn(kind: str, name: str) -> str:
    return f"arn:aws:glue:{REGION}:123456789012:{kind}/{name}"


def test_everything_that_is_given_is_shown_again(glue: Any, fresh: Fresh) -> None:
    name = fresh("job")
    assert plain(glue.create_job(Name=name, **EVERYTHING)) == {"Name": name}
    job = glue.get_job(JobName=name)["Job"]
    assert {key: job.get(key) for key in EVERYTHING} == EVERYTHING
    assert job["Name"] == name
    assert "Tags" not in job


def test_a_job_knows_when_it_was_made_and_changed(glue: Any, make_job: MakeJob) -> None:
    name = make_job()
    made = glue.get_job(JobName=name)["Job"]
    assert abs(made["CreatedOn"] - datetime.now(UTC)) < timedelta(minutes=5)
    assert made["CreatedOn"] == made["LastModifiedOn"]
    command = {"Name": "pythonshell", "ScriptLocation": "/srv/other.py"}
    update = {"Role": ROLE, "Command": command}
    assert plain(glue.update_job(JobName=name, JobUpdate=update)) == {"JobName": name}
    changed = glue.get_job(JobName=name)["Job"]
    assert changed["CreatedOn"] == made["CreatedOn"]
    assert changed["LastModifiedOn"] > made["LastModifiedOn"]


def test_what_was_left_out_has_its_default(glue: Any, make_job: MakeJob) -> None:
    job = glue.get_job(JobName=make_job())["Job"]
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert job["MaxRetries"] == 0
    assert job["Timeout"] == 2880


def test_an_update_overwrites_the_whole_definition_but_not_the_tags(
    glue: Any, fresh: Fresh
) -> None:
    name = fresh("job")
    glue.create_job(Name=name, Tags={"team": "data"}, **EVERYTHING)
    command = {"Name": "pythonshell", "ScriptLocation": "/srv/other.py"}
    glue.update_job(JobName=name, JobUpdate={"Role": "other", "Command": command})
    job = glue.get_job(JobName=name)["Job"]
    assert (job["Role"], job["Command"]) == ("other", command)
    assert job["MaxRetries"] == 0
    assert not job.get("Description")
    assert not job.get("DefaultArguments")
    assert not job.get("NonOverridableArguments")
    assert "WorkerType" not in job
    assert glue.get_tags(ResourceArn=arn("job", name))["Tags"] == {"team": "data"}


def test_a_job_that_is_not_there(glue: Any, fresh: Fresh) -> None:
    name = fresh("job")
    update = {"Role": ROLE, "Command": {"Name": "pythonshell"}}
    for call, members in (
        (glue.get_job, {"JobName": name}),
        (glue.update_job, {"JobName": name, "JobUpdate": update}),
        (glue.start_job_run, {"JobName": name}),
        (glue.get_job_runs, {"JobName": name}),
        (glue.get_job_run, {"JobName": name, "RunId": "jr_" + "0" * 64}),
        (glue.get_job_bookmark, {"JobName": name}),
        (glue.reset_job_bookmark, {"JobName": name}),
        (glue.get_tags, {"ResourceArn": arn("job", name)}),
        (glue.tag_resource, {"ResourceArn": arn("job", name), "TagsToAdd": {"a": "b"}}),
        (glue.untag_resource, {"ResourceArn": arn("job", name), "TagsToRemove": ["a"]}),
    ):
        assert name in refused("EntityNotFoundException", call, **members)
    assert plain(glue.delete_job(JobName=name)) == {"JobName": name}


def test_a_job_is_deleted_and_its_name_is_free_again(glue: Any, make_job: MakeJob) -> None:
    name = make_job(Description="first")
    glue.delete_job(JobName=name)
    refused("EntityNotFoundException", glue.get_job, JobName=name)
    make_job(name=name, Description="second")
    assert glue.get_job(JobName=name)["Job"]["Description"] == "second"


def test_a_taken_name_is_refused_and_nothing_overwritten(glue: Any, make_job: MakeJob) -> None:
    name = make_job(Description="first")
    command = {"Name": "pythonshell", "ScriptLocation": "/srv/x.py"}
    refused(
        "AlreadyExistsException",
        glue.create_job,
        Name=name,
        Role=ROLE,
        Command=command,
        Description="second",
    )
    assert glue.get_job(JobName=name)["Job"]["Description"] == "first"


def test_jobs_are_got_by_the_list(glue: Any, make_job: MakeJob) -> None:
    names = [make_job() for _ in range(3)]
    answer = glue.batch_get_jobs(JobNames=[names[2], "nobody", names[0]])
    assert sorted(job["Name"] for job in answer["Jobs"]) == sorted([names[0], names[2]])
    assert answer["JobsNotFound"] == ["nobody"]


def test_names_may_have_blanks_slashes_and_any_letter(glue: Any, make_job: MakeJob) -> None:
    names = ["nightly load / orders", "žluťoučký kůň", "日本語 ジョブ", "a?b#c%2F&d", "x" * 255]
    for name in names:
        make_job(name=name)
        assert glue.get_job(JobName=name)["Job"]["Name"] == name
    assert sorted(glue.list_jobs()["JobNames"]) == sorted(names)
    for name in names:
        glue.delete_job(JobName=name)
    assert glue.list_jobs()["JobNames"] == []


def test_tags_are_added_overwritten_and_removed(glue: Any, make_job: MakeJob) -> None:
    name = make_job(Tags={"team": "data", "stage": "test"})
    at = arn("job", name)
    glue.tag_resource(ResourceArn=at, TagsToAdd={"stage": "production", "empty": ""})
    tags = {"team": "data", "stage": "production", "empty": ""}
    assert glue.get_tags(ResourceArn=at)["Tags"] == tags
    glue.untag_resource(ResourceArn=at, TagsToRemove=["team", "was-never-there"])
    assert glue.get_tags(ResourceArn=at)["Tags"] == {"stage": "production", "empty": ""}


def test_jobs_are_listed_by_all_their_tags(glue: Any, make_job: MakeJob) -> None:
    both = make_job(Tags={"team": "data", "stage": "test"})
    make_job(Tags={"team": "data", "stage": "production"})
    make_job()
    assert len(glue.list_jobs()["JobNames"]) == 3
    assert glue.list_jobs(Tags={"team": "data", "stage": "test"})["JobNames"] == [both]
    assert len(glue.list_jobs(Tags={"team": "data"})["JobNames"]) == 2
    assert glue.list_jobs(Tags={"team": ""})["JobNames"] == []


def test_each_access_key_has_jobs_of_its_own(
    glue: Any, glue_service: ServiceProcess, make_job: MakeJob, group: str
) -> None:
    """The seed: key = user = group."""
    name = make_job(Description="mine")
    other = glue_client(glue_service.url, f"{group}B")
    try:
        refused("EntityNotFoundException", other.get_job, JobName=name)
        assert other.list_jobs()["JobNames"] == []
        assert other.batch_get_jobs(JobNames=[name])["JobsNotFound"] == [name]
        other.delete_job(JobName=name)
    finally:
        other.close()
    assert glue.get_job(JobName=name)["Job"]["Description"] == "mine"
