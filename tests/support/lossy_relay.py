"""A relay before a PostgreSQL server that loses the answer to a statement."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit


class LossyRelay:
    """Cuts the connection on which the next statement of the chosen text is sent.

    `before`: the server never gets it. Otherwise it does, and only the answer is lost.
    """

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        options = parse_qs(parts.query)
        self._socket = f"{options['host'][0]}/.s.PGSQL.{options.get('port', ['5432'])[0]}"
        self._database = parts.path.removeprefix("/")
        self._user = parts.username
        self._text: bytes | None = None
        self._is_before = False
        self.tasks: list[asyncio.Task[None]] = []
        self.port = 0

    @property
    def dsn(self) -> str:
        return f"postgresql://{self._user}@127.0.0.1:{self.port}/{self._database}?sslmode=disable"

    def lose(self, text: bytes, *, before: bool = False) -> None:
        self._text, self._is_before = text, before

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(self._socket)
        answers = asyncio.ensure_future(_pump(back, writer))
        self.tasks += [answers, asyncio.ensure_future(self._ask(reader, forth, writer, answers))]

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
        answers: asyncio.Task[None],
    ) -> None:
        try:
            while data := await reader.read(65536):
                if self._text is None or self._text not in data:
                    forth.write(data)
                    await forth.drain()
                    continue
                self._text = None
                answers.cancel()
                if not self._is_before:
                    forth.write(data)
                    await forth.drain()
                return
        except OSError:
            pass
        finally:
            writer.close()
            forth.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def lossy_relay(dsn: str) -> AsyncIterator[LossyRelay]:
    relay = LossyRelay(dsn)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, family=socket.AF_INET)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        for task in relay.tasks:
            task.cancel()
        await asyncio.gather(*relay.tasks, return_exceptions=True)
