"""Asks a server whether it serves, and makes Callboard's database when it is missing."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from callboard.store.embedded.faults import EmbeddedError
from callboard.store.embedded.place import DATABASE, dsn_of

_TIMEOUT_S = 5.0

# A server that vanishes in mid-sentence shows as any of these.
_ABSENT = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


async def greet(socket_directory: Path) -> str | None:
    """The version of the server behind the socket, `18.6`; None when none serves (yet).

    Raises:
        EmbeddedError: it serves, but has no role of ours: the data is not Callboard's.
    """
    try:
        try:
            return await _ask_version(socket_directory)
        except asyncpg.InvalidCatalogNameError:
            await _create_database(socket_directory)
            return await _ask_version(socket_directory)
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise EmbeddedError(
            f"the server in {str(socket_directory)!r} refuses us: {error}"
        ) from error
    except _ABSENT:
        return None


async def _ask_version(socket_directory: Path) -> str:
    connection = await asyncpg.connect(dsn_of(socket_directory), timeout=_TIMEOUT_S)
    try:
        # Distributions append their own words: 15.18 (Debian 15.18-0+deb12u1).
        return str(connection.get_settings().server_version).split()[0]
    finally:
        await connection.close(timeout=_TIMEOUT_S)


async def _create_database(socket_directory: Path) -> None:
    connection = await asyncpg.connect(dsn_of(socket_directory, "postgres"), timeout=_TIMEOUT_S)
    try:
        await connection.execute(f"create database {DATABASE}")
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        pass  # another process was faster
    finally:
        await connection.close(timeout=_TIMEOUT_S)
