"""Changes of webhooks, and what becomes of their messages."""

from __future__ import annotations

from datetime import timedelta

from callboard.changes.notices import follow_from_now
from callboard.changes.versions import as_successor, check_version
from callboard.changes.work import Work
from callboard.commands import (
    CreateWebhook,
    DeleteWebhook,
    Outbound,
    PingWebhook,
    Redeliver,
    ReplaceWebhook,
    TakeDeliveries,
    UpdateDelivery,
)
from callboard.domain.delivery import HOLD_S, Delivery, NewDelivery
from callboard.domain.instant import instant_to_text
from callboard.domain.webhook import Webhook, WebhookEvent
from callboard.errors import AlreadyExists, Conflict, NotFound


async def create_webhook(work: Work, command: CreateWebhook) -> Webhook:
    webhook = await work.tx.insert_webhook(command.webhook)
    if webhook is None:
        raise AlreadyExists("webhook", command.webhook.name)
    await _changed(work, webhook)
    return webhook


async def replace_webhook(work: Work, command: ReplaceWebhook) -> tuple[Webhook, bool]:
    wanted = command.webhook
    present = await work.tx.lock_webhook(wanted.group, wanted.name)
    if present is None:
        if command.expected_version is not None:
            raise NotFound("webhook", wanted.name)
        return await create_webhook(work, CreateWebhook(webhook=wanted)), True
    check_version("webhook", present, command.expected_version)
    edited = as_successor(wanted, present)
    if edited == present:
        return present, False
    stored = await work.tx.update_webhook(edited)
    if stored is None:
        raise NotFound("webhook", wanted.name)
    await _changed(work, stored)
    return stored, False


async def delete_webhook(work: Work, command: DeleteWebhook) -> None:
    webhook = await _locked(work, command.group, command.name)
    check_version("webhook", webhook, command.expected_version)
    await work.tx.delete_webhook(webhook.id)
    work.webhook_deleted(webhook)


async def ping_webhook(work: Work, command: PingWebhook) -> None:
    webhook = await _locked(work, command.group, command.name)
    if webhook.disabled:
        raise Conflict("webhook_disabled", f"webhook {webhook.name!r} is disabled")
    at = instant_to_text(work.now)
    ping = NewDelivery(
        webhook_id=webhook.id,
        event=WebhookEvent.PING,
        subject=f"ping:{at}",
        payload={"event": WebhookEvent.PING, "at": at, "group": webhook.group},
    )
    await work.tx.insert_deliveries([ping])
    work.webhook_called(webhook)


async def redeliver(work: Work, command: Redeliver) -> Delivery:
    webhook = await _locked(work, command.group, command.name)
    delivery = await work.tx.renew_delivery(webhook.id, command.delivery_id)
    if delivery is None:
        raise NotFound("delivery", command.delivery_id)
    work.webhook_called(webhook)
    return delivery


async def take_deliveries(work: Work, command: TakeDeliveries) -> tuple[Outbound, ...]:
    taken = await work.tx.take_deliveries(command.limit, timedelta(seconds=HOLD_S))
    if not taken:
        return ()
    webhooks = {webhook.id: webhook for webhook in await work.tx.webhooks()}
    return tuple(
        Outbound(delivery=each, webhook=webhooks[each.webhook_id])
        for each in taken
        if each.webhook_id in webhooks
    )


async def update_delivery(work: Work, command: UpdateDelivery) -> bool:
    return await work.tx.update_delivery(command.delivery)


async def _changed(work: Work, webhook: Webhook) -> None:
    work.webhook_changed(webhook)
    if not webhook.disabled:
        await follow_from_now(work)


async def _locked(work: Work, group: str, name: str) -> Webhook:
    webhook = await work.tx.lock_webhook(group, name)
    if webhook is None:
        raise NotFound("webhook", name)
    return webhook
