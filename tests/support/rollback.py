"""A transaction that does not come about."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from callboard.store.contract import Store, Transaction


class _Abort(Exception):
    """What the block raises at its end."""


@asynccontextmanager
async def rolled_back(store: Store) -> AsyncIterator[Transaction]:
    """A transaction whose block raises at its end; the exception goes no further."""
    try:
        async with store.begin() as tx:
            yield tx
            raise _Abort
    except _Abort:
        pass
