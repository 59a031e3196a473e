"""Where chunks get their connections, and the steps' code those for its reads.

Not from the pools of the store: a step's statements may take long, and must not keep a claim or a
lease waiting. A session of ours has no statement_timeout for that reason, but an
idle_in_transaction_session_timeout: a chunk whose process froze gives up its locks after a while,
so that whoever takes the run over is not kept waiting for ever. Our own statements on it are
bounded by the client.

A session is not reset from one chunk to the next, which would be a round trip: what a step sets for
its session stays for the chunks of the run after it. `set local` is for the transaction. It is
reset before another run gets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

import asyncpg

from callboard.errors import StoreUnavailable, invalid
from callboard.store.sessions import Sessions
from callboard.store.statements import DRIVER_ERRORS, Connection, translated

CHUNKS: Final = 16
"""Chunks of a node that commit at once; others wait."""
READINGS: Final = 64
"""Connections of a node for steps' own reads, which may be kept for as long as a step takes."""
IDLE_S: Final = 60.0
"""For which the code of a step may leave a chunk's transaction without a statement."""
Connect: TypeAlias = "Callable[..., Coroutine[Any, Any, asyncpg.Connection[Any]]]"


class ChunkPool(Protocol):
    """What a chunk line asks of either kind."""

    @property
    def deadline_s(self) -> float:
        """For each statement of ours."""
        ...

    @property
    def begin(self) -> str:
        """The statements that begin a chunk's transaction, sent together."""
        ...

    async def take(self, run_id: int) -> Connection:
        """A connection for a chunk of that run, to be given back; waits while all are in use."""
        ...

    async def give_back(self, connection: Connection) -> None:
        """Whatever became of it."""
        ...

    def reading(self, run_id: int) -> AbstractAsyncContextManager[Connection]: ...

    def rest(self, run_id: int) -> None:
        """As ChunkLine.rest."""
        ...

    async def close(self) -> None: ...


SETTINGS: Final = {
    "application_name": "callboard",
    # The fence counts on a statement seeing what was committed before it began.
    "default_transaction_isolation": "read committed",
}
"""Of sessions of our own. A reader's cursor may wait for as long as its items take."""


MARK: Final = "callboard_chunk.is_begun"
"""A setting that is `on` in a chunk's transaction, and in no other one that takes its place."""
_MARKED: Final = f"set local {MARK} = 'on'"


def _begin(idle: tuple[str, str]) -> str:
    """Of a session whose settings are somebody else's."""
    return f"begin isolation level read committed; set local {idle[0]} = {idle[1]}; {_MARKED}"


def _idle_setting(idle_s: float) -> tuple[str, str]:
    return "idle_in_transaction_session_timeout", str(round(idle_s * 1000))


class OwnChunkPool:
    """Connections of our own, made when they are needed, closed when they are not."""

    def __init__(
        self,
        connect: Connect,
        *,
        deadline_s: float,
        idle_s: float = IDLE_S,
        has_settings: bool = True,
    ) -> None:
        """Args:
        connect: as asyncpg.connect, to the database, with settings for the session.
        has_settings: whether the session keeps them: a pooler may give each transaction another.
        """
        self._connect = connect
        self._deadline_s = deadline_s
        self._idle = _idle_setting(idle_s)
        self._begin = f"begin; {_MARKED}" if has_settings else _begin(self._idle)
        self._chunks: Sessions | None = None
        self._readings: Sessions | None = None
        self._is_closed = False

    @property
    def deadline_s(self) -> float:
        return self._deadline_s

    @property
    def begin(self) -> str:
        return self._begin

    async def take(self, run_id: int) -> Connection:
        self._check_open()
        if self._chunks is None:
            self._chunks = self._made(CHUNKS, {**SETTINGS, self._idle[0]: self._idle[1]})
        return await self._chunks.take(run_id)

    async def give_back(self, connection: Any) -> None:
        assert self._chunks is not None, "nothing was taken"
        self._chunks.give_back(connection)

    @asynccontextmanager
    async def reading(self, run_id: int) -> AsyncIterator[Connection]:
        self._check_open()
        if self._readings is None:
            self._readings = self._made(READINGS, SETTINGS)
        sessions = self._readings
        session = await sessions.take(run_id)
        try:
            yield session
        finally:
            sessions.give_back(session)

    def rest(self, run_id: int) -> None:
        for sessions in (self._chunks, self._readings):
            if sessions is not None:
                sessions.rest(run_id)

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("the chunk line is closed")

    def _made(self, most: int, settings: Mapping[str, str]) -> Sessions:
        return Sessions(partial(self._connect, settings), most=most, deadline_s=self._deadline_s)

    async def close(self) -> None:
        self._is_closed = True
        for sessions in (self._chunks, self._readings):
            if sessions is not None:
                await sessions.close()


class HostChunkPool:
    """Connections borrowed from a host's pool, as many as it can spare."""

    def __init__(
        self, pool: asyncpg.Pool[Any], *, kept: int, deadline_s: float, idle_s: float = IDLE_S
    ) -> None:
        """Args:
        kept: so many connections of the pool are left to others.
        """
        spare = pool.get_max_size() - kept
        if spare < 2:
            reason = f"has a max_size of {kept + spare}, and batch jobs need two beside {kept}"
            raise invalid("pool", reason, f"make it at least {kept + 2}")
        self._pool = pool
        self._deadline_s = deadline_s
        self._begin = _begin(_idle_setting(idle_s))
        self._chunks = asyncio.Semaphore(spare // 2)
        self._readings = asyncio.Semaphore(spare - spare // 2)

    @property
    def deadline_s(self) -> float:
        return self._deadline_s

    @property
    def begin(self) -> str:
        return self._begin

    async def take(self, run_id: int) -> Connection:
        """As ChunkPool.take; the host's pool resets its connections itself."""
        await self._chunks.acquire()
        try:
            return await _taken(self._pool)
        except BaseException:
            self._chunks.release()
            raise

    async def give_back(self, connection: Connection) -> None:
        try:
            await _given_back(self._pool, connection, self._deadline_s)
        finally:
            self._chunks.release()

    @asynccontextmanager
    async def reading(self, run_id: int) -> AsyncIterator[Connection]:
        async with self._readings:
            connection = await _taken(self._pool)
            try:
                yield connection
            finally:
                await _given_back(self._pool, connection, self._deadline_s)

    def rest(self, run_id: int) -> None:
        """Nothing: none is kept."""

    async def close(self) -> None:
        """Nothing: whoever made the pool closes it."""


async def _taken(pool: asyncpg.Pool[Any]) -> Connection:
    """A connection of the pool; to connect has a deadline of its own."""
    try:
        return await pool.acquire()
    except DRIVER_ERRORS as error:
        raise translated(error) from error


async def _given_back(pool: asyncpg.Pool[Any], connection: Any, deadline_s: float) -> None:
    try:
        await pool.release(connection, timeout=deadline_s)
    except DRIVER_ERRORS:
        pass  # the pool has dropped it
