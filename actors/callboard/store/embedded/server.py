"""One process's part in an embedded PostgreSQL server: run it, or use the one another runs.

All processes that open the same directory use one server. One of them, the owner, runs it; when
the owner closes or dies, whoever calls `ensure_running` next takes over. Nothing here runs in the
background: the store calls `ensure_running` when a connection is lost, and now and then.

On Linux the server ends with the thread that started it, and so with the owner's process however
that dies. Elsewhere it stays, and the next owner adopts it. All methods belong on one thread, the
one of the event loop, but to no loop in particular.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from callboard.clock import Clock, SystemClock
from callboard.errors import StoreUnavailable
from callboard.store.embedded.binaries import data_major, find_binaries
from callboard.store.embedded.election import Election
from callboard.store.embedded.faults import DirectoryInUse, ServerFailed
from callboard.store.embedded.greeting import greet
from callboard.store.embedded.identity import give_to, identify
from callboard.store.embedded.launch import (
    Recipe,
    initialise,
    start_postmaster,
    stop_postmaster,
)
from callboard.store.embedded.place import (
    Place,
    clear_socket,
    dsn_of,
    find_socket_directory,
    leave_no_trace,
    log_size,
    log_tail,
    open_place,
    prepare_socket_directory,
    trim_log,
)
from callboard.store.embedded.residue import (
    PidFile,
    end_orphans,
    is_server,
    live_postmaster,
    read_pid_file,
)
from callboard.store.embedded.settings import check_settings
from callboard.store.embedded.shelter import reachable_binaries

logger = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""How long one `ensure_running` waits: a crash's recovery may take a while."""

_STARTS = 3
"""How often in a row the server may end while starting before that is an error."""
_GENTLE_ROUNDS = 10
"""How often orphaned backends are asked to end before they are killed."""
_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.05


class EmbeddedServer:
    """A PostgreSQL server in a directory, shared by all processes that open it."""

    def __init__(
        self,
        place: Place,
        *,
        binaries: Path | None,
        settings: Mapping[str, str],
        clock: Clock,
        patience_s: float,
    ) -> None:
        self._place = place
        self._setting = binaries
        self._settings = check_settings(settings)
        self._clock = clock
        self._patience_s = patience_s
        self._election = Election(place.lock)
        self._recipe: Recipe | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = log_size(place)
        self._failures = 0
        self._rounds_with_orphans = 0
        self._is_busy = False
        self._is_closed = False
        self._version = ""

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        binaries: Path | None = None,
        settings: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Self:
        """A server that answers, with a database `callboard`; started here if nobody runs it.

        Args:
            directory: made when missing; holds the data, the log, the lock and the socket.
            binaries: where `postgres` and `initdb` are; None to search for them.
            settings: names and values as in postgresql.conf, on top of the defaults. Only the
                owner's count.
            clock: a real one; defaults to the machine's.
            patience_s: how long to wait for an answer, in seconds.
        Raises:
            InvalidInput: a setting is malformed or not the caller's to choose.
            EmbeddedError: this machine or directory does not allow it.
            VersionMismatch: the data needs other binaries.
            ServerFailed: it ended while starting, or did not answer in time.
        """
        server = cls(
            open_place(directory),
            binaries=binaries,
            settings=settings or {},
            clock=clock or SystemClock(),
            patience_s=patience_s,
        )
        try:
            await server.ensure_running()
        except BaseException:
            await server.close()
            raise
        return server

    @property
    def dsn(self) -> str:
        """A DSN of the database; read it anew after `ensure_running`."""
        directory = find_socket_directory(self._place)
        if directory is None:
            raise ServerFailed(self._place.directory, "has no socket")
        return dsn_of(directory)

    @property
    def is_owner(self) -> bool:
        """Whether this object runs the server."""
        return self._election.is_won

    @property
    def version(self) -> str:
        """The server's version: `18.6`."""
        return self._version

    async def ensure_running(self) -> None:
        """Return when the server answers; take over, start or restart it where that is needed.

        Idempotent, and cheap (one connection) when all is well. Several calls may overlap.

        Raises:
            As `open`; after ServerFailed the next call tries again.
        """
        deadline = self._clock.monotonic() + self._patience_s
        pause_s = _FIRST_PAUSE_S
        while True:
            self._refuse_when_closed()
            # Also when all is well: a server that outlived its owner gets a new one.
            self._election.try_win()
            if await self._answers():
                break
            if self.is_owner:
                await self._work_on_it()
            if self._clock.monotonic() >= deadline:
                raise self._silence()
            await self._clock.sleep_until(self._clock.monotonic() + pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
        if self.is_owner:
            trim_log(self._place)

    async def close(self) -> None:
        """The owner stops the server, in order; others let go of it. Safe to call twice."""
        self._is_closed = True
        try:
            if self.is_owner:
                await self._stop()
        finally:
            self._election.resign()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _answers(self) -> bool:
        written = read_pid_file(self._place.data)
        directory = find_socket_directory(self._place)
        if written is None or not written.is_ready or directory is None:
            return False
        version = await greet(directory)
        if version is None:
            return False
        self._version = version
        self._failures = 0
        return True

    async def _work_on_it(self) -> None:
        """One step of the owner towards a server that answers."""
        # A call that overlaps with ours is in the middle of it.
        if self._is_busy:
            return
        self._is_busy = True
        try:
            self._review_last_start()
            if self._process is None:
                await self._start()
        finally:
            self._is_busy = False

    def _review_last_start(self) -> None:
        """Forget our postmaster when it has ended; an error when that goes on and on."""
        if self._process is None or (code := self._process.poll()) is None:
            return
        self._process = None
        self._failures += 1
        facts = {"event": "embedded.ended", "exit_code": code, "failures": self._failures}
        logger.warning("embedded PostgreSQL ended by itself", extra=facts)
        if self._failures >= _STARTS:
            self._failures = 0
            log = log_tail(self._place, after=self._log_start)
            reason = f"ended while starting (exit code {code})"
            raise ServerFailed(self._place.directory, reason, log)

    async def _start(self) -> None:
        if self._has_other_processes():
            return
        if self._recipe is None:
            self._recipe = self._find_recipe()
        if data_major(self._place.data) is None:
            await initialise(self._recipe, self._clock)
            self._refuse_when_closed()
        give_to(self._recipe.identity.owner, self._place.data)
        self._launch(self._recipe)

    def _launch(self, recipe: Recipe) -> None:
        socket_directory = prepare_socket_directory(self._place, recipe.identity)
        clear_socket(socket_directory)
        trim_log(self._place)
        self._log_start = log_size(self._place)
        stale_pid = self._stale_pid()
        self._process = start_postmaster(recipe, socket_directory, stale_pid=stale_pid)
        facts = {"event": "embedded.started", "pid": self._process.pid}
        logger.info("embedded PostgreSQL started", extra=facts)

    def _stale_pid(self) -> int | None:
        left = read_pid_file(self._place.data)
        is_stale = left is not None and not is_server(left.pid, self._place.data)
        return left.pid if left is not None and is_stale else None

    def _has_other_processes(self) -> bool:
        """Whether an earlier owner's server still works on the data, starting or stopping.

        Raises:
            DirectoryInUse: somebody else's does.
        """
        living = live_postmaster(self._place.data)
        if living is not None:
            if self._is_foreign(living):
                raise DirectoryInUse(self._place.directory, living.pid)
            return True
        force = self._rounds_with_orphans >= _GENTLE_ROUNDS
        has_orphans = end_orphans(self._place.data, force=force) > 0
        self._rounds_with_orphans = self._rounds_with_orphans + 1 if has_orphans else 0
        return has_orphans

    def _is_foreign(self, living: PidFile) -> bool:
        """Whether a postmaster listens elsewhere than an owner would have let it."""
        ours = find_socket_directory(self._place)
        if living.is_single_user:
            return True
        return living.socket_directory not in ("", str(ours))

    def _find_recipe(self) -> Recipe:
        binaries = find_binaries(self._setting, self._place.data)
        identity = identify(self._place.data)
        return Recipe(
            place=self._place,
            binaries=reachable_binaries(binaries, identity),
            identity=identity,
            settings=self._settings,
        )

    async def _stop(self) -> None:
        process, data = self._process, self._place.data
        if process is not None:
            await stop_postmaster(process.pid, lambda: process.poll() is None, self._clock)
        elif (adopted := live_postmaster(data)) is not None and not self._is_foreign(adopted):
            pid = adopted.pid
            await stop_postmaster(pid, lambda: is_server(pid, data), self._clock)
        self._process = None
        leave_no_trace(self._place)

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("the embedded server was closed")

    def _silence(self) -> ServerFailed:
        if self.is_owner:
            log = log_tail(self._place, after=self._log_start)
            return ServerFailed(self._place.directory, "does not answer", log)
        holder = self._election.holder()
        who = "another process" if holder is None else f"process {holder}"
        return ServerFailed(self._place.directory, f"is run by {who} and does not answer")
