"""The memory store's workflows and workflow runs: a part of its transaction, and its reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from callboard.domain.amend import amended
from callboard.domain.trigger import Trigger
from callboard.domain.workflow import Workflow, WorkflowRun
from callboard.store.contract_values import WorkflowFilter, WorkflowRunFilter
from callboard.store.memory_tables import Tables


class MemoryWorkflows:
    """The verbs; `contract.Transaction` says what they do."""

    _tables: Tables
    _now: datetime

    async def insert_workflow(self, workflow: Workflow) -> Workflow | None:
        return self._tables.workflows.define(workflow, self._tables.workflow_ids, self._now)

    async def update_workflow(self, workflow: Workflow) -> Workflow | None:
        return self._tables.workflows.redefine(workflow, self._now)

    async def delete_workflow(self, workflow_id: int) -> bool:
        return self._tables.workflows.remove(workflow_id)

    async def lock_workflows(
        self, names: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], Workflow]:
        found = {name: self._tables.workflows.by_name(*name) for name in names}
        return {name: each for name, each in found.items() if each is not None}

    async def triggers_of_workflow(self, group: str, workflow: str) -> list[Trigger]:
        members = self._tables.triggers.of_workflow(group, workflow)
        return [self._tables.obeying(trigger) for trigger in members]

    async def count_workflow_runs(self, workflow_ids: Sequence[int]) -> dict[int, int]:
        table = self._tables.workflow_runs
        counts = {workflow_id: table.count_live(workflow_id) for workflow_id in workflow_ids}
        return {workflow_id: count for workflow_id, count in counts.items() if count}

    async def allocate_workflow_run_ids(self, count: int) -> list[int]:
        return [*islice(self._tables.workflow_run_ids, count)]

    async def insert_workflow_runs(self, runs: Sequence[WorkflowRun]) -> list[WorkflowRun]:
        stored = [amended(run, created_at=self._now) for run in runs]
        for run in stored:
            self._tables.workflow_runs.write(run.id, run)
        return stored

    async def find_workflow_runs(self, ids: Sequence[int]) -> dict[int, WorkflowRun]:
        return find_runs(self._tables, ids)

    async def lock_workflow_runs(self, ids: Sequence[int]) -> dict[int, WorkflowRun]:
        return find_runs(self._tables, sorted(ids))

    async def update_workflow_runs(self, runs: Sequence[WorkflowRun]) -> None:
        for run in runs:
            stored = self._tables.workflow_runs.rows.get(run.id)
            if stored is not None:
                self._tables.workflow_runs.write(run.id, _with_changeable_fields(stored, run))


def _with_changeable_fields(stored: WorkflowRun, run: WorkflowRun) -> WorkflowRun:
    return amended(
        stored,
        state=run.state,
        properties=run.properties,
        fired=run.fired,
        met=run.met,
        runs=run.runs,
        live=run.live,
        missing=run.missing,
        ended_at=run.ended_at,
    )


def find_runs(tables: Tables, ids: Sequence[int]) -> dict[int, WorkflowRun]:
    """Those that exist."""
    rows = tables.workflow_runs.rows
    return {run_id: rows[run_id] for run_id in ids if run_id in rows}


def list_workflows(tables: Tables, wanted: WorkflowFilter) -> list[Workflow]:
    """One page, by group and name."""
    fitting = (
        each
        for each in tables.workflows.in_order(wanted.after)
        if wanted.group in (None, each.group) and wanted.labels.items() <= each.labels.items()
    )
    return list(islice(fitting, wanted.limit))


def list_workflow_runs(tables: Tables, wanted: WorkflowRunFilter) -> list[WorkflowRun]:
    """One page, newest first."""
    return list(islice(tables.workflow_runs.newest(wanted), wanted.limit))


def ended_before(tables: Tables, cutoff: datetime | None, limit: int) -> list[int]:
    """Ids of workflow runs that ended before the cutoff, the lowest first."""
    if cutoff is None:
        return []
    rows = tables.workflow_runs.rows.values()
    old = sorted(each.id for each in rows if each.ended_at is not None and each.ended_at < cutoff)
    return old[:limit]
