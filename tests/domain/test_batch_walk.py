"""The way of batch runs through their flows, and of the runs that come after them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from callboard.domain.batch_flow import FlowPlan, sequence
from callboard.domain.batch_flow_check import flow_problems
from callboard.domain.batch_step import Move, StepState
from callboard.domain.batch_walk import walk_of
from callboard.domain.batch_way import FLOW_FAILED, NO_TRANSITION, STEP_FAILED, FlowEnd, RunSplit
from support.batch_walks import Cut, Outcome, Simulated, TooLong, says

S = StepState
FAILS = (S.FAILED, "FAILED")


def a_flow(start: str, **nodes: Any) -> FlowPlan:
    """A node: text of its transitions, `code>verb:value`; a dict as it is in JSON."""
    steps: list[str] = []
    made: dict[str, Any] = {}
    for name, given_ in nodes.items():
        node = (
            dict(given_) if isinstance(given_, dict) else {"on": [_on(t) for t in given_.split()]}
        )
        if isinstance(given_, str) and not given_:
            node = {}
        made[name] = {"kind": "step", **node}
    flow = {"start": start, "nodes": made}
    _collect(flow, steps)
    assert list(flow_problems(flow, steps)) == []
    return FlowPlan.from_json(flow)


def _on(text: str) -> dict[str, Any]:
    code, _, target = text.partition(">")
    verb, _, value = target.partition(":")
    return {"code": code, verb: value or None}


def _collect(flow: Any, steps: list[str]) -> None:
    for name, node in flow["nodes"].items():
        if node["kind"] == "step":
            steps.append(name)
        for inner in node.get("flows", ()):
            _collect(inner, steps)


def decider(text: str) -> dict[str, Any]:
    return {"kind": "decider", "on": [_on(each) for each in text.split()]}


def split(*flows: FlowPlan, **rest: Any) -> dict[str, Any]:
    return {"kind": "split", "flows": [flow.to_json() for flow in flows], **rest}


def ran(simulated: Simulated, since: int = 0) -> list[str]:
    """Names of what was executed or decided, with the visit where it is not the first."""
    return [f"{name}{visit if visit > 1 else ''}" for name, visit, _ in simulated.log[since:]]


def ended(end: FlowEnd) -> tuple[str, str]:
    return end.state.value, end.code


# Sequential jobs


def test_steps_follow_each_other() -> None:
    it = Simulated(sequence(["a", "b"]), says())
    assert ended(it.run(1)) == ("succeeded", "COMPLETED")
    assert ran(it) == ["a", "b"]


def test_a_job_without_steps_has_succeeded_with_nothing_to_do() -> None:
    """Case 22."""
    assert ended(Simulated(FlowPlan(), says()).run(1)) == ("succeeded", "NOOP")


def test_the_last_steps_own_code_is_the_runs() -> None:
    """Case 23; a code of its own does not end a sequence."""
    it = Simulated(sequence(["a", "b"]), says(a="MINE", b="YOURS"))
    assert ended(it.run(1)) == ("succeeded", "YOURS")


def test_a_sequence_ends_with_the_step_that_fails() -> None:
    it = Simulated(sequence(["a", "b"]), says(a="!BROKEN"))
    end = it.run(1)
    assert (*ended(end), end.error_type, end.node) == ("failed", "BROKEN", STEP_FAILED, "a")
    assert ran(it) == ["a"]


def test_a_restart_passes_steps_that_succeeded() -> None:
    """B17."""
    it = Simulated(sequence(["a", "b"]), says(b="FAILED"))
    it.run(1)
    it.outcome = says()
    assert ended(it.run(2)) == ("succeeded", "COMPLETED")
    assert ran(it, 2) == ["b"]


def test_nothing_left_to_do_is_noop_unless_the_code_is_the_users() -> None:
    it = Simulated(sequence(["a"]), says())
    it.run(1)
    assert ended(it.run(2)) == ("succeeded", "NOOP")
    it = Simulated(a_flow("a", a="*>end:EARLY"), says())
    it.run(1)
    assert ended(it.run(2)) == ("succeeded", "EARLY")


def test_a_run_that_goes_on_under_a_new_epoch_has_worked_before() -> None:
    it = Simulated(sequence(["a"]), says())
    it.run(1)
    assert ended(it.run(1)) == ("succeeded", "COMPLETED")
    assert ran(it) == ["a"]


def test_a_run_that_died_behind_a_failed_step_fails_without_executing_it_again() -> None:
    it = Simulated(sequence(["a"]), says(a="FAILED"))
    it.run(1)
    assert ended(it.run(1)) == ("failed", "FAILED")
    assert ran(it) == ["a"]


def test_a_lost_step_is_executed_again_by_the_same_run() -> None:
    it = Simulated(sequence(["a", "b"]), says(), events_left=3)
    with pytest.raises(Cut):
        it.run(1)
    assert ended(it.run(1)) == ("succeeded", "COMPLETED")
    assert ran(it) == ["a", "b"]


def test_a_step_that_may_run_again_does_so_once_a_restart() -> None:
    """Case 52."""
    it = Simulated(sequence(["a", "b"]), says(b="FAILED"), reruns=frozenset("a"))
    it.run(1)
    it.run(2)
    assert ran(it) == ["a", "b", "a", "b"]
    it.run(2)
    assert ran(it) == ["a", "b", "a", "b"]


def test_of_a_loop_only_the_last_round_runs_again() -> None:
    plan = a_flow("a", a={"next": "more"}, more=decider("AGAIN>to:a *>to:b"), b={})
    it = Simulated(plan, says(more=["AGAIN", "DONE"], b="FAILED"), reruns=frozenset("a"))
    it.run(1)
    it.run(2)
    assert ran(it) == ["a", "more", "a2", "more2", "b", "a2", "b"]


def test_a_stop_behind_the_last_step_stops_the_run_and_runs_nothing_again() -> None:
    """B05."""
    it = Simulated(sequence(["a"]), says(), events_left=2, is_stop=True)
    assert ended(it.run(1)) == ("stopped", "STOPPED")
    assert ended(it.run(2)) == ("succeeded", "NOOP")
    assert ran(it) == ["a"]


def test_a_stop_between_two_steps_leaves_the_second_to_the_restart() -> None:
    """Case 32."""
    it = Simulated(sequence(["a", "b"]), says(), events_left=2, is_stop=True)
    end = it.run(1)
    assert (*ended(end), end.node, end.is_interrupted) == ("stopped", "STOPPED", "b", True)
    it.run(2)
    assert ran(it) == ["a", "b"]


# Transitions


def test_exact_codes_go_before_wildcards_whatever_the_order() -> None:
    """Case 115."""
    plan = a_flow("a", a="*>to:any F*>to:some FAI?ED>to:most FAILED>to:exact", **dict.fromkeys(
        ("any", "some", "most", "exact"), ""))  # fmt: skip
    for code, after in {
        "FAILED": "exact",
        "!FAIxED": "most",
        "!FA": "some",
        "!GAP": "any",
        "COMPLETED": "any",
    }.items():
        it = Simulated(plan, says(a=code))
        it.run(1)
        assert ran(it)[1] == after


def test_a_failed_step_may_end_the_run_as_succeeded() -> None:
    """Case 116."""
    it = Simulated(a_flow("a", a="FAILED>end:EARLY *>to:b", b=""), says(a="FAILED"))
    assert ended(it.run(1)) == ("succeeded", "EARLY")
    assert it.steps[1].state is S.ABANDONED


def test_stop_with_a_node_goes_on_there() -> None:
    """Case 118."""
    it = Simulated(a_flow("s1", s1="*>stop:s2", s2=""), says())
    assert ended(it.run(1)) == ("stopped", "STOPPED")
    assert ended(it.run(2)) == ("succeeded", "COMPLETED")
    assert ran(it) == ["s1", "s2"]


def test_a_failed_step_that_stops_the_run_elsewhere_is_abandoned() -> None:
    """Case 119, B15."""
    it = Simulated(a_flow("s1", s1="FAILED>stop:s2 *>end:DONE", s2=""), says(s1="FAILED"))
    it.run(1)
    assert it.steps[1].state is S.ABANDONED
    assert ended(it.run(2)) == ("succeeded", "COMPLETED")
    assert ran(it) == ["s1", "s2"]


def test_a_failed_step_behind_a_plain_stop_runs_again() -> None:
    it = Simulated(a_flow("a", a="FAILED>stop *>to:b", b=""), says(a="FAILED"))
    assert ended(it.run(1)) == ("stopped", "STOPPED")
    assert it.steps[1].state is S.FAILED
    it.outcome = says()
    assert ended(it.run(2)) == ("succeeded", "COMPLETED")
    assert ran(it) == ["a", "a", "b"]


def test_a_plain_stop_behind_a_step_that_succeeded_ends_there() -> None:
    it = Simulated(a_flow("a", a="*>stop"), says(a="SKIPS"))
    assert ended(it.run(1)) == ("stopped", "STOPPED")
    assert ended(it.run(2)) == ("succeeded", "SKIPS")
    assert ran(it) == ["a"]


def test_a_failed_step_behind_fail_runs_again() -> None:
    it = Simulated(a_flow("a", a="FAILED>fail:LOAD_FAILED *>to:b", b=""), says(a="FAILED"))
    end = it.run(1)
    assert (*ended(end), end.error_type) == ("failed", "LOAD_FAILED", FLOW_FAILED)
    it.outcome = says()
    it.run(2)
    assert ran(it) == ["a", "a", "b"]


def test_a_step_that_succeeded_and_leads_to_fail_fails_again_by_the_present_flow() -> None:
    it = Simulated(a_flow("a", a="BAD>fail:BAD *>to:b", b=""), says(a="BAD"))
    it.run(1)
    assert ended(it.run(2)) == ("failed", "BAD")
    it.plan = a_flow("a", a="*>to:b", b="")
    assert ended(it.run(3)) == ("succeeded", "COMPLETED")
    assert ran(it) == ["a", "b"]


def test_a_run_that_died_behind_a_stop_or_a_fail_still_ends_so() -> None:
    it = Simulated(a_flow("s1", s1="*>stop:s2", s2=""), says())
    it.run(1)
    assert ended(it.run(1)) == ("stopped", "STOPPED")
    it = Simulated(a_flow("a", a="*>fail:NO"), says(a="FAILED"))
    it.run(1)
    assert ended(it.run(1)) == ("failed", "NO")
    assert ran(it) == ["a"]


def test_a_code_that_no_transition_matches_fails_the_run() -> None:
    """Case 121."""
    it = Simulated(a_flow("a", a="COMPLETED>to:b", b=""), says(a="FOO"))
    end = it.run(1)
    assert (*ended(end), end.error_type) == ("failed", "FAILED", NO_TRANSITION)
    assert end.message == "step 'a' ended with 'FOO': no transition matches that code"


def test_a_failed_step_that_the_flow_went_on_behind_is_passed_by_a_restart() -> None:
    """1.1: its exit code is replayed to route the flow."""
    it = Simulated(a_flow("a", a="FAILED>to:b *>end:X", b=""), says(a="FAILED", b="FAILED"))
    it.run(1)
    assert it.steps[1].state is S.ABANDONED
    it.run(2)
    assert ran(it) == ["a", "b", "b"]


def test_a_stopped_step_is_left_by_its_own_code_alone() -> None:
    plan = a_flow("a", a="*>to:b", b="")
    it = Simulated(plan, lambda name, visit: (S.STOPPED, "STOPPED"))
    end = it.run(1)
    assert (*ended(end), end.is_interrupted) == ("stopped", "STOPPED", True)
    it = Simulated(
        a_flow("a", a="STOPPED>to:b *>end:X", b=""),
        lambda name, visit: (S.STOPPED, "STOPPED") if name == "a" else (S.SUCCEEDED, "COMPLETED"),
    )
    assert ended(it.run(1)) == ("succeeded", "COMPLETED")
    assert it.steps[1].state is S.ABANDONED


def test_a_step_that_was_stopped_with_its_run_is_left_by_nothing() -> None:
    plan = a_flow("a", a="STOPPED>to:b *>end:X", b="")
    it = Simulated(plan, says(), events_left=1, is_stop=True)
    assert it.run(1).is_interrupted
    assert (it.moves, it.steps[1].state) == ({}, S.STOPPED)


# Deciders and loops


def test_a_run_that_died_behind_its_decision_does_not_ask_again() -> None:
    for verb in ("stop", "fail:NOT_YET", "to:a"):
        plan = a_flow("d", d=decider(f"WAIT>{verb} GO>to:a"), a="")
        it = Simulated(plan, says(d="WAIT"))
        assert ended(it.run(1)) == ended(it.run(1))
        assert it.log.count(("d", 1, "WAIT")) == 1


def test_a_decision_leads_to_its_branch() -> None:
    """Case 122."""
    plan = a_flow("a", a={"next": "d"}, d=decider("FOO>to:foo *>to:bar"), foo="", bar="")
    it = Simulated(plan, says(d="FOO"))
    it.run(1)
    assert ran(it) == ["a", "d", "foo"]


def test_a_decision_is_made_once() -> None:
    """#1472: it is recorded, and replayed."""
    plan = a_flow("d", d=decider("FOO>to:foo *>to:bar"), foo="", bar="")
    it = Simulated(plan, says(d="FOO", foo="FAILED"))
    it.run(1)
    it.outcome = says(d="OTHER")
    it.run(2)
    assert ran(it) == ["d", "foo", "foo"]


def test_a_decider_that_ended_the_run_is_asked_again() -> None:
    for verb in ("stop", "fail:NOT_YET"):
        plan = a_flow("d", d=decider(f"WAIT>{verb} *>to:a"), a="")
        it = Simulated(plan, says(d="WAIT"))
        assert it.run(1).state is (S.STOPPED if verb == "stop" else S.FAILED)
        it.outcome = says(d="GO")
        assert ended(it.run(2)) == ("succeeded", "COMPLETED")
        assert ran(it) == ["d", "d", "a"]


def test_a_loop_that_is_restarted_in_its_second_round_runs_the_steps_of_that_round() -> None:
    """Case 124; #906: what succeeded in an earlier round is no reason to pass it."""
    plan = a_flow("a", a={"next": "b"}, b={"next": "more"}, more=decider("AGAIN>to:a *>end:DONE"))
    it = Simulated(plan, says(more=["AGAIN", "AGAIN", "DONE"]), events_left=5, is_stop=True)
    it.run(1)
    assert ran(it) == ["a", "b", "more"]
    assert ended(it.run(2)) == ("succeeded", "DONE")
    assert ran(it, 3) == ["a2", "b2", "more2", "a3", "b3", "more3"]


def test_a_node_that_is_not_in_the_flow_any_more_is_chosen_anew() -> None:
    it = Simulated(a_flow("a", a="*>to:b", b=""), says(b="FAILED"))
    it.run(1)
    it.plan = a_flow("a", a="*>to:c", c="")
    it.run(2)
    assert ran(it) == ["a", "b", "c"]


# Splits


def both(a: str = "", b: str = "", **rest: Any) -> FlowPlan:
    on = rest.pop("on", None)
    inner = split(a_flow("a", a=a), a_flow("b", b=b), **({"on": [_on(o) for o in on.split()]} if on
                  else {"next": "after"}))  # fmt: skip
    return a_flow("both", both=inner, after="", **rest)


def test_all_flows_of_a_split_are_walked_although_one_fails() -> None:
    it = Simulated(both(), says(a="FAILED"))
    end = it.run(1)
    assert (*ended(end), end.node) == ("failed", "FAILED", "a")
    assert ran(it) == ["a", "b"]


def test_a_restart_runs_only_the_flows_of_a_split_that_failed() -> None:
    it = Simulated(both(), says(a="FAILED"))
    it.run(1)
    it.outcome = says()
    assert ended(it.run(2)) == ("succeeded", "COMPLETED")
    assert ran(it) == ["a", "b", "a", "after"]


def test_a_split_is_left_by_the_most_severe_of_its_codes() -> None:
    plan = both(on="FAILED>to:repair *>to:after", repair="")
    it = Simulated(plan, says(b="FAILED"))
    it.run(1)
    assert ran(it) == ["a", "b", "repair"]
    it = Simulated(both(on="MINE>to:repair *>to:after", repair=""), says(a="MINE"))
    it.run(1)
    assert ran(it) == ["a", "b", "repair"]


def test_a_split_that_was_left_is_not_tried_again() -> None:
    plan = both(on="FAILED>to:repair *>to:after", repair="")
    it = Simulated(plan, says(b="FAILED", repair="FAILED"))
    it.run(1)
    it.run(2)
    assert ran(it) == ["a", "b", "repair", "repair"]


def test_the_way_out_of_a_split_that_was_recorded_holds() -> None:
    it = Simulated(both(on="X>to:after *>to:repair", repair=""), says(repair="FAILED"))
    it.run(1)
    it.plan = both(on="X>to:repair *>to:after", repair="")
    it.run(2)
    assert ran(it) == ["a", "b", "repair", "repair"]


def test_a_split_with_a_stopped_flow_is_not_left() -> None:
    it = Simulated(both(on="*>to:after"), says(), events_left=1, is_stop=True)
    end = it.run(1)
    assert (*ended(end), end.is_interrupted) == ("stopped", "STOPPED", True)
    assert it.moves == {}
    it.run(2)
    assert ran(it) == ["a", "b", "after"]


def test_a_plain_stop_behind_a_split_ends_there() -> None:
    it = Simulated(both(on="GO>to:after *>stop"), says())
    assert ended(it.run(1)) == ("stopped", "STOPPED")
    assert ended(it.run(2)) == ("succeeded", "NOOP")
    assert ran(it) == ["a", "b"]


def test_a_split_whose_step_stops_its_flow_goes_on_there() -> None:
    inner = a_flow("a", a="*>stop:a2", a2="")
    plan = a_flow("s", s=split(inner, sequence(["b"]), next="after"), after="")
    it = Simulated(plan, says())
    assert ended(it.run(1)) == ("stopped", "STOPPED")
    assert ended(it.run(2)) == ("succeeded", "COMPLETED")
    assert ran(it) == ["a", "b", "a2", "after"]


def test_a_split_in_a_loop_has_visits_of_its_own() -> None:
    inner = split(sequence(["a"]), sequence(["b"]), next="more")
    plan = a_flow("s", s=inner, more=decider("AGAIN>to:s *>to:c"), c="")
    it = Simulated(plan, says(more=["AGAIN", "AGAIN", "DONE"], c="FAILED"))
    it.run(1)
    it.run(2)
    rounds = ["a", "b", "more", "a2", "b2", "more2", "a3", "b3", "more3"]
    assert ran(it) == [*rounds, "c", "c"]


def test_flows_of_a_split_that_have_nothing_left_to_do_have_still_completed() -> None:
    """The run died before the split was left."""
    it = Simulated(both(on="COMPLETED>to:after"), says(), events_left=4)
    with pytest.raises(Cut):
        it.run(1)
    it.run(2)
    assert ran(it) == ["a", "b", "after"]


def test_what_cannot_begin_in_a_split_fails_the_run_whatever_its_transitions() -> None:
    plan = both(on="FAILED>to:repair *>to:after", repair="")
    it = Simulated(plan, says())
    walk = walk_of(plan, it.history, run_id=1)
    todo = walk.start()
    assert isinstance(todo, RunSplit)
    first, second = (flow.start(todo.trail) for flow in todo.flows)
    assert not isinstance(first, FlowEnd)
    ends = [walk.fail(first, "START_LIMIT_EXCEEDED", "too often"), walk.stop(second)]
    end = walk.join(todo, ends).next
    assert isinstance(end, FlowEnd)
    assert (*ended(end), end.error_type) == ("failed", "FAILED", "START_LIMIT_EXCEEDED")


# Any flow, interrupted anywhere

CODES = ("COMPLETED", "FAILED", "X")
OUTCOMES: st.SearchStrategy[Outcome] = st.sampled_from(
    [
        (S.SUCCEEDED, "COMPLETED"),
        (S.SUCCEEDED, "COMPLETED"),
        (S.SUCCEEDED, "X"),
        (S.FAILED, "FAILED"),
        (S.FAILED, "X"),
    ]
)


@st.composite
def flows(draw: st.DrawFn, prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Also with nodes that nothing leads to."""
    names = [f"{prefix}{letter}" for letter in "abcd"[: draw(st.integers(1, 4 - depth))]]
    nodes: dict[str, Any] = {}
    for at, name in enumerate(names):
        kinds = ("step", "step", "decider", "split") if depth < 2 else ("step", "step", "decider")
        node: dict[str, Any] = {"kind": draw(st.sampled_from(kinds))}
        if node["kind"] == "split":
            node["flows"] = [draw(flows(f"{name}{side}", depth + 1)) for side in "lr"]
        if node["kind"] == "decider" or draw(st.booleans()):
            node["on"] = draw(transitions(names, may_stop=depth == 0))
        elif at + 1 < len(names) and draw(st.booleans()):
            node["next"] = names[at + 1]
        nodes[name] = node
    return {"start": names[0], "nodes": nodes}


def transitions(names: list[str], *, may_stop: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    targets = st.one_of(
        st.sampled_from(names).map(lambda name: {"to": name}),
        st.sampled_from(names).map(lambda name: {"to": name}),
        st.sampled_from(["COMPLETED", "E"]).map(lambda code: {"end": code}),
        st.just({"fail": "F"}),
        # In a split, a restart goes on behind a flow's own stop, whatever else was interrupted.
        st.sampled_from([None, *names]).map(lambda name: {"stop": name})
        if may_stop
        else st.nothing(),
    )
    codes = st.lists(st.sampled_from([*CODES, "*", "?*"]), min_size=1, max_size=3, unique=True)
    return codes.flatmap(
        lambda found: st.tuples(*([targets] * len(found))).map(
            lambda each: [{"code": c, **t} for c, t in zip(found, each, strict=True)]
        )
    )


def to_the_end(it: Simulated) -> list[tuple[str, str]]:
    """The ends of all of its runs; a declared stop is restarted, an interruption, too. Five at the
    most, the interruptions not counted."""
    ends: list[tuple[str, str]] = []
    run_id = it.run_id or 1
    while len(ends) < 5:
        try:
            end = it.run(run_id)
        except Cut:
            continue  # queued again: the same run
        run_id += 1
        if end.is_interrupted and it.is_stop and it.is_stopping:
            continue
        ends.append((end.state.value, end.code.replace("NOOP", "COMPLETED")))
        if end.state is not S.STOPPED:
            break
    return ends


def once(it: Simulated) -> list[tuple[str, int, str]]:
    """The log; what has failed, and what deciders say, may be asked again."""
    steps = {(step.name, step.visit) for step in it.steps.values() if step.state is S.SUCCEEDED}
    again = [entry for entry in it.log if entry[:2] not in steps]
    return sorted([entry for entry in it.log if entry[:2] in steps] + list(dict.fromkeys(again)))


@given(flow=flows(), outcomes=st.data(), at=st.integers(1, 25), is_stop=st.booleans())
def test_a_restart_after_any_prefix_ends_where_the_uninterrupted_run_does(
    flow: dict[str, Any], outcomes: st.DataObject, at: int, is_stop: bool
) -> None:
    drawn: dict[tuple[str, int], Outcome] = {}

    def outcome(name: str, visit: int) -> Outcome:
        if (name, visit) not in drawn:
            drawn[name, visit] = outcomes.draw(OUTCOMES, label=f"{name} on visit {visit}")
        return drawn[name, visit]

    plan = FlowPlan.from_json(flow)
    try:
        whole = Simulated(plan, outcome)
        ends = to_the_end(whole)
        cut = Simulated(plan, outcome, events_left=at, is_stop=is_stop)
        assert to_the_end(cut) == ends
    except TooLong:
        assume(False)
    assert once(cut) == once(whole)
    assert {**cut.moves} == {
        key: replace(move, run_id=cut.moves[key].run_id) for key, move in whole.moves.items()
    }


@given(flow=flows())
def test_flows_are_the_same_behind_json(flow: dict[str, Any]) -> None:
    assert FlowPlan.from_json(FlowPlan.from_json(flow).to_json()).to_json() == flow


def test_a_move_is_recorded_with_the_code_that_chose_it() -> None:
    it = Simulated(a_flow("a", a="X>to:b", b=""), says(a="X"))
    it.run(7)
    assert it.moves["a", 1] == Move(node="a", code="X", target={"to": "b"}, run_id=7)
