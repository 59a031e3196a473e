"""The connection of a chunk, as the step's code has it, and the transactions that it nests there.

The chunk's own transaction is begun by SQL that asyncpg does not know of (`chunk_pool`), so a
`transaction` of this connection is always a savepoint.
"""

from __future__ import annotations

from enum import Enum
from types import TracebackType
from typing import Any, Final

from asyncpg import exceptions as pg

from callboard.store.statements import Connection

ISOLATION: Final = "read committed"
"""Of every chunk."""


class ChunkConnection:
    """An asyncpg connection, until its chunk ends.

    The next chunk may commit on the same one; what is still at work for this one must not write
    there.
    """

    __slots__ = ("_connection", "_savepoints")

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self._savepoints = 0

    def __getattr__(self, name: str) -> Any:
        if self._connection is None:
            reason = "the chunk's transaction has ended"
            raise pg.InterfaceError(f"cannot use {name} of its connection: {reason}")
        return getattr(self._connection, name)

    def transaction(
        self, *, isolation: str | None = None, readonly: bool = False, deferrable: bool = False
    ) -> Savepoint:
        """As asyncpg's within another one: a savepoint; `readonly` and `deferrable` mean nothing.

        Raises:
            InterfaceError: another isolation than the chunk's.
        """
        if isolation is not None and isolation.replace("_", " ") != ISOLATION:
            reason = f"isolation {isolation!r}: the chunk's transaction is {ISOLATION}"
            raise pg.InterfaceError(reason)
        self._savepoints += 1
        return Savepoint(self, f"callboard_{self._savepoints}")

    def is_closed(self) -> bool:
        """Whether the chunk has ended, or it was lost, which its pool may have noticed before."""
        return self._connection is None or is_closed(self._connection)

    def close_to_code(self) -> None:
        self._connection = None


def is_closed(connection: Connection) -> bool:
    """As asyncpg's, also of one that is its pool's no more."""
    try:
        return connection.is_closed()
    except pg.InterfaceError:
        return True


class _Phase(Enum):
    NEW = "was not begun"
    BEGUN = "was begun before"
    ENDED = "has ended"


class Savepoint:
    """Used as asyncpg's Transaction: by `async with`, or by `start`, and `commit` or `rollback`."""

    __slots__ = ("_connection", "_name", "_phase")

    def __init__(self, connection: ChunkConnection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._phase = _Phase.NEW

    async def start(self) -> None:
        await self._go("savepoint {0}", from_=_Phase.NEW, to=_Phase.BEGUN)

    async def commit(self) -> None:
        await self._go("release savepoint {0}", from_=_Phase.BEGUN, to=_Phase.ENDED)

    async def rollback(self) -> None:
        text = "rollback to savepoint {0}; release savepoint {0}"
        await self._go(text, from_=_Phase.BEGUN, to=_Phase.ENDED)

    async def _go(self, text: str, *, from_: _Phase, to: _Phase) -> None:
        if self._phase is not from_:
            raise pg.InterfaceError(f"this transaction within a chunk {self._phase.value}")
        self._phase = to
        await self._connection.execute(text.format(self._name))

    async def __aenter__(self) -> None:
        await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is GeneratorExit and self._connection.is_closed():
            return  # a generator that was left half read, and is closed behind the chunk
        await (self.commit() if error is None else self.rollback())
