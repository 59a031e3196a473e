"""Where the messages of a stream go: a WebSocket or Server-Sent Events.

A sink writes one message at a time and waits until the connection takes it, so that what a slow
client does not take waits in its own bounded buffer and nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from aiohttp import WSCloseCode, WSMsgType, web

from callboard.clock import Clock
from callboard_service.problems import Refusal
from callboard_service.tasks import within

SUBPROTOCOL: Final = "callboard.v1"
"""What a browser names beside the protocol that carries its token."""
TOKEN_PROTOCOL: Final = "callboard.bearer."
"""Before the unpadded base64url form of a token: the one header that a browser can fill."""
GOODBYE_S: Final = 2.0
"""Seconds that a client which is being closed has to take the last words."""
LEAST_PING_S: Final = 10.0
DEAD_PEER_MS: Final = 60_000
EVENT_STREAM: Final = "text/event-stream"


class ClientGone(Exception):
    """The client left, or its connection is dead."""


class ClientTooSlow(Exception):
    """The client did not take a message in time."""


class Sink(Protocol):
    """The writing side of one stream."""

    async def send(self, message: bytes, seq: int) -> None:
        """Raises ClientGone, ClientTooSlow."""
        ...

    async def gone(self) -> None:
        """Return when the client has left, as far as that can be noticed without writing."""
        ...

    async def close(self, *, again_later: bool) -> None:
        """End the stream, whether the client takes that or not."""
        ...


class WebSocketSink:
    """One JSON text message each."""

    def __init__(self, clock: Clock, *, send_timeout_s: float, heartbeat_s: float) -> None:
        self._clock = clock
        self._send_timeout_s = send_timeout_s
        self._transport: asyncio.Transport | None = None
        # Pings find the peer that went without a word; the answer is due in half the time.
        self.response = web.WebSocketResponse(
            heartbeat=max(2 * heartbeat_s, LEAST_PING_S),
            protocols=(SUBPROTOCOL,),
            compress=False,
            max_msg_size=4096,
            timeout=GOODBYE_S,
        )

    async def open(self, request: web.Request) -> None:
        with _told_apart():
            await self.response.prepare(request)
        self._transport = request.transport

    async def send(self, message: bytes, seq: int) -> None:
        with _told_apart():
            async with within(self._clock, self._send_timeout_s):
                await self.response.send_frame(message, WSMsgType.TEXT)

    async def gone(self) -> None:
        # What a client says is not listened to; reading answers its pings and sees it leave.
        async for _ in self.response:
            pass

    async def close(self, *, again_later: bool) -> None:
        code = WSCloseCode.TRY_AGAIN_LATER if again_later else WSCloseCode.OK
        with _cut_off(self._transport):
            async with within(self._clock, GOODBYE_S):
                await self.response.close(code=code)


class EventStreamSink:
    """`data:` lines, each with `id:` for Last-Event-ID."""

    def __init__(self, clock: Clock, *, send_timeout_s: float) -> None:
        self._clock = clock
        self._send_timeout_s = send_timeout_s
        self._transport: asyncio.Transport | None = None
        self.response = web.StreamResponse(
            headers={
                "Content-Type": EVENT_STREAM,
                "Cache-Control": "no-store",
                # Proxies of the nginx family hold answers back otherwise.
                "X-Accel-Buffering": "no",
            }
        )

    async def open(self, request: web.Request) -> None:
        _notice_dead_peer(request)
        with _told_apart():
            await self.response.prepare(request)
        self._transport = request.transport

    async def send(self, message: bytes, seq: int) -> None:
        with _told_apart():
            async with within(self._clock, self._send_timeout_s):
                await self.response.write(b"id: %d\ndata: %b\n\n" % (seq, message))

    async def gone(self) -> None:
        # An idle client that left shows at the next heartbeat.
        await asyncio.get_running_loop().create_future()

    async def close(self, *, again_later: bool) -> None:
        with _cut_off(self._transport):
            async with within(self._clock, GOODBYE_S):
                await self.response.write_eof()


def wants_websocket(request: web.Request) -> bool:
    """Whether the client asks for a WebSocket.

    Raises:
        Refusal: malformed_request, when it asks in a wrong way.
    """
    if "websocket" not in request.headers.get("Upgrade", "").lower():
        return False
    if not web.WebSocketResponse().can_prepare(request):
        raise Refusal("malformed_request", "the handshake of the WebSocket is not complete")
    return True


def wants_events(request: web.Request) -> bool:
    """Whether the client names Server-Sent Events in Accept."""
    accepted = ",".join(request.headers.getall("Accept", []))
    return any(part.partition(";")[0].strip() == EVENT_STREAM for part in accepted.split(","))


def token_of_protocol(request: web.Request) -> str | None:
    """The token that a browser sent as a subprotocol of its WebSocket; None: there is none."""
    offered = ",".join(request.headers.getall("Sec-WebSocket-Protocol", []))
    for each in offered.split(","):
        name = each.strip()
        if name.startswith(TOKEN_PROTOCOL):
            return _decoded(name.removeprefix(TOKEN_PROTOCOL))
    return None


def _decoded(text: str) -> str | None:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return None


@contextmanager
def _told_apart() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise ClientTooSlow from None
    except (ConnectionError, RuntimeError):  # RuntimeError: it is closing already
        raise ClientGone from None


@contextmanager
def _cut_off(transport: asyncio.Transport | None) -> Iterator[None]:
    """End the connection at once when its polite end fails: what it holds would wait for ever."""
    try:
        yield
    except (TimeoutError, ConnectionError):
        if transport is not None:
            transport.abort()


def _notice_dead_peer(request: web.Request) -> None:
    """Let the kernel end the connection when what was written is not acknowledged for a minute."""
    transport = request.transport
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_MS)
        except OSError:
            pass  # a UNIX socket has no such peers
