"""Changes of workflow runs that somebody asks for: start, stop, resume, properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from callboard.changes.run_starts import settle_room
from callboard.changes.stops import request_stops, stop_unheld
from callboard.changes.work import Work
from callboard.changes.workflow_advance import follow
from callboard.changes.workflow_begin import (
    Jobs,
    begun,
    open_workflows,
    start_actions,
    store_begun,
)
from callboard.commands import (
    Change,
    ResumeWorkflowRun,
    SetWorkflowProperties,
    StartWorkflow,
    StopWorkflowRun,
)
from callboard.domain.run import StopMode
from callboard.domain.states import ON_NODE, RunState
from callboard.domain.trigger import Action
from callboard.domain.workflow import (
    WorkflowRun,
    WorkflowState,
    filled_in,
    start_trigger_of,
    text_map_problems,
)
from callboard.domain.workflow_advance import fired, settled
from callboard.domain.workflow_resume import Resumption, resumption
from callboard.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    RefusedError,
    TransactionConflict,
    UsageError,
)
from callboard.store.contract import IdempotencyRecord


async def lock_ahead(work: Work, changes: Sequence[Change]) -> None:
    """Lock the workflows that several changes begin runs of, and their jobs before them, in the
    order of all transactions: one by one, two nodes would wait for each other."""
    starts = [each for each in changes if isinstance(each, StartWorkflow)]
    names = sorted({(each.group, each.name) for each in starts})
    if len(names) < 2:
        return
    jobs: set[tuple[str, str]] = set()
    for group, name in names:
        start = start_trigger_of(await work.tx.triggers_of_workflow(group, name))
        jobs |= {(group, action.job) for action in (start.actions if start is not None else ())}
    await work.tx.lock_jobs(sorted(jobs))
    await work.tx.lock_workflows(names)


async def start_workflow(work: Work, command: StartWorkflow) -> WorkflowRun:
    if command.idempotency_key is None:
        return await _start(work, command)
    # Of its own: under the same key of a start of runs there are numbers of runs.
    key = f"workflow {command.idempotency_key}"
    fresh = IdempotencyRecord(key=key, digest="", created_at=work.now)
    present = await work.tx.insert_idempotency(fresh)
    known = present or fresh
    begun_before = await work.tx.find_workflow_runs(known.run_ids)
    if begun_before:
        return begun_before[known.run_ids[0]]
    try:
        run = await _start(work, command)
    except (RefusedError, UsageError):
        if present is None:
            await work.tx.delete_idempotency(fresh.key)
        raise
    await work.tx.update_idempotency(replace(known, run_ids=(run.id,)))
    return run


async def _start(work: Work, command: StartWorkflow) -> WorkflowRun:
    group, name = command.group, command.name
    # Jobs are locked first: a look at what will be needed.
    start = start_trigger_of(await work.tx.triggers_of_workflow(group, name))
    jobs = {} if start is None else await _lock(work, group, start.actions)
    room = await open_workflows(work, [(group, name)])
    run = await begun(work, room.take(group, name), properties=command.properties)
    _check_properties(run.properties)
    trigger = run.start_trigger
    if trigger is None:
        return await store_begun(work, run, None, [], [])
    if start is None or trigger.actions != start.actions:
        jobs = await _lock(work, group, trigger.actions)
    runs, missing = await start_actions(work, run, trigger, jobs)
    return await behind_room(work, await store_begun(work, run, trigger, runs, missing))


async def behind_room(work: Work, run: WorkflowRun) -> WorkflowRun:
    """The workflow run, once it is known which of its new runs have found their jobs full."""
    if not work.seeking:
        return run
    await settle_room(work)
    await follow(work)
    return (await work.tx.find_workflow_runs([run.id]))[run.id]


async def _lock(work: Work, group: str, actions: Sequence[Action]) -> Jobs:
    return await work.tx.lock_jobs(sorted({(group, action.job) for action in actions}))


async def runs_to_stop(work: Work, commands: Sequence[StopWorkflowRun]) -> list[int]:
    """The runs that these commands will want locked; locks of runs come first."""
    if not commands:
        return []
    found = await work.tx.find_workflow_runs(sorted({each.run_id for each in commands}))
    live = [run_id for run in found.values() for run_id in run.live]
    work.stoppable.update(live)
    return live


async def stop_workflow_run(work: Work, command: StopWorkflowRun) -> WorkflowRun:
    run = await _locked(work, command.run_id)
    if run.has_ended:
        raise Conflict("workflow_not_running", f"the workflow run {run.id} is {run.state}")
    if not work.stoppable.issuperset(run.live):
        # It advanced between the look at it and its lock. Runs cannot be locked behind it: whoever
        # ends one of them may be waiting for it.
        raise TransactionConflict(f"the workflow run {run.id} has just advanced")
    found = await work.tx.lock_runs(run.live)
    live = [each for each in found.values() if not each.has_ended]
    # Others have ended without a word to it: by a node of an earlier release, say.
    open_ids = {each.id for each in (*live, *work.followed)}
    still = tuple(run_id for run_id in run.live if run_id in open_ids)
    stopping = settled(replace(run, state=WorkflowState.STOPPING, live=still), work.now)
    await work.tx.update_workflow_runs([stopping])
    if stopping.has_ended:
        work.workflow_run_ended(stopping)
    waiting = [each for each in live if each.state not in ON_NODE]
    await stop_unheld(work, waiting, "its workflow run was stopped")
    running = [each for each in live if each.state is RunState.RUNNING]
    await request_stops(work, running, StopMode.COOPERATIVE)
    await follow(work)
    return (await work.tx.find_workflow_runs([run.id]))[run.id]


async def resume_workflow_run(work: Work, command: ResumeWorkflowRun) -> WorkflowRun:
    seen = (await work.tx.find_workflow_runs([command.run_id])).get(command.run_id)
    if seen is None:
        raise NotFound("workflow run", command.run_id)
    plan = _plan(seen, command)
    jobs = await _lock(work, seen.group, [action for _, action in plan.starts])
    room = await open_workflows(work, [(seen.group, seen.workflow)])
    # It has ended: nothing of it changes any more but that runs of it are tried again.
    plan = _plan(await _locked(work, seen.id), command)
    workflow = room.take(seen.group, seen.workflow)
    (run_id,) = await work.tx.allocate_workflow_run_ids(1)
    run = WorkflowRun(
        id=run_id,
        workflow=workflow.name,
        group=workflow.group,
        workflow_id=workflow.id,
        trigger=seen.trigger,
        previous_run_id=seen.id,
        properties=seen.properties,
        run_arguments=filled_in(workflow.run_arguments, workflow.name, run_id),
        triggers=seen.triggers,
        fired=plan.fired,
        met=plan.met,
        runs=plan.runs,
        event=seen.event,
    )
    return await _store_resumed(work, run, plan, jobs)


def _plan(run: WorkflowRun, command: ResumeWorkflowRun) -> Resumption:
    if not run.has_ended:
        raise Conflict("workflow_live", f"the workflow run {run.id} is {run.state}")
    return resumption(run, command.jobs)


async def _store_resumed(work: Work, run: WorkflowRun, plan: Resumption, jobs: Jobs) -> WorkflowRun:
    trace_id = work.new_trace_id()
    for trigger, action in plan.starts:
        runs, missing = await start_actions(
            work, run, trigger, jobs, actions=[action], trace_id=trace_id
        )
        run = fired(run, trigger, [(each.job, each.id) for each in runs], missing)
    (stored,) = await work.tx.insert_workflow_runs([settled(run, work.now)])
    work.workflow_run_started(stored)
    if stored.has_ended:
        work.workflow_run_ended(stored)
    return await behind_room(work, stored)


async def set_workflow_properties(work: Work, command: SetWorkflowProperties) -> WorkflowRun:
    run = await _locked(work, command.run_id)
    merged = {**run.properties, **command.properties}
    _check_properties(merged)
    edited = replace(run, properties=merged)
    if edited != run:
        await work.tx.update_workflow_runs([edited])
    return edited


def _check_properties(merged: Mapping[str, str]) -> None:
    problems = tuple(text_map_problems(merged, "properties"))
    if problems:
        raise InvalidInput(*problems)


async def _locked(work: Work, run_id: int) -> WorkflowRun:
    run = (await work.tx.lock_workflow_runs([run_id])).get(run_id)
    if run is None:
        raise NotFound("workflow run", run_id)
    return run
