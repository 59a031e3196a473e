"""Retries: for which failures, until when, and how many of a job at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from callboard import Callboard, RetryPolicy, RunState
from callboard.domain.job import Jitter
from callboard.domain.limits import RateLimit
from callboard.store.contract import RunFilter
from callboard.testing import VirtualClock
from support.boards import all_runs
from support.factories import after

OpenBoard = Callable[..., Any]
SHORT = {"lease_s": 10.0, "rescue_every_s": 2.0, "poll_s": 5.0}


class NoStock(LookupError):
    pass


def policy(max_attempts: int = 2, **rules: Any) -> RetryPolicy:
    return RetryPolicy(max_attempts=max_attempts, initial_s=1, jitter=Jitter.NONE, **rules)


async def attempts(
    board: Callboard, clock: VirtualClock, failure: BaseException, **definition: Any
) -> int:
    async def handler() -> None:
        raise failure

    await board.define(handler, name="work", **definition)
    await board.start("work")
    await clock.advance(100)
    return len(await all_runs(board))


@pytest.mark.parametrize("isolation", ["loop", "thread"])
@pytest.mark.parametrize(
    ("rules", "count"),
    [
        ({}, 2),
        ({"retry_on": ("LookupError",)}, 2),
        ({"retry_on": ("OSError",)}, 1),
        ({"fatal": ("NoStock",)}, 1),
        ({"fatal": (f"{__name__}.NoStock",)}, 1),
        ({"fatal": ("OSError",)}, 2),
    ],
)
async def test_a_failure_is_tried_again_by_its_class(
    board: Callboard, clock: VirtualClock, rules: dict[str, Any], count: int, isolation: str
) -> None:
    made = await attempts(board, clock, NoStock("none"), retry=policy(**rules), isolation=isolation)
    assert made == count


@pytest.mark.parametrize(("rules", "count"), [("exit_code:3", 2), ("exit_code:4", 1)])
async def test_a_failure_is_tried_again_by_its_exit_code(
    board: Callboard, clock: VirtualClock, rules: str, count: int
) -> None:
    assert await attempts(board, clock, SystemExit(3), retry=policy(retry_on=(rules,))) == count


async def test_each_retry_is_a_run_of_the_same_chain(board: Callboard, clock: VirtualClock) -> None:
    assert await attempts(board, clock, NoStock(), retry=policy(3)) == 3
    first, second, third = await all_runs(board)
    assert [run.attempt for run in (first, second, third)] == [1, 2, 3]
    assert (second.previous_run_id, third.previous_run_id) == (first.id, second.id)
    assert await all_runs(board, chain_id=first.id) == [first, second, third]


async def test_a_retry_beyond_the_budget_is_not_created_and_the_run_says_so(
    board: Callboard, clock: VirtualClock
) -> None:
    async def handler() -> None:
        raise NoStock("none left")

    budget = RateLimit(runs=3, per_s=60)
    await board.define(handler, name="work", retry=policy(2, budget=budget))
    await board.start_many("work", [{}] * 10)
    await clock.advance(5)
    runs = await all_runs(board)
    assert Counter(run.attempt for run in runs) == {1: 10, 2: 3}
    refused = [run for run in runs if run.error is not None and "not retried" in run.error.message]
    assert len(refused) == 7
    assert {run.error.message for run in refused if run.error is not None} == {
        "none left; not retried: the job's retry budget of 3 in 60 s is spent"
    }


async def test_the_budget_has_room_again_when_its_window_is_over(
    board: Callboard, clock: VirtualClock
) -> None:
    async def handler() -> None:
        raise NoStock

    await board.define(handler, name="work", retry=policy(2, budget=RateLimit(runs=1, per_s=10)))
    for _ in range(3):
        await board.start_many("work", [{}] * 2)
        await clock.advance(30)
    assert Counter(run.attempt for run in await all_runs(board)) == {1: 6, 2: 3}


async def test_r01_a_storm_is_spread_and_stays_within_the_budget_of_all_nodes(
    open_board: OpenBoard, clock: VirtualClock
) -> None:
    """2,000 runs fail at once on one dependency; another job's runs do not notice."""
    boards = [await open_board(**SHORT, capacity=500) for _ in range(2)]

    async def handler() -> None:
        raise ConnectionError("refused")

    async def other() -> str:
        return "fine"

    storm = RetryPolicy(
        max_attempts=3, initial_s=30, factor=2, budget=RateLimit(runs=500, per_s=600)
    )
    for board in boards:
        await board.define(handler, name="storm", retry=storm)
        await board.define(other, name="calm")
    await boards[0].start_many("storm", [{}] * 2000)
    await clock.advance(1)
    await boards[1].start_many("calm", [{}] * 20)
    await clock.advance(300)
    runs = await boards[0].list_runs(RunFilter(job="storm", limit=10_000))
    counts = Counter((run.attempt, run.state) for run in runs)
    due = [(run.due_at - after(0)).total_seconds() for run in runs if run.attempt == 2]
    assert counts[1, RunState.FAILED] == 2000
    assert sum(count for (attempt, _), count in counts.items() if attempt > 1) == 500
    assert all(state is RunState.FAILED for _, state in counts)
    seconds = Counter(int(each) for each in due)
    assert len(seconds) >= 25
    assert max(seconds.values()) <= 3 * len(due) / 30
    calm = await all_runs(boards[0], job="calm")
    assert [run.state for run in calm] == [RunState.SUCCEEDED] * 20
    assert {run.ended_at for run in calm} == {after(1)}
