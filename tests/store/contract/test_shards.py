"""The scheduler's shards: whose they are by the store's clock, and who may take them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta

from callboard.domain.shards import SHARDS, Division, Scheduling, shard_of
from callboard.store.contract import Node, Store
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.factories import LEASE, after, stored_node, stored_trigger
from support.rollback import rolled_back

SHARED, LEADER = Scheduling.SHARED, Scheduling.LEADER
ALL = frozenset(range(SHARDS))
FIRING = timedelta(seconds=6)
MICROSECOND = timedelta(microseconds=1)


async def firing_node(store: Store, name: str, *, has: Collection[int] = ()) -> Node:
    """A node whose lease of shards runs, with these shards."""
    node = await stored_node(store, name, LEASE * 100)
    await renew(store, node)
    assert (await take(store, node, has)).keys() == set(has)
    return node


async def renew(
    store: Store, node: Node, lease: timedelta = FIRING, scheduling: Scheduling = SHARED
) -> datetime | None:
    async with store.begin() as tx:
        return await tx.renew_firing(node.epoch, lease, scheduling)


async def end(store: Store, node: Node) -> set[int]:
    async with store.begin() as tx:
        return await tx.end_firing(node.epoch)


async def take(store: Store, node: Node, ids: Collection[int]) -> dict[int, int | None]:
    async with store.begin() as tx:
        return await tx.take_shards(node.epoch, ids)


async def release(store: Store, node: Node, ids: Collection[int]) -> set[int]:
    async with store.begin() as tx:
        return await tx.release_shards(node.epoch, ids)


async def hold(store: Store, node: Node, ids: Collection[int]) -> set[int]:
    async with store.begin() as tx:
        return await tx.hold_shards(node.epoch, ids)


async def division(store: Store) -> Division:
    async with store.begin() as tx:
        return await tx.read_division()


async def test_at_first_nobody_has_a_shard(store: Store) -> None:
    assert await division(store) == Division(live={}, owners={})
    node = await firing_node(store, "a")
    assert await division(store) == Division(live={node.epoch: SHARED}, owners={})
    assert await hold(store, node, ALL) == set()


async def test_all_shards_can_be_taken(store: Store) -> None:
    node = await firing_node(store, "a")
    assert await take(store, node, ALL) == dict.fromkeys(ALL)
    owners = dict.fromkeys(ALL, node.epoch)
    assert await division(store) == Division(live={node.epoch: SHARED}, owners=owners)
    assert await hold(store, node, ALL) == ALL


async def test_taking_none_takes_none(store: Store) -> None:
    node = await firing_node(store, "a")
    assert await take(store, node, ()) == {}
    assert await release(store, node, ()) == set()
    assert await hold(store, node, ()) == set()


async def test_a_division_says_how_each_node_was_told_to_share(store: Store) -> None:
    first, second = await firing_node(store, "a"), await firing_node(store, "b")
    assert await renew(store, second, scheduling=LEADER) == after(6)
    live = {first.epoch: SHARED, second.epoch: LEADER}
    assert (await division(store)).live == live


async def test_a_shard_of_a_live_node_is_not_taken(store: Store) -> None:
    first, second = await firing_node(store, "a", has={1, 2}), await firing_node(store, "b")
    assert await take(store, second, {2, 3}) == {3: None}
    assert await hold(store, first, {1, 2, 3}) == {1, 2}
    assert await hold(store, second, {1, 2, 3}) == {3}


async def test_ones_own_shards_are_not_taken_anew(store: Store) -> None:
    node = await firing_node(store, "a", has={1})
    assert await take(store, node, {1}) == {}


async def test_shards_are_taken_when_the_lease_is_over_and_not_before(
    store: Store, clock: VirtualClock
) -> None:
    first, second = await firing_node(store, "a", has={1, 2}), await firing_node(store, "b")
    await renew(store, second, FIRING * 2)
    await clock.advance_to(after(6) - MICROSECOND)
    assert await take(store, second, {1}) == {}
    assert await hold(store, first, {1}) == {1}
    await clock.advance_to(after(6))
    assert await hold(store, first, {1}) == set()
    assert (await division(store)).owners == {}
    assert await take(store, second, {1}) == {1: first.epoch}
    assert (await division(store)).owners == {1: second.epoch}


async def test_a_lease_that_is_renewed_in_time_keeps_the_shards(
    store: Store, clock: VirtualClock
) -> None:
    first, second = await firing_node(store, "a", has={1}), await firing_node(store, "b")
    await clock.advance(5)
    assert await renew(store, first) == after(11)
    await clock.advance(5)
    assert await take(store, second, {1}) == {}
    assert await hold(store, first, {1}) == {1}


async def test_a_lease_that_was_over_brings_back_what_nobody_took(
    store: Store, clock: VirtualClock
) -> None:
    first, second = await firing_node(store, "a", has={1, 2}), await firing_node(store, "b")
    await clock.advance(10)
    await renew(store, second)
    await take(store, second, {2})
    await renew(store, first)
    assert await hold(store, first, {1, 2}) == {1}


async def test_released_shards_are_free(store: Store) -> None:
    first, second = await firing_node(store, "a", has={1, 2}), await firing_node(store, "b")
    assert await release(store, first, {2, 3}) == {2}
    assert await take(store, second, {1, 2}) == {2: None}


async def test_nobody_releases_the_shards_of_another(store: Store) -> None:
    first, second = await firing_node(store, "a", has={1}), await firing_node(store, "b")
    assert await release(store, second, {1}) == set()
    assert await hold(store, first, {1}) == {1}


async def test_a_node_that_ends_its_lease_has_nothing_any_more(store: Store) -> None:
    first, second = await firing_node(store, "a", has={1, 2}), await firing_node(store, "b")
    assert await end(store, first) == {1, 2}
    assert await end(store, first) == set()
    assert await division(store) == Division(live={second.epoch: SHARED}, owners={})
    assert await hold(store, first, {1, 2}) == set()
    assert await take(store, second, {1, 2}) == {1: None, 2: None}


async def test_who_is_not_registered_has_no_lease(store: Store) -> None:
    node = await stored_node(store)
    async with store.begin() as tx:
        await tx.delete_node(node.epoch)
    assert await renew(store, node) is None
    assert (await division(store)).live == {}


async def test_leases_are_judged_by_the_stores_clock(store: Store, clock: VirtualClock) -> None:
    first, second = await firing_node(store, "a", has={1}), await firing_node(store, "b")
    clock.set_wall(after(6))
    async with rolled_back(store) as tx:
        assert await tx.take_shards(second.epoch, {1}) == {1: first.epoch}
    clock.set_wall(after(5))
    assert await take(store, second, {1}) == {}


async def test_what_was_taken_in_vain_is_as_it_was(store: Store) -> None:
    first, second = await firing_node(store, "a", has={1}), await firing_node(store, "b")
    async with rolled_back(store) as tx:
        await tx.end_firing(first.epoch)
        await tx.take_shards(second.epoch, {1, 2})
    live = {first.epoch: SHARED, second.epoch: SHARED}
    assert await division(store) == Division(live=live, owners={1: first.epoch})


async def test_nodes_are_listed_with_their_shards(store: Store, clock: VirtualClock) -> None:
    await firing_node(store, "a", has={1, 2})
    await firing_node(store, "b")
    await stored_node(store, "c")
    listed = await store.list_nodes()
    assert [(node.name, node.shards, node.firing_until) for node in listed] == [
        ("a", 2, after(6)),
        ("b", 0, after(6)),
        ("c", 0, None),
    ]


async def test_due_triggers_are_those_of_the_shards(store: Store) -> None:
    triggers = [await stored_trigger(store, f"t{n}", next_slot=after(n)) for n in range(70)]
    first, second = shard_of(triggers[0].id), shard_of(triggers[1].id)
    due = await store.due_triggers(after(70), 99, {first, second})
    assert due == [triggers[0], triggers[1], triggers[64], triggers[65]]
    assert await store.due_triggers(after(70), 3, {first, second}) == due[:3]
    assert await store.due_triggers(after(0), 99, {second}) == []
    assert await store.due_triggers(after(70), 99, ()) == []
    assert await store.due_triggers(after(70), 99) == triggers


async def test_two_who_take_at_the_same_moment_share(store: Store, peer: Store) -> None:
    first, second = await firing_node(store, "a"), await firing_node(store, "b")
    taken = await asyncio.gather(take(store, first, ALL), take(peer, second, ALL))
    assert taken[0].keys().isdisjoint(taken[1])
    held = await hold(store, first, ALL), await hold(peer, second, ALL)
    assert held == (set(taken[0]), set(taken[1]))


@on_databases
async def test_a_shard_that_is_held_is_passed_over_until_the_commit(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    """H02: whoever is in the middle of storing slots keeps them, even if its lease ends."""
    first, second = await firing_node(store, "a", has={1, 2}), await firing_node(store, "b")
    async with store.begin() as tx:
        assert await tx.hold_shards(first.epoch, {1}) == {1}
        await clock.advance(10)
        await renew(peer, second)
        assert await take(peer, second, {1, 2}) == {2: first.epoch}
    assert await take(peer, second, {1, 2}) == {1: first.epoch}


@on_databases
async def test_a_shard_that_is_being_taken_is_held_by_nobody_else(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    first, second = await firing_node(store, "a", has={1}), await firing_node(store, "b")
    await clock.advance(10)
    await renew(store, second)
    async with store.begin() as tx:
        await tx.take_shards(second.epoch, {1})
        await renew(peer, first)
        assert await hold(peer, first, {1}) == set()
        assert await release(peer, first, {1}) == set()
        assert await end(peer, first) == set()
    assert (await division(store)).owners == {1: second.epoch}


@on_databases
async def test_a_shard_is_not_taken_from_an_owner_whose_lease_the_taker_did_not_see(
    store: Store, peer: Store
) -> None:
    """A node begins its lease and takes shards in one transaction: all of it is seen, or none."""
    first, second = await stored_node(store, "a"), await firing_node(store, "b")
    async with store.begin() as tx:
        await tx.renew_firing(first.epoch, FIRING, SHARED)
        await tx.take_shards(first.epoch, {1, 2})
        taking = asyncio.ensure_future(take(peer, second, {1, 2, 3}))
        assert (await taking).keys() == {3}
    assert await take(peer, second, {1, 2}) == {}
    assert await hold(store, first, {1, 2}) == {1, 2}


@on_databases
async def test_leases_that_nobody_renews_go(store: Store, clock: VirtualClock) -> None:
    first, second = await firing_node(store, "a"), await firing_node(store, "b")
    await clock.advance(86_400 + 7)
    await renew(store, second)
    listed = {node.name: node.firing_until for node in await store.list_nodes()}
    assert listed == {"a": None, "b": clock.now() + FIRING}
    assert await renew(store, first) == clock.now() + FIRING
