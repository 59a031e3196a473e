"""Pruning: what is older than its cutoff goes, so much at a time, and nothing else."""

from datetime import datetime

import pytest

from callboard.domain.states import ENDED, RunState
from callboard.store.contract import Cutoffs, IdempotencyRecord, RunFilter, Store
from callboard.testing import VirtualClock
from support.factories import (
    NOW,
    after,
    all_ids,
    changed_run,
    ended_run,
    make_chunk,
    make_entry,
    make_record,
    make_stretch,
    running_run,
    stored_job,
    stored_node,
    stored_run,
    stored_trigger,
)


async def ledger_slots(store: Store, trigger_id: int) -> list[datetime]:
    entries = await store.read_ledger(
        trigger_id, since=after(-(10**9)), until=after(10**9), limit=999
    )
    return [entry.slot for entry in entries]


async def ended_at(store: Store, *seconds: float) -> list[int]:
    """Ids of runs that ended so many seconds behind NOW."""
    job, node = await stored_job(store), await stored_node(store)
    ids = []
    for second in seconds:
        run = await running_run(store, job, node)
        await ended_run(store, run, ended_at=after(second))
        ids.append(run.id)
    return ids


async def test_without_cutoffs_everything_stays(store: Store) -> None:
    ids, trigger = await ended_at(store, -100), await stored_trigger(store)
    async with store.begin() as tx:
        await tx.insert_ledger([make_entry(trigger, after(-100)), make_entry(trigger, NOW)])
        await tx.append_events([make_record()])
    removed = await store.prune(Cutoffs())
    assert sum(removed.values()) == 0
    assert await all_ids(store) == ids
    assert await ledger_slots(store, trigger.id) == [after(-100), NOW]
    assert await store.event_range() == (1, 1)


async def test_runs_that_ended_before_the_cutoff_go(store: Store) -> None:
    old, at_cutoff, new = await ended_at(store, 9.999999, 10, 11)
    removed = await store.prune(Cutoffs(ended_runs=after(10)))
    assert removed["runs"] == 1
    assert await all_ids(store) == [at_cutoff, new]
    assert await store.get_run(old) is None


@pytest.mark.parametrize("state", sorted(ENDED - {RunState.ABANDONED}))
async def test_runs_go_in_whatever_state_they_ended(store: Store, state: RunState) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await ended_run(store, await running_run(store, job, node))
    if state is not RunState.SUCCEEDED:
        run = await ended_run(store, await running_run(store, job, node), state)
    await store.prune(Cutoffs(ended_runs=after(10)))
    assert await store.list_runs(RunFilter()) == []
    assert await store.get_run(run.id) is None


async def test_live_runs_stay_however_old_they_are(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    lost = await changed_run(store, await running_run(store, job, node), state=RunState.LOST)
    running = await running_run(store, job, node)
    parked = await changed_run(store, await stored_run(store, job), state=RunState.PARKED)
    queued = await stored_run(store, job)
    await store.prune(Cutoffs(ended_runs=after(10**9)))
    assert await all_ids(store) == [lost.id, running.id, parked.id, queued.id]


async def test_a_run_takes_its_log_with_it(store: Store) -> None:
    old, new = await ended_at(store, 0, 20)
    async with store.begin() as tx:
        await tx.append_log([make_chunk(run_id, 1, 2) for run_id in (old, new)])
        await tx.append_log([make_chunk(old, 3, 2)])
    await store.prune(Cutoffs(ended_runs=after(10)))
    assert await store.read_log(old, after=0, limit=9) == []
    assert len(await store.read_log(new, after=0, limit=9)) == 2


async def test_pruned_runs_are_in_no_list(store: Store) -> None:
    await ended_at(store, 0, 1)
    await store.prune(Cutoffs(ended_runs=after(10)))
    for wanted in (
        RunFilter(job="report", group="default"),
        RunFilter(states=(RunState.SUCCEEDED,)),
    ):
        assert await store.list_runs(wanted) == []


async def test_no_more_runs_than_the_limit_go_at_a_time(store: Store) -> None:
    await ended_at(store, 3, 1, 4, 2, 0)
    left = []
    for _ in range(4):
        removed = await store.prune(Cutoffs(ended_runs=after(10), limit=2))
        left.append((removed["runs"], len(await all_ids(store))))
    assert left == [(2, 3), (2, 1), (1, 0), (0, 0)]


async def test_entries_of_slots_before_the_cutoff_go(store: Store) -> None:
    trigger = await stored_trigger(store)
    async with store.begin() as tx:
        await tx.insert_ledger([make_entry(trigger, after(slot)) for slot in (0, 10, 20)])
    removed = await store.prune(Cutoffs(ledger=after(10)))
    assert removed["ledger"] == 1
    assert await ledger_slots(store, trigger.id) == [after(10), after(20)]


async def test_the_last_entry_of_each_trigger_stays(store: Store) -> None:
    first, second = await stored_trigger(store, "a"), await stored_trigger(store, "b")
    async with store.begin() as tx:
        await tx.insert_ledger([make_entry(first, after(slot)) for slot in (0, 10, 20)])
        await tx.insert_ledger([make_entry(second, NOW), make_entry(second, NOW, generation=2)])
    await store.prune(Cutoffs(ledger=after(100)))
    assert await ledger_slots(store, first.id) == [after(20)]
    [last] = await store.read_ledger(second.id, since=NOW, until=after(1), limit=9)
    assert last.generation == 2


async def test_a_range_that_goes_on_behind_the_cutoff_stays(store: Store) -> None:
    trigger = await stored_trigger(store)
    async with store.begin() as tx:
        await tx.insert_ledger(
            [
                make_stretch(trigger, after(0), after(10), 2),
                make_stretch(trigger, after(20), after(40), 3),
                make_entry(trigger, after(50)),
            ]
        )
    await store.prune(Cutoffs(ledger=after(30)))
    assert await ledger_slots(store, trigger.id) == [after(20), after(50)]


async def test_no_more_entries_than_the_limit_go_at_a_time(store: Store) -> None:
    trigger = await stored_trigger(store)
    async with store.begin() as tx:
        await tx.insert_ledger([make_entry(trigger, after(slot)) for slot in range(6)])
    removed = [(await store.prune(Cutoffs(ledger=after(10), limit=2)))["ledger"] for _ in range(4)]
    assert removed == [2, 2, 1, 0]


async def test_events_before_the_cutoff_go_from_the_oldest_on(
    store: Store, clock: VirtualClock
) -> None:
    for _ in range(4):
        async with store.begin() as tx:
            await tx.append_events([make_record(), make_record()])
        await clock.advance(10)
    await store.prune(Cutoffs(events=after(30), limit=1))
    assert await store.event_range() == (3, 8)
    await store.prune(Cutoffs(events=after(30)))
    assert await store.event_range() == (7, 8)


async def test_keys_before_the_cutoff_go(store: Store) -> None:
    records = [
        IdempotencyRecord(key=f"k{second}", digest="d", created_at=after(second))
        for second in (0, 10, 20)
    ]
    async with store.begin() as tx:
        for record in records:
            await tx.insert_idempotency(record)
    removed = await store.prune(Cutoffs(idempotency=after(10)))
    assert removed["idempotency"] == 1
    async with store.begin() as tx:
        found = [await tx.insert_idempotency(record) for record in records]
    assert found == [None, records[1], records[2]]


async def test_pruning_again_removes_nothing(store: Store) -> None:
    await ended_at(store, 0)
    cutoffs = Cutoffs(
        ended_runs=after(10), ledger=after(10), events=after(10), idempotency=after(10)
    )
    await store.prune(cutoffs)
    assert sum((await store.prune(cutoffs)).values()) == 0
