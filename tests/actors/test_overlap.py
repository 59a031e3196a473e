"""Overlap: firings that come while earlier ones of their trigger are live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from callboard import (
    Action,
    Callboard,
    MisfirePolicy,
    OverlapPolicy,
    Run,
    RunState,
    TriggerState,
    every,
    job,
)
from callboard.commands import FireSlots, ReleaseHeld, ShareShards
from callboard.domain.misfire import plan_slots
from callboard.domain.run import HELD
from callboard.domain.shards import Scheduling
from callboard.domain.trigger import MisfirePolicyName, OverlapPolicyName
from callboard.errors import Conflict
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.boards import all_runs, die
from support.factories import make_job, make_run

P = OverlapPolicyName
QUEUED, RUNNING, STOPPED = RunState.QUEUED, RunState.RUNNING, RunState.STOPPED


def overlap(policy: P, limit: int | None = None) -> OverlapPolicy:
    return OverlapPolicy(policy=policy, limit=limit)


class Stage:
    """A job whose runs last as long as their argument says, and how many of them run at once."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.now = self.peak = 0

        @job(name="last", on_crash="fail")
        async def last(seconds: float, stubborn: bool = False) -> None:
            self.now += 1
            self.peak = max(self.peak, self.now)
            until = clock.monotonic() + seconds
            try:
                while clock.monotonic() < until:
                    try:
                        await clock.sleep_until(until)
                    except asyncio.CancelledError:
                        if not stubborn:
                            raise
            finally:
                self.now -= 1

        self.job = last


@pytest.fixture
def stage(clock: VirtualClock) -> Stage:
    return Stage(clock)


async def scheduled(
    board: Callboard, stage: Stage, policy: OverlapPolicy, *, seconds: float = 150.0, **changes: Any
) -> None:
    """The trigger `t`: every minute a run that lasts `seconds`."""
    await board.define(stage.job)
    actions = [Action(job="last", arguments={"seconds": seconds})]
    values = {"actions": actions, "schedule": every(minutes=1), **changes}
    await board.schedule(
        "t", values.pop("schedule"), values.pop("actions"), overlap=policy, **values
    )


async def decisions(board: Callboard, clock: VirtualClock) -> list[str]:
    """What became of the slots of `t`, oldest first."""
    start, end = clock.now() - timedelta(days=1), clock.now() + timedelta(microseconds=1)
    slots = await board.list_slots("default", "t", since=start, until=end, limit=1000)
    return [str(slot.reason or slot.decision) for slot in slots for _ in range(slot.count)]


async def states(board: Callboard) -> list[RunState]:
    return [run.state for run in await all_runs(board)]


def seconds(run: Run, start: datetime) -> float | None:
    """When the run began, in seconds behind `start`."""
    return None if run.started_at is None else (run.started_at - start).total_seconds()


async def test_m07_skip_goes_on_at_the_next_nominal_slot(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    start = clock.now()
    await scheduled(board, stage, overlap(P.SKIP))
    await clock.advance(241)
    assert await decisions(board, clock) == ["fired", "overlap", "overlap", "fired"]
    assert [seconds(run, start) for run in await all_runs(board)] == [60, 240]


async def test_m08_buffer_one_holds_one_of_five(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await scheduled(board, stage, overlap(P.BUFFER_ONE), seconds=330.0)
    await clock.advance(361)
    assert await decisions(board, clock) == ["fired", "fired", *["overlap"] * 4]
    running, held = await all_runs(board)
    assert (running.state, running.is_held) == (RUNNING, False)
    assert (held.state, held.is_held, held.due_at) == (QUEUED, True, HELD)


async def test_a_held_run_starts_when_the_one_before_has_ended(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    start = clock.now()
    await scheduled(board, stage, overlap(P.BUFFER_ONE), seconds=330.0)
    await clock.advance(391)
    _, released = await all_runs(board)
    assert released.due_at == start + timedelta(seconds=390)
    assert (released.state, seconds(released, start)) == (RUNNING, 390)


async def test_m08_a_held_run_obeys_the_catch_up_window(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    misfire = MisfirePolicy(window_s=100.0)
    await scheduled(board, stage, overlap(P.BUFFER_ONE), seconds=330.0, misfire=misfire)
    await clock.advance(391)
    _, dropped = await all_runs(board)
    assert dropped.state is STOPPED
    assert dropped.error is not None
    assert dropped.error.type == "Misfire"
    await clock.advance(30)
    assert (await states(board))[2:] == [RUNNING]


async def test_a_buffer_is_emptied_in_order_one_at_a_time(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    start = clock.now()
    await scheduled(board, stage, overlap(P.BUFFER, 2), seconds=150.0)
    await clock.advance(300)
    await board.deactivate_trigger("default", "t")
    await clock.advance(1000)
    assert await decisions(board, clock) == [*["fired"] * 4, "overlap"]
    assert [seconds(run, start) for run in await all_runs(board)] == [60, 210, 360, 510]
    assert stage.peak == 1


async def test_allow_with_a_limit_counts_firings_not_runs(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    actions = [Action(job="last", arguments={"seconds": 150})] * 3
    await scheduled(board, stage, overlap(P.ALLOW, 2), actions=actions)
    await clock.advance(181)
    assert await decisions(board, clock) == ["fired", "fired", "overlap"]
    runs = await all_runs(board)
    assert len({run.trace_id for run in runs[:3]}) == len({run.trace_id for run in runs[3:]}) == 1
    assert len({run.trace_id for run in runs}) == 2


async def test_runs_held_together_are_released_together(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    actions = [Action(job="last", arguments={"seconds": each}) for each in (70, 90)]
    await scheduled(board, stage, overlap(P.BUFFER_ONE), actions=actions)
    await clock.advance(149)
    assert [run.is_held for run in await all_runs(board)] == [False, False, True, True]
    await clock.advance(2)
    assert [run.state for run in await all_runs(board)][2:] == [RUNNING, RUNNING]


async def test_cancel_old_starts_the_new_one_when_the_old_one_has_ended(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    start = clock.now()
    await scheduled(board, stage, overlap(P.CANCEL_OLD))
    await clock.advance(121)
    old, new = await all_runs(board)
    assert (old.state, new.state) == (STOPPED, RUNNING)
    assert seconds(new, start) == 120
    assert stage.peak == 1


async def test_m09_an_old_run_that_ignores_its_stop_is_never_joined(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    start = clock.now()
    arguments = {"seconds": 75.0, "stubborn": True}
    actions = [Action(job="last", arguments=arguments)]
    await scheduled(board, stage, overlap(P.CANCEL_OLD), actions=actions)
    await clock.advance(121)
    assert await states(board) == [RunState.STOPPING, QUEUED]
    await clock.advance(30)
    assert [seconds(run, start) for run in await all_runs(board)] == [60, 135]
    await board.deactivate_trigger("default", "t")
    await clock.advance(100)
    assert stage.peak == 1


async def test_kill_old_asks_nobody(board: Callboard, clock: VirtualClock, stage: Stage) -> None:
    await scheduled(board, stage, overlap(P.KILL_OLD))
    await clock.advance(121)
    old, new = await all_runs(board)
    assert (old.state, new.state) == (STOPPED, RUNNING)
    assert old.stop_mode == "kill"


@pytest.mark.parametrize("policy", [P.CANCEL_OLD, P.KILL_OLD])
async def test_what_waits_makes_way_at_once(
    open_board: Callable[..., Any], clock: VirtualClock, stage: Stage, policy: P
) -> None:
    board = await open_board(executes=False)
    await scheduled(board, stage, overlap(policy))
    await clock.advance(181)
    runs = await all_runs(board)
    assert [run.state for run in runs] == [STOPPED, STOPPED, QUEUED]
    assert {run.error and run.error.type for run in runs[:2]} == {"Overlap"}
    assert not runs[2].is_held


@pytest.mark.parametrize("policy", [P.SKIP, P.ALLOW])
async def test_m10_a_manual_fire_obeys_the_policy(
    board: Callboard, clock: VirtualClock, stage: Stage, policy: P
) -> None:
    limit = 1 if policy is P.ALLOW else None
    await scheduled(board, stage, overlap(policy, limit))
    await board.fire_trigger("default", "t")
    with pytest.raises(Conflict) as refused:
        await board.fire_trigger("default", "t")
    assert refused.value.code == "overlap"
    assert len(await board.fire_trigger("default", "t", overlap="allow")) == 1
    await clock.advance(61)
    assert await decisions(board, clock) == ["overlap"]


async def test_m10_a_manual_fire_is_held(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await scheduled(board, stage, overlap(P.BUFFER_ONE))
    await board.fire_trigger("default", "t")
    (held,) = await board.fire_trigger("default", "t")
    assert held.is_held
    await clock.advance(151)
    assert (await board.get_run(held.id)).state is RUNNING


async def test_m10_a_retry_obeys_the_policy(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await scheduled(board, stage, overlap(P.SKIP))
    (first,) = await board.fire_trigger("default", "t")
    await board.stop_run(first.id)
    await clock.settle()
    (second,) = await board.fire_trigger("default", "t")
    with pytest.raises(Conflict, match="overlap"):
        await board.retry_run(first.id)
    await board.stop_run(second.id)
    await clock.settle()
    assert (await board.retry_run(first.id)).trace_id == first.trace_id


async def test_a_retry_of_a_firing_that_is_live_joins_it(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    actions = [Action(job="last", arguments={"seconds": 50})] * 2
    await scheduled(board, stage, overlap(P.SKIP), actions=actions)
    first, _ = await board.fire_trigger("default", "t")
    await board.stop_run(first.id)
    await clock.settle()
    again = await board.retry_run(first.id)
    assert not again.is_held


async def test_a_retry_is_held(board: Callboard, clock: VirtualClock, stage: Stage) -> None:
    await scheduled(board, stage, overlap(P.BUFFER))
    (first,) = await board.fire_trigger("default", "t")
    await board.stop_run(first.id)
    await clock.settle()
    await board.fire_trigger("default", "t")
    again = await board.retry_run(first.id)
    assert again.is_held
    await clock.advance(151)
    assert (await board.get_run(again.id)).state is RUNNING


async def test_a_parked_run_lets_the_next_one_start_and_then_obeys_the_policy(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await board.create_job(make_job("nobody", spec={"handler": "nowhere:nothing"}))
    await scheduled(board, stage, overlap(P.BUFFER), actions=[Action(job="nobody")])
    (parked,) = await board.fire_trigger("default", "t")
    await scheduled(board, stage, overlap(P.BUFFER))
    (held,) = await board.fire_trigger("default", "t")
    assert held.is_held
    await clock.settle()
    assert await states(board) == [RunState.PARKED, RUNNING]
    assert (await board.retry_run(parked.id)).is_held
    await scheduled(board, stage, overlap(P.SKIP))
    assert (await board.get_run(parked.id)).state is STOPPED


async def test_a_parked_run_is_not_queued_again_beside_a_live_one(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await board.create_job(make_job("nobody", spec={"handler": "nowhere:nothing"}))
    await scheduled(board, stage, overlap(P.SKIP), actions=[Action(job="nobody")])
    (parked,) = await board.fire_trigger("default", "t")
    await clock.settle()
    await scheduled(board, stage, overlap(P.SKIP))
    await board.fire_trigger("default", "t")
    with pytest.raises(Conflict, match="overlap"):
        await board.retry_run(parked.id)


async def test_m16_a_slot_is_decided_at_once_while_earlier_runs_are_still_queued(
    open_board: Callable[..., Any], clock: VirtualClock, stage: Stage
) -> None:
    board = await open_board(executes=False)
    await scheduled(board, stage, overlap(P.SKIP))
    await clock.advance(181)
    assert await decisions(board, clock) == ["fired", "overlap", "overlap"]


async def test_m17_the_run_of_a_dead_node_makes_room_within_its_lease(
    open_board: Callable[..., Any], clock: VirtualClock, stage: Stage
) -> None:
    short = {"lease_s": 10.0, "rescue_every_s": 2.0, "poll_s": 5.0}
    one, two = await open_board(**short), await open_board(**short, executes=False)
    await scheduled(one, stage, overlap(P.BUFFER_ONE), seconds=5000.0)
    await clock.advance(121)
    await die(one, clock)
    await clock.advance(15)
    lost, released = await all_runs(two)
    assert (lost.state, released.state) == (RunState.FAILED, QUEUED)
    assert not released.is_held


async def test_m18_a_lowered_limit_stops_nothing(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await scheduled(board, stage, overlap(P.ALLOW, 3), seconds=200.0)
    await clock.advance(185)
    await scheduled(board, stage, overlap(P.ALLOW, 1), seconds=200.0)
    await clock.advance(240)
    assert await decisions(board, clock) == [*["fired"] * 3, *["overlap"] * 3, "fired"]
    assert {*await states(board)} == {RunState.SUCCEEDED, RUNNING}


async def test_m19_two_triggers_with_one_text_do_not_overlap(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await scheduled(board, stage, overlap(P.SKIP))
    actions = [Action(job="last", arguments={"seconds": 150})]
    await board.schedule("u", every(minutes=1), actions, overlap=overlap(P.SKIP))
    await clock.advance(61)
    assert [run.trigger for run in await all_runs(board)] == ["t", "u"]


async def test_skipped_slots_do_not_count_as_firings(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await scheduled(board, stage, overlap(P.SKIP), max_firings=2)
    await clock.advance(241)
    trigger = await board.get_trigger("default", "t")
    assert (trigger.firings, trigger.state) == (2, TriggerState.COMPLETED)
    assert await decisions(board, clock) == ["fired", "overlap", "overlap", "fired"]


async def test_slots_of_a_disabled_job_do_not_count_as_firings(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await board.define(stage.job, disabled=True)
    actions = [Action(job="last", arguments={"seconds": 1})]
    await board.schedule("t", every(minutes=1), actions, max_firings=1)
    await clock.advance(121)
    assert (await board.get_trigger("default", "t")).firings == 0
    await board.define(stage.job, disabled=False)
    await clock.advance(121)
    trigger = await board.get_trigger("default", "t")
    assert (trigger.firings, trigger.state) == (1, TriggerState.COMPLETED)
    assert await decisions(board, clock) == ["disabled", "disabled", "fired"]


async def fired_late(board: Callboard, clock: VirtualClock, slots: int) -> None:
    """Decide the slots of `t` that have come, all in one plan."""
    trigger = await board.get_trigger("default", "t")
    plan = plan_slots(trigger, clock.now())
    assert len(plan.entries) == slots
    epoch = board.health().epoch or 0
    lease, scheduling = timedelta(minutes=1), Scheduling.SHARED
    await board._ask(ShareShards(epoch=epoch, lease=lease, scheduling=scheduling))
    assert await board._ask(FireSlots(epoch=epoch, plans=(plan,))) == (True,)


ALL = MisfirePolicy(policy=MisfirePolicyName.FIRE_ALL)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (overlap(P.ALLOW, 2), ["fired", "fired", "overlap"]),
        (overlap(P.SKIP), ["fired", "overlap", "overlap"]),
        (overlap(P.BUFFER_ONE), ["fired", "fired", "overlap"]),
        (overlap(P.CANCEL_OLD), ["fired", "fired", "fired"]),
    ],
)
async def test_of_late_slots_each_sees_those_before_it(
    open_board: Callable[..., Any],
    clock: VirtualClock,
    stage: Stage,
    policy: OverlapPolicy,
    expected: list[str],
) -> None:
    board = await open_board(fires=False, executes=False)
    await scheduled(board, stage, policy, misfire=ALL)
    await clock.advance(185)
    await fired_late(board, clock, 3)
    assert await decisions(board, clock) == expected
    live = [run for run in await all_runs(board) if not run.has_ended and not run.is_held]
    assert len(live) == min(2, policy.limit or 1)


async def test_max_firings_lets_later_slots_fire_where_earlier_ones_were_refused(
    open_board: Callable[..., Any], clock: VirtualClock, stage: Stage
) -> None:
    board = await open_board(fires=False)
    await scheduled(board, stage, overlap(P.SKIP), misfire=ALL, max_firings=2, seconds=30.0)
    await clock.advance(185)
    await fired_late(board, clock, 2)
    trigger = await board.get_trigger("default", "t")
    assert (trigger.firings, trigger.state) == (1, TriggerState.ACTIVE)
    assert trigger.next_slot == clock.now() - timedelta(seconds=5)


@pytest.mark.parametrize(
    ("policy", "after"),
    [
        (overlap(P.ALLOW), [RUNNING] * 4),
        (overlap(P.ALLOW, 2), [RUNNING, RUNNING, STOPPED, STOPPED]),
        (overlap(P.SKIP), [RUNNING, STOPPED, STOPPED, STOPPED]),
        (overlap(P.BUFFER_ONE), [RUNNING, QUEUED, QUEUED, QUEUED]),
        (overlap(P.CANCEL_OLD), [RUNNING, QUEUED, QUEUED, QUEUED]),
    ],
)
async def test_an_edited_policy_decides_what_is_held(
    board: Callboard,
    clock: VirtualClock,
    stage: Stage,
    policy: OverlapPolicy,
    after: list[RunState],
) -> None:
    await scheduled(board, stage, overlap(P.BUFFER), seconds=500.0)
    await clock.advance(241)
    await scheduled(board, stage, policy, seconds=500.0)
    await clock.settle()
    assert await states(board) == after


async def test_a_policy_that_holds_from_now_on_counts_what_is_live(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await scheduled(board, stage, overlap(P.ALLOW))
    await clock.advance(61)
    await scheduled(board, stage, overlap(P.BUFFER))
    await clock.advance(60)
    assert [run.is_held for run in await all_runs(board)] == [False, True]


async def test_m20_what_a_deleted_trigger_holds_is_stopped_and_what_runs_goes_on(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await scheduled(board, stage, overlap(P.BUFFER))
    await clock.advance(121)
    await board.delete_trigger("default", "t")
    await clock.settle()
    running, held = await all_runs(board)
    assert (running.state, held.state) == (RUNNING, STOPPED)
    assert held.error is not None
    assert "deleted" in held.error.message


async def test_what_an_inactive_trigger_holds_starts_in_its_turn(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await scheduled(board, stage, overlap(P.BUFFER))
    await clock.advance(121)
    await board.deactivate_trigger("default", "t")
    await clock.advance(91)
    assert await states(board) == [RunState.SUCCEEDED, RUNNING]


async def test_a_held_run_may_be_stopped(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await scheduled(board, stage, overlap(P.BUFFER))
    await clock.advance(181)
    _, first, _ = await all_runs(board)
    await board.stop_run(first.id)
    await clock.advance(31)
    assert await states(board) == [RunState.SUCCEEDED, STOPPED, RUNNING]


async def test_held_runs_that_no_end_released_are_found(
    board: Callboard, clock: VirtualClock, store: MemoryStore, stage: Stage
) -> None:
    """As after a restore: of the firings only held ones are there."""
    await scheduled(board, stage, overlap(P.BUFFER))
    trigger = await board.get_trigger("default", "t")
    stored = await board.get_job("default", "last")
    async with store.begin() as tx:
        ids = await tx.allocate_run_ids(2)
        held = [
            make_run(
                run_id,
                stored,
                trigger="t",
                trigger_id=trigger.id,
                trace_id=f"{run_id:032x}",
                due_at=HELD,
                arguments={"seconds": 10},
            )
            for run_id in ids
        ]
        await tx.insert_runs(held)
    assert await board._ask(ReleaseHeld()) == 1
    await clock.settle()
    assert await states(board) == [RUNNING, QUEUED]
    assert await board._ask(ReleaseHeld()) == 0


async def test_held_runs_of_a_trigger_that_is_gone_are_stopped(
    board: Callboard, clock: VirtualClock, store: MemoryStore, stage: Stage
) -> None:
    await board.define(stage.job)
    stored = await board.get_job("default", "last")
    async with store.begin() as tx:
        (run_id,) = await tx.allocate_run_ids(1)
        held = make_run(run_id, stored, trigger="gone", trigger_id=4711, due_at=HELD)
        await tx.insert_runs([held])
    assert await board._ask(ReleaseHeld()) == 1
    assert await states(board) == [STOPPED]


async def test_an_allowed_fire_counts_for_those_that_follow(
    board: Callboard, clock: VirtualClock, stage: Stage
) -> None:
    await scheduled(board, stage, overlap(P.BUFFER))
    await board.fire_trigger("default", "t")
    await board.fire_trigger("default", "t", overlap="allow")
    (held,) = await board.fire_trigger("default", "t")
    assert held.is_held
