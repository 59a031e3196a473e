"""Where a claim begins to look: mostly at its frontier, now and then further back (H13)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from callboard.domain.claim_window import (
    LONGEST_REST_S,
    MARGIN,
    SCAN_EVERY_S,
    SWEEP,
    ClaimWindow,
)
from callboard.domain.run import Run
from support.factories import NOW, after, make_job, make_run

JOB = make_job()


def runs(*seconds: float) -> list[Run]:
    return [make_run(n, JOB, due_at=after(due)) for n, due in enumerate(seconds, 1)]


def claimed(
    window: ClaimWindow,
    found: Sequence[Run],
    *,
    now: datetime = NOW,
    at: float = 0.0,
    took: float = 0.0,
    limit: int = 2,
) -> ClaimWindow:
    return window.claimed(found, limit=limit, now=now, began=at, ended=at + took)


def test_the_first_claim_looks_at_everything():
    assert ClaimWindow().due_from(0.0) is None


def test_the_next_one_begins_a_little_before_the_last_run_that_was_claimed():
    window = claimed(ClaimWindow(), runs(-9, -8), now=NOW)
    assert window.due_from(0.5) == after(-8) - MARGIN


def test_a_claim_that_took_all_there_was_moves_on_to_the_present():
    window = claimed(ClaimWindow(), runs(-9), now=NOW)
    assert window.due_from(0.5) == NOW - MARGIN


def test_once_a_second_it_looks_half_a_minute_back():
    window = claimed(ClaimWindow(), runs(-9), now=NOW)
    assert window.due_from(1.0) == NOW - SWEEP
    window = claimed(window, [], now=after(1), at=1.0)
    assert window.due_from(1.5) == after(1) - MARGIN
    assert window.due_from(2.0) == after(1) - SWEEP


def test_every_half_minute_it_looks_at_everything():
    window = claimed(ClaimWindow(), [])
    assert window.due_from(SCAN_EVERY_S) is None


def test_a_run_that_is_queued_behind_the_frontier_moves_it_back():
    window = claimed(ClaimWindow(), [], now=NOW)
    assert window.queued(after(-60)).due_from(0.5) == after(-60) - MARGIN
    assert window.queued(after(60)) == window


def test_a_hint_of_another_node_makes_it_look_at_everything_once():
    window = claimed(ClaimWindow(), []).hinted()
    assert window.due_from(0.1) is None
    assert claimed(window, [], at=0.1).due_from(0.2) is not None


def test_dear_looks_at_everything_take_a_twentieth_of_the_time_at_the_most():
    window = claimed(ClaimWindow(), [], took=0.1).hinted()
    assert window.due_from(2.0) is not None
    assert window.due_from(2.2) is None


def test_dear_looks_half_a_minute_back_take_a_twentieth_of_the_time_at_the_most():
    window = claimed(claimed(ClaimWindow(), []), [], at=1.0, took=0.1)
    assert window.due_from(3.0) == NOW - MARGIN
    assert window.due_from(3.2) == NOW - SWEEP


def test_a_node_that_stood_still_over_a_look_looks_at_everything_soon_all_the_same():
    """A process that is stopped in the middle of a claim, and wakes up an hour later."""
    window = claimed(ClaimWindow(), [], took=3600.0)
    assert window.due_from(3600.0 + LONGEST_REST_S) == NOW - SWEEP
    assert window.hinted().due_from(3600.0 + LONGEST_REST_S) is None
    assert window.due_from(3600.0 + SCAN_EVERY_S) is None


def test_a_node_that_stood_still_over_a_look_half_a_minute_back_takes_the_next_one_soon():
    window = claimed(claimed(ClaimWindow(), []), [], at=1.0, took=4.0)
    assert window.due_from(5.0 + LONGEST_REST_S) == NOW - SWEEP


def test_a_sweep_that_finds_more_than_it_may_take_goes_on_there():
    window = claimed(ClaimWindow(), [], now=NOW)
    window = claimed(window, runs(-29, -28), now=after(1), at=1.0)
    assert window.due_from(1.1) == after(-28) - MARGIN
