"""Webhooks, their messages and deadlines in PostgreSQL: one function a statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from callboard.domain.delivery import Delivery, DeliveryState, NewDelivery
from callboard.domain.failing_job import FailingJob
from callboard.domain.lateness import DeadlineKind, WatchedSlots
from callboard.domain.webhook import Webhook, WebhookEvent
from callboard.store.contract import DeliveryFilter, WebhookFilter
from callboard.store.postgres_json import from_json, to_json
from callboard.store.statements import Row, Statements


async def insert_webhook(sql: Statements, webhook: Webhook, now: datetime | None) -> Webhook | None:
    row = await sql.row("insert_webhook", webhook.group, webhook.name, _definition(webhook), now)
    if row is None:
        return None
    created_at = row["created_at"]
    return replace(webhook, id=row["id"], version=1, created_at=created_at, updated_at=created_at)


async def update_webhook(sql: Statements, webhook: Webhook, now: datetime | None) -> Webhook | None:
    row = await sql.row("update_webhook", webhook.id, webhook.version, _definition(webhook), now)
    if row is None:
        return None
    return replace(webhook, version=row["version"], updated_at=row["updated_at"])


async def delete_webhook(sql: Statements, webhook_id: int) -> bool:
    return await sql.value("delete_webhook", webhook_id) is not None


async def lock_webhook(sql: Statements, group: str, name: str) -> Webhook | None:
    row = await sql.row("lock_webhook", group, name)
    return None if row is None else _webhook(row)


async def get_webhook(sql: Statements, group: str, name: str) -> Webhook | None:
    row = await sql.row("get_webhook", group, name)
    return None if row is None else _webhook(row)


async def list_webhooks(sql: Statements, wanted: WebhookFilter) -> list[Webhook]:
    rows = await sql.rows("list_webhooks", wanted.group, *(wanted.after or ("", "")), wanted.limit)
    return [_webhook(row) for row in rows]


async def insert_deliveries(
    sql: Statements, deliveries: Sequence[NewDelivery], now: datetime | None
) -> int:
    if not deliveries:
        return 0
    rows = await sql.rows(
        "insert_deliveries",
        [each.webhook_id for each in deliveries],
        [each.event for each in deliveries],
        [each.subject for each in deliveries],
        [to_json(each.payload) for each in deliveries],
        now,
    )
    return len(rows)


async def take_deliveries(
    sql: Statements, limit: int, hold: timedelta, now: datetime | None
) -> list[Delivery]:
    return [_delivery(row) for row in await sql.rows("take_deliveries", limit, hold, now)]


async def update_delivery(sql: Statements, delivery: Delivery, now: datetime | None) -> bool:
    updated = await sql.value(
        "update_delivery",
        delivery.id,
        delivery.attempts,
        delivery.state.value,
        delivery.due_at,
        delivery.status,
        delivery.error,
        now,
    )
    return updated is not None


async def renew_delivery(
    sql: Statements, webhook_id: int, delivery_id: int, now: datetime | None
) -> Delivery | None:
    row = await sql.row("renew_delivery", delivery_id, webhook_id, now)
    return None if row is None else _delivery(row)


async def list_deliveries(sql: Statements, wanted: DeliveryFilter) -> list[Delivery]:
    state = None if wanted.state is None else wanted.state.value
    rows = await sql.rows(
        "list_deliveries", wanted.webhook_id, state, wanted.before_id, wanted.limit
    )
    return [_delivery(row) for row in rows]


async def next_delivery_at(sql: Statements) -> datetime | None:
    at: datetime | None = await sql.value("next_delivery_at")
    return at


async def note_failing_jobs(sql: Statements, jobs: Sequence[FailingJob]) -> None:
    await sql.rows(
        "note_failing_jobs",
        [each.job_id for each in jobs],
        [each.run_id for each in jobs],
        [each.since for each in jobs],
    )


async def take_failing_jobs(sql: Statements, job_ids: Collection[int]) -> list[FailingJob]:
    rows = await sql.rows("take_failing_jobs", sorted(job_ids))
    return [
        FailingJob(job_id=row["job_id"], run_id=row["run_id"], since=row["since"]) for row in rows
    ]


async def job_ids_of(sql: Statements, names: Collection[tuple[str, str | None]]) -> list[int]:
    if not names:
        return []
    groups, jobs = zip(*names, strict=True)
    return [row[0] for row in await sql.rows("list_job_ids", groups, jobs)]


async def watched_slots(sql: Statements) -> list[WatchedSlots]:
    checked: dict[tuple[int, str, str], dict[DeadlineKind, datetime]] = {}
    for row in await sql.rows("list_watched_slots"):
        kinds = checked.setdefault((row["trigger_id"], row["group_name"], row["name"]), {})
        if row["kind"] is not None:
            kinds[row["kind"]] = row["checked_until"]
    return [
        WatchedSlots(trigger_id=trigger_id, group=group, name=name, checked=kinds)
        for (trigger_id, group, name), kinds in checked.items()
    ]


async def move_deadline_check(
    sql: Statements, trigger_id: int, kind: str, before: datetime | None, until: datetime
) -> bool:
    return await sql.value("move_deadline_check", trigger_id, kind, before, until) is not None


def _definition(webhook: Webhook) -> str:
    return to_json(
        {
            "url": webhook.url,
            "events": [event.value for event in webhook.events],
            "job": webhook.job,
            "trigger": webhook.trigger,
            "secret": webhook.secret,
            "description": webhook.description,
            "disabled": webhook.disabled,
        }
    )


def _webhook(row: Row) -> Webhook:
    definition: Mapping[str, Any] = from_json(row["definition"])
    return Webhook(
        **{**definition, "events": tuple(map(WebhookEvent, definition["events"]))},
        group=row["group_name"],
        name=row["name"],
        id=row["id"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _delivery(row: Row) -> Delivery:
    return Delivery(
        id=row["id"],
        webhook_id=row["webhook_id"],
        event=row["event"],
        subject=row["subject"],
        payload=from_json(row["payload"]),
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        due_at=row["due_at"],
        status=row["status"],
        error=row["error"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )
