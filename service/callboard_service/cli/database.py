"""The database behind a DSN, for the commands that look at it without a board."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from callboard.clock import SystemClock
from callboard.domain.job import Job
from callboard.domain.node import Node
from callboard.store.dsn import open_store
from callboard.store.migrate import migrate, missing
from callboard.store.postgres import PostgresStore
from callboard.store.statements import Connection
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.failures import CliFailure
from callboard_service.settings import load_settings


class Database:
    """An open database; its schema may be missing, old or foreign."""

    def __init__(self, store: PostgresStore, connection: Connection) -> None:
        self._store = store
        self._connection = connection

    async def migrate(self) -> list[str]:
        """Apply what is missing; the names of it. Raises SchemaMismatch."""
        return await migrate(self._connection)

    async def missing(self) -> list[str]:
        """Names of the migrations that the database lacks.

        Raises:
            SchemaMismatch: the schema is newer than this program, or not its own.
        """
        return await missing(self._connection)

    @property
    def version(self) -> tuple[int, str]:
        """The server's major version, and all of it as text."""
        found = self._connection.get_server_version()
        return found.major, f"{found.major}.{found.minor}"

    async def skew(self) -> tuple[timedelta, timedelta]:
        """How far this machine's clock is ahead of the server's, and how exactly that is known."""
        clock = SystemClock()
        before = clock.now()
        theirs = await self._store.ping()
        after = clock.now()
        return before + (after - before) / 2 - theirs, (after - before) / 2

    async def check_writing(self) -> None:
        """Write a row and take it back. Raises StoreError where that is not allowed."""
        job = Job(name=f"doctor-{uuid.uuid4().hex}", kind="command", spec={"argv": ["true"]})
        try:
            async with self._store.begin() as transaction:
                await transaction.insert_job(job)
                raise _TakenBack
        except _TakenBack:
            pass

    async def nodes(self) -> tuple[datetime, list[Node], list[Node]]:
        """The present, the nodes whose lease runs, and those whose lease is over."""
        now = await self._store.ping()
        found = await self._store.list_nodes()
        return (
            now,
            [node for node in found if node.lease_until > now],
            [node for node in found if node.lease_until <= now],
        )


@asynccontextmanager
async def open_database(dsn: str | None) -> AsyncIterator[Database]:
    """The database of a DSN; None: of CALLBOARD_DSN, or the default.

    An embedded server is started if nobody runs it, and stopped again then.

    Raises:
        CliFailure: it is `memory:`.
        CallboardError: it cannot be reached, or does not let us in.
    """
    settings = load_settings({}, {"dsn": dsn or os.environ.get("CALLBOARD_DSN")})
    store = open_store(settings.dsn, clock=SystemClock(), migrate_on_open=False)
    if not isinstance(store, PostgresStore):
        raise CliFailure(ExitCode.USAGE, "--dsn: memory: has no schema", "name a database")
    async with store.unchecked() as connection:
        yield Database(store, connection)


class _TakenBack(Exception):
    """Ends a transaction without a trace."""
