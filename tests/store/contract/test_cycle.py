"""Cycles: ends, starts and a claim that take effect together, and what they leave alone."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from callboard.domain.job import Job
from callboard.domain.run import RunError, StopMode
from callboard.domain.states import RunState
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName
from callboard.store.contract import Cutoffs, Store
from callboard.store.cycle import Cycled
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.cycles import (
    as_told,
    claimed,
    cycled,
    end_by_cycle,
    make_fresh,
    running,
    started,
    told,
)
from support.factories import (
    LEASE,
    NOW,
    TRACE_ID,
    after,
    changed_run,
    claimed_runs,
    make_chunk,
    make_end,
    make_record,
    make_run,
    running_run,
    stored_job,
    stored_node,
    stored_run,
    stored_runs,
    stored_trigger,
    the_run,
)

MICROSECOND = timedelta(microseconds=1)


async def with_changes(store: Store, job: Job, **changes: object) -> Job:
    async with store.begin() as tx:
        changed = await tx.update_job(replace(job, **changes))  # type: ignore[arg-type]
    assert changed is not None
    return changed


async def lines_of(store: Store, run_id: int) -> list[int]:
    return [line.seq for line in await store.read_log(run_id, after=0, limit=99)]


# nothing


async def test_an_empty_cycle_does_nothing(store: Store) -> None:
    done = await cycled(store)
    assert done == Cycled(now=NOW, first_seq=0)
    assert await store.event_range() == (1, 0)


async def test_a_cycle_bears_the_instant_of_the_store(store: Store, clock: VirtualClock) -> None:
    job = await stored_job(store)
    await clock.advance(1.000001)
    [run_id] = await started(store, job)
    run = await the_run(store, run_id)
    assert run.created_at == run.due_at == after(1.000001)
    assert (await cycled(store)).now == after(1.000001)


# ids


async def test_ids_are_given_outside_of_transactions_and_never_twice(
    store: Store, peer: Store
) -> None:
    given = await store.allocate_run_ids(3)
    given += await peer.allocate_run_ids(2)
    async with store.begin() as tx:
        given += await tx.allocate_run_ids(2)
    given += await store.allocate_run_ids(2)
    assert len(set(given)) == 9
    assert min(given) > 0


# ends


@pytest.mark.parametrize(
    "state", [RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.STOPPED]
)
async def test_an_end_is_kept_with_all_its_fields(store: Store, state: RunState) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node, arguments={"a": [1, "ä"]}, unique_key="k")
    error = RunError(type="ValueError", message="no\n'", traceback="at", exit_code=3)
    end = make_end(run, state, result={"n": [1, None]}, error=error, ended_at=after(2.000001))
    done = await cycled(store, ends=[end])
    assert done.ended == {run.id}
    expected = replace(
        run, state=state, result={"n": [1, None]}, error=error, ended_at=after(2.000001)
    )
    assert await the_run(store, run.id) == expected
    assert await store.count_live_runs() == {}
    [event] = await told(store)
    assert (event.type, event.run) == ("run.ended", as_told(expected))


async def test_many_ends_have_each_their_own_result(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    runs = await running(store, job, node, 5)
    ends = [make_end(run, result=run.id if run.id % 2 else None) for run in reversed(runs)]
    done = await cycled(store, ends=ends)
    assert done.ended == {run.id for run in runs}
    for run in runs:
        assert (await the_run(store, run.id)).result == (run.id if run.id % 2 else None)


async def test_the_end_of_a_run_that_is_to_stop_is_left_out(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    one, other = await running(store, job, node, 2)
    stopping = await changed_run(
        store, one, state=RunState.STOPPING, stop_mode=StopMode.COOPERATIVE
    )
    done = await cycled(store, ends=[make_end(one), make_end(other)])
    assert done.ended == {other.id}
    assert await the_run(store, one.id) == stopping


async def test_the_end_under_another_epoch_is_left_out(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    assert not await end_by_cycle(store, replace(run, epoch=node.epoch + 1))
    assert not await end_by_cycle(store, replace(run, epoch=None))
    assert await the_run(store, run.id) == run
    assert await end_by_cycle(store, run)


async def test_the_end_of_a_run_that_was_queued_again_is_left_out(store: Store) -> None:
    """H02: a node that comes too late."""
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    queued = await changed_run(
        store, run, state=RunState.QUEUED, node=None, epoch=None, started_at=None
    )
    assert not await end_by_cycle(store, run)
    assert await the_run(store, run.id) == queued


async def test_an_end_of_an_earlier_claim_by_the_same_node_ends_nothing(
    store: Store, clock: VirtualClock
) -> None:
    """A cycle that comes when its node has handed the run back and claimed it again."""
    job, node = await stored_job(store), await stored_node(store)
    earlier = await running_run(store, job, node)
    other = await running_run(store, job, node)
    await changed_run(store, earlier, state=RunState.QUEUED, node=None, epoch=None, started_at=None)
    await clock.advance(0.000001)
    [run] = await claimed(store, node)
    assert (run.id, run.epoch) == (earlier.id, earlier.epoch)
    done = await cycled(store, ends=[make_end(earlier), make_end(other)])
    assert done.ended == {other.id}
    assert await the_run(store, run.id) == run
    assert await end_by_cycle(store, run)


async def test_an_end_that_names_no_claim_ends_whichever_it_is(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    one, other = await running(store, job, node, 2)
    done = await cycled(store, ends=[make_end(one, started_at=None), make_end(other)])
    assert done.ended == {one.id, other.id}


@pytest.mark.parametrize("seconds", [0.0, 0.000001, 0.123457, 0.999999, 86_400 * 365 * 200])
async def test_an_end_knows_its_claim_to_the_microsecond(
    store: Store, clock: VirtualClock, seconds: float
) -> None:
    job = await stored_job(store)
    await clock.advance(seconds)
    node = await stored_node(store)
    run = (await running(store, job, node))[0]
    assert run.started_at is not None
    for step in (-1, 1):
        beside = run.started_at + timedelta(microseconds=step)
        assert not await end_by_cycle(store, run, started_at=beside)
    assert await end_by_cycle(store, run, ended_at=run.started_at)


async def test_a_run_ends_once(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    assert await end_by_cycle(store, run, result=1)
    assert not await end_by_cycle(store, run, RunState.FAILED, result=2)
    assert (await the_run(store, run.id)).result == 1
    assert len(await told(store)) == 1


async def test_the_end_of_a_run_that_is_not_there_is_left_out(store: Store) -> None:
    run = make_run(4711, Job(name="report", kind="python", spec={"handler": "a:b"}), epoch=1)
    done = await cycled(store, ends=[make_end(run)])
    assert (done.ended, done.first_seq) == (set(), 0)


async def test_two_cycles_that_end_the_same_runs_end_each_once(store: Store, peer: Store) -> None:
    """H05: one winner, and nothing waits for ever."""
    job, node = await stored_job(store), await stored_node(store)
    runs = await running(store, job, node, 20)
    forwards = [make_end(run) for run in runs]
    first, second = await asyncio.gather(
        cycled(store, ends=forwards), cycled(peer, ends=forwards[::-1])
    )
    assert first.ended.isdisjoint(second.ended)
    assert first.ended | second.ended == {run.id for run in runs}


@pytest.mark.parametrize("policy", [OverlapPolicyName.BUFFER_ONE, OverlapPolicyName.CANCEL_OLD])
async def test_the_end_that_a_trigger_waits_for_is_left_out(
    store: Store, policy: OverlapPolicyName
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    trigger = await stored_trigger(store, overlap=OverlapPolicy(policy=policy))
    run = await running_run(store, job, node, trigger=trigger.name, trigger_id=trigger.id, slot=NOW)
    assert not await end_by_cycle(store, run)
    assert await the_run(store, run.id) == run


async def test_the_end_of_a_run_of_another_trigger_is_an_end(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    trigger = await stored_trigger(store)
    origin = {"trigger": trigger.name, "trigger_id": trigger.id, "slot": NOW}
    run = await running_run(store, job, node, **origin)
    assert await end_by_cycle(store, run)
    assert (await the_run(store, run.id)).slot == NOW
    async with store.begin() as tx:
        assert await tx.live_firings([trigger.id]) == []


async def test_the_end_of_a_run_of_a_deleted_trigger_is_an_end(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    trigger = await stored_trigger(
        store, overlap=OverlapPolicy(policy=OverlapPolicyName.BUFFER_ONE)
    )
    run = await running_run(store, job, node, trigger=trigger.name, trigger_id=trigger.id, slot=NOW)
    async with store.begin() as tx:
        await tx.delete_trigger(trigger.id)
    assert await end_by_cycle(store, run)


async def test_an_end_frees_the_runs_key(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node, unique_key="k")
    await end_by_cycle(store, run)
    await stored_run(store, job, unique_key="k")


async def test_an_end_frees_a_place_under_the_limit(store: Store) -> None:
    job, node = await stored_job(store, max_concurrent_runs=1), await stored_node(store)
    await stored_runs(store, job, 2)
    [first] = await claimed_runs(store, node)
    await end_by_cycle(store, first)
    assert len(await claimed_runs(store, node)) == 1


# logs


async def test_the_log_of_a_run_that_ends_is_stored(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    one, other = await running(store, job, node, 2)
    ends = [make_end(one), make_end(other)]
    logs = [make_chunk(one.id, 1, 2), make_chunk(one.id, 3), make_chunk(other.id, 1)]
    await cycled(store, ends=ends, logs=logs)
    assert await lines_of(store, one.id) == [1, 2, 3]
    assert await lines_of(store, other.id) == [1]


async def test_a_log_is_stored_once(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    async with store.begin() as tx:
        await tx.append_log([make_chunk(run.id, 1, 2)])
    logs = [make_chunk(run.id, 1, 2), make_chunk(run.id, 3)]
    await cycled(store, ends=[make_end(run)], logs=logs)
    await cycled(store, ends=[make_end(run)], logs=logs)
    assert await lines_of(store, run.id) == [1, 2, 3]


async def test_the_log_of_a_run_that_is_left_out_is_not_stored(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    one, other = await running(store, job, node, 2)
    fenced = make_end(replace(one, epoch=node.epoch + 1))
    logs = [make_chunk(one.id, 1), make_chunk(other.id, 1)]
    await cycled(store, ends=[fenced, make_end(other)], logs=logs)
    assert await lines_of(store, one.id) == []
    assert await lines_of(store, other.id) == [1]


# starts


async def test_a_start_is_a_queued_run(store: Store) -> None:
    job = await stored_job(store, "sum", group="accounts")
    [run_id] = await store.allocate_run_ids(1)
    fresh = make_fresh(run_id, job, arguments={"b": {"ä": [1, None]}}, due_at=after(60))
    done = await cycled(store, starts=[fresh], jobs={job.id: job.version})
    assert done == Cycled(now=NOW, first_seq=1, started=frozenset({run_id}))
    expected = make_run(run_id, job, arguments={"b": {"ä": [1, None]}}, due_at=after(60))
    assert await the_run(store, run_id) == expected
    assert expected.trace_id == TRACE_ID
    [event] = await told(store)
    assert (event.type, event.run) == ("run.queued", expected)
    assert await store.next_due_at() == after(60)


async def test_starts_come_in_any_order_of_ids_and_jobs(store: Store) -> None:
    one, other = await stored_job(store, "one"), await stored_job(store, "other")
    ids = await store.allocate_run_ids(6)
    starts = [make_fresh(id, one if id % 2 else other) for id in [*ids[3:], *ids[:3]]]
    jobs = {one.id: one.version, other.id: other.version}
    done = await cycled(store, starts=starts, jobs=jobs)
    assert done.started == set(ids)
    assert [each.run.id for each in await told(store)] == [start.id for start in starts]
    node = await stored_node(store)
    assert [run.id for run in await claimed(store, node)] == ids


async def test_the_start_of_a_job_of_another_version_is_left_out(store: Store) -> None:
    job, other = await stored_job(store), await stored_job(store, "other")
    await with_changes(store, job, arguments={"new": 1})
    first, second = await store.allocate_run_ids(2)
    done = await cycled(
        store,
        starts=[make_fresh(first, job), make_fresh(second, other)],
        jobs={job.id: job.version, other.id: other.version},
    )
    assert done.started == {second}
    assert await store.get_run(first) is None
    assert [each.run.id for each in await told(store)] == [second]


async def test_disabling_a_job_is_another_version(store: Store) -> None:
    job = await stored_job(store)
    disabled = await with_changes(store, job, disabled=True)
    assert disabled.version != job.version


async def test_the_start_of_a_deleted_job_is_left_out(store: Store) -> None:
    job = await stored_job(store)
    async with store.begin() as tx:
        await tx.delete_job(job.id)
    [run_id] = await store.allocate_run_ids(1)
    done = await cycled(store, starts=[make_fresh(run_id, job)], jobs={job.id: job.version})
    assert (done.started, done.first_seq) == (set(), 0)
    assert await store.get_run(run_id) is None


async def test_a_start_obeys_its_jobs_limit(store: Store) -> None:
    job, node = await stored_job(store, max_concurrent_runs=1), await stored_node(store)
    ids = await started(store, job, 3)
    assert [run.id for run in await claimed_runs(store, node)] == ids[:1]
    assert await claimed_runs(store, node) == []


async def test_a_limit_that_comes_later_holds_for_what_was_started(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await started(store, job, 3)
    await with_changes(store, job, max_concurrent_runs=1)
    assert len(await claimed_runs(store, node)) == 1


# born running


async def test_a_run_may_be_born_running(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await clock.advance(1)
    ids = await store.allocate_run_ids(3)
    starts = [make_fresh(run_id, job, arguments={"n": run_id}) for run_id in ids]
    done = await cycled(store, starts=starts, jobs={job.id: job.version}, born=2, epoch=node.epoch)
    assert done == Cycled(
        now=after(1), first_seq=1, started=frozenset(ids), is_born=True, node="node-a"
    )
    runs = [await the_run(store, run_id) for run_id in ids]
    queued = [
        make_run(id, job, arguments={"n": id}, created_at=after(1), due_at=after(1)) for id in ids
    ]
    held = {
        "state": RunState.RUNNING,
        "node": "node-a",
        "epoch": node.epoch,
        "started_at": after(1),
    }
    assert runs == [replace(queued[0], **held), replace(queued[1], **held), queued[2]]  # type: ignore[arg-type]
    assert [(each.type, each.run) for each in await told(store)] == [
        *(("run.queued", run) for run in queued),
        *(("run.started", as_told(run)) for run in runs[:2]),
    ]


async def test_who_was_born_running_is_not_claimed_and_ends(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    [run_id] = await store.allocate_run_ids(1)
    await cycled(
        store,
        starts=[make_fresh(run_id, job)],
        jobs={job.id: job.version},
        born=1,
        epoch=node.epoch,
    )
    assert await claimed(store, node) == []
    async with store.begin() as tx:
        assert [run.id for run in await tx.lock_runs_of_node(node.epoch)] == [run_id]
    assert await end_by_cycle(store, await the_run(store, run_id))


@pytest.mark.parametrize("is_removed", [False, True])
async def test_nobody_is_born_running_when_the_lease_is_over(
    store: Store, clock: VirtualClock, is_removed: bool
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await clock.advance(LEASE.total_seconds())
    if is_removed:
        async with store.begin() as tx:
            await tx.delete_expired_nodes()
    [run_id] = await store.allocate_run_ids(1)
    done = await cycled(
        store,
        starts=[make_fresh(run_id, job)],
        jobs={job.id: job.version},
        born=1,
        epoch=node.epoch,
        claim=5,
    )
    assert (done.started, done.is_born, done.claimed) == ({run_id}, False, ())
    assert (await the_run(store, run_id)).state is RunState.QUEUED
    assert [each.type for each in await told(store)] == ["run.queued"]


async def test_who_would_be_born_running_may_be_left_out(store: Store) -> None:
    job, gone = await stored_job(store), await stored_job(store, "gone")
    node = await stored_node(store)
    async with store.begin() as tx:
        await tx.delete_job(gone.id)
    ids = await store.allocate_run_ids(3)
    starts = [make_fresh(ids[0], gone), make_fresh(ids[1], job), make_fresh(ids[2], job)]
    jobs = {job.id: job.version, gone.id: gone.version}
    done = await cycled(store, starts=starts, jobs=jobs, born=2, epoch=node.epoch)
    assert done.started == {*ids[1:]}
    states = [(await the_run(store, run_id)).state for run_id in ids[1:]]
    assert states == [RunState.RUNNING, RunState.QUEUED]
    assert [each.type for each in await told(store)] == ["run.queued", "run.queued", "run.started"]


# the claim


async def test_the_oldest_due_run_is_claimed_first(store: Store, clock: VirtualClock) -> None:
    one, other = await stored_job(store, "one"), await stored_job(store, "other")
    node = await stored_node(store)
    due = [after(2), after(1), after(2), after(60), after(0)]
    runs = [
        await stored_run(store, one if place % 2 else other, due_at=due_at)
        for place, due_at in enumerate(due)
    ]
    await clock.advance(10)
    expected = [runs[place].id for place in (4, 1, 0, 2)]
    assert [run.id for run in await claimed(store, node, 3)] == expected[:3]
    assert [run.id for run in await claimed(store, node, 3)] == expected[3:]


async def test_a_claimed_run_is_running_on_the_node(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await stored_run(store, job, arguments={"a": 1}, unique_key="k")
    await clock.advance(1.000001)
    done = await cycled(store, epoch=node.epoch, claim=5)
    expected = replace(
        run,
        state=RunState.RUNNING,
        node="node-a",
        epoch=node.epoch,
        started_at=after(1.000001),
    )
    assert done == Cycled(
        now=after(1.000001),
        first_seq=1,
        node="node-a",
        claimed=(expected,),
        job_versions={job.id: job.version},
    )
    assert await the_run(store, run.id) == expected
    [event] = await told(store)
    assert (event.type, event.run) == ("run.started", as_told(expected))


async def test_nothing_is_claimed_without_a_limit_or_an_epoch(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await started(store, job)
    assert (await cycled(store, epoch=node.epoch)).claimed == ()
    assert (await cycled(store, claim=5)).claimed == ()


async def test_a_claim_may_begin_behind_an_instant(store: Store, clock: VirtualClock) -> None:
    one, other = await stored_job(store, "one"), await stored_job(store, "other")
    node = await stored_node(store)
    runs = [
        await stored_run(store, one if second % 2 else other, due_at=after(second))
        for second in range(6)
    ]
    await clock.advance(10)
    ids = [run.id for run in runs]
    got = await claimed(store, node, 2, due_from=after(3))
    assert [run.id for run in got] == ids[3:5]
    got = await claimed(store, node, due_from=after(3) - MICROSECOND)
    assert [run.id for run in got] == ids[5:]
    assert [run.id for run in await claimed(store, node, due_from=NOW)] == ids[:3]


async def test_nothing_is_claimed_while_runs_of_a_job_with_a_limit_wait(store: Store) -> None:
    free, limited = await stored_job(store), await stored_job(store, "l", max_concurrent_runs=2)
    node = await stored_node(store)
    await stored_run(store, free)
    await stored_run(store, limited)
    done = await cycled(store, epoch=node.epoch, claim=5)
    assert (done.is_limited, done.claimed, done.first_seq) == (True, (), 0)
    assert len(await claimed_runs(store, node)) == 2


async def test_a_run_with_a_limit_that_was_seen_is_remembered_by_cycles_that_claim_nothing(
    store: Store,
) -> None:
    limited = await stored_job(store, "l", max_concurrent_runs=2)
    node = await stored_node(store)
    held = await running_run(store, await stored_job(store), node)
    await stored_run(store, limited, due_at=after(-1))
    assert (await cycled(store, epoch=node.epoch, claim=5)).is_limited
    await end_by_cycle(store, held)
    assert (await cycled(store, epoch=node.epoch, claim=5, due_from=NOW)).is_limited


async def test_a_run_with_a_limit_that_is_not_due_stops_no_claim(store: Store) -> None:
    free, limited = await stored_job(store), await stored_job(store, "l", max_concurrent_runs=2)
    node = await stored_node(store)
    run = await stored_run(store, free)
    await stored_run(store, limited, due_at=after(1))
    done = await cycled(store, epoch=node.epoch, claim=5)
    assert not done.is_limited
    assert [each.id for each in done.claimed] == [run.id]


async def test_a_claim_looks_at_what_was_there_before_the_cycle(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    [old] = await started(store, job)
    [new] = await store.allocate_run_ids(1)
    done = await cycled(
        store,
        starts=[make_fresh(new, job)],
        jobs={job.id: job.version},
        epoch=node.epoch,
        claim=5,
    )
    assert [run.id for run in done.claimed] == [old]
    assert [run.id for run in await claimed(store, node)] == [new]


async def test_a_claim_names_the_versions_of_the_jobs(store: Store) -> None:
    one, other = await stored_job(store, "one"), await stored_job(store, "other")
    node = await stored_node(store)
    await started(store, one)
    await started(store, other)
    other = await with_changes(store, other, arguments={"a": 1})
    done = await cycled(store, epoch=node.epoch, claim=5)
    assert done.job_versions == {one.id: 1, other.id: 2}


async def test_a_claim_does_not_name_a_job_that_is_gone(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    await started(store, job)
    async with store.begin() as tx:
        await tx.delete_job(job.id)
    done = await cycled(store, epoch=node.epoch, claim=5)
    assert len(done.claimed) == 1
    assert done.job_versions == {}


async def test_a_claim_says_which_runs_a_node_held_before(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    one, other = await running(store, job, node, 2)
    back = {"state": RunState.QUEUED, "node": None, "epoch": None, "started_at": None}
    await changed_run(store, other, **back)
    [fresh] = await started(store, job)
    done = await cycled(store, epoch=node.epoch, claim=5)
    assert {run.id for run in done.claimed} == {other.id, fresh}
    assert done.requeued == {other.id}
    assert one.id not in done.requeued


async def test_a_claimed_run_keeps_count_of_its_crashes(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    [run] = await running(store, job, node)
    back = {"state": RunState.QUEUED, "node": None, "epoch": None, "started_at": None}
    await changed_run(store, run, crashes=2, **back)
    [again] = await claimed(store, node)
    assert again.crashes == 2
    assert [each.run.crashes for each in await told(store)] == [0, 0, 2]
    await end_by_cycle(store, again)
    assert [each.run.crashes for each in await told(store)] == [0, 0, 2, 2]


@on_databases
async def test_runs_that_others_have_locked_are_passed_over(store: Store, peer: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    ids = await started(store, job, 3)
    async with peer.begin() as tx:
        await tx.lock_runs(ids[:1])
        assert [run.id for run in await claimed(store, node)] == ids[1:]
    assert [run.id for run in await claimed(store, node)] == ids[:1]


async def test_two_nodes_share_the_runs(store: Store, peer: Store) -> None:
    job = await stored_job(store)
    one, other = await stored_node(store, "node-a"), await stored_node(store, "node-b")
    ids = await started(store, job, 40)
    got = await asyncio.gather(
        *(claimed(store, one, 7) for _ in range(4)), *(claimed(peer, other, 7) for _ in range(4))
    )
    every = [run.id for runs in got for run in runs]
    assert sorted(every) == ids


# all of it


async def test_the_numbers_of_a_cycle_are_ends_starts_then_the_claimed(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    first, second = await running(store, job, node, 2)
    waiting = await started(store, job, 2)
    fresh = await store.allocate_run_ids(3)
    async with store.begin() as tx:
        await tx.append_events([make_record(type="run.queued", state="queued")])
    _, newest = await store.event_range()
    done = await cycled(
        store,
        ends=[make_end(second, RunState.FAILED), make_end(first)],
        starts=[make_fresh(run_id, job) for run_id in fresh],
        jobs={job.id: job.version},
        born=1,
        epoch=node.epoch,
        claim=10,
    )
    assert done.first_seq == newest + 1
    events = await told(store, newest)
    assert [event.seq for event in events] == [*range(newest + 1, newest + 9)]
    assert [(event.type, event.run.id, event.run.state) for event in events] == [
        ("run.ended", second.id, RunState.FAILED),
        ("run.ended", first.id, RunState.SUCCEEDED),
        *(("run.queued", run_id, RunState.QUEUED) for run_id in fresh),
        ("run.started", fresh[0], RunState.RUNNING),
        *(("run.started", run_id, RunState.RUNNING) for run_id in waiting),
    ]
    assert await store.event_range() == (1, newest + 8)


async def test_a_transaction_numbers_on_behind_a_cycle(store: Store) -> None:
    job = await stored_job(store)
    await started(store, job, 3)
    async with store.begin() as tx:
        assert await tx.append_events([make_record(), make_record()]) == 4
    await started(store, job)
    assert await store.event_range() == (1, 6)
    assert [batch.first_seq for batch in await store.read_events(0, 9)] == [1, 4, 6]


async def test_cycles_and_transactions_leave_no_gap(store: Store, peer: Store) -> None:
    job = await stored_job(store)

    async def write(each: Store) -> None:
        async with each.begin() as tx:
            await tx.append_events([make_record(2**40)] * 2)

    for _ in range(4):
        work = [started(each, job, size) for size in (1, 3) for each in (store, peer)]
        await asyncio.gather(*work, write(store), write(peer))
    assert await store.event_range() == (1, 48)
    batches = await store.read_events(0, 99)
    numbers = [batch.first_seq + place for batch in batches for place in range(len(batch.records))]
    assert numbers == [*range(1, 49)]


async def test_a_cycle_waits_for_who_ends_a_run_and_then_leaves_it_out(
    store: Store, peer: Store
) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    async with peer.begin() as tx:
        assert len(await tx.end_runs([make_end(run, RunState.FAILED)])) == 1
        late = asyncio.ensure_future(end_by_cycle(store, run))
        await asyncio.wait([late], timeout=0.05)
    assert not await late
    assert (await the_run(store, run.id)).state is RunState.FAILED


async def test_what_a_cycle_told_of_an_abandoned_run_stays_true(store: Store) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node)
    await end_by_cycle(store, run, RunState.FAILED)
    await changed_run(store, run, state=RunState.ABANDONED)
    assert [each.run.state for each in await told(store)] == [RunState.FAILED]


async def test_the_events_of_a_pruned_run_stay(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    [run] = await running(store, job, node)
    await end_by_cycle(store, run)
    await clock.advance(60)
    await store.prune(Cutoffs(ended_runs=after(30)))
    records = [record for batch in await store.read_events(0, 9) for record in batch.records]
    assert [(record.type, record.run_id) for record in records] == [
        ("run.queued", run.id),
        ("run.started", run.id),
        ("run.ended", run.id),
    ]
