"""Makes a data directory, starts the one postmaster on it, stops it.

The postmaster lives no longer than the *thread* that started it (Linux): when that thread ends,
or the process is killed, it shuts down in order. So the caller starts it on the thread that runs
its event loop, never on a pool's thread. It has a session of its own, because Ctrl-C is meant for
the service, which still needs its database to stop in order.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from callboard.clock import Clock
from callboard.store.embedded.binaries import Binaries
from callboard.store.embedded.faults import DirectoryUnusable, ServerFailed
from callboard.store.embedded.identity import Disguise, Identity, clean_environment, give_to
from callboard.store.embedded.place import USER, Place, log_size, log_tail
from callboard.store.embedded.settings import locale_arguments, settings_arguments, sync_arguments

# PostgreSQL cuts paths at 1024 bytes, and appends to this one.
_LONGEST_DATA_PATH = 900
_POLL_S = 0.004
_REMOVAL_TRIES = 250
_STOP_STEPS = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that a start needs, found once by an owner."""

    place: Place
    binaries: Binaries
    identity: Identity
    settings: Mapping[str, str]
    """The caller's, on top of the defaults."""


async def initialise(recipe: Recipe, clock: Clock) -> None:
    """Make the data directory; killed at any moment, it leaves nothing half done.

    The work is done beside it, made durable by initdb, and renamed at the end.

    Raises:
        ServerFailed: initdb did not succeed (no space left, say).
        DirectoryUnusable: there is something else in the data directory's place.
    """
    place = recipe.place
    _refuse_foreign_files(place)
    _remove_remains(place)
    fresh = Path(tempfile.mkdtemp(prefix="pgdata.new-", dir=place.directory))
    try:
        give_to(recipe.identity.owner, fresh)
        await _run_initdb(recipe, fresh, clock)
        _put_in_place(fresh, place)
    finally:
        await _remove(fresh, clock)


def start_postmaster(
    recipe: Recipe, socket_directory: Path, *, stale_pid: int | None
) -> subprocess.Popen[bytes]:
    """Start the server and return at once; the process is the postmaster itself.

    Args:
        stale_pid: the process that a crashed server's pid file names, when the caller knows it
            for a stranger or a zombie. PostgreSQL would take any living process for a server;
            told that the number is its grandparent's, it goes on to its other check, which asks
            the kernel whether the old server's shared memory is in use.
    """
    told = {} if stale_pid is None else {"PG_GRANDPARENT_PID": str(stale_pid)}
    kernel = f"{platform.system()} {platform.release()}"
    settings = settings_arguments(recipe.binaries.major, socket_directory, recipe.settings, kernel)
    with _data_argument(recipe.place.data, recipe.identity) as (data, descriptors):
        argv = [recipe.binaries.program("postgres"), "-D", data, *settings]
        command = recipe.identity.command(argv, death_signal="INT")
        return _spawn(command, recipe.place, descriptors, told)


async def stop_postmaster(pid: int, is_alive: Callable[[], bool], clock: Clock) -> None:
    """End the server: in order if it will, by force in the end (the data stands either way)."""
    for step, patience_s in _STOP_STEPS:
        try:
            os.kill(pid, step)
        except ProcessLookupError:
            return
        deadline = clock.monotonic() + patience_s
        while is_alive() and clock.monotonic() < deadline:
            await clock.sleep_until(clock.monotonic() + _POLL_S)
        if not is_alive():
            return


async def _run_initdb(recipe: Recipe, fresh: Path, clock: Clock) -> None:
    before = log_size(recipe.place)
    options = ["-U", USER, "-E", "UTF8", "--auth=trust", "--no-instructions"]
    major = recipe.binaries.major
    options += locale_arguments(major, sys.platform) + sync_arguments(major, _kernel())
    with _data_argument(fresh, recipe.identity) as (data, descriptors):
        argv = [recipe.binaries.program("initdb"), "-D", data, *options]
        command = recipe.identity.command(argv, death_signal="KILL")
        process = _spawn(command, recipe.place, descriptors, {})
    if (code := await _end_of(process, clock)) != 0:
        reason = f"could not be initialised (exit code {code})"
        raise ServerFailed(recipe.place.directory, reason, log_tail(recipe.place, after=before))


async def _end_of(process: subprocess.Popen[bytes], clock: Clock) -> int:
    """The exit code; the process does not outlive a cancelled wait."""
    try:
        while process.poll() is None:
            await clock.sleep_until(clock.monotonic() + _POLL_S)
    finally:
        if process.poll() is None:
            # Its own group: initdb leaves its work to a server that would outlive it.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode


def _spawn(
    command: Sequence[str], place: Place, descriptors: Sequence[int], told: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    log = os.open(place.log, flags, 0o600)
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={**clean_environment(os.environ), **told},
            pass_fds=descriptors,
            start_new_session=True,
        )
    except OSError as error:
        raise ServerFailed(place.directory, f"could not be started ({error})") from error
    finally:
        os.close(log)


@contextmanager
def _data_argument(data: Path, identity: Identity) -> Iterator[tuple[str, tuple[int, ...]]]:
    """How to name `data` to a program: the path, or an open descriptor to be passed.

    The descriptor serves for a user who may not go through the directories above (whose
    permissions we never touch), and for paths too long for PostgreSQL.
    """
    is_long = len(os.fsencode(data)) > _LONGEST_DATA_PATH
    if identity.disguise is not Disguise.USER and not is_long:
        yield str(data), ()
        return
    if sys.platform != "linux":
        raise DirectoryUnusable(data, "its path is too long for PostgreSQL")
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


async def _remove(directory: Path, clock: Clock) -> None:
    """Delete a directory in which a process that was just killed may still be writing."""
    for _ in range(_REMOVAL_TRIES):
        if _is_removed(directory):
            return
        await clock.sleep_until(clock.monotonic() + _POLL_S)


def _is_removed(directory: Path) -> bool:
    shutil.rmtree(directory, ignore_errors=True)
    return not directory.exists()


def _kernel() -> str:
    return f"{platform.system()} {platform.release()}"


def _put_in_place(fresh: Path, place: Place) -> None:
    try:
        fresh.rename(place.data)
    except OSError as error:
        raise DirectoryUnusable(place.directory, f"pgdata cannot be made ({error})") from error
    descriptor = os.open(place.directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_foreign_files(place: Place) -> None:
    if place.data.exists() and (not place.data.is_dir() or any(place.data.iterdir())):
        reason = f"{str(place.data)!r} exists and is not a PostgreSQL data directory"
        raise DirectoryUnusable(place.directory, f"{reason}; move it away")


def _remove_remains(place: Place) -> None:
    """Delete what earlier, killed initialisations left."""
    for remains in place.directory.glob("pgdata.new-*"):
        shutil.rmtree(remains, ignore_errors=True)
