"""Reads: what a step reads of the database outside of its chunks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final

from callboard.store.contract_chunks import ChunkLine

PREFETCH: Final = 1_000


class Reads:
    """`ctx.db`: each call on a connection of its own; what it writes is nobody's business."""

    def __init__(self, line: ChunkLine, run_id: int) -> None:
        self._line = line
        self._run_id = run_id
        self._opened = 0
        self._streams: dict[int, AsyncGenerator[Any, None]] = {}

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        async with self._line.reading(self._run_id) as connection:
            rows: list[Any] = await connection.fetch(query, *args)
        return rows

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """The first row; None: there is none."""
        async with self._line.reading(self._run_id) as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first row's first value; None: there is none."""
        async with self._line.reading(self._run_id) as connection:
            return await connection.fetchval(query, *args)

    def stream(self, query: str, *args: Any, prefetch: int = PREFETCH) -> AsyncGenerator[Any, None]:
        """The rows one by one, by a cursor: memory stays flat.

        It is one read-only transaction for as long as rows are taken, which keeps the database from
        clearing away what others delete meanwhile. For hours of reading, better fetch page by page:
        `where id > $1 order by id limit 10000`.

        Args:
            prefetch: rows that are fetched at a time.
        """
        key = self._opened = self._opened + 1
        stream = self._stream(query, args, prefetch, key)
        self._streams[key] = stream
        return stream

    async def close(self) -> None:
        """End the streams that were not read to their end."""
        for stream in tuple(self._streams.values()):
            await stream.aclose()
        self._streams.clear()

    async def _stream(
        self, query: str, args: tuple[Any, ...], prefetch: int, key: int
    ) -> AsyncGenerator[Any, None]:
        try:
            async with (
                self._line.reading(self._run_id) as connection,
                connection.transaction(readonly=True),
            ):
                async for row in connection.cursor(query, *args, prefetch=prefetch):
                    yield row
        finally:
            self._streams.pop(key, None)
