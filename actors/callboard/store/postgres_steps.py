"""Steps of batch runs, the moves between them and what they skipped, in PostgreSQL: one function a
statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from callboard.domain.batch_partitions import PartitionRecord
from callboard.domain.batch_rename import renamed_moves
from callboard.domain.batch_step import Move, SkippedItem, StepCounts, StepExecution
from callboard.domain.json import JsonObject
from callboard.store.postgres_json import to_json, to_json_or_none
from callboard.store.rows_batch import (
    counts_as_values,
    counts_from_row,
    move_from_row,
    partition_from_row,
    skipped_from_row,
    step_from_row,
    way_from_row,
)
from callboard.store.statements import Statements, in_parts


async def insert_step(sql: Statements, step: StepExecution, now: datetime | None) -> StepExecution:
    [row] = await sql.rows(
        "insert_batch_step",
        step.instance_id,
        step.run_id,
        step.manager_id,
        step.first_id,
        step.name,
        step.visit,
        step.state.value,
        step.exit_code,
        step.exit_message,
        *counts_as_values(step.counts),
        to_json_or_none(step.checkpoint.cursor),
        to_json(step.checkpoint.context),
        to_json_or_none(step.plan),
        step.expected,
        step.committed_at,
        step.ended_at,
        now,
    )
    return replace(step, id=row["id"], first_id=row["first_id"], started_at=row["started_at"])


async def outline_of_instance(sql: Statements, instance_id: int) -> list[StepExecution]:
    return [step_from_row(row) for row in await sql.rows("list_batch_outline", instance_id)]


async def partition_counts(
    sql: Statements, managers: Sequence[StepExecution]
) -> dict[int, StepCounts]:
    if not managers:
        return {}
    run_ids, ids = [step.run_id for step in managers], [step.id for step in managers]
    rows = await sql.rows("list_batch_partition_counts", run_ids, ids)
    return {row["manager_id"]: counts_from_row(row) for row in rows}


async def last_execution(
    sql: Statements, instance_id: int, name: str, visit: int
) -> StepExecution | None:
    row = await sql.row("get_batch_last_step", instance_id, name, visit)
    return None if row is None else step_from_row(row)


async def count_executions(sql: Statements, instance_id: int, name: str, most: int) -> int:
    starts: int = await sql.value("get_batch_step_starts", instance_id, name, most)
    return starts


async def list_steps(sql: Statements, run_id: int, limit: int, after: int) -> list[StepExecution]:
    rows = await sql.rows("list_batch_steps_of_run", run_id, after, limit)
    return [step_from_row(row) for row in rows]


async def counts_before(sql: Statements, step_id: int) -> dict[int, StepCounts]:
    rows = await sql.rows("list_batch_counts_before", step_id)
    return {row["id"]: counts_from_row(row) for row in rows}


async def list_instance_steps(
    sql: Statements, instance_id: int, limit: int, after: int
) -> list[StepExecution]:
    rows = await sql.rows("list_batch_plain_steps", instance_id, after, limit)
    return [step_from_row(row) for row in rows]


async def list_partitions(
    sql: Statements, instance_id: int, step: str, visit: int, limit: int, before: str
) -> list[PartitionRecord]:
    rows = await sql.rows("list_batch_partitions", instance_id, step, visit, before, limit)
    return [partition_from_row(row) for row in rows]


async def get_step(sql: Statements, step_id: int) -> StepExecution | None:
    row = await sql.row("get_batch_step", step_id)
    return None if row is None else step_from_row(row)


async def lock_running_steps(sql: Statements, instance_ids: Sequence[int]) -> list[StepExecution]:
    rows = await sql.rows("lock_running_steps", instance_ids) if instance_ids else []
    return [step_from_row(row) for row in rows]


async def committing_instances(sql: Statements, instance_ids: Sequence[int]) -> set[int]:
    rows = await sql.rows("list_committing_instances", instance_ids) if instance_ids else []
    return {row["instance_id"] for row in rows}


async def lock_step(sql: Statements, step_id: int) -> StepExecution | None:
    row = await sql.row("lock_batch_step", step_id)
    return None if row is None else step_from_row(row)


async def update_steps(sql: Statements, steps: Sequence[StepExecution]) -> None:
    for part in in_parts(steps):
        counts = zip(*(counts_as_values(each.counts) for each in part), strict=True)
        await sql.rows(
            "update_batch_steps",
            [each.id for each in part],
            [each.state.value for each in part],
            [each.exit_code for each in part],
            [each.exit_message for each in part],
            *counts,
            [to_json_or_none(each.checkpoint.cursor) for each in part],
            [to_json(each.checkpoint.context) for each in part],
            [to_json_or_none(each.plan) for each in part],
            [each.expected for each in part],
            [each.ended_at for each in part],
        )


async def rename_steps(
    sql: Statements, instance_id: int, names: JsonObject, now: datetime | None
) -> None:
    if dropped := [old for old, name in names.items() if name is None]:
        await sql.rows("delete_batch_steps", instance_id, dropped)
    given = {old: name for old, name in names.items() if name is not None}
    if given:
        await sql.rows("rename_batch_steps", instance_id, [*given], [*given.values()])
    moves = await moves_of_instance(sql, instance_id)
    if (kept := renamed_moves(moves, names)) != moves:
        await sql.rows("delete_batch_moves", instance_id)
        await put_moves(sql, instance_id, kept, now)


async def put_moves(
    sql: Statements, instance_id: int, moves: Sequence[Move], now: datetime | None
) -> None:
    # The last one of a node and visit counts, and its place.
    last = {(move.node, move.visit): number for number, move in enumerate(moves)}
    made = [moves[number] for number in sorted(last.values())]
    if not made:
        return
    await sql.rows(
        "put_batch_moves",
        instance_id,
        [move.node for move in made],
        [move.visit for move in made],
        [move.run_id for move in made],
        [move.code for move in made],
        [to_json(move.target) for move in made],
        [move.at for move in made],
        now,
    )


async def moves_of_instance(sql: Statements, instance_id: int) -> list[Move]:
    return [move_from_row(row) for row in await sql.rows("list_batch_moves", instance_id)]


async def list_moves(
    sql: Statements, instance_id: int, limit: int, after: tuple[str, int]
) -> list[Move]:
    rows = await sql.rows("list_batch_moves_page", instance_id, *after, limit)
    return [move_from_row(row) for row in rows]


async def ways_of_instance(sql: Statements, instance_id: int) -> list[Move]:
    return [way_from_row(row) for row in await sql.rows("list_batch_ways", instance_id)]


async def list_skipped_items(
    sql: Statements, run_id: int | None, step_id: int | None, limit: int, after: int
) -> list[SkippedItem]:
    if step_id is not None:
        rows = await sql.rows("list_skips_of_step", step_id, after, limit)
    elif run_id is not None:
        rows = await sql.rows("list_skips_of_run", run_id, after, limit)
    else:
        rows = []
    return [skipped_from_row(row) for row in rows]
