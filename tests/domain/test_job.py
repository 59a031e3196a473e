"""What a job may be."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.domain.bookmark_rule import BookmarkRule
from callboard.domain.job import Job, OnFull, RetryPolicy
from callboard.errors import InvalidInput


def problems_of(**fields: Any) -> dict[str, str]:
    values = {"name": "j", "kind": "python", "spec": {"handler": "a:b"}, **fields}
    with pytest.raises(InvalidInput) as caught:
        Job(**values)
    return {problem.field: problem.reason for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\x7f"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": "a" * 256}, "name"),
        ({"group": "with\nbreak"}, "group"),
        ({"kind": "Magic!"}, "kind"),
        ({"spec": {}}, "spec.handler"),
        ({"spec": {"handler": ""}}, "spec.handler"),
        ({"spec": {"handler": "a:b", "hander": "x"}}, "spec.hander"),
        ({"spec": {"handler": "a:b", "isolation": "vm"}}, "spec.isolation"),
        ({"kind": "command", "spec": {}}, "spec"),
        ({"kind": "command", "spec": {"argv": ["a"], "shell": "a"}}, "spec"),
        ({"kind": "command", "spec": {"argv": []}}, "spec.argv"),
        ({"kind": "command", "spec": {"argv": [1]}}, "spec.argv"),
        ({"kind": "command", "spec": {"shell": ""}}, "spec.shell"),
        ({"kind": "command", "spec": {"shell": "a", "env": {"A=B": "c"}}}, "spec.env.A=B"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"timeout_s": float("inf")}, "timeout_s"),
        ({"max_concurrent_runs": 0}, "max_concurrent_runs"),
        ({"on_full": OnFull.REFUSE}, "on_full"),
        ({"retry": RetryPolicy(max_attempts=0)}, "retry.max_attempts"),
        ({"retry": RetryPolicy(initial_s=-1)}, "retry.initial_s"),
        ({"retry": RetryPolicy(factor=0.5)}, "retry.factor"),
        ({"labels": {"": "x"}}, "labels."),
        ({"annotations": {"a": "x" * 2**19}}, "annotations"),
        ({"bookmark": BookmarkRule(argument="", equals="x")}, "bookmark.argument"),
        ({"arguments": {"a": float("nan")}}, "arguments.a"),
        ({"arguments": {"a": "\x00"}}, "arguments.a"),
        ({"arguments": {"a": "\ud800"}}, "arguments.a"),
        ({"arguments": {"a": 2**70}}, "arguments.a"),
        ({"arguments": {"a": [object()]}}, "arguments.a[0]"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], field: str):
    assert field in problems_of(**fields)


@pytest.mark.parametrize("name", ["a b/c", "-x", "\u5e30 \U0001f680", "tab\there", "x" * 255])
def test_a_job_may_keep_the_name_that_it_has_elsewhere(name: str):
    assert Job(name=name, kind="command", spec={"argv": ["x"]}).name == name


def test_all_wrong_fields_are_named_at_once():
    assert set(problems_of(name="", timeout_s=-1.0, spec={})) == {
        "name",
        "timeout_s",
        "spec.handler",
    }


def test_the_spec_of_a_batch_job_is_looked_at_like_any_other():
    assert set(problems_of(kind="batch", spec={"steps": 1})) == {"spec.handler", "spec.steps"}


def test_json_that_is_nested_too_deeply_is_refused():
    value: Any = 1
    for _ in range(100):
        value = [value]
    assert "nested" in next(iter(problems_of(arguments={"a": value}).values()))
