"""A relay before a PostgreSQL server that can stop to speak, let nobody in, or lose one answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit


class Relay:
    """Stands between client and server."""

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        options = parse_qs(parts.query)
        self._socket = f"{options['host'][0]}/.s.PGSQL.{options.get('port', ['5432'])[0]}"
        self._database = parts.path.removeprefix("/")
        self._user = parts.username
        self._lost: bytes | None = None
        self._is_before = False
        self.is_silent = asyncio.Event()
        self.is_refusing = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []
        self.port = 0

    @property
    def dsn(self) -> str:
        return f"postgresql://{self._user}@127.0.0.1:{self.port}/{self._database}?sslmode=disable"

    def lose(self, text: bytes, *, before: bool = False) -> None:
        """Cut the connection on which the next statement of that text is sent.

        `before`: the server never gets it. Otherwise it does, and only the answer is lost.
        """
        self._lost, self._is_before = text, before

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_refusing.is_set():
            writer.close()
            return
        back, forth = await asyncio.open_unix_connection(self._socket)
        answers = asyncio.ensure_future(self._answer(back, writer))
        self.tasks += [answers, asyncio.ensure_future(self._ask(reader, forth, writer, answers))]

    async def _answer(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await back.read(65536):
                await self._pass(data, writer)
        except OSError:
            pass
        finally:
            writer.close()

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
        answers: asyncio.Task[None],
    ) -> None:
        try:
            while data := await reader.read(65536):
                if self._lost is None or self._lost not in data:
                    await self._pass(data, forth)
                    continue
                self._lost = None
                answers.cancel()
                writer.close()
                if not self._is_before:
                    await self._pass(data, forth)
                return
        except OSError:
            pass
        finally:
            forth.close()

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if not self.is_silent.is_set():
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def relay_to(dsn: str) -> AsyncIterator[Relay]:
    """A relay to the server of that DSN, which has a Unix socket."""
    relay = Relay(dsn)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, family=socket.AF_INET)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        for task in relay.tasks:
            task.cancel()
        await asyncio.gather(*relay.tasks, return_exceptions=True)
