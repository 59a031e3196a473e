"""Where the nodes of a test meet: a database on a PostgreSQL server, or an embedded directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from acceptance.workload import executions
from callboard import BoardConfig, Callboard
from callboard.store.embedded.place import dsn_of, find_socket_directory, open_place
from support.history import Asked, History, faults_of
from support.history_reading import read_history


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database, and the file in which handlers leave word."""

    dsn: str
    """For nodes."""
    trace: Path
    direct_dsn: str | None = None
    """Of the database itself, where `dsn` is a way to it that is not for everybody."""

    @property
    def sql_dsn(self) -> str:
        """For plain SQL; of an embedded directory only while a server runs."""
        if self.direct_dsn is not None:
            return self.direct_dsn
        form, _, rest = self.dsn.partition(":")
        if form != "embedded":
            return self.dsn
        socket = find_socket_directory(open_place(Path(rest)))
        assert socket is not None, "no server has run there"
        return dsn_of(socket)

    async def rows(self, query: str, *values: object) -> list[asyncpg.Record]:
        """What plain SQL says, on a connection of its own."""
        connection: asyncpg.Connection[Any] = await asyncpg.connect(self.sql_dsn)
        try:
            return await connection.fetch(query, *values)
        finally:
            await connection.close()

    async def value(self, query: str, *values: object) -> Any:
        return (await self.rows(query, *values))[0][0]

    async def history(self) -> History:
        """What a fresh board says, and the tables; nothing may be going on."""
        config = BoardConfig(node_name="checker", executes=False, fires=False)
        async with Callboard(self.dsn, config=config) as board:
            return await read_history(board, self.sql_dsn)

    def faults(self, history: History, asked: Asked, *, has_drained: bool = True) -> list[str]:
        counted = executions(self.trace)
        return faults_of(history, asked, has_drained=has_drained, executions=counted)
