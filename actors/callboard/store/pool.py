"""Where statements get their connection: pools of our own, or a pool of the host's.

Our own are few: one connection for the writer's transactions, a few for reads, one for LISTEN,
each made when it is first needed and made anew after it broke. A statement on them has a deadline
on both sides, so that a half-open connection hangs nobody.

A host's pool is only borrowed from: never closed, and no setting of its sessions is relied upon.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol

import asyncpg

from callboard.errors import StoreUnavailable, invalid
from callboard.store.chunk_pool import IDLE_S, ChunkPool, HostChunkPool, OwnChunkPool
from callboard.store.lease_connection import Connect, address_connect, pool_connect
from callboard.store.statements import DRIVER_ERRORS, Connection, translated

BEGIN: Final = "begin isolation level read committed"
"""Claims count on a statement seeing what was committed before it began."""

READERS: Final = 4
LEAST_HOST_CONNECTIONS: Final = 3
"""One for transactions, one for LISTEN, one for reads."""

# A hot table is empty one second and a million rows the next, so its statistics are always wrong:
# the writer's statements are written for their index and take nothing else.
PINNED_PLANS: Final = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}


class Address(Protocol):
    """Where the database is."""

    async def start(self) -> None:
        """See to it that there is a server, however long that takes."""
        ...

    async def dsn(self) -> str:
        """The DSN for a new connection; asked again for each."""
        ...

    def known_dsn(self) -> str:
        """The DSN that was found last, without a look; for a thread that cannot wait for one.

        Raises StoreUnavailable when there is none.
        """
        ...

    async def close(self) -> None: ...


class Pool(Protocol):
    """What the store asks of either kind."""

    @property
    def begin(self) -> str:
        """The statement that opens a transaction."""
        ...

    @property
    def has_settings(self) -> bool:
        """Whether sessions have ours, deadlines among them: a statement may go without a begin."""
        ...

    async def open(self) -> None: ...
    async def close(self) -> None: ...

    def writer(self) -> AbstractAsyncContextManager[Connection]:
        """The connection for a transaction, for this block alone."""
        ...

    def reader(self) -> AbstractAsyncContextManager[Connection]: ...

    def listener(self) -> AbstractAsyncContextManager[Connection]:
        """A connection that is kept for LISTEN."""
        ...

    def lease_connect(self) -> Connect | None:
        """How a thread of its own gets a connection; None: only this loop has any."""
        ...

    def chunk_pool(self) -> ChunkPool:
        """Connections for the chunks of batch jobs; closed by whoever asked for them."""
        ...


class OwnPool:
    """Connections of our own."""

    def __init__(
        self,
        address: Address,
        *,
        deadline_s: float,
        statement_cache_size: int | None = None,
        chunk_idle_s: float = IDLE_S,
    ) -> None:
        """With a `statement_cache_size` of 0 nothing is expected of the session: neither prepared
        statements nor settings survive a pooler that gives each transaction another one."""
        self._address = address
        self._deadline_s = deadline_s
        self._cache_size = statement_cache_size
        self._chunk_idle_s = chunk_idle_s
        self._writer: asyncpg.Pool[Any] | None = None
        self._readers: asyncpg.Pool[Any] | None = None

    @property
    def begin(self) -> str:
        return _bounded_begin(self._deadline_s) if self._is_pooled else BEGIN

    @property
    def has_settings(self) -> bool:
        return not self._is_pooled

    @property
    def _is_pooled(self) -> bool:
        return self._cache_size == 0

    async def open(self) -> None:
        await self._address.start()
        if self._writer is None:
            self._writer = await self._new_pool(1, PINNED_PLANS)
        if self._readers is None:
            self._readers = await self._new_pool(READERS, {})

    async def _new_pool(self, size: int, settings: dict[str, str]) -> asyncpg.Pool[Any]:
        async def connect(*_: object, **options: Any) -> asyncpg.Connection[Any]:
            return await self._connect({**self._session_settings(), **settings}, **options)

        return await asyncpg.create_pool(
            min_size=0,
            max_size=size,
            max_inactive_connection_lifetime=0,
            connect=connect,
            reset=_leave_as_it_is,
        )

    async def _connect(
        self, settings: Mapping[str, str], **options: Any
    ) -> asyncpg.Connection[Any]:
        if self._cache_size is not None:
            options["statement_cache_size"] = self._cache_size
        if not self._is_pooled:
            options["server_settings"] = dict(settings)
        connection: asyncpg.Connection[Any] = await asyncpg.connect(
            await self._address.dsn(),
            timeout=self._deadline_s,
            max_cached_statement_lifetime=0,
            **options,
        )
        return connection

    def _session_settings(self) -> dict[str, str]:
        deadline_ms = str(round(self._deadline_s * 1000))
        return {
            "application_name": "callboard",
            "jit": "off",
            # What BEGIN says of a transaction holds for a statement without one, too.
            "default_transaction_isolation": "read committed",
            "statement_timeout": deadline_ms,
            # A writer that was stopped in the middle must not hold its locks for ever.
            "idle_in_transaction_session_timeout": deadline_ms,
        }

    async def close(self) -> None:
        pools, self._writer, self._readers = (self._writer, self._readers), None, None
        try:
            for pool in pools:
                if pool is not None:
                    await _close(pool, self._deadline_s)
        finally:
            await self._address.close()

    def writer(self) -> AbstractAsyncContextManager[Connection]:
        return _borrowed(self._writer, self._deadline_s)

    def reader(self) -> AbstractAsyncContextManager[Connection]:
        return _borrowed(self._readers, self._deadline_s)

    @asynccontextmanager
    async def listener(self) -> AsyncIterator[Connection]:
        try:
            connection = await self._connect(self._session_settings())
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        try:
            yield connection
        finally:
            connection.terminate()

    def lease_connect(self) -> Connect | None:
        return address_connect(self._address, self._cache_size)

    def chunk_pool(self) -> OwnChunkPool:
        return OwnChunkPool(
            self._connect,
            deadline_s=self._deadline_s,
            idle_s=self._chunk_idle_s,
            has_settings=self.has_settings,
        )


class HostPool:
    """A pool that belongs to the program around us."""

    def __init__(self, pool: asyncpg.Pool[Any], *, deadline_s: float) -> None:
        self._pool = pool
        self._deadline_s = deadline_s

    @property
    def begin(self) -> str:
        return _bounded_begin(self._deadline_s)

    @property
    def has_settings(self) -> bool:
        return False

    async def open(self) -> None:
        size = self._pool.get_max_size()
        if size < LEAST_HOST_CONNECTIONS:
            fix = f"make it at least {LEAST_HOST_CONNECTIONS}"
            raise invalid("pool", f"has a max_size of {size}, and two are kept in use", fix)

    async def close(self) -> None:
        """Nothing: whoever made the pool closes it."""

    def writer(self) -> AbstractAsyncContextManager[Connection]:
        return _borrowed(self._pool, self._deadline_s)

    reader = writer
    listener = writer

    def lease_connect(self) -> Connect | None:
        return pool_connect(self._pool)

    def chunk_pool(self) -> HostChunkPool:
        return HostChunkPool(self._pool, kept=LEAST_HOST_CONNECTIONS, deadline_s=self._deadline_s)


def _bounded_begin(deadline_s: float) -> str:
    """BEGIN with the settings that our own writer's session has, for this transaction alone."""
    deadline_ms = round(deadline_s * 1000)
    settings = {
        **PINNED_PLANS,
        "statement_timeout": deadline_ms,
        "idle_in_transaction_session_timeout": deadline_ms,
    }
    return "; ".join([BEGIN, *(f"set local {name} = {value}" for name, value in settings.items())])


@asynccontextmanager
async def _borrowed(pool: asyncpg.Pool[Any] | None, deadline_s: float) -> AsyncIterator[Connection]:
    if pool is None:
        raise StoreUnavailable("the store is not open")
    try:
        connection = await pool.acquire(timeout=deadline_s)
    except DRIVER_ERRORS as error:
        raise translated(error) from error
    try:
        yield connection
    finally:
        await _give_back(pool, connection, deadline_s)


async def _give_back(pool: asyncpg.Pool[Any], connection: Any, deadline_s: float) -> None:
    try:
        await pool.release(connection, timeout=deadline_s)
    except DRIVER_ERRORS:
        # The pool has dropped it; what the block found out is what counts.
        pass


async def _close(pool: asyncpg.Pool[Any], deadline_s: float) -> None:
    try:
        await asyncio.wait_for(pool.close(), deadline_s)
    except DRIVER_ERRORS:
        pool.terminate()


async def _leave_as_it_is(connection: object) -> None:
    """Our sessions carry nothing from one block to the next; asyncpg's reset is a round trip."""
