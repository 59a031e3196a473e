"""`embedded:PATH`: the store brings its server along, and brings it back."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from callboard.errors import StoreUnavailable
from callboard.store.contract import JobFilter, Store
from callboard.store.dsn import open_store
from callboard.store.embedded import BinariesMissing, find_binaries
from callboard.testing import VirtualClock
from support.factories import make_job, stored_job
from support.postgres_store import opened, seen


@pytest.fixture
def directory() -> Iterator[Path]:
    """A short path, for the socket's sake."""
    path = Path(tempfile.mkdtemp(prefix="callboard-store-"))
    try:
        find_binaries(None, path)
    except BinariesMissing:
        pytest.skip("there is no PostgreSQL on this machine")
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def test_a_store_in_a_directory_keeps_its_rows(directory: Path) -> None:
    async with opened(f"embedded:{directory}") as store:
        await stored_job(store, "kept")
    async with opened(f"embedded:{directory}") as store:
        assert [job.name for job in await store.list_jobs(JobFilter())] == ["kept"]


async def test_a_store_resumes_by_itself_after_its_server_was_killed(directory: Path) -> None:
    async with opened(f"embedded:{directory}") as store:
        await stored_job(store, "before")
        _kill_server(directory)
        await seen(lambda: _wrote(store, "after"), within_s=60)
        names = {job.name for job in await store.list_jobs(JobFilter())}
        assert names == {"before", "after"}


def _kill_server(directory: Path) -> None:
    [pid_file] = directory.rglob("postmaster.pid")
    os.kill(int(pid_file.read_text("utf-8").split()[0]), signal.SIGKILL)


async def _wrote(store: Store, name: str) -> bool:
    try:
        async with store.begin() as tx:
            await tx.insert_job(make_job(name))
    except StoreUnavailable:
        return False
    return True


def test_a_store_may_be_opened_on_one_loop_after_the_other(directory: Path) -> None:
    """A16."""
    store = open_store(f"embedded:{directory}", clock=VirtualClock())

    async def work(name: str) -> int:
        await store.open()
        try:
            await stored_job(store, name)
            return len(await store.list_jobs(JobFilter()))
        finally:
            await store.close()

    assert [asyncio.run(work(name)) for name in ("one", "two")] == [1, 2]
