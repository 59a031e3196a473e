"""Simulated nodes on one store in one loop, and what can be done to them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from callboard import BoardConfig, Callboard
from callboard.runners.capture import Capture
from callboard.runners.contract import Runners
from callboard.runners.coroutine import CoroutineRunner
from callboard.runners.python import PythonRunner
from callboard.runners.thread import ThreadRunner
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from simulation.faulty_store import FaultyStore, Hints, as_store
from simulation.line import Line
from simulation.node_clock import NodeClock
from simulation.weather import LEASE_S, Weather
from simulation.work import Handlers, Log

CONFIG: Final = BoardConfig(
    capacity=4,
    lease_s=LEASE_S,
    firing_lease_s=LEASE_S,
    poll_s=2.0,
    horizon_s=10.0,
    rescue_every_s=2.0,
    crash_budget=1000,
    drain_s=2.0,
    prune_every_s=36_000.0,
    keep_runs_s=None,
    keep_ledger_s=None,
    keep_events_s=None,
)


@dataclass(slots=True, kw_only=True)
class Node:
    """One life of a node."""

    name: str
    life: int
    board: Callboard
    clock: NodeClock
    line: Line
    is_gone: bool = False
    """It was killed, or closed itself."""
    was_frozen: bool = False

    @property
    def is_well(self) -> bool:
        return not (self.is_gone or self.clock.is_frozen or self.line.is_cut)


class Cluster:
    """Nodes come and go; the store stays."""

    def __init__(
        self,
        *,
        world: VirtualClock,
        store: MemoryStore,
        rng: Random,
        weather: Weather,
        config: BoardConfig = CONFIG,
    ) -> None:
        self.world = world
        self.store = store
        self.log = Log()
        self.lives: list[Node] = []
        self._rng = rng
        self._weather = weather
        self._config = config
        self._hints = Hints(world)
        self._goodbyes: set[asyncio.Task[None]] = set()

    @property
    def present(self) -> list[Node]:
        """Those that are not gone."""
        return [node for node in self.lives if not node.is_gone]

    @property
    def well(self) -> list[Node]:
        """Those that nothing was done to."""
        return [node for node in self.lives if node.is_well]

    async def engage(self, name: str) -> Node:
        """Another life of a node of that name."""
        rng, life = self._rng, len(self.lives)
        skew_s = self._weather.skew_s
        clock = NodeClock(self.world, rng.uniform(-skew_s, skew_s))
        line = Line(world=self.world, clock=clock, rng=rng, weather=self._weather)
        store = FaultyStore(self.store, line=line, hints=self._hints, world=self.world)
        handlers = Handlers(
            life=life, log=self.log, clock=clock, world=self.world, rng=Random(rng.random())
        )
        board = _Board(
            store=as_store(store),
            config=replace(self._config, node_name=name),
            clock=clock,
            rng=Random(rng.random()),
            handlers=handlers.registry(),
        )
        node = Node(name=name, life=life, board=board, clock=clock, line=line)
        self.lives.append(node)
        await board.open()
        return node

    def kill(self, node: Node) -> None:
        """As by SIGKILL: whatever it was doing, it does no more."""
        node.is_gone = True
        node.clock.freeze()
        self.log.end_life(node.life, self.world.now())

    def freeze(self, node: Node) -> None:
        node.was_frozen = True
        node.clock.freeze()

    def thaw(self, node: Node) -> None:
        if not node.is_gone:
            node.clock.thaw()

    def cut(self, node: Node) -> None:
        node.line.is_cut = True

    def mend(self, node: Node) -> None:
        node.line.is_cut = False

    def close(self, node: Node) -> None:
        """Begin to close the board as a service does when it is asked to end."""
        node.is_gone = True
        task = asyncio.create_task(node.board.close())
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    def crash(self, node: Node, actor: str) -> None:
        """As by a bug in one of its actors, which the supervisor then starts anew."""
        ref = node.board._actors.get(actor)
        living = None if ref is None else ref._actor_weakref()
        if living is not None:
            living.spawn(_raise_bug(), name="bug")

    def calm(self, weather: Weather) -> None:
        """Nothing goes wrong any more."""
        self._weather = weather
        for node in self.present:
            node.line.weather = weather
            self.mend(node)
            self.thaw(node)


class _Board(Callboard):
    """One that has no use for threads and processes, and does not look for what they need."""

    def _make_runners(self, job_store: object) -> Runners:
        python = PythonRunner(
            self.handlers,
            coroutines=CoroutineRunner(),
            threads=ThreadRunner(1),
            capture=Capture(echo=False),
        )
        return Runners((python,))


async def _raise_bug() -> None:
    raise RuntimeError("simulated: a bug")
