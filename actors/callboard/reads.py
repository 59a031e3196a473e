"""Which verb of the store answers each read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from callboard import commands as c
from callboard.store.contract import Store


async def _watched_jobs(store: Store) -> frozenset[tuple[str, str]]:
    watches = await store.condition_watches()
    return frozenset(job for each in watches for job in each.jobs)


READ: Final[Mapping[type, Callable[[Store, Any], Awaitable[object]]]] = {
    c.Prune: lambda store, ask: store.prune(ask.cutoffs),
    c.MakeRoom: lambda store, ask: store.make_room(ask.keep_s),
    c.ReadClock: lambda store, ask: store.ping(),
    c.GetJob: lambda store, ask: store.get_job(ask.group, ask.name),
    c.GetJobsById: lambda store, ask: store.get_jobs_by_id(ask.ids),
    c.ListJobs: lambda store, ask: store.list_jobs(ask.filter),
    c.GetTrigger: lambda store, ask: store.get_trigger(ask.group, ask.name),
    c.ListTriggers: lambda store, ask: store.list_triggers(ask.filter),
    c.CountTriggers: lambda store, ask: store.count_triggers(ask.filter),
    c.GetCalendar: lambda store, ask: store.get_calendar(ask.group, ask.name),
    c.ListCalendars: lambda store, ask: store.list_calendars(ask.filter),
    c.GetBookmark: lambda store, ask: store.get_bookmark(ask.job_id, ask.run_id),
    c.GetWebhook: lambda store, ask: store.get_webhook(ask.group, ask.name),
    c.ListWebhooks: lambda store, ask: store.list_webhooks(ask.filter),
    c.ListDeliveries: lambda store, ask: store.list_deliveries(ask.filter),
    c.ListWatchedSlots: lambda store, ask: store.watched_slots(),
    c.HasStartRequests: lambda store, ask: store.has_start_requests(),
    c.NextDeliveryAt: lambda store, ask: store.next_delivery_at(),
    c.GetWorkflow: lambda store, ask: store.get_workflow(ask.group, ask.name),
    c.ListWorkflows: lambda store, ask: store.list_workflows(ask.filter),
    c.GetWorkflowRun: lambda store, ask: store.get_workflow_run(ask.run_id),
    c.ListWorkflowRuns: lambda store, ask: store.list_workflow_runs(ask.filter),
    c.GetQueue: lambda store, ask: store.get_queue(ask.group, ask.name),
    c.ListQueues: lambda store, ask: store.list_queues(ask.filter),
    c.CountQueue: lambda store, ask: store.count_queue(ask.group, ask.name),
    c.DueTriggers: lambda store, ask: store.due_triggers(ask.until, ask.limit, ask.shards),
    c.NextSlotAfter: lambda store, ask: store.next_slot_after(ask.instant),
    c.WatchedJobs: lambda store, ask: _watched_jobs(store),
    c.GetRun: lambda store, ask: store.get_run(ask.run_id),
    c.GetRuns: lambda store, ask: store.get_runs(ask.ids),
    c.ListRuns: lambda store, ask: store.list_runs(ask.filter),
    c.CountLiveRuns: lambda store, ask: store.count_live_runs(),
    c.ListStoppingRuns: lambda store, ask: store.stopping_runs(ask.epoch),
    c.NextDueAt: lambda store, ask: store.next_due_at(),
    c.NextOverdue: lambda store, ask: store.next_overdue_s(),
    c.ReadLedger: lambda store, ask: store.read_ledger(
        ask.trigger_id,
        since=ask.since,
        until=ask.until,
        limit=ask.limit,
        newest_first=ask.newest_first,
    ),
    c.GetInstance: lambda store, ask: store.get_instance(ask.instance_id),
    c.ListInstances: lambda store, ask: store.list_instances(
        ask.group, ask.job, ask.limit, ask.before_id
    ),
    c.GetBatchRuns: lambda store, ask: store.get_batch_runs(ask.run_ids),
    c.ListBatchRuns: lambda store, ask: store.list_batch_runs(ask.instance_id),
    c.GetBatchHistory: lambda store, ask: store.get_batch_history(ask.instance_id),
    c.GetStep: lambda store, ask: store.get_step(ask.step_id),
    c.ListSteps: lambda store, ask: store.list_steps(ask.run_id, ask.limit, ask.after),
    c.CountsBefore: lambda store, ask: store.counts_before(ask.step_id),
    c.ListInstanceSteps: lambda store, ask: store.list_instance_steps(
        ask.instance_id, ask.limit, ask.after
    ),
    c.ListPartitions: lambda store, ask: store.list_partitions(
        ask.instance_id, ask.step, ask.visit, ask.limit, ask.before
    ),
    c.ListMoves: lambda store, ask: store.list_moves(ask.instance_id, ask.limit, ask.after),
    c.ListSkippedItems: lambda store, ask: store.list_skipped_items(
        run_id=ask.run_id, step_id=ask.step_id, limit=ask.limit, after=ask.after
    ),
    c.GetBackfill: lambda store, ask: store.get_backfill(ask.backfill_id),
    c.ListBackfills: lambda store, ask: store.list_backfills(ask.filter),
    c.OpenBackfills: lambda store, ask: store.open_backfills(),
    c.ReadBackfilledSlots: lambda store, ask: store.read_backfilled_slots(
        ask.trigger_id, since=ask.since, until=ask.until, limit=ask.limit
    ),
    c.ReadLog: lambda store, ask: store.read_log(ask.run_id, after=ask.after, limit=ask.limit),
    c.SearchLog: lambda store, ask: store.search_log(
        ask.run_id, ask.filter, after=ask.after, limit=ask.limit
    ),
    c.ReadEvents: lambda store, ask: store.read_events(ask.after, ask.limit),
    c.EventRange: lambda store, ask: store.event_range(),
    c.TakeSnapshot: lambda store, ask: store.snapshot(ask.limit),
    c.ListNodes: lambda store, ask: store.list_nodes(),
}
