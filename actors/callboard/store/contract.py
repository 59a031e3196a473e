"""What a store must do: the port behind the job store, with one contract suite for all backends.

Writes happen in a transaction and are sets: one call takes many items and is one statement where
the backend is a database. A verb that finds an item not as the caller believed leaves that item out
of its answer and changes nothing of it; the caller turns that into a refusal. Nothing here decides:
which change is legal, which slot fires, what a crash means is the business of domain and actors.

Instants are aware UTC datetimes. Every method may raise StoreUnavailable.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from callboard.domain.backfill import Backfill, BackfilledSlot
from callboard.domain.calendar import Calendar
from callboard.domain.chain_end import ChainEnd
from callboard.domain.condition_cycle import ConditionLink
from callboard.domain.conditions import ConditionSet
from callboard.domain.delivery import Delivery, DeliveryState, NewDelivery
from callboard.domain.failing_job import FailingJob
from callboard.domain.job import Job
from callboard.domain.json import Json, JsonObject
from callboard.domain.lateness import DeadlineKind, WatchedSlots
from callboard.domain.ledger import LedgerEntry
from callboard.domain.limits import RateLimit
from callboard.domain.log import LogChunk as LogChunk
from callboard.domain.log import LogFilter as LogFilter
from callboard.domain.log import LogLine as LogLine
from callboard.domain.log import LogPage as LogPage
from callboard.domain.misfire import SlotPlan
from callboard.domain.node import Node as Node
from callboard.domain.overlap import Firing
from callboard.domain.queue import Queue, QueueCounts
from callboard.domain.run import Run
from callboard.domain.run_end import RunEnd as RunEnd
from callboard.domain.shards import Division, Scheduling
from callboard.domain.start_request import StartRequest
from callboard.domain.states import RunState
from callboard.domain.trigger import Trigger, TriggerState
from callboard.domain.webhook import Webhook
from callboard.events import EventBatch, EventRecord

if TYPE_CHECKING:
    from callboard.store.cycle import Cycle, Cycled


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list: every given condition holds. By group and name, ascending."""

    group: str | None = None
    kind: str | None = None
    disabled: bool | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, str] | None = None
    """(group, name) of the last item of the page before."""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerFilter:
    """Which triggers to list. By group and name, ascending."""

    group: str | None = None
    job: str | None = None
    """Only triggers with an action on this job."""
    state: str | None = None
    after: tuple[str, str] | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarFilter:
    """Which calendars to list. By group and name, ascending."""

    group: str | None = None
    after: tuple[str, str] | None = None
    """(group, name) of the last item of the page before."""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """Which queues to list. By group and name, ascending."""

    group: str | None = None
    after: tuple[str, str] | None = None
    """(group, name) of the last item of the page before."""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFilter:
    """Which webhooks to list. By group and name, ascending."""

    group: str | None = None
    after: tuple[str, str] | None = None
    """(group, name) of the last item of the page before."""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which messages of a webhook to list. Newest (highest id) first."""

    webhook_id: int
    state: DeliveryState | None = None
    before_id: int | None = None
    """Only ids below this one: the last id of the page before."""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingKey:
    """A concurrency key that bounds what waits behind it."""

    job_id: int
    job: str
    queue: str | None
    """Of the job."""
    key: str
    most: int
    """It is not counted further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs to list. Newest (highest id) first."""

    group: str | None = None
    job: str | None = None
    trigger: str | None = None
    states: tuple[RunState, ...] = ()
    created_from: datetime | None = None
    """At or after."""
    created_until: datetime | None = None
    """Before."""
    chain_id: int | None = None
    before_id: int | None = None
    """Only ids below this one: the last id of the page before."""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillFilter:
    """Which backfills to list. Newest (highest id) first."""

    group: str | None = None
    trigger: str | None = None
    state: str | None = None
    before_id: int | None = None
    """Only ids below this one: the last id of the page before."""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The answer to a node that renews its lease."""

    now: datetime
    """The store's present, to compare the node's clock with."""
    lease_until: datetime
    live_nodes: int
    """Nodes whose lease runs, this one included."""
    stopping: tuple[Run, ...]
    """Runs held by this node in state `stopping`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyRecord:
    """What is kept of a request with an Idempotency-Key."""

    key: str
    """The caller's key, within scope: group, method and path are part of it."""
    digest: str
    """Of the request's body."""
    status: int | None = None
    """HTTP status of the answer; None while it is being worked on."""
    answer: bytes | None = None
    run_ids: tuple[int, ...] = ()
    """Runs that the request created, written in the same transaction as the runs."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All live runs as of event number `seq`."""

    seq: int
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """Until when the pruner removes what; None keeps all of it."""

    ended_runs: datetime | None = None
    """With their logs. A store that has history in parts may keep a part until all of it is old.
    Messages of webhooks that ended before it go, too."""
    runs_per_job: int | None = None
    """How many ended runs of a job are kept at the most, the newest."""
    ledger: datetime | None = None
    """Entries of slots before it, except a trigger's last entry; backfills that ended before it."""
    events: datetime | None = None
    unread_events: datetime | None = None
    """Events that a follower has not read stay until then; None: no longer than others."""
    idempotency: datetime | None = None
    limit: int = 10_000
    """Rows of each table at the most, in one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Where a follower of the events stands."""

    seq: int | None
    """Number of the last event that it has dealt with; None: it follows nothing."""
    newest: int
    """Number of the newest event that was committed when this was read, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndsRead:
    """Ends of runs in a stretch of the events."""

    first_seq: int | None
    """Number of the stretch's first event; None: nothing is stored of it."""
    last_seq: int | None
    """Of its last one, from which the next stretch goes on."""
    ends: tuple[ChainEnd, ...] = ()
    """Ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionWatch:
    """The jobs that a conditional trigger, active or paused, watches."""

    trigger_id: int
    since_seq: int
    """Only events with greater numbers count."""
    job_ids: tuple[int, ...]


class Transaction(Protocol):
    """Verbs that take effect together when the `async with` block ends without an exception."""

    @property
    def now(self) -> datetime:
        """The transaction's instant by the store's clock."""
        ...

    async def allocate_run_ids(self, count: int) -> list[int]:
        """New ids, ascending, never handed out twice (not even after a rollback)."""
        ...

    # jobs
    async def insert_job(self, job: Job) -> Job | None:
        """The stored job (id, version 1, created_at, updated_at set); None: the name is taken."""
        ...

    async def update_job(self, job: Job) -> Job | None:
        """Replace the definition of the job `job.id` at `job.version`; its name and group stay.

        Returns the job with its version counted up; None: gone, or at another version.
        """
        ...

    async def delete_job(self, job_id: int) -> bool:
        """Whether it was there. The caller has ended its queued runs and checked its triggers."""
        ...

    async def lock_jobs(
        self, names: Sequence[tuple[str, str]], *, for_change: bool = False
    ) -> dict[tuple[str, str], Job]:
        """The jobs by (group, name) that exist, guarded against deletion until the commit.

        `for_change` waits for, and keeps out, everybody else's lock_jobs of the same jobs.
        """
        ...

    # triggers
    async def insert_triggers(self, triggers: Sequence[Trigger]) -> list[Trigger | None]:
        """Each as stored (id, version 1, created_at, updated_at set); None where the name is taken,
        also by one earlier in `triggers`."""
        ...

    async def taken_trigger_names(self, names: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of the names (group, name) that a trigger has."""
        ...

    async def update_trigger(self, trigger: Trigger) -> Trigger | None:
        """Replace everything but the names of the trigger `trigger.id` at `trigger.version`."""
        ...

    async def lock_trigger(self, group: str, name: str) -> Trigger | None:
        """The trigger, its row locked against every other writer until the commit."""
        ...

    async def lock_triggers(
        self, filter: TriggerFilter, states: Sequence[TriggerState]
    ) -> list[Trigger]:
        """A page of the triggers in these states, by group and name, locked as by lock_trigger.

        The filter's own state is ignored.
        """
        ...

    async def lock_triggers_by_id(
        self, ids: Sequence[int], *, if_sequenced: Sequence[int] = ()
    ) -> dict[int, Trigger]:
        """The triggers that exist, locked likewise, in the order of ids.

        Those of `if_sequenced` only where the end of their runs means something to them.
        """
        ...

    async def lock_triggers_of_calendar(
        self, group: str, calendar: str, *, after_id: int, limit: int
    ) -> list[Trigger]:
        """A page of the triggers that obey the calendar, in any state, by id, locked likewise."""
        ...

    async def lock_start_triggers(self) -> list[Trigger]:
        """Active and paused triggers with a slot at a cluster start, by id, locked likewise."""
        ...

    async def delete_trigger(self, trigger_id: int) -> bool:
        """Whether it was there. Its ledger and its runs stay."""
        ...

    async def triggers_of_job(self, group: str, job: str) -> list[str]:
        """Names of the triggers that have an action on the job, ascending, at most 10."""
        ...

    async def advance_triggers(self, plans: Sequence[SlotPlan]) -> list[bool]:
        """Move each trigger from `plan.before` to `plan.after`; for each plan whether it did.

        It does only where the stored trigger still has before's id, generation, state, next_slot
        and resume_at. Writes after's generation, state, reason, next_slot, last_slot, resume_at
        and anchor_at, and adds what after has more of firings; the version stays.
        """
        ...

    async def insert_ledger(self, entries: Sequence[LedgerEntry]) -> None:
        """Raises LedgerConflict when a (trigger, generation, slot) has an entry already."""
        ...

    # calendars
    async def insert_calendar(self, calendar: Calendar) -> Calendar | None:
        """As insert_job."""
        ...

    async def update_calendar(self, calendar: Calendar) -> Calendar | None:
        """As update_job."""
        ...

    async def delete_calendar(self, calendar_id: int) -> bool:
        """Whether it was there. The caller has checked that no trigger obeys it."""
        ...

    async def lock_calendars(
        self, names: Sequence[tuple[str, str]], *, for_change: bool = False
    ) -> dict[tuple[str, str], Calendar]:
        """The calendars by (group, name) that exist; none of them changes until the commit.

        `for_change` waits for, and keeps out, everybody else's lock_calendars of the same.
        """
        ...

    async def triggers_of_calendar(self, group: str, calendar: str) -> list[str]:
        """Names of the triggers that obey the calendar, ascending, at most 10."""
        ...

    # queues
    async def insert_queue(self, queue: Queue) -> Queue | None:
        """As insert_job."""
        ...

    async def update_queue(self, queue: Queue) -> Queue | None:
        """As update_job."""
        ...

    async def delete_queue(self, queue_id: int) -> bool:
        """Whether it was there."""
        ...

    async def lock_queue(self, group: str, name: str) -> Queue | None:
        """The queue, its row locked against every other writer, and against claims of its runs,
        until the commit."""
        ...

    async def jobs_of_queue(self, group: str, queue: str) -> list[str]:
        """Names of the jobs that name the queue, ascending, at most 10."""
        ...

    async def count_waiting(self, keys: Sequence[WaitingKey]) -> list[int]:
        """How many runs are queued behind each of the keys, also for their time; up to `most`."""
        ...

    # rates
    async def take_rate(self, name: str, limit: RateLimit, wanted: int) -> int:
        """How many of `wanted` the sliding window of that name still grants, 0 to `wanted`.

        They count at once, and not at all when the transaction is rolled back. Nobody else takes
        of the name until the commit: for several names, in ascending order.
        """
        ...

    # runs
    async def insert_runs(self, runs: Sequence[Run]) -> set[int]:
        """Ids of the runs that were stored, all in state queued.

        A run is left out when a live run of the same job has the same unique_key (also one earlier
        in `runs`).
        """
        ...

    async def live_runs_by_key(self, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Run]:
        """Live runs by (job_id, unique_key)."""
        ...

    async def claim_runs(self, epoch: int, limit: int) -> list[Run]:
        """Give up to `limit` queued runs whose due_at has come to a node, first in line first.

        They become running, with the node's name, epoch and started_at = now. None of them when
        the node's lease is over. Runs that another transaction has locked are passed over, and
        those whose time to wait is over (terms start_by, chain_until).

        In line: by due_at - priority * AGEING_S, then by id. Bounded over all nodes, always, are
        the runs in running and stopping of a job (`max_concurrent_runs`), of a concurrency key
        within its job (`concurrency.max_runs`) and of a queue (`capacity`), and the starts of a
        job and of a queue within a time (`rate_limit`). Nothing is claimed of a paused queue.
        """
        ...

    async def lock_runs(self, ids: Sequence[int]) -> dict[int, Run]:
        """Live and ended runs by id, the rows locked against other writers until the commit."""
        ...

    async def lock_old_runs(
        self, names: Sequence[tuple[str, str]], run_ids: Sequence[int] = ()
    ) -> None:
        """Lock the live runs of those of the triggers (group, name) whose policy stops old runs,
        and the given live runs, all of them in the order of ids."""
        ...

    async def live_firings(self, trigger_ids: Sequence[int]) -> list[Firing]:
        """Live firings of the triggers, oldest first; parked runs do not count.

        True until the commit, but for ends, for whoever has locked the triggers.
        """
        ...

    async def lock_held_runs(self, ids: Sequence[int]) -> list[Run]:
        """Those of the runs that are held, by id, the rows locked; others' locks passed over."""
        ...

    async def stalled_triggers(self, limit: int) -> list[int]:
        """Ids, ascending, that have held runs, or a delay that has not begun, and no live run.

        The id may be that of a trigger that was deleted.
        """
        ...

    async def queued_run_ids(self, job_id: int, limit: int) -> list[int]:
        """Ids of queued and parked runs of a job, ascending."""
        ...

    async def lock_overdue_runs(self, limit: int) -> list[Run]:
        """Queued runs whose time to wait is over (`run_terms.over_at`), the first ones first; rows
        locked, others' locks passed over."""
        ...

    async def lock_runs_of_lost_nodes(self, limit: int, *, but: int | None = None) -> list[Run]:
        """Running, stopping and lost runs whose epoch has no live node; rows locked, others' locks
        passed over. Those of the epoch `but` are left alone."""
        ...

    async def lock_runs_of_node(self, epoch: int) -> list[Run]:
        """Running and stopping runs that have this epoch; rows locked until the commit."""
        ...

    async def update_runs(self, runs: Sequence[Run]) -> None:
        """Write the changeable fields of locked live runs that stay live, or of locked ended ones.

        state, node, epoch, crashes, due_at, started_at, stop_mode, stop_grace_s, progress, error.
        """
        ...

    async def end_runs(self, ends: Sequence[RunEnd]) -> list[Run]:
        """End live runs that still have the given epoch and whose state may become the given one;
        those that did, as they are now.

        They leave the live runs for the history in the same statement.
        """
        ...

    async def completed_results(self, ids: Sequence[int]) -> dict[int, Json]:
        """Results of those of the live runs whose work was committed by their handlers
        themselves, by run id. All of the runs are locked until the commit."""
        ...

    async def take_start_requests(self, limit: int) -> list[StartRequest]:
        """Starts that callers have committed in transactions of their own, by run id; they are
        gone with the commit. Those that another transaction has are passed over."""
        ...

    async def report_progress(self, epoch: int, said: Mapping[int, JsonObject]) -> list[Run]:
        """Write the progress of those of the runs that this epoch holds, by id; as they are now."""
        ...

    async def last_log_seqs(self, ids: Sequence[int]) -> dict[int, int]:
        """Number of the last stored log line, by run id; runs without a log are left out."""
        ...

    async def append_log(self, chunks: Sequence[LogChunk], *, epoch: int | None = None) -> None:
        """Store chunks; one whose first line is stored already is ignored (a retried write).

        With `epoch`, so is one of a run that is not live under this epoch.
        """
        ...

    # backfills
    async def insert_backfill(self, backfill: Backfill) -> Backfill:
        """The stored backfill (id, version 1, created_at, updated_at set); its counters are 0."""
        ...

    async def lock_backfill(
        self, backfill_id: int, *, skip_locked: bool = False
    ) -> Backfill | None:
        """The backfill, its row locked against every other writer until the commit.

        With `skip_locked` also None where another transaction has it.
        """
        ...

    async def update_backfill(self, backfill: Backfill) -> Backfill:
        """Write the changeable fields of a locked backfill; as it is then, version counted up.

        state, reason, cursor_at, fired, skipped, succeeded, failed, ended_at.
        """
        ...

    async def fired_slots(self, trigger_id: int, since: datetime, until: datetime) -> set[datetime]:
        """The trigger's slots in [since, until) that fired: by the ledger, in any generation, or
        by a backfill. True until the commit for whoever has locked the trigger."""
        ...

    async def insert_backfilled_slots(self, slots: Sequence[BackfilledSlot]) -> None:
        """Raises StoreError when a backfill has fired one of its slots already."""
        ...

    async def open_firings(self, backfill_id: int) -> list[BackfilledSlot]:
        """Slots of the backfill without an end, by slot."""
        ...

    async def end_firings(self, backfill_id: int, slots: Sequence[datetime]) -> None:
        """Give these slots of the backfill their end: now."""
        ...

    async def chain_states(self, chain_ids: Sequence[int]) -> dict[int, dict[int, RunState]]:
        """For each chain the states of its runs, live and ended, by run id, ascending.

        Chains without runs are left out.
        """
        ...

    # nodes
    async def insert_node(self, node: Node, lease: timedelta) -> Node | None:
        """The node with its epoch, started_at and lease_until (now + lease); None: a node of that
        name has a live lease. From a dead one of the same name it is taken away, as by
        `expire_nodes`."""
        ...

    async def has_live_node(self) -> bool:
        """Whether the lease of a node runs."""
        ...

    async def renew_node(
        self, epoch: int, lease: timedelta, vitals: JsonObject | None = None
    ) -> Renewal | None:
        """Prolong the lease to now + lease, also one that ended and that nobody took away yet.

        None: somebody took it away, or removed the node; it must not go on under this epoch.
        `vitals`, when given, replace what the node said of itself before.
        """
        ...

    async def delete_node(self, epoch: int) -> bool: ...

    async def expire_nodes(self, *, but: int | None = None) -> list[Node]:
        """Take the lease away from the nodes whose lease is over, the one of epoch `but` excepted.

        All nodes without a lease that are still there, with what they last said of themselves.
        """
        ...

    async def delete_expired_nodes(self) -> int:
        """Remove the nodes whose lease was taken away and whose runs are all decided; how many."""
        ...

    # shards; what another transaction has locked is passed over: no verb here waits for anybody
    async def renew_firing(
        self, epoch: int, lease: timedelta, scheduling: Scheduling
    ) -> datetime | None:
        """Prolong the lease of the node's shards to now + lease, or begin it; until when it runs.

        None: nobody is registered under that epoch.
        """
        ...

    async def end_firing(self, epoch: int) -> set[int]:
        """End that lease, and release all that the node has: these."""
        ...

    async def read_division(self) -> Division:
        """The nodes whose lease of shards runs, and what they have."""
        ...

    async def take_shards(self, epoch: int, ids: Collection[int]) -> dict[int, int | None]:
        """Give the node those of the shards that no node with a running lease has.

        Returns who had them before, by shard; None: nobody.
        """
        ...

    async def release_shards(self, epoch: int, ids: Collection[int]) -> set[int]:
        """Let those of the shards be taken that the node has: these."""
        ...

    async def hold_shards(self, epoch: int, ids: Collection[int]) -> set[int]:
        """Those of the shards that the node has, while its lease runs; nobody else takes them
        until the commit."""
        ...

    # webhooks
    async def insert_webhook(self, webhook: Webhook) -> Webhook | None:
        """As insert_job."""
        ...

    async def update_webhook(self, webhook: Webhook) -> Webhook | None:
        """As update_job."""
        ...

    async def delete_webhook(self, webhook_id: int) -> bool:
        """Whether it was there; its messages go with it."""
        ...

    async def lock_webhook(self, group: str, name: str) -> Webhook | None:
        """The webhook, its row locked against every other writer until the commit."""
        ...

    async def webhooks(self) -> list[Webhook]:
        """All of them."""
        ...

    async def insert_deliveries(self, deliveries: Sequence[NewDelivery]) -> int:
        """Store messages, due now; how many. One is left out where the webhook has one of the same
        event and subject."""
        ...

    async def take_deliveries(self, limit: int, hold: timedelta) -> list[Delivery]:
        """Due messages, each counted as attempted, and due again after `hold`: so long they are the
        taker's."""
        ...

    async def update_delivery(self, delivery: Delivery) -> bool:
        """Write state, due_at, status and error of a queued message that nobody else has taken
        since; whether it did."""
        ...

    async def renew_delivery(self, webhook_id: int, delivery_id: int) -> Delivery | None:
        """The message as it was in the beginning, due now; None: the webhook has no such one."""
        ...

    async def note_failing_jobs(self, jobs: Sequence[FailingJob]) -> None:
        """Remember them; one that is remembered stays as it is."""
        ...

    async def take_failing_jobs(self, job_ids: Collection[int]) -> list[FailingJob]:
        """Those of the jobs that are remembered, which they are no longer."""
        ...

    async def job_ids_of(self, names: Collection[tuple[str, str | None]]) -> list[int]:
        """Ids of the jobs (group, name) that exist; without a name of all jobs of the group."""
        ...

    async def move_deadline_check(
        self, trigger_id: int, kind: DeadlineKind, before: datetime | None, until: datetime
    ) -> bool:
        """Note how far the slots of a trigger have been looked at, if that is still `before`."""
        ...

    # followers of the events
    async def lock_follower(self, name: str) -> Following | None:
        """How far the follower is, which is made where there was none; nobody else moves it until
        the commit. None: another transaction has it."""
        ...

    async def move_follower(self, name: str, seq: int | None) -> None:
        """Move the follower, which the caller has locked; None: it follows nothing.

        Events behind `seq` are kept for it for a while.
        """
        ...

    async def read_ends(
        self, after: int, until: int, job_ids: Collection[int], *, events: int
    ) -> EndsRead:
        """The ends of runs of these jobs, in whole batches that begin in (after, until], about so
        many events of them at the most.

        `after` is the last number of a batch. Runs whose history is pruned are left out.
        """
        ...

    # conditional triggers
    async def lock_conditions(self) -> None:
        """Wait for, and keep out, everybody else who links jobs, until the commit."""
        ...

    async def condition_links(self, group: str) -> list[ConditionLink]:
        """Of the group's conditional triggers, in any state; true until the commit for whoever has
        called lock_conditions."""
        ...

    async def begin_condition_sets(self, sets: Sequence[ConditionSet]) -> None:
        """Let each trigger watch the set's jobs from now on, whatever it has seen before.

        Of a set trigger_id, generation and job_ids count: nothing is met, and since_seq is the
        newest number that is committed.
        """
        ...

    async def delete_condition_set(self, trigger_id: int) -> None:
        """The trigger watches nothing any more; a deleted one does so by itself."""
        ...

    async def condition_watches(self) -> list[ConditionWatch]:
        """As Store.condition_watches."""
        ...

    async def condition_sets(self, trigger_ids: Sequence[int]) -> dict[int, ConditionSet]:
        """Those that there are, by trigger; true until the commit for whoever has locked it."""
        ...

    async def update_condition_sets(self, sets: Sequence[ConditionSet]) -> None:
        """Write `met` of sets whose triggers are locked."""
        ...

    async def triggers_watching(self, job_id: int) -> list[str]:
        """Names of the triggers, in any state, that watch the job, ascending, at most 10."""
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
        """Hint other nodes that something was committed: runs, stops, triggers, events, logs,
        shards."""
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

    async def get_webhook(self, group: str, name: str) -> Webhook | None: ...
    async def list_webhooks(self, filter: WebhookFilter) -> list[Webhook]: ...
    async def list_deliveries(self, filter: DeliveryFilter) -> list[Delivery]: ...

    async def watched_slots(self) -> list[WatchedSlots]:
        """Of all triggers with deadlines, by id."""
        ...

    async def next_delivery_at(self) -> datetime | None:
        """When the next message is due, which may be past; None: none waits."""
        ...

    async def get_calendar(self, group: str, name: str) -> Calendar | None: ...
    async def list_calendars(self, filter: CalendarFilter) -> list[Calendar]: ...
    async def get_queue(self, group: str, name: str) -> Queue | None: ...
    async def list_queues(self, filter: QueueFilter) -> list[Queue]: ...

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

    async def make_room(self, keep_s: float | None) -> int:
        """Prepare for the history to come; how many parts were made.

        Args:
            keep_s: seconds for which ended runs are kept; None: for ever.
        """
        ...
