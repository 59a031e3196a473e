"""Jobs of Glue as jobs of the board, and back."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from callboard.domain.job import Job, OnFixed, OnFull, RetryPolicy
from callboard_service.doors.glue.job_checks import check_definition
from callboard_service.doors.glue.job_document import (
    BOOKMARK,
    NO_SCRIPT,
    glue_definition,
    new_job,
    updated_job,
    why_not_runnable,
)

ROLE = "arn:aws:iam::123456789012:role/glue"
SHELL = {"Name": "pythonshell", "ScriptLocation": "/srv/load.py"}
ETL = {"Name": "glueetl", "ScriptLocation": "s3://bucket/load.py", "PythonVersion": "3"}
APART = ("Name", "Tags")
SIZES = ("MaxCapacity", "AllocatedCapacity", "WorkerType", "NumberOfWorkers")
PATTERNS = {
    "PythonVersionString": st.sampled_from(["2", "3", "3.9"]),
    "GlueVersionString": st.sampled_from(["3.0", "4.0", "5.0", "auto", "x.y"]),
    "NodeId": st.sampled_from(["a", "node-1", "B_2"]),
    "MaintenanceWindow": st.sampled_from(["Sun:0", "Wed:23"]),
    "MaxRetries": st.integers(0, 999),
    "MaxConcurrentRuns": st.integers(1, 1_000_000),
    "Timeout": st.integers(1, 10_080),
}
FREE_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)


def job(**definition: Any) -> Job:
    definition = {"Role": ROLE, "Command": SHELL, **definition}
    check_definition(definition)
    return new_job("AK", "load", definition)


def shown(**definition: Any) -> dict[str, Any]:
    return glue_definition(job(**definition))


def native(kind: str, spec: Any, **fields: Any) -> Job:
    return Job(name="n", group="AK", kind=kind, spec=spec, **fields)


def values_of(shape: Shape, depth: int = 0) -> SearchStrategy[Any]:
    """Anything that the service model lets be such a value, small."""
    if shape.name in PATTERNS:
        return PATTERNS[shape.name]
    match shape:
        case StructureShape():
            return structures_of(shape, depth)
        case ListShape():
            least = shape.metadata.get("min", 0)
            return st.lists(values_of(shape.member, depth + 1), min_size=least, max_size=least + 2)
        case MapShape():
            keys = values_of(shape.key, depth + 1).filter(bool)
            return st.dictionaries(keys, values_of(shape.value, depth + 1), max_size=3)
        case StringShape():
            least = shape.metadata.get("min", 0)
            return (
                st.sampled_from(shape.enum)
                if shape.enum
                else FREE_TEXT.filter(lambda text: len(text) >= least)
            )
    return {
        "boolean": st.booleans(),
        "integer": st.integers(max(1, shape.metadata.get("min", 1)), 999),
        "long": st.integers(0, 2**62),
        "double": st.floats(0, 1e6),
    }[shape.type_name]


def structures_of(shape: StructureShape, depth: int) -> SearchStrategy[Any]:
    chosen = list(shape.members)
    if depth > 2 or len(chosen) > 30:  # the nodes of visual jobs: one kind of them at a time
        chosen = chosen[:2]
    return st.fixed_dictionaries(
        {name: values_of(shape.members[name], depth + 1) for name in shape.required_members},
        optional={
            name: values_of(shape.members[name], depth + 1)
            for name in chosen
            if name not in shape.required_members
        },
    )


@lru_cache(maxsize=1)
def members_of_create_job() -> SearchStrategy[dict[str, Any]]:
    model = botocore.session.Session().get_service_model("glue")
    members = dict(model.operation_model("CreateJob").input_shape.members)
    for name in ("Name", "Role", "Command", *SIZES):
        del members[name]
    others = [{}, {"Name": "glueray"}, {"Name": "gluestreaming", "ScriptLocation": "hdfs://x"}]
    return st.fixed_dictionaries(
        {"Role": FREE_TEXT, "Command": st.sampled_from([SHELL, ETL, *others])},
        optional={name: values_of(shape) for name, shape in members.items()},
    )


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    """What CreateJob takes: members of the model, and sizes that go together."""
    made = draw(members_of_create_job())
    command: dict[str, Any] = made["Command"]
    if command.get("Name") not in ("pythonshell", "glueray"):
        workers = {"WorkerType": "G.1X", "NumberOfWorkers": 2}
        sized = [{}, workers, {"MaxCapacity": 2.5}, {"AllocatedCapacity": 4}]
        made |= draw(st.sampled_from(sized))
    if command.get("Name") == "glueray":
        made.pop("Timeout", None)
    if command.get("Name") != "glueetl":
        made.pop("ExecutionClass", None)
    return made


@given(definitions())
def test_whatever_is_given_is_shown_again(definition: dict[str, Any]) -> None:
    check_definition(definition)
    made = new_job("AK", "load", definition)
    again = glue_definition(made)
    expected = {name: value for name, value in definition.items() if name not in APART}
    if expected.get("ExecutionProperty") == {}:
        expected["ExecutionProperty"] = {"MaxConcurrentRuns": 1}
    assert {name: again[name] for name in expected} == expected
    assert made.labels == definition.get("Tags", {})
    assert made.disabled == (why_not_runnable(made) is not None)


@given(definitions())
def test_what_is_shown_makes_the_same_job(definition: dict[str, Any]) -> None:
    """The way of many deployment scripts: GetJob, change a member, UpdateJob."""
    made = new_job("AK", "load", definition)
    document = glue_definition(made)
    again = updated_job(made, {name: document[name] for name in document if name != "Name"})
    assert glue_definition(again) == document
    assert replace(again, annotations={}) == replace(made, annotations={})


@given(definitions(), definitions())
def test_an_update_leaves_nothing_of_the_definition_before(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    after = {"GlueVersion": "4.0", **after}
    updated = updated_job(new_job("AK", "load", before), after)
    assert glue_definition(updated) == glue_definition(new_job("AK", "load", after))
    assert updated.labels == before.get("Tags", {})


def test_the_board_has_what_glue_says() -> None:
    made = job(
        DefaultArguments={"--a": "1"},
        NonOverridableArguments={"--b": "2"},
        MaxRetries=2,
        Timeout=3,
        ExecutionProperty={"MaxConcurrentRuns": 4},
        JobRunQueuingEnabled=True,
        Description="words",
        Tags={"team": "data"},
    )
    assert (made.kind, made.name, made.group) == ("script", "load", "AK")
    assert made.spec == {"location": "/srv/load.py", "arguments": ["--JOB_NAME", "load"]}
    assert (made.arguments, made.fixed_arguments) == ({"--a": "1"}, {"--b": "2"})
    assert (made.on_fixed, made.on_full) == (OnFixed.IGNORE, OnFull.QUEUE)
    assert (made.retry.max_attempts, made.timeout_s, made.max_concurrent_runs) == (3, 180.0, 4)
    assert (made.description, made.labels, made.disabled) == ("words", {"team": "data"}, False)
    assert made.bookmark == BOOKMARK


def test_a_run_that_took_too_long_is_not_tried_again() -> None:
    assert job(MaxRetries=2).retry == RetryPolicy(max_attempts=3, fatal=("TimedOut",))


@pytest.mark.parametrize(
    ("definition", "minutes"),
    [
        ({}, 2880),
        ({"GlueVersion": "4.0"}, 2880),
        ({"GlueVersion": "5.0"}, 480),
        ({"GlueVersion": "10.1"}, 480),
        ({"GlueVersion": "auto"}, 480),
        ({"GlueVersion": "5.0", "Timeout": 7}, 7),
        ({"Command": {"Name": "gluestreaming"}}, None),
        ({"Command": {"Name": "gluestreaming"}, "Timeout": 7}, 7),
        ({"Command": {"Name": "glueray"}, "GlueVersion": "4.0"}, None),
    ],
)
def test_the_timeout_that_was_left_out(definition: dict[str, Any], minutes: int | None) -> None:
    assert shown(**definition)["Timeout"] == minutes
    assert job(**definition).timeout_s == (None if minutes is None else minutes * 60)


@pytest.mark.parametrize(
    ("definition", "capacity"),
    [
        ({}, 0.0625),
        ({"MaxCapacity": 0.0}, 0.0625),
        ({"MaxCapacity": 1.0}, 1.0),
        ({"Command": ETL}, 10.0),
        ({"Command": ETL, "MaxCapacity": 3.0}, 3.0),
        ({"Command": ETL, "AllocatedCapacity": 3}, None),
        ({"Command": ETL, "WorkerType": "G.1X", "NumberOfWorkers": 2}, None),
        ({"Command": {"Name": "gluestreaming"}}, None),
    ],
)
def test_the_capacity_that_was_left_out(definition: dict[str, Any], capacity: float | None) -> None:
    assert shown(**definition).get("MaxCapacity") == capacity


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ({}, "Command.Name is missing"),
        ({"Name": "gluestreaming", "ScriptLocation": "/a.py"}, "'gluestreaming' cannot be run"),
        ({"Name": "glueray", "ScriptLocation": "/a.py"}, "'glueray' cannot be run"),
        ({"Name": "test_command"}, "'test_command' cannot be run"),
        ({"Name": "glueetl"}, "Command.ScriptLocation is missing"),
        ({"Name": "pythonshell", "ScriptLocation": ""}, "Command.ScriptLocation is missing"),
        ({"Name": "pythonshell", "ScriptLocation": "ftp://h/a.py"}, "'ftp' is not a scheme"),
        ({"Name": "pythonshell", "ScriptLocation": "a\nb"}, "printable characters"),
        ({"Name": "pythonshell", "ScriptLocation": "a" * 400_000}, "printable characters"),
    ],
)
def test_a_command_that_cannot_run_here_is_kept_and_told(
    command: dict[str, Any], words: str
) -> None:
    made = job(Command=command)
    assert made.disabled
    assert words in (why_not_runnable(made) or "")
    assert glue_definition(made)["Command"] == command
    mended = updated_job(made, {"Role": ROLE, "Command": SHELL})
    assert not mended.disabled
    assert why_not_runnable(mended) is None
    again = updated_job(mended, {"Role": ROLE, "Command": command})
    assert again.disabled
    assert words in (why_not_runnable(again) or "")


def test_an_update_keeps_the_version_of_glue_that_it_does_not_name() -> None:
    made = job(GlueVersion="5.0", Timeout=7)
    kept = glue_definition(updated_job(made, {"Role": ROLE, "Command": SHELL}))
    assert (kept["GlueVersion"], kept["Timeout"]) == ("5.0", 480)
    other = updated_job(made, {"Role": ROLE, "Command": SHELL, "GlueVersion": "4.0"})
    assert glue_definition(other)["GlueVersion"] == "4.0"


def test_what_was_changed_natively_is_shown() -> None:
    made = replace(
        job(MaxRetries=1, Description="old", DefaultArguments={"--a": "1"}),
        retry=RetryPolicy(max_attempts=5),
        description="new",
        arguments={"--a": "2", "rows": [1, 2], "dry": True},
        timeout_s=90.0,
        max_concurrent_runs=None,
        on_full=OnFull.QUEUE,
        spec={"location": "/srv/other.py"},
    )
    document = glue_definition(made)
    assert (document["MaxRetries"], document["Description"]) == (4, "new")
    assert document["DefaultArguments"] == {"--a": "2", "rows": "[1,2]", "dry": "true"}
    assert document["Timeout"] == 2
    assert document["ExecutionProperty"] == {"MaxConcurrentRuns": 1_000_000}
    assert document["JobRunQueuingEnabled"]
    assert document["Command"] == {"Name": "pythonshell", "ScriptLocation": "/srv/other.py"}


def test_an_update_keeps_what_glue_has_no_words_for() -> None:
    spec = {"location": "/srv/load.py", "interpreter": "python3.12", "sha256": "a" * 64}
    made = replace(
        job(), priority=5, queue="nights", spec=spec, annotations={**job().annotations, "x": 1}
    )
    same = updated_job(made, {"Role": ROLE, "Command": SHELL})
    assert (same.priority, same.queue, same.annotations["x"]) == (5, "nights", 1)
    assert same.spec == {**spec, "arguments": ["--JOB_NAME", "load"]}
    other = {**SHELL, "ScriptLocation": "/srv/b.py"}
    moved = updated_job(made, {"Role": ROLE, "Command": other})
    assert "sha256" not in moved.spec
    assert moved.spec["interpreter"] == "python3.12"


def test_a_job_that_was_disabled_natively_stays_so() -> None:
    stopped = replace(job(), disabled=True)
    assert why_not_runnable(stopped) is None
    assert updated_job(stopped, {"Role": ROLE, "Command": SHELL}).disabled


def test_a_command_that_was_mended_natively_has_no_reason_any_more() -> None:
    broken = job(Command={"Name": "gluestreaming"})
    assert broken.spec["location"] == NO_SCRIPT
    mended = replace(broken, spec={"location": "/srv/a.py"})
    assert why_not_runnable(mended) is None
    assert glue_definition(mended)["Command"] == {
        "Name": "pythonshell",
        "ScriptLocation": "/srv/a.py",
    }


@pytest.mark.parametrize(
    ("made", "command"),
    [
        (native("python", {"handler": "a:b"}), ("python", "a:b")),
        (native("command", {"argv": ["ls", "a b"]}), ("command", "ls 'a b'")),
        (native("command", {"shell": "ls | wc"}), ("command", "ls | wc")),
        (native("http", {"url": "https://x.example/"}), ("http", "https://x.example/")),
        (native("script", {"location": "/a.py"}), ("script", "/a.py")),
        (native("plugin", {}), ("plugin", None)),
    ],
)
def test_native_jobs_are_shown_as_well_as_can_be(
    made: Job, command: tuple[str, str | None]
) -> None:
    document = glue_definition(made)
    assert document["Command"] == {"Name": command[0], "ScriptLocation": command[1]}
    assert document["ExecutionProperty"] == {"MaxConcurrentRuns": 1_000_000}
    assert (document["Name"], document["MaxRetries"], document["Timeout"]) == ("n", 0, None)
