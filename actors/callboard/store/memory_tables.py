"""The memory store's tables other than runs, and all of them together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import count, islice, pairwise
from typing import Protocol, TypeAlias, TypeVar

from callboard.domain.amend import amended
from callboard.domain.bookmark import Bookmark
from callboard.domain.calendar import Calendar
from callboard.domain.conditions import ConditionSet
from callboard.domain.delivery import Delivery
from callboard.domain.failing_job import FailingJob
from callboard.domain.job import Job
from callboard.domain.ledger import LedgerEntry
from callboard.domain.queue import Queue
from callboard.domain.rate_window import RateWindow
from callboard.domain.schedule import Cron
from callboard.domain.trigger import Trigger, TriggerState
from callboard.domain.webhook import Webhook
from callboard.domain.workflow import Workflow
from callboard.store.contract import IdempotencyRecord, LogChunk, LogLine, Node
from callboard.store.known_calendars import with_calendars
from callboard.store.memory_backfills import BackfilledSlotTable, BackfillTable
from callboard.store.memory_batch_tables import BatchTables
from callboard.store.memory_events import EventTable
from callboard.store.memory_journal import Journal, Table
from callboard.store.memory_runs import RunTable
from callboard.store.memory_shards import ShardTables
from callboard.store.memory_sorted import SortedKeys
from callboard.store.memory_workflow_runs import WorkflowRunTable

Slot: TypeAlias = "tuple[datetime, int]"
"""Instant and generation: a trigger's ledger entries in their order."""


class Named(Protocol):
    """A job, a trigger, a calendar, a queue or a webhook."""

    @property
    def id(self) -> int: ...
    @property
    def group(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def created_at(self) -> datetime | None: ...


N = TypeVar("N", bound=Named)


class NamedTable(Table[int, N]):
    """Rows by id, with their names in order."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._ids: dict[tuple[str, str], int] = {}
        self._names = SortedKeys[tuple[str, str]]()

    def by_name(self, group: str, name: str) -> N | None:
        row_id = self._ids.get((group, name))
        return None if row_id is None else self.rows[row_id]

    def define(self, row: N, ids: Iterator[int], now: datetime) -> N | None:
        """The row as it is stored anew, with the next of the ids; None: its name is taken."""
        if (row.group, row.name) in self._ids:
            return None
        stored = amended(row, id=next(ids), version=1, created_at=now, updated_at=now)
        self.write(stored.id, stored)
        return stored

    def redefine(self, row: N, now: datetime) -> N | None:
        """The row as it replaces the one of its id and version, whose name it keeps; None: gone,
        or at another version."""
        before = self.rows.get(row.id)
        if before is None or before.version != row.version:
            return None
        stored = amended(
            row,
            name=before.name,
            group=before.group,
            version=before.version + 1,
            created_at=before.created_at,
            updated_at=now,
        )
        self.write(row.id, stored)
        return stored

    def remove(self, row_id: int) -> bool:
        """Whether it was there."""
        if row_id not in self.rows:
            return False
        self.write(row_id, None)
        return True

    def in_order(self, after: tuple[str, str] | None) -> Iterator[N]:
        """Rows by group and name, behind `after`."""
        names = iter(self._names) if after is None else self._names.above(after)
        return (self.rows[self._ids[name]] for name in names)

    def reindex(self, key: int, before: N | None, after: N | None) -> None:
        if before is None and after is not None:
            self._ids[after.group, after.name] = key
            self._names.add((after.group, after.name))
        elif after is None and before is not None:
            del self._ids[before.group, before.name]
            self._names.discard((before.group, before.name))


class JobTable(NamedTable[Job]):
    """Jobs, and which of them have a limit."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self.limited: set[int] = set()
        """Ids of jobs with a limit."""

    def reindex(self, key: int, before: Job | None, after: Job | None) -> None:
        super().reindex(key, before, after)
        if after is not None and after.is_limited:
            self.limited.add(key)
        else:
            self.limited.discard(key)


class TriggerTable(NamedTable[Trigger]):
    """Triggers, in the order of their wake_at, by the jobs that they start, by their calendars and
    their workflows."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self.due = SortedKeys[tuple[datetime, int]]()
        """(wake_at, id) of the triggers that have to be looked at."""
        self._of_job: dict[tuple[str, str], SortedKeys[str]] = {}
        self._of_calendar: dict[tuple[str, str], SortedKeys[int]] = {}
        self._of_workflow: dict[tuple[str, str], set[int]] = {}
        self._starting = SortedKeys[int]()
        self.undelayed = SortedKeys[int]()
        """Ids of active triggers whose delay begins when their last live run ends."""

    def names_of_job(self, group: str, job: str) -> Iterator[str]:
        """Names of the group's triggers with an action on the job, ascending."""
        return iter(self._of_job.get((group, job)) or SortedKeys[str]())

    def of_calendar(self, group: str, calendar: str, *, after_id: int) -> Iterator[Trigger]:
        """The group's triggers that obey the calendar, by id."""
        ids = self._of_calendar.get((group, calendar)) or SortedKeys[int]()
        return (self.rows[trigger_id] for trigger_id in ids.above(after_id))

    def of_workflow(self, group: str, workflow: str) -> list[Trigger]:
        """The triggers that belong to the workflow, by name."""
        ids = self._of_workflow.get((group, workflow), ())
        return sorted((self.rows[each] for each in ids), key=lambda trigger: trigger.name)

    def starting(self) -> Iterator[Trigger]:
        """The active and paused triggers that have a slot when the cluster starts, by id."""
        return (self.rows[trigger_id] for trigger_id in self._starting)

    def reindex(self, key: int, before: Trigger | None, after: Trigger | None) -> None:
        super().reindex(key, before, after)
        if before is not None and _is_starting(before):
            self._starting.discard(key)
        if after is not None and _is_starting(after):
            self._starting.add(key)
        if before is not None and _is_undelayed(before):
            self.undelayed.discard(key)
        if after is not None and _is_undelayed(after):
            self.undelayed.add(key)
        if before is None or after is None or before.calendars != after.calendars:
            self._reindex_calendars(key, before, after)
        if before is not None and (due := _due_key(before)):
            self.due.discard(due)
        if after is not None and (due := _due_key(after)):
            self.due.add(due)
        if before is None or after is None or before.actions != after.actions:
            self._reindex_jobs(before, after)
        if before is None or after is None:
            self._reindex_workflow(key, before, after)

    def _reindex_workflow(self, key: int, before: Trigger | None, after: Trigger | None) -> None:
        """A trigger belongs to its workflow for good."""
        if before is not None and before.workflow is not None:
            place = before.group, before.workflow
            self._of_workflow[place].discard(key)
            if not self._of_workflow[place]:
                del self._of_workflow[place]
        if after is not None and after.workflow is not None:
            self._of_workflow.setdefault((after.group, after.workflow), set()).add(key)

    def _reindex_jobs(self, before: Trigger | None, after: Trigger | None) -> None:
        if before is not None:
            for job in _jobs_of(before):
                self._of_job[job].discard(before.name)
        if after is not None:
            for job in _jobs_of(after):
                self._of_job.setdefault(job, SortedKeys()).add(after.name)

    def _reindex_calendars(self, key: int, before: Trigger | None, after: Trigger | None) -> None:
        if before is not None:
            for calendar in _calendars_of(before):
                self._of_calendar[calendar].discard(key)
        if after is not None:
            for calendar in _calendars_of(after):
                self._of_calendar.setdefault(calendar, SortedKeys()).add(key)


def _is_starting(trigger: Trigger) -> bool:
    schedule = trigger.schedule
    return (
        trigger.state in (TriggerState.ACTIVE, TriggerState.PAUSED)
        and isinstance(schedule, Cron)
        and schedule.is_reboot
    )


def _is_undelayed(trigger: Trigger) -> bool:
    is_idle = trigger.next_slot is None and trigger.state is TriggerState.ACTIVE
    return is_idle and trigger.schedule.kind == "delay"


def _calendars_of(trigger: Trigger) -> set[tuple[str, str]]:
    return {(trigger.group, rule.calendar) for rule in trigger.calendars}


def _due_key(trigger: Trigger) -> tuple[datetime, int] | None:
    wake_at = trigger.wake_at
    return None if wake_at is None else (wake_at, trigger.id)


def _jobs_of(trigger: Trigger) -> set[tuple[str, str]]:
    return {(trigger.group, action.job) for action in trigger.actions}


class LedgerTable(Table[tuple[int, int, datetime], LedgerEntry]):
    """Entries by trigger id, generation and slot."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._slots: dict[int, SortedKeys[Slot]] = {}
        self._stretches: dict[int, SortedKeys[Slot]] = {}

    def touching_backwards(
        self, trigger_id: int, since: datetime, until: datetime
    ) -> Iterator[LedgerEntry]:
        """The same entries, the last one first."""
        slots = self._slots.get(trigger_id) or SortedKeys[Slot]()
        for slot, generation in slots.below((until, 0)):
            if slot < since:
                break
            yield self.rows[trigger_id, generation, slot]
        stretches = self._stretches.get(trigger_id) or SortedKeys[Slot]()
        for slot, generation in stretches.below((min(since, until), 0)):
            entry = self.rows[trigger_id, generation, slot]
            if entry.until is not None and entry.until >= since:
                yield entry

    def touching(self, trigger_id: int, since: datetime, until: datetime) -> Iterator[LedgerEntry]:
        """Entries of the trigger that lie, in part at least, in [since, until), by slot."""
        for slot, generation in self._stretches.get(trigger_id) or SortedKeys[Slot]():
            if slot >= min(since, until):
                break
            entry = self.rows[trigger_id, generation, slot]
            if entry.until is not None and entry.until >= since:
                yield entry
        slots = self._slots.get(trigger_id) or SortedKeys[Slot]()
        for slot, generation in slots.above((since, 0), or_equal=True):
            if slot >= until:
                break
            yield self.rows[trigger_id, generation, slot]

    def before(self, cutoff: datetime) -> Iterator[tuple[int, int, datetime]]:
        """Keys of the entries that end before `cutoff`, without each trigger's last entry."""
        for trigger_id, slots in self._slots.items():
            for (slot, generation), _ in pairwise(slots):
                if slot >= cutoff:
                    break
                key = trigger_id, generation, slot
                if (self.rows[key].until or slot) < cutoff:
                    yield key

    def reindex(
        self,
        key: tuple[int, int, datetime],
        before: LedgerEntry | None,
        after: LedgerEntry | None,
    ) -> None:
        trigger_id, generation, slot = key
        for entry, change in ((before, SortedKeys[Slot].discard), (after, SortedKeys[Slot].add)):
            if entry is not None:
                change(self._slots.setdefault(trigger_id, SortedKeys()), (slot, generation))
                if entry.until is not None:
                    stretches = self._stretches.setdefault(trigger_id, SortedKeys())
                    change(stretches, (slot, generation))


class LogTable(Table[tuple[int, int], LogChunk]):
    """Chunks by run id and the number of their first line."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._firsts: dict[int, SortedKeys[int]] = {}

    def has_line(self, run_id: int, seq: int) -> bool:
        chunk = self._chunk_at(run_id, seq)
        return chunk is not None and chunk.lines[-1].seq >= seq

    def lacks(self, chunk: LogChunk) -> bool:
        """Whether its first line is not there yet."""
        return not self.has_line(chunk.run_id, chunk.lines[0].seq)

    def lines_after(self, run_id: int, seq: int) -> Iterator[LogLine]:
        """Lines with a number greater than `seq`, ascending."""
        chunk = self._chunk_at(run_id, seq)
        start = seq if chunk is None else chunk.lines[0].seq
        for first in self._of_run(run_id).above(start, or_equal=True):
            yield from (line for line in self.rows[run_id, first].lines if line.seq > seq)

    def keys_of_run(self, run_id: int) -> list[tuple[int, int]]:
        return [(run_id, first) for first in self._of_run(run_id)]

    def last_seq(self, run_id: int) -> int:
        """Number of the last line; 0 when there is none."""
        first = next(self._of_run(run_id).below(sys.maxsize), None)
        return 0 if first is None else self.rows[run_id, first].lines[-1].seq

    def _chunk_at(self, run_id: int, seq: int) -> LogChunk | None:
        """The last chunk that begins at or before the line `seq`."""
        first = next(self._of_run(run_id).below(seq + 1), None)
        return None if first is None else self.rows[run_id, first]

    def _of_run(self, run_id: int) -> SortedKeys[int]:
        return self._firsts.get(run_id) or SortedKeys()

    def reindex(
        self, key: tuple[int, int], before: LogChunk | None, after: LogChunk | None
    ) -> None:
        run_id, first = key
        if before is None:
            self._firsts.setdefault(run_id, SortedKeys()).add(first)
        elif after is None:
            self._firsts[run_id].discard(first)
            if not self._firsts[run_id]:
                del self._firsts[run_id]


class Tables:
    """All tables, and the counters that no rollback takes back."""

    def obeying(self, trigger: Trigger) -> Trigger:
        """The trigger with its calendars as they are now."""
        if not trigger.calendars:
            return trigger
        names = {(trigger.group, rule.calendar) for rule in trigger.calendars}
        found = {name: self.calendars.by_name(*name) for name in names}
        return with_calendars(
            trigger, {name: calendar for name, calendar in found.items() if calendar is not None}
        )

    def live_node(self, epoch: int | None, now: datetime) -> Node | None:
        """The node of the epoch, if its lease runs."""
        node = None if epoch is None else self.nodes.rows.get(epoch)
        if node is None or node.expired or node.lease_until <= now:
            return None
        return node

    def take_run_ids(self, count: int) -> list[int]:
        """New ids, ascending."""
        return [*islice(self.run_ids, count)]

    def __init__(self, journal: Journal) -> None:
        self.jobs = JobTable(journal)
        self.triggers = TriggerTable(journal)
        self.calendars = NamedTable[Calendar](journal)
        self.queues = NamedTable[Queue](journal)
        self.webhooks = NamedTable[Webhook](journal)
        self.workflows = NamedTable[Workflow](journal)
        self.workflow_runs = WorkflowRunTable(journal)
        self.batch = BatchTables(journal)
        self.deliveries = Table[int, Delivery](journal)
        self.failing_jobs = Table[int, FailingJob](journal)
        self.deadline_checks = Table[tuple[int, str], datetime](journal)
        """By trigger id and kind."""
        self.bookmarks = Table[int, tuple[Bookmark, ...]](journal)
        """By job id, the newest version last."""
        self.rates = Table[str, RateWindow](journal)
        self.runs = RunTable(journal)
        self.ledger = LedgerTable(journal)
        self.backfills = BackfillTable(journal)
        self.backfilled_slots = BackfilledSlotTable(journal)
        self.logs = LogTable(journal)
        self.nodes = Table[int, Node](journal)
        self.shards = ShardTables(journal)
        self.idempotency = Table[str, IdempotencyRecord](journal)
        self.events = EventTable(journal)
        self.newest_event = Table[None, int](journal)
        """One row: the newest event number given; none before the first."""
        self.followers = Table[str, int](journal)
        """By name; without a row it follows nothing."""
        self.condition_sets = Table[int, ConditionSet](journal)
        """By trigger id."""
        self.requeued = Table[int, bool](journal)
        """Live runs that a node held before, and that became queued again."""
        self.run_ids = count(1)
        self.job_ids = count(1)
        self.trigger_ids = count(1)
        self.backfill_ids = count(1)
        self.calendar_ids = count(1)
        self.queue_ids = count(1)
        self.workflow_ids = count(1)
        self.workflow_run_ids = count(1)
        self.webhook_ids = count(1)
        self.delivery_ids = count(1)
        self.epochs = count(1)
