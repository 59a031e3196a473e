"""How what happens is followed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pykka

from callboard.errors import StoreUnavailable
from callboard.operations.asking import ANSWER_S, Asking
from callboard.runtime import ask
from callboard.stream import Subscribe
from callboard.subscription import EventFilter, Subscription


class StreamOperations(Asking):
    """Subscriptions."""

    @asynccontextmanager
    async def subscribe(
        self,
        *,
        after: int | None = None,
        filter: EventFilter | None = None,
        snapshot: bool = True,
        buffer: int = 1000,
    ) -> AsyncIterator[Subscription]:
        """Follow what happens: a Snapshot first (unless resumed), then every Event in order.

        `async for` over it may raise SubscriberTooSlow, which says where to resume.

        Args:
            after: number of the last event that is known already; None: from now on.
            buffer: events that may wait for the subscriber.
        Raises:
            EventsGone: `after` is older than what is stored, or was never given.
        """
        command = Subscribe(
            filter=filter or EventFilter(), after=after, snapshot=snapshot, buffer=buffer
        )
        try:
            subscription = await ask(self._actor("stream"), command, timeout=ANSWER_S)
        except pykka.ActorDeadError as error:
            raise StoreUnavailable("the board is closing") from error
        async with subscription:
            yield subscription
