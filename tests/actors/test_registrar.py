"""The registrar beside a heart: what it makes of what the heart tells, and of its silence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from callboard.commands import DeregisterNode, ListNodes, RegisterNode, RenewLease
from callboard.domain.node import Node
from callboard.errors import Conflict, StoreError, StoreUnavailable
from callboard.events import (
    Hopeless,
    LeaseGained,
    LeaseLost,
    LeaseRenewed,
    LoopBlocked,
    RegistrationRefused,
)
from callboard.heart import Stopped
from callboard.pulse import Failing, GivenUp, Renewed
from callboard.registrar import Registrar, this_node
from callboard.runtime import AsyncioActor, RestartPolicy, stop, supervise
from callboard.standing import Standing
from callboard.store.contract import Renewal
from callboard.testing import VirtualClock

LEASE_S = 16.0


class Database(AsyncioActor):
    """Stands in for the job store: registers, or refuses."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock=clock)
        self.epoch = 0
        self.refusal: Exception | None = None
        self.nodes: list[Node] = []
        self.got: list[object] = []

    def on_receive(self, message: object) -> Any:
        self.got.append(message)
        if isinstance(message, ListNodes):
            return self.nodes
        if isinstance(message, RegisterNode):
            if self.refusal is not None:
                raise self.refusal
            self.epoch += 1
            return replace(message.node, epoch=self.epoch, started_at=self.clock.now())
        if isinstance(message, RenewLease):
            if self.refusal is not None:
                raise self.refusal
            now = self.clock.now()
            return Renewal(now=now, lease_until=now + message.lease, live_nodes=1, stopping=())
        assert isinstance(message, DeregisterNode), message
        return None


class FakeHeart:
    """Notes what it is told to do."""

    keeps_leases = True

    def __init__(self, post: Callable[[Any], None]) -> None:
        self.post = post
        self.orders: list[tuple[Any, ...]] = []

    def begin(self, epoch: int, *, asked_at: float, at_once: bool = False) -> None:
        self.orders.append(("begin", epoch, at_once))

    def rest(self) -> None:
        self.orders.append(("rest",))

    def stop(self) -> None:
        self.orders.append(("stop",))

    async def close(self) -> None:
        self.orders.append(("close",))


class WatchingHeart(FakeHeart):
    """Has no way to the store."""

    keeps_leases = False


class Stage:
    """A supervised registrar, its hearts in turn, and all that it published."""

    def __init__(self, clock: VirtualClock, heart: type[FakeHeart] = FakeHeart) -> None:
        self.clock = clock
        self._heart = heart
        self.hearts: list[FakeHeart] = []
        self.facts: list[Any] = []
        self.node: Node | None = None
        self.store = Database.start(clock=clock)
        database = self.store._actor_weakref()
        assert isinstance(database, Database)
        self.database = database
        self.registrar = supervise(
            self._make, on_escalate=self.facts.append, policy=RestartPolicy(), clock=clock
        )

    def _make(self) -> Registrar:
        return Registrar(
            job_store=self.store,
            publish=self._publish,
            node=this_node("node", version="0", capacity=1),
            registered=lambda: self.node,
            lease=timedelta(seconds=LEASE_S),
            clock=self.clock,
            make_heart=self._make_heart,
            vitals=lambda at: {"at": at},
        )

    def _make_heart(self, post: Callable[[Any], None]) -> Any:
        self.hearts.append(self._heart(post))
        return self.hearts[-1]

    def _publish(self, fact: Any) -> None:
        self.facts.append(fact)
        if isinstance(fact, LeaseGained):
            self.node = fact.node
        if isinstance(fact, LeaseLost):
            self.node = None

    async def close(self) -> None:
        await stop(self.registrar)
        await stop(self.store)

    async def renewed(self, *, epoch: int = 1, live_nodes: int = 1, taken: bool = False) -> None:
        """The heart tells of a renewal that was asked for just now."""
        at, now = self.clock.monotonic(), self.clock.now()
        lease_until = now + timedelta(seconds=LEASE_S)
        renewal = Renewal(now=now, lease_until=lease_until, live_nodes=live_nodes, stopping=())
        self.hearts[-1].post(
            Renewed(epoch=epoch, renewal=None if taken else renewal, asked_at=at, answered_at=at)
        )
        await self.clock.settle()

    def of(self, kind: type) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


@pytest.fixture
async def stage(clock: VirtualClock) -> AsyncIterator[Stage]:
    stage = Stage(clock)
    await clock.advance(1)
    yield stage
    await stage.close()


async def test_the_heart_keeps_what_was_registered(stage: Stage) -> None:
    assert stage.hearts[0].orders == [("begin", 1, False)]
    await stage.renewed(live_nodes=3)
    (fact,) = stage.of(LeaseRenewed)
    assert fact.live_nodes == 3


async def test_the_lease_is_the_hearts_business(stage: Stage) -> None:
    for _ in range(20):
        await stage.clock.advance(LEASE_S / 4)
        await stage.renewed()
    assert [type(each) for each in stage.database.got] == [RegisterNode]
    assert len(stage.of(LeaseRenewed)) == 20
    assert stage.of(LeaseLost) == []


async def test_a_lease_that_was_taken_away_is_lost_and_the_node_registers_anew(
    stage: Stage,
) -> None:
    await stage.renewed(taken=True)
    assert len(stage.of(LeaseLost)) == 1
    assert stage.hearts[0].orders[1:] == [("rest",), ("begin", 2, False)]
    await stage.renewed(epoch=1)
    assert stage.of(LeaseRenewed) == []


async def test_h07_what_the_heart_gives_up_is_lost(stage: Stage) -> None:
    stage.hearts[0].post(GivenUp(epoch=1, reason="the database did not answer in time"))
    await stage.clock.settle()
    (lost,) = stage.of(LeaseLost)
    assert lost.reason == "the database did not answer in time"
    await stage.clock.advance(1)
    assert stage.node is not None
    assert stage.node.epoch == 2


async def test_where_the_heart_has_no_way_the_store_renews(stage: Stage) -> None:
    """A server without room for one more connection is no reason to give up runs."""
    await stage.clock.advance(6)
    stage.hearts[0].post(Failing(epoch=1, reason="too many connections"))
    await stage.clock.settle()
    assert len(stage.of(LeaseRenewed)) == 1
    assert stage.hearts[0].orders[-1] == ("begin", 1, False)


async def test_with_a_heart_that_only_watches_the_actor_renews_by_the_store(
    clock: VirtualClock,
) -> None:
    stage = Stage(clock, WatchingHeart)
    await clock.advance(LEASE_S)
    renewals = [each for each in stage.database.got if isinstance(each, RenewLease)]
    assert [each.vitals for each in renewals] == [
        {"at": 4.0},
        {"at": 8.0},
        {"at": 12.0},
        {"at": 16.0},
    ]
    assert len(stage.of(LeaseRenewed)) == 4
    await stage.close()


async def test_where_the_store_cannot_renew_either_the_heart_decides(stage: Stage) -> None:
    stage.database.refusal = StoreUnavailable("away")
    stage.hearts[0].post(Failing(epoch=1, reason="away"))
    await stage.clock.settle()
    assert stage.of(LeaseLost) == []
    assert stage.hearts[0].orders == [("begin", 1, False)]


async def test_what_the_heart_says_of_an_earlier_epoch_means_nothing(stage: Stage) -> None:
    await stage.renewed(taken=True)
    stage.hearts[0].post(GivenUp(epoch=1, reason="late"))
    await stage.clock.settle()
    assert len(stage.of(LeaseLost)) == 1


async def test_h07_a_heart_that_is_silent_is_not_trusted_until_the_leases_end(
    stage: Stage,
) -> None:
    await stage.renewed()
    at = stage.clock.monotonic()
    await stage.clock.run_until(lambda: bool(stage.of(LeaseLost)))
    assert at + 0.8 * LEASE_S <= stage.clock.monotonic() < at + LEASE_S


async def test_t06_what_the_heart_told_while_the_loop_was_blocked_counts(stage: Stage) -> None:
    """Its word comes behind the timers that rang meanwhile."""
    await stage.renewed()
    block(stage.clock, 3 * LEASE_S)
    await stage.clock.advance(0)
    await stage.renewed()
    await stage.clock.advance(LEASE_S / 2)
    assert stage.of(LeaseLost) == []


def block(clock: VirtualClock, seconds: float) -> None:
    """Let time pass in which no alarm rings."""
    now = clock._monotonic = clock._monotonic + seconds
    clock._alarms = [(max(due, now), *others) for due, *others in clock._alarms]  # type: ignore[misc]


async def test_a_block_of_the_loop_is_told_to_the_board(stage: Stage) -> None:
    blocked = LoopBlocked(run_id=7, job="report", blocked_s=61.5)
    stage.hearts[0].post(blocked)
    await stage.clock.settle()
    assert stage.of(LoopBlocked) == [blocked]


async def test_with_a_heart_that_broke_both_begin_anew_under_the_same_epoch(stage: Stage) -> None:
    stage.hearts[0].post(Stopped(reason="a bug"))
    await stage.clock.advance(5)
    assert stage.hearts[0].orders[-1] == ("stop",)
    assert stage.hearts[1].orders == [("begin", 1, True)]
    assert stage.of(LeaseLost) == []


async def test_the_heart_is_closed_before_the_node_signs_off(stage: Stage) -> None:
    await stop(stage.registrar)
    assert stage.hearts[0].orders[-1] == ("close",)
    assert isinstance(stage.database.got[-1], DeregisterNode)


# names


def namesake(clock: VirtualClock, lease_s: float) -> Node:
    until = clock.now() + timedelta(seconds=lease_s)
    other = this_node("node", version="0", capacity=1)
    return replace(other, epoch=77, pid=4711, host="desk", lease_until=until)


async def test_h15_a_name_whose_owner_renews_its_lease_is_hopeless_at_once(
    clock: VirtualClock,
) -> None:
    stage = Stage(clock)
    stage.database.refusal = Conflict("node_name_in_use", "taken")
    stage.database.nodes = [namesake(clock, 10.0)]
    await clock.advance(2)
    assert stage.of(Hopeless) == []
    stage.database.nodes = [namesake(clock, 10.0)]
    await clock.advance(1)
    error = stage.of(Hopeless)[0].error
    assert "'node' belongs to a node that is alive: process 4711 on 'desk'" in str(error)
    await stage.close()


async def test_h15_a_dead_namesake_is_waited_for(clock: VirtualClock) -> None:
    stage = Stage(clock)
    stage.database.refusal = Conflict("node_name_in_use", "taken")
    stage.database.nodes = [namesake(clock, LEASE_S)]
    await clock.advance(LEASE_S)
    assert stage.of(Hopeless) == []
    stage.database.refusal = None
    await clock.advance(1)
    assert len(stage.of(LeaseGained)) == 1
    await stage.close()


async def test_a_registration_that_is_refused_says_why_once(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(clock)
    stage.database.refusal = StoreError("the database refused: permission denied")
    await clock.advance(20)
    (line,) = [each for each in caplog.messages if "not registered yet" in each]
    assert "permission denied" in line
    (refused,) = stage.of(RegistrationRefused)
    reason = "this node is not registered: the database refused: permission denied"
    assert Standing().after(refused).node_reason == reason
    await stage.close()
