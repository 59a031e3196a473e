"""Clocks that step, sleep, or disagree: each slot is decided once, by the store's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from callboard import Callboard, MisfirePolicy, Run, RunState, TriggerState, at, every, job
from callboard.clock import Clock, SystemClock
from callboard.domain.ledger import Decision, SkipReason
from callboard.errors import StoreUnavailable
from callboard.events import Event
from callboard.store.memory import MemoryStore
from callboard.testing import CALM, VirtualClock
from support.boards import all_runs
from support.clocks import SkewedClock

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
PERIOD = timedelta(seconds=50)
LIVELY = replace(CALM, lease_s=15.0, poll_s=5.0, rescue_every_s=5.0, horizon_s=60.0)
"""The beats of a board that nobody told otherwise."""

OpenNode = Callable[..., Awaitable[Callboard]]


@job()
async def tick() -> None:
    pass


@job()
async def linger() -> None:
    await asyncio.get_running_loop().create_future()


@pytest.fixture
async def open_node(clock: VirtualClock, store: MemoryStore) -> AsyncIterator[OpenNode]:
    """`await open_node(its_clock, **config)`: a node on the shared store, which goes by `clock`."""
    boards: list[Callboard] = []

    async def open_one(its_clock: Clock, **config: Any) -> Callboard:
        config.setdefault("node_name", f"node-{len(boards) + 1}")
        board = Callboard(
            store=store, config=replace(LIVELY, **config), clock=its_clock, rng=Random(7)
        )
        boards.append(board)
        await board.open()
        await clock.run_until(lambda: board.health().is_ready)
        return board

    yield open_one
    for board in boards:
        await board.close()


@asynccontextmanager
async def heard(board: Callboard, clock: VirtualClock) -> AsyncIterator[list[Event]]:
    """The clock.jumped events that the board's stream gives during the block."""
    events: list[Event] = []
    async with board.subscribe() as subscription:
        yield events
        await board.define(tick, description="the last event")
        async for item in subscription:
            if isinstance(item, Event) and item.type == "clock.jumped":
                events.append(item)
            if isinstance(item, Event) and item.type == "job.changed":
                break


def lateness_s(run: Run) -> float:
    assert run.slot is not None
    return (run.created_at - run.slot).total_seconds()


async def entries(board: Callboard, clock: VirtualClock, name: str = "t") -> list[Any]:
    now = clock.now()
    views = await board.list_slots(
        "default", name, since=now - timedelta(days=10), until=now, limit=1000
    )
    return [(view.decision, view.reason, view.count) for view in views]


# T01: back


async def test_t01_a_step_back_during_a_long_wait_fires_on_time_by_the_new_clock(
    open_node: OpenNode, clock: VirtualClock
):
    board = await open_node(clock)
    await board.define(tick)
    slot = clock.now() + timedelta(minutes=5)
    await board.schedule("t", at(slot), tick)
    await clock.advance(295)
    clock.set_wall(clock.now() - timedelta(minutes=4))
    await clock.advance(240)
    assert await all_runs(board) == []
    await clock.advance(60)
    (run,) = await all_runs(board)
    assert (run.slot, lateness_s(run)) == (slot, 0.0)


@pytest.mark.parametrize("by_s", [-HOUR_S, -170.5, 170.5, HOUR_S])
async def test_t01_no_slot_is_lost_or_doubled_by_a_step(
    open_node: OpenNode, clock: VirtualClock, by_s: float
):
    board = await open_node(clock)
    await board.define(tick)
    start = clock.now()
    policy = MisfirePolicy(policy="fire_all", grace_s=DAY_S)
    await board.schedule("t", every(seconds=50), tick, misfire=policy)
    await clock.advance(301)
    clock.set_wall(clock.now() + timedelta(seconds=by_s))
    await clock.advance(300)
    last = max(clock.now(), start + timedelta(seconds=301))
    slots = [run.slot for run in await all_runs(board)]
    assert slots == [start + n * PERIOD for n in range(1, (last - start) // PERIOD + 1)]


@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S])
async def test_t01_a_step_of_the_nodes_clock_alone_moves_no_slot(
    open_node: OpenNode, clock: VirtualClock, by_s: float
):
    own = SkewedClock(clock)
    board = await open_node(own)
    await board.define(tick)
    await board.schedule("t", every(minutes=1), tick)
    await clock.advance(90)
    own.step(by_s)
    await clock.advance(120)
    assert [lateness_s(run) for run in await all_runs(board)] == [0.0] * 3


async def test_t01_after_a_step_the_board_catches_up_within_a_tick(
    open_node: OpenNode, clock: VirtualClock
):
    board = await open_node(clock)
    await board.define(tick)
    await board.schedule("t", at(clock.now() + timedelta(hours=5)), tick)
    await clock.advance(60)
    clock.set_wall(clock.now() + timedelta(hours=5))
    await clock.advance(5)
    assert len(await all_runs(board)) == 1


# T02 and T05: ahead


async def test_t02_a_day_ahead_costs_each_trigger_a_constant_number_of_rows(
    open_node: OpenNode, clock: VirtualClock
):
    board = await open_node(clock)
    await board.define(tick)
    policy = MisfirePolicy(grace_s=0)
    for number in range(20):
        await board.schedule(f"t{number}", every(seconds=60), tick, misfire=policy)
    clock.set_wall(clock.now() + timedelta(days=1))
    await clock.advance(5)
    assert len(await all_runs(board)) == 20
    assert await entries(board, clock, "t19") == [
        (Decision.SKIPPED, SkipReason.COALESCED, 1439),
        (Decision.FIRED, None, 1),
    ]


async def test_t02_a_board_can_be_closed_while_it_digests_a_step(
    open_node: OpenNode, clock: VirtualClock
):
    board = await open_node(clock)
    await board.define(tick)
    for number in range(50):
        await board.schedule(f"t{number}", every(seconds=60), tick)
    clock.set_wall(clock.now() + timedelta(days=400))
    clock.call_at(clock.monotonic() + 5, lambda: None)
    advancing = asyncio.create_task(clock.advance(5))
    await board.close()
    await advancing
    assert board.health().is_ready is False


async def test_t05_a_machine_that_slept_is_a_misfire_not_a_burst(
    open_node: OpenNode, clock: VirtualClock
):
    board = await open_node(clock)
    await board.define(tick)
    await board.schedule("t", every(minutes=1), tick, misfire=MisfirePolicy(grace_s=30))
    await clock.advance(60)
    async with heard(board, clock) as events:
        clock.set_wall(clock.now() + timedelta(hours=2, seconds=45))
        await clock.advance(10)
    assert await entries(board, clock) == [
        (Decision.FIRED, None, 1),
        (Decision.SKIPPED, SkipReason.COALESCED, 119),
        (Decision.FIRED, None, 1),
    ]
    assert {event.subject["source"] for event in events} == {"node", "store"}


# T03: leases


@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S])
async def test_t03_peers_do_not_take_over_from_a_node_whose_clock_steps(
    open_node: OpenNode, clock: VirtualClock, by_s: float
):
    own = SkewedClock(clock)
    one = await open_node(own)
    two = await open_node(clock, executes=False)
    await one.define(linger)
    run = (await one.start(linger)).started
    await clock.advance(10)
    own.step(by_s)
    await clock.advance(600)
    held = await two.get_run(run.id)
    assert (held.state, held.node, held.crashes) == (RunState.RUNNING, "node-1", 0)
    assert {node.name for node in await two.list_nodes()} == {"node-1", "node-2"}
    assert one.health().clock_jumps == {"node": 1}


@pytest.mark.parametrize("after_s", [0.1, 1.2, 2.4, 3.6, 4.8, 6.0])
async def test_t03_nobody_is_rescued_from_because_the_stores_clock_steps_ahead(
    open_node: OpenNode, clock: VirtualClock, after_s: float
):
    boards = [await open_node(clock, capacity=1) for _ in range(3)]
    await boards[0].define(linger)
    for _ in boards:
        await boards[0].start(linger)
    await clock.advance(20 + after_s)
    epochs = {board.health().epoch for board in boards}
    clock.set_wall(clock.now() + timedelta(hours=2))
    await clock.advance(60)
    assert [run.crashes for run in await all_runs(boards[0])] == [0, 0, 0]
    assert {board.health().epoch for board in boards} == epochs


# T04: skew


@pytest.mark.parametrize("ahead_s", [30.0, -30.0])
async def test_t04_a_skewed_node_fires_by_the_stores_time(
    open_node: OpenNode, clock: VirtualClock, ahead_s: float
):
    board = await open_node(SkewedClock(clock, ahead_s))
    await board.define(tick)
    await board.schedule("t", every(minutes=1), tick)
    await clock.advance(180)
    assert [lateness_s(run) for run in await all_runs(board)] == [0.0] * 3


@pytest.mark.parametrize("ahead_s", [30.0, -30.0])
async def test_t04_a_skewed_node_starts_runs_when_they_are_due_by_the_stores_time(
    open_node: OpenNode, clock: VirtualClock, ahead_s: float
):
    board = await open_node(SkewedClock(clock, ahead_s))
    await board.define(tick)
    due_at = clock.now() + timedelta(seconds=61.5)
    handle = await board.start(tick, due_at=due_at)
    await clock.advance(120)
    assert (await board.get_run(handle.id)).started_at == due_at


async def test_t04_two_nodes_with_different_clocks_decide_each_slot_once(
    open_node: OpenNode, clock: VirtualClock
):
    one = await open_node(SkewedClock(clock, 40.0))
    two = await open_node(SkewedClock(clock, -40.0))
    await one.define(tick)
    await one.schedule("t", every(seconds=10), tick)
    await clock.advance(300)
    runs = await all_runs(two)
    assert [lateness_s(run) for run in runs] == [0.0] * 30
    assert len({run.slot for run in runs}) == 30


@pytest.mark.parametrize(("ahead_s", "word"), [(30.0, "ahead of"), (-30.0, "behind")])
async def test_t04_skew_over_the_limit_is_a_warning_of_a_ready_node(
    open_node: OpenNode, clock: VirtualClock, ahead_s: float, word: str
):
    health = (await open_node(SkewedClock(clock, ahead_s))).health()
    assert health.is_ready
    assert health.clock_skew_s == ahead_s
    assert health.warnings == (f"this node's clock is 30.0 s {word} the database's",)


async def test_t04_a_node_that_is_years_ahead_prunes_nothing_young(
    open_node: OpenNode, clock: VirtualClock
):
    board = await open_node(
        SkewedClock(clock, 3 * 365 * DAY_S), keep_runs_s=DAY_S, prune_every_s=60.0
    )
    await board.define(tick)
    handle = await board.start(tick)
    await clock.advance(300)
    assert (await board.get_run(handle.id)).state is RunState.SUCCEEDED


async def test_skew_within_the_limit_is_no_warning(open_node: OpenNode, clock: VirtualClock):
    health = (await open_node(SkewedClock(clock, 30.0), clock_skew_limit_s=31.0)).health()
    assert health.warnings == ()


async def test_a_board_knows_the_stores_present(open_node: OpenNode, clock: VirtualClock):
    board = await open_node(SkewedClock(clock, 30.0))
    await clock.advance(100)
    assert board.present() == clock.now()


# the record


async def test_each_step_is_one_event_a_count_and_a_line_in_the_log(
    open_node: OpenNode, clock: VirtualClock, caplog: pytest.LogCaptureFixture
):
    own = SkewedClock(clock)
    board = await open_node(own)
    async with heard(board, clock) as events:
        await clock.advance(60)
        own.step(-HOUR_S)
        await clock.advance(60)
    assert [event.subject for event in events] == [
        {"node": "node-1", "source": "node", "by_s": -HOUR_S}
    ]
    assert board.health().clock_jumps == {"node": 1}
    assert [line for line in caplog.messages if "stepped" in line] == [
        "the clock of the node stepped back by 3600.000 s"
    ]


async def test_the_event_is_there_for_whoever_reads_the_stream_later(
    open_node: OpenNode, clock: VirtualClock
):
    own = SkewedClock(clock)
    board = await open_node(own)
    own.step(120)
    await clock.advance(10)
    async with board.subscribe(after=0) as subscription:
        async for item in subscription:
            if isinstance(item, Event) and item.type == "clock.jumped":
                assert item.subject["by_s"] == 120
                break


async def test_a_clock_that_is_slewed_did_not_jump(open_node: OpenNode, clock: VirtualClock):
    own = SkewedClock(clock)
    board = await open_node(own)
    for _ in range(100):
        own.step(0.2)
        await clock.advance(4)
    assert board.health().clock_jumps == {}
    assert board.health().clock_skew_s == pytest.approx(20.0)


async def test_a_step_while_the_store_is_away_is_recorded_when_it_is_back(
    open_node: OpenNode, clock: VirtualClock, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
):
    own = SkewedClock(clock)
    board = await open_node(own)
    async with heard(board, clock) as events:
        with monkeypatch.context() as away:
            away.setattr(store, "begin", _refuse)
            own.step(500)
            await clock.advance(8)
        await clock.advance(30)
    assert [event.subject["by_s"] for event in events] == [500]


def _refuse(*_: object) -> Any:
    raise StoreUnavailable("away")


# T09, T10: the pace


async def test_t09_many_triggers_of_one_second_all_fire_in_it(
    open_node: OpenNode, clock: VirtualClock
):
    board = await open_node(clock, executes=False)
    await board.define(tick)
    slot = clock.now() + timedelta(minutes=10)
    for number in range(700):
        await board.schedule(f"t{number}", at(slot), tick)
    await clock.advance_to(slot)
    runs = await all_runs(board)
    assert len(runs) == 700
    assert {lateness_s(run) for run in runs} == {0.0}


async def test_t10_commits_slower_than_the_slots_bound_the_lag(clock: VirtualClock):
    store = SlowStore(clock)
    config = replace(LIVELY, executes=False, lease_s=600.0, rescue_every_s=HOUR_S)
    board = Callboard(store=store, config=config, clock=clock)
    await board.open()
    try:
        await clock.run_until(lambda: board.health().is_ready)
        defining = asyncio.create_task(_a_trigger_every_second(board))
        await clock.run_until(defining.done)
        store.commit_s = 1.2
        await clock.advance(120)
        store.commit_s = 0.0
        await clock.advance(5)
        runs = await all_runs(board)
        slots = [run.slot for run in runs]
        assert slots == [slots[0] + timedelta(seconds=n) for n in range(len(slots))]
        assert slots[-1] >= clock.now() - timedelta(seconds=1)
        assert max(map(lateness_s, runs)) <= 2.4
        assert (await board.get_trigger("default", "t")).state is TriggerState.ACTIVE
    finally:
        await board.close()


async def _a_trigger_every_second(board: Callboard) -> None:
    await board.define(tick)
    await board.schedule("t", every(seconds=1), tick)


class SlowStore(MemoryStore):
    """Each transaction takes `commit_s` before it begins to write."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self._its_clock = clock
        self.commit_s = 0.0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        await self._its_clock.sleep_until(self._its_clock.monotonic() + self.commit_s)
        async with super().begin() as transaction:
            yield transaction


# the same on a real database


@pytest.mark.parametrize("ahead_s", [-30.0, 30.0])
async def test_t04_a_skewed_node_fires_by_the_databases_time(postgres_dsn: str, ahead_s: float):
    clock = SkewedClock(SystemClock(), ahead_s)
    config = replace(LIVELY, lease_s=4.0, poll_s=20.0)
    async with Callboard(postgres_dsn, config=config, clock=clock) as board:
        await board.define(tick)
        async with board.subscribe() as subscription:
            await board.schedule("t", every(seconds=1), tick)
            async for item in subscription:
                if isinstance(item, Event) and item.type == "run.ended":
                    break
        run = (await all_runs(board))[0]
        assert run.slot is not None
        assert run.started_at is not None
        assert run.slot <= run.created_at <= run.started_at < run.slot + timedelta(seconds=15)
        assert board.health().clock_skew_s == pytest.approx(ahead_s, abs=2)
