"""The sliding window of rates: never more than allowed, hardly less, healed by itself (R09)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.limits import RateLimit
from callboard.domain.rate_window import (
    SLICES,
    RateWindow,
    window_from_json,
    window_to_json,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = st.builds(
    RateLimit,
    runs=st.integers(1, 200),
    per_s=st.sampled_from([0.1, 1.0, 1 / 3, 60.0, 86_400.0]),
)
STEPS = st.lists(st.tuples(st.floats(0, 1.2), st.integers(0, 120)), min_size=1, max_size=120)
"""Time that passes, in stretches, and how many want to begin then."""


def stepped(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def taken(limit: RateLimit, instants: list[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    """What begins when so many want to at those instants."""
    window, begun = RateWindow(), []
    for instant, wanted in instants:
        count = min(wanted, window.room(limit, instant))
        window = window.with_more(count, limit, instant)
        begun.append((instant, count))
        assert len(window.marks) <= SLICES + 2
    return begun


@given(limit=LIMITS, steps=STEPS)
def test_no_stretch_of_time_ever_holds_more_than_the_limit(
    limit: RateLimit, steps: list[tuple[float, int]]
) -> None:
    at, instants = 0.0, []
    for passed, wanted in steps:
        at += passed * limit.per_s
        instants.append((stepped(at), wanted))
    begun = taken(limit, instants)
    stretch = timedelta(seconds=limit.per_s)
    for first, _ in begun:
        within = sum(count for instant, count in begun if first <= instant < first + stretch)
        assert within <= limit.runs


@given(
    limit=LIMITS,
    jumps=st.lists(st.tuples(st.floats(-3, 3), st.integers(0, 50)), min_size=1, max_size=50),
)
def test_it_holds_for_clocks_that_lag_behind_each_other(
    limit: RateLimit, jumps: list[tuple[float, int]]
) -> None:
    """Transactions that began earlier come later; nothing is granted before the last mark."""
    window, at, begun = RateWindow(), 0.0, list[tuple[datetime, int]]()
    for jump, wanted in jumps:
        at += max(0.0, jump) * limit.per_s / 10
        instant = stepped(at + min(0.0, jump) * limit.per_s / 10)
        count = min(wanted, window.room(limit, instant))
        window = window.with_more(count, limit, instant)
        begun.append((instant, count))
    stretch = timedelta(seconds=limit.per_s)
    for first, _ in begun:
        within = sum(count for instant, count in begun if first <= instant < first + stretch)
        assert within <= limit.runs


def test_a_backlog_uses_at_least_95_percent() -> None:
    """R09: one wants to begin every few milliseconds, for ten stretches."""
    for limit in (RateLimit(runs=10, per_s=60), RateLimit(runs=1000, per_s=60)):
        begun = taken(limit, [(stepped(n * 0.037), 3) for n in range(round(600 / 0.037))])
        assert sum(count for _, count in begun) >= 0.95 * limit.runs * 10


def test_few_starts_come_back_to_the_microsecond() -> None:
    limit = RateLimit(runs=2, per_s=10)
    window = RateWindow().with_more(1, limit, NOW).with_more(1, limit, stepped(5))
    assert window.room(limit, stepped(9.999999)) == 0
    assert window.opens_at(limit, stepped(6)) == stepped(10)
    assert window.room(limit, stepped(10)) == 1
    assert window.opens_at(limit, stepped(10)) is None


@given(limit=LIMITS, steps=STEPS)
def test_there_is_room_when_it_opens_and_none_before(
    limit: RateLimit, steps: list[tuple[float, int]]
) -> None:
    window, at = RateWindow(), 0.0
    for passed, wanted in steps:
        at += passed * limit.per_s
        now = stepped(at)
        count = min(wanted, window.room(limit, now))
        window = window.with_more(count, limit, now)
        opens_at = window.opens_at(limit, now)
        if opens_at is None:
            assert window.room(limit, now) > 0
        else:
            assert opens_at > now
            assert window.room(limit, opens_at) > 0
            assert window.room(limit, opens_at - timedelta(microseconds=1)) == 0


def test_a_clock_that_was_set_back_does_not_close_it_for_long() -> None:
    limit = RateLimit(runs=1, per_s=10)
    window = RateWindow().with_more(1, limit, stepped(3600))
    assert window.room(limit, NOW) == 1
    assert window.room(limit, stepped(3595)) == 0


def test_what_is_taken_of_a_full_window_by_a_lower_limit_is_nothing() -> None:
    window = RateWindow().with_more(10, RateLimit(runs=10, per_s=10), NOW)
    lower = RateLimit(runs=3, per_s=10)
    assert window.room(lower, stepped(1)) == 0
    assert window.opens_at(lower, stepped(1)) == stepped(10)


@given(limit=LIMITS, steps=STEPS)
def test_it_survives_being_stored(limit: RateLimit, steps: list[tuple[float, int]]) -> None:
    window, at = RateWindow(), 0.0
    for passed, wanted in steps:
        at += passed * limit.per_s
        window = window.with_more(wanted, limit, stepped(at))
    stored = orjson.loads(orjson.dumps(window_to_json(window)))
    assert window_from_json(stored) == window
