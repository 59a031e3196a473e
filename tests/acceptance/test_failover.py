"""The scheduler's role among processes: taken over when its node dies, freezes, or goes in order,
shared anew when nodes come and go; every slot decided once by whoever has it."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from acceptance.boards import drain, real_board
from acceptance.nodes import Company, NodeProcess, company, until
from acceptance.places import Place
from acceptance.workload import executions, jobs
from callboard import Action, Callboard, MisfirePolicy, Trigger, every
from callboard.config import Scheduling
from callboard.domain.shards import SHARDS
from callboard.domain.trigger import MisfirePolicyName
from support.history import History, faults_of_runs
from support.slot_promises import faults_of_slots

SECOND: Final = timedelta(seconds=1)
ANCHOR: Final = datetime(2026, 1, 1, tzinfo=UTC)
TRIGGERS: Final = 10
MANY: Final = 2 * SHARDS
ALL_LATE: Final = MisfirePolicy(policy=MisfirePolicyName.FIRE_ALL, grace_s=0.5, cap=1000)
TAKEOVER_S: Final = 10.0
"""From a kill to the first slot of the new owner, with the settings that nodes have by default."""
ROLE: Final = {"lease_s": 6.0, "firing_lease_s": 6.0, "executes": 1}
QUICK_ROLE: Final = {"lease_s": 6.0, "firing_lease_s": 2.0}
LONG_ROLE: Final = {"lease_s": 30.0, "firing_lease_s": 30.0, "executes": 1}

OWNERS: Final = """
    select node.name, count(*) as shards
    from callboard.scheduler_shard as shard
    join callboard.node on node.epoch = shard.epoch
    join callboard.scheduler_lease as lease on lease.epoch = shard.epoch
    where lease.firing_until > now()
    group by node.name
"""
LAST_SLOT: Final = "select min(last_slot) from callboard.trigger"
FIRINGS: Final = "select min(firings) from callboard.trigger"


async def define(desk: Callboard, place: Place, count: int = TRIGGERS) -> dict[str, timedelta]:
    """Triggers with a slot every second; their periods by name."""
    for job in jobs(place.trace):
        await desk.replace_job(job)
    for number in range(count):
        await desk.create_trigger(
            Trigger(
                name=f"t{number:03}",
                schedule=every(seconds=1, anchor_at=ANCHOR),
                actions=(Action(job="quick"),),
                misfire=ALL_LATE,
            )
        )
    return {f"t{number:03}": SECOND for number in range(count)}


async def owners(place: Place) -> dict[str, int]:
    """How many shards each node has, by name."""
    return {row["name"]: row["shards"] for row in await place.rows(OWNERS)}


async def shared(place: Place, *expected: int) -> dict[str, int]:
    """The division, once it is this one."""

    async def is_so() -> dict[str, int] | None:
        found = await owners(place)
        return found if sorted(found.values()) == sorted(expected) else None

    division: dict[str, int] = await until(is_so, f"the shards are shared as {expected}")
    return division


async def fired_behind(place: Place, instant: datetime) -> None:
    """Every trigger has decided a slot behind that instant."""

    async def has_moved() -> bool:
        last = await place.value(LAST_SLOT)
        return last is not None and bool(last > instant)

    await until(has_moved, f"slots behind {instant:%T} are decided")


async def now(place: Place) -> datetime:
    instant: datetime = await place.value("select clock_timestamp()")
    return instant


async def checked(
    place: Place, desk: Callboard, nodes: Company, periods: dict[str, timedelta]
) -> History:
    """What happened, without a fault, when all is over."""
    await drain(desk)
    for node in nodes.members:
        if node.is_alive:
            assert await node.close() == 0
    history = await place.history()
    assert faults_of_slots(history, periods) == []
    assert faults_of_runs(history, executions=executions(place.trace)) == []
    return history


async def late_of(place: Place, since: datetime, until: datetime) -> list[timedelta]:
    """How late each slot in [since, until) was decided, by its runs."""
    rows = await place.rows(
        "select created_at - slot as late from callboard.run"
        " where slot >= $1 and slot < $2 and previous_run_id is null",
        since,
        until,
    )
    return [row["late"] for row in rows]


def desk(place: Place) -> Any:
    """A board for the test itself, which neither fires nor executes."""
    return real_board(place.dsn, node_name="desk", deadline_s=10.0, executes=False, fires=False)


async def leader_of(place: Place, nodes: Company) -> tuple[NodeProcess, NodeProcess]:
    """Who has all shards, and who stands by."""
    (name,) = await shared(place, SHARDS)
    (leader,) = [node for node in nodes.members if node.name == name]
    (other,) = [node for node in nodes.members if node.name != name]
    return leader, other


async def test_a_killed_leader_is_followed_within_ten_seconds(postgresql: Place) -> None:
    """H01, H03: no slot is lost or doubled; those of the time between are late, and say so."""
    async with desk(postgresql) as board, company(postgresql.dsn, **ROLE) as nodes:
        periods = await define(board, postgresql)
        for name in ("first", "second"):
            await nodes.engage(name, scheduling=Scheduling.LEADER.value)
        leader, other = await leader_of(postgresql, nodes)
        await fired_behind(postgresql, await now(postgresql))
        killed_at = await now(postgresql)
        await leader.kill()
        await fired_behind(postgresql, killed_at + SECOND)
        taken_at = await now(postgresql)
        assert (taken_at - killed_at).total_seconds() <= TAKEOVER_S
        assert await shared(postgresql, SHARDS) == {other.name: SHARDS}
        await fired_behind(postgresql, taken_at + 2 * SECOND)
        await checked(postgresql, board, nodes, periods)
    between = await late_of(postgresql, killed_at + SECOND, taken_at - 2 * SECOND)
    assert max(between) > 2 * SECOND
    assert len(between) >= TRIGGERS


async def is_passive(node: NodeProcess) -> bool:
    return bool((await node.ask("health"))["role"] == "passive")


async def test_a_leader_that_wakes_up_too_late_decides_nothing(postgresql: Place) -> None:
    """H02: what it was about to store is refused; it stands by from then on."""
    async with desk(postgresql) as board, company(postgresql.dsn, **QUICK_ROLE) as nodes:
        periods = await define(board, postgresql)
        for name in ("first", "second"):
            await nodes.engage(name, scheduling=Scheduling.LEADER.value)
        leader, other = await leader_of(postgresql, nodes)
        await fired_behind(postgresql, await now(postgresql))
        leader.freeze()
        await fired_behind(postgresql, await now(postgresql) + 3 * SECOND)
        assert await shared(postgresql, SHARDS) == {other.name: SHARDS}
        leader.thaw()
        await fired_behind(postgresql, await now(postgresql) + SECOND)
        await until(lambda: is_passive(leader), "it stands by")
        assert await shared(postgresql, SHARDS) == {other.name: SHARDS}
        await checked(postgresql, board, nodes, periods)


async def test_a_leader_that_goes_in_order_is_followed_at_once(postgresql: Place) -> None:
    """No slot is later than it would be without a change of the leader, but for the hint's way:
    nobody waits for the end of a lease."""
    async with desk(postgresql) as board, company(postgresql.dsn, **LONG_ROLE) as nodes:
        periods = await define(board, postgresql)
        for name in ("first", "second"):
            await nodes.engage(name, scheduling=Scheduling.LEADER.value)
        leader, other = await leader_of(postgresql, nodes)
        await fired_behind(postgresql, await now(postgresql))
        left_at = await now(postgresql)
        assert await leader.close() == 0
        await shared(postgresql, SHARDS)
        taken_at = await now(postgresql)
        assert await shared(postgresql, SHARDS) == {other.name: SHARDS}
        await fired_behind(postgresql, taken_at + SECOND)
        await checked(postgresql, board, nodes, periods)
    late = max(await late_of(postgresql, left_at, taken_at + SECOND))
    assert late < timedelta(seconds=LONG_ROLE["lease_s"] / 2)


async def test_a_passive_node_accepts_starts_and_executes_them(postgresql: Place) -> None:
    """H14: the answer tells where a run was executed, and the nodes tell who is what."""
    async with desk(postgresql) as board, company(postgresql.dsn, **ROLE) as nodes:
        periods = await define(board, postgresql)
        await nodes.engage("active", scheduling=Scheduling.LEADER.value, executes=0)
        passive = await nodes.engage("passive", scheduling=Scheduling.LEADER.value)
        assert await shared(postgresql, SHARDS) == {"active": SHARDS}
        run_id = await passive.ask("start", job="quick", arguments={"ask": 1})
        answer = await passive.ask("wait", run_id=run_id, timeout_s=20.0)
        assert (answer["state"], answer["node"]) == ("succeeded", "passive")
        roles = {node.name: (node.fires, node.shards) for node in await board.list_nodes()}
        assert roles == {"active": (True, SHARDS), "passive": (True, 0), "desk": (False, 0)}
        await fired_behind(postgresql, await now(postgresql) + SECOND)
        await drain(board)
        for node in nodes.members:
            assert await node.close() == 0
    history = await postgresql.history()
    assert faults_of_slots(history, periods) == []
    assert {run.node for run in history.runs.values()} == {"passive"}


@pytest.mark.slow  # storms share shards, too
@pytest.mark.parametrize("deaf", [0, 1])
async def test_shared_shards_follow_the_nodes_that_come_and_die(
    postgresql: Place, deaf: int
) -> None:
    """With hints and without."""
    async with desk(postgresql) as board, company(postgresql.dsn, **QUICK_ROLE) as nodes:
        periods = await define(board, postgresql, MANY)
        victim, *_ = [await nodes.engage(f"node-{n}", deaf=deaf) for n in range(3)]
        await shared(postgresql, 22, 21, 21)
        await fired_behind(postgresql, await now(postgresql) + SECOND)
        await victim.kill()
        await shared(postgresql, 32, 32)
        await fired_behind(postgresql, await now(postgresql))
        await nodes.engage("newcomer", deaf=deaf)
        assert (await shared(postgresql, 22, 21, 21)).keys() == {"node-1", "node-2", "newcomer"}
        await fired_behind(postgresql, await now(postgresql) + 2 * SECOND)
        asked = [node.ask("health") for node in nodes.members if node.is_alive]
        healths = await asyncio.gather(*asked)
        assert sorted(health["shards"] for health in healths) == [21, 21, 22]
        assert all(health["slots"].get("fired", 0) > SHARDS for health in healths)
        history = await checked(postgresql, board, nodes, periods)
    assert Counter(slot.reason for slot in history.slots if slot.reason) == {}
