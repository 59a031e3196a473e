"""Backfills and the slots that they fired in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from callboard.domain.backfill import Backfill, BackfilledSlot
from callboard.domain.states import RunState
from callboard.store.contract import BackfillFilter
from callboard.store.rows import backfill_from_row, backfilled_slot_from_row
from callboard.store.statements import Statements, in_parts


async def insert_backfill(sql: Statements, backfill: Backfill, now: datetime | None) -> Backfill:
    [row] = await sql.rows(
        "insert_backfill",
        backfill.group,
        backfill.trigger,
        backfill.trigger_id,
        backfill.from_at,
        backfill.until_at,
        backfill.state.value,
        backfill.force,
        backfill.overlap,
        backfill.max_concurrent,
        backfill.cursor_at,
        backfill.slots_total,
        backfill.ended_at,
        now,
    )
    return replace(
        backfill,
        id=row["id"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["created_at"],
    )


async def lock_backfill(sql: Statements, backfill_id: int, *, skip_locked: bool) -> Backfill | None:
    statement = "lock_free_backfill" if skip_locked else "lock_backfill"
    row = await sql.row(statement, backfill_id)
    return None if row is None else backfill_from_row(row)


async def update_backfill(sql: Statements, backfill: Backfill, now: datetime | None) -> Backfill:
    [row] = await sql.rows(
        "update_backfill",
        backfill.id,
        backfill.state.value,
        backfill.reason,
        backfill.cursor_at,
        backfill.fired,
        backfill.skipped,
        backfill.succeeded,
        backfill.failed,
        backfill.ended_at,
        now,
    )
    return replace(backfill, version=row["version"], updated_at=row["updated_at"])


async def fired_slots(
    sql: Statements, trigger_id: int, since: datetime, until: datetime
) -> set[datetime]:
    return {row[0] for row in await sql.rows("list_fired_slots", trigger_id, since, until)}


async def insert_backfilled_slots(sql: Statements, slots: Sequence[BackfilledSlot]) -> None:
    if not slots:
        return
    await sql.rows(
        "insert_backfilled_slots",
        [each.trigger_id for each in slots],
        [each.slot for each in slots],
        [each.backfill_id for each in slots],
        # An array of arrays must be rectangular, which run ids are not.
        ["{" + ",".join(map(str, each.run_ids)) + "}" for each in slots],
        [each.fired_at for each in slots],
    )


async def open_firings(sql: Statements, backfill_id: int) -> list[BackfilledSlot]:
    rows = await sql.rows("list_open_firings", backfill_id)
    return [backfilled_slot_from_row(row) for row in rows]


async def end_firings(
    sql: Statements, backfill_id: int, slots: Sequence[datetime], now: datetime | None
) -> None:
    for part in in_parts(slots):
        await sql.rows("end_backfilled_slots", backfill_id, part, now)


async def chain_states(sql: Statements, chain_ids: Sequence[int]) -> dict[int, dict[int, RunState]]:
    if not chain_ids:
        return {}
    chains: dict[int, dict[int, RunState]] = {}
    for chain_id, run_id, state in await sql.rows("list_chain_states", chain_ids):
        chains.setdefault(chain_id, {})[run_id] = RunState(state)
    return chains


async def get_backfill(sql: Statements, backfill_id: int) -> Backfill | None:
    row = await sql.row("get_backfill", backfill_id)
    return None if row is None else backfill_from_row(row)


async def list_backfills(sql: Statements, wanted: BackfillFilter) -> list[Backfill]:
    values = (wanted.trigger, wanted.state, wanted.before_id, wanted.limit)
    if wanted.group is None:
        rows = await sql.rows("list_backfills", *values)
    else:
        rows = await sql.rows("list_backfills_of_group", *values, wanted.group)
    return [backfill_from_row(row) for row in rows]


async def open_backfills(sql: Statements) -> dict[int, int]:
    return {row[0]: row[1] for row in await sql.rows("list_open_backfills")}


async def read_backfilled_slots(
    sql: Statements, trigger_id: int, since: datetime, until: datetime, limit: int
) -> list[BackfilledSlot]:
    rows = await sql.rows("read_backfilled_slots", trigger_id, since, until, limit)
    return [backfilled_slot_from_row(row) for row in rows]
