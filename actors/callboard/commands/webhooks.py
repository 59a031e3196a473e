"""Changes of webhooks, and the work of whoever sends their messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from callboard.domain.delivery import Delivery
from callboard.domain.lateness import DeadlineKind, MissedDeadline, WatchedSlots
from callboard.domain.webhook import Webhook
from callboard.runtime import Command
from callboard.store.contract import DeliveryFilter, WebhookFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWebhook(Command[Webhook]):
    """Store a new webhook: it tells of what happens from now on. Refused: AlreadyExists."""

    webhook: Webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceWebhook(Command[tuple[Webhook, bool]]):
    """Create the webhook, or replace the one of its name; whether it was created.

    An equal definition changes nothing. Refused: StaleVersion.
    """

    webhook: Webhook
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWebhook(Command[None]):
    """With its messages. Refused: NotFound, StaleVersion."""

    group: str
    name: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PingWebhook(Command[None]):
    """Have a message sent that says nothing. Refused: NotFound, Conflict webhook_disabled."""

    group: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeliver(Command[Delivery]):
    """Have a message sent again from the beginning. Refused: NotFound."""

    group: str
    name: str
    delivery_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What came of a look at the events."""

    is_watching: bool
    """Whether there is a webhook that is not disabled."""
    again: bool = False
    """Whether there is more to be read."""
    missed: tuple[int, int] | None = None
    """First and last number of events that were removed before they were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteEnds(Command[Noted]):
    """Make messages of the next ends of runs, about so many events at the most."""

    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteDeadlines(Command[bool]):
    """Tell of slots that missed a deadline, and note how far was looked; whether nobody else did so
    meanwhile, for then nothing is told twice."""

    watched: WatchedSlots
    """As it was read."""
    kind: DeadlineKind
    until: datetime
    missed: tuple[MissedDeadline, ...] = ()
    jobs: tuple[str, ...] = ()
    """That the trigger starts: webhooks of other jobs are not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWatchedSlots(Command[list[WatchedSlots]]):
    """Of all triggers with deadlines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextDeliveryAt(Command[datetime | None]):
    """When the next message is due; None: none waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """A message that was taken to be sent, and where to."""

    delivery: Delivery
    webhook: Webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeDeliveries(Command[tuple[Outbound, ...]]):
    """Take due messages for delivery.HOLD_S seconds."""

    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateDelivery(Command[bool]):
    """Note what became of an attempt; whether the message was still the asker's."""

    delivery: Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class GetWebhook(Command[Webhook | None]):
    """A webhook by its name."""

    group: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWebhooks(Command[list[Webhook]]):
    """A page of webhooks."""

    filter: WebhookFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeliveries(Command[list[Delivery]]):
    """A page of a webhook's messages."""

    filter: DeliveryFilter
