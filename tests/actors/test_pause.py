"""Pause and resume: no slot of a pause is lost from sight, and none fires that should not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callboard import (
    Action,
    Callboard,
    MisfirePolicy,
    TriggerState,
    at,
    cron,
    every,
    job,
    on_demand,
)
from callboard.commands import EventRange, ReadLedger
from callboard.domain.ledger import Decision, SkipReason
from callboard.domain.pause import Missed
from callboard.domain.trigger import MisfirePolicyName
from callboard.errors import Conflict, InvalidInput, NotFound, StaleVersion
from callboard.operations import BulkChange
from callboard.store.contract import TriggerFilter
from callboard.testing import VirtualClock
from support.boards import all_runs

HOUR = timedelta(hours=1)
HOUR_S = 3600.0
NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001 - what is to be refused
FIRE_ALL = MisfirePolicy(policy=MisfirePolicyName.FIRE_ALL, grace_s=0)


@job()
async def tick() -> None:
    pass


@job()
async def tock() -> None:
    pass


@pytest.fixture
async def hourly(board: Callboard) -> Callboard:
    """A board with an hourly trigger t."""
    await board.define(tick)
    await board.define(tock)
    await board.schedule("t", every(hours=1), tick)
    return board


async def told(board: Callboard, clock: VirtualClock, name: str = "t") -> list[tuple[str, int]]:
    """What became of each slot so far: fired or the reason of the skip, and how many."""
    views = await board.list_slots(
        "default",
        name,
        since=datetime(2020, 1, 1, tzinfo=UTC),
        until=clock.now() + timedelta(microseconds=1),
        limit=1000,
    )
    return [(str(view.reason or view.decision), view.count) for view in views]


async def states(board: Callboard) -> dict[str, TriggerState]:
    triggers = await board.list_triggers(TriggerFilter(limit=10_000))
    return {trigger.name: trigger.state for trigger in triggers}


async def test_m05_slots_of_a_pause_are_one_row_of_skipped_ones(
    hourly: Callboard, clock: VirtualClock
):
    await clock.advance(2 * HOUR_S)
    paused = await hourly.pause_trigger("default", "t")
    assert (paused.state, paused.next_slot) == (TriggerState.PAUSED, None)
    start = clock.now()
    await clock.advance(10.5 * HOUR_S)
    resumed = await hourly.resume_trigger("default", "t")
    await clock.advance(HOUR_S)
    assert resumed.trigger.state is TriggerState.ACTIVE
    assert (resumed.slots, resumed.first, resumed.last) == (10, start + HOUR, start + 10 * HOUR)
    assert await told(hourly, clock) == [
        ("fired", 1),
        ("fired", 1),
        ("paused", 10),
        ("fired", 1),
    ]


async def test_m05_a_resume_may_catch_up_by_the_misfire_policy(
    hourly: Callboard, clock: VirtualClock
):
    await hourly.schedule("t", every(hours=1), tick, misfire=FIRE_ALL)
    await hourly.pause_trigger("default", "t")
    await clock.advance(3.5 * HOUR_S)
    resumed = await hourly.resume_trigger("default", "t", missed=Missed.CATCH_UP)
    assert resumed.slots == 3
    assert len(await all_runs(hourly)) == 3


async def test_every_slot_of_a_pause_has_its_answer_while_it_lasts(
    hourly: Callboard, clock: VirtualClock
):
    await hourly.pause_trigger("default", "t")
    await clock.advance(5.5 * HOUR_S)
    assert await told(hourly, clock) == [("paused", 5)]


async def test_a_timed_pause_ends_by_itself(hourly: Callboard, clock: VirtualClock):
    until = clock.now() + 2.5 * HOUR
    paused = await hourly.pause_trigger("default", "t", until=until)
    assert paused.resume_at == paused.wake_at == until
    await clock.advance(4 * HOUR_S)
    trigger = await hourly.get_trigger("default", "t")
    assert (trigger.state, trigger.resume_at) == (TriggerState.ACTIVE, None)
    assert await told(hourly, clock) == [("paused", 2), ("fired", 1), ("fired", 1)]


async def test_a_pause_may_be_given_another_end(hourly: Callboard, clock: VirtualClock):
    await hourly.pause_trigger("default", "t", until=clock.now() + HOUR)
    await hourly.pause_trigger("default", "t")
    await clock.advance(3.5 * HOUR_S)
    assert (await hourly.get_trigger("default", "t")).state is TriggerState.PAUSED
    assert sum(count for _, count in await told(hourly, clock)) == 3
    await hourly.pause_trigger("default", "t", until=clock.now() + HOUR)
    await clock.advance(2 * HOUR_S)
    assert (await hourly.get_trigger("default", "t")).state is TriggerState.ACTIVE
    assert sum(count for _, count in await told(hourly, clock)) == 5


async def test_pausing_again_changes_nothing(hourly: Callboard, clock: VirtualClock):
    paused = await hourly.pause_trigger("default", "t")
    _, before = await hourly._ask(EventRange())
    assert await hourly.pause_trigger("default", "t") == paused
    assert await hourly._ask(EventRange()) == (1, before)


async def test_a_pause_decides_the_slots_that_are_due_first(open_board, clock: VirtualClock):
    idle = await open_board(fires=False)
    await idle.define(tick)
    await idle.schedule("t", every(hours=1), tick)
    await clock.advance(HOUR_S)
    await idle.pause_trigger("default", "t")
    (run,) = await all_runs(idle)
    assert run.slot == clock.now()


async def test_a_trigger_whose_last_slot_was_due_is_completed_not_paused(
    open_board, clock: VirtualClock
):
    idle = await open_board(fires=False)
    await idle.define(tick)
    await idle.schedule("t", at(clock.now() + HOUR), tick)
    await clock.advance(HOUR_S)
    assert (await idle.pause_trigger("default", "t")).state is TriggerState.COMPLETED
    assert len(await all_runs(idle)) == 1


@pytest.mark.parametrize("state", ["inactive", "completed"])
async def test_only_an_active_trigger_can_be_paused(
    hourly: Callboard, clock: VirtualClock, state: str
):
    if state == "completed":
        await hourly.schedule("t", at(clock.now() + timedelta(seconds=1)), tick)
        await clock.advance(2)
    else:
        await hourly.deactivate_trigger("default", "t")
    assert (await hourly.get_trigger("default", "t")).state == state
    with pytest.raises(Conflict) as refusal:
        await hourly.pause_trigger("default", "t")
    assert refusal.value.code == "not_pausable"


async def test_what_is_not_paused_cannot_be_resumed(hourly: Callboard):
    with pytest.raises(Conflict) as refusal:
        await hourly.resume_trigger("default", "t")
    assert refusal.value.code == "not_paused"
    with pytest.raises(NotFound):
        await hourly.resume_trigger("default", "nothing")


async def test_the_end_of_a_pause_lies_in_the_future(hourly: Callboard, clock: VirtualClock):
    everything = TriggerFilter()
    for until, word in ((clock.now(), "later"), (NAIVE, "no time zone")):
        for call in (
            hourly.pause_trigger("default", "t", until=until),
            hourly.pause_triggers(everything, until=until),
            hourly.pause_triggers(everything, until=until, dry_run=True),
        ):
            with pytest.raises(InvalidInput, match=word) as refusal:
                await call
            assert [problem.field for problem in refusal.value.problems] == ["until"]
    assert await states(hourly) == {"t": TriggerState.ACTIVE}


async def test_a_pause_at_another_version_is_refused(hourly: Callboard):
    with pytest.raises(StaleVersion):
        await hourly.pause_trigger("default", "t", expected_version=7)
    await hourly.pause_trigger("default", "t", expected_version=1)
    with pytest.raises(StaleVersion):
        await hourly.resume_trigger("default", "t", expected_version=7)


async def test_an_on_demand_trigger_is_paused_and_resumed_too(board: Callboard):
    await board.define(tick)
    await board.schedule("t", on_demand(), tick)
    await board.pause_trigger("default", "t")
    resumed = await board.resume_trigger("default", "t")
    assert (resumed.trigger.state, resumed.slots) == (TriggerState.ACTIVE, 0)


async def test_a_trigger_that_ended_during_its_pause_is_completed_by_the_resume(
    hourly: Callboard, clock: VirtualClock
):
    await hourly.schedule("t", every(hours=1), tick, end_at=clock.now() + 2.5 * HOUR)
    await hourly.pause_trigger("default", "t")
    await clock.advance(9 * HOUR_S)
    resumed = await hourly.resume_trigger("default", "t")
    assert (resumed.trigger.state, resumed.slots) == (TriggerState.COMPLETED, 2)


async def test_a_pause_of_years_costs_one_row(hourly: Callboard, clock: VirtualClock):
    await hourly.schedule("s", cron("* * * * *", zone="Europe/Berlin"), tick)
    await hourly.pause_triggers(TriggerFilter())
    clock.set_wall(clock.now() + timedelta(days=3 * 365, seconds=1))
    resumed = await hourly.resume_trigger("default", "s")
    assert resumed.slots == 3 * 365 * 24 * 60
    assert await told(hourly, clock, "s") == [("paused", resumed.slots)]


async def test_the_stream_tells_of_a_pause_and_its_end(hourly: Callboard, clock: VirtualClock):
    async with hourly.subscribe(snapshot=False) as events:
        await hourly.pause_trigger("default", "t", until=clock.now() + HOUR)
        await hourly.pause_trigger("default", "t", until=clock.now() + 2 * HOUR)
        await clock.advance(3.5 * HOUR_S)
        seen = []
        async for event in events:
            if event.type == "trigger.changed":
                seen.append(event.subject["state"])
            if seen[-1:] == ["active"]:
                break
    assert seen == ["paused", "paused", "active"]


# edits, activation, deactivation and deletion during a pause


async def paused_for_hours(board: Callboard, clock: VirtualClock, hours: float) -> None:
    await board.pause_trigger("default", "t")
    await clock.advance(hours * HOUR_S)


async def test_an_edit_of_the_timing_closes_the_stretch_and_stays_paused(
    hourly: Callboard, clock: VirtualClock
):
    await paused_for_hours(hourly, clock, 3.5)
    edited = await hourly.schedule("t", every(hours=2), tick)
    assert (edited.state, edited.next_slot) == (TriggerState.PAUSED, None)
    await clock.advance(4.5 * HOUR_S)
    resumed = await hourly.resume_trigger("default", "t")
    assert resumed.slots == 2
    assert await told(hourly, clock) == [("paused", 3), ("paused", 2)]


async def test_an_edit_of_the_timing_keeps_the_end_of_a_timed_pause(
    hourly: Callboard, clock: VirtualClock
):
    until = clock.now() + 5 * HOUR
    await hourly.pause_trigger("default", "t", until=until)
    edited = await hourly.schedule("t", every(hours=2), tick)
    assert edited.resume_at == until


async def test_an_edit_of_anything_else_leaves_the_pause_alone(
    hourly: Callboard, clock: VirtualClock
):
    await paused_for_hours(hourly, clock, 3.5)
    edited = await hourly.schedule("t", every(hours=1), tick, misfire=FIRE_ALL, jitter_s=5.0)
    assert (edited.state, edited.generation) == (TriggerState.PAUSED, 1)
    assert (await hourly.resume_trigger("default", "t")).slots == 3


async def test_an_activation_ends_the_pause_with_a_new_generation(
    hourly: Callboard, clock: VirtualClock
):
    await hourly.pause_trigger("default", "t", until=clock.now() + 9 * HOUR)
    await clock.advance(3.5 * HOUR_S)
    activated = await hourly.activate_trigger("default", "t")
    assert (activated.generation, activated.resume_at) == (2, None)
    assert activated.next_slot == clock.now() + HOUR
    assert await told(hourly, clock) == [("paused", 3)]


async def test_a_deactivation_closes_the_stretch(hourly: Callboard, clock: VirtualClock):
    await hourly.pause_trigger("default", "t", until=clock.now() + 9 * HOUR)
    await clock.advance(3.5 * HOUR_S)
    idle = await hourly.deactivate_trigger("default", "t")
    assert (idle.state, idle.resume_at) == (TriggerState.INACTIVE, None)
    await clock.advance(9 * HOUR_S)
    assert await told(hourly, clock) == [("paused", 3)]


async def test_a_deletion_closes_the_stretch(hourly: Callboard, clock: VirtualClock):
    await paused_for_hours(hourly, clock, 3.5)
    trigger = await hourly.get_trigger("default", "t")
    await hourly.delete_trigger("default", "t")
    whole = ReadLedger(
        trigger_id=trigger.id, since=clock.now() - 9 * HOUR, until=clock.now() + HOUR, limit=9
    )
    entries = await hourly._ask(whole)
    assert [(entry.reason, entry.count) for entry in entries] == [(SkipReason.PAUSED, 3)]


# bulk


async def many(board: Callboard, count: int) -> None:
    for number in range(count):
        await board.schedule(f"m{number:03}", every(hours=1), tick)


async def test_everything_is_paused_and_resumed_in_steps(
    hourly: Callboard, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("callboard.operations.triggers.BULK_STEP", 3)
    await many(hourly, 10)
    assert await hourly.pause_triggers(TriggerFilter()) == BulkChange(matched=11, changed=11)
    assert set((await states(hourly)).values()) == {TriggerState.PAUSED}
    await clock.advance(2.5 * HOUR_S)
    resumed = await hourly.resume_triggers(TriggerFilter())
    assert resumed == BulkChange(matched=11, changed=11, slots=22)
    await clock.advance(HOUR_S)
    assert len(await all_runs(hourly)) == 11


async def test_a_dry_run_only_counts(hourly: Callboard, clock: VirtualClock):
    until = clock.now() + 9 * HOUR
    await many(hourly, 4)
    await hourly.pause_trigger("default", "m000")
    await hourly.pause_trigger("default", "m001", until=until)
    await hourly.deactivate_trigger("default", "m002")
    before = await states(hourly)
    for call in (
        hourly.pause_triggers(TriggerFilter(), until=until, dry_run=True),
        hourly.resume_triggers(TriggerFilter(), dry_run=True),
    ):
        assert (await call).matched == 5
    assert await states(hourly) == before
    plan = await hourly.pause_triggers(TriggerFilter(), until=until, dry_run=True)
    assert plan == await hourly.pause_triggers(TriggerFilter(), until=until)
    assert plan.changed == 3


async def test_triggers_are_paused_by_group_and_by_job(hourly: Callboard):
    two = [Action(job="tick"), Action(job="tock")]
    await hourly.schedule("u", every(hours=1), tock)
    await hourly.schedule("v", every(hours=1), two)
    assert (await hourly.pause_triggers(TriggerFilter(group="elsewhere"))).matched == 0
    by_job = TriggerFilter(group="default", job="tock")
    assert await hourly.pause_triggers(by_job) == BulkChange(matched=2, changed=2)
    assert (await hourly.pause_triggers(TriggerFilter(group="default"))).changed == 1
    assert (await hourly.resume_triggers(by_job)).changed == 2
    assert await states(hourly) == {
        "t": TriggerState.PAUSED,
        "u": TriggerState.ACTIVE,
        "v": TriggerState.ACTIVE,
    }


async def test_a_repeated_call_goes_on_and_changes_nothing_twice(hourly: Callboard):
    await many(hourly, 3)
    await hourly.pause_triggers(TriggerFilter())
    assert await hourly.pause_triggers(TriggerFilter()) == BulkChange(matched=4, changed=0)
    await many(hourly, 5)
    assert await hourly.pause_triggers(TriggerFilter()) == BulkChange(matched=6, changed=2)


async def test_a_bulk_pause_passes_over_what_cannot_be_paused(
    hourly: Callboard, clock: VirtualClock
):
    await many(hourly, 2)
    await hourly.deactivate_trigger("default", "t")
    change = await hourly.pause_triggers(TriggerFilter())
    assert (change.matched, change.changed) == (3, 2)
    assert (await states(hourly))["t"] is TriggerState.INACTIVE


async def test_a_bulk_resume_catches_up_step_by_step(
    hourly: Callboard, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("callboard.changes.pauses.MOST_RUNS", 5)
    for name in "abc":
        await hourly.schedule(name, every(hours=1), tick, misfire=FIRE_ALL)
    await hourly.pause_triggers(TriggerFilter())
    await clock.advance(4.5 * HOUR_S)
    await hourly.delete_trigger("default", "t")
    resumed = await hourly.resume_triggers(TriggerFilter(), missed=Missed.CATCH_UP)
    assert resumed == BulkChange(matched=3, changed=3, slots=12)
    await clock.advance(1)
    assert len(await all_runs(hourly)) == 12


async def test_d05_a_bulk_resume_parks_what_it_cannot_understand(
    hourly: Callboard, clock: VirtualClock, store
):
    await many(hourly, 1)
    await hourly.pause_triggers(TriggerFilter())
    lost = await hourly.get_trigger("default", "t")
    schedule = replace(cron("0 * * * *"), zone="Mars/Olympus")
    async with store.begin() as tx:
        await tx.update_trigger(replace(lost, schedule=schedule))
    await clock.advance(2 * HOUR_S)
    assert (await hourly.resume_triggers(TriggerFilter())).changed == 1
    trigger = await hourly.get_trigger("default", "t")
    assert trigger.state is TriggerState.PARKED
    assert "Mars/Olympus" in (trigger.reason or "")


async def test_d05_a_paused_trigger_whose_zone_is_gone_can_be_deleted(
    hourly: Callboard, clock: VirtualClock, store
):
    await hourly.pause_trigger("default", "t")
    lost = await hourly.get_trigger("default", "t")
    async with store.begin() as tx:
        schedule = replace(cron("0 * * * *"), zone="Mars/Olympus")
        await tx.update_trigger(replace(lost, schedule=schedule))
    await clock.advance(2 * HOUR_S)
    await hourly.delete_trigger("default", "t")
    assert await states(hourly) == {}


async def test_decisions_of_a_pause_are_skips(hourly: Callboard, clock: VirtualClock):
    await paused_for_hours(hourly, clock, 2.5)
    await hourly.resume_trigger("default", "t")
    (view,) = await hourly.list_slots(
        "default", "t", since=clock.now() - 9 * HOUR, until=clock.now() + timedelta(seconds=1)
    )
    assert (view.decision, view.reason) == (Decision.SKIPPED, SkipReason.PAUSED)
    assert (view.slot, view.until) == (clock.now() - 1.5 * HOUR, clock.now() - 0.5 * HOUR)


async def test_a_slot_at_the_very_end_of_a_pause_fires(hourly: Callboard, clock: VirtualClock):
    await hourly.pause_trigger("default", "t", until=clock.now() + 2 * HOUR)
    await clock.advance(2 * HOUR_S + 1)
    assert await told(hourly, clock) == [("paused", 1), ("fired", 1)]
