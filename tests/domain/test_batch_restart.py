"""What a restart would do, told beforehand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callboard.domain.batch_flow import FlowPlan
from callboard.domain.batch_flow_check import flow_problems
from callboard.domain.batch_partitions import partitions_of, plan_of
from callboard.domain.batch_restart import PlannedStep, explain_restart
from callboard.domain.batch_step import Checkpoint, Move, StepCounts, StepExecution, StepState
from callboard.errors import InvalidInput
from support.batch_walks import AT, Simulated, says

S = StepState
STEP: dict[str, Any] = {"kind": "step"}


def a_job(flow: dict[str, Any], *steps: str, **specs: dict[str, Any]) -> dict[str, Any]:
    """Its definition; of steps that are not said to be anything else, tasklets."""
    assert list(flow_problems(flow, steps)) == []
    listed = [{"name": name, "kind": "tasklet", **specs.get(name, {})} for name in steps]
    return {"steps": listed, "flow": flow}


def in_order(*steps: str, **specs: dict[str, Any]) -> dict[str, Any]:
    nodes = {
        name: {**STEP, "next": after} if after else STEP
        for name, after in zip(steps, (*steps[1:], None), strict=True)
    }
    return a_job({"start": steps[0], "nodes": nodes}, *steps, **specs)


def after(definition: dict[str, Any], *runs: Any, **more: Any) -> Simulated:
    """What the instance has done in runs with those outcomes."""
    it = Simulated(FlowPlan.from_json(definition["flow"]), says(), **more)
    for number, outcome in enumerate(runs, start=1):
        it.outcome = outcome
        it.run(number)
    return it


def lines(definition: dict[str, Any], it: Simulated) -> list[str]:
    return [_line(step) for step in explain_restart(definition, it.history)]


def _line(step: PlannedStep) -> str:
    visit = f"#{step.visit}" if step.visit > 1 else ""
    condition = "" if step.condition is None else f" {step.condition}:"
    return f"{'  ' * step.depth}{step.name}{visit}:{condition} {step.what.value}, {step.reason}"


def test_what_succeeded_is_skipped_and_what_failed_runs() -> None:
    job = in_order("a", "b", "c")
    assert lines(job, after(job, says(b="FAILED"))) == [
        "a: skip, it succeeded in run 1 with 'COMPLETED'",
        "b: run, it failed in run 1 before anything was stored",
        "c: run, it has not begun yet",
        "COMPLETED: end, the run has succeeded",
    ]


def test_a_step_with_a_checkpoint_goes_on_at_its_cursor() -> None:
    job = in_order("a", a={"kind": "chunk"})
    it = after(job, says(a="FAILED"), says(a="FAILED"))
    for id, cursor, writes in ((1, 3, 3), (2, 5, 2)):
        checkpoint = Checkpoint(cursor={"orders": cursor}, counts=StepCounts(writes=writes))
        it.steps[id] = replace(it.steps[id], checkpoint=checkpoint)
    planned = explain_restart(job, it.history)[0]
    assert (planned.cursor, planned.counts.writes) == ({"orders": 5}, 5)
    assert _line(planned) == "a: resume, it failed in run 2, behind 5 items written"


def test_steps_that_were_lost_or_stopped_say_so() -> None:
    job = in_order("a")
    it = after(job, says(a="FAILED"))
    it.steps[1] = replace(it.steps[1], exit_code="LOST")
    assert lines(job, it)[0] == "a: run, it was lost in run 1 before anything was stored"
    it = after(job, says(), events_left=1, is_stop=True)
    assert lines(job, it)[0] == "a: run, it was stopped in run 1 before anything was stored"


def test_a_step_that_may_run_again_is_told_so() -> None:
    job = in_order("a", "b", a={"allow_start_if_complete": True})
    assert lines(job, after(job, says(b="FAILED")))[:1] == [
        "a: run again, it succeeded in run 1, and may start if complete"
    ]


def test_a_start_limit_that_is_reached_ends_the_run() -> None:
    job = in_order("a", "b", a={"start_limit": 1})
    assert lines(job, after(job, says(a="FAILED"))) == [
        "a: end, the run fails: step 'a' has begun 1 times, and its start limit is 1"
    ]


def test_nothing_left_to_do_is_said() -> None:
    job = in_order("a")
    assert lines(job, after(job, says(), events_left=2, is_stop=True)) == [
        "a: skip, it succeeded in run 1 with 'COMPLETED'",
        "NOOP: end, the run has succeeded",
    ]


def test_what_depends_on_an_exit_code_says_on_which() -> None:
    on = [{"code": "FAILED", "fail": "NO"}, {"code": "*", "to": "b"}]
    job = a_job({"start": "a", "nodes": {"a": {**STEP, "on": on}, "b": STEP}}, "a", "b")
    assert lines(job, after(job, says(a="FAILED"))) == [
        "a: run, it failed in run 1 before anything was stored",
        "b: if 'a' ends with 'COMPLETED': run, it has not begun yet",
        "COMPLETED: end, the run has succeeded",
    ]


def test_a_failed_step_that_was_left_behind_is_skipped() -> None:
    on = [{"code": "FAILED", "to": "b"}, {"code": "*", "end": "COMPLETED"}]
    job = a_job({"start": "a", "nodes": {"a": {**STEP, "on": on}, "b": STEP}}, "a", "b")
    assert lines(job, after(job, says(a="FAILED", b="FAILED")))[:2] == [
        "a: skip, it failed in run 1, and the flow went on behind it",
        "b: run, it failed in run 1 before anything was stored",
    ]


DECIDED: dict[str, Any] = {
    "start": "a",
    "nodes": {
        "a": {**STEP, "next": "d"},
        "d": {"kind": "decider", "on": [{"code": "WAIT", "stop": None}, {"code": "*", "to": "b"}]},
        "b": STEP,
    },
}


def test_a_decision_is_replayed() -> None:
    job = a_job(DECIDED, "a", "b")
    assert lines(job, after(job, says(d="GO", b="FAILED")))[1:3] == [
        "d: replay, it said 'GO' in run 1",
        "b: run, it failed in run 1 before anything was stored",
    ]


def test_behind_a_decision_that_was_not_made_nothing_is_known() -> None:
    job = a_job(DECIDED, "a", "b")
    assert lines(job, after(job, says(a="FAILED"))) == [
        "a: run, it failed in run 1 before anything was stored",
        "d: decide, it has not been asked yet, and what follows depends on its answer",
    ]


def test_a_decider_that_ended_the_run_is_told_to_be_asked_again() -> None:
    job = a_job(DECIDED, "a", "b")
    assert lines(job, after(job, says(d="WAIT")))[-1] == (
        "d: decide, it said 'WAIT' in run 1, which that ended: it is asked again, and what "
        "follows depends on its answer"
    )


def test_a_step_that_leads_to_fail_tells_that_the_run_fails_again() -> None:
    on = [{"code": "BAD", "fail": "BAD"}, {"code": "*", "end": "COMPLETED"}]
    job = a_job({"start": "a", "nodes": {"a": {**STEP, "on": on}}}, "a")
    assert lines(job, after(job, says(a="BAD")))[-1] == (
        "BAD: end, the run has failed: 'a' ended with 'BAD': the flow fails then"
    )


def test_the_flows_of_a_split_are_told_one_after_the_other() -> None:
    flows = [{"start": name, "nodes": {name: STEP}} for name in "ab"]
    split = {"kind": "split", "flows": flows, "next": "c"}
    job = a_job({"start": "s", "nodes": {"s": split, "c": STEP}}, "a", "b", "c")
    assert lines(job, after(job, says(b="FAILED"))) == [
        "s: split, its flows run side by side",
        "  a: skip, it succeeded in run 1 with 'COMPLETED'",
        "  b: run, it failed in run 1 before anything was stored",
        "c: run, it has not begun yet",
        "COMPLETED: end, the run has succeeded",
    ]


def test_a_round_that_repeats_itself_is_told_once() -> None:
    on = [{"code": "COMPLETED", "to": "a"}, {"code": "*", "end": "DONE"}]
    job = a_job({"start": "a", "nodes": {"a": {**STEP, "on": on}}}, "a")
    told = lines(job, after(job))
    assert told == [
        "a: run, it has not begun yet",
        "a#2: if 'a' ends with 'COMPLETED': run, it has not begun yet",
    ]


def test_partitions_are_told_one_by_one() -> None:
    job = in_order("p", "z", p={"kind": "partition"})
    it = after(job, says(p="FAILED"))
    plan = plan_of({"north": {"n": 1}, "south": {}, "west": {}}, "plan")
    it.steps[1] = replace(it.steps[1], plan=plan, first_id=1)
    north = a_part("north", S.SUCCEEDED)
    south = replace(a_part("south", S.FAILED), id=3, checkpoint=Checkpoint(cursor={"o": 7}))
    it.steps |= {2: north, 3: south}
    assert lines(job, it) == [
        "p: resume, it failed in run 1",
        "  p:north: skip, it succeeded in run 1 with 'COMPLETED'",
        "  p:south: resume, it failed in run 1",
        "  p:west: run, it has not begun yet",
        "z: run, it has not begun yet",
        "COMPLETED: end, the run has succeeded",
    ]


def test_what_a_line_says_is_json() -> None:
    job = in_order("a")
    [line, _] = explain_restart(job, after(job, says(a="FAILED")).history)
    assert line.to_json() == {
        "name": "a",
        "visit": 1,
        "what": "run",
        "reason": "it failed in run 1 before anything was stored",
        "cursor": None,
        "reads": 0,
        "writes": 0,
        "depth": 0,
        "condition": None,
    }


# Partitions of a manager, and plans


def a_part(name: str, state: StepState, **more: Any) -> StepExecution:
    values = {"id": 2, "manager_id": 1, "visit": 1, **more}
    code = "COMPLETED" if state is S.SUCCEEDED else "FAILED"
    return StepExecution(
        instance_id=1,
        run_id=1,
        name=f"p:{name}",
        state=state,
        exit_code=code,
        started_at=AT,
        **values,
    )


def a_manager(id: int, first_id: int) -> StepExecution:
    return StepExecution(
        id=id, first_id=first_id, instance_id=1, run_id=id, name="p", started_at=AT
    )


def test_partitions_belong_to_all_executions_of_one_piece_of_work() -> None:
    steps = [
        a_manager(1, 1),
        a_part("old", S.SUCCEEDED, id=2, manager_id=1),
        a_manager(3, 3),  # again, from the start
        a_part("a", S.FAILED, id=4, manager_id=3),
        a_part("b", S.SUCCEEDED, id=5, manager_id=3),
        a_manager(6, 3),
        a_part("a", S.SUCCEEDED, id=7, manager_id=6),
    ]
    found = partitions_of(steps, a_manager(8, 3))
    assert {name: step.id for name, step in found.items()} == {"a": 7, "b": 5}


def test_a_list_of_inputs_is_numbered() -> None:
    assert plan_of([{"n": 1}, {}], "plan") == (
        {"name": "0", "inputs": {"n": 1}},
        {"name": "1", "inputs": {}},
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("text", "plan: gave a str"),
        ({"": {}}, "plan: named a partition ''"),
        ({1: {}}, "plan: named a partition 1"),
        ({"a": 3}, "plan.a: is a int, not an object"),
        ({"a": {"x": {1, 2}}}, "plan.a.x: is a set"),
        ([{}] * 10_001, "plan: gave 10001 partitions, more than 10000"),
    ],
)
def test_plans_that_cannot_be_kept_name_what_is_wrong(given: Any, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan_of(given, "plan")
    assert str(caught.value).startswith(said)


def test_a_move_to_a_node_that_is_gone_is_not_followed() -> None:
    on = [{"code": "*", "to": "b"}]
    job = a_job({"start": "a", "nodes": {"a": {**STEP, "on": on}, "b": STEP}}, "a", "b")
    it = after(job, says(b="FAILED"))
    it.moves["a", 1] = Move(node="a", code="COMPLETED", target={"to": "gone"}, run_id=1)
    assert lines(job, it)[1].startswith("b: run")
