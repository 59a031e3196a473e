"""Directories with an initialised server; to make one takes longer than most tests."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from callboard.store.embedded import EmbeddedServer
from callboard.store.embedded.residue import live_postmaster


@pytest.fixture(scope="session")
def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("shared")
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def directory(shared_directory: Path) -> Path:
    """The directory of a server that does not run; tests take turns, and find others' tables."""
    if not is_in_order(shared_directory / "pgdata"):
        shutil.rmtree(shared_directory)
        initialise(shared_directory)
    for made in shared_directory.iterdir():
        if made.is_file():
            made.unlink()
    return shared_directory


@pytest.fixture
def own_directory(directory: Path, tmp_path: Path) -> Path:
    """The same for a test that spoils it."""
    return copy_into(tmp_path / "own", directory)


@pytest.fixture(autouse=True)
def _nothing_is_kept(tmp_path: Path) -> Iterator[None]:
    """Deletes what a test made: pytest would keep some 40 MB of each for three sessions."""
    yield
    for made in tmp_path.iterdir():
        if made.is_dir() and not made.is_symlink():
            shutil.rmtree(made)


def copy_into(directory: Path, source: Path) -> Path:
    directory.mkdir(parents=True)
    shutil.copytree(source / "pgdata", directory / "pgdata")
    return directory


def is_in_order(data: Path) -> bool:
    """Whether there is data, and the last test closed its server."""
    return (data / "PG_VERSION").exists() and live_postmaster(data) is None


def initialise(directory: Path) -> None:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(EmbeddedServer.open(directory))
    loop.run_until_complete(server.close())
    loop.close()
