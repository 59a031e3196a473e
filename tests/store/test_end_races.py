"""Ends, stops, snoozes and timeouts of several nodes at once, on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from callboard.commands import (
    Change,
    ClaimRuns,
    EndedRun,
    EndRuns,
    SnoozeRun,
    StopRun,
    TimeOutRuns,
)
from callboard.domain.limits import RateLimit
from callboard.domain.run import Run, RunError, StopMode
from callboard.domain.run_terms import RunTerms
from callboard.domain.states import IllegalTransition, RunState
from callboard.store.contract import Node, RunFilter, Store
from callboard.testing import VirtualClock
from support.committing import Committing
from support.factories import after, claimed_runs, make_end, stored_job, stored_node, stored_runs

ERROR = RunError(type="ConnectionError", message="refused")
BUDGET = RateLimit(runs=40, per_s=600)


async def states(store: Store) -> Counter[tuple[int, RunState]]:
    """How many runs there are of each attempt in each state."""
    runs = await store.list_runs(RunFilter(limit=10_000))
    return Counter((run.attempt, run.state) for run in runs)


def failed(run: Run, **changes: object) -> EndedRun:
    end = make_end(run, RunState.FAILED, error=ERROR)
    return EndedRun(run=run, end=end, retry_after_s=5.0, **changes)  # type: ignore[arg-type]


async def held(store: Store, node: Node, count: int) -> list[Run]:
    runs = await claimed_runs(store, node, count)
    assert len(runs) == count
    return runs


async def both(nodes: Sequence[Committing], changes: Sequence[Sequence[Change]]) -> None:
    """Each node commits its changes, one after the other, while the other one does."""

    async def work(node: Committing, own: Sequence[Change]) -> None:
        for change in own:
            for answer in await node.commit(change):
                assert not isinstance(answer, Exception) or isinstance(answer, IllegalTransition)

    await asyncio.gather(*map(work, nodes, changes))


async def test_r01_the_retry_budget_holds_over_all_nodes(
    one: Store, two: Store, nodes: tuple[Committing, Committing]
) -> None:
    job = await stored_job(one)
    await stored_runs(one, job, 200)
    mine = await held(one, await stored_node(one, "a"), 100)
    others = await held(two, await stored_node(two, "b"), 100)
    changes = [
        [
            EndRuns(ended=tuple(failed(run, budget=BUDGET) for run in part[at : at + 10]))
            for at in range(0, 100, 10)
        ]
        for part in (mine, others)
    ]
    await both(nodes, changes)
    assert await states(one) == {(1, RunState.FAILED): 200, (2, RunState.QUEUED): 40}
    runs = await one.list_runs(RunFilter(states=(RunState.FAILED,), limit=1000))
    messages = Counter(run.error.message for run in runs if run.error is not None)
    assert messages == {
        "refused": 40,
        "refused; not retried: the job's retry budget of 40 in 600 s is spent": 160,
    }


async def test_what_is_told_twice_takes_of_the_budget_once(
    one: Store, nodes: tuple[Committing, Committing]
) -> None:
    """The answer to the first time was lost."""
    await stored_runs(one, await stored_job(one), 10)
    runs = await held(one, await stored_node(one), 10)
    told = EndRuns(ended=tuple(failed(run, budget=BUDGET) for run in runs[:8]))
    assert len(await nodes[0].done(told)) == 8
    assert await nodes[0].done(told) == frozenset()
    async with one.begin() as tx:
        assert await tx.take_rate(f"retry:{runs[0].job_id}", BUDGET, 100) == 32


async def test_r06_a_stopped_run_takes_nothing_of_the_budget(
    one: Store, nodes: tuple[Committing, Committing]
) -> None:
    await stored_runs(one, await stored_job(one), 1)
    (run,) = await held(one, await stored_node(one), 1)
    await nodes[1].done(StopRun(run_id=run.id, mode=StopMode.COOPERATIVE, grace_s=1))
    await nodes[0].done(EndRuns(ended=(failed(run, budget=BUDGET),)))
    assert await states(one) == {(1, RunState.FAILED): 1}
    async with one.begin() as tx:
        assert await tx.take_rate(f"retry:{run.job_id}", BUDGET, 100) == 40


async def test_a_stop_and_a_snooze_end_in_a_stop_whoever_comes_first(
    one: Store, nodes: tuple[Committing, Committing]
) -> None:
    node = await stored_node(one)
    await stored_runs(one, await stored_job(one), 30)
    runs = await held(one, node, 30)
    snoozes = [SnoozeRun(run_id=run.id, epoch=node.epoch, after_s=100) for run in runs]
    stops = [StopRun(run_id=run.id, mode=StopMode.KILL, grace_s=1) for run in runs]
    await both(nodes, [snoozes, stops])
    assert await states(one) == {(1, RunState.STOPPED): 30}


async def test_a_stop_and_a_claim_leave_a_run_stopped_or_asked_to_stop(
    one: Store, nodes: tuple[Committing, Committing]
) -> None:
    node = await stored_node(one)
    runs = await stored_runs(one, await stored_job(one), 30)
    claims = [ClaimRuns(epoch=node.epoch, limit=1) for _ in runs]
    stops = [StopRun(run_id=run.id, mode=StopMode.COOPERATIVE, grace_s=1) for run in runs]
    await both(nodes, [claims, stops])
    found = await one.list_runs(RunFilter(limit=100))
    assert {run.state for run in found} <= {RunState.STOPPED, RunState.STOPPING}
    assert all((run.started_at is None) is (run.state is RunState.STOPPED) for run in found)


async def test_two_nodes_time_out_each_run_once_and_no_claim_gets_one(
    one: Store, two: Store, nodes: tuple[Committing, Committing], clock: VirtualClock
) -> None:
    node = await stored_node(one)
    job = await stored_job(one)
    await stored_runs(one, job, 60, terms=RunTerms(start_by=after(1), queue_timeout_s=1))
    fresh = await stored_runs(one, job, 5, terms=RunTerms(start_by=after(100)))
    await clock.advance(1)
    work: list[Change] = [TimeOutRuns(limit=7) for _ in range(6)]
    await both(nodes, [[*work, ClaimRuns(epoch=node.epoch, limit=100)], work])
    assert await states(one) == {(1, RunState.TIMED_OUT): 60, (1, RunState.RUNNING): 5}
    assert {run.id for run in fresh} == {
        run.id for run in await one.list_runs(RunFilter(states=(RunState.RUNNING,)))
    }
    told = [
        record.run_id
        for batch in await two.read_events(0, 1000)
        for record in batch.records
        if record.type == "run.ended"
    ]
    assert len(told) == len(set(told)) == 60
