"""The rule that moves a job's bookmark, and the one that resets it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.bookmark import Bookmark, moved, reset
from callboard.domain.run import Run
from callboard.domain.states import ENDED, RunState
from support.factories import NOW, after, make_job, make_run

JOB = replace(make_job(), id=7)


def ended(run_id: int, state: RunState = RunState.SUCCEEDED, **changes: Any) -> Run:
    return make_run(run_id, JOB, state=state, started_at=NOW, ended_at=NOW, **changes)


def walked(*runs: Run) -> Bookmark | None:
    """The bookmark after the ends of the runs."""
    bookmark = None
    for run in runs:
        bookmark = moved(bookmark, run, NOW) or bookmark
    return bookmark


def test_the_first_success_makes_it() -> None:
    assert moved(None, ended(1, result={"day": 3}), NOW) == Bookmark(
        job_id=7, version=1, run=1, run_id=1, value={"day": 3}, at=NOW
    )


def test_a_success_names_the_run_before_it() -> None:
    bookmark = walked(ended(1, result=1), ended(2, result=2))
    assert bookmark is not None
    assert (bookmark.run, bookmark.version, bookmark.value) == (2, 2, 2)
    assert (bookmark.run_id, bookmark.previous_run_id) == (2, 1)


def test_a_failure_counts_an_attempt_and_leaves_it_where_it_stands() -> None:
    bookmark = walked(ended(1, result=1), ended(2, RunState.FAILED), ended(3, RunState.TIMED_OUT))
    assert bookmark == Bookmark(
        job_id=7, version=3, run=1, attempt=2, run_id=1, previous_run_id=None, value=1, at=NOW
    )


def test_what_was_stopped_or_never_began_is_no_attempt() -> None:
    for run in (
        ended(2, RunState.STOPPED),
        ended(2, RunState.ABANDONED),
        replace(ended(2, RunState.FAILED), started_at=None),
    ):
        assert moved(None, run, NOW) is None


def test_a_reset_begins_anew_with_the_next_version() -> None:
    bookmark = walked(ended(1, result=1), ended(2, RunState.FAILED))
    assert bookmark is not None
    assert reset(bookmark, None, after(5)) == Bookmark(
        job_id=7, version=3, previous_run_id=1, at=after(5)
    )


def test_a_rewind_takes_over_what_it_was() -> None:
    first, last = walked(ended(1, result=1)), walked(ended(1), ended(2), ended(3))
    assert first is not None
    assert last is not None
    assert reset(last, first, after(5)) == replace(first, version=4, previous_run_id=3, at=after(5))


@given(states=st.lists(st.sampled_from(sorted(ENDED))))
def test_it_counts_every_end_exactly(states: list[RunState]) -> None:
    bookmark = walked(*(ended(place, state) for place, state in enumerate(states, 1)))
    good = states.count(RunState.SUCCEEDED)
    bad = states.count(RunState.FAILED) + states.count(RunState.TIMED_OUT)
    if not good + bad:
        assert bookmark is None
        return
    assert bookmark is not None
    assert (bookmark.version, bookmark.run, bookmark.attempt) == (good + bad, good, bad)
