"""What follows from an end is told behind it, also where one commit does both."""

from __future__ import annotations

from typing import Any

import pytest

from callboard import commands as c
from callboard.changes.apply import apply_all
from callboard.changes.telling import committed_work
from callboard.changes.work import Work
from callboard.domain.misfire import plan_slots
from callboard.domain.run import Run, RunError
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName, Trigger
from callboard.store.contract import Store
from support.cycles import told
from support.factories import (
    NOW,
    after,
    claimed_runs,
    make_end,
    stored_job,
    stored_node,
    stored_run,
    stored_scheduler,
    stored_trigger,
)

P = OverlapPolicyName
SEQUENCED = [P.SKIP, P.BUFFER_ONE, P.BUFFER, P.CANCEL_OLD, P.KILL_OLD]


async def due_trigger(store: Store, name: str, policy: P) -> Trigger:
    """A trigger of the job `report` whose slot is now."""
    overlap = OverlapPolicy(policy=policy)
    return await stored_trigger(store, name, overlap=overlap, next_slot=NOW, anchor_at=after(-3600))


async def running_firing(store: Store, trigger: Trigger) -> Run:
    """A run of the trigger on a node."""
    job, node = await stored_job(store), await stored_node(store)
    await stored_run(store, job, trigger=trigger.name, trigger_id=trigger.id, trace_id="1" * 32)
    (run,) = await claimed_runs(store, node)
    return run


async def slots_of(store: Store, *triggers: Trigger) -> c.FireSlots:
    epoch = (await stored_scheduler(store)).epoch
    return c.FireSlots(epoch=epoch, plans=tuple(plan_slots(each, NOW) for each in triggers))


def end(run: Run) -> c.EndRuns:
    return c.EndRuns(ended=(c.EndedRun(run=run, end=make_end(run)),))


def parking(run: Run) -> c.ParkRun:
    error = RunError(type="UnknownHandler", message="there is none")
    return c.ParkRun(run_id=run.id, epoch=run.epoch or 0, error=error)


async def events_of(store: Store, *changes: c.Change) -> list[tuple[str, str | None, bool]]:
    """Of one commit of the changes: type, trigger and whether its run is held, of each event.

    They are the same for who reads them from the store and who is told of the commit.
    """
    async with store.begin() as tx:
        work = Work(tx=tx, new_trace_id=lambda: "2" * 32)
        await apply_all(work, changes)
        first = await work.append_events()
    committed: Any = committed_work(work, first)
    read = [(each.seq, each.type, each.run.id) for each in await told(store, first - 1)]
    assert read == [(each.seq, each.type, each.run.id) for each in committed.events if each.run]
    runs = [(each.type, each.run) for each in committed.events if each.run]
    return [(type, run.trigger, run.is_held) for type, run in runs]


@pytest.mark.parametrize("policy", SEQUENCED)
async def test_a_slot_is_told_behind_the_end_that_it_waited_for(store: Store, policy: P) -> None:
    trigger = await due_trigger(store, "t", policy)
    run = await running_firing(store, trigger)
    assert await events_of(store, await slots_of(store, trigger), end(run)) == [
        ("run.ended", "t", False),
        ("run.queued", "t", False),
    ]


async def test_a_slot_is_told_behind_the_parking_of_the_run_before_it(store: Store) -> None:
    trigger = await due_trigger(store, "t", P.BUFFER)
    run = await running_firing(store, trigger)
    assert await events_of(store, await slots_of(store, trigger), parking(run)) == [
        ("run.parked", "t", False),
        ("run.queued", "t", False),
    ]


async def test_slots_of_other_triggers_are_told_in_few_words_before_an_end(store: Store) -> None:
    ending, other = [await due_trigger(store, name, P.BUFFER) for name in ("t", "u")]
    run = await running_firing(store, ending)
    assert await events_of(store, await slots_of(store, other, ending), end(run)) == [
        ("run.queued", "u", False),
        ("run.ended", "t", False),
        ("run.queued", "t", False),
    ]
