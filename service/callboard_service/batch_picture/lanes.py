"""What a picture of a batch instance shows: a lane for each step, a bar for each attempt at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from callboard.domain.batch_instance import BatchHistory, BatchRun
from callboard.domain.batch_step import (
    EXECUTING,
    FAILED,
    LOST,
    STOPPED,
    StepExecution,
    StepState,
)
from callboard.domain.batch_summary import parameters_text
from callboard.domain.run import Run
from callboard.domain.states import RunState

MOST_PARTITIONS: Final = 60
"""Of one step that have lanes of their own."""
USUAL_CODES: Final = frozenset({EXECUTING, *(state.upper() for state in StepState), "COMPLETED"})
"""Exit codes that say no more than the state does."""
_SHOWN: Final[Mapping[RunState, str]] = {
    RunState.QUEUED: "running",
    RunState.STOPPING: "running",
    RunState.TIMED_OUT: "failed",
    RunState.LOST: "failed",
    RunState.PARKED: "failed",
}
"""States of runs that are drawn as another."""
_IDLE: Final = frozenset({RunState.PARKED, RunState.LOST})
"""In which it has not ended, and nobody works on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One attempt: of a step, of a partition, or of the whole job."""

    since: datetime
    until: datetime
    state: str
    """How it is drawn: running, succeeded, failed, stopped or abandoned."""
    label: str
    """Short, to stand in it."""
    told: str
    """All there is to say, in lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A step over time, with all attempts at it."""

    name: str
    depth: int = 0
    """1: a partition, under the lane of its step."""
    bars: tuple[Bar, ...] = ()
    """Oldest first."""
    said: str = ""
    """How it is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything in a picture."""

    title: str
    said: str
    runs: Lane
    steps: tuple[Lane, ...]
    """In the order in which they first began."""

    def bars(self) -> Iterator[Bar]:
        for lane in (self.runs, *self.steps):
            yield from lane.bars

    def states(self) -> tuple[str, ...]:
        """Those that occur, in the order of `StepState`."""
        found = {bar.state for bar in self.bars()}
        return tuple(state.value for state in StepState if state.value in found)


def timeline_of(
    history: BatchHistory, runs: Mapping[int, Run], *, now: datetime, run_id: int | None = None
) -> Timeline:
    """The runs of an instance with their steps.

    Args:
        runs: those that the history still has, by id.
        now: where the bars of what goes on end.
        run_id: only this run; None: all of them.
    """
    batch_runs = [each for each in history.runs if run_id in (None, each.run_id)]
    steps = [each for each in history.steps if run_id in (None, each.run_id)]
    return Timeline(
        title=_title(history, run_id),
        said=_said(history, runs, batch_runs),
        runs=Lane(name="runs", bars=tuple(_run_bars(batch_runs, runs, steps, now))),
        steps=tuple(_step_lanes(steps, now)),
    )


def _title(history: BatchHistory, run_id: int | None) -> str:
    instance = history.instance
    named = f"{instance.job}, instance {instance.id}"
    return named if run_id is None else f"{named}, run {run_id}"


def _said(history: BatchHistory, runs: Mapping[int, Run], shown: Sequence[BatchRun]) -> str:
    parameters = parameters_text(history.instance.parameters)
    states = ", ".join(
        f"run {each.run_id} {runs[each.run_id].state}" for each in shown if each.run_id in runs
    )
    if len(shown) > 4:
        states = f"{len(shown)} runs, the last one {history.instance.state}"
    return "; ".join(part for part in (parameters, states) if part)


def _run_bars(
    batch_runs: Iterable[BatchRun],
    runs: Mapping[int, Run],
    steps: Sequence[StepExecution],
    now: datetime,
) -> Iterator[Bar]:
    steps_of: dict[int, list[StepExecution]] = {}
    for step in steps:
        steps_of.setdefault(step.run_id, []).append(step)
    for batch_run in batch_runs:
        run = runs.get(batch_run.run_id)
        own = steps_of.get(batch_run.run_id, [])
        # A run that is queued again after a crash began before its last claim.
        begun = [step.started_at for step in own]
        begun += [batch_run.begun_at] if batch_run.begun_at else []
        begun += [run.started_at] if run and run.started_at else []
        if not begun:
            continue
        until = run.ended_at if run else None
        if run is None or run.state in _IDLE:
            until = max((step.ended_at for step in own if step.ended_at), default=min(begun))
        state = _state_of_pruned(batch_run, own) if run is None else _state(run)
        yield _run_bar(batch_run, run, state, min(begun), until or now)


def _state(run: Run) -> str:
    return _SHOWN.get(run.state, run.state.value)


def _state_of_pruned(batch_run: BatchRun, own: Sequence[StepExecution]) -> str:
    """By what is left of it: its exit code, or how its last step ended."""
    if batch_run.exit_code in (FAILED, STOPPED):
        return batch_run.exit_code.lower()
    is_bad = bool(own) and own[-1].state in (StepState.FAILED, StepState.STOPPED)
    return own[-1].state.value if is_bad else StepState.SUCCEEDED.value


def _run_bar(
    batch_run: BatchRun, run: Run | None, state: str, since: datetime, until: datetime
) -> Bar:
    word = "" if run is None else run.state.value
    lines = [f"run {batch_run.run_id} {word}".rstrip(), f"exit code {batch_run.exit_code}"]
    lines.append(_when(since, until))
    if run is not None and run.error is not None:
        lines.append(f"{run.error.type}: {run.error.message}"[:300])
    if batch_run.recovery is not None:
        lines.append(f"recovered: {batch_run.recovery}"[:300])
    return Bar(
        since=since,
        until=max(since, until),
        state=state,
        label=f"run {batch_run.run_id} {word}".rstrip(),
        told="\n".join(lines),
    )


def _step_lanes(steps: Sequence[StepExecution], now: datetime) -> Iterator[Lane]:
    """The steps, each with its partitions behind it."""
    own: dict[str, list[StepExecution]] = {}
    parts: dict[str, dict[str, list[StepExecution]]] = {}
    names = {step.id: step.name for step in steps}
    for step in steps:
        manager = names.get(step.manager_id or 0)
        if manager is None:
            own.setdefault(step.name, []).append(step)
        else:
            parts.setdefault(manager, {}).setdefault(step.name, []).append(step)
    for name, attempts in own.items():
        yield _lane(name, attempts, now)
        yield from _partition_lanes(name, parts.get(name, {}), now)


def _partition_lanes(
    name: str, parts: Mapping[str, list[StepExecution]], now: datetime
) -> Iterator[Lane]:
    """Those that did not succeed come first where there are too many; the rest are counted."""
    kept = list(parts)
    if len(kept) > MOST_PARTITIONS:
        bad = [each for each in kept if parts[each][-1].state is not StepState.SUCCEEDED]
        good = [each for each in kept if parts[each][-1].state is StepState.SUCCEEDED]
        chosen = frozenset((bad + good)[:MOST_PARTITIONS])
        kept = [each for each in kept if each in chosen]
    for each in kept:
        yield _lane(each.removeprefix(f"{name}:"), parts[each], now, depth=1)
    if rest := len(parts) - len(kept):
        yield Lane(name=f"and {rest} more", depth=1)


def _lane(name: str, attempts: Sequence[StepExecution], now: datetime, depth: int = 0) -> Lane:
    last = attempts[-1]
    said = _outcome(last)
    if written := sum(step.counts.writes for step in attempts):
        said += f", {written:,} written"
    if skipped := sum(step.counts.skips for step in attempts):
        said += f", {skipped:,} skipped"
    bars = tuple(_bar(step, now) for step in attempts)
    return Lane(name=name, depth=depth, bars=bars, said=said)


def _bar(step: StepExecution, now: datetime) -> Bar:
    until = max(step.started_at, step.ended_at or now)
    counts = step.counts
    lines = [f"{step.name}, execution {step.id} of run {step.run_id}: {_outcome(step)}"]
    lines.append(_when(step.started_at, until))
    lines.append(
        f"read {counts.reads:,}, written {counts.writes:,}, filtered {counts.filters:,}, "
        f"skipped {counts.skips:,}, commits {counts.commits:,}, rollbacks {counts.rollbacks:,}"
    )
    if step.exit_message:
        lines.append(step.exit_message[:300])
    return Bar(
        since=step.started_at,
        until=until,
        state=step.state.value,
        label=_label(step, until),
        told="\n".join(lines),
    )


def _label(step: StepExecution, until: datetime) -> str:
    took = span_text(until - step.started_at)
    return took if step.visit == 1 else f"visit {step.visit}: {took}"


def _outcome(step: StepExecution) -> str:
    """Its state; the exit code where that says more."""
    if step.exit_code == LOST:
        return "lost"
    return step.state.value if step.exit_code in USUAL_CODES else step.exit_code


def _when(since: datetime, until: datetime) -> str:
    return f"{since:%Y-%m-%d %H:%M:%S} to {until:%H:%M:%S} UTC, {span_text(until - since)}"


def span_text(span: timedelta) -> str:
    """`42 ms`, `12.3 s`, `2m 05s`, `1h 00m`, `3d 02h`."""
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds) // 60
    if minutes < 60:
        return f"{minutes}m {int(seconds) % 60:02}s"
    if minutes < 1440:
        return f"{minutes // 60}h {minutes % 60:02}m"
    return f"{minutes // 1440}d {minutes // 60 % 24:02}h"
