"""Whatever happens to batch runs, in whatever order: an instance knows its one live run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

import pytest

from callboard import RunState
from callboard.commands import (
    AbandonRun,
    DeleteInstance,
    HandBack,
    ParkRun,
    RecoverRun,
    RescueRuns,
    RestartRun,
    RetryRun,
    StopRun,
)
from callboard.domain.batch_step import EXECUTING, StepState
from callboard.domain.run import Run, RunError, StopMode
from callboard.domain.states import ON_NODE
from callboard.errors import Conflict, RefusedError
from callboard.store.contract import RunFilter
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.batch_node import BatchNode
from support.factories import LEASE

DAYS = [f"2026-01-{day:02d}" for day in range(1, 5)]
SEEDS, STEPS = range(12), 100


class Story:
    """A node, a board of a few instances, and dice."""

    def __init__(self, node: BatchNode, clock: VirtualClock, rng: Random) -> None:
        self.node = node
        self.clock = clock
        self.rng = rng
        self.runs: list[Run] = []

    async def turn(self) -> None:
        """One thing that may happen; refusals are answers."""
        acts: list[Callable[[], Awaitable[object]]] = [
            self._start,
            self._start,
            self._claim,
            self._claim,
            self._end,
            self._end,
            self._operate,
            self._operate,
            self._die,
        ]
        try:
            await self.rng.choice(acts)()
        except RefusedError:
            pass

    async def _some(self, *, held: bool = False) -> Run:
        runs = await self.node.store.list_runs(RunFilter(limit=1000))
        known = [run for run in runs if not held or run.state in ON_NODE]
        if not known:
            raise Conflict("nothing", "there is none")
        return self.rng.choice(known)

    async def _start(self) -> None:
        await self.node.start(day=self.rng.choice(DAYS))

    async def _claim(self) -> None:
        try:
            run = await self.node.claim()
        except ValueError:
            return
        await self.node.begin(run)
        if self.rng.random() < 0.7:
            await self.node.step(run)

    async def _end(self) -> None:
        run = await self._some(held=True)
        states = [RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.STOPPED]
        state = self.rng.choice(states)
        again = 0.0 if state is RunState.FAILED and self.rng.random() < 0.3 else None
        await self.node.end(run, state, retry_after_s=again)

    async def _operate(self) -> None:
        run = await self._some()
        commands = [
            StopRun(run_id=run.id, mode=StopMode.COOPERATIVE),
            RestartRun(run_id=run.id),
            RetryRun(run_id=run.id),
            AbandonRun(run_id=run.id),
            RecoverRun(run_id=run.id, force=self.rng.random() < 0.5),
            HandBack(epoch=run.epoch or 0),
            ParkRun(
                run_id=run.id, epoch=run.epoch or 0, error=RunError(type="Parked", message="x")
            ),
            DeleteInstance(instance_id=run.instance_id or 0),
        ]
        await self.node.ask(self.rng.choice(commands))

    async def _die(self) -> None:
        if self.rng.random() < 0.7:
            return
        await self.clock.advance(LEASE.total_seconds() + 1)
        await self.node.ask(RescueRuns(own_epoch=None, crash_budget=2))
        self.node.node = None
        self.node.name += "+"


async def check(store: MemoryStore) -> None:
    runs = {run.id: run for run in await store.list_runs(RunFilter(limit=1000))}
    for instance in await store.list_instances("default", "settlement", 1000):
        own = [run for run in runs.values() if run.instance_id == instance.id]
        live = [run.id for run in own if not run.has_ended]
        assert live == ([] if instance.live_run_id is None else [instance.live_run_id])
        assert (instance.state == "live") == bool(live)
        assert instance.last_run_id == max(run.id for run in own)
        history = await store.get_batch_history(instance.id)
        assert history is not None
        assert [batch.run_id for batch in history.runs] == sorted(run.id for run in own)
        for batch in history.runs:
            assert (batch.exit_code == EXECUTING) == (not runs[batch.run_id].has_ended)
        for step in history.steps:
            is_held = runs[step.run_id].state in ON_NODE
            assert is_held or step.state is not StepState.RUNNING
        won = [run for run in own if run.state in (RunState.SUCCEEDED, RunState.ABANDONED)]
        assert len(won) <= 1
        assert instance.state.is_closed == bool(won)


@pytest.mark.parametrize("seed", SEEDS)
async def test_an_instance_knows_its_one_live_run(
    store: MemoryStore, clock: VirtualClock, seed: int
):
    node = BatchNode(store, clock)
    await node.define()
    story = Story(node, clock, Random(seed))
    for _ in range(STEPS):
        await story.turn()
        await clock.advance(1)
        await check(store)
