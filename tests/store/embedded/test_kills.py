"""Several processes, killed: what was committed stays, and those left go on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from callboard.store.embedded import EmbeddedServer
from callboard.store.embedded.residue import is_server, live_postmaster
from store.embedded.processes import (
    Worker,
    kill_postmaster,
    postmaster_of,
    wait_for_end,
    wait_until,
    workers,
)

ROUNDS = 3


def kill_owner(worker: Worker, directory: Path) -> None:
    worker.kill()


def kill_server(worker: Worker, directory: Path) -> None:
    kill_postmaster(directory)


def kill_both(worker: Worker, directory: Path) -> None:
    pid = postmaster_of(directory)
    worker.kill()
    if is_server(pid, directory / "pgdata"):
        with suppress(ProcessLookupError):  # it ends with its owner
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("kill", [kill_owner, kill_server, kill_both])
def test_committed_rows_survive(directory: Path, kill: Callable[[Worker, Path], None]) -> None:
    for _ in range(ROUNDS):
        with workers(directory, "lone") as [worker]:
            worker.write_more()
            kill(worker, directory)
            if worker.process.poll() is None:
                worker.write_more()
                assert worker.close() == 0
    assert_nothing_lost(directory, worker)


def test_server_ends_when_its_owner_is_killed(directory: Path) -> None:
    with workers(directory, "lone") as [worker]:
        pid = postmaster_of(directory)
        worker.kill()
        wait_for_end(pid, directory)
    assert live_postmaster(directory / "pgdata") is None
    assert "database system is shut down" in (directory / "postgres.log").read_text()


def test_survivors_take_over_from_a_killed_owner_and_write_on(directory: Path) -> None:
    with workers(directory, "first", "second", "third") as [first, second, third]:
        assert [w.is_owner for w in (first, second, third)] == [True, False, False]
        first.kill()
        # The old server may take some more rows before it is gone.
        wait_until(lambda: second.is_owner or third.is_owner, "one of them takes over")
        second.write_more()
        third.write_more()
        assert [w.is_owner for w in (second, third)].count(True) == 1
    assert_nothing_lost(directory, first, second, third)


def test_all_write_on_when_the_server_is_killed(directory: Path) -> None:
    with workers(directory, "first", "second") as [first, second]:
        for _ in range(ROUNDS):
            kill_postmaster(directory)
            first.write_more()
            second.write_more()
        assert first.is_owner
    assert_nothing_lost(directory, first, second)


def test_survivor_takes_over_when_owner_and_server_are_killed_at_once(directory: Path) -> None:
    with workers(directory, "first", "second") as [first, second]:
        kill_both(first, directory)
        wait_until(lambda: second.is_owner, "the survivor takes over")
        second.write_more()
    assert_nothing_lost(directory, first, second)


def test_survivor_takes_over_when_the_owner_closes(directory: Path) -> None:
    with workers(directory, "first", "second") as [first, second]:
        assert first.close() == 0
        second.write_more()
        assert second.is_owner
    assert_nothing_lost(directory, first, second)


def test_a_paused_owner_keeps_its_server(directory: Path) -> None:
    with workers(directory, "first", "second") as [first, second]:
        first.process.send_signal(signal.SIGSTOP)
        second.write_more()
        first.process.send_signal(signal.SIGCONT)
        first.write_more()
        assert (first.is_owner, second.is_owner) == (True, False)


def test_the_last_to_close_stops_the_server(directory: Path) -> None:
    with workers(directory, "first", "second"):
        pass
    assert live_postmaster(directory / "pgdata") is None


@pytest.mark.slow
def test_kills_at_random_instants_of_the_first_start_leave_nothing_half_done(
    tmp_path: Path,
) -> None:
    chance = random.Random(4711)
    for _ in range(ROUNDS):
        worker = Worker(tmp_path, "early")
        time.sleep(chance.uniform(0.3, 1.0))
        worker.kill()
    with workers(tmp_path, "early") as [worker]:
        worker.write_more()
    assert not list(tmp_path.glob("pgdata.new-*"))
    assert_nothing_lost(tmp_path, worker)


def test_a_kill_during_initdb_is_followed_by_a_clean_first_start(tmp_path: Path) -> None:
    worker = Worker(tmp_path, "early")
    wait_until(lambda: bool(list(tmp_path.glob("pgdata.new-*/PG_VERSION"))), "initdb works")
    worker.kill()
    assert not (tmp_path / "pgdata").exists()
    with workers(tmp_path, "early") as [worker]:
        worker.write_more()
    assert not list(tmp_path.glob("pgdata.new-*"))


def assert_nothing_lost(directory: Path, *writers: Worker) -> None:
    """Every row that was told as committed is there; at most one a kill is there untold."""
    rows = asyncio.run(count_rows(directory))
    for worker in writers:
        assert worker.written > 0
        present = rows[worker.name]
        assert present >= int(worker.acks.read_text().splitlines()[-1].split()[0])


async def count_rows(directory: Path) -> dict[str, int]:
    """By worker: the length of its unbroken sequence of rows from 1."""
    async with await EmbeddedServer.open(directory) as server:
        connection = await asyncpg.connect(server.dsn)
        query = "select worker, count(*) as count, max(n) as last from entry group by worker"
        rows = await connection.fetch(query)
        await connection.close()
    assert all(row["count"] == row["last"] for row in rows), "a gap"
    return {row["worker"]: row["count"] for row in rows}
