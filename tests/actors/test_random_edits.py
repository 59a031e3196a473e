"""Whatever is done to a trigger, and whenever: each of its slots is accounted for exactly once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import pytest

from callboard import Callboard, MisfirePolicy, TriggerState, cron, every, job
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarRule
from callboard.domain.ledger import Decision
from callboard.domain.pause import Missed
from callboard.domain.schedule import Schedule, slots_between
from callboard.domain.slot import SlotView
from callboard.domain.trigger import MisfirePolicyName
from callboard.store.contract import TriggerFilter
from callboard.testing import VirtualClock
from support.boards import all_runs
from support.factories import NOW

RULES = ((), (CalendarRule(calendar="away"),))
SCHEDULES: tuple[Schedule, ...] = (
    every(hours=1, anchor_at=NOW),
    every(minutes=90, anchor_at=NOW),
    cron("*/30 * * * *"),
    cron("0 */2 * * *", zone="Europe/Berlin"),
)
STEPS = 40
ONCE_IN_A_WHILE = (0.0, 0.5, 1.0, 1.0, 2.0, 3.5)
"""Hours between two changes: often at the very instant of a slot."""


@job()
async def tick() -> None:
    pass


@dataclass(slots=True)
class Promised:
    """The slots that the trigger promised so far."""

    schedule: Schedule = SCHEDULES[0]
    since: datetime | None = NOW
    """From when on, exclusive; None: it is not active."""
    slots: list[datetime] = field(default_factory=list)

    def until(self, now: datetime) -> None:
        if self.since is not None:
            self.slots += slots_between(
                self.schedule, after=self.since, until=now, anchor=self.since
            )
            self.since = now


class Meddler:
    """Does one thing after the other to the trigger t, and keeps in mind what it promised."""

    def __init__(self, board: Callboard, clock: VirtualClock, random: Random) -> None:
        self._board, self._clock, self._random = board, clock, random
        self.promised = Promised()

    async def begin(self) -> None:
        await self._board.define(tick)
        await self._board.create_calendar(self._calendar())
        await self._schedule(SCHEDULES[0])

    async def step(self) -> None:
        await self._clock.advance(self._random.choice(ONCE_IN_A_WHILE) * 3600)
        self.promised.until(self._clock.now())
        await self._random.choice(
            (self._edit, self._edit_calendar, self._pause, self._pause, self._resume, self._turn)
        )()

    async def _edit(self) -> None:
        self.promised.schedule = self._random.choice(SCHEDULES)
        await self._schedule(self.promised.schedule)

    async def _schedule(self, schedule: Schedule) -> None:
        await self._board.schedule(
            "t",
            schedule,
            tick,
            calendars=self._random.choice(RULES),
            misfire=MisfirePolicy(
                policy=self._random.choice(list(MisfirePolicyName)),
                grace_s=self._random.choice((0.0, 1800.0)),
            ),
        )

    async def _edit_calendar(self) -> None:
        await self._board.replace_calendar(self._calendar())

    def _calendar(self) -> Calendar:
        start = self._clock.now() + timedelta(hours=self._random.randrange(-5, 10))
        stretch = [start.isoformat(), (start + timedelta(hours=4)).isoformat()]
        return Calendar(name="away", definition={"kind": "ranges", "ranges": [stretch]})

    async def _pause(self) -> None:
        if await self._state() in (TriggerState.ACTIVE, TriggerState.PAUSED):
            hours = self._random.choice((None, 0.5, 2.0))
            until = None if hours is None else self._clock.now() + timedelta(hours=hours)
            await self._board.pause_triggers(TriggerFilter(), until=until)

    async def _resume(self) -> None:
        if await self._state() is TriggerState.PAUSED:
            missed = self._random.choice(list(Missed))
            await self._board.resume_trigger("default", "t", missed=missed)

    async def _turn(self) -> None:
        """Off, or on again."""
        if self.promised.since is None:
            await self._board.activate_trigger("default", "t")
            self.promised.since = self._clock.now()
        else:
            await self._board.deactivate_trigger("default", "t")
            self.promised.since = None

    async def _state(self) -> TriggerState:
        return (await self._board.get_trigger("default", "t")).state


def told(views: list[SlotView], promised: list[datetime]) -> list[datetime]:
    """The promised slots that the views speak of; each view has as many as it says."""
    found: list[datetime] = []
    for view in views:
        last = view.until or view.slot
        mine = [slot for slot in promised if view.slot <= slot <= last]
        assert len(mine) == view.count, view
        found += mine
    return found


@pytest.mark.parametrize("fires", [True, False])
@pytest.mark.parametrize("seed", range(12))
async def test_each_slot_has_one_answer_whatever_is_done(
    open_board, clock: VirtualClock, seed: int, fires: bool
):
    """D09, M05: with a scheduler, and with changes alone to decide what is due."""
    board = await open_board(fires=fires)
    meddler = Meddler(board, clock, Random(seed))
    await meddler.begin()
    for _ in range(STEPS):
        await meddler.step()
    await clock.advance(1)
    meddler.promised.until(clock.now())
    await board.deactivate_trigger("default", "t")
    views = await board.read_ledger("default", "t", since=NOW, until=clock.now(), limit=10_000)
    assert told(views, meddler.promised.slots) == meddler.promised.slots
    fired = [view.slot for view in views if view.decision is Decision.FIRED]
    assert sorted(run.slot for run in await all_runs(board) if run.slot) == fired
