"""One process: start, use, share, stop, restart, and what stands in the way."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from callboard.clock import SystemClock
from callboard.errors import InvalidInput, StoreUnavailable
from callboard.store.embedded import (
    DirectoryInUse,
    DirectoryUnusable,
    EmbeddedError,
    EmbeddedServer,
    ServerFailed,
    VersionMismatch,
    find_binaries,
)
from callboard.store.embedded.identity import identify
from callboard.store.embedded.place import open_place
from callboard.store.embedded.residue import live_postmaster
from store.embedded.processes import (
    eventually,
    kill_postmaster,
    postmaster_of,
    wait_for_end,
    wait_until,
    workers,
)
from support.postgres import found_binaries


async def ask(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("major", ["18", "15"])
async def test_first_start_makes_a_database_that_keeps_its_rows(tmp_path: Path, major: str) -> None:
    if major not in found_binaries():
        pytest.skip(f"PostgreSQL {major} is not installed")
    binaries = found_binaries()[major].directory
    async with await EmbeddedServer.open(tmp_path / "new", binaries=binaries) as server:
        assert server.is_owner
        assert server.version.split(".")[0] == major
        await execute(server.dsn, "create table kept as select 42 as n")
    async with await EmbeddedServer.open(tmp_path / "new", binaries=binaries) as server:
        assert await ask(server.dsn, "select n from kept") == 42


async def test_commits_are_durable_and_no_network_is_listened_on(directory: Path) -> None:
    async with await EmbeddedServer.open(directory) as server:
        assert await ask(server.dsn, "show fsync") == "on"
        assert await ask(server.dsn, "show synchronous_commit") == "on"
        assert await ask(server.dsn, "show listen_addresses") == ""


async def test_socket_lies_in_a_private_directory(directory: Path) -> None:
    async with await EmbeddedServer.open(directory):
        assert stat.S_IMODE((directory / "socket").stat().st_mode) == 0o700
        assert (directory / "socket" / ".s.PGSQL.5432").is_socket()


async def test_dsn_is_right_whatever_the_clients_environment_says(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "/nowhere", "PGDATA": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    async with await EmbeddedServer.open(directory) as server:
        assert await ask(server.dsn, "select current_database()") == "callboard"


async def test_settings_go_on_top_of_the_defaults(directory: Path) -> None:
    async with await EmbeddedServer.open(directory, settings={"work_mem": "9MB"}) as server:
        assert await ask(server.dsn, "show work_mem") == "9MB"
        assert await ask(server.dsn, "show jit") == "off"


async def test_a_setting_that_opens_the_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"settings\.listen_addresses: is fixed"):
        await EmbeddedServer.open(tmp_path, settings={"listen_addresses": "*"})


async def test_a_setting_that_postgresql_refuses_is_reported_in_its_words(directory: Path) -> None:
    with pytest.raises(ServerFailed, match="invalid value for parameter") as caught:
        await EmbeddedServer.open(directory, settings={"shared_buffers": "banana"})
    assert "ended while starting" in caught.value.reason


async def test_close_ends_the_server_in_order(directory: Path) -> None:
    server = await EmbeddedServer.open(directory)
    pid = postmaster_of(directory)
    await server.close()
    assert not (directory / "pgdata" / "postmaster.pid").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "database system is shut down" in (directory / "postgres.log").read_text()


async def test_close_does_not_wait_for_clients(directory: Path) -> None:
    server = await EmbeddedServer.open(directory)
    connection = await asyncpg.connect(server.dsn)
    await server.close()
    assert live_postmaster(directory / "pgdata") is None
    connection.terminate()


async def test_close_ends_a_server_that_hangs(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = ((signal.SIGINT, 0.05), (signal.SIGQUIT, 0.05), (signal.SIGKILL, 30.0))
    monkeypatch.setattr("callboard.store.embedded.launch._STOP_STEPS", steps)
    server = await EmbeddedServer.open(directory)
    os.kill(postmaster_of(directory), signal.SIGSTOP)
    await server.close()
    assert live_postmaster(directory / "pgdata") is None


async def test_close_twice_is_harmless_and_final(directory: Path) -> None:
    server = await EmbeddedServer.open(directory)
    await server.close()
    await server.close()
    assert not server.is_owner
    with pytest.raises(StoreUnavailable, match="was closed"):
        await server.ensure_running()


async def test_ctrl_c_in_the_terminal_does_not_reach_the_server(directory: Path) -> None:
    async with await EmbeddedServer.open(directory):
        assert os.getpgid(postmaster_of(directory)) != os.getpgrp()


async def test_a_second_opening_uses_the_first_ones_server(directory: Path) -> None:
    async with await EmbeddedServer.open(directory) as first:
        async with await EmbeddedServer.open(directory) as second:
            assert (first.is_owner, second.is_owner) == (True, False)
            assert (first.dsn, first.version) == (second.dsn, second.version)
        assert await ask(first.dsn, "select 1") == 1


async def test_openings_at_once_agree_on_one_owner(tmp_path: Path) -> None:
    servers = await asyncio.gather(*(EmbeddedServer.open(tmp_path) for _ in range(4)))
    assert sum(server.is_owner for server in servers) == 1
    assert len({server.dsn for server in servers}) == 1
    for server in servers:
        await server.close()


async def test_those_left_take_over_when_the_owner_closes(directory: Path) -> None:
    first = await EmbeddedServer.open(directory)
    async with await EmbeddedServer.open(directory) as second:
        await first.close()
        await second.ensure_running()
        assert second.is_owner
        assert await ask(second.dsn, "select 1") == 1


async def test_ensure_running_leaves_a_running_server_alone(directory: Path) -> None:
    async with await EmbeddedServer.open(directory) as server:
        pid = postmaster_of(directory)
        await server.ensure_running()
        assert postmaster_of(directory) == pid


async def test_ensure_running_restarts_a_killed_server(directory: Path) -> None:
    async with await EmbeddedServer.open(directory) as server:
        await execute(server.dsn, "create table if not exists kept as select 42 as n")
        kill_postmaster(directory)
        await asyncio.gather(*(server.ensure_running() for _ in range(3)))
        assert await ask(server.dsn, "select n from kept") == 42


async def test_ensure_running_restarts_a_killed_server_whose_backend_computes_on(
    directory: Path,
) -> None:
    async with await EmbeddedServer.open(directory) as server:
        busy = await asyncpg.connect(server.dsn)
        backend = busy.get_server_pid()
        endless = busy.fetchval("select sum(n) from generate_series(1, 100000000000) as n")
        computing = asyncio.ensure_future(endless)
        await eventually(lambda: is_computing(backend), "the backend computes")
        kill_postmaster(directory)
        await server.ensure_running()
        wait_for_end(backend, directory)
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await computing
        busy.terminate()


async def test_a_pid_file_that_names_a_stranger_fools_nobody(crashed: Path) -> None:
    with running("sleep", "600") as stranger:
        name_in_pid_files(crashed, stranger.pid)
        async with await EmbeddedServer.open(crashed) as server:
            assert await ask(server.dsn, "select count(*) > 0 from entry")
        assert stranger.poll() is None


async def test_a_pid_file_that_names_a_zombie_fools_nobody(crashed: Path) -> None:
    with running("true") as zombie:
        wait_for_zombie(zombie.pid)
        name_in_pid_files(crashed, zombie.pid)
        async with await EmbeddedServer.open(crashed) as server:
            assert await ask(server.dsn, "select count(*) > 0 from entry")


async def test_another_server_on_the_data_is_named_and_left_alone(
    directory: Path, tmp_path: Path
) -> None:
    with foreign_server(directory, tmp_path) as pid:
        with pytest.raises(DirectoryInUse, match=f"process {pid}"):
            await EmbeddedServer.open(directory)
        assert live_postmaster(directory / "pgdata") is not None


async def test_a_server_that_outlived_its_owner_is_adopted_and_stopped(directory: Path) -> None:
    orphan = await EmbeddedServer.open(directory)
    pid = postmaster_of(directory)
    # The owner lets go of its server, as if it had died where death signals do not exist.
    orphan._election.resign()
    server = await EmbeddedServer.open(directory)
    assert server.is_owner
    assert postmaster_of(directory) == pid
    await server.close()
    assert live_postmaster(directory / "pgdata") is None
    assert orphan._process is not None
    assert orphan._process.wait() == 0


async def test_the_server_ends_with_the_thread_that_opened_it_and_is_restarted(
    directory: Path,
) -> None:
    opened: list[EmbeddedServer] = []

    def open_and_end() -> None:
        opened.append(asyncio.run(EmbeddedServer.open(directory)))

    thread = threading.Thread(target=open_and_end)
    thread.start()
    thread.join()
    log = directory / "postgres.log"
    await eventually(lambda: "database system is shut down" in log.read_text(), "it ends in order")
    await opened[0].ensure_running()
    assert await ask(opened[0].dsn, "select 1") == 1
    await opened[0].close()


async def test_data_of_another_major_version_is_refused_with_both_named(
    own_directory: Path,
) -> None:
    (own_directory / "pgdata" / "PG_VERSION").write_text("12\n")
    with pytest.raises(
        VersionMismatch, match=r"PostgreSQL 12, but the binaries are 18\."
    ) as caught:
        await EmbeddedServer.open(own_directory)
    assert "restore" in str(caught.value)


async def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DirectoryUnusable, match="cannot be made"):
        await EmbeddedServer.open(tmp_path / "file" / "below")


async def test_foreign_files_in_the_datas_place_are_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "pgdata").mkdir()
    (tmp_path / "pgdata" / "thesis.txt").write_text("mine")
    with pytest.raises(DirectoryUnusable, match="is not a PostgreSQL data directory"):
        await EmbeddedServer.open(tmp_path)
    assert (tmp_path / "pgdata" / "thesis.txt").read_text() == "mine"


async def test_data_without_our_role_is_refused(own_directory: Path) -> None:
    async with await EmbeddedServer.open(own_directory) as server:
        await execute(server.dsn, "create role other superuser login")
        renaming = server.dsn.replace("callboard@/callboard", "other@/postgres")
        await execute(renaming, "alter role callboard rename to stranger")
        with pytest.raises(EmbeddedError, match='role "callboard" does not exist'):
            await server.ensure_running()


async def test_a_failed_opening_leaves_no_lock_and_no_process(directory: Path) -> None:
    with pytest.raises(ServerFailed):
        await EmbeddedServer.open(directory, settings={"shared_buffers": "banana"})
    async with await EmbeddedServer.open(directory) as server:
        assert server.is_owner


async def test_a_cancelled_first_start_leaves_nothing_half_done(tmp_path: Path) -> None:
    opening = asyncio.ensure_future(EmbeddedServer.open(tmp_path))
    await eventually(lambda: bool(names_in(tmp_path, "pgdata.new-*/PG_VERSION")), "initdb works")
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert names_in(tmp_path, "*") == ["owner.lock", "postgres.log"]


async def test_a_server_that_another_owner_does_not_run_is_reported(tmp_path: Path) -> None:
    owner = EmbeddedServer(
        open_place(tmp_path), binaries=None, settings={}, clock=SystemClock(), patience_s=0
    )
    assert owner._election.try_win()
    with pytest.raises(ServerFailed, match=f"is run by process {os.getpid()} and does not answer"):
        await EmbeddedServer.open(tmp_path, patience_s=0.05)
    await owner.close()


def names_in(directory: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in directory.glob(pattern))


def is_computing(pid: int) -> bool:
    return "SELECT" in Path(f"/proc/{pid}/cmdline").read_text()


@pytest.fixture
def crashed(directory: Path) -> Path:
    """A directory whose owner and server died without a word, after some commits."""
    with workers(directory, "dead") as [worker]:
        pid = postmaster_of(directory)
        worker.process.send_signal(signal.SIGSTOP)
        kill_postmaster(directory)
        worker.kill()
        wait_for_end(pid, directory)
    return directory


@contextmanager
def running(*argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with PostgreSQL."""
    with subprocess.Popen(argv) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_zombie(pid: int) -> None:
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def name_in_pid_files(directory: Path, pid: int) -> None:
    """Let the pid files of a crashed server name another process, as after a reboot."""
    for path in (directory / "pgdata/postmaster.pid", directory / "socket/.s.PGSQL.5432.lock"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join([f"{pid}\n", *lines[1:]]))


@contextmanager
def foreign_server(directory: Path, elsewhere: Path) -> Iterator[int]:
    """Somebody's own server on the data, with its socket elsewhere."""
    data = directory / "pgdata"
    binaries = find_binaries(None, data)
    argv = [binaries.program("postgres"), "-D", str(data), "-c", "listen_addresses="]
    argv += ["-c", f"unix_socket_directories={elsewhere}"]
    with subprocess.Popen(
        identify(data).command(argv), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        try:
            wait_until((elsewhere / ".s.PGSQL.5432").exists, "the foreign server starts")
            yield process.pid
        finally:
            process.send_signal(signal.SIGINT)
