"""A transaction of the PostgreSQL store: the verbs of `contract.Transaction` on one connection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from callboard.domain.backfill import Backfill, BackfilledSlot
from callboard.domain.batch_instance import BatchInstance, BatchRun
from callboard.domain.batch_step import Move, StepCounts, StepExecution
from callboard.domain.bookmark import Bookmark
from callboard.domain.calendar import Calendar
from callboard.domain.condition_cycle import ConditionLink
from callboard.domain.conditions import ConditionSet
from callboard.domain.delivery import Delivery, NewDelivery
from callboard.domain.failing_job import FailingJob
from callboard.domain.job import Job
from callboard.domain.json import Json, JsonObject
from callboard.domain.lateness import DeadlineKind
from callboard.domain.ledger import LedgerEntry
from callboard.domain.limits import RateLimit
from callboard.domain.misfire import SlotPlan
from callboard.domain.overlap import Firing
from callboard.domain.queue import Queue
from callboard.domain.run import Run
from callboard.domain.shards import Division, Scheduling
from callboard.domain.start_request import StartRequest
from callboard.domain.states import RunState
from callboard.domain.trigger import Trigger, TriggerState
from callboard.domain.webhook import Webhook
from callboard.domain.workflow import Workflow, WorkflowRun
from callboard.events import EventRecord
from callboard.store import (
    postgres_backfills,
    postgres_batch,
    postgres_bookmarks,
    postgres_calendars,
    postgres_callers,
    postgres_conditions,
    postgres_events,
    postgres_firings,
    postgres_followers,
    postgres_idempotency,
    postgres_jobs,
    postgres_nodes,
    postgres_queues,
    postgres_rates,
    postgres_runs,
    postgres_shards,
    postgres_steps,
    postgres_triggers,
    postgres_webhooks,
    postgres_workflows,
)
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
    WebhookFilter,
)
from callboard.store.postgres_ids import RunIds
from callboard.store.statements import Statements

MOST_WEBHOOKS = 10_000
"""More of them would not be told."""


class PostgresTransaction:
    """One open transaction; `begun` makes it, the store ends it."""

    def __init__(
        self, sql: Statements, ids: RunIds, now: datetime, given_now: datetime | None
    ) -> None:
        self._sql = sql
        self._ids = ids
        self._now = now
        self._given_now = given_now

    @classmethod
    async def begun(
        cls, sql: Statements, ids: RunIds, given_now: datetime | None
    ) -> PostgresTransaction:
        """The transaction that `sql` is in, with its instant and ids for what it may insert."""
        [row] = await sql.rows("begin_transaction", ids.blocks_ahead(), given_now)
        ids.add(row["first_ids"])
        return cls(sql, ids, row["now"], given_now)

    @property
    def now(self) -> datetime:
        return self._now

    async def allocate_run_ids(self, count: int) -> list[int]:
        blocks = self._ids.blocks_for(count)
        if blocks:
            self._ids.add(await postgres_runs.run_id_blocks(self._sql, blocks))
        return self._ids.take(count)

    async def insert_job(self, job: Job) -> Job | None:
        return await postgres_jobs.insert_job(self._sql, job, self._given_now)

    async def update_job(self, job: Job) -> Job | None:
        return await postgres_jobs.update_job(self._sql, job, self._given_now)

    async def delete_job(self, job_id: int) -> bool:
        return await postgres_jobs.delete_job(self._sql, job_id)

    async def lock_jobs(
        self, names: Sequence[tuple[str, str]], *, for_change: bool = False
    ) -> dict[tuple[str, str], Job]:
        return await postgres_jobs.lock_jobs(self._sql, names, for_change=for_change)

    async def insert_triggers(self, triggers: Sequence[Trigger]) -> list[Trigger | None]:
        return await postgres_triggers.insert_triggers(self._sql, triggers, self._given_now)

    async def taken_trigger_names(self, names: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        return await postgres_triggers.taken_trigger_names(self._sql, names)

    async def update_trigger(self, trigger: Trigger) -> Trigger | None:
        return await postgres_triggers.update_trigger(self._sql, trigger, self._given_now)

    async def lock_trigger(self, group: str, name: str) -> Trigger | None:
        return await postgres_triggers.lock_trigger(self._sql, group, name)

    async def lock_triggers(
        self, filter: TriggerFilter, states: Sequence[TriggerState]
    ) -> list[Trigger]:
        return await postgres_triggers.lock_triggers(self._sql, filter, states)

    async def lock_triggers_by_name(
        self, names: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], Trigger]:
        return await postgres_triggers.lock_triggers_by_name(self._sql, names)

    async def lock_triggers_by_id(
        self, ids: Sequence[int], *, if_sequenced: Sequence[int] = ()
    ) -> dict[int, Trigger]:
        return await postgres_triggers.lock_triggers_by_id(self._sql, ids, if_sequenced)

    async def lock_triggers_of_calendar(
        self, group: str, calendar: str, *, after_id: int, limit: int
    ) -> list[Trigger]:
        return await postgres_triggers.lock_triggers_of_calendar(
            self._sql, group, calendar, after_id, limit
        )

    async def lock_start_triggers(self) -> list[Trigger]:
        return await postgres_triggers.lock_start_triggers(self._sql)

    async def delete_trigger(self, trigger_id: int) -> bool:
        return await postgres_triggers.delete_trigger(self._sql, trigger_id)

    async def triggers_of_job(self, group: str, job: str) -> list[str]:
        return await postgres_triggers.triggers_of_job(self._sql, group, job)

    async def advance_triggers(self, plans: Sequence[SlotPlan]) -> list[bool]:
        return await postgres_triggers.advance_triggers(self._sql, plans)

    async def gather_events(self, triggers: Sequence[Trigger]) -> None:
        await postgres_triggers.gather_events(self._sql, triggers)

    async def insert_ledger(self, entries: Sequence[LedgerEntry]) -> None:
        await postgres_triggers.insert_ledger(self._sql, entries, self._given_now)

    async def insert_calendar(self, calendar: Calendar) -> Calendar | None:
        return await postgres_calendars.insert_calendar(self._sql, calendar, self._given_now)

    async def update_calendar(self, calendar: Calendar) -> Calendar | None:
        return await postgres_calendars.update_calendar(self._sql, calendar, self._given_now)

    async def delete_calendar(self, calendar_id: int) -> bool:
        return await postgres_calendars.delete_calendar(self._sql, calendar_id)

    async def lock_calendars(
        self, names: Sequence[tuple[str, str]], *, for_change: bool = False
    ) -> dict[tuple[str, str], Calendar]:
        return await postgres_calendars.lock_calendars(self._sql, names, for_change=for_change)

    async def triggers_of_calendar(self, group: str, calendar: str) -> list[str]:
        return await postgres_calendars.triggers_of_calendar(self._sql, group, calendar)

    async def insert_queue(self, queue: Queue) -> Queue | None:
        return await postgres_queues.insert_queue(self._sql, queue, self._given_now)

    async def update_queue(self, queue: Queue) -> Queue | None:
        return await postgres_queues.update_queue(self._sql, queue, self._given_now)

    async def delete_queue(self, queue_id: int) -> bool:
        return await postgres_queues.delete_queue(self._sql, queue_id)

    async def lock_queue(self, group: str, name: str) -> Queue | None:
        return await postgres_queues.lock_queue(self._sql, group, name)

    async def jobs_of_queue(self, group: str, queue: str) -> list[str]:
        return await postgres_queues.jobs_of_queue(self._sql, group, queue)

    async def insert_workflow(self, workflow: Workflow) -> Workflow | None:
        return await postgres_workflows.insert_workflow(self._sql, workflow, self._given_now)

    async def update_workflow(self, workflow: Workflow) -> Workflow | None:
        return await postgres_workflows.update_workflow(self._sql, workflow, self._given_now)

    async def delete_workflow(self, workflow_id: int) -> bool:
        return await postgres_workflows.delete_workflow(self._sql, workflow_id)

    async def lock_workflows(
        self, names: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], Workflow]:
        return await postgres_workflows.lock_workflows(self._sql, names)

    async def triggers_of_workflow(self, group: str, workflow: str) -> list[Trigger]:
        return await postgres_workflows.triggers_of_workflow(self._sql, group, workflow)

    async def count_workflow_runs(self, workflow_ids: Sequence[int]) -> dict[int, int]:
        return await postgres_workflows.count_workflow_runs(self._sql, workflow_ids)

    async def allocate_workflow_run_ids(self, count: int) -> list[int]:
        return await postgres_workflows.take_ids(self._sql, count)

    async def insert_workflow_runs(self, runs: Sequence[WorkflowRun]) -> list[WorkflowRun]:
        insert = postgres_workflows.insert_workflow_run
        return [await insert(self._sql, run, self._given_now) for run in runs]

    async def find_workflow_runs(self, ids: Sequence[int]) -> dict[int, WorkflowRun]:
        return await postgres_workflows.find_workflow_runs(self._sql, ids)

    async def lock_workflow_runs(self, ids: Sequence[int]) -> dict[int, WorkflowRun]:
        return await postgres_workflows.lock_workflow_runs(self._sql, ids)

    async def update_workflow_runs(self, runs: Sequence[WorkflowRun]) -> None:
        for run in runs:
            await postgres_workflows.update_workflow_run(self._sql, run)

    # batch
    async def insert_instance(self, instance: BatchInstance) -> tuple[BatchInstance, bool]:
        return await postgres_batch.insert_instance(self._sql, instance, self._given_now)

    async def find_instances(self, ids: Sequence[int]) -> dict[int, BatchInstance]:
        return await postgres_batch.find_instances(self._sql, ids)

    async def lock_instances(self, ids: Sequence[int]) -> dict[int, BatchInstance]:
        return await postgres_batch.lock_instances(self._sql, ids)

    async def last_instance(self, group: str, job: str) -> BatchInstance | None:
        found = await postgres_batch.list_instances(self._sql, group, job, 1, None)
        return found[0] if found else None

    async def update_instances(self, instances: Sequence[BatchInstance]) -> None:
        await postgres_batch.update_instances(self._sql, instances)

    async def delete_instance(self, instance_id: int) -> bool:
        return await postgres_batch.delete_instance(self._sql, instance_id)

    async def insert_batch_run(self, run: BatchRun) -> None:
        await postgres_batch.insert_batch_run(self._sql, run)

    async def find_batch_runs(self, run_ids: Sequence[int]) -> dict[int, BatchRun]:
        return await postgres_batch.find_batch_runs(self._sql, run_ids)

    async def update_batch_runs(self, runs: Sequence[BatchRun]) -> None:
        await postgres_batch.update_batch_runs(self._sql, runs)

    async def insert_step(self, step: StepExecution) -> StepExecution:
        return await postgres_steps.insert_step(self._sql, step, self._given_now)

    async def outline_of_instance(self, instance_id: int) -> list[StepExecution]:
        return await postgres_steps.outline_of_instance(self._sql, instance_id)

    async def partition_counts(self, managers: Sequence[StepExecution]) -> dict[int, StepCounts]:
        return await postgres_steps.partition_counts(self._sql, managers)

    async def last_execution(self, instance_id: int, name: str, visit: int) -> StepExecution | None:
        return await postgres_steps.last_execution(self._sql, instance_id, name, visit)

    async def count_executions(self, instance_id: int, name: str, most: int) -> int:
        return await postgres_steps.count_executions(self._sql, instance_id, name, most)

    async def has_lease(self, epoch: int) -> bool:
        return await postgres_nodes.has_lease(self._sql, epoch, self._given_now)

    async def lock_running_steps(self, instance_ids: Sequence[int]) -> list[StepExecution]:
        return await postgres_steps.lock_running_steps(self._sql, instance_ids)

    async def committing_instances(self, instance_ids: Sequence[int]) -> set[int]:
        return await postgres_steps.committing_instances(self._sql, instance_ids)

    async def lock_step(self, step_id: int) -> StepExecution | None:
        return await postgres_steps.lock_step(self._sql, step_id)

    async def update_steps(self, steps: Sequence[StepExecution]) -> None:
        await postgres_steps.update_steps(self._sql, steps)

    async def rename_steps(self, instance_id: int, names: JsonObject) -> None:
        await postgres_steps.rename_steps(self._sql, instance_id, names, self._given_now)

    async def put_moves(self, instance_id: int, moves: Sequence[Move]) -> None:
        await postgres_steps.put_moves(self._sql, instance_id, moves, self._given_now)

    async def ways_of_instance(self, instance_id: int) -> list[Move]:
        return await postgres_steps.ways_of_instance(self._sql, instance_id)

    async def count_waiting(self, keys: Sequence[WaitingKey]) -> list[int]:
        return await postgres_queues.count_waiting(self._sql, keys)

    async def take_rate(self, name: str, limit: RateLimit, wanted: int) -> int:
        return await postgres_rates.take_rate(
            self._sql, name, limit, wanted, now=self._now, given_now=self._given_now
        )

    async def insert_runs(self, runs: Sequence[Run]) -> set[int]:
        return await postgres_runs.insert_runs(self._sql, runs)

    async def lock_job_room(self, most: Mapping[int, int]) -> dict[int, int]:
        return await postgres_runs.lock_job_room(self._sql, most)

    async def read_runs(self, ids: Sequence[int]) -> dict[int, Run]:
        return await postgres_runs.read_runs(self._sql, ids)

    async def live_runs_by_key(self, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Run]:
        return await postgres_runs.live_runs_by_key(self._sql, keys)

    async def claim_runs(self, epoch: int, limit: int) -> list[Run]:
        return await postgres_runs.claim_runs(
            self._sql, epoch, limit, now=self._now, given_now=self._given_now
        )

    async def lock_runs(self, ids: Sequence[int]) -> dict[int, Run]:
        return await postgres_runs.lock_runs(self._sql, ids)

    async def lock_old_runs(
        self, names: Sequence[tuple[str, str]], run_ids: Sequence[int] = ()
    ) -> None:
        await postgres_firings.lock_old_runs(self._sql, names, run_ids)

    async def live_firings(self, trigger_ids: Sequence[int]) -> list[Firing]:
        return await postgres_firings.live_firings(self._sql, trigger_ids)

    async def lock_held_runs(self, ids: Sequence[int]) -> list[Run]:
        return await postgres_firings.lock_held_runs(self._sql, ids)

    async def stalled_triggers(self, limit: int) -> list[int]:
        return await postgres_firings.stalled_triggers(self._sql, limit)

    async def queued_run_ids(self, job_id: int, limit: int) -> list[int]:
        return await postgres_runs.queued_run_ids(self._sql, job_id, limit)

    async def lock_overdue_runs(self, limit: int) -> list[Run]:
        return await postgres_runs.lock_overdue_runs(self._sql, limit, self._given_now)

    async def lock_runs_of_lost_nodes(self, limit: int, *, but: int | None = None) -> list[Run]:
        return await postgres_nodes.lock_runs_of_lost_nodes(self._sql, limit, but, self._given_now)

    async def lock_runs_of_node(self, epoch: int) -> list[Run]:
        return await postgres_nodes.lock_runs_of_node(self._sql, epoch)

    async def update_runs(self, runs: Sequence[Run]) -> None:
        await postgres_runs.update_runs(self._sql, runs)

    async def end_runs(self, ends: Sequence[RunEnd]) -> list[Run]:
        return await postgres_runs.end_runs(self._sql, ends)

    async def completed_results(self, ids: Sequence[int]) -> dict[int, Json]:
        return await postgres_callers.completed_results(self._sql, ids)

    async def lock_bookmarks(self, job_ids: Collection[int]) -> dict[int, Bookmark]:
        return await postgres_bookmarks.lock_bookmarks(self._sql, job_ids)

    async def bookmark_of_run(self, job_id: int, run_id: int) -> Bookmark | None:
        return await postgres_bookmarks.get_bookmark(self._sql, job_id, run_id)

    async def insert_bookmarks(self, bookmarks: Sequence[Bookmark]) -> None:
        await postgres_bookmarks.insert_bookmarks(self._sql, bookmarks)

    async def delete_bookmarks(self, job_id: int) -> None:
        await postgres_bookmarks.delete_bookmarks(self._sql, job_id)

    # webhooks
    async def insert_webhook(self, webhook: Webhook) -> Webhook | None:
        return await postgres_webhooks.insert_webhook(self._sql, webhook, self._given_now)

    async def update_webhook(self, webhook: Webhook) -> Webhook | None:
        return await postgres_webhooks.update_webhook(self._sql, webhook, self._given_now)

    async def delete_webhook(self, webhook_id: int) -> bool:
        return await postgres_webhooks.delete_webhook(self._sql, webhook_id)

    async def lock_webhook(self, group: str, name: str) -> Webhook | None:
        return await postgres_webhooks.lock_webhook(self._sql, group, name)

    async def webhooks(self) -> list[Webhook]:
        return await postgres_webhooks.list_webhooks(self._sql, WebhookFilter(limit=MOST_WEBHOOKS))

    async def insert_deliveries(self, deliveries: Sequence[NewDelivery]) -> int:
        return await postgres_webhooks.insert_deliveries(self._sql, deliveries, self._given_now)

    async def take_deliveries(self, limit: int, hold: timedelta) -> list[Delivery]:
        return await postgres_webhooks.take_deliveries(self._sql, limit, hold, self._given_now)

    async def update_delivery(self, delivery: Delivery) -> bool:
        return await postgres_webhooks.update_delivery(self._sql, delivery, self._given_now)

    async def renew_delivery(self, webhook_id: int, delivery_id: int) -> Delivery | None:
        return await postgres_webhooks.renew_delivery(
            self._sql, webhook_id, delivery_id, self._given_now
        )

    async def note_failing_jobs(self, jobs: Sequence[FailingJob]) -> None:
        await postgres_webhooks.note_failing_jobs(self._sql, jobs)

    async def take_failing_jobs(self, job_ids: Collection[int]) -> list[FailingJob]:
        return await postgres_webhooks.take_failing_jobs(self._sql, job_ids)

    async def job_ids_of(self, names: Collection[tuple[str, str | None]]) -> list[int]:
        return await postgres_webhooks.job_ids_of(self._sql, names)

    async def move_deadline_check(
        self, trigger_id: int, kind: DeadlineKind, before: datetime | None, until: datetime
    ) -> bool:
        return await postgres_webhooks.move_deadline_check(
            self._sql, trigger_id, kind, before, until
        )

    async def take_start_requests(self, limit: int) -> list[StartRequest]:
        return await postgres_callers.take_start_requests(self._sql, limit)

    async def report_progress(self, epoch: int, said: Mapping[int, JsonObject]) -> list[Run]:
        return await postgres_runs.report_progress(self._sql, epoch, said)

    async def last_log_seqs(self, ids: Sequence[int]) -> dict[int, int]:
        return await postgres_events.last_log_seqs(self._sql, ids)

    async def append_log(self, chunks: Sequence[LogChunk], *, epoch: int | None = None) -> None:
        await postgres_events.append_log(self._sql, chunks, epoch)

    async def insert_backfill(self, backfill: Backfill) -> Backfill:
        return await postgres_backfills.insert_backfill(self._sql, backfill, self._given_now)

    async def lock_backfill(
        self, backfill_id: int, *, skip_locked: bool = False
    ) -> Backfill | None:
        return await postgres_backfills.lock_backfill(
            self._sql, backfill_id, skip_locked=skip_locked
        )

    async def update_backfill(self, backfill: Backfill) -> Backfill:
        return await postgres_backfills.update_backfill(self._sql, backfill, self._given_now)

    async def fired_slots(self, trigger_id: int, since: datetime, until: datetime) -> set[datetime]:
        return await postgres_backfills.fired_slots(self._sql, trigger_id, since, until)

    async def insert_backfilled_slots(self, slots: Sequence[BackfilledSlot]) -> None:
        await postgres_backfills.insert_backfilled_slots(self._sql, slots)

    async def open_firings(self, backfill_id: int) -> list[BackfilledSlot]:
        return await postgres_backfills.open_firings(self._sql, backfill_id)

    async def end_firings(self, backfill_id: int, slots: Sequence[datetime]) -> None:
        await postgres_backfills.end_firings(self._sql, backfill_id, slots, self._given_now)

    async def chain_states(self, chain_ids: Sequence[int]) -> dict[int, dict[int, RunState]]:
        return await postgres_backfills.chain_states(self._sql, chain_ids)

    async def insert_node(self, node: Node, lease: timedelta) -> Node | None:
        return await postgres_nodes.insert_node(self._sql, node, lease, self._given_now)

    async def has_live_node(self) -> bool:
        return await postgres_nodes.has_live_node(self._sql, self._given_now)

    async def renew_node(
        self, epoch: int, lease: timedelta, vitals: JsonObject | None = None
    ) -> Renewal | None:
        return await postgres_nodes.renew_node(self._sql, epoch, lease, vitals, self._given_now)

    async def delete_node(self, epoch: int) -> bool:
        return await postgres_nodes.delete_node(self._sql, epoch)

    async def expire_nodes(self, *, but: int | None = None) -> list[Node]:
        return await postgres_nodes.expire_nodes(self._sql, but, self._given_now)

    async def delete_expired_nodes(self) -> int:
        return await postgres_nodes.delete_expired_nodes(self._sql)

    async def renew_firing(
        self, epoch: int, lease: timedelta, scheduling: Scheduling
    ) -> datetime | None:
        return await postgres_shards.renew_firing(
            self._sql, epoch, lease, scheduling, self._given_now
        )

    async def end_firing(self, epoch: int) -> set[int]:
        return await postgres_shards.end_firing(self._sql, epoch)

    async def read_division(self) -> Division:
        return await postgres_shards.read_division(self._sql, self._given_now)

    async def take_shards(self, epoch: int, ids: Collection[int]) -> dict[int, int | None]:
        return await postgres_shards.take_shards(self._sql, epoch, ids, self._given_now)

    async def release_shards(self, epoch: int, ids: Collection[int]) -> set[int]:
        return await postgres_shards.release_shards(self._sql, epoch, ids)

    async def hold_shards(self, epoch: int, ids: Collection[int]) -> set[int]:
        return await postgres_shards.hold_shards(self._sql, epoch, ids, self._given_now)

    async def lock_follower(self, name: str) -> Following | None:
        return await postgres_followers.lock_follower(self._sql, name, self._given_now)

    async def move_follower(self, name: str, seq: int | None) -> None:
        await postgres_followers.move_follower(self._sql, name, seq, self._given_now)

    async def read_ends(
        self,
        after: int,
        until: int,
        job_ids: Collection[int] = (),
        *,
        names: Collection[tuple[str, str]] = (),
        events: int,
    ) -> EndsRead:
        return await postgres_followers.read_ends(self._sql, after, until, job_ids, names, events)

    async def lock_conditions(self) -> None:
        await postgres_conditions.lock_conditions(self._sql)

    async def condition_links(self, group: str, workflow: str | None) -> list[ConditionLink]:
        return await postgres_conditions.condition_links(self._sql, group, workflow)

    async def begin_condition_sets(self, sets: Sequence[ConditionSet]) -> None:
        await postgres_conditions.begin_condition_sets(self._sql, sets)

    async def delete_condition_set(self, trigger_id: int) -> None:
        await postgres_conditions.delete_condition_set(self._sql, trigger_id)

    async def condition_watches(self) -> list[ConditionWatch]:
        return await postgres_conditions.condition_watches(self._sql)

    async def condition_sets(self, trigger_ids: Sequence[int]) -> dict[int, ConditionSet]:
        return await postgres_conditions.condition_sets(self._sql, trigger_ids)

    async def update_condition_sets(self, sets: Sequence[ConditionSet]) -> None:
        await postgres_conditions.update_condition_sets(self._sql, sets)

    async def triggers_watching(self, group: str, job: str) -> list[str]:
        return await postgres_conditions.triggers_watching(self._sql, group, job)

    async def insert_idempotency(self, record: IdempotencyRecord) -> IdempotencyRecord | None:
        return await postgres_idempotency.insert_idempotency(self._sql, record)

    async def update_idempotency(self, record: IdempotencyRecord) -> None:
        await postgres_idempotency.update_idempotency(self._sql, record)

    async def delete_idempotency(self, key: str) -> None:
        await postgres_idempotency.delete_idempotency(self._sql, key)

    async def append_events(
        self, records: Sequence[EventRecord], *, queued: Sequence[Run] = ()
    ) -> int:
        return await postgres_events.append_events(self._sql, records, queued, self._given_now)
