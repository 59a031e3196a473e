"""Triggers and their ledger in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from callboard.domain.calendar_rule import CalendarRule
from callboard.domain.ledger import LedgerEntry
from callboard.domain.misfire import SlotPlan
from callboard.domain.schedule import schedule_to_json
from callboard.domain.trigger import Trigger
from callboard.store.contract import TriggerFilter
from callboard.store.postgres_json import to_json
from callboard.store.rows import entry_from_row, trigger_from_row
from callboard.store.statements import Statements, in_parts, in_turns

MOST_NAMES: Final = 10
"""Triggers that are named when a job cannot be deleted."""


async def insert_trigger(sql: Statements, trigger: Trigger, now: datetime | None) -> Trigger | None:
    row = await sql.row("insert_trigger", trigger.group, trigger.name, *_definition(trigger), now)
    if row is None:
        return None
    created_at = row["created_at"]
    return replace(trigger, id=row["id"], version=1, created_at=created_at, updated_at=created_at)


async def update_trigger(sql: Statements, trigger: Trigger, now: datetime | None) -> Trigger | None:
    row = await sql.row("update_trigger", trigger.id, trigger.version, *_definition(trigger), now)
    if row is None:
        return None
    return replace(
        trigger,
        group=row["group_name"],
        name=row["name"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def lock_trigger(sql: Statements, group: str, name: str) -> Trigger | None:
    row = await sql.row("lock_trigger", group, name)
    return None if row is None else trigger_from_row(row)


async def delete_trigger(sql: Statements, trigger_id: int) -> bool:
    return await sql.value("delete_trigger", trigger_id) is not None


async def triggers_of_job(sql: Statements, group: str, job: str) -> list[str]:
    return [row[0] for row in await sql.rows("list_trigger_names", group, job, MOST_NAMES)]


async def advance_triggers(sql: Statements, plans: Sequence[SlotPlan]) -> list[bool]:
    """For each plan whether its trigger moved; plans of one trigger follow each other."""
    moved: set[int] = set()
    for turn in in_turns(range(len(plans)), lambda position: plans[position].before.id):
        for positions in in_parts(turn):
            moved |= await _advance(sql, plans, positions)
    return [position in moved for position in range(len(plans))]


async def _advance(
    sql: Statements, plans: Sequence[SlotPlan], positions: Sequence[int]
) -> set[int]:
    befores = [plans[position].before for position in positions]
    afters = [plans[position].after for position in positions]
    rows = await sql.rows(
        "advance_triggers",
        positions,
        [before.id for before in befores],
        [before.generation for before in befores],
        [before.state.value for before in befores],
        [before.next_slot for before in befores],
        [after.state.value for after in afters],
        [after.reason for after in afters],
        [after.next_slot for after in afters],
        [after.last_slot for after in afters],
        [after.firings for after in afters],
        [before.resume_at for before in befores],
        [after.resume_at for after in afters],
        [after.anchor_at for after in afters],
    )
    return {row[0] for row in rows}


async def insert_ledger(
    sql: Statements, entries: Sequence[LedgerEntry], now: datetime | None
) -> None:
    if not entries:
        return
    await sql.rows(
        "insert_ledger",
        [entry.trigger_id for entry in entries],
        [entry.slot for entry in entries],
        [entry.generation for entry in entries],
        [entry.until for entry in entries],
        [entry.count for entry in entries],
        [entry.decision.value for entry in entries],
        [entry.reason and entry.reason.value for entry in entries],
        [entry.decided_at for entry in entries],
        # An array of arrays must be rectangular, which run ids are not.
        ["{" + ",".join(map(str, entry.run_ids)) + "}" for entry in entries],
        now,
    )


async def get_trigger(sql: Statements, group: str, name: str) -> Trigger | None:
    row = await sql.row("get_trigger", group, name)
    return None if row is None else trigger_from_row(row)


async def list_triggers(sql: Statements, wanted: TriggerFilter) -> list[Trigger]:
    values = (wanted.group, wanted.state, *(wanted.after or ("", "")), wanted.limit)
    if wanted.job is None:
        rows = await sql.rows("list_triggers", *values)
    else:
        rows = await sql.rows("list_triggers_of_job", *values, wanted.job)
    return [trigger_from_row(row) for row in rows]


async def due_triggers(sql: Statements, until: datetime, limit: int) -> list[Trigger]:
    return [trigger_from_row(row) for row in await sql.rows("due_triggers", until, limit)]


async def next_slot_after(sql: Statements, instant: datetime) -> datetime | None:
    slot: datetime | None = await sql.value("next_slot_after", instant)
    return slot


async def read_ledger(
    sql: Statements, trigger_id: int, since: datetime, until: datetime, limit: int
) -> list[LedgerEntry]:
    rows = await sql.rows("read_ledger", trigger_id, since, until, limit)
    return [entry_from_row(row) for row in rows]


def _definition(trigger: Trigger) -> tuple[object, ...]:
    return (
        to_json(schedule_to_json(trigger.schedule)),
        to_json(trigger.actions),
        trigger.description,
        to_json(trigger.misfire),
        to_json(trigger.overlap),
        trigger.start_at,
        trigger.end_at,
        trigger.max_firings,
        trigger.jitter_s,
        trigger.state.value,
        trigger.reason,
        trigger.next_slot,
        trigger.last_slot,
        trigger.firings,
        trigger.generation,
        trigger.anchor_at,
        trigger.flexible_window_s,
        to_json([_rule(rule) for rule in trigger.calendars]),
        trigger.resume_at,
        sorted({action.job for action in trigger.actions}),
        sorted({rule.calendar for rule in trigger.calendars}),
    )


def _rule(rule: CalendarRule) -> dict[str, str]:
    return {"calendar": rule.calendar, "mode": rule.mode.value, "shift": rule.shift.value}
