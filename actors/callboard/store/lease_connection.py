"""How a thread of its own gets a connection for the lease: from an address, or as a host's pool
gets its connections.

The connection belongs to the event loop on which it is made, so nothing of the board's loop may be
used on the way: a host's own `connect`, or a password that is asked for each time, stays the
host's. Then there is no such connection.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Protocol, TypeAlias

import asyncpg

from callboard.errors import StoreUnavailable

APPLICATION_NAME: Final = "callboard lease"

Connect: TypeAlias = Callable[[float], Coroutine[Any, Any, "asyncpg.Connection[Any]"]]
"""A new connection on the running loop, within so many seconds; raises what asyncpg raises."""


class KnownAddress(Protocol):
    """Where the database is, as far as that is known without waiting."""

    def known_dsn(self) -> str:
        """Raises StoreUnavailable when there is none at present."""
        ...


def address_connect(address: KnownAddress, statement_cache_size: int | None) -> Connect:
    """Connections to an address; a cache size of 0 means a pooler, which takes no settings."""

    async def connect(timeout_s: float) -> asyncpg.Connection[Any]:
        options: dict[str, Any] = {"timeout": timeout_s, "max_cached_statement_lifetime": 0}
        if statement_cache_size is not None:
            options["statement_cache_size"] = statement_cache_size
        return await _connected((address.known_dsn(),), options)

    return connect


def pool_connect(pool: asyncpg.Pool[Any]) -> Connect | None:
    """Connections like those of a host's pool; None where only the host can make them."""
    if _parameters_of(pool) is None:
        return None

    async def connect(timeout_s: float) -> asyncpg.Connection[Any]:
        # Asked for each time: a host may change them while its pool lives.
        parameters = _parameters_of(pool)
        if parameters is None:
            raise StoreUnavailable("the host's pool makes its connections in a way of its own now")
        arguments, options = parameters
        return await _connected(arguments, {**options, "timeout": timeout_s})

    return connect


def _parameters_of(pool: asyncpg.Pool[Any]) -> tuple[tuple[Any, ...], Mapping[str, Any]] | None:
    """What the pool gives to asyncpg.connect; None: it calls something else, or is another pool."""
    arguments = getattr(pool, "_connect_args", None)
    options = getattr(pool, "_connect_kwargs", None)
    if not isinstance(arguments, tuple) or not isinstance(options, Mapping):
        return None
    if getattr(pool, "_connect", None) is not asyncpg.connect or callable(options.get("password")):
        return None
    return arguments, options


async def _connected(
    arguments: tuple[Any, ...], options: dict[str, Any]
) -> asyncpg.Connection[Any]:
    if options.get("statement_cache_size") != 0:
        settings = options.get("server_settings") or {}
        options["server_settings"] = {**settings, "application_name": APPLICATION_NAME}
    connection: asyncpg.Connection[Any] = await asyncpg.connect(*arguments, **options)
    return connection
