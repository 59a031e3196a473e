"""Run a named statement on a connection, within a deadline; the driver's errors become ours.

| what the driver or the server says | becomes |
| --- | --- |
| connection lost or refused, shutdown, no answer in time, read-only, no room | StoreUnavailable |
| serialization failure, deadlock, lock not available | TransactionConflict (StoreUnavailable) |
| the ledger's primary key is violated | LedgerConflict |
| a schema, table, column or function is missing | SchemaMismatch |
| anything else: a value it cannot keep, a wrong password, no permission | StoreError |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from socket import gaierror
from typing import Any, Final, TypeAlias, TypeVar

import asyncpg
from asyncpg import exceptions as pg

from callboard.errors import (
    LedgerConflict,
    SchemaMismatch,
    StoreError,
    StoreUnavailable,
    TransactionConflict,
)
from callboard_sql import load

Connection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"
Row: TypeAlias = "asyncpg.Record"
T = TypeVar("T")

MOST_AT_ONCE: Final = 100
"""Rows of one `update .. from unnest(..)`: however it is planned, it costs at most rows squared."""


DRIVER_ERRORS: Final = (
    pg.PostgresError,
    pg.InterfaceError,
    pg.InternalClientError,
    AttributeError,
    OSError,
    TimeoutError,
)
"""All that a call of asyncpg raises. A vanished server may cause InternalClientError, and
AttributeError where a connection lost its protocol between two steps of one call."""

_ERRORS: Final[tuple[tuple[tuple[type[BaseException], ...], type[StoreError]], ...]] = (
    (
        (pg.TransactionRollbackError, pg.LockNotAvailableError),
        TransactionConflict,
    ),
    (
        (
            pg.UndefinedTableError,
            pg.UndefinedColumnError,
            pg.UndefinedFunctionError,
            pg.InvalidSchemaNameError,
        ),
        SchemaMismatch,
    ),
    (
        # Client-side complaints about a value are InterfaceErrors as well.
        (pg.DataError, pg.ClientConfigurationError, pg.UnsupportedClientFeatureError),
        StoreError,
    ),
    (
        (
            pg.PostgresConnectionError,
            pg.OperatorInterventionError,
            pg.InsufficientResourcesError,
            pg.ReadOnlySQLTransactionError,
            pg.IdleInTransactionSessionTimeoutError,
            pg.ObjectNotInPrerequisiteStateError,
            pg.PostgresSystemError,
            pg.InterfaceError,
            pg.InternalClientError,
            AttributeError,
            OSError,
            TimeoutError,
        ),
        StoreUnavailable,
    ),
    ((pg.PostgresError,), StoreError),
)
"""The first line that fits decides."""

_ADVICE: Final[Mapping[str, str]] = {
    "08P01": "is this a PostgreSQL server, without a pooler in statement mode before it?",
    "25P03": "a transaction stood still for too long: slow work belongs outside of it",
    "25006": "this server only reads (a standby?): name the primary in the DSN",
    "28000": "check the user in the DSN, and the server's pg_hba.conf",
    "28P01": "check the password in the DSN",
    "3D000": "create it (`createdb NAME`), or correct the name in the DSN",
    "42501": "grant it: the user has to own the schema callboard, or be allowed to create it",
    "53100": "make room on the server's disk; work goes on by itself then",
    "53200": "the server is out of memory; work goes on by itself when it has some again",
    "53300": "raise max_connections, or close other clients: a node takes up to eight, "
    "and more for the steps of batch jobs that it executes",
    "57P03": "work goes on by itself when it is up",
}
"""What to do about an SQLSTATE."""


def translated(error: BaseException) -> StoreError:
    """Our error for one of DRIVER_ERRORS."""
    if isinstance(error, pg.UniqueViolationError) and error.constraint_name == "ledger_pkey":
        return LedgerConflict(f"a slot has an entry already: {error.detail}")
    ours = next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))
    return ours(_message(error, ours))


def _message(error: BaseException, ours: type[StoreError]) -> str:
    if isinstance(error, TimeoutError):
        return "the database did not answer in time"
    if isinstance(error, AttributeError):
        return f"the database is not available: the connection was lost ({error})"
    state: str = getattr(error, "sqlstate", None) or ""
    said = f"{error or type(error).__name__}" + (f" (SQLSTATE {state})" if state else "")
    if state in _ADVICE:
        said += f"; {_ADVICE[state]}"
    elif isinstance(error, ConnectionRefusedError | FileNotFoundError):
        said += "; no server listens where the DSN says: is it running?"
    elif isinstance(error, gaierror):
        said += "; is the host in the DSN right?"
    if issubclass(ours, StoreUnavailable):
        return f"the database is not available: {said}"
    if ours is SchemaMismatch:
        return f"the database does not have this program's schema: {said}; run `callboard migrate`"
    return f"the database refused: {said}"


def in_parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items, MOST_AT_ONCE at a time."""
    for start in range(0, len(items), MOST_AT_ONCE):
        yield items[start : start + MOST_AT_ONCE]


def in_turns(items: Iterable[T], key: Callable[[T], int]) -> Iterator[list[T]]:
    """The items in the order of their keys; those with the same key go into different lists.

    One statement changes a row once, and statements that lock rows in one order do not deadlock.
    """
    turns: list[list[T]] = []
    seen: Counter[int] = Counter()
    for item in sorted(items, key=key):
        turn = seen[key(item)]
        seen[key(item)] += 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(item)
    yield from turns


class Statements:
    """The statements of `callboard_sql`, on one connection."""

    __slots__ = ("_connection", "_deadline_s", "_load")

    def __init__(
        self, connection: Connection, deadline_s: float, load: Callable[[str], str] = load
    ) -> None:
        """Args:
        load: a statement's text by its name.
        """
        self._connection = connection
        self._deadline_s = deadline_s
        self._load = load

    async def rows(self, name: str, *values: object) -> list[Row]:
        """All rows that the statement `name` returns."""
        try:
            return await self._connection.fetch(self._load(name), *values, timeout=self._deadline_s)
        except DRIVER_ERRORS as error:
            raise self._given_up(error) from error

    async def row(self, name: str, *values: object) -> Row | None:
        """The first row, if there is one."""
        rows = await self.rows(name, *values)
        return rows[0] if rows else None

    async def value(self, name: str, *values: object) -> Any:
        """The first column of the first row; None when there is no row."""
        row = await self.row(name, *values)
        return row[0] if row is not None else None

    async def script(self, text: str, *, timeout_s: float | None = None) -> str:
        """Run statements without parameters; the last one's command tag."""
        try:
            return await self._connection.execute(text, timeout=timeout_s or self._deadline_s)
        except DRIVER_ERRORS as error:
            raise self._given_up(error) from error

    @asynccontextmanager
    async def transaction(self, begin: str) -> AsyncIterator[None]:
        """A block that is committed, or rolled back when it raises; `begin` opens it."""
        try:
            await self.script(begin)
            yield
            tag = await self.script("commit")
        except BaseException:
            await self._roll_back()
            raise
        if tag != "COMMIT":  # a statement had failed, and the block went on
            raise StoreError(f"nothing was stored: an error was passed over ({tag})")

    async def _roll_back(self) -> None:
        try:
            await self._connection.execute("rollback", timeout=self._deadline_s)
        except DRIVER_ERRORS:
            self._drop()
        except BaseException:
            self._drop()
            raise

    def _given_up(self, error: BaseException) -> StoreError:
        if isinstance(error, TimeoutError | AttributeError):
            # Nobody knows what the server still does on it, or how much of it is left.
            self._drop()
        return translated(error)

    def _drop(self) -> None:
        try:
            self._connection.terminate()
        except (pg.InterfaceError, AttributeError):
            pass  # it broke before, and its pool has it no more
