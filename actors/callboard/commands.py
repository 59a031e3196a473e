"""What the job store is asked: one command a message, each naming its reply.

Refusals come back as the exceptions of `callboard.errors` that each docstring names; any command
may be refused with StoreUnavailable, after which nothing of it was done. `Change` commands are
written in a transaction, `Read` commands are answered beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.ledger import LedgerEntry
from callboard.domain.misfire import SlotPlan
from callboard.domain.run import NewRun, Run, RunError, StopMode
from callboard.domain.states import RunState
from callboard.domain.trigger import Trigger
from callboard.events import EventBatch
from callboard.runtime import Command
from callboard.store.contract import (
    Cutoffs,
    IdempotencyRecord,
    JobFilter,
    LogChunk,
    LogLine,
    Node,
    Renewal,
    RunEnd,
    RunFilter,
    Snapshot,
    TriggerFilter,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateJob(Command[Job]):
    """Store a new job. Refused: AlreadyExists."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceJob(Command[tuple[Job, bool]]):
    """Create the job, or replace the one of its name; whether it was created.

    An equal definition changes nothing, its version included (M15). Refused: StaleVersion.
    """

    job: Job
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJob(Command[None]):
    """Delete a job and stop its queued and parked runs; running ones go on, history stays.

    Refused: NotFound, StaleVersion, Conflict job_in_use while a trigger names it.
    """

    group: str
    name: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTrigger(Command[Trigger]):
    """Store a new trigger; with `activate`, it is active in the same transaction.

    Refused: AlreadyExists; InvalidInput for an action on a job that does not exist.
    """

    trigger: Trigger
    activate: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceTrigger(Command[tuple[Trigger, bool]]):
    """Create the trigger, or replace the one of its name; whether it was created.

    An existing one keeps its state. Other timing begins a new generation, whose slots lie in the
    future; slots that are due already are decided by the old one (D09). An equal
    definition changes nothing. Refused: StaleVersion, InvalidInput.
    """

    trigger: Trigger
    activate: bool = True
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTrigger(Command[None]):
    """Delete a trigger; due slots are decided first, its runs and its ledger stay.

    Refused: NotFound, StaleVersion.
    """

    group: str
    name: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateTrigger(Command[Trigger]):
    """Begin a new generation from now on; an active trigger stays as it is.

    Refused: NotFound, StaleVersion.
    """

    group: str
    name: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivateTrigger(Command[Trigger]):
    """Keep the trigger, unscheduled; slots that are due already are decided.

    Refused: NotFound, StaleVersion.
    """

    group: str
    name: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FireTrigger(Command[tuple[Run, ...]]):
    """Start all actions of a trigger at once, without a slot, in any of its states.

    Refused: NotFound, Conflict job_disabled.
    """

    group: str
    name: str
    arguments: JsonObject = field(default_factory=dict)
    """Laid over the arguments of each action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkTrigger(Command[None]):
    """Park a trigger that cannot be understood any more (D05); gone or changed: nothing."""

    trigger: Trigger
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FireSlots(Command[tuple[bool, ...]]):
    """Store plans, each all together (ledger rows, runs, the trigger's next slot) or not at all.

    Answers for each plan whether it was stored; not, when somebody else decided those slots or
    changed the trigger.
    """

    plans: tuple[SlotPlan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRuns(Command[tuple[Run, ...]]):
    """Create runs, all or none, in the given order.

    A run whose unique_key a live run of the job has is answered with that run. The same
    `idempotency_key` again answers the runs of the first time. Refused: InvalidInput for a job
    that does not exist, Conflict job_disabled.
    """

    runs: tuple[NewRun, ...]
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRun:
    """A run that the node has to execute now, with its job's present definition."""

    run: Run
    job: Job | None
    """None: the job was deleted."""
    log_seq: int = 0
    """Number of the last line that an earlier holder of the run logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRuns(Command[tuple[ClaimedRun, ...]]):
    """Give up to `limit` due runs to the node of this epoch; they are running from now on."""

    epoch: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """The end of a held run, with what belongs to it."""

    end: RunEnd
    retry_after_s: float | None = None
    """Seconds until the next attempt; None: there is none."""
    log: tuple[LogChunk, ...] = ()
    """What of the log is not stored yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRuns(Command[frozenset[int]]):
    """Record ends; the ids of those runs that the epoch still held."""

    ended: tuple[EndedRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkRun(Command[bool]):
    """Put a held run aside for an operator; whether the epoch still held it."""

    run_id: int
    epoch: int
    error: RunError


@dataclass(frozen=True, slots=True, kw_only=True)
class HandBack(Command[int]):
    """Queue again the runs that the node holds, but for those it knows of. How many.

    For a node that closes, or that did not learn what became of a claim of its own. No attempt is
    burnt; a run that was to be stopped is stopped.
    """

    epoch: int
    keep: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRun(Command[Run]):
    """Stop a queued run now, or ask the node that holds it to.

    Refused: NotFound, IllegalTransition when it has ended.
    """

    run_id: int
    mode: StopMode
    grace_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRun(Command[Run]):
    """A new attempt after a run that ended without success, or a parked run queued again.

    Refused: NotFound, Conflict not_retryable, job_gone or job_disabled.
    """

    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonRun(Command[Run]):
    """Give up a failed or stopped run. Refused: NotFound, IllegalTransition."""

    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendLog(Command[None]):
    """Keep parts of logs of runs that the epoch holds; those of other runs are ignored."""

    epoch: int
    chunks: tuple[LogChunk, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterNode(Command[Node]):
    """Begin a node's life; its epoch is in the answer. Refused: Conflict node_name_in_use."""

    node: Node
    lease: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewLease(Command[Renewal | None]):
    """Prolong the node's lease. None: it was taken away; the epoch is over."""

    epoch: int
    lease: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class DeregisterNode(Command[None]):
    """End a node's life; what it still holds is lost and will be rescued."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RescueRuns(Command[int]):
    """Decide the runs of nodes whose lease is over by their crash policies. How many."""

    own_epoch: int | None
    """Its lease is renewed first: a node does not rescue from itself."""
    lease: timedelta
    crash_budget: int
    """A run is parked when more nodes than this have died under it."""
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginRequest(Command[IdempotencyRecord | None]):
    """Note a request with an Idempotency-Key. None: go on; otherwise what is known of it."""

    record: IdempotencyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRequest(Command[None]):
    """Keep the answer of a noted request."""

    record: IdempotencyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortRequest(Command[None]):
    """Forget a noted request that failed."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune(Command[dict[str, int]]):
    """Remove what is older; rows removed by table."""

    cutoffs: Cutoffs


@dataclass(frozen=True, slots=True, kw_only=True)
class GetJob(Command[Job | None]):
    group: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetJobsById(Command[dict[int, Job]]):
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobs(Command[list[Job]]):
    filter: JobFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTrigger(Command[Trigger | None]):
    group: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTriggers(Command[list[Trigger]]):
    filter: TriggerFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTriggers(Command[list[Trigger]]):
    until: datetime
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSlotAfter(Command[datetime | None]):
    instant: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRun(Command[Run | None]):
    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRuns(Command[dict[int, Run]]):
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRuns(Command[list[Run]]):
    filter: RunFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class CountLiveRuns(Command[dict[RunState, int]]):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class NextDueAt(Command[datetime | None]):
    """When the next queued run is due; None: nothing waits for its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLedger(Command[list[LedgerEntry]]):
    trigger_id: int
    since: datetime
    until: datetime
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLog(Command[list[LogLine]]):
    run_id: int
    after: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEvents(Command[list[EventBatch]]):
    after: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRange(Command[tuple[int, int]]):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSnapshot(Command[Snapshot]):
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNodes(Command[list[Node]]):
    pass


Change: TypeAlias = (
    CreateJob
    | ReplaceJob
    | DeleteJob
    | CreateTrigger
    | ReplaceTrigger
    | DeleteTrigger
    | ActivateTrigger
    | DeactivateTrigger
    | FireTrigger
    | ParkTrigger
    | FireSlots
    | StartRuns
    | ClaimRuns
    | EndRuns
    | ParkRun
    | HandBack
    | StopRun
    | RetryRun
    | AbandonRun
    | AppendLog
    | RegisterNode
    | RenewLease
    | DeregisterNode
    | RescueRuns
    | BeginRequest
    | FinishRequest
    | AbortRequest
)

Read: TypeAlias = (
    Prune
    | GetJob
    | GetJobsById
    | ListJobs
    | GetTrigger
    | ListTriggers
    | DueTriggers
    | NextSlotAfter
    | GetRun
    | GetRuns
    | ListRuns
    | CountLiveRuns
    | NextDueAt
    | ReadLedger
    | ReadLog
    | ReadEvents
    | EventRange
    | TakeSnapshot
    | ListNodes
)
