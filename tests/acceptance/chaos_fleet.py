"""The nodes of a storm: each seat is taken again by another process when one dies."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from acceptance.chaos_plan import Plan, Seat
from acceptance.nodes import Company, NodeGone, NodeProcess, NodeRefused, company, until
from acceptance.proxy import Proxy, proxied

EXPECTED: Final = frozenset({0, -signal.SIGKILL, 9})
"""How a node that was ready may end: in order, killed, or by a handler that kills it."""
READY_S: Final = 90.0


class Fleet:
    """Who sits where, and what became of everybody.

    Times are nanoseconds since 1970, as in `support.executions`.
    """

    def __init__(self, plan: Plan, nodes: Company, lines: Mapping[int, Proxy]) -> None:
        self._company = nodes
        self._names = count(1)
        self._random = Random(plan.seed)
        self._nodes: dict[int, NodeProcess] = {}
        self._ready: set[int] = set()
        self._pauses: dict[int, float] = {}
        self._is_closing = False
        self.seats: Sequence[Seat] = plan.seats
        self.lines = lines
        self.names: dict[int, str] = {}
        """By process id."""
        self.deaths: dict[int, int] = {}
        """By process id: when it was gone."""
        self.pauses: list[tuple[int, int, int]] = []
        """(process id, from, until): when a process stood still."""
        self.exits: Counter[int] = Counter()
        self.odd: list[str] = []
        """Nodes that were ready, and ended as none should."""

    def node(self, seat: int) -> NodeProcess | None:
        """Who sits there, ready and alive."""
        node = self._nodes.get(seat) if seat in self._ready else None
        return node if node is not None and node.is_alive else None

    def ready(self) -> list[NodeProcess]:
        return [node for seat in [*self._ready] if (node := self.node(seat)) is not None]

    async def keep(self, seat: int) -> None:
        """Have somebody sit there until `close`."""
        while not self._is_closing:
            node = await self._company.spawn(self._name(seat), **self._options(seat))
            self._nodes[seat] = node
            self.names[node.pid] = node.name
            await self._attend(seat, node)
            self._ready.discard(seat)
            self.deaths[node.pid] = time.time_ns()
            await asyncio.sleep(self._pauses.pop(seat, 0.1))

    def strike(self, seat: int, number: signal.Signals, pause_s: float) -> bool:
        """End the process there by a signal; the next one comes after a pause."""
        node = self.node(seat)
        if node is None:
            return False
        self._pauses[seat] = pause_s
        node.signal(number)
        return True

    async def freeze(self, seat: int, length_s: float) -> bool:
        node = self.node(seat)
        if node is None:
            return False
        since = time.time_ns()
        node.freeze()
        await asyncio.sleep(length_s)
        node.thaw()
        self.pauses.append((node.pid, since, time.time_ns()))
        return True

    async def all_ready(self) -> None:
        """Return when every seat is taken, by a node that is ready."""

        async def are_ready() -> bool:
            if len(self.ready()) < len(self.seats):
                return False
            try:
                said = [await node.ask("health") for node in self.ready()]
            except NodeGone:
                return False
            return all(health["is_ready"] for health in said)

        await until(are_ready, "all nodes are ready", within_s=READY_S)

    def close(self) -> None:
        """End all of them in order."""
        self._is_closing = True
        for node in self.ready():
            node.signal(signal.SIGTERM)

    async def _attend(self, seat: int, node: NodeProcess) -> None:
        try:
            await node.ready()
        except (NodeGone, NodeRefused, TimeoutError):
            self.exits[await node.close()] += 1
            return
        self._ready.add(seat)
        if self._is_closing:
            node.signal(signal.SIGTERM)
        code = await node.process.wait()
        self.exits[code] += 1
        if code not in EXPECTED:
            self.odd.append(f"{node.name} ended with {code}")

    def _name(self, seat: int) -> str:
        """One that nobody had, or that of the one before, whose lease may not be over yet."""
        before = self._nodes.get(seat)
        if before is not None and self._random.random() < 0.2:
            return before.name
        return f"seat-{seat}-{next(self._names)}"

    def _options(self, seat: int) -> dict[str, float | str]:
        here = self.seats[seat]
        options: dict[str, float | str] = {
            "fires": int(here.fires),
            "executes": int(here.executes),
            "deaf": int(here.is_deaf),
            "skew_s": here.skew_s,
        }
        if seat in self.lines:
            options["dsn"] = self.lines[seat].dsn
        return options


@asynccontextmanager
async def fleet(
    plan: Plan, dsn: str, directory: Path, **options: float | str
) -> AsyncIterator[Fleet]:
    """The fleet of a plan, nobody in it yet; all are gone when the block ends.

    Args:
        directory: for the sockets of the lines; a short path.
    """
    async with AsyncExitStack() as stack:
        lines: dict[int, Proxy] = {}
        for number, seat in enumerate(plan.seats):
            if seat.has_line:
                place = directory / f"line-{number}"
                place.mkdir()
                lines[number] = await stack.enter_async_context(proxied(place, dsn))
        nodes = await stack.enter_async_context(company(dsn, **options))
        yield Fleet(plan, nodes, lines)
