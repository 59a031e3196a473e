"""What all runs of a batch instance have done together, by step and in all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from callboard.domain.batch_instance import BatchHistory
from callboard.domain.batch_step import LOST, StepCounts, StepExecution, StepState, sum_of


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTotals:
    """All executions of one step, or of one partition, on one visit."""

    name: str
    visit: int
    executions: int
    state: StepState
    """Of the last one, as is the exit code."""
    exit_code: str
    counts: StepCounts
    wall_s: float
    """Seconds in which one was executed; of a lost one those until its last commit."""
    expected: int | None
    """Items that it will have read in all; None: nobody said."""
    rate: float | None
    """Items read in a second; None: no time has passed."""
    eta_s: float | None
    """Seconds until it is through, at the last one's rate; None: it does not run, or nobody
    knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceTotals:
    """All runs of an instance. A partitioned step is what its partitions are."""

    runs: int
    counts: StepCounts
    wall_s: float
    """Seconds in which at least one of its steps was executed."""
    expected: int | None
    rate: float | None
    eta_s: float | None
    """Until all steps that run are through; None: none does, or one of them does not know."""
    steps: tuple[StepTotals, ...]
    """In the order in which they began first; partitions behind the step that they are of."""


def totals_of(history: BatchHistory, now: datetime) -> InstanceTotals:
    """Args:
    now: for steps that run.
    """
    steps = tuple(
        _step_totals(name, visit, executions, now)
        for (name, visit), executions in _by_step(history.steps).items()
    )
    managing = _managing(history.steps)
    working = [each for each in steps if (each.name, each.visit) not in managing]
    counts = sum_of(each.counts for each in working)
    wall_s = _covered_s(history.steps, now)
    expected = [each.expected for each in working if each.expected is not None]
    return InstanceTotals(
        runs=len(history.runs),
        counts=counts,
        wall_s=wall_s,
        expected=sum(expected) if expected else None,
        rate=_rate(counts.reads, wall_s),
        eta_s=_eta_of_all([each for each in working if each.state is StepState.RUNNING]),
        steps=steps,
    )


def _by_step(
    steps: Sequence[StepExecution],
) -> dict[tuple[str, int], list[StepExecution]]:
    found: dict[tuple[str, int], list[StepExecution]] = {}
    for step in steps:
        found.setdefault((step.name, step.visit), []).append(step)
    return found


def _managing(steps: Iterable[StepExecution]) -> set[tuple[str, int]]:
    """Names and visits of the steps that have partitions: those count what the step counts, too."""
    known = {step.id: step for step in steps}
    managers = [known.get(step.manager_id) for step in known.values() if step.manager_id]
    return {(each.name, each.visit) for each in managers if each is not None}


def _step_totals(
    name: str, visit: int, executions: Sequence[StepExecution], now: datetime
) -> StepTotals:
    last = executions[-1]
    counts = sum_of(each.counts for each in executions)
    wall_s = _covered_s(executions, now)
    return StepTotals(
        name=name,
        visit=visit,
        executions=len(executions),
        state=last.state,
        exit_code=last.exit_code,
        counts=counts,
        wall_s=wall_s,
        expected=last.expected,
        rate=_rate(counts.reads, wall_s),
        eta_s=_eta(executions, now),
    )


def _eta(executions: Sequence[StepExecution], now: datetime) -> float | None:
    """By what the last one does; work that it goes on with is done."""
    last = executions[-1]
    if last.state is not StepState.RUNNING or last.expected is None:
        return None
    rate = _rate(last.counts.reads, _covered_s([last], now))
    if not rate:
        return None
    line = last.first_id or last.id
    done = sum(each.counts.reads for each in executions if (each.first_id or each.id) == line)
    return max(0, last.expected - done) / rate


def _eta_of_all(running: Sequence[StepTotals]) -> float | None:
    known = [each.eta_s for each in running if each.eta_s is not None]
    return max(known) if known and len(known) == len(running) else None


def _covered_s(steps: Iterable[StepExecution], now: datetime) -> float:
    """Seconds in which at least one of them was executed."""
    covered, until = timedelta(), None
    for start, end in sorted((step.started_at, _end_of(step, now)) for step in steps):
        begin = start if until is None else max(start, until)
        if end > begin:
            covered += end - begin
        until = end if until is None else max(until, end)
    return covered.total_seconds()


def _end_of(step: StepExecution, now: datetime) -> datetime:
    if step.exit_code == LOST:
        return step.committed_at or step.started_at
    return step.ended_at or now


def _rate(items: int, seconds: float) -> float | None:
    return items / seconds if seconds > 0 else None
