"""A delivery: one message of a webhook, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from callboard.domain.json import JsonObject

MAX_ATTEMPTS: Final = 10
"""After so many a message is given up: with the delays below, after about four hours."""
FIRST_DELAY_S: Final = 5.0
MAX_DELAY_S: Final = 3600.0
SEND_S: Final = 20.0
"""Seconds that the other side has to answer."""
HOLD_S: Final = 60.0
"""Seconds for which a message is its taker's: longer than sending takes."""
MAX_ERROR: Final = 1000


class DeliveryState(StrEnum):
    """What became of a message so far."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A message to be sent."""

    webhook_id: int
    event: str
    subject: str
    """What it is about: there is one message for a webhook, event and subject."""
    payload: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A stored message."""

    id: int
    webhook_id: int
    event: str
    subject: str
    payload: JsonObject
    state: DeliveryState = DeliveryState.QUEUED
    attempts: int = 0
    """How often it was sent."""
    due_at: datetime
    """Not before this instant."""
    status: int | None = None
    """The HTTP status of the last answer."""
    error: str | None = None
    """Why the last attempt did not succeed."""
    created_at: datetime
    ended_at: datetime | None = None


def delay_s(attempts: int, spread: float) -> float | None:
    """Seconds until the next attempt after so many; None: there is none.

    Args:
        spread: from 0 to 1, anything: parts the messages that failed together.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    delay = min(MAX_DELAY_S, FIRST_DELAY_S * 3.0 ** (attempts - 1))
    return delay * (0.75 + 0.5 * spread)
