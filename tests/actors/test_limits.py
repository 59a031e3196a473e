"""Limits, end to end, on boards that share a store: they hold, and nothing waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable
from datetime import timedelta
from random import Random

import pytest

from callboard import Callboard, Concurrency, NewRun, Queue, RateLimit, Run, RunState, job
from callboard.domain.run import MAX_RUN_ID
from callboard.errors import Conflict, TooManyQueued
from callboard.store.contract import RunFilter
from callboard.testing import VirtualClock
from support.boards import all_runs, answered

RATE = RateLimit(runs=5, per_s=20)
QUEUE_RATE = RateLimit(runs=9, per_s=30)


def napping(clock: VirtualClock, name: str) -> Callable[..., object]:
    """A handler of its own for a job of that name."""

    async def nap(seconds: float = 1.0, tenant: str | None = None) -> None:
        await clock.sleep_until(clock.monotonic() + seconds)

    nap.__qualname__ = f"nap_{name}"
    return job(name=name)(nap)


def most_at_once(runs: Iterable[Run]) -> int:
    """The most of them that were on nodes at one instant."""
    steps = sorted(
        step
        for run in runs
        if run.started_at is not None and run.ended_at is not None
        for step in ((run.started_at, 1), (run.ended_at, -1))
    )
    most = held = 0
    for _, change in steps:
        held += change
        most = max(most, held)
    return most


def most_within(runs: Iterable[Run], seconds: float) -> int:
    """The most of them that began within so many seconds."""
    begun = [run.started_at for run in runs if run.started_at is not None]
    span = timedelta(seconds=seconds)
    return max((sum(first <= at < first + span for at in begun) for first in begun), default=0)


def grouped(runs: Iterable[Run], key: Callable[[Run], Hashable]) -> dict[Hashable, list[Run]]:
    groups: dict[Hashable, list[Run]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return groups


async def everything(board: Callboard) -> list[Run]:
    return await board.list_runs(RunFilter(limit=10_000, before_id=MAX_RUN_ID))


@pytest.mark.parametrize("seed", range(4))
async def test_no_limit_is_ever_exceeded_and_everything_ends(
    open_board, clock: VirtualClock, seed: int
) -> None:
    """R09: a random mix of limits over three nodes; queues are paused and resumed meanwhile."""
    rng = Random(seed)
    boards = [await open_board(capacity=rng.randint(2, 8), poll_s=1.0) for _ in range(3)]
    await boards[0].create_queue(Queue(name="narrow", capacity=3))
    await boards[0].create_queue(Queue(name="slow", rate_limit=QUEUE_RATE))
    definitions: dict[str, dict[str, object]] = {
        "plain": {},
        "few": {"max_concurrent_runs": 2},
        "keyed": {"concurrency": Concurrency(key=("tenant",), max_runs=2), "queue": "narrow"},
        "rated": {"rate_limit": RATE, "priority": 3},
        "both": {
            "max_concurrent_runs": 3,
            "queue": "slow",
            "rate_limit": RateLimit(runs=3, per_s=7),
        },
        "narrow": {"queue": "narrow", "priority": -5},
    }
    for board in boards:
        for name, definition in definitions.items():
            await board.define(napping(clock, name), **definition)
    for _ in range(120):
        new = NewRun(
            job=rng.choice([*definitions]),
            arguments={"seconds": rng.choice([0.1, 1.0, 3.5]), "tenant": rng.choice("abc")},
            priority=rng.choice([None, None, 10, -10]),
            due_at=clock.now() + timedelta(seconds=rng.choice([0.0, 0.0, 2.0])),
        )
        await rng.choice(boards).start_runs([new])
        if rng.random() < 0.1:
            change = rng.choice([boards[0].pause_queue, boards[0].resume_queue])
            await change("default", rng.choice(["narrow", "slow"]))
        await clock.advance(rng.choice([0.0, 0.1, 0.7]))
    for name in ("narrow", "slow"):
        await boards[0].resume_queue("default", name)
    await clock.advance(400)
    runs = await everything(boards[0])
    assert [run.state for run in runs] == [RunState.SUCCEEDED] * 120
    by_job = grouped(runs, lambda run: run.job)
    assert most_at_once(by_job.get("few", ())) <= 2
    assert most_at_once(by_job.get("both", ())) <= 3
    assert most_within(by_job.get("rated", ()), RATE.per_s) <= RATE.runs
    assert most_within(by_job.get("both", ()), 7) <= 3
    keyed = grouped(by_job.get("keyed", ()), lambda run: run.terms and run.terms.concurrency_key)
    assert all(most_at_once(group) <= 2 for group in keyed.values())
    by_queue = grouped(runs, lambda run: run.terms and run.terms.queue)
    assert most_at_once(by_queue.get("narrow", ())) <= 3
    assert most_within(by_queue.get("slow", ()), QUEUE_RATE.per_s) <= QUEUE_RATE.runs


async def test_a_rate_over_three_nodes_is_used_by_95_percent(
    open_board, clock: VirtualClock
) -> None:
    """R09: ten a minute, and no node has to be told of the others."""
    boards = [await open_board(capacity=20) for _ in range(3)]
    for board in boards:
        nap = napping(clock, "rated")
        await board.define(nap, rate_limit=RateLimit(runs=10, per_s=60))
    await boards[0].start_runs([NewRun(job="rated", arguments={"seconds": 0.1})] * 150)
    await clock.advance(10 * 60 - 0.001)
    begun = [run for run in await everything(boards[0]) if run.started_at is not None]
    assert most_within(begun, 60) <= 10
    assert len(begun) >= 95


async def test_a_low_priority_begins_though_higher_ones_never_end(
    board: Callboard, open_board, clock: VirtualClock
) -> None:
    """R10: endless high priority, and always more of it than can be run."""
    small = await open_board(capacity=1)
    await board.close()
    nap = napping(clock, "nap")
    await small.define(nap)
    await small.start("nap", arguments={"seconds": 10.0}, priority=2)
    low = await small.start("nap", arguments={"seconds": 10.0})
    for _ in range(22):
        await small.start("nap", arguments={"seconds": 10.0}, priority=2)
        await clock.advance(9)
    started_at = (await small.get_run(low.id)).started_at
    assert started_at is not None
    high = [run for run in await everything(small) if run.terms is not None]
    assert any(run.state is RunState.QUEUED for run in high)


async def test_a_resumed_queue_is_noticed_at_once_by_the_node_and_its_peers(
    open_board, clock: VirtualClock
) -> None:
    one, two = await open_board(poll_s=3600.0), await open_board(poll_s=3600.0)
    for board in (one, two):
        await board.define(napping(clock, "nap"), queue="q")
    await one.create_queue(Queue(name="q", paused=True))
    run = await one.start("nap")
    await clock.advance(30)
    assert (await one.get_run(run.id)).state is RunState.QUEUED
    await one.resume_queue("default", "q")
    await clock.advance(2)
    assert (await one.get_run(run.id)).state is RunState.SUCCEEDED


async def test_a_rated_run_begins_when_its_time_has_come_without_a_poll(
    open_board, clock: VirtualClock
) -> None:
    board = await open_board(poll_s=3600.0)
    await board.define(napping(clock, "nap"), rate_limit=RateLimit(runs=1, per_s=20))
    runs = [await board.start("nap") for _ in range(3)]
    await clock.advance(41.5)
    assert [(await board.get_run(run.id)).state for run in runs] == [RunState.SUCCEEDED] * 3


async def test_a_start_beyond_what_may_wait_behind_its_key_is_refused(
    board: Callboard, clock: VirtualClock
) -> None:
    """R14"""
    rule = Concurrency(key=("tenant",), max_queued=2)
    await board.define(napping(clock, "nap"), concurrency=rule)
    await board.start("nap", arguments={"tenant": "a", "seconds": 9.0})
    await clock.settle()
    for _ in range(2):
        await board.start("nap", arguments={"tenant": "a"})
    with pytest.raises(TooManyQueued, match=r"2 runs of job 'nap' wait behind the key \[\"a\"\]"):
        await board.start("nap", arguments={"tenant": "a"})
    await board.start("nap", arguments={"tenant": "b"})
    await clock.advance(20)
    await board.start("nap", arguments={"tenant": "a"})


async def test_of_many_starts_too_many_are_refused_together_and_nothing_is_started(
    board: Callboard, clock: VirtualClock
) -> None:
    rule = Concurrency(key=("tenant",), max_queued=2)
    await board.define(napping(clock, "nap"), concurrency=rule)
    new = NewRun(job="nap", arguments={"tenant": "a"})
    with pytest.raises(TooManyQueued):
        await board.start_runs([new] * 3)
    assert await all_runs(board) == []
    starts = (board.start_runs([new] * 2) for _ in range(3))
    answers = await asyncio.gather(*map(answered, starts))
    assert [isinstance(answer, TooManyQueued) for answer in answers] == [False, True, True]


async def test_a_start_that_is_there_already_is_not_refused(
    board: Callboard, clock: VirtualClock
) -> None:
    rule = Concurrency(key=("tenant",), max_queued=1)
    await board.define(napping(clock, "nap"), concurrency=rule)
    later = clock.now() + timedelta(hours=1)
    first = await board.start("nap", arguments={"tenant": "a"}, unique_key="k", due_at=later)
    again = await board.start("nap", arguments={"tenant": "a"}, unique_key="k", due_at=later)
    assert again.id == first.id
    with pytest.raises(TooManyQueued):
        await board.start("nap", arguments={"tenant": "a"}, unique_key="other")


async def test_a_queue_that_a_job_names_is_not_deleted(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.create_queue(Queue(name="q"))
    nap = napping(clock, "nap")
    await board.define(nap, queue="q")
    with pytest.raises(Conflict, match="is named by nap"):
        await board.delete_queue("default", "q")
    await board.define(nap, queue=None)
    await board.delete_queue("default", "q")
