"""Idempotency keys: kept once, answered later."""

import asyncio
from dataclasses import replace

from callboard.store.contract import IdempotencyRecord, Store
from support.factories import NOW, after

RECORD = IdempotencyRecord(key="default POST /v1/runs schlüssel 🗝", digest="d1", created_at=NOW)


async def insert(store: Store, record: IdempotencyRecord = RECORD) -> IdempotencyRecord | None:
    async with store.begin() as tx:
        return await tx.insert_idempotency(record)


async def update(store: Store, record: IdempotencyRecord) -> None:
    async with store.begin() as tx:
        await tx.update_idempotency(record)


async def test_a_new_key_is_stored_and_the_caller_goes_on(store: Store) -> None:
    assert await insert(store) is None
    assert await insert(store, replace(RECORD, key="another")) is None


async def test_a_known_key_gives_what_is_there(store: Store) -> None:
    await insert(store)
    again = replace(RECORD, digest="d2", created_at=after(60), run_ids=(9,))
    assert await insert(store, again) == RECORD
    assert await insert(store, again) == RECORD


async def test_a_known_key_is_seen_within_the_transaction(store: Store) -> None:
    async with store.begin() as tx:
        assert await tx.insert_idempotency(RECORD) is None
        assert await tx.insert_idempotency(RECORD) == RECORD


async def test_an_answer_is_kept_byte_by_byte(store: Store) -> None:
    await insert(store)
    answer = bytes(range(256))
    await update(store, replace(RECORD, status=201, answer=answer, run_ids=(3, 1, 2)))
    stored = replace(RECORD, status=201, answer=answer, run_ids=(3, 1, 2))
    assert await insert(store) == stored


async def test_an_answer_leaves_digest_and_creation_alone(store: Store) -> None:
    await insert(store)
    await update(store, replace(RECORD, digest="d2", created_at=after(60), status=200, answer=b""))
    assert await insert(store) == replace(RECORD, status=200, answer=b"")


async def test_an_answer_to_an_unknown_key_is_left_out(store: Store) -> None:
    await update(store, replace(RECORD, status=200))
    assert await insert(store) is None


async def test_a_deleted_key_is_new_again(store: Store) -> None:
    await insert(store)
    async with store.begin() as tx:
        await tx.delete_idempotency(RECORD.key)
        await tx.delete_idempotency("never there")
    assert await insert(store) is None


async def test_of_two_requests_with_one_key_at_the_same_moment_one_goes_on(
    store: Store, peer: Store
) -> None:
    found = await asyncio.gather(*(insert(each) for each in (store, peer) * 3))
    assert sum(record is None for record in found) == 1
    assert [record for record in found if record is not None] == [RECORD] * 5
