"""Declarative steps of a node that is killed: another one goes on behind what was committed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from callboard import Callboard, Run
from support.batch_killed import CONFIG, JOBS
from support.postgres_store import connected

TESTS = Path(__file__).parent.parent


async def healed(dsn: str, job: str, arguments: dict[str, str]) -> Run:
    """The run, begun by a node that died of it, when this process has ended it."""
    node = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.batch_killed", dsn, job, json.dumps(arguments)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    said, _ = await node.communicate()
    assert node.returncode == -signal.SIGKILL
    async with Callboard(dsn, config=CONFIG) as board:
        await board.define(JOBS[job])
        run = await board.operator.wait(int(said), timeout_s=60)
        assert run.state == "succeeded", run.error
        dead, last = await board.operator.steps(run.id)
        assert (dead.exit_code, last.exit_code) == ("LOST", "COMPLETED")
        return run


@pytest.mark.slow
async def test_b06_a_node_killed_in_the_middle_of_a_scan_loses_and_doubles_nothing(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with connected(postgres_dsn) as connection:
        await connection.execute("create table line (n int)")
        run = await healed(postgres_dsn, "scan", {"flag": str(tmp_path / "flag")})
        rows = await connection.fetch("select n from line order by n")
        assert [row["n"] for row in rows] == [1, 2, 4, 5, 6, 7]
        skips = await connection.fetch(
            "select item from callboard.batch_skip where run_id = $1", run.id
        )
        assert [row["item"] for row in skips] == ["3"]


@pytest.mark.slow
async def test_b06_a_file_written_by_a_node_killed_before_the_commit_has_each_item_once(
    postgres_dsn: str, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    arguments = {"flag": str(tmp_path / "flag"), "path": str(path)}
    await healed(postgres_dsn, "dump", arguments)
    assert path.read_text() == "1\n2\n3\n4\n5\n6\n7\n"
