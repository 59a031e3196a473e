"""Nodes: epochs, leases by the store's clock, and what a renewal tells."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from callboard.domain.states import RunState
from callboard.store.contract import Node, Renewal, Store
from callboard.testing import VirtualClock
from support.factories import (
    LEASE,
    NOW,
    after,
    changed_run,
    claimed_runs,
    make_node,
    running_run,
    stored_job,
    stored_node,
    stored_runs,
)
from support.rollback import rolled_back

MICROSECOND = timedelta(microseconds=1)


async def insert(store: Store, name: str = "node-a") -> Node | None:
    async with store.begin() as tx:
        return await tx.insert_node(make_node(name), LEASE)


async def renew(store: Store, node: Node, lease: timedelta = LEASE) -> Renewal | None:
    async with store.begin() as tx:
        return await tx.renew_node(node.epoch, lease)


async def expire(store: Store, *, but: int | None = None) -> list[str]:
    """Names of the nodes that have no lease (any more)."""
    async with store.begin() as tx:
        return sorted(node.name for node in await tx.expire_nodes(but=but))


async def remove_expired(store: Store) -> int:
    async with store.begin() as tx:
        return await tx.delete_expired_nodes()


async def test_a_new_node_has_an_epoch_and_a_lease(store: Store, clock: VirtualClock) -> None:
    await clock.advance(1.5)
    node = await stored_node(store)
    assert node.epoch > 0
    assert node == replace(
        make_node(), epoch=node.epoch, started_at=after(1.5), lease_until=after(1.5) + LEASE
    )
    assert await store.list_nodes() == [node]


async def test_epochs_ascend_over_all_nodes(store: Store, peer: Store) -> None:
    nodes = [await stored_node(each, f"n{number}") for number, each in enumerate((store, peer) * 2)]
    epochs = [node.epoch for node in nodes]
    assert epochs == sorted(set(epochs))


async def test_a_name_with_a_live_lease_is_taken(store: Store, clock: VirtualClock) -> None:
    node = await stored_node(store)
    await clock.advance_to(node.lease_until - MICROSECOND)
    assert await insert(store) is None
    assert await store.list_nodes() == [node]


async def test_a_dead_node_of_the_same_name_is_replaced(store: Store, clock: VirtualClock) -> None:
    dead = await stored_node(store)
    await clock.advance_to(dead.lease_until)
    node = await insert(store)
    assert node is not None
    assert node.epoch > dead.epoch
    assert await store.list_nodes() == [node]
    assert await renew(store, dead) is None


async def test_a_name_is_free_again_when_its_node_left(store: Store) -> None:
    node = await stored_node(store)
    async with store.begin() as tx:
        assert await tx.delete_node(node.epoch) is True
        assert await tx.delete_node(node.epoch) is False
    again = await insert(store)
    assert again is not None
    assert again.epoch > node.epoch


async def test_of_two_nodes_with_one_name_at_the_same_moment_one_starts(
    store: Store, peer: Store
) -> None:
    nodes = await asyncio.gather(insert(store), insert(peer))
    [node] = [each for each in nodes if each is not None]
    assert await store.list_nodes() == [node]


async def test_of_two_nodes_that_replace_a_dead_one_at_the_same_moment_one_starts(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    await stored_node(store)
    await clock.advance(LEASE.total_seconds())
    nodes = await asyncio.gather(insert(store), insert(peer))
    [node] = [each for each in nodes if each is not None]
    assert await store.list_nodes() == [node]


async def test_a_renewed_lease_runs_from_the_renewal_on(store: Store, clock: VirtualClock) -> None:
    node = await stored_node(store)
    await clock.advance(20)
    renewal = await renew(store, node)
    assert renewal == Renewal(
        now=after(20), lease_until=after(20) + LEASE, live_nodes=1, stopping=()
    )
    assert await store.list_nodes() == [replace(node, lease_until=after(20) + LEASE)]
    await clock.advance(20)
    assert await renew(store, node) is not None


async def test_a_renewal_may_ask_for_another_length(store: Store) -> None:
    node = await stored_node(store)
    renewal = await renew(store, node, timedelta(milliseconds=1500))
    assert renewal is not None
    assert renewal.lease_until == after(1.5)


async def test_a_lease_that_is_over_can_be_renewed_while_nobody_removed_it(
    store: Store, clock: VirtualClock
) -> None:
    node = await stored_node(store)
    await clock.advance(LEASE.total_seconds() * 3)
    renewal = await renew(store, node)
    assert renewal is not None
    assert (renewal.lease_until, renewal.live_nodes) == (clock.now() + LEASE, 1)
    assert await expire(store) == []


async def test_a_lease_that_was_taken_away_cannot_be_renewed(
    store: Store, clock: VirtualClock
) -> None:
    node = await stored_node(store)
    await clock.advance_to(node.lease_until)
    assert await expire(store) == ["node-a"]
    assert await renew(store, node) is None
    assert await store.list_nodes() == []
    clock.set_wall(NOW)
    assert await renew(store, node) is None
    async with store.begin() as tx:
        assert await tx.has_live_node() is False


async def test_a_node_without_a_lease_claims_nothing_when_the_clock_steps_back(
    store: Store, clock: VirtualClock
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await stored_runs(store, job, 1)
    await clock.advance_to(node.lease_until)
    await expire(store)
    clock.set_wall(NOW + LEASE / 2)
    assert await claimed_runs(store, node) == []


async def test_what_a_node_says_of_itself_is_there_until_its_runs_are_decided(
    store: Store, clock: VirtualClock
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    async with store.begin() as tx:
        await tx.renew_node(node.epoch, LEASE, {"rss_mb": 12.5})
        await tx.renew_node(node.epoch, LEASE)
    assert [each.vitals for each in await store.list_nodes()] == [{"rss_mb": 12.5}]
    await clock.advance_to(node.lease_until)
    again = await insert(store, node.name)
    assert again is not None
    assert await remove_expired(store) == 0
    async with store.begin() as tx:
        [dead] = await tx.expire_nodes()
        assert (dead.epoch, dead.vitals, dead.expired) == (node.epoch, {"rss_mb": 12.5}, True)
    await changed_run(store, run, state=RunState.QUEUED, node=None, epoch=None)
    assert await remove_expired(store) == 1
    assert await expire(store) == []
    assert await store.list_nodes() == [again]


async def test_a_node_does_not_take_its_own_lease_away(store: Store, clock: VirtualClock) -> None:
    job, mine = await stored_job(store), await stored_node(store, "a")
    other = await stored_node(store, "b")
    await running_run(store, job, mine)
    lost = await running_run(store, job, other)
    await clock.advance_to(other.lease_until)
    assert await expire(store, but=mine.epoch) == ["b"]
    async with store.begin() as tx:
        assert await tx.lock_runs_of_lost_nodes(9, but=mine.epoch) == [lost]
    assert await renew(store, mine) is not None


async def test_a_node_that_is_gone_cannot_renew(store: Store) -> None:
    node = await stored_node(store)
    async with store.begin() as tx:
        await tx.delete_node(node.epoch)
    assert await renew(store, node) is None
    assert await store.list_nodes() == []


async def test_a_renewal_counts_the_nodes_whose_lease_runs(
    store: Store, clock: VirtualClock
) -> None:
    dead, first = await stored_node(store, "dead", LEASE / 2), await stored_node(store, "a")
    await stored_node(store, "b")
    await clock.advance_to(dead.lease_until)
    renewal = await renew(store, first)
    assert renewal is not None
    assert renewal.live_nodes == 2


async def test_a_renewal_names_the_runs_that_are_to_stop_and_so_does_a_look(store: Store) -> None:
    job, first, second = (
        await stored_job(store),
        await stored_node(store, "a"),
        await stored_node(store, "b"),
    )
    mine = await changed_run(store, await running_run(store, job, first), state=RunState.STOPPING)
    await changed_run(store, await running_run(store, job, second), state=RunState.STOPPING)
    await running_run(store, job, first)
    await changed_run(store, await running_run(store, job, first), state=RunState.LOST)
    renewal = await renew(store, first)
    assert renewal is not None
    assert renewal.stopping == (mine,)
    assert await store.stopping_runs(first.epoch) == [mine]


async def test_leases_are_judged_by_the_stores_clock(store: Store, clock: VirtualClock) -> None:
    await stored_node(store)
    clock.set_wall(NOW + LEASE)
    assert await would_expire(store) == ["node-a"]
    clock.set_wall(NOW + LEASE - MICROSECOND)
    assert await expire(store) == []


async def would_expire(store: Store) -> list[str]:
    """Whose lease would be taken away."""
    async with rolled_back(store) as tx:
        expired = await tx.expire_nodes()
    return [node.name for node in expired]


async def test_nodes_whose_lease_is_over_are_returned_and_removed(
    store: Store, clock: VirtualClock
) -> None:
    for name, lease in (("a", LEASE), ("b", LEASE * 3), ("c", LEASE / 2)):
        await stored_node(store, name, lease)
    assert await expire(store) == []
    await clock.advance(LEASE.total_seconds())
    assert await expire(store) == ["a", "c"]
    assert await remove_expired(store) == 2
    assert await expire(store) == []
    assert [node.name for node in await store.list_nodes()] == ["b"]


async def test_nodes_are_listed_by_name_the_dead_as_well(store: Store, clock: VirtualClock) -> None:
    for name in ("b", "a", "C", "a.1"):
        await stored_node(store, name)
    await clock.advance(LEASE.total_seconds() * 2)
    assert [node.name for node in await store.list_nodes()] == ["C", "a", "a.1", "b"]
