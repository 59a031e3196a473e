"""Triggers and their ledger in PostgreSQL: one function a statement."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from itertools import starmap
from typing import Final

from callboard.clock import next_turn
from callboard.domain.action_json import action_to_json
from callboard.domain.amend import amended
from callboard.domain.calendar_rule import CalendarRule
from callboard.domain.gathered import Gathered, gathered_to_json
from callboard.domain.ledger import LedgerEntry
from callboard.domain.misfire import SlotPlan
from callboard.domain.schedule import schedule_to_json
from callboard.domain.trigger import (
    MisfirePolicy,
    OnMissing,
    OverlapPolicy,
    Trigger,
    TriggerState,
)
from callboard.errors import StoreError
from callboard.store.columns import int_array, thinned
from callboard.store.contract import TriggerFilter
from callboard.store.known_calendars import with_calendars
from callboard.store.postgres_calendars import get_calendars
from callboard.store.postgres_json import to_json
from callboard.store.rows import count_from_row, entry_from_row, trigger_from_row
from callboard.store.statements import Row, Statements, in_parts, in_turns

MOST_INSERTED: Final = 1000
"""Triggers that one statement stores."""
MOST_ADVANCED: Final = 1000
"""Triggers that one statement moves on."""
_NAME: Final = 1
_NULLABLE: Final = frozenset({7, 8, 9, 12, 13, 14, 17, 20, 21, 22, 23})
"""Places of the name, and of what may be null, among the columns of insert_triggers."""
MOST_NAMES: Final = 10
"""Triggers that are named when a job cannot be deleted."""

logger = logging.getLogger(__name__)


async def insert_triggers(
    sql: Statements, triggers: Sequence[Trigger], now: datetime | None
) -> list[Trigger | None]:
    """For each trigger what is stored of it; None where the name is taken."""
    stored: list[Trigger | None] = []
    for start in range(0, len(triggers), MOST_INSERTED):
        stored += await _insert(sql, triggers[start : start + MOST_INSERTED], now)
    return stored


async def _insert(
    sql: Statements, triggers: Sequence[Trigger], now: datetime | None
) -> list[Trigger | None]:
    columns = zip(*((each.group, each.name, *_columns(each)) for each in triggers), strict=True)
    found = await sql.rows("insert_triggers", *starmap(_thinned, enumerate(columns)), now)
    rows = {(row[0], row[1]): row for row in found}
    # A name that comes twice in `triggers` is the first one's.
    return [_stored(each, rows.pop((each.group, each.name), None)) for each in triggers]


def _thinned(place: int, column: tuple[object, ...]) -> Sequence[object]:
    """The column as insert_triggers takes it; each element costs the driver up to a microsecond."""
    first = column[0]
    if place == _NAME or column.count(first) < len(column):
        return column
    if place in _NULLABLE:
        return () if first is None else column
    return column[:1]


def _stored(trigger: Trigger, row: Row | None) -> Trigger | None:
    if row is None:
        return None
    created_at = row[3]
    return amended(trigger, id=row[2], version=1, created_at=created_at, updated_at=created_at)


async def taken_trigger_names(
    sql: Statements, names: Sequence[tuple[str, str]]
) -> set[tuple[str, str]]:
    if not names:
        return set()
    groups, bare = zip(*names, strict=True)
    return {(row[0], row[1]) for row in await sql.rows("list_taken_names", groups, bare)}


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
    return None if row is None else (await _locked(sql, [row]))[0]


async def lock_triggers(
    sql: Statements, wanted: TriggerFilter, states: Sequence[TriggerState]
) -> list[Trigger]:
    names = [state.value for state in states]
    values = (wanted.group, names, *(wanted.after or ("", "")), wanted.limit)
    if wanted.job is None:
        rows = await sql.rows("lock_triggers", *values)
    else:
        rows = await sql.rows("lock_triggers_of_job", *values, wanted.job)
    triggers = await _locked(sql, rows)
    return sorted(triggers, key=lambda trigger: (trigger.group, trigger.name))


async def lock_triggers_by_name(
    sql: Statements, names: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Trigger]:
    if not names:
        return {}
    groups, bare = zip(*names, strict=True)
    rows = await sql.rows("lock_triggers_by_name", groups, bare)
    return {(each.group, each.name): each for each in await _locked(sql, rows)}


async def lock_triggers_by_id(
    sql: Statements, ids: Sequence[int], if_sequenced: Sequence[int]
) -> dict[int, Trigger]:
    if not ids and not if_sequenced:
        return {}
    rows = await sql.rows("lock_triggers_by_id", ids, if_sequenced)
    return {trigger.id: trigger for trigger in await _locked(sql, rows)}


async def lock_triggers_of_calendar(
    sql: Statements, group: str, calendar: str, after_id: int, limit: int
) -> list[Trigger]:
    rows = await sql.rows("lock_calendar_triggers", group, calendar, after_id, limit)
    return await _locked(sql, rows)


async def lock_start_triggers(sql: Statements) -> list[Trigger]:
    return await _locked(sql, await sql.rows("lock_start_triggers"))


async def _locked(sql: Statements, rows: Sequence[Row]) -> list[Trigger]:
    """Triggers of locked rows, with their calendars as they are now.

    Those are read behind the locks: a lock may have waited for a change of a calendar, which the
    statement that waited does not see.
    """
    triggers = [trigger_from_row(row) for row in rows]
    names = {(each.group, rule.calendar) for each in triggers for rule in each.calendars}
    if not names:
        return triggers
    known = await get_calendars(sql, sorted(names))
    return [with_calendars(trigger, known) for trigger in triggers]


async def delete_trigger(sql: Statements, trigger_id: int) -> bool:
    return await sql.value("delete_trigger", trigger_id) is not None


async def triggers_of_job(sql: Statements, group: str, job: str) -> list[str]:
    return [row[0] for row in await sql.rows("list_trigger_names", group, job, MOST_NAMES)]


async def advance_triggers(sql: Statements, plans: Sequence[SlotPlan]) -> list[bool]:
    """For each plan whether its trigger moved; plans of one trigger follow each other.

    A turn has its triggers in the order of their ids, each once, as the statement wants them.
    """
    moved: set[int] = set()
    for turn in _turns([plan.before.id for plan in plans]):
        for start in range(0, len(turn), MOST_ADVANCED):
            moved |= await _advance(sql, plans, turn[start : start + MOST_ADVANCED])
    return [position in moved for position in range(len(plans))]


def _turns(ids: Sequence[int]) -> list[list[int]]:
    """Places of these ids in turns: in a turn they ascend, and come once each."""
    if len(set(ids)) == len(ids):
        return [sorted(range(len(ids)), key=ids.__getitem__)]
    return list(in_turns(range(len(ids)), ids.__getitem__))


async def _advance(
    sql: Statements, plans: Sequence[SlotPlan], positions: Sequence[int]
) -> set[int]:
    befores = [plans[position].before for position in positions]
    afters = [plans[position].after for position in positions]
    pairs = list(zip(befores, afters, strict=True))
    is_anchored = all(after.anchor_at == before.anchor_at for before, after in pairs)
    rows = await sql.rows(
        "advance_triggers",
        [before.id for before in befores],
        thinned([before.generation for before in befores]),
        thinned([before.state.value for before in befores]),
        thinned([before.next_slot for before in befores]),
        thinned([after.state.value for after in afters]),
        thinned([after.reason for after in afters]),
        thinned([after.next_slot for after in afters]),
        thinned([after.last_slot for after in afters]),
        thinned([after.firings - before.firings for before, after in pairs]),
        thinned([before.resume_at for before in befores]),
        thinned([after.resume_at for after in afters]),
        None if is_anchored else [after.anchor_at for after in afters],
        thinned([after.generation for after in afters]),
    )
    moved = {row[0] for row in rows}
    return {position for position in positions if plans[position].before.id in moved}


async def insert_ledger(
    sql: Statements, entries: Sequence[LedgerEntry], now: datetime | None
) -> None:
    if not entries:
        return
    await sql.rows(
        "insert_ledger",
        int_array([entry.trigger_id for entry in entries]),
        thinned([entry.slot for entry in entries]),
        thinned([entry.generation for entry in entries]),
        thinned([entry.until for entry in entries]),
        thinned([entry.count for entry in entries]),
        thinned([entry.decision.value for entry in entries]),
        thinned([entry.reason and entry.reason.value for entry in entries]),
        thinned([entry.decided_at for entry in entries]),
        # An array of arrays must be rectangular, which run ids are not.
        thinned([int_array(entry.run_ids) for entry in entries]),
        now,
        thinned([int_array(entry.caused_by) if entry.caused_by else None for entry in entries]),
        thinned([entry.events for entry in entries]),
    )


async def gather_events(sql: Statements, triggers: Sequence[Trigger]) -> None:
    gathered = [_gathered(trigger.gathered) for trigger in triggers]
    await sql.rows("gather_events", [trigger.id for trigger in triggers], gathered)


async def get_trigger(sql: Statements, group: str, name: str) -> Trigger | None:
    row = await sql.row("get_trigger", group, name)
    return None if row is None else trigger_from_row(row)


async def list_triggers(sql: Statements, wanted: TriggerFilter) -> list[Trigger]:
    values = (
        wanted.group,
        wanted.state,
        *(wanted.after or ("", "")),
        wanted.limit,
        to_json(wanted.labels),
        wanted.workflow,
    )
    if wanted.job is None:
        rows = await sql.rows("list_triggers", *values)
    else:
        rows = await sql.rows("list_triggers_of_job", *values, wanted.job)
    return [trigger_from_row(row) for row in rows]


async def count_triggers(
    sql: Statements, wanted: TriggerFilter
) -> dict[tuple[TriggerState, datetime | None], int]:
    values = (wanted.group, wanted.state)
    if wanted.job is None:
        rows = await sql.rows("count_triggers", *values)
    else:
        rows = await sql.rows("count_triggers_of_job", *values, wanted.job)
    return dict(map(count_from_row, rows))


async def due_triggers(
    sql: Statements, until: datetime, limit: int, shards: Collection[int] | None
) -> list[Trigger]:
    """Some ten thousand rows take a while to read: the loop has its turn in between.

    One that cannot be read is left out, and said: the others go on (D05).
    """
    triggers: list[Trigger] = []
    wanted = None if shards is None else sorted(shards)
    for part in in_parts(await sql.rows("due_triggers", until, limit, wanted)):
        triggers += _readable(part)
        await next_turn()
    return triggers


def _readable(rows: Sequence[Row]) -> Iterator[Trigger]:
    for row in rows:
        try:
            yield trigger_from_row(row)
        except StoreError as error:
            logger.error("a trigger is left alone: %s", error)


async def next_slot_after(sql: Statements, instant: datetime) -> datetime | None:
    slot: datetime | None = await sql.value("next_slot_after", instant)
    return slot


async def read_ledger(
    sql: Statements,
    trigger_id: int,
    since: datetime,
    until: datetime,
    limit: int,
    newest_first: bool,
) -> list[LedgerEntry]:
    statement = "read_ledger_backwards" if newest_first else "read_ledger"
    rows = await sql.rows(statement, trigger_id, since, until, limit)
    return [entry_from_row(row) for row in rows]


def _definition(trigger: Trigger) -> tuple[object, ...]:
    return (
        *_columns(trigger),
        sorted({action.job for action in trigger.actions}),
        sorted({rule.calendar for rule in trigger.calendars}),
        _gathered(trigger.gathered),
    )


@lru_cache(maxsize=256)
def _policy_json(policy: MisfirePolicy | OverlapPolicy) -> str:
    """Most triggers have one of a few."""
    return to_json(policy)


def _columns(trigger: Trigger) -> tuple[object, ...]:
    return (
        to_json(schedule_to_json(trigger.schedule)),
        to_json([action_to_json(each) for each in trigger.actions]),
        trigger.description,
        _policy_json(trigger.misfire),
        _policy_json(trigger.overlap),
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
        to_json([_rule(rule) for rule in trigger.calendars]) if trigger.calendars else "[]",
        trigger.resume_at,
        None if trigger.deadlines is None else to_json(trigger.deadlines),
        _rules(trigger),
        trigger.workflow,
    )


def _gathered(gathered: Gathered | None) -> str | None:
    return None if gathered is None else to_json(gathered_to_json(gathered))


def _rules(trigger: Trigger) -> str | None:
    """None: nothing beside the usual."""
    given: dict[str, object] = {}
    if trigger.labels:
        given["labels"] = trigger.labels
    if trigger.annotations:
        given["annotations"] = trigger.annotations
    if trigger.on_missing is not OnMissing.REFUSE:
        given["on_missing"] = trigger.on_missing.value
    return to_json(given) if given else None


def _rule(rule: CalendarRule) -> dict[str, str]:
    return {"calendar": rule.calendar, "mode": rule.mode.value, "shift": rule.shift.value}
