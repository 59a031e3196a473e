"""What can be asked about webhooks and their messages."""

from __future__ import annotations

from callboard import commands as c
from callboard.domain.delivery import Delivery, DeliveryState
from callboard.domain.webhook import Webhook
from callboard.operations.asking import Asking, found
from callboard.store.contract import DeliveryFilter, WebhookFilter


class WebhookOperations(Asking):
    """Webhooks by group and name."""

    async def create_webhook(self, webhook: Webhook) -> Webhook:
        """It tells of what happens from now on. Raises AlreadyExists."""
        return await self._ask(c.CreateWebhook(webhook=webhook))

    async def replace_webhook(
        self, webhook: Webhook, *, expected_version: int | None = None
    ) -> tuple[Webhook, bool]:
        """Create, or replace by group and name; whether it was created.

        An equal definition changes nothing. Raises StaleVersion.
        """
        return await self._ask(c.ReplaceWebhook(webhook=webhook, expected_version=expected_version))

    async def delete_webhook(
        self, group: str, name: str, *, expected_version: int | None = None
    ) -> None:
        """With its messages. Raises NotFound, StaleVersion."""
        await self._ask(c.DeleteWebhook(group=group, name=name, expected_version=expected_version))

    async def get_webhook(self, group: str, name: str) -> Webhook:
        """Raises NotFound."""
        return found(await self._ask(c.GetWebhook(group=group, name=name)), "webhook", name)

    async def list_webhooks(self, filter: WebhookFilter) -> list[Webhook]:
        """One page, by group and name."""
        return await self._ask(c.ListWebhooks(filter=filter))

    async def ping_webhook(self, group: str, name: str) -> None:
        """Have a message sent that says nothing. Raises NotFound, Conflict webhook_disabled."""
        await self._ask(c.PingWebhook(group=group, name=name))

    async def list_deliveries(
        self,
        group: str,
        name: str,
        *,
        state: DeliveryState | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """One page of a webhook's messages, newest first. Raises NotFound."""
        webhook = await self.get_webhook(group, name)
        filter = DeliveryFilter(
            webhook_id=webhook.id, state=state, before_id=before_id, limit=limit
        )
        return await self._ask(c.ListDeliveries(filter=filter))

    async def redeliver(self, group: str, name: str, delivery_id: int) -> Delivery:
        """Have a message sent again, from its first attempt on. Raises NotFound."""
        return await self._ask(c.Redeliver(group=group, name=name, delivery_id=delivery_id))
