"""/v1/stream: what happens, as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

import msgspec
from aiohttp import web

from callboard.domain.run import MAX_RUN_ID
from callboard.errors import StoreUnavailable
from callboard.subscription import EventFilter, Subscription
from callboard_service.call import Call, Route
from callboard_service.following import Source
from callboard_service.native.groups import KnownName
from callboard_service.native.streaming import choose_sink, give_stream, resumed_after
from callboard_service.problems import Refusal
from callboard_service.sinks import EVENT_STREAM
from callboard_service.wire.event_types import STREAM_ABOUT
from callboard_service.wire.events import event_message
from callboard_service.wire.state_words import StateWord, states_of

MAX_SEQ: Final = 2**63 - 1


class StreamQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which events to send; every given condition holds."""

    group: KnownName | None = None
    job: KnownName | None = None
    trigger: KnownName | None = None
    run: Annotated[int, msgspec.Meta(ge=1, le=MAX_RUN_ID)] | None = None
    state: Annotated[list[StateWord], msgspec.Meta(description="may come more than once")] = (
        msgspec.field(default_factory=list)
    )
    after: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)] | None,
        msgspec.Meta(description="go on behind this number; without it, a snapshot comes first"),
    ] = None


class EventSource:
    """The events of a subscription."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    @property
    def after(self) -> int:
        return self._subscription.taken

    async def messages(self) -> AsyncIterator[tuple[bytes, int]]:
        async for item in self._subscription:
            yield event_message(item), item.seq
        raise StoreUnavailable("the board is closing")


async def stream_events(call: Call[StreamQuery]) -> web.StreamResponse:
    after = resumed_after(call, call.query.after, MAX_SEQ)
    sink = choose_sink(call)
    if sink is None:
        detail = f"open a WebSocket, or send Accept: {EVENT_STREAM}"
        raise Refusal("not_acceptable", detail)
    return await give_stream(call, sink, _subscribed(call, after), after or 0)


@asynccontextmanager
async def _subscribed(call: Call[StreamQuery], after: int | None) -> AsyncIterator[Source]:
    query = call.query
    wanted = EventFilter(
        group=query.group,
        job=query.job,
        trigger=query.trigger,
        run_id=query.run,
        states=states_of(query.state),
    )
    buffer = call.service.settings.stream_buffer
    async with call.board.subscribe(after=after, filter=wanted, buffer=buffer) as subscription:
        yield EventSource(subscription)


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/stream",
        name="stream_events",
        summary="Follow what happens: a snapshot, then every event in order",
        about=STREAM_ABOUT,
        handle=stream_events,
        query=StreamQuery,
        answers={200: str},
        problems=("not_acceptable", "invalid_header", "events_gone"),
        media=EVENT_STREAM,
        head=False,
    ),
)
