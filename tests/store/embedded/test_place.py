"""Paths, sockets and the log of an embedded server's directory."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from callboard.store.embedded import DirectoryUnusable, EmbeddedServer
from callboard.store.embedded.identity import identify
from callboard.store.embedded.place import (
    LOG_LIMIT_BYTES,
    Place,
    dsn_of,
    find_socket_directory,
    log_tail,
    open_place,
    prepare_socket_directory,
    trim_log,
)
from store.embedded.conftest import copy_into

LONG = "x" * 120
ODD_NAMES = ['it\'s "quoted" 夜🎭 100%20 ?a=b&c#d back\\slash', "comma,comma", LONG]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where sockets go that do not fit; short, as a temporary directory should be."""
    with tempfile.TemporaryDirectory(prefix="cb-", dir="/tmp") as directory:
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", directory)
        yield Path(directory)


def list_names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def prepared(directory: Path) -> tuple[Place, Path]:
    place = open_place(directory)
    place.data.mkdir(exist_ok=True)
    return place, prepare_socket_directory(place, identify(place.data))


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_a_directory_may_have_any_name(
    directory: Path, tmp_path: Path, outside: Path, name: str
) -> None:
    directory = copy_into(tmp_path / name, directory)
    async with await EmbeddedServer.open(directory) as server:
        connection = await asyncpg.connect(server.dsn)
        assert await connection.fetchval("select 1") == 1
        await connection.close()
    assert list_names(outside) == []


async def test_a_directory_may_lie_deeper_than_postgresql_can_name(
    tmp_path: Path, outside: Path
) -> None:
    directory = tmp_path.joinpath(*["deep" * 50] * 6)
    assert len(str(directory)) > 1024
    async with await EmbeddedServer.open(directory) as first:
        async with await EmbeddedServer.open(directory) as second:
            assert second.dsn == first.dsn


def test_a_short_path_has_its_socket_within(outside: Path) -> None:
    place, directory = prepared(outside / "short")
    assert directory == place.directory / "socket"
    assert find_socket_directory(place) == directory


def test_a_long_path_has_its_socket_outside_in_a_private_directory(outside: Path) -> None:
    place, directory = prepared(outside / LONG)
    assert directory.parent == outside
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert find_socket_directory(place) == directory


def test_the_runtime_directory_is_preferred(outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (outside / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(outside / "run"))
    assert prepared(outside / LONG)[1].parent == outside / "run"


def test_all_processes_use_one_socket_whatever_their_environment(
    outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, directory = prepared(outside / LONG)
    (outside / "other").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(outside / "other"))
    assert find_socket_directory(place) == directory
    assert prepared(outside / LONG)[1] == directory


def test_a_socket_directory_that_was_swept_away_is_made_again(outside: Path) -> None:
    place, directory = prepared(outside / LONG)
    directory.rmdir()
    assert find_socket_directory(place) is None
    assert prepared(outside / LONG)[1] == directory


def test_a_temporary_directory_that_is_too_long_is_passed_over(
    outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outside / LONG).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(outside / LONG))
    directory = prepared(outside / LONG)[1]
    assert directory.parent == Path("/tmp")
    directory.rmdir()


def test_two_directories_have_two_sockets(outside: Path) -> None:
    assert prepared(outside / f"{LONG}1")[1] != prepared(outside / f"{LONG}2")[1]


def test_a_socket_directory_that_others_may_enter_is_refused(outside: Path) -> None:
    place, directory = prepared(outside / LONG)
    directory.chmod(0o755)
    with pytest.raises(DirectoryUnusable, match="mode 0700"):
        find_socket_directory(place)
    with pytest.raises(DirectoryUnusable, match="mode 0700"):
        prepared(outside / LONG)


def test_a_link_in_the_place_of_the_outside_directory_is_refused(outside: Path) -> None:
    _, directory = prepared(outside / LONG)
    (outside / LONG / "socket").unlink()
    directory.rmdir()
    (outside / "trap").mkdir(mode=0o700)
    directory.symlink_to(outside / "trap")
    with pytest.raises(DirectoryUnusable, match="mode 0700"):
        prepared(outside / LONG)


def test_a_directory_is_known_by_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert open_place(tmp_path / "link") == open_place(tmp_path / "real")


def test_a_missing_directory_is_made_private(tmp_path: Path) -> None:
    place = open_place(tmp_path / "a" / "b")
    assert stat.S_IMODE(place.directory.stat().st_mode) == 0o700


def test_an_unwritable_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DirectoryUnusable, match="is not writable for uid"):
        open_place(tmp_path)


def test_a_name_with_a_nul_is_refused() -> None:
    with pytest.raises(DirectoryUnusable, match="cannot be made"):
        open_place(Path("a\0b"))


def test_dsn_names_the_port_and_quotes_the_path() -> None:
    dsn = dsn_of(Path("/a b/ü&?"))
    assert dsn == "postgresql://callboard@/callboard?host=/a%20b/%C3%BC%26%3F&port=5432"


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    place = open_place(tmp_path)
    trim_log(place)
    place.log.write_text("one line\n")
    trim_log(place)
    assert place.log.read_text() == "one line\n"


def test_a_large_log_is_cut_and_its_end_kept(tmp_path: Path) -> None:
    place = open_place(tmp_path)
    place.log.write_bytes(b"x" * LOG_LIMIT_BYTES * 2 + b"the end\n")
    trim_log(place)
    kept = place.log.with_name("postgres.log.1").read_bytes()
    assert place.log.read_bytes() == b""
    assert (len(kept), kept[-8:]) == (LOG_LIMIT_BYTES, b"the end\n")


def test_a_writer_goes_on_in_a_log_that_was_cut(tmp_path: Path) -> None:
    place = open_place(tmp_path)
    with open(place.log, "ab", buffering=0) as server:
        server.write(b"x" * (LOG_LIMIT_BYTES + 1))
        trim_log(place)
        server.write(b"next\n")
    assert place.log.read_bytes() == b"next\n"


def test_the_tail_of_the_log_begins_after_the_start(tmp_path: Path) -> None:
    place = open_place(tmp_path)
    place.log.write_text("before\nafter 1\nafter 2\nafter 3\n")
    assert log_tail(place, after=7, lines=2) == "after 2\nafter 3"
