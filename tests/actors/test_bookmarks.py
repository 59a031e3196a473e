"""Bookmarks of a board: what moves them, and how they are read and reset."""

from __future__ import annotations

from typing import Any

import pytest

from callboard import Callboard, NewRun, RunState
from callboard.domain.bookmark import Bookmark
from callboard.domain.bookmark_rule import BookmarkRule
from callboard.domain.job import Job, RetryPolicy
from callboard.errors import NotFound
from callboard.testing import VirtualClock

RULE = BookmarkRule(argument="mode", equals="on")


async def load(value: Any = None, mode: str = "", fails: bool = False) -> Any:
    if fails:
        raise ValueError("no")
    return value


@pytest.fixture(autouse=True)
async def stored(board: Callboard) -> Job:
    board.handlers.register("load", load)
    return await board.create_job(
        Job(
            name="load",
            kind="python",
            spec={"handler": "load"},
            arguments={"mode": "on"},
            bookmark=RULE,
        )
    )


async def ran(board: Callboard, clock: VirtualClock, **arguments: Any) -> int:
    """A run that has ended; its id."""
    (run,) = await board.start_runs([NewRun(job="load", arguments=arguments)])
    await clock.settle()
    assert (await board.get_run(run.id)).has_ended
    return run.id


async def got(board: Callboard, **which: Any) -> Bookmark:
    bookmark = await board.get_bookmark("default", "load", **which)
    assert bookmark is not None
    return bookmark


async def test_a_success_moves_it_to_the_result(board: Callboard, clock: VirtualClock) -> None:
    assert await board.get_bookmark("default", "load") is None
    first = await ran(board, clock, value={"until": 5})
    bookmark = await got(board)
    assert (bookmark.run, bookmark.run_id, bookmark.value) == (1, first, {"until": 5})


async def test_a_run_with_another_argument_leaves_it_alone(
    board: Callboard, clock: VirtualClock
) -> None:
    await ran(board, clock, mode="pause")
    assert await board.get_bookmark("default", "load") is None


async def test_a_failure_counts_and_moves_nothing(board: Callboard, clock: VirtualClock) -> None:
    first = await ran(board, clock, value=1)
    await ran(board, clock, value=2, fails=True)
    bookmark = await got(board)
    assert (bookmark.run_id, bookmark.value) == (first, 1)
    assert (bookmark.run, bookmark.attempt, bookmark.version) == (1, 1, 2)


async def test_each_attempt_that_failed_counts(board: Callboard, clock: VirtualClock) -> None:
    job = await board.get_job("default", "load")
    again = RetryPolicy(max_attempts=3, initial_s=1)
    await board.replace_job(
        Job(
            name="load",
            kind="python",
            spec=job.spec,
            arguments=job.arguments,
            bookmark=RULE,
            retry=again,
        )
    )
    (run,) = await board.start_runs([NewRun(job="load", arguments={"fails": True})])
    await clock.advance(60)
    assert (await board.get_run(run.id)).state is RunState.FAILED
    bookmark = await got(board)
    assert (bookmark.run, bookmark.attempt, bookmark.version) == (0, 3, 3)


async def test_a_reset_starts_over_and_a_rewind_goes_back(
    board: Callboard, clock: VirtualClock
) -> None:
    first = await ran(board, clock, value=1)
    await ran(board, clock, value=2)
    anew = await board.reset_bookmark("default", "load")
    assert (anew.run, anew.attempt, anew.run_id, anew.value, anew.version) == (0, 0, None, None, 3)
    back = await board.reset_bookmark("default", "load", run_id=first)
    assert (back.run, back.run_id, back.value, back.version) == (1, first, 1, 4)
    assert await got(board) == back
    assert (await got(board, run_id=first)).version == 4


async def test_what_is_not_there_cannot_be_reset(board: Callboard, clock: VirtualClock) -> None:
    for group, job in (("default", "load"), ("default", "none"), ("other", "load")):
        with pytest.raises(NotFound):
            await board.reset_bookmark(group, job)
    with pytest.raises(NotFound):
        await board.get_bookmark("other", "load")
    first = await ran(board, clock)
    with pytest.raises(NotFound):
        await board.reset_bookmark("default", "load", run_id=first + 1)
    assert (await got(board)).version == 1


async def test_it_goes_with_its_job(board: Callboard, clock: VirtualClock, stored: Job) -> None:
    await ran(board, clock)
    await board.delete_job("default", "load")
    again = await board.create_job(Job(name="load", kind="python", spec=stored.spec, bookmark=RULE))
    assert again.id != stored.id
    assert await board.get_bookmark("default", "load") is None
