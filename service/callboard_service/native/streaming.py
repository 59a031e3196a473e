"""How a path gives a stream: as a WebSocket, or as Server-Sent Events."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web

from callboard.errors import CallboardError, Conflict
from callboard.subscription import EventsGone
from callboard_service.call import Call
from callboard_service.following import Ending, Pace, Source, follow, say_goodbye
from callboard_service.problems import bad_header, report_incident
from callboard_service.sinks import (
    ClientGone,
    EventStreamSink,
    WebSocketSink,
    wants_events,
    wants_websocket,
)


def choose_sink(call: Call[Any]) -> WebSocketSink | EventStreamSink | None:
    """The form that the client asks for; None: neither."""
    settings = call.service.settings
    if wants_websocket(call.request):
        return WebSocketSink(
            call.clock, send_timeout_s=settings.send_timeout_s, heartbeat_s=settings.heartbeat_s
        )
    if wants_events(call.request):
        return EventStreamSink(call.clock, send_timeout_s=settings.send_timeout_s)
    return None


async def give_stream(
    call: Call[Any],
    sink: WebSocketSink | EventStreamSink,
    source: AbstractAsyncContextManager[Source],
    after: int,
) -> web.StreamResponse:
    """Follow the source to the client.

    A source that cannot be opened is a problem document for Server-Sent Events; a WebSocket is
    told by its last message, because browsers hide what a handshake was refused with.
    """
    is_socket = isinstance(sink, WebSocketSink)
    pace = Pace(clock=call.clock, heartbeat_s=call.service.settings.heartbeat_s)
    with call.service.streams.joined():
        try:
            if is_socket:
                await sink.open(call.request)
            async with source as followed:
                if not is_socket:
                    await sink.open(call.request)
                await follow(followed, sink, call.service.streams, pace)
        except ClientGone:
            pass
        except CallboardError as error:
            if not is_socket:
                raise
            ending, facts = _explained(error)
            await say_goodbye(sink, ending, after, call.clock, detail=str(error), **facts)
        except Exception as error:
            if not sink.response.prepared:
                raise
            # An answer has begun, so there is no other way left to tell.
            facts = {"incident": report_incident(error)}
            await say_goodbye(sink, Ending.FAILED, after, call.clock, **facts)
    return sink.response


def resumed_after(call: Call[Any], after: int | None, most: int) -> int | None:
    """Where the client wants to go on: a browser that reconnects says it in Last-Event-ID.

    Raises:
        Refusal: invalid_header.
    """
    text = call.request.headers.get("Last-Event-ID", "")
    if not text:
        return after
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= most):
        raise bad_header("Last-Event-ID", "is not the number of an event", "send it as it came")
    return int(text)


def _explained(error: CallboardError) -> tuple[Ending, dict[str, object]]:
    if isinstance(error, EventsGone):
        return Ending.BEHIND, {"oldest": error.oldest, "newest": error.newest}
    if isinstance(error, Conflict):
        return Ending.FAILED, {"code": error.code}
    return Ending.FAILED, {}
