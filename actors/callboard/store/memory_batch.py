"""The memory store's batch instances and their steps: a part of its transaction, and its reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from callboard.domain.amend import amended
from callboard.domain.batch_instance import BatchHistory, BatchInstance, BatchRun
from callboard.domain.batch_partitions import PartitionRecord
from callboard.domain.batch_rename import SEPARATOR, renamed_moves, renamed_step
from callboard.domain.batch_step import (
    Checkpoint,
    Move,
    SkippedItem,
    StepCounts,
    StepExecution,
    sum_of,
)
from callboard.domain.json import JsonObject
from callboard.store.memory_batch_tables import BatchTables
from callboard.store.memory_tables import Tables
from callboard.store.postgres_json import from_json, to_json


class MemoryBatch:
    """The verbs; `contract.Transaction` says what they do."""

    _tables: Tables
    _now: datetime

    async def insert_instance(self, instance: BatchInstance) -> tuple[BatchInstance, bool]:
        table = self._tables.batch.instances
        found = table.by_identity(instance.group, instance.job, instance.key)
        if found is not None:
            return found, False
        new_id = next(self._tables.batch.instance_ids)
        stored = amended(instance, id=new_id, created_at=self._now)
        table.write(new_id, stored)
        return stored, True

    async def find_instances(self, ids: Sequence[int]) -> dict[int, BatchInstance]:
        rows = self._tables.batch.instances.rows
        return {each: rows[each] for each in ids if each in rows}

    async def lock_instances(self, ids: Sequence[int]) -> dict[int, BatchInstance]:
        return await self.find_instances(sorted(set(ids)))

    async def last_instance(self, group: str, job: str) -> BatchInstance | None:
        return next(self._tables.batch.instances.newest(group, job), None)

    async def update_instances(self, instances: Sequence[BatchInstance]) -> None:
        table = self._tables.batch.instances
        for each in instances:
            if (stored := table.rows.get(each.id)) is not None:
                table.write(each.id, _with_life_of(stored, each))

    async def delete_instance(self, instance_id: int) -> bool:
        batch = self._tables.batch
        if instance_id not in batch.instances.rows:
            return False
        delete_steps(batch, [step.id for step in batch.steps.of_instance(instance_id)])
        for run in batch.runs.of_instance(instance_id):
            batch.runs.write(run.run_id, None)
        batch.moves.write(instance_id, None)
        batch.instances.write(instance_id, None)
        return True

    async def insert_batch_run(self, run: BatchRun) -> None:
        self._tables.batch.runs.write(run.run_id, amended(run, context=_copied(run.context)))

    async def find_batch_runs(self, run_ids: Sequence[int]) -> dict[int, BatchRun]:
        return find_batch_runs(self._tables, run_ids)

    async def update_batch_runs(self, runs: Sequence[BatchRun]) -> None:
        table = self._tables.batch.runs
        for each in runs:
            if (stored := table.rows.get(each.run_id)) is not None:
                table.write(each.run_id, _with_progress_of(stored, each))

    async def insert_step(self, step: StepExecution) -> StepExecution:
        new_id = next(self._tables.batch.step_ids)
        stored = amended(
            step,
            id=new_id,
            first_id=step.first_id or new_id,
            checkpoint=kept(step.checkpoint),
            started_at=self._now,
        )
        self._tables.batch.steps.write(new_id, stored)
        return stored

    async def outline_of_instance(self, instance_id: int) -> list[StepExecution]:
        table = self._tables.batch.steps
        last = {step.name: step for step in table.of_instance(instance_id) if is_plain(step)}
        found = {step.id: step for step in (*last.values(), *table.running(instance_id))}
        return [found[step_id] for step_id in sorted(found)]

    async def partition_counts(self, managers: Sequence[StepExecution]) -> dict[int, StepCounts]:
        table, ids = self._tables.batch.steps, {step.id for step in managers}
        counts: defaultdict[int, list[StepCounts]] = defaultdict(list)
        for run_id in {step.run_id for step in managers}:
            for step in table.of_run(run_id):
                if step.manager_id is not None and step.manager_id in ids:
                    counts[step.manager_id].append(step.counts)
        return {manager_id: sum_of(each) for manager_id, each in counts.items()}

    async def last_execution(self, instance_id: int, name: str, visit: int) -> StepExecution | None:
        steps = reversed(self._tables.batch.steps.of_instance(instance_id))
        return next((step for step in steps if (step.name, step.visit) == (name, visit)), None)

    async def count_executions(self, instance_id: int, name: str, most: int) -> int:
        steps = self._tables.batch.steps.of_instance(instance_id)
        return min(most, sum(step.name == name for step in steps))

    async def lock_running_steps(self, instance_ids: Sequence[int]) -> list[StepExecution]:
        table = self._tables.batch.steps
        found = [step for each in set(instance_ids) for step in table.running(each)]
        return sorted(found, key=lambda step: step.id)

    async def committing_instances(self, instance_ids: Sequence[int]) -> set[int]:
        return set()  # a chunk commits at one blow

    async def lock_step(self, step_id: int) -> StepExecution | None:
        return self._tables.batch.steps.rows.get(step_id)

    async def update_steps(self, steps: Sequence[StepExecution]) -> None:
        table = self._tables.batch.steps
        for each in steps:
            if (stored := table.rows.get(each.id)) is not None:
                table.write(each.id, _with_end_of(stored, each))

    async def rename_steps(self, instance_id: int, names: JsonObject) -> None:
        batch = self._tables.batch
        for step in batch.steps.of_instance(instance_id):
            renamed = renamed_step(step, names)
            if renamed is None:
                delete_steps(batch, [step.id])
            elif renamed is not step:
                batch.steps.write(step.id, renamed)
        moves = tuple(renamed_moves(batch.moves.rows.get(instance_id, ()), names))
        batch.moves.write(instance_id, moves or None)

    async def put_moves(self, instance_id: int, moves: Sequence[Move]) -> None:
        table = self._tables.batch.moves
        made = {(move.node, move.visit): move for move in table.rows.get(instance_id, ())}
        for move in moves:
            made.pop((move.node, move.visit), None)
            made[move.node, move.visit] = amended(move, at=move.at or self._now)
        table.write(instance_id, tuple(made.values()) or None)

    async def ways_of_instance(self, instance_id: int) -> list[Move]:
        ways: list[Move] = []
        for move in self._tables.batch.moves.rows.get(instance_id, ()):
            way = Move(node=move.node, code=move.code, target=move.target)
            if way not in ways:
                ways.append(way)
        return ways


def _with_life_of(stored: BatchInstance, instance: BatchInstance) -> BatchInstance:
    return amended(
        stored,
        state=instance.state,
        live_run_id=instance.live_run_id,
        last_run_id=instance.last_run_id,
        ended_at=instance.ended_at,
    )


def _with_progress_of(stored: BatchRun, run: BatchRun) -> BatchRun:
    return amended(
        stored,
        context=_copied(run.context),
        exit_code=run.exit_code,
        exit_message=run.exit_message,
        definition=run.definition,
        begun_at=run.begun_at,
        recovered_at=run.recovered_at,
        recovery=run.recovery,
    )


def _with_end_of(stored: StepExecution, step: StepExecution) -> StepExecution:
    return amended(
        stored,
        state=step.state,
        exit_code=step.exit_code,
        exit_message=step.exit_message,
        checkpoint=kept(step.checkpoint),
        plan=step.plan,
        expected=step.expected,
        ended_at=step.ended_at,
    )


def kept(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint as it is: what the step's code does to its own values later is not stored."""
    return amended(
        checkpoint, cursor=_copied(checkpoint.cursor), context=_copied(checkpoint.context)
    )


def _copied(value: Any) -> Any:
    return from_json(to_json(value))


def delete_steps(batch: BatchTables, step_ids: Sequence[int]) -> None:
    """With the items that they have skipped."""
    for step_id in step_ids:
        for number in batch.skips.numbers_of(step_id):
            batch.skips.write(number, None)
        batch.steps.write(step_id, None)


def find_batch_runs(tables: Tables, run_ids: Sequence[int]) -> dict[int, BatchRun]:
    """Those that exist."""
    rows = tables.batch.runs.rows
    return {run_id: rows[run_id] for run_id in run_ids if run_id in rows}


def list_instances(
    tables: Tables, group: str, job: str, limit: int, before_id: int | None
) -> list[BatchInstance]:
    """One page, newest first."""
    return [*islice(tables.batch.instances.newest(group, job, before_id), limit)]


def batch_history(tables: Tables, instance_id: int) -> BatchHistory | None:
    instance = tables.batch.instances.rows.get(instance_id)
    if instance is None:
        return None
    return BatchHistory(
        instance=instance,
        runs=tuple(tables.batch.runs.of_instance(instance_id)),
        steps=tuple(tables.batch.steps.of_instance(instance_id)),
        moves=tables.batch.moves.rows.get(instance_id, ()),
    )


def counts_before(tables: Tables, step_id: int) -> dict[int, StepCounts]:
    """Of the executions whose work that one goes on with."""
    step = tables.batch.steps.rows.get(step_id)
    if step is None:
        return {}
    return {
        each.id: each.counts
        for each in tables.batch.steps.of_instance(step.instance_id)
        if each.name == step.name and each.first_id == step.first_id and each.id < step_id
    }


def list_instance_steps(
    tables: Tables, instance_id: int, limit: int, after: int
) -> list[StepExecution]:
    """One page of those that are no partitions, by id."""
    steps = tables.batch.steps.of_instance(instance_id)
    return [step for step in steps if is_plain(step) and step.id > after][:limit]


def list_partitions(
    tables: Tables, instance_id: int, step: str, visit: int, limit: int, before: str
) -> list[PartitionRecord]:
    """One page of the step's on that visit, by name, backwards, each as it was executed last."""
    last: dict[str, PartitionRecord] = {}
    for each in tables.batch.steps.of_instance(instance_id):
        if each.manager_id is None or each.visit != visit:
            continue
        if each.name.partition(SEPARATOR)[0] == step and (not before or each.name < before):
            last[each.name] = PartitionRecord(
                name=each.name,
                manager_id=each.manager_id,
                state=each.state,
                exit_code=each.exit_code,
            )
    return [last[name] for name in sorted(last, reverse=True)[:limit]]


def list_moves(tables: Tables, instance_id: int, limit: int, after: tuple[str, int]) -> list[Move]:
    """One page, by node and visit."""
    moves = tables.batch.moves.rows.get(instance_id, ())
    places = {(move.node, move.visit): move for move in moves}
    return [places[place] for place in sorted(places) if place > after][:limit]


def is_plain(step: StepExecution) -> bool:
    return step.manager_id is None


def list_skipped_items(
    tables: Tables, run_id: int | None, step_id: int | None, limit: int, after: int
) -> list[SkippedItem]:
    """Of the step, or of all steps of the run; in the order in which they were stored."""
    batch = tables.batch
    ids = [] if run_id is None else [step.id for step in batch.steps.of_run(run_id)]
    ids = ids if step_id is None else [step_id]
    numbers = sorted(number for each in ids for number in batch.skips.numbers_of(each))
    return [batch.skips.rows[number] for number in numbers if number > after][:limit]


def closed_before(tables: Tables, cutoff: datetime | None) -> list[int]:
    """Ids of instances that no run can follow, and whose last one ended before the cutoff."""
    if cutoff is None:
        return []
    rows = tables.batch.instances.rows.values()
    return [
        each.id
        for each in rows
        if each.state.is_closed and each.ended_at is not None and each.ended_at < cutoff
    ]
