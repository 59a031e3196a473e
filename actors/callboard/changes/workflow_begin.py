"""The beginning of workflow runs: by their start trigger, by hand, or as the resumption of another.

Locks: jobs and triggers first, then the workflows' rows, then those of workflow runs. Whoever has a
workflow's row knows how many of its runs are live (others can only end), and which triggers it has.
A new workflow run, the runs that it begins with and whatever brought it about are one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from callboard.changes.job_room import seek_room
from callboard.changes.runs import queued_run
from callboard.changes.work import Work
from callboard.domain.given_terms import NO_TERMS, GivenTerms
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.run import Run, merge_arguments
from callboard.domain.schedule import Event
from callboard.domain.trigger import Action, Trigger
from callboard.domain.workflow import (
    Workflow,
    WorkflowRun,
    filled_in,
    snapshot_of,
    start_trigger_of,
)
from callboard.domain.workflow_advance import fired, settled
from callboard.errors import Conflict, NotFound

Name: TypeAlias = tuple[str, str]
"""Group and name."""
Jobs: TypeAlias = Mapping[Name, Job]


@dataclass(slots=True, kw_only=True)
class WorkflowRoom:
    """Workflows that are locked until the commit, and how many more of their runs may begin."""

    workflows: dict[Name, Workflow]
    left: dict[int, int]
    """By workflow id; without an entry any number."""

    def has_room(self, group: str, name: str) -> bool:
        """Whether the workflow is there, and one more run of it may be live."""
        workflow = self.workflows.get((group, name))
        return workflow is not None and self.left.get(workflow.id, 1) > 0

    def take(self, group: str, name: str) -> Workflow:
        """The workflow, with room for one run less.

        Raises:
            NotFound
            Conflict: workflow_full.
        """
        workflow = self.workflows.get((group, name))
        if workflow is None:
            raise NotFound("workflow", name)
        if workflow.id in self.left:
            if self.left[workflow.id] < 1:
                raise Conflict(
                    "workflow_full",
                    f"as many runs of workflow {name!r} are live as its max_concurrent_runs allows,"
                    f" {workflow.max_concurrent_runs}",
                )
            self.left[workflow.id] -= 1
        return workflow


async def open_workflows(work: Work, names: Iterable[Name]) -> WorkflowRoom:
    """Lock the workflows of these groups and names that there are."""
    workflows = await work.tx.lock_workflows(sorted(set(names)))
    limits = {
        each.id: each.max_concurrent_runs
        for each in workflows.values()
        if each.max_concurrent_runs is not None
    }
    live = await work.tx.count_workflow_runs(sorted(limits)) if limits else {}
    left = {each: limit - live.get(each, 0) for each, limit in limits.items()}
    return WorkflowRoom(workflows=workflows, left=left)


async def begun(
    work: Work,
    workflow: Workflow,
    *,
    properties: Mapping[str, str] | None = None,
    event: JsonObject | None = None,
) -> WorkflowRun:
    """A new run of a locked workflow, with its id and snapshot; it is not stored yet."""
    triggers = await work.tx.triggers_of_workflow(workflow.group, workflow.name)
    start = start_trigger_of(triggers)
    (run_id,) = await work.tx.allocate_workflow_run_ids(1)
    return WorkflowRun(
        id=run_id,
        workflow=workflow.name,
        group=workflow.group,
        workflow_id=workflow.id,
        trigger=None if start is None else start.name,
        properties={**workflow.properties, **(properties or {})},
        run_arguments=filled_in(workflow.run_arguments, workflow.name, run_id),
        triggers=snapshot_of(triggers),
        event=event,
    )


def arguments_in(run: WorkflowRun, job: Job, given: JsonObject) -> JsonObject:
    """Those of a run of the job in the workflow run: of `run_arguments`, what the job takes."""
    told = {name: value for name, value in run.run_arguments.items() if job.takes(name)}
    return job.arguments_with({**given, **told})


def event_of(trigger: Trigger, events: int | None) -> JsonObject | None:
    """What a workflow run keeps of the batch of events that began it."""
    if not isinstance(trigger.schedule, Event) or events is None:
        return None
    return {"batch_size": events, "window_s": trigger.schedule.window_s}


def given_in(run: WorkflowRun, terms: GivenTerms | None) -> GivenTerms:
    """What an action says, of a run that is a part of the workflow run."""
    return replace(terms or NO_TERMS, workflow_run_id=run.id)


async def start_actions(
    work: Work,
    run: WorkflowRun,
    trigger: Trigger,
    jobs: Jobs,
    *,
    actions: Sequence[Action] | None = None,
    arguments: JsonObject | None = None,
    due_at: datetime | None = None,
    trace_id: str | None = None,
) -> tuple[list[Run], list[str]]:
    """Start actions of a trigger as a part of the workflow run.

    Args:
        jobs: those of the actions that there are, locked.
        actions: None: all of the trigger.
        arguments: laid over those of the actions.

    Returns:
        The new runs, and the jobs that are not there, or disabled.
    """
    wanted = trigger.actions if actions is None else actions
    found = [(action, jobs.get((run.group, action.job))) for action in wanted]
    ready = [(action, job) for action, job in found if job is not None and not job.disabled]
    ids = await work.tx.allocate_run_ids(len(ready))
    trace_id = trace_id or work.new_trace_id()
    runs = [
        queued_run(
            run_id,
            job,
            arguments_in(run, job, merge_arguments(action.arguments, arguments or {})),
            trace_id,
            work.now,
            due_at or work.now,
            trigger=trigger.name,
            trigger_id=trigger.id,
            given=given_in(run, action.terms),
        )
        for run_id, (action, job) in zip(ids, ready, strict=True)
    ]
    if runs:
        await work.tx.insert_runs(runs)
    work.enrolled.update(ids)
    work.runs_changed(runs)
    seek_room(work, [(job, new) for (_, job), new in zip(ready, runs, strict=True)])
    started = {action.job for action, _ in ready}
    return runs, [action.job for action in wanted if action.job not in started]


async def store_begun(
    work: Work,
    run: WorkflowRun,
    trigger: Trigger | None,
    runs: Sequence[Run],
    missing: Sequence[str],
) -> WorkflowRun:
    """Store a new workflow run behind the firing that begins it, which may have started nothing."""
    if trigger is not None:
        run = fired(run, trigger, [(each.job, each.id) for each in runs], missing)
    (stored,) = await work.tx.insert_workflow_runs([settled(run, work.now)])
    work.enrolled.update(each.id for each in runs)
    work.workflow_run_started(stored)
    if stored.has_ended:
        work.workflow_run_ended(stored)
    return stored
