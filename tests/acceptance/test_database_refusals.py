"""A database that says no: each refusal tells what to do, and what can pass is waited for."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from acceptance.nodes import until
from callboard import BoardConfig, Callboard, every
from callboard.domain.states import RunState
from callboard.errors import CallboardError, StoreError
from support.postgres import database, dsn_for

CONFIG = BoardConfig(lease_s=5.0, drain_s=0.0, poll_s=0.5)


@pytest.fixture
def server(postgres_servers: Mapping[str, str]) -> str:
    return postgres_servers[max(postgres_servers, key=int)]


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def with_user(dsn: str, user: str) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


@asynccontextmanager
async def role(server: str, *rights: str) -> AsyncIterator[str]:
    """A user with a database; `rights` are statements with {user} and {database}."""
    name = f"user_{uuid.uuid4().hex[:12]}"
    await execute(server, f"create role {name} login")
    async with database(server) as dsn:
        place = urlsplit(dsn).path.removeprefix("/")
        await execute(server, *(right.format(user=name, database=place) for right in rights))
        yield with_user(dsn, name)
    await execute(server, f"drop owned by {name}", f"drop role {name}")


async def refusal(dsn: str) -> str:
    """What opening a board says."""
    with pytest.raises(CallboardError) as refused:
        async with Callboard(dsn, config=CONFIG):
            pass
    return str(refused.value)


async def test_a_database_that_is_not_there(server: str) -> None:
    said = await refusal(dsn_for(server, "nowhere"))
    assert '"nowhere" does not exist' in said
    assert "create it" in said


async def test_a_user_that_is_not_known(server: str) -> None:
    said = await refusal(with_user(server, "stranger"))
    assert "stranger" in said
    assert "check the user in the DSN" in said


async def test_a_user_who_may_not_make_the_schema(server: str) -> None:
    async with role(server, "revoke create on database {database} from {user}") as dsn:
        said = await refusal(dsn)
    assert "permission denied" in said
    assert "own the schema callboard" in said


@asynccontextmanager
async def waiting(dsn: str) -> AsyncIterator[Callboard]:
    """A board that is opened without being waited for."""
    board = Callboard(dsn, config=CONFIG)
    await board.open()
    try:
        yield board
    finally:
        await board.close()


async def says(board: Callboard, word: str) -> None:
    async def does() -> bool:
        return any(word in reason for reason in board.health().reasons)

    await until(does, f"the board says {word!r}")


async def test_a_server_that_only_reads_is_waited_for(server: str) -> None:
    async with database(server) as dsn:
        async with Callboard(dsn, config=CONFIG):
            pass  # the schema is there, as on a standby
        place = urlsplit(dsn).path.removeprefix("/")
        await execute(server, f'alter database "{place}" set default_transaction_read_only = on')
        async with waiting(dsn) as board:
            await says(board, "name the primary in the DSN")
            await execute(
                server,
                f'alter database "{place}" reset default_transaction_read_only',
                f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{place}'",
            )
            await board.wait_ready(30.0)


async def test_too_few_connections_are_waited_for(server: str) -> None:
    rights = (
        'alter database "{database}" owner to {user}',
        'alter database "{database}" connection limit 0',
    )
    async with role(server, *rights) as dsn:
        place = urlsplit(dsn).path.removeprefix("/")
        async with waiting(dsn) as board:
            await says(board, "max_connections")
            await execute(server, f'alter database "{place}" connection limit -1')
            await board.wait_ready(30.0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MB that the server may write on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m,mode=777", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root can make a small disk")
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o711)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def keep(**arguments: object) -> int:
    return len(arguments)


async def fill(board: Callboard) -> None:
    """Store until the disk is full."""
    for number in range(100):
        await board.start("big", {"number": number, "text": os.urandom(500_000).hex()})


async def test_a_full_disk_refuses_and_goes_on_when_there_is_room(
    server: str, small_disk: Path
) -> None:
    space = f"small_{uuid.uuid4().hex[:12]}"
    await execute(server, f"create tablespace {space} location '{small_disk}'")
    async with database(server) as dsn:
        place = urlsplit(dsn).path.removeprefix("/")
        await execute(server, f'alter database "{place}" set tablespace {space}')
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(16_000_000))
        async with Callboard(dsn, config=BoardConfig(executes=False, lease_s=60.0)) as board:
            await board.define(keep, name="big")
            with pytest.raises(StoreError, match="make room on the server's disk"):
                await fill(board)
            stored = (await board.count_live_runs())[RunState.QUEUED]
            ballast.unlink()
            handle = await board.start("big", {"number": -1})
            await board.schedule("hourly", every(hours=1), "big")
            assert (await board.count_live_runs())[RunState.QUEUED] == stored + 1
            assert (await board.get_run(handle.id)).arguments == {"number": -1}
    await execute(server, f"drop tablespace {space}")
