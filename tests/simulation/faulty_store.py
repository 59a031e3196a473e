"""A store as one simulated node sees it: over a line that loses, delays and cuts off.

Everything else is the memory store's, which all nodes share. A transaction comes and goes as a
whole: it is refused, lost before its commit, or committed with or without an answer. A cycle, which
is one message, may also reach the store when its node has long given it up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from callboard.errors import StoreUnavailable
from callboard.store.contract import Store, Transaction
from callboard.store.contract_chunks import ChunkLine
from callboard.store.cycle import Cycle, Cycled
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from simulation.line import Line
from simulation.weather import DEADLINE_S

READ_S: Final = 0.0005


class Hints:
    """NOTIFY among the simulated nodes."""

    def __init__(self, world: VirtualClock) -> None:
        self._world = world
        self._listeners: dict[Line, asyncio.Queue[str]] = {}

    def join(self, line: Line) -> asyncio.Queue[str]:
        return self._listeners.setdefault(line, asyncio.Queue())

    def send(self, sender: Line, topics: Sequence[str]) -> None:
        """Tell the others, as far as it gets through."""
        for line, queue in self._listeners.items():
            for topic in topics if line is not sender else ():
                delay_s = line.hint_delay_s()
                if delay_s is not None:
                    at = self._world.monotonic() + delay_s
                    self._world.call_at(at, _put(queue, topic))


def _put(queue: asyncio.Queue[str], topic: str) -> Callable[[], None]:
    return lambda: queue.put_nowait(topic)


class FaultyStore:
    """A `contract.Store`; verbs that are not named here are reads."""

    def __init__(
        self, store: MemoryStore, *, line: Line, hints: Hints, world: VirtualClock
    ) -> None:
        self._store = store
        self._line = line
        self._hints = hints
        self._world = world
        self._late: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        await self._line.request()

    async def close(self) -> None:
        pass

    def lease_line(self) -> None:
        """None: leases are renewed over this line."""

    def chunk_line(self) -> ChunkLine:
        """The store's own: no batch job is simulated."""
        return self._store.chunk_line()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        await self._line.request()
        async with self._store.begin() as tx:
            yield tx
            if self._line.loses_commit():
                raise StoreUnavailable("simulated: lost before the commit")
        await self._line.response()

    async def cycle(self, cycle: Cycle) -> Cycled:
        lateness_s = self._line.lateness_s()
        if lateness_s is not None:
            await self._give_up(cycle, lateness_s)
        await self._line.request()
        if self._line.loses_commit():
            raise StoreUnavailable("simulated: lost before the commit")
        done = await self._store.cycle(cycle)
        await self._line.response()
        return done

    async def _give_up(self, cycle: Cycle, lateness_s: float) -> None:
        """Leave the cycle on its way, and wait for it in vain."""
        at = self._world.monotonic() + DEADLINE_S + lateness_s
        task = asyncio.create_task(self._arrive(cycle, at))
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        await self._world.sleep_until(self._world.monotonic() + DEADLINE_S)
        raise StoreUnavailable("simulated: the request is late")

    async def _arrive(self, cycle: Cycle, at: float) -> None:
        await self._world.sleep_until(at)
        await self._store.cycle(cycle)

    async def notify(self, topics: Sequence[str]) -> None:
        await self._line.request()
        self._hints.send(self._line, topics)

    async def listen(self, on_hint: Callable[[str], None]) -> None:
        await self._line.request()
        hints = self._hints.join(self._line)
        while True:
            on_hint(await hints.get())

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        act = getattr(self._store, verb)

        async def pass_on(*args: Any, **fields: Any) -> Any:
            # A read takes a moment: whoever asks again and again lets time pass by that.
            await self._world.sleep_until(self._world.monotonic() + READ_S)
            await self._line.request()
            answer = await act(*args, **fields)
            await self._line.response()
            return answer

        return pass_on


def as_store(store: FaultyStore) -> Store:
    """The same, for the type checker."""
    return store  # type: ignore[return-value]
