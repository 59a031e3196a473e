"""The calendars that a trigger obeys, put into its rules."""

from __future__ import annotations

from collections.abc import Mapping

from callboard.domain.amend import amended
from callboard.domain.calendar import Calendar
from callboard.domain.trigger import Trigger


def with_calendars(trigger: Trigger, known: Mapping[tuple[str, str], Calendar]) -> Trigger:
    """The trigger with each rule's calendar as it is in `known`, by (group, name)."""
    if not trigger.calendars:
        return trigger
    rules = tuple(
        amended(rule, definition=as_obeyed(known.get((trigger.group, rule.calendar))))
        for rule in trigger.calendars
    )
    return amended(trigger, calendars=rules)


def as_obeyed(calendar: Calendar | None) -> Calendar | None:
    """What of a calendar a trigger's rule has: all but when it was written."""
    return None if calendar is None else amended(calendar, created_at=None, updated_at=None)
