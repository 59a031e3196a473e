"""Following something to a client until one of the two ends, with heartbeats in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from callboard.clock import Clock
from callboard.errors import CallboardError
from callboard.subscription import SubscriberTooSlow
from callboard_service.sinks import GOODBYE_S, ClientGone, ClientTooSlow, Sink
from callboard_service.streams import Streams
from callboard_service.tasks import first_of, within
from callboard_service.wire.events import closing_message, heartbeat_message


class Ending(Enum):
    """Why a stream ended."""

    DONE = "done"
    """Everything was given."""
    GONE = "gone"
    """The client left."""
    SLOW = "slow"
    """The client took too little."""
    STOPPING = "stopping"
    """The service stops."""
    BEHIND = "events_gone"
    """What the client wants to resume from is no longer kept."""
    FAILED = "unavailable"
    """What is followed cannot be read at present."""


class Source(Protocol):
    """What is followed."""

    @property
    def after(self) -> int:
        """Where to resume: everything up to it was handed out or is not wanted."""
        ...

    def messages(self) -> AsyncIterator[tuple[bytes, int]]:
        """Messages with their numbers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The times of a stream."""

    clock: Clock
    heartbeat_s: float


async def follow(source: Source, sink: Sink, streams: Streams, pace: Pace) -> Ending:
    """Send what comes until either side ends; the client is told where to resume."""
    delivered = Delivered(source.after)
    ending = await first_of(
        _pump(source, sink, delivered),
        _beat(source, sink, delivered, pace),
        _until(sink.gone, Ending.GONE),
        _until(streams.closed, Ending.STOPPING),
    )
    await say_goodbye(sink, ending, delivered.after, pace.clock)
    return ending


async def say_goodbye(
    sink: Sink, ending: Ending, after: int, clock: Clock, **facts: object
) -> None:
    """The last message, where it can still be sent, and the end of the connection."""
    if ending not in (Ending.DONE, Ending.GONE):
        try:
            async with within(clock, GOODBYE_S):
                await sink.send(closing_message(after, ending.value, **facts), after)
        except (ClientGone, ClientTooSlow, TimeoutError):
            pass
    await sink.close(again_later=ending is not Ending.DONE)


class Delivered:
    """The number up to which the client has everything that was written."""

    def __init__(self, after: int) -> None:
        self.after = after


async def _pump(source: Source, sink: Sink, delivered: Delivered) -> Ending:
    try:
        async for message, seq in source.messages():
            delivered.after = seq
            await sink.send(message, seq)
    except (ClientTooSlow, SubscriberTooSlow):
        return Ending.SLOW
    except ClientGone:
        return Ending.GONE
    except CallboardError:
        return Ending.FAILED
    return Ending.DONE


async def _beat(source: Source, sink: Sink, delivered: Delivered, pace: Pace) -> Ending:
    clock = pace.clock
    while True:
        await clock.sleep_until(clock.monotonic() + pace.heartbeat_s)
        after = max(delivered.after, source.after)
        try:
            await sink.send(heartbeat_message(after), after)
        except ClientTooSlow:
            return Ending.SLOW
        except ClientGone:
            return Ending.GONE


async def _until(happens: Callable[[], Awaitable[None]], ending: Ending) -> Ending:
    await happens()
    return ending
