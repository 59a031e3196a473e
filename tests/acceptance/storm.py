"""A storm: nodes and their server are killed at random instants while they are under load.

async with storm(place, seed=4711) as weather:
    await weather.strike("node")
    ...
# every run has ended, all nodes are closed
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from acceptance.client import Client
from acceptance.nodes import Company, NodeProcess, NodeRefused, company, until
from acceptance.places import Place
from callboard.domain.claim_window import SCAN_EVERY_S
from callboard.store.embedded.residue import live_postmaster

STUCK_S: Final = 2 * SCAN_EVERY_S
"""So long no run ends, and all that are due were looked for: then those that are left never
will."""


class Storm:
    """The nodes of one embedded directory, an outside client, and what hits them."""

    def __init__(self, place: Place, nodes: Company, rng: Random, size: int) -> None:
        self._place = place
        self._data = Path(place.dsn.removeprefix("embedded:")) / "pgdata"
        self._company = nodes
        self._rng = rng
        self._size = size
        self._names = count(1)
        self.client = Client(rng, self._ready_nodes)
        self.ready: list[NodeProcess] = []

    def _ready_nodes(self) -> Sequence[NodeProcess]:
        return [node for node in self.ready if node.is_alive]

    async def begin(self) -> None:
        await self._reinforce()
        await self.ready[0].ask("define", trace=str(self._place.trace))

    async def strike(self, target: str) -> None:
        """Kill a node, the server or both, at some instant, and see to it that all goes on."""
        await asyncio.sleep(self._rng.uniform(0.1, 1.5))
        victim = self._rng.choice(self.ready)
        postmaster = live_postmaster(self._data)
        if target in ("node", "both"):
            victim.signal(signal.SIGKILL)
        if target in ("server", "both") and postmaster is not None:
            _kill(postmaster.pid)
        if target in ("node", "both"):
            self.ready.remove(victim)
            await victim.kill()
            await self._reinforce()
        await self._serving()

    async def clear_up(self) -> None:
        """No more triggers, no more starts; return when every run has ended and all is closed."""
        await self.client.insist()
        await until(self._is_quiet, "the triggers are deactivated")
        await self._drain()
        for node in self.ready:
            assert await node.close() == 0

    async def _reinforce(self) -> None:
        while len(self.ready) < self._size:
            self.ready.append(await self._company.engage(self._new_name()))

    def _new_name(self) -> str:
        """One that nobody had, or one whose lease may not be over yet."""
        living = {node.name for node in self.ready}
        dead = sorted({node.name for node in self._company.members} - living)
        return self._rng.choice([f"node-{next(self._names)}", *dead[:1]])

    async def _serving(self) -> None:
        """Every node has found its way back to the server."""

        async def are_ready() -> bool:
            said = [await node.ask("health") for node in self.ready]
            return all(health["is_ready"] for health in said)

        await until(are_ready, "all nodes are ready")

    async def _is_quiet(self) -> bool:
        try:
            await self.ready[0].ask("deactivate")
        except NodeRefused:
            return False
        return True

    async def _drain(self) -> None:
        """Return when every run has ended; as long as they become fewer there is hope."""
        left: list[str] = await self.ready[0].ask("live")
        while left:
            before = len(left)

            async def are_fewer(before: int = before) -> bool:
                left[:] = await self.ready[0].ask("live")
                return len(left) < before

            try:
                await until(are_fewer, "more runs end", within_s=STUCK_S)
            except AssertionError as error:
                error.add_note("\n".join([f"{before} runs are left", *left[:10], *left[-10:]]))
                raise


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it went with its owner


@asynccontextmanager
async def storm(place: Place, *, seed: int, size: int = 1) -> AsyncIterator[Storm]:
    """A storm over `size` nodes on an embedded directory, with the client at work meanwhile."""
    async with company(place.dsn) as nodes:
        weather = Storm(place, nodes, Random(seed), size)
        await weather.begin()
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            working = group.create_task(weather.client.work(stop))
            try:
                yield weather
            finally:
                stop.set()
                await working
        await weather.clear_up()
