"""Backfills: slots of the past, each fired at most once, as far as there is room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from callboard import (
    Action,
    Callboard,
    Event,
    Job,
    OverlapPolicy,
    RetryPolicy,
    Run,
    RunState,
    Trigger,
    at,
    cron,
    every,
    on_demand,
)
from callboard.commands import AdvanceBackfill, ReadBackfilledSlots
from callboard.domain.backfill import Backfill, BackfilledSlot, BackfillState, NewBackfill
from callboard.domain.trigger import OverlapPolicyName
from callboard.errors import Conflict, InvalidInput, NotFound, StoreError
from callboard.store.contract import BackfillFilter
from callboard.store.memory_transaction import MemoryTransaction
from callboard.testing import VirtualClock
from support.boards import all_runs, answered

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MINUTE_S = 60.0
SKIP = OverlapPolicy(policy=OverlapPolicyName.SKIP)

Work = Callable[..., Awaitable[None]]


@pytest.fixture
def minute(clock: VirtualClock) -> Work:
    """A handler that takes a minute."""

    async def work(a: int = 0) -> None:
        await clock.sleep_until(clock.monotonic() + MINUTE_S)

    return work


async def define(board: Callboard, work: Work, name: str = "load", **fields: Any) -> Job:
    board.handlers.register(f"work:{name}", work)
    job = Job(name=name, kind="python", spec={"handler": f"work:{name}"}, **fields)
    stored, _ = await board.replace_job(job)
    return stored


async def hourly(board: Callboard, work: Work, **fields: Any) -> Trigger:
    """An active trigger at every full hour, named "hourly"."""
    await define(board, work)
    return await board.schedule("hourly", cron("0 * * * *"), "load", {"a": 1}, **fields)


async def backfill(board: Callboard, clock: VirtualClock, **changes: Any) -> Backfill:
    """Of the six hours until now."""
    now = clock.now()
    values = {"trigger": "hourly", "from_at": now - 6 * HOUR, "until_at": now, **changes}
    return await board.create_backfill(NewBackfill(**values))


async def done(board: Callboard, clock: VirtualClock, one: Backfill) -> Backfill:
    """The backfill when it has ended, all its runs included; within a day."""
    for _ in range(24 * 60):
        one = await board.get_backfill(one.id)
        if one.has_ended and not one.live:
            break
        await clock.advance(MINUTE_S)
    return one


async def backfilled(board: Callboard, clock: VirtualClock, one: Backfill) -> list[BackfilledSlot]:
    command = ReadBackfilledSlots(
        trigger_id=one.trigger_id, since=one.from_at, until=one.until_at, limit=1000
    )
    return [each for each in await board._ask(command) if each.backfill_id == one.id]


def most_at_once(runs: list[Run]) -> int:
    """Of runs that have all begun and ended; one may begin where another ends."""
    began = [(run.started_at, 1) for run in runs if run.started_at]
    ended = [(run.ended_at, -1) for run in runs if run.ended_at]
    count = most = 0
    for _, change in sorted([*began, *ended]):
        count += change
        most = max(most, count)
    return most


async def test_it_fires_the_slots_of_its_range_one_after_the_other(
    board: Callboard, clock: VirtualClock, minute: Work
):
    """M12: from_at is included, until_at is not."""
    trigger = await hourly(board, minute)
    one = await backfill(board, clock)
    assert (one.state, one.slots_total, one.fired) == (BackfillState.RUNNING, 6, 0)
    ended = await done(board, clock, one)
    runs = await all_runs(board)
    assert [run.slot for run in runs] == [one.from_at + hour * HOUR for hour in range(6)]
    assert {(run.trigger_id, run.trigger, run.job) for run in runs} == {
        (trigger.id, "hourly", "load")
    }
    assert {run.arguments["a"] for run in runs} == {1}
    assert len({run.trace_id for run in runs}) == 6
    assert most_at_once(runs) == 1
    assert (ended.state, ended.succeeded, ended.failed, ended.live) == ("completed", 6, 0, 0)
    assert ended.ended_at == max(run.ended_at for run in runs if run.ended_at)


async def test_the_next_slot_fires_as_soon_as_there_is_room(
    board: Callboard, clock: VirtualClock, minute: Work
):
    """Not only at the next poll, an hour later."""
    await hourly(board, minute)
    await backfill(board, clock)
    await clock.settle()
    await clock.advance(10 * MINUTE_S)
    runs = await all_runs(board)
    assert len(runs) == 6
    assert {(b.created_at - a.created_at).total_seconds() for a, b in pairwise(runs)} == {MINUTE_S}


async def test_its_own_concurrency_bounds_it(board: Callboard, clock: VirtualClock, minute: Work):
    await hourly(board, minute)
    await done(board, clock, await backfill(board, clock, max_concurrent=4))
    assert most_at_once(await all_runs(board)) == 4


async def test_slots_that_fired_in_their_time_are_passed_over(
    board: Callboard, clock: VirtualClock, minute: Work
):
    """M11"""
    trigger = await hourly(board, minute)
    await clock.advance(3 * 3600)
    fired_before = {run.slot for run in await all_runs(board)}
    assert len(fired_before) == 3
    one = await backfill(board, clock, until_at=clock.now())
    ended = await done(board, clock, one)
    assert (ended.fired, ended.skipped, ended.slots_total) == (4, 2, 6)
    runs = await all_runs(board, trigger="hourly")
    slots = [run.slot for run in runs]
    assert len(set(slots)) == len(slots)
    assert (await board.get_trigger("default", "hourly")).firings >= trigger.firings


async def test_force_fires_them_again_with_a_trace_of_their_own(
    board: Callboard, clock: VirtualClock, minute: Work
):
    """M11"""
    await hourly(board, minute)
    await clock.advance(3 * 3600 + 120)
    (before,) = {run.trace_id for run in await all_runs(board) if run.slot == _slot(clock, 1)}
    one = await backfill(
        board, clock, from_at=_slot(clock, 1), until_at=_slot(clock, 0), force=True
    )
    ended = await done(board, clock, one)
    assert (ended.fired, ended.skipped) == (1, 0)
    traces = {run.trace_id for run in await all_runs(board) if run.slot == one.from_at}
    assert len(traces) == 2
    assert before in traces


def _slot(clock: VirtualClock, ago: int) -> Any:
    return clock.now().replace(minute=0, second=0, microsecond=0) - ago * HOUR


async def test_two_backfills_of_one_range_fire_no_slot_twice(
    open_board: Any, clock: VirtualClock, minute: Work
):
    board, other = await open_board(poll_s=7.0), await open_board(poll_s=5.0)
    await hourly(board, minute)
    await define(other, minute)
    first = await backfill(board, clock, overlap="allow", max_concurrent=2)
    second = await backfill(other, clock, overlap="allow", max_concurrent=2)
    ended = [await done(board, clock, one) for one in (first, second)]
    assert sum(one.fired for one in ended) == 6
    assert [one.fired + one.skipped for one in ended] == [6, 6]
    slots = [run.slot for run in await all_runs(board, trigger="hourly")]
    assert len(slots) == len(set(slots))


async def test_a_slot_that_waits_for_its_decision_is_left_to_the_scheduler(
    open_board: Any, clock: VirtualClock, minute: Work
):
    board = await open_board(fires=False)
    await hourly(board, minute)
    await clock.advance(2 * 3600)
    one = await backfill(board, clock, overlap="allow", max_concurrent=100)
    advance = AdvanceBackfill(backfill_id=one.id, limit=1000)
    await board._ask(advance)
    undecided = (await board.get_trigger("default", "hourly")).next_slot
    slots = [each.slot for each in await backfilled(board, clock, one)]
    assert slots == [one.from_at + hour * HOUR for hour in range(len(slots))]
    assert undecided is not None
    assert max(slots) + HOUR == undecided
    await open_board()
    ended = await done(board, clock, one)
    assert ended.decided == ended.slots_total
    runs = [run.slot for run in await all_runs(board, trigger="hourly")]
    assert len(runs) == len(set(runs))


async def test_a_long_stretch_that_fired_is_passed_over_quickly(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await hourly(board, minute)
    range_ = {"from_at": clock.now() - 60 * DAY, "until_at": clock.now()}
    first = await backfill(board, clock, **range_, overlap="allow", max_concurrent=1000)
    assert (await done(board, clock, first)).fired == 1440
    second = await backfill(board, clock, **range_)
    await clock.settle()
    ended = await board.get_backfill(second.id)
    assert (ended.state, ended.fired, ended.skipped) == ("completed", 0, 1440)


# overlap


async def test_a_policy_that_does_not_allow_overlap_is_waited_for(
    board: Callboard, clock: VirtualClock, minute: Work
):
    """M10: no slot of the backfill is skipped, no firing of the trigger is stopped."""
    await hourly(board, minute, overlap=SKIP)
    (manual,) = await board.fire_trigger("default", "hourly")
    one = await backfill(board, clock, max_concurrent=5)
    await clock.settle()
    assert len(await all_runs(board)) == 1
    ended = await done(board, clock, one)
    runs = await all_runs(board, trigger="hourly")
    assert most_at_once(runs) == 1
    assert ended.succeeded == 6
    assert (await board.get_run(manual.id)).state is RunState.SUCCEEDED


async def test_the_request_may_say_that_overlap_is_allowed(
    board: Callboard, clock: VirtualClock, minute: Work
):
    """M10"""
    await hourly(board, minute, overlap=SKIP)
    await board.fire_trigger("default", "hourly")
    await backfill(board, clock, max_concurrent=5, overlap="allow")
    await clock.settle()
    assert len(await all_runs(board)) == 6


async def test_a_slot_that_is_buffered_meanwhile_goes_first(
    board: Callboard, clock: VirtualClock, minute: Work
):
    """M10: a scheduled slot finds a firing of the backfill live, and the other way round."""
    buffered = OverlapPolicy(policy=OverlapPolicyName.BUFFER_ONE)
    await hourly(board, minute, overlap=buffered)
    begin = clock.now()
    await clock.advance(3570)
    one = await backfill(board, clock, from_at=begin - 6 * HOUR, until_at=begin)
    ended = await done(board, clock, one)
    runs = await all_runs(board)
    assert [run.slot - begin for run in runs if run.slot] == [
        -6 * HOUR,
        HOUR,
        *(hour * HOUR for hour in range(-5, 0)),
    ]
    assert most_at_once(runs) == 1
    assert (ended.fired, ended.succeeded) == (6, 6)


# firings


async def test_a_firing_ends_with_its_last_attempt(board: Callboard, clock: VirtualClock):
    """M10: the retry is a part of the firing; nothing else starts meanwhile."""
    attempts = 0

    async def second_try(a: int = 0) -> None:
        nonlocal attempts
        attempts += 1
        if attempts % 2:
            raise LookupError("not yet")

    await hourly(board, second_try)
    retry = RetryPolicy(max_attempts=2)
    await define(board, second_try, retry=retry)
    ended = await done(board, clock, await backfill(board, clock))
    assert (ended.fired, ended.succeeded, ended.failed) == (6, 6, 0)
    runs = await all_runs(board)
    assert [run.attempt for run in runs] == [1, 2] * 6


async def test_a_firing_whose_last_attempt_fails_has_failed(board: Callboard, clock: VirtualClock):
    async def fail(a: int = 0) -> None:
        raise LookupError("nothing there")

    await hourly(board, fail)
    ended = await done(board, clock, await backfill(board, clock))
    assert (ended.state, ended.succeeded, ended.failed) == ("completed", 0, 6)


async def test_all_actions_of_a_slot_are_one_firing(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await define(board, minute)
    await define(board, minute, "second")
    actions = [Action(job="load"), Action(job="second")]
    await board.schedule("hourly", cron("0 * * * *"), actions)
    one = await backfill(board, clock)
    ended = await done(board, clock, one)
    runs = await all_runs(board)
    assert [run.job for run in runs] == ["load", "second"] * 6
    assert len({run.trace_id for run in runs}) == 6
    assert (ended.fired, ended.succeeded) == (6, 6)
    slots = await backfilled(board, clock, one)
    assert [each.run_ids for each in slots] == [
        (a.id, b.id) for a, b in zip(runs[::2], runs[1::2], strict=True)
    ]
    assert all(each.ended_at is not None for each in slots)


# pause, resume, cancel


async def test_a_paused_one_starts_nothing_until_it_is_resumed(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await hourly(board, minute)
    one = await backfill(board, clock)
    await clock.settle()
    paused = await board.pause_backfill(one.id)
    assert await board.pause_backfill(one.id) == paused
    await clock.advance(10 * MINUTE_S)
    assert len(await all_runs(board)) == 1
    seen = await board.get_backfill(one.id)
    assert (seen.state, seen.fired, seen.succeeded, seen.live) == ("paused", 1, 1, 0)
    resumed = await board.resume_backfill(one.id)
    assert await board.resume_backfill(one.id) == resumed
    assert (await done(board, clock, one)).succeeded == 6


async def test_a_cancelled_one_starts_nothing_more(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await hourly(board, minute)
    one = await backfill(board, clock)
    await clock.settle()
    cancelled = await board.cancel_backfill(one.id)
    assert (cancelled.state, cancelled.live) == ("cancelled", 1)
    assert await board.cancel_backfill(one.id) == cancelled
    await clock.advance(10 * MINUTE_S)
    assert [run.state for run in await all_runs(board)] == [RunState.SUCCEEDED]
    seen = await board.get_backfill(one.id)
    assert (seen.state, seen.succeeded, seen.live) == ("cancelled", 1, 0)


async def test_cancelling_may_stop_what_is_live(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await hourly(board, minute)
    await define(board, minute, max_concurrent_runs=1)
    one = await backfill(board, clock, max_concurrent=3)
    await clock.settle()
    await board.cancel_backfill(one.id)
    await board.cancel_backfill(one.id, stop_runs=True)
    await clock.settle()
    assert [run.state for run in await all_runs(board)] == [RunState.STOPPED] * 3
    seen = await done(board, clock, one)
    assert (seen.fired, seen.failed) == (3, 3)


@pytest.mark.parametrize("verb", ["pause_backfill", "resume_backfill", "cancel_backfill"])
async def test_a_completed_one_stays_as_it_is(
    board: Callboard, clock: VirtualClock, minute: Work, verb: str
):
    await hourly(board, minute)
    one = await done(board, clock, await backfill(board, clock))
    error = await answered(getattr(board, verb)(one.id))
    assert isinstance(error, Conflict)
    assert error.code == "backfill_ended"
    assert isinstance(await answered(getattr(board, verb)(one.id + 1)), NotFound)


async def test_a_disabled_job_pauses_it_with_the_reason(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await hourly(board, minute)
    job = await define(board, minute, disabled=True)
    one = await backfill(board, clock)
    await clock.settle()
    seen = await board.get_backfill(one.id)
    assert (seen.state, seen.reason) == ("paused", "job 'load' is disabled")
    await board.replace_job(replace(job, disabled=False))
    assert (await board.resume_backfill(one.id)).reason is None
    assert (await done(board, clock, one)).succeeded == 6


async def test_the_end_of_its_trigger_cancels_it_with_the_reason(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await hourly(board, minute)
    one = await backfill(board, clock)
    await clock.settle()
    await board.delete_trigger("default", "hourly")
    seen = await done(board, clock, one)
    assert (seen.state, seen.fired, seen.succeeded) == ("cancelled", 1, 1)
    assert seen.reason == "its trigger 'hourly' was deleted"


async def test_another_trigger_of_the_name_does_not_continue_it(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await hourly(board, minute)
    one = await backfill(board, clock)
    await clock.settle()
    await board.delete_trigger("default", "hourly")
    await hourly(board, minute)
    assert (await done(board, clock, one)).state is BackfillState.CANCELLED


async def test_an_edited_trigger_goes_on_with_its_new_slots(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await hourly(board, minute)
    one = await backfill(board, clock)
    await clock.settle()
    await board.schedule("hourly", cron("30 * * * *"), "load")
    seen = await done(board, clock, one)
    minutes = [run.slot.minute for run in await all_runs(board) if run.slot]
    assert minutes == [0, 30, 30, 30, 30, 30, 30]
    assert (seen.slots_total, seen.fired) == (6, 7)


async def test_a_trigger_that_became_one_on_demand_pauses_it(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await hourly(board, minute)
    one = await backfill(board, clock)
    await clock.settle()
    await board.schedule("hourly", on_demand(), "load")
    await clock.advance(5 * MINUTE_S)
    seen = await board.get_backfill(one.id)
    assert seen.state is BackfillState.PAUSED
    assert "on_demand" in (seen.reason or "")


# requests


async def test_a_trigger_that_does_not_exist_is_named(board: Callboard, clock: VirtualClock):
    with pytest.raises(InvalidInput, match="there is no trigger 'hourly'"):
        await backfill(board, clock)
    assert await board.list_backfills(BackfillFilter()) == []


async def test_the_slot_of_an_instant_and_those_of_an_interval_are_backfilled(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await define(board, minute)
    now = clock.now()
    await board.schedule("once", at(now - HOUR), "load")
    await board.schedule("often", every(minutes=30, anchor_at=now - 2 * HOUR), "load")
    once = await done(board, clock, await backfill(board, clock, trigger="once"))
    often = await done(board, clock, await backfill(board, clock, trigger="often", until_at=now))
    assert (once.succeeded, often.succeeded) == (1, 4)


async def test_an_empty_range_is_completed_at_once(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await hourly(board, minute)
    now = clock.now()
    one = await backfill(board, clock, from_at=now - HOUR / 2, until_at=now - HOUR / 3)
    assert (one.state, one.slots_total) == (BackfillState.COMPLETED, 0)


# events


async def test_every_change_is_told_with_the_counters(
    board: Callboard, clock: VirtualClock, minute: Work
):
    await hourly(board, minute)
    events: list[Event] = []
    async with board.subscribe(snapshot=False, buffer=10_000) as subscription:
        one = await done(board, clock, await backfill(board, clock))
        await clock.settle()
        while True:
            event = await anext(aiter(subscription))
            events.append(event)  # type: ignore[arg-type]
            if event.type == "backfill.changed" and event.subject["state"] == "completed":
                break
    told = [event.subject for event in events if event.type == "backfill.changed"]
    assert [each["fired"] for each in told] == [0, 1, 2, 3, 4, 5, 6, 6]
    assert told[-1] == {
        "group": "default",
        "name": "hourly",
        "id": one.id,
        "state": "completed",
        "slots_total": 6,
        "fired": 6,
        "skipped": 0,
        "live": 0,
        "succeeded": 6,
        "failed": 0,
        "version": one.version,
    }


async def test_another_node_takes_over_where_one_stops(
    open_board: Any, clock: VirtualClock, minute: Work
):
    one, two = await open_board(poll_s=10.0), await open_board(poll_s=10.0)
    await hourly(one, minute)
    await define(two, minute)
    wanted = await backfill(one, clock)
    await clock.advance(2.5 * MINUTE_S)
    await one.close()
    ended = await done(two, clock, wanted)
    assert ended.succeeded + ended.failed == 6
    assert len(await backfilled(two, clock, wanted)) == 6


async def test_a_backfill_of_another_node_is_noticed_at_the_poll(
    open_board: Any, clock: VirtualClock, minute: Work
):
    front, back = await open_board(fires=False), await open_board(poll_s=10.0)
    await hourly(front, minute)
    await define(back, minute)
    one = await backfill(front, clock)
    await clock.advance(9.9)
    assert (await front.get_backfill(one.id)).fired == 0
    await clock.advance(0.1)
    assert (await front.get_backfill(one.id)).fired == 1
    await back.close()


async def test_a_backfill_that_cannot_be_advanced_does_not_hold_up_the_others(
    board: Callboard, clock: VirtualClock, minute: Work, monkeypatch: pytest.MonkeyPatch
):
    found = MemoryTransaction.open_firings

    async def broken(tx: MemoryTransaction, backfill_id: int) -> list[BackfilledSlot]:
        if backfill_id == stuck.id:
            raise StoreError("a row that nobody can read")
        return await found(tx, backfill_id)

    await hourly(board, minute)
    stuck = await backfill(board, clock)
    with monkeypatch.context() as patched:
        patched.setattr(MemoryTransaction, "open_firings", broken)
        other = await backfill(board, clock, force=True, overlap="allow")
        assert (await done(board, clock, other)).succeeded == 6
    assert (await done(board, clock, stuck)).decided == 6
