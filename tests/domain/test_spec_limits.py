"""Limits and scripts in the spec of a job: what is wrong is named."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.domain.job import Job
from callboard.domain.script_location import (
    file_name_of,
    location_problem,
    path_of,
    scheme_of,
    shown_location,
)
from callboard.domain.spec_limits import ResourceLimits, limits_of
from callboard.errors import InvalidInput


def problems_of(kind: str, **spec: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        Job(name="j", kind=kind, spec=spec)
    return {problem.field: str(problem) for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ([], "spec.limits"),
        ({"cpu": 1}, "spec.limits.cpu"),
        ({"cpu_s": 0}, "spec.limits.cpu_s"),
        ({"cpu_s": 1.5}, "spec.limits.cpu_s"),
        ({"cpu_s": True}, "spec.limits.cpu_s"),
        ({"memory_mb": "512"}, "spec.limits.memory_mb"),
        ({"open_files": 2}, "spec.limits.open_files"),
        ({"processes": -1}, "spec.limits.processes"),
        ({"file_mb": 10**9}, "spec.limits.file_mb"),
    ],
)
@pytest.mark.parametrize("kind", ["command", "script"])
def test_a_wrong_limit_is_named(kind: str, limits: Any, field: str) -> None:
    spec: dict[str, Any] = {"argv": ["x"]} if kind == "command" else {"location": "x"}
    assert set(problems_of(kind, **spec, limits=limits)) == {field}


def test_a_wrong_limit_says_what_is_right() -> None:
    text = problems_of("command", argv=["x"], limits={"cpu_s": 0})["spec.limits.cpu_s"]
    assert text == (
        "spec.limits.cpu_s: 0 is not a whole number from 1 to 31622400 (leave it out for no limit)"
    )


@pytest.mark.parametrize(
    "wrong", [{"cwd": 5}, {"stdin": 5}, {"env": {"PORT": 8080}}, {"env": 5}, {"shell": 5}]
)
def test_a_wrong_field_of_a_command_says_what_is_right(wrong: dict[str, Any]) -> None:
    (text,) = problems_of("command", **{"shell": "ls", **wrong}).values()
    assert "(e.g. " in text or "(write " in text


def test_limits_of_a_spec_are_a_value() -> None:
    assert limits_of({"limits": {"cpu_s": 3, "processes": None}}) == ResourceLimits(cpu_s=3)
    assert limits_of({"limits": None}) is limits_of({}) is None


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "spec.location"),
        ({"location": ""}, "spec.location"),
        ({"location": "a\nb"}, "spec.location"),
        ({"location": "simplecache::http://10.0.0.1/x"}, "spec.location"),
        ({"location": "sftp://10.0.0.1/x"}, "spec.location"),
        ({"location": "file://elsewhere/x"}, "spec.location"),
        ({"location": "x", "shell": "ls"}, "spec.shell"),
        ({"location": "x", "interpreter": []}, "spec.interpreter"),
        ({"location": "x", "interpreter": ""}, "spec.interpreter"),
        ({"location": "x", "interpreter": ["", "a"]}, "spec.interpreter"),
        ({"location": "x", "interpreter": 3}, "spec.interpreter"),
        ({"location": "x", "arguments": "a b"}, "spec.arguments"),
        ({"location": "x", "arguments": [1]}, "spec.arguments"),
        ({"location": "x", "cwd": 1}, "spec.cwd"),
        ({"location": "x", "sha256": "abc"}, "spec.sha256"),
        ({"location": "x", "env": {"A=B": "c"}}, "spec.env.A=B"),
    ],
)
def test_a_wrong_field_of_a_script_is_named(spec: dict[str, Any], field: str) -> None:
    assert set(problems_of("script", **spec)) == {field}


@pytest.mark.parametrize(
    ("kind", "spec", "field"),
    [
        ("command", {"argv": ["a", "b\x00"]}, "spec.argv[1]"),
        ("command", {"shell": "a\x00"}, "spec.shell"),
        ("command", {"argv": ["a"], "env": {"A": "\x00"}}, "spec.env.A"),
        ("command", {"argv": ["a", "\ud800"]}, "spec.argv[1]"),
        ("script", {"location": "x", "arguments": ["\x00"]}, "spec.arguments[0]"),
    ],
)
def test_what_no_process_can_be_given_is_refused(
    kind: str, spec: dict[str, Any], field: str
) -> None:
    assert set(problems_of(kind, **spec)) == {field}


def test_a_secret_may_stand_for_a_text() -> None:
    secret = {"$secret": "env:TOKEN"}
    env: dict[str, Any] = {"TOKEN": secret}
    Job(name="j", kind="command", spec={"argv": ["a", secret], "env": env, "stdin": secret})
    Job(name="j", kind="script", spec={"location": secret, "arguments": [secret], "env": env})


def test_the_scheme_of_a_location() -> None:
    locations = ("/a/b.py", "b.py", "file:/a", "S3://bucket/x", "a:b", "./a:b")
    assert [scheme_of(location) for location in locations] == [
        None, None, "file", "s3", None, None,
    ]  # fmt: skip


def test_a_file_url_is_a_path() -> None:
    assert path_of("file:/a%20b/c.py") == path_of("file://localhost/a%20b/c.py") == "/a b/c.py"
    assert location_problem("file://localhost/a") is None


def test_a_shown_location_has_no_credentials() -> None:
    location = "https://user:password@host:8443/x.py?signature=abc#d"
    assert shown_location(location) == "https://host:8443/x.py"


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("s3://bucket/etl/load.py", "load.py"),
        ("https://host/a/b.sh?x=/y.py", "b.sh"),
        ("/a/-rf", "rf"),
        ("/a/..", "script"),
        ("memory://a b", "script"),
        ("/a/č;x.py", "__x.py"),
        ("/a/" + "x" * 300 + ".py", "x" * 97 + ".py"),
    ],
)
def test_a_copy_has_a_harmless_name(location: str, name: str) -> None:
    assert file_name_of(location) == name
