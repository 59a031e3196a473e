"""The work of one transaction: its verbs, and what is to be told once it is committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from callboard.changes.suspended_start import SuspendedStart
from callboard.domain.backfill import Backfill
from callboard.domain.batch_instance import BatchInstance, BatchRun
from callboard.domain.batch_step import StepExecution, StepState
from callboard.domain.calendar import Calendar
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.parameters import ArgumentChecks
from callboard.domain.queue import Queue
from callboard.domain.run import Run
from callboard.domain.states import ON_NODE, RunState
from callboard.domain.trigger import Trigger
from callboard.domain.webhook import Webhook
from callboard.domain.workflow import Workflow, WorkflowRun
from callboard.events import (
    EventRecord,
    backfill_record,
    progress_record,
    run_record,
    step_record,
    subject_record,
)
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
    queued: list[Run] = field(default_factory=list)
    """Runs that were created, of which there is nothing else to tell; told before the records.

    So one that follows from what a record tells has a record of its own.
    """
    triggers: list[Trigger] = field(default_factory=list)
    """Triggers whose timing or state changed, as they are now."""
    logged_run_ids: set[int] = field(default_factory=set)
    seeking: list[tuple[Job, Run]] = field(default_factory=list)
    """Runs that were created, and have failed where their jobs turn out to be full."""
    refused: dict[int, Run] = field(default_factory=dict)
    """Those that have, by id."""
    suspended: list[SuspendedStart] = field(default_factory=list)
    """Starts that are refused where their jobs turn out to be full."""
    freed: dict[int, datetime] = field(default_factory=dict)
    """Triggers of which a run ended, was parked, or was not started at all: when, by id."""
    freed_by_runs: set[int] = field(default_factory=set)
    """Those of which a run ended or was parked."""
    batch_runs: list[Run] = field(default_factory=list)
    """Runs of batch instances that were created, have ended or have left the hands of a node, and
    that the instances do not know of yet; in that order."""
    drafts: dict[int, BatchRun] = field(default_factory=dict)
    """By instance, what the run begins with that is about to be created for it. Its id is 0 where
    it is not known yet."""
    bookmarked: list[Run] = field(default_factory=list)
    """Ended runs of which the bookmarks of their jobs keep count."""
    followed: list[Run] = field(default_factory=list)
    """Runs of workflow runs that were created, or have ended, and that these do not know of yet."""
    enrolled: set[int] = field(default_factory=set)
    """Runs that were created by their workflow runs, which know of them."""
    stoppable: set[int] = field(default_factory=set)
    """Runs that were locked for the sake of workflow runs which are to be stopped."""
    held: set[tuple[int, int]] = field(default_factory=set)
    """(epoch, shard): shards that their nodes have proved to have, until the commit."""
    hints: set[str] = field(default_factory=set)
    """Topics for other nodes, of what no event tells."""
    jobs: dict[int, Job] = field(default_factory=dict)
    """Jobs as they were read under a lock, or written, by id."""
    checks: ArgumentChecks = field(default_factory=ArgumentChecks)
    gone_job_ids: set[int] = field(default_factory=set)
    slots: Counter[str] = field(default_factory=Counter)
    """Decided slots by `fired` or the reason of the skip."""

    @property
    def now(self) -> datetime:
        return self.tx.now

    @property
    def has_events(self) -> bool:
        return bool(self.records or self.queued)

    async def append_events(self) -> int:
        """Store what is to be told; the number of the first event, 0 without any."""
        if not self.has_events:
            return 0
        return await self.tx.append_events(self.records, queued=self.queued)

    def run_changed(self, run: Run) -> None:
        self.records.append(run_record(run))
        self.runs.append(run)
        if run.terms is not None and run.terms.is_followed:
            if run.terms.workflow_run_id is not None:
                self.followed.append(run)
            if run.terms.bookmark and run.has_ended:
                self.bookmarked.append(run)
            if run.terms.instance_id and run.state not in ON_NODE:
                self.batch_runs.append(run)
        if run.trigger_id is not None and (run.has_ended or run.state is RunState.PARKED):
            self.freed_by_runs.add(run.trigger_id)
            self.trigger_freed(run.trigger_id, run.ended_at or self.now)

    def runs_changed(self, runs: Sequence[Run]) -> None:
        for run in runs:
            self.run_changed(run)

    def runs_progressed(self, runs: Sequence[Run]) -> None:
        for run in runs:
            self.records.append(progress_record(run))
            self.runs.append(run)

    def step_changed(self, instance: BatchInstance, step: StepExecution) -> None:
        """It began, or has ended."""
        type = "step.started" if step.state is StepState.RUNNING else "step.ended"
        self.records.append(step_record(type, instance.group, instance.job, step))
        self.runs.append(None)

    def trigger_changed(self, trigger: Trigger) -> None:
        self.triggers.append(trigger)
        facts = {"state": trigger.state.value, "version": trigger.version}
        self._subject("trigger.changed", trigger, facts)

    def trigger_moved(self, trigger: Trigger) -> None:
        """It waits for another instant; of interest to schedulers alone."""
        self.triggers.append(trigger)

    def trigger_freed(self, trigger_id: int, at: datetime) -> None:
        """It may have no live run any more."""
        at = min(at, self.now)  # a node's clock may be fast
        self.freed[trigger_id] = max(at, self.freed.get(trigger_id, at))

    def trigger_deleted(self, trigger: Trigger) -> None:
        self.triggers.append(trigger)
        self._subject("trigger.deleted", trigger, {})

    def job_changed(self, job: Job) -> None:
        self.jobs[job.id] = job
        self._subject("job.changed", job, {"version": job.version})

    def job_deleted(self, job: Job) -> None:
        self.gone_job_ids.add(job.id)
        self._subject("job.deleted", job, {})

    def calendar_changed(self, calendar: Calendar) -> None:
        self._subject("calendar.changed", calendar, {"version": calendar.version})

    def calendar_deleted(self, calendar: Calendar) -> None:
        self._subject("calendar.deleted", calendar, {})

    def webhook_changed(self, webhook: Webhook) -> None:
        self._subject("webhook.changed", webhook, {"version": webhook.version})
        self.hints.add("deliveries")

    def webhook_called(self, webhook: Webhook) -> None:
        self._subject("webhook.called", webhook, {})
        self.hints.add("deliveries")

    def webhook_deleted(self, webhook: Webhook) -> None:
        self._subject("webhook.deleted", webhook, {})

    def deadline_missed(self, group: str, trigger: str, facts: JsonObject) -> None:
        self.records.append(subject_record("deadline.missed", group, trigger, **facts))
        self.runs.append(None)

    def queue_changed(self, queue: Queue) -> None:
        """Its runs may begin now, on this node or on another."""
        self._subject("queue.changed", queue, {"version": queue.version, "paused": queue.paused})
        self.hints.add("runs")

    def queue_deleted(self, queue: Queue) -> None:
        self._subject("queue.deleted", queue, {})
        self.hints.add("runs")

    def workflow_changed(self, workflow: Workflow) -> None:
        self._subject("workflow.changed", workflow, {"version": workflow.version})

    def workflow_deleted(self, workflow: Workflow) -> None:
        self._subject("workflow.deleted", workflow, {})

    def workflow_run_started(self, run: WorkflowRun) -> None:
        self._workflow_run("workflow_run.started", run)

    def workflow_run_ended(self, run: WorkflowRun) -> None:
        self._workflow_run("workflow_run.ended", run)

    def _workflow_run(self, type: str, run: WorkflowRun) -> None:
        facts = {"id": run.id, "state": run.state.value}
        self.records.append(subject_record(type, run.group, run.workflow, **facts))
        self.runs.append(None)

    def clock_jumped(self, **facts: str | float) -> None:
        self.records.append(EventRecord(type="clock.jumped", patch=facts))
        self.runs.append(None)

    def backfill_changed(self, backfill: Backfill) -> None:
        """Told once in a transaction, as it is at the end."""
        record = backfill_record(backfill)
        for place, told in enumerate(self.records):
            if told.type == record.type and told.patch["id"] == backfill.id:
                self.records[place] = record
                return
        self.records.append(record)
        self.runs.append(None)

    def _subject(
        self,
        type: str,
        thing: Job | Trigger | Calendar | Queue | Webhook | Workflow,
        facts: JsonObject,
    ) -> None:
        self.records.append(subject_record(type, thing.group, thing.name, **facts))
        self.runs.append(None)
