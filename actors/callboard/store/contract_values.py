"""Filters and records that a store is given and answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from callboard.domain.chain_end import ChainEnd
from callboard.domain.delivery import DeliveryState
from callboard.domain.run import Run
from callboard.domain.states import RunState


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
    workflow: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
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
class WorkflowFilter:
    """Which workflows to list. By group and name, ascending."""

    group: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, str] | None = None
    """(group, name) of the last item of the page before."""
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRunFilter:
    """Which workflow runs to list. Newest (highest id) first."""

    group: str | None = None
    workflow: str | None = None
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
    """Runs that the request created (of a start of a workflow: the workflow run), written in the
    same transaction as these."""
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
    jobs: tuple[tuple[str, str], ...]
    """Group and name of each."""
