"""From commands to changes: the table, and the order within one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final

from callboard import commands as c
from callboard.changes import (
    adoptions,
    backfills,
    batch_begin,
    batch_ends,
    batch_recover,
    batch_restarts,
    batch_steps,
    bookmarks,
    bulk_runs,
    calendars,
    conditions,
    creations,
    ends,
    event_triggers,
    jobs,
    lateness,
    nodes,
    notices,
    pauses,
    queues,
    requests,
    requeue,
    retry_runs,
    run_starts,
    sequence,
    shards,
    slots,
    timeouts,
    triggers,
    webhooks,
    workflow_advance,
    workflow_runs,
    workflows,
)
from callboard.changes.suspended_start import SuspendedStart
from callboard.changes.work import Work
from callboard.domain.run import Run
from callboard.errors import RefusedError, UsageError

CHANGE: Final[Mapping[type, Callable[[Work, Any], Awaitable[object]]]] = {
    c.CreateJob: jobs.create_job,
    c.ReplaceJob: jobs.replace_job,
    c.DeleteJob: jobs.delete_job,
    c.ReplaceTrigger: triggers.replace_trigger,
    c.DeleteTrigger: triggers.delete_trigger,
    c.ActivateTrigger: triggers.activate_trigger,
    c.DeactivateTrigger: triggers.deactivate_trigger,
    c.PauseTrigger: pauses.pause_trigger,
    c.ResumeTrigger: pauses.resume_trigger,
    c.PauseTriggers: pauses.pause_triggers,
    c.ResumeTriggers: pauses.resume_triggers,
    c.CreateCalendar: calendars.create_calendar,
    c.ReplaceCalendar: calendars.replace_calendar,
    c.DeleteCalendar: calendars.delete_calendar,
    c.CreateQueue: queues.create_queue,
    c.ReplaceQueue: queues.replace_queue,
    c.PauseQueue: queues.pause_queue,
    c.ResumeQueue: queues.resume_queue,
    c.DeleteQueue: queues.delete_queue,
    c.CreateWorkflow: workflows.create_workflow,
    c.ReplaceWorkflow: workflows.replace_workflow,
    c.DeleteWorkflow: workflows.delete_workflow,
    c.StartWorkflow: workflow_runs.start_workflow,
    c.StopWorkflowRun: workflow_runs.stop_workflow_run,
    c.ResumeWorkflowRun: workflow_runs.resume_workflow_run,
    c.SetWorkflowProperties: workflow_runs.set_workflow_properties,
    c.FireTrigger: triggers.fire_trigger,
    c.ParkTrigger: triggers.park_trigger,
    c.ParkRun: ends.park_run,
    c.HandBack: ends.hand_back,
    c.StopRun: ends.stop_run,
    c.RetryRun: retry_runs.retry_run,
    c.RetryRuns: bulk_runs.retry_runs,
    c.AbandonRun: ends.abandon_run,
    c.StartNextInstance: batch_restarts.start_next_instance,
    c.RestartRun: batch_restarts.restart_run,
    c.RecoverRun: batch_recover.recover_run,
    c.DeleteInstance: batch_recover.delete_instance,
    c.BeginBatchRun: batch_begin.begin_batch_run,
    c.BeginStep: batch_steps.begin_step,
    c.KeepPlan: batch_steps.keep_plan,
    c.KeepExpected: batch_steps.keep_expected,
    c.EndStep: batch_steps.end_step,
    c.RecordMoves: batch_steps.record_moves,
    c.AdoptStarts: adoptions.adopt_starts,
    c.CreateWebhook: webhooks.create_webhook,
    c.ReplaceWebhook: webhooks.replace_webhook,
    c.DeleteWebhook: webhooks.delete_webhook,
    c.PingWebhook: webhooks.ping_webhook,
    c.Redeliver: webhooks.redeliver,
    c.TakeDeliveries: webhooks.take_deliveries,
    c.UpdateDelivery: webhooks.update_delivery,
    c.NoteEnds: notices.note_ends,
    c.NoteDeadlines: lateness.note_deadlines,
    c.CreateBackfill: backfills.create_backfill,
    c.PauseBackfill: backfills.pause_backfill,
    c.ResumeBackfill: backfills.resume_backfill,
    c.CancelBackfill: backfills.cancel_backfill,
    c.AdvanceBackfill: backfills.advance_backfill,
    c.EvaluateConditions: conditions.evaluate_conditions,
    c.RegisterNode: nodes.register_node,
    c.RenewLease: nodes.renew_lease,
    c.DeregisterNode: nodes.deregister_node,
    c.RecordClockJump: nodes.record_clock_jump,
    c.RescueRuns: ends.rescue_runs,
    c.ShareShards: shards.share_shards,
    c.EndFiring: shards.end_firing,
    c.TimeOutRuns: timeouts.time_out_runs,
    c.ReleaseHeld: sequence.release_held,
    c.BeginRequest: requests.begin_request,
    c.FinishRequest: requests.finish_request,
    c.AbortRequest: requests.abort_request,
    c.ClaimRuns: nodes.claim_runs,
}
"""One command at a time."""

BULK: Final[Mapping[type, Callable[[Work, Any], Awaitable[Sequence[object]]]]] = {
    c.EndRuns: ends.end_runs,
    c.SnoozeRun: requeue.snooze_runs,
    c.FireSlots: slots.fire_slots,
    c.StartRuns: run_starts.start_all,
    c.TellEvent: event_triggers.tell_events,
    c.AppendLog: nodes.append_log,
    c.ReportProgress: nodes.report_progress,
    c.CreateTrigger: creations.create_each,
    c.CreateTriggers: creations.create_all,
    c.ResetBookmark: bookmarks.settle_bookmarks,
}
"""All commands of the kind in one call, answered in order."""

CREATIONS: Final = (c.CreateTrigger, c.CreateTriggers)
"""Behind the single changes, which may make the jobs and calendars that new triggers name."""

SHARDS: Final = frozenset({c.ShareShards, c.EndFiring})
"""Shards are locked before everything else, and slots are stored under those locks."""

BATCH: Final = frozenset(
    {c.BeginBatchRun, c.BeginStep, c.KeepPlan, c.KeepExpected, c.EndStep, c.RecordMoves}
)
FIRST: Final = frozenset({c.StopRun, c.ParkRun, c.AbandonRun, c.RecoverRun, *BATCH})
"""They lock runs, as ends do, and runs are locked before triggers."""

WORKFLOW_RUNS: Final = frozenset(
    {c.StartWorkflow, c.StopWorkflowRun, c.ResumeWorkflowRun, c.SetWorkflowProperties}
)
"""Rows of workflow runs are locked behind those of jobs, triggers and workflows."""

SINGLES: Final = (
    c.StopRun
    | c.ParkRun
    | c.SnoozeRun
    | c.AbandonRun
    | c.RecoverRun
    | c.BeginBatchRun
    | c.BeginStep
    | c.EndStep
    | c.RecordMoves
)
"""They want one live run each."""

LAST: Final = frozenset({c.ClaimRuns, c.HandBack})
"""Claims take what starts and slots have just made. A hand-back takes its turn among them: it may
be there for the sake of the very claim before it, which its node has given up waiting for."""


async def apply_all(work: Work, changes: Sequence[c.Change]) -> list[object]:
    """The answers in the order of `changes`; a refusal is an exception in its place.

    Ends come first, for they free what claims want; claims come last, behind what the ends set
    free. A refused change has written nothing. Any other exception leaves this function: then
    nothing may be committed.
    """
    answers: dict[int, object] = {}
    await _apply_each(work, changes, _places(changes, SHARDS), answers)
    firing = [change for change in changes if isinstance(change, c.FireSlots)]
    await shards.hold_shards(work, firing)
    await _lock_ahead(work, changes)
    for ending in (c.ReportProgress, c.EndRuns, c.SnoozeRun):
        await _apply_bulk(work, ending, changes, answers)
    await _apply_each(work, changes, _places(changes, FIRST), answers)
    for kind in (c.FireSlots, c.StartRuns, c.TellEvent, c.AppendLog):
        await _apply_bulk(work, kind, changes, answers)
    late = _places(changes, LAST)
    resets = _places(changes, {c.ResetBookmark})
    passing = _places(changes, WORKFLOW_RUNS)
    known = answers.keys() | {*late, *resets, *passing, *_places(changes, CREATIONS)}
    early = [index for index in range(len(changes)) if index not in known]
    await _apply_each(work, changes, early, answers)
    for creation in CREATIONS:
        await _apply_bulk(work, creation, changes, answers)
    await workflow_runs.lock_ahead(work, [changes[index] for index in passing])
    await _apply_each(work, changes, passing, answers)
    await _follow_up(work)
    await _apply_each(work, changes, late, answers)
    await _follow_up(work)
    await batch_ends.release_instances(work)
    await _settle_bookmarks(work, changes, answers)
    return [_decided(work, answers[index]) for index in range(len(changes))]


async def _follow_up(work: Work) -> None:
    """What follows from ends, and what has waited for room: a run that finds none ends, too."""
    while work.freed or work.followed or work.batch_runs or work.seeking or work.suspended:
        await sequence.follow_up(work)
        await workflow_advance.follow(work)
        await batch_ends.settle_instances(work)
        if not work.freed:
            await run_starts.settle_room(work)


def _decided(work: Work, answer: object) -> object:
    """The answer as it is now that all rooms are decided."""
    if isinstance(answer, SuspendedStart):
        return answer.answer
    if work.refused and isinstance(answer, tuple):
        return tuple([_as_ended(work, each) for each in answer])
    return answer


def _as_ended(work: Work, part: object) -> object:
    return work.refused.get(part.id, part) if isinstance(part, Run) else part


def _places(changes: Sequence[c.Change], kinds: Collection[type]) -> list[int]:
    return [index for index, change in enumerate(changes) if type(change) in kinds]


async def _lock_ahead(work: Work, changes: Sequence[c.Change]) -> None:
    """Lock the live runs that the changes will want, where more than one kind of them does.

    All in one order: otherwise two transactions could come to wait for each other.
    """
    ended = [
        each.end.run_id
        for change in changes
        if isinstance(change, c.EndRuns)
        for each in change.ended
    ]
    single = [change.run_id for change in changes if isinstance(change, SINGLES)]
    live = await workflow_runs.runs_to_stop(
        work, [change for change in changes if isinstance(change, c.StopWorkflowRun)]
    )
    names = slots.who_stops([change for change in changes if isinstance(change, c.FireSlots)])
    if names or live or (single and len(ended) + len(single) > 1):
        await work.tx.lock_old_runs(names, [*ended, *single, *live])


async def _apply_bulk(
    work: Work, kind: type, changes: Sequence[c.Change], answers: dict[int, object]
) -> None:
    places = _places(changes, {kind})
    if places:
        results = await BULK[kind](work, [changes[index] for index in places])
        answers.update(zip(places, results, strict=True))


async def _apply_each(
    work: Work, changes: Sequence[c.Change], places: Sequence[int], answers: dict[int, object]
) -> None:
    for index in places:
        answers[index] = await _apply_one(work, changes[index])


async def _settle_bookmarks(
    work: Work, changes: Sequence[c.Change], answers: dict[int, object]
) -> None:
    places = _places(changes, {c.ResetBookmark})
    resets = [change for change in changes if isinstance(change, c.ResetBookmark)]
    results = await bookmarks.settle_bookmarks(work, resets)
    answers.update(zip(places, results, strict=True))


async def _apply_one(work: Work, change: c.Change) -> object:
    try:
        return await CHANGE[type(change)](work, change)
    except (RefusedError, UsageError) as refusal:
        return refusal
