"""A node that slept for a while: what it missed is decided by the misfire policies (T05)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from acceptance.boards import drain, real_board
from acceptance.nodes import company, until
from acceptance.places import Place
from acceptance.workload import executions, jobs
from callboard import Action, Callboard, MisfirePolicy, Trigger, every
from callboard.domain.trigger import Coalesce, MisfirePolicyName
from support.history import History, SlotFact, faults_of_runs
from support.slot_promises import faults_of_slots

SECOND: Final = timedelta(seconds=1)
GRACE_S: Final = 1.0
ASLEEP_S: Final = 5.0
POLICIES: Final = {
    "skip": MisfirePolicy(policy=MisfirePolicyName.SKIP, grace_s=GRACE_S),
    "latest": MisfirePolicy(policy=MisfirePolicyName.FIRE_ONCE, grace_s=GRACE_S),
    "earliest": MisfirePolicy(
        policy=MisfirePolicyName.FIRE_ONCE, coalesce=Coalesce.EARLIEST, grace_s=GRACE_S
    ),
    "capped": MisfirePolicy(policy=MisfirePolicyName.FIRE_ALL, grace_s=GRACE_S, cap=2),
}
FIRED: Final = "select min(firings) from callboard.trigger"
LAST: Final = "select min(last_slot) from callboard.trigger"


async def define(board: Callboard, place: Place) -> None:
    for job in jobs(place.trace):
        await board.replace_job(job)
    anchor = datetime(2026, 1, 1, tzinfo=UTC)
    for name, misfire in POLICIES.items():
        await board.create_trigger(
            Trigger(
                name=name,
                schedule=every(seconds=1, anchor_at=anchor),
                actions=(Action(job="quick"),),
                misfire=misfire,
            )
        )


async def slept(place: Place) -> tuple[History, datetime, datetime]:
    """What happened around the sleep of a single node, and from when to when it slept."""
    async with (
        real_board(
            place.dsn, node_name="desk", deadline_s=10.0, executes=False, fires=False
        ) as desk,
        company(place.dsn) as nodes,
    ):
        await define(desk, place)
        node = await nodes.engage("sleeper")

        async def has_reached(query: str, least: Any) -> bool:
            value = await place.value(query)
            return value is not None and bool(value >= least)

        await until(lambda: has_reached(FIRED, 2), "all have fired twice")
        node.freeze()
        asleep_at = await place.value("select clock_timestamp()")
        await asyncio.sleep(ASLEEP_S)
        awake_at = await place.value("select clock_timestamp()")
        node.thaw()
        await until(lambda: has_reached(LAST, awake_at + 2 * SECOND), "slots are decided again")
        await drain(desk)
        assert await node.close() == 0
    return await place.history(), asleep_at, awake_at


async def test_what_was_missed_in_a_sleep_is_one_row_a_stretch_and_no_burst(
    postgresql: Place,
) -> None:
    history, asleep_at, awake_at = await slept(postgresql)
    assert faults_of_slots(history, dict.fromkeys(POLICIES, SECOND)) == []
    assert faults_of_runs(history, executions=executions(postgresql.trace)) == []
    told = {trigger.name: trigger.id for trigger in history.triggers}
    for name, (reason, fires) in {
        "skip": ("misfire", 0),
        "latest": ("coalesced", 1),
        "earliest": ("coalesced", 1),
        "capped": ("capped", 2),
    }.items():
        missed = [
            slot
            for slot in history.slots
            if slot.trigger_id == told[name]
            and asleep_at <= slot.slot < awake_at - (GRACE_S + 0.5) * SECOND
        ]
        (skipped,) = [slot for slot in missed if slot.reason is not None]
        fired = [slot for slot in missed if slot.reason is None]
        assert skipped.reason == reason, name
        assert len(fired) <= fires + 1, name
        assert skipped.count + len(fired) >= ASLEEP_S - GRACE_S - 3, name
        assert is_in_order(name, skipped, fired), name


def is_in_order(name: str, skipped: SlotFact, fired: list[SlotFact]) -> bool:
    """Of the missed slots the earliest fires before the stretch, others behind it."""
    if name == "earliest":
        return all(slot.slot < skipped.slot for slot in fired)
    return skipped.until is not None
