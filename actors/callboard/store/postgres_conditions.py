"""What conditional triggers watch and have seen, in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from callboard.domain.condition_cycle import ConditionLink
from callboard.domain.conditions import ConditionSet
from callboard.store.columns import int_array
from callboard.store.contract import ConditionWatch
from callboard.store.postgres_json import from_json, to_json
from callboard.store.statements import Statements

MOST_NAMES: Final = 10
"""Triggers that are named when a job cannot be deleted."""


async def lock_conditions(sql: Statements) -> None:
    await sql.rows("lock_conditions")


async def condition_links(sql: Statements, group: str, workflow: str | None) -> list[ConditionLink]:
    name = "list_condition_links" if workflow is None else "list_workflow_links"
    rows = await sql.rows(name, *([group] if workflow is None else [group, workflow]))
    return [
        ConditionLink(
            trigger=row["trigger"], watched=tuple(row["watched"]), started=tuple(row["started"])
        )
        for row in rows
    ]


async def begin_condition_sets(sql: Statements, sets: Sequence[ConditionSet]) -> None:
    if sets:
        await sql.rows(
            "begin_condition_sets",
            [each.trigger_id for each in sets],
            [each.generation for each in sets],
            [int_array(each.job_ids) for each in sets],
        )


async def delete_condition_set(sql: Statements, trigger_id: int) -> None:
    await sql.rows("delete_condition_set", trigger_id)


async def condition_watches(sql: Statements) -> list[ConditionWatch]:
    return [
        ConditionWatch(
            trigger_id=row["trigger_id"],
            since_seq=row["since_seq"],
            jobs=tuple((row["group_name"], job) for job in row["jobs"]),
        )
        for row in await sql.rows("list_condition_watches")
    ]


async def condition_sets(sql: Statements, trigger_ids: Sequence[int]) -> dict[int, ConditionSet]:
    rows = await sql.rows("find_condition_sets", list(trigger_ids)) if trigger_ids else []
    return {
        row["trigger_id"]: ConditionSet(
            trigger_id=row["trigger_id"],
            generation=row["generation"],
            since_seq=row["since_seq"],
            job_ids=tuple(row["job_ids"]),
            met=from_json(row["met"]),
        )
        for row in rows
    }


async def update_condition_sets(sql: Statements, sets: Sequence[ConditionSet]) -> None:
    if sets:
        ordered = sorted(sets, key=lambda each: each.trigger_id)
        await sql.rows(
            "update_condition_sets",
            [each.trigger_id for each in ordered],
            [to_json(each.met) for each in ordered],
        )


async def triggers_watching(sql: Statements, group: str, job: str) -> list[str]:
    return [row[0] for row in await sql.rows("list_watching_triggers", group, job, MOST_NAMES)]
