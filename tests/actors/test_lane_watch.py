"""Limited runs that are shut out do not hold up the plain ones, and are not forgotten."""

from __future__ import annotations

from callboard import Callboard, Queue, RunState, job
from callboard.changes.lane_watch import SHUT_S, LaneWatch
from callboard.commands import ClaimedRun
from callboard.domain.run_terms import RunTerms
from callboard.testing import VirtualClock
from support.factories import make_job, make_run

PLAIN = ClaimedRun(make_run(1, make_job()), make_job(), 0)
TERMS = ClaimedRun(make_run(2, make_job(), terms=RunTerms(priority=1)), make_job(), 0)
LIMITED = ClaimedRun(make_run(3, make_job()), make_job(max_concurrent_runs=1), 0)


def test_it_is_shut_for_a_moment_after_a_claim_that_got_nothing_limited() -> None:
    watch = LaneWatch()
    assert not watch.is_shut(0)
    watch.claimed([PLAIN], 2, 10)
    assert watch.is_shut(10 + SHUT_S / 2)
    assert not watch.is_shut(10 + SHUT_S)
    watch.claimed([PLAIN], 2, 10)
    watch.open()
    assert not watch.is_shut(10)


def test_a_claim_that_was_filled_by_plain_runs_says_nothing() -> None:
    watch = LaneWatch()
    watch.claimed([PLAIN], 1, 10)
    assert not watch.is_shut(10)


def test_the_end_of_a_limited_run_opens_it() -> None:
    for limited in (TERMS, LIMITED):
        watch = LaneWatch()
        watch.claimed([limited], 9, 10)
        assert not watch.is_shut(10)
        watch.claimed([PLAIN], 9, 10)
        watch.ended([PLAIN.run.id])
        assert watch.is_shut(10)
        watch.ended([limited.run.id])
        assert not watch.is_shut(10)


async def test_among_plain_runs_a_limited_one_begins_when_there_is_room(
    board: Callboard, clock: VirtualClock
) -> None:
    @job(name="plain")
    async def plain() -> None:
        await clock.sleep_until(clock.monotonic() + 0.01)

    @job(name="limited", queue="q")
    async def limited() -> None:
        await clock.sleep_until(clock.monotonic() + 0.2)

    await board.create_queue(Queue(name="q", capacity=1))
    await board.define(plain)
    await board.define(limited)
    runs = [await board.start("limited") for _ in range(5)]
    for _ in range(60):
        await board.start("plain")
        await clock.advance(0.02)
    states = [(await board.get_run(run.id)).state for run in runs]
    assert states == [RunState.SUCCEEDED] * 5
