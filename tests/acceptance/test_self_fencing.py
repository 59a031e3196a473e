"""When a node that cannot renew its lease gives up what it holds: in time, and not without need."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from acceptance.nodes import until
from callboard.clock import Clock, SystemClock
from callboard.commands import DeregisterNode, RegisterNode, RenewLease
from callboard.errors import StoreUnavailable
from callboard.events import LeaseLost
from callboard.registrar import Registrar, this_node
from callboard.runtime import AsyncioActor, stop
from callboard.store.contract import Renewal
from callboard.testing import VirtualClock

LEASE_S = 15.0


class Database(AsyncioActor):
    """Stands in for the job store: grants leases, or is silent, or refuses."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.mood = "well"
        self.granted_at = 0.0
        self.pending: list[Any] = []

    def on_receive(self, message: object) -> Any:
        if isinstance(message, DeregisterNode):
            return None
        if self.mood == "refusing":
            raise StoreUnavailable("refused")
        if self.mood == "silent":
            self.pending.append(self.reply_later())
            return self.pending[-1]
        self.granted_at = self.clock.monotonic()
        if isinstance(message, RegisterNode):
            return replace(message.node, epoch=1, started_at=self.clock.now())
        assert isinstance(message, RenewLease)
        now = self.clock.now()
        return Renewal(now=now, lease_until=now + message.lease, live_nodes=1, stopping=())


@asynccontextmanager
async def registered(
    clock: Clock, lease_s: float, publish: Callable[[object], None]
) -> AsyncIterator[Database]:
    """The database of a registrar that registers by and by."""
    store = Database.start(clock=clock)
    registrar = Registrar.start(
        job_store=store,
        publish=publish,
        node=this_node("node", version="0", capacity=1),
        registered=lambda: None,
        lease=timedelta(seconds=lease_s),
        clock=clock,
    )
    database = store._actor_weakref()
    assert isinstance(database, Database)
    try:
        yield database
    finally:
        database.mood = "well"
        await stop(registrar)
        await stop(store)


@pytest.mark.parametrize("refused_s", [0, 3, 7.9, 11.7])
@pytest.mark.parametrize("begins_s", [0.1, 3.7])
async def test_h07_a_node_gives_up_before_its_lease_ends(begins_s: float, refused_s: float) -> None:
    """Whatever the database does: refuse at once, say nothing, or first the one and then the other.

    `begins_s` is how long after a renewal that begins.
    """
    clock = VirtualClock()
    lost_at: list[float] = []

    def publish(fact: object) -> None:
        if isinstance(fact, LeaseLost):
            lost_at.append(clock.monotonic())

    async with registered(clock, LEASE_S, publish) as database:
        await clock.advance(1)
        renewed_at = database.granted_at
        await clock.run_until(lambda: database.granted_at > renewed_at)
        await clock.advance(begins_s)
        database.mood = "refusing"
        await clock.advance(refused_s)
        database.mood = "silent"
        await clock.run_until(lambda: bool(lost_at))
        assert lost_at[0] < database.granted_at + LEASE_S


async def test_t06_a_renewal_that_failed_while_the_loop_was_blocked_is_asked_for_again() -> None:
    """Nobody took the lease away: a handler's `time.sleep` is no reason to give up its runs."""
    lease_s = 0.4
    facts: list[object] = []
    async with registered(SystemClock(), lease_s, facts.append) as database:

        async def is_registered() -> bool:
            return bool(facts)

        async def is_under_way() -> bool:
            return bool(database.pending)

        await until(is_registered, "the node is registered")
        database.mood = "silent"
        await until(is_under_way, "a renewal is under way")
        time.sleep(3 * lease_s)  # noqa: ASYNC251 - the fault that is tested
        database.mood = "well"
        database.pending[0].set_exception(StoreUnavailable("the transaction was idle for too long"))
        woken_at = asyncio.get_running_loop().time()

        async def is_granted() -> bool:
            return database.granted_at > woken_at

        await until(is_granted, "the lease is renewed")
    assert not [fact for fact in facts if isinstance(fact, LeaseLost)]
