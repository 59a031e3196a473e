"""New runs: stored as queued, kept apart by their unique keys."""

import asyncio

import pytest

from callboard.domain.run import Run
from callboard.domain.states import ENDED, RunState
from callboard.store.contract import Store
from support.factories import (
    NOW,
    after,
    changed_run,
    ended_run,
    make_run,
    running_run,
    stored_job,
    stored_node,
    stored_run,
    stored_runs,
    the_run,
)


async def insert(store: Store, *runs: Run) -> set[int]:
    async with store.begin() as tx:
        return await tx.insert_runs(runs)


async def new_ids(store: Store, count: int) -> list[int]:
    async with store.begin() as tx:
        return await tx.allocate_run_ids(count)


async def test_a_run_comes_back_with_every_field(store: Store) -> None:
    job = await stored_job(store, "j", group="g")
    [run_id] = await new_ids(store, 1)
    run = make_run(
        run_id,
        job,
        trigger="hourly",
        trigger_id=4711,
        slot=after(-0.000001),
        attempt=3,
        previous_run_id=17,
        chain_id=11,
        arguments={"deep": [{"ä": None}, 1.5]},
        unique_key="schlüssel 🗝",
        created_at=after(0.123456),
        due_at=after(7200.654321),
    )
    assert await insert(store, run) == {run_id}
    assert await the_run(store, run_id) == run


async def test_stored_runs_are_queued(store: Store) -> None:
    job = await stored_job(store)
    runs = await stored_runs(store, job, 3)
    assert {(await the_run(store, run.id)).state for run in runs} == {RunState.QUEUED}
    assert await store.count_live_runs() == {RunState.QUEUED: 3}


async def test_many_runs_are_stored_in_one_call(store: Store) -> None:
    job = await stored_job(store)
    runs = await stored_runs(store, job, 2500)
    assert await store.get_runs([run.id for run in runs]) == {run.id: run for run in runs}


async def test_no_runs_are_no_runs(store: Store) -> None:
    assert await insert(store) == set()


async def test_a_run_is_left_out_while_a_live_run_has_its_key(store: Store) -> None:
    job = await stored_job(store)
    first = await stored_run(store, job, unique_key="k")
    second, other = await new_ids(store, 2)
    stored = await insert(store, make_run(second, job, unique_key="k"), make_run(other, job))
    assert stored == {other}
    assert await store.get_run(second) is None
    assert await the_run(store, first.id) == first


async def test_the_first_of_a_call_keeps_the_others_with_its_key_out(store: Store) -> None:
    job = await stored_job(store)
    ids = await new_ids(store, 4)
    keys = ["k", "k", "other", "k"]
    runs = [make_run(run_id, job, unique_key=key) for run_id, key in zip(ids, keys, strict=True)]
    assert await insert(store, *runs) == {ids[0], ids[2]}


async def test_the_first_of_a_call_is_the_first_given_not_the_lowest_id(store: Store) -> None:
    job = await stored_job(store)
    low, high = await new_ids(store, 2)
    runs = [make_run(high, job, unique_key="k"), make_run(low, job, unique_key="k")]
    assert await insert(store, *runs) == {high}


async def test_a_key_counts_within_its_job_only(store: Store) -> None:
    first, second = await stored_job(store, "a"), await stored_job(store, "b")
    await stored_run(store, first, unique_key="k")
    await stored_run(store, second, unique_key="k")
    assert await store.count_live_runs() == {RunState.QUEUED: 2}


async def test_runs_without_a_key_never_meet(store: Store) -> None:
    job = await stored_job(store)
    await stored_runs(store, job, 3, unique_key=None)
    assert await store.count_live_runs() == {RunState.QUEUED: 3}


@pytest.mark.parametrize("state", sorted(ENDED - {RunState.ABANDONED}))
async def test_an_ended_run_frees_its_key(store: Store, state: RunState) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node, unique_key="k")
    await ended_run(store, run, state)
    again = await stored_run(store, job, unique_key="k")
    assert (await the_run(store, again.id)).unique_key == "k"


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.STOPPING, RunState.LOST])
async def test_a_run_that_has_begun_keeps_its_key(store: Store, state: RunState) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node, unique_key="k")
    await changed_run(store, run, state=state)
    [again] = await new_ids(store, 1)
    assert await insert(store, make_run(again, job, unique_key="k")) == set()


async def test_of_two_runs_with_one_key_at_the_same_moment_one_is_stored(
    store: Store, peer: Store
) -> None:
    job = await stored_job(store)
    ids = await new_ids(store, 6)
    answers = await asyncio.gather(
        *(
            insert(each, make_run(run_id, job, unique_key="k"))
            for each, run_id in zip((store, peer) * 3, ids, strict=True)
        )
    )
    assert sum(len(answer) for answer in answers) == 1
    assert await store.count_live_runs() == {RunState.QUEUED: 1}


async def test_live_runs_are_found_by_their_keys(store: Store) -> None:
    job, other = await stored_job(store, "a"), await stored_job(store, "b")
    node = await stored_node(store)
    ended = await running_run(store, job, node, unique_key="ended")
    await ended_run(store, ended)
    running = await running_run(store, job, node, unique_key="k")
    queued = await stored_run(store, other, unique_key="k", due_at=after(60))
    keys = [(job.id, "k"), (other.id, "k"), (job.id, "ended"), (job.id, "never"), (4711, "k")]
    async with store.begin() as tx:
        assert await tx.live_runs_by_key(keys) == {(job.id, "k"): running, (other.id, "k"): queued}
        assert await tx.live_runs_by_key([]) == {}


async def test_queued_and_parked_runs_of_a_job_are_found_by_id(store: Store) -> None:
    job, other = await stored_job(store, "a"), await stored_job(store, "b")
    node = await stored_node(store)
    await running_run(store, job, node)
    ended = await running_run(store, job, node)
    await ended_run(store, ended)
    runs = await stored_runs(store, job, 3, due_at=after(60))
    await changed_run(store, runs[1], state=RunState.PARKED)
    await stored_run(store, other)
    async with store.begin() as tx:
        assert await tx.queued_run_ids(job.id, 99) == [run.id for run in runs]
        assert await tx.queued_run_ids(job.id, 2) == [run.id for run in runs[:2]]
        assert await tx.queued_run_ids(4711, 99) == []


async def test_live_runs_are_counted_by_state(store: Store) -> None:
    assert await store.count_live_runs() == {}
    job, node = await stored_job(store), await stored_node(store)
    for state in (RunState.STOPPING, RunState.LOST, RunState.PARKED):
        run = await running_run(store, job, node)
        epoch = None if state is RunState.PARKED else run.epoch
        await changed_run(store, run, state=state, epoch=epoch)
    await ended_run(store, await running_run(store, job, node))
    await running_run(store, job, node)
    await stored_runs(store, job, 2)
    assert await store.count_live_runs() == {
        RunState.QUEUED: 2,
        RunState.RUNNING: 1,
        RunState.STOPPING: 1,
        RunState.LOST: 1,
        RunState.PARKED: 1,
    }


async def test_a_run_that_is_not_there_is_none(store: Store) -> None:
    assert await store.get_run(4711) is None
    assert await store.get_runs([4711]) == {}
    assert await store.get_runs([]) == {}


async def test_runs_are_got_live_and_ended(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    ended = await ended_run(store, await running_run(store, job, node))
    queued = await stored_run(store, job)
    assert await store.get_runs([queued.id, 4711, ended.id]) == {
        queued.id: queued,
        ended.id: ended,
    }


async def test_the_instants_of_a_run_are_in_utc(store: Store) -> None:
    job = await stored_job(store)
    run = await the_run(store, (await stored_run(store, job, slot=NOW)).id)
    instants = (run.created_at, run.due_at, run.slot)
    assert all(instant and instant.utcoffset() == NOW.utcoffset() for instant in instants)
