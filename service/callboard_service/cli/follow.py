"""Following a stream of the API over any number of connections, without gap or repetition."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from callboard_service.cli.client import ApiClient, Query
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.failures import CliFailure, Refused, Unreachable

if TYPE_CHECKING:
    from callboard.clock import Clock

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
GONE: Final = "events_gone"

Message = Mapping[str, Any]
Note = Callable[[str], None]


async def follow(
    api: ApiClient, path: str, query: Query, *, after: int | None, clock: Clock, note: Note
) -> AsyncIterator[Message]:
    """The messages of a stream, heartbeats and farewells left out, until somebody closes this.

    A lost connection is made anew, for as long as it takes, and the stream goes on where it was.
    Where the server no longer has what comes next, it goes on with a snapshot, and `note` says so.

    Args:
        after: number of the last message that is known; None: begin with what the stream begins.
        note: told when the connection is lost, when it is back, and of gaps.
    Raises:
        Unreachable: the first connection fails.
        Refused: the server does not give this stream; also later.
    """
    thread = _Thread(after, note)
    while True:
        try:
            async with api.socket(path, {**query, "after": thread.after_text}) as socket:
                async for message in _received(socket):
                    if thread.takes(message):
                        yield message
        except CliFailure as failure:
            if not thread.may_go_on(failure):
                raise
            thread.lose(str(failure))
        else:
            thread.lose("the server closed the connection")
        await clock.sleep_until(clock.monotonic() + thread.pause_s())


class _Thread:
    """Where a stream is, over its connections."""

    def __init__(self, after: int | None, note: Note) -> None:
        self._after = after
        self._note = note
        self._has_begun = False
        self._is_lost = False
        self._failures = 0

    @property
    def after_text(self) -> str | None:
        return None if self._after is None else str(self._after)

    def takes(self, message: Message) -> bool:
        """Note where the message leaves us; whether it is one to hand out."""
        kind = message["type"]
        if kind == "closing":
            self._close(message)
            return False
        if self._is_lost:
            self._note("connected again")
        self._has_begun, self._is_lost, self._failures = True, False, 0
        self._after = message["seq"]
        return bool(kind != "heartbeat")

    def _close(self, message: Message) -> None:
        if message.get("reason") == GONE:
            self._note(f"events after {self._after} are gone; going on with the present state")
            self._after = None
        elif self._has_begun or self._after is not None:
            self._after = message.get("after", self._after)

    def may_go_on(self, failure: CliFailure) -> bool:
        if isinstance(failure, Refused) and failure.name == GONE:
            self._after = None
        elif failure.code is not ExitCode.UNREACHABLE:
            return False
        return self._has_begun

    def lose(self, reason: str) -> None:
        if not self._is_lost:
            self._note(f"{reason}; trying again")
        self._is_lost = True

    def pause_s(self) -> float:
        self._failures += 1
        pause: float = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (self._failures - 1))
        return pause


async def _received(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[Message]:
    try:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                yield json.loads(message.data)
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(str(socket.get_extra_info("peername")), str(error)) from None
