"""What the ends of a workflow run's runs mean to it: what fires, and when it is over.

- Every run that is created as a part of it is one of its runs, next attempts too.
- Only final ends count: not one that a next attempt follows in the same commit.
- The newest end of a job decides: in one of a condition's states it meets the condition, in any
  other it un-meets it.
- A conditional trigger of the snapshot that was active fires once, when its conditions are met: all
  of them (`and`), or one (`any`).
- The workflow run is over when none of its runs is live and nothing fires; whether they succeeded
  does not matter. Then nothing counts any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from callboard.domain.amend import amended
from callboard.domain.run import Run
from callboard.domain.schedule import Conditional
from callboard.domain.trigger import Trigger, TriggerState
from callboard.domain.workflow import WorkflowRun, WorkflowState


def waiting_triggers(run: WorkflowRun) -> Iterator[Trigger]:
    """Those that may still fire in it, by name."""
    if run.state is not WorkflowState.RUNNING:
        return
    for trigger in run.triggers:
        is_inner = isinstance(trigger.schedule, Conditional)
        if is_inner and trigger.state is TriggerState.ACTIVE and trigger.name not in run.fired:
            yield trigger


def counted(run: WorkflowRun, changed: Sequence[Run]) -> WorkflowRun:
    """The workflow run behind what one commit did to its runs.

    Args:
        changed: runs of it that were created or have ended, each as it is then, in their order. One
            may be told of again.
    """
    retried = {each.previous_run_id for each in changed}
    for each in changed:
        run = _enrolled(run, each)
        if each.has_ended and each.id in run.live:
            run = amended(run, live=tuple(live for live in run.live if live != each.id))
            if each.id not in retried:
                run = amended(run, met=_met(run, each))
    return run


def _enrolled(run: WorkflowRun, new: Run) -> WorkflowRun:
    known = run.runs.get(new.job, ())
    if new.id in known:
        return run
    run = amended(run, runs={**run.runs, new.job: tuple(sorted((*known, new.id)))})
    return run if run.has_ended else amended(run, live=tuple(sorted((*run.live, new.id))))


def _met(run: WorkflowRun, end: Run) -> Mapping[str, Mapping[str, int]]:
    met = dict(run.met)
    for trigger in waiting_triggers(run):
        states = _wanted(trigger).get(end.job)
        if states is None:
            continue
        others = {job: by for job, by in met.pop(trigger.name, {}).items() if job != end.job}
        now = {**others, end.job: end.id} if end.state.value in states else others
        if now:
            met[trigger.name] = now
    return met


def _wanted(trigger: Trigger) -> Mapping[str, Sequence[str]]:
    """The states that meet its conditions, by job."""
    assert isinstance(trigger.schedule, Conditional)
    return {each.job: each.states for each in trigger.schedule.conditions}


def due_triggers(run: WorkflowRun) -> list[Trigger]:
    """Those whose conditions are met, and that have not fired, by name."""
    return [each for each in waiting_triggers(run) if _is_met(each, run.met.get(each.name, {}))]


def _is_met(trigger: Trigger, met: Mapping[str, int]) -> bool:
    assert isinstance(trigger.schedule, Conditional)
    if trigger.schedule.logical == "any":
        return bool(met)
    return all(condition.job in met for condition in trigger.schedule.conditions)


def fired(
    run: WorkflowRun, trigger: Trigger, started: Iterable[tuple[str, int]], missing: Iterable[str]
) -> WorkflowRun:
    """The workflow run behind the firing of a trigger.

    Args:
        started: names of jobs, and the runs of them that it has started.
        missing: jobs that it could not start.
    """
    pairs = tuple(started)
    ids = tuple(sorted(run_id for _, run_id in pairs))
    runs = {job: list(known) for job, known in run.runs.items()}
    for job, run_id in pairs:
        runs.setdefault(job, []).append(run_id)
    return amended(
        run,
        fired={
            **run.fired,
            trigger.name: tuple(sorted({*run.fired.get(trigger.name, ()), *ids})),
        },
        runs={job: tuple(sorted(known)) for job, known in runs.items()},
        live=tuple(sorted((*run.live, *ids))),
        missing=tuple(sorted({*run.missing, *missing})),
    )


def settled(run: WorkflowRun, now: datetime) -> WorkflowRun:
    """The workflow run, ended where none of its runs is live; what is due has fired."""
    if run.has_ended or run.live:
        return run
    is_stopping = run.state is WorkflowState.STOPPING
    state = WorkflowState.STOPPED if is_stopping else WorkflowState.COMPLETED
    return amended(run, state=state, ended_at=now)
