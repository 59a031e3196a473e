"""Conditional triggers on a board: what counts as an end, and what a set of them fires."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callboard import (
    CalendarRule,
    Callboard,
    Condition,
    RetryPolicy,
    RunState,
    TriggerState,
    on_demand,
    when_all,
    when_any,
)
from callboard.commands import EvaluateConditions
from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.run import Run
from callboard.domain.trigger import Action, OverlapPolicy, OverlapPolicyName, Trigger
from callboard.errors import Conflict, InvalidInput, NotFound, StoreUnavailable
from callboard.store.contract import Following
from callboard.store.memory import MemoryStore
from callboard.store.memory_transaction import MemoryTransaction
from callboard.testing import CALM, VirtualClock
from support.boards import all_runs, answered, die, meanwhile

FAILED = ("failed",)
G = "default"


@pytest.fixture
async def board(open_board: Callable[..., Any]) -> Callboard:
    """With the jobs a, b, c and d, which fail when they are told to."""
    one: Callboard = await open_board()
    await with_jobs(one)
    return one


async def with_jobs(board: Callboard, **fields: Any) -> None:
    async def work(fails: int = 0, seconds: float = 0.0) -> None:
        await board.clock.sleep_until(board.clock.monotonic() + seconds)
        if fails:
            raise RuntimeError("as asked")

    for name in "abcd":
        await board.define(work, name=name, **fields)


async def ended(board: Callboard, clock: VirtualClock, *jobs: str) -> list[Run]:
    """Runs of these jobs, one after the other; `-a` fails."""
    runs = []
    for job in jobs:
        handle = await board.start(job.lstrip("-"), {"fails": int(job.startswith("-"))})
        runs.append(await meanwhile(clock, handle.wait()))
    await clock.settle()
    return runs


async def fired(board: Callboard, clock: VirtualClock, name: str = "t") -> list[Run]:
    """Runs that the trigger started, oldest first, once all is quiet."""
    await clock.advance(10)
    return await all_runs(board, trigger=name)


async def slots(board: Callboard, store: MemoryStore, name: str = "t") -> list[LedgerEntry]:
    trigger = await board.get_trigger(G, name)
    now = board.clock.now()
    span = timedelta(days=1)
    return await store.read_ledger(trigger.id, since=now - span, until=now + span, limit=1000)


async def test_and_fires_when_all_jobs_have_ended_since_the_last_time(
    board: Callboard, clock: VirtualClock
) -> None:
    """G45"""
    await board.schedule("t", when_all("a", "b"), "c")
    await ended(board, clock, "a")
    assert await fired(board, clock) == []
    await ended(board, clock, "a", "b")
    assert len(await fired(board, clock)) == 1
    await ended(board, clock, "b", "b")
    assert len(await fired(board, clock)) == 1
    await ended(board, clock, "a")
    assert len(await fired(board, clock)) == 2


async def test_any_fires_at_each_end_that_meets_a_condition(
    board: Callboard, clock: VirtualClock
) -> None:
    """G45"""
    await board.schedule("t", when_any("a", Condition(job="b", states=FAILED)), "c")
    await ended(board, clock, "a", "b", "-b", "-a")
    assert len(await fired(board, clock)) == 2


async def test_r12_ends_of_one_commit_make_one_slot(
    board: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    """R12"""
    await board.schedule("t", when_any("a", "b"), "c")
    a = await board.start("a", {"seconds": 5})
    b = await board.start("b", {"seconds": 5})
    await clock.advance(6)
    assert len(await fired(board, clock)) == 1
    (entry,) = await slots(board, store)
    assert entry.caused_by == (a.id, b.id)


async def test_r13_what_ended_before_the_activation_does_not_count(
    board: Callboard, clock: VirtualClock
) -> None:
    """R13"""
    await ended(board, clock, "a")
    await board.schedule("t", when_all("a", "b"), "c")
    await ended(board, clock, "b")
    assert await fired(board, clock) == []
    await board.deactivate_trigger(G, "t")
    await ended(board, clock, "a", "b")
    await board.activate_trigger(G, "t")
    await ended(board, clock, "b")
    assert await fired(board, clock) == []
    await ended(board, clock, "a")
    assert len(await fired(board, clock)) == 1


async def test_r13_another_trigger_that_is_late_changes_nothing_of_that(
    board: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    """R13: the events of the one's past are read for the other."""
    await board.schedule("early", when_all("d"), "c")
    await kill_evaluator(board)
    await ended(board, clock, "a", "d")
    await board.schedule("t", when_all("a"), "c")
    await evaluate(board)
    assert await fired(board, clock) == []
    assert len(await fired(board, clock, "early")) == 1


async def test_the_newest_end_of_a_job_decides(board: Callboard, clock: VirtualClock) -> None:
    await board.schedule("t", when_all("a", "b"), "c")
    await ended(board, clock, "a", "-a", "b")
    assert await fired(board, clock) == []
    await ended(board, clock, "a")
    assert len(await fired(board, clock)) == 1


async def test_an_attempt_that_is_tried_again_is_no_end(
    open_board: Callable[..., Any], clock: VirtualClock
) -> None:
    board = await open_board()
    retry = RetryPolicy(max_attempts=3, initial_s=100.0, factor=1.0, jitter="none")
    await with_jobs(board, retry=retry)
    await board.schedule("t", when_all(Condition(job="a", states=FAILED)), "c")
    await board.start("a", {"fails": 1})
    await clock.advance(150)
    assert len(await all_runs(board, job="a", states=(RunState.FAILED,))) == 2
    assert await fired(board, clock) == []
    await clock.advance(100)
    assert len(await fired(board, clock)) == 1


async def test_an_attempt_that_somebody_asked_for_ends_once_more(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.schedule("t", when_all(Condition(job="a", states=FAILED)), "c")
    (run,) = await ended(board, clock, "-a")
    assert len(await fired(board, clock)) == 1
    await board.retry_run(run.id)
    assert len(await fired(board, clock)) == 2


async def test_a_stopped_run_meets_a_condition_on_stopped(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.schedule("t", when_all(Condition(job="a", states=("stopped", "timed_out"))), "c")
    handle = await board.start("a", {"seconds": 1000})
    await clock.advance(1)
    await board.stop_run(handle.id)
    await clock.advance(1)
    assert (await board.get_run(handle.id)).state is RunState.STOPPED
    assert len(await fired(board, clock)) == 1


async def test_a_slot_is_the_instant_of_the_end_and_knows_its_runs(
    board: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    await board.schedule("t", when_all("a", "b"), [Action(job="c"), Action(job="d")])
    runs = await ended(board, clock, "a", "b")
    started = await fired(board, clock)
    (entry,) = await slots(board, store)
    assert entry.slot == runs[1].ended_at
    assert entry.decision is Decision.FIRED
    assert entry.caused_by == tuple(run.id for run in runs)
    assert entry.run_ids == tuple(run.id for run in started)
    assert [(run.job, run.slot, run.state) for run in started] == [
        ("c", entry.slot, RunState.SUCCEEDED),
        ("d", entry.slot, RunState.SUCCEEDED),
    ]
    assert len({run.trace_id for run in started}) == 1
    trigger = await board.get_trigger(G, "t")
    assert (trigger.last_slot, trigger.firings, trigger.next_slot) == (entry.slot, 1, None)


async def test_slots_ascend_where_ends_share_an_instant(
    board: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    await board.schedule("t", when_any("a"), "c")
    await kill_evaluator(board)
    await ended(board, clock, "a", "a", "a")
    await evaluate(board)
    first, *others = [entry.slot for entry in await slots(board, store)]
    assert others == [first + timedelta(microseconds=1), first + timedelta(microseconds=2)]


async def test_a_chain_runs_through(board: Callboard, clock: VirtualClock) -> None:
    await board.schedule("ab", when_all("a"), "b")
    await board.schedule("bc", when_all("b"), "c")
    await board.schedule("cd", when_all("c"), "d")
    await ended(board, clock, "a", "a")
    assert len(await fired(board, clock, "cd")) == 2


async def test_a_pause_skips_what_completes_in_it(
    board: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    await board.schedule("t", when_all("a", "b"), "c")
    await board.pause_trigger(G, "t")
    await ended(board, clock, "a", "b", "a")
    await clock.advance(1)
    (entry,) = await slots(board, store)
    assert (entry.decision, entry.reason) == (Decision.SKIPPED, SkipReason.PAUSED)
    assert entry.run_ids == ()
    await board.resume_trigger(G, "t")
    await ended(board, clock, "b")
    assert len(await fired(board, clock)) == 1


async def test_an_edit_begins_with_an_empty_set(board: Callboard, clock: VirtualClock) -> None:
    await board.schedule("t", when_all("a", "b"), "c")
    await ended(board, clock, "a")
    await board.schedule("t", when_all("a", "b"), "d")
    await board.schedule("t", when_all("a", "b", "d"), "c")
    await ended(board, clock, "b", "d")
    assert await fired(board, clock) == []
    await ended(board, clock, "a")
    assert len(await fired(board, clock)) == 1


async def test_an_edit_of_the_rest_keeps_the_set(board: Callboard, clock: VirtualClock) -> None:
    await board.schedule("t", when_all("a", "b"), "c")
    await ended(board, clock, "a")
    await board.schedule("t", when_all("a", "b"), "d", description="other")
    await ended(board, clock, "b")
    assert [run.job for run in await fired(board, clock)] == ["d"]


async def test_a_trigger_that_became_another_kind_watches_nothing(
    board: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    await board.schedule("t", when_all("a"), "c")
    await board.schedule("t", on_demand(), "c")
    await ended(board, clock, "a")
    assert await fired(board, clock) == []
    await board.delete_job(G, "a")


async def test_max_firings_complete_it(board: Callboard, clock: VirtualClock) -> None:
    await board.schedule("t", when_any("a"), "c", max_firings=2)
    await ended(board, clock, "a", "a", "a")
    assert len(await fired(board, clock)) == 2
    trigger = await board.get_trigger(G, "t")
    assert trigger.state is TriggerState.COMPLETED


async def test_ends_count_from_start_at_to_end_at(board: Callboard, clock: VirtualClock) -> None:
    now = clock.now()
    start, end = now + timedelta(seconds=100), now + timedelta(seconds=200)
    await board.schedule("t", when_any("a"), "c", start_at=start, end_at=end)
    await ended(board, clock, "a")
    await clock.advance(110)
    await ended(board, clock, "a")
    await clock.advance(100)
    await ended(board, clock, "a")
    assert len(await fired(board, clock)) == 1
    trigger = await board.get_trigger(G, "t")
    assert trigger.state is TriggerState.COMPLETED


async def test_a_disabled_job_skips_the_slot(
    board: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    await board.schedule("t", when_any("a"), "c")
    job = await board.get_job(G, "c")
    await board.replace_job(replace(job, disabled=True))
    await ended(board, clock, "a")
    assert await fired(board, clock) == []
    (entry,) = await slots(board, store)
    assert (entry.reason, len(entry.caused_by)) == (SkipReason.DISABLED, 1)


async def test_the_overlap_policy_is_obeyed(
    board: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    overlap = OverlapPolicy(policy=OverlapPolicyName.SKIP)
    await board.schedule("t", when_any("a"), "c", {"seconds": 100}, overlap=overlap)
    await ended(board, clock, "a", "a")
    assert len(await fired(board, clock)) == 1
    assert [entry.reason for entry in await slots(board, store)] == [None, SkipReason.OVERLAP]


async def test_a_watched_job_cannot_be_deleted(board: Callboard) -> None:
    await board.schedule("t", when_all("a", "b"), "c")
    with pytest.raises(Conflict, match="job 'b' is watched by t") as caught:
        await board.delete_job(G, "b")
    assert caught.value.code == "job_in_use"
    await board.delete_trigger(G, "t")
    await board.delete_job(G, "b")


async def test_a_watched_job_must_exist(board: Callboard) -> None:
    for schedule in (
        lambda: board.schedule("t", when_all("a", "x"), "c"),
        lambda: board.create_trigger(trigger_of("t", "a", "x")),
    ):
        with pytest.raises(InvalidInput) as caught:
            await schedule()
        (problem,) = caught.value.problems
        assert problem.field == "schedule.conditions[1].job"
        assert "there is no job 'x'" in problem.reason


async def test_jobs_of_other_groups_are_not_watched(board: Callboard, clock: VirtualClock) -> None:
    async def work() -> None:
        return None

    await board.define(work, name="a", group="other")
    await board.schedule("t", when_all("a"), "c")
    handle = await board.start("a", group="other")
    await meanwhile(clock, handle.wait())
    assert await fired(board, clock) == []


def trigger_of(name: str, *watched: str, starts: str = "c") -> Trigger:
    return Trigger(name=name, schedule=when_all(*watched), actions=(Action(job=starts),))


async def test_r11_a_cycle_is_refused_when_it_is_created(board: Callboard) -> None:
    """R11"""
    await board.schedule("ab", when_all("a"), "b")
    await board.schedule("bc", when_all("d", "b"), "c")
    with pytest.raises(InvalidInput) as caught:
        await board.create_trigger(trigger_of("ca", "c", starts="a"))
    (problem,) = caught.value.problems
    assert problem.field == "schedule.conditions"
    assert "c -(ca)-> a -(ab)-> b -(bc)-> c" in problem.reason
    await board.delete_trigger(G, "ab")
    await board.create_trigger(trigger_of("ca", "c", starts="a"))


async def test_r11_a_job_may_not_start_itself(board: Callboard) -> None:
    """R11"""
    with pytest.raises(InvalidInput, match=r"a -\(t\)-> a"):
        await board.schedule("t", when_any("b", "a"), "a")


async def test_r11_a_cycle_is_refused_when_it_is_made_by_an_edit(board: Callboard) -> None:
    """R11: also by the other end, and of an inactive trigger."""
    await board.schedule("ab", when_all("a"), "b")
    await board.schedule("t", when_all("c"), "a")
    with pytest.raises(InvalidInput, match=r"b -\(t\)-> a -\(ab\)-> b"):
        await board.schedule("t", when_all("b"), "a")
    await board.deactivate_trigger(G, "t")
    with pytest.raises(InvalidInput, match="cycle"):
        await board.schedule("t", when_all("b"), "a")
    await board.schedule("t", when_all("c"), "d")
    with pytest.raises(InvalidInput, match="cycle"):
        await board.schedule("t", when_all("c"), "c")
    assert await board.schedule("ab", when_all("a"), "c") is not None


async def test_r11_a_cycle_within_one_bulk_creation_is_refused(board: Callboard) -> None:
    """R11"""
    triggers = [trigger_of("ab", "a", starts="b"), trigger_of("ba", "b", starts="a")]
    refused = await answered(board.create_triggers(triggers))
    assert isinstance(refused, InvalidInput)
    (problem,) = refused.problems
    assert problem.field == "triggers[1].schedule.conditions"
    with pytest.raises(NotFound):
        await board.get_trigger(G, "ab")


async def test_conditional_triggers_obey_no_calendars() -> None:
    with pytest.raises(InvalidInput, match="calendars"):
        Trigger(
            name="t",
            schedule=when_all("a"),
            actions=(Action(job="b"),),
            calendars=(CalendarRule(calendar="holidays"),),
        )


async def test_what_ended_while_nobody_evaluated_is_fired_later(
    board: Callboard, open_board: Callable[..., Any], clock: VirtualClock
) -> None:
    await board.schedule("t", when_any("a"), "c")
    await kill_evaluator(board)
    await ended(board, clock, "a", "a")
    await die(board, clock)
    other = await open_board()
    assert len(await fired(other, clock)) == 2


async def test_two_boards_fire_once(
    board: Callboard, open_board: Callable[..., Any], clock: VirtualClock
) -> None:
    """In memory there are no hints: the other one finds out by its next look."""
    other = await open_board()
    await with_jobs(other)
    await board.schedule("t", when_any("a"), "c")
    await ended(board, clock, "a")
    await ended(other, clock, "a", "a")
    await clock.advance(CALM.poll_s)
    assert len(await fired(board, clock)) == 3
    await ended(other, clock, "a")
    assert len(await fired(board, clock)) == 4


async def test_without_conditional_triggers_nothing_is_followed(
    board: Callboard, clock: VirtualClock, store: MemoryStore
) -> None:
    await ended(board, clock, "a")
    await clock.advance(60)
    async with store.begin() as tx:
        assert (following := await tx.lock_follower("conditions")) is not None
        assert following.seq is None
    await board.schedule("t", when_any("a"), "c")
    await ended(board, clock, "a")
    await clock.advance(60)
    async with store.begin() as tx:
        assert (following := await tx.lock_follower("conditions")) is not None
        assert following.seq is not None
    await board.delete_trigger(G, "t")
    await clock.advance(60)
    async with store.begin() as tx:
        assert (following := await tx.lock_follower("conditions")) is not None
        assert following.seq is None


async def kill_evaluator(board: Callboard) -> None:
    actor = board._actors["evaluator"]._actor_weakref()
    actor.timers.cancel_all()
    actor._life.kill()
    await board.clock.settle()  # type: ignore[attr-defined]


async def evaluate(board: Callboard) -> None:
    while (await board._ask(EvaluateConditions(events=1))).again:
        pass


async def test_an_evaluation_that_the_store_refuses_is_made_again_soon(
    board: Callboard, clock: VirtualClock, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await board.schedule("t", when_any("a"), "c")
    tried: list[str] = []
    real = MemoryTransaction.lock_follower

    async def lock(tx: MemoryTransaction, name: str) -> Following | None:
        tried.append(name)
        if tried.count("conditions") < 3:
            raise StoreUnavailable("away")
        return await real(tx, name)

    monkeypatch.setattr(MemoryTransaction, "lock_follower", lock)
    await ended(board, clock, "a")
    assert len(await fired(board, clock)) == 1
    assert tried.count("conditions") >= 3
