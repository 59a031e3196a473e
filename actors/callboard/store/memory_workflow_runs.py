"""The memory store's table of workflow runs."""

from __future__ import annotations

from collections.abc import Iterator

from callboard.domain.workflow import WorkflowRun
from callboard.store.contract_values import WorkflowRunFilter
from callboard.store.memory_journal import Journal, Table
from callboard.store.memory_sorted import SortedKeys


class WorkflowRunTable(Table[int, WorkflowRun]):
    """Workflow runs by id, with those that have not ended by their workflow."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._ids = SortedKeys[int]()
        self._live: dict[int, set[int]] = {}

    def newest(self, wanted: WorkflowRunFilter) -> Iterator[WorkflowRun]:
        """Those that the filter lets through, highest id first, without its limit."""
        before_id = wanted.before_id
        ids = reversed(self._ids) if before_id is None else self._ids.below(before_id)
        for run_id in ids:
            run = self.rows[run_id]
            if wanted.group in (None, run.group) and wanted.workflow in (None, run.workflow):
                yield run

    def count_live(self, workflow_id: int) -> int:
        """How many runs of the workflow have not ended."""
        return len(self._live.get(workflow_id, ()))

    def reindex(self, key: int, before: WorkflowRun | None, after: WorkflowRun | None) -> None:
        if before is not None:
            self._ids.discard(key)
            if not before.has_ended:
                self._drop(before.workflow_id, key)
        if after is not None:
            self._ids.add(key)
            if not after.has_ended:
                self._live.setdefault(after.workflow_id, set()).add(key)

    def _drop(self, workflow_id: int, key: int) -> None:
        ids = self._live[workflow_id]
        ids.discard(key)
        if not ids:
            del self._live[workflow_id]
