"""The work of one transaction: its verbs, and what is to be told once it is committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.domain.trigger import Trigger
from callboard.events import EventRecord, run_record, subject_record
from callboard.store.contract import Transaction


@dataclass(slots=True, kw_only=True)
class Work:
    """Handed to every change; collects events while the change writes."""

    tx: Transaction
    new_trace_id: Callable[[], str]
    """32 random lower-case hex digits."""
    records: list[EventRecord] = field(default_factory=list)
    runs: list[Run | None] = field(default_factory=list)
    """For each record the run that it tells of."""
    triggers: list[Trigger] = field(default_factory=list)
    """Triggers whose timing or state changed, as they are now."""
    logged_run_ids: set[int] = field(default_factory=set)
    slots: Counter[str] = field(default_factory=Counter)
    """Decided slots by `fired` or the reason of the skip."""

    @property
    def now(self) -> datetime:
        return self.tx.now

    def run_changed(self, run: Run) -> None:
        self.records.append(run_record(run))
        self.runs.append(run)

    def runs_changed(self, runs: Sequence[Run]) -> None:
        for run in runs:
            self.run_changed(run)

    def trigger_changed(self, trigger: Trigger) -> None:
        self.triggers.append(trigger)
        facts = {"state": trigger.state.value, "version": trigger.version}
        self._subject("trigger.changed", trigger, facts)

    def trigger_deleted(self, trigger: Trigger) -> None:
        self.triggers.append(trigger)
        self._subject("trigger.deleted", trigger, {})

    def job_changed(self, job: Job) -> None:
        self._subject("job.changed", job, {"version": job.version})

    def job_deleted(self, job: Job) -> None:
        self._subject("job.deleted", job, {})

    def _subject(self, type: str, thing: Job | Trigger, facts: JsonObject) -> None:
        self.records.append(subject_record(type, thing.group, thing.name, **facts))
        self.runs.append(None)
