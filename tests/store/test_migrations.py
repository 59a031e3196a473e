"""Migrations: applied once, whoever starts together; a database that is not ours is refused."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import callboard_sql
from callboard.errors import SchemaMismatch
from callboard.store.migrate import migrate, verify
from callboard_sql import migrations
from support.postgres_store import connected, opened, seen, someone_waits

SCHEMA = Path(callboard_sql.__path__[0], "schema.sql").read_text("utf-8")
LABELS = [f"{migration.version:04}_{migration.name}" for migration in migrations()]

CATALOG = {
    "columns": """
        select c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod),
            a.attnotnull, a.attidentity, a.attgenerated, l.collname,
            pg_get_expr(d.adbin, d.adrelid)
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        left join pg_collation l on l.oid = a.attcollation
        where c.relnamespace = 'callboard'::regnamespace and c.relkind in ('r', 'v')
    """,
    "constraints": """
        select c.conrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid)
        from pg_constraint c
        where c.connamespace = 'callboard'::regnamespace
            and c.contype <> 'n' -- said by the columns; named by the way a table came about
    """,
    "indexes": """
        select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), i.indisunique
        from pg_index i
        join pg_class c on c.oid = i.indexrelid
        where c.relnamespace = 'callboard'::regnamespace
    """,
    "options": """
        select c.relname, unnest(c.reloptions)
        from pg_class c
        where c.relnamespace = 'callboard'::regnamespace
    """,
    "sequences": """
        select s.sequencename, s.start_value, s.min_value, s.max_value, s.increment_by, s.cycle,
            d.refobjid::regclass::text, d.refobjsubid
        from pg_sequences s
        left join pg_depend d on d.objid = format('callboard.%I', s.sequencename)::regclass
            and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
        where s.schemaname = 'callboard'
    """,
    "views": """
        select viewname, definition
        from pg_views
        where schemaname = 'callboard'
    """,
    "functions": """
        select pg_get_functiondef(p.oid)
        from pg_proc p
        where p.pronamespace = 'callboard'::regnamespace
    """,
    "comments": """
        select pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description
        from pg_description d
        where pg_describe_object(d.classoid, d.objoid, d.objsubid) like '%callboard.%'
    """,
}


async def read_catalog(connection: asyncpg.Connection[Any], part: str) -> list[str]:
    # Names are only written out in full for what is not on the path.
    await connection.execute("set search_path = ''")
    return sorted(str(tuple(row)) for row in await connection.fetch(CATALOG[part]))


async def test_an_empty_database_gets_every_migration_in_order(empty_dsn: str) -> None:
    async with connected(empty_dsn) as connection:
        assert await migrate(connection) == LABELS
        await verify(connection)


async def test_a_migrated_database_gets_none_again(empty_dsn: str) -> None:
    async with connected(empty_dsn) as connection:
        await migrate(connection)
        assert await migrate(connection) == []


async def test_starters_at_the_same_moment_share_the_work(empty_dsn: str) -> None:
    async def start() -> list[str]:
        async with connected(empty_dsn) as connection:
            applied = await migrate(connection)
            await verify(connection)
            return applied

    shares = await asyncio.gather(*(start() for _ in range(8)))
    assert sorted(label for share in shares for label in share) == LABELS


async def test_stores_that_open_at_the_same_moment_all_open(empty_dsn: str) -> None:
    async def start() -> int:
        async with opened(empty_dsn) as store:
            return (await store.event_range())[1]

    assert await asyncio.gather(*(start() for _ in range(4))) == [0, 0, 0, 0]


async def test_a_second_starter_waits_for_the_first_and_finds_the_work_done(
    empty_dsn: str,
) -> None:
    async with connected(empty_dsn) as first, connected(empty_dsn) as second:
        await migrate(first)
        await first.execute("delete from callboard.schema_migration where version = 1")
        transaction = first.transaction()
        await transaction.start()
        await first.execute(
            "insert into callboard.schema_migration (version, name) values (1, 'expand_core')"
        )
        waiting = asyncio.ensure_future(migrate(second))
        await seen(lambda: someone_waits(empty_dsn))
        await transaction.commit()
        assert await waiting == []


async def test_a_failed_migration_leaves_nothing(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = callboard_sql.Migration(
        version=1,
        name="expand_core",
        sql="insert into callboard.schema_migration (version, name) values (1, 'expand_core');"
        " create table callboard.half (); select nonsense;",
    )
    monkeypatch.setattr("callboard.store.migrate.migrations", lambda: (broken,))
    async with connected(empty_dsn) as connection:
        with pytest.raises(SchemaMismatch):
            await migrate(connection)
        assert await connection.fetchval("select to_regclass('callboard.half')") is None
        assert await connection.fetchval("select count(*) from callboard.schema_migration") == 0


@pytest.mark.parametrize("step", [migrate, verify])
async def test_a_newer_schema_is_refused_in_words(empty_dsn: str, step: Any) -> None:
    async with connected(empty_dsn) as connection:
        await migrate(connection)
        await connection.execute(
            "insert into callboard.schema_migration (version, name) values (9999, 'expand_x')"
        )
        with pytest.raises(SchemaMismatch, match="newer than this program: it has 9999_expand_x"):
            await step(connection)


async def test_a_foreign_schema_of_the_same_name_is_refused(empty_dsn: str) -> None:
    async with connected(empty_dsn) as connection:
        await migrate(connection)
        await connection.execute("update callboard.schema_migration set name = 'other'")
        with pytest.raises(SchemaMismatch, match="not this program's"):
            await verify(connection)


async def test_a_store_that_may_not_migrate_says_what_is_missing(empty_dsn: str) -> None:
    with pytest.raises(SchemaMismatch, match=f"lacks {LABELS[0]}.*callboard migrate"):
        async with opened(empty_dsn, migrate_on_open=False):
            pass


async def test_a_migrated_database_needs_no_right_to_create_schemas(empty_dsn: str) -> None:
    async with connected(empty_dsn) as connection:
        await migrate(connection)
        role = f"clerk_{(await connection.fetchval('select current_database()'))[-12:]}"
        await connection.execute(f"create role {role}")
        try:
            await connection.execute(
                f"grant usage on schema callboard to {role};"
                f" grant select on all tables in schema callboard to {role}; set role {role}"
            )
            assert await migrate(connection) == []
            await verify(connection)
        finally:
            await connection.execute(f"reset role; drop owned by {role}; drop role {role}")


async def test_schema_sql_is_what_the_migrations_make(empty_dsn: str) -> None:
    async with connected(empty_dsn) as connection:
        await migrate(connection)
        migrated = {part: await read_catalog(connection, part) for part in CATALOG}
        await connection.execute("drop schema callboard cascade")
        await connection.execute(SCHEMA)
        for part, rows in migrated.items():
            assert await read_catalog(connection, part) == rows, part
            assert rows, part


def test_migrations_are_numbered_from_one_without_gaps() -> None:
    assert [migration.version for migration in migrations()] == list(range(1, len(LABELS) + 1))


@pytest.mark.parametrize("migration", migrations(), ids=LABELS)
def test_a_migration_first_inserts_its_number(migration: callboard_sql.Migration) -> None:
    assert re.fullmatch(r"(expand|contract)_[a-z0-9_]+", migration.name)
    first = "insert into callboard.schema_migration (version, name) values"
    assert migration.sql.startswith(f"{first} ({migration.version}, '{migration.name}');\n")
