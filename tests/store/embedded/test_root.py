"""The server of a root process in its three disguises, and of a process that is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from callboard.store.embedded import EmbeddedServer, RootRefused, find_binaries
from callboard.store.embedded import server as server_module
from callboard.store.embedded.identity import (
    Account,
    Disguise,
    Identity,
    can_run,
    choose_identity,
    look_around,
)
from callboard.store.embedded.shelter import reachable_binaries
from store.embedded.processes import postmaster_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has this problem")


@pytest.fixture
def stand_in() -> Account:
    entry = pwd.getpwnam("nobody")
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


@pytest.fixture
def without_namespaces(monkeypatch: pytest.MonkeyPatch, stand_in: Account) -> None:
    """As in a container that forbids user namespaces."""

    def identify(data: Path) -> Identity:
        found = look_around(data)
        return choose_identity(replace(found, has_namespaces=False, stand_in=stand_in), data)

    monkeypatch.setattr(server_module, "identify", identify)


@pytest.fixture
def shelter() -> Iterator[Path]:
    """A directory that everybody may enter."""
    with tempfile.TemporaryDirectory(prefix="cb-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


async def serve(directory: Path) -> None:
    async with await EmbeddedServer.open(directory) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("create table if not exists kept (n int)")
        await connection.execute("insert into kept values (1)")
        await connection.close()


async def test_in_a_namespace_all_files_stay_roots(directory: Path) -> None:
    if not look_around(directory).has_namespaces:
        pytest.skip("user namespaces are not permitted here")
    async with await EmbeddedServer.open(directory) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("create table made as select 1 as n")
        await connection.close()
    assert owners_below(directory) == {0}


async def test_without_namespaces_only_the_data_changes_its_owner(
    tmp_path: Path, without_namespaces: None, stand_in: Account
) -> None:
    modes = parent_modes(tmp_path)
    assert 0o700 in modes
    async with await EmbeddedServer.open(tmp_path / "embedded"):
        pid = postmaster_of(tmp_path / "embedded")
        assert os.stat(f"/proc/{pid}").st_uid == stand_in.uid
    assert owners_below(tmp_path / "embedded" / "pgdata") == {stand_in.uid}
    assert (tmp_path / "embedded").stat().st_uid == 0
    assert parent_modes(tmp_path) == modes


async def test_data_made_in_a_namespace_is_served_without_one_and_back(
    own_directory: Path,
    stand_in: Account,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    await serve(own_directory)
    request.getfixturevalue("without_namespaces")
    await serve(own_directory)
    monkeypatch.undo()
    await serve(own_directory)
    assert owners_below(own_directory / "pgdata") == {stand_in.uid}


def test_a_private_copy_of_the_programs_is_sheltered(
    tmp_path: Path, shelter: Path, stand_in: Account
) -> None:
    private = private_copy(tmp_path)
    identity = Identity(disguise=Disguise.USER, owner=stand_in, has_setpriv=True)
    binaries = find_binaries(private, tmp_path / "none")
    assert not can_run(identity, binaries.program("postgres"))
    found = reachable_binaries(binaries, identity, [tmp_path, shelter])
    assert found.directory.is_relative_to(shelter)
    assert can_run(identity, found.program("postgres"))
    assert owners_below(shelter) == {0}
    assert reachable_binaries(binaries, identity, [shelter]) == found
    assert [path.name for path in shelter.iterdir()] == [found.directory.parent.name]
    found.directory.parent.chmod(0o777)
    with pytest.raises(RootRefused, match="is not a copy"):
        reachable_binaries(binaries, identity, [shelter])


def test_programs_that_cannot_be_reached_are_an_error(tmp_path: Path, stand_in: Account) -> None:
    tmp_path.chmod(0o700)
    identity = Identity(disguise=Disguise.USER, owner=stand_in, has_setpriv=True)
    binaries = find_binaries(None, tmp_path / "none")
    hidden = replace(binaries, directory=tmp_path / "bin")
    with pytest.raises(RootRefused, match="can run neither"):
        reachable_binaries(hidden, identity, [tmp_path])


def test_an_ordinary_user_runs_the_server_with_no_disguise(
    shelter: Path, stand_in: Account
) -> None:
    python = python_for(stand_in)
    os.chown(shelter, stand_in.uid, stand_in.gid)
    done = run_as(stand_in, [*python, "-c", ORDINARY, str(shelter / "embedded")])
    assert (done.returncode, done.stdout.split()) == (0, ["True", "42"]), done.stderr
    assert owners_below(shelter / "embedded") == {stand_in.uid}


async def test_root_serves_an_ordinary_users_data_and_leaves_it_usable(
    shelter: Path, stand_in: Account
) -> None:
    python = python_for(stand_in)
    os.chown(shelter, stand_in.uid, stand_in.gid)
    argv = [*python, "-c", ORDINARY, str(shelter / "embedded")]
    assert run_as(stand_in, argv).returncode == 0
    await serve(shelter / "embedded")
    assert owners_below(shelter / "embedded" / "pgdata") == {stand_in.uid}


def test_an_ordinary_user_is_told_that_a_directory_is_not_writable(
    shelter: Path, stand_in: Account
) -> None:
    done = run_as(stand_in, [*python_for(stand_in), "-c", ORDINARY, str(shelter)])
    assert f"is not writable for uid {stand_in.uid}" in done.stderr


ORDINARY = """
import asyncio, sys
from pathlib import Path
import asyncpg
from callboard.store.embedded import EmbeddedServer

async def main():
    async with await EmbeddedServer.open(Path(sys.argv[1])) as server:
        connection = await asyncpg.connect(server.dsn)
        print(server.is_owner, await connection.fetchval("select 42"))
        await connection.close()

asyncio.run(main())
"""


def python_for(account: Account) -> list[str]:
    """A Python which that user may run, with the packages of this one; skips if there is none."""
    path = ":".join(entry for entry in sys.path if entry and "tests" not in entry)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(version, path="/usr/local/bin:/usr/bin:/bin")):
        command = ["env", f"PYTHONPATH={path}", "PYTHONDONTWRITEBYTECODE=1", str(python)]
        if (
            python
            and run_as(account, [*command, "-c", "import asyncpg, callboard"]).returncode == 0
        ):
            return command
    pytest.skip("no Python that an ordinary user may run")


def run_as(account: Account, argv: list[str]) -> subprocess.CompletedProcess[str]:
    identity = Identity(disguise=Disguise.USER, owner=account, has_setpriv=True)
    return subprocess.run(
        identity.command(argv), capture_output=True, text=True, check=False, cwd="/"
    )


def private_copy(directory: Path) -> Path:
    """A copy of the programs where only root may go."""
    source = find_binaries(None, directory / "none").directory.parent
    directory.chmod(0o700)
    ignored = shutil.ignore_patterns("include", "contrib", "*.a")
    shutil.copytree(source, directory / "private", symlinks=True, ignore=ignored)
    return directory / "private"


def owners_below(directory: Path) -> set[int]:
    return {path.lstat().st_uid for path in (directory, *directory.rglob("*"))}


def parent_modes(directory: Path) -> list[int]:
    return [stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.parents)]
