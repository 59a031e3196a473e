"""Refusals of batch runs: the code, the ids, and words that name the true cause (B23)."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.domain.batch_instance import BatchHistory, BatchInstance, BatchRun, InstanceState
from callboard.domain.batch_parameter import rules_from_spec
from callboard.domain.batch_refusal import (
    abandon_refusal,
    definition_refusal,
    delete_refusal,
    parameters_refusal,
    recover_refusal,
    restart_refusal,
    running_of,
    start_refusal,
    stop_refusal,
    unbegun_refusal,
)
from callboard.domain.batch_step import StepExecution, StepState
from callboard.domain.run import Run
from callboard.domain.run_terms import RunTerms
from callboard.domain.states import ENDED, LIVE, ON_NODE, RunState
from callboard.errors import Conflict
from support.factories import NOW, make_job, make_run

UNKNOWN = (RunState.PARKED, RunState.LOST)


def instance(state: InstanceState = InstanceState.FAILED, **changes: Any) -> BatchInstance:
    values: dict[str, Any] = {
        "id": 5,
        "job": "settlement",
        "key": "k",
        "parameters": {},
        "last_run_id": 7,
        "live_run_id": 7 if state is InstanceState.LIVE else None,
        **changes,
    }
    return BatchInstance(state=state, **values)


def run(state: RunState, run_id: int = 7, instance_id: int = 5) -> Run:
    terms = RunTerms(instance_id=instance_id)
    return make_run(run_id, make_job("settlement"), state=state, terms=terms, node="node-a")


def step(state: StepState = StepState.RUNNING) -> StepExecution:
    return StepExecution(id=1, instance_id=5, run_id=7, name="load", state=state, started_at=NOW)


def code(refusal: Conflict | None) -> str | None:
    return None if refusal is None else refusal.code


@pytest.mark.parametrize("state", [*InstanceState])
def test_a_start_is_refused_whatever_became_of_the_instance(state: InstanceState):
    refusal = start_refusal(instance(state))
    assert refusal.code == "instance_already_exists"
    assert refusal.facts == {"instance_id": 5, "last_run_id": 7, "state": state.value}


@pytest.mark.parametrize("state", [InstanceState.FAILED, InstanceState.STOPPED])
def test_a_start_of_what_can_be_restarted_says_so(state: InstanceState):
    assert "restart run 7" in str(start_refusal(instance(state)))


@pytest.mark.parametrize("state", [InstanceState.FAILED, InstanceState.STOPPED])
def test_what_has_failed_or_was_stopped_can_be_restarted(state: InstanceState):
    assert restart_refusal(instance(state), None, is_restartable=True) is None


@pytest.mark.parametrize("state", [InstanceState.SUCCEEDED, InstanceState.ABANDONED])
def test_what_is_closed_is_not_restarted(state: InstanceState):
    refusal = restart_refusal(instance(state), None, is_restartable=False)
    assert code(refusal) == "instance_already_complete"
    assert state.value in str(refusal)


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_live_run_is_named_with_what_it_is_doing(state: RunState):
    refusal = restart_refusal(instance(InstanceState.LIVE), run(state), is_restartable=True)
    assert refusal is not None
    assert refusal.code == ("run_state_unknown" if state in UNKNOWN else "run_already_running")
    assert refusal.facts["run_id"] == 7
    assert refusal.facts["instance_id"] == 5
    assert state.value in str(refusal)


def test_a_step_that_has_not_ended_is_named():
    running = running_of([step(StepState.SUCCEEDED), step()])
    refusal = restart_refusal(instance(), None, is_restartable=True, running=running)
    assert code(refusal) == "run_state_unknown"
    assert "'load'" in str(refusal)


def test_a_job_that_is_not_restartable_is_named():
    refusal = restart_refusal(instance(), None, is_restartable=False)
    assert code(refusal) == "job_not_restartable"


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (RunState.QUEUED, "run_already_running"),
        (RunState.RUNNING, "run_already_running"),
        (RunState.STOPPING, None),
        (RunState.LOST, "run_state_unknown"),
        (RunState.PARKED, "run_state_unknown"),
    ],
)
def test_of_live_runs_only_a_stopping_one_is_given_up(state: RunState, wanted: str | None):
    """B15."""
    assert code(abandon_refusal(run(state), instance(InstanceState.LIVE))) == wanted
    assert code(abandon_refusal(run(state, instance_id=0), None)) == wanted


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (InstanceState.FAILED, None),
        (InstanceState.STOPPED, None),
        (InstanceState.SUCCEEDED, "instance_already_complete"),
        (InstanceState.ABANDONED, "instance_already_complete"),
    ],
)
def test_an_ended_run_is_given_up_unless_its_instance_is_closed(
    state: InstanceState, wanted: str | None
):
    assert code(abandon_refusal(run(RunState.FAILED), instance(state))) == wanted


def test_a_run_is_not_given_up_under_a_later_one():
    live = instance(InstanceState.LIVE, live_run_id=9, last_run_id=9)
    refusal = abandon_refusal(run(RunState.FAILED), live)
    assert refusal is not None
    assert (refusal.code, refusal.facts["run_id"]) == ("run_already_running", 9)


@pytest.mark.parametrize("state", sorted(ON_NODE))
def test_a_run_under_a_lease_is_recovered_by_force_alone(state: RunState):
    refusal = recover_refusal(run(state), has_lease=True, is_forced=False)
    assert code(refusal) == "run_already_running"
    assert "node-a" in str(refusal)
    assert recover_refusal(run(state), has_lease=True, is_forced=True) is None
    assert recover_refusal(run(state), has_lease=False, is_forced=False) is None


@pytest.mark.parametrize("state", UNKNOWN)
def test_what_nobody_knows_of_is_recovered(state: RunState):
    assert recover_refusal(run(state), has_lease=False, is_forced=False) is None


def test_a_queued_run_is_recovered_by_force_alone():
    queued = run(RunState.QUEUED)
    assert code(recover_refusal(queued, has_lease=False, is_forced=False)) == "run_already_running"
    assert recover_refusal(queued, has_lease=False, is_forced=True) is None


@pytest.mark.parametrize("state", [*RunState])
def test_a_run_is_stopped_unless_it_has_ended(state: RunState):
    refusal = stop_refusal(run(state))
    assert code(refusal) == ("run_not_running" if state in ENDED else None)


def test_a_live_instance_is_not_deleted():
    assert code(delete_refusal(instance(InstanceState.LIVE))) == "run_already_running"
    assert delete_refusal(instance()) is None


@pytest.mark.parametrize("state", [*RunState])
def test_a_run_that_has_not_begun_is_tried_again_once_it_has_ended(state: RunState):
    wanted = {
        RunState.PARKED: "run_state_unknown",
        RunState.LOST: "run_state_unknown",
        RunState.ABANDONED: "instance_already_complete",
        **dict.fromkeys((RunState.QUEUED, *ON_NODE), "run_already_running"),
    }
    assert code(unbegun_refusal(run(state, instance_id=0))) == wanted.get(state)


def test_a_changed_definition_is_refused_with_the_differences():
    """B18."""
    history = BatchHistory(
        instance=instance(),
        runs=(BatchRun(run_id=7, instance_id=5, arguments={}),),
        steps=(step(StepState.FAILED),),
    )
    before = {"steps": [{"name": "load", "kind": "tasklet"}], "flow": _alone("load")}
    now = {"steps": [{"name": "other", "kind": "tasklet"}], "flow": _alone("other")}
    refusal = definition_refusal(history, before, now)
    assert refusal is not None
    assert refusal.code == "definition_changed"
    differences: Any = refusal.facts["differences"]
    assert [each["step"] for each in differences] == ["load"]
    assert definition_refusal(history, before, now, {"load": "other"}) is None
    assert definition_refusal(history, before, before) is None


def _alone(name: str) -> dict[str, Any]:
    return {"start": name, "nodes": {name: {"kind": "step"}}}


SECRET = {"$secret": "env:TOKEN"}
DAY = {"name": "day", "type": "integer"}


def parameters(said: list[dict[str, Any]] | None, **changes: Any) -> Conflict | None:
    """Of going on with `day=1`, by the job as it declares its parameters now."""
    values: dict[str, Any] = {"arguments": {"day": 1}, **changes}
    of = BatchRun(run_id=7, instance_id=5, **values)
    rules = rules_from_spec({} if said is None else {"parameters": said})
    return parameters_refusal(instance(), rules, of)


@pytest.mark.parametrize(
    ("said", "name", "problem"),
    [
        ([{"name": "day", "type": "string"}], "day", "1 is not a text"),
        ([DAY, {"name": "site", "type": "string"}], "site", "is missing"),
        ([DAY, {"name": "token", "type": "string", "secret": True}], "token", "is missing"),
        ([], "day", "is not one of the parameters"),
        ([{**DAY, "choices": [2]}], "day", "1 is none of the choices"),
    ],
)
def test_a_run_does_not_go_on_with_parameters_that_its_job_has_no_more(
    said: list[dict[str, Any]], name: str, problem: str
):
    refusal = parameters(said)
    assert code(refusal) == "definition_changed"
    assert refusal is not None
    assert f"{name} {problem}" in str(refusal)
    (difference,) = refusal.facts["differences"]
    assert (difference["parameter"], difference["problem"]) == (name, problem)


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        (None, {}),
        ([DAY, {"name": "site", "type": "string", "default": "north"}], {}),
        ([DAY, {"name": "site", "type": "string", "required": False}], {}),
        ([{"name": "day", "type": "number"}], {}),
        ([DAY], {"arguments": {"day": 1, "note": "x"}, "references": ("note",)}),
        ([DAY, {"name": "token", "type": "string"}], {"arguments": {"day": 1, "token": SECRET}}),
        (
            [DAY, {"name": "token", "type": "string", "secret": True}],
            {"arguments": {"day": 1, "token": "plain"}},
        ),
    ],
)
def test_it_goes_on_with_those_that_fit(said: list[dict[str, Any]] | None, changes: dict[str, Any]):
    assert parameters(said, **changes) is None
