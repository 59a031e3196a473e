"""The store of one process without a database: nothing survives its end."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import islice, takewhile

from callboard.clock import Clock
from callboard.domain.backfill import Backfill, BackfilledSlot
from callboard.domain.batch_instance import BatchHistory, BatchInstance, BatchRun
from callboard.domain.batch_partitions import PartitionRecord
from callboard.domain.batch_step import NO_MOVE, Move, SkippedItem, StepCounts, StepExecution
from callboard.domain.bookmark import Bookmark
from callboard.domain.calendar import Calendar
from callboard.domain.delivery import Delivery, DeliveryState
from callboard.domain.job import Job
from callboard.domain.lateness import WatchedSlots
from callboard.domain.ledger import LedgerEntry
from callboard.domain.queue import MOST_COUNTED, Queue, QueueCounts
from callboard.domain.run import MAX_RUN_ID, Run
from callboard.domain.shards import shard_of
from callboard.domain.states import RunState
from callboard.domain.trigger import Trigger, TriggerState
from callboard.domain.webhook import Webhook
from callboard.domain.workflow import Workflow, WorkflowRun
from callboard.events import EventBatch
from callboard.store import memory_batch, memory_conditions, memory_workflows
from callboard.store.contract import (
    BackfillFilter,
    CalendarFilter,
    ConditionWatch,
    Cutoffs,
    DeliveryFilter,
    JobFilter,
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
from callboard.store.memory_bookmarks import find_bookmark
from callboard.store.memory_chunks import MemoryChunkLine
from callboard.store.memory_claim import next_opening
from callboard.store.memory_cycle import run_cycle
from callboard.store.memory_events import as_batch
from callboard.store.memory_journal import Journal
from callboard.store.memory_prune import prune
from callboard.store.memory_tables import Tables
from callboard.store.memory_transaction import MemoryTransaction
from callboard.store.memory_triggers import is_wanted
from callboard.store.memory_webhooks import watched_slots


class MemoryStore:
    """A `contract.Store` for one event loop, all boards of which may share it.

    Transactions run one after the other; reads beside them see what was committed last.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._journal = Journal()
        self._tables = Tables(self._journal)
        self._writing = asyncio.Lock()
        self._origin = uuid.uuid4().hex

    async def open(self) -> None:
        """Nothing: it is open."""

    async def close(self) -> None:
        """Nothing: its rows stay for whoever opens it again."""

    @property
    def has_callers(self) -> bool:
        return False

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        async with self._writing:
            try:
                yield self._transaction()
            except BaseException:
                self._journal.roll_back()
                raise
            self._journal.commit()

    def _transaction(self) -> MemoryTransaction:
        return MemoryTransaction(self._tables, self._clock.now())

    async def cycle(self, cycle: Cycle) -> Cycled:
        async with self._writing:
            return run_cycle(self._tables, cycle, self._clock.now())

    async def allocate_run_ids(self, count: int) -> list[int]:
        return self._tables.take_run_ids(count)

    async def notify(self, topics: Sequence[str]) -> None:
        """Nothing: there are no other nodes."""

    async def listen(self, on_hint: Callable[[str], None]) -> None:
        """Wait until cancelled: there is no other node to hear of."""
        await asyncio.get_running_loop().create_future()

    async def ping(self) -> datetime:
        return self._clock.now()

    async def get_job(self, group: str, name: str) -> Job | None:
        with self._journal.hidden():
            return self._tables.jobs.by_name(group, name)

    async def get_jobs_by_id(self, ids: Sequence[int]) -> dict[int, Job]:
        with self._journal.hidden():
            rows = self._tables.jobs.rows
            return {job_id: rows[job_id] for job_id in ids if job_id in rows}

    async def list_jobs(self, filter: JobFilter) -> list[Job]:
        with self._journal.hidden():
            jobs = self._tables.jobs.in_order(filter.after)
            return list(islice((job for job in jobs if _is_job(job, filter)), filter.limit))

    async def get_trigger(self, group: str, name: str) -> Trigger | None:
        with self._journal.hidden():
            trigger = self._tables.triggers.by_name(group, name)
            return None if trigger is None else self._tables.obeying(trigger)

    async def list_triggers(self, filter: TriggerFilter) -> list[Trigger]:
        with self._journal.hidden():
            triggers = self._tables.triggers.in_order(filter.after)
            wanted = (trigger for trigger in triggers if is_wanted(trigger, filter))
            return list(map(self._tables.obeying, islice(wanted, filter.limit)))

    async def count_triggers(
        self, filter: TriggerFilter
    ) -> dict[tuple[TriggerState, datetime | None], int]:
        with self._journal.hidden():
            triggers = self._tables.triggers.rows.values()
            return Counter(
                (trigger.state, trigger.resume_at)
                for trigger in triggers
                if is_wanted(trigger, filter)
            )

    async def get_bookmark(self, job_id: int, run_id: int | None) -> Bookmark | None:
        with self._journal.hidden():
            return find_bookmark(self._tables, job_id, run_id)

    async def get_webhook(self, group: str, name: str) -> Webhook | None:
        with self._journal.hidden():
            return self._tables.webhooks.by_name(group, name)

    async def list_webhooks(self, filter: WebhookFilter) -> list[Webhook]:
        with self._journal.hidden():
            webhooks = self._tables.webhooks.in_order(filter.after)
            wanted = (each for each in webhooks if filter.group in (None, each.group))
            return [*islice(wanted, filter.limit)]

    async def list_deliveries(self, filter: DeliveryFilter) -> list[Delivery]:
        with self._journal.hidden():
            return [
                *islice(
                    (
                        each
                        for _, each in sorted(self._tables.deliveries.rows.items(), reverse=True)
                        if each.webhook_id == filter.webhook_id
                        and filter.state in (None, each.state)
                        and (filter.before_id is None or each.id < filter.before_id)
                    ),
                    filter.limit,
                )
            ]

    async def watched_slots(self) -> list[WatchedSlots]:
        with self._journal.hidden():
            return watched_slots(self._tables)

    async def has_start_requests(self) -> bool:
        return False

    async def next_delivery_at(self) -> datetime | None:
        with self._journal.hidden():
            waiting = self._tables.deliveries.rows.values()
            queued = DeliveryState.QUEUED
            return min((each.due_at for each in waiting if each.state is queued), default=None)

    async def get_calendar(self, group: str, name: str) -> Calendar | None:
        with self._journal.hidden():
            return self._tables.calendars.by_name(group, name)

    async def list_calendars(self, filter: CalendarFilter) -> list[Calendar]:
        with self._journal.hidden():
            calendars = self._tables.calendars.in_order(filter.after)
            wanted = (each for each in calendars if filter.group in (None, each.group))
            return list(islice(wanted, filter.limit))

    async def get_queue(self, group: str, name: str) -> Queue | None:
        with self._journal.hidden():
            return self._tables.queues.by_name(group, name)

    async def list_queues(self, filter: QueueFilter) -> list[Queue]:
        with self._journal.hidden():
            queues = self._tables.queues.in_order(filter.after)
            wanted = (each for each in queues if filter.group in (None, each.group))
            return list(islice(wanted, filter.limit))

    async def get_workflow(self, group: str, name: str) -> Workflow | None:
        with self._journal.hidden():
            return self._tables.workflows.by_name(group, name)

    async def list_workflows(self, filter: WorkflowFilter) -> list[Workflow]:
        with self._journal.hidden():
            return memory_workflows.list_workflows(self._tables, filter)

    async def get_workflow_run(self, run_id: int) -> WorkflowRun | None:
        with self._journal.hidden():
            return self._tables.workflow_runs.rows.get(run_id)

    async def list_workflow_runs(self, filter: WorkflowRunFilter) -> list[WorkflowRun]:
        with self._journal.hidden():
            return memory_workflows.list_workflow_runs(self._tables, filter)

    async def get_instance(self, instance_id: int) -> BatchInstance | None:
        with self._journal.hidden():
            return self._tables.batch.instances.rows.get(instance_id)

    async def list_instances(
        self, group: str, job: str, limit: int, before_id: int | None = None
    ) -> list[BatchInstance]:
        with self._journal.hidden():
            return memory_batch.list_instances(self._tables, group, job, limit, before_id)

    async def get_batch_runs(self, run_ids: Sequence[int]) -> dict[int, BatchRun]:
        with self._journal.hidden():
            return memory_batch.find_batch_runs(self._tables, run_ids)

    async def list_batch_runs(self, instance_id: int) -> list[BatchRun]:
        with self._journal.hidden():
            return self._tables.batch.runs.of_instance(instance_id)

    async def get_batch_history(self, instance_id: int) -> BatchHistory | None:
        with self._journal.hidden():
            return memory_batch.batch_history(self._tables, instance_id)

    async def get_step(self, step_id: int) -> StepExecution | None:
        with self._journal.hidden():
            return self._tables.batch.steps.rows.get(step_id)

    async def list_steps(self, run_id: int, limit: int, after: int = 0) -> list[StepExecution]:
        with self._journal.hidden():
            steps = self._tables.batch.steps.of_run(run_id)
            return [step for step in steps if step.id > after][:limit]

    async def counts_before(self, step_id: int) -> dict[int, StepCounts]:
        with self._journal.hidden():
            return memory_batch.counts_before(self._tables, step_id)

    async def list_instance_steps(
        self, instance_id: int, limit: int, after: int = 0
    ) -> list[StepExecution]:
        with self._journal.hidden():
            return memory_batch.list_instance_steps(self._tables, instance_id, limit, after)

    async def list_partitions(
        self, instance_id: int, step: str, visit: int, limit: int, before: str = ""
    ) -> list[PartitionRecord]:
        with self._journal.hidden():
            return memory_batch.list_partitions(
                self._tables, instance_id, step, visit, limit, before
            )

    async def list_moves(
        self, instance_id: int, limit: int, after: tuple[str, int] = NO_MOVE
    ) -> list[Move]:
        with self._journal.hidden():
            return memory_batch.list_moves(self._tables, instance_id, limit, after)

    async def list_skipped_items(
        self, *, run_id: int | None = None, step_id: int | None = None, limit: int, after: int = 0
    ) -> list[SkippedItem]:
        with self._journal.hidden():
            return memory_batch.list_skipped_items(self._tables, run_id, step_id, limit, after)

    async def batch_origin(self) -> str:
        return self._origin

    def chunk_line(self) -> MemoryChunkLine:
        return MemoryChunkLine(self._tables, self._journal, self._writing, self._clock)

    async def count_queue(self, group: str, name: str) -> QueueCounts:
        with self._journal.hidden():
            runs = self._tables.runs
            return QueueCounts(
                queued=min(MOST_COUNTED, runs.waiting_counts.of_queue[group, name]),
                running=runs.held_counts.of_queue[group, name],
            )

    async def due_triggers(
        self, until: datetime, limit: int, shards: Collection[int] | None = None
    ) -> list[Trigger]:
        with self._journal.hidden():
            triggers = self._tables.triggers
            due = (
                trigger_id
                for wake_at, trigger_id in takewhile(lambda key: key[0] <= until, triggers.due)
                if shards is None or shard_of(trigger_id) in shards
            )
            rows = (triggers.rows[trigger_id] for trigger_id in islice(due, limit))
            return list(map(self._tables.obeying, rows))

    async def condition_watches(self) -> list[ConditionWatch]:
        with self._journal.hidden():
            return memory_conditions.watches(self._tables)

    async def next_slot_after(self, instant: datetime) -> datetime | None:
        with self._journal.hidden():
            above = self._tables.triggers.due.above((instant, MAX_RUN_ID))
            return next((slot for slot, _ in above), None)

    async def get_run(self, run_id: int) -> Run | None:
        with self._journal.hidden():
            return self._tables.runs.rows.get(run_id)

    async def get_runs(self, ids: Sequence[int]) -> dict[int, Run]:
        with self._journal.hidden():
            rows = self._tables.runs.rows
            return {run_id: rows[run_id] for run_id in ids if run_id in rows}

    async def list_runs(self, filter: RunFilter) -> list[Run]:
        with self._journal.hidden():
            return list(islice(self._tables.runs.newest(filter), filter.limit))

    async def count_live_runs(self) -> dict[RunState, int]:
        with self._journal.hidden():
            return {state: n for state, n in self._tables.runs.live_counts.items() if n}

    async def stopping_runs(self, epoch: int) -> list[Run]:
        with self._journal.hidden():
            return self._tables.runs.stopping_of(epoch)

    async def next_due_at(self) -> datetime | None:
        with self._journal.hidden():
            queue = self._tables.runs.queue
            now = self._clock.now()
            queue.move_to(now)
            instants = queue.next_due_at, next_opening(self._tables, now)
            return min((each for each in instants if each is not None), default=None)

    async def next_overdue_s(self) -> float | None:
        with self._journal.hidden():
            first = self._tables.runs.overdue.first
            return None if first is None else (first[0] - self._clock.now()).total_seconds()

    async def has_due_runs(self) -> bool:
        with self._journal.hidden():
            queue = self._tables.runs.queue
            queue.move_to(self._clock.now())
            return queue.has_due

    async def read_ledger(
        self,
        trigger_id: int,
        *,
        since: datetime,
        until: datetime,
        limit: int,
        newest_first: bool = False,
    ) -> list[LedgerEntry]:
        with self._journal.hidden():
            ledger = self._tables.ledger
            touching = ledger.touching_backwards if newest_first else ledger.touching
            return list(islice(touching(trigger_id, since, until), limit))

    async def get_backfill(self, backfill_id: int) -> Backfill | None:
        with self._journal.hidden():
            return self._tables.backfills.rows.get(backfill_id)

    async def list_backfills(self, filter: BackfillFilter) -> list[Backfill]:
        with self._journal.hidden():
            return list(islice(self._tables.backfills.newest(filter), filter.limit))

    async def open_backfills(self) -> dict[int, int]:
        with self._journal.hidden():
            backfills = self._tables.backfills
            found = {each: backfills.rows[each].trigger_id for each in backfills.open}
            found |= self._tables.backfilled_slots.open_backfills()
            return dict(sorted(found.items()))

    async def read_backfilled_slots(
        self, trigger_id: int, *, since: datetime, until: datetime, limit: int
    ) -> list[BackfilledSlot]:
        with self._journal.hidden():
            slots = self._tables.backfilled_slots.between(trigger_id, since, until)
            return list(islice(slots, limit))

    async def read_log(self, run_id: int, *, after: int, limit: int) -> list[LogLine]:
        with self._journal.hidden():
            return list(islice(self._tables.logs.lines_after(run_id, after), limit))

    async def search_log(
        self, run_id: int, filter: LogFilter, *, after: int, limit: int
    ) -> LogPage:
        with self._journal.hidden():
            logs = self._tables.logs
            found = (line for line in logs.lines_after(run_id, after) if filter.accepts(line))
            lines = tuple(islice(found, limit))
            last = logs.last_seq(run_id)
        if len(lines) < limit:
            return LogPage(lines=lines, after=max(after, last), has_more=False)
        return LogPage(lines=lines, after=lines[-1].seq, has_more=lines[-1].seq < last)

    async def read_events(self, after: int, limit: int) -> list[EventBatch]:
        with self._journal.hidden():
            batches = islice(self._tables.events.after(after), limit)
            return [as_batch(batch, self._tables.runs.rows) for batch in batches]

    async def event_range(self) -> tuple[int, int]:
        with self._journal.hidden():
            newest = self._newest_event()
            oldest = self._tables.events.oldest
            return newest + 1 if oldest is None else oldest, newest

    async def snapshot(self, limit: int) -> Snapshot:
        with self._journal.hidden():
            runs = tuple(islice(self._tables.runs.live(), limit))
            return Snapshot(seq=self._newest_event(), runs=runs)

    def lease_line(self) -> None:
        """None: nothing here can be reached from another thread."""

    async def list_nodes(self) -> list[Node]:
        with self._journal.hidden():
            tables = self._tables
            nodes = (node for node in tables.nodes.rows.values() if not node.expired)
            return sorted(map(tables.shards.shown, nodes), key=lambda node: node.name)

    async def prune(self, cutoffs: Cutoffs) -> dict[str, int]:
        async with self._writing:
            removed = prune(self._tables, cutoffs)
            self._journal.commit()
            return removed

    async def make_room(self, keep_s: float | None) -> int | None:
        return None

    def _newest_event(self) -> int:
        return self._tables.newest_event.rows.get(None, 0)


def _is_job(job: Job, wanted: JobFilter) -> bool:
    return (
        wanted.group in (None, job.group)
        and wanted.kind in (None, job.kind)
        and wanted.disabled in (None, job.disabled)
        and wanted.labels.items() <= job.labels.items()
    )
