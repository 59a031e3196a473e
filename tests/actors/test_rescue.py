"""What becomes of the runs of a dead node, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from callboard import Callboard, Run, RunState, job
from callboard.domain.job import OnCrash
from callboard.domain.vitals import RunVitals, vitals_of
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.factories import claimed_runs, stored_node

OpenBoard = Callable[..., Any]
LEASE_S = 10.0
SHORT = {"lease_s": LEASE_S, "rescue_every_s": 2.0, "executes": False, "crash_budget": 0}


@job()
async def work() -> None:
    pass


@pytest.fixture
def die(open_board: OpenBoard, clock: VirtualClock, store: MemoryStore) -> Any:
    async def die_under(policy: OnCrash, *, stop: bool = False, told: bool = True) -> Run:
        """A run whose node said what it does, and then nothing more; when that is decided."""
        board: Callboard = await open_board(**SHORT)
        await board.define(work, on_crash=policy)
        run_id = (await board.start(work)).id
        node = await stored_node(store, "victim", timedelta(seconds=LEASE_S))
        (run,) = await claimed_runs(store, node)
        stack = ("work (w.py:1)", "chew (w.py:2)")
        seen = RunVitals(run_id=run_id, job=run.job, stack=stack)
        vitals = vitals_of(at=clock.now(), rss_mb=512.0, runs=[seen])
        async with store.begin() as tx:
            await tx.renew_node(node.epoch, timedelta(seconds=LEASE_S), vitals if told else None)
        if stop:
            await board.stop_run(run_id)
        await clock.advance(LEASE_S + 5)
        assert [each.name for each in await store.list_nodes()] == ["node-1"]
        assert store._tables.nodes.rows.keys() == {board.health().epoch}
        return await board.get_run(run_id)

    return die_under


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        (OnCrash.FAIL, RunState.FAILED),
        (OnCrash.PARK, RunState.PARKED),
        (OnCrash.RETRY, RunState.PARKED),
    ],
)
async def test_g19_a_run_that_does_not_go_on_tells_what_was_last_seen(
    die: Any, policy: OnCrash, state: RunState
) -> None:
    """A retry is over the budget of no crash at all. Decided within the lease and 5 s (G17)."""
    run = await die(policy)
    assert (run.state, run.crashes, run.attempt) == (state, 1, 1)
    assert "with 512.0 MB of memory; the handler was in chew (w.py:2)" in run.error.message
    assert run.error.traceback == "work (w.py:1)\nchew (w.py:2)"


async def test_a_run_that_was_to_stop_has_stopped_and_tells_it_too(die: Any) -> None:
    run = await die(OnCrash.FAIL, stop=True)
    assert run.state is RunState.STOPPED
    assert "512.0 MB" in run.error.message


async def test_a_node_that_said_nothing_is_no_fault(die: Any) -> None:
    run = await die(OnCrash.FAIL, told=False)
    assert run.error.message == "the lease of node victim ended under the run"


async def test_r02_the_budget_of_crashes_is_not_that_of_attempts(
    open_board: OpenBoard, clock: VirtualClock, store: MemoryStore
) -> None:
    board: Callboard = await open_board(**{**SHORT, "crash_budget": 2})
    await board.define(work)
    run_id = (await board.start(work)).id
    for number in range(3):
        assert (await board.get_run(run_id)).state is RunState.QUEUED
        node = await stored_node(store, f"victim-{number}", timedelta(seconds=LEASE_S))
        await claimed_runs(store, node)
        await clock.advance(LEASE_S + 5)
    run = await board.get_run(run_id)
    assert (run.state, run.crashes, run.attempt) == (RunState.PARKED, 3, 1)
    assert run.error is not None
    assert "its crash number 3" in run.error.message
