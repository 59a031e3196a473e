"""Flows as a job's spec holds them: exit codes, patterns, and what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.batch_code import matches, specificity, worst_code
from callboard.domain.batch_flow import FlowNode, FlowPlan, Target, every_node, sequence
from callboard.domain.batch_flow_check import flow_problems

STEP: dict[str, Any] = {"kind": "step"}


def problems(flow: Any, *steps: str) -> list[str]:
    return [str(problem) for problem in flow_problems(flow, steps)]


def on(*transitions: dict[str, Any], kind: str = "step") -> dict[str, Any]:
    return {"kind": kind, "on": list(transitions)}


# Exit codes


def test_codes_are_ranked_as_states_are_and_those_of_the_user_above_them() -> None:
    """1.2."""
    ranked = ["EXECUTING", "COMPLETED", "NOOP", "STOPPED", "FAILED", "LOST", "MINE"]
    for at, code in enumerate(ranked):
        assert worst_code(ranked[: at + 1]) == code


def test_a_code_that_begins_as_one_of_the_engines_ranks_as_that_one() -> None:
    assert worst_code(["COMPLETED WITH SKIPS", "NOOP"]) == "NOOP"
    assert worst_code(["COMPLETED", "COMPLETED WITH SKIPS"]) == "COMPLETED WITH SKIPS"


def test_of_no_codes_the_worst_is_success() -> None:
    assert worst_code([]) == "COMPLETED"


@pytest.mark.parametrize(
    ("pattern", "code", "does"),
    [
        ("FAILED", "FAILED", True),
        ("FAILED", "failed", False),
        ("F*", "FAILED", True),
        ("*", "", True),
        ("?", "", False),
        ("F?O", "FOO", True),
        ("F?O", "FO", False),
        ("[F]OO", "FOO", False),
        ("F.O", "FOO", False),
        ("*", "two\nlines", True),
    ],
)
def test_a_pattern_has_two_wildcards_and_nothing_else(pattern: str, code: str, does: bool) -> None:
    assert matches(pattern, code) is does


def test_patterns_are_tried_from_the_most_specific_one() -> None:
    """Case 115."""
    given_ = ["*", "F*", "FA*", "?AILED", "FAILED", "??ILED", "*?"]
    assert sorted(given_, key=specificity) == [
        "FAILED",
        "?AILED",
        "??ILED",
        "FA*",
        "F*",
        "*",
        "*?",
    ]


@given(st.text(alphabet="AB*?", max_size=6))
def test_a_code_without_wildcards_matches_itself(code: str) -> None:
    assert matches(
        code.replace("*", "A").replace("?", "B"), code.replace("*", "A").replace("?", "B")
    )


# Plans


def test_a_sequence_leads_from_each_step_to_the_next() -> None:
    assert sequence(["a", "b"]).to_json() == {
        "start": "a",
        "nodes": {"a": {"kind": "step", "next": "b"}, "b": {"kind": "step"}},
    }


def test_the_empty_flow_is_an_empty_object() -> None:
    assert sequence([]).to_json() == {}
    assert FlowPlan.from_json({}) == FlowPlan.from_json(None) == FlowPlan()
    assert problems({}) == problems(None) == []


def test_the_nodes_of_splits_are_nodes_of_the_flow() -> None:
    flow = {"start": "s", "nodes": {"s": {"kind": "split", "flows": [one("a"), one("b")]}}}
    assert [node.name for node in every_node(FlowPlan.from_json(flow))] == ["s", "a", "b"]


def test_a_node_knows_where_a_code_leads() -> None:
    flow = {"start": "a", "nodes": {"a": on({"code": "X", "end": "Y"}, {"code": "*", "to": "a"})}}
    node = FlowPlan.from_json(flow).nodes["a"]
    assert node.target_of("X") == Target.from_json({"end": "Y"})
    assert node.target_of("other") == Target.from_json({"to": "a"})
    assert node.target_of("other", is_stopped=True) is None
    assert FlowNode(name="b").target_of("X") is None


def one(name: str) -> dict[str, Any]:
    return {"start": name, "nodes": {name: STEP}}


# What is wrong


def test_a_flow_without_problems_has_none() -> None:
    flow = {
        "start": "a",
        "nodes": {
            "a": on({"code": "FAILED", "fail": "NO"}, {"code": "*", "to": "d"}),
            "d": on({"code": "X", "stop": "s"}, {"code": "*", "stop": None}, kind="decider"),
            "s": {"kind": "split", "flows": [one("b"), one("c")], "next": "e"},
            "e": STEP,
        },
    }
    assert problems(flow, "a", "b", "c", "e") == []


def test_a_step_that_the_job_has_not_is_a_problem() -> None:
    assert problems(one("a")) == [
        "spec.flow.nodes.a: 'a' is not a step of the job (the job has none)"
    ]


def test_a_step_that_the_flow_has_not_is_a_problem() -> None:
    [problem] = problems(one("a"), "a", "b")
    assert problem.startswith("spec.flow: does not have the step 'b': it would never run")


def test_a_step_that_nothing_leads_to_is_a_problem() -> None:
    flow = {"start": "a", "nodes": {"a": STEP, "b": STEP}}
    [problem] = problems(flow, "a", "b")
    assert problem.startswith("spec.flow.nodes.b: is not reached from 'a'")


def test_the_same_pattern_twice_is_a_problem() -> None:
    transitions = on({"code": "X", "end": "Y"}, {"code": "X", "to": "a"})
    [problem] = problems({"start": "a", "nodes": {"a": transitions}}, "a")
    assert problem == "spec.flow.nodes.a.on[1].code: 'X' is there already (leave one out)"


def test_the_same_step_twice_is_a_problem() -> None:
    flow = {"start": "s", "nodes": {"s": {"kind": "split", "flows": [one("a"), one("a")]}}}
    [problem] = problems(flow, "a")
    assert "spec.flow.nodes.s.flows[1].nodes.a: has the name of" in problem


def test_steps_that_follow_each_other_without_end_are_a_problem() -> None:
    flow = {"start": "a", "nodes": {"a": {"kind": "step", "next": "a"}}}
    [problem] = problems(flow, "a")
    assert "comes back to 'a' without end" in problem


@pytest.mark.parametrize(
    ("flow", "field"),
    [
        ("text", "spec.flow"),
        ({"start": "a"}, "spec.flow.nodes"),
        ({"start": "b", "nodes": {"a": STEP}}, "spec.flow.start"),
        ({"start": ["a"], "nodes": {"a": STEP}}, "spec.flow.start"),
        ({"start": "a", "nodes": {"a": STEP}, "more": 1}, "spec.flow.more"),
        ({"start": "a", "nodes": {"a": 1}}, "spec.flow.nodes.a"),
        ({"start": "a", "nodes": {"a": {"kind": "loop"}}}, "spec.flow.nodes.a.kind"),
        ({"start": "a", "nodes": {"a": {"kind": "decider"}}}, "spec.flow.nodes.a"),
        ({"start": "a", "nodes": {"a": {**STEP, "next": "x"}}}, "spec.flow.nodes.a.next"),
        ({"start": "a", "nodes": {"a": {**STEP, "next": {}}}}, "spec.flow.nodes.a.next"),
        ({"start": "a", "nodes": {"a": {**STEP, "flows": []}}}, "spec.flow.nodes.a.flows"),
        ({"start": "a", "nodes": {"a": {**STEP, "on": []}}}, "spec.flow.nodes.a.on"),
        ({"start": "a", "nodes": {"a": {**STEP, "on": [1]}}}, "spec.flow.nodes.a.on[0]"),
        ({"start": "a", "nodes": {"a": {"kind": "split", "flows": [1]}}}, "spec.flow.nodes.a"),
    ],
)
def test_what_is_wrong_is_named(flow: Any, field: str) -> None:
    assert field in {problem.field for problem in flow_problems(flow, ("a",))}


@pytest.mark.parametrize(
    ("transition", "field"),
    [
        ({"code": "X"}, ""),
        ({"code": "X", "to": "a", "end": "Y"}, ""),
        ({"to": "a"}, ".code"),
        ({"code": [], "to": "a"}, ".code"),
        ({"code": "", "to": "a"}, ".code"),
        ({"code": "X", "to": "q"}, ".to"),
        ({"code": "X", "to": None}, ".to"),
        ({"code": "X", "end": 1}, ".end"),
        ({"code": "X", "stop": 1}, ".stop"),
        ({"code": "X", "goto": "a", "to": "a"}, ".goto"),
    ],
)
def test_what_is_wrong_with_a_transition_is_named(transition: Any, field: str) -> None:
    flow = {"start": "a", "nodes": {"a": on(transition)}}
    [problem] = flow_problems(flow, ("a",))
    assert problem.field == f"spec.flow.nodes.a.on[0]{field}"


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "b", "*", "step", "split"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["start", "nodes", "kind", "next", "on", "flows", "code", "to", "end", "stop", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JUNK)
def test_no_json_whatever_breaks_the_check(flow: Any) -> None:
    if not list(flow_problems(flow, ("a",))):
        FlowPlan.from_json(flow)
