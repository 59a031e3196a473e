"""The scheduler's role: shared by the nodes, or one node's; always somebody's, never two nodes'."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callboard import Callboard, RunState, every, job
from callboard.commands import FireSlots
from callboard.config import Scheduling
from callboard.domain.misfire import plan_slots
from callboard.domain.shards import SHARDS, shard_of
from callboard.errors import StoreUnavailable
from callboard.store.contract import RunFilter, Transaction
from callboard.store.memory import MemoryStore
from callboard.testing import CALM, VirtualClock
from support.boards import all_runs, die

LEASE_S = 8.0
BEAT_S = LEASE_S / 4
OpenBoard = Callable[..., Any]
LEADER = Scheduling.LEADER
ALL = RunFilter(limit=1_000_000)


@job()
async def tick() -> None:
    pass


@pytest.fixture
def open_firing(open_board: OpenBoard, clock: VirtualClock) -> OpenBoard:
    """`await open_firing(**config)`: a board that has its part of the role, as far as it goes."""

    async def open_one(**config: Any) -> Callboard:
        config = {"lease_s": 2 * LEASE_S, "firing_lease_s": LEASE_S, "poll_s": 5.0, **config}
        board: Callboard = await open_board(**config)
        await clock.settle()
        return board

    return open_one


def shards(*boards: Callboard) -> list[int]:
    return [board.health().shards for board in boards]


async def schedule_many(board: Callboard, seconds: float = 1.0, count: int = 2 * SHARDS) -> None:
    """As many triggers as it takes to have some in every shard."""
    await board.define(tick)
    for number in range(count):
        await board.schedule(f"t{number:03}", every(seconds=seconds), tick)


async def slots_of(board: Callboard) -> dict[tuple[str | None, Any], int]:
    """How many runs each slot has."""
    counts: dict[tuple[str | None, Any], int] = {}
    for run in await board.list_runs(ALL):
        counts[run.trigger, run.slot] = counts.get((run.trigger, run.slot), 0) + 1
    return counts


async def test_a_single_node_has_all_shards_as_soon_as_it_is_there(
    open_firing: OpenBoard, clock: VirtualClock
) -> None:
    began_at = clock.now()
    for scheduling in Scheduling:
        board = await open_firing(scheduling=scheduling)
        assert board.health().shards == SHARDS
        assert board.health().role == "active"
        assert clock.now() == began_at
        await board.close()


async def test_nodes_share_evenly(open_firing: OpenBoard, clock: VirtualClock) -> None:
    boards = [await open_firing() for _ in range(3)]
    await clock.advance(2 * BEAT_S)
    assert sorted(shards(*boards)) == [21, 21, 22]
    await boards[0].close()
    await clock.advance(2 * BEAT_S)
    assert shards(*boards[1:]) == [32, 32]


async def test_a_leader_has_all_and_the_others_stand_by(
    open_firing: OpenBoard, clock: VirtualClock
) -> None:
    boards = [await open_firing(scheduling=LEADER) for _ in range(3)]
    await clock.advance(3 * BEAT_S)
    assert shards(*boards) == [SHARDS, 0, 0]
    assert [board.health().role for board in boards] == ["active", "passive", "passive"]
    assert all(board.health().is_ready for board in boards)


async def test_a_node_that_was_told_another_scheduling_says_which_one_holds(
    open_firing: OpenBoard, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    oldest = await open_firing()
    await open_firing(scheduling=LEADER)
    await clock.advance(3 * BEAT_S)
    (said,) = [each for each in caplog.messages if "told scheduling" in each]
    assert "told scheduling=leader, but shared holds" in said
    caplog.clear()
    await oldest.close()
    await clock.advance(3 * BEAT_S)
    await open_firing(scheduling=LEADER)
    assert "told scheduling" not in caplog.text


async def test_a_node_that_does_not_fire_has_no_part_in_it(
    open_firing: OpenBoard, clock: VirtualClock
) -> None:
    desk, firing = await open_firing(fires=False), await open_firing()
    await clock.advance(2 * BEAT_S)
    assert shards(desk, firing) == [0, SHARDS]


@pytest.mark.parametrize("scheduling", Scheduling)
async def test_every_slot_is_decided_once_when_nodes_come_and_die(
    open_firing: OpenBoard, clock: VirtualClock, scheduling: Scheduling
) -> None:
    """H01, H03: those that fall inside a failover are fired by the new owner, and tell how late."""
    boards = [await open_firing(scheduling=scheduling) for _ in range(2)]
    await schedule_many(boards[0])
    began_at = clock.now()
    await clock.advance(10)
    boards.append(await open_firing(scheduling=scheduling))
    await clock.advance(10)
    await die(boards[0], clock)
    await clock.advance(20)
    expected = {
        (f"t{number:03}", began_at + timedelta(seconds=second)): 1
        for number in range(2 * SHARDS)
        for second in range(1, 41)
    }
    assert await slots_of(boards[1]) == expected
    assert sum(shards(*boards[1:])) == SHARDS
    late = max((run.created_at - run.slot) for run in await boards[1].list_runs(ALL))
    assert timedelta(seconds=LEASE_S - BEAT_S) < late < timedelta(seconds=LEASE_S + BEAT_S + 1)
    assert sum(board.health().shards_taken_over for board in boards[1:]) > 0


async def test_a_passive_node_executes_runs(open_firing: OpenBoard, clock: VirtualClock) -> None:
    """H14."""
    active = await open_firing(scheduling=LEADER, executes=False)
    passive = await open_firing(scheduling=LEADER)
    await active.define(tick)
    await passive.define(tick)
    started = await passive.start("tick")
    await clock.advance(1)
    assert (await started.wait()).node == passive.health().node
    await active.schedule("t", every(seconds=5), tick)
    await clock.advance(19)
    _, *fired = await all_runs(passive)
    assert [run.node for run in fired] == [passive.health().node] * 3
    assert passive.health().slots == {}
    assert active.health().slots == {"fired": 3}


async def test_a_plan_of_a_node_that_has_not_the_shard_is_refused(
    open_firing: OpenBoard, clock: VirtualClock
) -> None:
    """H02."""
    active = await open_firing(scheduling=LEADER, horizon_s=1.0)
    passive = await open_firing(scheduling=LEADER)
    await active.define(tick)
    trigger = await active.schedule("t", every(hours=1), tick)
    plan = plan_slots(trigger, trigger.next_slot)
    foreign = FireSlots(epoch=passive.health().epoch or 0, plans=(plan,))
    own = FireSlots(epoch=active.health().epoch or 0, plans=(plan,))
    assert await passive._ask(foreign) == (False,)
    assert await all_runs(active) == []
    assert await active._ask(own) == (True,)


async def test_only_the_proved_ones_of_some_plans_are_stored(
    open_firing: OpenBoard, clock: VirtualClock
) -> None:
    boards = [await open_firing(horizon_s=1.0) for _ in range(2)]
    await clock.advance(2 * BEAT_S)
    await schedule_many(boards[0], seconds=3600)
    plans = []
    for number in range(2 * SHARDS):
        trigger = await boards[0].get_trigger("default", f"t{number:03}")
        plans.append(plan_slots(trigger, trigger.next_slot))
    own = boards[0]._standing.shards
    command = FireSlots(epoch=boards[0].health().epoch or 0, plans=tuple(plans))
    answer = await boards[0]._ask(command)
    assert answer == tuple(shard_of(plan.before.id) in own for plan in plans)
    assert 0 < sum(answer) < len(plans)
    assert len(await boards[0].list_runs(ALL)) == sum(answer)


async def test_t03_a_step_of_the_stores_clock_changes_no_division_for_long(
    open_firing: OpenBoard, clock: VirtualClock
) -> None:
    boards = [await open_firing() for _ in range(2)]
    await schedule_many(boards[0], seconds=10)
    await clock.advance(2 * BEAT_S)
    clock.set_wall(clock.now() + timedelta(hours=1))
    await clock.advance(4 * BEAT_S)
    assert shards(*boards) == [32, 32]
    await clock.advance(20)
    assert set((await slots_of(boards[0])).values()) == {1}


async def test_others_take_over_while_a_closing_node_drains(
    open_firing: OpenBoard, clock: VirtualClock, store: MemoryStore
) -> None:
    leaver, stayer = [await open_firing(scheduling=LEADER, drain_s=100.0) for _ in range(2)]

    @job()
    async def nap() -> None:
        await clock.sleep_until(clock.monotonic() + 50)

    await leaver.define(nap)
    run = await leaver.start("nap")
    await clock.settle()
    closing = asyncio.ensure_future(leaver.close())
    await clock.advance(BEAT_S)
    assert not closing.done()
    assert shards(stayer) == [SHARDS]
    await clock.run_until(closing.done)
    await closing
    assert (await stayer.get_run(run.id)).state is RunState.SUCCEEDED


class FailingStore(MemoryStore):
    """Renews no lease of shards while it is told not to."""

    fails = False

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        if self.fails:
            raise StoreUnavailable("away")
        async with super().begin() as tx:
            yield tx


async def test_without_a_proof_a_node_has_no_shards(clock: VirtualClock) -> None:
    """H04: an error of the check is no proof."""
    store = FailingStore(clock)
    config = replace(CALM, lease_s=100.0, firing_lease_s=LEASE_S, poll_s=5.0)
    async with opened(Callboard(store=store, config=config, clock=clock), clock) as board:
        await schedule_many(board)
        await clock.advance(BEAT_S / 2)
        store.fails = True
        await clock.advance(LEASE_S * 0.8 - BEAT_S)
        assert board.health().shards == SHARDS
        await clock.advance(BEAT_S)
        assert board.health().shards == 0
        assert board.health().epoch is not None
        store.fails = False
        await clock.advance(2)
        assert board.health().shards == SHARDS
        assert set((await slots_of(board)).values()) == {1}


@asynccontextmanager
async def opened(board: Callboard, clock: VirtualClock) -> AsyncIterator[Callboard]:
    await board.open()
    try:
        await clock.run_until(lambda: board.health().is_ready)
        await clock.settle()
        yield board
    finally:
        await board.close()


async def test_a_node_that_is_registered_anew_has_its_shards_at_once(
    open_firing: OpenBoard, clock: VirtualClock, store: MemoryStore
) -> None:
    board = await open_firing(firing_lease_s=1000.0)
    before = board.health().epoch
    async with store.begin() as tx:
        await tx.delete_node(before)
    await clock.advance(LEASE_S)
    assert board.health().epoch != before
    assert board.health().shards == SHARDS
    assert board._standing.firing_epoch == board.health().epoch


async def test_an_orderly_stop_leaves_nothing_to_wait_for(
    open_firing: OpenBoard, clock: VirtualClock, store: MemoryStore
) -> None:
    first, second = [await open_firing(scheduling=LEADER) for _ in range(2)]
    await first.close()
    async with store.begin() as tx:
        division = await tx.read_division()
    assert division.live.keys() == {second.health().epoch}
    assert division.owners == {}


async def test_a_crashed_leader_and_a_crashed_scheduler_go_on_where_they_were(
    open_firing: OpenBoard, clock: VirtualClock
) -> None:
    board = await open_firing()
    await board.define(tick)
    await board.schedule("t", every(seconds=1), tick)
    for name in ("leader", "scheduler"):
        actor = board._actors[name]._actor_weakref()
        actor.spawn(_fail(), name="fault")
        await clock.advance(5)
    assert board.health().shards == SHARDS
    assert len(await all_runs(board)) == 10


async def _fail() -> None:
    raise RuntimeError("a fault that was put there")
