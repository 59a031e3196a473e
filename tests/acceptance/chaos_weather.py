"""What happens to the fleet and its server, as the plan has it."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import asyncpg

from acceptance.chaos_fleet import Fleet
from acceptance.chaos_plan import Plan, Strike
from acceptance.proxy import Line
from acceptance.servers import FragileServer

PIN_S: Final = 0.5
DOWN: Final = (
    *(OSError, TimeoutError, AttributeError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
)
"""What asyncpg raises when the server ends in the middle of something; AttributeError and
InternalClientError where it has not noticed yet."""
SEVER: Final = (
    "select count(pg_terminate_backend(pid)) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)


class Weather:
    """Strikes the fleet; counts what it did, and what found nobody to hit."""

    def __init__(self, fleet: Fleet, server: FragileServer | None, dsn: str) -> None:
        self._fleet = fleet
        self._server = server
        self._dsn = dsn
        self._struck: set[int] = set()
        self.done: Counter[str] = Counter()
        self.missed = 0

    async def rage(self, plan: Plan, say: Callable[[str], None]) -> None:
        """All strikes, each at its time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for strike in plan.strikes:
                await asyncio.sleep(max(0.0, began + strike.at_s - loop.time()))
                say(str(strike))
                group.create_task(self._strike(strike))
            await asyncio.sleep(max(0.0, began + plan.seconds - loop.time()))

    async def clear(self) -> None:
        for line in self._fleet.lines.values():
            line.set(Line.PASSING)
        if self._server is not None:
            await self._server.start()

    async def _strike(self, strike: Strike) -> None:
        """One thing at a time happens to a seat."""
        if strike.seat in self._struck:
            self.missed += 1
            return
        self._struck.add(strike.seat)
        try:
            has_hit = await self._hit(strike)
        finally:
            self._struck.discard(strike.seat)
        if has_hit:
            self.done[f"{strike.damage} {strike.how}".strip()] += 1
        else:
            self.missed += 1

    async def _hit(self, strike: Strike) -> bool:
        match strike.damage:
            case "kill":
                return self._fleet.strike(strike.seat, signal.SIGKILL, strike.length_s)
            case "end":
                return self._fleet.strike(strike.seat, signal.SIGTERM, strike.length_s)
            case "freeze" | "stun":
                return await self._fleet.freeze(strike.seat, strike.length_s)
            case "line":
                line = self._fleet.lines[strike.seat]
                line.set(Line(strike.how))
                await asyncio.sleep(strike.length_s)
                line.set(Line.PASSING)
                return True
            case "sever":
                return await self._sever()
        return await self._shut_down(signal.Signals[strike.how], strike.length_s)

    async def _sever(self) -> bool:
        try:
            connection: asyncpg.Connection[Any] = await asyncpg.connect(self._dsn)
        except DOWN:
            return False
        try:
            return bool(await connection.fetchval(SEVER))
        except DOWN:
            return False
        finally:
            connection.terminate()

    async def _shut_down(self, how: signal.Signals, length_s: float) -> bool:
        assert self._server is not None
        await self._server.end(how)
        await asyncio.sleep(length_s)
        await self._server.start()
        return True


async def pin(dsn: str) -> None:
    """Hold a transaction open all the time (H13), until cancelled."""
    while True:
        with suppress(*DOWN):
            await _hold(dsn)
        await asyncio.sleep(PIN_S)


async def _hold(dsn: str) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
    try:
        # No context manager: its rollback would fail, and so hide that this was cancelled.
        await connection.execute("begin isolation level repeatable read")
        await connection.fetchval("select txid_current()")
        while not connection.is_closed():  # noqa: ASYNC110 - the server ends it
            await asyncio.sleep(PIN_S)
    finally:
        connection.terminate()
