"""Statements on a caller's own connection, whatever its driver, in whatever transaction it has.

Callers bring a connection of asyncpg (a chunk's is one), of psycopg (2 or 3) or of SQLAlchemy,
synchronous or not. All parameters of such statements are texts, or None: the drivers disagree on
everything else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import Any, Final, TypeAlias

from callboard.errors import UsageError
from callboard.store.chunk_connection import ChunkConnection
from callboard_sql import load

Rows: TypeAlias = "Sequence[Sequence[Any]]"
GET_JOB: Final = "get_job"
INSERT_START_REQUEST: Final = "insert_start_request"
COMPLETE_RUN: Final = "complete_run"
_PLACEHOLDER: Final = re.compile(r"\$(\d+)")
_COMMENT: Final = re.compile(r"--.*")


async def rows_awaited(connection: Any, statement: str, *parameters: str | None) -> Rows:
    """The rows of a statement.

    Raises:
        UsageError: the connection is synchronous, or of no driver that is known here.
        Exception: the driver's own, with which it tells of whatever goes wrong.
    """
    rows = _execute(connection, statement, parameters)
    if not isawaitable(rows):
        raise UsageError("this connection is synchronous: call the function ending in _sync")
    answer: Rows = await rows
    return answer


def rows_at_once(connection: Any, statement: str, *parameters: str | None) -> Rows:
    """As `rows_awaited`, for synchronous connections."""
    if is_asynchronous(connection):
        raise UsageError("this connection is asynchronous: call the function without _sync")
    rows: Rows = _execute(connection, statement, parameters)
    return rows


def is_asynchronous(connection: Any) -> bool:
    """Whether what the connection does has to be awaited."""
    kind = type(connection)
    names = [base.__name__ for base in kind.__mro__]
    return _driver(kind) == "asyncpg" or any(name.startswith(("Async", "async_")) for name in names)


def _execute(connection: Any, statement: str, parameters: Sequence[str | None]) -> Any:
    driver = _driver(type(connection))
    execute = _BY_DRIVER.get(driver)
    if execute is None:
        raise UsageError(
            f"a {type(connection).__module__}.{type(connection).__qualname__} is not a connection: "
            "bring one of asyncpg, psycopg or SQLAlchemy"
        )
    return execute(connection, _COMMENT.sub("", load(statement)), parameters)


def _driver(kind: type) -> str:
    """The first known package among those of the class and its bases: users derive from them."""
    if kind is ChunkConnection:
        return "asyncpg"
    packages = [base.__module__.partition(".")[0] for base in kind.__mro__]
    return next((name for name in packages if name in _BY_DRIVER), packages[0])


def _on_asyncpg(connection: Any, sql: str, parameters: Sequence[str | None]) -> Awaitable[Rows]:
    rows: Awaitable[Rows] = connection.fetch(sql, *parameters)
    return rows


def _on_psycopg(connection: Any, sql: str, parameters: Sequence[str | None]) -> Any:
    text = _PLACEHOLDER.sub(r"%(p\1)s", sql.replace("%", "%%"))
    cursor = _cursor(connection)
    done = cursor.execute(text, _named(parameters))
    if isawaitable(done):
        return _fetched(done, cursor)
    return cursor.fetchall()


def _cursor(connection: Any) -> Any:
    """One that gives plain tuples, whatever the caller's own cursors give."""
    if not hasattr(connection, "cursor"):
        return connection
    try:
        from psycopg.rows import tuple_row
    except ImportError:  # psycopg2
        return connection.cursor()
    return connection.cursor(row_factory=tuple_row)


async def _fetched(done: Awaitable[Any], cursor: Any) -> Rows:
    await done
    rows: Rows = await cursor.fetchall()
    return rows


def _on_sqlalchemy(connection: Any, sql: str, parameters: Sequence[str | None]) -> Any:
    from sqlalchemy import text

    clause = text(_PLACEHOLDER.sub(r"(:p\1)", sql))
    result = connection.execute(clause, _named(parameters))
    return _all_of(result) if isawaitable(result) else result.all()


async def _all_of(result: Awaitable[Any]) -> Rows:
    rows: Rows = (await result).all()
    return rows


def _named(parameters: Sequence[str | None]) -> dict[str, str | None]:
    return {f"p{place}": value for place, value in enumerate(parameters, 1)}


_BY_DRIVER: Final[dict[str, Callable[[Any, str, Sequence[str | None]], Any]]] = {
    "asyncpg": _on_asyncpg,
    "psycopg": _on_psycopg,
    "psycopg2": _on_psycopg,
    "sqlalchemy": _on_sqlalchemy,
}
