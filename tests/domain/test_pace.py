"""How far a node claims ahead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.pace import Pace

LIMIT = 2000


def steady(per_s: float, *, seconds: float = 2.0, window_s: float = 0.1) -> Pace:
    """The pace after so many seconds of so many ends a second, told every 10 ms."""
    pace = Pace(window_s)
    for step in range(int(seconds / 0.01)):
        pace = pace.after(int(per_s * 0.01), step * 0.01)
    return pace


def test_a_node_that_has_done_nothing_claims_nothing_ahead() -> None:
    assert Pace(0.1).ahead(100, limit=LIMIT) == 0


def test_as_much_is_claimed_ahead_as_ends_in_the_window_beyond_the_places() -> None:
    assert steady(10_000).ahead(100, limit=LIMIT) == pytest.approx(900, rel=0.1)


def test_runs_longer_than_the_window_are_not_claimed_ahead() -> None:
    assert steady(900).ahead(100, limit=LIMIT) == 0


def test_all_places_becoming_free_at_once_is_no_pace() -> None:
    assert Pace(0.1).after(100, 10.0).ahead(100, limit=LIMIT) == 0


def test_the_limit_holds() -> None:
    assert steady(1_000_000).ahead(100, limit=LIMIT) == LIMIT


def test_a_pace_fades() -> None:
    assert steady(10_000).after(0, 3.0).ahead(100, limit=LIMIT) == 0


def test_a_pace_that_misled_begins_anew() -> None:
    assert steady(10_000).restarted(2.0).ahead(100, limit=LIMIT) == 0


def test_without_a_window_nothing_is_claimed_ahead() -> None:
    assert steady(100_000, window_s=0.0).ahead(1, limit=LIMIT) == 0


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(0, 10)), max_size=30))
def test_no_clock_makes_it_negative_or_more_than_what_ended(
    steps: list[tuple[int, float]],
) -> None:
    pace = Pace(0.1)
    for count, now in steps:
        pace = pace.after(count, now)
    assert 0 <= pace.ahead(0, limit=10**9) <= sum(count for count, _ in steps)
