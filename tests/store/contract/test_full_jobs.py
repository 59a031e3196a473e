"""Jobs with on_full=refuse: who is let in, who is refused, and what is left of a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from callboard.commands import (
    DeleteJob,
    FireSlots,
    FireTrigger,
    ReplaceJob,
    RetryRun,
    StartRuns,
    StopRun,
)
from callboard.domain.amend import amended
from callboard.domain.given_terms import GivenTerms
from callboard.domain.job import Job, OnFull
from callboard.domain.misfire import plan_slots
from callboard.domain.run import HELD, NewRun, Run, StopMode
from callboard.domain.schedule import on_demand
from callboard.domain.states import RunEvent, RunState, advance
from callboard.domain.trigger import Action, OverlapPolicy, OverlapPolicyName
from callboard.errors import Conflict, InvalidInput
from callboard.store.contract import IdempotencyRecord, RunFilter, Store
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.backends import on_databases
from support.committing import Committing
from support.factories import (
    NOW,
    after,
    changed_run,
    ended_run,
    make_end,
    make_run,
    running_run,
    stored_job,
    stored_node,
    stored_run,
    stored_runs,
    stored_scheduler,
    stored_trigger,
    the_run,
)

REFUSE: dict[str, Any] = {"max_concurrent_runs": 2, "on_full": OnFull.REFUSE}
QUEUE = GivenTerms(on_full=OnFull.QUEUE)


def new(count: int = 1, job: str = "report", **fields: Any) -> tuple[NewRun, ...]:
    return tuple(NewRun(job=job, **fields) for _ in range(count))


def starts(count: int = 1, *, key: str | None = None, **fields: Any) -> StartRuns:
    return StartRuns(runs=new(count, **fields), idempotency_key=key)


async def start(store: Store, clock: VirtualClock, *commands: StartRuns) -> list[Any]:
    """For each command how many runs it started, or the code of its refusal."""
    answers = await Committing(store, clock).commit(*commands)
    return [answer.code if isinstance(answer, Conflict) else len(answer) for answer in answers]


async def states(store: Store) -> list[RunState]:
    """Of all runs, oldest first."""
    runs = await store.list_runs(RunFilter())
    return [run.state for run in reversed(runs)]


@pytest.fixture
async def job(store: Store) -> Job:
    return await stored_job(store, **REFUSE)


async def test_what_is_queued_running_or_stopping_is_live(store: Store) -> None:
    node, job = await stored_node(store), await stored_job(store, max_concurrent_runs=9)
    await running_run(store, job, node)
    stopping = await running_run(store, job, node)
    await changed_run(store, stopping, state=RunState.STOPPING, stop_mode=StopMode.KILL)
    aside = await running_run(store, job, node)
    aside_fields: dict[str, Any] = {"node": None, "epoch": None, "started_at": None}
    await changed_run(store, aside, state=RunState.PARKED, **aside_fields)
    await ended_run(store, await running_run(store, job, node), RunState.FAILED)
    await stored_run(store, job, due_at=HELD)
    await stored_run(store, job)
    other = await stored_job(store, "other", **REFUSE)
    async with store.begin() as tx:
        assert await tx.lock_job_room({job.id: 9, other.id: 9}) == {job.id: 3, other.id: 0}
        assert await tx.lock_job_room({}) == {}


async def test_it_is_counted_no_further_than_needed(store: Store, job: Job) -> None:
    await stored_runs(store, job, 7)
    async with store.begin() as tx:
        assert (await tx.lock_job_room({job.id: 3}))[job.id] >= 3


@on_databases
async def test_one_at_a_time_counts_and_the_next_one_sees_what_was_started(
    store: Store, peer: Store, job: Job
) -> None:
    locked = asyncio.Event()

    async def count() -> int:
        async with peer.begin() as tx:
            await tx.lock_jobs([("default", "report")])
            locked.set()
            return (await tx.lock_job_room({job.id: 9}))[job.id]

    async with store.begin() as tx:
        await tx.lock_job_room({job.id: 9})
        waiting = asyncio.ensure_future(count())
        await locked.wait()
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        await tx.insert_runs([make_run((await tx.allocate_run_ids(1))[0], job)])
    assert await waiting == 1


async def test_a_start_beyond_the_limit_is_refused_and_stores_nothing(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    """G40"""
    assert await start(store, clock, starts(2)) == [2]
    assert await start(store, clock, starts()) == ["job_full"]
    assert await states(store) == [RunState.QUEUED] * 2


async def test_starts_of_one_batch_see_each_other_and_each_is_all_or_none(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    batch = [starts(), starts(2), starts(job="other"), starts(), starts()]
    await stored_job(store, "other", max_concurrent_runs=1)
    assert await start(store, clock, *batch) == [1, "job_full", 1, 1, "job_full"]
    mixed = StartRuns(runs=(*new(job="other"), *new()))
    assert await start(store, clock, mixed) == ["job_full"]
    assert len(await states(store)) == 3


async def test_the_end_of_a_run_makes_room_in_the_same_commit(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    first, _ = await stored_runs(store, job, 2)
    stop = StopRun(run_id=first.id, mode=StopMode.KILL, grace_s=0)
    answers = await Committing(store, clock).commit(starts(), stop)
    assert [len(answers[0]), answers[1].state] == [1, RunState.STOPPED]


async def test_a_unique_key_that_a_live_run_has_is_answered_with_that_run(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    committing = Committing(store, clock)
    ((held,), _) = await committing.commit(starts(unique_key="k"), starts())
    ((again,), refused) = await committing.commit(starts(unique_key="k"), starts(unique_key="l"))
    assert again == held
    assert isinstance(refused, Conflict)


async def test_one_key_twice_in_a_start_takes_one_place(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    await stored_run(store, job)
    assert await start(store, clock, starts(2, unique_key="k")) == [2]
    assert len(await states(store)) == 2


async def test_a_refusal_leaves_no_idempotency_key_behind(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    runs = await stored_runs(store, job, 2)
    assert await start(store, clock, starts(key="once")) == ["job_full"]
    async with store.begin() as tx:
        record = IdempotencyRecord(key="once", digest="", created_at=NOW)
        assert await tx.insert_idempotency(record) is None
        await tx.delete_idempotency("once")
    async with store.begin() as tx:
        await tx.end_runs([_stopped(run) for run in runs])
    assert await start(store, clock, starts(key="once")) == [1]


async def test_an_idempotency_key_is_answered_with_its_runs_although_the_job_is_full(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    committing = Committing(store, clock)
    first, same = await committing.commit(starts(2, key="once"), starts(2, key="once"))
    (later,) = await committing.commit(starts(2, key="once"))
    assert [run.id for run in first] == [run.id for run in same] == [run.id for run in later]
    assert len(await states(store)) == 2


async def test_a_start_may_say_that_it_waits(store: Store, clock: VirtualClock, job: Job) -> None:
    assert await start(store, clock, starts(3, terms=QUEUE), starts()) == [3, "job_full"]
    assert await states(store) == [RunState.QUEUED] * 3


async def test_a_start_may_refuse_to_wait_where_the_job_would(
    store: Store, clock: VirtualClock
) -> None:
    await stored_job(store, max_concurrent_runs=1)
    await stored_job(store, "unlimited")
    terms = GivenTerms(on_full=OnFull.REFUSE)
    assert await start(store, clock, starts(2)) == [2]
    assert await start(store, clock, starts(terms=terms)) == ["job_full"]
    assert await start(store, clock, starts(2, job="unlimited", terms=terms)) == [2]


async def test_the_deletion_of_another_job_does_not_matter(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    await stored_job(store, "other")
    node = await stored_node(store)
    ended = await ended_run(store, await running_run(store, job, node), RunState.FAILED)
    first, _, gone = await Committing(store, clock).commit(
        starts(previous_run_id=ended.id),
        starts(job="other"),
        DeleteJob(group="default", name="other"),
    )
    assert [run.attempt for run in first] == [2]
    assert gone is None


async def test_a_start_whose_job_is_deleted_behind_it_finds_no_job(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    start, gone = await Committing(store, clock).commit(
        starts(key="once"), DeleteJob(group="default", name="report")
    )
    assert isinstance(start, InvalidInput)
    assert gone is None
    assert await states(store) == []
    async with store.begin() as tx:
        record = IdempotencyRecord(key="once", digest="", created_at=NOW)
        assert await tx.insert_idempotency(record) is None


async def test_runs_of_slots_that_find_no_room_fail_at_once(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    """The ledger tells of them, and the next ones to ask are refused."""
    await stored_job(store, "other")
    actions = (Action(job="report"), Action(job="other"), Action(job="report"))
    trigger = await stored_trigger(store, actions=actions, next_slot=NOW, anchor_at=after(-3600))
    await stored_run(store, job)
    epoch = (await stored_scheduler(store)).epoch
    plans = FireSlots(epoch=epoch, plans=(plan_slots(trigger, NOW),))
    committing = Committing(store, clock)
    refused, slots = await committing.commit(starts(), plans)
    assert isinstance(refused, Conflict)
    assert slots == (True,)
    _, first, other, second = reversed(await store.list_runs(RunFilter()))
    assert [first.state, other.state] == [RunState.QUEUED] * 2
    assert second.state is RunState.FAILED
    assert second.error is not None
    assert second.error.type == "JobFull"
    assert "max_concurrent_runs" in second.error.message
    assert second.ended_at == second.created_at
    (entry,) = await store.read_ledger(trigger.id, since=NOW, until=after(1), limit=2)
    assert entry.run_ids == (first.id, other.id, second.id)


async def test_runs_of_fires_that_find_no_room_have_failed(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    """Each fire is answered with its runs as they are at the end."""
    await stored_job(store, "other")
    await stored_trigger(
        store, "hand", schedule=on_demand(), actions=(Action(job="other"), Action(job="report"))
    )
    fire = FireTrigger(group="default", name="hand", arguments={}, overlap="allow")
    answers = await Committing(store, clock).commit(fire, fire, fire)
    assert [[run.state for run in fired] for fired in answers] == [
        [RunState.QUEUED, RunState.QUEUED],
        [RunState.QUEUED, RunState.QUEUED],
        [RunState.QUEUED, RunState.FAILED],
    ]
    assert await the_run(store, answers[2][1].id) == answers[2][1]


async def test_only_runs_are_answered_as_they_have_ended(clock: VirtualClock) -> None:
    """A refused run may have the number of a job that was edited in the same commit."""
    store = MemoryStore(clock)
    await stored_job(store, **{**REFUSE, "max_concurrent_runs": 1})
    other = await stored_job(store, "other")
    await stored_trigger(store, "hand", schedule=on_demand(), actions=(Action(job="report"),))
    fire = FireTrigger(group="default", name="hand", arguments={}, overlap="allow")
    edit = ReplaceJob(job=amended(other, description="new"))
    _, (refused,), (edited, created) = await Committing(store, clock).commit(fire, fire, edit)
    assert (refused.state, refused.id) == (RunState.FAILED, other.id)
    assert (edited.name, created) == ("other", False)


async def test_a_firing_that_is_held_is_not_refused_and_takes_no_room(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    await stored_trigger(
        store,
        "hand",
        schedule=on_demand(),
        actions=(Action(job="report"),),
        overlap=OverlapPolicy(policy=OverlapPolicyName.BUFFER),
    )
    fire = FireTrigger(group="default", name="hand", arguments={}, overlap="trigger")
    await Committing(store, clock).commit(fire, fire, fire, fire)
    assert await states(store) == [RunState.QUEUED] * 4
    assert await start(store, clock, starts(), starts()) == [1, "job_full"]


async def test_an_operators_retry_is_refused_and_a_release_is_not(
    store: Store, clock: VirtualClock, job: Job
) -> None:
    node = await stored_node(store)
    failed = await ended_run(store, await running_run(store, job, node), RunState.FAILED)
    aside = await running_run(store, job, node)
    fields: dict[str, Any] = {"node": None, "epoch": None, "started_at": None}
    await changed_run(store, aside, state=RunState.PARKED, **fields)
    await stored_runs(store, job, 2)
    refused, released = await Committing(store, clock).commit(
        RetryRun(run_id=failed.id), RetryRun(run_id=aside.id)
    )
    assert isinstance(refused, Conflict)
    assert refused.code == "job_full"
    assert released.state is RunState.QUEUED


async def test_an_ended_run_is_tried_again_by_a_start(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    run = await running_run(store, job, node, attempt=2, arguments={"a": 1}, trace_id="7" * 32)
    first = await ended_run(store, run, RunState.SUCCEEDED)
    again = starts(previous_run_id=first.id, arguments={"b": 2})
    ((second,),) = await Committing(store, clock).commit(again)
    assert (second.previous_run_id, second.chain_id, second.attempt, second.trace_id) == (
        first.id,
        first.chain_id,
        3,
        first.trace_id,
    )
    assert second.arguments == {"b": 2}
    assert second.trigger is None
    # As retry_run: another one may follow the same run.
    assert await start(store, clock, again) == [1]


async def test_a_run_that_has_not_ended_is_not_followed(store: Store, clock: VirtualClock) -> None:
    live = await stored_run(store, await stored_job(store))
    assert await start(store, clock, starts(previous_run_id=live.id)) == ["run_live"]
    assert len(await states(store)) == 1


async def test_a_start_follows_runs_of_its_own_job_alone(store: Store, clock: VirtualClock) -> None:
    job, node = await stored_job(store), await stored_node(store)
    other, foreign = await stored_job(store, "other"), await stored_job(store, group="theirs")
    ended: Sequence[Run] = [
        await ended_run(store, await running_run(store, each, node), RunState.FAILED)
        for each in (job, other, foreign)
    ]
    ids = [*(run.id for run in ended), 77]
    runs = tuple(NewRun(job="report", previous_run_id=id) for id in ids)
    (refusal,) = await Committing(store, clock).commit(StartRuns(runs=runs))
    assert isinstance(refusal, InvalidInput)
    wrong = [problem.field for problem in refusal.problems]
    assert wrong == [f"runs[{index}].previous_run_id" for index in (1, 2, 3)]


def _stopped(run: Run) -> Any:
    return make_end(run, advance(RunState.QUEUED, RunEvent.STOP), epoch=None)
