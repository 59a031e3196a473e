"""What a node tells late of a run that it has handed back and claimed again under its epoch."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from callboard.commands import Change, EndedRun, EndRuns, HandBack, ParkRun, SnoozeRun
from callboard.domain.limits import RateLimit
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState
from callboard.store.contract import RunFilter, Store
from callboard.testing import VirtualClock
from support.committing import Committing
from support.factories import (
    claimed_runs,
    make_chunk,
    make_end,
    running_run,
    stored_job,
    stored_node,
    the_run,
)

ERROR = RunError(type="ConnectionError", message="refused")
BUDGET = RateLimit(runs=1, per_s=600)


async def twice_claimed(store: Store, clock: VirtualClock) -> tuple[Run, Run]:
    """A run as the node claimed it first, and as it holds it now."""
    node = await stored_node(store)
    earlier = await running_run(store, await stored_job(store), node)
    await Committing(store, clock).done(HandBack(epoch=node.epoch))
    await clock.advance(0.000001)
    (now,) = await claimed_runs(store, node)
    assert (now.id, now.epoch) == (earlier.id, earlier.epoch)
    return earlier, now


def ended(run: Run) -> EndRuns:
    log = (make_chunk(run.id, 1, 2),)
    return EndRuns(ended=(EndedRun(run=run, end=make_end(run), log=log),))


def failed(run: Run) -> EndRuns:
    end = make_end(run, RunState.FAILED, error=ERROR)
    return EndRuns(ended=(EndedRun(run=run, end=end, retry_after_s=5.0, budget=BUDGET),))


def parked(run: Run) -> ParkRun:
    return ParkRun(run_id=run.id, epoch=run.epoch or 0, started_at=run.started_at, error=ERROR)


def snoozed(run: Run) -> SnoozeRun:
    return SnoozeRun(run_id=run.id, epoch=run.epoch or 0, started_at=run.started_at, after_s=9.0)


TELLINGS = [
    (ended, RunState.SUCCEEDED),
    (failed, RunState.FAILED),
    (parked, RunState.PARKED),
    (snoozed, RunState.QUEUED),
]


@pytest.mark.parametrize(("tell", "state"), TELLINGS)
async def test_what_is_told_of_an_earlier_claim_changes_nothing(
    store: Store, clock: VirtualClock, tell: Callable[[Run], Change], state: RunState
) -> None:
    earlier, now = await twice_claimed(store, clock)
    node = Committing(store, clock)
    assert not await node.done(tell(earlier))
    assert await store.list_runs(RunFilter()) == [now]
    assert await store.read_log(now.id, after=0, limit=9) == []
    assert await node.done(tell(now))
    assert (await the_run(store, now.id)).state is state


async def test_a_late_failure_takes_nothing_of_the_retry_budget(
    store: Store, clock: VirtualClock
) -> None:
    earlier, now = await twice_claimed(store, clock)
    node = Committing(store, clock)
    await node.done(failed(earlier))
    await node.done(failed(now))
    assert {run.attempt for run in await store.list_runs(RunFilter())} == {1, 2}
