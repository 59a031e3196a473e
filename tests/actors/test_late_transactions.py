"""A transaction that waited for a lock may be older than what was decided before it got it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from callboard import Action, Callboard, Trigger, every
from callboard.changes.apply import apply_all
from callboard.changes.work import Work
from callboard.commands import Change, PauseTrigger, ReplaceCalendar
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarRule, Shift
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.factories import TRACE_ID

HOUR = timedelta(hours=1)
WAITED = 0.8 * HOUR


class LateWork(Work):
    """Of a transaction that began so long ago."""

    __slots__ = ()

    @property
    def now(self) -> datetime:
        return self.tx.now - WAITED


def closed(now: datetime, days: int) -> Calendar:
    """A calendar of a day in the future."""
    start = now + timedelta(days=days)
    stretch = [start.isoformat(), (start + HOUR).isoformat()]
    return Calendar(name="closed", definition={"kind": "ranges", "ranges": [stretch]})


async def change_late(store: MemoryStore, change: Change) -> None:
    async with store.begin() as tx:
        await apply_all(LateWork(tx=tx, new_trace_id=lambda: TRACE_ID), [change])


@pytest.mark.parametrize("what", ["pause", "calendar"])
async def test_a_change_that_waited_makes_no_slot_fire_twice_and_stops_nothing(
    board: Callboard, store: MemoryStore, clock: VirtualClock, what: str
) -> None:
    await board.define(len, name="work")
    await board.create_calendar(closed(clock.now(), 10))
    await board.create_trigger(
        Trigger(
            name="hourly",
            schedule=every(hours=1),
            actions=(Action(job="work"),),
            calendars=(CalendarRule(calendar="closed", shift=Shift.NEXT),),
        )
    )
    began = clock.now()
    await clock.advance(2.1 * 3600)
    if what == "pause":
        # Over before it is written, and before the slot that fired meanwhile.
        until = clock.now() - WAITED / 2
        await change_late(store, PauseTrigger(group="default", name="hourly", until=until))
    else:
        await change_late(store, ReplaceCalendar(calendar=closed(clock.now(), 20)))
    await clock.advance(3 * 3600)
    slots = await board.read_ledger("default", "hourly", since=began, until=clock.now())
    decided = Counter((slot.slot - began) / HOUR for slot in slots if slot.run_ids)
    assert decided == {1: 1, 2: 1, 3: 1, 4: 1, 5: 1}
