"""The offer: runs that start where a place is free are created running, never more than fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callboard import NewRun, RunState
from callboard.changes.offer import Offer
from callboard.commands import ClaimRuns, EndedRun, EndRuns, HandBack, ReplaceJob, StartRuns
from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.errors import Conflict, StoreUnavailable
from callboard.store.contract import Store
from callboard.store.cycle import Cycle, Cycled
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.committing import Committing
from support.factories import LEASE, after, make_end, make_job, make_node, stored_job

LIFE = 7


@pytest.fixture
async def job(store: MemoryStore) -> Job:
    await store.open()
    return await stored_job(store, arguments={"a": 1})


@pytest.fixture
async def epoch(store: MemoryStore, job: Job) -> int:
    async with store.begin() as tx:
        node = await tx.insert_node(make_node(), LEASE)
    assert node is not None
    return node.epoch


@pytest.fixture
async def work(store: MemoryStore, clock: VirtualClock, job: Job) -> Committing:
    """A committer that knows the job."""
    work = Committing(store, clock)
    await work.done(StartRuns(runs=(NewRun(job="report", due_at=after(3600)),)))
    work.facts.clear()
    return work


def starts(count: int = 1, **values: Any) -> StartRuns:
    return StartRuns(runs=tuple(NewRun(job="report", **values) for _ in range(count)))


def claim(epoch: int, limit: int, seen: int = 0, **values: Any) -> ClaimRuns:
    given = {"standing": True, "life": LIFE, **values}
    return ClaimRuns(epoch=epoch, limit=limit, seen=seen, **given)


def assigned_ids(work: Committing) -> list[int]:
    return [one.run.id for fact in work.assigned for one in fact.claimed]


async def test_a_run_that_starts_where_a_place_is_free_is_created_running(
    work: Committing, store: MemoryStore, epoch: int, job: Job
):
    assert await work.done(claim(epoch, 3)) == ()
    (answer,) = await work.done(starts())
    (fact,) = work.assigned
    ((run, its_job, log_seq),) = fact.claimed
    assert (fact.life, its_job, log_seq) == (LIFE, job, 0)
    assert run == await store.get_run(answer.id)
    assert (run.state, run.epoch, run.arguments) == (RunState.RUNNING, epoch, {"a": 1})


async def test_it_is_answered_and_told_as_queued_and_then_as_started(work: Committing, epoch: int):
    await work.done(claim(epoch, 3))
    (answer,) = await work.done(starts())
    assert (answer.state, answer.node) == (RunState.QUEUED, None)
    assert [event.type for event in work.events] == ["run.queued", "run.started"]
    assert work.committed[0].due_at is None


async def test_no_more_runs_are_assigned_than_were_offered(work: Committing, epoch: int):
    await work.done(claim(epoch, 3))
    await work.commit(starts(2), starts(2))
    await work.commit(starts(2))
    assert len(assigned_ids(work)) == 3
    assert [fact.due_at is None for fact in work.committed] == [False, False]


async def test_what_the_claim_took_is_not_offered(work: Committing, epoch: int):
    await work.done(starts(2))
    assert len(await work.done(claim(epoch, 3))) == 2
    await work.done(starts(3))
    assert len(assigned_ids(work)) == 1


async def test_a_claim_without_standing_ends_the_offer(work: Committing, epoch: int):
    await work.done(claim(epoch, 3))
    await work.done(claim(epoch, 0, standing=False))
    await work.done(starts())
    assert work.assigned == []


async def test_runs_on_their_way_to_the_executor_count_against_its_next_claim(
    work: Committing, epoch: int
):
    await work.done(claim(epoch, 5))
    await work.done(starts(4))
    assert await work.done(claim(epoch, 5, seen=1)) == ()  # three are on their way
    await work.done(starts(5))
    assert [fact.total for fact in work.assigned] == [4, 6]
    assert len(assigned_ids(work)) == 4 + 2
    assert len(await work.done(claim(epoch, 5, seen=6))) == 3


async def test_what_is_on_its_way_leaves_no_room_for_a_claim(work: Committing, epoch: int):
    await work.done(claim(epoch, 2))
    await work.done(starts(4))
    assert await work.done(claim(epoch, 2, seen=0)) == ()
    assert len(await work.done(claim(epoch, 2, seen=2))) == 2


@pytest.mark.parametrize(
    "new",
    [
        NewRun(job="report", due_at=after(60)),
        NewRun(job="narrow"),
        NewRun(job="report", unique_key="k"),
    ],
    ids=["due later", "of a job with a limit", "with a key"],
)
async def test_it_is_queued_where_more_than_a_free_place_decides(
    work: Committing, store: MemoryStore, epoch: int, new: NewRun
):
    await stored_job(store, "narrow", max_concurrent_runs=1)
    await work.done(StartRuns(runs=(NewRun(job="narrow", due_at=after(60)),)))
    await work.done(claim(epoch, 5))
    (run,) = await work.done(StartRuns(runs=(new,)))
    assert work.assigned == []
    stored = await store.get_run(run.id)
    assert stored is not None
    assert stored.state is RunState.QUEUED


async def test_a_job_that_was_changed_elsewhere_is_seen(
    work: Committing, store: MemoryStore, epoch: int, job: Job
):
    await work.done(claim(epoch, 5))
    async with store.begin() as tx:
        await tx.update_job(replace(job, arguments={"b": 2}))
    (run,) = await work.done(starts())
    assert run.arguments == {"b": 2}
    assert work.assigned == []
    await work.done(starts())
    assert [one.job and one.job.version for one in work.assigned[0].claimed] == [2]


async def test_a_job_that_was_disabled_elsewhere_is_seen(
    work: Committing, store: MemoryStore, epoch: int, job: Job
):
    await work.done(claim(epoch, 5))
    async with store.begin() as tx:
        await tx.update_job(replace(job, disabled=True))
    with pytest.raises(Conflict, match="disabled"):
        await work.done(starts())
    assert work.assigned == []


async def test_a_job_that_was_replaced_here_is_known_at_once(work: Committing, epoch: int):
    await work.done(claim(epoch, 5))
    await work.done(ReplaceJob(job=make_job(arguments={"c": 3})))
    (run,) = await work.done(starts())
    assert run.arguments == {"c": 3}
    assert len(work.assigned) == 1


async def test_nothing_is_assigned_to_a_node_whose_lease_is_over(
    work: Committing, store: MemoryStore, clock: VirtualClock, epoch: int
):
    await work.done(claim(epoch, 5))
    await clock.advance(LEASE.total_seconds() + 1)
    (run,) = await work.done(starts())
    assert work.assigned == []
    assert (await store.get_run(run.id)) == run
    assert work.committed[-1].due_at == run.due_at


class BrokenStore:
    """A store whose cycles are done, and not answered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_broken = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def cycle(self, cycle: Cycle) -> Cycled:
        cycled = await self._store.cycle(cycle)
        if self.is_broken:
            raise StoreUnavailable("the connection was lost")
        return cycled


async def test_h08_a_commit_without_an_answer_ends_the_offer_and_the_executor_is_told(
    store: MemoryStore, clock: VirtualClock, epoch: int
):
    broken: Any = BrokenStore(store)
    work = Committing(broken, clock)
    await work.done(starts())
    assert len(await work.done(claim(epoch, 3))) == 1
    broken.is_broken = True
    with pytest.raises(StoreUnavailable):
        await work.done(starts())
    broken.is_broken = False
    assert work.is_unsure
    await work.done(starts())
    assert work.assigned == []
    assert await work.done(HandBack(epoch=epoch, keep=frozenset({1}), life=LIFE)) == 1


async def test_a_hand_back_keeps_what_is_on_its_way(
    work: Committing, store: MemoryStore, epoch: int
):
    await work.done(claim(epoch, 3))
    await work.done(starts(2))
    first, second = assigned_ids(work)
    back = HandBack(epoch=epoch, keep=frozenset(), seen=1, life=LIFE)
    assert await work.done(back) == 1
    run = await store.get_run(second)
    assert run is not None
    assert run.state is RunState.RUNNING
    handed = await store.get_run(first)
    assert handed is not None
    assert handed.state is RunState.QUEUED


async def test_what_the_executor_did_not_get_is_handed_back_once_it_got_what_came_later(
    work: Committing, store: MemoryStore, epoch: int
):
    """A full mailbox misses a fact."""
    await work.done(claim(epoch, 3))
    await work.done(starts())
    await work.done(starts())
    missed, known = assigned_ids(work)
    seen = work.assigned[1].total
    back = HandBack(epoch=epoch, keep=frozenset({known}), seen=seen, life=LIFE)
    assert await work.done(back) == 1
    (again,) = await work.done(claim(epoch, 3, seen=seen))
    assert again.run.id == missed


async def test_another_life_of_the_executor_gets_back_what_went_to_the_one_before(
    work: Committing, epoch: int
):
    await work.done(claim(epoch, 3))
    await work.done(starts(2))
    assert await work.done(HandBack(epoch=epoch, life=LIFE + 1)) == 2
    assert len(await work.done(claim(epoch, 3, life=LIFE + 1))) == 2
    await work.done(starts(2))
    assert [fact.life for fact in work.assigned] == [LIFE, LIFE + 1]
    assert len(work.assigned[1].claimed) == 1


async def test_a_run_that_was_assigned_ends_like_any_other(
    work: Committing, store: MemoryStore, epoch: int
):
    await work.done(claim(epoch, 3))
    await work.done(starts())
    run: Run = work.assigned[0].claimed[0].run
    ended = EndedRun(run=run, end=make_end(run))
    assert await work.done(EndRuns(ended=(ended,))) == {run.id}
    stored = await store.get_run(run.id)
    assert stored is not None
    assert stored.state is RunState.SUCCEEDED


def test_an_executor_that_has_seen_more_than_was_assigned_met_an_earlier_job_store():
    offer = Offer()
    assert offer.claimable(claim(1, 10, seen=5)) == 10
    offer.make(claim(1, 10, seen=5), 10)
    offer.assign([1, 2])
    assert offer.claimable(claim(1, 10, seen=6)) == 9
