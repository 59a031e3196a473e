"""The memory store's webhooks, their messages and deadlines: a part of its transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from callboard.domain.delivery import Delivery, DeliveryState, NewDelivery
from callboard.domain.failing_job import FailingJob
from callboard.domain.lateness import KINDS, DeadlineKind, WatchedSlots
from callboard.domain.webhook import Webhook
from callboard.store.memory_tables import Tables


class MemoryWebhooks:
    """The verbs; `contract.Transaction` says what they do."""

    _tables: Tables
    _now: datetime

    async def insert_webhook(self, webhook: Webhook) -> Webhook | None:
        return self._tables.webhooks.define(webhook, self._tables.webhook_ids, self._now)

    async def update_webhook(self, webhook: Webhook) -> Webhook | None:
        return self._tables.webhooks.redefine(webhook, self._now)

    async def delete_webhook(self, webhook_id: int) -> bool:
        deliveries = self._tables.deliveries
        for each in [*deliveries.rows.values()]:
            if each.webhook_id == webhook_id:
                deliveries.write(each.id, None)
        return self._tables.webhooks.remove(webhook_id)

    async def lock_webhook(self, group: str, name: str) -> Webhook | None:
        return self._tables.webhooks.by_name(group, name)

    async def webhooks(self) -> list[Webhook]:
        return [*self._tables.webhooks.in_order(None)]

    async def insert_deliveries(self, deliveries: Sequence[NewDelivery]) -> int:
        table = self._tables.deliveries
        known = {(each.webhook_id, each.event, each.subject) for each in table.rows.values()}
        fresh = {(each.webhook_id, each.event, each.subject): each for each in reversed(deliveries)}
        count = 0
        for key in [key for key in reversed(fresh) if key not in known]:
            new, delivery_id = fresh[key], next(self._tables.delivery_ids)
            stored = Delivery(
                id=delivery_id,
                webhook_id=new.webhook_id,
                event=new.event,
                subject=new.subject,
                payload=new.payload,
                due_at=self._now,
                created_at=self._now,
            )
            table.write(delivery_id, stored)
            count += 1
        return count

    async def take_deliveries(self, limit: int, hold: timedelta) -> list[Delivery]:
        table = self._tables.deliveries
        due = [each for each in table.rows.values() if _is_due(each, self._now)]
        taken = [
            replace(each, attempts=each.attempts + 1, due_at=self._now + hold)
            for each in sorted(due, key=lambda each: (each.due_at, each.id))[:limit]
        ]
        for each in taken:
            table.write(each.id, each)
        return taken

    async def update_delivery(self, delivery: Delivery) -> bool:
        stored = self._tables.deliveries.rows.get(delivery.id)
        if stored is None or stored.state is not DeliveryState.QUEUED:
            return False
        if stored.attempts != delivery.attempts:
            return False
        ended_at = None if delivery.state is DeliveryState.QUEUED else self._now
        self._tables.deliveries.write(
            delivery.id,
            replace(
                stored,
                state=delivery.state,
                due_at=delivery.due_at,
                status=delivery.status,
                error=delivery.error,
                ended_at=ended_at,
            ),
        )
        return True

    async def renew_delivery(self, webhook_id: int, delivery_id: int) -> Delivery | None:
        stored = self._tables.deliveries.rows.get(delivery_id)
        if stored is None or stored.webhook_id != webhook_id:
            return None
        fresh = replace(
            stored,
            state=DeliveryState.QUEUED,
            attempts=0,
            due_at=self._now,
            status=None,
            error=None,
            ended_at=None,
        )
        self._tables.deliveries.write(delivery_id, fresh)
        return fresh

    async def note_failing_jobs(self, jobs: Sequence[FailingJob]) -> None:
        table = self._tables.failing_jobs
        for each in jobs:
            if each.job_id not in table.rows:
                table.write(each.job_id, each)

    async def take_failing_jobs(self, job_ids: Collection[int]) -> list[FailingJob]:
        table = self._tables.failing_jobs
        taken = [table.rows[job_id] for job_id in sorted(job_ids) if job_id in table.rows]
        for each in taken:
            table.write(each.job_id, None)
        return taken

    async def job_ids_of(self, names: Collection[tuple[str, str | None]]) -> list[int]:
        wanted = set(names)
        return [
            job.id
            for job in self._tables.jobs.rows.values()
            if wanted & {(job.group, job.name), (job.group, None)}
        ]

    async def move_deadline_check(
        self, trigger_id: int, kind: DeadlineKind, before: datetime | None, until: datetime
    ) -> bool:
        checks = self._tables.deadline_checks
        if trigger_id not in self._tables.triggers.rows:
            return False
        if checks.rows.get((trigger_id, kind)) != before:
            return False
        checks.write((trigger_id, kind), until)
        return True


def watched_slots(tables: Tables) -> list[WatchedSlots]:
    """As `contract.Store.watched_slots`."""
    checks = tables.deadline_checks.rows
    return [
        WatchedSlots(
            trigger_id=trigger_id,
            group=trigger.group,
            name=trigger.name,
            checked={
                kind: checks[trigger_id, kind] for kind in KINDS if (trigger_id, kind) in checks
            },
        )
        for trigger_id, trigger in sorted(tables.triggers.rows.items())
        if trigger.deadlines is not None
    ]


def _is_due(delivery: Delivery, now: datetime) -> bool:
    return delivery.state is DeliveryState.QUEUED and delivery.due_at <= now
