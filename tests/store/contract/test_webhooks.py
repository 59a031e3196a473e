"""Webhooks, their messages, failing jobs and watched slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callboard.domain.deadlines import Deadlines
from callboard.domain.delivery import Delivery, DeliveryState, NewDelivery
from callboard.domain.failing_job import FailingJob
from callboard.domain.webhook import Webhook, WebhookEvent
from callboard.store.contract import Cutoffs, DeliveryFilter, Store, WebhookFilter
from callboard.testing import VirtualClock
from support.factories import after, stored_job, stored_trigger

HOLD = timedelta(seconds=60)


async def stored(store: Store, name: str = "ops", **fields: Any) -> Webhook:
    async with store.begin() as tx:
        webhook = await tx.insert_webhook(
            Webhook(**{"name": name, "url": "https://example.org/hook", **fields})
        )
    assert webhook is not None
    return webhook


async def send(store: Store, webhook: Webhook, *subjects: str, event: str = "ping") -> int:
    async with store.begin() as tx:
        return await tx.insert_deliveries(
            [
                NewDelivery(webhook_id=webhook.id, event=event, subject=each, payload={"s": each})
                for each in subjects
            ]
        )


async def take(store: Store, limit: int = 10) -> list[Delivery]:
    async with store.begin() as tx:
        return sorted(await tx.take_deliveries(limit, HOLD), key=lambda each: each.id)


async def test_a_webhook_comes_back_as_it_was_stored(store: Store) -> None:
    webhook = await stored(
        store,
        group="a",
        events=(WebhookEvent.RUN_FAILED,),
        job="load",
        trigger="t",
        secret={"$secret": "env:KEY"},
        description="d",
        disabled=True,
    )
    assert webhook.version == 1
    assert await store.get_webhook("a", "ops") == webhook
    assert await store.get_webhook("b", "ops") is None


async def test_a_name_is_taken_once(store: Store) -> None:
    webhook = await stored(store)
    async with store.begin() as tx:
        assert await tx.insert_webhook(replace(webhook, id=0)) is None


async def test_an_update_needs_the_version_that_was_read(store: Store) -> None:
    webhook = await stored(store)
    async with store.begin() as tx:
        edited = await tx.update_webhook(replace(webhook, disabled=True))
    assert edited is not None
    assert edited.version == 2
    async with store.begin() as tx:
        assert await tx.update_webhook(webhook) is None
        assert await tx.lock_webhook("default", "ops") == edited


async def test_webhooks_are_listed_by_group_and_name(store: Store) -> None:
    for group, name in (("b", "x"), ("a", "y"), ("a", "x")):
        await stored(store, name, group=group)
    listed = await store.list_webhooks(WebhookFilter())
    assert [(each.group, each.name) for each in listed] == [("a", "x"), ("a", "y"), ("b", "x")]
    page = await store.list_webhooks(WebhookFilter(group="a", after=("a", "x"), limit=5))
    assert [each.name for each in page] == ["y"]


async def test_a_message_is_stored_once(store: Store) -> None:
    webhook = await stored(store)
    assert await send(store, webhook, "a", "a", "b") == 2
    assert await send(store, webhook, "b", "c") == 1
    assert await send(store, webhook, "b", event="run.failed") == 1


async def test_a_taken_message_is_nobody_elses_for_a_while(
    store: Store, clock: VirtualClock
) -> None:
    webhook = await stored(store)
    await send(store, webhook, "a", "b")
    taken = await take(store)
    assert [(each.subject, each.attempts) for each in taken] == [("a", 1), ("b", 1)]
    assert await take(store) == []
    await clock.advance(61)
    assert [each.attempts for each in await take(store)] == [2, 2]


async def test_what_became_of_a_message_is_written_by_its_last_taker(
    store: Store, clock: VirtualClock
) -> None:
    webhook = await stored(store)
    await send(store, webhook, "a")
    [first] = await take(store)
    await clock.advance(61)
    [second] = await take(store)
    async with store.begin() as tx:
        assert not await tx.update_delivery(replace(first, state=DeliveryState.FAILED))
        done = replace(second, state=DeliveryState.DELIVERED, status=200)
        assert await tx.update_delivery(done)
        assert not await tx.update_delivery(done)
    [delivery] = await store.list_deliveries(DeliveryFilter(webhook_id=webhook.id))
    assert (delivery.state, delivery.status) == (DeliveryState.DELIVERED, 200)
    assert delivery.ended_at is not None


async def test_a_message_that_is_sent_again_begins_anew(store: Store) -> None:
    webhook = await stored(store)
    await send(store, webhook, "a")
    [taken] = await take(store)
    async with store.begin() as tx:
        await tx.update_delivery(replace(taken, state=DeliveryState.FAILED, error="e", status=500))
    async with store.begin() as tx:
        fresh = await tx.renew_delivery(webhook.id, taken.id)
        assert await tx.renew_delivery(webhook.id + 1, taken.id) is None
    assert fresh is not None
    assert (fresh.state, fresh.attempts, fresh.error) == (DeliveryState.QUEUED, 0, None)
    assert len(await take(store)) == 1


async def test_the_next_message_is_known(store: Store) -> None:
    assert await store.next_delivery_at() is None
    webhook = await stored(store)
    await send(store, webhook, "a")
    first = await store.next_delivery_at()
    assert first is not None
    await take(store)
    assert await store.next_delivery_at() == first + HOLD


async def test_messages_are_listed_newest_first(store: Store) -> None:
    webhook = await stored(store)
    await send(store, webhook, "a", "b", "c")
    listed = await store.list_deliveries(DeliveryFilter(webhook_id=webhook.id, limit=2))
    assert [each.subject for each in listed] == ["c", "b"]
    rest = DeliveryFilter(webhook_id=webhook.id, before_id=listed[-1].id)
    assert [each.subject for each in await store.list_deliveries(rest)] == ["a"]
    failed = DeliveryFilter(webhook_id=webhook.id, state=DeliveryState.FAILED)
    assert await store.list_deliveries(failed) == []


async def test_a_deleted_webhooks_messages_go_with_it(store: Store) -> None:
    webhook = await stored(store)
    await send(store, webhook, "a")
    async with store.begin() as tx:
        assert await tx.delete_webhook(webhook.id)
        assert not await tx.delete_webhook(webhook.id)
    assert await store.next_delivery_at() is None


async def test_ended_messages_are_pruned_with_the_runs(store: Store, clock: VirtualClock) -> None:
    webhook = await stored(store)
    await send(store, webhook, "a", "b")
    [first, _] = await take(store)
    async with store.begin() as tx:
        await tx.update_delivery(replace(first, state=DeliveryState.FAILED))
    await clock.advance(1)
    removed = await store.prune(Cutoffs(ended_runs=clock.now()))
    assert removed["deliveries"] == 1


async def test_a_failing_job_is_remembered_from_its_first_failure_on(store: Store) -> None:
    jobs = [FailingJob(job_id=7, run_id=run_id, since=after(run_id)) for run_id in (1, 2)]
    async with store.begin() as tx:
        for each in jobs:
            await tx.note_failing_jobs([each])
    async with store.begin() as tx:
        assert await tx.take_failing_jobs([7, 8]) == [jobs[0]]
        assert await tx.take_failing_jobs([7, 8]) == []


async def test_ids_of_jobs_by_name_and_of_groups(store: Store) -> None:
    one, two, three = [
        await stored_job(store, name=name, group=group)
        for name, group in (("one", "a"), ("two", "a"), ("three", "b"))
    ]
    async with store.begin() as tx:
        assert sorted(await tx.job_ids_of([("a", None)])) == [one.id, two.id]
        assert await tx.job_ids_of([("a", "two"), ("b", "two")]) == [two.id]
        assert sorted(await tx.job_ids_of([("a", None), ("b", "three")])) == [
            *(one.id, two.id, three.id)
        ]
        assert await tx.job_ids_of([]) == []


async def test_watched_slots_move_from_where_they_were_read(store: Store) -> None:
    await stored_trigger(store, name="free")
    trigger = await stored_trigger(store, name="t", deadlines=Deadlines(start_within_s=60))
    [watched] = await store.watched_slots()
    assert (watched.trigger_id, watched.name, dict(watched.checked)) == (trigger.id, "t", {})
    async with store.begin() as tx:
        assert await tx.move_deadline_check(trigger.id, "start", None, after(1))
    async with store.begin() as tx:
        assert not await tx.move_deadline_check(trigger.id, "start", after(0), after(2))
        assert await tx.move_deadline_check(trigger.id, "start", after(1), after(2))
        assert not await tx.move_deadline_check(trigger.id + 1, "start", None, after(2))
    [watched] = await store.watched_slots()
    assert dict(watched.checked) == {"start": after(2)}


@pytest.mark.parametrize(
    "deadlines", [None, Deadlines(start_within_s=1.5), Deadlines(finish_within_s=60)]
)
async def test_deadlines_come_back_as_they_were_stored(
    store: Store, deadlines: Deadlines | None
) -> None:
    await stored_trigger(store, name="t", deadlines=deadlines)
    trigger = await store.get_trigger("default", "t")
    assert trigger is not None
    assert trigger.deadlines == deadlines
