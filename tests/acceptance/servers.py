"""A plain PostgreSQL server, run by the test, that may be stopped and killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from callboard.store.embedded import EmbeddedServer
from callboard.store.embedded.residue import is_server, live_postmaster
from support.postgres import found_binaries

PATIENCE_S = 30.0
# What was committed has to survive the server's death, though not the machine's.
SETTINGS = {"fsync": "off"}


class FragileServer:
    """The launcher's server without its care: whoever connects does not start it again."""

    def __init__(self, directory: Path, server: EmbeddedServer) -> None:
        self._data = directory / "pgdata"
        self._server = server
        self.dsn = server.dsn

    async def end(self, how: signal.Signals) -> None:
        """SIGQUIT: immediate shutdown; SIGINT: fast; SIGKILL: as it says."""
        postmaster = live_postmaster(self._data)
        assert postmaster is not None
        os.kill(postmaster.pid, how)
        async with asyncio.timeout(PATIENCE_S):
            while is_server(postmaster.pid, self._data):  # noqa: ASYNC110 - another process ends
                await asyncio.sleep(0.01)

    async def start(self) -> None:
        await self._server.ensure_running()

    def save(self, copy: Path) -> None:
        """Copy the data of a server that was ended in order."""
        shutil.copytree(self._data, copy)

    def put_back(self, copy: Path) -> None:
        """Have the server, which was ended, begin again where it was when it was saved."""
        owner = self._data.stat()
        shutil.rmtree(self._data)
        shutil.copytree(copy, self._data)
        for path in (self._data, *self._data.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)


@contextmanager
def fragile_server(
    directory: Path | None = None, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[FragileServer]:
    """A server of the newest version found, for several tests in turn.

    Args:
        directory: stays when the block ends; None: one for the length of the block.
        settings: on top of `SETTINGS`.
    """
    found = found_binaries()
    binaries = found[max(found, key=int)]
    place = directory or Path(tempfile.mkdtemp(prefix="callboard-fragile-"))
    loop = asyncio.new_event_loop()
    try:
        server = loop.run_until_complete(
            EmbeddedServer.open(
                place, binaries=binaries.directory, settings={**SETTINGS, **settings}
            )
        )
        try:
            yield FragileServer(place, server)
        finally:
            loop.run_until_complete(server.close())
    finally:
        loop.close()
        if directory is None:
            shutil.rmtree(place, ignore_errors=True)
