"""A line between a board and its database that can be cut, frozen, or made to lose everything.

passing   bytes go both ways
cut       connections are ended, new ones are ended at once
frozen    connections stay and nothing gets through; thawed, they go on where they were
dropped   as frozen, but what is sent is lost: after that the old connections are dead for good,
          without anybody being told (T11); new ones work again once the line passes
dropped-up, dropped-down
          the same in one direction: questions do not arrive, or answers do not
slow      bytes go both ways, each piece late
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

SOCKET: Final = ".s.PGSQL.5432"
CHUNK: Final = 1 << 16
SLOW_S: Final = 0.15
"""By how much a slow line delays what it carries."""


class Line(Enum):
    """What the proxy does with what comes."""

    PASSING = "passing"
    CUT = "cut"
    FROZEN = "frozen"
    DROPPED = "dropped"
    DROPPED_UP = "dropped-up"
    DROPPED_DOWN = "dropped-down"
    SLOW = "slow"


LOSSES: Final = {
    Line.DROPPED: frozenset({"up", "down"}),
    Line.DROPPED_UP: frozenset({"up"}),
    Line.DROPPED_DOWN: frozenset({"down"}),
}
"""In which directions what is sent is lost."""
STOPPED: Final = frozenset({Line.CUT, Line.FROZEN, Line.DROPPED})
"""Nothing gets through."""


class Proxy:
    """A server on a socket of its own in front of the one that `upstream` names."""

    def __init__(self, directory: Path, upstream: str) -> None:
        self._directory = directory
        self._upstream = upstream
        self._line = Line.PASSING
        self._passing = asyncio.Event()
        self._passing.set()
        self._whole = asyncio.Event()
        self._whole.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.connections = 0
        """Made so far."""

    @property
    def dsn(self) -> str:
        """The way through the proxy."""
        parts = urlsplit(self._upstream)
        query = {**dict(parse_qsl(parts.query)), "host": str(self._directory)}
        return parts._replace(query=urlencode(query)).geturl()

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._directory / SOCKET)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self.set(Line.CUT)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def set(self, line: Line) -> None:
        self._line = line
        (self._passing.clear if line in STOPPED else self._passing.set)()
        (self._whole.set if line is Line.PASSING else self._whole.clear)()
        if line is Line.CUT:
            for task in self._tasks:
                task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # one end is gone, or the line was cut
        finally:
            self._tasks.discard(task)
            # In no order: the other side learns nothing but that the connection is lost.
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._line is Line.CUT:
            return
        if self._line in LOSSES:
            await asyncio.Event().wait()
        await self._passing.wait()
        host = dict(parse_qsl(urlsplit(self._upstream).query))["host"]
        theirs, ours = await asyncio.open_unix_connection(f"{host}/{SOCKET}")
        try:
            await _first_end(self._pump("up", reader, ours), self._pump("down", theirs, writer))
        finally:
            ours.transport.abort()

    async def _pump(
        self, way: str, source: asyncio.StreamReader, drain: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(CHUNK):
            if way in LOSSES.get(self._line, ()):
                await self._lose(source)
                return
            if self._line is Line.SLOW:
                await asyncio.sleep(SLOW_S)
            await self._passing.wait()
            drain.write(data)
            await drain.drain()

    async def _lose(self, source: asyncio.StreamReader) -> None:
        """All that this end still says; that it closed is known when the line passes again."""
        while await source.read(CHUNK):
            pass
        await self._whole.wait()


async def _first_end(*pumps: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def proxied(directory: Path, upstream: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the server of `upstream`, a DSN with a socket directory as its host."""
    assert len(str(directory / SOCKET)) < 100
    proxy = Proxy(directory, upstream)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
