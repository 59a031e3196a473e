"""What is read beside the transactions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callboard.domain.backfill import Backfill, BackfilledSlot
from callboard.domain.calendar import Calendar
from callboard.domain.job import Job
from callboard.domain.ledger import LedgerEntry
from callboard.domain.queue import Queue, QueueCounts
from callboard.domain.run import Run
from callboard.domain.states import RunState
from callboard.domain.trigger import Trigger, TriggerState
from callboard.events import EventBatch
from callboard.runtime import Command
from callboard.store.contract import (
    BackfillFilter,
    CalendarFilter,
    Cutoffs,
    JobFilter,
    LogFilter,
    LogLine,
    LogPage,
    Node,
    QueueFilter,
    RunFilter,
    Snapshot,
    TriggerFilter,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune(Command[dict[str, int]]):
    """Remove what is older; rows removed by table."""

    cutoffs: Cutoffs


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeRoom(Command[int | None]):
    """Prepare the store for the history to come; parts made (None: it has none)."""

    keep_s: float | None
    """Seconds for which ended runs are kept; None: for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadClock(Command[datetime]):
    """The store's present."""


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
class CountTriggers(Command[dict[tuple[TriggerState, datetime | None], int]]):
    """How many of the filter's triggers there are, by state and end of a timed pause."""

    filter: TriggerFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCalendar(Command[Calendar | None]):
    group: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCalendars(Command[list[Calendar]]):
    filter: CalendarFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class GetQueue(Command[Queue | None]):
    group: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQueues(Command[list[Queue]]):
    filter: QueueFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class CountQueue(Command[QueueCounts]):
    """How many of its runs wait and run."""

    group: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTriggers(Command[list[Trigger]]):
    until: datetime
    limit: int
    shards: frozenset[int] | None = None
    """Only triggers of these; None: of all."""


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
class ListStoppingRuns(Command[list[Run]]):
    """Runs that are held under this epoch and have been asked to stop, by id."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NextDueAt(Command[datetime | None]):
    """When the next queued run is due; None: nothing waits for its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextOverdue(Command[float | None]):
    """Seconds until the first queued run has waited for too long; None: none ever will have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLedger(Command[list[LedgerEntry]]):
    trigger_id: int
    since: datetime
    until: datetime
    limit: int
    newest_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBackfill(Command[Backfill | None]):
    backfill_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBackfills(Command[list[Backfill]]):
    filter: BackfillFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBackfills(Command[dict[int, int]]):
    """Trigger ids by the ids of backfills for which there is something left to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBackfilledSlots(Command[list[BackfilledSlot]]):
    """Slots of a trigger in [since, until) that backfills fired, by slot and backfill."""

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
class SearchLog(Command[LogPage]):
    """Those of the lines above `after` that the filter lets pass."""

    run_id: int
    filter: LogFilter
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
