"""Rates: what is taken of a sliding window, over all stores, and given back by a rollback."""

from __future__ import annotations

import asyncio

from callboard.domain.limits import RateLimit
from callboard.store.contract import Store
from callboard.testing import VirtualClock
from support.rollback import rolled_back

LIMIT = RateLimit(runs=5, per_s=10)


async def take(store: Store, wanted: int, name: str = "retry:1") -> int:
    async with store.begin() as tx:
        return await tx.take_rate(name, LIMIT, wanted)


async def test_a_window_grants_what_is_left(store: Store) -> None:
    assert [await take(store, 3), await take(store, 3), await take(store, 3)] == [3, 2, 0]
    assert await take(store, 9, "retry:2") == 5
    assert await take(store, 0, "retry:3") == 0


async def test_what_was_taken_comes_back_when_its_time_is_over(
    store: Store, clock: VirtualClock
) -> None:
    assert await take(store, 4) == 4
    await clock.advance(9.999999)
    assert await take(store, 4) == 1
    await clock.advance(0.000001)
    assert await take(store, 9) == 4


async def test_what_is_taken_twice_in_one_transaction_counts_twice(store: Store) -> None:
    async with store.begin() as tx:
        assert await tx.take_rate("retry:1", LIMIT, 3) == 3
        assert await tx.take_rate("retry:1", LIMIT, 3) == 2


async def test_a_rollback_gives_back(store: Store) -> None:
    async with rolled_back(store) as tx:
        await tx.take_rate("retry:1", LIMIT, 5)
    assert await take(store, 5) == 5


async def test_stores_at_the_same_moment_never_take_more_than_there_is(
    store: Store, peer: Store
) -> None:
    shares = await asyncio.gather(*(take(each, 2) for each in (store, peer) * 3))
    assert sum(shares) == 5
