"""Batch instances and their runs in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from callboard.domain.batch_instance import BatchHistory, BatchInstance, BatchRun
from callboard.domain.batch_step import StepExecution
from callboard.errors import TransactionConflict
from callboard.pages import all_pages
from callboard.store import postgres_steps
from callboard.store.postgres_json import to_json, to_json_or_none
from callboard.store.rows_batch import batch_run_from_row, instance_from_row
from callboard.store.statements import Statements, in_parts

STEPS_PAGE: Final = 1000


async def insert_instance(
    sql: Statements, instance: BatchInstance, now: datetime | None
) -> tuple[BatchInstance, bool]:
    identity = instance.group, instance.job, instance.key
    row = await sql.row(
        "insert_batch_instance",
        *identity,
        to_json(instance.parameters),
        instance.state.value,
        instance.live_run_id,
        instance.last_run_id,
        instance.ended_at,
        now,
    )
    if row is not None:
        return replace(instance, id=row["id"], created_at=row["created_at"]), True
    found = await sql.row("lock_batch_identity", *identity)
    if found is None:
        raise TransactionConflict(f"an instance of {instance.job!r} was deleted just now")
    return instance_from_row(found), False


async def find_instances(sql: Statements, ids: Sequence[int]) -> dict[int, BatchInstance]:
    rows = await sql.rows("get_batch_instances", ids) if ids else []
    return {row["id"]: instance_from_row(row) for row in rows}


async def lock_instances(sql: Statements, ids: Sequence[int]) -> dict[int, BatchInstance]:
    rows = await sql.rows("lock_batch_instances", ids) if ids else []
    return {row["id"]: instance_from_row(row) for row in rows}


async def list_instances(
    sql: Statements, group: str, job: str, limit: int, before_id: int | None
) -> list[BatchInstance]:
    rows = await sql.rows("list_batch_instances", before_id, limit, group, job)
    return [instance_from_row(row) for row in rows]


async def update_instances(sql: Statements, instances: Sequence[BatchInstance]) -> None:
    for part in in_parts(instances):
        await sql.rows(
            "update_batch_instances",
            [each.id for each in part],
            [each.state.value for each in part],
            [each.live_run_id for each in part],
            [each.last_run_id for each in part],
            [each.ended_at for each in part],
        )


async def delete_instance(sql: Statements, instance_id: int) -> bool:
    return await sql.value("delete_batch_instance", instance_id) is not None


async def insert_batch_run(sql: Statements, run: BatchRun) -> None:
    await sql.rows(
        "insert_batch_run",
        run.run_id,
        run.instance_id,
        to_json(run.arguments),
        list(run.references),
        to_json(run.context),
        run.exit_code,
        run.exit_message,
        to_json(run.definition),
        to_json_or_none(run.mapped),
        run.begun_at,
        run.recovered_at,
        run.recovery,
    )


async def batch_runs_of_instance(sql: Statements, instance_id: int) -> list[BatchRun]:
    return [batch_run_from_row(row) for row in await sql.rows("list_batch_runs", instance_id)]


async def find_batch_runs(sql: Statements, run_ids: Sequence[int]) -> dict[int, BatchRun]:
    rows = await sql.rows("get_batch_runs", run_ids) if run_ids else []
    return {row["run_id"]: batch_run_from_row(row) for row in rows}


async def update_batch_runs(sql: Statements, runs: Sequence[BatchRun]) -> None:
    for part in in_parts(runs):
        await sql.rows(
            "update_batch_runs",
            [each.run_id for each in part],
            [to_json(each.context) for each in part],
            [each.exit_code for each in part],
            [each.exit_message for each in part],
            [to_json(each.definition) for each in part],
            [each.begun_at for each in part],
            [each.recovered_at for each in part],
            [each.recovery for each in part],
        )


async def history(sql: Statements, instance_id: int) -> BatchHistory | None:
    """In a transaction that sees one moment."""
    instance = (await find_instances(sql, [instance_id])).get(instance_id)
    if instance is None:
        return None
    runs = await batch_runs_of_instance(sql, instance_id)
    steps = [step for run in runs for step in await _steps_of_run(sql, run.run_id)]
    return BatchHistory(
        instance=instance,
        runs=tuple(runs),
        steps=tuple(sorted(steps, key=lambda step: step.id)),
        moves=tuple(await postgres_steps.moves_of_instance(sql, instance_id)),
    )


async def _steps_of_run(sql: Statements, run_id: int) -> list[StepExecution]:
    """In pages: very many partitions at once would block the event loop."""

    async def page(last: StepExecution | None) -> list[StepExecution]:
        after = 0 if last is None else last.id
        return await postgres_steps.list_steps(sql, run_id, STEPS_PAGE, after)

    return await all_pages(page, STEPS_PAGE)


async def origin(sql: Statements) -> str:
    found: str = await sql.value("get_batch_origin")
    return found
