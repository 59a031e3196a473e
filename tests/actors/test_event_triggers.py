"""Event triggers on a board: what is told fires, exactly once, and says of how many events."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callboard import (
    Action,
    Callboard,
    OverlapPolicy,
    Trigger,
    TriggerState,
    every,
    job,
    on_event,
)
from callboard.domain.ledger import Decision
from callboard.domain.schedule import Event
from callboard.domain.slot import SlotView
from callboard.domain.states import RunState
from callboard.domain.trigger import OverlapPolicyName
from callboard.errors import Conflict, InvalidInput, NotFound
from callboard.testing import VirtualClock
from support.boards import all_runs, die


@job()
async def load() -> None:
    pass


@pytest.fixture
async def listening(board: Callboard) -> Callboard:
    """A board with a trigger t that fires for every three events, or after a minute."""
    await board.define(load)
    await board.schedule("t", on_event(batch_size=3, window_s=60), load)
    return board


async def entries(board: Callboard, clock: VirtualClock, name: str = "t") -> list[SlotView]:
    since, until = datetime(2020, 1, 1, tzinfo=UTC), clock.now() + timedelta(hours=1)
    return await board.list_slots("default", name, since=since, until=until, limit=1000)


async def batches(board: Callboard, clock: VirtualClock) -> list[tuple[str, int | None]]:
    found = await entries(board, clock)
    return [(str(each.reason or each.decision), each.events) for each in found]


async def tell(board: Callboard, count: int = 1, name: str = "t") -> Trigger:
    return await board.tell_event("default", name, count=count)


async def test_a_full_batch_fires_at_once(listening: Callboard, clock: VirtualClock) -> None:
    await tell(listening, 2)
    assert await all_runs(listening) == []
    await tell(listening)
    await clock.advance(1)
    (run,) = await all_runs(listening)
    (slot,) = await entries(listening, clock)
    assert (slot.decision, slot.events, slot.run_ids) == (Decision.FIRED, 3, (run.id,))
    assert (run.trigger, run.slot) == ("t", slot.slot)


async def test_the_window_fires_what_there_is(listening: Callboard, clock: VirtualClock) -> None:
    trigger = await tell(listening, 2)
    assert trigger.next_slot == clock.now() + timedelta(seconds=60)
    await clock.advance(59)
    assert await batches(listening, clock) == [("pending", 2)]
    await clock.advance(1)
    assert await batches(listening, clock) == [("fired", 2)]
    assert (await listening.get_trigger("default", "t")).next_slot is None


async def test_events_told_together_make_as_many_slots_as_they_fill(
    listening: Callboard, clock: VirtualClock
) -> None:
    await asyncio.gather(*(tell(listening) for _ in range(20)))
    await clock.advance(1)
    found = await batches(listening, clock)
    assert sum(events or 0 for _, events in found) == 20
    await clock.advance(60)
    found = await batches(listening, clock)
    assert sum(events or 0 for _, events in found) == 20
    assert {what for what, _ in found} == {"fired"}
    assert len(await all_runs(listening)) == len(found)


async def test_a_batch_outlives_the_board_that_was_told(
    listening: Callboard, open_board: Any, clock: VirtualClock
) -> None:
    await tell(listening, 2)
    await die(listening, clock)
    other = await open_board()
    await other.define(load)
    await clock.advance(6 * 3600)
    assert await batches(other, clock) == [("fired", 2)]
    (run,) = await all_runs(other)
    assert run.state is RunState.SUCCEEDED


async def test_any_board_may_be_told(
    listening: Callboard, open_board: Any, clock: VirtualClock
) -> None:
    """Whichever of the two decides the trigger's slots: without hints it looks now and then."""
    other = await open_board()
    await other.define(load)
    for board in (listening, other):
        await tell(board, 3)
        await clock.advance(2 * 3600)
    assert await batches(other, clock) == [("fired", 3), ("fired", 3)]


async def test_a_paused_trigger_takes_no_events(listening: Callboard, clock: VirtualClock) -> None:
    await tell(listening, 2)
    await listening.pause_trigger("default", "t")
    with pytest.raises(Conflict, match="is paused, not active"):
        await tell(listening)
    await clock.advance(3600)
    await listening.resume_trigger("default", "t")
    assert await batches(listening, clock) == [("paused", 2)]
    await tell(listening, 3)
    await clock.advance(1)
    assert await batches(listening, clock) == [("paused", 2), ("fired", 3)]


async def test_an_inactive_trigger_takes_no_events(listening: Callboard) -> None:
    await listening.deactivate_trigger("default", "t")
    with pytest.raises(Conflict, match="is inactive, not active") as caught:
        await tell(listening)
    assert caught.value.code == "trigger_not_active"


async def test_only_event_triggers_are_told(listening: Callboard) -> None:
    await listening.schedule("hourly", every(hours=1), load)
    with pytest.raises(Conflict, match="only event triggers are told") as caught:
        await tell(listening, name="hourly")
    assert caught.value.code == "not_event_trigger"


async def test_a_trigger_that_is_not_there_is_not_told(listening: Callboard) -> None:
    with pytest.raises(NotFound):
        await tell(listening, name="nobody")


@pytest.mark.parametrize("count", [0, -1, 10_001, True, 1.5])
async def test_a_count_is_a_small_whole_number(listening: Callboard, count: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        await tell(listening, count)
    assert caught.value.problems[0].field == "count"


async def test_a_trigger_that_has_not_begun_takes_no_events(
    listening: Callboard, clock: VirtualClock
) -> None:
    start = clock.now() + timedelta(hours=1)
    await listening.create_trigger(
        Trigger(name="soon", schedule=on_event(), actions=(Action(job="load"),), start_at=start)
    )
    with pytest.raises(Conflict, match="soon"):
        await tell(listening, name="soon")
    await clock.advance(3600)
    await tell(listening, name="soon")
    await clock.advance(1)
    assert len(await all_runs(listening)) == 1


async def test_a_changed_batch_size_takes_over_what_is_gathered(
    listening: Callboard, clock: VirtualClock
) -> None:
    await tell(listening, 2)
    present = await listening.get_trigger("default", "t")
    assert isinstance(present.schedule, Event)
    edited = Trigger(name="t", schedule=on_event(batch_size=2), actions=present.actions)
    stored, _ = await listening.replace_trigger(edited)
    assert stored.generation == present.generation + 1
    await clock.advance(1)
    assert await batches(listening, clock) == [("fired", 2)]


async def test_the_overlap_policy_skips_a_batch(board: Callboard, clock: VirtualClock) -> None:
    release = asyncio.Event()

    @job()
    async def slow() -> None:
        await release.wait()

    await board.define(slow)
    await board.schedule(
        "t", on_event(), slow, overlap=OverlapPolicy(policy=OverlapPolicyName.SKIP)
    )
    await tell(board)
    await clock.advance(1)
    await tell(board)
    await clock.advance(1)
    assert await batches(board, clock) == [("fired", 1), ("overlap", 1)]
    release.set()
    await clock.advance(1)


async def test_the_last_firing_completes_the_trigger(board: Callboard, clock: VirtualClock) -> None:
    await board.define(load)
    await board.create_trigger(
        Trigger(name="t", schedule=on_event(), actions=(Action(job="load"),), max_firings=1)
    )
    await tell(board, 2)
    await clock.advance(1)
    assert await batches(board, clock) == [("fired", 2)]
    assert (await board.get_trigger("default", "t")).state is TriggerState.COMPLETED


async def test_deleting_a_trigger_forgets_what_it_gathered(
    listening: Callboard, clock: VirtualClock
) -> None:
    await tell(listening, 2)
    await listening.delete_trigger("default", "t")
    await listening.schedule("t", on_event(batch_size=3), load)
    assert (await tell(listening)).gathered is not None
    await clock.advance(60)
    assert await all_runs(listening) == []
