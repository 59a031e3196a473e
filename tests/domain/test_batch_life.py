"""Instances, their runs and steps, when a run changes hands or ends."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.domain.batch_instance import BatchInstance, BatchRun, InstanceState
from callboard.domain.batch_life import began, cut_off, ended, exited, taken_over
from callboard.domain.batch_step import StepExecution, StepState
from callboard.domain.run import Run, RunError
from callboard.domain.run_terms import RunTerms
from callboard.domain.states import RunState
from support.factories import NOW, after, make_job, make_run

LIVE = BatchInstance(id=5, job="j", key="k", parameters={}, live_run_id=7, last_run_id=7)
BATCH = BatchRun(run_id=7, instance_id=5, arguments={})
STEP = StepExecution(id=1, instance_id=5, run_id=7, name="load", started_at=NOW)


def run(state: RunState, run_id: int = 7, **changes: Any) -> Run:
    terms = RunTerms(instance_id=5)
    return make_run(run_id, make_job("j"), state=state, terms=terms, **changes)


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (RunState.SUCCEEDED, InstanceState.SUCCEEDED),
        (RunState.FAILED, InstanceState.FAILED),
        (RunState.TIMED_OUT, InstanceState.FAILED),
        (RunState.STOPPED, InstanceState.STOPPED),
        (RunState.ABANDONED, InstanceState.ABANDONED),
    ],
)
def test_an_instance_is_as_its_last_run_ended(state: RunState, wanted: InstanceState):
    over = ended(LIVE, run(state, ended_at=after(1)))
    assert (over.state, over.live_run_id, over.ended_at) == (wanted, None, after(1))


def test_the_end_of_an_earlier_run_is_nothing_to_it():
    assert ended(LIVE, run(RunState.FAILED, 3)) == LIVE


def test_a_new_run_is_its_live_one():
    over = ended(LIVE, run(RunState.FAILED, ended_at=after(1)))
    live = began(over, 9)
    assert (live.state, live.live_run_id, live.last_run_id) == (InstanceState.LIVE, 9, 9)
    assert live.ended_at is None


def test_what_is_given_up_later_ended_when_it_did():
    over = ended(LIVE, run(RunState.FAILED, ended_at=after(1)))
    given_up = ended(over, run(RunState.ABANDONED, ended_at=after(2)))
    assert (given_up.state, given_up.ended_at) == (InstanceState.ABANDONED, after(1))


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        ({"exit_code": "X"}, "X"),
        ({"exit_code": ""}, "FAILED"),
        ({"exit_code": 3}, "FAILED"),
        ({"exit_code": "y" * 300}, "y" * 255),
        (["X"], "FAILED"),
        (None, "FAILED"),
    ],
)
def test_the_exit_code_is_a_text_of_the_result_or_stands_for_the_state(result: Any, wanted: str):
    assert exited(BATCH, run(RunState.FAILED, result=result)).exit_code == wanted


def test_a_run_that_was_stopped_by_its_time_limit_has_failed():
    told = run(RunState.TIMED_OUT, result={"exit_code": "STOPPED"})
    assert exited(BATCH, told).exit_code == "FAILED"
    told = run(RunState.TIMED_OUT, result={"exit_code": "HALF DONE"})
    assert exited(BATCH, told).exit_code == "HALF DONE"


def test_a_run_that_is_given_up_keeps_its_exit_code():
    assert exited(BATCH, run(RunState.ABANDONED)) == BATCH


@pytest.mark.parametrize(
    ("states", "state", "code"),
    [
        ((RunState.FAILED,), StepState.FAILED, "FAILED"),
        ((RunState.TIMED_OUT,), StepState.FAILED, "FAILED"),
        ((RunState.SUCCEEDED,), StepState.FAILED, "FAILED"),
        ((RunState.PARKED,), StepState.FAILED, "FAILED"),
        ((RunState.STOPPED,), StepState.STOPPED, "STOPPED"),
        ((RunState.STOPPED, RunState.ABANDONED), StepState.STOPPED, "STOPPED"),
        ((RunState.QUEUED,), StepState.STOPPED, "STOPPED"),
        ((RunState.LOST, RunState.QUEUED), StepState.FAILED, "LOST"),
        ((RunState.LOST, RunState.FAILED), StepState.FAILED, "LOST"),
        ((RunState.LOST, RunState.PARKED), StepState.FAILED, "LOST"),
        ((RunState.LOST, RunState.STOPPED), StepState.STOPPED, "LOST"),
    ],
)
def test_a_step_ends_with_what_takes_its_run_away(
    states: tuple[RunState, ...], state: StepState, code: str
):
    over = cut_off(STEP, [run(each) for each in states], after(3))
    assert (over.state, over.exit_code, over.ended_at) == (state, code, after(3))
    assert over.exit_message


def test_a_step_says_the_error_of_its_run():
    error = RunError(type="NodeLost", message="its node died")
    over = cut_off(STEP, [run(RunState.LOST), run(RunState.FAILED, error=error)], NOW)
    assert over.exit_message == "NodeLost: its node died"


def test_a_step_that_another_node_takes_over_is_lost():
    over = taken_over(STEP, after(3))
    assert (over.state, over.exit_code, over.ended_at) == (StepState.FAILED, "LOST", after(3))
