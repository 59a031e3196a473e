"""Totals over all runs of a batch instance."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.batch_instance import BatchHistory, BatchInstance, BatchRun
from callboard.domain.batch_step import Checkpoint, StepCounts, StepExecution, StepState
from callboard.domain.batch_totals import InstanceTotals, totals_of
from support.factories import NOW, after

INSTANCE = BatchInstance(id=1, job="load", key="k", parameters={})


def step(
    id: int, start: float, end: float | None, *, reads: int = 0, name: str = "load", **changes: Any
) -> StepExecution:
    """An execution from `start` to `end`, seconds behind NOW; None: it runs."""
    values = {
        "state": StepState.RUNNING if end is None else StepState.FAILED,
        "ended_at": None if end is None else after(end),
        "checkpoint": Checkpoint(counts=StepCounts(reads=reads, writes=reads)),
        "first_id": 1,
        **changes,
    }
    return StepExecution(
        id=id, instance_id=1, run_id=1, name=name, started_at=after(start), **values
    )


def totals(*steps: StepExecution, now: datetime = NOW) -> InstanceTotals:
    return totals_of(BatchHistory(instance=INSTANCE, steps=steps), now)


def test_an_instance_that_has_done_nothing() -> None:
    runs = tuple(BatchRun(run_id=n, instance_id=1, arguments={}) for n in (1, 2))
    found = totals_of(BatchHistory(instance=INSTANCE, runs=runs), NOW)
    assert (found.runs, found.counts, found.wall_s, found.steps) == (2, StepCounts(), 0.0, ())
    assert (found.rate, found.eta_s, found.expected) == (None, None, None)


def test_executions_of_a_step_are_added_up() -> None:
    found = totals(step(1, 0, 10, reads=60), step(2, 20, 30, reads=40, exit_code="FAILED"))
    [load] = found.steps
    assert (load.executions, load.counts, load.wall_s) == (2, StepCounts(reads=100, writes=100), 20)
    assert (load.state, load.exit_code, load.rate) == (StepState.FAILED, "FAILED", 5.0)
    assert (found.counts, found.wall_s, found.rate) == (load.counts, 20, 5.0)


def test_visits_of_a_step_are_apart() -> None:
    found = totals(step(1, 0, 10, visit=1), step(2, 10, 20, visit=2))
    assert [(each.name, each.visit) for each in found.steps] == [("load", 1), ("load", 2)]


def test_steps_side_by_side_take_their_time_once() -> None:
    found = totals(step(1, 0, 10, name="a"), step(2, 5, 20, name="b"), step(3, 6, 7, name="c"))
    assert found.wall_s == 20
    assert [each.wall_s for each in found.steps] == [10, 15, 1]


def test_a_lost_execution_lasted_until_its_last_commit() -> None:
    lost = step(1, 0, 100, exit_code="LOST", committed_at=after(10))
    idle = step(2, 200, 300, exit_code="LOST")
    assert totals(lost, idle).wall_s == 10


def test_a_partitioned_step_counts_once() -> None:
    found = totals(
        step(1, 0, 10, reads=30, name="report"),
        step(2, 0, 10, reads=10, name="report:a", manager_id=1),
        step(3, 0, 10, reads=20, name="report:b", manager_id=1),
        step(4, 10, 20, reads=5, name="other"),
    )
    assert found.counts.reads == 35
    assert [each.counts.reads for each in found.steps] == [30, 10, 20, 5]


def test_the_time_left_is_by_the_rate_of_the_execution_that_runs() -> None:
    found = totals(
        step(1, 0, 100, reads=50), step(2, 200, None, reads=20, expected=100), now=after(210)
    )
    assert found.steps[0].eta_s == found.eta_s == 30 / 2
    assert found.expected == 100


def test_work_that_began_afresh_has_all_before_it() -> None:
    found = totals(
        step(1, 0, 100, reads=50),
        step(2, 200, None, reads=20, expected=100, first_id=2),
        now=after(210),
    )
    assert found.eta_s == 80 / 2


def test_the_last_of_steps_side_by_side_says_when_all_are_through() -> None:
    found = totals(
        step(1, 0, None, reads=10, name="a", expected=20),
        step(2, 0, None, reads=10, name="b", expected=40),
        now=after(10),
    )
    assert (found.eta_s, found.expected) == (30, 60)


@pytest.mark.parametrize("changes", [{"expected": None}, {"expected": 10, "reads": 0}])
def test_nobody_knows_when_all_are_through_where_one_does_not(changes: dict[str, Any]) -> None:
    found = totals(
        step(1, 0, None, reads=10, name="a", expected=20),
        step(2, 0, None, **{"reads": 5, "name": "b", **changes}),
        now=after(10),
    )
    assert found.eta_s is None


def test_more_items_than_were_expected_take_no_time() -> None:
    assert totals(step(1, 0, None, reads=10, expected=5), now=after(1)).eta_s == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50))))
def test_time_is_covered_once_whatever_the_order(spans: list[tuple[int, int]]) -> None:
    steps = [step(n, start, start + length, name=f"{n}") for n, (start, length) in enumerate(spans)]
    seconds = {second for start, length in spans for second in range(start, start + length)}
    assert totals(*steps).wall_s == len(seconds)
