"""Webhooks and their messages on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

import msgspec

from callboard.domain.delivery import Delivery, DeliveryState
from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.webhook import Webhook, WebhookEvent
from callboard_service.wire.fields import read_value
from callboard_service.wire.patch import merge_patch
from callboard_service.wire.shapes import JsonMap, Moment, Name

_STAND_IN: Final = {"name": "x", "url": "https://example.org/"}

AskedFor: TypeAlias = Literal["run.failed", "run.recovered", "deadline.missed"]


class WebhookInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The definition of a webhook."""

    name: Name
    group: Name | None = None
    url: Annotated[str, msgspec.Meta(description="http or https; called by POST")]
    events: Annotated[
        list[AskedFor],
        msgspec.Meta(
            min_length=1,
            description=(
                "run.failed: the last attempt failed or ran out of time; run.recovered: the first "
                "success after that; deadline.missed: a slot's runs were late"
            ),
        ),
    ] = msgspec.field(default_factory=lambda: list(get_args(AskedFor)))
    job: Annotated[Name | None, msgspec.Meta(description="only of this job")] = None
    trigger: Annotated[Name | None, msgspec.Meta(description="only of this trigger")] = None
    secret: Annotated[
        JsonMap | None,
        msgspec.Meta(
            description=(
                'reference to the key that signs: `{"$secret": "env:HOOK_KEY"}`; the header '
                "Callboard-Signature is then `t=T,v1=H`: T in seconds since 1970, H the "
                "HMAC-SHA256 of `T.` and the body, in hex"
            )
        ),
    ] = None
    description: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    disabled: Annotated[bool, msgspec.Meta(description="it sends nothing")] = False


class WebhookResource(msgspec.Struct, kw_only=True):
    """A stored webhook."""

    name: str
    group: str
    url: str
    events: list[AskedFor]
    job: str | None
    trigger: str | None
    secret: JsonMap | None
    description: str
    disabled: bool
    version: Annotated[int, msgspec.Meta(description="counts the changes of the definition")]
    created_at: Moment | None
    updated_at: Moment | None


class DeliveryResource(msgspec.Struct, kw_only=True):
    """A message of a webhook, and what became of it."""

    id: int
    event: WebhookEvent
    state: DeliveryState
    attempts: Annotated[int, msgspec.Meta(description="how often it was sent so far")]
    status: Annotated[int | None, msgspec.Meta(description="HTTP status of the last answer")]
    error: Annotated[str | None, msgspec.Meta(description="why the last attempt did not succeed")]
    payload: Annotated[JsonMap, msgspec.Meta(description="the body, but for id and webhook")]
    created_at: Moment
    due_at: Annotated[
        Moment | None, msgspec.Meta(description="when it is sent again; null when it has ended")
    ]
    ended_at: Moment | None


def read_webhook(raw: object) -> Webhook:
    """The webhook that a request describes.

    Raises:
        InvalidInput
    """
    return read_value(raw, WebhookInput, _webhook_of, stand_in=_STAND_IN)


def patched_webhook(webhook: Webhook, patch: dict[str, Any]) -> object:
    """The request that `webhook` would be after a merge patch; a secret is replaced as a whole."""
    document = {
        "name": webhook.name,
        "group": webhook.group,
        "url": webhook.url,
        "events": [event.value for event in webhook.events],
        "job": webhook.job,
        "trigger": webhook.trigger,
        "secret": webhook.secret and dict(webhook.secret),
        "description": webhook.description,
        "disabled": webhook.disabled,
    }
    return merge_patch(document, patch)


def webhook_resource(webhook: Webhook) -> WebhookResource:
    """The wire form of a stored webhook."""
    return WebhookResource(
        name=webhook.name,
        group=webhook.group,
        url=webhook.url,
        events=[event.value for event in webhook.events],  # type: ignore[misc]  # no ping is asked for
        job=webhook.job,
        trigger=webhook.trigger,
        secret=None if webhook.secret is None else dict(webhook.secret),
        description=webhook.description,
        disabled=webhook.disabled,
        version=webhook.version,
        created_at=webhook.created_at,
        updated_at=webhook.updated_at,
    )


def delivery_resource(delivery: Delivery) -> DeliveryResource:
    """The wire form of a message."""
    return DeliveryResource(
        id=delivery.id,
        event=WebhookEvent(delivery.event),
        state=delivery.state,
        attempts=delivery.attempts,
        status=delivery.status,
        error=delivery.error,
        payload=dict(delivery.payload),
        created_at=delivery.created_at,
        due_at=delivery.due_at if delivery.state is DeliveryState.QUEUED else None,
        ended_at=delivery.ended_at,
    )


def _webhook_of(given: WebhookInput) -> Webhook:
    return Webhook(
        name=given.name,
        group=given.group if given.group is not None else DEFAULT_GROUP,
        url=given.url,
        events=tuple(map(WebhookEvent, given.events)),
        job=given.job,
        trigger=given.trigger,
        secret=given.secret,
        description=given.description,
        disabled=given.disabled,
    )
