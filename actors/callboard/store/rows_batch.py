"""From a row to a batch instance, its runs, steps, moves and skipped items."""

from __future__ import annotations

from callboard.domain.batch_instance import BatchInstance, BatchRun, InstanceState
from callboard.domain.batch_partitions import PartitionRecord
from callboard.domain.batch_step import (
    Checkpoint,
    Move,
    SkippedItem,
    StepCounts,
    StepExecution,
    StepState,
)
from callboard.store.postgres_json import from_json
from callboard.store.statements import Row


def instance_from_row(row: Row) -> BatchInstance:
    return BatchInstance(
        id=row["id"],
        group=row["group_name"],
        job=row["job"],
        key=row["key"],
        parameters=from_json(row["parameters"]),
        state=InstanceState(row["state"]),
        live_run_id=row["live_run_id"],
        last_run_id=row["last_run_id"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )


def batch_run_from_row(row: Row) -> BatchRun:
    return BatchRun(
        run_id=row["run_id"],
        instance_id=row["instance_id"],
        arguments=from_json(row["arguments"]),
        references=tuple(row["reference_names"]),
        context=from_json(row["context"]),
        exit_code=row["exit_code"],
        exit_message=row["exit_message"],
        definition=from_json(row["definition"]),
        mapped=None if row["mapped"] is None else from_json(row["mapped"]),
        begun_at=row["begun_at"],
        recovered_at=row["recovered_at"],
        recovery=row["recovery"],
    )


def step_from_row(row: Row) -> StepExecution:
    return StepExecution(
        id=row["id"],
        instance_id=row["instance_id"],
        run_id=row["run_id"],
        manager_id=row["manager_id"],
        first_id=row["first_id"],
        name=row["name"],
        visit=row["visit"],
        state=StepState(row["state"]),
        exit_code=row["exit_code"],
        exit_message=row["exit_message"],
        checkpoint=checkpoint_from_row(row),
        plan=None if row["plan"] is None else tuple(from_json(row["plan"])),
        expected=row["expected"],
        started_at=row["started_at"],
        committed_at=row["committed_at"],
        ended_at=row["ended_at"],
    )


def checkpoint_from_row(row: Row) -> Checkpoint:
    cursor = row["cursor_value"]
    return Checkpoint(
        cursor=None if cursor is None else from_json(cursor),
        context=from_json(row["context"]),
        counts=counts_from_row(row),
    )


def counts_from_row(row: Row) -> StepCounts:
    return StepCounts(
        reads=row["reads"],
        writes=row["writes"],
        filters=row["filters"],
        commits=row["commits"],
        rollbacks=row["rollbacks"],
        read_skips=row["read_skips"],
        process_skips=row["process_skips"],
        write_skips=row["write_skips"],
        retries=row["retries"],
    )


def partition_from_row(row: Row) -> PartitionRecord:
    return PartitionRecord(
        name=row["name"],
        manager_id=row["manager_id"],
        state=StepState(row["state"]),
        exit_code=row["exit_code"],
    )


def counts_as_values(counts: StepCounts) -> tuple[int, ...]:
    """In the order in which the statements take them."""
    return (
        counts.reads,
        counts.writes,
        counts.filters,
        counts.commits,
        counts.rollbacks,
        counts.read_skips,
        counts.process_skips,
        counts.write_skips,
        counts.retries,
    )


def move_from_row(row: Row) -> Move:
    return Move(
        node=row["node"],
        visit=row["visit"],
        code=row["code"],
        target=from_json(row["target"]),
        run_id=row["run_id"],
        at=row["at"],
    )


def way_from_row(row: Row) -> Move:
    return Move(node=row["node"], code=row["code"], target=from_json(row["target"]))


def skipped_from_row(row: Row) -> SkippedItem:
    return SkippedItem(**dict(row))
