"""`callboard migrate`."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg

from callboard_sql import migrations
from service.cli.conftest import Beside, Callboard, Run

ALL = [f"{migration.version:04}_{migration.name}" for migration in migrations()]


async def test_it_applies_what_is_missing_and_says_what(empty_dsn: str, beside: Beside) -> None:
    dry = await beside("migrate", "--dsn", empty_dsn, "--dry-run")
    assert dry.code == 0
    assert dry.out.split() == [word for name in ALL for word in ("missing", name)]
    done = await beside("migrate", "--dsn", empty_dsn)
    assert done.code == 0
    assert done.out.split() == [word for name in ALL for word in ("applied", name)]
    again = await beside("migrate", env={"CALLBOARD_DSN": empty_dsn})
    assert again.code == 0
    assert again.out == "the schema is up to date\n"
    as_json = await beside("migrate", "--dry-run", "--json", "--dsn", empty_dsn)
    assert as_json.value == {"missing": []}


async def test_it_refuses_a_newer_schema(empty_dsn: str, beside: Beside) -> None:
    assert (await beside("migrate", "--dsn", empty_dsn)).code == 0
    await execute(empty_dsn, "insert into callboard.schema_migration values (9999, 'later')")
    for words in (("migrate",), ("migrate", "--dry-run")):
        refused = await beside(*words, "--dsn", empty_dsn)
        assert refused.code == 3
        assert "is newer than this program" in refused.err


def test_it_makes_an_embedded_database(tmp_path: Path, run_process: Run) -> None:
    dsn = f"embedded:{tmp_path / 'data'}"
    first = run_process("migrate", "--dsn", dsn, "--json")
    assert first.wait() == 0
    assert json.loads(first.out) == {"applied": ALL}
    assert run_process("migrate", "--dsn", dsn, "--json").wait() == 0


def test_memory_has_no_schema(local: Callboard) -> None:
    done = local("migrate", "--dsn", "memory:")
    assert done.code == 2
    assert "memory: has no schema" in done.err


def test_no_database_is_4(local: Callboard) -> None:
    done = local("migrate", "--dsn", "postgresql://callboard@127.0.0.1:9/callboard")
    assert done.code == 4
    assert "the database is not available" in done.err


def test_a_dsn_that_is_none_is_usage_and_stays_secret(local: Callboard) -> None:
    done = local("migrate", "--dsn", "mysql://me:geheim@h/d")
    assert done.code == 2
    assert "is not a form of DSN" in done.err
    assert "geheim" not in done.err


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
