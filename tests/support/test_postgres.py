"""The suite's own servers."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from support.postgres import database, dsn_for


async def test_a_server_of_the_newest_version_serves_the_session(
    postgres_servers: Mapping[str, str],
) -> None:
    connection = await asyncpg.connect(postgres_servers["18"])
    try:
        assert connection.get_server_version().major == 18
    finally:
        await connection.close()


async def test_a_fresh_database_is_empty_and_goes_away(empty_dsn: str) -> None:
    connection = await asyncpg.connect(empty_dsn)
    try:
        query = "select count(*) from pg_tables where schemaname = 'public'"
        assert await connection.fetchval(query) == 0
    finally:
        await connection.close()


async def test_a_copy_of_a_template_has_its_tables(empty_dsn: str) -> None:
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute("create table planted (n int)")
    await connection.close()
    template = empty_dsn.split("?")[0].rsplit("/", 1)[1]
    async with database(dsn_for(empty_dsn, "postgres"), template) as copy:
        connection = await asyncpg.connect(copy)
        assert await connection.fetchval("select count(*) from planted") == 0
        await connection.close()


async def test_two_fresh_databases_have_different_names(
    postgres_servers: Mapping[str, str],
) -> None:
    async with (
        database(postgres_servers["18"]) as one,
        database(postgres_servers["18"]) as other,
    ):
        assert one != other
