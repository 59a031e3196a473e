"""Migrations: bring a database to this program's schema, and refuse one that is not ours.

Each migration is one transaction whose first statement inserts its number: of two processes that
start together, the second waits there for the first, and then finds the work done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from asyncpg.exceptions import UniqueViolationError

from callboard.errors import SchemaMismatch, StoreError
from callboard.store.statements import Connection, Statements
from callboard_sql import Migration, migrations

PATIENCE_S: Final = 600.0
"""How long one migration may take, waiting for another process's included."""

_BEGIN: Final = "begin isolation level read committed; set local statement_timeout = 0"


async def migrate(connection: Connection) -> list[str]:
    """Apply what is missing; the names of what was applied here, in order.

    Raises:
        SchemaMismatch: the schema is newer than this program, or not its own.
    """
    sql = Statements(connection, PATIENCE_S)
    if not await _has_table(sql):
        await _create_table(sql)
    pending = _pending(await _applied(sql))
    return [_label(migration) for migration in pending if await _apply(sql, migration)]


async def missing(connection: Connection) -> list[str]:
    """Names of the migrations that the database lacks, in order.

    Raises:
        SchemaMismatch: the schema is newer than this program, or not its own.
    """
    sql = Statements(connection, PATIENCE_S)
    applied = await _applied(sql) if await _has_table(sql) else {}
    return [_label(migration) for migration in _pending(applied)]


async def verify(connection: Connection) -> None:
    """Return when the database has exactly this program's migrations.

    Raises:
        SchemaMismatch: it lacks some, has newer ones, or they are not this program's.
    """
    names = await missing(connection)
    if names:
        raise SchemaMismatch(f"the database lacks {', '.join(names)}; run `callboard migrate`")


def _pending(applied: Mapping[int, str]) -> list[Migration]:
    known = {migration.version: migration.name for migration in migrations()}
    newest = max(known)
    for version, name in applied.items():
        if version > newest:
            raise SchemaMismatch(
                f"the database's schema is newer than this program: it has {version:04}_{name},"
                f" this program ends with {newest:04}_{known[newest]}; use the newer release"
            )
        if known.get(version) != name:
            raise SchemaMismatch(
                f"the database's schema callboard is not this program's: its migration {version}"
                f" is {name!r}, this program's is {known.get(version)!r}"
            )
    return [migration for migration in migrations() if migration.version not in applied]


async def _has_table(sql: Statements) -> bool:
    [row] = await sql.rows("find_schema")
    return bool(row["has_migrations"])


async def _create_table(sql: Statements) -> None:
    async with sql.transaction(_BEGIN):
        await sql.rows("lock_schema")
        [row] = await sql.rows("find_schema")
        # `if not exists` asks for the right to create a schema even where there is nothing to do.
        if not row["has_schema"]:
            await sql.rows("create_schema")
        await sql.rows("create_schema_migration")


async def _applied(sql: Statements) -> dict[int, str]:
    return {row["version"]: row["name"] for row in await sql.rows("list_migrations")}


async def _apply(sql: Statements, migration: Migration) -> bool:
    try:
        async with sql.transaction(_BEGIN):
            await sql.script(migration.sql)
    except StoreError as error:
        if _was_taken(error.__cause__):
            return False
        raise
    return True


def _was_taken(cause: BaseException | None) -> bool:
    return (
        isinstance(cause, UniqueViolationError) and cause.constraint_name == "schema_migration_pkey"
    )


def _label(migration: Migration) -> str:
    return f"{migration.version:04}_{migration.name}"
