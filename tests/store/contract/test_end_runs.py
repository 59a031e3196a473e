"""Ends: by whoever holds the run, once; and the fence against everybody else."""

import asyncio
from dataclasses import replace

import pytest

from callboard.domain.json import Json
from callboard.domain.run import Run, RunError, StopMode
from callboard.domain.states import ENDED, RunState
from callboard.store.contract import RunEnd, RunFilter, Store
from callboard.testing import VirtualClock
from support.factories import (
    LEASE,
    after,
    changed_run,
    claimed_runs,
    ended_run,
    make_end,
    running_run,
    stored_job,
    stored_node,
    stored_run,
    stored_runs,
    the_run,
)

ERROR = RunError(type="builtins.ValueError", message="nein 🎭", traceback="Trace\n…", exit_code=3)


async def end(store: Store, *ends: RunEnd) -> list[Run]:
    async with store.begin() as tx:
        return await tx.end_runs(ends)


@pytest.mark.parametrize("state", sorted(ENDED - {RunState.ABANDONED}))
async def test_an_ended_run_is_history_in_its_state(store: Store, state: RunState) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    [ended] = await end(store, make_end(run, state, error=ERROR, ended_at=after(5.000001)))
    assert ended == replace(run, state=state, error=ERROR, ended_at=after(5.000001))
    assert await the_run(store, run.id) == ended
    assert await store.count_live_runs() == {}


@pytest.mark.parametrize(
    "result", [None, False, 0, "", [], {}, 1.5, "text", [1, {"a": None}], {"ä": "🎭"}], ids=repr
)
async def test_a_result_of_any_shape_is_kept(store: Store, result: Json) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await ended_run(store, await running_run(store, job, node), result=result)
    stored = await the_run(store, run.id)
    assert stored.result == run.result == result
    assert type(stored.result) is type(result)


async def test_an_end_keeps_what_the_run_was(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node, arguments={"a": [1]}, unique_key="k", attempt=2)
    stopping = await changed_run(
        store,
        run,
        state=RunState.STOPPING,
        stop_mode=StopMode.KILL,
        stop_grace_s=2.5,
        progress={"done": 7},
        crashes=1,
    )
    ended = await ended_run(store, stopping, RunState.STOPPED, ended_at=after(9))
    assert ended == replace(stopping, state=RunState.STOPPED, ended_at=after(9))


async def test_a_run_is_ended_once(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    first = await ended_run(store, run, RunState.FAILED)
    assert await end(store, make_end(run, RunState.SUCCEEDED)) == []
    assert await the_run(store, run.id) == first


async def test_a_run_that_is_named_twice_in_a_call_is_ended_once(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    ended = await end(store, make_end(run, result=1), make_end(run, result=1))
    assert [each.id for each in ended] == [run.id]
    assert await store.list_runs(RunFilter()) == ended


async def test_of_two_ends_at_the_same_moment_one_counts(store: Store, peer: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    answers = await asyncio.gather(
        end(store, make_end(run, RunState.SUCCEEDED)), end(peer, make_end(run, RunState.FAILED))
    )
    [ended] = [run for answer in answers for run in answer]
    assert await the_run(store, run.id) == ended


async def test_an_end_under_another_epoch_changes_nothing(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    for epoch in (node.epoch + 1, node.epoch - 1, None):
        assert await end(store, replace(make_end(run), epoch=epoch)) == []
    assert await the_run(store, run.id) == run


async def test_an_end_of_an_earlier_claim_by_the_same_node_ends_nothing(
    store: Store, clock: VirtualClock
) -> None:
    """The node handed the run back, claimed it again, and only then comes what it told before."""
    job, node = await stored_job(store), await stored_node(store)
    earlier = await running_run(store, job, node)
    await changed_run(store, earlier, state=RunState.QUEUED, node=None, epoch=None, started_at=None)
    await clock.advance(0.000001)
    [run] = await claimed_runs(store, node)
    assert (run.id, run.epoch) == (earlier.id, earlier.epoch)
    assert await end(store, make_end(earlier)) == []
    assert await the_run(store, run.id) == run
    assert (await ended_run(store, run)).started_at == after(0.000001)


async def test_an_end_that_names_no_claim_ends_whichever_it_is(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    assert len(await end(store, make_end(run, started_at=None))) == 1


async def test_a_queued_run_is_ended_by_nobody_only(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await stored_run(store, job)
    assert await end(store, replace(make_end(run), epoch=node.epoch)) == []
    [ended] = await end(store, make_end(run, RunState.STOPPED))
    assert (ended.state, ended.epoch, ended.started_at) == (RunState.STOPPED, None, None)
    assert await claimed_runs(store, node) == []


async def test_a_parked_run_can_be_ended(store: Store) -> None:
    job = await stored_job(store)
    run = await changed_run(store, await stored_run(store, job), state=RunState.PARKED)
    assert (await ended_run(store, run, RunState.STOPPED)).state is RunState.STOPPED


async def test_a_lost_run_is_ended_under_the_epoch_that_lost_it(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await changed_run(store, await running_run(store, job, node), state=RunState.LOST)
    assert await end(store, replace(make_end(run, RunState.FAILED), epoch=None)) == []
    assert (await ended_run(store, run, RunState.FAILED)).state is RunState.FAILED


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.ABANDONED])
async def test_an_end_that_the_table_of_states_does_not_know_is_left_out(
    store: Store, state: RunState
) -> None:
    """A queued run can only be stopped, refused, or time out."""
    run = await stored_run(store, await stored_job(store))
    assert await end(store, make_end(run, state)) == []
    assert await the_run(store, run.id) == run


async def test_an_end_of_a_run_that_is_not_there_is_left_out(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    assert await end(store, replace(make_end(run), run_id=4711)) == []
    assert await end(store) == []


async def test_the_right_ends_of_a_call_are_not_held_up_by_the_wrong_ones(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    ids = [run.id for run in await stored_runs(store, job, 4)]
    a, b, c, d = await claimed_runs(store, node)
    await ended_run(store, b)
    ends = [make_end(a), make_end(b, RunState.FAILED), replace(make_end(c), epoch=99), make_end(d)]
    ended = await end(store, *ends)
    assert sorted(run.id for run in ended) == [ids[0], ids[3]]
    assert (await the_run(store, b.id)).state is RunState.SUCCEEDED
    assert await the_run(store, c.id) == c


async def test_many_runs_are_ended_in_one_call(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await stored_runs(store, job, 600)
    running = await claimed_runs(store, node)
    ended = await end(store, *(make_end(run, result=run.id) for run in running))
    assert {run.id: run.result for run in ended} == {run.id: run.id for run in running}
    assert await store.count_live_runs() == {}


async def test_a_worker_with_an_old_epoch_can_change_nothing(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    """The first worker's lease ends, the run starts again elsewhere, the first one comes back."""
    job, first = await stored_job(store), await stored_node(store, "a")
    held = await running_run(store, job, first)
    await clock.advance(LEASE.total_seconds())
    second = await stored_node(peer, "b")
    async with peer.begin() as tx:
        await tx.expire_nodes()
        [lost] = await tx.lock_runs_of_lost_nodes(9)
        requeued = replace(lost, state=RunState.QUEUED, node=None, epoch=None, crashes=1)
        await tx.update_runs([requeued])
        await tx.delete_expired_nodes()
    [taken] = await claimed_runs(peer, second)

    assert await end(store, make_end(held)) == []
    assert await claimed_runs(store, first) == []
    async with store.begin() as tx:
        assert await tx.renew_node(first.epoch, LEASE) is None
    assert await the_run(store, held.id) == taken
    assert (await ended_run(peer, taken)).node == "b"


async def test_a_renewed_lease_brings_no_right_to_a_run_that_was_given_on(
    store: Store, peer: Store, clock: VirtualClock
) -> None:
    """The lease had ended, the run starts again elsewhere, and then the lease is renewed."""
    job, first = await stored_job(store), await stored_node(store, "a")
    held = await running_run(store, job, first)
    await clock.advance(LEASE.total_seconds())
    second = await stored_node(peer, "b")
    await changed_run(peer, held, state=RunState.QUEUED, node=None, epoch=None)
    [taken] = await claimed_runs(peer, second)
    async with store.begin() as tx:
        assert await tx.renew_node(first.epoch, LEASE) is not None
        assert await tx.end_runs([make_end(held)]) == []
    assert await the_run(store, held.id) == taken


async def test_a_node_that_starts_again_under_its_name_has_no_right_to_its_old_runs(
    store: Store, clock: VirtualClock
) -> None:
    job, old = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, old)
    await clock.advance(LEASE.total_seconds())
    new = await stored_node(store)
    assert await end(store, replace(make_end(run), epoch=new.epoch)) == []
    async with store.begin() as tx:
        assert await tx.lock_runs_of_lost_nodes(9) == [run]
