"""@reboot: once at the activation, once at every start of the cluster (C19)."""

from __future__ import annotations

from datetime import timedelta

from callboard import Callboard, TriggerState, cron, job
from callboard.commands import RegisterNode
from callboard.store.contract import Store
from callboard.testing import VirtualClock
from support.boards import all_runs
from support.factories import LEASE, make_node

REBOOT = cron("@reboot")


@job()
async def tick() -> None:
    pass


async def told(board: Callboard, clock: VirtualClock) -> list[str]:
    now = clock.now()
    views = await board.list_slots(
        "default", "t", since=now - timedelta(days=9), until=now + timedelta(seconds=1)
    )
    return [str(view.reason or view.decision) for view in views]


async def test_c19_it_fires_at_its_activation_and_then_waits(board: Callboard, clock: VirtualClock):
    await board.define(tick)
    await board.schedule("t", REBOOT, tick)
    await clock.advance(86_400)
    assert len(await all_runs(board)) == 1
    trigger = await board.get_trigger("default", "t")
    assert (trigger.state, trigger.next_slot) == (TriggerState.ACTIVE, None)
    await board.deactivate_trigger("default", "t")
    await board.activate_trigger("default", "t")
    await clock.advance(60)
    assert len(await all_runs(board)) == 2


async def test_c19_it_fires_when_the_cluster_starts(open_board, clock: VirtualClock):
    board = await open_board()
    await board.define(tick)
    await board.schedule("t", REBOOT, tick)
    for starts in (2, 3):
        await clock.advance(3600)
        await board.close()
        await clock.advance(3600)
        board = await open_board()
        await clock.advance(1)
        assert len(await all_runs(board)) == starts
    assert await told(board, clock) == ["fired"] * 3


async def test_c19_it_does_not_fire_when_a_further_node_comes_or_one_goes(
    open_board, clock: VirtualClock
):
    one = await open_board()
    await one.define(tick)
    await one.schedule("t", REBOOT, tick)
    await clock.advance(60)
    two = await open_board()
    await clock.advance(60)
    await one.close()
    await clock.advance(60)
    await open_board()
    await clock.advance(60)
    assert len(await all_runs(two)) == 1


async def test_c19_it_fires_when_the_leases_of_all_nodes_are_over(
    board: Callboard, clock: VirtualClock, store: Store
):
    await board.define(tick)
    await board.schedule("t", REBOOT, tick)
    await clock.advance(60)
    async with store.begin() as tx:
        for node in await store.list_nodes():
            await tx.delete_node(node.epoch)
    await board._ask(RegisterNode(node=make_node("a"), lease=LEASE))
    await board._ask(RegisterNode(node=make_node("b"), lease=LEASE))
    await clock.advance(1)
    assert len(await all_runs(board)) == 2


async def test_c19_a_node_that_registers_again_is_no_start(
    board: Callboard, clock: VirtualClock, store: Store
):
    await board.define(tick)
    await board.schedule("t", REBOOT, tick)
    await clock.advance(60)
    async with store.begin() as tx:
        for node in await store.list_nodes():
            await tx.delete_node(node.epoch)
    await board._ask(RegisterNode(node=make_node("a"), lease=LEASE, is_start=False))
    await clock.advance(1)
    assert len(await all_runs(board)) == 1


async def test_a_start_during_a_pause_is_a_skipped_slot(open_board, clock: VirtualClock):
    board = await open_board()
    await board.define(tick)
    await board.schedule("t", REBOOT, tick)
    await clock.advance(60)
    await board.pause_trigger("default", "t")
    await board.close()
    await clock.advance(60)
    again = await open_board()
    await clock.advance(60)
    await again.resume_trigger("default", "t")
    await clock.advance(60)
    assert await told(again, clock) == ["fired", "paused"]
    assert len(await all_runs(again)) == 1


async def test_a_start_that_nobody_decided_is_not_lost_by_the_next_one(
    open_board, clock: VirtualClock
):
    board = await open_board(fires=False)
    await board.define(tick)
    await board.schedule("t", REBOOT, tick)
    await board.close()
    await clock.advance(30)
    again = await open_board()
    await clock.advance(60)
    assert await told(again, clock) == ["fired", "fired"]


async def test_a_trigger_with_a_limit_is_completed_by_its_last_start(
    open_board, clock: VirtualClock
):
    board = await open_board()
    await board.define(tick)
    await board.schedule("t", REBOOT, tick, max_firings=2)
    for _ in range(3):
        await clock.advance(60)
        await board.close()
        board = await open_board()
    await clock.advance(60)
    assert (await board.get_trigger("default", "t")).state is TriggerState.COMPLETED
    assert len(await all_runs(board)) == 2


async def test_two_starts_at_one_instant_are_two_slots(open_board, clock: VirtualClock):
    board = await open_board()
    await board.define(tick)
    await board.schedule("t", REBOOT, tick)
    await board.close()
    again = await open_board()
    await clock.advance(1)
    slots = {run.slot for run in await all_runs(again)}
    assert len(slots) == len(await all_runs(again)) == 2


async def test_an_inactive_one_stays_silent(open_board, clock: VirtualClock):
    board = await open_board()
    await board.define(tick)
    await board.schedule("t", REBOOT, tick)
    await board.deactivate_trigger("default", "t")
    await board.close()
    again = await open_board()
    await clock.advance(60)
    assert (await again.get_trigger("default", "t")).state is TriggerState.INACTIVE
    assert len(await all_runs(again)) == 1
