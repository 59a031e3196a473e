"""Many runs at once: failed ones tried again, parked ones released."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callboard import Callboard, OverlapPolicy, OverlapPolicyName, RunState, job, on_demand
from callboard.errors import InvalidInput
from callboard.operations.bulk_runs import RUNS_PER_STEP
from callboard.store.contract import RunFilter
from callboard.testing import VirtualClock
from support.boards import all_runs

FAILED = RunFilter(job="flaky")


@job(name="flaky")
async def flaky(fail: bool = True, n: int = 0) -> int:
    if fail:
        raise LookupError("not today")
    return n


async def mended(fail: bool = True, n: int = 0) -> int:
    return n


async def failures(board: Callboard, clock: VirtualClock, count: int) -> list[int]:
    """Ids of so many runs that failed."""
    await board.define(flaky)
    runs = await board.start_many("flaky", [{"n": number} for number in range(count)])
    await clock.settle()
    assert len(await all_runs(board, states=(RunState.FAILED,))) == min(count, 1000)
    return [run.id for run in runs]


async def mend(board: Callboard) -> None:
    board.handlers.register("mended", mended)
    await board.define(flaky, name="flaky")
    job = await board.get_job("default", "flaky")
    await board.replace_job(replace(job, spec={"handler": "mended"}))


async def test_each_failed_run_gets_one_more_attempt(board: Callboard, clock: VirtualClock) -> None:
    ids = await failures(board, clock, 3)
    await mend(board)
    done = await board.retry_runs(FAILED)
    assert (done.count, done.before_id) == (3, None)
    await clock.settle()
    again = [await board.get_run(id) for id in sorted(done.run_ids)]
    assert [(run.previous_run_id, run.attempt, run.state) for run in again] == [
        (id, 2, RunState.SUCCEEDED) for id in ids
    ]


async def test_what_was_tried_again_is_not_tried_twice(
    board: Callboard, clock: VirtualClock
) -> None:
    ids = await failures(board, clock, 3)
    await board.retry_run(ids[1])
    await clock.settle()
    await mend(board)
    dry = await board.retry_runs(FAILED, dry_run=True)
    second = max(run.id for run in await all_runs(board))
    assert set(dry.run_ids) == {ids[0], ids[2], second}
    assert (await board.retry_runs(FAILED)).count == 3
    await clock.settle()
    assert (await board.retry_runs(FAILED)).count == 0


async def test_more_than_one_step_is_done_in_one_call(
    board: Callboard, clock: VirtualClock
) -> None:
    ids = await failures(board, clock, RUNS_PER_STEP * 2 + 7)
    await mend(board)
    first = await board.retry_runs(RunFilter(job="flaky", limit=RUNS_PER_STEP + 1))
    assert first.count == RUNS_PER_STEP + 1
    assert first.before_id is not None
    rest = await board.retry_runs(RunFilter(job="flaky", before_id=first.before_id, limit=1000))
    assert (first.count + rest.count, rest.before_id) == (len(ids), None)


async def test_only_what_the_filter_names_is_tried(board: Callboard, clock: VirtualClock) -> None:
    await failures(board, clock, 2)
    now = clock.now()
    none = (
        RunFilter(job="other"),
        RunFilter(group="other"),
        RunFilter(states=(RunState.TIMED_OUT,)),
        RunFilter(created_from=now + timedelta(hours=1)),
    )
    assert [(await board.retry_runs(filter)).count for filter in none] == [0, 0, 0, 0]
    assert (await board.retry_runs(FAILED, error_type="KeyError", dry_run=True)).count == 0
    assert (await board.retry_runs(FAILED, error_type="LookupError", dry_run=True)).count == 2


async def test_runs_of_a_disabled_job_are_passed_over(
    board: Callboard, clock: VirtualClock
) -> None:
    await failures(board, clock, 2)
    await board.define(flaky, disabled=True)
    assert (await board.retry_runs(FAILED, dry_run=True)).count == 0
    assert (await board.retry_runs(FAILED)).count == 0


async def test_the_overlap_policy_of_a_trigger_is_obeyed(
    board: Callboard, clock: VirtualClock
) -> None:
    await board.define(flaky)
    one = OverlapPolicy(policy=OverlapPolicyName.SKIP)
    await board.schedule("t", on_demand(), "flaky", overlap=one)
    for _ in range(3):
        await board.fire_trigger("default", "t")
        await clock.settle()
    done = await board.retry_runs(RunFilter(trigger="t"))
    assert done.count == 1


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.SUCCEEDED, RunState.PARKED])
async def test_only_ended_runs_without_success_can_be_meant(
    board: Callboard, state: RunState
) -> None:
    with pytest.raises(InvalidInput, match="are not tried again"):
        await board.retry_runs(RunFilter(states=(state,)))


async def test_the_limit_is_bounded(board: Callboard) -> None:
    with pytest.raises(InvalidInput, match="limit"):
        await board.release_runs(RunFilter(limit=100_000))
