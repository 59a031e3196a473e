"""Any sequence of claims, ends, stops, losses and rollbacks, against a model of a few lines.

The model is a dictionary of runs and the table of states; every change that the store makes must
be a step of that table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.domain.states import ENDED, LIVE, ON_NODE, RunState, may_become
from callboard.store.contract import Node, RunFilter, Transaction
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.factories import LEASE, NOW, make_end, make_job, make_node, make_run
from support.rollback import rolled_back

T = TypeVar("T")

KEYS = st.sampled_from([None, None, "k1", "k2"])
DUE_IN = st.integers(-20, 60)


@dataclass
class Known:
    """What the model knows of a run."""

    job: Job
    due_at: datetime
    unique_key: str | None
    state: RunState = RunState.QUEUED
    epoch: int | None = None


class RunLife(RuleBasedStateMachine):
    runs: Bundle[int] = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = VirtualClock()
        self.store = MemoryStore(self.clock)
        self.known: dict[int, Known] = {}
        self.leases: dict[int, datetime] = {}
        self.nodes: dict[str, Node] = {}

    def teardown(self) -> None:
        self.loop.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    # the model

    def is_live(self, epoch: int | None) -> bool:
        return epoch is not None and self.leases.get(epoch, NOW) > self.clock.now()

    def on_nodes(self, job: Job) -> int:
        return sum(run.job.id == job.id and run.state in ON_NODE for run in self.known.values())

    def claimable(self, limit: int) -> list[int]:
        """Ids that a claim takes, in order."""
        claimed: list[int] = []
        counts = {job.id: self.on_nodes(job) for job in self.jobs}
        due = sorted((run.due_at, run_id) for run_id, run in self.known.items())
        for due_at, run_id in due:
            job = self.known[run_id].job
            is_full = counts[job.id] >= (job.max_concurrent_runs or 10**6)
            if self.known[run_id].state is not RunState.QUEUED or due_at > self.clock.now():
                continue
            if not is_full and len(claimed) < limit:
                claimed.append(run_id)
                counts[job.id] += 1
        return claimed

    def moved(self, run_id: int, state: RunState, epoch: int | None) -> None:
        before = self.known[run_id].state
        assert may_become(before, state), f"{before} does not become {state}"
        self.known[run_id].state = state
        self.known[run_id].epoch = epoch

    # the rules

    @initialize()
    def define_jobs(self) -> None:
        async def insert() -> list[Job]:
            async with self.store.begin() as tx:
                jobs = [
                    await tx.insert_job(make_job("free")),
                    await tx.insert_job(make_job("limited", max_concurrent_runs=2)),
                ]
            return [job for job in jobs if job is not None]

        self.jobs = self.do(insert())

    @rule(name=st.sampled_from("ab"))
    def start_node(self, name: str) -> None:
        async def insert() -> Node | None:
            async with self.store.begin() as tx:
                return await tx.insert_node(make_node(name), LEASE)

        node = self.do(insert())
        old = self.nodes.get(name)
        assert (node is None) == (old is not None and self.is_live(old.epoch))
        if node is not None:
            if old is not None:
                del self.leases[old.epoch]
            self.nodes[name], self.leases[node.epoch] = node, node.lease_until

    @precondition(lambda self: self.nodes)
    @rule(data=st.data())
    def renew_node(self, data: st.DataObject) -> None:
        node = data.draw(st.sampled_from(list(self.nodes.values())))

        async def renew() -> set[int]:
            async with self.store.begin() as tx:
                renewal = await tx.renew_node(node.epoch, LEASE)
            assert renewal is not None
            return {run.id for run in renewal.stopping}

        stopping = self.do(renew())
        self.leases[node.epoch] = self.clock.now() + LEASE
        assert stopping == {
            run_id
            for run_id, run in self.known.items()
            if run.state is RunState.STOPPING and run.epoch == node.epoch
        }

    @rule(seconds=st.sampled_from([1, 5, 10, 29, 30, 60, -7]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.set_wall(self.clock.now() + timedelta(seconds=seconds))

    @rule(
        target=runs,
        job=st.integers(0, 1),
        wishes=st.lists(st.tuples(DUE_IN, KEYS), min_size=1, max_size=4),
    )
    def insert(self, job: int, wishes: list[tuple[int, str | None]]) -> Any:
        async def insert() -> tuple[list[Run], set[int]]:
            async with self.store.begin() as tx:
                ids = await tx.allocate_run_ids(len(wishes))
                runs = [
                    make_run(
                        run_id,
                        self.jobs[job],
                        due_at=self.clock.now() + timedelta(seconds=due_in),
                        unique_key=key,
                    )
                    for run_id, (due_in, key) in zip(ids, wishes, strict=True)
                ]
                return runs, await tx.insert_runs(runs)

        runs, stored = self.do(insert())
        for run in runs:
            taken = run.unique_key is not None and any(
                other.unique_key == run.unique_key
                and other.job.id == run.job_id
                and other.state in LIVE
                for other in self.known.values()
            )
            assert (run.id in stored) is not taken
            if not taken:
                self.known[run.id] = Known(self.jobs[job], run.due_at, run.unique_key)
        return multiple(*stored)

    @precondition(lambda self: self.nodes)
    @rule(data=st.data(), limit=st.integers(0, 4))
    def claim(self, data: st.DataObject, limit: int) -> None:
        node = data.draw(st.sampled_from(list(self.nodes.values())))

        async def claim() -> list[Run]:
            async with self.store.begin() as tx:
                return await tx.claim_runs(node.epoch, limit)

        claimed = [run.id for run in self.do(claim())]
        assert claimed == (self.claimable(limit) if self.is_live(node.epoch) else [])
        for run_id in claimed:
            self.moved(run_id, RunState.RUNNING, node.epoch)

    @rule(run_id=runs, state=st.sampled_from(sorted(ENDED)), is_stale=st.booleans())
    def end(self, run_id: int, state: RunState, is_stale: bool) -> None:
        known = self.known[run_id]
        if not may_become(known.state, state) and known.state in LIVE:
            return
        epoch = (known.epoch or 0) + 1 if is_stale else known.epoch

        async def end() -> list[Run]:
            run = make_run(run_id, known.job, epoch=epoch)
            async with self.store.begin() as tx:
                return await tx.end_runs([make_end(run, state)])

        ended = [run.id for run in self.do(end())]
        assert ended == ([] if is_stale or known.state in ENDED else [run_id])
        if ended:
            self.moved(run_id, state, known.epoch)

    @rule(run_id=runs)
    def request_stop(self, run_id: int) -> None:
        if self.known[run_id].state is RunState.RUNNING:
            self.do(self.update(run_id, state=RunState.STOPPING))
            self.moved(run_id, RunState.STOPPING, self.known[run_id].epoch)

    @rule(limit=st.integers(1, 5))
    def lose(self, limit: int) -> None:
        async def lose() -> list[int]:
            async with self.store.begin() as tx:
                runs = await tx.lock_runs_of_lost_nodes(limit)
                await tx.update_runs([replace(run, state=RunState.LOST) for run in runs])
                return [run.id for run in runs]

        found = self.do(lose())
        expected = {
            run_id
            for run_id, run in self.known.items()
            if run.state in ON_NODE | {RunState.LOST} and not self.is_live(run.epoch)
        }
        assert set(found) <= expected
        assert len(found) == min(limit, len(expected))
        for run_id in found:
            if self.known[run_id].state is not RunState.LOST:
                self.moved(run_id, RunState.LOST, self.known[run_id].epoch)

    @rule(run_id=runs, due_in=DUE_IN)
    def requeue(self, run_id: int, due_in: int) -> None:
        known = self.known[run_id]
        if may_become(known.state, RunState.QUEUED):
            due_at = self.clock.now() + timedelta(seconds=due_in)
            wanted = {"state": RunState.QUEUED, "epoch": None, "node": None, "due_at": due_at}
            self.do(self.update(run_id, **wanted))
            self.moved(run_id, RunState.QUEUED, None)
            known.due_at = due_at

    @rule(run_id=runs)
    def park(self, run_id: int) -> None:
        if may_become(self.known[run_id].state, RunState.PARKED):
            self.do(self.update(run_id, state=RunState.PARKED, epoch=None))
            self.moved(run_id, RunState.PARKED, None)

    @rule(run_id=runs)
    def abandon(self, run_id: int) -> None:
        if may_become(self.known[run_id].state, RunState.ABANDONED):
            self.do(self.update(run_id, state=RunState.ABANDONED))
            self.moved(run_id, RunState.ABANDONED, self.known[run_id].epoch)

    @precondition(lambda self: self.nodes)
    @rule(data=st.data())
    def roll_back_a_bit_of_everything(self, data: st.DataObject) -> None:
        """What a rolled back transaction did is not in the model: nothing may be left of it."""
        node = data.draw(st.sampled_from(list(self.nodes.values())))

        async def work(tx: Transaction) -> None:
            claimed = await tx.claim_runs(node.epoch, 3)
            await tx.end_runs([make_end(run) for run in claimed[:1]])
            lost = await tx.lock_runs_of_lost_nodes(2)
            await tx.update_runs(
                [replace(run, state=RunState.QUEUED, epoch=None, node=None) for run in lost]
            )
            [run_id] = await tx.allocate_run_ids(1)
            await tx.insert_runs([make_run(run_id, self.jobs[1], unique_key="k1")])
            await tx.claim_runs(node.epoch, 9)
            await tx.delete_node(node.epoch)

        async def roll_back() -> None:
            async with rolled_back(self.store) as tx:
                await work(tx)

        self.do(roll_back())

    async def update(self, run_id: int, **changes: Any) -> None:
        async with self.store.begin() as tx:
            locked = await tx.lock_runs([run_id])
            await tx.update_runs([replace(locked[run_id], **changes)])

    # what holds after every rule

    @invariant()
    def every_run_is_where_the_model_has_it(self) -> None:
        runs = self.do(self.store.list_runs(RunFilter(limit=10_000)))
        assert [run.id for run in runs] == sorted(self.known, reverse=True)
        for run in runs:
            known = self.known[run.id]
            assert (run.state, run.epoch) == (known.state, known.epoch)
            assert (run.due_at, run.unique_key) == (known.due_at, known.unique_key)

    @invariant()
    def the_counts_are_those_of_the_model(self) -> None:
        live = [run.state for run in self.known.values() if run.state in LIVE]
        assert self.do(self.store.count_live_runs()) == {state: live.count(state) for state in live}

    @invariant()
    def the_queue_is_that_of_the_model(self) -> None:
        now = self.clock.now()
        due = [run.due_at for run in self.known.values() if run.state is RunState.QUEUED]
        assert self.do(self.store.has_due_runs()) is any(due_at <= now for due_at in due)
        later = [due_at for due_at in due if due_at > now]
        assert self.do(self.store.next_due_at()) == min(later, default=None)

    @invariant()
    def no_job_has_more_runs_on_nodes_than_it_allows(self) -> None:
        if hasattr(self, "jobs"):
            assert self.on_nodes(self.jobs[1]) <= 2


TestRunLife = RunLife.TestCase
TestRunLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
