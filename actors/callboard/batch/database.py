"""Databases: where the chunks of batch jobs commit, by the names that jobs call them.

The board's own database needs no name. In an application's database the checkpoint stands beside
the application's rows, in a table of its own, and commits with them; the board's own record of the
step follows each chunk. What is true after a crash is what the application's database says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from callboard.errors import UsageError
from callboard.store.contract_chunks import ChunkLine

OpenLine: TypeAlias = Callable[[Any], Awaitable[ChunkLine]]
"""From a DSN or a pool to the line on it."""


class UnknownDatabase(UsageError):
    """This node was given no database of that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        names = ", ".join(known) or "none"
        super().__init__(f"this node has no database {name!r} (it has: {names})")


class Databases:
    """Of one board; each is opened when it is needed first."""

    def __init__(
        self,
        *,
        own: Callable[[], ChunkLine],
        others: Mapping[str, Any],
        open_line: OpenLine,
    ) -> None:
        """Args:
        own: makes the line of the board's database.
        others: DSNs or pools by name.
        """
        self._make_own = own
        self._others = dict(others)
        self._open_line = open_line
        self._own: ChunkLine | None = None
        self._opened: dict[str, ChunkLine] = {}

    async def line(self, name: str | None) -> ChunkLine:
        """The one of that name; None: the board's own.

        Raises:
            UnknownDatabase, StoreUnavailable
        """
        if name is None:
            return self.own
        if name not in self._others:
            raise UnknownDatabase(name, sorted(self._others))
        if name not in self._opened:
            opened = await self._open_line(self._others[name])
            if self._opened.setdefault(name, opened) is not opened:
                await opened.close()
        return self._opened[name]

    @property
    def own(self) -> ChunkLine:
        if self._own is None:
            self._own = self._make_own()
        return self._own

    async def close(self) -> None:
        lines = [*self._opened.values(), *([] if self._own is None else [self._own])]
        self._opened, self._own = {}, None
        for line in lines:
            await line.close()
