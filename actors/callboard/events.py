"""The facts that a board tells its subscribers: the contract of the stream.

| type | when | carries |
| --- | --- | --- |
| run.queued | a run was created, or is to be run again: its node died, or it was snoozed | run |
| run.started | a node claimed it | run |
| run.progress | its handler said how far it is; `progress` says it, the state is as before | run |
| run.stopping | a stop was requested and its handler has not ended yet | run |
| run.lost | its node's lease ended under it | run |
| run.parked | it waits for an operator | run |
| run.ended | it ended; `state` says how | run |
| run.abandoned | an operator gave up a run that did not succeed | run |
| step.started, step.ended | of a batch run, or a partition of one | step: id, run_id, name, state |
| trigger.changed | created, edited, or now in another `state` | trigger |
| trigger.deleted | gone | trigger |
| job.changed, job.deleted | likewise | job |
| calendar.changed, calendar.deleted | likewise | calendar |
| queue.changed, queue.deleted | likewise | queue, with `paused` |
| webhook.changed, webhook.deleted | likewise | webhook |
| workflow.changed, workflow.deleted | likewise | workflow |
| workflow_run.started, workflow_run.ended | it began, or is over | workflow_run: id, state |
| webhook.called | somebody asked for a message: a ping, or one again | webhook |
| deadline.missed | a slot's runs were late | deadline: its trigger's name, slot, reason, run_ids |
| backfill.changed | created, paused, resumed, moved on, ended | trigger, backfill |
| clock.jumped | a clock stepped under a node | clock: node, source (`node` or `store`), by_s |

Events are committed together with the change that they tell of, and numbered without gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, TypeAlias

from callboard.domain.amend import amended
from callboard.domain.backfill import Backfill
from callboard.domain.batch_step import COUNTS, StepExecution
from callboard.domain.claimed import ClaimedRun
from callboard.domain.json import Json, JsonObject
from callboard.domain.node import Node
from callboard.domain.run import Run, RunError
from callboard.domain.states import ENDED, RunState
from callboard.domain.timeline import Timeline
from callboard.domain.trigger import Trigger
from callboard.errors import CallboardError

EVENT_OF_STATE: Final[Mapping[RunState, str]] = {
    RunState.QUEUED: "run.queued",
    RunState.RUNNING: "run.started",
    RunState.STOPPING: "run.stopping",
    RunState.LOST: "run.lost",
    RunState.PARKED: "run.parked",
    RunState.ABANDONED: "run.abandoned",
    **dict.fromkeys(ENDED - {RunState.ABANDONED}, "run.ended"),
}
PROGRESS: Final = "run.progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """An event as it is stored: small, with only what may be different later."""

    type: str
    run_id: int | None = None
    patch: JsonObject = field(default_factory=dict)
    """run.*: the run's changeable fields at that moment; otherwise the thing's name and state.

    An event of a cycle says less, see `ended_record` and those below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBatch:
    """The events of one commit; the i-th has the number `first_seq + i`."""

    first_seq: int
    at: datetime
    records: tuple[EventRecord, ...]

    @property
    def last_seq(self) -> int:
        return self.first_seq + len(self.records) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event as a subscriber gets it."""

    seq: int
    type: str
    at: datetime
    run: Run | None = None
    """run.*: the run as it was right after the change; None when its history is pruned."""
    subject: JsonObject = field(default_factory=dict)
    """trigger.*, job.*, calendar.*, queue.*, webhook.*, workflow.*: group, name, state, version;
    backfill.*: the same with id and counters, the name being its trigger's; workflow_run.*: group,
    name (the workflow's), id and state; step.*: group, name (the job's), id, run_id, instance_id,
    step, visit, manager_id, state, exit_code and counts; deadline.*: its trigger's group and name,
    and what was late; clock.*: node, source, by_s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What one commit of this node changed; told to its actors, not stored."""

    first_seq: int = 0
    """Number of its first event."""
    events: Sequence[Event] = ()
    """In the order of their numbers. They may be made when somebody reads them; `len` is free."""
    due_at: datetime | None = None
    """The earliest due_at of the runs that it queued; None: it queued none."""
    stopping: tuple[Run, ...] = ()
    """Runs that their nodes were asked to stop."""
    freed: frozenset[int] = frozenset()
    """Ids of the triggers of which a run ended or was parked."""
    backfills: tuple[JsonObject, ...] = ()
    """Subjects of its events backfill.changed."""
    triggers: tuple[Trigger, ...] = ()
    """Triggers whose timing or state changed, as they are now."""
    logged_run_ids: frozenset[int] = frozenset()
    """Runs that got log lines."""
    slots: Mapping[str, int] = field(default_factory=dict)
    """How many slots were decided, by `fired` or the reason of the skip."""
    is_for_webhooks: bool = False
    """Whether webhooks were changed, or have messages to be sent."""

    @property
    def count(self) -> int:
        """How many events it has."""
        return len(self.events)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsAssigned:
    """Runs that were created running on this node, in answer to the offer of its last claim."""

    claimed: tuple[ClaimedRun, ...]
    life: int = 0
    """The one of the executor's that made the offer; another one has nothing to do with them."""
    total: int = 0
    """What ClaimRuns.seen is from now on: these are counted, and all before, also lost ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentUnsure:
    """A commit that was to assign runs to this node may have done so, or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitLimited:
    """Runs were queued that may not wait for ever."""

    in_s: float
    """Seconds until the first of them has waited for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hinted:
    """Another node says that there is something new; never needed for being right."""

    topic: str
    """runs, stops, triggers, events, logs, shards, starts (in callers' transactions) or deliveries;
    opened: the store came up, and anything may be new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseGained:
    """This node is registered: it may hold runs under its epoch."""

    node: Node
    present: Timeline | None = None
    """Where the store's clock stands; None: not read lately."""
    skew_s: float | None = None
    """As in LeaseRenewed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRenewed:
    """The lease goes on."""

    skew_s: float
    """Seconds by which the node's clock is ahead of the store's, at least; negative: behind."""
    present: Timeline
    """Where the store's clock stands."""
    stopping: tuple[Run, ...]
    """Runs of this node that are to be stopped."""
    live_nodes: int = 1
    """Nodes whose lease runs, this one included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLost:
    """This node may not hold runs any more."""

    reason: str


class ClockSource(StrEnum):
    """Whose clock stepped."""

    NODE = "node"
    """The wall clock of the machine that says so; both at once: that machine slept."""
    STORE = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJumped:
    """A clock stepped, measured by this node's monotonic clock."""

    source: ClockSource
    by_s: float
    """Seconds, negative: set back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardsChanged:
    """This node decides the slots of other triggers than before."""

    epoch: int
    """Under which it does."""
    own: frozenset[int]
    """The shards of these triggers; none: others decide, or nobody can say who."""
    taken_over: int = 0
    """How many of them were taken from nodes whose lease had ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsRefused:
    """The store did not take slots that this node decided: somebody else was faster, or changed
    their trigger, or the triggers are not for this node to decide any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopBlocked:
    """The event loop of this node did not turn for a while, and turns again."""

    run_id: int | None
    """The run whose handler was on the stack; None: none was."""
    job: str | None
    blocked_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRefused:
    """This node is not registered: the store answers, and refuses it. It goes on trying."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChanged:
    """The store began, or ceased, to answer."""

    is_up: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hopeless:
    """The board cannot go on, and another try would change nothing."""

    error: CallboardError


Fact: TypeAlias = (
    Committed
    | RunsAssigned
    | AssignmentUnsure
    | WaitLimited
    | Hinted
    | LeaseGained
    | LeaseRenewed
    | LeaseLost
    | ClockJumped
    | LoopBlocked
    | RegistrationRefused
    | ShardsChanged
    | SlotsRefused
    | StoreChanged
    | Hopeless
)
"""What a board's actors are told of its job store and its standing among the nodes."""


def run_record(run: Run) -> EventRecord:
    """The record of the run's arrival in its present state."""
    error = None
    if run.error is not None:
        error = {"type": run.error.type, "message": run.error.message[:1000]}
    patch: dict[str, Json] = {
        "state": run.state.value,
        "node": run.node,
        "crashes": run.crashes,
        "due_at": _text(run.due_at),
        "started_at": None if run.started_at is None else _text(run.started_at),
        "ended_at": None if run.ended_at is None else _text(run.ended_at),
        "error": error,
    }
    if run.progress is not None:
        patch["progress"] = run.progress
    return EventRecord(type=EVENT_OF_STATE[run.state], run_id=run.id, patch=patch)


def progress_record(run: Run) -> EventRecord:
    """The record of what a run has said of its progress."""
    return EventRecord(type=PROGRESS, run_id=run.id, patch=run_record(run).patch)


def subject_record(type: str, group: str, name: str, **facts: Any) -> EventRecord:
    """The record of what happened to something that has a group and a name, and is no run."""
    return EventRecord(type=type, patch={"group": group, "name": name, **facts})


def step_record(type: str, group: str, job: str, step: StepExecution) -> EventRecord:
    """The record of a step of a batch run; its name is its job's."""
    return subject_record(
        type,
        group,
        job,
        id=step.id,
        run_id=step.run_id,
        instance_id=step.instance_id,
        step=step.name,
        visit=step.visit,
        manager_id=step.manager_id,
        state=step.state.value,
        exit_code=step.exit_code,
        counts={each.name: getattr(step.counts, each.name) for each in COUNTS},
    )


def backfill_record(backfill: Backfill) -> EventRecord:
    """The record of a change of a backfill; its name is its trigger's."""
    return subject_record(
        "backfill.changed",
        backfill.group,
        backfill.trigger,
        id=backfill.id,
        state=backfill.state.value,
        slots_total=backfill.slots_total,
        fired=backfill.fired,
        skipped=backfill.skipped,
        live=backfill.live,
        succeeded=backfill.succeeded,
        failed=backfill.failed,
        version=backfill.version,
    )


def ended_record(run_id: int, state: RunState) -> EventRecord:
    """Of an end that the run's row tells in full."""
    return EventRecord(type=EVENT_OF_STATE[state], run_id=run_id, patch={"state": state.value})


def queued_record(run_id: int) -> EventRecord:
    """Of a run's creation: it is due when its row says so."""
    return EventRecord(type="run.queued", run_id=run_id, patch={"state": RunState.QUEUED.value})


def started_record(run_id: int, node: str, crashes: int, at: datetime) -> EventRecord:
    """Of a claim: the run is due when its row says so."""
    patch: JsonObject = {
        "state": RunState.RUNNING.value,
        "node": node,
        "crashes": crashes,
        "started_at": _text(at),
    }
    return EventRecord(type="run.started", run_id=run_id, patch=patch)


def run_as_of(run: Run, record: EventRecord) -> Run:
    """The run as it was when `record` was written, from the run as it is now."""
    patch: Mapping[str, Any] = record.patch
    state = RunState(str(patch["state"]))
    if len(patch) == 1 and state in ENDED:
        return amended(run, state=state)
    final = state in ENDED
    error, node = patch.get("error"), patch.get("node")
    return amended(
        run,
        state=state,
        node=node,
        epoch=None if node is None else run.epoch,
        crashes=patch.get("crashes") or 0,
        due_at=_instant(patch.get("due_at")) or run.due_at,
        started_at=_instant(patch.get("started_at")),
        ended_at=_instant(patch.get("ended_at")),
        result=run.result if final else None,
        progress=run.progress if final else patch.get("progress"),
        error=run.error if final else _error(error) if isinstance(error, Mapping) else None,
    )


def _error(patch: Mapping[str, Any]) -> RunError:
    return RunError(type=patch["type"], message=patch["message"])


@lru_cache(maxsize=1024)
def _text(instant: datetime) -> str:
    """Kept for a while: the runs of a commit share most of their instants."""
    return instant.isoformat()


def _instant(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
