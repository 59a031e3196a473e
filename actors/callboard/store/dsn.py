"""From a DSN to a store.

| form | backend |
| --- | --- |
| `postgresql://user:password@host:port/database?option=value` | a PostgreSQL server |
| `embedded:PATH` | a PostgreSQL server of our own, its data in the directory PATH |
| `memory:` | this process's memory; nothing survives it |

`postgresql://` takes the options of libpq that asyncpg knows, any server setting, and
`statement_cache_size=0` for a pooler that gives each transaction another session.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import asyncpg

from callboard.clock import Clock
from callboard.errors import StoreUnavailable, invalid
from callboard.store.chunk_pool import ChunkPool, HostChunkPool
from callboard.store.contract import Store
from callboard.store.foreign_chunks import ForeignChunkLine
from callboard.store.memory import MemoryStore
from callboard.store.pool import OwnPool
from callboard.store.postgres import DEADLINE_S, PostgresStore

if TYPE_CHECKING:
    from callboard.store.embedded import EmbeddedServer

FORMS: Final = "write postgresql://user@host/database, embedded:PATH or memory:"
CACHE_OPTION: Final = "statement_cache_size"


def open_store(
    dsn: str,
    *,
    clock: Clock,
    pool: asyncpg.Pool[Any] | None = None,
    deadline_s: float = DEADLINE_S,
    migrate_on_open: bool = True,
) -> Store:
    """The store that a DSN names; not connected yet: `Store.open` does that.

    Args:
        pool: a host's own, taken instead of the DSN and left open at the end.
        deadline_s: how long one statement may take.
        migrate_on_open: apply missing migrations; otherwise they are a SchemaMismatch.
    Raises:
        InvalidInput: on `dsn`; the text never contains the password.
    """
    chosen = pool or _own_pool(dsn, deadline_s)
    if chosen is None:
        return MemoryStore(clock=clock)
    return PostgresStore(
        pool=chosen, clock=clock, deadline_s=deadline_s, migrate_on_open=migrate_on_open
    )


def open_foreign_line(
    database: str | asyncpg.Pool[Any],
    *,
    origin: str,
    clock: Clock,
    schema: str = "public",
    deadline_s: float = DEADLINE_S,
) -> ForeignChunkLine:
    """The line to an application's own database, where chunks commit with their checkpoints.

    Args:
        database: the DSN of a PostgreSQL server, or a pool of the application's, which stays its.
        origin: of the board, `Store.batch_origin`.
        schema: where its tables are, and are made where they are missing.
    Raises:
        InvalidInput: on `database`, `pool` or `schema`.
    """
    if not isinstance(database, str):
        chunks: ChunkPool = HostChunkPool(database, kept=0, deadline_s=deadline_s)
    elif database.startswith(("postgresql://", "postgres://")):
        chunks = _server_pool(database, deadline_s).chunk_pool()
    else:
        fix = "write postgresql://user@host/database, or give an asyncpg pool"
        raise invalid("database", "is not the address of a PostgreSQL server", fix)
    return ForeignChunkLine(chunks, origin=origin, schema=schema, clock=clock)


def _own_pool(dsn: str, deadline_s: float) -> OwnPool | None:
    """The connections that a DSN asks for; None for `memory:`."""
    form, colon, rest = dsn.partition(":")
    match form + colon:
        case "memory:" if not rest:
            return None
        case "embedded:" if rest:
            return OwnPool(_Embedded(Path(rest).expanduser()), deadline_s=deadline_s)
        case "postgresql:" | "postgres:" if rest.startswith("//"):
            return _server_pool(dsn, deadline_s)
    # Only what is a scheme is shown: anything else may be a password.
    shown = f"{form}://" if rest.startswith("//") and form.isalnum() else "this"
    raise invalid("dsn", f"{shown} is not a form of DSN", FORMS)


def _server_pool(dsn: str, deadline_s: float) -> OwnPool:
    address, _, query = dsn.partition("?")
    options = query.split("&") if query else []
    sizes = [option for option in options if option.startswith(f"{CACHE_OPTION}=")]
    others = "&".join(option for option in options if option not in sizes)
    plain = f"{address}?{others}" if others else address
    _check_address(plain)
    size = _cache_size(sizes[-1].partition("=")[2]) if sizes else None
    return OwnPool(_Fixed(plain), deadline_s=deadline_s, statement_cache_size=size)


def _check_address(dsn: str) -> None:
    fix = "quote / : @ ? # % in the password as %2F %3A %40 %3F %23 %25"
    try:
        parts = urlsplit(dsn)
        for host in parts.netloc.rpartition("@")[2].split(","):
            _ = urlsplit(f"//{host}").port
    except ValueError:
        # What it says may quote a piece of the password.
        raise invalid("dsn", "has no valid host and port", fix) from None
    if parts.fragment:
        raise invalid("dsn", "contains a #", fix)


def _cache_size(text: str) -> int:
    if text.isdecimal() and len(text) <= 5:
        return int(text)
    raise invalid(f"dsn.{CACHE_OPTION}", f"{text[:20]!r} is not a number", "write 0, or leave it")


class _Fixed:
    """A server that somebody else runs."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def start(self) -> None:
        """Nothing: it runs, or it does not."""

    async def dsn(self) -> str:
        return self._dsn

    def known_dsn(self) -> str:
        return self._dsn

    async def close(self) -> None:
        """Nothing: it goes on."""


class _Embedded:
    """The server in a directory, looked after each time somebody wants to connect."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: EmbeddedServer | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        from callboard.store.embedded import EmbeddedServer  # POSIX only

        async with self._starting:
            if self._server is None:
                self._server = await EmbeddedServer.open(self._directory)

    async def dsn(self) -> str:
        if self._server is None:
            raise StoreUnavailable("the embedded server is not started, or closed already")
        await self._server.ensure_running()
        return self._server.dsn

    def known_dsn(self) -> str:
        if self._server is None:
            raise StoreUnavailable("the embedded server is not started, or closed already")
        return self._server.dsn

    async def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.close()
