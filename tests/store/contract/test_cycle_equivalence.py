"""Whatever cycles do, the verbs of transactions do: same runs, same logs, same events.

Two worlds live through the same random story. In one the backend's cycles do the work; in the
other, a memory store, the verbs of Transaction do, by the words of the contract. Every failure
names its seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from callboard.domain.job import Job
from callboard.domain.overlap import is_sequenced
from callboard.domain.run import Run, StopMode
from callboard.domain.states import RunState
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName, Trigger
from callboard.events import run_record
from callboard.store.contract import LogChunk, Node, RunEnd, RunFilter, Store, Transaction
from callboard.store.cycle import Cycle, Cycled, FreshRun
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.cycles import make_fresh, told
from support.factories import (
    LEASE,
    make_chunk,
    make_node,
    make_run,
    stored_job,
    stored_trigger,
)

STEPS = 40
LATE_SEED = 1000
JOBS = ("one", "two")
NODES = ("node-a", "node-b")
HELD_BY_NOBODY = {"node": None, "epoch": None, "started_at": None}


@dataclass(slots=True)
class World:
    """One store with the jobs, triggers and nodes that the story is about, by name."""

    store: Store
    jobs: dict[str, Job] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WishedEnd:
    run_id: int
    node: str
    started_at: datetime | None
    state: RunState
    result: int
    at: datetime
    has_log: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WishedStart:
    run_id: int
    job: str
    is_outdated: bool
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A cycle in words that both worlds understand."""

    ends: Sequence[WishedEnd]
    starts: Sequence[WishedStart]
    born: int
    node: str | None
    claim: int


@pytest.mark.parametrize("first_seed", range(0, 100, 20))
async def test_cycles_do_what_transactions_do(
    store: Store, clock: VirtualClock, backend: str, first_seed: int
) -> None:
    if backend == "memory:":
        for seed in range(first_seed, first_seed + 20):
            own = VirtualClock()
            await live_through(seed, World(store=MemoryStore(own)), own)
    elif first_seed < 60:
        await live_through(LATE_SEED + first_seed, World(store=store), clock)


async def live_through(seed: int, world: World, clock: VirtualClock) -> None:
    reference = World(store=MemoryStore(clock))
    story = Story(seed, (world, reference), clock)
    await story.begin()
    for _ in range(STEPS):
        await story.go_on()
    await story.compare()


class Story:
    """What happens, to both worlds alike."""

    def __init__(self, seed: int, worlds: tuple[World, World], clock: VirtualClock) -> None:
        self._where = f"seed {seed}"
        self._rng = Random(seed)
        self._worlds = worlds
        self._clock = clock
        self._last_id = 0

    async def begin(self) -> None:
        for world in self._worlds:
            for name in JOBS:
                world.jobs[name] = await stored_job(world.store, name)
            for name, policy in (("free", "allow"), ("waits", "buffer_one")):
                world.triggers[name] = await stored_trigger(
                    world.store, name, overlap=OverlapPolicy(policy=OverlapPolicyName(policy))
                )
            for name in NODES:
                await register(world, name)

    async def go_on(self) -> None:
        happening = self._rng.choices(
            [
                self._cycle,
                self._fire,
                self._change_job,
                self._stop,
                self._hand_back,
                self._pass_time,
                self._renew,
            ],
            [10, 2, 1, 2, 1, 3, 2],
        )[0]
        await happening()

    async def compare(self) -> None:
        world, reference = [await everything(world) for world in self._worlds]
        for name, expected in reference.items():
            assert world[name] == expected, f"{self._where}: {name}"

    # what may happen

    async def _cycle(self) -> None:
        wish = await self._wish()
        world, reference = self._worlds
        done = await world.store.cycle(as_cycle(world, wish))
        expected = await by_verbs(reference, wish)
        assert as_words(done) == as_words(expected), f"{self._where}: {wish}"

    async def _wish(self) -> Wish:
        rng, known = self._rng, await self._known()
        chosen = [rng.choice(known) for _ in range(rng.randrange(5))] if known else []
        earlier = self._clock.now() - timedelta(microseconds=1)
        claims = {run.id: rng.choice([run.started_at] * 5 + [None, earlier]) for run in chosen}
        return Wish(
            ends=[self._wished_end(run, claims[run.id]) for run in chosen],
            starts=[self._wished_start() for _ in range(rng.randrange(4))],
            born=rng.randrange(3),
            node=rng.choice([None, *NODES]),
            claim=rng.randrange(5),
        )

    def _wished_end(self, run: Run, started_at: datetime | None) -> WishedEnd:
        rng = self._rng
        states = [RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.STOPPED]
        return WishedEnd(
            run_id=run.id,
            node=run.node if run.node and rng.random() < 0.8 else rng.choice(NODES),
            started_at=started_at,
            state=rng.choice(states),
            result=rng.randrange(1000),
            at=self._clock.now() - timedelta(microseconds=rng.randrange(3)),
            has_log=rng.random() < 0.5,
        )

    def _wished_start(self) -> WishedStart:
        rng = self._rng
        due_in = rng.choice([None, None, -5, 0, 1, 30])
        return WishedStart(
            run_id=self._new_id(),
            job=rng.choice(JOBS),
            is_outdated=rng.random() < 0.1,
            due_at=None if due_in is None else self._clock.now() + timedelta(seconds=due_in),
        )

    async def _fire(self) -> None:
        """A run of a trigger, made by a transaction."""
        run_id, name = self._new_id(), self._rng.choice(["free", "waits"])
        job = self._rng.choice(JOBS)
        for world in self._worlds:
            now = self._clock.now()
            run = make_run(
                run_id,
                world.jobs[job],
                trigger=name,
                trigger_id=world.triggers[name].id,
                slot=now,
                due_at=now,
                created_at=now,
            )
            async with world.store.begin() as tx:
                await tx.insert_runs([run])
                await tx.append_events([run_record(run)])

    async def _change_job(self) -> None:
        name, limit = self._rng.choice(JOBS), self._rng.choice([None, None, 1, 2])
        for world in self._worlds:
            async with world.store.begin() as tx:
                job = await tx.update_job(replace(world.jobs[name], max_concurrent_runs=limit))
            assert job is not None
            world.jobs[name] = job

    async def _stop(self) -> None:
        await self._change_running(
            lambda run: replace(run, state=RunState.STOPPING, stop_mode=StopMode.COOPERATIVE)
        )

    async def _hand_back(self) -> None:
        crashes = self._rng.randrange(2)
        await self._change_running(
            lambda run: replace(
                run, state=RunState.QUEUED, crashes=run.crashes + crashes, **HELD_BY_NOBODY
            )
        )

    async def _change_running(self, change: Any) -> None:
        running = [run for run in await self._known() if run.state is RunState.RUNNING]
        if not running:
            return
        run_id = self._rng.choice(running).id
        for world in self._worlds:
            async with world.store.begin() as tx:
                changed = change((await tx.lock_runs([run_id]))[run_id])
                await tx.update_runs([changed])
                await tx.append_events([run_record(changed)])

    async def _pass_time(self) -> None:
        await self._clock.advance(self._rng.choice([0.000001, 1, 10]))

    async def _renew(self) -> None:
        """Or, where the lease is over, begin anew under another epoch."""
        name = self._rng.choice(NODES)
        for world in self._worlds:
            async with world.store.begin() as tx:
                await tx.delete_expired_nodes()
                renewal = await tx.renew_node(world.nodes[name].epoch, LEASE)
            if renewal is None:
                await register(world, name)

    async def _known(self) -> list[Run]:
        runs = await self._worlds[1].store.list_runs(RunFilter(limit=1000))
        return sorted(runs, key=lambda run: run.id)

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id


async def register(world: World, name: str) -> None:
    async with world.store.begin() as tx:
        node = await tx.insert_node(make_node(name), LEASE)
    assert node is not None
    world.nodes[name] = node


# one world: a cycle


def as_cycle(world: World, wish: Wish) -> Cycle:
    return Cycle(
        ends=as_ends(world, wish),
        logs=as_logs(wish),
        starts=[as_start(world, start) for start in wish.starts],
        jobs=versions_of(world, wish),
        born=wish.born,
        epoch=None if wish.node is None else world.nodes[wish.node].epoch,
        claim=wish.claim,
    )


def as_ends(world: World, wish: Wish) -> list[RunEnd]:
    return [
        RunEnd(
            run_id=end.run_id,
            epoch=world.nodes[end.node].epoch,
            started_at=end.started_at,
            state=end.state,
            result=end.result,
            ended_at=end.at,
        )
        for end in wish.ends
    ]


def as_logs(wish: Wish) -> list[LogChunk]:
    return [make_chunk(end.run_id, 1, 2) for end in wish.ends if end.has_log]


def as_start(world: World, start: WishedStart) -> FreshRun:
    return make_fresh(
        start.run_id, world.jobs[start.job], due_at=start.due_at, arguments={"n": start.run_id}
    )


def versions_of(world: World, wish: Wish) -> dict[int, int]:
    """Of the jobs of the starts; one outdated start makes its whole job outdated."""
    outdated = {start.job for start in wish.starts if start.is_outdated}
    wanted = {start.job: world.jobs[start.job] for start in wish.starts}
    return {job.id: job.version - (name in outdated) for name, job in wanted.items()}


# the other one: verbs


async def by_verbs(world: World, wish: Wish) -> Cycled:
    """What the contract says of the cycle, said with verbs."""
    async with world.store.begin() as tx:
        node = await live_node(world, tx, wish)
        ended = await end_by_verbs(world, tx, wish)
        is_limited = await has_limited(world, tx) if node is not None and wish.claim else False
        claimed: list[Run] = []
        if node is not None and wish.claim and not is_limited:
            claimed = await tx.claim_runs(node.epoch, wish.claim)
        fresh = await start_by_verbs(world, tx, wish)
        born = await bear_by_verbs(tx, wish, fresh, node)
        records = [run_record(run) for run in [*ended, *fresh, *born, *claimed]]
        first_seq = await tx.append_events(records) if records else 0
    return Cycled(
        now=tx.now,
        first_seq=first_seq,
        ended=frozenset(run.id for run in ended),
        started=frozenset(run.id for run in fresh),
        is_born=wish.born > 0 and node is not None,
        node=None if node is None else node.name,
        claimed=tuple(claimed),
        is_limited=is_limited,
    )


async def live_node(world: World, tx: Transaction, wish: Wish) -> Node | None:
    nodes = await world.store.list_nodes()
    mine = None if wish.node is None else world.nodes[wish.node].epoch
    return next((n for n in nodes if n.epoch == mine and n.lease_until > tx.now), None)


async def end_by_verbs(world: World, tx: Transaction, wish: Wish) -> list[Run]:
    runs = await tx.lock_runs([end.run_id for end in wish.ends])
    sequenced = {each.id for each in world.triggers.values() if is_sequenced(each)}
    first: dict[int, RunEnd] = {}
    for end in as_ends(world, wish):
        run = runs[end.run_id]
        is_its = run.state is RunState.RUNNING and run.is_of_claim(end.epoch, end.started_at)
        if is_its and run.trigger_id not in sequenced:
            first.setdefault(end.run_id, end)
    ended = await tx.end_runs([*first.values()])
    await tx.append_log([chunk for chunk in as_logs(wish) if chunk.run_id in first])
    return ended


async def has_limited(world: World, tx: Transaction) -> bool:
    limited = {job.id for job in world.jobs.values() if job.max_concurrent_runs is not None}
    queued = await world.store.list_runs(RunFilter(states=(RunState.QUEUED,), limit=1000))
    return any(run.job_id in limited and run.due_at <= tx.now for run in queued)


async def start_by_verbs(world: World, tx: Transaction, wish: Wish) -> list[Run]:
    versions = versions_of(world, wish)
    fresh = [
        make_run(
            start.run_id,
            world.jobs[start.job],
            arguments={"n": start.run_id},
            created_at=tx.now,
            due_at=start.due_at or tx.now,
        )
        for start in wish.starts
        if versions[world.jobs[start.job].id] == world.jobs[start.job].version
    ]
    await tx.insert_runs(fresh)
    return fresh


async def bear_by_verbs(
    tx: Transaction, wish: Wish, fresh: Sequence[Run], node: Node | None
) -> list[Run]:
    if node is None:
        return []
    chosen = {start.run_id for start in wish.starts[: wish.born]}
    held = {"node": node.name, "epoch": node.epoch, "started_at": tx.now}
    born = [
        replace(run, state=RunState.RUNNING, **held)  # type: ignore[arg-type]
        for run in fresh
        if run.id in chosen
    ]
    await tx.update_runs(born)
    return born


# both compared


def as_words(done: Cycled) -> dict[str, Any]:
    return {
        "now": done.now,
        "first_seq": done.first_seq,
        "ended": done.ended,
        "started": done.started,
        "is_born": done.is_born,
        "node": done.node,
        "claimed": [nameless(run) for run in done.claimed],
        "is_limited": done.is_limited,
    }


async def everything(world: World) -> dict[str, Any]:
    runs = await world.store.list_runs(RunFilter(limit=1000))
    events = await told(world.store)
    return {
        "runs": {run.id: nameless(run) for run in runs},
        "logs": {run.id: await world.store.read_log(run.id, after=0, limit=99) for run in runs},
        "order of events": [(each.seq, each.type, each.run.id) for each in events],
        "events": [nameless(each.run) for each in events],
        "live": await world.store.count_live_runs(),
        "next due": await world.store.next_due_at(),
        "due": await world.store.has_due_runs(),
    }


def nameless(run: Run) -> Run:
    """The run without the numbers that each store gives by itself."""
    return replace(run, job_id=0, trigger_id=None, epoch=None)
