"""The line between one simulated node and the store: what passes over it may be late, or lost."""

from __future__ import annotations

import asyncio
from random import Random

from callboard.errors import StoreUnavailable
from callboard.testing import VirtualClock
from simulation.node_clock import NodeClock
from simulation.weather import DEADLINE_S, Weather


class Line:
    """Decides what becomes of each message; knows nothing of what is in them."""

    def __init__(
        self, *, world: VirtualClock, clock: NodeClock, rng: Random, weather: Weather
    ) -> None:
        self._world = world
        self._clock = clock
        self._rng = rng
        self.weather = weather
        self.is_cut = False

    async def request(self) -> None:
        """A message on its way to the store; returns when it has arrived.

        Raises:
            StoreUnavailable: it never will, or not in time.
        """
        await self._clock.while_frozen()
        if self.is_cut:
            await self._give_up("the line is cut")
        if self._rng.random() < self.weather.refused:
            raise StoreUnavailable("simulated: no connection")
        await self._travel()
        if self.is_cut:
            await self._give_up("the line was cut under a request")

    async def response(self) -> None:
        """The answer on its way back; what was done is done.

        Raises:
            StoreUnavailable: the node will never know what became of its request.
        """
        if self._rng.random() < self.weather.unanswered:
            await self._clock.while_frozen()
            raise StoreUnavailable("simulated: no answer")
        await self._travel()
        await self._clock.while_frozen()
        if self.is_cut:
            await self._give_up("the line was cut under an answer")

    def loses_commit(self) -> bool:
        """Whether the store loses the connection before this commit."""
        return self._rng.random() < self.weather.lost_commit

    def lateness_s(self) -> float | None:
        """By how much this request is late, after the node has given it up; None: it is not."""
        if self._rng.random() >= self.weather.late:
            return None
        return self._rng.uniform(0.0, 4 * DEADLINE_S)

    def hint_delay_s(self) -> float | None:
        """How long a hint takes; None: it is lost."""
        if self.is_cut or self._rng.random() < self.weather.hint_lost:
            return None
        return self._delay_s()

    async def _travel(self) -> None:
        delay_s = self._delay_s()
        if delay_s > DEADLINE_S:
            await self._give_up("the store is too slow")
        elif delay_s:
            await self._world.sleep_until(self._world.monotonic() + delay_s)

    def _delay_s(self) -> float:
        if self.weather.stall and self._rng.random() < self.weather.stall:
            return self._rng.uniform(0.0, 2 * DEADLINE_S)
        return self._rng.expovariate(1 / self.weather.slow_s) if self.weather.slow_s else 0.0

    async def _give_up(self, reason: str) -> None:
        """What a node does that waits in vain; some lines tell it at once."""
        if self._rng.random() < 0.7:
            await self._clock.sleep(DEADLINE_S)
        await asyncio.sleep(0)
        raise StoreUnavailable(f"simulated: {reason}")
