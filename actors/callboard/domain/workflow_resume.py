"""Which part of a workflow run runs again when it is resumed, and what counts as it ended.

The chosen jobs run again, and so does everything downstream of them: the jobs that triggers start
which watch one of them, and so on; a trigger that was not active when it all began starts nothing.
Of the chosen ones those begin that are not downstream of others: these will be started by their
triggers. The triggers upstream and beside stay as they have fired; conditions on jobs that do not
run again stay as they were met. A trigger that waits for any one of its conditions waits for a job
that runs again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from callboard.domain.schedule import Conditional
from callboard.domain.trigger import Action, Trigger, TriggerState
from callboard.domain.workflow import WorkflowRun
from callboard.errors import FieldProblem, InvalidInput

MOST_JOBS: Final = 1000
"""That are named at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """What the workflow run begins with that resumes another."""

    starts: tuple[tuple[Trigger, Action], ...]
    """The actions that begin it, each with the trigger that ran the job before."""
    fired: Mapping[str, tuple[int, ...]]
    met: Mapping[str, Mapping[str, int]]
    runs: Mapping[str, tuple[int, ...]]


def downstream(triggers: Sequence[Trigger], jobs: Collection[str]) -> set[str]:
    """The jobs that may be started in the end because one of these ends."""
    found: set[str] = set()
    fresh = set(jobs)
    while fresh:
        started = {
            action.job
            for trigger in triggers
            if not fresh.isdisjoint(trigger.watched)
            for action in trigger.actions
        }
        fresh = started - found
        found |= started
    return found


def resumption(run: WorkflowRun, jobs: Sequence[str]) -> Resumption:
    """What is to run again of an ended workflow run.

    Raises:
        InvalidInput: at jobs; at jobs[i] for one that has no run in it.
    """
    problems = tuple(_problems(run, jobs))
    if problems:
        raise InvalidInput(*problems)
    # No trigger of a workflow closes a circle of jobs: none is downstream of itself alone.
    behind = downstream([each for each in run.triggers if each.state is TriggerState.ACTIVE], jobs)
    heads = [job for job in dict.fromkeys(jobs) if job not in behind]
    again = {*jobs} | behind
    waiting = {each.name: each for each in run.triggers if not again.isdisjoint(each.watched)}
    return Resumption(
        starts=tuple(_start(run, job) for job in heads),
        fired={name: ids for name, ids in run.fired.items() if name not in waiting},
        met={
            name: kept
            for name, met in run.met.items()
            if (kept := _kept(waiting.get(name), met, again))
        },
        runs={job: ids for job, ids in run.runs.items() if job not in again},
    )


def _problems(run: WorkflowRun, jobs: Sequence[str]) -> Iterator[FieldProblem]:
    if not jobs:
        yield FieldProblem("jobs", "is empty", "name the jobs that are to run again")
    if len(jobs) > MOST_JOBS:
        yield FieldProblem("jobs", f"has more than {MOST_JOBS} entries", "name the first of them")
        return
    for index, job in enumerate(jobs):
        if not run.runs.get(job) or _starter(run, job) is None:
            reason = f"the job {job!r} was not started in the workflow run {run.id}"
            yield FieldProblem(f"jobs[{index}]", reason)


def _starter(run: WorkflowRun, job: str) -> tuple[Trigger, Action] | None:
    """The trigger that started the job last, with its action on it."""
    known = set(run.runs[job])
    found = [
        (max(known.intersection(run.fired[trigger.name])), trigger, action)
        for trigger in run.triggers
        if not known.isdisjoint(run.fired.get(trigger.name, ()))
        for action in trigger.actions
        if action.job == job
    ]
    if not found:
        return None
    _, trigger, action = max(found, key=lambda each: each[0])
    return trigger, action


def _start(run: WorkflowRun, job: str) -> tuple[Trigger, Action]:
    start = _starter(run, job)
    assert start is not None
    return start


def _kept(
    trigger: Trigger | None, met: Mapping[str, int], again: Collection[str]
) -> Mapping[str, int]:
    if trigger is None:
        return met
    if isinstance(trigger.schedule, Conditional) and trigger.schedule.logical == "any":
        return {}
    return {job: by for job, by in met.items() if job not in again}
