"""Postman: carries one message of a webhook, and says what became of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from random import Random  # noqa: TID251 - the type only; the board brings the generator
from typing import Final, TypeAlias

import orjson

from callboard.clock import Clock
from callboard.commands import Outbound
from callboard.domain.delivery import MAX_ERROR, SEND_S, Delivery, DeliveryState, delay_s
from callboard.domain.http_exchange import HttpRefused, Reply, Request
from callboard.domain.json import JsonObject
from callboard.domain.webhook_signature import HEADER, sign
from callboard.errors import CallboardError

MAX_REPLY_BYTES: Final = 1024
GOOD: Final = range(200, 300)
Send: TypeAlias = Callable[[Request], Awaitable[Reply]]
Resolve: TypeAlias = Callable[[JsonObject], Awaitable[str]]

logger = logging.getLogger(__name__)


class Postman:
    """Signs, sends, and decides whether and when it is tried again."""

    def __init__(self, *, send: Send, resolve: Resolve, rng: Random, clock: Clock) -> None:
        """Args:
        send: raises HttpFailure.
        resolve: the value of a reference to a secret; raises CallboardError.
        """
        self._send = send
        self._resolve = resolve
        self._rng = rng
        self._clock = clock

    async def deliver(self, outbound: Outbound) -> Delivery:
        """The message as it is after the attempt for which it was taken."""
        delivery = outbound.delivery
        try:
            reply = await self._send(await self._request(outbound))
        except HttpRefused as refused:
            return self._failed(delivery, str(refused))
        except CallboardError as error:
            return self._retried(delivery, None, f"{type(error).__name__}: {error}")
        if reply.status in GOOD:
            return replace(delivery, state=DeliveryState.DELIVERED, status=reply.status, error=None)
        said = reply.body.decode(errors="replace").replace("\x00", "")
        return self._retried(delivery, reply.status, f"HTTP status {reply.status}: {said}")

    async def _request(self, outbound: Outbound) -> Request:
        delivery, webhook = outbound.delivery, outbound.webhook
        document = {"id": delivery.id, "webhook": webhook.name, **delivery.payload}
        body = orjson.dumps(document, default=dict)
        headers = [
            ("Content-Type", "application/json"),
            ("Callboard-Event", delivery.event),
            ("Callboard-Delivery", str(delivery.id)),
        ]
        if webhook.secret is not None:
            key = await self._resolve(webhook.secret)
            headers.append((HEADER, sign(body, key, int(self._clock.now().timestamp()))))
        return Request(
            method="POST",
            url=webhook.url,
            headers=tuple(headers),
            body=body,
            timeout_s=SEND_S,
            max_bytes=MAX_REPLY_BYTES,
        )

    def _retried(self, delivery: Delivery, status: int | None, error: str) -> Delivery:
        after_s = delay_s(delivery.attempts, self._rng.random())
        if after_s is None:
            return self._failed(replace(delivery, status=status), error)
        due_at = self._clock.now() + timedelta(seconds=after_s)
        return replace(delivery, status=status, error=error[:MAX_ERROR], due_at=due_at)

    def _failed(self, delivery: Delivery, error: str) -> Delivery:
        facts = {"event": "webhook.failed", "delivery_id": delivery.id}
        logger.warning("a message of a webhook is given up: %s", error[:200], extra=facts)
        return replace(delivery, state=DeliveryState.FAILED, error=error[:MAX_ERROR])
