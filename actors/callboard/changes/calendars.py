"""Changes of calendars, and of the triggers that obey them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from callboard.changes.naming import first_of
from callboard.changes.settle import move, settle
from callboard.changes.versions import check_version
from callboard.changes.work import Work
from callboard.commands import CreateCalendar, DeleteCalendar, ReplaceCalendar
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import Shift
from callboard.domain.misfire import SlotPlan
from callboard.domain.trigger import Trigger, TriggerState, activated, with_next_slot
from callboard.errors import (
    AlreadyExists,
    Conflict,
    FieldProblem,
    InvalidInput,
    NotFound,
    UsageError,
)
from callboard.store.known_calendars import as_obeyed, with_calendars

TRIGGERS_PER_STEP: Final = 100


async def create_calendar(work: Work, command: CreateCalendar) -> Calendar:
    calendar = await work.tx.insert_calendar(command.calendar)
    if calendar is None:
        raise AlreadyExists("calendar", command.calendar.name)
    work.calendar_changed(calendar)
    return calendar


async def replace_calendar(work: Work, command: ReplaceCalendar) -> tuple[Calendar, bool]:
    wanted = command.calendar
    present = await _lock(work, wanted.group, wanted.name)
    if present is None:
        if command.expected_version is not None:
            raise NotFound("calendar", wanted.name)
        return await create_calendar(work, CreateCalendar(calendar=wanted)), True
    check_version("calendar", present, command.expected_version)
    edited = replace(present, description=wanted.description, definition=wanted.definition)
    if edited == present:
        return present, False
    if edited.definition != present.definition:
        await _reschedule_users(work, edited)
    stored = await work.tx.update_calendar(edited)
    if stored is None:
        raise NotFound("calendar", wanted.name)
    work.calendar_changed(stored)
    return stored, False


async def delete_calendar(work: Work, command: DeleteCalendar) -> None:
    calendar = await _lock(work, command.group, command.name)
    if calendar is None:
        raise NotFound("calendar", command.name)
    check_version("calendar", calendar, command.expected_version)
    users = await work.tx.triggers_of_calendar(command.group, command.name)
    if users:
        names = first_of(users)
        raise Conflict(
            "calendar_in_use",
            f"calendar {calendar.name!r} is obeyed by {names}: change or delete those first",
        )
    await work.tx.delete_calendar(calendar.id)
    work.calendar_deleted(calendar)


async def obeying(work: Work, trigger: Trigger) -> Trigger:
    """The trigger with its calendars, which nobody changes until the commit.

    Raises InvalidInput at calendars[i].calendar for one that does not exist.
    """
    names = sorted({(trigger.group, rule.calendar) for rule in trigger.calendars})
    known = await work.tx.lock_calendars(names) if names else {}
    problems = calendar_problems(trigger, known)
    if problems:
        raise InvalidInput(*problems)
    return with_calendars(trigger, known)


def calendar_problems(
    trigger: Trigger, known: Mapping[tuple[str, str], Calendar]
) -> list[FieldProblem]:
    """The trigger's rules on calendars that are not among those."""
    return [
        FieldProblem(
            f"calendars[{index}].calendar",
            f"there is no calendar {rule.calendar!r} in the group {trigger.group!r}",
            "create it first",
        )
        for index, rule in enumerate(trigger.calendars)
        if (trigger.group, rule.calendar) not in known
    ]


async def _reschedule_users(work: Work, edited: Calendar) -> None:
    """Everything up to now is decided by the old definition, what follows by the new one."""
    after_id = 0
    while users := await work.tx.lock_triggers_of_calendar(
        edited.group, edited.name, after_id=after_id, limit=TRIGGERS_PER_STEP
    ):
        plans = [
            SlotPlan(before=trigger, after=_rescheduled(trigger, edited, work.now), entries=())
            for trigger in await settle(work, users)
        ]
        await move(work, plans)
        after_id = users[-1].id


def _rescheduled(trigger: Trigger, edited: Calendar, now: datetime) -> Trigger:
    """The trigger of a new generation under the edited calendar, at its old place in time.

    What it counts from (its anchor, its firings) stays. The new generation makes plans void that
    another node made by the old definition.
    """
    # Slots behind `now` may be decided already: this transaction may have waited for theirs.
    now = max(now, trigger.cursor)
    rules = tuple(
        replace(rule, definition=as_obeyed(edited)) if rule.calendar == edited.name else rule
        for rule in trigger.calendars
    )
    fresh = replace(trigger, calendars=rules, generation=trigger.generation + 1)
    if any(rule.shift is not Shift.SKIP for rule in rules):
        # A slot that the edit moved to before now is not made up for.
        fresh = replace(fresh, last_slot=now)
    try:
        if trigger.state is TriggerState.ACTIVE and trigger.next_slot is not None:
            return with_next_slot(fresh, fresh.slot_after(now))
        if trigger.state is TriggerState.PARKED and "calendar" in (trigger.reason or ""):
            return activated(fresh, now)
    except UsageError:
        pass  # it stays parked, or the scheduler parks it when its slot comes
    return fresh


async def _lock(work: Work, group: str, name: str) -> Calendar | None:
    found = await work.tx.lock_calendars([(group, name)], for_change=True)
    return found.get((group, name))
