"""A plain PostgreSQL server, run by the test, that may be stopped and killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def fragile_server() -> Iterator[FragileServer]:
    """A server of the newest version found, for several tests in turn."""
    found = found_binaries()
    binaries = found[max(found, key=int)]
    directory = Path(tempfile.mkdtemp(prefix="callboard-fragile-"))
    loop = asyncio.new_event_loop()
    try:
        server = loop.run_until_complete(
            EmbeddedServer.open(directory, binaries=binaries.directory, settings=SETTINGS)
        )
        try:
            yield FragileServer(directory, server)
        finally:
            loop.run_until_complete(server.close())
    finally:
        loop.close()
        shutil.rmtree(directory, ignore_errors=True)
