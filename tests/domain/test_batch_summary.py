"""Batch runs and steps in words."""

from __future__ import annotations

from dataclasses import replace

from callboard.domain.batch_instance import BatchRun
from callboard.domain.batch_step import Checkpoint, StepCounts, StepExecution, StepState
from callboard.domain.batch_summary import (
    MOST_SHOWN,
    counts_text,
    parameters_text,
    run_summary,
    step_summary,
    step_text,
)
from callboard.domain.run import RunError
from callboard.domain.states import RunState
from support.factories import NOW, after, make_job, make_run

STEP = StepExecution(
    id=3,
    instance_id=5,
    run_id=7,
    name="load",
    state=StepState.SUCCEEDED,
    exit_code="COMPLETED",
    checkpoint=Checkpoint(counts=StepCounts(reads=4, writes=3, read_skips=1)),
    started_at=NOW,
    ended_at=after(2.54),
)
RUN = make_run(
    7,
    make_job("j"),
    state=RunState.SUCCEEDED,
    started_at=NOW,
    ended_at=after(3),
    arguments={"a": 1},
)
COUNTED = "4 reads, 3 writes, 1 read skip"
BATCH = BatchRun(run_id=7, instance_id=5, arguments={"a": 1, "b": "x"}, exit_code="COMPLETED")


def test_a_step_in_one_line():
    assert step_text(STEP) == f"load: succeeded (COMPLETED), 2.5 s; {COUNTED}"
    assert step_summary(STEP).text == step_text(STEP)


def test_a_running_step_has_no_time_yet():
    running = replace(STEP, state=StepState.RUNNING, ended_at=None, visit=2)
    assert step_text(running).startswith("load (visit 2): running (COMPLETED); 4 reads")


def test_of_a_message_the_first_line_is_said():
    failed = replace(STEP, exit_message="ValueError: no\nTraceback", checkpoint=Checkpoint())
    assert step_text(failed).endswith("2.5 s; ValueError: no ...")


def test_counters_of_nothing_are_not_said():
    assert counts_text(StepCounts()) == ""


def test_parameters_are_said_without_their_types():
    arguments = {"day": {"value": "2026-01-05", "type": "date"}, "dry": False, "note": "a, b"}
    assert parameters_text(arguments) == "day=2026-01-05, dry=false, note=a, b"


def test_a_run_in_one_line_and_one_for_each_step():
    summary = run_summary(RUN, BATCH, [STEP])
    first, second = summary.text.split("\n")
    assert first == f"run 7 of j: succeeded (COMPLETED), 3.0 s; instance 5; a=1, b=x; {COUNTED}"
    assert second == f"  {step_text(STEP)}"
    assert summary.counts == STEP.counts


def test_partitions_are_counted_by_their_step():
    partition = replace(STEP, id=4, name="load:a", manager_id=3)
    assert run_summary(RUN, BATCH, [STEP, partition]).counts == STEP.counts


def test_of_very_many_partitions_those_that_did_not_succeed_are_summed_up():
    parts = [
        replace(STEP, id=4 + n, name=f"load:{n}", manager_id=STEP.id) for n in range(2 * MOST_SHOWN)
    ]
    parts[-1] = replace(parts[-1], state=StepState.FAILED)
    summary = run_summary(RUN, BATCH, [STEP, *parts])
    assert summary.steps == (STEP, *parts[: MOST_SHOWN - 2], parts[-1])
    assert summary.steps_total == 2 * MOST_SHOWN + 1
    assert summary.text.endswith(f"  and {MOST_SHOWN + 1} more")


def test_a_run_that_has_not_begun_says_what_it_was_given():
    assert run_summary(RUN, None, []).text == "run 7 of j: succeeded, 3.0 s; a=1"


def test_attempts_errors_and_recoveries_are_said():
    error = RunError(type="Recovered", message="it burnt")
    run = replace(RUN, attempt=2, previous_run_id=6, error=error)
    text = run_summary(run, replace(BATCH, recovery="it burnt"), []).text
    assert "attempt 2, after run 6" in text
    assert text.endswith("Recovered: it burnt; recovered: it burnt")


def test_one_of_a_thing_is_said_so():
    assert counts_text(StepCounts(commits=1, retries=1)) == "1 commit, 1 retry"
