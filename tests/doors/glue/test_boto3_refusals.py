"""Bad input: AWS's own error code each, status 400, and nothing is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.cli.processes import ServiceProcess
from support.glue import ROLE, post

INVALID = "InvalidInputException"
BROKEN = "ValidationException"
WRONG_TYPE = "SerializationException"
UNKNOWN = "UnknownOperationException"

COMMAND = {"Name": "pythonshell", "ScriptLocation": "/srv/x.py"}
ETL = {"Name": "glueetl", "ScriptLocation": "/srv/x.py"}
JOB: dict[str, Any] = {"Name": "new", "Role": ROLE, "Command": COMMAND}
ACTIONS = [{"JobName": "there"}]
NOON = "cron(0 12 * * ? *)"
SCHEDULED: dict[str, Any] = {
    "Name": "new",
    "Type": "SCHEDULED",
    "Schedule": NOON,
    "Actions": ACTIONS,
}
WATCHED = {"LogicalOperator": "EQUALS", "JobName": "watched", "State": "SUCCEEDED"}


def conditional(*conditions: dict[str, Any], **more: Any) -> dict[str, Any]:
    predicate = {"Conditions": list(conditions), **more}
    return {"Name": "new", "Type": "CONDITIONAL", "Predicate": predicate, "Actions": ACTIONS}


def without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}


JOBS: list[tuple[str, Any, str]] = [
    ("no name", without(JOB, "Name"), BROKEN),
    ("no role", without(JOB, "Role"), BROKEN),
    ("no command", without(JOB, "Command"), BROKEN),
    ("null is absent", {**JOB, "Name": None}, BROKEN),
    ("name is empty", {**JOB, "Name": ""}, BROKEN),
    ("name of 256", {**JOB, "Name": "x" * 256}, BROKEN),
    ("name of two lines", {**JOB, "Name": "a\nb"}, BROKEN),
    ("name is a number", {**JOB, "Name": 7}, WRONG_TYPE),
    ("command is a text", {**JOB, "Command": "pythonshell"}, WRONG_TYPE),
    ("arguments are a list", {**JOB, "DefaultArguments": ["--a"]}, WRONG_TYPE),
    ("argument is a number", {**JOB, "DefaultArguments": {"--a": 1}}, WRONG_TYPE),
    ("retries are a text", {**JOB, "MaxRetries": "2"}, WRONG_TYPE),
    ("retries are broken", {**JOB, "MaxRetries": 1.5}, WRONG_TYPE),
    ("timeout of nothing", {**JOB, "Timeout": 0}, BROKEN),
    ("timeout of 10081", {**JOB, "Timeout": 10081}, INVALID),
    ("description of 2049", {**JOB, "Description": "x" * 2049}, BROKEN),
    ("unknown class", {**JOB, "Command": ETL, "ExecutionClass": "QUICK"}, BROKEN),
    ("unknown worker", {**JOB, "Command": ETL, "WorkerType": "H.1X"}, BROKEN),
    ("python 4", {**JOB, "Command": {**COMMAND, "PythonVersion": "4"}}, BROKEN),
    ("glue version", {**JOB, "Command": ETL, "GlueVersion": "4.0!"}, BROKEN),
    ("gone glue version", {**JOB, "Command": ETL, "GlueVersion": "2.0"}, INVALID),
    ("maintenance day", {**JOB, "MaintenanceWindow": "Someday:3"}, BROKEN),
    ("51 tags", {**JOB, "Tags": {f"t{n}": "" for n in range(51)}}, BROKEN),
    ("tag of 129", {**JOB, "Tags": {"k" * 129: ""}}, BROKEN),
    ("tag value of 257", {**JOB, "Tags": {"k": "v" * 257}}, BROKEN),
    ("reserved tag", {**JOB, "Tags": {"aws:k": "v"}}, INVALID),
    ("workers alone", {**JOB, "Command": ETL, "NumberOfWorkers": 3}, INVALID),
    ("worker type alone", {**JOB, "Command": ETL, "WorkerType": "G.1X"}, INVALID),
    ("two capacities", {**JOB, "Command": ETL, "MaxCapacity": 2, "AllocatedCapacity": 2}, INVALID),
    ("shell of workers", {**JOB, "WorkerType": "G.1X", "NumberOfWorkers": 2}, INVALID),
    ("shell capacity", {**JOB, "MaxCapacity": 2}, INVALID),
    ("shell precision", {**JOB, "MaxCapacity": 0.5}, INVALID),
    ("flexible shell", {**JOB, "ExecutionClass": "FLEX"}, INVALID),
]

TRIGGERS: list[tuple[str, Any, str]] = [
    ("no type", without(SCHEDULED, "Type"), BROKEN),
    ("no actions", without(SCHEDULED, "Actions"), BROKEN),
    ("unknown type", {**SCHEDULED, "Type": "HOURLY"}, BROKEN),
    ("name of two lines", {**SCHEDULED, "Name": "a\nb"}, BROKEN),
    ("actions are one", {**SCHEDULED, "Actions": ACTIONS[0]}, WRONG_TYPE),
    ("no schedule", without(SCHEDULED, "Schedule"), INVALID),
    ("five fields", {**SCHEDULED, "Schedule": "cron(0 12 * * ?)"}, INVALID),
    ("two days", {**SCHEDULED, "Schedule": "cron(0 10 1 * MON *)"}, INVALID),
    ("no day", {**SCHEDULED, "Schedule": "cron(0 10 ? * ? *)"}, INVALID),
    ("minute 60", {**SCHEDULED, "Schedule": "cron(60 10 * * ? *)"}, INVALID),
    ("a rate", {**SCHEDULED, "Schedule": "rate(5 minutes)"}, INVALID),
    ("a blank before", {**SCHEDULED, "Schedule": " cron(0 12 * * ? *)"}, INVALID),
    (
        "on demand at once",
        {"Name": "new", "Type": "ON_DEMAND", "Actions": ACTIONS, "StartOnCreation": True},
        INVALID,
    ),
    ("condition without predicate", without(conditional(), "Predicate"), INVALID),
    ("two without logical", conditional(WATCHED, {**WATCHED, "JobName": "two"}), INVALID),
    ("unknown logical", conditional(WATCHED, Logical="OR"), BROKEN),
    ("unknown operator", conditional({**WATCHED, "LogicalOperator": "LIKE"}), BROKEN),
    ("no operator", conditional(without(WATCHED, "LogicalOperator")), INVALID),
    ("nobody watched", conditional(without(WATCHED, "JobName")), INVALID),
    ("no state", conditional(without(WATCHED, "State")), INVALID),
    ("state nobody waits for", conditional({**WATCHED, "State": "RUNNING"}), INVALID),
    ("unknown state", conditional({**WATCHED, "State": "DONE"}), BROKEN),
    ("its own job", conditional({**WATCHED, "JobName": "there"}), INVALID),
    ("501 conditions", conditional(*[WATCHED] * 501, Logical="ANY"), BROKEN),
    (
        "job and crawler",
        {**SCHEDULED, "Actions": [{"JobName": "there", "CrawlerName": "c"}]},
        INVALID,
    ),
    ("event without workflow", {"Name": "new", "Type": "EVENT", "Actions": ACTIONS}, INVALID),
    (
        "unknown workflow",
        {**SCHEDULED, "WorkflowName": "nobody"},
        "EntityNotFoundException",
    ),
    (
        "batch of 101",
        {**SCHEDULED, "EventBatchingCondition": {"BatchSize": 101}},
        BROKEN,
    ),
    ("timeout of nothing", {**SCHEDULED, "Actions": [{"JobName": "x", "Timeout": 0}]}, BROKEN),
    ("51 tags", {**SCHEDULED, "Tags": {f"t{n}": "" for n in range(51)}}, BROKEN),
]

OTHERS: list[tuple[str, Any, str]] = [
    ("GetJobs", {"MaxResults": 1001}, BROKEN),
    ("GetJobs", {"MaxResults": 0}, BROKEN),
    ("GetJobs", {"NextToken": "nonsense"}, INVALID),
    ("GetTriggers", {"MaxResults": 201}, BROKEN),
    ("ListWorkflows", {"MaxResults": 26}, BROKEN),
    ("GetJobRuns", {"JobName": "there", "MaxResults": 201}, BROKEN),
    ("GetJobRuns", {"JobName": "there", "NextToken": "bm90aGluZw=="}, INVALID),
    ("BatchStopJobRun", {"JobName": "there", "JobRunIds": ["x"] * 26}, BROKEN),
    ("BatchStopJobRun", {"JobName": "there", "JobRunIds": []}, BROKEN),
    ("BatchGetWorkflows", {"Names": []}, BROKEN),
    ("StartJobRun", {"JobName": "there", "Timeout": 0}, BROKEN),
    ("StartJobRun", {"JobName": "there", "Timeout": 10081}, INVALID),
    ("StartJobRun", {"JobName": "there", "Arguments": "--day friday"}, WRONG_TYPE),
    ("StartJobRun", {"JobName": "there", "AllocatedCapacity": 2, "MaxCapacity": 2}, INVALID),
    ("UpdateJob", {"JobName": "there", "JobUpdate": {"Role": "x"}}, INVALID),
    ("UpdateJob", {"JobName": "there", "JobUpdate": {"Command": COMMAND}}, INVALID),
    ("UpdateTrigger", {"Name": "there", "TriggerUpdate": {"Actions": ACTIONS}}, INVALID),
    ("UpdateTrigger", {"Name": "there", "TriggerUpdate": {"Schedule": NOON}}, INVALID),
    ("CreateWorkflow", {"Name": "new", "MaxConcurrentRuns": 0}, INVALID),
    ("TagResource", {"ResourceArn": "no arn", "TagsToAdd": {"a": "b"}}, BROKEN),
    ("GetTags", {"ResourceArn": "arn:aws:glue:us-east-1:123456789012:nothing"}, INVALID),
    ("GetJob", {}, BROKEN),
    ("GetJob", {"Name": "there"}, BROKEN),
]


@pytest.fixture
def stored(glue: Any) -> Any:
    """A job and a trigger named "there"; the client sees what there is."""
    glue.create_job(**{**JOB, "Name": "there", "Description": "untouched"})
    glue.create_trigger(**{**SCHEDULED, "Name": "there", "Description": "untouched"})
    return glue


def untouched(glue: Any) -> None:
    assert glue.list_jobs()["JobNames"] == ["there"]
    assert glue.list_triggers()["TriggerNames"] == ["there"]
    assert glue.list_workflows()["Workflows"] == []
    assert glue.get_job(JobName="there")["Job"]["Description"] == "untouched"
    assert glue.get_trigger(Name="there")["Trigger"]["Description"] == "untouched"
    assert glue.get_job_runs(JobName="there")["JobRuns"] == []


def refused_all(
    service: ServiceProcess, group: str, table: list[tuple[str, str, Any, str]]
) -> None:
    """Every request of the table (words, operation, body, code) gets its code; all are told."""
    wrong = []
    for words, operation, body, code in table:
        answer = post(service.url, operation, body, group=group)
        if answer.status != 400 or answer.code != code:
            wrong.append((words, operation, code, answer.status, answer.body[:300]))
    assert wrong == []


def test_a_bad_job_is_refused(stored: Any, glue_service: ServiceProcess, group: str) -> None:
    table = [(words, "CreateJob", body, code) for words, body, code in JOBS]
    refused_all(glue_service, group, table)
    untouched(stored)


def test_a_bad_update_of_a_job_is_refused(
    stored: Any, glue_service: ServiceProcess, group: str
) -> None:
    """The same checks as on creation."""
    updates = [
        (words, without(without(body, "Name"), "Tags"), code)
        for words, body, code in JOBS
        if "name" not in words.split() and "tag" not in words and words != "null is absent"
    ]
    table = [
        (words, "UpdateJob", {"JobName": "there", "JobUpdate": update}, code)
        for words, update, code in updates
        # Both may be left out as far as the model knows; Glue itself asks for them.
        if words not in ("no role", "no command")
    ]
    refused_all(glue_service, group, table)
    untouched(stored)


def test_a_bad_trigger_is_refused(stored: Any, glue_service: ServiceProcess, group: str) -> None:
    table = [(words, "CreateTrigger", body, code) for words, body, code in TRIGGERS]
    refused_all(glue_service, group, table)
    untouched(stored)


def test_bad_members_of_other_operations(
    stored: Any, glue_service: ServiceProcess, group: str
) -> None:
    table = [(f"{each}", each, body, code) for each, body, code in OTHERS]
    refused_all(glue_service, group, table)
    untouched(stored)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"text"', b"1", b'{"Name": "a"} x', b"\xff\xfe", b'{"Name": NaN}'],
)
def test_a_body_that_is_no_json_object(glue_service: ServiceProcess, body: bytes) -> None:
    answer = post(glue_service.url, "CreateJob", body)
    assert (answer.status, answer.code) == (400, WRONG_TYPE)


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        ".",
        "AWSGlue.",
        "AWSGlue.DoWhatIMean",
        "AWSGlue.createjob",
        "Glue.CreateJob",
        "CreateJob.AWSGlue",
        "DynamoDB_20120810.ListTables",
        "AWSGlue.CreateJob.",
        "AWSGlue.__class__",
    ],
)
def test_a_wrong_target(glue_service: ServiceProcess, target: str | None) -> None:
    headers = None if target is None else {"X-Amz-Target": target}
    answer = post(glue_service.url, None, JOB, headers=headers)
    assert (answer.status, answer.code) == (400, UNKNOWN)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json", "application/x-www-form-urlencoded", "", None]
)
def test_a_wrong_content_type(
    glue: Any, glue_service: ServiceProcess, group: str, kind: str | None
) -> None:
    answer = post(glue_service.url, "CreateJob", JOB, group=group, headers={"Content-Type": kind})
    assert answer.status == 400
    assert answer.code in (WRONG_TYPE, UNKNOWN)
    assert glue.list_jobs()["JobNames"] == []


@pytest.mark.parametrize(
    "operation",
    ["CreateCrawler", "StartCrawler", "CreateDatabase", "GetTables", "CreateBlueprint"],
)
def test_operations_that_callboard_does_not_have_are_named(
    glue_service: ServiceProcess, operation: str
) -> None:
    answer = post(glue_service.url, operation, {"Name": "x"})
    assert answer.status == 400
    assert answer.code == "OperationNotSupportedException"
    assert operation in answer.value["Message"]


def test_a_body_that_is_too_large_is_refused(glue_service: ServiceProcess) -> None:
    body = json.dumps({**JOB, "Description": "x" * 3_000_000}).encode()
    answer = post(glue_service.url, "CreateJob", body)
    assert answer.code


@pytest.mark.parametrize("path", ["/", "/glue", "/glue/"])
def test_every_path_of_the_door_is_the_same(
    glue: Any, glue_service: ServiceProcess, group: str, path: str
) -> None:
    answer = post(glue_service.url, "CreateJob", JOB, group=group, path=path)
    assert (answer.status, answer.value) == (200, {"Name": "new"})
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert len(answer.headers["x-amzn-requestid"]) == 36
    assert glue.list_jobs()["JobNames"] == ["new"]


def test_members_that_nobody_knows_are_ignored(
    glue: Any, glue_service: ServiceProcess, group: str
) -> None:
    body = {**JOB, "Nonsense": {"a": [1]}, "Description": None, "Timeout": None}
    answer = post(glue_service.url, "CreateJob", body, group=group)
    assert (answer.status, answer.value) == (200, {"Name": "new"})
    assert "Nonsense" not in glue.get_job(JobName="new")["Job"]
