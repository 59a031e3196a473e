"""Definitions of batch jobs that have changed: what an instance cannot go on by, and mappings.

B18: a step that was removed, renamed or reordered is refused with a diff, or mapped explicitly.
"""

from __future__ import annotations

from typing import Any

import pytest

from callboard.domain.batch_definition import (
    Difference,
    definition_of_spec,
    differences,
    disagreements,
)
from callboard.domain.batch_instance import BatchHistory, BatchInstance
from callboard.domain.batch_mapping import mapped_history, mapping_problems
from callboard.domain.batch_step import Move, StepExecution, StepState
from support.factories import NOW

DONE, FAILED, STOPPED = StepState.SUCCEEDED, StepState.FAILED, StepState.STOPPED


def job(*steps: str, flow: dict[str, Any] | None = None) -> dict[str, Any]:
    """Of `name` or `name/kind`, one after the other."""
    named = [each.partition("/") for each in steps]
    listed: Any = [{"name": name, "kind": kind or "tasklet"} for name, _, kind in named]
    return definition_of_spec({"steps": listed, "flow": flow})


def flow(start: str, **nodes: Any) -> dict[str, Any]:
    return {"start": start, "nodes": nodes}


def step(**on: str) -> dict[str, Any]:
    """A node of a step that is left by its codes."""
    return {"kind": "step", "on": [{"code": code, "to": to} for code, to in on.items()]}


def history(*moves: Move, **steps: StepState) -> BatchHistory:
    """Steps as they ended, in that order; `a__b` is partition b of a."""
    instance = BatchInstance(id=1, job="j", key="k", parameters={}, last_run_id=1)
    return BatchHistory(
        instance=instance,
        steps=tuple(
            StepExecution(
                id=index,
                instance_id=1,
                run_id=1,
                manager_id=1 if "__" in name else None,
                name=name.replace("__", ":"),
                state=state,
                started_at=NOW,
            )
            for index, (name, state) in enumerate(steps.items(), 1)
        ),
        moves=moves,
    )


def names(found: list[Difference]) -> list[str]:
    return [difference.step for difference in found]


OLD = job("load", "settle/chunk", "report")
PART = history(load=DONE, settle=FAILED)


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        job("load", "settle/chunk"),
        job("load", "settle/chunk", "report/chunk", "mail"),
        job("load", "settle/chunk", "mail", "archive"),
        job("load/chunk", "settle/chunk", "report"),
    ],
)
def test_what_has_not_begun_may_change_and_what_is_done_may_be_of_another_kind(new: Any):
    assert differences(PART, OLD, new) == []


def test_a_step_that_was_removed_or_renamed_is_named_with_a_guess_at_its_new_name():
    new = job("load_orders", "settle/chunk", "report")
    (found,) = differences(PART, OLD, new)
    assert str(found) == (
        "load: has begun, and the job has no step of that name any more "
        '(map it, {"load": "load_orders"}, or forget what it did, {"load": null})'
    )


def test_no_name_is_guessed_where_none_is_likely():
    (found,) = differences(PART, OLD, job("settle/chunk", "report"))
    assert '{"load": "its present name"}' in found.fix


def test_a_step_that_is_to_go_on_must_be_of_the_same_kind():
    (found,) = differences(PART, OLD, job("load", "settle/partition", "report"))
    assert (found.step, found.problem) == (
        "settle",
        "has begun as a chunk step, and is a partitioned step now",
    )
    assert '{"settle": null}' in found.fix


def test_steps_that_have_begun_stay_in_their_order():
    (found,) = differences(PART, OLD, job("settle/chunk", "load", "report"))
    assert (found.step, found.problem) == (
        "settle",
        "comes before 'load' now, but has run behind it",
    )


def test_a_new_step_in_front_of_one_that_has_begun_is_refused():
    (found,) = differences(PART, OLD, job("load", "check", "settle/chunk", "report"))
    assert (found.step, found.problem) == (
        "check",
        "is new, and comes before 'settle', which has begun",
    )
    mapping = {"settle": None}
    assert differences(PART, OLD, job("load", "check", "settle/chunk"), mapping) == []


def test_all_differences_are_told_at_once():
    begun = history(load=DONE, settle=DONE, report=STOPPED)
    assert names(differences(begun, OLD, job("settle/chunk", "report/chunk"))) == ["load", "report"]


@pytest.mark.parametrize(
    ("mapping", "new"),
    [
        ({"load": "load_orders"}, job("load_orders", "settle/chunk")),
        ({"load": None}, job("settle/chunk", "report")),
        ({"load": None}, job("settle/chunk", "load", "report")),
        ({"settle": None}, job("load", "settle", "report")),
        ({"load": "settle", "settle": "load"}, job("settle", "load/chunk", "report")),
    ],
)
def test_an_explicit_mapping_settles_it(mapping: dict[str, str | None], new: Any):
    assert [*mapping_problems(mapping, PART, OLD, new)] == []
    assert differences(PART, OLD, new, mapping) == []


def test_a_mapping_that_leaves_something_open_does_not():
    new = job("load_orders", "post/chunk")
    assert names(differences(PART, OLD, new, {"load": "load_orders"})) == ["settle"]


@pytest.mark.parametrize(
    ("mapping", "new", "problem"),
    [
        ({"laod": "load"}, OLD, "steps.laod: is nothing that this instance has done"),
        ({"report": None}, OLD, "(known: load, settle)"),
        ({"load": "lod"}, OLD, "steps.load: 'lod' is nothing that the job has"),
        ({"load": 1}, OLD, "steps.load: 1 is nothing that the job has"),
        ({"load": "settle"}, OLD, "steps.load: 'settle' has run under that name itself"),
        (
            {"load": "x", "settle": "x"},
            job("x"),
            "steps.settle: 'load' is mapped to 'x', too",
        ),
        (
            {"settle": "post"},
            job("load", "post"),
            "steps.settle: was of kind chunk, and 'post' is of kind tasklet",
        ),
        ({"settle": "settle"}, job("load", "settle"), "was of kind chunk"),
    ],
)
def test_a_wrong_mapping_is_refused(mapping: Any, new: Any, problem: str):
    assert any(problem in str(each) for each in mapping_problems(mapping, PART, OLD, new))


def test_partitions_go_with_their_step():
    begun = history(report=FAILED, report__eu=DONE, report__us=FAILED)
    old = job("report/partition")
    assert names(differences(begun, old, job("totals/partition"))) == ["report"]
    mapped = mapped_history(begun, {"report": "totals"})
    assert [each.name for each in mapped.steps] == ["totals", "totals:eu", "totals:us"]
    assert mapped_history(begun, {"report": None}).steps == ()


BRANCHED = flow(
    "load",
    load=step(FAILED="mend", COMPLETED="choose"),
    choose={"kind": "decider", "on": [{"code": "*", "to": "mend"}]},
    mend={"kind": "step"},
)
LEFT = (
    Move(node="load", code="COMPLETED", target={"to": "choose"}),
    Move(node="choose", code="A", target={"to": "mend"}),
)


def test_where_a_flow_branches_the_way_that_was_taken_must_still_be_there():
    old = job("load", "mend", flow=BRANCHED)
    begun = history(*LEFT, load=DONE)
    assert differences(begun, old, old) == []
    new = job("load", "fix", flow=flow("load", load=step(FAILED="fix"), fix={"kind": "step"}))
    assert {(each.step, each.problem) for each in differences(begun, old, new)} == {
        ("choose", "is where 'load' led to, and the job has it no more"),
        ("mend", "is where 'choose' led to, and the job has it no more"),
    }
    mapping = {"choose": None, "mend": "fix"}
    assert [*mapping_problems(mapping, begun, old, new)] == []
    assert differences(begun, old, new, mapping) == []
    assert mapped_history(begun, mapping).moves == ()


def test_a_move_is_read_by_the_present_names():
    mapping = {"load": "read", "choose": "decide"}
    (first, second) = mapped_history(history(*LEFT), mapping).moves
    assert (first.node, first.target) == ("read", {"to": "decide"})
    assert (second.node, second.target) == ("decide", {"to": "mend"})


def test_a_decider_that_became_a_step_is_another_thing():
    old = job("load", "mend", flow=BRANCHED)
    nodes = {**BRANCHED["nodes"], "choose": step(COMPLETED="mend")}
    new = job("load", "choose", "mend", flow=flow("load", **nodes))
    (found,) = differences(history(*LEFT, load=DONE), old, new)
    assert (found.step, found.problem) == (
        "choose",
        "has begun as a decider, and is a tasklet now",
    )


def test_the_order_does_not_count_where_a_flow_branches():
    old = job("load", "mend", flow=BRANCHED)
    nodes = {**BRANCHED["nodes"], "mend": step(COMPLETED="tidy"), "tidy": {"kind": "step"}}
    new = job("tidy", "mend", "load", flow=flow("load", **nodes))
    assert differences(history(*LEFT, load=DONE, mend=FAILED), old, new) == []


def test_an_instance_of_which_nothing_has_begun_takes_any_definition():
    assert differences(history(), OLD, job("x/chunk")) == []


def test_a_history_without_a_stored_definition_is_held_to_the_names_alone():
    assert differences(PART, {}, OLD) == []
    assert names(differences(PART, {}, job("load"))) == ["settle"]


# a node with other code than the job was defined by


def test_code_that_says_the_same_agrees():
    assert disagreements(OLD, OLD) == []
    sized = definition_of_spec({"steps": [{"name": "a", "kind": "chunk", "size": 9}]})
    assert disagreements(job("a/chunk"), sized) == []


def test_code_that_differs_is_told_step_by_step():
    found = disagreements(OLD, job("load/chunk", "report", "mail"))
    assert {each.step: each.problem for each in found} == {
        "load": "is a tasklet by the job, and a chunk step by this node's code",
        "settle": "is a chunk step of the job which this node's code has not",
        "mail": "is a tasklet of this node's code which the job has not",
    }


def test_another_way_through_the_same_steps_is_told():
    assert names(disagreements(job("a", "b"), job("b", "a"))) == ["a", "a", "b"]


def test_a_difference_is_plain_json():
    found = Difference(step="a", problem="is gone", fix="map it")
    assert found.to_json() == {"step": "a", "problem": "is gone", "fix": "map it"}
