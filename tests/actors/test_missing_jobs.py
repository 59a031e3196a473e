"""Triggers that may lack their jobs, and conditions that ask who started what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callboard import (
    Action,
    Callboard,
    Condition,
    TriggerState,
    cron,
    on_demand,
    when_all,
    when_any,
)
from callboard.domain.backfill import BackfillState, NewBackfill
from callboard.domain.ledger import SkipReason
from callboard.domain.run import Run
from callboard.domain.schedule import Schedule
from callboard.domain.trigger import OnMissing, Trigger
from callboard.errors import Conflict, InvalidInput, NotFound
from callboard.testing import VirtualClock
from support.boards import all_runs, meanwhile

G = "default"
SKIP = OnMissing.SKIP
HOUR_S = 3600.0
HOURLY = cron("0 * * * *")


@pytest.fixture
async def board(open_board: Callable[..., Any]) -> Callboard:
    one: Callboard = await open_board()
    return one


async def work(fails: int = 0) -> None:
    if fails:
        raise RuntimeError("as asked")


async def make(board: Callboard, *names: str, **fields: Any) -> None:
    for name in names:
        await board.define(work, name=name, **fields)


async def may_lack(
    board: Callboard, name: str, schedule: Schedule, *jobs: str, **fields: Any
) -> Trigger:
    actions = [Action(job=job) for job in jobs]
    return await board.schedule(name, schedule, actions, on_missing=SKIP, **fields)


async def run(board: Callboard, clock: VirtualClock, job: str, **arguments: Any) -> Run:
    handle = await board.start(job, arguments)
    ended = await meanwhile(clock, handle.wait())
    await clock.settle()
    return ended


async def started(board: Callboard, clock: VirtualClock, name: str) -> list[str]:
    """Jobs of the runs that the trigger started, once all is quiet."""
    await clock.advance(10)
    return [each.job for each in await all_runs(board, trigger=name)]


async def reasons(board: Callboard, clock: VirtualClock, name: str) -> list[SkipReason | None]:
    now = clock.now()
    views = await board.list_slots(G, name, since=now - timedelta(days=1), until=now)
    return [view.reason for view in views]


async def test_a_trigger_may_be_stored_before_its_jobs(board: Callboard) -> None:
    for on_missing in OnMissing:
        trigger = Trigger(
            name=on_missing,
            schedule=when_all("a"),
            actions=(Action(job="b"),),
            on_missing=on_missing,
        )
        if on_missing is SKIP:
            assert (await board.create_trigger(trigger)).state is TriggerState.ACTIVE
        else:
            with pytest.raises(InvalidInput) as caught:
                await board.create_trigger(trigger)
            fields = {problem.field for problem in caught.value.problems}
            assert fields == {"actions[0].job", "schedule.conditions[0].job"}


async def test_it_is_edited_and_activated_without_them(board: Callboard) -> None:
    trigger = await may_lack(board, "t", when_all("a"), "b")
    await board.deactivate_trigger(G, "t")
    edited = await may_lack(board, "t", when_any("c", "d"), "e")
    assert edited.generation > trigger.generation
    assert (await board.activate_trigger(G, "t")).state is TriggerState.ACTIVE


async def test_it_cannot_be_edited_to_need_what_is_not_there(board: Callboard) -> None:
    await make(board, "b")
    await may_lack(board, "t", when_all("a"), "b")
    with pytest.raises(InvalidInput, match="there is no job 'a'"):
        await board.schedule("t", when_all("a"), "b")
    await make(board, "a")
    await board.schedule("t", when_all("a"), "b")
    for job in "ab":
        with pytest.raises(Conflict, match="ed by t:"):
            await board.delete_job(G, job)


async def test_it_does_not_hold_its_jobs(board: Callboard) -> None:
    await make(board, "a", "b")
    await may_lack(board, "t", when_all("a"), "b")
    await board.delete_job(G, "a")
    await board.delete_job(G, "b")
    assert (await board.get_trigger(G, "t")).state is TriggerState.ACTIVE


async def test_a_slot_starts_the_jobs_that_are_there(board: Callboard, clock: VirtualClock) -> None:
    await make(board, "a", "c")
    await may_lack(board, "t", HOURLY, "a", "b", "c")
    await clock.advance(HOUR_S)
    assert await started(board, clock, "t") == ["a", "c"]
    assert await reasons(board, clock, "t") == [None]


async def test_a_slot_without_jobs_is_skipped_with_that_reason(
    board: Callboard, clock: VirtualClock
) -> None:
    trigger = await may_lack(board, "t", HOURLY, "a", "b")
    await clock.advance(HOUR_S)
    await make(board, "b", disabled=True)
    await clock.advance(HOUR_S)
    await make(board, "a")
    await clock.advance(HOUR_S)
    assert await started(board, clock, "t") == ["a"]
    assert await reasons(board, clock, "t") == [SkipReason.NO_JOB, SkipReason.DISABLED, None]
    assert trigger.next_slot is not None
    told = await board.explain_slot(G, "t", trigger.next_slot)
    assert "none of the jobs that the trigger starts was there" in told.sentence
    assert board.health().slots["no_job"] == 1


async def test_a_firing_by_hand_names_the_job_that_is_not_there(
    board: Callboard, clock: VirtualClock
) -> None:
    await make(board, "a")
    await may_lack(board, "t", on_demand(), "a", "gone")
    with pytest.raises(NotFound) as caught:
        await board.fire_trigger(G, "t")
    assert (caught.value.kind, caught.value.key) == ("job", "gone")
    assert await started(board, clock, "t") == []
    await make(board, "gone")
    assert [each.job for each in await board.fire_trigger(G, "t")] == ["a", "gone"]


async def test_a_backfill_starts_the_jobs_that_are_there(
    board: Callboard, clock: VirtualClock
) -> None:
    await make(board, "b", "c")
    await may_lack(board, "t", HOURLY, "a", "b", "c")
    now = clock.now()
    new = NewBackfill(trigger="t", from_at=now - timedelta(hours=2), until_at=now)
    one = await board.create_backfill(new)
    await clock.advance(60)
    assert (await board.get_backfill(one.id)).succeeded == 2
    assert await started(board, clock, "t") == ["b", "c", "b", "c"]


async def test_a_backfill_without_jobs_waits_for_an_operator(
    board: Callboard, clock: VirtualClock
) -> None:
    await may_lack(board, "t", HOURLY, "a", "b")
    now = clock.now()
    new = NewBackfill(trigger="t", from_at=now - timedelta(hours=2), until_at=now)
    one = await board.create_backfill(new)
    await clock.advance(60)
    assert (await board.get_backfill(one.id)).state is BackfillState.PAUSED
    await make(board, "a")
    await board.resume_backfill(one.id)
    await clock.advance(60)
    assert await started(board, clock, "t") == ["a", "a"]


async def test_a_job_is_watched_from_its_creation_on(board: Callboard, clock: VirtualClock) -> None:
    await make(board, "c")
    await may_lack(board, "t", when_all("a", "b"), "c")
    await make(board, "a")
    await run(board, clock, "a")
    assert await started(board, clock, "t") == []
    await make(board, "b")
    await run(board, clock, "b")
    assert await started(board, clock, "t") == ["c"]


async def test_a_job_that_is_made_anew_is_watched_like_the_old_one(
    board: Callboard, clock: VirtualClock
) -> None:
    await make(board, "a", "c")
    await may_lack(board, "t", when_any("a"), "c")
    await run(board, clock, "a")
    await board.delete_job(G, "a")
    await make(board, "a")
    await run(board, clock, "a")
    assert await started(board, clock, "t") == ["c", "c"]


async def test_an_end_counts_although_its_job_is_deleted_at_once(
    board: Callboard, clock: VirtualClock
) -> None:
    await make(board, "a", "c")
    await may_lack(board, "t", when_any("a"), "c")
    handle = await board.start("a")
    await meanwhile(clock, handle.wait())
    await board.delete_job(G, "a")
    assert await started(board, clock, "t") == ["c"]


async def test_a_conditional_slot_without_jobs_is_skipped(
    board: Callboard, clock: VirtualClock
) -> None:
    await make(board, "a")
    await may_lack(board, "t", when_any("a"), "c")
    await run(board, clock, "a")
    await clock.advance(10)
    assert await reasons(board, clock, "t") == [SkipReason.NO_JOB]


async def test_a_cycle_is_refused_also_of_jobs_that_are_not_there(board: Callboard) -> None:
    """R11"""
    await may_lack(board, "ab", when_all("a"), "b")
    with pytest.raises(InvalidInput, match="would start itself"):
        await may_lack(board, "ba", when_all("b"), "a")


async def test_ends_that_no_trigger_began_do_not_count_where_only_triggered_ones_do(
    board: Callboard, clock: VirtualClock
) -> None:
    """G44"""
    await make(board, "a", "c")
    await board.schedule("begin", on_demand(), "a")
    await board.schedule("t", replace(when_all("a"), only_triggered=True), "c")
    await run(board, clock, "a")
    assert await started(board, clock, "t") == []
    await board.fire_trigger(G, "begin")
    assert await started(board, clock, "t") == ["c"]


async def test_a_retry_of_a_triggered_run_counts_as_triggered(
    board: Callboard, clock: VirtualClock
) -> None:
    await make(board, "a", "c")
    await board.schedule("begin", on_demand(), "a", {"fails": 1})
    failed_ones = Condition(job="a", states=("failed",))
    await board.schedule("t", replace(when_any(failed_ones), only_triggered=True), "c")
    (first,) = await board.fire_trigger(G, "begin")
    assert await started(board, clock, "t") == ["c"]
    await board.retry_run(first.id)
    assert await started(board, clock, "t") == ["c", "c"]
    await run(board, clock, "a", fails=1)
    assert await started(board, clock, "t") == ["c", "c"]


async def test_the_next_link_of_a_chain_is_triggered_by_the_one_before(
    board: Callboard, clock: VirtualClock
) -> None:
    await make(board, "a", "b", "c")
    await board.schedule("begin", on_demand(), "a")
    for name, watched, starts in (("ab", "a", "b"), ("bc", "b", "c")):
        schedule = replace(when_all(watched), only_triggered=True)
        await may_lack(board, name, schedule, starts)
    await board.fire_trigger(G, "begin")
    assert await started(board, clock, "bc") == ["c"]
