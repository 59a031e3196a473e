"""Somebody who looks on while a storm lasts: by SQL only, and says every few seconds how it goes.

What can only be seen from meanwhile: an event number never becomes visible behind a higher one, and
what counts as running never exceeds a limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import asyncpg

from acceptance.chaos_weather import DOWN

LOOK_S: Final = 0.5
SAY_S: Final = 5.0
BATCHES: Final = (
    "select first_seq, last_seq from callboard.event_batch where first_seq > $1 order by first_seq"
)
CROWDED: Final = (
    "select job, count(*) as runs, max(max_concurrent_runs) as most"
    " from callboard.live_run join callboard.job on job.id = job_id"
    " where state in ('running', 'stopping') and max_concurrent_runs is not null"
    " group by job having count(*) > max(max_concurrent_runs)"
)
TOLD: Final = (
    "select (select count(*) from callboard.ended_run) as ended,"
    " (select count(*) from callboard.live_run) as live,"
    " (select coalesce(sum(slot_count), 0) from callboard.ledger) as slots,"
    " (select coalesce(sum(crashes), 0) from callboard.run) as crashes,"
    " (select count(*) from callboard.node where lease_until > now()) as nodes"
)


class Watch:
    """Looks until it is cancelled; faults are what it saw that must not be."""

    def __init__(self, dsn: str, say: Callable[[str], None], more: Callable[[], str]) -> None:
        self._dsn = dsn
        self._say = say
        self._more = more
        self._last_seq = 0
        self.faults: list[str] = []
        self.looks = 0

    async def look_on(self) -> None:
        while True:
            try:
                connection = await asyncpg.connect(self._dsn, timeout=5, command_timeout=10)
            except DOWN:
                await asyncio.sleep(LOOK_S)
                continue
            try:
                await self._look_through(connection)
            except DOWN:
                pass  # the server was ended
            finally:
                connection.terminate()

    async def _look_through(self, connection: asyncpg.Connection[Any]) -> None:
        loop = asyncio.get_running_loop()
        said_at = 0.0
        while True:
            await self._look(connection)
            self.looks += 1
            if loop.time() >= said_at + SAY_S:
                said_at = loop.time()
                await self._tell(connection)
            await asyncio.sleep(LOOK_S)

    async def _look(self, connection: asyncpg.Connection[Any]) -> None:
        for first, last in await connection.fetch(BATCHES, self._last_seq):
            if first != self._last_seq + 1:
                self.faults.append(f"event {first} was seen when the last one was {self._last_seq}")
            self._last_seq = last
        for job, runs, most in await connection.fetch(CROWDED):
            self.faults.append(f"{runs} runs of {job} were at work at once, not {most}")

    async def _tell(self, connection: asyncpg.Connection[Any]) -> None:
        row = await connection.fetchrow(TOLD)
        assert row is not None
        facts = ", ".join(f"{count} {what}" for what, count in row.items())
        self._say(f"{facts}, {self._last_seq} events; {self._more()}")
