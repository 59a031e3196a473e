"""Collisions: slots at which several triggers start the same job at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from callboard.domain.ledger import Decision
from callboard.domain.slot import SlotView
from callboard.domain.timetable import Timetable
from callboard.domain.trigger import Trigger, TriggerState
from callboard.errors import InvalidInput

COLLISION = "collision"


def mark_collisions(views: Iterable[SlotView], others: Sequence[Trigger]) -> list[SlotView]:
    """The views, those pending marked at whose instant one of the others is to fire as well.

    Args:
        others: triggers that start the same job; those that are not active do not count.
    """
    tables = [table for other in others if (table := _table(other)) is not None]
    return [_marked(view, tables) for view in views]


def _marked(view: SlotView, tables: Sequence[tuple[datetime, Timetable]]) -> SlotView:
    if view.decision is not Decision.PENDING or view.reason is not None:
        return view
    if any(view.slot > cursor and table.is_open(view.slot) for cursor, table in tables):
        return replace(view, marks=(*view.marks, COLLISION))
    return view


def _table(other: Trigger) -> tuple[datetime, Timetable] | None:
    if other.state is not TriggerState.ACTIVE or other.is_spent:
        return None
    try:
        return other.cursor, other.timetable
    except InvalidInput:
        return None  # it cannot be understood any more: the scheduler parks it
