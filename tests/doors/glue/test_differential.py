"""The door beside moto's server: the same calls, the same answers, but for what is listed here.

moto is not AWS. Where they are known to differ AWS wins, and the difference stands in one of the
tables with its reason: IGNORED (members of answers), UNORDERED (lists), DIFFERENT (whole outcomes,
each of which is shown to be there: a moto that has mended its ways fails the test).
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from service.cli.processes import ServiceProcess
from support.glue import ROLE, glue_client, plain, wait_run

Step = tuple[str, dict[str, Any]]
Outcome = tuple[str, Any]
"""("done", the normalised answer) or ("refused", the error's code)."""

ID = re.compile(r"(jr|wr)_[0-9a-f]{64}")
ANY = object()

IGNORED: Mapping[str, tuple[tuple[object, ...], str]] = {
    "JobMode": (("SCRIPT",), "moto leaves out the default"),
    "JobRunQueuingEnabled": ((False,), "moto leaves out the default"),
    "ExecutionProperty": (({}, {"MaxConcurrentRuns": 1}), "moto shows {}, AWS the default"),
    "ExecutionClass": (("STANDARD",), "moto shows it for every job, AWS for those of Spark"),
    "DefaultArguments": (({},), "moto shows {} for what was not given"),
    "NonOverridableArguments": (({},), "moto shows {} for what was not given"),
    "MaxRetries": ((0,), "moto leaves out the default"),
    "Timeout": ((2880, 480), "moto leaves out the default"),
    "MaxCapacity": ((0.0625, 10.0), "moto leaves out the default"),
    "AllocatedCapacity": ((10,), "moto leaves out the default"),
    "Arguments": (({},), "moto leaves out what is empty"),
    "Actions": (([],), "moto leaves out what is empty"),
    "WorkflowRunProperties": (({},), "moto leaves out what is empty"),
    "DefaultRunProperties": (({},), "moto leaves out what is empty"),
    "Description": (("",), "as good as left out"),
    "PredecessorRuns": ((ANY,), "AWS shows them where they are asked for, moto always none"),
    "ExecutionTime": ((ANY,), "moto says 123"),
    "LogGroupName": ((ANY,), "moto says test/log"),
    "GlueVersion": ((ANY,), "moto says 0.9 of every run"),
    "StateDetail": ((ANY,), "moto has none"),
    "Statistics": ((ANY,), "moto has none"),
    "Status": (("RUNNING", "COMPLETED"), "in moto a workflow's run goes on for ever"),
    "CompletedOn": ((ANY,), "in moto a run has it from its beginning, a workflow's run never"),
    "LastRun": ((ANY,), "its members are compared where runs are shown"),
    "Graph": ((ANY,), "moto has none"),
}
"""Members that are left out of the comparison, wherever in an answer: with these values."""

UNORDERED: Mapping[str, str] = {
    "Jobs": "by name here, in the order of their creation in moto; AWS promises none",
    "JobNames": "as above",
    "Triggers": "as above",
    "TriggerNames": "as above",
    "Workflows": "as above",
    "JobsNotFound": "AWS promises no order",
    "TriggersNotFound": "AWS promises no order",
    "MissingWorkflows": "AWS promises no order",
    "JobRuns": "AWS: newest first; moto: oldest first",
    "Runs": "as above",
}


def job(name: str, **members: Any) -> Step:
    command = {"Name": "pythonshell", "ScriptLocation": "<script>"}
    return "create_job", {"Name": name, "Role": ROLE, "Command": command, **members}


def trigger(name: str, job: str = "a", **members: Any) -> Step:
    usual = {"Type": "ON_DEMAND", "Actions": [{"JobName": job}]}
    return "create_trigger", {"Name": name, **usual, **members}


def scheduled(name: str, **members: Any) -> Step:
    return trigger(name, Type="SCHEDULED", Schedule="cron(0 12 * * ? *)", **members)


def watching(*jobs: str, **more: Any) -> dict[str, Any]:
    conditions = [
        {"LogicalOperator": "EQUALS", "JobName": job, "State": "SUCCEEDED"} for job in jobs
    ]
    # moto fails without it, also where there is one condition.
    return {"Logical": "AND", "Conditions": conditions, **more}


def arn(kind: str, name: str) -> str:
    return f"arn:aws:glue:us-east-1:123456789012:{kind}/{name}"


RICH: dict[str, Any] = {
    "Description": "two\nlines",
    "LogUri": "s3://logs",
    "ExecutionProperty": {"MaxConcurrentRuns": 4},
    "Command": {"Name": "glueetl", "ScriptLocation": "/srv/x.py", "PythonVersion": "3"},
    "DefaultArguments": {"--a": "1", "--b": ""},
    "NonOverridableArguments": {"--c": "3"},
    "Connections": {"Connections": ["one", "two"]},
    "MaxRetries": 3,
    "Timeout": 17,
    "SecurityConfiguration": "encrypted",
    "NotificationProperty": {"NotifyDelayAfter": 5},
    "NumberOfWorkers": 4,
    "WorkerType": "G.2X",
    "ExecutionClass": "FLEX",
    "SourceControlDetails": {"Provider": "GITHUB", "Branch": "main"},
}

SAME: Mapping[str, Sequence[Step]] = {
    "a job": (job("a"), ("get_job", {"JobName": "a"}), ("get_jobs", {}), ("list_jobs", {})),
    "a job with everything": (job("a", **RICH), ("get_job", {"JobName": "a"})),
    "no jobs": (
        ("get_jobs", {}),
        ("list_jobs", {}),
        ("get_job", {"JobName": "a"}),
        ("delete_job", {"JobName": "a"}),
        ("batch_get_jobs", {"JobNames": ["a", "b"]}),
        ("start_job_run", {"JobName": "a"}),
        ("get_job_runs", {"JobName": "a"}),
        ("get_job_run", {"JobName": "a", "RunId": "x"}),
    ),
    "a deleted job": (
        job("a"),
        job("b"),
        ("delete_job", {"JobName": "a"}),
        ("get_job", {"JobName": "a"}),
        ("list_jobs", {}),
        ("batch_get_jobs", {"JobNames": ["b", "a"]}),
        job("a", Description="again"),
        ("get_job", {"JobName": "a"}),
    ),
    "pages of jobs": (
        *(job(name) for name in "abcde"),
        ("get_jobs", {"MaxResults": 2}),
        ("get_jobs", {"NextToken": "<token>"}),
        ("list_jobs", {"MaxResults": 3}),
        ("list_jobs", {"MaxResults": 3, "NextToken": "<token>"}),
        ("list_jobs", {"MaxResults": 5}),
    ),
    "names of all kinds": (
        *(job(name) for name in ("ž ý", "a/b", "x" * 255)),
        ("list_jobs", {}),
        ("get_job", {"JobName": "a/b"}),
        ("get_tags", {"ResourceArn": arn("job", "a/b")}),
    ),
    "tags of a job": (
        job("a", Tags={"k": "v", "l": ""}),
        job("b", Tags={"k": "v"}),
        ("get_tags", {"ResourceArn": arn("job", "a")}),
        ("list_jobs", {"Tags": {"k": "v"}}),
        ("list_jobs", {"Tags": {"k": "w"}}),
        ("tag_resource", {"ResourceArn": arn("job", "a"), "TagsToAdd": {"k": "w", "m": "n"}}),
        ("untag_resource", {"ResourceArn": arn("job", "a"), "TagsToRemove": ["l", "nobody"]}),
        ("get_tags", {"ResourceArn": arn("job", "a")}),
        ("list_jobs", {"Tags": {"k": "w"}}),
    ),
    "runs": (
        job("a", DefaultArguments={"--a": "1", "--b": "2"}, NonOverridableArguments={"--c": "3"}),
        ("start_job_run", {"JobName": "a", "Arguments": {"--a": "x", "--c": "y", "--d": "z"}}),
        ("wait", {"JobName": "a", "RunId": "<id 0>"}),
        ("get_job_run", {"JobName": "a", "RunId": "<id 0>"}),
        ("start_job_run", {"JobName": "a", "Timeout": 9}),
        ("wait", {"JobName": "a", "RunId": "<id 1>"}),
        ("get_job_runs", {"JobName": "a"}),
        ("get_job_run", {"JobName": "a", "RunId": "jr_nobody"}),
    ),
    "pages of runs": (
        job("a"),
        *(
            step
            for n in range(3)
            for step in (
                ("start_job_run", {"JobName": "a"}),
                ("wait", {"JobName": "a", "RunId": f"<id {n}>"}),
            )
        ),
        ("get_job_runs", {"JobName": "a", "MaxResults": 3}),
    ),
    "what a run is started with": (
        job(
            "a",
            Command={"Name": "glueetl", "ScriptLocation": "<script>"},
            WorkerType="G.2X",
            NumberOfWorkers=4,
            SecurityConfiguration="encrypted",
            Timeout=17,
        ),
        (
            "start_job_run",
            {
                "JobName": "a",
                "Timeout": 3,
                "WorkerType": "G.1X",
                "NumberOfWorkers": 2,
                "SecurityConfiguration": "other",
                "NotificationProperty": {"NotifyDelayAfter": 1},
            },
        ),
        ("wait", {"JobName": "a", "RunId": "<id 0>"}),
        ("get_job_runs", {"JobName": "a"}),
    ),
    "triggers": (
        job("a"),
        job("b"),
        trigger("o", Description="by hand"),
        scheduled("s"),
        scheduled("t", StartOnCreation=True),
        trigger("c", Type="CONDITIONAL", Predicate=watching("b")),
        trigger("d", Type="CONDITIONAL", Predicate=watching("b", "c", Logical="ANY")),
        ("get_trigger", {"Name": "o"}),
        ("get_trigger", {"Name": "c"}),
        ("get_triggers", {}),
        ("list_triggers", {}),
        ("batch_get_triggers", {"TriggerNames": ["s", "nobody", "d"]}),
        ("delete_trigger", {"Name": "s"}),
        ("delete_trigger", {"Name": "nobody"}),
        ("get_trigger", {"Name": "s"}),
        ("list_triggers", {}),
    ),
    "an action with everything": (
        job("a"),
        trigger(
            "o",
            Actions=[
                {
                    "JobName": "a",
                    "Arguments": {"--a": "1"},
                    "Timeout": 5,
                    "SecurityConfiguration": "encrypted",
                    "NotificationProperty": {"NotifyDelayAfter": 5},
                },
                {"CrawlerName": "c"},
            ],
        ),
        ("get_trigger", {"Name": "o"}),
    ),
    "a crawler is watched": (
        job("a"),
        trigger(
            "c",
            Type="CONDITIONAL",
            Predicate={
                "Logical": "ANY",
                "Conditions": [
                    {
                        "LogicalOperator": "EQUALS",
                        "CrawlerName": "x",
                        "CrawlState": "SUCCEEDED",
                    },
                    {"LogicalOperator": "EQUALS", "JobName": "b", "State": "FAILED"},
                ],
            },
        ),
        ("get_trigger", {"Name": "c"}),
    ),
    "states of a schedule": (
        job("a"),
        scheduled("s"),
        ("get_trigger", {"Name": "s"}),
        ("start_trigger", {"Name": "s"}),
        ("get_trigger", {"Name": "s"}),
        ("stop_trigger", {"Name": "s"}),
        ("get_trigger", {"Name": "s"}),
        ("start_trigger", {"Name": "s"}),
        ("get_trigger", {"Name": "s"}),
    ),
    "no triggers": (
        ("get_triggers", {}),
        ("list_triggers", {}),
        ("get_trigger", {"Name": "t"}),
        ("start_trigger", {"Name": "t"}),
        ("stop_trigger", {"Name": "t"}),
        ("batch_get_triggers", {"TriggerNames": ["t"]}),
    ),
    "pages of triggers": (
        job("a"),
        *(trigger(name) for name in "abcde"),
        ("get_triggers", {"MaxResults": 2}),
        ("get_triggers", {"NextToken": "<token>"}),
        ("list_triggers", {"MaxResults": 3}),
        ("list_triggers", {"NextToken": "<token>"}),
    ),
    "triggers of a job": (
        job("a"),
        job("b"),
        trigger("t", "a"),
        trigger("u", "b"),
        ("get_triggers", {"DependentJobName": "a"}),
        ("list_triggers", {"DependentJobName": "b"}),
    ),
    "bad triggers": (
        job("a"),
        trigger("c", Type="CONDITIONAL"),
        trigger(
            "c",
            Type="CONDITIONAL",
            Predicate={
                "Logical": "AND",
                "Conditions": [{"LogicalOperator": "EQUALS", "State": "SUCCEEDED"}],
            },
        ),
        trigger("o", Actions=[{"JobName": "a", "CrawlerName": "c"}]),
        ("list_triggers", {}),
    ),
    "tags of a trigger": (
        job("a"),
        trigger("t", Tags={"k": "v"}),
        trigger("u"),
        ("list_triggers", {"Tags": {"k": "v"}}),
        ("get_tags", {"ResourceArn": arn("trigger", "t")}),
    ),
    "workflows": (
        ("create_workflow", {"Name": "w", "Tags": {"k": "v"}}),
        (
            "create_workflow",
            {
                "Name": "x",
                "Description": "d",
                "DefaultRunProperties": {"a": "1"},
                "MaxConcurrentRuns": 2,
            },
        ),
        ("get_workflow", {"Name": "w"}),
        ("get_workflow", {"Name": "x"}),
        ("list_workflows", {}),
        ("batch_get_workflows", {"Names": ["x", "nobody"]}),
        ("get_tags", {"ResourceArn": arn("workflow", "w")}),
        ("update_workflow", {"Name": "w", "Description": "e", "MaxConcurrentRuns": 3}),
        ("get_workflow", {"Name": "w"}),
        ("delete_workflow", {"Name": "w"}),
        ("get_workflow", {"Name": "w"}),
        ("get_workflow_runs", {"Name": "w"}),
        ("start_workflow_run", {"Name": "w"}),
        ("update_workflow", {"Name": "w", "Description": "f"}),
        ("get_workflow_run", {"Name": "x", "RunId": "wr_nobody"}),
    ),
    "a run of a workflow": (
        ("create_workflow", {"Name": "w", "DefaultRunProperties": {"a": "1", "b": "2"}}),
        ("start_workflow_run", {"Name": "w", "RunProperties": {"b": "3"}}),
        ("get_workflow_run", {"Name": "w", "RunId": "<id 0>"}),
        ("get_workflow_runs", {"Name": "w"}),
        (
            "put_workflow_run_properties",
            {"Name": "w", "RunId": "<id 0>", "RunProperties": {"c": "4"}},
        ),
        ("get_workflow_run_properties", {"Name": "w", "RunId": "<id 0>"}),
        ("stop_workflow_run", {"Name": "w", "RunId": "<id 0>"}),
    ),
    "a trigger of a workflow": (
        job("a"),
        ("create_workflow", {"Name": "w"}),
        trigger("t", WorkflowName="w"),
        (
            "create_trigger",
            {
                "Name": "e",
                "Type": "CONDITIONAL",
                "WorkflowName": "w",
                "Predicate": watching("a"),
                "Actions": [{"JobName": "b"}],
            },
        ),
        ("get_trigger", {"Name": "t"}),
        ("get_trigger", {"Name": "e"}),
    ),
}
"""Calls whose answers are the same in both."""

TRIED_AGAIN = {
    "Id": "<id 1>",
    "JobName": "a",
    "JobRunState": "SUCCEEDED",
    "PreviousRunId": "<id 0>",
    "StartedOn": "<time>",
    "LastModifiedOn": "<time>",
}

DIFFERENT: Mapping[str, tuple[Sequence[Step], Outcome, Outcome, str]] = {
    "a taken name of a job": (
        (job("a"), job("a")),
        ("refused", "AlreadyExistsException"),
        ("done", {"Name": "a"}),
        "moto overwrites the job; CreateJob of AWS lists AlreadyExistsException",
    ),
    "a taken name of a trigger": (
        (job("a"), trigger("t"), trigger("t")),
        ("refused", "AlreadyExistsException"),
        ("done", {"Name": "t"}),
        "moto overwrites the trigger",
    ),
    "a taken name of a workflow": (
        (("create_workflow", {"Name": "w"}), ("create_workflow", {"Name": "w"})),
        ("refused", "AlreadyExistsException"),
        ("done", {"Name": "w"}),
        "moto overwrites the workflow, with its runs",
    ),
    "stopping what was never started": (
        (job("a"), scheduled("s"), ("stop_trigger", {"Name": "s"})),
        ("refused", "InvalidInputException"),
        ("done", {"Name": "s"}),
        "AWS: the operation is not allowed when trigger is in state CREATED",
    ),
    "a trigger by hand has no other state": (
        (
            job("a"),
            trigger("o"),
            ("start_trigger", {"Name": "o"}),
            ("get_trigger", {"Name": "o"}),
        ),
        (
            "done",
            {
                "Trigger": {
                    "Name": "o",
                    "Type": "ON_DEMAND",
                    "State": "CREATED",
                    "Actions": [{"JobName": "a"}],
                }
            },
        ),
        (
            "done",
            {
                "Trigger": {
                    "Name": "o",
                    "Type": "ON_DEMAND",
                    "State": "ACTIVATED",
                    "Actions": [{"JobName": "a"}],
                }
            },
        ),
        "AWS: it fires at once and stays CREATED",
    ),
    "no schedule": (
        (job("a"), trigger("s", Type="SCHEDULED")),
        ("refused", "InvalidInputException"),
        ("done", {"Name": "s"}),
        "AWS: Schedule cannot be null or empty",
    ),
    "a wrong schedule": (
        (job("a"), trigger("s", Type="SCHEDULED", Schedule="cron(0 10 1 * MON *)")),
        ("refused", "InvalidInputException"),
        ("done", {"Name": "s"}),
        "AWS: The schedule is invalid",
    ),
    "nobody depends on it": (
        (job("a"), trigger("t"), ("list_triggers", {"DependentJobName": "nobody"})),
        ("done", {"TriggerNames": ["t"]}),
        ("done", {"TriggerNames": []}),
        "the service model: if there is no such trigger, all triggers are returned",
    ),
    "tags of nobody": (
        (("get_tags", {"ResourceArn": arn("job", "nobody")}),),
        ("refused", "EntityNotFoundException"),
        ("done", {"Tags": {}}),
        "AWS: an unknown resource is EntityNotFoundException",
    ),
    "two tags": (
        (
            job("a", Tags={"k": "v", "l": "x"}),
            job("b", Tags={"k": "v"}),
            ("list_jobs", {"Tags": {"k": "v", "l": "x"}}),
        ),
        ("done", {"JobNames": ["a"]}),
        ("done", {"JobNames": ["a", "b"]}),
        "moto is content with one of them",
    ),
    "a timeout of a week and a minute": (
        (job("a", Timeout=10081),),
        ("refused", "InvalidInputException"),
        ("done", {"Name": "a"}),
        "AWS: Timeout should be less than or equal to 10080 minutes",
    ),
    "a page that is too long": (
        (("get_jobs", {"MaxResults": 1001}),),
        ("refused", "ValidationException"),
        ("done", {"Jobs": []}),
        "the service model's own limit",
    ),
    "a token of nobody": (
        (job("a"), ("get_jobs", {"NextToken": "nonsense"})),
        ("refused", "InvalidInputException"),
        ("refused", "InvalidToken"),
        "Glue's error for it is InvalidInputException",
    ),
    "another try of a run": (
        (
            job("a"),
            ("start_job_run", {"JobName": "a", "Arguments": {"--a": "1"}}),
            ("wait", {"JobName": "a", "RunId": "<id 0>"}),
            ("start_job_run", {"JobName": "a", "JobRunId": "<id 0>"}),
            ("wait", {"JobName": "a", "RunId": "<id 1>"}),
            ("get_job_run", {"JobName": "a", "RunId": "<id 1>"}),
        ),
        ("done", {"JobRun": {**TRIED_AGAIN, "Attempt": 1, "Arguments": {"--a": "1"}}}),
        ("done", {"JobRun": {**TRIED_AGAIN, "Attempt": 0}}),
        "it is the same work again: its arguments, counted as an attempt",
    ),
    "a loop of triggers": (
        (
            trigger("t", "b", Type="CONDITIONAL", Predicate=watching("a")),
            trigger("u", "a", Type="CONDITIONAL", Predicate=watching("b")),
        ),
        ("refused", "InvalidInputException"),
        ("done", {"Name": "u"}),
        "the board refuses jobs that would start each other for ever; moto starts nothing",
    ),
    "a NUL in a text": (
        (("create_workflow", {"Name": "w", "DefaultRunProperties": {"a": "\x00"}}),),
        ("refused", "InvalidInputException"),
        ("done", {"Name": "w"}),
        "PostgreSQL keeps no NUL",
    ),
    "an update of a job": (
        (
            job("a"),
            ("update_job", {"JobName": "a", "JobUpdate": {"Role": "r", "Command": {"Name": "x"}}}),
        ),
        ("done", {"JobName": "a"}),
        ("refused", "500"),
        "moto does not have the operation",
    ),
}
"""Calls of which the last has different outcomes: the door's, moto's, and why."""


class Side:
    """One of the two, and what is its own there: ids, tokens, the script's place."""

    def __init__(self, client: Any, script: str) -> None:
        self._client = client
        self._script = script
        self._ids: list[str] = []
        self._token = ""

    def take(self, step: Step) -> Outcome:
        """The outcome of a step, without anything that is this side's own."""
        operation, members = step[0], self._own(step[1])
        try:
            if operation == "wait":
                run = wait_run(self._client, members["JobName"], members["RunId"])
                return "done", run["JobRunState"]
            answer = plain(getattr(self._client, operation)(**members))
        except ClientError as error:
            return "refused", str(error.response["Error"]["Code"])
        return "done", self._normal(answer)

    def _own(self, value: Any) -> Any:
        match value:
            case dict():
                return {key: self._own(each) for key, each in value.items()}
            case list():
                return [self._own(each) for each in value]
            case "<script>":
                return self._script
            case "<token>":
                return self._token
            case str() if found := re.fullmatch(r"<id (\d+)>", value):
                return self._ids[int(found[1])]
        return value

    def _normal(self, value: Any, member: str = "") -> Any:
        match value:
            case dict():
                pairs = {key: self._normal(each, key) for key, each in value.items()}
                return {key: each for key, each in pairs.items() if not is_ignored(key, each)}
            case list():
                items = [self._normal(each) for each in value]
                return sorted(items, key=repr) if member in UNORDERED else items
            case datetime():
                return "<time>"
            case str() if member == "NextToken":
                self._token = value
                return "<token>"
            case str() if ID.fullmatch(value):
                if value not in self._ids:
                    self._ids.append(value)
                return f"<id {self._ids.index(value)}>"
            case self._script:
                return "<script>"
        return value


def is_ignored(member: str, value: Any) -> bool:
    """Whether IGNORED has the member with that value."""
    values, _ = IGNORED.get(member, ((), ""))
    return any(each is ANY or each == value for each in values)


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """moto's server, in a thread of this process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


class Pair:
    """Both sides, empty each time they are opened."""

    def __init__(self, glue_url: str, moto_url: str, script: str) -> None:
        self._urls = glue_url, moto_url
        self._script = script
        self._opened = 0
        self._moto = glue_client(moto_url, "moto")

    def open(self) -> tuple[Side, Side]:
        """The door, in a group of its own, and moto without anything in it."""
        self._opened += 1
        request = urllib.request.Request(f"{self._urls[1]}/moto-api/reset", method="POST")
        urllib.request.urlopen(request).close()
        self._ours = glue_client(self._urls[0], f"DIFFERENTIAL{id(self)}N{self._opened}")
        return Side(self._ours, self._script), Side(self._moto, self._script)

    def compare(self, steps: Sequence[Step]) -> None:
        """Every step has the same outcome in both."""
        ours, motos = self.open()
        try:
            for number, step in enumerate(steps):
                mine, other = ours.take(step), motos.take(step)
                assert mine == other, f"step {number}, {step}: here {mine}, moto {other}"
        finally:
            self._ours.close()

    def close(self) -> None:
        self._moto.close()


@pytest.fixture(scope="module")
def pair(
    glue_service: ServiceProcess, moto_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    script: Path = tmp_path_factory.mktemp("differential") / "script.py"
    script.write_text("")
    found = Pair(glue_service.url, moto_url, str(script))
    yield found
    found.close()


@pytest.mark.parametrize("name", SAME)
def test_both_answer_the_same(pair: Pair, name: str) -> None:
    pair.compare(SAME[name])


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_known_differences_are_there(pair: Pair, name: str) -> None:
    steps, wanted, motos_wanted, reason = DIFFERENT[name]
    ours, motos = pair.open()
    for step in steps:
        outcome, motos_outcome = ours.take(step), motos.take(step)
    assert outcome == wanted, reason
    assert motos_outcome == motos_wanted, f"moto has changed: {reason}"


names = st.sampled_from(["a", "b", "ž / c"])
tags = st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["", "v"]), max_size=1)
arguments = st.dictionaries(
    st.sampled_from(["--a", "--b", "--c"]),
    st.text(st.characters(codec="utf-8", min_codepoint=1), max_size=5),
)
steps = st.one_of(
    st.builds(
        lambda name, tags, default, fixed: job(
            name, Tags=tags, DefaultArguments=default, NonOverridableArguments=fixed
        ),
        names,
        tags,
        arguments,
        arguments,
    ),
    st.builds(lambda name: ("delete_job", {"JobName": name}), names),
    st.builds(lambda name: ("get_job", {"JobName": name}), names),
    st.builds(lambda tags: ("list_jobs", {"Tags": tags}), tags),
    st.builds(
        lambda name, given: ("start_job_run", {"JobName": name, "Arguments": given}),
        names,
        arguments,
    ),
    st.builds(lambda name: ("get_job_runs", {"JobName": name}), names),
    st.builds(lambda name, job, tags: scheduled(name, job=job, Tags=tags), names, names, tags),
    st.builds(
        lambda name, job, watched: trigger(
            name, job, Type="CONDITIONAL", Predicate=watching(watched)
        ),
        names,
        names,
        names,
    ),
    st.builds(lambda name: ("start_trigger", {"Name": name}), names),
    st.builds(lambda name: ("stop_trigger", {"Name": name}), names),
    st.builds(lambda name: ("get_trigger", {"Name": name}), names),
    st.builds(lambda name: ("delete_trigger", {"Name": name}), names),
    st.builds(lambda tags: ("list_triggers", {"Tags": tags}), tags),
    st.builds(
        lambda found: ("batch_get_triggers", {"TriggerNames": found}),
        st.lists(names, min_size=1, unique=True),
    ),
    st.builds(
        lambda name, given: ("create_workflow", {"Name": name, "DefaultRunProperties": given}),
        names,
        arguments,
    ),
    st.builds(lambda name: ("get_workflow", {"Name": name}), names),
    st.builds(lambda name: ("delete_workflow", {"Name": name}), names),
    st.just(("list_workflows", {})),
)


def comparable(steps: Sequence[Step]) -> list[Step]:
    """The steps without those that DIFFERENT is about; started runs are waited for."""
    there: set[tuple[str, str]] = set()
    states: dict[str, str] = {}
    leads: dict[str, tuple[str, str]] = {}
    kept: list[Step] = []
    runs = 0
    for operation, members in steps:
        name = members.get("Name", members.get("JobName", ""))
        verb, _, kind = operation.partition("_")
        lead = lead_of(members)
        match verb, kind:
            case "create", _ if (kind, name) in there:
                continue
            case "create", "trigger" if lead is not None and is_loop(lead, leads):
                continue
            case "create", _:
                there.add((kind, name))
                if lead is not None:
                    leads[name] = lead
                states[name] = "CREATED" if kind == "trigger" else states.get(name, "")
            case "delete", _:
                there.discard((kind, name))
                if kind == "trigger":
                    leads.pop(name, None)
            case "stop", "trigger" if ("trigger", name) in there and states[name] == "CREATED":
                continue
            case "start" | "stop", "trigger":
                states[name] = "STARTED"
        kept.append((operation, members))
        if operation == "start_job_run" and ("job", name) in there:
            kept.append(("wait", {"JobName": name, "RunId": f"<id {runs}>"}))
            runs += 1
    return kept


def lead_of(members: Mapping[str, Any]) -> tuple[str, str] | None:
    """The job that a trigger watches, and the one that it starts."""
    if "Predicate" not in members:
        return None
    (watched,) = members["Predicate"]["Conditions"]
    return watched["JobName"], members["Actions"][0]["JobName"]


def is_loop(lead: tuple[str, str], leads: Mapping[str, tuple[str, str]]) -> bool:
    """Whether what the last job starts, directly or not, is the first."""
    watched, reached = lead[0], {lead[1]}
    for _ in leads:
        reached |= {started for job, started in leads.values() if job in reached}
    return watched in reached


@given(st.lists(steps, min_size=3, max_size=14).map(comparable))
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_both_answer_the_same_whatever_is_called(pair: Pair, steps: list[Step]) -> None:
    pair.compare(steps)
