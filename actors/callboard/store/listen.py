"""Hints from other nodes: LISTEN on a connection of its own.

A hint is the payload `<origin>:<topic>`; a store ignores those of its own origin. Nothing depends
on hints: they may be lost, doubled or, behind a pooler, never come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from callboard.errors import StoreUnavailable
from callboard.store.statements import DRIVER_ERRORS, Connection, Statements, translated

CHANNEL: Final = "callboard"

QUIET_S: Final = 30.0
"""After so long a connection is asked whether it is still there: a half-open one says nothing."""
UNLISTEN_S: Final = 1.0
"""Seconds that the server has to take the listener away; then the connection is dropped."""


async def listen(
    connection: Connection, origin: str, on_hint: Callable[[str], None], *, deadline_s: float
) -> None:
    """Call `on_hint(topic)` for every hint of another origin, until cancelled.

    Raises:
        StoreUnavailable: the connection is lost.
    """
    lost = asyncio.Event()

    def on_notification(_: Any, pid: int, channel: str, payload: object) -> None:
        sender, _, topic = str(payload).partition(":")
        if topic and sender != origin:
            on_hint(topic)

    def on_termination(_: Any) -> None:
        lost.set()

    connection.add_termination_listener(on_termination)
    try:
        await asyncio.wait_for(connection.add_listener(CHANNEL, on_notification), deadline_s)
        try:
            await _watch(connection, lost, deadline_s)
        finally:
            await _stop(connection, on_notification)
    except DRIVER_ERRORS as error:
        raise translated(error) from error
    finally:
        connection.remove_termination_listener(on_termination)


async def _watch(connection: Connection, lost: asyncio.Event, deadline_s: float) -> None:
    sql = Statements(connection, deadline_s)
    while not connection.is_closed():
        try:
            await asyncio.wait_for(lost.wait(), QUIET_S)
        except TimeoutError:
            await sql.row("get_now", None)
    raise StoreUnavailable("the connection that listens for hints is lost")


async def _stop(connection: Connection, callback: Callable[..., None]) -> None:
    if connection.is_closed():
        return
    try:
        await asyncio.wait_for(connection.remove_listener(CHANNEL, callback), UNLISTEN_S)
    except TimeoutError:
        connection.terminate()
