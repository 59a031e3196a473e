"""Delays: a slot a while after the end of the firing before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callboard import Action, Callboard, RetryPolicy, RunState, TriggerState, job
from callboard.commands import ReleaseHeld
from callboard.domain.schedule import Delay
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.boards import all_runs
from support.factories import make_job

MINUTE = timedelta(minutes=1)
DELAY = Delay(after_s=60.0)


@pytest.fixture
def last(clock: VirtualClock) -> Callable[..., Any]:
    @job(name="last", retry=RetryPolicy(max_attempts=3, initial_s=10.0, jitter="none"))
    async def work(seconds: float, fails: bool = False) -> None:
        await clock.sleep_until(clock.monotonic() + seconds)
        if fails:
            raise RuntimeError("as asked")

    return work


async def scheduled(
    board: Callboard, last: Callable[..., Any], *seconds: float, **changes: Any
) -> None:
    """The trigger `t`: runs that last so long, a minute after the end of those before."""
    await board.define(last)
    values = {
        "actions": [Action(job="last", arguments={"seconds": each}) for each in seconds],
        **changes,
    }
    await board.schedule("t", DELAY, values.pop("actions"), **values)


async def slots(board: Callboard, clock: VirtualClock) -> list[float]:
    """Slots of the runs, in seconds since the clock began."""
    runs = await all_runs(board)
    start = min(run.created_at for run in runs) - MINUTE
    return [(run.slot - start).total_seconds() for run in runs if run.slot is not None]


async def test_a_delay_counts_from_the_activation_and_then_from_each_end(
    board: Callboard, clock: VirtualClock, last: Callable[..., Any]
) -> None:
    await scheduled(board, last, 100)
    await clock.advance(400)
    assert await slots(board, clock) == [60, 220, 380]


async def test_a_delay_has_no_slot_while_a_run_is_live(
    board: Callboard, clock: VirtualClock, last: Callable[..., Any]
) -> None:
    await scheduled(board, last, 100)
    await clock.advance(61)
    trigger = await board.get_trigger("default", "t")
    assert (trigger.state, trigger.next_slot) == (TriggerState.ACTIVE, None)
    await clock.advance(100)
    (run,) = await all_runs(board)
    assert run.ended_at is not None
    trigger = await board.get_trigger("default", "t")
    assert trigger.next_slot == run.ended_at + MINUTE


async def test_a_delay_begins_with_the_end_of_the_last_run(
    board: Callboard, clock: VirtualClock, last: Callable[..., Any]
) -> None:
    await scheduled(board, last, 10, 100, 50)
    await clock.advance(230)
    assert await slots(board, clock) == [60, 60, 60, 220, 220, 220]


async def test_a_delay_begins_when_no_further_attempt_is_to_come(
    board: Callboard, clock: VirtualClock, last: Callable[..., Any]
) -> None:
    arguments = {"seconds": 5, "fails": True}
    await scheduled(board, last, actions=[Action(job="last", arguments=arguments)])
    await clock.advance(250)
    runs = await all_runs(board)
    assert [run.attempt for run in runs] == [1, 2, 3, 1, 2, 3]
    ended = runs[2].ended_at
    assert ended is not None
    assert runs[3].slot == ended + MINUTE


async def test_a_run_that_somebody_asked_for_is_waited_for_too(
    board: Callboard, clock: VirtualClock, last: Callable[..., Any]
) -> None:
    await scheduled(board, last, 30)
    await clock.advance(80)
    await board.fire_trigger("default", "t")
    await clock.advance(31)
    trigger = await board.get_trigger("default", "t")
    assert trigger.next_slot == (await all_runs(board))[1].ended_at + MINUTE  # type: ignore[operator]


async def test_a_slot_that_started_nothing_begins_the_next_delay(
    board: Callboard, clock: VirtualClock, last: Callable[..., Any]
) -> None:
    await scheduled(board, last, 1)
    await board.define(last, disabled=True)
    await clock.advance(61)
    trigger = await board.get_trigger("default", "t")
    assert trigger.next_slot == trigger.last_slot + MINUTE  # type: ignore[operator]
    await clock.advance(60)
    await board.define(last, disabled=False)
    await clock.advance(60)
    assert len(await all_runs(board)) == 1


async def test_a_slot_that_overlaps_waits_for_the_end_of_what_it_overlaps(
    board: Callboard, clock: VirtualClock, last: Callable[..., Any]
) -> None:
    policy = OverlapPolicy(policy=OverlapPolicyName.SKIP)
    await scheduled(board, last, 100, overlap=policy)
    (run,) = await board.fire_trigger("default", "t")
    await clock.advance(90)
    assert (await board.get_trigger("default", "t")).next_slot is None
    await clock.advance(11)
    ended = (await board.get_run(run.id)).ended_at
    assert ended is not None
    assert (await board.get_trigger("default", "t")).next_slot == ended + MINUTE


async def test_a_parked_run_is_not_waited_for(
    board: Callboard, clock: VirtualClock, last: Callable[..., Any]
) -> None:
    await board.create_job(make_job("nobody", spec={"handler": "nowhere:nothing"}))
    await scheduled(board, last, actions=[Action(job="nobody")])
    await clock.advance(130)
    assert [run.state for run in await all_runs(board)] == [RunState.PARKED] * 2


async def test_a_delay_with_a_limit_of_firings_completes(
    board: Callboard, clock: VirtualClock, last: Callable[..., Any]
) -> None:
    await scheduled(board, last, 10, max_firings=2)
    await clock.advance(1000)
    assert len(await all_runs(board)) == 2
    assert (await board.get_trigger("default", "t")).state is TriggerState.COMPLETED


async def test_a_delay_that_was_paused_over_an_end_counts_from_that_end(
    board: Callboard, clock: VirtualClock, last: Callable[..., Any]
) -> None:
    await scheduled(board, last, 10)
    await clock.advance(61)
    await board.pause_trigger("default", "t")
    await clock.advance(20)
    (run,) = await all_runs(board)
    assert run.ended_at is not None
    await board.resume_trigger("default", "t")
    assert (await board.get_trigger("default", "t")).next_slot == run.ended_at + MINUTE


async def test_a_delay_goes_on_after_a_restart(
    open_board: Callable[..., Any], clock: VirtualClock, last: Callable[..., Any]
) -> None:
    one = await open_board()
    await scheduled(one, last, 10)
    await clock.advance(65)
    await one.close()
    two = await open_board()
    await two.define(last)
    await clock.advance(200)
    assert len(await all_runs(two)) >= 3


async def test_a_delay_that_no_end_began_is_found(
    board: Callboard, clock: VirtualClock, store: MemoryStore, last: Callable[..., Any]
) -> None:
    await scheduled(board, last, 10)
    trigger = await board.get_trigger("default", "t")
    async with store.begin() as tx:
        await tx.update_trigger(replace(trigger, next_slot=None))
    assert await board._ask(ReleaseHeld()) == 1
    assert (await board.get_trigger("default", "t")).next_slot == clock.now() + MINUTE
