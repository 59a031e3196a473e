"""Specs of batch jobs: what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.domain.batch_parameter import rules_from_spec
from callboard.domain.spec_batch import batch_problems

STEPS = [
    {"name": "load", "kind": "chunk", "size": 500, "start_limit": 3},
    {"name": "settle", "kind": "tasklet", "allow_start_if_complete": True},
]
SPEC: dict[str, Any] = {"handler": "shop.jobs:settlement", "steps": STEPS}


def fields(**changes: Any) -> list[str]:
    return [problem.field for problem in batch_problems({**SPEC, **changes})]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"steps": [], "flow": {}},
        {"parameters": None, "restartable": False},
        {"parameters": [{"name": "day", "type": "date"}]},
        {
            "flow": {
                "start": "load",
                "nodes": {
                    "load": {"kind": "step", "on": [{"code": "*", "to": "settle"}]},
                    "settle": {"kind": "step"},
                },
            }
        },
    ],
)
def test_a_right_spec_has_no_problems(changes: dict[str, Any]):
    assert fields(**changes) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"handler": ""}, "spec.handler"),
        ({"step": []}, "spec.step"),
        ({"restartable": "yes"}, "spec.restartable"),
        ({"steps": {}}, "spec.steps"),
        ({"steps": [{"name": "x", "kind": "tasklet"}] * 1001}, "spec.steps"),
        ({"steps": ["load"]}, "spec.steps[0]"),
        ({"steps": [{"name": "a:b", "kind": "chunk"}]}, "spec.steps[0].name"),
        ({"steps": [{"name": "x", "kind": "reader"}]}, "spec.steps[0].kind"),
        ({"steps": [{**STEPS[0], "size": 0}]}, "spec.steps[0].size"),
        ({"steps": [{**STEPS[0], "size": 2**40}]}, "spec.steps[0].size"),
        ({"steps": [{**STEPS[0], "start_limit": True}]}, "spec.steps[0].start_limit"),
        ({"steps": [{**STEPS[0], "start_limit": 0}]}, "spec.steps[0].start_limit"),
        ({"steps": [{**STEPS[0], "limit": 1}]}, "spec.steps[0].limit"),
        (
            {"steps": [{**STEPS[0], "allow_start_if_complete": 1}]},
            "spec.steps[0].allow_start_if_complete",
        ),
        ({"steps": [STEPS[0], STEPS[0]]}, "spec.steps[1].name"),
        ({"parameters": {}}, "spec.parameters"),
        ({"parameters": ["day"]}, "spec.parameters[0]"),
        ({"flow": []}, "spec.flow"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], field: str):
    assert field in fields(**changes)


def test_a_flow_that_names_unknown_steps_is_refused():
    flow = {"start": "laod", "nodes": {"laod": {"kind": "step"}, "settle": {"kind": "step"}}}
    assert "spec.flow.nodes.laod" in fields(flow=flow)


def test_a_flow_is_looked_at_when_its_steps_are_right():
    assert fields(steps=[{"name": "x"}], flow={"start": "y", "nodes": {}}) == ["spec.steps[0].kind"]


def test_parameters_that_are_not_declared_differ_from_none_at_all():
    assert rules_from_spec({}) is None
    assert rules_from_spec({"parameters": []}) == ()
