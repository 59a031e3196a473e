"""Starts of a job with on_full=refuse by two nodes at once, on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from callboard import BoardConfig, Callboard, OnFull, RunHandle, RunState
from callboard.commands import Change, FireTrigger, StartRuns, StopRun
from callboard.domain.run import NewRun, Run, StopMode
from callboard.domain.schedule import on_demand
from callboard.domain.trigger import Action
from callboard.errors import Conflict
from callboard.store.contract import RunFilter, Store
from callboard.testing import VirtualClock
from support.boards import answered
from support.committing import Committing
from support.cycles import told
from support.factories import stored_job, stored_trigger
from support.postgres_store import opened

STARTS = 200
FULL: dict[str, Any] = {"max_concurrent_runs": 1, "on_full": OnFull.REFUSE}
CONFIG = BoardConfig(poll_s=0.2, drain_s=0.0)


async def work() -> None:
    await asyncio.sleep(0)


@pytest.fixture
async def boards(postgres_dsn: str) -> AsyncIterator[tuple[Callboard, Callboard]]:
    async with (
        Callboard(postgres_dsn, config=replace(CONFIG, node_name="one")) as one,
        Callboard(postgres_dsn, config=replace(CONFIG, node_name="two")) as two,
    ):
        for board in (one, two):
            await board.define(work, **FULL)
        yield one, two


async def started(board: Callboard, job: str = "work") -> int | None:
    """Id of a new run; None where the job is full."""
    answer = await answered(board.start(job))
    if isinstance(answer, Conflict) and answer.code == "job_full":
        return None
    assert isinstance(answer, RunHandle), answer
    return answer.id


async def test_two_boards_that_start_one_job_never_have_two_live_runs_of_it(
    boards: tuple[Callboard, Callboard], postgres_dsn: str
) -> None:
    """G40: the events are numbered in the order of the commits."""

    async def start_some(board: Callboard) -> int:
        return sum([await started(board) is not None for _ in range(STARTS // 2)])

    count = sum(await asyncio.gather(*map(start_some, boards)))
    for run in await boards[0].list_runs(RunFilter(states=(RunState.QUEUED, RunState.RUNNING))):
        await boards[0].wait_run(run.id, timeout_s=20)
    async with opened(postgres_dsn) as store:
        events = await told(store)
    live = set[int]()
    for _, type, run in events:
        if type == "run.queued":
            assert not live, "a run was let in beside another one"
            live.add(run.id)
        elif run.has_ended:
            live.remove(run.id)
    assert not live
    assert count == len({run.id for _, _, run in events})
    assert count >= 1


async def test_of_starts_at_the_same_moment_exactly_one_is_let_in(
    boards: tuple[Callboard, Callboard],
) -> None:
    gate = asyncio.Event()

    async def gated() -> None:
        await gate.wait()

    for board in boards:
        await board.define(gated, **FULL)
    for _ in range(STARTS // 10):
        answers = await asyncio.gather(*[started(board, "gated") for board in boards * 5])
        (run_id,) = [each for each in answers if each is not None]
        gate.set()
        assert (await boards[0].wait_run(run_id, timeout_s=20)).state is RunState.SUCCEEDED
        gate.clear()


async def test_batches_that_want_the_rooms_in_other_orders_do_not_hinder_each_other(
    postgres_dsn: str,
) -> None:
    """Starts, slots' runs and fires of two jobs, by two nodes; no more live than there may be."""
    clock = VirtualClock()
    async with (
        opened(postgres_dsn, clock=clock) as one,
        opened(postgres_dsn, clock=clock) as two,
    ):
        for name in "ab":
            await stored_job(one, name, max_concurrent_runs=3, on_full=OnFull.REFUSE)
            action = Action(job=name)
            await stored_trigger(one, f"hand-{name}", schedule=on_demand(), actions=(action,))
        await asyncio.gather(commit_all(one, clock, "ab"), commit_all(two, clock, "ba"))
        events = await told(one)
        refused = {run.id for _, _, run in events if run.error and run.error.type == "JobFull"}
        assert refused
        live = Counter[str]()
        for _, type, run in events:
            if run.id not in refused:
                live[run.job] += (type == "run.queued") - run.has_ended
                assert live[run.job] <= 3


async def commit_all(store: Store, clock: VirtualClock, order: str) -> None:
    """Batches of starts in that order, with fires; then all that is live is stopped."""
    node = Committing(store, clock)
    for _ in range(15):
        batch: list[Change] = [StartRuns(runs=(NewRun(job=name),)) for name in order]
        batch.append(StartRuns(runs=tuple(NewRun(job=name) for name in order)))
        check(await node.commit(*batch))
        name = f"hand-{order[0]}"
        fire = FireTrigger(group="default", name=name, arguments={}, overlap="allow")
        check(await node.commit(fire, StartRuns(runs=(NewRun(job=order[1]),))))
        live = await store.list_runs(RunFilter(states=(RunState.QUEUED,)))
        stops = [StopRun(run_id=run.id, mode=StopMode.KILL, grace_s=0) for run in live[:4]]
        await node.commit(*stops)


def check(answers: Sequence[Any]) -> None:
    """Every answer is that of a start, or its refusal."""
    for answer in answers:
        assert isinstance(answer, tuple) or answer.code == "job_full", answer
        assert isinstance(answer, Conflict) or all(isinstance(run, Run) for run in answer)
