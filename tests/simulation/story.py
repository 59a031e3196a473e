"""One simulation: nodes, clients and trouble for a while, then calm, then the checker.

    outcome = tell_story(4711)
    assert outcome.faults == []

The same seed gives the same story, event for event: time is virtual, everybody's chances come from
the seed, and nothing is waited for but the loop's own turns.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import selectors
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any, Final
from unittest.mock import patch

from callboard import BoardConfig, Callboard, virtual_clock
from callboard.config import Scheduling
from callboard.domain.run import NewRun
from callboard.domain.states import LIVE
from callboard.errors import AlreadyExists, CallboardError
from callboard.store.contract import RunFilter, TriggerFilter
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from simulation.cluster import CONFIG, Cluster, Node
from simulation.promises import faults_of, read_history
from simulation.weather import LEASE_S, Weather, weather_of
from simulation.work import STARTED, jobs, triggers
from support.history import Asked

STORM_S: Final = 15.0
CALM_S: Final = 300.0
SIZE: Final = 3
ACTORS: Final = ("executor", "job_store", "scheduler", "leader", "registrar", "rescuer")
GROUP: Final = "default"
MOST_TRIES: Final = 100
MOST_TURNS: Final = 20_000
"""Of the loop between two instants: more of them are a loop that never waits."""
LAST_TURNS: Final = 100
"""That the dead may take to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a simulation ended."""

    seed: int
    faults: list[str]
    runs: int
    executions: int
    slots: int
    events: int
    strikes: int
    digest: str
    """Of all events: the same for the same seed."""


def tell_story(seed: int, weather: Weather | None = None) -> Outcome:
    """Simulate the seed, in the weather that it draws unless another one is given."""
    logger = logging.getLogger("callboard")
    level, logger.level = logger.level, logging.CRITICAL
    loop = asyncio.SelectorEventLoop(_Nothing())
    try:
        with patch.multiple(virtual_clock, MOST_TURNS=MOST_TURNS, IDLE_TURNS=1):
            return loop.run_until_complete(_tell(seed, weather))
    finally:
        _end(loop)
        logger.setLevel(level)


class _Nothing(selectors.SelectSelector):
    """No news from outside: a turn of the loop costs no system call, and nothing is waited for."""

    def select(self, timeout: float | None = None) -> list[Any]:
        return []


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what the dead left behind."""
    loop.set_exception_handler(lambda loop, context: None)
    for _ in range(LAST_TURNS):
        left = asyncio.all_tasks(loop)
        if not left:
            break
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()


async def _tell(seed: int, weather: Weather | None) -> Outcome:
    story = Story(seed, weather)
    await story.begin()
    await story.storm()
    await story.calm()
    return await story.outcome()


def _config_of(rng: Random) -> BoardConfig:
    """Of all nodes of the seed."""
    return replace(
        CONFIG, scheduling=rng.choice(list(Scheduling)), capacity=rng.choice((1, 4, 4, 50))
    )


class Story:
    """Nodes, clients, trouble."""

    def __init__(self, seed: int, weather: Weather | None = None) -> None:
        self._seed = seed
        self._rng = rng = Random(seed)
        self._world = VirtualClock()
        self._store = MemoryStore(self._world)
        self._weather = weather or weather_of(rng)
        self.cluster = Cluster(world=self._world, store=self._store, rng=rng, weather=self._weather)
        self._asked = Asked()
        self._clients: set[asyncio.Task[None]] = set()
        self._strikes = 0
        self._names = 0
        self._faults: list[str] = []

    async def begin(self) -> None:
        async with self._store.begin() as tx:
            for job in jobs():
                await tx.insert_job(job)
        for _ in range(SIZE):
            await self._engage()
        await self._pass(1.0)
        for trigger in triggers(self._rng):
            await self._made(lambda board, trigger=trigger: board.create_trigger(trigger))

    async def _made(self, verb: Callable[[Callboard], Any]) -> None:
        """Have it done by any board, however often it takes."""
        for _ in range(MOST_TRIES):
            task = asyncio.ensure_future(verb(self.cluster.well[-1].board))
            await self._world.run_until(task.done)
            error = task.exception()
            if error is None or isinstance(error, AlreadyExists):
                return
            if not isinstance(error, CallboardError):
                raise error
            await self._pass(0.5)
        raise AssertionError(f"seed {self._seed}: never done: {error}")

    async def _engage(self, name: str | None = None) -> None:
        if name is None:
            self._names += 1
            name = f"node-{self._names}"
        await self.cluster.engage(name)

    async def storm(self) -> None:
        """Clients ask, nodes are struck."""
        rng, end = self._rng, self._world.monotonic() + STORM_S
        next_strike = self._next_strike()
        while (now := self._world.monotonic()) < end:
            if now >= next_strike:
                await self._strike()
                next_strike = self._next_strike()
            for _ in range(rng.choice((0, 1, 1, 3))):
                self._ask_for_something()
            await self._pass(min(rng.expovariate(3.0), 1.0))

    def _next_strike(self) -> float:
        every_s = self._weather.strike_every_s
        return self._world.monotonic() + self._rng.uniform(0.3, 1.7) * every_s

    async def _pass(self, seconds: float) -> None:
        await self._world.advance(seconds)

    # clients

    def _ask_for_something(self) -> None:
        present = self.cluster.present
        if not present:
            return
        board = self._rng.choice(present).board
        what = self._rng.choices([self._start, self._start_many, self._stop], [8, 2, 1])[0]
        task = asyncio.create_task(what(board))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    def _wish(self) -> int:
        number = len(self._asked.jobs) + 1
        self._asked.jobs[number] = self._rng.choice(STARTED)
        return number

    async def _start(self, board: Callboard) -> None:
        number = self._wish()
        try:
            handle = await board.start(self._asked.jobs[number], {"ask": number})
        except CallboardError:
            return
        self._asked.acknowledged[number] = handle.id

    async def _start_many(self, board: Callboard) -> None:
        numbers = [self._wish() for _ in range(self._rng.randrange(2, 8))]
        new = [NewRun(job=self._asked.jobs[each], arguments={"ask": each}) for each in numbers]
        try:
            runs = await board.start_runs(new)
        except CallboardError:
            return
        self._asked.acknowledged.update(
            {number: run.id for number, run in zip(numbers, runs, strict=True)}
        )

    async def _stop(self, board: Callboard) -> None:
        known = [*self._asked.acknowledged.values()][-10:]
        if known:
            try:
                await board.stop_run(self._rng.choice(known), grace_s=1.0)
            except CallboardError:
                return

    # trouble

    async def _strike(self) -> None:
        well, weather = self.cluster.well, self._weather
        if not well or not weather.strikes:
            return
        self._strikes += 1
        node, kind = self._rng.choice(well), self._rng.choice(weather.strikes)
        await getattr(self, f"_{kind}")(node)

    async def _kill(self, node: Node) -> None:
        self.cluster.kill(node)
        await self._engage(self._name_for_next(node))

    async def _close(self, node: Node) -> None:
        self.cluster.close(node)
        await self._engage(self._name_for_next(node))

    def _name_for_next(self, node: Node) -> str | None:
        return node.name if self._rng.random() < 0.3 else None

    async def _freeze(self, node: Node) -> None:
        self.cluster.freeze(node)
        self._later(lambda: self.cluster.thaw(node))

    async def _cut(self, node: Node) -> None:
        self.cluster.cut(node)
        self._later(lambda: self.cluster.mend(node))

    async def _step(self, node: Node) -> None:
        node.clock.step(self._rng.choice((-3600.0, -5.0, -0.5, 0.5, 5.0, 3600.0)))

    async def _crash(self, node: Node) -> None:
        self.cluster.crash(node, self._rng.choice(ACTORS))

    def _later(self, undo: Callable[[], None]) -> None:
        """After a while that may be longer than the lease."""
        seconds = self._rng.uniform(0.1, 2.5) * LEASE_S
        self._world.call_at(self._world.monotonic() + seconds, undo)

    # the end

    async def calm(self) -> None:
        """Mend everything, fire nothing more, and let what is there come to its end."""
        self.cluster.calm(Weather())
        await self._engage()
        await self._pass(3 * LEASE_S)
        for trigger in await self._store.list_triggers(TriggerFilter(limit=1000)):
            name = trigger.name
            await self._made(lambda board, name=name: board.deactivate_trigger(GROUP, name))
        try:
            await self._world.run_until(self._is_over, within=timedelta(seconds=CALM_S))
        except TimeoutError:
            left = await self._store.list_runs(RunFilter(states=tuple(LIVE), limit=20))
            self._faults.append(f"not at rest after {CALM_S} s of calm: {left}")

    def _is_over(self) -> bool:
        counts = self._store._tables.runs.live_counts
        return not any(counts.values())

    async def outcome(self) -> Outcome:
        history = await read_history(self._store)
        lives, executions = self.cluster.lives, self.cluster.log.executions
        self._faults += faults_of(
            history,
            self._asked,
            executions,
            [node.name for node in lives],
            [node.was_frozen for node in lives],
        )
        return Outcome(
            seed=self._seed,
            faults=self._faults,
            runs=len(history.runs),
            executions=len(executions),
            slots=sum(slot.count for slot in history.slots),
            events=len(history.events),
            strikes=self._strikes,
            digest=hashlib.sha256(repr(history.events).encode()).hexdigest()[:16],
        )
