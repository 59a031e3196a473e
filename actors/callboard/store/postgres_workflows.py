"""Workflows and workflow runs in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from callboard.domain.trigger import Trigger
from callboard.domain.workflow import Workflow, WorkflowRun, WorkflowState
from callboard.domain.workflow_json import trigger_from_json, trigger_to_json
from callboard.store.contract_values import WorkflowFilter, WorkflowRunFilter
from callboard.store.postgres_json import from_json, to_json
from callboard.store.rows import trigger_from_row
from callboard.store.statements import Row, Statements


async def insert_workflow(
    sql: Statements, workflow: Workflow, now: datetime | None
) -> Workflow | None:
    row = await sql.row(
        "insert_workflow", workflow.group, workflow.name, _definition(workflow), now
    )
    if row is None:
        return None
    created_at = row["created_at"]
    return replace(workflow, id=row["id"], version=1, created_at=created_at, updated_at=created_at)


async def update_workflow(
    sql: Statements, workflow: Workflow, now: datetime | None
) -> Workflow | None:
    row = await sql.row(
        "update_workflow", workflow.id, workflow.version, _definition(workflow), now
    )
    if row is None:
        return None
    return replace(
        workflow,
        group=row["group_name"],
        name=row["name"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def delete_workflow(sql: Statements, workflow_id: int) -> bool:
    return await sql.value("delete_workflow", workflow_id) is not None


async def lock_workflows(
    sql: Statements, names: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Workflow]:
    if not names:
        return {}
    groups, bare = zip(*names, strict=True)
    found = [_workflow(row) for row in await sql.rows("lock_workflows", groups, bare)]
    return {(each.group, each.name): each for each in found}


async def get_workflow(sql: Statements, group: str, name: str) -> Workflow | None:
    row = await sql.row("get_workflow", group, name)
    return None if row is None else _workflow(row)


async def list_workflows(sql: Statements, wanted: WorkflowFilter) -> list[Workflow]:
    rows = await sql.rows(
        "list_workflows",
        wanted.group,
        to_json(wanted.labels),
        *(wanted.after or ("", "")),
        wanted.limit,
    )
    return [_workflow(row) for row in rows]


async def triggers_of_workflow(sql: Statements, group: str, workflow: str) -> list[Trigger]:
    rows = await sql.rows("list_triggers_of_workflow", group, workflow)
    return [trigger_from_row(row) for row in rows]


async def count_workflow_runs(sql: Statements, workflow_ids: Sequence[int]) -> dict[int, int]:
    if not workflow_ids:
        return {}
    return {row[0]: row[1] for row in await sql.rows("count_workflow_runs", workflow_ids)}


async def take_ids(sql: Statements, count: int) -> list[int]:
    return sorted(row[0] for row in await sql.rows("take_workflow_run_ids", count))


async def insert_workflow_run(
    sql: Statements, run: WorkflowRun, now: datetime | None
) -> WorkflowRun:
    created_at = await sql.value(
        "insert_workflow_run",
        run.id,
        run.group,
        run.workflow,
        run.workflow_id,
        run.state.value,
        run.trigger,
        run.previous_run_id,
        to_json(run.properties),
        _snapshot_json(run),
        _progress(run),
        run.ended_at,
        now,
    )
    return replace(run, created_at=created_at)


async def find_workflow_runs(sql: Statements, ids: Sequence[int]) -> dict[int, WorkflowRun]:
    return {row["id"]: _run(row) for row in await sql.rows("get_workflow_runs", ids)}


async def lock_workflow_runs(sql: Statements, ids: Sequence[int]) -> dict[int, WorkflowRun]:
    return {row["id"]: _run(row) for row in await sql.rows("lock_workflow_runs", ids)}


async def update_workflow_run(sql: Statements, run: WorkflowRun) -> None:
    await sql.rows(
        "update_workflow_run",
        run.id,
        run.state.value,
        to_json(run.properties),
        _progress(run),
        run.ended_at,
    )


async def list_workflow_runs(sql: Statements, wanted: WorkflowRunFilter) -> list[WorkflowRun]:
    place = wanted.before_id, wanted.limit
    if wanted.group is None:
        rows = await sql.rows("list_workflow_runs", *place, wanted.workflow)
    elif wanted.workflow is None:
        rows = await sql.rows("list_workflow_runs_of_group", *place, wanted.group)
    else:
        rows = await sql.rows(
            "list_workflow_runs_of_workflow", *place, wanted.group, wanted.workflow
        )
    return [_run(row) for row in rows]


def _definition(workflow: Workflow) -> str:
    return to_json(
        {
            "description": workflow.description,
            "properties": workflow.properties,
            "max_concurrent_runs": workflow.max_concurrent_runs,
            "run_arguments": workflow.run_arguments,
            "labels": workflow.labels,
            "annotations": workflow.annotations,
        }
    )


def _workflow(row: Row) -> Workflow:
    return Workflow(
        name=row["name"],
        group=row["group_name"],
        **from_json(row["definition"]),
        id=row["id"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _snapshot_json(run: WorkflowRun) -> str:
    return to_json(
        {
            "triggers": [trigger_to_json(each) for each in run.triggers],
            "run_arguments": run.run_arguments,
            "event": run.event,
        }
    )


@lru_cache(maxsize=256)
def _snapshot(text: str) -> dict[str, Any]:
    """It never changes: the steps of a workflow run find the same one."""
    stored = from_json(text)
    return {**stored, "triggers": tuple(map(trigger_from_json, stored["triggers"]))}


def _progress(run: WorkflowRun) -> str:
    return to_json(
        {
            "fired": run.fired,
            "met": run.met,
            "runs": run.runs,
            "live": run.live,
            "missing": run.missing,
        }
    )


def _run(row: Row) -> WorkflowRun:
    progress = from_json(row["progress"])
    return WorkflowRun(
        id=row["id"],
        workflow=row["workflow"],
        group=row["group_name"],
        workflow_id=row["workflow_id"],
        state=WorkflowState(row["state"]),
        trigger=row["trigger"],
        previous_run_id=row["previous_run_id"],
        properties=from_json(row["properties"]),
        **_snapshot(row["definition"]),
        fired={name: tuple(ids) for name, ids in progress["fired"].items()},
        met=progress["met"],
        runs={job: tuple(ids) for job, ids in progress["runs"].items()},
        live=tuple(progress["live"]),
        missing=tuple(progress["missing"]),
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )
