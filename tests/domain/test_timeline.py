"""Where another clock stands, as far as readings tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.timeline import Timeline, timeline_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=3)
"""What rounding may cost."""

seconds = st.floats(0.001, 3600, allow_nan=False)
waits = st.floats(0, 5, allow_nan=False)


def read(true: datetime, at: float, *, before: float = 0.0, after: float = 0.0) -> Timeline:
    """A reading that was answered at `at`, of a clock that showed `true` at 0."""
    shown = true + timedelta(seconds=at - after)
    return timeline_of(shown, asked_at=at - after - before, answered_at=at)


def test_an_exact_reading_is_carried_on_by_the_monotonic_clock():
    line = read(NOON, 10.0)
    assert line.now(70.0) == NOON + timedelta(seconds=70)


def test_a_slow_answer_is_believed_only_as_far_as_it_goes():
    line = read(NOON, 10.0, before=1.0, after=2.0)
    assert line.earliest == NOON + timedelta(seconds=8)
    assert line.latest == NOON + timedelta(seconds=11)


@given(st.lists(st.tuples(seconds, waits, waits), min_size=1, max_size=20))
def test_t04_who_goes_by_it_is_never_ahead_of_the_clock(readings):
    at, line = 0.0, None
    for gap, before, after in readings:
        at += gap + before + after
        reading = read(NOON, at, before=before, after=after)
        assert line is None or line.step_to(reading) == 0.0
        line = reading if line is None else line.after(reading)
        assert line.now(at) <= NOON + timedelta(seconds=at) + TICK
        assert line.latest >= NOON + timedelta(seconds=at) - TICK


@given(seconds, waits, waits, st.floats(20, 1e6), st.sampled_from([-1, 1]))
def test_a_step_beyond_doubt_is_measured_within_the_doubt(gap, before, after, size, sign):
    line = read(NOON, 0.0)
    stepped = NOON + timedelta(seconds=sign * size)
    reading = read(stepped, gap + before + after, before=before, after=after)
    found = line.step_to(reading)
    assert found * sign > 0
    assert abs(abs(found) - size) <= before + after + 0.002 * (gap + 10)
    assert line.after(reading) == reading


@given(seconds, st.floats(-0.00005, 0.00005))
def test_two_clocks_in_order_drift_without_a_step(gap, drift):
    line = read(NOON, 0.0)
    assert line.step_to(read(NOON + timedelta(seconds=gap * drift), gap)) == 0.0


def test_a_clock_that_is_ahead_is_so_by_what_the_bounds_do_not_allow():
    store, node = read(NOON, 5.0, before=1.0), read(NOON + timedelta(seconds=30), 6.0)
    assert node.ahead_of(store) == 29.0
    assert store.ahead_of(node) == -29.0
    assert store.ahead_of(read(NOON, 7.0)) == 0.0
