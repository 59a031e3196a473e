"""What a store must do: the port behind the job store, with one contract suite for all backends.

Writes happen in a transaction and are sets: one call takes many items and is one statement where
the backend is a database. A verb that finds an item not as the caller believed leaves that item out
of its answer and changes nothing of it; the caller turns that into a refusal. Nothing here decides:
which change is legal, which slot fires, what a crash means is the business of domain and actors.

Instants are aware UTC datetimes. Every method may raise StoreUnavailable.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from callboard.domain.backfill import Backfill, BackfilledSlot
from callboard.domain.batch_instance import BatchHistory, BatchInstance, BatchRun
from callboard.domain.batch_partitions import PartitionRecord
from callboard.domain.batch_step import NO_MOVE, Move, SkippedItem, StepCounts, StepExecution
from callboard.domain.bookmark import Bookmark
from callboard.domain.calendar import Calendar
from callboard.domain.delivery import Delivery
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.lateness import WatchedSlots
from callboard.domain.ledger import LedgerEntry
from callboard.domain.log import LogChunk as LogChunk
from callboard.domain.log import LogFilter as LogFilter
from callboard.domain.log import LogLine as LogLine
from callboard.domain.log import LogPage as LogPage
from callboard.domain.node import Node as Node
from callboard.domain.queue import Queue, QueueCounts
from callboard.domain.run import Run
from callboard.domain.run_end import RunEnd as RunEnd
from callboard.domain.states import RunState
from callboard.domain.trigger import Trigger, TriggerState
from callboard.domain.webhook import Webhook
from callboard.domain.workflow import Workflow, WorkflowRun
from callboard.events import EventBatch, EventRecord
from callboard.store.contract_backfills import BackfillVerbs
from callboard.store.contract_batch import BatchVerbs
from callboard.store.contract_bookmarks import BookmarkVerbs
from callboard.store.contract_chunks import ChunkLine
from callboard.store.contract_definitions import DefinitionVerbs
from callboard.store.contract_followers import FollowerVerbs
from callboard.store.contract_nodes import NodeVerbs
from callboard.store.contract_runs import RunVerbs
from callboard.store.contract_values import BackfillFilter as BackfillFilter
from callboard.store.contract_values import CalendarFilter as CalendarFilter
from callboard.store.contract_values import ConditionWatch as ConditionWatch
from callboard.store.contract_values import Cutoffs as Cutoffs
from callboard.store.contract_values import DeliveryFilter as DeliveryFilter
from callboard.store.contract_values import EndsRead as EndsRead
from callboard.store.contract_values import Following as Following
from callboard.store.contract_values import IdempotencyRecord as IdempotencyRecord
from callboard.store.contract_values import JobFilter as JobFilter
from callboard.store.contract_values import QueueFilter as QueueFilter
from callboard.store.contract_values import Renewal as Renewal
from callboard.store.contract_values import RunFilter as RunFilter
from callboard.store.contract_values import Snapshot as Snapshot
from callboard.store.contract_values import TriggerFilter as TriggerFilter
from callboard.store.contract_values import WaitingKey as WaitingKey
from callboard.store.contract_values import WebhookFilter as WebhookFilter
from callboard.store.contract_values import WorkflowFilter as WorkflowFilter
from callboard.store.contract_values import WorkflowRunFilter as WorkflowRunFilter
from callboard.store.contract_webhooks import WebhookVerbs
from callboard.store.contract_workflows import WorkflowVerbs

if TYPE_CHECKING:
    from callboard.store.cycle import Cycle, Cycled


class Transaction(
    DefinitionVerbs,
    RunVerbs,
    BackfillVerbs,
    NodeVerbs,
    WebhookVerbs,
    FollowerVerbs,
    WorkflowVerbs,
    BookmarkVerbs,
    BatchVerbs,
    Protocol,
):
    """Verbs that take effect together when the `async with` block ends without an exception.

    Most of them are in the contract_*.py of what they are about.
    """

    @property
    def now(self) -> datetime:
        """The transaction's instant by the store's clock."""
        ...

    async def allocate_run_ids(self, count: int) -> list[int]:
        """New ids, ascending, never handed out twice (not even after a rollback)."""
        ...

    # idempotency
    async def insert_idempotency(self, record: IdempotencyRecord) -> IdempotencyRecord | None:
        """None: stored, the caller goes on. Otherwise what is there already."""
        ...

    async def update_idempotency(self, record: IdempotencyRecord) -> None:
        """Write status, answer and run_ids of the record with that key."""
        ...

    async def delete_idempotency(self, key: str) -> None: ...

    # events
    async def append_events(
        self, records: Sequence[EventRecord], *, queued: Sequence[Run] = ()
    ) -> int:
        """Number the events and store them as one batch; the first one's number.

        The first ones tell of the creation of the runs in `queued`, in that order.

        The numbers of all committed events are without gaps, and a reader who sees number n sees
        all before it. The last verb of a transaction: it holds a lock that all writers take.
        """
        ...


class LeaseLine(Protocol):
    """A way to the store for a thread of its own, beside whatever the board's loop does.

    All verbs but `interrupt` are for that one thread, and block it.
    """

    def renew(
        self, epoch: int, lease: timedelta, vitals: JsonObject | None, *, deadline_s: float
    ) -> Renewal | None:
        """As Transaction.renew_node, in a transaction of its own.

        Raises StoreUnavailable, or another StoreError, also after `deadline_s` without an answer
        (whether the lease was prolonged is not known then).
        """
        ...

    def interrupt(self) -> None:
        """From any thread: a renewal that is under way is given up, and there will be no other."""
        ...

    def close(self) -> None:
        """Give back what it holds; safe to call twice."""
        ...


class Store(Protocol):
    """A backend: transactions to write, plain reads beside them."""

    async def open(self) -> None:
        """Connect and check the schema; safe to call again after a failure.

        Raises:
            SchemaMismatch: the database's schema is not this program's.
        """
        ...

    async def close(self) -> None: ...

    @property
    def has_callers(self) -> bool:
        """Whether others than boards may write to it: starts in transactions of their own."""
        ...

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction; rolled back when its block raises. One at a time is enough."""
        ...

    async def cycle(self, cycle: Cycle) -> Cycled:
        """Do what the cycle says, with its events, in a transaction of its own.

        Equal to the verbs of Transaction in what becomes of runs, events and logs. Raises
        TransactionConflict when it lost a race and did nothing.
        """
        ...

    async def allocate_run_ids(self, count: int) -> list[int]:
        """As Transaction.allocate_run_ids, outside of any; in most cases without a round trip."""
        ...

    async def notify(self, topics: Sequence[str]) -> None:
        """Hint other nodes that something was committed: `events.Hinted` has the topics."""
        ...

    async def listen(self, on_hint: Callable[[str], None]) -> None:
        """Call `on_hint(topic)` on the loop for every notify of another node, until cancelled.

        Raises StoreUnavailable when the connection is lost; the caller calls again later.
        """
        ...

    async def ping(self) -> datetime:
        """The store's present."""
        ...

    async def get_job(self, group: str, name: str) -> Job | None: ...
    async def get_jobs_by_id(self, ids: Sequence[int]) -> dict[int, Job]: ...
    async def list_jobs(self, filter: JobFilter) -> list[Job]: ...
    async def get_trigger(self, group: str, name: str) -> Trigger | None: ...
    async def list_triggers(self, filter: TriggerFilter) -> list[Trigger]: ...

    async def count_triggers(
        self, filter: TriggerFilter
    ) -> dict[tuple[TriggerState, datetime | None], int]:
        """How many triggers there are, by state and resume_at; the filter's page is ignored."""
        ...

    async def get_bookmark(self, job_id: int, run_id: int | None) -> Bookmark | None:
        """The newest version of the job's bookmark, or the newest that stands at the run."""
        ...

    async def get_webhook(self, group: str, name: str) -> Webhook | None: ...
    async def list_webhooks(self, filter: WebhookFilter) -> list[Webhook]: ...
    async def list_deliveries(self, filter: DeliveryFilter) -> list[Delivery]: ...

    async def watched_slots(self) -> list[WatchedSlots]:
        """Of all triggers with deadlines, by id."""
        ...

    async def has_start_requests(self) -> bool:
        """Whether there is one that callers have committed."""
        ...

    async def next_delivery_at(self) -> datetime | None:
        """When the next message is due, which may be past; None: none waits."""
        ...

    async def get_calendar(self, group: str, name: str) -> Calendar | None: ...
    async def list_calendars(self, filter: CalendarFilter) -> list[Calendar]: ...
    async def get_queue(self, group: str, name: str) -> Queue | None: ...
    async def list_queues(self, filter: QueueFilter) -> list[Queue]: ...

    async def get_workflow(self, group: str, name: str) -> Workflow | None: ...
    async def list_workflows(self, filter: WorkflowFilter) -> list[Workflow]: ...
    async def get_workflow_run(self, run_id: int) -> WorkflowRun | None: ...
    async def list_workflow_runs(self, filter: WorkflowRunFilter) -> list[WorkflowRun]: ...

    async def get_instance(self, instance_id: int) -> BatchInstance | None: ...

    async def list_instances(
        self, group: str, job: str, limit: int, before_id: int | None = None
    ) -> list[BatchInstance]:
        """One page of the job's, newest first."""
        ...

    async def get_batch_runs(self, run_ids: Sequence[int]) -> dict[int, BatchRun]:
        """Those that exist, by run id."""
        ...

    async def list_batch_runs(self, instance_id: int) -> list[BatchRun]:
        """All of the instance's, oldest first; each one is somebody's restart, so they are few."""
        ...

    async def get_batch_history(self, instance_id: int) -> BatchHistory | None:
        """All that the instance has done, of one moment."""
        ...

    async def get_step(self, step_id: int) -> StepExecution | None: ...

    async def list_steps(self, run_id: int, limit: int, after: int = 0) -> list[StepExecution]:
        """One page of the run's, partitions among them, by id; those behind `after`."""
        ...

    async def counts_before(self, step_id: int) -> dict[int, StepCounts]:
        """What the executions have counted whose work an execution of a step goes on with, by
        their ids."""
        ...

    async def list_instance_steps(
        self, instance_id: int, limit: int, after: int = 0
    ) -> list[StepExecution]:
        """One page of the instance's, without partitions, by id; those behind `after`."""
        ...

    async def list_partitions(
        self, instance_id: int, step: str, visit: int, limit: int, before: str = ""
    ) -> list[PartitionRecord]:
        """One page of the step's partitions on that visit, by name, backwards, each as it was
        executed last; those before the name `before`."""
        ...

    async def list_moves(
        self, instance_id: int, limit: int, after: tuple[str, int] = NO_MOVE
    ) -> list[Move]:
        """One page of the instance's, by node and visit; those behind `after`."""
        ...

    async def list_skipped_items(
        self, *, run_id: int | None = None, step_id: int | None = None, limit: int, after: int = 0
    ) -> list[SkippedItem]:
        """Of the step, or of all steps of the run, in the order in which they were stored; those
        behind the id `after`."""
        ...

    async def batch_origin(self) -> str:
        """What no other board's database has: whose checkpoints are whose, where several boards
        keep theirs in one application's database."""
        ...

    def chunk_line(self) -> ChunkLine:
        """A new line; closing it is its owner's business, and the store stays open longer."""
        ...

    async def count_queue(self, group: str, name: str) -> QueueCounts:
        """How many runs of the queue wait and run, whether it was ever created or not."""
        ...

    async def due_triggers(
        self, until: datetime, limit: int, shards: Collection[int] | None = None
    ) -> list[Trigger]:
        """Triggers whose wake_at is at or before `until`, earliest first; only of these shards."""
        ...

    async def next_slot_after(self, instant: datetime) -> datetime | None:
        """The earliest wake_at of a trigger later than `instant`."""
        ...

    async def condition_watches(self) -> list[ConditionWatch]:
        """What the active and paused conditional triggers watch, in no order."""
        ...

    async def get_run(self, run_id: int) -> Run | None: ...
    async def get_runs(self, ids: Sequence[int]) -> dict[int, Run]: ...
    async def list_runs(self, filter: RunFilter) -> list[Run]: ...

    async def count_live_runs(self) -> dict[RunState, int]:
        """How many live runs are in each state; states without one are left out."""
        ...

    async def stopping_runs(self, epoch: int) -> list[Run]:
        """Runs that are held under this epoch and have been asked to stop, by id."""
        ...

    async def next_due_at(self) -> datetime | None:
        """The earliest due_at of a queued run that is still in the future, or the instant at which
        a rate limit lets in the next of those that are due; None: there is none.

        Held runs have none."""
        ...

    async def next_overdue_s(self) -> float | None:
        """Seconds until the first queued run may not wait any longer, negative when it is overdue;
        None: no run waits whose time could be over."""
        ...

    async def has_due_runs(self) -> bool:
        """Whether a queued run's due_at has come."""
        ...

    async def read_ledger(
        self,
        trigger_id: int,
        *,
        since: datetime,
        until: datetime,
        limit: int,
        newest_first: bool = False,
    ) -> list[LedgerEntry]:
        """Entries whose slot, or stretch, touches [since, until), all generations, by slot.

        Ascending; of more than `limit` the first. With `newest_first` descending, the last.
        """
        ...

    async def get_backfill(self, backfill_id: int) -> Backfill | None: ...
    async def list_backfills(self, filter: BackfillFilter) -> list[Backfill]: ...

    async def open_backfills(self) -> dict[int, int]:
        """Trigger ids by the ids of the backfills that have not ended, or have a firing that has
        not; ascending."""
        ...

    async def read_backfilled_slots(
        self, trigger_id: int, *, since: datetime, until: datetime, limit: int
    ) -> list[BackfilledSlot]:
        """Slots of the trigger in [since, until) that backfills fired, by slot and backfill."""
        ...

    async def read_log(self, run_id: int, *, after: int, limit: int) -> list[LogLine]:
        """Lines with seq > after, ascending, at most `limit`."""
        ...

    async def search_log(
        self, run_id: int, filter: LogFilter, *, after: int, limit: int
    ) -> LogPage:
        """Those lines with seq > after that the filter lets pass, ascending, at most `limit`.

        Letters beyond ASCII are the same in both cases where the database's locale knows them.
        """
        ...

    async def read_events(self, after: int, limit: int) -> list[EventBatch]:
        """Whole batches that hold a number > after, ascending, at most `limit` of them."""
        ...

    async def event_range(self) -> tuple[int, int]:
        """(oldest number still stored, newest number given); (n + 1, n) when none is stored."""
        ...

    async def snapshot(self, limit: int) -> Snapshot:
        """Live runs, newest first, at most `limit`, and the newest event number, of one moment."""
        ...

    def lease_line(self) -> LeaseLine | None:
        """A new line; None: leases can be renewed by transactions only."""
        ...

    async def list_nodes(self) -> list[Node]:
        """By name; also those whose lease is over and that nobody took away yet."""
        ...

    async def prune(self, cutoffs: Cutoffs) -> dict[str, int]:
        """Remove what is older, but for the newest batch of events; rows removed by table."""
        ...

    async def make_room(self, keep_s: float | None) -> int | None:
        """Prepare for the history to come; how many parts were made (None: this needs no room).

        Args:
            keep_s: seconds for which ended runs are kept; None: for ever.
        """
        ...
