"""An outside client that starts runs without pause, and remembers what it was promised."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, Final

from acceptance.nodes import NodeGone, NodeProcess, NodeRefused, until
from callboard.domain.run import StopMode
from support.history import Asked

HANDS: Final = 4
PAUSE_S: Final = 0.03
ANSWER_S: Final = 6.0
"""A node that says nothing for so long is given up."""
MOST: Final = 30
"""Starts in one call."""
JOBS: Final = (
    *("quick",) * 4,
    *("threaded", "slow", "flaky", "failing", "late", "command", "limited", "fragile"),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """Runs of one job that are asked for in one call."""

    numbers: tuple[int, ...]
    job: str

    @property
    def has_key(self) -> bool:
        return self.numbers[0] % 2 == 0

    @property
    def request(self) -> dict[str, Any]:
        arguments = [{"ask": number} for number in self.numbers]
        return {
            "do": "start_many",
            "job": self.job,
            "arguments": arguments,
            "key": f"wish-{self.numbers[0]}" if self.has_key else None,
        }


class Client:
    """Wishes, each with a number of its own that the run carries in its arguments.

    Half of them carry an idempotency key: those are asked for again until they are acknowledged,
    and must have been done once. The others are asked for once.

    Args:
        bulk: which share of the wishes is for many runs at once.
        stops: which share of the runs is to be stopped right after it was started.
        jobs: whose runs are started.
        hands: starts under way at once.
    """

    def __init__(
        self,
        rng: Random,
        nodes: Callable[[], Sequence[NodeProcess]],
        *,
        bulk: float = 0.0,
        stops: float = 0.0,
        jobs: Sequence[str] = JOBS,
        hands: int = HANDS,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._rng = rng
        self._nodes = nodes
        self._bulk = bulk
        self._stops = stops
        self._jobs = jobs
        self._hands = hands
        self._pause_s = pause_s
        self._numbers = count(1)
        self._unsure: list[Wish] = []
        self.asked = Asked()
        self.stopped: dict[int, str] = {}
        """By run: the state that a stop was answered with."""
        self.refused: Counter[str] = Counter()
        """By what came instead of an answer."""

    async def work(self, stop: asyncio.Event) -> None:
        """Start runs until `stop` is set."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._hands):
                group.create_task(self._start_runs(stop))

    async def start_one(self, job: str) -> None:
        """A run of a job that is not among those of `jobs`."""
        wish = Wish((next(self._numbers),), job)
        self.asked.jobs[wish.numbers[0]] = job
        await self._start(wish)

    async def insist(self) -> None:
        """Ask again for what has a key and was not acknowledged, until it is."""
        for wish in self._unsure:
            await until(lambda w=wish: self._start(w), f"{wish} again")

    async def _start_runs(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            wish = self._wish()
            if not await self._start(wish) and wish.has_key:
                self._unsure.append(wish)
            if self._rng.random() < self._stops:
                await self._stop(self._rng.choice(wish.numbers))
            await asyncio.sleep(self._rng.uniform(0, 2 * self._pause_s))

    def _wish(self) -> Wish:
        size = self._rng.randint(2, MOST) if self._rng.random() < self._bulk else 1
        numbers = tuple(next(self._numbers) for _ in range(size))
        wish = Wish(numbers, self._rng.choice(self._jobs))
        self.asked.jobs.update(dict.fromkeys(numbers, wish.job))
        return wish

    async def _start(self, wish: Wish) -> bool:
        """Whether the start was acknowledged."""
        run_ids = await self._ask(**wish.request)
        if run_ids is None:
            return False
        self.asked.acknowledged.update(zip(wish.numbers, run_ids, strict=True))
        return True

    async def _stop(self, number: int) -> None:
        run_id = self.asked.acknowledged.get(number)
        if run_id is None:
            return
        mode = self._rng.choice([*StopMode]).value
        state = await self._ask("stop", run_id=run_id, mode=mode)
        if state is not None:
            self.stopped[run_id] = state

    async def _ask(self, do: str, **request: Any) -> Any:
        """What some node answers; None: nothing, or no."""
        nodes = self._nodes()
        if not nodes:
            return None
        try:
            return await self._rng.choice(nodes).ask(do, within_s=ANSWER_S, **request)
        except (NodeGone, NodeRefused, TimeoutError) as error:
            self.refused[getattr(error, "kind", type(error).__name__)] += 1
            return None
