"""Runs whose node died come back apart from each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.recovery import MOST_S, recovers_at

NOW = datetime(2026, 11, 21, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)


def test_after_the_first_crash_a_run_keeps_its_place() -> None:
    assert recovers_at(7, 1, BEFORE, NOW) == BEFORE


@given(run_id=st.integers(1, 2**53 - 1), crashes=st.integers(2, 1000))
def test_after_more_crashes_it_waits_a_bounded_while(run_id: int, crashes: int) -> None:
    waits = recovers_at(run_id, crashes, BEFORE, NOW) - NOW
    assert timedelta() <= waits < timedelta(seconds=min(MOST_S, 2**crashes))


def test_neighbours_part() -> None:
    instants = {recovers_at(run_id, 2, BEFORE, NOW) for run_id in range(1, 101)}
    assert len(instants) == 100
    assert max(instants) - min(instants) > timedelta(seconds=3)


def test_every_node_says_the_same() -> None:
    assert recovers_at(42, 3, BEFORE, NOW) == recovers_at(42, 3, BEFORE, NOW)
