"""Verbs of a transaction on webhooks, their messages and deadlines; see contract.py."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from callboard.domain.delivery import Delivery, NewDelivery
from callboard.domain.failing_job import FailingJob
from callboard.domain.lateness import DeadlineKind
from callboard.domain.webhook import Webhook


class WebhookVerbs(Protocol):
    """A part of `contract.Transaction`."""

    async def insert_webhook(self, webhook: Webhook) -> Webhook | None:
        """As insert_job."""
        ...

    async def update_webhook(self, webhook: Webhook) -> Webhook | None:
        """As update_job."""
        ...

    async def delete_webhook(self, webhook_id: int) -> bool:
        """Whether it was there; its messages go with it."""
        ...

    async def lock_webhook(self, group: str, name: str) -> Webhook | None:
        """The webhook, its row locked against every other writer until the commit."""
        ...

    async def webhooks(self) -> list[Webhook]:
        """All of them."""
        ...

    async def insert_deliveries(self, deliveries: Sequence[NewDelivery]) -> int:
        """Store messages, due now; how many. One is left out where the webhook has one of the same
        event and subject."""
        ...

    async def take_deliveries(self, limit: int, hold: timedelta) -> list[Delivery]:
        """Due messages, each counted as attempted, and due again after `hold`: so long they are the
        taker's."""
        ...

    async def update_delivery(self, delivery: Delivery) -> bool:
        """Write state, due_at, status and error of a queued message that nobody else has taken
        since; whether it did."""
        ...

    async def renew_delivery(self, webhook_id: int, delivery_id: int) -> Delivery | None:
        """The message as it was in the beginning, due now; None: the webhook has no such one."""
        ...

    async def note_failing_jobs(self, jobs: Sequence[FailingJob]) -> None:
        """Remember them; one that is remembered stays as it is."""
        ...

    async def take_failing_jobs(self, job_ids: Collection[int]) -> list[FailingJob]:
        """Those of the jobs that are remembered, which they are no longer."""
        ...

    async def job_ids_of(self, names: Collection[tuple[str, str | None]]) -> list[int]:
        """Ids of the jobs (group, name) that exist; without a name of all jobs of the group."""
        ...

    async def move_deadline_check(
        self, trigger_id: int, kind: DeadlineKind, before: datetime | None, until: datetime
    ) -> bool:
        """Note how far the slots of a trigger have been looked at, if that is still `before`."""
        ...
