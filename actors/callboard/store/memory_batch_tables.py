"""The memory store's tables of batch instances, their runs, steps, moves and skipped items."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from callboard.domain.batch_instance import BatchInstance, BatchRun
from callboard.domain.batch_step import Move, SkippedItem, StepExecution, StepState
from callboard.store.memory_journal import Journal, Table
from callboard.store.memory_sorted import SortedKeys


class InstanceTable(Table[int, BatchInstance]):
    """Instances by id, with their identities."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._ids: dict[tuple[str, str, str], int] = {}
        self._of_job: dict[tuple[str, str], SortedKeys[int]] = {}

    def by_identity(self, group: str, job: str, key: str) -> BatchInstance | None:
        instance_id = self._ids.get((group, job, key))
        return None if instance_id is None else self.rows[instance_id]

    def newest(self, group: str, job: str, before_id: int | None = None) -> Iterator[BatchInstance]:
        """Of the job, those before `before_id`, the highest id first."""
        ids = self._of_job.get((group, job)) or SortedKeys[int]()
        descending = reversed(ids) if before_id is None else ids.below(before_id)
        return (self.rows[instance_id] for instance_id in descending)

    def reindex(self, key: int, before: BatchInstance | None, after: BatchInstance | None) -> None:
        if before is None and after is not None:
            self._ids[after.group, after.job, after.key] = key
            self._of_job.setdefault((after.group, after.job), SortedKeys()).add(key)
        elif after is None and before is not None:
            del self._ids[before.group, before.job, before.key]
            self._of_job[before.group, before.job].discard(key)


class BatchRunTable(Table[int, BatchRun]):
    """Batch runs by run id, and by their instance."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._of_instance: dict[int, SortedKeys[int]] = {}

    def of_instance(self, instance_id: int) -> list[BatchRun]:
        return [self.rows[run_id] for run_id in self._of_instance.get(instance_id, ())]

    def reindex(self, key: int, before: BatchRun | None, after: BatchRun | None) -> None:
        if before is None and after is not None:
            self._of_instance.setdefault(after.instance_id, SortedKeys()).add(key)
        elif after is None and before is not None:
            self._of_instance[before.instance_id].discard(key)


class StepTable(Table[int, StepExecution]):
    """Step executions by id, by their instance and by their run."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._of_instance: dict[int, SortedKeys[int]] = {}
        self._of_run: dict[int, SortedKeys[int]] = {}
        self._running: dict[int, SortedKeys[int]] = {}

    def of_instance(self, instance_id: int) -> list[StepExecution]:
        return [self.rows[step_id] for step_id in self._of_instance.get(instance_id, ())]

    def of_run(self, run_id: int) -> list[StepExecution]:
        return [self.rows[step_id] for step_id in self._of_run.get(run_id, ())]

    def running(self, instance_id: int) -> list[StepExecution]:
        return [self.rows[step_id] for step_id in self._running.get(instance_id, ())]

    def reindex(self, key: int, before: StepExecution | None, after: StepExecution | None) -> None:
        if before is not None:
            self._of_instance[before.instance_id].discard(key)
            self._of_run[before.run_id].discard(key)
            if before.state is StepState.RUNNING:
                self._running[before.instance_id].discard(key)
        if after is not None:
            self._of_instance.setdefault(after.instance_id, SortedKeys()).add(key)
            self._of_run.setdefault(after.run_id, SortedKeys()).add(key)
            if after.state is StepState.RUNNING:
                self._running.setdefault(after.instance_id, SortedKeys()).add(key)


class SkipTable(Table[int, SkippedItem]):
    """Skipped items by a number, and by their step."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._of_step: dict[int, SortedKeys[int]] = {}

    def numbers_of(self, step_id: int) -> list[int]:
        return [*self._of_step.get(step_id, ())]

    def reindex(self, key: int, before: SkippedItem | None, after: SkippedItem | None) -> None:
        if before is None and after is not None:
            self._of_step.setdefault(after.step_id, SortedKeys()).add(key)
        elif after is None and before is not None:
            self._of_step[before.step_id].discard(key)


class BatchTables:
    """All of them, and the counters that no rollback takes back."""

    def __init__(self, journal: Journal) -> None:
        self.instances = InstanceTable(journal)
        self.runs = BatchRunTable(journal)
        self.steps = StepTable(journal)
        self.moves = Table[int, tuple[Move, ...]](journal)
        """By instance id, in the order in which they were made."""
        self.skips = SkipTable(journal)
        self.instance_ids = count(1)
        self.step_ids = count(1)
        self.skip_numbers = count(1)
