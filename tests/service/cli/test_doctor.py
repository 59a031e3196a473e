"""`callboard doctor`: a line for everything that is right or wrong, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from callboard import BoardConfig
from callboard import Callboard as Board
from service.cli.conftest import Beside, Callboard, Done, Run
from service.cli.processes import ServiceProcess
from service.cli.test_migrate import execute

NOWHERE = "http://127.0.0.1:9"


def findings(out: str) -> dict[str, tuple[str, str, str | None]]:
    """Verdict, detail and fix by check."""
    found = [json.loads(line) for line in out.splitlines()]
    return {each["check"]: (each["verdict"], each["detail"], each["fix"]) for each in found}


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[ServiceProcess]:
    service = ServiceProcess(tmp_path / "service", f"embedded:{tmp_path / 'data'}")
    try:
        yield service
    finally:
        service.close()


def test_all_is_well_beside_a_running_service(embedded: ServiceProcess, run_process: Run) -> None:
    env = {"CALLBOARD_DSN": embedded.dsn, "CALLBOARD_URL": embedded.url}
    done = run_process("doctor", "--json", env=env)
    assert done.wait() == 0
    checks = (
        "settings",
        "binaries",
        "directory",
        "database",
        "version",
        "schema",
        "clock",
        "permissions",
        "nodes",
        "service",
    )
    verdicts = {check: verdict for check, (verdict, _, _) in findings(done.out).items()}
    assert verdicts == dict.fromkeys(checks, "ok")
    assert "(active, 64 shards)" in findings(done.out)["nodes"][1]
    shown = run_process("doctor", env=env)
    assert shown.wait() == 0
    assert [line.split()[:2] for line in shown.out.splitlines()] == [["ok", c] for c in checks]


async def test_an_empty_database_lacks_its_schema(empty_dsn: str, beside: Beside) -> None:
    done = await beside("doctor", "--json", "--dsn", empty_dsn, "--url", NOWHERE)
    assert done.code == 0
    found = findings(done.out)
    assert found["version"][:2] == ("ok", found["version"][1])
    verdict, detail, fix = found["schema"]
    assert (verdict, detail[:11]) == ("warn", "lacks 0001_")
    assert "callboard migrate" in str(fix)
    assert found["service"][0] == "warn"
    assert "permissions" not in found


async def test_a_newer_schema_fails(postgres_dsn: str, beside: Beside) -> None:
    await execute(postgres_dsn, "insert into callboard.schema_migration values (9999, 'later')")
    done = await beside("doctor", "--json", "--dsn", postgres_dsn, "--url", NOWHERE)
    assert done.code == 3
    assert findings(done.out)["schema"][0] == "fail"


async def test_missing_permissions_fail(postgres_dsn: str, beside: Beside) -> None:
    parts = urlsplit(postgres_dsn)
    reader = f"reader_{parts.path[-12:]}"
    await execute(
        postgres_dsn,
        f"create role {reader} login; grant usage on schema callboard to {reader};"
        f" grant select on all tables in schema callboard to {reader}",
    )
    try:
        host = parts.netloc.rpartition("@")[2]
        dsn = urlunsplit(parts._replace(netloc=f"{reader}@{host}"))
        done = await beside("doctor", "--json", "--dsn", dsn, "--url", NOWHERE)
        assert done.code == 3
        verdict, detail, fix = findings(done.out)["permissions"]
        assert verdict == "fail"
        assert "permission denied" in detail
        assert "grant" in str(fix)
        assert findings(done.out)["schema"][0] == "ok"
    finally:
        await execute(postgres_dsn, f"drop owned by {reader}; drop role {reader}")


async def test_roles_that_no_node_has_are_a_warning(postgres_dsn: str, beside: Beside) -> None:
    config = BoardConfig(fires=False, executes=False, node_name="desk")
    async with Board(postgres_dsn, config=config) as board:
        await board.wait_ready(60)
        done = await beside("doctor", "--json", "--dsn", postgres_dsn, "--url", NOWHERE)
    verdict, detail, fix = findings(done.out)["nodes"]
    assert (verdict, detail) == ("warn", "desk (passive, executes nothing)")
    assert fix is not None
    assert "no node decides slots: start one without --fires false" in fix
    assert "no node executes runs" in fix


def test_no_database_is_4(local: Callboard) -> None:
    dsn = "postgresql://me:geheim@127.0.0.1:9/callboard"
    done = doctor(local, "--dsn", dsn)
    assert done.code == 4
    assert "fail  database" in done.out
    assert "is it running?" in done.out
    assert "geheim" not in done.out + done.err


def doctor(local: Callboard, *words: str, **env: str) -> Done:
    return local("doctor", "--url", NOWHERE, *words, env=env)


def test_a_dsn_that_is_none_fails(local: Callboard) -> None:
    done = doctor(local, "--dsn", "mysql://h/d")
    assert done.code == 3
    assert "fail  database" in done.out


def test_memory_is_a_warning(local: Callboard) -> None:
    done = doctor(local, CALLBOARD_DSN="memory:")
    assert done.code == 0
    assert "warn  database     in memory -> nothing survives" in done.out


def test_a_directory_that_is_not_there_yet_is_left_alone(local: Callboard, tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = doctor(local, "--dsn", f"embedded:{data}")
    assert done.code == 0
    assert "is not there yet" in done.out
    assert "ok    binaries     PostgreSQL " in done.out
    assert not data.exists()


def test_a_directory_that_is_none_fails(local: Callboard, tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("")
    done = doctor(local, "--dsn", f"embedded:{file}")
    assert done.code == 3
    assert "fail  directory" in done.out


def test_data_of_another_major_version_fails(local: Callboard, tmp_path: Path) -> None:
    (tmp_path / "pgdata").mkdir()
    (tmp_path / "pgdata" / "PG_VERSION").write_text("9\n")
    done = doctor(local, "--dsn", f"embedded:{tmp_path}")
    assert done.code == 3
    assert "fail  binaries" in done.out
    assert "was written by PostgreSQL 9" in done.out


def test_handlers_that_cannot_be_imported_fail(local: Callboard) -> None:
    done = doctor(local, "--dsn", "memory:", CALLBOARD_HANDLERS="no_such_module,json")
    assert done.code == 3
    assert "fail  handlers     no_such_module cannot be imported" in done.out
    assert "ok    handlers     json" in done.out


def test_settings_that_are_wrong_fail_and_end_it(local: Callboard) -> None:
    done = doctor(local, CALLBOARD_PORT="99999", CALLBOARD_LOOP="trio")
    assert done.code == 3
    lines = done.out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["fail", "settings", "CALLBOARD_PORT:"],
        ["fail", "settings", "CALLBOARD_LOOP:"],
    ]


def test_a_short_token_is_a_warning_and_not_shown(local: Callboard) -> None:
    done = doctor(local, "--dsn", "memory:", CALLBOARD_TOKEN="tell-nobody")
    assert done.code == 0
    assert "warn  settings     the token is short" in done.out
    assert "tell-nobody" not in done.out + done.err
