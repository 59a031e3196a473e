"""Batch runs and their steps in words, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from callboard.domain.batch_arguments import plain
from callboard.domain.batch_instance import BatchRun
from callboard.domain.batch_step import COUNTS, StepCounts, StepExecution, StepState, sum_of
from callboard.domain.json import JsonObject
from callboard.domain.run import Run

MOST_SHOWN: Final = 1000
"""Steps in a summary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSummary:
    """One execution of a step, or of a partition."""

    step: StepExecution
    text: str
    """`load: succeeded (COMPLETED), 2.5 s; 1000 reads, 990 writes, 10 filters, 1 commit`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run of a batch job, with what it executed."""

    run: Run
    batch: BatchRun | None
    """None: it has not begun, and has no instance yet."""
    steps: tuple[StepExecution, ...]
    """By id, at most MOST_SHOWN: partitions among them, first those that did not succeed."""
    steps_total: int
    """Of all that it executed."""
    counts: StepCounts
    """Of all steps; partitions are counted by their step."""
    text: str
    """A line on the run, and one on each of these steps."""


def run_summary(run: Run, batch: BatchRun | None, steps: Sequence[StepExecution]) -> RunSummary:
    """The summary of a run; `steps` are those that it executed, by id."""
    counts = sum_of(step.counts for step in steps if step.manager_id is None)
    shown = _shown(steps)
    lines = [_run_line(run, batch, counts), *(f"  {step_text(step)}" for step in shown)]
    if rest := len(steps) - len(shown):
        lines.append(f"  and {rest} more")
    return RunSummary(
        run=run,
        batch=batch,
        steps=shown,
        steps_total=len(steps),
        counts=counts,
        text="\n".join(lines),
    )


def _shown(steps: Sequence[StepExecution]) -> tuple[StepExecution, ...]:
    if len(steps) <= MOST_SHOWN:
        return tuple(steps)
    by_weight = sorted(steps, key=_weight)
    return tuple(sorted(by_weight[:MOST_SHOWN], key=lambda step: step.id))


def _weight(step: StepExecution) -> int:
    if step.manager_id is None:
        return 0
    return 2 if step.state is StepState.SUCCEEDED else 1


def step_summary(step: StepExecution) -> StepSummary:
    """The summary of one execution."""
    return StepSummary(step=step, text=step_text(step))


def step_text(step: StepExecution) -> str:
    """One line: name, state, exit code, time, counters that are not 0, message."""
    visit = f" (visit {step.visit})" if step.visit > 1 else ""
    parts = [f"{step.name}{visit}: {step.state} ({step.exit_code})"]
    parts[0] += _time(step.started_at, step.ended_at)
    if counts := counts_text(step.counts):
        parts.append(counts)
    if step.exit_message:
        parts.append(_one_line(step.exit_message))
    return "; ".join(parts)


def counts_text(counts: StepCounts) -> str:
    """`3 reads, 2 writes, 1 read skip`; empty without any."""
    named = [(each.name.replace("_", " "), getattr(counts, each.name)) for each in COUNTS]
    return ", ".join(f"{count} {_noun(name, count)}" for name, count in named if count)


def parameters_text(arguments: JsonObject) -> str:
    """`business_date=2026-01-05, dry_run=false`; empty without any."""
    values = plain(arguments)
    return ", ".join(f"{name}={_value(value)}" for name, value in values.items())


def _run_line(run: Run, batch: BatchRun | None, counts: StepCounts) -> str:
    return "; ".join(_run_parts(run, batch, counts))


def _run_parts(run: Run, batch: BatchRun | None, counts: StepCounts) -> Iterator[str]:
    code = "" if batch is None else f" ({batch.exit_code})"
    yield f"run {run.id} of {run.job}: {run.state}{code}{_time(run.started_at, run.ended_at)}"
    if batch is not None:
        yield f"instance {batch.instance_id}"
    if run.attempt > 1:
        yield f"attempt {run.attempt}, after run {run.previous_run_id}"
    if said := parameters_text(run.arguments if batch is None else batch.arguments):
        yield said
    if said := counts_text(counts):
        yield said
    if run.error is not None:
        yield _one_line(f"{run.error.type}: {run.error.message}")
    if batch is not None and batch.recovery is not None:
        yield _one_line(f"recovered: {batch.recovery}")


def _time(begun: datetime | None, ended: datetime | None) -> str:
    if begun is None or ended is None:
        return ""
    return f", {(ended - begun).total_seconds():.1f} s"


def _noun(plural: str, count: int) -> str:
    if count != 1:
        return plural
    return "retry" if plural == "retries" else plural.removesuffix("s")


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _one_line(text: str) -> str:
    lines = text.split("\n")
    return lines[0] + (" ..." if len(lines) > 1 else "")
