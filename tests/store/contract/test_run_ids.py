"""Run ids: ascending, and never handed out twice."""

import asyncio

from callboard.domain.run import MAX_RUN_ID
from callboard.store.contract import Store
from support.rollback import rolled_back


async def allocate(store: Store, count: int) -> list[int]:
    async with store.begin() as tx:
        return await tx.allocate_run_ids(count)


async def test_ids_are_as_many_as_asked_for_and_ascend(store: Store) -> None:
    ids = await allocate(store, 250)
    assert len(ids) == 250
    assert ids == sorted(set(ids))
    assert ids[0] >= 1
    assert ids[-1] <= MAX_RUN_ID


async def test_later_ids_of_a_store_are_higher(store: Store) -> None:
    assert max(await allocate(store, 3)) < min(await allocate(store, 3))


async def test_none_are_none(store: Store) -> None:
    assert await allocate(store, 0) == []


async def test_ids_of_a_rolled_back_transaction_are_not_handed_out_again(store: Store) -> None:
    async with rolled_back(store) as tx:
        lost = await tx.allocate_run_ids(150)
    assert not set(lost) & set(await allocate(store, 300))


async def test_two_stores_never_hand_out_the_same_id(store: Store, peer: Store) -> None:
    rounds = await asyncio.gather(*(allocate(each, 70) for each in (store, peer) * 4))
    ids = [run_id for ids in rounds for run_id in ids]
    assert len(set(ids)) == len(ids) == 560
