"""An outside client that starts runs without pause, and remembers what it was promised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import Any, Final

from acceptance.nodes import NodeGone, NodeProcess, NodeRefused, until
from support.history import Asked

HANDS: Final = 4
"""Starts under way at once."""
PAUSE_S: Final = 0.03
JOBS: Final = (
    *("quick",) * 4,
    *("threaded", "slow", "flaky", "failing", "late", "command", "limited", "fragile"),
)


class Client:
    """Wishes, each with a number of its own that the run carries in its arguments.

    Half of them carry an idempotency key: those are asked for again until they are acknowledged,
    and must have been done once. The others are asked for once.
    """

    def __init__(self, rng: Random, nodes: Callable[[], Sequence[NodeProcess]]) -> None:
        self._rng = rng
        self._nodes = nodes
        self._numbers = count(1)
        self._unsure: dict[int, str] = {}
        self.asked = Asked()

    async def work(self, stop: asyncio.Event) -> None:
        """Start runs until `stop` is set."""
        async with asyncio.TaskGroup() as group:
            for _ in range(HANDS):
                group.create_task(self._start_runs(stop))

    async def insist(self) -> None:
        """Ask again for what has a key and was not acknowledged, until it is."""
        for number, job in self._unsure.items():
            await until(lambda n=number, j=job: self._start(n, j), f"start {number} again")

    async def _start_runs(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            number, job = next(self._numbers), self._rng.choice(JOBS)
            self.asked.jobs[number] = job
            if not await self._start(number, job) and _has_key(number):
                self._unsure[number] = job
            await asyncio.sleep(self._rng.uniform(0, 2 * PAUSE_S))

    async def _start(self, number: int, job: str) -> bool:
        """Whether the start was acknowledged."""
        nodes = self._nodes()
        if not nodes:
            return False
        request: dict[str, Any] = {"job": job, "arguments": {"ask": number}}
        if _has_key(number):
            request["key"] = f"wish-{number}"
        try:
            run_id = await self._rng.choice(nodes).ask("start", **request)
        except (NodeGone, NodeRefused):
            return False
        self.asked.acknowledged[number] = run_id
        return True


def _has_key(number: int) -> bool:
    return number % 2 == 0
