"""The lease's own line to PostgreSQL: synchronous verbs for one thread, with a loop of their own.

Nothing that happens on the board's event loop, and no transaction of the board, can hold up a
renewal. One connection, made when it is first needed and made anew after it broke; each renewal has
a deadline on both sides.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import asyncpg

from callboard.clock import next_turn
from callboard.domain.json import JsonObject
from callboard.errors import StoreError, StoreUnavailable
from callboard.store.contract import Renewal
from callboard.store.lease_connection import Connect
from callboard.store.postgres_nodes import renew_node
from callboard.store.statements import DRIVER_ERRORS, Statements, translated

NEVER_S: Final = 3600.0
"""The statements' own deadline; the renewal's is earlier, and is for all of them together."""
GOODBYE_S: Final = 0.5
LAST_TURNS: Final = 3
"""Of the loop, in which closed connections are cleaned up."""


class PostgresLeaseLine:
    """A `contract.LeaseLine`."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: asyncpg.Connection[Any] | None = None
        self._work: asyncio.Task[Any] | None = None
        self._has_given_up = False
        self._is_over = False

    def renew(
        self, epoch: int, lease: timedelta, vitals: JsonObject | None, *, deadline_s: float
    ) -> Renewal | None:
        """As LeaseLine.renew."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(self._renewal(epoch, lease, vitals, deadline_s))

    def interrupt(self) -> None:
        """As LeaseLine.interrupt."""
        self._is_over = True
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # its thread has closed it
                loop.call_soon_threadsafe(self._give_up)

    def close(self) -> None:
        """As LeaseLine.close."""
        self._is_over = True
        loop, self._loop = self._loop, None
        if loop is None:
            return
        try:
            loop.run_until_complete(self._farewell())
        finally:
            loop.close()

    async def _renewal(
        self, epoch: int, lease: timedelta, vitals: JsonObject | None, deadline_s: float
    ) -> Renewal | None:
        self._work, self._has_given_up = asyncio.current_task(), False
        # Whatever is waited for ends with the connection, or with the task where there is none yet.
        alarm = asyncio.get_running_loop().call_later(deadline_s, self._give_up)
        try:
            sql = Statements(await self._connected(deadline_s), NEVER_S)
            async with sql.transaction(_bounded_begin(deadline_s)):
                return await renew_node(sql, epoch, lease, vitals, None)
        except (StoreError, *DRIVER_ERRORS, asyncio.CancelledError) as error:
            raise self._translated(error) from error
        finally:
            alarm.cancel()
            self._work = None

    def _translated(self, error: BaseException) -> StoreError:
        if self._has_given_up:
            return StoreUnavailable("the database did not answer in time")
        return error if isinstance(error, StoreError) else translated(error)

    async def _connected(self, deadline_s: float) -> asyncpg.Connection[Any]:
        if self._is_over:
            raise StoreUnavailable("the lease's connection is closed")
        if self._connection is None or self._connection.is_closed():
            self._connection = None
            self._connection = await self._connect(deadline_s)
        return self._connection

    def _give_up(self) -> None:
        self._has_given_up = True
        if self._connection is not None and not self._connection.is_closed():
            self._connection.terminate()
        elif self._work is not None:
            self._work.cancel()

    async def _farewell(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=GOODBYE_S)
            except DRIVER_ERRORS:
                connection.terminate()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:  # what the driver does behind a broken connection
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for _ in range(LAST_TURNS):
            await next_turn()


def _bounded_begin(deadline_s: float) -> str:
    deadline_ms = max(1, round(deadline_s * 1000))
    return (
        "begin isolation level read committed;"
        f" set local statement_timeout = {deadline_ms};"
        f" set local idle_in_transaction_session_timeout = {deadline_ms}"
    )
