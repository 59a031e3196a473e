"""Which verb of the store answers each read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from callboard import commands as c
from callboard.store.contract import Store

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
    c.DueTriggers: lambda store, ask: store.due_triggers(ask.until, ask.limit, ask.shards),
    c.NextSlotAfter: lambda store, ask: store.next_slot_after(ask.instant),
    c.GetRun: lambda store, ask: store.get_run(ask.run_id),
    c.GetRuns: lambda store, ask: store.get_runs(ask.ids),
    c.ListRuns: lambda store, ask: store.list_runs(ask.filter),
    c.CountLiveRuns: lambda store, ask: store.count_live_runs(),
    c.NextDueAt: lambda store, ask: store.next_due_at(),
    c.ReadLedger: lambda store, ask: store.read_ledger(
        ask.trigger_id,
        since=ask.since,
        until=ask.until,
        limit=ask.limit,
        newest_first=ask.newest_first,
    ),
    c.GetBackfill: lambda store, ask: store.get_backfill(ask.backfill_id),
    c.ListBackfills: lambda store, ask: store.list_backfills(ask.filter),
    c.OpenBackfills: lambda store, ask: store.open_backfills(),
    c.ReadBackfilledSlots: lambda store, ask: store.read_backfilled_slots(
        ask.trigger_id, since=ask.since, until=ask.until, limit=ask.limit
    ),
    c.ReadLog: lambda store, ask: store.read_log(ask.run_id, after=ask.after, limit=ask.limit),
    c.ReadEvents: lambda store, ask: store.read_events(ask.after, ask.limit),
    c.EventRange: lambda store, ask: store.event_range(),
    c.TakeSnapshot: lambda store, ask: store.snapshot(ask.limit),
    c.ListNodes: lambda store, ask: store.list_nodes(),
}
