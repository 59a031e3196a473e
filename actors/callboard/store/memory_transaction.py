"""The memory store's transaction: every verb takes effect at once, and the journal can undo it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import islice

from callboard.domain.amend import amended
from callboard.domain.backfill import Backfill, BackfilledSlot
from callboard.domain.calendar import Calendar
from callboard.domain.condition_cycle import ConditionLink
from callboard.domain.conditions import ConditionSet
from callboard.domain.job import Job
from callboard.domain.json import Json, JsonObject
from callboard.domain.ledger import Decision, LedgerEntry
from callboard.domain.limits import RateLimit
from callboard.domain.misfire import SlotPlan
from callboard.domain.overlap import Firing, is_sequenced
from callboard.domain.queue import Queue
from callboard.domain.run import Run
from callboard.domain.shards import Division, Scheduling
from callboard.domain.start_request import StartRequest
from callboard.domain.states import LIVE, ON_NODE, RunState, may_become
from callboard.domain.trigger import Trigger, TriggerState
from callboard.errors import LedgerConflict, StoreError
from callboard.events import EventBatch, EventRecord, run_record
from callboard.store import memory_claim, memory_conditions, memory_followers
from callboard.store.contract import (
    ConditionWatch,
    EndsRead,
    Following,
    IdempotencyRecord,
    LogChunk,
    Node,
    Renewal,
    RunEnd,
    TriggerFilter,
    WaitingKey,
)
from callboard.store.memory_batch import MemoryBatch
from callboard.store.memory_bookmarks import MemoryBookmarks
from callboard.store.memory_copy import with_end
from callboard.store.memory_firings import firings_of, stalled_triggers
from callboard.store.memory_shards import FiringLease
from callboard.store.memory_tables import Tables
from callboard.store.memory_triggers import is_wanted
from callboard.store.memory_webhooks import MemoryWebhooks
from callboard.store.memory_workflows import MemoryWorkflows

MOST_TRIGGER_NAMES = 10


class MemoryTransaction(MemoryWebhooks, MemoryBookmarks, MemoryWorkflows, MemoryBatch):
    """The verbs of `contract.Transaction` on the tables of one store."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._tables = tables
        self._now = now

    @property
    def now(self) -> datetime:
        return self._now

    async def allocate_run_ids(self, count: int) -> list[int]:
        return self._tables.take_run_ids(count)

    # jobs

    async def insert_job(self, job: Job) -> Job | None:
        return self._tables.jobs.define(job, self._tables.job_ids, self._now)

    async def update_job(self, job: Job) -> Job | None:
        return self._tables.jobs.redefine(job, self._now)

    async def delete_job(self, job_id: int) -> bool:
        return self._tables.jobs.remove(job_id)

    async def lock_jobs(
        self, names: Sequence[tuple[str, str]], *, for_change: bool = False
    ) -> dict[tuple[str, str], Job]:
        found = {name: self._tables.jobs.by_name(*name) for name in names}
        return {name: job for name, job in found.items() if job is not None}

    # triggers

    async def insert_triggers(self, triggers: Sequence[Trigger]) -> list[Trigger | None]:
        table, ids = self._tables.triggers, self._tables.trigger_ids
        return [table.define(trigger, ids, self._now) for trigger in triggers]

    async def taken_trigger_names(self, names: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        return {name for name in names if self._tables.triggers.by_name(*name) is not None}

    async def update_trigger(self, trigger: Trigger) -> Trigger | None:
        return self._tables.triggers.redefine(trigger, self._now)

    async def lock_trigger(self, group: str, name: str) -> Trigger | None:
        trigger = self._tables.triggers.by_name(group, name)
        return None if trigger is None else self._tables.obeying(trigger)

    async def lock_triggers(
        self, filter: TriggerFilter, states: Sequence[TriggerState]
    ) -> list[Trigger]:
        any_state = replace(filter, state=None)
        wanted = (
            trigger
            for trigger in self._tables.triggers.in_order(filter.after)
            if trigger.state in states and is_wanted(trigger, any_state)
        )
        return list(map(self._tables.obeying, islice(wanted, filter.limit)))

    async def lock_triggers_by_name(
        self, names: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], Trigger]:
        found = {name: await self.lock_trigger(*name) for name in names}
        return {name: trigger for name, trigger in found.items() if trigger is not None}

    async def lock_triggers_by_id(
        self, ids: Sequence[int], *, if_sequenced: Sequence[int] = ()
    ) -> dict[int, Trigger]:
        rows, wanted = self._tables.triggers.rows, set(ids)
        return {
            trigger_id: self._tables.obeying(rows[trigger_id])
            for trigger_id in sorted(wanted.union(if_sequenced))
            if trigger_id in rows and (trigger_id in wanted or is_sequenced(rows[trigger_id]))
        }

    async def lock_triggers_of_calendar(
        self, group: str, calendar: str, *, after_id: int, limit: int
    ) -> list[Trigger]:
        users = self._tables.triggers.of_calendar(group, calendar, after_id=after_id)
        return list(map(self._tables.obeying, islice(users, limit)))

    async def lock_start_triggers(self) -> list[Trigger]:
        return list(map(self._tables.obeying, self._tables.triggers.starting()))

    async def delete_trigger(self, trigger_id: int) -> bool:
        self._tables.condition_sets.write(trigger_id, None)
        return self._tables.triggers.remove(trigger_id)

    async def triggers_of_job(self, group: str, job: str) -> list[str]:
        triggers = self._tables.triggers
        users = (triggers.by_name(group, name) for name in triggers.names_of_job(group, job))
        names = (user.name for user in users if user is not None and user.needs_its_jobs)
        return list(islice(names, MOST_TRIGGER_NAMES))

    async def advance_triggers(self, plans: Sequence[SlotPlan]) -> list[bool]:
        return [self._advance(plan) for plan in plans]

    def _advance(self, plan: SlotPlan) -> bool:
        stored = self._tables.triggers.rows.get(plan.before.id)
        if stored is None or _place_in_time(stored) != _place_in_time(plan.before):
            return False
        after = plan.after
        moved = amended(
            stored,
            generation=after.generation,
            state=after.state,
            reason=after.reason,
            next_slot=after.next_slot,
            last_slot=after.last_slot,
            firings=stored.firings + after.firings - plan.before.firings,
            resume_at=after.resume_at,
            anchor_at=after.anchor_at,
        )
        self._tables.triggers.write(stored.id, moved)
        return True

    async def gather_events(self, triggers: Sequence[Trigger]) -> None:
        table = self._tables.triggers
        for trigger in triggers:
            table.write(trigger.id, amended(table.rows[trigger.id], gathered=trigger.gathered))

    async def insert_ledger(self, entries: Sequence[LedgerEntry]) -> None:
        ledger = self._tables.ledger
        for entry in entries:
            key = entry.trigger_id, entry.generation, entry.slot
            if key in ledger.rows:
                raise LedgerConflict(
                    f"trigger {entry.trigger_id}, generation {entry.generation}: "
                    f"the slot {entry.slot.isoformat()} is decided already"
                )
            ledger.write(key, entry)

    # calendars

    async def insert_calendar(self, calendar: Calendar) -> Calendar | None:
        return self._tables.calendars.define(calendar, self._tables.calendar_ids, self._now)

    async def update_calendar(self, calendar: Calendar) -> Calendar | None:
        return self._tables.calendars.redefine(calendar, self._now)

    async def delete_calendar(self, calendar_id: int) -> bool:
        return self._tables.calendars.remove(calendar_id)

    async def lock_calendars(
        self, names: Sequence[tuple[str, str]], *, for_change: bool = False
    ) -> dict[tuple[str, str], Calendar]:
        found = {name: self._tables.calendars.by_name(*name) for name in names}
        return {name: calendar for name, calendar in found.items() if calendar is not None}

    async def triggers_of_calendar(self, group: str, calendar: str) -> list[str]:
        users = self._tables.triggers.of_calendar(group, calendar, after_id=0)
        return nsmallest(MOST_TRIGGER_NAMES, (trigger.name for trigger in users))

    # queues and rates

    async def insert_queue(self, queue: Queue) -> Queue | None:
        return self._tables.queues.define(queue, self._tables.queue_ids, self._now)

    async def update_queue(self, queue: Queue) -> Queue | None:
        return self._tables.queues.redefine(queue, self._now)

    async def delete_queue(self, queue_id: int) -> bool:
        return self._tables.queues.remove(queue_id)

    async def lock_queue(self, group: str, name: str) -> Queue | None:
        return self._tables.queues.by_name(group, name)

    async def jobs_of_queue(self, group: str, queue: str) -> list[str]:
        jobs = self._tables.jobs.rows.values()
        users = (job.name for job in jobs if job.group == group and job.queue == queue)
        return nsmallest(MOST_TRIGGER_NAMES, users)

    async def count_waiting(self, keys: Sequence[WaitingKey]) -> list[int]:
        counts = self._tables.runs.waiting_counts.of_key
        return [min(counts[each.job_id, each.key], each.most) for each in keys]

    async def take_rate(self, name: str, limit: RateLimit, wanted: int) -> int:
        return memory_claim.take_rate(self._tables, name, limit, wanted, self._now)

    # runs

    async def insert_runs(self, runs: Sequence[Run]) -> set[int]:
        table = self._tables.runs
        stored = set[int]()
        for run in runs:
            if run.unique_key is None or not table.live_by_key(run.job_id, run.unique_key):
                table.put(run if run.state is RunState.QUEUED else _queued(run))
                stored.add(run.id)
        return stored

    async def lock_job_room(self, most: Mapping[int, int]) -> dict[int, int]:
        count = self._tables.runs.count_of_job
        return {job_id: count(job_id, limit) for job_id, limit in most.items()}

    async def read_runs(self, ids: Sequence[int]) -> dict[int, Run]:
        rows = self._tables.runs.rows
        return {run_id: rows[run_id] for run_id in ids if run_id in rows}

    async def live_runs_by_key(self, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Run]:
        found = {key: self._tables.runs.live_by_key(*key) for key in keys}
        return {key: run for key, run in found.items() if run is not None}

    async def claim_runs(self, epoch: int, limit: int) -> list[Run]:
        node = self._live_node(epoch)
        return [] if node is None else memory_claim.claim_runs(self._tables, node, limit, self._now)

    async def lock_runs(self, ids: Sequence[int]) -> dict[int, Run]:
        rows = self._tables.runs.rows
        return {run_id: rows[run_id] for run_id in ids if run_id in rows}

    async def lock_old_runs(
        self, names: Sequence[tuple[str, str]], run_ids: Sequence[int] = ()
    ) -> None:
        """Nothing: there is no other transaction."""

    async def live_firings(self, trigger_ids: Sequence[int]) -> list[Firing]:
        return [
            firing
            for trigger_id in sorted(set(trigger_ids))
            for firing in firings_of(self._tables.runs, trigger_id)
        ]

    async def lock_held_runs(self, ids: Sequence[int]) -> list[Run]:
        rows = self._tables.runs.rows
        return [rows[run_id] for run_id in sorted(ids) if run_id in rows and rows[run_id].is_held]

    async def stalled_triggers(self, limit: int) -> list[int]:
        return stalled_triggers(self._tables, limit)

    async def queued_run_ids(self, job_id: int, limit: int) -> list[int]:
        return nsmallest(limit, self._tables.runs.waiting_ids(job_id))

    async def lock_overdue_runs(self, limit: int) -> list[Run]:
        runs = self._tables.runs
        return [runs.rows[run_id] for run_id in runs.overdue_ids(self._now, limit)]

    async def lock_runs_of_lost_nodes(self, limit: int, *, but: int | None = None) -> list[Run]:
        runs = self._tables.runs
        holders = (epoch for epoch in runs.holders() if epoch is None or epoch != but)
        dead = (epoch for epoch in holders if self._live_node(epoch) is None)
        return list(islice((run for epoch in dead for run in runs.held_by(epoch)), limit))

    async def lock_runs_of_node(self, epoch: int) -> list[Run]:
        held = self._tables.runs.held_by(epoch)
        return [run for run in held if run.state in ON_NODE]

    async def update_runs(self, runs: Sequence[Run]) -> None:
        table = self._tables.runs
        for run in runs:
            stored = table.rows.get(run.id)
            if stored is not None:
                table.put(_with_changeable_fields(stored, run))
                if run.state is RunState.QUEUED and stored.state is not RunState.QUEUED:
                    self._tables.requeued.write(run.id, True)

    async def end_runs(self, ends: Sequence[RunEnd]) -> list[Run]:
        table, ended = self._tables.runs, list[Run]()
        for end in ends:
            run = table.rows.get(end.run_id)
            if run is not None and _may_end(run, end):
                ended.append(table.put(with_end(run, end)))
                if run.id in self._tables.requeued.rows:
                    self._tables.requeued.write(run.id, None)
        return ended

    async def completed_results(self, ids: Sequence[int]) -> dict[int, Json]:
        """None: nobody else has a connection to this store."""
        return {}

    async def take_start_requests(self, limit: int) -> list[StartRequest]:
        """None, likewise."""
        return []

    async def report_progress(self, epoch: int, said: Mapping[int, JsonObject]) -> list[Run]:
        table, held = self._tables.runs, list[Run]()
        for run_id in sorted(said):
            run = table.rows.get(run_id)
            if run is not None and run.epoch == epoch and run.state in ON_NODE:
                held.append(table.put(replace(run, progress=said[run_id])))
        return held

    async def last_log_seqs(self, ids: Sequence[int]) -> dict[int, int]:
        logs = self._tables.logs
        last = {run_id: logs.last_seq(run_id) for run_id in ids}
        return {run_id: seq for run_id, seq in last.items() if seq}

    async def append_log(self, chunks: Sequence[LogChunk], *, epoch: int | None = None) -> None:
        logs, runs = self._tables.logs, self._tables.runs.rows
        for chunk in chunks:
            run = runs.get(chunk.run_id)
            if epoch is not None and (run is None or run.has_ended or run.epoch != epoch):
                continue
            if logs.lacks(chunk):
                logs.write((chunk.run_id, chunk.lines[0].seq), chunk)

    # backfills

    async def insert_backfill(self, backfill: Backfill) -> Backfill:
        backfill_id = next(self._tables.backfill_ids)
        stored = replace(
            backfill, id=backfill_id, version=1, created_at=self._now, updated_at=self._now
        )
        self._tables.backfills.write(backfill_id, stored)
        return stored

    async def lock_backfill(
        self, backfill_id: int, *, skip_locked: bool = False
    ) -> Backfill | None:
        return self._tables.backfills.rows.get(backfill_id)

    async def update_backfill(self, backfill: Backfill) -> Backfill:
        before = self._tables.backfills.rows[backfill.id]
        stored = replace(
            before,
            state=backfill.state,
            reason=backfill.reason,
            cursor_at=backfill.cursor_at,
            fired=backfill.fired,
            skipped=backfill.skipped,
            succeeded=backfill.succeeded,
            failed=backfill.failed,
            ended_at=backfill.ended_at,
            version=before.version + 1,
            updated_at=self._now,
        )
        self._tables.backfills.write(backfill.id, stored)
        return stored

    async def fired_slots(self, trigger_id: int, since: datetime, until: datetime) -> set[datetime]:
        entries = self._tables.ledger.touching(trigger_id, since, until)
        fired = {entry.slot for entry in entries if entry.decision is Decision.FIRED}
        backfilled = self._tables.backfilled_slots.between(trigger_id, since, until)
        return fired | {each.slot for each in backfilled}

    async def insert_backfilled_slots(self, slots: Sequence[BackfilledSlot]) -> None:
        table = self._tables.backfilled_slots
        for each in slots:
            key = each.trigger_id, each.slot, each.backfill_id
            if key in table.rows:
                raise StoreError(f"backfill {each.backfill_id} has fired {each.slot} already")
            table.write(key, each)

    async def open_firings(self, backfill_id: int) -> list[BackfilledSlot]:
        return self._tables.backfilled_slots.open_of(backfill_id)

    async def end_firings(self, backfill_id: int, slots: Sequence[datetime]) -> None:
        table, ended = self._tables.backfilled_slots, set(slots)
        for each in table.open_of(backfill_id):
            if each.slot in ended:
                key = each.trigger_id, each.slot, backfill_id
                table.write(key, replace(each, ended_at=self._now))

    async def chain_states(self, chain_ids: Sequence[int]) -> dict[int, dict[int, RunState]]:
        runs = self._tables.runs
        found = {chain_id: runs.states_of_chain(chain_id) for chain_id in chain_ids}
        return {chain_id: states for chain_id, states in found.items() if states}

    # nodes

    async def insert_node(self, node: Node, lease: timedelta) -> Node | None:
        nodes = self._tables.nodes
        namesakes = [other for other in nodes.rows.values() if other.name == node.name]
        if any(self._is_live(other) for other in namesakes):
            return None
        for dead in namesakes:
            nodes.write(dead.epoch, _expired(dead))
        epoch = next(self._tables.epochs)
        stored = replace(node, epoch=epoch, started_at=self._now, lease_until=self._now + lease)
        nodes.write(epoch, stored)
        return stored

    async def has_live_node(self) -> bool:
        return any(map(self._is_live, self._tables.nodes.rows.values()))

    async def has_lease(self, epoch: int) -> bool:
        return self._live_node(epoch) is not None

    async def renew_node(
        self, epoch: int, lease: timedelta, vitals: JsonObject | None = None
    ) -> Renewal | None:
        node = self._tables.nodes.rows.get(epoch)
        if node is None or node.expired:
            return None
        renewed = replace(node, lease_until=self._now + lease, vitals=vitals or node.vitals)
        self._tables.nodes.write(epoch, renewed)
        return Renewal(
            now=self._now,
            lease_until=renewed.lease_until,
            live_nodes=sum(map(self._is_live, self._tables.nodes.rows.values())),
            stopping=tuple(self._tables.runs.stopping_of(epoch)),
        )

    async def delete_node(self, epoch: int) -> bool:
        if epoch not in self._tables.nodes.rows:
            return False
        self._tables.nodes.write(epoch, None)
        return True

    async def expire_nodes(self, *, but: int | None = None) -> list[Node]:
        nodes = self._tables.nodes
        dead = [node for node in nodes.rows.values() if not self._is_live(node)]
        expired = [_expired(node) for node in dead if node.epoch != but]
        for node in expired:
            nodes.write(node.epoch, node)
        return expired

    async def delete_expired_nodes(self) -> int:
        nodes, holders = self._tables.nodes, set(self._tables.runs.holders())
        gone = [each.epoch for each in nodes.rows.values() if each.expired]
        gone = [epoch for epoch in gone if epoch not in holders]
        for epoch in gone:
            nodes.write(epoch, None)
        return len(gone)

    def _live_node(self, epoch: int | None) -> Node | None:
        return self._tables.live_node(epoch, self._now)

    def _is_live(self, node: Node) -> bool:
        return not node.expired and node.lease_until > self._now

    # shards

    async def renew_firing(
        self, epoch: int, lease: timedelta, scheduling: Scheduling
    ) -> datetime | None:
        node = self._tables.nodes.rows.get(epoch)
        if node is None or node.expired:
            return None
        until = self._now + lease
        self._tables.shards.leases.write(epoch, FiringLease(until, scheduling))
        return until

    async def end_firing(self, epoch: int) -> set[int]:
        shards = self._tables.shards
        if epoch in shards.leases.rows:
            shards.leases.write(epoch, None)
        return shards.release(epoch, shards.of(epoch))

    async def read_division(self) -> Division:
        return self._tables.shards.division(self._now)

    async def take_shards(self, epoch: int, ids: Collection[int]) -> dict[int, int | None]:
        return self._tables.shards.take(epoch, ids, self._now)

    async def release_shards(self, epoch: int, ids: Collection[int]) -> set[int]:
        return self._tables.shards.release(epoch, ids)

    async def hold_shards(self, epoch: int, ids: Collection[int]) -> set[int]:
        return self._tables.shards.hold(epoch, ids, self._now)

    # followers of the events

    async def lock_follower(self, name: str) -> Following | None:
        return Following(seq=self._tables.followers.rows.get(name), newest=self._newest_event)

    async def move_follower(self, name: str, seq: int | None) -> None:
        self._tables.followers.write(name, seq)

    async def read_ends(
        self,
        after: int,
        until: int,
        job_ids: Collection[int] = (),
        *,
        names: Collection[tuple[str, str]] = (),
        events: int,
    ) -> EndsRead:
        return memory_followers.read_ends(self._tables, after, until, job_ids, names, events)

    @property
    def _newest_event(self) -> int:
        return self._tables.newest_event.rows.get(None, 0)

    # conditional triggers

    async def lock_conditions(self) -> None:
        """Nothing: there is no other transaction."""

    async def condition_links(self, group: str, workflow: str | None) -> list[ConditionLink]:
        return memory_conditions.links(self._tables, group, workflow)

    async def begin_condition_sets(self, sets: Sequence[ConditionSet]) -> None:
        for each in sets:
            fresh = replace(each, since_seq=self._newest_event, met={})
            self._tables.condition_sets.write(each.trigger_id, fresh)

    async def delete_condition_set(self, trigger_id: int) -> None:
        self._tables.condition_sets.write(trigger_id, None)

    async def condition_watches(self) -> list[ConditionWatch]:
        return memory_conditions.watches(self._tables)

    async def condition_sets(self, trigger_ids: Sequence[int]) -> dict[int, ConditionSet]:
        rows = self._tables.condition_sets.rows
        return {each: rows[each] for each in trigger_ids if each in rows}

    async def update_condition_sets(self, sets: Sequence[ConditionSet]) -> None:
        table = self._tables.condition_sets
        for each in sets:
            table.write(each.trigger_id, replace(table.rows[each.trigger_id], met=each.met))

    async def triggers_watching(self, group: str, job: str) -> list[str]:
        return memory_conditions.names_watching(self._tables, group, job)[:MOST_TRIGGER_NAMES]

    # idempotency

    async def insert_idempotency(self, record: IdempotencyRecord) -> IdempotencyRecord | None:
        present = self._tables.idempotency.rows.get(record.key)
        if present is None:
            self._tables.idempotency.write(record.key, record)
        return present

    async def update_idempotency(self, record: IdempotencyRecord) -> None:
        present = self._tables.idempotency.rows.get(record.key)
        if present is not None:
            answered = replace(
                present, status=record.status, answer=record.answer, run_ids=record.run_ids
            )
            self._tables.idempotency.write(record.key, answered)

    async def delete_idempotency(self, key: str) -> None:
        if key in self._tables.idempotency.rows:
            self._tables.idempotency.write(key, None)

    # events

    async def append_events(
        self, records: Sequence[EventRecord], *, queued: Sequence[Run] = ()
    ) -> int:
        first = self._tables.newest_event.rows.get(None, 0) + 1
        if records or queued:
            told = (*map(run_record, queued), *records)
            batch = EventBatch(first_seq=first, at=self._now, records=told)
            self._tables.events.write(first, batch)
            self._tables.newest_event.write(None, batch.last_seq)
        return first


def _place_in_time(trigger: Trigger) -> tuple[object, ...]:
    return trigger.generation, trigger.state, trigger.next_slot, trigger.resume_at


def _may_end(run: Run, end: RunEnd) -> bool:
    is_its = run.is_of_claim(end.epoch, end.started_at)
    return is_its and run.state in LIVE and may_become(run.state, end.state)


def _queued(run: Run) -> Run:
    return amended(run, state=RunState.QUEUED, node=None, epoch=None, started_at=None)


def _expired(node: Node) -> Node:
    until = min(node.lease_until, node.started_at)
    return replace(node, expired=True, lease_until=until)


def _with_changeable_fields(stored: Run, run: Run) -> Run:
    return amended(
        stored,
        state=run.state,
        node=run.node,
        epoch=run.epoch,
        crashes=run.crashes,
        due_at=run.due_at,
        started_at=run.started_at,
        stop_mode=run.stop_mode,
        stop_grace_s=run.stop_grace_s,
        progress=run.progress,
        error=run.error,
        terms=run.terms,
    )
