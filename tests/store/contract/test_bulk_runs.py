"""Many runs queued again in one commit: parked ones, and those that failed."""

from __future__ import annotations

import asyncio

from callboard.commands import RetryRuns
from callboard.domain.job import Job
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState
from callboard.store.contract import Node, Store
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.committing import Committing
from support.factories import (
    changed_run,
    ended_run,
    running_run,
    stored_job,
    stored_node,
    stored_run,
    the_run,
)

FAILED = (RunState.FAILED,)
PARKED = (RunState.PARKED,)


async def failed(store: Store, job: Job, node: Node, **changes: object) -> Run:
    run = await running_run(store, job, node, **changes)
    return await ended_run(store, run, RunState.FAILED, error=RunError(type="E", message="no"))


async def parked(store: Store, job: Job, node: Node) -> Run:
    run = await running_run(store, job, node)
    error = RunError(type="UnknownHandler", message="there is none")
    return await changed_run(
        store, run, state=RunState.PARKED, node=None, epoch=None, started_at=None, error=error
    )


async def retried(store: Store, clock: VirtualClock, *runs: Run, **options: object) -> list[int]:
    command = RetryRuns(run_ids=tuple(run.id for run in runs), **{"states": FAILED, **options})  # type: ignore[arg-type]
    (answer,) = await Committing(store, clock).commit(command)
    return list(answer)


async def test_each_failed_run_gets_its_next_attempt_once(
    store: Store, clock: VirtualClock
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    first, second = await failed(store, job, node), await failed(store, job, node, attempt=2)
    made = [await the_run(store, id) for id in await retried(store, clock, second, first)]
    assert [(run.previous_run_id, run.chain_id, run.attempt, run.state) for run in made] == [
        (first.id, first.chain_id, 2, RunState.QUEUED),
        (second.id, second.chain_id, 3, RunState.QUEUED),
    ]
    assert await retried(store, clock, first, second) == []


async def test_a_dry_run_names_them_and_writes_nothing(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await failed(store, job, node)
    assert await retried(store, clock, run, dry_run=True) == [run.id]
    assert await store.count_live_runs() == {}


async def test_only_runs_in_the_wanted_states_are_taken(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    broken, aside = await failed(store, job, node), await parked(store, job, node)
    queued = await stored_run(store, job)
    assert await retried(store, clock, queued, broken, aside, states=PARKED) == [aside.id]
    released = await the_run(store, aside.id)
    assert (released.state, released.error, released.attempt) == (RunState.QUEUED, None, 1)
    assert await the_run(store, broken.id) == broken


async def test_what_cannot_be_tried_again_is_passed_over(store: Store, clock: VirtualClock) -> None:
    node = await stored_node(store)
    off, on = await stored_job(store, disabled=True), await stored_job(store, name="on")
    taken = await failed(store, on, node, unique_key="k")
    fine, hopeless = await failed(store, on, node), await failed(store, off, node)
    await stored_run(store, on, unique_key="k")
    assert len(await retried(store, clock, hopeless, taken, fine)) == 1


@on_databases
async def test_two_at_once_try_no_run_twice(store: Store, peer: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    runs = [await failed(store, job, node) for _ in range(5)]
    both = await asyncio.gather(retried(store, clock, *runs), retried(peer, clock, *runs[::-1]))
    assert sorted(map(len, both)) == [0, 5]
