"""What Glue refuses in definitions of jobs, word for word."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.errors import InvalidInput
from callboard_service.doors.glue.faults import GlueFault
from callboard_service.doors.glue.job_checks import (
    check_definition,
    check_run_sizes,
    check_update,
)

ROLE = "arn:aws:iam::123456789012:role/glue"
SHELL = {"Name": "pythonshell", "ScriptLocation": "/srv/load.py"}
ETL = {"Name": "glueetl", "ScriptLocation": "s3://bucket/load.py", "PythonVersion": "3"}


def check(**definition: Any) -> None:
    check_definition({"Role": ROLE, "Command": SHELL, **definition})


def refused(**definition: Any) -> str:
    with pytest.raises(GlueFault) as caught:
        check(**definition)
    assert caught.value.code == "InvalidInputException"
    return str(caught.value)


@pytest.mark.parametrize(
    "definition",
    [
        {"Timeout": 10_080},
        {"MaxCapacity": 0.0625},
        {"MaxCapacity": 1.0},
        {"MaxCapacity": 0.0},
        {"Command": {}, "MaxCapacity": 0.5},
        {"Command": ETL, "WorkerType": "G.1X", "NumberOfWorkers": 2, "MaxCapacity": 0.0},
        {"Command": ETL, "AllocatedCapacity": 0, "MaxCapacity": 2.0},
        {"Command": ETL, "ExecutionClass": "FLEX"},
        {"ExecutionClass": "STANDARD"},
        {"MaxRetries": 999},
        {"GlueVersion": "3.0"},
        {"Tags": {"awsome": "yes"}},
    ],
)
def test_what_goes_together_is_taken(definition: dict[str, Any]) -> None:
    check(**definition)


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ({"Timeout": 10_081}, "Timeout should be less than or equal to 10080 minutes."),
        (
            {"Command": ETL, "WorkerType": "G.1X"},
            "Please set both Worker Type and Number of Workers.",
        ),
        (
            {"Command": ETL, "NumberOfWorkers": 2},
            "Please set both Worker Type and Number of Workers.",
        ),
        (
            {"Command": ETL, "WorkerType": "G.1X", "NumberOfWorkers": 2, "MaxCapacity": 2.0},
            "Please do not set Max Capacity if using Worker Type and Number of Workers.",
        ),
        (
            {"Command": ETL, "AllocatedCapacity": 2, "MaxCapacity": 2.0},
            "Please set only Allocated Capacity or Max Capacity",
        ),
        (
            {"WorkerType": "G.1X", "NumberOfWorkers": 2},
            "Worker Type is not supported for Job Command pythonshell",
        ),
        (
            {"MaxCapacity": 2.0},
            "Max Capacity should be between 0.0 and 1.0 if present for pythonshell.",
        ),
        (
            {"MaxCapacity": 0.5},
            "Max Capacity values with precision supported for pythonshell are [0.0625].",
        ),
        (
            {"GlueVersion": "2.0"},
            (
                "The Glue version selected for the job is no longer available. "
                "Select a newer Glue version."
            ),
        ),
        ({"ExecutionClass": "FLEX"}, "Flex job is supported for ETL jobs only"),
        (
            {"Command": {"Name": "glueray"}, "Timeout": 5},
            "Timeout not supported for Ray jobs",
        ),
        ({"MaxRetries": -1}, "MaxRetries should be between 0 and 999 if present."),
        (
            {"ExecutionProperty": {"MaxConcurrentRuns": 0}},
            "MaxConcurrentRuns should be greater than or equal to 1 if present.",
        ),
        (
            {"ExecutionProperty": {"MaxConcurrentRuns": 1_000_001}},
            "MaxConcurrentRuns should be less than or equal to 1000000 if present.",
        ),
        (
            {"Tags": {"AWS:x": "1"}},
            "The tag key 'AWS:x' is reserved: it begins with aws:",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_glues_words(
    definition: dict[str, Any], text: str
) -> None:
    assert refused(**definition) == text


def test_an_update_without_role_or_command_is_refused() -> None:
    for update, text in (
        ({"Command": SHELL}, "Role cannot be null or empty"),
        ({"Role": ROLE}, "Command cannot be null or empty"),
        ({"Role": ROLE, "Command": SHELL, "MaxCapacity": 0.5}, "precision supported"),
    ):
        with pytest.raises(GlueFault, match=text):
            check_update(update)


def test_a_start_may_give_one_size_alone() -> None:
    check_run_sizes({"NumberOfWorkers": 3})
    check_run_sizes({"WorkerType": "G.1X"})
    for request in ({"AllocatedCapacity": 2, "MaxCapacity": 5.0}, {"Timeout": 10_081}):
        with pytest.raises(GlueFault):
            check_run_sizes(request)


def test_a_definition_that_is_too_long_is_refused_as_one() -> None:
    message = refused(LogUri="x" * 300_000, SecurityConfiguration="x" * 300_000)
    assert message.startswith("The definition without its arguments is 600")


def test_a_text_that_cannot_be_stored_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"Command\.Runtime: contains a NUL"):
        check(Command={**SHELL, "Runtime": "\x00"})
    with pytest.raises(InvalidInput, match="Tags"):
        check(Tags={"a": "\x00"})
