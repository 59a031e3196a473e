"""Slots: decided once, on time, and accounted for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from callboard import (
    Action,
    Callboard,
    MisfirePolicy,
    RunState,
    Trigger,
    TriggerState,
    at,
    cron,
    every,
    job,
)
from callboard.commands import FireSlots
from callboard.domain.ledger import Decision, SkipReason
from callboard.domain.misfire import plan_slots
from callboard.domain.schedule import slots_between
from callboard.store.contract import TriggerFilter
from callboard.store.memory import MemoryStore
from callboard.testing import CALM, VirtualClock
from support.boards import all_runs

DAY = timedelta(days=1)


@job()
async def tick() -> None:
    pass


@job()
async def tock() -> None:
    pass


async def ledger(board: Callboard, clock: VirtualClock, name: str = "t"):
    now = clock.now()
    return await board.list_slots(
        "default", name, since=now - 10 * DAY, until=now + timedelta(microseconds=1), limit=1000
    )


async def test_an_interval_fires_without_drift(board: Callboard, clock: VirtualClock):
    await board.define(tick)
    trigger = await board.schedule("t", every(seconds=10), tick)
    await clock.advance(60)
    runs = await all_runs(board)
    assert [run.slot for run in runs] == [
        trigger.anchor_at + timedelta(seconds=10 * n) for n in range(1, 7)
    ]
    assert {run.created_at - run.slot for run in runs} == {timedelta()}


async def test_all_actions_of_a_slot_start_together(board: Callboard, clock: VirtualClock):
    await board.define(tick)
    await board.define(tock)
    actions = [Action(job="tick", arguments={}), Action(job="tock")]
    await board.schedule("t", every(hours=1), actions)
    await clock.advance(3600)
    runs = await all_runs(board)
    assert [run.job for run in runs] == ["tick", "tock"]
    (slot,) = await ledger(board, clock)
    assert slot.run_ids == tuple(run.id for run in runs)


async def test_an_instant_fires_once_and_completes_the_trigger(
    board: Callboard, clock: VirtualClock
):
    await board.define(tick)
    await board.schedule("t", at(clock.now() + timedelta(minutes=5)), tick)
    await clock.advance(3600)
    assert len(await all_runs(board)) == 1
    assert (await board.get_trigger("default", "t")).state is TriggerState.COMPLETED


async def test_slots_of_a_disabled_job_are_skipped_with_that_reason(
    board: Callboard, clock: VirtualClock
):
    await board.define(tick, disabled=True)
    await board.schedule("t", every(hours=1), tick)
    await clock.advance(3600)
    assert await all_runs(board) == []
    (slot,) = await ledger(board, clock)
    assert (slot.decision, slot.reason) == (Decision.SKIPPED, SkipReason.DISABLED)


async def test_a_deactivated_trigger_fires_no_more(board: Callboard, clock: VirtualClock):
    await board.define(tick)
    await board.schedule("t", every(hours=1), tick)
    await clock.advance(3600)
    await board.deactivate_trigger("default", "t")
    await clock.advance(7200)
    assert len(await all_runs(board)) == 1


async def test_an_activated_trigger_begins_a_new_generation(board: Callboard, clock: VirtualClock):
    await board.define(tick)
    first = await board.schedule("t", every(hours=1), tick)
    await board.deactivate_trigger("default", "t")
    await clock.advance(1800)
    again = await board.activate_trigger("default", "t")
    assert again.generation == first.generation + 1
    assert again.next_slot == clock.now() + timedelta(hours=1)


async def test_d09_an_edit_while_due_decides_the_due_slot_by_the_old_version(
    open_board, clock: VirtualClock
):
    idle = await open_board(fires=False)
    await idle.define(tick)
    await idle.schedule("t", every(hours=1), tick)
    await clock.advance(3600)
    edited = await idle.schedule("t", every(hours=2), tick)
    (run,) = await all_runs(idle)
    assert run.slot == clock.now()
    assert edited.next_slot == clock.now() + timedelta(hours=2)


async def test_a_restart_fires_what_was_missed_once_and_says_so(open_board, clock: VirtualClock):
    board = await open_board()
    await board.define(tick)
    await board.schedule("t", every(hours=1), tick)
    await board.close()
    await clock.advance(10.5 * 3600)
    again = await open_board()
    await clock.advance(1)
    (run,) = await all_runs(again)
    assert run.slot == clock.now() - timedelta(seconds=1801)
    slots = await ledger(again, clock)
    assert [(slot.decision, slot.reason, slot.count) for slot in slots] == [
        (Decision.SKIPPED, SkipReason.COALESCED, 9),
        (Decision.FIRED, None, 1),
    ]


async def test_two_boards_on_one_store_decide_each_slot_once(open_board, clock: VirtualClock):
    one, two = await open_board(), await open_board()
    await one.define(tick)
    await one.schedule("t", every(minutes=1), tick)
    await clock.advance(3600)
    runs = await all_runs(two)
    assert len(runs) == 60
    assert len({run.slot for run in runs}) == 60
    assert {run.state for run in runs} == {RunState.SUCCEEDED}


async def test_a_trigger_made_by_another_node_is_taken_over_when_that_dies(
    open_board, clock: VirtualClock
):
    one, two = await open_board(), await open_board()
    await one.define(tick)
    await one.schedule("t", every(hours=1), tick)
    await one.close()
    await clock.advance(3600)
    assert len(await all_runs(two)) == 1


async def test_t01_a_wall_clock_set_back_repeats_no_slot(open_board, clock: VirtualClock):
    board = await open_board(poll_s=5.0)
    await board.define(tick)
    await board.schedule("t", every(minutes=1), tick)
    await clock.advance(600)
    clock.set_wall(clock.now() - timedelta(hours=1))
    await clock.advance(3600 + 65)
    runs = await all_runs(board)
    assert len(runs) == len({run.slot for run in runs}) == 11


async def test_t02_a_wall_clock_set_forward_is_a_misfire_not_a_burst(
    open_board, clock: VirtualClock
):
    board = await open_board(poll_s=5.0)
    await board.define(tick)
    await board.schedule("t", every(seconds=90), tick)
    clock.set_wall(clock.now() + DAY)
    await clock.advance(6)
    assert [(slot.reason, slot.count) for slot in await ledger(board, clock)] == [
        (SkipReason.COALESCED, 958),
        (None, 1),
        (None, 1),
    ]


async def test_the_ledger_equals_the_slots_computed_independently(
    board: Callboard, clock: VirtualClock
):
    await board.define(tick)
    trigger = await board.schedule("t", cron("*/7 3-5 * * *", zone="Europe/Berlin"), tick)
    start = clock.now()
    await clock.advance(3 * 86400)
    slots = await ledger(board, clock)
    nominal = slots_between(trigger.schedule, after=start, until=clock.now(), anchor=start)
    assert [slot.slot for slot in slots] == list(nominal)
    assert {slot.decision for slot in slots} == {Decision.FIRED}


async def test_the_preview_is_what_then_happens(board: Callboard, clock: VirtualClock):
    await board.define(tick)
    await board.schedule("t", cron("5,50 2 * * *", zone="America/New_York"), tick)
    now = clock.now()
    window = {"since": now, "until": now + 5 * DAY, "limit": 100}
    before = await board.list_slots("default", "t", **window)
    await clock.advance_to(now + 5 * DAY)
    after = await board.list_slots("default", "t", **window)
    assert {slot.decision for slot in before} == {Decision.PENDING}
    assert [slot.slot for slot in before] == [slot.slot for slot in after]


async def test_more_triggers_than_the_window_holds_all_fire(
    open_board, clock: VirtualClock, monkeypatch
):
    monkeypatch.setattr("callboard.scheduler.WINDOW_LIMIT", 7)
    board = await open_board()
    await board.define(tick)
    for number in range(30):
        await board.schedule(f"t{number:02}", every(minutes=1), tick)
    await clock.advance(125)
    assert len(await all_runs(board)) == 60


async def test_a_plan_from_an_outdated_trigger_is_refused(board: Callboard, clock: VirtualClock):
    await board.define(tick)
    before = await board.schedule("t", every(hours=1), tick)
    await clock.advance(3600)
    plan = plan_slots(before, clock.now())
    epoch = board.health().epoch or 0
    assert await board._ask(FireSlots(epoch=epoch, plans=(plan,))) == (False,)
    assert len(await all_runs(board)) == 1


async def test_a_simulated_month_of_an_hourly_trigger(board: Callboard, clock: VirtualClock):
    await board.define(tick)
    await board.schedule("t", every(hours=1), tick, misfire=MisfirePolicy(grace_s=0))
    await clock.advance(30 * 86400)
    assert (await board.list_triggers(TriggerFilter()))[0].firings == 720


class WatchedStore(MemoryStore):
    """Counts what is read of triggers; a read takes `read_s` of the clock's time."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self._its_clock = clock
        self.read_s = 0.0
        self.rows: list[int] = []

    async def due_triggers(
        self, until: datetime, limit: int, shards: Collection[int] | None = None
    ) -> list[Trigger]:
        triggers = await super().due_triggers(until, limit, shards)
        self.rows.append(len(triggers))
        await self._its_clock.sleep_until(self._its_clock.monotonic() + self.read_s)
        return triggers


@asynccontextmanager
async def watched_board(
    clock: VirtualClock, **changes: Any
) -> AsyncIterator[tuple[Callboard, WatchedStore]]:
    store = WatchedStore(clock)
    config = replace(CALM, poll_s=5.0, horizon_s=60.0, **changes)
    board = Callboard(store=store, config=config, clock=clock)
    await board.open()
    try:
        await clock.run_until(lambda: board.health().is_ready)
        await board.define(tick)
        yield board, store
    finally:
        await board.close()


async def test_only_what_is_due_soon_is_read(clock: VirtualClock):
    async with watched_board(clock) as (board, store):
        for number in range(1, 401):
            await board.schedule(
                f"t{number}", at(clock.now() + timedelta(seconds=30 * number)), tick
            )
        store.rows.clear()
        await clock.advance(300)
        assert max(store.rows) <= 3
        assert len(await all_runs(board)) == 10


async def test_a_long_read_of_what_comes_delays_nothing_that_is_due(clock: VirtualClock):
    async with watched_board(clock) as (board, store):
        await board.schedule("t", every(seconds=7), tick)
        store.read_s = 4.5
        await clock.advance(700)
        runs = await all_runs(board)
        assert len(runs) == 100
        assert {run.created_at - run.slot for run in runs} == {timedelta()}


async def test_a_trigger_that_cannot_be_planned_holds_up_no_other(
    open_board, clock: VirtualClock, monkeypatch, caplog
):
    board = await open_board()
    await board.define(tick)
    await board.schedule("bad", every(minutes=1), tick)
    await board.schedule("good", every(minutes=1), tick)
    real = Trigger.slot_after

    def slot_after(self, after):
        if self.name == "bad":
            raise ZeroDivisionError("a fault of ours")
        return real(self, after)

    monkeypatch.setattr(Trigger, "slot_after", slot_after)
    await clock.advance(600)
    assert [run.trigger for run in await all_runs(board)] == ["good"] * 10
    assert "trigger default/bad waits: no plan" in caplog.messages
