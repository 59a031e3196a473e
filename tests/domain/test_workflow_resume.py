"""Which part of a workflow run runs again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callboard.domain.schedule import Condition
from callboard.domain.trigger import TriggerState
from callboard.domain.workflow import WorkflowRun, WorkflowState
from callboard.domain.workflow_advance import fired
from callboard.domain.workflow_resume import downstream, resumption
from callboard.errors import InvalidInput
from domain.test_workflow_advance import a_trigger, begun

A, B, C = (Condition(job=job) for job in "abc")


def passed(*triggers: tuple[str, dict[str, int]], run: WorkflowRun) -> WorkflowRun:
    """The run, completed, after these triggers have fired and started these runs."""
    by_name = {each.name: each for each in run.triggers}
    for name, started in triggers:
        run = fired(run, by_name[name], started.items(), [])
    return replace(run, state=WorkflowState.COMPLETED, live=())


def test_downstream_is_what_triggers_start_in_the_end() -> None:
    triggers = [a_trigger("t1", [A], "b"), a_trigger("t2", [B, C], "d"), a_trigger("t3", [C], "e")]
    assert downstream(triggers, ["a"]) == {"b", "d"}
    assert downstream(triggers, ["c"]) == {"d", "e"}
    assert downstream(triggers, ["d"]) == set()


def test_what_is_beside_counts_as_it_ended() -> None:
    run = begun(a_trigger("t1", [A], "c"), a_trigger("t2", [B], "d"), jobs="ab")
    run = passed(("t1", {"c": 3}), ("t2", {"d": 4}), run=run)
    run = replace(run, met={"t1": {"a": 1}, "t2": {"b": 2}})
    plan = resumption(run, ["a"])
    ((trigger, action),) = plan.starts
    assert (trigger.name, action.job) == ("start", "a")
    assert plan.fired == {"start": (1, 2), "t2": (4,)}
    assert plan.met == {"t2": {"b": 2}}
    assert plan.runs == {"b": (2,), "d": (4,)}


def test_a_join_keeps_what_does_not_run_again() -> None:
    run = begun(a_trigger("t1", [A, B], "c"), jobs="ab")
    run = replace(passed(("t1", {"c": 3}), run=run), met={"t1": {"a": 1, "b": 2}})
    assert resumption(run, ["a"]).met == {"t1": {"b": 2}}


def test_a_trigger_for_any_of_its_jobs_waits_for_one_that_runs_again() -> None:
    run = begun(a_trigger("t1", [A, B], "c", logical="any"), jobs="ab")
    run = replace(passed(("t1", {"c": 3}), run=run), met={"t1": {"b": 2}})
    plan = resumption(run, ["a"])
    assert (plan.met, plan.fired) == ({}, {"start": (1, 2)})


def test_jobs_behind_others_are_left_to_their_triggers() -> None:
    run = begun(a_trigger("t1", [A], "b"), a_trigger("t2", [B], "c"))
    run = passed(("t1", {"b": 2}), ("t2", {"c": 3}), run=run)
    assert [action.job for _, action in resumption(run, ["c", "b", "b"]).starts] == ["b"]


def test_a_trigger_that_was_not_active_starts_nothing_again() -> None:
    asleep = a_trigger("t1", [A], "b", state=TriggerState.INACTIVE)
    run = passed(run=begun(asleep, jobs="ab"))
    both = resumption(run, ["a", "b"])
    assert [action.job for _, action in both.starts] == ["a", "b"]
    assert resumption(run, ["a"]).runs == {"b": (2,)}


def test_a_job_is_started_by_the_trigger_that_started_it_last() -> None:
    run = begun(a_trigger("t1", [A], "b"), a_trigger("t2", [C], "b"), jobs="ac")
    run = passed(("t2", {"b": 3}), ("t1", {"b": 4}), run=run)
    ((trigger, _),) = resumption(run, ["b"]).starts
    assert trigger.name == "t1"


@pytest.mark.parametrize(
    ("jobs", "where"), [([], "jobs"), (["a", "x"], "jobs[1]"), (["a"] * 1001, "jobs")]
)
def test_jobs_that_have_not_run_are_refused(jobs: list[str], where: str) -> None:
    run = passed(run=begun(a_trigger("t1", [A], "x")))
    with pytest.raises(InvalidInput) as refused:
        resumption(run, jobs)
    assert [problem.field for problem in refused.value.problems] == [where]
