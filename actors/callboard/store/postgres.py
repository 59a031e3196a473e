"""The PostgreSQL backend: `contract.Store` on asyncpg and the statements of `callboard_sql`."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg

from callboard.clock import Clock
from callboard.domain.backfill import Backfill, BackfilledSlot
from callboard.domain.batch_instance import BatchHistory, BatchInstance, BatchRun
from callboard.domain.batch_partitions import PartitionRecord
from callboard.domain.batch_step import NO_MOVE, Move, SkippedItem, StepCounts, StepExecution
from callboard.domain.bookmark import Bookmark
from callboard.domain.calendar import Calendar
from callboard.domain.delivery import Delivery
from callboard.domain.job import Job
from callboard.domain.lateness import WatchedSlots
from callboard.domain.ledger import LedgerEntry
from callboard.domain.queue import Queue, QueueCounts
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.domain.trigger import Trigger, TriggerState
from callboard.domain.webhook import Webhook
from callboard.domain.workflow import Workflow, WorkflowRun
from callboard.events import EventBatch
from callboard.store import (
    postgres_backfills,
    postgres_batch,
    postgres_bookmarks,
    postgres_calendars,
    postgres_callers,
    postgres_conditions,
    postgres_events,
    postgres_history,
    postgres_jobs,
    postgres_nodes,
    postgres_partitions,
    postgres_prune,
    postgres_queues,
    postgres_runs,
    postgres_steps,
    postgres_triggers,
    postgres_webhooks,
    postgres_workflows,
)
from callboard.store.contract import (
    BackfillFilter,
    CalendarFilter,
    ConditionWatch,
    Cutoffs,
    DeliveryFilter,
    JobFilter,
    LeaseLine,
    LogFilter,
    LogLine,
    LogPage,
    Node,
    QueueFilter,
    RunFilter,
    Snapshot,
    Transaction,
    TriggerFilter,
    WebhookFilter,
    WorkflowFilter,
    WorkflowRunFilter,
)
from callboard.store.cycle import Cycle, Cycled
from callboard.store.listen import listen
from callboard.store.migrate import migrate, verify
from callboard.store.pool import HostPool, Pool
from callboard.store.postgres_chunks import PostgresChunkLine
from callboard.store.postgres_cycle import Cycles
from callboard.store.postgres_ids import RunIds
from callboard.store.postgres_lease import PostgresLeaseLine
from callboard.store.postgres_transaction import PostgresTransaction
from callboard.store.statements import Connection, Statements

DEADLINE_S: Final = 10.0
"""Seconds that one statement, or one wait for a connection, may take."""

ONE_MOMENT: Final = "begin isolation level repeatable read, read only"


class PostgresStore:
    """A `contract.Store` in a PostgreSQL database, version 15 or newer.

    Lives on the event loop on which it is opened. While the database is away every verb raises
    StoreUnavailable; a lost connection is made anew by the next call.
    """

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any] | Pool,
        clock: Clock,
        deadline_s: float = DEADLINE_S,
        migrate_on_open: bool = True,
    ) -> None:
        """Args:
        pool: a host's asyncpg pool, which stays the host's, or one of `callboard.store.pool`.
        migrate_on_open: apply missing migrations; otherwise they are a SchemaMismatch.
        """
        if isinstance(pool, asyncpg.Pool):
            pool = HostPool(pool, deadline_s=deadline_s)
        self._pool: Pool = pool
        self._clock = clock
        self._deadline_s = deadline_s
        self._migrate_on_open = migrate_on_open
        self._ids = RunIds(clock.monotonic)
        self._cycles = Cycles(self._ids)
        self._origin = uuid.uuid4().hex

    async def open(self) -> None:
        await self._pool.open()
        async with self._pool.writer() as connection:
            if self._migrate_on_open:
                await migrate(connection)
            await verify(connection)

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def unchecked(self) -> AsyncIterator[Connection]:
        """A connection, whatever the schema is, in place of open and close: to look, or migrate.

        The store's other verbs work inside the block, as far as the schema does.
        """
        try:
            await self._pool.open()
            # Not the writer: there is only one, and `begin` needs it.
            async with self._pool.reader() as connection:
                yield connection
        finally:
            await self._pool.close()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        async with self._pool.writer() as connection:
            sql = Statements(connection, self._deadline_s)
            async with sql.transaction(self._pool.begin):
                given_now = self._clock.database_now()
                yield await PostgresTransaction.begun(sql, self._ids, given_now)

    async def cycle(self, cycle: Cycle) -> Cycled:
        async with self._pool.writer() as connection:
            sql = Statements(connection, self._deadline_s)
            now = self._clock.database_now()
            if self._pool.has_settings:
                return await self._cycles.run(sql, cycle, now)
            async with sql.transaction(self._pool.begin):
                return await self._cycles.run(sql, cycle, now)

    async def allocate_run_ids(self, count: int) -> list[int]:
        blocks = self._ids.blocks_for(count)
        if blocks:
            async with self._reading() as sql:
                self._ids.add(await postgres_runs.run_id_blocks(sql, blocks))
        return self._ids.take(count)

    @property
    def has_callers(self) -> bool:
        return True

    async def notify(self, topics: Sequence[str]) -> None:
        async with self._reading() as sql:
            await postgres_events.notify(sql, self._origin, topics)

    async def listen(self, on_hint: Callable[[str], None]) -> None:
        async with self._pool.listener() as connection:
            await listen(connection, self._origin, on_hint, deadline_s=self._deadline_s)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Statements]:
        async with self._pool.reader() as connection:
            yield Statements(connection, self._deadline_s)

    async def ping(self) -> datetime:
        async with self._reading() as sql:
            now: datetime = await sql.value("get_now", self._clock.database_now())
            return now

    async def get_job(self, group: str, name: str) -> Job | None:
        async with self._reading() as sql:
            return await postgres_jobs.get_job(sql, group, name)

    async def get_jobs_by_id(self, ids: Sequence[int]) -> dict[int, Job]:
        async with self._reading() as sql:
            return await postgres_jobs.get_jobs(sql, ids)

    async def list_jobs(self, filter: JobFilter) -> list[Job]:
        async with self._reading() as sql:
            return await postgres_jobs.list_jobs(sql, filter)

    async def get_trigger(self, group: str, name: str) -> Trigger | None:
        async with self._reading() as sql:
            return await postgres_triggers.get_trigger(sql, group, name)

    async def list_triggers(self, filter: TriggerFilter) -> list[Trigger]:
        async with self._reading() as sql:
            return await postgres_triggers.list_triggers(sql, filter)

    async def count_triggers(
        self, filter: TriggerFilter
    ) -> dict[tuple[TriggerState, datetime | None], int]:
        async with self._reading() as sql:
            return await postgres_triggers.count_triggers(sql, filter)

    async def get_bookmark(self, job_id: int, run_id: int | None) -> Bookmark | None:
        async with self._reading() as sql:
            return await postgres_bookmarks.get_bookmark(sql, job_id, run_id)

    async def get_webhook(self, group: str, name: str) -> Webhook | None:
        async with self._reading() as sql:
            return await postgres_webhooks.get_webhook(sql, group, name)

    async def list_webhooks(self, filter: WebhookFilter) -> list[Webhook]:
        async with self._reading() as sql:
            return await postgres_webhooks.list_webhooks(sql, filter)

    async def list_deliveries(self, filter: DeliveryFilter) -> list[Delivery]:
        async with self._reading() as sql:
            return await postgres_webhooks.list_deliveries(sql, filter)

    async def watched_slots(self) -> list[WatchedSlots]:
        async with self._reading() as sql:
            return await postgres_webhooks.watched_slots(sql)

    async def has_start_requests(self) -> bool:
        async with self._reading() as sql:
            return await postgres_callers.has_start_requests(sql)

    async def next_delivery_at(self) -> datetime | None:
        async with self._reading() as sql:
            return await postgres_webhooks.next_delivery_at(sql)

    async def get_calendar(self, group: str, name: str) -> Calendar | None:
        async with self._reading() as sql:
            known = await postgres_calendars.get_calendars(sql, [(group, name)])
            return known.get((group, name))

    async def list_calendars(self, filter: CalendarFilter) -> list[Calendar]:
        async with self._reading() as sql:
            return await postgres_calendars.list_calendars(sql, filter)

    async def get_queue(self, group: str, name: str) -> Queue | None:
        async with self._reading() as sql:
            return await postgres_queues.get_queue(sql, group, name)

    async def list_queues(self, filter: QueueFilter) -> list[Queue]:
        async with self._reading() as sql:
            return await postgres_queues.list_queues(sql, filter)

    async def get_workflow(self, group: str, name: str) -> Workflow | None:
        async with self._reading() as sql:
            return await postgres_workflows.get_workflow(sql, group, name)

    async def list_workflows(self, filter: WorkflowFilter) -> list[Workflow]:
        async with self._reading() as sql:
            return await postgres_workflows.list_workflows(sql, filter)

    async def get_workflow_run(self, run_id: int) -> WorkflowRun | None:
        async with self._reading() as sql:
            return (await postgres_workflows.find_workflow_runs(sql, [run_id])).get(run_id)

    async def list_workflow_runs(self, filter: WorkflowRunFilter) -> list[WorkflowRun]:
        async with self._reading() as sql:
            return await postgres_workflows.list_workflow_runs(sql, filter)

    async def get_instance(self, instance_id: int) -> BatchInstance | None:
        async with self._reading() as sql:
            return (await postgres_batch.find_instances(sql, [instance_id])).get(instance_id)

    async def list_instances(
        self, group: str, job: str, limit: int, before_id: int | None = None
    ) -> list[BatchInstance]:
        async with self._reading() as sql:
            return await postgres_batch.list_instances(sql, group, job, limit, before_id)

    async def get_batch_runs(self, run_ids: Sequence[int]) -> dict[int, BatchRun]:
        async with self._reading() as sql:
            return await postgres_batch.find_batch_runs(sql, run_ids)

    async def list_batch_runs(self, instance_id: int) -> list[BatchRun]:
        async with self._reading() as sql:
            return await postgres_batch.batch_runs_of_instance(sql, instance_id)

    async def get_batch_history(self, instance_id: int) -> BatchHistory | None:
        async with self._reading() as sql, sql.transaction(ONE_MOMENT):
            return await postgres_batch.history(sql, instance_id)

    async def get_step(self, step_id: int) -> StepExecution | None:
        async with self._reading() as sql:
            return await postgres_steps.get_step(sql, step_id)

    async def list_steps(self, run_id: int, limit: int, after: int = 0) -> list[StepExecution]:
        async with self._reading() as sql:
            return await postgres_steps.list_steps(sql, run_id, limit, after)

    async def counts_before(self, step_id: int) -> dict[int, StepCounts]:
        async with self._reading() as sql:
            return await postgres_steps.counts_before(sql, step_id)

    async def list_instance_steps(
        self, instance_id: int, limit: int, after: int = 0
    ) -> list[StepExecution]:
        async with self._reading() as sql:
            return await postgres_steps.list_instance_steps(sql, instance_id, limit, after)

    async def list_partitions(
        self, instance_id: int, step: str, visit: int, limit: int, before: str = ""
    ) -> list[PartitionRecord]:
        async with self._reading() as sql:
            return await postgres_steps.list_partitions(
                sql, instance_id, step, visit, limit, before
            )

    async def list_moves(
        self, instance_id: int, limit: int, after: tuple[str, int] = NO_MOVE
    ) -> list[Move]:
        async with self._reading() as sql:
            return await postgres_steps.list_moves(sql, instance_id, limit, after)

    async def list_skipped_items(
        self, *, run_id: int | None = None, step_id: int | None = None, limit: int, after: int = 0
    ) -> list[SkippedItem]:
        async with self._reading() as sql:
            return await postgres_steps.list_skipped_items(sql, run_id, step_id, limit, after)

    async def batch_origin(self) -> str:
        async with self._reading() as sql:
            return await postgres_batch.origin(sql)

    async def count_queue(self, group: str, name: str) -> QueueCounts:
        async with self._reading() as sql:
            return await postgres_queues.count_queue(sql, group, name)

    async def due_triggers(
        self, until: datetime, limit: int, shards: Collection[int] | None = None
    ) -> list[Trigger]:
        async with self._reading() as sql:
            return await postgres_triggers.due_triggers(sql, until, limit, shards)

    async def condition_watches(self) -> list[ConditionWatch]:
        async with self._reading() as sql:
            return await postgres_conditions.condition_watches(sql)

    async def next_slot_after(self, instant: datetime) -> datetime | None:
        async with self._reading() as sql:
            return await postgres_triggers.next_slot_after(sql, instant)

    async def read_ledger(
        self,
        trigger_id: int,
        *,
        since: datetime,
        until: datetime,
        limit: int,
        newest_first: bool = False,
    ) -> list[LedgerEntry]:
        async with self._reading() as sql:
            return await postgres_triggers.read_ledger(
                sql, trigger_id, since, until, limit, newest_first
            )

    async def get_backfill(self, backfill_id: int) -> Backfill | None:
        async with self._reading() as sql:
            return await postgres_backfills.get_backfill(sql, backfill_id)

    async def list_backfills(self, filter: BackfillFilter) -> list[Backfill]:
        async with self._reading() as sql:
            return await postgres_backfills.list_backfills(sql, filter)

    async def open_backfills(self) -> dict[int, int]:
        async with self._reading() as sql:
            return await postgres_backfills.open_backfills(sql)

    async def read_backfilled_slots(
        self, trigger_id: int, *, since: datetime, until: datetime, limit: int
    ) -> list[BackfilledSlot]:
        async with self._reading() as sql:
            return await postgres_backfills.read_backfilled_slots(
                sql, trigger_id, since, until, limit
            )

    async def get_run(self, run_id: int) -> Run | None:
        return (await self.get_runs([run_id])).get(run_id)

    async def get_runs(self, ids: Sequence[int]) -> dict[int, Run]:
        async with self._reading() as sql:
            return await postgres_history.get_runs(sql, ids)

    async def list_runs(self, filter: RunFilter) -> list[Run]:
        async with self._reading() as sql:
            return await postgres_history.list_runs(sql, filter)

    async def count_live_runs(self) -> dict[RunState, int]:
        async with self._reading() as sql:
            return await postgres_history.count_live_runs(sql)

    async def stopping_runs(self, epoch: int) -> list[Run]:
        async with self._reading() as sql:
            return await postgres_nodes.stopping_runs(sql, epoch)

    async def next_due_at(self) -> datetime | None:
        async with self._reading() as sql:
            return await postgres_history.next_due_at(sql, self._clock.database_now())

    async def next_overdue_s(self) -> float | None:
        async with self._reading() as sql:
            return await postgres_history.next_overdue_s(sql, self._clock.database_now())

    async def has_due_runs(self) -> bool:
        async with self._reading() as sql:
            return await postgres_history.has_due_runs(sql, self._clock.database_now())

    async def snapshot(self, limit: int) -> Snapshot:
        async with self._reading() as sql:
            return await postgres_history.read_snapshot(sql, limit)

    async def read_log(self, run_id: int, *, after: int, limit: int) -> list[LogLine]:
        async with self._reading() as sql:
            return await postgres_events.read_log(sql, run_id, after, limit)

    async def search_log(
        self, run_id: int, filter: LogFilter, *, after: int, limit: int
    ) -> LogPage:
        async with self._reading() as sql:
            return await postgres_events.search_log(sql, run_id, filter, after, limit)

    async def read_events(self, after: int, limit: int) -> list[EventBatch]:
        async with self._reading() as sql:
            return await postgres_events.read_events(sql, after, limit)

    async def event_range(self) -> tuple[int, int]:
        async with self._reading() as sql:
            return await postgres_events.event_range(sql)

    def lease_line(self) -> LeaseLine | None:
        connect = self._pool.lease_connect()
        # With a given clock, time does not pass by itself: no thread can go by it.
        if connect is None or self._clock.database_now() is not None:
            return None
        return PostgresLeaseLine(connect)

    def chunk_line(self) -> PostgresChunkLine:
        return PostgresChunkLine(self._pool.chunk_pool(), self._clock)

    async def list_nodes(self) -> list[Node]:
        async with self._reading() as sql:
            return await postgres_nodes.list_nodes(sql)

    async def prune(self, cutoffs: Cutoffs) -> dict[str, int]:
        async with self._reading() as sql:
            return await postgres_prune.prune(sql, cutoffs)

    async def make_room(self, keep_s: float | None) -> int | None:
        async with self._reading() as sql:
            return await postgres_partitions.make_room(sql, keep_s)
